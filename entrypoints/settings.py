"""Settings from the environment, read once; `docs/settings.md` has the table."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SignUp(StrEnum):
    """Who may register."""

    OPEN = "open"
    CLOSED = "closed"


class RateLimits(StrEnum):
    """Whether callers are throttled; the throttles themselves come with a later version."""

    ON = "on"
    OFF = "off"


class Settings(BaseSettings):
    """Each is an environment variable with the prefix `FREEHOLD_`; what is wrong stops the start."""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_", extra="ignore", hide_input_in_errors=True)

    database_url: str | None = Field(None, description="`sqlite:///path`; unset: `freehold.db` in the project folder")
    secret: SecretStr | None = Field(
        None, description="seals cursors and keys, 32 characters or more; unset: a file in the project folder"
    )
    sign_up: SignUp = Field(SignUp.OPEN, description="`open` or `closed`")
    rate_limits: RateLimits = Field(RateLimits.ON, description="`on` or `off`")
    issuer: str = Field("freehold", description="`iss` and `aud` of access tokens")

    def database_path(self, folder: Path) -> Path:
        """The SQLite file. Raises `ValueError` for any other database."""
        if self.database_url is None:
            return folder / "freehold.db"
        if not self.database_url.startswith("sqlite:///"):
            raise ValueError("FREEHOLD_DATABASE_URL must be sqlite:///path: other databases are not served yet")
        return Path(self.database_url.removeprefix("sqlite:///"))
