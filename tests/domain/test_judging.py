"""Whether somebody may create, change, move, delete or share: the semantics table of the language, row by row."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given

from domain.errors import Forbidden
from domain.judging import (
    Change,
    judge_change,
    judge_creation,
    judge_deletion,
    judge_result,
    opened_by,
    sharing_cap,
)
from domain.membership import Membership, longest, within
from domain.ownership import ANONYMOUS, Actor, Facts, locked, locked_above, may
from domain.record import writable
from domain.specification.model import Ladder, Role
from tests.domain.small import BOB, CAROL, MARY, PROPERTY, RANDOMS, Small, refusal, some_world
from tests.ownership.worlds import DAY, NOW, World

BOARD = """
resources:
  board:
    owner: account
    roles: admin > writer > reader
    fields: {title: text, frozen: yes/no}
    locked: when frozen is yes, except title
    can:
      create: signed in
      read: [owner, reader]
      update: [owner, admin]
      delete: owner
      share: [owner, writer]
  card:
    owner: board
    fields:
      author: creator
      title: text
      note: {type: text, optional: yes, write: [author, board.owner]}
      state: one of todo, doing, done
      secret: {type: text, optional: yes, read: owner}
      done: yes/no
    locked: when done is yes, except note
    steps:
      state:
        todo -> doing: writer
        doing -> done: [author, admin]
    can:
      create: [owner, writer]
      read: [owner, reader]
      update:
        - owner
        - writer only title, note, secret
        - reader only note when title is free
      move: [owner, writer]
      delete: [owner, author and writer]
"""


@pytest.fixture
def board() -> Small:
    """Mary's board with Bob as a writer and Carol as a reader, and Bob's own board."""
    small = Small(BOARD)
    small.put("board", "board", MARY)
    small.put("board", "bobs", BOB)
    small.give(BOB, "writer", "board")
    small.give(CAROL, "reader", "board")
    small.put("card", "card", "board", author="bob", title="free")
    return small


def change(small: Small, actor: Actor, name: str = "card", /, **values: Any) -> list[str] | None:
    """What is refused of a change, on the record as it is or as it would be; None where it is allowed."""
    old = small.at(name)
    parent = values.get(str(old.resource.parent))

    def judge() -> None:
        judged = judge_change(actor, old, values)
        new = small.moved(name, parent) if judged.moves_to is not None and parent else old
        record = new.record.edit(judged.fields, NOW)
        judge_result(actor, Facts(record, new.world), judged)

    return refusal(judge)


# --- create --------------------------------------------------------------------------------


def creation(small: Small, actor: Actor, above: str, **values: Any) -> list[str] | None:
    """What is refused of a new card."""
    new = small.put("card", "new", above, author=actor.account, **values)
    del small.state.records["card"]["new"]
    return refusal(judge_creation, actor, new, values)


def test_create_needs_a_grant_on_the_record_as_it_would_be(board: Small) -> None:
    assert creation(board, MARY, "board") is None
    assert creation(board, BOB, "board", title="mine") is None
    assert creation(board, CAROL, "board") == []
    assert creation(board, ANONYMOUS, "board") == []


def test_create_needs_to_open_the_result() -> None:
    text = """
resources:
  form:
    owner: account
    fields: {name: text}
    can: {create: signed in, open: anyone}
  answer:
    owner: form
    fields: {by: creator, text: text}
    can: {create: anyone, read: by}
"""
    small = Small(text)
    small.put("form", "form", MARY)
    for actor, allowed in ((BOB, True), (ANONYMOUS, False)):
        new = small.put("answer", "answer", "form", by=actor.account)
        assert (refusal(judge_creation, actor, new, {}) is None) is allowed


def test_field_write_binds_in_create_too(board: Small) -> None:
    """Whoever may not write a field leaves it out: Bob writes as the author; an admin who is not would not."""
    assert creation(board, BOB, "board", note="mine") is None
    new = board.put("card", "new", "board", author="carol", note="hers")
    assert refusal(judge_creation, BOB, new, {"title": "a", "note": "hers"}) == ["note"]
    assert refusal(judge_creation, BOB, new, {"title": "a"}) is None


def test_nothing_is_created_below_a_lock_but_a_record_may_be_created_locked(board: Small) -> None:
    assert creation(board, BOB, "board", done=True) is None
    board.put("board", "board", MARY, frozen=True)
    assert creation(board, BOB, "board") == []


# --- update --------------------------------------------------------------------------------


def test_update_needs_a_grant_for_each_changed_field(board: Small) -> None:
    assert change(board, MARY, title="a", done=True) is None
    assert change(board, BOB, title="a", note="b") is None
    assert change(board, BOB, title="a", done=True) == ["done"]
    assert change(board, CAROL, title="a") == ["title"]


def test_update_is_judged_on_the_old_and_the_new_record(board: Small) -> None:
    """One grant has to hold on both: nobody edits a record into what they could not edit, or out of it."""
    board.put("card", "card", "board", author="carol", title="free")
    assert change(board, CAROL, note="a") is None
    board.put("card", "card", "board", author="carol", title="taken")
    assert change(board, CAROL, note="a") == ["note"]
    text = """
resources:
  a:
    owner: account
    fields: {name: text, who: account}
    can: {create: signed in, read: anyone, update: [owner when name is free, who]}
"""
    small = Small(text)
    small.put("a", "a", MARY, name="free", who="bob")
    assert change(small, MARY, "a", who="bob", name="free") is None
    assert change(small, MARY, "a", who="carol") is None
    assert change(small, MARY, "a", name="taken") == ["name"]
    assert change(small, BOB, "a", name="taken") is None
    assert change(small, BOB, "a", who="carol") == ["who"]


def test_field_write_needs_a_grant_of_its_own_that_holds_on_both(board: Small) -> None:
    assert change(board, MARY, note="a") is None
    assert change(board, BOB, note="a") is None
    board.put("card", "card", "board", author="carol", title="free")
    assert change(board, BOB, note="a") == ["note"]
    assert change(board, BOB, title="a") is None


def test_an_update_whose_result_the_caller_can_no_longer_open_is_done() -> None:
    text = """
resources:
  a:
    owner: account
    fields: {open: yes/no}
    can: {create: signed in, read: signed in when open is yes, update: [owner, signed in]}
"""
    small = Small(text)
    small.put("a", "a", MARY, open=True)
    assert change(small, MARY, "a", open=False) is None
    assert not may("open", MARY, small.at("a", open=False))


def test_a_field_that_cannot_be_read_always_counts_as_changed(board: Small) -> None:
    """Else sending a guess would tell its value."""
    board.put("card", "card", "board", author="bob", title="free", secret="s")
    assert judge_change(MARY, board.at("card"), {"secret": "s"}).fields == {}
    assert judge_change(BOB, board.at("card"), {"secret": "s", "title": "free"}).fields == {"secret": "s"}


def test_what_does_not_differ_does_not_change(board: Small) -> None:
    judged = judge_change(BOB, board.at("card"), {"title": "free", "done": False, "board": "board"})
    assert judged == Change({}, None, {})
    assert not judged


def test_who_has_no_right_to_change_anything_is_refused_even_that(board: Small) -> None:
    board.put("card", "card", "board", title="taken")
    assert change(board, CAROL, title="taken") == []
    assert change(board, CAROL, title="a") == ["title"]


@pytest.mark.parametrize(
    ("present", "sent", "differs"),
    [
        (1, True, True),
        (1, 1.0, True),
        ([1], [True], True),
        ({"a": 1}, {"a": 1}, False),
        ({"a": [1]}, {"a": [1, 2]}, True),
    ],
)
def test_json_differs_where_its_text_would(present: Any, sent: Any, differs: bool) -> None:
    small = Small(
        "resources:\n  a:\n    owner: account\n    fields: {b: json}\n    can: {read: owner, update: owner}\n"
    )
    record = small.put("a", "a", MARY, b=present)
    assert bool(judge_change(MARY, record, {"b": sent})) is differs


# --- locks ---------------------------------------------------------------------------------


def test_locks_bind_update_but_for_what_is_excepted(board: Small) -> None:
    board.put("card", "card", "board", author="bob", title="free", done=True)
    assert locked(board.at("card"))
    assert change(board, MARY, title="a") == ["title"]
    assert change(board, MARY, note="a") is None
    assert change(board, MARY, done=False) == ["done"]


def test_locks_are_judged_on_the_old_record(board: Small) -> None:
    """So the change that locks is allowed."""
    assert change(board, MARY, done=True, title="a") is None


def test_locks_bind_everything_below(board: Small) -> None:
    board.put("board", "board", MARY, frozen=True)
    assert locked_above(board.at("card"))
    assert not locked(board.at("card"))
    assert change(board, MARY, note="a") == ["note"]
    assert change(board, BOB, state="doing") == ["state"]
    assert refusal(judge_deletion, MARY, board.at("card")) == []
    assert change(board, MARY, "board", title="a") is None


def test_locks_do_not_bind_sharing(board: Small) -> None:
    board.put("board", "board", MARY, frozen=True)
    assert sharing_cap(MARY, board.at("board")) == "admin"


# --- delete --------------------------------------------------------------------------------


def test_delete_needs_the_right_and_no_lock_here_or_above(board: Small) -> None:
    assert refusal(judge_deletion, MARY, board.at("card")) is None
    assert refusal(judge_deletion, BOB, board.at("card")) is None
    assert refusal(judge_deletion, CAROL, board.at("card")) == []
    assert refusal(judge_deletion, MARY, board.at("card", done=True)) == []


# --- steps ---------------------------------------------------------------------------------


def test_steps_are_granted_by_their_own_list(board: Small) -> None:
    assert change(board, BOB, state="doing") is None
    assert change(board, MARY, state="doing") == ["state"]
    assert change(board, CAROL, state="doing") == ["state"]
    board.put("card", "card", "board", author="bob", state="doing")
    assert change(board, BOB, state="done") is None


def test_steps_are_the_only_ways(board: Small) -> None:
    board.give(MARY, "admin", "board")
    assert change(board, MARY, state="done") == ["state"]
    board.put("card", "card", "board", author="bob", state="done")
    assert change(board, BOB, state="todo") == ["state"]


def test_steps_run_on_a_record_that_its_own_lock_holds_but_not_below_one(board: Small) -> None:
    board.put("card", "card", "board", author="bob", done=True)
    assert change(board, BOB, state="doing") is None
    assert change(board, BOB, state="doing", title="a") == ["title"]
    board.put("board", "board", MARY, frozen=True)
    assert change(board, BOB, state="doing") == ["state"]


# --- moving --------------------------------------------------------------------------------


def test_moving_needs_move_here_and_create_there(board: Small) -> None:
    assert change(board, BOB, board="bobs") is None
    assert change(board, MARY, board="bobs") == ["board"]
    assert change(board, CAROL, board="bobs") == ["board"]
    board.give(MARY, "writer", "bobs")
    assert change(board, MARY, board="bobs") is None


def test_moving_stops_at_locks_here_above_and_there(board: Small) -> None:
    board.put("card", "card", "board", author="bob", done=True)
    assert change(board, BOB, board="bobs") == ["board"]
    board.put("card", "card", "board", author="bob")
    board.put("board", "bobs", BOB, frozen=True)
    assert change(board, BOB, board="bobs") == []
    board.put("board", "bobs", BOB)
    board.put("board", "board", MARY, frozen=True)
    assert change(board, BOB, board="bobs") == ["board"]


def test_moving_needs_no_update(board: Small) -> None:
    """`move` and `update` are rights of their own: of both in one message each is judged for itself."""
    assert change(board, BOB, board="bobs", title="a") is None or may("update", BOB, board.moved("card", "bobs"))
    assert change(board, BOB, board="bobs", done=True) == ["done"]


# --- sharing -------------------------------------------------------------------------------


def test_sharing_through_a_role_of_that_very_ladder_gives_at_most_that_role(board: Small) -> None:
    facts = board.at("board")
    assert [sharing_cap(actor, facts) for actor in (MARY, BOB, CAROL, ANONYMOUS)] == ["admin", "writer", None, None]
    ladder = facts.resource.ladder
    assert ladder is not None
    allowed = {cap: [role for role in ladder.roles if within(ladder, role, cap)] for cap in (*ladder.roles, None)}
    assert allowed == {
        "admin": ["admin", "writer", "reader"],
        "writer": ["writer", "reader"],
        "reader": ["reader"],
        None: [],
    }


def test_sharing_through_another_ladder_gives_any() -> None:
    text = """
resources:
  a:
    owner: account
    roles: boss
    fields: {b: text}
    can: {create: signed in, read: boss}
  c:
    owner: a
    roles: d > e
    fields: {b: text}
    can: {create: owner, read: [e, boss], share: [e, boss]}
"""
    small = Small(text)
    small.put("a", "a", MARY)
    record = small.put("c", "c", "a")
    small.give(BOB, "e", "c")
    small.give(CAROL, "boss", "a")
    assert [sharing_cap(actor, record) for actor in (MARY, BOB, CAROL)] == [None, "e", "d"]
    small.give(CAROL, "e", "c")
    assert sharing_cap(CAROL, record) == "d"


def test_joining_gives_the_weakest_role_and_expire_is_the_longest_time() -> None:
    ladder = Ladder(("lead", "member", "fan"), join_open=True, expire=DAY)
    assert ladder.weakest == "fan"
    assert longest(ladder, NOW) == NOW + DAY
    assert longest(Ladder(("lead",)), NOW) is None
    for ends, live in ((None, True), (NOW + DAY, True), (NOW, False)):
        assert Membership("a", "b", "c", "fan", ends).live(NOW) is live


# --- setting a reference -------------------------------------------------------------------

ALBUMS = """
resources:
  album:
    owner: account
    roles: viewer
    fields: {title: text}
    can: {create: signed in, read: [owner, viewer]}
  photo:
    owner: account
    roles: keeper > friend
    fields: {title: text}
    can: {create: signed in, read: [owner, friend, viewer through item.album], share: [owner, keeper]}
  item:
    owner: album
    fields: {photo: {type: photo, when_gone: delete}, note: {type: text, optional: yes}}
    can: {create: owner, read: owner, update: owner, move: owner}
"""


def test_setting_a_reference_that_opens_access_needs_share_on_it() -> None:
    small = Small(ALBUMS)
    small.put("album", "album", MARY)
    small.put("photo", "mine", MARY)
    small.put("photo", "shared", BOB)
    small.put("photo", "kept", BOB)
    small.give(MARY, "friend", "shared")
    small.give(MARY, "keeper", "kept")
    assert opened_by(small.specification, small.specification.resources["item"]) == {"photo"}
    for photo, refused in (("mine", None), ("kept", None), ("shared", ["photo"])):
        new = small.put("item", "item", "album", photo=photo)
        assert refusal(judge_creation, MARY, new, {"photo": photo}) == refused
        small.put("item", "item", "album", photo="mine")
        assert change(small, MARY, "item", photo=photo) == refused
    assert change(small, MARY, "item", note="a") is None


# --- in every world ------------------------------------------------------------------------


def messages(world: World, facts: Facts, random: Random) -> dict[str, Any]:
    """A message with some of another record's values."""
    other = random.choice(world.of(facts.resource.name))
    names = [name for name in writable(facts.resource) if random.random() < 0.6]
    return {name: other.values.get(name, other.parent) for name in names}


@PROPERTY
@given(RANDOMS)
def test_a_change_is_allowed_as_a_whole_where_each_field_is_alone(random: Random) -> None:
    """And where one is refused, all is, naming exactly those."""
    world = some_world(random)
    for facts in world.every():
        for actor in world.everybody:
            message = messages(world, facts, random)
            alone = {
                name
                for name, value in message.items()
                if refusal(judge_change, actor, facts, {name: value}) is not None
            }
            whole = refusal(judge_change, actor, facts, message)
            if whole is None:
                assert not alone
                judged = judge_change(actor, facts, message)
                assert set(judged.fields) <= set(message)
            elif whole:
                assert set(whole) <= alone


@PROPERTY
@given(RANDOMS)
def test_a_locked_record_keeps_what_its_lock_does_not_except(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        lock, steps = facts.resource.locked, facts.resource.steps
        for actor in world.everybody:
            try:
                judged = judge_change(actor, facts, messages(world, facts, random))
            except Forbidden:
                continue
            if judged and locked_above(facts):
                raise AssertionError("something changes below a lock")
            if lock is not None and locked(facts):
                assert judged.moves_to is None
                assert set(judged.fields) <= {*lock.excepted, *steps}


@PROPERTY
@given(RANDOMS)
def test_nobody_gives_more_than_they_have_through_their_own_ladder(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        for actor in world.everybody:
            cap, ladder = sharing_cap(actor, facts), facts.resource.ladder
            assert cap is None or may("share", actor, facts)
            assert ladder is None or (cap is None) == (not may("share", actor, facts))
            if cap is not None and ladder is not None and cap != ladder.roles[0]:
                assert world.facts(facts.record).world.role(facts.record.id, str(actor.account)) == cap


@PROPERTY
@given(RANDOMS)
def test_what_is_judged_asks_for_nothing_but_the_record_and_its_world(random: Random) -> None:
    """Judging the same twice says the same, and changes nothing."""
    world = some_world(random)
    before = world.state.copy()
    for facts in world.every():
        for actor in world.everybody:
            message = messages(world, facts, random)
            assert refusal(judge_change, actor, facts, message) == refusal(judge_change, actor, facts, message)
            refusal(judge_creation, actor, Facts(replace(facts.record, id="new"), facts.world), message)
            refusal(judge_deletion, actor, facts)
    assert (before.records, before.memberships) == (world.state.records, world.state.memberships)


def test_a_role_of_another_record_is_no_role_of_this_ladder() -> None:
    """The cap looks at grants that name a role on this very record, by an empty path."""
    small = Small(BOARD)
    grants = small.specification.resources["board"].rule("share")
    assert [who.path for grant in grants for who in grant.who if isinstance(who, Role)] == [()]
