"""The container: the only file that names both ports and adapters. Everything is made once and synchronously.

Tests swap a provider: `container.store.override(providers.Object(MemoryStore(specification)))`.
"""

import os
from pathlib import Path

from dependency_injector import containers, providers

from adapters.clock import SystemClock, UuidV7
from adapters.http.app import build_app
from adapters.http.auth import auth_router
from adapters.http.identity import Identity
from adapters.passwords import PasslibPasswords
from adapters.persistence.sql.sqlite import SqliteStore
from adapters.persistence.sql.tables import build
from adapters.sealing import AesSealer, TokenSuccessors
from adapters.specification_file import load
from adapters.tokens import JwtTokens
from application.accounts import AccountUseCases
from application.records import RecordUseCases
from application.sessions import SessionUseCases
from application.sharing import SharingUseCases
from entrypoints.settings import Settings, SignUp

SECRET_FILE = ".freehold-secret"


def service_secret(settings: Settings, folder: Path) -> bytes:
    """The secret from the environment, or from a file that only the owner can read, made when first needed."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = folder / SECRET_FILE
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    secret = os.urandom(32).hex().encode()
    with os.fdopen(file, "wb") as opened:
        opened.write(secret)
    return secret


def _sign_up_open(settings: Settings) -> bool:
    return settings.sign_up is SignUp.OPEN


def _issuer(settings: Settings) -> str:
    return settings.issuer


def _database(settings: Settings, folder: Path) -> Path:
    return settings.database_path(folder)


class Container(containers.DeclarativeContainer):
    """Give it `folder`, the project; what depends on it follows."""

    folder = providers.Dependency(instance_of=Path)
    settings = providers.Singleton(Settings)
    specification = providers.Singleton(load, folder)

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(UuidV7)
    passwords = providers.Singleton(PasslibPasswords)
    secret = providers.Singleton(service_secret, settings, folder)
    cursors = providers.Singleton(AesSealer, secret, "cursors")
    key_sealer = providers.Singleton(AesSealer, secret, "signing keys")
    successors = providers.Singleton(TokenSuccessors)
    tokens = providers.Singleton(JwtTokens, providers.Callable(_issuer, settings), key_sealer)

    database = providers.Callable(_database, settings, folder)
    tables = providers.Singleton(build, specification)
    store = providers.Singleton(SqliteStore, database, tables)

    records = providers.Singleton(RecordUseCases, specification, store, clock, ids, cursors)
    sharing = providers.Singleton(SharingUseCases, records, store, clock)
    sessions = providers.Singleton(SessionUseCases, store, clock, ids, passwords, tokens, successors)
    accounts = providers.Singleton(
        AccountUseCases, store, clock, ids, passwords, sessions, providers.Callable(_sign_up_open, settings)
    )

    identity = providers.Singleton(Identity, tokens, clock)
    auth = providers.Singleton(auth_router, identity, accounts, sessions, tokens)
    app = providers.Singleton(build_app, specification, identity, auth, records, sharing, store)
