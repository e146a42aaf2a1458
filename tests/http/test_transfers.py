"""Handing over by HTTP: paths, statuses and bodies. Who may do what is tested with the stores."""

from tests.application.world import NEVER, example
from tests.http.conftest import Apis


async def test_the_life_of_an_offer(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob, eve = await api.people("mary", "bob", "eve")
    notebook = await api.make(mary, "notebooks", title="Secret")
    note = await api.make(mary, "notes", notebook=notebook, title="T", body="B", audience="members")
    path, offers = f"notebooks/{notebook}/transfer", f"notebooks/{notebook}/offers"
    assert (await api.get(mary, offers)).json() == {"items": []}
    made = await api.call(mary, "POST", path, json={"account": bob.account})
    assert made.status_code == 202
    seen = {"id": made.json()["id"], "resource": "notebook", "record": notebook}
    seen["created_at"] = "2026-11-23T09:30:00.123456Z"
    assert made.json() == seen | {"account": bob.account}
    assert (await api.get(mary, offers)).json() == {"items": [made.json()]}
    assert (await api.get(bob, "transfers")).json() == {"items": [seen]}
    assert (await api.get(eve, "transfers")).json() == {"items": []}
    assert (await api.get(bob, offers)).status_code == 404
    assert (await api.call(bob, "DELETE", f"{offers}/{seen['id']}")).status_code == 404
    for answer in ("accept", "decline"):
        assert (await api.call(eve, "POST", f"transfers/{seen['id']}/{answer}")).status_code == 404
    accepted = await api.call(bob, "POST", f"transfers/{seen['id'].upper()}/accept")
    assert (accepted.status_code, accepted.json()) == (200, seen)
    assert (await api.get(bob, f"notes/{note}")).json()["owner"] == bob.account
    assert (await api.get(mary, f"notes/{note}")).status_code == 404
    back = await api.call(bob, "POST", path, json={"account": mary.account})
    assert (await api.call(mary, "POST", f"transfers/{back.json()['id']}/decline")).status_code == 204
    first, second = [await api.call(bob, "POST", path, json={"account": NEVER}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert (await api.call(bob, "DELETE", f"{offers}/{first.json()['id']}")).status_code == 404
    assert (await api.get(bob, offers)).json() == {"items": [second.json()]}
    assert (await api.call(bob, "DELETE", f"{offers}/{second.json()['id'].upper()}")).status_code == 204
    assert (await api.call(bob, "DELETE", f"{offers}/{second.json()['id']}")).status_code == 404
    assert (await api.get(bob, offers)).json() == {"items": []}


async def test_what_is_sent_again_is_done_once(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    path = f"notebooks/{await api.make(mary, 'notebooks', title='Secret')}"
    for sent, below in (
        ({"account": bob.account}, "transfer"),
        ({"email": "bob@example.com", "role": "viewer"}, "members"),
    ):
        headers = {"idempotency-key": f"one {below}"}
        answers = [await api.call(mary, "POST", f"{path}/{below}", json=sent, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content
    for kind in ("invitations", "transfers"):
        (waiting,) = (await api.get(bob, kind)).json()["items"]
        headers = {"idempotency-key": f"another {kind}"}
        for _ in range(2):
            assert (await api.call(bob, "POST", f"{kind}/{waiting['id']}/accept", headers=headers)).status_code == 200


async def test_what_is_wrong_with_a_body_is_said(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    path = f"notebooks/{await api.make(mary, 'notebooks', title='Secret')}/transfer"
    for body in ({}, {"account": mary.account}, {"account": "bob"}, {"account": None}):
        answer = await api.call(mary, "POST", path, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "account"), body
    extra = await api.call(mary, "POST", path, json={"account": bob.account, "role": "editor"})
    assert (extra.status_code, extra.json()["errors"][0]["field"]) == (422, "role")
    assert (await api.call(mary, "POST", path, content=b"x", headers={"content-type": "text/plain"})).status_code == 415


async def test_nobody_is_asked_to_sign_in(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    assert (await api.get(None, "transfers")).status_code == 401
    for answer in ("accept", "decline"):
        assert (await api.call(None, "POST", f"transfers/{NEVER}/{answer}")).status_code == 401
    one = f"notebooks/{NEVER}"
    assert (await api.call(None, "POST", f"{one}/transfer", json={"account": NEVER})).status_code == 401
    assert (await api.get(None, f"{one}/offers")).status_code == 401
    assert (await api.call(None, "DELETE", f"{one}/offers/{NEVER}")).status_code == 401


async def test_what_cannot_be_handed_over_has_no_such_path(one_api: Apis) -> None:
    api = await one_api(example("conduit"))
    assert "/v1/transfers" not in api.document["paths"]
    assert not any("/transfer" in path or "/offers" in path for path in api.document["paths"])
