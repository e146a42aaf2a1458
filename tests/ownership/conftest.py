"""Every specification's world, made once; what the tests of this folder counted, printed at the end."""

import gc
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.ownership.cases import Trial
from tests.ownership.worlds import specifications

REPORT: pytest.StashKey[list[str]] = pytest.StashKey()


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Trial]]:
    """A specification's trial, by name."""
    folder, made = tmp_path_factory.mktemp("worlds"), []

    @cache
    def of(name: str) -> Trial:
        made.append(Trial(name, specifications()[name], folder))
        return made[-1]

    yield of
    for each in made:
        each.close()


@pytest.fixture(scope="package", autouse=True)
def few_collections() -> Iterator[None]:
    """Thousands of statements are built here: looking for garbage among all that stays would take half of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 10, 5)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run."""
    return request.config.stash.setdefault(REPORT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was counted."""
    for line in config.stash.get(REPORT, []):
        terminalreporter.write_line(line)
