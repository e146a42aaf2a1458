"""Worlds satisfy what they are drawn for, are the same for the same seed, and hold what can be kept."""

import subprocess
import sys
from random import Random

import pytest

from adapters.persistence.sql.pool import Server
from application.proof.worlds import Draw, aims
from domain.ownership import Actor, decide
from domain.specification.model import Engine, Grant, Specification
from entrypoints.laboratory import NOW, laboratory
from tests.ownership.worlds import specifications

NAMES = ["clinic", "conduit", "invoices", "market", "notes", "tracker", "albums", "staffing", "wiki", "words"]


def drawn(specification: Specification, seed: int, aimed: list[tuple[str, Grant]]) -> Draw:
    draw = Draw(specification, Random(seed), NOW)  # noqa: S311 - seeded on purpose
    draw.world(aimed, 2)
    return draw


def satisfied(draw: Draw, resource: str, grant: Grant) -> bool:
    snapshot = draw.snapshot
    records = snapshot.records[resource].values()
    return any(decide((grant,), Actor(a), snapshot.facts(r)) for a in snapshot.accounts for r in records)


@pytest.mark.parametrize("name", NAMES)
def test_each_grant_is_satisfied_by_a_world_that_is_drawn_for_it(name: str) -> None:
    specification = specifications()[name]
    for resource, grant in aims(specification):
        if not any(isinstance(who, Engine) for who in grant.who):
            worlds = (drawn(specification, seed, [(resource, grant)]) for seed in range(6))
            assert any(satisfied(draw, resource, grant) for draw in worlds), (resource, grant.text)


@pytest.mark.parametrize("name", NAMES)
async def test_every_world_can_be_stored_and_read_back(name: str, place: Server | None) -> None:
    specification = specifications()[name]
    async with laboratory(specification, place) as there:
        for seed in range(4):
            draw = drawn(specification, seed, aims(specification)[seed::4])
            await there.hold(draw.snapshot)
            for resource, records in draw.snapshot.records.items():
                assert set(await there.decisions(None, resource)) == set(records)


def test_the_same_seed_draws_the_same_world_in_every_process() -> None:
    """Also where texts hash otherwise: a proof is repeated by its seed."""
    program = (
        "from tests.proof.test_worlds import drawn, aims, specifications\n"
        "draw = drawn(specifications()['words'], 5, aims(specifications()['words'])[:20])\n"
        "print(draw.snapshot.records, draw.snapshot.memberships, draw.snapshot.accounts)"
    )
    said = [
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 10_000
