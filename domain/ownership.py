"""Who may do what: one rule, decided over facts, with its reason.

A rule is data (`domain.specification.model`); deciding is a pure function. The other readings of the same
rule (a SQL filter, row-level security) are compiled from the same data and tested to be equal to this one.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as described
from datetime import date, datetime
from typing import Any, Protocol

from domain.api_key import KeyScope
from domain.record import Record
from domain.specification.model import (
    ENGINE_FIELDS,
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
    Resource,
    Role,
    Rule,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
    Who,
)
from domain.values import instant_text, to_json


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an account (by a session or an API key), nobody, a secret link, or the engine."""

    account: str | None = None
    session: str | None = None
    engine: bool = False
    key: KeyScope | None = None
    """of a program: how far its key reaches; asked at the door of the use cases (`RecordUseCases.admit`)"""
    link: str | None = described(default=None, repr=False)
    """of whoever has a secret link and no account: the hash of its token. What it carries is asked of the world"""

    @property
    def name(self) -> str | None:
        """Whose doings these are: the account's, of the engine its key's, or a link's; None for nobody."""
        if self.link is not None:
            return f"link {self.link[:32]}"
        return self.key.key if self.engine and self.key is not None else self.account

    def reaches(self, resource: str, action: str) -> bool:
        """Whether its key, if it comes by one, is for this."""
        return self.key is None or self.key.covers(resource, action)


ANONYMOUS = Actor()
ENGINE = Actor(engine=True)


class Untold(LookupError):
    """What a world does not tell: no grant that asks for it matches."""


class World(Protocol):
    """What is known when a rule is decided: a snapshot at one `now`. Whoever asks it for more hears `Untold`."""

    @property
    def specification(self) -> Specification:
        """The specification that is decided by."""

    @property
    def now(self) -> datetime:
        """The one instant of this request, with time zone."""

    def record(self, resource: str, record_id: str) -> Record | None:
        """The record, or None where there is none."""

    def role(self, record_id: str, account: str) -> str | None:
        """The account's role on this very record; None without a membership or with an expired one."""

    def linked(self, record_id: str, link: str) -> str | None:
        """The role on this very record of the secret link with this hash; None of another, or an ended one."""

    def staff(self, account: str) -> str | None:
        """The account's instance-wide role."""

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """The records of resource `link` whose reference or parent `back` is this record, in any order."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A record in its world: what a rule is decided over."""

    record: Record
    world: World

    @property
    def resource(self) -> Resource:
        """The record's resource."""
        return self.world.specification.resources[self.record.resource]

    def follow(self, path: Path) -> "Facts | None":
        """The record at the end of the path; None where a hop is empty or its record is gone."""
        at: Facts | None = self
        for hop in path:
            at = at.hop(hop) if at is not None else None
        return at

    def hop(self, hop: Hop) -> "Facts | None":
        """The parent or referred record."""
        target_id = self.record.target(hop.field)
        target = None if target_id is None else self.world.record(hop.resource, target_id)
        return None if target is None else Facts(target, self.world)

    def above(self) -> "Iterator[Facts]":
        """The record itself, its parent, and so on to the root."""
        at: Facts | None = self
        while at is not None:
            yield at
            parent = at.resource.parent
            at = at.hop(Hop(parent, parent)) if parent is not None else None


@dataclass(frozen=True, slots=True)
class Because:
    """Why something is allowed: the grant (with its line), and for each of its terms what satisfied it."""

    grant: Grant
    terms: tuple[str, ...]

    def __str__(self) -> str:
        """One line for people."""
        return f"line {self.grant.place.line}: `{self.grant.text}` ({'; '.join(self.terms)})"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a rule allows, and the grant that does."""

    allowed: bool
    because: Because | None = None

    def __bool__(self) -> bool:
        """Whether it is allowed."""
        return self.allowed


DENIED = Decision(False)


def decide(rule: Rule, actor: Actor, facts: Facts) -> Decision:
    """Whether any grant of the rule matches; `because` names the first that does.

    Nothing else is consulted: no lock, and no `open`. Use `may` for an action as a whole.
    """
    for because in reasons(rule, actor, facts):
        return Decision(True, because)
    return DENIED


OF_LINKS = ("open", "read")
"""the actions of a secret link"""


def matching(rule: Rule, actor: Actor, facts: Facts) -> tuple[Grant, ...]:
    """All grants of the rule that match."""
    return tuple(because.grant for because in reasons(rule, actor, facts))


def reasons(rule: Rule, actor: Actor, facts: Facts) -> Iterator[Because]:
    """The same, each with what satisfied it."""
    for grant in rule:
        terms = _match(grant, actor, facts)
        if terms is not None:
            yield Because(grant, terms)


def may(action: str, actor: Actor, facts: Facts) -> Decision:
    """Whether the actor has the right to an action on a record, which it must be able to open too.

    For `open`, `read` and `create` (judged on the new record) their own grants decide; the engine opens everything.
    A secret link opens and reads, and does nothing else: not even what anyone may.
    """
    if action == "open" and actor.engine:
        return Decision(True)
    if actor.link is not None and action not in OF_LINKS:
        return DENIED
    decision = decide(facts.resource.rule(action), actor, facts)
    if decision and action not in ("open", "read", "create") and not may("open", actor, facts):
        return DENIED
    return decision


def may_read_field(field: Field, actor: Actor, facts: Facts) -> bool:
    """Whether an actor who can open the record sees the field."""
    return field.read is None or decide(field.read, actor, facts).allowed


def locked(facts: Facts) -> bool:
    """Whether the record's own lock holds."""
    lock = facts.resource.locked
    return lock is not None and all(holds(condition, facts) for condition in lock.when)


def locked_above(facts: Facts) -> bool:
    """Whether a lock holds on any record above."""
    above = facts.above()
    next(above)
    return any(locked(at) for at in above)


def visible_reference(hop: Hop, actor: Actor, facts: Facts) -> str | None:
    """The id that a reference or the parent's field shows to the actor; None where it may not be seen.

    A parent must be open to the actor, a referred record readable.
    """
    target = facts.hop(hop)
    if target is None:
        return None
    action = "open" if hop.field == facts.resource.parent else "read"
    return target.record.id if may(action, actor, target) else None


def seen(name: str, actor: Actor, facts: Facts) -> Any:
    """What a field, the parent's name or an engine's name holds as the actor sees it; None where it may not."""
    record, resource = facts.record, facts.resource
    if name in ENGINE_FIELDS:
        return getattr(record, name)
    if name == resource.parent:
        return visible_reference(Hop(name, name), actor, facts)
    field = resource.fields[name]
    if not may_read_field(field, actor, facts):
        return None
    if field.kind is Kind.REFERENCE:
        return visible_reference(Hop(name, str(field.target)), actor, facts)
    return record.values[name]


def view(actor: Actor, facts: Facts) -> dict[str, Any]:
    """The record as this actor, who can open it, sees it: JSON values, unreadable fields absent."""
    record, resource = facts.record, facts.resource
    shown: dict[str, Any] = {"id": record.id, "owner": record.owner}
    if resource.parent is not None:
        shown[resource.parent] = seen(resource.parent, actor, facts)
    for field in resource.fields.values():
        if may_read_field(field, actor, facts):
            value_field = facts.world.specification.value_field(resource.name, field.name)
            shown[field.name] = to_json(value_field, seen(field.name, actor, facts))
    shown["created_at"] = instant_text(record.created_at)
    shown["updated_at"] = instant_text(record.updated_at)
    return shown


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition holds; a missing value satisfies only `is empty`."""
    target = facts.follow(condition.path)
    value = None if target is None else target.record.values[condition.field]
    match condition.test:
        case Test.IS:
            return value is not None and value in condition.values
        case Test.SET:
            return value is not None
        case Test.EMPTY:
            return value is None
        case Test.PAST:
            return value is not None and value < _like(value, facts.world.now)
        case Test.FUTURE:
            return value is not None and value > _like(value, facts.world.now)


def _like(value: date | datetime, now: datetime) -> Any:
    """Now, as an instant or as the day in UTC."""
    return now if isinstance(value, datetime) else now.date()


def _match(grant: Grant, actor: Actor, facts: Facts) -> tuple[str, ...] | None:
    """What satisfied each term of the grant, or None where one fails."""
    try:
        return _satisfied(grant, actor, facts)
    except Untold:
        return None


def _satisfied(grant: Grant, actor: Actor, facts: Facts) -> tuple[str, ...] | None:
    terms: list[str] = []
    for who in grant.who:
        reason = _who(who, actor, facts)
        if reason is None:
            return None
        terms.append(reason)
    for condition in grant.when:
        if not holds(condition, facts):
            return None
        way = "".join(f"{hop.field}." for hop in condition.path)
        terms.append(f"{way}{condition.field} {condition.test}")
    return tuple(terms)


def _who(who: Who, actor: Actor, facts: Facts) -> str | None:
    """Why the actor is who the term names, or None where it is not."""
    match who:
        case Engine():
            return "the engine" if actor.engine else None
        case Anyone():
            return None if actor.engine else "anyone"
        case Can(action, path):
            target = facts.follow(path)
            decision = DENIED if target is None else may(action, actor, target)
            return f"can {action} {path[-1].field}, {decision.because or 'as the engine'}" if decision else None
        case _ if actor.account is None and actor.link is None:
            return None
        case Role(path, _, _, roles):
            target = facts.follow(path)
            return None if target is None else _holds_role(target, actor, roles)
        case Through(link, back, container, _, roles):
            for tie, target in tied(facts, link, back, container):
                reason = _holds_role(target, actor, roles)
                if reason is not None:
                    return f"{reason}, through {link} {tie.id}"
            return None
        case _ if actor.account is None:
            return None
        case SignedIn():
            return "signed in"
        case Staff(_, roles):
            role = facts.world.staff(actor.account)
            return f"staff.{role}" if role in roles else None
        case Owner(path):
            target = facts.follow(path)
            found = target is not None and target.record.owner == actor.account
            return f"owner of {target.record.resource} {target.record.id}" if found and target is not None else None
        case AccountField(path, name):
            target = facts.follow(path)
            if target is None or target.record.values[name] != actor.account:
                return None
            return f"{name} of {target.record.resource} {target.record.id}"


def tied(facts: Facts, link: str, back: str, container: Hop) -> Iterator[tuple[Record, Facts]]:
    """The link records that tie a record to containers, each with its container, as far as that is told."""
    for tie in facts.world.tying(link, back, facts.record.id):
        with suppress(Untold):
            target = Facts(tie, facts.world).hop(container)
            if target is not None:
                yield tie, target


def _holds_role(target: Facts, actor: Actor, roles: tuple[str, ...]) -> str | None:
    """A membership of the account, or what its link carries, as far as the specification lets links carry it."""
    world, record = target.world, target.record
    if actor.account is not None:
        role, by = world.role(record.id, actor.account), ""
    elif actor.link is not None:
        role, by = world.linked(record.id, actor.link), " by a link"
        roles = tuple(role for role in roles if role in target.resource.linked_roles)
    else:
        return None
    return f"{role} of {record.resource} {record.id}{by}" if role in roles else None
