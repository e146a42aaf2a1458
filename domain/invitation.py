"""An invitation: a role on one record that waits for whoever has an e-mail address, and who may answer it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.membership import Membership, longest
from domain.specification.model import Ladder

LIFETIME = timedelta(days=30)
MOST_INVITATIONS = 100
"""that wait on one record"""


@dataclass(frozen=True, slots=True)
class Invitation:
    """It is of an account where one had the address when it was made, or has proven since that the address is its own.

    An account that only says so has no part in it. Who has the token of the letter may answer it, too.
    """

    id: str
    resource: str
    record: str
    email: str
    """normalised: see `domain.account.accept_email`"""
    role: str
    inviter: str
    """the account that made it, and whose right to share is judged again when it is accepted"""
    created_at: datetime
    ends_at: datetime
    """from then on it counts no longer"""
    expires_at: datetime | None = None
    """when the membership is to end, where that was asked"""
    account: str | None = None
    """whose it is, where that is known"""
    hash: str | None = field(default=None, repr=False)
    """SHA-256 of the letter's token, in hex"""

    @classmethod
    def of(
        cls,
        invitation_id: str,
        resource: str,
        record: str,
        email: str,
        role: str,
        inviter: str,
        now: datetime,
        expires_at: datetime | None,
        account: str | None,
    ) -> "Invitation":
        """A new one. What ends before its time is up ends it, too."""
        ends_at = now + LIFETIME if expires_at is None else min(now + LIFETIME, expires_at)
        return cls(invitation_id, resource, record, email, role, inviter, now, ends_at, expires_at, account)

    def waits(self, now: datetime) -> bool:
        """Whether it still counts."""
        return now < self.ends_at

    def is_for(self, account: str | None, token_hash: str | None) -> bool:
        """Whether somebody may answer it, who is an account and perhaps has a token."""
        own = account is not None and self.account == account
        return own or (token_hash is not None and self.hash == token_hash)

    def membership(self, ladder: Ladder, account: str, now: datetime) -> Membership:
        """What an account has of it that accepts it now: it ends as was asked, and no later than the ladder says."""
        ends = [end for end in (self.expires_at, longest(ladder, now)) if end is not None]
        return Membership(self.resource, self.record, account, self.role, min(ends, default=None))
