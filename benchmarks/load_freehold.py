"""Fills a Freehold project folder; the only file of the benchmark that knows Freehold's tables and how they are made.

200,000 records over the API would take longer than measuring. What is written here is what the API writes, which
`Workload.verify` then asks for over the API.
"""

import asyncio
import shutil
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from adapters.passwords import PasslibPasswords
from adapters.persistence.sql import tables
from adapters.persistence.sql.sqlite import connect
from adapters.specification_file import load as read_specification
from benchmarks.data import PASSWORD, Data
from entrypoints import projects

SPECIFICATION: Final = Path(__file__).with_name("freehold.yaml")


def load(folder: Path, data: Data) -> None:
    """Make an empty folder one that `freehold serve` serves, with all records of `data` in its `freehold.db`.

    Each account logs in with `data.PASSWORD`.
    """
    shutil.copyfile(SPECIFICATION, folder / "freehold.yaml")
    database = folder / "freehold.db"
    projects.bring_up(database, tables.build(read_specification(folder / "freehold.yaml")), allow_losses=False)
    passwords = PasslibPasswords()
    password = asyncio.run(passwords.hash(PASSWORD))
    passwords.close()
    with closing(connect(database)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) VALUES (?, ?, ?, ?, 0)",
            ((str(a.id), a.email, password, _instant(a.created_at)) for a in data.accounts),
        )
        connection.executemany(
            "INSERT INTO notebooks (id, owner, title, created_at, updated_at) VALUES (?, ?, ?, ?4, ?4)",
            ((str(n.id), str(n.owner.id), n.title, _instant(n.created_at)) for n in data.notebooks),
        )
        connection.executemany(
            "INSERT INTO freehold_memberships (resource, record, account, role) VALUES ('notebook', ?, ?, ?)",
            ((str(m.notebook.id), str(m.account.id), m.role) for m in data.members),
        )
        connection.executemany(
            "INSERT INTO notes (id, owner, author, notebook, title, body, status, created_at, updated_at) "
            "VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            (
                (
                    str(n.id),
                    str(n.notebook.owner.id),
                    str(n.notebook.id),
                    n.title,
                    data.text(n),
                    n.status,
                    _instant(n.created_at),
                )
                for n in data.notes
            ),
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
