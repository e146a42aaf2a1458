"""What the compiled rules are called, and what the domain says of each."""

from domain.judging import sharing_cap
from domain.membership import within
from domain.ownership import Actor, Facts, decide, locked, may, may_read_field
from domain.specification.model import Resource, Rule


def names(resource: Resource) -> list[str]:
    """Every rule of a resource that is compiled."""
    found = ["open", *(action for action in resource.can if action not in ("open", "share"))]
    found += [f"share {role}" for role in resource.ladder.roles] if resource.ladder is not None else []
    found += [f"read of {field.name}" for field in resource.fields.values() if field.read is not None]
    found += [f"step of {name}" for name in resource.steps]
    return [*found, "locked"] if resource.locked is not None else found


def grants(resource: Resource, name: str) -> tuple[Rule, ...]:
    """The rules that decide it."""
    verb, _, of = name.rpartition(" of ")
    if verb == "read":
        return (resource.fields[of].read or (),)
    if verb == "step":
        return tuple(step.rule for step in resource.steps[of])
    if name == "locked":
        return ()
    return (resource.rule(name.partition(" ")[0]),)


def says(name: str, actor: Actor, facts: Facts) -> bool:
    """What the domain says."""
    resource = facts.resource
    verb, _, of = name.rpartition(" of ")
    if verb == "read":
        return may_read_field(resource.fields[of], actor, facts)
    if verb == "step":
        return any(decide(step.rule, actor, facts).allowed for step in resource.steps[of])
    if name == "locked":
        return locked(facts)
    if name.startswith("share "):
        assert resource.ladder is not None
        return within(resource.ladder, name.removeprefix("share "), sharing_cap(actor, facts))
    return may(name, actor, facts).allowed
