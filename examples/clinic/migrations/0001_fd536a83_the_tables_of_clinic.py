"""The tables of clinic.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_fd536a83"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE clinics (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                name TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_clinics_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE patients (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                clinic UUID NOT NULL,
                portal UUID,
                name TEXT COLLATE "C" NOT NULL,
                phone TEXT COLLATE "C" NOT NULL,
                allergies TEXT COLLATE "C",
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_patients_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE appointments (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                patient UUID NOT NULL,
                "with" UUID,
                at TIMESTAMP WITH TIME ZONE NOT NULL,
                state TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_appointments_id UNIQUE (id),
                CONSTRAINT ck_appointments_state CHECK (state IN ('booked', 'cancelled', 'done'))
            )
        """)
        op.execute("""
            CREATE TABLE notes (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                patient UUID NOT NULL,
                author UUID,
                text TEXT COLLATE "C" NOT NULL,
                kind TEXT COLLATE "C" NOT NULL,
                state TEXT COLLATE "C" NOT NULL,
                amends UUID,
                amends__owner UUID,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id),
                CONSTRAINT ck_notes_kind CHECK (kind IN ('general', 'psychotherapy')),
                CONSTRAINT ck_notes_state CHECK (state IN ('draft', 'signed')),
                CONSTRAINT ck_notes_amends__owner CHECK ((amends IS NULL) = (amends__owner IS NULL))
            )
        """)
        op.execute("CREATE INDEX ix_patients_clinic ON patients (clinic, id)")
        op.execute("CREATE INDEX ix_patients_portal_id ON patients (portal, id)")
        op.execute("CREATE INDEX ix_appointments_patient ON appointments (patient, id)")
        op.execute("CREATE INDEX ix_notes_amends ON notes (amends, id)")
        op.execute("CREATE INDEX ix_notes_author_id ON notes (author, id)")
        op.execute("CREATE INDEX ix_notes_patient ON notes (patient, id)")
        op.execute("ALTER TABLE clinics ADD CONSTRAINT fk_clinics_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE patients ADD CONSTRAINT fk_patients_clinic FOREIGN KEY(owner, clinic) REFERENCES clinics (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE patients ADD CONSTRAINT fk_patients_portal FOREIGN KEY(portal) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE appointments ADD CONSTRAINT fk_appointments_patient FOREIGN KEY(owner, patient) REFERENCES patients (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute('ALTER TABLE appointments ADD CONSTRAINT fk_appointments_with FOREIGN KEY("with") REFERENCES freehold_accounts (id) ON DELETE SET NULL')
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_amends FOREIGN KEY(amends__owner, amends) REFERENCES notes (owner, id) ON DELETE SET NULL ON UPDATE CASCADE")
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE notes ADD CONSTRAINT fk_notes_patient FOREIGN KEY(owner, patient) REFERENCES patients (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
    else:
        op.execute("""
            CREATE TABLE clinics (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                name TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_clinics_id UNIQUE (id),
                CONSTRAINT fk_clinics_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)
            )
        """)
        op.execute("""
            CREATE TABLE patients (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                clinic VARCHAR(36) NOT NULL,
                portal VARCHAR(36),
                name TEXT NOT NULL,
                phone TEXT NOT NULL,
                allergies TEXT,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_patients_id UNIQUE (id),
                CONSTRAINT fk_patients_clinic FOREIGN KEY(owner, clinic) REFERENCES clinics (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_patients_portal FOREIGN KEY(portal) REFERENCES freehold_accounts (id) ON DELETE SET NULL
            )
        """)
        op.execute("""
            CREATE TABLE appointments (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                patient VARCHAR(36) NOT NULL,
                with VARCHAR(36),
                at VARCHAR(27) NOT NULL,
                state TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_appointments_id UNIQUE (id),
                CONSTRAINT fk_appointments_patient FOREIGN KEY(owner, patient) REFERENCES patients (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_appointments_with FOREIGN KEY(with) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_appointments_at CHECK (at LIKE '____-__-__T__:__:__.______Z'),
                CONSTRAINT ck_appointments_state CHECK (state IN ('booked', 'cancelled', 'done'))
            )
        """)
        op.execute("""
            CREATE TABLE notes (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                patient VARCHAR(36) NOT NULL,
                author VARCHAR(36),
                text TEXT NOT NULL,
                kind TEXT NOT NULL,
                state TEXT NOT NULL,
                amends VARCHAR(36),
                amends__owner VARCHAR(36),
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_notes_id UNIQUE (id),
                CONSTRAINT fk_notes_patient FOREIGN KEY(owner, patient) REFERENCES patients (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_notes_author FOREIGN KEY(author) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_notes_kind CHECK (kind IN ('general', 'psychotherapy')),
                CONSTRAINT ck_notes_state CHECK (state IN ('draft', 'signed')),
                CONSTRAINT fk_notes_amends FOREIGN KEY(amends__owner, amends) REFERENCES notes (owner, id) ON DELETE SET NULL ON UPDATE CASCADE,
                CONSTRAINT ck_notes_amends__owner CHECK ((amends IS NULL) = (amends__owner IS NULL))
            )
        """)
        op.execute("CREATE INDEX ix_patients_clinic ON patients (clinic, id)")
        op.execute("CREATE INDEX ix_patients_portal_id ON patients (portal, id)")
        op.execute("CREATE INDEX ix_appointments_patient ON appointments (patient, id)")
        op.execute("CREATE INDEX ix_notes_amends ON notes (amends, id)")
        op.execute("CREATE INDEX ix_notes_author_id ON notes (author, id)")
        op.execute("CREATE INDEX ix_notes_patient ON notes (patient, id)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_amends")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_author")
        op.execute("ALTER TABLE notes DROP CONSTRAINT fk_notes_patient")
        op.execute("ALTER TABLE appointments DROP CONSTRAINT fk_appointments_patient")
        op.execute("ALTER TABLE appointments DROP CONSTRAINT fk_appointments_with")
        op.execute("ALTER TABLE patients DROP CONSTRAINT fk_patients_clinic")
        op.execute("ALTER TABLE patients DROP CONSTRAINT fk_patients_portal")
        op.execute("ALTER TABLE clinics DROP CONSTRAINT fk_clinics_owner")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE appointments")
        op.execute("DROP TABLE patients")
        op.execute("DROP TABLE clinics")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE notes")
        op.execute("DROP TABLE appointments")
        op.execute("DROP TABLE patients")
        op.execute("DROP TABLE clinics")
