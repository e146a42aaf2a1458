"""What an address and a password may be."""

import sys
from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account import Account, accept_email, accept_password, presented_password
from domain.values import ValueRefused


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("mary@example.com", "mary@example.com"),
        ("  Mary@Example.COM\n", "mary@example.com"),
        ("e\u0301@example.com", "\u00e9@example.com"),
        ("\u0130@example.com", "i\u0307@example.com"),
        ("o'neil+x@sub.example.com", "o'neil+x@sub.example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_addresses_are_normalised(text: str, email: str) -> None:
    assert accept_email(text) == email


@pytest.mark.parametrize(
    "text",
    ["", "mary", "mary@", "@example.com", "mary@example", "a b@example.com", "a@b@example.com", "a\x00@example.com",
     "a@example..com", "a\u200b@example.com", "a@exa\u202emple.com", "a\u00ad@example.com",
     "a\ufeff@example.com", "\ud800@example.com", "a" * 65 + "@example.com", "a@" + "b" * 250 + ".com", " " * 5000],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused):
        accept_email(text)


@given(st.text(max_size=40).map(lambda text: f"{text}@example.com"))
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        email = accept_email(text)
    except ValueRefused:
        return
    assert accept_email(email) == email


@pytest.mark.parametrize("password", ["8 chars!", "p" * 256, "\u00e9" * 8, "e\u0301" * 256, " " * 8])
def test_passwords_that_are_accepted(password: str) -> None:
    assert accept_password(password) == normalize("NFC", password)


@pytest.mark.parametrize(
    "password", ["", "7 chars", "e\u0301" * 7, "p" * 257, "p" * 1_000_000, "nul\x00inside", "\ud800" * 8]
)
def test_passwords_that_are_refused(password: str) -> None:
    with pytest.raises(ValueRefused):
        accept_password(password)


def test_an_old_password_may_be_shorter_than_a_new_one() -> None:
    assert presented_password("short") == "short"
    with pytest.raises(ValueRefused):
        presented_password("p" * 257)


@pytest.mark.parametrize(
    "password", ["notes2026!", "Freehold-1", "mary1234", "Mary.Smith77", "mary@example", "NOTES--notes", "1notesmary"]
)
def test_a_password_of_words_of_its_context_alone_is_refused(password: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        accept_password(password, app="notes", email="mary.smith@example.com")
    assert caught.value.code == "too_obvious"


@pytest.mark.parametrize("password", ["notes of a horse", "8471 2039 5561", "marigold battery", "!!!!????----"])
def test_a_password_with_more_in_it_is_not(password: str) -> None:
    assert accept_password(password, app="notes", email="mary.smith@example.com") == password


def test_no_character_takes_more_than_four_code_points() -> None:
    """The bound under which a text need not be normalised to be refused."""
    assert max(len(normalize("NFD", chr(code))) for code in range(sys.maxunicode + 1)) == 4


def test_the_hash_is_not_shown() -> None:
    account = Account("id", "mary@example.com", "the hash", datetime.now(UTC))
    assert "the hash" not in repr(account)
    assert "another" not in repr(account.with_password("another"))
