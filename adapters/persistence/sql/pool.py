"""Connections to PostgreSQL, each taken for one statement or one unit of work and given back.

The one that was given back last is taken first, so that a quiet service uses few. Giving back costs nothing: whoever
took a connection leaves it outside of a transaction, and nobody changes a setting of a session.

A process, which has one core, keeps `FEW` connections busy. More at once make everything slower where the database is
busy itself, for each has plans and caches of its own; they help where answers come late (locks, long lists, a far
database). So the others are used only while somebody has waited `GRACE` for one. More than `size` are never opened; who
finds none free waits in line, and is refused after `wait` seconds.
"""

import asyncio
import getpass
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from domain.errors import Unavailable

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""what a driver's call can end with; a connection that the server ended while it was idle says `InternalClientError`"""
LOST = ("08", "57P")
"""SQLSTATEs of a server that let go of the connection, or is about to"""
AWAY = (*LOST, "25", "40", "53", "55", "57", "58", "XX", "42P01", "42703")
"""what is no mistake of the statement: no resources, a time-out, a deadlock, tables of another version"""
STATEMENTS = 2000
"""prepared on a connection at most; the most asked shapes of lists are among them"""
FEW = 4
"""connections that are used at once while answers come soon (benchmarks/README.md)"""
GRACE = 0.025
"""seconds that somebody waits for one of the few, before more are used"""
_ROOM: Any = object()
"""in place of a connection: there is room for a new one"""


@dataclass(frozen=True)
class Server:
    """Where a PostgreSQL database is: `postgresql://user:password@host/database`. Its text tells no password."""

    url: str = field(repr=False)
    """of the role that serves"""
    migration_url: str | None = field(default=None, repr=False)
    """of the owner of the tables; None where nobody said"""

    @property
    def owner_url(self) -> str:
        """Where tables are made and changed."""
        return self.migration_url or self.url

    @property
    def role(self) -> str:
        """Who serves."""
        return unquote(urlsplit(self.url).username or getpass.getuser())

    def __str__(self) -> str:
        """For people: the database and its host."""
        parts = urlsplit(self.url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the local socket"
        return f"the PostgreSQL database `{parts.path.lstrip('/')}` at {host}"


@dataclass(frozen=True)
class Limits:
    """Sizes and time-outs, in seconds."""

    size: int = 10
    """connections at most, of one process"""
    wait: float = 5.0
    """for a free connection"""
    connect: float = 5.0
    """for a new one"""
    statement: float = 30.0
    """for one statement, waiting for locks included"""
    pooler: bool = False
    """whether connections lead to a pooler that gives a server's connection to a transaction, not to a client"""


@dataclass(frozen=True, slots=True)
class Use:
    """How connections are used at a moment."""

    busy: int
    idle: int
    waiting: int
    """who wait for one"""


class Pool:
    """See above."""

    def __init__(self, url: str, limits: Limits) -> None:
        """Open nothing yet."""
        self._url = url
        self._limits = limits
        self._idle: list[Any] = []
        self._few = min(FEW, limits.size)
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        """since when, and where"""
        self._open = 0
        self._closed = False
        self._told: Callable[[str], None] | None = None
        # behind a pooler a session is everybody's: what would be said to it once is said to each transaction
        local = "".join(f" SET LOCAL {name} = '{value}';" for name, value in _session(limits).items())
        # whatever the database's default is: the row locks of a work are made for this
        self.begin = f"BEGIN ISOLATION LEVEL READ COMMITTED;{local if limits.pooler else ''}"
        """what opens a transaction"""

    async def take(self) -> Any:
        """A connection outside of a transaction. Raises `Unavailable`."""
        while True:
            if self._closed:
                raise Unavailable
            if self._busy >= self._few:
                connection = await self._next()
            elif self._idle:
                connection = self._idle.pop()
            else:
                self._open += 1
                connection = _ROOM
            if connection is _ROOM:
                return await self._new()
            if not connection.is_closed():
                return connection
            self._open -= 1

    def give(self, connection: Any) -> None:
        """Back, outside of a transaction; one that is closed makes room for another."""
        if connection.is_closed() or self._closed:
            connection.terminate()
            self._leave_room()
        elif not self._hand(connection):
            self._idle.append(connection)

    def watch(self, told: Callable[[str], None] | None) -> None:
        """Tell each statement to somebody before it runs; nobody for None."""
        self._told = told

    @property
    def use(self) -> Use:
        """How it is used now."""
        return Use(self._busy, len(self._idle), len(self._waiting))

    def tell(self, sql: str) -> None:
        """See `watch`."""
        if self._told is not None:
            self._told(sql)

    async def close(self) -> None:
        """Close what is idle now, and everything else when it is given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        for _, place in self._waiting:
            self._give_up(place)
        for connection in idle:
            try:
                await connection.close(timeout=1)
            except (*ERRORS, TimeoutError):
                connection.terminate()

    @property
    def _busy(self) -> int:
        return self._open - len(self._idle)

    async def _new(self) -> Any:
        """A new connection, for which there is room."""
        try:
            return await self._connect()
        except BaseException:
            self._leave_room()
            raise

    async def _next(self) -> Any:
        """The next one that somebody gives back, or room for a new one."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((loop.time(), place))
        # a timer costs a third of `asyncio.timeout`, and under load everybody waits here
        patience = loop.call_later(GRACE, self._use_more, place)
        try:
            return await place
        except asyncio.CancelledError:
            self._leave(place)
            raise
        finally:
            patience.cancel()

    def _use_more(self, place: asyncio.Future[Any]) -> None:
        """Who waits in it has waited `GRACE`: more than the few are used, if there are more."""
        if place.done():
            return
        patience = place.get_loop().call_later(self._limits.wait - GRACE, self._give_up, place)
        place.add_done_callback(lambda _: patience.cancel())
        if self._idle:
            self._hand(self._idle.pop(), late=True)
        elif self._open < self._limits.size:
            self._open += 1
            self._hand(_ROOM, late=True)

    @staticmethod
    def _give_up(place: asyncio.Future[Any]) -> None:
        """Who waits in it is refused; `_hand` passes over it."""
        if not place.done():
            place.set_exception(Unavailable())

    def _leave(self, place: asyncio.Future[Any]) -> None:
        """Out of the line; what was handed over in the same moment goes to the next."""
        if place.done() and not place.cancelled() and place.exception() is None:
            if place.result() is _ROOM:
                self._leave_room()
            else:
                self.give(place.result())
        place.cancel()

    def _leave_room(self) -> None:
        """For the first who waits, or for whoever comes."""
        if self._closed or not self._hand(_ROOM):
            self._open -= 1

    def _hand(self, connection: Any, late: bool = False) -> bool:
        """To the first who waits, if somebody does; beyond the few only to one who is `late`."""
        while self._waiting:
            since, place = self._waiting[0]
            if place.done():
                self._waiting.popleft()
            elif self._busy > self._few and not late and place.get_loop().time() - since < GRACE:
                return False
            else:
                self._waiting.popleft()
                place.set_result(connection)
                return True
        return False

    async def _connect(self) -> Any:
        limits = self._limits
        # all that a pooler hands on
        settings = {"application_name": "freehold", "timezone": "UTC", "datestyle": "ISO"}
        if not limits.pooler:
            settings |= _session(limits)
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=limits.connect,
                # what is prepared by name may be on another server's connection the next time; without a name it
                # lives from its Parse to its Sync, which is one transaction
                statement_cache_size=0 if limits.pooler else STATEMENTS,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
                # a server that does not even refuse; of a read behind a pooler we alone know how long it may take
                command_timeout=limits.statement + (0 if limits.pooler else 5),
                server_settings=settings,
            )
        except (*ERRORS, TimeoutError) as error:
            raise Unavailable from error
        try:
            await _speak_plainly(connection)
        except (*ERRORS, TimeoutError) as error:
            connection.terminate()
            raise Unavailable from error
        except BaseException:
            connection.terminate()
            raise
        return connection


def _session(limits: Limits) -> dict[str, str]:
    """What a session is told beside the form of its values."""
    milliseconds = str(round(limits.statement * 1000))
    return {
        "jit": "off",
        "default_transaction_isolation": "read committed",
        # planning costs more than running: rules and policies are long, and values hardly change a plan
        "plan_cache_mode": "force_generic_plan",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }


async def _speak_plainly(connection: Any) -> None:
    """Values in the form that they have everywhere (see `dialects.py`): ids, times and decimals as text."""

    def text(value: Any) -> str:
        return str(value)

    codecs: Iterable[tuple[str, Callable[[Any], str], Callable[[str], Any]]] = (
        ("uuid", text, str),
        ("timestamptz", text, _instant),
        ("date", text, str),
        ("numeric", text, str),
        ("bool", lambda value: "t" if value else "f", "t".__eq__),
    )
    for name, encoder, decoder in codecs:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="text")


_ALL_DIGITS = len("2026-11-23 09:30:00.123456+00")


def _instant(written: str) -> str:
    """PostgreSQL's `2026-11-23 09:30:00.1234+00` in our fixed width."""
    if len(written) == _ALL_DIGITS:
        return f"{written[:10]}T{written[11:26]}Z"
    point = written.find(".")
    fraction = "" if point < 0 else written[point + 1 : -3]
    return f"{written[:10]}T{written[11:19]}.{fraction:0<6}Z"


def is_lost(error: Exception) -> bool:
    """Whether an error says that the connection is of no use any more."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.PostgresError) and state:
        return str(state).startswith(LOST)
    return isinstance(error, ERRORS) and not isinstance(error, ValueError | TimeoutError)


def is_away(error: Exception) -> bool:
    """Whether an error says that the database cannot answer now, as opposed to that it was asked wrongly."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "XX").startswith(AWAY)
    return isinstance(error, ERRORS) and not isinstance(error, ValueError)
