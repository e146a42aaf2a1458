"""Rights on a record: routes beside those of records."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema
from starlette.types import Receive, Scope

from adapters.http.messages import Answer, encode
from adapters.http.names import Names, What
from adapters.http.records import record_id
from adapters.http.schemas import COMPONENT, UUID, Schema, nullable
from application.access import AccessUseCases
from domain.access import STEP, Holder, Whose
from domain.ownership import Actor
from domain.record import writable
from domain.specification.model import ACTIONS, Resource, Specification


class AccessHandlers:
    """What the routes of one resource do."""

    def __init__(self, specification: Specification, resource: Resource, access: AccessUseCases) -> None:
        """Resolve everything that is the same for each request."""
        self._resource = resource
        self._access = access
        self.path = f"/v{specification.major}/{resource.plural}/{{id}}/access"

    async def mine(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer what the caller may do."""
        found = await self._access.mine(actor, self._resource.name, record_id(scope))
        answer: dict[str, Any] = {"actions": found.actions, "fields": found.fields, "create": found.create}
        if self._resource.steps:
            answer["steps"] = found.steps
        if self._resource.ladder is not None:
            answer |= {"role": found.role, "roles": found.roles}
        return Answer(200, encode(answer))

    async def others(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer who can do what."""
        found = await self._access.others(actor, self._resource.name, record_id(scope))
        return Answer(200, encode({"items": [_shown(holder) for holder in found]}))


def _shown(holder: Holder) -> dict[str, Any]:
    rights = [
        {
            "action": right.action,
            "step": right.step,
            "grant": right.because.grant.text,
            "line": right.because.grant.place.line,
            "because": right.because.terms,
        }
        for right in holder.rights
    ]
    return {"whose": holder.whose, "account": holder.account, "role": holder.role, "rights": rights}


class AccessRight(BaseModel):
    """An action, and the grant of the specification that gives it."""

    action: Annotated[str, WithJsonSchema({"type": "string", "enum": [*(a for a in ACTIONS if a != "create"), STEP]})]
    step: str | None
    """such as `status: todo -> doing`, where the action is `step`"""
    grant: str
    line: Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]
    because: list[str]
    """what satisfied each of its terms"""


class AccessHolder(BaseModel):
    """Somebody, or a kind of people, with rights on a record."""

    whose: Annotated[str, WithJsonSchema({"type": "string", "enum": [str(whose) for whose in Whose]})]
    account: Annotated[str | None, WithJsonSchema(nullable(UUID))]
    role: str | None
    """of staff"""
    rights: list[AccessRight]


class AccessList(BaseModel):
    """Who can do what with a record, as far as the caller can see what that comes from."""

    items: list[AccessHolder]


def access_schemas(specification: Specification, resource: Resource, names: Names) -> Mapping[str, Schema]:
    """The components of the answer, by name: what no caller can ever be told is not in them."""
    told: dict[What, list[str]] = {
        What.ACCESS_ACTION: _actions(resource),
        What.ACCESS_FIELD: [
            field
            for field in writable(resource)
            if field in resource.fields and field not in resource.steps and resource.rule("update")
        ],
        What.ACCESS_CHILD: [child.name for child in specification.children(resource.name) if child.rule("create")],
    }

    def named(what: What) -> Schema:
        return {COMPONENT: names.of(resource.name, what)}

    def some(what: What) -> Schema:
        items = named(what) if told[what] else {"type": "string"}
        return {"type": "array", "items": items, **({} if told[what] else {"maxItems": 0})}

    properties = {
        "actions": some(What.ACCESS_ACTION),
        "fields": some(What.ACCESS_FIELD),
        "create": some(What.ACCESS_CHILD),
    }
    if resource.steps:
        values = {field: {COMPONENT: names.choices(resource.name, field)} for field in resource.steps}
        seen = [field for field in values if resource.fields[field].read is None]
        properties["steps"] = {
            "type": "object",
            "properties": {field: {"type": "array", "items": items} for field, items in values.items()},
            "additionalProperties": False,
            **({"required": seen} if seen else {}),
        }
    if resource.ladder is not None:
        properties["role"] = nullable(named(What.ROLE))
        properties["roles"] = {"type": "array", "items": named(What.ROLE)}
    access: Schema = {
        "type": "object",
        "description": "What the caller may do with the record at this instant.",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    # a client that knew them all would break with each field that is new
    known = {
        names.of(resource.name, what): {"type": "string", "x-extensible-enum": each}
        for what, each in told.items()
        if each
    }
    return {names.of(resource.name, What.ACCESS): access, **known}


def _actions(resource: Resource) -> list[str]:
    """In the order in which they are told."""
    changed = bool(resource.rule("update") or resource.steps)
    stated = [action for action in ACTIONS if action not in ("create", "open", "update") and resource.rule(action)]
    found = ["open", *(["update"] if changed else []), *stated]
    found.sort(key=ACTIONS.index)
    return [*found, *(["join"] if resource.ladder is not None and resource.ladder.join_open else [])]
