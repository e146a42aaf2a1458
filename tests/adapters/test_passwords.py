"""Hashing: which, how much work for whom, and how many at once."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import bcrypt
import pytest

from adapters import passwords
from adapters.passwords import PasslibPasswords
from domain.errors import Unavailable


@pytest.fixture(scope="module")
def hasher() -> Iterator[PasslibPasswords]:
    made = PasslibPasswords(memory_kib=64, passes=1)
    yield made
    made.close()


async def test_the_default_is_argon2id_as_owasp_asks() -> None:
    made = PasslibPasswords()
    hashed = await made.hash("passw0rd")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await made.verify("passw0rd", hashed) == (True, None)
    made.close()


async def test_verify(hasher: PasslibPasswords) -> None:
    hashed = await hasher.hash("passw0rd")
    assert hashed != await hasher.hash("passw0rd")
    assert await hasher.verify("Passw0rd", hashed) == (False, None)
    assert await hasher.verify("passw0rd", None) == (False, None)


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
async def test_bcrypt_is_accepted_and_upgraded(hasher: PasslibPasswords, prefix: bytes) -> None:
    stored = bcrypt.hashpw(b"passw0rd", bcrypt.gensalt(4, prefix)).decode()
    right, renewed = await hasher.verify("passw0rd", stored)
    assert right
    assert renewed is not None
    assert await hasher.verify("passw0rd", renewed) == (True, None)
    assert await hasher.verify("wrong", stored) == (False, None)


async def test_less_work_is_upgraded(hasher: PasslibPasswords) -> None:
    stronger = PasslibPasswords(memory_kib=128, passes=1)
    _, renewed = await stronger.verify("passw0rd", await hasher.hash("passw0rd"))
    assert renewed is not None
    assert "m=128" in renewed
    stronger.close()


@pytest.mark.parametrize("stored", ["", "passw0rd", "$argon2id$nonsense", "$1$abc$def"])
async def test_an_unknown_hash_matches_nothing(hasher: PasslibPasswords, stored: str) -> None:
    assert await hasher.verify("passw0rd", stored) == (False, None)


@pytest.mark.parametrize("password", ["p" * 73, "nul\x00"])
async def test_what_bcrypt_cannot_take_matches_nothing(hasher: PasslibPasswords, password: str) -> None:
    stored = bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()
    assert await hasher.verify(password, stored) == (False, None)


async def test_unknown_and_wrong_cost_the_same(hasher: PasslibPasswords) -> None:
    """Counted in hashings, not in time."""
    hashed = await hasher.hash("passw0rd")
    verify, asked = hasher._context.verify, []

    def counting(password: str, stored: str, **options: object) -> bool:
        asked.append(stored)
        return bool(verify(password, stored, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hasher._context, "verify", counting)
        await hasher.verify("wrong", None)
    (stand_in,) = asked
    parameters = hashed.rsplit("$", 2)[0]
    assert stand_in.rsplit("$", 2)[0] == parameters


async def test_hashing_leaves_the_event_loop_free_and_is_bounded(hasher: PasslibPasswords) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    tasks = [asyncio.create_task(hasher._run(work)) for _ in range(passwords.LONGEST_QUEUE + 10)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(each, Unavailable) for each in done) == 10
    assert most <= passwords.THREADS <= 2
    await hasher._run(work)


async def test_who_gives_up_makes_room_when_the_thread_is_done(hasher: PasslibPasswords) -> None:
    tasks = [asyncio.create_task(hasher._run(time.sleep, 0.005)) for _ in range(passwords.LONGEST_QUEUE)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.02)
    await asyncio.gather(*(hasher._run(int) for _ in range(passwords.LONGEST_QUEUE)))


async def test_nobody_waits_for_ever(hasher: PasslibPasswords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE", 0.05)
    go_on = threading.Event()
    held_up = [asyncio.create_task(hasher._run(go_on.wait, 30)) for _ in range(passwords.LONGEST_QUEUE)]
    refused = await asyncio.gather(*held_up, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in refused)
    assert {each.wait for each in refused if isinstance(each, Unavailable)} <= set(range(1, passwords.RETURNING + 1))
    go_on.set()
    assert await hasher._run(int) == 0, "what nobody waits for any more is not begun"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread is as nice as its process")
async def test_hashing_gives_way_to_everything_else(hasher: PasslibPasswords) -> None:
    here = os.getpriority(os.PRIO_PROCESS, 0)
    there = await hasher._run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert there == min(19, passwords.YIELDING) > here
    assert os.getpriority(os.PRIO_PROCESS, 0) == here
