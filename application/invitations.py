"""Invitations: a role on a record for an e-mail address, which waits until somebody who may answer it does.

What the inviter is told is the same whether or not there is an account with the address, and so is the work. Its right
to share is judged when it invites, and again when the invitation is accepted: the membership is given in its name.
"""

from collections.abc import Sequence
from datetime import datetime

from application.accounts import SignUp
from application.mailing import LONGEST_TOKEN, Mailing, token_hash
from application.ports import Clock, Ids, Store, Work
from application.records import LARGEST_LIMIT, RecordUseCases
from application.sessions import accepted
from application.sharing import SharingUseCases, acting_account, ending, within_cap
from application.throttles import Throttles
from application.units import unit
from domain.account import accept_email
from domain.audit import Event
from domain.errors import Conflict, Forbidden, NotFound
from domain.invitation import MOST_INVITATIONS, Invitation
from domain.judging import may_give, sharing_cap
from domain.mail import Kind
from domain.membership import Membership
from domain.ownership import Actor


class InvitationUseCases:
    """What a caller may do with invitations: those to a record that it shares, and those that wait for itself."""

    def __init__(
        self,
        records: RecordUseCases,
        sharing: SharingUseCases,
        store: Store,
        clock: Clock,
        ids: Ids,
        mailing: Mailing,
        throttles: Throttles,
        sign_up: SignUp,
    ) -> None:
        """Take the ports, what else is known of sharing, and how accounts come to their addresses."""
        self._records = records
        self._sharing = sharing
        self._store = store
        self._clock = clock
        self._ids = ids
        self._mailing = mailing
        self._throttles = throttles
        self._sign_up = sign_up

    # --- by who shares -------------------------------------------------------------------

    async def invite(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        email: str,
        role: str,
        expires_at: datetime | None,
        within: Work | None = None,
    ) -> Invitation:
        """Have a role wait for an address, in place of an earlier invitation; a letter goes there where mail is on.

        Raises `Forbidden` above the actor's cap, `Conflict` (code `too_many_invitations`), `Invalid`,
        `TooManyRequests`.
        """
        self._sharing.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        inviter = acting_account(actor)
        (email,) = accepted(email=(accept_email, email))
        await self._throttles.inviting(actor, email)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            facts, ladder = await self._sharing.opened(work, actor, resource, record_id, now)
            cap = sharing_cap(actor, facts)
            within_cap(ladder, role, cap)
            if expires_at is not None:
                ending(ladder, expires_at, now)
            waiting = await work.invitations.on_record(actor, resource, record_id, now)
            earlier = [each for each in waiting if each.email == email]
            for each in earlier:
                within_cap(ladder, each.role, cap)
            if len(waiting) - len(earlier) >= MOST_INVITATIONS:
                raise Conflict("Too many invitations wait here already.", code="too_many_invitations")
            account = await self._named(work, email)
            invitation = Invitation.of(
                self._ids.new(), resource, record_id, email, role, inviter, now, expires_at, account
            )
            await work.invitations.put(actor, invitation, now)
            await self._mailing.post(work, Kind.SHARED, email, now, letter_id=invitation.id)
            await _note(work, "invitation_made", actor, invitation, now)
        return invitation

    async def list(self, actor: Actor, resource: str, record_id: str) -> Sequence[Invitation]:
        """Those that wait on a record that the actor may share, newest first. Raises `NotFound`, `Forbidden`."""
        self._sharing.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            facts, _ = await self._sharing.opened(work, actor, resource, record_id, now)
            if sharing_cap(actor, facts) is None:
                raise Forbidden
            return await work.invitations.on_record(actor, resource, record_id, now)

    async def withdraw(self, actor: Actor, resource: str, record_id: str, invitation_id: str) -> None:
        """End one of a record, within the actor's cap. Raises `NotFound`, `Forbidden`."""
        self._sharing.admit_sharer(actor, resource)
        await self._records.refuse_link(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            facts, ladder = await self._sharing.opened(work, actor, resource, record_id, now)
            cap = sharing_cap(actor, facts)
            if cap is None:
                raise Forbidden
            waiting = await work.invitations.on_record(actor, resource, record_id, now)
            invitation = next((each for each in waiting if each.id == invitation_id), None)
            if invitation is None:
                raise NotFound
            within_cap(ladder, invitation.role, cap)
            await work.invitations.withdraw(actor, invitation, now)
            await _note(work, "invitation_withdrawn", actor, invitation, now)
            await work.commit()

    async def _named(self, work: Work, email: str) -> str | None:
        """The account that is taken at its word to have an address; asked for in any case, so that time tells of none.

        Where people have proven their addresses to register, it is. Where they have not, but could read a letter, it
        is that which proves it. Where no letter goes out, nothing proves any address, and the word must do.
        """
        known = await work.accounts.by_email(email)
        taken = self._sign_up.proves or not self._mailing.on
        return known.id if known is not None and taken else None

    # --- by who is invited ---------------------------------------------------------------

    async def waiting(self, actor: Actor) -> Sequence[Invitation]:
        """The newest that wait for the actor's account, of what its key is for. Raises `NotAuthenticated`."""
        acting_account(actor)
        found = await self._store.invitations.waiting_for(actor, LARGEST_LIMIT, self._clock.now())
        return [each for each in found if self._served(each) and _covered(actor, each)]

    async def accept(
        self, actor: Actor, invitation_id: str, token: str | None = None, within: Work | None = None
    ) -> Membership:
        """Become a member. The token is that of the letter, for an account that the invitation is not for.

        Raises `NotFound`; `Conflict`: `already_a_member`, or `invitation_lapsed` where the inviter could not give this
        role now, whatever the reason. That invitation is gone then.
        """
        account, now = acting_account(actor), self._clock.now()
        async with unit(self._store, within) as work:
            invitation = await self._mine(work, actor, invitation_id, token, now)
            by = Actor(invitation.inviter)
            inviter = await work.accounts.get(invitation.inviter)
            facts = await work.records.load(by, invitation.resource, invitation.record, now)
            await work.invitations.answer(actor, invitation, _hashed(token), now)
            holds = inviter is not None and not inviter.disabled
            if holds and facts is not None and may_give(by, facts, invitation.role):
                ladder, record = facts.resource.ladder, facts.record
                assert ladder is not None, "a role that may be given is of a ladder"
                if await work.records.membership(actor, record.resource, record.id, account, now) is not None:
                    raise Conflict("This account is a member already.", code="already_a_member")
                membership = invitation.membership(ladder, account, now)
                await work.records.put_membership(by, membership, now)
                await _note(work, "invitation_accepted", actor, invitation, now)
                return membership
        raise Conflict("This invitation does not hold any more.", code="invitation_lapsed")

    async def decline(
        self, actor: Actor, invitation_id: str, token: str | None = None, within: Work | None = None
    ) -> None:
        """End an invitation that the actor could accept. Raises `NotFound`."""
        acting_account(actor)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            invitation = await self._mine(work, actor, invitation_id, token, now)
            await work.invitations.answer(actor, invitation, _hashed(token), now)
            await _note(work, "invitation_declined", actor, invitation, now)

    async def _mine(self, work: Work, actor: Actor, invitation_id: str, token: str | None, now: datetime) -> Invitation:
        """Raises `NotFound` where it is not the actor's to answer, `Forbidden` (`out_of_scope`) for a key."""
        found = await work.invitations.get(actor, invitation_id, _hashed(token), now)
        if found is None or not self._served(found):
            raise NotFound
        self._sharing.admit_sharer(actor, found.resource)
        return found

    def _served(self, invitation: Invitation) -> bool:
        """Whether the resource is (still) one whose records have members."""
        resource = self._records.specification.resources.get(invitation.resource)
        return resource is not None and resource.ladder is not None


def _covered(actor: Actor, invitation: Invitation) -> bool:
    return actor.key is None or actor.key.covers(invitation.resource, "share")


def _hashed(token: str | None) -> str | None:
    return None if token is None or len(token) > LONGEST_TOKEN else token_hash(token)


async def _note(work: Work, kind: str, actor: Actor, invitation: Invitation, now: datetime) -> None:
    """In the log of whoever acts; and in the inviter's, which need not know who that was."""
    said = {"resource": invitation.resource, "record": invitation.record, "role": invitation.role}
    await work.audit.add(Event.by(actor, kind, now, **said))
    if invitation.inviter != actor.account:
        await work.audit.add(Event.of(kind, invitation.inviter, now, **said))
