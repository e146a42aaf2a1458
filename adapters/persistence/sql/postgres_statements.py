"""The statements on records where the database has a wall of its own: row-level security, compiled from the same rules.

What looks beyond what the caller may see is asked by functions (`definers.py`). What must hold whoever writes is seen
to by policies, triggers and keys (`policies.py`), so that it is not asked here a second time.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    and_,
    case,
    column,
    exists,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy import table as new_table
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import FromClause

from adapters.persistence.sql.builtin import MembershipRow, OfferRow, table_of
from adapters.persistence.sql.connection import Prepared, Principal, param
from adapters.persistence.sql.definers import (
    INSIDE,
    MOMENT,
    BehindWall,
    Definers,
    Inside,
    Wording,
    quoted,
    text_literal,
)
from adapters.persistence.sql.definers import ME as ME_THERE
from adapters.persistence.sql.dialects import UUID
from adapters.persistence.sql.facts import FactsColumns
from adapters.persistence.sql.identity import session_alive
from adapters.persistence.sql.lists import ListShape
from adapters.persistence.sql.rules import ME, NOW, Asker, At, RuleCompiler
from adapters.persistence.sql.statements import ACCOUNT, CALLERS, ENGINE, ID, LINK, SESSION, Caller, Statements
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import RecordColumns, ViewColumns
from application.ports import Sort
from application.records import LARGEST_LIMIT
from domain.plain import Plain
from domain.specification.model import Hop, Path, Through

ANYBODY = Caller(Asker.ACCOUNT, True)
"""of a function: with an account or without, in a session or not"""
LIMITS = (2, 11, 21, 51, 101, LARGEST_LIMIT + 1)
"""of statements on lists: each is one more to build, so that a page takes the next larger"""
_MEMBERS, _OFFERS = table_of(MembershipRow), table_of(OfferRow)
SESSION_ID: ColumnElement[Any] = param("session", UUID)


class PostgresStatements(Statements):
    """See above."""

    def __init__(self, tables: Tables, dialect: Dialect, compiler: type[RuleCompiler] = Inside) -> None:
        """`compiler` makes the rules within functions."""
        self.definers = Definers()
        super().__init__(tables, dialect, lambda tables, asker: BehindWall(compiler, self.definers, tables, asker))
        self.inside = compiler(tables, Asker.ACCOUNT)
        self.plain = Plain(tables.specification)
        self.add_plain = cache(self._add_plain)
        self.change_plain = cache(self._change_plain)
        self._seeing_all = dict.fromkeys(Asker, self.inside)

    def every_definer(self) -> Definers:
        """All functions that a statement on this specification can ask."""
        for name, resource in self.specification.resources.items():
            for caller in (*CALLERS, LINK) if self.linked else CALLERS:
                self.view(name, caller)
                self.readable(name, caller)
                self.decisions(name, caller)
                self.page(_newest(name), caller)
            for caller in CALLERS:
                self.insert(name, caller)
                self.delete(name, caller)
                for names in (tuple(resource.fields), (*resource.fields, *filter(None, [resource.parent]))):
                    self.update(name, names, caller)
                self.members(name, caller)
            for action, changing in (("open", True), ("open", False), ("read", False)):
                self.facts(name, action, changing, ANYBODY)
            self.obstacles(name)
            footprint = self.footprints[name]
            for hop, (ways, roles) in footprint.beyond().items():
                self.facts_around(hop.resource, ways, roles)
            for _, through in footprint.throughs:
                self.ties(through)
            if resource.ladder is not None:
                for caller in (SESSION, ENGINE):
                    self.put_membership(name, caller)
                    self.end_membership(name, caller)
                    if resource.links is not None:
                        self.add_link(name, caller)
                        self.end_link(name, caller)
                self.invitations(name, SESSION)
                self.invite(name, SESSION)
                self.withdraw(name, SESSION)
            if resource.rule("transfer"):
                self.offer_of(name, SESSION)
                self.put_offer(name, SESSION)
                self.withdraw_offer(name, SESSION)
                self.hand_over(name)
            if name in self.plain.created:
                self.add_plain(name)
            if self.plain.changed[name]:
                self.change_plain(name)
        self.close_account()
        return self.definers

    def shared_below(self, resource: str) -> bool:
        """Whether what moves with a record can have members."""
        return any(self.specification.resources[name].ladder for name in self._going(resource, following=False))

    def moving_along(self, resource: str) -> Any:
        """The record and all below it, as rows of resource and id."""
        return self._gone(resource, following=False)

    # --- plain writes --------------------------------------------------------------------

    def _add_plain(self, resource: str) -> tuple[Prepared, ViewColumns]:
        """A new record of an account that may create and open it, and open its parent: see `domain.plain`.

        The rule is asked of the record before it is stored, and so is how it is seen: all of it is known then.
        """
        table, model, rules = (
            self.tables.of[resource],
            self.specification.resources[resource],
            self._compilers[Asker.ACCOUNT],
        )
        # by their names: within an INSERT nothing is correlated
        wanted, made = (new_table(name, *(column(c.name, c.type) for c in table.c)) for name in ("_wanted", "_made"))
        values = self._bound(model, self.records[resource].names, ACCOUNT) | {"owner": ME}
        there: ColumnElement[bool] = true()
        if model.parent is not None:
            above = self.tables.of[model.parent].alias()
            values["owner"] = above.c.owner
            there = and_(above.c.id == param(f"v_{model.parent}", UUID), rules.may("open", At(above, model.parent)))
        source = select(*(value.label(name) for name, value in values.items())).where(there)
        at, seen = At(wanted, resource), ViewColumns(rules, model, made)
        allowed = and_(rules.opening(model.rule("create"), at), self._alive(ANYBODY))
        chosen = select(*(wanted.c[name] for name in values)).select_from(wanted).where(allowed)
        writing = insert(table).from_select(list(values), select(*(made.c[name] for name in values)).select_from(made))
        steps = (source.cte(wanted.name), chosen.cte(made.name), writing.cte("_written"))
        found = select(*seen.columns).select_from(made).add_cte(*steps)
        rows = self.definers.write(f"{self._plural(resource)}_add", found, "a new record, and how the account sees it")
        return self._prepare(select(*rows.c), *([] if model.parent is None else [f"v_{model.parent}"])), seen

    def _change_plain(self, resource: str) -> tuple[Prepared, ViewColumns]:
        """Fields of a record that an account may update, those that are `given_…` and if one differs."""
        table, model = self.tables.of[resource], self.specification.resources[resource]
        compiler, at = self._compilers[Asker.ACCOUNT], At(table, resource)
        seen = ViewColumns(compiler, model, table)
        values: dict[str, ColumnElement[Any]] = {"updated_at": NOW}
        differing = []
        for name in self.plain.changed[resource]:
            given, value = param(f"given_{name}", Boolean()), param(f"v_{name}", table.c[name].type)
            values[name] = case((given, value), else_=table.c[name])
            differing.append(and_(given, table.c[name].is_distinct_from(value)))
        allowed = and_(compiler.may("update", at), self._alive(ANYBODY))
        written = update(table).values(values).where(table.c.id == ID, allowed, or_(*differing))
        about = "a change of fields that no rule looks at, and how the account sees the record then"
        rows = self.definers.write(f"{self._plural(resource)}_change", written.returning(*seen.columns), about)
        return self._prepare(select(*rows.c), "id"), seen

    # --- asked by functions --------------------------------------------------------------

    def _facts(self, resource: str, action: str, changing: bool, caller: Caller) -> tuple[Prepared, FactsColumns]:
        columns = self._columns(resource, self.footprints[resource].ways, self.footprints[resource].roles)
        statement, table = columns.select()
        allowed = self._seeing_all[Asker.ACCOUNT].may(action, At(table, resource))
        found = statement.where(table.c.id == ID, allowed, self._alive(ANYBODY))
        name = f"{self._plural(resource)}_{'facts' if changing else f'to_{action}'}"
        what = f"a record that the account can {action}, with what its rules ask for"
        held = "for a change" if changing else "for others to hang on it, or to refer to it"
        about, hold = f"{what}; held until the work ends, {held}", self._hold(resource, action, changing)
        if not changing:
            return self._asked(name, found, about, hold), columns
        # also asked at an instant, which holds nothing
        seen, holding = self.definers.rows(None, found, what), self.definers.rows(name, found, about, hold)
        principal = Principal("me", ("id",))
        return Prepared(select(*seen.c), self.dialect, select(*holding.c), principal=principal), columns

    def _facts_around(
        self, resource: str, ways: tuple[Path, ...], roles: tuple[Path, ...]
    ) -> tuple[Prepared, FactsColumns]:
        columns = self._columns(resource, ways, roles)
        statement, table = columns.select()
        rules, at = self._seeing_all[Asker.ACCOUNT], At(table, resource)
        found = statement.where(table.c.id == ID, or_(rules.may("open", at), rules.may("read", at)))
        about = "a record that the account can open or read, with what rules further along ask for"
        return self._asked(None, found, about), columns

    def _ties(self, through: Through) -> tuple[Prepared, RecordColumns, RecordColumns]:
        found, links, containers = self._tying(through)
        about = "what ties a record to containers of which the account is a member"
        return self._asked(None, found, about), links, containers

    def _obstacles(self, resource: str) -> Prepared:
        table, rules = self.tables.of[resource].alias(), self._seeing_all[Asker.ACCOUNT]
        found = select(literal(1)).select_from(table).where(table.c.id == ID, rules.may("delete", At(table, resource)))
        mine = exists(found.correlate_except(table))
        about = "why a record that the account may delete cannot be deleted; held until the work ends, for its deletion"
        # whoever works below it is waited for: what it does there may be an obstacle
        name, hold = f"{self._plural(resource)}_obstacles", found.suffix_with(text("FOR UPDATE"))
        return self._asked(name, self._forbidding(resource).where(mine), about, hold)

    def _hand_over(self, resource: str) -> tuple[Prepared, ...]:
        """By one function, which the recipient asks: a policy would ask whether the giver may do what it does no more.

        The giver's right is asked in its name, which the function takes on for that one question.
        """
        table, plural = self.tables.of[resource], self._plural(resource)
        wording = Wording({**INSIDE, "id": "$2"})
        whose: list[ColumnElement[Any]] = [literal_column(name) for name in ("taker", "whose", "before")]
        endings = "; ".join(map(wording.text, self._ended_by_handing_over(resource, whose)))
        givable = wording.condition(self.inside.may("transfer", At(table, resource)), table)
        body = f"""
DECLARE taker uuid := {ME_THERE}; whose uuid; before uuid;
BEGIN
  SELECT giver INTO whose FROM {_OFFERS.name} WHERE id = $1 AND record = $2 AND resource = {text_literal(resource)}
    AND recipient = taker AND ends_at > {MOMENT} FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.account', whose::text, true);
  SELECT owner INTO before FROM {quoted(plural)} WHERE id = $2 AND ({givable});
  PERFORM set_config('app.account', taker::text, true);
  IF before IS NULL THEN RETURN; END IF;
  {endings};
  UPDATE {quoted(plural)} SET owner = taker, updated_at = {MOMENT} WHERE id = $2;
  DELETE FROM {_OFFERS.name} WHERE id = $1;
  RETURN QUERY SELECT $2;
END"""  # noqa: S608 - names of ours
        about = "the record, and all below it, become the account's, to whom it is offered by whoever may"
        found = self.definers.asked(f"{plural}_hand_over", body, about, offer=UUID, id=UUID)
        return (Prepared(select(*found.c), self.dialect, principal=Principal("recipient", ("id",))),)

    def _close_account(self) -> tuple[Prepared, ...]:
        about = "delete the account and all that it owns; what is kept passes to a tombstone"
        words = {"account": "freehold.me()", "password_hash": "'!'", "staff": "NULL", "disabled": "true"}
        # who adds something below a record of the account is waited for: it may be something that is kept
        roots = [self.tables.of[name] for name, model in self.specification.resources.items() if model.parent is None]
        owner = param("account", UUID)
        held = [select(literal(1)).where(root.c.owner == owner).with_for_update() for root in roots]
        closing = self.definers.statements("close_account", [*held, *self._closing()], words, about)
        return (Prepared(closing, self.dialect, principal=Principal("account")),)

    def _asked(self, name: str | None, found: Select[Any], about: str, hold: Select[Any] | None = None) -> Prepared:
        table = self.definers.rows(name, found, about, hold)
        return self._prepare(select(*table.c), "id")

    def _hold(self, resource: str, action: str, changing: bool) -> Select[Any]:
        """Let nobody change the record that the caller may do the action on, nor what is above it, nor rights there.

        What is not to be changed is shared with whoever works below it, too; from the top down, as a deletion locks.
        """
        rules, chain = self._seeing_all[Asker.ACCOUNT], self.specification.chain(resource)
        held = [self.tables.of[name].alias(f"held_{i}") for i, name in enumerate(chain)]
        source: FromClause = held[0]
        for lower, upper, name, above in zip(held, held[1:], chain, chain[1:], strict=False):
            source = source.join(upper, rules.on_hop(At(lower, name), Hop(above, above), upper))
        locks = [f"FOR SHARE OF held_{i}" for i in reversed(range(1, len(held)))]
        locks.append(f"FOR {'NO KEY UPDATE' if changing else 'SHARE'} OF held_0")
        allowed = and_(rules.may(action, At(held[0], resource)), self._alive(ANYBODY))
        return select(literal(1)).select_from(source).where(held[0].c.id == ID, allowed).suffix_with(*map(text, locks))

    def limit(self, rows: int) -> int:
        """In the text: of a limit that is a value the planner expects the worst, and plans anew for each page."""
        return next(each for each in LIMITS if each >= rows)

    # --- seen to by the database ---------------------------------------------------------

    def _created(self, resource: str, caller: Caller) -> None:
        return None

    def _placed(self, resource: str, caller: Caller) -> None:
        return None

    def _owned(self, resource: str) -> None:
        return None

    def _shared(self, resource: str, following: bool) -> None:
        return None

    def _alive(self, caller: Caller) -> ColumnElement[bool]:
        if caller is ANYBODY:
            return or_(SESSION_ID.is_(None), session_alive(SESSION_ID, NOW))
        return super()._alive(caller)

    def _plural(self, resource: str) -> str:
        return self.specification.resources[resource].plural


def _newest(resource: str) -> ListShape:
    return ListShape(resource, (), (Sort("id", True),), None, LIMITS[0])
