"""Secret links: what whoever has one sees, what nobody does with one, and when it ends."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from application.secret_links import PREFIX
from domain.account import Account
from domain.secret_link import MOST_LINKS
from domain.values import instant_text
from tests.application.world import NEVER, example, specification
from tests.http.api import Api
from tests.http.conftest import Apis

HOUSE = specification("""
resources:
  house:
    owner: account
    roles: head > guest
    links: {role: guest}
    fields: {name: text, open: yes/no}
    can:
      create: signed in
      read: [owner, guest, anyone when open is yes]
      update: [owner, guest, anyone when open is yes]
      delete: [owner, guest]
      share: [owner, head, guest]
      members: [owner, guest, anyone when open is yes]
  room:
    owner: house
    roles: keeper
    links: {role: keeper}
    fields:
      name: text
      price: {type: integer, optional: yes, read: [owner, keeper]}
      host: {type: member of house, optional: yes}
    can:
      create: [owner, house.guest]
      read: [owner, keeper, house.guest]
      update: owner
      move: owner
      share: owner
  photo:
    owner: account
    fields: {name: text}
    can: {create: signed in, read: [owner, guest through print.house], share: owner}
  print:
    owner: house
    fields: {photo: photo}
    can: {create: owner, read: owner}
  paper:
    owner: account
    roles: reader
    links: {role: reader}
    keep: yes
    fields: {name: text}
    can: {create: signed in, read: [owner, reader], share: owner}
""")
Holder = Callable[..., Awaitable[Any]]


def holder(api: Api, token: str) -> Holder:
    """Whoever has the token of a link."""

    async def asks(method: str, path: str, **body: Any) -> Any:
        headers = {"authorization": f"Bearer {token}"}
        return await api.call(None, method, path, headers=headers, **({"json": body} if body else {}))

    return asks


async def link(api: Api, by: Any, path: str, **body: Any) -> tuple[str, Holder]:
    """A new link to a record: its id, and whoever has its token."""
    made = await api.call(by, "POST", f"{path}/links", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"], holder(api, made.json()["token"])


def ids(page: Any) -> list[str]:
    """Of a list."""
    assert page.status_code == 200, page.text
    return [item["id"] for item in page.json()["items"]]


async def said(answer: Awaitable[Any]) -> tuple[int, str]:
    """Status and code."""
    found = await answer
    return found.status_code, found.json().get("code", "") if found.content else ""


async def test_a_link_shows_what_its_role_may_read_and_no_more(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    book, other = [await api.make(mary, "notebooks", title=title) for title in ("Garden", "Diary")]
    note, secret = [await api.make(mary, "notes", notebook=at, title="t", body="b") for at in (book, other)]
    public = await api.make(bob, "notes", title="t", body="b", audience="everyone",
                            notebook=await api.make(bob, "notebooks", title="Bob's"))  # fmt: skip
    made = await api.call(mary, "POST", f"notebooks/{book}/links", json={})
    assert set(made.json()) == {"id", "role", "expires_at", "created_at", "token"}
    assert made.json()["token"].startswith(PREFIX)
    assert len(made.json()["token"]) == len(PREFIX) + 43, "256 bits"
    assert made.json()["role"] == "viewer"
    assert made.json()["expires_at"] == instant_text(api.world.clock.now() + timedelta(days=30))
    assert "no-store" in made.headers["cache-control"]
    listed = (await api.get(mary, f"notebooks/{book}/links")).json()["items"]
    assert listed == [{key: value for key, value in made.json().items() if key != "token"}], "shown once"

    asks = holder(api, made.json()["token"])
    shown = await asks("GET", f"notebooks/{book}")
    assert shown.json()["title"] == "Garden"
    assert shown.json()["owner"] == mary.account
    assert (await asks("HEAD", f"notebooks/{book}")).headers["etag"] == shown.headers["etag"]
    assert ids(await asks("GET", "notebooks")) == [book]
    assert sorted(ids(await asks("GET", "notes?count=true"))) == sorted([note, public]), "and what anyone may read"
    assert (await asks("GET", f"notes/{note}")).json()["notebook"] == book
    assert ids(await asks("GET", f"notes?notebook={book}")) == [note]
    for hidden in (f"notebooks/{other}", f"notes/{secret}", f"notebooks/{NEVER}", f"notebooks/{note}"):
        assert await said(asks("GET", hidden)) == (404, "not_found")
    assert ids(await asks("GET", "bookmarks")) == []


async def test_a_link_changes_nothing_not_even_what_anyone_may(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary, bob = await api.people("mary", "bob")
    house, other = [await api.make(mary, "houses", name=name, open=True) for name in ("a", "b")]
    closed = await api.make(mary, "houses", name="c")
    room = await api.make(mary, "rooms", house=house, name="r")
    link_id, asks = await link(api, mary, f"houses/{house}")
    assert (await asks("GET", f"houses/{house}")).status_code == 200
    assert (await api.call(None, "PATCH", f"houses/{other}", json={"name": "x"})).status_code == 200, "anyone may"
    member, links = {"account": str(bob.account), "role": "guest"}, f"links/{link_id}"
    for path, status in ((f"houses/{house}", 403), (f"houses/{other}", 403), (f"houses/{closed}", 404)):
        for method, below, body in (
            ("PATCH", "", {"name": "mine"}),
            ("DELETE", "", {}),
            ("GET", "/members", {}),
            ("POST", "/members", member),
            ("PATCH", f"/members/{mary.account}", {"role": "guest"}),
            ("DELETE", f"/members/{mary.account}", {}),
            ("GET", "/links", {}),
            ("POST", "/links", {"role": "guest"}),
            ("DELETE", f"/{links}", {}),
        ):
            answer = await asks(method, path + below, **body)
            assert answer.status_code == status, f"{method} {path}{below}: {answer.text}"
    assert await said(asks("POST", "rooms", house=house, name="s")) == (403, "forbidden")
    assert await said(asks("POST", "houses", name="s")) == (403, "forbidden")
    assert await said(asks("PATCH", f"rooms/{room}", house=other)) == (403, "forbidden")
    for method, path in (("GET", "/auth/me"), ("GET", "/auth/sessions"), ("GET", "/auth/keys"), ("DELETE", "/auth/me")):
        body = {"password": "correct horse"} if method == "DELETE" else {}
        assert (await asks(method, path, **body)).status_code == 401, f"a link is no account: {path}"
    assert (await api.get(mary, f"houses/{house}/links")).json()["items"], "nothing of it was done"
    assert (await api.get(mary, f"houses/{house}")).json()["name"] == "a"


async def test_a_link_reaches_below_and_through_what_is_tied_but_not_above(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary, _ = await api.people("mary", "bob")
    house = await api.make(mary, "houses", name="a")
    room, next_door = [await api.make(mary, "rooms", house=house, name=name, price=3) for name in ("r", "s")]
    photo, loose = [await api.make(mary, "photos", name=name) for name in ("p", "q")]
    tie = await api.make(mary, "prints", house=house, photo=photo)
    _, guest = await link(api, mary, f"houses/{house}")
    _, keeper = await link(api, mary, f"rooms/{room}", role="keeper")
    assert sorted(ids(await guest("GET", "rooms"))) == sorted([room, next_door])
    assert "price" not in (await guest("GET", f"rooms/{room}")).json(), "the field is the keeper's"
    assert ids(await guest("GET", "rooms?price=3")) == []
    assert ids(await guest("GET", "photos")) == [photo]
    assert (await guest("GET", f"photos/{loose}")).status_code == 404
    assert ids(await guest("GET", "prints")) == []
    assert ids(await keeper("GET", "rooms?price=3")) == [room]
    shown = (await keeper("GET", f"rooms/{room}")).json()
    assert (shown["price"], shown["house"]) == (3, None), "what is above it stays hidden"
    assert ids(await keeper("GET", "houses")) == []
    await api.call(mary, "DELETE", f"prints/{tie}")
    assert (await api.call(mary, "PATCH", f"rooms/{room}", json={"price": None})).status_code == 200
    assert ids(await keeper("GET", "rooms?price_set=true")) == []


async def test_nobody_becomes_a_member_by_a_link(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary, bob = await api.people("mary", "bob")
    house = await api.make(mary, "houses", name="a")
    room = await api.make(mary, "rooms", house=house, name="r")
    await link(api, mary, f"houses/{house}")
    refused = await api.call(mary, "PATCH", f"rooms/{room}", json={"host": bob.account})
    assert refused.json()["errors"][0]["code"] == "not_a_member"
    assert (await api.get(mary, f"houses/{house}/members")).json()["items"] == []
    assert (await api.get(bob, f"houses/{house}")).status_code == 404


async def test_a_link_carries_at_most_what_the_specification_lets_it(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    (mary,) = await api.people("mary")
    path = f"notebooks/{await api.make(mary, 'notebooks', title='Garden')}/links"
    now = api.world.clock.now()

    async def wrong(**body: Any) -> list[tuple[str, str]]:
        answer = await api.call(mary, "POST", path, json=body)
        assert answer.status_code == 422, answer.text
        return [(error["field"], error["code"]) for error in answer.json()["errors"]]

    assert await wrong(role="editor") == [("role", "not_one_of")]
    assert await wrong(role="owner") == [("role", "not_one_of")]
    assert await wrong(expires_at=instant_text(now)) == [("expires_at", "past")]
    assert await wrong(expires_at=instant_text(now + timedelta(days=30, seconds=1))) == [("expires_at", "too_late")]
    assert await wrong(token="fhl_mine") == [("token", "unknown")]
    sooner = instant_text(now + timedelta(minutes=5))
    made = await api.call(mary, "POST", path, json={"role": "viewer", "expires_at": sooner})
    assert made.json()["expires_at"] == sooner
    for _ in range(MOST_LINKS - 1):
        assert (await api.call(mary, "POST", path, json={})).status_code == 201
    assert await said(api.call(mary, "POST", path, json={})) == (409, "too_many_links")
    api.world.clock.wait(minutes=5)
    assert len((await api.get(mary, path)).json()["items"]) == MOST_LINKS - 1, "an expired one is not shown"


async def test_who_shares_makes_and_ends_links_within_its_reach(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary, guest, bob = await api.people("mary", "guest", "bob")
    house = await api.make(mary, "houses", name="a")
    await api.call(mary, "POST", f"houses/{house}/members", json={"account": guest.account, "role": "guest"})
    path = f"houses/{house}/links"
    first, asks = await link(api, mary, f"houses/{house}")
    second, _ = await link(api, guest, f"houses/{house}")
    assert [item["id"] for item in (await api.get(guest, path)).json()["items"]] == [second, first], "newest first"
    for who, status in ((bob, 404), (None, 401)):
        assert (await api.get(who, path)).status_code == status
        assert (await api.call(who, "POST", path, json={})).status_code == status
        assert (await api.call(who, "DELETE", f"{path}/{first}")).status_code == status
    assert (await api.call(guest, "DELETE", f"{path}/{NEVER}")).status_code == 404
    assert (await api.call(guest, "DELETE", f"{path}/{first}")).status_code == 204, "whoever made it"
    assert (await api.call(guest, "DELETE", f"{path}/{first}")).status_code == 404
    assert await said(asks("GET", f"houses/{house}")) == (401, "bad_link")
    events = (await api.get(mary, "/auth/me/events")).json()["items"]
    told = [(event["kind"], event["data"]["link"]) for event in events if event["kind"].startswith("link_")]
    assert told == [("link_ended", first), ("link_made", second), ("link_made", first)], "the owner learns of each"
    assert all(PREFIX not in str(event) for event in events)


async def test_who_may_only_read_makes_no_link(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    book = await api.make(mary, "notebooks", title="Garden")
    await api.call(mary, "POST", f"notebooks/{book}/members", json={"account": bob.account, "role": "editor"})
    for method, below in (("GET", ""), ("POST", ""), ("DELETE", f"/{NEVER}")):
        body = {"json": {}} if method == "POST" else {}
        assert await said(api.call(bob, method, f"notebooks/{book}/links{below}", **body)) == (403, "forbidden")


@pytest.mark.parametrize("end", ["by hand", "in time", "with its record", "with its owner", "with a new place"])
async def test_a_link_ends_at_once(end: str, any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary, bob = await api.people("mary", "bob")
    house, other = [await api.make(mary, "houses", name=name) for name in ("a", "b")]
    room = await api.make(mary, "rooms", house=house, name="r")
    soon = instant_text(api.world.clock.now() + timedelta(minutes=5))
    link_id, asks = await link(api, mary, f"rooms/{room}", expires_at=soon)
    _, above = await link(api, mary, f"houses/{house}")
    kept = await api.make(mary, "papers", name="p")
    _, to_kept = await link(api, mary, f"papers/{kept}")
    assert (await asks("GET", f"rooms/{room}")).status_code == 200
    match end:
        case "by hand":
            assert (await api.call(mary, "DELETE", f"rooms/{room}/links/{link_id}")).status_code == 204
        case "in time":
            api.world.clock.wait(minutes=5)
        case "with its record":
            assert (await api.call(mary, "DELETE", f"houses/{house}")).status_code == 204
            assert await said(above("GET", f"houses/{house}")) == (401, "bad_link")
        case "with its owner":
            await close(api, mary)
            assert await said(above("GET", "houses")) == (401, "bad_link")
            assert await said(to_kept("GET", f"papers/{kept}")) == (401, "bad_link"), "also to what is kept"
        case "with a new place":
            assert (await api.call(mary, "PATCH", f"rooms/{room}", json={"house": other})).status_code == 200
            assert (await above("GET", f"houses/{house}")).status_code == 200, "what did not move stays shared"
    for path in (f"rooms/{room}", "rooms", "houses"):
        assert await said(asks("GET", path)) == (401, "bad_link")
        assert (await asks("HEAD", path)).status_code == 401
    if end not in ("with its owner",):
        assert (await to_kept("GET", f"papers/{kept}")).status_code == 200
    assert (await api.get(bob, "houses")).status_code == 200


async def close(api: Api, actor: Any) -> None:
    """Delete an account, past its password."""
    now = api.world.clock.now()
    async with api.world.store.work() as work:
        await work.records.close_account(str(actor.account), Account.tombstone(api.world.ids.new(), now), now)
        await work.commit()


async def test_a_link_that_never_was_is_refused_like_any_bad_token(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    for token in (PREFIX, f"{PREFIX}{'A' * 43}", f"{PREFIX}{'A' * 4000}", f"{PREFIX}é".encode().decode("latin-1")):
        answer = await api.client.get("/v1/notes", headers={"authorization": f"Bearer {token}".encode("latin-1")})
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_link_gets_cursors_and_conditions_of_its_own(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    (mary,) = await api.people("mary")
    book = await api.make(mary, "notebooks", title="Garden")
    notes = [await api.make(mary, "notes", notebook=book, title=str(n), body="b") for n in range(3)]
    (_, one), (_, other) = [await link(api, mary, f"notebooks/{book}") for _ in range(2)]
    first = (await one("GET", "notes?limit=2")).json()
    cursor = first["next_cursor"]
    assert ids(await one("GET", f"notes?limit=2&cursor={cursor}")) == [notes[0]]
    for asks in (other, holder(api, api.tokens[mary])):
        assert await said(asks("GET", f"notes?limit=2&cursor={cursor}")) == (400, "bad_cursor")
    tag = (await one("GET", f"notes/{notes[0]}")).headers["etag"]
    headers = {"if-none-match": tag}
    answer = await api.get(mary, f"notes/{notes[0]}", headers=headers)
    assert answer.status_code == 304, "what is seen is the same"


async def test_only_the_hash_of_a_token_is_stored(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    (mary,) = await api.people("mary")
    book = await api.make(mary, "notebooks", title="Garden")
    made = (await api.call(mary, "POST", f"notebooks/{book}/links", json={})).json()
    now = api.world.clock.now()
    async with api.world.store.work() as work:
        (stored,) = await work.records.secret_links(mary, "notebook", book, now)
    assert stored.id == made["id"]
    assert made["token"] not in repr(stored)
    assert stored.hash not in repr(stored)
    assert await api.world.store.records.presented(made["token"], now) is None
    assert await api.world.store.records.presented(stored.hash, now) == stored
    shown_hash = await api.client.get("/v1/notes", headers={"authorization": f"Bearer {PREFIX}{stored.hash}"})
    assert shown_hash.status_code == 401, "what is stored opens nothing"


async def test_a_link_is_made_once_with_an_idempotency_key_and_uses_none_itself(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    (mary,) = await api.people("mary")
    house = await api.make(mary, "houses", name="a")
    headers = {"idempotency-key": "once"}
    first, again = [await api.call(mary, "POST", f"houses/{house}/links", json={}, headers=headers) for _ in range(2)]
    assert first.json() == again.json(), "the lost answer has the token, for whoever asked"
    assert len((await api.get(mary, f"houses/{house}/links")).json()["items"]) == 1
    other = await api.call(mary, "POST", f"houses/{house}/links", json={"role": "guest"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    shown = {"authorization": f"Bearer {first.json()['token']}", **headers}
    body = {"account": str(mary.account), "role": "guest"}
    refused = await api.call(None, "POST", f"houses/{house}/members", json=body, headers=shown)
    assert (refused.status_code, refused.json()["code"]) == (401, "idempotency_needs_account")


async def test_a_link_asks_for_parts_and_is_shown_beside_a_record_what_it_reads(any_api: Apis) -> None:
    api = await any_api(HOUSE)
    mary = await api.person("mary")
    house = await api.make(mary, "houses", name="Home")
    room = await api.make(mary, "rooms", house=house, name="Hall", price=3)

    async def of(path: str, role: str) -> Holder:
        made = await api.call(mary, "POST", f"{path}/links", json={"role": role})
        assert made.status_code == 201, made.text
        return holder(api, made.json()["token"])

    of_room, of_house = await of(f"rooms/{room}", "keeper"), await of(f"houses/{house}", "guest")
    assert (await of_room("GET", f"rooms/{room}?fields=price")).json() == {"price": 3}
    assert (await of_house("GET", f"rooms/{room}?fields=price")).json() == {}, "it cannot read that of this one"
    shown = (await of_house("GET", f"houses/{house}")).json()
    for path in (f"rooms/{room}?fields=id&expand=house", "rooms?fields=id&expand=house"):
        for asks, beside in ((of_room, None), (of_house, shown)):
            found = (await asks("GET", path)).json()
            assert (found if "id" in found else found["items"][0]) == {"id": room, "expanded": {"house": beside}}
