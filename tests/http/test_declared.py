"""What OpenAPI declares is so: every status of every operation is reached, every example is one that is accepted."""

import asyncio
import json
import re
from base64 import b32decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.http import connection
from adapters.http.cookies import REFRESH_COOKIE
from adapters.http.names import Basic, Names, What
from adapters.http.schemas import by_engine, check, models
from adapters.one_time_codes import _codes
from adapters.passwords import PasslibPasswords
from adapters.persistence.memory import MemoryStore
from application.accounts import SignUp
from domain.api_key import ApiKey
from domain.errors import Unavailable
from domain.ownership import Actor
from domain.specification.model import Specification
from domain.values import instant_text
from entrypoints.container import openapi_of
from entrypoints.settings import RateLimits, Settings
from tests.application.world import NEVER, example, specification
from tests.attacks.wire import CLOSE, HOST, served
from tests.contracts.test_cost import SIX
from tests.doubles import Postbox
from tests.http.api import Api
from tests.http.test_records import EVERYTHING

MARY = {"email": "mary@example.com", "password": "correct horse"}
BOB = {"email": "bob@example.com", "password": "correct horse"}
OF_CONNECTION = {400, 408, 431}
"""answered before there is a request, whatever it would have been"""
GENERIC = {401, 403, 404, 406, 413, 415, 422, 429, 503}
"""reached in the same way wherever a caller is asked for"""


@dataclass(frozen=True)
class Operation:
    """One of a document."""

    method: str
    template: str
    said: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Of nothing that there is."""
        return re.sub(r"\{\w+\}", NEVER, self.template)

    @property
    def statuses(self) -> set[int]:
        """Declared."""
        return {int(status) for status in self.said["responses"]}

    @property
    def asks_who(self) -> bool:
        """Whether a bearer token counts."""
        return any("bearer" in each for each in self.said.get("security", ()))

    @property
    def content(self) -> Mapping[str, Any]:
        """Of the body, by its type."""
        return self.said.get("requestBody", {}).get("content", {})

    def body(self) -> dict[str, Any]:
        """What httpx is given for the body that the document shows."""
        if not self.content:
            return {}
        kind, said = next(iter(self.content.items()))
        shown = self.example(said["schema"])
        return {"json": shown} if kind == "application/json" else {"data": shown}

    def example(self, schema: Mapping[str, Any]) -> Any:
        """The first that a schema shows."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema["examples"][0]


def operations(document: Mapping[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, said, document)
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]


# --- examples ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SIX, "everything"])
async def test_what_is_shown_as_an_example_is_valid(name: str) -> None:
    """Of each body, each answer and everything that they are made of; of bodies of records the domain accepts it."""
    spec = EVERYTHING if name == "everything" else example(name)
    api = await Api.of(spec)
    schemas = api.document["components"]["schemas"]
    without = [name for name, schema in schemas.items() if "properties" in schema and "examples" not in schema]
    assert without == []
    for schema_name, schema in schemas.items():
        for shown in schema.get("examples", ()):
            errors = [error.message for error in api.described.validator(schema).iter_errors(shown)]
            assert errors == [], (schema_name, shown)
    for operation in operations(api.document):
        if operation.content:
            assert operation.body(), operation.template
    names = Names(spec)
    for resource in spec.resources.values():
        made = models(spec, resource, names)
        for what, model in ((What.CREATE, made.create), (What.UPDATE, made.update)):
            check(model, schemas[names.of(resource.name, what)]["examples"][0], by_engine(resource))


ABOUT = """
resources:
  part:
    about: What a machine is made of.
    owner: account
    fields:
      state: {type: "one of new, old", optional: yes, about: How old.}
      kind: {type: "one of small, large", about: How large.}
      twin: {type: part, optional: yes, about: One like it.}
      first: {type: copy of twin.kind, about: How large the other was.}
    steps: {kind: {small -> large: owner}}
    can: {create: signed in, read: owner}
"""


async def test_what_the_specification_says_about_things_is_in_the_document() -> None:
    for spec in (EVERYTHING, specification(ABOUT)):
        document = openapi_of(spec)
        names, schemas = Names(spec), document["components"]["schemas"]
        tags = {tag["name"]: tag for tag in document["tags"]}
        said = {each.said["operationId"]: each.said for each in operations(document)}
        for resource in spec.resources.values():
            if resource.about is not None:
                assert tags[resource.plural]["description"] == resource.about
                assert schemas[names.of(resource.name, What.ANSWER)]["description"] == resource.about
                assert said[names.operation(resource.name, Basic.CREATE)]["description"] == resource.about
            for field in resource.fields.values():
                if field.about is not None:
                    shown = schemas[names.of(resource.name, What.ANSWER)]["properties"][field.name]
                    assert shown["description"] == field.about


PATTERNS = r"""
resources:
  part:
    owner: account
    fields:
      code: {type: text, pattern: "[A-Z]{2}-[0-9]{3}"}
      name: {type: text, length: 12 to 14}
      short: {type: text, length: 1 to 2}
      price: {type: decimal, places: 1, min: 20, max: 30}
      amount: {type: integer, min: 7}
      since: {type: date, max: 2001-01-01}
      state: {type: "one of new, old", default: old}
    can: {create: signed in, read: owner}
  riddle:
    owner: account
    fields: {text: {type: text, pattern: "(?=a)b"}}
    can: {create: signed in, read: owner}
"""


async def test_an_example_keeps_to_the_bounds_of_its_fields_and_is_left_out_where_none_is_found() -> None:
    spec = specification(PATTERNS)
    schemas = (await Api.of(spec)).document["components"]["schemas"]
    (shown,) = schemas["PartCreate"]["examples"]
    check(models(spec, spec.resources["part"], Names(spec)).create, shown)
    assert (
        shown
        == (await Api.of(specification(PATTERNS + " "))).document["components"]["schemas"]["PartCreate"]["examples"][0]
    ), "the same each time"
    assert re.fullmatch("[A-Z]{2}-[0-9]{3}", shown["code"])
    assert (shown["price"], shown["amount"], shown["since"]) == ("20.0", 7, "2001-01-01")
    (part,) = schemas["Part"]["examples"]
    assert part["state"] == "old", "the default"
    assert "examples" not in schemas["RiddleCreate"]


# --- statuses that every operation reaches in the same way -----------------------------------


PARTS = (
    *("records", "accounts", "sessions", "second_factors", "api_keys", "signing_keys"),
    *("invitations", "transfers", "work", "instant"),
)


class Failing(MemoryStore):
    """Whatever is asked of the records and accounts ends so, once `failure` is set."""

    failure: Exception | None = None

    def __getattribute__(self, name: str) -> Any:
        if name in PARTS:
            failure = object.__getattribute__(self, "failure")
            if failure is not None:
                raise failure
        return super().__getattribute__(name)

    async def ready(self) -> bool:
        """See the port."""
        return self.failure is None


class Full:
    """Counters that are beyond any limit."""

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """See the port."""
        return 10**9

    async def left(self, key: str) -> int:
        """See the port."""
        return 1

    async def forget(self, *keys: str) -> None:
        """See the port."""

    async def close(self) -> None:
        """See the port."""


REBUILT = ("throttles", "mailing", "sessions", "accounts", "second_factors", "keys", "history", "identity", "auth")


async def api_of(
    spec: Specification, store: MemoryStore | None = None, settings: Settings | None = None, **other: Any
) -> Api:
    """An API with other adapters than usual, and passwords that are quickly hashed."""
    api = await Api.of(spec, store, settings)
    for name, adapter in ({"passwords": PasslibPasswords(memory_kib=64, passes=1)} | other).items():
        getattr(api.container, name).override(providers.Object(adapter))
    for name in (*REBUILT, "credentials", "app"):
        getattr(api.container, name).reset()
    api.client = httpx.AsyncClient(transport=httpx.ASGITransport(api.container.app()), base_url="http://freehold.test")
    return api


async def a_key(api: Api, account: str | None, action: str) -> dict[str, str]:
    """The header of an API key for one action on everything."""
    now = api.world.clock.now()
    plain = f"fhk_{action}" if account is not None else "fhk_engine"
    digest = sha256(plain.encode()).hexdigest()
    everything = tuple(api.world.specification.resources)
    key = ApiKey(api.world.ids.new(), account, digest, action, (action,), everything, now, now.replace(year=2027))
    async with api.world.store.work() as work:
        await work.api_keys.add(key)
        await work.commit()
    return {"authorization": f"Bearer {plain}"}


async def ways(spec: Specification) -> Callable[[Operation, int], Awaitable[httpx.Response]]:
    """How each operation is made to answer each of the generic statuses."""
    store = Failing(spec)
    mail = {"outgoing": Postbox(), "public_url": "https://app.example.com"}
    api, failing = await api_of(spec), await api_of(spec, store, **mail)
    full = await api_of(spec, settings=LIMITED, counters=Full(), **mail)
    mary = await api.person("mary")
    keys = {action: await a_key(api, str(mary.account), action) for action in ("read", "delete")}
    engine = await a_key(api, None, "share")
    people = {each: await each.person("mary") for each in (full, failing)}
    store.failure = Unavailable()
    meant = {"if-match": '"an old one"'}

    async def way(operation: Operation, status: int) -> httpx.Response:
        async def ask(of: Api, who: Actor | None, headers: Any = None, **body: Any) -> httpx.Response:
            return await of.call(who, operation.method, operation.path, headers=headers or {}, **body)

        body, someone = operation.body(), mary if operation.asks_who else None
        match status:
            case 401 if operation.asks_who:
                return await ask(api, None, {"authorization": "Bearer no.token.atall"})
            case 403 if operation.template.startswith(OF_CALLER):
                return await ask(api, None, engine, **body)
            case 403 if operation.asks_who:
                deletes = operation.method == "DELETE" and operation.template.count("{") == 1
                return await ask(api, None, keys["read" if deletes else "delete"], **body)
            case 403 if operation.template == "/auth/refresh":
                cookie = {"cookie": f"{REFRESH_COOKIE}={mary.account}.{'x' * 43}"}
                return await ask(api, None, cookie)
            case 403 if operation.template != "/auth/password/forgot":
                return await ask(api, None, json=body["json"] | {"cookie": True})
            case 401 | 403:
                return await ask(api, None, **body)
            case 404 if operation.template.endswith("/batch"):
                resource = next(iter(spec.resources))
                delete = {"action": "delete", "resource": resource, "id": NEVER, "if_match": "x"}
                return await ask(api, mary, json={"operations": [delete]})
            case 404:
                return await ask(api, mary, meant, **body)
            case 406:
                return await ask(api, someone, {"accept": "image/png"}, **body)
            case 413:
                kind = next(iter(operation.content))
                return await ask(api, someone, {"content-type": kind, "content-length": "2000000"}, content=b"{}")
            case 415:
                return await ask(api, someone, {"content-type": "text/plain"}, content=b"{}")
            case 422 if operation.content:
                return await ask(api, someone, json={"nonsense": 1})
            case 422 if operation.template.startswith(OF_CALLER):  # in the example that has notebooks
                once = {"idempotency-key": "once"}
                await api.call(mary, "POST", "notebooks", json={"title": "Garden"}, headers=once)
                return await ask(api, mary, once)
            case 422:
                return await api.call(someone, operation.method, f"{operation.path}?nonsense=1&limit=0")
            case 429:
                return await ask(full, people[full] if operation.asks_who else None, **body)
            case 503:
                if operation.template.endswith(("jwks.json", "/login/mfa")):  # before the store they ask for the keys
                    failing.world.clock.wait(seconds=31)
                return await ask(failing, people[failing] if operation.asks_who else None, meant, **body)
        raise AssertionError(f"no way to {status}")

    return way


OF_CALLER = ("/v1/invitations", "/v1/transfers")
"""what waits for an account, which the engine and links are not"""
LIMITED = Settings(rate_limits=RateLimits.ON, requests_per_minute=1)


@pytest.mark.parametrize("name", ["conduit", "market", "notes"])
async def test_every_operation_refuses_as_it_declares(name: str) -> None:
    """The statuses of `GENERIC`, each of every operation that declares it."""
    way, not_reached = await ways(example(name)), []
    for operation in operations(openapi_of(example(name))):
        for status in sorted(operation.statuses & GENERIC - ({413} if not operation.content else set())):
            found = await way(operation, status)
            if found.status_code != status:
                not_reached.append(f"{operation.method} {operation.template}: {status}, but {found.status_code}")
    assert not_reached == []


@pytest.mark.parametrize("name", SIX)
async def test_a_method_that_is_not_offered_is_told_all_that_are(name: str) -> None:
    """405 at each path, with the union of what its routes offer."""
    api = await Api.of(example(name))
    for path, methods in api.document["paths"].items():
        refused = await api.call(None, "PUT", re.sub(r"\{\w+\}", NEVER, path))
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed"), path
        allowed = set(refused.headers["allow"].split(", "))
        assert allowed - {"HEAD"} == {method.upper() for method in methods}, path


async def test_every_connection_refuses_as_each_operation_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is answered before there is a request; 413 where no body is read."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    async with served(example("notes")) as wire:

        async def statuses(operation: Operation) -> tuple[Operation, set[int]]:
            line = f"{operation.method} {operation.path} HTTP/1.1\r\n".encode()
            large = b"Content-Length: 99999999\r\n" if 413 in operation.statuses else b""
            sent = {
                400: line + CLOSE + b"\r\n",
                408: line,
                431: line + HOST + CLOSE + b"X: " + b"x" * connection.LARGEST_HEAD + b"\r\n\r\n",
            }
            if 413 in operation.statuses and not operation.content:
                sent[413] = line + HOST + CLOSE + large + b"\r\n"
            said = await asyncio.gather(*(wire.send(piece) for piece in sent.values()))
            return operation, {status for each in said for status in each.statuses}

        for operation, found in await asyncio.gather(*map(statuses, operations(wire.api.document))):
            wanted = OF_CONNECTION | ({413} & operation.statuses if not operation.content else set())
            assert wanted <= operation.statuses
            assert found == wanted, operation.template


# --- what a kind of operation answers in its own way -----------------------------------------

BOXES = specification("""
resources:
  box:
    plural: boxes
    owner: account
    roles: {ladder: editor > viewer, join: open}
    links: {role: viewer}
    unique: name per owner
    require_if_match: yes
    fields: {name: text, hidden: yes/no}
    can:
      create: signed in
      read: [owner when hidden is no, viewer, signed in when hidden is no]
      update: owner
      delete: owner
      share: owner
      members: owner
      transfer: owner
  slip:
    owner: box
    keep: yes
    fields: {text: text}
    can: {create: owner, read: owner, delete: owner}
""")


def kind(operation: Operation) -> str:
    """The operation, whatever resource it is of."""
    return f"{operation.method} " + re.sub(r"^/v1/(?!batch|invitations|transfers)\w+", "/v1/…", operation.template)


class Overtaken(PasslibPasswords):
    """While a password is verified, something else happens once."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """See the port."""
        found = await super().verify(password, stored)
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        return found


class Walk:
    """Requests, and which status each kind of operation was seen to answer."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.seen: set[tuple[str, int]] = set()
        self._known = operations(api.document)

    async def __call__(self, method: str, path: str, as_: Any = None, **options: Any) -> httpx.Response:
        """`as_` is an actor, or headers."""
        headers = {**options.pop("headers", {}), **(as_ if isinstance(as_, dict) else {})}
        self.api.client.cookies.clear()
        actor = as_ if isinstance(as_, Actor) else None
        found = await self.api.call(actor, method, path, headers=headers, **options)
        self.api.client.cookies.clear()
        for operation in self._known:
            if operation.method == method and re.fullmatch(
                re.sub(r"\{\w+\}", "[^/]+", operation.template), found.request.url.path
            ):
                self.seen.add((kind(operation), found.status_code))
        return found

    def missing(self) -> set[tuple[str, int]]:
        """What is declared, was not seen, and is reached neither by `ways` nor on the connection."""
        declared = {(kind(each), status) for each in self._known for status in each.statuses}
        return {(each, status) for each, status in declared - self.seen if status not in GENERIC | OF_CONNECTION}


async def test_every_kind_of_operation_on_records_answers_what_it_declares() -> None:
    walk = Walk(await Api.of(BOXES))
    mary, bob = await walk.api.people("mary", "bob")
    made = await walk("POST", "boxes", mary, json={"name": "Lid"})
    box, tag = f"boxes/{made.json()['id']}", {"if-match": made.headers["etag"]}
    path, wrong = f"/v1/{box}", {"if-match": '"another"'}
    await walk("POST", "boxes", mary, json={"name": "Lid"})
    await walk("GET", "boxes", mary)
    await walk("GET", path, mary)
    await walk("GET", path, mary, headers={"if-none-match": made.headers["etag"]})
    other = await walk("POST", "boxes", mary, json={"name": "Other"})
    for method in ("PATCH", "DELETE"):
        body = {"json": {"name": "Other"}} if method == "PATCH" else {}
        await walk(method, path, mary, **body)
        await walk(method, path, mary, headers=wrong, **body)
    await walk("PATCH", path, mary, headers=tag, json={"name": "Other"})
    await walk("PATCH", path, mary, headers=tag, json={"name": "Lid"})
    members = f"{path}/members"
    await walk("POST", members, mary, json={"account": bob.account, "role": "viewer"})
    await walk("POST", members, mary, json={"account": bob.account, "role": "viewer"})
    await walk("GET", members, mary)
    await walk("PATCH", f"{members}/{bob.account}", mary, json={"role": "editor"})
    await walk("DELETE", f"{members}/{bob.account}", mary)
    for asked in ("access", "access/me"):
        await walk("GET", f"{path}/{asked}", mary)
    link = await walk("POST", f"{path}/links", mary, json={})
    await walk("GET", f"{path}/links", mary)
    await walk("DELETE", f"{path}/links/{link.json()['id']}", mary)
    await walk_what_waits(walk, path, mary, bob)
    for _ in range(50):
        await walk("POST", f"{path}/links", mary, json={})
    await walk("POST", f"{path}/links", mary, json={})
    slip = await walk("POST", "slips", mary, json={"box": made.json()["id"], "text": "x"})
    for asked in ("access", "access/me"):
        await walk("GET", f"slips/{slip.json()['id']}/{asked}", mary)
    await walk("DELETE", path, mary, headers=tag)
    await walk("DELETE", f"slips/{slip.json()['id']}", mary)
    await walk("PATCH", path, mary, headers=tag, json={"hidden": True})
    await walk("DELETE", f"boxes/{other.json()['id']}", mary, headers={"if-match": other.headers["etag"]})

    def batch(*operations: Any) -> dict[str, Any]:
        return {"json": {"operations": operations}}

    create = {"action": "create", "resource": "box", "body": {"name": "New"}}
    await walk("POST", "batch", mary, **batch(create))
    await walk("POST", "batch", mary, **batch(create))
    third = await walk("POST", "boxes", mary, json={"name": "Third"})
    await walk("POST", "batch", mary, **batch({"action": "delete", "resource": "box", "id": third.json()["id"]}))
    late = {"action": "delete", "resource": "box", "id": third.json()["id"], "if_match": '"another"'}
    await walk("POST", "batch", mary, **batch(late))
    assert {each for each in walk.missing() if " /v1/" in each[0]} == set()


async def walk_what_waits(walk: Walk, path: str, mary: Actor, bob: Actor) -> None:
    """Invitations to a record of Mary's and offers of it: made, listed, ended, answered, and too late."""

    async def once(name: str, actor: Actor, method: str, path: str, **body: Any) -> None:
        """What is being done already."""
        store = walk.api.world.store
        assert isinstance(store, MemoryStore)
        store._alone.add(sha256(json.dumps([actor.name, name]).encode()).hexdigest())
        await walk(method, path, actor, headers={"idempotency-key": name}, **body)

    async def invite() -> str:
        body = {"email": "bob@example.com", "role": "viewer"}
        return str((await walk("POST", f"{path}/members", mary, json=body)).json()["id"])

    async def offer() -> str:
        return str((await walk("POST", f"{path}/transfer", mary, json={"account": bob.account})).json()["id"])

    member = f"{path}/members/{bob.account}"
    await walk("DELETE", f"{path}/invitations/{await invite()}", mary)
    await walk("POST", f"/v1/invitations/{await invite()}/decline", bob)
    accept = f"/v1/invitations/{await invite()}/accept"
    for who, place in ((mary, f"{path}/invitations"), (bob, "/v1/invitations"), (bob, "/v1/transfers")):
        await walk("GET", place, who)
    await once("decline", bob, "POST", accept.replace("accept", "decline"))
    await walk("POST", accept, bob)
    await walk("POST", f"/v1/invitations/{await invite()}/accept", bob)
    await walk("DELETE", member, mary)
    await walk("DELETE", f"{path}/offers/{await offer()}", mary)
    await walk("GET", f"{path}/offers", mary)
    await once("offer", mary, "POST", f"{path}/transfer", json={"account": bob.account})
    await walk("POST", f"/v1/transfers/{await offer()}/decline", bob)
    named = {"name": (await walk("GET", path, mary)).json()["name"]}
    collides = await walk("POST", "boxes", bob, json=named)
    accept = f"/v1/transfers/{await offer()}/accept"
    await once("decline an offer", bob, "POST", accept.replace("accept", "decline"))
    await walk("POST", accept, bob)
    tag = {"if-match": collides.headers["etag"]}
    await walk("DELETE", f"boxes/{collides.json()['id']}", bob, headers=tag)
    await walk("POST", accept, bob)
    back = await walk("POST", f"{path}/transfer", bob, json={"account": mary.account})
    await walk("POST", f"/v1/transfers/{back.json()['id']}/accept", mary)


async def test_every_operation_on_accounts_answers_what_it_declares() -> None:
    post, passwords = Postbox(), Overtaken(memory_kib=64, passes=1)
    api = await api_of(example("notes"), passwords=passwords, outgoing=post, public_url="https://app.example.com")
    walk, accounts = Walk(api), api.container.accounts()

    async def token() -> str:
        while await api.container.mailing().deliver() is not None:
            pass
        return [mail.text.partition("#token=")[2].split()[0] for mail in post.mails if "#token=" in mail.text][-1]

    for path in ("/health/live", "/health/ready", "/.well-known/jwks.json"):
        await walk("GET", path)
    registered = (await walk("POST", "/auth/register", json=MARY)).json()
    await walk("POST", "/auth/register", json=MARY)
    mary = {"authorization": f"Bearer {registered['access_token']}"}
    accounts._sign_up = SignUp.VERIFIED
    await walk("POST", "/auth/register", json=BOB)
    await walk("POST", "/auth/email/verify", json={"token": await token()})
    await walk("POST", "/auth/login", json=BOB)
    await walk("POST", "/auth/refresh", json={"refresh_token": registered["refresh_token"]})
    form = {"grant_type": "password", "username": BOB["email"], "password": BOB["password"]}
    bob = {"authorization": f"Bearer {(await walk('POST', '/auth/token', data=form)).json()['access_token']}"}
    for path in ("me", "me/events", "me/export", "sessions", "keys"):
        await walk("GET", f"/auth/{path}", mary)
    await walk("POST", "/auth/password/forgot", json={"email": BOB["email"]})
    await walk("POST", "/auth/password/reset", json={"token": await token(), "password": BOB["password"]})
    bob = {"authorization": f"Bearer {(await walk('POST', '/auth/login', json=BOB)).json()['access_token']}"}

    wish = {"email": "carol@example.com", "password": MARY["password"]}
    await walk("POST", "/auth/email/change", mary, json=wish)
    await walk("PATCH", "/auth/me", mary, json=wish)
    taken = await token()
    accounts._sign_up = SignUp.OPEN
    await walk("POST", "/auth/register", json=wish)
    await walk("POST", "/auth/email/verify", json={"token": taken})

    key = {"password": MARY["password"], "name": "backup", "actions": ["read"], "resources": ["note"]}
    key["expires_at"] = instant_text(api.world.clock.now() + timedelta(days=1))
    made = [await walk("POST", "/auth/keys", mary, json=key) for _ in range(51)]
    await walk("DELETE", f"/auth/keys/{made[0].json()['id']}", mary)

    again = {"password": MARY["password"]}
    await walk("POST", "/auth/mfa/confirm", mary, json={"code": "123456"})
    await walk("DELETE", "/auth/mfa", mary, json=again | {"code": "123456"})
    begun = await walk("POST", "/auth/mfa", mary, json=again)

    def code() -> str:
        api.world.clock.wait(seconds=30)
        now = int(api.world.clock.now().timestamp())
        return _codes(b32decode(begun.json()["secret"])).generate(now).decode()

    await walk("POST", "/auth/mfa/confirm", mary, json={"code": code()})
    await walk("POST", "/auth/mfa", mary, json=again)
    challenge = (await walk("POST", "/auth/login", json=MARY)).json()["challenge"]
    await walk("POST", "/auth/login/mfa", json={"challenge": challenge, "code": code()})
    await walk("DELETE", "/auth/mfa", mary, json=again | {"code": code()})

    other = (await walk("POST", "/auth/login", json=MARY)).json()["session"]
    await walk("DELETE", f"/auth/sessions/{other}", mary)
    change = {"old_password": MARY["password"], "new_password": MARY["password"]}

    async def change_password() -> None:
        await walk("POST", "/auth/password", mary, json=change)

    for method, path, body in (
        ("POST", "/auth/email/change", wish),
        ("PATCH", "/auth/me", wish),
        ("POST", "/auth/password", change),
        ("DELETE", "/auth/me", again),
    ):
        passwords.meanwhile = change_password
        await walk(method, path, mary, json=body)
    await walk("POST", "/auth/logout", mary)
    await walk("DELETE", "/auth/me", bob, json={"password": BOB["password"]})
    assert {each for each in walk.missing() if " /v1/" not in each[0]} == set()
