"""`freehold who`: who can do what with a record, for the operator."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from entrypoints import asgi
from entrypoints.cli import cli
from entrypoints.container import Container
from tests.application.world import NEVER

TEXT = """\
app: trial
staff: clerk
resources:
  book:
    owner: account
    roles: editor > reader
    fields: {title: text, shut: yes/no, judge: {type: account, optional: yes}}
    locked: when shut is yes, except shut
    can:
      create: signed in
      read: [owner, reader, staff.clerk when shut is yes]
      update: [owner, editor and judge]
      share: owner
  page:
    owner: book
    fields: {text: text}
    can: {create: owner, read: whoever can read book}
"""


@pytest.fixture
def folder(brought_up: Callable[[str], Path]) -> Path:
    """A project with its database, on each store in turn."""
    return brought_up(TEXT)


async def run(*arguments: object, code: int = 0) -> str:
    """What the command prints."""
    result = await asyncio.to_thread(CliRunner().invoke, cli, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return str(result.output)


async def test_everybody_is_shown_with_line_and_reason(folder: Path) -> None:
    app = asgi.create_app(Container(folder=folder))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        tokens, ids = {}, {}
        for name in ("mary", "bob", "carol"):
            body = {"email": f"{name}@example.com", "password": f"a password of {name}"}
            found = (await client.post("/auth/register", json=body)).json()
            tokens[name], ids[name] = {"authorization": f"Bearer {found['access_token']}"}, found["account"]["id"]
        made = {"title": "Peas", "judge": ids["bob"]}
        book = (await client.post("/v1/books", json=made, headers=tokens["mary"])).json()["id"]
        for name, role in (("bob", "editor"), ("carol", "reader")):
            body = {"account": ids[name], "role": role}
            answer = await client.post(f"/v1/books/{book}/members", json=body, headers=tokens["mary"])
            assert answer.status_code == 201
        page = (await client.post("/v1/pages", json={"book": book, "text": "T"}, headers=tokens["mary"])).json()["id"]
        await client.patch(f"/v1/books/{book}", json={"shut": True}, headers=tokens["mary"])
        await run("staff", "set", "carol@example.com", "clerk", folder)

        told = json.loads(await run("who", "book", book, folder, "--json"))
        assert told["owner"] == {"account": ids["mary"], "email": "mary@example.com"}
        assert told["locked"] is True
        who = {each["email"] or each["role"]: each for each in told["who"]}
        assert [right["action"] for right in who["mary@example.com"]["rights"]] == ["read", "update", "share"]
        assert who["bob@example.com"]["rights"][1] == {
            "action": "update",
            "step": None,
            "grant": "editor and judge",
            "line": 12,
            "because": [f"editor of book {book}", f"judge of book {book}"],
        }
        reasons = [right["because"] for right in who["carol@example.com"]["rights"]]
        assert reasons == [[f"reader of book {book}"], ["staff.clerk", "shut is"]]
        assert who["clerk"]["whose"] == "staff"

        printed = await run("who", "pages", page, folder)
        assert "owned by mary@example.com" in printed
        assert "It is locked" in printed
        assert f"bob@example.com ({ids['bob']})" in printed
        assert f"whoever can read book: can read book, line 11: `reader` (editor of book {book})" in printed


async def test_what_is_not_there_is_said(folder: Path) -> None:
    said = await run("who", "bok", NEVER, folder, code=2)
    assert said == "There is no resource `bok`. There are: book, page.\n"
    assert await run("who", "book", "7", folder, code=2) == "`7` is no id: this is a UUID.\n"
    assert await run("who", "book", NEVER.upper(), folder, code=1) == f"There is no book with the id {NEVER}.\n"
    told = json.loads(await run("who", "book", NEVER, folder, "--json", code=1))
    assert told == {"error": f"There is no book with the id {NEVER}."}


async def test_on_postgres_only_the_owner_of_the_tables_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "FREEHOLD_DATABASE_URL" not in os.environ:
        pytest.skip("a file has no roles")
    monkeypatch.delenv("FREEHOLD_MIGRATION_URL")
    assert "Set FREEHOLD_MIGRATION_URL" in await run("who", "book", NEVER, folder, code=2)
