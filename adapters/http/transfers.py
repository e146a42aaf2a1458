"""Handing over: offers of one resource's records, and those that are made to oneself."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from starlette.types import Receive, Scope

from adapters.http.auth import Body, Id, Instant
from adapters.http.idempotency import Idempotent
from adapters.http.members import AccountId
from adapters.http.messages import Answer, encode, read_object
from adapters.http.openapi import answering, of_caller
from adapters.http.records import Handler, record_id
from adapters.http.schemas import check
from application.ports import Work
from application.transfers import TransferUseCases
from domain.offer import Offer
from domain.ownership import Actor
from domain.specification.model import Resource, Specification
from domain.values import accept_id, instant_text


class TransferCreate(Body):
    """Whom the record is offered to."""

    account: AccountId


class TransferAnswer(BaseModel):
    """An offer; of the record nothing but that there is one. It counts for 30 days."""

    id: Id
    resource: str
    record: Id
    created_at: Instant


class SentTransferAnswer(TransferAnswer):
    """An offer, as who made it sees it."""

    account: Id


class SentTransferAnswerList(BaseModel):
    """The open offer of a record, or nothing."""

    items: list[SentTransferAnswer]


class TransferAnswerList(BaseModel):
    """What is offered to me: the newest, 200 at most."""

    items: list[TransferAnswer]


TRANSFER_ANSWERS: list[type[BaseModel]] = [
    *(TransferCreate, TransferAnswer, SentTransferAnswer),
    *(TransferAnswerList, SentTransferAnswerList),
]


class OfferHandlers:
    """What the routes of offering one resource's records do."""

    def __init__(
        self, specification: Specification, resource: Resource, transfers: TransferUseCases, idempotent: Idempotent
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._transfers = transfers
        self._idempotent = idempotent
        above = f"/v{specification.major}/{resource.plural}/{{id}}"
        self.path, self.offers = f"{above}/transfer", f"{above}/offers"

    async def offer(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Offer a record."""
        await self._transfers.admit_giver(actor, self._name, record_id(scope))
        body = await read_object(scope, receive)
        check(TransferCreate, body)

        async def write(within: Work | None) -> Answer:
            account = accept_id(body["account"])
            offer = await self._transfers.offer(actor, self._name, record_id(scope), account, within)
            return Answer(202, encode(_sent(offer)))

        return await self._idempotent(actor, scope, body, write)

    async def offered(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer the open offer of a record."""
        found = await self._transfers.offered(actor, self._name, record_id(scope))
        return Answer(200, encode({"items": [] if found is None else [_sent(found)]}))

    async def withdraw(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """End it."""
        offer = str(scope["path_params"]["offer"]).lower()
        await self._transfers.withdraw(actor, self._name, record_id(scope), offer)
        return Answer(204)


class TakingHandlers:
    """What the routes of what is offered to oneself do."""

    def __init__(self, specification: Specification, transfers: TransferUseCases, idempotent: Idempotent) -> None:
        """Resolve everything that is the same for each request."""
        self._transfers = transfers
        self._idempotent = idempotent
        self._path = f"/v{specification.major}/transfers"

    def routes(self) -> Iterator[tuple[str, str, Handler, dict[str, Any]]]:
        """Method, path, handler, and what OpenAPI says."""
        yield "GET", self._path, self._list, of_caller("list_transfers", "What is offered to me", TransferAnswerList)
        one, tag = f"{self._path}/{{id}}", "transfers"
        said = answering("accept_transfer", "Own the record from now on", tag, TransferAnswer)
        yield "POST", f"{one}/accept", self._accept, said
        said = answering("decline_transfer", "Decline an offer", tag, None)
        yield "POST", f"{one}/decline", self._decline, said

    async def _list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer what is offered to the caller."""
        found = await self._transfers.waiting(actor)
        return Answer(200, encode({"items": [_received(each) for each in found]}))

    async def _accept(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Own the record."""

        async def write(within: Work | None) -> Answer:
            return Answer(200, encode(_received(await self._transfers.accept(actor, record_id(scope), within))))

        return await self._idempotent(actor, scope, {}, write)

    async def _decline(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Do without."""

        async def write(within: Work | None) -> Answer:
            await self._transfers.decline(actor, record_id(scope), within)
            return Answer(204)

        return await self._idempotent(actor, scope, {}, write)


def _received(offer: Offer) -> dict[str, Any]:
    made = instant_text(offer.created_at)
    return {"id": offer.id, "resource": offer.resource, "record": offer.record, "created_at": made}


def _sent(offer: Offer) -> dict[str, Any]:
    return _received(offer) | {"account": offer.recipient}
