"""Writes that are done once: the answer is kept with the write, and given again to whoever sends the same again.

Only the answer of a write that happened is kept: what was refused did nothing and may be sent again. What is kept is
sealed under the service's secret, for an answer may hold what is shown once.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

from application.ports import Clock, Sealer, Store, Work
from domain.errors import Invalid, NotAuthenticated
from domain.ownership import Actor

KEPT = timedelta(hours=24)
CLEANED_EVERY, CLEANED = 50, 100
"""after so many writes, so many expired answers are deleted: more than there came"""

Write = Callable[[Work], Awaitable[bytes]]


class Idempotency:
    """Remembers what was answered to whom."""

    def __init__(self, store: Store, clock: Clock, sealer: Sealer) -> None:
        """`sealer` has a key of its own."""
        self._store = store
        self._clock = clock
        self._sealer = sealer
        self._writes = 0

    async def once(self, actor: Actor, key: str, message: bytes, write: Write) -> bytes:
        """The answer of the write, which is done now, or that of its first time, if that is not longer than `KEPT` ago.

        Raises `NotAuthenticated` (`idempotency_needs_account`) for an anonymous caller, `Invalid`
        (`idempotency_key_reused`) where the first message was another one, `Conflict` (`idempotency_in_progress`)
        while it is being done, and whatever the write raises.
        """
        if actor.name is None or actor.link is not None:
            raise NotAuthenticated("Sign in to use an `Idempotency-Key`.", code="idempotency_needs_account")
        await self._clean()
        name = sha256(json.dumps([actor.name, key]).encode()).hexdigest()
        bound_to, mark, now = name.encode(), sha256(message).digest(), self._clock.now()
        async with self._store.work(alone=name) as work:
            sealed = await work.idempotency_keys.find(actor, name, now)
            if sealed is None:
                answer = await write(work)
                kept = self._sealer.seal(mark + answer, bound_to)
                await work.idempotency_keys.keep(actor, name, kept, now + KEPT, now)
                await work.commit()
                return answer
        found = self._sealer.open(sealed, bound_to)
        if found is None or not found.startswith(mark):
            raise Invalid("This `Idempotency-Key` was used for another request.", code="idempotency_key_reused")
        return found[len(mark) :]

    async def _clean(self) -> None:
        """Now and then, before anything is written."""
        self._writes += 1
        if self._writes % CLEANED_EVERY == 1:
            async with self._store.work() as work:
                await work.idempotency_keys.clean(self._clock.now(), CLEANED)
                await work.commit()
