"""From the tables of one specification to those of the next: the statements, and what must not be there before.

Both databases are asked the same questions and get the same values; only how a table changes differs. SQLite makes a
changed table anew from the one that it sets aside: its text is then what a new database has. PostgreSQL alters it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Constraint, ForeignKeyConstraint, Index, String, Table, UniqueConstraint, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, PrimaryKeyConstraint
from sqlalchemy.sql.expression import ClauseElement

from adapters.persistence.sql.builtin import AccountRow, ApiKeyRow, MembershipRow, naming_resources, table_of
from adapters.persistence.sql.casts import cast, within_bounds
from adapters.persistence.sql.definers import text_literal
from adapters.persistence.sql.dialects import POSTGRESQL, is_made
from adapters.persistence.sql.tables import Tables, owner_column
from adapters.persistence.sql.views import to_stored
from domain.specification.evolution import Change, Count, Lineage, What, changes_of
from domain.specification.model import Field, Kind

LONGEST_ID = 36
ASIDE = "freehold_was_"
"""a table that is made anew, or a column that another one takes the name of, is called so meanwhile"""
_MEMBERSHIPS = table_of(MembershipRow).name
_ACCOUNTS = table_of(AccountRow).name
_KEYS = table_of(ApiKeyRow).name


@dataclass(frozen=True, slots=True)
class Guard:
    """What must find nothing before anything is changed."""

    query: str
    """selects the ids of records"""
    why: str
    """in English, without a full stop"""


@dataclass(frozen=True, slots=True)
class Run:
    """A statement."""

    sql: str


Step = Guard | Run
Named = Callable[[str, str], tuple[str, str]]
"""of an old resource and its column: how both are called at the moment"""


def created(tables: Tables, dialect: Dialect) -> tuple[Step, ...]:
    """What makes all tables where there is none."""
    words = _Words(dialect)
    every = sorted_tables(tables)
    steps = [Run(words.table(table)) for table in every]
    steps += [Run(words.sql(CreateIndex(index))) for table in every for index in ranked(table)]
    if words.typed:
        steps += [Run(words.added(key)) for table in every for key in _foreign_keys(table)]
    return tuple(steps)


def dropped(tables: Tables, dialect: Dialect) -> tuple[Step, ...]:
    """What removes all tables, with everything in them."""
    words = _Words(dialect)
    every = sorted_tables(tables)[::-1]
    steps = [Run(f"DELETE FROM {words.quote(table.name)}") for table in naming_resources()]  # noqa: S608 - ours
    if words.typed:
        steps += [Run(words.constraint_dropped(table, key)) for table in every for key in _foreign_keys(table)]
    return (*steps, *(Run(f"DROP TABLE {words.quote(table.name)}") for table in every))


def evolved(before: Tables, after: Tables, lineage: Lineage, dialect: Dialect) -> tuple[Step, ...]:
    """What makes the tables of `after` of those of `before`."""
    found = _Evolution(before, after, lineage, dialect)
    guards = tuple(
        Guard(query, change.text)
        for change in changes_of(lineage)
        if change.refuses and (query := found.counting(change)) is not None
    )
    return (*guards, *(map(Run, found.altered() if found.words.typed else found.made_anew())))


def counting(before: Tables, after: Tables, lineage: Lineage, change: Change, dialect: Dialect) -> str | None:
    """The query that selects the stored records which a change is about; None where there is nothing to count."""
    return _Evolution(before, after, lineage, dialect).counting(change)


def sorted_tables(tables: Tables) -> list[Table]:
    """In the order of the specification."""
    return list(tables.of.values())


def ranked(table: Table) -> list[Index]:
    """Of two indexes that serve alike SQLite takes the one made last: let that be one on a single record or account."""

    def rank(index: Index) -> tuple[bool, str]:
        (first, *_) = index.columns
        return isinstance(first.type, String) and first.type.length == LONGEST_ID, str(index.name)

    return sorted(table.indexes, key=rank)


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: str(key.name))


class _Words:
    """How a database says it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.typed = dialect.name == POSTGRESQL
        self.quote = dialect.identifier_preparer.quote

    def sql(self, statement: ClauseElement) -> str:
        """Without parameters."""
        compiled = statement.compile(dialect=self.dialect, compile_kwargs={"literal_binds": True})
        return "\n".join(line.rstrip() for line in str(compiled).replace("\t", "    ").strip().splitlines())

    def table(self, table: Table) -> str:
        """On PostgreSQL without foreign keys, which may name tables that are not there yet."""
        keys: dict[str, Any] = {"include_foreign_key_constraints": []} if self.typed else {}
        return self.sql(CreateTable(table, **keys))

    def added(self, constraint: Constraint) -> str:
        return self.sql(AddConstraint(constraint, isolate_from_table=False))

    def constraint_dropped(self, table: Table, constraint: Constraint) -> str:
        return f"ALTER TABLE {self.quote(table.name)} DROP CONSTRAINT {self.quote(str(constraint.name))}"

    def kind(self, column: Column[Any]) -> str:
        """A column's type, as a CREATE TABLE has it."""
        return str(self.dialect.type_compiler_instance.process(column.type))

    def literal(self, field: Field, value: Any) -> str:
        """A domain value as it is stored."""
        stored = to_stored(field, value)
        if self.typed and field.kind is Kind.YES_NO:
            return "true" if stored else "false"
        return str(stored) if isinstance(stored, int | float) else text_literal(str(stored))

    def elements(self, table: Table) -> dict[str, tuple[str, Constraint | Index]]:
        """Of PostgreSQL everything beside the columns, by name, with the statement that makes it."""
        found: dict[str, tuple[str, Constraint | Index]] = {}
        for constraint in table.constraints:
            if not isinstance(constraint, PrimaryKeyConstraint) and is_made(constraint, self.dialect):
                found[str(constraint.name)] = self.added(constraint), constraint
        for index in table.indexes:
            found[str(index.name)] = self.sql(CreateIndex(index)), index
        return dict(sorted(found.items(), key=lambda item: (_rank(item[1][1]), item[0])))


def _rank(element: Constraint | Index) -> int:
    """What others lean on first."""
    return 2 if isinstance(element, ForeignKeyConstraint) else 1 if isinstance(element, Index) else 0


class _Evolution:
    def __init__(self, before: Tables, after: Tables, lineage: Lineage, dialect: Dialect) -> None:
        self.before, self.after, self.lineage = before, after, lineage
        self.words = _Words(dialect)
        self.quote = self.words.quote

    # --- which column is which -----------------------------------------------------------

    @cached_property
    def kept(self) -> Mapping[str, Mapping[str, str]]:
        """By new resource: old columns by new ones, of columns whose values go on as they are, or cast."""
        return {new: dict(self._kept(new, old)) for new, old in self.lineage.resources.items()}

    def _kept(self, new: str, old: str) -> Iterator[tuple[str, str]]:
        for engine in ("owner", "id", "created_at", "updated_at"):
            yield engine, engine
        now, was = self.after.specification.resources[new], self.before.specification.resources[old]
        links: dict[str, str] = {}
        way = self.lineage.way_up(new)
        if now.parent is not None and way is not None and len(way) == 1:
            yield now.parent, way[0]
            links[now.parent] = way[0]
        for name, former in self.lineage.fields[new].items():
            yield name, former
            if now.fields[name].kind is Kind.REFERENCE:
                yield owner_column(name), owner_column(former)
                links[name] = former
        for link, beside in self.after.carried[new].items():
            there = self.before.carried[was.name].get(links.get(link, ""), {})
            for name in beside:
                same = name in there and self._type(self.before, old, name) == self._type(self.after, new, name)
                if same:
                    yield name, name

    def _type(self, tables: Tables, resource: str, column: str) -> str:
        return self.words.kind(tables.of[resource].c[column])

    def _fields(self, new: str, name: str) -> tuple[Field, Field] | None:
        """The value fields of a column that is a field, before and after."""
        former = self.lineage.fields[new].get(name)
        if former is None:
            return None
        before, after = self.before.specification, self.after.specification
        return before.value_field(self.lineage.resources[new], former), after.value_field(new, name)

    def _retyped(self, new: str, name: str) -> bool:
        fields = self._fields(new, name)
        if fields is None:
            return False
        was, now = (("id" if self._is_id(field) else field.kind) for field in fields)
        return was != now and cast("x", *(field.kind for field in fields), typed=self.words.typed) != "x"

    def _is_id(self, field: Field) -> bool:
        return field.kind in (Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER, Kind.COPY, Kind.REFERENCE)

    def _cast(self, new: str, name: str, value: str) -> str:
        fields = self._fields(new, name)
        if fields is None or self._is_id(fields[0]):
            return value
        return cast(value, fields[0].kind, fields[1].kind, typed=self.words.typed)

    def _initial(self, new: str, name: str) -> str | None:
        """What a record that is there gets in a column that has no value for it; None where that is nothing."""
        field = self.after.specification.resources[new].fields.get(name)
        if field is None or field.initial is None:
            return None
        return self.words.literal(field, field.initial)

    def _fills(self, new: str, name: str) -> bool:
        """Whether an empty value becomes the initial one: what is required and was not."""
        former = self.lineage.fields[new].get(name)
        if former is None or self._initial(new, name) is None:
            return False
        was = self.before.specification.resources[self.lineage.resources[new]].fields[former]
        return was.optional and not self.after.specification.resources[new].fields[name].optional

    # --- what must be counted before -----------------------------------------------------

    def counting(self, change: Change) -> str | None:
        """See `counting`."""
        if change.count is None:
            return None
        if change.count is Count.MEMBERSHIPS:
            roles = ", ".join(map(text_literal, change.roles))
            if change.resource == "staff":
                return f"SELECT id FROM {_ACCOUNTS} WHERE staff IN ({roles})"  # noqa: S608
            resource = text_literal(self.lineage.resources[change.resource])
            return f"SELECT record AS id FROM {_MEMBERSHIPS} WHERE resource = {resource} AND role IN ({roles})"  # noqa: S608
        old = change.resource if change.what is What.RESOURCE_DROPPED else self.lineage.resources[change.resource]
        table = self.quote(self.before.of[old].name)
        where = self._where(change, table)
        if change.count is Count.ALIKE:
            return self._alike(change, table)
        if change.count is Count.OVER:
            limit = self.after.specification.resources[change.resource].limit
            numbered = f"SELECT id, row_number() OVER (PARTITION BY owner ORDER BY id) AS place FROM {table}"  # noqa: S608
            return f"SELECT id FROM ({numbered}) AS numbered WHERE place > {limit}"  # noqa: S608
        return f"SELECT id FROM {table}{where}"  # noqa: S608

    def _where(self, change: Change, table: str) -> str:
        new, name = change.resource, str(change.field)
        if change.count is Count.ORPHANED:
            way = self.lineage.way_up(new) or ()
            value = self._up(new, table, self._old_name)
            said = f" WHERE {value} IS NULL"
            if way and way[0] != self.before.specification.resources[self.lineage.resources[new]].parent:
                said += f" OR {self.quote(owner_column(way[0]))} <> owner"
            return said
        if change.count is Count.SET:
            return f" WHERE {self.quote(name)} IS NOT NULL"
        if change.count not in (Count.EMPTY, Count.UNFIT):
            return ""
        column = self.quote(self.lineage.fields[new][name])
        if change.count is Count.EMPTY:
            return f" WHERE {column} IS NULL"
        fields = self._fields(new, name)
        assert fields is not None
        value = self._cast(new, name, column)
        fits = within_bounds(value, fields[1], typed=self.words.typed)
        return f" WHERE {column} IS NOT NULL AND NOT coalesce({fits}, {'false' if self.words.typed else 0})"

    def _alike(self, change: Change, table: str) -> str:
        """Records with the same values where they must differ; a missing value is like no other."""
        assert change.unique is not None
        new = change.resource
        per = () if change.unique.per == "everywhere" else (change.unique.per,)
        columns = [name for name in (*per, *change.unique.fields) if self._now(new, name, table) != "NULL"]
        if len(columns) < len(per) + len(change.unique.fields):
            return f"SELECT id FROM {table} WHERE id IS NULL"  # noqa: S608
        parts = ", ".join(f"{self._compared(new, name, table)} AS v{i}" for i, name in enumerate(columns))
        names = ", ".join(f"v{i}" for i in range(len(columns)))
        compared = " AND ".join(f"b.v{i} = a.v{i}" for i in range(len(columns)))
        grouped = f"SELECT {names} FROM held GROUP BY {names} HAVING count(*) > 1"  # noqa: S608
        return (
            f"WITH held AS (SELECT id, {parts} FROM {table}) "  # noqa: S608
            f"SELECT a.id FROM held AS a JOIN ({grouped}) AS b ON {compared}"
        )

    def _compared(self, new: str, name: str, table: str) -> str:
        """As its column will compare it."""
        resource = self.after.specification.resources[new]
        decimal = name in resource.fields and self.after.specification.value_field(new, name).kind is Kind.DECIMAL
        collation = " COLLATE decimal" if decimal and not self.words.typed else ""
        return f"{self._now(new, name, table)}{collation}"

    def _now(self, new: str, name: str, table: str) -> str:
        """The value that a record will have in a column, of the table as it was."""
        return self._value(new, name, table, self._old_name)

    # --- values --------------------------------------------------------------------------

    def _value(self, new: str, name: str, table: str, named: Named) -> str:
        """SQL for a new column over the columns that the record had."""
        now = self.after.specification.resources[new]
        former = self.kept[new].get(name)
        if name == now.parent and former is None:
            return self._up(new, table, named)
        initial = self._initial(new, name)
        if former is None:
            return initial or "NULL"
        value = self._cast(new, name, self.quote(former))
        return f"coalesce({value}, {initial})" if self._fills(new, name) else value

    def _up(self, new: str, table: str, named: Named) -> str:
        """The id of the record above, over the way up."""
        way = self.lineage.way_up(new)
        if not way:
            return "NULL"
        at = self.before.specification.resources[self.lineage.resources[new]]
        value = f"{table}.{self.quote(named(at.name, way[0])[1])}"
        for step, above in zip(way[1:], way, strict=False):
            there, column = named(above, step)
            there = self.quote(there)
            value = f"(SELECT {there}.{self.quote(column)} FROM {there} WHERE {there}.id = {value})"  # noqa: S608
        return value

    def _old_name(self, resource: str, column: str) -> tuple[str, str]:
        return self.before.of[resource].name, column

    # --- what names resources and roles, and what tables repeat of each other -------------

    def _names(self) -> Iterator[str]:
        """What names resources and roles that vanished goes, so that nothing comes back with a name; the rest follows.

        Of the scopes of API keys only the names go: their other resources stay.
        """
        changes, quote = changes_of(self.lineage), self.quote
        for change in changes:
            roles, note = ", ".join(map(text_literal, change.roles)), self._carried_over(change)
            if change.what is What.RESOURCE_DROPPED:
                for table in naming_resources():
                    yield f"DELETE FROM {quote(table.name)} WHERE resource = {text_literal(change.resource)}"  # noqa: S608
            elif change.what is What.ROLES_DROPPED and change.resource == "staff":
                yield f"{note}UPDATE {_ACCOUNTS} SET staff = NULL WHERE staff IN ({roles})"  # noqa: S608
            elif change.what is What.ROLES_DROPPED:
                old = text_literal(self.lineage.resources[change.resource])
                for table in naming_resources("role"):
                    those = f"{quote(table.name)} WHERE resource = {old} AND role IN ({roles})"
                    yield f"{note}DELETE FROM {those}"  # noqa: S608
        renamed = {old: new for new, old in self.lineage.resources.items() if old != new}
        gone = [change.resource for change in changes if change.what is What.RESOURCE_DROPPED]
        if renamed:
            cases = " ".join(f"WHEN {text_literal(old)} THEN {text_literal(new)}" for old, new in renamed.items())
            those = ", ".join(map(text_literal, renamed))
            for table in naming_resources():
                named = f"resource = CASE resource {cases} END"
                yield f"UPDATE {quote(table.name)} SET {named} WHERE resource IN ({those})"  # noqa: S608
        if renamed or gone:
            yield self._scopes(renamed, gone)

    def _carried_over(self, change: Change) -> str:
        """A hint for who reads the revision, where a role that vanishes may only have another name."""
        if change.what is not What.ROLES_DROPPED:
            return ""
        if change.resource == "staff":
            was, now = self.before.specification.staff, self.after.specification.staff
        else:
            old = self.lineage.resources[change.resource]
            was = self.before.specification.resources[old].ladder
            now = self.after.specification.resources[change.resource].ladder
        new = [role for role in (() if now is None else now.roles) if was is None or role not in was.roles]
        return f"-- whoever shall be {' or '.join(new)} instead: write an UPDATE above this\n" if new else ""

    def _scopes(self, renamed: Mapping[str, str], gone: Sequence[str]) -> str:
        """The resources that API keys are for, a JSON list of names in each."""
        those = ", ".join(map(text_literal, (*renamed, *gone)))
        cases = " ".join(f"WHEN {text_literal(old)} THEN {text_literal(new)}" for old, new in renamed.items())
        name = f"CASE value {cases} ELSE value END" if renamed else "value"
        stays = f" WHERE value NOT IN ({', '.join(map(text_literal, gone))})" if gone else ""
        if self.words.typed:
            each, made = "json_array_elements_text(resources) AS each(value)", f"coalesce(json_agg({name}), '[]')"
        else:
            each, made = "json_each(resources)", f"json_group_array({name})"
        found = f"SELECT 1 FROM {each} WHERE value IN ({those})"  # noqa: S608
        return (
            f"UPDATE {_KEYS} SET resources = (SELECT {made} FROM {each}{stays})\n"  # noqa: S608
            f"WHERE EXISTS ({found})"
        )

    def _copies(self) -> Iterator[str]:
        """New fields that copy take what they copy from as it is now."""
        specification = self.after.specification
        for new in self.lineage.resources:
            resource = specification.resources[new]
            for field in resource.fields.values():
                if field.kind is Kind.COPY and field.name not in self.lineage.fields[new]:
                    table = self.after.of[new]
                    value: Any = table.c[field.path[0].field]
                    for hop, further in zip(
                        field.path, (*(h.field for h in field.path[1:]), field.copied), strict=True
                    ):
                        there = self.after.of[hop.resource].alias(f"there_{len(str(value))}")
                        value = select(there.c[str(further)]).where(there.c.id == value).scalar_subquery()
                    yield self.words.sql(update(table).values({field.name: value}))

    def _carrying(self, changed: Iterable[str]) -> Iterator[str]:
        """What fills that which tables repeat of others: from the top down, then along references."""
        specification, touched = self.after.specification, set(changed)
        links = [(r, link) for r in specification.resources.values() for link in self.after.carried[r.name]]
        for resource, link in sorted(
            links, key=lambda at: (at[1] != at[0].parent, len(specification.chain(at[0].name)))
        ):
            if not ({resource.name, specification.target(resource.name, link)} & touched):
                continue
            touched.add(resource.name)
            child, there = self.after.of[resource.name], self.after.of[specification.target(resource.name, link)]
            other = there.alias("there")
            found = {
                name: select(other.c[source]).where(other.c.id == child.c[link]).scalar_subquery()
                for name, source in self.after.carried[resource.name][link].items()
            }
            yield self.words.sql(update(child).values(found))

    # --- SQLite: made anew ---------------------------------------------------------------

    def made_anew(self) -> Iterator[str]:
        """Tables that differ are set aside, made anew and filled; what was set aside goes last."""
        quote, aside = self.quote, {}
        again: list[str] = []
        for new, old in self.lineage.resources.items():
            was, now = self.before.of[old], self.after.of[new]
            if self._differs(new):
                again.append(new)
            elif {self.words.sql(CreateIndex(i)) for i in was.indexes} != {
                self.words.sql(CreateIndex(i)) for i in now.indexes
            }:
                yield from self._indexes_dropped(was)
                yield from (self.words.sql(CreateIndex(index)) for index in ranked(now))
        gone = [old for old in self.before.of if self.lineage.later(old) is None]
        for old in (*(self.lineage.resources[new] for new in again), *gone):
            was = self.before.of[old]
            yield from self._indexes_dropped(was)
            aside[old] = f"{ASIDE}{was.name}"
            yield f"ALTER TABLE {quote(was.name)} RENAME TO {quote(aside[old])}"
        fresh = [new for new in self.after.of if new not in self.lineage.resources]
        for new in (*again, *fresh):
            yield self.words.table(self.after.of[new])
            if new in again:
                yield self._copied(new, aside)
            yield from (self.words.sql(CreateIndex(index)) for index in ranked(self.after.of[new]))
        yield from self._names()
        yield from self._copies()
        yield from self._carrying(again)
        yield from (f"DROP TABLE {quote(name)}" for name in aside.values())

    def _differs(self, new: str) -> bool:
        was, now = self.before.of[self.lineage.resources[new]], self.after.of[new]
        moved = any(name != former for name, former in self.kept[new].items()) or len(self.kept[new]) < len(now.c)
        return (
            moved
            or self.words.table(was) != self.words.table(now)
            or any(self._retyped(new, name) or self._fills(new, name) for name in now.c.keys())  # noqa: SIM118
        )

    def _indexes_dropped(self, table: Table) -> Iterator[str]:
        return (f"DROP INDEX {self.quote(str(index.name))}" for index in ranked(table))

    def _copied(self, new: str, aside: Mapping[str, str]) -> str:
        table, resource = self.after.of[new], self.after.specification.resources[new]
        old = self.lineage.resources[new]
        source = self.quote(aside[old])

        def named(which: str, column: str) -> tuple[str, str]:
            return aside.get(which, self.before.of[which].name), column

        chosen = {name: self._value(new, name, source, named) for name in table.c.keys()}  # noqa: SIM118
        for link, beside in self.after.carried[new].items():
            # it is filled when all tables are there; until then its checks only ask whether there is something
            blank = "''" if link == resource.parent else f"CASE WHEN {chosen[link]} IS NOT NULL THEN '' END"
            chosen |= dict.fromkeys(beside, blank)
        names = ", ".join(map(self.quote, chosen))
        lines = ",\n    ".join(
            value if value == self.quote(name) else f"{value} AS {self.quote(name)}" for name, value in chosen.items()
        )
        return f"INSERT INTO {self.quote(table.name)} ({names})\nSELECT\n    {lines}\nFROM {source}"

    # --- PostgreSQL: altered -------------------------------------------------------------

    def altered(self) -> Iterator[str]:
        """Keys and indexes that differ go, columns follow, values are filled, and what must hold is made again."""
        quote, words = self.quote, self.words
        pairs = [(old, new, self.before.of[old], self.after.of[new]) for new, old in self.lineage.resources.items()]
        gone = [old for old in self.before.of if self.lineage.later(old) is None]
        fresh = [new for new in self.after.of if new not in self.lineage.resources]
        unstable = {id(was): self._unstable(new) for _, new, was, _ in pairs}
        unstable_of = {was.name: names for _, _, was, _ in pairs if (names := unstable[id(was)])}
        leaving: list[tuple[int, str]] = []
        arriving: list[tuple[int, str]] = []
        for _, _, was, now in pairs:
            present, wanted = words.elements(was), words.elements(now)
            for name, (sql, element) in present.items():
                same = name in wanted and wanted[name][0] == sql and not self._touched(element, sql, was, unstable_of)
                if same:
                    continue
                drop = (
                    f"DROP INDEX {quote(name)}"
                    if isinstance(element, Index)
                    else words.constraint_dropped(was, element)
                )
                leaving.append((-_rank(element), drop))
            for name, (sql, element) in wanted.items():
                kept = (
                    name in present
                    and present[name][0] == sql
                    and not self._touched(present[name][1], sql, was, unstable_of)
                )
                if not kept:
                    arriving.append((_rank(element), sql))
        for old in gone:
            table, taken = self.before.of[old], self._aside_if_taken(old) != self.before.of[old].name
            for _, element in words.elements(table).values():
                if isinstance(element, ForeignKeyConstraint):
                    leaving.append((-2, words.constraint_dropped(table, element)))
                elif taken and isinstance(element, UniqueConstraint):
                    leaving.append((0, words.constraint_dropped(table, element)))
                elif taken and isinstance(element, Index):
                    leaving.append((-1, f"DROP INDEX {quote(str(element.name))}"))
        yield from _in_order(leaving)
        yield from self._tables_renamed([(was, now) for _, _, was, now in pairs], [self.before.of[old] for old in gone])
        called: dict[tuple[str, str], tuple[str, str]] = {}
        for old in gone:
            called |= {(old, column): (self._aside_if_taken(old), column) for column in self.before.of[old].c.keys()}  # noqa: SIM118
        for old, new, was, now in pairs:
            yield from self._columns_renamed(old, new, was, now, called)
        for _, new, was, now in pairs:
            yield from self._columns_prepared(new, was, now)
        for new in fresh:
            yield words.table(self.after.of[new])
            arriving += [
                (_rank(e), sql)
                for sql, e in words.elements(self.after.of[new]).values()
                if isinstance(e, Index | ForeignKeyConstraint)
            ]
        for _, new, _, now in pairs:
            yield from self._columns_filled(new, now, lambda resource, column: called[resource, column])
        yield from self._names()
        yield from self._copies()
        yield from self._carrying([new for _, new, was, _ in pairs if unstable[id(was)]])
        for old, new, was, now in pairs:
            yield from self._columns_settled(old, new, was, now, called)
        for old in gone:
            yield f"DROP TABLE {quote(self._aside_if_taken(old))}"
        yield from _in_order(arriving)

    def _unstable(self, new: str) -> frozenset[str]:
        """The columns, by old or new name, that are not just the ones that they were."""
        was, now, kept = self.before.of[self.lineage.resources[new]], self.after.of[new], self.kept[new]
        stable = {
            name
            for name, former in kept.items()
            if name == former
            and self.words.kind(was.c[name]) == self.words.kind(now.c[name])
            and not self._retyped(new, name)
            and not self._fills(new, name)
        }
        return frozenset({*was.c.keys(), *now.c.keys()} - stable)

    def _touched(
        self, element: Constraint | Index, sql: str, was: Table, unstable: Mapping[str, frozenset[str]]
    ) -> bool:
        names = unstable.get(was.name, frozenset())
        if isinstance(element, ForeignKeyConstraint):
            names |= unstable.get(element.referred_table.name, frozenset())
        return any(word in names for word in re.findall(r"\w+", sql))

    def _aside_if_taken(self, old: str) -> str:
        """What a table that goes is called until then."""
        name = self.before.of[old].name
        return f"{ASIDE}{name}" if name in {table.name for table in self.after.of.values()} else name

    def _tables_renamed(self, pairs: Sequence[tuple[Table, Table]], gone: Sequence[Table]) -> Iterator[str]:
        moves = [(was.name, now.name) for was, now in pairs if was.name != now.name]
        taken = {now for _, now in moves}
        meanwhile = {was: f"{ASIDE}{was}" if was in taken else was for was, _ in moves}
        for name in (*(table.name for table in gone), *meanwhile):
            aside = f"{ASIDE}{name}"
            if name in {table.name for table in self.after.of.values()} or meanwhile.get(name) == aside:
                yield f"ALTER TABLE {self.quote(name)} RENAME TO {self.quote(aside)}"
                yield from self._key_renamed(aside, name, aside)
                meanwhile[name] = aside
        for was, now in moves:
            yield f"ALTER TABLE {self.quote(meanwhile[was])} RENAME TO {self.quote(now)}"
            yield from self._key_renamed(now, meanwhile[was], now)

    def _key_renamed(self, table: str, before: str, after: str) -> Iterator[str]:
        """The primary key is called after its table."""
        was, now = (self.quote(f"{name[:58]}_pkey") for name in (before, after))
        yield f"ALTER TABLE {self.quote(table)} RENAME CONSTRAINT {was} TO {now}"

    def _columns_renamed(
        self, old: str, new: str, was: Table, now: Table, called: dict[tuple[str, str], tuple[str, str]]
    ) -> Iterator[str]:
        """Also fills `called`: how every old column is called from here on."""
        quote, later = self.quote, {former: name for name, former in self.kept[new].items()}
        meanwhile = {}
        for name in was.c.keys():  # noqa: SIM118
            wanted = later.get(name)
            in_the_way = name in now.c and wanted != name
            meanwhile[name] = f"{ASIDE}{name}"[:63] if in_the_way else name
            if in_the_way:
                yield f"ALTER TABLE {quote(now.name)} RENAME COLUMN {quote(name)} TO {quote(meanwhile[name])}"
            called[old, name] = (now.name, wanted or meanwhile[name])
        for name, wanted in later.items():
            if meanwhile[name] != wanted:
                yield f"ALTER TABLE {quote(now.name)} RENAME COLUMN {quote(meanwhile[name])} TO {quote(wanted)}"

    def _columns_prepared(self, new: str, was: Table, now: Table) -> Iterator[str]:
        """What may be empty, what is new (and empty yet), and other types."""
        table = f"ALTER TABLE {self.quote(now.name)}"
        for column in now.c:
            former, name = self.kept[new].get(column.name), self.quote(column.name)
            kind = self.words.kind(column)
            if former is None:
                yield f"{table} ADD COLUMN {name} {kind}"
                continue
            if column.nullable and not was.c[former].nullable:
                yield f"{table} ALTER COLUMN {name} DROP NOT NULL"
            if self.words.kind(was.c[former]) != kind:
                yield f"{table} ALTER COLUMN {name} TYPE {kind} USING {self._cast(new, column.name, name)}"
            elif self._retyped(new, column.name):
                yield f"UPDATE {self.quote(now.name)} SET {name} = {self._cast(new, column.name, name)}"  # noqa: S608

    def _columns_filled(self, new: str, now: Table, named: Named) -> Iterator[str]:
        table = self.quote(now.name)
        for column in now.c:
            name, former = self.quote(column.name), self.kept[new].get(column.name)
            if former is None:
                parent = column.name == self.after.specification.resources[new].parent
                value = self._up(new, table, named) if parent else self._initial(new, column.name)
                if value is not None:
                    yield f"UPDATE {table} SET {name} = {value}"  # noqa: S608
            elif self._fills(new, column.name):
                yield f"UPDATE {table} SET {name} = {self._initial(new, column.name)} WHERE {name} IS NULL"  # noqa: S608

    def _columns_settled(
        self, old: str, new: str, was: Table, now: Table, called: Mapping[tuple[str, str], tuple[str, str]]
    ) -> Iterator[str]:
        table, going_on = f"ALTER TABLE {self.quote(now.name)}", set(self.kept[new].values())
        for name in was.c.keys():  # noqa: SIM118
            if name not in going_on:
                yield f"{table} DROP COLUMN {self.quote(called[old, name][1])}"
        for column in now.c:
            former = self.kept[new].get(column.name)
            if not column.nullable and (former is None or was.c[former].nullable):
                yield f"{table} ALTER COLUMN {self.quote(column.name)} SET NOT NULL"


def _in_order(statements: Iterable[tuple[int, str]]) -> Iterator[str]:
    """By rank; equal ones stay in their order."""
    return (sql for _, sql in sorted(statements, key=lambda each: each[0]))
