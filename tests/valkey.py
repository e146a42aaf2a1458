"""A throw-away Valkey or Redis server for tests: a program that the machine has, a free port of this machine.

`FREEHOLD_TEST_VALKEY` names the program, or is `off`. Unset, `valkey-server` is looked for, then `redis-server`.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkey

SWITCH = "FREEHOLD_TEST_VALKEY"
START_SECONDS = 30


def program() -> str | None:
    """Where the server's program is, or None."""
    asked = os.environ.get(SWITCH)
    if asked == "off":
        return None
    return shutil.which(asked) if asked else shutil.which("valkey-server") or shutil.which("redis-server")


class Server:
    """A running server that keeps nothing on the disk."""

    def __init__(self, command: str, folder: Path) -> None:
        """Choose a port and start it."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._command = [command, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, empty, on the same port; returns when it answers."""
        self._process = subprocess.Popen(  # noqa: S603
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client().ping()
            except valkey.ValkeyError:
                assert self._process.poll() is None, "the server did not start"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.02)
            else:
                return

    def client(self) -> valkey.Valkey:
        """A connection of the test's own."""
        return valkey.Valkey(port=self.port)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait(30)

    def hang(self) -> None:
        """Let it accept and never answer."""
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.kill()


@contextmanager
def running() -> Iterator[Server | None]:
    """A server for the time being; None where the machine has none."""
    command = program()
    if command is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="freehold-valkey-"))
    server = Server(command, folder)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
