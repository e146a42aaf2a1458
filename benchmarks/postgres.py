"""A throw-away PostgreSQL for one run, as durable as a real one, and in it a database for each server.

The programs and roles are those of the tests (`tests/postgres.py`). Row-level security binds no superuser, who only
fills here: the owner makes the tables, and each server connects as a role that owns nothing.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from benchmarks.processes import Trouble, cpu_seconds
from tests.postgres import APPLICATION, Server, Throwaway, beside, running

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
CHUNK: Final = 5_000
"""rows that are sent at once"""

Table = tuple[str, Sequence[str], Iterable[Sequence[Any]]]
"""a table's name, names of columns, and rows"""


class Cluster:
    """A running server."""

    def __init__(self, server: Server) -> None:
        """Know it."""
        self._server = server
        self.version: str = server.execute("SHOW server_version")[0][0]

    @contextmanager
    def database(self) -> Iterator["Database"]:
        """A new one for the time being."""
        made = self._server.new()
        try:
            yield Database(made)
        finally:
            self._server.drop(made)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes that live, so far."""
        return cpu_seconds(self._server.process)


class Database:
    """One of its databases."""

    def __init__(self, place: Throwaway) -> None:
        """Know where it is."""
        self.place = place

    def url(self, role: str) -> str:
        """Where it is, for a role of one's own."""
        return self.place.url.replace(f"//{APPLICATION}@", f"//{role}@", 1)

    def script(self, sql: str, url: str | None = None) -> None:
        """Run several statements in one transaction, as superuser unless another URL is named."""
        self._with(lambda connection: connection.execute(sql), url)

    def rows(self, sql: str) -> list[Any]:
        """The rows of a query, as superuser."""
        found: list[Any] = []

        async def fetch(connection: Any) -> None:
            found.extend(await connection.fetch(sql))

        self._with(fetch)
        return found

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

    def _with(self, use: Callable[[Any], Awaitable[None]], url: str | None = None) -> None:
        async def connected() -> None:
            connection = await asyncpg.connect(url or self.place.superuser_url)
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
