"""Sessions by their absolute end: so those are found that can be forgotten."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SESSIONS = "freehold_sessions"


def upgrade() -> None:
    """Create the index."""
    op.create_index(f"ix_{SESSIONS}_absolute_end", SESSIONS, ["absolute_end"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index(f"ix_{SESSIONS}_absolute_end", SESSIONS)
