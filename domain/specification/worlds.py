"""Small worlds: the fewest records, values and roles that show something."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.account import Account
from domain.membership import Membership
from domain.ownership import ANONYMOUS, ENGINE, Actor, Facts
from domain.record import Record
from domain.secret_link import SecretLink
from domain.snapshot import Snapshot
from domain.specification.cases import About, Assignment, Some, Space, Variable
from domain.specification.model import Field, Hop, Kind, Path, Resource, Specification, Through
from domain.values import LARGEST_INTEGER

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""when every small world is asked; rules know only what lies before and after"""
CALLER, OTHER, LINK = "the caller", "somebody else", "the link"


class Small:
    """A world in which one record is decided on, for one caller: no more than an assignment speaks of."""

    def __init__(self, space: Space, assignment: Assignment) -> None:
        """The assignment is of the variables of the space."""
        self.space = space
        self.assignment = assignment
        self._said = {(v.about, v.path, v.name): value for v, value in assignment.items()}
        self.caller: Some = self.said(About.CALLER) or Some.ACCOUNT

    def said(self, about: About, path: Path = (), name: str = "") -> Any:
        """What the assignment says; None where it says nothing."""
        return self._said.get((about, path, name))

    def built(self, specification: Specification) -> tuple[Actor, Facts]:
        """Who calls, and the record in its world as a specification keeps it; a fresh record is only imagined."""
        return _Builder(specification, self).built()


# --- as data -------------------------------------------------------------------------------


class _Builder:
    def __init__(self, specification: Specification, small: Small) -> None:
        self._spec = specification
        self._small = small
        self._fresh = small.space.fresh
        self._snapshot = Snapshot.empty(specification, NOW)
        self._records: dict[Path, Record] = {}

    def built(self) -> tuple[Actor, Facts]:
        small, snapshot = self._small, self._snapshot
        staff = small.said(About.STAFF)
        for name in (CALLER, OTHER):
            role = staff if name == CALLER and isinstance(staff, str) else None
            snapshot.accounts[name] = Account(name, "", "", NOW, role)
        record = self._record(())
        for variable, role in small.assignment.items():
            if variable.about in (About.ROLE, About.TIE) and isinstance(role, str) and self._knows(variable):
                held = self._record(variable.path)
                if variable.through is not None:
                    held = self._container(variable.through, held)
                if small.caller is Some.LINK:
                    snapshot.links[LINK] = SecretLink(LINK, LINK, held.resource, held.id, role, NOW, None)
                else:
                    snapshot.memberships[held.id, CALLER] = Membership(held.resource, held.id, CALLER, role, None)
        others = {Some.ANONYMOUS: ANONYMOUS, Some.ENGINE: ENGINE, Some.LINK: Actor(link=LINK)}
        actor = others.get(small.caller, Actor(CALLER))
        if not self._fresh:
            return actor, snapshot.facts(record)
        del snapshot.records[record.resource][record.id]
        return actor, snapshot.imagine(replace(record, values={**record.values, **self._copied(record)}))

    def _knows(self, variable: Variable) -> bool:
        """Whether this specification has what a variable is about, and not only the one that it is compared with."""
        at = self._small.space.resource
        through = variable.through
        ends = () if through is None else (Hop("", through.link), through.container)
        for hop in variable.path:
            resource = self._spec.resources[at]
            if hop.resource not in self._spec.resources or hop.field not in (resource.parent, *resource.fields):
                return False
            at = hop.resource
        return all(hop.resource in self._spec.resources for hop in ends)

    def _record(self, path: Path) -> Record:
        """The record at the end of a path, with all that is above it."""
        if path not in self._records:
            resource = self._spec.resources[path[-1].resource if path else self._small.space.resource]
            parent = None if resource.parent is None else self._record((*path, Hop(resource.parent, resource.parent)))
            values = {field.name: self._value(path, resource, field) for field in resource.fields.values()}
            self._records[path] = self._put(
                resource, self._owner(path) if parent is None else parent.owner, parent, values
            )
        return self._records[path]

    def _owner(self, path: Path) -> str:
        """Who owns a root."""
        created = self._fresh and not path and self._small.caller is Some.ACCOUNT
        mine = created or self._small.said(About.OWNER, self._small.space.lowest(path)) is Some.ME
        return CALLER if mine else OTHER

    def _value(self, path: Path, resource: Resource, field: Field) -> Any:
        fresh = self._fresh and not path
        if fresh and field.kind is Kind.CREATOR:
            return CALLER if self._small.caller is Some.ACCOUNT else None
        said = self._small.said(About.VALUE, path, field.name)
        if field.kind is Kind.REFERENCE:
            there = said is Some.OTHER or (said is None and fresh and field.required)
            return self._record((*path, Hop(field.name, str(field.target)))).id if there else None
        if said is None and (field.optional or field.by_engine or field.initial is not None):
            return field.initial
        return _concrete(self._spec.value_field(resource.name, field.name), Some.OTHER if said is None else said)

    def _copied(self, record: Record) -> dict[str, Any]:
        facts = self._snapshot.facts(record)
        found: dict[str, Any] = {}
        for field in facts.resource.fields.values():
            source = facts.follow(field.path) if field.kind is Kind.COPY else None
            if source is not None:
                owner = field.copied == "owner"
                found[field.name] = source.record.owner if owner else source.record.values[str(field.copied)]
        return found

    def _container(self, through: Through, tied: Record) -> Record:
        """A container that a new link record ties a record to."""
        link = self._spec.resources[through.link]
        container = self._stub(through.container.resource)
        ends = {through.back: tied, through.container.field: container}
        parent = None if link.parent is None else ends.get(link.parent) or self._stub(link.parent)
        values = {f.name: ends[f.name].id if f.name in ends else f.initial for f in link.fields.values()}
        self._put(link, OTHER if parent is None else parent.owner, parent, values)
        return container

    def _stub(self, name: str) -> Record:
        """A record of somebody else's, with what is above it."""
        resource = self._spec.resources[name]
        parent = None if resource.parent is None else self._stub(resource.parent)
        values = {f.name: f.initial for f in resource.fields.values()}
        return self._put(resource, OTHER if parent is None else parent.owner, parent, values)

    def _put(self, resource: Resource, owner: str, parent: Record | None, values: dict[str, Any]) -> Record:
        there = self._snapshot.records[resource.name]
        above = None if parent is None else parent.id
        record = Record(resource.name, f"{resource.name} {len(there) + 1}", owner, above, values, NOW, NOW)
        there[record.id] = record
        return record


_PLAIN: dict[Kind, Any] = {
    Kind.INTEGER: 0,
    Kind.NUMBER: 0.5,
    Kind.DECIMAL: "0",
    Kind.JSON: {},
    Kind.DATE: NOW.date(),
    Kind.TIME: NOW,
    Kind.YES_NO: False,
}
"""what stands in a field whose value no rule asks for"""


def _concrete(field: Field, value: Any) -> Any:
    """A value as the domain has it, of those that a value of the field's variable stands for."""
    match value:
        case Some.NONE | Some.GONE:
            return None
        case Some.ME:
            return CALLER
        case Some.PAST | Some.NOW | Some.FUTURE:
            days = (Some.PAST, Some.NOW, Some.FUTURE).index(value) - 1
            moment = NOW + timedelta(days=days)
            return moment if field.kind is Kind.TIME else moment.date()
        case Some.OTHER if field.kind is Kind.INTEGER:
            return -LARGEST_INTEGER
        case Some.OTHER:
            return _PLAIN.get(field.kind, OTHER)
        case _ if field.kind in (Kind.DATE, Kind.TIME):  # a text in the file that it is compared with
            return _PLAIN[field.kind]
    return value
