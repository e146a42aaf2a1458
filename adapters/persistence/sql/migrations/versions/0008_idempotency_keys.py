"""Answers to writes that are done once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = "freehold_idempotency_keys"


def upgrade() -> None:
    """Create their table."""
    account = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
    instant = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
    op.create_table(
        KEYS,
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("account", account, nullable=True),
        sa.Column("answer_sealed", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=f"pk_{KEYS}"),
        sa.CheckConstraint("length(hash) = 64", name=op.f(f"ck_{KEYS}_hash")),
        # where a column's type refuses nothing
        *(
            []
            if op.get_context().dialect.name == "postgresql"
            else [sa.CheckConstraint("length(expires_at) = 27", name=op.f(f"ck_{KEYS}_expires_at"))]
        ),
        sa.ForeignKeyConstraint(["account"], ["freehold_accounts.id"], name=f"fk_{KEYS}_account", ondelete="CASCADE"),
    )
    for column in ("account", "expires_at"):
        op.create_index(f"ix_{KEYS}_{column}", KEYS, [column])


def downgrade() -> None:
    """Drop it, with everything in it."""
    op.drop_table(KEYS)
