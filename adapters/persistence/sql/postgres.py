"""PostgreSQL over asyncpg: the same statements as on SQLite, on connections of a pool.

Reading takes a connection for one statement. A unit of work takes one for a transaction (READ COMMITTED): what it
loads it holds by row locks until its end, and each write stands behind a savepoint, so that after a refusal the rest
can be kept. A connection that broke while nothing was at stake is replaced at once; otherwise the database is away.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.connection import Broken, Prepared, Row
from adapters.persistence.sql.identity import IdentityStatements, SqlAccounts, SqlAudit, SqlSessions, SqlSigningKeys
from adapters.persistence.sql.pool import ERRORS, Limits, Pool, is_away, is_lost
from adapters.persistence.sql.records import MembershipStatements, SqlRecords
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.tables import Tables
from domain.errors import Unavailable
from domain.values import UUID_PATTERN

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
UNDO_SECONDS = 5.0
"""how long undoing a work may take before its connection is thrown away"""
_UUID = re.compile(UUID_PATTERN)


def positional(prepared: Prepared, values: Mapping[str, Any]) -> list[Any]:
    """The values of one run by position. What is no id is NULL, for it names nothing."""
    bound = prepared.bind(values)
    found = [bound[name] for name in prepared.order]
    for i in prepared.ids:
        value = found[i]
        if value is not None and not _UUID.fullmatch(value):
            found[i] = None
    return found


def _refusal(error: Exception) -> Exception:
    """What the ports promise to raise; the error itself where it is a mistake of ours."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Broken(str(error), not_unique=isinstance(error, asyncpg.UniqueViolationError))
    return Unavailable() if is_away(error) else error


class Reader:
    """Runs each read on a connection of its own, at once durable and outside of any transaction."""

    def __init__(self, pool: Pool) -> None:
        """Take connections from this pool."""
        self._pool = pool

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`. Where the connection was lost, it is asked once more on another one."""
        arguments = positional(prepared, values)
        self._pool.tell(prepared.sql)
        try:
            return await self._rows(prepared, arguments)
        except ERRORS as error:
            if not is_lost(error):
                raise _refusal(error) from error
        try:
            return await self._rows(prepared, arguments)
        except ERRORS as error:
            raise _refusal(error) from error

    async def _rows(self, prepared: Prepared, arguments: list[Any]) -> list[Row]:
        connection = await self._pool.take()
        try:
            found: list[Row] = await connection.fetch(prepared.sql, *arguments)
        except ERRORS as error:
            if is_lost(error):
                connection.terminate()
            raise
        finally:
            self._pool.give(connection)
        return found

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Never: writing is a work's."""
        raise AssertionError("a reader does not write")


class Turn:
    """The `Connection` of one unit of work, in its transaction."""

    def __init__(self, pool: Pool, connection: Any) -> None:
        """Use a connection on which a transaction has begun."""
        self._pool = pool
        self._connection = connection
        self._marked = False

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`; what is read is held until the work ends, where that was promised."""
        self._pool.tell(prepared.holding)
        try:
            found: list[Row] = await self._connection.fetch(prepared.holding, *positional(prepared, values))
        except ERRORS as error:
            raise _refusal(error) from error
        return found

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """See `Connection`."""
        self._pool.tell(prepared.sql)
        try:
            mark = "RELEASE SAVEPOINT kept; SAVEPOINT kept" if self._marked else "SAVEPOINT kept"
            await self._connection.execute(mark)
            self._marked = True
            status: str = await self._connection.execute(prepared.sql, *positional(prepared, values))
        except ERRORS as error:
            refusal = _refusal(error)
            if isinstance(refusal, Broken):
                await self._back()
            raise refusal from error
        return int(status.rpartition(" ")[2])

    async def _back(self) -> None:
        try:
            await self._connection.execute("ROLLBACK TO SAVEPOINT kept")
        except ERRORS as error:
            raise _refusal(error) from error

    async def keep(self) -> None:
        """End the work; returns when it is durable."""
        try:
            status = await self._connection.execute("COMMIT")
        except ERRORS as error:
            raise _refusal(error) from error
        if status != "COMMIT":  # a transaction in which something failed ends in ROLLBACK, without an error
            raise Unavailable


class PostgresWork:
    """The `Work` port in one transaction."""

    def __init__(self, store: "PostgresStore", turn: Turn) -> None:
        """Repositories over the work's connection."""
        self._turn = turn
        self.records = SqlRecords(store.statements, store.memberships, turn)
        self.accounts = SqlAccounts(store.identity, turn)
        self.sessions = SqlSessions(store.identity, turn)
        self.audit = SqlAudit(store.identity, turn)
        self.signing_keys = SqlSigningKeys(store.identity, turn)

    async def commit(self) -> None:
        """See the port."""
        await self._turn.keep()


class PostgresStore:
    """The `Store` port on a PostgreSQL database that holds the built-in tables and the specification's."""

    def __init__(self, url: str, tables: Tables, limits: Limits | None = None) -> None:
        """Prepare everything; the first connection is opened when it is needed."""
        self.statements = Statements(tables, DIALECT)
        self.memberships = MembershipStatements(DIALECT)
        self.identity = IdentityStatements(DIALECT)
        self._pool = Pool(url, limits or Limits())
        self._reader = Reader(self._pool)
        self._works: set[object] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        for _ in self.statements.most_asked():
            pass  # built and kept
        self.records = SqlRecords(self.statements, self.memberships, self._reader)
        self.accounts = SqlAccounts(self.identity, self._reader)
        self.sessions = SqlSessions(self.identity, self._reader)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[PostgresWork]:
        """See the port."""
        me = object()
        connection = await self._begin()
        self._works.add(me)
        self._idle.clear()
        try:
            yield PostgresWork(self, Turn(self._pool, connection))
        finally:
            if connection.is_in_transaction():
                # in a task of its own: whoever is cancelled here leaves a connection that others can use
                await asyncio.shield(asyncio.get_running_loop().create_task(self._undo(connection, me)))
            else:
                self._end(connection, me)

    async def _begin(self) -> Any:
        """A connection with a transaction; one that turns out to be lost is replaced, for nothing has happened yet."""
        for last in (False, True):
            connection = await self._pool.take()
            try:
                await connection.execute("BEGIN")
            except BaseException as error:
                if not isinstance(error, Exception) or is_lost(error):
                    connection.terminate()
                self._pool.give(connection)
                if not isinstance(error, ERRORS):
                    raise
                if last or not is_lost(error):
                    raise _refusal(error) from error
            else:
                return connection
        raise AssertionError("one of two attempts ends it")

    async def _undo(self, connection: Any, work: object) -> None:
        try:
            async with asyncio.timeout(UNDO_SECONDS):
                await connection.execute("ROLLBACK")
        except (*ERRORS, TimeoutError):
            connection.terminate()
        finally:
            self._end(connection, work)

    def _end(self, connection: Any, work: object) -> None:
        self._pool.give(connection)
        self._works.discard(work)
        if not self._works:
            self._idle.set()

    def watch(self, told: Callable[[str], None] | None) -> None:
        """Tell each statement to somebody before it runs; nobody for None."""
        self._pool.watch(told)

    async def ready(self) -> bool:
        """See the port."""
        try:
            await self._reader.rows(self.identity.ready, {})
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """See the port."""
        await self._idle.wait()
        await self._pool.close()
