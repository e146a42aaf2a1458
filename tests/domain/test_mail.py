"""Links, letters, and the addresses and passwords that are refused."""

from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account import accept_email, accept_password
from domain.common_passwords import COMMON
from domain.mail import FIRST_WAIT, GIVEN_UP, LEASE, LINK_LIFETIME, LINKED, LONGEST_WAIT, Kind, Letter, Link
from domain.values import ValueRefused
from tests.doubles import START

LETTER = Letter("an id", Kind.RESET, "mary@example.com", START, START)


@given(st.sampled_from(LINKED), st.sampled_from(list(Kind)), st.timedeltas(timedelta(), timedelta(days=1)))
def test_a_link_opens_one_thing_for_thirty_minutes(made: Kind, asked: Kind, later: timedelta) -> None:
    link = Letter("an id", made, "mary@example.com", START, START).link("0" * 64, None, START)
    assert link.opens(asked, START + later) == (made is asked and later < timedelta(minutes=30))
    assert timedelta(minutes=30) == LINK_LIFETIME


def test_a_letter_is_tried_for_three_days_with_waits_that_double_up_to_an_hour() -> None:
    letter, now, waits = LETTER, START, []
    while (following := letter.again(now)) is not None:
        assert following.attempts == letter.attempts + 1
        waits.append(following.due_at - now)
        letter, now = following, following.due_at
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert GIVEN_UP <= now - START < GIVEN_UP + LONGEST_WAIT
    assert timedelta(seconds=60) < LEASE, "a lease outlasts an attempt"


def test_neither_token_nor_password_is_shown() -> None:
    assert "secret" not in repr(Link("secret", Kind.RESET, "", START, None, "secret"))
    assert "secret" not in repr(Letter("", Kind.RESET, "", START, START, None, "secret"))


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.text(st.characters(codec="utf-8"), max_size=12))
def test_an_accepted_address_is_one_recipient_and_nothing_more(local: str, host: str) -> None:
    try:
        email = accept_email(f"{local}@{host}.com")
    except ValueRefused:
        return
    message = EmailMessage(SMTP)
    message["To"] = email
    assert len(message["To"].addresses) == 1
    assert len(email.splitlines()) == 1


@pytest.mark.parametrize(
    "email",
    [
        *("a,b@example.com", "<a@example.com", "a>b@example.com", '"a"@example.com', "a;b@example.com"),
        *(
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\nb",
            "a@exa\x00mple.com",
            "a(b)@example.com",
            "a@b:c.com",
        ),
    ],
)
def test_an_address_that_means_something_in_a_head_is_refused(email: str) -> None:
    with pytest.raises(ValueRefused):
        accept_email(email)


@given(st.sampled_from(sorted(COMMON)))
def test_a_common_password_is_refused_in_whatever_case(password: str) -> None:
    mixed = "".join(letter.upper() if i % 2 else letter for i, letter in enumerate(password))
    for written in (password, mixed, password.upper()):
        with pytest.raises(ValueRefused) as caught:
            accept_password(written)
        assert caught.value.code == "too_common"


def test_the_list_holds_what_could_be_a_password_at_all() -> None:
    assert len(COMMON) == 3000
    assert {len(word) >= 8 for word in COMMON} == {True}
    assert accept_password("correct horse") == "correct horse"
