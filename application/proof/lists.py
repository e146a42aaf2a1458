"""Lists as the contract has them: what a query asks for, and which records answer it, in which order."""

import re
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

from application.proof.attempts import Attempt
from domain.errors import FieldError, Invalid
from domain.ownership import Actor, Facts, may, seen
from domain.snapshot import Snapshot
from domain.specification.analysis import anonymous_could
from domain.specification.model import ENGINE_FIELDS, Field, Kind, Resource, Specification
from domain.values import ValueRefused, accept_id, from_query

SORTED_CHARACTERS = 200
DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
TIMES = ("created_at", "updated_at")
Order = list[tuple[str, bool]]
"""names, and whether downwards"""


@dataclass(slots=True)
class Query:
    """What a list is asked for."""

    filters: dict[str, list[Any]] = field(default_factory=dict)
    order: Order = field(default_factory=list)
    limit: int = DEFAULT_LIMIT
    counted: bool = False


def queryable(specification: Specification, model: Resource, actor: Actor) -> dict[str, Field | None]:
    """What a list can be filtered by, for this caller; None is the type of the parent's id."""
    found: dict[str, Field | None] = {} if model.parent is None else {model.parent: None}
    for each in model.fields.values():
        unknown = actor.account is None and each.read is not None
        if unknown and not anonymous_could(specification, model.name, each.read or ()):
            continue
        typed = specification.value_field(model.name, each.name)
        if typed.kind is not Kind.JSON:
            found[each.name] = typed
    return found


def sortable(specification: Specification, model: Resource, actor: Actor) -> list[str]:
    """What a list can be sorted by, for this caller."""
    fields = queryable(specification, model, actor).items()
    return [*TIMES, *(name for name, each in fields if each is not None and each.kind is not Kind.REFERENCE)]


def read(specification: Specification, attempt: Attempt, actor: Actor) -> Query:
    """Read a query; `Invalid` names what no caller, or no anonymous one, can ask for."""
    model, query, errors = specification.resources[attempt.resource], Query(), []
    names, sorts = queryable(specification, model, actor), sortable(specification, model, actor)
    for name, text in attempt.query:
        try:
            match name:
                case "limit":
                    query.limit = int(text)
                    if not 1 <= query.limit <= LARGEST_LIMIT:
                        raise ValueRefused("out_of_range", "")
                case "count":
                    query.counted = text == "true"
                case "cursor":
                    pass
                case "sort":
                    query.order = [(part.removeprefix("-"), part.startswith("-")) for part in text.split(",")]
                    if any(key not in sorts for key, _ in query.order):
                        raise ValueRefused("unknown", "")
                case _ if name not in names:
                    raise ValueRefused("unknown", "")
                case _:
                    query.filters.setdefault(name, []).extend(_values(names[name], text))
        except ValueRefused as refusal:
            errors.append(FieldError(name, refusal.code, ""))
    if errors:
        raise Invalid(errors=tuple(errors))
    query.order.append(("id", query.order[-1][1] if query.order else True))
    return query


def _values(kind: Field | None, text: str) -> list[Any]:
    parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
    return [accept_id(part) if kind is None else from_query(kind, part) for part in parts]


def rows(snapshot: Snapshot, resource: str, query: Query, actor: Actor) -> list[Facts]:
    """All that the caller can read and that the query asks for, by what it sees, in order."""
    found = [
        facts
        for record in snapshot.records[resource].values()
        if may("read", actor, facts := snapshot.facts(record))
        and all(seen(name, actor, facts) in values for name, values in query.filters.items())
    ]
    keys = {at.record.id: [_key(name, actor, at) for name, _ in query.order] for at in found}

    def before(one: Facts, other: Facts) -> int:
        return _compare(keys[one.record.id], keys[other.record.id], query.order)

    return sorted(found, key=cmp_to_key(before))


def _key(name: str, actor: Actor, facts: Facts) -> Any:
    value = seen(name, actor, facts)
    return value[:SORTED_CHARACTERS] if isinstance(value, str) and name not in ENGINE_FIELDS else value


def _compare(left: list[Any], right: list[Any], order: Order) -> int:
    """An empty value comes before every other; after, where the order is downwards."""
    for a, b, (_, descending) in zip(left, right, order, strict=True):
        if a != b:
            less = a is None or (b is not None and a < b)
            return -1 if less != descending else 1
    return 0
