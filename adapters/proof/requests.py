"""Attempts as HTTP requests: the only place where the proof knows paths and methods."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from application.proof.attempts import Attempt, Verb
from domain.specification.model import Specification

METHODS = {
    Verb.LIST: "GET",
    Verb.GET: "GET",
    Verb.HEAD: "HEAD",
    Verb.CREATE: "POST",
    Verb.UPDATE: "PATCH",
    Verb.DELETE: "DELETE",
    Verb.MY_ACCESS: "GET",
    Verb.ACCESS: "GET",
    Verb.MEMBERS: "GET",
    Verb.ADD_MEMBER: "POST",
    Verb.JOIN: "POST",
    Verb.BATCH: "POST",
    Verb.CHANGE_MEMBER: "PATCH",
    Verb.REMOVE_MEMBER: "DELETE",
    Verb.REPLACE: "PUT",
}
_OF_MEMBERS = (Verb.MEMBERS, Verb.ADD_MEMBER, Verb.JOIN)
_OF_ONE_MEMBER = (Verb.CHANGE_MEMBER, Verb.REMOVE_MEMBER)


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
    last = "batch" if attempt.verb is Verb.BATCH else specification.resources[attempt.resource].plural
    path = f"/v{specification.major}/{last}"
    if attempt.record is not None:
        path += f"/{attempt.record}"
    if attempt.verb in (Verb.ACCESS, Verb.MY_ACCESS):
        path += "/access/me" if attempt.verb is Verb.MY_ACCESS else "/access"
    if attempt.verb in (*_OF_MEMBERS, *_OF_ONE_MEMBER):
        path += "/members"
    if attempt.verb in _OF_ONE_MEMBER:
        path += f"/{attempt.account}"
    body = attempt.message
    return Request(
        METHODS[attempt.verb],
        path,
        urlencode(attempt.query),
        None if body is None else json.dumps(body).encode(),
        attempt.headers,
    )
