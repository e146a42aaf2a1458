"""Who can do what with a record: the rules with the principal left free."""

from random import Random

from hypothesis import given

from domain.access import STEP, Holder, Whose, holders
from domain.ownership import ANONYMOUS, ENGINE, Actor, may
from domain.specification.model import ACTIONS
from tests.domain.small import BOB, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.ownership.worlds import NOW

SHOP = """
staff: chief > clerk
resources:
  shop:
    owner: account
    roles: keeper > helper
    fields: {open: yes/no}
    can: {create: signed in, read: [owner, helper, anyone when open is yes], members: [owner, keeper], update: keeper}
  order:
    owner: shop
    fields: {buyer: {type: account, optional: yes}, state: "one of asked, paid, sent"}
    can:
      create: owner
      read: [whoever can read shop, buyer, staff.clerk when state is paid]
      update: signed in and buyer
      delete: [engine, staff.chief]
    steps: {state: {asked -> paid: engine, paid -> sent: [shop.keeper, buyer]}}
"""


def shop() -> Small:
    """Mary's shop with Bob as its keeper, and an order of Carol's."""
    small = Small(SHOP)
    small.put("shop", "shop", MARY)
    small.give(BOB, "keeper", "shop")
    small.put("order", "order", "shop", buyer="carol", state="paid")
    return small


def shown(small: Small, name: str) -> dict[str, list[str]]:
    """By name, what somebody may do and why."""
    facts = small.at(name)
    return {
        holder.account or holder.role or str(holder.whose): [
            f"{right.step or right.action}, {right.because}" for right in holder.rights
        ]
        for holder in holders(facts, small.state)
    }


def test_everybody_is_told_with_grant_line_and_what_satisfied_it() -> None:
    assert shown(shop(), "shop") == {
        "mary": ["read, line 9: `owner` (owner of shop shop)", "members, line 9: `owner` (owner of shop shop)"],
        "bob": [
            "read, line 9: `helper` (keeper of shop shop)",
            "update, line 9: `keeper` (keeper of shop shop)",
            "members, line 9: `keeper` (keeper of shop shop)",
        ],
    }


def test_ways_over_other_records_fields_conditions_and_steps_are_told() -> None:
    found = shown(shop(), "order")
    assert found["carol"] == [
        "read, line 15: `buyer` (buyer of order order)",
        "update, line 16: `signed in and buyer` (signed in; buyer of order order)",
        "state: paid -> sent, line 18: `buyer` (buyer of order order)",
    ]
    assert found["bob"] == [
        "read, line 15: `whoever can read shop` (can read shop, line 9: `helper` (keeper of shop shop))",
        "state: paid -> sent, line 18: `shop.keeper` (keeper of shop shop)",
    ]
    assert found["clerk"] == ["read, line 15: `staff.clerk when state is paid` (staff.clerk; state is)"]
    assert found["engine"] == ["delete, line 17: `engine` (the engine)"]


def test_what_anyone_may_is_said_once() -> None:
    small = shop()
    small.put("shop", "shop", MARY, open=True)
    found = shown(small, "shop")
    assert found["anyone"] == ["read, line 9: `anyone when open is yes` (anyone; open is)"]
    assert len(found["mary"]) == 2, "she may read it as its owner, too"
    assert all("anyone" not in right for right in found["mary"] + found["bob"])


def test_who_holds_a_staff_role_is_told_beside_the_role() -> None:
    small = shop()
    small.staff(BOB, "chief")
    found = shown(small, "order")
    assert any(right.startswith("delete, line 17: `staff.chief`") for right in found["bob"])
    assert any(right.startswith("delete, line 17: `staff.chief`") for right in found["chief"])


# --- in general ----------------------------------------------------------------------------


@given(RANDOMS)
@PROPERTY
def test_somebody_is_told_with_an_action_if_and_only_if_the_domain_says_so(random: Random) -> None:
    world = some_world(random)
    snapshot = world.state.at(world.specification, NOW)
    for facts in random.sample(list(snapshot.every()), min(10, sum(1 for _ in snapshot.every()))):
        found = holders(facts, snapshot)
        for actor in (ANONYMOUS, ENGINE, *map(Actor, snapshot.accounts)):
            told = actions(found, actor)
            for action in ACTIONS:
                # the engine opens everything, also where nothing says so
                if action != "create" and not (actor.engine and action == "open"):
                    assert (action in told) is may(action, actor, facts).allowed, f"{actor}: {action} of {facts.record}"


def actions(found: tuple[Holder, ...], actor: Actor) -> set[str]:
    """What an actor may do, as it is told of itself or of its kind."""
    if actor.engine:
        kinds = {Whose.ENGINE}
    else:
        kinds = {Whose.ANYONE} if actor.account is None else {Whose.ANYONE, Whose.SIGNED_IN, Whose.ACCOUNT}
    mine = [each for each in found if each.whose in kinds and each.account in (None, actor.account)]
    told = {right.action for each in mine for right in each.rights} - {STEP}
    return told | ({"open"} if "read" in told else set())
