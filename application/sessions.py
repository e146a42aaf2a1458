"""Sessions: sign in, stay signed in, sign out. Each use case commits itself."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from application.mailing import Mailing
from application.ports import Clock, Ids, Passwords, Sealer, Store, Successors, Tokens, Work
from application.throttles import Device, Throttles
from domain.account import Account, accept_email, presented_password
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotAuthenticated, NotFound, SecondFactorRequired
from domain.mail import Kind
from domain.ownership import Actor
from domain.second_factor import SecondFactor
from domain.session import Outcome, Session
from domain.values import ValueRefused

REFRESH_TOKEN_BYTES = 32
LONGEST_REFRESH_TOKEN = 128
"""characters of a presented one; ours have 43"""
CLEANED = 500
"""sessions and tokens that are deleted in one unit of work, for which others wait"""
CHALLENGE_LIFE = timedelta(minutes=5)
LONGEST_CHALLENGE = 1024
_CHALLENGE = b"challenge"


class Scope(StrEnum):
    """Which of the account's sessions are meant, seen from the caller's own."""

    CURRENT = "current"
    OTHERS = "others"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What somebody gets who signed in or refreshed; the tokens exist nowhere else."""

    account: Account
    session: str
    """its id"""
    access_token: str = field(repr=False)
    expires_in: int
    """seconds until the access token ends"""
    refresh_token: str = field(repr=False)
    device_token: str | None = field(default=None, repr=False)
    """after a sign-in: what the device may show the next time, so that others' wrong passwords do not hold it up"""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What somebody has shown who knows the password: whose it was, and which."""

    account: str
    password_hash: str = field(repr=False)
    factor_state: str
    """as it was then: a challenge is over when a code has counted"""


class SessionUseCases:
    """What a caller may do with sessions."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        passwords: Passwords,
        tokens: Tokens,
        successors: Successors,
        throttles: Throttles,
        mailing: Mailing,
        challenges: Sealer,
    ) -> None:
        """`challenges` carry a sign-in from the password to the code: nothing is kept of it meanwhile."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._passwords = passwords
        self._tokens = tokens
        self._successors = successors
        self._throttles = throttles
        self._mailing = mailing
        self._sealer = challenges

    async def login(self, email: str, password: str, device: Device) -> SignedIn:
        """Sign in. Raises `NotAuthenticated`, `Invalid` for what no account can have, `TooManyRequests`, `Unavailable`.

        Raises `SecondFactorRequired` where the account has one: that counts as a wrong password until a code follows,
        so that whoever knows the password cannot make wrong codes forgotten.
        Hashing takes place outside the unit of work, which others wait for; the work is the same whoever asks.
        """
        await self._throttles.signing_in(device.address)
        email, password = accepted(email=(accept_email, email), password=(presented_password, password))
        async with self._throttles.signing_in_as(email, device):
            answer = await self._try_login(email, password, device)
            while answer is None:
                # the password was changed, or hashed anew by another sign-in, while this one was verified
                answer = await self._try_login(email, password, device)
        return answer

    async def _try_login(self, email: str, password: str, device: Device) -> SignedIn | None:
        """None where what was verified holds no longer."""
        found = await self._store.accounts.by_email(email)
        right, renewed = await self._passwords.verify(password, None if found is None else found.password_hash)
        now = self._clock.now()
        async with self._store.work() as work:
            account = await work.accounts.by_email(email)
            if account is not None and (found is None or account.password_hash != found.password_hash):
                return None
            if account is None or account.disabled or not right:
                known = None if account is None else account.id
                try:
                    await work.audit.add(Event.of("login_failed", known, now, address=device.address))
                except Conflict:
                    return None
                await work.commit()
                # the same for an unknown address, a wrong password and a disabled account
                raise _wrong_credentials()
            if renewed is not None:
                held = await work.accounts.held(account.id)
                if held is None or held.password_hash != account.password_hash:
                    return None
                account = held.with_password(renewed)
                await work.accounts.save(account)
            factor = await work.second_factors.get(account.id)
            if factor is not None and factor.confirmed_at is not None:
                await work.commit()
                raise SecondFactorRequired(self._challenge(account, factor, now))
            answer = await self.start(work, account, device, now)
            await work.audit.add(Event.of("login", account.id, now, answer.session, device.address))
            await work.commit()
            return answer

    def _challenge(self, account: Account, factor: SecondFactor, now: datetime) -> str:
        said = [account.id, account.password_hash, factor.state, (now + CHALLENGE_LIFE).isoformat()]
        return self._sealer.seal(json.dumps(said).encode(), _CHALLENGE)

    def open_challenge(self, challenge: str, now: datetime) -> Challenge | None:
        """What a challenge says; None where it is none of ours, or too old."""
        plain = None if len(challenge) > LONGEST_CHALLENGE else self._sealer.open(challenge, _CHALLENGE)
        if plain is None:
            return None
        account, password_hash, factor_state, ends = json.loads(plain)
        return Challenge(account, password_hash, factor_state) if now < datetime.fromisoformat(ends) else None

    async def start(self, work: Work, account: Account, device: Device, now: datetime) -> SignedIn:
        """A new session with its first tokens, in somebody else's unit of work. Raises `NotAuthenticated`.

        A new session waits for whoever disables the account right now, or changes its password. So both are asked
        once more, behind it.
        """
        session = Session.start(self._ids.new(), account.id, device.name, device.address, now)
        refresh_token = _new_token()
        try:
            await work.sessions.add(session)
        except Conflict as error:
            raise _wrong_credentials() from error
        present = await work.accounts.get(account.id)
        if present is None or present.disabled or present.password_hash != account.password_hash:
            raise _wrong_credentials()
        await work.sessions.add_token(session.first_token(_hash(refresh_token)))
        answer = self._answer(account, session, refresh_token, now)
        return replace(answer, device_token=self._throttles.device_token(account.email))

    async def refresh(self, refresh_token: str, device: Device, said_of: str | None = None) -> SignedIn:
        """New tokens for an old refresh token. Raises `NotAuthenticated`; reuse has then ended the session.

        `said_of`: the account whose it is said to be; another's is refused, and stays as it is.
        Raises `TooManyRequests` before it looks at what was used before.
        """
        await self._throttles.refreshing(device.address)
        refused = NotAuthenticated("This refresh token is not valid (any more).", code="invalid_refresh_token")
        if len(refresh_token) > LONGEST_REFRESH_TOKEN:
            raise refused
        async with self._store.work() as work:
            token = await work.sessions.token(_hash(refresh_token))
        if token is None:
            raise refused
        # a throttle may wait for its counters: not while others wait for this work
        await self._throttles.refreshing_session(token.session)
        fresh = _new_token()
        now = self._clock.now()
        async with self._store.work() as work:
            token = await work.sessions.token(_hash(refresh_token))
            session = None if token is None else await work.sessions.get(token.session)
            account = None if session is None else await work.accounts.get(session.account)
            if token is None or session is None or account is None or account.disabled:
                raise refused
            if said_of not in (None, account.id):
                raise refused
            successor = None if token.successor is None else await work.sessions.token(token.successor)
            concealed = self._successors.conceal(refresh_token, fresh)
            rotation = session.rotate(token, successor, _hash(fresh), concealed, now)
            if rotation.spent is not None and rotation.fresh is not None:
                await work.sessions.add_token(rotation.fresh)
                await work.sessions.save_token(rotation.spent)
                await work.sessions.save(rotation.session)
                await work.commit()
                return self._answer(account, rotation.session, fresh, now)
            if rotation.outcome is Outcome.REPEATED:
                return self._answer(account, session, self._successors.reveal(refresh_token, str(token.concealed)), now)
            if rotation.outcome is Outcome.REUSED:
                await work.sessions.save(rotation.session)
                await work.audit.add(Event.of("refresh_reused", account.id, now, session.id, device.address))
                await self._mailing.post(work, Kind.SESSION_ENDED, account.email, now, account.id)
                # the request fails, yet this is kept
                await work.commit()
        raise refused

    async def require(self, actor: Actor) -> Session:
        """The caller's session. Raises `NotAuthenticated` where there is none or it has ended.

        Raises `Forbidden` (`session_required`) for an API key: no program manages the account.
        """
        if actor.key is not None:
            raise Forbidden("An API key cannot do this: sign in.", code="session_required")
        session = None if actor.session is None else await self._store.sessions.get(actor.session)
        if session is None or session.account != actor.account or not session.alive(self._clock.now()):
            raise NotAuthenticated
        return session

    async def list(self, actor: Actor) -> Sequence[Session]:
        """The caller's live sessions, newest first."""
        await self.require(actor)
        now = self._clock.now()
        return [session for session in await self._store.sessions.of_account(str(actor.account)) if session.alive(now)]

    async def logout(self, actor: Actor, scope: Scope) -> None:
        """End the caller's session, its others, or all."""
        await self.require(actor)
        now = self._clock.now()
        async with self._store.work() as work:
            # the account first, as whoever deletes it does; of one that is gone there is nothing to tell
            await work.accounts.held(str(actor.account))
            session = await work.sessions.get(str(actor.session))
            if session is None or not session.alive(now):
                raise NotAuthenticated
            await self.end(work, actor, scope, now)
            await work.audit.add(Event.of("logout", actor.account, now, actor.session, scope=scope.value))
            await work.commit()

    async def end(self, work: Work, actor: Actor, scope: Scope, now: datetime) -> None:
        """End sessions of the caller in somebody else's unit of work."""
        for session in await work.sessions.of_account(str(actor.account)):
            current = session.id == actor.session
            meant = scope is Scope.ALL or current is (scope is Scope.CURRENT)
            if meant and session.alive(now):
                await work.sessions.save(session.revoke(now))

    async def revoke(self, actor: Actor, session_id: str) -> None:
        """End one of the caller's sessions. Raises `NotFound` for any other, also one that has ended."""
        await self.require(actor)
        now = self._clock.now()
        async with self._store.work() as work:
            await work.accounts.held(str(actor.account))
            session = await work.sessions.get(session_id)
            if session is None or session.account != actor.account or not session.alive(now):
                raise NotFound
            await work.sessions.save(session.revoke(now))
            await work.audit.add(Event.of("session_revoked", actor.account, now, actor.session, revoked=session.id))
            await work.commit()

    async def clean(self) -> bool:
        """Forget some of what is past its absolute end; whether there was something. Raises `Unavailable`.

        Until then a token that was used must be known, so that its reuse is noticed.
        """
        async with self._store.work() as work:
            found = await work.sessions.clean(self._clock.now(), CLEANED)
            await work.commit()
        return found

    def _answer(self, account: Account, session: Session, refresh_token: str, now: datetime) -> SignedIn:
        access_token = self._tokens.issue(account.id, session.id, now)
        return SignedIn(account, session.id, access_token, self._tokens.lifetime, refresh_token)


def accepted(**asked: tuple[Callable[[str], str], str]) -> Iterator[str]:
    """Each text as its reader accepts it, in order. Raises `Invalid` naming those that are refused."""
    found, errors = [], []
    for name, (accept, text) in asked.items():
        try:
            found.append(accept(text))
        except ValueRefused as error:
            errors.append(FieldError(name, error.code, str(error)))
    if errors:
        raise Invalid(errors=tuple(errors))
    return iter(found)


def _wrong_credentials() -> NotAuthenticated:
    return NotAuthenticated("The address or the password is wrong.", code="wrong_credentials")


def _new_token() -> str:
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def _hash(refresh_token: str) -> str:
    """What is stored of a token: it has 256 random bits, so that a plain hash is enough."""
    return sha256(refresh_token.encode(errors="surrogatepass")).hexdigest()
