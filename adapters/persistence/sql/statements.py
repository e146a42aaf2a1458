"""Every statement on records, built once per shape from the tables and the rules, and kept as prepared text."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    FromClause,
    Select,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    union,
    update,
)
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import InvitationRow, MembershipRow, OfferRow, SecretLinkRow, table_of
from adapters.persistence.sql.closing import ClosingCompiler
from adapters.persistence.sql.connection import Prepared, Principal, param
from adapters.persistence.sql.dialects import DOCUMENT, INSTANT, TEXT, UUID, Step, closure, labelled, one_of_list
from adapters.persistence.sql.facts import FactsColumns, Footprint, footprint
from adapters.persistence.sql.identity import session_alive
from adapters.persistence.sql.lists import ListCompiler, ListShape
from adapters.persistence.sql.rules import ME, NOW, Asker, At, From, RuleCompiler
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import RecordColumns, ViewColumns
from application.ports import Sort
from application.records import DEFAULT_LIMIT
from domain.deletion import referring
from domain.specification.model import Hop, Path, Resource, Through

ID: ColumnElement[str] = param("id", UUID)
RECIPIENT: ColumnElement[str] = param("recipient", UUID)
_MEMBERS, _LINKS = table_of(MembershipRow), table_of(SecretLinkRow)
_INVITATIONS, _OFFERS = table_of(InvitationRow), table_of(OfferRow)


class Caller:
    """What of an actor shapes a statement: of which kind it is, and whether a session must be alive."""

    __slots__ = ("asker", "in_session")

    def __init__(self, asker: Asker, in_session: bool = False) -> None:
        """Two of these exist for accounts, one for every other kind."""
        self.asker = asker
        self.in_session = in_session


NOBODY, ENGINE, LINK, ACCOUNT, SESSION = (
    Caller(Asker.NOBODY),
    Caller(Asker.ENGINE),
    Caller(Asker.LINK),
    Caller(Asker.ACCOUNT),
    Caller(Asker.ACCOUNT, True),
)
CALLERS = (SESSION, ACCOUNT, NOBODY, ENGINE)
"""those that may change anything, perhaps"""


class Statements:
    """The prepared statements of one specification on one dialect."""

    def __init__(self, tables: Tables, dialect: Dialect, compiler: Callable[..., RuleCompiler] = RuleCompiler) -> None:
        """`compiler` makes the rule compiler for each kind of caller."""
        self.tables = tables
        self.specification = tables.specification
        self.dialect = dialect
        self._compilers = {asker: compiler(tables, asker) for asker in Asker}
        self.linked = any(resource.links for resource in self.specification.resources.values())
        """whether there are secret links"""
        self._seeing_all = self._compilers
        """the rules in statements that ask more than the caller may see"""
        self.records = {name: RecordColumns(self.specification, r) for name, r in self.specification.resources.items()}
        self.footprints: dict[str, Footprint] = {
            name: footprint(self.specification, resource) for name, resource in self.specification.resources.items()
        }
        # one cache an instance: a specification that is let go takes its statements along
        self.view = cache(self._view)
        self.readable = cache(self._readable)
        # what a caller can vary is bounded
        self.page = lru_cache(2000)(self._page)
        self.count = lru_cache(2000)(self._count)
        self.facts = cache(self._facts)
        self.facts_around = cache(self._facts_around)
        self.roles = cache(self._roles)
        self.ties = cache(self._ties)
        self.everything = cache(self._everything)
        self.every_tie = cache(self._every_tie)
        self.insert = cache(self._insert)
        self.created = cache(self._created)
        self.placed = cache(self._placed)
        self.update = cache(self._update)
        self.delete = cache(self._delete)
        self.obstacles = cache(self._obstacles)
        self.shared = cache(self._shared)
        self.put_membership = cache(self._put_membership)
        self.end_membership = cache(self._end_membership)
        self.invitations = cache(self._invitations)
        self.invite = cache(self._invite)
        self.withdraw = cache(self._withdraw)
        self.offer_of = cache(self._offer_of)
        self.put_offer = cache(self._put_offer)
        self.withdraw_offer = cache(self._withdraw_offer)
        self.hand_over = cache(self._hand_over)
        self.add_link = cache(self._add_link)
        self.end_link = cache(self._end_link)
        self.close_account = cache(self._close_account)
        self.owned = cache(self._owned)
        self.members = cache(self._members)
        self.decisions = cache(self._decisions)

    def most_asked(self) -> Iterator[tuple[str, Prepared]]:
        """By resource, the statements that nearly every request needs: reading, the default list, facts, deletion."""
        newest, limit = (Sort("id", True),), self.limit(DEFAULT_LIMIT + 1)
        for name in self.specification.resources:
            for caller in (SESSION, NOBODY):
                yield name, self.view(name, caller)[0]
                yield name, self.page(ListShape(name, (), newest, None, limit), caller)[0]
            yield name, self.facts(name, "open", True, SESSION)[0]
            yield name, self.obstacles(name)

    # --- reading -------------------------------------------------------------------------

    def _view(self, resource: str, caller: Caller) -> tuple[Prepared, ViewColumns]:
        """One record as the caller sees it, if it can open it."""
        compiler, table = self._compilers[caller.asker], self.tables.of[resource].alias()
        columns = ViewColumns(compiler, self.specification.resources[resource], table)
        at = At(table, resource)
        found = select(*columns.columns).where(table.c.id == ID, compiler.may("open", at), self._alive(caller))
        return self._prepare(found, "id"), columns

    def _readable(self, resource: str, caller: Caller) -> tuple[Prepared, ViewColumns]:
        """Those of some records that the caller can read, as it sees them."""
        compiler, table = self._compilers[caller.asker], self.tables.of[resource].alias()
        columns = ViewColumns(compiler, self.specification.resources[resource], table)
        named = one_of_list(table.c.id, param("ids", DOCUMENT))
        found = select(*columns.columns).where(named, compiler.may("read", At(table, resource)), self._alive(caller))
        return self._prepare(found), columns

    def _page(self, shape: ListShape, caller: Caller) -> tuple[Prepared, ViewColumns]:
        """A page of records as the caller sees them; behind each row the values of its sort keys."""
        compiler = self._compilers[caller.asker]
        lists = ListCompiler(compiler, shape, self.dialect)
        first, resource = lists.page(), self.specification.resources[shape.resource]
        columns = ViewColumns(compiler, resource, first.records, shape.members)
        found = (
            select(*columns.columns, *labelled(first.keys))
            .select_from(first.records)
            .add_cte(*first.before)
            .where(first.chosen, self._alive(caller))
            .order_by(*lists.in_order(first.keys))
            .limit(lists.limit)
        )
        return self._prepare(found), columns

    def _count(self, shape: ListShape, caller: Caller) -> Prepared:
        """How many records all pages have."""
        compiler, table = self._compilers[caller.asker], self.tables.of[shape.resource].alias()
        at = At(table, shape.resource)
        listed = and_(
            compiler.may("read", at), ListCompiler(compiler, shape, self.dialect).filters(at), self._alive(caller)
        )
        return self._prepare(select(func.count()).select_from(table).where(listed))

    def _members(self, resource: str, caller: Caller) -> Prepared:
        """The live memberships that the caller may see of a record that it can open."""
        compiler, table, members = self._compilers[caller.asker], self.tables.of[resource].alias(), _MEMBERS.alias()
        at = At(table, resource)
        shown = or_(members.c.account == ME, compiler.may("members", at))
        return self._prepare(
            select(members.c.account, members.c.role, members.c.expires_at)
            .select_from(table.join(members, members.c.record == table.c.id))
            .where(table.c.id == ID, compiler.may("open", at), shown, compiler.on_expiry(members), self._alive(caller))
            .order_by(members.c.account),
            "id",
        )

    def _decisions(self, resource: str, caller: Caller) -> tuple[Prepared, tuple[str, ...]]:
        """What every compiled rule says of every record; the names of the rules behind the id. For the proof alone."""
        compiler, table = self._compilers[caller.asker], self.tables.of[resource].alias()
        model, at = self.specification.resources[resource], At(table, resource)
        rules = {action: compiler.may(action, at) for action in ("open", *model.can) if action != "share"}
        if model.ladder is not None:
            rules |= {f"share {role}": compiler.may_give(literal(role), at) for role in model.ladder.roles}
        for field in model.fields.values():
            guard = compiler.read_guard(field.name, resource)
            rules |= {} if guard is None else {f"read of {field.name}": guard(at)}
        for name, steps in model.steps.items():
            rules |= {f"step of {name}: {s.before} -> {s.after}": compiler.on_rule(s.rule, at) for s in steps}
        if model.locked is not None:
            rules["locked"] = compiler.locked(at)
        found = select(table.c.id, *(rule.label(f"rule_{i}") for i, rule in enumerate(rules.values())))
        return self._prepare(found), tuple(rules)

    def limit(self, rows: int) -> int | None:
        """What a list's statement is to say of its limit; None where it is a value (see `ListShape`)."""
        return None

    # --- facts ---------------------------------------------------------------------------

    def _facts(self, resource: str, action: str, changing: bool, caller: Caller) -> tuple[Prepared, FactsColumns]:
        """The record with all its rules can ask for, if the caller may do the action on it."""
        columns = self._columns(resource, self.footprints[resource].ways, self.footprints[resource].roles)
        statement, table = columns.select()
        allowed = self._seeing_all[caller.asker].may(action, At(table, resource))
        return self._prepare(statement.where(table.c.id == ID, allowed, self._alive(caller)), "id"), columns

    def _facts_around(
        self, resource: str, ways: tuple[Path, ...], roles: tuple[Path, ...]
    ) -> tuple[Prepared, FactsColumns]:
        """A parent or referred record (which the caller was shown to reach) with what lies further along."""
        columns = self._columns(resource, ways, roles)
        statement, table = columns.select()
        return self._prepare(statement.where(table.c.id == ID)), columns

    def _everything(self, resource: str) -> tuple[Prepared, FactsColumns]:
        """A record with all that its rules can ask for but roles, for the operator."""
        columns = self._columns(resource, self.footprints[resource].ways, ())
        statement, table = columns.select()
        return self._prepare(statement.where(table.c.id == ID)), columns

    def _every_tie(self, through: Through) -> tuple[Prepared, RecordColumns, RecordColumns]:
        """The link records of a record, each with its container, for the operator."""
        found, _, links, containers = self._tied(through)
        return self._prepare(found), links, containers

    def _columns(self, resource: str, ways: Sequence[Path], roles: Sequence[Path]) -> FactsColumns:
        return FactsColumns(
            self.tables, self._seeing_all[Asker.ACCOUNT], self.specification.resources[resource], ways, roles
        )

    def _roles(self, count: int) -> Prepared:
        """The caller's live roles on a number of records."""
        records = [param(f"r{i}") for i in range(count)]
        mine = and_(_MEMBERS.c.account == ME, self._compilers[Asker.ACCOUNT].on_expiry(_MEMBERS))
        return self._prepare(select(_MEMBERS.c.record, _MEMBERS.c.role).where(_MEMBERS.c.record.in_(records), mine))

    def _ties(self, through: Through) -> tuple[Prepared, RecordColumns, RecordColumns]:
        """The link records of a record on whose container the caller has a role, with the container."""
        found, links, containers = self._tying(through)
        return self._prepare(found), links, containers

    def _tying(self, through: Through) -> tuple[Select[Any], RecordColumns, RecordColumns]:
        found, container, links, containers = self._tied(through)
        members, compiler = _MEMBERS.alias(), self._seeing_all[Asker.ACCOUNT]
        mine = and_(members.c.account == ME, compiler.on_expiry(members))
        return found.join(members, members.c.record == container.c.id).where(mine), links, containers

    def _tied(self, through: Through) -> tuple[Select[Any], FromClause, RecordColumns, RecordColumns]:
        """What ties a record, and the containers (also by themselves)."""
        link, container = self.tables.of[through.link].alias(), self.tables.of[through.container.resource].alias()
        links, containers = self.records[through.link], self.records[through.container.resource]
        on = self._seeing_all[Asker.ACCOUNT].on_hop(At(link, through.link), through.container, container)
        found = select(*links.columns(link, "l_"), *containers.columns(container, "c_"))
        found = found.select_from(link.join(container, on)).where(link.c[through.back] == ID)
        return found, container, links, containers

    # --- writing -------------------------------------------------------------------------

    def _insert(self, resource: str, caller: Caller) -> Prepared:
        """A new record; below a parent only if the caller can open that and it has the record's owner."""
        table, model = self.tables.of[resource], self.specification.resources[resource]
        values = self._bound(model, self.records[resource].names, caller)
        if model.parent is None:
            alone = select(*values.values()).where(self._alive(caller))
            return self._prepare(insert(table).from_select(list(values), alone))
        above = self.tables.of[model.parent].alias()
        allowed = self._compilers[caller.asker].may("open", At(above, model.parent))
        there = and_(above.c.id == param(f"v_{model.parent}"), above.c.owner == param("v_owner"))
        chosen = select(*values.values()).select_from(above).where(there, allowed, self._alive(caller))
        return self._prepare(insert(table).from_select(list(values), chosen), f"v_{model.parent}")

    def _created(self, resource: str, caller: Caller) -> Prepared | None:
        """Whether the record that was just put in is one that the caller may create and open.

        None here and below where the database itself sees to it.
        """
        table, compiler = self.tables.of[resource].alias(), self._compilers[caller.asker]
        at = At(table, resource)
        opens = compiler.opens(at, self.specification.resources[resource].rule("create"))
        return self._prepare(select(literal(1)).where(table.c.id == ID, and_(compiler.may("create", at), opens)))

    def _placed(self, resource: str, caller: Caller) -> Prepared | None:
        """Whether the record that was just moved is where the caller may create it, below a parent that it can open."""
        table, compiler = self.tables.of[resource].alias(), self._compilers[caller.asker]
        parent = self.specification.resources[resource].parent
        assert parent is not None, "only what has a parent moves"
        placing = compiler.placing(At(table, resource))
        return self._prepare(select(literal(1)).where(table.c.id == ID, placing))

    def _update(self, resource: str, names: tuple[str, ...], caller: Caller) -> Prepared:
        """Change columns of the record as it was read, if a grant of update or a step (or of a move) holds on it."""
        table, model = self.tables.of[resource], self.specification.resources[resource]
        compiler, at = self._compilers[caller.asker], At(table, resource)
        steps = (step.rule for steps in model.steps.values() for step in steps)
        rule = model.rule("move") if model.parent in names else (*model.rule("update"), *chain.from_iterable(steps))
        # a link changes nothing, whatever the rules say of its role
        allowed = false() if compiler.asker is Asker.LINK else compiler.opening(rule, at)
        unchanged = and_(table.c.id == ID, table.c.owner == param("was_owner"))
        return self._prepare(
            update(table)
            .values(self._bound(model, [*names, "updated_at"], caller))
            .where(unchanged, table.c.updated_at == param("was_updated_at"), allowed),
            "id",
            *([f"v_{model.parent}"] if model.parent in names else []),
        )

    def _delete(self, resource: str, caller: Caller) -> Prepared:
        """Delete the record; the keys take along what hangs below and empty what refers to it."""
        table, compiler = self.tables.of[resource], self._compilers[caller.asker]
        return self._prepare(delete(table).where(table.c.id == ID, compiler.may("delete", At(table, resource))), "id")

    def _owned(self, resource: str) -> Prepared | None:
        """How many records of the resource an owner has, counted no further than its limit and one more."""
        table, limit = self.tables.of[resource], self.specification.resources[resource].limit or 0
        few = select(literal(1)).select_from(table).where(table.c.owner == param("owner")).limit(limit + 1)
        return self._prepare(select(func.count()).select_from(few.subquery()))

    def _bound(self, model: Resource, names: Sequence[str], caller: Caller) -> dict[str, ColumnElement[Any]]:
        """Columns and their bound values; beside parent and references what the table repeats of those records.

        Of a referred record that the caller cannot read that is nothing, which the table's checks refuse.
        """
        columns = self.tables.of[model.name].c
        values: dict[str, ColumnElement[Any]] = {name: param(f"v_{name}", columns[name].type) for name in names}
        for link, beside in self.tables.beside(model).items():
            if link in values:
                there = self.specification.target(model.name, link)
                target = self.tables.of[there].alias()
                readable = self._compilers[caller.asker].may("read", At(target, there))
                for name, source in beside.items():
                    found = select(target.c[source]).where(target.c.id == param(f"v_{link}"))
                    if link != model.parent:
                        found = found.where(readable)
                    values[name] = found.scalar_subquery()
        return values

    # --- memberships ---------------------------------------------------------------------

    def _put_membership(self, resource: str, caller: Caller) -> tuple[Prepared, Prepared]:
        """A membership in place of the account's present one, or a new one: see `domain.judging.may_put_membership`."""
        compiler, ladder = self._compilers[caller.asker], self.specification.resources[resource].ladder
        assert ladder is not None, "only resources with roles have members"
        shared, role = self.tables.of[resource].alias(), param("role", TEXT)
        at = At(shared, resource)
        joining = and_(param("account", UUID) == ME, role == ladder.weakest, compiler.may("open", at))
        giving = or_(compiler.may_give(role, at), joining if ladder.join_open else false())
        ended = not_(compiler.on_expiry(_MEMBERS))
        replacing = or_(ended, compiler.may_give(_MEMBERS.c.role, at))
        changed = (
            update(_MEMBERS)
            .values(role=role, expires_at=param("expires_at", INSTANT))
            .where(_named(resource), self._on_shared(shared, and_(giving, replacing), _MEMBERS), self._alive(caller))
        )
        values = {column.name: param(column.name, column.type) for column in _MEMBERS.c}
        present = exists(select(literal(1)).where(_named(resource)).correlate_except(_MEMBERS))
        added = (
            select(*values.values())
            .select_from(shared)
            .where(shared.c.id == param("record", UUID), not_(present), giving, self._alive(caller))
        )
        adding = insert(_MEMBERS).from_select(list(values), added)
        return self._prepare(changed, "record"), self._prepare(adding, "record")

    def _end_membership(self, resource: str, caller: Caller) -> Prepared:
        """The end of a membership: see `domain.judging.may_end_membership`."""
        compiler, shared = self._compilers[caller.asker], self.tables.of[resource].alias()
        taking = self._on_shared(shared, compiler.may_give(_MEMBERS.c.role, At(shared, resource)), _MEMBERS)
        own = _MEMBERS.c.account == ME
        return self._prepare(delete(_MEMBERS).where(_named(resource), or_(own, taking), self._alive(caller)), "record")

    def _add_link(self, resource: str, caller: Caller) -> Prepared:
        """A new secret link: see `domain.judging.may_link`."""
        shared, role = self.tables.of[resource].alias(), param("role", TEXT)
        values = {column.name: param(column.name, column.type) for column in _LINKS.c}
        mine = self._may_link(role, At(shared, resource), caller)
        there = and_(shared.c.id == param("record", UUID), param("resource", TEXT) == resource)
        added = select(*values.values()).select_from(shared).where(there, mine, self._alive(caller))
        return self._prepare(insert(_LINKS).from_select(list(values), added), "record")

    def _end_link(self, resource: str, caller: Caller) -> Prepared:
        """The end of a secret link: see `domain.judging.may_link`."""
        shared, role = self.tables.of[resource].alias(), _LINKS.c.role
        mine = self._may_link(role, At(shared, resource), caller)
        named = and_(_LINKS.c.id == ID, _LINKS.c.resource == resource)
        return self._prepare(
            delete(_LINKS).where(named, self._on_shared(shared, mine, _LINKS), self._alive(caller)), "record"
        )

    def _may_link(self, role: ColumnElement[str], at: At, caller: Caller) -> ColumnElement[bool]:
        """Whether a link can carry a role on the record at the position, and is the caller's to make and to end."""
        carried = role.in_(self.specification.resources[at.resource].linked_roles)
        return and_(carried, self._compilers[caller.asker].may_give(role, at))

    def _on_shared(self, shared: From, condition: ColumnElement[bool], given: Table) -> ColumnElement[bool]:
        """A condition on the record that a membership, a link, an invitation or an offer is of."""
        found = select(literal(1)).select_from(shared).where(shared.c.id == given.c.record, condition)
        return exists(found.correlate_except(shared))

    # --- invitations ---------------------------------------------------------------------

    def _invitations(self, resource: str, caller: Caller) -> Prepared:
        """Those that wait on a record that the caller may share."""
        compiler, shared = self._compilers[caller.asker], self.tables.of[resource].alias()
        waiting = and_(_INVITATIONS.c.resource == resource, _INVITATIONS.c.ends_at > NOW)
        return self._prepare(
            select(_INVITATIONS)
            .select_from(shared.join(_INVITATIONS, _INVITATIONS.c.record == shared.c.id))
            .where(shared.c.id == ID, waiting, compiler.may("share", At(shared, resource)), self._alive(caller))
            .order_by(_INVITATIONS.c.id.desc()),
            "id",
        )

    def _invite(self, resource: str, caller: Caller) -> tuple[Prepared, Prepared]:
        """The end of what has had its time and of what is replaced; and a new one: see `domain.judging.may_invite`."""
        shared, rules = self.tables.of[resource].alias(), self._compilers[caller.asker]
        at, record = At(shared, resource), param("record", UUID)
        here = and_(_INVITATIONS.c.record == record, _INVITATIONS.c.resource == resource)
        taking = self._on_shared(shared, rules.may_give(_INVITATIONS.c.role, at), _INVITATIONS)
        over = or_(_INVITATIONS.c.ends_at <= NOW, and_(_INVITATIONS.c.email == param("email"), taking))
        values = {column.name: param(column.name, column.type) for column in _INVITATIONS.c}
        own = param("inviter", UUID) == ME
        allowed = and_(shared.c.id == record, own, rules.may_give(param("role", TEXT), at), self._alive(caller))
        adding = insert(_INVITATIONS).from_select(
            list(values), select(*values.values()).select_from(shared).where(allowed)
        )
        clearing = delete(_INVITATIONS).where(here, over, self._alive(caller))
        return self._prepare(clearing, "record"), self._prepare(adding, "record")

    def _withdraw(self, resource: str, caller: Caller) -> Prepared:
        """The end of one to what the caller may give."""
        shared, compiler = self.tables.of[resource].alias(), self._compilers[caller.asker]
        this = and_(_INVITATIONS.c.id == param("invitation", UUID), _INVITATIONS.c.resource == resource)
        taking = self._on_shared(shared, compiler.may_give(_INVITATIONS.c.role, At(shared, resource)), _INVITATIONS)
        return self._prepare(delete(_INVITATIONS).where(this, taking, self._alive(caller)), "record")

    # --- offers --------------------------------------------------------------------------

    def _offer_of(self, resource: str, caller: Caller) -> Prepared:
        """The one of a record that the caller may hand over."""
        compiler, given = self._compilers[caller.asker], self.tables.of[resource].alias()
        waiting = and_(_OFFERS.c.resource == resource, _OFFERS.c.ends_at > NOW)
        return self._prepare(
            select(_OFFERS)
            .select_from(given.join(_OFFERS, _OFFERS.c.record == given.c.id))
            .where(given.c.id == ID, waiting, compiler.may("transfer", At(given, resource)), self._alive(caller)),
            "id",
        )

    def _put_offer(self, resource: str, caller: Caller) -> tuple[Prepared, Prepared]:
        """The end of an earlier one, whatever its time; and a new one of the caller's."""
        given, record = self.tables.of[resource].alias(), param("record", UUID)
        givable = self._compilers[caller.asker].may("transfer", At(given, resource))
        here = and_(_OFFERS.c.record == record, self._on_shared(given, givable, _OFFERS), self._alive(caller))
        values = {column.name: param(column.name, column.type) for column in _OFFERS.c}
        own = param("giver", UUID) == ME
        allowed = and_(given.c.id == record, own, givable, self._alive(caller))
        adding = insert(_OFFERS).from_select(list(values), select(*values.values()).select_from(given).where(allowed))
        return self._prepare(delete(_OFFERS).where(here), "record"), self._prepare(adding, "record")

    def _withdraw_offer(self, resource: str, caller: Caller) -> Prepared:
        """The end of one of a record that the caller may hand over."""
        given, compiler = self.tables.of[resource].alias(), self._compilers[caller.asker]
        this = and_(_OFFERS.c.id == param("offer", UUID), _OFFERS.c.resource == resource)
        givable = self._on_shared(given, compiler.may("transfer", At(given, resource)), _OFFERS)
        return self._prepare(delete(_OFFERS).where(this, givable, self._alive(caller)), "record")

    def _hand_over(self, resource: str) -> tuple[Prepared, ...]:
        """A record becomes the recipient's, to whom its caller offers it and may hand it over.

        The keys carry the owner down; roles end, links, and the offer.
        """
        table, rules = self.tables.of[resource], self._compilers[Asker.ACCOUNT]
        this = and_(_OFFERS.c.id == param("offer"), _OFFERS.c.record == ID, _OFFERS.c.resource == resource)
        mine = and_(_OFFERS.c.giver == ME, _OFFERS.c.recipient == RECIPIENT, _OFFERS.c.ends_at > NOW)
        offered = exists(select(literal(1)).where(this, mine).correlate_except(_OFFERS))
        givable = rules.may("transfer", At(table, resource))
        handing = update(table).values(owner=RECIPIENT, updated_at=NOW).where(table.c.id == ID, givable, offered)
        endings = self._ended_by_handing_over(resource, (RECIPIENT, ME, param("was_owner", UUID)))
        over = delete(_OFFERS).where(_OFFERS.c.id == param("offer"))
        return tuple(map(self._prepare, (handing, *endings, over)))

    def _ended_by_handing_over(self, resource: str, whose: Sequence[ColumnElement[Any]]) -> Iterator[Delete]:
        """On a record and all below it the memberships of some accounts, and every secret link."""
        gone = self._gone(resource, following=False)
        yield delete(_MEMBERS).where(_MEMBERS.c.record.in_(select(gone.c.id)), _MEMBERS.c.account.in_(whose))
        if self.linked:
            yield delete(_LINKS).where(_LINKS.c.record.in_(select(gone.c.id)))

    # --- deleting ------------------------------------------------------------------------

    def _gone(self, resource: str, following: bool = True) -> Any:
        """The record, what is below it and what follows by reference, as rows of resource and id.

        See `domain.deletion.going`; without `following` only what is below.
        """
        gone = select(literal(resource).label("resource"), ID.label("id")).cte("_gone", recursive=True)
        steps: list[Step] = []
        for name, ties in self._going(resource, following).items():
            for link, column in ties:
                table = self.tables.of[link].alias()
                hangs = table.c[column] == gone.c.id
                steps.append(((literal(link), table.c.id), table, hangs, gone.c.resource == name))
        return closure(gone, steps, self.dialect)

    def _going(self, resource: str, following: bool = True) -> dict[str, list[tuple[str, str]]]:
        """The resources whose records can go with one of `resource`, each with what hangs on it and by which name."""
        found: dict[str, list[tuple[str, str]]] = {}
        waiting = [resource]
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            ties = [(child.name, at) for child in self.specification.children(at)]
            if following:
                ties += [(r.name, f.name) for r, f in referring(self.specification, at) if f.when_gone == "delete"]
            found[at] = ties
            waiting += [link for link, _ in ties]
        return found

    def _obstacles(self, resource: str) -> Prepared:
        """Whether something kept, something locked, or a reference from outside forbids to delete the record."""
        return self._prepare(self._forbidding(resource))

    def _forbidding(self, resource: str) -> Select[Any]:
        gone = self._gone(resource)
        others = gone.c.id != ID
        reachable = self._going(resource)
        kept = [name for name in reachable if self.specification.resources[name].keep]
        is_kept = exists(select(literal(1)).select_from(gone).where(gone.c.resource.in_(kept), others))
        is_locked = [self._some_locked(gone, name, others) for name in reachable]
        is_referred = [
            self._some_referring(gone, name, referrer, field.name, field.when_gone)
            for name in reachable
            for referrer, field in referring(self.specification, name)
            if field.when_gone in (None, "block")
        ]
        reasons: list[Any] = [is_kept if kept else false(), or_(false(), *is_locked), or_(false(), *is_referred)]
        return select(*reasons)

    def _some_locked(self, gone: Any, name: str, others: ColumnElement[bool]) -> ColumnElement[bool]:
        chain = self.specification.chain(name)
        if all(self.specification.resources[above].locked is None for above in chain):
            return false()
        table = self.tables.of[name].alias()
        ways = (self.specification.up(name, above) for above in chain)
        locked = or_(false(), *(self._seeing_all[Asker.ACCOUNT].locked(At(table, name, way)) for way in ways))
        return exists(select(literal(1)).select_from(gone.join(table, table.c.id == gone.c.id)).where(others, locked))

    def _some_referring(
        self, gone: Any, name: str, referrer: Resource, field: str, when_gone: str | None
    ) -> ColumnElement[bool]:
        """A reference from a record that stays; unsaid it counts where both hang under the same root record."""
        chains = self.specification.chain(referrer.name), self.specification.chain(name)
        if when_gone is None and chains[0][-1] != chains[1][-1]:
            return false()
        staying, target = self.tables.of[referrer.name].alias(), self.tables.of[name].alias()
        source = gone.join(target, target.c.id == gone.c.id).join(staying, staying.c[field] == target.c.id)
        same_root: ColumnElement[bool] = true()
        if when_gone is None:
            same_root = self._root_id(staying, chains[0]) == self._root_id(target, chains[1])
        stays = not_(exists(select(literal(1)).select_from(again := gone.alias()).where(again.c.id == staying.c.id)))
        return exists(select(literal(1)).select_from(source).where(same_root, stays))

    def _root_id(self, table: From, chain: tuple[str, ...]) -> ColumnElement[Any]:
        """The id of the record at the top of the chain."""
        if len(chain) == 1:
            return table.c.id
        if len(chain) == 2:
            return table.c[chain[1]]
        above = self.tables.of[chain[1]].alias()
        hop = self._seeing_all[Asker.ACCOUNT].on_hop(At(table, chain[0]), Hop(chain[1], chain[1]), above)
        return select(self._root_id(above, chain[1:])).where(hop).correlate_except(above).scalar_subquery()

    def _shared(self, resource: str, following: bool) -> Prepared | None:
        """The records on which something is given among what goes (or moves) with a record; None where none can be."""
        if not any(self.specification.resources[name].has_people for name in self._going(resource, following)):
            return None
        gone = self._gone(resource, following)
        found = [select(given.c.record).where(given.c.record.in_(select(gone.c.id))) for given in self.shares()]
        return self._prepare(union(*found))

    def shares(self) -> tuple[Table, ...]:
        """Where it is kept who may do what on records: the tables that the specification has a use for."""
        return (_MEMBERS, *((_LINKS,) if self.linked else ()), _INVITATIONS, _OFFERS)

    def _close_account(self) -> tuple[Prepared, ...]:
        """Delete an account and what it owns, one after the other; what is kept passes to a tombstone."""
        return tuple(map(self._prepare, self._closing()))

    def _closing(self) -> Iterator[Any]:
        return ClosingCompiler(self.tables, self.dialect).statements()

    def below(self, resource: str) -> list[str]:
        """The resources under a resource, at any depth."""
        return [name for name in self._going(resource, following=False) if name != resource]

    def _alive(self, caller: Caller) -> ColumnElement[bool]:
        """The caller's session has not ended: asked within each statement, so that it costs no query of its own."""
        return session_alive(param("session", UUID), NOW) if caller.in_session else true()

    def _prepare(self, statement: Any, *shown: str) -> Prepared:
        """`shown`: the names of the values that are ids of the records that this is about."""
        return Prepared(statement, self.dialect, principal=Principal("me", shown))


def _named(resource: str) -> ColumnElement[bool]:
    """An account's membership on a record."""
    record, account = _MEMBERS.c.record == param("record", UUID), _MEMBERS.c.account == param("account", UUID)
    return and_(record, account, _MEMBERS.c.resource == resource)
