"""Secret links to records."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LINKS = "freehold_secret_links"


def _long(**lengths: int) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [
        sa.CheckConstraint(f"length({column}) = {length}", name=op.f(f"ck_{LINKS}_{column}"))
        for column, length in lengths.items()
    ]


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        LINKS,
        sa.Column("id", ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("record", ID, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{LINKS}"),
        *_long(id=36),
        sa.CheckConstraint("length(hash) = 64", name=op.f(f"ck_{LINKS}_hash")),
        *_long(created_at=27, expires_at=27),
        sa.UniqueConstraint("hash", name=f"uq_{LINKS}_hash"),
    )
    op.create_index(f"ix_{LINKS}_record_id", LINKS, ["record", "id"])


def downgrade() -> None:
    """Drop it, with every link."""
    op.drop_table(LINKS)
