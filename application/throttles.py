"""Throttles: who may go on, and who has to wait. What is counted and how much is `domain/throttling.py`'s."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from application.ports import Clock, Counters, Sealer
from domain.errors import TooManyRequests, Unavailable
from domain.ownership import Actor
from domain.throttling import (
    ADDRESS_MAILS,
    EXPORTS,
    GUESSES_REMEMBERED,
    HEARD_AT_ONCE,
    INVITATIONS,
    INVITATIONS_TO_ADDRESS,
    KNOWN,
    NETWORK_MAILS,
    NETWORK_REFRESHES,
    REGISTRATIONS,
    REQUESTS_SECONDS,
    SESSION_REFRESHES,
    SIGN_INS,
    Limit,
    network_of,
    wait_after,
)

SHARES = 100
"""a process tells the others of an account's requests after each hundredth of what the account may do"""
LARGEST_TABLE = 50_000
"""callers whose requests a process counts in one window; beyond, those that came first are forgotten"""
_DEVICE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Device:
    """Where a sign-in comes from: the user agent and the network address, each empty where it is not known."""

    name: str
    address: str
    token: str | None = None
    """what the device was given at an earlier sign-in, if it says so"""


class Throttles:
    """Counts what callers do. Each method raises `TooManyRequests`; with `on` false, none does anything."""

    def __init__(self, counters: Counters, clock: Clock, sealer: Sealer, *, on: bool, requests: int) -> None:
        """`requests` is what one account, or one network without an account, may ask for in a minute."""
        self._counters = counters
        self._clock = clock
        self._sealer = sealer
        self._on = on
        self._requests = Limit(requests, REQUESTS_SECONDS)
        self._share = max(1, requests // SHARES)
        self._window = 0
        self._spent: dict[str, list[int]] = {}

    async def request(self, actor: Actor, address: str, number: int = 1) -> None:
        """One more request of a caller, or so many at once: of an account or a key, or of a network where it has none.

        Whoever has a link is counted by the network, too: many may share one, and none shall use it up for the others.

        Counted in this process, and told to the others a share at a time: a request costs no round trip, and what
        several processes let through exceeds the limit by less than a share for each of them.
        """
        if not self._on:
            return
        limit, now = self._requests, int(self._clock.now().timestamp())
        if now // limit.seconds != self._window:
            self._window, self._spent = now // limit.seconds, {}
        caller = network_of(address) if actor.link is not None else actor.name or network_of(address)
        # [as far as is known here, of these not yet told]
        spent = self._spent.get(caller)
        if spent is None:
            if len(self._spent) >= LARGEST_TABLE:
                del self._spent[next(iter(self._spent))]
            spent = self._spent[caller] = [0, 0]
        if spent[0] + number <= limit.amount:
            spent[0] += number
            spent[1] += number
            if spent[1] < self._share:
                return
            told, spent[1] = spent[1], 0
            key = _key("requests", caller, str(now // limit.seconds))
            total = await self._counters.add(key, told, limit.seconds)
            spent[0] = max(spent[0], total + spent[1])
            if total <= limit.amount:
                return
        raise TooManyRequests(limit.amount, limit.seconds - now % limit.seconds)

    async def signing_in(self, address: str) -> None:
        """One more attempt to sign in, whosoever it is."""
        await self._take(SIGN_INS, "sign-ins", network_of(address))

    async def registering(self, address: str) -> None:
        """One more attempt to register."""
        await self._take(REGISTRATIONS, "registrations", network_of(address))

    async def refreshing(self, address: str) -> None:
        """One more refresh token from a network."""
        await self._take(NETWORK_REFRESHES, "refreshes", network_of(address))

    async def refreshing_session(self, session: str) -> None:
        """One more refresh of a session."""
        await self._take(SESSION_REFRESHES, "session's refreshes", session)

    async def mailing(self, email: str, address: str) -> None:
        """One more mail that somebody asks for; whether there is such an account makes no difference."""
        await self._take(NETWORK_MAILS, "mails", network_of(address))
        await self._take(ADDRESS_MAILS, "mails to", email)

    async def inviting(self, actor: Actor, email: str) -> None:
        """One more invitation by an account; whether the address is somebody's here makes no difference."""
        await self._take(INVITATIONS, "invitations", str(actor.account))
        await self._take(INVITATIONS_TO_ADDRESS, "invitations to", str(actor.account), email)

    async def exporting(self, actor: Actor) -> None:
        """One more export of an account."""
        await self._take(EXPORTS, "exports", str(actor.account))

    @asynccontextmanager
    async def signing_in_as(self, email: str, device: Device) -> AsyncIterator[None]:
        """Around the check of a password: left with an error, the password counts as wrong.

        `email` is the normalised address; whether there is such an account makes no difference.
        """
        if not self._on:
            yield
            return
        network = _network(email, device)
        nonce = None if device.token is None else self._sealer.open(device.token, email.encode())
        if nonce is not None:
            guesser = _key("device", email, nonce.hex())
        elif await self._counters.left(network):
            guesser = _key("network", email, network)
        else:
            guesser = _key("account", email)
        async with self._guessing(guesser):
            yield
        await self.signed_in(email, device)

    async def signed_in(self, email: str, device: Device) -> None:
        """Wrong passwords that come from here are no longer counted together with those from anywhere."""
        if self._on:
            network = _network(email, device)
            await self._counters.forget(network)
            await self._counters.add(network, 1, KNOWN)

    @asynccontextmanager
    async def asking_again(self, actor: Actor) -> AsyncIterator[None]:
        """Around the check of the password of somebody who is signed in."""
        if not self._on:
            yield
            return
        async with self._guessing(_key("session", str(actor.session))):
            yield

    def device_token(self, email: str) -> str:
        """What a device that has just signed in may show the next time, to be told from those that only guess."""
        return self._sealer.seal(secrets.token_bytes(_DEVICE_BYTES), email.encode())

    @asynccontextmanager
    async def _guessing(self, guesser: str) -> AsyncIterator[None]:
        """The guess is counted before it is heard: of many at once, no more are heard than one after the other."""
        guesses, pause = f"guesses {guesser}", f"pause {guesser}"
        left = await self._counters.left(pause)
        if left:
            raise TooManyRequests(HEARD_AT_ONCE, left)
        wait = wait_after(await self._counters.add(guesses, 1, GUESSES_REMEMBERED))
        if wait and await self._counters.add(pause, 1, wait) > 1:
            # another one was faster
            await self._counters.add(guesses, -1, GUESSES_REMEMBERED)
            raise TooManyRequests(HEARD_AT_ONCE, await self._counters.left(pause) or 1)
        try:
            yield
        except Unavailable:
            # nobody looked at the password
            await self._counters.add(guesses, -1, GUESSES_REMEMBERED)
            await self._counters.forget(pause)
            raise
        await self._counters.forget(guesses, pause)

    async def _take(self, limit: Limit, *key: str) -> None:
        if not self._on:
            return
        counter = _key(*key)
        if await self._counters.add(counter, 1, limit.seconds) > limit.amount:
            raise TooManyRequests(limit.amount, await self._counters.left(counter) or 1)


def _network(email: str, device: Device) -> str:
    """The counter that says whether an account has signed in from a network."""
    return _key("known", email, network_of(device.address))


def _key(*parts: str) -> str:
    """A counter's name: bounded, and nobody's address stands in it as it is."""
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:40]
