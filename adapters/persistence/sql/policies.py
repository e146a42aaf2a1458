"""The second wall: row-level security for every table, compiled from the rules that the application asks too.

A policy is the rule over the row at hand, with `freehold.me()` for the caller. What it must know of other records it
asks of functions (`definers.py`). Nothing is visible and nothing can be written while nobody is named as the caller.

| command | the old row | the new row |
|---|---|---|
| SELECT | may `read`; or shows the id, and may `open` | |
| INSERT | | may `create` and `open`; a root is the caller's |
| UPDATE | may `open`, and `update`, `move` or take a step | may `update`, or take a step |
| DELETE | may `delete` | |

A new record stands below a parent that its writer may `open`. One with another parent than before is one that the
writer may `move`, and `create` there. What a row refers to, and did not before, its writer may `read`.

A secret link is no caller of these: it has a SELECT policy of its own on what it can open, and none that writes.

Which columns can change at all is a matter of privileges: no id, no owner (but by a move), nothing that the engine
writes. Which fields, and which steps from one value to another, is the application's to see to: a policy knows
rows. Limits and the end of memberships are seen to by triggers, so that they hold whoever writes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    false,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.sql import visitors

from adapters.persistence.sql.builtin import (
    AccountRow,
    ApiKeyRow,
    AuditRow,
    IdempotencyKeyRow,
    InvitationRow,
    LetterRow,
    LinkRow,
    MembershipRow,
    OfferRow,
    RefreshTokenRow,
    SecondFactorRow,
    SecretLinkRow,
    SessionRow,
    SigningKeyRow,
    table_of,
)
from adapters.persistence.sql.connection import param
from adapters.persistence.sql.definers import (
    INSIDE,
    LINK,
    LINKED,
    MOMENT,
    PRESENT,
    BehindWall,
    Definer,
    Wording,
    quoted,
    said,
    text_literal,
)
from adapters.persistence.sql.definers import ME as ME_HERE
from adapters.persistence.sql.dialects import TEXT, UUID
from adapters.persistence.sql.postgres_statements import PostgresStatements
from adapters.persistence.sql.rules import ME, Asker, At
from domain.record import writable
from domain.specification.model import Field, Hop, Resource

ONCE = said(f"(SELECT {ME_HERE})", f"(SELECT {MOMENT})", f"(SELECT {LINK})")
"""in a policy on many rows: asked once for a statement. Of the few that are written it costs more than it saves"""
SHOWN = "(SELECT freehold.presented())"
ONE_SHOWN: ColumnElement[Any] = literal_column(f"ANY (string_to_array(coalesce({SHOWN}, ''), ' '))")
"""one of the ids that are shown; where none are, no row is asked further, as it would be after NULL"""
_MEMBERSHIPS = table_of(MembershipRow)
_WORDS = (
    ("me", "uuid", "nullif(nullif(current_setting('app.account', true), ''), 'anonymous')::uuid", "the acting account"),
    ("present", "boolean", "coalesce(current_setting('app.account', true), '') <> ''", "whether anybody acts"),
    (
        "presented",
        "text",
        "nullif(current_setting('app.presented', true), '')",
        "an id, address or hash that was shown",
    ),
    ("link", "text", "nullif(current_setting('app.link', true), '')", "the hash of the acting link's token"),
    ("service", "text", "nullif(current_setting('app.service', true), '')", "what the service does, for nobody"),
    ("moment", "timestamptz", "{moment}", "the instant by which memberships and conditions are judged"),
    (
        "engine",
        "boolean",
        "coalesce(current_setting('app.engine', true), '') <> '' AND freehold.by_engine_key()",
        "whether the engine acts, which is asked of the table only where somebody says so",
    ),
)
_BY_ENGINE_KEY = f"""BEGIN RETURN EXISTS (
  SELECT 1 FROM {table_of(ApiKeyRow).name} WHERE id = nullif(current_setting('app.engine', true), '')::uuid
    AND account IS NULL AND revoked_at IS NULL AND expires_at > freehold.moment()
); END"""  # noqa: S608 - names of ours
OWN_CLOCK, TOLD_CLOCK = "now()", "nullif(current_setting('app.now', true), '')::timestamptz"
"""the database's own; or what it is told, for tests and proofs of other days"""


def words(moment: str, tables_in: str) -> Iterator[str]:
    """What makes the functions that read the settings of a transaction.

    Each is one expression, so that it is inlined. What it names is bound when it is made, and not looked for in its
    caller's search path.
    """
    about = "whether there is such a key of the engine, and it counts"
    yield from Definer("by_engine_key", (), "boolean", _BY_ENGINE_KEY, False, about).sql(tables_in)
    for name, kind, reads, about in _WORDS:
        reads = reads.format(moment=moment)
        yield f"CREATE FUNCTION freehold.{name}() RETURNS {kind} LANGUAGE sql STABLE RETURN {reads}"
        yield f"COMMENT ON FUNCTION freehold.{name}() IS {text_literal(about)}"


@dataclass(frozen=True)
class Policy:
    """What a command may see and leave, as SQL."""

    table: str
    command: str
    using: str | None
    check: str | None = None
    whose: str = ""
    """behind the command in its name, where there are several"""

    @property
    def name(self) -> str:
        """One for each command, but for links."""
        return f"freehold_{self.command.lower()}{self.whose}"

    def __str__(self) -> str:
        """The statement that makes it."""
        using = "" if self.using is None else f" USING ({self.using})"
        check = "" if self.check is None else f" WITH CHECK ({self.check})"
        return f"CREATE POLICY {self.name} ON {quoted(self.table)} FOR {self.command} TO PUBLIC{using}{check}"


@dataclass(frozen=True)
class Grants:
    """What the application's role may do with a table, as SQL: verbs, and the columns of an UPDATE."""

    table: str
    verbs: tuple[str, ...]
    columns: tuple[str, ...] = ()
    inserted: tuple[str, ...] = ()
    """the columns of an INSERT; all where there are none"""

    def privileges(self) -> Iterator[str]:
        """One by one."""
        yield from self.verbs
        yield from (f"INSERT ({name})" for name in self.inserted)
        yield from (f"UPDATE ({name})" for name in self.columns)

    def __str__(self) -> str:
        """What stands between GRANT and TO."""
        verbs = list(self.verbs)
        if self.inserted:
            verbs.append(f"INSERT ({', '.join(map(quoted, self.inserted))})")
        if self.columns:
            verbs.append(f"UPDATE ({', '.join(map(quoted, self.columns))})")
        return f"{', '.join(verbs)} ON {quoted(self.table)}"


class _InPolicy(BehindWall):
    """Rules in policies: the caller may be anonymous, which there is an account that is NULL."""

    def on_signed_in(self) -> ColumnElement[bool]:
        """See `RuleCompiler`."""
        return ME.is_not(None)

    def on_engine(self) -> ColumnElement[bool]:
        """See `RuleCompiler`. Asked once for a statement."""
        if self.asker is Asker.LINK:
            return super().on_engine()
        return literal_column("(SELECT freehold.engine())", Boolean())


class Policies:
    """The policies, functions and triggers of one specification."""

    def __init__(self, statements: PostgresStatements) -> None:
        """Everything is compiled here."""
        self._tables = statements.tables
        self._specification = statements.specification
        self._resources = self._specification.resources.values()
        self._statements = statements
        self._definers = statements.every_definer()
        self._inside = statements.inside
        kind = type(statements.inside)
        self._rules, self._by_link = (
            _InPolicy(kind, self._definers, self._tables, asker) for asker in (Asker.ACCOUNT, Asker.LINK)
        )
        self._inside_link = kind(self._tables, Asker.LINK)
        self.triggers: list[str] = []
        self.policies = [policy for resource in self._resources for policy in self._of(resource)]
        if statements.linked:
            self.policies += [policy for resource in self._resources for policy in self._for_links(resource)]
        self.policies += [*self._of_memberships(), *self._of_links(), *self._of_invitations(), *self._of_offers()]
        self.policies += _BUILT_IN
        self.grants = [self._granted(resource) for resource in self._resources] + _GRANTED
        self._see_to_limits_and_memberships()

    def functions(self, tables_in: str) -> Iterator[str]:
        """What makes the functions, in the order of their names."""
        for name in sorted(self._definers.made):
            yield from self._definers.made[name].sql(tables_in)

    # --- records -------------------------------------------------------------------------

    def _of(self, resource: Resource) -> Iterator[Policy]:
        table, rules = self._tables.of[resource.name], self._rules
        at, plural = At(table, resource.name), resource.plural
        # Asked of the record as it is stored: of one that is being changed the old row, for its writer may leave it so
        # that it cannot open it any more.
        shown = and_(cast(table.c.id, Text) == ONE_SHOWN, self._stored(resource, "opens", "open"))
        seen = Wording(ONCE).condition(or_(rules.may("read", at), shown), table)
        yield Policy(plural, "SELECT", f"(SELECT {PRESENT}) AND ({seen})")
        placed = rules.placing(at)
        opens = rules.opens(at, resource.rule("create"))
        own = table.c.owner == ME if resource.parent is None else true()
        readable = {field.name: self._readable(at, field) for field in resource.references()}
        yield Policy(plural, "INSERT", None, self._text(and_(own, placed, opens, *readable.values()), table))
        steps = [step.rule for steps in resource.steps.values() for step in steps]
        updates = rules.on_rule(resource.rule("update"), at)
        changing = dict.fromkeys(chain(resource.rule("update"), resource.rule("move"), *steps))
        using = rules.opening(tuple(changing), at)
        check = or_(updates, self._steps(resource)) if steps else updates
        if resource.rule("move"):
            stays = self._same(resource, str(resource.parent))
            moved = and_(self._stored(resource, "moves", "move"), placed)
            check = case((stays, check), else_=moved)
        elif not steps and not _read(updates, table) & set(self._granted(resource).columns):
            check = true()  # nothing that it reads can be changed: it was asked of the old row
        referring = [or_(reads, self._same(resource, name)) for name, reads in readable.items()]
        yield Policy(plural, "UPDATE", self._text(using, table), self._text(and_(check, *referring), table))
        yield Policy(plural, "DELETE", self._text(rules.may("delete", at), table))

    def _for_links(self, resource: Resource) -> Iterator[Policy]:
        """What a secret link shows. No other policy holds for one: it is not `present`, and so it changes nothing."""
        table, rules = self._tables.of[resource.name], self._by_link
        at = At(table, resource.name)
        if next(rules.possible(resource.rule("open"), resource.name), None) is None:
            return
        about = "whether the acting link opens the stored record"
        opens = self._asked(
            resource, "opens_by_link", about, lambda at: self._inside_link.may("open", at), present=LINKED
        )
        shown = and_(cast(table.c.id, Text) == ONE_SHOWN, opens)
        seen = Wording(ONCE).condition(or_(rules.may("read", at), shown), table)
        yield Policy(resource.plural, "SELECT", f"(SELECT {LINK}) IS NOT NULL AND ({seen})", whose="_by_link")

    def _asked(
        self,
        resource: Resource,
        verb: str,
        about: str,
        says: Callable[[At], ColumnElement[bool]],
        record: ColumnElement[Any] | None = None,
        present: str = PRESENT,
        **values: ColumnElement[Any],
    ) -> ColumnElement[bool]:
        """What `says` says of a record as it is stored, by its id: the row's own, or what a membership names."""
        stored = self._tables.of[resource.name].alias()
        named = self._tables.of[resource.name].c.id if record is None else record
        name = f"{resource.plural}_{verb}"[:63]
        asked = says(At(stored, resource.name))
        return self._definers.of_stored(name, asked, stored, about, present, id=named, **values)

    def _stored(self, resource: Resource, verb: str, action: str) -> ColumnElement[bool]:
        """Whether the caller may do the action on the record as it is stored."""
        about = f"whether the account may {action} the stored record"
        return self._asked(resource, verb, about, lambda at: self._inside.may(action, at))

    def _steps(self, resource: Resource) -> ColumnElement[bool]:
        """Whether the caller may take some step from the record as it is stored."""

        def some(at: At) -> ColumnElement[bool]:
            steps = [self._inside.on_rule(step.rule, at) for steps in resource.steps.values() for step in steps]
            return and_(self._inside.may("open", at), or_(*steps))

        return self._asked(resource, "steps", "whether the account may take a step from the stored record", some)

    def _readable(self, at: At, field: Field) -> ColumnElement[bool]:
        """Whether a reference is empty, or names what the caller can read."""
        return or_(
            at.table.c[field.name].is_(None), self._rules.may("read", at.on((Hop(field.name, str(field.target)),)))
        )

    def _same(self, resource: Resource, name: str) -> ColumnElement[bool]:
        """Whether the stored record, which the caller can open, has the same parent or reference as the new one."""

        def same(at: At) -> ColumnElement[bool]:
            return and_(at.table.c[name] == param("named", UUID), self._inside.may("open", at))

        about, named = f"whether a change leaves `{name}` as it is", self._tables.of[resource.name].c[name]
        return self._asked(resource, f"same_{name}", about, same, named=named)

    def _granted(self, resource: Resource) -> Grants:
        changes = resource.rule("update") or resource.steps
        changing = [
            name for name in writable(resource) if (resource.rule("move") if name == resource.parent else changes)
        ]
        beside = self._tables.beside(resource)
        repeated = [name for link in changing for name in beside.get(link, {})]
        moved = ["owner"] if resource.parent in changing else []
        columns = dict.fromkeys([*changing, *repeated, *moved, "updated_at"])
        return Grants(resource.plural, ("SELECT", "INSERT", "DELETE"), tuple(columns))

    def _text(self, condition: ColumnElement[bool], table: Table) -> str:
        return f"{PRESENT} AND ({Wording(INSIDE).condition(condition, table)})"

    # --- memberships ---------------------------------------------------------------------

    def _of_memberships(self) -> Iterator[Policy]:
        """A membership's own policy looks at its own columns; what its record says is asked of functions."""
        members = table_of(MembershipRow)
        own = members.c.account == ME
        seen, given, joined = [], [], []
        for resource in self._resources:
            if resource.ladder is None:
                continue
            here = members.c.resource == resource.name
            seen.append(and_(here, self._members(resource)))
            given.append(and_(here, self._gives(resource, members)))
            if resource.ladder.join_open:
                weakest = members.c.role == resource.ladder.weakest
                joined.append(and_(here, own, weakest, self._joinable(resource)))
        ended = members.c.expires_at <= param("now", members.c.expires_at.type)
        gives = or_(*given) if given else literal_column("false")
        stores = or_(gives, *joined)
        name = members.name
        yield Policy(name, "SELECT", self._text(or_(own, *seen), members))
        yield Policy(name, "INSERT", None, self._text(stores, members))
        yield Policy(name, "UPDATE", self._text(or_(ended, gives), members), self._text(stores, members))
        yield Policy(name, "DELETE", self._text(or_(own, gives), members))

    def _of_links(self) -> Iterator[Policy]:
        """A link shows itself to whoever has its token; who may share a record sees, makes and ends those to it."""
        links = table_of(SecretLinkRow)
        seen, given = [], []
        for resource in self._resources:
            if not resource.linked_roles:
                continue
            here = links.c.resource == resource.name
            seen.append(and_(here, self._shares(resource)))
            given.append(and_(here, links.c.role.in_(resource.linked_roles), self._gives(resource, links)))
        sees, gives = (self._text(or_(false(), *each), links) for each in (seen, given))
        own = f"hash = {SHOWN} OR hash = (SELECT {LINK})"
        yield Policy(links.name, "SELECT", f"{own} OR ({sees})")
        yield Policy(links.name, "INSERT", None, gives)
        yield Policy(links.name, "DELETE", gives)

    def _shares(self, resource: Resource) -> ColumnElement[bool]:
        """Whether the caller may share the record of a link."""
        about, record = "whether the account may share", table_of(SecretLinkRow).c.record
        return self._asked(resource, "shares", about, lambda at: self._inside.may("share", at), record)

    def _members(self, resource: Resource) -> ColumnElement[bool]:
        """Whether the caller sees who is a member of a record: by `members`, or because it may share."""
        about = "whether the account may see or change who is a member"
        return self._asked(
            resource,
            "members",
            about,
            lambda at: or_(self._inside.may("members", at), self._inside.may("share", at)),
            table_of(MembershipRow).c.record,
        )

    def _of_invitations(self) -> Iterator[Policy]:
        """One is seen by whoever may answer it or share its record; the service sees that of which it writes."""
        table = table_of(InvitationRow)
        shown: ColumnElement[Any] = literal_column(SHOWN)
        own = or_(table.c.account == ME, table.c.hash == shown)
        gives, shares = [], []
        for resource in self._resources:
            if resource.ladder is not None:
                here = table.c.resource == resource.name
                gives.append(and_(here, self._gives(resource, table)))
                shares.append(and_(here, self._may_share(resource, table)))
        giving, sharing = or_(literal_column("false"), *gives), or_(literal_column("false"), *shares)
        over = and_(table.c.ends_at <= param("now", table.c.ends_at.type), sharing)
        written = f"{_MAIL} AND (CAST(id AS text) = {SHOWN} OR email = {SHOWN})"
        name = table.name
        yield Policy(name, "SELECT", f"({written}) OR ({self._text(or_(own, sharing), table)})")
        yield Policy(name, "INSERT", None, self._text(and_(table.c.inviter == ME, giving), table))
        yield Policy(name, "UPDATE", written, written)
        yield Policy(name, "DELETE", self._text(or_(own, giving, over), table))

    def _of_offers(self) -> Iterator[Policy]:
        """One is seen, and ended, by its recipient and by whoever may hand the record over."""
        table, givable = table_of(OfferRow), list[ColumnElement[bool]]()
        for resource in self._resources:
            if resource.rule("transfer"):
                givable.append(and_(table.c.resource == resource.name, self._givable(resource, table)))
        giving = or_(literal_column("false"), *givable)
        theirs = self._text(or_(table.c.recipient == ME, giving), table)
        yield Policy(table.name, "SELECT", theirs)
        yield Policy(table.name, "INSERT", None, self._text(and_(table.c.giver == ME, giving), table))
        yield Policy(table.name, "DELETE", theirs)

    def _givable(self, resource: Resource, row: Table) -> ColumnElement[bool]:
        """Whether the caller may hand a record over."""
        about = "whether the account may hand the record over"
        return self._asked(resource, "givable", about, lambda at: self._inside.may("transfer", at), row.c.record)

    def _may_share(self, resource: Resource, row: Table) -> ColumnElement[bool]:
        """Whether the caller may share a record."""
        about = "whether the account may share the record"
        return self._asked(resource, "may_be_shared", about, lambda at: self._inside.may("share", at), row.c.record)

    def _gives(self, resource: Resource, row: Table = _MEMBERSHIPS) -> ColumnElement[bool]:
        """Whether the caller may give a role on a record, or take it; by a membership, or by a link."""
        about = "whether the account may give a role, or take it"
        given = param("role", TEXT)
        return self._asked(
            resource, "gives", about, lambda at: self._inside.may_give(given, at), row.c.record, role=row.c.role
        )

    def _joinable(self, resource: Resource) -> ColumnElement[bool]:
        """Whether the caller may open the record of a membership."""
        about, row = "whether the account may open the record of a membership", table_of(MembershipRow)
        return self._asked(resource, "may_be_joined", about, lambda at: self._inside.may("open", at), row.c.record)

    # --- what holds whoever writes -------------------------------------------------------

    def _see_to_limits_and_memberships(self) -> None:
        if any(resource.has_people for resource in self._resources):
            ended = param("id", UUID)
            endings = (
                Wording({"id": "OLD.id"}).text(delete(given).where(given.c.record == ended))
                for given in self._statements.shares()
            )
            body = f"BEGIN {'; '.join(endings)}; RETURN NULL; END"
            self._definers.trigger("end_memberships", body, "what is given on a record ends with it")
        for resource in self._resources:
            plural = resource.plural
            if resource.has_people:
                self._trigger("ended", "AFTER DELETE", plural, "end_memberships")
            if resource.rule("move") and self._statements.shared_below(resource.name):
                self._end_memberships_of_what_moves(resource)
            if resource.limit is not None:
                self._limit(resource, resource.limit)

    def _end_memberships_of_what_moves(self, resource: Resource) -> None:
        parent, moved = quoted(str(resource.parent)), self._statements.moving_along(resource.name)
        endings = (
            Wording({"id": "NEW.id"}).text(delete(given).where(given.c.record.in_(select(moved.c.id))))
            for given in self._statements.shares()
        )
        name = f"{resource.plural}_moved"
        body = f"BEGIN {'; '.join(endings)}; RETURN NULL; END"
        self._definers.trigger(name, body, "memberships and links do not travel")
        changed = f"WHEN (OLD.{parent} IS DISTINCT FROM NEW.{parent}) "
        self._trigger("moved", f"AFTER UPDATE OF {parent}", resource.plural, name, changed)

    def _limit(self, resource: Resource, limit: int) -> None:
        plural, accounts = quoted(resource.plural), table_of(AccountRow).name
        name = f"{resource.plural}_limit"
        few = f"SELECT 1 FROM {plural} WHERE owner = NEW.owner LIMIT {limit + 1}"  # noqa: S608 - a number of ours
        # nobody else counts what this owner has until we are done
        body = f"""
BEGIN
  PERFORM 1 FROM {accounts} WHERE id = NEW.owner FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM ({few}) AS few) > {limit} THEN
    RAISE check_violation USING CONSTRAINT = 'freehold_limit', MESSAGE = 'limit reached', DETAIL = '{limit}';
  END IF;
  RETURN NULL;
END"""  # noqa: S608 - names of ours
        self._definers.trigger(name, body, f"an owner has at most {limit}")
        self._trigger("limit_new", "AFTER INSERT", resource.plural, name)
        self._trigger(
            "limit_moved",
            "AFTER UPDATE OF owner",
            resource.plural,
            name,
            "WHEN (OLD.owner IS DISTINCT FROM NEW.owner) ",
        )

    def _trigger(self, name: str, when: str, table: str, function: str, only: str = "") -> None:
        self.triggers.append(
            f"CREATE TRIGGER freehold_{name} {when} ON {quoted(table)} "
            f"FOR EACH ROW {only}EXECUTE FUNCTION freehold.{function}()"
        )


def _read(condition: ColumnElement[bool], table: Table) -> set[str]:
    """The columns of a table that a condition reads."""
    return {each.name for each in visitors.iterate(condition) if isinstance(each, Column) and each.table is table}


# --- built in --------------------------------------------------------------------------------

_SERVICE, _CALLER = "(SELECT freehold.service())", "(SELECT freehold.me())"


def _both(table: str, condition: str, *commands: str) -> list[Policy]:
    """The same for the old and the new row of each command."""
    using = {
        "SELECT": (condition, None),
        "DELETE": (condition, None),
        "INSERT": (None, condition),
        "UPDATE": (condition, condition),
    }
    return [Policy(table, command, *using[command]) for command in commands]


_ACCOUNTS, _SESSIONS, _TOKENS = (table_of(row).name for row in (AccountRow, SessionRow, RefreshTokenRow))
_FACTORS, _API_KEYS = (table_of(row).name for row in (SecondFactorRow, ApiKeyRow))
_AUDIT, _KEYS, _MEMBERS = (table_of(row).name for row in (AuditRow, SigningKeyRow, MembershipRow))
_LINKS, _LETTERS, _SECRET_LINKS = (table_of(row).name for row in (LinkRow, LetterRow, SecretLinkRow))
_INVITATIONS, _OFFERS = table_of(InvitationRow).name, table_of(OfferRow).name
_ONCE = table_of(IdempotencyKeyRow).name
_MAIL = f"{_SERVICE} = 'mail'"
_EXPIRED = f"({_MAIL} AND expires_at <= (SELECT freehold.moment()))"
_ANSWERED = f"(account = {_CALLER} OR (account IS NULL AND (SELECT freehold.engine())))"
_FORGOTTEN = "expires_at <= (SELECT freehold.moment())"
_OVER = "absolute_end <= (SELECT freehold.moment())"
_PAST = f"({_SERVICE} = 'sessions' AND {_OVER})"
_OF_PAST = f"({_SERVICE} = 'sessions' AND session IN (SELECT id FROM {_SESSIONS} WHERE {_OVER}))"  # noqa: S608
_BUILT_IN = [
    # whoever signs in shows an address; whoever shares shows an id
    *_both(_ACCOUNTS, f"id = {_CALLER} OR email = {SHOWN} OR CAST(id AS text) = {SHOWN}", "SELECT"),
    *_both(_ACCOUNTS, f"id = {_CALLER}", "INSERT", "UPDATE"),
    *_both(_SESSIONS, f"account = {_CALLER} OR CAST(id AS text) = {SHOWN} OR {_PAST}", "SELECT"),
    *_both(_SESSIONS, f"account = {_CALLER} OR CAST(id AS text) = {SHOWN}", "UPDATE"),
    *_both(_SESSIONS, f"account = {_CALLER}", "INSERT"),
    *_both(_TOKENS, f"hash = {SHOWN} OR CAST(session AS text) = {SHOWN} OR {_OF_PAST}", "SELECT"),
    *_both(_TOKENS, f"hash = {SHOWN} OR CAST(session AS text) = {SHOWN}", "INSERT", "UPDATE"),
    # what is over goes, and nothing else of them
    *_both(_SESSIONS, _PAST, "DELETE"),
    *_both(_TOKENS, _OF_PAST, "DELETE"),
    *_both(_FACTORS, f"account = {_CALLER}", "SELECT", "INSERT", "UPDATE", "DELETE"),
    *_both(_API_KEYS, f"account = {_CALLER} OR hash = {SHOWN}", "SELECT"),
    *_both(_API_KEYS, f"account = {_CALLER}", "INSERT"),
    # who holds a key of the engine may note its use, and no more
    *_both(
        _API_KEYS,
        f"account = {_CALLER} OR (account IS NULL AND revoked_at IS NULL AND hash = {SHOWN})",
        "UPDATE",
    ),
    # nobody changes or deletes an event: there is no policy, and no privilege
    *_both(_AUDIT, f"account = {_CALLER}", "SELECT"),
    *_both(_AUDIT, f"account = {_CALLER} OR (account IS NULL AND {_SERVICE} = 'audit')", "INSERT"),
    *_both(_KEYS, f"{_SERVICE} = 'signing keys'", "SELECT", "INSERT", "UPDATE", "DELETE"),
    # a link is found by whoever has its token, and forgotten with its account
    *_both(_LINKS, f"hash = {SHOWN} OR account = {_CALLER} OR {_EXPIRED}", "SELECT", "DELETE"),
    *_both(_LINKS, _MAIL, "INSERT"),
    *_both(_LETTERS, _MAIL, "SELECT", "INSERT", "UPDATE", "DELETE"),
    # what was answered stays as it is until its time is over; then the service forgets it, too
    *_both(_ONCE, f"{_ANSWERED} OR ({_SERVICE} = 'keys' AND {_FORGOTTEN})", "SELECT"),
    *_both(_ONCE, _ANSWERED, "INSERT"),
    *_both(_ONCE, f"{_FORGOTTEN} AND ({_ANSWERED} OR {_SERVICE} = 'keys')", "DELETE"),
]
_GRANTED = [
    # neither staff roles nor whether an account is disabled: those are the operator's
    Grants(
        _ACCOUNTS,
        ("SELECT",),
        ("email", "password_hash"),
        ("id", "email", "password_hash", "created_at", "disabled"),
    ),
    Grants(_SESSIONS, ("SELECT", "INSERT", "DELETE"), ("last_used_at", "idle_end", "revoked_at")),
    Grants(_TOKENS, ("SELECT", "INSERT", "DELETE"), ("used_at", "successor", "concealed")),
    Grants(_FACTORS, ("SELECT", "INSERT", "DELETE"), ("confirmed_at", "last_step", "recovery")),
    Grants(_API_KEYS, ("SELECT", "INSERT"), ("last_used_at", "revoked_at")),
    Grants(_MEMBERS, ("SELECT", "INSERT", "DELETE"), ("role", "expires_at")),
    # one that is proven to be an account's, and by what token it is answered: the rest stays as it was made
    Grants(_INVITATIONS, ("SELECT", "INSERT", "DELETE"), ("account", "hash")),
    Grants(_OFFERS, ("SELECT", "INSERT", "DELETE")),
    # a link is made and ended, never changed
    Grants(_SECRET_LINKS, ("SELECT", "INSERT", "DELETE")),
    # who chose an event's number could take those to come
    Grants(_AUDIT, ("SELECT",), inserted=("kind", "account", "at", "session", "address", "data")),
    Grants(_KEYS, ("SELECT", "INSERT", "DELETE"), ("state", "since")),
    Grants(_LINKS, ("SELECT", "INSERT", "DELETE")),
    Grants(_LETTERS, ("SELECT", "INSERT", "DELETE"), ("due_at", "attempts")),
    Grants(_ONCE, ("SELECT", "INSERT", "DELETE")),
]
