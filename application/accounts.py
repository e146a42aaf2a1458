"""Accounts: sign up, see oneself, change the password, leave for good. Each use case commits itself."""

from application.ports import Clock, Ids, Passwords, Store
from application.sessions import Scope, SessionUseCases, SignedIn, accepted
from application.throttles import Device, Throttles
from domain.account import Account, accept_email, accept_password, presented_password
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotAuthenticated
from domain.ownership import Actor


class AccountUseCases:
    """What a caller may do with its account."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        passwords: Passwords,
        sessions: SessionUseCases,
        throttles: Throttles,
        *,
        sign_up_open: bool,
    ) -> None:
        """Whether everybody may register is the service's choice, for good."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._passwords = passwords
        self._sessions = sessions
        self._throttles = throttles
        self._sign_up_open = sign_up_open

    async def register(self, email: str, password: str, device: Device) -> SignedIn:
        """A new account, signed in at once.

        Raises `Forbidden` (code `sign_up_closed`), `Invalid`, `Conflict` (code `email_taken`), `TooManyRequests`,
        `Unavailable`.
        """
        await self._throttles.registering(device.address)
        if not self._sign_up_open:
            raise Forbidden("Nobody can register here.", code="sign_up_closed")
        email, password = accepted(email=(accept_email, email), password=(accept_password, password))
        if await self._store.accounts.by_email(email) is not None:
            # asked again by `add`; here it only saves the hashing
            raise Conflict("There is an account with this address already.", code="email_taken")
        password_hash = await self._passwords.hash(password)
        now = self._clock.now()
        account = Account(self._ids.new(), email, password_hash, now)
        async with self._store.work() as work:
            await work.accounts.add(account)
            answer = await self._sessions.start(work, account, device, now)
            await work.audit.add(Event.of("registered", account.id, now, answer.session, device.address))
            await work.commit()
        await self._throttles.signed_in(email, device)
        return answer

    async def me(self, actor: Actor) -> Account:
        """The caller's account. Raises `NotAuthenticated`."""
        await self._sessions.require(actor)
        account = await self._store.accounts.get(str(actor.account))
        if account is None:
            raise NotAuthenticated
        return account

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Set a new password and end the caller's other sessions. Raises `Invalid` where the old one is wrong."""
        found = await self.me(actor)
        old, new = accepted(old_password=(presented_password, old), new_password=(accept_password, new))
        await self._ask_again(actor, old, found, "old_password")
        password_hash = await self._passwords.hash(new)
        now = self._clock.now()
        async with self._store.work() as work:
            session = await work.sessions.get(str(actor.session))
            if session is None or not session.alive(now):
                raise NotAuthenticated
            account = await work.accounts.get(found.id)
            if account is None or account.password_hash != found.password_hash:
                raise Conflict("The password was changed in the meantime.", code="changed")
            await work.accounts.save(account.with_password(password_hash))
            await self._sessions.end(work, actor, Scope.OTHERS, now)
            await work.audit.add(Event.of("password_changed", account.id, now, actor.session))
            await work.commit()

    async def delete(self, actor: Actor, password: str) -> None:
        """Delete the caller's account and all that it owns but what is kept. Raises `Invalid` for a wrong password."""
        found = await self.me(actor)
        (password,) = accepted(password=(presented_password, password))
        await self._ask_again(actor, password, found, "password")
        now = self._clock.now()
        async with self._store.work() as work:
            account = await work.accounts.get(found.id)
            session = await work.sessions.get(str(actor.session))
            if account is None or session is None or not session.alive(now):
                raise NotAuthenticated
            if account.password_hash != found.password_hash:
                raise Conflict("The password was changed in the meantime.", code="changed")
            await work.records.close_account(account.id, Account.tombstone(self._ids.new(), now), now)
            # in nobody's log: what the account did before is no longer told to be its own either
            await work.audit.add(Event.of("account_deleted", None, now))
            await work.commit()

    async def _ask_again(self, actor: Actor, password: str, account: Account, field: str) -> None:
        """Hold a password against the present one. Raises `Invalid` naming the field, or `TooManyRequests`."""
        async with self._throttles.asking_again(actor):
            right, _ = await self._passwords.verify(password, account.password_hash)
            if not right:
                raise Invalid(errors=(FieldError(field, "wrong", "This is not the present password."),))
