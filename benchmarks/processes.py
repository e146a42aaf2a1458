"""Starting a server on a core of its own, waiting until it is ready, asking it, weighing it, stopping it by its id."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
START: Final = 60.0
"""seconds until a server counts as not starting"""
STOP: Final = 15.0
"""seconds between asking a server to end and ending it"""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Trouble(Exception):
    """Why one server cannot be measured; the others still can."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: Any


# ---- cores ---------------------------------------------------------------------------------------------------------


def cores() -> tuple[int, int] | None:
    """A core for the server and another one for the load, or None where this system cannot or has not two."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else None


@contextlib.contextmanager
def on(core: int | None) -> Iterator[None]:
    """What is started in here runs on one core, and knows it from its first instruction."""
    if core is None:
        yield
        return
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


# ---- one server ----------------------------------------------------------------------------------------------------


class Process:
    """A server that was started; leave its `with` block to stop it."""

    def __init__(self, command: Sequence[str], settings: Mapping[str, str], log: Path) -> None:
        """Start; what it prints goes to the log."""
        self.log = log
        self._begun = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "Process":
        """Use until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def wait_until_ready(self, port: int, path: str) -> float:
        """Return the seconds from start to the first 200. Raises `Trouble` with the end of the log."""
        while time.monotonic() - self._begun < START:
            if self._process.poll() is not None:
                raise Trouble(
                    f"ended with exit code {self._process.returncode} before it was ready:\n{self.last_words()}"
                )
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(port, "GET", path).status == 200:
                    return time.monotonic() - self._begun
            time.sleep(0.005)
        raise Trouble(f"not ready after {START:.0f} s:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-15:]) or "(it printed nothing)"

    def memory(self) -> dict[str, float] | None:
        """Megabytes of it and its children: resident, and of these its own (not of files). None off Linux."""
        found = {"resident": 0.0, "own": 0.0}
        for process in _family(self._process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{process}/status").read_text().splitlines():
                    for name, key in (("VmRSS:", "resident"), ("RssAnon:", "own")):
                        if line.startswith(name):
                            found[key] += int(line.split()[1]) / 1024
        return {key: round(value, 1) for key, value in found.items()} if found["resident"] else None

    def cpu_seconds(self) -> float:
        """Processor time of it and its children so far; 0 off Linux."""
        return cpu_seconds(self._process.pid)

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def cpu_seconds(process: int) -> float:
    """Processor time of a process and its children so far, also of those that ended; 0 off Linux."""
    total = 0
    for member in _family(process):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / _TICKS


def _family(process: int) -> Iterator[int]:
    waiting = [process]
    while waiting:
        process = waiting.pop()
        yield process
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += [int(child) for child in children.read_text().split()]


# ---- asking --------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def ask(
    port: int,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
    further: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request, with `further` headers, and read the JSON that comes back.

    Raises `OSError` or `HTTPException`.
    """
    headers = dict(further or {}) | ({} if body is None else {"Content-Type": "application/json"})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    try:
        return Answer(response.status, json.loads(text) if text else None)
    except ValueError:
        return Answer(response.status, text.decode(errors="replace"))
