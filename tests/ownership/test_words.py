"""The random worlds use every word of the language, and each has held and has not."""

from collections.abc import Callable

from tests.ownership.cases import Trial
from tests.ownership.words import Tally
from tests.ownership.worlds import specifications


def test_every_word_occurs_with_both_outcomes(trial: Callable[[str], Trial], report: list[str]) -> None:
    tally = Tally()
    for name in specifications():
        tally.observe(trial(name).world)
    report.extend(tally.table())
    assert not tally.missing()
