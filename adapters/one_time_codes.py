"""Codes by time (RFC 6238), by the `cryptography` package."""

from datetime import datetime

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS, SECONDS = 6, 30


class Totp:
    """The `OneTimeCodes` port; `issuer` is what an app shows beside the account."""

    def __init__(self, issuer: str) -> None:
        """Name the service."""
        self._issuer = issuer

    def step(self, secret: bytes, code: str, now: datetime) -> int | None:
        """See the port."""
        shown, codes = code.encode(errors="replace"), _codes(secret)
        here = int(now.timestamp()) // SECONDS
        found = [step for step in (here + 1, here, here - 1) if bytes_eq(codes.generate(step * SECONDS), shown)]
        return found[0] if found else None

    def uri(self, secret: bytes, account: str) -> str:
        """See the port."""
        return _codes(secret).get_provisioning_uri(account, self._issuer)


def _codes(secret: bytes) -> TOTP:
    # SHA-1 is what every app knows; as an HMAC it is sound
    return TOTP(secret, DIGITS, SHA1(), SECONDS)  # noqa: S303
