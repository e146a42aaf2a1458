"""A session: one sign-in on one device, kept alive by a chain of refresh tokens of which each is used once.

| a refresh token is presented | answer |
|---|---|
| for the first time | its successor |
| again, within 10 minutes and before its successor was used | the same successor: the first answer was lost |
| again in any other way | the session is revoked: somebody else has, or had, the token |
| after the session's end | refused |

A token ends with its session: revoked, 30 days after the last first use, 90 days after the sign-in.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

IDLE = timedelta(days=30)
ABSOLUTE = timedelta(days=90)
GRACE = timedelta(minutes=10)
"""for lost answers; the 60 seconds granted to concurrent requests lie within it, under the same condition"""
LONGEST_DEVICE = 200
"""characters of a user agent that are kept"""


def device_of(user_agent: str | None) -> str:
    """What is kept of a user agent: printable, and not too long."""
    return "".join(character for character in user_agent or "" if character.isprintable())[:LONGEST_DEVICE]


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One link of a session's chain. The token itself is not here: only the SHA-256 of it."""

    hash: str = field(repr=False)
    """SHA-256 of the token, in hex"""
    session: str
    created_at: datetime
    used_at: datetime | None = None
    """its first use; kept until the session's absolute end, to notice any other"""
    successor: str | None = field(default=None, repr=False)
    """hash of the token that its first use was answered with"""
    concealed: str | None = field(default=None, repr=False)
    """that token, readable with this one only"""


class Outcome(Enum):
    """How the presentation of a refresh token ended."""

    ROTATED = "first use"
    REPEATED = "the same again"
    REUSED = "the session is revoked now"
    ENDED = "the session had ended"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What is to be stored after a refresh token was presented, whether or not it was accepted."""

    outcome: Outcome
    session: "Session"
    spent: RefreshToken | None = None
    """the presented token, where this was its first use"""
    fresh: RefreshToken | None = None
    """its successor, where this was its first use"""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device. It ends when it is revoked, idle for too long or too old."""

    id: str
    account: str
    created_at: datetime
    last_used_at: datetime
    """the sign-in or the last refresh"""
    idle_end: datetime
    absolute_end: datetime
    device: str
    """the user agent at the sign-in, shortened"""
    address: str
    """the network address at the sign-in; empty where it is not known"""
    revoked_at: datetime | None = None

    @classmethod
    def start(cls, session_id: str, account: str, device: str, address: str, now: datetime) -> "Session":
        """A new session; `device` as `device_of` gives it."""
        return cls(session_id, account, now, now, now + IDLE, now + ABSOLUTE, device, address)

    @property
    def ends_at(self) -> datetime:
        """When it ends, unless it is used before."""
        return min(self.idle_end, self.absolute_end)

    def first_token(self, token_hash: str) -> RefreshToken:
        """The head of the chain."""
        return RefreshToken(token_hash, self.id, self.created_at)

    def alive(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.revoked_at is None and now < self.ends_at

    def revoke(self, now: datetime) -> "Session":
        """Ended, at once; one that was revoked before stays so."""
        return self if self.revoked_at is not None else replace(self, revoked_at=now)

    def rotate(
        self, token: RefreshToken, successor: RefreshToken | None, fresh_hash: str, concealed: str, now: datetime
    ) -> Rotation:
        """Present a token of this session.

        `successor` is the stored token that the presented one was answered with before, if it was. `fresh_hash` and
        `concealed` are of a new token, which counts only where the outcome is `ROTATED`.
        """
        if not self.alive(now):
            return Rotation(Outcome.ENDED, self)
        if token.used_at is None:
            spent = replace(token, used_at=now, successor=fresh_hash, concealed=concealed)
            touched = replace(self, last_used_at=now, idle_end=now + IDLE)
            return Rotation(Outcome.ROTATED, touched, spent, RefreshToken(fresh_hash, self.id, now))
        if successor is not None and successor.used_at is None and now - token.used_at <= GRACE:
            return Rotation(Outcome.REPEATED, self)
        return Rotation(Outcome.REUSED, self.revoke(now))
