"""A project on PostgreSQL: its tables are made, compared and changed; the app serves it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.persistence.sql.inspecting import inspector
from adapters.persistence.sql.pool import Server as Place
from adapters.persistence.sql.postgres import PostgresStore
from adapters.specification_file import parse
from domain.errors import SchemaDiffers
from domain.specification.model import Specification
from entrypoints import asgi, projects
from entrypoints.cli import cli
from entrypoints.container import Container
from entrypoints.settings import Settings
from tests.conftest import tables_of
from tests.postgres import Server, Throwaway

TEXT = """\
app: trial
resources:
  list:
    owner: account
    fields: {title: text, open: yes/no}
    unique: title per owner
    can: {create: signed in, read: [owner, anyone when open is yes], update: owner, delete: owner}
  item:
    owner: list
    fields: {text: text, price: {type: decimal, optional: yes}}
    can: {create: owner, read: whoever can read list, update: owner, delete: owner}
"""


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Throwaway]:
    made = postgres_server.new()
    yield made
    postgres_server.drop(made)


@pytest.fixture
def place(database: Throwaway) -> Place:
    """With both roles."""
    return Place(database.url, database.migration_url)


@pytest.fixture
def folder(tmp_path: Path, database: Throwaway, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is served as the application."""
    (tmp_path / "freehold.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", database.url)
    return tmp_path


def changed(*changes: tuple[str, str]) -> Specification:
    """The specification with other words."""
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return parse(text)


async def used(container: Container) -> list[dict[str, Any]]:
    """Serve once: register or sign in, add a list with an item, and return every item."""
    app = asgi.create_app(container)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        body = {"email": "mary@example.com", "password": "correct horse"}
        made = await client.post("/auth/register", json=body)
        if made.status_code == 409:
            made = await client.post("/auth/login", json=body)
        token = {"authorization": f"Bearer {made.json()['access_token']}"}
        before = (await client.get("/v1/lists", headers=token)).json()["items"]
        new = await client.post("/v1/lists", json={"title": f"List {len(before)}", "open": True}, headers=token)
        assert new.status_code == 201, new.text
        item = {"list": new.json()["id"], "text": "Peas", "price": "1.50"}
        assert (await client.post("/v1/items", json=item, headers=token)).status_code == 201
        found: list[dict[str, Any]] = (await client.get("/v1/items")).json()["items"]
        return found


async def test_the_container_serves_it(folder: Path, place: Place) -> None:
    container = Container(folder=folder)
    projects.bring_up(place, container.tables(), allow_losses=False)
    assert isinstance(container.store(), PostgresStore)
    container.store.reset()
    assert [item["price"] for item in await used(container)] == ["1.50"]
    assert len(await used(Container(folder=folder))) == 2


async def test_tables_change_with_the_specification_and_records_stay(folder: Path, place: Place) -> None:
    container = Container(folder=folder)
    projects.bring_up(place, container.tables(), allow_losses=False)
    projects.require_same(place, container.tables())
    await used(container)
    wider = changed(
        ("{title: text, open: yes/no}", "{title: text, open: yes/no, stars: {type: integer, default: 3}}"),
        ("anyone when open is yes]", "anyone when open is yes and stars is 3]"),
        ("price: {type: decimal", "price: {type: text"),
    )
    differences = {each.table for each in inspector(place, tables_of(wider))()}
    assert {"lists", "items"} <= differences
    with pytest.raises(SchemaDiffers, match=r"column `lists\.stars` is missing"):
        projects.require_same(place, tables_of(wider))
    projects.bring_up(place, tables_of(wider), allow_losses=False)
    projects.require_same(place, tables_of(wider))
    again = Container(folder=folder)
    again.specification.override(wider)
    items = await used(again)
    assert [item["price"] for item in items] == ["1.50", "1.50"]


async def test_what_would_be_lost_or_does_not_fit_is_refused(folder: Path, place: Place) -> None:
    container = Container(folder=folder)
    projects.bring_up(place, container.tables(), allow_losses=False)
    await used(container)
    narrower = changed((", price: {type: decimal, optional: yes}", ""))
    with pytest.raises(SchemaDiffers, match=r"`item.price` vanishes with its values \(1 record\)"):
        projects.bring_up(place, tables_of(narrower), allow_losses=False)
    projects.require_same(place, container.tables())
    misfit = changed(("{text: text,", "{text: integer,"))
    with pytest.raises(SchemaDiffers, match="1 record stands in the way"):
        projects.bring_up(place, tables_of(misfit), allow_losses=False)
    projects.require_same(place, container.tables())
    projects.bring_up(place, tables_of(narrower), allow_losses=True)
    projects.require_same(place, tables_of(narrower))


def test_serve_says_what_is_missing_and_tells_no_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = CliRunner().invoke(cli, ["serve", str(folder)])
    assert answer.exit_code == 1
    assert "never approved" in answer.stderr
    assert CliRunner().invoke(cli, ["approve", str(folder), "--by", "Ann"]).exit_code == 0
    answer = CliRunner().invoke(cli, ["serve", str(folder)])
    assert answer.exit_code == 1
    assert answer.stderr.startswith("Not served. The PostgreSQL database `")
    assert "is at no approved revision" in answer.stderr
    assert "freehold migrate" in answer.stderr
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", "postgresql://mary:secret@127.0.0.1:1/app")
    answer = CliRunner().invoke(cli, ["serve", str(folder)])
    assert answer.exit_code == 1
    assert "Not served." in answer.stderr
    assert "secret" not in answer.stderr


def test_every_form_of_the_url_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+asyncpg"):
        monkeypatch.setenv("FREEHOLD_DATABASE_URL", f"{scheme}://mary:secret@db:5433/app")
        found = Settings().database(tmp_path)
        assert found == Place("postgresql://mary:secret@db:5433/app")
        assert str(found) == "the PostgreSQL database `app` at db:5433"
        assert "secret" not in repr(found)
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", "mysql://db/app")
    with pytest.raises(ValueError, match="postgresql://"):
        Settings().database(tmp_path)


# --- the second wall -----------------------------------------------------------------------


def said(*arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it said."""
    answer = CliRunner().invoke(cli, list(arguments))
    return answer.exit_code, answer.stdout + answer.stderr


def test_migrate_makes_all_that_serving_needs(
    folder: Path, database: Throwaway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREEHOLD_MIGRATION_URL", database.migration_url)
    assert said("approve", str(folder), "--by", "Ann")[0] == 0
    code, text = said("migrate", str(folder))
    assert (code, "Applied 0001_" in text) == (0, True), text
    code, text = said("migrate", str(folder))
    assert (code, "Applied" in text, "is what was approved" in text) == (0, False, True), text
    projects.require_same(Place(database.url), tables_of(parse(TEXT)))


def test_migrate_says_how_to_make_the_role_that_serves(
    folder: Path, database: Throwaway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREEHOLD_MIGRATION_URL", database.migration_url)
    assert said("approve", str(folder), "--by", "Ann")[0] == 0
    code, text = said("migrate", str(folder), "--database", database.url.replace("freehold_app", "nobody_yet"))
    assert (code, 'CREATE ROLE "nobody_yet" LOGIN' in text) == (1, True), text
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", database.migration_url)
    code, text = said("migrate", str(folder))
    assert (code, "owns the tables" in text, "CREATE ROLE freehold_app LOGIN" in text) == (1, True, True), text


@pytest.mark.parametrize("who", ["migration_url", "superuser_url"])
def test_a_role_that_policies_do_not_bind_is_refused_for_serving(
    who: str, folder: Path, place: Place, database: Throwaway
) -> None:
    projects.settle(folder, place, "tests")
    code, text = said("serve", str(folder), "--database", getattr(database, who))
    assert (code, "row-level security would not hold for it" in text, "CREATE ROLE" in text) == (1, True, True), text


@pytest.mark.parametrize(
    ("spoilt", "mended"),
    [
        ("ALTER ROLE freehold_app BYPASSRLS", 'ALTER ROLE "freehold_app" NOBYPASSRLS;'),
        ("GRANT CREATE ON SCHEMA public TO freehold_app", 'REVOKE CREATE ON SCHEMA "public"'),
        ("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", "REVOKE TEMPORARY ON DATABASE"),
        ("GRANT CREATE ON DATABASE {} TO freehold_app", "REVOKE CREATE ON DATABASE"),
        ("GRANT freehold_owner TO freehold_app", "CREATE ROLE freehold_app LOGIN"),
    ],
)
def test_a_role_that_may_do_more_than_serve_is_refused_with_what_mends_it(
    spoilt: str, mended: str, folder: Path, place: Place, database: Throwaway, postgres_server: Server
) -> None:
    projects.settle(folder, place, "tests")
    postgres_server.execute(spoilt.format(database.name), database.name)
    try:
        code, text = said("serve", str(folder))
        assert (code, mended in text) == (1, True), text
    finally:
        postgres_server.execute("ALTER ROLE freehold_app NOBYPASSRLS", database.name)
        postgres_server.execute("REVOKE freehold_owner FROM freehold_app", database.name)


@pytest.mark.parametrize(
    "changed_by_hand",
    [
        "DROP POLICY freehold_select ON lists",
        "ALTER POLICY freehold_select ON lists USING (true)",
        "CREATE POLICY more ON lists USING (true)",
        "ALTER TABLE items NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE freehold_sessions DISABLE ROW LEVEL SECURITY",
        "GRANT TRUNCATE ON lists TO freehold_app",
        "GRANT UPDATE (owner) ON lists TO freehold_app",
        "REVOKE DELETE ON items FROM freehold_app",
        "CREATE OR REPLACE FUNCTION freehold.present() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT true $$",
        "ALTER FUNCTION freehold.lists_opens(uuid) RESET search_path",
        "CREATE FUNCTION freehold.more() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT true $$",
    ],
)
def test_serve_refuses_what_was_changed_by_hand_and_says_what_puts_it_right(
    changed_by_hand: str, folder: Path, place: Place, database: Throwaway, postgres_server: Server
) -> None:
    tables = tables_of(parse(TEXT))
    projects.settle(folder, place, "tests")
    projects.require_same(place, tables)
    postgres_server.execute(changed_by_hand, database.name)
    code, text = said("serve", str(folder))
    assert (code, "Mend it: " in text) == (1, True), text
    projects.settle(folder, place, "tests")
    projects.require_same(place, tables)
