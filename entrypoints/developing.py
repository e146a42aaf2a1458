"""`freehold dev`: serve, and serve anew at each change of the specification."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from watchfiles import awatch

from adapters.persistence.sql import schema
from domain.errors import SchemaDiffers, SpecificationInvalid
from entrypoints import asgi, projects, reports, tour
from entrypoints.container import Container


def server_options(host: str, port: int) -> dict[str, Any]:
    """What uvicorn is told, wherever it runs."""
    return {
        "host": host,
        "port": port,
        "loop": "auto",
        "http": "httptools",
        "access_log": False,
        "server_header": False,
        "log_config": None,
        "lifespan": "on",
        "timeout_graceful_shutdown": 10,
    }


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """One server in this process."""
    return uvicorn.Config(app, **server_options(host, port))


async def serve(folder: Path, host: str, port: int, *, ask: bool, seed: bool, console: Console) -> None:
    """Serve until Ctrl-C. Raises `SchemaDiffers` where the first start would lose stored values."""
    url = f"http://{host}:{port}"
    container = _prepare(folder, ask, console)
    if seed:
        lines = await _seed(container)
        if lines is not None:
            console.print(lines.format(url=url), highlight=False, markup=False, soft_wrap=True)
            container = _prepare(folder, ask, console)
    console.print(f"{container.specification().app} on {url}, try it on {url}/docs (Ctrl-C ends)", highlight=False)
    sys.stdout.flush()
    while True:
        server = uvicorn.Server(server_config(asgi.create_app(container), host, port))
        changed = asyncio.create_task(_next(folder, ask, console))
        changed.add_done_callback(lambda _, server=server: setattr(server, "should_exit", True))  # type: ignore[misc]
        await server.serve()
        if not changed.done():
            changed.cancel()
            return
        container = changed.result()
        console.print(f"{folder / reports.FILE} changed; serving it.", highlight=False)


async def _seed(container: Container) -> str | None:
    store = container.store()
    await container.tokens().load(store, container.clock().now())
    lines = await tour.seed(container)
    await store.close()
    return lines


async def _next(folder: Path, ask: bool, console: Console) -> Container:
    """Wait until the file changed to a specification that can be served; say why, as long as it cannot."""
    async for _ in awatch(folder, watch_filter=lambda _, path: Path(path).name == reports.FILE, recursive=False):
        try:
            return _prepare(folder, ask, console)
        except SpecificationInvalid as error:
            reports.print_problems(console, folder / reports.FILE, error)
        except SchemaDiffers as error:
            console.print(f"Still serving what was there. {error}", style="red", highlight=False, soft_wrap=True)
    raise KeyboardInterrupt


def _prepare(folder: Path, ask: bool, console: Console) -> Container:
    """A container over the specification as it is now and a database that fits it."""
    container = Container(folder=folder)
    database, tables = container.database(), container.tables()
    try:
        projects.bring_up(database, tables, allow_losses=False)
    except SchemaDiffers as error:
        losses = schema.compare(database, tables).losses
        if not losses or not ask or not sys.stdin.isatty():
            raise
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        if not typer.confirm("Lose them?", default=False):
            raise
        projects.bring_up(database, tables, allow_losses=True)
    return container
