"""Requests that are no requests, or two at once: smuggled, endless, never finished, aimed at somebody else."""

import asyncio

import pytest

from adapters.http import connection
from domain.ownership import Actor
from tests.application.world import NEVER
from tests.attacks.wire import CLOSE, HOST, JSON, Wire, served
from tests.http.test_records import EVERYTHING

LIVE = b"GET /health/live HTTP/1.1\r\n"
LOGIN = b"POST /auth/login HTTP/1.1\r\n" + HOST + JSON


def protected(head: bytes) -> bool:
    """Whether an answer has what every answer has."""
    wanted = (b"x-content-type-options: nosniff", b"frame-ancestors 'none'", b"x-request-id: ", b"referrer-policy: ")
    return all(line in head for line in wanted) and b"\r\nserver:" not in head


UNREADABLE = {
    "no host": LIVE + CLOSE + b"\r\n",
    "two hosts": LIVE + HOST + HOST + CLOSE + b"\r\n",
    "a host that is none": LIVE + b"Host: a/b@c\r\n" + CLOSE + b"\r\n",
    "http 0.9": b"GET /health/live\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http 3.7": b"GET /health/live HTTP/3.7\r\n" + HOST + b"\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "an unknown method": b"FROB / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT db.internal:5432 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path of bytes": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path with controls": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no path": b"GET http://freehold.test HTTP/1.1\r\n" + HOST + b"\r\n",
    "a port out of range": b"GET http://freehold.test:99999/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a folded header": LIVE + HOST + b"X: a\r\n b\r\n\r\n",
    "a space before the colon": LIVE + HOST + b"X : a\r\n\r\n",
    "nul in a header": LIVE + HOST + b"X: a\x00b\r\n\r\n",
    "a lone carriage return": LIVE + b"Host: a\rX: b\r\n\r\n",
    "lone line feeds": b"GET /health/live HTTP/1.1\nHost: a\n\n",
    "length and chunks": LOGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": LOGIN + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "the same length twice": LOGIN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": LOGIN + b"Content-Length: 2, 2\r\n\r\n{}",
    "a negative length": LOGIN + b"Content-Length: -2\r\n\r\n{}",
    "a length with a sign": LOGIN + b"Content-Length: +2\r\n\r\n{}",
    "a length in hexadecimal": LOGIN + b"Content-Length: 0x2\r\n\r\n{}",
    "a length beyond all": LOGIN + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "another coding": LOGIN + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "another coding in chunks": LOGIN + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks in another coding": LOGIN + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks twice": LOGIN + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a coding that looks like chunks": LOGIN + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks in http 1.0": b"POST /auth/login HTTP/1.0\r\n"
    + JSON
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk of no size": LOGIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond all": LOGIN + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk of another size": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_could_be_read_in_two_ways_is_not_read(wire: Wire, name: str) -> None:
    said = await wire.send(UNREADABLE[name])
    assert (said.statuses, said.code) == ([400], "bad_request")
    assert protected(said.head)
    assert b"content-type: application/problem+json\r\n" in said.head
    assert b"connection: close\r\n" in said.head


async def test_a_second_request_in_a_body_is_never_answered(wire: Wire, mary: Actor) -> None:
    """The classics of request smuggling: a front that counts differently would hand over somebody else's request."""
    hidden = b"DELETE /auth/me HTTP/1.1\r\n" + HOST + wire.bearer(mary) + b"\r\n"
    both = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(hidden))
    assert (await wire.send(LOGIN + both + hidden)).statuses == [400]
    spaced = b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n" + hidden
    assert (await wire.send(LOGIN + spaced)).statuses == [400]
    upgraded = LOGIN + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    assert (await wire.send(upgraded + hidden)).statuses == [400]
    closed = LIVE + HOST + CLOSE + b"\r\n"
    assert (await wire.send(closed + hidden)).statuses == [200]


async def test_fields_after_the_body_are_no_headers(wire: Wire, mary: Actor) -> None:
    """A trailer must not sign anybody in, nor anybody out: a proxy before us has not judged it."""
    start = b"GET /v3/boxes HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding: chunked\r\n"
    signed_in = await wire.send(start + b"\r\n0\r\n" + wire.bearer(mary) + b"\r\n")
    assert signed_in.statuses == [401]
    doubled = await wire.send(start + wire.bearer(mary) + b"\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert doubled.statuses == [200]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.2"])
async def test_nothing_is_upgraded(wire: Wire, protocol: bytes) -> None:
    fields = (
        b"Connection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n" % protocol
    )
    said = await wire.send(LIVE + HOST + fields + b"\r\n", b"\x81\x85garbage" * 100)
    assert said.statuses == [200]
    assert b"connection: close" in said.head


async def test_trace_is_not_offered(wire: Wire, mary: Actor) -> None:
    for path in ("/", "/v3/boxes", f"/v3/boxes/{NEVER}", "/auth/login"):
        said = await wire.ask(mary, "TRACE", path, b"", "X-Private: something private")
        assert said.statuses == [405]
        assert b"something private" not in said.raw
        assert wire.api.tokens[mary].encode() not in said.raw


async def test_a_host_has_no_effect(wire: Wire, mary: Actor) -> None:
    """No answer is built from it: not a link, not a location, not an error's path."""
    path = "/v3/boxes"
    for host in ("evil.example", "evil.example:1", "[", "[::1", "a:b:c", "%00", "evil.example?x", ""):
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\n".encode()
        body = b'{"name": "Lid"}'
        rest = CLOSE + JSON + wire.bearer(mary) + b"Content-Length: %d\r\n\r\n" % len(body)
        said = await wire.send(head + rest + body)
        assert said.statuses in ([201], [400])
        nowhere = f"GET /nowhere HTTP/1.1\r\nHost: {host}\r\nForwarded: host=evil.example\r\n".encode()
        missing = await wire.send(nowhere + CLOSE + b"\r\n")
        assert missing.statuses in ([404], [400]), host
        assert b"evil" not in said.raw + missing.raw


async def test_an_absolute_target_is_answered_like_its_path(wire: Wire) -> None:
    said = await wire.send(b"GET http://evil.example/nowhere HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert said.statuses == [404]
    assert b"evil" not in said.raw


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
async def test_a_method_is_not_overridden_on_the_wire(wire: Wire, mary: Actor, name: str) -> None:
    box = await wire.api.make(mary, "boxes", name="Lid")
    for method in ("GET", "HEAD"):
        assert (await wire.ask(mary, method, f"/v3/boxes/{box}", b"", f"{name}: DELETE")).statuses == [200]
    assert (await wire.ask(mary, "POST", f"/v3/boxes/{box}", b"_method=DELETE")).statuses == [405]
    assert (await wire.ask(mary, "GET", f"/v3/boxes?{name}=DELETE")).statuses == [422]
    assert (await wire.ask(mary, "GET", f"/v3/boxes/{box}")).statuses == [200]


# --- too much ------------------------------------------------------------------------------

FULL = connection.LARGEST_HEAD
OVERSIZED = {
    "one header": LIVE + HOST + b"X: " + b"a" * FULL + b"\r\n\r\n",
    "a header's name": LIVE + HOST + b"X" * FULL + b": a\r\n\r\n",
    "many headers": LIVE + HOST + b"X: a\r\n" * connection.MOST_FIELDS + b"\r\n",
    "a query string": b"GET /health/live?" + b"a" * FULL + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path": b"GET /" + b"a" * FULL + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path beyond the parser": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", OVERSIZED)
async def test_a_head_has_a_largest_size(wire: Wire, name: str) -> None:
    whole = OVERSIZED[name]
    for pieces in ((whole,), [whole[at : at + 5000] for at in range(0, len(whole), 5000)]):
        said = await wire.send(*pieces)
        assert (said.statuses, said.code) == ([431], "head_too_large")
        assert protected(said.head)


async def test_a_head_may_be_large(wire: Wire) -> None:
    """Up to the bound it is read, however it arrives."""
    whole = LIVE + HOST + CLOSE + b"X: " + b"a" * (FULL - 100) + b"\r\n\r\n"
    assert (await wire.send(whole)).statuses == [200]
    assert (await wire.send(*[whole[at : at + 2000] for at in range(0, len(whole), 2000)])).statuses == [200]
    fields = b"".join(b"X%d: a\r\n" % i for i in range(connection.MOST_FIELDS - 2))
    assert (await wire.send(LIVE + HOST + CLOSE + fields + b"\r\n")).statuses == [200]


@pytest.mark.parametrize("start", [LIVE + HOST + b"X: ", LIVE + HOST, b"GET /", b"G"])
async def test_a_head_without_an_end_is_cut_off(wire: Wire, start: bytes) -> None:
    piece = b"X: a\r\n" * 10_000 if start.endswith(HOST) else b"a" * 60_000
    assert await wire.flood(start, piece, 20_000_000) < 15_000_000, "what the kernels hold, and no more"


async def test_chunks_are_not_mostly_packaging(wire: Wire) -> None:
    start = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"
    assert (await wire.send(start, b"2;" + b"a" * 30_000, *[b"a" * 30_000] * 5)).statuses == [400]
    trailers = b"2\r\n{}\r\n0\r\n" + b"X: " + b"a" * 30_000
    assert (await wire.send(start, trailers, *[b"\r\nX: " + b"a" * 30_000] * 5)).statuses[:1] in ([400], [422])
    single = b"1\r\n \r\n" * 20_000
    said = await wire.send(LOGIN + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n", single, b"2\r\n{}\r\n0\r\n\r\n")
    assert said.statuses == [422], "chunks of one byte are read"


async def test_only_so_many_requests_may_be_sent_ahead(wire: Wire) -> None:
    one = LIVE + HOST + b"\r\n"
    few = await wire.send(one * 50 + LIVE + HOST + CLOSE + b"\r\n")
    assert few.statuses == [200] * 51
    many = await wire.send(one * 5000)
    assert len(many.statuses) <= connection.MOST_WAITING + 1


async def test_only_so_many_connections_are_held() -> None:
    async with served(EVERYTHING, connections=3) as wire:
        held = [await asyncio.open_connection("127.0.0.1", wire.port) for _ in range(3)]
        for _, writer in held:
            writer.write(LIVE + HOST)
        await asyncio.sleep(0)
        assert (await wire.send(LIVE + HOST + CLOSE + b"\r\n")).statuses == []
        for reader, writer in held:
            writer.write(CLOSE + b"\r\n")
            assert b" 200 " in await reader.read()
            writer.close()
        assert (await wire.send(LIVE + HOST + CLOSE + b"\r\n")).statuses == [200], "and then others again"


# --- too slow ------------------------------------------------------------------------------


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks that run out within a test."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(connection, name, 0.2)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("start", [b"", b"\r\n", b"G", LIVE, LIVE + HOST + b"X: "])
async def test_a_head_that_is_never_finished_ends_the_connection(wire: Wire, start: bytes) -> None:
    said = await wire.send(start)
    assert said.statuses == ([408] if start.strip() else [])


@pytest.mark.usefixtures("hurry")
async def test_a_head_that_comes_drop_by_drop_ends_the_connection(wire: Wire) -> None:
    """A new drop starts no new clock."""
    drops = [bytes([byte]) for byte in LIVE + b"X: " + b"a" * 200]
    said = await wire.send(*drops, pause=0.01)
    assert said.statuses == [408]


@pytest.mark.usefixtures("hurry")
async def test_a_body_that_comes_drop_by_drop_ends_the_connection(wire: Wire) -> None:
    drops = [b" "] * 100
    said = await wire.send(LOGIN + b"Content-Length: 10000\r\n\r\n", *drops, pause=0.01)
    assert said.statuses == [408]
    said = await wire.send(LOGIN + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 100, pause=0.01)
    assert said.statuses == [408]
    unread = LIVE + HOST + b"Content-Length: 10000\r\n\r\n"
    assert (await wire.send(unread, *drops, pause=0.01)).statuses == [200]


@pytest.mark.usefixtures("hurry")
async def test_empty_lines_keep_no_connection_open(wire: Wire) -> None:
    said = await wire.send(LIVE + HOST + b"\r\n", *[b"\r\n"] * 100, pause=0.01)
    assert said.statuses == [200]


@pytest.mark.usefixtures("hurry")
async def test_an_answer_that_nobody_reads_ends_the_connection(wire: Wire, mary: Actor) -> None:
    for _ in range(20):
        await wire.api.make(mary, "boxes", name="Lid", extra="a" * 100_000)
    _, writer = await asyncio.open_connection("127.0.0.1", wire.port, limit=1)
    request = b"GET /v3/boxes HTTP/1.1\r\n" + HOST + wire.bearer(mary) + b"\r\n"
    writer.write(request * 50)
    await wire.deserted()
    writer.close()
