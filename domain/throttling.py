"""How much of what anybody may do in a time, and how long wrong passwords make one wait.

| what is counted | for whom |
|---|---|
| requests of a signed-in caller | the account |
| requests of anybody else, also with tokens that are not valid | the network |
| sign-ins, refreshes, registrations | the network |
| refreshes | the session |
| links asked for by mail | the network; the address that they go to |
| invitations | the account; the account and the address that they go to |
| exports | the account |
| wrong passwords at a sign-in | a known device; else the account in a known network; else the account |
| wrong passwords of somebody signed in | the session |

Wrong passwords are counted the same whether or not the account exists. Whoever guesses from elsewhere uses up what
unknown devices have together, and nothing of a device that signed in before.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

NETWORK_BITS = 64
"""so many bits of an IPv6 address are one customer's network: within it addresses cost nothing"""


@dataclass(frozen=True, slots=True)
class Limit:
    """So much in a window of so many seconds."""

    amount: int
    seconds: int


SIGN_INS = Limit(60, 60)
"""of a network"""
REGISTRATIONS = Limit(60, 3600)
"""of a network"""
NETWORK_REFRESHES = Limit(300, 60)
SESSION_REFRESHES = Limit(60, 300)
NETWORK_MAILS = Limit(30, 3600)
ADDRESS_MAILS = Limit(5, 3600)
INVITATIONS = Limit(60, 3600)
INVITATIONS_TO_ADDRESS = Limit(5, 3600)
"""of an account"""
EXPORTS = Limit(10, 3600)
"""of an account"""
REQUESTS_SECONDS = 60
"""the window of requests; their number is a setting"""

HEARD_AT_ONCE = 11
"""wrong passwords that are heard before there is a wait: the last of them brings the first one"""
LONGEST_WAIT = 3600
"""seconds"""
GUESSES_REMEMBERED = 24 * 3600
"""seconds, from the first wrong password on; a right one forgets them"""
KNOWN = 90 * 24 * 3600
"""seconds for which a device, or a network, stays known after a sign-in; as long as a session may last"""


def wait_after(guesses: int) -> int:
    """Seconds until the next guess is heard, after so many wrong ones: 1, 2, 4, … beyond those heard at once.

    The longest wait is bounded, so that nobody is locked out for good; with it, 45 guesses fit into a day.
    """
    beyond = guesses - HEARD_AT_ONCE
    if beyond < 0:
        return 0
    return min(1 << min(beyond, LONGEST_WAIT.bit_length()), LONGEST_WAIT)


def read_address(text: str) -> Address | None:
    """An IP address, or None. An IPv4 address that is written as an IPv6 one is the IPv4 address."""
    if "%" in text:
        # a zone says through which of our own interfaces; a caller could vary it at will
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def network_of(address: str) -> str:
    """What is counted as one caller: an IPv4 address, the /64 of an IPv6 address; any other text as it is."""
    found = read_address(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, NETWORK_BITS), strict=False))
    return address if found is None else str(found)
