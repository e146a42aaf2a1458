"""Memberships: an account's role on one record, and how high somebody who shares may reach."""

from dataclasses import dataclass
from datetime import datetime

from domain.specification.model import Ladder


@dataclass(frozen=True, slots=True)
class Membership:
    """A role of a record's ladder, held by an account until `expires_at` (for good where that is None)."""

    resource: str
    record: str
    account: str
    role: str
    expires_at: datetime | None

    def live(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.expires_at is None or self.expires_at > now


def longest(ladder: Ladder, now: datetime) -> datetime | None:
    """The latest end that a membership given now may have; None where it need not end."""
    return None if ladder.expire is None else now + ladder.expire


def within(ladder: Ladder, role: str, cap: str | None) -> bool:
    """Whether a role is of the ladder, and at most `cap` (None: nothing may be given)."""
    return cap is not None and role in ladder.roles and cap in ladder.at_least(role)
