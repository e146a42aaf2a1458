"""What there is to try on a world: every operation, on everything, by everybody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from random import Random
from typing import Any

from application.proof import lists
from application.proof.attempts import POSTING, Attempt, Verb
from application.proof.callers import callers, drawn_token, link_of, token_of
from application.proof.oracle import NEW, Oracle
from application.proof.worlds import DAY, Draw
from domain.deletion import obstacles
from domain.expansion import expandable
from domain.filtering import Operator, operators, searched
from domain.judging import sharing_cap
from domain.ownership import Actor, Facts, decide, may
from domain.record import Record, writable
from domain.snapshot import Snapshot
from domain.specification.model import ENGINE_FIELDS, Field, Kind, Resource
from domain.values import instant_text, to_json

NEVER = "00000000-0000-7000-8000-000000000000"
"""an id that no record and no account has"""
_WRONG = (("fields", "nothing"), ("expand", "owner"), ("expand", "nothing"))
OTHER = "00000000-0000-7000-8000-000000000001"
RIGHTS_ASKED = 0.1
"""how often what may be done with a record is asked, and who may do it"""
KEYS = 3
"""that everybody uses in one world"""
ENGINE_VALUES: Mapping[str, Any] = {
    "id": NEVER,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}

NOBODYS = "nobody@example.net"
"""an address that no account has"""
SELDOM = 0.05
INVITED, OFFERED, LINKED = 0.3, 0.3, 0.2
"""how often whoever could invite, hand over, or make a link, does"""
DEAD = 0.2
"""how often whoever has a link that has ended takes part"""


class Tries:
    """Makes attempts on the world that a draw made, and on what has become of it since."""

    def __init__(self, draw: Draw, random: Random, *, inviting: bool = True) -> None:
        """Values of new records are drawn as the world's own were. Without `inviting` no address is used."""
        self._inviting = inviting
        self._draw = draw
        self._random = random
        self._asking = copy(random)
        """for what writes nothing: all else is drawn as if it were not asked"""
        self._snapshot = draw.snapshot
        self._specification = draw.snapshot.specification
        self._oracle = Oracle(draw.snapshot)
        resources = self._specification.resources.values()
        self._roots = [r for r in resources if r.parent is None]
        self._shared = [r.name for r in resources if r.ladder is not None]
        self._given = [r.name for r in resources if r.can.get("transfer")]
        self._links = dict.fromkeys(map(token_of, draw.snapshot.links.values()))
        """the tokens that there are, or were"""
        if any(r.links is not None for r in resources):
            self._links[drawn_token(NEVER)] = None

    @property
    def everybody(self) -> list[str | None]:
        """Nobody, every account, and whoever has a link; now and then one that has ended, or never was."""
        self._links |= dict.fromkeys(map(token_of, self._snapshot.links.values()))
        links = [token for token in self._links if self._counts(token) or self._random.random() < DEAD]
        return [None, *self._snapshot.accounts, *links]

    def _counts(self, token: str) -> bool:
        link = link_of(self._snapshot, token)
        return link is not None and link.live(self._snapshot.now)

    # --- reading -----------------------------------------------------------------------------

    def reads(self) -> Iterator[Attempt]:
        """Every record, its head and its members, for everybody."""
        for who in self.everybody:
            yield from self._waiting_for(who)
            for resource in self._specification.resources.values():
                for record in list(self._snapshot.records[resource.name]):
                    read = Attempt(who, Verb.GET, resource.name, record)
                    yield read
                    if self._random.random() < 0.2:
                        yield replace(read, query=self._selected(resource))
                    if self._random.random() < 0.25:
                        yield Attempt(who, Verb.HEAD, resource.name, record)
                    if self._random.random() < 0.05:
                        yield Attempt(who, Verb.REPLACE, resource.name, record, body={})
                    if resource.ladder is not None:
                        yield Attempt(who, Verb.MEMBERS, resource.name, record)
                    yield from self._waiting_on(who, resource, record)
                yield from self._elsewhere(who, resource)

    def _waiting_for(self, who: str | None) -> Iterator[Attempt]:
        """The invitations and offers that wait for the caller, of whichever resource."""
        yield from (Attempt(who, Verb.WAITING, name) for name in self._shared[:1])
        yield from (Attempt(who, Verb.OFFERS, name) for name in self._given[:1])

    def _waiting_on(self, who: str | None, resource: Resource, record: str) -> Iterator[Attempt]:
        """What waits on a record; seldom where nothing does."""
        invited = any(each.record == record for each in self._snapshot.invitations.values())
        offered = any(each.record == record for each in self._snapshot.offers.values())
        if resource.name in self._shared and (invited or self._random.random() < SELDOM):
            yield Attempt(who, Verb.INVITATIONS, resource.name, record)
        if resource.links is not None and self._asking.random() < SELDOM:
            yield Attempt(who, Verb.LINKS, resource.name, record)
        if resource.name in self._given and (offered or self._random.random() < SELDOM):
            yield Attempt(who, Verb.OFFERED, resource.name, record)

    def rights(self) -> Iterator[Attempt]:
        """What may be done with a record, and who can do it; now and then, of each by somebody."""
        for who in self.everybody:
            for resource in self._specification.resources.values():
                for record in list(self._snapshot.records[resource.name]):
                    if self._asking.random() < RIGHTS_ASKED:
                        yield Attempt(who, Verb.MY_ACCESS, resource.name, record)
                    if self._asking.random() < RIGHTS_ASKED and self._specification.shared(resource.name) is not None:
                        yield Attempt(who, Verb.ACCESS, resource.name, record)

    def _elsewhere(self, who: str | None, resource: Resource) -> Iterator[Attempt]:
        """Records of another resource under this one's path: there is nothing there."""
        others = [at.record.id for at in self._snapshot.every() if at.record.resource != resource.name]
        for record in self._random.sample(others, min(2, len(others))):
            yield Attempt(who, Verb.GET, resource.name, record)
            if resource.ladder is not None:
                yield Attempt(who, Verb.MEMBERS, resource.name, record)

    def lists(self) -> Iterator[Attempt]:
        """Every list, with every parameter, for everybody; the same combinations, for each is a statement to build."""
        combined = {r.name: list(self._combined(r)) for r in self._specification.resources.values()}
        for who in self.everybody:
            for resource in self._specification.resources.values():
                listed = Attempt(who, Verb.LIST, resource.name)
                yield listed
                yield replace(listed, query=(("count", "true"), ("limit", str(self._random.randint(1, 4)))))
                for name in self._parameters(resource):
                    yield from (replace(listed, query=query) for query in self._queries(resource, name))
                yield from (replace(listed, query=query) for query in combined[resource.name])
                if (sought := self._sought(resource)) is not None:
                    yield replace(listed, query=(("q", sought), ("count", "true")))
                yield replace(listed, query=(*self._selected(resource, "id"), ("limit", "2")))
                for wrong in (
                    ("nothing", "1"),
                    ("limit", "0"),
                    ("limit", "201"),
                    ("sort", "nothing"),
                    ("sort", "id"),
                    ("q", " "),
                    *_WRONG,
                ):
                    if self._random.random() < 0.1:
                        yield replace(listed, query=(wrong,))

    def _selected(self, resource: Resource, *always: str) -> tuple[tuple[str, str], ...]:
        """What is asked for of a record, and what beside it: of few combinations, for each is a statement to build."""
        ways, found = list(expandable(self._specification, resource.name)), []
        if ways and self._random.random() < 0.9:
            found.append(
                ("expand", ",".join(self._random.sample(ways, min(len(ways), self._random.choice((1, 1, 3))))))
            )
        if not found or self._random.random() < 0.3:
            names = resource.members[self._random.choice((0, 2)) :]
            found.append(("fields", ",".join((*always, *(name for name in names if name not in always)))))
        return tuple(found)

    def _parameters(self, resource: Resource) -> list[str]:
        """What somebody with an account can filter or sort by; nobody is asked the same, and may be refused."""
        somebody = Actor(next(iter(self._snapshot.accounts)))
        names = lists.queryable(self._specification, resource, somebody)
        return [name for name in names if name not in ENGINE_FIELDS or self._random.random() < 0.15]

    def _queries(self, resource: Resource, name: str) -> Iterator[tuple[tuple[str, str], ...]]:
        stored = list(self._snapshot.records[resource.name].values())
        texts = [text for record in stored if (text := self._as_text(resource, name, record)) is not None]
        asked = operators(self._specification.column(resource.name, name).kind)
        for text in self._random.sample(texts, min(2, len(texts))) if Operator.EQUAL in asked else ():
            yield ((name, _listed(text)), ("count", "true"))
        if texts and self._random.random() < 0.2:
            operator = self._random.choice([each for each in asked if each is not Operator.SET] or [Operator.SET])
            yield ((operator.parameter(name), self._asked(operator, texts)), ("count", "true"))
        if name not in ENGINE_FIELDS and self._random.random() < 0.1:
            yield ((Operator.SET.parameter(name), self._random.choice(("true", "false"))),)
        if name in lists.sortable(self._specification, resource, Actor(next(iter(self._snapshot.accounts)))):
            sign = self._random.choice(("", "-"))
            yield (("sort", sign + name), ("limit", str(self._random.randint(1, 5))))

    def _asked(self, operator: Operator, texts: list[str]) -> str:
        """What one record has, or two have, or a part of it."""
        text = self._random.choice(texts)
        match operator:
            case Operator.EQUAL | Operator.NOT:
                return ",".join(map(_listed, self._random.sample(texts, min(2, len(texts)))))
            case Operator.SET:
                return "true"
            case Operator.CONTAINS:
                start = self._random.randint(0, len(text))
                return text[start : start + 2]
            case Operator.STARTS:
                return text[:2]
        return text

    def _sought(self, resource: Resource) -> str | None:
        """A word of one record, or two, of whichever of its texts; None where it has none."""
        stored = list(self._snapshot.records[resource.name].values())
        if not stored:
            return None
        record, texts = self._random.choice(stored), searched(self._specification, resource.name)
        found = [word for name in texts for word in str(record.values[name] or "").split()]
        return " ".join(self._random.sample(found, min(len(found), self._random.choice((1, 1, 2))))) or None

    def _combined(self, resource: Resource) -> Iterator[tuple[tuple[str, str], ...]]:
        """Filters, keys and pages at once, as the record that they are taken from has them."""
        stored = list(self._snapshot.records[resource.name].values())
        if not stored:
            return
        somebody, record = Actor(next(iter(self._snapshot.accounts))), self._random.choice(stored)
        names = lists.queryable(self._specification, resource, somebody)
        pairs = [
            (name, _listed(text))
            for name, each in names.items()
            if Operator.EQUAL in operators(each.kind) and (text := self._as_text(resource, name, record)) is not None
        ]
        keys = lists.sortable(self._specification, resource, somebody)
        for many in (0, 1, 2):
            sort = ",".join(
                self._random.choice(("", "-")) + key for key in self._random.sample(keys, min(2, len(keys)))
            )
            asked = self._random.sample(pairs, min(many, len(pairs)))
            yield (*asked, ("sort", sort), ("limit", str(self._random.randint(1, 2))))
        yield (*self._random.sample(pairs, min(1, len(pairs))), ("limit", "1"))

    def _as_text(self, resource: Resource, name: str, record: Record) -> str | None:
        if name == resource.parent:
            return record.parent
        value = getattr(record, name) if name in ENGINE_FIELDS else record.values[name]
        value = to_json(self._specification.column(resource.name, name), value)
        if value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    # --- writing -----------------------------------------------------------------------------

    def writes(self, number: int) -> Iterator[Attempt]:
        """So many attempts to write, by chance; each is made when its turn comes, on the world as it is then."""
        makers = (
            self.creation,
            self.creation,
            self._change,
            self._change,
            self._change,
            self.deletion,
            self._sharing,
            self._waiting,
        )
        for _ in range(number):
            who = self._random.choice(self.everybody)
            resource = self._random.choice(list(self._specification.resources.values()))
            attempt = self._random.choice(makers)(who, resource)
            if attempt is not None:
                yield attempt

    def again(self, number: int) -> Iterator[Attempt]:
        """So many with a key that others use, too: once, again, and by somebody else, to whom it must say nothing."""
        keys = [f"{self._random.getrandbits(64):x}" for _ in range(KEYS)]
        for _ in range(number):
            who, resource = self._random.choice(self.everybody), self._any_resource()
            attempt = self._random.choice((self.creation, self.creation, self._batch, self._sharing))(who, resource)
            if attempt is not None and attempt.verb in POSTING:
                keyed = replace(attempt, headers=(("idempotency-key", self._random.choice(keys)),))
                yield from (keyed, keyed, keyed.by(self._random.choice(self.everybody)))

    def batches(self, number: int) -> Iterator[Attempt]:
        """So many times several writes at once."""
        for _ in range(number):
            attempt = self._batch(self._random.choice(self.everybody), self._any_resource())
            if attempt is not None:
                yield attempt

    def _any_resource(self) -> Resource:
        return self._random.choice(list(self._specification.resources.values()))

    def fitting(self) -> Iterator[Attempt]:
        """What chance seldom finds: allowed steps and moves, deletions that are blocked, values that are taken."""
        yield from self._left_elsewhere()
        for resource in self._specification.resources.values():
            for record in list(self._snapshot.records[resource.name].values()):
                for who in self._snapshot.accounts:
                    actor, facts = Actor(who), self._snapshot.facts(record)
                    held = (("if-match", "*"),) if resource.require_if_match else ()
                    for name, after in self._steps(resource, actor, facts):
                        yield Attempt(who, Verb.UPDATE, resource.name, record.id, body={name: after}, headers=held)
                    if resource.parent is not None and may("move", actor, facts):
                        moved = Attempt(who, Verb.UPDATE, resource.name, record.id, headers=held)
                        yield from self._moves(moved, resource.parent)
                    cap = sharing_cap(actor, facts)
                    if resource.ladder is not None and cap is not None and self._random.random() < 0.3:
                        given = self._random.choice(resource.ladder.roles[resource.ladder.roles.index(cap) :])
                        body = {"account": self._random.choice([*self._snapshot.accounts]), "role": given}
                        yield Attempt(who, Verb.ADD_MEMBER, resource.name, record.id, body=body)
                    if resource.ladder is not None and cap is not None and self._random.random() < 0.3:
                        yield from self._member_changes(who, facts)
                    yield from self._fitting_to_waiting(who, facts)
                    if may("delete", actor, facts) and obstacles(facts):
                        yield Attempt(who, Verb.DELETE, resource.name, record.id, headers=held)
                    if resource.unique and may("update", actor, facts) and self._random.random() < 0.3:
                        body = self._taken(resource, record)
                        if body:
                            yield Attempt(who, Verb.UPDATE, resource.name, record.id, body=body, headers=held)
                    if self._gone(resource, record.id):
                        break

    def _left_elsewhere(self) -> Iterator[Attempt]:
        """Members who leave by the path of another resource: nobody is a member of anything there."""
        shared = [r.name for r in self._specification.resources.values() if r.ladder is not None]
        live = [m for m in self._snapshot.memberships.values() if m.live(self._snapshot.now)]
        for m in self._random.sample(live, min(6, len(live))):
            for other in shared:
                if other != m.resource:
                    yield Attempt(m.account, Verb.REMOVE_MEMBER, other, m.record, m.account)

    def _member_changes(self, who: str, facts: Facts) -> Iterator[Attempt]:
        """Another role, or another end, for somebody who is a member; then the end at once."""
        resource, ladder = facts.resource, facts.resource.ladder
        found = [m for (record, _), m in self._snapshot.memberships.items() if record == facts.record.id]
        live = [membership for membership in found if membership.live(self._snapshot.now)]
        if ladder is not None and live:
            member = self._random.choice(live)
            body = self._ending({"role": self._random.choice((member.role, *ladder.roles))})
            yield Attempt(who, Verb.CHANGE_MEMBER, resource.name, facts.record.id, member.account, body=body)
            yield Attempt(who, Verb.REMOVE_MEMBER, resource.name, facts.record.id, member.account)

    def _moves(self, attempt: Attempt, parent: str) -> Iterator[Attempt]:
        """To one other place where that is allowed, and to one by chance."""
        others = list(self._snapshot.records[parent])
        tried = [replace(attempt, body={parent: above}) for above in self._random.sample(others, min(6, len(others)))]
        allowed = [each for each in tried if self._oracle.expect(each).effect is not None]
        if self._random.random() < 0.6:
            yield from (*allowed[:1], *tried[:1])

    def _gone(self, resource: Resource, record_id: str) -> bool:
        return record_id not in self._snapshot.records[resource.name]

    def _steps(self, resource: Resource, actor: Actor, facts: Facts) -> Iterator[tuple[str, str]]:
        for name, steps in resource.steps.items():
            for step in steps:
                allowed = step.before == facts.record.values[name] and decide(step.rule, actor, facts).allowed
                if allowed and self._random.random() < 0.3:
                    yield name, step.after

    def _taken(self, resource: Resource, record: Record) -> dict[str, Any]:
        """The values that must be unique, as another record of the same place has them."""
        unique = self._random.choice(resource.unique)
        others = [r for r in self._snapshot.records[resource.name].values() if r.id != record.id]
        near = [other for other in others if _place(unique.per, other) == _place(unique.per, record)]
        if not near or any(name not in writable(resource) for name in unique.fields):
            return {}
        other = self._random.choice(near)
        return {n: to_json(self._specification.value_field(resource.name, n), other.values[n]) for n in unique.fields}

    def every_field(self) -> Iterator[Attempt]:
        """Every field of some records alone, by everybody; and what only the engine writes."""
        for resource in self._specification.resources.values():
            stored = list(self._snapshot.records[resource.name].values())
            for who in self.everybody:
                for record in self._random.sample(stored, min(4, len(stored))):
                    for name in (*writable(resource), *self._by_engine(resource)):
                        if record.id in self._snapshot.records[resource.name]:
                            yield self._one_field(who, resource, record, name)

    def _one_field(self, who: str | None, resource: Resource, record: Record, name: str) -> Attempt:
        return Attempt(who, Verb.UPDATE, resource.name, record.id, body={name: self._any_value(resource, name)})

    def _by_engine(self, resource: Resource) -> list[str]:
        return [*ENGINE_FIELDS, *(field.name for field in resource.fields.values() if field.by_engine)]

    def creation(self, who: str | None, resource: Resource) -> Attempt | None:
        """A creation, mostly of what could be created."""
        if resource.parent is not None and not self._snapshot.records[resource.parent]:
            return None
        body = {}
        for name, field in writable(resource).items():
            spare = field is not None and (not field.required or name in resource.steps)
            if field is not None and spare and self._random.random() < 0.6:
                continue
            body[name] = self._any_value(resource, name)
            if name in resource.steps and self._random.random() < 0.8:
                body[name] = resource.steps_start(name)
        if self._random.random() < 0.08:
            name = self._random.choice(self._by_engine(resource))
            body[name] = self._any_value(resource, name)
        return Attempt(who, Verb.CREATE, resource.name, body=body)

    def _change(self, who: str | None, resource: Resource) -> Attempt | None:
        record = self._stored(resource)
        if record is None:
            return None
        names = list(writable(resource))
        if not names:
            return None
        chosen = self._random.sample(names, min(len(names), self._random.choice((1, 1, 1, 2, 3))))
        body = {name: self._any_value(resource, name) for name in chosen}
        return self._conditional(Attempt(who, Verb.UPDATE, resource.name, record, body=body))

    def deletion(self, who: str | None, resource: Resource) -> Attempt | None:
        """A deletion, sometimes with a condition."""
        record = self._stored(resource)
        return None if record is None else self._conditional(Attempt(who, Verb.DELETE, resource.name, record))

    def _batch(self, who: str | None, resource: Resource) -> Attempt | None:
        """Several writes at once, some of them on what those before them made."""
        operations: list[Attempt] = []
        for _ in range(self._random.choice((1, 2, 2, 3, 4))):
            made = [(i, each) for i, each in enumerate(operations) if each.verb is Verb.CREATE]
            then = self._upon(*self._random.choice(made)) if made and self._random.random() < 0.6 else None
            other = self._any_resource()
            maker = self._random.choice((self.creation, self.creation, self._change, self.deletion))
            found = then or maker(who, self._random.choice((resource, other, *self._roots)))
            operations += [] if found is None else [found]
        if self._random.random() < 0.3:  # what was done before it must not stay
            operations.append(Attempt(who, Verb.DELETE, resource.name, NEVER))
        if not operations:
            return None
        return Attempt(who, Verb.BATCH, operations[0].resource, operations=tuple(operations))

    def _upon(self, number: int, made: Attempt) -> Attempt | None:
        """Something with what an operation makes, which is named by its number."""
        named, resource = f"${number}.id", self._specification.resources[made.resource]
        below = [each for each in self._specification.resources.values() if each.parent == resource.name]
        if below and self._random.random() < 0.6:
            child = self.creation(made.who, self._random.choice(below))
            if child is not None and child.body is not None:
                body = {**child.body, resource.name: named}
                return replace(child, body=body)
        change = self._random.choice((self._change, self.deletion))(made.who, resource)
        return None if change is None else replace(change, record=named)

    def _conditional(self, attempt: Attempt) -> Attempt:
        """Some with `If-Match`: one that cannot hold must not tell whether the record is there."""
        required = self._specification.resources[attempt.resource].require_if_match
        chance = self._random.random()
        if chance < 0.1:
            return replace(attempt, headers=(("if-match", '"never"'),))
        if required and chance < 0.9:
            return replace(attempt, headers=(("if-match", "*"),))
        return attempt

    def _sharing(self, who: str | None, resource: Resource) -> Attempt | None:
        shared = [r for r in self._specification.resources.values() if r.ladder is not None]
        resource = resource if resource.ladder is not None or not shared else self._random.choice(shared)
        record = self._stored(resource)
        if shared and self._random.random() < 0.08:  # of another resource: nobody is a member of anything by that path
            record = self._stored(self._random.choice(shared))
        if resource.ladder is None or record is None:
            return None
        account, role = self._random.choice([*self._snapshot.accounts]), self._random.choice(resource.ladder.roles)
        match self._random.randrange(5):
            case 0:
                return Attempt(who, Verb.JOIN, resource.name, record)
            case 1:
                return Attempt(
                    who, Verb.CHANGE_MEMBER, resource.name, record, account, body=self._ending({"role": role})
                )
            case 2:
                return Attempt(who, Verb.REMOVE_MEMBER, resource.name, record, account)
        given = self._random.choice((account, account, account, NEVER))
        body = self._ending({"account": given, "role": role})
        return Attempt(who, Verb.ADD_MEMBER, resource.name, record, body=body)

    def _waiting(self, who: str | None, resource: Resource) -> Attempt | None:
        """An invitation or an offer: a new one, or something on one that waits, mostly by whom that is up to."""
        snapshot, choose = self._snapshot, self._random.choice
        invitations, offers = list(snapshot.invitations.values()), list(snapshot.offers.values())
        if invitations and self._random.random() < 0.4:
            invitation = choose(invitations)
            verb = choose((Verb.ACCEPT, Verb.ACCEPT, Verb.DECLINE, Verb.UNINVITE))
            whose = invitation.inviter if verb is Verb.UNINVITE else invitation.account
            who = whose if whose is not None and self._random.random() < 0.7 else who
            named = NEVER if self._random.random() < SELDOM else invitation.id
            return Attempt(who, verb, invitation.resource, invitation.record, waiting=named)
        if offers and self._random.random() < 0.5:
            offer = choose(offers)
            verb = choose((Verb.TAKE, Verb.TAKE, Verb.REFUSE, Verb.WITHDRAW))
            theirs = offer.giver if verb is Verb.WITHDRAW else offer.recipient
            who = theirs if theirs in snapshot.accounts and self._random.random() < 0.7 else who
            return Attempt(who, verb, offer.resource, offer.record, waiting=offer.id)
        record = self._stored(resource)
        if record is None:
            return None
        if resource.links is not None and self._random.random() < LINKED:
            return Attempt(who, Verb.LINK, resource.name, record, body={})
        if resource.can.get("transfer") and (resource.ladder is None or self._random.random() < 0.5):
            body = {"account": choose([*snapshot.accounts, NEVER])}
            return Attempt(who, Verb.OFFER, resource.name, record, body=body)
        if resource.ladder is None or not self._inviting:
            return None
        return Attempt(who, Verb.INVITE, resource.name, record, body=self._invitation(resource.ladder.roles))

    def _invitation(self, roles: Sequence[str]) -> dict[str, Any]:
        emails = [*(account.email for account in self._snapshot.accounts.values()), NOBODYS]
        return self._ending({"email": self._random.choice(emails), "role": self._random.choice(roles)})

    def _fitting_to_waiting(self, who: str, facts: Facts) -> Iterator[Attempt]:
        """What its caller may do, and then what follows: invite and accept or decline, offer and take or refuse."""
        resource, record, actor, chance = facts.resource, facts.record.id, Actor(who), self._random.random
        cap, others = sharing_cap(actor, facts), [each for each in self._snapshot.accounts.values() if each.id != who]
        if resource.ladder is not None and cap is not None and self._inviting and chance() < INVITED:
            whom, given = self._random.choice(others), resource.ladder.roles[resource.ladder.roles.index(cap) :]
            role = self._random.choice(given)
            for email in (NOBODYS, whom.email):
                yield Attempt(who, Verb.INVITE, resource.name, record, body={"email": email, "role": role})
            made = [e.id for e in self._snapshot.invitations.values() if (e.record, e.account) == (record, whom.id)]
            yield from self._answers(resource.name, record, made, whom.id, (Verb.ACCEPT, Verb.DECLINE))
        if resource.links is not None and cap is not None and chance() < LINKED:
            yield from self._linking(who, facts)
        if may("transfer", actor, facts) and chance() < OFFERED:
            whom = self._random.choice(others)
            yield Attempt(who, Verb.OFFER, resource.name, record, body={"account": whom.id})
            made = [e.id for e in self._snapshot.offers.values() if (e.record, e.recipient) == (record, whom.id)]
            yield from self._answers(resource.name, record, made, whom.id, (Verb.TAKE, Verb.REFUSE))

    def _linking(self, who: str, facts: Facts) -> Iterator[Attempt]:
        """A link that is made, used and ended, and used once more."""
        resource, record, before = facts.resource, facts.record.id, set(self._snapshot.links)
        body = self._ending({"role": self._random.choice(resource.linked_roles)})
        yield Attempt(who, Verb.LINK, resource.name, record, body=body)
        for link in [each for hashed, each in self._snapshot.links.items() if hashed not in before]:
            used, other = Attempt(token_of(link), Verb.GET, resource.name, record), self._random.choice(self.everybody)
            yield used
            yield from (Attempt(by, Verb.UNLINK, resource.name, record, waiting=link.id) for by in (other, who))
            yield used

    def _answers(
        self, resource: str, record: str, made: Sequence[str], whom: str, verbs: tuple[Verb, Verb]
    ) -> Iterator[Attempt]:
        """By somebody else, for whom it is not there; by whom it is for; and once more, when it is gone."""
        yes, no = verbs
        other = self._random.choice([account for account in self._snapshot.accounts if account != whom])
        for who, verb in ((other, yes), (whom, self._random.choice((yes, yes, no))), (whom, yes)) if made else ():
            yield Attempt(who, verb, resource, record, waiting=made[-1])

    def _ending(self, body: dict[str, Any]) -> dict[str, Any]:
        """A membership as it is asked for, sometimes with an end: a short one, a past one, one that is very late."""
        if self._random.random() < 0.4:
            ends = self._random.choice((DAY / 2, DAY, 2 * DAY, -DAY, 4000 * DAY))
            body["expires_at"] = instant_text(self._snapshot.now + ends)
        return body

    def _stored(self, resource: Resource) -> str | None:
        found = list(self._snapshot.records[resource.name])
        return self._random.choice([*found, NEVER] if self._random.random() < 0.05 else found) if found else None

    def _any_value(self, resource: Resource, name: str) -> Any:
        """A JSON value that could be sent for a name."""
        if name == resource.parent:
            return self._random.choice([*self._snapshot.records[name], NEVER])
        if name == "owner":
            return self._random.choice([*self._snapshot.accounts])
        if name in ENGINE_FIELDS:
            return ENGINE_VALUES[name]
        field = resource.fields[name]
        if field.kind is Kind.REFERENCE:
            targets = [*self._snapshot.records[str(field.target)], NEVER]
            return None if field.optional and self._random.random() < 0.2 else self._random.choice(targets)
        if field.by_engine:
            return self._random.choice([*self._snapshot.accounts])
        return self._json(resource, field)

    def _json(self, resource: Resource, field: Field) -> Any:
        owner = next(iter(self._snapshot.accounts))
        now = self._snapshot.now
        blank = Record(resource.name, NEW, owner, None, dict.fromkeys(resource.fields), now, now)
        value = self._draw.value(resource, field, blank)
        if value is None and not field.optional:
            value = self._draw.value(resource, field, blank, filled=True)
        return to_json(self._specification.value_field(resource.name, field.name), value)


def on_nothing(snapshot: Snapshot, resources: Iterable[Resource]) -> Iterator[Attempt]:
    """Everything on an id that never was, by nobody and by somebody."""
    somebody = next(iter(snapshot.accounts))
    linked = [who for who in callers(snapshot) if (link := link_of(snapshot, who)) and link.live(snapshot.now)]
    for who in (None, somebody, *linked[:1]):
        for resource in resources:
            held = (("if-match", "*"),) if resource.require_if_match else ()
            yield Attempt(who, Verb.GET, resource.name, NEVER)
            yield Attempt(who, Verb.HEAD, resource.name, NEVER)
            yield Attempt(who, Verb.MY_ACCESS, resource.name, NEVER)
            if snapshot.specification.shared(resource.name) is not None:
                yield Attempt(who, Verb.ACCESS, resource.name, NEVER)
            yield Attempt(who, Verb.UPDATE, resource.name, NEVER, body={}, headers=held)
            yield Attempt(who, Verb.DELETE, resource.name, NEVER, headers=held)
            yield Attempt(who, Verb.REPLACE, resource.name, NEVER, body={})
            for verb, body in ((Verb.UPDATE, {}), (Verb.DELETE, None)):
                missing = Attempt(who, verb, resource.name, NEVER, body=body, headers=held)
                yield Attempt(who, Verb.BATCH, resource.name, operations=(missing,))
            if resource.ladder is not None:
                given = {"account": somebody, "role": resource.ladder.weakest}
                yield Attempt(who, Verb.MEMBERS, resource.name, NEVER)
                yield Attempt(who, Verb.JOIN, resource.name, NEVER)
                yield Attempt(who, Verb.ADD_MEMBER, resource.name, NEVER, body=given)
                yield Attempt(who, Verb.CHANGE_MEMBER, resource.name, NEVER, somebody, body={"role": given["role"]})
                yield Attempt(who, Verb.REMOVE_MEMBER, resource.name, NEVER, OTHER)
                invited = {"email": NOBODYS, "role": resource.ladder.weakest}
                yield Attempt(who, Verb.INVITE, resource.name, NEVER, body=invited)
                yield Attempt(who, Verb.INVITATIONS, resource.name, NEVER)
                for verb in (Verb.UNINVITE, Verb.ACCEPT, Verb.DECLINE):
                    yield Attempt(who, verb, resource.name, NEVER, waiting=OTHER)
            if resource.links is not None:
                yield Attempt(who, Verb.LINKS, resource.name, NEVER)
                yield Attempt(who, Verb.LINK, resource.name, NEVER, body={})
                yield Attempt(who, Verb.UNLINK, resource.name, NEVER, waiting=OTHER)
            if resource.can.get("transfer"):
                yield Attempt(who, Verb.OFFER, resource.name, NEVER, body={"account": OTHER})
                yield Attempt(who, Verb.OFFERED, resource.name, NEVER)
                for verb in (Verb.WITHDRAW, Verb.TAKE, Verb.REFUSE):
                    yield Attempt(who, verb, resource.name, NEVER, waiting=OTHER)


def _listed(text: str) -> str:
    """One of several values in a query."""
    return text.replace(",", "\\,")


def _place(per: str, record: Record) -> str | None:
    """Within what a uniqueness holds."""
    if per == "everywhere":
        return ""
    return record.owner if per == "owner" else record.target(per)
