"""API keys and the engine's: make, list, revoke, and know the caller by one. Each use case commits itself."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from application.accounts import AccountUseCases
from application.ports import Clock, Ids, Store
from application.sessions import SessionUseCases
from domain.account import Account
from domain.api_key import ACTIONS, LONGEST_LIFE, LONGEST_NAME, MOST_KEYS, ApiKey
from domain.audit import Event
from domain.errors import Conflict, FieldError, Invalid, NotAuthenticated, NotFound
from domain.ownership import Actor
from domain.specification.model import Specification
from domain.values import ValueRefused, accept_text

PREFIX = "fhk_"
"""by which people and scanners for secrets know a key; an access token never begins so"""
ENGINE_PREFIX = "fhe_"
KEY_BYTES = 32
LONGEST_KEY = 128
"""characters of a presented one; ours have 47"""


class ApiKeyUseCases:
    """What a caller may do with API keys; the account is only ever managed in a session."""

    def __init__(
        self,
        specification: Specification,
        store: Store,
        clock: Clock,
        ids: Ids,
        accounts: AccountUseCases,
        sessions: SessionUseCases,
    ) -> None:
        """Take the ports."""
        self._resources = specification.resources
        self._store = store
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self._sessions = sessions

    async def actor(self, presented: str) -> Actor:
        """Who acts by a key: its account or the engine, within its scope. Raises `NotAuthenticated` (`bad_api_key`)."""
        refused = NotAuthenticated("This API key is not valid (any more).", code="bad_api_key")
        if len(presented) > LONGEST_KEY:
            raise refused
        now = self._clock.now()
        key = await self._store.api_keys.by_hash(_hash(presented))
        if key is None or not key.alive(now):
            raise refused
        if key.account is not None:
            account = await self._store.accounts.get(key.account)
            if account is None or account.disabled:
                raise refused
        if key.use(now) is not key:
            await self._note_use(key, now)
        return Actor(key.account, engine=key.account is None, key=key.scope)

    async def _note_use(self, key: ApiKey, now: datetime) -> None:
        async with self._store.work() as work:
            # as it is now: that it was revoked meanwhile is not undone
            present = await work.api_keys.by_hash(key.hash)
            if present is not None:
                await work.api_keys.save(present.use(now))
                await work.commit()

    async def create(
        self,
        actor: Actor,
        password: str,
        name: str,
        actions: Sequence[str],
        resources: Sequence[str],
        expires_at: datetime,
    ) -> tuple[ApiKey, str]:
        """A new key, and itself in plain, which exists nowhere else.

        Raises `Invalid` also for a wrong password, `Conflict` (`too_many_keys`), `TooManyRequests`.
        """
        await self._sessions.require(actor)
        asked_at = self._clock.now()
        self._check(name, actions, resources, expires_at, asked_at)
        found = await self._accounts.require_password(actor, password)
        plain = PREFIX + secrets.token_urlsafe(KEY_BYTES)
        async with self._store.work() as work:
            now = self._clock.now()
            account: Account = await self._accounts.still(work, actor, found, now)
            present = await work.api_keys.of_account(account.id)
            if sum(key.alive(now) for key in present) >= MOST_KEYS:
                raise Conflict(f"An account has at most {MOST_KEYS} keys: revoke one first.", code="too_many_keys")
            scope = tuple(sorted(set(actions))), tuple(sorted(set(resources)))
            key = ApiKey(self._ids.new(), account.id, _hash(plain), name, *scope, now, expires_at)
            await work.api_keys.add(key)
            await work.audit.add(Event.of("key_created", account.id, now, actor.session, key=key.id))
            await work.commit()
        return key, plain

    async def list(self, actor: Actor) -> Sequence[ApiKey]:
        """The caller's living keys, newest first."""
        await self._sessions.require(actor)
        now = self._clock.now()
        return [key for key in await self._store.api_keys.of_account(str(actor.account)) if key.alive(now)]

    async def revoke(self, actor: Actor, key_id: str) -> None:
        """End one of the caller's keys, at once. Raises `NotFound` for any other, also one that has ended."""
        await self._sessions.require(actor)
        now = self._clock.now()
        async with self._store.work() as work:
            await work.accounts.held(str(actor.account))
            mine = await work.api_keys.of_account(str(actor.account))
            key = next((key for key in mine if key.id == key_id and key.alive(now)), None)
            if key is None:
                raise NotFound
            await work.api_keys.save(key.revoke(now))
            await work.audit.add(Event.of("key_revoked", actor.account, now, actor.session, key=key.id))
            await work.commit()

    # --- the operator's ------------------------------------------------------------------

    async def create_engine(
        self, name: str, actions: Sequence[str], resources: Sequence[str], life: timedelta
    ) -> tuple[ApiKey, str]:
        """A new key of the engine, and itself in plain, which exists nowhere else. Raises `Invalid`."""
        now = self._clock.now()
        self._check(name, actions, resources, now + life, now)
        plain = ENGINE_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        scope = tuple(sorted(set(actions))), tuple(sorted(set(resources)))
        key = ApiKey(self._ids.new(), None, _hash(plain), name, *scope, now, now + life)
        async with self._store.work() as work:
            await work.api_keys.add(key)
            await work.audit.add(Event.of("engine_key_created", None, now, key=key.id))
            await work.commit()
        return key, plain

    async def engine_keys(self) -> Sequence[ApiKey]:
        """The engine's living keys, newest first."""
        now = self._clock.now()
        return [key for key in await self._store.api_keys.of_engine() if key.alive(now)]

    async def revoke_engine(self, key_id: str) -> None:
        """End one of the engine's keys, at once. Raises `NotFound` for any other, also one that has ended."""
        now = self._clock.now()
        async with self._store.work() as work:
            living = [key for key in await work.api_keys.of_engine() if key.id == key_id and key.alive(now)]
            if not living:
                raise NotFound("There is no such key.")
            await work.api_keys.save(living[0].revoke(now))
            await work.audit.add(Event.of("engine_key_revoked", None, now, key=key_id))
            await work.commit()

    def _check(
        self, name: str, actions: Sequence[str], resources: Sequence[str], expires_at: datetime, now: datetime
    ) -> None:
        errors = []
        try:
            if not 1 <= len(accept_text(name).strip()) <= len(name) <= LONGEST_NAME:
                raise ValueRefused("length", f"This must have 1 to {LONGEST_NAME} characters.")
        except ValueRefused as error:
            errors.append(FieldError("name", error.code, str(error)))
        for field, asked, known in (("actions", actions, ACTIONS), ("resources", resources, self._resources)):
            if not asked or not set(asked) <= set(known):
                errors.append(FieldError(field, "not_one_of", f"Name some of {', '.join(known)}."))
        if not now < expires_at <= now + LONGEST_LIFE:
            message = f"This must lie in the future, at most {LONGEST_LIFE.days} days from now."
            errors.append(FieldError("expires_at", "past" if expires_at <= now else "too_late", message))
        if errors:
            raise Invalid(errors=tuple(errors))


def _hash(key: str) -> str:
    return sha256(key.encode(errors="surrogatepass")).hexdigest()
