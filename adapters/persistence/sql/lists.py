"""Lists: each way in which a caller may read a resource is its own index-friendly query of ids.

A rule is unfolded into branches. Each branch starts at what the caller has (its own records, its memberships, the
records that name its account) and walks down to the listed resource; only the newest few of each container
are looked at. What all branches found is united, and the page is cut from that. What no caller-side start
exists for (public records) has an index of its own where its conditions allow one (see `public.py`), and is walked
in the order of the list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    and_,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import FromClause

from adapters.persistence.sql.connection import param
from adapters.persistence.sql.dialects import (
    DOCUMENT,
    FIRST_ID,
    LAST_ID,
    TEXT,
    UUID,
    YES_NO,
    First,
    brought,
    directed,
    first_of,
    holds_text,
    of_each,
    one_of_list,
)
from adapters.persistence.sql.public import Branch, Term, held, holds
from adapters.persistence.sql.rules import ME, Asker, At, From, RuleCompiler
from adapters.persistence.sql.tables import owner_column
from application.ports import SORTED_CHARACTERS, Sort
from domain.filtering import Operator, searched
from domain.specification.model import (
    AccountField,
    Kind,
    Owner,
    Path,
    Role,
    Staff,
    Through,
)

LIMIT: ColumnElement[int] = param("limit", Integer())
"""one more than a page has"""
BEFORE_EVERY_ID, BEHIND_EVERY_ID = literal(FIRST_ID, UUID), literal(LAST_ID, UUID)
MOST_BRANCHES = 60
"""of one rule; beyond, the whole rule is asked of every record in the order of the list"""


@dataclass(frozen=True)
class ListShape:
    """What makes two list queries the same statement: names, not values."""

    resource: str
    filters: tuple[tuple[str, Operator, bool], ...]
    """field, what is asked of it, and whether there are several values"""
    order: tuple[Sort, ...]
    after: tuple[bool, ...] | None
    """for each key of the order, whether the last seen value was not empty; None on the first page"""
    limit: int | None = None
    """written into the statement, where that makes a better plan; else it is a value"""
    members: tuple[str, ...] | None = None
    """of the records, those that are fetched, in their order; None for all"""
    words: int = 0
    """how many are searched for"""


class ListCompiler:
    """Builds one page for one shape."""

    def __init__(self, compiler: RuleCompiler, shape: ListShape, dialect: Dialect) -> None:
        """Keep what every part needs."""
        self._dialect = dialect
        self.limit = LIMIT if shape.limit is None else literal_column(str(shape.limit), Integer())
        self._rules = compiler
        self._shape = shape
        self._table = compiler.tables.of[shape.resource]

    def page(self) -> First:
        """The records of the page, each once, and what they are sorted by."""
        table = self._table.alias()
        return first_of(self._parts(), table, self.keys(table), self.in_order, self.limit, self._dialect)

    def in_order(self, keys: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """The order by keys that stand somewhere."""
        return [_directed(key, sort) for sort, key in zip(self._shape.order, keys, strict=True)]

    def _parts(self) -> list[CTE]:
        """What each branch finds, with the keys; a record may be in several."""
        if self._rules.asker is Asker.ENGINE:
            # nothing is the engine's, so that no list of its begins anywhere
            return [self._whole_rule()]
        rule = self._rules.specification.resources[self._shape.resource].rule("read")
        possible = list(dict.fromkeys(self._rules.possible(rule, self._shape.resource)))
        if not possible:
            return [self._cut(self._rows(), false()).cte("_branch_0")]
        if len(possible) > MOST_BRANCHES:
            return [self._whole_rule()]
        here = [(branch, start) for branch in possible if (start := self._start_here(branch)) is not None]
        parts = [self._from_here(*start, None).cte("_branch_0") for start in here[:1]]
        bound = self._bound(parts[0]) if parts and len(possible) > 1 else None
        others = [self._from_here(*start, bound) for start in here[1:]]
        others += [self._elsewhere(branch, bound) for branch in possible if self._start_here(branch) is None]
        return parts + [part.cte(f"_branch_{number}") for number, part in enumerate(others, len(parts))]

    def _whole_rule(self) -> CTE:
        """The first ids that may be read, found by asking of every record in the order of the list."""
        at = self._rows()
        return self._cut(at, self._rules.may("read", at)).cte("_branch_0")

    def keys(self, table: From) -> list[ColumnElement[Any]]:
        """What is sorted by, as the caller sees it."""
        return [self._key(sort.field, At(table, self._shape.resource)) for sort in self._shape.order]

    def _key(self, name: str, at: At) -> ColumnElement[Any]:
        """Of texts only so much as a cursor can carry (see `application.ports.Query`)."""
        seen = self._rules.seen(name, at)
        fields = self._rules.specification.resources[at.resource].fields
        if name not in fields or self._rules.specification.value_field(at.resource, name).kind is not Kind.TEXT:
            return seen
        return func.substr(seen, 1, SORTED_CHARACTERS)

    def _rows(self) -> At:
        return At(self._table.alias(), self._shape.resource)

    def _cut(self, at: At, condition: ColumnElement[bool]) -> Select[Any]:
        """The first ids in the list's order that satisfy a condition, the filters and the cursor; with the keys."""
        listed = and_(condition, self.filters(at), self._after(at))
        keys = self.keys(at.table)
        found = select(*brought(at.table, keys, self._dialect))
        return found.where(listed).order_by(*self.in_order(keys)).limit(self.limit)

    def _from_here(self, branch: Branch, start: "Here", bound: "Bound | None") -> Select[Any]:
        at = self._rows()
        condition = and_(at.table.c[start.column] == ME, self._all(branch, at, start.answers))
        return self._cut(at, condition if bound is None else and_(condition, bound(at.table)))

    def _bound(self, first: CTE) -> "Bound | None":
        """What is behind a full page of the first branch cannot be on the page: the others need not look there.

        Only for the order by id alone, which an index has at hand everywhere.
        """
        (sort, *others) = self._shape.order
        if others:
            return None
        last = (
            select(first.c.id).order_by(_directed(first.c.id, sort)).limit(1).offset(self.limit - 1).scalar_subquery()
        )
        # a query of its own: behind row-level security an index is asked only for what cannot leak, such as a value
        end = select(func.coalesce(last, BEFORE_EVERY_ID if sort.descending else BEHIND_EVERY_ID)).scalar_subquery()
        return lambda table: table.c.id >= end if sort.descending else table.c.id <= end

    def _all(self, branch: Branch, at: At, without: tuple[Path, Term] | None = None) -> ColumnElement[bool]:
        """Every term of a branch but the one that its start answers."""
        return self._rules.every([part for part in branch if part != without], at)

    def _public(self, branch: Branch, at: At) -> ColumnElement[bool]:
        """Every term of a branch, where the table itself can answer in the words of its index."""
        columns = held(self._rules.specification, at.resource, branch)
        others = tuple(part for part in branch if part not in columns)
        answered = (holds(at.table.c[name], term) for (_, term), name in columns.items())
        return and_(*answered, self._all(others, at))

    def _start_here(self, branch: Branch) -> "Here | None":
        """A condition on the listed table alone that an index answers: own records, or ones that name the caller."""
        for path, term in branch:
            match term:
                case Owner():
                    way = self._without_ups(path + term.path)
                    if len(way) < 2:
                        return Here("owner" if not way else owner_column(way[0].field), (path, term))
                case AccountField() if not path + term.path:
                    return Here(term.field, (path, term))
        return None

    def _elsewhere(self, branch: Branch, bound: "Bound | None") -> Select[Any]:
        """A branch that no column of the listed table starts."""
        for path, term in branch:
            start = self._start_elsewhere(path, term)
            if start is not None:
                return self._walk_back(start, branch, bound)
        at = self._rows()
        condition = self._public(branch, at)
        walked = self._cut(at, condition if bound is None else and_(condition, bound(at.table)))
        staff = [self._rules.on_staff(term) for _, term in branch if isinstance(term, Staff)]
        return self._if(and_(*staff), walked, at.table) if staff else walked

    def _if(self, condition: ColumnElement[bool], walked: Select[Any], table: From) -> Select[Any]:
        """For callers of whom the condition does not hold nothing is walked: it is asked first, and once."""
        once = select(literal(1)).where(condition).subquery()
        return self._of_each(once, walked, table)

    def _start_elsewhere(self, path: Path, term: Term) -> "Start | None":
        """Where an index finds the caller, if the term names it: a membership, a field of another record, its owner."""
        match term:
            case Role():
                members = self._rules.holdings.alias()
                mine = self._rules.on_membership(members, self._rules.reachable(term.resource, term.roles))
                here = and_(members.c.resource == term.resource, mine)
                return Start(members, here, members.c.record, path + term.path, (path, term))
            case Through():
                link, members = self._rules.tables.of[term.link].alias(), self._rules.holdings.alias()
                source = link.join(members, members.c.record == link.c[term.container.field])
                carried = self._rules.reachable(term.container.resource, term.roles)
                mine = self._rules.on_membership(members, carried)
                return Start(source, mine, link.c[term.back], path, (path, term))
            case AccountField():
                named = self._table_at(path + term.path)
                return Start(named, named.c[term.field] == ME, named.c.id, path + term.path, (path, term))
            case Owner():
                way = self._without_ups(path + term.path)
                referring = self._table_at(way[:-1])
                mine = referring.c[owner_column(way[-1].field)] == ME
                return Start(referring, mine, referring.c.id, way[:-1], (path, term))
            case _:
                return None

    def _walk_back(self, start: "Start", branch: Branch, bound: "Bound | None") -> Select[Any]:
        """From the start down to the listed records; of each container only as many as the page can hold."""
        source, end = start.source, start.record
        for depth in range(len(start.way) - 1, 0, -1):
            table = self._table_at(start.way[:depth])
            source = source.join(table, table.c[start.way[depth].field] == end)
            end = table.c.id
        source, end, mine = self._rules.start(source, end, start.mine)
        inner = self._rows()
        hook = inner.table.c[start.way[0].field] if start.way else inner.table.c.id
        condition = and_(hook == end, self._all(branch, inner, start.answers))
        newest = self._cut(inner, condition if bound is None else and_(condition, bound(inner.table)))
        return self._of_each(source, newest, inner.table).where(mine)

    def _of_each(self, source: FromClause, few: Select[Any], table: From) -> Select[Any]:
        """What `few`, a query on the table, finds for each row of the source."""
        at = self._rows()
        again = brought(at.table, self.keys(at.table), self._dialect)
        return of_each(source, few.correlate_except(table), at.table, again, self._dialect)

    def _table_at(self, way: Path) -> From:
        resource = self._rules.specification.at(self._shape.resource, way)
        return self._rules.tables.of[resource.name].alias()

    def _without_ups(self, way: Path) -> Path:
        """The way up to its last reference: everything above a record has its owner."""
        while way and self._rules.goes_up(self._shape.resource, way):
            way = way[:-1]
        return way

    def filters(self, at: At) -> ColumnElement[bool]:
        """Each filter and each word, over what the caller sees."""
        asked = [self._filter(at, i, *asked) for i, asked in enumerate(self._shape.filters)]
        return and_(true(), *asked, *(self._word(at, f"w{i}") for i in range(self._shape.words)))

    def _filter(self, at: At, number: int, name: str, operator: Operator, many: bool) -> ColumnElement[bool]:
        column, value = at.table.c[name], f"f{number}"
        if operator is Operator.SET:
            return self._rules.seen(name, at).is_not(None) == param(value, YES_NO)
        asked = _ASKED[operator](column, param(value, DOCUMENT) if many else param(value, column.type), many)
        return self._where_seen(at, name, asked)

    def _word(self, at: At, value: str) -> ColumnElement[bool]:
        """Whether it stands in one of the texts. Of our columns, with the collation "C", `lower` folds A to Z alone."""
        names = searched(self._rules.specification, at.resource)
        texts = {name: holds_text(func.lower(at.table.c[name]), param(value, TEXT)) for name in names}
        return or_(false(), *(self._where_seen(at, name, there) for name, there in texts.items()))

    def _where_seen(self, at: At, name: str, asked: ColumnElement[bool]) -> ColumnElement[bool]:
        """What is asked of a column, which holds of nothing that the caller does not see."""
        guard = self._rules.guard(name, at.resource)
        return asked if guard is None else and_(asked, guard(at))

    def _after(self, at: At) -> ColumnElement[bool]:
        """Behind the last seen record: a later key decides where all before it are equal. Empty sorts first."""
        if self._shape.after is None:
            return true()
        alternatives = []
        equal: list[ColumnElement[bool]] = []
        for i, (sort, present) in enumerate(zip(self._shape.order, self._shape.after, strict=True)):
            key, last = self._key(sort.field, at), param(f"a{i}")
            if present:
                beyond = or_(key < last, key.is_(None)) if sort.descending else key > last
            else:
                beyond = false() if sort.descending else key.is_not(None)
            if present and sort.field in ("id", "created_at", "updated_at"):
                beyond = key < last if sort.descending else key > last
            alternatives.append(and_(*equal, beyond))
            equal.append(key == last if present else key.is_(None))
        return or_(*alternatives)


@dataclass(frozen=True)
class Here:
    """A column of the listed table that holds the caller's account, by an index."""

    column: str
    answers: tuple[Path, Term]
    """the term of the branch that need not be asked again"""


@dataclass(frozen=True)
class Start:
    """Where a caller is found, and the way from the listed record to there."""

    source: FromClause
    mine: ColumnElement[bool]
    record: ColumnElement[Any]
    """the id of the record at the end of the way"""
    way: Path
    answers: tuple[Path, Term]
    """the term of the branch that need not be asked again"""


Bound = Callable[[From], ColumnElement[bool]]


def _equal(column: ColumnElement[Any], value: ColumnElement[Any], many: bool) -> ColumnElement[bool]:
    return one_of_list(column, value) if many else column == value


def _not(column: ColumnElement[Any], value: ColumnElement[Any], many: bool) -> ColumnElement[bool]:
    return not_(_equal(column, value, many))  # of an empty one that is unknown, and what is unknown is no answer


_ASKED: dict[Operator, Callable[[ColumnElement[Any], ColumnElement[Any], bool], ColumnElement[bool]]] = {
    Operator.EQUAL: _equal,
    Operator.NOT: _not,
    Operator.GREATER: lambda column, value, _: column > value,
    Operator.AT_LEAST: lambda column, value, _: column >= value,
    Operator.LESS: lambda column, value, _: column < value,
    Operator.AT_MOST: lambda column, value, _: column <= value,
    Operator.CONTAINS: lambda column, value, _: holds_text(column, value),
    Operator.STARTS: lambda column, value, _: func.substr(column, 1, func.length(value)) == value,
}
"""of a column and what it is compared with; nothing holds of an empty one"""


def _directed(key: ColumnElement[Any], sort: Sort) -> ColumnElement[Any]:
    return directed(key, down=sort.descending)
