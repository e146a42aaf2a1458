"""Mistakes in what is written: rights that are not asked, foreign trees, writable owners, constraints that tell."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from adapters.http import schemas
from adapters.persistence.sql.builtin import InvitationRow, OfferRow, table_of
from adapters.persistence.sql.connection import Prepared, param
from adapters.persistence.sql.dialects import UUID
from adapters.persistence.sql.invitations import InvitationStatements, SqlInvitations
from adapters.persistence.sql.records import SqlRecords
from adapters.persistence.sql.rules import At, RuleCompiler
from adapters.persistence.sql.sqlite import DIALECT
from adapters.persistence.sql.statements import ID, Statements
from adapters.persistence.sql.transfers import SqlTransfers
from application import batch, sharing
from application import records as use_cases
from application.idempotency import Idempotency
from application.invitations import InvitationUseCases
from application.ports import View, Work
from application.records import RecordUseCases
from application.transfers import TransferUseCases
from domain.errors import Conflict, FieldError, Invalid
from domain.ownership import Actor, Facts
from domain.record import Record
from domain.values import accept_id
from tests.leaks.reading import row_of

# --- rules -----------------------------------------------------------------------------------


def nobody_asks_who_deletes(patch: pytest.MonkeyPatch) -> None:
    """Whoever opens a record can delete it."""

    def deleted(self: Any, resource: str, caller: Any) -> Prepared:
        return Prepared(delete(table := self.tables.of[resource]).where(table.c.id == ID), DIALECT)

    patch.setattr(use_cases, "judge_deletion", lambda actor, facts: None)
    patch.setattr(Statements, "_delete", deleted)


def only_the_old_record_is_judged(patch: pytest.MonkeyPatch) -> None:
    """A change is allowed by what the record was."""
    patch.setattr(use_cases, "judge_result", lambda actor, new, change: None)


def locks_below_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What is locked goes with what is above it."""

    async def obstacles(self: SqlRecords, actor: Actor, record: Record, now: datetime) -> tuple[str, ...]:
        return tuple(each for each in await real(self, actor, record, now) if each != "locked")

    real = SqlRecords.obstacles
    patch.setattr(SqlRecords, "obstacles", obstacles)


def removed_members_stay(patch: pytest.MonkeyPatch) -> None:
    """A membership is marked as ended, in a column that nobody looks at."""

    async def end_membership(self: Any, actor: Actor, membership: Any, now: datetime) -> None:
        return None

    patch.setattr(SqlRecords, "end_membership", end_membership)


# --- foreign trees ---------------------------------------------------------------------------


def _found_by_id_alone(patch: pytest.MonkeyPatch, action: str) -> None:
    """What a message refers to is looked up as if `action` was everybody's."""

    def facts(self: Any, resource: str, asked: str, changing: bool, caller: Any) -> Any:
        if asked != action:
            return real(self, resource, asked, changing, caller)
        columns = self._columns(resource, self.footprints[resource].ways, self.footprints[resource].roles)
        statement, table = columns.select()
        return Prepared(statement.where(table.c.id == ID), DIALECT), columns

    real = Statements._facts
    patch.setattr(Statements, "_facts", facts)


def references_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    """A reference may lead to any record that there is."""

    def bound(self: Any, model: Any, names: Any, caller: Any) -> dict[str, Any]:
        columns = self.tables.of[model.name].c
        values: dict[str, Any] = {name: param(f"v_{name}", columns[name].type) for name in names}
        for link, beside in self.tables.beside(model).items():
            target = self.tables.of[self.specification.target(model.name, link)].alias()
            for name, source in beside.items() if link in values else ():
                named = select(target.c[source]).where(target.c.id == param(f"v_{link}"))
                values[name] = named.scalar_subquery()
        return values

    _found_by_id_alone(patch, "read")
    patch.setattr(Statements, "_bound", bound)


def parents_of_moved_records_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    """A record may move under any that there is."""

    async def targets(
        self: RecordUseCases, work: Any, actor: Actor, model: Any, given: Any, parent_id: Any, now: Any
    ) -> dict[str, Facts]:
        found = await real(self, work, actor, model, given, None, now)
        if parent_id is not None:
            stored = await row_of(work.records, model.parent, parent_id)
            if stored is None:
                raise Invalid(errors=(FieldError(model.parent, "not_found", "There is no such record."),))
            found[model.parent] = await work.records.refer(Actor(stored["owner"]), model.parent, parent_id, now, "open")
        return found

    real = RecordUseCases._targets
    patch.setattr(RecordUseCases, "_targets", targets)
    patch.setattr(Statements, "_placed", lambda *_: None)


def parents_of_new_records_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    """A new record may hang under any that there is, and takes its owner."""

    def inserted(self: Any, resource: str, caller: Any) -> Prepared:
        table, model = self.tables.of[resource], self.specification.resources[resource]
        values = self._bound(model, self.records[resource].names, caller)
        return Prepared(insert(table).from_select(list(values), select(*values.values())), DIALECT)

    parents_of_moved_records_are_not_asked(patch)
    patch.setattr(Statements, "_insert", inserted)


# --- what the engine writes ------------------------------------------------------------------


def _body_has(patch: pytest.MonkeyPatch, *names: str) -> None:
    """Bodies are read with further fields."""

    def body_fields(resource: Any, known: Any, *, new: bool) -> dict[str, Any]:
        further = {each: schemas._taken(None, schemas.UUID, required=False) for each in names}
        return real(resource, known, new=new) | further

    real = schemas._body_fields
    patch.setattr(schemas, "_body_fields", body_fields)


def owner_comes_from_the_body(patch: pytest.MonkeyPatch) -> None:
    """`owner` is a field as any other: who names one creates on their behalf."""

    async def create(
        self: RecordUseCases, actor: Actor, resource: str, body: Mapping[str, Any], within: Work | None = None
    ) -> View:
        owner, given = body.get("owner", actor.account), {k: v for k, v in body.items() if k != "owner"}
        return await real(self, replace(actor, account=owner, session=None), resource, given, within)

    _body_has(patch, "owner")
    real = RecordUseCases.create
    patch.setattr(RecordUseCases, "create", create)


def id_comes_from_the_body(patch: pytest.MonkeyPatch) -> None:
    """Clients that work offline may choose the id."""

    async def create(
        self: RecordUseCases, actor: Actor, resource: str, body: Mapping[str, Any], within: Work | None = None
    ) -> View:
        given = {k: v for k, v in body.items() if k != "id"}
        ids, chosen = self._ids, accept_id(body["id"]) if "id" in body else self._ids.new()
        self._ids = type("Chosen", (), {"new": lambda _: chosen})()
        try:
            return await real(self, actor, resource, given, within)
        finally:
            self._ids = ids

    _body_has(patch, "id")
    real = RecordUseCases.create
    patch.setattr(RecordUseCases, "create", create)


# --- constraints -----------------------------------------------------------------------------


def conflict_says_with_what(patch: pytest.MonkeyPatch) -> None:
    """A collision names the record that was there before."""

    async def add(self: Any, actor: Actor, record: Record, now: datetime) -> None:
        try:
            await real(self, actor, record, now)
        except Conflict as conflict:
            table = self._statements.tables.of[record.resource]
            unique = self._statements.specification.resources[record.resource].unique[0]
            same = and_(*(table.c[name] == record.values[name] for name in unique.fields))
            rows = await self._connection.rows(Prepared(select(table.c.id).where(same), DIALECT), {})
            raise Conflict(f"{rows[0][0]} has these values.", code=conflict.code) from conflict

    real = SqlRecords.add
    patch.setattr(SqlRecords, "add", add)


def hidden_references_are_forbidden(patch: pytest.MonkeyPatch) -> None:
    """The database's foreign key says `no such record`; the rule says `not yours`."""

    async def targets(
        self: RecordUseCases, work: Any, actor: Actor, model: Any, given: Any, parent_id: Any, now: Any
    ) -> dict[str, Facts]:
        for field in model.references():
            there = given.get(field.name) and await row_of(work.records, field.target, given[field.name])
            if there and await work.records.refer(actor, field.target, given[field.name], now, "read") is None:
                raise Invalid(errors=(FieldError(field.name, "not_yours", "This is not yours to refer to."),))
        return await real(self, work, actor, model, given, parent_id, now)

    real = RecordUseCases._targets
    patch.setattr(RecordUseCases, "_targets", targets)


def deletion_says_what_is_in_its_way(patch: pytest.MonkeyPatch) -> None:
    """A refused deletion names the record that refers to this one."""

    async def remove(self: Any, actor: Actor, resource: str, record_id: str, expected: Any = None) -> None:
        try:
            await real(self, actor, resource, record_id, expected)
        except Conflict as conflict:
            for model in self.specification.resources.values():
                for field in model.references():
                    table = self._store.records._statements.tables.of[model.name]
                    found = select(table.c.id).where(table.c[field.name] == param("id"))
                    rows = await self._store.records._connection.rows(Prepared(found, DIALECT), {"id": record_id})
                    if rows and field.target == resource:
                        raise Conflict(f"{model.name} {rows[0][0]} refers to it.", code=conflict.code) from conflict
            raise

    real = RecordUseCases.delete
    patch.setattr(RecordUseCases, "delete", remove)


# --- roles -----------------------------------------------------------------------------------


def any_role_can_be_given(patch: pytest.MonkeyPatch) -> None:
    """Whoever shares gives every role, also one above their own."""

    def may_give(self: RuleCompiler, role: ColumnElement[str], at: At) -> ColumnElement[bool]:
        resource = self.specification.resources[at.resource]
        return and_(self.on_rule(resource.rule("share"), at), self.on_rule(resource.rule("open"), at))

    def within_cap(ladder: Any, role: str, cap: str | None) -> None:
        real(ladder, role, cap and ladder.roles[0])

    real = sharing.within_cap
    patch.setattr(sharing, "within_cap", within_cap)
    patch.setattr(RuleCompiler, "may_give", may_give)


# --- what waits for somebody -----------------------------------------------------------------


def invitations_are_anybodys(patch: pytest.MonkeyPatch) -> None:
    """Whoever knows the id of an invitation answers it."""

    def prepare(self: InvitationStatements, dialect: Any) -> None:
        real(self, dialect)
        table = table_of(InvitationRow)
        this = table.c.id == param("invitation", UUID)
        self.get, self.answer = (
            Prepared(select(table).where(this), dialect),
            Prepared(delete(table).where(this), dialect),
        )

    real = InvitationStatements.__init__
    patch.setattr(InvitationStatements, "__init__", prepare)


def inviting_says_who_is_there(patch: pytest.MonkeyPatch) -> None:
    """Only addresses of accounts are invited."""

    async def put(self: SqlInvitations, actor: Actor, invitation: Any, now: datetime) -> None:
        if invitation.account is None:
            raise Invalid(errors=(FieldError("email", "not_found", "There is no such account."),))
        await real(self, actor, invitation, now)

    real = SqlInvitations.put
    patch.setattr(SqlInvitations, "put", put)


def declined_invitations_wait_on(patch: pytest.MonkeyPatch) -> None:
    """To decline is answered, and nothing is done."""

    async def decline(
        self: InvitationUseCases, actor: Actor, invitation_id: str, token: str | None = None, within: Any = None
    ) -> None:
        async with self._store.work() as work:
            await self._mine(work, actor, invitation_id, token, self._clock.now())

    patch.setattr(InvitationUseCases, "decline", decline)


def offers_are_anybodys(patch: pytest.MonkeyPatch) -> None:
    """Whoever knows the id of an offer takes it."""

    async def get(self: SqlTransfers, actor: Actor, offer_id: str, now: datetime) -> Any:
        table = table_of(OfferRow)
        mine = update(table).where(table.c.id == param("offer", UUID)).values(recipient=param("me", UUID))
        await self._connection.run(Prepared(mine, DIALECT), {"offer": offer_id, "me": actor.account})
        return await real(self, actor, offer_id, now)

    real = SqlTransfers.get
    patch.setattr(SqlTransfers, "get", get)


def declined_offers_wait_on(patch: pytest.MonkeyPatch) -> None:
    """To decline is answered, and nothing is done."""

    async def decline(self: TransferUseCases, actor: Actor, offer_id: str, within: Any = None) -> None:
        async with self._store.work() as work:
            await self._mine(work, actor, offer_id, self._clock.now())

    patch.setattr(TransferUseCases, "decline", decline)


def the_giver_keeps_its_roles(patch: pytest.MonkeyPatch) -> None:
    """Who handed over stays a member of what is below."""
    patch.setattr(Statements, "_ended_by_handing_over", lambda *_: iter(()))


# --- several at once, and again --------------------------------------------------------------


def answers_are_kept_by_the_key_alone(patch: pytest.MonkeyPatch) -> None:
    """Whoever sends the key and the same message gets what somebody else was answered."""

    async def once(self: Idempotency, actor: Actor, key: str, message: bytes, write: Any) -> bytes:
        if (key, message) not in kept:
            kept[key, message] = await real(self, actor, key, message, write)
        return kept[key, message]

    kept: dict[tuple[str, bytes], bytes] = {}
    real = Idempotency.once
    patch.setattr(Idempotency, "once", once)


def what_a_refused_batch_did_stays(patch: pytest.MonkeyPatch) -> None:
    """The operations before the one that is refused are kept."""

    @asynccontextmanager
    async def unit(store: Any, within: Any) -> AsyncIterator[Any]:
        if within is not None:
            yield within
            return
        async with store.work() as work:
            try:
                yield work
            finally:
                await work.commit()

    patch.setattr(batch, "unit", unit)
