"""The specification as SQLModel tables, built at start: columns, keys, checks, indexes and relationships.

| the specification says | the table has |
|---|---|
| `owner: account` | `owner`, the root owner; primary key `(owner, id)`, `id` unique by itself |
| `owner: notebook` | the root owner too, and `notebook` with a foreign key `(owner, notebook)` to `(owner, id)` |
| a reference `listing` | `listing` and `listing__owner`, a foreign key together, indexed |
| `one of`, `min`, `max`, `length`, `yes/no` | CHECK |
| `unique a per b` | a unique index; NULLs never collide |
| an account field that a rule asks for | an index that leads to its records, newest last |

Times are text of fixed width in UTC, so that they compare as they sort; decimals compare by their own collation.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2s
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
    String,
    Table,
    Text,
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
from sqlmodel import Field as ModelField
from sqlmodel import Relationship, SQLModel

from adapters.persistence.sql.builtin import AccountRow
from domain.judging import rules
from domain.specification.model import (
    AccountField,
    Anyone,
    Field,
    Grant,
    Kind,
    Owner,
    Resource,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
)

DECIMAL_COLLATION = "decimal"


def owner_column(reference: str) -> str:
    """The column that holds the owner of the record that a reference names."""
    return f"{reference}__owner"


@dataclass(frozen=True)
class Tables:
    """The SQLModel classes of one specification, with metadata and registry of their own."""

    specification: Specification
    registry: registry
    models: dict[str, type[SQLModel]]

    @property
    def metadata(self) -> MetaData:
        """What is created in the database."""
        return self.registry.metadata

    @cached_property
    def of(self) -> dict[str, Table]:
        """The table of each resource."""
        return {name: model.__table__ for name, model in self.models.items()}  # type: ignore[attr-defined]


def build(specification: Specification) -> Tables:
    """The tables of a specification; each call makes classes of its own."""
    mapped = registry(metadata=MetaData())
    base = new_class("SpecificationBase", (SQLModel,), {"registry": mapped})
    accounts: Table = AccountRow.__table__  # type: ignore[attr-defined]
    models = {
        resource.name: _model(specification, resource, base, accounts) for resource in specification.resources.values()
    }
    mapped.configure()
    return Tables(specification, mapped, models)


def _model(specification: Specification, resource: Resource, base: type[SQLModel], accounts: Table) -> type[SQLModel]:
    """One class; its attributes have prefixes, so that no field's name can hide one of SQLModel's."""
    columns = _columns(specification, resource)
    namespace: dict[str, Any] = {
        "__tablename__": resource.plural,
        "__table_args__": _table_args(specification, resource, accounts),
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
                backref=backref(f"from_{resource.name}_{name}", viewonly=True),
                viewonly=True,
            )
        )
    return new_class(class_name, (base,), {"table": True}, lambda body: body.update(namespace))


def _class_name(resource: str) -> str:
    return "".join(part.capitalize() for part in resource.split("_"))


def _columns(specification: Specification, resource: Resource) -> list[Column[Any]]:
    columns: list[Column[Any]] = [
        Column("owner", String(36), primary_key=True),
        Column("id", String(36), primary_key=True),
    ]
    if resource.parent is not None:
        columns.append(Column(resource.parent, String(36), nullable=False))
    for field in resource.fields.values():
        value_field = specification.value_field(resource.name, field.name)
        columns.append(Column(field.name, _type(value_field), nullable=_nullable(specification, resource, field)))
        if field.kind is Kind.REFERENCE:
            columns.append(Column(owner_column(field.name), String(36), nullable=True))
    columns += [Column("created_at", String(27), nullable=False), Column("updated_at", String(27), nullable=False)]
    return columns


def _nullable(specification: Specification, resource: Resource, field: Field) -> bool:
    """What names a record or an account is emptied when that goes; a copy may come through an empty reference."""
    if field.kind is Kind.COPY or field.kind is Kind.REFERENCE:
        return True
    return field.optional or specification.names_account(resource.name, field.name)


def _type(field: Field) -> Any:
    match field.kind:
        case Kind.INTEGER | Kind.YES_NO:
            return Integer()
        case Kind.NUMBER:
            return Float()
        case Kind.DECIMAL:
            return String(40, collation=DECIMAL_COLLATION)
        case Kind.DATE:
            return String(10)
        case Kind.TIME:
            return String(27)
        case Kind.TEXT | Kind.JSON | Kind.ONE_OF:
            return Text()
        case _:
            return String(36)


def _table_args(specification: Specification, resource: Resource, accounts: Table) -> tuple[Any, ...]:
    table = resource.plural
    args: list[Any] = [UniqueConstraint("id", name=_name("uq", table, "id"))]
    if resource.parent is None:
        args.append(ForeignKeyConstraint(["owner"], [accounts.c.id], name=_name("fk", table, "owner")))
    else:
        above = specification.resources[resource.parent].plural
        args.append(
            ForeignKeyConstraint(
                ["owner", resource.parent],
                [f"{above}.owner", f"{above}.id"],
                name=_name("fk", table, resource.parent),
                onupdate="CASCADE",
                ondelete="CASCADE",
            )
        )
        args.append(Index(_name("ix", table, resource.parent), resource.parent, "id"))
    for field in resource.fields.values():
        args += _field_args(specification, resource, field, accounts)
    args += [_unique_index(resource, unique.fields, unique.per) for unique in resource.unique]
    args += [Index(_name("ix", table, *names), *names) for names in sorted(_asked(specification, resource))]
    return tuple(args)


def _field_args(specification: Specification, resource: Resource, field: Field, accounts: Table) -> list[Any]:
    table, name = resource.plural, field.name
    args: list[Any] = []
    if field.kind is Kind.REFERENCE:
        target, owner = specification.resources[str(field.target)].plural, owner_column(name)
        args.append(
            ForeignKeyConstraint(
                [owner, name],
                [f"{target}.owner", f"{target}.id"],
                name=_name("fk", table, name),
                onupdate="CASCADE",
                ondelete="CASCADE" if field.when_gone == "delete" else "SET NULL",
            )
        )
        both = column(name).is_(None) == column(owner).is_(None)
        args.append(CheckConstraint(both, name=_name("ck", table, owner)))
        args.append(Index(_name("ix", table, name), name, "id"))
    elif specification.names_account(resource.name, name):
        args.append(ForeignKeyConstraint([name], [accounts.c.id], name=_name("fk", table, name), ondelete="SET NULL"))
    check = _check(specification.value_field(resource.name, name), name)
    if check is not None:
        args.append(CheckConstraint(check, name=_name("ck", table, name)))
    return args


def _check(field: Field, name: str) -> ColumnElement[bool] | None:
    """What the database itself refuses of a value; NULL passes, NOT NULL is the column's.

    SQLite stores anything anywhere: without these a text would stay in a column that has become one of numbers.
    """
    value: ColumnClause[Any] = column(name)
    match field.kind:
        case Kind.YES_NO:
            return value.in_([0, 1])
        case Kind.ONE_OF:
            return value.in_(field.values)
        case Kind.TEXT if field.length is not None:
            return func.length(value).between(*field.length)
        case Kind.INTEGER | Kind.NUMBER:
            low = true() if field.minimum is None else value >= field.minimum
            high = true() if field.maximum is None else value <= field.maximum
            return and_(value == cast(value, Integer if field.kind is Kind.INTEGER else Float), low, high)
        case Kind.DECIMAL:
            return not_(value.bool_op("GLOB")("*[^-.0-9]*"))
        case Kind.DATE:
            return value.like("____-__-__")
        case Kind.TIME:
            return value.like("____-__-__T__:__:__.______Z")
        case Kind.JSON:
            return or_(value.is_(None), func.json_valid(value) == 1)  # of NULL some versions say 0
        case _:
            return None


def _unique_index(resource: Resource, fields: tuple[str, ...], per: str) -> Index:
    scope = () if per == "everywhere" else (per,)
    return Index(_name("uq", resource.plural, *fields, "per", per), *scope, *fields, unique=True)


def _asked(specification: Specification, resource: Resource) -> set[tuple[str, ...]]:
    """The columns that lead a caller's list to its records: account fields, foreign owners, public conditions."""
    found: set[tuple[str, ...]] = set()
    for other in specification.resources.values():
        for rule in rules(other):
            for grant in rule:
                found |= _asked_by(specification, other, resource, grant)
    return found


def _asked_by(
    specification: Specification, stated_on: Resource, resource: Resource, grant: Grant
) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for who in grant.who:
        match who:
            case AccountField(path, name) if specification.at(stated_on.name, path) is resource:
                found.add((name, "id"))
            case Owner(path) if path and specification.at(stated_on.name, path[:-1]) is resource:
                if path[-1].field in resource.fields:
                    found.add((owner_column(path[-1].field), path[-1].field))
            case Through(link, back, _, _, _) if link == resource.name and back != resource.parent:
                found.add((back, "id"))
    walked = all(isinstance(who, Anyone | SignedIn | Staff) for who in grant.who)
    if walked and stated_on is resource:
        own = [c for c in grant.when if not c.path and c.test is Test.IS]
        found |= {(condition.field, "id") for condition in own[:1]}
    return found - {(field.name, "id") for field in resource.references()}


def _name(kind: str, table: str, *parts: str) -> str:
    """A constraint's name, at most 63 characters (PostgreSQL's limit) and different wherever its parts are."""
    full = "_".join((kind, table, *parts))
    if len(full) <= 63:
        return full
    return f"{full[:54]}_{blake2s(full.encode(), digest_size=4).hexdigest()}"
