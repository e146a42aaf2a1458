"""What raw SQL in the application's role finds out and does behind row-level security alone, without a WHERE.

Each question is one kind of statement on one table in the name of one caller, and is undone. Where the domain says
what it must come to, it is there beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import Table, insert, update

from adapters.persistence.sql.builtin import (
    InvitationRow,
    MembershipRow,
    OfferRow,
    SecretLinkRow,
    mapped,
    table_of,
)
from adapters.persistence.sql.connection import Prepared, param
from adapters.persistence.sql.definers import text_literal
from adapters.persistence.sql.filling import filling
from adapters.persistence.sql.postgres import DIALECT, positional
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import stored_time
from domain.invitation import Invitation
from domain.judging import (
    may_add,
    may_end_membership,
    may_give,
    may_invite,
    may_link,
    may_offer,
    may_put_membership,
    may_store,
)
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts, may
from domain.record import Record, writable
from domain.specification.model import Kind, Resource
from tests.ownership.cases import NEW, Database
from tests.ownership.worlds import DAY, NOW, World
from tests.postgres import APPLICATION

MEMBERS, LINKS = table_of(MembershipRow).name, table_of(SecretLinkRow).name
INVITATIONS, OFFERS = table_of(InvitationRow).name, table_of(OfferRow).name
GIVEN = (MEMBERS, LINKS, INVITATIONS, OFFERS)
"""of which each world has some; the domain says whose they are"""
UNSAID = object()
"""the domain does not say it in these words"""
SERVICES = ("", "audit", "signing keys", "mail", "sessions", "keys")
DELETED = (
    *("freehold_sessions", "freehold_refresh_tokens"),
    *("freehold_signing_keys", "freehold_links", "freehold_letters", "freehold_second_factors"),
    "freehold_idempotency_keys",
)
"""the built-in tables, but for `GIVEN`, of which the application deletes rows"""


@dataclass(frozen=True)
class Question:
    """One kind of statement by one caller."""

    about: str
    table: str
    command: str
    """`SELECT`, `INSERT`, `UPDATE`, `DELETE`: whose policy decides"""
    ask: Callable[[], Any]
    expected: Any = UNSAID


class Raw:
    """The application's role in a database."""

    def __init__(self, world: World, tables: Tables, database: Database) -> None:
        self.world = world
        self.tables = tables
        self.database = database
        self._nested = False

    @contextmanager
    def changed(self, statements: Sequence[str]) -> Iterator[None]:
        """The database with some statements run that only its owner may run; undone at the end."""
        self.database.execute("BEGIN")
        self._nested = True
        for statement in statements:
            self.database.past_policies(statement)
        yield
        self._nested = False
        self.database.execute("ROLLBACK")

    @contextmanager
    def acting(self, actor: Actor | None, *shown: str, service: str = "") -> Iterator[None]:
        """A transaction of a caller who shows these ids; None is nobody."""
        account = "" if actor is None or actor.link else actor.account or "anonymous"
        settings = {
            "app.account": account,
            "app.engine": (actor.name or "") if actor is not None and actor.engine else "",
            "app.link": (actor.link or "") if actor is not None else "",
            "app.presented": " ".join(shown),
            "app.service": service,
            "app.now": stored_time(NOW),
        }
        said = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        self.database.execute("SAVEPOINT acting" if self._nested else "BEGIN")
        self.database.execute(f"SELECT {said}")
        try:
            yield
        finally:
            self.database.execute("ROLLBACK TO SAVEPOINT acting" if self._nested else "ROLLBACK")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return [tuple(row) for row in self.database.execute(sql)]

    def touches(self, sql: str, *values: Any) -> int | None:
        """How many rows a write touches, which is undone; None where a policy refuses it.

        A key or a limit comes after every policy: what stumbles there was allowed.
        """
        self.database.execute("SAVEPOINT before")
        try:
            return self.database.write(sql, *values)
        except asyncpg.IntegrityConstraintViolationError:
            return 1
        except asyncpg.InsufficientPrivilegeError:
            return None
        finally:
            self.database.execute("ROLLBACK TO SAVEPOINT before")

    def outcomes(self, statements: Sequence[str]) -> list[str]:
        """What each of some writes comes to, all in one round trip and each undone.

        How many rows it touches, `refused` by policies or privileges, the key or limit in its way, or an SQLSTATE.
        """
        found: list[str] = self.database.execute(
            f"SELECT outcomes(ARRAY[{', '.join(map(text_literal, statements))}]::text[])"
        )[0][0]
        return found

    def outcomes_past_policies(self, first: Sequence[str], statements: Sequence[str]) -> list[str]:
        """What writes come to where no policy is in the way, only keys and triggers, after some others."""
        self.database.execute("RESET ROLE")
        for statement in first:
            self.database.execute(statement)
        found = self.outcomes(statements)
        self.database.execute(f"SET ROLE {APPLICATION}")
        return found

    def touch_past_policies(self, statements: Sequence[str]) -> None:
        """Do what no key refuses of some writes."""
        self.database.execute("RESET ROLE")
        for statement in statements:
            self.database.execute("SAVEPOINT touching")
            try:
                self.database.execute(statement)
            except asyncpg.IntegrityConstraintViolationError:
                self.database.execute("ROLLBACK TO SAVEPOINT touching")
        self.database.execute(f"SET ROLE {APPLICATION}")

    def allowed(self, statements: Sequence[str]) -> set[int]:
        """Which of some writes of one row no policy refuses. A key or a limit comes after every policy."""
        return {i for i, outcome in enumerate(self.outcomes(statements)) if outcome not in ("0", "refused")}

    def adding(self, record: Record) -> str:
        """The INSERT of a record, row as it would be stored."""
        table, row = self._row(record)
        return _inlined(insert(table).values({name: param(name, table.c[name].type) for name in row}), row)

    def adds(self, record: Record) -> bool:
        """Whether the record can be put in."""
        return self.touches(self.adding(record)) == 1

    def changing(self, old: Record, new: Record) -> str:
        """What makes a stored record another one."""
        (table, before), (_, after) = self._row(old), self._row(new)
        values = {name: value for name, value in after.items() if value != before[name]}
        changed = update(table).values({name: param(name, table.c[name].type) for name in values})
        return _inlined(changed.where(table.c.id == param("which", table.c.id.type)), {**values, "which": old.id})

    def _row(self, record: Record) -> tuple[Table, dict[str, Any]]:
        """A record as it would be stored."""
        state = self.world.state.copy()
        state.records[record.resource] = {**state.records[record.resource], record.id: record}
        table = self.tables.of[record.resource]
        for statement, rows in filling(self.tables, state.at(self.world.specification, NOW), ()):
            if statement.table is table:
                return table, next(row for row in rows if row["id"] == record.id)
        raise AssertionError("each resource has a table")


OUTCOMES = """
CREATE FUNCTION outcomes(statements text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE statement text; found text[] := '{}'; touched bigint; hindrance text;
BEGIN
  FOREACH statement IN ARRAY statements LOOP
    BEGIN
      EXECUTE statement;
      GET DIAGNOSTICS touched = ROW_COUNT;
      RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = touched::text;
    EXCEPTION
      WHEN SQLSTATE 'ZZ001' THEN found := found || SQLERRM;
      WHEN insufficient_privilege THEN found := found || 'refused'::text;
      WHEN integrity_constraint_violation THEN
        GET STACKED DIAGNOSTICS hindrance = CONSTRAINT_NAME;
        found := found || ('by ' || hindrance);
      WHEN generated_always OR feature_not_supported THEN found := found || SQLSTATE;
    END;
  END LOOP;
  RETURN found;
END $$
"""


def _inlined(statement: Any, values: dict[str, Any]) -> str:
    """A statement with its values in its text."""
    prepared = Prepared(statement, DIALECT)
    literals = [
        "NULL" if v is None else str(v) if isinstance(v, bool | int | float) else text_literal(v)
        for v in positional(prepared, values)
    ]
    return re.sub(r"\$(\d+)", lambda found: literals[int(found[1]) - 1], prepared.sql)


ENGINES = ("9" * 64, "8" * 64)
"""hashes of the engine's keys: one that counts, and one that was revoked"""


class Questions:
    """Every question about one world."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._world = raw.world
        self._adding: dict[tuple[str, str], str] = {}
        self._changing: dict[str, tuple[list[str], list[str]]] = {}
        self._facts = {
            r.id: self._world.facts(r) for found in self._world.state.records.values() for r in found.values()
        }

    def all(self) -> Iterator[Question]:
        """All of them, those that cost little first."""
        every = [*self._privileges(), *self._of_built_in(), *self._of_invitations_by_mail()]
        for actor in self._world.everybody:
            for resource in self._world.specification.resources.values():
                every += self._of_records(resource, actor)
            every += [*self._of_memberships(actor), *self._of_links(actor)]
            every += [*self._of_invitations(actor), *self._of_offers(actor)]
        return iter(
            sorted(every, key=lambda question: ("SELECT", "DELETE", "UPDATE", "INSERT").index(question.command))
        )

    # --- records -------------------------------------------------------------------------

    def _of_records(self, resource: Resource, actor: Actor) -> Iterator[Question]:
        raw, table = self._raw, f'"{resource.plural}"'
        records = self._world.of(resource.name)
        facts = {record.id: self._facts[record.id] for record in records}

        def within(ask: Callable[[], Any], *shown: str) -> Callable[[], Any]:
            def asked() -> Any:
                with raw.acting(actor, *shown):
                    return ask()

            return asked

        def question(about: str, command: str, ask: Callable[[], Any], expected: Any = UNSAID) -> Question:
            return Question(f"{about} {resource.name} by {actor}", resource.plural, command, ask, expected)

        def those(sql: str) -> Callable[[], set[Any]]:
            return lambda: {row[0] for row in raw.rows(sql)}

        read = {key for key, at in facts.items() if may("read", actor, at)}
        opened = read | {key for key, at in facts.items() if may("open", actor, at)}
        deleted = {key for key, at in facts.items() if may("delete", actor, at)}
        storable = {key for key, at in facts.items() if may_store(actor, at, at)}
        select, change = f"SELECT id FROM {table}", f"UPDATE {table} SET updated_at = now()"  # noqa: S608
        yield question("read", "SELECT", within(those(select)), read)
        yield question("open", "SELECT", within(those(select), *facts), opened)
        yield question("read one of", "SELECT", within(those(select), *[*facts][:1]), read | (opened & {*[*facts][:1]}))
        yield question("change all of", "UPDATE", within(partial(raw.touches, change)))
        gone = f"DELETE FROM {table}"  # noqa: S608
        yield question("delete all of", "DELETE", within(partial(raw.touches, gone)), len(deleted))
        ones = [f"{change} WHERE id = '{key}'" for key in facts]
        mine = {i for i, key in enumerate(facts) if key in storable}
        yield question("change", "UPDATE", within(lambda: raw.allowed(ones), *facts), mine)
        tried = [_tried(actor, record) for record in records]
        own = [
            resource.parent is not None or (actor.account is not None and each.owner == actor.account) for each in tried
        ]
        added = {i for i, each in enumerate(tried) if own[i] and may_add(actor, self._world.facts(each))}
        adding = [self._added(*pair) for pair in zip(records, tried, strict=True)]
        yield question("add", "INSERT", within(lambda: raw.allowed(adding)), added)
        if resource.parent is None:
            foreign = [self._added(each, replace(each, id=NEW)) for each in records if each.owner != actor.account]
            yield question("add for somebody else", "INSERT", within(lambda: raw.allowed(foreign)), set())
        if resource.limit is not None:
            yield question("add over the limit of", "INSERT", within(lambda: raw.outcomes(adding)))
        yield question("see what ends with", "DELETE", within(lambda: (raw.database.write(gone), self._shared())[1]))

        def into() -> list[str]:
            moving, otherwise = self._changed(resource)
            return raw.outcomes([*moving, *otherwise])

        yield question("change into", "UPDATE", within(into, *facts))
        if resource.parent is not None and resource.rule("move") and actor == self._world.everybody[0]:
            # what holds whoever writes
            everything = self._world.specification.resources.values()
            emptied = [f'DELETE FROM "{each.plural}"' for each in everything if each.parent == resource.name]  # noqa: S608

            def move() -> list[str]:
                return raw.outcomes_past_policies(emptied, self._changed(resource)[0])

            def shared() -> int:
                raw.touch_past_policies(self._changed(resource)[0])
                return self._shared()

            yield question("move", "UPDATE", within(move))
            yield question("share after moves of", "UPDATE", within(shared))

    def _added(self, like: Record, record: Record) -> str:
        """The INSERT of a new record, written once."""
        key = like.id, record.owner
        if key not in self._adding:
            self._adding[key] = self._raw.adding(record)
        return self._adding[key]

    def _changed(self, resource: Resource) -> tuple[list[str], list[str]]:
        """Each record moved, and each otherwise changed; written once, when first asked."""
        if resource.name not in self._changing:
            records = self._world.of(resource.name)
            forms = self._moved(resource, records), self._otherwise(resource, records)
            moving, otherwise = ([self._raw.changing(*form) for form in every] for every in forms)
            self._changing[resource.name] = moving, otherwise
        return self._changing[resource.name]

    def _moved(self, resource: Resource, records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
        """Each record below each other parent."""
        if resource.parent is None or not resource.rule("move"):
            return
        for record in records:
            for parent in self._world.of(resource.parent):
                if parent.id != record.parent:
                    yield record, replace(record, parent=parent.id, owner=parent.owner)

    def _otherwise(self, resource: Resource, records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
        """Each record with each other value of what can be named, one field at a time."""
        for field in (resource.fields[name] for name in writable(resource) if name in resource.fields):
            values: Sequence[Any] = ()
            if field.kind is Kind.REFERENCE:
                values = [each.id for each in self._world.of(str(field.target))]
            elif field.kind is Kind.ONE_OF:
                values = field.values
            elif field.kind is Kind.YES_NO:
                values = (True, False)
            for record in records:
                for value in values:
                    if record.values[field.name] != value:
                        yield record, replace(record, values={**record.values, field.name: value})

    def _shared(self) -> int:
        found = self._raw.database.past_policies(f"SELECT count(*) FROM {MEMBERS}")  # noqa: S608
        return int(found[0][0])

    # --- memberships ---------------------------------------------------------------------

    def _of_memberships(self, actor: Actor) -> Iterator[Question]:
        raw, present = self._raw, self._world.state.memberships
        seen = {key for key, member in present.items() if self._sees(actor, member)}
        ends = {key for key, member in present.items() if key in seen and self._ends(actor, member)}

        def question(about: str, command: str, ask: Callable[[], Any], expected: Any) -> Question:
            def asked() -> Any:
                with raw.acting(actor):
                    return ask()

            return Question(f"{about} memberships by {actor.account}", MEMBERS, command, asked, expected)

        select = f"SELECT record, account FROM {MEMBERS}"  # noqa: S608
        yield question("see", "SELECT", lambda: {row[:2] for row in raw.rows(select)}, seen)
        yield question("end", "DELETE", lambda: raw.touches(f"DELETE FROM {MEMBERS}"), len(ends))  # noqa: S608
        given, changed = {}, {}
        for resource in self._world.specification.resources.values():
            for record in self._world.of(resource.name) if resource.ladder else ():
                for role in resource.ladder.roles if resource.ladder else ():
                    for account in self._world.accounts:
                        new = Membership(resource.name, record.id, account, role, None)
                        held = present.get((record.id, account))
                        allowed = may_put_membership(actor, self._facts[record.id], new, held)
                        if held is None:
                            values = f"('{resource.name}', '{record.id}', '{account}', '{role}')"
                            given[f"INSERT INTO {MEMBERS} (resource, record, account, role) VALUES {values}"] = allowed  # noqa: S608
                        elif (record.id, account) in seen:
                            here = f"record = '{record.id}' AND account = '{account}'"
                            changed[f"UPDATE {MEMBERS} SET role = '{role}' WHERE {here}"] = allowed  # noqa: S608
        for about, command, every in (("give", "INSERT", given), ("change", "UPDATE", changed)):
            right = {i for i, allowed in enumerate(every.values()) if allowed}
            yield question(about, command, partial(raw.allowed, list(every)), right)

    def _of_links(self, actor: Actor) -> Iterator[Question]:
        raw, present = self._raw, self._world.state.links
        shared = {hashed for hashed, link in present.items() if may("share", actor, self._facts[link.record])}
        own = {actor.link} & {*present} if actor.link is not None else set()
        ends = {
            hashed for hashed in shared if may_link(actor, self._facts[present[hashed].record], present[hashed].role)
        }

        def question(about: str, command: str, ask: Callable[[], Any], expected: Any, *shown: str) -> Question:
            def asked() -> Any:
                with raw.acting(actor, *shown):
                    return ask()

            return Question(f"{about} links by {actor}", LINKS, command, asked, expected)

        def see() -> set[Any]:
            return {row[0] for row in raw.rows(f"SELECT hash FROM {LINKS}")}  # noqa: S608

        yield question("see", "SELECT", see, shared | own)
        for hashed in [*present][:1]:
            yield question("see a presented one of", "SELECT", see, shared | own | {hashed}, hashed)
        yield question("end", "DELETE", lambda: raw.touches(f"DELETE FROM {LINKS}"), len(ends))  # noqa: S608
        made = {}
        for resource in self._world.specification.resources.values():
            for record in self._world.of(resource.name):
                for role in resource.ladder.roles if resource.ladder else ("viewer",):
                    values = f"'{NEW}', '{'a' * 64}', '{resource.name}', '{record.id}', '{role}', '{stored_time(NOW)}'"
                    columns = "id, hash, resource, record, role, created_at"
                    allowed = may_link(actor, self._facts[record.id], role)
                    made[f"INSERT INTO {LINKS} ({columns}) VALUES ({values})"] = allowed  # noqa: S608
        right = {i for i, allowed in enumerate(made.values()) if allowed}
        yield question("make", "INSERT", partial(raw.allowed, list(made)), right)

    # --- invitations and offers ----------------------------------------------------------

    def _of_invitations(self, actor: Actor) -> Iterator[Question]:
        """With a letter's token and without. Who comes by a link answers nothing, whatever is shown beside it."""
        present = self._world.state.invitations.values()
        shared = {each.id for each in present if may("share", actor, self._of(each))}
        given = {each.id for each in present if may_give(actor, self._of(each), each.role)}
        over = {each.id for each in present if not each.waits(NOW)}
        for token in (None, *[each.hash for each in present if each.hash is not None][:1]):
            own = {each.id for each in present if actor.link is None and each.is_for(actor.account, token)}
            yield from self._found(INVITATIONS, actor, own | shared, own | given | (over & shared), token)
        made = {}
        for resource, record, account, place in self._given_by(actor, lambda each: each.ladder):
            roles = resource.ladder.roles if resource.ladder else ("viewer",)
            role, ends = roles[place % len(roles)], NOW + DAY
            new = Invitation(NEW, resource.name, record.id, "new@example.org", role, account, NOW, ends)
            made[new] = may_invite(actor, self._facts[record.id], new)
        yield self._made(INVITATIONS, actor, made)

    def _of_offers(self, actor: Actor) -> Iterator[Question]:
        """By whom they are made to, or by whoever may hand the record over."""
        present = self._world.state.offers.values()
        own = {each.id for each in present if actor.account is not None and each.recipient == actor.account}
        theirs = own | {each.id for each in present if may("transfer", actor, self._of(each))}
        yield from self._found(OFFERS, actor, theirs, theirs)
        made = {}
        for resource, record, account, _ in self._given_by(actor, lambda each: each.rule("transfer")):
            new = Offer(NEW, resource.name, record.id, account, self._world.accounts[0], NOW, NOW + DAY)
            made[new] = may_offer(actor, self._facts[record.id], new)
        yield self._made(OFFERS, actor, made)

    def _given_by(self, actor: Actor, given: Callable[[Resource], Any]) -> Iterator[tuple[Resource, Record, str, int]]:
        """Each record, or the first where nothing is given, and by which account: the actor's, now and then another."""
        start = self._world.everybody.index(actor)
        for resource in self._world.specification.resources.values():
            for place, record in enumerate(self._world.of(resource.name)[: None if given(resource) else 1], start):
                yield resource, record, actor.account or record.owner, place
                if place % 3 == 0:
                    yield resource, record, next(a for a in self._world.accounts if a != actor.account), place

    def _of_invitations_by_mail(self) -> Iterator[Question]:
        """The service itself finds the one, or those to the address, that it writes a letter for. Nobody else does."""
        present = self._world.state.invitations.values()
        shown = ["", *(text for each in [*present][:1] for text in (each.id, each.email))]
        for service in ("", "mail", "keys"):
            for text in shown:
                theirs = {each.id for each in present if service == "mail" and text in (each.id, each.email)}
                about = f"with {text or 'nothing'} as {service or 'nobody'}"
                see = partial(self._column, f"SELECT id FROM {INVITATIONS}")  # noqa: S608
                yield self._question(about, INVITATIONS, "SELECT", see, theirs, None, text, service)
                for change in (f"hash = '{'a' * 64}'", "account = NULL"):
                    write = partial(self._raw.touches, f"UPDATE {INVITATIONS} SET {change}")  # noqa: S608
                    yield self._question(about, INVITATIONS, "UPDATE", write, len(theirs), None, text, service)

    def _found(
        self, table: str, actor: Actor, seen: set[str], ended: set[str], token: str | None = None
    ) -> Iterator[Question]:
        """What of a table is seen, and what can be ended."""
        about = f"by {actor} with {token or 'nothing'}"
        see = partial(self._column, f"SELECT id FROM {table}")  # noqa: S608
        yield self._question(f"see {about}", table, "SELECT", see, seen, actor, token or "")
        end = partial(self._raw.touches, f"DELETE FROM {table}")  # noqa: S608
        yield self._question(f"end {about}", table, "DELETE", end, len(ended), actor, token or "")

    def _made(self, table: str, actor: Actor, made: dict[Any, bool]) -> Question:
        """Which of some rows can be put in. None can that names a record as one of another resource."""
        every = made | {replace(each, resource=self._another(each.resource)): False for each in [*made][::7]}
        statements = [_inserting(table, each) for each in every]
        right = {i for i, allowed in enumerate(every.values()) if allowed}
        return self._question(f"make by {actor}", table, "INSERT", partial(self._raw.allowed, statements), right, actor)

    def _another(self, resource: str) -> str:
        return next((name for name in self._world.specification.resources if name != resource), "none")

    def _column(self, sql: str) -> set[Any]:
        return {row[0] for row in self._raw.rows(sql)}

    def _question(
        self,
        about: str,
        table: str,
        command: str,
        ask: Callable[[], Any],
        expected: Any,
        actor: Actor | None,
        shown: str = "",
        service: str = "",
    ) -> Question:
        """One that is asked in a caller's name."""

        def asked() -> Any:
            with self._raw.acting(actor, *([shown] if shown else []), service=service):
                return ask()

        return Question(f"{command} {table} {about}", table, command, asked, expected)

    def _sees(self, actor: Actor, member: Membership) -> bool:
        facts = self._of(member)
        shares = may("members", actor, facts) or may("share", actor, facts)
        return bool(shares) or (actor.account is not None and member.account == actor.account)

    def _ends(self, actor: Actor, member: Membership) -> bool:
        return may_end_membership(actor, self._of(member), member)

    def _of(self, given: Membership | Invitation | Offer) -> Facts:
        return self._facts[given.record]

    # --- what is built in ----------------------------------------------------------------

    def _privileges(self) -> Iterator[Question]:
        """What may be done at all, and which columns may be written: privileges are asked before any row."""
        raw = self._raw
        for table in (*self._raw.tables.of.values(), *mapped.metadata.tables.values()):
            name, columns = f'"{table.name}"', table.c.keys()
            every = [f"DELETE FROM {name} WHERE false", f"TRUNCATE {name}"]  # noqa: S608
            every += [f'UPDATE {name} SET "{c}" = "{c}" WHERE false' for c in columns]  # noqa: S608
            # also a number that the database gives itself
            put = 'INSERT INTO {0} ("{1}") OVERRIDING SYSTEM VALUE SELECT "{1}" FROM {0} WHERE false'
            every += [put.format(name, c) for c in columns]

            def asked(every: Sequence[str] = every) -> Any:
                with raw.acting(None):
                    return raw.outcomes(every)

            yield Question(f"privileges on {table.name}", table.name, "SELECT", asked)

    def _of_built_in(self) -> Iterator[Question]:
        """Everybody, with everything shown that a row is found by, for each service."""
        raw, keys = self._raw, {
            "freehold_refresh_tokens": "hash", "freehold_signing_keys": "kid", "freehold_links": "hash",
            "freehold_second_factors": "account", "freehold_idempotency_keys": "hash"
        }  # fmt: skip
        identity = self._world.state.identity
        shown = [
            "",
            *identity.accounts,
            *identity.sessions,
            *(a.email for a in identity.accounts.values()),
            TOKEN,
            *ENGINES,
        ]
        callers: list[tuple[Actor | None, str, str]] = [(None, "", service) for service in SERVICES]
        callers += [(actor, each, "") for actor in self._world.everybody[:3] for each in shown]
        callers += [(actor, "", "") for actor in self._world.everybody if actor.engine]
        for actor, each, service in callers:
            for name in mapped.metadata.tables:
                if name in GIVEN:
                    continue
                key = keys.get(name, "id")
                for command, ask in self._tries(name, key):

                    def asked(ask: Callable[[], Any] = ask, said: Any = (actor, each, service)) -> Any:
                        with raw.acting(said[0], *([said[1]] if said[1] else []), service=said[2]):
                            return ask()

                    about = f"{command} {name} by {actor and actor.account} with {each or 'nothing'} {service}"
                    yield Question(about, name, command, asked)

    def _tries(self, name: str, key: str) -> Iterator[tuple[str, Callable[[], Any]]]:
        raw = self._raw
        changing = {"freehold_accounts": "password_hash", "freehold_sessions": "revoked_at",
                    "freehold_refresh_tokens": "used_at", "freehold_signing_keys": "state",
                    "freehold_letters": "attempts", "freehold_second_factors": "last_step",
                    "freehold_api_keys": "revoked_at"}.get(name)  # fmt: skip
        yield "SELECT", lambda: sorted(str(row[0]) for row in raw.rows(f'SELECT "{key}" FROM {name}'))  # noqa: S608
        if changing:
            values = ("NULL", "now()") if changing == "revoked_at" else ("NULL",)
            yield "UPDATE", lambda: [raw.touches(f"UPDATE {name} SET {changing} = {value}") for value in values]  # noqa: S608
        if name in DELETED:
            yield "DELETE", lambda: raw.touches(f"DELETE FROM {name}")  # noqa: S608
        yield "INSERT", lambda: raw.outcomes([*self._inserts(name)])

    def _inserts(self, name: str) -> Iterator[str]:
        """A row of everybody."""
        at = stored_time(NOW)
        for account in (*self._world.state.identity.accounts, None):
            who = "NULL" if account is None else f"'{account}'"
            session = next(iter(self._world.state.identity.sessions))
            columns, values = {
                "freehold_accounts": (
                    "id, email, password_hash, created_at, disabled",
                    f"{who}, 'x@example.org', '', '{at}', false",
                ),
                "freehold_sessions": (
                    "id, account, created_at, last_used_at, idle_end, absolute_end, device, address",
                    f"'{NEW}', {who}, '{at}', '{at}', '{at}', '{at}', '', ''",
                ),
                "freehold_refresh_tokens": ("hash, session, created_at", f"'{TOKEN}', '{session}', '{at}'"),
                "freehold_audit": ("kind, account, at, data", f"'x', {who}, '{at}', '{{}}'"),
                "freehold_signing_keys": (
                    "kid, state, public, private_sealed, created_at, since",
                    f"'x', 'retired', '', '', '{at}', '{at}'",
                ),
                "freehold_links": (
                    "hash, purpose, email, expires_at, account",
                    f"'{'b' * 64}', 'reset', 'x@example.org', '{at}', {who}",
                ),
                "freehold_idempotency_keys": (
                    "hash, account, answer_sealed, expires_at",
                    f"'{'b' * 64}', {who}, '', '{at}'",
                ),
                "freehold_second_factors": (
                    "account, secret_sealed, last_step, recovery",
                    f"{who}, '', 0, '[]'",
                ),
                "freehold_api_keys": (
                    "id, account, hash, name, actions, resources, created_at, expires_at",
                    f"'{NEW}', {who}, '{'b' * 64}', '', '[]', '[]', '{at}', '{at}'",
                ),
                "freehold_letters": (
                    "id, kind, email, created_at, due_at, account, attempts",
                    f"'{NEW}', 'reset', 'x@example.org', '{at}', '{at}', {who}, 0",
                ),
            }[name]
            yield f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608


OVER = NEW[:-1] + "e"
"""a session at whose end it is"""
TOKEN = "f" * 64
"""the hash of a refresh token, of a link and of an API key"""


def built_in_rows(world: World) -> Iterator[str]:
    """What a world has none of: tokens, events, keys of both kinds, a letter, a second factor; what is over."""
    at, (account, *_), (session, *_) = stored_time(NOW), world.state.identity.accounts, world.state.identity.sessions
    yield (
        "INSERT INTO freehold_refresh_tokens (hash, session, created_at) "  # noqa: S608
        f"VALUES ('{TOKEN}', '{session}', '{at}'), ('{'e' * 64}', '{session}', '{at}')"
    )
    yield (
        "INSERT INTO freehold_sessions "  # noqa: S608
        "(id, account, created_at, last_used_at, idle_end, absolute_end, device, address) "
        f"VALUES ('{OVER}', '{account}', '{at}', '{at}', '{at}', '{at}', '', '')"
    )
    yield (
        "INSERT INTO freehold_refresh_tokens (hash, session, created_at) "  # noqa: S608
        f"VALUES ('{'c' * 64}', '{OVER}', '{at}')"
    )
    yield f"INSERT INTO freehold_audit (kind, account, at, data) VALUES ('x', '{account}', '{at}', '{{}}')"  # noqa: S608
    yield f"INSERT INTO freehold_audit (kind, account, at, data) VALUES ('x', NULL, '{at}', '{{}}')"  # noqa: S608
    yield (
        "INSERT INTO freehold_signing_keys (kid, state, public, private_sealed, created_at, since) "  # noqa: S608
        f"VALUES ('a', 'active', '', '', '{at}', '{at}')"
    )
    later = stored_time(NOW + timedelta(minutes=30))
    yield (
        "INSERT INTO freehold_api_keys (id, hash, name, actions, resources, created_at, expires_at, revoked_at) "  # noqa: S608
        f"VALUES ('{NEW}', '{'8' * 64}', '', '[]', '[]', '{at}', '{later}', '{at}')"
    )
    yield (
        "INSERT INTO freehold_links (hash, purpose, email, expires_at, account) "  # noqa: S608
        f"VALUES ('{TOKEN}', 'registration', '', '{later}', NULL), "
        f"('{'e' * 64}', 'reset', '', '{later}', '{account}'), ('{'d' * 64}', 'registration', '', '{at}', NULL)"
    )
    yield (
        "INSERT INTO freehold_idempotency_keys (hash, account, answer_sealed, expires_at) "  # noqa: S608
        f"VALUES ('{'e' * 64}', '{account}', '', '{later}'), ('{'d' * 64}', '{account}', '', '{at}'), "
        f"('{'c' * 64}', NULL, '', '{later}'), ('{'b' * 63}a', NULL, '', '{at}'), ('{'b' * 63}c', NULL, '', '{at}')"
    )
    yield (
        "INSERT INTO freehold_letters (id, kind, email, created_at, due_at, account, attempts) "  # noqa: S608
        f"VALUES ('{session}', 'reset', '', '{at}', '{at}', '{account}', 0)"
    )
    yield (
        "INSERT INTO freehold_second_factors (account, secret_sealed, last_step, recovery) "  # noqa: S608
        f"VALUES ('{account}', '', 0, '[]')"
    )
    yield (
        "INSERT INTO freehold_api_keys (id, account, hash, name, actions, resources, created_at, expires_at) "  # noqa: S608
        f"VALUES ('{session}', '{account}', '{TOKEN}', '', '[]', '[]', '{at}', '{later}')"
    )


def _inserting(table: str, row: Invitation | Offer) -> str:
    """The INSERT of what waits."""
    every = {name: getattr(row, name) for name in row.__dataclass_fields__}
    values = {name: stored_time(v) if isinstance(v, datetime) else v for name, v in every.items() if v is not None}
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(map(text_literal, values.values()))})"  # noqa: S608


def _tried(actor: Actor, record: Record) -> Record:
    """A new record like this one, by the actor."""
    return replace(record, id=NEW, owner=record.owner if record.parent is not None else actor.account or record.owner)
