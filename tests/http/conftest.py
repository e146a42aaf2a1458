"""An API on each store, or on one."""

from collections.abc import Awaitable, Callable

import pytest

from domain.specification.model import Specification
from tests.conftest import Worlds
from tests.http.api import Api

Apis = Callable[[Specification], Awaitable[Api]]


@pytest.fixture
def any_api(any_world: Worlds) -> Apis:
    """An API on each store in turn: the store is the one provider that differs."""
    return _apis(any_world)


@pytest.fixture
def one_api(one_world: Worlds) -> Apis:
    """An API on one store, for what does not depend on it: in memory unless another is asked for."""
    return _apis(one_world)


def _apis(worlds: Worlds) -> Apis:
    async def make(specification: Specification) -> Api:
        return await Api.of(specification, worlds(specification).store)

    return make
