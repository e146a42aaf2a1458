"""Refusals as RFC 9457 problem documents: the only table of statuses."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from domain.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Refusal,
    SecondFactorRequired,
    TooManyRequests,
    Unavailable,
)

log = logging.getLogger("freehold.http")

PROBLEM = "application/problem+json"


class UnsupportedMediaType(Refusal):
    """The body is not of a type that this operation reads."""

    code = "unsupported_media_type"
    detail = "Send JSON, with its content type."


class NotAcceptable(Refusal):
    """`Accept` admits nothing of what this operation answers."""

    code = "not_acceptable"
    detail = "`Accept` admits nothing of what is answered here."


class ContentTooLarge(Refusal):
    """The body is larger than a message may be."""

    code = "content_too_large"
    detail = "The body is too large."


class GrantRefused(Refusal):
    """What the OAuth 2 token endpoint refuses; `code` is one of RFC 6749, section 5.2, or `mfa_required`."""

    code = "invalid_grant"
    detail = "The grant is not valid."

    def __init__(
        self, detail: str | None = None, *, code: str | None = None, further: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Add what OAuth 2 clients look for in the document."""
        super().__init__(detail, code=code)
        self.further = {"error": self.code, "error_description": self.detail, **further}


STATUS: Mapping[type[Refusal], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    GrantRefused: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    SecondFactorRequired: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    ContentTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

Header = tuple[bytes, bytes]


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    path: str,
    request_id: str,
    errors: tuple[FieldError, ...] = (),
    further: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """The document; `message` repeats the detail for admin frameworks that look for it; `further` are extensions."""
    return msgspec.json.encode(
        {
            "type": f"urn:freehold:error:{code}",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "instance": _clean(path),
            "code": code,
            "message": detail,
            "errors": told(errors),
            "request_id": request_id,
            **further,
        }
    )


def told(errors: tuple[FieldError, ...]) -> list[dict[str, str]]:
    """Fields as a document names them."""
    return [{"field": _clean(e.field), "code": e.code, "message": e.message} for e in errors]


def status_of(error: Refusal) -> HTTPStatus:
    """The status of a refusal."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _clean(text: str) -> str:
    """A caller's own text, without what JSON cannot carry."""
    return text[:200].encode("utf-8", "replace").decode()


def refusal(error: Refusal, scope: Mapping[str, Any]) -> tuple[HTTPStatus, bytes, list[Header]]:
    """Status, document and further headers of a refusal. Who tried what is not allowed stands in the log."""
    status = status_of(error)
    headers: list[Header] = []
    if status is HTTPStatus.FORBIDDEN:
        caller = (scope.get("state") or {}).get("caller")
        log.info("refused", extra={"code": error.code, "method": scope["method"], "account": caller})
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", str(error.wait).encode()))
    if isinstance(error, TooManyRequests):
        headers += [(name, str(number).encode()) for name, number in _limit(error)]
    document = problem(status, error.code, error.detail, scope["path"], request_id(scope), error.errors, error.further)
    return status, document, headers


def _limit(error: TooManyRequests) -> tuple[tuple[bytes, int], ...]:
    """What a caller is told of a limit that it has reached; times are seconds from now."""
    return (
        (b"retry-after", error.wait),
        (b"ratelimit-limit", error.limit),
        (b"ratelimit-remaining", 0),
        (b"ratelimit-reset", error.wait),
    )


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem document, also those of the framework."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        status, document, headers = refusal(error, request.scope)
        return _response(status, document, {name.decode(): value.decode() for name, value in headers})

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if any(e["type"] == "json_invalid" for e in found):
            return await refused(request, Malformed("The body is not JSON."))
        fields = tuple(
            FieldError(".".join(map(str, e["loc"][1:])) or str(e["loc"][0]), _pydantic_code(e["type"]), e["msg"])
            for e in found
        )
        return await refused(request, Invalid(errors=fields))

    async def of_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        headers = {}
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(allowed_methods(app, request))
        code = {404: "not_found", 405: "method_not_allowed"}.get(int(status), status.phrase.lower().replace(" ", "_"))
        detail = {404: NotFound.detail, 405: "This method is not offered here."}.get(int(status), status.phrase)
        document = problem(status, code, detail, request.scope["path"], request_id(request.scope))
        return _response(status, document, headers)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, of_framework)


def internal_error(path: str, request: str) -> Response:
    """What a caller learns of a defect: the id under which the log has it."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(status, problem(status, "internal_error", "Something went wrong on our side.", path, request), {})


def allowed_methods(app: FastAPI, request: Request) -> list[str]:
    """Every method that some route offers on the request's path."""
    found: set[str] = set()
    for route in app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


def request_id(scope: Mapping[str, Any]) -> str:
    """The id that the outermost layer gave the request."""
    state = scope.get("state") or {}
    return str(state.get("request_id", ""))


def _pydantic_code(kind: str) -> str:
    return {"missing": "missing", "extra_forbidden": "unknown"}.get(kind, "invalid")


def _response(status: HTTPStatus, document: bytes, headers: Mapping[str, str]) -> Response:
    return Response(document, int(status), headers=dict(headers), media_type=PROBLEM)
