"""The store in plain Python: the domain's own decisions over dictionaries. For tests, trials and as an oracle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cmp_to_key, partial
from typing import Any

from adapters.persistence.memory_identity import (
    IdentityState,
    MemoryAccounts,
    MemoryApiKeys,
    MemoryAudit,
    MemoryIdempotencyKeys,
    MemorySecondFactors,
    MemorySessions,
    MemorySigningKeys,
)
from adapters.persistence.memory_mail import MemoryLetters, MemoryLinks
from application.ports import SORTED_CHARACTERS, Filter, Page, Query, Sort, View
from domain.account import Account
from domain.deletion import closing, obstacles
from domain.errors import Conflict, NotAuthenticated, in_progress
from domain.filtering import holds, passes, searched
from domain.invitation import Invitation
from domain.judging import (
    may_add,
    may_end_membership,
    may_give,
    may_invite,
    may_link,
    may_offer,
    may_put_membership,
    may_store,
)
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts, may, seen, view
from domain.record import Record
from domain.secret_link import SecretLink
from domain.snapshot import Snapshot
from domain.specification.model import Kind, Specification
from domain.values import accept, to_json


@dataclass
class State:
    """Everything that is stored."""

    identity: IdentityState
    records: dict[str, dict[str, Record]]
    memberships: dict[tuple[str, str], Membership] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    """by id"""
    offers: dict[str, Offer] = field(default_factory=dict)
    """by id"""
    links: dict[str, SecretLink] = field(default_factory=dict)
    """by the hash of their token"""

    def copy(self) -> "State":
        """An independent state; the values themselves never change."""
        return State(
            self.identity.copy(),
            {resource: dict(records) for resource, records in self.records.items()},
            dict(self.memberships),
            dict(self.invitations),
            dict(self.offers),
            dict(self.links),
        )

    def at(self, specification: Specification, now: datetime) -> Snapshot:
        """The same dictionaries, as the domain looks at them."""
        shared = self.memberships, self.links, self.invitations, self.offers
        return Snapshot(specification, now, self.identity.accounts, self.records, *shared)


class MemoryRecords:
    """The `Records` port over one state."""

    def __init__(self, specification: Specification, state: State) -> None:
        """Work on the state itself."""
        self._specification = specification
        self._state = state

    async def view(self, actor: Actor, resource: str, record_id: str, now: datetime) -> View | None:
        """See the port."""
        facts = self._found(actor, resource, record_id, now, "open")
        return None if facts is None else view(actor, facts)

    async def page(self, actor: Actor, query: Query, now: datetime) -> Page:
        """See the port."""
        self._check_session(actor, now)
        world, texts = self._at(now), searched(self._specification, query.resource)
        rows: list[tuple[tuple[Any, ...], Facts]] = []
        for record in self._state.records[query.resource].values():
            facts = Facts(record, world)
            wanted = all(_passes(f, actor, facts) for f in query.filters)
            wanted = wanted and holds(query.words, (seen(name, actor, facts) for name in texts))
            if wanted and may("read", actor, facts):
                rows.append((tuple(self._sorted_by(key.field, actor, facts) for key in query.order), facts))
        order, types = query.order, [self._specification.column(query.resource, key.field) for key in query.order]
        comparable = cmp_to_key(partial(_compare, order=order))
        rows.sort(key=lambda row: comparable(row[0]))
        total = len(rows) if query.counted else None
        if query.after is not None:
            after = tuple(
                None if value is None else accept(field, value) for field, value in zip(types, query.after, strict=True)
            )
            rows = [row for row in rows if _compare(row[0], after, order) > 0]
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        last = tuple(map(to_json, types, rows[-1][0])) if more else None
        return Page([view(actor, facts) for _, facts in rows], last, total)

    def _sorted_by(self, name: str, actor: Actor, facts: Facts) -> Any:
        value = seen(name, actor, facts)
        is_text = self._specification.column(facts.resource.name, name).kind is Kind.TEXT
        return value[:SORTED_CHARACTERS] if is_text and value is not None else value

    async def readable(
        self, actor: Actor, resource: str, record_ids: Collection[str], now: datetime
    ) -> Mapping[str, View]:
        """See the port."""
        found = {record_id: self._found(actor, resource, record_id, now, "read") for record_id in record_ids}
        return {record_id: view(actor, facts) for record_id, facts in found.items() if facts is not None}

    async def opens(self, account: str, resource: str, record_id: str, now: datetime) -> bool:
        """See the port."""
        return await self.load(Actor(account), resource, record_id, now) is not None

    async def members(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Membership] | None:
        """See the port."""
        facts = self._found(actor, resource, record_id, now, "open")
        if facts is None:
            return None
        everyone = may("members", actor, facts)
        found = [
            membership
            for (record, account), membership in self._state.memberships.items()
            if record == record_id and membership.live(now) and (everyone or account == actor.account)
        ]
        return sorted(found, key=lambda membership: membership.account)

    async def joined(self, actor: Actor, after: str, limit: int, now: datetime) -> Sequence[Membership]:
        """See the port."""
        self._check_session(actor, now)
        own = [each for each in self._state.memberships.values() if each.account == actor.account and each.live(now)]
        return sorted((each for each in own if each.record > after), key=lambda each: each.record)[:limit]

    async def presented(self, link: str, now: datetime) -> SecretLink | None:
        """See the port."""
        found = self._state.links.get(link)
        return found if found is not None and self._counts(found, now) else None

    def _counts(self, link: SecretLink, now: datetime) -> bool:
        return link.live(now) and link.role in self._specification.resources[link.resource].linked_roles

    async def load(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Facts | None:
        """See the port."""
        return await self.refer(actor, resource, record_id, now, "open")

    async def refer(self, actor: Actor, resource: str, record_id: str, now: datetime, action: str) -> Facts | None:
        """See the port."""
        return None if actor.link is not None else self._found(actor, resource, record_id, now, action)

    def _found(self, actor: Actor, resource: str, record_id: str, now: datetime, action: str) -> Facts | None:
        self._check_session(actor, now)
        record = self._state.records[resource].get(record_id)
        if record is None:
            return None
        facts = self._at(now).facts(record)
        return facts if may(action, actor, facts) else None

    async def imagine(self, actor: Actor, record: Record, now: datetime) -> Facts:
        """See the port."""
        return self._at(now).imagine(record)

    async def census(self, resource: str, record_id: str, now: datetime) -> tuple[Facts, Snapshot] | None:
        """See the port."""
        record, world = self._state.records[resource].get(record_id), self._at(now)
        return None if record is None else (world.facts(record), world)

    async def add(self, actor: Actor, record: Record, now: datetime) -> None:
        """See the port."""
        self._check_session(actor, now)
        world = self._at(now)
        facts = world.imagine(record)
        if not may_add(actor, facts):
            raise _changed()
        world.check_unique(record)
        world.check_limit(record)
        world.put(record)

    async def save(self, actor: Actor, before: Record, after: Record, now: datetime) -> None:
        """See the port."""
        world = self._at(now)
        stored = world.record(after.resource, before.id)
        if stored != before or not may_store(actor, world.facts(before), world.imagine(after)):
            raise _changed()
        world.check_unique(after)
        if before.owner != after.owner:
            world.check_limit(after)
        if before.parent == after.parent:
            world.put(after)
        else:
            world.move(after)

    async def obstacles(self, actor: Actor, record: Record, now: datetime) -> tuple[str, ...]:
        """See the port."""
        return obstacles(self._at(now).facts(record))

    async def remove(self, actor: Actor, record: Record, now: datetime) -> None:
        """See the port."""
        world = self._at(now)
        if world.record(record.resource, record.id) is None or not may("delete", actor, world.facts(record)):
            raise _changed()
        world.remove(record)

    async def close_account(self, account: str, tombstone: Account, now: datetime) -> None:
        """See the port."""
        world = self._at(now)
        gone, passing = closing(at for at in world.every() if at.record.owner == account)
        world.drop(gone)
        world.revoke_links(passing)
        for resource, records in self._state.records.items():
            for record in list(records.values()):
                values = {
                    name: None if value == account and self._specification.names_account(resource, name) else value
                    for name, value in record.values.items()
                }
                owner = tombstone.id if record.id in passing else record.owner
                records[record.id] = replace(record, owner=owner, values=values)
        for key in [key for key in self._state.memberships if key[1] == account]:
            del self._state.memberships[key]
        for invitation in list(self._state.invitations.values()):
            if account in (invitation.inviter, invitation.account):
                del self._state.invitations[invitation.id]
        for offer in list(self._state.offers.values()):
            if account in (offer.giver, offer.recipient):
                del self._state.offers[offer.id]
        self._state.identity.forget(account)
        if passing:
            self._state.identity.accounts[tombstone.id] = tombstone

    async def membership(
        self, actor: Actor, resource: str, record_id: str, account: str, now: datetime
    ) -> Membership | None:
        """See the port."""
        self._check_session(actor, now)
        found = self._state.memberships.get((record_id, account))
        return found if found is not None and found.resource == resource and found.live(now) else None

    async def put_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """See the port."""
        self._check_session(actor, now)
        key = membership.record, membership.account
        facts = self._facts(membership, now)
        if facts is None or not may_put_membership(actor, facts, membership, self._state.memberships.get(key)):
            raise _changed()
        self._state.memberships[key] = membership

    async def end_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """See the port."""
        self._check_session(actor, now)
        key = membership.record, membership.account
        facts, present = self._facts(membership, now), self._state.memberships.get(key)
        if facts is None or present is None or not may_end_membership(actor, facts, present):
            raise _changed()
        del self._state.memberships[key]

    async def secret_links(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[SecretLink]:
        """See the port."""
        self._check_session(actor, now)
        of_record = [
            each for each in self._state.links.values() if (each.resource, each.record) == (resource, record_id)
        ]
        return sorted((each for each in of_record if self._counts(each, now)), key=lambda each: each.id, reverse=True)

    async def add_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """See the port."""
        self._check_session(actor, now)
        facts = self._facts(link, now)
        if facts is None or not may_link(actor, facts, link.role):
            raise _changed()
        self._state.links[link.hash] = link

    async def end_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """See the port."""
        self._check_session(actor, now)
        facts, present = self._facts(link, now), self._state.links.get(link.hash)
        if facts is None or present is None or not may_link(actor, facts, present.role):
            raise _changed()
        del self._state.links[link.hash]

    def _facts(self, membership: Membership | SecretLink, now: datetime) -> Facts | None:
        """The record that a membership or a link is of."""
        return self._at(now).find(membership.resource, membership.record)

    def _at(self, now: datetime) -> Snapshot:
        return self._state.at(self._specification, now)

    def _check_session(self, actor: Actor, now: datetime) -> None:
        check_session(self._state, actor, now)


class _Waiting:
    """What waits on records for somebody's answer, over one state."""

    def __init__(self, specification: Specification, state: State) -> None:
        """Work on the state itself."""
        self._specification = specification
        self._state = state

    def _facts(self, resource: str, record_id: str, now: datetime) -> Facts | None:
        return self._state.at(self._specification, now).find(resource, record_id)


class MemoryInvitations(_Waiting):
    """The `Invitations` port over one state."""

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Invitation]:
        """See the port."""
        return self._newest(lambda each: each.is_for(actor.account, None), actor, now)[:limit]

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Invitation]:
        """See the port."""
        check_session(self._state, actor, now)
        facts = self._facts(resource, record_id, now)
        if facts is None or not may("share", actor, facts):
            return []
        return self._newest(lambda each: each.record == record_id, actor, now)

    def _newest(self, wanted: Callable[[Invitation], bool], actor: Actor, now: datetime) -> list[Invitation]:
        check_session(self._state, actor, now)
        found = [each for each in self._state.invitations.values() if wanted(each) and each.waits(now)]
        return sorted(found, key=lambda each: each.id, reverse=True)

    async def get(self, actor: Actor, invitation_id: str, token_hash: str | None, now: datetime) -> Invitation | None:
        """See the port."""
        check_session(self._state, actor, now)
        found = self._state.invitations.get(invitation_id)
        own = found is not None and found.waits(now) and found.is_for(actor.account, token_hash)
        return found if own else None

    async def put(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """See the port."""
        check_session(self._state, actor, now)
        facts = self._facts(invitation.resource, invitation.record, now)
        if facts is None or not may_invite(actor, facts, invitation):
            raise _changed()
        on_record = [each for each in self._state.invitations.values() if each.record == invitation.record]
        for each in on_record:
            if each.waits(now) and each.email == invitation.email and not may_give(actor, facts, each.role):
                raise _changed()
            if not each.waits(now) or each.email == invitation.email:
                del self._state.invitations[each.id]
        self._state.invitations[invitation.id] = invitation

    async def answer(self, actor: Actor, invitation: Invitation, token_hash: str | None, now: datetime) -> None:
        """See the port."""
        if await self.get(actor, invitation.id, token_hash, now) is None:
            raise _changed()
        del self._state.invitations[invitation.id]

    async def withdraw(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """See the port."""
        check_session(self._state, actor, now)
        facts, found = (
            self._facts(invitation.resource, invitation.record, now),
            self._state.invitations.get(invitation.id),
        )
        if facts is None or found is None or not may_give(actor, facts, found.role):
            raise _changed()
        del self._state.invitations[found.id]

    async def prove(self, email: str, account: str) -> None:
        """See the port."""
        for each in list(self._state.invitations.values()):
            if each.email == email and each.account is None:
                self._state.invitations[each.id] = replace(each, account=account)

    async def seal(self, invitation_id: str, token_hash: str, now: datetime) -> bool:
        """See the port."""
        found = self._state.invitations.get(invitation_id)
        if found is None or not found.waits(now):
            return False
        self._state.invitations[invitation_id] = replace(found, hash=token_hash)
        return True


class MemoryTransfers(_Waiting):
    """The `Transfers` port over one state."""

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Offer]:
        """See the port."""
        check_session(self._state, actor, now)
        found = [each for each in self._state.offers.values() if each.recipient == actor.account and each.waits(now)]
        return sorted(found, key=lambda each: each.id, reverse=True)[:limit]

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Offer | None:
        """See the port."""
        check_session(self._state, actor, now)
        found = next((each for each in self._state.offers.values() if each.record == record_id), None)
        there = found is not None and found.waits(now) and self._givable(actor, resource, record_id, now)
        return found if there else None

    async def get(self, actor: Actor, offer_id: str, now: datetime) -> Offer | None:
        """See the port."""
        check_session(self._state, actor, now)
        found = self._state.offers.get(offer_id)
        return found if found is not None and found.waits(now) and found.recipient == actor.account else None

    async def put(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        check_session(self._state, actor, now)
        facts = self._facts(offer.resource, offer.record, now)
        if facts is None or not may_offer(actor, facts, offer):
            raise _changed()
        for earlier in [each.id for each in self._state.offers.values() if each.record == offer.record]:
            del self._state.offers[earlier]
        self._state.offers[offer.id] = offer

    async def withdraw(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        check_session(self._state, actor, now)
        if offer.id not in self._state.offers or not self._givable(actor, offer.resource, offer.record, now):
            raise _changed()
        del self._state.offers[offer.id]

    async def decline(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        if await self.get(actor, offer.id, now) is None:
            raise _changed()
        del self._state.offers[offer.id]

    async def accept(self, actor: Actor, offer: Offer, record: Record, now: datetime) -> None:
        """See the port."""
        found = await self.get(actor, offer.id, now)
        if found is None or not self._givable(Actor(offer.giver), offer.resource, offer.record, now):
            raise _changed()
        self._state.at(self._specification, now).hand_over(found)

    def _givable(self, actor: Actor, resource: str, record_id: str, now: datetime) -> bool:
        facts = self._facts(resource, record_id, now)
        return facts is not None and may("transfer", actor, facts).allowed


class MemoryWork:
    """The `Work` port: a private copy, put in place at commit."""

    def __init__(self, store: "MemoryStore") -> None:
        """Copy the committed state."""
        self._store = store
        self._state = store.state.copy()
        self.records = MemoryRecords(store.specification, self._state)
        self.accounts = MemoryAccounts(self._state.identity)
        self.sessions = MemorySessions(self._state.identity)
        self.second_factors = MemorySecondFactors(self._state.identity)
        self.api_keys = MemoryApiKeys(self._state.identity)
        self.audit = MemoryAudit(self._state.identity)
        self.signing_keys = MemorySigningKeys(self._state.identity)
        self.links = MemoryLinks(self._state.identity)
        self.letters = MemoryLetters(self._state.identity)
        self.invitations = MemoryInvitations(store.specification, self._state)
        self.transfers = MemoryTransfers(store.specification, self._state)
        self.idempotency_keys = MemoryIdempotencyKeys(self._state.identity)

    async def commit(self) -> None:
        """See the port."""
        self._store.state = self._state.copy()


class MemoryStore:
    """The `Store` port: one work at a time; readers see what is committed."""

    def __init__(self, specification: Specification) -> None:
        """Start empty."""
        self.specification = specification
        self.state = State(IdentityState(), {name: {} for name in specification.resources})
        self._writing = asyncio.Lock()
        self._alone: set[str] = set()
        self.plain = None

    @property
    def records(self) -> MemoryRecords:
        """See the port."""
        return MemoryRecords(self.specification, self.state)

    @property
    def accounts(self) -> MemoryAccounts:
        """See the port."""
        return MemoryAccounts(self.state.identity)

    @property
    def sessions(self) -> MemorySessions:
        """See the port."""
        return MemorySessions(self.state.identity)

    @property
    def letters(self) -> MemoryLetters:
        """See the port."""
        return MemoryLetters(self.state.identity)

    @property
    def invitations(self) -> MemoryInvitations:
        """See the port."""
        return MemoryInvitations(self.specification, self.state)

    @property
    def transfers(self) -> MemoryTransfers:
        """See the port."""
        return MemoryTransfers(self.specification, self.state)

    @property
    def second_factors(self) -> MemorySecondFactors:
        """See the port."""
        return MemorySecondFactors(self.state.identity)

    @property
    def api_keys(self) -> MemoryApiKeys:
        """See the port."""
        return MemoryApiKeys(self.state.identity)

    @property
    def audit(self) -> MemoryAudit:
        """See the port."""
        return MemoryAudit(self.state.identity)

    @asynccontextmanager
    async def work(self, alone: str | None = None) -> AsyncIterator[MemoryWork]:
        """See the port."""
        if alone in self._alone:
            raise in_progress()
        names = set() if alone is None else {alone}
        self._alone |= names
        try:
            async with self._writing:
                yield MemoryWork(self)
        finally:
            self._alone -= names

    @asynccontextmanager
    async def instant(self) -> AsyncIterator[MemoryWork]:
        """See the port."""
        yield MemoryWork(self)

    async def ready(self) -> bool:
        """See the port."""
        return True

    async def close(self) -> None:
        """See the port."""


def check_session(state: State, actor: Actor, now: datetime) -> None:
    """Raises `NotAuthenticated` where the actor's session has ended."""
    if actor.session is None:
        return
    session = state.identity.sessions.get(actor.session)
    if session is None or session.account != actor.account or not session.alive(now):
        raise NotAuthenticated


def _changed() -> Conflict:
    return Conflict("The record, or one that it hangs on, has changed in the meantime.", code="changed")


def _passes(asked: Filter, actor: Actor, facts: Facts) -> bool:
    return passes(asked.operator, seen(asked.field, actor, facts), asked.values)


def _compare(left: tuple[Any, ...], right: tuple[Any, ...], order: tuple[Sort, ...]) -> int:
    for a, b, key in zip(left, right, order, strict=True):
        if a == b:
            continue
        less = a is None or (b is not None and a < b)
        return -1 if less != key.descending else 1
    return 0
