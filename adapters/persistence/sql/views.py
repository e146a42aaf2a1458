"""What a SELECT has to fetch so that a row becomes the record as the caller sees it, or the record itself."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement

from adapters.persistence.sql.connection import Row
from adapters.persistence.sql.rules import At, From, RuleCompiler
from application.ports import View
from domain.record import Record
from domain.specification.model import Field, Kind, Resource, Specification

Convert = Callable[[Any], Any]


def stored_time(moment: datetime) -> str:
    """Text of fixed width in UTC, which compares as the instant does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _time_to_json(stored: str) -> str:
    """Six digits after the point only where they say something."""
    return stored if stored[20:26] != "000000" else f"{stored[:19]}Z"


TO_JSON: dict[Kind, Convert] = {Kind.TIME: _time_to_json, Kind.YES_NO: bool, Kind.JSON: msgspec.Raw}
"""from what is stored to what JSON shows; other kinds are stored as they are shown"""

_FROM_STORED: dict[Kind, Convert] = {
    Kind.TIME: datetime.fromisoformat,
    Kind.DATE: date.fromisoformat,
    Kind.DECIMAL: Decimal,
    Kind.YES_NO: bool,
    Kind.JSON: msgspec.json.decode,
}
_TO_STORED: dict[Kind, Convert] = {
    Kind.TIME: stored_time,
    Kind.DATE: date.isoformat,
    Kind.DECIMAL: lambda value: format(value, "f"),
    Kind.YES_NO: int,
    Kind.JSON: lambda value: msgspec.json.encode(value).decode(),
}


def to_stored(field: Field, value: Any) -> Any:
    """A domain value as the database keeps it."""
    convert = _TO_STORED.get(field.kind)
    return value if value is None or convert is None else convert(value)


class ViewColumns:
    """The columns of a record as the caller sees it, and how a row becomes its JSON values."""

    def __init__(
        self, compiler: RuleCompiler, resource: Resource, table: From, members: tuple[str, ...] | None = None
    ) -> None:
        """Compile what hides references, parents and fields; `members` are those that are wanted, None for all."""
        at = At(table, resource.name)
        self._names = resource.members if members is None else members
        self.columns: list[ColumnElement[Any]] = [compiler.seen(name, at).label(name) for name in self._names]
        guarded = [f.name for f in resource.fields.values() if f.read is not None and f.name in self._names]
        self._guards = [(len(self._names) + i, name) for i, name in enumerate(guarded)]
        for name in guarded:
            guard = compiler.read_guard(name, resource.name)
            assert guard is not None
            self.columns.append(guard(at).label(f"may_{name}"))
        kinds = {name: compiler.specification.value_field(resource.name, name).kind for name in resource.fields}
        kinds |= {"created_at": Kind.TIME, "updated_at": Kind.TIME}
        self._conversions = [(name, TO_JSON[kinds[name]]) for name in self._names if kinds.get(name) in TO_JSON]

    def view(self, row: Row) -> View:
        """The record as JSON values; unreadable fields are absent."""
        shown = dict(zip(self._names, row, strict=False))
        for name, convert in self._conversions:
            value = shown[name]
            if value is not None:
                shown[name] = convert(value)
        for index, name in self._guards:
            if not row[index]:
                del shown[name]
        return shown


class RecordColumns:
    """The columns of a whole record, for the domain to decide over; and its values as they are stored."""

    def __init__(self, specification: Specification, resource: Resource) -> None:
        """Know each value's type."""
        self._resource = resource
        self._fields = {name: specification.value_field(resource.name, name) for name in resource.fields}
        self.names = resource.members
        self.width = len(self.names)

    def columns(self, table: From, mark: str) -> list[ColumnElement[Any]]:
        """The columns of one table of a statement; `mark` keeps their names apart."""
        return [table.c[name].label(f"{mark}{name}") for name in self.names]

    def record(self, row: Row) -> Record | None:
        """The record of a row that starts with these columns; None where an outer join found none."""
        if row[0] is None:
            return None
        stored = dict(zip(self.names, row, strict=False))
        values = {}
        for name, field in self._fields.items():
            value, convert = stored[name], _FROM_STORED.get(field.kind)
            values[name] = value if value is None or convert is None else convert(value)
        resource = self._resource
        return Record(
            resource.name,
            stored["id"],
            stored["owner"],
            None if resource.parent is None else stored[resource.parent],
            values,
            datetime.fromisoformat(stored["created_at"]),
            datetime.fromisoformat(stored["updated_at"]),
        )

    def stored(self, record: Record) -> Mapping[str, Any]:
        """The record's values as the database keeps them, by column."""
        values = {name: to_stored(field, record.values[name]) for name, field in self._fields.items()}
        if self._resource.parent is not None:
            values[self._resource.parent] = record.parent
        return values | {
            "id": record.id,
            "owner": record.owner,
            "created_at": stored_time(record.created_at),
            "updated_at": stored_time(record.updated_at),
        }
