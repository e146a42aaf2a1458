"""A model world: accounts, records and memberships in memory, and who may do what with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .grammar import Condition, Grant, Hop, Resource, Specification, Who
from .values import instant, same

Values = dict[str, Any]


@dataclass
class Record:
    """One record. `account` owns it if it is a root; `created` and `updated` are as the server wrote them."""

    resource: str
    id: str
    parent: str | None
    account: str | None
    values: Values
    created: str = ""
    updated: str | None = None
    number: int = 0


@dataclass
class Membership:
    """One row of a record's member list."""

    role: str
    expires_at: str | None


@dataclass
class World:
    """Everything that is there, and the rules of one specification over it. A caller is an account's id or None."""

    specification: Specification
    accounts: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    members: dict[str, dict[str, Membership]] = field(default_factory=dict)
    made: int = 0

    # Where a record stands

    def resource(self, record: Record) -> Resource:
        """Return the resource a record is of."""
        return self.specification.resources[record.resource]

    def above(self, record: Record) -> list[Record]:
        """Return the records above, nearest first."""
        chain: list[Record] = []
        while record.parent is not None:
            record = self.records[record.parent]
            chain.append(record)
        return chain

    def root(self, record: Record) -> Record:
        """Return the top of the owner chain."""
        return [record, *self.above(record)][-1]

    def owner(self, record: Record) -> str:
        """Return the account at the top of the owner chain."""
        return self.root(record).account or ""

    def below(self, record: Record) -> list[Record]:
        """Every record below, at any depth."""
        found: list[Record] = []
        for other in list(self.records.values()):
            if other.parent == record.id:
                found += [other, *self.below(other)]
        return found

    def referrers(self, record: Record) -> list[tuple[Record, str]]:
        """Every (record, field) that refers to this record."""
        return [
            (other, name)
            for other in self.records.values()
            for name, spec_field in self.resource(other).fields.items()
            if spec_field.kind == "reference" and other.values.get(name) == record.id
        ]

    def reach(self, record: Record | None, hops: tuple[Hop, ...]) -> Record | None:
        """Return the record at the end of a path, or None where a hop is empty."""
        for hop in hops:
            if record is None:
                return None
            if hop.kind == "up":
                record = next((above for above in self.above(record) if above.resource == hop.name), None)
            else:
                record = self.records.get(record.values.get(hop.name) or "")
        return record

    @contextmanager
    def supposing(self, record: Record) -> Iterator[None]:
        """Make a world with this record in it (in place of the one of the same id), until the block ends."""
        before = self.records.get(record.id)
        self.records[record.id] = record
        try:
            yield
        finally:
            if before is None:
                del self.records[record.id]
            else:
                self.records[record.id] = before

    # Who may

    def rank(self, record: Record, who: str | None) -> int | None:
        """Return the caller's own live role on this very record as a place on its ladder, 0 being the strongest."""
        row = self.row(record, who)
        return None if row is None else self.resource(record).ladder.index(row.role)

    def row(self, record: Record, who: str | None) -> Membership | None:
        """Return a live membership row."""
        row = self.members.get(record.id, {}).get(who or "")
        if row is None or (row.expires_at and instant(row.expires_at) <= datetime.now(UTC)):
            return None
        return row

    def may(self, action: str, record: Record, who: str | None) -> bool:
        """Whether a grant of the action holds; `open` is granted by `read` too. Locks are not asked."""
        return self.holding(self.resource(record).grants(action), record, who) is not None

    def opens(self, record: Record, who: str | None) -> bool:
        """Whether the caller can fetch it by id."""
        return self.may("open", record, who)

    def reads(self, record: Record, who: str | None) -> bool:
        """Whether it is in the caller's lists."""
        return self.may("read", record, who)

    def holding(self, grants: tuple[Grant, ...], record: Record, who: str | None) -> Grant | None:
        """Return the first of the grants that holds."""
        return next((grant for grant in grants if self.holds(grant, record, who)), None)

    def holds(self, grant: Grant, record: Record, who: str | None) -> bool:
        """Whether one grant holds for a caller on a record (its `only` apart)."""
        return all(self._is(term, record, who) for term in grant.who) and all(
            self._true(condition, record) for condition in grant.when
        )

    def _is(self, term: Who, record: Record, who: str | None) -> bool:
        if term.kind == "anyone":
            return True
        if term.kind == "nobody":
            return False
        if term.kind == "whoever":
            there = self.reach(record, term.hops)
            if there is None or not self.may(term.name, there, who):
                return False
            return term.name in ("create", "read", "open") or self.opens(there, who)
        if who is None:
            return False
        if term.kind == "signed in":
            return True
        if term.kind == "through":
            return self._through(term, record, who)
        there = self.reach(record, term.hops)
        if there is None:
            return False
        if term.kind == "owner":
            return self.owner(there) == who
        if term.kind == "account":
            return there.values.get(term.name) == who
        rank = self.rank(there, who)
        return rank is not None and rank <= self.resource(there).ladder.index(term.name)

    def _through(self, term: Who, record: Record, who: str) -> bool:
        assert term.link is not None
        here, container = term.link
        for link in list(self.records.values()):
            if link.resource != term.resource or self.reach(link, (here,)) is not record:
                continue
            there = self.reach(link, (container,))
            if there is None:
                continue
            rank = self.rank(there, who)
            if rank is not None and rank <= self.resource(there).ladder.index(term.name):
                return True
        return False

    def _true(self, condition: Condition, record: Record) -> bool:
        there = self.reach(record, condition.hops)
        value = there.values.get(condition.field) if there else None
        if condition.test == "empty":
            return value is None
        if value is None:
            return False
        if condition.test == "set":
            return True
        if condition.test == "in":
            return any(same(value, wanted) for wanted in condition.values)
        now = datetime.now(UTC)
        if condition.kind == "date":
            today = now.date().isoformat()
            return bool(value < today if condition.test == "past" else value > today)
        return instant(value) < now if condition.test == "past" else instant(value) > now

    # Locks

    def locked(self, record: Record) -> bool:
        """Whether the record's own `locked` holds."""
        lock = self.resource(record).locked
        return lock is not None and all(self._true(condition, record) for condition in lock.when)

    def locked_above(self, record: Record) -> bool:
        """Whether a record above is locked."""
        return any(self.locked(above) for above in self.above(record))

    # What is shown

    def readable(self, record: Record, name: str, who: str | None) -> bool:
        """Whether the caller, who opens the record, is shown this field."""
        read = self.resource(record).fields[name].read
        return read is None or self.holding(read, record, who) is not None

    def show(self, record: Record, who: str | None) -> Values:
        """Show the record as the caller sees it; `updated_at` is None where the model does not know it."""
        resource = self.resource(record)
        shown: Values = {"id": record.id, "owner": self.owner(record)}
        if record.parent is not None:
            parent = self.records[record.parent]
            shown[parent.resource] = parent.id if self.opens(parent, who) else None
        for name, spec_field in resource.fields.items():
            if not self.readable(record, name, who):
                continue
            value = record.values.get(name)
            if spec_field.shape == "reference" and value is not None:
                target = self.records.get(value)
                value = value if target is not None and self.reads(target, who) else None
            shown[name] = value
        shown["created_at"] = record.created
        shown["updated_at"] = record.updated
        return shown

    def listed(self, resource: str, who: str | None) -> list[Record]:
        """Return what the caller's plain list holds, newest first."""
        found = [r for r in self.records.values() if r.resource == resource and self.reads(r, who)]
        return sorted(found, key=lambda record: -record.number)

    # What collides

    def collision(self, record: Record) -> str | None:
        """Which `unique` or `limit` this record breaks, as it stands in the world."""
        resource = self.resource(record)
        fellows = [r for r in self.records.values() if r.resource == record.resource]
        for unique in resource.unique:
            key = self._key(record, unique.fields, unique.per)
            if key and any(r is not record and self._key(r, unique.fields, unique.per) == key for r in fellows):
                return f"unique {', '.join(unique.fields)} per {unique.per}"
        if resource.limit is not None:
            owned = [r for r in fellows if self.owner(r) == self.owner(record)]
            if len(owned) > resource.limit:
                return f"limit {resource.limit} per owner"
        return None

    def _key(self, record: Record, names: tuple[str, ...], per: str) -> tuple[Any, ...] | None:
        if per == "everywhere":
            scope: Any = "everywhere"
        elif per == "owner":
            scope = self.owner(record)
        elif per == self.resource(record).parent:
            scope = record.parent
        else:
            scope = record.values.get(per)
        key = (scope, *(record.values.get(name) for name in names))
        return None if any(part is None for part in key) else key
