"""How Alembic runs: on the connection that `migrating` gives it, or for developers on the one of `-x url=...`."""

from alembic import context
from sqlalchemy import Connection

from adapters.persistence.sql import revisions  # noqa: F401 - what the revisions of a project may say
from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.migrating import within


def run(connection: Connection) -> None:
    """Run what was asked for, in the connection's own transaction."""
    context.configure(
        connection=connection,
        version_table=context.config.attributes.get("version_table", "alembic_version"),
        target_metadata=mapped.metadata,
        transactional_ddl=True,
        render_as_batch=True,
        include_name=lambda name, kind, parents: kind != "table" or name in mapped.metadata.tables,
    )
    context.run_migrations()


def describe(url: str) -> None:
    """Print what would be run, without a database."""
    table = context.config.attributes.get("version_table", "alembic_version")
    context.configure(url=url, version_table=table, literal_binds=True, transactional_ddl=True)
    context.run_migrations()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    describe(context.config.attributes["url"])
elif given is not None:
    run(given)
else:
    within(context.get_x_argument(as_dictionary=True)["url"], run)
