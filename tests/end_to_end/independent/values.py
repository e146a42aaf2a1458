"""What a JSON value must be to be a field's value, and the one form in which the server gives it back."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from .grammar import Field

MOST_SAFE = 2**53 - 1
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


class WrongError(Exception):
    """The value is not one of this field's."""


def canonical(field: Field, value: Any) -> Any:
    """Return the value as the server gives it back; `WrongError` if it is none. References are not looked up."""
    if value is None:
        if field.optional:
            return None
        raise WrongError
    reader = _READERS.get(field.kind)
    if reader is None:
        return value
    found = reader(field, value)
    if field.least is not None and Decimal(str(found)) < field.least:
        raise WrongError
    if field.most is not None and Decimal(str(found)) > field.most:
        raise WrongError
    return found


def same(one: Any, other: Any) -> bool:
    """JSON equality: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def instant(text: str) -> datetime:
    """Read an RFC 3339 instant, in UTC; `WrongError` if it is none."""
    if not TIME.fullmatch(text):
        raise WrongError
    try:
        return datetime.fromisoformat(text.upper().replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        raise WrongError from None


def written(moment: datetime) -> str:
    """Write an instant as the server does: no fraction when it is zero, else six digits."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongError
    return value


def _text(field: Field, value: Any) -> str:
    text = _string(value)
    if field.length and not field.length[0] <= len(text) <= field.length[1]:
        raise WrongError
    if field.pattern and not re.search(field.pattern, text):
        raise WrongError
    if field.format == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise WrongError
    if field.format == "url" and not re.fullmatch(r"https?://\S+", text):
        raise WrongError
    return text


def _integer(field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_SAFE:
        raise WrongError
    return value


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongError
    return value


def _decimal(field: Field, value: Any) -> str:
    text = _string(value)
    if not DECIMAL.fullmatch(text) or sum(sign.isdigit() for sign in text) > 38:
        raise WrongError
    if field.places is not None and len(text.partition(".")[2]) > field.places:
        raise WrongError
    return text


def _truth(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongError
    return value


def _date(field: Field, value: Any) -> str:
    text = _string(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise WrongError
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise WrongError from None


def _time(field: Field, value: Any) -> str:
    return written(instant(_string(value)))


def _option(field: Field, value: Any) -> str:
    if _string(value) not in field.options:
        raise WrongError
    return str(value)


def _id(field: Field, value: Any) -> str:
    try:
        return str(UUID(_string(value)))
    except ValueError:
        raise WrongError from None


_READERS = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "yes/no": _truth,
    "date": _date,
    "time": _time,
    "one of": _option,
    "account": _id,
    "member of": _id,
    "reference": _id,
}
