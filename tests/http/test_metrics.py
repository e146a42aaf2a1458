"""`/metrics`: there only where it was switched on, for those who may ask, without anything that a caller chose."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from adapters.persistence.sql.sqlite import connect
from entrypoints import projects
from entrypoints.asgi import create_app
from entrypoints.container import Container
from tests.application.world import EXAMPLES

Client = Callable[..., httpx.AsyncClient]
SECRET = "mary.secret@example.com"


@pytest.fixture
async def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., object]]:
    """Serves `notes` on SQLite with settings, to a client at an address."""
    async with AsyncExitStack() as stack:

        async def make(address: str = "127.0.0.1", **settings: str) -> httpx.AsyncClient:
            for name, value in settings.items():
                monkeypatch.setenv(f"FREEHOLD_{name.upper()}", value)
            monkeypatch.setenv("FREEHOLD_DATABASE_URL", f"sqlite:///{tmp_path / 'freehold.db'}")
            monkeypatch.setenv("FREEHOLD_SECRET", "only for tests " * 3)
            container = Container(folder=EXAMPLES / "notes")
            projects.bring_up(tmp_path / "freehold.db", container.tables(), allow_losses=False)
            app = create_app(container)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, client=(address, 1))
            return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://x"))

        yield make


def value(text: str, line: str) -> float | None:
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


async def eventually(client: httpx.AsyncClient, line: str, wanted: float | None) -> str:
    """The metrics, once a line says so: somebody looks in the background."""
    async with asyncio.timeout(20):
        while True:
            text = (await client.get("/metrics")).text
            if value(text, line) == wanted:
                return text
            await asyncio.sleep(0.02)


async def test_there_are_none_unless_they_are_switched_on(serve: Client) -> None:
    client = await serve()
    metrics, missing = await client.get("/metrics"), await client.get("/nothing")
    assert metrics.status_code == missing.status_code == 404
    assert metrics.json().keys() == missing.json().keys()
    assert "/metrics" not in (await client.get("/openapi.json")).text


async def test_requests_are_counted_by_the_template_of_their_route_and_nothing_that_callers_chose(
    serve: Client,
) -> None:
    client = await serve(metrics="on")
    made = await client.post("/auth/register", json={"email": SECRET, "password": "correct horse battery"})
    token = {"authorization": f"Bearer {made.json()['access_token']}"}
    await client.post("/v1/notebooks", json={"title": "Garden"}, headers=token)
    (one,) = (await client.get("/v1/notebooks", headers=token)).json()["items"]
    await client.get(f"/v1/notebooks/{one['id']}", headers=token)
    await client.get("/v1/notebooks/018f0000-0000-7000-8000-000000000000", headers=token)
    await client.get("/wp-login.php")
    await client.request("BREW", "/v1/notebooks")
    answer = await client.get("/metrics")
    text = answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    count = "freehold_http_request_duration_seconds_count"
    assert value(text, f'{count}{{method="POST",route="/v1/notebooks",status="201"}}') == 1
    assert value(text, f'{count}{{method="GET",route="/v1/notebooks/{{id}}",status="200"}}') == 1
    assert value(text, f'{count}{{method="GET",route="/v1/notebooks/{{id}}",status="404"}}') == 1
    assert value(text, f'{count}{{method="POST",route="/auth/register",status="201"}}') == 1
    assert value(text, f'{count}{{method="GET",route="none",status="404"}}') == 1
    assert 'method="other"' in text
    for chosen in (SECRET, one["id"], one["owner"], "018f0000", "wp-login", "BREW", "Garden"):
        assert chosen not in text


async def test_drift_shows_as_a_metric_and_in_health_and_goes_again(serve: Client, tmp_path: Path) -> None:
    client = await serve(metrics="on", inspection_interval="1")
    await eventually(client, "freehold_deviations_unreadable", 0)
    assert "freehold_deviations{" not in (await client.get("/metrics")).text
    assert (await client.get("/health/ready")).status_code == 200
    database = connect(tmp_path / "freehold.db")
    database.execute("ALTER TABLE bookmarks ADD COLUMN secret TEXT")
    database.execute("CREATE INDEX mine ON notes (title)")
    await eventually(client, 'freehold_deviations{kind="column_unexpected"}', 1)
    text = await eventually(client, 'freehold_deviations{kind="index_unexpected"}', 1)
    assert "secret" not in text
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
    assert (await client.get("/health/live")).status_code == 200
    database.execute("ALTER TABLE bookmarks DROP COLUMN secret")
    await eventually(client, 'freehold_deviations{kind="column_unexpected"}', None)
    assert (await client.get("/health/ready")).status_code == 200, "an index that somebody added hinders nobody"
    database.close()


@pytest.mark.parametrize(
    ("address", "headers", "settings", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("::1", {}, {}, 200),
        ("192.0.2.7", {}, {}, 404),
        ("192.0.2.7", {}, {"metrics_networks": "192.0.2.0/24"}, 200),
        ("127.0.0.1", {}, {"metrics_networks": "192.0.2.0/24"}, 404),
        # through a proxy on this machine: not named, it could be anybody; named, it says who
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, {}, 404),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, {}, 404),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}, {"trusted_proxies": "127.0.0.1"}, 404),
        ("192.0.2.7", {"x-forwarded-for": "127.0.0.1"}, {}, 404),
    ],
)
async def test_who_may_ask_for_metrics(
    serve: Client, address: str, headers: dict[str, str], settings: dict[str, str], status: int
) -> None:
    client = await serve(address, metrics="on", **settings)
    assert (await client.get("/metrics", headers=headers)).status_code == status
