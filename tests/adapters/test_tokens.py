"""Access tokens: what is in them, what is refused, and where their keys come from."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from adapters import tokens as module
from adapters.persistence.memory import MemoryStore
from adapters.sealing import AesSealer, SecretRefused
from adapters.tokens import JwtTokens, Key
from application.ports import Claims, SigningKey
from domain.errors import NotAuthenticated, Unavailable
from tests.doubles import START, memory_store, notes

ACCOUNT = "01937d6e-0000-7000-8000-000000000001"
SESSION = "01937d6e-0000-7000-8000-000000000002"
PRIVATE = generate_private_key(SECP256R1())
SECOND = timedelta(seconds=1)
END = START + 900 * SECOND
SEALER = AesSealer(b"s" * 32, "signing keys")


def ring(*keys: Key) -> JwtTokens:
    made = JwtTokens("freehold", SEALER)
    made.use(keys or [Key("k1", True, PRIVATE)])
    return made


@pytest.fixture
def tokens() -> JwtTokens:
    return ring()


def refused(tokens: JwtTokens, token: str, now: Any = START) -> bool:
    try:
        tokens.verify(token, now)
    except NotAuthenticated:
        return True
    return False


# --- genuine ones --------------------------------------------------------------------------


def test_what_a_token_says(tokens: JwtTokens) -> None:
    token = tokens.issue(ACCOUNT, SESSION, START + timedelta(microseconds=1))
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
    claims = jwt.decode(token, options={"verify_signature": False})
    at = int(START.timestamp())
    assert len(claims.pop("jti")) >= 16
    assert claims == {
        "iss": "freehold", "aud": "freehold", "sub": ACCOUNT, "sid": SESSION, "iat": at, "nbf": at, "exp": at + 900
    }  # fmt: skip
    assert tokens.lifetime == 900
    assert token != tokens.issue(ACCOUNT, SESSION, START + timedelta(microseconds=1))


def test_it_is_valid_until_its_end_also_from_memory(tokens: JwtTokens) -> None:
    token = tokens.issue(ACCOUNT, SESSION, START)
    for _ in range(2):
        assert tokens.verify(token, START) == Claims(ACCOUNT, SESSION)
        assert tokens.verify(token, END - timedelta.resolution) == Claims(ACCOUNT, SESSION)
        assert refused(tokens, token, END)
    assert refused(ring(), token, END)
    assert refused(ring(), token, START - 11 * SECOND)
    assert not refused(ring(), token, START - 9 * SECOND)


def test_anybody_can_verify_it_with_the_public_keys(tokens: JwtTokens) -> None:
    (key,) = tokens.public_keys()["keys"]
    assert (key["kid"], key["alg"], key["use"], key["kty"], key["crv"]) == ("k1", "ES256", "sig", "EC", "P-256")
    assert set(key) == {"kid", "alg", "use", "kty", "crv", "x", "y"}
    token = tokens.issue(ACCOUNT, SESSION, START)
    public = ECAlgorithm.from_jwk(key)
    ours: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    assert jwt.decode(token, public, algorithms=["ES256"], audience="freehold", options=ours)["sub"] == ACCOUNT


# --- others --------------------------------------------------------------------------------


def forge(private: Any = PRIVATE, algorithm: str | None = "ES256", claims: Any = None, header: Any = None) -> str:
    at = int(START.timestamp())
    said = {"iss": "freehold", "aud": "freehold", "sub": ACCOUNT, "sid": SESSION, "iat": at, "nbf": at, "exp": at + 900}
    said = {name: value for name, value in {**said, "jti": "j", **(claims or {})}.items() if value is not None}
    return jwt.encode(said, private, algorithm, {"typ": "at+jwt", "kid": "k1", **(header or {})})


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_forgery_would_be_genuine(tokens: JwtTokens) -> None:
    assert not refused(tokens, forge())


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": "AT+JWT"}, {"typ": None}, {"kid": "k2"}, {"kid": ""}, {"crit": ["exp"]}, {"crit": []},
        {"jku": "https://example.com/keys"}, {"x5u": "https://example.com/cert"}, {"x5c": []}, {"b64": False},
        {"jwk": ECAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True)}, {"cty": "JWT"}, {"zip": "DEF"},
    ],
)  # fmt: skip
def test_headers_that_are_refused(tokens: JwtTokens, header: dict[str, Any]) -> None:
    assert refused(tokens, forge(header=header))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"aud": ["other"]}, {"sub": None},
        {"sub": 1}, {"sid": None}, {"sid": 1}, {"iat": None}, {"nbf": None}, {"exp": None}, {"jti": None},
        {"exp": "soon"}, {"exp": 1e300}, {"exp": 1 << 80}, {"nbf": "x"}, {"nbf": int(END.timestamp())},
    ],
)  # fmt: skip
def test_claims_that_are_refused(tokens: JwtTokens, claims: dict[str, Any]) -> None:
    try:
        token = forge(claims=claims)
    except TypeError:
        pytest.skip("PyJWT does not make it")
    assert refused(tokens, token)


def test_other_keys_and_algorithms_are_refused(tokens: JwtTokens) -> None:
    assert refused(tokens, forge(generate_private_key(SECP256R1())))
    assert refused(tokens, forge(generate_private_key(SECP384R1()), "ES384"))
    assert refused(tokens, forge("s" * 64, "HS256"))
    assert refused(tokens, forge("", "none"))
    head, body, _ = forge().split(".")
    public = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    symmetric = _text(b'{"alg":"HS256","typ":"at+jwt","kid":"k1"}')
    confused = hmac.digest(public, f"{symmetric}.{body}".encode(), "sha256")
    assert refused(tokens, f"{symmetric}.{body}.{_text(confused)}")
    unsigned = _text(b'{"alg":"none","typ":"at+jwt","kid":"k1"}')
    assert refused(tokens, f"{unsigned}.{body}.")
    assert refused(tokens, f"{head}.{body}.")
    assert refused(tokens, f"{head}.{body}.{'A' * 86}")


def test_every_change_of_a_token_is_refused(tokens: JwtTokens) -> None:
    token = tokens.issue(ACCOUNT, SESSION, START)
    for i in range(0, len(token) - 1, 7):
        other = "A" if token[i] != "A" else "B"
        assert refused(tokens, token[:i] + other + token[i + 1 :])


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "x.y.z", "\ud800", "\u00e9.\u00e9.\u00e9", "a" * 3000, "[" * 2000, "e30.e30.",
     "bnVsbA.bnVsbA.", base64.urlsafe_b64encode(b"[" * 1400).decode() + ".e30.e30"],
)  # fmt: skip
def test_nonsense_is_refused(tokens: JwtTokens, token: str) -> None:
    assert refused(tokens, token)


# --- memory --------------------------------------------------------------------------------


def test_a_token_is_verified_once_and_only_so_many_are_remembered(
    tokens: JwtTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    made = [tokens.issue(ACCOUNT, f"{i}", START) for i in range(5)]
    for token in made:
        tokens.verify(token, START)
    assert len(tokens._verified) == 3
    monkeypatch.setattr(tokens, "_check", None)
    assert [tokens.verify(token, START).session for token in made[2:]] == ["2", "3", "4"]


def test_a_key_that_leaves_the_ring_takes_its_tokens_along(tokens: JwtTokens) -> None:
    old = tokens.issue(ACCOUNT, SESSION, START)
    tokens.verify(old, START)
    other = Key("k2", True, generate_private_key(SECP256R1()))
    tokens.use([Key("k1", False, PRIVATE), other])
    assert not refused(tokens, old)
    assert jwt.get_unverified_header(tokens.issue(ACCOUNT, SESSION, START))["kid"] == "k2"
    assert [key["kid"] for key in tokens.public_keys()["keys"]] == ["k1", "k2"]
    tokens.use([other])
    assert refused(tokens, old)


def test_without_keys_nothing_is_issued() -> None:
    with pytest.raises(Unavailable):
        JwtTokens("freehold", SEALER).issue(ACCOUNT, SESSION, START)


# --- the stored ring -----------------------------------------------------------------------


async def load(store: MemoryStore, sealer: AesSealer = SEALER) -> JwtTokens:
    tokens = JwtTokens("freehold", sealer)
    await tokens.load(store, START)
    return tokens


async def test_the_first_start_makes_a_key_that_later_ones_find() -> None:
    store = memory_store()
    first = await load(store)
    second = await load(store)
    assert not refused(second, first.issue(ACCOUNT, SESSION, START))
    (stored,) = store.state.identity.keys.values()
    assert (stored.state, stored.created_at, json.loads(stored.public)) == (
        "active", START, second.public_keys()["keys"][0]
    )  # fmt: skip
    thumbprint = jwt.PyJWK(json.loads(stored.public))
    assert stored.kid == thumbprint.key_id == json.loads(stored.public)["kid"]


async def test_the_private_key_is_not_readable() -> None:
    store = memory_store()
    tokens = await load(store)
    (stored,) = store.state.identity.keys.values()
    assert "PRIVATE" not in stored.private_sealed
    assert stored.private_sealed not in repr(stored)
    assert "private" not in repr(next(iter(tokens._keys.values())))
    assert SEALER.open(stored.private_sealed, b"another kid") is None
    with pytest.raises(SecretRefused):
        await load(store, AesSealer(b"t" * 32, "signing keys"))


async def test_a_public_key_put_into_the_database_verifies_nothing() -> None:
    store = memory_store()
    tokens = await load(store)
    (stored,) = store.state.identity.keys.values()
    attacker = generate_private_key(SECP256R1())
    planted = json.dumps({**ECAlgorithm.to_jwk(attacker.public_key(), as_dict=True), "kid": stored.kid})
    store.state.identity.keys[stored.kid] = SigningKey(stored.kid, "active", planted, stored.private_sealed, START)
    again = await load(store)
    assert refused(again, forge(attacker, header={"kid": stored.kid}))
    assert not refused(again, tokens.issue(ACCOUNT, SESSION, START))


# --- other servers on the same store -------------------------------------------------------


class Asked(MemoryStore):
    """Counts how often the ring is read."""

    readings, away = 0, False

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Any]:
        """See the port."""
        self.readings += 1
        if self.away:
            raise Unavailable
        async with super().work() as work:
            await asyncio.sleep(0)
            yield work


def rotate(store: MemoryStore, *, at: Any = START) -> None:
    """As another server would: a new key signs from now on, and the old ones verify."""
    keys = store.state.identity.keys
    for kid, key in keys.items():
        keys[kid] = replace(key, state="retired")
    made = module._new_key(SEALER, at)
    keys[made.kid] = made


async def test_servers_that_start_in_the_same_moment_have_one_key() -> None:
    store = memory_store()
    one, other = await asyncio.gather(load(store), load(store))
    assert one.public_keys() == other.public_keys()
    assert not refused(one, other.issue(ACCOUNT, SESSION, START))


async def test_a_key_that_another_server_made_is_found_when_a_token_names_it() -> None:
    store = Asked(notes())
    here = await load(store)
    old = here.issue(ACCOUNT, SESSION, START)
    rotate(store)
    new = (await load(store)).issue(ACCOUNT, SESSION, START)
    assert refused(here, new)
    before = store.readings
    assert await asyncio.gather(*(here.renew(new, START) for _ in range(20))) == [True] * 20
    assert store.readings == before + 1, "each request read the ring"
    assert not refused(here, new)
    assert not refused(here, old)
    assert jwt.get_unverified_header(here.issue(ACCOUNT, SESSION, START)) == jwt.get_unverified_header(new)


async def test_keys_that_nobody_made_ask_the_store_once_a_second() -> None:
    store = Asked(notes())
    here = await load(store)
    kept = here.issue(ACCOUNT, SESSION, START)
    here.verify(kept, START)
    before = store.readings
    for i in range(1000):
        made_up = forge(header={"kid": f"k{i}"})
        assert not await here.renew(made_up, START + i * SECOND / 500)
    assert store.readings - before == 2
    assert len(here._verified) == 1, "what was verified is forgotten although no key changed"


@pytest.mark.parametrize("token", ["", "x.y.z", "\ud800", "a" * 3000, "e30.e30.", "bnVsbA.bnVsbA."])
async def test_what_is_no_token_of_ours_never_asks_the_store(token: str) -> None:
    store = Asked(notes())
    here = await load(store)
    before = store.readings
    kid = here.public_keys()["keys"][0]["kid"]
    for refused_one in (token, forge(header={"kid": kid}), forge(header={"kid": "k", "crit": []})):
        assert not await here.renew(refused_one, START)
    assert store.readings == before


async def test_a_clock_that_was_set_back_does_not_keep_the_ring_from_being_read() -> None:
    store = Asked(notes())
    here = await load(store)
    assert not await here.renew(forge(), START)
    rotate(store)
    new = (await load(store)).issue(ACCOUNT, SESSION, START)
    assert await here.renew(new, START - 3600 * SECOND)


async def test_a_store_that_is_away_is_no_reason_to_call_a_token_wrong() -> None:
    store = Asked(notes())
    here = await load(store)
    store.away = True
    with pytest.raises(Unavailable):
        await here.renew(forge(), START)
