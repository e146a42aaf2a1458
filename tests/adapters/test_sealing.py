"""What is encrypted, and the secret under which."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from adapters.sealing import SECRET_FILE, AesSealer, SecretRefused, TokenSuccessors, service_secret

SECRET = b"s" * 32


@given(st.binary(max_size=100), st.binary(max_size=20))
def test_what_is_sealed_is_read_again(plain: bytes, bound_to: bytes) -> None:
    sealed = AesSealer(SECRET, "cursors").seal(plain, bound_to)
    assert AesSealer(SECRET, "cursors").open(sealed, bound_to) == plain
    assert sealed.replace("-", "").replace("_", "").isalnum()


def test_it_is_read_by_nobody_else() -> None:
    sealer = AesSealer(SECRET, "cursors")
    sealed = sealer.seal(b"plain", b"mary")
    assert sealer.open(sealed, b"bob") is None
    assert AesSealer(SECRET, "signing keys").open(sealed, b"mary") is None
    assert AesSealer(b"t" * 32, "cursors").open(sealed, b"mary") is None
    assert sealer.seal(b"plain", b"mary") != sealed


def test_every_change_of_the_text_is_noticed() -> None:
    sealer = AesSealer(SECRET, "cursors")
    sealed = sealer.seal(b"plain", b"")
    changed = [
        sealed[:i] + other + sealed[i + 1 :] for i in range(len(sealed)) for other in "AB_!" if sealed[i] != other
    ]
    added = [sealed + more for more in ("=", "==", "A", "!", " ", "\n", "\u00e9")] + [sealed[:-1], "!" + sealed]
    for text in [*changed, *added, "", "A", "AAAA", "\ud800", "x" * 5000]:
        assert sealer.open(text, b"") is None


def test_a_successor_is_read_with_its_token_only() -> None:
    successors = TokenSuccessors()
    concealed = successors.conceal("token", "successor")
    assert successors.reveal("token", concealed) == "successor"
    assert "successor" not in concealed
    with pytest.raises(InvalidTag):
        successors.reveal("Token", concealed)


def test_the_configured_secret_comes_first(tmp_path: Path) -> None:
    assert service_secret("s" * 32, tmp_path) == SECRET
    assert not list(tmp_path.iterdir())


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = service_secret(None, tmp_path)
    finally:
        os.umask(before)
    assert service_secret(None, tmp_path) == made
    assert len(made) == 64
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_FILE]
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(lambda _: service_secret(None, tmp_path), range(64)))) == 1


@pytest.mark.parametrize("content", ["", "short", "\n" * 100])
def test_a_short_secret_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / SECRET_FILE).write_text(content)
    with pytest.raises(SecretRefused):
        service_secret(None, tmp_path)
    with pytest.raises(SecretRefused):
        service_secret("s" * 31, tmp_path)
