"""Every mistake is refused at its place, with the offending text and the fix; never with a traceback."""

import time
from pathlib import Path

import pytest

from adapters.specification_file import load, parse
from domain.errors import Problem, SpecificationInvalid
from tests.domain.specification.mistakes import HEAD, MISTAKES, also, base, typed, update


def problems(text: str) -> list[Problem]:
    with pytest.raises(SpecificationInvalid) as caught:
        parse(text)
    return caught.value.problems


def place_of_mark(text: str) -> tuple[int, int]:
    at = text.index("⟦")
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def test_the_base_of_the_table_is_correct() -> None:
    assert list(parse(base()).resources) == ["project", "client", "task"]


@pytest.mark.parametrize(("text", "fragment", "fix"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_shown_once_at_its_place_with_the_fix(text: str, fragment: str, fix: str) -> None:
    (problem,) = problems(text.replace("⟦", ""))
    assert (problem.line, problem.column) == place_of_mark(text), problem.message
    assert f"`{fragment}`" in problem.message
    assert fix in problem.message


def test_one_run_shows_many_mistakes_in_the_order_of_the_text() -> None:
    text = (
        "app: My App\n"
        "version: one\n"
        "resources:\n"
        "  note:\n"
        "    owner: acount\n"
        "    fields: {Title: text, body: string, size: integr, done: yes/no}\n"
        "    roles: a > a\n"
        "    can:\n"
        "      read: [owner, nobdy]\n"
        "      updat: owner\n"
        "      delete: owner when done is maybe\n"
        "    keep: true\n"
        "    keep: no\n"
        "  memo:\n"
        "    owner: account\n"
        "    can: {read: ownr, open: owner only, delete: whoever can see note}\n"
    )
    found = problems(text)
    places = [(p.line, p.column) for p in found]
    assert places == sorted(places)
    assert [p.line for p in found] == [1, 2, 5, 6, 6, 6, 7, 10, 11, 12, 13, 16, 16, 16]


def test_a_mistake_causes_no_further_messages() -> None:
    """What names a wrong field, resource or ladder is not reported as well."""
    text = update("[oops, owner when oops is yes]").replace("      title: text", "      oops: yesno")
    assert [(p.line, p.column) for p in problems(text)] == [(25, 13)]
    text = HEAD + "  a:\n    owner: accont\n    can: {read: [lead, b.owner], share: owner, move: owner}\n"
    assert [(p.line, p.column) for p in problems(text)] == [(4, 12)]
    text = HEAD + "  a: {owner: account, roles: A, can: {read: lead, share: owner}, links: {role: lead}}\n"
    assert [(p.line, p.column) for p in problems(text)] == [(3, 30)]
    text = HEAD + "  count: {owner: account}\n  b: {owner: count, fields: {a: count}, can: {read: count.lead}}\n"
    assert [(p.line, p.column) for p in problems(text)] == [(3, 3)]
    text = (
        HEAD + "  a: {owner: account, fields: {b: blob, c: copy of d.b, d: a, e: copy of d.c}, unique: b per owner}\n"
    )
    assert [(p.line, p.column) for p in problems(text)] == [(3, 35)]


def test_many_mistakes_are_cut_short() -> None:
    text = HEAD + "  a:\n    owner: account\n    fields:\n" + "".join(f"      f{n}: string\n" for n in range(150))
    found = problems(text)
    assert len(found) == 101
    assert "Fix these first" in found[-1].message


def test_places_are_exact_within_quotes_and_texts_over_several_lines() -> None:
    assert [(p.line, p.column) for p in problems(update('"owner when opn is yes"'))] == [(28, 27)]
    text = base(can="update: owner\n  when status is todo or\n  doig\n  and opn is yes")
    assert [(p.line, p.column) for p in problems(text)] == [(30, 9)]
    text = base(can="update: >\n  owner when\n  opn is yes")
    assert [(p.line, p.column) for p in problems(text)] == [(30, 9)]
    text = base(can="update: 'owner\n\n  when opn is yes'")
    assert [(p.line, p.column) for p in problems(text)] == [(30, 14)]
    text = base(can='update: "\\x6fwner\n  when opn is yes"')
    assert len(problems(text)) == 1
    text = "# ä ö ü 💜\r\n" + typed("one of é").replace("\n", "\r\n")
    assert [(p.line, p.column) for p in problems(text)] == [(27, 21)]


def test_large_strange_and_hostile_files_are_refused_quickly() -> None:
    many = "".join(f"  r{n}: {{owner: r{n + 1}}}\n" for n in range(30_000))
    long = "".join(f"  r{n}: {{owner: r{n + 1}}}\n" for n in range(199)) + "  r199: {owner: account}"
    wide = "x: {owner: account, fields: {" + ", ".join(f"f{n}: text" for n in range(300)) + "}}"
    started = time.process_time()
    exploding = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(50))
    for text, expected in (
        ("x: " + "y" * 10_000_000, "larger than 1 MiB"),
        (exploding, "`&a` is an anchor"),
        ("app: " + "[" * 100_000, "nested deeper than 16 levels"),
        ("app: " + "{a: " * 100_000, "nested deeper than 16 levels"),
        ("- " * 100_000, "nested deeper than 16 levels"),
        ("app: a\n" * 100_000, "stands here already"),
        (HEAD + many, "can be 200 resources"),
        (HEAD + long, "above it already"),
        (typed("one of " + ", ".join(f"v{n}" for n in range(100_000))), "can be 200 values"),
        (typed("one of a,\n" + "\n" * 30_000 + "       " + " b,\n        " * 30_000 + " %"), "can be 200 values"),
        (update("owner and " * 50_000 + "nobody_we_know"), "neither a role"),
        (also(wide), "can be 200 fields"),
        ("app: \ud800", "`U+D800` cannot stand"),
        ("%YAML 3.0\n--- a", "is a YAML directive"),
        ("a: 'b\\\n", "never closed"),
        ('a: "\\q"', "no YAML escape"),
        ("app: tried\nresources:\n  a: b\n c: d\n", "cannot be read as YAML"),
    ):  # fmt: skip
        found = problems(text)
        assert any(expected in p.message for p in found), (text[:40], found[:2])
        assert len(found) < 110
    assert time.process_time() - started < 20


def test_rules_that_lean_on_each_other_in_a_long_row_are_refused() -> None:
    resources = "".join(
        f"  r{n}: {{owner: account, fields: {{next: r{n + 1}}}, can: {{read: whoever can read next}}}}\n"
        for n in range(30)
    )
    text = HEAD + resources + "  r30: {owner: account, can: {read: owner}}\n"
    assert [(p.line, "more than 16 rules" in p.message) for p in problems(text)] == [(16, True)]


def test_copies_of_copies_in_a_long_row_are_refused() -> None:
    fields = ", ".join(f"c{n}: copy of near.c{n + 1}" for n in range(30))
    text = HEAD + f"  a: {{owner: account, fields: {{near: a, {fields}, c30: text}}}}\n"
    assert [p.line for p in problems(text)] == [3]


def test_a_file_that_is_not_there_or_not_text_is_a_clear_message(tmp_path: Path) -> None:
    def message(path: Path | str) -> str:
        with pytest.raises(SpecificationInvalid) as caught:
            load(path)
        return caught.value.problems[0].message

    assert "does not exist" in message(tmp_path)
    assert "does not exist" in message(tmp_path / "nothing.yaml")
    assert "does not exist" in message(tmp_path / "nothing" / "freehold.yaml")
    assert "cannot be read" in message("a\0b")
    file = tmp_path / "freehold.yaml"
    file.write_bytes(b"app: caf\xe9\n")
    assert "`0xE9` is not UTF-8" in message(file)
    file.write_bytes("app: tried".encode("utf-16"))
    assert "is not UTF-8" in message(file)
    file.write_bytes(b"x" * 11_000_000)
    assert "larger than 1 MiB" in message(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + base().encode())
    assert load(tmp_path).app == "tried"
