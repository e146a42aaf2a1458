"""A key for a program: it acts as an account, or as the engine, as far as its scope reaches and until it ends."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

ACTIONS = ("read", "create", "update", "delete", "share", "members", "transfer")
"""what a key can be made for; `read` opens, too"""
LONGEST_NAME = 100
"""characters"""
LONGEST_LIFE = timedelta(days=366)
MOST_KEYS = 50
"""living keys of an account"""
USE_NOTED = timedelta(minutes=1)
"""a later use is noted no more often than this"""


@dataclass(frozen=True, slots=True)
class KeyScope:
    """How far a key reaches within what its account may do."""

    key: str
    """the key's id"""
    actions: frozenset[str]
    resources: frozenset[str]

    def covers(self, resource: str, action: str) -> bool:
        """Whether the key is for the action (`open` counts as `read`) on the resource."""
        return resource in self.resources and ("read" if action == "open" else action) in self.actions


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: whoever reads the store cannot use it."""

    id: str
    account: str | None
    """None: it acts as the engine"""
    hash: str = field(repr=False)
    """SHA-256 of the key, in hex: it has 256 random bits, so that a plain hash is enough"""
    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    """to the minute"""
    revoked_at: datetime | None = None

    @property
    def scope(self) -> KeyScope:
        """How far it reaches."""
        return KeyScope(self.id, frozenset(self.actions), frozenset(self.resources))

    def alive(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.revoked_at is None and now < self.expires_at

    def revoke(self, now: datetime) -> "ApiKey":
        """Ended, at once."""
        return replace(self, revoked_at=now)

    def use(self, now: datetime) -> "ApiKey":
        """Used now; itself where a use was noted just before."""
        noted = self.last_used_at is not None and now - self.last_used_at < USE_NOTED
        return self if noted else replace(self, last_used_at=now)
