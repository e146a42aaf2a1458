"""Who gives whom which role, how high, for how long; who joins and who leaves."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict, Forbidden, Invalid, NotAuthenticated, NotFound, Refusal
from domain.ownership import ANONYMOUS, Actor
from tests.application.world import NEVER, World, example, refused


async def refusal(call: Awaitable[Any], kind: type[Refusal], *fields: str) -> None:
    with pytest.raises(Refusal) as caught:
        await call
    assert type(caught.value) is kind, caught.value
    assert refused(caught.value)[1] == list(fields)


class Office:
    """A workspace of the tracker: mary owns it, the others have the roles of their names."""

    def __init__(self) -> None:
        self.world = World(example("tracker"))
        self.people: dict[str, Actor] = {}
        self.id = ""

    async def open(self) -> "Office":
        """Make everybody."""
        for name in ("mary", "admin", "second", "member", "guest", "bob"):
            self.people[name] = await self.world.person(name)
        self.id = await self.world.make(self.people["mary"], "workspace", name="W")
        for name, role in (("admin", "admin"), ("second", "admin"), ("member", "member"), ("guest", "guest")):
            await self.world.share("workspace", self.id, self.people[name], role)
        return self

    def account(self, name: str) -> str:
        """Somebody's id."""
        return str(self.people[name].account)

    def add(self, by: str, whom: str, role: str, **ends: Any) -> Awaitable[Any]:
        """Give a role, as somebody."""
        ends.setdefault("expires_at", None)
        return self.world.sharing.add(self.people[by], "workspace", self.id, self.account(whom), role, **ends)

    def change(self, by: str, whom: str, role: str | None, **ends: Any) -> Awaitable[Any]:
        """Change a role, as somebody."""
        ends.setdefault("expires_at", None)
        return self.world.sharing.change(self.people[by], "workspace", self.id, self.account(whom), role, **ends)

    def remove(self, by: str, whom: str) -> Awaitable[None]:
        """Take a role away, as somebody."""
        return self.world.sharing.remove(self.people[by], "workspace", self.id, self.account(whom))

    async def role(self, name: str) -> str | None:
        """What somebody is now."""
        found = await self.world.store.records.members(
            self.people["mary"], "workspace", self.id, self.world.clock.now()
        )
        return next((m.role for m in found or () if m.account == self.account(name)), None)


@pytest.fixture
async def office() -> Office:
    return await Office().open()


async def test_the_owner_gives_any_role_and_takes_it(office: Office) -> None:
    for role in ("admin", "guest", "member"):
        added = await office.add("mary", "bob", role)
        assert (added.account, added.role, added.expires_at) == (office.account("bob"), role, None)
        await refusal(office.add("mary", "bob", role), Conflict)
        await office.remove("mary", "bob")
        assert await office.role("bob") is None
        await refusal(office.remove("mary", "bob"), NotFound)


async def test_who_shares_by_a_role_reaches_as_high_as_that_role() -> None:
    world = World(example("tracker"))
    mary, lead, helper, bob = await world.people("mary", "lead", "helper", "bob")
    workspace = await world.make(mary, "workspace", name="W")
    project = await world.make(mary, "project", workspace=workspace, key="A")
    await world.share("project", project, lead, "lead")
    await world.share("project", project, helper, "contributor")
    account = str(bob.account)
    await refusal(world.sharing.add(helper, "project", project, account, "contributor", None), Forbidden)
    await world.sharing.add(lead, "project", project, account, "lead", None)
    await world.sharing.change(lead, "project", project, account, "contributor", None)
    await world.sharing.remove(lead, "project", project, account)


@pytest.mark.parametrize("by", ["member", "guest"])
async def test_who_may_not_share_does_not(office: Office, by: str) -> None:
    for call in (
        office.add(by, "bob", "guest"),
        office.change(by, "admin", "guest"),
        office.remove(by, "admin"),
        office.remove(by, "bob"),
        office.add(by, by, "admin"),
        office.change(by, by, "guest"),
    ):
        await refusal(call, Forbidden)
    assert await office.role("admin") == "admin"


async def test_strangers_see_nothing_and_nobody_is_turned_away(office: Office) -> None:
    for call in (
        office.add("bob", "bob", "guest"),
        office.change("bob", "admin", "guest"),
        office.remove("bob", "admin"),
    ):
        await refusal(call, NotFound)
    sharing, bob = office.world.sharing, office.account("bob")
    for nobody in (
        sharing.list(ANONYMOUS, "workspace", office.id),
        sharing.add(ANONYMOUS, "workspace", office.id, bob, "guest", None),
        sharing.change(ANONYMOUS, "workspace", office.id, bob, "guest", None),
        sharing.remove(ANONYMOUS, "workspace", office.id, bob),
        sharing.join(ANONYMOUS, "workspace", office.id),
    ):
        await refusal(nobody, NotAuthenticated)


async def test_the_list_shows_oneself_and_to_members_everybody(office: Office) -> None:
    async def listed(name: str) -> set[str]:
        found = await office.world.sharing.list(office.people[name], "workspace", office.id)
        return {m.account for m in found}

    everybody = {office.account(name) for name in ("admin", "second", "member", "guest")}
    assert await listed("mary") == await listed("member") == everybody
    assert await listed("guest") == {office.account("guest")}
    await refusal(office.world.sharing.list(office.people["bob"], "workspace", office.id), NotFound)


async def test_leaving_always_is_allowed(office: Office) -> None:
    for name in ("guest", "admin"):
        await office.remove(name, name)
        assert await office.role(name) is None
        await refusal(office.remove(name, name), NotFound)


async def test_what_is_given_must_exist(office: Office) -> None:
    await refusal(office.add("mary", "bob", "king"), Invalid, "role")
    sharing, mary = office.world.sharing, office.people["mary"]
    await refusal(sharing.add(mary, "workspace", office.id, NEVER, "guest", None), Invalid, "account")
    await refusal(sharing.add(mary, "workspace", NEVER, office.account("bob"), "guest", None), NotFound)
    await refusal(office.change("mary", "bob", "guest"), NotFound)


async def test_sharing_with_oneself_and_with_the_owner_is_allowed(office: Office) -> None:
    await office.add("mary", "mary", "guest")
    assert await office.role("mary") == "guest"
    await office.change("admin", "mary", "member")
    assert await office.role("mary") == "member"


async def test_a_role_ends_on_time_and_never_later_than_its_ladder_says() -> None:
    world = World(example("clinic"))
    owner, manager, doctor, nurse = await world.people("owner", "manager", "doctor", "nurse")
    clinic = await world.make(owner, "clinic", name="C")
    await world.share("clinic", clinic, manager, "manager")
    patient = await world.make(manager, "patient", clinic=clinic, name="P", phone="")
    now, days = world.clock.now(), timedelta(days=1)
    sharing = world.sharing
    added = await sharing.add(manager, "patient", patient, str(doctor.account), "lead", None)
    assert added.expires_at == now + 90 * days
    for ends, fields in ((now, ["expires_at"]), (now + 91 * days, ["expires_at"])):
        await refusal(sharing.add(manager, "patient", patient, str(nurse.account), "lead", ends), Invalid, *fields)
    await sharing.add(doctor, "patient", patient, str(nurse.account), "practitioner", now + days)
    assert await world.sees(nurse, "patient") == [patient]
    kept = await sharing.change(doctor, "patient", patient, str(nurse.account), None, now + 2 * days)
    assert (kept.role, kept.expires_at) == ("practitioner", now + 2 * days)
    world.clock.wait(days=2)
    assert await world.sees(nurse, "patient") == []
    await refusal(world.records.get(nurse, "patient", patient), NotFound)
    await refusal(sharing.change(doctor, "patient", patient, str(nurse.account), "lead", None), NotFound)
    again = await sharing.add(doctor, "patient", patient, str(nurse.account), "practitioner", None)
    assert again.expires_at == world.clock.now() + 90 * days


async def test_joining_gives_the_weakest_role_where_it_is_open() -> None:
    world = World(example("conduit"))
    mary, bob = await world.people("mary", "bob")
    profile = await world.make(mary, "profile", username="mary", bio="", email="m@example.com")
    joined = await world.sharing.join(bob, "profile", profile)
    assert (joined.account, joined.role) == (bob.account, "follower")
    await refusal(world.sharing.join(bob, "profile", profile), Conflict)
    assert [m.account for m in await world.sharing.list(mary, "profile", profile)] == [bob.account]
    await world.sharing.remove(bob, "profile", profile, str(bob.account))
    await refusal(world.sharing.join(bob, "profile", NEVER), NotFound)
    office = await Office().open()
    await refusal(office.world.sharing.join(office.people["guest"], "workspace", office.id), Invalid, "account", "role")
