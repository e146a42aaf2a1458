"""Password hashing: Argon2id by passlib's context, off the event loop and never more at once than can be spared."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from passlib.context import CryptContext  # type: ignore[import-untyped]

from domain.errors import Unavailable

THREADS = max(1, min(2, (os.cpu_count() or 1) - 1))
"""a core stays free for everything else"""
YIELDING = 10
"""how much nicer than everything else the hashing is (`nice`)"""
PATIENCE = 10.0
"""seconds that anybody waits at most, on a machine that has no time to spare for hashing"""
RETURNING = 4
"""seconds over which those who are turned away are told to come again, or they would do so all at once"""
LONGEST_QUEUE = 64
"""hashings under way or waiting, of about 30 ms each; who comes later is turned away"""

P = ParamSpec("P")
T = TypeVar("T")


class PasslibPasswords:
    """The `Passwords` port: Argon2id with 19 MiB, 2 passes and 1 lane (OWASP); bcrypt is accepted and upgraded."""

    def __init__(self, memory_kib: int = 19_456, passes: int = 2) -> None:
        """Make the hash that stands in for unknown accounts' ones. Tests may ask for less work."""
        self._context = CryptContext(
            schemes=["argon2", "bcrypt"],
            deprecated=["bcrypt"],
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=passes,
            argon2__parallelism=1,
        )
        self._nobody = self._context.hash(secrets.token_urlsafe())
        self._threads = ThreadPoolExecutor(THREADS, "freehold-passwords", _yield_to_others)
        self._room = threading.BoundedSemaphore(LONGEST_QUEUE)

    async def hash(self, password: str) -> str:
        """See the port."""
        return await self._run(self._context.hash, password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """See the port."""
        return await self._run(self._verify, password, stored)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if stored is not None:
            try:
                right, renewed = self._context.verify_and_update(password, stored)
                return bool(right), renewed
            except ValueError:
                # no hash that we know, or a password that bcrypt cannot take (NUL, over 72 bytes): it cannot match
                pass
        self._context.verify(password, self._nobody)
        return False, None

    async def _run(self, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        if not self._room.acquire(blocking=False):
            raise _too_many()
        try:
            future = self._threads.submit(work, *args, **options)
        except BaseException:
            self._room.release()
            raise
        # also when the request that waits is given up: the thread works on until it is done
        future.add_done_callback(lambda _: self._room.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE)
        except TimeoutError as error:
            raise _too_many() from error

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(cancel_futures=True)


def _too_many() -> Unavailable:
    wait = 1 + secrets.randbelow(RETURNING)
    return Unavailable("Too many people are signing in right now. Try again.", wait=wait)


def _yield_to_others() -> None:
    """Let whatever else wants the processor have it first: on Linux each thread has a niceness of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), YIELDING)
