"""Who can do what with a record, and why: its rules with the principal left free.

Accounts are looked for where the rules would look for one: in fields, among members, at the top of a chain. Then each
is decided by the very same rules. So are those of whom only a kind is known: somebody, anybody with an account, staff.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.ownership import ANONYMOUS, ENGINE, Actor, Because, Facts, Untold, World, may, reasons, tied
from domain.record import Record
from domain.specification.model import (
    ACTIONS,
    AccountField,
    Can,
    Owner,
    Place,
    Role,
    Rule,
    Specification,
    Staff,
    Through,
)

STEP = "step"
"""the action of a right to take one"""


class Census(World, Protocol):
    """A `World` in which one can look for people."""

    def members(self, record_id: str) -> Iterable[str]:
        """The accounts with a live membership on this very record."""

    def appointed(self) -> Iterable[str]:
        """The accounts with a staff role."""


class Whose(StrEnum):
    """Whose rights they are."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    STAFF = "staff"
    ENGINE = "engine"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Right:
    """An action, and a grant that gives it."""

    action: str
    because: Because
    step: str | None = None
    """`status: todo -> doing`"""

    @property
    def key(self) -> tuple[str, str | None, Place]:
        """What it is, whoever has it."""
        return self.action, self.step, self.because.grant.place


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody, or a kind of people, with the rights on one record."""

    whose: Whose
    rights: tuple[Right, ...]
    account: str | None = None
    role: str | None = None
    """of staff"""


def holders(facts: Facts, world: Census) -> tuple[Holder, ...]:
    """Everybody who may do something with the record; `world` is that of the facts.

    Rights that anyone has are not said of each account again. Locks are not asked: they take rights from nobody in
    particular.
    """
    here = Facts(facts.record, _Strangers(world))
    ladder = world.specification.staff
    kinds = [Holder(Whose.ANYONE, rights(ANONYMOUS, here))]
    kinds.append(Holder(Whose.SIGNED_IN, _beyond(rights(Actor(_STRANGER), here), *kinds)))
    public = tuple(kinds)
    for role in ladder.roles if ladder is not None else ():
        kinds.append(Holder(Whose.STAFF, _beyond(rights(Actor(_STAFF + role), here), *public), role=role))
    kinds.append(Holder(Whose.ENGINE, rights(ENGINE, here)))
    for account in sorted(_candidates(here, world)):
        kinds.append(Holder(Whose.ACCOUNT, _beyond(rights(Actor(account), here), *public), account))
    return tuple(holder for holder in kinds if holder.rights)


def rights(actor: Actor, facts: Facts) -> tuple[Right, ...]:
    """Every grant by which an actor may do something with the record, or take a step from where it is."""
    if not may("open", actor, facts):
        return ()
    found: list[Right] = []
    for action in ACTIONS:
        if action != "create":
            found += (Right(action, because) for because in reasons(_stated(facts, action), actor, facts))
    for step, rule in _steps(facts):
        found += (Right(STEP, because, step) for because in reasons(rule, actor, facts))
    return tuple(found)


def _beyond(found: tuple[Right, ...], *others: Holder) -> tuple[Right, ...]:
    """Those that the others do not have."""
    known = {right.key for holder in others for right in holder.rights}
    return tuple(right for right in found if right.key not in known)


def _stated(facts: Facts, action: str) -> Rule:
    """The grants as they are written: that reading implies opening goes without saying."""
    return facts.resource.can.get(action, ())


def _steps(facts: Facts) -> Iterator[tuple[str, Rule]]:
    """The steps from where the record is."""
    for name, steps in facts.resource.steps.items():
        with suppress(Untold):
            present = facts.record.values[name]
            yield from ((f"{name}: {s.before} -> {s.after}", s.rule) for s in steps if s.before == present)


# --- people --------------------------------------------------------------------------------


def _candidates(facts: Facts, world: Census) -> set[str]:
    """Every account that a rule of the record can find."""
    found: set[str] = set()
    done: set[tuple[str, str]] = set()

    def look(at: Facts, rule: Rule) -> None:
        for who in (who for grant in rule for who in grant.who):
            with suppress(Untold):
                found.update(_found(who, at, world))
                there = at.follow(who.path) if isinstance(who, Can) else None
                if isinstance(who, Can) and there is not None:
                    look_for(there, who.action)

    def look_for(at: Facts, action: str) -> None:
        for needed in (action, "open"):
            if (at.record.id, needed) not in done:
                done.add((at.record.id, needed))
                look(at, at.resource.rule(needed))

    for action in facts.resource.can:
        look_for(facts, action)
    for _, rule in _steps(facts):
        look(facts, rule)
    return found


def _found(who: object, at: Facts, world: Census) -> Iterable[str]:
    """The accounts that a term may mean."""
    match who:
        case Staff():
            return world.appointed()
        case Through(link, back, container):
            containers = [target.record.id for _, target in tied(at, link, back, container)]
            return {account for record_id in containers for account in world.members(record_id)}
        case Owner(path) | Role(path) | AccountField(path):
            there = at.follow(path)
            if there is None:
                return ()
            if isinstance(who, Role):
                return world.members(there.record.id)
            account = there.record.owner if isinstance(who, Owner) else there.record.values[who.field]
            return () if account is None else (account,)
    return ()


_STRANGER, _STAFF = "a stranger", "staff "
"""accounts that nobody has"""


@dataclass(frozen=True)
class _Strangers:
    """A `World` in which strangers with staff roles are known."""

    world: World

    @property
    def specification(self) -> Specification:
        """See `World`."""
        return self.world.specification

    @property
    def now(self) -> datetime:
        """See `World`."""
        return self.world.now

    def record(self, resource: str, record_id: str) -> Record | None:
        """See `World`."""
        return self.world.record(resource, record_id)

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        return self.world.role(record_id, account)

    def linked(self, record_id: str, link: str) -> str | None:
        """See `World`."""
        return self.world.linked(record_id, link)

    def staff(self, account: str) -> str | None:
        """See `World`."""
        if account.startswith(_STAFF):
            return account.removeprefix(_STAFF)
        return None if account == _STRANGER else self.world.staff(account)

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`."""
        return self.world.tying(link, back, record_id)
