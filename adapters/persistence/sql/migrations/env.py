"""Alembic's way into the built-in tables; started by `migrating.py`, or by the `alembic` command with `alembic.ini`."""

from alembic import context
from sqlalchemy import create_engine

from adapters.persistence.sql.builtin import METADATA
from adapters.persistence.sql.migrating import VERSION_TABLE, transactional


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_engine(url)
    transactional(engine)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            version_table=VERSION_TABLE,
            render_as_batch=True,
            include_name=lambda name, kind, _: kind != "table" or (name or "").startswith("freehold_"),
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


_run()
