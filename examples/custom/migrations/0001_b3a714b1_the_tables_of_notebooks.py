"""The tables of notebooks.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_b3a714b1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE notebooks (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                title TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notebooks_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE notes (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                notebook UUID NOT NULL,
                title TEXT COLLATE "C" NOT NULL,
                draft BOOLEAN NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id)
            )
        """)
        op.execute("CREATE INDEX ix_notes_notebook ON notes (notebook, id)")
        op.execute("ALTER TABLE notebooks ADD CONSTRAINT fk_notebooks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_notebook FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
    else:
        op.execute("""
            CREATE TABLE notebooks (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                title TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notebooks_id UNIQUE (id),
                CONSTRAINT fk_notebooks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)
            )
        """)
        op.execute("""
            CREATE TABLE notes (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                notebook VARCHAR(36) NOT NULL,
                title TEXT NOT NULL,
                draft INTEGER NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id),
                CONSTRAINT fk_notes_notebook FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT ck_notes_draft CHECK (draft IN (0, 1))
            )
        """)
        op.execute("CREATE INDEX ix_notes_notebook ON notes (notebook, id)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_notebook")
        op.execute("ALTER TABLE notebooks DROP CONSTRAINT fk_notebooks_owner")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE notebooks")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE notebooks")
