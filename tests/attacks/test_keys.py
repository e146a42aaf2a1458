"""Programs with API keys: what a key cannot do, and when it ends."""

from datetime import timedelta
from typing import Any

import pytest

from domain.values import instant_text
from tests.application.world import example
from tests.http.api import Api
from tests.http.conftest import Apis

MARY = {"email": "mary@example.com", "password": "correct horse"}
ALL = ["read", "create", "update", "delete", "share", "members"]


class Mary:
    """An account that makes keys."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self.api, self.headers = api, headers

    @staticmethod
    async def of(api: Api) -> "Mary":
        """Registered."""
        made = (await api.call(None, "POST", "/auth/register", json=MARY)).json()
        return Mary(api, {"authorization": f"Bearer {made['access_token']}"})

    async def asks(self, method: str, path: str, **body: Any) -> Any:
        """In her session."""
        return await self.api.call(None, method, path, headers=self.headers, **({"json": body} if body else {}))

    def wish(self, **changed: Any) -> dict[str, Any]:
        """A body that makes a key."""
        ends = instant_text(self.api.world.clock.now() + timedelta(days=30))
        body = {"password": MARY["password"], "name": "backup", "actions": ["read"], "resources": ["notebook"]}
        return body | {"expires_at": ends} | changed

    async def key(self, **changed: Any) -> tuple[str, dict[str, str]]:
        """A new key: its id, and headers that show it."""
        made = await self.asks("POST", "/auth/keys", **self.wish(**changed))
        assert made.status_code == 201, made.text
        return made.json()["id"], {"authorization": f"Bearer {made.json()['key']}"}


async def test_a_key_acts_as_its_account_within_its_scope(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary = await Mary.of(api)
    book = (await mary.asks("POST", "notebooks", title="Garden")).json()
    note = (await mary.asks("POST", "notes", notebook=book["id"], title="Tomatoes", body="Water")).json()
    _, reads = await mary.key()

    async def tries(headers: dict[str, str], method: str, path: str, **body: Any) -> tuple[int, str]:
        answer = await api.call(None, method, path, headers=headers, **({"json": body} if body else {}))
        return answer.status_code, answer.json().get("code", "") if answer.content else ""

    assert await tries(reads, "GET", "notebooks") == (200, "")
    assert (await api.call(None, "GET", "notebooks", headers=reads)).json()["items"] == [book]
    assert await tries(reads, "GET", f"notebooks/{book['id']}") == (200, "")
    refused = (403, "out_of_scope")
    assert await tries(reads, "GET", "notes") == refused
    assert await tries(reads, "GET", f"notes/{note['id']}") == refused
    assert await tries(reads, "POST", "notebooks", title="Mine") == refused
    assert await tries(reads, "PATCH", f"notebooks/{book['id']}", title="Mine") == refused
    assert await tries(reads, "DELETE", f"notebooks/{book['id']}") == refused
    members = f"notebooks/{book['id']}/members"
    me = (await mary.asks("GET", "/auth/me")).json()["id"]
    assert await tries(reads, "GET", members) == refused
    assert await tries(reads, "POST", members, account=me, role="viewer") == refused
    assert await tries(reads, "PATCH", f"{members}/{me}", role="viewer") == refused
    assert await tries(reads, "DELETE", f"{members}/{me}") == refused, "nor does a key leave for its account"

    _, writes = await mary.key(actions=["update"])
    assert await tries(writes, "PATCH", f"notebooks/{book['id']}", title="Field") == (200, "")
    assert await tries(writes, "GET", "notebooks") == refused
    bob = await api.person("bob")
    theirs = await api.make(bob, "notebooks", title="Bob's")
    _, everything = await mary.key(actions=ALL, resources=["notebook", "note"])
    assert await tries(everything, "GET", f"notebooks/{theirs}") == (404, "not_found"), "as far as its account, no more"


async def test_a_key_does_not_manage_the_account(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary = await Mary.of(api)
    key_id, shown = await mary.key(actions=ALL, resources=["notebook", "note"])
    password = {"password": MARY["password"]}
    for method, path, body in (
        ("GET", "/auth/me", None),
        ("DELETE", "/auth/me", password),
        ("GET", "/auth/me/events", None),
        ("GET", "/auth/me/export", None),
        ("GET", "/auth/sessions", None),
        ("DELETE", f"/auth/sessions/{key_id}", None),
        ("POST", "/auth/logout", {"scope": "all"}),
        ("POST", "/auth/password", {"old_password": MARY["password"], "new_password": "another horse"}),
        ("POST", "/auth/mfa", password),
        ("POST", "/auth/mfa/confirm", {"code": "123456"}),
        ("DELETE", "/auth/mfa", password | {"code": "123456"}),
        ("GET", "/auth/keys", None),
        ("POST", "/auth/keys", mary.wish(actions=ALL)),
        ("DELETE", f"/auth/keys/{key_id}", None),
    ):
        answer = await api.call(None, method, path, headers=shown, **({} if body is None else {"json": body}))
        assert (answer.status_code, answer.json()["code"]) == (403, "session_required"), f"{method} {path}"


async def test_a_key_ends_at_once(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary = await Mary.of(api)

    async def works(headers: dict[str, str]) -> bool:
        answer = await api.call(None, "GET", "notebooks", headers=headers)
        assert answer.status_code == 200 or answer.json()["code"] == "bad_api_key"
        return bool(answer.status_code == 200)

    (first, revoked), (_, other) = await mary.key(), await mary.key()
    assert await works(revoked)
    assert (await mary.asks("DELETE", f"/auth/keys/{first}")).status_code == 204
    assert (await mary.asks("DELETE", f"/auth/keys/{first}")).status_code == 404
    assert not await works(revoked)
    assert await works(other)
    assert not await works({"authorization": other["authorization"][:-1] + "~"})
    assert not await works({"authorization": "Bearer fhk_" + "x" * 500})
    (left,) = (await mary.asks("GET", "/auth/keys")).json()["items"]
    assert left["last_used_at"] is not None
    assert "key" not in left, "it was shown once"
    _, short = await mary.key(expires_at=instant_text(api.world.clock.now() + timedelta(seconds=60)))
    assert await works(short)
    api.world.clock.wait(seconds=60)
    assert not await works(short)
    assert (await mary.asks("DELETE", "/auth/me", password=MARY["password"])).status_code == 204
    assert not await works(other), "it went with its account"


async def test_nobody_ends_the_keys_of_others(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    mary, bob = await Mary.of(api), await api.person("bob")
    key_id, shown = await mary.key()
    assert (await api.call(bob, "DELETE", f"/auth/keys/{key_id}")).status_code == 404
    assert (await api.call(bob, "GET", "/auth/keys")).json()["items"] == []
    assert (await api.call(None, "GET", "notebooks", headers=shown)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "wrong horse"}, "password"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"actions": []}, "actions"),
        ({"actions": ["open"]}, "actions"),
        ({"actions": ["move"]}, "actions"),
        ({"resources": ["account"]}, "resources"),
        ({"resources": []}, "resources"),
        ({"expires_at": "2026-11-23T09:30:00.123456Z"}, "expires_at"),
        ({"expires_at": "2036-11-23T09:30:00Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"engine": True}, "engine"),
    ],
)
async def test_what_no_key_can_be(one_api: Apis, changed: dict[str, Any], field: str) -> None:
    mary = await Mary.of(await one_api(example("notes")))
    answer = await mary.asks("POST", "/auth/keys", **mary.wish(**changed))
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert (await mary.asks("GET", "/auth/keys")).json()["items"] == []


async def test_what_a_key_shares_is_told_apart_in_the_log(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await Mary.of(api), await api.person("bob")
    book = (await mary.asks("POST", "notebooks", title="Garden")).json()["id"]
    key_id, shown = await mary.key(actions=["share"])
    member = {"account": bob.account, "role": "viewer"}
    added = await api.call(None, "POST", f"notebooks/{book}/members", headers=shown, json=member)
    assert added.status_code == 201
    events = (await mary.asks("GET", "/auth/me/events")).json()["items"]
    assert [event["kind"] for event in events] == ["member_added", "key_created", "registered"]
    assert events[0]["data"]["key"] == key_id
    assert events[0]["session"] is None
