"""Mistakes in refusals: hidden is not answered, word for word and statement for statement, as missing is."""

from typing import Any

import pytest
from starlette.types import Receive, Scope

from adapters.http.messages import Answer, encode, etag, header
from adapters.http.records import RecordHandlers, record_id
from application.ports import View
from application.records import RecordUseCases
from domain.errors import Forbidden, NotFound, PreconditionFailed
from domain.ownership import Actor
from tests.leaks.reading import row_of


def _get(patch: pytest.MonkeyPatch, of_hidden: Any) -> None:
    """`get`, where a record that is there but hidden is dealt with otherwise."""

    async def get(self: Any, actor: Actor, resource: str, record_id: str, *wanted: Any) -> View:
        try:
            return await real(self, actor, resource, record_id, *wanted)
        except NotFound:
            stored = await row_of(self._store.records, resource, record_id)
            if stored is not None:
                of_hidden(stored)
            raise

    real = RecordUseCases.get
    patch.setattr(RecordUseCases, "get", get)


def hidden_is_forbidden(patch: pytest.MonkeyPatch) -> None:
    """403: honest, and an answer to a question that was not asked."""

    def forbidden(stored: dict[str, Any]) -> None:
        raise Forbidden

    _get(patch, forbidden)


def hidden_breaks(patch: pytest.MonkeyPatch) -> None:
    """500: somebody relied on a record that is there being shown."""

    def broken(stored: dict[str, Any]) -> None:
        raise AttributeError("'NoneType' object has no attribute 'id'")

    _get(patch, broken)


def not_found_says_whose(patch: pytest.MonkeyPatch) -> None:
    """404, with whom to ask for access."""

    def with_owner(stored: dict[str, Any]) -> None:
        raise NotFound(f"Ask {stored['owner']} to share it with you.")

    _get(patch, with_owner)


def hidden_takes_longer(patch: pytest.MonkeyPatch) -> None:
    """First whether there is such a record, then whether one may see it: one more look for hidden ones."""

    async def get(self: Any, actor: Actor, resource: str, record_id: str, *wanted: Any) -> View:
        self.admit(actor, resource, "open")
        if await row_of(self._store.records, resource, record_id) is None:
            raise NotFound
        return await real(self, actor, resource, record_id, *wanted)

    real = RecordUseCases.get
    patch.setattr(RecordUseCases, "get", get)


def condition_comes_before_the_rule(patch: pytest.MonkeyPatch) -> None:
    """`If-Match` is compared before anybody asks whether the caller may know of the record."""

    async def update(self: Any, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        asked = header(scope, b"if-match")
        stored = await row_of(self._records._store.records, self._name, record_id(scope))
        if stored is not None and asked is not None and asked not in (b"*", etag(encode(stored))):
            raise PreconditionFailed
        return await real(self, actor, scope, receive)

    real = RecordHandlers.update
    patch.setattr(RecordHandlers, "update", update)
