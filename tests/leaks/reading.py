"""Mistakes in what is read: lists, counts, cursors, members, references and caches."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from starlette.types import Receive, Scope

from adapters.http import records
from adapters.http.messages import Answer, encode, etag
from adapters.http.records import Handler, RecordHandlers, record_id
from adapters.persistence.sql.builtin import MembershipRow
from adapters.persistence.sql.connection import Prepared, param
from adapters.persistence.sql.dialects import DOCUMENT, one_of_list
from adapters.persistence.sql.lists import ListCompiler
from adapters.persistence.sql.records import SqlRecords
from adapters.persistence.sql.rules import At, RuleCompiler
from adapters.persistence.sql.sqlite import DIALECT
from adapters.persistence.sql.statements import ID, Statements
from adapters.persistence.sql.views import ViewColumns
from adapters.sealing import AesSealer
from application.ports import Page, Query, View
from application.records import RecordUseCases
from domain.errors import NotFound
from domain.membership import Membership
from domain.ownership import Actor
from domain.specification.model import Condition

_MEMBERS = MembershipRow.__table__  # type: ignore[attr-defined]


async def row_of(records: Any, resource: str, id_: str) -> dict[str, Any] | None:
    """A record by its id alone, whoever asks: the helper that every leak begins with."""
    table = records._statements.tables.of[resource]
    rows = await records._connection.rows(
        Prepared(select(table).where(table.c.id == param("id")), DIALECT), {"id": id_}
    )
    return dict(zip(table.c.keys(), rows[0], strict=True)) if rows else None


# --- rules -----------------------------------------------------------------------------------


def list_forgets_whose(patch: pytest.MonkeyPatch) -> None:
    """The owner's branch of a list starts at the whole table."""

    def from_here(self: Any, branch: Any, start: Any, bound: Any) -> Any:
        return self._cut(at := self._rows(), self._all(branch, at, start.answers))

    patch.setattr(ListCompiler, "_from_here", from_here)


def list_forgets_when(patch: pytest.MonkeyPatch) -> None:
    """The public branch of a list loses its conditions."""

    def public(self: Any, branch: Any, at: At) -> Any:
        return self._all(tuple(part for part in branch if not isinstance(part[1], Condition)), at)

    patch.setattr(ListCompiler, "_public", public)


def expiry_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """A membership counts for ever."""
    patch.setattr(RuleCompiler, "on_expiry", lambda self, members: true())


def a_fields_own_rule_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Whoever opens a record sees all of it."""

    def read_guard(self: RuleCompiler, name: str, resource: str) -> Any:
        return None if real(self, name, resource) is None else lambda at: true()

    real = RuleCompiler.read_guard
    patch.setattr(RuleCompiler, "read_guard", read_guard)


# --- what is hidden, asked by ----------------------------------------------------------------


def sorts_by_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    """The order is that of the column, not of what the caller sees of it."""

    def keys(self: Any, table: Any) -> Any:
        return [table.c[sort.field] for sort in self._shape.order]

    patch.setattr(ListCompiler, "keys", keys)


def filters_by_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    """A filter compares the column, not what the caller sees of it."""
    _ask_what_is_stored(patch, "_filter")


def searches_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    """Words are looked for in every text of the record, also in those that the caller does not see."""
    _ask_what_is_stored(patch, "_word")


def _ask_what_is_stored(patch: pytest.MonkeyPatch, name: str) -> None:
    right: Callable[..., ColumnElement[bool]] = getattr(ListCompiler, name)

    def asked(self: Any, *args: Any) -> ColumnElement[bool]:
        unguarded, stored = copy(self), SimpleNamespace(specification=self._rules.specification)
        stored.guard, stored.seen = lambda *_: None, lambda name, at: at.table.c[name]
        unguarded._rules = stored
        return right(unguarded, *args)

    patch.setattr(ListCompiler, name, asked)


def counts_everything(patch: pytest.MonkeyPatch) -> None:
    """`total` is of the table."""

    def count(self: Any, shape: Any, caller: Any) -> Prepared:
        table = self.tables.of[shape.resource].alias()
        listed = ListCompiler(self._compilers[caller.asker], shape, self.dialect).filters(At(table, shape.resource))
        return Prepared(select(func.count()).select_from(table).where(listed), DIALECT)

    patch.setattr(Statements, "_count", count)


def cursor_is_signed_only(patch: pytest.MonkeyPatch) -> None:
    """A cursor is the whole row that a page ends with, signed so that nobody changes it; anybody can read it."""

    async def page(self: SqlRecords, actor: Actor, query: Query, now: datetime) -> Page:
        after = None if query.after is None else query.after[: len(query.order)]
        found = await real(self, actor, replace(query, after=after), now)
        if found.last is None:
            return found
        return replace(found, last=(*found.last, await row_of(self, query.resource, found.items[-1]["id"])))

    def seal(self: AesSealer, plain: bytes, bound_to: bytes) -> str:
        return urlsafe_b64encode(blake2b(plain, key=bound_to[:64], digest_size=12).digest() + plain).decode()

    def opened(self: AesSealer, sealed: str, bound_to: bytes) -> bytes | None:
        plain = urlsafe_b64decode(sealed)[12:]
        return plain if seal(self, plain, bound_to) == sealed else None

    real = SqlRecords.page
    patch.setattr(SqlRecords, "page", page)
    patch.setattr(AesSealer, "seal", seal)
    patch.setattr(AesSealer, "open", opened)


def cursor_is_anybodys(patch: pytest.MonkeyPatch) -> None:
    """A cursor is sealed, but not bound to whom it was given."""

    def seal(self: AesSealer, plain: bytes, bound_to: bytes) -> str:
        return real_seal(self, plain, b"")

    def opened(self: AesSealer, sealed: str, bound_to: bytes) -> bytes | None:
        return real_open(self, sealed, b"")

    real_seal, real_open = AesSealer.seal, AesSealer.open
    patch.setattr(AesSealer, "seal", seal)
    patch.setattr(AesSealer, "open", opened)


def etag_is_of_the_row(patch: pytest.MonkeyPatch) -> None:
    """The ETag is that of what is stored, so that one can see a change of what one may not see."""

    def with_tag(real: Any) -> Any:
        async def handler(self: Any, actor: Actor, scope: Scope, receive: Receive) -> Answer:
            answer: Answer = await real(self, actor, scope, receive)
            shown = {} if answer.body is None else json.loads(answer.body)
            shown_id = shown.get("id") or scope["path_params"].get("id", "")
            stored = await row_of(self._records._store.records, self._name, shown_id)
            kept = tuple(each for each in answer.headers if each[0] != b"etag")
            return replace(answer, headers=(*kept, (b"etag", etag(encode((stored, scope["query_string"]))))))

        return handler

    for name in ("get", "create", "update"):
        patch.setattr(RecordHandlers, name, with_tag(getattr(RecordHandlers, name)))


# --- second paths ----------------------------------------------------------------------------


def head_only_looks_whether_it_is_there(patch: pytest.MonkeyPatch) -> None:
    """HEAD saves itself the rule: it has no body to show, after all."""

    def add_route(router: Any, identity: Any, method: str, path: str, handler: Handler, operation: Any) -> None:
        handlers = handler.__self__  # type: ignore[attr-defined]

        async def head(actor: Actor, scope: Scope, receive: Receive) -> Answer:
            stored = await row_of(handlers._records._store.records, handlers._name, record_id(scope))
            if stored is None:
                raise NotFound
            return Answer(200, None, ((b"etag", etag(encode(stored))),))

        chosen = head if method == "HEAD" and "{id}" in path else handler
        records.add_route(router, identity, method, path, chosen, operation)

    patch.setattr("adapters.http.app.add_route", add_route)


def members_are_shown_to_all(patch: pytest.MonkeyPatch) -> None:
    """Whoever opens a record sees all its members."""

    def members(self: Any, resource: str, caller: Any) -> Prepared:
        compiler, table, of = self._compilers[caller.asker], self.tables.of[resource].alias(), _MEMBERS.alias()
        found = select(of.c.account, of.c.role, of.c.expires_at).join_from(table, of, of.c.record == table.c.id)
        opened = compiler.may("open", At(table, resource))
        return Prepared(found.where(table.c.id == ID, opened, compiler.on_expiry(of)).order_by(of.c.account), DIALECT)

    patch.setattr(Statements, "_members", members)


def members_of_any_record(patch: pytest.MonkeyPatch) -> None:
    """The list of members asks for `members` only where there are any to be shown, and never whether one can open."""

    async def members(
        self: Any, actor: Actor, resource: str, record_id: str, now: datetime
    ) -> Sequence[Membership] | None:
        if await row_of(self, resource, record_id) is None:
            return None
        return await real(self, actor, resource, record_id, now) or []

    real = SqlRecords.members
    patch.setattr(SqlRecords, "members", members)


def references_are_shown_to_all(patch: pytest.MonkeyPatch) -> None:
    """A reference shows its id, whether or not one can read what it leads to."""

    def guard(self: RuleCompiler, name: str, resource: str) -> Any:
        fields = self.specification.resources[resource].fields
        return self.read_guard(name, resource) if name in fields else None

    patch.setattr(RuleCompiler, "guard", guard)


def what_is_expanded_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """Who sees an id is shown the record that it leads to, also one that would have to be asked for by its id."""

    def readable(self: Statements, resource: str, caller: Any) -> Any:
        table = self.tables.of[resource].alias()
        columns = ViewColumns(self._compilers[caller.asker], self.specification.resources[resource], table)
        named = one_of_list(table.c.id, param("ids", DOCUMENT))
        return self._prepare(select(*columns.columns).where(named, self._alive(caller))), columns

    patch.setattr(Statements, "_readable", readable)


def cache_forgets_who_asked(patch: pytest.MonkeyPatch) -> None:
    """Answers are kept by their path."""
    kept: dict[tuple[Any, ...], View] = {}

    async def get(self: RecordUseCases, actor: Actor, resource: str, record_id: str, *wanted: Any) -> View:
        path = resource, record_id, *wanted
        if path not in kept:
            kept[path] = await real(self, actor, *path)
        return kept[path]

    real = RecordUseCases.get
    patch.setattr(RecordUseCases, "get", get)


def hidden_fields_are_null(patch: pytest.MonkeyPatch) -> None:
    """What one may not read is there all the same, empty."""

    def view(self: Any, row: Any) -> View:
        return {name: None for _, name in self._guards} | real(self, row)

    real = ViewColumns.view
    patch.setattr(ViewColumns, "view", view)


# --- roles that combine ----------------------------------------------------------------------


def roles_count_everywhere(patch: pytest.MonkeyPatch) -> None:
    """A member here who is an editor elsewhere is an editor here."""

    def on_role(self: RuleCompiler, roles: Sequence[str], at: At) -> ColumnElement[bool]:
        model = self.specification.at(at.resource, at.path)
        anywhere = select(1).select_from(of := _MEMBERS.alias())
        strong = anywhere.where(of.c.resource == model.name, self.on_membership(of, roles)).correlate_except(of)
        every = roles if model.ladder is None else model.ladder.roles
        return and_(real(self, every, at), strong.exists())

    real = RuleCompiler.on_role
    patch.setattr(RuleCompiler, "on_role", on_role)


def either_term_is_enough(patch: pytest.MonkeyPatch) -> None:
    """`author and editor` is read as a list of two."""

    def on_grant(self: RuleCompiler, grant: Any, at: At) -> ColumnElement[bool]:
        who = or_(false(), *(self.term(term, at) for term in grant.who))
        return and_(who, *(self.term(term, at) for term in grant.when))

    patch.setattr(RuleCompiler, "on_grant", on_grant)


# --- lists and single records ----------------------------------------------------------------


def lists_what_can_be_opened(patch: pytest.MonkeyPatch) -> None:
    """The list asks for `open`, as everything else does."""

    def parts(self: Any) -> Any:
        at = self._rows()
        return [self._cut(at, self._rules.may("open", at)).cte("_branch_0")]

    patch.setattr(ListCompiler, "_parts", parts)


def words_are_looked_up_in_everything(patch: pytest.MonkeyPatch) -> None:
    """What has the words is found by an index of all there is, and nobody asks whose it is."""

    def cut(self: Any, at: At, condition: ColumnElement[bool]) -> Any:
        return real(self, at, true() if self._shape.words else condition)

    real = ListCompiler._cut
    patch.setattr(ListCompiler, "_cut", cut)


def opens_what_is_not_listed(patch: pytest.MonkeyPatch) -> None:
    """A single record is found by its id: who has that has it from a list."""

    def view(self: Any, resource: str, caller: Any) -> Any:
        compiler, table = self._compilers[caller.asker], self.tables.of[resource].alias()
        columns = ViewColumns(compiler, self.specification.resources[resource], table)
        return Prepared(select(*columns.columns).where(table.c.id == ID), DIALECT), columns

    patch.setattr(Statements, "_view", view)
