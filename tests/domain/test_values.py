"""Values: what each kind accepts, what its options refuse, and that nothing is lost between JSON and the domain."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.specification.model import Field, Kind, Place
from domain.values import LARGEST_INTEGER, ValueRefused, accept, accept_id, from_query, instant_text, to_json

HERE = Place(1, 1)
ID = "0190b5d0-1111-7000-8000-0123456789ab"
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)


def field(kind: Kind, **options: Any) -> Field:
    """A field of a kind."""
    return Field("f", kind, HERE, **options)


def code(kind: Kind, value: Any, **options: Any) -> str | None:
    """Why a value is refused; None where it is accepted."""
    try:
        accept(field(kind, **options), value)
    except ValueRefused as refused:
        return refused.code if str(refused) else "refused without a word"
    return None


RIGHT: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: ("", "a", "été", "😀", "a\nb"),
    Kind.INTEGER: (0, -1, 3.0, LARGEST_INTEGER, -LARGEST_INTEGER),
    Kind.NUMBER: (0, 0.5, -1e308, 10**300),
    Kind.DECIMAL: ("0", "-0.50", "12.50", "9" * 38),
    Kind.YES_NO: (True, False),
    Kind.DATE: ("2026-02-28", "2024-02-29", "0001-01-01"),
    Kind.TIME: ("2026-11-23T09:30:00Z", "2026-11-23t09:30:00.123456z", "2026-11-23T09:30:00+05:30"),
    Kind.JSON: (0, "", False, [], {}, [1, {"a": None}], 0.5),
    Kind.ONE_OF: ("small", "second hand"),
    Kind.ACCOUNT: (ID, ID.upper()),
    Kind.REFERENCE: (ID,),
    Kind.MEMBER: (ID,),
    Kind.CREATOR: (ID,),
    Kind.COPY: (ID,),
}
WRONG: dict[Kind, tuple[tuple[Any, str], ...]] = {
    Kind.TEXT: ((1, "not_text"), (None, "not_text"), ("a\x00", "nul"), ("\ud800", "not_unicode")),
    Kind.INTEGER: (
        (True, "not_an_integer"),
        ("1", "not_an_integer"),
        (1.5, "not_an_integer"),
        (math.inf, "not_an_integer"),
        (LARGEST_INTEGER + 1, "too_large"),
    ),
    Kind.NUMBER: (
        (True, "not_a_number"),
        ("1", "not_a_number"),
        (math.nan, "too_large"),
        (math.inf, "too_large"),
        (10**400, "too_large"),
    ),
    Kind.DECIMAL: (
        (1, "not_a_decimal"),
        ("1.", "not_a_decimal"),
        (".5", "not_a_decimal"),
        ("01", "not_a_decimal"),
        ("+1", "not_a_decimal"),
        ("1e3", "not_a_decimal"),
        ("NaN", "not_a_decimal"),
        ("1\n", "not_a_decimal"),
        ("٣", "not_a_decimal"),
        ("9" * 39, "too_large"),
    ),
    Kind.YES_NO: ((0, "not_yes_no"), ("yes", "not_yes_no"), (None, "not_yes_no")),
    Kind.DATE: (
        ("2026-02-30", "not_a_date"),
        ("20260228", "not_a_date"),
        ("2026-2-1", "not_a_date"),
        ("2026-02-28T00:00:00Z", "not_a_date"),
        ("٢٠٢٦-02-28", "not_a_date"),
        (20260228, "not_a_date"),
    ),
    Kind.TIME: (
        ("2026-11-23T09:30:00", "not_a_time"),
        ("2026-11-23", "not_a_time"),
        ("2026-11-23 09:30:00Z", "not_a_time"),
        ("2026-11-23T09:30:00.1234567Z", "not_a_time"),
        ("2026-11-23T25:30:00Z", "not_a_time"),
        ("0001-01-01T00:00:00+23:00", "not_a_time"),
        (0, "not_a_time"),
    ),
    Kind.JSON: (
        ([math.nan], "too_large"),
        ({"a": math.inf}, "too_large"),
        ([LARGEST_INTEGER + 1], "too_large"),
        ({"\x00": 1}, "nul"),
        (["\ud800"], "not_unicode"),
    ),
    Kind.ONE_OF: (("large", "not_one_of"), (1, "not_one_of"), (None, "not_one_of"), ("Small", "not_one_of")),
    Kind.ACCOUNT: (("x", "not_an_id"), (ID + "0", "not_an_id"), (1, "not_an_id"), (ID.replace("-", ""), "not_an_id")),
}


def options_of(kind: Kind) -> dict[str, Any]:
    """What the kind cannot be without."""
    return {"values": ("small", "second hand")} if kind is Kind.ONE_OF else {}


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_accepts_its_values(kind: Kind) -> None:
    for value in RIGHT[kind]:
        assert code(kind, value, **options_of(kind)) is None, value


@pytest.mark.parametrize("kind", WRONG)
def test_each_kind_refuses_others_and_says_why(kind: Kind) -> None:
    for value, why in WRONG[kind]:
        assert code(kind, value, **options_of(kind)) == why, value


@pytest.mark.parametrize(
    ("kind", "options", "right", "wrong", "why"),
    [
        (Kind.TEXT, {"length": (2, 3)}, ("ab", "été", "😀😀"), ("a", "abcd", ""), "length"),
        (Kind.TEXT, {"pattern": "[a-z]+"}, ("a",), ("", "a1", "a\n"), "pattern"),
        (
            Kind.TEXT,
            {"format": "email"},
            ("a@b.de",),
            ("a@b", "a b@c.de", "@b.de", "a@b..de", "a" * 250 + "@b.de"),
            "not_an_email",
        ),
        (
            Kind.TEXT,
            {"format": "url"},
            ("https://a.de/b?c#d", "http://[::1]:80/"),
            ("ftp://a.de", "https://", "a.de", "https://a b", "https://a:x/", "javascript:alert(1)", "https://[a"),
            "not_a_url",
        ),
        (Kind.INTEGER, {"minimum": 0}, (0, 1), (-1,), "too_small"),
        (Kind.INTEGER, {"maximum": 5}, (5, -1), (6,), "too_large"),
        (Kind.NUMBER, {"minimum": 0.5}, (0.5, 1), (0.25,), "too_small"),
        (Kind.NUMBER, {"maximum": 0.5}, (0.5, -1), (1,), "too_large"),
        (Kind.DECIMAL, {"minimum": Decimal("1.5")}, ("1.5", "1.50", "10"), ("1.49", "-2"), "too_small"),
        (Kind.DECIMAL, {"maximum": Decimal("1.5")}, ("1.5", "-2"), ("1.51", "10"), "too_large"),
        (Kind.DECIMAL, {"places": 2}, ("1", "1.5", "1.55"), ("1.555", "0.000"), "places"),
        (Kind.DATE, {"minimum": date(2026, 1, 2)}, ("2026-01-02",), ("2026-01-01",), "too_small"),
        (Kind.DATE, {"maximum": date(2026, 1, 2)}, ("2026-01-02",), ("2026-01-03",), "too_large"),
        (
            Kind.TIME,
            {"minimum": datetime(2026, 1, 2, tzinfo=UTC)},
            ("2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00"),
            ("2026-01-02T00:00:00+01:00",),
            "too_small",
        ),
        (
            Kind.TIME,
            {"maximum": datetime(2026, 1, 2, tzinfo=UTC)},
            ("2026-01-02T00:00:00Z",),
            ("2026-01-02T00:00:00.000001Z",),
            "too_large",
        ),
    ],
)
def test_options(kind: Kind, options: dict[str, Any], right: tuple[Any, ...], wrong: tuple[Any, ...], why: str) -> None:
    assert [code(kind, value, **options) for value in right] == [None] * len(right)
    assert [code(kind, value, **options) for value in wrong] == [why] * len(wrong)


# --- there and back ------------------------------------------------------------------------


def there_and_back(kind: Kind, value: Any, **options: Any) -> Any:
    """A JSON value as it is shown after it was accepted."""
    return to_json(field(kind, **options), accept(field(kind, **options), value))


@pytest.mark.parametrize(
    ("kind", "sent", "shown"),
    [
        (Kind.DECIMAL, "12.50", "12.50"),
        (Kind.DECIMAL, "-0", "0"),
        (Kind.DECIMAL, "-0.00", "0.00"),
        (Kind.DECIMAL, "0.0000000001", "0.0000000001"),
        (Kind.TIME, "2026-11-23T09:30:00+01:00", "2026-11-23T08:30:00Z"),
        (Kind.TIME, "2026-11-23t09:30:00.5z", "2026-11-23T09:30:00.500000Z"),
        (Kind.ACCOUNT, ID.upper(), ID),
        (Kind.INTEGER, 3.0, 3),
        (Kind.DATE, "0999-01-01", "0999-01-01"),
    ],
)
def test_what_is_shown_is_what_was_sent_in_its_one_form(kind: Kind, sent: Any, shown: Any) -> None:
    assert there_and_back(kind, sent) == shown
    assert type(there_and_back(kind, sent)) is type(shown)


DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,10})?", fullmatch=True, alphabet="0123456789-.")
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@PROPERTY
@given(DIGITS)
def test_a_decimal_is_kept_as_it_was_sent(text: str) -> None:
    shown = there_and_back(Kind.DECIMAL, text)
    assert shown == text if Decimal(text) else shown == text.removeprefix("-")


@PROPERTY
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))
def test_an_instant_is_kept_to_the_microsecond(moment: datetime) -> None:
    accepted = accept(field(Kind.TIME), moment.isoformat())
    assert accepted == moment
    assert accepted.utcoffset() == timedelta(0)
    assert accept(field(Kind.TIME), instant_text(moment)) == moment
    assert len(instant_text(moment)) in (20, 27)


@PROPERTY
@given(st.dates())
def test_a_date_is_kept(day: date) -> None:
    assert there_and_back(Kind.DATE, day.isoformat()) == day.isoformat()


@PROPERTY
@given(JSON)
def test_any_json_is_kept(value: Any) -> None:
    assert there_and_back(Kind.JSON, value) == value


@PROPERTY
@given(st.integers(-LARGEST_INTEGER, LARGEST_INTEGER), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_kept(whole: int, number: float) -> None:
    assert there_and_back(Kind.INTEGER, whole) == whole
    assert there_and_back(Kind.NUMBER, number) == number


@pytest.mark.parametrize("kind", Kind)
def test_null_stays_null(kind: Kind) -> None:
    assert to_json(field(kind), None) is None


# --- queries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.YES_NO, "true", True),
        (Kind.YES_NO, "false", False),
        (Kind.INTEGER, "-3", -3),
        (Kind.NUMBER, "0.5", 0.5),
        (Kind.DECIMAL, "1.50", Decimal("1.5")),
        (Kind.DATE, "2026-02-28", date(2026, 2, 28)),
        (Kind.TIME, "2026-11-23T09:30:00Z", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
        (Kind.TEXT, "", ""),
        (Kind.ACCOUNT, ID, ID),
    ],
)
def test_a_query_says_values_in_text(kind: Kind, text: str, value: Any) -> None:
    assert from_query(field(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.YES_NO, "yes"),
        (Kind.YES_NO, "1"),
        (Kind.INTEGER, "a"),
        (Kind.INTEGER, "1.5"),
        (Kind.NUMBER, "nan"),
        (Kind.NUMBER, ""),
    ],
)
def test_a_query_refuses_what_is_no_value(kind: Kind, text: str) -> None:
    with pytest.raises(ValueRefused):
        from_query(field(kind), text)


def test_a_query_may_ask_for_what_no_record_can_have() -> None:
    bounded = field(Kind.INTEGER, minimum=0, maximum=5)
    assert from_query(bounded, "9") == 9
    assert from_query(field(Kind.TEXT, length=(1, 2)), "abc") == "abc"
    with pytest.raises(ValueRefused):
        from_query(field(Kind.ONE_OF, values=("a", "b")), "c")


def test_ids_have_one_form() -> None:
    assert accept_id(ID.upper()) == ID
    for wrong in ("", ID[:-1], f" {ID}", f"{ID}\n", None, 1):
        with pytest.raises(ValueRefused):
            accept_id(wrong)
