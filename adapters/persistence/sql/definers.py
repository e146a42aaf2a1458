"""Functions that see more than their caller: what a rule asks of records that the caller itself may not see.

Behind row-level security a rule cannot look into another table: there it would find only what the caller may open,
while the rule asks for what is. Such a part of a rule becomes a function of the tables' owner (SECURITY DEFINER). It
answers yes or no for the acting account, or reads what a use case needs of a record that this account can open.
Who acts and when is no argument of it: `freehold.me()` and `freehold.moment()` say so.

Where there can be many of a kind, a function's name ends in a hash of its text, so that statements and the database
agree on it without asking each other.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    ColumnClause,
    ColumnElement,
    FromClause,
    Select,
    String,
    Table,
    Update,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import Alias, ClauseElement
from sqlalchemy.types import NullType, TypeEngine

from adapters.persistence.sql.connection import param
from adapters.persistence.sql.dialects import UUID
from adapters.persistence.sql.rules import Asker, At, RuleCompiler, Terms
from domain.specification.model import Rule

SCHEMA = "freehold"
"""where our functions are"""
ME, MOMENT, PRESENT, ENGINE, LINK = (f"{SCHEMA}.{word}()" for word in ("me", "moment", "present", "engine", "link"))
LINKED = f"({LINK} IS NOT NULL)"
"""of a function for links, in place of `PRESENT`: who has a link is nobody, who may do more"""
ATTEMPTS = 5
"""how often a record may be moved while somebody waits for it"""


def said(me: str, moment: str, link: str) -> dict[str, str]:
    """How texts that stay in the database say what a statement is given as values."""
    return {"me": me, "now": moment, "today": f"CAST({moment} AT TIME ZONE 'UTC' AS date)", "link": link}


INSIDE = said(ME, MOMENT, LINK)


class _TextCompiler(PGCompiler_asyncpg):
    """Values are written into the text; for those that a run gives, and for a row's columns, the dialect has words."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:
        """See above."""
        dialect: Any = self.dialect
        if bindparam.value is None and bindparam.callable is None:
            return str(dialect.say(bindparam.key, bindparam.type))
        written = super().visit_bindparam(  # type: ignore[no-untyped-call]
            bindparam, *args, **{**options, "literal_binds": True}
        )
        return str(written)

    def visit_column(self, column: ColumnClause[Any], *args: Any, **options: Any) -> str:
        """See above."""
        dialect: Any = self.dialect
        if dialect.row is not None and column.table is dialect.row:
            return str(dialect.argument(column.name, column.type))
        return str(super().visit_column(column, *args, **options))


class Wording(asyncpg_dialect):
    """A dialect for texts that stay in the database."""

    statement_compiler = _TextCompiler

    def __init__(self, words: Mapping[str, str], row: FromClause | None = None) -> None:
        """`words` say some values; the others become arguments, as do the columns of `row`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.row = row
        self.arguments: dict[str, TypeEngine[Any]] = {}
        """types by name, in the order of their places"""
        self._words = words

    def say(self, name: str, kind: TypeEngine[Any]) -> str:
        """What stands in the place of a value."""
        return self._words[name] if name in self._words else self.argument(name, kind)

    def argument(self, name: str, kind: TypeEngine[Any]) -> str:
        """What stands in the place of an argument: also of a column that is called like one of the words."""
        self.arguments.setdefault(name, kind)
        return f"${list(self.arguments).index(name) + 1}"

    def text(self, clause: ClauseElement) -> str:
        """A statement as text."""
        return str(clause.compile(dialect=self, compile_kwargs={"render_postcompile": True}))

    def condition(self, asked: ColumnElement[bool], table: FromClause) -> str:
        """A condition on a row of a table, as text. Compiled alone, an EXISTS in it would lose the table."""
        whole: Select[Any] = select(literal_column("1")).select_from(table).where(true(), asked)
        _, found, where = self.text(whole).partition("\nWHERE ")
        return where if found else "true"

    def values(self) -> list[ColumnElement[Any]]:
        """The arguments as values of whoever asks."""
        return [param(name, kind) for name, kind in self.arguments.items()]

    def types(self) -> tuple[str, ...]:
        """The arguments' types."""
        return tuple(type_name(kind, self) for kind in self.arguments.values())


def type_name(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """A type as arguments and results have it: without length and collation."""
    kind = kind.dialect_impl(dialect)
    assert not isinstance(kind, NullType), "each value of a function has a type"
    return "text" if isinstance(kind, String) else str(dialect.type_compiler_instance.process(kind)).lower()


@dataclass(frozen=True)
class Definer:
    """A function of the tables' owner. In plpgsql, which keeps its plans; one in SQL would plan for each query."""

    name: str
    arguments: tuple[str, ...]
    """their types"""
    returns: str
    body: str
    changes: bool
    """whether it locks or writes; otherwise it sees what the statement sees that asks it"""
    about: str
    security: str = "DEFINER"
    """whose privileges and policies count: its owner's, or for `INVOKER` those of whoever calls it"""

    @property
    def signature(self) -> str:
        """As other statements name it."""
        return f"{SCHEMA}.{self.name}({', '.join(self.arguments)})"

    def sql(self, tables_in: str) -> Iterator[str]:
        """What makes it. It looks for tables in their schema, and never in one where its caller could make some."""
        path = f"SET search_path = {tables_in}, pg_temp " if self.security == "DEFINER" else ""
        yield (
            f"CREATE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE plpgsql SECURITY {self.security} "
            f"{'VOLATILE' if self.changes else 'STABLE'} COST 1000 {path}"
            f"AS {text_literal(self.body)}"
        )
        yield f"COMMENT ON FUNCTION {self.signature} IS {text_literal(self.about)}"


class Definers:
    """The functions that one specification's statements and policies ask, as they come up."""

    def __init__(self) -> None:
        """None yet."""
        self.made: dict[str, Definer] = {}

    def of_row(
        self, prefix: str, asked: ColumnElement[bool], table: FromClause, about: str, present: str = PRESENT
    ) -> ColumnElement[bool]:
        """A condition on a row, asked by a function of those of its columns that matter. The row need not be stored."""
        wording = Wording(INSIDE, table)
        body = f"BEGIN RETURN {present} AND coalesce(({wording.condition(asked, table)}), false); END"
        name = self._hashed(prefix, wording.types(), "boolean", body, about)
        asking: ColumnElement[bool] = _called(name, Boolean(), *(table.c[column] for column in wording.arguments))
        return asking

    def of_stored(
        self,
        name: str,
        asked: ColumnElement[bool],
        table: FromClause,
        about: str,
        present: str = PRESENT,
        **values: ColumnElement[Any],
    ) -> ColumnElement[bool]:
        """A condition on the stored record `id`; `values` are what else is asked with. Before a change, the old one."""
        wording = Wording(INSIDE)
        stored: Select[Any] = (
            select(literal_column("1")).select_from(table).where(table.c.id == param("id", table.c.id.type), asked)
        )
        body = f"BEGIN RETURN {present} AND EXISTS ({wording.text(stored)}); END"
        self.made[name] = Definer(name, wording.types(), "boolean", body, False, about)
        asking: ColumnElement[bool] = _called(name, Boolean(), *(values[argument] for argument in wording.arguments))
        return asking

    def rows(
        self,
        name: str | None,
        found: Select[Any],
        about: str,
        hold: Select[Any] | None = None,
        present: str = PRESENT,
    ) -> FromClause:
        """A query that a function answers, asked with the same values.

        With `hold` it locks first, and then reads: a query that waited would go on with what was before it waited.
        """
        wording = Wording(INSIDE)
        text = wording.text(found)
        guard = f"IF NOT {present} THEN RETURN; END IF;"
        body = f"BEGIN {guard} RETURN QUERY {text}; END"
        if hold is not None:
            lock = wording.text(hold).removeprefix("SELECT ")
            body = f"""
BEGIN
  {guard}
  FOR attempt IN 1..{ATTEMPTS} LOOP
    PERFORM {lock};
    IF FOUND THEN RETURN QUERY {text}; RETURN; END IF;
    -- not there, or moved while we waited: then it is asked again
    IF NOT EXISTS ({text}) THEN RETURN; END IF;
  END LOOP;
  RAISE serialization_failure;
END"""
        kinds = [each.type for each in found.selected_columns]
        body = f"#variable_conflict use_column\n{body}"
        types, returns = wording.types(), _table(kinds, wording)
        if name is None:
            name = self._hashed("found", types, returns, body, about)
        else:
            self.made[name] = Definer(name, types, returns, body, hold is not None, about)
        return _rows_of(name, kinds, wording)

    def write(self, name: str, write: Select[Any] | Update, about: str) -> FromClause:
        """A write that a function does in its caller's name, with the same values; what it returns."""
        wording = Wording({})
        kinds = [each.type for each in write.exported_columns]
        body = f"#variable_conflict use_column\nBEGIN RETURN QUERY {wording.text(write)}; END"
        self.made[name] = Definer(name, wording.types(), _table(kinds, wording), body, True, about, "INVOKER")
        return _rows_of(name, kinds, wording)

    def statements(self, name: str, each: Iterable[Any], words: Mapping[str, str], about: str) -> Select[Any]:
        """Statements that run one after the other within one function."""
        wording = Wording({**INSIDE, **words})
        texts = (re.sub("^SELECT ", "PERFORM ", wording.text(statement)) for statement in each)
        body = "BEGIN " + " ".join(f"{text};" for text in texts) + " END"
        self.made[name] = Definer(name, wording.types(), "void", body, True, about)
        return select(_called(name, None, *wording.values()))

    def asked(self, name: str, body: str, about: str, **arguments: TypeEngine[Any]) -> FromClause:
        """A function in words of its own, which writes, and returns an id or nothing; its arguments by name."""
        wording = Wording({})
        for argument, kind in arguments.items():
            wording.say(argument, kind)
        kinds = [UUID]
        self.made[name] = Definer(name, wording.types(), _table(kinds, wording), body, True, about)
        return _rows_of(name, kinds, wording)

    def trigger(self, name: str, body: str, about: str) -> None:
        """A function that a trigger calls."""
        self.made[name] = Definer(name, (), "trigger", body, True, about)

    def _hashed(self, prefix: str, types: tuple[str, ...], returns: str, body: str, about: str) -> str:
        mark = blake2s("\n".join((*types, returns, body)).encode(), digest_size=5).hexdigest()
        name = f"{prefix[:50]}_{mark}"
        self.made[name] = Definer(name, types, returns, body, False, about)
        return name


def _table(kinds: Sequence[TypeEngine[Any]], wording: Wording) -> str:
    return f"TABLE ({', '.join(f'out_{i} {type_name(kind, wording)}' for i, kind in enumerate(kinds, 1))})"


def _rows_of(name: str, kinds: Sequence[TypeEngine[Any]], wording: Wording) -> FromClause:
    call = _called(name, None, *wording.values())
    table: FromClause = call.table_valued(*(column(f"out_{i}", kind) for i, kind in enumerate(kinds, 1)))
    return table


def _called(name: str, kind: TypeEngine[Any] | None, *arguments: ColumnElement[Any]) -> Any:
    # of a name that ends with `_` that is taken off, so that each gets one
    return getattr(getattr(func, SCHEMA), f"{name}_")(*arguments, type_=kind)


class Inside(RuleCompiler):
    """Rules within a function: the caller may be anonymous, which there is an account that is NULL; or the engine."""

    def on_signed_in(self) -> ColumnElement[bool]:
        """See `RuleCompiler`."""
        return literal_column(ME).is_not(None)

    def on_engine(self) -> ColumnElement[bool]:
        """See `RuleCompiler`."""
        return super().on_engine() if self.asker is Asker.LINK else literal_column(ENGINE, Boolean())


class BehindWall(RuleCompiler):
    """Rules in the application's statements: what looks into other records' tables is asked by a function."""

    def __init__(self, compiler: Callable[..., RuleCompiler], definers: Definers, tables: Any, asker: Asker) -> None:
        """`compiler` makes the rules within functions."""
        super().__init__(tables, asker)
        by_link = asker is Asker.LINK
        self._inside = compiler(tables, Asker.LINK if by_link else Asker.ACCOUNT)
        self._present = LINKED if by_link else PRESENT
        self._definers = definers

    def on_rule(self, rule: Rule, at: At) -> ColumnElement[bool]:
        """See `RuleCompiler`. What the grants ask of others is one question: calling costs more than answering."""
        here, beyond = [], []
        for grant in rule:
            terms = [((), term) for term in (*grant.who, *grant.when)]
            found = super().every(terms, at)
            if self._looks_elsewhere(found, at):
                beyond.append(grant)
            else:
                here.append(found)
        if beyond:
            about = " or ".join(grant.text for grant in beyond)
            here.append(self._asked(self._inside.on_rule(tuple(beyond), at), at, about))
        return or_(false(), *here)

    def every(self, terms: Terms, at: At) -> ColumnElement[bool]:
        """See `RuleCompiler`. First each part by itself: most of a rule looks only at the row and at memberships."""
        found = super().every(terms, at)
        if not self._looks_elsewhere(found, at):
            return found
        about = " and ".join(_words(path, term) for path, term in terms)
        return self._asked(self._inside.every(terms, at), at, about)

    def locked(self, at: At) -> ColumnElement[bool]:
        """See `RuleCompiler`."""
        found = super().locked(at)
        return self._asked(self._inside.locked(at), at, "locked") if self._looks_elsewhere(found, at) else found

    def start(
        self, source: FromClause, end: ColumnElement[Any], mine: ColumnElement[bool]
    ) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
        """See `RuleCompiler`."""
        if not any(self._is_record(each) for each in _from_in(source)):
            return source, end, mine
        start = select(end).select_from(source).where(mine)
        found = self._definers.rows(None, start, "where a list begins", present=self._present)
        return found, found.c.out_1, true()

    def _asked(self, condition: ColumnElement[bool], at: At, about: str) -> ColumnElement[bool]:
        plural = self.specification.resources[at.resource].plural
        return self._definers.of_row(plural, condition, at.table, about, self._present)

    def _looks_elsewhere(self, condition: ColumnElement[bool], at: At) -> bool:
        """Whether it asks anything of a record but the one at hand."""
        columns = (each for each in visitors.iterate(condition) if isinstance(each, Column | ColumnClause))
        return any(each.table is not at.table and self._is_record(each.table) for each in columns)

    def _is_record(self, table: Any) -> bool:
        while isinstance(table, Alias):
            table = table.element
        return isinstance(table, Table) and table in self.tables.of.values()


def _from_in(source: FromClause) -> Iterator[FromClause]:
    yield from (each for each in visitors.iterate(source) if isinstance(each, Table | Alias))


def _words(path: Any, term: Any) -> str:
    """A term, for whoever reads the functions."""
    way = "".join(f"{hop.field}." for hop in path)
    return f"{way}{term!r}"


def text_literal(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'
