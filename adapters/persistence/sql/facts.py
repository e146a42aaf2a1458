"""The facts that a record's rules can ask for, fetched in one statement and handed to the domain as its `World`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, select

from adapters.persistence.sql.builtin import MembershipRow
from adapters.persistence.sql.connection import Row
from adapters.persistence.sql.rules import ME, At, From, RuleCompiler
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import RecordColumns
from domain.judging import opened_by, rules
from domain.record import Record
from domain.specification.model import (
    AccountField,
    Can,
    Condition,
    Hop,
    Owner,
    Path,
    Resource,
    Role,
    Rule,
    Specification,
    Staff,
    Through,
)

_MEMBERS: Table = MembershipRow.__table__  # type: ignore[attr-defined]


@dataclass
class Snapshot:
    """A `World` that holds what was fetched, and refuses to answer what was not (that would be a wrong decision)."""

    specification: Specification
    now: datetime
    records: dict[tuple[str, str], Record | None] = field(default_factory=dict)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    """live roles of the acting account, by record and account"""
    asked_roles: set[str] = field(default_factory=set)
    staff_roles: dict[str, str | None] = field(default_factory=dict)
    ties: dict[tuple[str, str, str], tuple[Record, ...]] = field(default_factory=dict)
    covered: dict[str, set[Path]] = field(default_factory=dict)
    """by record id, the ways from it whose ends are held"""

    def record(self, resource: str, record_id: str) -> Record | None:
        """See `World`."""
        return self.records[resource, record_id]

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        if record_id not in self.asked_roles:
            raise KeyError(record_id)
        return self.roles.get((record_id, account))

    def linked(self, record_id: str, link: str) -> str | None:
        """See `World`. Nothing is loaded for a link."""
        raise KeyError(record_id)

    def staff(self, account: str) -> str | None:
        """See `World`."""
        return self.staff_roles[account]

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`; only records on whose container the acting account has a role are held."""
        return self.ties[link, back, record_id]


class Everybody(Snapshot):
    """A `Census`: what was fetched is of every account."""

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        return self.roles.get((record_id, account))

    def staff(self, account: str) -> str | None:
        """See `World`."""
        return self.staff_roles.get(account)

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`."""
        return self.ties.get((link, back, record_id), ())

    def members(self, record_id: str) -> Iterable[str]:
        """See `Census`."""
        return [account for record, account in self.roles if record == record_id]

    def appointed(self) -> Iterable[str]:
        """See `Census`."""
        return list(self.staff_roles)


@dataclass(frozen=True)
class Footprint:
    """What the rules of a resource can ask for, seen from one of its records."""

    ways: tuple[Path, ...]
    """to every record, shorter ones first, `()` included"""
    roles: tuple[Path, ...]
    """to the records whose members count"""
    throughs: tuple[tuple[Path, Through], ...]
    staff: bool

    def beyond(self) -> dict[Hop, tuple[tuple[Path, ...], tuple[Path, ...]]]:
        """By the first hop of its ways: how they and those to roles go on from there."""
        return {
            hop: (_after(hop, self.ways), _after(hop, self.roles))
            for hop in dict.fromkeys(way[0] for way in self.ways if way)
        }


def _after(hop: Hop, ways: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(way[1:] for way in ways if way[:1] == (hop,))


def footprint(specification: Specification, resource: Resource) -> Footprint:
    """Walk every rule that may be asked when a record is changed: its own, and those of what it hangs on."""
    ways: set[Path] = {()}
    roles: set[Path] = set()
    throughs: dict[tuple[Path, Through], None] = {}
    staff = False

    def reach(way: Path) -> None:
        ways.update(way[:i] for i in range(len(way) + 1))

    for way, term in _asked(specification, resource):
        reach(way)
        match term:
            case Role():
                reach(way + term.path)
                roles.add(way + term.path)
            case AccountField() | Owner() | Condition() | Can():
                reach(way + term.path)
            case Through():
                throughs[way, term] = None
            case Staff():
                staff = True
    if resource.ladder is not None:
        roles.add(())
    for f in resource.fields.values():
        reach(f.path)
    return Footprint(_in_order(ways), _in_order(roles), tuple(throughs), staff)


def _in_order(ways: Iterable[Path]) -> tuple[Path, ...]:
    """The same in every process: statements are made of it, and the names of the database's functions."""
    return tuple(sorted(ways, key=lambda way: (len(way), [hop.field for hop in way])))


def _asked(specification: Specification, resource: Resource) -> Iterator[tuple[Path, Any]]:
    """Every term that can be asked, with the way to the record where it is stated."""
    done: set[tuple[Path, Rule]] = set()
    for rule in rules(resource):
        yield from _unfold(specification, resource, (), rule, done)
    way: Path = ()
    for name in specification.chain(resource.name):
        above = specification.resources[name]
        way = specification.up(resource.name, name)
        yield way, None
        yield from ((way, condition) for condition in (above.locked.when if above.locked else ()))
    for hop, action in visible_hops(resource):
        target = specification.resources[hop.resource]
        for needed in {action, "open"}:
            yield from _unfold(specification, resource, (hop,), target.rule(needed), done)
    for name in opened_by(specification, resource):
        hop = Hop(name, specification.target(resource.name, name))
        target = specification.resources[hop.resource]
        for needed in ("share", "open"):
            yield from _unfold(specification, resource, (hop,), target.rule(needed), done)


def visible_hops(resource: Resource) -> Iterator[tuple[Hop, str]]:
    """The parent and the references, with what a caller must be able to do to see their ids."""
    if resource.parent is not None:
        yield Hop(resource.parent, resource.parent), "open"
    for f in resource.references():
        yield Hop(f.name, str(f.target)), "read"


def _unfold(
    specification: Specification, resource: Resource, way: Path, rule: Rule, done: set[tuple[Path, Rule]]
) -> Iterator[tuple[Path, Any]]:
    """The terms of a rule and of those it leans on, each rule once at each place: else they double at every level."""
    if (way, rule) in done:
        return
    done.add((way, rule))
    for grant in rule:
        for term in (*grant.who, *grant.when):
            yield way, term
            if isinstance(term, Can):
                further = way + term.path
                target = specification.at(resource.name, further)
                for needed in {term.action, "open"}:
                    yield from _unfold(specification, resource, further, target.rule(needed), done)


class FactsColumns:
    """One SELECT that fetches a record and every record its rules can ask for, by outer joins."""

    def __init__(
        self, tables: Tables, compiler: RuleCompiler, resource: Resource, ways: Sequence[Path], roles: Sequence[Path]
    ) -> None:
        """`ways` is a footprint's, with every prefix of every way, shorter ones first; `roles` are some of them."""
        self._specification = tables.specification
        self._tables = tables
        self._compiler = compiler
        self._resource = resource
        self._ways = tuple(ways)
        self._roles = tuple(roles)
        self._parts: list[tuple[Path, RecordColumns, int]] = []
        width = 0
        for way in self._ways:
            columns = RecordColumns(self._specification, self._specification.at(resource.name, way))
            self._parts.append((way, columns, width))
            width += columns.width
        self._width = width

    def select(self) -> tuple[Select[Any], From]:
        """The statement without a WHERE, and the table of the record itself."""
        root = self._tables.of[self._resource.name].alias()
        found: dict[Path, From] = {(): root}
        source: Any = root
        chosen: list[ColumnElement[Any]] = []
        for number, (way, columns, _) in enumerate(self._parts):
            if way:
                before, hop = found[way[:-1]], way[-1]
                table = self._tables.of[hop.resource].alias()
                name = self._specification.at(self._resource.name, way[:-1]).name
                source = source.outerjoin(table, self._compiler.on_hop(At(before, name), hop, table))
                found[way] = table
            chosen += columns.columns(found[way], f"t{number}_")
        for number, way in enumerate(self._roles):
            mine = and_(
                _MEMBERS.c.record == found[way].c.id, _MEMBERS.c.account == ME, self._compiler.on_expiry(_MEMBERS)
            )
            role = select(_MEMBERS.c.role).where(mine).correlate_except(_MEMBERS)
            chosen.append(role.scalar_subquery().label(f"role_{number}"))
        return select(*chosen).select_from(source), root

    def into(self, snapshot: Snapshot, row: Row, account: str | None) -> Record:
        """Put a row's records, and the acting account's roles, into the snapshot; the record itself."""
        found: dict[Path, Record | None] = {}
        for way, columns, start in self._parts:
            record = columns.record(row[start : start + columns.width])
            found[way] = record
            if record is not None:
                snapshot.records[record.resource, record.id] = record
        root = found[()]
        assert root is not None
        for way, record in found.items():
            if record is not None:
                further = {other[len(way) :] for other in self._ways if other[: len(way)] == way}
                snapshot.covered.setdefault(record.id, set()).update(further)
        for way, role in zip(self._roles, row[self._width :], strict=True):
            record = found[way]
            if record is not None:
                snapshot.asked_roles.add(record.id)
                if role is not None and account is not None:
                    snapshot.roles[record.id, account] = role
        return root


def at_ways(snapshot: Snapshot, record: Record, ways: Iterable[Path]) -> dict[Path, str]:
    """The ids at the ends of the ways from a record; ways that lead nowhere are left out."""
    found: dict[Path, str] = {}
    for way in ways:
        at: Record | None = record
        for hop in way:
            target = None if at is None else at.target(hop.field)
            at = None if target is None else snapshot.records.get((hop.resource, target))
        if at is not None:
            found[way] = at.id
    return found
