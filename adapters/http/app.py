"""The FastAPI app of one specification, put together from its parts."""

import logging
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from secrets import token_hex

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http import errors, openapi
from adapters.http.access import AccessHandlers, AccessList, access_schemas
from adapters.http.auth import BODIES
from adapters.http.batch import BatchHandler
from adapters.http.browsers import POLICY, STRICTEST, Origins, protective
from adapters.http.credentials import CREDENTIAL_BODIES
from adapters.http.idempotency import Idempotent
from adapters.http.identity import Identity
from adapters.http.invitations import INVITATION_ANSWERS, AnsweringHandlers, InvitationHandlers
from adapters.http.members import MemberHandlers, MemberModels, member_models
from adapters.http.messages import encode
from adapters.http.names import Names
from adapters.http.openapi import Operations, of_service
from adapters.http.records import RecordHandlers, RecordRoute, add_route
from adapters.http.schemas import Schema, models
from adapters.http.secret_links import LinkHandlers, LinkModels, link_models
from adapters.http.service import openapi_route, service_router
from adapters.http.transfers import (
    TRANSFER_ANSWERS,
    OfferHandlers,
    SentTransferAnswer,
    SentTransferAnswerList,
    TakingHandlers,
    TransferCreate,
)
from application.access import AccessUseCases
from application.batch import BatchUseCases
from application.invitations import InvitationUseCases
from application.records import RecordUseCases
from application.secret_links import SecretLinkUseCases
from application.sharing import SharingUseCases
from application.transfers import TransferUseCases
from domain.specification.model import Specification

log = logging.getLogger("freehold.http")
REQUEST: ContextVar[str] = ContextVar("REQUEST")
"""the id of the request that is being answered; every line that is logged meanwhile has it (`entrypoints/logs.py`)"""


def build_app(
    specification: Specification,
    identity: Identity,
    auth: APIRouter,
    credentials: APIRouter,
    records: RecordUseCases,
    sharing: SharingUseCases,
    access: AccessUseCases,
    invitations: InvitationUseCases,
    transfers: TransferUseCases,
    batch: BatchUseCases,
    links: SecretLinkUseCases,
    idempotent: Idempotent,
    ready: Callable[[], Awaitable[bool]],
    allowed_origins: Collection[str] = (),
) -> FastAPI:
    """Routes of records and members first: they are asked for most, and routes are tried in order.

    All stand on the app's own router: an included one would be resolved again at each request.
    """
    app = App(
        title=specification.app,
        version=specification.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    names = Names(specification)
    resources = {name: models(specification, resource, names) for name, resource in specification.resources.items()}
    shared: dict[str, MemberModels] = {}
    further: dict[str, Schema] = {}
    asked: set[type[BaseModel]] = set()
    linked: dict[str, LinkModels] = {}
    for name, resource in specification.resources.items():
        router = app.router
        handlers = RecordHandlers(specification, resource, resources[name], records, idempotent)
        operations = Operations(resource, names)
        many, one = handlers.path, f"{handlers.path}/{{id}}"
        add_route(router, identity, "GET", one, handlers.get, operations.get(handlers.parameters.selection.openapi()))
        add_route(router, identity, "GET", many, handlers.list, operations.page(handlers.parameters.openapi(names)))
        add_route(router, identity, "POST", many, handlers.create, operations.create())
        add_route(router, identity, "PATCH", one, handlers.update, operations.update())
        add_route(router, identity, "DELETE", one, handlers.delete, operations.delete())
        add_route(router, identity, "HEAD", one, handlers.get, None)
        add_route(router, identity, "HEAD", many, handlers.list, None)
        rights = AccessHandlers(specification, resource, access)
        further |= access_schemas(specification, resource, names)
        add_route(router, identity, "GET", f"{rights.path}/me", rights.mine, operations.my_access())
        if specification.shared(name) is not None:
            asked.add(AccessList)
            add_route(router, identity, "GET", rights.path, rights.others, operations.access(of_service(AccessList)))
        if resource.ladder is not None:
            shared[name] = member_models(resource, names)
            members = MemberHandlers(specification, resource, shared[name], sharing, invitations, idempotent)
            add_route(router, identity, "GET", members.path, members.list, operations.list_members())
            add_route(router, identity, "POST", members.path, members.add, operations.add_member())
            member = f"{members.path}/{{account}}"
            add_route(router, identity, "PATCH", member, members.change, operations.change_member())
            add_route(router, identity, "DELETE", member, members.remove, operations.remove_member())
            waiting = InvitationHandlers(specification, resource, invitations)
            add_route(router, identity, "GET", waiting.path, waiting.list, operations.list_invitations())
            invitation = f"{waiting.path}/{{invitation}}"
            add_route(router, identity, "DELETE", invitation, waiting.withdraw, operations.withdraw_invitation())
        if resource.rule("transfer"):
            offers = OfferHandlers(specification, resource, transfers, idempotent)
            said = operations.offer_transfer(SentTransferAnswer, TransferCreate)
            add_route(router, identity, "POST", offers.path, offers.offer, said)
            add_route(
                router, identity, "GET", offers.offers, offers.offered, operations.list_offers(SentTransferAnswerList)
            )
            add_route(
                router, identity, "DELETE", f"{offers.offers}/{{offer}}", offers.withdraw, operations.withdraw_offer()
            )
        if resource.links is not None:
            linked[name] = link_models(resource, names)
            to_it = LinkHandlers(specification, resource, linked[name], links, idempotent)
            add_route(router, identity, "GET", to_it.path, to_it.list, operations.list_links())
            add_route(router, identity, "POST", to_it.path, to_it.create, operations.create_link())
            add_route(router, identity, "DELETE", f"{to_it.path}/{{link}}", to_it.end, operations.end_link())
    named = [*BODIES, *CREDENTIAL_BODIES]
    if shared:
        named += INVITATION_ANSWERS
        mine = AnsweringHandlers(specification, invitations, idempotent)
        for method, path, handler, operation in mine.routes():
            add_route(app.router, identity, method, path, handler, operation)
    if any(resource.rule("transfer") for resource in specification.resources.values()):
        named += TRANSFER_ANSWERS
        for method, path, handler, operation in TakingHandlers(specification, transfers, idempotent).routes():
            add_route(app.router, identity, method, path, handler, operation)
    together = BatchHandler(specification, resources, batch, identity, idempotent)
    add_route(app.router, identity, "POST", together.path, together.run, openapi.batch(specification, names))
    app.router.routes.extend([*auth.routes, *credentials.routes, *service_router(specification, ready).routes])
    openapi_route(app, encode)
    openapi.install(app, specification, names, resources, shared, linked, [*named, *asked], further)
    errors.install(app)
    app.outermost(Origins(allowed_origins))
    return app


class App(FastAPI):
    """FastAPI, with a short way to record routes: its layers cost half as much as such a request itself.

    Nothing but time is different there: each of these routes answers its refusals itself, and `Outermost` is around it.
    """

    _short: ASGIApp | None = None

    def outermost(self, origins: Origins) -> None:
        """Put `Outermost` around everything; all routes are there."""
        self.add_middleware(Outermost, origins=origins)
        found = [route for route in reversed(self.routes) if isinstance(route, RecordRoute)]
        self._by_path = {(method, route.path): route for route in found for method in route.methods or ()}
        self._short = Outermost(self._answer, origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Whoever puts a layer of his own around the app has it around every route."""
        if scope["type"] == "http" and not scope.get("root_path") and len(self.user_middleware) == 1:
            method, path = scope["method"], scope["path"]
            above, _, last = path.rpartition("/")
            found = self._by_path.get((method, path if "{" not in path else ""))
            parameters = {}
            if found is None and last and "{" not in above:
                found, parameters = self._by_path.get((method, f"{above}/{{id}}")), {"id": last}
            if found is not None and self._short is not None:
                scope["route"], scope["path_params"] = found, parameters
                await self._short(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    @staticmethod
    async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].app(scope, receive, send)


class Outermost:
    """Gives each request an id, each answer the headers that protect browsers, and each defect a line in the log."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        """Wrap the app."""
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST.set(request_id)
        added = [*protective(scope), (b"x-request-id", request_id.encode())]
        if self._origins:
            added += self._origins.headers(scope)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = headers = [*message["headers"], *added]
                for name, _ in headers:
                    if name == POLICY:
                        break
                else:
                    headers.append(STRICTEST)
            await send(message)

        preflight = self._origins.preflight(scope) if self._origins else None
        if preflight is not None:
            await sending({"type": "http.response.start", "status": 204, "headers": preflight})
            await sending({"type": "http.response.body"})
            return
        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("a defect, in request %s", request_id)
            if begun:
                raise
            await errors.internal_error(scope["path"], request_id)(scope, receive, sending)
