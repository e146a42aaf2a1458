"""The `Invitations` port over a connection. What depends on a record's rules is `statements.py`'s."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, delete, or_, select
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import InvitationRow, table_of
from adapters.persistence.sql.connection import Connection, Prepared, Principal, Row, param
from adapters.persistence.sql.dialects import INSTANT, UUID
from adapters.persistence.sql.identity import instant, session_alive, updating
from adapters.persistence.sql.records import SqlRecords, caller_of, changed, principal
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.views import stored_time
from domain.invitation import Invitation
from domain.ownership import Actor

_INVITATIONS = table_of(InvitationRow)


class InvitationStatements:
    """Statements on the table alone, the same for every specification."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""
        now, session = param("now", INSTANT), param("session", UUID)
        alive = or_(session.is_(None), session_alive(session, now))
        waits, mine = _INVITATIONS.c.ends_at > now, _INVITATIONS.c.account == param("me", UUID)
        newest = select(_INVITATIONS).where(mine, waits, alive).order_by(_INVITATIONS.c.id.desc())
        self.waiting = Prepared(newest.limit(param("limit", Integer())), dialect)
        own = or_(mine, _INVITATIONS.c.hash == param("token_hash", _INVITATIONS.c.hash.type))
        this: ColumnElement[bool] = and_(_INVITATIONS.c.id == param("invitation", UUID), own, waits, alive)
        answering = Principal("me", ("token_hash",))
        self.get = Prepared(select(_INVITATIONS).where(this), dialect, principal=answering)
        self.answer = Prepared(delete(_INVITATIONS).where(this), dialect, principal=answering)
        # by the service itself, of one invitation or address at a time
        sealed = updating(_INVITATIONS, "hash").where(waits)
        self.seal = Prepared(sealed, dialect, principal=Principal(presented=("key",), service="mail"))
        nobodys = and_(_INVITATIONS.c.email == param("email"), _INVITATIONS.c.account.is_(None))
        proven = _INVITATIONS.update().where(nobodys).values(account=param("account", UUID))
        self.prove = Prepared(proven, dialect, principal=Principal(presented=("email",), service="mail"))


class SqlInvitations:
    """The `Invitations` port."""

    def __init__(
        self, statements: Statements, invitations: InvitationStatements, records: SqlRecords, connection: Connection
    ) -> None:
        """Run on this connection, on which the records are, too."""
        self._statements = statements
        self._invitations = invitations
        self._records = records
        self._connection = connection

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Invitation]:
        """See the port."""
        return await self._found(self._invitations.waiting, actor, now, limit=limit)

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Invitation]:
        """See the port."""
        return await self._found(self._statements.invitations(resource, caller_of(actor)), actor, now, id=record_id)

    async def get(self, actor: Actor, invitation_id: str, token_hash: str | None, now: datetime) -> Invitation | None:
        """See the port."""
        asked = {"invitation": invitation_id, "token_hash": token_hash}
        return next(iter(await self._found(self._invitations.get, actor, now, **asked)), None)

    async def _found(self, prepared: Prepared, actor: Actor, now: datetime, **asked: Any) -> list[Invitation]:
        values = principal(actor, now) | asked
        rows = await self._connection.rows(prepared, values)
        if not rows:
            await self._records.check_session(actor, values)
        return [_invitation(row) for row in rows]

    async def put(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """See the port."""
        clearing, adding = self._statements.invite(invitation.resource, caller_of(actor))
        values = {
            "id": invitation.id,
            "resource": invitation.resource,
            "record": invitation.record,
            "email": invitation.email,
            "role": invitation.role,
            "inviter": invitation.inviter,
            "created_at": stored_time(invitation.created_at),
            "ends_at": stored_time(invitation.ends_at),
            "expires_at": None if invitation.expires_at is None else stored_time(invitation.expires_at),
            "account": invitation.account,
            "hash": invitation.hash,
        }
        values |= principal(actor, now)
        await self._records.run(clearing, values)
        await self._touch(adding, actor, values)

    async def answer(self, actor: Actor, invitation: Invitation, token_hash: str | None, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"invitation": invitation.id, "token_hash": token_hash}
        await self._touch(self._invitations.answer, actor, values)

    async def withdraw(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"invitation": invitation.id, "record": invitation.record}
        await self._touch(self._statements.withdraw(invitation.resource, caller_of(actor)), actor, values)

    async def prove(self, email: str, account: str) -> None:
        """See the port."""
        await self._connection.run(self._invitations.prove, {"email": email, "account": account})

    async def seal(self, invitation_id: str, token_hash: str, now: datetime) -> bool:
        """See the port."""
        values = {"key": invitation_id, "hash": token_hash, "now": stored_time(now)}
        return await self._connection.run(self._invitations.seal, values) == 1

    async def _touch(self, prepared: Prepared, actor: Actor, values: dict[str, Any]) -> None:
        """Write one row. Raises `Conflict` where that is not done."""
        if await self._records.run(prepared, values) != 1:
            await self._records.check_session(actor, values)
            raise changed()


def _invitation(row: Row) -> Invitation:
    invitation_id, resource, record, email, role, inviter, created_at, ends_at, expires_at, account, token_hash = row
    ends = None if expires_at is None else instant(expires_at)
    made, until = instant(created_at), instant(ends_at)
    return Invitation(invitation_id, resource, record, email, role, inviter, made, until, ends, account, token_hash)
