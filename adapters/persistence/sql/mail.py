"""Links and the outbox: their ports over a connection."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, literal, select, update
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import LetterRow, LinkRow, table_of
from adapters.persistence.sql.connection import Connection, Prepared, Principal, Row, param
from adapters.persistence.sql.dialects import INSTANT
from adapters.persistence.sql.identity import inserting, instant, updating
from adapters.persistence.sql.views import stored_time
from domain.mail import LINKED, Kind, Letter, Link

_LINKS, _LETTERS = table_of(LinkRow), table_of(LetterRow)


class MailStatements:
    """Every statement of this file, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""

        def ready(statement: Any, principal: Principal) -> Prepared:
            return Prepared(statement, dialect, principal=principal)

        mail, shown, account = Principal(service="mail"), Principal(presented=("key",)), Principal("key")
        key: ColumnElement[Any] = param("key")
        now, until = param("now", INSTANT), param("until", INSTANT)
        self.add_link = ready(inserting(_LINKS), mail)
        self.link = ready(select(_LINKS).where(_LINKS.c.hash == key), shown)
        self.take_link = ready(delete(_LINKS).where(_LINKS.c.hash == key), shown)
        self.forget_links = ready(delete(_LINKS).where(_LINKS.c.account == key), account)
        self.clean_links = ready(delete(_LINKS).where(_LINKS.c.expires_at <= now), mail)
        due = select(_LETTERS.c.id).where(_LETTERS.c.due_at <= now).order_by(_LETTERS.c.due_at, _LETTERS.c.id).limit(1)
        self.waiting = ready(select(literal(1)).where(due.exists()), mail)
        first = due.with_for_update(skip_locked=True).scalar_subquery()
        claimed = update(_LETTERS).where(_LETTERS.c.id == first).values(due_at=until).returning(*_LETTERS.c)
        self.claim = ready(claimed, mail)
        self.add_letter = ready(inserting(_LETTERS), mail)
        self.save_letter = ready(updating(_LETTERS, "due_at", "attempts"), mail)
        self.remove_letter = ready(delete(_LETTERS).where(_LETTERS.c.id == key), mail)
        linked = _LETTERS.c.kind.in_([kind.value for kind in LINKED])
        self.forget_letters = ready(delete(_LETTERS).where(_LETTERS.c.account == key, linked), mail)


class SqlLinks:
    """The `Links` port."""

    def __init__(self, statements: MailStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def add(self, link: Link) -> None:
        """See the port."""
        values = {
            "hash": link.hash,
            "purpose": link.purpose.value,
            "email": link.email,
            "expires_at": stored_time(link.expires_at),
            "account": link.account,
            "password_hash": link.password_hash,
        }
        await self._connection.run(self._statements.add_link, values)

    async def get(self, token_hash: str) -> Link | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.link, {"key": token_hash})
        return _link(rows[0]) if rows else None

    async def take(self, token_hash: str) -> bool:
        """See the port."""
        return await self._connection.run(self._statements.take_link, {"key": token_hash}) == 1

    async def forget(self, account: str) -> None:
        """See the port."""
        await self._connection.run(self._statements.forget_links, {"key": account})

    async def clean(self, now: datetime) -> None:
        """See the port."""
        await self._connection.run(self._statements.clean_links, {"now": stored_time(now)})


class SqlLetters:
    """The `Letters` port."""

    def __init__(self, statements: MailStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def waiting(self, now: datetime) -> bool:
        """See the port."""
        return bool(await self._connection.rows(self._statements.waiting, {"now": stored_time(now)}))

    async def add(self, letter: Letter) -> None:
        """See the port."""
        values = {
            "id": letter.id,
            "kind": letter.kind.value,
            "email": letter.email,
            "created_at": stored_time(letter.created_at),
            "account": letter.account,
            "password_hash": letter.password_hash,
        }
        await self._connection.run(self._statements.add_letter, values | _changing(letter))

    async def claim(self, now: datetime, until: datetime) -> Letter | None:
        """See the port."""
        values = {"now": stored_time(now), "until": stored_time(until)}
        rows = await self._connection.rows(self._statements.claim, values)
        return _letter(rows[0]) if rows else None

    async def save(self, letter: Letter) -> None:
        """See the port."""
        await self._connection.run(self._statements.save_letter, {"key": letter.id} | _changing(letter))

    async def remove(self, letter_id: str) -> None:
        """See the port."""
        await self._connection.run(self._statements.remove_letter, {"key": letter_id})

    async def forget(self, account: str) -> None:
        """See the port."""
        await self._connection.run(self._statements.forget_letters, {"key": account})


def _changing(letter: Letter) -> dict[str, Any]:
    return {"due_at": stored_time(letter.due_at), "attempts": letter.attempts}


def _link(row: Row) -> Link:
    token_hash, purpose, email, expires_at, account, password_hash = row
    return Link(token_hash, Kind(purpose), email, instant(expires_at), account, password_hash)


def _letter(row: Row) -> Letter:
    letter_id, kind, email, created_at, due_at, account, password_hash, attempts = row
    made, due = instant(created_at), instant(due_at)
    return Letter(letter_id, Kind(kind), email, made, due, account, password_hash, attempts)
