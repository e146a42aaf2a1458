"""What was approved: the specification's text, the digests of what was made of it, and who said yes, when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Approval:
    """What `freehold.lock` holds."""

    text: str
    """the approved `freehold.yaml`"""
    revision: str | None
    """the last revision of `migrations/`; None where nothing ever needed tables"""
    revisions: Mapping[str, str]
    """of each file in `migrations/` the digest that it had"""
    schema: str
    """the digest of the statements that make the tables"""
    openapi: str
    """the digest of the API's description"""
    by: str
    at: datetime
    answers: tuple[Mapping[str, str], ...] = ()
    """the questions that were answered in the text"""

    @property
    def specification(self) -> str:
        """The digest of the text."""
        return digest(self.text)


def digest(text: str) -> str:
    """SHA-256 in hexadecimal. How lines end makes no difference: git may change that."""
    return sha256(text.replace("\r\n", "\n").encode()).hexdigest()
