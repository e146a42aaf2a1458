"""How long wrong passwords make one wait, and what counts as one network."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from domain.throttling import (
    GUESSES_REMEMBERED,
    HEARD_AT_ONCE,
    LONGEST_WAIT,
    network_of,
    read_address,
    wait_after,
)


def test_nobody_waits_for_a_few_mistakes_and_then_each_wait_is_twice_the_last() -> None:
    assert {wait_after(guesses) for guesses in range(HEARD_AT_ONCE)} == {0}
    assert [wait_after(HEARD_AT_ONCE + n) for n in range(13)] == [2**n for n in range(12)] + [LONGEST_WAIT]


@given(st.integers(0, 10**9))
def test_waits_never_shrink_and_never_exceed_the_longest(guesses: int) -> None:
    assert 0 <= wait_after(guesses) <= wait_after(guesses + 1) <= LONGEST_WAIT


def test_whoever_guesses_as_soon_as_allowed_has_45_guesses_a_day() -> None:
    guesses = now = 0
    while now < GUESSES_REMEMBERED:
        guesses += 1
        now += wait_after(guesses)
    assert guesses == 45


def test_nobody_is_locked_out_for_longer_than_an_hour() -> None:
    assert wait_after(10**6) == LONGEST_WAIT == 3600


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_an_ipv6_address_counts_with_all_of_its_64(number: int, other_host: int) -> None:
    address = IPv6Address(number)
    neighbour = IPv6Address(number >> 64 << 64 | other_host)
    elsewhere = IPv6Address(number ^ 1 << 64)
    if address.ipv4_mapped or neighbour.ipv4_mapped or elsewhere.ipv4_mapped:
        return
    assert network_of(str(address)) == network_of(str(neighbour))
    assert network_of(str(address)) != network_of(str(elsewhere))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_an_ipv4_address_counts_for_itself_however_it_is_written(number: int, other: int) -> None:
    address = str(IPv4Address(number))
    assert network_of(f"::ffff:{address}") == network_of(address) == address
    assert (network_of(str(IPv4Address(other))) == address) is (number == other)


@given(st.text(max_size=40))
def test_whatever_is_no_address_is_none_and_counts_as_it_is(text: str) -> None:
    if read_address(text) is None:
        assert network_of(text) == text


def test_zones_and_leading_zeros_are_no_addresses() -> None:
    for text in ("fe80::1%eth0", "010.0.0.1", "1.2.3", "", "1.2.3.4 ", "::ffff:1.2.3.4%1"):
        assert read_address(text) is None
