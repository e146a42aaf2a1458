"""Attacks on access tokens (RFC 8725), on a real socket; each would be genuine without its one fault."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from domain.ownership import Actor
from tests.attacks.wire import Wire

OTHERS = generate_private_key(SECP256R1())


class Forger:
    """Has a genuine token of Mary's, and makes others of it: with our key, unless told otherwise."""

    def __init__(self, wire: Wire, mary: Actor) -> None:
        self.wire = wire
        self.genuine = wire.api.tokens[mary]
        self.header = jwt.get_unverified_header(self.genuine)
        self.claims = jwt.decode(self.genuine, options={"verify_signature": False})
        self.key = wire.api.container.tokens()._keys[self.header["kid"]].private

    def forge(self, key: Any = None, algorithm: str | None = "ES256", header: Any = None, claims: Any = None) -> str:
        """Another token: what is None is left out."""
        said = {name: value for name, value in {**self.claims, **(claims or {})}.items() if value is not None}
        private = self.key if key is None else key
        return jwt.encode(said, private, algorithm, {"typ": "at+jwt", "kid": self.header["kid"], **(header or {})})

    def sign(self, head: bytes, body: bytes) -> str:
        """Any header and any claims, written as they are."""
        signed = f"{text(head)}.{text(body)}"
        return f"{signed}.{text(ECAlgorithm(ECAlgorithm.SHA256).sign(signed.encode(), self.key))}"

    async def refused(self, token: str) -> None:
        """By a route of records and one of accounts, also where an anonymous caller would be served."""
        for path in ("/v3/boxes", "/auth/me"):
            said = await self.wire.ask(None, "GET", path, b"", f"Authorization: Bearer {token}")
            assert (said.statuses, said.code) == ([401], "invalid_token"), (path, said.raw[:300])

    async def accepted(self, token: str) -> None:
        """As Mary's own."""
        said = await self.wire.ask(None, "GET", "/auth/me", b"", f"Authorization: Bearer {token}")
        assert said.statuses == [200], said.raw


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
async def forger(wire: Wire, mary: Actor) -> Forger:
    found = Forger(wire, mary)
    await found.accepted(found.genuine)
    await found.accepted(found.forge())
    return found


async def test_unsigned(forger: Forger) -> None:
    head, body, _ = forger.genuine.split(".")
    for name in ("none", "None", "NONE", "nOnE"):
        unsigned = text(json.dumps({**forger.header, "alg": name}).encode())
        for signature in ("", "AA", forger.genuine.split(".")[2]):
            await forger.refused(f"{unsigned}.{body}.{signature}")
    await forger.refused(f"{head}.{body}.")
    await forger.refused(f"{head}.{body}")
    await forger.refused(f"{head}.{body}.{text(bytes(64))}")


async def test_hmac_with_the_public_key_as_its_secret(forger: Forger) -> None:
    public = forger.key.public_key()
    (published,) = [
        k for k in forger.wire.api.container.tokens().public_keys()["keys"] if k["kid"] == forger.header["kid"]
    ]
    secrets = [
        public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo) for encoding in (Encoding.PEM, Encoding.DER)
    ]
    secrets += [public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), json.dumps(published).encode()]
    body = forger.genuine.split(".")[1]
    for name, digest in (("HS256", "sha256"), ("HS512", "sha512")):
        head = text(json.dumps({**forger.header, "alg": name}).encode())
        for secret in [*secrets, secrets[0].rstrip(b"\n"), b""]:
            await forger.refused(f"{head}.{body}.{text(hmac.digest(secret, f'{head}.{body}'.encode(), digest))}")


async def test_other_keys_curves_and_algorithms(forger: Forger) -> None:
    await forger.refused(forger.forge(OTHERS))
    await forger.refused(forger.forge(generate_private_key(SECP384R1()), "ES384"))
    await forger.refused(forger.forge(Ed25519PrivateKey.generate(), "EdDSA"))
    await forger.refused(forger.forge(generate_rsa(65537, 2048), "RS256"))
    other = forger.forge(generate_private_key(SECP384R1()), "ES384")
    await forger.refused(f"{forger.genuine.split('.')[0]}.{'.'.join(other.split('.')[1:])}")


KIDS: list[Any] = [
    "", "../../../../dev/null", "/dev/null", "file:///etc/passwd", "' OR '1'='1", "x' UNION SELECT '", "$(id)",
    "a" * 1000, "\x00", "\u00e9", "%2e%2e%2f", 1, True, [], {}, None,
]  # fmt: skip


@pytest.mark.parametrize("kid", KIDS)
async def test_key_ids_that_lead_elsewhere(forger: Forger, kid: Any) -> None:
    head = json.dumps({**forger.header, "kid": kid}).encode()
    await forger.refused(forger.sign(head, json.dumps(forger.claims).encode()))


async def test_keys_that_the_token_brings_along(forger: Forger) -> None:
    jwk = ECAlgorithm.to_jwk(OTHERS.public_key(), as_dict=True)
    brought: list[dict[str, Any]] = [
        {"jwk": jwk}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/cert"}, {"x5c": ["AA=="]},
        {"x5t": "AA"}, {"x5t#S256": "AA"}, {"crit": ["exp"]}, {"crit": ["b64"], "b64": False}, {"zip": "DEF"},
        {"cty": "JWT"}, {"epk": jwk}, {"iss": "freehold"},
    ]  # fmt: skip
    for header in brought:
        await forger.refused(forger.forge(OTHERS, header=header))
        body = json.dumps(forger.claims).encode()
        await forger.refused(forger.sign(json.dumps({**forger.header, **header}).encode(), body))


async def test_tokens_of_other_types(forger: Forger) -> None:
    for kind in ("JWT", "jwt", "AT+JWT", "application/at+jwt", "id_token", "", None, "refresh+jwt"):
        head = json.dumps({**forger.header, "typ": kind}).encode()
        await forger.refused(forger.sign(head, json.dumps(forger.claims).encode()))
    bare = {name: value for name, value in forger.header.items() if name != "typ"}
    await forger.refused(forger.sign(json.dumps(bare).encode(), json.dumps(forger.claims).encode()))


async def test_claims_that_are_wrong_or_missing(forger: Forger) -> None:
    at = forger.claims["iat"]
    wrong: list[dict[str, Any]] = [
        {"exp": at}, {"exp": at - 1}, {"nbf": at + 60, "exp": at + 800}, {"iat": at + 60}, {"exp": at + 901},
        {"exp": at + 10**9}, {"exp": str(at + 60)}, {"exp": at + 60.5}, {"exp": True}, {"exp": -1}, {"nbf": None},
        {"iss": "evil"}, {"iss": ["freehold"]}, {"iss": None}, {"aud": "evil"}, {"aud": ["evil"]}, {"aud": None},
        {"aud": ["freehold", "evil"]}, {"sub": None}, {"sub": ""}, {"sub": {}}, {"sid": None}, {"sid": 1},
        {"jti": None}, {"jti": 5}, {"exp": None}, {"iat": None},
        {"sid": forger.claims["sub"]}, {"sub": forger.claims["sid"]},
    ]  # fmt: skip
    for claims in wrong:
        said = {name: value for name, value in {**forger.claims, **claims}.items() if value is not None}
        token = forger.sign(json.dumps(forger.header).encode(), json.dumps(said).encode())
        said_back = await forger.wire.ask(None, "GET", "/auth/me", b"", f"Authorization: Bearer {token}")
        assert said_back.statuses == [401], claims


async def test_one_token_has_one_form(forger: Forger) -> None:
    """What stands behind it, between its parts, or in bits that no decoder looks at."""
    head, body, signature = forger.genuine.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = last[last.index(signature[-1]) ^ 1]
    for token in (
        f"{forger.genuine}.", f"{forger.genuine}.e30", f"{forger.genuine}=", f"{forger.genuine}==",
        f"{forger.genuine}!",
        f"{head}.{body}.{signature[:-1]}{loose}", f"{head}=.{body}.{signature}", f"{head}.{body}*.{signature}",
        f".{forger.genuine}", f"{head}..{body}.{signature}", f"{head}.{body}.{signature}AAAA", forger.genuine.upper(),
    ):  # fmt: skip
        await forger.refused(token)


async def test_names_that_are_said_twice(forger: Forger) -> None:
    head, claims = json.dumps(forger.header), json.dumps(forger.claims)
    await forger.accepted(forger.sign(head.encode(), claims.encode()))
    await forger.refused(forger.sign(head.encode(), f'{{"sub":"x",{claims[1:]}'.encode()))
    await forger.refused(forger.sign(f'{{"alg":"none",{head[1:]}'.encode(), claims.encode()))


async def test_tokens_that_are_no_json_objects(forger: Forger) -> None:
    head, claims = json.dumps(forger.header).encode(), json.dumps(forger.claims).encode()
    for nonsense in (
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff",
        b"{" * 500,
        b"[" * 1000,
        b'{"a":1e999}',
        claims.decode().encode("utf-16"),
    ):
        await forger.refused(forger.sign(head, nonsense))
        await forger.refused(forger.sign(nonsense, claims))


async def test_big_tokens(forger: Forger) -> None:
    await forger.refused(forger.forge(claims={"more": "x" * 2000}))
    await forger.refused("a" * 20_000)
    await forger.refused("." * 2048)


async def test_other_secrets_of_the_service_are_no_access_tokens(forger: Forger) -> None:
    api = forger.wire.api
    answer = await api.call(
        None, "POST", "/auth/register", json={"email": "bob@example.com", "password": "correct horse"}
    )
    await forger.refused(answer.json()["refresh_token"])
    for cookie in answer.cookies.values():
        await forger.refused(cookie)
    token = await api.call(None, "POST", "/auth/refresh", json={"refresh_token": answer.json()["access_token"]})
    assert token.status_code == 401, "and the other way round"
