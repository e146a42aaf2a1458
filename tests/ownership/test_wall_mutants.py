"""Every wrong form of a second wall is noticed by raw SQL in the application's role, in some specification's world."""

from collections.abc import Callable
from time import perf_counter

import pytest

from adapters.persistence.sql.policies import Policies
from adapters.persistence.sql.postgres import DIALECT
from adapters.persistence.sql.postgres_statements import PostgresStatements
from tests.conftest import PostgresDatabase
from tests.ownership.cases import Trial
from tests.ownership.equivalent import WALL
from tests.ownership.raw import Questions, Raw
from tests.ownership.test_policies import raw_of
from tests.ownership.wall_mutation import WallMutant, wall_mutants

TELLING = ("notes", "clubs", "circles", "boards")
"""the specifications whose walls are broken"""


class Watch:
    """Asks one world everything, and notices where an answer is another than behind the right wall."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._questions = [(question, question.ask()) for question in Questions(raw).all()]

    def notices(self, mutant: WallMutant) -> bool:
        """What noticed one mutant is asked first of the next."""
        with self._raw.changed(mutant.statements):
            for place, (question, right) in enumerate(self._questions):
                if (question.table, question.command) in mutant.concerns and question.ask() != right:
                    self._questions.insert(0, self._questions.pop(place))
                    return True
        return False


def test_no_wrong_wall_stands(
    trial: Callable[[str], Trial],
    report: list[str],
    postgres_database: PostgresDatabase,
    request: pytest.FixtureRequest,
) -> None:
    thorough = request.config.getoption("--thorough")
    started, tried, noticed, kinds = perf_counter(), 0, 0, dict[str, bool]()
    for name in TELLING:
        tables = trial(name).tables
        with raw_of(trial(name), postgres_database) as raw:
            watch = Watch(raw)
            for mutant in wall_mutants(Policies(PostgresStatements(tables, DIALECT))):
                if kinds.get(mutant.kind) and not thorough:
                    continue  # some other specification's raw SQL has noticed the like
                found = watch.notices(mutant)
                tried, noticed = tried + 1, noticed + found
                kinds[mutant.kind] = kinds.get(mutant.kind, False) or found
    alike = {kind for every in WALL.values() for kind in every}
    missed = {kind for kind, found in kinds.items() if not found}
    report.append(
        f"wrong walls: {tried} of {len(kinds)} kinds tried, {noticed} noticed; "
        f"{len(kinds) - len(missed)} kinds noticed, {len(missed)} equivalent, {perf_counter() - started:.0f} s"
    )
    assert not missed - alike, "\n".join(sorted(missed - alike))
    assert not alike - missed, "these are noticed, or no longer there: take them out"
