"""Messages that are wrong, too large, not JSON or meant to harm: always a problem document, never a defect."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from adapters.http.messages import LARGEST_BODY
from domain.ownership import Actor
from tests.application.world import NEVER, example
from tests.http.api import PROBLEM, Api
from tests.http.conftest import Apis
from tests.http.test_records import EVERYTHING


@pytest.fixture
async def api(one_api: Apis) -> Api:
    return await one_api(EVERYTHING)


@pytest.fixture
async def mary(api: Api) -> Actor:
    return await api.person("mary")


async def post(api: Api, actor: Actor, content: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
    return await api.call(actor, "POST", "boxes", content=content, headers={"content-type": kind, **headers})


# --- what is not there ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", "/v1/boxes", "/v3", "/v3/boxes/", "/v3/boxes/x/y", "/docs/x.js"])
async def test_a_path_that_leads_nowhere_is_a_problem(api: Api, mary: Actor, path: str) -> None:
    for actor in (mary, None):
        found = await api.get(actor, path)
        assert (found.status_code, found.headers["content-type"]) == (404, PROBLEM)
        assert found.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("boxes", "GET, HEAD, POST"),
        (f"boxes/{NEVER}", "DELETE, GET, HEAD, PATCH"),
        ("/auth/login", "POST"),
        ("/auth/me", "DELETE, GET, PATCH"),
        ("/", "GET, HEAD"),
        ("/openapi.json", "GET"),
    ],
)
async def test_a_method_that_is_not_offered_names_those_that_are(
    api: Api, mary: Actor, path: str, allowed: str
) -> None:
    for method in ("PUT", "TRACE", "CONNECT", "OPTIONS", "FROB", "DELETE", "PATCH", "POST"):
        if method in allowed.split(", "):
            continue
        refused = await api.call(mary, method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed), method
        assert refused.json()["code"] == "method_not_allowed"


async def test_members_offer_their_own_methods(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    refused = await api.call(None, "PUT", f"notebooks/{NEVER}/members")
    assert refused.headers["allow"] == "GET, POST"
    refused = await api.call(None, "PUT", f"notebooks/{NEVER}/members/{NEVER}")
    assert refused.headers["allow"] == "DELETE, PATCH"


async def test_a_method_is_not_overridden(api: Api, mary: Actor) -> None:
    path = f"boxes/{await api.make(mary, 'boxes', name='Lid')}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert (await api.get(mary, path, headers={name: "DELETE"})).status_code == 200


# --- who asks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer x", "Basic bWFyeTpwYXNz", "bearer a.b.c", "Bearer \u00e9"]
)
async def test_a_token_that_is_not_one_is_refused_and_not_ignored(value: str, one_api: Apis) -> None:
    api = await one_api(example("notes"))
    for path in ("/v1/notes", f"/v1/notes/{NEVER}", "/auth/me"):
        refused = await api.get(None, path, headers={"authorization": value.encode("latin-1")})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_an_ended_session_and_a_late_token_are_refused_at_once(api: Api, mary: Actor) -> None:
    path = f"boxes/{await api.make(mary, 'boxes', name='Lid')}"
    assert (await api.get(mary, path)).status_code == 200
    api.world.clock.wait(minutes=16)
    assert (await api.get(mary, path)).status_code == 401
    api.tokens[mary] = api.container.tokens().issue(str(mary.account), str(mary.session), api.world.clock.now())
    assert (await api.get(mary, path)).status_code == 200
    assert (await api.call(mary, "POST", "/auth/logout")).status_code == 204
    for method, at, options in (
        ("GET", path, {}),
        ("GET", "boxes", {}),
        ("HEAD", path, {}),
        ("PATCH", path, {"json": {"name": "x"}}),
        ("DELETE", path, {}),
        ("POST", "boxes", {"json": {"name": "x", "inside": NEVER}}),
    ):
        assert (await api.call(mary, method, at, **options)).status_code == 401, method
    assert (await api.call(mary, "POST", "boxes", json={"name": "x"})).status_code == 401
    assert [f"boxes/{found}" for found in await api.world.sees(Actor(mary.account), "box")] == [path]


# --- how much ------------------------------------------------------------------------------


async def test_a_body_has_a_largest_size(api: Api, mary: Actor) -> None:
    shell = len(b'{"extra": "", "name": "x"}')
    largest = b'{"extra": "' + b"a" * (LARGEST_BODY - shell) + b'", "name": "x"}'
    assert len(largest) == LARGEST_BODY
    assert (await post(api, mary, largest)).status_code == 201
    assert (await post(api, mary, largest + b" ")).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (LARGEST_BODY // 16)

    refused = await post(api, mary, chunks())
    assert (refused.status_code, refused.json()["code"]) == (413, "content_too_large")
    assert (await post(api, mary, b"{}", **{"content-length": str(LARGEST_BODY + 1)})).status_code == 413


async def test_a_body_that_is_longer_than_it_says_is_too_large_all_the_same(api: Api, mary: Actor) -> None:
    """And what is never read up to its end is not kept in memory."""
    handed = 0

    async def receive() -> Message:
        nonlocal handed
        handed += 65536
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"2"), (b"host", b"freehold.test")]
    headers.append((b"authorization", f"Bearer {api.tokens[mary]}".encode()))
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/v3/boxes", "raw_path": b"/v3/boxes"}
    await api.app(
        scope
        | {"query_string": b"", "root_path": "", "scheme": "http", "headers": headers, "client": None, "server": None},
        receive,
        send,
    )
    assert sent[0]["status"] == 413
    assert handed <= LARGEST_BODY + 2 * 65536


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json", "application/jsonx"]
)
async def test_a_body_of_another_type_is_not_read(api: Api, mary: Actor, kind: str) -> None:
    refused = await post(api, mary, b'{"name": "x"}', kind)
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    nothing = await api.call(mary, "POST", "boxes")
    assert nothing.status_code == 415


async def test_a_type_may_have_parameters_and_any_case(api: Api, mary: Actor) -> None:
    for kind in ("application/json", "Application/JSON; charset=UTF-8", "application/json;charset=utf-8"):
        assert (await post(api, mary, b'{"name": "x"}', kind)).status_code == 201


# --- what it says --------------------------------------------------------------------------


NOT_JSON = [
    *(
        b"",
        b" ",
        b"{",
        b"{'name': 'x'}",
        b'{"name": "x",}',
        b'{"name": "x"} {}',
        b"\xff\xfe{}",
        b'{"name": "\xff"}',
    ),
    *(b'{"name": "a", "name": "b"}', b'{"extra": {"a": 1, "a": 2}, "name": "x"}', b'{"name": NaN}'),
    *(
        b'{"name": "x", "weight": NaN}',
        b'{"name": "x", "weight": -Infinity}',
        b'{"name": "x", "extra": [Infinity]}',
    ),
    *(b"\xef\xbb\xbf{}", b'{"name": "\xc0\x80"}', b'{"name": "\xed\xa0\x80"}', b'{"name": "a\nb"}'),
    b'{"name": "x", "extra": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"name": "x", "extra": ' + b"[" * 65 + b"]" * 65 + b"}",
]


async def test_what_is_not_strict_json_is_malformed(api: Api, mary: Actor) -> None:
    for content in NOT_JSON:
        refused = await post(api, mary, content)
        assert refused.status_code == 400, (content[:50], refused.text)


async def test_nesting_has_a_deepest(api: Api, mary: Actor) -> None:
    deep = b'{"name": "x", "extra": ' + b"[" * 63 + b"]" * 63 + b"}"
    made = await post(api, mary, deep)
    assert made.status_code == 201
    wide = {"name": "x", "extra": [[{}]] * 500}
    assert (await api.call(mary, "POST", "boxes", json=wide)).status_code == 201


HUGE = "1" + "0" * 400
WRONG: list[tuple[str, str]] = [
    *(
        ("name", text)
        for text in ("null", "1", '""', '"' + "x" * 21 + '"', r'"\u0000"', r'"\ud800"', r'"\udc00\ud800"', "[]", "{}")
    ),
    *(
        ("size", text)
        for text in ("null", '"1"', "true", "-1", "1.5", HUGE, "-" + HUGE, "1e400", "9007199254740992", "1e300")
    ),
    *(("weight", text) for text in ('"1"', "true", HUGE, "1e400", "-1e999", "[]")),
    *(("price", text) for text in ("1", "1.5", '"1.555"', '"1e3"', '"+1"', '"01"', '""', '"NaN"', f'"{HUGE}"', '"١"')),
    *(("full", text) for text in ("null", "0", "1", '"true"')),
    *(("kind", text) for text in ("null", '"barrel"', '""', '"Crate"', "1")),
    *(
        ("due", text)
        for text in ('"2026-02-30"', '"2026-1-1"', '"20260101"', "20260101", '"2026-01-01T00:00:00Z"', '"0000-01-01"')
    ),
    *(
        ("at", text)
        for text in ('"2026-01-01"', '"2026-01-01T00:00:00"', '"2026-01-01T24:00:01Z"', "0", '"2026-01-01T00:00:60Z"')
    ),
    *(("at", text) for text in ('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"')),
    *(("extra", text) for text in (r'"\u0000"', r'["\ud800"]', r'{"\u0000": 1}', HUGE, "[1e400]")),
    *(
        ("inside", text)
        for text in ('"x"', "1", f'"{NEVER}"', f'"{NEVER}x"', '"{00000000-0000-7000-8000-000000000000}"')
    ),
    *(("mail", text) for text in ('"x"', '"a@b"', '"a b@c.de"', r'"a@b.de\u0000"')),
    *(("page", text) for text in ('"x"', '"javascript:alert(1)"', '"http://"', '"http://[x"', '"http://a:b/"')),
    *(("code", text) for text in ('"AB"', '"ABCD"', r'"ABC\n"', '"abc"')),
    *(
        (name, "1")
        for name in ("id", "owner", "created_at", "updated_at", "surprise", "f_name", "", "__class__", "model_config")
    ),
]


@pytest.mark.parametrize("field", sorted({field for field, _ in WRONG}))
async def test_a_wrong_value_is_refused_by_name(api: Api, mary: Actor, field: str) -> None:
    record_id = await api.make(mary, "boxes", name="Lid")
    patch = {"content-type": "application/json"}
    for text in [text for name, text in WRONG if name == field]:
        name = "" if field == "name" else '"name": "x", '
        content = f"{{{name}{json.dumps(field)}: {text}}}".encode()
        for refused in (
            await post(api, mary, content),
            await api.call(mary, "PATCH", f"boxes/{record_id}", content=content, headers=patch),
        ):
            assert refused.status_code == 422, (text, refused.text)
            assert [error["field"] for error in refused.json()["errors"]] == [field or "body"], text
    assert (await api.get(mary, f"boxes/{record_id}")).json()["name"] == "Lid"


@pytest.mark.parametrize("content", [b"[]", b"null", b"1", b'"x"', b"true", HUGE.encode()])
async def test_a_body_is_an_object(api: Api, mary: Actor, content: bytes) -> None:
    assert (await post(api, mary, content)).status_code == 422


async def test_text_comes_back_as_it_went_in(api: Api, mary: Actor) -> None:
    for text in (
        "\u0001\u001f",
        "\u2028\u2029</script>",
        "e\u0301",
        "\U0001f98a",
        "\ufffe\uffff",
        "'; DROP TABLE boxes; --",
        "%s %(x)s :name",
    ):
        made = await api.call(mary, "POST", "boxes", json={"name": text[:20] or "x", "extra": {text: text}})
        assert made.json()["name"] == text[:20]
        assert made.json()["extra"] == {text: text}


# --- anything ------------------------------------------------------------------------------

FIELDS = [*EVERYTHING.resources["box"].fields, "id", "owner", "shelf", "\x00", "é", ""]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=[]), max_size=25)
    | st.sampled_from(
        ["2026-01-01", "2026-01-01T00:00:00Z", "1.50", NEVER, "crate", "ABC", "a@b.de", 10**400, -(2**53)]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FUZZ = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4), st.sampled_from(["POST", "PATCH"]))
async def test_no_body_breaks_anything(api: Api, mary: Actor, body: dict[str, Any], method: str) -> None:
    """Every answer is one that is declared (`Api.hold`); what is accepted is shown again and found in the list."""
    path = "boxes" if method == "POST" else f"boxes/{await api.make(mary, 'boxes', name='Lid')}"
    body = {"name": "x", **body} if method == "POST" else body
    content = json.dumps(body).encode()
    answered = await api.call(mary, method, path, content=content, headers={"content-type": "application/json"})
    assert answered.status_code in (200, 201, 400, 422)
    if answered.status_code < 300:
        found = (await api.get(mary, f"boxes/{answered.json()['id']}")).json()
        assert found == answered.json()
        assert all(found[name] == value for name, value in body.items() if not isinstance(value, int | float | str))


@FUZZ
@given(st.binary(max_size=60))
async def test_no_bytes_break_anything(api: Api, mary: Actor, content: bytes) -> None:
    assert (await post(api, mary, content)).status_code in (400, 422)


NAMES = st.sampled_from(["limit", "sort", "cursor", "count", "q", "fields", *FIELDS, "created_at"])
QUERIES = st.lists(
    st.tuples(NAMES, st.text(max_size=12) | st.sampled_from(["1", "-size", "true", NEVER, "a,b", "\\,"])), max_size=4
)


@FUZZ
@given(QUERIES)
async def test_no_query_breaks_anything(api: Api, mary: Actor, query: list[tuple[str, str]]) -> None:
    answered = await api.get(mary, "boxes", params=httpx.QueryParams(query))
    assert answered.status_code in (200, 400, 422)


@FUZZ
@given(
    st.binary(max_size=40).map(
        lambda raw: "".join(chr(byte) if 33 <= byte < 127 and byte != 35 else f"%{byte:02x}" for byte in raw)
    )
)
async def test_no_raw_query_or_path_breaks_anything(api: Api, mary: Actor, text: str) -> None:
    assert (await api.get(mary, f"boxes?{text}")).status_code in (200, 400, 422)
    safe = text.replace("?", "%3f").replace("/", "%2f")
    assert (await api.get(mary, f"boxes/x{safe}")).status_code in (404, 405)
    assert (await api.get(mary, f"boxes?cursor={text}")).status_code in (400, 422)
    for method, name in (("GET", "if-none-match"), ("DELETE", "if-match")):
        headers = {name: text.encode("ascii")}
        assert (await api.call(mary, method, f"boxes/{NEVER}", headers=headers)).status_code == 404
