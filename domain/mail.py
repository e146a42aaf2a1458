"""Letters to accounts, and the links in them: each link is used once, within 30 minutes, for one purpose.

A letter waits in the outbox without its link. The link is made when the letter is sent, so that nothing that is stored
opens anything, and its time does not run while the mail server is away.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

LINK_LIFETIME = timedelta(minutes=30)
LEASE = timedelta(minutes=5)
"""for which a letter is whose process took it; longer than a mail server is waited for"""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
"""between two attempts; the wait doubles"""
GIVEN_UP = timedelta(days=3)
"""from the letter's making on"""


class Kind(StrEnum):
    """What a letter is about."""

    REGISTRATION = "registration"
    INVITATION = "invitation"
    SHARED = "shared"
    """an invitation to a record, which has the letter's id; it is in that that the link's token counts"""
    RESET = "reset"
    CHANGE = "change"
    """to the new address"""
    CHANGE_ASKED = "change_asked"
    """to the old one"""
    EMAIL_CHANGED = "email_changed"
    """to the old one"""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SESSION_ENDED = "session_ended"


LINKED = (Kind.REGISTRATION, Kind.INVITATION, Kind.RESET, Kind.CHANGE)
"""the kinds with a link, which are the purposes that a link can have"""


@dataclass(frozen=True, slots=True)
class Link:
    """What somebody may do who has the token. The token itself is not here: only the SHA-256 of it."""

    hash: str = field(repr=False)
    """SHA-256 of the token, in hex"""
    purpose: Kind
    """one of `LINKED`"""
    email: str
    """where it was sent"""
    expires_at: datetime
    account: str | None = None
    """of a reset or a change"""
    password_hash: str | None = field(default=None, repr=False)
    """of a registration"""

    def opens(self, purpose: Kind, now: datetime) -> bool:
        """Whether it is for that, and still counts."""
        return self.purpose is purpose and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is to be sent. Its words are found when that is done."""

    id: str
    kind: Kind
    email: str
    created_at: datetime
    due_at: datetime
    """when it is tried next"""
    account: str | None = None
    """whom it is about, where that was known when it was asked for"""
    password_hash: str | None = field(default=None, repr=False)
    """of a registration"""
    attempts: int = 0
    """that failed"""

    def link(self, token_hash: str, account: str | None, now: datetime) -> Link:
        """The link that it carries when it is sent now."""
        return Link(token_hash, self.kind, self.email, now + LINK_LIFETIME, account, self.password_hash)

    def again(self, now: datetime) -> "Letter | None":
        """The letter after an attempt that failed; None where it is given up."""
        if now - self.created_at >= GIVEN_UP:
            return None
        wait = min(FIRST_WAIT * 2 ** min(self.attempts, 20), LONGEST_WAIT)
        return replace(self, attempts=self.attempts + 1, due_at=now + wait)
