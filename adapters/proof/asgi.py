"""Requests to an ASGI app in this very process, without a network."""

from collections.abc import Awaitable, Callable
from typing import Any

from adapters.proof.requests import Request

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


async def call(app: Asgi, request: Request, token: str | None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case, several of one name joined by a comma) and body."""
    headers = [(b"host", b"127.0.0.1"), *((name.encode(), value.encode()) for name, value in request.headers)]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    if request.body is not None:
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(request.body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": request.query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, body = 0, b""
    found: dict[str, str] = {}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body or b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
            for name, value in message.get("headers", ()):
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                found[key] = f"{found[key]}, {text}" if key in found else text
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    # a server sends no body for these, whatever the app says
    return status, found, b"" if request.method == "HEAD" or status in (204, 304) else body
