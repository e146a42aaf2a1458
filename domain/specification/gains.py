"""What a change of a specification opens and closes, what is public, and which grants say nothing.

Everything here is decided by cases (`cases`, `permissions`), shown by a small world (`worlds`), and asked of the domain
once more before it is told. `docs/analysis.md` says why that is exact.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.ownership import ANONYMOUS
from domain.specification.analysis import Right, rights_table
from domain.specification.cases import Case, Cases, Some, assignment, within
from domain.specification.model import Anyone, Grant, Resource, Rule, SignedIn, Specification, Step
from domain.specification.permissions import Decisions, Permission, Reading, allowed, permissions_on, spaces
from domain.specification.renaming import apart, renamed
from domain.specification.telling import CaseInWords, WorldInWords
from domain.specification.worlds import Small

UNSHOWN = "no small world shows it: please report this"
"""in place of a witness on which the domain decides otherwise than the cases say; it should never be seen"""


@dataclass(frozen=True, slots=True)
class Change:
    """That somebody gains or loses rights on records of a resource; or that a resource is new or gone as a whole."""

    resource: str
    gained: bool
    permissions: tuple[Permission, ...]
    """none where the resource is new or gone"""
    rights: tuple[str, ...]
    """the same in words: `read`, `read of budget`, `update of title`, `create with budget`, `status: todo -> doing`,
    `share of viewer`, `join`, `links`"""
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
    after = apart(former, after)
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
    return Change(resource.name, gained, (), (), "", (), text, "")


class _Comparison:
    """Two specifications on one resource that both have."""

    def __init__(self, before: Specification, after: Specification, resource: str) -> None:
        asked = list(permissions_on([before.resources[resource], after.resources[resource]]))
        shared = spaces((before, after), resource)
        self._before, self._after = (Decisions(spec, asked, shared) for spec in (before, after))
        self._resource = after.resources[resource]

    def changes(self) -> Iterator[Change]:
        """What is gained, then what is lost; permissions with the very same case are told together."""
        for gained in (True, False):
            more, less = (self._after, self._before) if gained else (self._before, self._after)
            found: dict[Any, tuple[Case, list[Permission]]] = {}
            for permission in more.asked:
                for case in self._told(more, less, permission, gained):
                    key = (permission.fresh, frozenset(case.items()))
                    found.setdefault(key, (case, []))[1].append(permission)
            for case, changed in found.values():
                yield self._change(case, changed, gained)

    def _told(self, more: Decisions, less: Decisions, permission: Permission, gained: bool) -> Cases:
        """What is beyond; where somebody gains `read`, `open` goes without saying."""
        found = more.beyond(less, permission)
        reading = Permission(permission.resource, "read")
        if permission.action != "open" or not gained or reading not in more.cases:
            return found
        read = more.beyond(less, reading)
        return [case for case in found if not any(within(case, other) for other in read)]

    def _change(self, case: Case, changed: list[Permission], gained: bool) -> Change:
        decisions = self._after if gained else self._before
        space = decisions.spaces[changed[0].fresh]
        small = Small(space, assignment(case) or {})
        words = CaseInWords(decisions.specification, self._resource, space, case)
        rights = tuple(_rights(changed, decisions.asked))
        steps = {p.of.split(": ")[0] for p in changed} if all(p.action == "step" for p in changed) else set()
        conditions = words.conditions(steps, all(p.locked for p in changed))
        text = f"{words.who()} {'gains' if gained else 'loses'} {_ticked(rights)} on {words.target()}{conditions}"
        where = tuple(words.where())
        witness = WorldInWords(small).text() if self._confirmed(small, changed, gained) else UNSHOWN
        return Change(self._resource.name, gained, tuple(changed), rights, words.who(), where, text, witness)

    def _confirmed(self, small: Small, changed: Iterable[Permission], gained: bool) -> bool:
        """Whether the domain itself decides so: cases are a second reading, and not taken at their word."""
        before, after = (small.built(decisions.specification) for decisions in (self._before, self._after))
        decided = {(allowed(permission, *before), allowed(permission, *after)) for permission in changed}
        return decided == {(not gained, gained)}


def _ticked(rights: Sequence[str]) -> str:
    """Rights in a sentence: "`delete` and `update` of client, number"."""
    words = [re.sub(r"^(\w+)(?= (of|with) |$)|^.*: .*$", r"`\g<0>`", right) for right in rights]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


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


def by_links(spec: Specification) -> tuple[Public, ...]:
    """Every grant by which whoever has a secret link opens or reads what is not public, in the file's order."""
    if not any(resource.links for resource in spec.resources.values()):
        return ()
    readings = {name: Reading(spec, spaces((spec,), name)[False]) for name in spec.resources}
    found = []
    for right in rights_table(spec):
        permission = Permission(right.resource, right.action)
        opens = right.action in ("open", "read")
        shown = readings[right.resource].by_link(right.grant, permission) if opens else ()
        small = next((one for one in shown if not allowed(permission, ANONYMOUS, one.built(spec)[1])), None)
        if small is not None:
            found.append(Public(right, WorldInWords(small).text()))
    return tuple(found)


def _outsiders(spec: Specification, caller: Some) -> Iterator[Public]:
    readings = {
        (name, fresh): Reading(spec, space) for name in spec.resources for fresh, space in spaces((spec,), name).items()
    }
    for right in rights_table(spec):
        resource = spec.resources[right.resource]
        own_root = right.action == "create" and resource.parent is None and caller is Some.ACCOUNT
        if own_root or right.action.startswith(("read of ", "write of ")):
            continue
        found = (readings[right.resource, p.fresh].strangers(right.grant, p, caller) for p in _of(spec, right))
        small = next((one for one in found if one is not None), None)
        if small is not None:
            yield Public(right, WorldInWords(small).text())


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
        allow = "allows" if len(self.by) == 1 else "allow"
        return f"`{self.right.who}` changes nothing: {others} {allow} all of it"


def idle(spec: Specification, among: Collection[Right] | None = None) -> tuple[Idle, ...]:
    """Every grant that could be deleted, in the file's order: all of them together, and nothing would change.

    Of two that allow the same the later one is idle, and of a narrow and a broad one the narrow one. `among`: only
    these are tried.
    """
    tried = {id(right.grant) for right in (rights_table(spec) if among is None else among)}
    if not tried:
        return ()
    deciding = _decided(spec)
    found: dict[int, Idle] = {}
    left = spec
    for right in sorted((r for r in rights_table(spec) if id(r.grant) in tried), key=_narrowness, reverse=True):
        fewer = _without(left, right)
        decided = _decided(fewer, deciding, right.grant)
        if not _differ(deciding, decided):
            found[id(right.grant)] = Idle(right, _swallowing(left, right, deciding))
            left, deciding = fewer, {**deciding, **decided}
    return tuple(found[id(right.grant)] for right in rights_table(spec) if id(right.grant) in found)


def _narrowness(right: Right) -> tuple[bool, int, int, int]:
    """How much a grant asks; of those that ask as much, the later one is narrower."""
    particular = not all(isinstance(who, (Anyone, SignedIn)) for who in right.grant.who)
    return (particular, len(right.grant.who) + len(right.grant.when), right.place.line, right.place.column)


def _decided(
    spec: Specification, like: Mapping[str, Decisions] | None = None, grant: Grant | None = None
) -> dict[str, Decisions]:
    """What a specification decides, by resource; where it is `like` another without a grant, only what may differ."""
    if like is None:
        return {
            resource.name: Decisions(spec, list(permissions_on([resource])), spaces((spec,), resource.name))
            for resource in spec.resources.values()
        }
    touched = {name: decisions for name, decisions in like.items() if grant is None or decisions.looks_at(grant)}
    return {name: Decisions(spec, decisions.asked, decisions.spaces) for name, decisions in touched.items()}


def _differ(more: Mapping[str, Decisions], fewer: Mapping[str, Decisions]) -> bool:
    """Whether anything is allowed no more, on the resources that were decided again."""
    return any(more[name].beyond(decisions, p) for name, decisions in fewer.items() for p in decisions.asked)


def _swallowing(spec: Specification, right: Right, deciding: Mapping[str, Decisions]) -> tuple[Right, ...]:
    """As few other grants of its rule as make a grant idle; none where it is idle by itself. `read` is also `open`."""
    rules = {right.action, "read"} if right.action == "open" else {right.action}
    needed = [
        other
        for other in rights_table(spec)
        if other.resource == right.resource and other.action in rules and other.grant is not right.grant
    ]
    for other in tuple(needed):
        without = _without(spec, other)
        decided = {**deciding, **_decided(without, deciding, other.grant)}
        if not _differ(decided, _decided(_without(without, right), decided, right.grant)):
            spec, deciding = without, decided
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
