"""`GET /auth/me/events` and `GET /auth/me/export`."""

import json
import tracemalloc

import pytest

from application.history import MOST_EXPORTS
from application.records import LARGEST_LIMIT
from domain.audit import Event
from tests.application.world import example
from tests.http.conftest import Apis


async def test_the_log_is_paged_newest_first_for_its_account_alone(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    now = api.world.clock.now()
    async with api.world.store.work() as work:
        for number in range(5):
            await work.audit.add(Event.of("login", mary.account, now, note=str(number)))
            await work.audit.add(Event.of("login", bob.account, now, note="bob's"))
        await work.commit()
    seen, cursor = [], ""
    for _ in range(3):
        page = (await api.get(mary, f"/auth/me/events?limit=2{cursor}")).json()
        seen += [event["data"]["note"] for event in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["4", "3", "2", "1", "0"]
    assert page["next_cursor"] is None
    first = (await api.get(mary, "/auth/me/events?limit=2")).json()["next_cursor"]
    for actor, given in ((bob, first), (mary, first[:-2] + "AA"), (mary, "5")):
        answer = await api.get(actor, f"/auth/me/events?cursor={given}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), given
    assert (await api.get(None, "/auth/me/events")).status_code == 401


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5"])
async def test_a_limit_out_of_range_is_refused(one_api: Apis, limit: str) -> None:
    api = await one_api(example("notes"))
    assert (await api.get(await api.person("mary"), f"/auth/me/events?limit={limit}")).status_code == 422


async def test_an_export_has_all_that_is_owned_and_nothing_else(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    book = await api.make(mary, "notebooks", title="Garden")
    note = await api.make(mary, "notes", notebook=book, title="Tomatoes", body="Water them")
    theirs = await api.make(bob, "notebooks", title="Bob's")
    for actor, shared, member, role in ((bob, theirs, mary, "editor"), (mary, book, bob, "viewer")):
        given = {"account": member.account, "role": role}
        assert (await api.call(actor, "POST", f"notebooks/{shared}/members", json=given)).status_code == 201
    answer = await api.get(mary, "/auth/me/export")
    entries = [json.loads(line) for line in answer.text.splitlines()]
    assert entries[0]["email"] == "mary@example.com"
    assert entries[-1] == {"kind": "end"}
    assert [entry["id"] for entry in entries if entry["kind"] == "session"] == [mary.session]
    assert {entry["record"]["id"] for entry in entries if entry["kind"] == "record"} == {book, note}
    roles = [(entry["record"], entry["account"]) for entry in entries if entry["kind"] == "membership"]
    assert sorted(roles) == sorted([(book, bob.account), (theirs, mary.account)]), "given, and got from others"
    assert (await api.get(mary, f"notes/{note}")).json() in [entry.get("record") for entry in entries]
    assert "no hash" not in answer.text, "no secret of the account"
    assert (await api.get(None, "/auth/me/export")).status_code == 401


async def test_an_export_of_many_records_is_whole_and_reads_a_page_at_a_time(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary = await api.person("mary")
    many = 3 * LARGEST_LIMIT + 1  # one page is under way, and one is in the hands of its reader
    book = await api.world.make(mary, "notebook", title="Garden")
    made = {await api.world.make(mary, "note", notebook=book, title=f"{i}", body="x" * 5_000) for i in range(many)}
    history, seen, size = api.container.history(), set(), 0
    tracemalloc.start()
    async for entry in history.export(mary):
        if entry["kind"] == "record" and entry["resource"] == "note":
            seen.add(entry["record"]["id"])
            size += len(entry["record"]["body"])
            if size == 5_000:
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == made
    assert peak - before < size, "not all of it at once"


async def test_an_export_is_as_of_one_instant(any_api: Apis) -> None:
    """Whatever happens while it is read: what went is in it, and what came is not."""
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    books = [await api.make(mary, "notebooks", title=f"{number}") for number in range(3)]
    export = api.container.history().export(mary)
    first = await anext(export)
    assert (await api.call(mary, "DELETE", f"notebooks/{books[1]}")).status_code == 204
    assert (await api.call(mary, "PATCH", f"notebooks/{books[2]}", json={"title": "later"})).status_code == 200
    await api.make(mary, "notebooks", title="new")
    theirs = await api.make(bob, "notebooks", title="Bob's")
    given = {"account": mary.account, "role": "editor"}
    assert (await api.call(bob, "POST", f"notebooks/{theirs}/members", json=given)).status_code == 201
    entries = [first] + [entry async for entry in export]
    found = [(entry["record"]["id"], entry["record"]["title"]) for entry in entries if entry["kind"] == "record"]
    assert sorted(found) == sorted(zip(books, "012", strict=True))
    assert "record_deleted" not in [entry.get("event") for entry in entries]
    assert not [entry for entry in entries if entry["kind"] == "membership"]


async def test_exports_are_bounded(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    mary = await api.person("mary")
    history = api.container.history()
    begun = [history.export(mary) for _ in range(MOST_EXPORTS)]
    for export in begun:
        await anext(export)
    assert (await api.get(mary, "/auth/me/export")).status_code == 503
    for export in begun:
        await export.aclose()
    assert (await api.get(mary, "/auth/me/export")).status_code == 200


async def test_what_was_shared_and_deleted_stands_in_the_log_of_both(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    book = await api.make(mary, "notebooks", title="Garden")
    given = {"account": bob.account, "role": "editor"}
    assert (await api.call(mary, "POST", f"notebooks/{book}/members", json=given)).status_code == 201
    (event, *_) = (await api.get(bob, "/auth/me/events")).json()["items"]
    assert (event["kind"], event["data"]["role"]) == ("member_added", "editor"), "whose role it is, is told"
    note = await api.make(bob, "notes", notebook=book, title="Tomatoes", body="Water")
    assert (await api.call(bob, "DELETE", f"notes/{note}")).status_code == 204
    said = {"resource": "note", "record": note}
    for actor, data in ((bob, said), (mary, {**said, "by": bob.account})):
        (event, *_) = (await api.get(actor, "/auth/me/events")).json()["items"]
        assert (event["kind"], event["data"]) == ("record_deleted", data)
