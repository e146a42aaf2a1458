"""What browsers are told: headers that protect people, and which other origins' pages may ask."""

import re
from collections.abc import Collection

from starlette.types import Scope

from adapters.http.errors import Header
from adapters.http.messages import header

POLICY = b"content-security-policy"
STRICTEST = (POLICY, b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
"""for every answer that brings no policy of its own: nothing of it may run, load or be framed"""
PROTECTIVE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_YEAR = 365 * 24 * 60 * 60
_OVER_TLS: tuple[Header, ...] = (
    *PROTECTIVE,
    (b"strict-transport-security", b"max-age=%d; includeSubDomains" % _YEAR),
)
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
"""as a browser writes it (RFC 6454, section 6.1); no `*`, no `null`, no path"""


def protective(scope: Scope) -> tuple[Header, ...]:
    """The headers of every answer; with HSTS where the request came over TLS (RFC 6797, section 7.2)."""
    return _OVER_TLS if scope["scheme"] == "https" else PROTECTIVE


class Origins:
    """Cross-origin requests: by pages of these origins only, and never with cookies."""

    def __init__(self, allowed: Collection[str]) -> None:
        """Allow these origins, compared byte for byte."""
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._allowed)

    def headers(self, scope: Scope) -> tuple[Header, ...]:
        """What the answer to this request says to browsers."""
        origin = header(scope, b"origin")
        if origin not in self._allowed:
            return ((b"vary", b"Origin"),)
        assert origin is not None, "None is never allowed"
        return (
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"ETag, Link, Location, Retry-After, X-Request-Id"),
        )

    def preflight(self, scope: Scope) -> tuple[Header, ...] | None:
        """What else is said where a browser asks whether a page of an allowed origin may; None for all else."""
        if scope["method"] != "OPTIONS" or header(scope, b"access-control-request-method") is None:
            return None
        if header(scope, b"origin") not in self._allowed:
            return None
        return (
            (b"access-control-allow-methods", b"GET, HEAD, POST, PATCH, DELETE"),
            (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match"),
            (b"access-control-max-age", b"600"),
        )
