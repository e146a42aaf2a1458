"""The `Records` port over a connection: every statement carries the ownership rule for the acting caller."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, and_, delete, or_, select
from sqlalchemy.engine import Dialect

from adapters.persistence.sql.builtin import InvitationRow, MembershipRow, OfferRow, SecretLinkRow, table_of
from adapters.persistence.sql.connection import Broken, Connection, Prepared, Principal, Row, param
from adapters.persistence.sql.dialects import DOCUMENT, FIRST_ID, INSTANT, UUID, one_of_list
from adapters.persistence.sql.facts import Everybody, Footprint, Snapshot, at_ways
from adapters.persistence.sql.identity import (
    account_values,
    alive_statement,
    appointed_statement,
    session_alive,
    staff_statement,
)
from adapters.persistence.sql.lists import ListShape
from adapters.persistence.sql.statements import ACCOUNT, ENGINE, LINK, NOBODY, SESSION, Caller, Statements
from adapters.persistence.sql.views import RecordColumns, stored_time, to_stored
from application.ports import Page, Query, View
from domain.account import Account
from domain.errors import Conflict, NotAuthenticated
from domain.filtering import Operator
from domain.membership import Membership
from domain.ownership import ANONYMOUS, Actor, Facts
from domain.record import Record
from domain.secret_link import SecretLink
from domain.specification.model import Through

_MEMBERS, _LINKS = table_of(MembershipRow), table_of(SecretLinkRow)
_INVITATIONS, _OFFERS = table_of(InvitationRow), table_of(OfferRow)


class MembershipStatements:
    """Statements on memberships and secret links alone, the same for every specification."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""
        named = and_(_MEMBERS.c.record == param("record"), _MEMBERS.c.account == param("account"))
        session = param("session", UUID)
        alive = or_(session.is_(None), session_alive(session, param("now", INSTANT)))
        of_resource = _MEMBERS.c.resource == param("resource")
        live = or_(_MEMBERS.c.expires_at.is_(None), _MEMBERS.c.expires_at > param("now"))
        found = select(_MEMBERS.c.role, _MEMBERS.c.expires_at).where(named, of_resource, live, alive)
        self.find = Prepared(found, dialect)
        own = (_MEMBERS.c.account == param("me"), _MEMBERS.c.record > param("after", UUID))
        joined = select(_MEMBERS.c.resource, _MEMBERS.c.record, _MEMBERS.c.role, _MEMBERS.c.expires_at)
        newest = joined.where(*own, live, alive).order_by(_MEMBERS.c.record).limit(param("limit", Integer()))
        self.joined = Prepared(newest, dialect)
        records = param("records", DOCUMENT)
        self.end_all = {
            given.name: Prepared(delete(given).where(one_of_list(given.c.record, records)), dialect)
            for given in (_MEMBERS, _LINKS, _INVITATIONS, _OFFERS)
        }
        counts = or_(_LINKS.c.expires_at.is_(None), _LINKS.c.expires_at > param("now"))
        shown = select(_LINKS).where(_LINKS.c.hash == param("link"), counts)
        self.presented = Prepared(shown, dialect, principal=Principal(presented=("link",)))
        of_record = and_(_LINKS.c.record == param("record"), _LINKS.c.resource == param("resource"))
        listed = select(_LINKS).where(of_record, counts, alive).order_by(_LINKS.c.id.desc())
        self.links = Prepared(listed, dialect)
        of_one = select(_MEMBERS.c.account, _MEMBERS.c.role).where(_MEMBERS.c.record == param("record"), live)
        self.of_record = Prepared(of_one, dialect)
        self.appointed = Prepared(appointed_statement(), dialect)
        self.alive = Prepared(alive_statement(), dialect)
        self.staff = Prepared(staff_statement(), dialect)


class SqlRecords:
    """Records as one connection sees them."""

    def __init__(self, statements: Statements, memberships: MembershipStatements, connection: Connection) -> None:
        """Facts that were fetched once are kept until something is written."""
        self._statements = statements
        self._memberships = memberships
        self._connection = connection
        self._known: tuple[Actor, Snapshot] | None = None

    # --- reading -------------------------------------------------------------------------

    async def view(self, actor: Actor, resource: str, record_id: str, now: datetime) -> View | None:
        """See the port."""
        prepared, columns = self._statements.view(resource, caller_of(actor))
        values = principal(actor, now)
        values["id"] = record_id
        rows = await self._connection.rows(prepared, values)
        if rows:
            return columns.view(rows[0])
        await self.check_session(actor, values)
        return None

    async def page(self, actor: Actor, query: Query, now: datetime) -> Page:
        """See the port."""
        after = None if query.after is None else tuple(value is not None for value in query.after)
        filters = tuple((asked.field, asked.operator, asked.many) for asked in query.filters)
        limit, members = self._statements.limit(query.limit + 1), self._members(query)
        shape = ListShape(query.resource, filters, query.order, after, limit, members, len(query.words))
        prepared, columns = self._statements.page(shape, caller_of(actor))
        values = principal(actor, now)
        values["limit"] = query.limit + 1
        for i, asked in enumerate(query.filters):
            if asked.operator is Operator.SET:
                values[f"f{i}"] = int(asked.values[0])
                continue
            field = self._statements.specification.column(query.resource, asked.field)
            stored = [to_stored(field, value) for value in asked.values]
            values[f"f{i}"] = msgspec.json.encode(stored).decode() if asked.many else stored[0]
        values |= {f"w{i}": word for i, word in enumerate(query.words)}
        for i, last in enumerate(query.after or ()):
            values[f"a{i}"] = last
        rows = await self._connection.rows(prepared, values)
        if not rows:
            await self.check_session(actor, values)
        total = None
        if query.counted:
            whole = replace(shape, order=(), after=None, limit=None, members=None)
            counting = self._statements.count(whole, caller_of(actor))
            ((total,),) = await self._connection.rows(counting, values)
        if len(rows) <= query.limit:
            return Page([columns.view(row) for row in rows], None, total)
        del rows[query.limit :]
        return Page([columns.view(row) for row in rows], tuple(rows[-1][-len(query.order) :]), total)

    def _members(self, query: Query) -> tuple[str, ...] | None:
        """What is fetched of each record, in one order whatever was asked for first: each is a statement to build."""
        if query.needed is None:
            return None
        members = self._statements.specification.resources[query.resource].members
        needed = tuple(name for name in members if name in query.needed)
        return None if needed == members else needed

    async def readable(
        self, actor: Actor, resource: str, record_ids: Collection[str], now: datetime
    ) -> Mapping[str, View]:
        """See the port."""
        prepared, columns = self._statements.readable(resource, caller_of(actor))
        values = principal(actor, now)
        values["ids"] = msgspec.json.encode(sorted(record_ids)).decode()
        rows = await self._connection.rows(prepared, values)
        if not rows:
            await self.check_session(actor, values)
        return {row[0]: columns.view(row) for row in rows}

    async def opens(self, account: str, resource: str, record_id: str, now: datetime) -> bool:
        """See the port."""
        return await self.view(Actor(account), resource, record_id, now) is not None

    async def members(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Membership] | None:
        """See the port."""
        if await self.view(actor, resource, record_id, now) is None:
            return None
        values = principal(actor, now) | {"id": record_id}
        rows = await self._connection.rows(self._statements.members(resource, caller_of(actor)), values)
        return [Membership(resource, record_id, account, role, _instant(ends)) for account, role, ends in rows]

    async def presented(self, link: str, now: datetime) -> SecretLink | None:
        """See the port."""
        rows = await self._connection.rows(self._memberships.presented, {"link": link, "now": stored_time(now)})
        return next((found for row in rows if self._carries(found := _link(row))), None)

    def _carries(self, link: SecretLink) -> bool:
        """Whether the specification (still) lets links carry its role there."""
        resource = self._statements.specification.resources.get(link.resource)
        return resource is not None and link.role in resource.linked_roles

    async def joined(self, actor: Actor, after: str, limit: int, now: datetime) -> Sequence[Membership]:
        """See the port."""
        values = principal(actor, now) | {"after": after or FIRST_ID, "limit": limit}
        rows = await self._connection.rows(self._memberships.joined, values)
        if not rows:
            await self.check_session(actor, values)
        return [Membership(kind, record, str(actor.account), role, _instant(ends)) for kind, record, role, ends in rows]

    async def decisions(self, actor: Actor, resource: str, now: datetime) -> dict[str, dict[str, bool]]:
        """By record id, what each compiled rule alone says of it, for the proof."""
        prepared, names = self._statements.decisions(resource, caller_of(actor))
        rows = await self._connection.rows(prepared, principal(actor, now))
        return {row[0]: dict(zip(names, map(bool, row[1:]), strict=True)) for row in rows}

    async def check_session(self, actor: Actor, values: dict[str, Any]) -> None:
        """Tell apart, where nothing was found, an ended session from nothing (`NotAuthenticated`)."""
        if actor.session is not None and not await self._connection.rows(self._memberships.alive, values):
            raise NotAuthenticated

    # --- facts ---------------------------------------------------------------------------

    async def load(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Facts | None:
        """See the port."""
        return await self._facts(actor, resource, record_id, now, "open", changing=True)

    async def refer(self, actor: Actor, resource: str, record_id: str, now: datetime, action: str) -> Facts | None:
        """See the port."""
        return await self._facts(actor, resource, record_id, now, action, changing=False)

    async def _facts(
        self, actor: Actor, resource: str, record_id: str, now: datetime, action: str, *, changing: bool
    ) -> Facts | None:
        if actor.link is not None:
            return None
        prepared, columns = self._statements.facts(resource, action, changing, caller_of(actor))
        values = principal(actor, now)
        values["id"] = record_id
        rows = await self._connection.rows(prepared, values)
        if not rows:
            await self.check_session(actor, values)
            return None
        snapshot = self._snapshot(actor, now)
        record = columns.into(snapshot, rows[0], actor.account)
        await self._fetch_principal(actor, snapshot, record, self._statements.footprints[resource], values)
        return Facts(record, snapshot)

    async def imagine(self, actor: Actor, record: Record, now: datetime) -> Facts:
        """See the port."""
        snapshot = self._snapshot(actor, now)
        footprint = self._statements.footprints[record.resource]
        values = principal(actor, now)
        for hop, (ways, roles) in footprint.beyond().items():
            target = record.target(hop.field)
            if target is None or set(ways) <= snapshot.covered.get(target, set()):
                continue
            prepared, columns = self._statements.facts_around(hop.resource, ways, roles)
            rows = await self._connection.rows(prepared, values | {"id": target})
            if rows:
                columns.into(snapshot, rows[0], actor.account)
        if (record.resource, record.id) not in snapshot.records:
            # what is not stored yet has no members
            snapshot.asked_roles.add(record.id)
        snapshot.records[record.resource, record.id] = record
        await self._fetch_principal(actor, snapshot, record, footprint, values)
        return Facts(record, snapshot)

    async def census(self, resource: str, record_id: str, now: datetime) -> tuple[Facts, Everybody] | None:
        """See the port."""
        statements, values = self._statements, principal(ANONYMOUS, now)
        prepared, columns = statements.everything(resource)
        rows = await self._connection.rows(prepared, values | {"id": record_id})
        if not rows:
            return None
        world, footprint = Everybody(statements.specification, now), statements.footprints[resource]
        record = columns.into(world, rows[0], None)
        shared = set(at_ways(world, record, footprint.roles).values())
        for way, through in footprint.throughs:
            for tied in at_ways(world, record, (way,)).values():
                shared |= await self._fetch_ties(world, through, statements.every_tie(through), tied, values)
        for each in sorted(shared):
            for account, role in await self._connection.rows(self._memberships.of_record, values | {"record": each}):
                world.roles[each, account] = role
        for account, role in await self._connection.rows(self._memberships.appointed, values):
            world.staff_roles[account] = role
        return Facts(record, world), world

    def _snapshot(self, actor: Actor, now: datetime) -> Snapshot:
        if self._known is None or self._known[0] != actor or self._known[1].now != now:
            self._known = actor, Snapshot(self._statements.specification, now)
        return self._known[1]

    async def _fetch_principal(
        self, actor: Actor, snapshot: Snapshot, record: Record, footprint: Footprint, values: dict[str, Any]
    ) -> None:
        """What the acting account is here: its roles, its staff role, and the links that lead to its containers."""
        if actor.account is None:
            return
        asked = set(at_ways(snapshot, record, footprint.roles).values())
        for way, through in footprint.throughs:
            for record_id in at_ways(snapshot, record, (way,)).values():
                ties = self._statements.ties(through)
                asked |= await self._fetch_ties(snapshot, through, ties, record_id, values)
        missing = sorted(asked - snapshot.asked_roles)
        if missing:
            named = {f"r{i}": record_id for i, record_id in enumerate(missing)}
            for record_id, role in await self._connection.rows(self._statements.roles(len(missing)), values | named):
                snapshot.roles[record_id, actor.account] = role
            snapshot.asked_roles.update(missing)
        if footprint.staff and actor.account not in snapshot.staff_roles:
            rows = await self._connection.rows(self._memberships.staff, values)
            snapshot.staff_roles[actor.account] = rows[0][0] if rows else None

    async def _fetch_ties(
        self,
        snapshot: Snapshot,
        through: Through,
        asked: tuple[Prepared, RecordColumns, RecordColumns],
        record_id: str,
        values: dict[str, Any],
    ) -> set[str]:
        """Put what ties a record into the snapshot; the ids of the containers."""
        prepared, links, containers = asked
        ties = []
        found = set()
        for row in await self._connection.rows(prepared, values | {"id": record_id}):
            tie, container = links.record(row), containers.record(row[links.width :])
            if tie is not None and container is not None:
                ties.append(tie)
                snapshot.records[container.resource, container.id] = container
                found.add(container.id)
        snapshot.ties[through.link, through.back, record_id] = tuple(ties)
        return found

    # --- writing -------------------------------------------------------------------------

    async def add(self, actor: Actor, record: Record, now: datetime) -> None:
        """See the port."""
        caller, values = caller_of(actor), principal(actor, now)
        record_values = self._statements.records[record.resource].stored(record)
        stored = {f"v_{name}": value for name, value in record_values.items()}
        if await self.run(self._statements.insert(record.resource, caller), values | stored) != 1:
            await self.check_session(actor, values)
            raise changed()
        created = self._statements.created(record.resource, caller)
        if created is not None and not await self._connection.rows(created, values | {"id": record.id}):
            raise changed()
        await self.check_limit(record.resource, record.owner)

    async def save(self, actor: Actor, before: Record, after: Record, now: datetime) -> None:
        """See the port."""
        columns = self._statements.records[after.resource]
        was, will = columns.stored(before), columns.stored(after)
        names = tuple(name for name in columns.names if will[name] != was[name] and name != "updated_at")
        moved = (before.owner, before.parent) != (after.owner, after.parent)
        if moved and not self._statements.specification.resources[after.resource].rule("move"):
            raise changed()
        values = principal(actor, now) | {f"v_{name}": will[name] for name in (*names, "updated_at")}
        values |= {"id": before.id, "was_owner": was["owner"], "was_updated_at": was["updated_at"]}
        if await self.run(self._statements.update(after.resource, names, caller_of(actor)), values) != 1:
            raise changed()
        if before.parent != after.parent:
            placed = self._statements.placed(after.resource, caller_of(actor))
            if placed is not None and not await self._connection.rows(placed, values):
                raise changed()
            await self._end_memberships(await self._shared(after, following=False))
        if before.owner != after.owner:
            for resource in (after.resource, *self._statements.below(after.resource)):
                await self.check_limit(resource, after.owner)

    async def obstacles(self, actor: Actor, record: Record, now: datetime) -> tuple[str, ...]:
        """See the port."""
        values = principal(actor, now) | {"id": record.id}
        rows = await self._connection.rows(self._statements.obstacles(record.resource), values)
        if not rows:
            raise changed()
        (row,) = rows
        return tuple(name for name, is_so in zip(("kept", "locked", "referred"), row, strict=True) if is_so)

    async def remove(self, actor: Actor, record: Record, now: datetime) -> None:
        """See the port."""
        shared = await self._shared(record, following=True)
        values = principal(actor, now) | {"id": record.id}
        if await self.run(self._statements.delete(record.resource, caller_of(actor)), values) != 1:
            raise changed()
        await self._end_memberships(shared)

    async def close_account(self, account: str, tombstone: Account, now: datetime) -> None:
        """See the port."""
        values = account_values(tombstone) | {"account": account}
        for prepared in self._statements.close_account():
            await self.run(prepared, values)

    async def membership(
        self, actor: Actor, resource: str, record_id: str, account: str, now: datetime
    ) -> Membership | None:
        """See the port."""
        values = principal(actor, now) | {"resource": resource, "record": record_id, "account": account}
        for role, ends in await self._connection.rows(self._memberships.find, values):
            return Membership(resource, record_id, account, role, _instant(ends))
        await self.check_session(actor, values)
        return None

    async def put_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """See the port."""
        ends = membership.expires_at
        values = principal(actor, now) | {
            "resource": membership.resource,
            "record": membership.record,
            "account": membership.account,
            "role": membership.role,
            "expires_at": None if ends is None else stored_time(ends),
        }
        await self._write(actor, values, *self._statements.put_membership(membership.resource, caller_of(actor)))

    async def end_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"record": membership.record, "account": membership.account}
        await self._write(actor, values, self._statements.end_membership(membership.resource, caller_of(actor)))

    async def secret_links(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[SecretLink]:
        """See the port."""
        values = principal(actor, now) | {"resource": resource, "record": record_id}
        rows = await self._connection.rows(self._memberships.links, values)
        if not rows:
            await self.check_session(actor, values)
        return [link for link in map(_link, rows) if self._carries(link)]

    async def add_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """See the port."""
        ends = link.expires_at
        values = principal(actor, now) | {
            "id": link.id,
            "hash": link.hash,
            "resource": link.resource,
            "record": link.record,
            "role": link.role,
            "created_at": stored_time(link.created_at),
            "expires_at": None if ends is None else stored_time(ends),
        }
        await self._write(actor, values, self._statements.add_link(link.resource, caller_of(actor)))

    async def end_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """See the port."""
        values = principal(actor, now) | {"id": link.id, "record": link.record}
        await self._write(actor, values, self._statements.end_link(link.resource, caller_of(actor)))

    async def _write(self, actor: Actor, values: dict[str, Any], *ways: Prepared) -> None:
        """Run the first of the statements that has something to write. Raises as the ports of what is shared say."""
        for prepared in ways:
            if await self.run(prepared, values):
                return
        await self.check_session(actor, values)
        raise changed()

    async def _shared(self, record: Record, following: bool) -> list[str]:
        """The ids of the records with members, links, invitations or an offer among what goes (or moves) with a record.

        Asked before it goes, for then nothing leads there any more; the memberships end after it, for the right to
        delete it may come from one of them.
        """
        prepared = self._statements.shared(record.resource, following)
        return [] if prepared is None else [row[0] for row in await self._connection.rows(prepared, {"id": record.id})]

    async def _end_memberships(self, records: list[str]) -> None:
        if records:
            values = {"records": msgspec.json.encode(records).decode()}
            for given in self._statements.shares():
                await self.run(self._memberships.end_all[given.name], values)

    async def check_limit(self, resource: str, owner: str) -> None:
        """Raise `Conflict` where the owner has more than its limit."""
        limit, counting = self._statements.specification.resources[resource].limit, self._statements.owned(resource)
        if limit is None or counting is None:
            return
        ((owned,),) = await self._connection.rows(counting, {"owner": owner})
        if owned > limit:
            raise _limit_reached(limit)

    async def run(self, prepared: Prepared, values: dict[str, Any]) -> int:
        """Run a write; how many rows it touched. Raises `Conflict` where the database refuses it."""
        self._known = None
        try:
            return await self._connection.run(prepared, values)
        except Broken as error:
            if error.not_unique:
                raise Conflict("Another record has these values.", code="not_unique") from error
            if error.limit is not None:
                raise _limit_reached(error.limit) from error
            raise changed() from error


def caller_of(actor: Actor) -> Caller:
    """What of an actor shapes a statement."""
    if actor.engine:
        return ENGINE
    if actor.link is not None:
        return LINK
    if actor.account is None:
        return NOBODY
    return SESSION if actor.session is not None else ACCOUNT


def principal(actor: Actor, now: datetime) -> dict[str, Any]:
    """Who asks and when, for every statement."""
    moment = stored_time(now)
    engine = actor.name if actor.engine else None
    return {
        "me": actor.account,
        "engine": engine,
        "link": actor.link,
        "session": actor.session,
        "now": moment,
        "today": moment[:10],
    }


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


def _link(row: Row) -> SecretLink:
    link_id, hashed, resource, record, role, created_at, expires_at = row
    made = datetime.fromisoformat(created_at)
    return SecretLink(link_id, hashed, resource, record, role, made, _instant(expires_at))


def _limit_reached(limit: int) -> Conflict:
    return Conflict(f"There can be at most {limit} of these per owner.", code="limit_reached")


def changed() -> Conflict:
    """What is to be written is no longer so, or not the caller's to write."""
    return Conflict("The record, or one that it hangs on, has changed in the meantime.", code="changed")
