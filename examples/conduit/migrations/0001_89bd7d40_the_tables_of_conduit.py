"""The tables of conduit.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_89bd7d40"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE profiles (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                username TEXT COLLATE "C" NOT NULL,
                bio TEXT COLLATE "C" NOT NULL,
                email TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_profiles_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE articles (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                profile UUID NOT NULL,
                slug TEXT COLLATE "C" NOT NULL,
                title TEXT COLLATE "C" NOT NULL,
                body TEXT COLLATE "C" NOT NULL,
                state TEXT COLLATE "C" NOT NULL,
                audience TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_articles_id UNIQUE (id),
                CONSTRAINT uq_articles_owner_id_audience_state UNIQUE (owner, id, audience, state),
                CONSTRAINT ck_articles_state CHECK (state IN ('draft', 'published')),
                CONSTRAINT ck_articles_audience CHECK (audience IN ('everyone', 'followers', 'unlisted'))
            )
        """)
        op.execute("""
            CREATE TABLE comments (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                article UUID NOT NULL,
                author UUID,
                body TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                article__audience TEXT COLLATE "C" NOT NULL,
                article__state TEXT COLLATE "C" NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_comments_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE favorites (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                article UUID,
                article__owner UUID,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                article__audience TEXT COLLATE "C",
                article__state TEXT COLLATE "C",
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_favorites_id UNIQUE (id),
                CONSTRAINT ck_favorites_article__owner CHECK ((article IS NULL) = (article__owner IS NULL)),
                CONSTRAINT ck_favorites_article__audience CHECK ((article IS NULL) = (article__audience IS NULL)),
                CONSTRAINT ck_favorites_article__state CHECK ((article IS NULL) = (article__state IS NULL))
            )
        """)
        op.execute("CREATE UNIQUE INDEX uq_profiles_username_per_everywhere ON profiles (username)")
        op.execute("CREATE INDEX ix_articles__public_1 ON articles (id) WHERE state IN ('published') AND audience IN ('everyone')")
        op.execute("CREATE INDEX ix_articles_profile ON articles (profile, id)")
        op.execute("CREATE UNIQUE INDEX uq_articles_slug_per_owner ON articles (owner, slug)")
        op.execute("CREATE INDEX ix_comments__public_1 ON comments (id) WHERE article__state IN ('published') AND article__audience IN ('everyone')")
        op.execute("CREATE INDEX ix_comments_article ON comments (article, id)")
        op.execute("CREATE INDEX ix_comments_author_id ON comments (author, id)")
        op.execute("CREATE INDEX ix_favorites__public_1 ON favorites (id) WHERE article__state IN ('published') AND article__audience IN ('everyone')")
        op.execute("CREATE INDEX ix_favorites_article ON favorites (article, id)")
        op.execute("CREATE INDEX ix_favorites_article__owner_id ON favorites (article__owner, id)")
        op.execute("CREATE UNIQUE INDEX uq_favorites_article_per_owner ON favorites (owner, article)")
        op.execute("ALTER TABLE profiles ADD CONSTRAINT fk_profiles_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE articles ADD CONSTRAINT fk_articles_profile FOREIGN KEY(owner, profile) REFERENCES profiles (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE comments ADD CONSTRAINT fk_comments_article FOREIGN KEY(owner, article, article__audience, article__state) REFERENCES articles (owner, id, audience, state) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE comments ADD CONSTRAINT fk_comments_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE favorites ADD CONSTRAINT fk_favorites_article FOREIGN KEY(article__owner, article, article__audience, article__state) REFERENCES articles (owner, id, audience, state) ON DELETE SET NULL ON UPDATE CASCADE")
        op.execute("ALTER TABLE favorites ADD CONSTRAINT fk_favorites_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
    else:
        op.execute("""
            CREATE TABLE profiles (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                username TEXT NOT NULL,
                bio TEXT NOT NULL,
                email TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_profiles_id UNIQUE (id),
                CONSTRAINT fk_profiles_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)
            )
        """)
        op.execute("""
            CREATE TABLE articles (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                profile VARCHAR(36) NOT NULL,
                slug TEXT NOT NULL,
                title TEXT NOT NULL,
                body TEXT NOT NULL,
                state TEXT NOT NULL,
                audience TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_articles_id UNIQUE (id),
                CONSTRAINT uq_articles_owner_id_audience_state UNIQUE (owner, id, audience, state),
                CONSTRAINT fk_articles_profile FOREIGN KEY(owner, profile) REFERENCES profiles (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT ck_articles_state CHECK (state IN ('draft', 'published')),
                CONSTRAINT ck_articles_audience CHECK (audience IN ('everyone', 'followers', 'unlisted'))
            )
        """)
        op.execute("""
            CREATE TABLE comments (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                article VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                body TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                article__audience TEXT NOT NULL,
                article__state TEXT NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_comments_id UNIQUE (id),
                CONSTRAINT fk_comments_article FOREIGN KEY(owner, article, article__audience, article__state) REFERENCES articles (owner, id, audience, state) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_comments_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL
            )
        """)
        op.execute("""
            CREATE TABLE favorites (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                article VARCHAR(36),
                article__owner VARCHAR(36),
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                article__audience TEXT,
                article__state TEXT,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_favorites_id UNIQUE (id),
                CONSTRAINT fk_favorites_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT fk_favorites_article FOREIGN KEY(article__owner, article, article__audience, article__state) REFERENCES articles (owner, id, audience, state) ON DELETE SET NULL ON UPDATE CASCADE,
                CONSTRAINT ck_favorites_article__owner CHECK ((article IS NULL) = (article__owner IS NULL)),
                CONSTRAINT ck_favorites_article__audience CHECK ((article IS NULL) = (article__audience IS NULL)),
                CONSTRAINT ck_favorites_article__state CHECK ((article IS NULL) = (article__state IS NULL))
            )
        """)
        op.execute("CREATE UNIQUE INDEX uq_profiles_username_per_everywhere ON profiles (username)")
        op.execute("CREATE INDEX ix_articles__public_1 ON articles (id) WHERE state IN ('published') AND audience IN ('everyone')")
        op.execute("CREATE INDEX ix_articles_profile ON articles (profile, id)")
        op.execute("CREATE UNIQUE INDEX uq_articles_slug_per_owner ON articles (owner, slug)")
        op.execute("CREATE INDEX ix_comments__public_1 ON comments (id) WHERE article__state IN ('published') AND article__audience IN ('everyone')")
        op.execute("CREATE INDEX ix_comments_article ON comments (article, id)")
        op.execute("CREATE INDEX ix_comments_author_id ON comments (author, id)")
        op.execute("CREATE INDEX ix_favorites__public_1 ON favorites (id) WHERE article__state IN ('published') AND article__audience IN ('everyone')")
        op.execute("CREATE INDEX ix_favorites_article ON favorites (article, id)")
        op.execute("CREATE INDEX ix_favorites_article__owner_id ON favorites (article__owner, id)")
        op.execute("CREATE UNIQUE INDEX uq_favorites_article_per_owner ON favorites (owner, article)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE favorites DROP CONSTRAINT fk_favorites_article")
        op.execute("ALTER TABLE favorites DROP CONSTRAINT fk_favorites_owner")
        op.execute("ALTER TABLE comments DROP CONSTRAINT fk_comments_article")
        op.execute("ALTER TABLE comments DROP CONSTRAINT fk_comments_author")
        op.execute("ALTER TABLE articles DROP CONSTRAINT fk_articles_profile")
        op.execute("ALTER TABLE profiles DROP CONSTRAINT fk_profiles_owner")
        op.execute("DROP TABLE favorites")
        op.execute("DROP TABLE comments")
        op.execute("DROP TABLE articles")
        op.execute("DROP TABLE profiles")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE favorites")
        op.execute("DROP TABLE comments")
        op.execute("DROP TABLE articles")
        op.execute("DROP TABLE profiles")
