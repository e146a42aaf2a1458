"""A throw-away PostgreSQL for one run, as durable as a real one, and in it a database for each server.

The programs are those that the tests find (`tests/postgres.py`). Row-level security binds no superuser, who only fills
here: `OWNER` makes the tables, and each server connects as a role of its own.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from benchmarks.processes import Trouble, cpu_seconds
from tests.postgres import SUPERUSER, Server, beside, running

SETTINGS: Final = {
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
"""what differs from PostgreSQL's own defaults, and what a reader wants to be sure of"""
OWNER: Final = "bench_owner"
APPLICATION: Final = "bench_application"
CHUNK: Final = 5_000
"""rows that are sent at once"""

Table = tuple[str, Sequence[str], Iterable[Sequence[Any]]]
"""a table's name, names of columns, and rows"""


class Cluster:
    """A running server."""

    def __init__(self, server: Server) -> None:
        """Make the roles."""
        self._server = server
        for role in (OWNER, APPLICATION):
            server.execute(f"CREATE ROLE {role} LOGIN")
        self.version: str = server.execute("SHOW server_version")[0][0]

    @contextmanager
    def database(self) -> Iterator["Database"]:
        """A new one for the time being, which belongs to `OWNER`."""
        name = self._server.new()
        try:
            self._server.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}")
            self._server.execute(f"ALTER SCHEMA public OWNER TO {OWNER}", name)
            yield Database(self._server, name)
        finally:
            self._server.drop(name)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes that live, so far."""
        return cpu_seconds(self._server.process)


class Database:
    """One of its databases."""

    def __init__(self, server: Server, name: str) -> None:
        """Know where it is."""
        self._server = server
        self._name = name

    def url(self, role: str) -> str:
        """Where it is, for a role."""
        return re.sub(f"//{SUPERUSER}@", f"//{role}@", self._server.url(self._name))

    def script(self, sql: str, role: str = SUPERUSER) -> None:
        """Run several statements in one transaction."""
        self._with(lambda connection: connection.execute(sql), role)

    def rows(self, sql: str) -> list[Any]:
        """The rows of a query, as superuser."""
        return self._server.execute(sql, self._name)

    def fill(self, tables: Iterable[Table]) -> None:
        """Copy rows into tables, in one transaction and as superuser, and let PostgreSQL get to know them.

        Foreign keys are taken on trust, so that rows may come in any order.
        """

        async def copy(connection: Any) -> None:
            async with connection.transaction():
                await connection.execute("SET LOCAL session_replication_role = replica")
                for name, columns, rows in tables:
                    await connection.copy_to_table(
                        name.rpartition(".")[2],
                        schema_name=name.rpartition(".")[0] or None,
                        columns=columns,
                        source=_lines(rows),
                        format="csv",
                    )

        self._with(copy)
        for sql in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            self.rows(sql)

    def _with(self, use: Any, role: str = SUPERUSER) -> None:
        async def connected() -> None:
            connection = await asyncpg.connect(self.url(role))
            try:
                await use(connection)
            finally:
                await connection.close()

        beside(connected)


async def _lines(rows: Iterable[Sequence[Any]]) -> AsyncIterator[bytes]:
    """Rows as CSV; None is nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % CHUNK == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server for the time being. Raises `Trouble` where the machine has no PostgreSQL."""
    with running(SETTINGS) as server:
        if server is None:
            raise Trouble("there are no programs of PostgreSQL here: `apt install postgresql`")
        yield Cluster(server)
