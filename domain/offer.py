"""An offer: a record that is to be another account's, with all below it, once that account accepts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Offer:
    """There is one at most of a record. Whether there is an account like its recipient nobody asks."""

    id: str
    resource: str
    record: str
    giver: str
    """the account that made it, and whose right to hand over is judged again when it is accepted"""
    recipient: str
    created_at: datetime
    ends_at: datetime
    """from then on it counts no longer"""

    @classmethod
    def of(cls, offer_id: str, resource: str, record: str, giver: str, recipient: str, now: datetime) -> "Offer":
        """A new one."""
        return cls(offer_id, resource, record, giver, recipient, now, now + LIFETIME)

    def waits(self, now: datetime) -> bool:
        """Whether it still counts."""
        return now < self.ends_at
