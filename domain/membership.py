"""Memberships: an account's role on one record, and how high somebody who shares may reach."""

from dataclasses import dataclass
from datetime import datetime

from domain.specification.model import Ladder, Links


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


def longest(given: Ladder | Links, now: datetime) -> datetime | None:
    """The latest end that a membership (or a link) given now may have; None where it need not end."""
    return None if given.expire is None else now + given.expire


def within(ladder: Ladder, role: str, cap: str | None) -> bool:
    """Whether a role is of the ladder, and at most `cap` (None: nothing may be given)."""
    return cap is not None and role in ladder.roles and cap in ladder.at_least(role)
