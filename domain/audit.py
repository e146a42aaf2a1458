"""The audit log: what happened to an account, for its own eyes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.ownership import Actor


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. It never holds a password, a token or a record's content; the log itself numbers its entries."""

    kind: str
    """such as `login`, `login_failed`, `member_added`"""
    account: str | None
    """whose log it belongs to; None for a sign-in to an account that does not exist"""
    at: datetime
    session: str | None = None
    address: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    """a few ids and names"""
    number: int = field(default=0, compare=False)
    """its place in the log, once the log has it: later ones have larger numbers"""

    @classmethod
    def of(
        cls,
        kind: str,
        account: str | None,
        at: datetime,
        session: str | None = None,
        address: str | None = None,
        **data: str,
    ) -> "Event":
        """An entry with its data as keywords."""
        return cls(kind, account, at, session, address, data)

    @classmethod
    def by(cls, actor: Actor, kind: str, at: datetime, **data: str) -> "Event":
        """An entry in the log of whoever acts, with the API key that it was done by."""
        key = {} if actor.key is None else {"key": actor.key.key}
        return cls.of(kind, actor.account, at, actor.session, **data, **key)
