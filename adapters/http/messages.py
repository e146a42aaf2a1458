"""Requests' bodies, query strings and validators, read strictly; answers, written once."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
from starlette.types import Receive, Scope

from adapters.http.errors import PROBLEM, ContentTooLarge, Header, NotAcceptable, UnsupportedMediaType
from application.ports import View
from domain.errors import FieldError, Invalid, Malformed
from domain.expansion import EXPANDED

LARGEST_BODY = 1024 * 1024
"""bytes"""
DEEPEST_NESTING = 64
LARGEST_BESIDE = 16 * 1024 * 1024
"""bytes of all that stands beside the records of one answer: a large record may stand beside each of them"""
JSON_TYPES = (b"application/json",)
PATCH_TYPES = (b"application/json", b"application/merge-patch+json")

NDJSON = "application/x-ndjson"

encode = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body (None for none) and further headers."""

    status: int
    body: bytes | None = None
    headers: tuple[Header, ...] = ()


def header(scope: Scope, name: bytes) -> bytes | None:
    """A request's header; its first value."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def require_accepted(scope: Scope, kind: str = "application/json") -> None:
    """Raise `NotAcceptable` where `Accept` admits neither this type nor that of problems (RFC 9110, 12.5.1)."""
    asked = b",".join(value for name, value in scope["headers"] if name == b"accept").lower().decode("latin-1")
    if asked.strip(" ,") in ("", "*/*"):
        return
    admitted: dict[str, bool] = {}
    for part in asked.split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(piece.startswith("q=") and not piece[2:].strip("0.") for piece in parameters)
        admitted[media_range] = admitted.get(media_range, False) or not refused
    for offered in (kind, PROBLEM):
        ranges = (offered, f"{offered.partition('/')[0]}/*", "*/*")
        if next((admitted[media_range] for media_range in ranges if media_range in admitted), False):
            return
    raise NotAcceptable


async def read_object(scope: Scope, receive: Receive, types: tuple[bytes, ...] = JSON_TYPES) -> dict[str, Any]:
    """The body's JSON object.

    Raises `UnsupportedMediaType`, `ContentTooLarge`, `Malformed` (not JSON, duplicate keys, NaN, too deep) or
    `Invalid` (JSON, but no object).
    """
    body = await _read(scope, receive, types)
    try:
        found = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not JSON, or not strict JSON.", code="malformed_json") from error
    if body.count(b"[") + body.count(b"{") > DEEPEST_NESTING:
        _check_depth(found)
    if not isinstance(found, dict):
        raise Invalid("The body must be a JSON object.", code="not_an_object")
    return found


async def read_text(scope: Scope, receive: Receive, content_type: bytes) -> str:
    """The body as text of one content type. Raises like `read_object`."""
    try:
        return (await _read(scope, receive, (content_type,))).decode()
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8.") from error


async def _read(scope: Scope, receive: Receive, types: tuple[bytes, ...]) -> bytes:
    _require_type(scope, types)
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > LARGEST_BODY:
        raise ContentTooLarge
    message = await receive()
    body = bytes(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            # what came may look whole and mean something else
            raise Malformed("The body ended early.", code="incomplete_body")
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise ContentTooLarge
    if len(body) > LARGEST_BODY:
        raise ContentTooLarge
    return body


def _require_type(scope: Scope, types: tuple[bytes, ...]) -> None:
    """Raise `UnsupportedMediaType` unless the body is of one of these types, in UTF-8, and not compressed."""
    given = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(given) != 1:
        raise UnsupportedMediaType
    content_type, _, parameters = given[0].lower().partition(b";")
    if content_type.strip() not in types:
        raise UnsupportedMediaType
    charset = parameters.partition(b"charset=")[2].partition(b";")[0]
    if charset.strip(b' "') not in (b"", b"utf-8", b"utf8"):
        raise UnsupportedMediaType("Send it in UTF-8.")
    if (header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send it as it is, not compressed.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate keys")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    if any(isinstance(at, dict | list) for at in level):
        raise Malformed("The body is nested too deeply.", code="too_deep")


def write_beside(views: Iterable[View], written: dict[int, tuple[View, msgspec.Raw]] | None = None) -> None:
    """Put in place of each record that stands beside one its JSON, which is written once however often it stands there.

    Raises `Invalid` where that is too much for one answer.
    """
    known = {} if written is None else written
    size = 0
    for view in views:
        beside = view.get(EXPANDED, {})
        for name, record in beside.items():
            if record is not None:
                if id(record) not in known:
                    write_beside([record], known)
                    known[id(record)] = record, msgspec.Raw(encode(record))
                _, beside[name] = known[id(record)]
                size += len(beside[name])
        if size > LARGEST_BESIDE:
            raise one_error(
                "expand", "too_large", "This is too much for one answer. Ask for a smaller page, or for less."
            )


def etag(body: bytes) -> bytes:
    """A strong validator of exactly this representation."""
    return b'"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def unchanged(scope: Scope, tag: bytes) -> bool:
    """Whether `If-None-Match` names this validator."""
    asked = header(scope, b"if-none-match")
    return asked is not None and (asked.strip() == b"*" or tag in _tags(asked))


def expectation(scope: Scope) -> Callable[[View], bool] | None:
    """What `If-Match` asks for, None where the request has none."""
    asked = header(scope, b"if-match")
    return None if asked is None else expecting(asked)


def expecting(asked: bytes) -> Callable[[View], bool]:
    """Whether a record is the one that a value of `If-Match` names."""
    if asked.strip() == b"*":
        return lambda _: True
    tags = {tag.strip() for tag in asked.split(b",")}
    return lambda view: etag(encode(view)) in tags


def _tags(asked: bytes) -> set[bytes]:
    """The validators of a list; a weak one compares like a strong one here (RFC 9110, 8.8.3.2)."""
    return {tag.strip().removeprefix(b"W/") for tag in asked.split(b",")}


def one_error(field: str, code: str, message: str) -> Invalid:
    """`Invalid` about a single field or parameter."""
    return Invalid(errors=(FieldError(field, code, message),))
