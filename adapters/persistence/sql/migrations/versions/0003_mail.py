"""Mail: links that were sent, and letters that are to be."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.String(27).with_variant(sa.DateTime(timezone=True), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LINKS, LETTERS = "freehold_links", "freehold_letters"


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _long(table: str, length: int, *columns: str) -> list[sa.CheckConstraint]:
    """On SQLite, where a column's type refuses nothing."""
    if op.get_context().dialect.name == "postgresql":
        return []
    return [_check(table, column, f"length({column}) = {length}") for column in columns]


def _account(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_account"
    return sa.ForeignKeyConstraint(["account"], ["freehold_accounts.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        LINKS,
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("account", ID, nullable=True),
        sa.Column("password_hash", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("hash", name=f"pk_{LINKS}"),
        _check(LINKS, "hash", "length(hash) = 64"),
        *_long(LINKS, 27, "expires_at"),
        _account(LINKS),
    )
    op.create_table(
        LETTERS,
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("account", ID, nullable=True),
        sa.Column("password_hash", TEXT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{LETTERS}"),
        *_long(LETTERS, 36, "id"),
        *_long(LETTERS, 27, "created_at", "due_at"),
        _account(LETTERS),
    )
    for table, column in ((LINKS, "account"), (LETTERS, "due_at"), (LETTERS, "account")):
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Drop them, with everything in them."""
    op.drop_table(LETTERS)
    op.drop_table(LINKS)
