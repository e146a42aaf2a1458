"""A project served by a process of its own over a real socket: on SQLite by `dev`, on PostgreSQL as in production."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.persistence.sql import migrating, postgres_schema
from adapters.persistence.sql.policies import TOLD_CLOCK
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.tables import Tables, build
from adapters.specification_file import load
from entrypoints import projects
from tests.postgres import APPLICATION, Server, Throwaway

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 30.0
"""Seconds a server may take to be ready."""


def bring_up(database: Throwaway, tables: Tables) -> None:
    """Make the tables of a PostgreSQL database, as their owner; rules are judged by the store's clock."""
    migrating.upgrade(database.migration_url)
    postgres_schema.adjust(database.migration_url, tables, allow_losses=False, role=APPLICATION, moment=TOLD_CLOCK)


@contextmanager
def serving(folder: Path, postgres: Server | None) -> Iterator[str]:
    """Serve the `freehold.yaml` of a folder with a new database: an SQLite file in the folder, or one of the server's.

    Yields the URL. Raises `RuntimeError` with the log when the process is never ready.
    """
    if postgres is None:
        with process(folder, "dev", "--yes") as served:
            yield served.url
        return
    database = postgres.new()
    try:
        make_tables(folder, database)
        with process(folder, "serve", "--database", database.url) as served:
            yield served.url
    finally:
        postgres.drop(database)


def make_tables(folder: Path, database: Throwaway) -> None:
    """Those of the folder's `freehold.yaml`; rules are judged by the database's own clock."""
    place = Place(database.url, database.migration_url)
    projects.bring_up(place, build(load(folder / "freehold.yaml")), allow_losses=False)


@dataclass(frozen=True)
class Served:
    """A process that serves."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def process(folder: Path, command: str, *options: str, **settings: str) -> Iterator[Served]:
    """Run `freehold dev` or `serve` on a port of its own, with `FREEHOLD_` settings by their lower-case names."""
    with begun(folder, command, *options, **settings) as served:
        wait_until_ready(served)
        yield served


@contextmanager
def begun(folder: Path, command: str, *options: str, **settings: str) -> Iterator[Served]:
    """See `process`; it may not be ready yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    whole = [sys.executable, "-m", "entrypoints.cli", command, str(folder), "--port", str(port), *options]
    environment = {**os.environ, "FREEHOLD_RATE_LIMITS": "off"}
    environment |= {f"FREEHOLD_{name.upper()}": value for name, value in settings.items()}
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(whole, cwd=PROJECT, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            yield Served(f"http://127.0.0.1:{port}", process, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(served: Served) -> None:
    """Raises `RuntimeError` with the log where that never comes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and served.process.poll() is None:
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"the server is not ready:\n{served.log.read_text(errors='replace')[-3000:]}")
