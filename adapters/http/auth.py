"""Accounts and sessions over HTTP: ordinary FastAPI routes."""

from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import JSONResponse

from adapters.http.clients import Clients
from adapters.http.cookies import (
    CLEARED,
    REFRESH_COOKIE,
    forget,
    held,
    keep,
    require_one_account,
    require_own_page,
)
from adapters.http.errors import PROBLEM, GrantRefused
from adapters.http.examples import ADDRESS, EXAMPLE, PASSWORD
from adapters.http.identity import Identity
from adapters.http.messages import JSON_TYPES, NDJSON, PATCH_TYPES, read_object, read_text, require_accepted
from adapters.http.openapi import BEARER, GrantProblem, Problem, Responses, of_service, problems, shown
from adapters.http.schemas import INSTANT, UUID, check
from application.accounts import AccountUseCases
from application.ports import Clock, Tokens
from application.second_factors import LONGEST_CODE, SecondFactorUseCases
from application.sessions import LONGEST_CHALLENGE, Scope, SessionUseCases, SignedIn
from application.throttles import Device
from domain.account import LONGEST_EMAIL, LONGEST_PASSWORD, SHORTEST_PASSWORD, Account
from domain.errors import Invalid, Malformed, NotAuthenticated, SecondFactorRequired
from domain.ownership import Actor
from domain.session import Session, device_of
from domain.throttling import KNOWN
from domain.values import instant_text

Id = Annotated[str, WithJsonSchema(UUID)]
Instant = Annotated[str, WithJsonSchema(INSTANT)]
Email = Annotated[str, WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_EMAIL})]
_PASSWORD: dict[str, Any] = {"type": "string", "maxLength": LONGEST_PASSWORD, EXAMPLE: PASSWORD}
Password = Annotated[str, WithJsonSchema(_PASSWORD)]
NewPassword = Annotated[str, WithJsonSchema(_PASSWORD | {"minLength": SHORTEST_PASSWORD})]
Code = Annotated[str, Field(max_length=LONGEST_CODE, json_schema_extra={EXAMPLE: "123456"})]
LinkToken = Annotated[str, Field(max_length=512)]
DEVICE_COOKIE = "__Host-freehold-device"
"""no credential: it only keeps wrong passwords from elsewhere from holding up this device"""
REMEMBERED: dict[str, Any] = {
    "headers": {"Set-Cookie": {"description": "What the device is known by.", "schema": {"type": "string"}}}
}
"""what a sign-in answers"""
_GRANTS = "Send grant_type password (with username and password) or refresh_token (with refresh_token)."
_REFUSED_GRANT: Responses = {
    400: {
        "description": "RFC 6749, section 5.2: `error` says why.",
        "content": {PROBLEM: {"schema": of_service(GrantProblem)}},
    }
}
SIGNED_OUT: dict[str, Any] = {
    "description": "Signed out.",
    "headers": {
        **REMEMBERED["headers"],
        "Clear-Site-Data": {"description": "Where a cookie came along.", "schema": {"type": "string"}},
    },
}
EXPORT = "/auth/me/export"
FORM = b"application/x-www-form-urlencoded"


Cookie = Annotated[
    bool, Field(description="Keep the refresh token in a cookie that no page can read, for pages of this origin.")
]


class Body(BaseModel):
    """What a request carries: nothing unknown, nothing converted. The domain judges addresses and passwords."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(Body):
    """An address and a password."""

    email: Email
    password: Password
    cookie: Cookie = False


class Registration(Body):
    """A new account; the token of an invitation where one is needed."""

    email: Email
    password: NewPassword
    cookie: Cookie = False
    invitation: LinkToken | None = None


class MfaLogin(Body):
    """What a sign-in was answered with, and a code by time or a recovery code."""

    challenge: str = Field(max_length=LONGEST_CHALLENGE)
    code: Code
    cookie: Cookie = False


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


class ForgottenPassword(Body):
    """Where a link is to be sent."""

    email: Email


class PasswordReset(Body):
    """The token of a link, to be used once, and the next password."""

    token: LinkToken
    password: NewPassword


class EmailChange(Body):
    """Another address, and the present password."""

    email: Email
    password: Password


class LinkUse(Body):
    """The token of a link, to be used once."""

    token: LinkToken


class MailAnswer(BaseModel):
    """A mail may be on its way; whether it is nobody learns from this."""

    detail: str = "If that can be done, a mail is on its way."


class AccountAnswer(BaseModel):
    """An account, as its owner sees it."""

    id: Id
    email: Annotated[str, Field(json_schema_extra={EXAMPLE: ADDRESS})]
    created_at: Instant

    @staticmethod
    def of(account: Account) -> "AccountAnswer":
        """Show an account."""
        return AccountAnswer(id=account.id, email=account.email, created_at=instant_text(account.created_at))


class MeAnswer(AccountAnswer):
    """My account; `mfa`: whether it asks for a second factor."""

    mfa: bool


class MfaProblem(Problem):
    """The password was right; send the challenge with a code to `/auth/login/mfa` within five minutes."""

    model_config = shown(
        HTTPStatus.UNAUTHORIZED,
        SecondFactorRequired.code,
        SecondFactorRequired.detail,
        "/auth/login",
        challenge="…",
    )
    challenge: str


def challenged(*statuses: int) -> Responses:
    """The declared errors of a sign-in with a password."""
    found = problems(401, *statuses)
    found[401]["content"] = {PROBLEM: {"schema": {"anyOf": [of_service(MfaProblem), of_service(Problem)]}}}
    return found


class TokenAnswer(BaseModel):
    """What a client needs to act for an account; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: Annotated[int, Field(json_schema_extra={EXAMPLE: 900})]
    refresh_token: Annotated[str | None, WithJsonSchema({"type": "string"})] = None
    """absent where a cookie holds it"""
    session: Id
    account: AccountAnswer

    @staticmethod
    def of(signed_in: SignedIn, cookie: bool) -> "TokenAnswer":
        """Show a sign-in; without the refresh token where a cookie holds it."""
        return TokenAnswer(
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in,
            refresh_token=None if cookie else signed_in.refresh_token,
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
    identity: Identity,
    accounts: AccountUseCases,
    sessions: SessionUseCases,
    tokens: Tokens,
    clients: Clients,
    clock: Clock,
    second_factors: SecondFactorUseCases,
) -> APIRouter:
    """The routes of `/auth`, and the public keys.

    Signing up, signing in and refreshing do not look at `Authorization`: a token that has just ended and is
    sent along out of habit must not keep a client from getting a new one.
    """

    async def up_to_date() -> None:
        """Whatever issues, verifies or shows keys does so with a ring that is not too old."""
        await tokens.keep_up(clock.now())

    router = APIRouter(
        tags=["identity"], dependencies=[Depends(json_accepted), Depends(up_to_date)], responses=problems(406)
    )
    signed_in: dict[str, Any] = {"security": [BEARER]}
    body_errors = (400, 413, 415, 422, 429, 503)

    def device(request: Request) -> Device:
        name = device_of(request.headers.get("user-agent"))
        return Device(name, clients.address(request.scope), request.cookies.get(DEVICE_COOKIE))

    async def ask_for_address(request: Request, actor: Actor, types: tuple[bytes, ...] = JSON_TYPES) -> MailAnswer:
        await sessions.require(actor)
        body = await read_body(request, EmailChange, types)
        await accounts.change_email(actor, body["email"], body["password"], device(request))
        return MailAnswer()

    @router.post(
        "/auth/register",
        operation_id="register",
        summary="Make an account and sign in",
        status_code=201,
        response_model=TokenAnswer,
        response_model_exclude_none=True,
        responses=problems(403, 409, *body_errors)
        | {201: REMEMBERED, 202: {"model": MailAnswer, "description": "The address must be confirmed first."}},
        openapi_extra=reads(Registration),
    )
    async def register(request: Request, response: Response) -> TokenAnswer | Response:
        body = await read_body(request, Registration)
        cookie = _asks_for_cookie(request, body)
        invitation = body.get("invitation")
        found = await accounts.register(body["email"], body["password"], device(request), invitation)
        if found is None:
            return JSONResponse(MailAnswer().model_dump(), 202, {"cache-control": "no-store"})
        return _signed_in(request, response, found, cookie)

    @router.post(
        "/auth/email/verify",
        operation_id="verify_email",
        summary="Use the link of a mail: the account exists, or has its new address",
        status_code=204,
        response_class=Response,
        responses=problems(409, *body_errors),
        openapi_extra=reads(LinkUse),
    )
    async def verify_email(request: Request) -> None:
        body = await read_body(request, LinkUse)
        await accounts.verify(body["token"], device(request))

    @router.post(
        "/auth/email/change",
        operation_id="change_email",
        summary="Ask for another address; a link that is mailed there confirms it",
        status_code=202,
        responses=problems(401, 403, 409, *body_errors),
        openapi_extra=reads(EmailChange) | signed_in,
    )
    async def change_email(request: Request, actor: Annotated[Actor, Depends(identity)]) -> MailAnswer:
        return await ask_for_address(request, actor)

    @router.post(
        "/auth/password/forgot",
        operation_id="forgot_password",
        summary="Ask for a link by which another password can be set",
        status_code=202,
        responses=problems(403, *body_errors),
        openapi_extra=reads(ForgottenPassword),
    )
    async def forgot_password(request: Request) -> MailAnswer:
        body = await read_body(request, ForgottenPassword)
        await accounts.forgot(body["email"], device(request))
        return MailAnswer()

    @router.post(
        "/auth/password/reset",
        operation_id="reset_password",
        summary="Use the link of a mail to set another password; every session ends",
        status_code=204,
        response_class=Response,
        responses=problems(*body_errors),
        openapi_extra=reads(PasswordReset),
    )
    async def reset_password(request: Request) -> None:
        body = await read_body(request, PasswordReset)
        await accounts.reset(body["token"], body["password"], device(request))

    @router.post(
        "/auth/login",
        operation_id="login",
        summary="Sign in",
        response_model_exclude_none=True,
        responses=challenged(403, *body_errors) | {200: REMEMBERED},
        openapi_extra=reads(Credentials),
    )
    async def login(request: Request, response: Response) -> TokenAnswer:
        body = await read_body(request, Credentials)
        cookie = _asks_for_cookie(request, body)
        found = await sessions.login(body["email"], body["password"], device(request))
        return _signed_in(request, response, found, cookie)

    @router.post(
        "/auth/login/mfa",
        operation_id="login_mfa",
        summary="Complete a sign-in with a code",
        response_model_exclude_none=True,
        responses=problems(401, 403, *body_errors) | {200: REMEMBERED},
        openapi_extra=reads(MfaLogin),
    )
    async def login_mfa(request: Request, response: Response) -> TokenAnswer:
        body = await read_body(request, MfaLogin)
        cookie = _asks_for_cookie(request, body)
        found = await second_factors.login(body["challenge"], body["code"], device(request))
        return _signed_in(request, response, found, cookie)

    @router.post(
        "/auth/refresh",
        operation_id="refresh",
        summary="Exchange a refresh token for its successor: that of the body, or without one that of the cookie",
        response_model_exclude_none=True,
        responses=problems(401, 403, *body_errors) | {200: REMEMBERED},
        openapi_extra=reads(RefreshRequest, required=False) | {"security": [{}, {"cookie": []}]},
    )
    async def refresh(request: Request, response: Response) -> TokenAnswer:
        cookie = held(request)
        if cookie is None and not _has_body(request):
            raise NotAuthenticated("Send a refresh token.", code="invalid_refresh_token")
        if cookie is None or _has_body(request):
            body = await read_body(request, RefreshRequest)
            if cookie is not None:
                raise Malformed("Send one refresh token: in the body or as the cookie.", code="two_refresh_tokens")
            return _signed_in(request, response, await sessions.refresh(body["refresh_token"], device(request)))
        require_own_page(request)
        require_one_account(request, await identity.account(request))
        found = await sessions.refresh(cookie.token, device(request), cookie.account)
        return _signed_in(request, response, found, cookie=True)

    @router.post(
        "/auth/token",
        operation_id="token",
        summary="The OAuth 2 token endpoint: grants `password` and `refresh_token`",
        response_model_exclude_none=True,
        responses=problems(413, 415, 429, 503) | {200: REMEMBERED} | _REFUSED_GRANT,
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
                            "examples": [{"grant_type": "password", "username": ADDRESS, "password": PASSWORD}],
                        }
                    }
                },
            }
        },
    )
    async def token(request: Request, response: Response) -> TokenAnswer:
        try:
            form = await _form(request)
            match form.get("grant_type"):
                case "password" if "username" in form and "password" in form:
                    found = await sessions.login(form["username"], form["password"], device(request))
                case "refresh_token" if "refresh_token" in form:
                    found = await sessions.refresh(form["refresh_token"], device(request))
                case "password" | "refresh_token" | None:
                    raise GrantRefused(_GRANTS, code="invalid_request")
                case _:
                    raise GrantRefused(_GRANTS, code="unsupported_grant_type")
        except Malformed as error:
            raise GrantRefused(error.detail, code="invalid_request") from error
        except SecondFactorRequired as error:
            raise GrantRefused(error.detail, code=error.code, further=error.further) from error
        except (NotAuthenticated, Invalid) as error:
            raise GrantRefused(error.detail) from error
        response.headers["pragma"] = "no-cache"  # RFC 6749, section 5.1
        return _signed_in(request, response, found)

    @router.post(
        "/auth/logout",
        operation_id="logout",
        summary="End this session, the others, or all",
        status_code=204,
        response_class=Response,
        responses=problems(401, 403, *body_errors) | {204: SIGNED_OUT},
        openapi_extra=reads(LogoutRequest, required=False) | {"security": [BEARER, {"cookie": []}]},
    )
    async def logout(request: Request, response: Response, actor: Annotated[Actor, Depends(identity)]) -> None:
        cookie = held(request)
        by_cookie = cookie if actor.account is None else None
        if by_cookie is None:
            await sessions.require(actor)
        else:
            require_own_page(request)
        body = await read_body(request, LogoutRequest) if _has_body(request) else {}
        scope = Scope(body.get("scope", "current"))
        if by_cookie is not None:
            # it counts as it does for a refresh: one that was stolen and used before ends its session, and no other
            found = await sessions.refresh(by_cookie.token, device(request), by_cookie.account)
            actor = Actor(found.account.id, found.session)
            if scope is Scope.OTHERS:
                keep(response, found.account.id, found.refresh_token)
        await sessions.logout(actor, scope)
        if cookie is not None and scope is not Scope.OTHERS:
            _sign_out(response)

    @router.get(
        "/auth/me",
        operation_id="me",
        summary="My account",
        responses=problems(401, 403, 429, 503),
        openapi_extra=signed_in,
    )
    async def me(response: Response, actor: Annotated[Actor, Depends(identity)]) -> MeAnswer:
        response.headers["cache-control"] = "no-store"
        account = AccountAnswer.of(await accounts.me(actor))
        return MeAnswer(**account.model_dump(), mfa=await second_factors.confirmed(actor))

    @router.patch(
        "/auth/me",
        operation_id="change_me",
        summary="Ask for another address; a link that is mailed there confirms it",
        status_code=202,
        responses=problems(401, 403, 409, *body_errors),
        openapi_extra=reads(EmailChange) | signed_in,
    )
    async def change_me(request: Request, actor: Annotated[Actor, Depends(identity)]) -> MailAnswer:
        return await ask_for_address(request, actor, PATCH_TYPES)

    @router.delete(
        "/auth/me",
        operation_id="delete_account",
        summary="Delete my account and what it owns, for good",
        status_code=204,
        response_class=Response,
        responses=problems(401, 403, 409, *body_errors) | {204: SIGNED_OUT},
        openapi_extra=reads(AccountDeletion) | signed_in,
    )
    async def delete_account(request: Request, response: Response, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.require(actor)
        body = await read_body(request, AccountDeletion)
        await accounts.delete(actor, body["password"])
        if held(request) is not None:
            _sign_out(response)

    @router.post(
        "/auth/password",
        operation_id="change_password",
        summary="Set another password; every other session ends",
        status_code=204,
        response_class=Response,
        responses=problems(401, 403, 409, *body_errors),
        openapi_extra=reads(PasswordChange) | signed_in,
    )
    async def change_password(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.require(actor)
        body = await read_body(request, PasswordChange)
        await accounts.change_password(actor, body["old_password"], body["new_password"])

    @router.get(
        "/auth/sessions",
        operation_id="my_sessions",
        summary="My sessions",
        responses=problems(401, 403, 429, 503),
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
        responses=problems(401, 403, 404, 429, 503),
        openapi_extra=signed_in | {"parameters": [{"name": "id", "in": "path", "required": True, "schema": UUID}]},
    )
    async def revoke_session(request: Request, actor: Annotated[Actor, Depends(identity)]) -> None:
        await sessions.revoke(actor, str(request.path_params["id"]).lower())

    @router.get(
        "/.well-known/jwks.json",
        operation_id="public_keys",
        summary="The keys that verify access tokens",
        responses=problems(503),
    )
    async def public_keys(response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "public, max-age=300"
        return tokens.public_keys()

    return router


BODIES: list[type[BaseModel]] = [
    Registration,
    Credentials,
    MfaLogin,
    MfaProblem,
    RefreshRequest,
    LogoutRequest,
    PasswordChange,
    AccountDeletion,
    GrantProblem,
    ForgottenPassword,
    PasswordReset,
    EmailChange,
    LinkUse,
]
"""the bodies' models, which OpenAPI names by reference"""


async def read_body(request: Request, model: type[Body], types: tuple[bytes, ...] = JSON_TYPES) -> dict[str, Any]:
    """A strict JSON object that fits the model."""
    found = await read_object(request.scope, request.receive, types)
    check(model, found)
    return found


def reads(model: type[Body], required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of a body; one type, also where merge patches are read (see `Operations.update`)."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": of_service(model)}}}}


async def json_accepted(request: Request) -> None:
    """Raises `NotAcceptable`; lines of JSON are what an export is answered with."""
    require_accepted(request.scope, NDJSON if request.url.path == EXPORT else "application/json")


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


def _asks_for_cookie(request: Request, body: dict[str, Any]) -> bool:
    """Raises `Forbidden` where another origin's page does: it would sign somebody in as somebody else."""
    cookie = bool(body.get("cookie", False))
    if cookie:
        require_own_page(request)
    return cookie


def _signed_in(request: Request, response: Response, signed_in: SignedIn, cookie: bool = False) -> TokenAnswer:
    """Tokens, which nobody stores on the way; a browser keeps what its device is known by.

    Who signs in without a cookie has none afterwards: it would be of a session before.
    """
    response.headers["cache-control"] = "no-store"
    if cookie:
        keep(response, signed_in.account.id, signed_in.refresh_token)
    elif REFRESH_COOKIE in request.cookies:
        forget(response)
    if signed_in.device_token is not None:
        response.set_cookie(
            DEVICE_COOKIE, signed_in.device_token, max_age=KNOWN, secure=True, httponly=True, samesite="strict"
        )
    return TokenAnswer.of(signed_in, cookie)


def _sign_out(response: Response) -> None:
    forget(response)
    response.headers["clear-site-data"] = CLEARED
