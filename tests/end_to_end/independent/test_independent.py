"""The real server, walked over at random under many specifications; a difference fails with its story.

Two servers run at a time, each walked by its own thread; every test waits for its own walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ASKED, Serving

from .random_specs import random_specification
from .specs import SPECIFICATIONS
from .walk import DifferenceError, walk

PROJECT = Path(__file__).parents[3]
EXAMPLES = {path.parent.name: path.read_text("utf-8") for path in sorted(PROJECT.glob("examples/*/freehold.yaml"))}
RANDOM = {f"random {seed}": random_specification(seed) for seed in (1, 2, 3, 4)}
TEXTS = EXAMPLES if ASKED == "postgresql" else EXAMPLES | SPECIFICATIONS | RANDOM
"""on PostgreSQL the examples: what is walked is one and the same server, and tests/ownership compares its statements"""
SEED = 1
STEPS = 50
AT_A_TIME = 2


def walk_over(text: str, folder: Path, served: Serving) -> str:
    """Serve and walk; the story of the first difference, or nothing."""
    folder.joinpath("freehold.yaml").write_text(text, "utf-8")
    with served(folder) as url:
        try:
            walk(url, text, STEPS, SEED, sample=1)
        except DifferenceError as difference:
            return str(difference)
    return ""


@pytest.fixture(scope="module")
def walks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, served: Serving
) -> Iterator[dict[str, Future[str]]]:
    """Every walk that a selected test waits for, under way."""
    here = [item for item in request.session.items if item.path == request.path]
    names = [
        str(item.callspec.params["name"])
        for item in here
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    pool = ThreadPoolExecutor(AT_A_TIME)
    yield {name: pool.submit(walk_over, TEXTS[name], tmp_path_factory.mktemp("walk"), served) for name in names}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", TEXTS)
def test_a_walk_finds_no_difference(name: str, walks: dict[str, Future[str]]) -> None:
    story = walks[name].result()
    if story:
        pytest.fail(story, pytrace=False)
