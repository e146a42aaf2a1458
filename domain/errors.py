"""Everything that Freehold refuses, as one tree. Every leaf has a stable code; HTTP maps it once.

FreeholdError
├── SpecificationInvalid      the text is not a specification (a list of problems with places)
├── NotApproved               the specification is not the approved one, or approvals contradict each other
├── SchemaDiffers             the database is not what the specification says
└── Refusal                   an answer to a caller
    ├── NotAuthenticated      nobody, or a token that is not valid (any more)
    ├── SecondFactorRequired  the password was right; a code completes the sign-in
    ├── Forbidden             seen, but not allowed; may name fields
    ├── NotFound              missing or hidden: the same answer
    ├── Invalid               a well-formed message with wrong content; names fields
    ├── Malformed             a message that cannot be read
    ├── Conflict              uniqueness, limit, blocked deletion, double membership
    ├── PreconditionFailed    `If-Match` names another version
    ├── PreconditionRequired  `If-Match` is required here
    ├── TooManyRequests       too often; says how long to wait
    └── Unavailable           the database or a worker is away or overloaded; try again
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class FreeholdError(Exception):
    """The root: nothing else is raised on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a specification; line and column count from 1. Its message ends with the fix."""

    line: int
    column: int
    message: str


class SpecificationInvalid(FreeholdError):
    """The text is not a specification; `problems` in the order of the text."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems, in the order of the text."""
        self.problems = sorted(problems, key=lambda p: (p.line, p.column))
        super().__init__("\n".join(f"{p.line}:{p.column}: {p.message}" for p in self.problems))


class NotApproved(FreeholdError):
    """The specification is not the approved one, or approvals contradict each other; the message says what to run."""


class SchemaDiffers(FreeholdError):
    """The database's tables are not those of the specification; the message says what differs."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a message."""

    field: str
    code: str
    message: str


class Refusal(FreeholdError):
    """An answer to a caller; `detail` is fit for the caller's eyes."""

    code = "refused"
    detail = "This was refused."
    further: Mapping[str, Any] = {}
    """what a program needs to go on, by name"""

    def __init__(
        self, detail: str | None = None, *, code: str | None = None, errors: tuple[FieldError, ...] = ()
    ) -> None:
        """Use the class's code and detail unless more precise ones are given."""
        self.code = code or type(self).code
        self.detail = detail or type(self).detail
        self.errors = errors
        super().__init__(self.detail)


class NotAuthenticated(Refusal):
    """Nobody, or a token that is not valid (any more)."""

    code = "not_authenticated"
    detail = "Sign in to do this."


class SecondFactorRequired(Refusal):
    """The password was right; the challenge, sent with a code, completes the sign-in."""

    code = "mfa_required"
    detail = "Send this challenge with a code to /auth/login/mfa."

    def __init__(self, challenge: str) -> None:
        """Hand over what the sign-in goes on with."""
        super().__init__()
        self.further = {"challenge": challenge}


class Forbidden(Refusal):
    """The caller sees the record but may not do this; `errors` names the fields, if it is about fields."""

    code = "forbidden"
    detail = "You may not do this."


class NotFound(Refusal):
    """Missing or hidden: the same answer."""

    code = "not_found"
    detail = "There is nothing here."


class Invalid(Refusal):
    """A well-formed message with wrong content; `errors` says which field and why."""

    code = "invalid"
    detail = "The request has wrong content."


class Malformed(Refusal):
    """A message that cannot be read."""

    code = "malformed"
    detail = "The request cannot be read."


class Conflict(Refusal):
    """What is asked collides with what is there."""

    code = "conflict"
    detail = "This conflicts with what is there."


class PreconditionFailed(Refusal):
    """`If-Match` names another version of the record."""

    code = "precondition_failed"
    detail = "The record has changed since you read it."


class PreconditionRequired(Refusal):
    """The specification requires `If-Match` here."""

    code = "precondition_required"
    detail = "Send the record's ETag as If-Match."


class TooManyRequests(Refusal):
    """More often than is allowed; from what is left of the time on it may be tried again."""

    code = "too_many_requests"
    detail = "That was too often. Try again later."

    def __init__(self, limit: int, wait: int) -> None:
        """So many are allowed in a window; so many seconds, at least 1, are left of it."""
        super().__init__()
        self.limit = limit
        self.wait = wait


class Unavailable(Refusal):
    """The database or a worker is away or overloaded; trying again may help."""

    code = "unavailable"
    detail = "The service cannot answer right now. Try again."

    def __init__(self, detail: str | None = None, *, wait: int = 1) -> None:
        """So many seconds should pass before the next try."""
        super().__init__(detail)
        self.wait = wait


def in_progress() -> Conflict:
    """The refusal of a request while the very same is being answered."""
    return Conflict("A request with this `Idempotency-Key` is being answered.", code="idempotency_in_progress")
