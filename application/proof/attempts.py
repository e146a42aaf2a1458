"""What is tried on an API, and what it answers: one vocabulary for every way to reach it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from domain.snapshot import Snapshot
from domain.specification.model import Specification


class Verb(StrEnum):
    """The operations that the surface has."""

    LIST = "list"
    GET = "get"
    HEAD = "head"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    MY_ACCESS = "ask what may be done with"
    ACCESS = "ask who can do what with"
    MEMBERS = "list the members of"
    ADD_MEMBER = "add a member to"
    JOIN = "join"
    CHANGE_MEMBER = "change a member of"
    REMOVE_MEMBER = "remove a member of"
    BATCH = "batch"
    INVITE = "invite somebody to"
    INVITATIONS = "list the invitations to"
    UNINVITE = "withdraw an invitation to"
    WAITING = "see the own invitations to"
    ACCEPT = "accept an invitation to"
    DECLINE = "decline an invitation to"
    OFFER = "offer"
    OFFERED = "see the offer of"
    WITHDRAW = "withdraw the offer of"
    OFFERS = "see what is offered of"
    TAKE = "accept the offer of"
    REFUSE = "decline the offer of"
    LINKS = "list the links to"
    LINK = "make a link to"
    UNLINK = "end a link to"
    REPLACE = "replace"
    """a method that is not offered"""


READING = (
    *(Verb.LIST, Verb.GET, Verb.HEAD, Verb.MY_ACCESS, Verb.ACCESS, Verb.MEMBERS),
    *(Verb.INVITATIONS, Verb.WAITING, Verb.OFFERED, Verb.OFFERS, Verb.LINKS),
)
POSTING = (Verb.CREATE, Verb.ADD_MEMBER, Verb.JOIN, Verb.BATCH)
"""what an `idempotency-key` is tried with"""
MAKING = (Verb.CREATE, Verb.INVITE, Verb.OFFER, Verb.LINK)
"""what is answered with the id of something new"""
_METHODS = {
    **dict.fromkeys(READING, "GET"),
    **dict.fromkeys((*POSTING, *MAKING, Verb.ACCEPT, Verb.DECLINE, Verb.TAKE, Verb.REFUSE), "POST"),
    **dict.fromkeys((Verb.UPDATE, Verb.CHANGE_MEMBER), "PATCH"),
    **dict.fromkeys((Verb.DELETE, Verb.REMOVE_MEMBER, Verb.UNINVITE, Verb.WITHDRAW, Verb.UNLINK), "DELETE"),
    Verb.HEAD: "HEAD",
    Verb.REPLACE: "PUT",
}
_PLACES = {
    **dict.fromkeys((Verb.MEMBERS, Verb.ADD_MEMBER, Verb.JOIN, Verb.INVITE), "members"),
    **dict.fromkeys((Verb.CHANGE_MEMBER, Verb.REMOVE_MEMBER), "members/{account}"),
    Verb.MY_ACCESS: "access/me",
    Verb.ACCESS: "access",
    Verb.INVITATIONS: "invitations",
    Verb.UNINVITE: "invitations/{waiting}",
    **dict.fromkeys((Verb.LINKS, Verb.LINK), "links"),
    Verb.UNLINK: "links/{waiting}",
    Verb.OFFER: "transfer",
    Verb.OFFERED: "offers",
    Verb.WITHDRAW: "offers/{waiting}",
}
"""below a record"""
OF_CALLER = {
    Verb.WAITING: "invitations",
    Verb.ACCEPT: "invitations/{waiting}/accept",
    Verb.DECLINE: "invitations/{waiting}/decline",
    Verb.OFFERS: "transfers",
    Verb.TAKE: "transfers/{waiting}/accept",
    Verb.REFUSE: "transfers/{waiting}/decline",
}
"""what waits for the caller, whatever it is of"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, in the words of the specification."""

    who: str | None
    """the acting account's id; None for nobody"""
    verb: Verb
    resource: str
    record: str | None = None
    account: str | None = None
    """the member that it is about"""
    waiting: str | None = None
    """the id of the invitation, offer or link that it is about"""
    body: Mapping[str, Any] | None = None
    """JSON values"""
    query: tuple[tuple[str, str], ...] = ()
    """of a list, or of one record; a cursor among them is the server's own"""
    skipped: int = 0
    """how many records the pages before that cursor had"""
    stolen: bool = False
    """whether that cursor was given to somebody else"""
    headers: tuple[tuple[str, str], ...] = ()
    """conditions: `if-match`, `if-none-match`; `idempotency-key`"""
    operations: "tuple[Attempt, ...]" = ()
    """of a batch: creations, changes and deletions by its caller; `$0.id` is the id of the first one's record"""

    @property
    def key(self) -> str | None:
        """The key under which this is done once."""
        return dict(self.headers).get("idempotency-key") if self.verb in POSTING else None

    @property
    def message(self) -> Mapping[str, Any] | None:
        """The JSON that is sent."""
        if self.verb is Verb.BATCH:
            return {"operations": [each._as_operation() for each in self.operations]}
        return {} if self.verb is Verb.JOIN else self.body

    def _as_operation(self) -> dict[str, Any]:
        found = {"action": str(self.verb), "resource": self.resource, "id": self.record, "body": self.body}
        found["if_match"] = dict(self.headers).get("if-match")
        return {name: value for name, value in found.items() if value is not None}

    def by(self, who: str | None) -> "Attempt":
        """The same by somebody else."""
        return replace(self, who=who, operations=tuple(each.by(who) for each in self.operations))

    def naming(self, ids: Mapping[str, str]) -> "Attempt":
        """The same with other ids, or with ids in place of references."""
        body = None if self.body is None else {name: _naming(value, ids) for name, value in self.body.items()}
        return replace(
            self,
            who=_naming(self.who, ids),
            record=_naming(self.record, ids),
            account=_naming(self.account, ids),
            waiting=_naming(self.waiting, ids),
            body=body,
            query=tuple((name, _naming(value, ids)) for name, value in self.query),
            operations=tuple(each.naming(ids) for each in self.operations),
        )

    @property
    def method(self) -> str:
        """By which method it is made."""
        return _METHODS[self.verb]

    def path(self, specification: Specification) -> str:
        """Where it goes."""
        above, named = f"/v{specification.major}", {"account": self.account, "waiting": self.waiting}
        if self.verb is Verb.BATCH:
            return f"{above}/batch"
        if self.verb in OF_CALLER:
            return f"{above}/{OF_CALLER[self.verb].format(**named)}"
        record = "" if self.record is None else f"/{self.record}"
        place = f"/{_PLACES[self.verb].format(**named)}" if self.verb in _PLACES else ""
        return f"{above}/{specification.resources[self.resource].plural}{record}{place}"

    def following(self, cursor: str, seen: int) -> "Attempt":
        """The next page of a list, after so many records more."""
        query = tuple((name, value) for name, value in self.query if name != "cursor")
        return replace(self, query=(*query, ("cursor", cursor)), skipped=self.skipped + seen)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """by name in lower case; several of one name are joined by a comma"""
    body: bytes = field(repr=False)
    statements: int | None = None
    """how many the database was asked, where that can be counted"""


def _naming(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _naming(inner, ids) for name, inner in value.items()}
    return ids.get(value, value) if isinstance(value, str) else value


Decisions = Mapping[str, Mapping[str, bool]]
"""by record id, then the name of the rule: what the compiled rule says by itself"""


class Target(Protocol):
    """An API under attack."""

    async def send(self, attempt: Attempt) -> Answer:
        """Perform it, as the account that it names."""


class Laboratory(Target, Protocol):
    """A target of our own making, on a throw-away database that holds what it is told to."""

    @property
    def now(self) -> datetime:
        """When its worlds begin."""

    async def hold(self, snapshot: Snapshot) -> None:
        """Hold exactly this world; every account has a live session. The time is the snapshot's."""

    async def wait(self, until: datetime) -> None:
        """Let time go by; nobody is signed out by it."""

    async def decisions(self, who: str | None, resource: str) -> Decisions:
        """What the compiled rules alone say of every record of a resource, for one caller.

        Their names are those of `application.proof.filters`.
        """

    async def policies(self, who: str | None, ids: Mapping[str, Sequence[str]]) -> Mapping[str, Decisions] | None:
        """What row-level security alone lets a caller do, by raw SQL without a WHERE in the role that serves.

        `ids` are those of every record by resource, and are shown to the database. By resource, record id and what is
        done: `application.proof.policies.OF_RECORDS`, and `member` with an account for each membership that is seen,
        `invitation` and `offer` with its id. None where the database has no row-level security.
        """

    async def unguarded(self) -> Sequence[str]:
        """In sentences, what no caller shows: tables without row-level security, or with rows for nobody."""
