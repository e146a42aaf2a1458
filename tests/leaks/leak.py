"""The nine ways in which a backend of several people leaks, and a server that is broken in one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import pytest

from application.proof.report import Kind

EXAMPLES = Path(__file__).parents[2] / "examples"

Break = Callable[[pytest.MonkeyPatch], None]
"""makes a mistake in the server, until the test ends"""


class Leak(IntEnum):
    """The nine classes."""

    A_RULE_IS_FORGOTTEN = 1
    ASKED_BY_WHAT_IS_HIDDEN = 2
    """filter, sort, count and cursor tell what may not be read"""
    A_SECOND_PATH = 3
    """to the same thing, around its rule: HEAD, members, references, caches"""
    INTO_ANOTHERS_TREE = 4
    """a parent or a reference that belongs to somebody else"""
    A_WRITABLE_OWNER = 5
    """what only the engine writes comes from the message"""
    CONSTRAINTS_TELL = 6
    """uniqueness and foreign keys answer what was not asked"""
    ROLES_COMBINE = 7
    """two roles together are more than either"""
    LIST_AND_GET_DISAGREE = 8
    REFUSALS_TELL = 9
    """403 against 404, and everything else in which hidden is not as missing"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A server with one mistake, and what a proof of it must say."""

    leak: Leak
    by: Break
    specification: str
    """an example's name, or a text"""
    kind: Kind
    title: str
    """a regular expression: what the finding's title says of it"""
    reading: str = "HTTP"
    """where it shows first: in an answer, or only in the compiled rule, since other guards still stand"""

    @property
    def name(self) -> str:
        """`2: sorts by what is stored`."""
        return f"{int(self.leak)}: {self.by.__name__.replace('_', ' ')}"

    @property
    def text(self) -> str:
        """The specification itself."""
        example = EXAMPLES / self.specification / "freehold.yaml"
        return self.specification if "\n" in self.specification else example.read_text("utf-8")
