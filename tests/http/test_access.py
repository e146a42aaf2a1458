"""`…/access/me` over HTTP: what is told can be done, and what is not told is refused."""

from typing import Any

from domain.api_key import KeyScope
from domain.outlook import MOST_TIES
from domain.ownership import Actor
from tests.application.world import NEVER, example, specification
from tests.http.api import Api
from tests.http.conftest import Apis

TRACKER = example("tracker")
CHANGED = {"title": "Other", "assignee": None, "budget": "3.50"}
STATES = ("todo", "doing", "done")


class Office:
    """A project of the tracker with two tasks, and people who are somebody there."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.people: dict[str, Actor] = {}
        self.workspace = self.project = self.other = ""

    async def open(self) -> "Office":
        """Make everybody."""
        api = self.api
        for name in ("mary", "lead", "carl", "gus", "bob"):
            self.people[name] = await api.person(name)
        self.workspace = await api.make(self.people["mary"], "workspaces", name="W", guests_see_all=True)
        await self.share(f"workspaces/{self.workspace}", "gus", "guest")
        self.project = await self.make_project("a")
        self.other = await self.make_project("b")
        return self

    async def make_project(self, key: str) -> str:
        """One with its lead and a contributor."""
        found = await self.api.make(self.people["mary"], "projects", workspace=self.workspace, key=key)
        await self.share(f"projects/{found}", "lead", "lead")
        await self.share(f"projects/{found}", "carl", "contributor")
        return found

    async def share(self, path: str, name: str, role: str) -> None:
        """Mary gives somebody a role."""
        given = {"account": self.people[name].account, "role": role}
        answer = await self.api.call(self.people["mary"], "POST", f"{path}/members", json=given)
        assert answer.status_code == 201, answer.text

    async def task(self) -> str:
        """A new one, of Carl's."""
        carl = self.people["carl"]
        return await self.api.make(carl, "tasks", project=self.project, title="T", assignee=carl.account)

    async def told(self, name: str, path: str) -> dict[str, Any]:
        """What somebody may do."""
        answer = await self.api.get(self.people[name], f"{path}/access/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def status(self, name: str, method: str, path: str, **body: Any) -> int:
        """Of a request by somebody."""
        options = {"json": body} if body else {}
        return (await self.api.call(self.people[name], method, path, **options)).status_code


async def test_what_is_told_of_a_task_can_be_done_and_the_rest_is_refused(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    for name in ("mary", "lead", "carl", "gus"):
        told = await office.told(name, f"tasks/{await office.task()}")
        for field, value in CHANGED.items():
            status = await office.status(name, "PATCH", f"tasks/{await office.task()}", **{field: value})
            assert (status == 200) is (field in told["fields"]), (name, field)
        for state in STATES[1:]:
            status = await office.status(name, "PATCH", f"tasks/{await office.task()}", status=state)
            assert (status == 200) is (state in told["steps"]["status"]), (name, state)
        moved = await office.status(name, "PATCH", f"tasks/{await office.task()}", project=office.other)
        assert (moved == 200) is ("move" in told["actions"])
        deleted = await office.status(name, "DELETE", f"tasks/{await office.task()}")
        assert (deleted == 204) is ("delete" in told["actions"])


async def test_what_is_told_of_a_project_can_be_done_and_the_rest_is_refused(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    newcomer = str(office.people["bob"].account)
    for name in ("mary", "lead", "carl", "gus"):
        told = await office.told(name, f"projects/{office.project}")
        created = await office.status(name, "POST", "tasks", project=office.project, title="T")
        assert (created == 201) is (told["create"] == ["task"]), name
        for role in ("lead", "contributor"):
            given = await office.status(
                name, "POST", f"projects/{await office.make_project(name + role)}/members", account=newcomer, role=role
            )
            assert (given == 201) is (role in told["roles"]), (name, role)
        members = (await office.api.get(office.people[name], f"projects/{office.project}/members")).json()["items"]
        own = {"mary": None, "lead": "lead", "carl": "contributor", "gus": None}[name]
        assert told["role"] == own
        assert ("members" in told["actions"]) is (len(members) > 1)


async def test_a_lock_is_told_at_once(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    task = await office.task()
    before = await office.told("lead", f"tasks/{task}")
    assert before["actions"] == ["open", "read", "update", "delete", "move"]
    assert await office.status("mary", "PATCH", f"projects/{office.project}", state="archived") == 200
    assert await office.told("lead", f"tasks/{task}") == {
        "actions": ["open", "read"],
        "fields": [],
        "create": [],
        "steps": {"status": []},
    }
    project = await office.told("lead", f"projects/{office.project}")
    assert (project["fields"], project["create"], project["roles"]) == (["state"], [], ["lead", "contributor"])


async def test_hidden_is_like_missing_and_nobody_is_asked_to_sign_in_where_nothing_is_public(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    bob = office.people["bob"]
    hidden = await office.api.get(bob, f"projects/{office.project}/access/me")
    missing = await office.api.get(bob, f"projects/{NEVER}/access/me")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json()["code"] == missing.json()["code"] == "not_found"
    assert (await office.api.get(None, f"projects/{office.project}/access/me")).status_code == 401


async def test_a_key_is_told_what_it_reaches(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    mary = await api.person("mary")
    notebook = await api.make(mary, "notebooks", title="N")
    whole = await api.world.access.mine(mary, "notebook", notebook)
    assert whole.actions == ("open", "read", "update", "delete", "share", "members", "transfer")
    assert (whole.fields, whole.create) == (("title", "archived"), ("note",))
    for actions, told in (
        ({"read"}, ("open", "read")),
        ({"read", "update"}, ("open", "read", "update")),
        ({"read", "create", "share"}, ("open", "read", "share")),
    ):
        scope = KeyScope(NEVER, frozenset(actions), frozenset({"notebook", "note"}))
        found = await api.world.access.mine(Actor(mary.account, key=scope), "notebook", notebook)
        assert found.actions == told
        assert bool(found.fields) is ("update" in actions)
        assert bool(found.create) is ("create" in actions)
        assert bool(found.roles) is ("share" in actions)


PUBLIC = specification("""
resources:
  page:
    owner: account
    roles: {ladder: reader, join: open}
    fields: {text: text, secret: {type: text, optional: yes, read: owner}}
    can: {create: signed in, read: anyone, update: [owner, signed in only secret], delete: owner}
""")


async def test_what_cannot_be_read_is_not_named_and_joining_is_told(any_api: Apis) -> None:
    api = await any_api(PUBLIC)
    mary, bob = await api.people("mary", "bob")
    page = await api.make(mary, "pages", text="T")
    told = (await api.get(bob, f"pages/{page}/access/me")).json()
    assert told == {"actions": ["open", "read", "join"], "fields": [], "create": [], "role": None, "roles": []}
    assert (await api.call(bob, "POST", f"pages/{page}/members", json={})).status_code == 201
    told = (await api.get(bob, f"pages/{page}/access/me")).json()
    assert (told["actions"], told["role"]) == (["open", "read"], "reader")
    assert (await api.get(None, f"pages/{page}/access/me")).json()["actions"] == ["open", "read"]


# --- who else ------------------------------------------------------------------------------


async def test_who_can_do_what_is_told_to_whom_sees_the_members(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    ids = {name: str(actor.account) for name, actor in office.people.items()}
    answer = await office.api.get(office.people["mary"], f"projects/{office.project}/access")
    assert answer.status_code == 200, answer.text
    found = {each["account"]: each for each in answer.json()["items"]}
    assert set(found) == {ids["mary"], ids["lead"], ids["carl"], ids["gus"]}
    assert found[ids["gus"]]["rights"] == [
        {
            "action": "read",
            "step": None,
            "grant": "workspace.guest when private is no and workspace.guests_see_all is yes",
            "line": 32,
            "because": [f"guest of workspace {office.workspace}", "private is", "workspace.guests_see_all is"],
        }
    ]
    told = (await office.api.get(office.people["lead"], f"projects/{office.project}/access")).json()["items"]
    assert {each["account"] for each in told} == {ids["mary"], ids["lead"], ids["carl"]}, (
        "who is a member of the workspace is not the lead's to see"
    )


async def test_a_key_tells_nothing_of_what_it_does_not_reach(one_api: Apis) -> None:
    office = await Office(await one_api(TRACKER)).open()
    mary = office.people["mary"].account
    for reached, told in (({"project"}, False), ({"project", "workspace"}, True)):
        key = KeyScope(NEVER, frozenset({"read", "members"}), frozenset(reached))
        found = await office.api.world.access.others(Actor(mary, key=key), "project", office.project)
        assert any(each.account == office.people["gus"].account for each in found) is told, "a guest of the workspace"


async def test_of_a_record_below_the_members_above_decide(any_api: Apis) -> None:
    office = await Office(await any_api(TRACKER)).open()
    task = await office.task()
    for name, status in (("mary", 200), ("carl", 200), ("gus", 403), ("bob", 404)):
        answer = await office.api.get(office.people[name], f"tasks/{task}/access")
        assert answer.status_code == status, name
    assert (await office.api.get(None, f"tasks/{task}/access")).status_code == 401
    missing = await office.api.get(office.people["mary"], f"tasks/{NEVER}/access")
    assert missing.json()["code"] == "not_found"


async def test_what_nobody_is_a_member_of_cannot_be_asked_about(one_api: Apis) -> None:
    api = await one_api(example("market"))
    mary = await api.person("mary")
    listing = await api.make(mary, "listings", title="T", price="1")
    assert (await api.get(mary, f"listings/{listing}/access")).status_code == 404


TIED = specification("""
resources:
  item:
    owner: account
    roles: helper
    fields: {text: text}
    can:
      create: signed in
      read: [owner, viewer through tie.album]
      share: owner
      members: owner
  album:
    owner: account
    roles: viewer
    fields: {text: text}
    can: {create: signed in, read: [owner, viewer], share: owner, members: owner}
  tie:
    owner: album
    fields: {item: {type: item, when_gone: delete}}
    can: {create: owner, read: owner}
""")


async def test_who_comes_by_an_album_is_told_and_no_more_ties_are_looked_at_than_the_newest(one_api: Apis) -> None:
    """However often somebody ties a record, the question costs no more than so many containers."""
    api = await one_api(TIED)
    mary, carol = await api.people("mary", "carol")
    item = await api.make(mary, "items", text="I")
    shared, other = [await api.make(mary, "albums", text="A") for _ in range(2)]
    given = {"account": carol.account, "role": "viewer"}
    assert (await api.call(mary, "POST", f"albums/{shared}/members", json=given)).status_code == 201
    tie = await api.make(mary, "ties", album=shared, item=item)

    async def ways() -> list[Any]:
        items = (await api.get(mary, f"items/{item}/access")).json()["items"]
        return [right["because"] for each in items if each["account"] == carol.account for right in each["rights"]]

    for _ in range(MOST_TIES - 1):
        await api.make(mary, "ties", album=other, item=item)
    assert await ways() == [[f"viewer of album {shared}, through tie {tie}"]]
    await api.make(mary, "ties", album=other, item=item)
    assert await ways() == []
