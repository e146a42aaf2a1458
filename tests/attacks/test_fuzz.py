"""Anything at all, to every route of every example, on a real socket: no defect, no connection that hangs.

`FREEHOLD_TEST_FUZZ=50 python3 dev.py test tests/attacks/test_fuzz.py` tries fifty times as much.
"""

import asyncio
import json
import os
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.http import connection
from tests.application.world import NAMES, NEVER, example
from tests.attacks.wire import HOST, Wire, served
from tests.logs import Log

FACTOR = int(os.environ.get("FREEHOLD_TEST_FUZZ", "1"))
FUZZ = settings(
    max_examples=12 * FACTOR,
    deadline=None,
    derandomize=FACTOR == 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TOGETHER = 25
"""messages that are sent at the same time, each on a connection of its own"""

METHODS = st.sampled_from(
    [*["GET", "POST", "PATCH", "DELETE"] * 5, "HEAD", "PUT", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X"]
)
BYTES = st.binary(max_size=24)
TEXT = st.text(st.characters(exclude_categories=[]), max_size=12)
ESCAPED = BYTES.map(lambda raw: "".join(chr(b) if chr(b).isalnum() else f"%{b:02x}" for b in raw))
NUMBERS = st.integers(-(10**25), 10**25).map(str) | st.sampled_from(["1e400", "-0", "0.1", "1E2"])
NOT_JSON = st.sampled_from(["NaN", "-Infinity", "9" * 5000, "{", "'a'", "01", ""])
PLAIN = ["null", "true", "1", '""', '"a"', f'"{NEVER}"', '"2026-01-01T00:00:00Z"', '"2026-01-01"', '"1.50"', '"open"']
VALUES = st.recursive(
    st.sampled_from(PLAIN * 3)
    | st.sampled_from([*PLAIN, '"\\u0000"', '"\\ud800"', '"mary@example.com"', '"correct horse battery"'])
    | NUMBERS
    | st.integers(0, 3).flatmap(lambda chance: TEXT.map(json.dumps) if chance else NOT_JSON),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    max_leaves=4,
)
TYPES = st.sampled_from(
    [
        *["application/json"] * 9,
        "application/merge-patch+json",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            *(b"Transfer-Encoding: chunked", b"Content-Length: 7", b"Content-Length: 0", b"Expect: 100-continue"),
            *(b"If-Match: *", b'If-None-Match: "x"', b"If-Match: \xff,,", b"Content-Encoding: gzip", HOST.strip()),
            *(
                b"Authorization: Bearer a.b.c",
                b"Connection: Upgrade",
                b"Upgrade: h2c",
                b"Cookie: a=b",
                b"Connection: x",
            ),
            *(b"X-HTTP-Method-Override: DELETE", b"Origin: null", b"Accept-Encoding: *", b"Range: bytes=0-", b"TE: x"),
        ]
    )
    | st.builds(
        lambda name, value: name + b": " + value, st.sampled_from([b"X", b"Cookie", b"Accept", b"\xff"]), BYTES
    ),
    max_size=2,
)
FEW_HEADERS = st.just([]) | st.just([]) | st.just([]) | HEADERS


class Target:
    """A served example: its routes, what they read, and somebody who is signed in."""

    def __init__(self, wire: Wire, bearer: bytes, ids: list[str]) -> None:
        self.wire, self.bearer = wire, bearer
        paths = [(method, path) for path, methods in wire.api.document["paths"].items() for method in methods]
        paths += [("get", path) for path in ("/", "/docs", "/docs/{asset}", "/openapi.json", "/nowhere")]
        places = st.sampled_from([NEVER, *ids])
        self.known = st.builds(
            lambda pair, place: (pair[0].upper(), re.sub(r"\{\w+\}", place, pair[1])), st.sampled_from(paths), places
        )
        schemas = wire.api.document["components"]["schemas"].values()
        self.objects = st.sampled_from([schema for schema in schemas if "properties" in schema]).flatmap(_fitting)
        operations = [o for methods in wire.api.document["paths"].values() for o in methods.values()]
        self.parameters = sorted({p["name"] for o in operations for p in o.get("parameters", [])})

    def messages(self) -> st.SearchStrategy[bytes]:
        """Requests as a careless or a hostile client writes them, some of them damaged somewhere."""
        fields = st.sampled_from(["grant_type", "username", "password", "refresh_token"])
        forms = st.lists(st.tuples(fields, ESCAPED)).map(
            lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode()
        )
        bodies = self.objects | self.objects | forms | BYTES
        names = st.sampled_from(self.parameters) | ESCAPED
        values = ESCAPED | NUMBERS | st.sampled_from(["a,b", "\\,", NEVER, "true", "created_at"])
        queries = st.just([]) | st.lists(st.tuples(names, values), max_size=3)
        targets = self.known | self.known | self.known | st.tuples(METHODS, self.known.map(lambda pair: pair[1]))
        chances = st.integers(0, 9)
        whole = st.builds(self._message, targets, queries, TYPES, FEW_HEADERS, bodies, chances)
        return whole | whole | whole | st.builds(_damaged, whole, st.integers(0, 400), st.integers(0, 3), BYTES)

    def _message(
        self,
        meant: tuple[str, str],
        query: list[tuple[str, str]],
        kind: str,
        headers: list[bytes],
        body: bytes,
        chance: int,
    ) -> bytes:
        asked = "&".join(f"{name}={value}" for name, value in query).replace(" ", "+")
        method, path = meant
        target = f"{path}?{asked}" if asked else path
        lines = [f"{method} {target} HTTP/1.1".encode(), HOST.strip(), *headers]
        if kind:
            lines.append(f"Content-Type: {kind}".encode())
        if body and not any(line.startswith((b"Content-Length", b"Transfer")) for line in headers):
            lines.append(b"Content-Length: %d" % len(body))
        if b"Transfer-Encoding: chunked" in headers:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return b"\r\n".join(lines) + b"\r\n" + (self.bearer if chance else b"") + b"\r\n" + body


def _fitting(schema: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Objects that have what a schema asks for, now and then of the right type, and some of what else it knows."""
    required = dict.fromkeys(schema.get("required", []), VALUES)
    optional = {name: VALUES for name in [*schema["properties"], "surprise"] if name not in required}
    members = st.fixed_dictionaries(required, optional=dict(list(optional.items())[:3]))
    return members.map(lambda found: ("{" + ", ".join(f'"{k}": {v}' for k, v in found.items()) + "}").encode())


def _damaged(message: bytes, at: int, gone: int, put: bytes) -> bytes:
    return message[:at] + put + message[at + gone :]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(connection, name, 0.1)


@pytest.mark.parametrize("name", NAMES)
def test_no_message_breaks_or_holds_an_example(name: str, log: Log) -> None:
    """What is accepted is a record like any other; what is refused is refused with a status that is no defect."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def serve() -> Target:
            wire = await stack.enter_async_context(served(example(name), idle=0.05))
            mary = await wire.api.person("mary")
            return Target(wire, wire.bearer(mary), [str(mary.account)])

        target = runner.run(serve())

        @FUZZ
        @given(st.lists(target.messages(), min_size=TOGETHER, max_size=TOGETHER))
        def sends(messages: list[bytes]) -> None:
            async def all_of_them() -> list[int]:
                said = await asyncio.gather(*(target.wire.send(message) for message in messages))
                await target.wire.deserted()
                return [status for one in said for status in one.statuses]

            statuses = runner.run(all_of_them())
            assert log.errors == []
            assert {status for status in statuses if status >= 500} == set()

        sends()
        runner.run(stack.aclose())
