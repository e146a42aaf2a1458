"""Accounts, sessions, audit and signing keys over a connection."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, exists, insert, literal, select, update
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import (
    AccountRow,
    AuditRow,
    RefreshTokenRow,
    SessionRow,
    SigningKeyRow,
)
from adapters.persistence.sql.connection import Broken, Connection, Prepared
from adapters.persistence.sql.views import stored_time
from domain.account import Account
from domain.audit import Event
from domain.errors import Conflict
from domain.session import RefreshToken, Session

ACCOUNTS: Table = AccountRow.__table__  # type: ignore[attr-defined]
SESSIONS: Table = SessionRow.__table__  # type: ignore[attr-defined]
TOKENS: Table = RefreshTokenRow.__table__  # type: ignore[attr-defined]
AUDIT: Table = AuditRow.__table__  # type: ignore[attr-defined]
KEYS: Table = SigningKeyRow.__table__  # type: ignore[attr-defined]


def session_alive(session: ColumnElement[str], account: ColumnElement[str], now: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a session of the account counts at an instant: the condition that every record statement carries."""
    return exists(
        select(literal(1))
        .select_from(SESSIONS)
        .where(
            SESSIONS.c.id == session,
            SESSIONS.c.account == account,
            SESSIONS.c.revoked_at.is_(None),
            SESSIONS.c.ends_at > now,
        )
        .correlate_except(SESSIONS)
    )


def alive_statement() -> Select[Any]:
    """One row where the caller's session counts."""
    alive = session_alive(bindparam("session"), bindparam("me"), bindparam("now"))
    return select(literal(1)).where(alive)


def staff_statement() -> Select[Any]:
    """The caller's staff role."""
    return select(ACCOUNTS.c.staff).where(ACCOUNTS.c.id == bindparam("me"))


class IdentityStatements:
    """The statements of this module, prepared once."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""

        def prepare(statement: Any) -> Prepared:
            return Prepared(statement, dialect)

        def put(table: Table, *left_out: str) -> Prepared:
            return prepare(insert(table).values({c.name: bindparam(c.name) for c in table.c if c.name not in left_out}))

        def save(table: Table, key: str, *names: str) -> Prepared:
            changed = {name: bindparam(f"new_{name}") for name in names}
            return prepare(update(table).values(changed).where(table.c[key] == bindparam("key")))

        def find(table: Table, name: str) -> Prepared:
            return prepare(select(*table.c).where(table.c[name] == bindparam("key")))

        self.ready = prepare(select(literal(1)).select_from(ACCOUNTS).limit(1))
        self.account, self.account_by_email = find(ACCOUNTS, "id"), find(ACCOUNTS, "email")
        self.add_account = put(ACCOUNTS)
        self.save_account = save(ACCOUNTS, "id", "email", "password_hash", "staff", "disabled")
        self.session = find(SESSIONS, "id")
        newest = (SESSIONS.c.created_at.desc(), SESSIONS.c.id.desc())
        self.sessions = prepare(select(*SESSIONS.c).where(SESSIONS.c.account == bindparam("key")).order_by(*newest))
        self.add_session = put(SESSIONS)
        self.save_session = save(SESSIONS, "id", "last_used_at", "ends_at", "revoked_at")
        self.token, self.add_token = find(TOKENS, "hash"), put(TOKENS)
        self.save_token = save(TOKENS, "hash", "used_at", "successor", "concealed")
        self.add_event = put(AUDIT, "id")
        own = select(AUDIT.c.kind, AUDIT.c.account, AUDIT.c.at, AUDIT.c.data).where(AUDIT.c.account == bindparam("key"))
        self.events = prepare(own.order_by(AUDIT.c.id.desc()).limit(bindparam("limit")))
        self.keys = prepare(select(KEYS.c.kid, KEYS.c.sealed).order_by(KEYS.c.created_at.desc()))
        self.add_key = put(KEYS)


class SqlAccounts:
    """The `Accounts` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on one connection."""
        self._statements = statements
        self._connection = connection

    async def get(self, account_id: str) -> Account | None:
        """See the port."""
        return self._one(await self._connection.rows(self._statements.account, {"key": account_id}))

    async def by_email(self, email: str) -> Account | None:
        """See the port."""
        return self._one(await self._connection.rows(self._statements.account_by_email, {"key": email}))

    async def add(self, account: Account) -> None:
        """See the port."""
        values = {"id": account.id, "created_at": stored_time(account.created_at)}
        await self._run(self._statements.add_account, values | _account_values(account))

    async def save(self, account: Account) -> None:
        """See the port."""
        changed = {f"new_{name}": value for name, value in _account_values(account).items()}
        await self._run(self._statements.save_account, {"key": account.id} | changed)

    async def _run(self, prepared: Prepared, values: Mapping[str, Any]) -> None:
        try:
            await self._connection.run(prepared, values)
        except Broken as error:
            raise Conflict("This address has an account already.", code="email_taken") from error

    def _one(self, rows: list[tuple[Any, ...]]) -> Account | None:
        for account_id, email, password_hash, staff, disabled, created_at in rows:
            created = datetime.fromisoformat(created_at)
            return Account(account_id, email, password_hash, created, staff, bool(disabled))
        return None


def _account_values(account: Account) -> dict[str, Any]:
    return {
        "email": account.email,
        "password_hash": account.password_hash,
        "staff": account.staff,
        "disabled": int(account.disabled),
    }


class SqlSessions:
    """The `Sessions` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on one connection."""
        self._statements = statements
        self._connection = connection

    async def get(self, session_id: str) -> Session | None:
        """See the port."""
        found = [_session(row) for row in await self._connection.rows(self._statements.session, {"key": session_id})]
        return found[0] if found else None

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """See the port."""
        return [_session(row) for row in await self._connection.rows(self._statements.sessions, {"key": account_id})]

    async def add(self, session: Session) -> None:
        """See the port."""
        values = {
            "id": session.id,
            "account": session.account,
            "created_at": stored_time(session.created_at),
            "device": session.device,
            "address": session.address,
        }
        await self._connection.run(self._statements.add_session, values | _session_values(session))

    async def save(self, session: Session) -> None:
        """See the port."""
        changed = {f"new_{name}": value for name, value in _session_values(session).items()}
        await self._connection.run(self._statements.save_session, {"key": session.id} | changed)

    async def token(self, token_hash: str) -> RefreshToken | None:
        """See the port."""
        for row in await self._connection.rows(self._statements.token, {"key": token_hash}):
            found_hash, session, created_at, used_at, successor, concealed = row
            created = datetime.fromisoformat(created_at)
            return RefreshToken(found_hash, session, created, _instant(used_at), successor, concealed)
        return None

    async def add_token(self, token: RefreshToken) -> None:
        """See the port."""
        values = {"hash": token.hash, "session": token.session, "created_at": stored_time(token.created_at)}
        await self._connection.run(self._statements.add_token, values | _token_values(token))

    async def save_token(self, token: RefreshToken) -> None:
        """See the port."""
        changed = {f"new_{name}": value for name, value in _token_values(token).items()}
        await self._connection.run(self._statements.save_token, {"key": token.hash} | changed)


def _session(row: tuple[Any, ...]) -> Session:
    session_id, account, created_at, last_used_at, _, revoked_at, device, address = row
    created, used = datetime.fromisoformat(created_at), datetime.fromisoformat(last_used_at)
    return Session(session_id, account, created, used, device, address, _instant(revoked_at))


def _session_values(session: Session) -> dict[str, Any]:
    revoked = session.revoked_at
    return {
        "last_used_at": stored_time(session.last_used_at),
        "ends_at": stored_time(session.ends_at),
        "revoked_at": None if revoked is None else stored_time(revoked),
    }


def _token_values(token: RefreshToken) -> dict[str, Any]:
    used = None if token.used_at is None else stored_time(token.used_at)
    return {"used_at": used, "successor": token.successor, "concealed": token.concealed}


class SqlAudit:
    """The `Audit` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on one connection."""
        self._statements = statements
        self._connection = connection

    async def add(self, event: Event) -> None:
        """See the port."""
        values = {"kind": event.kind, "account": event.account, "at": stored_time(event.at)}
        await self._connection.run(self._statements.add_event, values | {"data": json.dumps(dict(event.data))})

    async def of_account(self, account_id: str, limit: int) -> Sequence[Event]:
        """See the port."""
        rows = await self._connection.rows(self._statements.events, {"key": account_id, "limit": limit})
        return [Event(kind, account, datetime.fromisoformat(at), json.loads(data)) for kind, account, at, data in rows]


class SqlSigningKeys:
    """The `SigningKeys` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on one connection."""
        self._statements = statements
        self._connection = connection

    async def all(self) -> Sequence[tuple[str, str]]:
        """See the port."""
        rows = await self._connection.rows(self._statements.keys, {})
        return [(kid, sealed) for kid, sealed in rows]

    async def add(self, kid: str, sealed: str, now: datetime) -> None:
        """See the port."""
        values = {"kid": kid, "sealed": sealed, "created_at": stored_time(now)}
        await self._connection.run(self._statements.add_key, values)


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
