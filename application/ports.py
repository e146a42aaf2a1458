"""What the use cases ask of the outside. A port's docstring is its contract; every adapter passes the same tests.

`Store` is the database. Reading needs no unit of work: each call sees what is committed. Writing happens in one
`Work`, and nothing is kept unless the use case awaits `commit()`. No method takes a record's id without the actor,
but for the one that the operator's own question needs.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.access import Census
from domain.account import Account
from domain.api_key import ApiKey
from domain.audit import Event
from domain.errors import FreeholdError
from domain.filtering import Operator
from domain.invitation import Invitation
from domain.mail import Letter, Link
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Actor, Facts
from domain.record import Record
from domain.second_factor import SecondFactor
from domain.secret_link import SecretLink
from domain.session import RefreshToken, Session
from domain.specification.approval import Approval
from domain.specification.evolution import Change
from domain.specification.model import Specification

View = dict[str, Any]
"""A record as one actor sees it: JSON values; what it may not read is absent, hidden references are None."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The instant in UTC, with time zone and microseconds."""


class Ids(Protocol):
    """New identifiers."""

    def new(self) -> str:
        """A UUIDv7 as text, larger than every one that this process made before."""


# --- records -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """`name=a&name=b`, `name_gt=a`: what is asked of the field as the caller sees it (see `domain.filtering`).

    The values are those of the domain; one or more, true or false for `SET`.
    """

    field: str
    values: tuple[Any, ...]
    operator: Operator = Operator.EQUAL

    @property
    def many(self) -> bool:
        """Whether several values are given."""
        return len(self.values) > 1


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of the order; an empty value comes before every other (after, when descending)."""

    field: str
    descending: bool


SORTED_CHARACTERS = 200
"""of a text that an order looks at: a cursor carries them, and must fit into a URL"""


@dataclass(frozen=True, slots=True)
class Query:
    """A page of a list. `order` ends with a sort by `id`; `after` holds the last seen record's value for each key.

    Texts are sorted by their first `SORTED_CHARACTERS`, and by the next key where those are equal.
    """

    resource: str
    filters: tuple[Filter, ...]
    order: tuple[Sort, ...]
    limit: int
    after: tuple[Any, ...] | None = None
    counted: bool = False
    words: tuple[str, ...] = ()
    """each stands in one of the record's texts, as the actor sees them (see `domain.filtering`)"""
    needed: tuple[str, ...] | None = None
    """the members of the views that are used; others may be left out. None for all"""


@dataclass(frozen=True, slots=True)
class Page:
    """At most `limit` views; `last` holds the last one's sort values where more follow, else None."""

    items: Sequence[View]
    last: tuple[Any, ...] | None
    total: int | None = None
    """of all pages, where the query asked to count"""


class RecordsRead(Protocol):
    """Records as an actor sees them. Each method raises `NotAuthenticated` when the actor's session has ended."""

    async def view(self, actor: Actor, resource: str, record_id: str, now: datetime) -> View | None:
        """The record, or None where it is missing or the actor cannot open it."""

    async def page(self, actor: Actor, query: Query, now: datetime) -> Page:
        """The records that the actor can read, filtered and sorted by what it sees of them."""

    async def readable(
        self, actor: Actor, resource: str, record_ids: Collection[str], now: datetime
    ) -> Mapping[str, View]:
        """By id those of the records that the actor can read; the missing and the hidden are not there."""

    async def opens(self, account: str, resource: str, record_id: str, now: datetime) -> bool:
        """Whether an account (not the caller) can open the record."""

    async def members(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Membership] | None:
        """Live memberships of a record, by account; None where the actor cannot open the record.

        The actor's own always, the others where it has `members`.
        """

    async def presented(self, link: str, now: datetime) -> SecretLink | None:
        """The secret link whose token has this SHA-256 (hex); None where there is none, or where it has ended."""

    async def joined(self, actor: Actor, after: str, limit: int, now: datetime) -> Sequence[Membership]:
        """The actor's own live memberships, by record, of those behind `after` (the empty text: all)."""


class RecordsFacts(RecordsRead, Protocol):
    """Records with what their rules ask for, as they are at one instant or in a unit of work.

    Nothing is loaded for a secret link.
    """

    async def load(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Facts | None:
        """The record with all facts that its rules can ask for, or None where the actor cannot open it.

        In a unit of work the record stays as it is until that ends: others wait or fail, they do not change it.
        """

    async def imagine(self, actor: Actor, record: Record, now: datetime) -> Facts:
        """The facts around a record as it would be: not stored yet, or changed."""

    async def census(self, resource: str, record_id: str, now: datetime) -> tuple[Facts, Census] | None:
        """The record with all facts that its rules can ask for, of everybody; and the world of these facts.

        For the operator, whoever may see the record. A database with roles of its own shows it only to the owner of its
        tables.
        """


class Records(RecordsFacts, Protocol):
    """Records inside a unit of work, which also sees its own changes. Nothing is a secret link's to change."""

    async def refer(self, actor: Actor, resource: str, record_id: str, now: datetime, action: str) -> Facts | None:
        """Like `load`, of a record that another one is to hang on (`action` is `open`) or to refer to (`read`).

        It stays as it is, too; but others may hang something on it meanwhile.
        """

    async def add(self, actor: Actor, record: Record, now: datetime) -> None:
        """Store a new record.

        Raises `Conflict` where it is not unique, its owner's limit is reached or it is not the actor's to create (see
        `domain.judging.may_add`);
        `NotAuthenticated` where the actor's session has ended.
        """

    async def save(self, actor: Actor, before: Record, after: Record, now: datetime) -> None:
        """Store a change, with all below it where the parent changed; memberships and links do not travel.

        Raises `Conflict` like `add`, and where the record is no longer as `before` or not the actor's to change
        (see `domain.judging.may_store`).
        """

    async def obstacles(self, actor: Actor, record: Record, now: datetime) -> tuple[str, ...]:
        """Why the record cannot be deleted: "kept", "locked" (something below), "referred"; empty where it can.

        Asked of a record that the actor may delete.
        """

    async def remove(self, actor: Actor, record: Record, now: datetime) -> None:
        """Delete the record and all below it; references elsewhere are emptied or follow, as the specification says.

        Raises `Conflict` where it is gone or not the actor's to delete.
        """

    async def close_account(self, account: str, tombstone: Account, now: datetime) -> None:
        """Delete the account and all that it owns, locked or not, with its sessions and memberships.

        Kept records, what is above and what is below them pass to the tombstone, which is stored only where
        something does; secret links to them end. References to what goes are emptied or follow; what named the account
        becomes None.
        """

    async def membership(
        self, actor: Actor, resource: str, record_id: str, account: str, now: datetime
    ) -> Membership | None:
        """An account's live membership, or None. The actor may see the members, or share, or asks for its own.

        Raises `NotAuthenticated` when the actor's session has ended.
        """

    async def put_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """Store a membership, in place of the account's present one.

        Raises `Conflict` where that is not the actor's to do (see `domain.judging.may_put_membership`).
        """

    async def end_membership(self, actor: Actor, membership: Membership, now: datetime) -> None:
        """Remove a membership. Raises `Conflict` where it is gone or not the actor's to end."""

    async def secret_links(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[SecretLink]:
        """The living secret links to a record that the actor may share, newest first.

        Raises `NotAuthenticated` when the actor's session has ended.
        """

    async def add_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """Store a new secret link.

        Raises `Conflict` where that is not the actor's to do (see `domain.judging.may_link`).
        """

    async def end_secret_link(self, actor: Actor, link: SecretLink, now: datetime) -> None:
        """Delete a secret link. Raises `Conflict` where it is gone or not the actor's to end."""


class InvitationsRead(Protocol):
    """Invitations to records, as those see them whom they are about."""

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Invitation]:
        """Those that wait for the actor's account, newest first, of any resource.

        Raises `NotAuthenticated` when the actor's session has ended; so do the others.
        """


class Invitations(InvitationsRead, Protocol):
    """Invitations inside a unit of work. One that no longer counts is as good as none."""

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Sequence[Invitation]:
        """Those that wait on a record that the actor may share, newest first; none where it may not."""

    async def get(self, actor: Actor, invitation_id: str, token_hash: str | None, now: datetime) -> Invitation | None:
        """The invitation, or None where it is not the actor's to answer (see `Invitation.is_for`)."""

    async def put(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """Store an invitation, in place of one to the same address on the same record.

        Raises `Conflict` where that is not the actor's to do (see `domain.judging.may_invite`, `may_give`).
        """

    async def answer(self, actor: Actor, invitation: Invitation, token_hash: str | None, now: datetime) -> None:
        """Remove an invitation that is the actor's to answer. Raises `Conflict` where it is gone, or is not."""

    async def withdraw(self, actor: Actor, invitation: Invitation, now: datetime) -> None:
        """Remove an invitation to what the actor may give on the record. Raises `Conflict` where it is gone, or not."""

    async def prove(self, email: str, account: str) -> None:
        """Give those that wait for an address, and are nobody's yet, to the account that has proven it."""

    async def seal(self, invitation_id: str, token_hash: str, now: datetime) -> bool:
        """Store by what token it can be answered, in place of an earlier one. False where there is none to answer."""


class TransfersRead(Protocol):
    """Offers to hand a record over, as those see them whom they are about."""

    async def waiting_for(self, actor: Actor, limit: int, now: datetime) -> Sequence[Offer]:
        """Those that are made to the actor's account, newest first, of any resource.

        Raises `NotAuthenticated` when the actor's session has ended; so do the others.
        """


class Transfers(TransfersRead, Protocol):
    """Offers inside a unit of work. One that no longer counts is as good as none."""

    async def on_record(self, actor: Actor, resource: str, record_id: str, now: datetime) -> Offer | None:
        """The one of a record that the actor may hand over; None where it may not."""

    async def get(self, actor: Actor, offer_id: str, now: datetime) -> Offer | None:
        """The offer, or None where it is not made to the actor."""

    async def put(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """Store an offer of the actor's, in place of another one of the record.

        Raises `Conflict` where the record is not the actor's to hand over.
        """

    async def withdraw(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """Remove an offer of a record that the actor may hand over. Raises `Conflict` where it is gone, or not."""

    async def decline(self, actor: Actor, offer: Offer, now: datetime) -> None:
        """Remove an offer that is made to the actor. Raises `Conflict` where it is gone, or not."""

    async def accept(self, actor: Actor, offer: Offer, record: Record, now: datetime) -> None:
        """Give the record, which this work has loaded, and all below it to the actor, whom it is offered to.

        The offer ends, and so do the memberships of the actor, the giver and the former owner, on all of it. Raises
        `Conflict` like `Records.add`, and where the offer is gone or the record is no longer the giver's to hand over.
        """


# --- accounts and sessions -----------------------------------------------------------------


class AccountsRead(Protocol):
    """Accounts, by their own hand: no method lists them all."""

    async def get(self, account_id: str) -> Account | None:
        """The account, or None."""

    async def by_email(self, email: str) -> Account | None:
        """The account with this normalised address, or None."""

    async def staff(self) -> Sequence[Account]:
        """Those with a staff role, by address.

        A database with roles of its own shows them only to the owner of its tables.
        """


class Accounts(AccountsRead, Protocol):
    """Accounts inside a unit of work."""

    async def add(self, account: Account) -> None:
        """Store a new account, without a staff role. Raises `Conflict` (`email_taken`) where the address is taken."""

    async def held(self, account_id: str) -> Account | None:
        """The account, or None; it stays as it is until the work ends, and its new sessions wait for that."""

    async def save(self, account: Account) -> None:
        """Store what an account changes of itself: address and password. Raises `Conflict` like `add`."""

    async def appoint(self, account: Account) -> None:
        """Store what the service's operator decides: staff role, and whether the account is disabled.

        A database with roles of its own lets only the owner of its tables do this.
        """


class SessionsRead(Protocol):
    """Sessions."""

    async def get(self, session_id: str) -> Session | None:
        """The session, or None."""

    async def of_account(self, account_id: str) -> Sequence[Session]:
        """All sessions of the account, newest first, ended ones included until they are cleaned up."""


class Sessions(SessionsRead, Protocol):
    """Sessions inside a unit of work, and their refresh tokens, by hash only.

    What was got stays as it is until the work ends: others wait or fail, they do not change it.
    """

    async def add(self, session: Session) -> None:
        """Store a new session. Raises `Conflict` where its account is gone."""

    async def save(self, session: Session) -> None:
        """Store a changed session."""

    async def token(self, token_hash: str) -> RefreshToken | None:
        """The refresh token with this SHA-256 (hex), or None. Two works cannot both hold it at once."""

    async def add_token(self, token: RefreshToken) -> None:
        """Store a refresh token."""

    async def save_token(self, token: RefreshToken) -> None:
        """Store that a refresh token was used. Raises `Conflict` where it was before: that happens once."""

    async def clean(self, now: datetime, most: int) -> bool:
        """Delete tokens of sessions that are past their absolute end, and such sessions without tokens.

        At most so many of either at once; whether there was something to delete.
        """


class SecondFactorsRead(Protocol):
    """Second factors, of an account by its own hand."""

    async def get(self, account_id: str) -> SecondFactor | None:
        """The account's, begun or confirmed, or None."""


class SecondFactors(SecondFactorsRead, Protocol):
    """Second factors inside a unit of work: what was got stays as it is until the work ends."""

    async def add(self, factor: SecondFactor) -> None:
        """Store a new one. Raises `Conflict` where the account has one."""

    async def save(self, factor: SecondFactor) -> None:
        """Store a changed one."""

    async def remove(self, account_id: str) -> None:
        """Remove the account's."""


class ApiKeysRead(Protocol):
    """API keys."""

    async def by_hash(self, key_hash: str) -> ApiKey | None:
        """The key with this SHA-256 (hex), or None."""

    async def of_account(self, account_id: str) -> Sequence[ApiKey]:
        """All keys of the account, newest first, ended ones included."""

    async def of_engine(self) -> Sequence[ApiKey]:
        """All keys of the engine, newest first, ended ones included.

        A database with roles of its own shows them, and lets them be made, only to the owner of its tables.
        """


class ApiKeys(ApiKeysRead, Protocol):
    """API keys inside a unit of work."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    async def save(self, key: ApiKey) -> None:
        """Store what changes of a key: its last use, and that it was revoked; one that is revoked stays so."""


class AuditRead(Protocol):
    """The log of what happened to accounts."""

    async def of_account(self, account_id: str, limit: int, before: int | None = None) -> Sequence[Event]:
        """The account's newest events first, each with its number; of those with a smaller one than `before`."""


class Audit(AuditRead, Protocol):
    """The log is append-only: nothing changes an event or deletes it."""

    async def add(self, event: Event) -> None:
        """Append an event. Raises `Conflict` where its account is gone."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key for access tokens as it is stored: whoever reads the store cannot sign with it."""

    kid: str
    state: str
    """"active": signs; "next" and "retired": verify only. One at most is active, and one is next."""
    public: str
    """its JSON Web Key"""
    private_sealed: str = field(repr=False)
    created_at: datetime
    since: datetime
    """when it came into its state"""


class SigningKeys(Protocol):
    """The keys that access tokens are signed with."""

    async def all(self) -> Sequence[SigningKey]:
        """Every key, oldest first."""

    async def add(self, key: SigningKey) -> None:
        """Store a new key. Raises `Conflict` where it would be a second active or next one."""

    async def save(self, key: SigningKey, before: str) -> None:
        """Store a key's new state, and since when. Raises `Conflict` where it is not in the state `before`."""

    async def remove(self, kid: str) -> None:
        """Forget a key."""


class Links(Protocol):
    """Links that were sent, by the hash of their token only."""

    async def add(self, link: Link) -> None:
        """Store a new link."""

    async def get(self, token_hash: str) -> Link | None:
        """The link with this SHA-256 (hex), or None; also one that has expired."""

    async def take(self, token_hash: str) -> bool:
        """Delete it. False where it is not there (any more): of two works at once, one gets True."""

    async def forget(self, account: str) -> None:
        """Delete every link of the account."""

    async def clean(self, now: datetime) -> None:
        """Delete what has expired."""


class LettersRead(Protocol):
    """The outbox."""

    async def waiting(self, now: datetime) -> bool:
        """Whether a letter is due."""


class Letters(LettersRead, Protocol):
    """The outbox inside a unit of work."""

    async def add(self, letter: Letter) -> None:
        """Store a new letter."""

    async def claim(self, now: datetime, until: datetime) -> Letter | None:
        """The letter that has been due longest, which from now on is due at `until`; None where none is due.

        Of several works at once each gets another one.
        """

    async def save(self, letter: Letter) -> None:
        """Store attempts and time of a letter; nothing where it is gone."""

    async def remove(self, letter_id: str) -> None:
        """Delete a letter."""

    async def forget(self, account: str) -> None:
        """Delete the letters of the account that carry a link."""


class IdempotencyKeys(Protocol):
    """Answers to writes that are done once, kept with them: under a name, the hash of a caller and its key."""

    async def find(self, actor: Actor, name: str, now: datetime) -> str | None:
        """The answer that is kept for the actor, sealed. None where there is none (any more) or its session ended."""

    async def keep(self, actor: Actor, name: str, sealed: str, until: datetime, now: datetime) -> None:
        """Keep an answer. Raises `Conflict` (`idempotency_in_progress`) where one is kept already."""

    async def clean(self, now: datetime, most: int) -> int:
        """Delete what has expired, so much at most; how many there were."""


class Work(Protocol):
    """One unit of work: all of it is kept at `commit`, none of it otherwise.

    After a `Conflict` it is to be left: that the rest can still be kept is not promised.
    """

    @property
    def records(self) -> Records:
        """Records and memberships."""

    @property
    def accounts(self) -> Accounts:
        """Accounts."""

    @property
    def sessions(self) -> Sessions:
        """Sessions."""

    @property
    def second_factors(self) -> SecondFactors:
        """Second factors."""

    @property
    def api_keys(self) -> ApiKeys:
        """API keys."""

    @property
    def audit(self) -> Audit:
        """The audit log."""

    @property
    def signing_keys(self) -> SigningKeys:
        """The keys for access tokens."""

    @property
    def links(self) -> Links:
        """Links that were sent."""

    @property
    def letters(self) -> Letters:
        """The outbox."""

    @property
    def invitations(self) -> Invitations:
        """Invitations to records."""

    @property
    def transfers(self) -> Transfers:
        """Offers to hand records over."""

    @property
    def idempotency_keys(self) -> IdempotencyKeys:
        """Answers to writes that are done once."""

    async def commit(self) -> None:
        """Keep everything, durably, before returning. Raises `Unavailable` where that fails; then nothing is kept."""


class Instant(Protocol):
    """The database as of one instant, for reading."""

    @property
    def records(self) -> RecordsFacts:
        """Records."""

    @property
    def accounts(self) -> AccountsRead:
        """Accounts."""

    @property
    def sessions(self) -> SessionsRead:
        """Sessions."""

    @property
    def second_factors(self) -> SecondFactorsRead:
        """Second factors."""

    @property
    def api_keys(self) -> ApiKeysRead:
        """API keys."""

    @property
    def audit(self) -> AuditRead:
        """The audit log."""


class PlainWrites(Protocol):
    """Writes on which there is nothing to judge but one right (`domain.plain`), each asked and done in one step.

    None is always a right answer: that nothing was done, for whatever reason. The same in a unit of work says why.
    Raises `Unavailable`, also where it cannot be told any more whether the write was done.
    """

    async def add(self, actor: Actor, record: Record, now: datetime) -> View | None:
        """Store a new record if the actor may create it there; how the actor sees it. Its owner is its parent's."""

    async def change(
        self, actor: Actor, resource: str, record_id: str, values: Mapping[str, Any], now: datetime
    ) -> View | None:
        """Change fields if the actor may update the record and one of them differs; how the actor sees it then."""


class Store(Protocol):
    """The database."""

    @property
    def records(self) -> RecordsRead:
        """Records as committed, without a unit of work."""

    @property
    def accounts(self) -> AccountsRead:
        """Accounts as committed."""

    @property
    def sessions(self) -> SessionsRead:
        """Sessions as committed."""

    @property
    def letters(self) -> LettersRead:
        """The outbox as committed."""

    @property
    def invitations(self) -> InvitationsRead:
        """Invitations as committed."""

    @property
    def transfers(self) -> TransfersRead:
        """Offers as committed."""

    @property
    def second_factors(self) -> SecondFactorsRead:
        """Second factors as committed."""

    @property
    def api_keys(self) -> ApiKeysRead:
        """API keys as committed."""

    @property
    def audit(self) -> AuditRead:
        """The audit log as committed."""

    @property
    def plain(self) -> PlainWrites | None:
        """Where one step is faster than a unit of work."""

    def work(self, alone: str | None = None) -> AbstractAsyncContextManager[Work]:
        """A unit of work; leaving it without `commit` undoes it.

        Of those that are `alone` under one name (64 hexadecimal digits) there is one at a time, in all processes:
        entering another one raises `Conflict` (`idempotency_in_progress`) at once. It sees what the last one committed.
        """

    def instant(self) -> AbstractAsyncContextManager[Instant]:
        """The database as it is when it is first asked: what others commit meanwhile is not seen."""

    async def ready(self) -> bool:
        """Whether the database answers and holds the specification's tables."""

    async def close(self) -> None:
        """Let go of connections and files; units of work under way end first."""


# --- throttles -----------------------------------------------------------------------------


class Counters(Protocol):
    """Numbers that throttles count with, each forgotten after its time. Processes may share them.

    None of this fails: where a shared place is away, a process counts by itself meanwhile.
    """

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """Add at once, and say how many it is now; the first amount decides after how many seconds it is forgotten."""

    async def left(self, key: str) -> int:
        """The whole seconds, rounded up, until the number is forgotten; 0 where there is none."""

    async def forget(self, *keys: str) -> None:
        """Forget numbers before their time."""

    async def close(self) -> None:
        """Let go of connections."""


# --- mail ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mail:
    """Plain text to one address."""

    id: str
    """the letter's: the same at each attempt"""
    to: str
    subject: str
    text: str = field(repr=False)


class Undeliverable(FreeholdError):
    """The mail was refused for good; the message tells a code, and nobody's address."""


class Outgoing(Protocol):
    """The way to a mail server."""

    async def send(self, mail: Mail) -> None:
        """Hand it over. Raises `Unavailable` where trying again may help, else `Undeliverable`."""


# --- credentials ---------------------------------------------------------------------------


class Passwords(Protocol):
    """Password hashing, off the event loop, with bounded parallelism."""

    async def hash(self, password: str) -> str:
        """A salted hash. Raises `Unavailable` where too many wait."""

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password matches, and a new hash where the stored one is out of date.

        With `stored` None the same work is done and the answer is no. Raises `Unavailable` where too many wait.
        """


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    account: str
    session: str


class Tokens(Protocol):
    """Signed access tokens."""

    @property
    def lifetime(self) -> int:
        """How long an access token is valid, in seconds."""

    def issue(self, account: str, session: str, now: datetime) -> str:
        """A signed access token."""

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a valid token. Raises `NotAuthenticated`; says nothing of a session's end."""

    async def load(self, store: "Store", now: datetime) -> None:
        """Take the key ring from the store, also later on, and make the keys that are missing in it."""

    async def rotate(self, store: "Store", now: datetime) -> Sequence[SigningKey]:
        """Sign with the next key from now on, and make another next one; the keys as they are stored now.

        Nobody is signed out: the key that signed before verifies until its last token has ended. Raises `Conflict`
        where somebody else rotates.
        """

    async def keep_up(self, now: datetime) -> None:
        """Read the key ring again where that was too long ago. Raises `Unavailable`.

        It is called before tokens are issued or verified, and outside of units of work.
        """

    async def renew(self, token: str, now: datetime) -> bool:
        """Whether the key that a refused token names was missing and has come: another server has made it.

        Raises `Unavailable`. However many keys callers make up, the store is asked once a second at most.
        """

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifies the tokens."""


class OneTimeCodes(Protocol):
    """Codes by time: RFC 6238 with SHA-1, 30 seconds and 6 digits, which every authenticator app knows."""

    def step(self, secret: bytes, code: str, now: datetime) -> int | None:
        """The step of 30 seconds since 1970 whose code this is: of now, the one before or after; None for none."""

    def uri(self, secret: bytes, account: str) -> str:
        """What an authenticator app reads as a QR code; `account` is what it shows."""


class Sealer(Protocol):
    """Authenticated encryption under the service's secret."""

    def seal(self, plain: bytes, bound_to: bytes) -> str:
        """URL-safe text that only `open` with the same `bound_to` reads."""

    def open(self, sealed: str, bound_to: bytes) -> bytes | None:
        """The plain bytes, or None where the text was changed, made elsewhere or bound to something else."""


class Successors(Protocol):
    """Keeps a refresh token's successor so that only the holder of the token itself can read it."""

    def conceal(self, token: str, successor: str) -> str:
        """The successor encrypted under a key derived from the token."""

    def reveal(self, token: str, concealed: str) -> str:
        """The successor again."""


class ProjectFolder(Protocol):
    """A project: what it says, what of that was approved, and the revisions that lead there."""

    def specification(self) -> Specification:
        """`freehold.yaml` as it is now. Raises `SpecificationInvalid`."""

    def approvals(self) -> tuple[Approval, ...]:
        """Nothing before the first approval; two where a merge left both. Raises `NotApproved` for anything else."""

    def read(self, approval: Approval) -> Specification:
        """The approved text as a specification. Raises `NotApproved` where this version cannot read it."""

    def revisions(self) -> Mapping[str, str]:
        """The digest of each file in `migrations/`, by name."""

    def heads(self) -> tuple[str, ...]:
        """The revisions that none follows. Raises `NotApproved` where a file cannot be read."""

    def line(self, revision: str) -> tuple[str, ...]:
        """A revision and all before it, the first one first; empty where there is no such revision."""

    def write_revision(self, before: Specification | None, after: Specification, follows: str | None) -> str | None:
        """Write the revision from one to the next into `migrations/`; None where the tables need none."""

    def remove_revision(self, revision: str) -> str:
        """The name that its file had."""

    def keep(self, approval: Approval) -> None:
        """Write `freehold.lock`. Raises `NotApproved` where that fails; then nothing was written."""

    def schema(self, specification: Specification) -> str:
        """The digest of the statements that make its tables, on every database."""

    def openapi(self, specification: Specification) -> Mapping[str, Any]:
        """The OpenAPI document that is served for it."""

    def api(self, specification: Specification) -> str:
        """The digest of that document."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `Keeping.migrate` did."""

    revisions: tuple[str, ...]
    """that were not there yet"""
    backup: str | None
    """the copy of an SQLite file that was made before"""
    adopted: bool
    """whether it took over what `freehold dev` had made, straight and not by the revisions"""


class Keeping(Protocol):
    """The database of a project, and what holds it at a specification."""

    def counts(self, before: Specification, after: Specification) -> Mapping[Change, tuple[int, str | None]] | None:
        """How many stored records each change is about, with the id of one.

        None where the database does not hold `before`.
        """

    def require(self, approval: Approval) -> None:
        """Raise `SchemaDiffers` unless the database is at the approved revision; changes nothing."""

    def migrate(self, approval: Approval, tell: Callable[[str], None]) -> Migrated:
        """Bring the database to an approval, one transaction a revision; an SQLite file is copied before.

        `tell` hears what goes on. Raises `SchemaDiffers` where the database is not ours, is newer, or holds what does
        not fit: then it stays as the last revision that succeeded left it, and the next call goes on from there.
        """

    def sql(self, approval: Approval) -> str:
        """What `migrate` would run; changes nothing."""
