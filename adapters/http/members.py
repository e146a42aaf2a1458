"""The members of a record: routes beside those of records, for resources with roles."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError
from starlette.types import Receive, Scope

from adapters.http.examples import EXAMPLE, LATER, example_id
from adapters.http.idempotency import Idempotent
from adapters.http.messages import PATCH_TYPES, Answer, encode, read_object
from adapters.http.names import Names, What
from adapters.http.records import record_id
from adapters.http.schemas import COMPONENT, INSTANT, UUID, Schema, check, nullable
from application.ports import Work
from application.sharing import SharingUseCases
from domain.errors import FieldError, Invalid, NotFound
from domain.membership import Membership
from domain.ownership import Actor
from domain.specification.model import Field as SpecField
from domain.specification.model import Kind, Place, Resource, Specification
from domain.values import ValueRefused, accept, accept_id, instant_text

EXPIRY = SpecField("expires_at", Kind.TIME, Place(0, 0))


def _id(value: Any) -> str:
    try:
        return accept_id(value)
    except ValueRefused as error:
        raise PydanticCustomError("not_an_id", "This must be an id (a UUID).") from error


def _instant(value: Any) -> Any:
    try:
        return accept(EXPIRY, value)
    except ValueRefused as error:
        raise PydanticCustomError("not_a_time", "This must be an instant such as 2026-11-23T09:30:00Z.") from error


AccountId = Annotated[Any, PlainValidator(_id), WithJsonSchema(UUID)]
Expiry = Annotated[Any, PlainValidator(_instant), WithJsonSchema(INSTANT | {EXAMPLE: LATER})]


@dataclass(frozen=True)
class MemberModels:
    """The models of one resource's members, named for OpenAPI."""

    answer: type[BaseModel]
    page: type[BaseModel]
    create: type[BaseModel]
    update: type[BaseModel]
    role: str
    """the component of its roles"""
    roles: Schema


def member_models(resource: Resource, names: Names) -> MemberModels:
    """The models for a resource with roles."""
    assert resource.ladder is not None, "only resources with roles have members"
    name = partial(names.of, resource.name)
    role = name(What.ROLE)
    named_role: Schema = {COMPONENT: role}
    answer = create_model(
        name(What.MEMBER),
        __doc__="An account's role on a record, until `expires_at` where that is set.",
        account=(Annotated[str, WithJsonSchema(UUID)], ...),
        role=(Annotated[str, WithJsonSchema(named_role)], ...),
        expires_at=(Annotated[str | None, WithJsonSchema(nullable(INSTANT))], ...),
    )
    page = create_model(
        name(What.MEMBERS),
        __doc__="The members that the caller may see.",
        items=(list[answer], ...),
    )
    given_role = Annotated[Any, PlainValidator(one_of(resource.ladder.roles)), WithJsonSchema(named_role)]
    needed = None if resource.ladder.join_open else ...
    shown: Schema = {"account": example_id("account"), "role": resource.ladder.roles[-1]}
    config = ConfigDict(extra="forbid", strict=True)
    create = create_model(
        name(What.NEW_MEMBER),
        __config__=config | ConfigDict(json_schema_extra={EXAMPLE: shown}),
        __doc__="Whom to give which role."
        + (" Nothing at all to join with the weakest one." if resource.ladder.join_open else ""),
        account=(AccountId, needed),
        role=(given_role, needed),
        expires_at=(Expiry, None),
    )
    update = create_model(
        name(What.CHANGED_MEMBER),
        __config__=config,
        __doc__="What to change of a membership.",
        role=(given_role, None),
        expires_at=(Expiry, None),
    )
    return MemberModels(answer, page, create, update, role, {"type": "string", "enum": list(resource.ladder.roles)})


def one_of(roles: tuple[str, ...]) -> Callable[[Any], str]:
    """The validator of a role that is sent."""

    def checked(value: Any) -> str:
        if not isinstance(value, str) or value not in roles:
            raise PydanticCustomError(
                "not_one_of", "{message}", {"message": f"This must be one of {', '.join(roles)}."}
            )
        return value

    return checked


def end_in(body: dict[str, Any]) -> datetime | None:
    """The end that a checked body asks for; None where it says nothing."""
    return None if "expires_at" not in body else accept(EXPIRY, body["expires_at"])


class MemberHandlers:
    """What the member routes of one resource do."""

    def __init__(
        self,
        specification: Specification,
        resource: Resource,
        models: MemberModels,
        sharing: SharingUseCases,
        idempotent: Idempotent,
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._models = models
        self._sharing = sharing
        self._idempotent = idempotent
        self.path = f"/v{specification.major}/{resource.plural}/{{id}}/members"

    async def list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer the members that the caller may see."""
        found = await self._sharing.list(actor, self._name, record_id(scope))
        return Answer(200, encode({"items": [_shown(membership) for membership in found]}))

    async def add(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Give a role, or join."""
        self._sharing.admit_sharer(actor, self._name)
        body = await read_object(scope, receive)

        async def write(within: Work | None) -> Answer:
            return Answer(201, encode(_shown(await self._add(actor, record_id(scope), body, within))))

        return await self._idempotent(actor, scope, body, write)

    async def _add(self, actor: Actor, record: str, body: dict[str, Any], within: Work | None) -> Membership:
        check(self._models.create, body)
        if not body:
            return await self._sharing.join(actor, self._name, record, within)
        missing = [name for name in ("account", "role") if name not in body]
        if missing:
            raise Invalid(errors=tuple(FieldError(name, "missing", "This field is required.") for name in missing))
        expires = end_in(body)
        account = accept_id(body["account"])
        return await self._sharing.add(actor, self._name, record, account, body["role"], expires, within)

    async def change(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Change a role or its end."""
        self._sharing.admit_sharer(actor, self._name)
        body = await read_object(scope, receive, PATCH_TYPES)
        check(self._models.update, body)
        expires = end_in(body)
        account = _path_account(scope)
        changed = await self._sharing.change(actor, self._name, record_id(scope), account, body.get("role"), expires)
        return Answer(200, encode(_shown(changed)))

    async def remove(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Take a role away, or leave."""
        await self._sharing.remove(actor, self._name, record_id(scope), _path_account(scope))
        return Answer(204)


def _shown(membership: Membership) -> dict[str, Any]:
    ends = membership.expires_at
    return {
        "account": membership.account,
        "role": membership.role,
        "expires_at": None if ends is None else instant_text(ends),
    }


def _path_account(scope: Scope) -> str:
    try:
        return accept_id(scope["path_params"]["account"])
    except ValueRefused as error:
        raise NotFound from error
