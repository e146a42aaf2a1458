"""The proof of the proof: specifications with one grant or condition broken, for the compiled side alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from application.proof import filters
from application.proof.callers import actor_of, callers
from application.proof.worlds import Draw, aims
from domain.specification.model import Grant, Resource, Role, Rule, SignedIn, Specification, Staff, Who

TRIES = 24
"""worlds in which a difference is looked for"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A specification that is wrong in one place."""

    specification: Specification
    resource: str
    grant: Grant
    """the one that was broken"""
    broken: str
    """how: `line 31, note: read: without "anyone when audience is everyone"`"""


def mutants(specification: Specification) -> Iterator[Mutant]:
    """Every grant that is compiled removed, each of its terms dropped, each role and each caller widened."""
    for resource in specification.resources.values():
        for action, rule in resource.can.items():
            for grant, changed, how in _broken(specification, rule):
                can = {**resource.can, action: changed}
                yield _mutant(specification, replace(resource, can=can), grant, f"{action}: {how}")
        if resource.links is not None and resource.ladder is not None and resource.rule("open"):
            linked = replace(resource, links=replace(resource.links, role=resource.ladder.roles[0]))
            if linked != resource:
                yield _mutant(specification, linked, resource.rule("open")[0], "links that carry every role")
        for field in resource.fields.values():
            for grant, changed, how in _broken(specification, field.read or ()):
                fields = {**resource.fields, field.name: replace(field, read=changed)}
                yield _mutant(specification, replace(resource, fields=fields), grant, f"read of {field.name}: {how}")
        for name, steps in resource.steps.items():
            for i, step in enumerate(steps):
                for grant, changed, how in _broken(specification, step.rule):
                    there = (*steps[:i], replace(step, rule=changed), *steps[i + 1 :])
                    stepped = replace(resource, steps={**resource.steps, name: there})
                    yield _mutant(specification, stepped, grant, f"step of {name}: {how}")


def _mutant(specification: Specification, resource: Resource, grant: Grant, how: str) -> Mutant:
    changed = replace(specification, resources={**specification.resources, resource.name: resource})
    return Mutant(changed, resource.name, grant, f"line {grant.place.line}, {resource.name}: {how}")


def _broken(specification: Specification, rule: Rule) -> Iterator[tuple[Grant, Rule, str]]:
    for i, grant in enumerate(rule):
        before, after = rule[:i], rule[i + 1 :]
        yield grant, (*before, *after), f"without `{grant.text}`"
        for j in range(len(grant.when)):
            wider = replace(grant, when=grant.when[:j] + grant.when[j + 1 :])
            yield grant, (*before, wider, *after), f"`{grant.text}` without its condition {j + 1}"
        for j, who in enumerate(grant.who):
            for other, how in _wider(specification, who, len(grant.who) > 1):
                terms = (*grant.who[:j], *other, *grant.who[j + 1 :])
                yield grant, (*before, replace(grant, who=terms), *after), f"`{grant.text}` {how}"


def _wider(specification: Specification, who: Who, several: bool) -> Iterator[tuple[tuple[Who, ...], str]]:
    if isinstance(who, Role):
        ladder = specification.resources[who.resource].ladder
        assert ladder is not None
        if who.roles != ladder.roles:
            yield (replace(who, roles=ladder.roles),), "for every weaker role, too"
    if isinstance(who, Staff) and specification.staff is not None and who.roles != specification.staff.roles:
        yield (replace(who, roles=specification.staff.roles),), "for all staff"
    if several:
        yield (), "with one `and` less"
    elif who != SignedIn():
        yield (SignedIn(),), "for anybody who is signed in"


def telling_world(specification: Specification, mutant: Mutant, seed: int, now: datetime) -> Draw | None:
    """A world in which the broken rule decides otherwise than the right one; None where none is found."""
    others = aims(specification)
    for number in range(TRIES):
        random = Random(f"{seed}/{mutant.broken}/{number}")  # noqa: S311 - a proof can be repeated
        draw = Draw(specification, random, now)
        some = random.sample(others, min(number // 2, len(others)))
        draw.world([(mutant.resource, mutant.grant), *some], 1 + number // 6)
        if _differs(draw, mutant):
            return draw
    return None


def _differs(draw: Draw, mutant: Mutant) -> bool:
    right, wrong = draw.snapshot, replace(draw.snapshot, specification=mutant.specification)
    for who in callers(right):
        actor = actor_of(who)
        for name, resource in right.specification.resources.items():
            for record in right.records[name].values():
                one, other = right.facts(record), wrong.facts(record)
                if any(
                    filters.says(n, actor, one) is not filters.says(n, actor, other) for n in filters.names(resource)
                ):
                    return True
    return False
