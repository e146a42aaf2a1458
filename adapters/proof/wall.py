"""PostgreSQL for the proof: a database of its own, worlds put past the policies, and the policies asked by themselves.

Two roles use it as in production. The application's serves, and its raw SQL without a WHERE shows what row-level
security alone lets a caller do. The owner's makes the tables and puts worlds there. Never for serving.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import Connection

from adapters.persistence.sql import postgres_schema
from adapters.persistence.sql.builtin import InvitationRow, MembershipRow, OfferRow, table_of
from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.definers import SCHEMA, quoted, text_literal
from adapters.persistence.sql.filling import emptying, filling
from adapters.persistence.sql.inspection import APP_REVISIONS, APP_TEXT, REVISIONS
from adapters.persistence.sql.migrating import within
from adapters.persistence.sql.policies import TOLD_CLOCK
from adapters.persistence.sql.pool import Limits, Pool, Server
from adapters.persistence.sql.postgres import DIALECT, PostgresStore, Single, positional
from adapters.persistence.sql.records import SqlRecords
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.upkeep import Upkeep
from adapters.persistence.sql.views import stored_time
from application.proof.attempts import Decisions
from domain.errors import SchemaDiffers
from domain.ownership import Actor
from domain.session import Session
from domain.snapshot import Snapshot

_GIVEN = " UNION ALL ".join(
    f"SELECT resource, record, '{what} ' || {whose} FROM {table_of(row).name}"  # noqa: S608 - names of ours
    for what, whose, row in (
        ("member", "account", MembershipRow),
        ("invitation", "id", InvitationRow),
        ("offer", "id", OfferRow),
    )
)
_ANYTHING = f"""
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = '{SCHEMA}' LIMIT 1
"""  # noqa: S608 - a name of ours
_TABLES = f"""
SELECT relname::text, relrowsecurity, relforcerowsecurity FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
AND relname NOT IN ('{REVISIONS}', '{APP_REVISIONS}', '{APP_TEXT}') ORDER BY 1
"""  # noqa: S608 - a name of ours
_KEYS = """
SELECT conrelid::regclass::text, conname::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""


@contextmanager
def proving_database(place: Server, tables: Tables) -> Iterator[None]:
    """The tables of a specification in a database that holds nothing before, and nothing afterwards.

    Raises `SchemaDiffers` where it holds something, or where its roles are not those of a service.
    """
    if place.owner_url == place.url:
        raise SchemaDiffers(f"{place} is proved in two roles, and only one is named.")
    within(place.owner_url, lambda connection: _require_empty(connection, place))
    try:
        # time is the proof's
        Upkeep(place, moment=TOLD_CLOCK).develop(tables)
        within(place.owner_url, _defer_keys)
        if (unfit := postgres_schema.unfit(place.url)) is not None:
            raise SchemaDiffers(unfit)
        yield
    finally:
        within(place.owner_url, _clear)


def _require_empty(connection: Connection, place: Server) -> None:
    found = connection.exec_driver_sql(_ANYTHING).scalar()
    if found is not None:
        raise SchemaDiffers(
            f"{place} is not empty: it holds `{found}`. A proof needs a database for itself, which it empties."
        )


def _defer_keys(connection: Connection) -> None:
    """Keys are checked as before, unless a transaction asks to have that done at its end: as those that fill do."""
    for table, key in list(connection.exec_driver_sql(_KEYS)):
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER CONSTRAINT {quoted(key)} DEFERRABLE")


def _clear(connection: Connection) -> None:
    connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    every = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    for (table,) in list(connection.exec_driver_sql(every)):
        connection.exec_driver_sql(f"DROP TABLE {quoted(table)} CASCADE")


class Wall:
    """A database with row-level security that is the proof's own."""

    def __init__(self, place: Server, store: PostgresStore) -> None:
        """`store` serves from it."""
        self._tables = store.statements.tables
        self._application, self._owner = Pool(place.url, Limits(size=1)), Pool(place.owner_url, Limits(size=1))
        # a compiled rule is asked of every record, also of those that policies hide
        self._unhidden = SqlRecords(store.statements, store.memberships, Single(self._owner, tells_time=True))

    async def hold(self, snapshot: Snapshot, sessions: Iterable[Session]) -> None:
        """Hold exactly this world, and nothing of before but the signing keys."""
        everything = (f"{Prepared(statement, DIALECT).sql};" for statement in reversed([*emptying(self._tables)]))
        async with _transaction(self._owner) as connection:
            await connection.execute(f"SET CONSTRAINTS ALL DEFERRED; {' '.join(everything)}")
            for statement, rows in filling(self._tables, snapshot, sessions):
                if rows:
                    prepared = Prepared(statement, DIALECT)
                    await connection.executemany(prepared.sql, [positional(prepared, row) for row in rows])
            await connection.execute("COMMIT")

    async def decisions(self, actor: Actor, resource: str, now: datetime) -> Decisions:
        """See `Laboratory`."""
        return await self._unhidden.decisions(actor, resource, now)

    async def policies(self, actor: Actor, ids: Mapping[str, Sequence[str]], now: datetime) -> Mapping[str, Decisions]:
        """See `Laboratory`."""
        tables = {name: quoted(self._tables.of[name].name) for name in ids}
        every = " UNION ALL ".join(f"SELECT '{name}', id FROM {table}" for name, table in tables.items())  # noqa: S608
        shown = " ".join(each for found in ids.values() for each in found)
        found: dict[str, dict[str, dict[str, bool]]] = {name: {each: {} for each in ids[name]} for name in ids}
        account = "" if actor.link is not None else actor.account or "anonymous"
        asked = {"app.account": account, "app.link": actor.link or "", "app.now": stored_time(now)}
        async with _transaction(self._application) as connection:
            await _say(connection, asked)
            _note(found, "read", await connection.fetch(every))
            for resource, record, given in await connection.fetch(_GIVEN):
                found[resource].setdefault(record, {})[given] = True
            await _say(connection, {"app.presented": shown})
            _note(found, "open", await connection.fetch(every))
            for name, table in tables.items():
                changed = await connection.fetch(f"SELECT '{name}', id FROM {table} FOR UPDATE")  # noqa: S608
                here = {name: found[name]}
                _note(here, "change", changed)
                _note(here, "delete", await _deleted(connection, name, table, ids[name]))
        return found

    async def unguarded(self) -> Sequence[str]:
        """See `Laboratory`."""
        found = []
        async with _transaction(self._application) as connection:
            tables = await connection.fetch(_TABLES)
            for table, enabled, forced in tables:
                if not enabled:
                    found.append(f"Table `{table}` has no row-level security.")
                elif not forced:
                    found.append(f"Table `{table}` does not force row-level security on its owner.")
            counts = " UNION ALL ".join(
                f"SELECT {text_literal(table)}, count(*) FROM {quoted(table)}"  # noqa: S608 - names of ours
                for table, _, _ in tables
            )
            found += [
                f"Table `{table}` shows {count} rows while nobody is named as the caller."
                for table, count in await connection.fetch(counts)
                if count
            ]
        return found

    async def close(self) -> None:
        """Let go of the connections."""
        await self._application.close()
        await self._owner.close()


@asynccontextmanager
async def _transaction(pool: Pool) -> Any:
    """A connection in a transaction, which is undone unless it was committed."""
    connection = await pool.take()
    try:
        await connection.execute("BEGIN")
        yield connection
    finally:
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        pool.give(connection)


async def _say(connection: Any, settings: Mapping[str, str]) -> None:
    parts = ", ".join(f"set_config('{name}', {text_literal(value)}, true)" for name, value in settings.items())
    await connection.execute(f"SELECT {parts}")


def _note(found: dict[str, dict[str, dict[str, bool]]], rule: str, rows: Iterable[Any]) -> None:
    allowed = {(name, record) for name, record in rows}
    for name, records in found.items():
        for record in {*records, *(record for at, record in allowed if at == name)}:
            records.setdefault(record, {})[rule] = (name, record) in allowed


async def _deleted(connection: Any, name: str, table: str, ids: Sequence[str]) -> list[tuple[str, str]]:
    """What can be deleted, all at once; where a key forbids that, one by one. Keys come after policies."""
    await connection.execute("SAVEPOINT deleting")
    try:
        with suppress(asyncpg.IntegrityConstraintViolationError):
            gone = await connection.fetch(f"DELETE FROM {table} RETURNING id")  # noqa: S608
            return [(name, row[0]) for row in gone]
        return [(name, each) for each in ids if await _goes(connection, table, each)]
    finally:
        await connection.execute("ROLLBACK TO deleting")


async def _goes(connection: Any, table: str, record: str) -> bool:
    await connection.execute("ROLLBACK TO deleting")
    try:
        gone: str = await connection.execute(f"DELETE FROM {table} WHERE id = {text_literal(record)}")  # noqa: S608
    except asyncpg.IntegrityConstraintViolationError:
        return True
    return gone != "DELETE 0"
