"""Stand-ins for the ports, and a memory store, for tests of use cases: no database, no hashing, no waiting."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.clock import UuidV7
from adapters.limits import in_memory
from adapters.persistence.memory import MemoryStore
from adapters.sealing import AesSealer
from adapters.specification_file import parse
from application.mailing import Mailing
from application.ports import Claims, Mail, Outgoing, Store
from application.throttles import Throttles
from domain.errors import NotAuthenticated
from domain.specification.model import Specification

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.at = now

    def now(self) -> datetime:
        """See the port."""
        return self.at

    def wait(self, **time: float) -> None:
        """Move on, by what `timedelta` takes."""
        self.at += timedelta(**time)


class PlainPasswords:
    """Lets others go on meanwhile; keeps what it was asked. What it calls old is hashed anew at the next sign-in."""

    def __init__(self) -> None:
        self.verified: list[tuple[str, str | None]] = []

    async def hash(self, password: str) -> str:
        """See the port."""
        await asyncio.sleep(0)
        return f"new {password}"

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """See the port."""
        self.verified.append((password, stored))
        await asyncio.sleep(0)
        right = stored in (f"new {password}", f"old {password}")
        return right, f"new {password}" if right and stored == f"old {password}" else None


class PlainTokens:
    """Access tokens in plain text."""

    lifetime = 900

    def issue(self, account: str, session: str, now: datetime) -> str:
        """See the port."""
        return f"{account} {session}"

    def verify(self, token: str, now: datetime) -> Claims:
        """See the port."""
        account, _, session = token.partition(" ")
        if not session:
            raise NotAuthenticated
        return Claims(account, session)

    def public_keys(self) -> dict[str, Any]:
        """See the port."""
        return {"keys": []}


def no_throttles() -> Throttles:
    """Throttles that let everybody go on."""
    return Throttles(in_memory(), SetClock(), AesSealer(b"a secret for tests", "devices"), on=False, requests=1)


class Postbox:
    """A way out for mail that keeps what it was given; with `away`, the server is."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.away: Exception | None = None

    async def send(self, mail: Mail) -> None:
        """See the port."""
        await asyncio.sleep(0)
        if self.away is not None:
            raise self.away
        self.mails.append(mail)

    def token(self) -> str:
        """Of the link in the last mail."""
        return self.mails[-1].text.partition("#token=")[2].split()[0]


def mailing(store: Store, clock: SetClock | None = None, outgoing: Outgoing | None = None) -> Mailing:
    """The outbox of a store; without a way out, no mail is sent."""
    return Mailing(store, clock or SetClock(), UuidV7(), outgoing, "https://notes.example.com", "notes")


def challenges() -> AesSealer:
    """What carries a sign-in from the password to the code."""
    return AesSealer(b"a secret for tests", "challenges")


def notes() -> Specification:
    """A small specification."""
    return parse("app: notes\nresources:\n  note:\n    owner: account\n    fields:\n      title: text\n")


def memory_store() -> MemoryStore:
    """An empty store."""
    return MemoryStore(notes())
