"""An API on each store."""

from collections.abc import Awaitable, Callable

import pytest

from domain.specification.model import Specification
from tests.conftest import Worlds
from tests.http.api import Api

Apis = Callable[[Specification], Awaitable[Api]]


@pytest.fixture
def any_api(any_world: Worlds) -> Apis:
    """An API in memory and on SQLite: the store is the one provider that differs."""

    async def make(specification: Specification) -> Api:
        return await Api.of(specification, any_world(specification).store)

    return make
