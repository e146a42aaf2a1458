"""Examples in OpenAPI: made of a specification's own types, bounds, defaults and choices, the same each time.

Every field says a value by `EXAMPLE`, beside its schema; `example` puts together what bodies and answers look like.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from hashlib import blake2b
from random import Random
from typing import Any

from application.proof.text import matching
from domain.specification.model import Field, Kind
from domain.values import LARGEST_INTEGER, ValueRefused, accept, instant_text, to_json

Schema = Mapping[str, Any]
EXAMPLE = "x-example"
"""a value of a schema; OpenAPI shows it within that of the component that has it"""
MOMENT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LATER = instant_text(MOMENT.replace(year=2027))
ADDRESS = "mary@example.com"
PASSWORD = "a long password"  # noqa: S105


def example_id(name: str) -> str:
    """An id (UUIDv7), always the same for what is called so."""
    digest = blake2b(name.encode(), digest_size=8).hexdigest()
    return f"01a20a76-39be-7{digest[:3]}-8{digest[3:6]}-{digest[4:]}"


def value_of(field: Field) -> Any:
    """A value as JSON that the field accepts; None where none is found for its pattern."""
    if field.initial is not None:
        return to_json(field, field.initial)
    return next((value for value in _candidates(field) if _accepts(field, value)), None)


def example(schema: Schema, components: Schema) -> Any:
    """A value of the schema: of an object what must be there, or one member where nothing must.

    Raises `LookupError` where a field that must be there has a pattern beyond us.
    """
    if EXAMPLE in schema:
        if schema[EXAMPLE] is None:
            raise LookupError
        return schema[EXAMPLE]
    if "$ref" in schema:
        return example(components[schema["$ref"].rpartition("/")[2]], components)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for choices in ("enum", "x-extensible-enum"):
        if choices in schema:
            return schema[choices][0]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return example(schema[key][0], components)
    kinds = schema.get("type", "object")
    match kinds if isinstance(kinds, str) else kinds[0]:
        case "object":
            members: Schema = schema.get("properties", {})
            wanted = [name for name in members if name in schema.get("required", ())] or list(members)[:1]
            return {name: example(members[name], components) for name in wanted}
        case "array":
            return [] if schema.get("maxItems") == 0 else [example(schema["items"], components)]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "string" if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
    return "…"


def without_hints(schema: Any) -> Any:
    """The schema as OpenAPI shows it."""
    if isinstance(schema, list):
        return [without_hints(part) for part in schema]
    if isinstance(schema, dict):
        return {key: without_hints(part) for key, part in schema.items() if key != EXAMPLE}
    return schema


_FORMATS = {
    "uuid": example_id("account"),
    "date": MOMENT.date().isoformat(),
    "date-time": instant_text(MOMENT),
    "email": ADDRESS,
}


def _accepts(field: Field, value: Any) -> bool:
    with suppress(ValueRefused):
        accept(field, value)
        return True
    return False


def _candidates(field: Field) -> list[Any]:
    """Values that would do, where the field's bounds let them; the plainest first."""
    low, high = field.minimum, field.maximum
    match field.kind:
        case Kind.TEXT:
            return [*_texts(field), *matching(field, Random(0))]  # noqa: S311  no secret
        case Kind.ONE_OF:
            return list(field.values)
        case Kind.YES_NO:
            return [False]
        case Kind.INTEGER:
            return [1, low, high, LARGEST_INTEGER]
        case Kind.NUMBER:
            return [1.5, low, high]
        case Kind.DECIMAL:
            unit = Decimal(1).scaleb(-(field.places if field.places is not None else 2))
            bounds = [each.quantize(unit, ROUND_CEILING) for each in (low, high) if each is not None]
            return [format(each, "f") for each in (Decimal(10).quantize(unit), *bounds)]
        case Kind.DATE | Kind.TIME:
            moment = MOMENT.date() if field.kind is Kind.DATE else MOMENT
            return [to_json(field, each) for each in (moment, low, high) if each is not None]
        case Kind.JSON:
            return [{"color": "green"}]
        case Kind.REFERENCE:
            return [example_id(str(field.target))]
        case _:
            return [_FORMATS["uuid"]]


def _texts(field: Field) -> list[str]:
    """The field's own name as a text, as long as it may be."""
    match field.format:
        case "email":
            return [ADDRESS]
        case "url":
            return ["https://example.com/"]
    words = field.name.replace("_", " ").capitalize()
    low, high = field.length or (0, len(words))
    return [
        (words if low <= len(words) else words * low)[: max(low, min(high, len(words)))],
        words.lower().replace(" ", ""),
    ]
