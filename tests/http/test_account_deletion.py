"""`DELETE /auth/me`."""

from tests.application.world import example
from tests.http.conftest import Apis


async def test_an_account_deletes_itself_with_its_password(any_api: Apis) -> None:
    api = await any_api(example("market"))
    credentials = {"email": "mary@example.com", "password": "correct horse"}
    seller = await api.person("seller")
    listing = await api.make(seller, "listings", title="Bicycle", price="90.00", state="open")
    made = (await api.call(None, "POST", "/auth/register", json=credentials)).json()
    mary = {"authorization": f"Bearer {made['access_token']}"}
    placed = {"listing": listing, "ship_to": "Here 1"}
    order = (await api.call(None, "POST", "orders", json=placed, headers=mary)).json()

    for wrong, field in (({"password": "wrong horse"}, "password"), ({}, "password"), ({"sure": True}, "sure")):
        refused = await api.call(None, "DELETE", "/auth/me", json=wrong, headers=mary)
        assert refused.status_code == 422
        assert field in [error["field"] for error in refused.json()["errors"]]
    assert (await api.call(None, "DELETE", "/auth/me", headers=mary)).status_code in (400, 415)
    assert (await api.call(None, "DELETE", "/auth/me", json={"password": "correct horse"})).status_code == 401
    assert (await api.get(None, "/auth/me", headers=mary)).status_code == 200

    gone = await api.call(None, "DELETE", "/auth/me", json={"password": "correct horse"}, headers=mary)
    assert (gone.status_code, gone.content) == (204, b"")
    for method, path, body in (
        ("GET", "/auth/me", None),
        ("GET", "orders", None),
        ("GET", f"listings/{listing}", None),
        ("POST", "orders", placed),
        ("DELETE", "/auth/me", {"password": "correct horse"}),
    ):
        assert (await api.call(None, method, path, json=body, headers=mary)).status_code == 401
    again = {"refresh_token": made["refresh_token"]}
    assert (await api.call(None, "POST", "/auth/refresh", json=again)).status_code == 401
    assert (await api.call(None, "POST", "/auth/login", json=credentials)).status_code == 401

    left = (await api.get(seller, f"orders/{order['id']}")).json()
    assert left["listing"] == listing
    assert left["owner"] not in (order["owner"], None)
    new = (await api.call(None, "POST", "/auth/register", json=credentials)).json()
    assert new["account"]["id"] not in (order["owner"], left["owner"])
