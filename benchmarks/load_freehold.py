"""Fills a Freehold project; the only file of the benchmark that knows Freehold's tables and how they are made.

200,000 records over the API would take longer than measuring. What is written here is what the API writes, which
`Workload.verify` then asks for over the API.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from adapters.passwords import PasslibPasswords
from adapters.persistence.sql.pool import Server
from adapters.persistence.sql.sqlite import connect
from benchmarks.data import PASSWORD, Data
from benchmarks.postgres import Database, Table
from entrypoints import projects
from tests.postgres import beside

SPECIFICATION: Final = Path(__file__).with_name("freehold.yaml")


def embedded(folder: Path, specification: Path, rows: Iterable[Table]) -> None:
    """Make an empty folder one that `freehold serve` serves, with these rows in its `freehold.db`."""
    database = folder / "freehold.db"
    _make_tables(folder, specification, database)
    with closing(connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("BEGIN")
        for name, columns, values in rows:
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def on_postgres(folder: Path, specification: Path, database: Database, rows: Iterable[Table]) -> None:
    """Make an empty folder and an empty database ones that `freehold serve` serves, with these rows."""
    _make_tables(folder, specification, Server(database.place.url, database.place.migration_url))
    database.fill(rows)


def _make_tables(folder: Path, specification: Path, database: Path | Server) -> None:
    shutil.copyfile(specification, folder / "freehold.yaml")
    projects.settle(folder, database, "benchmarks")


def switch_off_row_level_security(database: Database) -> None:
    """On every table of the specification and of Freehold itself."""
    found = database.rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace")
    for (name,) in found:
        database.script(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY')


def password_hash() -> str:
    """What is stored for `data.PASSWORD`."""
    passwords = PasslibPasswords()
    try:
        return str(beside(lambda: passwords.hash(PASSWORD)))
    finally:
        passwords.close()


def tables_with(data: Data) -> Iterator[Table]:
    """The benchmark's records; each account logs in with `data.PASSWORD`."""
    password = password_hash()
    accounts = ((str(a.id), a.email, password, instant(a.created_at), 0) for a in data.accounts)
    yield "freehold_accounts", ("id", "email", "password_hash", "created_at", "disabled"), accounts
    notebooks = (
        (str(n.id), str(n.owner.id), n.title, at, at) for n in data.notebooks for at in (instant(n.created_at),)
    )
    yield "notebooks", ("id", "owner", "title", "created_at", "updated_at"), notebooks
    members = (("notebook", str(m.notebook.id), str(m.account.id), m.role) for m in data.members)
    yield "freehold_memberships", ("resource", "record", "account", "role"), members
    names = ("id", "owner", "author", "notebook", "title", "body", "status", "created_at", "updated_at")
    yield (
        "notes",
        names,
        (
            (str(n.id), owner, owner, str(n.notebook.id), n.title, data.text(n), n.status, at, at)
            for n in data.notes
            for owner, at in ((str(n.notebook.owner.id), instant(n.created_at)),)
        ),
    )


def instant(at: datetime) -> str:
    """As Freehold stores it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
