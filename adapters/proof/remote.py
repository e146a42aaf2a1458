"""An API over HTTP/1.1, as any client meets it."""

import http.client
import json
import secrets
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from adapters.proof.requests import Request, request
from application.proof.attempts import Answer, Attempt
from application.proof.callers import by_link
from domain.specification.model import Specification

REFRESH_SECONDS = 300.0
"""after which an access token is renewed"""
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class _Person:
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    since: float


class RemoteApi:
    """The `Target` port over a URL. Its people sign up there, with passwords that nobody keeps."""

    def __init__(self, specification: Specification, url: str) -> None:
        """Connect when first needed."""
        self._specification = specification
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
        self._prefix = parts.path.rstrip("/")
        self._people: dict[str, _Person] = {}

    def sign_up(self, name: str) -> str:
        """A new account of this first name; its id. Raises `OSError` where the server does not let it in."""
        email, password = f"{name.lower()}-{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(18)
        answer = self._post("/auth/register", {"email": email, "password": password}, 201)
        account = str(answer["account"]["id"])
        self._people[account] = _Person(answer["access_token"], answer["refresh_token"], monotonic())
        return account

    async def send(self, attempt: Attempt) -> Answer:
        """See the port."""
        token = attempt.who if attempt.who is None or by_link(attempt.who) else self._token(attempt.who)
        status, headers, body = self._call(request(self._specification, attempt), token)
        return Answer(status, headers, body)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _token(self, account: str) -> str:
        person = self._people[account]
        if monotonic() - person.since > REFRESH_SECONDS:
            answer = self._post("/auth/refresh", {"refresh_token": person.refresh}, 200)
            person.access, person.refresh = answer["access_token"], answer["refresh_token"]
            person.since = monotonic()
        return person.access

    def _post(self, path: str, body: Any, wanted: int) -> Any:
        status, _, answer = self._call(Request("POST", path, body=json.dumps(body).encode()), None)
        if status != wanted:
            raise OSError(f"{path} answered {status} where {wanted} is needed: the server must let people sign up")
        return json.loads(answer)

    def _call(self, asked: Request, token: str | None) -> tuple[int, dict[str, str], bytes]:
        headers = dict(asked.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if asked.body is not None:
            headers["Content-Type"] = "application/json"
        path = f"{self._prefix}{asked.path}" + (f"?{asked.query}" if asked.query else "")
        try:
            self._connection.request(asked.method, path, asked.body, headers)
            response = self._connection.getresponse()
            body = response.read()
        except http.client.HTTPException:
            self._connection.close()
            return 0, {}, b"no HTTP answer"
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            found[key] = f"{found[key]}, {value}" if key in found else value
        return response.status, found, body
