"""What an app does otherwise by the next specification, beside what becomes of stored records and who may do what.

`evolution.changes` tells of stored records, `gains.compare` of rights. What is left is told here: whatever the file
says, a change of it that changes anything for anybody is in one of the three.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.specification.evolution import lineage, said_value
from domain.specification.model import (
    Answer,
    Condition,
    Field,
    Kind,
    Ladder,
    Lock,
    Path,
    Place,
    Resource,
    Specification,
    Test,
)
from domain.specification.renaming import renamed
from domain.specification.text import tick


@dataclass(frozen=True, slots=True)
class Otherwise:
    """One difference."""

    what: str
    """the word of the language that it is about, as written in the file; a stable word for programs"""
    text: str
    """in English, without a full stop"""
    resource: str | None = None
    field: str | None = None
    place: Place | None = None
    """in the new text; None where it says nothing there"""


def otherwise(before: Specification, after: Specification) -> tuple[Otherwise, ...]:
    """Every such difference, in the order of the new text; what is called otherwise is the same thing."""
    return tuple(_otherwise(renamed(before, after), after))


def _otherwise(before: Specification, after: Specification) -> Iterator[Otherwise]:
    if before.app != after.app:
        yield Otherwise("app", f"the app is called {tick(after.app)} instead of {tick(before.app)}")
    if before.version != after.version:
        yield Otherwise("version", f"the API is version {after.version} instead of {before.version}")
    yield from (Otherwise("staff", text) for text in _ladder("the staff", before.staff, after.staff))
    found = lineage(before, after)
    for name, former in found.resources.items():
        was, now = before.resources[former], after.resources[name]
        yield from (Otherwise(what, text, name, None, now.place) for what, text in _resource(was, now))
        for new, old in found.fields[name].items():
            one, other = was.fields[old], now.fields[new]
            yield from (
                Otherwise(what, text, name, new, other.place)
                for what, text in _field(f"`{name}.{new}`", (before, was, one), (after, now, other))
            )
    yield from _answers(before.answers, after.answers)


# --- resources -----------------------------------------------------------------------------


def _resource(was: Resource, now: Resource) -> Iterator[tuple[str, str]]:
    name = f"`{now.name}`"
    if was.plural != now.plural and was.name == now.name:
        yield "plural", f"{name} is `{now.plural}` instead of `{was.plural}` in paths, and so is its table"
    if was.about != now.about:
        yield "about", f"the API's documentation says something else of {name}"
    yield from (("roles", text) for text in _ladder(name, was.ladder, now.ladder))
    yield from (("links", text) for text in _links(name, was, now))
    if was.locked != now.locked:
        yield "locked", f"{name} is {_locked(now.locked)}; until now {_locked(was.locked)}"
    for field in dict.fromkeys((*now.steps, *was.steps)):
        if field in now.fields and (field in now.steps) != (field in was.steps):
            by = "its steps only, and is" if field in now.steps else "`update`, and may be anything"
            start = f" `{now.steps_start(field)}`" if field in now.steps else ""
            yield "steps", f"`{now.name}.{field}` changes by {by}{start} in a new record"
    if was.limit is not None and (now.limit is None or now.limit > was.limit):
        most = f"up to {now.limit:,} `{now.plural}`" if now.limit else f"as many `{now.plural}` as it likes"
        yield "limit", f"an account may own {most}, not {was.limit:,}"
    if was.keep != now.keep:
        if now.keep:
            said = "outlives its owner's account now, and blocks the deletion of what is above"
        else:
            said = "goes with its owner's account now, and with what is above"
        yield "keep", f"{name} {said}"
    if was.require_if_match != now.require_if_match:
        must = "must name the version that they start from now" if now.require_if_match else "need not name a version"
        yield "require_if_match", f"changes of {name} {must} (`If-Match`)"


def _ladder(of: str, was: Ladder | None, now: Ladder | None) -> Iterator[str]:
    roles, former = (None if ladder is None else " > ".join(ladder.roles) for ladder in (now, was))
    if roles != former:
        instead = f"instead of `{former}`" if former else "and there were none"
        yield f"the roles of {of} are `{roles}` {instead}" if roles else f"{of} has no roles any more"
    if was is not None and now is not None and was.expire != now.expire:
        last = "do not end by themselves" if now.expire is None else f"last at most {_lasting(now.expire)}"
        instead = "without end" if was.expire is None else f"at most {_lasting(was.expire)}"
        yield f"roles on {of} {last} now, instead of {instead}; those that were given keep their end"


def _links(name: str, was: Resource, now: Resource) -> Iterator[str]:
    if was.links == now.links:
        return
    if now.links is None:
        yield f"nobody can make secret links to {name} any more"
        return
    last = "without end" if now.links.expire is None else f"for at most {_lasting(now.links.expire)}"
    text = f"secret links to {name} carry the role `{now.links.role}`, {last}"
    if was.links is not None:
        last = "without end" if was.links.expire is None else f"for at most {_lasting(was.links.expire)}"
        text += f"; until now `{was.links.role}`, {last}"
    yield text


def _lasting(span: timedelta) -> str:
    """As the file writes it: `90 days`, or `12 hours`."""
    hours = int(span.total_seconds()) // 3600
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _locked(lock: Lock | None) -> str:
    if lock is None:
        return "never locked"
    excepted = f", except {', '.join(lock.excepted)}" if lock.excepted else ""
    return f"locked when {' and '.join(map(_condition, lock.when))}{excepted}"


def _condition(condition: Condition) -> str:
    test = "is" if condition.test is Test.IS else condition.test.value
    values = " or ".join(said_value(value) for value in condition.values)
    return f"{_way(condition.path, condition.field)} {test}{f' {values}' if values else ''}"


def _way(path: Path, field: str) -> str:
    return ".".join((*(hop.field for hop in path), field))


# --- fields --------------------------------------------------------------------------------

_Of = tuple[Specification, Resource, Field]


def _field(label: str, before: _Of, after: _Of) -> Iterator[tuple[str, str]]:
    was, now = before[2], after[2]
    if was.about != now.about:
        yield "about", f"the API's documentation says something else of {label}"
    if Kind.COPY in (was.kind, now.kind) or now.kind is was.kind is Kind.MEMBER:
        if _type(was) != _type(now):
            yield "type", f"{label} {_type(now)}; until now it {_type(was)}. What is stored stays as it is"
        if Kind.COPY in (was.kind, now.kind):
            return
    if not (was.by_engine or now.by_engine) and _unsent(was) != _unsent(now):
        # that a value may be empty, or not any more, is told of stored records
        told = was.optional != now.optional and was.default == now.default and not _names_another(now)
        if not told:
            stays = "; records without one stay as they are" if now.required and _names_another(now) else ""
            yield "default", f"{label}, where it is left out of a new record, {_unsent(now)}; {_former(was)}{stays}"
    if was.pattern != now.pattern:
        must = f"must match {tick(now.pattern)}" if now.pattern is not None else "need not match any pattern"
        instead = "" if was.pattern is None else f", and not {tick(was.pattern)}"
        yield "pattern", f"{label} {must} now{instead}. What is stored is not checked"
    if was.format != now.format:
        must = "may be any text" if now.format is None else f"must be {_FORMATS[now.format]}"
        yield "format", f"{label} {must} now. What is stored is not checked"


_FORMATS = {"email": "an email address", "url": "a URL"}


def _names_another(field: Field) -> bool:
    return field.kind in (Kind.REFERENCE, Kind.ACCOUNT, Kind.MEMBER)


def _type(field: Field) -> str:
    if field.kind is Kind.COPY:
        return f"copies `{_way(field.path, str(field.copied))}` when a record is made"
    if field.kind is Kind.MEMBER:
        return f"names somebody who can open `{'.'.join(hop.field for hop in field.path)}`"
    return "is what callers send"


def _unsent(field: Field) -> str:
    """What becomes of a new record whose message leaves the field out."""
    if field.required:
        return "is missed (422)"
    return "is empty" if field.initial is None else f"is {tick(said_value(field.initial))}"


def _former(field: Field) -> str:
    return f"until now it {'had to be sent' if field.required else _unsent(field).replace('is', 'was', 1)}"


# --- answers -------------------------------------------------------------------------------


def _answers(was: tuple[Answer, ...], now: tuple[Answer, ...]) -> Iterator[Otherwise]:
    former: dict[tuple[str, str], Any] = {(answer.question, answer.on): answer for answer in was}
    for answer in now:
        known = former.pop((answer.question, answer.on), None)
        if known is None or known.because != answer.because:
            text = f"{answer.question} on `{answer.on}` is answered: {answer.because}"
            yield Otherwise("answers", text, place=answer.place)
    for question, on in former:
        yield Otherwise("answers", f"{question} on `{on}` is not answered any more")
