"""What somebody may do to whom nobody gave anything, and which grants say nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.specification_file import load, parse
from domain.ownership import ENGINE
from domain.specification import gains
from domain.specification.gains import idle
from domain.specification.model import Specification
from domain.specification.permissions import allowed, permissions
from tests.domain.specification.edits import grants, swapped
from tests.domain.specification.mistakes import HEAD
from tests.domain.specification.test_cases import asked
from tests.ownership.worlds import NOW, draw, specifications

EXAMPLES = Path(__file__).parents[3] / "examples"

# --- what is public ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes", [("note", "open", 30), ("note", "read", 33)]),
        ("market", [("listing", "read", 12), ("review", "read", 60)]),
        ("tracker", []),
        ("clinic", []),
        (
            "conduit",
            [
                ("profile", "read", 14),
                ("article", "open", 29),
                ("article", "read", 32),
                ("comment", "read", 43),
                ("favorite", "read", 52),
            ],
        ),
        ("invoices", []),
    ],
)
def test_what_is_public(name: str, expected: list[tuple[str, str, int]]) -> None:
    found = gains.public(load(EXAMPLES / name))
    assert [(f.right.resource, f.right.action, f.right.place.line) for f in found] == expected


def public(text: str) -> list[str]:
    return [f"{f.right.resource} {f.right.action}" for f in gains.public(parse(HEAD + text))]


def test_anonymous_callers_need_to_open_and_never_own() -> None:
    assert public("  a: {owner: account, can: {create: anyone, update: anyone}}\n") == []
    assert public("  a: {owner: account, can: {create: anyone, open: anyone, delete: anyone}}\n") == [
        "a open",
        "a delete",
    ]
    below = "  b: {owner: a, can: {create: anyone, open: anyone}}\n"
    assert public("  a: {owner: account, can: {open: owner}}\n" + below) == ["b open"]
    assert public("  a: {owner: account, can: {open: anyone}}\n" + below) == ["a open", "b create", "b open"]
    assert public("  a: {owner: account, can: {read: anyone and owner, open: anyone and signed in}}\n") == []
    steps = "  a: {owner: account, fields: {s: 'one of x, y'}, can: {open: anyone}, steps: {s: {x -> y: anyone}}}\n"
    assert public(steps) == ["a open", "a s: x -> y"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes", [("notebook", "read", 15), ("note", "read", 32), ("comment", "read", 44)]),
        *((name, []) for name in ("market", "tracker", "clinic", "conduit", "invoices")),
    ],
)
def test_what_secret_links_open(name: str, expected: list[tuple[str, str, int]]) -> None:
    found = gains.by_links(load(EXAMPLES / name))
    assert [(f.right.resource, f.right.action, f.right.place.line) for f in found] == expected


LINKED = """
  a:
    owner: account
    roles: lead > helper
    links: {role: helper}
    fields: {n: {type: text, optional: yes}, by: creator}
    can:
      create: signed in
      open: [lead, signed in and helper]
      read: [by and helper, helper when n is set]
      update: helper
      share: owner
  b: {owner: a, can: {create: anyone, open: [anyone, helper], read: whoever can update a}}
  c: {owner: account, can: {create: signed in, read: helper through d.a}}
  d: {owner: a, fields: {c: c}, can: {create: owner, open: owner}}
"""


def test_a_link_opens_by_its_role_alone() -> None:
    """Neither what needs an account, nor a stronger role, nor what only others may do, nor what is public anyhow."""
    found = gains.by_links(parse(HEAD + LINKED))
    assert [(f.right.resource, f.right.who, f.witness) for f in found] == [
        (
            "a",
            "helper when n is set",
            "an a (n is something else); the caller has a link as a helper of the a, and no account",
        ),
        (
            "c",
            "helper through d.a",
            "a c; the caller has a link as a helper of an a, which a d ties the c to, and no account",
        ),
    ]


def for_any_account(text: str) -> list[str]:
    return [f"{f.right.resource} {f.right.action}: {f.right.who}" for f in gains.for_any_account(parse(HEAD + text))]


def test_what_any_account_may_beyond_what_is_public() -> None:
    assert for_any_account("  a: {owner: account, can: {create: signed in, read: owner}}\n") == []
    opened = "  a: {owner: account, can: {create: signed in, read: signed in}}\n"
    assert for_any_account(opened) == ["a read: signed in"]
    public_too = "  a: {owner: account, can: {read: [anyone, signed in], update: signed in and owner}}\n"
    assert for_any_account(public_too) == ["a read: signed in"]
    assert for_any_account("  a: {owner: account, can: {read: owner, update: signed in}}\n") == [], "nobody can open it"
    above = "  a: {owner: account, can: {open: signed in, delete: anyone}}\n"
    below = "  b: {owner: a, can: {create: signed in, read: whoever can open a}}\n"
    assert for_any_account(above + below) == [
        "a open: signed in",
        "a delete: anyone",
        "b create: signed in",
        "b read: whoever can open a",
    ]
    steps = "  a: {owner: account, fields: {s: 'one of x, y'}, can: {open: anyone}, steps: {s: {x -> y: signed in}}}\n"
    assert for_any_account(steps) == ["a s: x -> y: signed in"]


def test_conditions_that_exclude_each_other_open_nothing() -> None:
    for when, opened in (
        ("s is x and s is y", False),
        ("s is x or y and s is y", True),
        ("s is set and s is empty", False),
        ("s is x and s is empty", False),
        ("s is x and s is set", True),
        ("d is past and d is future", False),
        ("d is past and d is set", True),
        ("d is past and s is x", True),
    ):
        fields = "fields: {s: 'one of x, y', d: 'date, optional'}"
        found = public(f"  a: {{owner: account, {fields}, can: {{read: anyone when {when}}}}}\n")
        assert found == (["a read"] if opened else []), when


def test_what_leans_on_a_rule_is_public_with_it() -> None:
    above = "  a: {owner: account, can: {open: owner, update: anyone}}\n"
    assert public(above + "  b: {owner: a, can: {read: whoever can update a}}\n") == []
    above = "  a: {owner: account, can: {open: anyone, update: anyone}}\n"
    assert "b read" in public(above + "  b: {owner: a, can: {read: whoever can update a}}\n")


def test_what_is_never_possible_at_once_is_not_public() -> None:
    above = "  a: {owner: account, fields: {s: 'one of x, y'}, can: {open: anyone when s is x}}\n"
    assert public(above + "  b: {owner: a, can: {read: whoever can open a and anyone when a.s is y}}\n") == ["a open"]
    locked = "locked: when s is x, can: {open: anyone when s is x, delete: anyone, members: anyone}, roles: r"
    assert public(f"  a: {{owner: account, fields: {{s: 'one of x, y'}}, {locked}}}\n") == ["a open", "a members"]


def test_what_is_public_comes_with_a_world() -> None:
    conduit = gains.public(load(EXAMPLES / "conduit"))
    assert [found.witness for found in conduit] == [
        "a profile; the caller is not signed in",
        "an article (state is published, audience is unlisted); the caller is not signed in",
        "an article (state is published, audience is everyone); the caller is not signed in",
        "a comment in an article (state is published, audience is everyone); the caller is not signed in",
        "a favorite; its article is an article (state is published, audience is everyone); the caller is not signed in",
    ]


# --- which grants say nothing --------------------------------------------------------------

IDLE = """
staff: boss > helper
resources:
  a:
    owner: account
    roles: editor > viewer
    fields: {s: 'one of x, y, z', d: 'date, optional', who: 'account, optional', n: {type: integer, min: 1, max: 2}}
    locked: when s is z
    can:
      create: [signed in, owner]
      read: [owner, editor, viewer, who]
      update:
        - owner
        - owner only s
        - editor when s is z
        - who when d is past and d is future
        - who when who is empty
        - who when n is 1
        - who when n is 2
        - who when s is x or y
        - staff.helper
      delete: [owner when s is x, owner]
      share: [editor, viewer, staff.boss]
      members: [signed in when s is x, viewer]
"""


def test_a_grant_that_changes_nothing_is_told_with_what_swallows_it() -> None:
    def told(spec: Specification) -> list[str]:
        return [found.text for found in idle(spec)]

    assert told(parse(f"app: a\n{IDLE}")) == [
        "`owner` changes nothing: `signed in` (line 11) allows all of it",
        "`editor` changes nothing: `viewer` (line 12) allows all of it",
        "`owner only s` changes nothing: `owner` (line 14) allows all of it",
        "nobody can ever update a by `editor when s is z`",
        "nobody can ever update a by `who when d is past and d is future`",
        "nobody can ever update a by `who when who is empty`",
        "`who when s is x or y` changes nothing: `who when n is 1` (l"
        "ine 19) and `who when n is 2` (line 20) allow all of it",
        "`owner when s is x` changes nothing: `owner` (line 23) allows all of it",
        "`editor` changes nothing: `viewer` (line 24) allows all of it",
    ]


@pytest.mark.parametrize("name", ["clinic", "conduit", "invoices", "market", "notes", "tracker"])
def test_every_grant_of_an_example_says_something(name: str) -> None:
    assert idle(specifications()[name]) == ()


@pytest.mark.parametrize("name", [name for name in sorted(specifications()) if name != "words"])
def test_idle_grants_could_all_be_deleted(name: str) -> None:
    whole = specifications()[name]
    less = whole
    for found in idle(whole):
        resource = less.resources[found.right.resource]
        assert found.right.grant in grants(resource)
        less = replace(less, resources={**less.resources, resource.name: swapped(resource, found.right.grant)})
    assert idle(less) == ()
    assert gains.compare(whole, less) == ()
    world = draw(whole, 3, each=5)
    older, newer = world.state.at(whole, NOW), world.state.at(less, NOW)
    for permission in permissions(whole):
        people = [*world.everybody, ENGINE]
        for (actor, old), (_, new) in zip(
            asked(older, people, permission), asked(newer, people, permission), strict=True
        ):
            assert allowed(permission, actor, old) == allowed(permission, actor, new), (permission, actor, old.record)
