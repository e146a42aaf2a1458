"""Attacks on cookie mode: from other pages, with somebody else's cookie, with one that was stolen."""

from typing import Any

import httpx
import pytest

from adapters.http.cookies import REFRESH_COOKIE
from domain.ownership import Actor
from domain.session import IDLE
from tests.application.world import example
from tests.http.api import Api

HOST = "freehold.test"
OWN_PAGE = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
PASSWORD = "correct horse"


@pytest.fixture
async def api() -> Api:
    return await Api.of(example("notes"))


async def sign_up(api: Api, email: str = "mary@example.com", cookie: bool = True) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, "cookie": cookie}
    answer = await post(api, "/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return answer


async def post(api: Api, path: str, headers: Any = None, cookie: str | None = None, **options: Any) -> httpx.Response:
    """As a page of ours, unless other headers are given; the client itself keeps no cookies."""
    api.client.cookies.clear()
    sent = dict(OWN_PAGE if headers is None else headers)
    if cookie is not None:
        sent["cookie"] = f"{REFRESH_COOKIE}={cookie}"
    answer = await api.call(None, "POST", path, headers=sent, **options)
    api.client.cookies.clear()
    return answer


def cookie_of(answer: httpx.Response) -> str:
    """The cookie's value that an answer sets."""
    return {name: value for name, value in answer.cookies.items() if name == REFRESH_COOKIE}.get(REFRESH_COOKIE, "")


def set_cookie(answer: httpx.Response) -> list[str]:
    found = [line for line in answer.headers.get_list("set-cookie") if line.startswith(REFRESH_COOKIE)]
    return sorted(part.strip().lower() for line in found for part in line.partition(";")[2].split(";"))


@pytest.mark.parametrize("path", ["register", "login", "refresh"])
async def test_no_page_reads_the_refresh_token(api: Api, path: str) -> None:
    answer = await sign_up(api)
    if path == "login":
        answer = await post(
            api, "/auth/login", json={"email": "mary@example.com", "password": PASSWORD, "cookie": True}
        )
    if path == "refresh":
        answer = await post(api, "/auth/refresh", cookie=cookie_of(answer))
    account, _, token = cookie_of(answer).partition(".")
    assert len(token) == 43
    assert account == answer.json()["account"]["id"]
    assert token not in answer.text
    assert "refresh_token" not in answer.json()
    assert set_cookie(answer) == sorted(
        ["httponly", "secure", "samesite=lax", "path=/", f"max-age={int(IDLE.total_seconds())}"]
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_a_page_of_ours_stays_signed_in_and_signs_out(api: Api) -> None:
    first = cookie_of(await sign_up(api))
    refreshed = await post(api, "/auth/refresh", cookie=first)
    second = cookie_of(refreshed)
    assert second != first
    again = await post(api, "/auth/refresh", cookie=first)
    assert cookie_of(again) == second, "the answer was lost: the same successor"
    bearer = {"authorization": f"Bearer {refreshed.json()['access_token']}"}
    assert (await api.get(None, "/auth/me", headers=bearer)).status_code == 200
    out = await post(api, "/auth/logout", cookie=second)
    assert out.status_code == 204
    assert "max-age=0" in set_cookie(out)
    assert out.headers["clear-site-data"] == '"cache", "storage"'
    assert (await api.get(None, "/auth/me", headers=bearer)).status_code == 401
    assert (await post(api, "/auth/refresh", cookie=second)).status_code == 401


async def test_the_others_are_signed_out_by_cookie_and_this_one_stays(api: Api) -> None:
    other = cookie_of(await sign_up(api))
    body = {"email": "mary@example.com", "password": PASSWORD, "cookie": True}
    here = cookie_of(await post(api, "/auth/login", json=body))
    out = await post(api, "/auth/logout", cookie=here, json={"scope": "others"})
    assert out.status_code == 204
    assert "clear-site-data" not in out.headers
    assert (await post(api, "/auth/refresh", cookie=other)).status_code == 401
    assert (await post(api, "/auth/refresh", cookie=cookie_of(out))).status_code == 200


FOREIGN: list[dict[str, str] | list[tuple[str, str]]] = [
    {},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": f"http://{HOST}.evil.example"},
    {"origin": f"http://evil.example/{HOST}"},
    {"origin": f"http://evil.example@{HOST}"},
    {"origin": f"http://{HOST}:8080"},
    {"origin": f"http://sub.{HOST}"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "SAME-ORIGIN"},
    {**OWN_PAGE, "sec-fetch-site": "cross-site"},
    {**OWN_PAGE, "origin": "https://evil.example"},
    {"referer": f"http://{HOST}/"},
    {"x-forwarded-host": "evil.example", "origin": "https://evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
async def test_another_page_cannot_use_the_cookie(api: Api, headers: Any, path: str) -> None:
    """Forged requests of other origins, of sub-domains, and such as no browser sends."""
    cookie = cookie_of(await sign_up(api))
    refused = await post(api, path, headers, cookie=cookie)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert "set-cookie" not in refused.headers
    assert (await post(api, "/auth/refresh", cookie=cookie)).status_code == 200, (
        "the session lives, the token is unused"
    )


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
async def test_another_page_cannot_sign_a_browser_in_as_somebody_else(api: Api, path: str) -> None:
    await sign_up(api)
    for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        body = {"email": "mary@example.com", "password": PASSWORD, "cookie": True}
        refused = await post(api, path, headers, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("headers", [{"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}])
async def test_either_header_of_a_browser_is_enough(api: Api, headers: dict[str, str]) -> None:
    cookie = cookie_of(await sign_up(api))
    assert (await post(api, "/auth/refresh", headers, cookie=cookie)).status_code == 200


async def test_the_cookie_alone_opens_nothing(api: Api) -> None:
    """Everything but refreshing and signing out asks for a bearer token."""
    cookie = {"cookie": f"{REFRESH_COOKIE}={cookie_of(await sign_up(api))}", **OWN_PAGE}
    for method, path in (("GET", "/auth/me"), ("GET", "/auth/sessions"), ("POST", "notebooks"), ("DELETE", "/auth/me")):
        answer = await api.call(None, method, path, headers=cookie, **({"json": {}} if method == "POST" else {}))
        assert answer.status_code == 401, (method, path)


async def test_a_bearer_token_and_a_cookie_of_different_accounts_are_refused(api: Api) -> None:
    mary, bob = await sign_up(api), await sign_up(api, "bob@example.com")
    bearer = {"authorization": f"Bearer {mary.json()['access_token']}"}
    for cookie, refused in ((cookie_of(bob), True), (cookie_of(mary), False)):
        headers = {**OWN_PAGE, **bearer, "cookie": f"{REFRESH_COOKIE}={cookie}"}
        calls = (("GET", "/auth/me"), ("GET", "notes"), ("POST", "/auth/refresh"), ("POST", "/auth/logout"))
        for method, path in calls:
            answer = await api.call(None, method, path, headers=headers)
            if refused:
                assert (answer.status_code, answer.json()["code"]) == (400, "two_accounts"), (method, path)
            else:
                assert answer.status_code < 300, (method, path, answer.text)


async def test_a_bearer_token_that_has_ended_does_not_keep_a_page_from_refreshing(api: Api) -> None:
    mary = await sign_up(api)
    api.world.clock.wait(minutes=16)
    headers = {**OWN_PAGE, "authorization": f"Bearer {mary.json()['access_token']}"}
    assert (await post(api, "/auth/refresh", headers, cookie=cookie_of(mary))).status_code == 200


async def test_two_refresh_tokens_are_one_too_many(api: Api) -> None:
    mary, bob = await sign_up(api), await sign_up(api, "bob@example.com", cookie=False)
    body = {"refresh_token": bob.json()["refresh_token"]}
    refused = await post(api, "/auth/refresh", cookie=cookie_of(mary), json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "two_refresh_tokens")


async def test_a_sign_in_without_a_cookie_takes_the_old_one_away(api: Api) -> None:
    """Otherwise the next account in the same browser would be refused for the cookie of the one before."""
    mary = await sign_up(api)
    await sign_up(api, "bob@example.com", cookie=False)
    body = {"email": "bob@example.com", "password": PASSWORD}
    assert "max-age=0" in set_cookie(await post(api, "/auth/login", cookie=cookie_of(mary), json=body))


async def test_a_stolen_cookie_ends_the_session_it_was_of_and_no_other(api: Api) -> None:
    for path in ("/auth/refresh", "/auth/logout"):
        email = f"{path[6:]}@example.com"
        stolen = cookie_of(await sign_up(api, email))
        body = {"email": email, "password": PASSWORD, "cookie": True}
        other = cookie_of(await post(api, "/auth/login", json=body))
        second = cookie_of(await post(api, "/auth/refresh", cookie=stolen))
        third = cookie_of(await post(api, "/auth/refresh", cookie=second))
        assert (await post(api, path, cookie=stolen, json=None)).status_code == 401
        assert (await post(api, "/auth/refresh", cookie=third)).status_code == 401, "the session is dead"
        assert (await post(api, "/auth/refresh", cookie=other)).status_code == 200


@pytest.mark.parametrize("value", ["", ".", "x", "a.b", f"{'a' * 36}.{'b' * 43}", "a." + "b" * 5000, "\u00e9.\u00e9"])
async def test_a_made_up_cookie_is_refused(api: Api, value: str) -> None:
    headers = {**OWN_PAGE, "cookie": f"{REFRESH_COOKIE}={value}".encode()}
    assert (await post(api, "/auth/refresh", headers)).status_code in (401, 415)
    assert (await post(api, "/auth/logout", headers)).status_code == 401


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
async def test_a_cookie_under_another_account_s_name_signs_nobody_in(api: Api, path: str) -> None:
    """It would pass beside a bearer token of the account that it names. Whose token it is loses nothing by it."""
    mary, bob = await sign_up(api), await sign_up(api, "bob@example.com")
    mixed = f"{bob.json()['account']['id']}.{cookie_of(mary).partition('.')[2]}"
    for bearer in ({}, {"authorization": f"Bearer {bob.json()['access_token']}"}):
        if path == "/auth/refresh" or not bearer:
            assert (await post(api, path, OWN_PAGE | bearer, mixed)).status_code == 401
    assert (await post(api, "/auth/refresh", cookie=cookie_of(mary))).status_code == 200


async def test_an_account_that_is_deleted_leaves_no_cookie(api: Api) -> None:
    mary = await sign_up(api)
    actor = Actor(mary.json()["account"]["id"], mary.json()["session"])
    api.tokens[actor] = mary.json()["access_token"]
    headers = {"cookie": f"{REFRESH_COOKIE}={cookie_of(mary)}"}
    gone = await api.call(actor, "DELETE", "/auth/me", json={"password": PASSWORD}, headers=headers)
    assert gone.status_code == 204
    assert "max-age=0" in set_cookie(gone)
