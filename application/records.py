"""Records: create, read, list, change, delete. Each use case takes the actor first.

A write commits itself; `within` the work of somebody else, it is a part of that.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.ports import Clock, Filter, Ids, Query, RecordsRead, Sealer, Sort, Store, View, Work
from application.units import unit
from domain.audit import Event
from domain.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from domain.expansion import EXPANDED, WHOLE, Expansions, Selection
from domain.judging import judge_change, judge_creation, judge_deletion, judge_result
from domain.ownership import Actor, Facts, may, view
from domain.plain import Plain
from domain.record import Record, accept_changes, accept_new, create
from domain.specification.analysis import anonymous_may
from domain.specification.model import Field, Kind, Resource, Specification

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
_LINK_READS = "A link only opens and reads."


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of records and the sealed cursor of the next one."""

    items: Sequence[View]
    next_cursor: str | None
    total: int | None = None
    """how many there are on all pages, where that was asked"""


Expectation = Callable[[View], bool]
"""Whether the record as the caller sees it now is the one it means to change (`If-Match`)."""


class RecordUseCases:
    """What a caller may do with records."""

    def __init__(self, specification: Specification, store: Store, clock: Clock, ids: Ids, sealer: Sealer) -> None:
        """Know once and for all what an anonymous caller could ever do."""
        self.specification = specification
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sealer = sealer
        self._plain = Plain(specification)
        self._anonymous_may = {
            (resource.name, action): anonymous_may(specification, resource, action)
            for resource in specification.resources.values()
            for action in ("create", "open", "read", "update", "delete", "share", "members", "transfer")
        }

    def admit(self, actor: Actor, resource: str, action: str) -> None:
        """The one door of every use case on records and members.

        Raises `NotAuthenticated` for an anonymous caller where no grant of the action could ever match one,
        `Forbidden` for the engine, which owns nothing, and (`out_of_scope`) for a key that is not for this.
        """
        if not actor.reaches(resource, action):
            raise Forbidden("This API key is not for this.", code="out_of_scope")
        if actor.engine and action == "create" and self.specification.resources[resource].parent is None:
            raise Forbidden("Only an account can own this.")
        if actor.link is not None:
            if action == "create":
                raise Forbidden(_LINK_READS)
        elif actor.account is None and not actor.engine and not self._anonymous_may[resource, action]:
            raise NotAuthenticated

    async def refuse_link(self, actor: Actor, resource: str, record_id: str) -> None:
        """A secret link opens and reads: where it can open the record, `Forbidden`; otherwise `NotFound`."""
        if actor.link is not None:
            await self.get(actor, resource, record_id)
            raise Forbidden(_LINK_READS)

    async def get(self, actor: Actor, resource: str, record_id: str, wanted: Selection = WHOLE) -> View:
        """The record as the actor sees it, so much as is wanted. Raises `NotFound` where it is missing or hidden."""
        self.admit(actor, resource, "open")
        now = self._clock.now()
        if not wanted.ways:
            seen = await self._store.records.view(actor, resource, record_id, now)
        else:
            async with self._store.instant() as stored:
                seen = await stored.records.view(actor, resource, record_id, now)
                if seen is not None:
                    await expand(stored.records, actor, [seen], wanted.expansions, now)
        if seen is None:
            raise NotFound
        return wanted.of(seen)

    async def list(
        self,
        actor: Actor,
        resource: str,
        filters: tuple[Filter, ...] = (),
        sort: tuple[Sort, ...] = (),
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        counted: bool = False,
        wanted: Selection = WHOLE,
        words: tuple[str, ...] = (),
    ) -> Listing:
        """A page of the records that the actor can read, newest first unless sorted; so much of each as is wanted.

        Raises `Malformed` (code `bad_cursor`) for a cursor that was changed or belongs to another caller or query.
        """
        self.admit(actor, resource, "read")
        order = total_order(sort)
        bound_to = _bound_to(actor, resource, filters, words, order)
        after = None if cursor is None else self._open_cursor(cursor, bound_to)
        query, now = Query(resource, filters, order, limit, after, counted, words, wanted.needed), self._clock.now()
        if not wanted.ways:
            page = await self._store.records.page(actor, query, now)
        else:
            async with self._store.instant() as stored:
                page = await stored.records.page(actor, query, now)
                await expand(stored.records, actor, page.items, wanted.expansions, now)
        items = page.items if wanted.fields is None else [wanted.of(each) for each in page.items]
        if page.last is None:
            return Listing(items, None, page.total)
        sealed = self._sealer.seal(json.dumps(page.last).encode(), bound_to)
        return Listing(items, sealed, page.total)

    def _open_cursor(self, cursor: str, bound_to: bytes) -> tuple[Any, ...]:
        plain = self._sealer.open(cursor, bound_to)
        if plain is None:
            raise Malformed("This cursor is not of this list and caller.", code="bad_cursor")
        return tuple(json.loads(plain))

    async def create(self, actor: Actor, resource: str, body: Mapping[str, Any], within: Work | None = None) -> View:
        """Create a record; answers it as the actor sees it.

        Raises `Invalid` for wrong values and for a parent or references that the actor may not use, `Forbidden`
        where no grant allows it, `Conflict` for uniqueness and limits.
        """
        self.admit(actor, resource, "create")
        model = self.specification.resources[resource]
        given = accept_new(model, body)
        now = self._clock.now()
        parent_id = None if model.parent is None else str(given.pop(model.parent))
        if self._store.plain and within is None and actor.account and self._plain.creates(model, body, given):
            owner = account = actor.account
            record = create(model, self._ids.new(), owner, parent_id, given, account, lambda _: None, now)
            seen = await self._store.plain.add(actor, record, now)
            if seen is not None:
                return seen
        async with unit(self._store, within) as work:
            records = work.records
            targets = await self._targets(work, actor, model, given, parent_id, now)
            parent = None if model.parent is None else targets[model.parent].record
            owner = str(actor.account) if parent is None else parent.owner
            record = create(
                model,
                self._ids.new(),
                owner,
                parent_id,
                given,
                actor.account,
                lambda field: _copied(targets, field),
                now,
            )
            facts = await records.imagine(actor, record, now)
            judge_creation(actor, facts, body)
            await _check_accounts(work, facts, set(given), None, now)
            await records.add(actor, record, now)
        return view(actor, facts)

    async def update(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        body: Mapping[str, Any],
        expected: Expectation | None = None,
        within: Work | None = None,
    ) -> View | None:
        """Change a record; answers it as the actor sees it afterwards, None where it can no longer open it.

        A change of the parent is a move. Raises like `create`, and `PreconditionFailed` where `expected` says no.
        """
        self.admit(actor, resource, "update")
        await self.refuse_link(actor, resource, record_id)
        model = self.specification.resources[resource]
        given = accept_changes(model, body)
        _require_expected(model, expected)
        now = self._clock.now()
        plain = within is None and expected is None and self._plain.changes(model, given)
        if self._store.plain and actor.account and plain:
            seen = await self._store.plain.change(actor, resource, record_id, given, now)
            if seen is not None:
                return seen
        async with unit(self._store, within) as work:
            records = work.records
            old = await records.load(actor, resource, record_id, now)
            if old is None:
                raise NotFound
            _check_expected(actor, old, expected)
            change = judge_change(actor, old, given)
            if not change:
                return view(actor, old)
            targets = await self._targets(work, actor, model, change.fields, change.moves_to, now)
            record = old.record.edit(change.fields, now)
            if change.moves_to is not None and model.parent is not None:
                record = record.moved(targets[model.parent].record, now)
            new = await records.imagine(actor, record, now)
            judge_result(actor, new, change)
            moved = model.parent if change.moves_to is not None else None
            await _check_accounts(work, new, set(change.fields), moved, now)
            await records.save(actor, old.record, record, now)
        return view(actor, new) if may("open", actor, new) else None

    async def delete(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        expected: Expectation | None = None,
        within: Work | None = None,
    ) -> None:
        """Delete a record and all below it. Raises `Conflict` (code `blocked`) where something must stay."""
        self.admit(actor, resource, "delete")
        await self.refuse_link(actor, resource, record_id)
        _require_expected(self.specification.resources[resource], expected)
        now = self._clock.now()
        async with unit(self._store, within) as work:
            records = work.records
            facts = await records.load(actor, resource, record_id, now)
            if facts is None:
                raise NotFound
            _check_expected(actor, facts, expected)
            judge_deletion(actor, facts)
            if await records.obstacles(actor, facts.record, now):
                raise Conflict("Something that must stay hangs below this record or refers to it.", code="blocked")
            await records.remove(actor, facts.record, now)
            for event in _deletions(actor, facts.record, now):
                await work.audit.add(event)

    async def _targets(
        self,
        work: Work,
        actor: Actor,
        model: Resource,
        given: Mapping[str, Any],
        parent_id: str | None,
        now: datetime,
    ) -> dict[str, Facts]:
        """The parent and every referred record that a message names, by field name.

        Raises `Invalid` naming those that the actor cannot open (the parent) or read (a reference), the same for
        hidden and missing ones.
        """
        found: dict[str, Facts] = {}
        errors = []
        if model.parent is not None and parent_id is not None:
            wanted = [(model.parent, model.parent, parent_id, "open")]
        else:
            wanted = []
        for field in model.fields.values():
            value = given.get(field.name)
            if value is not None and field.kind is Kind.REFERENCE:
                wanted.append((field.name, str(field.target), value, "read"))
        for name, target, target_id, action in wanted:
            facts = await work.records.refer(actor, target, target_id, now, action)
            if facts is None:
                errors.append(FieldError(name, "not_found", "There is no such record."))
            else:
                found[name] = facts
        if errors:
            raise Invalid(errors=tuple(errors))
        return found


async def expand(
    records: RecordsRead, actor: Actor, views: Sequence[View], expansions: Expansions, now: datetime
) -> None:
    """Put beside each view the records that it names, as `domain.expansion.shown` has them: one query for each hop."""
    for hop, further in expansions.items():
        named = {each[hop.field] for each in views if each.get(hop.field) is not None}
        asked = named and actor.reaches(hop.resource, "read")
        found = await records.readable(actor, hop.resource, named, now) if asked else {}
        if found:
            await expand(records, actor, list(found.values()), further, now)
        for each in views:
            each.setdefault(EXPANDED, {})[hop.field] = found.get(each.get(hop.field, ""))


def _deletions(actor: Actor, record: Record, now: datetime) -> Iterator[Event]:
    """What the log of whoever deleted a record says of it, and that of its owner."""
    said = {"resource": record.resource, "record": record.id}
    if actor.account is not None:
        yield Event.by(actor, "record_deleted", now, **said)
    if actor.account != record.owner:
        by = "the engine" if actor.engine else actor.account or "nobody"
        yield Event.of("record_deleted", record.owner, now, **said, by=by)


def _require_expected(model: Resource, expected: Expectation | None) -> None:
    if model.require_if_match and expected is None:
        raise PreconditionRequired


def _check_expected(actor: Actor, facts: Facts, expected: Expectation | None) -> None:
    if expected is not None and not expected(view(actor, facts)):
        raise PreconditionFailed


async def _check_accounts(work: Work, facts: Facts, written: set[str], moved: str | None, now: datetime) -> None:
    """The accounts that are written exist, and those of `member of` fields can open that record (`Invalid`).

    Asked after the caller's right to write: who may open a record is not told to others. A move asks for every
    `member of` field; what the caller did not write is refused as a matter of the new place, the parent `moved` to.
    """
    errors = []
    for field in facts.resource.fields.values():
        account = facts.record.values[field.name]
        if account is None or not (field.name in written or (moved and field.kind is Kind.MEMBER)):
            continue
        if field.kind is Kind.ACCOUNT and await work.accounts.get(account) is None:
            errors.append(FieldError(field.name, "not_found", "There is no such account."))
        elif field.kind is Kind.MEMBER and not await _is_member(work, facts.follow(field.path), account, now):
            name = field.name if field.name in written else str(moved)
            errors.append(FieldError(name, "not_a_member", f"An account named here cannot open the {field.target}."))
    if errors:
        raise Invalid(errors=tuple(errors))


async def _is_member(work: Work, target: Facts | None, account: str, now: datetime) -> bool:
    """Whether there is such an account and it can open the record."""
    if target is None or await work.accounts.get(account) is None:
        return False
    return await work.records.opens(account, target.record.resource, target.record.id, now)


def _copied(targets: Mapping[str, Facts], field: Field) -> Any:
    """The value that a `copy of` field takes at creation; None where the reference it goes through is empty."""
    start = targets.get(field.path[0].field)
    source = None if start is None else start.follow(field.path[1:])
    if source is None:
        return None
    return source.record.owner if field.copied == "owner" else source.record.values[str(field.copied)]


def total_order(sort: tuple[Sort, ...]) -> tuple[Sort, ...]:
    """The order with the id at its end, in the last key's direction; newest first where nothing is said."""
    if any(key.field == "id" for key in sort):
        return sort
    return (*sort, Sort("id", sort[-1].descending if sort else True))


def _bound_to(
    actor: Actor, resource: str, filters: tuple[Filter, ...], words: tuple[str, ...], order: tuple[Sort, ...]
) -> bytes:
    """What a cursor belongs to: this caller and this query, of any page size and whatever is shown of each record."""
    asked = sorted((f.operator.parameter(f.field), sorted(map(str, f.values))) for f in filters)
    keys = [(key.field, key.descending) for key in order]
    return json.dumps([actor.name, resource, asked, sorted(words), keys]).encode()
