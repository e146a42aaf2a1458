"""The ownership rule as SQL: the same data that `domain.ownership` decides over, compiled to a WHERE.

A term is compiled at a position: a table in the statement and the hops that still lead away from it. A hop becomes
an EXISTS on the record it leads to; one that ends in a membership needs no more than the id in front of it. Each
`on_…` method compiles one word of the language; the mutation tests replace them one by one.

Nothing but an EXISTS stands under a NOT here, so that a comparison with NULL (an empty field, a caller without an
account) is as good as false.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from sqlalchemy import ColumnElement, FromClause, Table, and_, case, exists, false, not_, or_, select, true
from sqlalchemy.sql.expression import Alias

from adapters.persistence.sql.builtin import AccountRow, MembershipRow, SecretLinkRow, table_of
from adapters.persistence.sql.connection import param
from adapters.persistence.sql.dialects import DAY, DECIMAL, INSTANT, TEXT, UUID, in_column_order
from adapters.persistence.sql.implied import Implied
from adapters.persistence.sql.public import Branch, Term, branches, column_name
from adapters.persistence.sql.tables import Tables, owner_column
from domain.judging import by_own_ladder
from domain.ownership import OF_LINKS
from domain.specification.model import (
    AccountField,
    Anyone,
    Can,
    Condition,
    Engine,
    Grant,
    Hop,
    Kind,
    Owner,
    Path,
    Role,
    Rule,
    SignedIn,
    Staff,
    Test,
    Through,
)

ME: ColumnElement[str] = param("me", UUID)
"""the acting account"""
LINK: ColumnElement[str] = param("link", TEXT)
"""the hash of the acting link's token"""
NOW: ColumnElement[str] = param("now", INSTANT)
"""the request's instant, as text of fixed width"""
TODAY: ColumnElement[str] = param("today", DAY)
"""its day in UTC"""

From = Table | Alias | FromClause
Terms = Sequence[tuple[Path, Term]]
"""each with the way to where it is stated"""

_MEMBERS, _LINKS, _ACCOUNTS = (table_of(row) for row in (MembershipRow, SecretLinkRow, AccountRow))


@dataclass(frozen=True)
class Way:
    """Tables joined one behind the other, away from a table of the enclosing statement."""

    end: From
    """the last table; that of the enclosing statement where there is none"""
    tables: tuple[FromClause, ...] = ()
    source: FromClause | None = None
    first: ColumnElement[bool] | None = None
    """how the first one hangs on the enclosing statement"""

    def on(self, target: FromClause, condition: ColumnElement[bool]) -> "Way":
        """One table further."""
        if self.source is None:
            return Way(target, (target,), target, condition)
        return Way(target, (*self.tables, target), self.source.join(target, condition), self.first)

    def exists(
        self,
        condition: ColumnElement[bool],
        further: FromClause | None = None,
        joined: ColumnElement[bool] | None = None,
    ) -> ColumnElement[bool]:
        """Whether there is a row on the whole way, with one more table at its end if that is given."""
        way = self if further is None or joined is None else self.on(further, joined)
        assert way.source is not None, "a way has at least one table"
        found = select(1).select_from(way.source).where(true() if way.first is None else way.first, condition)
        return exists(found.correlate_except(*way.tables))


@dataclass(frozen=True)
class At:
    """A position: `table` holds a record of `resource`, and `path` leads on from there."""

    table: From
    resource: str
    path: Path = ()

    def on(self, path: Path) -> "At":
        """Further along."""
        return At(self.table, self.resource, self.path + path)


class Asker(StrEnum):
    """A kind of caller."""

    NOBODY = "without an account"
    ACCOUNT = "signed in"
    LINK = "a secret link"
    ENGINE = "the engine"


class RuleCompiler:
    """Compiles rules for one kind of caller."""

    def __init__(self, tables: Tables, asker: Asker) -> None:
        """An anonymous caller has no account to compare with: every term that asks for one is false.

        So it is for a link, which has a role on one record, by a table of its own.
        """
        self.tables = tables
        self.specification = tables.specification
        self.asker = asker
        self._implied = Implied(self.specification)
        self.signed_in = asker is Asker.ACCOUNT
        self.holdings = _LINKS if asker is Asker.LINK else _MEMBERS
        """where the caller has its roles, by record"""

    # --- rules ---------------------------------------------------------------------------

    def may(self, action: str, at: At) -> ColumnElement[bool]:
        """Whether the caller may do the action on the record at the position (see `domain.ownership.may`)."""
        if self.asker is Asker.LINK and action not in OF_LINKS:
            return false()
        rule = self.specification.at(at.resource, at.path).rule(action)
        if action == "open":
            return or_(self.on_rule(rule, at), self.on_engine())
        if action in ("read", "create"):
            return self.on_rule(rule, at)
        return self.opening(rule, at)

    def opening(self, rule: Rule, at: At) -> ColumnElement[bool]:
        """Whether a rule allows the caller, and it can open the record."""
        return and_(self.on_rule(rule, at), self.opens(at, rule))

    def placing(self, at: At) -> ColumnElement[bool]:
        """Whether the caller may create the record at the position, below a parent that it can open."""
        resource = self.specification.resources[at.resource]
        up = () if resource.parent is None else (Hop(resource.parent, resource.parent),)
        below = self.opens(at, resource.rule("create"), up) if up else true()
        return and_(self.may("create", at), below)

    def opens(self, at: At, given: Rule, way: Path = ()) -> ColumnElement[bool]:
        """Whether whom a rule allows can open the record, or one above; not asked where the rule says so by itself."""
        resource = self.specification.at(at.resource, at.path)
        return true() if self._implied.opens(resource.name, given, way) else self.may("open", at.on(way))

    def on_rule(self, rule: Rule, at: At) -> ColumnElement[bool]:
        """Any grant."""
        return or_(false(), *(self.on_grant(grant, at) for grant in rule))

    def on_grant(self, grant: Grant, at: At) -> ColumnElement[bool]:
        """Every term of a grant."""
        return self.every([((), term) for term in (*grant.who, *grant.when)], at)

    def every(self, terms: Terms, at: At) -> ColumnElement[bool]:
        """Terms that must all hold, each at the end of its way."""
        return and_(true(), *(self.term(term, at.on(path)) for path, term in terms))

    def start(
        self, source: FromClause, end: ColumnElement[Any], mine: ColumnElement[bool]
    ) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
        """Where a list begins that starts at something of the caller's: tables, the ids found there, a condition."""
        return source, end, mine

    def term(self, term: Term, at: At) -> ColumnElement[bool]:
        """One term at a position."""
        match term:
            case Anyone():
                return self.on_anyone()
            case Engine():
                return self.on_engine()
            case Can(action, path):
                return self.on_can(action, at.on(path))
            case Condition():
                return self.on_condition(term, at.on(term.path))
            case _ if not self.could_be(term):
                return false()
            case SignedIn():
                return self.on_signed_in()
            case Owner(path):
                return self.on_owner(at.on(path))
            case Staff():
                return self.on_staff(term)
            case Role(path, resource, _, roles):
                return self.on_role(self.reachable(resource, roles), at.on(path))
            case AccountField(path, field):
                return self.on_account_field(field, at.on(path))
            case Through():
                return self.on_through(term, at)

    def could_be(self, term: Term) -> bool:
        """Whether a caller of this kind can be whom a term names, where that is somebody in particular."""
        match term:
            case Role(_, resource, _, roles):
                return bool(self.reachable(resource, roles))
            case Through(_, _, container, _, roles):
                return bool(self.reachable(container.resource, roles))
            case Owner() | AccountField() | Staff() | SignedIn():
                return self.signed_in
        return True

    def possible(self, rule: Rule, resource: str) -> Iterator[Branch]:
        """The alternatives of a rule that a caller of this kind could satisfy at all, but for the engine."""
        for branch in branches(self.specification, rule, resource, only_reads=self.asker is Asker.LINK):
            if all(self.could_be(term) and not isinstance(term, Engine) for _, term in branch):
                yield branch

    def reachable(self, resource: str, roles: Sequence[str]) -> Sequence[str]:
        """The roles of these that the caller could have: of an account all, of a link those that it may carry."""
        if self.asker is Asker.LINK:
            return [role for role in roles if role in self.specification.resources[resource].linked_roles]
        return roles if self.signed_in else ()

    # --- who -----------------------------------------------------------------------------

    def on_anyone(self) -> ColumnElement[bool]:
        """`anyone`: every person."""
        return not_(self.on_engine())

    def on_signed_in(self) -> ColumnElement[bool]:
        """`signed in`."""
        return true()

    def on_engine(self) -> ColumnElement[bool]:
        """`engine`: no person."""
        return true() if self.asker is Asker.ENGINE else false()

    def on_owner(self, at: At) -> ColumnElement[bool]:
        """`owner`, `listing.owner`: everything above a record has its owner, so hops up cost nothing."""
        path = at.path
        while path and self.goes_up(at.resource, path):
            path = path[:-1]
        if not path:
            return at.table.c.owner == ME
        last = path[-1].field
        return self.reach(At(at.table, at.resource, path[:-1]), lambda table: table.c[owner_column(last)] == ME)

    def on_staff(self, staff: Staff) -> ColumnElement[bool]:
        """`staff.mediator`, as the account is now."""
        return exists(
            select(1)
            .select_from(_ACCOUNTS)
            .where(_ACCOUNTS.c.id == ME, _ACCOUNTS.c.staff.in_(staff.roles))
            .correlate_except(_ACCOUNTS)
        )

    def on_role(self, roles: Sequence[str], at: At) -> ColumnElement[bool]:
        """`editor`: a live membership on the record at the position."""
        members = self.holdings.alias()
        *before, last = at.path or (None,)
        way = self.way(At(at.table, at.resource, tuple(hop for hop in before if hop is not None)))
        record = way.end.c.id if last is None else way.end.c[last.field]
        return way.exists(self.on_membership(members, roles), members, members.c.record == record)

    def on_membership(self, members: From, roles: Sequence[str]) -> ColumnElement[bool]:
        """The caller's own membership, or its link; strong enough and not expired."""
        mine = members.c.hash == LINK if self.asker is Asker.LINK else members.c.account == ME
        return and_(mine, members.c.role.in_(roles), self.on_expiry(members))

    def on_expiry(self, members: From) -> ColumnElement[bool]:
        """A membership that has not ended."""
        return or_(members.c.expires_at.is_(None), members.c.expires_at > NOW)

    def on_account_field(self, field: str, at: At) -> ColumnElement[bool]:
        """`assignee`, `client.portal`."""
        return self.reach(at, lambda table: table.c[field] == ME)

    def on_can(self, action: str, at: At) -> ColumnElement[bool]:
        """`whoever can read notebook`: that resource's rule, further along; its record has to be there."""
        return and_(self.there(at), self.may(action, at))

    def there(self, at: At) -> ColumnElement[bool]:
        """Whether a way leads to a record. The keys see to it that what is named exists, and what is above it, too."""
        if all(self.goes_up(at.resource, at.path[: i + 1]) for i in range(1, len(at.path))):
            first = at.path[0]
            up = first.field == self.specification.resources[at.resource].parent
            return true() if up else at.table.c[first.field].is_not(None)
        return self.reach(at, lambda _: true())

    def on_through(self, through: Through, at: At) -> ColumnElement[bool]:
        """`viewer through item.album`: a link record with a membership on its container."""
        link, members = self.tables.of[through.link].alias(), self.holdings.alias()
        roles = self.reachable(through.container.resource, through.roles)

        def tied(table: From) -> ColumnElement[bool]:
            return exists(
                select(1)
                .select_from(link.join(members, members.c.record == link.c[through.container.field]))
                .where(link.c[through.back] == table.c.id, self.on_membership(members, roles))
                .correlate_except(link, members)
            )

        return self.reach(at, tied)

    # --- when ----------------------------------------------------------------------------

    def on_condition(self, condition: Condition, at: At) -> ColumnElement[bool]:
        """A comparison; only `is empty` holds where the value, or a record on the way, is missing."""
        if condition.test is Test.EMPTY:
            return self.on_empty(condition.field, at)
        if condition.field == "id" and at.path:
            return self.there(at)
        carried = column_name(at.path, condition.field) if at.path and condition.test is Test.IS else ""
        if carried in at.table.c:
            # the table repeats what it says there
            return self.on_is(condition, at.table.c[carried])
        return self.reach(at, lambda table: self.compare(condition, table.c[condition.field], at))

    def compare(self, condition: Condition, column: ColumnElement[Any], at: At) -> ColumnElement[bool]:
        """One test of a column."""
        match condition.test:
            case Test.IS:
                return self.on_is(condition, column)
            case Test.PAST:
                return self.on_past(column, self._now(condition, at))
            case Test.FUTURE:
                return self.on_future(column, self._now(condition, at))
            case Test.SET:
                return self.on_set(column)
            case Test.EMPTY:
                raise AssertionError("`is empty` asks for the way too")
        assert_never(condition.test)

    def on_is(self, condition: Condition, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """`is a or b`."""
        return column.in_([int(value) if isinstance(value, bool) else value for value in condition.values])

    def on_set(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """`is set`."""
        return column.is_not(None)

    def on_empty(self, field: str, at: At) -> ColumnElement[bool]:
        """`is empty`."""
        if not at.path:
            return at.table.c[field].is_(None)
        return ~self.reach(at, lambda table: table.c[field].is_not(None))

    def on_past(self, column: ColumnElement[Any], now: ColumnElement[Any]) -> ColumnElement[bool]:
        """`is past`."""
        return column < now

    def on_future(self, column: ColumnElement[Any], now: ColumnElement[Any]) -> ColumnElement[bool]:
        """`is future`."""
        return column > now

    def may_give(self, role: ColumnElement[str], at: At) -> ColumnElement[bool]:
        """Whether the caller may give a role of the record's ladder, or take it (see `domain.judging.sharing_cap`)."""
        if self.asker is Asker.LINK:
            return false()
        resource = self.specification.resources[at.resource]
        assert resource.ladder is not None, "only resources with roles are shared"
        capped = or_(
            *(and_(role == given, self.on_role(resource.ladder.at_least(given), at)) for given in resource.ladder.roles)
        )
        grants = resource.rule("share")
        shares = or_(false(), *(and_(self.on_grant(g, at), capped if by_own_ladder(g) else true()) for g in grants))
        return and_(shares, self.may("open", at))

    def locked(self, at: At) -> ColumnElement[bool]:
        """Whether the lock of the record at the position holds."""
        lock = self.specification.at(at.resource, at.path).locked
        if lock is None:
            return false()
        return and_(true(), *(self.on_condition(c, at.on(c.path)) for c in lock.when))

    # --- what a caller sees ----------------------------------------------------------------

    def seen(self, name: str, at: At) -> ColumnElement[Any]:
        """A column as the caller sees it: NULL where it may not (see `domain.ownership.seen`)."""
        guard = self.guard(name, at.resource)
        column: ColumnElement[Any] = at.table.c[name]
        if guard is None:
            return column
        shown = case((guard(at), column), else_=None)
        return in_column_order(shown) if column.type is DECIMAL else shown

    def guard(self, name: str, resource_name: str) -> Callable[[At], ColumnElement[bool]] | None:
        """The condition under which the caller sees a column, None for always."""
        resource = self.specification.resources[resource_name]
        if name == resource.parent:
            up = (Hop(name, name),)
            if self._implied.opens(resource_name, resource.rule("open"), up):
                return None
            return lambda at: self.may("open", at.on(up))
        field = resource.fields.get(name)
        if field is None:
            return None
        if field.kind is Kind.REFERENCE:
            hop = Hop(name, str(field.target))
            readable = self.read_guard(name, resource_name)
            if readable is None:
                return lambda at: self.may("read", at.on((hop,)))
            return lambda at: and_(readable(at), self.may("read", at.on((hop,))))
        return self.read_guard(name, resource_name)

    def read_guard(self, name: str, resource_name: str) -> Callable[[At], ColumnElement[bool]] | None:
        """The field's own `read` rule, None where it has none."""
        rule = self.specification.resources[resource_name].fields[name].read
        return None if rule is None else lambda at: self.on_rule(rule, at)

    # --- ways ----------------------------------------------------------------------------

    def reach(self, at: At, test: Callable[[From], ColumnElement[bool]]) -> ColumnElement[bool]:
        """The test on the record at the position; false where a hop is empty or leads nowhere."""
        way = self.way(at)
        return way.exists(test(way.end)) if at.path else test(at.table)

    def way(self, at: At) -> "Way":
        """The tables of the hops from a position, joined: SQLite's parser bears few subqueries within each other."""
        way = Way(at.table)
        resource = at.resource
        for hop in at.path:
            target = self.tables.of[hop.resource].alias()
            way = way.on(target, self.on_hop(At(way.end, resource), hop, target))
            resource = hop.resource
        return way

    def on_hop(self, at: At, hop: Hop, target: From) -> ColumnElement[bool]:
        """How a record and the one it hops to hang together: by owner and id."""
        owner = "owner" if hop.field == self.specification.resources[at.resource].parent else owner_column(hop.field)
        return and_(target.c.owner == at.table.c[owner], target.c.id == at.table.c[hop.field])

    def goes_up(self, resource: str, path: Path) -> bool:
        """Whether the last hop of a path leads to a parent."""
        before = self.specification.at(resource, path[:-1])
        return path[-1].field == before.parent

    def _now(self, condition: Condition, at: At) -> ColumnElement[Any]:
        resource = self.specification.at(at.resource, at.path)
        field = self.specification.value_field(resource.name, condition.field)
        return TODAY if field.kind is Kind.DATE else NOW
