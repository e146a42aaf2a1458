"""Accounts: sign up, see oneself, change password and address, leave for good; what the operator does with them.

Each use case commits itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from application.mailing import Mailing
from application.ports import Clock, Ids, Passwords, Store, Work
from application.sessions import Scope, SessionUseCases, SignedIn, accepted
from application.throttles import Device, Throttles
from domain.account import Account, accept_email, accept_password, presented_password
from domain.audit import Event
from domain.errors import Conflict, FieldError, Forbidden, Invalid, NotAuthenticated, NotFound
from domain.mail import Kind, Letter, Link
from domain.ownership import Actor


class SignUp(StrEnum):
    """Who may register."""

    OPEN = "open"
    VERIFIED = "verified"
    """whoever gets mail at the address; there is no account before that is known"""
    INVITE = "invite"
    CLOSED = "closed"

    @property
    def proves(self) -> bool:
        """Whether whoever has registered so has shown that it gets mail at its address."""
        return self in (SignUp.VERIFIED, SignUp.INVITE)


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
        mailing: Mailing,
        sign_up: SignUp,
        staff_roles: Sequence[str] = (),
        app: str = "",
    ) -> None:
        """Who may register is the service's choice, for good; staff roles and the app's name are given."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._passwords = passwords
        self._sessions = sessions
        self._throttles = throttles
        self._mailing = mailing
        self._sign_up = sign_up
        self._staff_roles = staff_roles
        self._app = app

    # --- signing up ----------------------------------------------------------------------

    async def register(
        self, email: str, password: str, device: Device, invitation: str | None = None
    ) -> SignedIn | None:
        """A new account, signed in at once; None where a mail is on its way instead, or says that there is one.

        Raises `Forbidden` (codes `sign_up_closed`, `invitation_needed`), `Invalid`, `Conflict` (code `email_taken`),
        `TooManyRequests`, `Unavailable`.
        """
        await self._throttles.registering(device.address)
        if self._sign_up is SignUp.CLOSED:
            raise Forbidden("Nobody can register here.", code="sign_up_closed")
        if self._sign_up is SignUp.INVITE and invitation is None:
            raise Forbidden("Whoever registers here needs an invitation.", code="invitation_needed")
        email, password = accepted(email=(accept_email, email), password=(self._new_password(email), password))
        if self._sign_up is SignUp.VERIFIED:
            await self._ask_to_verify(email, password, device)
            return None
        if self._sign_up is SignUp.INVITE:
            async with self._store.work() as work:
                await self._invited(work, str(invitation), email)
        if await self._store.accounts.by_email(email) is not None:
            # asked again by `add`; here it only saves the hashing
            raise Conflict("There is an account with this address already.", code="email_taken")
        password_hash = await self._passwords.hash(password)
        now = self._clock.now()
        account = Account(self._ids.new(), email, password_hash, now)
        async with self._store.work() as work:
            if self._sign_up is SignUp.INVITE:
                await self._use(work, await self._invited(work, str(invitation), email), "invitation")
            await work.accounts.add(account)
            if self._sign_up is SignUp.INVITE:
                await work.invitations.prove(email, account.id)
            answer = await self._sessions.start(work, account, device, now)
            await work.audit.add(Event.of("registered", account.id, now, answer.session, device.address))
            await work.commit()
        await self._throttles.signed_in(email, device)
        return answer

    def _new_password(self, email: str) -> Callable[[str], str]:
        return partial(accept_password, app=self._app, email=email)

    async def _ask_to_verify(self, email: str, password: str, device: Device) -> None:
        """The work is the same whether or not there is such an account."""
        await self._throttles.mailing(email, device.address)
        password_hash = await self._passwords.hash(password)
        async with self._store.work() as work:
            await self._mailing.post(work, Kind.REGISTRATION, email, self._clock.now(), password_hash=password_hash)
            await work.commit()

    async def _invited(self, work: Work, token: str, email: str) -> Link:
        link = await self._mailing.find(work, token, Kind.INVITATION, self._clock.now())
        if link is None or link.email != email:
            raise _not_valid("invitation")
        return link

    async def verify(self, token: str, device: Device) -> None:
        """Prove that one gets mail at an address: then a new account exists, or one has this address from now on.

        Raises `Invalid` (the link is not valid), `Conflict` (code `email_taken`), `TooManyRequests`.
        """
        await self._throttles.signing_in(device.address)
        now = self._clock.now()
        async with self._store.work() as work:
            registration = await self._mailing.find(work, token, Kind.REGISTRATION, now)
            link = registration or await self._mailing.find(work, token, Kind.CHANGE, now)
            if link is None:
                raise _not_valid("token")
            # the account first, as whoever makes its links invalid does
            before = None if registration is not None else await self._usable(work, link)
            await self._use(work, link, "token")
            if before is None:
                account = Account(self._ids.new(), link.email, str(link.password_hash), now)
                await work.accounts.add(account)
                await work.invitations.prove(link.email, account.id)
                await work.audit.add(Event.of("registered", account.id, now, address=device.address))
            else:
                await work.accounts.save(before.with_email(link.email))
                await work.invitations.prove(link.email, before.id)
                await work.links.forget(before.id)
                await work.letters.forget(before.id)
                await work.audit.add(Event.of("email_changed", before.id, now, address=device.address))
                await self._mailing.post(work, Kind.EMAIL_CHANGED, before.email, now, before.id)
            await work.commit()

    async def _use(self, work: Work, link: Link, field: str) -> None:
        """Raises `Invalid` where somebody else was faster."""
        if not await work.links.take(link.hash):
            raise _not_valid(field)

    async def _usable(self, work: Work, link: Link) -> Account:
        """The account of a link, which stays as it is. Raises `Invalid` where it is disabled."""
        account = await work.accounts.held(str(link.account))
        if account is None or account.disabled:
            raise _not_valid("token")
        return account

    # --- oneself -------------------------------------------------------------------------

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
        new_password = self._new_password(found.email)
        old, new = accepted(old_password=(presented_password, old), new_password=(new_password, new))
        await self._ask_again(actor, old, found, "old_password")
        password_hash = await self._passwords.hash(new)
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self.still(work, actor, found, now)
            await work.accounts.save(account.with_password(password_hash))
            await self._sessions.end(work, actor, Scope.OTHERS, now)
            await self._password_changed(work, account, now)
            await work.audit.add(Event.of("password_changed", account.id, now, actor.session))
            await work.commit()

    async def _password_changed(self, work: Work, account: Account, now: datetime) -> None:
        """What was asked for under the old password counts no longer; the account is told."""
        await work.links.forget(account.id)
        await work.letters.forget(account.id)
        await self._mailing.post(work, Kind.PASSWORD_CHANGED, account.email, now, account.id)

    async def forgot(self, email: str, device: Device) -> None:
        """Ask for a link by which another password can be set. Nothing tells whether there is such an account.

        Raises `Forbidden` (code `no_mail`), `Invalid`, `TooManyRequests`.
        """
        self._mailing.require()
        (email,) = accepted(email=(accept_email, email))
        await self._throttles.mailing(email, device.address)
        async with self._store.work() as work:
            await self._mailing.post(work, Kind.RESET, email, self._clock.now())
            await work.commit()

    async def reset(self, token: str, password: str, device: Device) -> None:
        """Set another password by a link that was sent; every session ends. Raises `Invalid`, `TooManyRequests`."""
        await self._throttles.signing_in(device.address)
        async with self._store.work() as work:
            # used below; here it only saves the hashing
            sent = await self._mailing.find(work, token, Kind.RESET, self._clock.now())
        if sent is None:
            raise _not_valid("token")
        (password,) = accepted(password=(self._new_password(sent.email), password))
        password_hash = await self._passwords.hash(password)
        now = self._clock.now()
        async with self._store.work() as work:
            link = await self._mailing.find(work, token, Kind.RESET, now)
            if link is None:
                raise _not_valid("token")
            account = await self._usable(work, link)
            await self._use(work, link, "token")
            await work.accounts.save(account.with_password(password_hash))
            await self._sessions.end(work, Actor(account.id), Scope.ALL, now)
            await self._password_changed(work, account, now)
            await work.audit.add(Event.of("password_reset", account.id, now, address=device.address))
            await work.commit()

    async def change_email(self, actor: Actor, email: str, password: str, device: Device) -> None:
        """Ask for another address, which a link that is sent there confirms; the old address is told.

        Raises `Forbidden` (code `no_mail`), `Invalid`, `TooManyRequests`.
        """
        found = await self.me(actor)
        self._mailing.require()
        email, password = accepted(email=(accept_email, email), password=(presented_password, password))
        await self._ask_again(actor, password, found, "password")
        await self._throttles.mailing(email, device.address)
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self.still(work, actor, found, now)
            await self._mailing.post(work, Kind.CHANGE, email, now, account.id)
            await self._mailing.post(work, Kind.CHANGE_ASKED, account.email, now, account.id)
            await work.audit.add(Event.of("email_change_asked", account.id, now, actor.session, device.address))
            await work.commit()

    async def delete(self, actor: Actor, password: str) -> None:
        """Delete the caller's account and all that it owns but what is kept. Raises `Invalid` for a wrong password."""
        found = await self.require_password(actor, password)
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self.still(work, actor, found, now)
            await work.records.close_account(account.id, Account.tombstone(self._ids.new(), now), now)
            # in nobody's log: what the account did before is no longer told to be its own either
            await work.audit.add(Event.of("account_deleted", None, now))
            await work.commit()

    async def require_password(self, actor: Actor, password: str) -> Account:
        """The caller's account, whose password it knows. Raises `Invalid` for a wrong one, `TooManyRequests`.

        What follows begins with `still` in its unit of work: hashing takes place outside of it.
        """
        found = await self.me(actor)
        (password,) = accepted(password=(presented_password, password))
        await self._ask_again(actor, password, found, "password")
        return found

    async def still(self, work: Work, actor: Actor, found: Account, now: datetime) -> Account:
        """The account as it is now. Raises `NotAuthenticated` where the session ended, `Conflict` (`changed`)."""
        account = await work.accounts.held(found.id)
        session = await work.sessions.get(str(actor.session))
        if account is None or session is None or not session.alive(now):
            raise NotAuthenticated
        if account.password_hash != found.password_hash:
            raise Conflict("The password was changed in the meantime.", code="changed")
        return account

    async def _ask_again(self, actor: Actor, password: str, account: Account, field: str) -> None:
        """Hold a password against the present one. Raises `Invalid` naming the field, or `TooManyRequests`."""
        async with self._throttles.asking_again(actor):
            right, _ = await self._passwords.verify(password, account.password_hash)
            if not right:
                raise Invalid(errors=(FieldError(field, "wrong", "This is not the present password."),))

    # --- the operator's ------------------------------------------------------------------

    async def invite(self, email: str) -> str | None:
        """Invite somebody to register: by mail, or where this service sends none the link. Raises `Invalid`."""
        (email,) = accepted(email=(accept_email, email))
        now, url = self._clock.now(), None
        async with self._store.work() as work:
            if self._mailing.on:
                await self._mailing.post(work, Kind.INVITATION, email, now)
            else:
                url = await self._mailing.link(work, Letter("", Kind.INVITATION, email, now, now), None, now)
            await work.audit.add(Event.of("invited", None, now))
            await work.commit()
        return url

    async def set_disabled(self, email: str, disabled: bool) -> None:
        """Let nobody act for an account any more, from now on; or again. Raises `NotFound`, `Invalid`."""
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self._named(work, email)
            await work.accounts.appoint(replace(account, disabled=disabled))
            if disabled:
                await self._sessions.end(work, Actor(account.id), Scope.ALL, now)
                await work.links.forget(account.id)
                await work.letters.forget(account.id)
            await work.audit.add(Event.of("account_disabled" if disabled else "account_enabled", account.id, now))
            await work.commit()

    async def end_sessions(self, email: str) -> None:
        """Sign an account out everywhere. Raises `NotFound`, `Invalid`."""
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self._named(work, email)
            await self._sessions.end(work, Actor(account.id), Scope.ALL, now)
            await work.audit.add(Event.of("sessions_ended", account.id, now))
            await work.commit()

    async def remove_second_factor(self, email: str) -> None:
        """For somebody who lost device and recovery codes; every session ends. Raises `NotFound`, `Invalid`."""
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self._named(work, email)
            await work.second_factors.remove(account.id)
            await self._sessions.end(work, Actor(account.id), Scope.ALL, now)
            await work.audit.add(Event.of("mfa_removed", account.id, now))
            await work.commit()

    async def appoint(self, email: str, staff: str | None) -> None:
        """Give an account a staff role of the specification, or take it away. Raises `NotFound`, `Invalid`."""
        if staff is not None and staff not in self._staff_roles:
            known = (
                f"one of {', '.join(self._staff_roles)}" if self._staff_roles else "nothing: there are no such roles"
            )
            raise Invalid(errors=(FieldError("role", "not_one_of", f"A staff role is {known}."),))
        now = self._clock.now()
        async with self._store.work() as work:
            account = await self._named(work, email)
            if account.staff != staff:
                await work.accounts.appoint(replace(account, staff=staff))
                data = {"before": account.staff or "", "role": staff or ""}
                await work.audit.add(Event.of("staff_changed", account.id, now, **data))
                await work.commit()

    async def staff(self) -> Sequence[Account]:
        """Every account with a staff role, by address."""
        return await self._store.accounts.staff()

    async def _named(self, work: Work, email: str) -> Account:
        (email,) = accepted(email=(accept_email, email))
        found = await work.accounts.by_email(email)
        account = None if found is None else await work.accounts.held(found.id)
        if account is None:
            raise NotFound("There is no account with this address.")
        return account


def _not_valid(field: str) -> Invalid:
    """The same for a link that was used, has expired, is for something else, or never was."""
    return Invalid(errors=(FieldError(field, "invalid_link", "This link is not valid (any more). Ask for a new one."),))
