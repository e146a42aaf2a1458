"""The second factor, API keys, the account's log and its export over HTTP: ordinary FastAPI routes."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from tempfile import TemporaryFile
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, WithJsonSchema

from adapters.http.auth import EXPORT, Body, Code, Id, Instant, Password, json_accepted, read_body, reads
from adapters.http.identity import Identity
from adapters.http.members import EXPIRY, Expiry, MaybeInstant
from adapters.http.messages import NDJSON, encode
from adapters.http.openapi import OF_SERVICE, RESOURCES, Responses, problems
from adapters.http.schemas import UUID, nullable
from application.api_keys import ApiKeyUseCases
from application.history import HistoryUseCases
from application.records import LARGEST_LIMIT
from application.second_factors import SecondFactorUseCases
from domain.api_key import LONGEST_NAME, ApiKey
from domain.audit import Event
from domain.ownership import Actor
from domain.values import accept, instant_text

PIECE = 65536
"""bytes of an export that are in memory at once"""


class PasswordAgain(Body):
    """The present password."""

    password: Password


class MfaConfirmation(Body):
    """The first code that the app shows."""

    code: Code


class MfaRemoval(Body):
    """The present password, and a code of either kind."""

    password: Password
    code: Code


class KeyCreate(Body):
    """What a new key is for."""

    password: Password
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    actions: list[Literal["read", "create", "update", "delete", "share", "members", "transfer"]] = Field(min_length=1)
    resources: list[Annotated[str, WithJsonSchema({OF_SERVICE: RESOURCES})]] = Field(min_length=1)
    expires_at: Expiry


class MfaBegun(BaseModel):
    """What an authenticator app needs; shown once."""

    secret: str
    uri: str


class NewRecoveryCodes(BaseModel):
    """Each stands in for a code once; shown once."""

    # the class is named unlike its field: a client in Python has one name for both
    recovery_codes: list[str]


class KeyAnswer(BaseModel):
    """An API key, without the key itself."""

    id: Id
    name: str
    actions: list[str]
    resources: list[str]
    created_at: Instant
    expires_at: Instant
    last_used_at: MaybeInstant

    @staticmethod
    def said(key: ApiKey) -> dict[str, Any]:
        """What is shown of a key."""
        return {
            "id": key.id,
            "name": key.name,
            "actions": list(key.actions),
            "resources": list(key.resources),
            "created_at": instant_text(key.created_at),
            "expires_at": instant_text(key.expires_at),
            "last_used_at": None if key.last_used_at is None else instant_text(key.last_used_at),
        }


class NewKey(KeyAnswer):
    """A new API key; `key` is shown once."""

    key: str


class KeyList(BaseModel):
    """The account's living keys, newest first."""

    items: list[KeyAnswer]


class EventAnswer(BaseModel):
    """Something that happened to the account."""

    kind: str
    at: Instant
    session: Annotated[str | None, WithJsonSchema(nullable(UUID))]
    address: str | None
    data: dict[str, str]

    @staticmethod
    def of(event: Event) -> "EventAnswer":
        """Show an event."""
        return EventAnswer(
            kind=event.kind,
            at=instant_text(event.at),
            session=event.session,
            address=event.address,
            data=dict(event.data),
        )


class EventList(BaseModel):
    """A page of the account's log, newest first."""

    items: list[EventAnswer]
    next_cursor: str | None


CREDENTIAL_BODIES: list[type[BaseModel]] = [PasswordAgain, MfaConfirmation, MfaRemoval, KeyCreate]
_BODY_ERRORS = (400, 401, 403, 409, 413, 415, 422, 429, 503)
_EXPORTED: Responses = {
    200: {"description": "Lines of JSON; the last is `end`.", "content": {NDJSON: {"schema": {"type": "string"}}}}
}
_SIGNED_IN: dict[str, Any] = {"security": [{"bearer": []}]}


def credentials_router(
    identity: Identity, second_factors: SecondFactorUseCases, keys: ApiKeyUseCases, history: HistoryUseCases
) -> APIRouter:
    """The routes; each is for sessions only."""
    router = APIRouter(tags=["identity"], dependencies=[Depends(json_accepted)], responses=problems(406))
    Caller = Annotated[Actor, Depends(identity)]  # noqa: N806 - a type

    @router.post(
        "/auth/mfa",
        operation_id="begin_mfa",
        summary="Begin with a second factor: a secret for an authenticator app",
        responses=problems(*_BODY_ERRORS),
        openapi_extra=reads(PasswordAgain) | _SIGNED_IN,
    )
    async def begin_mfa(request: Request, response: Response, actor: Caller) -> MfaBegun:
        body = await read_body(request, PasswordAgain)
        begun = await second_factors.begin(actor, body["password"])
        response.headers["cache-control"] = "no-store"
        return MfaBegun(secret=begun.secret, uri=begun.uri)

    @router.post(
        "/auth/mfa/confirm",
        operation_id="confirm_mfa",
        summary="Turn the second factor on by a first code",
        responses=problems(*_BODY_ERRORS),
        openapi_extra=reads(MfaConfirmation) | _SIGNED_IN,
    )
    async def confirm_mfa(request: Request, response: Response, actor: Caller) -> NewRecoveryCodes:
        body = await read_body(request, MfaConfirmation)
        response.headers["cache-control"] = "no-store"
        return NewRecoveryCodes(recovery_codes=list(await second_factors.confirm(actor, body["code"])))

    @router.delete(
        "/auth/mfa",
        operation_id="remove_mfa",
        summary="Turn the second factor off",
        status_code=204,
        response_class=Response,
        responses=problems(*_BODY_ERRORS),
        openapi_extra=reads(MfaRemoval) | _SIGNED_IN,
    )
    async def remove_mfa(request: Request, actor: Caller) -> None:
        body = await read_body(request, MfaRemoval)
        await second_factors.remove(actor, body["password"], body["code"])

    @router.post(
        "/auth/keys",
        operation_id="make_key",
        summary="Make an API key",
        status_code=201,
        responses=problems(*_BODY_ERRORS),
        openapi_extra=reads(KeyCreate) | _SIGNED_IN,
    )
    async def create_key(request: Request, response: Response, actor: Caller) -> NewKey:
        body = await read_body(request, KeyCreate)
        ends = accept(EXPIRY, body["expires_at"])
        key, plain = await keys.create(actor, body["password"], body["name"], body["actions"], body["resources"], ends)
        response.headers["cache-control"] = "no-store"
        return NewKey(**KeyAnswer.said(key), key=plain)

    @router.get(
        "/auth/keys",
        operation_id="my_keys",
        summary="My API keys",
        responses=problems(401, 403, 429, 503),
        openapi_extra=_SIGNED_IN,
    )
    async def list_keys(response: Response, actor: Caller) -> KeyList:
        response.headers["cache-control"] = "no-store"
        return KeyList(items=[KeyAnswer(**KeyAnswer.said(key)) for key in await keys.list(actor)])

    @router.delete(
        "/auth/keys/{id}",
        operation_id="revoke_key",
        summary="End one of my API keys",
        status_code=204,
        response_class=Response,
        responses=problems(401, 403, 404, 429, 503),
        openapi_extra=_SIGNED_IN | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": UUID}]},
    )
    async def revoke_key(request: Request, actor: Caller) -> None:
        await keys.revoke(actor, str(request.path_params["id"]).lower())

    @router.get(
        "/auth/me/events",
        operation_id="my_events",
        summary="What happened to my account",
        responses=problems(400, 401, 403, 422, 429, 503),
        openapi_extra=_SIGNED_IN,
    )
    async def list_events(
        response: Response,
        actor: Caller,
        limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = 50,
        cursor: str | None = None,
    ) -> EventList:
        response.headers["cache-control"] = "no-store"
        events, further = await history.events(actor, limit, cursor)
        return EventList(items=[EventAnswer.of(event) for event in events], next_cursor=further)

    @router.get(
        EXPORT,
        operation_id="export_account",
        summary="Everything that I own, as one JSON object a line",
        response_class=StreamingResponse,
        responses=_EXPORTED | problems(401, 403, 429, 503),
        openapi_extra=_SIGNED_IN,
    )
    async def export_account(actor: Caller) -> StreamingResponse:
        # Into a file without a name first: whoever reads the answer slowly holds no transaction, and what cannot be
        # read to its end is answered as an error.
        held = TemporaryFile()  # noqa: SIM115  closed when it was sent
        try:
            async with aclosing(history.export(actor)) as entries:
                async for entry in entries:
                    held.write(encode(entry) + b"\n")
            size = held.tell()
            held.seek(0)
        except BaseException:
            held.close()
            raise

        async def pieces() -> AsyncIterator[bytes]:
            with held:
                while piece := held.read(PIECE):
                    yield piece

        headers = {
            "cache-control": "no-store",
            "content-disposition": 'attachment; filename="export.ndjson"',
            "content-length": str(size),
        }
        return StreamingResponse(pieces(), media_type=NDJSON, headers=headers)

    return router
