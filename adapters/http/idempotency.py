"""`Idempotency-Key`: a POST that is sent again is answered as it was the first time, and done once."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.types import Scope

from adapters.http.messages import Answer
from application.idempotency import Idempotency
from application.ports import Work
from domain.errors import Malformed
from domain.ownership import Actor

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
"""characters"""

Write = Callable[[Work | None], Awaitable[Answer]]
_pack = msgspec.json.Encoder().encode
_unpack = msgspec.json.Decoder(Answer).decode


def key_of(scope: Scope) -> str | None:
    """The key that a request has, None for none. Raises `Malformed` (`bad_idempotency_key`)."""
    given = [value for name, value in scope["headers"] if name == HEADER.lower().encode()]
    if not given:
        return None
    key = bytes(given[0]).strip().decode("latin-1")
    if len(given) > 1 or not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        detail = f"`{HEADER}` must be 1 to {LONGEST_KEY} printable ASCII characters, once."
        raise Malformed(detail, code="bad_idempotency_key")
    return key


class Idempotent:
    """What POST handlers write through."""

    def __init__(self, idempotency: Idempotency) -> None:
        """Take the use case."""
        self._idempotency = idempotency

    async def __call__(self, actor: Actor, scope: Scope, body: dict[str, Any], write: Write) -> Answer:
        """What `write` answers; with a key in the request it is done within a given unit of work, once."""
        key = key_of(scope)
        if key is None:
            return await write(None)

        async def packed(work: Work) -> bytes:
            return _pack(await write(work))

        message = json.dumps([scope["path"], body], sort_keys=True).encode()
        return _unpack(await self._idempotency.once(actor, key, message, packed))
