"""What goes when a record goes: everything below it, what follows by reference, and what forbids it.

And what goes when an account goes: all that it owns but what is kept, which nothing forbids.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from domain.ownership import Facts, locked, locked_above
from domain.record import Record
from domain.specification.model import Field, Resource, Specification


def referring(specification: Specification, target: str) -> Iterator[tuple[Resource, Field]]:
    """The reference fields that can name a record of the target resource."""
    return (
        (resource, field)
        for resource in specification.resources.values()
        for field in resource.references()
        if field.target == target
    )


def going(facts: Facts) -> dict[str, Facts]:
    """The record and all that goes with it, by id: children, and referring records with `when_gone: delete`."""
    return _going([facts], lambda _: False)


def closing(owned: Iterable[Facts]) -> tuple[dict[str, Facts], dict[str, Facts]]:
    """What goes with an account and what passes to its tombstone, by id, given all the records that it owns.

    Neither a lock nor a reference forbids it, and what refers with `when_gone: delete` goes too, whoever owns it.
    What outlives an account never goes: such a reference of its own is emptied.
    """
    mine = list(owned)
    gone = _going([at for at in mine if not outlives(at)], outlives)
    return gone, {at.record.id: at for at in mine if at.record.id not in gone}


def outlives(facts: Facts) -> bool:
    """Whether a record stays when an account goes: a kept one does, with all that is above and below it."""
    return any(at.resource.keep for at in chain(facts.above(), _below(facts)))


def _below(facts: Facts) -> Iterator[Facts]:
    for child in facts.world.specification.children(facts.resource.name):
        for record in facts.world.tying(child.name, facts.resource.name, facts.record.id):
            at = Facts(record, facts.world)
            yield at
            yield from _below(at)


def _going(start: Iterable[Facts], stays: Callable[[Facts], bool]) -> dict[str, Facts]:
    """The records and all that goes with them, by id, except what stays."""
    found = {facts.record.id: facts for facts in start}
    waiting = list(found.values())
    while waiting:
        at = waiting.pop()
        specification = at.world.specification
        ties = [(child.name, str(child.parent)) for child in specification.children(at.resource.name)]
        ties += [
            (resource.name, field.name)
            for resource, field in referring(specification, at.resource.name)
            if field.when_gone == "delete"
        ]
        for link, back in ties:
            for record in at.world.tying(link, back, at.record.id):
                further = Facts(record, at.world)
                if record.id not in found and not stays(further):
                    found[record.id] = further
                    waiting.append(further)
    return found


def obstacles(facts: Facts) -> tuple[str, ...]:
    """Why the record cannot go: "kept" or "locked" (with it, but not it itself), "referred" (from what stays)."""
    gone = going(facts)
    others = [at for record_id, at in gone.items() if record_id != facts.record.id]
    found = []
    if any(at.resource.keep for at in others):
        found.append("kept")
    if any(locked(at) or locked_above(at) for at in others):
        found.append("locked")
    if any(_blocks(field, referrer, at) for at in gone.values() for field, referrer in left_referring(at, gone)):
        found.append("referred")
    return tuple(found)


def left_referring(at: Facts, gone: dict[str, Facts]) -> Iterator[tuple[Field, Record]]:
    """The references to a record that goes, from records that stay."""
    for resource, field in referring(at.world.specification, at.resource.name):
        for record in at.world.tying(resource.name, field.name, at.record.id):
            if record.id not in gone:
                yield field, record


def _blocks(field: Field, referrer: Record, target: Facts) -> bool:
    """Unsaid, a reference blocks where both records hang under the same root record, whose people may know."""
    if field.when_gone is not None:
        return field.when_gone == "block"
    return _root(Facts(referrer, target.world)) == _root(target)


def _root(facts: Facts) -> str:
    *_, root = facts.above()
    return root.record.id
