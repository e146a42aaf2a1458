"""What is asked for of a record, and what stands beside it."""

from datetime import UTC, datetime

from domain.api_key import KeyScope
from domain.expansion import DEEPEST, WHOLE, Selection, expandable, shown
from domain.ownership import ANONYMOUS, Actor, view
from domain.record import Record
from domain.snapshot import Snapshot
from domain.specification.model import Hop
from tests.application.world import example, specification

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MARY, BOB = Actor("mary"), Actor("bob")
ROOMS = specification("""
resources:
  house:
    owner: account
    fields: {name: text}
    can: {create: signed in, open: signed in, read: owner}
  room:
    owner: house
    fields: {door: {type: room, optional: yes}, safe: {type: room, optional: yes, read: owner}}
    can: {create: owner, read: anyone}
""")
HOUSE = Record("house", "h", "mary", None, {"name": "Home"}, NOW, NOW)
HALL = Record("room", "hall", "mary", "h", {"door": "attic", "safe": "attic"}, NOW, NOW)
ATTIC = Record("room", "attic", "mary", "h", {"door": None, "safe": None}, NOW, NOW)
WORLD = Snapshot(ROOMS, NOW, {}, {"house": {"h": HOUSE}, "room": {"hall": HALL, "attic": ATTIC}})


def wanted(*names: str, fields: tuple[str, ...] | None = None) -> Selection:
    ways = expandable(ROOMS, "room")
    return Selection(fields, tuple(ways[name] for name in names))


def test_parents_and_references_can_be_expanded_two_levels_deep() -> None:
    assert list(expandable(example("tracker"), "task")) == ["project", "project.workspace"]
    assert list(expandable(example("tracker"), "workspace")) == []
    ways = expandable(ROOMS, "room")
    assert list(ways)[:5] == ["house", "door", "safe", "door.house", "door.door"]
    assert max(map(len, ways.values())) == DEEPEST


def test_a_way_of_two_hops_asks_for_both_records() -> None:
    house, door = Hop("house", "house"), Hop("door", "room")
    assert wanted("door.house", "house").expansions == {door: {house: {}}, house: {}}
    assert wanted("door", "door.house").expansions == wanted("door.house").expansions


def test_only_the_members_that_are_asked_for_are_shown_in_the_order_of_the_view() -> None:
    whole = view(MARY, WORLD.facts(HALL))
    assert shown(MARY, WORLD.facts(HALL), WHOLE) == whole
    assert list(shown(MARY, WORLD.facts(HALL), wanted(fields=("door", "id"))).items()) == [
        ("id", "hall"),
        ("door", "attic"),
    ]
    assert shown(BOB, WORLD.facts(HALL), wanted(fields=("safe",))) == {}, "what it cannot read is absent here, too"


def test_what_stands_beside_a_record_is_shown_by_its_own_rule() -> None:
    attic, house = view(MARY, WORLD.facts(ATTIC)), view(MARY, WORLD.facts(HOUSE))
    found = shown(MARY, WORLD.facts(HALL), wanted("house", "safe", "door.house"))
    assert found["expanded"] == {"house": house, "safe": attic, "door": attic | {"expanded": {"house": house}}}
    found = shown(BOB, WORLD.facts(HALL), wanted("house", "safe", "door.house", fields=("id",)))
    beside = {"house": None, "safe": None, "door": view(BOB, WORLD.facts(ATTIC)) | {"expanded": {"house": None}}}
    assert found == {"id": "hall", "expanded": beside}, "it opens the house by its id, and reads none"
    assert view(BOB, WORLD.facts(HALL))["house"] == "h"
    assert shown(ANONYMOUS, WORLD.facts(HALL), wanted("house"))["expanded"] == {"house": None}


def test_what_a_key_is_not_for_does_not_stand_beside_a_record() -> None:
    key = KeyScope("k", frozenset({"read"}), frozenset({"room"}))
    found = shown(Actor("mary", key=key), WORLD.facts(HALL), wanted("house", "door"))
    assert found["expanded"] == {"house": None, "door": view(MARY, WORLD.facts(ATTIC))}
    writing = KeyScope("k", frozenset({"update"}), frozenset({"room", "house"}))
    assert shown(Actor("mary", key=writing), WORLD.facts(HALL), wanted("house"))["expanded"] == {"house": None}
