"""The cases in which a rule allows: a normal form, exact, by which two rules are compared without trying worlds.

A `Variable` is one thing that a rule can look at around a record: who calls, a field's value, a role held on the record
at the end of a path. Its domain is finite: values that no rule tells apart are one. A `Case` says for some variables in
which part of their domain they lie; a rule is a set of cases, any one of which allows. `docs/analysis.md` says why this
is exact. It is a reading of its own beside `domain.judging`, and tests hold the two against each other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from domain.judging import rules
from domain.specification.model import (
    Condition,
    Field,
    Kind,
    Path,
    Specification,
    Test,
    Through,
)
from domain.values import ValueRefused, accept


class Some(Enum):
    """What stands for many values that no rule tells apart."""

    ANONYMOUS = "nobody signed in"
    ACCOUNT = "an account"
    ENGINE = "the engine"
    LINK = "whoever has a secret link"
    ME = "the caller"
    OTHER = "another account, record or value"
    PAST = "before now"
    NOW = "now"
    FUTURE = "after now"
    NONE = "no value"
    GONE = "on a record that is not there"

    __hash__ = object.__hash__


Part = frozenset[Any]
"""a part of a variable's domain: field values as the domain has them, names of roles, and `Some`"""
NOTHING: Part = frozenset((Some.NONE, Some.GONE))


class About(Enum):
    """What a variable is about."""

    CALLER = "caller"
    STAFF = "staff"
    OWNER = "owner"
    ROLE = "role"
    TIE = "tie"
    VALUE = "value"


@dataclass(frozen=True, eq=False, slots=True)
class Variable:
    """One thing that rules look at; made once by its `Space`, so that two are equal when they are the same."""

    about: About
    path: Path
    """from the record that is decided on to the one that this is about"""
    resource: str
    """of that record"""
    name: str
    """of the field; empty where there is only one thing to ask"""
    domain: Part
    order: tuple[Any, ...]
    """the domain, simplest first"""
    by: "tuple[Variable, ...]"
    """the references on the path"""
    through: Through | None = None

    @property
    def least(self) -> Part:
        """The part in which the caller has nothing by it."""
        match self.about:
            case About.ROLE | About.TIE | About.STAFF:
                return self.domain & NOTHING
            case About.OWNER | About.VALUE:
                return self.domain - {Some.ME}
            case About.CALLER:
                return self.domain

    @property
    def personal(self) -> bool:
        """Whether it says who the caller is."""
        return self.about is not About.VALUE or Some.ME in self.domain


Case = Mapping[Variable, Part]
"""all that it says must hold; a variable that is not there may have any value"""
Cases = Sequence[Case]
ALWAYS: Cases = ({},)
Choice = Callable[[Part], Part]
"""takes a part of a domain"""


# --- the variables -------------------------------------------------------------------------


class Space:
    """The variables around the records of one resource, as one specification or two know them.

    In a `fresh` space the record is about to be created: it has no members, nothing is tied to it, what the engine
    writes is known, and what is required is there.
    """

    def __init__(self, specifications: Sequence[Specification], resource: str, fresh: bool = False) -> None:
        """Both specifications speak of the same things by the same names."""
        self.specifications = specifications
        self.resource = resource
        self.fresh = fresh
        self.linked = any(resource.links for spec in specifications for resource in spec.resources.values())
        """whether there are secret links; otherwise nothing is said of them"""
        self._known: dict[tuple[Any, ...], Variable] = {}
        self._constants = _constants(specifications)

    def caller(self, *who: Some) -> Case:
        """That one of these calls."""
        callers = (Some.ANONYMOUS, Some.ACCOUNT, Some.ENGINE, *([Some.LINK] if self.linked else []))
        variable = self._variable(About.CALLER, (), "", callers)
        return {variable: frozenset(who) & variable.domain}

    def staff(self, roles: Iterable[str]) -> Case | None:
        """That the caller holds one of these instance-wide roles."""
        ladders = [spec.staff for spec in self.specifications if spec.staff is not None]
        names = dict.fromkeys(role for ladder in ladders for role in ladder.roles)
        return self._mine(self._variable(About.STAFF, (), "", (Some.NONE, *reversed(names))), roles)

    def owner(self, path: Path, root: bool) -> Case | None:
        """That the record at the path is the caller's; `root`: a fresh one is its creator's."""
        variable = self._owner(path)
        if self.fresh and not variable.path and root:
            return self.caller(Some.ACCOUNT)
        return self._mine(variable, (Some.ME,))

    def role(self, path: Path, roles: Iterable[str], caller: Some = Some.ACCOUNT) -> Case | None:
        """That the caller holds one of these roles on the record at the path: an account, or a link."""
        if self.fresh and not path:
            return None
        variable = self._variable(About.ROLE, path, "", (Some.NONE, *self._roles(self._end(path))))
        return self._mine(variable, roles, caller)

    def tie(self, path: Path, through: Through, roles: Iterable[str], caller: Some = Some.ACCOUNT) -> Case | None:
        """That the caller holds one of these roles on a container that something ties the record to."""
        if self.fresh and not path:
            return None
        name = f"{through.link}.{through.back}.{through.container.field}"
        values = (Some.NONE, *self._roles(through.container.resource))
        return self._mine(self._variable(About.TIE, path, name, values, through), roles, caller)

    def account(self, spec: Specification, path: Path, name: str) -> Case | None:
        """That a field of the record at the path names the caller."""
        case = self.value(spec, path, name, lambda domain: domain & {Some.ME})
        return all_of(case, self.there(path), self.caller(Some.ACCOUNT))

    def value(self, spec: Specification, path: Path, name: str, part: Choice) -> Case | None:
        """That a field of the record at the path has one of the values that `part` takes from its domain.

        What the engine writes into a fresh record is what this specification has it write.
        """
        found = spec.resources[self._end(path)].fields[name]
        if self.fresh and not path:
            if found.kind is Kind.CREATOR:  # the caller, or nobody
                wanted = part(frozenset((Some.ME, Some.NONE)))
                named = {Some.ACCOUNT} if Some.ME in wanted else set()
                unnamed = {Some.ANONYMOUS, Some.ENGINE} if Some.NONE in wanted else set()
                return self._lies(next(iter(self.caller())), frozenset(named | unnamed))
            if found.kind is Kind.COPY and found.copied == "owner":
                owner = self._owner(found.path)
                return self._lies(owner, part(owner.domain))
            if found.kind is Kind.COPY:
                return self.value(spec, found.path, str(found.copied), part)
        variable = self.field(path, name)
        return self._lies(variable, part(variable.domain))

    def field(self, path: Path, name: str) -> Variable:
        """The variable of a field's value."""
        values: dict[Any, None] = {}
        for spec in self._knowing(path, name):
            values |= dict.fromkeys(self._values(spec, path, name))
        return self._variable(About.VALUE, path, name, (*values,))

    def there(self, path: Path) -> Case:
        """That no reference on the way is empty; parents always are there."""
        return {reference: frozenset((Some.OTHER,)) for reference in self._references(path)}

    def refers(self, path: Path) -> bool:
        """Whether a way ends with a reference, not with a parent."""
        start = self._end(path[:-1])
        return bool(path) and any(path[-1].field in resource.fields for resource in self._of(start))

    def lowest(self, path: Path) -> Path:
        """The way to the lowest record of the chain that a path ends in: all above it have the same owner."""
        while path and not self.refers(path):
            path = path[:-1]
        return path

    def _owner(self, path: Path) -> Variable:
        return self._variable(About.OWNER, self.lowest(path), "", (Some.OTHER, Some.ME))

    def _mine(self, variable: Variable, part: Iterable[Any], caller: Some = Some.ACCOUNT) -> Case | None:
        case = self._lies(variable, frozenset(part) & variable.domain)
        return all_of(case, self.there(variable.path), self.caller(caller))

    def _lies(self, variable: Variable, part: Part) -> Case | None:
        if not part:
            return None
        return {} if part == variable.domain else {variable: part}

    def _variable(
        self, about: About, path: Path, name: str, values: tuple[Any, ...], through: Through | None = None
    ) -> Variable:
        key = (about, path, name)
        if key not in self._known:
            by = self._references(path)
            order = (*values, Some.GONE) if by else values
            self._known[key] = Variable(about, path, self._end(path), name, frozenset(order), order, by, through)
        return self._known[key]

    def _references(self, path: Path) -> tuple[Variable, ...]:
        ends = (length for length in range(1, len(path) + 1) if self.refers(path[:length]))
        return tuple(self.field(path[: end - 1], path[end - 1].field) for end in ends)

    def _end(self, path: Path) -> str:
        return path[-1].resource if path else self.resource

    def _of(self, resource: str) -> list[Any]:
        return [spec.resources[resource] for spec in self.specifications if resource in spec.resources]

    def _knowing(self, path: Path, name: str) -> Iterator[Specification]:
        end = self._end(path)
        return (s for s in self.specifications if end in s.resources and name in s.resources[end].fields)

    def _roles(self, resource: str) -> tuple[str, ...]:
        """Weakest first."""
        ladders = [found.ladder for found in self._of(resource) if found.ladder is not None]
        return tuple(dict.fromkeys(role for ladder in ladders for role in reversed(ladder.roles)))

    def _values(self, spec: Specification, path: Path, name: str) -> tuple[Any, ...]:
        """The values of a field that rules tell apart, simplest first."""
        resource = spec.resources[self._end(path)]
        own, typed = resource.fields[name], spec.value_field(resource.name, name)
        new = self.fresh and not path
        if new and name in resource.steps:
            return (resource.steps_start(name),)
        if spec.names_account(resource.name, name):
            values: tuple[Any, ...] = (Some.OTHER, Some.ME)
        elif typed.kind is Kind.ONE_OF:
            values = typed.values
        elif typed.kind is Kind.YES_NO:
            values = (False, True)
        elif typed.kind in (Kind.DATE, Kind.TIME):
            values = (Some.PAST, Some.NOW, Some.FUTURE)
        else:
            asked = [value for value in self._constants.get((resource.name, name), ()) if _fits(typed, value)]
            values = (*asked, Some.OTHER) if _more(typed, asked) else (*asked,)
        emptied = own.by_engine or own.kind in (Kind.REFERENCE, Kind.ACCOUNT, Kind.MEMBER)
        return values if not own.optional and (new or not emptied) else (*values, Some.NONE)


def satisfying(condition: Condition) -> Choice:
    """The part of a domain in which a condition holds; a record that is not there has no values."""

    def part(domain: Part) -> Part:
        match condition.test:
            case Test.IS:
                return domain & frozenset(condition.values)
            case Test.SET:
                return domain - NOTHING
            case Test.EMPTY:
                return domain & NOTHING
            case Test.PAST:
                return domain & {Some.PAST}
            case Test.FUTURE:
                return domain & {Some.FUTURE}

    return part


def failing(condition: Condition) -> Choice:
    """The part of a domain in which a condition does not hold."""
    holds = satisfying(condition)
    return lambda domain: domain - holds(domain)


def beginning(field: Field) -> Choice:
    """The part of a domain that a new record's field has if nothing is sent; a day in the file is past at some time."""
    first = field.initial

    def part(domain: Part) -> Part:
        if first is None:
            return domain & NOTHING
        if isinstance(first, date):
            return domain & {Some.PAST, Some.NOW, Some.FUTURE}
        return domain & {first if first in domain else Some.OTHER}

    return part


def _constants(specifications: Iterable[Specification]) -> dict[tuple[str, str], dict[Any, None]]:
    """What conditions compare the values of each field with, and of the fields that are copied to it."""
    found: dict[tuple[str, str], dict[Any, None]] = {}
    for spec in specifications:
        for start, condition in conditions(spec):
            resource, name = spec.at(start, condition.path).name, condition.field
            while True:
                found.setdefault((resource, name), {}).update(dict.fromkeys(condition.values))
                field = spec.resources[resource].fields[name]
                if field.kind is not Kind.COPY or field.copied == "owner":
                    break
                resource, name = spec.at(resource, field.path).name, str(field.copied)
    return found


def conditions(spec: Specification) -> Iterator[tuple[str, Condition]]:
    """Every condition, with the resource whose record it is asked of first."""
    for resource in spec.resources.values():
        for grant in (grant for rule in rules(resource) for grant in rule):
            yield from ((resource.name, condition) for condition in grant.when)
        if resource.locked is not None:
            yield from ((resource.name, condition) for condition in resource.locked.when)


def _fits(field: Field, value: Any) -> bool:
    try:
        accept(field, value)
    except ValueRefused:
        return False
    return True


def _more(field: Field, asked: Sequence[Any]) -> bool:
    """Whether a field can hold a value besides these; of a `pattern` it is taken for granted."""
    if field.kind is not Kind.INTEGER or field.minimum is None or field.maximum is None:
        return True
    return bool(field.maximum - field.minimum + 1 > len(asked))


# --- cases ---------------------------------------------------------------------------------


def both(one: Case, other: Case) -> Case | None:
    """The case in which both hold; None where they exclude each other."""
    found = dict(one)
    for variable, part in other.items():
        present = found.get(variable)
        found[variable] = part if present is None else present & part
        if not found[variable]:
            return None
    return found


def all_of(*cases: Case | None) -> Case | None:
    """The case in which all of these hold; None where they exclude each other, or one is None."""
    found: Case | None = {}
    for case in cases:
        found = None if found is None or case is None else both(found, case)
    return found


def product(*factors: Cases) -> Cases:
    """The cases in which each of these rules allows."""
    found: Cases = ALWAYS
    for factor in factors:
        found = simplest(case for one in found for other in factor if (case := both(one, other)) is not None)
    return found


def simplest(cases: Iterable[Case]) -> Cases:
    """The same without what lies within another case."""
    kept: list[Case] = []
    for case in cases:
        if not any(within(case, other) for other in kept):
            kept = [other for other in kept if not within(other, case)]
            kept.append(case)
    return kept


def joined(cases: Cases) -> Cases:
    """The same, with one case in place of several that differ only by what kind of caller asks."""
    found: list[Case] = []
    for case in cases:
        twin = next((n for n, other in enumerate(found) if _apart_from_caller(case) == _apart_from_caller(other)), None)
        if twin is None:
            found.append(case)
        else:
            found[twin] = {v: part | case.get(v, v.domain) for v, part in found[twin].items()}
    return found


def _apart_from_caller(case: Case) -> Case:
    return {variable: part for variable, part in case.items() if variable.about is not About.CALLER}


def within(one: Case, other: Case) -> bool:
    """Whether wherever one holds, the other does."""
    return all(variable in one and one[variable] <= part for variable, part in other.items())


def humblest(case: Case) -> Case:
    """The part of a case in which the caller is nobody beyond what it asks for.

    Rights only grow with what a caller is, so whatever else allows it anywhere in the case allows it here too, or
    nowhere because of who the caller is.
    """
    return {v: part - {Some.ME} if Some.OTHER in part else part for v, part in case.items()}


def beyond(case: Case, others: Cases) -> Cases:
    """The parts of a humblest case in which none of the others holds; exact, and none of them is empty."""
    left = [case]
    for other in others:
        left = [part for one in left for part in _without(one, other)]
    return simplest(left)


def _without(case: Case, other: Case) -> Iterator[Case]:
    """The parts of a case that do not lie in another: apart from each other by who calls, large by values."""
    if any(not _at(case, variable) & part for variable, part in other.items()):
        yield case
        return
    rest = dict(case)
    for variable in sorted(other, key=lambda v: not v.personal):
        at = _at(rest, variable)
        outside = at - other[variable]
        if outside and possible({**rest, variable: outside}):
            yield {**rest, variable: outside}
        if variable.personal:
            rest[variable] = at & other[variable]


def _at(case: Case, variable: Variable) -> Part:
    return case.get(variable, variable.least)


# --- which cases there are at all ----------------------------------------------------------

Assignment = Mapping[Variable, Any]
"""one value for each variable"""


def possible(case: Case) -> bool:
    """Whether there is a world in which the case holds."""
    return assignment(case) is not None


def assignment(case: Case) -> Assignment | None:
    """The simplest values with which a case holds: of all that it speaks of, and of the references that lead there.

    They agree: nobody but an account is anybody, but a link has a role at one place; and what is on a record is `GONE`
    exactly where the reference to the record is empty.
    """
    variables = dict.fromkeys(v for variable in case for v in (*variable.by, variable))
    below: dict[Variable | None, list[Variable]] = {}
    for variable in variables:
        below.setdefault(variable.by[-1] if variable.by else None, []).append(variable)
    callers = [variable for variable in variables if variable.about is About.CALLER]

    def settled(variable: Variable, caller: Any, gone: bool) -> dict[Variable, Any] | None:
        somebody = caller is Some.ACCOUNT or (caller is Some.LINK and variable.about in _HELD)
        part = case.get(variable, variable.domain) & (variable.domain if somebody else variable.least)
        for value in variable.order:
            if value in part and (value is Some.GONE) == gone:
                further = together(variable, caller, value in NOTHING)
                if further is not None:
                    return {variable: value, **further}
        return None

    def together(above: Variable | None, caller: Any, gone: bool) -> dict[Variable, Any] | None:
        found: dict[Variable, Any] = {}
        for variable in below.get(above, ()):
            if variable.about is About.CALLER:
                continue
            further = settled(variable, caller, gone)
            if further is None:
                return None
            found |= further
        return found

    for caller in (Some.ANONYMOUS, Some.ACCOUNT, Some.ENGINE, Some.LINK):
        if all(caller in case[variable] for variable in callers):
            found = together(None, caller, False)
            if found is not None and not (caller is Some.LINK and places(found) > 1):
                return found | dict.fromkeys(callers, caller)
    return None


_HELD = (About.ROLE, About.TIE)
"""what a membership gives, and a link"""


def places(found: Assignment) -> int:
    """At how many places the caller has a role."""
    return sum(1 for variable, value in found.items() if variable.about in _HELD and value not in NOTHING)
