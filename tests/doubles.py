"""Stand-ins for the ports, and a memory store, for tests of use cases: no database, no hashing, no waiting."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.limits import in_memory
from adapters.persistence.memory import MemoryStore
from adapters.sealing import AesSealer
from adapters.specification_file import parse
from application.ports import Claims
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


def notes() -> Specification:
    """A small specification."""
    return parse("app: notes\nresources:\n  note:\n    owner: account\n    fields:\n      title: text\n")


def memory_store() -> MemoryStore:
    """An empty store."""
    return MemoryStore(notes())
