"""The `Counters` port in memory, in a file of several processes, and on a real server that goes away and comes back."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.limits import PATIENCE, PAUSE, BoundedMemory, WorkersFile, in_memory, of_workers, on_server
from application.ports import Counters
from tests.serving import PROJECT
from tests.valkey import Server


@pytest.fixture(params=["memory", "file", "server"])
async def counters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counters]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield in_memory()
        return
    if request.param == "file":
        file = of_workers(tmp_path / "counters")
        yield file
        assert (tmp_path / "counters").exists(), "it was the file that counted"
        await file.close()
        return
    server: Server = request.getfixturevalue("valkey_server")
    found = on_server(server.url)
    yield found
    assert server.client().dbsize() > 0, "it was the server that counted"
    await found.close()


async def test_numbers_go_up_each_for_itself(counters: Counters) -> None:
    assert [await counters.add("a", 1, 60) for _ in range(3)] == [1, 2, 3]
    assert await counters.add("a", 10, 60) == 13
    assert await counters.add("b", 5, 60) == 5
    assert await counters.add("b", -1, 60) == 4


async def test_of_many_at_once_none_is_lost(counters: Counters) -> None:
    found = await asyncio.gather(*(counters.add("a", 1, 60) for _ in range(200)))
    assert sorted(found) == list(range(1, 201))


async def test_the_first_amount_decides_when_a_number_is_forgotten(counters: Counters) -> None:
    await counters.add("kept", 1, 60)
    await counters.add("a", 1, 1)
    await counters.add("a", 1, 500)
    assert await counters.left("a") == 1
    for _ in range(100):
        if not await counters.left("a"):
            break
        await asyncio.sleep(0.05)
    assert await counters.add("a", 1, 7) == 1
    assert await counters.left("a") in (6, 7)


async def test_what_is_not_there_has_no_time_left(counters: Counters) -> None:
    await counters.add("kept", 1, 60)
    assert await counters.left("a") == 0
    await counters.forget("a")


async def test_what_is_forgotten_begins_again(counters: Counters) -> None:
    for key in ("a", "b", "c"):
        await counters.add(key, 3, 60)
    await counters.forget("a", "b")
    assert [await counters.add(key, 1, 60) for key in ("a", "b", "c")] == [1, 1, 4]


async def test_memory_is_bounded_and_each_step_costs_the_same() -> None:
    clock = SimpleNamespace(now=1000.0)
    memory = BoundedMemory(lambda: clock.now, largest=3)
    for key in "abcd":
        await memory.incr(key, 10)
    assert [await memory.get(key) for key in "abcd"] == [0, 1, 1, 1], "the first one makes room"
    clock.now += 10
    assert await memory.incr("b", 5) == 1
    assert await memory.get_expiry("b") == clock.now + 5


async def test_a_file_is_bounded(tmp_path: Path) -> None:
    clock = SimpleNamespace(now=1000.0)
    file = WorkersFile(tmp_path / "counters", lambda: clock.now, largest=3)
    for key in "abcdef":
        await file.incr(key, 10)
    assert [await file.get(key) for key in "abcdef"] == [0, 0, 0, 1, 1, 1], "those that came first make room"
    clock.now += 10
    assert await file.incr("f", 5) == 1
    assert await file.get_expiry("f") == clock.now + 5
    file.close()


async def test_processes_with_one_file_count_together(tmp_path: Path) -> None:
    """Also where they begin at the same moment."""
    code = (
        "import asyncio, sys, pathlib; from adapters.limits import of_workers\n"
        "async def count():\n"
        "    counters = of_workers(pathlib.Path(sys.argv[1]))\n"
        "    print(*[await counters.add('a', 1, 600) for _ in range(300)])\n"
        "asyncio.run(count())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "counters")]
    processes = [
        await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE) for _ in range(3)
    ]
    said = [(await process.communicate())[0] for process in processes]
    assert sorted(int(number) for numbers in said for number in numbers.split()) == list(range(1, 901))


async def test_a_file_that_cannot_be_used_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counters = of_workers(tmp_path / "no folder" / "counters")
    assert [await counters.add("a", 1, 60) for _ in range(3)] == [1, 2, 3]
    assert changes(caplog) == ["away"]
    await counters.close()


# --- the server goes away ------------------------------------------------------------------


def changes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [word for record in caplog.records for word in ("away", "back") if word in record.getMessage()]


async def answered(counters: Counters, key: str) -> tuple[int, float]:
    """The number, and how long it took."""
    begun = time.monotonic()
    return await counters.add(key, 1, 60), time.monotonic() - begun


async def test_a_server_that_is_killed_is_done_without_and_used_again_when_it_is_back(
    valkey_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "freehold.limits")
    counters = on_server(valkey_server.url)
    assert await counters.add("a", 7, 60) == 7
    valkey_server.kill()
    found = await asyncio.gather(*(counters.add("a", 1, 60) for _ in range(50)))
    assert sorted(found) == list(range(1, 51)), "counted in memory, from nothing"
    assert changes(caplog) == ["away"], "said once"
    valkey_server.start()
    for number in count(51):
        if await counters.add("a", 1, 60) != number:
            break
        assert number < 2000, "it is not used again"
        await asyncio.sleep(0.01)
    assert valkey_server.client().dbsize() == 1
    assert changes(caplog) == ["away", "back"]
    assert valkey_server.url not in caplog.text
    await counters.close()


async def test_a_server_that_hangs_holds_up_one_request_and_not_for_long(
    valkey_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "freehold.limits")
    counters = on_server(valkey_server.url)
    await counters.add("a", 1, 60)
    valkey_server.hang()
    number, seconds = await answered(counters, "a")
    assert number == 1
    assert PATIENCE / 2 < seconds < 4 * PATIENCE
    for _ in range(20):
        number, seconds = await answered(counters, "a")
        assert seconds < PATIENCE / 2, f"the server is left alone for {PAUSE} s"
    assert changes(caplog) == ["away"]
    await counters.close()


async def test_a_server_that_was_never_there_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    counters = on_server("redis://:a-password@127.0.0.1:1/0")
    assert [await counters.add("a", 1, 60) for _ in range(3)] == [1, 2, 3]
    assert await counters.left("a") in (59, 60)
    assert changes(caplog) == ["away"]
    assert "a-password" not in caplog.text
    await counters.close()
