"""The shortest way to what was found: steps that are replayed, left out where they do not matter, and told."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from application.proof.attempts import READING, Attempt, Laboratory, Verb
from application.proof.callers import actor_of, token_of
from application.proof.checking import Checker, Difference, learn_work
from application.proof.hidden import secrets_of
from application.proof.oracle import Expected, Oracle
from application.proof.people import a, called, name_of, spoken
from application.proof.trying import on_nothing
from domain.record import Record, writable
from domain.snapshot import Snapshot
from domain.specification.model import Kind
from domain.values import instant_text, to_json

MOST_REPLAYS = 400
"""while a story is shortened"""


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt that succeeded, and the id of what it created; or time that went by."""

    attempt: Attempt | None
    created: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A world, what happened in it, and the attempt whose answer is not right."""

    base: Snapshot
    steps: tuple[Step, ...]
    last: Attempt
    difference: Difference
    after: Snapshot | None = field(default=None, compare=False)
    """the world as it is when the last attempt is made"""
    ids: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """what the steps created: as the attempts name it, and as it was called in the last replay"""
    expected: Expected | None = field(default=None, compare=False)


class Teller:
    """Replays, shortens and tells stories."""

    def __init__(self, laboratory: Laboratory) -> None:
        """Use a laboratory, which holds something else afterwards."""
        self._laboratory = laboratory
        self._replays = 0

    async def shortest(self, story: Story) -> Story:
        """A story with the same end from which nothing can be left out, as far as patience goes."""
        self._replays = 0
        found = await self._again(story) or await self._again(_looking(story)) or story
        size = -1
        while size != (size := _size(found)):
            found = await self._fewer(found, lambda at: at.steps[::-1], _without_steps)
            found = await self._fewer(found, lambda at: [f.record for f in at.base.every()], _without_records)
            found = await self._fewer(found, lambda at: list(at.base.memberships), _without_memberships)
            found = await self._fewer(found, lambda at: list(at.base.links), _without_links)
            found = await self._fewer(found, lambda at: [*at.base.invitations, *at.base.offers], _without_waiting)
        return await self._by_api(found) or found

    async def _fewer(
        self, story: Story, parts: Callable[[Story], Sequence[Any]], without: Callable[[Story, Any], Story | None]
    ) -> Story:
        """The story without as many of its parts as can be left out: half of them at once, then less."""
        size = len(parts(story))
        while size > 0:
            at = 0
            while at < len(left := parts(story)):
                shorter = None if self._replays >= MOST_REPLAYS else without(story, left[at : at + size])
                found = None if shorter is None else await self._tried(shorter)
                if found is None:
                    at += size
                else:
                    story = found
            size //= 2
        return story

    async def _again(self, story: Story) -> Story | None:
        """The story as it goes now; None where it does not end alike."""
        self._replays += 1
        snapshot, ids = story.base.copy(), dict[str, str]()
        oracle, checker = Oracle(snapshot), Checker(snapshot.specification)
        await self._laboratory.hold(snapshot)
        for attempt in on_nothing(snapshot, [snapshot.specification.resources[story.last.resource]]):
            if attempt.verb is story.last.verb:
                checker.learn_missing(attempt, await self._laboratory.send(attempt))
        for i, step in enumerate(story.steps):
            if step.until is not None:
                snapshot.now = step.until
                await self._laboratory.wait(step.until)
            if step.attempt is None:
                continue
            attempt = renamed(step.attempt, ids)
            expected = oracle.expect(attempt)
            answer = await self._laboratory.send(attempt)
            difference = checker.check(attempt, expected, answer)
            if difference is not None and _same_sort(difference, story.difference):
                return await self._again(replace(story, steps=story.steps[:i], last=step.attempt))
            if difference is not None:
                return None
            if expected.effect is not None:
                body = json.loads(answer.body) if answer.body else None
                expected.effect(body)
                if step.created is not None and body is not None:
                    ids[step.created] = body["id"]
        last = renamed(story.last, ids)
        before, expected = snapshot.copy(), oracle.expect(last)
        actor = actor_of(last.who)
        hidden = oracle.hides(last)
        await learn_work(checker, self._laboratory, last, hidden and expected.status == 404)
        answer = await self._laboratory.send(last)
        secrets = () if expected.effect is not None or expected.again else secrets_of(snapshot, actor)
        difference = checker.check(last, expected, answer, secrets, hidden)
        if difference is None or not _same_sort(difference, story.difference):
            return None
        return replace(story, difference=difference, after=before, ids=tuple(ids.items()), expected=expected)

    async def _tried(self, story: Story) -> Story | None:
        try:
            return await self._again(story)
        except KeyError:  # it names what was left out
            return None

    async def _by_api(self, story: Story) -> Story | None:
        """The same from people alone, everything made through the API; None where that cannot be."""
        base = Snapshot.empty(story.base.specification, story.base.now)
        base.accounts.update(story.base.accounts)
        oracle, steps = Oracle(base.copy()), list[Step]()
        if story.base.links:
            return None  # by the API a link gets a token that nobody knows before
        for attempt, created in self._making(story.base):
            ids: dict[str, str] = {}
            for who in (attempt.who, *base.accounts):
                expected = oracle.expect(replace(attempt, who=who))
                if expected.status in (201, 202) and expected.effect is not None:
                    expected.effect({"id": created})
                    steps.append(Step(renamed(replace(attempt, who=who), ids), created))
                    break
            else:
                return None
        made = replace(story, base=base, steps=(*steps, *story.steps))
        return await self._tried(made) or await self._after_another(made)

    async def _after_another(self, story: Story) -> Story | None:
        """The same, where somebody else has to ask before: what they saw was kept for the next one."""
        for who in (None, *story.base.accounts) if story.last.verb in READING else ():
            found = await self._tried(replace(story, steps=(*story.steps, Step(story.last.by(who)))))
            if found is not None:
                return found
        return None

    def _making(self, snapshot: Snapshot) -> list[tuple[Attempt, str | None]]:
        """Creations of every record, parents first, by its owner; of memberships; of invitations and offers."""
        specification = snapshot.specification
        records = sorted((f.record for f in snapshot.every()), key=lambda r: len(specification.chain(r.resource)))
        found: list[tuple[Attempt, str | None]] = []
        for record in records:
            body = {name: _sent(snapshot, record, name) for name in writable(specification.resources[record.resource])}
            body = {name: value for name, value in body.items() if value is not None}
            found.append((Attempt(record.owner, Verb.CREATE, record.resource, body=body), record.id))
        for membership in snapshot.memberships.values():
            owner = snapshot.records[membership.resource][membership.record].owner
            given = {"account": membership.account, "role": membership.role}
            found.append((Attempt(owner, Verb.ADD_MEMBER, membership.resource, membership.record, body=given), None))
        for each in snapshot.invitations.values():
            given = {"email": each.email, "role": each.role}
            found.append((Attempt(each.inviter, Verb.INVITE, each.resource, each.record, body=given), each.id))
        for offer in snapshot.offers.values():
            given = {"account": offer.recipient}
            found.append((Attempt(offer.giver, Verb.OFFER, offer.resource, offer.record, body=given), offer.id))
        return found


# --- telling -------------------------------------------------------------------------------


def told(story: Story) -> tuple[str, ...]:
    """One sentence a step: what there is, what happens, and what is wrong."""
    snapshot = story.base.copy()
    sentences = [*given(snapshot)]
    oracle = Oracle(snapshot)
    for step in story.steps:
        if step.until is not None:
            sentences.append(f"Time goes by, until {instant_text(step.until)}.")
            snapshot.now = step.until
        if step.attempt is None:
            continue
        sentences.append(f"{did(snapshot, step.attempt)}.")
        expected = oracle.expect(step.attempt)
        if expected.effect is not None:
            expected.effect({"id": step.created})
    return (*sentences, f"{title(story)}.")


def title(story: Story) -> str:
    """`Bob lists notes and sees Mary's note “amber”`."""
    snapshot = story.after or story.base
    last = renamed(story.last, dict(story.ids))
    return f"{did(snapshot, last)} and {named(snapshot, story.difference.sees)}"


def _same_sort(one: Difference, other: Difference) -> bool:
    return (one.kind, one.about) == (other.kind, other.about)


def _looking(story: Story) -> Story:
    """With a look between all steps: what is wrong may be what has changed since the last one."""
    look = Attempt(story.last.who, Verb.GET, story.last.resource, story.last.record)
    return replace(story, steps=(Step(look), *(at for step in story.steps for at in (step, Step(look)))))


def _size(story: Story) -> int:
    base = story.base
    told = len(base.memberships) + len(base.links) + len(base.invitations) + len(base.offers)
    return len(story.steps) + sum(1 for _ in base.every()) + told


def _without_steps(story: Story, steps: Sequence[Step]) -> Story:
    return replace(story, steps=tuple(step for step in story.steps if all(step is not other for other in steps)))


def _without_records(story: Story, records: Sequence[Record]) -> Story | None:
    """None where the last attempt names one of them."""
    base = story.base.copy()
    for record in records:
        if record.id in base.records[record.resource]:
            base.remove(base.records[record.resource][record.id])
    return None if _names(story, base) < _names(story, story.base) else replace(story, base=base)


def _without_memberships(story: Story, keys: Sequence[tuple[str, str]]) -> Story:
    base = story.base.copy()
    for key in keys:
        del base.memberships[key]
    return replace(story, base=base)


def _without_links(story: Story, hashes: Sequence[str]) -> Story:
    base = story.base.copy()
    for hashed in hashes:
        del base.links[hashed]
    return replace(story, base=base)


def _without_waiting(story: Story, ids: Sequence[str]) -> Story:
    base = story.base.copy()
    for each in ids:
        base.invitations.pop(each, None)
        base.offers.pop(each, None)
    return replace(story, base=base)


def _names(story: Story, snapshot: Snapshot) -> int:
    """How many records of a world the last attempt names."""
    named_ids = {story.last.record, *(value for value in (story.last.body or {}).values() if isinstance(value, str))}
    return sum(facts.record.id in named_ids for facts in snapshot.every())


def renamed(attempt: Attempt, ids: dict[str, str]) -> Attempt:
    """The attempt with the ids that things have in this replay."""
    return attempt.naming(ids) if ids else attempt


def _sent(snapshot: Snapshot, record: Record, name: str) -> Any:
    resource = snapshot.specification.resources[record.resource]
    if name == resource.parent:
        return record.parent
    return to_json(snapshot.specification.value_field(resource.name, name), record.values[name])


def given(snapshot: Snapshot) -> Sequence[str]:
    """What a world holds, a sentence each."""
    specification = snapshot.specification
    records = sorted((f.record for f in snapshot.every()), key=lambda r: len(specification.chain(r.resource)))
    sentences = [f"There is {called(snapshot, record)}{_values(snapshot, record)}." for record in records]
    timed = any(membership.expires_at is not None for membership in snapshot.memberships.values())
    if timed or snapshot.invitations or snapshot.offers:
        sentences.insert(0, f"It is {instant_text(snapshot.now)}.")
    for membership in snapshot.memberships.values():
        record = snapshot.records[membership.resource][membership.record]
        who, ended = name_of(snapshot, membership.account), not membership.live(snapshot.now)
        end = membership.expires_at
        until = "" if end is None else f" until {instant_text(end)}"
        verb = "was" if ended else "is"
        sentences.append(f"{who} {verb} {membership.role} of {called(snapshot, record)}{until}.")
    for link in snapshot.links.values():
        record, end = snapshot.records[link.resource][link.record], link.expires_at
        until = "" if end is None else f" until {instant_text(end)}"
        sentences.append(f"{name_of(snapshot, token_of(link.id))} is {link.role} of {called(snapshot, record)}{until}.")
    for each in snapshot.invitations.values():
        what, by = called(snapshot, snapshot.records[each.resource][each.record]), name_of(snapshot, each.inviter)
        sentences.append(f"{by} invited {each.email} to be {each.role} of {what}, until {instant_text(each.ends_at)}.")
    for offer in snapshot.offers.values():
        what, by = called(snapshot, snapshot.records[offer.resource][offer.record]), name_of(snapshot, offer.giver)
        to, until = name_of(snapshot, offer.recipient), instant_text(offer.ends_at)
        sentences.append(f"{by} offered {what} to {to}, until {until}.")
    return sentences


def near(snapshot: Snapshot, ids: Iterable[str | None]) -> Snapshot:
    """As much of a world as some records hang under, to be told."""
    kept = {at.record.id for facts in snapshot.every() if facts.record.id in set(ids) for at in facts.above()}
    records = {name: {i: r for i, r in found.items() if i in kept} for name, found in snapshot.records.items()}
    memberships = {key: membership for key, membership in snapshot.memberships.items() if key[0] in kept}
    links = {hashed: link for hashed, link in snapshot.links.items() if link.record in kept}
    return replace(snapshot, records=records, memberships=memberships, links=links, invitations={}, offers={})


def _values(snapshot: Snapshot, record: Record) -> str:
    """` in Mary's notebook “birch”, with audience: everyone`."""
    resource = snapshot.specification.resources[record.resource]
    parts = []
    if resource.parent is not None and record.parent is not None:
        above = snapshot.records[resource.parent].get(record.parent)
        parts.append("" if above is None else f" in {called(snapshot, above)}")
    shown = []
    for each in resource.fields.values():
        value = record.values[each.name]
        if value is None or each.kind in (Kind.TEXT, Kind.JSON):
            continue
        shown.append(f"{each.name}: {_value(snapshot, resource.name, each.name, value)}")
    return "".join(parts) + (f", with {', '.join(shown)}" if shown else "")


def _value(snapshot: Snapshot, resource: str, name: str, value: Any) -> str:
    specification = snapshot.specification
    if specification.names_account(resource, name):
        return name_of(snapshot, value)
    each = specification.resources[resource].fields.get(name)
    if each is not None and each.kind is Kind.REFERENCE:
        target = snapshot.records[str(each.target)].get(value)
        return "nothing" if target is None else called(snapshot, target)
    value = to_json(specification.value_field(resource, name), value) if each is not None else value
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def did(snapshot: Snapshot, attempt: Attempt) -> str:
    """`Bob changes Mary's note “amber”: title`; without the full stop."""
    who, resource = name_of(snapshot, attempt.who), snapshot.specification.resources[attempt.resource]
    record = None if attempt.record is None else snapshot.records[attempt.resource].get(attempt.record)
    what = f"{a(attempt.resource)} that is not there" if record is None else called(snapshot, record)
    sent = ", ".join(f"{n}: {_shown(snapshot, attempt, n, v)}" for n, v in (attempt.body or {}).items())
    member = name_of(snapshot, attempt.account or (attempt.body or {}).get("account"))
    role = (attempt.body or {}).get("role", "")
    asked = ", ".join(
        f"{name}={named(snapshot, f'{{{value}}}').strip('{}')}" for name, value in attempt.query if name != "cursor"
    )
    many = spoken(resource.plural)
    conditions = "".join(f", with `{name}: {value}`" for name, value in attempt.headers)
    match attempt.verb:
        case Verb.LIST:
            cursor = ", with the cursor of somebody else" if attempt.stolen else ""
            return f"{who} lists {many}" + (f" with {asked}" if asked else "") + cursor
        case Verb.GET:
            return f"{who} asks for {what}" + (f" with {asked}" if asked else "")
        case Verb.HEAD:
            return f"{who} asks for the head of {what}"
        case Verb.CREATE:
            return f"{who} creates {a(attempt.resource)}" + (f" ({sent})" if sent else "") + conditions
        case Verb.UPDATE:
            return f"{who} changes {what} ({sent or 'nothing'}){conditions}"
        case Verb.DELETE:
            return f"{who} deletes {what}{conditions}"
        case Verb.MY_ACCESS:
            return f"{who} asks what may be done with {what}"
        case Verb.ACCESS:
            return f"{who} asks who can do what with {what}"
        case Verb.MEMBERS:
            return f"{who} lists the members of {what}"
        case Verb.ADD_MEMBER:
            return f"{who} makes {member} {role} of {what}{conditions}"
        case Verb.JOIN:
            return f"{who} joins {what}{conditions}"
        case Verb.CHANGE_MEMBER:
            return f"{who} changes the role of {member} in {what} to {role}"
        case Verb.BATCH:
            each = "; ".join(did(snapshot, operation) for operation in attempt.operations)
            return f"{who} does at once ({each}){conditions}"
        case Verb.INVITE:
            return f"{who} invites {(attempt.body or {}).get('email')} to be {role} of {what}"
        case Verb.INVITATIONS:
            return f"{who} lists the invitations to {what}"
        case Verb.UNINVITE:
            return f"{who} withdraws an invitation to {what}"
        case Verb.WAITING:
            return f"{who} lists the invitations that wait"
        case Verb.ACCEPT:
            return f"{who} accepts an invitation to {what}"
        case Verb.DECLINE:
            return f"{who} declines an invitation to {what}"
        case Verb.OFFER:
            return f"{who} offers {what} to {member}"
        case Verb.OFFERED:
            return f"{who} asks for the offer of {what}"
        case Verb.WITHDRAW:
            return f"{who} withdraws the offer of {what}"
        case Verb.OFFERS:
            return f"{who} lists what is offered"
        case Verb.TAKE:
            return f"{who} accepts the offer of {what}"
        case Verb.REFUSE:
            return f"{who} declines the offer of {what}"
        case Verb.REPLACE:
            return f"{who} tries to replace {what}"
        case Verb.REMOVE_MEMBER:
            return f"{who} removes {member} from {what}"


def _shown(snapshot: Snapshot, attempt: Attempt, name: str, value: Any) -> str:
    resource = snapshot.specification.resources[attempt.resource]
    if name == resource.parent:
        above = snapshot.records[name].get(str(value))
        return "one that is not there" if above is None else called(snapshot, above)
    if value is None:
        return "nothing"
    if isinstance(value, str) and value in snapshot.accounts:
        return name_of(snapshot, value)
    each = resource.fields.get(name)
    if each is not None and each.kind is Kind.REFERENCE:
        target = snapshot.records[str(each.target)].get(str(value))
        return "one that is not there" if target is None else called(snapshot, target)
    return json.dumps(value, ensure_ascii=False)


def named(snapshot: Snapshot, text: str) -> str:
    """A text with `{id}` in it, the ids as the things that they are."""
    for facts in snapshot.every():
        text = text.replace(f"{{{facts.record.id}}}", called(snapshot, facts.record))
        text = text.replace(f'"{facts.record.id}"', called(snapshot, facts.record))
        text = text.replace(facts.record.id, called(snapshot, facts.record))
    for account in snapshot.accounts:
        text = text.replace(f"{{{account}}}", name_of(snapshot, account))
        text = text.replace(f'"{account}"', name_of(snapshot, account))
    return text
