"""Second factors and API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DOCUMENT = sa.Text().with_variant(sa.JSON(), "postgresql")
WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
FACTORS, KEYS = "freehold_second_factors", "freehold_api_keys"


def _account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account"], ["freehold_accounts.id"], name=f"fk_{table}_account", ondelete="CASCADE"
    )


def _long(table: str, **lengths: int) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [
        sa.CheckConstraint(f"length({column}) = {length}", name=op.f(f"ck_{table}_{column}"))
        for column, length in lengths.items()
    ]


def upgrade() -> None:
    """Create them."""
    op.create_table(
        FACTORS,
        sa.Column("account", ID, nullable=False),
        sa.Column("secret_sealed", TEXT, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("last_step", WHOLE, nullable=False),
        sa.Column("recovery", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("account", name=f"pk_{FACTORS}"),
        *_long(FACTORS, confirmed_at=27),
        _account(FACTORS),
    )
    op.create_table(
        KEYS,
        sa.Column("id", ID, nullable=False),
        sa.Column("account", ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("actions", DOCUMENT, nullable=False),
        sa.Column("resources", DOCUMENT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{KEYS}"),
        *_long(KEYS, id=36),
        sa.CheckConstraint("length(hash) = 64", name=op.f(f"ck_{KEYS}_hash")),
        *_long(KEYS, created_at=27, expires_at=27, last_used_at=27, revoked_at=27),
        _account(KEYS),
        sa.UniqueConstraint("hash", name=f"uq_{KEYS}_hash"),
    )
    op.create_index(f"ix_{KEYS}_account_id", KEYS, ["account", "id"])


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table(KEYS)
    op.drop_table(FACTORS)
