"""Brings the built-in tables of a database up to date with Alembic, in one transaction."""

import asyncio
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.persistence.sql.dialects import DECIMAL_COLLATION
from adapters.persistence.sql.pool import ERRORS
from adapters.persistence.sql.sqlite import compare_decimals
from domain.errors import SchemaDiffers

T = TypeVar("T")
MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Apply every revision that the database lacks, all or none; an SQLite file is made where it is not there.

    Raises `SchemaDiffers` where the database cannot be read, or is of a newer Freehold.
    """
    path = make_url(url).database
    if url.startswith("sqlite") and path and not Path(path).exists():
        # SQLite would let everybody read it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    within(url, _upgrade)


def _upgrade(connection: Connection) -> None:
    present = _revision(connection)
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if present is not None and present not in known:
        raise SchemaDiffers(f"The database is of a newer Freehold: its revision `{present}` is not known here.")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Whether an existing database is at the revision that this version of Freehold needs. Only reads."""
    return reading(url, built_in_current)


def built_in_current(connection: Connection) -> bool:
    """See `is_current`."""
    return _revision(connection) == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def sql(url: str, *, fresh: bool) -> str:
    """What an upgrade would run; `fresh`: of a database that holds nothing yet."""
    since = None if fresh else within(url, _revision)
    output = io.StringIO()
    typed = not url.startswith("sqlite")
    config = Config(attributes={"url": "postgresql+asyncpg://" if typed else "sqlite://"}, output_buffer=output)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, f"{since}:head" if since else "head", sql=True)
    return output.getvalue()


def reading(url: str, read: Callable[[Connection], T]) -> T:
    """Read something of an existing database. Raises `SchemaDiffers` where that fails."""
    if not url.startswith("sqlite"):
        return within(url, read)
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return read(connection)
    except DatabaseError as error:
        raise SchemaDiffers(f"The database cannot be read: {error.orig}.") from error
    finally:
        engine.dispose()


def within(url: str, do: Callable[[Connection], T]) -> T:
    """Do something in one transaction of a database. Raises `SchemaDiffers` where the database refuses."""
    if url.startswith("sqlite"):
        with migration(url) as connection:
            return do(connection)
    with ThreadPoolExecutor(1) as thread:
        # whoever calls may be inside an event loop already
        return thread.submit(asyncio.run, _within_postgresql(url, do)).result()


async def _within_postgresql(url: str, do: Callable[[Connection], T]) -> T:
    # nothing is prepared under a name: where a pooler stands in between, others get the connection afterwards
    nameless = {"prepared_statement_name_func": str, "prepared_statement_cache_size": 0, "statement_cache_size": 0}
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool, connect_args=nameless
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_alone)
            return await connection.run_sync(do)
    except DBAPIError as error:
        raise SchemaDiffers(f"The database refuses: {error.orig}.") from error
    except ERRORS as error:
        # what goes wrong before there is a connection reaches us as the driver says it
        raise SchemaDiffers(f"The database does not let us in: {error}.") from error
    finally:
        await engine.dispose()


def _alone(connection: Connection) -> None:
    """Hold off everybody else who would change tables, until the transaction ends."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('freehold tables'))")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def migration(url: str) -> Iterator[Connection]:
    """A connection in one transaction that holds off other writers, with foreign keys checked at its end.

    With foreign keys on, SQLite would delete what refers to a table when that is made anew.
    """
    engine = create_engine(url, poolclass=NullPool)
    embedded = engine.dialect.name == "sqlite"
    if embedded:
        event.listen(engine, "connect", _without_foreign_keys)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            yield connection
            if embedded and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise SchemaDiffers("The migration would leave rows that refer to missing ones; nothing was changed.")
    except DatabaseError as error:
        raise SchemaDiffers(f"The database cannot be migrated: {error.orig}.") from error
    finally:
        engine.dispose()


def _without_foreign_keys(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=OFF")
    # a table that is set aside takes no reference along
    connection.execute("PRAGMA legacy_alter_table=ON")
    connection.create_collation(DECIMAL_COLLATION, compare_decimals)
