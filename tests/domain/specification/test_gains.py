"""Who gains and loses what between two specifications."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product as every
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import pytest

from adapters.specification_file import parse
from domain.ownership import ENGINE
from domain.specification.cases import About, Case, Some, Variable, within
from domain.specification.gains import UNSHOWN, Change, compare
from domain.specification.model import Specification
from domain.specification.permissions import Decisions, Permission, allowed, permissions, spaces
from tests.domain.specification.edits import edited, grants, swapped
from tests.domain.specification.mistakes import HEAD
from tests.domain.specification.test_cases import asked
from tests.end_to_end.independent.random_specs import random_specification
from tests.ownership.worlds import NOW, draw, specifications

EXAMPLES = Path(__file__).parents[3] / "examples"
SIX = ("clinic", "conduit", "invoices", "market", "notes", "tracker")


def text(name: str) -> str:
    """The specification of an example."""
    return (EXAMPLES / name / "freehold.yaml").read_text("utf-8")


def told(before: str, after: str) -> list[str]:
    """What is told of an edit, a sentence each."""
    return [change.text for change in compare(parse(before), parse(after))]


def edit(name: str, *pairs: tuple[str, str]) -> list[str]:
    """What is told where each text of an example is replaced by another."""
    before = after = text(name)
    for old, new in pairs:
        assert after.count(old) >= 1, old
        after = after.replace(old, new)
    return told(before, after)


def known(before: Specification, after: Specification) -> set[tuple[Permission, bool]]:
    """What is told, as permissions; who gains `read` gains `open`."""
    found = {(p, change.gained) for change in compare(before, after) for p in change.permissions}
    reading = {p.resource for p, gained in found if gained and p == Permission(p.resource, "read")}
    return found | {(Permission(resource, "open"), True) for resource in reading}


def changed(changes: Iterable[Change]) -> set[Permission]:
    """The permissions that changes are of, but for `open`, which goes with `read`."""
    return {p for change in changes for p in change.permissions if p.action != "open"}


# --- one word of the six examples ----------------------------------------------------------

ONE_WORD: list[tuple[str, tuple[str, str], list[str]]] = [
    (
        "notes",
        ("update: [owner, editor]\n      move", "update: [owner, viewer]\n      move"),
        ["a *viewer* of a notebook gains `update` on its notes, unless locked"],
    ),
    (
        "notes",
        ("move: [owner, editor]", "move: owner"),
        ["an *editor* of a notebook loses `move` on its notes, unless locked"],
    ),
    (
        "notes",
        ("members: [owner, editor]", "members: [owner, viewer]"),
        ["a *viewer* of a notebook gains `members` on it"],
    ),
    (
        "notes",
        ("share: owner", "share: [owner, editor]"),
        ["an *editor* of a notebook gains `share` and `links` on it"],
    ),
    (
        "notes",
        ("{role: viewer, expire", "{role: editor, expire"),
        [
            "whoever has a link as an *editor* of a notebook gains `read` on it",
            "whoever has a link as an *editor* of a notebook gains `read` on its notes"
            " where audience is members or link_only",
            "whoever has a link as an *editor* of a notebook gains `read` on its comments",
        ],
    ),
    (
        "notes",
        ("delete: [owner, author and editor]", "delete: owner"),
        ["the author of a note who is also an *editor* of its notebook loses `delete` on it, unless locked"],
    ),
    (
        "notes",
        (
            "note: {type: note, when_gone: empty}\n",
            "note: {type: note, when_gone: empty}\n      why: {type: text, optional: yes, read: owner}\n",
        ),
        [],
    ),
    (
        "notes",
        ("anyone when audience is everyone", "anyone when audience is everyone or members"),
        [
            "anyone gains `read` on notes where audience is members",
        ],
    ),
    (
        "conduit",
        ("state is published and audience is unlisted", "state is published"),
        ["anyone gains `open` on articles where state is published and audience is followers"],
    ),
    ("conduit", (", join: open", ""), ["any account loses `join` on profiles"]),
    ("conduit", ("text, read: owner}", "text}"), ["anyone gains `read` of email on profiles"]),
    (
        "conduit",
        ("delete: [author, owner]", "delete: owner"),
        [
            "the author of a comment loses `delete` on it"
            " where article.state is published and article.audience is everyone",
            "the author of a comment who is also a *follower* of its profile loses `delete` on it"
            " where article.state is published and article.audience is followers",
        ],
    ),
    (
        "invoices",
        ("except private_notes", "except private_notes, due"),
        [
            "the owner of an invoice gains `update` of due on it where status is sent or paid or void",
            "a *clerk* of a business gains `update` of due on its invoices where status is sent or paid or void",
        ],
    ),
    (
        "invoices",
        ("sent -> void: [owner, accountant]", "sent -> void: [owner, clerk]"),
        ["a *clerk* of a business gains `status: sent -> void` on its invoices"],
    ),
    (
        "invoices",
        ("write: [owner, accountant]", "write: owner"),
        [
            "an *accountant* of a business loses `create` with credit_limit on its clients",
            "an *accountant* of a business loses `update` of credit_limit on its clients",
        ],
    ),
    (
        "invoices",
        ("read: [owner, clerk]}\n    unique: number", "read: owner}\n    unique: number"),
        ["a *clerk* of a business loses `read` of private_notes on its invoices"],
    ),
    (
        "invoices",
        ("update: [owner, clerk, portal only address]", "update: [owner, clerk, portal]"),
        ["the portal of a client gains `update` of name, portal on it"],
    ),
    (
        "market",
        ("staff.mediator when status is disputed or refunded", "staff.mediator when status is disputed"),
        [
            "a *mediator* of the staff loses `read` on orders where status is refunded",
            "a *mediator* of the staff loses `read` on messages where order.status is refunded",
        ],
    ),
    (
        "market",
        ("accepted -> paid: engine", "accepted -> paid: owner"),
        [
            "the owner of an order gains `status: accepted -> paid` on it",
            "the engine loses `status: accepted -> paid` on orders",
        ],
    ),
    (
        "market",
        ("read: [author, anyone when visible is yes]", "read: [author, anyone]"),
        [
            "anyone gains `read` on reviews where visible is no",
        ],
    ),
    (
        "clinic",
        ("share: [clinic.manager, lead]", "share: clinic.manager"),
        ["a *lead* of a patient loses `share` on it"],
    ),
    (
        "clinic",
        ("patient.portal when kind is general and state is signed", "patient.portal when kind is general"),
        ["the portal of a patient gains `read` on its notes where kind is general and state is draft"],
    ),
    (
        "clinic",
        ("state: {draft -> signed: author and practitioner}", "state: {draft -> signed: author and lead}"),
        [
            "the author of a note who is also a *practitioner* of its patient loses `state: draft -> signed` on it",
        ],
    ),
    (
        "tracker",
        ("only title", "only title, assignee"),
        [
            "the reporter of a task who is also a *guest* of its workspace gains `update` of assignee on it,"
            " unless locked",
        ],
    ),
    ("tracker", ("move: lead", "move: [owner, lead]"), ["the owner of a task gains `move` on it, unless locked"]),
    (
        "tracker",
        ("done -> todo: lead", "done -> todo: lead when assignee is empty"),
        ["a *lead* of a project loses `status: done -> todo` on its tasks where assignee is set, unless locked"],
    ),
]


@pytest.mark.parametrize(("name", "pair", "expected"), ONE_WORD)
def test_one_word_of_an_example_is_told_and_nothing_else(name: str, pair: tuple[str, str], expected: list[str]) -> None:
    assert edit(name, pair) == expected


@pytest.mark.parametrize("name", SIX)
def test_a_grant_taken_from_an_example_is_a_loss_and_put_back_a_gain(name: str) -> None:
    whole = specifications()[name]
    for resource in whole.resources.values():
        for grant in grants(resource):
            less = replace(whole, resources={**whole.resources, resource.name: swapped(resource, grant)})
            lost, won = compare(whole, less), compare(less, whole)
            assert lost, (grant.text, "is missed by nobody")
            assert not any(change.gained for change in lost)
            assert all(change.gained for change in won)
            assert changed(lost) == changed(won), grant.text


def test_an_example_is_itself() -> None:
    assert all(compare(specifications()[name], specifications()[name]) == () for name in SIX)


# --- what is told as a whole ---------------------------------------------------------------


def test_what_was_renamed_is_the_same() -> None:
    before = text("notes")
    after = before.replace("archived", "shut").replace("shut: yes/no", "shut: {type: yes/no, renamed_from: archived}")
    after = after.replace("notebook", "folder").replace("  folder:\n", "  folder:\n    renamed_from: notebook\n")
    assert told(before, after) == []
    assert told(before, after.replace("read: whoever can read folder\n", "read: anyone\n")) == [
        "anyone gains `read` on comments"
    ]


def test_a_name_that_is_renamed_from_for_long_means_nothing_more() -> None:
    after = text("notes").replace("title: text", "title: {type: text, renamed_from: heading}")
    assert told(after, after.replace("viewer]\n      update", "viewer, anyone]\n      update"))[0].startswith("anyone")


def test_a_resource_that_is_new_or_gone_is_told_once() -> None:
    less, more = text("notes").split("  bookmark:")[0], text("notes")
    assert told(less, more) == ["`bookmark` is new (create: signed in; read: owner; delete: owner)"]
    assert told(more, less) == ["`bookmark` is gone"]


def test_a_field_that_is_new_or_gone_is_no_change_of_rights() -> None:
    more = text("notes").replace("      body: text\n", "      body: text\n      mood: {type: text, optional: yes}\n")
    assert told(text("notes"), more) == []
    assert told(more, text("notes")) == []


def test_another_parent_opens_to_its_people_and_closes_to_the_former_ones() -> None:
    above = "  a: {owner: account, roles: x, can: {create: signed in, read: [owner, x]}}\n"
    above += "  b: {owner: account, roles: y, can: {create: signed in, read: [owner, y]}}\n"
    before = HEAD + above + "  c: {owner: a, fields: {t: text}, can: {create: owner, read: [owner, x]}}\n"
    after = HEAD + above + "  c: {owner: b, fields: {t: text}, can: {create: owner, read: [owner, y]}}\n"
    assert told(before, after) == [
        "a *y* of a b gains `read` on its cs",
        "a *x* of an a loses `read` on its cs",
    ]


def test_a_stronger_order_of_roles_takes_and_gives() -> None:
    def spec(ladder: str) -> str:
        return HEAD + f"  a: {{owner: account, roles: {ladder}, can: {{create: signed in, read: [owner, x]}}}}\n"

    assert told(spec("x > y"), spec("y > x")) == ["a *y* of an a gains `read` on it"]
    assert told(spec("y > x"), spec("x > y")) == ["a *y* of an a loses `read` on it"]
    assert told(spec("x > y"), spec("x > z > y")) == []


def test_an_anonymous_creator_and_a_root_are_never_told() -> None:
    before = HEAD + "  a: {owner: account, can: {create: signed in, read: owner}}\n"
    assert told(before, before.replace("create: signed in", "create: anyone")) == []


def test_what_a_link_record_opens_needs_share_on_what_it_ties() -> None:
    def spec(share: str) -> str:
        album = "  album: {owner: account, roles: viewer, can: {create: signed in, read: [owner, viewer]}}\n"
        photo = (
            "  photo: {owner: account, roles: friend, can: {create: signed in, read: [owner, viewer through item.album]"
        )
        item = "  item: {owner: album, fields: {photo: photo}, can: {create: owner, read: owner}}\n"
        return HEAD + album + photo + f", share: {share}}}}}\n" + item

    assert told(spec("[owner, friend]"), spec("friend"))[-1] == (
        "the owner of an album who is also the owner of its photo loses `create` on its items"
    )


def test_a_record_that_ties_is_no_stranger_to_the_tie() -> None:
    """Who reads the photo through an item that has it already reads the item that leans on the photo."""
    album = "  album: {owner: account, roles: viewer, can: {create: signed in, read: owner, share: owner}}\n"
    photo = "  photo: {owner: account, can: {create: signed in, read: viewer through item.album}}\n"
    item = "  item: {owner: album, fields: {photo: photo}, can: {create: owner, read: whoever can read photo}}\n"
    before = HEAD + album + photo + item
    after = before.replace("read: whoever can read photo", "read: [whoever can read photo, viewer]")
    assert told(before, after) == ["a *viewer* of an album gains `read` on its items where photo is empty"]


def test_steps_on_a_field_close_its_update_and_keep_what_they_allow() -> None:
    field = "  a: {owner: account, fields: {s: 'one of x, y, z'}, can: {create: signed in, read: owner, update: owner}"
    before, after = HEAD + field + "}\n", HEAD + field + ", steps: {s: {x -> y: owner}}}\n"
    assert told(before, after) == ["the owner of an a loses `update` on it"]
    assert told(after, before) == ["the owner of an a gains `update` on it"]


def test_who_gains_is_nobody_more_than_the_grant_asks_for() -> None:
    can = "can: {create: signed in, read: [owner, who when s is x]}"
    before = HEAD + f"  a: {{owner: account, fields: {{s: 'one of x, y', who: 'account, optional'}}, {can}}}\n"
    after = before.replace("when s is x]", "when s is x, signed in when who is set]")
    assert told(before, after) == ["any account gains `read` on as where who is set"]


# --- against worlds ------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(specifications()))
def test_whatever_random_worlds_decide_otherwise_is_told(name: str) -> None:
    random = Random(name)  # noqa: S311 - seeded on purpose
    for seed in range(4):
        before = edited(specifications()[name], random, seed % 2)
        after = edited(before, random, random.choice((1, 1, 2, 4)))
        assert not [change.text for change in compare(before, after) if change.witness == UNSHOWN]
        expected = known(before, after)
        world = draw(after, seed, each=5)
        older, newer = world.state.at(before, NOW), world.state.at(after, NOW)
        people = [*world.everybody, ENGINE]
        for permission in permissions(before, after):
            for (actor, old), (_, new) in zip(
                asked(older, people, permission), asked(newer, people, permission), strict=True
            ):
                was, will = allowed(permission, actor, old), allowed(permission, actor, new)
                assert was == will or (permission, will) in expected, (permission, actor, new.record)


@pytest.mark.parametrize("seed", range(30))
def test_specifications_that_have_little_in_common_are_compared(seed: int) -> None:
    """Other parents, types and names: whatever is told, the domain decides so on its witness."""
    before, after = (parse(random_specification(each)) for each in (seed, seed + 1))
    assert not [change.text for change in compare(before, after) if change.witness == UNSHOWN]


def test_a_parent_that_becomes_a_reference_is_another_way() -> None:
    above = "  a: {owner: account, roles: x, can: {create: signed in, read: [owner, x]}}\n"
    before = HEAD + above + "  c: {owner: a, fields: {t: text}, can: {create: owner, read: x}}\n"
    after = HEAD + above + "  c: {owner: account, fields: {t: text, a: a}, can: {create: owner, read: a.x}}\n"
    assert told(before, after)[-1] == "a *x* of an a loses `read` on its cs"
    assert all(change.witness != UNSHOWN for change in compare(parse(before), parse(after)))


MOST_WORLDS = 20_000


@pytest.mark.parametrize("name", [name for name in sorted(specifications()) if name not in ("words", "corner")])
def test_what_lies_beyond_is_what_enumeration_finds(name: str) -> None:
    random = Random(name)  # noqa: S311 - seeded on purpose
    before = edited(specifications()[name], random, 1)
    after = edited(before, random, 3)
    for resource in after.resources:
        shared = spaces((before, after), resource)
        of_resource = [p for p in permissions(before, after) if p.resource == resource]
        less, more = (Decisions(spec, of_resource, shared) for spec in (before, after))
        for permission in of_resource:
            found = more.beyond(less, permission)
            looked_at = [*more.cases[permission], *less.cases[permission]]
            worlds, differing = list(enumerated(looked_at)), 0
            for world in worlds:
                new = holds(more.cases[permission], world) and not holds(less.cases[permission], world)
                assert new or not any(humbly(case, world) for case in found), (permission, world)
                differing += new
            assert not worlds or bool(differing) == bool(found), (permission, found)


def enumerated(cases: list[Case]) -> Iterator[dict[Variable, Any]]:
    """Every small world around a record: all values of all variables that the cases know, as far as they agree."""
    variables = list(dict.fromkeys(v for case in cases for variable in case for v in (*variable.by, variable)))
    if prod(len(variable.domain) for variable in variables) > MOST_WORLDS:
        return
    for values in every(*(variable.order for variable in variables)):
        world = dict(zip(variables, values, strict=True))
        caller = next((value for v, value in world.items() if v.about is About.CALLER), Some.ACCOUNT)
        nobody = all(value in v.least for v, value in world.items()) or caller is Some.ACCOUNT
        gone = all(
            (value is Some.GONE) == bool(v.by and world[v.by[-1]] in (Some.NONE, Some.GONE))
            for v, value in world.items()
        )
        if nobody and gone:
            yield world


def holds(cases: Any, world: dict[Variable, Any]) -> bool:
    """Whether one of the cases holds."""
    return any(all(world[variable] in part for variable, part in case.items()) for case in cases)


def humbly(case: Case, world: dict[Variable, Any]) -> bool:
    """Whether a case holds for a caller that is no more than it asks for."""
    return holds([case], world) and all(value in v.least for v, value in world.items() if v not in case)


def test_the_largest_example_is_compared_within_two_seconds() -> None:
    before = parse(text("tracker"))
    after = parse(
        text("tracker").replace("workspace.member when", "workspace.guest when").replace("lead]", "contributor]")
    )
    start = time.process_time()
    assert compare(before, after)
    assert time.process_time() - start < 2


# --- witnesses -----------------------------------------------------------------------------


def test_a_witness_is_a_world_in_a_line() -> None:
    changes = compare(
        parse(text("tracker")),
        parse(text("tracker").replace("workspace.member when private is no", "workspace.guest when private is no")),
    )
    assert changes[0].witness == (
        "a project (private is no) in a workspace (guests_see_all is no); the caller is a guest of the workspace"
    )
    assert changes[0].as_json() == {
        "resource": "project",
        "change": "gain",
        "rights": ["read"],
        "who": "a *guest* of a workspace",
        "where": ["private is no", "workspace.guests_see_all is no"],
        "text": "a *guest* of a workspace gains `read` on its projects where private is no and "
        "workspace.guests_see_all is no",
        "witness": changes[0].witness,
    }


def test_a_witness_follows_references() -> None:
    (change,) = compare(
        parse(text("invoices")),
        parse(
            text("invoices").replace("client.portal when status is sent or paid", "client.portal when status is sent")
        ),
    )[:1]
    assert change.text == "the portal of the client of an invoice loses `read` on that invoice where status is paid"
    assert change.witness == (
        "an invoice (status is paid); its client is a client; the caller is the portal of the client"
    )


def test_within_needs_every_condition() -> None:
    assert within({}, {})
    assert not within({}, {object(): frozenset("a")})  # type: ignore[dict-item]
