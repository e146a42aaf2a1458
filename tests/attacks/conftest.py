"""A server to attack, and a specification with a field of every kind."""

from collections.abc import AsyncIterator

import pytest

from domain.ownership import Actor
from tests.attacks.wire import Wire, served
from tests.http.test_records import EVERYTHING
from tests.logs import Log


@pytest.fixture
async def wire(log: Log) -> AsyncIterator[Wire]:
    """A served API. Whatever is sent to it, no defect may be logged."""
    async with served(EVERYTHING) as found:
        yield found
        health = await found.ask(None, "GET", "/health/live")
        assert health.statuses == [200], "it serves others as before"
    assert log.errors == []


@pytest.fixture
async def mary(wire: Wire) -> Actor:
    """Somebody with an account."""
    return await wire.api.person("mary")
