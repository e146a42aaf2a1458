"""The ASGI app over a container."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dependency_injector import providers
from fastapi import FastAPI

from adapters.http.metrics import install
from adapters.limits import of_workers
from adapters.mail import deliver_all
from entrypoints import logs
from entrypoints.container import Container
from entrypoints.tidying import tidy

YOUNG = 10_000
"""objects that are made before garbage is looked for among them"""
PROJECT = "FREEHOLD_PROJECT"
"""how a worker process learns which folder it serves"""
COUNTERS = "FREEHOLD_COUNTERS"
"""and in which file the workers count together, where no server counts"""


def create_app(container: Container) -> FastAPI:
    """The app: it loads its keys at start, and closes store and counters at the end.

    Beside requests it sends mail, looks for deviations, and forgets what is over.
    """
    app: FastAPI = container.app()
    store, tokens, clock = container.store(), container.tokens(), container.clock()
    counters, mailing, watch = container.counters(), container.mailing(), container.watch()

    metrics = container.metrics()
    if metrics is not None:
        networks = container.settings().metrics_networks
        install(app, metrics, container.clients(), networks, lambda: getattr(store, "use", None))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await tokens.load(store, clock.now())
        app.openapi()
        beside = [asyncio.create_task(watch.run()), asyncio.create_task(tidy(container.sessions()))]
        if mailing.on:
            beside.append(asyncio.create_task(deliver_all(mailing)))
        yield
        # a letter that is under way is due again after its lease
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await store.close()
        await counters.close()

    app.router.lifespan_context = lifespan
    return app


def from_environment() -> FastAPI:
    """For workers: the project named by the environment."""
    logs.configure()
    container = Container(folder=Path(os.environ[PROJECT]))
    if container.settings().redis_url is None:
        container.counters.override(providers.Singleton(of_workers, Path(os.environ[COUNTERS])))
    app = create_app(container)
    settle()
    return app


def settle() -> None:
    """What was made until now stays until the process ends: nothing of it is looked at for cycles of garbage again.

    And requests leave few behind: looking for them after each 700 objects cost a tenth of the processor.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
