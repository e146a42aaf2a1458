"""Whether an actor may create, change, delete or share a record, as a whole: rights, locks, steps and caps.

Each function raises `Forbidden`, naming the fields where it is about fields. That the actor can open the record is
known before any of them is asked; otherwise the answer is `NotFound`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import FieldError, Forbidden
from domain.invitation import Invitation
from domain.membership import Membership, within
from domain.offer import Offer
from domain.ownership import (
    Actor,
    Facts,
    decide,
    locked,
    locked_above,
    matching,
    may,
    may_read_field,
    visible_reference,
)
from domain.specification.model import Grant, Hop, Kind, Resource, Role, Specification, Through

LOCKED = "locked"


def judge_creation(actor: Actor, new: Facts, sent: Mapping[str, Any]) -> None:
    """Whether the actor may create the record, judged as if it were there; `sent` is what its message carried."""
    if locked_above(new):
        raise Forbidden("A record above this one is locked.", code=LOCKED)
    if not may("create", actor, new):
        raise Forbidden()
    fields = new.resource.fields
    refused = [
        name
        for name in sent
        if name in fields and (rule := fields[name].write) is not None and not decide(rule, actor, new)
    ]
    if refused:
        raise _fields_refused(refused)
    if not may("open", actor, new):
        raise Forbidden("You could not open what you would create.")
    _judge_opening(actor, new, set(sent))


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is allowed on the old record, with the grants that still have to hold on the new one."""

    fields: Mapping[str, Any]
    moves_to: str | None
    """the id of the new parent"""
    held: Mapping[str, tuple[tuple[Grant, ...], ...]]
    """for each field, the sets of grants of which one must hold: of `update`, and of its own `write`"""

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.fields) or self.moves_to is not None


def judge_change(actor: Actor, old: Facts, given: Mapping[str, Any]) -> Change:
    """What of a message changes the record, and whether the actor may change that on the record as it is."""
    if actor.link is not None:
        raise Forbidden
    resource = old.resource
    parent = resource.parent
    fields = {name: value for name, value in given.items() if name != parent and _differs(actor, old, name, value)}
    moves_to = given.get(parent) if parent is not None else None
    if parent is not None and moves_to == visible_reference(Hop(parent, parent), actor, old):
        moves_to = None
    updates = matching(resource.rule("update"), actor, old)
    may_move = decide(resource.rule("move"), actor, old).allowed
    if not updates and not may_move and not _may_step(actor, old):
        raise _fields_refused([*fields, *([str(parent)] if moves_to is not None else [])])
    stuck = _locked_fields(old, fields)
    held: dict[str, tuple[tuple[Grant, ...], ...]] = {}
    refused = []
    for name, value in fields.items():
        if name in resource.steps:
            allowed = _step_allowed(actor, old, name, value)
        else:
            held[name] = _held(actor, old, name, updates)
            allowed = all(held[name])
        if not allowed or name in stuck:
            refused.append(name)
    if moves_to is not None and (not may_move or locked(old) or locked_above(old)):
        refused.append(str(parent))
    if refused:
        raise _fields_refused(refused)
    return Change(fields, moves_to, held)


def _held(actor: Actor, old: Facts, name: str, updates: tuple[Grant, ...]) -> tuple[tuple[Grant, ...], ...]:
    """The sets of grants of which one must hold for a field to change: of `update`, and of its own `write`."""
    covering = tuple(grant for grant in updates if grant.covers(name))
    write = old.resource.fields[name].write
    return (covering,) if write is None else (covering, matching(write, actor, old))


def judge_result(actor: Actor, new: Facts, change: Change) -> None:
    """Whether the change is allowed on the record as it would be too."""
    refused = [name for name, sets in change.held.items() if not all(decide(grants, actor, new) for grants in sets)]
    if refused:
        raise _fields_refused(refused)
    if change.moves_to is not None:
        if locked_above(new):
            raise Forbidden("A record above its new place is locked.", code=LOCKED)
        if not may("create", actor, new):
            raise _fields_refused([str(new.resource.parent)])
    changed = set(change.fields) | ({str(new.resource.parent)} if change.moves_to is not None else set())
    _judge_opening(actor, new, changed)


def may_store(actor: Actor, old: Facts, new: Facts) -> bool:
    """Whether a change could be the actor's at all, whatever fields it is of; that was judged before.

    A grant of `update` or a step holds on the record as it is; or it gets another parent, is the actor's to move and to
    create there, and that parent to open. What it refers to now, and did not before, is the actor's to read.
    """
    resource = old.resource
    if actor.link is not None or not may("open", actor, old):
        return False
    referring = {f.name for f in resource.references() if old.record.values[f.name] != new.record.values[f.name]}
    if not _may_refer(actor, new, referring):
        return False
    if old.record.parent == new.record.parent:
        steps = (step.rule for steps in resource.steps.values() for step in steps)
        return any(decide(rule, actor, old) for rule in (resource.rule("update"), *steps))
    return decide(resource.rule("move"), actor, old).allowed and may_place(actor, new)


def may_add(actor: Actor, new: Facts) -> bool:
    """Whether the actor may store a new record, as far as rights go: to create and open it, and read what it names."""
    names = {field.name for field in new.resource.references()}
    return may_place(actor, new) and may("open", actor, new).allowed and _may_refer(actor, new, names)


def _may_refer(actor: Actor, new: Facts, names: set[str]) -> bool:
    """Whether the actor can read what these references name."""
    hops = (Hop(field.name, str(field.target)) for field in new.resource.references() if field.name in names)
    return all(may("read", actor, target) for hop in hops if (target := new.hop(hop)) is not None)


def may_place(actor: Actor, new: Facts) -> bool:
    """Whether the actor may create the record where it would be: below a parent that it can open."""
    above = new.above()
    next(above)
    parent = next(above, None)
    return (parent is None or may("open", actor, parent).allowed) and may("create", actor, new).allowed


def judge_deletion(actor: Actor, facts: Facts) -> None:
    """Whether the actor may delete the record; what hangs below it is asked of the database."""
    if not may("delete", actor, facts):
        raise Forbidden()
    if locked(facts) or locked_above(facts):
        raise Forbidden("This record, or one above it, is locked.", code=LOCKED)


def sharing_cap(actor: Actor, facts: Facts) -> str | None:
    """The strongest role that the actor may give on the record, change or take away; None where it may not share.

    Who shares through a role of this very ladder reaches as high as its own role; everybody else to the top.
    """
    ladder = facts.resource.ladder
    if ladder is None or actor.link is not None or not may("open", actor, facts):
        return None
    cap: str | None = None
    for grant in matching(facts.resource.rule("share"), actor, facts):
        if not by_own_ladder(grant):
            return ladder.roles[0]
        cap = facts.world.role(facts.record.id, str(actor.account))
    return cap


def may_put_membership(actor: Actor, facts: Facts, new: Membership, present: Membership | None) -> bool:
    """Whether the actor may store a membership on the record, in place of the account's present one.

    By sharing: within its cap, as the present one must be where it still counts. Or by joining itself.
    """
    ladder = facts.resource.ladder
    if ladder is None:
        return False
    cap = sharing_cap(actor, facts)
    weakest_own = new.account == actor.account and new.role == ladder.weakest
    joining = ladder.join_open and weakest_own and may("open", actor, facts).allowed
    replacing = present is None or not present.live(facts.world.now) or within(ladder, present.role, cap)
    return replacing and (joining or within(ladder, new.role, cap))


def may_end_membership(actor: Actor, facts: Facts, present: Membership) -> bool:
    """Whether the actor may end a membership on the record: its own always, another's within its cap."""
    ladder = facts.resource.ladder
    own = actor.account is not None and present.account == actor.account
    return own or (ladder is not None and within(ladder, present.role, sharing_cap(actor, facts)))


def may_give(actor: Actor, facts: Facts, role: str) -> bool:
    """Whether the actor may give a role on the record, now or by an invitation, or take it back."""
    ladder = facts.resource.ladder
    return ladder is not None and within(ladder, role, sharing_cap(actor, facts))


def may_invite(actor: Actor, facts: Facts, invitation: Invitation) -> bool:
    """Whether the actor may store an invitation on the record: its own, to a role that it may give."""
    return invitation.inviter == actor.account and may_give(actor, facts, invitation.role)


def may_offer(actor: Actor, facts: Facts, offer: Offer) -> bool:
    """Whether the actor may store an offer of the record: its own, of what it may hand over."""
    return offer.giver == actor.account and may("transfer", actor, facts).allowed


def may_link(actor: Actor, facts: Facts, role: str) -> bool:
    """Whether the actor may make a secret link that carries a role on the record, or end one, whoever made it."""
    ladder = facts.resource.ladder
    carried = role in facts.resource.linked_roles
    return ladder is not None and carried and within(ladder, role, sharing_cap(actor, facts))


def by_own_ladder(grant: Grant) -> bool:
    """Whether a grant of `share` comes with a role of the very ladder that is shared by, which caps it."""
    return any(isinstance(who, Role) and not who.path for who in grant.who)


def throughs(specification: Specification) -> set[Through]:
    """Every `role through link.container` that its rules state."""
    return {
        who
        for resource in specification.resources.values()
        for rule in rules(resource)
        for grant in rule
        for who in grant.who
        if isinstance(who, Through)
    }


def rules(resource: Resource) -> list[tuple[Grant, ...]]:
    """Every rule that a resource states: of actions, fields and steps."""
    return [
        *resource.can.values(),
        *(rule for field in resource.fields.values() for rule in (field.read, field.write) if rule is not None),
        *(step.rule for steps in resource.steps.values() for step in steps),
    ]


def opened_by(specification: Specification, link: Resource) -> set[str]:
    """The names on a link record that lead to what becomes visible when it is tied to a container."""
    return {through.back for through in throughs(specification) if through.link == link.name}


def _judge_opening(actor: Actor, new: Facts, changed: set[str]) -> None:
    """Tying a record to a container opens access to the record: that needs `share` on it."""
    spec = new.world.specification
    for through in throughs(spec):
        if through.link != new.resource.name or not changed & {through.back, through.container.field}:
            continue
        back = new.hop(Hop(through.back, spec.target(new.resource.name, through.back)))
        container = new.hop(through.container)
        if back is not None and container is not None and not may("share", actor, back):
            raise _fields_refused([through.back])


def _may_step(actor: Actor, old: Facts) -> bool:
    return any(
        step.before == old.record.values[name] and decide(step.rule, actor, old)
        for name, steps in old.resource.steps.items()
        for step in steps
    )


def _step_allowed(actor: Actor, old: Facts, name: str, value: Any) -> bool:
    before = old.record.values[name]
    return any(
        step.before == before and step.after == value and decide(step.rule, actor, old)
        for step in old.resource.steps[name]
    )


def _differs(actor: Actor, old: Facts, name: str, value: Any) -> bool:
    """Whether a sent value changes the field as the actor sees it.

    A field that it cannot read always counts as changed: otherwise sending a guess would tell its value.
    """
    field = old.resource.fields[name]
    if not may_read_field(field, actor, old):
        return True
    if field.kind is Kind.REFERENCE:
        assert field.target is not None
        return bool(value != visible_reference(Hop(name, field.target), actor, old))
    return not _same(value, old.record.values[name])


def _same(given: Any, present: Any) -> bool:
    """Equal as JSON: 1 and true, or 1 and 1.0, are different values."""
    if type(given) is not type(present):
        return False
    if isinstance(given, dict):
        return given.keys() == present.keys() and all(_same(given[key], present[key]) for key in given)
    if isinstance(given, list):
        return len(given) == len(present) and all(map(_same, given, present))
    return str(given) == str(present)


def _locked_fields(old: Facts, fields: Mapping[str, Any]) -> set[str]:
    """The fields that a lock here or above keeps from changing; a step runs on a record that its own lock holds."""
    if locked_above(old):
        return set(fields)
    lock = old.resource.locked
    if lock is None or not locked(old):
        return set()
    return {name for name in fields if name not in lock.excepted and name not in old.resource.steps}


def _fields_refused(names: list[str]) -> Forbidden:
    """Names the fields; about the record as a whole where there are none."""
    errors = tuple(FieldError(name, "forbidden", "You may not change this field here.") for name in names)
    return Forbidden("You may not set these fields." if names else None, errors=errors)
