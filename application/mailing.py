"""Mail: posted in the unit of work that it tells of, written and sent later by whichever process comes first.

Who asks for a link learns nothing from the answer, nor from the time that it takes: whether there is such an account
is looked up when the letter is written.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from application.ports import Clock, Ids, Mail, Outgoing, Store, Undeliverable, Work
from domain.account import Account
from domain.audit import Event
from domain.errors import Forbidden, Unavailable
from domain.mail import LEASE, LINKED, Kind, Letter, Link

TOKEN_BYTES = 32
LONGEST_TOKEN = 128
"""characters of a presented one; ours have 43"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How sending a letter ended."""

    failure: str | None
    """in words that name nobody; None where there was none"""
    again: bool
    """whether it is tried again"""


class Mailing:
    """The outbox. Without a way out nothing is posted."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        outgoing: Outgoing | None,
        public_url: str,
        app: str,
        invitations: str = "/v1/invitations",
    ) -> None:
        """`public_url` is where people find the service, `app` its name, `invitations` the path of those to records."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._outgoing = outgoing
        self._public_url = public_url.rstrip("/")
        self._app = app
        self._invitations = invitations

    @property
    def on(self) -> bool:
        """Whether this service sends mail."""
        return self._outgoing is not None

    def require(self) -> None:
        """Raises `Forbidden` (code `no_mail`) where this service sends none."""
        if not self.on:
            raise Forbidden("This service sends no mail.", code="no_mail")

    async def post(
        self,
        work: Work,
        kind: Kind,
        email: str,
        now: datetime,
        account: str | None = None,
        password_hash: str | None = None,
        letter_id: str | None = None,
    ) -> None:
        """A letter in somebody else's unit of work; with an id of its own where that of something else will not do."""
        if self.on:
            new = self._ids.new() if letter_id is None else letter_id
            await work.letters.add(Letter(new, kind, email, now, now, account, password_hash))

    async def link(self, work: Work, letter: Letter, account: Account | None, now: datetime) -> str:
        """A new link in somebody else's unit of work; what has expired goes. Its URL, which exists nowhere else."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await work.links.clean(now)
        await work.links.add(letter.link(token_hash(token), None if account is None else account.id, now))
        return self._url(_PLACES[letter.kind], token)

    def _url(self, place: str, token: str) -> str:
        # behind the `#`, so that it stands in no server's log and in no `Referer`
        return f"{self._public_url}{place}#token={token}"

    async def find(self, work: Work, token: str, purpose: Kind, now: datetime) -> Link | None:
        """The link of a presented token; None where it opens nothing (any more), or something else."""
        found = None if len(token) > LONGEST_TOKEN else await work.links.get(token_hash(token))
        return found if found is not None and found.opens(purpose, now) else None

    async def deliver(self) -> Attempt | None:
        """Send the letter that has been due longest; None where there is none. Raises `Unavailable` (the database).

        It is taken for a time, so that another process does not send it too, and is due again if this one ends.
        """
        now = self._clock.now()
        if self._outgoing is None or not await self._store.letters.waiting(now):
            return None
        async with self._store.work() as work:
            letter = await work.letters.claim(now, now + LEASE)
            if letter is None:
                return None
            written = await self._write(work, letter, now)
            await work.commit()
        later, failure = None, None
        if written is not None:
            try:
                await self._outgoing.send(written[0])
            except Undeliverable as error:
                failure = str(error)
            except Unavailable as error:
                failure, later = error.detail, letter.again(self._clock.now())
        async with self._store.work() as work:
            if failure is not None and written is not None and written[1] is not None:
                await work.links.take(written[1])
            if later is None:
                await work.letters.remove(letter.id)
            else:
                await work.letters.save(later)
            await work.commit()
        return Attempt(failure, later is not None)

    async def _write(self, work: Work, letter: Letter, now: datetime) -> tuple[Mail, str | None] | None:
        """A mail and the hash of its link's token; None where nobody is to get one."""
        if letter.kind is Kind.SHARED:
            return await self._write_invitation(work, letter, now)
        kind, account = letter.kind, await self._account(work, letter)
        subject, text = _WORDS[kind]
        taken = kind is Kind.CHANGE and await work.accounts.by_email(letter.email) is not None
        if taken or (kind is Kind.REGISTRATION and account is not None):
            subject, text = _KNOWN
        elif kind in LINKED:
            if kind in (Kind.RESET, Kind.CHANGE) and (account is None or account.disabled):
                return None
            url = await self.link(work, letter, account, now)
            hashed = token_hash(url.rpartition("=")[2])
            await work.audit.add(
                Event.of("link_sent", None if account is None else account.id, now, purpose=kind.value)
            )
            return Mail(
                letter.id, letter.email, subject.format(app=self._app), text.format(app=self._app, link=url)
            ), hashed
        return Mail(letter.id, letter.email, subject.format(app=self._app), text.format(app=self._app)), None

    async def _write_invitation(self, work: Work, letter: Letter, now: datetime) -> tuple[Mail, str | None] | None:
        """None where it was answered or withdrawn before. It says nothing of the record, nor who invites."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        if not await work.invitations.seal(letter.id, token_hash(token), now):
            return None
        link = self._url(f"{self._invitations}/{letter.id}/accept", token)
        subject, text = _WORDS[letter.kind]
        mail = Mail(letter.id, letter.email, subject.format(app=self._app), text.format(app=self._app, link=link))
        return mail, None

    async def _account(self, work: Work, letter: Letter) -> Account | None:
        """It stays until the work ends: its link is added in there."""
        if letter.account is not None:
            return await work.accounts.held(letter.account)
        found = await work.accounts.by_email(letter.email)
        return None if found is None else await work.accounts.held(found.id)


def token_hash(token: str) -> str:
    """What is stored of a token: it has 256 random bits, so that a plain hash is enough."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


_PLACES = {
    Kind.REGISTRATION: "/auth/email/verify",
    Kind.CHANGE: "/auth/email/verify",
    Kind.RESET: "/auth/password/reset",
    Kind.INVITATION: "/auth/register",
}
_ONCE = "\n\n{link}\n\nThe link works once, within 30 minutes. If you did not ask for this, do nothing.\n"
_NOT_YOU = " If that was not you, ask for a new password at once: that ends every session.\n"
_KNOWN = (
    "Your account at {app}",
    "Somebody, perhaps you, gave this address to {app}. It has an account there already, and nothing was changed.\n"
    "If you forgot your password, ask for a new one.\n",
)
_WORDS = {
    Kind.REGISTRATION: (
        "Confirm your address for {app}",
        f"Confirm your address to finish your account at {{app}}:{_ONCE}",
    ),
    Kind.INVITATION: ("You are invited to {app}", f"You are invited to make an account at {{app}}:{_ONCE}"),
    Kind.SHARED: (
        "Something at {app} is shared with you",
        "Somebody at {app} shares something with you. Sign in, or make an account, to accept or decline it:\n\n"
        "{link}\n\nThe link works once, within 30 days, and for whoever has it. If you expect nothing, do nothing.\n",
    ),
    Kind.RESET: ("A new password for {app}", f"Set a new password for your account at {{app}}:{_ONCE}"),
    Kind.CHANGE: ("Confirm your new address for {app}", f"Confirm this address for your account at {{app}}:{_ONCE}"),
    Kind.CHANGE_ASKED: (
        "Your address at {app} is to be changed",
        f"Somebody signed in as you asked {{app}} to use another address for your account.{_NOT_YOU}",
    ),
    Kind.EMAIL_CHANGED: (
        "Your address at {app} was changed",
        "Your account at {app} has another address now; this one is no longer used. If that was not you, "
        "tell those who run the service.\n",
    ),
    Kind.PASSWORD_CHANGED: ("Your password at {app} was changed", f"Your password at {{app}} was changed.{_NOT_YOU}"),
    Kind.SESSION_ENDED: (
        "A session at {app} was ended",
        "A session of your account at {app} was ended, because its refresh token was used twice: somebody else has, "
        "or had, a copy. Your other sessions go on. If you do not know why, sign out everywhere and set a new "
        "password.\n",
    ),
}
