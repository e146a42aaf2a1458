"""The container: every provider works, and the store is one of them."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from dependency_injector import providers
from fastapi import FastAPI

from adapters.persistence.memory import MemoryStore
from adapters.persistence.sql.sqlite import SqliteStore
from domain.account import Account
from domain.errors import SchemaDiffers, Unavailable
from domain.session import Session
from entrypoints import asgi, projects, tidying
from entrypoints.container import Container
from entrypoints.settings import RateLimits, Settings, SignUp
from tests import logs
from tests.doubles import START

TEXT = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner}
"""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine has in its environment."""
    for name in [name for name in os.environ if name.startswith("FREEHOLD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "freehold.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path


def brought_up(folder: Path) -> Container:
    container = Container(folder=folder)
    projects.bring_up(container.database(), container.tables(), allow_losses=False)
    return container


async def test_every_provider_can_be_called(folder: Path) -> None:
    container = brought_up(folder)
    made = {name: provider() for name, provider in container.providers.items()}
    assert made["folder"] == folder
    assert isinstance(made["app"], FastAPI)
    assert isinstance(made["store"], SqliteStore)
    for name, provider in container.providers.items():
        if isinstance(provider, providers.Singleton):
            assert provider() is made[name], f"{name} is made once"
    await container.store().close()


def test_another_container_makes_everything_anew(folder: Path) -> None:
    first, second = brought_up(folder), brought_up(folder)
    for name in ("specification", "records", "app", "identity"):
        first.store.override(providers.Object(MemoryStore(first.specification())))
        second.store.override(providers.Object(MemoryStore(second.specification())))
        assert getattr(first, name)() is not getattr(second, name)()


async def register(app: FastAPI) -> tuple[int, Any]:
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        body = {"email": "mary@example.com", "password": "correct horse"}
        made = await client.post("/auth/register", json=body)
        token = {"authorization": f"Bearer {made.json().get('access_token')}"}
        return made.status_code, (await client.post("/v1/notes", json={"title": "Peas"}, headers=token)).json()


async def test_swapping_sqlite_for_memory_is_one_provider(folder: Path) -> None:
    container = Container(folder=folder)
    container.store.override(providers.Singleton(MemoryStore, container.specification))
    status, note = await register(asgi.create_app(container))
    assert (status, note["title"]) == (201, "Peas")
    assert not (folder / "freehold.db").exists()


async def test_the_app_loads_its_keys_and_closes_the_store(folder: Path) -> None:
    assert (await register(asgi.create_app(brought_up(folder))))[0] == 201
    assert not (folder / "freehold.db-wal").exists(), "the last connection has been closed"
    assert (await register(asgi.create_app(brought_up(folder))))[0] == 409


async def test_sign_up_may_be_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_SIGN_UP", "closed")
    assert (await register(asgi.create_app(brought_up(folder))))[0] == 403


def test_without_a_database_there_is_no_store(folder: Path) -> None:
    with pytest.raises(SchemaDiffers, match=r"freehold\.db"):
        Container(folder=folder).store()


def test_settings_have_defaults_and_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert (settings.sign_up, settings.rate_limits) == (SignUp.OPEN, RateLimits.ON)
    assert (settings.requests_per_minute, settings.redis_url, settings.trusted_proxies) == (6000, None, ())
    assert settings.database_path(folder) == folder / "freehold.db"
    monkeypatch.setenv("FREEHOLD_RATE_LIMITS", "off")
    monkeypatch.setenv("FREEHOLD_REQUESTS_PER_MINUTE", "7")
    monkeypatch.setenv("FREEHOLD_REDIS_URL", "rediss://:xxxxx@redis.example:6380/1")
    monkeypatch.setenv("FREEHOLD_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32,127.0.0.1")
    monkeypatch.setenv("FREEHOLD_SECRET", "x" * 40)
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", "sqlite:////var/lib/a b.db")
    settings = Settings()
    assert settings.rate_limits is RateLimits.OFF
    assert settings.requests_per_minute == 7
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"]
    assert settings.database_path(folder) == Path("/var/lib/a b.db")
    assert "xxx" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_the_secret_is_made_once_and_for_its_owner_only(folder: Path) -> None:
    first = Container(folder=folder).secret()
    assert Container(folder=folder).secret() == first
    assert len(first) >= 32
    assert (folder / ".freehold-secret").stat().st_mode & 0o077 == 0


async def test_what_is_over_is_forgotten_beside_serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the database was away, and after a defect: neither ends it."""
    container = brought_up(folder)
    for name in ("FIRST", "BETWEEN", "BREATH"):
        monkeypatch.setattr(tidying, name, 0)
    sessions = container.sessions()
    right, wrong = sessions.clean, iter((Unavailable(), ZeroDivisionError()))
    forgotten = asyncio.Event()

    async def clean() -> bool:
        for error in wrong:
            raise error
        found = await right()
        if not found:
            forgotten.set()
        return found

    monkeypatch.setattr(sessions, "clean", clean)
    account, long_ago = Account(container.ids().new(), "mary@example.com", "!", START), START - timedelta(days=9000)
    session = Session.start(container.ids().new(), account.id, "", "", long_ago)
    async with container.store().work() as work:
        await work.accounts.add(account)
        await work.sessions.add(session)
        await work.sessions.add_token(session.first_token("0" * 64))
        await work.commit()
    app = asgi.create_app(container)
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(forgotten.wait(), 30)
        assert await container.store().sessions.get(session.id) is None
    told = [json.loads(line) for line in logs.current.lines]
    assert [line["level"] for line in told if line["logger"] == "freehold.tidying"] == ["warning", "error"]
