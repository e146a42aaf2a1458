"""The memory of a server, run as a process like anybody's, while callers send what they like."""

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints import projects
from tests.attacks.wire import HOST, JSON

PATIENCE = 30.0
"""seconds for a server to start, or to answer"""
SPARE = 48 * 1024
"""kilobytes that it may grow by, all together: a few bodies of a megabyte, and what allocators keep"""
LARGE = 48 * 1024 * 1024
"""bytes of each attack; all are larger than what is spare"""


class Server:
    """`freehold serve` on a project of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    @property
    def memory(self) -> int:
        """Kilobytes of its own."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1])  # type: ignore[index]

    def connect(self) -> socket.socket:
        """A connection that does not wait for ever."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def flood(self, start: bytes, piece: bytes) -> int:
        """Send it until the server hangs up, at most `LARGE` bytes; the largest memory meanwhile."""
        highest, sent = 0, 0
        with self.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(start)
            while sent < LARGE:
                connection.sendall(piece)
                sent += len(piece)
                highest = max(highest, self.memory)
        return highest

    def answers(self) -> bool:
        """Whether it still serves."""
        with self.connect() as connection:
            connection.sendall(b"GET /health/ready HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """It listens on a port that was free."""
    folder = tmp_path / "app"
    projects.make(folder, "notes")
    command = [sys.executable, "-m", "entrypoints.cli"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    log = (tmp_path / "log").open("w+")
    dev = [*command, "dev", str(folder), "--yes", "--port", str(port)]
    process = subprocess.Popen(dev, stdout=log, stderr=log, text=True)  # noqa: S603
    found = Server(process, port)
    try:
        ends = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < ends, "it does not start"
            with contextlib.suppress(OSError):
                if found.answers():
                    break
            time.sleep(0.05)
        yield found
        assert found.answers()
    finally:
        process.terminate()
        process.wait(PATIENCE)
        log.close()
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said
    assert '"level": "error"' not in said


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_no_caller_makes_it_keep_more_than_a_request(server: Server) -> None:
    before = server.memory
    login = b"POST /auth/login HTTP/1.1\r\n" + HOST + JSON
    get = b"GET /health/live HTTP/1.1\r\n" + HOST
    piece = b"a" * 65536
    attacks = {
        "a header without an end": (get + b"X: ", piece),
        "headers without an end": (get, b"X: a\r\n" * 10_000),
        "a path without an end": (b"GET /", piece),
        "a body without an end": (login + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + piece + b"\r\n"),
        "a body beyond its bound": (login + b"Content-Length: 99999999999\r\n\r\n", piece),
        "a body that nobody reads": (get + b"Content-Length: 99999999999\r\n\r\n", piece),
        "a chunk's packaging": (login + b"Transfer-Encoding: chunked\r\n\r\n2;", piece),
        "fields after the body": (login + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", piece),
        "requests ahead": (b"", (get + b"\r\n") * 1000),
        "empty lines": (b"", b"\r\n" * 32768),
    }
    for name, (start, more) in attacks.items():
        assert server.flood(start, more) < before + SPARE, name
    assert server.memory < before + SPARE
