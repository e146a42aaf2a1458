"""The ASGI app over a container."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from entrypoints import logs
from entrypoints.container import Container

PROJECT = "FREEHOLD_PROJECT"
"""how a worker process learns which folder it serves"""


def create_app(container: Container) -> FastAPI:
    """The app, which loads its keys at start and closes store and counters at the end."""
    app: FastAPI = container.app()
    store, tokens, clock = container.store(), container.tokens(), container.clock()
    counters = container.counters()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await tokens.load(store, clock.now())
        app.openapi()
        yield
        await store.close()
        await counters.close()

    app.router.lifespan_context = lifespan
    return app


def from_environment() -> FastAPI:
    """For workers: the project named by the environment."""
    logs.configure()
    return create_app(Container(folder=Path(os.environ[PROJECT])))
