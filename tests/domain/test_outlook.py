"""Who can do what, told to somebody: nothing that it could not see before."""

from random import Random

import pytest
from hypothesis import given

from application.proof.interference import Pairs
from application.proof.oracle import Shown
from application.proof.worlds import Draw, aims
from domain.access import Holder, Right, Whose, holders
from domain.outlook import Outlook
from domain.ownership import ANONYMOUS, Actor, Facts, may
from domain.snapshot import Snapshot
from tests.domain.small import BOB, CAROL, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.ownership.worlds import NOW, specifications


def told(snapshot: Snapshot, actor: Actor, facts: Facts) -> tuple[Holder, ...]:
    """What the actor, who can open the record, is told of it."""
    world = Outlook(snapshot.specification, snapshot.now, Shown(snapshot, actor))
    record = world.record(facts.record.resource, facts.record.id)
    return holders(Facts(record, world), world)


def shown(small: Small, actor: Actor, name: str) -> dict[str, list[str]]:
    """By name, what somebody is told."""
    return {
        holder.account or holder.role or str(holder.whose): [right.because.grant.text for right in holder.rights]
        for holder in told(small.state, actor, small.at(name))
    }


HOUSE = """
staff: chief
resources:
  house:
    owner: account
    roles: head > guest
    fields: {name: text}
    can: {create: signed in, read: [owner, guest], members: [owner, head]}
  client:
    owner: account
    fields: {portal: {type: account, optional: yes}, vip: yes/no}
    can: {create: signed in, read: owner, open: owner}
  room:
    owner: house
    roles: tenant
    fields:
      client: {type: client, optional: yes}
      state: "one of free, taken"
      secret: {type: text, optional: yes, read: owner}
      agent: {type: account, optional: yes, read: owner}
    can:
      create: owner
      open: anyone when state is free
      read:
        - owner
        - house.head
        - tenant when state is taken
        - client.portal
        - agent
        - staff.chief when client.vip is yes
        - signed in when secret is empty
      members: [owner, tenant]
"""


@pytest.fixture
def house() -> Small:
    """Mary's house with Bob as its head; Carol is a tenant of a room that a client of Mary's has."""
    small = Small(HOUSE)
    small.put("house", "house", MARY)
    small.give(BOB, "head", "house")
    small.put("client", "client", MARY, portal="dave", vip=True)
    small.put("room", "room", "house", client="client", state="taken", secret="x", agent="erin")
    small.give(CAROL, "tenant", "room")
    return small


def test_who_sees_everything_is_told_everything_but_who_is_staff(house: Small) -> None:
    house.staff(BOB, "chief")
    assert shown(house, MARY, "room") == {
        "chief": ["staff.chief when client.vip is yes"],
        "mary": ["owner", "owner"],
        "bob": ["house.head"],
        "carol": ["tenant when state is taken", "tenant"],
        "dave": ["client.portal"],
        "erin": ["agent"],
    }


def test_a_tenant_is_told_of_nothing_that_comes_from_what_is_hidden(house: Small) -> None:
    """Neither the house's members, nor whose portal a client names, nor a field that it cannot read."""
    assert shown(house, CAROL, "room") == {
        "mary": ["owner", "owner"],
        "carol": ["tenant when state is taken", "tenant"],
    }


def test_what_looks_empty_because_it_is_hidden_is_not_taken_for_empty(house: Small) -> None:
    """`secret is empty` may hold or not: a tenant, who cannot read it, is told the same in both cases."""
    house.put("room", "room", "house", client="client", state="taken", secret=None, agent="erin")
    assert "signed in" in shown(house, MARY, "room")
    assert "signed in" not in shown(house, CAROL, "room")


def test_ones_own_way_in_is_not_told_where_it_is_hidden() -> None:
    """Dave opens the room because a client names him whom he cannot see: that there is one is not betrayed."""
    small = Small(HOUSE)
    small.put("house", "house", MARY)
    small.put("client", "client", MARY, portal="dave")
    small.put("room", "room", "house", client="client", state="free", secret="x")
    assert shown(small, Actor("dave"), "room") == {
        "anyone": ["anyone when state is free"],
        "mary": ["owner", "owner"],
    }


# --- in general ----------------------------------------------------------------------------


def rights(found: tuple[Holder, ...]) -> set[tuple[Whose, str | None, str | None, Right]]:
    return {(each.whose, each.account, each.role, right.key) for each in found for right in each.rights}  # type: ignore[misc]


@given(RANDOMS)
@PROPERTY
def test_what_is_told_is_true(random: Random) -> None:
    world = some_world(random)
    snapshot = world.state.at(world.specification, NOW)
    for facts in random.sample(list(snapshot.every()), min(8, sum(1 for _ in snapshot.every()))):
        whole = holders(facts, snapshot)
        public = {right.key for each in whole if each.account is None for right in each.rights}
        every = {(each.account, right.key) for each in whole for right in each.rights}
        for actor in (ANONYMOUS, *map(Actor, snapshot.accounts)):
            if may("open", actor, facts):
                for each in told(snapshot, actor, facts):
                    for right in each.rights:
                        assert (each.account, right.key) in every or right.key in public, (actor, each, right)


@given(RANDOMS)
@PROPERTY
def test_two_worlds_that_are_the_same_to_somebody_tell_it_the_same(random: Random) -> None:
    """Everything that it can open in both, although what it cannot see is different."""
    specification = random.choice(list(specifications().values()))
    draw = Draw(specification, random, NOW)
    every = aims(specification)
    draw.world(random.sample(every, min(6, len(every))), 2)
    for who in random.sample([None, *draw.snapshot.accounts], 2):
        pair = Pairs(draw, random).pair(who)
        if pair is None:
            continue
        actor, (one, other) = Actor(who), (pair.worlds[0], pair.worlds[-1])
        for facts in one.every():
            there = other.record(facts.record.resource, facts.record.id)
            if there is not None and may("open", actor, facts):
                assert told(one, actor, facts) == told(other, actor, other.facts(there)), pair.changes
