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
    found += [f"step of {name}: {s.before} -> {s.after}" for name, steps in resource.steps.items() for s in steps]
    return [*found, "locked"] if resource.locked is not None else found


def grants(resource: Resource, name: str) -> tuple[Rule, ...]:
    """The rules that decide it."""
    verb, of, name_of = name.partition(" of ")
    if of and verb == "read":
        return (resource.fields[name_of].read or (),)
    if of:
        return (_step(resource, name_of),)
    if name == "locked":
        return ()
    return (resource.rule(name.partition(" ")[0]),)


def says(name: str, actor: Actor, facts: Facts) -> bool:
    """What the domain says."""
    resource = facts.resource
    verb, of, name_of = name.partition(" of ")
    if of and verb == "read":
        return may_read_field(resource.fields[name_of], actor, facts)
    if of:
        return decide(_step(resource, name_of), actor, facts).allowed
    if name == "locked":
        return locked(facts)
    if name.startswith("share "):
        assert resource.ladder is not None
        return within(resource.ladder, name.removeprefix("share "), sharing_cap(actor, facts))
    return may(name, actor, facts).allowed


def _step(resource: Resource, text: str) -> Rule:
    """The rule of `status: todo -> doing`."""
    name, _, change = text.partition(": ")
    return next(step.rule for step in resource.steps[name] if f"{step.before} -> {step.after}" == change)
