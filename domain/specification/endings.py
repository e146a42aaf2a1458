"""The questions about ends: deletions and what stands in their way, locks for good, values that are never reached."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from domain.specification import writing
from domain.specification.analysis import closure
from domain.specification.asking import Question, Suggestion, article, ask, field_line, plain_grant, rule_line
from domain.specification.model import Field, Kind, Resource, Specification, Test
from domain.specification.text import listed, tick


def endings(spec: Specification, resource: Resource) -> Iterator[Question]:
    """Every such question that a resource raises."""
    yield from _when_gone(spec, resource)
    yield from _deletion(spec, resource)
    yield from _finality(spec, resource)


# --- deletion ------------------------------------------------------------------------------


def _when_gone(spec: Specification, resource: Resource) -> Iterator[Question]:
    """References that say nothing of what happens, where that depends or leaves a required field empty."""
    for field in resource.references():
        target = spec.resources[str(field.target)]
        if field.when_gone is not None or not _goes(spec, target.name):
            continue
        if _may_share_a_root(spec, resource.name, target.name):
            root = tick(spec.chain(target.name)[-1])
            what = f"within the same {root} the deletion is refused, and elsewhere the reference goes null"
        elif not field.optional:
            what = "the reference goes null, although it is required"
        else:
            continue
        said = (
            f"{article(target.name).capitalize()} can be deleted, and {tick(field.name)} of {article(resource.name)} "
            f"does not say what happens then. As it stands, {what}."
        )
        lines = [
            field_line(says, resource, replace(field, when_gone=answer))
            for answer, says in (
                ("block", "It cannot be deleted as long as something refers to it"),
                ("empty", "The reference goes null"),
                ("delete", "What refers to it is deleted too"),
            )
        ]
        yield ask(spec, "Q-WHEN-GONE", field.place, f"{resource.name}.{field.name}", said, *lines)


def _may_share_a_root(spec: Specification, name: str, target: str) -> bool:
    """Whether two records can hang under the same root record, and neither of them is that root."""
    chain = spec.chain(target)
    return len(chain) > 1 and spec.chain(name)[-1] == chain[-1]


def _goes(spec: Specification, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether somebody may delete such a record, one above it, or one that it follows."""
    if name in seen:
        return False
    for at in spec.chain(name):
        follows = [str(f.target) for f in spec.resources[at].references() if f.when_gone == "delete"]
        if spec.resources[at].rule("delete") or any(_goes(spec, one, seen | {name}) for one in follows):
            return True
    return False


def _deletion(spec: Specification, resource: Resource) -> Iterator[Question]:
    """Deletions that something stands in the way of: for ever, or because it is kept."""
    rule = resource.rule("delete")
    for_ever = list(_obstacles(spec, resource)) if rule else []
    if for_ever:
        what = ", or ".join(words for words, _ in for_ever)
        said = f"{article(resource.name).capitalize()} can never be deleted any more once there is {what}."
        lines = list(_obstacle_lines(spec, for_ever)) if len(for_ever) == 1 else []
        yield ask(spec, "Q-DELETE-BLOCKED", rule[0].place, f"{resource.name}.delete", said, *lines)
    if not resource.keep:
        return
    above = [at for at in spec.chain(resource.name)[1:] if spec.resources[at].rule("delete")]
    above = [at for at in above if resource.name not in _blocking(spec, spec.resources[at])]
    if above:
        deletes = spec.resources[above[0]].rule("delete")
        said = (
            f"{tick(resource.name)} is kept, and the {tick(above[0])} above it can be deleted by "
            f"{listed((grant.text for grant in deletes), 'and')} (line {deletes[0].place.line})."
        )
        line = Suggestion("It goes along", writing.nested(resource.name, "keep", value="no"))
        yield ask(spec, "Q-KEEP-BELOW", resource.place, f"{resource.name}.keep", said, line)


def _blocking(spec: Specification, resource: Resource) -> list[str]:
    return [name for _, name in _obstacles(spec, resource)]


def _obstacles(spec: Specification, resource: Resource) -> Iterator[tuple[str, str]]:
    """What can forbid the deletion for ever, in words, and the resource that does."""
    below = closure(spec, resource.name)[1:]
    for name in below:
        at = spec.resources[name]
        between = spec.chain(name)[: spec.chain(name).index(resource.name)] if resource.name in spec.chain(name) else ()
        movable = any(spec.resources[one].rule("move") for one in between if one != name)
        stuck = _final(spec, at)
        if at.keep and not movable and not at.rule("delete") and not at.rule("move"):
            yield f"{article(name)} below it, which is kept and which nobody can delete", name
        elif stuck and not movable:
            yield f"{article(name)} below it that is locked for good ({stuck})", name
    going = {resource.name, *below}
    for other in spec.resources.values():
        for field in other.references():
            if other.name in going or field.target not in going or not _blocks(spec, other, field):
                continue
            if _holds_on(spec, other, field):
                yield (
                    f"{article(other.name)} whose {tick(field.name)} refers to it, which nobody can delete or change",
                    other.name,
                )


def _obstacle_lines(spec: Specification, found: list[tuple[str, str]]) -> Iterator[Suggestion]:
    ((_, name),) = found
    at = spec.resources[name]
    if at.keep and not at.rule("delete") and not _final(spec, at):
        yield rule_line(f"Let the owner delete {article(name)} first", at, "delete", (plain_grant("owner"),))


def _blocks(spec: Specification, resource: Resource, field: Field) -> bool:
    unsaid = field.when_gone is None and _may_share_a_root(spec, resource.name, str(field.target))
    return field.when_gone == "block" or unsaid


def _holds_on(spec: Specification, resource: Resource, field: Field) -> bool:
    """Whether a referring record can get into a state in which it neither goes nor changes its reference."""
    updates = resource.rule("update")
    if resource.locked is not None and _final(spec, resource) and field.name not in resource.locked.excepted:
        return True
    return not _goes(spec, resource.name) and not any(grant.covers(field.name) for grant in updates)


# --- what never ends, and what never begins ------------------------------------------------


def _final(spec: Specification, resource: Resource) -> str:
    """The state in which a record's own lock never ends, in words; empty where it can always end."""
    if resource.locked is None:
        return ""
    parts = []
    for condition in resource.locked.when:
        if condition.path:
            return ""
        field = resource.fields[condition.field]
        excepted = field.name in resource.locked.excepted and any(g.covers(field.name) for g in resource.rule("update"))
        if (
            excepted
            or condition.test is Test.FUTURE
            or field.kind in (Kind.REFERENCE, Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER)
        ):
            return ""
        if field.name in resource.steps and condition.test is Test.IS:
            ends = [
                value for value in condition.values if _reached(resource, field.name, value) <= set(condition.values)
            ]
            if not ends:
                return ""
            parts.append(f"{field.name} is {' or '.join(ends)}")
        else:
            parts.append(f"{field.name} {_said(condition.test, condition.values)}")
    return " and ".join(parts)


def _said(test: Test, values: tuple[Any, ...]) -> str:
    words = ["yes" if v is True else "no" if v is False else str(v) for v in values]
    return f"is {' or '.join(words)}" if words else str(test)


def _reached(resource: Resource, field: str, start: str) -> set[str]:
    """The values that steps lead to from one, itself among them."""
    found = [start]
    for at in found:
        found += [s.after for s in resource.steps[field] if s.before == at and s.after not in found]
    return set(found)


def _finality(spec: Specification, resource: Resource) -> Iterator[Question]:
    lock = resource.locked
    if lock is not None and (stuck := _final(spec, resource)):
        switches = [c.field for c in lock.when if resource.fields[c.field].kind is Kind.YES_NO]
        switched = [name for name in switches if any(grant.covers(name) for grant in resource.rule("update"))]
        if switches == [c.field for c in lock.when] and switched:
            said = f"Once {tick(stuck)}, {article(resource.name)} is locked for good: nobody can change that back."
            when = " and ".join(f"{c.field} {_said(c.test, c.values)}" for c in lock.when)
            excepted = ", ".join(dict.fromkeys((*lock.excepted, switched[0])))
            value = writing.nested(resource.name, "locked", value=f"when {when}, except {excepted}")
            line = Suggestion("Let it be unlocked again", value)
            yield ask(spec, "Q-LOCKED-FOREVER", resource.place, f"{resource.name}.locked", said, line)
    for name in resource.steps:
        field = resource.fields[name]
        reached = _reached(resource, name, resource.steps_start(name))
        for value in field.values:
            if value in reached:
                continue
            start = tick(field.values[0])
            said = f"No step leads to {tick(value)} of {tick(name)}; a new {tick(resource.name)} starts at {start}."
            before = next(v for v in reversed(field.values[: field.values.index(value)]) if v in reached)
            step = writing.nested(resource.name, "steps", name, f"{before} -> {value}", value="owner")
            on = f"{resource.name}.{name}.{value}"
            yield ask(spec, "Q-VALUE-UNREACHED", field.place, on, said, Suggestion("Add a step", step))
