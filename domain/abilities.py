"""What an actor may do with a record at this instant, told in advance: the buttons that are worth showing.

The judges of `domain.judging` say so, on the record as it is and on records as they could be. A field is told where
some value of it is not refused. What another record would have to say is not known in advance: where a change names
one (a reference, a new parent), it is told where all else of the rule holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, product
from typing import Any

from domain.errors import Forbidden
from domain.judging import judge_change, judge_creation, judge_deletion, judge_result, rules, sharing_cap, throughs
from domain.ownership import Actor, Facts, World, may, may_read_field
from domain.record import Record, create, writable
from domain.specification.model import (
    AccountField,
    Condition,
    Field,
    Grant,
    Kind,
    Path,
    Resource,
    Rule,
    Specification,
)

NEW, ELSEWHERE, CONTAINER, SOMEBODY = "new", "elsewhere", "container", "somebody else"
"""ids of what could be: a record to create, one to refer to, one that ties, another account"""
MOST_TRIES = 1000
"""different values of a new record; one with more to try is told"""
_DAY = timedelta(days=1)
_ACCOUNTS = (Kind.ACCOUNT, Kind.MEMBER)


class _Other:
    """A value that is none of those that rules name."""


_OTHER = _Other()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What somebody may do with one record now; nothing of what it cannot see is named."""

    actions: tuple[str, ...]
    """of the language, in its order; `update` where some field may change or some step be taken; and `join`"""
    fields: tuple[str, ...]
    """that it may change"""
    steps: Mapping[str, tuple[str, ...]]
    """for each field with steps that it sees, the values that it may take next"""
    create: tuple[str, ...]
    """the resources of which it may create a record below"""
    role: str | None
    """its own, on this very record"""
    roles: tuple[str, ...]
    """that it may give, the strongest first"""


def reading(reads: bool, steps: Iterable[str]) -> Abilities:
    """Of who opens a record, and perhaps reads it, and no more; `steps` are the fields with steps that it sees."""
    return Abilities(("open", "read") if reads else ("open",), (), dict.fromkeys(steps, ()), (), None, ())


class Able:
    """Tells abilities by one specification."""

    def __init__(self, specification: Specification) -> None:
        """Know what rules ask of records, and what of that a change can bring about."""
        self._specification = specification
        self._asked = _asked((r, rule) for r in specification.resources.values() for rule in rules(r))
        self._asked_of_new = _asked((r, rule) for r in specification.resources.values() for rule in _of_new(r))
        self._ties = {(through.link, through.container.field) for through in throughs(specification)}
        self._ties -= {(through.link, through.back) for through in throughs(specification)}
        self._new = {name: self._hoping(resource) for name, resource in specification.resources.items()}

    def of(self, actor: Actor, facts: Facts, new: Iterable[Facts]) -> Abilities:
        """The abilities of an actor who can open the record; `new` are its `blanks`, with facts around them."""
        resource, ladder = facts.resource, facts.resource.ladder
        if actor.link is not None:
            seen = (name for name in resource.steps if may_read_field(resource.fields[name], actor, facts))
            return reading(may("read", actor, facts).allowed, seen)
        covers = _scope(actor)
        changing = covers(resource.name, "update")
        fields = tuple(name for name in writable(resource) if changing and self._changes(actor, facts, name))
        steps = {
            name: tuple(self._values_next(actor, facts, name) if changing else ())
            for name in resource.steps
            if may_read_field(resource.fields[name], actor, facts)
        }
        cap = sharing_cap(actor, facts) if covers(resource.name, "share") else None
        role = None if ladder is None or actor.account is None else facts.world.role(facts.record.id, actor.account)
        joins = ladder is not None and ladder.join_open and actor.account is not None and role is None
        told = {
            "open": True,
            "read": may("read", actor, facts).allowed,
            "update": bool(fields) or any(steps.values()),
            "delete": covers(resource.name, "delete") and _passes(judge_deletion, actor, facts),
            "share": cap is not None,
            "members": covers(resource.name, "members") and may("members", actor, facts).allowed,
            "move": changing and resource.parent is not None and self._moves(actor, facts, resource.parent),
            "transfer": covers(resource.name, "transfer") and may("transfer", actor, facts).allowed,
            "join": joins and covers(resource.name, "share"),
        }
        return Abilities(
            tuple(action for action, holds in told.items() if holds),
            fields,
            steps,
            tuple(blank.resource.name for blank in new if self._creates(actor, blank, covers)),
            role,
            () if ladder is None or cap is None else ladder.roles[ladder.roles.index(cap) :],
        )

    def blanks(self, actor: Actor, facts: Facts) -> Iterator[Record]:
        """A record of each resource below, as it could be created there if only its fields were known."""
        for child in self._specification.children(facts.resource.name):
            yield self._blank(actor, child, facts)

    # --- changing ------------------------------------------------------------------------

    def _changes(self, actor: Actor, facts: Facts, name: str) -> bool:
        """Whether some other value of a field is not refused."""
        field = facts.resource.fields.get(name)
        if field is None or name in facts.resource.steps or not may_read_field(field, actor, facts):
            return False
        return any(self._accepts(actor, facts, name, value) for value in self._values(facts, actor, field))

    def _accepts(self, actor: Actor, facts: Facts, name: str, value: Any) -> bool:
        try:
            change = judge_change(actor, facts, {name: value})
            if not change:
                return False
            if value in (ELSEWHERE, CONTAINER):
                held = {
                    name: tuple(_hopeful(rule, {name}, set()) for rule in sets) for name, sets in change.held.items()
                }
                change = replace(change, held=held)
            judge_result(actor, _as_if(facts, facts.record.edit({name: value}, facts.world.now)), change)
        except Forbidden:
            return False
        return True

    def _values_next(self, actor: Actor, facts: Facts, name: str) -> Iterator[str]:
        """The values that a step leads to now, in the order of the field's."""
        return (value for value in facts.resource.fields[name].values if self._accepts(actor, facts, name, value))

    def _moves(self, actor: Actor, facts: Facts, parent: str) -> bool:
        """Whether the record may be taken from where it is. Where it may go is judged there."""
        return _passes(judge_change, actor, facts, {parent: ELSEWHERE})

    def _values(self, facts: Facts, actor: Actor, field: Field) -> list[Any]:
        """A value of each sort that rules can tell apart."""
        none = [None] if field.nullable else []
        if field.kind is Kind.YES_NO:
            return [True, False, *none]
        if field.kind is Kind.ONE_OF:
            return [*field.values, *none]
        if field.kind is Kind.REFERENCE:
            return [CONTAINER if (facts.resource.name, field.name) in self._ties else ELSEWHERE, *none]
        if field.kind in _ACCOUNTS:
            return [SOMEBODY, *([actor.account] if actor.account is not None else []), *none]
        if field.kind in (Kind.DATE, Kind.TIME):
            return [*_moments(field, facts.world.now), *none]
        named = self._asked.get((facts.resource.name, field.name), ())
        if field.kind is Kind.INTEGER and field.minimum is not None and field.maximum is not None:
            every = range(field.minimum, min(field.maximum, field.minimum + len(named) + 1) + 1)
            return [*every, *(value for value in named if value not in every), *none]
        return [_OTHER, *named, *none]

    # --- creating ------------------------------------------------------------------------

    def _blank(self, actor: Actor, child: Resource, above: Facts) -> Record:
        """A new record with what its message may leave out; the rest is still to be filled in."""
        initial = {field.name: field.initial for field in child.fields.values()}
        initial |= {name: child.steps_start(name) for name in child.steps}

        def copied(field: Field) -> Any:
            source = above.follow(field.path[1:]) if field.path[0].field == child.parent else None
            if source is None:
                return None
            return source.record.owner if field.copied == "owner" else source.record.values[str(field.copied)]

        record, now = above.record, above.world.now
        return create(child, NEW, record.owner, record.id, initial, actor.account, copied, now)

    def _creates(self, actor: Actor, blank: Facts, covers: Callable[[str, str], bool]) -> bool:
        """Whether some record like this one is not refused."""
        resource = blank.resource
        if not covers(resource.name, "create") or not resource.rule("create"):
            return False
        looked_at = [f for f in resource.fields.values() if not f.by_engine and self._matters(resource, f)]
        sent = {
            f.name: self._values(blank, actor, f)[0] for f in resource.fields.values() if f.required and not f.by_engine
        }
        sent = {name: value for name, value in sent.items() if name not in resource.steps}
        choices = [self._choices(blank, actor, field) for field in looked_at]
        tries = 0
        for chosen in islice(product(*choices), MOST_TRIES):
            tries += 1
            given = sent | {f.name: value for f, value in zip(looked_at, chosen, strict=True) if value is not _LEFT_OUT}
            if self._creates_so(actor, blank, given):
                return True
        return tries == MOST_TRIES

    def _creates_so(self, actor: Actor, blank: Facts, given: Mapping[str, Any]) -> bool:
        name = blank.resource.name
        record = replace(blank.record, resource=f"new {name}", values={**blank.record.values, **given})
        new = _as_if(blank, record, self._new[name])
        return _passes(judge_creation, actor, new, {str(blank.resource.parent): blank.record.parent, **given})

    def _choices(self, blank: Facts, actor: Actor, field: Field) -> list[Any]:
        if field.name in blank.resource.steps:
            return [_LEFT_OUT]
        values = self._values(blank, actor, field)
        return values if field.required else [_LEFT_OUT, *values]

    def _matters(self, resource: Resource, field: Field) -> bool:
        """Whether a rule on a new record may look at a field, or asks who writes it."""
        asked = (resource.name, field.name)
        return asked in self._asked_of_new or asked in self._ties or (field.write is not None and field.required)

    def _hoping(self, resource: Resource) -> Specification:
        """The specification in which a new record of the resource, and no other, is judged by `_hopeful` rules."""
        hops = {field.name for field in resource.references()}
        own = {
            field.name
            for field in resource.fields.values()
            if field.kind is Kind.COPY and field.path[0].field != resource.parent
        }
        can = {action: _hopeful(rule, hops, own) for action, rule in resource.can.items()}
        fields = {
            name: field if field.write is None else replace(field, write=_hopeful(field.write, hops, own))
            for name, field in resource.fields.items()
        }
        hoping = replace(resource, can=can, fields=fields)
        every = {**self._specification.resources, f"new {resource.name}": hoping}
        return replace(self._specification, resources=every)


class _LeftOut:
    """A field that a message does not carry."""


_LEFT_OUT = _LeftOut()


def _passes(judge: Callable[..., Any], *args: Any) -> bool:
    try:
        judge(*args)
    except Forbidden:
        return False
    return True


def _scope(actor: Actor) -> Callable[[str, str], bool]:
    """How far the actor's key reaches; everywhere without one."""
    return (lambda resource, action: True) if actor.key is None else actor.key.covers


def _moments(field: Field, now: datetime) -> list[Any]:
    """Before, at and after now, within the field's bounds; two of each, for one may be what is there."""
    found: list[Any] = [now + days * _DAY for days in (-2, -1, 0, 1, 2)]
    if field.kind is Kind.DATE:
        found = [moment.date() for moment in found]
    low, high = field.minimum, field.maximum
    found += [bound for bound in (low, high) if bound is not None]
    return [each for each in found if (low is None or each >= low) and (high is None or each <= high)]


def _of_new(resource: Resource) -> Iterator[Rule]:
    """The rules that a new record is judged by."""
    yield from (resource.rule("create"), resource.rule("open"))
    yield from (field.write for field in resource.fields.values() if field.write is not None)


def _asked(stated: Iterable[tuple[Resource, Rule]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """By resource and field, the values that rules name of a field of their own record; none where they name none."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for resource, rule in stated:
        for term in (term for grant in rule for term in (*grant.who, *grant.when)):
            path: Path = getattr(term, "path", ())
            if path:
                found.setdefault((resource.name, path[0].field), ())
            elif isinstance(term, Condition):
                found[resource.name, term.field] = found.get((resource.name, term.field), ()) + term.values
            elif isinstance(term, AccountField):
                found.setdefault((resource.name, term.field), ())
    return found


def _hopeful(rule: Rule, hops: set[str], own: set[str]) -> Rule:
    """The rule without what it asks of records at the end of these hops, and of these fields of its own record."""

    def known(term: Any) -> bool:
        path: Path = getattr(term, "path", ())
        if path:
            return path[0].field not in hops
        return not (isinstance(term, Condition | AccountField) and term.field in own)

    def hoped(grant: Grant) -> Grant:
        who, when = tuple(filter(known, grant.who)), tuple(filter(known, grant.when))
        return replace(grant, who=who, when=when)

    return tuple(map(hoped, rule))


def _as_if(facts: Facts, record: Record, specification: Specification | None = None) -> Facts:
    """The record as it would be, in the same world otherwise."""
    return Facts(record, _AsIf(facts.world, record, specification or facts.world.specification))


@dataclass(frozen=True)
class _AsIf:
    """A `World` in which one record is another, and in which there is what could be referred to."""

    world: World
    changed: Record
    specification: Specification

    @property
    def now(self) -> datetime:
        """See `World`."""
        return self.world.now

    def record(self, resource: str, record_id: str) -> Record | None:
        """See `World`. Of what is elsewhere nothing is known; a container ties only by being there."""
        if record_id == self.changed.id:
            return self.changed
        if record_id == CONTAINER:
            return replace(self.changed, resource=resource, id=CONTAINER)
        return None if record_id == ELSEWHERE else self.world.record(resource, record_id)

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        return None if record_id in (CONTAINER, NEW) else self.world.role(record_id, account)

    def linked(self, record_id: str, link: str) -> str | None:
        """See `World`."""
        return self.world.linked(record_id, link)

    def staff(self, account: str) -> str | None:
        """See `World`."""
        return self.world.staff(account)

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`."""
        return () if record_id == NEW else self.world.tying(link, back, record_id)
