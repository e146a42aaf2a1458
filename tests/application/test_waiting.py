"""Invitations and offers that wait in random worlds: what accepting each comes to, for each account.

The domain says beforehand what must happen; what is stored afterwards is compared with all that was.
"""

from collections.abc import Coroutine
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

from hypothesis import given, settings

from adapters.persistence.memory import MemoryStore, State
from application.mailing import token_hash
from domain.errors import Conflict, NotFound, Refusal
from domain.invitation import Invitation
from domain.judging import may_give, sharing_cap
from domain.membership import within
from domain.offer import Offer
from domain.ownership import Actor, Facts, may
from domain.snapshot import Snapshot
from tests.application.world import World
from tests.domain.small import PROPERTY, RANDOMS, some_world
from tests.ownership.cases import done
from tests.ownership.worlds import NOW

FEW = settings(PROPERTY, max_examples=15)


class Trial:
    """A random world behind the use cases. One of its accounts has been disabled."""

    def __init__(self, random: Random) -> None:
        drawn = some_world(random)
        self.drawn = drawn
        accounts = drawn.state.identity.accounts
        disabled = random.choice(drawn.accounts)
        accounts[disabled] = replace(accounts[disabled], disabled=True)
        self.store = MemoryStore(drawn.specification)
        self.world = World(drawn.specification, self.store)
        self.people = [actor for actor in drawn.everybody if actor.account is not None]
        self.again()

    def again(self) -> None:
        """Everything as it was drawn."""
        self.store.state = self.drawn.state.copy()

    def told(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """What a use case comes to: its answer, or its refusal with the code."""
        try:
            return done(asked)
        except Refusal as refusal:
            return type(refusal), refusal.code

    def record(self, each: Invitation | Offer) -> Facts:
        """The record that it is about, as it was drawn."""
        return self.drawn.facts(self.drawn.state.records[each.resource][each.record])

    def acts(self, account: str) -> bool:
        """Whether there is such an account, and it is not disabled."""
        found = self.drawn.state.identity.accounts.get(account)
        return found is not None and not found.disabled


def stored(state: State) -> dict[str, Any]:
    """All that invitations and offers can change, as it is stored."""
    return {
        "records": {name: dict(records) for name, records in state.records.items()},
        "memberships": dict(state.memberships),
        "links": dict(state.links),
        "invitations": dict(state.invitations),
        "offers": dict(state.offers),
    }


def tokens(each: Invitation) -> tuple[str | None, ...]:
    """None, and what the letter has where one went out: see `worlds.Draw`."""
    return None, each.id


def but(found: dict[str, Any], key: str) -> dict[str, Any]:
    return {other: each for other, each in found.items() if other != key}


def handed(world: Snapshot, offer: Offer) -> str | None:
    """Have the world as it is once an offer is taken; or the code of what is in its way."""
    try:
        world.hand_over(offer)
    except Conflict as refused:
        return refused.code
    return None


@FEW
@given(RANDOMS)
def test_accepting_gives_the_role_that_the_inviter_could_give_now_and_nothing_else(random: Random) -> None:
    trial = Trial(random)
    for each in trial.drawn.state.invitations.values():
        ladder, by = trial.record(each).resource.ladder, Actor(each.inviter)
        assert ladder is not None
        holds = trial.acts(each.inviter) and may_give(by, trial.record(each), each.role)
        for actor, token in product(trial.people, tokens(each)):
            trial.again()
            before, account = stored(trial.store.state), str(actor.account)
            present = before["memberships"].get((each.record, account))
            told = trial.told(trial.world.invitations.accept(actor, each.id, token))
            gone = before | {"invitations": but(before["invitations"], each.id)}
            if not each.waits(NOW) or not each.is_for(account, token and token_hash(token)):
                assert (told, stored(trial.store.state)) == ((NotFound, "not_found"), before)
            elif not holds:
                assert (told, stored(trial.store.state)) == ((Conflict, "invitation_lapsed"), gone)
            elif present is not None and present.live(NOW):
                assert (told, stored(trial.store.state)) == ((Conflict, "already_a_member"), before)
            else:
                assert within(ladder, told.role, sharing_cap(by, trial.record(each))), "no more than its inviter gives"
                assert told == each.membership(ladder, account, NOW)
                member = {**before["memberships"], (each.record, account): told}
                assert stored(trial.store.state) == gone | {"memberships": member}


@FEW
@given(RANDOMS)
def test_what_was_declined_or_withdrawn_gives_nothing(random: Random) -> None:
    trial = Trial(random)
    for each in trial.drawn.state.invitations.values():
        facts, place = trial.record(each), (each.resource, each.record)
        for actor in trial.people:
            trial.again()
            before = stored(trial.store.state)
            gone = before | {"invitations": but(before["invitations"], each.id)}
            told = trial.told(trial.world.invitations.decline(actor, each.id))
            own = each.waits(NOW) and each.account == actor.account
            assert stored(trial.store.state) == (gone if own else before)
            assert told == (None if own else (NotFound, "not_found"))
            trial.again()
            told = trial.told(trial.world.invitations.withdraw(actor, *place, each.id))
            ended = each.waits(NOW) and may_give(actor, facts, each.role)
            assert stored(trial.store.state) == (gone if ended else before), told
            if ended and each.account is not None:
                invited = next(who for who in trial.people if who.account == each.account)
                assert trial.told(trial.world.invitations.accept(invited, each.id)) == (NotFound, "not_found")


@FEW
@given(RANDOMS)
def test_taking_needs_the_givers_right_as_it_is_now(random: Random) -> None:
    trial = Trial(random)
    for each in trial.drawn.state.offers.values():
        holds = trial.acts(each.giver) and may("transfer", Actor(each.giver), trial.record(each))
        for actor in trial.people:
            trial.again()
            before, expected = stored(trial.store.state), trial.drawn.state.copy()
            told = trial.told(trial.world.transfers.accept(actor, each.id))
            if not each.waits(NOW) or each.recipient != actor.account:
                assert (told, stored(trial.store.state)) == ((NotFound, "not_found"), before)
            elif not holds:
                gone = before | {"offers": but(before["offers"], each.id)}
                assert (told, stored(trial.store.state)) == ((Conflict, "offer_lapsed"), gone)
            elif in_the_way := handed(expected.at(trial.drawn.specification, NOW), each):
                assert (told, stored(trial.store.state)) == ((Conflict, in_the_way), before)
            else:
                assert (told, stored(trial.store.state)) == (each, stored(expected))


@FEW
@given(RANDOMS)
def test_an_offer_that_was_declined_or_withdrawn_gives_nothing(random: Random) -> None:
    trial = Trial(random)
    for each in trial.drawn.state.offers.values():
        facts, place = trial.record(each), (each.resource, each.record)
        for actor in trial.people:
            trial.again()
            before = stored(trial.store.state)
            gone = before | {"offers": but(before["offers"], each.id)}
            told = trial.told(trial.world.transfers.decline(actor, each.id))
            own = each.waits(NOW) and each.recipient == actor.account
            assert stored(trial.store.state) == (gone if own else before)
            assert told == (None if own else (NotFound, "not_found"))
            trial.again()
            told = trial.told(trial.world.transfers.withdraw(actor, *place, each.id))
            ended = each.waits(NOW) and bool(may("transfer", actor, facts))
            assert stored(trial.store.state) == (gone if ended else before), told
