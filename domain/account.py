"""An account: who can sign in, and what an address and a password may be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from unicodedata import normalize

from domain.common_passwords import is_common
from domain.values import EMAIL_PATTERN, ValueRefused, accept_text

LONGEST_EMAIL = 254
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256
"""characters (code points) after normalisation"""
SERVICE, SHORTEST_WORD = "freehold", 3
"""a word that is guessed first wherever this runs; and how many characters make one of the context"""
_SPECIAL = frozenset('"(),:;<>[\\]')
"""what would have a meaning of its own in the head of a mail (RFC 5322, section 3.2.3)"""
_WIDEST = 4
"""so many code points at most become one by NFC: what is longer by more need not be normalised to be refused"""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in; `staff` is an instance-wide role of the specification."""

    id: str
    email: str
    """as `accept_email` gives it: two addresses are the same when their texts are"""
    password_hash: str = field(repr=False)
    created_at: datetime
    staff: str | None = None
    disabled: bool = False
    """cannot sign in or refresh; whoever disables an account ends its sessions in the same unit of work"""

    @classmethod
    def tombstone(cls, account_id: str, now: datetime) -> "Account":
        """Nobody: what owns the kept records of a deleted account. No address and no password can be its own."""
        return cls(account_id, f"{account_id} is gone", "!", now, disabled=True)

    def with_password(self, password_hash: str) -> "Account":
        """The same account under another password, or the same one hashed in a newer way."""
        return replace(self, password_hash=password_hash)

    def with_email(self, email: str) -> "Account":
        """The same account under another address."""
        return replace(self, email=email)


def accept_email(text: str) -> str:
    """The normalised form of an address (NFC, no space around it, lower case), or `ValueRefused`."""
    if len(text) > _WIDEST * LONGEST_EMAIL:
        raise ValueRefused("length", f"This must have at most {LONGEST_EMAIL} characters.")
    # lower-casing can undo the normal form, so it is taken again
    email = normalize("NFC", normalize("NFC", accept_text(text).strip()).lower())
    if len(email) > LONGEST_EMAIL:
        raise ValueRefused("length", f"This must have at most {LONGEST_EMAIL} characters.")
    # what nobody sees would make another account of an address that looks the same
    if not re.fullmatch(EMAIL_PATTERN, email) or not _SPECIAL.isdisjoint(email) or not email.isprintable():
        raise ValueRefused("not_an_email", "This must be an e-mail address.")
    return email


def accept_password(text: str, app: str = "", email: str = "") -> str:
    """A new password in its normal form (NFC), or `ValueRefused`.

    One that says nothing but the name of the app or the parts of the account's address, with digits and signs around
    them, is refused, too.
    """
    password = presented_password(text)
    if len(password) < SHORTEST_PASSWORD:
        raise ValueRefused("length", f"This must have at least {SHORTEST_PASSWORD} characters.")
    if is_common(password):
        raise ValueRefused("too_common", "This is one of the passwords that are guessed first.")
    if _is_obvious(password, (app, *re.split(r"[@.+_-]", email), SERVICE)):
        raise ValueRefused("too_obvious", "This says little more than the app's name or your address.")
    return password


def _is_obvious(password: str, words: Iterable[str]) -> bool:
    """Whether a password has some of the words, and no letters beyond them."""
    before = left = password.casefold()
    for word in sorted((word.casefold() for word in words if len(word) >= SHORTEST_WORD), key=len, reverse=True):
        left = left.replace(word, "")
    return left != before and not any(map(str.isalpha, left))


def presented_password(text: str) -> str:
    """The normal form of a password that somebody signs in with, or `ValueRefused` where none can be like it.

    Old ones may be shorter than a new one must be. A very long text is refused before any work is done on it.
    """
    too_long = ValueRefused("length", f"This must have at most {LONGEST_PASSWORD} characters.")
    if len(text) > _WIDEST * LONGEST_PASSWORD:
        raise too_long
    password = normalize("NFC", accept_text(text))
    if len(password) > LONGEST_PASSWORD:
        raise too_long
    return password
