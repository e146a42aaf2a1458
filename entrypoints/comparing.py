"""What `freehold status` compares: the database and the served API with what the specification makes."""

from typing import Any

from adapters.persistence.memory import MemoryStore
from domain.deviations import Deviation, How
from domain.errors import SchemaDiffers
from entrypoints import asgi, projects
from entrypoints.container import Container

PATIENCE_SECONDS = 30.0


def deviations(container: Container, url: str | None = None) -> tuple[Deviation, ...]:
    """Everything that is not as the file says."""
    return _of_database(container)


def _of_database(container: Container) -> tuple[Deviation, ...]:
    database = container.database()
    try:
        return projects.inspector(database, container.tables())()
    except SchemaDiffers as error:
        mend = "See that the database can be reached; `freehold migrate` makes and upgrades its tables."
        where = str(database)
        return (Deviation("database", "database", How.UNREADABLE, where, "", "", str(error), None, mend),)


def openapi_of(container: Container) -> dict[str, Any]:
    """The document that this version serves for a specification; no database is asked. The container is spent then."""
    container.store.override(MemoryStore(container.specification()))
    container.secret.override(b"no secret is needed to describe an API")
    return asgi.create_app(container).openapi()
