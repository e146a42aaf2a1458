"""Invitations: those to one resource's records, as who shares them sees them; and those that wait for oneself."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from starlette.types import Receive, Scope

from adapters.http.auth import Body, Id, Instant, LinkToken
from adapters.http.idempotency import Idempotent
from adapters.http.members import MaybeInstant, sent, shown_end
from adapters.http.messages import Answer, encode, header, read_object
from adapters.http.openapi import answering, of_caller
from adapters.http.records import Handler, record_id
from adapters.http.schemas import check
from application.invitations import InvitationUseCases
from application.ports import Work
from domain.invitation import Invitation
from domain.ownership import Actor
from domain.specification.model import Resource, Specification
from domain.values import instant_text


class InvitationAnswer(BaseModel):
    """A role that waits for me; of the record nothing but that there is one.

    `expires_at` is when the membership would end. The invitation itself ends then, too, or 30 days after `created_at`.
    """

    id: Id
    resource: str
    record: Id
    role: str
    expires_at: MaybeInstant
    created_at: Instant


class InvitationAnswerList(BaseModel):
    """What waits for me: the newest, 200 at most."""

    items: list[InvitationAnswer]


class MembershipAnswer(BaseModel):
    """The role that I have now."""

    resource: str
    record: Id
    account: Id
    role: str
    expires_at: MaybeInstant


class InvitationUse(Body):
    """The token of the letter, by an account that the invitation is not for; others need none."""

    token: LinkToken


INVITATION_ANSWERS: list[type[BaseModel]] = [InvitationAnswer, InvitationAnswerList, MembershipAnswer, InvitationUse]


class InvitationHandlers:
    """What the routes of invitations to one resource's records do."""

    def __init__(self, specification: Specification, resource: Resource, invitations: InvitationUseCases) -> None:
        """Resolve everything that is the same for each request."""
        self._name = resource.name
        self._invitations = invitations
        self.path = f"/v{specification.major}/{resource.plural}/{{id}}/invitations"

    async def list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer those that wait on a record."""
        found = await self._invitations.list(actor, self._name, record_id(scope))
        return Answer(200, encode({"items": [sent(each) for each in found]}))

    async def withdraw(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """End one."""
        invitation = str(scope["path_params"]["invitation"]).lower()
        await self._invitations.withdraw(actor, self._name, record_id(scope), invitation)
        return Answer(204)


class AnsweringHandlers:
    """What the routes of one's own invitations do."""

    def __init__(self, specification: Specification, invitations: InvitationUseCases, idempotent: Idempotent) -> None:
        """Resolve everything that is the same for each request."""
        self._invitations = invitations
        self._idempotent = idempotent
        self._path = f"/v{specification.major}/invitations"

    def routes(self) -> Iterator[tuple[str, str, Handler, dict[str, Any]]]:
        """Method, path, handler, and what OpenAPI says."""
        said = of_caller("list_invitations", "The invitations that wait for me", InvitationAnswerList)
        yield "GET", self._path, self._list, said
        one, tag = f"{self._path}/{{id}}", "invitations"
        said = answering("accept_invitation", "Become a member", tag, MembershipAnswer, InvitationUse)
        yield "POST", f"{one}/accept", self._accept, said
        said = answering("decline_invitation", "Decline an invitation", tag, None, InvitationUse)
        yield "POST", f"{one}/decline", self._decline, said

    async def _list(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Answer what waits for the caller."""
        found = await self._invitations.waiting(actor)
        return Answer(200, encode({"items": [_received(each) for each in found]}))

    async def _accept(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Become a member."""
        body = await _use(scope, receive)

        async def write(within: Work | None) -> Answer:
            membership = await self._invitations.accept(actor, record_id(scope), body.get("token"), within)
            said = {"resource": membership.resource, "record": membership.record, "account": membership.account}
            ends = {"role": membership.role, "expires_at": shown_end(membership.expires_at)}
            return Answer(200, encode(said | ends))

        return await self._idempotent(actor, scope, body, write)

    async def _decline(self, actor: Actor, scope: Scope, receive: Receive) -> Answer:
        """Do without."""
        body = await _use(scope, receive)

        async def write(within: Work | None) -> Answer:
            await self._invitations.decline(actor, record_id(scope), body.get("token"), within)
            return Answer(204)

        return await self._idempotent(actor, scope, body, write)


def _received(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "resource": invitation.resource,
        "record": invitation.record,
        "role": invitation.role,
        "expires_at": shown_end(invitation.expires_at),
        "created_at": instant_text(invitation.created_at),
    }


async def _use(scope: Scope, receive: Receive) -> dict[str, Any]:
    """The body, which may be left out."""
    announced = header(scope, b"transfer-encoding") is not None or (header(scope, b"content-length") or b"0") != b"0"
    if not announced:
        return {}
    body = await read_object(scope, receive)
    check(InvitationUse, body)
    return body
