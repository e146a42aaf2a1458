"""Invitations to records."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INVITATIONS = "freehold_invitations"


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{INVITATIONS}_{name}"))


def _long(**columns: int) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [_check(column, f"length({column}) = {length}") for column, length in columns.items()]


def _account(column: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{INVITATIONS}_{column}"
    return sa.ForeignKeyConstraint([column], ["freehold_accounts.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        INVITATIONS,
        sa.Column("id", ID, nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("record", ID, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("inviter", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("account", ID, nullable=True),
        sa.Column("hash", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{INVITATIONS}"),
        *_long(id=36),
        _check("hash", "length(hash) = 64"),
        *_long(created_at=27, ends_at=27, expires_at=27),
        sa.UniqueConstraint("record", "email", name=f"uq_{INVITATIONS}_record"),
        _account("inviter"),
        _account("account"),
    )
    for columns in (["account", "id"], ["inviter"]):
        op.create_index(f"ix_{INVITATIONS}_{'_'.join(columns)}", INVITATIONS, columns)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table(INVITATIONS)
