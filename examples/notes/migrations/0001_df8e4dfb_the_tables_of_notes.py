"""The tables of notes.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_df8e4dfb"
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
                archived BOOLEAN NOT NULL,
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
                author UUID,
                title TEXT COLLATE "C" NOT NULL,
                body TEXT COLLATE "C" NOT NULL,
                audience TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id),
                CONSTRAINT ck_notes_audience CHECK (audience IN ('members', 'link_only', 'everyone'))
            )
        """)
        op.execute("""
            CREATE TABLE comments (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                note UUID NOT NULL,
                author UUID,
                body TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_comments_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE bookmarks (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                note UUID,
                note__owner UUID,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_bookmarks_id UNIQUE (id),
                CONSTRAINT ck_bookmarks_note__owner CHECK ((note IS NULL) = (note__owner IS NULL))
            )
        """)
        op.execute("CREATE UNIQUE INDEX uq_notebooks_title_per_owner ON notebooks (owner, title)")
        op.execute("CREATE INDEX ix_notes__public_1 ON notes (id) WHERE audience IN ('everyone')")
        op.execute("CREATE INDEX ix_notes_author_id ON notes (author, id)")
        op.execute("CREATE INDEX ix_notes_notebook ON notes (notebook, id)")
        op.execute("CREATE INDEX ix_comments_author_id ON comments (author, id)")
        op.execute("CREATE INDEX ix_comments_note ON comments (note, id)")
        op.execute("CREATE INDEX ix_bookmarks_note ON bookmarks (note, id)")
        op.execute("CREATE UNIQUE INDEX uq_bookmarks_note_per_owner ON bookmarks (owner, note)")
        op.execute("ALTER TABLE notebooks ADD CONSTRAINT fk_notebooks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_notebook FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE comments ADD CONSTRAINT fk_comments_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE comments ADD CONSTRAINT fk_comments_note FOREIGN KEY(owner, note) REFERENCES notes (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE bookmarks ADD CONSTRAINT fk_bookmarks_note FOREIGN KEY(note__owner, note) REFERENCES notes (owner, id) ON DELETE SET NULL ON UPDATE CASCADE")
        op.execute("ALTER TABLE bookmarks ADD CONSTRAINT fk_bookmarks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
    else:
        op.execute("""
            CREATE TABLE notebooks (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                title TEXT NOT NULL,
                archived INTEGER NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notebooks_id UNIQUE (id),
                CONSTRAINT fk_notebooks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT ck_notebooks_archived CHECK (archived IN (0, 1))
            )
        """)
        op.execute("""
            CREATE TABLE notes (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                notebook VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                title TEXT NOT NULL,
                body TEXT NOT NULL,
                audience TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id),
                CONSTRAINT fk_notes_notebook FOREIGN KEY(owner, notebook) REFERENCES notebooks (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_notes_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_notes_audience CHECK (audience IN ('members', 'link_only', 'everyone'))
            )
        """)
        op.execute("""
            CREATE TABLE comments (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                note VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                body TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_comments_id UNIQUE (id),
                CONSTRAINT fk_comments_note FOREIGN KEY(owner, note) REFERENCES notes (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_comments_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL
            )
        """)
        op.execute("""
            CREATE TABLE bookmarks (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                note VARCHAR(36),
                note__owner VARCHAR(36),
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_bookmarks_id UNIQUE (id),
                CONSTRAINT fk_bookmarks_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT fk_bookmarks_note FOREIGN KEY(note__owner, note) REFERENCES notes (owner, id) ON DELETE SET NULL ON UPDATE CASCADE,
                CONSTRAINT ck_bookmarks_note__owner CHECK ((note IS NULL) = (note__owner IS NULL))
            )
        """)
        op.execute("CREATE UNIQUE INDEX uq_notebooks_title_per_owner ON notebooks (owner, title)")
        op.execute("CREATE INDEX ix_notes__public_1 ON notes (id) WHERE audience IN ('everyone')")
        op.execute("CREATE INDEX ix_notes_author_id ON notes (author, id)")
        op.execute("CREATE INDEX ix_notes_notebook ON notes (notebook, id)")
        op.execute("CREATE INDEX ix_comments_author_id ON comments (author, id)")
        op.execute("CREATE INDEX ix_comments_note ON comments (note, id)")
        op.execute("CREATE INDEX ix_bookmarks_note ON bookmarks (note, id)")
        op.execute("CREATE UNIQUE INDEX uq_bookmarks_note_per_owner ON bookmarks (owner, note)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE bookmarks DROP CONSTRAINT fk_bookmarks_note")
        op.execute("ALTER TABLE bookmarks DROP CONSTRAINT fk_bookmarks_owner")
        op.execute("ALTER TABLE comments DROP CONSTRAINT fk_comments_author")
        op.execute("ALTER TABLE comments DROP CONSTRAINT fk_comments_note")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_author")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_notebook")
        op.execute("ALTER TABLE notebooks DROP CONSTRAINT fk_notebooks_owner")
        op.execute("DROP TABLE bookmarks")
        op.execute("DROP TABLE comments")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE notebooks")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE bookmarks")
        op.execute("DROP TABLE comments")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE notebooks")
