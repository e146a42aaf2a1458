"""The proof on PostgreSQL: in two roles, with row-level security asked by itself, in a database that is left empty."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.persistence.sql.migrating import within
from adapters.persistence.sql.pool import Server as Place
from adapters.proof.wall import proving_database
from adapters.specification_file import load, parse
from domain.errors import SchemaDiffers
from entrypoints import laboratory
from entrypoints.cli import cli
from tests.conftest import tables_of
from tests.postgres import APPLICATION, SUPERUSER
from tests.proof.test_proof import NOTES, PROJECT, READINGS, proved

EXAMPLES = [path for path in sorted((PROJECT / "examples").glob("*/freehold.yaml")) if path.parent.name != "custom"]
COMPARISONS = 4_000
"""of each example: every reading has its share of them, in some seconds"""


def held(place: Place) -> list[str]:
    """What the database holds, by name."""
    asked = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    return within(place.owner_url, lambda connection: [*connection.exec_driver_sql(asked).scalars()])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_each_example_is_proved_on_postgresql_and_leaves_nothing(path: Path, empty_place: Place) -> None:
    report = proved(path, 5, COMPARISONS, empty_place)
    assert [finding.title for finding in report.findings] == []
    # the largest has no room for a second world
    assert {*READINGS, "row-level security"} >= set(report.comparisons)
    assert report.comparisons["row-level security"] > COMPARISONS / 20
    assert report.comparisons["HTTP answers"] > COMPARISONS / 10
    assert held(empty_place) == []


async def test_mutants_are_caught_on_postgresql_each_in_a_database_made_anew(empty_place: Place) -> None:
    specification = parse("""
app: slips
resources:
  slip:
    owner: account
    fields: {text: text, open: yes/no}
    can: {create: signed in, read: [owner, anyone when open is yes], delete: owner}
""")
    found = await laboratory.try_mutants(specification, 1, lambda _: None, empty_place)
    assert (found.survivors, found.tried) == ((), 8)
    assert held(empty_place) == []


def prove(monkeypatch: pytest.MonkeyPatch, database: str, owner: str | None, *more: str) -> tuple[int, Any]:
    if owner is not None:
        monkeypatch.setenv("FREEHOLD_MIGRATION_URL", owner)
    arguments = ["prove", str(NOTES.parent), "--json", "--budget", "500", "--seed", "3", "--database", database, *more]
    said = CliRunner().invoke(cli, arguments)
    return said.exit_code, json.loads(said.stdout)


def test_the_command_proves_on_an_empty_database(empty_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    code, report = prove(monkeypatch, empty_place.url, empty_place.owner_url)
    assert (code, report["findings"]) == (0, [])
    assert "row-level security" in report["comparisons"]
    assert prove(monkeypatch, empty_place.url, empty_place.owner_url)[0] == 0  # and again, as it is empty again


def test_a_database_that_holds_anything_is_refused_and_stays_as_it_is(
    empty_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(empty_place.owner_url, lambda connection: connection.exec_driver_sql("CREATE TABLE mine (id int)") and None)
    code, said = prove(monkeypatch, empty_place.url, empty_place.owner_url)
    assert (code, "it holds `public.mine`" in said["error"]) == (1, True)
    assert held(empty_place) == ["mine"]


def test_two_roles_of_one_postgresql_database_must_be_named(
    empty_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = empty_place.owner_url + "x"
    assert "FREEHOLD_MIGRATION_URL" in prove(monkeypatch, empty_place.url, None)[1]["error"]
    assert "the same one" in prove(monkeypatch, empty_place.url, other)[1]["error"]
    assert "PostgreSQL" in prove(monkeypatch, "sqlite:///x.db", None)[1]["error"]
    code, said = prove(monkeypatch, empty_place.url, empty_place.owner_url, "--url", "http://127.0.0.1:1")
    assert (code, "--url" in said["error"]) == (2, True)
    code, said = prove(monkeypatch, empty_place.owner_url, empty_place.owner_url)
    assert (code, "only one" in said["error"]) == (1, True)
    assert held(empty_place) == []


def test_a_role_that_stands_above_policies_proves_nothing(empty_place: Place) -> None:
    above = Place(empty_place.url.replace(APPLICATION, SUPERUSER), empty_place.owner_url)
    with pytest.raises(SchemaDiffers, match="superuser"), proving_database(above, tables_of(load(NOTES))):
        pass
    assert held(empty_place) == []
