"""The end of an account: what it owns goes, what is kept passes to a tombstone (see `domain.deletion.closing`).

Which resources can outlive an account is read off the specification's tree: a kept one and those below it always do,
one above a kept one where a kept record is below, every other never. The keys do the rest: they take along
what hangs below and what follows by reference, empty what refers, and carry the new owner down.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    and_,
    delete,
    exists,
    false,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import FromClause

from adapters.persistence.sql.builtin import (
    AccountRow,
    InvitationRow,
    MembershipRow,
    OfferRow,
    SecretLinkRow,
    table_of,
)
from adapters.persistence.sql.connection import param
from adapters.persistence.sql.dialects import UUID, Step, closure
from adapters.persistence.sql.rules import From
from adapters.persistence.sql.tables import Tables

ACCOUNT: ColumnElement[str] = param("account", UUID)
_ACCOUNTS, _OFFERS, _LINKS = table_of(AccountRow), table_of(OfferRow), table_of(SecretLinkRow)
_ABOUT_PEOPLE = (table_of(MembershipRow), table_of(InvitationRow), _OFFERS)


class ClosingCompiler:
    """Builds the statements that end `account`, in the order in which they must run."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """Sort the resources by whether their records can go."""
        self._tables = tables
        self._dialect = dialect
        self._specification = tables.specification
        self._resources = self._specification.resources
        kept = {name for name in self._resources if self._resources[name].keep}
        self._staying = {name for name in self._resources if kept & set(self._specification.chain(name))}
        self._going = [name for name in self._resources if name not in self._staying]
        self._highest_kept = [name for name in kept if not kept & set(self._specification.chain(name)[1:])]

    def statements(self) -> Iterator[Any]:
        """They ask for `account` and for the tombstone's columns."""
        for table in (self._tables.of[name] for name, resource in self._resources.items() if resource.links):
            # what is kept passes to nobody: whoever has a link to it does not come along
            owned = select(table.c.id).where(table.c.owner == ACCOUNT)
            yield delete(_LINKS).where(_LINKS.c.record.in_(owned))
        if self._going:
            yield from self._drop()
        passing = [self._tables.of[name] for name in self._resources if self._passes_as_root(name)]
        if passing:
            left = or_(*(exists(select(literal(1)).where(table.c.owner == ACCOUNT)) for table in passing))
            tombstone = {column.name: param(column.name, column.type) for column in _ACCOUNTS.c}
            yield insert(_ACCOUNTS).from_select(list(tombstone), select(*tombstone.values()).where(left))
        for table in passing:
            yield update(table).where(table.c.owner == ACCOUNT).values(owner=param("id", UUID))
        yield delete(_OFFERS).where(_OFFERS.c.recipient == ACCOUNT)
        yield delete(_ACCOUNTS).where(_ACCOUNTS.c.id == ACCOUNT)

    def _drop(self) -> Iterator[Any]:
        """Delete what goes, its memberships, invitations, offers and links first."""
        gone = self._gone()
        for table in _ABOUT_PEOPLE if any(resource.has_people for resource in self._resources.values()) else ():
            yield delete(table).where(table.c.record.in_(select(gone.c.id)))
        if any(resource.links for resource in self._resources.values()):
            yield delete(_LINKS).where(_LINKS.c.record.in_(select(gone.c.id)))
        for referrer, name, _ in self._following():
            table = self._tables.of[referrer]
            # the account's own too, which go anyhow: SQLite follows a chain of references only so far
            emptied = or_(table.c.owner == ACCOUNT, self._outlives(referrer, table))
            cleared = dict.fromkeys((name, *self._tables.beside(self._resources[referrer])[name]), null())
            yield update(table).where(table.c[name].in_(select(gone.c.id)), emptied).values(cleared)
        for name in self._going:
            parent = self._resources[name].parent
            if parent is None or self._kept_below(parent):
                table = self._tables.of[name]
                yield delete(table).where(table.c.owner == ACCOUNT, not_(self._outlives(name, table)))

    def _gone(self) -> CTE:
        """Everything that goes, as rows of resource and id."""
        owned = []
        for name in self._going:
            table = self._tables.of[name].alias()
            goes = and_(table.c.owner == ACCOUNT, not_(self._outlives(name, table)))
            owned.append(select(literal(name).label("resource"), table.c.id.label("id")).where(goes))
        followers = [tie for tie in self._following() if tie[0] in self._going]
        if not followers:
            return union_all(*owned).cte("_gone")
        mine = union_all(*owned).subquery()
        gone = select(mine.c.resource, mine.c.id).cte("_gone", recursive=True)
        steps: list[Step] = []
        below = [(name, parent, parent) for name in self._going if (parent := self._resources[name].parent) is not None]
        for link, column, target in (*below, *followers):
            table = self._tables.of[link].alias()
            hangs = and_(table.c[column] == gone.c.id, gone.c.resource == target)
            goes = not_(self._outlives(link, table))
            steps.append(((literal(link), table.c.id), table, hangs, goes))
        return closure(gone, steps, self._dialect)

    def _following(self) -> Iterator[tuple[str, str, str]]:
        """The references by which a record could go with another: whose, which, and to what."""
        for resource in self._resources.values():
            for field in resource.references():
                if field.when_gone == "delete" and field.target in self._going:
                    yield resource.name, field.name, str(field.target)

    def _passes_as_root(self, name: str) -> bool:
        """Whether records of a root can pass; the keys carry their new owner down."""
        return self._resources[name].parent is None and (name in self._staying or bool(self._kept_below(name)))

    def _kept_below(self, name: str) -> list[str]:
        """The kept resources below one that itself can go; without those that stay with another one of them."""
        return [kept for kept in self._highest_kept if name in self._specification.chain(kept)[1:]]

    def _outlives(self, name: str, table: From) -> ColumnElement[bool]:
        """Whether a record stays when its account goes."""
        if name in self._staying:
            return true()
        return or_(false(), *(self._some_below(name, table, kept) for kept in self._kept_below(name)))

    def _some_below(self, name: str, table: From, kept: str) -> ColumnElement[bool]:
        """Whether a record of the kept resource is below."""
        chain = self._specification.chain(kept)
        between = [self._tables.of[at].alias() for at in chain[: chain.index(name)]]
        source: FromClause = between[0]
        for lower, upper, resource in zip(between, between[1:], chain[1:], strict=False):
            source = source.join(upper, upper.c.id == lower.c[resource])
        found = select(literal(1)).select_from(source).where(between[-1].c[name] == table.c.id)
        return exists(found.correlate_except(*between))
