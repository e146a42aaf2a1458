"""The unit of work on every store: all of it is kept or nothing, whatever others do in the same moment."""

import asyncio

import pytest

from application.ports import Work
from domain.errors import Conflict
from domain.membership import Membership
from domain.ownership import Actor
from domain.record import create
from tests.application.world import World, specification
from tests.conftest import Worlds

LISTS = specification("""
resources:
  list:
    owner: account
    roles: reader
    fields: {name: text}
    unique: name per owner
    can: {create: signed in, read: [owner, reader], update: owner, delete: owner, share: owner}
""")


class Oops(Exception):
    """Something in the middle of a work."""


@pytest.fixture
def world(any_world: Worlds) -> World:
    return any_world(LISTS)


async def add(world: World, work: Work, actor: Actor, name: str) -> str:
    """A record with a member, so that two tables are written."""
    now = world.clock.now()
    owner = str(actor.account)
    record = create(LISTS.resources["list"], world.ids.new(), owner, None, {"name": name}, owner, str, now)
    await work.records.add(actor, record, now)
    await work.records.put_membership(actor, Membership("list", record.id, owner, "reader", None), now)
    return record.id


async def names(world: World, actor: Actor) -> list[str]:
    return sorted(view["name"] for view in (await world.records.list(actor, "list", limit=200)).items)


async def test_what_is_not_committed_never_was(world: World) -> None:
    mary = await world.person("mary")
    left: list[str] = []

    async def raising() -> None:
        async with world.store.work() as work:
            left.append(await add(world, work, mary, "raised"))
            raise Oops

    with pytest.raises(Oops):
        await raising()
    async with world.store.work() as work:
        left.append(await add(world, work, mary, "left alone"))
    assert await names(world, mary) == []
    async with world.store.work() as work:
        for record_id in left:
            found = await work.records.membership(mary, "list", record_id, str(mary.account), world.clock.now())
            assert found is None
        assert (await work.records.load(mary, "list", left[0], world.clock.now())) is None


async def test_what_was_committed_stays_whatever_follows(world: World) -> None:
    mary = await world.person("mary")

    async def keeping() -> None:
        async with world.store.work() as work:
            await add(world, work, mary, "kept")
            await work.commit()
            raise Oops

    with pytest.raises(Oops):
        await keeping()
    assert await names(world, mary) == ["kept"]


async def test_each_work_that_shares_a_commit_has_an_outcome_of_its_own(world: World) -> None:
    mary = await world.person("mary")
    async with world.store.work() as work:
        await add(world, work, mary, "taken")
        await work.commit()

    async def one(i: int) -> None:
        async with world.store.work() as work:
            await add(world, work, mary, f"{i:02}")
            await asyncio.sleep(0)
            match i % 4:
                case 1:
                    raise Oops
                case 2:
                    return
                case 3:
                    await add(world, work, mary, "taken")
            await work.commit()

    for _ in range(3):
        done = await asyncio.gather(*(one(i) for i in range(40)), return_exceptions=True)
        assert [type(each) for each in done if isinstance(each, Oops)] == [Oops] * 10
        assert len([each for each in done if isinstance(each, Conflict)]) >= 10
        assert await names(world, mary) == [*(f"{i:02}" for i in range(0, 40, 4)), "taken"]


async def test_a_work_that_is_cancelled_anywhere_leaves_all_or_nothing_and_harms_nobody(world: World) -> None:
    mary = await world.person("mary")

    async def one(name: str) -> None:
        async with world.store.work() as work:
            await add(world, work, mary, f"{name} a")
            await asyncio.sleep(0)
            await add(world, work, mary, f"{name} b")
            await work.commit()

    for steps in range(12):
        tasks = [asyncio.ensure_future(one(f"{steps} {i}")) for i in range(6)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in done if isinstance(each, Exception)] == []
        there = await names(world, mary)
        for i, outcome in enumerate(done):
            kept = [name for name in there if name.startswith(f"{steps} {i} ")]
            assert len(kept) == 2 if outcome is None else len(kept) in (0, 2)


async def test_works_wait_for_one_another(world: World) -> None:
    """Between load and commit nobody else's change comes in."""
    mary = await world.person("mary")
    record_id = await world.make(mary, "list", name="0")
    order: list[str] = []

    async def rename(name: str) -> None:
        async with world.store.work() as work:
            facts = await work.records.load(mary, "list", record_id, world.clock.now())
            assert facts is not None
            order.append(f"{facts.record.values['name']} begins {name}")
            for _ in range(3):
                await asyncio.sleep(0)
            changed = facts.record.edit({"name": name}, world.clock.now())
            await work.records.save(mary, facts.record, changed, world.clock.now())
            order.append(f"ends {name}")
            await work.commit()

    await asyncio.gather(*(rename(name) for name in "abc"))
    begun = [line for line in order if "begins" in line]
    assert order == [line for begin in begun for line in (begin, f"ends {begin[-1]}")]
    assert [line[0] for line in begun] == ["0", *(line[-1] for line in begun[:-1])]


async def test_the_store_is_ready(world: World) -> None:
    assert await world.store.ready()
