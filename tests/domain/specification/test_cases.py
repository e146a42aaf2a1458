"""Cases say what the domain decides: every permission, on records of random worlds of every specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from domain.ownership import ENGINE, Actor, Facts
from domain.record import Record
from domain.snapshot import Snapshot
from domain.specification.cases import About, Case, Some, Space, Variable
from domain.specification.model import Kind
from domain.specification.permissions import Permission, Reading, allowed, permissions
from tests.ownership.worlds import NOW, draw, specifications

SEEDS = (1, 2)


def standing(variable: Variable, actor: Actor, facts: Facts) -> set[Any]:
    """The values that a variable has in a world; several only where several things tie the record to a role."""
    if variable.about is About.CALLER:
        if actor.link is not None:
            return {Some.LINK}
        return {Some.ENGINE if actor.engine else Some.ANONYMOUS if actor.account is None else Some.ACCOUNT}
    account, world = actor.account, facts.world
    if variable.about is About.STAFF:
        return {(world.staff(account) if account is not None else None) or Some.NONE}
    at = facts.follow(variable.path)
    if at is None:
        return {Some.GONE}
    if variable.about is About.OWNER:
        return {Some.ME if at.record.owner == account else Some.OTHER}
    if variable.about is About.ROLE:
        return {_role(at, actor) or Some.NONE}
    if variable.about is About.TIE:
        through = variable.through
        assert through is not None
        ties = world.tying(through.link, through.back, at.record.id)
        ends = [Facts(tie, world).hop(through.container) for tie in ties]
        return {role for end in ends if end is not None and (role := _role(end, actor)) is not None} or {Some.NONE}
    return {_value(variable, at, account)}


def _role(at: Facts, actor: Actor) -> str | None:
    if actor.link is not None:
        return at.world.linked(at.record.id, actor.link)
    return None if actor.account is None else at.world.role(at.record.id, actor.account)


def _value(variable: Variable, at: Facts, account: str | None) -> Any:
    value = at.record.values[variable.name]
    if value is None:
        return Some.NONE
    if Some.ME in variable.domain:
        return Some.ME if value == account else Some.OTHER
    if Some.PAST in variable.domain:
        now = NOW if isinstance(value, datetime) else NOW.date()
        return Some.PAST if value < now else Some.FUTURE if value > now else Some.NOW
    return value if not isinstance(value, (dict, list)) and value in variable.domain else Some.OTHER


def holds(case: Case, actor: Actor, facts: Facts) -> bool:
    """Whether a case holds in a world."""
    return all(part & standing(variable, actor, facts) for variable, part in case.items())


def created(actor: Actor, like: Record, snapshot: Snapshot) -> Facts | None:
    """A new record with the contents of a present one, as the engine would make it; None where it cannot."""
    resource = snapshot.specification.resources[like.resource]
    root = resource.parent is None
    if (root and actor.account is None) or any(
        f.required and not f.by_engine and like.values[f.name] is None for f in resource.fields.values()
    ):
        return None
    values = dict(like.values) | {name: resource.steps_start(name) for name in resource.steps}
    values |= {f.name: actor.account for f in resource.fields.values() if f.kind is Kind.CREATOR}
    new = replace(like, id="new", owner=str(actor.account) if root else like.owner, values=values)
    for field in resource.fields.values():
        if field.kind is Kind.COPY:
            source = Facts(new, snapshot).follow(field.path)
            copied = None if source is None else source.record.values.get(str(field.copied), source.record.owner)
            values[field.name] = copied
    return snapshot.imagine(new)


def asked(snapshot: Snapshot, people: list[Actor], permission: Permission) -> Iterator[tuple[Actor, Facts]]:
    """Everybody, on every record that a permission is about."""
    for record in snapshot.records[permission.resource].values():
        for actor in people:
            facts = created(actor, record, snapshot) if permission.fresh else snapshot.facts(record)
            if facts is not None:
                yield actor, facts


@pytest.mark.parametrize("name", sorted(specifications()))
def test_cases_hold_where_the_domain_allows(name: str) -> None:
    specification = specifications()[name]
    for seed in SEEDS:
        world = draw(specification, seed, each=5)
        snapshot = world.state.at(specification, NOW)
        people = [*world.everybody, ENGINE]
        for permission in permissions(specification):
            space = Space((specification,), permission.resource, permission.fresh)
            cases = Reading(specification, space).cases(permission)
            for actor, facts in asked(snapshot, people, permission):
                decided = allowed(permission, actor, facts)
                assert decided == any(holds(case, actor, facts) for case in cases), (permission, actor, facts.record)
