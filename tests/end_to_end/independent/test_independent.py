"""The real server, walked over at random under many specifications; a difference fails with its story.

Two servers run at a time, each walked by its own thread; every test waits for its own walk.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from .random_specs import random_specification
from .specs import SPECIFICATIONS
from .walk import DifferenceError, walk

PROJECT = Path(__file__).parents[3]
EXAMPLES = {path.parent.name: path.read_text("utf-8") for path in sorted(PROJECT.glob("examples/*/freehold.yaml"))}
RANDOM = {f"random {seed}": random_specification(seed) for seed in (1, 2, 3, 4)}
TEXTS = EXAMPLES | SPECIFICATIONS | RANDOM
SEED = 1
STEPS = 50
AT_A_TIME = 2
PATIENCE = 30.0
"""Seconds a server may take to be ready."""


@contextmanager
def serving(text: str, folder: Path) -> Iterator[str]:
    """Serve a specification from an empty folder, as a subprocess; yields its URL."""
    folder.joinpath("freehold.yaml").write_text(text, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "entrypoints.cli", "dev", str(folder), "--port", str(port), "--yes"]
    environment = {**os.environ, "FREEHOLD_RATE_LIMITS": "off"}
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            wait_until_ready(server, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when `/health/ready` answers 200; `RuntimeError` with the log when it never does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
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


def walk_over(text: str, folder: Path) -> str:
    """Serve and walk; the story of the first difference, or nothing."""
    with serving(text, folder) as url:
        try:
            walk(url, text, STEPS, SEED, sample=1)
        except DifferenceError as difference:
            return str(difference)
    return ""


@pytest.fixture(scope="module")
def walks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """Every walk that a selected test waits for, under way."""
    here = [item for item in request.session.items if item.path == request.path]
    names = [
        str(item.callspec.params["name"])
        for item in here
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    pool = ThreadPoolExecutor(AT_A_TIME)
    yield {name: pool.submit(walk_over, TEXTS[name], tmp_path_factory.mktemp("walk")) for name in names}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", TEXTS)
def test_a_walk_finds_no_difference(name: str, walks: dict[str, Future[str]]) -> None:
    story = walks[name].result()
    if story:
        pytest.fail(story, pytrace=False)
