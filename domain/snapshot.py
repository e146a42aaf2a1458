"""Everything that there is at one instant, as plain data: a `World` that knows it all, and what becomes of it."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.account import Account
from domain.deletion import going, left_referring
from domain.errors import Conflict
from domain.invitation import Invitation
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import Facts
from domain.record import Record
from domain.secret_link import SecretLink
from domain.specification.model import Resource, Specification, Unique

Records = dict[str, dict[str, Record]]
"""by resource, then id"""
Memberships = dict[tuple[str, str], Membership]
"""by record and account"""


@dataclass
class Snapshot:
    """A `World` over dictionaries, which its verbs change in place; the values themselves never change."""

    specification: Specification
    now: datetime
    accounts: dict[str, Account]
    """by id"""
    records: Records
    memberships: Memberships = field(default_factory=dict)
    links: dict[str, SecretLink] = field(default_factory=dict)
    """by the hash of their token"""
    invitations: dict[str, Invitation] = field(default_factory=dict)
    """by id"""
    offers: dict[str, Offer] = field(default_factory=dict)
    """by id"""
    imagined: Record | None = None
    """a record as it would be, also where it refers to itself"""

    @classmethod
    def empty(cls, specification: Specification, now: datetime) -> "Snapshot":
        """Nothing and nobody."""
        return cls(specification, now, {}, {name: {} for name in specification.resources})

    def copy(self) -> "Snapshot":
        """An independent snapshot."""
        records = {resource: dict(found) for resource, found in self.records.items()}
        return replace(
            self,
            accounts=dict(self.accounts),
            records=records,
            memberships=dict(self.memberships),
            links=dict(self.links),
            invitations=dict(self.invitations),
            offers=dict(self.offers),
        )

    # --- what there is -----------------------------------------------------------------------

    def record(self, resource: str, record_id: str) -> Record | None:
        """See `World`."""
        if self.imagined is not None and self.imagined.id == record_id:
            return self.imagined
        return self.records[resource].get(record_id)

    def role(self, record_id: str, account: str) -> str | None:
        """See `World`."""
        membership = self.memberships.get((record_id, account))
        return membership.role if membership is not None and membership.live(self.now) else None

    def linked(self, record_id: str, link: str) -> str | None:
        """See `World`."""
        found = self.links.get(link)
        return found.role if found is not None and found.record == record_id and found.live(self.now) else None

    def staff(self, account: str) -> str | None:
        """See `World`."""
        found = self.accounts.get(account)
        return None if found is None else found.staff

    def tying(self, link: str, back: str, record_id: str) -> Iterable[Record]:
        """See `World`."""
        return [record for record in self.records[link].values() if record.target(back) == record_id]

    def members(self, record_id: str) -> Iterable[str]:
        """See `Census`."""
        return [
            account
            for (record, account), each in self.memberships.items()
            if record == record_id and each.live(self.now)
        ]

    def appointed(self) -> Iterable[str]:
        """See `Census`."""
        return [account.id for account in self.accounts.values() if account.staff is not None]

    def facts(self, record: Record) -> Facts:
        """A record that is there, in its world."""
        return Facts(record, self)

    def find(self, resource: str, record_id: str) -> Facts | None:
        """The record with an id in its world, or None where there is none."""
        record = self.record(resource, record_id)
        return None if record is None else self.facts(record)

    def every(self) -> Iterator[Facts]:
        """All records."""
        return (self.facts(record) for records in self.records.values() for record in records.values())

    def imagine(self, record: Record) -> Facts:
        """The facts around a record as it would be."""
        return Facts(record, replace(self, imagined=record))

    # --- what collides -----------------------------------------------------------------------

    def check_unique(self, record: Record) -> None:
        """Raise `Conflict` (code `not_unique`) where another record has its values."""
        resource = self.specification.resources[record.resource]
        for unique in resource.unique:
            key = unique_key(resource, unique, record)
            if key is not None and any(
                other.id != record.id and unique_key(resource, unique, other) == key
                for other in self.records[record.resource].values()
            ):
                raise Conflict(f"Another record has this {' and '.join(unique.fields)}.", code="not_unique")

    def check_limit(self, record: Record) -> None:
        """Raise `Conflict` (code `limit_reached`) where its owner would have more of these than it may."""
        limit = self.specification.resources[record.resource].limit
        if limit is None:
            return
        others = self.records[record.resource].values()
        if sum(1 for other in others if other.owner == record.owner and other.id != record.id) >= limit:
            raise Conflict(f"There can be at most {limit} of these per owner.", code="limit_reached")

    # --- what becomes of it ------------------------------------------------------------------

    def put(self, record: Record) -> None:
        """Have a record, in place of its former self."""
        self.records[record.resource][record.id] = record

    def move(self, moved: Record) -> None:
        """Have a record under another parent, with all below it; what is given on all of it ends.

        Raises `Conflict` like the checks, on the way.
        """
        self.put(moved)
        self.unshare(self._carry(moved))

    def hand_over(self, offer: Offer) -> None:
        """Have a record, and all below it, be the recipient's. Its roles end, those of giver and owner, and links.

        Raises `Conflict` like the checks, on the way.
        """
        record = self.records[offer.resource][offer.record]
        handed = replace(record, owner=offer.recipient, updated_at=self.now)
        self.check_unique(handed)
        self.check_limit(handed)
        self.put(handed)
        whose, carried = (offer.recipient, offer.giver, record.owner), self._carry(handed)
        for key in [key for key in self.memberships if key[0] in carried and key[1] in whose]:
            del self.memberships[key]
        self.revoke_links(carried)
        for each in [each.id for each in self.offers.values() if each.record == record.id]:
            del self.offers[each]

    def _carry(self, root: Record) -> set[str]:
        """Give all below a record its owner; the ids of all of it."""
        waiting, found = [root], set()
        while waiting:
            at = waiting.pop()
            found.add(at.id)
            for child in self.specification.children(at.resource):
                for record in [r for r in self.records[child.name].values() if r.parent == at.id]:
                    carried = replace(record, owner=root.owner)
                    self.check_unique(carried)
                    if record.owner != carried.owner:
                        self.check_limit(carried)
                    self.put(carried)
                    waiting.append(carried)
        return found

    def remove(self, record: Record) -> None:
        """Have a record no longer, nor what goes with it (see `domain.deletion.going`)."""
        self.drop(going(self.facts(record)))

    def drop(self, gone: dict[str, Facts]) -> None:
        """Have these records no longer; references to them from what stays are emptied."""
        emptied = [(tie.id, name.name, tie.resource) for at in gone.values() for name, tie in left_referring(at, gone)]
        for record_id, name, resource in emptied:
            stored = self.records[resource][record_id]
            self.put(replace(stored, values={**stored.values, name: None}))
        for at in gone.values():
            del self.records[at.record.resource][at.record.id]
        self.unshare(set(gone))

    def unshare(self, records: set[str]) -> None:
        """Have nothing given on these records any more: members, links, invitations, offers."""
        for key in [key for key in self.memberships if key[0] in records]:
            del self.memberships[key]
        self.revoke_links(records)
        for invitation in [each.id for each in self.invitations.values() if each.record in records]:
            del self.invitations[invitation]
        for offer in [each.id for each in self.offers.values() if each.record in records]:
            del self.offers[offer]

    def revoke_links(self, records: Container[str]) -> None:
        """Have no links to these records any more; their members stay."""
        for hashed in [hashed for hashed, link in self.links.items() if link.record in records]:
            del self.links[hashed]


def unique_key(resource: Resource, unique: Unique, record: Record) -> tuple[Any, ...] | None:
    """What must differ between records; None where an empty value keeps it from colliding."""
    match unique.per:
        case "everywhere":
            scope: str | None = ""
        case "owner":
            scope = record.owner
        case name:
            scope = record.target(name)
    values = tuple(record.values[name] for name in unique.fields)
    return None if scope is None or None in values else (scope, *values)
