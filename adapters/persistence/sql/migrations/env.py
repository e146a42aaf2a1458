"""How Alembic runs: on the connection that `migrating` gives it, or for developers on the one of `-x url=...`."""

from alembic import context
from sqlalchemy import Connection

from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.migrating import within


def run(connection: Connection) -> None:
    """Run what was asked for, in the connection's own transaction."""
    context.configure(
        connection=connection,
        target_metadata=mapped.metadata,
        transactional_ddl=True,
        render_as_batch=True,
        include_name=lambda name, kind, parents: kind != "table" or name in mapped.metadata.tables,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    within(context.get_x_argument(as_dictionary=True)["url"], run)
