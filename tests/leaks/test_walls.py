"""A second wall that is broken on purpose is found out by raw SQL, also where the application still keeps the rules."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.second_wall import SecondWall
from adapters.specification_file import parse
from application.proof.attack import Budget
from application.proof.report import Kind
from entrypoints.laboratory import prove
from tests.leaks.leak import EXAMPLES
from tests.postgres import Server

PATIENCE = 30.0
NOTES = (EXAMPLES / "notes" / "freehold.yaml").read_text("utf-8")
Change = Callable[[str], str | None]
"""what becomes of a statement that raises the wall; None is nothing"""


@dataclass(frozen=True)
class Broken:
    """A wall with one mistake, and what a proof says of it."""

    name: str
    change: Change
    kind: Kind
    title: str
    """a regular expression"""


def without(beginning: str) -> Change:
    """A statement that is forgotten."""
    return lambda statement: None if statement.startswith(beginning) else statement


def saying(beginning: str, pattern: str, instead: str) -> Change:
    """A statement that says something else."""

    def change(statement: str) -> str:
        if not statement.startswith(beginning):
            return statement
        changed, times = re.subn(pattern, lambda _: instead, statement, count=1, flags=re.DOTALL)
        assert times, statement
        return changed

    return change


def policy(command: str, table: str) -> str:
    """How the statement begins that makes it."""
    return f'CREATE POLICY freehold_{command.lower()} ON "{table}"'


NAMED = "nullif(current_setting('app.account', true), '') IS NOT NULL"
WHOLE = r"USING \(.*\)$"
WALLS = (
    Broken(
        "a policy is dropped", without(policy("select", "notes")), Kind.REFUSAL,
        r"Row-level security alone does not let .* (read|open) (\w+'s )?note “",
    ),
    Broken(
        "everything can be read", saying(policy("select", "notes"), WHOLE, "USING (true)"), Kind.LEAK,
        r"Table `notes` shows \d+ rows while nobody is named as the caller\.",
    ),
    Broken(
        "everything can be deleted", saying(policy("delete", "notebooks"), WHOLE, "USING (true)"), Kind.LEAK,
        r"Row-level security alone lets .* delete \w+'s notebook “",
    ),
    Broken(
        "every change is allowed", saying(policy("update", "notes"), r"USING \(.*\) WITH", "USING (true) WITH"),
        Kind.LEAK, r"Row-level security alone lets somebody without an account change \w+'s note “",
    ),
    Broken(
        "every membership is shown", saying(policy("select", "freehold_memberships"), WHOLE, "USING (true)"),
        Kind.LEAK, r"Table `freehold_memberships` shows \d+ rows while nobody is named as the caller\.",
    ),
    Broken(
        "offers are shown to whoever is named", saying(policy("select", "freehold_offers"), WHOLE, f"USING ({NAMED})"),
        Kind.LEAK, r"Row-level security alone lets .* see the offer of \w+'s notebook “",
    ),
    Broken(
        "a function always answers yes",
        saying("CREATE FUNCTION freehold.notebooks_opens(", r"AS '.*'$", "AS 'BEGIN RETURN true; END'"),
        Kind.LEAK, r"Row-level security alone lets .* open \w+'s notebook “",
    ),
    Broken(
        "the owner stands above it", without('ALTER TABLE "notes" FORCE'), Kind.LEAK,
        r"Table `notes` does not force row-level security on its owner\.",
    ),
    Broken(
        "a table has none", without('ALTER TABLE "freehold_audit" ENABLE'), Kind.LEAK,
        r"Table `freehold_audit` has no row-level security\.",
    ),
    Broken(
        "accounts are shown to nobody in particular",
        saying(policy("select", "freehold_accounts"), WHOLE, "USING (true)"), Kind.LEAK,
        r"Table `freehold_accounts` shows \d+ rows while nobody is named as the caller\.",
    ),
)  # fmt: skip


@pytest.fixture
def place(postgres_server: Server) -> Iterator[Place]:
    made = postgres_server.new()
    yield Place(made.url, made.migration_url)
    postgres_server.drop(made)


@pytest.mark.parametrize("broken", WALLS, ids=lambda broken: broken.name)
async def test_a_broken_wall_is_found_out(broken: Broken, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = SecondWall._made
    changed: list[str] = []

    def made(self: SecondWall, here: str) -> Iterable[str]:
        for statement in real(self, here):
            instead = broken.change(statement)
            changed.extend([statement] if instead != statement else [])
            if instead is not None:
                yield instead

    monkeypatch.setattr(SecondWall, "_made", made)
    report = await prove(parse(NOTES), NOTES, 1, Budget("", PATIENCE, findings=1), place=place)
    assert changed, "the mistake was not made"
    assert len(report.findings) == 1, "nothing was found"
    found = report.findings[0]
    assert (found.kind, found.reading) == (broken.kind, "row-level security"), found.title
    assert re.search(broken.title, found.title), found.title
    assert found.because
    assert found.story[-1] == found.title
