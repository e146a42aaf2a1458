"""Secret links: make, list, end, and know the caller by one. Each use case commits itself."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from application.ports import Clock, Ids, Store, Work
from application.records import RecordUseCases
from application.sharing import ending, within_cap
from application.units import unit
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotAuthenticated, NotFound
from domain.judging import sharing_cap
from domain.ownership import Actor, Facts
from domain.secret_link import MOST_LINKS, SecretLink
from domain.specification.model import Ladder

PREFIX = "fhl_"
"""by which people and scanners for secrets know a link's token; an access token never begins so"""
TOKEN_BYTES = 32
LONGEST_TOKEN = 128
"""characters of a presented one; ours have 47"""


class SecretLinkUseCases:
    """What a caller may do with the links to a record whose resource has them."""

    def __init__(self, records: RecordUseCases, store: Store, clock: Clock, ids: Ids) -> None:
        """Take the ports."""
        self._records = records
        self._resources = records.specification.resources
        self._store = store
        self._clock = clock
        self._ids = ids

    async def actor(self, presented: str) -> Actor:
        """Who acts by a link: nobody but the link itself. Raises `NotAuthenticated` (`bad_link`).

        It is asked of the store each time, and again by the statement that reads: an ended link ends at once.
        """
        hashed = None if len(presented) > LONGEST_TOKEN else link_hash(presented)
        found = None if hashed is None else await self._store.records.presented(hashed, self._clock.now())
        if found is None:
            raise NotAuthenticated("This link is not valid (any more).", code="bad_link")
        return Actor(link=found.hash)

    async def admit(self, actor: Actor, resource: str, record_id: str) -> None:
        """Turn away who could never share: an anonymous caller (`NotAuthenticated`), a link (`Forbidden`)."""
        self._records.admit(actor, resource, "share")
        await self._records.refuse_link(actor, resource, record_id)

    async def create(
        self,
        actor: Actor,
        resource: str,
        record_id: str,
        role: str | None,
        expires_at: datetime | None,
        within: Work | None = None,
    ) -> tuple[SecretLink, str]:
        """A new link, and its token in plain, which exists nowhere else.

        The role and the end are the specification's where they are None. Raises `Forbidden` above the actor's cap,
        `Invalid` for what the specification does not let links carry, `Conflict` (`too_many_links`).
        """
        await self.admit(actor, resource, record_id)
        now, token = self._clock.now(), PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        allowed = self._resources[resource].links
        assert allowed is not None, "only resources with links have these routes"
        async with unit(self._store, within) as work:
            facts, ladder, cap = await self._shared(work, actor, resource, record_id, now)
            carried = role or allowed.role
            if carried not in facts.resource.linked_roles:
                message = f"This must be one of {', '.join(facts.resource.linked_roles)}."
                raise Invalid(errors=(FieldError("role", "not_one_of", message),))
            within_cap(ladder, carried, cap)
            ends = ending(allowed, expires_at, now)
            if len(await work.records.secret_links(actor, resource, record_id, now)) >= MOST_LINKS:
                raise Conflict(f"A record has at most {MOST_LINKS} links: end one first.", code="too_many_links")
            link = SecretLink(self._ids.new(), link_hash(token), resource, record_id, carried, now, ends)
            await work.records.add_secret_link(actor, link, now)
            await _note(work, "link_made", actor, facts, link, now)
        return link, token

    async def list(self, actor: Actor, resource: str, record_id: str) -> Sequence[SecretLink]:
        """The living links to a record, newest first. Raises `Forbidden` for who may not share it."""
        await self.admit(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            await self._shared(work, actor, resource, record_id, now)
            return await work.records.secret_links(actor, resource, record_id, now)

    async def end(self, actor: Actor, resource: str, record_id: str, link_id: str) -> None:
        """End a link at once, whoever made it. Raises `Forbidden` above the actor's cap."""
        await self.admit(actor, resource, record_id)
        now = self._clock.now()
        async with self._store.work() as work:
            facts, ladder, cap = await self._shared(work, actor, resource, record_id, now)
            links = await work.records.secret_links(actor, resource, record_id, now)
            link = next((link for link in links if link.id == link_id), None)
            if link is None:
                raise NotFound
            within_cap(ladder, link.role, cap)
            await work.records.end_secret_link(actor, link, now)
            await _note(work, "link_ended", actor, facts, link, now)
            await work.commit()

    async def _shared(
        self, work: Work, actor: Actor, resource: str, record_id: str, now: datetime
    ) -> tuple[Facts, Ladder, str]:
        """The record, which the actor may share, its roles, and how high the actor reaches."""
        facts = await work.records.load(actor, resource, record_id, now)
        if facts is None:
            raise NotFound
        ladder, cap = facts.resource.ladder, sharing_cap(actor, facts)
        if ladder is None or cap is None:
            raise Forbidden
        return facts, ladder, cap


def link_hash(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


async def _note(work: Work, kind: str, actor: Actor, facts: Facts, link: SecretLink, now: datetime) -> None:
    """In the log of whoever acts, and in that of the record's owner."""
    said = {"resource": link.resource, "record": link.record, "link": link.id, "role": link.role}
    await work.audit.add(Event.by(actor, kind, now, **said))
    if facts.record.owner != actor.account:
        await work.audit.add(Event.of(kind, facts.record.owner, now, **said))
