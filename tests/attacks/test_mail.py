"""Attacks by way of mail: learning who has an account, taking over what somebody else asked for."""

import json
from base64 import b32decode
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from dependency_injector import providers

from adapters.limits import in_memory
from adapters.one_time_codes import SECONDS, _codes
from adapters.passwords import PasslibPasswords
from application.accounts import SignUp
from domain.errors import Unavailable
from domain.mail import LINK_LIFETIME
from domain.throttling import ADDRESS_MAILS, NETWORK_MAILS
from entrypoints.settings import RateLimits, Settings
from tests.application.world import example
from tests.conftest import Worlds
from tests.doubles import Postbox
from tests.http.api import Api

MARY, BOB = "mary@example.com", "bob@example.com"
PASSWORD, NEXT = "correct horse", "another horse"
PUBLIC = "https://notes.example.com"
Posts = Callable[..., Any]


class Post:
    """An API that sends mail, and what it sent."""

    def __init__(self, api: Api) -> None:
        self.api, self.out = api, Postbox()

    async def ask(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """A POST below `/auth`."""
        return await self.api.call(None, "POST", f"/auth/{path}", json=body, headers=headers or {})

    async def sent(self) -> list[str]:
        """Send what is due; the subjects."""
        before = len(self.out.mails)
        while (attempt := await self.api.container.mailing().deliver()) is not None:
            assert attempt.failure is None
        return [mail.subject for mail in self.out.mails[before:]]

    async def token(self, path: str, **body: Any) -> str:
        """Of the link that is mailed after this."""
        assert (await self.ask(path, **body)).status_code == 202
        await self.sent()
        return self.out.token()

    async def login(self, email: str = MARY, password: str = PASSWORD) -> int:
        """The status of a sign-in."""
        return (await self.ask("login", email=email, password=password)).status_code

    async def bearer(self, email: str = MARY, password: str = PASSWORD) -> dict[str, str]:
        """Signed in."""
        answer = await self.ask("login", email=email, password=password)
        return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def posts(any_world: Worlds) -> AsyncIterator[Posts]:
    """Makes one on each store in turn; Mary has an account."""
    hashing = PasslibPasswords(memory_kib=64, passes=1)

    async def make(sign_up: SignUp = SignUp.OPEN, limits: RateLimits = RateLimits.OFF) -> Post:
        settings = Settings(sign_up=sign_up, rate_limits=limits)
        api = await Api.of(example("notes"), any_world(example("notes")).store, settings)
        made, container, clock = Post(api), api.container, api.world.clock
        container.counters.override(providers.Object(in_memory(lambda: clock.now().timestamp())))
        container.passwords.override(providers.Object(hashing))
        container.outgoing.override(providers.Object(made.out))
        container.public_url.override(providers.Object(PUBLIC))
        users = ("sessions", "accounts", "second_factors", "keys", "history", "identity", "auth", "credentials", "app")
        for name in ("throttles", "mailing", "invitations", *users):
            getattr(container, name).reset()
        api.client = httpx.AsyncClient(transport=httpx.ASGITransport(container.app()), base_url="http://freehold.test")
        accounts = container.accounts()
        accounts._sign_up = SignUp.OPEN
        assert (await made.ask("register", email=MARY, password=PASSWORD)).status_code == 201
        accounts._sign_up = sign_up
        return made

    yield make
    hashing.close()


async def test_a_reset_leaves_the_second_factor_on(posts: Posts) -> None:
    """Whoever reads somebody's mail has their password, and not yet their account."""
    post = await posts()
    headers = await post.bearer()
    secret = b32decode((await post.ask("mfa", headers, password=PASSWORD)).json()["secret"])
    now = int(post.api.world.clock.now().timestamp())
    first, shown = (_codes(secret).generate(now + seconds).decode() for seconds in (0, SECONDS))
    assert (await post.ask("mfa/confirm", headers, code=first)).status_code == 200
    before = (await post.ask("login", email=MARY, password=PASSWORD)).json()["challenge"]
    token = await post.token("password/forgot", email=MARY)
    assert (await post.ask("password/reset", token=token, password=NEXT)).status_code == 204
    assert (await post.ask("login/mfa", challenge=before, code=shown)).json()["code"] == "invalid_challenge"
    again = await post.ask("login", email=MARY, password=NEXT)
    assert (again.status_code, again.json()["code"]) == (401, "mfa_required")
    assert (await post.ask("login/mfa", challenge=again.json()["challenge"], code=shown)).status_code == 200


def alike(*answers: httpx.Response) -> bool:
    """Whether they differ in nothing but the request's id."""
    shown = []
    for answer in answers:
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        shown.append((answer.status_code, json.dumps(headers, sort_keys=True), answer.text))
    return len(set(shown)) == 1


# --- who has an account ----------------------------------------------------------------------


async def test_asking_for_a_password_tells_nobody_whether_there_is_an_account(posts: Posts) -> None:
    post = await posts()
    assert alike(await post.ask("password/forgot", email=MARY), await post.ask("password/forgot", email=BOB))
    assert await post.sent() == ["A new password for notes"]
    assert post.out.mails[0].to == MARY


async def test_registering_tells_only_the_address_whether_there_is_an_account(posts: Posts) -> None:
    post = await posts(SignUp.VERIFIED)
    answers = [await post.ask("register", email=email, password=NEXT) for email in (MARY, BOB)]
    assert answers[0].status_code == 202
    assert alike(*answers)
    assert await post.sent() == ["Your account at notes", "Confirm your address for notes"]
    assert "#token=" not in post.out.mails[0].text
    assert await post.login(MARY, NEXT) == 401, "nothing was changed"


async def test_before_its_address_is_confirmed_nobody_signs_in(posts: Posts) -> None:
    post = await posts(SignUp.VERIFIED)
    token = await post.token("register", email=BOB, password=PASSWORD)
    wrong = await post.ask("login", email="nobody@example.com", password=PASSWORD)
    early = await post.ask("login", email=BOB, password=PASSWORD)
    assert wrong.status_code == 401
    assert {key: value for key, value in early.json().items() if key != "request_id"} == {
        key: value for key, value in wrong.json().items() if key != "request_id"
    }
    assert (await post.ask("email/verify", token=token)).status_code == 204
    assert await post.login(BOB) == 200


async def test_a_link_confirms_the_password_of_whoever_asked_for_that_link(posts: Posts) -> None:
    """Somebody registers Bob's address first; Bob uses the link that he asked for himself."""
    post = await posts(SignUp.VERIFIED)
    await post.token("register", email=BOB, password="the attacker's")
    token = await post.token("register", email=BOB, password=PASSWORD)
    assert (await post.ask("email/verify", token=token)).status_code == 204
    assert (await post.login(BOB, "the attacker's"), await post.login(BOB)) == (401, 200)


async def test_mails_to_an_address_and_from_a_network_are_bounded(posts: Posts) -> None:
    post = await posts(limits=RateLimits.ON)
    for email in (MARY, BOB):
        statuses = [
            (await post.ask("password/forgot", email=email)).status_code for _ in range(ADDRESS_MAILS.amount + 1)
        ]
        assert statuses == [202] * ADDRESS_MAILS.amount + [429], "with an account or without"
    asked = 2 * (ADDRESS_MAILS.amount + 1)
    more = [
        await post.ask("password/forgot", email=f"x{i}@example.com") for i in range(NETWORK_MAILS.amount - asked + 1)
    ]
    assert [answer.status_code for answer in more] == [202] * (len(more) - 1) + [429]


# --- the link --------------------------------------------------------------------------------


async def test_a_link_is_built_from_the_public_url_whatever_the_request_says(posts: Posts) -> None:
    post = await posts()
    for name in ("host", "x-forwarded-host", "x-forwarded-server", "forwarded", "origin", "referer"):
        await post.ask("password/forgot", {name: "evil.example"}, email=MARY)
    await post.sent()
    assert len(post.out.mails) == 6
    for mail in post.out.mails:
        assert f"{PUBLIC}/auth/password/reset#token=" in mail.text
        assert "evil" not in mail.text + mail.subject


async def test_a_token_is_used_once_within_its_time_and_for_its_purpose(posts: Posts) -> None:
    post = await posts(SignUp.VERIFIED)
    reset = await post.token("password/forgot", email=MARY)
    verify = await post.token("register", email=BOB, password=PASSWORD)
    late = await post.token("password/forgot", email=MARY)
    refusals = [
        await post.ask("email/verify", token=reset),
        await post.ask("password/reset", token=verify, password=NEXT),
        await post.ask("password/reset", token="", password=NEXT),
        await post.ask("password/reset", token="x" * 43, password=NEXT),
        await post.ask("email/verify", token="x" * 512),
    ]
    assert {answer.status_code for answer in refusals} == {422}
    assert {answer.json()["errors"][0]["code"] for answer in refusals} == {"invalid_link"}
    assert (await post.ask("password/reset", token=reset, password=NEXT)).status_code == 204
    assert (await post.ask("password/reset", token=reset, password=PASSWORD)).status_code == 422
    assert (await post.ask("password/reset", token=late, password=PASSWORD)).status_code == 422, "asked for before"
    assert await post.login(MARY, NEXT) == 200
    post.api.world.clock.at += LINK_LIFETIME
    assert (await post.ask("email/verify", token=verify)).status_code == 422
    assert await post.login(BOB) == 401


async def test_a_get_uses_no_link(posts: Posts) -> None:
    """Mail scanners and previews follow links."""
    post = await posts(SignUp.VERIFIED)
    token = await post.token("register", email=BOB, password=PASSWORD)
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in (f"/auth/email/verify?token={token}", f"/auth/password/reset?token={token}"):
            assert (await post.api.client.request(method, path)).status_code == 405
    assert (await post.ask(f"email/verify?token={token}")).status_code in (400, 422), "nor does a query"
    assert (await post.ask("email/verify", token=token)).status_code == 204


async def test_nothing_that_is_stored_opens_anything(posts: Posts) -> None:
    post = await posts(SignUp.VERIFIED)
    await post.ask("password/forgot", email=MARY)
    token = await post.token("register", email=BOB, password=PASSWORD)
    state = getattr(post.api.world.store, "state", None)
    if state is not None:
        assert token not in repr(vars(state.identity))
        assert PASSWORD not in repr(vars(state.identity))
    path = post.api.world.path
    if path.is_file():
        assert token.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "email", ["a@example.com\r\nBcc: b@example.com", "a,b@example.com", "<a@example.com>", "a@b.com\n"]
)
async def test_an_address_puts_nothing_into_the_head_of_a_mail(posts: Posts, email: str) -> None:
    post = await posts(SignUp.VERIFIED)
    for path, more in (("register", {"password": PASSWORD}), ("password/forgot", {})):
        answer = await post.ask(path, email=email, **more)
        assert answer.status_code == (202 if email.strip() == "a@b.com" else 422)
    await post.sent()
    assert {mail.to for mail in post.out.mails} <= {"a@b.com"}


# --- what an account changes -----------------------------------------------------------------


async def test_a_reset_ends_every_session_and_tells_the_account(posts: Posts) -> None:
    post = await posts()
    thief = await post.bearer()
    token = await post.token("password/forgot", email=MARY)
    common = await post.ask("password/reset", token=token, password="Password1")
    assert common.json()["errors"][0]["code"] == "too_common"
    assert (await post.ask("password/reset", token=token, password=NEXT)).status_code == 204
    assert (await post.api.call(None, "GET", "notes", headers=thief)).status_code == 401
    assert await post.sent() == ["Your password at notes was changed"]
    assert (await post.login(), await post.login(password=NEXT)) == (401, 200)


async def test_another_address_needs_the_password_and_is_announced_at_the_old_one(posts: Posts) -> None:
    post = await posts()
    mary = await post.bearer()
    refused = await post.ask("email/change", mary, email=BOB, password="wrong horse")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "password")
    assert (await post.ask("email/change", email=BOB, password=PASSWORD)).status_code == 401
    assert (await post.ask("email/change", mary, email=BOB, password=PASSWORD)).status_code == 202
    await post.sent()
    mails = {mail.to: mail for mail in post.out.mails}
    assert set(mails) == {MARY, BOB}
    assert "#token=" not in mails[MARY].text
    assert await post.login(BOB) == 401, "not before it is confirmed"
    token = mails[BOB].text.partition("#token=")[2].split()[0]
    assert (await post.ask("email/verify", token=token)).status_code == 204
    assert (await post.login(BOB), await post.login(MARY)) == (200, 401)
    assert await post.sent() == ["Your address at notes was changed"]
    assert post.out.mails[-1].to == MARY


async def test_an_account_changes_nothing_of_itself_but_its_address_and_that_by_a_link(posts: Posts) -> None:
    post = await posts()
    mary, right = await post.bearer(), {"email": BOB, "password": PASSWORD}

    async def patch(body: dict[str, Any], **headers: str) -> tuple[int, list[str]]:
        answer = await post.api.call(None, "PATCH", "/auth/me", json=body, headers=mary | headers)
        return answer.status_code, [error["field"] for error in answer.json().get("errors", [])]

    before = (await post.api.get(None, "/auth/me", headers=mary)).json()
    for name in ("id", "staff", "disabled", "created_at", "mfa", "password_hash", "name"):
        assert await patch(right | {name: "x"}) == (422, [name])
    assert await patch({}) == (422, ["email", "password"])
    assert await patch({"email": BOB}) == (422, ["password"])
    assert await patch(right | {"password": "wrong horse"}) == (422, ["password"])
    assert await patch(right, **{"content-type": "text/plain"}) == (415, [])
    assert (await post.api.call(None, "PATCH", "/auth/me", json=right)).status_code == 401
    for content_type in ("application/json", "application/merge-patch+json"):
        assert await patch(right, **{"content-type": content_type}) == (202, [])
    assert (await post.api.get(None, "/auth/me", headers=mary)).json() == before, "not before it is confirmed"
    await post.sent()
    token = next(mail for mail in post.out.mails if mail.to == BOB).text.partition("#token=")[2].split()[0]
    assert (await post.ask("email/verify", token=token)).status_code == 204
    assert (await post.api.get(None, "/auth/me", headers=mary)).json() == before | {"email": BOB}


async def test_asking_for_an_address_that_is_taken_looks_the_same(posts: Posts) -> None:
    post = await posts()
    assert (await post.ask("register", email=BOB, password=PASSWORD)).status_code == 201
    mary = await post.bearer()
    asked = [await post.ask("email/change", mary, email=to, password=PASSWORD) for to in (BOB, "free@example.com")]
    assert alike(*asked)
    await post.sent()
    assert ["#token=" in mail.text for mail in post.out.mails if mail.to == BOB] == [False]


async def test_a_changed_password_stops_a_change_of_address_that_was_asked_for_before(posts: Posts) -> None:
    """Somebody with the old password had asked for it; one link is sent already, the other not yet."""
    post = await posts()
    thief = await post.bearer()
    await post.ask("email/change", thief, email="thief@example.com", password=PASSWORD)
    await post.sent()
    token = (
        next(mail for mail in post.out.mails if mail.to == "thief@example.com").text.partition("#token=")[2].split()[0]
    )
    await post.ask("email/change", thief, email="thief2@example.com", password=PASSWORD)
    await post.ask("password", await post.bearer(), old_password=PASSWORD, new_password=NEXT)
    await post.sent()
    assert "thief2@example.com" not in {mail.to for mail in post.out.mails}
    assert (await post.ask("email/verify", token=token)).status_code == 422


async def test_whoever_registers_by_invitation_has_one_for_this_address(posts: Posts) -> None:
    post = await posts(SignUp.INVITE)
    assert (await post.ask("register", email=BOB, password=PASSWORD)).json()["code"] == "invitation_needed"
    assert await post.api.container.accounts().invite(BOB) is None
    assert await post.sent() == ["You are invited to notes"]
    token = post.out.token()
    for wrong in ({"email": "eve@example.com", "invitation": token}, {"email": BOB, "invitation": "x"}):
        answer = await post.ask("register", password=PASSWORD, **wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "invitation")
    body = {"email": BOB, "password": PASSWORD, "invitation": token}
    assert [(await post.ask("register", **body)).status_code for _ in range(2)] == [201, 422]


async def test_a_refresh_token_that_is_used_twice_is_told_to_the_account(posts: Posts) -> None:
    post = await posts()
    first = (await post.ask("login", email=MARY, password=PASSWORD)).json()["refresh_token"]
    second = (await post.ask("refresh", refresh_token=first)).json()["refresh_token"]
    await post.ask("refresh", refresh_token=second)
    assert (await post.ask("refresh", refresh_token=first)).status_code == 401
    assert await post.sent() == ["A session at notes was ended"]


async def test_a_mail_server_that_is_away_keeps_nobody_waiting(posts: Posts) -> None:
    post = await posts()
    post.out.away = Unavailable()
    assert (await post.ask("password/forgot", email=MARY)).status_code == 202
    attempt = await post.api.container.mailing().deliver()
    assert attempt.again
    post.out.away = None
    post.api.world.clock.at += timedelta(minutes=1)
    assert await post.sent() == ["A new password for notes"]
    assert (await post.ask("password/reset", token=post.out.token(), password=NEXT)).status_code == 204


@pytest.mark.parametrize("before", [True, False], ids=["registered before", "registered after"])
@pytest.mark.parametrize("sign_up", [SignUp.OPEN, SignUp.VERIFIED])
async def test_what_waits_for_an_address_is_shown_to_who_has_proven_it(
    posts: Posts, sign_up: SignUp, before: bool
) -> None:
    """Whoever registers with somebody's address and proves nothing gets no part of what is shared with it."""
    post = await posts(sign_up)
    mary, new = await post.bearer(), "new@example.com"

    async def register() -> None:
        registered = await post.ask("register", email=new, password=PASSWORD)
        if sign_up is SignUp.VERIFIED:
            await post.sent()
            assert (await post.ask("email/verify", token=post.out.token())).status_code == 204
        assert registered.status_code == (201 if sign_up is SignUp.OPEN else 202)

    if before:
        await register()
    made = await post.api.call(None, "POST", "notebooks", json={"title": "Secret"}, headers=mary)
    invitation = {"email": new, "role": "viewer"}
    path = f"notebooks/{made.json()['id']}/members"
    assert (await post.api.call(None, "POST", path, json=invitation, headers=mary)).status_code == 202
    await post.sent()
    letter = post.out.token()
    if not before:
        await register()
    who = await post.bearer(new)
    waiting = (await post.api.call(None, "GET", "invitations", headers=who)).json()["items"]
    assert len(waiting) == (0 if sign_up is SignUp.OPEN else 1)
    found = (await post.api.call(None, "GET", path.replace("members", "invitations"), headers=mary)).json()["items"]
    accept = f"invitations/{found[0]['id']}/accept"
    alone = await post.api.call(None, "POST", accept, headers=who)
    assert alone.status_code == (404 if sign_up is SignUp.OPEN else 200)
    if sign_up is SignUp.OPEN:
        answer = await post.api.call(None, "POST", accept, json={"token": letter}, headers=who)
        assert answer.status_code == 200
    assert (await post.api.call(None, "POST", accept, json={"token": letter}, headers=who)).status_code == 404
