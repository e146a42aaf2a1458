"""Circles among things that lean on each other."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def circle_in(graph: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A circle as `[a, b, a]`, where each leans on the next; None where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None


def begun_at(circle: list[str], first: str) -> str:
    """The same circle as text, begun elsewhere: `b → a → b`."""
    at = circle.index(first)
    return " → ".join([*circle[at:-1], *circle[:at], first])
