"""The HTTP API of a specification in this process, with every answer held against what it declares about itself."""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import httpx
from dependency_injector import providers
from fastapi import FastAPI
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from adapters.http.names import Names
from adapters.http.schemas import models
from adapters.persistence.memory import MemoryStore
from application.ports import Store
from domain.ownership import Actor
from domain.specification.model import Specification
from entrypoints import asgi
from entrypoints.container import Container
from entrypoints.settings import RateLimits, Settings
from tests import logs
from tests.application.world import World

PROBLEM = "application/problem+json"


class Api:
    """An app over a store, people who are signed in, and requests in their names."""

    def __init__(
        self,
        specification: Specification,
        store: Store,
        settings: Settings | None = None,
    ) -> None:
        self.world = World(specification, store)
        self.container = Container(folder=Path("/nowhere/at/all"))
        self.container.specification.override(providers.Object(specification))
        self.container.secret.override(providers.Object(b"a secret for tests, and only for them"))
        self.container.clock.override(providers.Object(self.world.clock))
        self.container.store.override(providers.Object(store))
        self.container.settings.override(providers.Object(settings or Settings(rate_limits=RateLimits.OFF)))
        self.app: FastAPI = asgi.create_app(self.container)
        self.described = Described.of(specification, self.app)
        self.document = self.described.document
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://freehold.test")
        self.tokens: dict[Actor, str] = {}
        self.prefix = f"/v{specification.major}"

    @staticmethod
    async def of(specification: Specification, store: Store | None = None, settings: Settings | None = None) -> "Api":
        """An API that is ready, in memory unless a store is given, without rate limits unless settings are."""
        api = Api(specification, MemoryStore(specification) if store is None else store, settings)
        await api.container.tokens().load(api.world.store, api.world.clock.now())
        return api

    async def people(self, *names: str) -> list[Actor]:
        """Accounts, each signed in."""
        return [await self.person(name) for name in names]

    async def person(self, name: str) -> Actor:
        """An account, signed in."""
        actor = await self.world.person(name)
        now = self.world.clock.now()
        self.tokens[actor] = self.container.tokens().issue(str(actor.account), str(actor.session), now)
        return actor

    async def call(self, actor: Actor | None, method: str, path: str, **options: Any) -> httpx.Response:
        """A request below `/v1` (a path that begins with `/` is meant as it is)."""
        headers = dict(options.pop("headers", {}))
        if actor is not None:
            headers["authorization"] = f"Bearer {self.tokens[actor]}"
        logs.current.remember(
            [headers.get("authorization"), *(options.get(kind) for kind in ("json", "data", "content"))]
        )
        url = path if path.startswith("/") else f"{self.prefix}/{path}"
        response = await self.client.request(method, url, headers=headers, **options)
        self.hold(response)
        return response

    async def get(self, actor: Actor | None, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return await self.call(actor, "GET", path, **options)

    async def make(self, actor: Actor, plural: str, **values: Any) -> str:
        """POST a record that is accepted; its id."""
        response = await self.call(actor, "POST", plural, json=values)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What OpenAPI declares of a request."""
        for template, operations in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                found: dict[str, Any] | None = operations.get("get" if method == "HEAD" else method.lower())
                return found
        return None

    def hold(self, response: httpx.Response) -> None:
        """An answer is one that OpenAPI declares, with the headers that protect browsers; an error is a problem."""
        request = response.request
        status = response.status_code
        where = f"{request.method} {request.url.raw_path!r}: {status} {response.text[:300]}"
        assert status < 500 or status == 503, where
        assert response.headers["x-content-type-options"] == "nosniff", where
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"], where
        assert response.headers["x-request-id"]
        assert "server" not in response.headers
        operation = self.operation(request.method, request.url.path)
        declared = None if operation is None else operation["responses"].get(str(status))
        if operation is not None:
            assert declared is not None, f"not declared: {where}"
            for name in declared.get("headers", {}):
                assert name in response.headers or name in ("Link", "Set-Cookie", "Clear-Site-Data"), (
                    f"{name} is missing: {where}"
                )
        if request.method == "HEAD" or status in (204, 304):
            assert response.content == b"", where
            return
        if status >= 400:
            self._hold_problem(response, where)
        elif response.headers["content-type"] == "application/json" and request.url.path != "/openapi.json":
            logs.current.remember(response.json())
        if declared is not None:
            (kind,) = declared["content"]
            assert response.headers["content-type"].partition(";")[0] == kind, where
            if kind == "application/x-ndjson":
                return
            schema = declared["content"][kind]["schema"]
            if status == 200 and "anyOf" in schema:  # the whole, or the part that was asked for
                schema = schema["anyOf"]["fields" in request.url.params]
            validator = self.described.validator(schema)
            assert [error.message for error in validator.iter_errors(response.json())] == [], where
            self._hold_model(schema.get("$ref", ""), response.json())

    def _hold_problem(self, response: httpx.Response, where: str) -> None:
        assert response.headers["content-type"] == PROBLEM, where
        found = response.json()
        assert set(found) == {
            *("type", "title", "status", "detail", "instance", "code", "message", "errors", "request_id"),
            *(("error", "error_description") if where.startswith("POST b'/auth/token'") and "error" in found else ()),
            *(("challenge",) if found["code"] == "mfa_required" else ()),
            *(("items",) if response.request.url.path.endswith("/batch") and "items" in found else ()),
        }
        assert found["status"] == response.status_code
        assert found["message"] == found["detail"]
        assert found["request_id"] == response.headers["x-request-id"]
        assert re.fullmatch("[a-z]+(_[a-z]+)*", found["code"]), where
        assert ("www-authenticate" in response.headers) is (response.status_code == 401)
        assert ("retry-after" in response.headers) is (response.status_code in (429, 503))

    def _hold_model(self, ref: str, body: Any) -> None:
        name = ref.rpartition("/")[2]
        if name in self.described.models:
            self.described.models[name].model_validate(body)


class Described:
    """What an API says of itself: OpenAPI, and the models that it is rendered from."""

    known: ClassVar[dict[int, "Described"]] = {}

    def __init__(self, specification: Specification, app: FastAPI) -> None:
        self.document: dict[str, Any] = json.loads(json.dumps(app.openapi()))
        names = Names(specification)
        made = [models(specification, resource, names) for resource in specification.resources.values()]
        self.models = {
            model.__name__: model for each in made for model in (each.answer, each.page, each.part, each.part_page)
        }
        self.validators: dict[str, OAS31Validator] = {}

    @staticmethod
    def of(specification: Specification, app: FastAPI) -> "Described":
        """Made once for a specification, which is always the same object here: it takes longer than most tests."""
        if id(specification) not in Described.known:
            Described.known[id(specification)] = Described(specification, app)
        return Described.known[id(specification)]

    def validator(self, schema: dict[str, Any]) -> OAS31Validator:
        """For a schema of the document."""
        text = json.dumps(schema)
        if text not in self.validators:
            whole = schema | {"components": self.document["components"]}
            self.validators[text] = OAS31Validator(whole, format_checker=oas31_format_checker)
        return self.validators[text]
