"""What every operation answers before it does anything, on a real socket: statuses that are declared for all."""

import asyncio
import re

import pytest

from adapters.http import connection
from tests.application.world import NEVER, example
from tests.attacks.wire import CLOSE, HOST, served

REFUSED = {
    400: (HOST + HOST + CLOSE + b"\r\n", "bad_request"),
    408: (HOST + b"X: ", "request_timeout"),
    413: (HOST + CLOSE + b"Content-Length: 99999999\r\n\r\n", "content_too_large"),
    431: (HOST + CLOSE + b"X: " + b"x" * 40_000 + b"\r\n\r\n", "head_too_large"),
    406: (HOST + CLOSE + b"Accept: text/html, application/*;q=0\r\n\r\n", "not_acceptable"),
}
"""by status: the request after its first line, and the code"""


@pytest.mark.parametrize("status", REFUSED)
async def test_every_operation_answers_what_is_declared_for_all(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1 if status == 408 else 10.0)
    rest, code = REFUSED[status]
    async with served(example("notes")) as wire:
        paths = wire.api.document["paths"].items()
        declared = {
            (method.upper(), re.sub(r"\{\w+\}", NEVER, path)): str(status) in operation["responses"]
            for path, methods in paths
            for method, operation in methods.items()
        }
        if status != 406:
            assert all(declared.values())
        asked = [(method, path) for (method, path), known in declared.items() if known]
        assert len(asked) > 40
        lines = [f"{method} {path} HTTP/1.1\r\n".encode() for method, path in asked]
        said = await asyncio.gather(*(wire.send(line + rest) for line in lines))
        for one, line in zip(said, lines, strict=True):
            assert (one.statuses, one.code) == ([status], code), line


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.1, text/html", 200),
        ("application/problem+json", 200),
        ("text/html, */*;q=0.8", 200),
        ("text/html", 406),
        ("*/*;q=0", 406),
        ("application/json;q=0.0, application/problem+json;q=0, */*", 406),
        ("image/png, text/*", 406),
    ],
)
async def test_accept_is_read_as_a_list_of_ranges(accept: str, status: int) -> None:
    async with served(example("notes")) as wire:
        assert (await wire.ask(None, "GET", "/v1/notes", b"", f"Accept: {accept}")).statuses == [status]


async def test_405_names_every_method_of_the_path_and_no_other() -> None:
    async with served(example("notes")) as wire:
        for path, methods in wire.api.document["paths"].items():
            said = await wire.ask(None, "PROPFIND", re.sub(r"\{\w+\}", NEVER, path))
            assert said.statuses == [405], path
            found = re.search(rb"\r\nallow: (.*?)\r\n", said.head)
            assert found is not None
            allowed = {name.strip().upper() for name in found[1].decode().split(",")}
            assert allowed - {"HEAD"} == {method.upper() for method in methods}, path
