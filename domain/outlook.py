"""The world as one caller sees it: what is concluded from it tells that caller nothing that it could not see before.

Everything in it comes from what the caller is shown anyway: records as it sees them, the members that it may see, the
lists that it can read. Where that leaves something open (a field that is absent, a reference that is null because it is
hidden or because it is empty), the world does not tell (`Untold`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from domain.ownership import Untold
from domain.record import Record
from domain.specification.model import Field, Kind, Specification

View = Mapping[str, Any]
_HIDDEN = "hidden"
"""the id of a parent that is not shown"""
MOST_TIES = 200
"""of a record, that are looked at: each asks for a container and its members"""


class Source(Protocol):
    """What the caller is shown."""

    def view(self, resource: str, record_id: str) -> View | None:
        """A record as the caller sees it, as JSON values; None where it cannot open it."""

    def members(self, resource: str, record_id: str) -> Mapping[str, str]:
        """The role of each account whose live membership on a record it may see."""

    def tying(self, link: str, back: str, record_id: str) -> Sequence[View]:
        """The newest `MOST_TIES` records in its lists that it sees to name the record by `back`."""


@dataclass
class Outlook:
    """A `Census` of what the caller is shown. Who is staff it is not."""

    specification: Specification
    now: datetime
    source: Source
    _resources: dict[str, str] = field(default_factory=dict)
    """of the records that were asked for, by id"""

    def record(self, resource: str, record_id: str) -> Record:
        """See `World`."""
        shown = None if record_id == _HIDDEN else self.source.view(resource, record_id)
        if shown is None:
            raise Untold
        return self._record(resource, shown)

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        return self._members(record_id).get(account)

    def linked(self, record_id: str, link: str) -> str | None:
        """See `World`."""
        return None

    def staff(self, account: str) -> str | None:
        """See `World`."""
        return None

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`."""
        return [self._record(link, shown) for shown in self.source.tying(link, back, record_id)]

    def members(self, record_id: str) -> Iterable[str]:
        """See `Census`."""
        return self._members(record_id)

    def appointed(self) -> Iterable[str]:
        """See `Census`."""
        return ()

    def _members(self, record_id: str) -> Mapping[str, str]:
        return self.source.members(self._resources[record_id], record_id)

    def _record(self, resource: str, shown: View) -> Record:
        model = self.specification.resources[resource]
        self._resources[shown["id"]] = resource
        values = {
            each.name: _value(self.specification.value_field(resource, each.name), shown[each.name])
            for each in model.fields.values()
            if each.name in shown and not (each.kind is Kind.REFERENCE and shown[each.name] is None)
        }
        parent = None if model.parent is None else shown[model.parent] or _HIDDEN
        times = (datetime.fromisoformat(shown[name]) for name in ("created_at", "updated_at"))
        return Record(resource, shown["id"], shown["owner"], parent, _Told(values, model.fields), *times)


class _Told(dict[str, Any]):
    """The values that are seen; asked for another one, it says that it is not told."""

    def __init__(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        super().__init__(values)
        self._untold = frozenset(names) - values.keys()

    def __missing__(self, name: str) -> Any:
        raise Untold

    def get(self, name: str, default: Any = None) -> Any:
        """Like a dictionary's; a field that is not seen has no default."""
        if name in self._untold:
            raise Untold
        return super().get(name, default)


def _value(each: Field, shown: Any) -> Any:
    """A JSON value as conditions compare it."""
    if shown is None or each.kind not in (Kind.DATE, Kind.TIME):
        return shown
    return date.fromisoformat(shown) if each.kind is Kind.DATE else datetime.fromisoformat(shown)
