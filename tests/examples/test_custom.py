"""`examples/custom`: an endpoint of one's own, asked in process, on the store in plain Python."""

import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.persistence.memory import MemoryStore
from entrypoints.container import Container

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom"
PASSWORD = "correct horse battery"
MISSING = "01a20a67-614b-76d8-bd6e-feb9891229eb"


def load_example() -> ModuleType:
    """The example is a script, not a package: it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("custom_example", EXAMPLE / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Person:
    """Somebody who asks."""

    client: httpx.AsyncClient
    account: str
    headers: dict[str, str]

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make something that must succeed."""
        answer = await self.client.post(path, json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def summary(self, notebook: str) -> httpx.Response:
        """Ask our own endpoint."""
        return await self.client.get(f"/v1/notebooks/{notebook}/summary", headers=self.headers)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    container = Container(folder=EXAMPLE)
    container.store.override(providers.Object(MemoryStore(container.specification())))
    container.secret.override(providers.Object(b"a secret for the tests alone, 32 characters"))
    app = load_example().build(container)
    asking = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    async with app.router.lifespan_context(app), asking:
        yield asking


async def person(client: httpx.AsyncClient, name: str) -> Person:
    answer = await client.post("/auth/register", json={"email": f"{name}@example.com", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    signed_in = answer.json()
    return Person(client, signed_in["account"]["id"], {"Authorization": f"Bearer {signed_in['access_token']}"})


@pytest.fixture
async def mary(client: httpx.AsyncClient) -> Person:
    return await person(client, "mary")


@pytest.fixture
async def bob(client: httpx.AsyncClient) -> Person:
    return await person(client, "bob")


@pytest.fixture
async def notebook(mary: Person) -> str:
    """Mary's notebook with two notes, the newer of which is a draft."""
    made = await mary.post("/v1/notebooks", {"title": "Garden"})
    await mary.post("/v1/notes", {"notebook": made["id"], "title": "Tomatoes"})
    await mary.post("/v1/notes", {"notebook": made["id"], "title": "Surprise for Bob", "draft": True})
    found: str = made["id"]
    return found


async def test_the_owner_sees_the_summary(mary: Person, notebook: str) -> None:
    other = await mary.post("/v1/notebooks", {"title": "Kitchen"})
    await mary.post("/v1/notes", {"notebook": other["id"], "title": "Bread"})
    answer = await mary.summary(notebook)
    assert answer.status_code == 200
    assert answer.json() == {"title": "Garden", "notes": 2, "newest": "Surprise for Bob"}


async def test_it_counts_only_what_the_caller_may_read(mary: Person, bob: Person, notebook: str) -> None:
    await mary.post(f"/v1/notebooks/{notebook}/members", {"account": bob.account, "role": "viewer"})
    answer = await bob.summary(notebook)
    assert answer.status_code == 200
    assert answer.json() == {"title": "Garden", "notes": 1, "newest": "Tomatoes"}


async def test_a_stranger_gets_what_a_missing_notebook_gets(bob: Person, notebook: str) -> None:
    hidden, missing = await bob.summary(notebook), await bob.summary(MISSING)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.headers["content-type"] == "application/problem+json"
    differing = {"instance", "request_id"}
    assert {k: v for k, v in hidden.json().items() if k not in differing} == {
        k: v for k, v in missing.json().items() if k not in differing
    }


async def test_nobody_signed_in_is_asked_to_sign_in(client: httpx.AsyncClient, notebook: str) -> None:
    answer = await client.get(f"/v1/notebooks/{notebook}/summary")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


async def test_a_session_that_has_ended_is_refused_at_once(mary: Person, notebook: str) -> None:
    await mary.client.post("/auth/logout", headers=mary.headers)
    assert (await mary.summary(notebook)).status_code == 401


async def test_it_is_in_openapi_beside_the_generated_endpoints(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["paths"]["/v1/notebooks/{id}/summary"]["get"]["operationId"] == "summarize_notebook"
    assert "Summary" in document["components"]["schemas"]
    assert "get" in document["paths"]["/v1/notebooks/{id}"]
