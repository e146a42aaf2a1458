"""Random specifications and random edits of them; each edit says itself what stored values should become.

Written from `docs/life.md`, not from the code under test: values are Python's, in the form in which SQLite keeps them.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""by resource"""
SCALARS = ("text", "integer", "number", "decimal", "yes/no", "date", "time", "json", "one of")
WORDS = ("ant", "bee", "cat", "dog", "1", "yes")


@dataclass
class Field:
    kind: str
    optional: bool = False
    default: str | None = None
    """as YAML"""
    values: tuple[str, ...] = ()
    target: str | None = None
    length: tuple[int, int] | None = None
    minimum: int | None = None
    former: str | None = None

    def yaml(self) -> str:
        kind = f"one of {', '.join(self.values)}" if self.kind == "one of" else self.target or self.kind
        options = [f"type: '{kind}'"]
        options += ["optional: yes"] if self.optional else []
        options += [f"default: {self.default}"] if self.default is not None else []
        options += [f"length: {self.length[0]} to {self.length[1]}"] if self.length else []
        options += [f"min: {self.minimum}"] if self.minimum is not None else []
        options += [f"renamed_from: {self.former}"] if self.former else []
        return "{" + ", ".join(options) + "}"

    @property
    def initial(self) -> Any:
        """What a new column holds; None for nothing."""
        if self.default is not None:
            return {"integer": int, "number": float}.get(self.kind, str)(self.default)
        if self.optional:
            return None
        return {"yes/no": 0, "one of": self.values[0] if self.values else None}.get(self.kind)

    @property
    def always_nullable(self) -> bool:
        return self.kind in ("reference", "account")


@dataclass
class Resource:
    parent: str | None
    fields: dict[str, Field]
    roles: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    """a field per owner"""
    public: str | None = None
    """a yes/no or one-of field whose first value makes a record public"""
    former: str | None = None


@dataclass
class Specification:
    resources: dict[str, Resource] = field(default_factory=dict)

    def yaml(self) -> str:
        lines = ["app: trial", "resources:"]
        for name, resource in self.resources.items():
            lines += [f"  {name}:", f"    plural: {name}_s", f"    owner: {resource.parent or 'account'}"]
            lines += [f"    renamed_from: {resource.former}"] if resource.former else []
            lines += [f"    roles: {' > '.join(resource.roles)}"] if resource.roles else []
            lines += (
                ["    unique:", *(f"      - {each} per owner" for each in resource.unique)] if resource.unique else []
            )
            lines += ["    fields:"] + [f"      {each}: {f.yaml()}" for each, f in resource.fields.items()]
            readers = ["owner"]
            if resource.public:
                shown = resource.fields[resource.public]
                readers.append(f"anyone when {resource.public} is {shown.values[0] if shown.values else 'yes'}")
            elif resource.parent:
                readers.append(f"whoever can read {resource.parent}")
            create = "owner" if resource.parent else "signed in"
            lines += [
                "    can:",
                f"      create: {create}",
                "      read:",
                *(f"        - {each}" for each in readers),
                "      update: owner",
                "      delete: owner",
            ]
            lines += ["      share: owner"] if resource.roles else []
        return "\n".join(lines) + "\n"

    def children(self, name: str) -> list[str]:
        return [each for each, r in self.resources.items() if r.parent == name]

    def referring(self, name: str) -> list[tuple[str, str]]:
        return [(e, f) for e, r in self.resources.items() for f, one in r.fields.items() if one.target == name]

    def above(self, name: str) -> list[str]:
        """From the parent to the root."""
        found = []
        at = self.resources[name].parent
        while at is not None:
            found.append(at)
            at = self.resources[at].parent
        return found


class Refused(Exception):
    """The stored values do not allow the edit."""


Become = Callable[[Rows], Rows]
"""what is stored after an edit. Raises `Refused`"""


class Names:
    """Never the same twice, but for what is dropped and comes again under its name."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, kind: str) -> str:
        self._count += 1
        letters = ""
        number = self._count
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(97 + rest) + letters
        return f"{kind}_{letters}x"


def scalar(random: Random, kind: str | None = None) -> Field:
    kind = kind or random.choice(SCALARS)
    made = Field(kind)
    if kind == "one of":
        made.values = tuple(random.sample(WORDS, random.randint(2, 4)))
    elif kind == "text" and random.random() < 0.3:
        made.length = (0, random.randint(3, 40))
    elif kind in ("integer", "number") and random.random() < 0.3:
        made.minimum = random.randint(-3, 3)
    if random.random() < 0.4:
        made.optional = True
    elif random.random() < 0.7 and kind in ("text", "integer", "number"):
        made.default = {"text": "bee", "integer": "7", "number": "7.5"}[kind]
    return made


def first(random: Random, names: Names) -> Specification:
    spec = Specification()
    root = names.new("res")
    spec.resources[root] = Resource(None, {names.new("f"): scalar(random, "text")}, ("editor", "viewer"))
    return spec


# --- edits -------------------------------------------------------------------------------------


def edits(random: Random, spec: Specification, names: Names) -> Iterator[tuple[str, Specification, Become]]:
    """Endlessly: what an edit is called, the specification after it, and what becomes of stored values."""
    while True:
        edit = random.choice(EDITS)
        after = deepcopy(spec)
        for resource in after.resources.values():
            resource.former = None
            for each in resource.fields.values():
                each.former = None
        made = edit(random, after, names)
        if made is not None:
            yield edit.__name__.strip("_"), after, made


def _pick(random: Random, spec: Specification) -> str:
    return random.choice(list(spec.resources))


def _pick_field(random: Random, spec: Specification, wanted: Callable[[Field], bool]) -> tuple[str, str] | None:
    every = [(r, f) for r, one in spec.resources.items() for f, each in one.fields.items() if wanted(each)]
    return random.choice(every) if every else None


def _each(resource: str, change: Callable[[Row], Row]) -> Become:
    def become(rows: Rows) -> Rows:
        return rows | {resource: [change(row) for row in rows[resource]]}

    return become


def _add_field(random: Random, spec: Specification, names: Names) -> Become:
    resource, name = _pick(random, spec), names.new("f")
    made = scalar(random)
    if random.random() < 0.25:
        made = Field("reference", optional=random.random() < 0.7, target=_pick(random, spec))
    elif random.random() < 0.15:
        made = Field("account", optional=True)
    spec.resources[resource].fields[name] = made
    value = made.initial

    def become(rows: Rows) -> Rows:
        required = not made.optional and value is None and not made.always_nullable
        if required and rows[resource]:
            raise Refused
        return rows | {resource: [row | {name: value} for row in rows[resource]]}

    return become


def _drop_field(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda _: True)
    assert picked is not None
    resource, name = picked
    one = spec.resources[resource]
    if one.public == name or len(one.fields) == 1:
        return None
    del one.fields[name]
    one.unique = tuple(each for each in one.unique if each != name)
    return _each(resource, lambda row: {k: v for k, v in row.items() if k != name})


def _rename_field(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda _: True)
    assert picked is not None
    (resource, name), new = picked, names.new("f")
    one = spec.resources[resource]
    others = [each for each in one.fields if each != name]
    droppable = [o for o in others if o != one.public and o not in one.unique]
    if droppable and random.random() < 0.3:
        # takes the name of one that vanishes
        new = random.choice(droppable)
        del one.fields[new]
    one.fields = {new if each == name else each: f for each, f in one.fields.items()}
    one.fields[new].former = name
    one.unique = tuple(new if each == name else each for each in one.unique)
    one.public = new if one.public == name else one.public
    return _each(resource, lambda row: {k: v for k, v in row.items() if k not in (name, new)} | {new: row[name]})


def _retype(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda f: f.kind in SCALARS)
    if picked is None:
        return None
    resource, name = picked
    one = spec.resources[resource]
    if one.public == name:
        return None
    was = one.fields[name]
    now = scalar(random)
    if now.kind == was.kind:
        return None
    now.optional = was.optional
    now.default = None if now.optional else now.default
    if now.kind == "json" and name in one.unique:
        return None
    one.fields[name] = now

    def become(rows: Rows) -> Rows:
        changed = []
        for row in rows[resource]:
            value = turned(row[name], was.kind, now.kind)
            if row[name] is not None and not fits(value, now):
                raise Refused
            changed.append(row | {name: value})
        if (was.kind, now.kind) not in POSSIBLE and not now.optional and now.initial is None and changed:
            raise Refused
        if (was.kind, now.kind) not in POSSIBLE and now.initial is not None:
            changed = [row | {name: now.initial} for row in changed]
        return _unique(rows | {resource: changed}, resource, one)

    return become


def _toggle_optional(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda f: f.kind in SCALARS)
    if picked is None:
        return None
    resource, name = picked
    one = spec.resources[resource]
    if one.public == name:
        return None
    made = one.fields[name] = replace(one.fields[name], optional=not one.fields[name].optional)
    if made.optional:
        made.default = None
        return lambda rows: rows

    def become(rows: Rows) -> Rows:
        changed = []
        for row in rows[resource]:
            if row[name] is None and made.initial is None:
                raise Refused
            changed.append(row | {name: made.initial if row[name] is None else row[name]})
        return _unique(rows | {resource: changed}, resource, one)

    return become


def _change_values(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda f: f.kind == "one of")
    if picked is None:
        return None
    resource, name = picked
    one = spec.resources[resource]
    if one.public == name:
        return None
    values = tuple(random.sample(WORDS, random.randint(1, 5)))
    one.fields[name] = replace(one.fields[name], values=values)

    def become(rows: Rows) -> Rows:
        if any(row[name] is not None and row[name] not in values for row in rows[resource]):
            raise Refused
        return rows

    return become


def _change_bounds(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda f: f.kind in ("text", "integer", "number", "decimal"))
    if picked is None:
        return None
    resource, name = picked
    one = spec.resources[resource]
    was = one.fields[name]
    if was.default is not None:
        return None
    if was.kind == "text":
        made = replace(was, length=random.choice((None, (0, 3), (1, 30), (0, 60))))
    else:
        made = replace(was, minimum=random.choice((None, -5, 0, 2)))
    one.fields[name] = made

    def become(rows: Rows) -> Rows:
        if any(row[name] is not None and not fits(row[name], made) for row in rows[resource]):
            raise Refused
        return rows

    return become


def _toggle_unique(random: Random, spec: Specification, names: Names) -> Become | None:
    picked = _pick_field(random, spec, lambda f: f.kind in SCALARS and f.kind != "json")
    if picked is None:
        return None
    resource, name = picked
    one = spec.resources[resource]
    if name in one.unique:
        one.unique = tuple(each for each in one.unique if each != name)
        return lambda rows: rows
    one.unique = (*one.unique, name)
    return lambda rows: _unique(rows, resource, one)


def _toggle_public(random: Random, spec: Specification, names: Names) -> Become | None:
    resource = _pick(random, spec)
    one = spec.resources[resource]
    if one.public is not None:
        one.public = None
        return lambda rows: rows
    able = [name for name, f in one.fields.items() if f.kind in ("yes/no", "one of") and not f.optional]
    if not able:
        return None
    one.public = random.choice(able)
    return lambda rows: rows


def _add_resource(random: Random, spec: Specification, names: Names) -> Become | None:
    if len(spec.resources) >= 6:
        return None
    name = names.new("res")
    parent = random.choice((None, *spec.resources))
    if parent is not None and len(spec.above(parent)) > 2:
        return None
    fields = {names.new("f"): scalar(random) for _ in range(random.randint(1, 3))}
    roles = () if parent is not None else random.choice(((), ("editor", "viewer")))
    spec.resources[name] = Resource(parent, fields, roles)
    return lambda rows: rows | {name: []}


def _drop_resource(random: Random, spec: Specification, names: Names) -> Become | None:
    leaves = [name for name in spec.resources if not spec.children(name) and not spec.referring(name)]
    if len(spec.resources) < 3 or not leaves:
        return None
    name = random.choice(leaves)
    del spec.resources[name]
    return lambda rows: {each: those for each, those in rows.items() if each != name}


def _rename_resource(random: Random, spec: Specification, names: Names) -> Become:
    old, new = _pick(random, spec), names.new("res")
    spec.resources = {new if each == old else each: r for each, r in spec.resources.items()}
    spec.resources[new].former = old
    for resource in spec.resources.values():
        resource.parent = new if resource.parent == old else resource.parent
        for each in resource.fields.values():
            each.target = new if each.target == old else each.target
    return lambda rows: {new if each == old else each: those for each, those in rows.items()}


def _move_up(random: Random, spec: Specification, names: Names) -> Become | None:
    """Under the record above the one above; or free of it."""
    below = [name for name, r in spec.resources.items() if r.parent is not None]
    if not below:
        return None
    name = random.choice(below)
    one, above = spec.resources[name], spec.above(name)
    one.parent = random.choice((*above[1:], None))
    steps = len(above) if one.parent is None else above.index(one.parent)

    def become(rows: Rows) -> Rows:
        if one.parent is None:
            return rows | {name: [row | {"parent": None} for row in rows[name]]}
        changed = []
        for row in rows[name]:
            at = row["parent"]
            for resource in above[:steps]:
                at = next(each["parent"] for each in rows[resource] if each["id"] == at)
            changed.append(row | {"parent": at})
        return rows | {name: changed}

    return become


def _put_below(random: Random, spec: Specification, names: Names) -> Become | None:
    """Under the record that a reference named, which vanishes."""
    picked = _pick_field(random, spec, lambda f: f.kind == "reference")
    if picked is None:
        return None
    name, by = picked
    one = spec.resources[name]
    target = str(one.fields[by].target)
    several = [f for f in one.fields.values() if f.target == target]
    circle = target == name or name in spec.above(target)
    if one.parent is not None or len(several) > 1 or len(one.fields) == 1 or circle or len(spec.above(target)) > 2:
        return None
    del one.fields[by]
    one.parent = target
    one.roles = ()

    def become(rows: Rows) -> Rows:
        owners = {row["id"]: row["owner"] for row in rows[target]}
        if any(row[by] is None or owners[row[by]] != row["owner"] for row in rows[name]):
            raise Refused
        return rows | {name: [{k: v for k, v in row.items() if k != by} | {"parent": row[by]} for row in rows[name]]}

    return become


EDITS = (
    _add_field,
    _add_field,
    _drop_field,
    _rename_field,
    _retype,
    _retype,
    _toggle_optional,
    _change_values,
    _change_bounds,
    _toggle_unique,
    _toggle_public,
    _add_resource,
    _drop_resource,
    _rename_resource,
    _move_up,
    _put_below,
)


def _unique(rows: Rows, resource: str, one: Resource) -> Rows:
    for name in one.unique:
        seen: set[Any] = set()
        for row in rows[resource]:
            value = row[name]
            if one.fields[name].kind == "decimal" and value is not None:
                value = float(value)
            if value is not None and (row["owner"], value) in seen:
                raise Refused
            seen.add((row["owner"], value))
    return rows


# --- values ------------------------------------------------------------------------------------

_TEXT = ("text", "one of")
POSSIBLE = (
    {(a, b) for a in SCALARS for b in _TEXT}
    | {(a, b) for a in _TEXT for b in SCALARS}
    | {(a, "json") for a in ("integer", "number", "yes/no")}
    | {("integer", "number"), ("integer", "decimal"), ("integer", "yes/no"), ("number", "integer")}
    | {("decimal", "integer"), ("decimal", "number"), ("yes/no", "integer"), ("date", "time"), ("time", "date")}
)


def turned(value: Any, old: str, new: str) -> Any:
    """The value as one of another kind; None where it is none."""
    if value is None or (old, new) not in POSSIBLE:
        return None
    if old in _TEXT:
        return _from_text(value, new)
    if new in _TEXT:
        return _to_text(value, old)
    match old, new:
        case ("integer" | "number", "json"):
            return str(value)
        case ("yes/no", "json"):
            return "true" if value else "false"
        case ("integer" | "decimal", "number"):
            return float(value)
        case ("integer", "decimal"):
            return str(value)
        case ("integer", "yes/no"):
            return value if value in (0, 1) else None
        case ("number" | "decimal", "integer"):
            return int(float(value)) if float(value).is_integer() else None
        case ("yes/no", "integer"):
            return value
        case ("date", "time"):
            return f"{value}T00:00:00.000000Z"
        case _:
            return value[:10] if value.endswith("T00:00:00.000000Z") else None


def _to_text(value: Any, old: str) -> Any:
    if old == "yes/no":
        return "yes" if value else "no"
    if old == "json" and value.startswith('"'):
        return value[1:-1]
    return str(value)


def _from_text(value: str, new: str) -> Any:
    match new:
        case "integer":
            return int(value) if value.lstrip("-").isdigit() and str(int(value)) == value else None
        case "number":
            return float(value) if _is_numeral(value) else None
        case "decimal":
            return value if _is_numeral(value) else None
        case "yes/no":
            return {"yes": 1, "true": 1, "no": 0, "false": 0}.get(value)
        case "date":
            return value if len(value) == 10 and value[:2] == "20" else None
        case "time":
            return value if len(value) == 27 and value.endswith("Z") and value[:2] == "20" else None
        case "json":
            return f'"{value}"'
        case _:
            return value


def _is_numeral(value: str) -> bool:
    whole, point, rest = value.removeprefix("-").partition(".")
    return whole.isdigit() and (not point or rest.isdigit())


def fits(value: Any, made: Field) -> bool:
    """Whether a value of the field's kind is within its bounds."""
    if value is None:
        return False
    if made.kind == "one of":
        return value in made.values
    if made.length is not None:
        return made.length[0] <= len(value) <= made.length[1]
    return made.minimum is None or float(value) >= made.minimum


def value_of(random: Random, made: Field) -> Any:
    """One that fits."""
    match made.kind:
        case "one of":
            return random.choice(made.values)
        case "text":
            choices = [
                "ant",
                "12",
                "-3",
                "1.5",
                "yes",
                "2026-11-23",
                "2026-11-23T10:00:00.500000Z",
                "Q's :x {y}",
                "007",
            ]
            return random.choice([c for c in choices if fits(c, made)] or ["ant"])
        case "integer":
            return max(random.choice((0, 1, 5, 12)), made.minimum or 0)
        case "number":
            return float(max(random.choice((0.5, 1.5, 3.0, 12.25)), made.minimum or 0))
        case "decimal":
            return random.choice([c for c in ("0.10", "2", "12.00", "-1.5") if fits(c, made)])
        case "yes/no":
            return random.choice((0, 1))
        case "date":
            return random.choice(("2026-11-23", "2027-02-28"))
        case "time":
            return random.choice(("2026-11-23T00:00:00.000000Z", "2026-11-23T10:00:00.500000Z"))
        case _:
            return random.choice(('"ant"', "12", "true", '{"a":1}'))
