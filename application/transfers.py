"""Handing over: a root record is offered to another account, and is that account's once it accepts.

Whoever offers learns nothing of whether there is such an account: nobody asks. The right to hand over is judged when
the offer is made, and again when it is accepted.
"""

from collections.abc import Sequence
from datetime import datetime

from application.ports import Clock, Ids, Store, Work
from application.records import LARGEST_LIMIT, RecordUseCases
from application.sharing import acting_account
from application.units import unit
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from domain.offer import Offer
from domain.ownership import Actor, Facts, may


class TransferUseCases:
    """What a caller may do with offers: of a record that it may hand over, and those that are made to itself."""

    def __init__(self, records: RecordUseCases, store: Store, clock: Clock, ids: Ids) -> None:
        """Take the ports, and what else is known of records."""
        self._records = records
        self._store = store
        self._clock = clock
        self._ids = ids

    # --- by who hands over ---------------------------------------------------------------

    async def admit_giver(self, actor: Actor, resource: str, record_id: str) -> None:
        """Turn away who could never hand over (`NotAuthenticated`, `Forbidden`, `NotFound`)."""
        self._records.admit(actor, resource, "transfer")
        await self._records.refuse_link(actor, resource, record_id)
        acting_account(actor)

    async def offer(
        self, actor: Actor, resource: str, record_id: str, account: str, within: Work | None = None
    ) -> Offer:
        """Offer a record, in place of an earlier offer. Raises `Invalid` for the owner, and for the actor itself."""
        await self.admit_giver(actor, resource, record_id)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            facts = await self._givable(work, actor, resource, record_id, now)
            if account in (actor.account, facts.record.owner):
                message = "This must be another account than your own and the owner's."
                raise Invalid(errors=(FieldError("account", "owner", message),))
            offer = Offer.of(self._ids.new(), resource, record_id, str(actor.account), account, now)
            await work.transfers.put(actor, offer, now)
            await _note(work, "transfer_offered", actor, offer, facts.record.owner, now)
        return offer

    async def offered(self, actor: Actor, resource: str, record_id: str) -> Offer | None:
        """The open offer of a record, if there is one. Raises `NotFound`, `Forbidden`."""
        await self.admit_giver(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            await self._givable(work, actor, resource, record_id, now)
            return await work.transfers.on_record(actor, resource, record_id, now)

    async def withdraw(self, actor: Actor, resource: str, record_id: str, offer_id: str) -> None:
        """End the open offer of a record. Raises `NotFound` also where it is another or none, `Forbidden`."""
        await self.admit_giver(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            facts = await self._givable(work, actor, resource, record_id, now)
            offer = await work.transfers.on_record(actor, resource, record_id, now)
            if offer is None or offer.id != offer_id:
                raise NotFound
            await work.transfers.withdraw(actor, offer, now)
            await _note(work, "transfer_withdrawn", actor, offer, facts.record.owner, now)
            await work.commit()

    async def _givable(self, work: Work, actor: Actor, resource: str, record_id: str, now: datetime) -> Facts:
        facts = await work.records.load(actor, resource, record_id, now)
        if facts is None:
            raise NotFound
        if not may("transfer", actor, facts):
            raise Forbidden
        return facts

    # --- by whom it is offered to --------------------------------------------------------

    async def waiting(self, actor: Actor) -> Sequence[Offer]:
        """The newest offers to the actor's account, of what its key is for. Raises `NotAuthenticated`."""
        acting_account(actor)
        found = await self._store.transfers.waiting_for(actor, LARGEST_LIMIT, self._clock.now())
        return [each for each in found if self._served(each) and _covered(actor, each)]

    async def accept(self, actor: Actor, offer_id: str, within: Work | None = None) -> Offer:
        """Own the record and all below it, from now on.

        Raises `NotFound`; `Conflict`: `not_unique`, `limit_reached`, or `offer_lapsed` where the giver could not hand
        it over now, whatever the reason. That offer is gone then.
        """
        acting_account(actor)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            offer = await self._mine(work, actor, offer_id, now)
            by = Actor(offer.giver)
            giver = await work.accounts.get(offer.giver)
            facts = await work.records.load(by, offer.resource, offer.record, now)
            holds = giver is not None and not giver.disabled
            if holds and facts is not None and may("transfer", by, facts):
                await work.transfers.accept(actor, offer, facts.record, now)
                await _note(work, "transfer_accepted", actor, offer, facts.record.owner, now)
                return offer
            await work.transfers.decline(actor, offer, now)
        raise Conflict("This offer does not hold any more.", code="offer_lapsed")

    async def decline(self, actor: Actor, offer_id: str, within: Work | None = None) -> None:
        """End an offer that is made to the actor. Raises `NotFound`."""
        acting_account(actor)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            offer = await self._mine(work, actor, offer_id, now)
            await work.transfers.decline(actor, offer, now)
            await _note(work, "transfer_declined", actor, offer, offer.giver, now)

    async def _mine(self, work: Work, actor: Actor, offer_id: str, now: datetime) -> Offer:
        """Raises `NotFound` where it is not made to the actor, `Forbidden` (`out_of_scope`) for a key."""
        found = await work.transfers.get(actor, offer_id, now)
        if found is None or not self._served(found):
            raise NotFound
        self._records.admit(actor, found.resource, "transfer")
        return found

    def _served(self, offer: Offer) -> bool:
        """Whether the resource is (still) one whose records can be handed over."""
        resource = self._records.specification.resources.get(offer.resource)
        return resource is not None and bool(resource.rule("transfer"))


def _covered(actor: Actor, offer: Offer) -> bool:
    return actor.key is None or actor.key.covers(offer.resource, "transfer")


async def _note(work: Work, kind: str, actor: Actor, offer: Offer, owner: str, now: datetime) -> None:
    """In the log of whoever acts; in the giver's and the former owner's, who need not know who that was."""
    said = {"resource": offer.resource, "record": offer.record}
    await work.audit.add(Event.by(actor, kind, now, **said))
    for other in dict.fromkeys((offer.giver, owner)):
        if other != actor.account:
            await work.audit.add(Event.of(kind, other, now, **said))
