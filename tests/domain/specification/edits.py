"""Random edits of a specification's rules: whatever is compared keeps its resources, fields and names of roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from domain.specification.model import (
    AccountField,
    Anyone,
    Can,
    Condition,
    Grant,
    Kind,
    Ladder,
    Lock,
    Owner,
    Resource,
    Role,
    Rule,
    SignedIn,
    Specification,
    Staff,
    Step,
    Test,
    Through,
    Who,
)

Edit = Callable[[Specification, Resource, Random], Resource | None]
"""the resource as edited; None where there is nothing to edit"""


def edited(spec: Specification, random: Random, times: int) -> Specification:
    """The specification after so many edits."""
    done = 0
    while done < times:
        resource = random.choice(list(spec.resources.values()))
        changed = random.choice(EDITS)(spec, resource, random)
        if changed is not None:
            spec = settled(replace(spec, resources={**spec.resources, resource.name: changed}))
            done += 1
    return spec


def settled(spec: Specification) -> Specification:
    """The specification with the roles of every term as its ladders have them now."""

    def who(one: Who) -> Who:
        match one:
            case Role(path, of, role, _):
                return Role(path, of, role, _ladder(spec, of).at_least(role))
            case Through(link, back, container, role, _):
                return Through(link, back, container, role, _ladder(spec, container.resource).at_least(role))
            case Staff(role, _) if spec.staff is not None:
                return Staff(role, spec.staff.at_least(role))
        return one

    def rule(given: Rule) -> Rule:
        return tuple(replace(grant, who=tuple(map(who, grant.who))) for grant in given)

    return replace(spec, resources={name: over(resource, rule) for name, resource in spec.resources.items()})


def over(resource: Resource, change: Callable[[Rule], Rule]) -> Resource:
    """The resource with every rule of it changed."""
    return replace(
        resource,
        can={action: change(rule) for action, rule in resource.can.items()},
        fields={
            name: replace(
                field,
                read=None if field.read is None else change(field.read),
                write=None if field.write is None else change(field.write),
            )
            for name, field in resource.fields.items()
        },
        steps={
            name: tuple(Step(step.before, step.after, change(step.rule)) for step in steps)
            for name, steps in resource.steps.items()
        },
    )


def grants(resource: Resource) -> list[Grant]:
    """Every grant of a resource, in the file's order."""
    found: list[Grant] = []
    over(resource, lambda rule: found.extend(rule) or rule)  # type: ignore[func-returns-value]
    return found


def swapped(resource: Resource, old: Grant, *new: Grant) -> Resource:
    """The resource with one grant in place of another, or none."""

    def rule(given: Rule) -> Rule:
        return tuple(one for grant in given for one in (new if grant is old else (grant,)))

    return over(resource, rule)


def _ladder(spec: Specification, name: str) -> Ladder:
    ladder = spec.resources[name].ladder
    assert ladder is not None
    return ladder


def _people(spec: Specification, resource: Resource) -> Iterator[Who]:
    yield from (Anyone(), SignedIn(), Owner())
    for name in spec.chain(resource.name):
        ladder = spec.resources[name].ladder
        for role in ladder.roles if ladder is not None else ():
            yield Role(spec.up(resource.name, name), name, role, ())
    yield from (AccountField((), f) for f in resource.fields if spec.names_account(resource.name, f))
    yield from (Staff(role, ()) for role in (spec.staff.roles if spec.staff is not None else ()))
    yield from (who for grant in grants(resource) for who in grant.who if not isinstance(who, Can))


def _tests(spec: Specification, resource: Resource) -> Iterator[Condition]:
    yield from (condition for grant in grants(resource) for condition in grant.when)
    for name in spec.chain(resource.name):
        for field in spec.resources[name].fields.values():
            path = spec.up(resource.name, name)
            if field.kind is Kind.YES_NO:
                yield from (Condition(path, field.name, Test.IS, (value,)) for value in (True, False))
            if field.kind is Kind.ONE_OF:
                yield from (Condition(path, field.name, Test.IS, (value,)) for value in field.values)
            yield from (Condition(path, field.name, test) for test in (Test.SET, Test.EMPTY))


def _removed(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found = grants(resource)
    return swapped(resource, random.choice(found)) if found else None


def _added(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found = grants(resource)
    if not found:
        return None
    beside = random.choice(found)
    who = random.choice(list(_people(spec, resource)))
    tests = list(_tests(spec, resource))
    when = (random.choice(tests),) if tests and random.random() < 0.5 else ()
    return swapped(resource, beside, beside, replace(beside, who=(who,), when=when, text="added"))


def _other_people(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found = grants(resource)
    if not found:
        return None
    old = random.choice(found)
    who = random.choice(list(_people(spec, resource)))
    return swapped(resource, old, replace(old, who=(who, *old.who[random.choice((0, 1)) :])))


def _other_conditions(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found, tests = grants(resource), list(_tests(spec, resource))
    if not found or not tests:
        return None
    old = random.choice(found)
    when = (*old.when[random.choice((0, 1)) :], *random.sample(tests, random.choice((0, 1))))
    return swapped(resource, old, replace(old, when=when))


def _other_fields(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found = list(resource.can.get("update", ()))
    names = [field.name for field in resource.fields.values() if not field.by_engine]
    if not found or not names:
        return None
    old = random.choice(found)
    only = None if old.only is not None and random.random() < 0.5 else tuple(random.sample(names, 1))
    return swapped(resource, old, replace(old, only=only))


def _reordered(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    ladder = resource.ladder
    if ladder is None:
        return None
    roles = tuple(random.sample(ladder.roles, len(ladder.roles)))
    return replace(resource, ladder=replace(ladder, roles=roles, join_open=random.random() < 0.5))


def _other_lock(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    if resource.locked is not None and random.random() < 0.5:
        return replace(resource, locked=None)
    tests = [test for test in _tests(spec, resource) if not test.path]
    names = list(resource.fields)
    return replace(resource, locked=Lock((random.choice(tests),), tuple(random.sample(names, 1)))) if tests else None


def _other_rule_of_field(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    found = grants(resource)
    if not found or not resource.fields:
        return None
    field = random.choice(list(resource.fields.values()))
    rule = None if random.random() < 0.4 else (replace(random.choice(found), only=None),)
    changed = replace(field, read=rule) if field.by_engine or random.random() < 0.5 else replace(field, write=rule)
    return replace(resource, fields={**resource.fields, field.name: changed})


def _other_step(spec: Specification, resource: Resource, random: Random) -> Resource | None:
    names = [name for name, steps in resource.steps.items() if steps]
    if not names:
        return None
    name = random.choice(names)
    steps = list(resource.steps[name])
    steps.pop(random.randrange(len(steps)))
    return replace(resource, steps={**resource.steps, name: tuple(steps)})


EDITS: tuple[Edit, ...] = (
    _removed,
    _added,
    _other_people,
    _other_conditions,
    _other_fields,
    _reordered,
    _other_lock,
    _other_rule_of_field,
    _other_step,
)
