"""Which address a request comes from, told from what anybody may claim."""

import logging
import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from starlette.types import Scope

from domain.throttling import Address, read_address

log = logging.getLogger("freehold.http")

FORWARDED = b"x-forwarded-for"
MOST_HOPS = 20
"""proxies in a row that are looked through"""
_HOP = re.compile(r"\[(?P<bracketed>[^\[\]]*)\](?::\d{1,5})?|(?P<ipv4>[^:\[\]]*)(?::\d{1,5})?|(?P<ipv6>[^\[\]]*)")


class Clients:
    """Finds a request's client behind the proxies that were configured, and behind no others."""

    def __init__(self, trusted: tuple[IPv4Network | IPv6Network, ...]) -> None:
        """What these networks' machines say in `X-Forwarded-For` is believed."""
        self._trusted = trusted
        self._warned = False
        self._find = lru_cache(maxsize=4096)(self._client)

    def address(self, scope: Scope) -> str:
        """The client's IP address; empty where there is none, as on a socket in the file system."""
        peer = scope.get("client")
        if peer is None:
            return ""
        forwarded = tuple(value for name, value in scope["headers"] if name == FORWARDED)
        if self._trusted:
            return self._find(peer[0], forwarded)
        if forwarded and not self._warned:
            self._warned = True
            log.warning("X-Forwarded-For is not believed: FREEHOLD_TRUSTED_PROXIES names no proxy")
        return self._find(peer[0], ())

    def _client(self, peer: str, forwarded: tuple[bytes, ...]) -> str:
        """Each proxy appends whom it was asked by: from the right, the first that is no proxy of ours is the client.

        What stands further left is its own claim. Where a proxy of ours appended no address, the client is not known
        and the proxy counts.
        """
        client = read_address(peer.partition("%")[0])
        if client is None:
            return ""
        hops = b",".join(forwarded).decode("latin-1").split(",") if self._is_trusted(client) else []
        named = [hop for hop in map(str.strip, hops) if hop]
        for hop in named[: -MOST_HOPS - 1 : -1]:
            found = _read_hop(hop)
            if found is None:
                break
            client = found
            if not self._is_trusted(client):
                break
        return str(client)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _read_hop(text: str) -> Address | None:
    """An address with or without a port; an IPv6 address with one stands in brackets."""
    found = _HOP.fullmatch(text)
    return None if found is None else read_address(found["bracketed"] or found["ipv4"] or found["ipv6"] or "")
