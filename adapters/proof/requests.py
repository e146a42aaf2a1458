"""Attempts as HTTP requests."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from application.proof.attempts import Attempt
from domain.specification.model import Specification


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without who asks."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


def request(specification: Specification, attempt: Attempt) -> Request:
    """The request that an attempt is."""
    body = attempt.message
    return Request(
        attempt.method,
        attempt.path(specification),
        urlencode(attempt.query),
        None if body is None else json.dumps(body).encode(),
        attempt.headers,
    )
