"""Refreshing, against everything at once: devices of one account, lost answers, thieves, time; tokens byte for byte."""

# ruff: noqa: D102  the names say it

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.clock import UuidV7
from adapters.sealing import TokenSuccessors
from application.sessions import SessionUseCases
from application.throttles import Device
from domain.account import Account
from domain.errors import NotAuthenticated
from tests.doubles import START, PlainPasswords, PlainTokens, SetClock, challenges, mailing, memory_store, no_throttles

DEVICE = Device("", "")
GRACE, IDLE, ABSOLUTE = timedelta(minutes=10), timedelta(days=30), timedelta(days=90)


@dataclass
class Chain:
    """What a session's tokens must be: the list of them decides everything."""

    session: str
    tokens: list[str]
    used_at: list[datetime] = field(default_factory=list)
    touched: datetime = START
    killed: bool = False
    thief: list[str] = field(default_factory=list)

    def alive(self, now: datetime) -> bool:
        return not self.killed and now < self.touched + IDLE and now < START + ABSOLUTE


class Devices(RuleBasedStateMachine):
    """Three sessions of one account; each has a client that keeps the newest token that it was given."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock, self.store, ids = SetClock(), memory_store(), UuidV7()
        self.use_cases = SessionUseCases(
            self.store,
            self.clock,
            ids,
            PlainPasswords(),
            PlainTokens(),
            TokenSuccessors(),
            no_throttles(),
            mailing(self.store),
            challenges(),
        )
        account = Account(ids.new(), "mary@example.com", "new x", START)

        async def sign_in() -> list[Chain]:
            async with self.store.work() as work:
                await work.accounts.add(account)
                made = [await self.use_cases.start(work, account, DEVICE, START) for _ in range(3)]
                await work.commit()
            return [Chain(each.session, [each.refresh_token]) for each in made]

        self.chains = self.loop.run_until_complete(sign_in())

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    def present(self, chain: Chain, token: str, times: int = 1) -> str | None:
        """Present a token so many times at once; what each of them was answered must be what the chain says."""

        async def all_of_them() -> list[object]:
            asking = (self.use_cases.refresh(token, DEVICE) for _ in range(times))
            return list(await asyncio.gather(*asking, return_exceptions=True))

        now, place = self.clock.now(), chain.tokens.index(token)
        last = len(chain.tokens) - 1
        answers = self.loop.run_until_complete(all_of_them())
        got = {each if isinstance(each, NotAuthenticated) else getattr(each, "refresh_token", each) for each in answers}
        if chain.alive(now) and place == last:
            (fresh,) = got
            assert isinstance(fresh, str), fresh
            assert fresh not in chain.tokens
            chain.tokens.append(fresh)
            chain.used_at.append(now)
            chain.touched = now
            return fresh
        if chain.alive(now) and place == last - 1 and now - chain.used_at[place] <= GRACE:
            assert got == {chain.tokens[last]}, "another successor than the first time"
            return chain.tokens[last]
        assert all(isinstance(each, NotAuthenticated) for each in got), got
        chain.killed = chain.killed or chain.alive(now)
        return None

    @rule(which=st.integers(0, 2), times=st.integers(1, 20))
    def refresh(self, which: int, times: int) -> None:
        self.present(self.chains[which], self.chains[which].tokens[-1], times)

    @rule(which=st.integers(0, 2), times=st.integers(1, 3))
    def ask_again_for_a_lost_answer(self, which: int, times: int) -> None:
        chain = self.chains[which]
        self.present(chain, chain.tokens[-2 if len(chain.tokens) > 1 else -1], times)

    @rule(which=st.integers(0, 2), place=st.integers(0, 5))
    def steal(self, which: int, place: int) -> None:
        chain = self.chains[which]
        chain.thief.append(chain.tokens[min(place, len(chain.tokens) - 1)])

    @precondition(lambda self: any(chain.thief for chain in self.chains))
    @rule(which=st.integers(0), back=st.integers(0), times=st.integers(1, 3))
    def use_what_is_stolen(self, which: int, back: int, times: int) -> None:
        robbed = [chain for chain in self.chains if chain.thief]
        chain = robbed[which % len(robbed)]
        got = self.present(chain, chain.thief[back % len(chain.thief)], times)
        if got is not None:
            chain.thief.append(got)

    @rule(time=st.sampled_from([timedelta(seconds=1), timedelta(seconds=60), GRACE, timedelta(days=12), IDLE]))
    def wait(self, time: timedelta) -> None:
        self.clock.at += time

    @invariant()
    def each_session_is_alive_or_dead_by_itself(self) -> None:
        now, stored = self.clock.now(), self.store.state.identity
        for chain in self.chains:
            session = stored.sessions[chain.session]
            assert session.alive(now) is chain.alive(now)
            assert (session.revoked_at is not None) is chain.killed
        killed = sum(chain.killed for chain in self.chains)
        assert [event.kind for event in stored.events].count("refresh_reused") == killed

    @invariant()
    def each_chain_has_one_end(self) -> None:
        for chain in self.chains:
            tokens = [t for t in self.store.state.identity.tokens.values() if t.session == chain.session]
            assert len(tokens) == len(chain.tokens)
            assert sum(token.used_at is None for token in tokens) == 1


Devices.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestDevices = Devices.TestCase
