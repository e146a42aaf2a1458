"""One table of cases for every reading of the rules: what is asked of a `Records` port, and of whom.

`Domain` answers from the plain state by the domain's own decisions, `Sql` from an SQLite file by the compiled rules.
A case asks one kind of question about one resource for every principal and record of a world. Each answer is plain
data, so that two readings can be compared answer by answer; what a port refuses is an answer too.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from zlib import crc32

import msgspec
from sqlalchemy import select

from adapters.persistence.memory import MemoryInvitations, MemoryRecords, MemoryTransfers
from adapters.persistence.sql import builtin, postgres
from adapters.persistence.sql.connection import Connection, Prepared, Row
from adapters.persistence.sql.invitations import InvitationStatements, SqlInvitations
from adapters.persistence.sql.pool import Limits, Pool
from adapters.persistence.sql.records import MembershipStatements, SqlRecords
from adapters.persistence.sql.sqlite import DIALECT, Turn, Writer, connect
from adapters.persistence.sql.statements import Statements
from adapters.persistence.sql.tables import build
from adapters.persistence.sql.transfers import SqlTransfers, TransferStatements
from application.ports import Filter, Invitations, Query, Records, Sort, Transfers
from application.proof import filters
from domain.errors import Forbidden, Refusal
from domain.filtering import Operator, folded, operators, searched
from domain.invitation import Invitation
from domain.judging import judge_change, judge_creation, judge_deletion, judge_result, may_give, sharing_cap
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts, decide, locked, locked_above, may, seen, view
from domain.record import Record, writable
from domain.secret_link import SecretLink
from domain.specification.model import ENGINE_FIELDS, Kind, Resource, Specification
from tests.ownership.worlds import DAY, NOW, World, draw, store
from tests.postgres import APPLICATION

T = TypeVar("T")


def _values(operator: Operator, found: list[Any]) -> list[tuple[Any, ...]]:
    """What is compared with: what records have, or parts of it."""
    if operator is Operator.SET:
        return [(True,), (False,)]
    if operator in (Operator.CONTAINS, Operator.STARTS):
        return [(text[:2],) for text in found[:1]] + [(text[-2:],) for text in found[-1:]] + [("",)]
    return [(value,) for value in found[:2]] + ([tuple(found[:2])] if operator is Operator.NOT and found[1:] else [])


NEW = "ffffffff-ffff-4fff-8fff-ffffffffffff"
"""the id of a record that is tried"""
Answers = Iterator[tuple[tuple[Any, ...], Any]]
"""each with what was asked, for people"""


def done(asked: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for."""
    try:
        asked.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    raise AssertionError("it waits for something")


def answer(asked: Coroutine[Any, Any, T]) -> T | str:
    """The result, or the refusal in a word; which of two conflicts comes first is nobody's promise."""
    try:
        return done(asked)
    except Refusal as refusal:
        return type(refusal).__name__


def judged(judge: Callable[..., Any], *args: Any) -> Any:
    """What a judgement says, or the fields that it refuses."""
    try:
        return judge(*args)
    except Forbidden as refusal:
        return "refused", refusal.code, [error.field for error in refusal.errors]


# --- readings ------------------------------------------------------------------------------


class Reading(Protocol):
    """A world, asked through the ports that know the rules."""

    @property
    def world(self) -> World:
        """What the other readings hold too."""

    def records(self) -> Records:
        """The port, knowing nothing from earlier questions."""

    def invitations(self) -> Invitations:
        """Likewise."""

    def transfers(self) -> Transfers:
        """Likewise."""

    def trial(self) -> Any:
        """A context in which the ports write; everything is undone at its end."""

    def held(self) -> dict[str, Record | None]:
        """Every record that is stored now."""

    def shared(self) -> dict[tuple[str, str], str]:
        """What is stored now of all that is given on records, by record and account, hash or id.

        The role of a membership or a link, of an invitation also for whom; of an offer by whom and to whom.
        """

    def rules(self, actor: Actor, resource: str) -> dict[str, dict[str, bool]]:
        """What each compiled rule says of each record of a resource."""


class Domain:
    """The world as it is, and the domain."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._state = world.state

    def records(self) -> Records:
        """See `Reading`."""
        return MemoryRecords(self.world.specification, self._state)

    def invitations(self) -> Invitations:
        """See `Reading`."""
        return MemoryInvitations(self.world.specification, self._state)

    def transfers(self) -> Transfers:
        """See `Reading`."""
        return MemoryTransfers(self.world.specification, self._state)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """See `Reading`."""
        self._state = self.world.state.copy()
        yield
        self._state = self.world.state

    def held(self) -> dict[str, Record | None]:
        """See `Reading`."""
        return {record.id: record for found in self._state.records.values() for record in found.values()}

    def shared(self) -> dict[tuple[str, str], str]:
        """See `Reading`."""
        state = self._state
        found = {key: membership.role for key, membership in state.memberships.items()}
        found |= {(each.record, each.hash): each.role for each in state.links.values()}
        found |= {(each.record, each.id): f"{each.role} for {each.email}" for each in state.invitations.values()}
        return found | {(each.record, each.id): f"{each.giver} to {each.recipient}" for each in state.offers.values()}

    def rules(self, actor: Actor, resource: str) -> dict[str, dict[str, bool]]:
        """See `Reading`."""
        found = [self.world.facts(record) for record in self.world.of(resource)]
        return {
            at.record.id: {name: filters.says(name, actor, at) for name in filters.names(at.resource)} for at in found
        }


_GIVEN = " UNION ALL ".join(
    f"SELECT record, {whose}, {what} FROM {builtin.table_of(row).name}"  # noqa: S608 - names of ours
    for row, whose, what in (
        (builtin.MembershipRow, "CAST(account AS text)", "role"),
        (builtin.SecretLinkRow, "hash", "role"),
        (builtin.InvitationRow, "CAST(id AS text)", "role || ' for ' || email"),
        (builtin.OfferRow, "CAST(id AS text)", "CAST(giver AS text) || ' to ' || CAST(recipient AS text)"),
    )
)


class Sql:
    """The world in an SQLite file, under one set of statements."""

    memberships = MembershipStatements(DIALECT)
    invitation_statements = InvitationStatements(DIALECT)
    transfer_statements = TransferStatements(DIALECT)

    def __init__(self, world: World, statements: Statements, connection: sqlite3.Connection) -> None:
        self.world = world
        self._statements = statements
        self._connection = connection
        self._turn: Connection = Turn(cast(Writer, None), connection)

    def records(self) -> SqlRecords:
        """See `Reading`."""
        return SqlRecords(self._statements, self.memberships, self._turn)

    def invitations(self) -> Invitations:
        """See `Reading`."""
        return SqlInvitations(self._statements, self.invitation_statements, self.records(), self._turn)

    def transfers(self) -> Transfers:
        """See `Reading`."""
        return SqlTransfers(self._statements, self.transfer_statements, self.records(), self._turn)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """See `Reading`."""
        self._execute("BEGIN")
        try:
            yield
        finally:
            self._execute("ROLLBACK")

    def held(self) -> dict[str, Record | None]:
        """See `Reading`."""
        records: dict[str, Record | None] = {}
        for name, columns in self._statements.records.items():
            found = Prepared(select(*columns.columns(self._statements.tables.of[name], "")), self._statements.dialect)
            records |= {row[0]: columns.record(row) for row in self._execute(found.sql)}
        return records

    def shared(self) -> dict[tuple[str, str], str]:
        """See `Reading`."""
        return {(record, whose): what for record, whose, what in self._execute(_GIVEN)}

    def rules(self, actor: Actor, resource: str) -> dict[str, dict[str, bool]]:
        """See `Reading`."""
        return done(self.records().decisions(actor, resource, NOW))

    def _execute(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()


class Postgres(Sql):
    """The same world in a PostgreSQL database; nothing waits, for an event loop of its own runs each statement."""

    memberships = MembershipStatements(postgres.DIALECT)
    invitation_statements = InvitationStatements(postgres.DIALECT)
    transfer_statements = TransferStatements(postgres.DIALECT)

    def __init__(self, world: World, statements: Statements, database: Database) -> None:
        self.world = world
        self._statements = statements
        self._database = database
        self._turn = database.turn()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """See `Reading`."""
        self._execute("BEGIN")
        self._turn = self._database.turn()
        try:
            yield
        finally:
            self._execute("ROLLBACK")
            self._turn = self._database.turn()

    def rules(self, actor: Actor, resource: str) -> dict[str, dict[str, bool]]:
        """See `Reading`. Of records that the actor cannot open, too: so it is the superuser that asks."""
        self._database.execute("RESET ROLE")
        found = super().rules(actor, resource)
        self._database.execute(f"SET ROLE {APPLICATION}")
        return found

    def _execute(self, sql: str) -> list[Any]:
        return self._database.past_policies(sql)


class Database:
    """A connection to PostgreSQL in the application's role, and the event loop that it lives in."""

    def __init__(self, url: str) -> None:
        """`url` is the superuser's, who can look past policies in the midst of a transaction."""
        self._loop = asyncio.new_event_loop()
        self._pool = Pool(url, Limits(size=1))
        self._connection = self._loop.run_until_complete(self._pool.take())
        self.execute(f"SET ROLE {APPLICATION}")

    def turn(self) -> Connection:
        """Runs statements and has done so when it returns. Outside of a transaction settings end with a statement."""
        if self._connection.is_in_transaction():
            return _AtOnce(self._loop, postgres.Turn(self._pool, True, self._connection))
        return _AtOnce(self._loop, _Asking(self._pool, self._connection))

    def execute(self, sql: str) -> list[Any]:
        """The rows of any statement."""
        return list(self._loop.run_until_complete(self._connection.fetch(sql)))

    def write(self, sql: str, *values: Any) -> int:
        """How many rows a write touches."""
        status: str = self._loop.run_until_complete(self._connection.execute(sql, *values))
        return int(status.rpartition(" ")[2])

    def past_policies(self, sql: str) -> list[Any]:
        """The rows of any statement, as superuser."""
        if sql in ("BEGIN", "ROLLBACK"):
            return self.execute(sql)
        self.execute("RESET ROLE")
        found = self.execute(sql)
        self.execute(f"SET ROLE {APPLICATION}")
        return found

    def close(self) -> None:
        """Let go of both."""
        self._pool.give(self._connection)
        self._loop.run_until_complete(self._pool.close())
        self._loop.close()


class _Asking(postgres.Single):
    """Asks on one and the same connection, which the pool does not know to be out."""

    def __init__(self, pool: Pool, connection: Any) -> None:
        super().__init__(pool, True)
        self._connection = connection

    async def _rows(self, sql: str, arguments: list[Any]) -> list[Row]:
        found: list[Row] = await self._connection.fetch(sql, *arguments)
        return found


class _AtOnce:
    """A connection whose methods never wait for something that the caller would have to see to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: Connection) -> None:
        self._loop = loop
        self._turn = turn

    async def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Row]:
        """See `Connection`."""
        return self._loop.run_until_complete(self._turn.rows(prepared, values))

    async def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """See `Connection`."""
        return self._loop.run_until_complete(self._turn.run(prepared, values))


def all_given(reading: Reading) -> Any:
    """What a sharing can change."""
    return reading.shared()


def everything(reading: Reading) -> Any:
    """What a deletion can change, or a new owner."""
    return reading.held(), reading.shared()


# --- the table -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One kind of question about one resource."""

    name: str
    ask: Callable[[Reading], Answers]

    def difference(self, expected: list[tuple[Any, Any]], reading: Reading) -> str | None:
        """The first answer that is not as expected, for people; None where all are."""
        found = self.ask(reading)
        nothing = ("nothing is asked", None)
        try:
            for wanted, given in zip_longest(expected, found, fillvalue=nothing):
                if wanted != given:
                    return f"{self.name}: {wanted[0]}\n  domain: {wanted[1]}\n  here:   {given[1]}"
        except Exception as error:
            return f"{self.name}: raises {type(error).__name__}: {error}"
        return None


def cases(specification: Specification) -> Iterator[Case]:
    """Every case of a specification."""
    for resource in specification.resources.values():
        yield from _Cases(specification, resource).all()


class _Cases:
    """The cases of one resource."""

    def __init__(self, specification: Specification, resource: Resource) -> None:
        self.specification = specification
        self.resource = resource
        self.name = resource.name

    def all(self) -> Iterator[Case]:
        """Reading first, then judging, then writing."""
        named: list[tuple[str, Callable[[Reading], Answers]]] = [
            ("view", self.view),
            ("load", self.load),
            ("readable", self.readable),
            ("list", self.list),
            ("decide", self.decide),
            ("rules", self.rules),
            ("obstacles", self.obstacles),
            ("change", self.change),
            ("create", self.create),
            ("add", self.add),
            ("save", self.save),
            ("remove", self.remove),
        ]
        if self.resource.ladder is not None:
            named += [("members", self.members), ("share", self.share)]
            named += [("invitations", self.invitations), ("invite", self.invite), ("respond", self.respond)]
        if self.resource.links is not None:
            named += [("links", self.links), ("link", self.link)]
        if self.resource.rule("transfer"):
            named += [("offers", self.offers), ("offer", self.offer), ("take", self.take)]
        named += [(f"sort by {name}", self._sorted(i % 2 == 0, name)) for i, name in enumerate(self.sortable)]
        named += [(f"filter by {name}", self._filtered(i % 2 == 0, name)) for i, name in enumerate(self.filterable)]
        named += [(f"ask of {name}", self._asked(i, name)) for i, name in enumerate(self.resource.fields)]
        if searched(self.specification, self.name):
            named.append(("search", self.search))
        if len(self.sortable) > 2:
            named.append(("sort by two", self._sorted(True, *self.sortable[-2:])))
        if len(self.filterable) > 1:
            named.append(("filter by two", self._filtered(False, *self.filterable[-2:])))
        return (Case(f"{what} {self.name}", ask) for what, ask in named)

    @cached_property
    def filterable(self) -> list[str]:
        """What a list can be filtered by."""
        parent = [self.resource.parent] if self.resource.parent is not None else []
        kind = self.specification.value_field
        return parent + [name for name in self.resource.fields if kind(self.name, name).kind is not Kind.JSON]

    @cached_property
    def sortable(self) -> list[str]:
        """What a list can be sorted by."""
        kind = self.specification.value_field
        unfit = (Kind.JSON, Kind.REFERENCE)
        return ["updated_at", *(name for name in self.resource.fields if kind(self.name, name).kind not in unfit)]

    def _each(self, reading: Reading) -> Iterator[tuple[tuple[int, str], Actor, Record]]:
        for number, actor in enumerate(reading.world.everybody):
            for record in reading.world.of(self.name):
                yield (number, record.id), actor, record

    # --- reading ---------------------------------------------------------------------------

    def view(self, reading: Reading) -> Answers:
        """One record by its id, for everybody; also for an account that is not the caller, and for nobody's id."""
        records = reading.records()
        for label, actor, record in self._each(reading):
            yield label, _json(answer(records.view(actor, self.name, record.id, NOW)))
            if actor.account is not None:
                yield label, done(records.opens(actor.account, self.name, record.id, NOW))
        yield ("no such record",), answer(records.view(reading.world.everybody[1], self.name, NEW, NOW))
        yield ("no session",), answer(records.view(reading.world.stale, self.name, NEW, NOW))
        for record in reading.world.of(self.name):
            yield ("no session", record.id), answer(records.view(reading.world.stale, self.name, record.id, NOW))

    def load(self, reading: Reading) -> Answers:
        """Whether a record can be opened, and whether it can be read."""
        for label, actor, record in self._each(reading):
            for action in ("open", "read"):
                facts = done(reading.records().refer(actor, self.name, record.id, NOW, action))
                yield (*label, action), facts if facts is None else facts.record
        for record in reading.world.of(self.name):
            label = ("no session", record.id)
            yield label, answer(reading.records().load(reading.world.stale, self.name, record.id, NOW))

    def readable(self, reading: Reading) -> Answers:
        """Some records at once, without the first of them, and with an id that is nobody's."""
        records, ids = reading.records(), [record.id for record in reading.world.of(self.name)[1:]]
        for number, actor in enumerate([*reading.world.everybody, reading.world.stale]):
            found = answer(records.readable(actor, self.name, [*ids, NEW], NOW))
            yield (number,), found if isinstance(found, str) else _json(dict(sorted(found.items())))

    def members(self, reading: Reading) -> Answers:
        """The member list, and each single membership."""
        records = reading.records()
        for label, actor, record in self._each(reading):
            yield label, done(records.members(actor, self.name, record.id, NOW))
            facts = reading.world.facts(record)
            for account in reading.world.accounts:
                if account == actor.account or may("members", actor, facts) or may("share", actor, facts):
                    yield (*label, account), done(records.membership(actor, self.name, record.id, account, NOW))

    def links(self, reading: Reading) -> Answers:
        """The links to a record for those who may share it, and each by the hash of its token."""
        records = reading.records()
        for label, actor, record in self._each(reading):
            if may("share", actor, reading.world.facts(record)):
                yield label, done(records.secret_links(actor, self.name, record.id, NOW))
        for hashed in (*reading.world.state.links, NEW):
            yield (hashed,), done(records.presented(hashed, NOW))
        for record in reading.world.of(self.name):
            stale = reading.world.stale
            yield ("no session", record.id), answer(records.secret_links(stale, self.name, record.id, NOW)) or "none"

    def invitations(self, reading: Reading) -> Answers:
        """Those on a record for those who may share it, those for each account, and each by its id and token."""
        port, stale = reading.invitations(), reading.world.stale
        for label, actor, record in self._each(reading):
            yield label, done(port.on_record(actor, self.name, record.id, NOW))
        for record in reading.world.of(self.name):
            yield ("no session", record.id), answer(port.on_record(stale, self.name, record.id, NOW))
        for number, actor in enumerate([*self._accounts(reading), stale]):
            yield from (((number, most), answer(port.waiting_for(actor, most, NOW))) for most in (2, 200))
            for each in self._invited(reading):
                for token in (None, each.hash, NEW):
                    yield (number, each.id, token), answer(port.get(actor, each.id, token, NOW))

    def offers(self, reading: Reading) -> Answers:
        """The one of a record for those who may hand it over, those to each account, and each by its id."""
        port, stale = reading.transfers(), reading.world.stale
        for label, actor, record in self._each(reading):
            yield label, done(port.on_record(actor, self.name, record.id, NOW))
        for record in reading.world.of(self.name):
            yield ("no session", record.id), answer(port.on_record(stale, self.name, record.id, NOW))
        for number, actor in enumerate([*self._accounts(reading), stale]):
            yield from (((number, most), answer(port.waiting_for(actor, most, NOW))) for most in (2, 200))
            for each in self._offered(reading):
                yield (number, each.id), answer(port.get(actor, each.id, NOW))

    def _accounts(self, reading: Reading) -> Iterator[Actor]:
        """Who may have something to answer: no port is asked for others."""
        return (actor for actor in reading.world.everybody if actor.account is not None)

    def _invited(self, reading: Reading) -> Iterator[Invitation]:
        return (each for each in reading.world.state.invitations.values() if each.resource == self.name)

    def _offered(self, reading: Reading) -> Iterator[Offer]:
        return (each for each in reading.world.state.offers.values() if each.resource == self.name)

    # --- lists -----------------------------------------------------------------------------

    def list(self, reading: Reading) -> Answers:
        """The whole list, newest first and last, in pages of one, two and three."""
        for number, actor in enumerate(reading.world.everybody):
            for limit, down in ((1, True), (2, False), (3, True)):
                yield from self._walk(reading, actor, (number,), Query(self.name, (), (Sort("id", down),), limit))
        yield (
            ("no session",),
            answer(reading.records().page(reading.world.stale, Query(self.name, (), (Sort("id", True),), 1), NOW)),
        )

    def _sorted(self, walked: bool, *names: str) -> Callable[[Reading], Answers]:
        """By these names in both directions: downwards page by page if `walked`, upwards if not; whole the other way.

        Every list that is walked another way is a statement more to build; for nobody one order has to do.
        """

        def ask(reading: Reading) -> Answers:
            for number, actor in enumerate(reading.world.everybody):
                if actor.account is None and names != ("updated_at",):
                    continue
                for down in (False, True):
                    order = tuple(Sort(name, down != bool(i)) for i, name in enumerate((*names, "id")))
                    query = Query(self.name, (), order, 1 + number % 3 if down == walked else 50)
                    yield from self._walk(reading, actor, (number, "down" if down else "up"), query)

        return ask

    def _filtered(self, several: bool, *names: str) -> Callable[[Reading], Answers]:
        """By each value that a record has; if `several`, by two values at once and for nobody too."""

        def ask(reading: Reading) -> Answers:
            wanted = list(zip(*(self._seen(reading.world, name, several) for name in names), strict=False))
            for number, actor in enumerate(reading.world.everybody):
                for values in wanted if actor.account is not None or several else ():
                    filters = tuple(Filter(name, asked) for name, asked in zip(names, values, strict=True))
                    query = Query(self.name, filters, (Sort("id", True),), 50, counted=True)
                    yield from self._walk(reading, actor, (number, values), query)

        return ask

    def _asked(self, number: int, name: str) -> Callable[[Reading], Answers]:
        """By whether it is set, and by one more that can be asked of it: another one for the next field."""
        every = operators(self.specification.column(self.name, name).kind)
        others = [operator for operator in every if operator not in (Operator.EQUAL, Operator.SET)]

        def ask(reading: Reading) -> Answers:
            found = [value for (value,) in self._seen(reading.world, name, several=False)] if others else []
            for operator in (Operator.SET, *others[number % len(others) :][:1]) if others else (Operator.SET,):
                for asked in _values(operator, found):
                    query = Query(self.name, (Filter(name, asked, operator),), (Sort("id", True),), 50, counted=True)
                    for caller, actor in enumerate(reading.world.everybody):
                        yield from self._walk(reading, actor, (caller, operator, asked), query)

        return ask

    def search(self, reading: Reading) -> Answers:
        """By parts of what each text of the first records says, and by two of them at once."""
        found = [
            folded(str(record.values[name] or "")[-3:]).strip()
            for record in reading.world.of(self.name)[:3]
            for name in searched(self.specification, self.name)
        ]
        sought = [word for word in dict.fromkeys(found) if word]
        for words in (*((word,) for word in sought), (*sought[:1], *sought[-1:]), (*sought[1:2], *sought[-1:])):
            query = Query(self.name, (), (Sort("id", True),), 50, counted=True, words=words)
            for number, actor in enumerate(reading.world.everybody):
                yield from self._walk(reading, actor, (number, words), query)

    def _seen(self, world: World, name: str, several: bool) -> list[tuple[Any, ...]]:
        """Every value that a record has, alone; then the first and the last together."""
        records = world.of(self.name)
        found = [r.parent if name == self.resource.parent else r.values[name] for r in records]
        values = list(dict.fromkeys(value for value in found if value is not None))
        return [(value,) for value in values] + ([(values[0], values[-1])] if several and len(values) > 1 else [])

    def _walk(self, reading: Reading, actor: Actor, label: tuple[Any, ...], query: Query) -> Answers:
        """Page after page, as far as there can be any."""
        records = reading.records()
        for number in range(len(reading.world.of(self.name)) + 1):
            page = done(records.page(actor, query, NOW))
            yield (*label, query.limit, number), (page.total, [_json(item) for item in page.items])
            if page.last is None:
                return
            query = replace(query, after=tuple(json.loads(json.dumps(page.last))))

    # --- judging ---------------------------------------------------------------------------

    def decide(self, reading: Reading) -> Answers:
        """All that the domain decides of a record as it is."""
        for label, actor, record in self._each(reading):
            facts = done(reading.records().load(actor, self.name, record.id, NOW))
            if facts is not None:
                yield from (((*label, what), found) for what, found in decisions(actor, facts))

    def rules(self, reading: Reading) -> Answers:
        """Each compiled rule by itself, of every record."""
        for number, actor in enumerate(reading.world.everybody):
            yield (number,), reading.rules(actor, self.name)

    def change(self, reading: Reading) -> Answers:
        """Whether each single change of a record is allowed, on the record as it is and as it would be."""
        for label, actor, record in self._each(reading):
            for message in self._messages(reading.world, record):
                yield (*label, message), self._changed(reading.records(), actor, record.id, message)

    def create(self, reading: Reading) -> Answers:
        """Whether a record like each that there is could be created by everybody."""
        for label, actor, record in self._each(reading):
            tried = self._tried(actor, record)
            names = [*writable(self.resource)]
            for sent in (names, [name for name in names if name in self.resource.fields][:1]):
                yield (*label, sent), self._created(reading.records(), actor, tried, sent)

    def _messages(self, world: World, record: Record) -> Iterator[dict[str, Any]]:
        """For every name another record's value; then all of them together."""
        others = world.of(self.name)
        other = others[(others.index(record) + 1) % len(others)]
        every: dict[str, Any] = {}
        for name in writable(self.resource):
            value = other.parent if name == self.resource.parent else other.values[name]
            every[name] = value
            yield {name: value}
        yield every

    def _changed(self, records: Records, actor: Actor, record_id: str, message: dict[str, Any]) -> Any:
        old = done(records.load(actor, self.name, record_id, NOW))
        if old is None:
            return "hidden"
        change = judged(judge_change, actor, old, message)
        if isinstance(change, tuple) or not change:
            return change
        record = old.record.edit(change.fields, NOW)
        named = dict(change.fields)
        if change.moves_to is not None:
            named[str(self.resource.parent)] = change.moves_to
        targets = self._targets(records, actor, named)
        if targets is None:
            return "hidden target"
        if change.moves_to is not None:
            record = record.moved(targets[str(self.resource.parent)].record, NOW)
        new = done(records.imagine(actor, record, NOW))
        return record, change.held, judged(judge_result, actor, new, change)

    def _created(self, records: Records, actor: Actor, record: Record, sent: list[str]) -> Any:
        parent = {} if self.resource.parent is None else {self.resource.parent: record.parent}
        targets = self._targets(records, actor, {**record.values, **parent})
        if targets is None:
            return "hidden target"
        return judged(judge_creation, actor, done(records.imagine(actor, record, NOW)), dict.fromkeys(sent))

    def _targets(self, records: Records, actor: Actor, named: dict[str, Any]) -> dict[str, Facts] | None:
        """The parent and the references that a message names; None where one of them is hidden."""
        found = {}
        references = {field.name: str(field.target) for field in self.resource.references()}
        for name, value in named.items():
            if value is not None and (name in references or name == self.resource.parent):
                action = "open" if name == self.resource.parent else "read"
                facts = done(records.refer(actor, references.get(name, name), value, NOW, action))
                if facts is None:
                    return None
                found[name] = facts
        return found

    def _tried(self, actor: Actor, record: Record) -> Record:
        """A new record like this one, by the actor."""
        creators = [field.name for field in self.resource.fields.values() if field.kind is Kind.CREATOR]
        owner = actor.account if self.resource.parent is None and actor.account is not None else record.owner
        values = {**record.values, **dict.fromkeys(creators, actor.account)}
        return replace(record, id=NEW, owner=owner, values=values, created_at=NOW, updated_at=NOW)

    # --- writing ---------------------------------------------------------------------------

    def obstacles(self, reading: Reading) -> Answers:
        """What forbids to delete."""
        for label, actor, record in self._each(reading):
            if may("delete", actor, reading.world.facts(record)):
                yield label, done(reading.records().obstacles(actor, record, NOW))

    def add(self, reading: Reading) -> Answers:
        """Put in a record like each that there is."""
        for label, actor, record in self._each(reading):
            if actor.account is not None or self.resource.parent is not None:
                tried = self._tried(actor, record)
                yield from self._write(reading, label, lambda r, a=actor, t=tried: r.add(a, t, NOW))
                if self.resource.unique:
                    tried = replace(tried, values={**tried.values, **self._nothing()})
                    yield from self._write(reading, label, lambda r, a=actor, t=tried: r.add(a, t, NOW))
        for record in reading.world.of(self.name)[:1]:
            stale = reading.world.stale
            tried = self._tried(stale, record)
            yield from self._write(reading, ("no session",), lambda r, a=stale, t=tried: r.add(a, t, NOW))

    def _nothing(self) -> dict[str, None]:
        """Optional fields empty: what is empty never collides."""
        return {name: None for name, field in self.resource.fields.items() if field.optional}

    def save(self, reading: Reading) -> Answers:
        """Change a record's time, and its parent to each other."""
        for label, actor, record in self._each(reading):
            later = record.edit({}, NOW.replace(microsecond=999999))
            stale = replace(record, updated_at=NOW - DAY), replace(record, owner=reading.world.accounts[-1])
            for before in stale:
                yield from self._write(
                    reading, (*label, "stale"), lambda r, a=actor, b=before, c=later: r.save(a, b, c, NOW)
                )
            places = [later]
            if self.resource.parent is not None:
                parents = [at for at in reading.world.of(self.resource.parent) if at.id != record.parent]
                places += [later.moved(parent, later.updated_at) for parent in parents[:1] + parents[1:][-1:]]
            for after in places:
                yield from self._write(
                    reading, (*label, after.parent), lambda r, a=actor, b=record, c=after: r.save(a, b, c, NOW)
                )

    def remove(self, reading: Reading) -> Answers:
        """Delete a record, whatever is in the way."""
        for label, actor, record in self._each(reading):
            yield from self._write(reading, label, lambda r, a=actor, b=record: r.remove(a, b, NOW))

    def share(self, reading: Reading) -> Answers:
        """Give each role of the record to each account, by everybody, and end each membership."""
        ladder, stale = self.resource.ladder, reading.world.stale
        assert ladder is not None
        for record in reading.world.of(self.name):
            given = Membership(self.name, record.id, str(stale.account), ladder.weakest, None)
            for write in ("put_membership", "end_membership"):
                yield from self._write(
                    reading,
                    ("no session", record.id),
                    lambda r, w=write, m=given: getattr(r, w)(stale, m, NOW),
                    all_given,
                )
        for label, actor, record in self._each(reading):
            for number, account in enumerate(reading.world.accounts):
                for role in ladder.roles:
                    given = Membership(self.name, record.id, account, role, NOW + DAY)
                    about = (*label, number, role)
                    yield from self._write(
                        reading, about, lambda r, a=actor, m=given: r.put_membership(a, m, NOW), all_given
                    )
                ended = Membership(self.name, record.id, account, ladder.weakest, None)
                yield from self._write(
                    reading, (*label, number), lambda r, a=actor, m=ended: r.end_membership(a, m, NOW), all_given
                )

    def link(self, reading: Reading) -> Answers:
        """Make a link of each role to the record, by everybody, and end each that there is."""
        assert self.resource.ladder is not None
        present = [link for link in reading.world.state.links.values() if link.resource == self.name]
        stale = reading.world.stale
        for record in reading.world.of(self.name):
            new = SecretLink(NEW, "a" * 64, self.name, record.id, self.resource.linked_roles[-1], NOW, None)
            yield from self._write(
                reading, ("no session", record.id), lambda r, m=new: r.add_secret_link(stale, m, NOW), all_given
            )
        for link in present:
            yield from self._write(
                reading, ("no session", link.id), lambda r, m=link: r.end_secret_link(stale, m, NOW), all_given
            )
        for label, actor, record in self._each(reading):
            made = [
                SecretLink(NEW, "a" * 64, self.name, record.id, role, NOW, NOW + DAY)
                for role in self.resource.ladder.roles
            ]
            for link in made:
                yield from self._write(
                    reading, (*label, link.role), lambda r, a=actor, m=link: r.add_secret_link(a, m, NOW), all_given
                )
            for link in (link for link in present if link.record == record.id):
                yield from self._write(
                    reading, (*label, link.id), lambda r, a=actor, m=link: r.end_secret_link(a, m, NOW), all_given
                )

    def invite(self, reading: Reading) -> Answers:
        """Invite a new address to each record, and who is invited to the weakest role, by everybody; withdraw each.

        Where there is something to give, in the name of another, too.
        """
        assert self.resource.ladder is not None
        roles, stale, port = self.resource.ladder.roles, reading.world.stale, reading.invitations
        places = {record.id: place for place, record in enumerate(reading.world.of(self.name))}
        for (number, record_id), actor, record in self._each(reading):
            role = roles[(number + places[record_id]) % len(roles)]
            present = [each for each in self._invited(reading) if each.record == record_id]
            inviter = actor.account or record.owner
            new = Invitation(NEW, self.name, record_id, "new@example.org", role, inviter, NOW, NOW + DAY)
            made = [new, *(replace(new, email=each.email, role=roles[-1]) for each in present)]
            if may_give(actor, reading.world.facts(record), role):
                made.append(replace(new, inviter=self._another(reading, actor.account)))
            for write, several in (("put", made), ("withdraw", present)):
                for each in several:
                    yield from self._wait(reading, port, write, actor, each)
        for each in self._invited(reading):
            yield from self._wait(reading, port, "put", stale, replace(each, id=NEW, inviter=str(stale.account)))
            yield from self._wait(reading, port, "withdraw", stale, each)

    def respond(self, reading: Reading) -> Answers:
        """Answer each invitation by each account, with its token and without."""
        for actor in (*self._accounts(reading), reading.world.stale):
            for each in self._invited(reading):
                for token in {None: None, each.hash: None}:
                    yield from self._wait(reading, reading.invitations, "answer", actor, each, token)

    def offer(self, reading: Reading) -> Answers:
        """Offer each record by everybody, where it can be handed over also in the name of another; withdraw each."""
        stale, port = reading.world.stale, reading.transfers
        for _, actor, record in self._each(reading):
            giver, recipient = actor.account or record.owner, reading.world.accounts[-1]
            new = Offer(NEW, self.name, record.id, giver, recipient, NOW, NOW + DAY)
            yield from self._wait(reading, port, "put", actor, new)
            if may("transfer", actor, reading.world.facts(record)):
                others = replace(new, giver=self._another(reading, actor.account))
                yield from self._wait(reading, port, "put", actor, others)
            for each in self._offered(reading):
                if each.record == record.id:
                    yield from self._wait(reading, port, "withdraw", actor, each)
        for each in self._offered(reading):
            yield from self._wait(reading, port, "put", stale, replace(each, id=NEW, giver=str(stale.account)))
            yield from self._wait(reading, port, "withdraw", stale, each)

    def take(self, reading: Reading) -> Answers:
        """Decline and accept each offer by each account; and what is offered just then."""
        port = reading.transfers
        for actor in (*self._accounts(reading), reading.world.stale):
            for each in self._offered(reading):
                record = reading.world.state.records[self.name][each.record]
                yield from self._wait(reading, port, "accept", actor, each, record)
                yield from self._wait(reading, port, "decline", actor, each)
        for record in reading.world.of(self.name):
            facts = reading.world.facts(record)
            for giver in [actor for actor in self._accounts(reading) if may("transfer", actor, facts)][:1]:
                for taker in self._accounts(reading):
                    offer = Offer(NEW, self.name, record.id, str(giver.account), str(taker.account), NOW, NOW + DAY)
                    yield from self._do(reading, (offer,), partial(self._hand, reading, giver, taker, offer, record))

    async def _hand(self, reading: Reading, giver: Actor, taker: Actor, offer: Offer, record: Record) -> None:
        await reading.transfers().put(giver, offer, NOW)
        await reading.transfers().accept(taker, offer, record, NOW)

    def _another(self, reading: Reading, account: str | None) -> str:
        return next(other for other in reading.world.accounts if other != account)

    def _wait(self, reading: Reading, port: Callable[[], Any], write: str, actor: Actor, *what: Any) -> Answers:
        """What becomes of a write of what waits for somebody's answer, or of its acceptance."""
        looked_at = everything if write == "accept" else all_given
        return self._do(reading, (write, actor, *what), lambda: getattr(port(), write)(actor, *what, NOW), looked_at)

    def _write(
        self,
        reading: Reading,
        label: Any,
        write: Callable[[Records], Coroutine[Any, Any, None]],
        looked_at: Callable[[Reading], Any] = everything,
    ) -> Answers:
        """What became of a write of records, and what is stored then."""
        return self._do(reading, label, lambda: write(reading.records()), looked_at)

    def _do(
        self,
        reading: Reading,
        label: Any,
        write: Callable[[], Coroutine[Any, Any, None]],
        looked_at: Callable[[Reading], Any] = everything,
    ) -> Answers:
        """What became of a write, and what is stored then."""
        with reading.trial():
            outcome = answer(write())
            yield label, outcome if outcome is not None else looked_at(reading)


def decisions(actor: Actor, facts: Facts) -> Iterator[tuple[Any, Any]]:
    """All that the domain can decide of a record for an actor; grants by their place in the file."""
    resource = facts.resource

    def grant(rule: Any) -> Any:
        because = decide(rule, actor, facts).because
        return because and because.grant.place

    for action, rule in resource.can.items():
        yield action, (grant(rule), may(action, actor, facts).allowed)
    for name, field in resource.fields.items():
        yield name, [rule and grant(rule) for rule in (field.read, field.write)]
    for name, steps in resource.steps.items():
        yield name, [grant(step.rule) for step in steps]
    parent = () if resource.parent is None else (resource.parent,)
    for name in (*ENGINE_FIELDS, *parent, *resource.fields):
        yield ("seen", name), seen(name, actor, facts)
    yield "locked", (locked(facts), locked_above(facts))
    yield "delete", judged(judge_deletion, actor, facts)
    yield "cap", sharing_cap(actor, facts)
    yield "view", _json(view(actor, facts))


def _json(shown: Any) -> bytes:
    """As it is sent: 1, 1.0 and true differ."""
    return msgspec.json.encode(shown)


# --- trials --------------------------------------------------------------------------------


class Trial:
    """A specification with one world, in memory and in a file; the domain's answers are kept."""

    def __init__(self, name: str, specification: Specification, folder: Path) -> None:
        self.name = name
        self.specification = specification
        self.tables = build(specification)
        self.world = draw(specification, crc32(name.encode()))
        self.cases = list(cases(specification))
        path = folder / f"{name}.db"
        store(self.world, self.tables, path)
        self._connection = connect(path)
        self._answers: dict[str, list[tuple[Any, Any]]] = {}

    def expected(self, case: Case) -> list[tuple[Any, Any]]:
        """What the domain answers."""
        if case.name not in self._answers:
            self._answers[case.name] = list(case.ask(Domain(self.world)))
        return self._answers[case.name]

    def difference(self, case: Case, statements: Statements) -> str | None:
        """The first answer of these statements that is not the domain's."""
        found = case.difference(self.expected(case), self.reading(statements))
        return found and f"{self.name}: {found}"

    def reading(self, statements: Statements) -> Sql:
        """The world in the file, under these statements."""
        return Sql(self.world, statements, self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
