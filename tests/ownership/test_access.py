"""What somebody may do is told alike by every store: by the facts that it fetches, or by those of the whole world."""

from random import Random
from typing import Any

import pytest

from adapters.clock import UuidV7
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.sealing import AesSealer
from application.access import AccessUseCases
from application.ports import Store
from application.proof.oracle import Shown
from application.records import RecordUseCases
from domain.abilities import Abilities, Able
from domain.access import Holder, holders
from domain.errors import Forbidden, NotAuthenticated, NotFound
from domain.outlook import Outlook
from domain.ownership import ANONYMOUS, Actor, Facts, may
from domain.snapshot import Snapshot
from tests.conftest import PostgresDatabase, tables_of
from tests.doubles import SetClock
from tests.ownership.worlds import NOW, World, draw, specifications, store, store_in_postgres

NAMES = ["words", "corner", "tracker", "notes"]


def use_cases(world: World, stored: Store) -> AccessUseCases:
    """Over a store that holds the world."""
    sealer = AesSealer(b"a secret for tests, and only for them", "cursors")
    records = RecordUseCases(world.specification, stored, SetClock(NOW), UuidV7(), sealer)
    return AccessUseCases(records, stored, SetClock(NOW))


def some(world: World) -> list[tuple[Actor, Facts]]:
    """Callers and records, by chance."""
    random = Random(7)  # noqa: S311 - the same in every run
    actors = [ANONYMOUS, *map(Actor, world.accounts)]
    pairs = [(actor, facts) for facts in world.every() for actor in actors]
    return random.sample(pairs, min(100, len(pairs)))


def expected(snapshot: Snapshot, actor: Actor, facts: Facts) -> Abilities:
    """What the domain says, which knows it all."""
    able = Able(snapshot.specification)
    return able.of(actor, facts, [snapshot.imagine(blank) for blank in able.blanks(actor, facts)])


def keys(found: tuple[Holder, ...]) -> list[Any]:
    """Whose rights, and by which grants. Of several ties a store may name another one."""
    return [(each.whose, each.account, each.role, [right.key for right in each.rights]) for each in found]


async def agree_on_everybody(world: World, stored: Store) -> None:
    """Who can do what is the same by the facts that the store fetches."""
    access, snapshot = use_cases(world, stored), world.state.at(world.specification, NOW)
    for facts in world.every():
        found = await access.everybody(facts.record.resource, facts.record.id)
        assert found.record == facts.record
        assert keys(found.holders) == keys(holders(snapshot.facts(facts.record), snapshot)), facts.record
        assert {each.account for each in found.holders if each.account} <= found.emails.keys()


async def agree_on_others(world: World, stored: Store) -> int:
    """Who else can do what is told alike; how often something was."""
    access, snapshot, told = use_cases(world, stored), world.state.at(world.specification, NOW), 0
    for actor, facts in some(world):
        shared = world.specification.shared(facts.record.resource)
        if shared is None:
            continue
        above = next(at for at in facts.above() if at.record.resource == shared.name)
        asked: Any = access.others(actor, facts.record.resource, facts.record.id)
        if may("open", actor, facts) and may("members", actor, above):
            outlook = Outlook(world.specification, NOW, Shown(snapshot, actor))
            record = outlook.record(facts.record.resource, facts.record.id)
            assert await asked == holders(Facts(record, outlook), outlook), f"{actor} and {facts.record}"
            told += 1
        else:
            with pytest.raises((NotFound, NotAuthenticated, Forbidden)):
                await asked
    return told


async def agree(world: World, stored: Store) -> int:
    """Compare; how often something was told."""
    access, snapshot, told = use_cases(world, stored), world.state.at(world.specification, NOW), 0
    for actor, facts in some(world):
        asked: Any = access.mine(actor, facts.record.resource, facts.record.id)
        if may("open", actor, facts):
            assert await asked == expected(snapshot, actor, facts), f"{actor} and {facts.record}"
            told += 1
        else:
            with pytest.raises((NotFound, NotAuthenticated)):
                await asked
    return told


@pytest.mark.parametrize("name", NAMES)
async def test_sqlite_tells_what_the_domain_does(name: str, tmp_path: Any) -> None:
    world = draw(specifications()[name], 3, each=2)
    store(world, tables_of(world.specification), tmp_path / "world.db")
    stored = SqliteStore(tmp_path / "world.db", tables_of(world.specification))
    try:
        assert await agree(world, stored) > 10
        assert (await agree_on_others(world, stored) > 1) is (name != "corner"), "nobody sees members in that one"
        await agree_on_everybody(world, stored)
    finally:
        await stored.close()


@pytest.mark.parametrize("name", ["words", "tracker"])  # a store takes seconds to compile
async def test_postgres_tells_what_the_domain_does(name: str, postgres_database: PostgresDatabase) -> None:
    """What somebody may do in the role that serves, behind row-level security; who can in that of the owner."""
    world = draw(specifications()[name], 3, each=2)
    database = postgres_database(world.specification)
    await store_in_postgres(world, tables_of(world.specification), database.superuser_url)
    stored = PostgresStore(database.url, tables_of(world.specification), tells_time=True)
    try:
        assert await agree(world, stored) > 10
        assert await agree_on_others(world, stored) > 1
    finally:
        await stored.close()
    stored = PostgresStore(database.migration_url, tables_of(world.specification), tells_time=True)
    try:
        await agree_on_everybody(world, stored)
    finally:
        await stored.close()
