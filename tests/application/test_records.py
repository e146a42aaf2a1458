"""What records answer to whom: the use cases over plain Python, without database, network or waiting."""

from collections.abc import Awaitable
from typing import Any

import pytest

from application.ports import Filter, Sort
from domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Refusal,
)
from domain.ownership import ANONYMOUS, ENGINE
from tests.application.world import NEVER, World, example, refused, specification


async def refusal(call: Awaitable[Any], kind: type[Refusal], *fields: str, code: str | None = None) -> None:
    with pytest.raises(Refusal) as caught:
        await call
    assert type(caught.value) is kind, caught.value
    found, named = refused(caught.value)
    assert named == list(fields)
    assert code in (None, found)


# --- nobody, hidden, seen but refused, wrong, in conflict ----------------------------------


async def test_nobody_is_turned_away_before_anything_is_looked_at() -> None:
    world = World(example("notes"))
    for call in (
        world.records.create(ANONYMOUS, "notebook", {"nonsense": 1}),
        world.records.update(ANONYMOUS, "note", NEVER, {"nonsense": 1}),
        world.records.delete(ANONYMOUS, "note", NEVER),
        world.records.list(ANONYMOUS, "notebook"),
        world.records.get(ANONYMOUS, "notebook", NEVER),
        world.sharing.list(ANONYMOUS, "notebook", NEVER),
    ):
        await refusal(call, NotAuthenticated)


async def test_nobody_is_not_turned_away_where_a_grant_could_match() -> None:
    world = World(example("notes"))
    await refusal(world.records.get(ANONYMOUS, "note", NEVER), NotFound)
    assert await world.sees(ANONYMOUS, "note") == []


async def test_hidden_is_missing_and_seen_is_forbidden() -> None:
    world = World(example("notes"))
    mary, bob, ann = await world.people("mary", "bob", "ann")
    notebook = await world.make(mary, "notebook", title="Garden")
    note = await world.make(mary, "note", notebook=notebook, title="Peas", body="…")
    await world.share("notebook", notebook, ann, "viewer")
    for record_id in (note, NEVER, "no id at all", note.upper() + "x"):
        for actor in (bob,) if record_id == note else (bob, ann, mary):
            await refusal(world.records.get(actor, "note", record_id), NotFound)
            await refusal(world.records.update(actor, "note", record_id, {"title": "x"}), NotFound)
            await refusal(world.records.delete(actor, "note", record_id), NotFound)
    assert (await world.records.get(ann, "note", note))["title"] == "Peas"
    await refusal(world.records.update(ann, "note", note, {"title": "x"}), Forbidden, "title")
    await refusal(world.records.update(ann, "note", note, {"title": "Peas"}), Forbidden)
    await refusal(world.records.delete(ann, "note", note), Forbidden)
    await refusal(world.records.create(ann, "note", {"notebook": notebook, "title": "x", "body": ""}), Forbidden)


async def test_opening_by_id_is_not_listing() -> None:
    world = World(example("notes"))
    mary, bob = await world.people("mary", "bob")
    notebook = await world.make(mary, "notebook", title="Garden")
    make = {"notebook": notebook, "title": "Peas", "body": "…"}
    link_only = await world.make(mary, "note", **make, audience="link_only")
    everyone = await world.make(mary, "note", **make, audience="everyone")
    for actor in (bob, ANONYMOUS):
        seen = await world.records.get(actor, "note", link_only)
        assert (seen["notebook"], seen["owner"], seen["author"]) == (None, mary.account, mary.account)
        assert await world.sees(actor, "note") == [everyone]
        await refusal(world.records.get(actor, "notebook", notebook), NotFound if actor is bob else NotAuthenticated)


async def test_the_body_is_checked_before_anything_is_looked_up() -> None:
    world = World(example("invoices"))
    mary = await world.person("mary")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["business", "client", "number", "due", "private_notes"]),
        (
            {"business": NEVER, "client": "x", "number": 1, "due": "soon", "private_notes": None},
            ["client", "number", "due", "private_notes"],
        ),
        (
            {"business": NEVER, "id": NEVER, "owner": NEVER, "created_at": "x", "surprise": 1},
            ["id", "owner", "created_at", "surprise"],
        ),
        ({"business": None, "client": NEVER, "number": "", "due": "2026-01-01", "private_notes": ""}, ["business"]),
    ]
    for body, fields in cases:
        await refusal(world.records.create(mary, "invoice", body), Invalid, *fields)
    full = {"business": NEVER, "client": NEVER, "number": "1", "due": "2026-01-01", "private_notes": ""}
    await refusal(world.records.create(mary, "invoice", full | {"status": "sent"}), Invalid, "status")
    await refusal(world.records.create(mary, "invoice", full), Invalid, "business", "client")


async def test_a_parent_or_reference_that_is_hidden_is_as_good_as_missing() -> None:
    world = World(example("notes"))
    mary, bob = await world.people("mary", "bob")
    notebook = await world.make(mary, "notebook", title="Garden")
    note = await world.make(mary, "note", notebook=notebook, title="Peas", body="…")
    secret = await world.make(mary, "note", notebook=notebook, title="By link", body="…", audience="link_only")
    for parent in (notebook, NEVER):
        body = {"notebook": parent, "title": "x", "body": "x"}
        await refusal(world.records.create(bob, "note", body), Invalid, "notebook")
    for target in (note, NEVER, secret):
        await refusal(world.records.create(bob, "bookmark", {"note": target}), Invalid, "note")
    await world.records.create(mary, "bookmark", {"note": secret})


async def test_what_is_created_belongs_to_the_owner_above_and_remembers_its_writer() -> None:
    world = World(example("notes"))
    mary, bob = await world.people("mary", "bob")
    notebook = await world.make(mary, "notebook", title="Garden")
    await world.share("notebook", notebook, bob, "editor")
    seen = await world.records.create(bob, "note", {"notebook": notebook, "title": "x", "body": "x"})
    assert (seen["owner"], seen["author"], seen["audience"]) == (mary.account, bob.account, "members")
    await world.sharing.remove(bob, "notebook", notebook, str(bob.account))
    await refusal(world.records.get(bob, "note", seen["id"]), NotFound)


async def test_unique_limits_and_blocked_deletions_conflict() -> None:
    world = World(example("conduit"))
    mary, bob = await world.people("mary", "bob")
    profile = {"username": "mary", "bio": "", "email": "m@example.com"}
    await world.make(mary, "profile", **profile)
    await refusal(world.records.create(mary, "profile", profile | {"username": "x"}), Conflict, code="limit_reached")
    await refusal(world.records.create(bob, "profile", profile), Conflict, code="not_unique")
    world = World(example("invoices"))
    mary = await world.person("mary")
    business = await world.make(mary, "business", name="Peas Ltd")
    client = await world.make(mary, "client", business=business, name="Bob", address="")
    invoice = await world.make(
        mary, "invoice", business=business, client=client, number="1", due="2026-12-01", private_notes=""
    )
    await refusal(world.records.delete(mary, "client", client), Conflict, code="blocked")
    assert await world.records.update(mary, "invoice", invoice, {"status": "sent"}) is not None
    await refusal(world.records.delete(mary, "business", business), Conflict, code="blocked")
    await refusal(world.records.delete(mary, "invoice", invoice), Forbidden)


# --- changing ------------------------------------------------------------------------------


async def test_nothing_changed_is_answered_as_it_is() -> None:
    world = World(example("notes"))
    mary = await world.person("mary")
    notebook = await world.make(mary, "notebook", title="Garden")
    before = await world.records.get(mary, "notebook", notebook)
    world.clock.wait(seconds=1)
    assert await world.records.update(mary, "notebook", notebook, {}) == before
    assert await world.records.update(mary, "notebook", notebook, {"title": "Garden", "archived": False}) == before
    changed = await world.records.update(mary, "notebook", notebook, {"title": "Yard"})
    assert changed == before | {"title": "Yard", "updated_at": "2026-11-23T09:30:01.123456Z"}


async def test_a_field_may_belong_to_some_only() -> None:
    world = World(example("invoices"))
    mary, clerk, bob = await world.people("mary", "clerk", "bob")
    business = await world.make(mary, "business", name="Peas Ltd")
    await world.share("business", business, clerk, "clerk")
    client = await world.make(
        mary, "client", business=business, name="Bob", address="", portal=bob.account, credit_limit="10.0"
    )
    seen = await world.records.get(bob, "client", client)
    assert "credit_limit" not in seen
    assert (await world.records.get(clerk, "client", client))["credit_limit"] == "10.0"
    assert (await world.records.update(bob, "client", client, {"address": "Elm Street"}) or {})[
        "address"
    ] == "Elm Street"
    for body, field in (
        ({"name": "Robert"}, "name"),
        ({"credit_limit": "10.0"}, "credit_limit"),
        ({"portal": None}, "portal"),
    ):
        await refusal(world.records.update(bob, "client", client, body), Forbidden, field)
    await refusal(world.records.update(clerk, "client", client, {"credit_limit": "11"}), Forbidden, "credit_limit")
    assert await world.records.update(clerk, "client", client, {"credit_limit": "10.0", "name": "Robert"}) is not None
    both = {"address": "Oak Street", "name": "x", "credit_limit": "1"}
    await refusal(world.records.update(bob, "client", client, both), Forbidden, "name", "credit_limit")
    assert (await world.records.get(mary, "client", client))["address"] == "Elm Street"


async def test_an_update_may_close_the_door_behind_oneself() -> None:
    world = World(
        specification("""
resources:
  seat:
    owner: account
    fields: {holder: {type: account, optional: yes}, note: {type: text, optional: yes}}
    can:
      create: signed in
      read: [owner, holder]
      update: [owner, holder]
""")
    )
    mary, bob = await world.people("mary", "bob")
    seat = await world.make(mary, "seat", holder=bob.account)
    await refusal(world.records.update(mary, "seat", seat, {"holder": NEVER}), Invalid, "holder")
    await refusal(world.records.update(bob, "seat", seat, {"holder": NEVER}), Forbidden, "holder")
    await refusal(world.records.update(bob, "seat", seat, {"holder": None, "note": "x"}), Forbidden, "holder", "note")
    assert (await world.records.update(mary, "seat", seat, {"holder": None}) or {})["holder"] is None
    await refusal(world.records.get(bob, "seat", seat), NotFound)


async def test_steps_are_the_only_ways() -> None:
    world = World(example("market"))
    seller, buyer, mediator = await world.person("s"), await world.person("b"), await world.person("m", "mediator")
    listing = await world.make(seller, "listing", title="Chair", price="10.00", state="open")
    assert await world.sees(ANONYMOUS, "listing") == [listing]
    made = await world.records.create(buyer, "order", {"listing": listing, "ship_to": "Elm Street"})
    order = made["id"]
    assert (made["seller"], made["price"], made["status"]) == (seller.account, "10.00", "asked")

    async def step(actor: Any, status: str) -> None:
        assert (await world.records.update(actor, "order", order, {"status": status}) or {})["status"] == status

    await refusal(world.records.update(buyer, "order", order, {"status": "accepted"}), Forbidden, "status")
    await refusal(world.records.update(seller, "order", order, {"status": "paid"}), Forbidden, "status")
    await refusal(world.records.update(mediator, "order", order, {"status": "refunded"}), NotFound)
    await step(seller, "accepted")
    await refusal(world.records.update(seller, "order", order, {"status": "paid"}), Forbidden, "status")
    assert "ship_to" not in await world.records.get(seller, "order", order)
    await step(ENGINE, "paid")
    assert (await world.records.get(seller, "order", order))["ship_to"] == "Elm Street"
    await step(seller, "shipped")
    await step(buyer, "disputed")
    await step(mediator, "refunded")
    await refusal(world.records.delete(buyer, "order", order), Forbidden)
    await world.records.delete(seller, "listing", listing)
    assert (await world.records.get(buyer, "order", order))["listing"] is None


async def test_locks_hold_what_is_below_too() -> None:
    world = World(example("notes"))
    mary = await world.person("mary")
    notebook = await world.make(mary, "notebook", title="Garden")
    other = await world.make(mary, "notebook", title="Attic")
    note = await world.make(mary, "note", notebook=notebook, title="Peas", body="…")
    stray = await world.make(mary, "note", notebook=other, title="Beans", body="…")
    await world.records.update(mary, "notebook", notebook, {"archived": True, "title": "Old garden"})
    await refusal(world.records.update(mary, "notebook", notebook, {"title": "x"}), Forbidden, "title")
    body = {"notebook": notebook, "title": "x", "body": "x"}
    for call in (
        world.records.create(mary, "note", body),
        world.records.create(mary, "comment", {"note": note, "body": "x"}),
        world.records.delete(mary, "note", note),
        world.records.delete(mary, "notebook", notebook),
        world.records.update(mary, "note", stray, {"notebook": notebook}),
    ):
        await refusal(call, Forbidden)
    await refusal(world.records.update(mary, "note", note, {"title": "x"}), Forbidden, "title")
    await refusal(world.records.update(mary, "note", note, {"notebook": other}), Forbidden, "notebook")
    assert await world.records.update(mary, "note", note, {"title": "Peas"}) is not None
    await world.records.update(mary, "notebook", notebook, {"archived": False})
    await world.records.delete(mary, "note", note)


async def test_moving_needs_move_here_and_create_there() -> None:
    world = World(example("notes"))
    mary, bob = await world.people("mary", "bob")
    marys, bobs = await world.make(mary, "notebook", title="M"), await world.make(bob, "notebook", title="B")
    note = await world.make(mary, "note", notebook=marys, title="Peas", body="…")
    for parent in (bobs, NEVER):
        await refusal(world.records.update(mary, "note", note, {"notebook": parent}), Invalid, "notebook")
    await world.share("notebook", bobs, mary, "viewer")
    await refusal(world.records.update(mary, "note", note, {"notebook": bobs}), Forbidden, "notebook")
    await world.share("notebook", bobs, mary, "editor")
    both = {"notebook": bobs, "title": "Beans"}
    # she may edit it here as its owner and there as an editor, but no one grant holds at both places
    await refusal(world.records.update(mary, "note", note, both), Forbidden, "title")
    moved = await world.records.update(mary, "note", note, {"notebook": bobs, "title": "Peas"})
    assert moved is not None
    assert (moved["owner"], moved["notebook"], moved["title"], moved["author"]) == (
        bob.account,
        bobs,
        "Peas",
        mary.account,
    )
    await world.share("notebook", marys, bob, "viewer")
    await refusal(world.records.update(bob, "note", note, {"notebook": marys}), Forbidden, "notebook")


async def test_member_of_is_checked_when_written_and_when_moved() -> None:
    world = World(example("tracker"))
    mary, bob, ann = await world.people("mary", "bob", "ann")
    workspace = await world.make(mary, "workspace", name="W")
    first = await world.make(mary, "project", workspace=workspace, key="A", private=True)
    second = await world.make(mary, "project", workspace=workspace, key="B", private=True)
    for project, role in ((first, "lead"), (second, "lead")):
        await world.share("project", project, ann, role)
    task = {"project": first, "title": "T"}
    await refusal(world.records.create(mary, "task", task | {"assignee": bob.account}), Invalid, "assignee")
    await world.share("project", first, bob, "contributor")
    task_id = await world.make(mary, "task", **task, assignee=bob.account)
    await refusal(world.records.update(ann, "task", task_id, {"project": second}), Invalid, "project")
    moved = await world.records.update(ann, "task", task_id, {"project": second, "assignee": None})
    assert (moved or {})["project"] == second
    await refusal(world.records.get(bob, "task", task_id), NotFound)


async def test_a_change_may_expect_a_version() -> None:
    world = World(
        specification("""
resources:
  plan:
    owner: account
    require_if_match: yes
    fields: {name: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
""")
    )
    mary, bob = await world.people("mary", "bob")
    plan = await world.make(mary, "plan", name="A")
    seen = await world.records.get(mary, "plan", plan)
    await refusal(world.records.update(mary, "plan", plan, {"name": "B"}), PreconditionRequired)
    await refusal(world.records.delete(mary, "plan", plan), PreconditionRequired)
    await refusal(world.records.update(bob, "plan", plan, {"name": "B"}, lambda view: True), NotFound)
    assert await world.records.update(mary, "plan", plan, {"name": "B"}, lambda view: view == seen) is not None
    await refusal(
        world.records.update(mary, "plan", plan, {"name": "C"}, lambda view: view == seen), PreconditionFailed
    )
    await refusal(world.records.delete(mary, "plan", plan, lambda view: view == seen), PreconditionFailed)
    assert (await world.records.get(mary, "plan", plan))["name"] == "B"


# --- lists ---------------------------------------------------------------------------------


async def test_a_cursor_belongs_to_its_caller_and_query() -> None:
    world = World(example("notes"))
    mary, bob = await world.people("mary", "bob")
    notebook = await world.make(mary, "notebook", title="Garden")
    await world.share("notebook", notebook, bob, "viewer")
    notes = [await world.make(mary, "note", notebook=notebook, title=str(i), body="…") for i in range(5)]
    first = await world.records.list(mary, "note", limit=2)
    cursor = first.next_cursor
    assert cursor is not None
    assert [view["id"] for view in first.items] == notes[:2:-1]
    assert await world.sees(mary, "note", limit=3, cursor=cursor) == notes[2::-1]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    title = (Filter("title", ("1",)),)
    for call in (
        world.records.list(bob, "note", cursor=cursor),
        world.records.list(ANONYMOUS, "note", cursor=cursor),
        world.records.list(mary, "notebook", cursor=cursor),
        world.records.list(mary, "note", cursor=cursor, filters=title),
        world.records.list(mary, "note", cursor=cursor, words=("Peas",)),
        world.records.list(mary, "note", cursor=cursor, sort=(Sort("title", True),)),
        world.records.list(mary, "note", cursor=changed),
        world.records.list(mary, "note", cursor=cursor[:-1]),
        world.records.list(mary, "note", cursor=f"{cursor}="),
        world.records.list(mary, "note", cursor=""),
        world.records.list(mary, "note", cursor="\u0130"),
    ):
        await refusal(call, Malformed, code="bad_cursor")


async def test_a_count_is_of_what_the_caller_reads() -> None:
    world = World(example("conduit"))
    mary, bob = await world.people("mary", "bob")
    profile = await world.make(mary, "profile", username="mary", bio="", email="m@example.com")
    article = {"profile": profile, "title": "T", "body": ""}
    for state, audience, slug in (
        ("published", "everyone", "a"),
        ("draft", "everyone", "b"),
        ("published", "followers", "c"),
    ):
        await world.make(mary, "article", **article, slug=slug, state=state, audience=audience)
    totals = [(await world.records.list(actor, "article", counted=True)).total for actor in (mary, bob, ANONYMOUS)]
    assert totals == [3, 1, 1]
    await world.sharing.join(bob, "profile", profile)
    assert (await world.records.list(bob, "article", counted=True)).total == 2
    assert (await world.records.list(bob, "article")).total is None
