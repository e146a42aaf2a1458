"""The service as it is deployed: one worker or two, on SQLite or PostgreSQL, with mail; all that it ever handed out."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiosmtpd.smtp import SMTP, Envelope

from tests.postgres import Server, Throwaway, beside
from tests.serving import PROJECT, Served, make_tables, process

SPECIFICATION = """\
app: trial
staff: clerk
resources:
  note:
    owner: account
    roles: editor > viewer
    fields: {title: text, state: "one of open, paid"}
    can: {create: signed in, read: [owner, viewer, staff.clerk], update: [owner, editor], delete: owner, share: owner}
    steps: {state: {open -> paid: engine}}
"""
SECRET = "one secret for the deployments of the tests"
PASSWORD, NEXT = "correct horse battery", "another horse, another staple"
PATIENCE = 30.0
"""seconds in which a mail has to come"""


class Inbox:
    """What a mail server on loopback was given."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        """See aiosmtpd."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append((envelope.rcpt_tos[0], content.decode()))
        return "250 OK"

    def link(self, to: str, after: int = 0) -> str:
        """The token of the newest link to an address, of mails behind the first `after`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for address, text in reversed(self.mails[after:]):
                found = re.search(r"#token=([A-Za-z0-9_-]+)", text.replace("=\r\n", "").replace("=3D", "="))
                if address == to and found:
                    return found[1]
            time.sleep(0.05)
        raise AssertionError(f"no link came to {to}")


@dataclass
class Deployment:
    """A running service and its surroundings."""

    served: Served
    folder: Path
    inbox: Inbox
    settings: dict[str, str]
    database: Throwaway | None
    handed_out: set[str] = field(default_factory=set)
    """every token, password, code and key that was shown or sent"""
    people: int = 0

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Each request on a connection of its own, so that it reaches any worker."""
        return httpx.AsyncClient(base_url=self.served.url, headers={"connection": "close", **headers}, timeout=60)

    def command(self, *arguments: str) -> Any:
        """What `freehold … --json` says, as the operator runs it."""
        whole = [sys.executable, "-m", "entrypoints.cli", *arguments, str(self.folder), "--json"]
        environment = {**os.environ, **{f"FREEHOLD_{name.upper()}": value for name, value in self.settings.items()}}
        done = subprocess.run(whole, cwd=PROJECT, env=environment, capture_output=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def kept(self) -> bytes:
        """Everything in the database: the bytes of its files, or every value of every table with what a dump says."""
        if self.database is None:
            return b"".join(path.read_bytes() for path in sorted(self.folder.glob("freehold.db*")))
        return bytes(beside(lambda: _tables(self.database.superuser_url)))  # type: ignore[union-attr]

    def logged(self) -> bytes:
        """All that the service wrote."""
        return b"".join(path.read_bytes() for path in self.folder.glob("*.log"))


async def _tables(url: str) -> bytes:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'm') "
            "AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
        )
        found = [await connection.fetch(f"SELECT whole::text FROM {table} AS whole") for (table,) in tables]  # noqa: S608
        comments = await connection.fetch("SELECT description FROM pg_description")
    finally:
        await connection.close()
    return "\n".join(row[0] for rows in (*found, comments) for row in rows).encode()


@contextmanager
def listening(inbox: Inbox) -> Iterator[int]:
    """A mail server on a thread of its own; its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(inbox, hostname="localhost"), "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def deployed(folder: Path, workers: int, server: Server | None) -> Iterator[Deployment]:
    """Serve, with mail to a server on loopback."""
    (folder / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
    inbox = Inbox()
    with ExitStack() as stack:
        port = stack.enter_context(listening(inbox))
        settings = {
            "secret": SECRET,
            "smtp_url": f"smtp://127.0.0.1:{port}",
            "mail_from": "trial@example.com",
            "public_url": "https://trial.example.com",
        }
        database = None
        if server is None:
            make_tables(folder, folder / "freehold.db")
            settings["database_url"] = f"sqlite:///{folder / 'freehold.db'}"
        else:
            database = server.new()
            stack.callback(server.drop, database)
            make_tables(folder, database)
            settings["database_url"] = database.url
        served = stack.enter_context(process(folder, "serve", "--workers", str(workers), **settings))
        if database is not None:
            settings["migration_url"] = database.migration_url
        yield Deployment(served, folder, inbox, settings, database)
