"""Who can grant themselves access: by writing a field that a condition asks for, or their own name into one.

Each finding is a scene in which the domain allows the writing, and afterwards a right that it refused before; or in
which it allows to make a record either way, and only one of them gives the right. The person in it is nothing but what
lets them write the field, and open its record. No finding is who must be two people at once, nor an owner who names
themselves, nor a switch that opens something to everybody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import Forbidden
from domain.judging import judge_change, judge_creation, judge_result
from domain.ownership import Actor, Facts, decide, holds, may, may_read_field
from domain.specification.analysis import Right, rights_of
from domain.specification.model import (
    AccountField,
    Anyone,
    Condition,
    Engine,
    Field,
    Grant,
    Kind,
    Owner,
    Path,
    Resource,
    SignedIn,
    Specification,
)
from domain.specification.scene import NO_MATTER, Scene, Way, ways

YOU = "you"
_ME = Actor(YOU)


@dataclass(frozen=True, slots=True)
class Gain:
    """A right, and the grants by which one writes the field and has the right then."""

    right: Right
    writing: Grant
    creating: bool
    """whether it is written when the record is made, and not by `update`"""


@dataclass(frozen=True, slots=True)
class _Opening:
    """A grant that asks for the field: at the end of `path` from its record, beside `others`."""

    right: Right
    path: Path
    conditions: tuple[Condition, ...]
    """on the field, seen from its record; none where the field has to name the person"""
    others: tuple[Condition, ...]


def openings(spec: Specification) -> dict[tuple[str, str], list[_Opening]]:
    """Every grant that asks for a field of some record, by (resource, field)."""
    found: dict[tuple[str, str], list[_Opening]] = {}
    for right in (right for resource in spec.resources.values() for right in rights_of(resource)):
        if right.action == "open" or all(isinstance(who, Anyone | SignedIn | Engine) for who in right.grant.who):
            continue
        for way in ways(spec, right.resource, (right.grant,)):
            for path, name, naming in _asked(way):
                on = [c for c in way.when if (c.path, c.field) == (path, name)]
                conditions = () if naming else tuple(replace(c, path=()) for c in on)
                others = tuple(c for c in way.when if naming or c not in on)
                opening = _Opening(right, path, conditions, others)
                at = found.setdefault((spec.at(right.resource, path).name, name), [])
                if opening not in at:
                    at.append(opening)
    return found


def _asked(way: Way) -> Iterator[tuple[Path, str, bool]]:
    yield from dict.fromkeys((c.path, c.field, False) for c in way.when)
    yield from dict.fromkeys((who.path, who.field, True) for who in way.who if isinstance(who, AccountField))


def gains(spec: Specification, resource: Resource, field: Field, asked: Sequence[_Opening]) -> list[Gain]:
    """What somebody gains who writes the field, one for each right."""
    if field.by_engine or field.name in resource.steps or not asked:
        return []
    writers = [(*found, _witness) for found in _writers(spec, resource, field, "update")]
    creators = [(*found, _created) for found in _writers(spec, resource, field, "create")]
    found: dict[tuple[str, str], Gain] = {}
    for opening in asked:
        key = (opening.right.resource, opening.right.action)
        for grant, writer, shown in (*writers, *creators):
            if key in found:
                break
            creating, naming = shown is _created, not opening.conditions
            owns = Owner() in writer.who or (creating and resource.parent is None)
            if not (naming and owns) and shown(spec, resource, field, opening, grant, writer):
                found[key] = Gain(opening.right, grant, creating)
    return list(found.values())


def _writers(spec: Specification, resource: Resource, field: Field, action: str) -> Iterator[tuple[Grant, Way]]:
    """The grants that cover the field, and for each who somebody is that writes it and opens its record."""
    for grant in resource.rule(action):
        if not grant.covers(field.name):
            continue
        written = (NO_MATTER,) if field.write is None else ways(spec, resource.name, field.write)
        for way in ways(spec, resource.name, (grant,)):
            for further in written:
                yield grant, way + further


def _witness(
    spec: Specification, resource: Resource, field: Field, opening: _Opening, grant: Grant, writer: Way
) -> bool:
    for opened in _needed_to_open(spec, resource, writer):
        scene = Scene(spec)
        at = scene.put(opening.right.resource, "it")
        there = scene.reach(at, opening.path)
        scene.become((*writer.who, *opened.who), there, YOU)
        if not scene.arrange((*writer.when, *opened.when), there) or not scene.arrange(opening.others, at):
            continue
        values = _values(scene, there, field, opening)
        if any(_gained(scene, field, opening, grant, at, there, value) for value in values):
            return True
    return False


def _created(
    spec: Specification, resource: Resource, field: Field, opening: _Opening, grant: Grant, writer: Way
) -> bool:
    """Whether somebody may make a record without the right, and by another value of the field one with it."""
    if (opening.right.resource, opening.right.action) == (resource.name, "create"):
        return False
    for opened in (NO_MATTER, *ways(spec, resource.name, resource.rule("open"))):
        scene = Scene(spec)
        at = scene.put(opening.right.resource, "it")
        there = scene.reach(at, opening.path)
        scene.become((*writer.who, *opened.who), there, YOU)
        if resource.parent is None:
            scene.own(there, YOU)
        for one in resource.fields.values():
            if one.kind is Kind.CREATOR:
                scene.set(there, one.name, YOU)
        if not scene.arrange((*writer.when, *opened.when), there) or not scene.arrange(opening.others, at):
            continue
        left_out = scene.values(there, field.name, opening.conditions) if field.required else [field.initial]
        for before in left_out:
            scene.set(there, field.name, before)
            if not _makes(scene, there, field, grant) or _allowed(opening.right, scene.again(at)):
                continue
            for value in _values(scene, there, field, opening):
                scene.set(there, field.name, value)
                if _makes(scene, there, field, grant) and _allowed(opening.right, scene.again(at)):
                    return True
    return False


def _makes(scene: Scene, there: Facts, field: Field, grant: Grant) -> bool:
    """Whether the person may make the record as it is, by this grant, and send the field."""
    new = scene.again(there)
    value, (_, *above) = new.record.values[field.name], new.above()
    if any(new.record.values[name] != new.resource.steps_start(name) for name in new.resource.steps):
        return False
    if not decide((grant,), _ME, new) or (above and not may("open", _ME, above[0])):
        return False
    if field.kind is Kind.MEMBER and value is not None and not may("open", _ME, scene.reach(new, field.path)):
        return False
    try:
        judge_creation(_ME, new, {field.name: value})
    except Forbidden:
        return False
    return True


def _needed_to_open(spec: Specification, resource: Resource, writer: Way) -> Iterator[Way]:
    """Nothing, if the writer can open such a record as it is; otherwise each way to."""
    scene = Scene(spec)
    there = scene.put(resource.name, "it")
    scene.become(writer.who, there, YOU)
    if scene.arrange(writer.when, there) and may("open", _ME, scene.again(there)):
        yield NO_MATTER
    else:
        yield from ways(spec, resource.name, resource.rule("open"))


def _values(scene: Scene, there: Facts, field: Field, opening: _Opening) -> list[Any]:
    if not opening.conditions:
        return [YOU]
    return [
        value
        for value in scene.values(there, field.name, opening.conditions)
        if all(holds(condition, _changed(scene.again(there), field, value)) for condition in opening.conditions)
    ]


def _changed(at: Facts, field: Field, value: Any) -> Facts:
    return Facts(replace(at.record, values={**at.record.values, field.name: value}), at.world)


def _gained(scene: Scene, field: Field, opening: _Opening, grant: Grant, at: Facts, there: Facts, value: Any) -> bool:
    """Whether writing this value is allowed and gives the right, from any value with which there was none."""
    target, right = scene.again(there), opening.right
    if field.kind is Kind.MEMBER and value is not None and not may("open", _ME, scene.reach(target, field.path)):
        return False
    for before in scene.values(there, field.name, opening.conditions):
        scene.set(there, field.name, before)
        old, at = scene.again(there), scene.again(at)
        if before == value or not may("open", _ME, old) or not decide((grant,), _ME, old) or _allowed(right, at):
            continue
        new = scene.state.imagine(old.record.edit({field.name: value}, scene.state.now))
        try:
            judge_result(_ME, new, judge_change(_ME, old, {field.name: value}))
        except Forbidden:
            continue
        if _allowed(right, Facts(new.record if at.record.id == new.record.id else at.record, new.world)):
            return True
    return False


def _allowed(right: Right, at: Facts) -> bool:
    """Whether somebody has what a right is about, by whatever grant."""
    if right.action != "create" and not may("open", _ME, at):
        return False
    verb, of, name = right.action.partition(" of ")
    if of and verb == "read":
        return may_read_field(at.resource.fields[name], _ME, at)
    if of:
        return all(decide(rule, _ME, at) for rule in (at.resource.fields[name].write or (), _covering(at, name)))
    if right.action == "update" and right.grant.only is not None:
        return all(decide(_covering(at, name), _ME, at) for name in right.grant.only)
    if right.action in at.resource.can:
        return may(right.action, _ME, at).allowed
    name, _, change = right.action.partition(": ")
    return any(decide(s.rule, _ME, at) for s in at.resource.steps[name] if f"{s.before} -> {s.after}" == change)


def _covering(at: Facts, name: str) -> tuple[Grant, ...]:
    return tuple(grant for grant in at.resource.rule("update") if grant.covers(name))
