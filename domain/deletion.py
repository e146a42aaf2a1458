"""What goes when a record goes: everything below it, what follows by reference, and what forbids it."""

from collections.abc import Iterator

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
    found = {facts.record.id: facts}
    waiting = [facts]
    specification = facts.world.specification
    while waiting:
        at = waiting.pop()
        ties = [(child.name, str(child.parent)) for child in specification.children(at.resource.name)]
        ties += [
            (resource.name, field.name)
            for resource, field in referring(specification, at.resource.name)
            if field.when_gone == "delete"
        ]
        for link, back in ties:
            for record in at.world.tying(link, back, at.record.id):
                if record.id not in found:
                    found[record.id] = Facts(record, at.world)
                    waiting.append(found[record.id])
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
