"""`POST /v1/batch`: all or nothing, each operation answered as the request that it is alone."""

import json
from typing import Any

import httpx
import pytest

from domain.ownership import Actor
from entrypoints.settings import RateLimits, Settings
from tests.application.world import NEVER, example
from tests.http.api import Api
from tests.http.conftest import Apis
from tests.http.test_idempotency import SLIPS, whole
from tests.http.test_records import EVERYTHING

NOTES = example("notes")
GARDEN = {"action": "create", "resource": "notebook", "body": {"title": "Garden"}}
NOTE = {"title": "Tomatoes", "body": "$0.id", "audience": "members"}


async def batch(api: Api, actor: Actor | None, *operations: Any, **headers: str) -> httpx.Response:
    """The request."""
    return await send(api, actor, {"operations": list(operations)}, **headers)


async def send(api: Api, actor: Actor | None, body: Any, **headers: str) -> httpx.Response:
    """Also what is no batch, and what is no text."""
    written = {"content-type": "application/json", **headers}
    answer = await api.call(actor, "POST", "batch", content=json.dumps(body), headers=written)
    if answer.status_code == 200:
        operation = api.operation("POST", f"{api.prefix}/batch")
        assert operation is not None
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert [error.message for error in api.described.validator(schema).iter_errors(body)] == []
    return answer


def alone(answer: httpx.Response) -> dict[str, Any]:
    """What an item says of a request that is refused alone."""
    found = answer.json()
    return {name: found[name] for name in ("status", "code", "detail", "errors")}


async def test_each_is_judged_on_what_those_before_it_left(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    answer = await batch(
        api,
        mary,
        GARDEN,
        {"action": "create", "resource": "note", "body": {"notebook": "$0.id", **NOTE}},
        {"action": "create", "resource": "bookmark", "body": {"note": "$1.id"}},
        {"action": "update", "resource": "note", "id": "$1.id", "body": {"title": "Beans"}},
        {"action": "delete", "resource": "bookmark", "id": "$2.id"},
    )
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [201, 201, 201, 200, 204]
    assert set(items[-1]) == {"status", "id"}
    assert items[2]["record"]["note"] == items[1]["id"] == items[3]["id"]
    assert items[1]["record"]["body"] == "$0.id", "a text is a text"
    note = await api.get(mary, f"notes/{items[3]['id']}")
    assert (note.json(), note.headers["etag"]) == (items[3]["record"], items[3]["etag"])
    assert (await api.get(mary, "bookmarks")).json()["items"] == []


async def test_one_refusal_is_that_of_all_and_nothing_was_done(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    wrong = {"title": 7, "colour": "red"}
    single = await api.call(mary, "POST", "notebooks", json=wrong)
    other = {"action": "create", "resource": "notebook", "body": {"title": "B", "id": NEVER}}
    answer = await batch(api, mary, GARDEN, GARDEN | {"body": wrong}, GARDEN | {"body": {"title": "C"}}, other)
    assert answer.status_code == 422
    found = answer.json()
    assert {error["field"] for error in found["errors"]} == {"operations/1/body/title", "operations/1/body/colour"}
    assert [item["index"] for item in found["items"]] == [1, 3], "of later ones what their messages alone say"
    assert found["items"][0] == {"index": 1, **alone(single)}
    assert (await api.get(mary, "notebooks")).json()["items"] == []
    taken = await batch(api, mary, GARDEN, GARDEN)
    assert (taken.status_code, taken.json()["code"], taken.json()["items"][0]["index"]) == (409, "not_unique", 1)
    assert (await api.get(mary, "notebooks")).json()["items"] == []


async def test_a_later_message_is_refused_for_the_step_at_which_it_begins(one_api: Apis) -> None:
    api = await one_api(example("market"))
    mary = await api.person("mary")
    order = {"listing": NEVER, "ship_to": "Elm Road 1", "status": "received"}
    answer = await batch(
        api,
        mary,
        {"action": "delete", "resource": "listing", "id": NEVER},
        {"action": "create", "resource": "order", "body": order},
    )
    assert [(item["index"], item["status"]) for item in answer.json()["items"]] == [(0, 404), (1, 422)]
    assert [error["code"] for error in answer.json()["items"][1]["errors"]] == ["not_the_first"]


async def test_hidden_and_missing_are_alike_byte_for_byte(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary, bob = await api.people("mary", "bob")
    hidden = await api.make(mary, "notebooks", title="Diary")
    for operation in (
        {"action": "update", "resource": "notebook", "body": {"title": "Mine"}},
        {"action": "delete", "resource": "notebook"},
        {"action": "delete", "resource": "notebook", "if_match": '"x"'},
    ):
        answers = [
            await batch(api, bob, GARDEN, operation | {"id": name}) for name in (hidden, NEVER, "", "\ud800", "a")
        ]
        texts = {answer.text.replace(answer.json()["request_id"], "") for answer in answers}
        assert len(texts) == 1, operation
        assert answers[0].status_code == 404
    body = {"title": "Mine", "body": "", "audience": "members"}
    named = [
        await batch(api, bob, {"action": "create", "resource": "note", "body": body | {"notebook": name}})
        for name in (hidden, NEVER)
    ]
    assert len({answer.text.replace(answer.json()["request_id"], "") for answer in named}) == 1
    assert named[0].json()["errors"][0]["field"] == "operations/0/body/notebook"


async def test_a_reference_names_an_earlier_operation_and_nothing_else(one_api: Apis) -> None:
    api = await one_api(NOTES)
    mary = await api.person("mary")
    note = {"action": "create", "resource": "note"}
    for name in ("$1.id", "$2.id", "$99.id"):
        answer = await batch(api, mary, GARDEN, note | {"body": {"notebook": name, **NOTE}})
        assert answer.status_code == 422
        assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [
            ("operations/1/body/notebook", "bad_reference")
        ]
        answer = await batch(api, mary, GARDEN, {"action": "delete", "resource": "notebook", "id": name})
        assert [e["field"] for e in answer.json()["errors"]] == ["operations/1/id"]
    for name in ("$0", "$00.id", "$0.id ", "$-1.id", "0.id", "$0.title"):
        answer = await batch(api, mary, GARDEN, note | {"body": {"notebook": name, **NOTE}})
        assert answer.json()["errors"][0]["code"] == "not_an_id", name
    wrong = await batch(api, mary, GARDEN, {"action": "delete", "resource": "note", "id": "$0.id"})
    assert wrong.status_code == 404, "of another resource"
    gone = {"action": "delete", "resource": "notebook", "id": "$0.id"}
    assert (await batch(api, mary, GARDEN, gone, gone)).status_code == 404


async def test_conditions_hold_as_headers_do(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary = await api.person("mary")
    made = await api.call(mary, "POST", "plans", json={"name": "A"})
    plan, tag = made.json()["id"], made.headers["etag"]
    change = {"action": "update", "resource": "plan", "id": plan, "body": {"name": "B"}}
    assert (await batch(api, mary, change)).status_code == 428
    assert (await batch(api, mary, change | {"if_match": '"never"'})).status_code == 412
    assert (await batch(api, mary, change | {"if_match": "\ud800"})).status_code == 412
    twice = await batch(api, mary, change | {"if_match": tag}, change | {"if_match": tag, "body": {"name": "C"}})
    assert (twice.status_code, twice.json()["items"][0]["index"]) == (412, 1), "the first one has changed it"
    assert (await batch(api, mary, change | {"if_match": tag})).json()["items"][0]["record"]["name"] == "B"
    assert (
        await batch(api, mary, {"action": "delete", "resource": "plan", "id": plan, "if_match": "*"})
    ).status_code == 200


async def test_who_may_not_is_told_as_alone(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary, bob = await api.people("mary", "bob")
    book = await api.make(mary, "notebooks", title="Garden")
    await api.call(mary, "POST", f"notebooks/{book}/members", json={"account": bob.account, "role": "viewer"})
    change = {"action": "update", "resource": "notebook", "id": book, "body": {"title": "Mine"}}
    single = await api.call(bob, "PATCH", f"notebooks/{book}", json={"title": "Mine"})
    answer = await batch(api, bob, GARDEN, change)
    assert answer.status_code == single.status_code == 403
    assert answer.json()["items"] == [{"index": 1, **alone(single)}]
    nobody = await batch(api, None, GARDEN)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    assert "items" not in nobody.json(), "nobody without an account can write anything here"


async def test_who_has_no_account_may_what_is_anybodys(any_api: Apis) -> None:
    api = await any_api(SLIPS)
    mary = await api.person("mary")
    slip = {"action": "create", "resource": "slip", "body": {"box": await api.make(mary, "boxes", name="In")}}
    assert (await batch(api, None, slip, slip)).status_code == 200
    mixed = await batch(api, None, slip, {"action": "create", "resource": "box", "body": {"name": "Out"}})
    assert (mixed.status_code, mixed.json()["items"][0]["index"]) == (401, 1)
    assert len((await api.get(mary, "slips")).json()["items"]) == 2


async def test_a_batch_is_done_once(any_api: Apis) -> None:
    api = await any_api(NOTES)
    mary = await api.person("mary")
    refused = await batch(api, mary, GARDEN, GARDEN, **{"idempotency-key": "key"})
    assert refused.status_code == 409
    first = await batch(api, mary, GARDEN, **{"idempotency-key": "key"})
    assert first.status_code == 200
    assert whole(await batch(api, mary, GARDEN, **{"idempotency-key": "key"})) == whole(first)
    assert len((await api.get(mary, "notebooks")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"operations": "missing"}),
        ({"operations": []}, {"operations": "missing"}),
        ({"operations": {}}, {"operations": "invalid"}),
        ({"operations": [GARDEN] * 101}, {"operations": "too_many"}),
        ({"operations": [GARDEN], "more": 1}, {"more": "unknown"}),
        ({"operations": [7]}, {"operations/0": "invalid"}),
        ({"operations": [{}]}, {"operations/0/action": "missing", "operations/0/resource": "missing"}),
        (
            {"operations": [GARDEN, {"action": ["x"], "resource": {}, "\ud800": 1}]},
            {"operations/1/action": "not_one_of", "operations/1/resource": "not_one_of", "operations/1/?": "unknown"},
        ),
        ({"operations": [GARDEN | {"id": NEVER}]}, {"operations/0/id": "unknown"}),
        ({"operations": [GARDEN | {"body": []}]}, {"operations/0/body": "invalid"}),
        ({"operations": [GARDEN | {"if_match": "*"}]}, {"operations/0/if_match": "unknown"}),
        (
            {"operations": [{"action": "update", "resource": "note", "id": 7, "if_match": None}]},
            {"operations/0/id": "not_text", "operations/0/if_match": "not_text", "operations/0/body": "missing"},
        ),
        (
            {"operations": [{"action": "delete", "resource": "note", "body": {}}]},
            {"operations/0/id": "missing", "operations/0/body": "unknown"},
        ),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
async def test_what_is_no_batch_is_refused_by_place(body: Any, errors: dict[str, str], one_api: Apis) -> None:
    api = await one_api(NOTES)
    mary = await api.person("mary")
    answer = await api.call(
        mary, "POST", "batch", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert {error["field"]: error["code"] for error in answer.json()["errors"]} == errors
    assert (await api.get(mary, "notebooks")).json()["items"] == []


async def test_a_hundred_are_taken(one_api: Apis) -> None:
    api = await one_api(NOTES)
    mary = await api.person("mary")
    answer = await batch(api, mary, *(GARDEN | {"body": {"title": str(i)}} for i in range(100)))
    assert len(answer.json()["items"]) == 100


async def test_each_operation_counts_as_a_request() -> None:
    api = await Api.of(NOTES, settings=Settings(rate_limits=RateLimits.ON, requests_per_minute=10))
    mary = await api.person("mary")
    titles = iter(range(100))
    many = lambda number: [GARDEN | {"body": {"title": str(next(titles))}} for _ in range(number)]  # noqa: E731
    assert (await batch(api, mary, *many(11))).status_code == 429
    api.world.clock.wait(seconds=60)
    assert [(await batch(api, mary, *many(6))).status_code for _ in range(2)] == [200, 429]
    assert (await api.get(mary, "notebooks")).status_code == 200, "what was refused is not counted but as one"
