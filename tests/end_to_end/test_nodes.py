"""Several processes on one PostgreSQL database: what ends on one has ended on all, what one made all know."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from adapters import tokens
from adapters.persistence.sql.definers import text_literal
from adapters.sealing import AesSealer
from tests.postgres import Server, Throwaway
from tests.serving import PROJECT, begun, make_tables, process, wait_until_ready

SPECIFICATION = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
"""
SECRET = "one secret for all nodes of the tests"
MARY = {"email": "mary@example.com", "password": "correct horse"}


@contextmanager
def database_for(folder: Path, server: Server) -> Iterator[Throwaway]:
    (folder / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
    database = server.new()
    try:
        make_tables(folder, database)
        yield database
    finally:
        server.drop(database)


@dataclass(frozen=True)
class Nodes:
    """Their URLs, and their database."""

    urls: tuple[str, str]
    database: Throwaway


@pytest.fixture(scope="module")
def place(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes, each with a folder of its own as on a machine of its own, started in the same moment.

    The database was empty: both want to make the first signing key.
    """
    folders = [tmp_path_factory.mktemp("node") for _ in range(2)]
    with database_for(folders[0], postgres_server) as database, ExitStack() as stack:
        (folders[1] / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
        make_tables(folders[1], database)
        options = ("serve", "--database", database.url)
        nodes = [stack.enter_context(begun(folder, *options, secret=SECRET)) for folder in folders]
        for node in nodes:
            wait_until_ready(node)
        yield Nodes((nodes[0].url, nodes[1].url), database)


@pytest.fixture
async def nodes(place: Nodes) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    one_url, other_url = place.urls
    async with httpx.AsyncClient(base_url=one_url) as one, httpx.AsyncClient(base_url=other_url) as other:
        yield one, other
        made = await sign_in(one)
        await one.request("DELETE", "/auth/me", json={"password": MARY["password"]}, headers=made["headers"])


async def sign_in(client: httpx.AsyncClient, password: str = MARY["password"]) -> dict[str, Any]:
    """What a node answers, with the header for the next requests; of an account made where it is not there."""
    body = MARY | {"password": password}
    answer = await client.post("/auth/register", json=body)
    if answer.status_code == 409:
        answer = await client.post("/auth/login", json=body)
    made: dict[str, Any] = answer.json()
    return made | {"headers": {"authorization": f"Bearer {made['access_token']}"}}


async def statuses(client: httpx.AsyncClient, made: dict[str, Any], note: str) -> list[int]:
    """What a caller is answered that reads, lists, writes, and asks for itself."""
    headers = made["headers"]
    return [
        (await client.get(f"/v1/notes/{note}", headers=headers)).status_code,
        (await client.get("/v1/notes", headers=headers)).status_code,
        (await client.patch(f"/v1/notes/{note}", json={"title": "y"}, headers=headers)).status_code,
        (await client.get("/auth/me", headers=headers)).status_code,
        (await client.get("/auth/sessions", headers=headers)).status_code,
    ]


async def logout(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    assert (await client.post("/auth/logout", headers=made["headers"], json={})).status_code == 204


async def logout_all(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    assert (await client.post("/auth/logout", headers=made["headers"], json={"scope": "all"})).status_code == 204


async def revoke(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    here = await sign_in(client)
    gone = await client.delete(f"/auth/sessions/{made['session']}", headers=here["headers"])
    assert gone.status_code == 204


async def change_password(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    here, first, second = await sign_in(client), MARY["password"], "another horse"
    for old, new in ((first, second), (second, first)):
        body = {"old_password": old, "new_password": new}
        assert (await client.post("/auth/password", json=body, headers=here["headers"])).status_code == 204


async def delete_account(client: httpx.AsyncClient, made: dict[str, Any]) -> None:
    body = {"password": MARY["password"]}
    assert (await client.request("DELETE", "/auth/me", json=body, headers=made["headers"])).status_code == 204


@pytest.mark.parametrize("end", [logout, logout_all, revoke, change_password, delete_account])
async def test_what_ends_on_one_node_has_ended_on_the_other(
    end: Any, nodes: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    """In the very next request, although the other has verified the token and remembers it."""
    for one, other in (nodes, nodes[::-1]):
        made = await sign_in(one)
        note = (await one.post("/v1/notes", json={"title": "x"}, headers=made["headers"])).json()["id"]
        assert await statuses(other, made, note) == [200] * 5
        await end(one, made)
        assert await statuses(other, made, note) == [401] * 5
        refreshed = await other.post("/auth/refresh", json={"refresh_token": made["refresh_token"]})
        assert refreshed.status_code == 401
        assert await statuses(one, made, note) == [401] * 5


async def test_what_ends_during_requests_lets_none_begin_afterwards(
    nodes: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    """Requests all the time on the other node: none that was sent after the answer to the revocation gets through."""
    one, other = nodes
    made = await sign_in(one)
    revoked = asyncio.Event()
    late: list[int] = []

    async def ask() -> None:
        for _ in range(200):
            after = revoked.is_set()
            status = (await other.get("/v1/notes", headers=made["headers"])).status_code
            if after:
                late.append(status)
                return

    asking = [asyncio.ensure_future(ask()) for _ in range(8)]
    await revoke(one, made)
    revoked.set()
    await asyncio.gather(*asking)
    assert set(late) == {401}


async def test_pages_go_on_at_any_node(nodes: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    one, other = nodes
    made = await sign_in(one)
    for i in range(5):
        await one.post("/v1/notes", json={"title": str(i)}, headers=made["headers"])
    found, cursor, asked = [], "", iter((one, other, one))
    while cursor is not None:
        page = (await next(asked).get(f"/v1/notes?limit=2{cursor}", headers=made["headers"])).json()
        found += [each["title"] for each in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert found == ["4", "3", "2", "1", "0"]


async def test_refresh_tokens_are_exchanged_once_whichever_node_is_asked(
    nodes: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    """Both at once: one successor, byte for byte."""
    made = await sign_in(nodes[0])
    body = {"refresh_token": made["refresh_token"]}
    answers = await asyncio.gather(*(nodes[i % 2].post("/auth/refresh", json=body) for i in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_nodes_that_start_together_have_one_ring(nodes: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    rings = [(await node.get("/.well-known/jwks.json")).json() for node in nodes]
    assert rings[0] == rings[1]
    assert len(rings[0]["keys"]) == 2


async def test_a_key_that_was_made_elsewhere_verifies_in_the_next_request(
    place: Nodes, nodes: tuple[httpx.AsyncClient, httpx.AsyncClient], postgres_server: Server
) -> None:
    """As a rotation on a third node: the new key signs, the old one verifies what it has signed."""
    before = await sign_in(nodes[0])
    now, sealer = datetime.now(UTC), AesSealer(SECRET.encode(), "signing keys")
    ring = tokens.JwtTokens("freehold", sealer)
    key = ring._new_key("active", now)
    ring.use([tokens._open(key, sealer)])
    made = ring.issue(before["account"]["id"], before["session"], now)
    assert (await nodes[0].get("/v1/notes", headers={"authorization": f"Bearer {made}"})).status_code == 401
    postgres_server.execute(
        "UPDATE freehold_signing_keys SET state = 'retired' WHERE state = 'active'", place.database.name
    )
    values = (key.kid, key.state, key.public, key.private_sealed, now.isoformat(), now.isoformat())
    postgres_server.execute(
        f"INSERT INTO freehold_signing_keys VALUES ({', '.join(map(text_literal, values))})",  # noqa: S608
        place.database.name,
    )
    await asyncio.sleep(tokens.RENEWAL.total_seconds())  # the token was refused before it was one
    for node in nodes:
        for token in (made, before["access_token"]):
            answer = await node.get("/v1/notes", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text
        assert len((await node.get("/.well-known/jwks.json")).json()["keys"]) == 3


def signing_keys(folder: Path, command: str, database: str) -> dict[str, str]:
    """What `freehold signing-keys` says: the state of each key."""
    whole = [sys.executable, "-m", "entrypoints.cli", "signing-keys", command, str(folder)]
    whole += ["--database", database, "--json"]
    environment = {**os.environ, "FREEHOLD_SECRET": SECRET}
    done = subprocess.run(whole, cwd=PROJECT, env=environment, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return {key["kid"]: key["state"] for key in json.loads(done.stdout)["keys"]}


def kid_of(made: dict[str, Any]) -> str:
    return str(jwt.get_unverified_header(made["access_token"])["kid"])


async def test_keys_rotate_under_servers_that_run_and_nobody_is_signed_out(
    place: Nodes, nodes: tuple[httpx.AsyncClient, httpx.AsyncClient], tmp_path: Path
) -> None:
    """Two rotations at once: within the age of a ring each node signs with the new key, and all tokens are good."""
    (tmp_path / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
    before = await sign_in(nodes[0])
    published = await published_at(nodes[1])
    states = signing_keys(tmp_path, "list", place.database.url)
    assert published == {kid for kid, state in states.items()}
    rotated = signing_keys(tmp_path, "rotate", place.database.url)
    (active,) = [kid for kid, state in rotated.items() if state == "active"]
    assert states[active] == "next"
    assert active in published, "it signs, and was not published before"
    assert rotated[kid_of(before)] == "retired"
    made, deadline = [before], time.monotonic() + 2 * tokens.RING_AGE.total_seconds()
    for node in nodes:
        while kid_of(made[-1]) != active:
            assert time.monotonic() < deadline, "it still signs with the old key"
            made.append(await sign_in(node))
            for each, other in itertools.product((made[-1], before), nodes):
                assert (await other.get("/v1/notes", headers=each["headers"])).status_code == 200
            await asyncio.sleep(1)
        made.append(before)
        assert await published_at(node) == set(rotated)


async def published_at(node: httpx.AsyncClient) -> set[str]:
    return {key["kid"] for key in (await node.get("/.well-known/jwks.json")).json()["keys"]}


async def test_twenty_refreshes_at_once_by_two_workers_get_one_successor(
    postgres_server: Server, tmp_path: Path
) -> None:
    with (
        database_for(tmp_path, postgres_server) as database,
        process(tmp_path, "serve", "--database", database.url, "--workers", "2") as served,
    ):
        async with httpx.AsyncClient(base_url=served.url, headers={"connection": "close"}) as client:
            made = await sign_in(client)
            body = {"refresh_token": made["refresh_token"]}
            answers = await asyncio.gather(*(client.post("/auth/refresh", json=body) for _ in range(20)))
            assert [answer.status_code for answer in answers] == [200] * 20
            (successor,) = {answer.json()["refresh_token"] for answer in answers}
            on = await client.post("/auth/refresh", json={"refresh_token": successor})
            assert on.status_code == 200, "the session is dead"


async def test_workers_are_as_nodes(postgres_server: Server, tmp_path: Path) -> None:
    """Requests on connections of their own reach either; after the revocation none is let in."""
    with (
        database_for(tmp_path, postgres_server) as database,
        process(tmp_path, "serve", "--database", database.url, "--workers", "2") as served,
    ):
        async with httpx.AsyncClient(base_url=served.url) as client:
            made = await sign_in(client)
            headers = made["headers"] | {"connection": "close"}

            async def asked() -> set[int]:
                answers = await asyncio.gather(*(client.get("/v1/notes", headers=headers) for _ in range(40)))
                return {answer.status_code for answer in answers}

            assert await asked() == {200}
            await logout(client, made)
            assert await asked() == {401}
