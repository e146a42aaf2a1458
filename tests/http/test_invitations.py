"""Invitations over HTTP: paths, statuses and bodies. Who may do what with one is tested with the stores."""

import httpx

from domain.ownership import Actor
from tests.application.world import NEVER, example
from tests.http.api import Api
from tests.http.conftest import Apis


async def invited(api: Api, by: Actor, path: str, email: str, **further: str) -> httpx.Response:
    """An invitation to be a viewer."""
    return await api.call(by, "POST", f"{path}/members", json={"email": email, "role": "viewer"} | further)


async def test_the_life_of_an_invitation(any_api: Apis) -> None:
    api = await any_api(example("notes"))
    mary, bob, eve = await api.people("mary", "bob", "eve")
    notebook = await api.make(mary, "notebooks", title="Secret")
    path = f"notebooks/{notebook}"
    sent = await invited(api, mary, path, "Bob@example.com")
    assert sent.status_code == 202
    made = sent.json()
    assert made == {
        "id": made["id"],
        "email": "bob@example.com",
        "role": "viewer",
        "expires_at": None,
        "created_at": "2026-11-23T09:30:00.123456Z",
    }
    assert (await api.get(mary, f"{path}/invitations")).json() == {"items": [made]}
    seen = {"id": made["id"], "resource": "notebook", "record": notebook, "role": "viewer", "expires_at": None}
    assert (await api.get(bob, "invitations")).json() == {"items": [seen | {"created_at": made["created_at"]}]}
    assert (await api.get(eve, "invitations")).json() == {"items": []}
    assert (await api.get(bob, path)).status_code == 404
    for body in ({}, {"json": {"token": "x"}}):
        assert (await api.call(eve, "POST", f"invitations/{made['id']}/accept", **body)).status_code == 404
    accepted = await api.call(bob, "POST", f"invitations/{made['id'].upper()}/accept")
    assert accepted.status_code == 200
    given = {"resource": "notebook", "record": notebook, "account": bob.account, "role": "viewer", "expires_at": None}
    assert accepted.json() == given
    assert (await api.get(bob, path)).status_code == 200
    assert (await api.call(bob, "POST", f"invitations/{made['id']}/accept")).status_code == 404
    other = (await invited(api, mary, path, "eve@example.com")).json()["id"]
    assert (await api.call(bob, "DELETE", f"{path}/invitations/{other}")).status_code == 403
    assert (await api.call(eve, "DELETE", f"{path}/invitations/{other}")).status_code == 404
    assert (await api.call(eve, "POST", f"invitations/{other}/decline")).status_code == 204
    third = (await invited(api, mary, path, "eve@example.com")).json()["id"]
    assert (await api.call(mary, "DELETE", f"{path}/invitations/{third}")).status_code == 204
    assert (await api.call(mary, "DELETE", f"{path}/invitations/{third}")).status_code == 404


async def test_the_answer_is_the_same_for_every_address(any_api: Apis) -> None:
    """But for the id and the address themselves."""
    api = await any_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    notebook = await api.make(mary, "notebooks", title="Secret")
    member = {"account": bob.account, "role": "viewer"}
    await api.call(mary, "POST", f"notebooks/{notebook}/members", json=member)
    answers = [
        await invited(api, mary, f"notebooks/{notebook}", f"{name}@example.com") for name in ("mary", "bob", "x")
    ]
    bodies = [answer.json() | {"id": "", "email": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1


async def test_what_is_wrong_with_a_body_is_said(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    mary, bob = await api.people("mary", "bob")
    path = f"notebooks/{await api.make(mary, 'notebooks', title='Secret')}"
    both = {"account": bob.account, "email": "bob@example.com", "role": "viewer"}
    wrong = (
        ({"email": "bob@example.com"}, "role"),
        ({"role": "viewer"}, "account"),
        ({"email": 7, "role": "viewer"}, "email"),
        ({"email": "nobody", "role": "viewer"}, "email"),
        ({"email": "bob@example.com", "role": "boss"}, "role"),
        (both, "account"),
        ({"email": "bob@example.com", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    )
    for body, field in wrong:
        answer = await api.call(mary, "POST", f"{path}/members", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), body
    for options, status in (
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"json": {"token": 7}}, 422),
        ({"json": {}}, 422),
        ({"json": []}, 422),
    ):
        answer = await api.call(bob, "POST", f"invitations/{NEVER}/accept", **options)
        assert answer.status_code == status, options


async def test_nobody_is_asked_to_sign_in(one_api: Apis) -> None:
    api = await one_api(example("notes"))
    for method, path in (
        ("GET", "invitations"),
        *(("POST", f"invitations/{NEVER}/{a}") for a in ("accept", "decline")),
    ):
        assert (await api.call(None, method, path)).status_code == 401
    assert (await api.call(None, "GET", f"notebooks/{NEVER}/invitations")).status_code == 401


async def test_a_record_without_roles_has_no_invitations(one_api: Apis) -> None:
    api = await one_api(example("market"))
    mary = await api.person("mary")
    assert (await api.get(mary, "invitations")).status_code == 404
    assert "/v1/invitations" not in api.document["paths"]
