"""Access tokens: JWTs (RFC 9068) signed with ES256 by PyJWT, and the ring of keys that sign and verify them."""

import asyncio
import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

from adapters.sealing import SecretRefused
from application.ports import Claims, Sealer, SigningKey, Store
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
ALGORITHM = "ES256"
TYPE = "at+jwt"
_HEADER = {"alg", "kid", "typ"}
_CLAIMS = ["iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti"]
_OPTIONS: Any = {"require": _CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
"""times are held against the caller's `now`, not against PyJWT's"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the ring, ready for use."""

    kid: str
    signs: bool
    private: EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> EllipticCurvePublicKey:
        """What verifies."""
        return self.private.public_key()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public part as a JSON Web Key."""
        return {**_jwk(self.private), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


class JwtTokens:
    """The `Tokens` port. It has no keys until `load` has read them."""

    def __init__(self, issuer: str, sealer: Sealer) -> None:
        """Tokens are issued and accepted by the service of this name alone (`iss` and `aud`).

        `sealer` is what private keys are stored under.
        """
        self.lifetime = LIFETIME
        self._issuer = issuer
        self._sealer = sealer
        self._keys: dict[str, Key] = {}
        self._public: dict[str, EllipticCurvePublicKey] = {}
        self._signing: Key | None = None
        self._verified: dict[bytes, tuple[datetime, Claims]] = {}
        self._writing = threading.Lock()
        self._store: Store | None = None
        self._stored: Sequence[SigningKey] = ()
        self._renewed: datetime | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def load(self, store: Store, now: datetime) -> None:
        """Read the ring from the store; make and store the first key where there is none that signs.

        Raises `SecretRefused` where the keys were sealed under another secret.
        """
        self._store = store
        try:
            stored = await self._first(store, now)
        except Conflict:  # another server started in the same moment, and its key is there now
            stored = await self._first(store, now)
        self._take(stored)

    async def renew(self, token: str, now: datetime) -> bool:
        """See the port. Whoever comes while the store is asked waits for the same answer."""
        kid = _kid(token)
        if kid is None or kid in self._keys or self._store is None:
            return False
        if self._renewing is None or self._renewing.done():
            if self._renewed is not None and timedelta(0) <= now - self._renewed < RENEWAL:
                return False
            self._renewed = now
            self._renewing = asyncio.create_task(self._read(self._store))
        await asyncio.shield(self._renewing)
        return kid in self._keys

    async def _first(self, store: Store, now: datetime) -> Sequence[SigningKey]:
        async with store.work() as work:
            stored = list(await work.signing_keys.all())
            if all(key.state != "active" for key in stored):
                stored.append(_new_key(self._sealer, now))
                await work.signing_keys.add(stored[-1])
                await work.commit()
        return stored

    async def _read(self, store: Store) -> None:
        async with store.work() as work:
            stored = await work.signing_keys.all()
        if stored != self._stored:  # otherwise what was verified stays remembered
            self._take(stored)

    def _take(self, stored: Sequence[SigningKey]) -> None:
        self.use([_open(key, self._sealer) for key in stored])
        self._stored = stored

    def use(self, keys: Sequence[Key]) -> None:
        """Replace the ring; tokens of keys that are no longer in it are refused from now on."""
        with self._writing:
            self._keys = {key.kid: key for key in keys}
            self._public = {key.kid: key.public for key in keys}
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
        return jwt.encode(claims, self._signing.private, ALGORITHM, {"typ": TYPE, "kid": self._signing.kid})

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

    def _check(self, token: str, keys: dict[str, EllipticCurvePublicKey], now: datetime) -> tuple[datetime, Claims]:
        """When the token ends and what it says. Raises `NotAuthenticated`, unless it is genuine and has begun."""
        try:
            header = jwt.get_unverified_header(token)
            # our tokens say no more than this: crit, jku, jwk, x5u and whatever else there is are not looked at
            if set(header) != _HEADER or header["typ"] != TYPE or header["kid"] not in keys:
                raise _invalid()
            claims = jwt.decode(
                token,
                keys[header["kid"]],
                algorithms=[ALGORITHM],
                options=_OPTIONS,
                issuer=self._issuer,
                audience=self._issuer,
            )
            begins, ends = (datetime.fromtimestamp(claims[name], UTC) for name in ("nbf", "exp"))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _invalid() from error
        if not isinstance(claims["sid"], str) or now < begins - LEEWAY:
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


def _new_key(sealer: Sealer, now: datetime) -> SigningKey:
    private = generate_private_key(SECP256R1())
    kid = _thumbprint(private)
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = Key(kid, True, private).jwk
    return SigningKey(kid, "active", json.dumps(public), sealer.seal(plain, kid.encode()), now)


def _open(stored: SigningKey, sealer: Sealer) -> Key:
    """The key itself. Its public part comes from the private one: a stored one that was tampered with has no effect."""
    plain = sealer.open(stored.private_sealed, stored.kid.encode())
    if plain is None:
        raise SecretRefused(
            "The signing keys in the database were sealed under another secret: set FREEHOLD_SECRET to that one, "
            "or put its `.freehold-secret` back."
        )
    private = load_der_private_key(plain, None)
    if not isinstance(private, EllipticCurvePrivateKey):
        raise SecretRefused("A signing key in the database is of a kind that is not used here.")
    return Key(stored.kid, stored.state == "active", private)


def _jwk(private: EllipticCurvePrivateKey) -> dict[str, str]:
    found = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: found[name] for name in ("crv", "kty", "x", "y")}


def _thumbprint(private: EllipticCurvePrivateKey) -> str:
    """The key's name: a hash of its public part (RFC 7638)."""
    canonical = json.dumps(_jwk(private), separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest()).decode()


def _kid(token: str) -> str | None:
    """The key that a token of ours names; None where it is no such token."""
    try:
        header = jwt.get_unverified_header(token) if len(token) <= LONGEST_TOKEN else {}
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    return header["kid"] if set(header) == _HEADER and isinstance(header["kid"], str) else None


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("The access token is not valid (any more).", code="invalid_token")
