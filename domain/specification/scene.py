"""A small world made on purpose: records with all that they need, and a person for whom given grants hold.

It is made by setting things, so what comes out is always judged by the domain itself: a scene shows that something
can happen, never that it cannot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any

from domain.account import Account
from domain.membership import Membership
from domain.ownership import Facts, holds
from domain.record import Record
from domain.snapshot import Snapshot
from domain.specification.model import (
    AccountField,
    Anyone,
    Can,
    Condition,
    Engine,
    Field,
    Grant,
    Hop,
    Kind,
    Owner,
    Path,
    Role,
    Rule,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
    Who,
)

NOW = datetime(2000, 1, 1, 12, tzinfo=UTC)
"""any instant: what is past or future here is so by a day"""
SOMEBODY = "somebody"
"""the account that everything belongs to of which nothing else is said"""
DEEPEST = 4
"""references of references that get a record each; those beyond share one for each resource"""
MOST_WAYS = 64
"""ways in which rules that lean on rules can be satisfied"""


# --- the ways in which a rule holds --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """One way to satisfy a rule: who one has to be, with no `whoever can` in it, and what has to be the case."""

    who: tuple[Who, ...]
    when: tuple[Condition, ...]

    def __add__(self, other: "Way") -> "Way":
        return Way(tuple(dict.fromkeys(self.who + other.who)), tuple(dict.fromkeys(self.when + other.when)))


NO_MATTER = Way((), ())


def ways(spec: Specification, resource: str, rule: Rule, path: Path = ()) -> tuple[Way, ...]:
    """The ways in which a person satisfies a rule of a resource, seen from the start of `path`; at most `MOST_WAYS`."""
    found = (way for grant in rule for way in _ways_of(spec, resource, grant, path))
    return tuple(dict.fromkeys(islice(found, MOST_WAYS)))


def _ways_of(spec: Specification, resource: str, grant: Grant, path: Path) -> Iterator[Way]:
    when = tuple(replace(condition, path=path + condition.path) for condition in grant.when)
    parts: list[tuple[Way, ...]] = [(Way((), when),)]
    for who in grant.who:
        match who:
            case Engine():
                return
            case Anyone() | SignedIn():
                continue
            case Can(action, further):
                there = spec.at(resource, further)
                for needed in (action,) if action in ("create", "open", "read") else (action, "open"):
                    parts.append(ways(spec, there.name, there.rule(needed), path + further))
            case Through() if path:
                return  # of another record: too far for a scene
            case Staff() | Through():
                parts.append((Way((who,), ()),))
            case Owner(further) | Role(further) | AccountField(further):
                parts.append((Way((replace(who, path=path + further),), ()),))
    for chosen in islice(product(*parts), MOST_WAYS):
        yield sum(chosen, NO_MATTER)


# --- scenes --------------------------------------------------------------------------------


class Scene:
    """A world that is added to; ids are plain words."""

    def __init__(self, spec: Specification) -> None:
        self.spec = spec
        self.state = Snapshot.empty(spec, NOW)

    def put(self, resource: str, name: str, parent: str | None = None, owner: str = SOMEBODY) -> Facts:
        """A record of which nothing is said but these, with all that it needs around it."""
        model = self.spec.resources[resource]
        if model.parent is not None:
            above = self.state.record(model.parent, parent or self._beside(name, model.parent, model.parent, owner))
            assert above is not None
            parent, owner = above.id, above.owner
        values: dict[str, Any] = dict.fromkeys(model.fields)
        self.state.put(Record(resource, name, owner, parent, values, NOW, NOW))
        for field in model.fields.values():
            if field.kind is not Kind.COPY:
                values[field.name] = self._unsaid(name, field)
        for field in model.fields.values():  # a copy of a copy of this very record's parent is filled by then
            if field.kind is Kind.COPY:
                source = self.at(resource, name).follow(field.path)
                if source is not None:
                    record = source.record
                    values[field.name] = record.owner if field.copied == "owner" else record.values[str(field.copied)]
        return self.at(resource, name)

    def at(self, resource: str, name: str) -> Facts:
        """A record that is here."""
        return Facts(self.state.records[resource][name], self.state)

    def again(self, facts: Facts) -> Facts:
        """The record as it has become."""
        return self.at(facts.record.resource, facts.record.id)

    def set(self, facts: Facts, field: str, value: Any) -> None:
        """Give a field a value."""
        record = self.again(facts).record
        self.state.put(replace(record, values={**record.values, field: value}))

    def member(self, facts: Facts, person: str, role: str) -> None:
        """Give a role."""
        record = facts.record
        self.state.memberships[record.id, person] = Membership(record.resource, record.id, person, role, None)

    def staff(self, person: str, role: str) -> None:
        """Give an instance-wide role."""
        self.state.accounts[person] = Account(person, f"{person}@example.org", "", NOW, role)

    def own(self, facts: Facts, person: str) -> None:
        """Hand the whole tree that a record stands in to a person."""
        *_, root = self.again(facts).above()
        for at in list(self.state.every()):
            *_, top = at.above()
            if top.record.id == root.record.id:
                self.state.put(replace(at.record, owner=person))

    def reach(self, facts: Facts, path: Path) -> Facts:
        """The record at the end of a path; what is empty on the way is filled."""
        at = self.again(facts)
        for hop in path:
            further = at.hop(hop)
            if further is None:
                name = self._beside(at.record.id, hop.field, hop.resource)
                self.set(at, hop.field, name)
                further = self.at(hop.resource, name)
            at = further
        return at

    # --- making somebody fit ---

    def become(self, who: Iterable[Who], facts: Facts, person: str) -> None:
        """Make a person each of these."""
        for one in who:
            match one:
                case Staff(role):
                    self.staff(person, role)
                case Owner(path):
                    self.own(self.reach(facts, path), person)
                case AccountField(path, name):
                    self.set(self.reach(facts, path), name, person)
                case Role(path, _, role):
                    self._at_least(self.reach(facts, path), person, role)
                case Through(link, back, container, role):
                    self._tie(facts, link, back, container, person, role)

    def _at_least(self, there: Facts, person: str, role: str) -> None:
        """A role, where the person has no stronger one."""
        ladder, present = there.resource.ladder, self.state.role(there.record.id, person)
        if ladder is not None and (present is None or present not in ladder.at_least(role)):
            self.member(there, person, role)

    def _tie(self, facts: Facts, link: str, back: str, container: Hop, person: str, role: str) -> None:
        above = facts.record.id if self.spec.resources[link].parent == back else None
        tie = self.put(link, f"{link} of {facts.record.id}", above)
        if above is None:
            self.set(tie, back, facts.record.id)
        self._at_least(self.reach(tie, (container,)), person, role)

    def arrange(self, when: Iterable[Condition], facts: Facts) -> bool:
        """Set the values that conditions ask for; False where they cannot all hold."""
        wanted = list(when)
        for condition in wanted:
            if holds(condition, self.again(facts)):
                continue
            there = self.reach(facts, condition.path)
            beside = [c for c in wanted if (c.path, c.field) == (condition.path, condition.field)]
            for value in self.values(there, condition.field, beside):
                self.set(there, condition.field, value)
                if all(holds(c, self.again(facts)) for c in beside):
                    break
            else:
                return False
        return all(holds(condition, self.again(facts)) for condition in wanted)

    def values(self, there: Facts, name: str, when: Iterable[Condition]) -> list[Any]:
        """A few values that a field can have, those among them that conditions tell apart."""
        field = there.resource.fields[name]
        typed = self.spec.value_field(there.resource.name, name)
        empty = [None] if field.optional or field.by_engine or field.kind is Kind.REFERENCE else []
        if self.spec.names_account(there.resource.name, name):
            return [SOMEBODY, *empty]
        if typed.kind is Kind.YES_NO:
            return [False, True, *empty]
        if typed.kind is Kind.ONE_OF:
            return [*typed.values, *empty]
        if typed.kind is Kind.REFERENCE:
            return [self._beside(there.record.id, name, str(field.target)), *empty]
        compared = [value for condition in when for value in condition.values]
        if typed.kind is Kind.DATE:
            return [NOW.date(), *(NOW.date() + n * timedelta(days=1) for n in (-1, 1)), *empty]
        if typed.kind is Kind.TIME:
            return [NOW, *(NOW + n * timedelta(days=1) for n in (-1, 1)), *empty]
        return [*compared, UNSAID.get(typed.kind, 0), *empty]

    # --- what nothing is said of ---

    def _beside(self, name: str, field: str, resource: str, owner: str = SOMEBODY) -> str:
        """The id of a record that another one needs; a referred one stands in the same tree where it can."""
        found = f"of {name}" if field == resource else f"{field} of {name}"
        if name.count("of ") >= DEEPEST:
            found = f"some {resource}"
        if self.state.record(resource, found) is None:
            self.put(resource, found, self._shared_parent(name, resource), owner)
        return found

    def _shared_parent(self, name: str, resource: str) -> str | None:
        """What a record needs to be in, so that it shares as much as it can with another one."""
        parent = self.spec.resources[resource].parent
        near = next((records[name] for records in self.state.records.values() if name in records), None)
        if parent is None or near is None:
            return None
        shared = next((at.record.id for at in Facts(near, self.state).above() if at.record.resource == parent), None)
        if shared is not None or not set(self.spec.chain(parent)) & set(self.spec.chain(near.resource)):
            return shared
        made = f"{parent} near {name}"
        if self.state.record(parent, made) is None:
            self.put(parent, made, self._shared_parent(name, parent))
        return made

    def _unsaid(self, name: str, field: Field) -> Any:
        if field.initial is not None or field.optional:
            return field.initial
        if field.kind is Kind.REFERENCE:
            return self._beside(name, field.name, str(field.target))
        if field.kind in (Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER):
            return SOMEBODY
        return NOW.date() if field.kind is Kind.DATE else NOW if field.kind is Kind.TIME else UNSAID[field.kind]


def moment(test: Test, kind: Kind) -> Any:
    """A day or an instant that is past or future."""
    found = NOW + timedelta(days=-1 if test is Test.PAST else 1)
    return found.date() if kind is Kind.DATE else found


UNSAID: dict[Kind, Any] = {
    Kind.TEXT: "something", Kind.INTEGER: 2**53 - 1, Kind.NUMBER: 0.0, Kind.DECIMAL: 0, Kind.JSON: {},
}  # fmt: skip
"""what a required field holds of which nothing is said: no condition is likely to name it"""
