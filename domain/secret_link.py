"""Secret links: a role on one record for whoever has the token, to open and read; nobody's account."""

from dataclasses import dataclass, field
from datetime import datetime

MOST_LINKS = 50
"""living links of a record"""


@dataclass(frozen=True, slots=True)
class SecretLink:
    """A link as it is stored: whoever reads the store cannot use it. It belongs to the record, not to who made it."""

    id: str
    hash: str = field(repr=False)
    """SHA-256 of the token, in hex: it has 256 random bits, so that a plain hash is enough"""
    resource: str
    record: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    """None: it counts until it is ended"""

    def live(self, now: datetime) -> bool:
        """Whether it still counts, as far as time goes."""
        return self.expires_at is None or self.expires_at > now
