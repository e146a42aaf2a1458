"""The tree that a specification file is read into: mappings, sequences and scalars, each with its place.

A scalar keeps its text as written (YAML 1.2's plain words, so `yes`, `no` and `on` are just words) and can
tell the place of any character in it, so that a mistake is shown at the offending word.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from domain.specification.model import Place

NOTHING = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; `plain` where it is written without quotation marks."""

    text: str
    place: Place
    plain: bool = True
    lines: tuple[tuple[int, Place], ...] = ()
    """where a text over several lines continues: an offset in `text` and its place, in order"""

    @property
    def empty(self) -> bool:
        """Whether nothing was written."""
        return self.plain and self.text in NOTHING

    def at(self, offset: int) -> Place:
        """The place of the character at an offset of the text."""
        start, place = 0, Place(self.place.line, self.place.column + (0 if self.plain else 1))
        if (number := bisect_right(self.lines, offset, key=lambda line: line[0])) > 0:
            start, place = self.lines[number - 1]
        return Place(place.line, place.column + offset - start)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list; `flow` where it is written in brackets."""

    items: tuple["Node", ...]
    place: Place
    flow: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with values, in the order of the text; keys differ. `flow` where it is written in braces."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    place: Place
    flow: bool = False

    def __iter__(self) -> Iterator[tuple[Scalar, "Node"]]:
        return iter(self.entries)


Node = Scalar | Sequence | Mapping
