"""What an account can take with it: its log, and everything that it owns."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from application.ports import Clock, Filter, Instant, Query, Sealer, Sort, Store
from application.records import LARGEST_LIMIT
from application.sessions import SessionUseCases
from application.throttles import Throttles
from domain.audit import Event
from domain.errors import Malformed, NotAuthenticated, Unavailable
from domain.membership import Membership
from domain.ownership import Actor
from domain.specification.model import Specification
from domain.values import instant_text

MOST_EXPORTS = 2
"""at once in a process: each holds a transaction"""
Entry = dict[str, Any]
"""JSON values; `kind` says of what"""


class HistoryUseCases:
    """What a caller may read of its account as a whole."""

    def __init__(
        self,
        specification: Specification,
        store: Store,
        clock: Clock,
        sessions: SessionUseCases,
        cursors: Sealer,
        throttles: Throttles,
    ) -> None:
        """Take the ports."""
        self._specification = specification
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._sealer = cursors
        self._throttles = throttles
        self._exporting = 0

    async def events(self, actor: Actor, limit: int, cursor: str | None = None) -> tuple[Sequence[Event], str | None]:
        """A page of the caller's log, newest first, and the sealed cursor of the next one.

        Raises `Malformed` (`bad_cursor`) for a cursor that was changed or is another account's.
        """
        await self._sessions.require(actor)
        bound_to = f"events of {actor.account}".encode()
        before = None
        if cursor is not None:
            plain = self._sealer.open(cursor, bound_to)
            if plain is None:
                raise Malformed("This cursor is not of this list and caller.", code="bad_cursor")
            before = int(plain)
        found = await self._store.audit.of_account(str(actor.account), limit + 1, before)
        if len(found) <= limit:
            return found, None
        page = found[:limit]
        return page, self._sealer.seal(str(page[-1].number).encode(), bound_to)

    async def export(self, actor: Actor) -> AsyncGenerator[Entry, None]:
        """The account, its sessions, keys and log, the roles that it was given, and the records that it owns; an `end`.

        All of it is as of one instant. Records are as the account sees them, each with the roles that were given on
        it. They are read page by page: memory is bounded. Raises `NotAuthenticated`, `TooManyRequests`, or
        `Unavailable` where others export already.
        """
        await self._sessions.require(actor)
        await self._throttles.exporting(actor)
        if self._exporting >= MOST_EXPORTS:
            raise Unavailable("Others export right now. Try again.", wait=10)
        self._exporting += 1
        try:
            async with self._store.instant() as stored:
                async for entry in self._exported(stored, actor):
                    yield entry
        finally:
            self._exporting -= 1

    async def _exported(self, stored: Instant, actor: Actor) -> AsyncIterator[Entry]:
        me, now = str(actor.account), self._clock.now()
        account, factor = await stored.accounts.get(me), await stored.second_factors.get(me)
        if account is None:
            raise NotAuthenticated
        yield {
            "kind": "account",
            "id": account.id,
            "email": account.email,
            "created_at": instant_text(account.created_at),
            "staff": account.staff,
            "mfa": factor is not None and factor.confirmed_at is not None,
        }
        for session in await stored.sessions.of_account(me):
            yield {
                "kind": "session",
                "id": session.id,
                "device": session.device,
                "address": session.address,
                "created_at": instant_text(session.created_at),
                "last_used_at": instant_text(session.last_used_at),
                "alive": session.alive(now),
            }
        for key in await stored.api_keys.of_account(me):
            yield {
                "kind": "key",
                "id": key.id,
                "name": key.name,
                "actions": list(key.actions),
                "resources": list(key.resources),
                "created_at": instant_text(key.created_at),
                "expires_at": instant_text(key.expires_at),
                "alive": key.alive(now),
            }
        async for event in _log(stored, me):
            yield {
                "kind": "event",
                "event": event.kind,
                "at": instant_text(event.at),
                "session": event.session,
                "address": event.address,
                "data": dict(event.data),
            }
        async for membership in _joined(stored, actor, now):
            yield _said(membership)
        for resource in self._specification.resources:
            async for entry in self._records(stored, actor, resource, now):
                yield entry
        yield {"kind": "end"}

    async def _records(self, stored: Instant, actor: Actor, resource: str, now: datetime) -> AsyncIterator[Entry]:
        shared = self._specification.resources[resource].ladder is not None
        mine, by_id = (Filter("owner", (actor.account,)),), (Sort("id", False),)
        after: tuple[Any, ...] | None = None
        while True:
            page = await stored.records.page(actor, Query(resource, mine, by_id, LARGEST_LIMIT, after), now)
            for view in page.items:
                yield {"kind": "record", "resource": resource, "record": view}
                members = await stored.records.members(actor, resource, view["id"], now) if shared else None
                for member in members or ():
                    if member.account != actor.account:
                        yield _said(member)
            if page.last is None:
                return
            after = page.last


async def _log(stored: Instant, account: str) -> AsyncIterator[Event]:
    before: int | None = None
    while found := await stored.audit.of_account(account, LARGEST_LIMIT, before):
        for event in found:
            yield event
        before = found[-1].number


async def _joined(stored: Instant, actor: Actor, now: datetime) -> AsyncIterator[Membership]:
    after = ""
    while found := await stored.records.joined(actor, after, LARGEST_LIMIT, now):
        for membership in found:
            yield membership
        after = found[-1].record


def _said(membership: Membership) -> Entry:
    return {
        "kind": "membership",
        "resource": membership.resource,
        "record": membership.record,
        "account": membership.account,
        "role": membership.role,
        "expires_at": None if membership.expires_at is None else instant_text(membership.expires_at),
    }
