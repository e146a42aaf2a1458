"""Who gains and loses what between two specifications, what is public, and which grants say nothing."""

from __future__ import annotations

from random import Random

import pytest

from domain.ownership import ENGINE
from domain.specification.gains import compare
from domain.specification.permissions import allowed, permissions
from tests.domain.specification.edits import edited
from tests.domain.specification.test_cases import asked
from tests.ownership.worlds import NOW, draw, specifications


@pytest.mark.parametrize("name", sorted(specifications()))
def test_whatever_random_worlds_decide_otherwise_is_told(name: str) -> None:
    random = Random(name)  # noqa: S311 - seeded on purpose
    for seed in range(4):
        before = edited(specifications()[name], random, seed % 2)
        after = edited(before, random, random.choice((1, 1, 2, 4)))
        # every change that is told has a witness on which the domain itself decided otherwise: `compare` asks it
        told = {(p, change.gained) for change in compare(before, after) for p in change.permissions}
        world = draw(after, seed, each=5)
        older, newer = world.state.at(before, NOW), world.state.at(after, NOW)
        people = [*world.everybody, ENGINE]
        for permission in permissions(before, after):
            for (actor, old), (_, new) in zip(
                asked(older, people, permission), asked(newer, people, permission), strict=True
            ):
                was, will = allowed(permission, actor, old), allowed(permission, actor, new)
                assert was == will or (permission, will) in told, (permission, actor, new.record)
