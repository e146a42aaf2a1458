"""Offers to hand records over."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OFFERS = "freehold_offers"


def _long(**columns: int) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [
        sa.CheckConstraint(f"length({column}) = {length}", name=op.f(f"ck_{OFFERS}_{column}"))
        for column, length in columns.items()
    ]


def upgrade() -> None:
    """Create them."""
    op.create_table(
        OFFERS,
        sa.Column("id", ID, nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("record", ID, nullable=False),
        sa.Column("giver", ID, nullable=False),
        sa.Column("recipient", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{OFFERS}"),
        *_long(id=36, created_at=27, ends_at=27),
        sa.UniqueConstraint("record", name=f"uq_{OFFERS}_record"),
        sa.ForeignKeyConstraint(["giver"], ["freehold_accounts.id"], name=f"fk_{OFFERS}_giver", ondelete="CASCADE"),
    )
    for columns in (["recipient", "id"], ["giver"]):
        op.create_index(f"ix_{OFFERS}_{'_'.join(columns)}", OFFERS, columns)


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table(OFFERS)
