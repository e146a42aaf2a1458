"""Record routes: the fast way through FastAPI.

Each is a route of the app like any other, declares the identity dependency and is in OpenAPI. `RecordRoute` answers
it without FastAPI's dependency solver: it calls the same identity, reads the body strictly and writes the answer once.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Request
from fastapi.routing import APIRoute, APIRouter
from starlette.types import Receive, Scope, Send

from adapters.http.errors import PROBLEM, Header, refusal, request_id
from adapters.http.idempotency import Idempotent
from adapters.http.identity import Identity
from adapters.http.listing import ListParameters
from adapters.http.messages import (
    PATCH_TYPES,
    Answer,
    encode,
    etag,
    expectation,
    read_object,
    require_accepted,
    unchanged,
    write_beside,
)
from adapters.http.schemas import ResourceModels, by_engine, check
from application.ports import Work
from application.records import RecordUseCases
from domain.errors import Refusal, Unavailable
from domain.expansion import WHOLE
from domain.ownership import Actor
from domain.specification.model import Resource, Specification

log = logging.getLogger("freehold.http")

Handler = Callable[[Actor, Scope, Receive], Awaitable[Answer]]

_JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
)
_PROBLEM: tuple[Header, ...] = ((b"content-type", PROBLEM.encode()), (b"cache-control", b"no-store"))


class RecordRoute(APIRoute):
    """A route whose endpoint is a `Handler`."""

    identity: Identity

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Take the place of FastAPI's own ASGI app for the route."""
        super().__init__(path, endpoint, **options)
        handler: Handler = endpoint.handler  # type: ignore[attr-defined]
        identity: Identity = endpoint.identity  # type: ignore[attr-defined]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                require_accepted(scope)
                actor = await identity(Request(scope))
                answer = await handler(actor, scope, receive)
                status, body, headers = answer.status, answer.body, answer.headers
                base = _JSON if body is not None else _JSON[1:]
            except Refusal as error:
                if isinstance(error, Unavailable):
                    log.warning("not available, in request %s", request_id(scope), exc_info=error)
                status, body, further = refusal(error, scope)
                base, headers = _PROBLEM, tuple(further)
            length = () if body is None else ((b"content-length", str(len(body)).encode()),)
            await send({"type": "http.response.start", "status": int(status), "headers": [*base, *headers, *length]})
            await send({"type": "http.response.body", "body": body or b""})

        self.app = app


def add_route(
    router: APIRouter,
    identity: Identity,
    method: str,
    path: str,
    handler: Handler,
    operation: Mapping[str, Any] | None,
) -> None:
    """Add a record route; `operation` is what OpenAPI says of it, None to leave it out (HEAD)."""

    async def endpoint() -> None:
        raise AssertionError("RecordRoute calls the handler")

    endpoint.handler = handler  # type: ignore[attr-defined]
    endpoint.identity = identity  # type: ignore[attr-defined]
    described = dict(operation or {})
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        dependencies=[Depends(identity)],
        route_class_override=RecordRoute,
        include_in_schema=operation is not None,
        response_model=None,
        operation_id=described.pop("operationId", None),
        summary=described.pop("summary", None),
        description=described.pop("description", ""),
        tags=described.pop("tags", None),
        status_code=described.pop("status", 200),
        responses=described.pop("responses", None),
        openapi_extra=described,
    )


class RecordHandlers:
    """What the routes of one resource do."""

    def __init__(
        self,
        specification: Specification,
        resource: Resource,
        models: ResourceModels,
        records: RecordUseCases,
        idempotent: Idempotent,
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._models = models
        self._records = records
        self._idempotent = idempotent
        self._by_engine = by_engine(resource)
        self.parameters = ListParameters(specification, resource)
        self.path = f"/v{specification.major}/{resource.plural}"

    async def list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer a page."""
        self._records.admit(actor, self._name, "read")
        query_string: bytes = scope["query_string"]
        asked = self.parameters.parse(query_string, actor.account is not None or actor.link is not None)
        found = await self._records.list(
            actor,
            self._name,
            asked.filters,
            asked.sort,
            asked.limit,
            asked.cursor,
            asked.counted,
            asked.wanted,
            asked.words,
        )
        if asked.wanted.ways:
            write_beside(found.items)
        answer = {"items": found.items, "next_cursor": found.next_cursor}
        body = encode(answer if found.total is None else answer | {"total": found.total})
        if found.next_cursor is None:
            return Answer(200, body)
        kept = [(name, text) for name, text in parse_qsl(query_string.decode(), True) if name != "cursor"]
        next_page = urlencode([*kept, ("cursor", found.next_cursor)])
        return Answer(200, body, ((b"link", f'<{self.path}?{next_page}>; rel="next"'.encode()),))

    async def create(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Create a record."""
        self._records.admit(actor, self._name, "create")
        body = await read_object(scope, receive)

        async def write(within: Work | None) -> Answer:
            check(self._models.create, body, self._by_engine)
            seen = await self._records.create(actor, self._name, body, within)
            answer = encode(seen)
            location = f"{self.path}/{seen['id']}".encode()
            return Answer(201, answer, ((b"location", location), (b"etag", etag(answer))))

        return await self._idempotent(actor, scope, body, write)

    async def get(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer one record."""
        wanted, query_string = WHOLE, scope["query_string"]
        if query_string:
            self._records.admit(actor, self._name, "open")
            wanted = self.parameters.selection.parse(query_string, actor.account is not None or actor.link is not None)
        seen = await self._records.get(actor, self._name, record_id(scope), wanted)
        if wanted.ways:
            write_beside([seen])
        body = encode(seen)
        tag = etag(body)
        if unchanged(scope, tag):
            return Answer(304, None, ((b"etag", tag),))
        return Answer(200, body, ((b"etag", tag),))

    async def update(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Change a record."""
        self._records.admit(actor, self._name, "update")
        body = await read_object(scope, receive, PATCH_TYPES)
        check(self._models.update, body, self._by_engine)
        seen = await self._records.update(actor, self._name, record_id(scope), body, expectation(scope))
        if seen is None:
            return Answer(204)
        answer = encode(seen)
        return Answer(200, answer, ((b"etag", etag(answer)),))

    async def delete(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Delete a record."""
        await self._records.delete(actor, self._name, record_id(scope), expectation(scope))
        return Answer(204)


def record_id(scope: Scope) -> str:
    """The id in the path, in canonical case; what is no id names nothing."""
    return str(scope["path_params"]["id"]).lower()
