"""Accounts and sessions over HTTP: ordinary FastAPI routes."""

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from adapters.http.clients import Clients
from adapters.http.identity import Identity
from adapters.http.messages import read_object, read_text
from adapters.http.openapi import problems
from adapters.http.schemas import INSTANT, UUID, check
from application.accounts import AccountUseCases
from application.ports import Tokens
from application.sessions import Scope, SessionUseCases, SignedIn
from application.throttles import Device
from domain.account import LONGEST_EMAIL, LONGEST_PASSWORD, SHORTEST_PASSWORD, Account
from domain.errors import Invalid, Malformed
from domain.ownership import Actor
from domain.session import Session, device_of
from domain.throttling import KNOWN
from domain.values import instant_text

Id = Annotated[str, WithJsonSchema(UUID)]
Instant = Annotated[str, WithJsonSchema(INSTANT)]
Email = Annotated[str, WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_EMAIL})]
Password = Annotated[str, WithJsonSchema({"type": "string", "maxLength": LONGEST_PASSWORD})]
NewPassword = Annotated[
    str, WithJsonSchema({"type": "string", "minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD})
]
DEVICE_COOKIE = "__Host-freehold-device"
"""no credential: it only keeps wrong passwords from elsewhere from holding up this device"""
REMEMBERED: dict[str, Any] = {
    "headers": {"Set-Cookie": {"description": "What the device is known by.", "schema": {"type": "string"}}}
}
"""what a sign-in answers"""
FORM = b"application/x-www-form-urlencoded"


class Body(BaseModel):
    """What a request carries: nothing unknown, nothing converted. The domain judges addresses and passwords."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(Body):
    """An address and a password."""

    email: Email
    password: Password


class Registration(Body):
    """A new account."""

    email: Email
    password: NewPassword


class RefreshRequest(Body):
    """A refresh token, to be used once."""

    refresh_token: str = Field(max_length=512)


class LogoutRequest(Body):
    """Which sessions to end."""

    scope: Literal["current", "others", "all"] = "current"


class PasswordChange(Body):
    """The present password and the next."""

    old_password: Password
    new_password: NewPassword


class AccountDeletion(Body):
    """The present password: nobody is deleted by a session alone."""

    password: Password


class AccountAnswer(BaseModel):
    """An account, as its owner sees it."""

    id: Id
    email: str
    created_at: Instant

    @staticmethod
    def of(account: Account) -> "AccountAnswer":
        """Show an account."""
        return AccountAnswer(id=account.id, email=account.email, created_at=instant_text(account.created_at))


class TokenAnswer(BaseModel):
    """What a client needs to act for an account; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
    refresh_token: str
    session: Id
    account: AccountAnswer

    @staticmethod
    def of(signed_in: SignedIn) -> "TokenAnswer":
        """Show a sign-in."""
        return TokenAnswer(
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in,
            refresh_token=signed_in.refresh_token,
            session=signed_in.session,
            account=AccountAnswer.of(signed_in.account),
        )


class SessionAnswer(BaseModel):
    """A living session."""

    id: Id
    device: str
    address: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    current: bool

    @staticmethod
    def of(session: Session, actor: Actor) -> "SessionAnswer":
        """Show a session."""
        return SessionAnswer(
            id=session.id,
            device=session.device,
            address=session.address,
            created_at=instant_text(session.created_at),
            last_used_at=instant_text(session.last_used_at),
            expires_at=instant_text(min(session.idle_end, session.absolute_end)),
            current=session.id == actor.session,
        )


class SessionList(BaseModel):
    """The account's living sessions, newest first."""

    items: list[SessionAnswer]


def auth_router(
    identity: Identity, accounts: AccountUseCases, sessions: SessionUseCases, tokens: Tokens, clients: Clients
) -> APIRouter:
    """The routes of `/auth`, and the public keys.

    Signing up, signing in and refreshing do not look at `Authorization`: a token that has just ended and is
    sent along out of habit must not keep a client from getting a new one.
    """
    router = APIRouter(tags=["identity"])
    signed_in: dict[str, Any] = {"security": [{"bearer": []}]}
    body_errors = (400, 413, 415, 422, 429, 503)

    def device(request: Request) -> Device:
        name = device_of(request.headers.get("user-agent"))
        return Device(name, clients.address(request.scope), request.cookies.get(DEVICE_COOKIE))

    def reads(model: type[Body], required: bool = True) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}

    @router.post(
        "/auth/register",
        operation_id="register",
        summary="Make an account and sign in",
        status_code=201,
        responses=problems(403, 409, *body_errors) | {201: REMEMBERED},
        openapi_extra=reads(Registration),
    )
    async def register(request: Request, response: Response) -> TokenAnswer:
        body = await _body(request, Registration)
        return _signed_in(response, await accounts.register(body["email"], body["password"], device(request)))

    @router.post(
        "/auth/login",
        operation_id="login",
        summary="Sign in",
        responses=problems(401, *body_errors) | {200: REMEMBERED},
        openapi_extra=reads(Credentials),
    )
    async def login(request: Request, response: Response) -> TokenAnswer:
        body = await _body(request, Credentials)
        return _signed_in(response, await sessions.login(body["email"], body["password"], device(request)))

    @router.post(
        "/auth/refresh",
        operation_id="refresh",
        summary="Exchange a refresh token for its successor",
        responses=problems(401, *body_errors),
        openapi_extra=reads(RefreshRequest),
    )
    async def refresh(request: Request, response: Response) -> TokenAnswer:
        body = await _body(request, RefreshRequest)
        return _signed_in(response, await sessions.refresh(body["refresh_token"], device(request)))

    @router.post(
        "/auth/token",
        operation_id="token",
        summary="The OAuth 2 token endpoint: grants `password` and `refresh_token`",
        responses=problems(401, *body_errors) | {200: REMEMBERED},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    FORM.decode(): {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "grant_type": {"type": "string", "enum": ["password", "refresh_token"]},
                                "username": {"type": "string"},
                                "password": {"type": "string"},
                                "refresh_token": {"type": "string"},
                                "scope": {"type": "string"},
                                "client_id": {"type": "string"},
                                "client_secret": {"type": "string"},
                            },
                            "required": ["grant_type"],
                        }
                    }
                },
            }
        },
    )
    async def token(request: Request, response: Response) -> TokenAnswer:
        form = await _form(request)
        match form.get("grant_type"):
            case "password" if "username" in form and "password" in form:
                found = await sessions.login(form["username"], form["password"], device(request))
            case "refresh_token" if "refresh_token" in form:
                found = await sessions.refresh(form["refresh_token"], device(request))
            case _:
                raise Invalid("Send grant_type password (with username and password) or refresh_token.")
        return _signed_in(response, found)

    @router.post(
        "/auth/logout",
        operation_id="logout",
        summary="End this session, the others, or all",
        status_code=204,
        response_class=Response,
        responses=problems(401, *body_errors),
        openapi_extra=reads(LogoutRequest, required=False) | signed_in,
    )
    async def logout(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.require(actor)
        body = await _body(request, LogoutRequest) if _has_body(request) else {}
        await sessions.logout(actor, Scope(body.get("scope", "current")))

    @router.get(
        "/auth/me", operation_id="me", summary="My account", responses=problems(401, 429, 503), openapi_extra=signed_in
    )
    async def me(response: Response, actor: Annotated[Actor, Depends(identity)]) -> AccountAnswer:
        response.headers["cache-control"] = "no-store"
        return AccountAnswer.of(await accounts.me(actor))

    @router.delete(
        "/auth/me",
        operation_id="delete_account",
        summary="Delete my account and what it owns, for good",
        status_code=204,
        response_class=Response,
        responses=problems(401, 409, *body_errors),
        openapi_extra=reads(AccountDeletion) | signed_in,
    )
    async def delete_account(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.require(actor)
        body = await _body(request, AccountDeletion)
        await accounts.delete(actor, body["password"])

    @router.post(
        "/auth/password",
        operation_id="change_password",
        summary="Set another password; every other session ends",
        status_code=204,
        response_class=Response,
        responses=problems(401, 409, *body_errors),
        openapi_extra=reads(PasswordChange) | signed_in,
    )
    async def change_password(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.require(actor)
        body = await _body(request, PasswordChange)
        await accounts.change_password(actor, body["old_password"], body["new_password"])

    @router.get(
        "/auth/sessions",
        operation_id="list_sessions",
        summary="My sessions",
        responses=problems(401, 429, 503),
        openapi_extra=signed_in,
    )
    async def list_sessions(response: Response, actor: Annotated[Actor, Depends(identity)]) -> SessionList:
        response.headers["cache-control"] = "no-store"
        return SessionList(items=[SessionAnswer.of(session, actor) for session in await sessions.list(actor)])

    @router.delete(
        "/auth/sessions/{id}",
        operation_id="revoke_session",
        summary="End one of my sessions",
        status_code=204,
        response_class=Response,
        responses=problems(401, 404, 429, 503),
        openapi_extra=signed_in | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": UUID}]},
    )
    async def revoke_session(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.revoke(actor, str(request.path_params["id"]).lower())

    @router.get("/.well-known/jwks.json", operation_id="public_keys", summary="The keys that verify access tokens")
    async def public_keys(response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "public, max-age=300"
        return tokens.public_keys()

    return router


BODIES: list[type[BaseModel]] = [
    Registration,
    Credentials,
    RefreshRequest,
    LogoutRequest,
    PasswordChange,
    AccountDeletion,
]
"""the bodies' models, which OpenAPI names by reference"""


async def _body(request: Request, model: type[Body]) -> dict[str, Any]:
    """A strict JSON object that fits the model."""
    found = await read_object(request.scope, request.receive)
    check(model, found)
    return found


def _has_body(request: Request) -> bool:
    """Whether one is announced (RFC 9112, section 6)."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _form(request: Request) -> dict[str, str]:
    text = await read_text(request.scope, request.receive, FORM)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise Malformed("The form cannot be read.") from error
    if len(dict(pairs)) != len(pairs):
        raise Malformed("A form field is given twice.")
    return dict(pairs)


def _signed_in(response: Response, signed_in: SignedIn) -> TokenAnswer:
    """Tokens, which nobody stores on the way; a browser keeps what its device is known by."""
    response.headers["cache-control"] = "no-store"
    if signed_in.device_token is not None:
        response.set_cookie(
            DEVICE_COOKIE, signed_in.device_token, max_age=KNOWN, secure=True, httponly=True, samesite="strict"
        )
    return TokenAnswer.of(signed_in)
