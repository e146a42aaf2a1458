"""What can be asked of a specification."""

from pathlib import Path

import pytest

from adapters.specification_file import load, parse
from domain.specification.analysis import (
    account_grants,
    anonymous_could,
    declared_channels,
    public_grants,
    rights_table,
)
from tests.domain.specification.mistakes import HEAD, base

EXAMPLES = Path(__file__).parents[3] / "examples"


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
    found = public_grants(load(EXAMPLES / name))
    assert [(r.resource, r.action, r.place.line) for r in found] == expected


def public(text: str) -> list[str]:
    return [f"{r.resource} {r.action}" for r in public_grants(parse(HEAD + text))]


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


def for_any_account(text: str) -> list[str]:
    return [f"{r.resource} {r.action}: {r.who}" for r in account_grants(parse(HEAD + text))]


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


def test_anonymous_through_rules_that_lean_on_others() -> None:
    spec = parse(base())
    assert not anonymous_could(spec, "task", spec.resources["task"].rule("read"))
    above = "  a: {owner: account, can: {open: owner, update: anyone}}\n"
    assert public(above + "  b: {owner: a, can: {read: whoever can update a}}\n") == []
    above = "  a: {owner: account, can: {open: anyone, update: anyone}}\n"
    assert "b read" in public(above + "  b: {owner: a, can: {read: whoever can update a}}\n")


def test_the_table_of_rights_follows_the_file() -> None:
    rows = [(r.resource, r.action, r.who, r.place.line) for r in rights_table(load(EXAMPLES / "tracker"))]
    assert rows[0] == ("workspace", "create", "signed in", 10)
    assert ("task", "status: todo -> doing", "assignee", 58) in rows
    assert ("task", "read of budget", "lead", 44) in rows
    assert ("task", "write of budget", "owner", 44) in rows
    assert ("task", "update", "reporter and workspace.guest only title", 53) in rows


def test_declared_channels() -> None:
    def channels(name: str) -> list[tuple[str, str]]:
        return [(c.resource, c.kind) for c in declared_channels(load(EXAMPLES / name))]

    assert channels("notes") == [("notebook", "unique"), ("bookmark", "updated_at")]
    assert channels("conduit") == [("profile", "unique"), ("profile", "updated_at"), ("favorite", "updated_at")]
    assert ("project", "unique") in channels("tracker")
    assert ("workspace", "delete") in channels("tracker")
    assert ("task", "member") in channels("tracker")
    assert ("client", "delete") in channels("invoices")
    delete = next(c for c in declared_channels(load(EXAMPLES / "invoices")) if c.kind == "delete")
    assert "a kept or locked invoice below it" in delete.because
    can = "can: {create: signed in, read: whoever can read b}"
    text = f"  a: {{owner: account, limit: 3 per owner, fields: {{b: b}}, {can}}}\n"
    spec = parse(HEAD + text + "  b: {owner: account, can: {read: owner}}\n")
    assert [c.kind for c in declared_channels(spec)] == ["limit", "updated_at"]


def test_what_can_block_a_deletion() -> None:
    def blocked(when_gone: str, parent: str = "b", keep: str = "no") -> bool:
        spec = parse(
            HEAD
            + "  a: {owner: account, can: {delete: owner}}\n  b: {owner: a}\n"
            f"  c: {{owner: {parent}, keep: {keep}, fields: {{ref: {{type: b{when_gone}}}}}}}\n".replace("ref", "to")
        )
        return [c.kind for c in declared_channels(spec) if c.resource == "a"] == ["delete"]

    assert not blocked("", parent="account")
    assert blocked(", when_gone: block", parent="account")
    assert not blocked(", when_gone: empty", parent="account")
    assert not blocked(", when_gone: delete", parent="account")
    assert blocked(", when_gone: delete", parent="account", keep="yes")
    assert blocked("", parent="a")
    assert blocked(", when_gone: empty", parent="a", keep="yes")
