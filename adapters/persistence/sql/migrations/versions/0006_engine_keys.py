"""API keys of no account: the engine's."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
KEYS = "freehold_api_keys"


def _may_be_missing(nullable: bool) -> None:
    with op.batch_alter_table(KEYS) as batch:
        batch.alter_column("account", existing_type=ID, nullable=nullable)


def upgrade() -> None:
    """A key may be nobody's."""
    _may_be_missing(True)


def downgrade() -> None:
    """Without such keys."""
    op.execute(sa.delete(sa.table(KEYS, sa.column("account"))).where(sa.column("account").is_(None)))
    _may_be_missing(False)
