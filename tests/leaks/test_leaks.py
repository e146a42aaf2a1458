"""The proof of the proof: servers that are broken on purpose are found out, and told so that anybody understands it."""

import re

import pytest

from adapters.specification_file import parse
from application.proof.attack import Budget
from application.proof.report import Finding, Report
from entrypoints.laboratory import prove
from tests.leaks.leak import Broken, Leak
from tests.leaks.servers import SERVERS

PATIENCE = 30.0
"""seconds in which each leak must be found, half of what `freehold prove` has by itself; it takes one or two"""
COMPARISONS = 2000
"""of the unbroken server; those that are broken are found with fewer"""
TEXTS = {broken.text.split("app: ")[1].split("\n")[0]: broken.text for broken in SERVERS}
"""by the app's name"""


MORE = 5
"""findings among which the one that is meant must be, where another was the first"""


async def proof(text: str, seed: int, comparisons: int | None = None, findings: int = 1) -> Report:
    """Prove a specification on the server as it is now, until so much is found."""
    return await prove(parse(text), text, seed, Budget("", PATIENCE, comparisons, findings))


def says(finding: Finding, broken: Broken) -> bool:
    """Whether a finding is what is meant, in words that tell it."""
    meant = (finding.kind, finding.reading) == (broken.kind, broken.reading)
    return meant and re.search(broken.title, finding.title) is not None


@pytest.mark.parametrize("broken", SERVERS, ids=lambda broken: broken.name)
async def test_a_broken_server_is_found_out(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.by(monkeypatch)
    report = await proof(broken.text, seed=1)
    assert len(report.findings) == 1, "nothing was found"
    if not says(report.findings[0], broken):
        report = await proof(broken.text, seed=1, findings=MORE)
    assert any(says(finding, broken) for finding in report.findings), [finding.title for finding in report.findings]
    assert all(finding.story[-1] == finding.title for finding in report.findings)
    assert all(finding.because for finding in report.findings)


@pytest.mark.parametrize("name", TEXTS)
async def test_nothing_is_found_where_nothing_is_broken(name: str) -> None:
    report = await proof(TEXTS[name], 2, COMPARISONS)
    assert [finding.story for finding in report.findings] == []


def test_every_class_of_leak_has_a_server() -> None:
    assert {broken.leak for broken in SERVERS} == set(Leak)
