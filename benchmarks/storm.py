"""Does a storm of sign-ins hold up those who read? Reads at a steady pace, first alone, then beside 200 who sign in.

python -m benchmarks.storm [--seconds N]

Each of 4 connections reads a record every 20 ms. Then 200 connections sign in at the same time, each again as soon as
it is answered (after 503: when `Retry-After` says). The sign-ins come from one address here, as they would from many:
the rate limits are off, so that what bounds the hashing is all there is. Exit code 1 where the 99th percentile of the
reads is more than 5 times what it was, or where a sign-in waited for longer than `PATIENCE`.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import uvloop

from benchmarks.data import PASSWORD, Data
from benchmarks.processes import Process, Trouble, free_port
from benchmarks.run import PLACE, console
from benchmarks.servers import Freehold
from benchmarks.workload import Workload

READERS: Final = 4
PACE: Final = 0.02
"""seconds between two reads of a connection"""
SIGNING_IN: Final = 200
WARM_UP: Final = 2.0
"""seconds of reading that are not measured"""
MOST: Final = 5.0
"""times the 99th percentile of the reads alone"""
PATIENCE: Final = 15.0
"""seconds that a sign-in may take"""


@dataclass
class Seen:
    """Answers, by status, and how long each took."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        """One more."""
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)

    def quantile(self, share: float, status: int = 200) -> float:
        """Milliseconds."""
        times = sorted(self.seconds.get(status, [0.0]))
        return 1000 * times[min(len(times) - 1, int(share * len(times)))]


class Connection:
    """A connection that is kept alive, with one request under way."""

    async def open(self, port: int) -> "Connection":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, request: bytes, seen: Seen) -> tuple[int, float]:
        """Status, and the seconds to wait before trying again."""
        begun = time.perf_counter()
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(_header(head, b"content-length")))
        status = int(head[9:12])
        seen.add(status, time.perf_counter() - begun)
        return status, float(_header(head, b"retry-after") or 0)

    def close(self) -> None:
        """Let go."""
        self._writer.close()


def _header(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


async def read(port: int, requests: Iterator[bytes], until: float) -> Seen:
    """Read at a steady pace."""
    seen = Seen()

    async def one(number: int) -> None:
        connection = await Connection().open(port)
        due = time.perf_counter() + PACE * number / READERS
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await connection.ask(next(requests), seen)
            due += PACE
        connection.close()

    await asyncio.gather(*map(one, range(READERS)))
    return seen


async def sign_in(port: int, requests: list[bytes], until: float) -> Seen:
    """Sign in without end, all at once."""
    seen = Seen()

    async def one(number: int) -> None:
        connection = await Connection().open(port)
        while time.perf_counter() < until:
            _, wait = await connection.ask(requests[number % len(requests)], seen)
            await asyncio.sleep(wait)
        connection.close()

    await asyncio.gather(*map(one, range(SIGNING_IN)))
    return seen


async def measure(
    port: int, reading: Iterator[bytes], signing_in: list[bytes], seconds: float
) -> tuple[Seen, Seen, Seen]:
    """Reads alone; reads beside the storm; the storm."""
    await read(port, reading, time.perf_counter() + WARM_UP)
    alone = await read(port, reading, time.perf_counter() + seconds)
    until = time.perf_counter() + seconds
    storm = asyncio.create_task(sign_in(port, signing_in, until))
    beside = await read(port, reading, until)
    return alone, beside, await storm


def main() -> int:
    """Measure, tell, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, metavar="N", help="of each of both parts (20)")
    seconds = parser.parse_args().seconds
    data = Data(300, notebooks=20, notes=25)
    server = Freehold(PLACE / "storm")
    try:
        server.prepare(data)
        port = free_port()
        with Process(server.command(port), {"FREEHOLD_RATE_LIMITS": "off"}, server.folder / "server.log") as process:
            process.wait_until_ready(port, server.ready)
            tokens = {account: server.log_in(port, account) for account in data.accounts}
            reading = cycle(text.encode() for text, _ in Workload(data).requests("A", server, port, tokens))
            bodies = [json.dumps({"email": account.email, "password": PASSWORD}) for account in data.accounts]
            head = "POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            signing_in = [f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode() for body in bodies]
            alone, beside, storm = uvloop.run(measure(port, reading, signing_in, seconds))
    finally:
        server.remove()
    if set(alone.statuses) | set(beside.statuses) != {200} or not set(storm.statuses) <= {200, 503}:
        raise Trouble(f"other answers than planned: {alone.statuses} {beside.statuses} {storm.statuses}")
    times = beside.quantile(0.99) / alone.quantile(0.99)
    slowest = max(storm.quantile(1), storm.quantile(1, 503))
    for name, seen in (("alone", alone), ("beside the storm", beside)):
        console.print(
            f"reads {name}: p50 {seen.quantile(0.5):.2f} ms, p99 {seen.quantile(0.99):.2f} ms, "
            f"slowest {seen.quantile(1):.1f} ms, of {seen.statuses[200]:,}"
        )
    console.print(
        f"sign-ins: {storm.statuses[200]:,} went well, p50 {storm.quantile(0.5):,.0f} ms, slowest "
        f"{storm.quantile(1):,.0f} ms; {storm.statuses[503]:,} were told to come later (503), slowest "
        f"{storm.quantile(1, 503):,.0f} ms\np99 of reads: {times:.1f} times, at most {MOST:.0f} are allowed"
    )
    return 1 if times > MOST or slowest > 1000 * PATIENCE else 0


if __name__ == "__main__":
    sys.exit(main())
