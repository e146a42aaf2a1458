"""What a checked specification *is*: plain, immutable data that every reading is compiled from.

Names are resolved: a role, field or path found here exists. The text form and its
rules stand in `docs/language.md`; `grammar.py` and `checks.py` turn that text into these classes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

ACTIONS = ("create", "open", "read", "update", "delete", "share", "members", "move", "transfer")
ENGINE_FIELDS = ("id", "owner", "created_at", "updated_at")
LIST_PARAMETERS = ("q", "sort", "limit", "cursor", "fields", "expand", "count")
RESERVED = frozenset({"anyone", "engine", "staff", "account", "expanded", *ENGINE_FIELDS, *LIST_PARAMETERS})


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the specification file; line and column count from 1."""

    line: int
    column: int


class Kind(StrEnum):
    """The type of a field."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    YES_NO = "yes/no"
    DATE = "date"
    TIME = "time"
    JSON = "json"
    ONE_OF = "one of"
    ACCOUNT = "account"
    CREATOR = "creator"
    MEMBER = "member of"
    COPY = "copy of"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step from a record to another: its parent, or what a reference field names.

    `field` is the reference's name, or the parent resource's name when the hop goes up.
    """

    field: str
    resource: str


Path = tuple[Hop, ...]


# --- who -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anyone:
    """`anyone`: the world."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`signed in`: any account."""


@dataclass(frozen=True, slots=True)
class Engine:
    """`engine`: a service key or the engine's own code, never a person."""


@dataclass(frozen=True, slots=True)
class Owner:
    """`owner`: the account at the top of the chain of the record at `path` (`()` is this record)."""

    path: Path = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """`staff.mediator`: an instance-wide role; `roles` are all that are strong enough."""

    role: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """`editor`: a live membership on the record at `path`; `roles` are all that are strong enough."""

    path: Path
    resource: str
    role: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountField:
    """`assignee`, `client.portal`: the account that a field of the record at `path` names."""

    path: Path
    field: str


@dataclass(frozen=True, slots=True)
class Can:
    """`whoever can read notebook`: who may do `action` on the record at `path` (never `()`)."""

    action: str
    path: Path


@dataclass(frozen=True, slots=True)
class Through:
    """`viewer through item.album`: a role on a container that a link record ties this record to.

    `link` is the link resource, `back` its reference (or parent) that leads to this record, and
    `container` the hop from the link record to the container whose ladder has the role.
    """

    link: str
    back: str
    container: Hop
    role: str
    roles: tuple[str, ...]


Who = Anyone | SignedIn | Engine | Owner | Staff | Role | AccountField | Can | Through


# --- grants --------------------------------------------------------------------------------


class Test(StrEnum):
    """How a condition compares."""

    IS = "is"
    SET = "is set"
    EMPTY = "is empty"
    PAST = "is past"
    FUTURE = "is future"


@dataclass(frozen=True, slots=True)
class Condition:
    """`order.status is paid or shipped`; `values` only for `Test.IS` (domain values: str, int, bool)."""

    path: Path
    field: str
    test: Test
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """`who and who only field, field when condition and condition`: all of it must hold."""

    who: tuple[Who, ...]
    when: tuple[Condition, ...]
    only: tuple[str, ...] | None
    text: str = field(compare=False)
    place: Place = field(compare=False)

    def covers(self, field_name: str) -> bool:
        """Whether an `update` by this grant may change the field."""
        return self.only is None or field_name in self.only


Rule = tuple[Grant, ...]
"""Any one matching grant allows; none allows nobody."""


# --- resources -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ladder:
    """Roles, strongest first; who holds one holds every weaker one."""

    roles: tuple[str, ...]
    join_open: bool = False
    expire: timedelta | None = None
    place: Place | None = field(default=None, compare=False)
    """of the first role; None only for a ladder that was not read from a file"""

    def at_least(self, role: str) -> tuple[str, ...]:
        """`role` and all that are stronger."""
        return self.roles[: self.roles.index(role) + 1]

    @property
    def weakest(self) -> str:
        """The role that joining gives."""
        return self.roles[-1]


@dataclass(frozen=True, slots=True)
class Links:
    """Secret links that carry a role; `expire` is their longest life."""

    role: str
    expire: timedelta | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a resource; `docs/language.md` explains every option."""

    name: str
    kind: Kind
    place: Place
    values: tuple[str, ...] = ()
    """of `one of`"""
    target: str | None = None
    """the resource of a reference or of `member of`"""
    path: Path = ()
    """`member of`: the way to the record whose members are meant; `copy of`: to the record copied from"""
    copied: str | None = None
    """`copy of`: the field (or `owner`) of the record at `path`"""
    optional: bool = False
    default: Any = None
    """a domain value; None where there is no default"""
    length: tuple[int, int] | None = None
    pattern: str | None = None
    format: str | None = None
    minimum: Any = None
    maximum: Any = None
    places: int | None = None
    read: Rule | None = None
    write: Rule | None = None
    when_gone: str | None = None
    about: str | None = None
    renamed_from: str | None = None

    @property
    def by_engine(self) -> bool:
        """Whether only the engine writes it."""
        return self.kind in (Kind.CREATOR, Kind.COPY)

    @property
    def initial(self) -> Any:
        """What the field holds where a new record's message leaves it out; None where nothing is said."""
        if self.default is not None or self.optional:
            return self.default
        if self.kind is Kind.YES_NO:
            return False
        return self.values[0] if self.kind is Kind.ONE_OF else None

    @property
    def nullable(self) -> bool:
        """Whether a message may send null."""
        return self.optional

    @property
    def required(self) -> bool:
        """Whether a new record's message must carry it."""
        return not self.optional and self.initial is None


@dataclass(frozen=True, slots=True)
class Lock:
    """While `when` holds no field but `excepted` changes and nothing is created or deleted below."""

    when: tuple[Condition, ...]
    excepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One allowed change of a field with steps, by its own rule."""

    before: str
    after: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Unique:
    """No two records with equal `fields` within `per`: "owner", "everywhere", or a parent's or reference's name."""

    fields: tuple[str, ...]
    per: str
    place: Place


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of record."""

    name: str
    plural: str
    place: Place
    parent: str | None
    """the resource above; None for a root, which an account owns"""
    fields: Mapping[str, Field]
    can: Mapping[str, Rule]
    about: str | None = None
    ladder: Ladder | None = None
    locked: Lock | None = None
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    links: Links | None = None
    unique: tuple[Unique, ...] = ()
    limit: int | None = None
    keep: bool = False
    require_if_match: bool = False
    renamed_from: str | None = None

    @property
    def linked_roles(self) -> tuple[str, ...]:
        """The roles that a secret link can carry, strongest first; none where there are no links."""
        if self.links is None or self.ladder is None:
            return ()
        return self.ladder.roles[self.ladder.roles.index(self.links.role) :]

    @property
    def members(self) -> tuple[str, ...]:
        """The names that an answer can have of a record, in its order."""
        above = () if self.parent is None else (self.parent,)
        return ("id", "owner", *above, *self.fields, "created_at", "updated_at")

    def rule(self, action: str) -> Rule:
        """The grants of an action; `read` implies `open`."""
        grants = self.can.get(action, ())
        return grants + self.can.get("read", ()) if action == "open" else grants

    @property
    def has_people(self) -> bool:
        """Whether its records have members, or can be offered to somebody."""
        return self.ladder is not None or bool(self.rule("transfer"))

    def steps_start(self, field_name: str) -> str:
        """The value at which a field with steps starts."""
        return self.fields[field_name].values[0]

    def references(self) -> Iterator[Field]:
        """The fields that name a record."""
        return (f for f in self.fields.values() if f.kind is Kind.REFERENCE)


# --- answers and examples ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """`{question: Q-PUBLIC-PERSONAL, on: profile.bio, because: …}`: closes that question at that place only."""

    question: str
    on: str
    because: str
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Thing:
    """`note 3`: a record that an example speaks of."""

    resource: str
    label: str

    def __str__(self) -> str:
        return f"{self.resource} {self.label}"


@dataclass(frozen=True, slots=True)
class Owns:
    """`mary owns notebook 1`."""

    person: str
    thing: Thing


@dataclass(frozen=True, slots=True)
class Holds:
    """`bob is editor of notebook 1`; with no thing a staff role: `carol is staff.mediator`."""

    person: str
    role: str
    thing: Thing | None


@dataclass(frozen=True, slots=True)
class Within:
    """`note 3 is in notebook 1`."""

    thing: Thing
    above: Thing


@dataclass(frozen=True, slots=True)
class Person:
    """A name where a field of an example holds an account."""

    name: str


@dataclass(frozen=True, slots=True)
class Says:
    """`audience of note 3 is everyone`."""

    thing: Thing
    field: str
    value: Any
    """a domain value, `Person`, `Thing`, None for `empty`, `Test.PAST` or `Test.FUTURE`"""


@dataclass(frozen=True, slots=True)
class Fact:
    """What an example supposes, and where it says so."""

    what: Owns | Holds | Within | Says
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """`bob cannot update note 3`, of one person."""

    person: str
    """a name, `anyone` (without an account) or `engine`"""
    allowed: bool
    action: str
    """an action, or `read` or `set` of the field, or `members`"""
    thing: Thing
    place: Place = field(compare=False)
    field: str | None = None
    to: Any = None
    """the value of `set … to`, the role of `share … as`, the `Thing` of `move … to`; None where nothing is said"""

    def __str__(self) -> str:
        what = f"{self.action} {self.field} of {self.thing}" if self.field else f"{self.action} {self.thing}"
        return f"{self.person} {'can' if self.allowed else 'cannot'} {what}"


@dataclass(frozen=True, slots=True)
class Example:
    """One item of `examples`: a small world, and who can do what in it."""

    text: str
    facts: tuple[Fact, ...]
    claims: tuple[Claim, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Specification:
    """One approved text, as data."""

    app: str
    version: str
    resources: Mapping[str, Resource]
    staff: Ladder | None = None
    answers: tuple[Answer, ...] = ()
    examples: tuple[Example, ...] = ()
    source: str = field(default="", compare=False, repr=False)
    """the text itself, as it was read"""

    @property
    def major(self) -> int:
        """The path prefix is `/v{major}`."""
        return int(self.version.split(".")[0])

    def chain(self, name: str) -> tuple[str, ...]:
        """The resource and everything above it, from itself to its root."""
        found: list[str] = []
        at: str | None = name
        while at is not None:
            found.append(at)
            at = self.resources[at].parent
        return tuple(found)

    def shared(self, name: str) -> Resource | None:
        """The resource itself, or the nearest one above it, that has roles."""
        return next((self.resources[at] for at in self.chain(name) if self.resources[at].ladder is not None), None)

    def up(self, name: str, above: str) -> Path:
        """The hops from a resource to one above it (`()` for itself)."""
        chain = self.chain(name)
        return tuple(Hop(at, at) for at in chain[1 : chain.index(above) + 1])

    def children(self, name: str) -> tuple[Resource, ...]:
        """The resources directly below."""
        return tuple(r for r in self.resources.values() if r.parent == name)

    def at(self, name: str, path: Path) -> Resource:
        """The resource that a path from `name` ends at."""
        return self.resources[path[-1].resource if path else name]

    def target(self, name: str, hop: str) -> str:
        """The resource that a reference, or the parent's name, leads to."""
        found = self.resources[name].fields.get(hop)
        return hop if found is None else str(found.target)

    def value_field(self, name: str, field_name: str) -> Field:
        """The field whose type a value has: `copy of` followed to its source."""
        found = self.resources[name].fields[field_name]
        if found.kind is Kind.COPY and found.copied != "owner":
            assert found.copied is not None
            return self.value_field(self.at(name, found.path).name, found.copied)
        return found

    def column(self, name: str, column: str) -> Field:
        """Like `value_field`, also of the parent and of what the engine writes."""
        model = self.resources[name]
        if column in model.fields:
            return self.value_field(name, column)
        times = ("created_at", "updated_at")
        kind = Kind.TIME if column in times else Kind.ACCOUNT if column == "owner" else Kind.REFERENCE
        return Field(column, kind, model.place)

    def names_account(self, name: str, field_name: str) -> bool:
        """Whether a field's value is an account (`account`, `creator`, `member of`, or a copy of one)."""
        found = self.value_field(name, field_name)
        return found.kind in (Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER) or found.copied == "owner"
