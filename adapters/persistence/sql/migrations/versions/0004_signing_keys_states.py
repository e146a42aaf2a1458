"""Since when a signing key is in its state; besides the active one there is one next key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE = "freehold_signing_keys"
COLUMNS = "kid, state, public, private_sealed, created_at"


def upgrade() -> None:
    """A column, and uniqueness of both states."""
    op.drop_index(f"uq_{TABLE}_active", TABLE)
    if op.get_context().dialect.name == "postgresql":
        # no UPDATE: row-level security may hide the rows from the tables' own owner
        op.execute(f"ALTER TABLE {TABLE} ADD COLUMN since timestamptz NOT NULL DEFAULT now()")
        op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN since DROP DEFAULT")
    else:
        _make_anew(f"{COLUMNS}, created_at", "created_at", "since")
    _index("state", "state <> 'retired'")


def downgrade() -> None:
    """Without it; a next key is one that verifies, as a retired one does."""
    op.drop_index(f"uq_{TABLE}_state", TABLE)
    if op.get_context().dialect.name == "postgresql":
        op.drop_column(TABLE, "since")
    else:
        _make_anew(COLUMNS, "created_at")
    _index("active", "state = 'active'")


def _make_anew(selected: str, *instants: str) -> None:
    """On SQLite, where a column that is added cannot have a check by name."""
    before = f"{TABLE}_before"
    op.rename_table(TABLE, before)
    text = ("kid", "state", "public", "private_sealed")
    op.create_table(
        TABLE,
        *(sa.Column(name, sa.Text(), nullable=False) for name in text),
        *(sa.Column(name, sa.String(27), nullable=False) for name in instants),
        sa.PrimaryKeyConstraint("kid", name=f"pk_{TABLE}"),
        sa.CheckConstraint("state IN ('active', 'next', 'retired')", name=op.f(f"ck_{TABLE}_state")),
        *(sa.CheckConstraint(f"length({name}) = 27", name=op.f(f"ck_{TABLE}_{name}")) for name in instants),
    )
    op.execute(f"INSERT INTO {TABLE} SELECT {selected} FROM {before}")  # noqa: S608  names of ours
    op.drop_table(before)


def _index(name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(f"uq_{TABLE}_{name}", TABLE, ["state"], unique=True, sqlite_where=where, postgresql_where=where)
