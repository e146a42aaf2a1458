"""The walk itself: it agrees with a server that reads alike, and catches one that was changed in a single place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from .grammar import Specification, read_specification
from .mirror import Mirror
from .random_specs import random_specification
from .specs import SPECIFICATIONS
from .walk import DifferenceError, Walk


def walked(text: str, change: Callable[[Specification], None] | None = None, steps: int = 150) -> str:
    """Walk over a mirror whose specification was changed; the story of the first difference, or nothing."""
    served = read_specification(text)
    if change:
        change(served)
    try:
        Walk(Mirror(served), read_specification(text), seed=3).run(steps)
    except DifferenceError as difference:
        return str(difference)
    return ""


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_a_server_that_reads_alike_passes(name: str) -> None:
    assert walked(SPECIFICATIONS[name]) == ""


@pytest.mark.parametrize("seed", range(5))
def test_random_specifications_pass_too(seed: int) -> None:
    assert walked(random_specification(seed)) == ""


def forget_a_reader(served: Specification) -> None:
    can = served.resources["album"].can
    can["read"] = can["read"][:1]


def forget_a_condition(served: Specification) -> None:
    can = served.resources["photo"].can
    can["read"] = tuple(replace(grant, when=()) for grant in can["read"])


def forget_only(served: Specification) -> None:
    can = served.resources["placement"].can
    can["update"] = tuple(replace(grant, only=None) for grant in can["update"])


def forget_unique(served: Specification) -> None:
    served.resources["album"].unique = ()


def forget_the_cap(served: Specification) -> None:
    share = served.resources["album"].can["share"]
    served.resources["album"].can["share"] = (*share, replace(share[1], who=share[1].who[:0]))


def forget_when_gone(served: Specification) -> None:
    served.resources["placement"].fields["photo"].when_gone = "empty"


@pytest.mark.parametrize(
    "change",
    [forget_a_reader, forget_a_condition, forget_only, forget_unique, forget_the_cap, forget_when_gone],
)
def test_one_forgotten_word_is_found(change: Callable[[Specification], None]) -> None:
    story = walked(SPECIFICATIONS["albums"], change, steps=800)
    assert "expected:" in story
    assert "The story so far" in story
