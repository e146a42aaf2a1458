"""`freehold dev`: serve, and serve anew at each change of the specification."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
import uvicorn
from dependency_injector import providers
from rich.console import Console
from uvicorn.supervisors import Multiprocess
from watchfiles import awatch, watch

from adapters.http.connection import BoundedProtocol
from adapters.mail import ConsoleMail
from adapters.persistence.sql.upkeep import LosesValues
from domain.errors import FreeholdError, SchemaDiffers, SpecificationInvalid
from domain.specification.questions import review
from entrypoints import asgi, projects, reports, tour
from entrypoints.container import Container


class CannotListen(FreeholdError):
    """The address is taken, or not ours."""


def server_options(container: Container, host: str, port: int) -> dict[str, Any]:
    """What uvicorn is told, wherever it runs."""
    return {
        "host": host,
        "port": port,
        "loop": "auto",
        "http": BoundedProtocol,
        "ws": "none",
        "limit_concurrency": container.settings().connections,
        "access_log": False,
        "server_header": False,
        "log_config": None,
        "lifespan": "on",
        # uvicorn would believe whatever any process of this machine says: see adapters/http/clients.py
        "proxy_headers": False,
        "timeout_graceful_shutdown": container.settings().shutdown_timeout,
    }


def server_config(container: Container, host: str, port: int) -> uvicorn.Config:
    """One server in this process."""
    return uvicorn.Config(asgi.create_app(container), **server_options(container, host, port))


@contextmanager
def _unheard_by_children() -> Iterator[None]:
    """Who is started meanwhile never hears Ctrl-C, which reaches the whole group; we hear it later.

    It is the parent who ends its workers; one that still imports would end with a traceback.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # else the first child starts it, and that lets the signal through again
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


class Workers(Multiprocess):
    """Processes that serve the project of the environment on one socket."""

    def init_processes(self) -> None:
        """See uvicorn."""
        with _unheard_by_children():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """See uvicorn. Who died is started anew."""
        with _unheard_by_children():
            super().keep_subprocess_alive()

    def handle_signals(self) -> None:
        """See uvicorn. Some start workers."""
        with _unheard_by_children():
            super().handle_signals()

    def terminate_all(self) -> None:
        """See uvicorn. As long as we held the socket open, new connections would wait for nobody."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()


def serve_with_workers(container: Container, host: str, port: int, listening: socket.socket, workers: int) -> None:
    """Serve in several processes until a signal ends that."""
    os.environ[asgi.PROJECT] = str(container.folder().resolve())
    options = server_options(container, host, port)
    config = uvicorn.Config("entrypoints.asgi:from_environment", factory=True, workers=workers, **options)
    with TemporaryDirectory(prefix="freehold-") as shared:
        os.environ[asgi.COUNTERS] = str(Path(shared) / "counters")
        Workers(config, [listening]).run()


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on, kept over reloads. Raises `CannotListen`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:
            listening = stack.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
            stack.pop_all()
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    return listening


async def open_keys(container: Container) -> None:
    """Find out before anything is served whether the secret opens the signing keys (`SecretRefused`)."""
    store = container.store()
    try:
        await container.tokens().load(store, container.clock().now())
    finally:
        await store.close()
        container.store.reset()


async def serve(folder: Path, host: str, port: int, *, ask: bool, seed: bool, console: Console) -> None:
    """Serve until Ctrl-C. Raises `SchemaDiffers` where the first start would lose stored values, or they do not fit."""
    url = f"http://{host}:{port}"
    container = _prepare(folder, ask, console, url)
    await open_keys(container)
    listening = listen(host, port)
    if seed:
        console.print(await _seed(container, url), highlight=False, markup=False, soft_wrap=True)
        container = _prepare(folder, ask, console, url)
    started = f"{container.specification().app} on {url}, try it on {url}/docs (Ctrl-C ends)"
    console.print(started, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    while True:
        server = uvicorn.Server(server_config(container, host, port))
        changed = asyncio.create_task(_next(folder, ask, console, url))
        changed.add_done_callback(lambda _, server=server: setattr(server, "should_exit", True))  # type: ignore[misc]
        await server.serve([listening.dup()])
        if not changed.done():
            changed.cancel()
            return
        container = changed.result()
        console.print(f"{folder / reports.FILE} changed; serving it.", highlight=False, soft_wrap=True)
        sys.stdout.flush()


async def _seed(container: Container, url: str) -> str:
    """The lines to print; the store that made the accounts is closed again."""
    store = container.store()
    await container.tokens().load(store, container.clock().now())
    lines = await tour.seed(container)
    await store.close()
    if lines is not None:
        return lines.format(url=url)
    return f"Mary and Bob are here already. For a new start, end this and remove {container.database()}."


def changes(folder: Path) -> Iterator[object]:
    """Each change of the specification, for good."""
    return watch(folder, watch_filter=_is_specification, recursive=False)


def _is_specification(_: object, path: str) -> bool:
    return Path(path).name == reports.FILE


async def _next(folder: Path, ask: bool, console: Console, url: str) -> Container:
    """Wait until the file changed to a specification that can be served; say why, as long as it cannot.

    Nothing is asked meanwhile: whoever is served would wait for the answer.
    """
    async for _ in awatch(folder, watch_filter=_is_specification, recursive=False):
        try:
            return _prepare(folder, False, console, url)
        except SpecificationInvalid as error:
            reports.print_problems(console, folder / reports.FILE, error)
        except SchemaDiffers as error:
            hint = " Start again to be asked." if ask else ""
            console.print(f"Still serving what was there. {error}{hint}", style="red", highlight=False, soft_wrap=True)
    raise KeyboardInterrupt


def _prepare(folder: Path, ask: bool, console: Console, url: str) -> Container:
    """A container over the specification as it is now and a database that fits it. Mail goes to the console."""
    container = Container(folder=folder)
    if container.settings().smtp_url is None:
        show = partial(console.print, highlight=False, soft_wrap=True, markup=False)
        container.outgoing.override(providers.Object(ConsoleMail(show)))
        container.public_url.override(providers.Object(container.settings().public_url or url))
    specification, path = container.specification(), folder / reports.FILE
    former = projects.approved(folder)
    questions, problems = review(specification, former)
    reports.print_places(console, path, problems)
    reports.print_questions(console, path, questions)
    database, tables = container.database(), container.tables()
    try:
        changes = projects.bring_up(database, tables, allow_losses=False)
    except LosesValues as error:
        if not ask or not sys.stdin.isatty():
            raise
        console.print(str(error), style="red", highlight=False, soft_wrap=True, markup=False)
        if not typer.confirm("Lose them?", default=False):
            raise
        changes = projects.bring_up(database, tables, allow_losses=True)
    for change in changes:
        console.print(f"The database follows: {change.text}.", highlight=False, soft_wrap=True, markup=False)
    return container
