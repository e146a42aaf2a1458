"""The second factor: begin, confirm, remove, and sign in with it. Each use case commits itself."""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from application.accounts import AccountUseCases
from application.ports import Clock, OneTimeCodes, Sealer, Store
from application.sessions import SessionUseCases, SignedIn
from application.throttles import Device, Throttles
from domain.audit import Event
from domain.errors import Conflict, FieldError, Invalid, NotAuthenticated
from domain.ownership import Actor
from domain.second_factor import SecondFactor

SECRET_BYTES = 20
"""as many as SHA-1 gives (RFC 4226, section 4)"""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 random bits, 16 letters and digits: so many need no slow hash"""
LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class Begun:
    """What an authenticator app needs; it is shown once."""

    secret: str = field(repr=False)
    """base32"""
    uri: str = field(repr=False)


class SecondFactorUseCases:
    """What a caller may do with its second factor, and how somebody signs in with it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accounts: AccountUseCases,
        sessions: SessionUseCases,
        codes: OneTimeCodes,
        sealer: Sealer,
        throttles: Throttles,
    ) -> None:
        """`sealer` keeps the secrets at rest."""
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._sessions = sessions
        self._codes = codes
        self._sealer = sealer
        self._throttles = throttles

    async def confirmed(self, actor: Actor) -> bool:
        """Whether the caller's account asks for a second factor."""
        factor = await self._store.second_factors.get(str(actor.account))
        return factor is not None and factor.confirmed_at is not None

    async def begin(self, actor: Actor, password: str) -> Begun:
        """A new secret, of no effect yet. Raises `Invalid` for a wrong password, `Conflict` (`mfa_on`)."""
        found = await self._accounts.require_password(actor, password)
        secret = secrets.token_bytes(SECRET_BYTES)
        async with self._store.work() as work:
            account = await self._accounts.still(work, actor, found, self._clock.now())
            present = await work.second_factors.get(account.id)
            if present is not None and present.confirmed_at is not None:
                raise Conflict("The second factor is on already: remove it first.", code="mfa_on")
            await work.second_factors.remove(account.id)
            await work.second_factors.add(SecondFactor(account.id, self._sealer.seal(secret, account.id.encode())))
            await work.commit()
        return Begun(b32encode(secret).decode(), self._codes.uri(secret, account.email))

    async def confirm(self, actor: Actor, code: str) -> Sequence[str]:
        """Turn it on by a first code; answers the recovery codes, which exist nowhere else.

        Raises `Invalid` for a wrong code, `Conflict` (`mfa_not_begun`, `mfa_on`), `TooManyRequests`.
        """
        await self._sessions.require(actor)
        recovery = [_recovery_code() for _ in range(RECOVERY_CODES)]
        async with self._throttles.asking_again(actor), self._store.work() as work:
            now = self._clock.now()
            await work.accounts.held(str(actor.account))
            session = await work.sessions.get(str(actor.session))
            if session is None or not session.alive(now):
                raise NotAuthenticated
            factor = await work.second_factors.get(str(actor.account))
            if factor is None:
                raise Conflict("Begin first.", code="mfa_not_begun")
            if factor.confirmed_at is not None:
                raise Conflict("The second factor is on already.", code="mfa_on")
            step = self._step(factor, code, now)
            if step is None:
                raise _wrong_code()
            await work.second_factors.save(factor.confirm(step, tuple(map(_hash, recovery)), now))
            await work.audit.add(Event.of("mfa_enabled", actor.account, now, actor.session))
            await work.commit()
        return recovery

    async def remove(self, actor: Actor, password: str, code: str) -> None:
        """Turn it off. Raises `Invalid` for a wrong password or code, `Conflict` (`mfa_off`), `TooManyRequests`."""
        found = await self._accounts.require_password(actor, password)
        async with self._throttles.asking_again(actor), self._store.work() as work:
            now = self._clock.now()
            account = await self._accounts.still(work, actor, found, now)
            factor = await work.second_factors.get(account.id)
            if factor is None or factor.confirmed_at is None:
                raise Conflict("The second factor is off.", code="mfa_off")
            if self._used(factor, code, now) is None:
                raise _wrong_code()
            await work.second_factors.remove(account.id)
            await work.audit.add(Event.of("mfa_disabled", account.id, now, actor.session))
            await work.commit()

    async def login(self, challenge: str, code: str, device: Device) -> SignedIn:
        """Complete a sign-in. Raises `NotAuthenticated` (`invalid_challenge`, `wrong_code`), `TooManyRequests`.

        A wrong code counts as a wrong password does, with those that came before it.
        """
        await self._throttles.signing_in(device.address)
        opened = self._sessions.open_challenge(challenge, self._clock.now())
        found = None if opened is None else await self._store.accounts.get(opened.account)
        if opened is None or found is None:
            raise _ended()
        async with self._throttles.signing_in_as(found.email, device), self._store.work() as work:
            now = self._clock.now()
            account = await work.accounts.held(found.id)
            factor = await work.second_factors.get(found.id)
            if account is None or account.disabled or account.password_hash != opened.password_hash:
                raise _ended()
            if factor is None or factor.state != opened.factor_state:
                raise _ended()
            used = self._used(factor, code, now)
            if used is None:
                await work.audit.add(Event.of("login_failed", found.id, now, address=device.address, step="mfa"))
                await work.commit()
                raise NotAuthenticated("This code is wrong, or was used.", code="wrong_code")
            await work.second_factors.save(used)
            answer = await self._sessions.start(work, account, device, now)
            by = "recovery" if used.recovery != factor.recovery else "totp"
            await work.audit.add(Event.of("login", account.id, now, answer.session, device.address, mfa=by))
            await work.commit()
        return answer

    def _used(self, factor: SecondFactor, code: str, now: datetime) -> SecondFactor | None:
        """The factor after the code; None for one that does not count."""
        if len(code) > LONGEST_CODE or factor.confirmed_at is None:
            return None
        return factor.use(self._step(factor, code, now), _hash(code))

    def _step(self, factor: SecondFactor, code: str, now: datetime) -> int | None:
        """The step of a code by time; None also where the secret was sealed under another one of the service's.

        Recovery codes count all the same: they are kept as hashes.
        """
        secret = self._sealer.open(factor.secret_sealed, factor.account.encode())
        return None if secret is None else self._codes.step(secret, code, now)


def _ended() -> NotAuthenticated:
    return NotAuthenticated("This challenge is not valid (any more): sign in again.", code="invalid_challenge")


def _wrong_code() -> Invalid:
    return Invalid(errors=(FieldError("code", "wrong", "This code is wrong, or was used."),))


def _recovery_code() -> str:
    """Four groups of four, in lower case."""
    text = b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def _hash(code: str) -> str:
    """Of a recovery code however it is typed: spaces, hyphens and case do not count."""
    plain = "".join(code.split()).replace("-", "").lower()
    return sha256(plain.encode(errors="surrogatepass")).hexdigest()
