"""A record: what may be put into it, how it is made and how it changes. Who may do so is `domain.judging`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.errors import FieldError, Invalid
from domain.specification.model import ENGINE_FIELDS, Field, Kind, Resource
from domain.values import ValueRefused, accept, accept_id

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One record, whole: every field of its resource has a value or None. Times are in UTC."""

    resource: str
    id: str
    owner: str
    """the account at the top of the chain"""
    parent: str | None
    """the id of the record above; None for a root"""
    values: Values
    created_at: datetime
    updated_at: datetime

    def target(self, name: str) -> str | None:
        """The id that a reference, or the parent's name, leads to."""
        found = self.values.get(name, self.parent)
        return None if found is None else str(found)

    def edit(self, changes: Values, now: datetime) -> "Record":
        """The record with fields changed; the parent is moved by `moved`."""
        return replace(self, values={**self.values, **changes}, updated_at=now)

    def moved(self, parent: "Record", now: datetime) -> "Record":
        """The record under another parent: its owner becomes that parent's."""
        return replace(self, parent=parent.id, owner=parent.owner, updated_at=now)


def create(
    resource: Resource,
    record_id: str,
    owner: str,
    parent: str | None,
    given: Values,
    creator: str | None,
    copied: Callable[[Field], Any],
    now: datetime,
) -> Record:
    """A new record: what was given, the creator, and what `copied` says of each `copy of` field."""
    values = {
        field.name: creator
        if field.kind is Kind.CREATOR
        else copied(field)
        if field.kind is Kind.COPY
        else given[field.name]
        for field in resource.fields.values()
    }
    return Record(resource.name, record_id, owner, parent, values, now, now)


def writable(resource: Resource) -> dict[str, Field | None]:
    """The names that a message may carry; None for the parent's."""
    parent: dict[str, Field | None] = {resource.parent: None} if resource.parent is not None else {}
    return parent | {f.name: f for f in resource.fields.values() if not f.by_engine}


def accept_new(resource: Resource, body: Values) -> dict[str, Any]:
    """The values of a new record from a message: checked, with defaults; the parent's id under its name.

    Raises `Invalid` naming every field that is unknown, written by the engine, missing or of a wrong value.
    """
    given = accept_changes(resource, body)
    errors = []
    for name, field in writable(resource).items():
        if field is not None and name in resource.steps:
            first = resource.steps_start(name)
            if given.setdefault(name, first) != first:
                errors.append(FieldError(name, "not_the_first", f"A new record starts at `{first}`."))
        elif name not in given:
            if field is None or field.required:
                errors.append(FieldError(name, "missing", "This field is required."))
            else:
                given[name] = field.initial
    if errors:
        raise Invalid(errors=tuple(errors))
    return given


def accept_changes(resource: Resource, body: Values) -> dict[str, Any]:
    """The checked values that a message carries, and only those. Raises `Invalid` naming every wrong field."""
    names = writable(resource)
    given: dict[str, Any] = {}
    errors = []
    for name, value in body.items():
        if name not in names:
            errors.append(_unknown(resource, name))
            continue
        try:
            given[name] = accept_value(names[name], value)
        except ValueRefused as error:
            errors.append(FieldError(name, error.code, str(error)))
    if errors:
        raise Invalid(errors=tuple(errors))
    return given


def accept_value(field: Field | None, value: Any) -> Any:
    """The domain value of a JSON value that may be null; `field` is None for the parent's id."""
    if field is None:
        return accept_id(value)
    if value is not None:
        return accept(field, value)
    if not field.nullable:
        raise ValueRefused("missing", "This field cannot be empty.")
    return None


def _unknown(resource: Resource, name: str) -> FieldError:
    if name in ENGINE_FIELDS or (name in resource.fields and resource.fields[name].by_engine):
        return FieldError(name, "engine_written", "This field is written by the engine.")
    return FieldError(name, "unknown", "There is no such field.")
