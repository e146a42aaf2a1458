"""Sessions and the rotation of refresh tokens: by example, and against random clients, thieves and lost answers."""

# ruff: noqa: D102  the names say it

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.session import ABSOLUTE, GRACE, IDLE, LONGEST_DEVICE, Outcome, RefreshToken, Session, device_of

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Server:
    """Stores one session and its tokens; a token's hash is its text backwards."""

    def __init__(self) -> None:
        self.now = START
        self.session = Session.start("session", "account", "device", "::1", START)
        self.tokens = {"t0"[::-1]: self.session.first_token("t0"[::-1])}

    def refresh(self, token: str) -> tuple[Outcome, str | None]:
        """The outcome and the token that the client gets."""
        stored = self.tokens[token[::-1]]
        successor = None if stored.successor is None else self.tokens[stored.successor]
        fresh = f"t{len(self.tokens)}"
        rotation = self.session.rotate(stored, successor, fresh[::-1], f"sealed {fresh}", self.now)
        self.session = rotation.session
        if rotation.spent is not None and rotation.fresh is not None:
            assert rotation.outcome is Outcome.ROTATED
            self.tokens[rotation.spent.hash] = rotation.spent
            self.tokens[rotation.fresh.hash] = rotation.fresh
            return rotation.outcome, fresh
        if rotation.outcome is Outcome.REPEATED:
            assert stored.concealed is not None
            return rotation.outcome, stored.concealed.removeprefix("sealed ")
        return rotation.outcome, None


# --- by example ----------------------------------------------------------------------------


def test_first_use_gives_a_successor_and_keeps_the_session() -> None:
    server = Server()
    server.now += timedelta(days=1)
    assert server.refresh("t0") == (Outcome.ROTATED, "t1")
    assert server.session.last_used_at == server.now
    assert server.session.idle_end == server.now + IDLE
    assert server.session.absolute_end == START + ABSOLUTE


@pytest.mark.parametrize("later", [timedelta(), 60 * SECOND, GRACE])
def test_the_same_again_gives_the_same_successor(later: timedelta) -> None:
    server = Server()
    server.refresh("t0")
    touched = server.session
    server.now += later
    assert [server.refresh("t0") for _ in range(20)] == [(Outcome.REPEATED, "t1")] * 20
    assert server.session == touched


def test_the_same_again_after_the_grace_ends_the_session() -> None:
    server = Server()
    server.refresh("t0")
    server.now += GRACE + SECOND
    assert server.refresh("t0") == (Outcome.REUSED, None)
    assert server.session.revoked_at == server.now
    assert server.refresh("t1") == (Outcome.ENDED, None)


def test_the_same_again_after_the_successor_was_used_ends_the_session() -> None:
    server = Server()
    server.refresh("t0")
    server.refresh("t1")
    assert server.refresh("t0") == (Outcome.REUSED, None)
    assert not server.session.alive(server.now)


@pytest.mark.parametrize(
    ("use_each", "alive_for"), [(IDLE, IDLE), (IDLE - SECOND, ABSOLUTE), (timedelta(days=1), ABSOLUTE)]
)
def test_a_session_ends_idle_or_old(use_each: timedelta, alive_for: timedelta) -> None:
    server = Server()
    token: str | None = "t0"
    while token is not None:
        server.now += use_each
        _, token = server.refresh(token)
    assert START + alive_for <= server.now < START + alive_for + use_each
    assert server.session.ends_at <= START + ABSOLUTE


def test_it_is_over_exactly_at_its_end() -> None:
    session = Server().session
    assert session.alive(session.ends_at - timedelta.resolution)
    assert not session.alive(session.ends_at)
    assert not session.revoke(START).alive(START)


def test_a_second_revocation_keeps_the_first_time() -> None:
    session = Server().session.revoke(START)
    assert session.revoke(START + SECOND) == session


def test_secrets_are_not_shown() -> None:
    token = RefreshToken("the hash", "session", START, START, "the successor", "the concealed")
    assert "the " not in repr(token)


def test_of_a_user_agent_only_so_much_is_kept() -> None:
    assert device_of(None) == ""
    assert device_of("Fire\x1b[31m\r\nfox") == "Fire[31mfox"
    assert len(device_of("x" * 1000)) == LONGEST_DEVICE


# --- against everything --------------------------------------------------------------------

TIMES = st.one_of(
    st.sampled_from([SECOND, 60 * SECOND, GRACE, GRACE + SECOND, IDLE, ABSOLUTE]),
    st.timedeltas(timedelta(0), timedelta(minutes=12)),
    st.timedeltas(timedelta(0), timedelta(days=31)),
)


class Rotation(RuleBasedStateMachine):
    """A client that loses answers and asks twice, a thief who copies what it can, and time.

    The oracle knows the chain as a list: only the place of a token in it, and when its predecessor was used, decide.
    """

    @initialize()
    def begin(self) -> None:
        self.server = Server()
        self.chain = ["t0"]
        self.used_at: list[datetime] = []
        self.ended = False
        self.last_touch = START
        self.client = "t0"
        self.stolen: list[str] = []

    def expected(self, token: str) -> tuple[Outcome, str | None]:
        now, place, last = self.server.now, self.chain.index(token), len(self.chain) - 1
        if self.ended or now >= self.last_touch + IDLE or now >= START + ABSOLUTE:
            return Outcome.ENDED, None
        if place == last:
            self.chain.append(f"t{len(self.chain)}")
            self.used_at.append(now)
            self.last_touch = now
            return Outcome.ROTATED, self.chain[-1]
        if place == last - 1 and now - self.used_at[place] <= timedelta(minutes=10):
            return Outcome.REPEATED, self.chain[last]
        self.ended = True
        return Outcome.REUSED, None

    def present(self, token: str) -> str | None:
        expected = self.expected(token)
        assert self.server.refresh(token) == expected
        return expected[1]

    @rule()
    def refresh(self) -> None:
        self.client = self.present(self.client) or self.client

    @rule(times=st.integers(1, 4))
    def refresh_and_lose_the_answers(self, times: int) -> None:
        for _ in range(times):
            self.present(self.client)

    @rule(clients=st.integers(2, 20))
    def refresh_at_once(self, clients: int) -> None:
        got = {self.present(self.client) for _ in range(clients)}
        assert len(got) == 1
        self.client = got.pop() or self.client

    @rule()
    def steal(self) -> None:
        self.stolen.append(self.client)

    @precondition(lambda self: self.stolen)
    @rule(which=st.integers(0), keep=st.booleans())
    def use_what_is_stolen(self, which: int, keep: bool) -> None:
        got = self.present(self.stolen[which % len(self.stolen)])
        if got is not None and keep:
            self.stolen.append(got)

    @rule(time=TIMES)
    def wait(self, time: timedelta) -> None:
        self.server.now += time

    @invariant()
    def one_chain(self) -> None:
        tokens = self.server.tokens.values()
        assert sum(token.used_at is None for token in tokens) == 1
        successors = [token.successor for token in tokens if token.successor is not None]
        assert len(set(successors)) == len(successors) == len(self.server.tokens) - 1

    @invariant()
    def alive_as_expected(self) -> None:
        session, now = self.server.session, self.server.now
        idle_or_old = now >= self.last_touch + IDLE or now >= START + ABSOLUTE
        assert session.alive(now) is not (self.ended or idle_or_old)
        assert (session.revoked_at is not None) is self.ended
        assert session.ends_at <= START + ABSOLUTE


class Honest(Rotation):
    """Without a thief, and as long as a lost answer is asked for again within the grace, nothing is ever revoked."""

    steal = None  # type: ignore[assignment]
    use_what_is_stolen = None  # type: ignore[assignment]
    wait = None  # type: ignore[assignment]

    @rule(time=st.timedeltas(timedelta(0), timedelta(days=31)))
    def wait_after_the_answer_came(self, time: timedelta) -> None:
        self.refresh()
        self.server.now += time

    @invariant()
    def never_revoked(self) -> None:
        assert self.server.session.revoked_at is None


def _case(machine: type[RuleBasedStateMachine]) -> Callable[..., object]:
    machine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
    return machine.TestCase


TestRotation = _case(Rotation)
TestHonest = _case(Honest)
