"""Grants that plainly matter: a scene in which somebody has a right by this grant, and by no other one.

Most grants have one, and it is found within a millisecond. Those without are only suspected: `gains.idle` decides.
"""

from collections.abc import Iterator

from domain.judging import opened_by
from domain.ownership import ENGINE, Actor, Facts, decide, locked, locked_above, may
from domain.specification.analysis import Right
from domain.specification.model import Engine, Grant, Kind, Rule, Specification
from domain.specification.scene import NO_MATTER, Scene, Way, ways
from domain.specification.self_access import YOU


def matters(spec: Specification, right: Right) -> bool:
    """Whether a scene was found in which the deletion of the grant would take a right away."""
    resource = spec.resources[right.resource]
    if right.action == "create" and opened_by(spec, resource):
        return False  # whoever ties a record to a container needs more than this
    if all(isinstance(who, Engine) for who in right.grant.who):
        return _needs_it(spec, right, ENGINE, Way((), right.grant.when))
    opened = (NO_MATTER, *ways(spec, resource.name, resource.rule("open")))
    needed = _needed(spec, right)
    return any(
        _needs_it(spec, right, Actor(YOU), way + further + beside)
        for way in ways(spec, resource.name, (right.grant,))
        for further in needed
        for beside in opened
    )


def _rules(at: Facts, actor: Actor, right: Right) -> Iterator[Rule]:
    """The rule that the grant stands in; of an update for each field that the person may write, apart."""
    resource = at.resource
    verb, of, name = right.action.partition(" of ")
    if of:
        yield (resource.fields[name].read if verb == "read" else resource.fields[name].write) or ()
    elif ": " in right.action:
        field, _, change = right.action.partition(": ")
        yield from (step.rule for step in resource.steps[field] if f"{step.before} -> {step.after}" == change)
    elif right.action == "update":
        for one in resource.fields.values():
            if right.grant.covers(one.name) and (one.write is None or decide(one.write, actor, at)):
                yield tuple(grant for grant in resource.rule("update") if grant.covers(one.name))
    else:
        yield resource.rule(right.action)


def _needed(spec: Specification, right: Right) -> tuple[Way, ...]:
    """What the right is of no use without: a field is written by who may update it."""
    verb, _, name = right.action.partition(" of ")
    if verb != "write":
        return (NO_MATTER,)
    resource = spec.resources[right.resource]
    return ways(spec, resource.name, tuple(g for g in resource.rule("update") if g.covers(name)))


def _needs_it(spec: Specification, right: Right, actor: Actor, way: Way) -> bool:
    scene = Scene(spec)
    at = scene.put(right.resource, "it")
    scene.become(way.who, at, YOU)
    field, is_step, change = right.action.partition(": ")
    if is_step:
        scene.set(at, field, change.partition(" -> ")[0])
    if right.action == "create":
        if at.resource.parent is None:
            scene.own(at, YOU)
        for one in at.resource.fields.values():
            if one.kind is Kind.CREATOR:
                scene.set(at, one.name, YOU)
    if not scene.arrange(way.when, at):
        return False
    at = scene.again(at)
    if is_step and at.record.values[field] != change.partition(" -> ")[0]:
        return False
    if not may("open", actor, at) or not decide((right.grant,), actor, at):
        return False
    if right.action in ("update", "delete", "move") and (locked(at) or locked_above(at)):
        return False
    return any(not decide(_without(rule, right.grant), actor, at) for rule in _rules(at, actor, right)) and _begins(
        at, actor, right
    )


def _begins(at: Facts, actor: Actor, right: Right) -> bool:
    """Whether the record could be a new one, where it is created: in a record that can be opened, and at its start."""
    if right.action != "create":
        return True
    above = at.above()
    next(above)
    parent = next(above, None)
    starts = all(at.record.values[name] == at.resource.steps_start(name) for name in at.resource.steps)
    return starts and (parent is None or may("open", actor, parent).allowed)


def _without(rule: Rule, grant: Grant) -> Rule:
    return tuple(one for one in rule if one is not grant)
