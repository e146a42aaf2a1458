"""What a change of a specification opens and closes, what is public, and which grants say nothing.

Everything here is decided by cases (`cases`, `permissions`), shown by a small world (`worlds`), and asked of the domain
once more before it is told. `docs/analysis.md` says why that is exact.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.specification.analysis import Right, rights_table
from domain.specification.cases import (
    NOTHING,
    About,
    Case,
    Cases,
    Some,
    Space,
    Variable,
    assignment,
    beyond,
    humblest,
    possible,
    simplest,
)
from domain.specification.model import Anyone, Ladder, Path, Resource, Rule, SignedIn, Specification, Step
from domain.specification.permissions import Permission, Reading, allowed, permissions
from domain.specification.renaming import renamed
from domain.specification.text import a, listed
from domain.specification.worlds import Small, worded


@dataclass(frozen=True, slots=True)
class Change:
    """That somebody gains or loses rights on records of a resource; or that a resource is new or gone as a whole."""

    resource: str
    gained: bool
    rights: tuple[str, ...]
    """`read`, `read of budget`, `update of title`, `create with budget`, `status: todo -> doing`, `share of viewer`,
    `join`, `link`; none where the resource is new or gone"""
    who: str
    """in words: "a guest of a workspace" """
    where: tuple[str, ...]
    """the conditions that all have to hold, as the language writes them"""
    text: str
    """the whole as a sentence, without a full stop"""
    witness: str
    """a smallest world in which it makes the difference; empty where the resource is new or gone"""

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "resource": self.resource,
            "change": "gain" if self.gained else "loss",
            "rights": list(self.rights),
            "who": self.who,
            "where": list(self.where),
            "text": self.text,
            "witness": self.witness,
        }


# --- who gains and loses what --------------------------------------------------------------


def compare(before: Specification, after: Specification) -> tuple[Change, ...]:
    """Everything that somebody gains or loses, resource by resource, in the later file's order; gains first.

    What was renamed is the same thing. A new resource is told once, and so is one that is gone.
    """
    former = renamed(before, after)
    found: list[Change] = []
    for resource in after.resources.values():
        if resource.name in former.resources:
            found += _Comparison(former, after, resource.name).changes()
        else:
            found.append(_whole(resource, gained=True))
    gone = (resource for resource in former.resources.values() if resource.name not in after.resources)
    return (*found, *(_whole(resource, gained=False) for resource in gone))


def _whole(resource: Resource, gained: bool) -> Change:
    can = "; ".join(
        f"{action}: {', '.join(grant.text for grant in rule)}" for action, rule in resource.can.items() if rule
    )
    text = f"`{resource.name}` is new ({can or 'nobody may do anything'})" if gained else f"`{resource.name}` is gone"
    return Change(resource.name, gained, (), "", (), text, "")


class _Comparison:
    """Two specifications on one resource that both have."""

    def __init__(self, before: Specification, after: Specification, resource: str) -> None:
        self._specifications = (before, after)
        self._resource = after.resources[resource]
        self._permissions = [p for p in permissions(before, after) if p.resource == resource]
        self._spaces = {fresh: Space((before, after), resource, fresh) for fresh in (False, True)}
        self._readings = {
            fresh: (Reading(before, space), Reading(after, space)) for fresh, space in self._spaces.items()
        }

    def changes(self) -> Iterator[Change]:
        for gained in (True, False):
            found: dict[Any, tuple[Case, list[Permission]]] = {}
            for permission in self._permissions:
                for case in self.difference(permission, gained):
                    key = (permission.fresh, frozenset(case.items()))
                    found.setdefault(key, (case, []))[1].append(permission)
            for case, changed in found.values():
                yield self._change(case, changed, gained)

    def differs(self) -> bool:
        """Whether the later one allows anything that the earlier one does not."""
        return any(self.difference(permission, gained=True) for permission in self._permissions)

    def difference(self, permission: Permission, gained: bool) -> Cases:
        """The cases in which one of the two allows and the other does not."""
        before, after = (reading.cases(permission) for reading in self._readings[permission.fresh])
        if before == after:
            return ()
        more, less = (after, before) if gained else (before, after)
        parts = (part for case in more if possible(case) for part in beyond(humblest(case), less))
        return simplest(parts)

    def _change(self, case: Case, changed: list[Permission], gained: bool) -> Change:
        space = self._spaces[changed[0].fresh]
        small = Small(space, assignment(case) or {})
        self._confirm(small, changed, gained)
        wording = _Wording(self._specifications[gained], self._resource, space, case)
        rights = tuple(_rights(changed, self._permissions))
        verb = "gains" if gained else "loses"
        where = tuple(wording.where())
        conditions = f" where {' and '.join(where)}" if where else ""
        text = f"{wording.who()} {verb} {listed(rights, 'and')} on {wording.target()}{conditions}"
        return Change(self._resource.name, gained, rights, wording.who(), where, text, str(small))

    def _confirm(self, small: Small, changed: Iterable[Permission], gained: bool) -> None:
        """Ask the domain itself: cases are a second reading of the rules, and nothing is told on their word alone."""
        before, after = (small.built(specification) for specification in self._specifications)
        for permission in changed:
            decided = allowed(permission, *before), allowed(permission, *after)
            if decided != (not gained, gained):
                raise AssertionError(f"{permission} is decided as {decided}, not as foreseen, where {small}")


def _rights(changed: Sequence[Permission], every: Sequence[Permission]) -> Iterator[str]:
    """Rights in words; those of all fields or roles as one."""
    plain = {p.action for p in changed if not p.of}
    for action in dict.fromkeys(p.action for p in changed):
        those = [p.of for p in changed if p.action == action and p.of]
        if action in plain and not (action == "open" and "read" in plain):
            yield action
        if not those:
            continue
        whole = len(those) == sum(1 for p in every if p.action == action)
        if action == "step":
            yield from those
        elif action in ("update", "share") and whole:
            yield action
        elif action == "write":
            yield f"create with {', '.join(those)}"
        else:
            yield f"{action} of {', '.join(those)}"


# --- in words ------------------------------------------------------------------------------


class _Wording:
    """Who a case is about, and where, in plain English with the language's own conditions."""

    def __init__(self, spec: Specification, resource: Resource, space: Space, case: Case) -> None:
        self._spec = spec
        self._resource = resource
        self._space = space
        self._case = case
        held = [v for v, part in case.items() if v.about is not About.CALLER and not part & v.least]
        self._held = sorted((v for v in held if v.personal), key=lambda v: (v.about is About.STAFF, len(v.path)))

    def who(self) -> str:
        """The kind of person: "a viewer of a notebook"."""
        if not self._held:
            return self._callers()
        first, *others = self._held
        further = "".join(f" who is also {self._is(other, named=True)}" for other in others)
        return self._is(first, named=False) + further

    def target(self) -> str:
        """Which records: "its notes"."""
        first = self._held[0] if self._held else None
        if first is None or first.about is About.STAFF or self._space.fresh:
            return (
                self._resource.plural
                if first is None or not self._upwards(first.path)
                else f"its {self._resource.plural}"
            )
        if not first.path:
            return "it"
        return f"its {self._resource.plural}" if self._upwards(first.path) else f"that {self._resource.name}"

    def where(self) -> Iterator[str]:
        """The conditions on values."""
        implied = {reference for variable in self._case for reference in variable.by}
        for variable, part in sorted(self._case.items(), key=lambda item: len(item[0].path)):
            if variable.about is About.VALUE and part & variable.least and part != variable.least:
                there = part == frozenset((Some.OTHER,)) and variable in implied
                if not there:
                    yield self._condition(variable, part)

    def _callers(self) -> str:
        callers = next((part for v, part in self._case.items() if v.about is About.CALLER), None)
        names = {
            Some.ANONYMOUS: "anyone not signed in",
            Some.ACCOUNT: "any account",
            Some.ENGINE: "the engine",
        }
        if callers is None:
            return "anyone, and the engine"
        if callers >= {Some.ANONYMOUS, Some.ACCOUNT}:
            return "anyone"
        return " and ".join(name for caller, name in names.items() if caller in callers)

    def _is(self, variable: Variable, named: bool) -> str:
        """Somebody by what they hold; `named`: the record itself has been spoken of."""
        at = self._at(variable.path, named)
        match variable.about:
            case About.OWNER:
                return f"the owner of {at}"
            case About.STAFF:
                return f"{self._roles(variable, self._spec.staff)} of the staff"
            case About.ROLE:
                return f"{self._roles(variable, self._spec.resources[variable.resource].ladder)} of {at}"
            case About.TIE if variable.through is not None:
                through = variable.through
                container = through.container.resource
                roles = self._roles(variable, self._spec.resources[container].ladder)
                return f"{roles} of {a(container)} that {a(through.link)} ties {at} to"
        return f"the {variable.name} of {at}"

    def _roles(self, variable: Variable, ladder: Ladder | None) -> str:
        """The weakest role, where all that are stronger have it too."""
        part, known = self._case[variable], ladder.roles if ladder is not None else ()
        held = [role for role in dict.fromkeys((*known, *variable.order)) if role in part]
        return " or ".join(a(role) for role in (held[-1:] if part == set(known[: len(part)]) else held))

    def _at(self, path: Path, named: bool) -> str:
        if not path:
            return "it" if named else a(self._resource.name)
        if self._upwards(path):
            return f"its {path[-1].resource}" if named else a(path[-1].resource)
        of = self._at(path[:-1], named)
        return f"its {path[-1].field}" if of == "it" else f"the {path[-1].field} of {of}"

    def _upwards(self, path: Path) -> bool:
        return bool(path) and not any(self._space.refers(path[:length]) for length in range(1, len(path) + 1))

    def _condition(self, variable: Variable, part: Any) -> str:
        words = [
            hop.field
            for number, hop in enumerate(variable.path)
            if self._space.refers(variable.path[: number + 1])
            or number + 1 == len(variable.path)
            or self._space.refers(variable.path[: number + 2])
        ]
        name = ".".join((*words, variable.name))
        there, every = part - NOTHING, variable.domain - NOTHING
        if not there:
            return f"{name} is empty"
        if there == every:
            return f"{name} is set"
        but = every - there
        if Some.OTHER in there or (part & NOTHING and len(but) < len(there)):
            return f"{name} is not {_either(variable, but)}"
        empty = " or empty" if part & NOTHING and variable.domain & NOTHING else ""
        return f"{name} is {_either(variable, there)}{empty}"


def _either(variable: Variable, part: Any) -> str:
    return " or ".join(worded(value) for value in variable.order if value in part)


# --- what is public ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Public:
    """A right that somebody has to whom nobody gave anything, and a world in which they have it."""

    right: Right
    witness: str


def public(spec: Specification) -> tuple[Public, ...]:
    """Every grant of an action or a step by which an anonymous caller can do something, in the file's order."""
    return tuple(_outsiders(spec, Some.ANONYMOUS))


def for_any_account(spec: Specification) -> tuple[Public, ...]:
    """Every further grant by which any account can do something on records that it has nothing to do with.

    Not among them is a root's `create`: whoever creates one becomes its owner.
    """
    anonymous = {id(found.right.grant) for found in public(spec)}
    return tuple(found for found in _outsiders(spec, Some.ACCOUNT) if id(found.right.grant) not in anonymous)


def _outsiders(spec: Specification, caller: Some) -> Iterator[Public]:
    readings = {
        (name, fresh): Reading(spec, Space((spec,), name, fresh)) for name in spec.resources for fresh in (False, True)
    }
    for right in rights_table(spec):
        resource = spec.resources[right.resource]
        own_root = right.action == "create" and resource.parent is None and caller is Some.ACCOUNT
        if own_root or right.action.startswith(("read of ", "write of ")):
            continue
        found = (readings[right.resource, p.fresh].strangers(right.grant, p, caller) for p in _of(spec, right))
        small = next((one for one in found if one is not None), None)
        if small is not None:
            yield Public(right, str(small))


def _of(spec: Specification, right: Right) -> Iterator[Permission]:
    """The permissions that a grant can give by itself."""
    resource, action = spec.resources[right.resource], right.action
    if action == "update":
        yield from (Permission(resource.name, action, f) for f in resource.fields if right.grant.covers(f))
    elif action == "share":
        roles = () if resource.ladder is None else resource.ladder.roles
        yield from (Permission(resource.name, action, role) for role in roles)
    elif ": " in action:
        yield Permission(resource.name, "step", action)
    else:
        yield Permission(resource.name, action)


# --- which grants say nothing --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    """A grant whose deletion changes no decision."""

    right: Right
    by: tuple[Right, ...]
    """the grants of the same rule that allow all that it would; none where nobody can ever do anything by it"""

    @property
    def text(self) -> str:
        """As a sentence, without a full stop."""
        if not self.by:
            return f"nobody can ever {self.right.action} {self.right.resource} by `{self.right.who}`"
        others = " and ".join(f"`{other.who}` (line {other.place.line})" for other in self.by)
        return f"`{self.right.who}` changes nothing: {others} allows all of it"


def idle(spec: Specification, among: Collection[Right] | None = None) -> tuple[Idle, ...]:
    """Every grant that could be deleted, in the file's order: all of them together, and nothing would change.

    Of two that allow the same the later one is idle, and of a narrow and a broad one the narrow one. `among`: only
    these are tried.
    """
    tried = {id(right.grant) for right in (rights_table(spec) if among is None else among)}
    found: dict[int, Idle] = {}
    left = spec
    for right in sorted((r for r in rights_table(spec)[::-1] if id(r.grant) in tried), key=_breadth):
        fewer = _without(left, right)
        if not _differ(fewer, left):
            found[id(right.grant)] = Idle(right, _swallowing(left, right))
            left = fewer
    return tuple(found[id(right.grant)] for right in rights_table(spec) if id(right.grant) in found)


def _breadth(right: Right) -> int:
    """How little a grant asks: terms and conditions."""
    broad = all(isinstance(who, (Anyone, SignedIn)) for who in right.grant.who)
    return (1 if broad else 0) - len(right.grant.who) - len(right.grant.when)


def _differ(fewer: Specification, more: Specification) -> bool:
    return any(_Comparison(fewer, more, name).differs() for name in more.resources)


def _swallowing(spec: Specification, right: Right) -> tuple[Right, ...]:
    """As few other grants of its rule as make a grant idle; none where it is idle by itself. `read` is also `open`."""
    rules = {right.action, "read"} if right.action == "open" else {right.action}
    needed = [
        other
        for other in rights_table(spec)
        if other.resource == right.resource and other.action in rules and other.grant is not right.grant
    ]
    for other in tuple(needed):
        without = _without(spec, other)
        if not _differ(_without(without, right), without):
            spec = without
            needed.remove(other)
    return tuple(needed)


def _without(spec: Specification, right: Right) -> Specification:
    """The specification without one grant."""

    def rule(given: Rule) -> Rule:
        return tuple(grant for grant in given if grant is not right.grant)

    resource = spec.resources[right.resource]
    fewer = replace(
        resource,
        can={action: rule(grants) for action, grants in resource.can.items()},
        steps={
            name: tuple(Step(step.before, step.after, rule(step.rule)) for step in steps)
            for name, steps in resource.steps.items()
        },
        fields={
            name: replace(
                field,
                read=None if field.read is None else rule(field.read),
                write=None if field.write is None else rule(field.write),
            )
            for name, field in resource.fields.items()
        },
    )
    return replace(spec, resources={**spec.resources, resource.name: fewer})
