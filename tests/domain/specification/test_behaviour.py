"""Every word of the language, changed once: whatever a change of it means is told by the plan of it."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from adapters.specification_file import parse
from domain.specification.behaviour import otherwise
from domain.specification.evolution import changes
from domain.specification.gains import compare
from domain.specification.model import Field, Ladder, Links, Lock, Resource, Step, Unique

TEXT = """\
app: trial
version: 1.0.0
staff: mediator > clerk
resources:
  shelf:
    about: A place for books.
    plural: shelves
    owner: account
    roles: {ladder: editor > viewer, expire: 90 days}
    links: {role: viewer, expire: 30 days}
    locked: when closed is yes, except closed
    fields: {name: text, closed: yes/no}
    limit: 9 per owner
    can: {create: signed in, read: [owner, viewer], update: owner, delete: owner, share: owner, members: owner}
  friend:
    owner: shelf
    fields: {nick: text, fee: {type: decimal, default: 1}, fine: {type: decimal, default: 2}}
    can: {create: owner, read: owner, update: owner, delete: owner}
  book:
    owner: shelf
    unique: title per shelf
    steps: {state: {new -> read: owner, read -> lost: owner}}
    fields:
      title: {type: text, length: 1 to 80}
      isbn: {type: text, pattern: "[0-9]{13}", about: As printed., optional: yes}
      seller: {type: text, format: email, optional: yes}
      pages: {type: integer, min: 1, max: 5000, optional: yes}
      bought: {type: date, min: 2000-01-01, optional: yes}
      price: {type: decimal, places: 2, max: 100.5, optional: yes, read: [owner, editor]}
      state: one of new, read, lost
      kind: {type: "one of paper, audio", default: paper, write: owner}
      lent: {type: friend, when_gone: empty, optional: yes}
      given: {type: friend, when_gone: empty}
      due: copy of given.fee
      holder: {type: member of shelf, optional: yes}
      maker: creator
    can:
      create: owner
      read: whoever can read shelf
      update: [owner, "editor only title"]
      move: owner
answers:
  - {question: Q-DELETE-BLOCKED, on: friend.delete, because: it is so}
"""

EDITS: dict[str, tuple[tuple[str, str], str]] = {
    "Specification.app": (("app: trial", "app: other"), "the app is called `other` instead of `trial`"),
    "Specification.version": (("version: 1.0.0", "version: 1.1.0"), "the API is version 1.1.0 instead of 1.0.0"),
    "Specification.staff": (
        ("mediator > clerk", "chief > mediator > clerk"),
        "the roles of the staff are `chief > mediator > clerk` instead of `mediator > clerk`",
    ),
    "Specification.answers": (
        ("because: it is so", "because: it must be so"),
        "Q-DELETE-BLOCKED on `friend.delete` is answered: it must be so",
    ),
    "Resource.about": (("about: A place", "about: Places"), "the API's documentation says something else of `shelf`"),
    "Resource.plural": (
        ("plural: shelves", "plural: racks"),
        "`shelf` is `racks` instead of `shelves` in paths, and so is its table",
    ),
    "Resource.renamed_from": (("  friend:\n", "  pal:\n    renamed_from: friend\n"), "`friend` is now called `pal`"),
    "Resource.parent": (
        ("  friend:\n    owner: shelf", "  friend:\n    owner: account"),
        "`friend` hangs under an account instead of `shelf`; which record each was under is forgotten",
    ),
    "Resource.keep": (
        ("  friend:\n", "  friend:\n    keep: yes\n"),
        "`friend` outlives its owner's account now, and blocks the deletion of what is above",
    ),
    "Resource.require_if_match": (
        ("  friend:\n", "  friend:\n    require_if_match: yes\n"),
        "changes of `friend` must name the version that they start from now (`If-Match`)",
    ),
    "Resource.limit": (("limit: 9 per", "limit: 12 per"), "an account may own up to 12 `shelves`, not 9"),
    "Resource.can": (
        ("create: owner\n      read: whoever", "create: editor\n      read: whoever"),
        "an *editor* of a shelf gains `create`",
    ),
    "Resource.fields": (("{nick: text,", "{nick: text, age: integer,"), "`friend.age` is new, required"),
    "Ladder.roles": (
        ("editor > viewer", "chief > editor > viewer"),
        "the roles of `shelf` are `chief > editor > viewer` instead of `editor > viewer`",
    ),
    "Ladder.join_open": (("expire: 90 days", "expire: 90 days, join: open"), "gains `join`"),
    "Ladder.expire": (
        ("expire: 90 days", "expire: 12 hours"),
        "roles on `shelf` last at most 12 hours now, instead of at most 90 days; those that were given keep their end",
    ),
    "Links.role": (
        ("links: {role: viewer", "links: {role: editor"),
        "secret links to `shelf` carry the role `editor`, for at most 30 days; until now `viewer`, for at most 30 days",
    ),
    "Links.expire": (
        ("{role: viewer, expire: 30 days}", "{role: viewer}"),
        "secret links to `shelf` carry the role `viewer`, without end; until now `viewer`, for at most 30 days",
    ),
    "Lock.when": (
        ("when closed is yes", "when name is Closed or Done and closed is yes"),
        "`shelf` is locked when name is Closed or Done and closed is yes, except closed; "
        "until now locked when closed is yes, except closed",
    ),
    "Lock.excepted": (("except closed", "except closed, name"), "except closed, name; until now"),
    "Resource.steps": (
        ("    steps: {state: {new -> read: owner, read -> lost: owner}}\n", ""),
        "`book.state` changes by `update`, and may be anything in a new record",
    ),
    "Step.before": (("new -> read: owner, ", "new -> read: owner, lost -> new: owner, "), "`state: lost -> new`"),
    "Step.after": (("read -> lost: owner", "read -> new: owner"), "loses `state: read -> lost`"),
    "Step.rule": (("read -> lost: owner", "read -> lost: editor"), "gains `state: read -> lost`"),
    "Unique.fields": (("unique: title per shelf", "unique: title, isbn per shelf"), "must be unique per `shelf` now"),
    "Unique.per": (("unique: title per shelf", "unique: title per owner"), "must be unique per `owner` now"),
    "Field.kind": (
        ("maker: creator", "maker: {type: account, optional: yes}"),
        "`book.maker` is `account` instead of `creator`",
    ),
    "Field.values": (("of paper, audio", "of paper, audio, film"), "`book.kind` may also be `film`"),
    "Field.target": (("lent: {type: friend", "lent: {type: shelf"), "`book.lent` begins anew"),
    "Field.path": (
        ("due: copy of given.fee", "due: copy of given.owner"),
        "`book.due` begins anew",
    ),
    "Field.copied": (
        ("due: copy of given.fee", "due: copy of given.fine"),
        "`book.due` copies `given.fine` when a record is made; until now it copies `given.fee` when a record is made. "
        "What is stored stays as it is",
    ),
    "Field.optional": (
        ("{type: friend, when_gone: empty}", "{type: friend, when_gone: empty, optional: yes}"),
        "empty",
    ),
    "Field.default": (
        ("default: paper", "default: audio"),
        "`book.kind`, where it is left out of a new record, is `audio`; until now it was `paper`",
    ),
    "Field.length": (("1 to 80", "1 to 60"), "`book.title` is narrower: at most 60 characters"),
    "Field.pattern": (
        ("[0-9]{13}", "[0-9]{10}"),
        "`book.isbn` must match `[0-9]{10}` now, and not `[0-9]{13}`. What is stored is not checked",
    ),
    "Field.format": (
        ("format: email", "format: url"),
        "`book.seller` must be a URL now. What is stored is not checked",
    ),
    "Field.minimum": (("min: 2000-01-01", "min: 2001-01-01"), "`book.bought` is narrower: at least 2001-01-01"),
    "Field.maximum": (("max: 100.5", "max: 50"), "`book.price` is narrower: at most 50"),
    "Field.places": (("places: 2", "places: 1"), "`book.price` is narrower: at most 1 digit after the point"),
    "Field.read": (("read: [owner, editor]}", "read: owner}"), "an *editor* of a shelf loses `read` of price"),
    "Field.write": (("default: paper, write: owner", "default: paper, write: editor"), "loses"),
    "Field.when_gone": (
        ("{type: friend, when_gone: empty}", "{type: friend, when_gone: delete}"),
        "when the record that `book.given` names is deleted, the `book` is deleted, too; until now `given` goes empty",
    ),
    "Field.about": (
        ("about: As printed.", "about: As sold."),
        "the API's documentation says something else of `book.i",
    ),
    "Field.renamed_from": (
        ("fine: {type: decimal, default: 2}", "cost: {type: decimal, default: 2, renamed_from: fine}"),
        "`friend.fine` is now called `cost`",
    ),
}
"""what a class of the model has, with a change of it, and what is said of that"""

WITH_IT = {
    "Resource.renamed_from": (("type: friend", "type: pal"), ("friend.delete", "pal.delete")),
    "Resource.parent": (("2}}\n    can: {create: owner", "2}}\n    can: {create: signed in"),),
}
"""what has to change with it"""

NO_WORDS = {"name", "place", "source", "resources", "examples", "by_engine", "ladder", "links", "locked", "unique"}
"""what is no word of its own"""


def told(before: str, after: str) -> list[str]:
    """Everything that a plan says, apart from the API."""
    one, other = parse(before), parse(after)
    found: list[Any] = [*changes(one, other), *compare(one, other), *otherwise(one, other)]
    return [each.text for each in found]


def edited(*pairs: tuple[str, str]) -> str:
    text = TEXT
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


def words() -> Iterator[str]:
    for kind in (Resource, Ladder, Links, Lock, Step, Unique, Field):
        yield from (f"{kind.__name__}.{each.name}" for each in fields(kind) if each.name not in NO_WORDS)


def test_every_word_of_the_language_is_tried() -> None:
    assert {*words()} <= EDITS.keys()


@pytest.mark.parametrize("word", EDITS)
def test_a_change_of_a_word_is_told(word: str) -> None:
    pair, wanted = EDITS[word]
    found = told(TEXT, edited(pair, *WITH_IT.get(word, ())))
    assert any(wanted in text for text in found), found


@pytest.mark.parametrize("word", EDITS)
def test_the_way_back_is_told_too(word: str) -> None:
    assert told(edited(EDITS[word][0], *WITH_IT.get(word, ())), TEXT), (
        "this change of the file changes something, and nothing is said"
    )


def test_what_changes_nothing_is_not_told() -> None:
    assert told(TEXT, TEXT) == []
    assert told(TEXT, TEXT.replace("read: [owner, viewer]", "read: [viewer, owner]") + "# a comment\n") == []


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (
            "given: {type: friend, when_gone: empty}",
            "given: {type: friend, when_gone: empty, optional: yes}",
            ["`book.given` may be empty now", "`book.given`, where it is left out of a new record, is empty; until now "
             "it had to be sent"],
        ),
        (
            "lent: {type: friend, when_gone: empty, optional: yes}",
            "lent: {type: friend, when_gone: empty}",
            ["`book.lent`, where it is left out of a new record, is missed (422); until now it was empty; records "
             "without one stay as they are"],
        ),
        (
            "fine: {type: decimal, default: 2}",
            "fine: decimal",
            ["`friend.fine`, where it is left out of a new record, is missed (422); until now it was `2`"],
        ),
        ("{name: text, closed", "{name: {type: text, optional: yes}, closed", ["`shelf.name` may be empty now"]),
        (
            "due: copy of given.fee",
            "due: {type: decimal, default: 0}",
            ["`book.due` is what callers send; until now it copies `given.fee` when a record is made. What is stored "
             "stays as it is"],
        ),
        (
            "    links: {role: viewer, expire: 30 days}\n",
            "",
            ["nobody can make secret links to `shelf` any more"],
        ),
        ("    limit: 9 per owner\n", "", ["an account may own as many `shelves` as it likes, not 9"]),
        (
            "    locked: when closed is yes, except closed\n",
            "",
            ["`shelf` is never locked; until now locked when closed is yes, except closed"],
        ),
        (
            "answers:\n  - {question: Q-DELETE-BLOCKED, on: friend.delete, because: it is so}\n",
            "",
            ["Q-DELETE-BLOCKED on `friend.delete` is not answered any more"],
        ),
    ],
)  # fmt: skip
def test_more_ways_to_change_a_word(before: str, after: str, wanted: list[str]) -> None:
    found = told(TEXT, edited((before, after)))
    assert {*wanted} <= {*found}, found


def test_what_is_called_otherwise_is_the_same_thing() -> None:
    """A lock that names a renamed field is no other lock."""
    after = TEXT.replace("closed: yes/no}", "shut: {type: yes/no, renamed_from: closed}}")
    after = after.replace("when closed is yes, except closed", "when shut is yes, except shut")
    assert told(TEXT, after) == ["`shelf.closed` is now called `shut`"]
