"""The specification as SQLModel tables, built at start: columns, keys, checks, indexes and relationships.

| the specification says | the table has |
|---|---|
| `owner: account` | `owner`, the root owner; primary key `(owner, id)`, `id` unique by itself |
| `owner: notebook` | the root owner too, and `notebook` with a foreign key `(owner, notebook)` to `(owner, id)` |
| a reference `listing` | `listing` and `listing__owner`, a foreign key together, indexed |
| `one of`, `min`, `max`, `length`, `yes/no` | CHECK |
| `unique a per b` | a unique index; NULLs never collide |
| an account field that a rule asks for | an index that leads to its records, newest last |
| `anyone when state is published` | an index of just these records, newest last |
| `whoever can read article`, that being public | what that asks for, carried: `article__state`, in the foreign key |

Times are text of fixed width in UTC, so that they compare as they sort; decimals compare by their own collation.
PostgreSQL has types of its own for both, and for more: see `dialects.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2s
from itertools import chain
from types import new_class
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnClause,
    ColumnElement,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    and_,
    cast,
    column,
    func,
    not_,
    or_,
    true,
)
from sqlalchemy.orm import backref, registry, relationship
from sqlalchemy.types import TypeEngine
from sqlmodel import Field as ModelField
from sqlmodel import Relationship, SQLModel

from adapters.persistence.sql.builtin import AccountRow
from adapters.persistence.sql.dialects import (
    DAY,
    DECIMAL,
    DOCUMENT,
    INSTANT,
    NUMBER,
    TEXT,
    UUID,
    WHOLE,
    YES_NO,
    checks,
)
from adapters.persistence.sql.public import Carried, Term, branches, carried, holds, indexed, nullable
from domain.judging import rules
from domain.specification.model import (
    AccountField,
    Condition,
    Field,
    Kind,
    Owner,
    Path,
    Resource,
    Specification,
    Through,
)


def owner_column(reference: str) -> str:
    """The column that holds the owner of the record that a reference names."""
    return f"{reference}__owner"


@dataclass(frozen=True)
class Tables:
    """The SQLModel classes of one specification, with metadata and registry of their own."""

    specification: Specification
    registry: registry
    models: dict[str, type[SQLModel]]
    carried: Mapping[str, Carried]
    """by resource: what its table repeats of the records that it hangs on"""

    @property
    def metadata(self) -> MetaData:
        """What is created in the database."""
        return self.registry.metadata

    @cached_property
    def of(self) -> dict[str, Table]:
        """The table of each resource."""
        return {name: model.__table__ for name, model in self.models.items()}  # type: ignore[attr-defined]

    def beside(self, resource: Resource) -> Carried:
        """By parent and reference all that stands beside it: what is carried and, of a reference, the owner."""
        found = dict(self.carried[resource.name])
        for field in resource.references():
            found[field.name] = {owner_column(field.name): "owner", **found.get(field.name, {})}
        return found


def build(specification: Specification) -> Tables:
    """The tables of a specification; each call makes classes of its own."""
    mapped = registry(metadata=MetaData())
    base = new_class("SpecificationBase", (SQLModel,), {"registry": mapped})
    accounts: Table = AccountRow.__table__  # type: ignore[attr-defined]
    repeated = carried(specification)
    models = {
        resource.name: _model(specification, resource, base, accounts, repeated)
        for resource in specification.resources.values()
    }
    mapped.configure()
    return Tables(specification, mapped, models, repeated)


def _model(
    specification: Specification,
    resource: Resource,
    base: type[SQLModel],
    accounts: Table,
    repeated: Mapping[str, Carried],
) -> type[SQLModel]:
    """One class; its attributes have prefixes, so that no field's name can hide one of SQLModel's."""
    columns = [*_columns(specification, resource), *_carried_columns(specification, resource, repeated)]
    namespace: dict[str, Any] = {
        "__tablename__": resource.plural,
        "__table_args__": _table_args(specification, resource, accounts, repeated),
        "__annotations__": {},
    }
    for each in columns:
        namespace[f"c_{each.name}"] = ModelField(default=None, sa_column=each)
        namespace["__annotations__"][f"c_{each.name}"] = Any
    class_name = _class_name(resource.name)
    links = {resource.parent: resource.parent} if resource.parent is not None else {}
    links |= {field.name: str(field.target) for field in resource.references()}
    for name, target in links.items():
        owner = "owner" if name == resource.parent else owner_column(name)
        namespace["__annotations__"][f"to_{name}"] = Any
        target_class = _class_name(target)
        namespace[f"to_{name}"] = Relationship(
            sa_relationship=relationship(
                target_class,
                foreign_keys=f"[{class_name}.c_{owner}, {class_name}.c_{name}]",
                primaryjoin=f"and_({class_name}.c_{name} == remote({target_class}.c_id), "
                f"{class_name}.c_{owner} == remote({target_class}.c_owner))",
                backref=backref(f"from_{resource.name}__{name}", viewonly=True),
                viewonly=True,
            )
        )
    return new_class(class_name, (base,), {"table": True}, lambda body: body.update(namespace))


def _class_name(resource: str) -> str:
    """One for each: `a_1` and `a1` are two resources."""
    return f"R_{resource}"


def _columns(specification: Specification, resource: Resource) -> list[Column[Any]]:
    columns: list[Column[Any]] = [
        Column("owner", UUID, primary_key=True),
        Column("id", UUID, primary_key=True),
    ]
    if resource.parent is not None:
        columns.append(Column(resource.parent, UUID, nullable=False))
    for field in resource.fields.values():
        value_field = specification.value_field(resource.name, field.name)
        columns.append(Column(field.name, _type(value_field), nullable=nullable(specification, resource, field)))
        if field.kind is Kind.REFERENCE:
            columns.append(Column(owner_column(field.name), UUID, nullable=True))
    columns += [Column("created_at", INSTANT, nullable=False), Column("updated_at", INSTANT, nullable=False)]
    return columns


def _carried_columns(
    specification: Specification, resource: Resource, repeated: Mapping[str, Carried]
) -> Iterator[Column[Any]]:
    for link, beside in repeated[resource.name].items():
        for name in beside:
            kind = _carried_type(specification, resource, name, repeated)
            yield Column(name, kind, nullable=link != resource.parent)


def _carried_type(specification: Specification, resource: Resource, name: str, repeated: Mapping[str, Carried]) -> Any:
    """The type that a column has where it comes from."""
    for link, beside in repeated[resource.name].items():
        if name in beside:
            there = specification.resources[specification.target(resource.name, link)]
            return _carried_type(specification, there, beside[name], repeated)
    return _type(resource.fields[name])


_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.INTEGER: WHOLE,
    Kind.YES_NO: YES_NO,
    Kind.NUMBER: NUMBER,
    Kind.DECIMAL: DECIMAL,
    Kind.DATE: DAY,
    Kind.TIME: INSTANT,
    Kind.TEXT: TEXT,
    Kind.ONE_OF: TEXT,
    Kind.JSON: DOCUMENT,
}
"""of each kind of field the column's type, which is another one in each database; all others are ids"""


def _type(field: Field) -> TypeEngine[Any]:
    return _TYPES.get(field.kind, UUID)


def _table_args(
    specification: Specification, resource: Resource, accounts: Table, repeated: Mapping[str, Carried]
) -> tuple[Any, ...]:
    table, beside = resource.plural, repeated[resource.name]
    args: list[Any] = [UniqueConstraint("id", name=_name("uq", table, "id"))]
    args += [
        UniqueConstraint(*key, name=_name("uq", table, *key)) for key in _carrying(specification, resource, repeated)
    ]
    if resource.parent is None:
        args.append(ForeignKeyConstraint(["owner"], [accounts.c.id], name=_name("fk", table, "owner")))
    else:
        above = specification.resources[resource.parent].plural
        args.append(
            ForeignKeyConstraint(
                ["owner", resource.parent, *(carry := beside.get(resource.parent, {}))],
                [f"{above}.{name}" for name in ("owner", "id", *carry.values())],
                name=_name("fk", table, resource.parent),
                onupdate="CASCADE",
                ondelete="CASCADE",
            )
        )
        args.append(Index(_name("ix", table, resource.parent), resource.parent, "id"))
    for field in resource.fields.values():
        args += _field_args(specification, resource, field, accounts, beside.get(field.name, {}))
    args += [_unique_index(resource, unique.fields, unique.per) for unique in resource.unique]
    args += [Index(_name("ix", table, *names), *names) for names in sorted(_asked(specification, resource))]
    public = enumerate(indexed(specification, resource.name), 1)
    args += [_public_index(specification, resource, repeated, *each) for each in public]
    return tuple(args)


def _field_args(
    specification: Specification, resource: Resource, field: Field, accounts: Table, carry: Mapping[str, str]
) -> list[Any]:
    table, name = resource.plural, field.name
    args: list[Any] = []
    if field.kind is Kind.REFERENCE:
        target, owner = specification.resources[str(field.target)].plural, owner_column(name)
        args.append(
            ForeignKeyConstraint(
                [owner, name, *carry],
                [f"{target}.{column}" for column in ("owner", "id", *carry.values())],
                name=_name("fk", table, name),
                onupdate="CASCADE",
                ondelete="CASCADE" if field.when_gone == "delete" else "SET NULL",
            )
        )
        for beside in (owner, *carry):
            both = column(name).is_(None) == column(beside).is_(None)
            args.append(CheckConstraint(both, name=_name("ck", table, beside)))
        args.append(Index(_name("ix", table, name), name, "id"))
    elif specification.names_account(resource.name, name):
        args.append(ForeignKeyConstraint([name], [accounts.c.id], name=_name("fk", table, name), ondelete="SET NULL"))
    args += checks(*_check(specification.value_field(resource.name, name), name), name=_name("ck", table, name))
    return args


def _check(field: Field, name: str) -> tuple[ColumnElement[bool] | None, ColumnElement[bool] | None]:
    """What the database itself refuses of a value, on SQLite and where columns have types of their own.

    NULL passes, NOT NULL is the column's. SQLite stores anything anywhere: without these a text would stay in a
    column that has become one of numbers.
    """
    value: ColumnClause[Any] = column(name)
    match field.kind:
        case Kind.YES_NO:
            return value.in_([0, 1]), None
        case Kind.ONE_OF:
            return (chosen := value.in_(field.values)), chosen
        case Kind.TEXT if field.length is not None:
            return (bounded := func.length(value).between(*field.length)), bounded
        case Kind.INTEGER | Kind.NUMBER:
            low = None if field.minimum is None else value >= field.minimum
            high = None if field.maximum is None else value <= field.maximum
            bounds = [bound for bound in (low, high) if bound is not None]
            kind = Integer if field.kind is Kind.INTEGER else Float
            return and_(value == cast(value, kind), true(), *bounds), and_(*bounds) if bounds else None
        case Kind.DECIMAL:
            return not_(value.bool_op("GLOB")("*[^-.0-9]*")), None
        case Kind.DATE:
            return value.like("____-__-__"), None
        case Kind.TIME:
            return value.like("____-__-__T__:__:__.______Z"), None
        case Kind.JSON:
            return or_(value.is_(None), func.json_valid(value) == 1), None  # of NULL some versions say 0
        case _:
            return None, None


def _unique_index(resource: Resource, fields: tuple[str, ...], per: str) -> Index:
    scope = () if per == "everywhere" else (per,)
    return Index(_name("uq", resource.plural, *fields, "per", per), *scope, *fields, unique=True)


def _carrying(
    specification: Specification, resource: Resource, repeated: Mapping[str, Carried]
) -> list[tuple[str, ...]]:
    """The keys that other tables' foreign keys need here, beyond owner and id."""
    return sorted(
        {
            ("owner", "id", *beside.values())
            for other, links in repeated.items()
            for link, beside in links.items()
            if specification.target(other, link) == resource.name
        }
    )


def _public_index(
    specification: Specification,
    resource: Resource,
    repeated: Mapping[str, Carried],
    number: int,
    conditions: Mapping[str, Condition],
) -> Index:
    of_these = and_(
        *(
            holds(column(name, _carried_type(specification, resource, name, repeated)), condition)
            for name, condition in conditions.items()
        )
    )
    name = _name("ix", resource.plural, "", f"public_{number}")
    return Index(name, "id", sqlite_where=of_these, postgresql_where=of_these)


def _asked(specification: Specification, resource: Resource) -> set[tuple[str, ...]]:
    """The columns that lead a caller's list to its records: account fields and foreign owners."""
    found: set[tuple[str, ...]] = set()
    for other in specification.resources.values():
        stated = (((), who) for rule in rules(other) for grant in rule for who in grant.who)
        read = branches(specification, other.rule("read"), other.name)
        for path, term in chain(stated, chain.from_iterable(read)):
            found |= _asked_by(specification, other.name, resource, path, term)
    return found - {(field.name, "id") for field in resource.references()}


def _asked_by(
    specification: Specification, stated_on: str, resource: Resource, path: Path, term: Term
) -> set[tuple[str, ...]]:
    match term:
        case AccountField(rest, name) if specification.at(stated_on, path + rest) is resource:
            return {(name, "id")}
        case Owner(rest):
            way = path + rest
            while way and way[-1].field == specification.at(stated_on, way[:-1]).parent:
                way = way[:-1]  # everything above a record has its owner
            if way and specification.at(stated_on, way[:-1]) is resource:
                return {(owner_column(way[-1].field), "id")}
        case Through(link, back, _, _, _) if link == resource.name and back != resource.parent:
            return {(back, "id")}
    return set()


def _name(kind: str, table: str, *parts: str) -> str:
    """A constraint's name, at most 63 characters (PostgreSQL's limit) and different wherever its parts are."""
    full = "_".join((kind, table, *parts))
    if len(full) <= 63:
        return full
    return f"{full[:54]}_{blake2s(full.encode(), digest_size=4).hexdigest()}"
