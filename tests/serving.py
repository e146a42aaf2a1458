"""A project served by a process of its own over a real socket: on SQLite by `dev`, on PostgreSQL as in production."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.tables import Tables, build
from adapters.specification_file import load
from entrypoints import projects
from tests.postgres import Server, Throwaway

PROJECT = Path(__file__).resolve().parents[1]
PATIENCE = 30.0
"""Seconds a server may take to be ready."""


def bring_up(database: Throwaway, tables: Tables) -> None:
    """Make the tables of a PostgreSQL database, as their owner."""
    projects.bring_up(Place(database.migration_url), tables, allow_losses=False)


@contextmanager
def serving(folder: Path, postgres: Server | None) -> Iterator[str]:
    """Serve the `freehold.yaml` of a folder with a new database: an SQLite file in the folder, or one of the server's.

    Yields the URL. Raises `RuntimeError` with the log when the process is never ready.
    """
    if postgres is None:
        with _process(folder, "dev", "--yes") as url:
            yield url
        return
    database = postgres.new()
    try:
        bring_up(database, build(load(folder / "freehold.yaml")))
        with _process(folder, "serve", "--database", database.url) as url:
            yield url
    finally:
        postgres.drop(database)


@contextmanager
def _process(folder: Path, command: str, *options: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    whole = [sys.executable, "-m", "entrypoints.cli", command, str(folder), "--port", str(port), *options]
    environment = {**os.environ, "FREEHOLD_RATE_LIMITS": "off"}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(whole, cwd=PROJECT, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            _wait_until_ready(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"the server is not ready:\n{log.read_text(errors='replace')[-3000:]}")
