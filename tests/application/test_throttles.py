"""Who has to wait, without a server: the throttles on counters in memory and a clock that is moved."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.limits import in_memory
from adapters.sealing import AesSealer
from application.ports import Counters
from application.throttles import Device, Throttles
from domain.errors import NotAuthenticated, TooManyRequests, Unavailable
from domain.ownership import ANONYMOUS, Actor
from domain.throttling import (
    HEARD_AT_ONCE,
    LONGEST_WAIT,
    NETWORK_REFRESHES,
    REGISTRATIONS,
    SESSION_REFRESHES,
    SIGN_INS,
    Limit,
)
from tests.doubles import SetClock

MARY = "mary@example.com"
HOME = Device("Firefox", "192.0.2.1")
ELSEWHERE = Device("curl", "198.51.100.1")


class SlowCounters:
    """Counters that let others go on before and after each step, as those on a server do."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """See the port."""
        await asyncio.sleep(0)
        answer = await self._counters.add(key, amount, seconds)
        await asyncio.sleep(0)
        return answer

    async def left(self, key: str) -> int:
        """See the port."""
        await asyncio.sleep(0)
        answer = await self._counters.left(key)
        await asyncio.sleep(0)
        return answer

    async def forget(self, *keys: str) -> None:
        """See the port."""
        await asyncio.sleep(0)
        await self._counters.forget(*keys)

    async def close(self) -> None:
        """See the port."""


class World:
    """Throttles, and a clock for them and their counters."""

    def __init__(self, requests: int = 200) -> None:
        self.clock = SetClock()
        self.counters: Counters = in_memory(lambda: self.clock.now().timestamp())
        self.sealer = AesSealer(b"a secret for tests", "devices")
        self.requests = requests
        self.throttles = self.process()

    def process(self) -> Throttles:
        """Another process with the same counters."""
        return Throttles(self.counters, self.clock, self.sealer, on=True, requests=self.requests)

    async def guess(self, device: Device, email: str = MARY, *, right: bool = False) -> int:
        """Try a password; 0 where it was heard, else the seconds to wait."""
        try:
            async with self.throttles.signing_in_as(email, device):
                await asyncio.sleep(0)
                if not right:
                    raise NotAuthenticated
        except NotAuthenticated:
            return 0
        except TooManyRequests as refused:
            return refused.wait
        return 0

    async def guess_until_held_up(self, device: Device, email: str = MARY) -> int:
        """Wrong passwords that are heard."""
        heard = 0
        while not await self.guess(device, email):
            heard += 1
        return heard

    async def patiently(self, device: Device, times: int) -> list[int]:
        """The waits before so many further guesses of somebody who always comes back as soon as told to."""
        waits = []
        for _ in range(times):
            wait = await self.guess(device)
            waits.append(wait)
            self.clock.wait(seconds=wait)
            assert await self.guess(device) == 0
        return waits


@pytest.fixture
def world() -> World:
    return World()


# --- wrong passwords -----------------------------------------------------------------------


async def test_after_some_wrong_passwords_each_wait_is_twice_as_long(world: World) -> None:
    assert await world.guess_until_held_up(ELSEWHERE) == HEARD_AT_ONCE
    assert await world.patiently(ELSEWHERE, 14) == [2**n for n in range(12)] + [LONGEST_WAIT] * 2


async def test_it_makes_no_difference_where_an_unknown_device_guesses_from(world: World) -> None:
    heard = 0
    for number in range(1, 100):
        heard += await world.guess(Device("", f"203.0.113.{number}")) == 0
    assert heard == HEARD_AT_ONCE


async def test_a_guess_that_was_not_heard_does_not_make_the_wait_longer(world: World) -> None:
    await world.guess_until_held_up(ELSEWHERE)
    assert [await world.guess(ELSEWHERE) for _ in range(50)] == [1] * 50
    world.clock.wait(seconds=1)
    assert await world.guess(ELSEWHERE, right=True) == 0


@pytest.mark.parametrize("slow", [False, True])
async def test_of_many_guesses_at_once_no_more_are_heard_than_of_guesses_in_a_row(world: World, slow: bool) -> None:
    if slow:
        world.counters = SlowCounters(world.counters)
        world.throttles = world.process()
    waits = await asyncio.gather(*(world.guess(ELSEWHERE) for _ in range(500)))
    assert waits.count(0) == HEARD_AT_ONCE
    world.clock.wait(seconds=max(waits))
    waits = await asyncio.gather(*(world.guess(ELSEWHERE) for _ in range(500)))
    assert waits.count(0) == 1, "after the wait, one"
    assert set(waits) == {0, 2}, "and those that were not heard did not make the next wait longer"
    world.clock.wait(seconds=2)
    await world.guess(ELSEWHERE)
    assert await world.guess(ELSEWHERE) == 4


async def test_a_right_password_forgets_the_wrong_ones_of_all_that_are_not_known(world: World) -> None:
    strangers = [Device("", f"203.0.{number}.1") for number in range(100)]
    for stranger in strangers[1:HEARD_AT_ONCE]:
        await world.guess(stranger)
    assert await world.guess(strangers[0], right=True) == 0, "it would have brought the first wait"
    heard = [await world.guess(stranger) for stranger in strangers[HEARD_AT_ONCE:]].count(0)
    assert heard == HEARD_AT_ONCE


async def test_a_password_that_nobody_looked_at_does_not_count(world: World) -> None:
    for _ in range(10 * HEARD_AT_ONCE):
        with pytest.raises(Unavailable):
            async with world.throttles.signing_in_as(MARY, ELSEWHERE):
                raise Unavailable
    assert await world.guess_until_held_up(ELSEWHERE) == HEARD_AT_ONCE


async def test_accounts_are_counted_each_for_itself(world: World) -> None:
    await world.guess_until_held_up(ELSEWHERE)
    assert await world.guess(ELSEWHERE, "bob@example.com") == 0


async def test_a_network_that_signed_in_before_is_not_held_up_by_guesses_from_elsewhere(world: World) -> None:
    await world.guess(HOME, right=True)
    await world.guess_until_held_up(ELSEWHERE)
    await world.patiently(ELSEWHERE, 20)
    assert await world.guess(HOME, right=True) == 0
    assert await world.guess_until_held_up(HOME) == HEARD_AT_ONCE, "it has a count of its own"


async def test_a_device_that_signed_in_before_is_not_held_up_by_its_own_network(world: World) -> None:
    await world.guess(HOME, right=True)
    mine = Device(HOME.name, HOME.address, world.throttles.device_token(MARY))
    await world.guess_until_held_up(HOME)
    assert await world.guess(mine, right=True) == 0
    travelling = Device(HOME.name, ELSEWHERE.address, mine.token)
    await world.guess_until_held_up(ELSEWHERE)
    assert await world.guess(travelling, right=True) == 0


async def test_a_known_device_that_guesses_waits_like_any_other(world: World) -> None:
    thief = Device("", ELSEWHERE.address, world.throttles.device_token(MARY))
    assert await world.guess_until_held_up(thief) == HEARD_AT_ONCE
    await world.guess_until_held_up(ELSEWHERE)
    other = Device("", ELSEWHERE.address, world.throttles.device_token(MARY))
    assert await world.guess(other) == 0


@pytest.mark.parametrize("token", ["", "nonsense", "é", "A" * 60])
async def test_what_no_device_was_given_makes_none_known(world: World, token: str) -> None:
    await world.guess_until_held_up(ELSEWHERE)
    assert await world.guess(Device("", ELSEWHERE.address, token)) > 0


async def test_a_device_known_to_one_account_is_not_known_to_another(world: World) -> None:
    await world.guess_until_held_up(ELSEWHERE)
    token = world.throttles.device_token("bob@example.com")
    assert await world.guess(Device("", ELSEWHERE.address, token)) > 0


async def test_a_session_that_guesses_its_password_holds_up_no_other_session(world: World) -> None:
    async def ask(session: str) -> None:
        async with world.throttles.asking_again(Actor("mary", session)):
            raise NotAuthenticated

    for _ in range(HEARD_AT_ONCE):
        with pytest.raises(NotAuthenticated):
            await ask("stolen")
    with pytest.raises(TooManyRequests):
        await ask("stolen")
    with pytest.raises(NotAuthenticated):
        await ask("mine")


# --- so much in a window -------------------------------------------------------------------


async def let_through(call: Callable[[], Awaitable[Any]], at_most: int) -> int:
    """How many of so many calls are not refused."""
    found = await asyncio.gather(*(call() for _ in range(at_most)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, TooManyRequests) for answer in found)
    return found.count(None)


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        (SIGN_INS, "signing_in"),
        (REGISTRATIONS, "registering"),
        (NETWORK_REFRESHES, "refreshing"),
        (SESSION_REFRESHES, "refreshing_session"),
    ],
)
async def test_what_is_counted_for_a_network_or_session_is_let_through_until_its_limit(
    world: World, limit: Limit, name: str
) -> None:
    call = getattr(world.throttles, name)
    assert await let_through(lambda: call("2001:db8::1"), limit.amount + 20) == limit.amount
    with pytest.raises(TooManyRequests) as refused:
        await call("2001:db8::1")
    assert (refused.value.limit, refused.value.wait) == (limit.amount, limit.seconds)
    assert await let_through(lambda: call("2001:db8:0:1::1"), 1) == 1, "another one's is its own"
    world.clock.wait(seconds=limit.seconds)
    assert await let_through(lambda: call("2001:db8::1"), 1) == 1


async def test_addresses_of_one_64_are_one_network(world: World) -> None:
    for number in range(SIGN_INS.amount):
        await world.throttles.signing_in(f"2001:db8::{number:x}:1")
    with pytest.raises(TooManyRequests):
        await world.throttles.signing_in("2001:db8::ffff:ffff:ffff:ffff")


async def test_an_account_has_its_requests_of_a_minute_wherever_it_asks_from(world: World) -> None:
    mary, bob = Actor("mary", "1"), Actor("bob", "2")
    assert await let_through(lambda: world.throttles.request(mary, ""), 300) == 200
    assert await let_through(lambda: world.throttles.request(Actor("mary", "another session"), "x"), 10) == 0
    assert await let_through(lambda: world.throttles.request(bob, ""), 10) == 10
    with pytest.raises(TooManyRequests) as refused:
        await world.throttles.request(mary, "")
    assert (refused.value.limit, refused.value.wait) == (200, 60)
    world.clock.wait(seconds=60)
    assert await let_through(lambda: world.throttles.request(mary, ""), 300) == 200


async def test_who_has_no_account_is_counted_by_network(world: World) -> None:
    assert await let_through(lambda: world.throttles.request(ANONYMOUS, "2001:db8::1"), 150) == 150
    assert await let_through(lambda: world.throttles.request(ANONYMOUS, "2001:db8::2"), 150) == 50


@pytest.mark.parametrize("requests", [1, 10, 99, 250, 1000])
async def test_processes_together_exceed_the_limit_by_less_than_a_share_each(requests: int) -> None:
    world = World(requests)
    processes = [world.process() for _ in range(4)]
    mary = Actor("mary", "1")
    let = 0
    for number in range(3 * requests):
        let += await let_through(lambda n=number: processes[n % 4].request(mary, ""), 1)  # type: ignore[misc]
    assert requests <= let <= requests + 4 * (max(1, requests // 100) - 1)


async def test_only_every_hundredth_of_the_limit_is_told_to_the_others() -> None:
    world = World(1000)
    told = []
    add = world.counters.add

    async def counted(key: str, amount: int, seconds: int) -> int:
        told.append(amount)
        return await add(key, amount, seconds)

    world.counters.add = counted  # type: ignore[method-assign]
    assert await let_through(lambda: world.throttles.request(Actor("mary", "1"), ""), 95) == 95
    assert told == [10] * 9


async def test_switched_off_nothing_is_counted() -> None:
    world = World(1)
    off = Throttles(world.counters, world.clock, world.sealer, on=False, requests=1)
    world.throttles = off
    assert await let_through(lambda: off.request(ANONYMOUS, ""), 10) == 10
    assert await let_through(lambda: off.signing_in(""), 100) == 100
    assert [await world.guess(HOME) for _ in range(50)] == [0] * 50
