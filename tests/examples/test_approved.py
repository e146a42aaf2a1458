"""The examples are delivered approved: their lock and revision are those that the command would write now.

Where that is no longer so, an approval leads there: `freehold approve examples/NAME`. Before a first release it may be
made anew: remove `freehold.lock` and `migrations/` before.
"""

from pathlib import Path

import pytest

from entrypoints.container import Container
from tests.application.world import EXAMPLES

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/freehold.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_approved_as_it_is(name: str, tmp_path: Path) -> None:
    container = Container(folder=EXAMPLES / name)
    approval = container.specifications().approved()
    specification = container.specification()
    assert approval.schema == container.project().schema(specification), "its tables are others now"
    assert approval.openapi == container.project().api(specification), "its API is described otherwise now"
    anew = Container(folder=tmp_path).project()
    if len(approval.revisions) == 1:
        anew.write_revision(None, specification, None)
        assert anew.revisions() == approval.revisions, "its first revision would be written otherwise now"
