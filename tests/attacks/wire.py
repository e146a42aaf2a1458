"""A server on a real socket, run with the options of `freehold serve`, and raw bytes sent to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from uvicorn.server import ServerState

from domain.ownership import Actor
from domain.specification.model import Specification
from entrypoints import developing
from tests.http.api import Api

PATIENCE = 20.0
"""seconds after which a connection counts as hanging"""
HOST = b"Host: freehold.test\r\n"
CLOSE = b"Connection: close\r\n"
JSON = b"Content-Type: application/json\r\n"


@dataclass(frozen=True)
class Said:
    """Everything that came back on a connection, until the server closed it."""

    raw: bytes

    @property
    def statuses(self) -> list[int]:
        """Of each answer in turn."""
        return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.raw)]

    @property
    def head(self) -> bytes:
        """The first answer's, in lower case."""
        return self.raw.partition(b"\r\n\r\n")[0].lower() + b"\r\n"

    @property
    def code(self) -> str:
        """The problem's, if the answer is one."""
        found = re.search(rb'"code":"([a-z_]+)"', self.raw)
        return "" if found is None else found[1].decode()


class Wire:
    """An API that is reached by its socket."""

    def __init__(self, api: Api, port: int, state: ServerState) -> None:
        self.api, self.port, self.state = api, port, state

    async def send(self, *pieces: bytes, pause: float = 0.0) -> Said:
        """Send pieces on one connection, and read until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        reading = asyncio.create_task(_read(reader))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass  # it has heard enough; what it said is still read
        try:
            return Said(await asyncio.wait_for(reading, PATIENCE))
        finally:
            writer.close()

    async def ask(self, actor: Actor | None, method: str, path: str, body: bytes = b"", *headers: str) -> Said:
        """Send a well-formed request, and close."""
        lines = [f"{method} {path} HTTP/1.1\r\n".encode(), HOST, CLOSE, *(f"{line}\r\n".encode() for line in headers)]
        if actor is not None:
            lines.append(self.bearer(actor))
        if body:
            lines.append(b"Content-Length: %d\r\n" % len(body))
        return await self.send(b"".join([*lines, b"\r\n", body]))

    async def flood(self, start: bytes, piece: bytes, most: int) -> int:
        """Send `piece` without end after `start`; how many bytes were taken before the server hung up, or `most`."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        handed = 0
        try:
            writer.write(start)
            while handed < most:
                writer.write(piece)
                await writer.drain()
                handed += len(piece)
        except ConnectionError:
            pass
        finally:
            writer.close()
        return handed

    async def deserted(self) -> None:
        """Wait until the server has no connection and nothing to do."""
        async with asyncio.timeout(PATIENCE):
            while self.state.tasks or self.state.connections:  # noqa: ASYNC110  uvicorn tells nobody
                await asyncio.sleep(0.01)

    def bearer(self, actor: Actor) -> bytes:
        """Its header."""
        return f"Authorization: Bearer {self.api.tokens[actor]}\r\n".encode()


async def _read(reader: asyncio.StreamReader) -> bytes:
    found = b""
    try:
        while piece := await reader.read(65536):
            found += piece
    except ConnectionError:
        pass
    return found


@asynccontextmanager
async def served(specification: Specification, *, connections: int = 900, idle: float = 5) -> AsyncIterator[Wire]:
    """An API in memory on a socket, each connection as `freehold serve` makes it; uvicorn's main loop is left out.

    `idle` is for how many seconds a connection may wait for its next request.
    """
    api = await Api.of(specification)
    config = developing.server_config(api.container, "127.0.0.1", 0)
    config.limit_concurrency = connections
    config.timeout_keep_alive = idle  # type: ignore[assignment]
    config.load()
    state = ServerState()

    def accept() -> Any:
        return config.http_protocol_class(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    try:
        yield Wire(api, server.sockets[0].getsockname()[1], state)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await api.client.aclose()
