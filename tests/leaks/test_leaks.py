"""The proof of the proof: servers that are broken on purpose are found out, and told so that anybody understands it."""

import re

import pytest

from adapters.specification_file import parse
from application.proof.attack import Budget
from application.proof.report import Report
from entrypoints.laboratory import prove
from tests.leaks.leak import Broken, Leak
from tests.leaks.servers import SERVERS

BUDGET = 60.0
"""seconds, as `freehold prove` has by itself"""
PATIENCE = 30.0
"""seconds in which each leak must be found; it takes one or two"""
COMPARISONS = 1500
"""of the unbroken server; those that are broken are found with fewer"""
TEXTS = {broken.text.split("app: ")[1].split("\n")[0]: broken.text for broken in SERVERS}
"""by the app's name"""


async def proof(text: str, seed: int, comparisons: int | None = None) -> Report:
    """Prove a specification on the server as it is now, until the first finding."""
    return await prove(parse(text), text, seed, Budget("", BUDGET, comparisons, findings=1))


@pytest.mark.parametrize("broken", SERVERS, ids=lambda broken: broken.name)
async def test_a_broken_server_is_found_out(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.by(monkeypatch)
    report = await proof(broken.text, seed=1)
    assert len(report.findings) == 1, "nothing was found"
    (finding,) = report.findings
    assert (finding.kind, finding.reading) == (broken.kind, broken.reading), finding.title
    assert re.search(broken.title, finding.title), finding.title
    assert finding.story[-1] == finding.title
    assert finding.because
    assert report.seconds < PATIENCE


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", TEXTS)
async def test_nothing_is_found_where_nothing_is_broken(name: str, seed: int) -> None:
    report = await proof(TEXTS[name], seed, COMPARISONS)
    assert [finding.story for finding in report.findings] == []


def test_every_class_of_leak_has_a_server() -> None:
    assert {broken.leak for broken in SERVERS} == set(Leak)
