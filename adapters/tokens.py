"""Access tokens: JWTs (RFC 9068) signed by PyJWT, and the ring of keys that sign and verify them.

| a key is | signs | verifies | published |
|---|---|---|---|
| `next` | no | yes | yes: whoever verifies knows it before it signs |
| `active` | yes | yes | yes |
| `retired` | no | until the last token that it signed has ended | as long |

There is one active and one next key. The next one becomes active at a rotation, and another one takes its place.
"""

import asyncio
import json
import secrets
import threading
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.utils import base64url_encode

from adapters.sealing import SecretRefused
from application.ports import Claims, Sealer, SigningKey, Store
from domain.audit import Event
from domain.errors import Conflict, NotAuthenticated, Unavailable

LIFETIME = 900
"""seconds"""
LEEWAY = timedelta(seconds=10)
"""by which another machine's clock may be ahead of ours"""
RENEWAL = timedelta(seconds=1)
"""that the ring is good for, whatever keys callers name"""
LONGEST_TOKEN = 2048
"""characters; ours have about 500"""
REMEMBERED = 20_000
"""verified tokens that are remembered; each takes about half a kilobyte"""
RING_AGE = timedelta(seconds=30)
"""that a ring may have: within it a rotation elsewhere is known here"""
KEPT = timedelta(seconds=LIFETIME) + RING_AGE + LEEWAY
"""after its retirement a key verifies: somebody may sign with it for `RING_AGE`, and the last token lives on"""
ES256, EDDSA = "ES256", "EdDSA"
TYPE = "at+jwt"
_HEADER = {"alg", "kid", "typ"}
_TEXTS, _TIMES = ("iss", "aud", "sub", "sid", "jti"), ("iat", "nbf", "exp")
_OPTIONS: Any = {"require": [*_TEXTS, *_TIMES], "verify_exp": False, "verify_nbf": False, "verify_iat": False}
"""times are held against the caller's `now`, not against PyJWT's"""


Private = EllipticCurvePrivateKey | Ed25519PrivateKey


class Verifying(NamedTuple):
    """What verifies: a key for one algorithm only."""

    algorithm: str
    public: EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the ring, ready for use."""

    kid: str
    signs: bool
    private: Private = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The one that it is for."""
        return EDDSA if isinstance(self.private, Ed25519PrivateKey) else ES256

    @property
    def jwk(self) -> dict[str, Any]:
        """The public part as a JSON Web Key."""
        return {**_jwk(self.private), "kid": self.kid, "use": "sig", "alg": self.algorithm}


class JwtTokens:
    """The `Tokens` port. It has no keys until `load` has read them."""

    def __init__(self, issuer: str, sealer: Sealer, algorithm: str = ES256) -> None:
        """Tokens are issued and accepted by the service of this name alone (`iss` and `aud`).

        `sealer` is what private keys are stored under; new keys are for `algorithm`.
        """
        self.lifetime = LIFETIME
        self._issuer = issuer
        self._sealer = sealer
        self._algorithm = algorithm
        self._keys: dict[str, Key] = {}
        self._public: dict[str, Verifying] = {}
        self._signing: Key | None = None
        self._verified: dict[bytes, tuple[datetime, Claims]] = {}
        self._writing = threading.Lock()
        self._store: Store | None = None
        self._stored: Sequence[SigningKey] = ()
        self._read_at: datetime | None = None
        self._asked: datetime | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def load(self, store: Store, now: datetime) -> None:
        """Read the ring from the store; make and store an active and a next key where they are missing.

        Raises `SecretRefused` where the keys were sealed under another secret.
        """
        self._store = store
        try:
            stored = await self._complete(store, now)
        except Conflict:  # another server started in the same moment, and its keys are there now
            stored = await self._complete(store, now)
        self._take(stored, now)

    async def rotate(self, store: Store, now: datetime) -> Sequence[SigningKey]:
        """See the port."""
        await self.load(store, now)
        async with store.work() as work:
            keys = {key.state: key for key in await work.signing_keys.all()}
            await work.signing_keys.save(replace(keys["active"], state="retired", since=now), before="active")
            await work.signing_keys.save(replace(keys["next"], state="active", since=now), before="next")
            await work.signing_keys.add(self._new_key("next", now))
            await work.audit.add(Event.of("signing_keys_rotated", None, now, kid=keys["next"].kid))
            stored = await work.signing_keys.all()
            await work.commit()
        self._take(stored, now)
        return stored

    async def keep_up(self, now: datetime) -> None:
        """See the port."""
        if self._read_at is None or timedelta(0) <= now - self._read_at < RING_AGE:
            return
        await self._read(now)

    async def renew(self, token: str, now: datetime) -> bool:
        """See the port."""
        kid = _kid(token)
        if kid is None or kid in self._keys or self._store is None:
            return False
        reading = self._renewing is not None and not self._renewing.done()
        if not reading:
            if self._asked is not None and timedelta(0) <= now - self._asked < RENEWAL:
                return False
            self._asked = now
        await self._read(now)
        return kid in self._keys

    async def _read(self, now: datetime) -> None:
        """Read the ring anew. Whoever comes meanwhile waits for the same answer."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._reading(now))
        await asyncio.shield(self._renewing)

    async def _reading(self, now: datetime) -> None:
        assert self._store is not None
        async with self._store.work() as work:
            stored = await work.signing_keys.all()
        self._take(stored, now)

    async def _complete(self, store: Store, now: datetime) -> Sequence[SigningKey]:
        """The stored ring, without what is over, and with keys in place of what is missing.

        A next key for another algorithm than new ones are for has signed nothing, and is replaced.
        """
        async with store.work() as work:
            stored = await work.signing_keys.all()
            outdated = [key for key in stored if key.state == "next" and _algorithm(key) != self._algorithm]
            gone = [key for key in stored if _over(key, now)] + outdated
            states = {key.state for key in stored if key not in gone}
            made = [self._new_key(state, now) for state in ("active", "next") if state not in states]
            for key in gone:
                await work.signing_keys.remove(key.kid)
            for key in made:
                await work.signing_keys.add(key)
            if gone or made:
                stored = await work.signing_keys.all()
                await work.commit()
        return stored

    def _take(self, stored: Sequence[SigningKey], now: datetime) -> None:
        """Use these keys, as far as they are not over."""
        living = [key for key in stored if not _over(key, now)]
        if living != self._stored:  # otherwise what was verified stays remembered
            self.use([_open(key, self._sealer) for key in living])
            self._stored = living
        self._read_at = now

    def _new_key(self, state: str, now: datetime) -> SigningKey:
        private = Ed25519PrivateKey.generate() if self._algorithm == EDDSA else generate_private_key(SECP256R1())
        kid = _thumbprint(private)
        plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        public = Key(kid, True, private).jwk
        return SigningKey(kid, state, json.dumps(public), self._sealer.seal(plain, kid.encode()), now, now)

    def use(self, keys: Sequence[Key]) -> None:
        """Replace the ring; tokens of keys that are no longer in it are refused from now on."""
        with self._writing:
            self._keys = {key.kid: key for key in keys}
            self._public = {key.kid: Verifying(key.algorithm, key.private.public_key()) for key in keys}
            self._signing = next((key for key in keys if key.signs), None)
            self._verified = {}

    def issue(self, account: str, session: str, now: datetime) -> str:
        """See the port."""
        if self._signing is None:
            raise Unavailable
        at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": account,
            "sid": session,
            "iat": at,
            "nbf": at,
            "exp": at + LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        signing = self._signing
        return jwt.encode(claims, signing.private, signing.algorithm, {"typ": TYPE, "kid": signing.kid})

    def verify(self, token: str, now: datetime) -> Claims:
        """See the port. A token that was verified before costs a hash and a look-up."""
        if len(token) > LONGEST_TOKEN:
            raise _invalid()
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is None:
            public, memory = self._public, self._verified
            known = self._check(token, public, now)
            self._remember(memory, digest, known)
        if now >= known[0]:
            raise _invalid()
        return known[1]

    def _check(self, token: str, keys: dict[str, Verifying], now: datetime) -> tuple[datetime, Claims]:
        """When the token ends and what it says. Raises `NotAuthenticated`, unless it is genuine and has begun."""
        try:
            header, claims, _ = _parts(token)
            # our tokens say no more than this: crit, jku, jwk, x5u and whatever else there is are not looked at
            if set(header) != _HEADER or header["typ"] != TYPE or header["kid"] not in keys:
                raise _invalid()
            algorithm, public = keys[header["kid"]]
            jwt.decode(
                token,
                public,
                algorithms=[algorithm],
                options=_OPTIONS,
                issuer=self._issuer,
                audience=self._issuer,
            )
            if any(type(claims[name]) is not str for name in _TEXTS):
                raise _invalid()
            if any(type(claims[name]) is not int for name in _TIMES):
                raise _invalid()
            issued, begins, ends = (datetime.fromtimestamp(claims[name], UTC) for name in _TIMES)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _invalid() from error
        if now < max(issued, begins) - LEEWAY or ends - issued > timedelta(seconds=LIFETIME):
            raise _invalid()
        return ends, Claims(claims["sub"], claims["sid"])

    def _remember(
        self, memory: dict[bytes, tuple[datetime, Claims]], digest: bytes, known: tuple[datetime, Claims]
    ) -> None:
        """Keep a verified token, in place of the oldest where there are too many: it ends within minutes anyway."""
        with self._writing:
            while len(memory) >= REMEMBERED:
                del memory[next(iter(memory))]
            memory[digest] = known

    def public_keys(self) -> dict[str, Any]:
        """See the port."""
        return {"keys": [key.jwk for key in self._keys.values()]}


def _over(key: SigningKey, now: datetime) -> bool:
    """Whether every token that the key has signed has ended."""
    return key.state == "retired" and now >= key.since + KEPT


def _algorithm(key: SigningKey) -> str:
    return str(json.loads(key.public)["alg"])


def _open(stored: SigningKey, sealer: Sealer) -> Key:
    """The key itself. Its public part comes from the private one: a stored one that was tampered with has no effect."""
    plain = sealer.open(stored.private_sealed, stored.kid.encode())
    if plain is None:
        raise SecretRefused(
            "The signing keys in the database were sealed under another secret: set FREEHOLD_SECRET to that one, "
            "or put its `.freehold-secret` back. Secrets of second factors are lost with it, too: "
            "docs/security.md says how to change it for good."
        )
    match load_der_private_key(plain, None):
        case EllipticCurvePrivateKey(curve=SECP256R1()) | Ed25519PrivateKey() as private:
            return Key(stored.kid, stored.state == "active", private)
        case _:
            raise SecretRefused("A signing key in the database is of a kind that is not used here.")


def _jwk(private: Private) -> dict[str, str]:
    public = private.public_key()
    if isinstance(public, Ed25519PublicKey):
        found = OKPAlgorithm.to_jwk(public, as_dict=True)
        return {name: found[name] for name in ("crv", "kty", "x")}
    found = ECAlgorithm.to_jwk(public, as_dict=True)
    return {name: found[name] for name in ("crv", "kty", "x", "y")}


def _thumbprint(private: Private) -> str:
    """The key's name: a hash of its public part (RFC 7638, RFC 8037)."""
    canonical = json.dumps(_jwk(private), separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest()).decode()


def _kid(token: str) -> str | None:
    """The key that a token of ours names; None where it is no such token."""
    try:
        header, _, _ = _parts(token) if len(token) <= LONGEST_TOKEN else ({}, {}, b"")
    except (ValueError, RecursionError):
        return None
    return header["kid"] if set(header) == _HEADER and isinstance(header["kid"], str) else None


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, claims and signature, nothing of it verified; `ValueError` unless written in the one way there is."""
    header, claims, signature = token.split(".")
    return _fields(header), _fields(claims), _decoded(signature)


def _fields(part: str) -> dict[str, Any]:
    found = json.loads(_decoded(part).decode(), object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _decoded(part: str) -> bytes:
    """Python's decoder skips foreign characters and loose bits: two texts would be one token."""
    raw = urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    if base64url_encode(raw).decode() != part:
        raise ValueError("not canonical")
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Who reads the first of two claims and who reads the last would differ."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate names")
    return found


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("The access token is not valid (any more).", code="invalid_token")
