"""Units of work: one's own, or a part of a larger one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from application.ports import Store, Work


@asynccontextmanager
async def unit(store: Store, within: Work | None) -> AsyncIterator[Work]:
    """A unit of work that is committed at its end; or the one `within` which this happens, and which commits itself."""
    if within is not None:
        yield within
        return
    async with store.work() as work:
        yield work
        await work.commit()
