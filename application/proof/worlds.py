"""Worlds to attack: for each grant a record and a caller that satisfy it, for each condition a near miss, then chance.

A world is drawn as it could have become over time (memberships expired, references emptied, copies whose source has
changed since), not by what the API offers: a state that cannot be reached through it costs nothing to test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count
from random import Random
from typing import Any

from application.proof.callers import token_of
from application.proof.text import WORDS, matching
from application.secret_links import link_hash
from domain.account import Account
from domain.errors import Conflict
from domain.invitation import LIFETIME, Invitation
from domain.judging import rules
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts, decide, holds
from domain.record import Record
from domain.secret_link import SecretLink
from domain.snapshot import Snapshot
from domain.specification.model import (
    AccountField,
    Can,
    Condition,
    Field,
    Grant,
    Hop,
    Kind,
    Owner,
    Path,
    Resource,
    Role,
    Rule,
    Specification,
    Staff,
    Test,
    Through,
)
from domain.values import ValueRefused, accept

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
PEOPLE = ("Mary", "Bob", "Carol", "Dave", "Erin", "Frank")
"""the last one is nobody's member and no staff: a stranger to what is not its own"""
PLAIN: dict[Kind, tuple[Any, ...]] = {
    Kind.INTEGER: (0, 1, 2, 10, -3),
    Kind.NUMBER: (0.5, 10, 9.0, -1.5),
    Kind.DECIMAL: ("1.5", "1.50", "10", "9", "-2", "0"),
    Kind.YES_NO: (True, False),
    Kind.JSON: (0, "a", True, [], {"a": [1, None]}),
}
WAITING = 4
"""invitations that one world has, and as many offers"""
DEEPEST = 6
"""rules leaning on rules that are followed to satisfy a grant"""


class Draw:
    """Draws one world; the same for the same state of `random`."""

    def __init__(
        self, specification: Specification, random: Random, now: datetime, snapshot: Snapshot | None = None
    ) -> None:
        """Begin with people and nothing else, or go on with a snapshot that has some."""
        self.snapshot = snapshot or Snapshot.empty(specification, now)
        self._specification = specification
        self._random = random
        self._now = now
        self._numbers = count(1)
        self._salt = random.getrandbits(64)
        self._values = {(r.name, f.name): self._pool(r, f) for r in specification.resources.values() for f in _typed(r)}
        if snapshot is None:
            self._people()

    def world(self, aims: Sequence[tuple[str, Grant]], each: int) -> Snapshot:
        """A world that satisfies each of these grants and nearly satisfies it, and `each` records by chance."""
        for resource in sorted(self._specification.resources.values(), key=self._depth):
            for _ in range(each):
                self.record(resource)
        for resource_name, grant in aims:
            self._aim(self._specification.resources[resource_name], grant)
        for resource in self._specification.resources.values():
            for record in list(self.snapshot.records[resource.name].values()):
                self._disturb(resource, record)
        self._link()
        self._wait()
        return self.snapshot

    def _link(self) -> None:
        """A few links to records of one sort or another: two that count, and one that has expired or is too strong."""
        linked = [resource for resource in self._specification.resources.values() if resource.links is not None]
        for ends in (None, self._random.choice((self._now + DAY, self._now + INSTANT)), self._now) if linked else ():
            resource = self._random.choice(linked)
            records = list(self.snapshot.records[resource.name])
            if records and resource.ladder is not None:
                strong = ends == self._now and self._chance(0.5)
                ends = None if strong else ends
                role = self._random.choice(resource.ladder.roles if strong else resource.linked_roles)
                link_id = self.id()
                link = SecretLink(
                    link_id, link_hash(token_of(link_id)), resource.name, self._random.choice(records), role,
                    self._now - DAY, ends,
                )  # fmt: skip
                self.snapshot.links[link.hash] = link

    def _wait(self) -> None:
        """A few invitations and offers: that count, that have ended, and whose makers had the right only then."""
        every = list(self.snapshot.every())
        shared = [at for at in every if at.resource.ladder is not None and at.resource.can.get("share")]
        for at in self._random.sample(shared, min(WAITING, len(shared))):
            assert at.resource.ladder is not None
            whom = self.snapshot.accounts[self._account()]
            invitation = Invitation.of(
                self.id(), at.resource.name, at.record.id, whom.email, self._random.choice(at.resource.ladder.roles),
                self._maker(at.record), self._then(), self._random.choice((None, None, self._now + INSTANT)), whom.id,
            )  # fmt: skip
            self.snapshot.invitations[invitation.id] = invitation
        given = [at for at in every if at.resource.can.get("transfer")]
        for at in self._random.sample(given, min(WAITING, len(given))):
            offer = Offer.of(
                self.id(), at.resource.name, at.record.id, self._maker(at.record), self._account(), self._then()
            )
            self.snapshot.offers[offer.id] = offer

    def _maker(self, record: Record) -> str:
        """Who invited, or offered: mostly the owner."""
        return record.owner if self._chance(0.7) else self._account()

    def _then(self) -> datetime:
        """When that was: mostly so late that it counts."""
        return self._now - self._random.choice((DAY, DAY, LIFETIME - INSTANT, LIFETIME))

    # --- accounts and values -----------------------------------------------------------------

    def id(self) -> str:
        """A UUID, in no order."""
        text = blake2b(f"{self._salt} {next(self._numbers)}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def _people(self) -> None:
        ladder = self._specification.staff
        for number, name in enumerate(PEOPLE):
            staff = self._random.choice(ladder.roles) if ladder is not None and number in (3, 4) else None
            account = Account(self.id(), f"{name.lower()}@example.org", "", self._now - DAY, staff)
            self.snapshot.accounts[account.id] = account

    def _account(self) -> str:
        return self._random.choice(list(self.snapshot.accounts))

    def _friend(self) -> str:
        """Anybody but the stranger."""
        return self._random.choice(list(self.snapshot.accounts)[:-1])

    def _chance(self, likely: float) -> bool:
        return self._random.random() < likely

    def _depth(self, resource: Resource) -> int:
        return len(self._specification.chain(resource.name))

    def _pool(self, resource: Resource, field: Field) -> tuple[Any, ...]:
        """Few values that the field accepts, so that some are equal; those that conditions ask for among them."""
        typed = self._specification.value_field(resource.name, field.name)
        if typed.kind is Kind.ONE_OF:
            return typed.values
        candidates: list[Any] = list(PLAIN.get(typed.kind, ()))
        if typed.kind is Kind.TEXT:
            candidates = matching(typed, self._random)
        elif typed.kind is Kind.DATE:
            candidates = [str(self._now.date() + n * DAY) for n in (-1, 0, 1)]
        elif typed.kind is Kind.TIME:
            candidates = [(self._now + n).isoformat() for n in (-DAY, -INSTANT, 0 * DAY, INSTANT, DAY)]
        asked = [value for condition in self._asked_of(resource, field) for value in condition.values]
        found = [*asked, *asked]
        for bound in (typed.minimum, typed.maximum):
            found += [] if bound is None or typed.kind is Kind.TEXT else [bound]
        for candidate in candidates:
            try:
                found.append(accept(typed, candidate))
            except ValueRefused:
                continue
        return tuple(found)

    def _asked_of(self, resource: Resource, field: Field) -> Iterator[Condition]:
        for name, condition in _conditions(self._specification):
            if condition.field == field.name and self._specification.at(name, condition.path) is resource:
                yield condition

    # --- records by chance -------------------------------------------------------------------

    def record(self, resource: Resource, **fixed: Any) -> Record | None:
        """A new record, with some fields (or the parent) given; None where none fits."""
        parent: Record | None = None
        if resource.parent is not None:
            wanted = fixed.pop(resource.parent, None)
            above = self.snapshot.records[resource.parent]
            parent = above[wanted] if wanted else self._random.choice(list(above.values())) if above else None
            parent = parent or self.record(self._specification.resources[resource.parent])
            if parent is None:
                return None
        made = self._now - self._random.choice((0, 1, 1, 2)) * INSTANT
        owner = fixed.pop("owner", None) or self._account()
        record = Record(
            resource.name, self.id(), owner if parent is None else parent.owner, None if parent is None else parent.id,
            dict.fromkeys(resource.fields), made, self._random.choice((made, self._now)),
        )  # fmt: skip
        for _ in range(6):
            drawn = record
            for field in resource.fields.values():
                value = fixed[field.name] if field.name in fixed else self.value(resource, field, drawn)
                drawn = replace(drawn, values={**drawn.values, field.name: value})
            if self._fits(drawn):
                self.snapshot.put(drawn)
                self._share(resource, drawn)
                return drawn
        return None

    def value(self, resource: Resource, field: Field, record: Record, filled: bool = False) -> Any:
        """A domain value for a field by chance; not empty if `filled`."""
        if field.kind is Kind.REFERENCE:
            targets = list(self.snapshot.records[str(field.target)])
            return self._random.choice(targets) if targets and (filled or not self._chance(0.15)) else None
        if field.kind is Kind.COPY and not filled and self._chance(0.8):
            source = self.snapshot.facts(record).follow(field.path)
            if source is None:
                return None
            return source.record.owner if field.copied == "owner" else source.record.values[str(field.copied)]
        if self._specification.names_account(resource.name, field.name):
            return None if not filled and self._chance(0.15) else self._account()
        nullable = field.optional or field.kind is Kind.COPY
        pool = self._values[resource.name, field.name]
        if not pool or (nullable and not filled and self._chance(0.25)):
            return None
        value = self._random.choice(pool)
        return self._distinct(resource, field, value)

    def _distinct(self, resource: Resource, field: Field, value: Any) -> Any:
        """Half of all texts are nobody else's: they tell whose record they come from."""
        typed = self._specification.value_field(resource.name, field.name)
        if typed.kind is not Kind.TEXT or value not in WORDS or self._chance(0.5):
            return value
        try:
            return accept(typed, f"{value} {next(self._numbers):04d} {self.id()[:6]}")
        except ValueRefused:
            return value

    def _share(self, resource: Resource, record: Record) -> None:
        if resource.ladder is None:
            return
        ends = (None, None, self._now + DAY, self._now + INSTANT, self._now, self._now - INSTANT)
        for account in list(self.snapshot.accounts)[:-1]:
            if self._chance(0.25):
                self._member(record, account, self._random.choice(resource.ladder.roles), self._random.choice(ends))

    def _member(self, record: Record, account: str, role: str, ends: datetime | None) -> None:
        membership = Membership(record.resource, record.id, account, role, ends)
        self.snapshot.memberships[record.id, account] = membership

    def _disturb(self, resource: Resource, record: Record) -> None:
        """References to records that were drawn later, also in circles."""
        for field in resource.references():
            if self._chance(0.15):
                self._set(record, field.name, self.value(resource, field, record))
                record = self.snapshot.records[resource.name][record.id]

    def _fits(self, record: Record) -> bool:
        model = self._specification.resources[record.resource]
        if any(
            record.values[f.name] is None and not _may_be_empty(self._specification, model, f)
            for f in model.fields.values()
        ):
            return False
        try:
            self.snapshot.check_unique(record)
            self.snapshot.check_limit(record)
        except Conflict:
            return False
        return True

    def _set(self, record: Record, name: str, value: Any) -> bool:
        """Change one value where the record fits with it."""
        present = self.snapshot.records[record.resource][record.id]
        changed = replace(present, values={**present.values, name: value})
        if not self._fits(changed):
            return False
        self.snapshot.put(changed)
        return True

    # --- records on purpose ------------------------------------------------------------------

    def _aim(self, resource: Resource, grant: Grant) -> None:
        """One record that satisfies the grant for somebody, and for each term one that misses only by it."""
        for broken in (None, *grant.when, *(who for who in grant.who if isinstance(who, AccountField | Role | Can))):
            for _ in range(4):
                record = self.record(resource)
                if record is None:
                    break
                facts = self.snapshot.facts(record)
                actor = record.owner if any(w == Owner() for w in grant.who) else self._friend()
                for term in (*grant.who, *grant.when):
                    self._satisfy(term, self._again(facts), actor, DEEPEST)
                if decide((grant,), Actor(actor), self._again(facts)):
                    if broken is not None:
                        self._break(broken, self._again(facts), actor)
                    break

    def _again(self, facts: Facts) -> Facts:
        record = self.snapshot.records[facts.record.resource][facts.record.id]
        return self.snapshot.facts(record)

    def _satisfy(self, term: Any, facts: Facts, actor: str, depth: int) -> None:
        """Change the world so that one term holds, where that can be."""
        match term:
            case Staff(_, roles):
                self.snapshot.accounts[actor] = replace(self.snapshot.accounts[actor], staff=self._random.choice(roles))
            case Owner(path):
                self._owned(facts, path, actor)
            case Role(path, _, _, roles):
                if (there := self._reach(facts, path)) is not None:
                    ends = self._random.choice((None, self._now + INSTANT, self._now + DAY))
                    self._member(there.record, actor, self._random.choice(roles), ends)
            case AccountField(path, name):
                if (there := self._reach(facts, path)) is not None:
                    self._set(there.record, name, actor)
            case Can(action, path):
                there = self._reach(facts, path)
                if there is not None and depth:
                    for needed in dict.fromkeys((action, "open")):
                        self._satisfy_any(there.resource.rule(needed), there, actor, depth - 1)
            case Through(link, back, container, _, roles):
                self._tie(facts, link, back, container, roles, actor)
            case Condition(path):
                there = self._reach(facts, path)
                if there is not None and term.field in there.resource.fields:
                    self._set(there.record, term.field, self._fitting(there, term))

    def _satisfy_any(self, rule: Rule, there: Facts, actor: str, depth: int) -> None:
        if rule:
            grant = self._random.choice(rule)
            for term in (*grant.who, *grant.when):
                self._satisfy(term, self._again(there), actor, depth)

    def _fitting(self, there: Facts, condition: Condition) -> Any:
        """A value for which a condition holds."""
        field = there.resource.fields[condition.field]
        typed = self._specification.value_field(there.resource.name, field.name)
        match condition.test:
            case Test.IS:
                return self._random.choice(condition.values)
            case Test.EMPTY:
                return None
            case Test.SET:
                return self.value(there.resource, field, there.record, filled=True)
        step = -1 if condition.test is Test.PAST else 1
        near = self._now.date() if typed.kind is Kind.DATE else self._now
        return near + step * (DAY if isinstance(near, datetime) is False else self._random.choice((INSTANT, DAY)))

    def _break(self, term: Any, facts: Facts, actor: str) -> None:
        """Change the world so that just this term holds no longer, where that can be."""
        match term:
            case Condition(path, name):
                there = facts.follow(path)
                if there is None or name not in there.resource.fields:
                    return
                pool = [None, *self._values.get((there.resource.name, name), ())]
                for value in self._random.sample(pool, len(pool)):
                    before = self._again(there).record.values[name]
                    if self._set(there.record, name, value) and not holds(term, self._again(facts)):
                        return
                    self._set(there.record, name, before)
            case Role(path):
                there = facts.follow(path)
                if there is not None and (there.record.id, actor) in self.snapshot.memberships:
                    self._expire_or_weaken(there, actor)
            case AccountField(path, name):
                there = facts.follow(path)
                others = [account for account in self.snapshot.accounts if account != actor]
                if there is not None:
                    self._set(there.record, name, self._random.choice(others))

    def _expire_or_weaken(self, there: Facts, actor: str) -> None:
        membership = self.snapshot.memberships[there.record.id, actor]
        ladder = there.resource.ladder
        assert ladder is not None
        if membership.role != ladder.weakest and self._chance(0.5):
            self._member(there.record, actor, ladder.weakest, membership.expires_at)
        else:
            self._member(there.record, actor, membership.role, self._random.choice((self._now, self._now - INSTANT)))

    def _owned(self, facts: Facts, path: Path, actor: str) -> None:
        """A record of the actor's at the end of the path: another one is referred to, if need be."""
        there = self._reach(facts, path)
        if there is None or there.record.owner == actor or not path:
            return
        referring = max((i for i, _ in enumerate(path) if self._is_reference(facts, path, i)), default=None)
        if referring is None:
            return
        root = self._specification.resources[self._specification.chain(path[-1].resource)[-1]]
        above: Record | None = self.record(root, owner=actor)
        for name in reversed(self._specification.chain(path[referring].resource)[:-1]):
            above = above and self.record(self._specification.resources[name], **{above.resource: above.id})
        before = facts.follow(path[:referring])
        if above is not None and before is not None:
            self._set(before.record, path[referring].field, above.id)

    def _is_reference(self, facts: Facts, path: Path, i: int) -> bool:
        return path[i].field in self._specification.at(facts.resource.name, path[:i]).fields

    def _reach(self, facts: Facts, path: Path) -> Facts | None:
        """The record at the end of a path, whose empty references are filled on the way."""
        at: Facts | None = facts
        for hop in path:
            if at is None:
                return None
            if at.hop(hop) is None and hop.field in at.resource.fields:
                target = self.record(self._specification.resources[hop.resource])
                if target is not None:
                    self._set(at.record, hop.field, target.id)
                at = self._again(at)
            at = at.hop(hop)
        return at

    def _tie(self, facts: Facts, link: str, back: str, container: Hop, roles: Sequence[str], actor: str) -> None:
        holder = self.record(self._specification.resources[container.resource])
        if holder is not None:
            self._member(holder, actor, self._random.choice(roles), None)
            self.record(self._specification.resources[link], **{back: facts.record.id, container.field: holder.id})


def aims(specification: Specification) -> list[tuple[str, Grant]]:
    """Every grant of a specification, with the resource that states it."""
    return [(r.name, grant) for r in specification.resources.values() for rule in rules(r) for grant in rule]


def _conditions(specification: Specification) -> Iterator[tuple[str, Condition]]:
    """Every condition, with the resource whose record it is asked of first."""
    for name, grant in aims(specification):
        yield from ((name, condition) for condition in grant.when)
    for resource in specification.resources.values():
        yield from ((resource.name, condition) for condition in (resource.locked.when if resource.locked else ()))


def _typed(resource: Resource) -> Iterator[Field]:
    return (field for field in resource.fields.values() if field.kind is not Kind.REFERENCE)


def _may_be_empty(specification: Specification, resource: Resource, field: Field) -> bool:
    """Also a required reference, account or copy may have become empty since."""
    engine = field.kind in (Kind.REFERENCE, Kind.COPY, Kind.CREATOR)
    return field.optional or engine or specification.names_account(resource.name, field.name)
