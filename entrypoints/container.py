"""The container: the only file that names both ports and adapters. Everything is made once and synchronously.

Tests swap a provider: `container.store.override(providers.Object(MemoryStore(specification)))`.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from dependency_injector import containers, providers
from fastapi import FastAPI

from adapters.clock import SystemClock, UuidV7
from adapters.http.app import build_app
from adapters.http.auth import auth_router
from adapters.http.clients import Clients
from adapters.http.credentials import credentials_router
from adapters.http.idempotency import Idempotent
from adapters.http.identity import Identity
from adapters.http.metrics import Metrics
from adapters.limits import LimitsCounters, SharedCounters, in_memory, on_server
from adapters.mail import SmtpMail
from adapters.one_time_codes import Totp
from adapters.passwords import PasslibPasswords
from adapters.persistence.memory import MemoryStore
from adapters.persistence.sql.inspecting import Inspect, inspector
from adapters.persistence.sql.pool import Limits, Server
from adapters.persistence.sql.postgres import PostgresStore
from adapters.persistence.sql.revisions import Revisions
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import Tables, build
from adapters.persistence.sql.upkeep import Upkeep
from adapters.project_folder import FolderOfProject
from adapters.sealing import AesSealer, TokenSuccessors, service_secret
from adapters.specification_file import load
from adapters.tokens import JwtTokens
from application.access import AccessUseCases
from application.accounts import AccountUseCases, SignUp
from application.api_keys import ApiKeyUseCases
from application.batch import BatchUseCases
from application.history import HistoryUseCases
from application.idempotency import Idempotency
from application.invitations import InvitationUseCases
from application.mailing import Mailing
from application.ports import Clock, Counters, Sealer
from application.records import RecordUseCases
from application.second_factors import SecondFactorUseCases
from application.secret_links import SecretLinkUseCases
from application.sessions import SessionUseCases
from application.sharing import SharingUseCases
from application.specifications import SpecificationUseCases
from application.throttles import Throttles
from application.transfers import TransferUseCases
from domain.specification.model import Specification
from entrypoints.settings import RateLimits, Settings
from entrypoints.watching import Watch

LOCAL = "http://127.0.0.1:8000"
"""where `freehold dev` and `serve` are by themselves"""


def _secret(settings: Settings, folder: Path) -> bytes:
    configured = None if settings.secret is None else settings.secret.get_secret_value()
    return service_secret(configured, folder)


def _sign_up(settings: Settings) -> SignUp:
    return settings.sign_up


def _outgoing(settings: Settings, clock: Clock) -> SmtpMail | None:
    server = settings.mail_server()
    return None if server is None else SmtpMail(server, str(settings.mail_from), clock)


def _public_url(settings: Settings) -> str:
    return settings.public_url or LOCAL


def _app_name(specification: Specification) -> str:
    return specification.app


def _invitations_path(specification: Specification) -> str:
    return f"/v{specification.major}/invitations"


def _staff_roles(specification: Specification) -> tuple[str, ...]:
    return () if specification.staff is None else specification.staff.roles


def _issuer(settings: Settings) -> str:
    return settings.issuer


def _algorithm(settings: Settings) -> str:
    return settings.signing_algorithm.value


def _allowed_origins(settings: Settings) -> tuple[str, ...]:
    return settings.allowed_origins


def _counters(settings: Settings) -> LimitsCounters | SharedCounters:
    return in_memory() if settings.redis_url is None else on_server(settings.redis_url.get_secret_value())


def _throttles(settings: Settings, counters: Counters, clock: Clock, devices: Sealer) -> Throttles:
    on = settings.rate_limits is RateLimits.ON
    return Throttles(counters, clock, devices, on=on, requests=settings.requests_per_minute)


def _clients(settings: Settings) -> Clients:
    return Clients(settings.trusted_proxies)


def _database(settings: Settings, folder: Path) -> Path | Server:
    return settings.database(folder)


def _limits(settings: Settings) -> Limits:
    return settings.database_limits()


def _store(database: Path | Server, tables: Tables, limits: Limits) -> SqliteStore | PostgresStore:
    if isinstance(database, Server):
        return PostgresStore(database.url, tables, limits)
    return SqliteStore(database, tables)


def _metrics(settings: Settings) -> Metrics | None:
    return Metrics() if settings.metrics else None


def _watch(
    settings: Settings, store: Any, database: Path | Server, tables: Tables, metrics: Metrics | None, clock: Clock
) -> Watch:
    look = _nothing if isinstance(store, MemoryStore) else partial(inspector, database, tables)
    return Watch(store.ready, look, settings.inspection_interval, metrics, lambda: store.letters.waiting(clock.now()))


def _nothing() -> Inspect:
    """There is no database that could deviate."""
    return tuple


def _ready(watch: Watch) -> Callable[[], Awaitable[bool]]:
    return watch.ready


def openapi_of(specification: Specification) -> dict[str, Any]:
    """The OpenAPI document that this version serves for a specification; needs no database and no secret."""
    container = Container(folder=Path())
    container.specification.override(specification)
    container.store.override(MemoryStore(specification))
    container.secret.override(b"no secret is needed to describe an API")
    app: FastAPI = container.app()
    return app.openapi()


class Container(containers.DeclarativeContainer):
    """Give it `folder`, the project; what depends on it follows."""

    folder = providers.Dependency(instance_of=Path)
    settings = providers.Singleton(Settings)
    specification = providers.Singleton(load, folder)

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(UuidV7)
    passwords = providers.Singleton(PasslibPasswords)
    secret = providers.Singleton(_secret, settings, folder)
    cursors = providers.Singleton(AesSealer, secret, "cursors")
    key_sealer = providers.Singleton(AesSealer, secret, "signing keys")
    successors = providers.Singleton(TokenSuccessors)
    tokens = providers.Singleton(
        JwtTokens, providers.Callable(_issuer, settings), key_sealer, providers.Callable(_algorithm, settings)
    )

    counters = providers.Singleton(_counters, settings)
    devices = providers.Singleton(AesSealer, secret, "devices")
    challenges = providers.Singleton(AesSealer, secret, "challenges")
    factor_sealer = providers.Singleton(AesSealer, secret, "second factors")
    throttles = providers.Singleton(_throttles, settings, counters, clock, devices)
    clients = providers.Singleton(_clients, settings)

    database = providers.Callable(_database, settings, folder)
    tables = providers.Singleton(build, specification)
    store = providers.Singleton(_store, database, tables, providers.Callable(_limits, settings))

    project = providers.Singleton(FolderOfProject, folder, providers.Object(openapi_of))
    upkeep = providers.Singleton(Upkeep, database, providers.Callable(Revisions, folder))
    specifications = providers.Singleton(SpecificationUseCases, project, upkeep, clock)

    outgoing = providers.Singleton(_outgoing, settings, clock)
    public_url = providers.Singleton(_public_url, settings)
    mailing = providers.Singleton(
        Mailing,
        store,
        clock,
        ids,
        outgoing,
        public_url,
        providers.Callable(_app_name, specification),
        providers.Callable(_invitations_path, specification),
    )

    records = providers.Singleton(RecordUseCases, specification, store, clock, ids, cursors)
    sharing = providers.Singleton(SharingUseCases, records, store, clock)
    access = providers.Singleton(AccessUseCases, records, store, clock)
    sign_up = providers.Callable(_sign_up, settings)
    invitations = providers.Singleton(
        InvitationUseCases, records, sharing, store, clock, ids, mailing, throttles, sign_up
    )
    transfers = providers.Singleton(TransferUseCases, records, store, clock, ids)
    batch = providers.Singleton(BatchUseCases, records, store)
    answers = providers.Singleton(AesSealer, secret, "answers")
    idempotency = providers.Singleton(Idempotency, store, clock, answers)
    sessions = providers.Singleton(
        SessionUseCases, store, clock, ids, passwords, tokens, successors, throttles, mailing, challenges
    )
    accounts = providers.Singleton(
        AccountUseCases,
        store,
        clock,
        ids,
        passwords,
        sessions,
        throttles,
        mailing,
        sign_up,
        providers.Callable(_staff_roles, specification),
        providers.Callable(_app_name, specification),
    )

    allowed_origins = providers.Callable(_allowed_origins, settings)
    codes = providers.Singleton(Totp, providers.Callable(_app_name, specification))
    second_factors = providers.Singleton(
        SecondFactorUseCases, store, clock, accounts, sessions, codes, factor_sealer, throttles
    )
    keys = providers.Singleton(ApiKeyUseCases, specification, store, clock, ids, accounts, sessions)
    history = providers.Singleton(HistoryUseCases, specification, store, clock, sessions, cursors, throttles)
    links = providers.Singleton(SecretLinkUseCases, records, store, clock, ids)
    identity = providers.Singleton(Identity, tokens, clock, clients, throttles, keys, links)
    auth = providers.Singleton(auth_router, identity, accounts, sessions, tokens, clients, clock, second_factors)
    credentials = providers.Singleton(credentials_router, identity, second_factors, keys, history)
    idempotent = providers.Singleton(Idempotent, idempotency)
    metrics = providers.Singleton(_metrics, settings)
    watch = providers.Singleton(_watch, settings, store, database, tables, metrics, clock)
    ready = providers.Callable(_ready, watch)
    app = providers.Singleton(
        build_app,
        specification,
        identity,
        auth,
        credentials,
        records,
        sharing,
        access,
        invitations,
        transfers,
        batch,
        links,
        idempotent,
        ready,
        allowed_origins,
    )
