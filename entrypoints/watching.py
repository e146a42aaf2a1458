"""Looks at the database now and then beside serving, for `/health/ready`, `/metrics` and the log."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from adapters.http.metrics import Metrics
from adapters.persistence.sql.inspecting import Inspect
from domain.deviations import Deviation
from domain.errors import SchemaDiffers, Unavailable

log = logging.getLogger("freehold.deviations")


class Watch:
    """What deviates, as of the last look. Looking happens on another thread, never in a request."""

    def __init__(
        self,
        answers: Callable[[], Awaitable[bool]],
        inspector: Callable[[], Inspect],
        seconds: float,
        metrics: Metrics | None,
        mail_due: Callable[[], Awaitable[bool]],
    ) -> None:
        """`answers`: whether the database does; `inspector` makes what looks, once; `seconds` between two looks."""
        self._answers, self._inspector, self._seconds = answers, inspector, seconds
        self._metrics, self._mail_due = metrics, mail_due
        self._inspect: Inspect | None = None
        self._found: tuple[Deviation, ...] = ()

    async def ready(self) -> bool:
        """Whether the database answers, and was what was approved when it was last looked at."""
        return await self._answers() and all(each.harmless for each in self._found)

    async def run(self) -> None:
        """Look, again and again, until cancelled. Whoever began to serve has looked just before."""
        if self._metrics is None:
            await asyncio.sleep(self._seconds)
        while True:
            await self.look()
            await asyncio.sleep(self._seconds)

    async def look(self) -> None:
        """Once. A database that cannot be looked at now is told by `ready`, as it does not answer."""
        found = await asyncio.to_thread(self._look)
        if found is not None:
            for each in set(found) - set(self._found):
                log.warning("a deviation: %s", each, extra={"kind": each.kind, "where": each.where})
            self._found = found
        if self._metrics is not None:
            self._metrics.deviating(found, time.time())
            with suppress(Unavailable):
                self._metrics.mail_due(await self._mail_due())

    def _look(self) -> tuple[Deviation, ...] | None:
        try:
            self._inspect = self._inspect or self._inspector()
            return self._inspect()
        except SchemaDiffers as error:
            log.warning("the database cannot be compared: %s", error)
            return None
