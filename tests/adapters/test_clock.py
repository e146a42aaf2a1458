"""The time, and identifiers that sort by it."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from adapters import clock
from adapters.clock import SystemClock, UuidV7


def test_the_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_ids_are_uuids_of_version_7_with_the_time_in_them() -> None:
    before = time.time_ns() // 1_000_000
    made = UuidV7().new()
    parsed = uuid.UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_grow_also_across_threads() -> None:
    ids = UuidV7()
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda _: [ids.new() for _ in range(5_000)], range(8)))
    assert all(run == sorted(run) for run in runs)
    assert len({made for run in runs for made in run}) == 40_000


@pytest.mark.parametrize("times", [[5, 5, 5], [5, 4, 3], [5, 5, 6]])
def test_ids_grow_while_the_clock_stands_still_or_runs_backwards(
    monkeypatch: pytest.MonkeyPatch, times: list[int]
) -> None:
    moments = iter(times)
    monkeypatch.setattr(clock.time, "time_ns", lambda: next(moments) * 1_000_000)
    ids = UuidV7()
    made = [ids.new() for _ in times]
    assert made == sorted(set(made))


def test_when_the_random_bits_are_used_up_the_next_millisecond_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock.time, "time_ns", lambda: 5_000_000)
    ids = UuidV7()
    first = ids.new()
    ids._random = (1 << 74) - 1
    second = uuid.UUID(ids.new())
    assert str(second) > first
    assert (second.int >> 80, second.version, second.variant) == (6, 7, uuid.RFC_4122)
