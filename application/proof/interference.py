"""Two worlds that differ only in what somebody may not see must answer it alike, byte for byte."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from application.proof.attempts import READING, Answer, Attempt, Verb
from application.proof.callers import actor_of
from application.proof.hidden import waiting_for
from application.proof.oracle import Expected
from application.proof.worlds import Draw
from domain.errors import Conflict
from domain.invitation import Invitation
from domain.judging import sharing_cap
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts, decide, may, may_read_field, view
from domain.record import create
from domain.snapshot import Snapshot
from domain.specification.model import Kind, Resource
from domain.values import UUID_PATTERN

_UUID = re.compile(UUID_PATTERN)
_CURSOR = re.compile(r'("next_cursor":"|cursor=)[A-Za-z0-9_-]+')
_VARIABLE = ("x-request-id", "etag", "location", "content-length")
TRIES = 14
"""at changing something hidden"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Worlds that are all the same to one caller, each different from the one before in one thing."""

    who: str | None
    worlds: tuple[Snapshot, ...]
    changes: tuple[str, ...]
    """in what each differs from the one before, in words, with ids in braces"""


def seen_by(snapshot: Snapshot, actor: Actor) -> dict[str, Any]:
    """All that a caller may see of a world, and all that it may do there: equal where two worlds are the same to it."""
    found: dict[str, Any] = {"link": snapshot.links.get(str(actor.link)), "waiting": list(waiting_for(snapshot, actor))}
    for facts in snapshot.every():
        if not may("open", actor, facts):
            continue
        record, resource = facts.record, facts.resource
        allowed = [action for action in resource.can if may(action, actor, facts)]
        written = [f.name for f in resource.fields.values() if f.write is None or decide(f.write, actor, facts)]
        stepping = [s.after for steps in resource.steps.values() for s in steps if decide(s.rule, actor, facts)]
        updating = [grant.place for grant in resource.rule("update") if decide((grant,), actor, facts)]
        members = _members(snapshot, actor, facts)
        below = [_creating(snapshot, child, facts, actor) for child in snapshot.specification.children(resource.name)]
        cap = sharing_cap(actor, facts)
        found[record.id] = (view(actor, facts), allowed, written, stepping, updating, members, below, cap)
    return found


def _members(snapshot: Snapshot, actor: Actor, facts: Facts) -> list[Membership]:
    everyone = may("members", actor, facts).allowed
    return [
        membership
        for (record, account), membership in snapshot.memberships.items()
        if record == facts.record.id and (everyone or account == actor.account)
    ]


def _creating(snapshot: Snapshot, child: Resource, above: Facts, actor: Actor) -> bool:
    given = {name: field.initial for name, field in child.fields.items()}
    record, now = above.record, snapshot.now
    new = create(child, "", record.owner, record.id, given, actor.account, lambda _: None, now)
    return may("create", actor, snapshot.imagine(new)).allowed


class Pairs:
    """Makes worlds that are the same to somebody out of one that was drawn."""

    def __init__(self, draw: Draw, random: Random) -> None:
        """Hidden things are changed by chance, to values of the same draw."""
        self._draw = draw
        self._snapshot = draw.snapshot
        self._random = random

    def pair(self, who: str | None) -> Pair | None:
        """The world beside one that differs in as much as this caller cannot see; None where nothing is hidden."""
        actor = actor_of(who)
        wanted = seen_by(self._snapshot, actor)
        worlds, changes = [self._snapshot], []
        for _ in range(TRIES):
            tried = worlds[-1].copy()
            makers = (self._field, self._field, self._gone, self._another, self._member, self._awaited)
            change = self._random.choice(makers)(tried, actor)
            if change is not None and seen_by(tried, actor) == wanted:
                worlds.append(tried)
                changes.append(change)
        return Pair(who, tuple(worlds), tuple(changes)) if changes else None

    def _field(self, world: Snapshot, actor: Actor) -> str | None:
        """Another value where it is not seen; half of them in a record that is."""
        fields = [(facts, field) for facts in world.every() for field in facts.resource.fields.values()]
        if self._random.random() < 0.5:
            fields = [(at, f) for at, f in fields if not may_read_field(f, actor, at) and may("open", actor, at)]
        if not fields:
            return None
        facts, field = self._random.choice(fields)
        if may("open", actor, facts) and may_read_field(field, actor, facts) and field.kind is not Kind.REFERENCE:
            return None
        record = facts.record
        if field.kind is Kind.REFERENCE:
            value = self._random.choice([None, *world.records[str(field.target)]])
        else:
            value = self._draw.value(facts.resource, field, record)
        empty = field.optional or field.by_engine or field.kind is Kind.REFERENCE
        if value is None and not empty:
            return None
        later = record.updated_at if may("open", actor, facts) else world.now
        changed = replace(record, values={**record.values, field.name: value}, updated_at=later)
        if self._collides(world, changed) or value == record.values[field.name]:
            return None
        world.put(changed)
        return f"`{field.name}` of {{{record.id}}} is another"

    def _collides(self, world: Snapshot, record: Any) -> bool:
        try:
            world.check_unique(record)
            world.check_limit(record)
        except Conflict:
            return True
        return False

    def _gone(self, world: Snapshot, actor: Actor) -> str | None:
        """A record less."""
        facts = self._random.choice([at for at in world.every() if not may("open", actor, at)] or [None])
        if facts is None:
            return None
        world.remove(facts.record)
        return f"{{{facts.record.id}}} is not there"

    def _another(self, world: Snapshot, actor: Actor) -> str | None:
        """A record more: like a hidden one, under an id of its own."""
        facts = self._random.choice([at for at in world.every() if not may("open", actor, at)] or [None])
        if facts is None:
            return None
        record = replace(facts.record, id=self._draw.id())
        if self._collides(world, record):
            return None
        world.put(record)
        return f"there is one more like {{{facts.record.id}}}"

    def _member(self, world: Snapshot, actor: Actor) -> str | None:
        """A membership more, less or other, of somebody else."""
        shared = [at for at in world.every() if at.resource.ladder is not None]
        facts = self._random.choice(shared or [None])
        others = [account for account in world.accounts if account != actor.account]
        if facts is None or facts.resource.ladder is None or not others:
            return None
        key = facts.record.id, self._random.choice(others)
        if key in world.memberships and self._random.random() < 0.5:
            del world.memberships[key]
        else:
            role = self._random.choice(facts.resource.ladder.roles)
            world.memberships[key] = Membership(facts.record.resource, *key, role, None)
        return f"the members of {{{facts.record.id}}} are others"

    def _awaited(self, world: Snapshot, actor: Actor) -> str | None:
        """An invitation or an offer less."""
        every: list[Invitation | Offer] = [*world.invitations.values(), *world.offers.values()]
        if not every:
            return None
        waiting = self._random.choice(every)
        if isinstance(waiting, Invitation):
            del world.invitations[waiting.id]
            return f"{waiting.email} is not invited to {{{waiting.record}}}"
        del world.offers[waiting.id]
        return f"{{{waiting.record}}} is not offered to {{{waiting.recipient}}}"


class Transcript:
    """The answers of one world, with ids that it made and what changes by itself out of the way."""

    def __init__(self, known: frozenset[str]) -> None:
        """`known` are the ids of both worlds, which stay as they are."""
        self._known = known
        self._names: dict[str, str] = {}

    def line(self, attempt: Attempt, answer: Answer) -> str:
        """One answer, as it must be in both worlds."""
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in _VARIABLE)
        tag = answer.headers.get("etag", "") if attempt.verb in (Verb.GET, Verb.HEAD) else ""
        # a tag within a batch is of an id, too, that is another in each world
        varying = r'"request_id":"[^"]*"|"etag":"[^,}]*"'
        body = re.sub(varying, "", answer.body.decode("utf-8", "replace"))
        work = f"after {answer.statements} statements " if attempt.verb in READING else ""
        text = f"{answer.status} {work}{headers} {tag} {body}"
        return _UUID.sub(self._named, _CURSOR.sub(lambda found: f"{found[1]}{len(found[0])}", text))

    def _named(self, found: re.Match[str]) -> str:
        text = found.group()
        return text if text in self._known else self._names.setdefault(text, f"new {len(self._names) + 1}")


def ids_of(pair: Pair) -> frozenset[str]:
    """Every id that one of the worlds has."""
    return frozenset(
        name for world in pair.worlds for name in (*world.accounts, *(facts.record.id for facts in world.every()))
    )


def channels(one: Expected, other: Expected) -> Iterator[str]:
    """The kinds of declared channels by which two right answers may differ."""
    for expected in (one, other):
        if expected.channel is not None:
            yield expected.channel


def ids_in(text: str) -> list[str]:
    """The ids that a text names."""
    return _UUID.findall(text)
