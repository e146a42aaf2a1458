"""What an account can take with it: its log, and everything that it owns."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from application.ports import Clock, Filter, Query, Sealer, Sort, Store
from application.records import LARGEST_LIMIT
from application.sessions import SessionUseCases
from domain.audit import Event
from domain.errors import Malformed, NotAuthenticated
from domain.ownership import Actor
from domain.specification.model import Specification
from domain.values import instant_text

Entry = dict[str, Any]
"""JSON values; `kind` says of what"""


class HistoryUseCases:
    """What a caller may read of its account as a whole."""

    def __init__(
        self, specification: Specification, store: Store, clock: Clock, sessions: SessionUseCases, cursors: Sealer
    ) -> None:
        """Take the ports."""
        self._specification = specification
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._sealer = cursors

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
        """The account, then its sessions, keys, log, and the records that it owns with their members; `end` at last.

        Records are as the account sees them, with the roles that were given on them. They are read page by page:
        memory is bounded, and each page is as of its own instant. Raises `NotAuthenticated`, also on the way.
        """
        await self._sessions.require(actor)
        me = str(actor.account)
        account = await self._store.accounts.get(me)
        if account is None:
            raise NotAuthenticated
        yield {
            "kind": "account",
            "id": account.id,
            "email": account.email,
            "created_at": instant_text(account.created_at),
            "staff": account.staff,
        }
        for session in await self._store.sessions.of_account(me):
            yield {
                "kind": "session",
                "id": session.id,
                "device": session.device,
                "address": session.address,
                "created_at": instant_text(session.created_at),
                "last_used_at": instant_text(session.last_used_at),
                "alive": session.alive(self._clock.now()),
            }
        for key in await self._store.api_keys.of_account(me):
            yield {
                "kind": "key",
                "id": key.id,
                "name": key.name,
                "actions": list(key.actions),
                "resources": list(key.resources),
                "created_at": instant_text(key.created_at),
                "expires_at": instant_text(key.expires_at),
                "alive": key.alive(self._clock.now()),
            }
        async for event in self._log(me):
            yield {
                "kind": "event",
                "event": event.kind,
                "at": instant_text(event.at),
                "session": event.session,
                "address": event.address,
                "data": dict(event.data),
            }
        for resource in self._specification.resources:
            async for entry in self._records(actor, resource):
                yield entry
        yield {"kind": "end"}

    async def _log(self, account: str) -> AsyncIterator[Event]:
        before: int | None = None
        while found := await self._store.audit.of_account(account, LARGEST_LIMIT, before):
            for event in found:
                yield event
            before = found[-1].number

    async def _records(self, actor: Actor, resource: str) -> AsyncIterator[Entry]:
        shared = self._specification.resources[resource].ladder is not None
        mine, by_id = (Filter("owner", (actor.account,)),), (Sort("id", False),)
        after: tuple[Any, ...] | None = None
        while True:
            now = self._clock.now()
            page = await self._store.records.page(actor, Query(resource, mine, by_id, LARGEST_LIMIT, after), now)
            for view in page.items:
                yield {"kind": "record", "resource": resource, "record": view}
                if not shared:
                    continue
                for member in await self._store.records.members(actor, resource, view["id"], now) or ():
                    ends = None if member.expires_at is None else instant_text(member.expires_at)
                    yield {
                        "kind": "membership",
                        "resource": resource,
                        "record": member.record,
                        "account": member.account,
                        "role": member.role,
                        "expires_at": ends,
                    }
            if page.last is None:
                return
            after = page.last
