"""Records and members over HTTP: statuses, headers, validators, pages. Who may do what is tested elsewhere."""

import re
from typing import Any
from urllib.parse import urlencode

import httpx
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.listing import ListParameters
from adapters.http.names import Names
from domain.errors import Invalid
from domain.ownership import Actor
from tests.application.world import NEVER, example, specification
from tests.http.conftest import Apis

EVERYTHING = specification("""
version: 3.1.4
resources:
  box:
    plural: boxes
    owner: account
    fields:
      name: {type: text, length: 1 to 20, about: What is on the lid.}
      size: {type: integer, min: 0, default: 1}
      weight: {type: number, optional: yes}
      price: {type: decimal, places: 2, optional: yes}
      full: yes/no
      kind: one of crate, big box
      due: {type: date, optional: yes}
      at: {type: time, optional: yes}
      extra: {type: json, optional: yes}
      inside: {type: box, optional: yes}
      mail: {type: text, format: email, optional: yes}
      page: {type: text, format: url, optional: yes}
      code: {type: text, pattern: "[A-Z]{3}", optional: yes}
    can: {create: signed in, read: owner, update: owner, delete: owner}
  plan:
    owner: account
    require_if_match: yes
    fields: {name: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
""")


async def test_the_life_of_a_record(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary, bob = await api.people("mary", "bob")
    body: dict[str, Any] = {"name": "Lid", "weight": 1.5, "price": "-0.10", "due": "2026-12-24", "kind": "big box"}
    body |= {"at": "2026-12-24T18:00:00+01:00", "extra": {"a": [None, 1.5, "ü"]}, "mail": "a@b.example", "code": "ABC"}
    made = await api.call(mary, "POST", "boxes", json=body)
    assert made.status_code == 201
    record = made.json()
    assert record == body | {
        "id": record["id"],
        "owner": mary.account,
        "size": 1,
        "full": False,
        "at": "2026-12-24T17:00:00Z",
        "inside": None,
        "page": None,
        "created_at": "2026-11-23T09:30:00.123456Z",
        "updated_at": "2026-11-23T09:30:00.123456Z",
    }
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", record["id"])
    assert made.headers["location"] == f"/v3/boxes/{record['id']}"
    path = f"boxes/{record['id']}"
    for same in (path, path.upper().replace("BOXES", "boxes")):
        got = await api.get(mary, same)
        assert (got.status_code, got.content, got.headers["etag"]) == (200, made.content, made.headers["etag"])
    api.world.clock.wait(seconds=1)
    patched = await api.call(mary, "PATCH", path, json={"size": 2, "weight": None})
    assert patched.json() == record | {"size": 2, "weight": None, "updated_at": "2026-11-23T09:30:01.123456Z"}
    merged = {"content-type": "application/merge-patch+json; charset=utf-8"}
    again = await api.call(mary, "PATCH", path, content=b'{"size": 2.0}', headers=merged)
    assert again.content == patched.content
    assert again.headers["etag"] == patched.headers["etag"] != made.headers["etag"]
    assert (await api.call(bob, "DELETE", path)).status_code == 404
    assert [(await api.call(mary, "DELETE", path)).status_code for _ in range(2)] == [204, 404]
    assert (await api.get(mary, path)).status_code == 404


async def test_validators(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary = await api.person("mary")
    path = f"boxes/{await api.make(mary, 'boxes', name='Lid')}"
    tag = (await api.get(mary, path)).headers["etag"]
    assert re.fullmatch('"[^"]+"', tag), "a strong validator"

    async def status(method: str, header: str, value: str, **options: Any) -> int:
        response = await api.call(mary, method, path, headers={header: value}, **options)
        if response.status_code == 304:
            assert response.headers["etag"] == tag
        return response.status_code

    for value, wanted in (
        (tag, 304),
        (f'"x", {tag}', 304),
        (f"W/{tag}", 304),
        ("*", 304),
        ('"x"', 200),
        (tag.strip('"'), 200),
        ("", 200),
    ):
        assert await status("GET", "If-None-Match", value) == wanted, value
        assert await status("HEAD", "If-None-Match", value) == wanted, value
    for value, wanted in ((tag, 200), (f'"x", {tag}', 200), ("*", 200), ('"x"', 412), (f"W/{tag}", 412), ("", 412)):
        assert await status("PATCH", "If-Match", value, json={"name": "Lid"}) == wanted, value
    assert await status("PATCH", "If-Match", tag, json={"name": "New"}) == 200
    assert await status("PATCH", "If-Match", tag, json={"name": "Newer"}) == 412
    assert await status("DELETE", "If-Match", tag) == 412
    assert (await api.get(mary, path)).json()["name"] == "New"
    assert await status("DELETE", "If-Match", (await api.get(mary, path)).headers["etag"]) == 204
    assert (await api.call(mary, "PATCH", path, json={}, headers={"If-Match": "*"})).status_code == 404


async def test_a_validator_may_be_required(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary = await api.person("mary")
    path = f"plans/{await api.make(mary, 'plans', name='A')}"
    for method, options in (("PATCH", {"json": {"name": "B"}}), ("DELETE", {})):
        refused = await api.call(mary, method, path, **options)
        assert (refused.status_code, refused.json()["code"]) == (428, "precondition_required")
    tag = {"If-Match": (await api.get(mary, path)).headers["etag"]}
    assert (await api.call(mary, "PATCH", path, json={"name": "B"}, headers=tag)).status_code == 200


async def test_a_validator_is_of_what_this_caller_sees(any_api: Apis) -> None:
    """A field that a caller may not read changes nothing that it gets, but `updated_at`."""
    api = await any_api(example("invoices"))
    mary, bob = await api.people("mary", "bob")
    business = await api.make(mary, "businesses", name="Peas")
    client = await api.make(
        mary, "clients", business=business, name="B", address="", portal=bob.account, credit_limit="1"
    )
    path = f"clients/{client}"
    before = await api.get(bob, path)
    assert "credit_limit" not in before.json()
    assert before.headers["etag"] != (await api.get(mary, path)).headers["etag"]
    await api.call(mary, "PATCH", path, json={"credit_limit": "2"})
    after = await api.get(bob, path)
    assert after.headers["etag"] == before.headers["etag"], "the clock stands still here"


async def test_head_is_get_without_a_body(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary = await api.person("mary")
    record_id = await api.make(mary, "boxes", name="Lid")
    for path in (f"boxes/{record_id}", "boxes", f"boxes/{NEVER}", "boxes?surprise=1"):
        get, head = await api.get(mary, path), await api.call(mary, "HEAD", path)
        assert head.status_code == get.status_code
        wanted = {name: value for name, value in get.headers.items() if name != "x-request-id"}
        found = {name: value for name, value in head.headers.items() if name != "x-request-id"}
        # the id of a request has always the same length
        assert found == wanted
    assert (await api.call(None, "HEAD", "boxes")).status_code == 401


def alike(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """An answer without its request's id and path."""
    request_id, path = response.headers["x-request-id"], response.request.url.path
    content = response.content.replace(request_id.encode(), b"-").replace(path.encode(), b"/")
    return response.status_code, content, {k: v for k, v in response.headers.items() if k not in ("x-request-id",)}


async def test_hidden_and_missing_are_alike_byte_for_byte(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    notebook = await api.make(mary, "notebooks", title="Garden")
    note = await api.make(mary, "notes", notebook=notebook, title="Peas", body="…")
    for plural, hidden in (("notebooks", notebook), ("notes", note)):
        for method, options in (
            ("GET", {}),
            ("HEAD", {}),
            ("PATCH", {"json": {"title": "x"}}),
            ("PATCH", {"json": {"title": "x"}, "headers": {"If-Match": '"x"'}}),
            ("DELETE", {}),
            ("DELETE", {"headers": {"If-Match": '"x"'}}),
        ):
            there = alike(await api.call(bob, method, f"{plural}/{hidden}", **options))
            missing = alike(await api.call(bob, method, f"{plural}/{NEVER}", **options))
            assert there == missing
            assert there[0] == 404
    for method, tail, options in (
        ("GET", "", {}),
        ("POST", "", {"json": {"account": bob.account, "role": "viewer"}}),
        ("PATCH", f"/{mary.account}", {"json": {"role": "viewer"}}),
        ("DELETE", f"/{mary.account}", {}),
        ("DELETE", f"/{bob.account}", {}),
    ):
        there = alike(await api.call(bob, method, f"notebooks/{notebook}/members{tail}", **options))
        assert there == alike(await api.call(bob, method, f"notebooks/{NEVER}/members{tail}", **options))
        assert there[0] == 404
    for body in ({"title": "x", "body": "x"}, {"title": "x", "body": "x", "audience": "everyone"}):
        answers = [await api.call(bob, "POST", "notes", json={"notebook": at, **body}) for at in (notebook, NEVER)]
        assert alike(answers[0]) == alike(answers[1])
        assert answers[0].json()["errors"][0]["field"] == "notebook"
    answers = [await api.call(bob, "POST", "bookmarks", json={"note": at}) for at in (note, NEVER)]
    assert alike(answers[0]) == alike(answers[1])
    for name in ("notebook", "author"):
        assert (await api.get(bob, f"notes?{name}={notebook}")).json() == {"items": [], "next_cursor": None}


async def test_pages_lead_to_one_another(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary, bob = await api.people("mary", "bob")
    ids = [
        await api.make(mary, "boxes", name=f"B{i % 3}", size=i, kind="crate" if i % 2 else "big box") for i in range(7)
    ]
    seen, url = [], "boxes?limit=3&sort=name,-size&count=true"
    while url:
        page = await api.get(mary, url)
        body = page.json()
        assert body["total"] == 7
        seen += [item["size"] for item in body["items"]]
        link = page.headers.get("link", "")
        assert bool(link) is (body["next_cursor"] is not None)
        match = re.fullmatch('<(.*)>; rel="next"', link)
        url = match[1] if match else ""
        assert not url or body["next_cursor"] in url
    assert seen == [6, 3, 0, 4, 1, 5, 2]
    plain = (await api.get(mary, "boxes")).json()
    assert set(plain) == {"items", "next_cursor"}
    assert [item["id"] for item in plain["items"]] == ids[::-1]

    async def sizes(query: str) -> list[int]:
        found = (await api.get(mary, f"boxes?sort=size&{query}")).json()["items"]
        return [item["size"] for item in found]

    assert await sizes("kind=crate") == [1, 3, 5]
    assert await sizes("kind=crate&size=1,2,3") == await sizes("size=1&size=2&size=3&kind=crate") == [1, 3]
    assert await sizes("kind=big+box&name=B0") == await sizes("kind=big%20box&name=B0") == [0, 6]
    assert await sizes("kind=crate,big box&full=false&limit=2") == [0, 1]
    assert await sizes(f"inside={NEVER}") == []
    assert await sizes("size_gt=1&size_lte=4") == [2, 3, 4]
    assert await sizes("size_ne=0,1,2&name_ne=B1") == [3, 5, 6]
    assert await sizes("name_starts=B&name_contains=0") == [0, 3, 6]
    assert await sizes("kind_ne=crate&size_gte=4&size_lt=6") == [4]
    assert await sizes("inside_set=false&size_lt=2") == [0, 1]
    assert await sizes("due_set=true") == await sizes("due_ne=2026-01-01") == await sizes("due_lt=9999-12-31") == []
    assert await sizes(f"id={ids[2]},{ids[4]}") == [2, 4]
    assert await sizes(f"owner={mary.account}&id_ne={ids[0]}&size_lt=2") == [1]
    assert await sizes("created_at_gt=2126-01-01T00:00:00Z") == []
    assert await sizes("name_contains=B,0") == []
    assert (await api.get(bob, "boxes")).json() == {"items": [], "next_cursor": None}


async def test_a_comma_in_a_text_is_written_with_a_backslash(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary = await api.person("mary")
    for name in ("a,b", "a", "b", "a\\b"):
        await api.make(mary, "boxes", name=name)
    for query, names in (("name=a,b", ["a", "b"]), ("name=a\\,b", ["a,b"]), ("name=a\\b&name=b", ["a\\b", "b"])):
        found = (await api.get(mary, f"boxes?sort=name&{query}")).json()["items"]
        assert [item["name"] for item in found] == names


async def test_a_cursor_that_was_changed_or_belongs_elsewhere_is_refused(any_api: Apis) -> None:
    api = await any_api(EVERYTHING)
    mary, bob = await api.people("mary", "bob")
    for actor in (mary, bob):
        for i in range(3):
            await api.make(actor, "boxes", name="B", size=i)
    cursor = (await api.get(mary, "boxes?limit=1&name=B")).json()["next_cursor"]
    assert (await api.get(mary, f"boxes?limit=2&name=B&cursor={cursor}")).status_code == 200
    flipped = [cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :] for i in range(0, len(cursor), 6)]
    other = ["", "x", cursor[:-1], cursor + "A", cursor[1:], cursor.swapcase(), cursor + "=", "%F0%9F%A6%8A", "\u00e9"]
    for wrong in (*flipped, *other):
        refused = await api.get(mary, f"boxes?limit=1&name=B&cursor={wrong}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor"), wrong
    for actor, query in (
        (bob, "name=B"),
        (mary, "name=C"),
        (mary, ""),
        (mary, "name=B&sort=size"),
        (mary, "name=B&size=1"),
    ):
        assert (await api.get(actor, f"boxes?{query}&cursor={cursor}")).status_code == 400
    assert (await api.get(mary, f"plans?cursor={cursor}")).status_code == 400


SENSELESS = [
    *("limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1.0", "limit=%C2%B2", "limit=1&limit=2"),
    *("sort=", "sort=extra", "sort=--size", "sort=size,size", "sort=size,-size", "sort=surprise", "sort=inside"),
    *("surprise=1", "Name=x", "size[]=1", "size_gt=x", "extra=1", "count=yes", "count=", "full=True", "full=1"),
    *("size=", "size=x", "size=1e400", f"size={10**400}", "weight=nan", "weight=inf", "weight=1e400", "price=1,"),
    *(
        "size_gt=1,2",
        "size_gt=1&size_gt=2",
        "name_contains=B&name_contains=C",
        "due_set=yes",
        "due_set=true&due_set=true",
    ),
    *("extra_ne=1", "kind_gt=crate", "id_set=true", "full_gt=true", "name_contains=%00", "inside_gt=" + NEVER),
    *("q=", "q=%20%09", "q=a&q=b", f"q={'a' * 201}", f"q={'+'.join('a' * 11)}", "q=%00"),
    *("due=2026-02-30", "at=yesterday", "kind=barrel", "inside=x", "name=%00", "cursor=a&cursor=b", "owner=x"),
]


async def test_a_query_that_says_nothing_sensible_is_refused(one_api: Apis) -> None:
    api = await one_api(EVERYTHING)
    mary = await api.person("mary")
    for query in SENSELESS:
        refused = await api.get(mary, f"boxes?{query}")
        assert refused.status_code == 422, (query, refused.text)
        assert [error["field"] for error in refused.json()["errors"]] == [query.partition("=")[0]]


async def test_words_are_looked_for_where_there_are_texts(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    notebook = await api.make(mary, "notebooks", title="Garden")
    texts = [("Green peas", "in the cellar"), ("Beans", "beside the peas"), ("Roses", "")]
    notes = [await api.make(mary, "notes", notebook=notebook, title=title, body=body) for title, body in texts]

    async def found(actor: Actor, query: str) -> list[str]:
        return [item["id"] for item in (await api.get(actor, f"notes?{query}")).json()["items"]]

    assert await found(mary, "q=PEAS") == await found(mary, "q=peas") == [notes[1], notes[0]]
    assert await found(mary, "q=%20peas+%E3%80%80cellar") == [notes[0]]
    assert await found(mary, "q=peas&title_starts=B") == [notes[1]]
    assert await found(bob, "q=peas") == []
    page = await api.get(mary, "notes?q=peas&limit=1")
    assert "q=peas&" in page.headers["link"]
    cursor = page.json()["next_cursor"]
    assert await found(mary, f"q=peas&limit=1&cursor={cursor}") == [notes[0]]
    assert (await api.get(mary, f"notes?q=beans&cursor={cursor}")).status_code == 400
    for path in ("bookmarks?q=peas", f"notes/{notes[0]}?q=peas"):
        assert (await api.get(mary, path)).status_code == 422, path


@given(st.text("ab \t\n\r\x0b\x1c\x85\xa0\u2003\u2028\u3000\ufeff", max_size=40))
def test_what_is_looked_for_is_told_by_its_pattern(text: str) -> None:
    box = ListParameters(EVERYTHING, EVERYTHING.resources["box"])
    (pattern,) = [each["schema"]["pattern"] for each in box.openapi(Names(EVERYTHING)) if each["name"] == "q"]
    try:
        box.parse(urlencode({"q": text}).encode(), signed_in=True)
    except Invalid:
        assert not re.search(pattern, text)
    else:
        assert re.search(pattern, text)


async def test_members_over_http(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob, ann = await api.people("mary", "bob", "ann")
    notebook = await api.make(mary, "notebooks", title="Garden")
    path = f"notebooks/{notebook}/members"

    async def status(actor: Actor | None, method: str, tail: str = "", **options: Any) -> int:
        return (await api.call(actor, method, path + tail, **options)).status_code

    added = await api.call(mary, "POST", path, json={"account": str(bob.account).upper(), "role": "viewer"})
    assert (added.status_code, added.json()) == (201, {"account": bob.account, "role": "viewer", "expires_at": None})
    assert await status(mary, "POST", json={"account": bob.account, "role": "editor"}) == 409
    assert await status(bob, "POST", json={"account": ann.account, "role": "viewer"}) == 403
    assert await status(ann, "POST", json={"account": ann.account, "role": "viewer"}) == 404
    assert await status(None, "POST", json={"account": ann.account, "role": "viewer"}) == 401
    for body in (
        {},
        {"account": ann.account},
        {"account": ann.account, "role": "king"},
        {"account": NEVER, "role": "viewer"},
        {"account": ann.account, "role": None},
        {"account": ann.account, "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"},
        {"account": ann.account, "role": "viewer", "surprise": 1},
    ):
        assert await status(mary, "POST", json=body) == 422, body
    ends = "2026-12-01T00:00:00Z"
    changed = await api.call(mary, "PATCH", f"{path}/{bob.account}", json={"role": "editor", "expires_at": ends})
    assert changed.json() == {"account": bob.account, "role": "editor", "expires_at": ends}
    assert (await api.get(bob, path)).json()["items"] == [changed.json()]
    assert await status(mary, "PATCH", f"/{ann.account}", json={"role": "viewer"}) == 404
    assert await status(mary, "PATCH", "/no-id", json={"role": "viewer"}) == 404
    assert await status(bob, "PATCH", f"/{bob.account}", json={"role": "viewer"}) == 403
    assert await status(bob, "DELETE", f"/{bob.account}") == 204
    assert await status(bob, "DELETE", f"/{bob.account}") == 404
    assert await status(mary, "DELETE", f"/{ann.account}") == 404
    assert (await api.get(None, path)).status_code == 401


async def test_an_answer_of_nothing_where_the_record_can_no_longer_be_opened(any_api: Apis) -> None:
    api = await any_api(
        specification("""
resources:
  pass:
    plural: passes
    owner: account
    fields: {holder: {type: account, optional: yes}, state: "one of fresh, used"}
    can: {create: signed in, read: [owner when state is fresh, holder when state is used], update: owner}
""")
    )
    mary = await api.person("mary")
    record_id = await api.make(mary, "passes", state="fresh")
    done = await api.call(mary, "PATCH", f"passes/{record_id}", json={"state": "used"})
    assert (done.status_code, done.content) == (204, b"")
    assert (await api.get(mary, f"passes/{record_id}")).status_code == 404


async def test_nobody_is_asked_to_sign_in_where_no_grant_could_match(any_api: Apis) -> None:
    """401 where an anonymous caller can never do it; else as for everybody, judged on what is there."""
    for name, requests in {
        "notes": {
            401: ["GET notebooks", "GET comments", "GET bookmarks", "POST notes", "PATCH notes/{}", "DELETE notes/{}"],
            404: ["GET notes/{}", "HEAD notes/{}"],
            200: ["GET notes", "HEAD notes"],
        },
        "conduit": {
            401: ["POST profiles", "POST comments", "DELETE articles/{}", "GET profiles/{}/members"],
            404: ["GET profiles/{}", "GET articles/{}", "GET comments/{}"],
            200: ["GET profiles", "GET articles", "GET comments", "GET favorites"],
        },
        "clinic": {401: ["GET clinics", "GET patients/{}", "GET notes", "GET appointments/{}", "POST clinics"]},
        "market": {401: ["GET orders", "POST listings"], 200: ["GET listings", "GET reviews"], 404: ["GET reviews/{}"]},
    }.items():
        api = await any_api(example(name))
        for status, calls in requests.items():
            for call in calls:
                method, path = call.split()
                options = {"json": {}} if method in ("POST", "PATCH") else {}
                answered = await api.call(None, method, path.format(NEVER), **options)
                assert answered.status_code == status, call


async def test_who_is_nobody_does_not_learn_the_names_of_hidden_fields(any_api: Apis) -> None:
    api = await any_api(example("conduit"))
    mary = await api.person("mary")
    for query in ("email=x@y.example", "sort=email"):
        assert (await api.get(mary, f"profiles?{query}")).status_code == 200
        refused, unknown = (
            await api.get(None, f"profiles?{query}"),
            await api.get(None, f"profiles?{query.replace('email', 'surprise')}"),
        )
        assert refused.status_code == unknown.status_code == 422
        assert refused.json()["errors"][0]["message"].replace("email", "") == unknown.json()["errors"][0][
            "message"
        ].replace("surprise", "")
