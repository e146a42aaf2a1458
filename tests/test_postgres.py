"""What the throw-away PostgreSQL promises to the tests that use it."""

import os
from pathlib import Path

import asyncpg
import pytest

from tests import postgres
from tests.application.world import example
from tests.conftest import PostgresDatabase
from tests.postgres import APPLICATION, OWNER, Server, Throwaway

INSTALLED = [folder for folder in postgres.installed() if (folder / "initdb").exists()]


@pytest.fixture
def notes(postgres_database: PostgresDatabase) -> Throwaway:
    return postgres_database(example("notes"))


def test_neither_owner_nor_application_is_above_the_rules(postgres_server: Server) -> None:
    found = postgres_server.execute(
        "SELECT rolname::text FROM pg_roles WHERE rolcanlogin"
        " AND NOT (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)"
    )
    assert {row[0] for row in found} == {OWNER, APPLICATION}


async def test_the_application_uses_tables_and_owns_none(notes: Throwaway, postgres_server: Server) -> None:
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert [row[0] for row in postgres_server.execute(owners, notes.name)] == [OWNER]
    connection = await asyncpg.connect(notes.url)
    try:
        assert await connection.fetchval("SELECT current_user::text") == APPLICATION
        assert await connection.fetch("DELETE FROM notes RETURNING id") == []
        for change in (
            "CREATE TABLE mine (id uuid)",
            "ALTER TABLE notes ADD mine uuid",
            "DROP TABLE notes",
            "SET ROLE tester",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    finally:
        await connection.close()


@pytest.mark.parametrize("programs", INSTALLED, ids=lambda folder: folder.parent.name)
def test_a_version_is_chosen_by_its_number(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major = postgres.version(programs)[0]
    monkeypatch.setenv(postgres.SWITCH, str(major))
    found = postgres.binaries()
    assert found is not None
    assert postgres.version(found)[0] == major


@pytest.mark.parametrize("asked", ["7", "/nowhere/bin", "newest"])
def test_what_is_asked_for_and_missing_is_no_reason_to_take_another(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(postgres.SWITCH, asked)
    with pytest.raises(LookupError, match=asked):
        postgres.binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="only for root it runs as somebody else, who may not reach everything")
def test_programs_out_of_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the clone lies in root's home."""
    package = next(folder.parents[1] for folder in INSTALLED if "pginstall" in folder.parent.name)
    tmp_path.chmod(0o700)
    for each in (package, package.with_name(f"{package.name}.libs")):
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.setenv(postgres.SWITCH, str(tmp_path / package.name / "pginstall" / "bin"))
    with postgres.running() as server:
        assert server is not None
        assert server.execute("SHOW server_version_num")[0][0].startswith("16")
