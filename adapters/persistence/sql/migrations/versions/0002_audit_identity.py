"""On PostgreSQL the audit log numbers its events by itself: whoever writes one need not reach for a sequence."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE, SEQUENCE = "freehold_audit", "freehold_audit_id_seq"
NEXT = "(SELECT coalesce(max(id), 0) + 1 FROM freehold_audit)"


def upgrade() -> None:
    """A column of 64 bits, and an identity in place of the sequence."""
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id TYPE bigint")
    op.execute(f"DROP SEQUENCE {SEQUENCE}")
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY")
    op.execute(f"SELECT setval(pg_get_serial_sequence('{TABLE}', 'id'), {NEXT}, false)")


def downgrade() -> None:
    """A sequence again."""
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN id DROP IDENTITY, ALTER COLUMN id TYPE integer")
    op.execute(f"CREATE SEQUENCE {SEQUENCE} OWNED BY {TABLE}.id")
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN id SET DEFAULT nextval('{SEQUENCE}')")
    op.execute(f"SELECT setval('{SEQUENCE}', {NEXT}, false)")
