"""Bodies on the wire: too large, lying about their length, compressed, of another type, or no JSON at all."""

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest

from adapters.http.connection import LARGEST_REMNANT
from adapters.http.messages import LARGEST_BODY
from domain.ownership import Actor
from tests.application.world import NEVER
from tests.attacks.wire import CLOSE, HOST, JSON, Said, Wire
from tests.http.test_messages import NOT_JSON

BOX = b'{"name": "x"}'
TYPE = "Content-Type: application/json"


async def post(wire: Wire, mary: Actor, body: bytes, *headers: str, path: str = "/v3/boxes") -> Said:
    """POST it, as JSON unless headers say otherwise."""
    return await wire.ask(mary, "POST", path, body, *(headers or (TYPE,)))


def head(wire: Wire, mary: Actor, path: str = "/v3/boxes") -> bytes:
    """A POST that lacks only what frames its body."""
    return b"POST %s HTTP/1.1\r\n" % path.encode() + HOST + CLOSE + JSON + wire.bearer(mary)


# --- how much ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v3/boxes", "/auth/login", "/auth/logout", "/auth/password"])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(wire: Wire, mary: Actor, path: str) -> None:
    """Nothing of it is sent here, and the answer is there at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(head(wire, mary, path) + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_chunks_are_counted(wire: Wire, mary: Actor) -> None:
    start = head(wire, mary) + b"Transfer-Encoding: chunked\r\n\r\n"
    said = await wire.send(start, *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 17, b"0\r\n\r\n")
    assert (said.statuses, said.code) == ([413], "content_too_large")


async def test_bytes_after_the_announced_end_are_no_part_of_the_body(wire: Wire, mary: Actor) -> None:
    said = await wire.send(head(wire, mary) + b"Content-Length: %d\r\n\r\n" % len(BOX) + BOX + b" " * 10)
    assert said.statuses == [201]
    short = await wire.send(head(wire, mary) + b"Content-Length: 5\r\n\r\n" + BOX)
    assert (short.statuses, short.code) == ([400], "malformed_json")


async def test_a_body_that_ends_early_makes_no_record(wire: Wire, mary: Actor) -> None:
    """What came may look whole and mean something else."""
    for framing in (b"Content-Length: 20\r\n\r\n" + BOX, b"Transfer-Encoding: chunked\r\n\r\nd\r\n" + BOX + b"\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(head(wire, mary) + framing)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await wire.deserted()
    assert (await wire.api.get(mary, "boxes")).json()["items"] == []


async def test_what_follows_an_answer_is_thrown_away_up_to_a_bound(wire: Wire, mary: Actor) -> None:
    start = b"GET /v3/boxes HTTP/1.1\r\n" + HOST + wire.bearer(mary)
    length = b"Content-Length: %d\r\n\r\n"
    said = await wire.send(start + CLOSE + length % 1_000_000 + bytes(1_000_000))
    assert said.statuses == [200]
    over = 4 * LARGEST_REMNANT
    assert await wire.flood(start + length % over, bytes(65536), over) < over


@pytest.mark.parametrize("last", [b"", CLOSE])
async def test_a_caller_who_sends_too_much_hears_why(wire: Wire, last: bytes) -> None:
    """Also where the connection ends with the answer: what is still on its way must not take that away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"POST /auth/login HTTP/1.1\r\n" + HOST + JSON + last + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(3 * LARGEST_BODY // 65536):
        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    assert (await reader.readuntil(b"\r\n")).split()[1] == b"413"
    writer.close()


async def test_a_body_where_none_is_read_changes_nothing(wire: Wire, mary: Actor) -> None:
    box = await wire.api.make(mary, "boxes", name="Lid")
    for method, path, status in (
        ("GET", f"/v3/boxes/{box}", 200),
        ("HEAD", "/v3/boxes", 200),
        ("GET", "/auth/me", 200),
        ("DELETE", f"/v3/boxes/{NEVER}", 404),
    ):
        said = await wire.ask(mary, method, path, b'{"name": "y"}', TYPE)
        assert said.statuses == [status], (method, path)
    assert (await wire.api.get(mary, f"boxes/{box}")).json()["name"] == "Lid"


async def test_a_caller_who_waits_for_permission_gets_it_or_the_answer(wire: Wire, mary: Actor) -> None:
    expecting = head(wire, mary) + b"Expect: 100-continue\r\n"
    said = await wire.send(expecting + b"Content-Length: %d\r\n\r\n" % len(BOX), BOX)
    assert said.statuses == [100, 201]
    said = await wire.send(expecting + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
    assert said.statuses == [413]


# --- of which kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        ("X: no type",),
        ("Content-Type: text/plain",),
        ("Content-Type: application/x-www-form-urlencoded",),
        ("Content-Type: multipart/form-data; boundary=x",),
        ("Content-Type: application/xml",),
        ("Content-Type: application/json, text/plain",),
        ("Content-Type: application/jsonp",),
        ("Content-Type: ",),
        (TYPE, "Content-Type: text/plain"),
        ("Content-Type: text/plain", TYPE),
        (TYPE, TYPE),
        (TYPE + "; charset=utf-16",),
        (TYPE + "; charset=utf-7",),
        (TYPE + '; charset="iso-8859-1"',),
    ],
)
async def test_only_json_in_utf_8_is_read(wire: Wire, mary: Actor, headers: tuple[str, ...]) -> None:
    for method, path in (("POST", "/v3/boxes"), ("PATCH", f"/v3/boxes/{NEVER}"), ("POST", "/auth/login")):
        said = await wire.ask(mary, method, path, BOX, *headers)
        assert (said.statuses, said.code) == ([415], "unsupported_media_type"), (method, path)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x"])
async def test_a_compressed_body_is_not_unpacked(wire: Wire, mary: Actor, coding: str) -> None:
    bombs = {"gzip": gzip.compress(bytes(10_000_000)), "deflate": zlib.compress(bytes(10_000_000))}
    said = await post(wire, mary, bombs.get(coding, BOX), TYPE, f"Content-Encoding: {coding}")
    assert (said.statuses, said.code) == ([415], "unsupported_media_type")
    assert (await post(wire, mary, BOX, TYPE, "Content-Encoding: identity")).statuses == [201]


# --- what it says --------------------------------------------------------------------------


async def test_what_is_not_strict_json_is_malformed_on_the_wire(wire: Wire, mary: Actor) -> None:
    for body in [*NOT_JSON, b'{"name": "a", "n\\u0061me": "b"}', b'{"name": "x", "size": 01}', b'{"name": "x"}\x00']:
        if body:
            assert (await post(wire, mary, body)).statuses == [400], body[:60]


@pytest.mark.parametrize(
    "raw",
    [b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x88\x80\x80\x80", b"\xf4\x90\x80\x80"],
)
async def test_overlong_utf_8_is_refused(wire: Wire, mary: Actor, raw: bytes) -> None:
    assert (await post(wire, mary, b'{"name": "' + raw + b'"}')).statuses == [400]
    form = b"grant_type=password&username=" + b"".join(b"%%%02x" % byte for byte in raw) + b"&password=long+enough"
    headers = ("Content-Type: application/x-www-form-urlencoded",)
    assert (await post(wire, mary, form, *headers, path="/auth/token")).statuses == [400]
    query = "".join(f"%{byte:02x}" for byte in raw)
    assert (await wire.ask(mary, "GET", f"/v3/boxes?name={query}")).statuses == [400]


@pytest.mark.parametrize("text", [r'"\u0000"', r'"\ud800"', r'"\udfff x"', r'"\ude00\ud83d"', '"a\\u0000b"'])
async def test_text_that_is_none_is_refused(wire: Wire, mary: Actor, text: str) -> None:
    for field in ("name", "extra", "mail", "page", "code", "kind"):
        body = f'{{"name": "x", "{field}": {text}}}' if field != "name" else f'{{"name": {text}}}'
        assert (await post(wire, mary, body.encode())).statuses == [422], field
    key = f'{{"name": "x", "extra": {{{text}: 1}}}}'
    assert (await post(wire, mary, key.encode())).statuses == [422]
    login = f'{{"email": {text}, "password": {text}}}'.encode()
    assert (await post(wire, mary, login, path="/auth/login")).statuses in ([401], [422])
    assert (await post(wire, mary, login, path="/auth/register")).statuses == [422]
    refresh = f'{{"refresh_token": {text}}}'.encode()
    assert (await post(wire, mary, refresh, path="/auth/refresh")).statuses in ([401], [422])


BEYOND = 2**53
DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "number", [str(BEYOND), str(-BEYOND), "1e400", "-1e400", DIGITS, f"-{DIGITS}", f"0.{DIGITS}e400"]
)
async def test_numbers_beyond_what_json_can_exchange_are_refused(wire: Wire, mary: Actor, number: str) -> None:
    for field in ("size", "extra"):
        body = f'{{"name": "x", "{field}": {number}}}'.encode()
        assert (await post(wire, mary, body)).statuses in ([400], [422]), field
        listed = f'{{"name": "x", "extra": [{{"deep": {number}}}]}}'.encode()
        assert (await post(wire, mary, listed)).statuses in ([400], [422])
    for query in (f"size={number}", f"limit={number}", f"weight={number}"):
        assert (await wire.ask(mary, "GET", f"/v3/boxes?{query}")).statuses in ([200], [400], [422]), query


async def test_the_largest_integers_come_back_as_they_went_in(wire: Wire, mary: Actor) -> None:
    body = json.dumps({"name": "x", "size": BEYOND - 1, "extra": [BEYOND - 1, 1 - BEYOND]}).encode()
    said = await post(wire, mary, body)
    assert said.statuses == [201]
    found: dict[str, Any] = json.loads(said.raw.partition(b"\r\n\r\n")[2])
    assert (found["size"], found["extra"]) == (BEYOND - 1, [BEYOND - 1, 1 - BEYOND])


async def test_many_short_things_take_no_long_time(wire: Wire, mary: Actor) -> None:
    """Keys that collide, brackets in texts, escapes: a megabyte of each is judged within seconds."""
    keys = ", ".join(f'"k{i}": 0' for i in range(60_000))
    for body in (
        f'{{"name": "x", "extra": {{{keys}}}}}',
        f"{{{keys}}}",
        '{"name": "x", "extra": "' + "[{" * 300_000 + '"}',
        '{"name": "' + "\\u0041" * 150_000 + '"}',
        '{"name": "x", "extra": [' + "[]," * 250_000 + "[]]}",
        '{"name": "x", "extra": [' + "{}," * 250_000 + "{}]}",
    ):
        async with asyncio.timeout(10):
            assert (await post(wire, mary, body.encode())).statuses in ([201], [422])
