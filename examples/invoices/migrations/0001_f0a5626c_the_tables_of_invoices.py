"""The tables of invoices.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_f0a5626c"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE businesses (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                name TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_businesses_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE clients (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                business UUID NOT NULL,
                name TEXT COLLATE "C" NOT NULL,
                portal UUID,
                address TEXT COLLATE "C" NOT NULL,
                credit_limit NUMERIC,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_clients_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE invoices (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                business UUID NOT NULL,
                client UUID,
                client__owner UUID,
                number TEXT COLLATE "C" NOT NULL,
                due DATE NOT NULL,
                status TEXT COLLATE "C" NOT NULL,
                private_notes TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_invoices_id UNIQUE (id),
                CONSTRAINT ck_invoices_client__owner CHECK ((client IS NULL) = (client__owner IS NULL)),
                CONSTRAINT ck_invoices_status CHECK (status IN ('draft', 'sent', 'paid', 'void'))
            )
        """)
        op.execute("""
            CREATE TABLE lines (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                invoice UUID NOT NULL,
                text TEXT COLLATE "C" NOT NULL,
                amount NUMERIC NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_lines_id UNIQUE (id)
            )
        """)
        op.execute("CREATE INDEX ix_clients_business ON clients (business, id)")
        op.execute("CREATE INDEX ix_clients_portal_id ON clients (portal, id)")
        op.execute("CREATE UNIQUE INDEX uq_clients_name_per_business ON clients (business, name)")
        op.execute("CREATE INDEX ix_invoices_business ON invoices (business, id)")
        op.execute("CREATE INDEX ix_invoices_client ON invoices (client, id)")
        op.execute("CREATE UNIQUE INDEX uq_invoices_number_per_business ON invoices (business, number)")
        op.execute("CREATE INDEX ix_lines_invoice ON lines (invoice, id)")
        op.execute("ALTER TABLE businesses ADD CONSTRAINT fk_businesses_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE clients ADD CONSTRAINT fk_clients_business FOREIGN KEY(owner, business) REFERENCES businesses (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE clients ADD CONSTRAINT fk_clients_portal FOREIGN KEY(portal) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE invoices ADD CONSTRAINT fk_invoices_business FOREIGN KEY(owner, business) REFERENCES businesses (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE invoices ADD CONSTRAINT fk_invoices_client FOREIGN KEY(client__owner, client) REFERENCES clients (owner, id) ON DELETE SET NULL ON UPDATE CASCADE")
        op.execute("ALTER TABLE lines ADD CONSTRAINT fk_lines_invoice FOREIGN KEY(owner, invoice) REFERENCES invoices (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
    else:
        op.execute("""
            CREATE TABLE businesses (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                name TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_businesses_id UNIQUE (id),
                CONSTRAINT fk_businesses_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)
            )
        """)
        op.execute("""
            CREATE TABLE clients (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                business VARCHAR(36) NOT NULL,
                name TEXT NOT NULL,
                portal VARCHAR(36),
                address TEXT NOT NULL,
                credit_limit VARCHAR(40) COLLATE decimal,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_clients_id UNIQUE (id),
                CONSTRAINT fk_clients_business FOREIGN KEY(owner, business) REFERENCES businesses (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_clients_portal FOREIGN KEY(portal) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_clients_credit_limit CHECK (NOT (credit_limit GLOB '*[^-.0-9]*'))
            )
        """)
        op.execute("""
            CREATE TABLE invoices (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                business VARCHAR(36) NOT NULL,
                client VARCHAR(36),
                client__owner VARCHAR(36),
                number TEXT NOT NULL,
                due VARCHAR(10) NOT NULL,
                status TEXT NOT NULL,
                private_notes TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_invoices_id UNIQUE (id),
                CONSTRAINT fk_invoices_business FOREIGN KEY(owner, business) REFERENCES businesses (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_invoices_client FOREIGN KEY(client__owner, client) REFERENCES clients (owner, id) ON DELETE SET NULL ON UPDATE CASCADE,
                CONSTRAINT ck_invoices_client__owner CHECK ((client IS NULL) = (client__owner IS NULL)),
                CONSTRAINT ck_invoices_due CHECK (due LIKE '____-__-__'),
                CONSTRAINT ck_invoices_status CHECK (status IN ('draft', 'sent', 'paid', 'void'))
            )
        """)
        op.execute("""
            CREATE TABLE lines (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                invoice VARCHAR(36) NOT NULL,
                text TEXT NOT NULL,
                amount VARCHAR(40) COLLATE decimal NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_lines_id UNIQUE (id),
                CONSTRAINT fk_lines_invoice FOREIGN KEY(owner, invoice) REFERENCES invoices (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT ck_lines_amount CHECK (NOT (amount GLOB '*[^-.0-9]*'))
            )
        """)
        op.execute("CREATE INDEX ix_clients_business ON clients (business, id)")
        op.execute("CREATE INDEX ix_clients_portal_id ON clients (portal, id)")
        op.execute("CREATE UNIQUE INDEX uq_clients_name_per_business ON clients (business, name)")
        op.execute("CREATE INDEX ix_invoices_business ON invoices (business, id)")
        op.execute("CREATE INDEX ix_invoices_client ON invoices (client, id)")
        op.execute("CREATE UNIQUE INDEX uq_invoices_number_per_business ON invoices (business, number)")
        op.execute("CREATE INDEX ix_lines_invoice ON lines (invoice, id)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE lines DROP CONSTRAINT fk_lines_invoice")
        op.execute("ALTER TABLE invoices DROP CONSTRAINT fk_invoices_business")
        op.execute("ALTER TABLE invoices DROP CONSTRAINT fk_invoices_client")
        op.execute("ALTER TABLE clients DROP CONSTRAINT fk_clients_business")
        op.execute("ALTER TABLE clients DROP CONSTRAINT fk_clients_portal")
        op.execute("ALTER TABLE businesses DROP CONSTRAINT fk_businesses_owner")
        op.execute("DROP TABLE lines")
        op.execute("DROP TABLE invoices")
        op.execute("DROP TABLE clients")
        op.execute("DROP TABLE businesses")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE lines")
        op.execute("DROP TABLE invoices")
        op.execute("DROP TABLE clients")
        op.execute("DROP TABLE businesses")
