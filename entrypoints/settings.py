"""Settings from the environment, read once; `docs/settings.md` has the table."""

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.http.browsers import ORIGIN
from adapters.limits import SCHEMES
from adapters.mail import MailServer, read_url
from adapters.persistence.sql.pool import Limits, Server
from adapters.tokens import EDDSA, ES256
from application.accounts import SignUp
from domain.account import accept_email
from domain.values import ValueRefused

POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
"""what a URL of PostgreSQL may begin with"""
PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?")


class RateLimits(StrEnum):
    """Whether callers are throttled."""

    ON = "on"
    OFF = "off"


class SigningAlgorithm(StrEnum):
    """What new keys for access tokens are for."""

    ES256 = ES256
    EDDSA = EDDSA


class Pooler(StrEnum):
    """What the connections to PostgreSQL lead to: itself, or a pooler in transaction mode."""

    NONE = "none"
    TRANSACTION = "transaction"


class Settings(BaseSettings):
    """Each is an environment variable with the prefix `FREEHOLD_`; what is wrong stops the start."""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_", extra="ignore", hide_input_in_errors=True)

    database_url: str | None = Field(
        None,
        description="`sqlite:///path` or `postgresql://user:password@host/name`; unset: `freehold.db` in the folder",
    )
    migration_url: str | None = Field(
        None,
        description="PostgreSQL: the same database, as its tables' owner; only `plan`, `migrate` and `dev` use it",
    )
    database_pool_size: int = Field(10, ge=1, le=1000, description="PostgreSQL: connections of a process at most")
    database_pool_timeout: float = Field(5, gt=0, le=600, description="seconds to wait for a free one")
    database_connect_timeout: float = Field(5, gt=0, le=600, description="seconds to wait for a new one")
    database_statement_timeout: float = Field(30, gt=0, le=86400, description="seconds that a statement may take")
    database_pooler: Pooler = Field(Pooler.NONE, description="PostgreSQL: `transaction` where pgbouncer is in between")
    shutdown_timeout: int = Field(30, ge=1, le=3600, description="seconds that requests may go on after SIGTERM")
    secret: SecretStr | None = Field(
        None, description="seals cursors and keys, 32 characters or more; unset: a file in the project folder"
    )
    sign_up: SignUp = Field(SignUp.OPEN, description="`open`, `verified`, `invite` or `closed`")
    public_url: str | None = Field(None, description="where people find the service; links in mails begin with it")
    smtp_url: SecretStr | None = Field(
        None, description="`smtp://user:password@host:port` (with STARTTLS) or `smtps://…`; unset: no mail is sent"
    )
    mail_from: str | None = Field(None, description="the address that mails come from")
    rate_limits: RateLimits = Field(RateLimits.ON, description="`on` or `off`")
    requests_per_minute: int = Field(6000, ge=1, description="of an account, or of a network without one")
    redis_url: SecretStr | None = Field(None, description="where several processes count together; unset: in memory")
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="networks whose `X-Forwarded-For` is believed, separated by commas"
    )
    issuer: str = Field("freehold", description="`iss` and `aud` of access tokens")
    signing_algorithm: SigningAlgorithm = Field(SigningAlgorithm.ES256, description="of new keys: `ES256` or `EdDSA`")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call the API, such as `https://app.example.com`, separated by commas"
    )
    metrics: bool = Field(False, description="whether `/metrics` is there: `on` or `off`")
    metrics_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (ip_network("127.0.0.0/8"), ip_network("::1")), description="networks that may ask for it, separated by commas"
    )
    inspection_interval: float = Field(60, ge=1, le=86400, description="seconds between two looks for deviations")
    connections: int = Field(900, ge=1, le=1_000_000, description="connections of a process at most")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins(cls, given: object) -> object:
        """Each exactly as browsers send it. Raises `ValueError` for `*`, `null`, a path or capitals."""
        found = tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given
        wrong = [origin for origin in found if not ORIGIN.fullmatch(origin)] if isinstance(found, tuple) else []
        if wrong:
            raise ValueError(f"`{wrong[0]}` is no origin; write it like https://app.example.com")
        return found

    @field_validator("trusted_proxies", "metrics_networks", mode="before")
    @classmethod
    def _networks(cls, given: Any) -> Any:
        """`10.0.0.0/8, ::1` as networks."""
        if not isinstance(given, str):
            return given
        return tuple(ip_network(part.strip()) for part in given.split(",") if part.strip())

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, given: SecretStr | None) -> SecretStr | None:
        """Of a kind that we can speak to."""
        scheme, found, host = ("", "", "") if given is None else given.get_secret_value().partition("://")
        if given is not None and (scheme not in SCHEMES or not found or not host):
            raise ValueError(f"must be {', '.join(f'{scheme}://host' for scheme in SCHEMES)}")
        return given

    @field_validator("public_url")
    @classmethod
    def _public(cls, given: str | None) -> str | None:
        """Nothing but a scheme, a host and a path."""
        if given is not None and not PUBLIC_URL.fullmatch(given):
            raise ValueError("must be like https://app.example.com")
        return given

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None:
            read_url(given.get_secret_value())
        return given

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, given: str | None) -> str | None:
        """An address as an account could have it."""
        try:
            return None if given is None else accept_email(given)
        except ValueRefused as error:
            raise ValueError("must be an e-mail address such as app@example.com") from error

    @model_validator(mode="after")
    def _whole(self) -> "Settings":
        """A mail needs a sender, and links that lead somewhere."""
        if self.smtp_url is not None and (self.public_url is None or self.mail_from is None):
            raise ValueError("FREEHOLD_SMTP_URL needs FREEHOLD_PUBLIC_URL and FREEHOLD_MAIL_FROM beside it")
        return self

    def require_mail(self) -> None:
        """Raises `ValueError` where nobody could register for want of a mail server."""
        if self.sign_up in (SignUp.VERIFIED, SignUp.INVITE) and self.smtp_url is None:
            raise ValueError(
                f"FREEHOLD_SIGN_UP={self.sign_up.value} sends mail. "
                "Set FREEHOLD_SMTP_URL, FREEHOLD_MAIL_FROM and FREEHOLD_PUBLIC_URL"
            )

    def require_one_process_for_metrics(self, workers: int) -> None:
        """Raises `ValueError` where several processes would answer for `/metrics`, each with its own count."""
        if self.metrics and workers > 1:
            raise ValueError(
                "FREEHOLD_METRICS=on counts in one process. Serve with --workers 1, or several such servers, each on a "
                "port of its own"
            )

    def mail_server(self) -> MailServer | None:
        """Where mail goes; None where none is sent."""
        return None if self.smtp_url is None else read_url(self.smtp_url.get_secret_value())

    def database(self, folder: Path) -> Path | Server:
        """The SQLite file, or where PostgreSQL is. Raises `ValueError` for anything else."""
        scheme, _, rest = (self.database_url or "").partition("://")
        if scheme in POSTGRESQL and rest:
            return Server(f"postgresql://{rest}", self._migration_url())
        if self.migration_url is not None:
            raise ValueError("FREEHOLD_MIGRATION_URL is for PostgreSQL, and FREEHOLD_DATABASE_URL names none")
        return self.database_path(folder)

    def _migration_url(self) -> str | None:
        if self.migration_url is None:
            return None
        scheme, _, rest = self.migration_url.partition("://")
        if scheme not in POSTGRESQL or not rest:
            raise ValueError("FREEHOLD_MIGRATION_URL must be postgresql://user:password@host/name")
        return f"postgresql://{rest}"

    def database_path(self, folder: Path) -> Path:
        """The SQLite file. Raises `ValueError` for any other database."""
        if self.database_url is None:
            return folder / "freehold.db"
        if not self.database_url.startswith("sqlite:///"):
            raise ValueError("FREEHOLD_DATABASE_URL must be sqlite:///path or postgresql://user:password@host/name")
        return Path(self.database_url.removeprefix("sqlite:///"))

    def database_limits(self) -> Limits:
        """Sizes and time-outs of the connections to PostgreSQL."""
        return Limits(
            self.database_pool_size,
            self.database_pool_timeout,
            self.database_connect_timeout,
            self.database_statement_timeout,
            self.database_pooler is Pooler.TRANSACTION,
        )
