"""What a module's tests start with, on each store."""

from typing import Any

import pytest

from tests.conftest import Worlds


@pytest.fixture
async def library(request: pytest.FixtureRequest, any_world: Worlds) -> Any:
    """The module's `Library`, opened in a world of its `SPEC`."""
    return await request.module.Library(any_world(request.module.SPEC)).open()
