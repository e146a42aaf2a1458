"""Members: who holds which role on a record, for how long, and who may give or take it."""

from collections.abc import Sequence
from datetime import datetime

from application.ports import Clock, Store, Work
from application.records import RecordUseCases
from application.units import unit
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotAuthenticated, NotFound
from domain.judging import sharing_cap
from domain.membership import Membership, longest, within
from domain.ownership import Actor, Facts
from domain.specification.model import Ladder, Links


class SharingUseCases:
    """What a caller may do with the members of a record whose resource has roles."""

    def __init__(self, records: RecordUseCases, store: Store, clock: Clock) -> None:
        """Share the records' knowledge of what an anonymous caller could ever do."""
        self._records = records
        self._store = store
        self._clock = clock

    def admit_sharer(self, actor: Actor, resource: str) -> None:
        """Turn away an anonymous caller where none could ever share (`NotAuthenticated`)."""
        self._records.admit(actor, resource, "share")

    async def list(self, actor: Actor, resource: str, record_id: str) -> Sequence[Membership]:
        """The live memberships that the actor may see: its own, and with `members` all. Raises `NotFound`."""
        self._records.admit(actor, resource, "members")
        await self._records.refuse_link(actor, resource, record_id)
        found = await self._store.records.members(actor, resource, record_id, self._clock.now())
        if found is None:
            raise NotFound
        return found

    async def add(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        account: str,
        role: str,
        expires_at: datetime | None,
        within: Work | None = None,
    ) -> Membership:
        """Give an account a role. Raises `Forbidden` above the actor's cap, `Conflict` for a present member."""
        self.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            facts, ladder = await self.opened(work, actor, resource, record_id, now)
            within_cap(ladder, role, sharing_cap(actor, facts))
            ends = ending(ladder, expires_at, now)
            if await work.accounts.get(account) is None:
                raise Invalid(errors=(FieldError("account", "not_found", "There is no such account."),))
            return await self._store_new(work, actor, facts, account, role, ends, now)

    async def join(self, actor: Actor, resource: str, record_id: str, within: Work | None = None) -> Membership:
        """Take the weakest role of a ladder with `join: open`. Raises `Invalid` where joining is not open."""
        await self._records.refuse_link(actor, resource, record_id)
        if actor.account is None:
            raise NotAuthenticated
        self.admit_sharer(actor, resource)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            facts, ladder = await self.opened(work, actor, resource, record_id, now)
            if not ladder.join_open:
                missing = ("account", "role")
                raise Invalid(errors=tuple(FieldError(n, "missing", "This field is required.") for n in missing))
            ends = longest(ladder, now)
            return await self._store_new(work, actor, facts, actor.account, ladder.weakest, ends, now)

    async def change(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        account: str,
        role: str | None,
        expires_at: datetime | None,
    ) -> Membership:
        """Change a membership's role or end; what is None stays. Present and new role must be within the cap."""
        self.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            facts, ladder = await self.opened(work, actor, resource, record_id, now)
            cap = sharing_cap(actor, facts)
            within_cap(ladder, role or ladder.weakest, cap)
            present = await work.records.membership(actor, resource, record_id, account, now)
            if present is None:
                raise NotFound
            within_cap(ladder, present.role, cap)
            ends = present.expires_at if expires_at is None else ending(ladder, expires_at, now)
            changed = Membership(resource, record_id, account, role or present.role, ends)
            await work.records.put_membership(actor, changed, now)
            await _note(work, "member_changed", actor, changed, now)
            await work.commit()
        return changed

    async def remove(self, actor: Actor, resource: str, record_id: str, account: str) -> None:
        """End a membership: one's own always (also where the record cannot be opened), another's within the cap.

        Invitations that would bring another back end, too, within the cap. Whoever leaves may still accept one.
        """
        self.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            if actor.account == account:
                present = await work.records.membership(actor, resource, record_id, account, now)
            else:
                present = await self._removable(work, actor, resource, record_id, account, now)
            if present is None:
                raise NotFound
            await work.records.end_membership(actor, present, now)
            kind = "member_left" if actor.account == account else "member_removed"
            await _note(work, kind, actor, present, now)
            await work.commit()

    async def _removable(
        self, work: Work, actor: Actor, resource: str, record_id: str, account: str, now: datetime
    ) -> Membership | None:
        """Another's membership that the actor may end; None where there is none."""
        facts, ladder = await self.opened(work, actor, resource, record_id, now)
        cap = sharing_cap(actor, facts)
        if cap is None:
            raise Forbidden
        present = await work.records.membership(actor, resource, record_id, account, now)
        if present is None:
            return None
        within_cap(ladder, present.role, cap)
        member = await work.accounts.get(account)
        for waiting in await work.invitations.on_record(actor, resource, record_id, now):
            theirs = waiting.account == account or (member is not None and waiting.email == member.email)
            if theirs and within(ladder, waiting.role, cap):
                await work.invitations.withdraw(actor, waiting, now)
        return present

    async def opened(
        self, work: Work, actor: Actor, resource: str, record_id: str, now: datetime
    ) -> tuple[Facts, Ladder]:
        """A record that the actor can open, held until the work ends, and its ladder. Raises `NotFound`."""
        facts = await work.records.load(actor, resource, record_id, now)
        if facts is None:
            raise NotFound
        ladder = facts.resource.ladder
        assert ladder is not None, "only resources with roles have members"
        return facts, ladder

    async def _store_new(
        self,
        work: Work,
        actor: Actor,
        facts: Facts,
        account: str,
        role: str,
        ends: datetime | None,
        now: datetime,
    ) -> Membership:
        record = facts.record
        if await work.records.membership(actor, record.resource, record.id, account, now) is not None:
            raise Conflict("This account is a member already.", code="already_a_member")
        membership = Membership(record.resource, record.id, account, role, ends)
        await work.records.put_membership(actor, membership, now)
        joined = actor.account == account
        await _note(work, "member_joined" if joined else "member_added", actor, membership, now)
        return membership


def acting_account(actor: Actor) -> str:
    """The actor's. Raises `NotAuthenticated` for nobody, `Forbidden` for the engine and for links, which have none."""
    if actor.engine or actor.link is not None:
        raise Forbidden("Only an account can do this.")
    if actor.account is None:
        raise NotAuthenticated
    return actor.account


def within_cap(ladder: Ladder, role: str, cap: str | None) -> None:
    """Raises `Invalid` for what is no role of the ladder, `Forbidden` above the cap."""
    if role not in ladder.roles:
        message = f"This must be one of {', '.join(ladder.roles)}."
        raise Invalid(errors=(FieldError("role", "not_one_of", message),))
    if not within(ladder, role, cap):
        raise Forbidden


def ending(given: Ladder | Links, asked: datetime | None, now: datetime) -> datetime | None:
    """The end of a membership or a link: as asked, at most the specification's; that where nothing is asked."""
    latest = longest(given, now)
    if asked is None:
        return latest
    if asked <= now:
        raise Invalid(errors=(FieldError("expires_at", "past", "This must lie in the future."),))
    if latest is not None and asked > latest:
        what = "Memberships" if isinstance(given, Ladder) else "Links"
        raise Invalid(errors=(FieldError("expires_at", "too_late", f"{what} here end earlier."),))
    return asked


async def _note(work: Work, kind: str, actor: Actor, membership: Membership, now: datetime) -> None:
    """In the log of whoever acts; and in that of the account whose role it is, which need not know who that was."""
    said = {"resource": membership.resource, "record": membership.record}
    await work.audit.add(Event.by(actor, kind, now, **said))
    if membership.account != actor.account:
        await work.audit.add(Event.of(kind, membership.account, now, **said, role=membership.role))
