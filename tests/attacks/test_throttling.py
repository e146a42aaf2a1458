"""Attacks on the throttles: being somebody else, being many, keeping others out, learning who has an account."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.http.auth import DEVICE_COOKIE
from adapters.limits import in_memory
from adapters.passwords import PasslibPasswords
from domain.throttling import HEARD_AT_ONCE, NETWORK_REFRESHES, REGISTRATIONS, SESSION_REFRESHES, SIGN_INS
from entrypoints.settings import Settings
from tests.application.world import example
from tests.http.api import Api

PROXY, SECOND_PROXY, IPV6_PROXY = "10.0.0.1", "10.9.9.9", "2001:db8:ffff::1"
ATTACKER, OWNER = "198.51.100.66", "192.0.2.1"
PASSWORD = "correct horse"
SETTINGS = Settings.model_validate({"trusted_proxies": "10.0.0.0/8, 2001:db8:ffff::/48", "requests_per_minute": 50})


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Rate limits are on, two networks of proxies are trusted, Mary has an account."""
    made = await Api.of(example("notes"), settings=SETTINGS)
    clock = made.world.clock
    made.container.counters.override(providers.Object(in_memory(lambda: clock.now().timestamp())))
    passwords = PasslibPasswords(memory_kib=64, passes=1)
    made.container.passwords.override(providers.Object(passwords))
    made = await rebuilt(made)
    await register(made, "mary@example.com")
    clock.wait(days=1)
    yield made
    passwords.close()


async def rebuilt(api: Api) -> Api:
    """The same with an app that is made of what was overridden."""
    for name in ("throttles", "sessions", "accounts", "identity", "auth", "app"):
        getattr(api.container, name).reset()
    api.app = api.container.app()
    return api


async def ask(
    api: Api, peer: str, method: str, path: str, *forwarded: str, headers: Any = (), **options: Any
) -> httpx.Response:
    """A request of a peer, with so many `X-Forwarded-For` headers."""
    given = [*(("X-Forwarded-For", value) for value in forwarded), *headers]
    transport = httpx.ASGITransport(api.app, client=(peer, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="https://freehold.test") as client:
        answer = await client.request(method, path, headers=given, **options)
    api.hold(answer)
    return answer


async def register(api: Api, email: str) -> httpx.Response:
    made = await ask(api, "203.0.113.200", "POST", "/auth/register", json={"email": email, "password": PASSWORD})
    assert made.status_code == 201
    return made


async def login(
    api: Api, peer: str, *forwarded: str, email: str = "mary@example.com", password: str = PASSWORD, headers: Any = ()
) -> httpx.Response:
    body = {"email": email, "password": password}
    return await ask(api, peer, "POST", "/auth/login", *forwarded, headers=headers, json=body)


async def address_seen(api: Api, peer: str, *forwarded: str, headers: Any = ()) -> str:
    """The address that the list of sessions shows of a sign-in."""
    answer = await login(api, peer, *forwarded, headers=headers)
    assert answer.status_code == 200, answer.text
    token = {"authorization": f"Bearer {answer.json()['access_token']}"}.items()
    listed = await ask(api, peer, "GET", "/auth/sessions", headers=token)
    (address,) = [session["address"] for session in listed.json()["items"] if session["current"]]
    return str(address)


async def use_up(api: Api, *requests: tuple[str, str]) -> int:
    """How many sign-ins to as many accounts are heard, from one (peer, X-Forwarded-For) after the other."""
    heard = 0
    for number, (peer, forwarded) in enumerate(requests):
        answer = await login(api, peer, *filter(None, [forwarded]), email=f"nobody{number}@example.com")
        heard += answer.status_code == 401
        assert answer.status_code in (401, 429)
    return heard


# --- being somebody else -------------------------------------------------------------------


async def test_a_caller_cannot_choose_its_address_where_it_is_no_proxy(api: Api) -> None:
    for forwarded in (OWNER, PROXY, f"{OWNER}, {PROXY}", "127.0.0.1", ""):
        assert await address_seen(api, ATTACKER, forwarded) == ATTACKER


async def test_where_no_proxy_is_named_nobody_is_one_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    api = await Api.of(example("notes"))
    caplog.clear()
    for peer in ("127.0.0.1", PROXY, ATTACKER):
        signed_in = await ask(
            api, peer, "POST", "/auth/register", OWNER, json={"email": f"{peer}@example.com", "password": PASSWORD}
        )
        token = {"authorization": f"Bearer {signed_in.json()['access_token']}"}.items()
        (session,) = (await ask(api, peer, "GET", "/auth/sessions", OWNER, headers=token)).json()["items"]
        assert session["address"] == peer
    (record,) = caplog.records
    assert "FREEHOLD_TRUSTED_PROXIES" in record.getMessage()


async def test_a_caller_cannot_escape_its_limit_by_claiming_another_address_each_time(api: Api) -> None:
    claims = [(ATTACKER, f"203.0.113.{number}") for number in range(SIGN_INS.amount + 20)]
    assert await use_up(api, *claims) == SIGN_INS.amount


async def test_a_caller_behind_a_proxy_cannot_escape_its_limit_by_what_it_claims(api: Api) -> None:
    claims = [(PROXY, f"203.0.113.{number}, {ATTACKER}") for number in range(SIGN_INS.amount + 20)]
    assert await use_up(api, *claims) == SIGN_INS.amount


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ((ATTACKER,), ATTACKER),
        ((f"{OWNER}, {ATTACKER}",), ATTACKER),
        ((f"{OWNER},{ATTACKER},{SECOND_PROXY}",), ATTACKER),
        ((f"{OWNER}, {PROXY}, {ATTACKER}, {SECOND_PROXY}, {PROXY}",), ATTACKER),
        ((OWNER, ATTACKER), ATTACKER),
        ((f"{OWNER}, {OWNER}", f"{OWNER}, {ATTACKER}", SECOND_PROXY), ATTACKER),
        ((f" \t{ATTACKER} ",), ATTACKER),
        ((f"{OWNER}, {ATTACKER}, ,, ",), ATTACKER),
        ((f"{ATTACKER}:4711",), ATTACKER),
        ((f"::ffff:{ATTACKER}",), ATTACKER),
        ((f"[::ffff:{ATTACKER}]:4711",), ATTACKER),
        ((f"{ATTACKER}, ::ffff:{SECOND_PROXY}",), ATTACKER),
        (("[2001:DB8:0::66]:4711",), "2001:db8::66"),
        (("[2001:db8::66]",), "2001:db8::66"),
        (("2001:0db8:0000::0066",), "2001:db8::66"),
        ((f"2001:db8::66, {IPV6_PROXY}",), "2001:db8::66"),
    ],
)
async def test_behind_proxies_the_right_most_that_is_none_of_ours_is_the_client(
    api: Api, forwarded: tuple[str, ...], address: str
) -> None:
    assert await address_seen(api, PROXY, *forwarded) == address
    assert await address_seen(api, IPV6_PROXY, *forwarded) == address


@pytest.mark.parametrize(
    "garbage",
    [
        *("unknown", "_hidden", "-", "'", '"192.0.2.1"', "192.0.2", "192.0.2.1.5", "0xc0000201", "3221225985"),
        *("192.0.2.1:", "192.0.2.1:99999999", "192.0.2.1 192.0.2.1", "[192.0.2.1", "192.0.2.1]", "[]", "[]:80"),
        *("fe80::1%eth0", "::1%1", "2001:db8::1::2", "012.0.2.1", "192.0.2.1/32", "localhost", "é", "for=192.0.2.1"),
        "9" * 5000,
    ],
)
async def test_nothing_left_of_garbage_is_believed(api: Api, garbage: str) -> None:
    value = f"{OWNER}, {garbage}".encode("latin-1")
    assert await address_seen(api, PROXY, headers=[(b"X-Forwarded-For", value)]) == PROXY


async def test_a_request_from_among_the_proxies_themselves_has_the_left_most_address(api: Api) -> None:
    assert await address_seen(api, PROXY, f"{SECOND_PROXY}, {PROXY}") == SECOND_PROXY
    assert await address_seen(api, PROXY) == PROXY


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "Via"]
)
async def test_no_other_header_says_who_the_client_is(api: Api, name: str) -> None:
    for value in (OWNER, f"for={OWNER}"):
        assert await address_seen(api, PROXY, ATTACKER, headers=[(name, value)]) == ATTACKER


async def test_a_chain_of_our_own_proxies_addresses_costs_nothing_and_hides_nobody(api: Api) -> None:
    for chain in (f"{OWNER}" + f", {SECOND_PROXY}" * 5000, "," * 60_000, f"{OWNER}" + ",[" * 5000):
        begun = time.perf_counter()
        answer = await login(api, PROXY, chain)
        assert time.perf_counter() - begun < 0.2
        assert answer.status_code == 200
        assert await address_seen(api, PROXY, chain) in (PROXY, SECOND_PROXY)


async def test_a_peer_without_an_address_is_one_caller(api: Api) -> None:
    assert await address_seen(api, "a socket in the file system", ATTACKER) == ""
    assert await address_seen(api, f"::ffff:{OWNER}", ATTACKER) == OWNER
    assert await address_seen(api, "fe80::1%eth0", ATTACKER) == "fe80::1"


# --- being many ----------------------------------------------------------------------------


async def test_a_caller_cannot_escape_its_limit_by_another_address_of_its_own_64(api: Api) -> None:
    addresses = [(f"2001:db8:1:2:{number:x}::1", "") for number in range(SIGN_INS.amount + 20)]
    assert await use_up(api, *addresses) == SIGN_INS.amount
    assert await use_up(api, ("2001:db8:1:3::1", "")) == 1, "the next network has its own"


async def test_a_caller_cannot_escape_its_limit_by_writing_ipv4_as_ipv6(api: Api) -> None:
    ways = (ATTACKER, f"::ffff:{ATTACKER}", f"[::ffff:{ATTACKER}]:1", f"{ATTACKER}:1")
    requests = [(PROXY, ways[number % 4]) for number in range(SIGN_INS.amount + 20)]
    assert await use_up(api, *requests) == SIGN_INS.amount


async def test_guessing_at_once_is_no_way_around_the_wait(api: Api) -> None:
    guesses = (login(api, f"203.0.{n}.1", password=f"guess {n}") for n in range(100))
    statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert (statuses.count(401), statuses.count(429)) == (HEARD_AT_ONCE, 100 - HEARD_AT_ONCE)


async def test_guessing_from_everywhere_is_no_way_around_the_wait(api: Api) -> None:
    statuses = [(await login(api, f"203.0.{n}.1", password="a guess")).status_code for n in range(50)]
    assert statuses.count(401) == HEARD_AT_ONCE
    assert (await login(api, "203.0.77.1")).status_code == 429, "nor is the right password"


async def test_the_other_spelling_of_an_address_is_the_same_account(api: Api) -> None:
    spellings = ("mary@example.com", " MARY@example.com", "Mary@Example.com ", "mary@EXAMPLE.com")
    answers = [await login(api, f"203.0.{n}.1", email=spellings[n % 4], password="a guess") for n in range(50)]
    assert [answer.status_code for answer in answers].count(401) == HEARD_AT_ONCE


async def test_the_form_is_no_way_around_what_json_is_counted_by(api: Api) -> None:
    form = {"grant_type": "password", "username": "mary@example.com", "password": "a guess"}
    statuses = []
    for number in range(30):
        peer = f"203.0.{number}.1"
        way = ask(api, peer, "POST", "/auth/token", data=form) if number % 2 else login(api, peer, password="a guess")
        statuses.append((await way).status_code)
    assert statuses.count(401) == HEARD_AT_ONCE


async def test_tokens_made_up_are_counted_for_the_network(api: Api) -> None:
    made_up = [("authorization", "Bearer no.token.atall")]
    statuses = [(await ask(api, ATTACKER, "GET", "/v1/notes", headers=made_up)).status_code for _ in range(60)]
    assert (statuses.count(401), statuses.count(429)) == (50, 10)
    assert (await ask(api, OWNER, "GET", "/v1/notes", headers=made_up)).status_code == 401


async def test_refresh_tokens_made_up_are_counted_for_the_network(api: Api) -> None:
    statuses = []
    for number in range(NETWORK_REFRESHES.amount + 10):
        answer = await ask(api, ATTACKER, "POST", "/auth/refresh", json={"refresh_token": f"made up {number}"})
        statuses.append(answer.status_code)
    assert (statuses.count(401), statuses.count(429)) == (NETWORK_REFRESHES.amount, 10)


async def test_a_session_is_refreshed_so_often_and_lives_on_when_it_was_too_often(api: Api) -> None:
    token = (await login(api, OWNER)).json()["refresh_token"]
    for number in range(SESSION_REFRESHES.amount):
        answer = await ask(api, f"203.0.{number}.1", "POST", "/auth/refresh", json={"refresh_token": token})
        token = answer.json()["refresh_token"]
    assert (await ask(api, OWNER, "POST", "/auth/refresh", json={"refresh_token": token})).status_code == 429
    api.world.clock.wait(seconds=SESSION_REFRESHES.seconds)
    assert (await ask(api, OWNER, "POST", "/auth/refresh", json={"refresh_token": token})).status_code == 200


async def test_a_network_makes_no_more_accounts_than_its_limit(api: Api) -> None:
    statuses = []
    for number in range(REGISTRATIONS.amount + 5):
        body = {"email": f"new{number}@example.com", "password": PASSWORD}
        statuses.append((await ask(api, ATTACKER, "POST", "/auth/register", json=body)).status_code)
    assert (statuses.count(201), statuses.count(429)) == (REGISTRATIONS.amount, 5)


async def test_further_sessions_of_an_account_are_no_further_requests(api: Api) -> None:
    statuses = []
    for number in range(3):
        signed_in = (await login(api, f"203.0.{number}.1")).json()
        token = [("authorization", f"Bearer {signed_in['access_token']}")]
        path = ("/v1/notes", "/auth/me", "/auth/sessions")[number]
        statuses += [(await ask(api, OWNER, "GET", path, headers=token)).status_code for _ in range(20)]
    assert (statuses.count(200), statuses.count(429)) == (50, 10)


# --- keeping others out --------------------------------------------------------------------


async def test_nobody_can_keep_the_owner_out_of_where_it_signed_in_before(api: Api) -> None:
    assert (await login(api, OWNER)).status_code == 200
    for number in range(100):
        api.world.clock.wait(seconds=30)
        await login(api, f"203.0.{number}.1", password="a guess")
    assert (await login(api, "203.0.200.1")).status_code == 429
    assert (await login(api, OWNER)).status_code == 200


async def test_nobody_can_keep_the_owner_out_of_where_it_registered(api: Api) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD}
    assert (await ask(api, OWNER, "POST", "/auth/register", json=body)).status_code == 201
    for number in range(HEARD_AT_ONCE + 5):
        await login(api, f"203.0.{number}.1", email="ann@example.com", password="a guess")
    assert (await login(api, "203.0.200.1", email="ann@example.com")).status_code == 429
    assert (await login(api, OWNER, email="ann@example.com")).status_code == 200


async def test_nobody_in_the_owners_network_can_keep_its_device_out(api: Api) -> None:
    cookie = (await login(api, OWNER)).cookies[DEVICE_COOKIE]
    for _ in range(HEARD_AT_ONCE + 5):
        await login(api, OWNER, password="a guess")
    assert (await login(api, OWNER)).status_code == 429
    for peer in (OWNER, "203.0.113.9"):
        assert (await login(api, peer, headers=[("cookie", f"{DEVICE_COOKIE}={cookie}")])).status_code == 200


async def test_the_wait_ends_whoever_guesses(api: Api) -> None:
    waited = 0
    for number in range(40):
        answer = await login(api, f"203.0.{number}.1", password="a guess")
        if answer.status_code == 429:
            waited = int(answer.headers["retry-after"])
            assert 0 < waited <= 3600
            api.world.clock.wait(seconds=waited)
    assert waited > 1000
    assert (await login(api, "203.0.250.1")).status_code == 200


async def test_the_device_cookie_is_out_of_reach_for_scripts_and_other_sites(api: Api) -> None:
    (cookie,) = (await login(api, OWNER)).headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    assert name == DEVICE_COOKIE
    words = {word.strip().partition("=")[0].lower(): word.strip().partition("=")[2] for word in rest.split(";")[1:]}
    assert {"secure", "httponly", "max-age", "path", "samesite"} == set(words)
    assert (words["path"], words["samesite"]) == ("/", "strict")


async def test_a_device_cookie_signs_nobody_in(api: Api) -> None:
    cookie = (await login(api, OWNER)).cookies[DEVICE_COOKIE]
    with_cookie = [("cookie", f"{DEVICE_COOKIE}={cookie}")]
    assert (await login(api, OWNER, password="wrong", headers=with_cookie)).status_code == 401
    assert (await ask(api, OWNER, "GET", "/auth/me", headers=with_cookie)).status_code == 401


async def test_a_stolen_access_token_does_not_help_to_guess_the_password(api: Api) -> None:
    stolen = (await login(api, OWNER)).json()["access_token"]
    token = [("authorization", f"Bearer {stolen}")]
    statuses = []
    for number in range(30):
        change = {"old_password": f"guess {number}", "new_password": "another password"}
        way = ("POST", "/auth/password", change) if number % 2 else ("DELETE", "/auth/me", {"password": "a guess"})
        statuses.append((await ask(api, ATTACKER, way[0], way[1], headers=token, json=way[2])).status_code)
    assert (statuses.count(422), statuses.count(429)) == (HEARD_AT_ONCE, 30 - HEARD_AT_ONCE)
    assert (await login(api, OWNER)).status_code == 200


# --- learning who has an account -----------------------------------------------------------


async def test_waits_do_not_tell_whether_there_is_an_account(api: Api) -> None:
    def seen(answer: httpx.Response) -> Any:
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        return answer.status_code, body, {k: v for k, v in answer.headers.items() if k != "x-request-id"}

    for number in range(60):
        peers = f"203.0.{number}.1", f"203.1.{number}.1"
        known = await login(api, peers[0], password="a guess")
        unknown = await login(api, peers[1], email="nobody@example.com", password="a guess")
        assert seen(known) == seen(unknown), number
        api.world.clock.wait(seconds=number * 7 % 31)


async def test_a_refusal_says_when_to_come_back_and_what_the_limit_is(api: Api) -> None:
    for _ in range(SIGN_INS.amount):
        await login(api, ATTACKER, email="nobody@example.com")
    api.world.clock.wait(seconds=20)
    answer = await login(api, ATTACKER)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    told = {name: answer.headers[name] for name in answer.headers if "ratelimit" in name or "retry" in name}
    assert told == {
        "retry-after": "40",
        "ratelimit-limit": str(SIGN_INS.amount),
        "ratelimit-remaining": "0",
        "ratelimit-reset": "40",
    }
