"""What is there, compared with what should be: each difference by name, with the line that it deviates from.

Whoever looks at a database, a lock or an API says what it found as `Thing`s. So does what should be there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """which of its facts differs; empty where it is about the thing as a whole"""
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
            case How.UNREADABLE:
                return self.found
            case _:
                return f"{name}: {self.aspect} is {_said(self.found)} and should be {_said(self.expected)}."


Mending = Callable[[How, Thing, str, Thing], str]
"""says what puts a thing right: how it deviates, the thing, and of one that differs the fact and the thing as it is"""


def deviations(
    wanted: Iterable[Thing], found: Iterable[Thing], mending: Mending, part: str = "database"
) -> tuple[Deviation, ...]:
    """Every difference, tables first; what belongs to a table that is missing, or should not be there, is not named."""
    expected = {thing.key: thing for thing in wanted}
    present = {thing.key: thing for thing in found}
    renamed, present = _renamed_tables(expected, present)
    absent = {name for (kind, _, name) in expected.keys() ^ present.keys() if kind == "table"}

    def one(how: How, thing: Thing, aspect: str = "", expected: str = "", found: Thing = _NOTHING) -> Deviation:
        place, mend = thing.place, mending(how, thing, aspect, found)
        said = found.name if how is How.RENAMED else found.facts.get(aspect, "") if aspect else told(found)
        return Deviation(
            part, thing.kind, how, thing.where, aspect, expected, said, place, mend, thing.on or thing.name
        )

    every = [one(How.RENAMED, thing, expected=thing.name, found=other) for thing, other in renamed]
    for key in sorted(expected.keys() | present.keys(), key=_rank):
        wants, has = expected.get(key), present.get(key)
        if key[1] in absent:
            continue
        if has is None and wants is not None:
            every.append(one(How.MISSING, wants, expected=told(wants)))
        elif wants is None and has is not None:
            every.append(one(How.UNEXPECTED, has, found=has))
        elif wants is not None and has is not None:
            for aspect in _differing(wants.facts, has.facts):
                every.append(one(How.DIFFERS, wants, aspect, wants.facts.get(aspect, ""), has))
    return tuple(_with_names(every, expected, present, mending))


_NOTHING = Thing("", "", "")
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
    facts = {
        name: f"{after}{value[len(before) :]}" if name == "references" and value.startswith(f"{before} (") else value
        for name, value in thing.facts.items()
    }
    if thing.kind == "table" and thing.name == before:
        return replace(thing, name=after)
    return replace(thing, on=after if thing.on == before else thing.on, facts=facts)


def _with_names(
    every: list[Deviation],
    expected: Mapping[tuple[str, str, str], Thing],
    present: Mapping[tuple[str, str, str], Thing],
    mending: Mending,
) -> Iterator[Deviation]:
    """A key, check or index that is there under another name is one difference and not two."""
    for each in every:
        if each.how not in (How.MISSING, How.UNEXPECTED) or each.thing not in _ORDER[5:]:
            yield each
            continue
        alike = [
            other
            for other in every
            if (other.thing, other.table) == (each.thing, each.table)
            and {other.how, each.how} == {How.MISSING, How.UNEXPECTED}
            and (other.expected or other.found) == (each.expected or each.found)
        ]
        if len(alike) != 1:
            yield each
        elif each.how is How.MISSING:
            (other,) = alike
            name = other.where.removeprefix(f"{other.table}.")
            thing = expected[each.thing, each.table, each.where.removeprefix(f"{each.table}.")]
            mend = mending(How.RENAMED, thing, "", present[each.thing, each.table, name])
            yield replace(each, how=How.RENAMED, expected=thing.name, found=name, mend=mend)


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
