"""API keys of no account: the engine's."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS, NEW = "freehold_api_keys", "freehold_api_keys_new"
_WIDE = {"id": 36, "hash": 64, "created_at": 27, "expires_at": 27, "last_used_at": 27, "revoked_at": 27}


def _may_be_missing(nullable: bool) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.alter_column(KEYS, "account", nullable=nullable)
        return
    # SQLite cannot change a column: the table is made anew, always in the same words
    instant, text = sa.String(27), sa.Text()
    op.create_table(
        NEW,
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(36), nullable=nullable),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("actions", text, nullable=False),
        sa.Column("resources", text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("last_used_at", instant, nullable=True),
        sa.Column("revoked_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{KEYS}"),
        *(
            sa.CheckConstraint(f"length({name}) = {wide}", name=op.f(f"ck_{KEYS}_{name}"))
            for name, wide in _WIDE.items()
        ),
        sa.ForeignKeyConstraint(["account"], ["freehold_accounts.id"], name=f"fk_{KEYS}_account", ondelete="CASCADE"),
        sa.UniqueConstraint("hash", name=f"uq_{KEYS}_hash"),
    )
    op.execute(f"INSERT INTO {NEW} SELECT * FROM {KEYS}")  # noqa: S608
    op.drop_table(KEYS)
    op.rename_table(NEW, KEYS)
    op.create_index(f"ix_{KEYS}_account_id", KEYS, ["account", "id"])


def upgrade() -> None:
    """A key may be nobody's."""
    _may_be_missing(True)


def downgrade() -> None:
    """Without such keys."""
    op.execute(sa.delete(sa.table(KEYS, sa.column("account"))).where(sa.column("account").is_(None)))
    _may_be_missing(False)
