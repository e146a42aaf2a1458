"""A record: what a message may say of it, how it is made and how it changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.record import Record, accept_changes, accept_new, accept_value, create, writable
from domain.specification.model import Kind, Resource
from domain.values import ValueRefused
from tests.domain.small import PROPERTY, Small
from tests.ownership.worlds import json_values, specifications

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ID = "0190b5d0-1111-7000-8000-0123456789ab"
TEXT = """
resources:
  board:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner}
  card:
    owner: board
    fields:
      author: creator
      board_title: copy of board.title
      keeper: copy of board.owner
      title: text
      due: {type: date, optional: yes}
      tally: {type: integer, default: 3}
      open: yes/no
      kind: one of small, large
      size: {type: "one of small, large", optional: yes}
      state: one of todo, doing
      twin: {type: card, optional: yes}
    steps: {state: {todo -> doing: owner}}
    can: {create: owner, read: owner}
"""


@pytest.fixture(scope="module")
def card() -> Resource:
    """A resource with every way of having a value."""
    return Small(TEXT).specification.resources["card"]


def errors(accepting: Any, resource: Resource, body: dict[str, Any]) -> dict[str, str]:
    """The refused fields, each with its code."""
    with pytest.raises(Invalid) as caught:
        accepting(resource, body)
    return {error.field: error.code for error in caught.value.errors}


def test_what_a_message_may_carry(card: Resource) -> None:
    assert list(writable(card)) == ["board", "title", "due", "tally", "open", "kind", "size", "state", "twin"]
    assert writable(card)["board"] is None


def test_a_new_record_takes_its_initial_values(card: Resource) -> None:
    assert accept_new(card, {"board": ID, "title": "a"}) == {
        "board": ID,
        "title": "a",
        "due": None,
        "tally": 3,
        "open": False,
        "kind": "small",
        "size": None,
        "state": "todo",
        "twin": None,
    }


def test_what_is_given_is_kept(card: Resource) -> None:
    body = {"board": ID, "title": "a", "tally": 4, "open": True, "kind": "large", "size": "large", "twin": ID.upper()}
    assert accept_new(card, body).items() >= (body | {"twin": ID}).items()


def test_every_mistake_of_a_new_record_is_named(card: Resource) -> None:
    assert errors(accept_new, card, {}) == {"board": "missing", "title": "missing"}
    body = {"board": "x", "title": None, "tally": "3", "nonsense": 1, "author": ID, "id": ID, "owner": ID}
    assert errors(accept_new, card, body) == {
        "board": "not_an_id",
        "title": "missing",
        "tally": "not_an_integer",
        "nonsense": "unknown",
        "author": "engine_written",
        "id": "engine_written",
        "owner": "engine_written",
    }


def test_a_new_record_starts_at_the_first_value(card: Resource) -> None:
    """Said or left out."""
    assert accept_new(card, {"board": ID, "title": "a", "state": "todo"})["state"] == "todo"
    assert errors(accept_new, card, {"board": ID, "title": "a", "state": "doing"}) == {"state": "not_the_first"}


def test_a_change_says_only_what_it_says(card: Resource) -> None:
    assert accept_changes(card, {}) == {}
    assert accept_changes(card, {"due": None, "state": "doing"}) == {"due": None, "state": "doing"}
    body = {"title": None, "open": None, "updated_at": "x", "keeper": ID, "": 1}
    assert errors(accept_changes, card, body) == {
        "title": "missing",
        "open": "missing",
        "updated_at": "engine_written",
        "keeper": "engine_written",
        "": "unknown",
    }


def test_who_owns_what_a_member_creates(card: Resource) -> None:
    """The parent's owner; the writer is kept in `creator`, and is nobody for an anonymous one."""
    given = accept_new(card, {"board": ID, "title": "a"})
    parent = given.pop("board")
    for creator in ("bob", None):
        made = create(card, "id", "mary", parent, given, creator, lambda field: f"copy of {field.copied}", NOW)
        assert (made.owner, made.parent, made.values["author"]) == ("mary", ID, creator)
        assert (made.values["board_title"], made.values["keeper"]) == ("copy of title", "copy of owner")
        assert (made.created_at, made.updated_at) == (NOW, NOW)
        assert set(made.values) == set(card.fields)


def test_editing_and_moving_leave_the_old_record_as_it_was(card: Resource) -> None:
    old = Record("card", "id", "mary", "here", {"title": "a", "twin": None}, NOW, NOW)
    new = old.edit({"title": "b"}, LATER)
    assert (old.values["title"], new.values) == ("a", {"title": "b", "twin": None})
    assert (new.created_at, new.updated_at) == (NOW, LATER)
    moved = old.moved(Record("board", "there", "bob", None, {}, NOW, NOW), LATER)
    assert replace(moved, owner="mary", parent="here", updated_at=NOW) == old
    assert (moved.owner, moved.parent, moved.updated_at) == ("bob", "there", LATER)


def test_a_hop_leads_to_the_parent_or_by_a_reference() -> None:
    record = Record("card", "id", "mary", "here", {"twin": None, "other": "there"}, NOW, NOW)
    assert [record.target(name) for name in ("board", "twin", "other")] == ["here", None, "there"]


@PROPERTY
@given(st.randoms(use_true_random=False))
def test_whatever_is_sent_is_accepted_whole_or_refused_by_name(random: Any) -> None:
    """Every name in a message is either a value of the record or one of the errors."""
    specification = random.choice(list(specifications().values()))
    resource = random.choice(list(specification.resources.values()))
    kinds = [kind for kind in Kind if kind not in (Kind.ONE_OF, Kind.CREATOR, Kind.COPY, Kind.MEMBER)]
    names = [*writable(resource), "nonsense", "id", *(f.name for f in resource.fields.values() if f.by_engine)]
    body = {}
    for name in random.sample(names, random.randint(0, len(names))):
        values = [None, ID, *resource.fields[name].values] if name in resource.fields else [ID]
        kind = random.choice(kinds)
        values += json_values(resource.fields[name].kind if name in resource.fields and random.random() < 0.7 else kind)
        body[name] = random.choice(values)
    for accepting in (accept_new, accept_changes):
        try:
            given = accepting(resource, body)
        except Invalid as refused:
            named = {error.field for error in refused.errors}
            assert named <= {*body, *writable(resource)}
            assert {name for name in body if name not in writable(resource)} <= named
            continue
        assert set(body) <= set(given) <= set(writable(resource))
        for name, value in given.items():
            field = writable(resource)[name]
            assert value is not None or (field is not None and field.optional)


def test_only_optional_fields_can_be_emptied(card: Resource) -> None:
    assert accept_value(card.fields["due"], None) is None
    for name in ("title", "tally", "open", "kind"):
        with pytest.raises(ValueRefused):
            accept_value(card.fields[name], None)
    with pytest.raises(ValueRefused):
        accept_value(None, None)
