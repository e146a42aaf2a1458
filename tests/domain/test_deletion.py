"""What goes with a record or an account, and what forbids it."""

from random import Random
from typing import Any

import pytest
from hypothesis import given

from domain.deletion import closing, going, left_referring, obstacles, outlives, referring
from domain.ownership import Facts, locked, locked_above
from domain.specification.model import Hop
from tests.domain.small import BOB, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.ownership.worlds import World

CAN = "can: {create: owner, read: owner, delete: owner}"
SHELVES = f"""
resources:
  shelf:
    owner: account
    fields: {{title: text, closed: yes/no}}
    locked: when closed is yes
    {CAN}
  book:
    owner: shelf
    fields: {{sealed: yes/no, next: {{type: book, optional: yes, when_gone: WHEN}}}}
    locked: when sealed is yes
    {CAN}
  page:
    owner: book
    fields: {{text: text}}
    {CAN}
  deed:
    owner: book
    keep: yes
    fields: {{text: text}}
    {CAN}
  wish:
    owner: account
    fields: {{book: {{type: book, when_gone: WHEN}}}}
    {CAN}
"""


def shelves(when_gone: str | None) -> Small:
    """Mary's shelf with two books, the second of which refers to the first, as does a wish of Bob's."""
    said = f"when_gone: {when_gone}" if when_gone is not None else "about: unsaid"
    small = Small(SHELVES.replace("when_gone: WHEN", said))
    small.put("shelf", "shelf", MARY)
    small.put("book", "book", "shelf")
    small.put("page", "page", "book")
    small.put("book", "second", "shelf", next="book")
    small.put("page", "third", "second")
    small.put("wish", "wish", BOB, book="book")
    return small


def test_parent_deleted() -> None:
    """Children go in the same transaction."""
    small = shelves("empty")
    assert set(going(small.at("book"))) == {"book", "page"}
    assert set(going(small.at("shelf"))) == {"shelf", "book", "page", "second", "third"}
    assert obstacles(small.at("shelf")) == ()


def test_a_kept_record_below_keeps_what_is_above_it() -> None:
    small = shelves("empty")
    deed = small.put("deed", "deed", "book")
    assert obstacles(small.at("book")) == ("kept",)
    assert obstacles(small.at("shelf")) == ("kept",)
    assert obstacles(small.at("second")) == ()
    assert obstacles(deed) == ()


def test_a_locked_record_below_keeps_what_is_above_it() -> None:
    """The record's own lock is another matter (`judge_deletion`)."""
    small = shelves("empty")
    small.put("book", "second", "shelf", sealed=True)
    assert obstacles(small.at("shelf")) == ("locked",)
    assert obstacles(small.at("book")) == ()
    small.put("book", "lonely", "shelf", sealed=True)
    assert obstacles(small.at("lonely")) == ()


@pytest.mark.parametrize(
    ("when_gone", "blocked", "gone"),
    [
        ("empty", (), {"book", "page"}),
        ("block", ("referred",), {"book", "page"}),
        ("delete", (), {"book", "page", "second", "third", "wish"}),
        (None, ("referred",), {"book", "page"}),
    ],
)
def test_a_referred_record_deleted(when_gone: str | None, blocked: tuple[str, ...], gone: set[str]) -> None:
    small = shelves(when_gone)
    assert obstacles(small.at("book")) == blocked
    assert set(going(small.at("book"))) == gone
    assert obstacles(small.at("second")) == ()


def test_unsaid_a_reference_blocks_only_under_the_same_root_record() -> None:
    """Blocking would reveal a stranger's record, even one's own under another root."""
    small = shelves(None)
    del small.state.records["book"]["second"]
    assert obstacles(small.at("book")) == ()
    small.put("shelf", "other", MARY)
    small.put("book", "second", "other", next="book")
    assert obstacles(small.at("book")) == ()
    small.put("book", "second", "shelf", next="book")
    assert obstacles(small.at("book")) == ("referred",)


def test_a_reference_among_what_goes_blocks_nothing() -> None:
    for when_gone in ("block", None):
        small = shelves(when_gone)
        small.put("wish", "wish", BOB, book=None)
        assert obstacles(small.at("book")) == ("referred",)
        assert obstacles(small.at("shelf")) == ()
        small.put("book", "book", "shelf", next="second")
        assert set(going(small.at("shelf"))) == {"shelf", "book", "page", "second", "third"}
        assert obstacles(small.at("shelf")) == ()


def test_deletion_follows_references_in_circles() -> None:
    small = shelves("delete")
    small.put("book", "book", "shelf", next="second")
    assert set(going(small.at("second"))) == {"second", "third", "book", "page", "wish"}


def test_what_follows_by_reference_may_be_kept_or_locked() -> None:
    small = shelves("delete")
    small.put("deed", "deed", "second")
    small.put("book", "second", "shelf", next="book", sealed=True)
    assert obstacles(small.at("book")) == ("kept", "locked")


def test_account_deleted() -> None:
    """Everything goes, locked or not, but what is kept, with what is above and below it."""
    small = shelves("block")
    small.put("shelf", "shelf", MARY, closed=True)
    owned = [small.at(name) for name in ("shelf", "book", "page", "second", "third")]
    assert [set(part) for part in closing(owned)] == [{"shelf", "book", "page", "second", "third"}, set()]
    small.put("deed", "deed", "second")
    owned.append(small.at("deed"))
    gone, kept = closing(owned)
    assert (set(gone), set(kept)) == ({"book", "page", "third"}, {"shelf", "second", "deed"})


def test_account_deleted_takes_along_what_refers_with_delete_whoever_owns_it() -> None:
    small = shelves("delete")
    gone, kept = closing([small.at(name) for name in ("shelf", "book", "page", "second", "third")])
    assert (set(gone), set(kept)) == ({"shelf", "book", "page", "second", "third", "wish"}, set())


# --- in every world ------------------------------------------------------------------------


def below(world: World, facts: Facts) -> list[Facts]:
    """What hangs directly below a record, found by looking at every record there is."""
    return [
        at for at in world.every() if at.resource.parent == facts.resource.name and at.record.parent == facts.record.id
    ]


@PROPERTY
@given(RANDOMS)
def test_what_goes_is_closed_and_nothing_more_than_that(random: Random) -> None:
    """With each record goes what is below it and what follows it; and only for one of these reasons."""
    world = some_world(random)
    for facts in world.every():
        gone = going(facts)
        assert facts.record.id in gone
        for at in gone.values():
            assert all(child.record.id in gone for child in below(world, at))
        for at in world.every():
            follows = any(
                field.when_gone == "delete" and at.record.target(field.name) in gone
                for field in at.resource.references()
            )
            hangs = at.record.parent in gone if at.resource.parent is not None else False
            assert (at.record.id in gone) == (at.record.id == facts.record.id or follows or hangs)


@PROPERTY
@given(RANDOMS)
def test_going_with_what_goes_adds_nothing(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        gone = set(going(facts))
        for at in world.every():
            assert at.record.id not in gone or set(going(at)) <= gone


@PROPERTY
@given(RANDOMS)
def test_what_is_left_refers_to_nothing_that_is_gone_but_to_be_emptied(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        gone = going(facts)
        left = [(field, tie) for at in gone.values() for field, tie in left_referring(at, gone)]
        assert all(tie.id not in gone and field.when_gone != "delete" for field, tie in left)
        found = {(field.name, tie.id) for field, tie in left}
        for at in world.every():
            for field in at.resource.references():
                refers = at.record.target(field.name) in gone and at.record.id not in gone
                assert refers == ((field.name, at.record.id) in found)


@PROPERTY
@given(RANDOMS)
def test_obstacles_are_all_there_is_in_the_way(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        gone = going(facts)
        others = [at for at in gone.values() if at.record.id != facts.record.id]
        found = obstacles(facts)
        assert ("kept" in found) == any(at.resource.keep for at in others)
        assert ("locked" in found) == any(locked(at) or locked_above(at) for at in others)
        blocking = [
            field.when_gone == "block" or (field.when_gone is None and root(Facts(tie, at.world)) == root(at))
            for at in gone.values()
            for field, tie in left_referring(at, gone)
        ]
        assert ("referred" in found) == any(blocking)


def root(facts: Facts) -> Any:
    """The id at the top of the chain, by hand."""
    while facts.resource.parent is not None:
        parent = facts.hop(Hop(facts.resource.parent, facts.resource.parent))
        assert parent is not None
        facts = parent
    return facts.record.id


@PROPERTY
@given(RANDOMS)
def test_an_account_leaves_nothing_ownerless(random: Random) -> None:
    """Each of its records goes or passes to the tombstone; kept ones pass, with all above them."""
    world = some_world(random)
    for account in world.accounts:
        owned = [at for at in world.every() if at.record.owner == account]
        gone, kept = closing(owned)
        assert {at.record.id for at in owned} <= gone.keys() | kept.keys()
        assert not gone.keys() & kept.keys()
        for at in owned:
            if at.resource.keep:
                assert at.record.id in kept
                assert all(above.record.id in kept for above in at.above())
        for at in world.every():
            assert at.record.id not in gone or not outlives(at)
            assert at.record.id not in gone or all(child.record.id in gone for child in below(world, at))


def test_referring_names_every_field_that_can_refer() -> None:
    small = shelves("empty")
    assert [(resource.name, field.name) for resource, field in referring(small.specification, "book")] == [
        ("book", "next"),
        ("wish", "book"),
    ]
