"""HTTP over one kept-alive connection, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from .reading import Answer


class Client:
    """A connection to one server; `calls` counts the requests made."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=30)
        self.calls = 0

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send one request. Only a read is sent again when the server has closed the idle connection."""
        self.calls += 1
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        pairs = list(query)
        target = f"{path}?{urlencode(pairs)}" if pairs else path
        payload = None if body is None else json.dumps(body).encode()
        try:
            return self._send(method, target, payload, headers)
        except (HTTPException, ConnectionError):
            self.connection.close()
            if method != "GET":
                raise
            return self._send(method, target, payload, headers)

    def _send(self, method: str, target: str, payload: bytes | None, headers: dict[str, str]) -> Answer:
        self.connection.request(method, target, payload, headers)
        response = self.connection.getresponse()
        raw = response.read()
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode(errors="replace")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
