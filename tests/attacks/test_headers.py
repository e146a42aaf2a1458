"""Headers: a caller's, which try to be somebody or somewhere else, and ours, which protect whoever reads an answer."""

import re

import pytest
from pydantic import ValidationError

from domain.ownership import Actor
from entrypoints.settings import RateLimits, Settings
from tests.application.world import NEVER, example
from tests.attacks.wire import CLOSE, HOST, Wire
from tests.http.api import Api
from tests.http.test_records import EVERYTHING

# --- who asks ------------------------------------------------------------------------------


async def test_two_authorizations_are_nobody(wire: Wire, mary: Actor) -> None:
    """Also twice the same: a proxy may have judged one, and we the other."""
    bob = await wire.api.person("bob")
    basic = b"Authorization: Basic bWFyeTpwYXNz\r\n"
    for first in (wire.bearer(mary), wire.bearer(bob), basic, b"Authorization: \r\n"):
        for second in (wire.bearer(mary), wire.bearer(bob), basic):
            for path in (b"/v3/boxes", b"/v3/boxes/" + NEVER.encode(), b"/auth/me", b"/auth/sessions"):
                said = await wire.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + CLOSE + first + second + b"\r\n")
                assert (said.statuses, said.code) == ([401], "bad_token")


async def test_a_token_counts_in_its_header_only(wire: Wire, mary: Actor) -> None:
    """Not in the URL, where proxies log it; not in a cookie; not in a header of another name."""
    token = wire.api.tokens[mary]
    for name in (
        "Cookie: access_token=",
        "Cookie: __Host-refresh=",
        "X-Access-Token: ",
        "Proxy-Authorization: Bearer ",
    ):
        assert (await wire.ask(None, "GET", "/auth/me", b"", name + token)).statuses == [401]
    for name in ("access_token", "token", "authorization"):
        assert (await wire.ask(None, "GET", f"/auth/me?{name}={token}")).statuses == [401]
        assert (await wire.ask(mary, "GET", f"/v3/boxes?{name}={token}")).statuses == [422]


@pytest.mark.parametrize(
    "name",
    ["X-User-Id", "X-Account", "X-Forwarded-User", "X-Remote-User", "X-Original-URL", "X-Rewrite-URL", "X-Owner"],
)
async def test_no_header_of_a_proxy_makes_anybody_somebody(wire: Wire, mary: Actor, name: str) -> None:
    for value in (str(mary.account), "/auth/me", "admin"):
        assert (await wire.ask(None, "GET", "/auth/me", b"", f"{name}: {value}")).statuses == [401]
        assert (await wire.ask(None, "GET", "/health/live", b"", f"{name}: {value}")).statuses == [200]


async def test_nothing_of_a_request_becomes_a_header_of_the_answer(wire: Wire, mary: Actor) -> None:
    """Line ends in a path, a filter or a cursor stay where they are."""
    for _ in range(2):
        await wire.api.make(mary, "boxes", name="a\r\nSet-Cookie: a=b"[:20])
    ends = "%0d%0aSet-Cookie:%20a=b"
    for path in (
        f"/v3/boxes?limit=1&name=a{ends[:11]}{ends[11:22]}",
        f"/v3/boxes?limit=1&sort=-created_at&kind=crate{ends}",
        f"/v3/boxes?limit=1&cursor={ends}",
        f"/v3/boxes/{ends}",
        f"/{ends}",
        f"/docs/{ends}",
    ):
        said = await wire.ask(mary, "GET", path, b"", f"X-Request-Id: {ends}", f"If-None-Match: {ends}")
        assert len(said.statuses) == 1
        assert b"set-cookie" not in said.head, path
    paged = await wire.ask(mary, "GET", "/v3/boxes?limit=1&name=%0d%0a,Lid,a%0d%0aSet-Cookie:%20a=")
    assert paged.statuses == [200]
    assert b"set-cookie:" not in paged.head


async def test_a_request_id_is_never_the_callers(wire: Wire) -> None:
    said = await wire.ask(None, "GET", "/health/live", b"", "X-Request-Id: mine", "X-Correlation-Id: mine")
    assert re.search(rb"x-request-id: [0-9a-f]{16}\r\n", said.head)


# --- what every answer says ----------------------------------------------------------------

ANSWERS = {
    "a record": ("GET", "/v3/boxes/{box}", 200),
    "no body": ("HEAD", "/v3/boxes/{box}", 200),
    "a list": ("GET", "/v3/boxes", 200),
    "a page": ("GET", "/", 200),
    "the docs": ("GET", "/docs", 200),
    "a script": ("GET", "/docs/start.js", 200),
    "the document": ("GET", "/openapi.json", 200),
    "the keys": ("GET", "/.well-known/jwks.json", 200),
    "nothing": ("GET", "/nowhere", 404),
    "a missing record": ("GET", f"/v3/boxes/{NEVER}", 404),
    "no such method": ("PUT", "/v3/boxes", 405),
    "wrong content": ("GET", "/v3/boxes?x=y", 422),
    "deletion": ("DELETE", "/v3/boxes/{box}", 204),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_answer_protects_who_reads_it(wire: Wire, mary: Actor, name: str) -> None:
    method, path, status = ANSWERS[name]
    said = await wire.ask(mary, method, path.format(box=await wire.api.make(mary, "boxes", name="Lid")))
    assert said.statuses == [status]
    policies = re.findall(rb"content-security-policy: (.*?)\r\n", said.head)
    assert len(policies) == 1
    assert b"default-src 'none'" in policies[0]
    assert b"frame-ancestors 'none'" in policies[0]
    assert said.head.count(b"x-content-type-options: nosniff\r\n") == 1
    assert said.head.count(b"referrer-policy: no-referrer\r\n") == 1
    for telling in (b"server:", b"x-powered-by:", b"strict-transport-security:", b"set-cookie:", b"access-control-"):
        assert b"\r\n" + telling not in said.head
    if b"\r\ncontent-length: 0" not in said.head and status != 204:
        assert b"\r\ncontent-type: " in said.head


async def test_pages_of_the_docs_run_their_own_scripts_only(wire: Wire) -> None:
    said = await wire.ask(None, "GET", "/docs")
    (policy,) = re.findall(rb"content-security-policy: (.*?)\r\n", said.head)
    rules = dict(rule.strip().partition(b" ")[::2] for rule in policy.split(b";"))
    assert rules[b"script-src"] == rules[b"connect-src"] == b"'self'"
    assert b"unsafe" not in policy


async def test_over_tls_browsers_are_told_to_stay_there() -> None:
    api = await Api.of(EVERYTHING)
    for path in ("/", "/v3/boxes", "/nowhere"):
        answer = await api.client.get(f"https://freehold.test{path}")
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        plain = await api.client.get(f"http://freehold.test{path}")
        assert "strict-transport-security" not in plain.headers, "RFC 6797, section 7.2"


# --- other origins -------------------------------------------------------------------------

OURS = "https://app.example.com"


async def allowing(*origins: str) -> Api:
    """An API that pages of these origins may call."""
    return await Api.of(example("notes"), settings=Settings(rate_limits=RateLimits.OFF, allowed_origins=origins))


async def test_no_origin_is_let_in_unless_it_is_named(wire: Wire, mary: Actor) -> None:
    for origin in (OURS, "null", "http://freehold.test"):
        for method in ("GET", "OPTIONS"):
            said = await wire.ask(
                mary, method, "/v3/boxes", b"", f"Origin: {origin}", "Access-Control-Request-Method: PATCH"
            )
            assert said.statuses == [200 if method == "GET" else 405]
            assert b"access-control-" not in said.head


async def test_a_named_origin_is_let_in_without_cookies() -> None:
    api = await allowing(OURS, "http://localhost:5173")
    mary = await api.person("mary")
    for origin in (OURS, "http://localhost:5173"):
        for path, status in (("notes", 200), (f"notes/{NEVER}", 404), ("/nowhere", 404), ("notes?x=y", 422)):
            answer = await api.get(mary, path, headers={"origin": origin})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in answer.headers
            assert "Origin" in answer.headers.get_list("vary", split_commas=True)
            assert {"ETag", "Link", "Location"} <= set(answer.headers["access-control-expose-headers"].split(", "))
        asked = {"origin": origin, "access-control-request-method": "PATCH"}
        preflight = await api.client.options(f"/v1/notes/{NEVER}", headers=asked)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert {"Authorization", "If-Match"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
        assert "access-control-allow-credentials" not in preflight.headers


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "*", "https://app.example.com.evil.example", "https://evil.example/https://app.example.com"),
        *(
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://APP.example.com",
            "https://app-example.com",
        ),
        *("https://sub.app.example.com", " https://app.example.com/", "https://app.example.com https://evil.example"),
    ],
)
async def test_an_origin_that_only_looks_like_a_named_one_stays_out(origin: str) -> None:
    api = await allowing(OURS)
    mary = await api.person("mary")
    answer = await api.get(mary, "notes", headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers.get_list("vary", split_commas=True), "nor does a cache let it in"
    asked = {"origin": origin, "access-control-request-method": "DELETE"}
    refused = await api.client.options("/v1/notes", headers=asked)
    assert refused.status_code == 405
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "null",
        "https://*.example.com",
        "app.example.com",
        "https://app.example.com/",
        "ftp://a.example",
        "https://A.example",
    ],
)
def test_what_is_no_exact_origin_cannot_be_allowed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_ALLOWED_ORIGINS", f"{OURS}, {wrong}")
    with pytest.raises(ValidationError, match="is no origin"):
        Settings()


def test_origins_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_ALLOWED_ORIGINS", f"{OURS}, http://localhost:5173 ,http://[::1]:80,")
    assert Settings().allowed_origins == (OURS, "http://localhost:5173", "http://[::1]:80")
    monkeypatch.setenv("FREEHOLD_ALLOWED_ORIGINS", "")
    assert Settings().allowed_origins == ()
