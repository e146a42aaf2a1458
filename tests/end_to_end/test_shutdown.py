"""SIGTERM to a served process: what was begun ends with its answer, nobody new is let in, and the code is 0."""

import contextlib
import fcntl
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from entrypoints import projects
from tests.postgres import Server, beside
from tests.serving import Served, make_tables, process

SPECIFICATION = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
"""
BODY = b'{"title":"slow"}'
PATIENCE = 10
"""seconds"""
Holding = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[str, Holding]]:
    """The URL of a database with tables, and how to keep everybody else from writing to it."""
    if request.param == "sqlite":
        path = folder / "freehold.db"
        with process(folder, "dev", "--yes"):
            pass
        projects.settle(folder, path, "tests")
        yield f"sqlite:///{path}", partial(_holding_file, path)
        return
    server: Server = request.getfixturevalue("postgres_server")
    database = server.new()
    make_tables(folder, database)
    yield database.url, partial(_holding_table, database.superuser_url)
    server.drop(database)


@contextmanager
def _holding_file(path: Path) -> Iterator[None]:
    """As another worker does that writes."""
    with Path(f"{path}-lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _holding_table(url: str) -> Iterator[None]:
    held, let_go = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE notes IN SHARE MODE")
            held.set()
            while not let_go.is_set():
                await connection.fetch("SELECT pg_sleep(0.02)")
        await connection.close()

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(beside, hold)
        assert held.wait(PATIENCE)
        try:
            yield
        finally:
            let_go.set()
            holding.result(PATIENCE)


def connected(served: Served) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def refused(served: Served) -> bool:
    """Whether nobody listens any more."""
    try:
        connected(served).close()
    except ConnectionRefusedError:
        return True
    return False


def until(happened: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def sign_in(served: Served) -> str:
    """An access token, of an account that is made where it is not there."""
    body = {"email": "mary@example.com", "password": "correct horse"}
    made = httpx.post(f"{served.url}/auth/register", json=body, timeout=PATIENCE)
    if made.status_code == 409:
        made = httpx.post(f"{served.url}/auth/login", json=body, timeout=PATIENCE)
    return str(made.json()["access_token"])


@contextmanager
def posting(served: Served, token: str, how_many: int) -> Iterator[list[socket.socket]]:
    """Connections whose request to make a note the app waits for: all but the body was sent, and asked for."""
    head = (
        "POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(connected(served)) for _ in range(how_many)]
        for each in made:
            each.sendall(head.encode())
            assert each.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield made


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_begun_is_answered_and_nobody_new_is_let_in(
    workers: int, folder: Path, place: tuple[str, Holding]
) -> None:
    """Also where the client is slow, or the database is."""
    url, holding = place
    with process(folder, "serve", "--database", url, "--workers", str(workers)) as served:
        with posting(served, sign_in(served), 8) as sockets:
            with holding():
                for each in sockets[:4]:
                    each.sendall(BODY)
                served.process.send_signal(signal.SIGTERM)
            until(lambda: refused(served), "new connections are let in")
            assert served.process.poll() is None, "it did not wait for what was begun"
            for each in sockets[4:]:
                each.sendall(BODY)
            for each in sockets:
                assert each.recv(4096).startswith(b"HTTP/1.1 201 "), "what was begun got no answer"
        assert served.process.wait(PATIENCE) == 0, served.log.read_text()
    with process(folder, "serve", "--database", url) as served:
        token = {"authorization": f"Bearer {sign_in(served)}"}
        found = httpx.get(f"{served.url}/v1/notes", headers=token).json()["items"]
        assert len(found) == 8, "an answer was given for what was not kept"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_that_never_goes_on_is_not_waited_for(workers: int, folder: Path, place: tuple[str, Holding]) -> None:
    url, _ = place
    options = ("serve", "--database", url, "--workers", str(workers))
    with (
        process(folder, *options, shutdown_timeout="1") as served,
        posting(served, sign_in(served), 1) as (each,),
    ):
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0, served.log.read_text()
        assert b" 201 " not in each.recv(4096)


def test_a_process_without_requests_ends_at_once(folder: Path, place: tuple[str, Holding]) -> None:
    url, _ = place
    for how in (signal.SIGTERM, signal.SIGINT):
        with process(folder, "serve", "--database", url) as served:
            served.process.send_signal(how)
            assert served.process.wait(PATIENCE) == 0, served.log.read_text()
