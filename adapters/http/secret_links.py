"""The secret links of a record: routes beside those of its members, for resources with `links`."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, create_model
from starlette.types import Receive, Scope

from adapters.http.idempotency import Idempotent
from adapters.http.members import Expiry, end_in, one_of
from adapters.http.messages import Answer, encode, read_object
from adapters.http.names import Names, What
from adapters.http.records import record_id
from adapters.http.schemas import COMPONENT, INSTANT, UUID, Schema, check, nullable
from application.ports import Work
from application.secret_links import SecretLinkUseCases
from domain.errors import NotFound
from domain.ownership import Actor
from domain.secret_link import SecretLink
from domain.specification.model import Resource, Specification
from domain.values import ValueRefused, accept_id, instant_text


@dataclass(frozen=True)
class LinkModels:
    """The models of one resource's links, named for OpenAPI."""

    answer: type[BaseModel]
    made: type[BaseModel]
    page: type[BaseModel]
    create: type[BaseModel]
    role: str
    """the component of the roles that a link can carry"""
    roles: Schema


def link_models(resource: Resource, names: Names) -> LinkModels:
    """The models for a resource with links."""
    assert resource.links is not None, "only resources with links have these routes"
    name = partial(names.of, resource.name)
    role = name(What.LINK_ROLE)
    named_role: Schema = {COMPONENT: role}
    shown: dict[str, Any] = {
        "id": (Annotated[str, WithJsonSchema(UUID)], ...),
        "role": (Annotated[str, WithJsonSchema(named_role)], ...),
        "expires_at": (Annotated[str | None, WithJsonSchema(nullable(INSTANT))], ...),
        "created_at": (Annotated[str, WithJsonSchema(INSTANT)], ...),
    }
    about = "Whoever has the token opens and reads what the role may, until `expires_at` where that is set."
    answer = create_model(name(What.LINK), __doc__=f"{about} The token is not shown.", **shown)
    made = create_model(
        name(What.MADE_LINK), __doc__=f"{about} The token is shown this once.", **shown, token=(str, ...)
    )
    page = create_model(name(What.LINKS), __doc__="The living links, newest first.", items=(list[answer], ...))
    create = create_model(
        name(What.NEW_LINK),
        __config__=ConfigDict(extra="forbid", strict=True),
        __doc__=f"What the link carries (`{resource.links.role}` where it is left out), and until when.",
        role=(Annotated[Any, PlainValidator(one_of(resource.linked_roles)), WithJsonSchema(named_role)], None),
        expires_at=(Expiry, None),
    )
    return LinkModels(answer, made, page, create, role, {"type": "string", "enum": list(resource.linked_roles)})


class LinkHandlers:
    """What the link routes of one resource do."""

    def __init__(
        self,
        specification: Specification,
        resource: Resource,
        models: LinkModels,
        links: SecretLinkUseCases,
        idempotent: Idempotent,
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._models = models
        self._links = links
        self._idempotent = idempotent
        self.path = f"/v{specification.major}/{resource.plural}/{{id}}/links"

    async def list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer the living links."""
        found = await self._links.list(actor, self._name, record_id(scope))
        return Answer(200, encode({"items": [_shown(link) for link in found]}))

    async def create(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Make a link, and show its token."""
        await self._links.admit(actor, self._name, record_id(scope))
        body = await read_object(scope, receive)

        async def write(within: Work | None) -> Answer:
            check(self._models.create, body)
            role, ends = body.get("role"), end_in(body)
            link, token = await self._links.create(actor, self._name, record_id(scope), role, ends, within)
            return Answer(201, encode(_shown(link) | {"token": token}), ((b"cache-control", b"no-store"),))

        return await self._idempotent(actor, scope, body, write)

    async def end(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """End a link."""
        try:
            link_id = accept_id(scope["path_params"]["link"])
        except ValueRefused as error:
            raise NotFound from error
        await self._links.end(actor, self._name, record_id(scope), link_id)
        return Answer(204)


def _shown(link: SecretLink) -> dict[str, Any]:
    ends = link.expires_at
    return {
        "id": link.id,
        "role": link.role,
        "expires_at": None if ends is None else instant_text(ends),
        "created_at": instant_text(link.created_at),
    }
