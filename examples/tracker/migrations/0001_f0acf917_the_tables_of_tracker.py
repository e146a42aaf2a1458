"""The tables of tracker.

Written by `freehold approve`. You may edit it until it has run; approve again, then it is approved as it stands.
`freehold migrate` runs it in one transaction, and refuses it where the tables would not be those of the specification.
"""

from alembic import op

revision = "0001_f0acf917"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("""
            CREATE TABLE workspaces (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                name TEXT COLLATE "C" NOT NULL,
                guests_see_all BOOLEAN NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_workspaces_id UNIQUE (id)
            )
        """)
        op.execute("""
            CREATE TABLE projects (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                workspace UUID NOT NULL,
                key TEXT COLLATE "C" NOT NULL,
                private BOOLEAN NOT NULL,
                state TEXT COLLATE "C" NOT NULL,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_projects_id UNIQUE (id),
                CONSTRAINT ck_projects_state CHECK (state IN ('active', 'archived'))
            )
        """)
        op.execute("""
            CREATE TABLE tasks (
                owner UUID NOT NULL,
                id UUID NOT NULL,
                project UUID NOT NULL,
                reporter UUID,
                assignee UUID,
                title TEXT COLLATE "C" NOT NULL,
                status TEXT COLLATE "C" NOT NULL,
                budget NUMERIC,
                created_at TIMESTAMP WITH TIME ZONE NOT NULL,
                updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_tasks_id UNIQUE (id),
                CONSTRAINT ck_tasks_status CHECK (status IN ('todo', 'doing', 'done'))
            )
        """)
        op.execute("CREATE INDEX ix_projects_workspace ON projects (workspace, id)")
        op.execute("CREATE UNIQUE INDEX uq_projects_key_per_workspace ON projects (workspace, key)")
        op.execute("CREATE INDEX ix_tasks_assignee_id ON tasks (assignee, id)")
        op.execute("CREATE INDEX ix_tasks_project ON tasks (project, id)")
        op.execute("CREATE INDEX ix_tasks_reporter_id ON tasks (reporter, id)")
        op.execute("ALTER TABLE workspaces ADD CONSTRAINT fk_workspaces_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id)")
        op.execute("ALTER TABLE projects ADD CONSTRAINT fk_projects_workspace FOREIGN KEY(owner, workspace) REFERENCES workspaces (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE tasks ADD CONSTRAINT fk_tasks_assignee FOREIGN KEY(assignee) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
        op.execute("ALTER TABLE tasks ADD CONSTRAINT fk_tasks_project FOREIGN KEY(owner, project) REFERENCES projects (owner, id) ON DELETE CASCADE ON UPDATE CASCADE")
        op.execute("ALTER TABLE tasks ADD CONSTRAINT fk_tasks_reporter FOREIGN KEY(reporter) REFERENCES freehold_accounts (id) ON DELETE SET NULL")
    else:
        op.execute("""
            CREATE TABLE workspaces (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                name TEXT NOT NULL,
                guests_see_all INTEGER NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_workspaces_id UNIQUE (id),
                CONSTRAINT fk_workspaces_owner FOREIGN KEY(owner) REFERENCES freehold_accounts (id),
                CONSTRAINT ck_workspaces_guests_see_all CHECK (guests_see_all IN (0, 1))
            )
        """)
        op.execute("""
            CREATE TABLE projects (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                workspace VARCHAR(36) NOT NULL,
                "key" TEXT NOT NULL,
                private INTEGER NOT NULL,
                state TEXT NOT NULL,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_projects_id UNIQUE (id),
                CONSTRAINT fk_projects_workspace FOREIGN KEY(owner, workspace) REFERENCES workspaces (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT ck_projects_private CHECK (private IN (0, 1)),
                CONSTRAINT ck_projects_state CHECK (state IN ('active', 'archived'))
            )
        """)
        op.execute("""
            CREATE TABLE tasks (
                owner VARCHAR(36) NOT NULL,
                id VARCHAR(36) NOT NULL,
                project VARCHAR(36) NOT NULL,
                reporter VARCHAR(36),
                assignee VARCHAR(36),
                title TEXT NOT NULL,
                status TEXT NOT NULL,
                budget VARCHAR(40) COLLATE decimal,
                created_at VARCHAR(27) NOT NULL,
                updated_at VARCHAR(27) NOT NULL,
                PRIMARY KEY (owner, id),
                CONSTRAINT uq_tasks_id UNIQUE (id),
                CONSTRAINT fk_tasks_project FOREIGN KEY(owner, project) REFERENCES projects (owner, id) ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT fk_tasks_reporter FOREIGN KEY(reporter) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT fk_tasks_assignee FOREIGN KEY(assignee) REFERENCES freehold_accounts (id) ON DELETE SET NULL,
                CONSTRAINT ck_tasks_status CHECK (status IN ('todo', 'doing', 'done')),
                CONSTRAINT ck_tasks_budget CHECK (NOT (budget GLOB '*[^-.0-9]*'))
            )
        """)
        op.execute("CREATE INDEX ix_projects_workspace ON projects (workspace, id)")
        op.execute('CREATE UNIQUE INDEX uq_projects_key_per_workspace ON projects (workspace, "key")')
        op.execute("CREATE INDEX ix_tasks_assignee_id ON tasks (assignee, id)")
        op.execute("CREATE INDEX ix_tasks_project ON tasks (project, id)")
        op.execute("CREATE INDEX ix_tasks_reporter_id ON tasks (reporter, id)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("ALTER TABLE tasks DROP CONSTRAINT fk_tasks_assignee")
        op.execute("ALTER TABLE tasks DROP CONSTRAINT fk_tasks_project")
        op.execute("ALTER TABLE tasks DROP CONSTRAINT fk_tasks_reporter")
        op.execute("ALTER TABLE projects DROP CONSTRAINT fk_projects_workspace")
        op.execute("ALTER TABLE workspaces DROP CONSTRAINT fk_workspaces_owner")
        op.execute("DROP TABLE tasks")
        op.execute("DROP TABLE projects")
        op.execute("DROP TABLE workspaces")
    else:
        op.execute("DELETE FROM freehold_secret_links")
        op.execute("DELETE FROM freehold_invitations")
        op.execute("DELETE FROM freehold_memberships")
        op.execute("DELETE FROM freehold_offers")
        op.execute("DROP TABLE tasks")
        op.execute("DROP TABLE projects")
        op.execute("DROP TABLE workspaces")
