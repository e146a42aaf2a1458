"""Counters for throttles on storages of the library `limits`: in this process, in its workers' file, on a server.

The library's own storage in memory looks through all of its keys at each step and is not bounded: ours are storages
for the library that do neither.
"""

import asyncio
import logging
import math
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from limits.aio.storage import RedisStorage, Storage
from valkey.exceptions import ValkeyError

log = logging.getLogger("freehold.limits")

SCHEMES = {"redis": "valkey", "rediss": "valkeys", "valkey": "valkey", "valkeys": "valkeys"}
"""how a server's URL begins, and what the client calls that; with a second `s`, TLS"""
LARGEST = 100_000
"""numbers that are kept in a process or in its workers' file; beyond, those that came first are forgotten"""
SWEPT = 1000
"""numbers after which a process looks for what is to be forgotten in the file"""
PATIENCE = 0.25
"""seconds that the server may take to accept a connection, or to answer; or another worker to count"""
PAUSE = 1.0
"""seconds after a failure in which the server, or the file, is not asked"""
AT_ONCE = 32
"""connections of a process at most"""

T = TypeVar("T")


class Bounded(Storage):
    """A storage of `limits` of our own, with so many numbers at most."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], largest: int) -> None:
        """`clock` tells seconds since 1970, like every storage of the library."""
        super().__init__()
        self._clock = clock
        self._largest = largest

    @abstractmethod
    def _find(self, key: str) -> tuple[int, float] | None:
        """A number, and when it is forgotten; None where it was."""

    async def get(self, key: str) -> int:
        """The number; 0 where there is none."""
        found = self._find(key)
        return 0 if found is None else found[0]

    async def get_expiry(self, key: str) -> float:
        """When the number is forgotten; now, where there is none."""
        found = self._find(key)
        return self._clock() if found is None else found[1]

    async def check(self) -> bool:
        """Whether it works."""
        return True


class BoundedMemory(Bounded):
    """In this process; each step costs the same however much there is in it."""

    def __init__(self, clock: Callable[[], float] = time.time, largest: int = LARGEST) -> None:
        """Empty."""
        super().__init__(clock, largest)
        # number, and when it is forgotten
        self._numbers: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails."""
        return ValueError

    def _find(self, key: str) -> tuple[int, float] | None:
        found = self._numbers.get(key)
        if found is not None and found[1] <= self._clock():
            del self._numbers[key]
            return None
        return found

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add; what was not there is forgotten after `expiry` seconds."""
        found = self._find(key)
        if found is None:
            if len(self._numbers) >= self._largest:
                del self._numbers[next(iter(self._numbers))]
            found = 0, self._clock() + expiry
        number = found[0] + amount
        self._numbers[key] = number, found[1]
        return number

    async def reset(self) -> int:
        """Forget everything."""
        count = len(self._numbers)
        self._numbers.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget a number."""
        self._numbers.pop(key, None)


_ADD = """
INSERT INTO numbers (key, number, ends) VALUES (:key, :amount, :ends) ON CONFLICT (key) DO UPDATE SET
  number = CASE WHEN ends <= :now THEN excluded.number ELSE number + excluded.number END,
  ends = CASE WHEN ends <= :now THEN excluded.ends ELSE ends END
RETURNING number
"""


class WorkersFile(Bounded):
    """For the processes of one server, in a file that nothing need outlive."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, largest: int = LARGEST) -> None:
        """The file is made by whoever comes first."""
        super().__init__(clock, largest)
        self._path = path
        self._added = 0
        self._opened: sqlite3.Connection | None = None

    @property
    def base_exceptions(self) -> type[Exception]:
        """What happens where the file cannot be used."""
        return sqlite3.Error

    @property
    def _file(self) -> sqlite3.Connection:
        if self._opened is None:
            made = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            made.execute("PRAGMA synchronous = OFF")
            made.execute("PRAGMA journal_mode = PERSIST")
            made.execute("CREATE TABLE IF NOT EXISTS numbers (key TEXT NOT NULL UNIQUE, number INTEGER, ends REAL)")
            self._opened = made
        return self._opened

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add; what was not there is forgotten after `expiry` seconds."""
        now = self._clock()
        values = {"key": key, "amount": amount, "now": now, "ends": now + expiry}
        ((number,),) = self._file.execute(_ADD, values).fetchall()
        self._added += 1
        if self._added % min(SWEPT, self._largest) == 0:
            self._file.execute("DELETE FROM numbers WHERE ends <= ?", (now,))
            first = "SELECT rowid FROM numbers ORDER BY rowid DESC LIMIT 1 OFFSET ?"
            self._file.execute(f"DELETE FROM numbers WHERE rowid <= ({first})", (self._largest,))  # noqa: S608
        return int(number)

    def _find(self, key: str) -> tuple[int, float] | None:
        rows = self._file.execute("SELECT number, ends FROM numbers WHERE key = ? AND ends > ?", (key, self._clock()))
        found: tuple[int, float] | None = rows.fetchone()
        return found

    async def reset(self) -> int:
        """Forget everything."""
        return self._file.execute("DELETE FROM numbers").rowcount

    async def clear(self, key: str) -> None:
        """Forget a number."""
        self._file.execute("DELETE FROM numbers WHERE key = ?", (key,))

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class PreciseRedis(RedisStorage):
    """The library's storage, with times that are not rounded to seconds."""

    STORAGE_SCHEME = None  # type: ignore[assignment]

    async def get_expiry(self, key: str) -> float:
        """When the number is forgotten, in seconds since 1970; now, where there is none."""
        left: int = await self.bridge.get_connection().pttl(self.bridge.prefixed_key(key))  # type: ignore[attr-defined]
        return time.time() + max(0, left) / 1000


class LimitsCounters:
    """The `Counters` port on one storage; fails as the storage does."""

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the storage's own."""
        self._storage = storage
        self._clock = clock

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """See the port."""
        return await self._storage.incr(key, seconds, amount)

    async def left(self, key: str) -> int:
        """See the port."""
        return max(0, math.ceil(await self._storage.get_expiry(key) - self._clock()))

    async def forget(self, *keys: str) -> None:
        """See the port."""
        for key in keys:
            await self._storage.clear(key)

    async def close(self) -> None:
        """See the port."""
        if isinstance(self._storage, RedisStorage):
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]
        if isinstance(self._storage, WorkersFile):
            self._storage.close()


def in_memory(clock: Callable[[], float] = time.time) -> LimitsCounters:
    """Counters of this process alone."""
    return LimitsCounters(BoundedMemory(clock), clock)


class SharedCounters:
    """The `Counters` port on a storage that several processes share, and in memory while that is away.

    After a failure the storage is left alone for `PAUSE` seconds; then one caller tries it, the others do not wait for
    that. What was counted on one side meanwhile is not carried over to the other.
    """

    def __init__(self, storage: Storage) -> None:
        """Nothing is asked of it yet."""
        self._shared = LimitsCounters(storage)
        self._memory = in_memory()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._away = False
        self._next_try = 0.0

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """See the port."""
        return await self._ask(lambda counters: counters.add(key, amount, seconds))

    async def left(self, key: str) -> int:
        """See the port."""
        return await self._ask(lambda counters: counters.left(key))

    async def forget(self, *keys: str) -> None:
        """See the port."""
        await self._ask(lambda counters: counters.forget(*keys))

    async def _ask(self, work: Callable[[LimitsCounters], Awaitable[T]]) -> T:
        async with self._room:
            if self._away:
                if time.monotonic() < self._next_try:
                    return await work(self._memory)
                self._next_try = time.monotonic() + PAUSE
            try:
                answer = await work(self._shared)
            except (ValkeyError, sqlite3.Error, OSError, TimeoutError) as error:
                self._next_try = time.monotonic() + PAUSE
                if not self._away:
                    self._away = True
                    # its address may hold a password, and the error's text the address
                    log.warning("what counts for all is away (%s): counting in memory", type(error).__name__)
                return await work(self._memory)
            if self._away:
                self._away = False
                log.warning("what counts for all is back: counting there again")
            return answer

    async def close(self) -> None:
        """See the port."""
        await self._shared.close()


def on_server(url: str) -> SharedCounters:
    """Counters on a Redis or Valkey server; `url` begins with one of `SCHEMES`. Nothing is connected yet."""
    scheme, _, rest = url.partition("://")
    return SharedCounters(
        PreciseRedis(
            f"async+{SCHEMES[scheme]}://{rest}",
            key_prefix="freehold",
            socket_connect_timeout=PATIENCE,
            socket_timeout=PATIENCE,
        )
    )


def of_workers(path: Path) -> SharedCounters:
    """Counters of all processes that are given this file."""
    return SharedCounters(WorkersFile(path))
