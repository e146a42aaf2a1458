"""Where SQLite and PostgreSQL differ in what SQL can say: types, and the few words that need another spelling.

Everything above is built once for both. A value has one form at the seam to the driver, the one in which SQLite
stores it (`views.py`): ids and instants are text, yes/no is 1 or 0. PostgreSQL's columns have types of their own, and
its connections translate at the driver (`postgres.py`).

The parts of a statement (CTEs) have names that begin with `_`, as no table's does: a table of that name would be
hidden.

| | SQLite | PostgreSQL |
|---|---|---|
| id | text | `uuid` |
| instant | text of fixed width in UTC | `timestamptz` |
| date | text | `date` |
| text | text, compared byte by byte | `text COLLATE "C"`: byte by byte, whatever the database's language is |
| whole number, number | integer, float | `bigint`, `double precision` |
| decimal | text with a collation of our own | `numeric`, which keeps the written digits |
| yes/no | 1 and 0 | `boolean` |
| json | text | `json`: the document as it was sent |
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Constraint,
    Date,
    DateTime,
    Double,
    Float,
    Integer,
    Numeric,
    Select,
    String,
    Text,
    Uuid,
    collate,
    func,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy import table as new_table
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql.base import PGIdentifierPreparer
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FromClause, FunctionElement
from sqlalchemy.types import TypeEngine

# what must be quoted, too, and SQLAlchemy does not know of
PGIdentifierPreparer.reserved_words |= {"collation", "concurrently", "lateral", "system_user", "tablesample"}
SQLiteIdentifierPreparer.reserved_words |= {"nothing", "returning"}

POSTGRESQL = "postgresql"
DECIMAL_COLLATION = "decimal"
_TYPED = "only where columns have types"

# --- types -----------------------------------------------------------------------------------

UUID: TypeEngine[Any] = String(36).with_variant(Uuid(as_uuid=False), POSTGRESQL)
INSTANT: TypeEngine[Any] = String(27).with_variant(DateTime(timezone=True), POSTGRESQL)
"""`2026-11-23T09:30:00.123456Z`"""
DAY: TypeEngine[Any] = String(10).with_variant(Date(), POSTGRESQL)
TEXT: TypeEngine[Any] = Text().with_variant(Text(collation="C"), POSTGRESQL)
WHOLE: TypeEngine[Any] = Integer().with_variant(BigInteger(), POSTGRESQL)
NUMBER: TypeEngine[Any] = Float().with_variant(Double(), POSTGRESQL)
DECIMAL: TypeEngine[Any] = String(40, collation=DECIMAL_COLLATION).with_variant(Numeric(), POSTGRESQL)
YES_NO: TypeEngine[Any] = Integer().with_variant(Boolean(create_constraint=False), POSTGRESQL)
DOCUMENT: TypeEngine[Any] = Text().with_variant(JSON(), POSTGRESQL)

FIRST_ID, LAST_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""no id sorts before the one or behind the other"""


def checks(
    embedded: ColumnElement[bool] | str | None, typed: ColumnElement[bool] | str | None, *, name: str
) -> list[CheckConstraint]:
    """CHECKs of a value, on SQLite and where the column's type sees to some of it by itself."""
    if embedded is typed:
        return [] if embedded is None else [CheckConstraint(embedded, name=name)]
    on_each: tuple[tuple[Any, bool, Any], ...] = ((embedded, False, _is_embedded), (typed, True, _is_typed))
    return [
        CheckConstraint(condition, name=name, info={_TYPED: typed_only}).ddl_if(callable_=where)
        for condition, typed_only, where in on_each
        if condition is not None
    ]


def is_made(constraint: Constraint, dialect: Dialect) -> bool:
    """Whether a table has the constraint on this database."""
    return bool(constraint.info.get(_TYPED, dialect.name == POSTGRESQL) == (dialect.name == POSTGRESQL))


def _is_embedded(ddl: Any, target: Any, bind: Any, *, dialect: Dialect, **_: Any) -> bool:
    return dialect.name != POSTGRESQL


def _is_typed(ddl: Any, target: Any, bind: Any, *, dialect: Dialect, **_: Any) -> bool:
    return dialect.name == POSTGRESQL


# --- words -----------------------------------------------------------------------------------


class one_of_list(FunctionElement[bool]):  # noqa: N801 - a function of SQL
    """`one_of_list(column, values)`: whether the column equals one of a list, which is bound as the text of JSON."""

    type = Boolean()
    inherit_cache = True


@compiles(one_of_list)
def _in_json_each(element: one_of_list, compiler: SQLCompiler, **options: Any) -> str:
    column, value = element.clauses
    several = select(func.json_each(value).table_valued("value").c.value)
    return compiler.process(column.in_(several), **options)


@compiles(one_of_list, POSTGRESQL)
def _is_any(element: one_of_list, compiler: SQLCompiler, **options: Any) -> str:
    """An array that is made once, so that an index can be asked for each of its elements."""
    column, value = (compiler.process(part, **options) for part in element.clauses)
    (asked, _) = element.clauses
    kind = asked.type.dialect_impl(compiler.dialect)
    name = compiler.dialect.type_compiler_instance.process(Text() if isinstance(kind, String) else kind)
    elements = f"SELECT value FROM json_array_elements_text({value}) AS value"  # noqa: S608 - parts of a statement
    return f"{column} = ANY (CAST(ARRAY({elements}) AS {name}[]))"


class holds_text(FunctionElement[bool]):  # noqa: N801 - a function of SQL
    """`holds_text(column, part)`: whether a text has another one in it, character by character."""

    type = Boolean()
    inherit_cache = True


@compiles(holds_text)
def _instr(element: holds_text, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(func.instr(*element.clauses) > 0, **options)


@compiles(holds_text, POSTGRESQL)
def _strpos(element: holds_text, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(func.strpos(*element.clauses) > 0, **options)


class in_column_order(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """A decimal that a CASE chose, ordered as its column is: on SQLite a CASE does not compare as its column does."""

    type = DECIMAL
    inherit_cache = True


@compiles(in_column_order)
def _collated(element: in_column_order, compiler: SQLCompiler, **options: Any) -> str:
    (shown,) = element.clauses
    return compiler.process(collate(shown, DECIMAL_COLLATION), **options)


@compiles(in_column_order, POSTGRESQL)
def _as_it_is(element: in_column_order, compiler: SQLCompiler, **options: Any) -> str:
    (shown,) = element.clauses
    return compiler.process(shown, **options)


class directed(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """A key of an order, up or down; what is empty comes before all else, and behind it on the way down."""

    inherit_cache = False

    def __init__(self, key: ColumnElement[Any], *, down: bool) -> None:
        """Keep the direction."""
        super().__init__(key)
        self.down = down


@compiles(directed)
def _empty_is_least(element: directed, compiler: SQLCompiler, **options: Any) -> str:
    (key,) = element.clauses
    return compiler.process(key.desc() if element.down else key.asc(), **options)


@compiles(directed, POSTGRESQL)
def _empty_is_greatest(element: directed, compiler: SQLCompiler, **options: Any) -> str:
    (key,) = element.clauses
    if not getattr(key, "nullable", True):  # else no index would have this order
        return _empty_is_least(element, compiler, **options)
    return compiler.process(key.desc().nulls_last() if element.down else key.asc().nulls_first(), **options)


Step = tuple[Sequence[Any], FromClause, ColumnElement[bool], ColumnElement[bool]]
"""one way on: what is chosen, from which table, how that hangs on what was found before, and a condition"""


def closure(found: CTE, steps: Iterable[Step], dialect: Dialect) -> CTE:
    """What was found, and whatever the steps lead to from there, again and again.

    PostgreSQL allows a recursive query to name itself once: there the steps stand side by side in a LATERAL.
    """
    taken = list(steps)
    if not taken:
        return found
    if dialect.name != POSTGRESQL:
        return found.union(
            *(select(*chosen).join_from(found, table, hangs).where(further) for chosen, table, hangs, further in taken)
        )
    each = [
        select(*chosen).select_from(table).where(hangs, further).correlate(found)
        for chosen, table, hangs, further in taken
    ]
    names = [column.name for column in found.c]
    labelled = [
        one.with_only_columns(*(c.label(n) for c, n in zip(one.selected_columns, names, strict=True))) for one in each
    ]
    step = union_all(*labelled).lateral("step") if len(labelled) > 1 else labelled[0].lateral("step")
    return found.union(select(*(step.c[name] for name in names)).select_from(found.join(step, true())))


def of_each(
    source: FromClause, few: Select[Any], table: FromClause, again: Sequence[ColumnElement[Any]], dialect: Dialect
) -> Select[Any]:
    """What `few`, which asks for columns of the source, finds for each of its rows: an id and keys.

    SQLite finds the rows again by their ids in `table`, where `again` says the same columns; PostgreSQL would then
    look at every row of it for every row of the source.
    """
    if dialect.name == POSTGRESQL:
        each = few.lateral()
        return select(*each.c).select_from(source.join(each, true()))
    ids = few.with_only_columns(next(iter(few.selected_columns)))
    return select(*again).select_from(source.join(table, again[0].in_(ids)))


def labelled(keys: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """What is sorted by, under names that no column has."""
    return [key.label(_key(number)) for number, key in enumerate(keys)]


def _key(number: int) -> str:
    return f"key__{number}"


def brought(table: FromClause, keys: Sequence[ColumnElement[Any]], dialect: Dialect) -> list[ColumnElement[Any]]:
    """What a query that looks for records brings of each, its id among it, and what they are sorted by.

    On PostgreSQL that is the whole record: to look at the table once more would be to ask its policies once more.
    """
    return [*(table.c if dialect.name == POSTGRESQL else [table.c.id]), *labelled(keys)]


@dataclass(frozen=True)
class First:
    """The first few records of an order, for a statement to select from."""

    records: FromClause
    chosen: ColumnElement[bool]
    """which of these"""
    keys: Sequence[ColumnElement[Any]]
    """what they are sorted by"""
    before: tuple[CTE, ...] = ()
    """what the statement has to find before"""


def first_of(
    parts: Sequence[CTE],
    table: FromClause,
    keys: Sequence[ColumnElement[Any]],
    in_order: Callable[[Sequence[ColumnElement[Any]]], Sequence[ColumnElement[Any]]],
    limit: ColumnElement[int],
    dialect: Dialect,
) -> First:
    """Of what some queries brought, which may have a record in common, the first few. The last key is the id.

    SQLite finds the records again by their ids in `table`, where `keys` says the same keys.
    """
    found: FromClause = parts[0]
    if dialect.name == POSTGRESQL:
        if len(parts) > 1:
            found = union_all(*map(select, parts)).subquery("found")
        there = [found.c[_key(number)] for number in range(len(keys))]
        once = select(found).ext(distinct_on(*there)).order_by(*in_order(there)).limit(limit)
        # by its name: within a condition of which a function is made, the list itself has no place
        page = new_table(
            "_page", *(Column(c.name, c.type, nullable=getattr(c, "nullable", True)) for c in once.selected_columns)
        )
        return First(page, true(), [page.c[key.name] for key in there], (once.cte(page.name),))
    ids = select(found.c.id)
    if len(parts) > 1:
        found = union(*map(select, parts)).cte("_found")
        there = [found.c[_key(number)] for number in range(len(keys))]
        ids = select(found.c.id).order_by(*in_order(there)).limit(limit)
    return First(table, table.c.id.in_(ids), keys)
