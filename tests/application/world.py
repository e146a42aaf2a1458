"""A small world for tests: people with sessions, the use cases over any store, and a clock that stands still."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, insert

from adapters.clock import UuidV7
from adapters.persistence.memory import MemoryStore
from adapters.persistence.sql.builtin import MembershipRow, table_of
from adapters.persistence.sql.connection import Prepared
from adapters.persistence.sql.views import stored_time
from adapters.sealing import AesSealer
from adapters.specification_file import load, parse
from application.access import AccessUseCases
from application.accounts import SignUp
from application.invitations import InvitationUseCases
from application.ports import Store
from application.records import RecordUseCases
from application.sharing import SharingUseCases
from application.transfers import TransferUseCases
from domain.account import Account
from domain.errors import Refusal
from domain.membership import Membership
from domain.ownership import Actor
from domain.session import Session
from domain.specification.model import Specification
from tests.doubles import Postbox, SetClock, mailing, no_throttles

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/freehold.yaml"))
NEVER = "00000000-0000-7000-8000-000000000000"
"""an id that no record and no account has"""


@cache
def example(name: str) -> Specification:
    """One of the six specifications."""
    return load(EXAMPLES / name / "freehold.yaml")


@cache
def specification(text: str) -> Specification:
    """A specification written in a test, without its `app`."""
    return parse(f"app: trial\n{text}")


class World:
    """The use cases of records and sharing; `await world.person("mary")` makes an account with a live session."""

    def __init__(
        self,
        spec: Specification,
        store: Store | None = None,
        operate: Callable[[str], Any] | None = None,
        superuser_url: str = "",
    ) -> None:
        """`operate` runs SQL past every policy, where the database has some."""
        self.specification = spec
        self.operate, self.superuser_url = operate, superuser_url
        self.path = Path()
        self.store: Store = MemoryStore(spec) if store is None else store
        self.clock, self.ids = SetClock(datetime(2026, 11, 23, 9, 30, 0, 123456, UTC)), UuidV7()
        sealer = AesSealer(b"a secret for tests, and only for them", "cursors")
        self.records = RecordUseCases(spec, self.store, self.clock, self.ids, sealer)
        self.sharing = SharingUseCases(self.records, self.store, self.clock)
        self.access = AccessUseCases(self.records, self.store, self.clock)
        self.transfers = TransferUseCases(self.records, self.store, self.clock, self.ids)
        self.postbox = Postbox()
        self.mailing = mailing(self.store, self.clock, self.postbox)
        self.invitations = InvitationUseCases(
            self.records,
            self.sharing,
            self.store,
            self.clock,
            self.ids,
            self.mailing,
            no_throttles(),
            SignUp.VERIFIED,
        )

    async def people(self, *names: str) -> list[Actor]:
        """Accounts, each signed in."""
        return [await self.person(name) for name in names]

    async def person(self, name: str, staff: str | None = None) -> Actor:
        """An account, signed in."""
        now = self.clock.now()
        account = Account(self.ids.new(), f"{name}@example.com", "no hash", now, staff)
        session = Session.start(self.ids.new(), account.id, "test", "", now)
        async with self.store.work() as work:
            await work.accounts.add(account)
            await work.sessions.add(session)
            if staff is not None and self.operate is None:
                await work.accounts.appoint(account)
            await work.commit()
        if staff is not None and self.operate is not None:
            self.operate(f"UPDATE freehold_accounts SET staff = '{staff}' WHERE id = '{account.id}'")  # noqa: S608
        return Actor(account.id, session.id)

    async def make(self, actor: Actor, resource: str, **values: Any) -> str:
        """Create a record; its id."""
        return str((await self.records.create(actor, resource, values))["id"])

    async def share(
        self, resource: str, record_id: str, account: Actor, role: str, ends: datetime | None = None
    ) -> None:
        """Put a membership into the store, whoever may do that."""
        membership = Membership(resource, record_id, str(account.account), role, ends)
        if isinstance(self.store, MemoryStore):
            self.store.state.memberships[record_id, membership.account] = membership
            return
        table = table_of(MembershipRow)
        row = {"resource": resource, "record": record_id, "account": membership.account, "role": role}
        row["expires_at"] = None if ends is None else stored_time(ends)
        if self.operate is not None:
            here = f"record = '{record_id}' AND account = '{membership.account}'"
            values = ", ".join("NULL" if value is None else f"'{value}'" for value in row.values())
            self.operate(f"DELETE FROM {table.name} WHERE {here}")  # noqa: S608
            self.operate(f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({values})")  # noqa: S608
            return
        async with self.store.work() as work:
            # past the port, which asks whose the membership is to give
            connection = work.records._connection  # type: ignore[attr-defined]
            dialect = work.records._statements.dialect  # type: ignore[attr-defined]
            here = and_(table.c.record == record_id, table.c.account == membership.account)
            await connection.run(Prepared(delete(table).where(here), dialect), {})
            await connection.run(Prepared(insert(table).values(row), dialect), {"expires_at": row["expires_at"]})
            await work.commit()

    async def sees(self, actor: Actor, resource: str, **options: Any) -> list[str]:
        """The ids on the first page of a list."""
        return [view["id"] for view in (await self.records.list(actor, resource, **options)).items]

    async def events(self, actor: Actor) -> list[str]:
        """The kinds of what stands in somebody's log, oldest first."""
        found = await self.store.audit.of_account(str(actor.account), 50)
        return [each.kind for each in reversed(found)]


def refused(error: Refusal) -> tuple[str, list[str]]:
    """A refusal's code and the fields that it names."""
    return error.code, [field.field for field in error.errors]
