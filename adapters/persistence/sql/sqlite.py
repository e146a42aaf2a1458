"""The embedded database: one SQLite file, read in the event loop's thread, written by one group-committing writer.

Reading: a read-only connection with a budget. A statement that exceeds it is interrupted and runs again on a thread
with a connection of its own, so that one heavy list cannot stop the others.

Writing: each unit of work is a SAVEPOINT in a transaction that it shares with all works that wait; one COMMIT, on a
thread, makes them durable together (`synchronous=FULL`), and none is acknowledged before. A work that fails is rolled
back to its savepoint alone. Several processes queue at a lock file in front of BEGIN, which is fairer and faster than
SQLite's own waiting.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from adapters.persistence.sql.connection import Broken, Prepared, Row
from adapters.persistence.sql.dialects import DECIMAL_COLLATION
from adapters.persistence.sql.filling import emptying, filling
from adapters.persistence.sql.idempotency import IdempotencyStatements, SqlIdempotencyKeys
from adapters.persistence.sql.identity import (
    IdentityStatements,
    SqlAccounts,
    SqlApiKeys,
    SqlAudit,
    SqlSecondFactors,
    SqlSessions,
    SqlSigningKeys,
)
from adapters.persistence.sql.invitations import InvitationStatements, SqlInvitations
from adapters.persistence.sql.mail import MailStatements, SqlLetters, SqlLinks
from adapters.persistence.sql.records import MembershipStatements, SqlRecords
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.transfers import SqlTransfers, TransferStatements
from domain.errors import SchemaDiffers, Unavailable, in_progress
from domain.session import Session
from domain.snapshot import Snapshot

DIALECT = sqlite_dialect(paramstyle="named")
READ_BUDGET = 400_000
"""instructions of SQLite's virtual machine that a read may take in the event loop's thread: a few milliseconds"""
TICK = 50_000
"""instructions between two looks at the budget"""
BUSY_SECONDS = 5.0
"""how long a writer waits for another process before the request is refused"""
READERS = 2
"""threads for reads over the budget, and for those of one instant"""
INSTANTS = 4
"""that are read side by side: each has a connection, whose cache takes memory"""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode with all that every one needs; whose thread uses it is the caller's affair."""
    address = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS, cached_statements=1000
    )
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=1000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-16384")
    connection.create_collation(DECIMAL_COLLATION, compare_decimals)
    return connection


def compare_decimals(left: str, right: str) -> int:
    """A collation: by value."""
    a, b = Decimal(left), Decimal(right)
    return (a > b) - (a < b)


class Reader:
    """Runs reads at once, and again on a thread where they exceed the budget."""

    def __init__(self, path: Path) -> None:
        """Open the connection of the event loop's thread; threads open theirs when first needed."""
        self._path = path
        self._here = connect(path, read_only=True)
        self._here.set_progress_handler(self._over_budget, TICK)
        self._ticks = 0
        self._threads = ThreadPoolExecutor(READERS, "freehold-reader")
        self._idle: list[sqlite3.Connection] = []
        self._instants = asyncio.Semaphore(INSTANTS)
        self._told: Callable[[str], None] | None = None

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        bound = prepared.bind(values)
        self._ticks = 0
        try:
            return self._here.execute(prepared.sql, bound).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise Unavailable from error
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._heavy, prepared.sql, bound)

    def check(self, resource: str, prepared: Prepared) -> None:
        """Let SQLite parse a statement before it is asked for. Raises `SchemaDiffers` where it cannot."""
        try:
            self._here.execute(f"EXPLAIN {prepared.sql}", dict.fromkeys(prepared.names)).close()
        except sqlite3.OperationalError as error:
            raise SchemaDiffers(f"SQLite cannot serve the rules of `{resource}`: {error}.") from error

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Never: the connection is read-only."""
        raise AssertionError("a reader does not write")

    @asynccontextmanager
    async def still(self) -> AsyncIterator["Still"]:
        """A connection that reads one instant; others wait where too many do."""
        async with self._instants:
            still = Still(self._connection(), self._threads, self._told)
            try:
                yield still
            finally:
                self._threads.submit(lambda: self._idle.append(still.end()))

    def _connection(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path, read_only=True)

    def watch(self, told: Callable[[str], None] | None) -> None:
        """See `SqliteStore.watch`."""
        self._told = told
        self._here.set_trace_callback(told)

    def _over_budget(self) -> bool:
        """Called by SQLite at each tick, which a statement may have begun in an earlier run: hence the count."""
        self._ticks += 1
        return self._ticks > READ_BUDGET // TICK

    def _heavy(self, sql: str, bound: dict[str, Any]) -> list[Row]:
        connection = self._connection()
        try:
            return connection.execute(sql, bound).fetchall()
        except sqlite3.OperationalError as error:
            raise Unavailable from error
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close every connection."""
        self._threads.shutdown()
        for connection in (self._here, *self._idle):
            connection.close()


class Still:
    """The `Connection` of somebody who reads one instant: on a thread, for it may be much."""

    def __init__(
        self, connection: sqlite3.Connection, threads: ThreadPoolExecutor, told: Callable[[str], None] | None
    ) -> None:
        """Begin: what others commit after the first read is not seen."""
        self._connection = connection
        self._threads = threads
        self._reading = Lock()
        self._over = False
        connection.execute("BEGIN")
        connection.set_trace_callback(told)

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        bound = prepared.bind(values)

        def read() -> list[Row]:
            with self._reading:
                return [] if self._over else self._connection.execute(prepared.sql, bound).fetchall()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        except sqlite3.OperationalError as error:
            raise Unavailable from error

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Never: the connection is read-only."""
        raise AssertionError("what is read does not change")

    def end(self) -> sqlite3.Connection:
        """The connection, out of its transaction; behind a read that nobody waits for any more."""
        with self._reading:
            self._over = True
            self._connection.set_trace_callback(None)
            self._connection.rollback()
        return self._connection


class Writer:
    """One connection, one transaction at a time, shared by the works that wait for the same COMMIT."""

    def __init__(self, path: Path) -> None:
        """Open the connection and the lock file beside the database."""
        self._connection = connect(path)
        self._lock_file = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._alone_file = os.open(f"{path}-alone", os.O_RDWR | os.O_CREAT, 0o600)
        self._alone: set[str] = set()
        self._thread = ThreadPoolExecutor(1, "freehold-writer")
        self._turn = asyncio.Lock()
        self._open = False
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """A savepoint of one's own; undone unless `Turn.keep` is awaited."""
        await self._turn.acquire()
        turn = Turn(self, self._connection)
        try:
            if self._open and not self._connection.in_transaction:
                self._end(Unavailable())
            if not self._open:
                await self._begin()
            self._connection.execute("SAVEPOINT work")
            yield turn
        finally:
            if not turn.over:
                self._undo()
                self._flush()
                self._turn.release()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Around a turn of which there is one at a time. Raises `Conflict` at once where there is one.

        Within a process by its name, between processes by a lock on one byte of a file of its own, at the place that
        the name says: it is gone with its process, and nothing is ever written there.
        """
        place = int(name[:15], 16)
        if name in self._alone:
            raise in_progress()
        try:
            fcntl.lockf(self._alone_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError) as error:
            raise in_progress() from error
        self._alone.add(name)
        try:
            yield
        finally:
            self._alone.discard(name)
            fcntl.lockf(self._alone_file, fcntl.LOCK_UN, 1, place)

    def keep(self) -> asyncio.Future[None]:
        """Let go of the turn with the work inside the transaction; the future is done when it is durable.

        An error such as a full disk makes SQLite itself undo the whole transaction: then nothing of it was kept.
        """
        if not self._connection.in_transaction:
            raise Unavailable
        self._connection.execute("RELEASE work")
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append(durable)
        self._flush()
        self._turn.release()
        return durable

    async def _begin(self) -> None:
        """Begin at once, or wait on the thread while another process writes."""
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await self._wait_for_lock()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)
            raise Unavailable from error
        self._open = True

    async def _wait_for_lock(self) -> None:
        deadline = asyncio.get_running_loop().time() + BUSY_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.001)
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return
        raise Unavailable

    def _undo(self) -> None:
        if self._open and self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")

    def _flush(self) -> None:
        """See to it that a COMMIT follows, behind the works that wait for their turn already."""
        if self._open and self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._commit())

    async def _commit(self) -> None:
        async with self._turn:
            self._flushing = None
            failure: Unavailable | None = None
            try:
                if not self._connection.in_transaction:
                    raise Unavailable
                await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.commit)
            except (sqlite3.Error, Unavailable) as error:
                failure = Unavailable()
                failure.__cause__ = error
            self._end(failure)

    def _end(self, failure: Unavailable | None) -> None:
        """The transaction is over: tell every work that waits for it."""
        if self._connection.in_transaction:
            self._connection.rollback()
        self._open = False
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        waiting, self._waiting = self._waiting, []
        for durable in waiting:
            if not durable.done():
                if failure is None:
                    durable.set_result(None)
                else:
                    durable.set_exception(failure)

    def watch(self, told: Callable[[str], None] | None) -> None:
        """See `SqliteStore.watch`."""
        self._connection.set_trace_callback(told)

    async def finish(self) -> None:
        """Let the works under way end, durably."""
        async with self._turn:
            flushing = self._flushing
        if flushing is not None:
            await flushing

    def close(self) -> None:
        """Let go of the file."""
        self._thread.shutdown()
        self._connection.close()
        os.close(self._lock_file)
        os.close(self._alone_file)


class Turn:
    """The `Connection` of one unit of work."""

    def __init__(self, writer: Writer, connection: sqlite3.Connection) -> None:
        """Use the writer's connection until the work is over."""
        self._writer = writer
        self._connection = connection
        self.over = False

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        try:
            return self._connection.execute(prepared.sql, prepared.bind(values)).fetchall()
        except sqlite3.OperationalError as error:
            raise Unavailable from error

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """See `Connection`."""
        try:
            return self._connection.execute(prepared.sql, prepared.bind(values)).rowcount
        except sqlite3.IntegrityError as error:
            raise Broken(str(error), not_unique=str(error).startswith("UNIQUE")) from error
        except sqlite3.OperationalError as error:
            raise Unavailable from error

    async def fill(self, tables: Tables, snapshot: Snapshot, sessions: Iterable[Session]) -> None:
        """Put a world in place of everything; the keys are checked when the transaction ends."""
        self._connection.execute("PRAGMA defer_foreign_keys=ON")
        for statement in emptying(tables):
            self._connection.execute(Prepared(statement, DIALECT).sql)
        for statement, rows in filling(tables, snapshot, sessions):
            if rows:
                self._connection.executemany(Prepared(statement, DIALECT).sql, rows)

    async def keep(self) -> None:
        """End the work; returns when it is durable."""
        durable = self._writer.keep()
        self.over = True
        await durable


class SqliteWork:
    """The `Work` port in one savepoint, or the `Instant` port."""

    def __init__(self, store: "SqliteStore", turn: Turn | Still) -> None:
        """Repositories over the work's connection."""
        self._turn = turn
        self.records = SqlRecords(store.statements, store.memberships, turn)
        self.accounts = SqlAccounts(store.identity, turn)
        self.sessions = SqlSessions(store.identity, turn)
        self.second_factors = SqlSecondFactors(store.identity, turn)
        self.api_keys = SqlApiKeys(store.identity, turn)
        self.audit = SqlAudit(store.identity, turn)
        self.signing_keys = SqlSigningKeys(store.identity, turn)
        self.links = SqlLinks(store.mail, turn)
        self.letters = SqlLetters(store.mail, turn)
        self.invitations = SqlInvitations(store.statements, store.invitation_statements, self.records, turn)
        self.transfers = SqlTransfers(store.statements, store.transfer_statements, self.records, turn)
        self.idempotency_keys = SqlIdempotencyKeys(store.idempotency, turn)

    async def commit(self) -> None:
        """See the port."""
        assert isinstance(self._turn, Turn), "what is only read is not committed"
        await self._turn.keep()


class SqliteStore:
    """The `Store` port on one SQLite file that holds the built-in tables and the specification's."""

    def __init__(self, path: Path, tables: Tables) -> None:
        """Open the file. Raises `SchemaDiffers` where it is not there."""
        if not path.exists():
            raise SchemaDiffers(f"There is no database at {path}.")
        self.statements = Statements(tables, DIALECT)
        self.memberships = MembershipStatements(DIALECT)
        self.identity = IdentityStatements(DIALECT)
        self.mail = MailStatements(DIALECT)
        self.invitation_statements = InvitationStatements(DIALECT)
        self.transfer_statements = TransferStatements(DIALECT)
        self.idempotency = IdempotencyStatements(DIALECT)
        self._writer = Writer(path)
        self._reader = Reader(path)
        for resource, prepared in self.statements.most_asked():
            self._reader.check(resource, prepared)
        self.records = SqlRecords(self.statements, self.memberships, self._reader)
        self.plain = None
        self.accounts = SqlAccounts(self.identity, self._reader)
        self.sessions = SqlSessions(self.identity, self._reader)
        self.letters = SqlLetters(self.mail, self._reader)
        self.invitations = SqlInvitations(self.statements, self.invitation_statements, self.records, self._reader)
        self.transfers = SqlTransfers(self.statements, self.transfer_statements, self.records, self._reader)
        self.second_factors = SqlSecondFactors(self.identity, self._reader)
        self.api_keys = SqlApiKeys(self.identity, self._reader)
        self.audit = SqlAudit(self.identity, self._reader)

    @asynccontextmanager
    async def work(self, alone: str | None = None) -> AsyncIterator[SqliteWork]:
        """See the port."""
        with nullcontext() if alone is None else self._writer.alone(alone):
            async with self._writer.turn() as turn:
                yield SqliteWork(self, turn)

    @asynccontextmanager
    async def instant(self) -> AsyncIterator[SqliteWork]:
        """See the port."""
        async with self._reader.still() as still:
            yield SqliteWork(self, still)

    async def hold(self, snapshot: Snapshot, sessions: Iterable[Session]) -> None:
        """Hold exactly this world, and nothing of before but the signing keys. For the proof, never for serving."""
        async with self._writer.turn() as turn:
            await turn.fill(self.statements.tables, snapshot, sessions)
            await turn.keep()

    def watch(self, told: Callable[[str], None] | None) -> None:
        """Tell each statement to somebody before it runs, unless it is one that runs again; nobody for None."""
        self._reader.watch(told)
        self._writer.watch(told)

    async def ready(self) -> bool:
        """See the port."""
        try:
            await self._reader.rows(self.identity.ready, {})
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """See the port."""
        await self._writer.finish()
        self._reader.close()
        # at the end: a connection that only reads would leave its log beside the database
        self._writer.close()
