"""The tables of market.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_797c2aed"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE listings (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                title TEXT COLLATE "C" NOT NULL,
                price NUMERIC NOT NULL,
                state TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_listings_id UNIQUE (id),
                CONSTRAINT ck_listings_state CHECK (state IN ('draft', 'open', 'closed'))
            )
        """)
        op.execute("""
            CREATE TABLE orders (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                listing UUID,
                listing__owner UUID,
                seller UUID,
                price NUMERIC,
                ship_to TEXT COLLATE "C" NOT NULL,
                tracking TEXT COLLATE "C",
                status TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_orders_id UNIQUE (id),
                CONSTRAINT uq_orders_owner_id_status UNIQUE (owner, id, status),
                CONSTRAINT ck_orders_listing__owner CHECK ((listing IS NULL) = (listing__owner IS NULL)),
                CONSTRAINT ck_orders_status CHECK (status IN ('asked', 'accepted', 'declined', 'paid', 'shipped', 'received', 'disputed', 'refunded'))
            )
        """)
        op.execute("""
            CREATE TABLE messages (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                "order" UUID NOT NULL,
                author UUID,
                body TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                order__status TEXT COLLATE "C" NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_messages_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE reviews (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                "order" UUID NOT NULL,
                author UUID,
                stars BIGINT NOT NULL,
                visible BOOLEAN NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_reviews_id UNIQUE (id),
                CONSTRAINT ck_reviews_stars CHECK (stars >= 1 AND stars <= 5)
            )
        """)
        op.execute("CREATE INDEX ix_listings__public_1 ON listings (id) WHERE state IN ('open')")
        op.execute("CREATE INDEX ix_orders__public_1 ON orders (id) WHERE status IN ('disputed', 'refunded')")
        op.execute("CREATE INDEX ix_orders_listing ON orders (listing, id)")
        op.execute("CREATE INDEX ix_orders_seller_id ON orders (seller, id)")
        op.execute("CREATE INDEX ix_messages__public_1 ON messages (id) WHERE order__status IN ('disputed', 'refunded')")
        op.execute('CREATE INDEX ix_messages_order ON messages ("order", id)')
        op.execute("CREATE INDEX ix_reviews__public_1 ON reviews (id) WHERE visible IN (true)")
        op.execute("CREATE INDEX ix_reviews_author_id ON reviews (author, id)")
        op.execute('CREATE INDEX ix_reviews_order ON reviews ("order", id)')
        op.execute('CREATE UNIQUE INDEX uq_reviews_author_per_order ON reviews ("order", author)')
        op.execute("ALTER TABLE listings ADD CONSTRAINT fk_listings_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE orders ADD CONSTRAINT fk_orders_listing FOREIGN KEY(listing__owner, listing) REFERENCES listings (owner, id) ON DELETE SET NULL ON UPDATE CASCADE")
        op.execute("ALTER TABLE orders ADD CONSTRAINT fk_orders_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE orders ADD CONSTRAINT fk_orders_seller FOREIGN KEY(seller) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE messages ADD CONSTRAINT fk_messages_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute('ALTER TABLE messages ADD CONSTRAINT fk_messages_order FOREIGN KEY(owner, "order", order__status) REFERENCES orders (owner, id, status) ON DELETE CASCADE ON UPDATE CASCADE')
        op.execute("ALTER TABLE reviews ADD CONSTRAINT fk_reviews_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute('ALTER TABLE reviews ADD CONSTRAINT fk_reviews_order FOREIGN KEY(owner, "order") REFERENCES orders (owner, id) ON DELETE CASCADE ON UPDATE CASCADE')
    else:
        op.execute("""
            CREATE TABLE listings (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                title TEXT NOT NULL,
                price VARCHAR(40) COLLATE decimal NOT NULL,
                state TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_listings_id UNIQUE (id),
                CONSTRAINT fk_listings_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT ck_listings_price CHECK (NOT (price GLOB '*[^-.0-9]*')),
                CONSTRAINT ck_listings_state CHECK (state IN ('draft', 'open', 'closed'))
            )
        """)
        op.execute("""
            CREATE TABLE orders (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                listing VARCHAR(36),
                listing__owner VARCHAR(36),
                seller VARCHAR(36),
                price VARCHAR(40) COLLATE decimal,
                ship_to TEXT NOT NULL,
                tracking TEXT,
                status TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_orders_id UNIQUE (id),
                CONSTRAINT uq_orders_owner_id_status UNIQUE (owner, id, status),
                CONSTRAINT fk_orders_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT fk_orders_listing FOREIGN KEY(listing__owner, listing) REFERENCES listings (owner, id) ON DELETE SET NULL ON UPDATE CASCADE,
                CONSTRAINT ck_orders_listing__owner CHECK ((listing IS NULL) = (listing__owner IS NULL)),
                CONSTRAINT fk_orders_seller FOREIGN KEY(seller) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_orders_price CHECK (NOT (price GLOB '*[^-.0-9]*')),
                CONSTRAINT ck_orders_status CHECK (status IN ('asked', 'accepted', 'declined', 'paid', 'shipped', 'received', 'disputed', 'refunded'))
            )
        """)
        op.execute("""
            CREATE TABLE messages (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                "order" VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                body TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                order__status TEXT NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_messages_id UNIQUE (id),
                CONSTRAINT fk_messages_order FOREIGN KEY(owner, "order", order__status) REFERENCES orders (owner, id, status) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_messages_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL
            )
        """)
        op.execute("""
            CREATE TABLE reviews (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                "order" VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                stars INTEGER NOT NULL,
                visible INTEGER NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_reviews_id UNIQUE (id),
                CONSTRAINT fk_reviews_order FOREIGN KEY(owner, "order") REFERENCES orders (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_reviews_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_reviews_stars CHECK (stars = CAST(stars AS INTEGER) AND stars >= 1 AND stars <= 5),
                CONSTRAINT ck_reviews_visible CHECK (visible IN (0, 1))
            )
        """)
        op.execute("CREATE INDEX ix_listings__public_1 ON listings (id) WHERE state IN ('open')")
        op.execute("CREATE INDEX ix_orders__public_1 ON orders (id) WHERE status IN ('disputed', 'refunded')")
        op.execute("CREATE INDEX ix_orders_listing ON orders (listing, id)")
        op.execute("CREATE INDEX ix_orders_seller_id ON orders (seller, id)")
        op.execute("CREATE INDEX ix_messages__public_1 ON messages (id) WHERE order__status IN ('disputed', 'refunded')")
        op.execute('CREATE INDEX ix_messages_order ON messages ("order", id)')
        op.execute("CREATE INDEX ix_reviews__public_1 ON reviews (id) WHERE visible IN (1)")
        op.execute("CREATE INDEX ix_reviews_author_id ON reviews (author, id)")
        op.execute('CREATE INDEX ix_reviews_order ON reviews ("order", id)')
        op.execute('CREATE UNIQUE INDEX uq_reviews_author_per_order ON reviews ("order", author)')


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE reviews DROP CONSTRAINT fk_reviews_author")
        op.execute("ALTER TABLE reviews DROP CONSTRAINT fk_reviews_order")
        op.execute("ALTER TABLE messages DROP CONSTRAINT fk_messages_author")
        op.execute("ALTER TABLE messages DROP CONSTRAINT fk_messages_order")
        op.execute("ALTER TABLE orders DROP CONSTRAINT fk_orders_listing")
        op.execute("ALTER TABLE orders DROP CONSTRAINT fk_orders_owner")
        op.execute("ALTER TABLE orders DROP CONSTRAINT fk_orders_seller")
        op.execute("ALTER TABLE listings DROP CONSTRAINT fk_listings_owner")
        op.execute("DROP TABLE reviews")
        op.execute("DROP TABLE messages")
        op.execute("DROP TABLE orders")
        op.execute("DROP TABLE listings")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE reviews")
        op.execute("DROP TABLE messages")
        op.execute("DROP TABLE orders")
        op.execute("DROP TABLE listings")
