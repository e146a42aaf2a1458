"""Answers to writes that are done once: their port over a connection."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, and_, delete, func, or_, select
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import IdempotencyKeyRow, table_of
from adapters.persistence.sql.connection import Broken, Connection, Prepared, Principal, param
from adapters.persistence.sql.dialects import INSTANT, UUID
from adapters.persistence.sql.identity import inserting, session_alive
from adapters.persistence.sql.records import principal
from adapters.persistence.sql.views import stored_time
from domain.errors import in_progress
from domain.ownership import Actor

_KEYS = table_of(IdempotencyKeyRow)


class IdempotencyStatements:
    """Every statement of this file, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""
        session, now = param("session", UUID), param("now", INSTANT)
        alive = or_(session.is_(None), session_alive(session, now))
        mine = _KEYS.c.account.is_not_distinct_from(param("me", UUID))
        named = and_(_KEYS.c.hash == param("name"), mine)
        kept = select(_KEYS.c.answer_sealed).where(named, _KEYS.c.expires_at > now, alive)
        self.find = Prepared(kept, dialect)
        self.forget = Prepared(delete(_KEYS).where(named, _KEYS.c.expires_at <= now), dialect)
        self.keep = Prepared(inserting(_KEYS), dialect)
        expired = select(_KEYS.c.hash).where(_KEYS.c.expires_at <= now).order_by(_KEYS.c.expires_at)
        some = expired.limit(param("most", Integer()))
        self.clean = Prepared(delete(_KEYS).where(_KEYS.c.hash.in_(some)), dialect, principal=Principal(service="keys"))
        self.claim = Prepared(
            select(func.pg_try_advisory_xact_lock(param("number", BigInteger()))), dialect, principal=Principal()
        )
        """of PostgreSQL: a lock until the transaction ends, or False"""


class SqlIdempotencyKeys:
    """The `IdempotencyKeys` port."""

    def __init__(self, statements: IdempotencyStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def find(self, actor: Actor, name: str, now: datetime) -> str | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.find, principal(actor, now) | {"name": name})
        return str(rows[0][0]) if rows else None

    async def keep(self, actor: Actor, name: str, sealed: str, until: datetime, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"name": name, "hash": name, "account": actor.account}
        await self._connection.run(self._statements.forget, values)
        values |= {"answer_sealed": sealed, "expires_at": stored_time(until)}
        try:
            await self._connection.run(self._statements.keep, values)
        except Broken as error:
            raise in_progress() from error

    async def clean(self, now: datetime, most: int) -> int:
        """See the port."""
        return await self._connection.run(self._statements.clean, {"now": stored_time(now), "most": most})
