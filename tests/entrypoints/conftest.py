"""What several tests of the command line begin with."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entrypoints import projects
from entrypoints.container import Container
from tests.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def brought_up(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Path]]:
    """Makes a project with its database, as it is served: on PostgreSQL by a role that owns nothing."""
    for name in [name for name in os.environ if name.startswith("FREEHOLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    server: Server | None = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    made = None if server is None else server.new()
    if made is not None:
        monkeypatch.setenv("FREEHOLD_DATABASE_URL", made.url)
        monkeypatch.setenv("FREEHOLD_MIGRATION_URL", made.migration_url)

    def make(text: str) -> Path:
        (tmp_path / "freehold.yaml").write_text(text, encoding="utf-8")
        container = Container(folder=tmp_path)
        projects.bring_up(container.database(), container.tables(), allow_losses=False)
        return tmp_path

    yield make
    if server is not None and made is not None:
        server.drop(made)
