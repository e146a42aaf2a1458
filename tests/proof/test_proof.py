"""A right server is proved, everything takes part, mutants are caught, and a proof is repeated by its seed."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.specification_file import load, parse
from application.proof.attack import Budget
from application.proof.mutants import mutants
from application.proof.report import Report
from entrypoints import laboratory
from entrypoints.cli import cli
from tests.conftest import Serving

PROJECT = Path(__file__).resolve().parents[2]
NOTES = PROJECT / "examples" / "notes" / "freehold.yaml"


def proved(path: Path, seed: int, budget: Budget) -> Report:
    return asyncio.run(laboratory.prove(load(path), path.read_text("utf-8"), seed, budget))


def test_a_right_server_is_proved_and_everything_takes_part() -> None:
    report = proved(NOTES, 11, Budget("80000", comparisons=80_000))
    assert report.findings == []
    assert report.not_covered == []
    assert {"HTTP answers", "SQL filter", "two worlds", "statements for what is hidden"} == set(report.comparisons)
    assert all(report.comparisons.values())
    assert report.stories >= 3
    relations = {relation for _, _, relation in report.cells}
    assert {"anonymous", "stranger", "owner", "editor", "viewer", "expired viewer", "its author"} <= relations
    assert {"editor of the notebook above", "member elsewhere"} <= relations
    assert report.cell("notebook", "open", "stranger").allowed == 0
    assert report.cell("notebook", "open", "owner").refused == 0


def test_a_seed_and_a_number_of_comparisons_name_one_proof() -> None:
    one, other = (proved(NOTES, 7, Budget("12000", comparisons=12_000)) for _ in range(2))
    assert one.comparisons == other.comparisons
    assert one.cells == other.cells
    assert proved(NOTES, 8, Budget("12000", comparisons=12_000)).cells != one.cells


async def test_every_mutant_of_a_small_specification_is_caught_or_changes_nothing() -> None:
    specification = parse("""
app: shelf
resources:
  shelf:
    plural: shelves
    owner: account
    roles: editor > reader
    fields: {name: text, open: yes/no, price: {type: integer, optional: yes, read: editor}, state: "one of new, old"}
    steps: {state: {new -> old: editor}}
    can:
      create: signed in
      read: [owner, reader, anyone when open is yes and price is empty]
      update: [owner, editor only name]
      delete: owner
      share: [owner, reader]
  book:
    owner: shelf
    fields: {title: text, writer: creator}
    can: {create: [owner, editor], read: whoever can read shelf, update: writer and editor, delete: owner}
""")
    tried: list[str] = []
    found = await laboratory.try_mutants(specification, 1, tried.append)
    assert found.survivors == ()
    assert found.tried + len(found.idle) == len(tried) == len(list(mutants(specification)))
    assert found.tried > 30
    assert not any("read:" in each for each in found.idle)


@pytest.fixture
def url(tmp_path: Path, served: Serving) -> Iterator[str]:
    """A server of the notes example, over a real socket."""
    (tmp_path / "freehold.yaml").write_bytes(NOTES.read_bytes())
    with served(tmp_path) as there:
        yield there


def prove(*arguments: str) -> tuple[int, Any]:
    said = CliRunner().invoke(cli, ["prove", str(NOTES.parent), "--json", *arguments])
    return said.exit_code, json.loads(said.stdout)


def test_a_server_at_a_url_is_proved_over_its_socket(url: str) -> None:
    code, report = prove("--url", url, "--budget", "15000", "--seed", "3")
    assert (code, report["findings"]) == (0, [])
    assert any("not over a URL" in part for part in report["skipped"])


def test_a_server_that_is_away_or_lets_nobody_in_is_no_proof(url: str) -> None:
    code, said = prove("--url", url + "/nothing", "--budget", "1000")
    assert (code, "sign up" in said["error"]) == (1, True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        code, said = prove("--url", f"http://127.0.0.1:{free.getsockname()[1]}", "--budget", "1000")
        assert (code, "Not proved" in said["error"]) == (1, True)


def test_mutants_and_a_url_do_not_go_together(url: str) -> None:
    code, said = prove("--url", url, "--mutants")
    assert (code, "--mutants" in said["error"]) == (2, True)
