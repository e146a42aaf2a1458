"""The built-in tables: accounts, sessions, refresh tokens, memberships, the audit log, signing keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.Text().with_variant(sa.JSON(), "postgresql")
ACCOUNT = "freehold_accounts.id"


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _foreign_key(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete=ondelete)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _long(table: str, length: int, *columns: str) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [_check(table, column, f"length({column}) = {length}") for column in columns]


def _instants(table: str, *columns: str) -> list[sa.CheckConstraint]:
    return _long(table, 27, *columns)


def upgrade() -> None:
    """Create them."""
    table = "freehold_accounts"
    op.create_table(
        table,
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("staff", TEXT, nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        _key(table, "id"),
        *_long(table, 36, "id"),
        *_instants(table, "created_at"),
        sa.UniqueConstraint("email", name=f"uq_{table}_email"),
    )

    table = "freehold_sessions"
    op.create_table(
        table,
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=False),
        sa.Column("idle_end", INSTANT, nullable=False),
        sa.Column("absolute_end", INSTANT, nullable=False),
        sa.Column("device", sa.String(200), nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        _key(table, "id"),
        *_long(table, 36, "id"),
        *_instants(table, "created_at", "last_used_at", "idle_end", "absolute_end", "revoked_at"),
        _foreign_key(table, "account", ACCOUNT, "CASCADE"),
    )
    op.create_index(f"ix_{table}_account_id", table, ["account", "id"])

    table = "freehold_refresh_tokens"
    used = "(used_at IS NULL) = (successor IS NULL) AND (used_at IS NULL) = (concealed IS NULL)"
    op.create_table(
        table,
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("session", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("successor", sa.String(64), nullable=True),
        sa.Column("concealed", TEXT, nullable=True),
        _key(table, "hash"),
        _check(table, "hash", "length(hash) = 64"),
        _check(table, "used", used),
        *_instants(table, "created_at", "used_at"),
        _foreign_key(table, "session", "freehold_sessions.id", "CASCADE"),
    )
    op.create_index(f"ix_{table}_session", table, ["session"])

    table = "freehold_memberships"
    op.create_table(
        table,
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("record", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        _key(table, "record", "account"),
        *_instants(table, "expires_at"),
        _foreign_key(table, "account", ACCOUNT, "CASCADE"),
    )
    op.create_index(f"ix_{table}_account_resource_record", table, ["account", "resource", "record"])

    table = "freehold_audit"
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("account", ID, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("session", ID, nullable=True),
        sa.Column("address", TEXT, nullable=True),
        sa.Column("data", DOCUMENT, nullable=False),
        _key(table, "id"),
        *_instants(table, "at"),
        _foreign_key(table, "account", ACCOUNT, "SET NULL"),
    )
    op.create_index(f"ix_{table}_account_id", table, ["account", "id"])

    table = "freehold_signing_keys"
    op.create_table(
        table,
        sa.Column("kid", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("public", TEXT, nullable=False),
        sa.Column("private_sealed", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        _key(table, "kid"),
        _check(table, "state", "state IN ('active', 'next', 'retired')"),
        *_instants(table, "created_at"),
    )
    active = sa.text("state = 'active'")
    op.create_index(f"uq_{table}_active", table, ["state"], unique=True, sqlite_where=active, postgresql_where=active)


def downgrade() -> None:
    """Drop them, with everything in them."""
    for table in ("signing_keys", "audit", "memberships", "refresh_tokens", "sessions", "accounts"):
        op.drop_table(f"freehold_{table}")
