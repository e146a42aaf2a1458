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
from adapters.http.messages import PATCH_TYPES, Answer, encode, one_error, read_object
from adapters.http.names import Names, What
from adapters.http.records import record_id
from adapters.http.schemas import COMPONENT, INSTANT, UUID, Schema, check, nullable
from application.invitations import InvitationUseCases
from application.ports import Work
from application.sharing import SharingUseCases
from domain.errors import FieldError, Invalid, NotFound
from domain.invitation import Invitation
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


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("not_a_text", "This must be a text.")
    return value


def _instant(value: Any) -> Any:
    try:
        return accept(EXPIRY, value)
    except ValueRefused as error:
        raise PydanticCustomError("not_a_time", "This must be an instant such as 2026-11-23T09:30:00Z.") from error


AccountId = Annotated[Any, PlainValidator(_id), WithJsonSchema(UUID)]
Address = Annotated[Any, PlainValidator(_text), WithJsonSchema({"type": "string", "format": "email"})]
MaybeInstant = Annotated[str | None, WithJsonSchema(nullable(INSTANT))]
Expiry = Annotated[Any, PlainValidator(_instant), WithJsonSchema(INSTANT | {EXAMPLE: LATER})]


@dataclass(frozen=True)
class MemberModels:
    """The models of one resource's members, named for OpenAPI."""

    answer: type[BaseModel]
    page: type[BaseModel]
    create: type[BaseModel]
    update: type[BaseModel]
    invitation: type[BaseModel]
    invitations: type[BaseModel]
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
        expires_at=(MaybeInstant, ...),
    )
    page = create_model(
        name(What.MEMBERS),
        __doc__="The members that the caller may see.",
        items=(list[answer], ...),
    )
    given_role = Annotated[Any, PlainValidator(one_of(resource.ladder.roles)), WithJsonSchema(named_role)]
    shown: Schema = {"account": example_id("account"), "role": resource.ladder.roles[-1]}
    config = ConfigDict(extra="forbid", strict=True)
    create = create_model(
        name(What.NEW_MEMBER),
        __config__=config | ConfigDict(json_schema_extra={EXAMPLE: shown}),
        __doc__="Whom to give which role: an account, or an e-mail address."
        + (" Nothing at all to join with the weakest one." if resource.ladder.join_open else ""),
        account=(AccountId, None),
        email=(Address, None),
        role=(given_role, None if resource.ladder.join_open else ...),
        expires_at=(Expiry, None),
    )
    update = create_model(
        name(What.CHANGED_MEMBER),
        __config__=config,
        __doc__="What to change of a membership.",
        role=(given_role, None),
        expires_at=(Expiry, None),
    )
    roles: Schema = {"type": "string", "enum": list(resource.ladder.roles)}
    return MemberModels(answer, page, create, update, *_invitation_models(name, named_role), role, roles)


def _invitation_models(name: Callable[[What], str], role: Schema) -> tuple[type[BaseModel], type[BaseModel]]:
    """An invitation to a record of one resource, and a list of them; `role` is the schema of its roles."""
    one = create_model(
        name(What.INVITATION),
        __doc__="A role that waits for an address. It says nothing of whether that has an account.",
        id=(Annotated[str, WithJsonSchema(UUID)], ...),
        email=(str, ...),
        role=(Annotated[str, WithJsonSchema(role)], ...),
        expires_at=(MaybeInstant, ...),
        created_at=(Annotated[str, WithJsonSchema(INSTANT)], ...),
    )
    many = create_model(
        name(What.INVITATIONS), __doc__="The invitations that wait, newest first.", items=(list[one], ...)
    )
    return one, many


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
        invitations: InvitationUseCases,
        idempotent: Idempotent,
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._joined = resource.ladder is not None and resource.ladder.join_open
        self._models = models
        self._sharing = sharing
        self._invitations = invitations
        self._idempotent = idempotent
        self.path = f"/v{specification.major}/{resource.plural}/{{id}}/members"

    async def list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer the members that the caller may see."""
        found = await self._sharing.list(actor, self._name, record_id(scope))
        return Answer(200, encode({"items": [_shown(membership) for membership in found]}))

    async def add(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Give a role, now or by an invitation; or join."""
        self._sharing.admit_sharer(actor, self._name)
        body = await read_object(scope, receive)

        async def write(within: Work | None) -> Answer:
            return await self._add(actor, record_id(scope), body, within)

        return await self._idempotent(actor, scope, body, write)

    async def _add(self, actor: Actor, record: str, body: dict[str, Any], within: Work | None) -> Answer:
        if not body and self._joined:
            return Answer(201, encode(_shown(await self._sharing.join(actor, self._name, record, within))))
        whom = "email" if "email" in body else "account"
        missing = [name for name in (whom, "role") if name not in body]
        if missing:
            raise Invalid(errors=tuple(FieldError(name, "missing", "This field is required.") for name in missing))
        check(self._models.create, body)
        if whom == "email" and "account" in body:
            raise one_error("account", "not_both", "Send an account or an e-mail address, not both.")
        expires = end_in(body)
        if whom == "email":
            email, role = body["email"], body["role"]
            invitation = await self._invitations.invite(actor, self._name, record, email, role, expires, within)
            return Answer(202, encode(sent(invitation)))
        account = accept_id(body["account"])
        added = await self._sharing.add(actor, self._name, record, account, body["role"], expires, within)
        return Answer(201, encode(_shown(added)))

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
    return {
        "account": membership.account,
        "role": membership.role,
        "expires_at": shown_end(membership.expires_at),
    }


def shown_end(ends: datetime | None) -> str | None:
    """When a membership ends, in JSON."""
    return None if ends is None else instant_text(ends)


def sent(invitation: Invitation) -> dict[str, Any]:
    """An invitation as who shares the record sees it."""
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "expires_at": shown_end(invitation.expires_at),
        "created_at": instant_text(invitation.created_at),
    }


def _path_account(scope: Scope) -> str:
    try:
        return accept_id(scope["path_params"]["account"])
    except ValueRefused as error:
        raise NotFound from error
