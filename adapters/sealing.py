"""The service's secret, and what is encrypted under it or under a token: AES-256-GCM with keys derived by HKDF.

A sealed text is URL-safe base64 without padding of 12 random bytes (the nonce) and the ciphertext with its tag.
"""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import FreeholdError

SECRET_FILE = ".freehold-secret"  # noqa: S105
SHORTEST_SECRET = 32
"""characters"""
_NONCE = 12
_SUCCESSOR = b"freehold refresh token successor"


class SecretRefused(FreeholdError):
    """The service's secret is too short, or not the one under which something was sealed."""


def service_secret(configured: str | None, folder: Path) -> bytes:
    """The secret from the environment, else from `.freehold-secret` in the folder, made where it is not there.

    The file can be read by its owner only. Raises `SecretRefused` where it is too short to be one.
    """
    if configured is None:
        path = folder / SECRET_FILE
        if not path.exists():
            _make(path)
        secret, source = path.read_text(encoding="ascii", errors="replace").strip(), str(path)
    else:
        secret, source = configured, "FREEHOLD_SECRET"
    if len(secret) < SHORTEST_SECRET:
        raise SecretRefused(f"The secret in `{source}` must have at least {SHORTEST_SECRET} characters.")
    return secret.encode()


def _make(path: Path) -> None:
    """Write a new secret elsewhere and link it into place: of two processes that start at once one prevails."""
    draft = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


class AesSealer:
    """The `Sealer` port. Each purpose has a key of its own: what one sealed, no other opens."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        """Derive the key."""
        self._cipher = AESGCM(_derive(secret, purpose.encode()))

    def seal(self, plain: bytes, bound_to: bytes) -> str:
        """See the port."""
        return _encrypt(self._cipher, plain, bound_to)

    def open(self, sealed: str, bound_to: bytes) -> bytes | None:
        """See the port."""
        try:
            return _decrypt(self._cipher, sealed, bound_to)
        except (ValueError, InvalidTag):
            return None


class TokenSuccessors:
    """The `Successors` port. The key comes from the token, which is stored nowhere: the database cannot reveal it."""

    def conceal(self, token: str, successor: str) -> str:
        """See the port."""
        return _encrypt(_of_token(token), successor.encode(), b"")

    def reveal(self, token: str, concealed: str) -> str:
        """See the port. Raises `InvalidTag` for another token, whose hash would not have led here."""
        return _decrypt(_of_token(token), concealed, b"").decode()


def _of_token(token: str) -> AESGCM:
    return AESGCM(_derive(token.encode(errors="surrogatepass"), _SUCCESSOR))


def _derive(secret: bytes, purpose: bytes) -> bytes:
    """A key for one purpose (RFC 5869). The secret has enough entropy of its own to need no salt."""
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)


def _encrypt(cipher: AESGCM, plain: bytes, bound_to: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return _text(nonce + cipher.encrypt(nonce, plain, bound_to))


def _decrypt(cipher: AESGCM, sealed: str, bound_to: bytes) -> bytes:
    """Raises `ValueError` or `InvalidTag`."""
    raw = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
    if _text(raw) != sealed:
        # Python's decoder skips foreign characters and loose bits: a text that was changed is refused all the same
        raise ValueError("not canonical")
    return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound_to)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
