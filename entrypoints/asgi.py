"""The ASGI app over a container."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from adapters.mail import deliver_all
from entrypoints import logs
from entrypoints.container import Container

PROJECT = "FREEHOLD_PROJECT"
"""how a worker process learns which folder it serves"""


def create_app(container: Container) -> FastAPI:
    """The app: it loads its keys at start, sends mail meanwhile, and closes store and counters at the end."""
    app: FastAPI = container.app()
    store, tokens, clock = container.store(), container.tokens(), container.clock()
    counters, mailing = container.counters(), container.mailing()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await tokens.load(store, clock.now())
        app.openapi()
        sending = asyncio.create_task(deliver_all(mailing)) if mailing.on else None
        yield
        if sending is not None:
            # what is under way is due again after its lease
            sending.cancel()
            await asyncio.wait([sending])
        await store.close()
        await counters.close()

    app.router.lifespan_context = lifespan
    return app


def from_environment() -> FastAPI:
    """For workers: the project named by the environment."""
    logs.configure()
    return create_app(Container(folder=Path(os.environ[PROJECT])))
