"""`/metrics` for Prometheus: how requests go, how the pool is used, and how many deviations there are.

It is there only where it was switched on, and only for the networks that were named: to others it is as missing as
anything. No label holds an id, an address or anything else that a caller chose: of a path only its template is told.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Network, IPv6Network
from time import perf_counter

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.clients import Clients
from adapters.persistence.sql.pool import Use
from domain.deviations import Deviation
from domain.errors import NotFound
from domain.throttling import read_address

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_ROUTE = "none"
"""the template of a path that leads nowhere"""
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SAYS_WHO = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
"""what proxies add"""


class Metrics:
    """What is counted in this process."""

    def __init__(self) -> None:
        """Count from nothing."""
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "freehold_http_request_duration_seconds",
            "Requests, from their head to the end of their answer",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )
        connections = "Connections to PostgreSQL that this process holds, or requests that wait for one"
        self._connections = Gauge("freehold_database_connections", connections, ("state",), registry=self._registry)
        self._deviations = Gauge(
            "freehold_deviations", "What is not as it was approved, by kind", ("kind",), registry=self._registry
        )
        self._looked = Gauge("freehold_deviations_looked_at_seconds", "When, in Unix time", registry=self._registry)
        self._failed = Gauge("freehold_deviations_unreadable", "1: the last look failed", registry=self._registry)
        self._mail = Gauge("freehold_mail_due", "1: letters wait that are due", registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        named = method if method in METHODS else "other"
        self._requests.labels(named, route, str(status)).observe(seconds)

    def pool(self, use: Use) -> None:
        """How connections are used now."""
        for state, count in (("busy", use.busy), ("idle", use.idle), ("waited_for", use.waiting)):
            self._connections.labels(state).set(count)

    def deviating(self, found: Iterable[Deviation] | None, moment: float) -> None:
        """What a look at a Unix time found; None where it failed: then what was found before still stands."""
        self._failed.set(found is None)
        if found is not None:
            self._looked.set(moment)
            self._deviations.clear()
            for kind, count in Counter(each.kind for each in found).items():
                self._deviations.labels(kind).set(count)

    def mail_due(self, due: bool) -> None:
        """Whether the outbox holds what should be on its way."""
        self._mail.set(due)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class Measured:
    """Counts each request of an app; the outermost of all, so that nothing goes past it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap the app."""
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            self._metrics.answered(scope["method"], route, status, perf_counter() - begun)


def install(
    app: FastAPI,
    metrics: Metrics,
    clients: Clients,
    networks: Collection[IPv4Network | IPv6Network],
    pool: Callable[[], Use | None],
) -> None:
    """Measure the app, and let these networks ask what was measured."""

    @app.get("/metrics", include_in_schema=False)
    async def scraped(request: Request) -> Response:
        if not _may(request.scope, clients, networks):
            raise NotFound
        if (use := pool()) is not None:
            metrics.pool(use)
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    app.add_middleware(Measured, metrics=metrics)


def _may(scope: Scope, clients: Clients, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    """Whether the client is in one of the networks. Who comes through a proxy that nobody named is not known."""
    peer, found = scope.get("client"), read_address(clients.address(scope))
    if peer is None or found is None:
        return False
    unknown = str(found) == peer[0] and any(name in _SAYS_WHO for name, _ in scope["headers"])
    return not unknown and any(found in network for network in networks)
