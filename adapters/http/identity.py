"""Who asks, and whether not too often: the one dependency of every route; the fast routes call it themselves."""

from fastapi import Request
from starlette.types import Scope

from adapters.http.clients import Clients
from adapters.http.cookies import require_one_account
from application.api_keys import ENGINE_PREFIX, PREFIX, ApiKeyUseCases
from application.ports import Clock, Tokens
from application.secret_links import PREFIX as LINK_PREFIX
from application.secret_links import SecretLinkUseCases
from application.throttles import Throttles
from domain.errors import NotAuthenticated
from domain.ownership import ANONYMOUS, Actor


class Identity:
    """A request's `Authorization: Bearer` as an `Actor`; nobody without one.

    A token that is not valid is refused, not ignored. That its session has not ended is asked of the database by
    every statement on records, and by the use cases of accounts and sessions. Of an API key or a link it is asked here.
    """

    def __init__(
        self,
        tokens: Tokens,
        clock: Clock,
        clients: Clients,
        throttles: Throttles,
        keys: ApiKeyUseCases,
        links: SecretLinkUseCases,
    ) -> None:
        """Take the ports."""
        self._tokens = tokens
        self._clock = clock
        self._clients = clients
        self._throttles = throttles
        self._keys = keys
        self._links = links

    async def __call__(self, request: Request) -> Actor:
        """The acting caller. Raises `NotAuthenticated`, `TooManyRequests`, or `Malformed` for another's cookie."""
        try:
            actor = await self._actor(request)
        except NotAuthenticated:
            await self._throttles.request(ANONYMOUS, self._clients.address(request.scope))
            raise
        known = actor.name is not None and actor.link is None
        await self._throttles.request(actor, "" if known else self._clients.address(request.scope))
        require_one_account(request, actor.account)
        request.scope.setdefault("state", {})["caller"] = actor.name
        return actor

    async def further(self, scope: Scope, actor: Actor, number: int) -> None:
        """Count so many more requests of a caller, as which parts of one count. Raises `TooManyRequests`."""
        await self._throttles.request(actor, self._clients.address(scope), number)

    async def account(self, request: Request) -> str | None:
        """Whose valid bearer token comes along, where it does not matter that there is one."""
        try:
            return (await self._actor(request)).account
        except NotAuthenticated:
            return None

    async def _actor(self, request: Request) -> Actor:
        given = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if not given:
            return ANONYMOUS
        scheme, _, token = given[0].partition(b" ")
        if len(given) > 1 or scheme.lower() != b"bearer" or not token.isascii():
            raise NotAuthenticated("Send one `Authorization: Bearer` header.", code="bad_token")
        text, now = token.strip().decode(), self._clock.now()
        if text.startswith((PREFIX, ENGINE_PREFIX, LINK_PREFIX)):
            return await (self._links if text.startswith(LINK_PREFIX) else self._keys).actor(text)
        await self._tokens.keep_up(now)
        try:
            claims = self._tokens.verify(text, now)
        except NotAuthenticated:
            if not await self._tokens.renew(text, now):
                raise
            claims = self._tokens.verify(text, now)
        return Actor(claims.account, claims.session)
