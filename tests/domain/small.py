"""Small worlds written by hand, and random ones for properties."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from adapters.specification_file import parse
from domain.account import Account
from domain.errors import Forbidden
from domain.membership import Membership
from domain.ownership import Actor, Facts
from domain.record import Record
from domain.snapshot import Snapshot
from domain.specification.model import Specification
from tests.ownership.worlds import NOW, Draw, World, specifications

MARY, BOB, CAROL = Actor("mary"), Actor("bob"), Actor("carol")
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
RANDOMS = st.randoms(use_true_random=False)


class Small:
    """A world of a specification written without its `app`; ids are the names that a test gives."""

    def __init__(self, text: str, now: datetime = NOW) -> None:
        self.specification: Specification = parse(f"app: small\n{text}")
        self.now = now
        self.state = Snapshot.empty(self.specification, now)

    def put(self, resource: str, name: str, above: str | Actor = MARY, /, **values: Any) -> Facts:
        """Store a record below another one, or owned by an account; what is not said is its initial value."""
        model = self.specification.resources[resource]
        parent = None if isinstance(above, Actor) else self._record(above)
        owner = str(above.account) if isinstance(above, Actor) else self._record(above).owner
        filled = {field.name: values.pop(field.name, field.initial) for field in model.fields.values()}
        assert not values, f"no such fields: {values}"
        record = Record(resource, name, owner, None if parent is None else parent.id, filled, self.now, self.now)
        self.state.records[resource][name] = record
        return self.at(name)

    def give(self, actor: Actor, role: str, record: str, ends: datetime | None = None) -> None:
        """Make an account a member."""
        resource = self._record(record).resource
        self.state.memberships[record, str(actor.account)] = Membership(
            resource, record, str(actor.account), role, ends
        )

    def staff(self, actor: Actor, role: str) -> None:
        """Give an account an instance-wide role."""
        name = str(actor.account)
        self.state.accounts[name] = Account(name, f"{name}@example.org", "", self.now, role)

    def at(self, name: str, /, **changed: Any) -> Facts:
        """A record, as it is or as it would be, in this world."""
        record = self._record(name)
        return self.state.facts(record.edit(changed, self.now) if changed else record)

    def moved(self, name: str, above: str) -> Facts:
        """A record as it would be below another one."""
        record = self._record(name).moved(self._record(above), self.now)
        return self.state.facts(record)

    def _record(self, name: str) -> Record:
        return next(records[name] for records in self.state.records.values() if name in records)


def refusal(judge: Any, *args: Any) -> list[str] | None:
    """The fields that a judgement refuses ([] for the whole); None where it allows."""
    try:
        judge(*args)
    except Forbidden as refused:
        return [error.field for error in refused.errors]
    return None


def some_world(random: Random, each: int = 3) -> World:
    """A random world of a random specification among all that there are."""
    return Draw(random.choice(list(specifications().values())), random, each).world()
