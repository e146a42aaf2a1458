"""Alembic's revisions make the tables that the classes say."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from adapters.persistence.sql import migrating
from adapters.persistence.sql.builtin import mapped
from domain.errors import SchemaDiffers

MADE = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic_%'"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "100% new.db"
    migrating.upgrade(f"sqlite:///{path}")
    return path


def statements(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    try:
        # a table that was renamed has its name in quotes
        return {name: " ".join(sql.replace('"', "").split()) for name, sql in connection.execute(MADE)}
    finally:
        connection.close()


def test_the_revisions_equal_the_classes(database: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, mapped.metadata) == []
    engine.dispose()


def test_down_to_the_very_statements(database: Path, tmp_path: Path) -> None:
    """Alembic does not compare checks, nor partial indexes."""
    engine = create_engine(f"sqlite:///{tmp_path / 'classes.db'}")
    mapped.metadata.create_all(engine)
    engine.dispose()
    assert statements(database) == statements(tmp_path / "classes.db")


def test_a_new_database_is_for_its_owner_only(database: Path) -> None:
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_upgrading_again_changes_nothing(database: Path) -> None:
    before = statements(database)
    assert migrating.is_current(f"sqlite:///{database}")
    migrating.upgrade(f"sqlite:///{database}")
    assert statements(database) == before


def test_an_empty_or_foreign_database_is_not_current(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    assert not migrating.is_current(f"sqlite:///{tmp_path / 'empty.db'}")
    (tmp_path / "no.db").write_bytes(b"no database at all" * 100)
    for call in (migrating.is_current, migrating.upgrade):
        with pytest.raises(SchemaDiffers):
            call(f"sqlite:///{tmp_path / 'no.db'}")


def test_a_database_of_a_newer_freehold_is_left_alone(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaDiffers, match="9999"):
        migrating.upgrade(f"sqlite:///{database}")


def test_rows_that_refer_to_nothing_are_noticed_and_nothing_is_changed(database: Path) -> None:
    with (
        pytest.raises(SchemaDiffers, match="refer to missing ones"),
        migrating.migration(f"sqlite:///{database}") as connection,
    ):
        connection.exec_driver_sql(
            "INSERT INTO freehold_refresh_tokens (hash, session, created_at) VALUES (?, ?, ?)",
            ("0" * 64, "nobody", "2026-11-23T09:30:00.000000Z"),
        )
    connection_after = sqlite3.connect(database)
    assert connection_after.execute("SELECT count(*) FROM freehold_refresh_tokens").fetchone() == (0,)
    connection_after.close()


def test_threads_upgrade_different_databases_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrating.upgrade, (f"sqlite:///{path}" for path in paths)))
    assert len({str(sorted(statements(path).items())) for path in paths}) == 1
