"""Somebody who knows the password, against an account with a second factor."""

from base64 import b32decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.one_time_codes import SECONDS, Totp, _codes
from adapters.sealing import AesSealer
from domain.values import instant_text
from entrypoints.settings import Settings
from tests.application.world import example
from tests.attacks.test_cookies import OWN_PAGE, cookie_of
from tests.http.api import Api
from tests.http.conftest import Apis

MARY = {"email": "mary@example.com", "password": "correct horse"}


class Mary:
    """An account with a second factor, and the app that shows its codes."""

    headers: dict[str, str]
    secret: str
    recovery: list[str]

    def __init__(self, api: Api) -> None:
        self.api = api

    @staticmethod
    async def of(api: Api) -> "Mary":
        """Registered, and the second factor on."""
        mary = Mary(api)
        made = (await api.call(None, "POST", "/auth/register", json=MARY)).json()
        mary.headers = {"authorization": f"Bearer {made['access_token']}"}
        begun = await mary.asks("POST", "/auth/mfa", password=MARY["password"])
        assert begun.status_code == 200
        assert begun.json()["uri"].startswith("otpauth://totp/")
        mary.secret = begun.json()["secret"]
        assert (await mary.asks("GET", "/auth/me")).json()["mfa"] is False, "what is only begun is of no effect"
        confirmed = await mary.asks("POST", "/auth/mfa/confirm", code=mary.code())
        mary.recovery = confirmed.json()["recovery_codes"]
        assert len(set(mary.recovery)) == 10
        assert (await mary.asks("GET", "/auth/me")).json()["mfa"] is True
        mary.wait(SECONDS)
        return mary

    def wait(self, seconds: int) -> None:
        """Let time go by."""
        self.api.world.clock.wait(seconds=seconds)

    def code(self, steps: int = 0) -> str:
        """What the app shows, so many steps from now."""
        now = self.api.world.clock.now() + timedelta(seconds=SECONDS * steps)
        return _codes(b32decode(self.secret)).generate(int(now.timestamp())).decode()

    async def asks(self, method: str, path: str, **body: Any) -> Any:
        """Something of her own account."""
        return await self.api.call(None, method, path, headers=self.headers, **({"json": body} if body else {}))

    async def challenge(self) -> str:
        """The password alone."""
        answer = await self.api.call(None, "POST", "/auth/login", json=MARY)
        assert (answer.status_code, answer.json()["code"]) == (401, "mfa_required")
        return str(answer.json()["challenge"])

    async def completes(self, challenge: str, code: str) -> tuple[int, str]:
        """The code."""
        answer = await self.api.call(None, "POST", "/auth/login/mfa", json={"challenge": challenge, "code": code})
        return answer.status_code, answer.json().get("code", "")


async def test_the_password_alone_signs_nobody_in(any_api: Apis) -> None:
    mary = await Mary.of(await any_api(example("notes")))
    challenge = await mary.challenge()
    form = {"grant_type": "password", "username": MARY["email"], "password": MARY["password"]}
    token = await mary.api.call(None, "POST", "/auth/token", data=form)
    assert (token.status_code, token.json()["error"]) == (400, "mfa_required")
    assert await mary.completes(token.json()["challenge"], "") == (401, "wrong_code")
    assert len((await mary.asks("GET", "/auth/sessions")).json()["items"]) == 1, "no session was made"
    assert await mary.completes(challenge, mary.code()) == (200, "")
    wrong = await mary.api.call(None, "POST", "/auth/login", json=MARY | {"password": "wrong horse"})
    assert wrong.json()["code"] == "wrong_credentials", "nobody learns of a second factor without the password"


async def test_a_sign_in_by_cookie_asks_for_the_code_too(any_api: Apis) -> None:
    mary = await Mary.of(await any_api(example("notes")))
    wish: dict[str, Any] = {"headers": OWN_PAGE, "json": MARY | {"cookie": True}}
    begun = await mary.api.call(None, "POST", "/auth/login", **wish)
    assert (begun.json()["code"], cookie_of(begun)) == ("mfa_required", "")
    body = {"challenge": begun.json()["challenge"], "code": mary.code(), "cookie": True}
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    refused = await mary.api.call(None, "POST", "/auth/login/mfa", headers=foreign, json=body)
    assert (refused.json()["code"], cookie_of(refused)) == ("cross_site", "")
    done = await mary.api.call(None, "POST", "/auth/login/mfa", headers=OWN_PAGE, json=body)
    assert done.status_code == 200
    assert cookie_of(done)
    assert "refresh_token" not in done.json()


async def test_an_account_that_is_disabled_is_neither_signed_in_nor_acted_for() -> None:
    mary = await Mary.of(await Api.of(example("notes")))
    asked = {"password": MARY["password"], "name": "backup", "actions": ["read"], "resources": ["note"]}
    ends = instant_text(mary.api.world.clock.now() + timedelta(days=1))
    key = (await mary.asks("POST", "/auth/keys", **asked, expires_at=ends)).json()["key"]
    by_key = {"authorization": f"Bearer {key}"}
    assert (await mary.api.call(None, "GET", "notes", headers=by_key)).status_code == 200
    challenge = await mary.challenge()
    await mary.api.container.accounts().set_disabled(MARY["email"], True)
    assert await mary.completes(challenge, mary.code()) == (401, "invalid_challenge")
    assert (await mary.api.call(None, "GET", "notes", headers=by_key)).json()["code"] == "bad_api_key"


async def test_a_code_counts_once_and_within_one_step(any_api: Apis) -> None:
    mary = await Mary.of(await any_api(example("notes")))
    challenge, shown = await mary.challenge(), mary.code()
    for steps in (-2, 2):
        assert await mary.completes(challenge, mary.code(steps)) == (401, "wrong_code"), steps
    assert await mary.completes(challenge, shown) == (200, "")
    assert await mary.completes(challenge, mary.code(1)) == (401, "invalid_challenge"), "a challenge counts once, too"
    assert await mary.completes(await mary.challenge(), shown) == (401, "wrong_code"), "seen over the shoulder"
    assert await mary.completes(await mary.challenge(), mary.code(-1)) == (401, "wrong_code"), "older than the last"
    assert await mary.completes(await mary.challenge(), mary.code(1)) == (200, ""), "a clock may be fast"


async def test_a_recovery_code_counts_once_however_it_is_typed(any_api: Apis) -> None:
    mary = await Mary.of(await any_api(example("notes")))
    challenge = await mary.challenge()
    typed = mary.recovery[3].upper().replace("-", " ")
    assert await mary.completes(challenge, typed) == (200, "")
    challenge = await mary.challenge()
    assert await mary.completes(challenge, mary.recovery[3]) == (401, "wrong_code")
    assert await mary.completes(challenge, mary.recovery[4]) == (200, "")


async def test_with_another_secret_of_the_service_recovery_codes_still_count(any_api: Apis) -> None:
    """What was sealed under the old one cannot be opened any more: no sign-in breaks, and the account mends it."""
    mary = await Mary.of(await any_api(example("notes")))
    mary.api.container.second_factors()._sealer = AesSealer(
        b"another secret of the service altogether", "second factors"
    )
    challenge = await mary.challenge()
    assert await mary.completes(challenge, mary.code()) == (401, "wrong_code")
    assert await mary.completes(challenge, mary.recovery[0]) == (200, "")
    wish = {"password": MARY["password"], "code": mary.recovery[1]}
    assert (await mary.asks("DELETE", "/auth/mfa", **wish)).status_code == 204
    begun = await mary.asks("POST", "/auth/mfa", password=MARY["password"])
    assert begun.status_code == 200


async def test_the_operator_takes_a_lost_factor_away_and_every_session_ends(one_api: Apis) -> None:
    mary = await Mary.of(await one_api(example("notes")))
    assert (await mary.asks("GET", "/auth/me")).json()["mfa"] is True
    await mary.api.container.accounts().remove_second_factor(MARY["email"])
    assert (await mary.asks("GET", "/auth/me")).status_code == 401
    assert (await mary.api.call(None, "POST", "/auth/login", json=MARY)).status_code == 200


@pytest.mark.parametrize("code", ["", "000000 ", "١٢٣٤٥٦", "0" * 64, "é"])
async def test_what_is_no_code_is_wrong(one_api: Apis, code: str) -> None:
    mary = await Mary.of(await one_api(example("notes")))
    assert await mary.completes(await mary.challenge(), code) == (401, "wrong_code")


async def test_a_challenge_ends(one_api: Apis) -> None:
    mary = await Mary.of(await one_api(example("notes")))
    challenge = await mary.challenge()
    assert (await mary.completes(challenge[:-2] + "AA", mary.code()))[1] == "invalid_challenge"
    assert (await mary.completes("x" * 1024, mary.code()))[1] == "invalid_challenge"
    changed = {"old_password": MARY["password"], "new_password": "another horse"}
    assert (await mary.asks("POST", "/auth/password", **changed)).status_code == 204
    assert (await mary.completes(challenge, mary.code()))[1] == "invalid_challenge", "the password is another one"
    again = {"old_password": "another horse", "new_password": MARY["password"]}
    assert (await mary.asks("POST", "/auth/password", **again)).status_code == 204
    challenge = await mary.challenge()
    mary.wait(300)
    assert (await mary.completes(challenge, mary.code()))[1] == "invalid_challenge", "five minutes are over"


async def test_the_second_factor_goes_with_password_and_code_only(any_api: Apis) -> None:
    mary = await Mary.of(await any_api(example("notes")))
    right = {"password": MARY["password"], "code": mary.code()}
    for wrong in ({"password": "wrong horse"}, {"code": mary.code(5)}):
        assert (await mary.asks("DELETE", "/auth/mfa", **(right | wrong))).status_code == 422, wrong
    begun = await mary.asks("POST", "/auth/mfa", password=MARY["password"])
    assert begun.json()["code"] == "mfa_on", "a stolen session cannot put its own in place"
    assert (await mary.asks("DELETE", "/auth/mfa", **right)).status_code == 204
    assert (await mary.api.call(None, "POST", "/auth/login", json=MARY)).status_code == 200


async def test_wrong_codes_are_throttled_though_the_password_is_right() -> None:
    api = await Api.of(example("notes"), settings=Settings())
    mary = await Mary.of(api)
    statuses = []
    for _ in range(12):
        answer = await api.call(None, "POST", "/auth/login", json=MARY)
        statuses.append(answer.status_code)
        if answer.status_code == 401:
            statuses.append((await mary.completes(answer.json()["challenge"], mary.code(9)))[0])
    assert 200 not in statuses
    assert statuses[-6:] == [429] * 6, "the right password makes no wrong code forgotten"


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B (SHA-1), the last six digits."""
    codes, secret = Totp("notes"), b"12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert codes.step(secret, code, datetime.fromtimestamp(seconds, UTC)) == seconds // SECONDS
