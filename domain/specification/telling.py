"""Cases and small worlds in plain English, with the conditions as the language writes them."""

from collections.abc import Container, Iterator
from typing import Any

from domain.specification.cases import NOTHING, About, Case, Part, Some, Space, Variable, failing
from domain.specification.model import Hop, Ladder, Path, Resource, Specification
from domain.specification.text import a
from domain.specification.worlds import Small


class CaseInWords:
    """Who a case is about, and where, in plain English with the language's own conditions."""

    def __init__(self, spec: Specification, resource: Resource, space: Space, case: Case) -> None:
        self._spec = spec
        self._resource = resource
        self._space = space
        self._case = case
        held = [v for v, part in case.items() if v.about is not About.CALLER and not part & v.least]
        self._unlocked = dict(self._locks())
        self._held = sorted((v for v in held if v.personal), key=lambda v: (v.about is About.STAFF, len(v.path)))

    def who(self) -> str:
        """The kind of person: "a viewer of a notebook"."""
        if not self._held:
            return self._callers()
        first, *others = self._held
        further = "".join(f" who is also {self._is(other, named=True)}" for other in others)
        somebody, callers = self._is(first, named=False) + further, self._calling()
        if callers == frozenset((Some.LINK,)):
            return f"whoever has a link as {somebody}"
        return f"{somebody}, by a membership or a link" if callers == frozenset((Some.LINK, Some.ACCOUNT)) else somebody

    def target(self) -> str:
        """Which records: "its notes"."""
        if not self._held or self._held[0].about is About.STAFF:
            return self._resource.plural
        path = self._place(self._held[0])
        if not path:
            return "it"
        return f"its {self._resource.plural}" if self._upwards(path) else f"that {self._resource.name}"

    def where(self) -> tuple[str, ...]:
        """The conditions on values, all of which have to hold."""
        return tuple(self._condition(variable, part) for variable, part in self._asked())

    def conditions(self, implied: Container[str], locks: bool) -> str:
        """The end of a sentence, which keeps silent on these fields of the record.

        `locks`: whether it is about something that locks forbid, so that what they say need not be repeated.
        """
        said, unlocked = [], ""
        for variable, part in self._asked():
            if not variable.path and variable.name in implied:
                continue
            if locks and part == self._unlocked.get(variable):
                unlocked = ", unless locked"
            else:
                said.append(self._condition(variable, part))
        return (f" where {' and '.join(said)}" if said else "") + unlocked

    def _asked(self) -> Iterator[tuple[Variable, Part]]:
        """The variables of values that say something; that what is spoken of is there goes without saying."""
        leading = {reference for variable in self._case for reference in variable.by}
        for variable, whole in sorted(self._case.items(), key=lambda item: len(item[0].path)):
            there = frozenset((Some.OTHER,))
            gone: Part = frozenset((Some.GONE,) if variable.by and self._case.get(variable.by[-1]) == there else ())
            part, least = whole - gone, variable.least - gone
            if variable.about is not About.VALUE or (variable in leading and part == there):
                continue
            if part & least and part != least:
                yield variable, part

    def _locks(self) -> Iterator[tuple[Variable, Part]]:
        """In which part of its variable a lock of one condition does not hold, here or above."""
        for name in self._spec.chain(self._resource.name):
            lock, path = self._spec.resources[name].locked, self._spec.up(self._resource.name, name)
            for condition in lock.when if lock is not None and len(lock.when) == 1 else ():
                yield from (
                    self._space.value(self._spec, path + condition.path, condition.field, failing(condition)) or {}
                ).items()

    def _calling(self) -> Part | None:
        return next((part for v, part in self._case.items() if v.about is About.CALLER), None)

    def _callers(self) -> str:
        callers = self._calling()
        names = {
            Some.ANONYMOUS: "anyone not signed in",
            Some.ACCOUNT: "any account",
            Some.ENGINE: "the engine",
            # who has any link is not signed in, which is told
            **({} if callers is not None and Some.ANONYMOUS in callers else {Some.LINK: "whoever has a link"}),
        }
        if callers is None:
            return "anyone, and the engine"
        if callers >= {Some.ANONYMOUS, Some.ACCOUNT}:
            return "anyone"
        return " and ".join(name for caller, name in names.items() if caller in callers)

    def _is(self, variable: Variable, named: bool) -> str:
        """Somebody by what they hold; `named`: the record itself has been spoken of."""
        at = self._at(self._place(variable), named)
        match variable.about:
            case About.OWNER:
                return "its owner" if at == "it" else f"the owner of {at}"
            case About.STAFF:
                return f"{self._roles(variable, self._spec.staff)} of the staff"
            case About.ROLE:
                return f"{self._roles(variable, self._spec.resources[variable.resource].ladder)} of {at}"
            case About.TIE if variable.through is not None:
                through = variable.through
                container = through.container.resource
                roles = self._roles(variable, self._spec.resources[container].ladder)
                return f"{roles} of {a(container)} that {a(through.link)} ties {at} to"
        return f"its {variable.name}" if at == "it" else f"the {variable.name} of {at}"

    def _roles(self, variable: Variable, ladder: Ladder | None) -> str:
        """The weakest role, where all that are stronger have it too."""
        part, known = self._case[variable], ladder.roles if ladder is not None else ()
        held = [role for role in dict.fromkeys((*known, *variable.order)) if role in part]
        return " or ".join(
            a(role).replace(role, f"*{role}*") for role in (held[-1:] if part == set(known[: len(part)]) else held)
        )

    def _at(self, path: Path, named: bool) -> str:
        if not path:
            return "it" if named else a(self._resource.name)
        if self._upwards(path):
            return f"its {path[-1].resource}" if named else a(path[-1].resource)
        of = self._at(path[:-1], named)
        return f"its {path[-1].field}" if of == "it" else f"the {path[-1].field} of {of}"

    def _place(self, variable: Variable) -> Path:
        return _owned(variable, self._space, self._resource.parent)

    def _upwards(self, path: Path) -> bool:
        return bool(path) and not any(self._space.refers(path[:length]) for length in range(1, len(path) + 1))

    def _condition(self, variable: Variable, part: Part) -> str:
        words = [
            hop.field
            for number, hop in enumerate(variable.path)
            if self._space.refers(variable.path[: number + 1])
            or number + 1 == len(variable.path)
            or self._space.refers(variable.path[: number + 2])
        ]
        name = ".".join((*words, variable.name))
        somebody = {*NOTHING, Some.ME}  # who asks is told as such
        there, every = part - somebody, variable.domain - somebody
        if not there:
            return f"{name} is empty"
        if there == every:
            return f"{name} is set"
        but = every - there
        if Some.OTHER in there or (part & NOTHING and len(but) < len(there)):
            return f"{name} is not {_either(variable, but)}"
        empty = " or empty" if part & NOTHING and variable.domain & NOTHING else ""
        return f"{name} is {_either(variable, there)}{empty}"


def _either(variable: Variable, part: Part) -> str:
    return " or ".join(_worded(value, variable) for value in variable.order if value in part)


class WorldInWords:
    """A small world: the record with what is above it and what it refers to, and who calls."""

    def __init__(self, small: Small) -> None:
        self._small = small
        self._shown = [variable for variable, value in small.assignment.items() if _matters(variable, value)]
        self._parent = next(s.resources[small.space.resource].parent for s in small.space.specifications)
        places = [_owned(variable, small.space, self._parent) for variable in self._shown]
        ways = (path[:length] for path in places for length in range(len(path) + 1))
        self._paths = list(dict.fromkeys([(), *ways]))
        resources = [self._resource(path) for path in self._paths]
        self._names = {
            path: f"{name} {resources[:index].count(name) + 1}" if resources.count(name) > 1 else name
            for index, (path, name) in enumerate(zip(self._paths, resources, strict=True))
        }

    def records(self, path: Path) -> Iterator[str]:
        """A record in all that is above it, and then each that something refers to from there."""
        chain = [path]
        for at in chain:
            chain.extend(self._onward(at, by_reference=False))
        yield " in ".join(self._one(at) for at in chain)
        for at in chain:
            for target in self._onward(at, by_reference=True):
                first, *further = self.records(target)
                yield (
                    f"its {target[-1].field} is {first}"
                    if at == ()
                    else f"{target[-1].field} of {self._the(at)} is {first}"
                )
                yield from further

    def text(self) -> str:
        """The world in one or two short lines."""
        return "; ".join((*self.records(()), self.caller()))

    def caller(self) -> str:
        """Who asks, and who that is."""
        match self._small.caller:
            case Some.ANONYMOUS:
                return "the caller is not signed in"
            case Some.ENGINE:
                return "the caller is the engine"
            case Some.LINK:
                held = "".join(f" as {text}" for variable in self._shown if (text := self._held(variable)))
                return f"the caller has a link{held}, and no account"
        held = " and ".join(text for variable in self._shown if (text := self._held(variable)))
        return f"the caller is {held}" if held else "the caller is signed in, and nobody in particular"

    def _held(self, variable: Variable) -> str:
        value = self._small.assignment[variable]
        at = self._the(_owned(variable, self._small.space, self._parent))
        match variable.about:
            case About.STAFF:
                return f"staff ({value})"
            case About.OWNER:
                return f"the owner of {at}"
            case About.ROLE:
                return f"{a(value)} of {at}"
            case About.TIE if variable.through is not None:
                through = variable.through
                return f"{a(value)} of {a(through.container.resource)}, which {a(through.link)} ties {at} to"
            case About.VALUE if value is Some.ME:
                return f"the {variable.name} of {at}"
        return ""

    def _one(self, path: Path) -> str:
        name = self._names[path]
        details = [
            f"{variable.name} is {_worded(value, variable)}"
            for variable in self._shown
            if variable.about is About.VALUE and variable.path == path
            if (value := self._small.assignment[variable]) is not Some.ME and not self._leads_on(path, variable.name)
        ]
        new = "new " if self._small.space.fresh and not path else ""
        named = name if name != self._resource(path) else a(new + name)
        return named + (f" ({', '.join(details)})" if details else "")

    def _the(self, path: Path) -> str:
        return self._names[path] if self._names[path] != self._resource(path) else f"the {self._names[path]}"

    def _resource(self, path: Path) -> str:
        return path[-1].resource if path else self._small.space.resource

    def _onward(self, path: Path, by_reference: bool) -> list[Path]:
        further = (p for p in self._paths if p[:-1] == path and p != path)
        return [p for p in further if self._small.space.refers(p) == by_reference]

    def _leads_on(self, path: Path, name: str) -> bool:
        return any(p[-1].field == name for p in self._onward(path, by_reference=True))


def _owned(variable: Variable, space: Space, parent: str | None) -> Path:
    """Where a variable's record is to be named: the owner of what is not there yet is that of what is above it."""
    new = variable.about is About.OWNER and space.fresh and not variable.path
    return (Hop(parent, parent),) if new and parent is not None else variable.path


def _matters(variable: Variable, value: Any) -> bool:
    """Whether a value is worth a word: who the caller is not, and what is not there, is not."""
    if variable.about is About.VALUE:
        return value is not Some.GONE
    return isinstance(value, str) or value is Some.ME


def _worded(value: Any, variable: Variable) -> str:
    """A value in words."""
    match value:
        case True | False:
            return "yes" if value else "no"
        case Some.NONE:
            return "empty"
        case Some.NOW:
            return "today"
        case Some.PAST | Some.FUTURE:
            return str(value.name.lower())
        case Some.OTHER:
            return "somebody else" if Some.ME in variable.domain else "something else"
    return str(value)
