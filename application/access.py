"""What a caller may do with a record, and who else can; for the operator everything, for callers what they may know."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from application.ports import Clock, Filter, Instant, Query, Store, View
from application.records import RecordUseCases, total_order
from domain.abilities import Abilities, Able, reading
from domain.access import Holder, holders
from domain.errors import Forbidden, NotFound
from domain.outlook import MOST_TIES, Outlook
from domain.ownership import Actor, Facts, Untold, locked, locked_above, may
from domain.record import Record


@dataclass(frozen=True, slots=True)
class Access:
    """Who can do what with a record."""

    record: Record
    locked: bool
    """itself, or one above it"""
    holders: tuple[Holder, ...]
    emails: Mapping[str, str]
    """by account"""


class AccessUseCases:
    """Questions about rights on one record."""

    def __init__(self, records: RecordUseCases, store: Store, clock: Clock) -> None:
        """Share the records' knowledge of what an anonymous caller could ever do."""
        self._records = records
        self._store = store
        self._clock = clock
        self._able = Able(records.specification)

    async def mine(self, actor: Actor, resource: str, record_id: str) -> Abilities:
        """What the caller may do with the record right now. Raises `NotFound` where it cannot open it."""
        self._records.admit(actor, resource, "open")
        now = self._clock.now()
        async with self._store.instant() as stored:
            if actor.link is not None:
                return await self._by_link(stored, actor, resource, record_id, now)
            facts = await stored.records.load(actor, resource, record_id, now)
            if facts is None:
                raise NotFound
            blanks = self._able.blanks(actor, facts)
            new = [await stored.records.imagine(actor, blank, now) for blank in blanks]
            return self._able.of(actor, facts, new)

    async def others(self, actor: Actor, resource: str, record_id: str) -> tuple[Holder, ...]:
        """Who can do what with a record, as far as the caller can see what that comes from (`domain.outlook`).

        Raises `NotFound`, and `Forbidden` where the caller does not see the members: of the record, or where its
        resource has no roles of the nearest one above that has.
        """
        specification = self._records.specification
        shared = specification.shared(resource)
        assert shared is not None, "only what has roles, or hangs below what has, can be asked about"
        self._records.admit(actor, resource, "open")
        self._records.admit(actor, shared.name, "members")
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.instant() as stored:
            facts = await stored.records.load(actor, resource, record_id, now)
            if facts is None:
                raise NotFound
            above = next(at.record.id for at in facts.above() if at.record.resource == shared.name)
            members = await stored.records.load(actor, shared.name, above, now)
            if members is None or not may("members", actor, members):
                raise Forbidden
            shown = _Shown(stored, actor, now)
            told: tuple[Holder, ...] = ()
            wanting = True
            while wanting:
                world = Outlook(specification, now, shown)
                with suppress(Untold):
                    told = holders(Facts(world.record(resource, record_id), world), world)
                wanting = await shown.fetch()
            return told

    async def _by_link(self, stored: Instant, actor: Actor, resource: str, record_id: str, now: datetime) -> Abilities:
        """Who has a secret link opens and reads; its facts are not loaded, but what it sees is."""
        seen = await stored.records.view(actor, resource, record_id, now)
        if seen is None:
            raise NotFound
        this = Query(resource, (Filter("id", (record_id,)),), total_order(()), 1)
        page = await stored.records.page(actor, this, now)
        steps = self._records.specification.resources[resource].steps
        return reading(bool(page.items), (name for name in steps if name in seen))

    async def everybody(self, resource: str, record_id: str) -> Access:
        """For the operator: everything. Raises `NotFound`."""
        async with self._store.instant() as stored:
            found = await stored.records.census(resource, record_id, self._clock.now())
            if found is None:
                raise NotFound
            facts, world = found
            each = holders(facts, world)
            accounts = {facts.record.owner, *(holder.account for holder in each if holder.account is not None)}
            known = [await stored.accounts.get(account) for account in accounts]
            emails = {account.id: account.email for account in known if account is not None}
            return Access(facts.record, locked(facts) or locked_above(facts), each, emails)


class _Shown:
    """The `Source` of an outlook, fetched as it is asked for: the rules say what they need.

    What is not fetched yet is not shown. So rules are decided again until they ask for nothing more.
    """

    def __init__(self, stored: Instant, actor: Actor, now: datetime) -> None:
        """Nothing is known yet."""
        self._stored = stored
        self._actor = actor
        self._now = now
        self._known: dict[tuple[str, ...], Any] = {}
        self._wanted: set[tuple[str, ...]] = set()

    def view(self, resource: str, record_id: str) -> View | None:
        """See `Source`."""
        return cast(View | None, self._of("view", resource, record_id))

    def members(self, resource: str, record_id: str) -> Mapping[str, str]:
        """See `Source`."""
        return cast(Mapping[str, str], self._of("members", resource, record_id) or {})

    def tying(self, link: str, back: str, record_id: str) -> Sequence[View]:
        """See `Source`."""
        return cast(Sequence[View], self._of("tying", link, back, record_id) or ())

    def _of(self, *asked: str) -> Any:
        if asked not in self._known:
            self._wanted.add(asked)
        return self._known.get(asked)

    async def fetch(self) -> bool:
        """Whether something was asked for that was not known; now it is. A key sees no more here than elsewhere."""
        wanted, self._wanted = sorted(self._wanted), set()
        for what, resource, *rest in wanted:
            self._known[what, resource, *rest] = await self._fetch(what, resource, *rest)
        return bool(wanted)

    async def _fetch(self, what: str, resource: str, *rest: str) -> Any:
        records, actor, now = self._stored.records, self._actor, self._now
        if not actor.reaches(resource, {"view": "open", "members": "members", "tying": "read"}[what]):
            return None
        if what == "view":
            return await records.view(actor, resource, rest[0], now)
        if what == "members":
            members = await records.members(actor, resource, rest[0], now)
            return {each.account: each.role for each in members or ()}
        back, record_id = rest
        ties = Query(resource, (Filter(back, (record_id,)),), total_order(()), MOST_TIES)
        return (await records.page(actor, ties, now)).items
