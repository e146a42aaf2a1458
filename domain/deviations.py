"""What is there, compared with what should be: each difference by name, with the line that it deviates from.

Whoever looks at a database, a lock or an API says what it found as `Thing`s. So does what should be there.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.specification.model import Place


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that is there, or should be: a table, a column, a policy, a privilege."""

    kind: str
    """such as `foreign key`"""
    on: str
    """the table that it belongs to; empty where it belongs to none"""
    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """all that is compared; what is not said is as if it were empty"""
    place: Place | None = None
    """where the specification says that it should be there"""
    made: str = ""
    """the SQL that makes it"""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by."""
        return self.kind, self.on, self.name

    @property
    def where(self) -> str:
        """For people."""
        if self.kind == "privilege":
            return f"{self.on}: {self.name}"
        return f"{self.on}.{self.name}" if self.on and self.name else self.on or self.name


class How(StrEnum):
    """How something deviates."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERS = "differs"
    RENAMED = "renamed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference."""

    part: str
    """what deviates: `database`, `lock` or `api`"""
    thing: str
    how: How
    where: str
    """such as `notes.title`"""
    aspect: str
    """which of its facts differs; empty where it is about the thing as a whole, which `found` then says"""
    expected: str
    """empty where nothing is expected"""
    found: str
    """empty where nothing is there"""
    place: Place | None
    """of the specification; None where it says nothing of it"""
    mend: str
    """what puts it right: a command, or a statement for the owner of the tables"""
    table: str = ""
    """that it belongs to"""

    @property
    def kind(self) -> str:
        """A stable name such as `foreign_key_missing`."""
        return f"{self.thing}_{self.how}".replace(" ", "_").replace("-", "_")

    @property
    def harmless(self) -> bool:
        """Whether no answer and no stored value can depend on it: an index that somebody added for speed."""
        return self.thing == "index" and self.how is How.UNEXPECTED and not self.found.startswith("unique")

    def __str__(self) -> str:
        """One sentence for people."""
        name = f"{self.thing} `{self.where}`"
        match self.how:
            case How.MISSING:
                return f"{name} is missing{_shown(self.expected, ': ')}."
            case How.UNEXPECTED:
                return f"{name} should not be there{_shown(self.found, ': ')}."
            case How.RENAMED:
                return f"{name} is called `{self.found}`."
            case How.DIFFERS if self.thing == "role":
                return f"{name} {self.aspect}, and should not."
            case How.DIFFERS if self.aspect:
                return f"{name}: {self.aspect} is {_said(self.found)} and should be {_said(self.expected)}."
        return self.found


Mending = Callable[[How, Thing, str, Thing], str]
"""says what puts a thing right: how it deviates, the thing, and of one that differs the fact and the thing as it is"""


def deviations(
    wanted: Iterable[Thing], found: Iterable[Thing], mending: Mending, part: str = "database"
) -> tuple[Deviation, ...]:
    """Every difference, by table; what belongs to a table that is missing, or should not be there, is not named."""
    expected = {thing.key: thing for thing in wanted}
    present = {thing.key: thing for thing in found}
    renamed, present = _renamed_tables(expected, present)
    absent = {name for (kind, _, name) in expected.keys() ^ present.keys() if kind in ("table", "function")}
    called = _called_otherwise(expected, present)
    others = {thing.key for thing in called.values()}

    def one(how: How, thing: Thing, has: Thing = _NOTHING, aspect: str = "") -> Deviation:
        wants = "" if how is How.UNEXPECTED else thing.facts.get(aspect, "") if aspect else told(thing)
        said = has.name if how is How.RENAMED else has.facts.get(aspect, "") if aspect else told(has)
        mend = mending(how, thing, aspect, has)
        table = thing.on or thing.name
        return Deviation(part, thing.kind, how, thing.where, aspect, wants, said, thing.place, mend, table)

    every = [one(How.RENAMED, thing, other) for thing, other in renamed]
    for key in sorted(expected.keys() | present.keys(), key=_rank):
        wants, has = expected.get(key), present.get(key)
        if key[1] in absent or key in others:
            continue
        if wants is None:
            every.append(one(How.UNEXPECTED, present[key], present[key]))
        elif has is not None:
            every += [one(How.DIFFERS, wants, has, aspect) for aspect in _differing(wants.facts, has.facts)]
        elif key in called:
            every.append(one(How.RENAMED, wants, called[key]))
        else:
            every.append(one(How.MISSING, wants))
    return tuple(every)


_NOTHING = Thing("", "", "")
_NAMED = ("unique key", "foreign key", "check", "index", "policy")
"""what is known to be the same by its facts alone"""
_ORDER = ("role", "revision", "table", "column", "primary key", "unique key", "foreign key", "check", "index")


def _rank(key: tuple[str, str, str]) -> tuple[str, int, str, str]:
    kind, on, name = key
    return on or name, _ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind, name


def _differing(wants: Mapping[str, str], has: Mapping[str, str]) -> list[str]:
    return [name for name in dict.fromkeys([*wants, *has]) if wants.get(name, "") != has.get(name, "")]


def _renamed_tables(
    expected: Mapping[tuple[str, str, str], Thing], present: Mapping[tuple[str, str, str], Thing]
) -> tuple[list[tuple[Thing, Thing]], dict[tuple[str, str, str], Thing]]:
    """Tables that have another name, and what is there under the names that it should have."""
    renamed = []
    now = dict(present)
    for key in [key for key in expected if key[0] == "table" and key not in present]:
        columns = _columns(expected, key[2])
        alike = [k for k in now if k[0] == "table" and k not in expected and _columns(now, k[2]) == columns]
        if len(alike) == 1 and columns:
            renamed.append((expected[key], now[alike[0]]))
            now = {thing.key: thing for thing in (_called(t, alike[0][2], key[2]) for t in now.values())}
    return renamed, now


def _columns(things: Mapping[tuple[str, str, str], Thing], table: str) -> dict[str, Mapping[str, str]]:
    return {name: thing.facts for (kind, on, name), thing in things.items() if (kind, on) == ("column", table)}


def _called(thing: Thing, before: str, after: str) -> Thing:
    """The same if its table had another name."""
    named = re.compile(rf"(?<!\w){re.escape(before)}(?!\w)")
    facts = {name: named.sub(after, value) for name, value in thing.facts.items()}
    if thing.kind == "table" and thing.name == before:
        return replace(thing, name=after)
    return replace(thing, on=after if thing.on == before else thing.on, facts=facts)


def _called_otherwise(
    expected: Mapping[tuple[str, str, str], Thing], present: Mapping[tuple[str, str, str], Thing]
) -> dict[tuple[str, str, str], Thing]:
    """What is there under another name: that is one difference and not two."""
    found = {}
    for key in expected.keys() - present.keys():
        kind, table, _ = key
        alike = [
            thing
            for other, thing in present.items()
            if other[:2] == (kind, table) and other not in expected and not _differing(expected[key].facts, thing.facts)
        ]
        if kind in _NAMED and len(alike) == 1:
            found[key] = alike[0]
    return found


def told(thing: Thing) -> str:
    """The facts of a thing in one line."""
    return ", ".join(_fact(name, value) for name, value in thing.facts.items() if value)


def _fact(name: str, value: str) -> str:
    return value if name in _SPEAKING else f"{name} {value}"


_SPEAKING = ("type", "columns", "condition", "unique", "definition")
"""facts whose values need no name before them"""


def _shown(value: str, before: str) -> str:
    return f"{before}{value}" if value else ""


def _said(value: str) -> str:
    return f"`{value}`" if value else "nothing"
