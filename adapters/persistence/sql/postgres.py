"""PostgreSQL over asyncpg: the same statements as on SQLite, on connections of a pool.

Reading takes a connection for one statement. A unit of work takes one for a transaction (READ COMMITTED): what it
loads it holds by row locks until its end. Each transaction says for whom it runs, in the round trip of its first
statement. A connection that broke while nothing was at stake is replaced at once; otherwise the database is away.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.connection import Broken, Prepared, Row
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
from adapters.persistence.sql.pool import ERRORS, Limits, Pool, Use, is_away, is_lost
from adapters.persistence.sql.postgres_statements import PostgresStatements
from adapters.persistence.sql.records import MembershipStatements, SqlRecords, principal
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.transfers import SqlTransfers, TransferStatements
from adapters.persistence.sql.views import ViewColumns, to_stored
from application.ports import View
from domain.errors import Unavailable, in_progress
from domain.ownership import Actor
from domain.record import Record
from domain.values import UUID_PATTERN

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
CHECKS_POLICIES = "ExecWithCheckOptions"
"""what in PostgreSQL refuses a row that a policy does not allow; missing privileges have the same code"""
UNDO_SECONDS = 5.0
"""how long undoing a work may take before its connection is thrown away"""
_UUID = re.compile(UUID_PATTERN)
_PLAIN = re.compile(rf"{UUID_PATTERN}|[a-z]+|[0-9T:.Z-]+")
"""what may stand in the text of a statement: ids, words of ours, instants"""


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
        limit = int(error.detail) if error.constraint_name == "freehold_limit" else None
        return Broken(str(error), not_unique=isinstance(error, asyncpg.UniqueViolationError), limit=limit)
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and error.server_source_function == CHECKS_POLICIES:
        return Broken(str(error), not_unique=False)
    return Unavailable() if is_away(error) else error


ENGINE, LINK = "app.engine", "app.link"
"""the settings that name the key by which the engine acts, and the hash of a secret link's token"""
Settings = dict[str, str]
"""of a transaction: who is the caller for the database; what is not set is nobody"""


def settings(prepared: Prepared, values: Mapping[str, Any], tells_time: bool) -> Settings:
    """For whom a statement runs (see `policies.py`)."""
    principal, found = prepared.principal, {}
    if principal.account is not None:
        account = values[principal.account]
        # a statement of a service of ours has no anonymous caller
        found["app.account"] = account or ("" if principal.service else "anonymous")
    if principal.presented:
        shown = (values[name] or "" for name in principal.presented)
        # what comes from a path may be anything; no row has what cannot be printed
        found["app.presented"] = " ".join(value for value in shown if value.isprintable() and " " not in value)
    if principal.service is not None:
        found["app.service"] = principal.service
    if values.get("engine"):
        found[ENGINE] = values["engine"]
    if values.get("link") and "link" not in principal.presented:
        # a link is not a caller without an account: what those may do is not its
        found |= {"app.account": "", LINK: values["link"]}
    if tells_time and "now" in values:
        found["app.now"] = values["now"]
    return found


def claiming(sql: str, names: Sequence[str], behind: int) -> str:
    """A query that first says for whom it runs, in the same round trip; the settings end with it.

    The query is a LATERAL one that needs what the settings give: so they are set before it begins, however it is
    planned. `behind`: how many values it has.
    """
    parts = (f"set_config('{name}', ${number}, true)" for number, name in enumerate(names, behind + 1))
    return (
        f"SELECT asked.* FROM (SELECT {' || '.join(parts)} AS done OFFSET 0) AS claim CROSS JOIN LATERAL "  # noqa: S608
        f"(SELECT * FROM ({sql}) AS query WHERE claim.done IS NOT NULL OFFSET 0) AS asked"
    )


class Single:
    """Runs each statement on a connection of its own, as a transaction of its own."""

    def __init__(self, pool: Pool, tells_time: bool) -> None:
        """Take connections from this pool."""
        self._pool = pool
        self._tells_time = tells_time

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`. Where the connection was lost, it is asked once more on another one."""
        return await self._asked(prepared, values, 2)

    async def written(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """Like `rows`, of what writes: once, for nobody knows whether a connection was lost before or after.

        Raises `Broken` where a constraint or a policy refuses it.
        """
        return await self._asked(prepared, values, 1)

    async def _asked(self, prepared: Prepared, values: Mapping[str, Any], times: int) -> list[Row]:
        arguments, said = positional(prepared, values), settings(prepared, values, self._tells_time)
        # one statement may be asked by an account, by a link and by the engine, of whom different settings speak
        names = tuple(said)
        sql = prepared.claimed.get(names)
        if sql is None:
            sql = claiming(prepared.sql, names, len(arguments)) if names else prepared.sql
            prepared.claimed[names] = sql
        arguments += said.values()
        self._pool.tell(sql)
        while True:
            times -= 1
            try:
                return await self._rows(sql, arguments)
            except ERRORS as error:
                if not times or not is_lost(error):
                    raise _refusal(error) from error

    async def _rows(self, sql: str, arguments: list[Any]) -> list[Row]:
        connection = await self._pool.take()
        try:
            found: list[Row] = await connection.fetch(sql, *arguments)
        except ERRORS as error:
            if is_lost(error):
                connection.terminate()
            raise
        finally:
            self._pool.give(connection)
        return found

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Never: what writes here says what it wrote, or is a work's."""
        raise AssertionError("a write of its own returns rows")


class Turn:
    """The `Connection` of one unit of work. Its transaction begins with the first statement, which says for whom."""

    def __init__(self, pool: Pool, tells_time: bool = False, connection: Any = None) -> None:
        """Take a connection from the pool when one is needed; a given one is in a transaction already."""
        self._pool = pool
        self._tells_time = tells_time
        self._said: Settings = {}
        self.connection = connection

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`; what is read is held until the work ends, where that was promised."""
        await self._say(prepared, values)
        return await self._found(prepared.holding, prepared, values)

    async def _found(self, sql: str, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        self._pool.tell(sql)
        try:
            found: list[Row] = await self.connection.fetch(sql, *positional(prepared, values))
        except ERRORS as error:
            raise _refusal(error) from error
        return found

    def _opening(self) -> str:
        return self._pool.begin

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """See `Connection`."""
        await self._say(prepared, values)
        self._pool.tell(prepared.sql)
        try:
            status: str = await self.connection.execute(prepared.sql, *positional(prepared, values))
        except ERRORS as error:
            raise _refusal(error) from error
        return int(status.rpartition(" ")[2])

    async def _say(self, prepared: Prepared, values: Mapping[str, Any]) -> None:
        """Begin, where that is still to be done; then see to it that the database knows for whom this runs."""
        wanted = settings(prepared, values, self._tells_time)
        # within such a work it is asked for others, too
        wanted = {name: "" for name in (ENGINE, LINK) if self._said.get(name)} | wanted
        new = {name: value for name, value in wanted.items() if self._said.get(name) != value}
        # a text is seen by others and may be logged: an address or a token's hash is a value, and costs a round trip
        private = {name: value for name, value in new.items() if not all(map(_PLAIN.fullmatch, value.split()))}
        plain = {name: value for name, value in new.items() if name not in private}
        parts = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in plain.items())
        saying = f"SELECT {parts}" if parts else ""
        if self.connection is None:
            await self._begin(f"{self._opening()} {saying}")
            saying = ""
        try:
            if saying:
                await self.connection.execute(saying)
            for name, value in private.items():
                await self.connection.fetch("SELECT set_config($1, $2, true)", name, value)
        except ERRORS as error:
            raise _refusal(error) from error
        self._said |= new

    async def _begin(self, first: str) -> None:
        """A connection with a transaction; one that turns out to be lost is replaced, for nothing has happened yet."""
        for last in (False, True):
            connection = await self._pool.take()
            try:
                await connection.execute(first)
            except BaseException as error:
                if not isinstance(error, Exception) or is_lost(error) or connection.is_in_transaction():
                    connection.terminate()
                self._pool.give(connection)
                if not isinstance(error, ERRORS):
                    raise
                if last or not is_lost(error):
                    raise _refusal(error) from error
            else:
                self.connection = connection
                return

    async def keep(self) -> None:
        """End the work; returns when it is durable."""
        if self.connection is None:
            return
        try:
            status = await self.connection.execute("COMMIT")
        except ERRORS as error:
            raise _refusal(error) from error
        if status != "COMMIT":  # a transaction in which something was refused ends in ROLLBACK, without an error
            raise Unavailable


class Still(Turn):
    """The `Connection` of somebody who reads one instant. It writes nothing, and holds nothing that others want."""

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        await self._say(prepared, values)
        return await self._found(prepared.sql, prepared, values)

    def _opening(self) -> str:
        return f"{self._pool.begin} SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"


class PostgresPlainWrites:
    """The `PlainWrites` port: each is one function of the database, in the caller's name (`PostgresStatements`)."""

    def __init__(self, statements: PostgresStatements, single: Single) -> None:
        """Write by these."""
        self._statements = statements
        self._single = single

    async def add(self, actor: Actor, record: Record, now: datetime) -> View | None:
        """See the port."""
        prepared, seen = self._statements.add_plain(record.resource)
        stored = self._statements.records[record.resource].stored(record)
        values = principal(actor, now) | {f"v_{name}": value for name, value in stored.items()}
        return await self._written(prepared, seen, values)

    async def change(
        self, actor: Actor, resource: str, record_id: str, values: Mapping[str, Any], now: datetime
    ) -> View | None:
        """See the port."""
        prepared, seen = self._statements.change_plain(resource)
        bound = principal(actor, now) | {"id": record_id}
        for name in self._statements.plain.changed[resource]:
            bound[f"given_{name}"] = name in values
            bound[f"v_{name}"] = to_stored(self._statements.specification.column(resource, name), values.get(name))
        return await self._written(prepared, seen, bound)

    async def _written(self, prepared: Prepared, seen: ViewColumns, values: Mapping[str, Any]) -> View | None:
        try:
            rows = await self._single.written(prepared, values)
        except Broken:
            return None
        return seen.view(rows[0]) if rows else None


class PostgresWork:
    """The `Work` port in one transaction."""

    def __init__(self, store: "PostgresStore", turn: Turn) -> None:
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
        await self._turn.keep()


class PostgresStore:
    """The `Store` port on a PostgreSQL database that holds the built-in tables and the specification's."""

    def __init__(self, url: str, tables: Tables, limits: Limits | None = None, *, tells_time: bool = False) -> None:
        """Prepare everything; the first connection is opened when it is needed.

        `tells_time`: rules are judged by our clock, in a database that was made for that (see `policies.TOLD_CLOCK`).
        """
        self.statements = PostgresStatements(tables, DIALECT)
        self._tells_time = tells_time
        self.memberships = MembershipStatements(DIALECT)
        self.identity = IdentityStatements(DIALECT)
        self.mail = MailStatements(DIALECT)
        self.invitation_statements = InvitationStatements(DIALECT)
        self.transfer_statements = TransferStatements(DIALECT)
        self.idempotency = IdempotencyStatements(DIALECT)
        self._pool = Pool(url, limits or Limits())
        self._single = Single(self._pool, tells_time)
        self._works: set[Turn] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        for _ in self.statements.most_asked():
            pass  # built and kept
        self.records = SqlRecords(self.statements, self.memberships, self._single)
        # behind a pooler a transaction begins with what it wants to be: how it is isolated, how long it may take
        pooler = limits is not None and limits.pooler
        self.plain = None if pooler else PostgresPlainWrites(self.statements, self._single)
        self.accounts = SqlAccounts(self.identity, self._single)
        self.sessions = SqlSessions(self.identity, self._single)
        self.letters = SqlLetters(self.mail, self._single)
        self.invitations = SqlInvitations(self.statements, self.invitation_statements, self.records, self._single)
        self.transfers = SqlTransfers(self.statements, self.transfer_statements, self.records, self._single)
        self.second_factors = SqlSecondFactors(self.identity, self._single)
        self.api_keys = SqlApiKeys(self.identity, self._single)
        self.audit = SqlAudit(self.identity, self._single)

    @asynccontextmanager
    async def work(self, alone: str | None = None) -> AsyncIterator[PostgresWork]:
        """See the port. The lock ends with the transaction, when others see what it wrote."""
        turn = Turn(self._pool, self._tells_time)
        async with self._taking(turn) as work:
            if alone is not None:
                number = int(alone[:16], 16) - 2**63
                ((free,),) = await turn.rows(self.idempotency.claim, {"number": number})
                if not free:
                    raise in_progress()
            yield work

    @asynccontextmanager
    async def instant(self) -> AsyncIterator[PostgresWork]:
        """See the port."""
        async with self._taking(Still(self._pool, self._tells_time)) as still:
            yield still

    @asynccontextmanager
    async def _taking(self, turn: Turn) -> AsyncIterator[PostgresWork]:
        self._works.add(turn)
        self._idle.clear()
        try:
            yield PostgresWork(self, turn)
        finally:
            if turn.connection is not None and turn.connection.is_in_transaction():
                # in a task of its own: whoever is cancelled here leaves a connection that others can use
                await asyncio.shield(asyncio.get_running_loop().create_task(self._undo(turn)))
            else:
                self._end(turn)

    async def _undo(self, turn: Turn) -> None:
        try:
            async with asyncio.timeout(UNDO_SECONDS):
                await turn.connection.execute("ROLLBACK")
        except (*ERRORS, TimeoutError):
            turn.connection.terminate()
        finally:
            self._end(turn)

    def _end(self, turn: Turn) -> None:
        if turn.connection is not None:
            self._pool.give(turn.connection)
        self._works.discard(turn)
        if not self._works:
            self._idle.set()

    def watch(self, told: Callable[[str], None] | None) -> None:
        """Tell each statement to somebody before it runs; nobody for None."""
        self._pool.watch(told)

    @property
    def use(self) -> Use:
        """How connections are used now."""
        return self._pool.use

    async def ready(self) -> bool:
        """See the port."""
        try:
            await self._single.rows(self.identity.ready, {})
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """See the port."""
        await self._idle.wait()
        await self._pool.close()
