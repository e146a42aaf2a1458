"""A project served by a process of its own over a real socket: on SQLite by `dev`, on PostgreSQL as in production."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from adapters.persistence.sql.policies import TOLD_CLOCK
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.upkeep import Upkeep
from adapters.specification_file import load
from domain.specification.questions import open_questions
from entrypoints import projects
from tests.postgres import Server, Throwaway

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 120.0
"""Seconds a server may take to be ready."""
_ONE_AT_A_TIME = Lock()
"""Alembic keeps what it runs on in one place for all threads."""


def bring_up(database: Throwaway, tables: Tables) -> None:
    """Make the tables of a PostgreSQL database, as their owner; rules are judged by the store's clock."""
    with _ONE_AT_A_TIME:
        Upkeep(Place(database.url, database.migration_url), moment=TOLD_CLOCK).develop(tables)


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


def make_tables(folder: Path, database: Throwaway | Path) -> None:
    """Those of the folder's `freehold.yaml`, approved; rules are judged by the database's own clock."""
    _answer(folder / "freehold.yaml")
    place = database if isinstance(database, Path) else Place(database.url, database.migration_url)
    with _ONE_AT_A_TIME:
        projects.settle(folder, place, "tests")


def _answer(file: Path) -> None:
    """Whatever is asked about a specification that is served as it is: it is meant."""
    asked = [
        f"  - {{question: {question.code}, on: {json.dumps(question.on)}, because: it is tried as it is}}\n"
        for question in open_questions(load(file))
    ]
    if asked:
        file.write_text(f"{file.read_text('utf-8').rstrip()}\nanswers:\n{''.join(asked)}", "utf-8")


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
