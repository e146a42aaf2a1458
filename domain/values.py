"""The values that fields hold: what is accepted from JSON or a query, and how a value is written as JSON.

| kind | domain value | JSON |
|---|---|---|
| text, one of | str | string |
| integer, number | int, float | number; integers within ±(2^53 − 1), numbers finite |
| decimal | Decimal | string, written as it was sent |
| yes/no | bool | true, false |
| date, time | date, datetime in UTC | RFC 3339 |
| json | any JSON value but null | itself |
| account, creator, member of, reference | UUID text | string |
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from domain.specification.model import Field, Kind

LARGEST_INTEGER = 2**53 - 1
DECIMAL_DIGITS = 38
DECIMAL_PATTERN = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
EMAIL_PATTERN = r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+"
_DECIMAL = re.compile(DECIMAL_PATTERN)
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_UUID = re.compile(UUID_PATTERN)
_EMAIL = re.compile(EMAIL_PATTERN)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class ValueRefused(ValueError):
    """A value that a field does not accept; the message is for the caller, `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        self.code = code
        super().__init__(message)


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC: `2026-11-23T09:30:00Z`, with six digits where there are microseconds."""
    moment = moment.astimezone(UTC)
    text = f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}"
    return f"{text}.{moment.microsecond:06d}Z" if moment.microsecond else f"{text}Z"


def to_json(field: Field, value: Any) -> Any:
    """A domain value as JSON; None stays null."""
    if value is None:
        return None
    if field.kind is Kind.DECIMAL:
        return format(value, "f")
    if field.kind is Kind.DATE:
        return value.isoformat()
    if field.kind is Kind.TIME:
        return instant_text(value)
    return value


def accept(field: Field, value: Any) -> Any:
    """The domain value of a JSON value (never null) for a field, or `ValueRefused`."""
    return _CHECKS[field.kind](field, value)


def from_query(field: Field, text: str) -> Any:
    """The domain value of a query parameter's text, or `ValueRefused`."""
    if field.kind is Kind.YES_NO:
        if text not in ("true", "false"):
            raise ValueRefused("not_yes_no", "This must be true or false.")
        return text == "true"
    if field.kind in (Kind.INTEGER, Kind.NUMBER):
        if not _NUMBER.fullmatch(text):
            raise ValueRefused("not_a_number", "This must be a number.")
        number = int(text) if field.kind is Kind.INTEGER and text.lstrip("-").isdigit() else float(text)
        return _CHECKS[field.kind](_unbounded(field), number)
    return _CHECKS[field.kind](_unbounded(field), text)


def _unbounded(field: Field) -> Field:
    """The bare type: a filter may ask for values that no record can have."""
    return Field(field.name, field.kind, field.place, values=field.values)


def accept_text(value: Any) -> str:
    """Any text that can be stored and sent: a string without NUL and without lone surrogates."""
    if not isinstance(value, str):
        raise ValueRefused("not_text", "This must be a string.")
    if "\x00" in value:
        raise ValueRefused("nul", "This must not contain the NUL character.")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueRefused("not_unicode", "This must not contain lone surrogates.") from error
    return value


def accept_id(value: Any) -> str:
    """A UUID in its canonical text form, in lower case."""
    text = value.lower() if isinstance(value, str) else ""
    if not _UUID.fullmatch(text):
        raise ValueRefused("not_an_id", "This must be an id (a UUID).")
    return text


def _text(field: Field, value: Any) -> str:
    text = accept_text(value)
    if field.length is not None and not field.length[0] <= len(text) <= field.length[1]:
        low, high = field.length
        raise ValueRefused("length", f"This must have {low} to {high} characters; it has {len(text)}.")
    if field.pattern is not None and not re.fullmatch(field.pattern, text):
        raise ValueRefused("pattern", f"This must match `{field.pattern}`.")
    if field.format == "email" and (len(text) > 254 or not _EMAIL.fullmatch(text)):
        raise ValueRefused("not_an_email", "This must be an e-mail address.")
    if field.format == "url" and not _is_url(text):
        raise ValueRefused("not_a_url", "This must be an absolute http or https URL.")
    return text


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f\x7f<>\"]", text)


def _integer(field: Field, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueRefused("not_an_integer", "This must be a whole number.")
    if abs(value) > LARGEST_INTEGER:
        raise ValueRefused("too_large", "This must lie within ±9007199254740991.")
    return int(_bounded(field, value))


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueRefused("not_a_number", "This must be a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueRefused("too_large", "This must be a finite number.")
    return float(_bounded(field, number))


def _decimal(field: Field, value: Any) -> Decimal:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueRefused("not_a_decimal", 'This must be a decimal number in a string, such as "12.50".')
    digits = value.lstrip("-").replace(".", "")
    if len(digits) > DECIMAL_DIGITS:
        raise ValueRefused("too_large", f"This must have at most {DECIMAL_DIGITS} digits.")
    if field.places is not None and len(value.partition(".")[2]) > field.places:
        raise ValueRefused("places", f"This must have at most {field.places} digits after the point.")
    number = Decimal(value)
    return Decimal(_bounded(field, number if number else abs(number)))


def _bounded(field: Field, value: Any) -> Any:
    if field.minimum is not None and value < field.minimum:
        raise ValueRefused("too_small", f"This must be at least {to_json(field, field.minimum)}.")
    if field.maximum is not None and value > field.maximum:
        raise ValueRefused("too_large", f"This must be at most {to_json(field, field.maximum)}.")
    return value


def _yes_no(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueRefused("not_yes_no", "This must be true or false.")
    return value


def _date(field: Field, value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return date.fromisoformat(str(_bounded(field, found)))
    raise ValueRefused("not_a_date", "This must be a date such as 2026-11-23.")


def _time(field: Field, value: Any) -> datetime:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            found = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            _bounded(field, found)
            return found
    raise ValueRefused("not_a_time", "This must be an instant such as 2026-11-23T09:30:00Z, with a time zone.")


def _json(field: Field, value: Any) -> Any:
    stack = [value]
    while stack:
        at = stack.pop()
        if isinstance(at, str):
            accept_text(at)
        elif isinstance(at, list):
            stack.extend(at)
        elif isinstance(at, dict):
            stack.extend(at)
            stack.extend(at.values())
        elif isinstance(at, int) and not isinstance(at, bool) and abs(at) > LARGEST_INTEGER:
            raise ValueRefused("too_large", "Whole numbers must lie within ±9007199254740991.")
        elif isinstance(at, float) and not math.isfinite(at):
            raise ValueRefused("too_large", "Numbers must be finite.")
    return value


def _one_of(field: Field, value: Any) -> str:
    if not isinstance(value, str) or value not in field.values:
        raise ValueRefused("not_one_of", f"This must be one of {', '.join(field.values)}.")
    return value


def _id(field: Field, value: Any) -> str:
    return accept_id(value)


_CHECKS: dict[Kind, Any] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.DECIMAL: _decimal,
    Kind.YES_NO: _yes_no,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.JSON: _json,
    Kind.ONE_OF: _one_of,
    Kind.ACCOUNT: _id,
    Kind.CREATOR: _id,
    Kind.MEMBER: _id,
    Kind.COPY: _id,
    Kind.REFERENCE: _id,
}
