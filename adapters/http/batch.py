"""`POST /v1/batch`: several writes of records in one request, all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.types import Receive, Scope

from adapters.http.errors import status_of, told
from adapters.http.idempotency import Idempotent
from adapters.http.identity import Identity
from adapters.http.messages import Answer, encode, etag, expecting, read_object
from adapters.http.schemas import ResourceModels, by_engine, check
from application.batch import ACTIONS, MOST_OPERATIONS, BatchUseCases, Done, Operation, OperationsRefused
from application.ports import Work
from domain.errors import FieldError, Invalid, Refusal
from domain.ownership import Actor
from domain.specification.model import Specification

_KEYS = {
    "create": ("action", "resource", "body"),
    "update": ("action", "resource", "id", "body", "if_match"),
    "delete": ("action", "resource", "id", "if_match"),
}
_REQUIRED = ("action", "resource", "id", "body")
_TYPES: Mapping[str, tuple[type, str, str]] = {
    "id": (str, "not_text", "This must be a text."),
    "if_match": (str, "not_text", "This must be a text."),
    "body": (dict, "invalid", "This must be an object."),
}


@dataclass
class _Reading:
    """Operations as they are read, and what is wrong with them."""

    resources: tuple[str, ...]
    errors: list[FieldError] = field(default_factory=list)

    def operations(self, body: Mapping[str, Any]) -> list[Operation]:
        """The operations of a body; those that are wrong are left out."""
        self.errors += [_unknown(name) for name in body if name != "operations"]
        given = body.get("operations", [])
        if not isinstance(given, list):
            self.errors.append(FieldError("operations", "invalid", "This must be a list of operations."))
            return []
        if not given:
            self.errors.append(FieldError("operations", "missing", "There must be at least one operation."))
        if len(given) > MOST_OPERATIONS:
            self.errors.append(FieldError("operations", "too_many", f"There can be at most {MOST_OPERATIONS}."))
            return []
        found = (self._operation(f"operations/{number}", each) for number, each in enumerate(given))
        return [operation for operation in found if operation is not None]

    def _operation(self, place: str, given: Any) -> Operation | None:
        before = len(self.errors)
        if not isinstance(given, dict):
            self.errors.append(FieldError(place, "invalid", "This must be an object."))
            return None
        for name, known in (("action", ACTIONS), ("resource", self.resources)):
            if name in given and given[name] not in known:
                message = f"This must be one of {', '.join(known)}."
                self.errors.append(FieldError(f"{place}/{name}", "not_one_of", message))
        action = given.get("action")
        keys = _KEYS[action] if action in ACTIONS else tuple(dict.fromkeys(sum(_KEYS.values(), ())))
        for name, value in given.items():
            if name not in keys:
                self.errors.append(_unknown(f"{place}/{name}"))
            elif name in _TYPES and not isinstance(value, _TYPES[name][0]):
                self.errors.append(FieldError(f"{place}/{name}", *_TYPES[name][1:]))
        needed = [name for name in _REQUIRED if name in keys and (action in ACTIONS or name in ("action", "resource"))]
        missing = [name for name in needed if name not in given]
        self.errors += [FieldError(f"{place}/{name}", "missing", "This field is required.") for name in missing]
        if len(self.errors) > before:
            return None
        expected = expecting(given["if_match"].encode(errors="replace")) if "if_match" in given else None
        return Operation(given["action"], given["resource"], given.get("id"), given.get("body"), expected)


def _unknown(place: str) -> FieldError:
    return FieldError(place, "unknown", "There is no such field.")


class BatchHandler:
    """What the route does."""

    def __init__(
        self,
        specification: Specification,
        models: Mapping[str, ResourceModels],
        batch: BatchUseCases,
        identity: Identity,
        idempotent: Idempotent,
    ) -> None:
        """Resolve everything that is the same for each request."""
        self._models = models
        self._by_engine = {name: by_engine(resource) for name, resource in specification.resources.items()}
        self._batch = batch
        self._identity = identity
        self._idempotent = idempotent
        self.path = f"/v{specification.major}/batch"

    async def run(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Do all that is asked for, or nothing."""
        self._batch.admit(actor)
        body = await read_object(scope, receive)
        reading = _Reading(tuple(self._models))
        operations = reading.operations(body)
        if reading.errors:
            raise Invalid(errors=tuple(reading.errors))
        await self._identity.further(scope, actor, len(operations) - 1)

        async def write(within: Work | None) -> Answer:
            try:
                done = await self._batch.run(actor, operations, self._check, within)
            except OperationsRefused as error:
                raise _refused(error.refusals) from error
            return Answer(200, encode({"items": [_item(*each) for each in zip(operations, done, strict=True)]}))

        return await self._idempotent(actor, scope, body, write)

    def _check(self, operation: Operation) -> None:
        models, name = self._models[operation.resource], operation.resource
        model: type[BaseModel] = models.create if operation.action == "create" else models.update
        check(model, operation.body or {}, self._by_engine[name])


def _item(operation: Operation, done: Done) -> dict[str, Any]:
    if done.view is None:
        return {"status": 204, "id": done.record}
    status = 201 if operation.action == "create" else 200
    return {"status": status, "id": done.record, "etag": etag(encode(done.view)).decode(), "record": done.view}


def _refused(refusals: Mapping[int, Refusal]) -> Refusal:
    """The first one, as it is when it comes alone, with all of them as `items`; its fields bear their places."""
    number, first = next(iter(refusals.items()))
    items = [
        {
            "index": index,
            "status": int(status_of(error)),
            "code": error.code,
            "detail": error.detail,
            "errors": told(tuple(FieldError(_in_item(e), e.code, e.message) for e in error.errors)),
        }
        for index, error in refusals.items()
    ]
    first.further = {**first.further, "items": items}
    first.errors = tuple(FieldError(f"operations/{number}/{_place(e)}", e.code, e.message) for e in first.errors)
    return first


def _place(error: FieldError) -> str:
    """Within the operation: a reference says where it stands, everything else is about the body."""
    return error.field if error.code == "bad_reference" else f"body/{error.field}"


def _in_item(error: FieldError) -> str:
    return error.field.removeprefix("body/") if error.code == "bad_reference" else error.field
