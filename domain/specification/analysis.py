"""What a specification says: whom to turn away at the door, who has which right, and what may be inferred."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.specification.model import (
    Anyone,
    Can,
    Condition,
    Grant,
    Kind,
    Owner,
    Place,
    Resource,
    Rule,
    SignedIn,
    Specification,
    Test,
)
from domain.specification.text import a


@dataclass(frozen=True, slots=True)
class Right:
    """A grant as a row: `action` is an action, a step (`status: todo -> doing`), or `read` or `write` of a field."""

    resource: str
    action: str
    grant: Grant

    @property
    def who(self) -> str:
        """The grant's text."""
        return self.grant.text

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.grant.place


@dataclass(frozen=True, slots=True)
class Channel:
    """What a caller may infer of what it cannot see, because an answer must depend on it."""

    resource: str
    kind: str
    """`unique`, `limit`, `delete`, `updated_at` or `member`"""
    place: Place
    because: str


# --- whom to turn away ---------------------------------------------------------------------


def anonymous_could(spec: Specification, resource: str, rule: Rule) -> bool:
    """Whether an anonymous caller can ever satisfy a grant of a rule of this resource, on some record."""
    return any(_anonymous_grant(spec, resource, grant) for grant in rule)


def anonymous_may(spec: Specification, resource: Resource, action: str) -> bool:
    """Whether an anonymous caller could ever do this on some record; an update is a step or a move, too."""
    rule = resource.rule(action)
    if action == "update":
        rule = (*rule, *resource.rule("move"), *(g for steps in resource.steps.values() for s in steps for g in s.rule))
    if action == "create" and resource.parent is None:
        return False
    opens = action in ("create", "read") or anonymous_could(spec, resource.name, resource.rule("open"))
    return opens and anonymous_could(spec, resource.name, rule)


def _anonymous_grant(spec: Specification, resource: str, grant: Grant) -> bool:
    if _contradictory(grant.when):
        return False
    return all(
        isinstance(who, Anyone) or (isinstance(who, Can) and _anonymous_can(spec, resource, who)) for who in grant.who
    )


def _anonymous_can(spec: Specification, resource: str, who: Can) -> bool:
    target = spec.at(resource, who.path)
    actions = {who.action} if who.action in ("create", "read", "open") else {who.action, "open"}
    return all(anonymous_could(spec, target.name, target.rule(action)) for action in actions)


def _contradictory(when: tuple[Condition, ...]) -> bool:
    """Whether conditions on one field exclude each other."""
    for number, one in enumerate(when):
        for other in when[:number]:
            if (one.path, one.field) != (other.path, other.field):
                continue
            tests = {one.test, other.test}
            if tests == {Test.IS} and not set(one.values) & set(other.values):
                return True
            if len(tests) == 2 and (Test.EMPTY in tests or tests == {Test.PAST, Test.FUTURE}):
                return True
    return False


# --- who may what --------------------------------------------------------------------------


def rights_table(spec: Specification) -> tuple[Right, ...]:
    """Every grant of a specification: by resource, its actions, its steps, then its fields."""
    return tuple(right for resource in spec.resources.values() for right in rights_of(resource))


def rights_of(resource: Resource) -> Iterator[Right]:
    """Every grant of a resource."""
    for action, rule in resource.can.items():
        yield from (Right(resource.name, action, grant) for grant in rule)
    for field_name, steps in resource.steps.items():
        for step in steps:
            action = f"{field_name}: {step.before} -> {step.after}"
            yield from (Right(resource.name, action, grant) for grant in step.rule)
    for field in resource.fields.values():
        for verb, rights in (("read", field.read), ("write", field.write)):
            yield from (Right(resource.name, f"{verb} of {field.name}", grant) for grant in rights or ())


# --- what may be inferred ------------------------------------------------------------------


def declared_channels(spec: Specification) -> tuple[Channel, ...]:
    """Everything that a caller may infer of what it cannot see; the isolation proof allows this and no more."""
    return tuple(channel for resource in spec.resources.values() for channel in _channels(spec, resource))


def _channels(spec: Specification, resource: Resource) -> Iterator[Channel]:
    name = resource.name
    for unique in resource.unique:
        if unique.per == "owner" and _owners_alone(resource, (*_WRITING, "create"), unique.fields):
            continue
        scope = "anywhere" if unique.per == "everywhere" else f"of the same {unique.per}"
        taken = " and ".join(unique.fields)
        yield Channel(
            name, "unique", unique.place, f"A conflict tells that {a(name)} {scope} has this {taken} already."
        )
    if resource.limit is not None and not _owners_alone(resource, ("create", "move"), ()):
        what = f"A conflict tells that the owner has reached the limit of {resource.limit} {resource.plural}."
        yield Channel(name, "limit", resource.place, what)
    deletes = resource.rule("delete")
    if deletes and (why := _blockers(spec, resource)):
        yield Channel(name, "delete", deletes[0].place, f"A refused deletion tells that there is {why}.")
    hidden = [f.name for f in resource.fields.values() if f.read is not None or f.kind is Kind.REFERENCE]
    if hidden and resource.rule("open"):
        what = f"`updated_at` tells of changes of {', '.join(hidden)} to those who cannot see them."
        yield Channel(name, "updated_at", resource.place, what)
    for field in resource.fields.values():
        if field.kind is Kind.MEMBER:
            what = f"Who writes {field.name} learns whether an account can open the {field.target}."
            yield Channel(name, "member", field.place, what)


_WRITING = ("update", "move", "transfer")
_OWNER_TOO = (Anyone, SignedIn)


def _owners_alone(resource: Resource, actions: tuple[str, ...], fields: tuple[str, ...]) -> bool:
    """Whether only the owner does this and also sees it all: then a conflict tells nothing of others."""

    def only_owner(action: str) -> bool:
        rootless = action == "create" and resource.parent is None  # whoever creates a root becomes its owner
        return rootless or all(Owner() in grant.who for grant in resource.rule(action))

    def sees(rule: Rule | None) -> bool:
        return rule is None or any(
            not grant.when and all(isinstance(who, _OWNER_TOO) for who in grant.who if who != Owner()) for grant in rule
        )

    shown = sees(resource.rule("read")) and all(sees(resource.fields[name].read) for name in fields)
    return shown and all(only_owner(action) for action in actions)


def _blockers(spec: Specification, resource: Resource) -> str:
    """What can stand in the way of deleting a record, as words; empty where nothing can."""
    gone = closure(spec, resource.name)
    below = [n for n in gone if n != resource.name and (spec.resources[n].keep or spec.resources[n].locked is not None)]
    found = [f"a kept or locked {name} below it" for name in below]
    for other in spec.resources.values():
        for field in other.references():
            if field.target not in gone or field.when_gone in ("empty", "delete"):
                continue
            related = spec.chain(other.name)[-1] == spec.chain(field.target)[-1]
            if field.when_gone == "block" or related:
                found.append(f"{a(other.name)} whose {field.name} refers to it")
    return ", or ".join(dict.fromkeys(found))


def closure(spec: Specification, name: str) -> list[str]:
    """The resource and all whose records can go with one of its records."""
    found = [name]
    for at in found:
        below = [r.name for r in spec.children(at)]
        follow = [
            r.name
            for r in spec.resources.values()
            for f in r.references()
            if f.target == at and f.when_gone == "delete"
        ]
        found.extend(n for n in dict.fromkeys(below + follow) if n not in found)
    return found
