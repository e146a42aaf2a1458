"""A throw-away pgbouncer in transaction mode before the tests' PostgreSQL: every transaction may meet another client's.

Debian's package has it. As the server, it never runs as root.
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
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.postgres import APPLICATION, OWNER, START_SECONDS, SUPERUSER, Server, beside, unprivileged

CONNECTIONS = 4
"""to the server, for a role in a database: all clients share this many, and who comes next gets the one just left"""


def program() -> str | None:
    """Where it is, or None."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Pooler:
    """A running pgbouncer."""

    def __init__(self, folder: Path, found: str, server: Server) -> None:
        """Start it in an empty folder."""
        self._as = unprivileged()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        users = folder / "users"
        users.write_text("".join(f'"{role}" ""\n' for role in (SUPERUSER, OWNER, APPLICATION)))
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\nadmin_users = {SUPERUSER}\n"
            f"pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 200\n"
            "server_login_retry = 1\nquery_wait_timeout = 20\n"
        )
        for path in (folder, users, configuration):
            if self._as:
                os.chown(path, self._as["user"], self._as["group"])
        self._command = [found, str(configuration)]
        self._log = folder / "log"
        self.start()

    def start(self) -> None:
        """Start it, again on the same port if it ran before; returns when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/", **self._as)  # noqa: S603
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                beside(self._greet)
            except (OSError, asyncpg.PostgresError):
                running = self._process.poll() is None and time.monotonic() < deadline
                assert running, self._log.read_text(errors="replace")
                time.sleep(0.05)
            else:
                return

    async def _greet(self) -> None:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/pgbouncer"
        connection = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
        await connection.close()

    def stop(self) -> None:
        """End it at once, whoever waits."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.stop()

    def url(self, direct: str) -> str:
        """The same database for the same role, through it."""
        parts = urlsplit(direct)
        return urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}"))


@contextmanager
def pooling(server: Server) -> Iterator[Pooler | None]:
    """A pooler for the time being; None where the machine has none."""
    found = program()
    if found is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="freehold-pgbouncer-") as folder:
        pooler = Pooler(Path(folder), found, server)
        try:
            yield pooler
        finally:
            pooler.close()
