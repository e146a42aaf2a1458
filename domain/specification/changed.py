"""The questions that a change raises: what happens to the records that are stored."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from domain.errors import Problem
from domain.specification import writing
from domain.specification.asking import Question, Suggestion, ask, field_line
from domain.specification.model import Field, Kind, Ladder, Place, Resource, Specification
from domain.specification.text import listed, meant, tick
from domain.values import ValueRefused, accept

SIMILAR = 0.6
"""how much of two names must be the same letters, 1 is all"""


def asked_of_change(before: Specification, after: Specification) -> Iterator[Question]:
    """Every question that the way from one specification to the next raises, answered or not."""
    names = {_former(resource, before.resources): resource.name for resource in after.resources.values()}
    gone = [r for r in before.resources.values() if r.name not in names]
    new = [r for r in after.resources.values() if _former(r, before.resources) not in before.resources]
    for resource in new:
        if (likely := _likely(resource, gone, before, after)) is not None:
            said = f"{tick(likely.name)} vanished, and {tick(resource.name)} appeared, much like it. Is it a new name?"
            value = writing.nested(resource.name, "renamed_from", value=likely.name)
            line = Suggestion("It is a new name: keep the records", value)
            yield ask(after, "Q-RENAMED", resource.place, resource.name, said, line)
    for resource in after.resources.values():
        former = before.resources.get(_former(resource, before.resources))
        if former is not None:
            yield from _roles(after, f"{resource.name}.roles", former.ladder, resource.ladder, resource.place)
            yield from _fields(before, after, former, resource, names)
    yield from _roles(after, "staff", before.staff, after.staff, Place(1, 1))


def misnamed(before: Specification, after: Specification) -> Iterator[Problem]:
    """Each `renamed_from` of something new that names nothing: its values would be lost for a slip of the pen."""
    for resource in after.resources.values():
        former = before.resources.get(_former(resource, before.resources))
        if former is None:
            yield from _misnamed(resource, "no resource {}", before.resources.keys() - after.resources.keys())
        else:
            gone = former.fields.keys() - resource.fields.keys()
            for field in resource.fields.values():
                if _former(field, former.fields) not in former.fields:
                    yield from _misnamed(field, f"no field {{}} in {tick(former.name)}", gone)


def _misnamed(found: Resource | Field, lacking: str, gone: Iterable[str]) -> Iterator[Problem]:
    if found.renamed_from is not None:
        name = tick(found.renamed_from)
        fix = meant(found.renamed_from, sorted(gone), "If it is nothing that was there, remove this `renamed_from`.")
        message = f"{tick(found.name)} is renamed from {name}, but what is approved has {lacking.format(name)}. {fix}"
        yield Problem(found.place.line, found.place.column, message)


def _former(found: Resource | Field, known: Container[str]) -> str:
    """What it was called; a `renamed_from` that was approved before says nothing any more."""
    return found.renamed_from if found.renamed_from is not None and found.renamed_from in known else found.name


def _likely(resource: Resource, gone: list[Resource], before: Specification, after: Specification) -> Resource | None:
    """The vanished resource that a new one is most like; None where it is like none of them."""

    def likeness(old: Resource) -> float:
        ours, theirs = _shape(after, resource), _shape(before, old)
        shared = len(ours & theirs) / max(len(ours | theirs), 1)
        return max(shared, _same_letters(old.name, resource.name))

    best = max(gone, key=likeness, default=None)
    return best if best is not None and likeness(best) >= SIMILAR else None


def _roles(after: Specification, on: str, was: Ladder | None, now: Ladder | None, place: Place) -> Iterator[Question]:
    """Roles that vanished while others appeared beside them: who has one would lose it."""
    if was is None or now is None:
        return
    gone = [role for role in was.roles if role not in now.roles]
    new = [role for role in now.roles if role not in was.roles]
    if gone and new:
        one, roles = listed(gone, "and"), f"role{'s' * (len(gone) > 1)}"
        said = (
            f"The {roles} {one} of {tick(on.removesuffix('.roles'))} vanished, and {listed(new, 'and')} appeared. "
            f"Whoever has {listed(gone)} loses it, and does not get {listed(new)}: to carry it over, write an UPDATE "
            "into the revision that `freehold approve` makes (docs/life.md)."
        )
        yield ask(after, "Q-RENAMED", now.place or place, on, said)


def _shape(spec: Specification, resource: Resource) -> set[tuple[str, str]]:
    return {(field.name, _kind(spec, resource, field)) for field in resource.fields.values()}


def _same_letters(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _kind(spec: Specification, resource: Resource, field: Field) -> str:
    """The type of a field's values, for people."""
    found = spec.value_field(resource.name, field.name)
    if found.copied == "owner" or found.kind in (Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER):
        return "account"
    return str(found.target) if found.kind is Kind.REFERENCE else found.kind.value


def _fields(
    before: Specification, after: Specification, old: Resource, new: Resource, names: dict[str, str]
) -> Iterator[Question]:
    kept = {_former(field, old.fields) for field in new.fields.values()}
    gone = [field for field in old.fields.values() if field.name not in kept]
    appeared = [field for field in new.fields.values() if _former(field, old.fields) not in old.fields]

    def kind_before(field: Field) -> str:
        kind = _kind(before, old, field)
        return names.get(kind, kind)

    for field in new.fields.values():
        on = f"{new.name}.{field.name}"
        if field in appeared:
            likely = _likely_field(after, new, field, gone, appeared, kind_before)
            if likely is not None:
                gone_field = f"{tick(likely.name)} of {tick(new.name)} vanished"
                said = f"{gone_field}, and {tick(field.name)} of the same type appeared. Is it a new name?"
                renamed = replace(field, renamed_from=likely.name)
                line = field_line("It is a new name: keep the values", new, renamed)
                yield ask(after, "Q-RENAMED", field.place, on, said, line)
            elif field.required and not field.by_engine:
                said = f"{tick(field.name)} is new and required, and {tick(new.name)} was there before."
                yield ask(after, "Q-REQUIRED", field.place, on, said, *_fillings(new, field))
            continue
        was = old.fields[_former(field, old.fields)]
        now_kind, old_kind = _kind(after, new, field), kind_before(was)
        if now_kind != old_kind:
            said = f"{tick(field.name)} of {tick(new.name)} was of type {tick(old_kind)}, and now is {tick(now_kind)}."
            yield ask(after, "Q-TYPE-CHANGED", field.place, on, said, *_back(before, old, was, new, field, names))
        elif field.required and not field.by_engine and _may_be_empty(was):
            said = f"{tick(field.name)} of {tick(new.name)} could be empty, and is required now."
            yield ask(after, "Q-REQUIRED", field.place, on, said, *_fillings(new, field))


def _may_be_empty(field: Field) -> bool:
    return field.optional or field.by_engine


def _likely_field(
    after: Specification, new: Resource, field: Field, gone: list[Field], appeared: list[Field], kind_before: Any
) -> Field | None:
    """The vanished field that a new one is probably: of the same type, and alike or the only one."""
    kind = _kind(after, new, field)
    alike = [old for old in gone if kind_before(old) == kind and old.by_engine == field.by_engine]
    rivals = [one for one in appeared if _kind(after, new, one) == kind]
    if len(alike) == 1 and len(rivals) == 1:
        return alike[0]
    best = max(alike, key=lambda old: _same_letters(old.name, field.name), default=None)
    return best if best is not None and _same_letters(best.name, field.name) >= SIMILAR else None


def _fillings(resource: Resource, field: Field) -> Iterator[Suggestion]:
    if (value := _some_value(field)) is not None:
        yield field_line("Fill it in the records that there are", resource, replace(field, default=value))
    yield field_line("Let it be empty", resource, replace(field, optional=True))


def _some_value(field: Field) -> Any:
    """A default that the field accepts; None where none comes to mind."""
    candidates: dict[Kind, tuple[Any, ...]] = {
        Kind.TEXT: ("unknown", "-", ""),
        Kind.INTEGER: (field.minimum, 0, field.maximum),
        Kind.NUMBER: (field.minimum, 0.0, field.maximum),
        Kind.DECIMAL: ("0", "1"),
    }
    for candidate in candidates.get(field.kind, ()):
        try:
            if candidate is not None:
                return accept(field, candidate)
        except ValueRefused:
            continue
    return None


def _back(
    before: Specification, old: Resource, was: Field, new: Resource, field: Field, names: dict[str, str]
) -> Iterator[Suggestion]:
    """The type as it was, where that needs nothing else that changed."""
    simple = was.kind not in (Kind.MEMBER, Kind.COPY, Kind.REFERENCE)
    if simple and before.value_field(old.name, was.name) is was:
        again = replace(was, name=field.name, renamed_from=field.renamed_from, read=field.read, write=field.write)
        if not (field.write is not None and again.by_engine):
            yield field_line("Keep the type", new, again)
