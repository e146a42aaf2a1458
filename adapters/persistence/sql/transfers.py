"""The `Transfers` port over a connection. What depends on a record's rules is `statements.py`'s."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, delete, or_, select
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import OfferRow, table_of
from adapters.persistence.sql.connection import Connection, Prepared, Row, param
from adapters.persistence.sql.dialects import INSTANT, UUID
from adapters.persistence.sql.identity import instant, session_alive
from adapters.persistence.sql.records import SqlRecords, caller_of, changed, principal
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.views import stored_time
from domain.offer import Offer
from domain.ownership import Actor
from domain.record import Record

_OFFERS = table_of(OfferRow)


class TransferStatements:
    """Statements on the table alone, the same for every specification."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""
        now, session = param("now", INSTANT), param("session", UUID)
        alive = or_(session.is_(None), session_alive(session, now))
        mine = and_(_OFFERS.c.recipient == param("me", UUID), _OFFERS.c.ends_at > now, alive)
        newest = select(_OFFERS).where(mine).order_by(_OFFERS.c.id.desc()).limit(param("limit", Integer()))
        self.waiting = Prepared(newest, dialect)
        this = and_(_OFFERS.c.id == param("offer", UUID), mine)
        self.get = Prepared(select(_OFFERS).where(this), dialect)
        self.decline = Prepared(delete(_OFFERS).where(this), dialect)


class SqlTransfers:
    """The `Transfers` port."""

    def __init__(
        self, statements: Statements, transfers: TransferStatements, records: SqlRecords, connection: Connection
    ) -> None:
        """Run on this connection, on which the records are, too."""
        self._statements = statements
        self._transfers = transfers
        self._records = records
        self._connection = connection

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Offer]:
        """See the port."""
        return await self._found(self._transfers.waiting, actor, now, limit=limit)

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Offer | None:
        """See the port."""
        prepared = self._statements.offer_of(resource, caller_of(actor))
        return next(iter(await self._found(prepared, actor, now, id=record_id)), None)

    async def get(self, actor: Actor, offer_id: str, now: datetime) -> Offer | None:
        """See the port."""
        return next(iter(await self._found(self._transfers.get, actor, now, offer=offer_id)), None)

    async def _found(self, prepared: Prepared, actor: Actor, now: datetime, **asked: Any) -> list[Offer]:
        values = principal(actor, now) | asked
        rows = await self._connection.rows(prepared, values)
        if not rows:
            await self._records.check_session(actor, values)
        return [_offer(row) for row in rows]

    async def put(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        clearing, adding = self._statements.put_offer(offer.resource, caller_of(actor))
        values = principal(actor, now) | {
            "id": offer.id,
            "resource": offer.resource,
            "record": offer.record,
            "giver": offer.giver,
            "recipient": offer.recipient,
            "created_at": stored_time(offer.created_at),
            "ends_at": stored_time(offer.ends_at),
        }
        await self._records.run(clearing, values)
        await self._touch(adding, actor, values)

    async def withdraw(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"offer": offer.id, "record": offer.record}
        await self._touch(self._statements.withdraw_offer(offer.resource, caller_of(actor)), actor, values)

    async def decline(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """See the port."""
        await self._touch(self._transfers.decline, actor, principal(actor, now) | {"offer": offer.id})

    async def accept(self, actor: Actor, offer: Offer, record: Record, now: datetime) -> None:
        """See the port."""
        await self._records.check_session(actor, principal(actor, now))
        first, *others = self._statements.hand_over(offer.resource)
        values = principal(Actor(offer.giver), now) | {
            "id": record.id,
            "offer": offer.id,
            "recipient": actor.account,
            "was_owner": record.owner,
        }
        if await self._records.run(first, values) != 1:
            raise changed()
        for prepared in others:
            await self._records.run(prepared, values)
        for resource in (offer.resource, *self._statements.below(offer.resource)):
            await self._records.check_limit(resource, str(actor.account))

    async def _touch(self, prepared: Prepared, actor: Actor, values: dict[str, Any]) -> None:
        """Write one row. Raises `Conflict` where that is not done."""
        if await self._records.run(prepared, values) != 1:
            await self._records.check_session(actor, values)
            raise changed()


def _offer(row: Row) -> Offer:
    offer_id, resource, record, giver, recipient, created_at, ends_at = row
    return Offer(offer_id, resource, record, giver, recipient, instant(created_at), instant(ends_at))
