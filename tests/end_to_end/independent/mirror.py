"""A server made of the reading itself: it stands in for the real one to show that a walk can pass, and can fail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from .choices import Request
from .client import Client
from .grammar import Resource, Specification
from .reading import Answer, Query, Reading, canonical_moment
from .values import written
from .world import Values, World

NO_NUMBERS: tuple[str, ...] = ("integer", "number", "yes/no")


class Mirror(Client):
    """A client that answers by itself, as the reading of its own specification predicts."""

    def __init__(self, specification: Specification) -> None:
        self.calls = 0
        self.specification = specification
        self.world = World(specification)
        self.reading = Reading(self.world)
        self.cursors: dict[str, tuple[Any, int]] = {}

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Answer one request."""
        self.calls += 1
        if path == "/auth/register":
            account = str(uuid4())
            self.world.accounts[account] = body["email"]
            return Answer(201, {}, {"access_token": account, "refresh_token": "", "account": {"id": account}})
        request = self._understood(method, path, token, json.loads(json.dumps(body or {})))
        if request.kind == "list":
            return self._list(request, dict(query))
        prediction = request.predict(self.reading)
        status = max(prediction)
        outcome = prediction[status]
        if status >= 400:
            return _problem(status, outcome.must)
        answer = Answer(status, {}, self._invented(request))
        shown = outcome.settle(answer) if outcome.settle else None
        if status == 204:
            return Answer(204, {}, None)
        shown = json.loads(json.dumps({"items": shown} if request.kind == "members" else shown))
        tag = sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
        return Answer(status, {"etag": f'"{tag}"', "location": f"{path}/{shown.get('id')}"}, shown)

    def _understood(self, method: str, path: str, token: str | None, body: Values) -> Request:
        _, _, plural, *rest = path.split("/")
        resource = next(r for r in self.specification.resources.values() if r.plural == plural)
        if rest[1:2] == ["members"]:
            kinds = {"GET": "members", "POST": "add_member", "PATCH": "change_member", "DELETE": "remove_member"}
        else:
            kinds = {"GET": "get" if rest else "list", "POST": "create", "PATCH": "update", "DELETE": "delete"}
        return Request(kinds[method], token, resource, (rest or [""])[0], (rest[2:] or [""])[0], body)

    def _invented(self, request: Request) -> Values:
        now = datetime.now(UTC)
        expire = request.resource.expire
        expires_at = request.body.get("expires_at") or (written(now + expire) if expire else None)
        return {
            "id": str(uuid4()),
            "created_at": written(now),
            "updated_at": written(now),
            "expires_at": canonical_moment(expires_at) if isinstance(expires_at, str) else None,
        }

    def _list(self, request: Request, parameters: dict[str, str]) -> Answer:
        cursor = parameters.pop("cursor", None)
        key = (request.who, request.resource.name, {k: v for k, v in parameters.items() if k != "limit"})
        query = request.query = Query(sort=parameters.pop("sort", None), count=bool(parameters.pop("count", "")))
        query.limit = int(parameters.pop("limit")) if "limit" in parameters else None
        for name in [n for n in parameters if n in request.resource.fields or n == request.resource.parent]:
            query.filters[name] = _values(request.resource, name, parameters.pop(name))
        query.extra = parameters
        ((status, outcome),) = request.predict(self.reading).items()
        if status != 200 or outcome.settle is None:
            return _problem(status, outcome.must)
        items = outcome.settle(Answer(200, {}, None))
        if query.sort == "created_at":
            items = items[::-1]
        elif query.sort and query.sort != "-created_at":
            items = _sorted(items, query.sort, request.resource)
        kept, start = self.cursors.get(cursor, (None, 0)) if cursor else (key, 0)
        if kept != key:
            return _problem(400, set())
        end = start + (query.limit or 50)
        following = str(uuid4()) if end < len(items) else None
        if following:
            self.cursors[following] = (key, end)
        return Answer(200, {}, {"items": items[start:end], "next_cursor": following, "total": len(items)})


def _problem(status: int, names: set[str]) -> Answer:
    headers = {"content-type": "application/problem+json", "www-authenticate": "Bearer"}
    return Answer(status, headers, {"status": status, "code": "refused", "errors": [{"field": name} for name in names]})


def _values(resource: Resource, name: str, text: str) -> list[Any]:
    spec_field = resource.fields.get(name)
    plain = spec_field is None or spec_field.shape not in NO_NUMBERS
    return text.split(",") if plain else [json.loads(part) for part in text.split(",")]


def _sorted(items: list[Values], sort: str, resource: Resource) -> list[Values]:
    name = sort.lstrip("-")
    numeric = resource.fields[name].shape == "decimal"
    full = [item for item in items if item.get(name) is not None]
    full.sort(key=lambda item: float(item[name]) if numeric else item[name], reverse=sort.startswith("-"))
    return full + [item for item in items if item.get(name) is None]
