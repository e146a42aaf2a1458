"""`freehold prove`: how long it goes on, what it shows, what it writes, and its exit codes. The proof is a double."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from application.proof.report import Progress, Report
from domain.specification.model import Specification
from entrypoints import proving
from entrypoints.cli import cli
from entrypoints.proving import Budget, Files, Unusable, budget_of
from tests.adapters.proofs import DELETES, PUBLIC, SOURCE, empty, hostile, leaking, proved

WHEN = datetime(2026, 11, 23, 22, 10, tzinfo=UTC)


# --- the budget ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds", "comparisons"),
    [("30s", 30, None), ("10m", 600, None), ("1h", 3600, None), ("1000000", None, 1_000_000), (" 5s ", 5, None)],
)
def test_a_budget_is_a_time_or_a_number(text: str, seconds: float | None, comparisons: int | None) -> None:
    budget = budget_of(text)
    assert (budget.seconds, budget.comparisons, budget.text) == (seconds, comparisons, text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "0",
        "0s",
        "-5",
        "-5s",
        "1.5m",
        "1e6",
        "10 m",
        "10ms",
        "1d",
        "ten",
        "１０s",
        "9" * 5000,
        "30s\n1",
        "\x1b[0m",
    ],
)
def test_another_budget_is_refused_with_what_can_be_written(text: str) -> None:
    with pytest.raises(Unusable, match="30s, 10m, 1h") as refused:
        budget_of(text)
    assert len(str(refused.value)) < 200
    assert "\x1b" not in str(refused.value)


# --- what is shown -------------------------------------------------------------------------


def shown(report: Report, *, terminal: bool = False) -> tuple[int, str, str]:
    """The exit code, and what went to standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()

    def run(budget: Budget, seed: int, watch: Callable[[Progress], None]) -> Report:
        watch(Progress(0.25, 1_234, 0, "two worlds"))
        watch(Progress(7.0, 56_789, 3, "[red]people[/] of \x1b[2J"))
        return report

    code = proving.prove(
        run,
        budget_of("30s"),
        7,
        out=Console(file=out, width=160, force_terminal=terminal),
        err=Console(file=err, width=160, force_terminal=terminal, color_system=None),
        clock=lambda: WHEN,
    )
    return code, out.getvalue(), err.getvalue()


def test_a_proof_ends_with_one_line() -> None:
    code, out, err = shown(proved())
    assert (code, err) == (0, "")
    last = out.splitlines()[-1]
    assert last.startswith("Proved. ")
    for part in ("31,200 comparisons", "20.0 s (1,560 comparisons per second)", "seed 7"):
        assert part in last


def test_the_table_counts_each_place() -> None:
    _, out, _ = shown(leaking())
    rows = [line.split() for line in out.splitlines()]
    assert ["resource", "action", "relationship", "allowed", "refused", "leaks"] in rows
    assert ["page", "read", "anonymous", "!", "11", "60", "-"] in rows
    assert ["stranger", "!", "12", "61", "2"] in rows
    assert ["idea", "create", "stranger", "9", "-", "-"] in rows


def test_a_finding_can_be_repeated_from_what_is_printed() -> None:
    code, out, _ = shown(leaking())
    assert code == 1
    parts = [
        "1. leak: Bob lists pages and sees Mary's.",
        f"Line {PUBLIC} does not allow it.",
        "1. Mary makes the book Garden.",
        "3. Bob lists pages.",
        'expected: 200 {"items":[]}',
        'given:    200 {"items":[{"audience":"members"}]}',
        '\ncurl -s "$URL/v1/pages" -H "Authorization: Bearer $BOB"\n',
        "freehold prove --budget 32200 --seed 7",
        "2. defect: Mary shares a book",
        "Not covered:",
        f"line {DELETES}, page: delete",
        "Skipped:",
        "transfer: no route serves it",
        "17 by book, unique. A conflict tells",
        "11 of 12 noticed in 1.5 s.",
        f"unnoticed: line {PUBLIC}, page: read: without its condition",
        "Not proved. In 31,200 comparisons, 1 leak and 1 defect were found.",
    ]
    positions = [out.find(part) for part in parts]
    assert [part for part, at in zip(parts, positions, strict=True) if at < 0] == []
    assert positions == sorted(positions)


def test_where_nothing_was_compared_nothing_is_proved() -> None:
    code, out, _ = shown(empty())
    assert code == 1
    assert out.startswith("Not proved. Nothing was compared")


def test_hostile_text_does_not_reach_the_terminal() -> None:
    _, out, _ = shown(hostile())
    assert "<script>alert('x')</script> \\u0000\\u001b[31m \\u202etxt" in out
    assert "[red]" in out, "it is no markup"
    assert not {"\x00", "\x1b", "\u202e", "\ud800"} & set(out)


def test_a_bar_moves_on_a_terminal_only() -> None:
    _, _, err = shown(proved())
    assert err == ""
    _, out, err = shown(proved(), terminal=True)
    assert "56,789 comparisons" in err
    assert "100%" in err
    assert "3 findings" in err
    assert "[red]people[/] of \\u001b[2J" in err
    assert "Proving" not in out
    assert "Proved." in out


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "freehold.yaml").write_text(SOURCE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asked of the proof; `asked["report"]` is what it gets."""
    told: dict[str, Any] = {"report": proved()}

    def runner(
        specification: Specification, source: str, *, url: str | None, mutants: bool, place: object
    ) -> proving.Run:
        told.update(app=specification.app, source=source, url=url, mutants=mutants)

        def run(budget: Budget, seed: int, watch: Callable[[Progress], None]) -> Report:
            told.update(budget=budget, seed=seed)
            if isinstance(told["report"], BaseException):
                raise told["report"]
            return told["report"]  # type: ignore[no-any-return]

        return run

    monkeypatch.setattr(proving, "runner", runner)
    return told


def command(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, ["prove", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_proves_for_a_minute_with_a_new_seed_and_says_which(folder: Path, asked: dict[str, Any]) -> None:
    said = command(folder)
    assert said.exit_code == 0
    assert (asked["budget"], asked["url"], asked["mutants"]) == (Budget("60s", seconds=60), None, False)
    assert (asked["app"], asked["source"]) == ("diary", SOURCE)
    assert said.stdout.startswith(f"Proving diary for 60s, seed {asked['seed']}\n")
    first = asked["seed"]
    command(folder)
    assert asked["seed"] != first


def test_what_is_asked_for_reaches_the_proof(folder: Path, asked: dict[str, Any]) -> None:
    more = ("--budget", "5000", "--seed", "42", "--url", "https://example.com", "--mutants")
    assert command(folder / "freehold.yaml", *more).exit_code == 0
    assert asked["budget"] == Budget("5000", comparisons=5000)
    assert (asked["seed"], asked["url"], asked["mutants"]) == (42, "https://example.com", True)


@pytest.mark.parametrize(("report", "code"), [(proved, 0), (leaking, 1), (empty, 1)])
def test_json_is_one_document_and_nothing_else(
    folder: Path, asked: dict[str, Any], report: Callable[[], Report], code: int
) -> None:
    asked["report"] = report()
    said = command(folder, "--json", "--html", folder / "page.html")
    assert (said.exit_code, said.stderr) == (code, "")
    assert json.loads(said.stdout)["proved"] is (code == 0)
    assert (folder / "page.html").exists()


def test_files_are_written_whatever_was_found(folder: Path, asked: dict[str, Any]) -> None:
    asked["report"] = leaking()
    said = command(folder, "--junit", folder / "junit.xml", "--html", folder / "page.html")
    assert said.exit_code == 1
    assert f"Written: {folder / 'page.html'}" in said.stdout
    assert ElementTree.parse(folder / "junit.xml").getroot().get("failures") == "3"  # noqa: S314
    assert "<!doctype html>" in (folder / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--budget", "ten"), "`ten` is no budget"),
        (("--url", "localhost:8000"), "Begin with http://"),
        (("--html", "nowhere/page.html"), "--html nowhere/page.html lies in a folder that does not exist"),
        (("--junit", "."), "--junit . is a folder"),
        (("--seed", "-1"), "--seed"),
        (("--seed", "x"), "--seed"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(
    folder: Path, asked: dict[str, Any], arguments: tuple[str, ...], word: str
) -> None:
    said = command(folder, *arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert word in said.stderr
    assert "budget" not in asked
    if "--seed" not in arguments:
        assert word in json.loads(command(folder, *arguments, "--json").stdout)["error"]


def test_a_specification_with_mistakes_is_not_attacked(folder: Path, asked: dict[str, Any]) -> None:
    (folder / "freehold.yaml").write_text(SOURCE.replace("owner: book", "owner: bok"), encoding="utf-8")
    said = command(folder)
    assert said.exit_code == 1
    assert "`bok`" in said.stderr
    assert "budget" not in asked


@pytest.mark.parametrize("raised", [OSError("the server does not answer"), KeyboardInterrupt()])
def test_a_proof_that_could_not_end_proves_nothing(folder: Path, asked: dict[str, Any], raised: BaseException) -> None:
    asked["report"] = raised
    said = command(folder)
    assert said.exit_code == 1
    assert "Not proved" in said.stderr
    assert "Proved." not in said.stdout
    assert set(json.loads(command(folder, "--json").stdout)) == {"error"}


def test_a_file_that_cannot_be_written_after_all_is_told_and_fails(
    folder: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(files: Files, report: Report, when: datetime) -> list[Path]:
        raise OSError("the disk is full")

    monkeypatch.setattr(Files, "write", refuse)
    said = command(folder, "--html", folder / "page.html", "--json")
    assert said.exit_code == 1
    assert "Not written: the disk is full" in said.stderr
    assert json.loads(said.stdout)["proved"] is True
