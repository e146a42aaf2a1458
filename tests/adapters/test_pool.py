"""Which connections a process uses, and who waits for one: `adapters.persistence.sql.pool`."""

import asyncio
from typing import Any

import pytest

from adapters.persistence.sql import pool as pools
from adapters.persistence.sql.pool import FEW, Limits, Pool
from domain.errors import Unavailable

SIZE = FEW + 2
NEVER = 3600.0
"""seconds that no test waits"""


class _Connection:
    closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - the driver's
        self.closed = True


class _Pool(Pool):
    """Of connections that lead nowhere."""

    refusing = False

    async def _connect(self) -> Any:
        await asyncio.sleep(0)
        if self.refusing:
            raise Unavailable
        return _Connection()


def _pool(size: int = SIZE, wait: float = 5.0) -> _Pool:
    return _Pool("postgresql://nobody@nowhere/nothing", Limits(size=size, wait=wait))


async def _taken(pool: Pool, count: int) -> list[Any]:
    return [await pool.take() for _ in range(count)]


async def _waiting(pool: Pool) -> "asyncio.Task[Any]":
    """One who comes when the few are busy, and is in line."""
    task = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    assert pool.use.waiting
    return task


def test_only_a_few_are_used_while_answers_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE", NEVER)

    async def scenario() -> None:
        pool = _pool()
        taken = await _taken(pool, FEW)
        next_one = await _waiting(pool)
        assert (pool.use.busy, pool.use.idle, pool.use.waiting) == (FEW, 0, 1)
        pool.give(taken[0])
        assert await next_one is taken[0]

    asyncio.run(scenario())


def test_more_are_used_when_somebody_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE", 0.0)

    async def scenario() -> None:
        pool = _pool()
        taken = await _taken(pool, SIZE)
        assert len({*map(id, taken)}) == SIZE
        assert (pool.use.busy, pool.use.idle) == (SIZE, 0)

    asyncio.run(scenario())


def test_more_are_used_no_longer_than_somebody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        pool = _pool()
        monkeypatch.setattr(pools, "GRACE", 0.0)
        taken = await _taken(pool, SIZE)
        monkeypatch.setattr(pools, "GRACE", NEVER)
        next_one = await _waiting(pool)
        for connection in taken[FEW:]:
            pool.give(connection)
        assert (pool.use.busy, pool.use.idle, pool.use.waiting) == (FEW, SIZE - FEW, 1)
        pool.give(taken[0])
        assert await next_one is taken[0]

    asyncio.run(scenario())


def test_who_has_waited_is_served_by_one_that_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        pool = _pool()
        monkeypatch.setattr(pools, "GRACE", 0.0)
        taken = await _taken(pool, FEW + 1)
        pool.give(taken[FEW])
        monkeypatch.setattr(pools, "GRACE", 0.001)
        assert await pool.take() is taken[FEW]

    asyncio.run(scenario())


def test_more_than_its_size_are_never_open_and_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE", 0.001)

    async def scenario() -> None:
        pool = _pool(wait=0.05)
        await _taken(pool, SIZE)
        with pytest.raises(Unavailable):
            await pool.take()
        assert (pool.use.busy, pool.use.idle) == (SIZE, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [1, FEW, SIZE])
def test_nobody_is_forgotten_whoever_leaves_the_line_and_whatever_closes(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Many come and go at once; some are cancelled, some connections end. Then all are free again."""
    monkeypatch.setattr(pools, "GRACE", 0.002)

    async def scenario() -> None:
        pool = _pool(size, wait=30.0)

        async def work(number: int) -> None:
            connection = await pool.take()
            assert pool.use.busy <= size
            try:
                await asyncio.sleep(0.001 * (number % 3))
            finally:
                if number % 7 == 0:
                    connection.terminate()
                pool.give(connection)

        tasks = [asyncio.create_task(work(number)) for number in range(300)]
        for number, task in enumerate(tasks):
            if number % 5 == 0:
                await asyncio.sleep(0)
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended if each is not None} <= {asyncio.CancelledError}
        assert pool.use.busy == 0
        assert len(await asyncio.wait_for(_taken(pool, size), 5)) == size

    asyncio.run(scenario())


def test_a_connection_that_cannot_be_opened_leaves_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE", 0.0)

    async def scenario() -> None:
        pool = _pool()
        pool.refusing = True
        for _ in range(SIZE + 1):
            with pytest.raises(Unavailable):
                await pool.take()
        pool.refusing = False
        assert len(await _taken(pool, SIZE)) == SIZE

    asyncio.run(scenario())


def test_a_pool_that_is_closed_refuses_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "GRACE", NEVER)

    async def scenario() -> None:
        pool = _pool()
        taken = await _taken(pool, FEW)
        next_one = await _waiting(pool)
        await pool.close()
        with pytest.raises(Unavailable):
            await next_one
        for connection in taken:
            pool.give(connection)
        assert all(connection.closed for connection in taken)
        assert (pool.use.busy, pool.use.idle) == (0, 0)

    asyncio.run(scenario())
