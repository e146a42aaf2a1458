"""Lists as the contract has them: what a query asks for, and which records answer it, in which order."""

import re
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from typing import Any

from application.proof.attempts import Attempt
from domain.errors import FieldError, Invalid
from domain.expansion import WHOLE, Selection
from domain.filtering import SEVERAL, Operator, holds, operators, passes, searched, words
from domain.ownership import Actor, Facts, may, seen
from domain.snapshot import Snapshot
from domain.specification.analysis import anonymous_could
from domain.specification.model import ENGINE_FIELDS, Field, Hop, Kind, Path, Resource, Specification
from domain.values import ValueRefused, from_query

SORTED_CHARACTERS = 200
DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
MOST_EXPANSIONS = 10
DEEPEST = 2
SELECTING = ("fields", "expand")
TIMES = ("created_at", "updated_at")
Order = list[tuple[str, bool]]
"""names, and whether downwards"""


@dataclass(slots=True)
class Query:
    """What a list is asked for."""

    filters: dict[str, list[Any]] = field(default_factory=dict)
    """by parameter, the values that are given"""
    order: Order = field(default_factory=list)
    limit: int = DEFAULT_LIMIT
    counted: bool = False
    words: tuple[str, ...] = ()
    wanted: Selection = WHOLE


def queryable(specification: Specification, model: Resource, actor: Actor) -> dict[str, Field]:
    """The columns that a list can be filtered by, for this caller, with their types."""
    names = [*ENGINE_FIELDS] if model.parent is None else [*ENGINE_FIELDS, model.parent]
    for each in model.fields.values():
        unknown = actor.account is None and actor.link is None and each.read is not None
        if not unknown or anonymous_could(specification, model.name, each.read or ()):
            names.append(each.name)
    return {name: specification.column(model.name, name) for name in names}


def parameters(columns: dict[str, Field]) -> dict[str, tuple[str, Operator]]:
    """Each parameter that filters by these columns: which one, and what is asked of it."""
    return {
        operator.parameter(name): (name, operator)
        for name, each in columns.items()
        for operator in operators(each.kind)
        if name not in ENGINE_FIELDS or operator is not Operator.SET
    }


def sortable(specification: Specification, model: Resource, actor: Actor) -> list[str]:
    """What a list can be sorted by, for this caller."""
    fields = queryable(specification, model, actor).items()
    sorts = [name for name, each in fields if each.kind not in (Kind.JSON, Kind.REFERENCE)]
    return [name for name in sorts if name in TIMES or name not in ENGINE_FIELDS]


def read(specification: Specification, attempt: Attempt, actor: Actor) -> Query:
    """Read a query; `Invalid` names what no caller, or no anonymous one, can ask for."""
    model, query, errors = specification.resources[attempt.resource], Query(), []
    columns, sorts = queryable(specification, model, actor), sortable(specification, model, actor)
    names = parameters(columns)
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
                case "q" if searched(specification, model.name):
                    query.words = words(text)
                case "fields" | "expand":
                    query.wanted = _selecting(specification, model, actor, name, text, query.wanted)
                case "sort":
                    query.order = [(part.removeprefix("-"), part.startswith("-")) for part in text.split(",")]
                    if any(key not in sorts for key, _ in query.order):
                        raise ValueRefused("unknown", "")
                case _ if name not in names:
                    raise ValueRefused("unknown", "")
                case _:
                    column, operator = names[name]
                    query.filters.setdefault(name, []).extend(_values(columns[column], operator, text))
        except ValueRefused as refusal:
            errors.append(FieldError(name, refusal.code, ""))
    if errors:
        raise Invalid(errors=tuple(errors))
    query.order.append(("id", query.order[-1][1] if query.order else True))
    return query


def selection(specification: Specification, attempt: Attempt, actor: Actor) -> Selection:
    """Read the query of one record; `Invalid` like that of a list."""
    model, found, errors = specification.resources[attempt.resource], WHOLE, []
    for name, text in attempt.query:
        try:
            if name not in SELECTING:
                raise ValueRefused("unknown", "")
            found = _selecting(specification, model, actor, name, text, found)
        except ValueRefused as refusal:
            errors.append(FieldError(name, refusal.code, ""))
    if errors:
        raise Invalid(errors=tuple(errors))
    return found


def _selecting(
    specification: Specification, model: Resource, actor: Actor, name: str, text: str, found: Selection
) -> Selection:
    parts = text.split(",")
    if name == "fields":
        if any(part not in queryable(specification, model, actor) for part in parts):
            raise ValueRefused("unknown", "")
        return replace(found, fields=tuple(parts))
    if model.parent is None and not any(model.references()):
        raise ValueRefused("unknown", "")
    if len(parts) > MOST_EXPANSIONS:
        raise ValueRefused("too_many", "")
    return replace(found, ways=tuple(_way(specification, model, actor, part.split(".")) for part in parts))


def _way(specification: Specification, model: Resource, actor: Actor, parts: list[str]) -> Path:
    """From the record through parents and references; at its end stands no account."""
    way: tuple[Hop, ...] = ()
    for part in parts:
        column = queryable(specification, model, actor).get(part)
        if column is not None and part == parts[-1] and _of_account(specification, model, part):
            raise ValueRefused("not_a_record", "")
        if column is None or column.kind is not Kind.REFERENCE or part == "id" or len(way) == DEEPEST:
            raise ValueRefused("unknown", "")
        target = specification.target(model.name, part)
        way, model = (*way, Hop(part, target)), specification.resources[target]
    return way


def _of_account(specification: Specification, model: Resource, name: str) -> bool:
    return name == "owner" or (name in model.fields and specification.names_account(model.name, name))


def _values(kind: Field, operator: Operator, text: str) -> list[Any]:
    if operator is Operator.SET:
        return [text == "true"]
    if operator not in SEVERAL:
        return [from_query(kind, text)]
    parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
    return [from_query(kind, part) for part in parts]


def rows(snapshot: Snapshot, resource: str, query: Query, actor: Actor) -> list[Facts]:
    """All that the caller can read and that the query asks for, by what it sees, in order."""
    model = snapshot.specification.resources[resource]
    names = parameters(queryable(snapshot.specification, model, actor))
    filters = [(*names[name], tuple(values)) for name, values in query.filters.items()]
    texts = searched(snapshot.specification, resource)
    found = [
        facts
        for record in snapshot.records[resource].values()
        if may("read", actor, facts := snapshot.facts(record))
        and all(passes(operator, seen(name, actor, facts), asked) for name, operator, asked in filters)
        and holds(query.words, (seen(name, actor, facts) for name in texts))
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
