"""`freehold check`: mistakes are 1, open questions 2; what is asked comes with what to paste; `--watch` goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from entrypoints import developing
from entrypoints.cli import cli
from tests.application.world import EXAMPLES

REPOSITORY = Path(__file__).resolve().parents[2]
CLEAR = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner}
"""
ASKED = CLEAR.replace("title: text", "bio: text").replace("read: owner", "read: anyone")
ANSWERED = f"{ASKED}answers: [{{question: Q-PUBLIC-PERSONAL, on: note.bio, because: it is meant}}]\n"
FALSE = f"{CLEAR}examples: [mary can read note 1; bob can]\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of a test."""
    for name in [name for name in os.environ if name.startswith("FREEHOLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Result]:
    """Check a text."""

    def checked(text: str, *options: str) -> Result:
        (tmp_path / "freehold.yaml").write_text(text, encoding="utf-8")
        result = CliRunner().invoke(cli, ["check", str(tmp_path), *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return checked


def test_a_question_is_printed_with_its_place_and_what_to_paste(check: Callable[..., Result]) -> None:
    said = check(ASKED)
    assert said.exit_code == 2
    assert "trial 1.0.0: no mistakes, 1 open question." in said.stdout
    lines = [line.rstrip() for line in said.stdout.splitlines()]
    (at,) = [number for number, line in enumerate(lines) if "Q-PUBLIC-PERSONAL on note.bio" in line]
    assert lines[at].split(": ")[0].endswith("freehold.yaml:5:14")
    assert lines[at + 1] == "  `bio` of `note` looks personal, and anybody without an account can read it."
    assert lines[at + 3] == "  To answer it, paste one of these:"
    assert lines[at + 4 : at + 8] == [
        "  - Show it to the owner only:",
        "        note:",
        "          fields:",
        "            bio: {type: text, read: owner}",
    ]
    assert "Who may do what" in said.stdout, "the rest is printed all the same"


def test_a_question_as_json_has_all_of_it(check: Callable[..., Result]) -> None:
    said = check(ASKED, "--json")
    assert said.exit_code == 2
    found = json.loads(said.stdout)
    (question,) = found["questions"]
    assert question.keys() == {"code", "on", "line", "column", "asks", "why", "answers"}
    assert (question["code"], question["on"], question["line"]) == ("Q-PUBLIC-PERSONAL", "note.bio", 5)
    assert [answer["yaml"] for answer in question["answers"]] == [
        "  note:\n    fields:\n      bio: {type: text, read: owner}",
        "answers:\n  - {question: Q-PUBLIC-PERSONAL, on: note.bio, because: it is meant to be seen by everybody}",
    ]
    assert found["errors"] == []
    assert found["public"]


def test_answered_is_as_good_as_not_asked(check: Callable[..., Result]) -> None:
    for text in (CLEAR, ANSWERED):
        assert check(text).exit_code == 0
        assert json.loads(check(text, "--json").stdout)["questions"] == []


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (FALSE, "7:34", "`bob can read note 1` is not true"),
        (f"{ANSWERED}".replace("note.bio,", "note.boi,"), "7:22", "`Q-PUBLIC-PERSONAL` on `note.boi` answers nothing."),
    ],
)
def test_what_the_file_says_of_itself_and_is_not_so_is_a_mistake(
    check: Callable[..., Result], text: str, place: str, words: str
) -> None:
    said = check(text)
    assert said.exit_code == 1
    (line,) = said.stderr.splitlines()
    assert f"freehold.yaml:{place}: {words}" in line
    found = json.loads(check(text, "--json").stdout)
    (error,) = found["errors"]
    assert f"{error['line']}:{error['column']}" == place
    assert error["message"].startswith(words)


def test_a_mistake_counts_more_than_a_question(check: Callable[..., Result]) -> None:
    said = check(ASKED + "examples: [mary can read note 1; bob cannot]\n")
    assert (said.exit_code, "1 mistake, 1 open question" in said.stdout) == (1, True)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/freehold.yaml")), ids=lambda path: path.parent.name)
def test_no_example_has_an_open_question(path: Path) -> None:
    said = CliRunner().invoke(cli, ["check", str(path)])
    assert (said.exit_code, said.stderr, "question" in said.stdout.partition("\n")[0]) == (0, "", False)


def test_watch_checks_again_at_each_change_and_ends_with_the_last_code(tmp_path: Path) -> None:
    path, log = tmp_path / "freehold.yaml", tmp_path / "said.txt"
    path.write_text(CLEAR, encoding="utf-8")
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", "from entrypoints.cli import main; main()", "check", str(tmp_path), "--watch"],
            cwd=REPOSITORY,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )
    deadline = time.monotonic() + 60

    def until(text: str, words: str) -> None:
        """Save the file until it was noticed: nothing tells when the watching has begun."""
        while words not in log.read_text("utf-8"):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            path.write_text(text, encoding="utf-8")
            time.sleep(0.1)

    try:
        until(CLEAR, "trial 1.0.0: no mistakes.")
        until(ASKED, "1 open question.")
        until(CLEAR.replace("title: text", "title: txt"), "`txt`")
        until(FALSE, "is not true")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text("utf-8")


def test_dev_prints_open_questions_and_serves_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "freehold.yaml").write_text(ASKED + "examples: [bob cannot read note 1]\n", encoding="utf-8")
    console = Console(width=200, record=True)
    container: Any = developing._prepare(tmp_path, False, console, "http://127.0.0.1:1")
    said = console.export_text()
    assert "Q-PUBLIC-PERSONAL on note.bio" in said
    assert "1 question is open." in said
    assert "`bob cannot read note 1` is not true" in said
    assert container.specification().app == "trial"
    assert (tmp_path / "freehold.db").exists()
