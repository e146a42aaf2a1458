"""`Idempotency-Key`: a POST that is sent again is answered as before, byte for byte, and done once."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest

from domain.account import Account
from domain.api_key import ApiKey
from domain.ownership import Actor
from tests.application.world import example, specification
from tests.attacks.test_engine import Market
from tests.conftest import Worlds
from tests.http.api import Api
from tests.http.conftest import Apis

NOTES = example("notes")
SLIPS = specification("""
resources:
  box:
    plural: boxes
    owner: account
    fields: {name: text}
    can: {create: signed in, read: anyone}
  slip:
    owner: box
    fields: {text: {type: text, optional: yes}}
    can: {create: [anyone, engine], read: [anyone, engine]}
""")
VOLATILE = ("x-request-id", "date")


async def post(api: Api, actor: Actor | None, path: str, body: Any, key: str, **headers: str) -> httpx.Response:
    """POST with a key."""
    return await api.call(actor, "POST", path, json=body, headers={"idempotency-key": key, **headers})


def whole(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that is the same in a replay."""
    return answer.status_code, answer.content, [pair for pair in answer.headers.items() if pair[0] not in VOLATILE]


async def test_a_record_is_made_once_and_answered_alike_whatever_has_become_of_it(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    first = await post(api, mary, "notebooks", {"title": "Garden", "archived": False}, "a key: 1")
    assert first.status_code == 201
    assert {"etag", "location"} <= first.headers.keys()
    again = await post(api, mary, "notebooks", {"archived": False, "title": "Garden"}, "a key: 1")
    assert whole(again) == whole(first)
    assert (await api.call(mary, "DELETE", f"notebooks/{first.json()['id']}")).status_code == 204
    assert whole(await post(api, mary, "notebooks", {"archived": False, "title": "Garden"}, "a key: 1")) == whole(first)
    assert (await api.get(mary, "notebooks")).json()["items"] == [], "it was not made again"
    for path, body in (("notebooks", {"title": "Other"}), ("notes", {"archived": False, "title": "Garden"})):
        reused = await post(api, mary, path, body, "a key: 1")
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused"), path


async def test_a_member_is_added_once(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary, bob = await api.people("mary", "bob")
    members = f"notebooks/{await api.make(mary, 'notebooks', title='Garden')}/members"
    body = {"account": bob.account, "role": "viewer"}
    first = await post(api, mary, members, body, "share")
    assert first.status_code == 201
    assert whole(await post(api, mary, members, body, "share")) == whole(first)
    assert (await post(api, mary, members, body, "again")).status_code == 409


async def test_a_key_says_nothing_about_another_account(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary, bob = await api.people("mary", "bob")
    hers = await post(api, mary, "notebooks", {"title": "Diary"}, "key")
    his = await post(api, bob, "notebooks", {"title": "Diary"}, "key")
    assert (his.status_code, his.json()["owner"]) == (201, bob.account)
    for actor, first in ((mary, hers), (bob, his)):
        assert whole(await post(api, actor, "notebooks", {"title": "Diary"}, "key")) == whole(first)


async def test_what_was_refused_is_not_kept(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    taken = await api.make(mary, "notebooks", title="Garden")
    for body, status in (({"title": "Garden"}, 409), ({"title": 7}, 422), ({"colour": "red"}, 422)):
        assert (await post(api, mary, "notebooks", body, "key")).status_code == status
    await api.call(mary, "DELETE", f"notebooks/{taken}")
    assert (await post(api, mary, "notebooks", {"title": "Garden"}, "key")).status_code == 201


async def test_who_lost_access_gets_the_answer_that_was_its_own_and_nothing_new(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary, bob = await api.people("mary", "bob")
    notebook = await api.make(mary, "notebooks", title="Garden")
    await api.call(mary, "POST", f"notebooks/{notebook}/members", json={"account": bob.account, "role": "editor"})
    body = {"notebook": notebook, "title": "Mine", "body": "", "audience": "members"}
    first = await post(api, bob, "notes", body, "key")
    path = f"notes/{first.json()['id']}"
    await api.call(mary, "PATCH", path, json={"body": "hers"})
    assert (await api.call(mary, "DELETE", f"notebooks/{notebook}/members/{bob.account}")).status_code == 204
    assert (await api.get(bob, path)).status_code == 404
    assert whole(await post(api, bob, "notes", body, "key")) == whole(first)
    assert (await post(api, bob, "notes", body, "new")).status_code == 422


async def test_an_ended_session_is_refused_as_always(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    await post(api, mary, "notebooks", {"title": "Garden"}, "key")
    session = await api.world.store.sessions.get(str(mary.session))
    assert session is not None
    async with api.world.store.work() as work:
        await work.sessions.save(replace(session, revoked_at=api.world.clock.now()))
        await work.commit()
    assert (await post(api, mary, "notebooks", {"title": "Garden"}, "key")).status_code == 401


async def test_a_key_of_another_scope_gets_no_answer(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    first = await post(api, mary, "notebooks", {"title": "Garden"}, "key")
    now, shown = api.world.clock.now(), {}
    for name, actions in (("writes", ("create",)), ("reads", ("read",))):
        plain = f"fhk_{name}"
        hashed = sha256(plain.encode()).hexdigest()
        key = ApiKey(
            api.world.ids.new(), str(mary.account), hashed, name, actions, ("notebook",), now, now + timedelta(1)
        )
        async with api.world.store.work() as work:
            await work.api_keys.add(key)
            await work.commit()
        shown[name] = await post(api, None, "notebooks", {"title": "Garden"}, "key", authorization=f"Bearer {plain}")
    assert whole(shown["writes"]) == whole(first), "it acts as the same account"
    assert (shown["reads"].status_code, shown["reads"].json()["code"]) == (403, "out_of_scope")


async def test_the_engine_has_keys_of_its_own(any_world: Worlds) -> None:
    world = any_world(SLIPS)
    api = await Api.of(SLIPS, world.store)
    mary = await api.person("mary")
    body = {"box": await api.make(mary, "boxes", name="In")}
    _, engine = await Market(api, world).key("create", on=("slip",))
    first = await post(api, None, "slips", body, "key", **engine)
    assert first.status_code == 201
    assert whole(await post(api, None, "slips", body, "key", **engine)) == whole(first)
    _, other = await Market(api, world).key("create", on=("slip",))
    assert (await post(api, None, "slips", body, "key", **other)).json()["id"] != first.json()["id"]


async def test_nobody_in_particular_is_told_to_sign_in(one_api: Apis) -> None:
    api = await one_api(SLIPS)
    mary = await api.person("mary")
    body = {"box": await api.make(mary, "boxes", name="In")}
    answer = await post(api, None, "slips", body, "key")
    assert (answer.status_code, answer.json()["code"]) == (401, "idempotency_needs_account")
    assert (await api.get(mary, "slips")).json()["items"] == []
    assert (await api.call(None, "POST", "slips", json=body)).status_code == 201, "without a key it may"


@pytest.mark.parametrize("key", ["", " ", "\t", "ü", "\x7f", "x" * 256, "a\x00b"], ids=repr)
async def test_a_malformed_key_is_refused_and_not_ignored(key: str, one_api: Apis) -> None:
    api = await one_api(NOTES)
    mary = await api.person("mary")
    answer = await api.call(
        mary, "POST", "notebooks", json={"title": "Garden"}, headers=[("idempotency-key", key.encode())]
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")
    assert (await api.get(mary, "notebooks")).json()["items"] == []


async def test_the_longest_key_is_taken_and_two_are_not(one_api: Apis) -> None:
    api = await one_api(NOTES)
    mary = await api.person("mary")
    assert (await post(api, mary, "notebooks", {"title": "Garden"}, "~" * 255)).status_code == 201
    twice = [("authorization", f"Bearer {api.tokens[mary]}"), *[("idempotency-key", "a")] * 2]
    answer = await api.client.post("/v1/notebooks", json={"title": "Other"}, headers=twice)
    assert answer.status_code == 400


async def test_answers_go_with_their_account(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    first = await post(api, mary, "notebooks", {"title": "Garden"}, "key")
    now = api.world.clock.now()
    async with api.world.store.work() as work:
        await work.records.close_account(str(mary.account), Account.tombstone(api.world.ids.new(), now), now)
        await work.commit()
    assert (await post(api, mary, "notebooks", {"title": "Garden"}, "key")).status_code == 401 != first.status_code
