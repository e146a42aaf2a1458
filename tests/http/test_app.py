"""The app as a whole: who is asked for on which route, what OpenAPI says, and what is served to people."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.persistence.memory import MemoryStore
from domain.errors import Refusal, Unavailable
from domain.specification.analysis import rights_table
from tests.application.world import NEVER, example, specification
from tests.contracts.test_cost import SIX
from tests.http.api import PROBLEM, Api
from tests.http.conftest import Apis
from tests.http.test_records import EVERYTHING

PUBLIC = {
    *(
        "POST /auth/register",
        "POST /auth/login",
        "POST /auth/login/mfa",
        "POST /auth/refresh",
        "POST /auth/token",
        "POST /auth/email/verify",
        "POST /auth/password/forgot",
        "POST /auth/password/reset",
        "GET /.well-known/jwks.json",
    ),
    *("HEAD /", "HEAD /docs"),
    *("GET /", "GET /health/live", "GET /health/ready", "GET /openapi.json"),
    *("GET /docs", "GET /docs/start.js", "GET /docs/{asset}"),
}
"""nothing here depends on who asks"""
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", SIX)
async def test_every_route_asks_who_calls_or_is_on_the_public_list(name: str, one_api: Apis) -> None:
    api = await one_api(example(name))
    identity = api.container.identity()
    unguarded = set()
    for route in api.app.router.routes:
        assert isinstance(route, APIRoute), f"{route} is no route of FastAPI"
        calls = {dependency.call for dependency in route.dependant.dependencies}
        if identity not in calls:
            unguarded |= {f"{method} {route.path}" for method in route.methods}
            continue
        (method,) = route.methods
        path = re.sub(r"\{\w+\}", NEVER, route.path)
        refused = await api.call(None, method, path, headers={"authorization": "Bearer no.token.atall"})
        assert refused.status_code == 401, f"{method} {path} declares the dependency, but does not call it"
    assert unguarded == PUBLIC


def test_every_refusal_has_a_status() -> None:
    from adapters.http import errors

    def leaves(kind: type[Refusal]) -> set[type[Refusal]]:
        below = {leaf for child in kind.__subclasses__() for leaf in leaves(child)}
        return below or {kind}

    assert leaves(Refusal) == set(errors.STATUS)
    codes = [kind.code for kind in errors.STATUS]
    assert len(codes) == len(set(codes))


class Away(MemoryStore):
    """A database that cannot be reached, or code that breaks, once `failure` is set."""

    failure: Exception | None = None

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    @property
    def records(self) -> Any:
        """See the port."""
        self._fail()
        return super().records

    @property
    def sessions(self) -> Any:
        """See the port."""
        self._fail()
        return super().sessions

    def work(self) -> Any:
        """See the port."""
        self._fail()
        return super().work()

    async def ready(self) -> bool:
        """See the port."""
        return self.failure is None


CALLS = (
    ("GET", f"notes/{NEVER}"),
    ("GET", "notes"),
    ("PATCH", f"notes/{NEVER}"),
    ("GET", "/auth/me"),
    ("POST", "/auth/refresh"),
)


async def test_a_database_that_is_away_is_said_to_be() -> None:
    store = Away(example("notes"))
    api = await Api.of(example("notes"), store)
    mary = await api.person("mary")
    store.failure = Unavailable()
    for method, path in (*CALLS, ("GET", "/health/ready")):
        body = (
            {"json": {"refresh_token": "x"} if "auth" in path else {"title": "x"}}
            if method in ("POST", "PATCH")
            else {}
        )
        answer = await api.call(mary, method, path, **body)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
    assert (await api.get(None, "/health/live")).status_code == 200


async def test_a_defect_shows_its_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    store = Away(example("notes"))
    api = await Api.of(example("notes"), store)
    mary = await api.person("mary")
    store.failure = ZeroDivisionError("the secret of life")
    for method, path in CALLS:
        body = {"refresh_token": "x"} if "auth" in path else {"title": "x"}
        caplog.clear()
        answer = await api.client.request(
            method,
            path if path.startswith("/") else f"/v1/{path}",
            headers={"authorization": f"Bearer {api.tokens[mary]}"},
            json=body if method in ("POST", "PATCH") else None,
        )
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.headers["content-type"] == PROBLEM
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        (record,) = caplog.records
        assert answer.headers["x-request-id"] in record.getMessage()
        assert record.exc_info is not None


# --- OpenAPI -------------------------------------------------------------------------------


async def test_operations_have_names_of_their_own_whatever_resources_are_called() -> None:
    project = "owner: account, roles: lead, fields: {name: text}, can: {create: signed in, read: [owner, lead]}"
    plain = "owner: account, fields: {name: text}, can: {create: signed in, read: owner}"
    names = ("session", "event", "key", "project_member", "member", "membership", "login", "profile")
    resources = [f"project: {{{project}}}", *(f"{name}: {{{plain}}}" for name in names)]
    api = await Api.of(specification("resources:\n  " + "\n  ".join(resources)))
    served = (await api.get(None, "/openapi.json")).json()
    assert [error.message for error in OpenAPIV31SpecValidator(served).iter_errors()] == []
    found = [operation["operationId"] for methods in served["paths"].values() for operation in methods.values()]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", SIX)
async def test_openapi_is_valid_and_as_it_was(name: str, request: pytest.FixtureRequest) -> None:
    """After a change that is meant: `pytest tests/http/test_app.py --snapshots-write`, and read the difference."""
    api = await Api.of(example(name))
    served = (await api.get(None, "/openapi.json")).json()
    assert [error.message for error in OpenAPIV31SpecValidator(served).iter_errors()] == []
    assert served == api.document
    text = "".join(f"{line}\n" for line in lines(served))
    path = SNAPSHOTS / f"{name}.txt"
    if request.config.getoption("--snapshots-write"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path} is different: see this test's docstring"


def lines(document: dict[str, Any]) -> list[str]:
    """A document with one line for each operation and schema, so that a difference names what differs."""
    said = [(f"{method.upper()} {path}", operation) for path, method, operation in operations(document)]
    said += [
        (f"{kind} {name}", found) for kind, all_of in document["components"].items() for name, found in all_of.items()
    ]
    said.append(("document", {name: found for name, found in document.items() if name not in ("paths", "components")}))
    return [f"{name} {json.dumps(found, ensure_ascii=False, sort_keys=True)}" for name, found in said]


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, o) for path, methods in document["paths"].items() for method, o in methods.items()]


async def documents() -> list[dict[str, Any]]:
    return [(await Api.of(specification)).document for specification in (*map(example, SIX), EVERYTHING)]


async def test_operations_are_named_once_and_described() -> None:
    for document in await documents():
        ids = [operation["operationId"] for *_, operation in operations(document)]
        assert len(ids) == len(set(ids))
        assert document["openapi"].startswith("3.1")
        for path, method, operation in operations(document):
            assert re.fullmatch("[a-z][a-z_]*", operation["operationId"])
            assert operation["summary"]
            assert len(operation["tags"]) == 1
            for status, response in operation["responses"].items():
                kinds = list(response.get("content", {}))
                assert len(kinds) <= 1
                if int(status) >= 400:
                    assert kinds == ["application/problem+json"], (path, method, status)
            declared = [(p["name"], p["in"]) for p in operation.get("parameters", [])]
            assert len(declared) == len(set(declared))
            assert {name for name, place in declared if place == "path"} == set(re.findall(r"\{(\w+)\}", path))


async def test_schemas_are_all_used_and_exact() -> None:
    def walk(schema: Any, at: str) -> None:
        if isinstance(schema, list):
            for i, part in enumerate(schema):
                walk(part, f"{at}/{i}")
        if not isinstance(schema, dict):
            return
        assert "nullable" not in schema, at
        for bound in ("minimum", "maximum"):
            if schema.get("type") == "integer" and bound in schema:
                assert isinstance(schema[bound], int), at
        for name, part in schema.items():
            walk(part, f"{at}/{name}")

    for document in await documents():
        walk(document, document["info"]["title"])
        text = json.dumps(document)
        for name in document["components"]["schemas"]:
            assert f'"#/components/schemas/{name}"' in text, f"{name} is not used"
        for ref in re.findall('"#/components/schemas/([^"]+)"', text):
            assert ref in document["components"]["schemas"]
        assert "bearer" in document["components"]["securitySchemes"]


async def test_each_resource_has_its_operations_models_and_tag() -> None:
    document = (await Api.of(example("invoices"))).document
    ids = {operation["operationId"] for *_, operation in operations(document)}
    for one, many in (("business", "businesses"), ("client", "clients"), ("line", "lines")):
        assert {f"list_{many}", f"create_{one}", f"get_{one}", f"update_{one}", f"delete_{one}"} <= ids
    schemas = document["components"]["schemas"]
    assert {"Invoice", "InvoiceCreate", "InvoiceUpdate", "InvoiceList", "InvoiceStatus", "Problem"} <= set(schemas)
    assert schemas["InvoiceStatus"] == {"type": "string", "enum": ["draft", "sent", "paid", "void"]}
    assert schemas["ClientRecord"]["properties"]["portal"]["type"] == ["string", "null"]
    assert "credit_limit" not in schemas["ClientRecord"]["required"], "absent for those who may not read it"
    assert {"id", "owner", "business", "name", "portal"} <= set(schemas["ClientRecord"]["required"])
    assert schemas["ClientCreate"]["additionalProperties"] is False
    assert set(schemas["ClientCreate"]["required"]) == {"business", "name", "address"}
    (listing,) = [o for *_, o in operations(document) if o["operationId"] == "list_invoices"]
    parameters = {p["name"]: p for p in listing["parameters"]}
    assert parameters["status"]["schema"]["items"] == {"$ref": "#/components/schemas/InvoiceStatus"}
    assert parameters["status"]["explode"] is True
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}


# --- pages for people ----------------------------------------------------------------------


class Links(HTMLParser):
    """Everything that a browser would load or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        given = dict(attrs)
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "script" and "src" not in given:
            self.inline.append("script")

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        self.text.append(data)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_load_nothing_from_elsewhere(path: str) -> None:
    api = await Api.of(example("conduit"))
    page = await api.get(None, path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    links = Links(page.text)
    assert links.inline == []
    assert not re.search("(https?:)?//", page.text.split("</style>")[-1].replace("<!doctype", ""))
    assert links.found
    for link in links.found:
        assert link.startswith("/")
        assert (await api.get(None, link)).status_code == 200, link


async def test_the_script_of_the_docs_asks_only_here() -> None:
    api = await Api.of(example("notes"))
    script = (await api.get(None, "/docs/start.js")).text
    assert "/openapi.json" in script
    assert "http" not in script
    assert "validatorUrl: null" in script


@pytest.mark.parametrize("name", SIX)
async def test_the_landing_page_has_the_whole_table_of_rights(name: str) -> None:
    api = await Api.of(example(name))
    text = " ".join("".join(Links((await api.get(None, "/")).text).text).split())
    for right in rights_table(example(name)):
        assert " ".join(right.who.split()) in text
        assert f"line {right.place.line}" in text
    for resource in example(name).resources.values():
        assert f"/v1/{resource.plural}" in text


async def test_health(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    for path in ("/health/live", "/health/ready"):
        assert (await api.get(None, path)).json() == {"status": "ok"}


async def test_answers_are_not_kept_by_caches(one_api: Apis) -> None:
    api = await one_api(EVERYTHING)
    mary = await api.person("mary")
    record_id = await api.make(mary, "boxes", name="Lid")
    for answer in (await api.get(mary, "boxes"), await api.get(mary, f"boxes/{record_id}")):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "authorization" in answer.headers["vary"].lower()
    for answer in (
        await api.get(mary, f"boxes/{NEVER}"),
        await api.get(None, "boxes"),
        await api.get(mary, "/auth/me"),
    ):
        assert answer.headers["cache-control"] == "no-store"


async def test_other_origins_are_not_let_in(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    answer = await api.get(None, "notes", headers={"origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_signing_up_and_using_the_api_from_end_to_end(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    made = await api.call(
        None, "POST", "/auth/register", json={"email": "mary@example.com", "password": "correct horse"}
    )
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    headers = {"authorization": f"Bearer {made.json()['access_token']}"}
    assert (await api.get(None, "/auth/me", headers=headers)).json()["email"] == "mary@example.com"
    notebook = await api.call(None, "POST", "notebooks", json={"title": "Garden"}, headers=headers)
    assert notebook.json()["owner"] == made.json()["account"]["id"]
    form = {"grant_type": "password", "username": "mary@example.com", "password": "correct horse"}
    token = await api.call(None, "POST", "/auth/token", data=form)
    assert token.json()["token_type"] == "bearer"
    again = await api.call(None, "POST", "/auth/refresh", json={"refresh_token": token.json()["refresh_token"]})
    assert again.json()["session"] == token.json()["session"]
    refused = await api.call(None, "POST", "/auth/token", data={"grant_type": "magic"})
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")
    wrong = {"email": "mary@example.com", "password": "wrong horse"}
    assert (await api.call(None, "POST", "/auth/login", json=wrong)).status_code == 401
    short = {"email": "mary", "password": "x"}
    refused = await api.call(None, "POST", "/auth/register", json=short)
    assert [error["field"] for error in refused.json()["errors"]] == ["email", "password"]
    assert (await api.call(None, "POST", "/auth/logout", headers=headers)).status_code == 204
    assert (await api.get(None, "notebooks", headers=headers)).status_code == 401


# --- the OAuth 2 token endpoint ------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=password", "invalid_request"),
        ("grant_type=password&username=mary@example.com", "invalid_request"),
        ("grant_type=refresh_token&password=x", "invalid_request"),
        ("grant_type=password&grant_type=password&username=a@b.example&password=x", "invalid_request"),
        ("grant_type", "invalid_request"),
        ("grant_type=client_credentials", "unsupported_grant_type"),
        ("grant_type=password&username=mary@example.com&password=wrong+horse", "invalid_grant"),
        ("grant_type=password&username=nobody@example.com&password=correct+horse", "invalid_grant"),
        ("grant_type=password&username=&password=", "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=made+up", "invalid_grant"),
    ],
)
async def test_what_the_token_endpoint_refuses_is_said_as_oauth_says_it(form: str, error: str) -> None:
    """RFC 6749, section 5.2, within a problem document as everywhere."""
    api = await Api.of(example("notes"))
    mary = {"email": "mary@example.com", "password": "correct horse"}
    await api.call(None, "POST", "/auth/register", json=mary)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.call(None, "POST", "/auth/token", content=form, headers=headers)
    assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (400, error, error)
    assert re.fullmatch(r"[ !#-\[\]-~]+", answer.json()["error_description"])


async def test_the_token_endpoint_takes_what_oauth_clients_send() -> None:
    """Other parameters and a client's credentials count for nothing; nothing is stored on the way."""
    api = await Api.of(example("notes"))
    mary = {"email": "mary@example.com", "password": "correct horse"}
    await api.call(None, "POST", "/auth/register", json=mary)
    form = {"grant_type": "password", "username": mary["email"], "password": mary["password"], "scope": "", "more": "x"}
    answer = await api.call(None, "POST", "/auth/token", data=form, headers={"authorization": "Basic Og=="})
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    assert (await api.call(None, "POST", "/auth/token", data=form)).json()["session"] == answer.json()["session"]


async def test_a_key_ring_that_is_too_old_is_not_used_while_the_database_is_away() -> None:
    """Neither to verify, to issue nor to be shown: a key may have been withdrawn meanwhile."""
    store = Away(example("notes"))
    api = await Api.of(example("notes"), store)
    mary = await api.person("mary")
    store.failure = Unavailable()
    calls = (("GET", "notes"), ("GET", "/.well-known/jwks.json"), ("POST", "/auth/token"))
    assert (await api.get(None, "/.well-known/jwks.json")).status_code == 200
    api.world.clock.wait(seconds=30)
    for method, path in calls:
        assert (await api.call(mary, method, path)).status_code == 503, path
    store.failure = None
    assert (await api.get(mary, "notes")).status_code == 200


async def test_swagger_is_told_where_to_sign_in() -> None:
    for document in await documents():
        flow = document["components"]["securitySchemes"]["password"]["flows"]["password"]
        assert flow["tokenUrl"] == "/auth/token"
        for path, _, operation in operations(document):
            kinds = [name for each in operation.get("security", ()) for name in each]
            assert ("password" in kinds) is ("bearer" in kinds), path


async def test_a_layer_around_the_app_is_around_every_route(one_api: Apis) -> None:
    """Also around the records', which otherwise go a short way past the layers of FastAPI."""
    api = await one_api(example("notes"))
    mary = await api.person("mary")
    path = f"notes/{NEVER}"
    short = await api.get(mary, path)
    seen: list[str] = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["path"])
            await self._app(scope, receive, send)

    api.app.middleware_stack = None
    api.app.add_middleware(Layer)
    long = await api.get(mary, path)
    assert seen == [f"/v1/{path}"]
    assert (long.status_code, long.headers.keys()) == (short.status_code, short.headers.keys())
