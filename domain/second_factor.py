"""A second factor: codes by time (TOTP, RFC 6238) from one device, and recovery codes for when it is lost.

Each code counts once: a code by time belongs to a step of 30 seconds, and no step counts that is not later than the
last one that did.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What an account's second factor is known by; asked for from `confirmed_at` on."""

    account: str
    secret_sealed: str = field(repr=False)
    confirmed_at: datetime | None = None
    """when its first code was shown; None: begun, and of no effect"""
    last_step: int = 0
    """the latest step of 30 seconds since 1970 whose code was used"""
    recovery: tuple[str, ...] = field(default=(), repr=False)
    """SHA-256, in hex, of each recovery code that was not used yet"""

    @property
    def state(self) -> str:
        """What changes with each code that counts."""
        return f"{self.confirmed_at} {self.last_step} {len(self.recovery)}"

    def confirm(self, step: int, recovery: tuple[str, ...], now: datetime) -> "SecondFactor":
        """In effect, from its first code on."""
        return replace(self, confirmed_at=now, last_step=step, recovery=recovery)

    def use(self, step: int | None, recovery_hash: str) -> "SecondFactor | None":
        """After a code was used: by time, of a step, or else by recovery; None where it does not count (any more)."""
        if step is not None:
            return replace(self, last_step=step) if step > self.last_step else None
        if recovery_hash not in self.recovery:
            return None
        return replace(self, recovery=tuple(kept for kept in self.recovery if kept != recovery_hash))
