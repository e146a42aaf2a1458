"""The load generator: so many keep-alive connections, each with one request under way, as fast as answers come.

It runs as a process of its own, takes a `Plan` from standard input and writes a `Result` to standard output, both as
JSON. Requests are bytes before it starts; only a serial number is put into those that write, so that each of them
changes something. Any answer with another status than the planned one, a lost connection or `PATIENCE` seconds of
silence ends the run with exit code 1 and a sentence on standard error.

    python -m benchmarks.load < plan.json         generate load
    python -m benchmarks.load --bare PORT         answer every request with the same 500 bytes, to test the generator
"""

import asyncio
import gc
import json
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count, cycle
from typing import Final

import uvloop

SERIAL: Final = "serial000000"
"""stands in a planned request where each sent one gets its number, of as many digits"""
PATIENCE: Final = 30.0
"""seconds without any answer, or for the last ones, after which a server counts as hanging"""
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send to a port of this machine; requests are taken in turn, by whichever connection is free."""

    port: int
    connections: int
    warm_up: float
    """seconds that are not measured"""
    seconds: float
    serial: int
    """the first number"""
    requests: Sequence[tuple[str, int]]
    """text and the status that must answer it"""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured. A connection sends when its last answer is complete, so this is a closed loop."""

    per_second: float
    """answers within the measured seconds, by those"""
    p50: float
    """milliseconds from sending to the complete answer, of all requests sent within the measured seconds"""
    p90: float
    p99: float
    slowest: float
    answers: int
    """all of them, warm-up included"""
    elapsed: float
    """seconds, warm-up included"""
    busy: float
    """share of the measured seconds that the generator used its core; near 1 it is the generator that was measured"""


class Failure(Exception):
    """The server did not do as planned."""


@dataclass(frozen=True, slots=True)
class _Request:
    head: bytes
    tail: bytes | None
    """what follows the serial number, if there is one"""
    status: bytes


class Run:
    """The clock and the counts that all connections share."""

    def __init__(self, plan: Plan, over: asyncio.Future[None]) -> None:
        """Begin now; `over` is done when every connection has its last answer, or fails."""
        self.over = over
        self.requests: Iterator[_Request] = cycle([_planned(text, status) for text, status in plan.requests])
        self.serials = count(plan.serial)
        self.latencies = array("Q")
        self.answers = self.within = 0
        self.working = plan.connections
        self.begun = self.heard = time.perf_counter_ns()
        self.since = self.begun + int(plan.warm_up * 1e9)
        self.until = self.since + int(plan.seconds * 1e9)

    def fail(self, why: str) -> None:
        """End everything with the first thing that went wrong."""
        if not self.over.done():
            self.over.set_exception(Failure(why))

    def one_less(self) -> None:
        """A connection is done."""
        self.working -= 1
        if not self.working and not self.over.done():
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is complete."""

    def __init__(self, run: Run) -> None:
        """Belong to a run."""
        self._run = run
        self._part = b""
        self._transport: asyncio.Transport
        self._request: _Request
        self._sent: int

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; sending begins when all are connected."""
        self._transport = transport  # type: ignore[assignment]

    def send(self) -> None:
        """Send the next request of the plan."""
        run = self._run
        self._request = request = next(run.requests)
        text = request.head
        if request.tail is not None:
            text = b"%b%012d%b" % (text, next(run.serials), request.tail)
        self._sent = time.perf_counter_ns()
        self._transport.write(text)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer, mostly all of it."""
        now = time.perf_counter_ns()
        if self._part:
            data = self._part + data
        if not is_complete(data):
            self._part = data
            return
        self._part = b""
        run = self._run
        if data[9:12] != self._request.status:
            asked = self._request.head.split(b" HTTP/", 1)[0].decode()
            run.fail(f"{asked}: not {self._request.status.decode()} but {data[9:600].decode(errors='replace')}")
            return
        run.answers += 1
        run.heard = now
        if self._sent >= run.since:
            run.latencies.append(now - self._sent)
        if run.since <= now < run.until:
            run.within += 1
        if now < run.until:
            self.send()
        else:
            run.one_less()

    def connection_lost(self, exc: Exception | None) -> None:
        """Servers must keep connections alive."""
        self._run.fail(f"the server closed a connection{f': {exc}' if exc else ''}")


def is_complete(data: bytes) -> bool:
    """Whether an answer is all there: with a content length, chunked (JSON has no bare line ends), or without body."""
    end = data.find(_HEAD_END)
    if end < 0:
        return False
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = head.find(b"\r\n", at + 17)
        return len(data) >= end + 4 + int(head[at + 17 : stop if stop >= 0 else end])
    if b"\r\ntransfer-encoding: chunked" in head:
        return data.endswith(b"\r\n0\r\n\r\n")
    return True


def _planned(text: str, status: int) -> _Request:
    head, marked, tail = text.encode("ascii").partition(SERIAL.encode())
    return _Request(head, tail if marked else None, str(status).encode())


async def generate(plan: Plan) -> Result:
    """Do what is planned. Raises `Failure` where the server does not."""
    loop = asyncio.get_running_loop()
    run = Run(plan, loop.create_future())
    try:
        made = [
            await loop.create_connection(lambda: Connection(run), "127.0.0.1", plan.port)
            for _ in range(plan.connections)
        ]
    except OSError as error:
        raise Failure(f"no connection: {error}") from error
    for _, connection in made:
        connection.send()
    await asyncio.sleep(plan.warm_up)
    used = time.process_time()
    while not run.over.done() and (left := run.until - time.perf_counter_ns()) > 0:
        await asyncio.wait([run.over], timeout=min(left / 1e9, 1.0))
        if time.perf_counter_ns() - run.heard > PATIENCE * 1e9:
            run.fail(f"no answer for {PATIENCE:.0f} s")
    busy = (time.process_time() - used) / plan.seconds
    await asyncio.wait([run.over], timeout=PATIENCE)
    run.fail(f"{run.working} requests still without an answer after {PATIENCE:.0f} s")
    run.over.result()
    elapsed = (time.perf_counter_ns() - run.begun) / 1e9
    times = sorted(run.latencies)
    if not times:
        raise Failure("nothing was answered in the measured seconds")

    def quantile(share: float) -> float:
        return round(times[min(len(times) - 1, int(share * len(times)))] / 1e6, 3)

    return Result(
        per_second=round(run.within / plan.seconds, 1),
        p50=quantile(0.5),
        p90=quantile(0.9),
        p99=quantile(0.99),
        slowest=quantile(1),
        answers=run.answers,
        elapsed=round(elapsed, 3),
        busy=round(busy, 3),
    )


class Bare(asyncio.Protocol):
    """Looks at nothing and answers with 500 bytes: about the least that a server on this event loop can do."""

    ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n" + b" " * 500

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._transport.write(self.ANSWER)


async def serve_bare(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


def main() -> int:
    """Generate load, or be the bare server."""
    if sys.argv[1:2] == ["--bare"]:
        uvloop.run(serve_bare(int(sys.argv[2])))
        return 0
    plan = Plan(**json.load(sys.stdin))
    gc.freeze()
    gc.disable()
    try:
        print(json.dumps(asdict(uvloop.run(generate(plan)))))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
