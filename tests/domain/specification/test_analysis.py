"""What can be asked of a specification."""

from pathlib import Path

from adapters.specification_file import load, parse
from domain.specification.analysis import anonymous_could, declared_channels, rights_table
from tests.domain.specification.mistakes import HEAD, base

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_anonymous_through_rules_that_lean_on_others() -> None:
    spec = parse(base())
    assert not anonymous_could(spec, "task", spec.resources["task"].rule("read"))


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
