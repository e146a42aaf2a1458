"""Accounts, sessions, second factors, API keys, the audit log and the signing keys: their ports over a connection."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    Update,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import (
    AccountRow,
    ApiKeyRow,
    AuditRow,
    RefreshTokenRow,
    SecondFactorRow,
    SessionRow,
    SigningKeyRow,
    table_of,
)
from adapters.persistence.sql.connection import Broken, Connection, Prepared, Principal, Row, param
from adapters.persistence.sql.dialects import INSTANT, UUID, WHOLE
from adapters.persistence.sql.views import stored_time
from application.ports import SigningKey
from domain.account import Account
from domain.api_key import ApiKey
from domain.audit import Event
from domain.errors import Conflict
from domain.second_factor import SecondFactor
from domain.session import RefreshToken, Session

_ACCOUNTS = table_of(AccountRow)
_SESSIONS = table_of(SessionRow)
_TOKENS = table_of(RefreshTokenRow)
_FACTORS = table_of(SecondFactorRow)
_API_KEYS = table_of(ApiKeyRow)
_AUDIT = table_of(AuditRow)
_KEYS = table_of(SigningKeyRow)
_BEYOND = 2**63 - 1
"""no event has so large a number"""


def session_alive(session: ColumnElement[Any], now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a session still counts (see `Session.alive`), as a part of other statements: one look by its key."""
    alive = and_(
        _SESSIONS.c.id == session,
        _SESSIONS.c.revoked_at.is_(None),
        _SESSIONS.c.idle_end > now,
        _SESSIONS.c.absolute_end > now,
    )
    return exists(select(literal(1)).select_from(_SESSIONS).where(alive).correlate_except(_SESSIONS))


def alive_statement() -> Select[Any]:
    """One row where the session `session` still counts at `now`."""
    return select(literal(1)).where(session_alive(param("session", UUID), param("now", INSTANT)))


def staff_statement() -> Select[Any]:
    """The staff role of the account `me`; no row without an account."""
    return select(_ACCOUNTS.c.staff).where(_ACCOUNTS.c.id == param("me"))


def appointed_statement() -> Select[Any]:
    """Every account with a staff role, and that."""
    return select(_ACCOUNTS.c.id, _ACCOUNTS.c.staff).where(_ACCOUNTS.c.staff.is_not(None))


class IdentityStatements:
    """Every statement of this file, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""

        def ready(statement: Any, principal: Principal) -> Prepared:
            return Prepared(statement, dialect, principal=principal)

        def held(statement: Select[Any], principal: Principal) -> Prepared:
            return Prepared(statement, dialect, statement.with_for_update(), principal)

        shown, keys = Principal(presented=("key",)), Principal(service="signing keys")

        key: ColumnElement[Any] = param("key")
        self.ready = ready(select(_ACCOUNTS.c.id).limit(1), Principal())
        self.account = ready(select(_ACCOUNTS).where(_ACCOUNTS.c.id == key), shown)
        self.account_by_email = ready(select(_ACCOUNTS).where(_ACCOUNTS.c.email == key), shown)
        self.staff = ready(
            select(_ACCOUNTS).where(_ACCOUNTS.c.staff.is_not(None)).order_by(_ACCOUNTS.c.email), Principal()
        )
        self.add_account = ready(inserting(_ACCOUNTS, without="staff"), Principal("id"))
        self.save_account = ready(updating(_ACCOUNTS, "email", "password_hash"), Principal("key"))
        # the key of a new session waits for this
        self.held_account = held(select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.id == key), Principal("key"))
        self.appoint_account = ready(updating(_ACCOUNTS, "staff", "disabled"), Principal("key"))
        self.session = held(select(_SESSIONS).where(_SESSIONS.c.id == key), shown)
        of_account = select(_SESSIONS).where(_SESSIONS.c.account == key)
        self.sessions_of_account = held(of_account.order_by(_SESSIONS.c.id.desc()), Principal("key"))
        self.add_session = ready(inserting(_SESSIONS), Principal("account"))
        self.save_session = ready(updating(_SESSIONS, "last_used_at", "idle_end", "revoked_at"), shown)
        self.token = held(select(_TOKENS).where(_TOKENS.c.hash == key), shown)
        self.add_token = ready(inserting(_TOKENS), Principal(presented=("session",)))
        spend = updating(_TOKENS, "used_at", "successor", "concealed")
        self.spend_token = ready(spend.where(_TOKENS.c.used_at.is_(None)), shown)
        over, most = _SESSIONS.c.absolute_end <= param("now", INSTANT), param("most", Integer())
        theirs = select(_TOKENS.c.hash).where(_TOKENS.c.session.in_(select(_SESSIONS.c.id).where(over))).limit(most)
        self.clean_tokens = ready(delete(_TOKENS).where(_TOKENS.c.hash.in_(theirs)), Principal(service="sessions"))
        has_tokens = exists().where(_TOKENS.c.session == _SESSIONS.c.id)
        bare = select(_SESSIONS.c.id).where(over, ~has_tokens).limit(most)
        self.clean_sessions = ready(delete(_SESSIONS).where(_SESSIONS.c.id.in_(bare)), Principal(service="sessions"))
        mine = Principal("key")
        self.second_factor = held(select(_FACTORS).where(_FACTORS.c.account == key), mine)
        self.add_second_factor = ready(inserting(_FACTORS), Principal("account"))
        used = updating(_FACTORS, "confirmed_at", "last_step", "recovery")
        self.save_second_factor = ready(used, mine)
        self.remove_second_factor = ready(delete(_FACTORS).where(_FACTORS.c.account == key), mine)
        self.api_key = ready(select(_API_KEYS).where(_API_KEYS.c.hash == key), shown)
        newest = select(_API_KEYS).order_by(_API_KEYS.c.id.desc())
        self.api_keys_of_account = ready(newest.where(_API_KEYS.c.account == key), mine)
        self.api_keys_of_engine = ready(newest.where(_API_KEYS.c.account.is_(None)), Principal())
        self.add_api_key = ready(inserting(_API_KEYS), Principal("account"))
        # a key of the engine is its holder's to use
        ended = func.coalesce(_API_KEYS.c.revoked_at, param("revoked_at", INSTANT))
        used = updating(_API_KEYS, "last_used_at").values(revoked_at=ended)
        self.save_api_key = ready(used, Principal("account", presented=("hash",)))
        self.add_event = ready(inserting(_AUDIT, without="id"), Principal("account", service="audit"))
        events = select(_AUDIT).where(_AUDIT.c.account == key, _AUDIT.c.id < param("before", WHOLE))
        self.events_of_account = ready(
            events.order_by(_AUDIT.c.id.desc()).limit(param("limit", Integer())), Principal("key")
        )
        self.signing_keys = ready(select(_KEYS).order_by(_KEYS.c.created_at, _KEYS.c.kid), keys)
        self.add_signing_key = ready(inserting(_KEYS), keys)
        in_state = _KEYS.c.state == param("before")
        self.save_signing_key = ready(updating(_KEYS, "state", "since").where(in_state), keys)
        self.remove_signing_key = ready(delete(_KEYS).where(_KEYS.c.kid == key), keys)


def inserting(table: Table, without: str | None = None) -> Any:
    """A new row, of values named as its columns."""
    values = {c.name: param(c.name, c.type) for c in table.c if c.name != without}
    # nothing is asked back: who writes an event need not be allowed to read it
    return insert(table).values(values).inline()


def updating(table: Table, *columns: str) -> Update:
    """A change of some columns in the row whose primary key is `key`."""
    (primary,) = table.primary_key.columns
    return (
        update(table).where(primary == param("key")).values({name: param(name, table.c[name].type) for name in columns})
    )


class SqlAccounts:
    """The `Accounts` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def get(self, account_id: str) -> Account | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.account, {"key": account_id})
        return _account(rows[0]) if rows else None

    async def by_email(self, email: str) -> Account | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.account_by_email, {"key": email})
        return _account(rows[0]) if rows else None

    async def staff(self) -> Sequence[Account]:
        """See the port."""
        return [_account(row) for row in await self._connection.rows(self._statements.staff, {})]

    async def add(self, account: Account) -> None:
        """See the port."""
        await self._write(self._statements.add_account, account_values(account))

    async def held(self, account_id: str) -> Account | None:
        """See the port."""
        await self._hold(account_id)
        return await self.get(account_id)

    async def save(self, account: Account) -> None:
        """See the port."""
        await self._hold(account.id)
        await self._write(self._statements.save_account, account_values(account) | {"key": account.id})

    async def appoint(self, account: Account) -> None:
        """See the port."""
        await self._hold(account.id)
        await self._connection.run(self._statements.appoint_account, account_values(account) | {"key": account.id})

    async def _hold(self, account_id: str) -> None:
        """Let sessions that begin meanwhile wait: they come before, and are seen, or see what was decided."""
        await self._connection.rows(self._statements.held_account, {"key": account_id})

    async def _write(self, prepared: Prepared, values: dict[str, Any]) -> None:
        try:
            await self._connection.run(prepared, values)
        except Broken as error:
            raise Conflict("There is an account with this address already.", code="email_taken") from error


class SqlSessions:
    """The `Sessions` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def get(self, session_id: str) -> Session | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.session, {"key": session_id})
        return _session(rows[0]) if rows else None

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """See the port."""
        rows = await self._connection.rows(self._statements.sessions_of_account, {"key": account_id})
        return [_session(row) for row in rows]

    async def add(self, session: Session) -> None:
        """See the port."""
        values = {
            "id": session.id,
            "account": session.account,
            "created_at": stored_time(session.created_at),
            "absolute_end": stored_time(session.absolute_end),
            "device": session.device,
            "address": session.address,
        }
        try:
            await self._connection.run(self._statements.add_session, values | _changing(session))
        except Broken as error:
            raise _gone() from error

    async def save(self, session: Session) -> None:
        """See the port."""
        await self._connection.run(self._statements.save_session, {"key": session.id} | _changing(session))

    async def token(self, token_hash: str) -> RefreshToken | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.token, {"key": token_hash})
        return _token(rows[0]) if rows else None

    async def add_token(self, token: RefreshToken) -> None:
        """See the port."""
        values = {"hash": token.hash, "session": token.session, "created_at": stored_time(token.created_at)}
        await self._connection.run(self._statements.add_token, values | _use(token))

    async def save_token(self, token: RefreshToken) -> None:
        """See the port."""
        if await self._connection.run(self._statements.spend_token, {"key": token.hash} | _use(token)) != 1:
            raise Conflict("This refresh token was used in the meantime.", code="changed")

    async def clean(self, now: datetime, most: int) -> bool:
        """See the port."""
        values = {"now": stored_time(now), "most": most}
        tokens = await self._connection.run(self._statements.clean_tokens, values)
        return await self._connection.run(self._statements.clean_sessions, values) + tokens > 0


class SqlSecondFactors:
    """The `SecondFactors` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def get(self, account_id: str) -> SecondFactor | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.second_factor, {"key": account_id})
        if not rows:
            return None
        ((account, sealed, confirmed_at, last_step, recovery),) = rows
        return SecondFactor(account, sealed, _maybe_instant(confirmed_at), last_step, tuple(json.loads(recovery)))

    async def add(self, factor: SecondFactor) -> None:
        """See the port."""
        values = {"account": factor.account, "secret_sealed": factor.secret_sealed} | _factor_use(factor)
        try:
            await self._connection.run(self._statements.add_second_factor, values)
        except Broken as error:
            raise Conflict("There is a second factor already.", code="changed") from error

    async def save(self, factor: SecondFactor) -> None:
        """See the port."""
        await self._connection.run(self._statements.save_second_factor, {"key": factor.account} | _factor_use(factor))

    async def remove(self, account_id: str) -> None:
        """See the port."""
        await self._connection.run(self._statements.remove_second_factor, {"key": account_id})


class SqlApiKeys:
    """The `ApiKeys` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def by_hash(self, key_hash: str) -> ApiKey | None:
        """See the port."""
        rows = await self._connection.rows(self._statements.api_key, {"key": key_hash})
        return _api_key(rows[0]) if rows else None

    async def of_account(self, account_id: str) -> Sequence[ApiKey]:
        """See the port."""
        rows = await self._connection.rows(self._statements.api_keys_of_account, {"key": account_id})
        return [_api_key(row) for row in rows]

    async def of_engine(self) -> Sequence[ApiKey]:
        """See the port."""
        return [_api_key(row) for row in await self._connection.rows(self._statements.api_keys_of_engine, {})]

    async def add(self, key: ApiKey) -> None:
        """See the port."""
        values = {
            "id": key.id,
            "account": key.account,
            "hash": key.hash,
            "name": key.name,
            "actions": json.dumps(key.actions),
            "resources": json.dumps(key.resources),
            "created_at": stored_time(key.created_at),
            "expires_at": stored_time(key.expires_at),
        }
        await self._connection.run(self._statements.add_api_key, values | _key_use(key))

    async def save(self, key: ApiKey) -> None:
        """See the port."""
        values = {"key": key.id, "account": key.account, "hash": key.hash} | _key_use(key)
        await self._connection.run(self._statements.save_api_key, values)


class SqlAudit:
    """The `Audit` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def add(self, event: Event) -> None:
        """See the port."""
        values = {
            "kind": event.kind,
            "account": event.account,
            "at": stored_time(event.at),
            "session": event.session,
            "address": event.address,
            "data": json.dumps(dict(event.data)),
        }
        try:
            await self._connection.run(self._statements.add_event, values)
        except Broken as error:
            raise _gone() from error

    async def of_account(self, account_id: str, limit: int, before: int | None = None) -> Sequence[Event]:
        """See the port."""
        values = {"key": account_id, "limit": limit, "before": _BEYOND if before is None else before}
        rows = await self._connection.rows(self._statements.events_of_account, values)
        return [
            Event(kind, account, instant(at), session, address, json.loads(data), number)
            for number, kind, account, at, session, address, data in rows
        ]


class SqlSigningKeys:
    """The `SigningKeys` port."""

    def __init__(self, statements: IdentityStatements, connection: Connection) -> None:
        """Run on this connection."""
        self._statements = statements
        self._connection = connection

    async def all(self) -> Sequence[SigningKey]:
        """See the port."""
        rows = await self._connection.rows(self._statements.signing_keys, {})
        return [
            SigningKey(kid, state, public, sealed, instant(made), instant(since))
            for kid, state, public, sealed, made, since in rows
        ]

    async def add(self, key: SigningKey) -> None:
        """See the port."""
        values = {
            "kid": key.kid,
            "state": key.state,
            "public": key.public,
            "private_sealed": key.private_sealed,
            "created_at": stored_time(key.created_at),
            "since": stored_time(key.since),
        }
        try:
            await self._connection.run(self._statements.add_signing_key, values)
        except Broken as error:
            raise Conflict("There is a signing key in this state already.") from error

    async def save(self, key: SigningKey, before: str) -> None:
        """See the port."""
        values = {"key": key.kid, "before": before, "state": key.state, "since": stored_time(key.since)}
        if await self._connection.run(self._statements.save_signing_key, values) != 1:
            raise Conflict("The signing keys are being rotated already.", code="changed")

    async def remove(self, kid: str) -> None:
        """See the port."""
        await self._connection.run(self._statements.remove_signing_key, {"key": kid})


def _gone() -> Conflict:
    return Conflict("The account is gone.", code="changed")


def account_values(account: Account) -> dict[str, Any]:
    """An account's columns."""
    return {
        "id": account.id,
        "email": account.email,
        "password_hash": account.password_hash,
        "created_at": stored_time(account.created_at),
        "staff": account.staff,
        "disabled": int(account.disabled),
    }


def _account(row: Row) -> Account:
    account_id, email, password_hash, created_at, staff, disabled = row
    return Account(account_id, email, password_hash, instant(created_at), staff, bool(disabled))


def _session(row: Row) -> Session:
    session_id, account, created_at, last_used_at, idle_end, absolute_end, device, address, revoked_at = row
    return Session(
        session_id,
        account,
        instant(created_at),
        instant(last_used_at),
        instant(idle_end),
        instant(absolute_end),
        device,
        address,
        None if revoked_at is None else instant(revoked_at),
    )


def _token(row: Row) -> RefreshToken:
    token_hash, session, created_at, used_at, successor, concealed = row
    used = None if used_at is None else instant(used_at)
    return RefreshToken(token_hash, session, instant(created_at), used, successor, concealed)


def _changing(session: Session) -> dict[str, Any]:
    """What of a session changes in its life."""
    return {
        "last_used_at": stored_time(session.last_used_at),
        "idle_end": stored_time(session.idle_end),
        "revoked_at": None if session.revoked_at is None else stored_time(session.revoked_at),
    }


def _use(token: RefreshToken) -> dict[str, Any]:
    """What of a refresh token changes at its first use."""
    used_at = None if token.used_at is None else stored_time(token.used_at)
    return {"used_at": used_at, "successor": token.successor, "concealed": token.concealed}


def _factor_use(factor: SecondFactor) -> dict[str, Any]:
    """What of a second factor changes in its life."""
    return {
        "confirmed_at": _maybe_stored(factor.confirmed_at),
        "last_step": factor.last_step,
        "recovery": json.dumps(factor.recovery),
    }


def _api_key(row: Row) -> ApiKey:
    key, account, key_hash, name, actions, resources, created_at, expires_at, last_used_at, revoked_at = row
    return ApiKey(
        key,
        account,
        key_hash,
        name,
        tuple(json.loads(actions)),
        tuple(json.loads(resources)),
        instant(created_at),
        instant(expires_at),
        _maybe_instant(last_used_at),
        _maybe_instant(revoked_at),
    )


def _key_use(key: ApiKey) -> dict[str, Any]:
    """What of an API key changes in its life."""
    return {"last_used_at": _maybe_stored(key.last_used_at), "revoked_at": _maybe_stored(key.revoked_at)}


def _maybe_stored(at: datetime | None) -> str | None:
    return None if at is None else stored_time(at)


def _maybe_instant(stored: str | None) -> datetime | None:
    return None if stored is None else instant(stored)


def instant(stored: str) -> datetime:
    """A stored instant."""
    return datetime.fromisoformat(stored)
