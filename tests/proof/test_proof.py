"""A right server is proved, everything takes part, mutants are caught, and a proof is repeated by its seed."""

import asyncio
from pathlib import Path

from adapters.persistence.sql.pool import Server
from adapters.specification_file import load, parse
from application.proof.attack import Budget
from application.proof.mutants import mutants
from application.proof.report import Report
from entrypoints import laboratory

PROJECT = Path(__file__).resolve().parents[2]
NOTES = PROJECT / "examples" / "notes" / "freehold.yaml"


MOVES = """
app: moves
resources:
  project:
    owner: account
    roles: lead
    fields:
      name: text
    can: {create: signed in, read: [owner, lead], share: owner}
  task:
    owner: project
    fields:
      assignee: member of project, optional
      title: text
    can: {create: owner, read: whoever can read project, update: owner, move: [owner, project.lead]}
"""
READINGS = {"HTTP answers", "SQL filter", "two worlds", "statements for what is hidden"}


def proved(path: Path, seed: int, comparisons: int, place: Server | None) -> Report:
    budget = Budget(str(comparisons), comparisons=comparisons)
    return asyncio.run(laboratory.prove(load(path), path.read_text("utf-8"), seed, budget, place=place))


def test_a_right_server_is_proved_and_everything_takes_part(place: Server | None) -> None:
    report = proved(NOTES, 2, 60_000, place)
    assert report.findings == []
    assert report.not_covered == []
    assert READINGS | ({"row-level security"} if place else set()) == set(report.comparisons)
    assert all(report.comparisons.values())
    assert report.stories >= 3
    relations = {relation for _, _, relation in report.cells}
    assert {"anonymous", "stranger", "owner", "editor", "viewer", "expired viewer", "its author"} <= relations
    assert {"editor of the notebook above", "member elsewhere"} <= relations
    assert {"link as viewer", "link as viewer of the notebook above", "link elsewhere", "ended link"} <= relations
    assert report.cell("notebook", "open", "stranger").allowed == 0
    assert report.cell("notebook", "open", "owner").refused == 0


def test_a_seed_and_a_number_of_comparisons_name_one_proof(place: Server | None) -> None:
    one, other = (proved(NOTES, 7, 4_000, place) for _ in range(2))
    assert one.comparisons == other.comparisons
    assert one.cells == other.cells
    assert proved(NOTES, 8, 4_000, place).cells != one.cells


async def test_every_mutant_of_a_small_specification_is_caught_or_changes_nothing(place: Server | None) -> None:
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
    found = await laboratory.try_mutants(specification, 1, tried.append, place)
    assert found.survivors == ()
    assert found.tried + len(found.idle) == len(tried) == len(list(mutants(specification)))
    assert found.tried > 30
    assert not any("read:" in each for each in found.idle)


def test_a_place_may_be_refused_for_whom_the_record_names(tmp_path: Path) -> None:
    """As well as for being hidden: two reasons of one field, each always in its own words."""
    path = tmp_path / "freehold.yaml"
    path.write_text(MOVES, encoding="utf-8")
    assert proved(path, 1, 20_000, None).findings == []
