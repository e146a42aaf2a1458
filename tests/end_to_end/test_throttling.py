"""Servers over real sockets: two of them hold one limit together, and none needs the server that they count on."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.throttling import HEARD_AT_ONCE, REQUESTS_SECONDS
from entrypoints import projects
from tests.application.world import EXAMPLES
from tests.valkey import Server

PROJECT = Path(__file__).resolve().parents[2]
MARY = {"email": "mary@example.com", "password": "correct horse"}
START_SECONDS = 30

Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start one server more on the same database; its URL. What it says goes to `server.log`."""
    (tmp_path / "freehold.yaml").write_bytes((EXAMPLES / "notes" / "freehold.yaml").read_bytes())
    projects.settle(tmp_path, tmp_path / "freehold.db", "tests")
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "server.log").open("ab"))

        def start(*options: str, **settings: str) -> str:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            command = [sys.executable, "-m", "entrypoints.cli", "serve", str(tmp_path), "--port", str(port)]
            command += options
            environment = {**os.environ, **{f"FREEHOLD_{name.upper()}": value for name, value in settings.items()}}
            server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)  # noqa: S603
            stack.callback(server.wait, 20)
            stack.callback(server.terminate)
            deadline = time.monotonic() + START_SECONDS
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health/ready").raise_for_status()
                except httpx.HTTPError:
                    assert server.poll() is None, (tmp_path / "server.log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                else:
                    return f"http://127.0.0.1:{port}"

        yield start


async def signed_in(client: httpx.AsyncClient, url: str) -> dict[str, str]:
    answer = await client.post(f"{url}/auth/register", json=MARY)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_two_servers_hold_one_limit_together(serve: Serve, valkey_server: Server) -> None:
    shared: dict[str, Any] = {"redis_url": valkey_server.url, "requests_per_minute": "40"}
    await hold_one_limit([serve(**shared), serve(**shared)])


async def test_two_workers_hold_one_limit_together(serve: Serve) -> None:
    """Each request is on a connection of its own, so that it reaches any of them."""
    await hold_one_limit([serve("--workers", "2", requests_per_minute="40")])


async def hold_one_limit(urls: list[str]) -> None:
    async with httpx.AsyncClient(headers={"connection": "close"}, timeout=60) as client:
        token = await signed_in(client, urls[0])
        ask = [client.post(f"{url}/auth/login", json={**MARY, "email": "bob@example.com"}) for url in (30 * urls)[:30]]
        statuses = [answer.status_code for answer in await asyncio.gather(*ask)]
        assert (statuses.count(401), statuses.count(429)) == (HEARD_AT_ONCE, 30 - HEARD_AT_ONCE)
        for _ in range(2):
            window = time.time() // REQUESTS_SECONDS
            ask = [client.get(f"{url}/v1/notes", headers=token) for url in (60 * urls)[:60]]
            statuses = [answer.status_code for answer in await asyncio.gather(*ask)]
            if time.time() // REQUESTS_SECONDS == window:
                break
        assert (statuses.count(200), statuses.count(429)) == (40, 20)


async def test_requests_go_on_when_the_server_that_they_are_counted_on_dies(
    serve: Serve, valkey_server: Server, tmp_path: Path
) -> None:
    url = serve(redis_url=valkey_server.url, requests_per_minute="100000")
    async with httpx.AsyncClient() as client:
        token = await signed_in(client, url)
        statuses: list[int] = []
        slowest, under_way = 0.0, asyncio.Event()

        async def use(count: int) -> None:
            nonlocal slowest
            for _ in range(count):
                for way in (
                    client.post(f"{url}/auth/login", json=MARY),
                    client.get(f"{url}/v1/notes", headers=token),
                ):
                    begun = time.monotonic()
                    statuses.append((await way).status_code)
                    slowest = max(slowest, time.monotonic() - begun)
                if len(statuses) >= 8:
                    under_way.set()

        running = [asyncio.create_task(use(10)) for _ in range(2)]
        await under_way.wait()
        valkey_server.kill()
        await asyncio.gather(*running)
        assert set(statuses) == {200}
        assert slowest < 5
        assert (tmp_path / "server.log").read_text().count("is away") == 1
        valkey_server.start()
        deadline = time.monotonic() + 20
        while not valkey_server.client().dbsize():
            assert time.monotonic() < deadline, "it is not used again"
            await use(1)
        assert set(statuses) == {200}
        assert (tmp_path / "server.log").read_text().count("is back") == 1


async def test_a_server_believes_no_other_process_of_its_machine(serve: Serve) -> None:
    url = serve()
    async with httpx.AsyncClient(headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}) as client:
        token = await signed_in(client, url)
        (session,) = (await client.get(f"{url}/auth/sessions", headers=token)).json()["items"]
        assert session["address"] == "127.0.0.1"
    url = serve(trusted_proxies="127.0.0.0/8")
    async with httpx.AsyncClient(headers={"X-Forwarded-For": "192.0.2.1"}) as client:
        token = {
            "authorization": f"Bearer {(await client.post(f'{url}/auth/login', json=MARY)).json()['access_token']}"
        }
        sessions = (await client.get(f"{url}/auth/sessions", headers=token)).json()["items"]
        assert sessions[0]["address"] == "192.0.2.1"
