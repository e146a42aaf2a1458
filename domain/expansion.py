"""What of a record is asked for, and which records beside it: those that it names, each by its own rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.ownership import Actor, Facts, may, seen, view
from domain.specification.model import Hop, Path, Resource, Specification

EXPANDED = "expanded"
"""the member of a view that holds the records beside it, by the name of the field that names them"""
DEEPEST = 2
"""hops: `notebook.workspace`"""
MOST_EXPANSIONS = 10

Expansions = Mapping[Hop, "Expansions"]
"""the parents and references whose records are asked for, and what is asked for beside those"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for of each record of an answer."""

    fields: tuple[str, ...] | None = None
    """members of the view; None for all"""
    ways: tuple[Path, ...] = ()
    """to the records beside it; a way of two hops asks for both records"""

    @property
    def expansions(self) -> Expansions:
        """The ways as a tree."""
        tree: dict[Hop, Any] = {}
        for way in self.ways:
            at = tree
            for hop in way:
                at = at.setdefault(hop, {})
        return tree

    @property
    def needed(self) -> tuple[str, ...] | None:
        """The members of the view that the answer is made from; None for all."""
        return None if self.fields is None else (*self.fields, *(way[0].field for way in self.ways))

    def of(self, found: dict[str, Any]) -> dict[str, Any]:
        """What is asked for of a view, in its own order, and what stands beside it."""
        if self.fields is None:
            return found
        return {name: found[name] for name in found if name in self.fields or name == EXPANDED}


WHOLE = Selection()


def expandable(specification: Specification, resource: str) -> dict[str, Path]:
    """Every way that can be asked for, by its name."""
    found: dict[str, Path] = {}
    level: Sequence[Path] = [()]
    for _ in range(DEEPEST):
        level = [(*way, hop) for way in level for hop in hops(specification.at(resource, way))]
        found |= {".".join(hop.field for hop in way): way for way in level}
    return found


def hops(resource: Resource) -> list[Hop]:
    """The parent and the references of a resource."""
    above = [] if resource.parent is None else [Hop(resource.parent, resource.parent)]
    return above + [Hop(field.name, str(field.target)) for field in resource.references()]


def shown(actor: Actor, facts: Facts, wanted: Selection = WHOLE) -> dict[str, Any]:
    """The record as this actor, who can open it, sees it, so much of it as is asked for.

    What stands beside it is each as its own `GET` would show it, if the actor can read it; else None. Nothing stands
    where the actor does not see the field that leads there.
    """
    return wanted.of(_with(actor, facts, wanted.expansions))


def _with(actor: Actor, facts: Facts, expansions: Expansions) -> dict[str, Any]:
    found = view(actor, facts)
    if expansions:
        found[EXPANDED] = {hop.field: _beside(actor, facts, hop, further) for hop, further in expansions.items()}
    return found


def _beside(actor: Actor, facts: Facts, hop: Hop, further: Expansions) -> dict[str, Any] | None:
    target = None if seen(hop.field, actor, facts) is None else facts.hop(hop)
    if target is None or not actor.reaches(hop.resource, "read") or not may("read", actor, target):
        return None
    return _with(actor, target, further)
