"""`freehold.lock`: what was approved is read back as it was, and nothing else is taken for it."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import lock_file
from domain.errors import NotApproved
from domain.specification.approval import Approval, digest

WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def approval(text: str, by: str = "Mary", **others: Any) -> Approval:
    made = Approval(text, "0001_abc", {"0001_abc.py": "d" * 64}, "s" * 64, "o" * 64, by, WHEN)
    return replace(made, **others)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    assert lock_file.read(tmp_path) == ()
    wanted = approval("app: trial\n# “é”\n\n")
    lock_file.write(tmp_path, wanted)
    assert lock_file.read(tmp_path) == (wanted,)
    assert [path.name for path in tmp_path.iterdir()] == ["freehold.lock"]


def test_line_ends_of_another_system_make_no_difference(tmp_path: Path) -> None:
    lock_file.write(tmp_path, approval("app: trial\r\n"))
    path = tmp_path / "freehold.lock"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (found,) = lock_file.read(tmp_path)
    assert found.specification == digest("app: trial\n") == digest("app: trial\r\n")


@pytest.mark.parametrize(
    ("before", "after"), [("Mary", "Bob"), ("trial", "other"), ("0001_abc", "0002_abc"), ("{", "["), ("seal", "sea")]
)
def test_a_lock_that_was_changed_by_hand_is_not_believed(tmp_path: Path, before: str, after: str) -> None:
    lock_file.write(tmp_path, approval("app: trial\n"))
    path = tmp_path / "freehold.lock"
    path.write_text(path.read_text("utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(NotApproved, match="version control"):
        lock_file.read(tmp_path)


def git(folder: Path, *arguments: str) -> int:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, check=False).returncode  # noqa: S603, S607


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"revision": "0002_mary", "revisions": {"0001_abc.py": "d" * 64, "0002_mary.py": "e" * 64}},
        {"schema": "t" * 64},
        {"openapi": "t" * 64},
        {"by": "Ann"},
        {"answers": ({"question": "Q-X", "on": "note.title", "because": "yes"},)},
    ],
)
def test_of_a_merge_that_git_could_not_make_both_sides_are_read(tmp_path: Path, others: dict[str, Any]) -> None:
    """Whole, also what only one of them changed, and texts whose changes do not touch each other."""
    text = "".join(f"line {i}\n" for i in range(40))
    mary = replace(approval(text.replace("line 3\n", "line three\n"), at=WHEN + timedelta(1)), **others)
    bob = approval(text.replace("line 33\n", "other\n"), "Bob", at=WHEN + timedelta(2))
    git(tmp_path, "init", "-b", "main")
    for branch, each in (("main", approval(text, "Ann")), ("bob", bob), ("mary", mary)):
        git(tmp_path, "checkout", "main")
        git(tmp_path, "checkout", "-b", branch)
        lock_file.write(tmp_path, each)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", branch)
    assert git(tmp_path, "merge", "bob") == 1
    assert lock_file.read(tmp_path) == (mary, bob)
