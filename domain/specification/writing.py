"""What a specification says, as lines of YAML to paste: fields, grants and where they stand."""

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from domain.specification.model import Field, Kind
from domain.specification.node import NOTHING
from domain.values import instant_text

_PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_ ./>-]*[A-Za-z0-9_./>-])?")


def scalar(text: str) -> str:
    """A text, in quotation marks where YAML needs them."""
    return text if _PLAIN.fullmatch(text) and text not in NOTHING else json.dumps(text, ensure_ascii=False)


def grants(texts: Iterable[str]) -> str:
    """`owner`, or `[owner, "clerk only name, phone"]`."""
    found = [scalar(text) for text in dict.fromkeys(texts)]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def nested(*keys: str, value: str) -> str:
    """A value under its keys, indented as in the file: the first key is a resource, or `answers`."""
    depth = 0 if keys[0] == "answers" else 1
    *above, last = keys
    lines = [f"{'  ' * (depth + number)}{scalar(key)}:" for number, key in enumerate(above)]
    return "\n".join([*lines, f"{'  ' * (depth + len(above))}{scalar(last)}: {value}"])


def field(found: Field) -> str:
    """A field's declaration on one line; what its rules say is in the texts of their grants."""
    options = {name: value for name, value in _options(found).items() if value is not None}
    plain = options.keys() <= {"optional"} and not (found.optional and found.kind is Kind.ONE_OF)
    kind = _type(found)
    if plain:
        return f"{kind}, optional" if found.optional else kind
    written = ", ".join(f"{name}: {value}" for name, value in {"type": scalar(kind), **options}.items())
    return f"{{{written}}}"


def _type(found: Field) -> str:
    way = ".".join(hop.field for hop in found.path)
    match found.kind:
        case Kind.ONE_OF:
            return f"one of {', '.join(found.values)}"
        case Kind.MEMBER:
            return f"member of {way}"
        case Kind.COPY:
            return f"copy of {way}.{found.copied}"
        case Kind.REFERENCE:
            return str(found.target)
    return found.kind.value


def _options(found: Field) -> dict[str, str | None]:
    return {
        "optional": "yes" if found.optional else None,
        "default": None if found.default is None else _value(found.kind, found.default),
        "length": None if found.length is None else f"{found.length[0]} to {found.length[1]}",
        "pattern": None if found.pattern is None else json.dumps(found.pattern, ensure_ascii=False),
        "format": found.format,
        "min": None if found.minimum is None else _value(found.kind, found.minimum),
        "max": None if found.maximum is None else _value(found.kind, found.maximum),
        "places": None if found.places is None else str(found.places),
        "read": None if found.read is None else grants(grant.text for grant in found.read),
        "write": None if found.write is None else grants(grant.text for grant in found.write),
        "when_gone": found.when_gone,
        "about": None if found.about is None else scalar(found.about),
        "renamed_from": found.renamed_from,
    }


def _value(kind: Kind, value: Any) -> str:
    if kind is Kind.JSON:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return json.dumps(instant_text(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return scalar(value) if isinstance(value, str) else str(value)
