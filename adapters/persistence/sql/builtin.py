"""The built-in tables: accounts and what they sign in with, roles on records and what waits for them, log, keys, mail.

Ids are UUIDs in their canonical text form, instants text of fixed width in UTC, which compares as they do. A change
here needs a revision under `migrations/versions`; a test compares the two.
"""

from typing import Any

from sqlalchemy import CheckConstraint, Index, MetaData, String, Table, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from adapters.persistence.sql.dialects import DOCUMENT, INSTANT, TEXT, UUID, WHOLE, checks

mapped = registry(
    metadata=MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
)


class BuiltIn(SQLModel, registry=mapped):
    """What all of them have in common: a registry apart from those of specifications."""


def _instants(*columns: str) -> tuple[CheckConstraint, ...]:
    """CHECKs that instants have the width by which they compare."""
    return tuple(check for column in columns for check in checks(f"length({column}) = 27", None, name=column))


class AccountRow(BuiltIn, table=True):
    """An account."""

    __tablename__ = "freehold_accounts"
    __table_args__ = (*checks("length(id) = 36", None, name="id"), *_instants("created_at"))

    id: str = Field(primary_key=True, sa_type=UUID)
    email: str = Field(unique=True, sa_type=String(254))
    password_hash: str = Field(sa_type=TEXT)
    created_at: str = Field(sa_type=INSTANT)
    staff: str | None = Field(sa_type=TEXT)
    disabled: bool


class SessionRow(BuiltIn, table=True):
    """A session."""

    __tablename__ = "freehold_sessions"
    __table_args__ = (
        *checks("length(id) = 36", None, name="id"),
        *_instants("created_at", "last_used_at", "idle_end", "absolute_end", "revoked_at"),
        Index(None, "account", "id"),
        Index(None, "absolute_end"),
    )

    id: str = Field(primary_key=True, sa_type=UUID)
    account: str = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", sa_type=UUID)
    created_at: str = Field(sa_type=INSTANT)
    last_used_at: str = Field(sa_type=INSTANT)
    idle_end: str = Field(sa_type=INSTANT)
    absolute_end: str = Field(sa_type=INSTANT)
    device: str = Field(sa_type=String(200))
    address: str = Field(sa_type=TEXT)
    revoked_at: str | None = Field(sa_type=INSTANT)


class RefreshTokenRow(BuiltIn, table=True):
    """A refresh token, by its hash."""

    __tablename__ = "freehold_refresh_tokens"
    __table_args__ = (
        CheckConstraint("length(hash) = 64", name="hash"),
        CheckConstraint(
            "(used_at IS NULL) = (successor IS NULL) AND (used_at IS NULL) = (concealed IS NULL)", name="used"
        ),
        *_instants("created_at", "used_at"),
    )

    hash: str = Field(primary_key=True, sa_type=String(64))
    session: str = Field(foreign_key="freehold_sessions.id", ondelete="CASCADE", index=True, sa_type=UUID)
    created_at: str = Field(sa_type=INSTANT)
    used_at: str | None = Field(sa_type=INSTANT)
    successor: str | None = Field(sa_type=String(64))
    concealed: str | None = Field(sa_type=TEXT)


class SecondFactorRow(BuiltIn, table=True):
    """An account's second factor; its secret is sealed under the service's."""

    __tablename__ = "freehold_second_factors"
    __table_args__ = (*_instants("confirmed_at"),)

    account: str = Field(primary_key=True, foreign_key="freehold_accounts.id", ondelete="CASCADE", sa_type=UUID)
    secret_sealed: str = Field(sa_type=TEXT)
    confirmed_at: str | None = Field(sa_type=INSTANT)
    last_step: int = Field(sa_type=WHOLE)
    recovery: str = Field(sa_type=DOCUMENT)
    """a JSON list of hashes"""


class ApiKeyRow(BuiltIn, table=True):
    """An API key, by its hash; without an account it is the engine's."""

    __tablename__ = "freehold_api_keys"
    __table_args__ = (
        *checks("length(id) = 36", None, name="id"),
        CheckConstraint("length(hash) = 64", name="hash"),
        *_instants("created_at", "expires_at", "last_used_at", "revoked_at"),
        Index(None, "account", "id"),
    )

    id: str = Field(primary_key=True, sa_type=UUID)
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", sa_type=UUID)
    hash: str = Field(unique=True, sa_type=String(64))
    name: str = Field(sa_type=TEXT)
    actions: str = Field(sa_type=DOCUMENT)
    resources: str = Field(sa_type=DOCUMENT)
    """both are JSON lists of names"""
    created_at: str = Field(sa_type=INSTANT)
    expires_at: str = Field(sa_type=INSTANT)
    last_used_at: str | None = Field(sa_type=INSTANT)
    revoked_at: str | None = Field(sa_type=INSTANT)


class MembershipRow(BuiltIn, table=True):
    """An account's role on a record; ids of records are unique over all resources."""

    __tablename__ = "freehold_memberships"
    __table_args__ = (*_instants("expires_at"), Index(None, "account", "resource", "record"))

    resource: str = Field(sa_type=TEXT)
    record: str = Field(primary_key=True, sa_type=UUID)
    account: str = Field(primary_key=True, foreign_key="freehold_accounts.id", ondelete="CASCADE", sa_type=UUID)
    role: str = Field(sa_type=TEXT)
    expires_at: str | None = Field(sa_type=INSTANT)


class InvitationRow(BuiltIn, table=True):
    """A role on a record that waits for an e-mail address; `hash` is that of the letter's token."""

    __tablename__ = "freehold_invitations"
    __table_args__ = (
        *checks("length(id) = 36", None, name="id"),
        CheckConstraint("length(hash) = 64", name="hash"),
        *_instants("created_at", "ends_at", "expires_at"),
        UniqueConstraint("record", "email"),
        Index(None, "account", "id"),
    )

    id: str = Field(primary_key=True, sa_type=UUID)
    resource: str = Field(sa_type=TEXT)
    record: str = Field(sa_type=UUID)
    email: str = Field(sa_type=String(254))
    role: str = Field(sa_type=TEXT)
    inviter: str = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", index=True, sa_type=UUID)
    created_at: str = Field(sa_type=INSTANT)
    ends_at: str = Field(sa_type=INSTANT)
    expires_at: str | None = Field(sa_type=INSTANT)
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", sa_type=UUID)
    hash: str | None = Field(sa_type=String(64))


class OfferRow(BuiltIn, table=True):
    """An offer to hand a record over; nobody asks whether there is an account like its recipient."""

    __tablename__ = "freehold_offers"
    __table_args__ = (
        *checks("length(id) = 36", None, name="id"),
        *_instants("created_at", "ends_at"),
        Index(None, "recipient", "id"),
    )

    id: str = Field(primary_key=True, sa_type=UUID)
    resource: str = Field(sa_type=TEXT)
    record: str = Field(unique=True, sa_type=UUID)
    giver: str = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", index=True, sa_type=UUID)
    recipient: str = Field(sa_type=UUID)
    created_at: str = Field(sa_type=INSTANT)
    ends_at: str = Field(sa_type=INSTANT)


class SecretLinkRow(BuiltIn, table=True):
    """A secret link to a record, by the hash of its token; it is the record's, and names no account."""

    __tablename__ = "freehold_secret_links"
    __table_args__ = (
        *checks("length(id) = 36", None, name="id"),
        CheckConstraint("length(hash) = 64", name="hash"),
        *_instants("created_at", "expires_at"),
        Index(None, "record", "id"),
    )

    id: str = Field(primary_key=True, sa_type=UUID)
    hash: str = Field(unique=True, sa_type=String(64))
    resource: str = Field(sa_type=TEXT)
    record: str = Field(sa_type=UUID)
    role: str = Field(sa_type=TEXT)
    created_at: str = Field(sa_type=INSTANT)
    expires_at: str | None = Field(sa_type=INSTANT)


class AuditRow(BuiltIn, table=True):
    """An event of an account's log, numbered in the order of writing; what it names may be gone."""

    __tablename__ = "freehold_audit"
    __table_args__ = (*_instants("at"), Index(None, "account", "id"))

    id: int = Field(primary_key=True, sa_type=WHOLE)
    kind: str = Field(sa_type=TEXT)
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="SET NULL", sa_type=UUID)
    at: str = Field(sa_type=INSTANT)
    session: str | None = Field(sa_type=UUID)
    address: str | None = Field(sa_type=TEXT)
    data: str = Field(sa_type=DOCUMENT)
    """a JSON object"""


class SigningKeyRow(BuiltIn, table=True):
    """A key for access tokens; the private part is sealed under the service's secret."""

    __tablename__ = "freehold_signing_keys"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'next', 'retired')", name="state"),
        *_instants("created_at", "since"),
        Index(
            "uq_freehold_signing_keys_state",
            "state",
            unique=True,
            sqlite_where=text("state <> 'retired'"),
            postgresql_where=text("state <> 'retired'"),
        ),
    )

    kid: str = Field(primary_key=True, sa_type=TEXT)
    state: str = Field(sa_type=TEXT)
    public: str = Field(sa_type=TEXT)
    private_sealed: str = Field(sa_type=TEXT)
    created_at: str = Field(sa_type=INSTANT)
    since: str = Field(sa_type=INSTANT)


class LinkRow(BuiltIn, table=True):
    """A link that was sent, by the hash of its token."""

    __tablename__ = "freehold_links"
    __table_args__ = (CheckConstraint("length(hash) = 64", name="hash"), *_instants("expires_at"))

    hash: str = Field(primary_key=True, sa_type=String(64))
    purpose: str = Field(sa_type=TEXT)
    email: str = Field(sa_type=String(254))
    expires_at: str = Field(sa_type=INSTANT)
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", index=True, sa_type=UUID)
    password_hash: str | None = Field(sa_type=TEXT)


class LetterRow(BuiltIn, table=True):
    """A mail that is to be sent."""

    __tablename__ = "freehold_letters"
    __table_args__ = (*checks("length(id) = 36", None, name="id"), *_instants("created_at", "due_at"))

    id: str = Field(primary_key=True, sa_type=UUID)
    kind: str = Field(sa_type=TEXT)
    email: str = Field(sa_type=String(254))
    created_at: str = Field(sa_type=INSTANT)
    due_at: str = Field(index=True, sa_type=INSTANT)
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", index=True, sa_type=UUID)
    password_hash: str | None = Field(sa_type=TEXT)
    attempts: int


class IdempotencyKeyRow(BuiltIn, table=True):
    """The answer of a write that is done once, by the hash of caller and key; without an account, the engine's."""

    __tablename__ = "freehold_idempotency_keys"
    __table_args__ = (CheckConstraint("length(hash) = 64", name="hash"), *_instants("expires_at"))

    hash: str = Field(primary_key=True, sa_type=String(64))
    account: str | None = Field(foreign_key="freehold_accounts.id", ondelete="CASCADE", index=True, sa_type=UUID)
    answer_sealed: str = Field(sa_type=TEXT)
    expires_at: str = Field(index=True, sa_type=INSTANT)


def table_of(row: type[BuiltIn]) -> Table:
    """The table of a class."""
    found: Any = row
    table: Table = found.__table__
    return table


def naming_resources(also: str = "resource") -> list[Table]:
    """The tables whose rows belong to a resource by its name, and have a further column."""
    return [table for table in mapped.metadata.sorted_tables if {"resource", also} <= {*table.c.keys()}]
