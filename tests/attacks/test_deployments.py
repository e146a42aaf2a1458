"""Attacks in which moments and processes matter: races, replays, revocation; at last what a thief finds at rest.

Each on one worker and on two, on SQLite and on PostgreSQL. Whatever was handed out on the way is searched for in the
database and the logs at the end.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dependency_injector import providers

from adapters.one_time_codes import SECONDS, _codes
from adapters.sealing import AesSealer
from adapters.tokens import _open
from application.ports import SigningKey
from entrypoints.container import Container
from entrypoints.settings import Settings
from tests.attacks.deployments import NEXT, PASSWORD, SECRET, Deployment, deployed
from tests.postgres import beside

DEPLOYMENTS = ["sqlite-1", "sqlite-2", "postgresql-1", "postgresql-2"]
AT_ONCE = 12


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    store, workers = request.param.split("-")
    server = request.getfixturevalue("postgres_server") if store == "postgresql" else None
    with deployed(tmp_path_factory.mktemp("deployment"), int(workers), server) as found:
        yield found


class Person:
    """Somebody with an account, and what she was given."""

    def __init__(self, place: Deployment, client: httpx.AsyncClient, email: str) -> None:
        self.place, self.client, self.email = place, client, email
        self.password, self.made, self.secret = PASSWORD, {}, b""  # type: ignore[var-annotated]
        place.handed_out.add(PASSWORD)

    async def post(self, path: str, bearer: str | None = "", **body: Any) -> httpx.Response:
        """A POST with the account's access token; without one for None."""
        return await self.ask("POST", path, bearer, json=body)

    async def ask(self, method: str, path: str, bearer: str | None = "", **options: Any) -> httpx.Response:
        """A request; what is handed out is kept in mind."""
        token = self.made.get("access_token") if bearer == "" else bearer
        headers = options.pop("headers", {}) | ({} if token is None else {"authorization": f"Bearer {token}"})
        answer = await self.client.request(method, path, headers=headers, **options)
        assert answer.status_code < 500, answer.text
        if answer.headers.get("content-type") == "application/json":
            said = answer.json()
            names = ("access_token", "refresh_token", "secret", "key", "challenge", "uri")
            self.place.handed_out |= {said[name] for name in names if said.get(name)}
            self.place.handed_out |= set(said.get("recovery_codes", ()))
        for cookie in answer.headers.get_list("set-cookie"):
            value = cookie.partition("=")[2].partition(";")[0]
            # the refresh token stands behind the account's id, which is no secret
            self.place.handed_out |= {value, value.rpartition(".")[2]} - {"", '""'}
        return answer

    async def sign_in(self) -> dict[str, Any]:
        """Another session."""
        answer = await self.post("/auth/login", None, email=self.email, password=self.password)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def refresh(self, token: str) -> httpx.Response:
        """With a refresh token."""
        return await self.post("/auth/refresh", None, refresh_token=token)

    async def alive(self, made: dict[str, Any]) -> bool:
        """Whether a session's access token counts, wherever it is asked."""
        paths = ("/v1/notes", "/auth/me", "/v1/notes", "/auth/sessions")
        answers = await asyncio.gather(*(self.ask("GET", path, made["access_token"]) for path in paths))
        (status,) = {answer.status_code for answer in answers}
        return bool(status == 200)

    def code(self, ahead: int = 0) -> str:
        """By time, as an authenticator app shows it."""
        found = _codes(self.secret).generate(time.time() + ahead * SECONDS).decode()
        return str(found)

    async def second_factor(self) -> list[str]:
        """Turned on; the recovery codes. The step after this one has not been used."""
        begun = (await self.post("/auth/mfa", password=self.password)).json()
        self.secret = base64.b32decode(begun["secret"])
        codes: list[str] = (await self.post("/auth/mfa/confirm", code=self.code())).json()["recovery_codes"]
        return codes

    async def challenge(self) -> str:
        """Of a sign-in."""
        answer = await self.post("/auth/login", None, email=self.email, password=self.password)
        assert answer.json()["code"] == "mfa_required"
        challenge = str(answer.json()["challenge"])
        self.place.handed_out.add(challenge)
        return challenge


People = Callable[[], Awaitable[Person]]


@pytest.fixture
async def people(place: Deployment) -> AsyncIterator[People]:
    """Makes accounts, each signed in."""
    async with place.client() as client:

        async def make() -> Person:
            place.people += 1
            person = Person(place, client, f"person{place.people}@example.com")
            answer = await person.post("/auth/register", None, email=person.email, password=PASSWORD)
            assert answer.status_code == 201, answer.text
            person.made = answer.json()
            return person

        yield make


async def at_once(ask: Callable[[], Awaitable[httpx.Response]], times: int = AT_ONCE) -> list[int]:
    """The statuses of so many requests at the same moment, in order of their number."""
    return sorted(answer.status_code for answer in await asyncio.gather(*(ask() for _ in range(times))))


# --- refreshing ------------------------------------------------------------------------------


async def test_twenty_refreshes_at_once_get_one_successor_and_the_session_lives(people: People) -> None:
    mary = await people()
    answers = await asyncio.gather(*(mary.refresh(mary.made["refresh_token"]) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await mary.refresh(successor)).status_code == 200


async def test_a_stolen_refresh_token_ends_its_session_and_no_other(people: People) -> None:
    mary = await people()
    first, other = await mary.sign_in(), await mary.sign_in()
    second = (await mary.refresh(first["refresh_token"])).json()
    third = (await mary.refresh(second["refresh_token"])).json()
    assert await at_once(lambda: mary.refresh(first["refresh_token"]), 4) == [401] * 4
    for token in (second, third):
        assert (await mary.refresh(token["refresh_token"])).status_code == 401
    assert not await mary.alive(third)
    assert await mary.alive(other)
    events = (await mary.ask("GET", "/auth/me/events", other["access_token"])).json()["items"]
    assert [event["kind"] for event in events].count("refresh_reused") == 1


async def test_a_lost_answer_is_given_again_byte_for_byte(people: People) -> None:
    mary = await people()
    lost = (await mary.refresh(mary.made["refresh_token"])).json()["refresh_token"]
    again = (await mary.refresh(mary.made["refresh_token"])).json()["refresh_token"]
    assert again == lost


# --- the end of a session, at once and everywhere ----------------------------------------------


async def test_whatever_ends_a_session_ends_it_at_once(people: People, place: Deployment) -> None:
    mary = await people()

    async def logout(made: dict[str, Any]) -> None:
        assert (await mary.post("/auth/logout", made["access_token"], scope="current")).status_code == 204

    async def revoke(made: dict[str, Any]) -> None:
        assert (await mary.ask("DELETE", f"/auth/sessions/{made['session']}")).status_code == 204

    async def change(_: dict[str, Any]) -> None:
        wish = {"old_password": mary.password, "new_password": f"{NEXT} {len(mary.password)}"}
        assert (await mary.post("/auth/password", **wish)).status_code == 204
        mary.password = wish["new_password"]
        place.handed_out.add(mary.password)

    for end in (logout, revoke, change):
        made = await mary.sign_in()
        assert await mary.alive(made)
        await end(made)
        assert not await mary.alive(made), end.__name__
        assert (await mary.refresh(made["refresh_token"])).status_code == 401
    assert await mary.alive(mary.made), "it changed its own password"


async def test_a_reset_password_ends_every_session_at_once_and_its_link_counts_once(
    people: People, place: Deployment
) -> None:
    mary = await people()
    before = len(place.inbox.mails)
    assert (await mary.post("/auth/password/forgot", None, email=mary.email)).status_code == 202
    token = await asyncio.to_thread(place.inbox.link, mary.email, before)
    place.handed_out |= {token, NEXT}
    wish = {"token": token, "password": NEXT}
    assert (await mary.ask("GET", f"/auth/password/reset?token={token}", None)).status_code == 405
    assert await at_once(lambda: mary.post("/auth/password/reset", None, **wish), 6) == [204] + [422] * 5
    assert not await mary.alive(mary.made)
    assert (await mary.refresh(mary.made["refresh_token"])).status_code == 401
    mary.password = NEXT
    assert await mary.alive(await mary.sign_in())


async def test_a_disabled_account_stops_at_once_and_comes_back_signed_out(people: People, place: Deployment) -> None:
    mary = await people()
    key = await _key(mary)
    assert (await mary.ask("GET", "/v1/notes", key)).status_code == 200
    await asyncio.to_thread(place.command, "accounts", "disable", mary.email)
    assert not await mary.alive(mary.made)
    assert (await mary.ask("GET", "/v1/notes", key)).status_code == 401
    assert (await mary.refresh(mary.made["refresh_token"])).status_code == 401
    wrong = await mary.post("/auth/login", None, email=mary.email, password="wrong horse")
    right = await mary.post("/auth/login", None, email=mary.email, password=PASSWORD)
    assert (right.status_code, right.json()["code"]) == (wrong.status_code, wrong.json()["code"])
    await asyncio.to_thread(place.command, "accounts", "enable", mary.email)
    assert not await mary.alive(mary.made)
    assert await mary.alive(await mary.sign_in())


async def test_an_account_that_the_operator_signs_out_is_out_at_once(people: People, place: Deployment) -> None:
    mary, bob = await people(), await people()
    sessions = [mary.made, await mary.sign_in()]
    await asyncio.to_thread(place.command, "accounts", "sign-out", mary.email)
    assert [await mary.alive(made) for made in sessions] == [False, False]
    assert (await mary.refresh(mary.made["refresh_token"])).status_code == 401
    assert await bob.alive(bob.made)


async def test_a_deleted_account_stops_at_once_whatever_it_is_doing(people: People) -> None:
    """Writing all the while: nothing breaks, and nothing of it is left under the address."""
    mary = await people()
    writing = [mary.post("/v1/notes", title=f"{number}") for number in range(AT_ONCE)]
    deleting = mary.ask("DELETE", "/auth/me", json={"password": PASSWORD})
    *written, deleted = await asyncio.gather(*writing, deleting)
    assert deleted.status_code == 204
    assert {answer.status_code for answer in written} <= {201, 401, 409}
    assert not await mary.alive(mary.made)
    assert (await mary.refresh(mary.made["refresh_token"])).status_code == 401
    again = await mary.post("/auth/register", None, email=mary.email, password=PASSWORD)
    assert again.status_code == 201
    notes = await mary.ask("GET", "/v1/notes", again.json()["access_token"])
    assert notes.json()["items"] == []


async def test_an_account_that_is_deleted_while_it_signs_in_and_out_breaks_nothing(people: People) -> None:
    mary = await people()
    others = [await mary.sign_in() for _ in range(4)]
    doing = [
        mary.post("/auth/login", None, email=mary.email, password=said)
        for said in 4 * (PASSWORD, "wrong horse battery")
    ]
    doing += [mary.post("/auth/logout", made["access_token"]) for made in others]
    *done, deleted = await asyncio.gather(*doing, mary.ask("DELETE", "/auth/me", json={"password": PASSWORD}))
    assert deleted.status_code == 204
    assert {answer.status_code for answer in done} <= {200, 204, 401}
    sessions = [mary.made, *others, *(answer.json() for answer in done if answer.status_code == 200)]
    assert not any([await mary.alive(made) for made in sessions])


async def _key(person: Person, *actions: str) -> str:
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    wish = {"name": "backup", "actions": list(actions or ("read",)), "resources": ["note"], "expires_at": ends}
    answer = await person.post("/auth/keys", password=person.password, **wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


async def test_a_revoked_key_stops_at_once(people: People) -> None:
    mary = await people()
    key = await _key(mary)
    assert await at_once(lambda: mary.ask("GET", "/v1/notes", key)) == [200] * AT_ONCE
    (listed,) = (await mary.ask("GET", "/auth/keys")).json()["items"]
    using = [mary.ask("GET", "/v1/notes", key) for _ in range(AT_ONCE)]
    revoked, *_ = await asyncio.gather(mary.ask("DELETE", f"/auth/keys/{listed['id']}"), *using)
    assert revoked.status_code == 204
    assert await at_once(lambda: mary.ask("GET", "/v1/notes", key)) == [401] * AT_ONCE


async def test_keys_of_the_engine_and_staff_roles_begin_and_end_at_once(people: People, place: Deployment) -> None:
    mary, bob = await people(), await people()
    note = (await mary.post("/v1/notes", title="mine")).json()["id"]
    made = await asyncio.to_thread(
        place.command, "keys", "create", "pay", "--engine", "--on", "note", "--may", "update", "--may", "read"
    )
    place.handed_out.add(made["key"])
    for person, status in ((mary, 403), (bob, 404)):
        assert (await person.ask("PATCH", f"/v1/notes/{note}", json={"state": "paid"})).status_code == status
    assert (await mary.ask("PATCH", f"/v1/notes/{note}", made["key"], json={"title": "engine"})).status_code == 403
    paid = await mary.ask("PATCH", f"/v1/notes/{note}", made["key"], json={"state": "paid"})
    assert (paid.status_code, paid.json()["state"]) == (200, "paid")
    await asyncio.to_thread(place.command, "keys", "revoke", made["id"])
    assert await at_once(lambda: mary.ask("GET", f"/v1/notes/{note}", made["key"])) == [401] * AT_ONCE
    for role, status in (("clerk", 200), ("none", 404)):
        await asyncio.to_thread(place.command, "staff", "set", bob.email, role)
        assert await at_once(lambda: bob.ask("GET", f"/v1/notes/{note}")) == [status] * AT_ONCE


# --- what counts once, at the same moment --------------------------------------------------------


async def test_one_address_makes_one_account_however_many_ask_at_once(place: Deployment) -> None:
    async with place.client() as client:
        mary = Person(place, client, "Once@Example.com")
        spelled = iter(["once@example.com", "ONCE@example.com", " once@example.com"] * AT_ONCE)
        statuses = await at_once(
            lambda: mary.post("/auth/register", None, email=next(spelled), password=PASSWORD), AT_ONCE
        )
        assert statuses == [201] + [409] * (AT_ONCE - 1)


async def test_a_code_by_time_signs_in_once_however_many_use_it_at_once(people: People) -> None:
    mary = await people()
    await mary.second_factor()
    challenge, code = await mary.challenge(), mary.code(1)
    wish = {"challenge": challenge, "code": code}
    assert await at_once(lambda: mary.post("/auth/login/mfa", None, **wish)) == [200] + [401] * (AT_ONCE - 1)


async def test_a_recovery_code_signs_in_once_however_many_use_it_at_once(people: People) -> None:
    mary = await people()
    codes = await mary.second_factor()
    wish = {"challenge": await mary.challenge(), "code": codes[0]}
    assert await at_once(lambda: mary.post("/auth/login/mfa", None, **wish)) == [200] + [401] * (AT_ONCE - 1)


async def test_a_second_factor_is_turned_on_once(people: People) -> None:
    """Of two that begin at once, the codes of one count: never a factor that nobody's app knows."""
    mary = await people()
    begun = await asyncio.gather(*(mary.post("/auth/mfa", password=PASSWORD) for _ in range(4)))
    secrets = [base64.b32decode(each.json()["secret"]) for each in begun if each.status_code == 200]
    assert secrets
    statuses = []
    for mary.secret in secrets:
        statuses.append((await mary.post("/auth/mfa/confirm", code=mary.code())).status_code)
    assert statuses.count(200) == 1


async def test_sign_ins_during_a_change_of_the_password_have_no_session_by_the_old_one(people: People) -> None:
    mary = await people()
    changing = mary.post("/auth/password", old_password=PASSWORD, new_password=NEXT)
    asking = (mary.post("/auth/login", None, email=mary.email, password=PASSWORD) for _ in range(AT_ONCE))
    changed, *answers = await asyncio.gather(changing, *asking)
    mary.place.handed_out.add(NEXT)
    assert changed.status_code == 204
    alive = [await mary.alive(answer.json()) for answer in answers if answer.status_code == 200]
    assert not any(alive)


# --- tokens in each other's place ---------------------------------------------------------------


async def test_no_secret_counts_in_another_s_place(people: People, place: Deployment) -> None:
    mary = await people()
    key = await _key(mary)
    codes = await mary.second_factor()
    challenge = await mary.challenge()
    secrets = {"access": mary.made["access_token"], "refresh": mary.made["refresh_token"], "key": key}
    secrets |= {"challenge": challenge, "code": codes[1]}
    for name, secret in secrets.items():
        if name not in ("access", "key"):
            assert (await mary.ask("GET", "/auth/me", secret)).status_code == 401, name
        if name != "refresh":
            assert (await mary.refresh(secret)).status_code == 401, name
            form = {"grant_type": "refresh_token", "refresh_token": secret}
            assert (await mary.ask("POST", "/auth/token", None, data=form)).status_code == 400, name
        for path, more in (("password/reset", {"password": NEXT}), ("email/verify", {})):
            assert (await mary.post(f"/auth/{path}", None, token=secret, **more)).status_code == 422, name
        if name != "challenge":
            mfa = await mary.post("/auth/login/mfa", None, challenge=secret, code=codes[2])
            assert mfa.status_code == 401, name
    assert await mary.alive(mary.made), "and nothing of it ended anything"


# --- at last: at rest -----------------------------------------------------------------------------


async def test_nothing_at_rest_is_of_use_to_a_thief(people: People, place: Deployment) -> None:
    """Of all that was handed out until now nothing is in the database or a log, in whatever encoding."""
    mary = await people()
    login = {"email": mary.email, "password": PASSWORD, "cookie": True}
    own = {"origin": place.served.url, "sec-fetch-site": "same-origin"}
    assert (await mary.ask("POST", "/auth/login", None, json=login, headers=own)).status_code == 200
    await mary.second_factor()
    await _key(mary)
    place.command("signing-keys", "rotate")
    forms = {secret.encode() for secret in place.handed_out if len(secret) > 8}
    assert len(forms) > 20
    forms |= {secret.replace("-", "").encode() for secret in place.handed_out if len(secret) > 8}
    for secret in place.handed_out | {base64.b32encode(mary.secret).decode()}:
        raw = _decoded(secret)
        if len(raw) >= 16:
            forms |= {raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")}
    forms |= {SECRET.encode()}
    ring = beside(lambda: _ring(place))
    assert len(ring) == 3
    for key in ring:
        private = _open(key, AesSealer(SECRET.encode(), "signing keys")).private
        assert isinstance(private, EllipticCurvePrivateKey)
        number = private.private_numbers().private_value.to_bytes(32, "big")
        for encoding, form in ((Encoding.DER, PrivateFormat.PKCS8), (Encoding.PEM, PrivateFormat.PKCS8),
                               (Encoding.DER, PrivateFormat.TraditionalOpenSSL)):  # fmt: skip
            whole = private.private_bytes(encoding, form, NoEncryption())
            forms |= {whole, base64.b64encode(whole), whole.hex().encode()}
        forms |= {number, number.hex().encode(), base64.b64encode(number), str(int.from_bytes(number, "big")).encode()}
        forms.add(base64.urlsafe_b64encode(number).rstrip(b"="))
    kept, logged = place.kept(), place.logged()
    assert mary.email.encode() in kept, "it is the right place, and written"
    assert [form[:24] for form in forms if form in kept] == []
    assert [form[:24] for form in forms if form in logged] == []
    assert b"person1@example.com" not in logged, "nor does a log say who it was"


def _decoded(secret: str) -> bytes:
    for decode in (base64.b32decode, base64.urlsafe_b64decode):
        try:
            return decode(secret + "=" * (-len(secret) % (8 if decode is base64.b32decode else 4)))
        except ValueError:
            continue
    return b""


async def _ring(place: Deployment) -> list[SigningKey]:
    """The stored keys, as the service itself reads them."""
    container = Container(folder=place.folder)
    container.settings.override(providers.Object(Settings(database_url=place.settings["database_url"])))
    store = container.store()
    try:
        async with store.work() as work:
            return list(await work.signing_keys.all())
    finally:
        await store.close()
