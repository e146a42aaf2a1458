"""Accounts, sessions, second factors, API keys, the audit log, signing keys and kept answers in plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from application.ports import SigningKey
from domain.account import Account
from domain.api_key import ApiKey
from domain.audit import Event
from domain.errors import Conflict, in_progress
from domain.mail import Letter, Link
from domain.ownership import Actor
from domain.second_factor import SecondFactor
from domain.session import RefreshToken, Session


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to a write that is done once."""

    account: str | None
    sealed: str
    expires_at: datetime


@dataclass
class IdentityState:
    """Everything that is stored."""

    accounts: dict[str, Account] = field(default_factory=dict)
    """by id"""
    sessions: dict[str, Session] = field(default_factory=dict)
    """by id"""
    tokens: dict[str, RefreshToken] = field(default_factory=dict)
    """by hash"""
    events: list[Event] = field(default_factory=list)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    """by kid"""
    links: dict[str, Link] = field(default_factory=dict)
    """by hash"""
    letters: dict[str, Letter] = field(default_factory=dict)
    """by id"""
    second_factors: dict[str, SecondFactor] = field(default_factory=dict)
    """by account"""
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    """by id"""

    answers: dict[str, KeptAnswer] = field(default_factory=dict)
    """to writes that are done once, by name"""

    def copy(self) -> "IdentityState":
        """An independent state; the values themselves never change."""
        return IdentityState(
            dict(self.accounts),
            dict(self.sessions),
            dict(self.tokens),
            list(self.events),
            dict(self.keys),
            dict(self.links),
            dict(self.letters),
            dict(self.second_factors),
            dict(self.api_keys),
            dict(self.answers),
        )

    def forget(self, account: str) -> None:
        """Delete an account with its sessions, second factor and keys; its events stay, nobody's."""
        self.accounts.pop(account, None)
        self.second_factors.pop(account, None)
        for key in [key.id for key in self.api_keys.values() if key.account == account]:
            del self.api_keys[key]
        ended = {session.id for session in self.sessions.values() if session.account == account}
        for session in ended:
            del self.sessions[session]
        for token in [token for token in self.tokens.values() if token.session in ended]:
            del self.tokens[token.hash]
        for of_account in (self.links, self.letters, self.answers):
            for key in [key for key, each in of_account.items() if each.account == account]:
                del of_account[key]
        self.events[:] = [replace(event, account=None) if event.account == account else event for event in self.events]


class MemoryAccounts:
    """The `Accounts` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def get(self, account_id: str) -> Account | None:
        """See the port."""
        return self._state.accounts.get(account_id)

    async def by_email(self, email: str) -> Account | None:
        """See the port."""
        return next((account for account in self._state.accounts.values() if account.email == email), None)

    async def staff(self) -> Sequence[Account]:
        """See the port."""
        found = [account for account in self._state.accounts.values() if account.staff is not None]
        return sorted(found, key=lambda account: account.email)

    async def add(self, account: Account) -> None:
        """See the port."""
        await self.save(account)

    async def held(self, account_id: str) -> Account | None:
        """See the port."""
        return await self.get(account_id)

    async def save(self, account: Account) -> None:
        """See the port."""
        other = await self.by_email(account.email)
        if other is not None and other.id != account.id:
            raise Conflict("There is an account with this address already.", code="email_taken")
        present = self._state.accounts.get(account.id)
        staff, disabled = (None, account.disabled) if present is None else (present.staff, present.disabled)
        self._state.accounts[account.id] = replace(account, staff=staff, disabled=disabled)

    async def appoint(self, account: Account) -> None:
        """See the port."""
        present = self._state.accounts[account.id]
        self._state.accounts[account.id] = replace(present, staff=account.staff, disabled=account.disabled)


class MemorySessions:
    """The `Sessions` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def get(self, session_id: str) -> Session | None:
        """See the port."""
        return self._state.sessions.get(session_id)

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """See the port."""
        found = [session for session in self._state.sessions.values() if session.account == account_id]
        return sorted(found, key=lambda session: session.id, reverse=True)

    async def add(self, session: Session) -> None:
        """See the port."""
        if session.account not in self._state.accounts:
            raise _gone()
        self._state.sessions[session.id] = session

    async def save(self, session: Session) -> None:
        """See the port."""
        self._state.sessions[session.id] = session

    async def token(self, token_hash: str) -> RefreshToken | None:
        """See the port."""
        return self._state.tokens.get(token_hash)

    async def add_token(self, token: RefreshToken) -> None:
        """See the port."""
        self._state.tokens[token.hash] = token

    async def save_token(self, token: RefreshToken) -> None:
        """See the port."""
        if self._state.tokens[token.hash].used_at is not None:
            raise Conflict("This refresh token was used in the meantime.", code="changed")
        self._state.tokens[token.hash] = token

    async def clean(self, now: datetime, most: int) -> bool:
        """See the port."""
        old = [session for session in self._state.sessions.values() if session.absolute_end <= now]
        theirs = {session.id for session in old}
        tokens = [token.hash for token in self._state.tokens.values() if token.session in theirs][:most]
        for token in tokens:
            del self._state.tokens[token]
        held = {token.session for token in self._state.tokens.values()}
        sessions = [session.id for session in old if session.id not in held][:most]
        for session in sessions:
            del self._state.sessions[session]
        return bool(tokens or sessions)


class MemorySecondFactors:
    """The `SecondFactors` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def get(self, account_id: str) -> SecondFactor | None:
        """See the port."""
        return self._state.second_factors.get(account_id)

    async def add(self, factor: SecondFactor) -> None:
        """See the port."""
        if factor.account in self._state.second_factors:
            raise Conflict("There is a second factor already.", code="changed")
        await self.save(factor)

    async def save(self, factor: SecondFactor) -> None:
        """See the port."""
        self._state.second_factors[factor.account] = factor

    async def remove(self, account_id: str) -> None:
        """See the port."""
        self._state.second_factors.pop(account_id, None)


class MemoryApiKeys:
    """The `ApiKeys` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def by_hash(self, key_hash: str) -> ApiKey | None:
        """See the port."""
        return next((key for key in self._state.api_keys.values() if key.hash == key_hash), None)

    async def of_account(self, account_id: str) -> Sequence[ApiKey]:
        """See the port."""
        return self._of(account_id)

    async def of_engine(self) -> Sequence[ApiKey]:
        """See the port."""
        return self._of(None)

    def _of(self, account_id: str | None) -> Sequence[ApiKey]:
        found = [key for key in self._state.api_keys.values() if key.account == account_id]
        return sorted(found, key=lambda key: key.id, reverse=True)

    async def add(self, key: ApiKey) -> None:
        """See the port."""
        self._state.api_keys[key.id] = key

    async def save(self, key: ApiKey) -> None:
        """See the port."""
        ended = self._state.api_keys[key.id].revoked_at
        self._state.api_keys[key.id] = replace(key, revoked_at=ended or key.revoked_at)


class MemoryAudit:
    """The `Audit` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def add(self, event: Event) -> None:
        """See the port."""
        if event.account is not None and event.account not in self._state.accounts:
            raise _gone()
        self._state.events.append(replace(event, number=len(self._state.events) + 1))

    async def of_account(self, account_id: str, limit: int, before: int | None = None) -> Sequence[Event]:
        """See the port."""
        events = reversed(self._state.events if before is None else self._state.events[: before - 1])
        return [event for event in events if event.account == account_id][:limit]


class MemorySigningKeys:
    """The `SigningKeys` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def all(self) -> Sequence[SigningKey]:
        """See the port."""
        return sorted(self._state.keys.values(), key=lambda key: (key.created_at, key.kid))

    async def add(self, key: SigningKey) -> None:
        """See the port."""
        if key.state != "retired" and any(other.state == key.state for other in self._state.keys.values()):
            raise Conflict("There is a signing key in this state already.")
        self._state.keys[key.kid] = key

    async def save(self, key: SigningKey, before: str) -> None:
        """See the port."""
        if self._state.keys[key.kid].state != before:
            raise Conflict("The signing keys are being rotated already.", code="changed")
        self._state.keys[key.kid] = key

    async def remove(self, kid: str) -> None:
        """See the port."""
        self._state.keys.pop(kid, None)


class MemoryIdempotencyKeys:
    """The `IdempotencyKeys` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def find(self, actor: Actor, name: str, now: datetime) -> str | None:
        """See the port."""
        found = self._state.answers.get(name)
        if found is None or found.expires_at <= now or found.account != actor.account:
            return None
        session = None if actor.session is None else self._state.sessions.get(actor.session)
        return found.sealed if actor.session is None or (session is not None and session.alive(now)) else None

    async def keep(self, actor: Actor, name: str, sealed: str, until: datetime, now: datetime) -> None:
        """See the port."""
        present = self._state.answers.get(name)
        if present is not None and present.expires_at > now:
            raise in_progress()
        self._state.answers[name] = KeptAnswer(actor.account, sealed, until)

    async def clean(self, now: datetime, most: int) -> int:
        """See the port."""
        expired = [name for name, each in self._state.answers.items() if each.expires_at <= now][:most]
        for name in expired:
            del self._state.answers[name]
        return len(expired)


def _gone() -> Conflict:
    return Conflict("The account is gone.", code="changed")
