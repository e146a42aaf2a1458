"""The specification language, read a second time: YAML text → `Specification`, all names resolved.

It reads only valid specifications; anything it does not understand raises `UnreadableError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import yaml

ACTIONS = ("create", "open", "read", "update", "delete", "share", "members", "move", "transfer")


class UnreadableError(Exception):
    """The text is not a specification that this reading understands."""


@dataclass(frozen=True)
class Hop:
    """One step from a record to another: `up` to the ancestor of a resource, or `ref` through a reference field."""

    kind: str
    name: str


@dataclass(frozen=True)
class Who:
    """One term of a grant.

    `kind` is `anyone`, `signed in`, `nobody` (engine and staff: no person over HTTP), `owner`, `role`, `account`,
    `whoever` or `through`. `resource` is the resource that the hops reach (for `through`: the link's), `name` the
    role, field or action there; `link` are a through's two ends: (hop to this record, hop to the container).
    """

    kind: str
    text: str
    hops: tuple[Hop, ...] = ()
    resource: str = ""
    name: str = ""
    link: tuple[Hop, Hop] | None = None


@dataclass(frozen=True)
class Condition:
    """`<path> is …`: `test` is `in`, `set`, `empty`, `past` or `future`."""

    text: str
    hops: tuple[Hop, ...]
    field: str
    kind: str
    test: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Grant:
    """Who, only which fields (None: all), under which conditions; `text` is as written."""

    text: str
    who: tuple[Who, ...]
    only: frozenset[str] | None
    when: tuple[Condition, ...]


@dataclass(frozen=True)
class Lock:
    """When a record is locked, and the fields that may change all the same."""

    when: tuple[Condition, ...]
    besides: frozenset[str]


@dataclass(frozen=True)
class Unique:
    """No two records have equal `fields` within `per` (`owner`, the parent, a reference or `everywhere`)."""

    fields: tuple[str, ...]
    per: str


@dataclass
class Field:
    """A field. `kind` is the type's first word (`one of`, `member of`, `copy of`, `reference` included).

    `target` is the resource of a reference or of `member of`; `source` a copy's hops and the field there. A copy's
    `shape` is the kind of what it copies, every other field's is its own kind.
    """

    name: str
    kind: str
    options: tuple[str, ...] = ()
    optional: bool = False
    default: Any = None
    target: str = ""
    source: tuple[tuple[Hop, ...], str] | None = None
    read: tuple[Grant, ...] | None = None
    write: tuple[Grant, ...] | None = None
    when_gone: str | None = None
    length: tuple[int, int] | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    places: int | None = None
    pattern: str | None = None
    format: str | None = None
    shape: str = ""

    @property
    def by_engine(self) -> bool:
        """Whether the engine writes it and no caller may send it."""
        return self.kind in ("creator", "copy of")

    @property
    def names_account(self) -> bool:
        """Whether its value is an account's id."""
        return self.shape in ("account", "creator", "member of")

    @property
    def required(self) -> bool:
        """Whether a caller who creates a record must send it."""
        return not (self.by_engine or self.optional or self.default is not None)


@dataclass
class Resource:
    """A resource with everything that stands under its name."""

    name: str
    plural: str
    parent: str | None
    ladder: tuple[str, ...] = ()
    join_open: bool = False
    expire: timedelta | None = None
    fields: dict[str, Field] = field(default_factory=dict)
    can: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    locked: Lock | None = None
    steps: dict[str, dict[tuple[str, str], tuple[Grant, ...]]] = field(default_factory=dict)
    unique: tuple[Unique, ...] = ()
    limit: int | None = None
    keep: bool = False

    def grants(self, action: str) -> tuple[Grant, ...]:
        """Every grant of an action; `open` includes `read`."""
        own = self.can.get(action, ())
        return own + self.can.get("read", ()) if action == "open" else own

    @cached_property
    def step_grants(self) -> tuple[Grant, ...]:
        """The grants of all steps."""
        return tuple(grant for steps in self.steps.values() for grants in steps.values() for grant in grants)


@dataclass
class Specification:
    """A whole specification."""

    app: str
    major: int
    staff: tuple[str, ...]
    resources: dict[str, Resource]

    def chain(self, name: str) -> list[str]:
        """Return the resources above a resource, nearest first."""
        above: list[str] = []
        parent = self.resources[name].parent
        while parent is not None:
            above.append(parent)
            parent = self.resources[parent].parent
        return above

    @cached_property
    def opening(self) -> frozenset[tuple[str, str]]:
        """The references (resource, field) that open access to their target by a `through` grant."""
        return frozenset(
            (who.resource, who.link[0].name)
            for resource in self.resources.values()
            for grants in [*resource.can.values(), resource.step_grants]
            for grant in grants
            for who in grant.who
            if who.link is not None and who.link[0].kind == "ref"
        )

    def anonymous_could(self, name: str, *actions: str) -> bool:
        """Whether some grant of one of the actions could ever match an anonymous caller."""
        if actions == ("create",) and self.resources[name].parent is None:
            return False
        resource = self.resources[name]
        for action in actions:
            grants = resource.step_grants if action == "steps" else resource.grants(action)
            if self.could(grants):
                return True
        return False

    def could(self, grants: tuple[Grant, ...]) -> bool:
        """Whether one of the grants could match an anonymous caller."""
        return any(all(self._could_term(who) for who in grant.who) for grant in grants)

    def _could_term(self, who: Who) -> bool:
        if who.kind != "whoever":
            return who.kind == "anyone"
        plain = who.name in ("create", "read", "open")
        return self.anonymous_could(who.resource, who.name) and (plain or self.anonymous_could(who.resource, "open"))


def plural_of(singular: str) -> str:
    """Return the regular English plural."""
    if re.search(r"[^aeiou]y$", singular):
        return singular[:-1] + "ies"
    return singular + ("es" if re.search(r"(s|x|z|ch|sh)$", singular) else "s")


def read_specification(text: str) -> Specification:
    """Read a specification; `UnreadableError` if it cannot be."""
    raw = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - the loader makes nothing but strings
    return _Reader(raw).read()


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _ladder(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(">"))


def _duration(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(**{unit if unit.endswith("s") else unit + "s": int(number)})


def _truth(text: str) -> bool:
    return text in ("yes", "true")


class _Reader:
    """Reads in three passes: resources and ladders, then fields, then everything that names a field."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        staff = _ladder(raw["staff"]) if "staff" in raw else ()
        major = int(raw.get("version", "1.0.0").split(".")[0])
        self.specification = Specification(raw["app"], major, staff, {})

    def read(self) -> Specification:
        resources = self.specification.resources
        for name, raw in self.raw["resources"].items():
            parent = None if raw["owner"] == "account" else raw["owner"]
            resource = Resource(name, raw.get("plural", plural_of(name)), parent)
            roles = raw.get("roles", "")
            if isinstance(roles, dict):
                resource.join_open = roles.get("join") == "open"
                resource.expire = _duration(roles["expire"]) if "expire" in roles else None
                roles = roles["ladder"]
            resource.ladder = _ladder(roles) if roles else ()
            resource.keep = _truth(raw.get("keep", "no"))
            resource.limit = int(raw["limit"].split()[0]) if "limit" in raw else None
            resources[name] = resource
        for name, raw in self.raw["resources"].items():
            for field_name, written in (raw.get("fields") or {}).items():
                resources[name].fields[field_name] = self._field(resources[name], field_name, written)
        for resource in resources.values():
            for spec_field in resource.fields.values():
                self._shape(resource, spec_field)
        for name, raw in self.raw["resources"].items():
            self._rules(resources[name], raw)
        return self.specification

    def _field(self, resource: Resource, name: str, written: Any) -> Field:
        long = {"type": written} if isinstance(written, str) else dict(written)
        kind = long["type"]
        optional = _truth(long.get("optional", "no"))
        if kind.endswith(", optional"):
            kind, optional = kind.removesuffix(", optional"), True
        spec_field = Field(name, kind, optional=optional)
        for prefix in ("one of ", "member of ", "copy of "):
            if kind.startswith(prefix):
                spec_field.kind = prefix.strip()
                rest = kind.removeprefix(prefix)
                if prefix == "one of ":
                    spec_field.options = tuple(part.strip() for part in rest.split(","))
                else:
                    spec_field.target = rest
        if kind in self.specification.resources:
            spec_field.kind, spec_field.target = "reference", kind
        spec_field.shape = spec_field.kind
        if "default" in long:
            spec_field.default = _default(spec_field.kind, long["default"])
        elif kind == "yes/no" and not optional:
            spec_field.default = False
        elif spec_field.options and not optional:
            spec_field.default = spec_field.options[0]
        if "length" in long:
            low, high = long["length"].split(" to ")
            spec_field.length = (int(low), int(high))
        spec_field.least = Decimal(long["min"]) if "min" in long else None
        spec_field.most = Decimal(long["max"]) if "max" in long else None
        spec_field.places = int(long["places"]) if "places" in long else None
        spec_field.pattern = long.get("pattern")
        spec_field.format = long.get("format")
        spec_field.when_gone = long.get("when_gone")
        return spec_field

    def _shape(self, resource: Resource, spec_field: Field) -> None:
        if spec_field.kind != "copy of" or spec_field.source:
            return
        *words, last = spec_field.target.split(".")
        hops, reached = self._hops(resource, words)
        spec_field.source = (hops, last)
        if last == "owner":
            spec_field.shape = "account"
            return
        source = reached.fields[last]
        self._shape(reached, source)
        spec_field.shape, spec_field.options, spec_field.target = source.shape, source.options, source.target

    def _rules(self, resource: Resource, raw: dict[str, Any]) -> None:
        for action, written in (raw.get("can") or {}).items():
            if action not in ACTIONS:
                raise UnreadableError(f"unknown action `{action}`")
            resource.can[action] = self._grants(resource, written)
        for name, written in (raw.get("fields") or {}).items():
            if isinstance(written, dict):
                spec_field = resource.fields[name]
                spec_field.read = self._grants(resource, written["read"]) if "read" in written else None
                spec_field.write = self._grants(resource, written["write"]) if "write" in written else None
        if "locked" in raw:
            when, _, besides = raw["locked"].partition(", except ")
            names = frozenset(part.strip() for part in besides.split(",") if part.strip())
            resource.locked = Lock(self._conditions(resource, when.removeprefix("when ")), names)
        for name, steps in (raw.get("steps") or {}).items():
            table = resource.steps.setdefault(name, {})
            for arrow, written in steps.items():
                old, new = (part.strip() for part in arrow.split("->"))
                table[old, new] = self._grants(resource, written)
        resource.unique = tuple(_unique(text) for text in _listed(raw.get("unique")))

    def _grants(self, resource: Resource, written: Any) -> tuple[Grant, ...]:
        return tuple(self._grant(resource, text) for text in _listed(written))

    def _grant(self, resource: Resource, text: str) -> Grant:
        rest, _, when = text.partition(" when ")
        people, _, only = rest.partition(" only ")
        return Grant(
            text,
            tuple(self._who(resource, term.strip()) for term in people.split(" and ")),
            frozenset(part.strip() for part in only.split(",")) if only else None,
            self._conditions(resource, when) if when else (),
        )

    def _who(self, resource: Resource, text: str) -> Who:
        if text in ("anyone", "signed in", "owner"):
            return Who(text, text)
        if text == "engine" or text.startswith("staff."):
            return Who("nobody", text)
        if text.startswith("whoever can "):
            action, path = text.removeprefix("whoever can ").split(" ", 1)
            hops, reached = self._hops(resource, path.split("."))
            return Who("whoever", text, hops, reached.name, action)
        if " through " in text:
            return self._through(resource, text)
        if "." not in text:
            return self._bare(resource, text)
        *words, last = text.split(".")
        hops, reached = self._hops(resource, words)
        if last == "owner":
            return Who("owner", text, hops, reached.name)
        if last in reached.ladder:
            return Who("role", text, hops, reached.name, last)
        if last in reached.fields and reached.fields[last].names_account:
            return Who("account", text, hops, reached.name, last)
        raise UnreadableError(f"`{text}` names nobody")

    def _bare(self, resource: Resource, text: str) -> Who:
        found: list[Who] = []
        if text in resource.ladder:
            found.append(Who("role", text, (), resource.name, text))
        for above in self.specification.chain(resource.name):
            if text in self.specification.resources[above].ladder:
                found.append(Who("role", text, (Hop("up", above),), above, text))
        if text in resource.fields and resource.fields[text].names_account:
            found.append(Who("account", text, (), resource.name, text))
        if len(found) != 1:
            raise UnreadableError(f"`{text}` has {len(found)} meanings on {resource.name}")
        return found[0]

    def _through(self, resource: Resource, text: str) -> Who:
        role, path = text.split(" through ")
        link_name, end = path.split(".")
        link = self.specification.resources[link_name]
        ties = [Hop("ref", f.name) for f in link.fields.values() if f.kind == "reference" and f.target == resource.name]
        ties += [Hop("up", resource.name)] if link.parent == resource.name else []
        hops, reached = self._hops(link, [end])
        if len(ties) != 1 or role not in reached.ladder:
            raise UnreadableError(f"`{text}` does not tie {resource.name} to one container")
        return Who("through", text, (), link_name, role, (ties[0], hops[0]))

    def _hops(self, resource: Resource, words: list[str]) -> tuple[tuple[Hop, ...], Resource]:
        hops: list[Hop] = []
        here = resource
        for word in words:
            named = here.fields.get(word)
            if word == here.name and not (named and named.kind == "reference"):
                continue
            if word in self.specification.chain(here.name):
                hops.append(Hop("up", word))
                here = self.specification.resources[word]
            elif named is not None and named.kind == "reference":
                hops.append(Hop("ref", word))
                here = self.specification.resources[named.target]
            else:
                raise UnreadableError(f"`{word}` is neither above {here.name} nor one of its references")
        return tuple(hops), here

    def _conditions(self, resource: Resource, text: str) -> tuple[Condition, ...]:
        return tuple(self._condition(resource, part.strip()) for part in text.split(" and "))

    def _condition(self, resource: Resource, text: str) -> Condition:
        path, _, test = text.partition(" is ")
        *words, last = path.split(".")
        hops, reached = self._hops(resource, words)
        if last not in reached.fields:
            raise UnreadableError(f"`{path}` is no field")
        kind = reached.fields[last].shape
        if test in ("set", "empty", "past", "future"):
            return Condition(text, hops, last, kind, test)
        values = tuple(part.strip() for part in test.split(" or "))
        if kind == "yes/no":
            return Condition(text, hops, last, kind, "in", tuple(value == "yes" for value in values))
        if kind == "integer":
            return Condition(text, hops, last, kind, "in", tuple(int(value) for value in values))
        return Condition(text, hops, last, kind, "in", values)


def _default(kind: str, text: str) -> Any:
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text)
    return _truth(text) if kind == "yes/no" else text


def _unique(text: str) -> Unique:
    if text.endswith(" everywhere"):
        names, per = text.removesuffix(" everywhere"), "everywhere"
    else:
        names, _, per = text.partition(" per ")
    return Unique(tuple(part.strip() for part in names.split(",")), per.strip())
