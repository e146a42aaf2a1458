"""The engine's keys: what a program with one can do, and nobody without."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

import pytest

from application.api_keys import ENGINE_PREFIX
from domain.ownership import Actor
from tests.application.world import World, example
from tests.conftest import Worlds
from tests.http.api import Api

Headers = dict[str, str]
DAY = timedelta(days=1)


class Market:
    """An order that a seller accepted; the engine alone says that it is paid."""

    def __init__(self, api: Api, world: World) -> None:
        self.api, self._world = api, world

    async def begin(self) -> "Market":
        """Mary sells, Bob buys."""
        api = self.api
        self.mary, self.bob = await api.people("mary", "bob")
        self.listing = await api.make(self.mary, "listings", title="Bicycle", price="90")
        await self.patch(self.mary, f"listings/{self.listing}", state="open")
        self.order = await api.make(self.bob, "orders", listing=self.listing, ship_to="Elm Street 1")
        assert await self.patch(self.mary, f"orders/{self.order}", status="accepted") == (200, "")
        return self

    async def patch(self, actor: Actor | Headers | None, path: str, **body: str) -> tuple[int, str]:
        """Status and code."""
        return await self.ask(actor, "PATCH", path, json=body)

    async def ask(self, actor: Actor | Headers | None, method: str, path: str, **options: object) -> tuple[int, str]:
        """Status and code."""
        headers = actor if isinstance(actor, dict) else {}
        caller = None if isinstance(actor, dict) else actor
        answer = await self.api.call(caller, method, path, headers=headers, **options)
        return answer.status_code, answer.json().get("code", "") if answer.content else ""

    async def key(self, *actions: str, on: tuple[str, ...] = ("order",), life: timedelta = DAY) -> tuple[str, Headers]:
        """A new key of the engine, as the operator makes one: its id, and headers that show it."""
        keys, world = self.api.container.keys(), self._world
        if world.operate is None:
            key, plain = await keys.create_engine("payments", actions, on, life)
            return key.id, {"authorization": f"Bearer {plain}"}
        now, plain = self.api.world.clock.now(), ENGINE_PREFIX + self.api.world.ids.new()
        hashed, number = sha256(plain.encode()).hexdigest(), self.api.world.ids.new()
        may, where = json.dumps(actions), json.dumps(on)
        world.operate(
            "INSERT INTO freehold_api_keys (id, hash, name, actions, resources, created_at, expires_at) VALUES "  # noqa: S608
            f"('{number}', '{hashed}', 'payments', '{may}', '{where}', '{now}', '{now + life}')"
        )
        return number, {"authorization": f"Bearer {plain}"}

    async def revoke(self, key: str) -> None:
        """As the operator does."""
        if self._world.operate is None:
            await self.api.container.keys().revoke_engine(key)
        else:
            now = self.api.world.clock.now()
            self._world.operate(f"UPDATE freehold_api_keys SET revoked_at = '{now}' WHERE id = '{key}'")  # noqa: S608


Markets = Callable[[], Awaitable[Market]]


@pytest.fixture
def markets(any_world: Worlds) -> Markets:
    """One on each store in turn."""

    async def make() -> Market:
        world = any_world(example("market"))
        return await Market(await Api.of(example("market"), world.store), world).begin()

    return make


async def test_the_engine_does_what_is_written_for_it_and_nothing_else(markets: Markets) -> None:
    market = await markets()
    order, listing = f"orders/{market.order}", f"listings/{market.listing}"
    _, engine = await market.key("read", "create", "update", "delete", on=("listing", "order", "message"))
    for person in (market.mary, market.bob, None):
        assert (await market.patch(person, order, status="paid"))[0] in (401, 403), "no person pays"
    assert await market.ask(engine, "GET", order) == (200, ""), "it opens everything"
    listed = await market.api.call(None, "GET", "orders", headers=engine)
    assert listed.json()["items"] == [], "and reads nothing that is not written for it"
    assert (await market.api.call(None, "GET", "listings", headers=engine)).json()["items"] == [], "nor what anyone may"
    shown = (await market.api.call(None, "GET", order, headers=engine)).json()
    assert "ship_to" not in shown, "nor fields of others"
    for refused in (
        await market.patch(engine, order, status="shipped"),
        await market.patch(engine, order, tracking="1"),
        await market.patch(engine, listing, title="Mine"),
        await market.ask(engine, "DELETE", listing),
        await market.ask(engine, "POST", "orders", json={"listing": market.listing, "ship_to": "here"}),
        await market.ask(engine, "POST", "messages", json={"order": market.order, "body": "pay"}),
    ):
        assert refused[0] == 403, refused
    assert await market.patch(engine, order, status="paid") == (200, "")
    assert (await market.api.get(market.bob, order)).json()["status"] == "paid"


async def test_a_key_of_the_engine_reaches_no_further_than_its_scope(markets: Markets) -> None:
    market = await markets()
    order = f"orders/{market.order}"
    _, reads = await market.key("read")
    _, elsewhere = await market.key("update", on=("listing",))
    assert await market.patch(reads, order, status="paid") == (403, "out_of_scope")
    assert await market.patch(elsewhere, order, status="paid") == (403, "out_of_scope")
    assert await market.ask(reads, "GET", f"listings/{market.listing}") == (403, "out_of_scope")


async def test_a_key_of_the_engine_ends_at_once(markets: Markets) -> None:
    market = await markets()
    order = f"orders/{market.order}"
    key, engine = await market.key("read")
    assert await market.ask(engine, "GET", order) == (200, "")
    await market.revoke(key)
    assert await market.ask(engine, "GET", order) == (401, "bad_api_key")
    _, engine = await market.key("read")
    market.api.world.clock.at += DAY
    assert await market.ask(engine, "GET", order) == (401, "bad_api_key")


async def test_the_engine_manages_no_account(markets: Markets) -> None:
    market = await markets()
    _, engine = await market.key("read", "create", "update", "delete", "share", "members")
    for method, path in (
        *(("GET", f"/auth/{path}") for path in ("me", "me/events", "me/export", "sessions", "keys")),
        ("POST", "/auth/logout"),
        ("DELETE", f"/auth/sessions/{market.mary.session}"),
    ):
        assert await market.ask(engine, method, path) == (403, "session_required"), path


async def test_nobody_makes_up_a_key_of_the_engine(markets: Markets) -> None:
    """Nor does an account's key become one by another beginning, or one of the engine an account's."""
    market = await markets()
    _, engine = await market.key("read")
    plain = engine["authorization"].removeprefix(f"Bearer {ENGINE_PREFIX}")
    for made in ("fhe_", "fhe_" + "A" * 43, f"fhk_{plain}", f"FHE_{plain}", f"fhe_{plain} ", f"fhe_{plain}="):
        headers = {"authorization": f"Bearer {made}"}
        expected = 200 if made.strip() == f"fhe_{plain}" else 401
        assert (await market.ask(headers, "GET", f"orders/{market.order}"))[0] == expected, made
