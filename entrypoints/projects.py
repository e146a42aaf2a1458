"""A project folder: a new one from a starter, its database brought up to date, and the two accounts of the tour."""

import json
import re
from pathlib import Path

from dependency_injector import providers

from adapters.persistence.sql.inspecting import inspector
from adapters.persistence.sql.pool import Server
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.upkeep import Upkeep
from adapters.specification_schema import json_schema
from domain.deviations import Deviation
from domain.errors import FreeholdError, SchemaDiffers
from domain.specification.evolution import Change
from domain.specification.model import Specification
from entrypoints import reports
from entrypoints.container import Container
from entrypoints.reports import FILE

SCHEMA = "freehold.schema.json"
"""what editors check the file against; it lies beside it, so that no network is needed"""
_HERE = Path(__file__).resolve().parent
IGNORED = """# Freehold's embedded database with the copies of it, and the secret that seals its keys
freehold.db*
.freehold-secret
__pycache__/
"""


def examples() -> Path:
    """The specifications that ship: beside this package in a wheel, at the top in a clone."""
    shipped = _HERE / "examples"
    return shipped if shipped.is_dir() else _HERE.parent / "examples"


def starters() -> list[str]:
    """The names that `new --from` takes."""
    found = (path.parent for path in examples().glob(f"*/{FILE}"))
    return sorted(folder.name for folder in found if not (folder / "app.py").exists())


def make(folder: Path, starter: str) -> None:
    """Write a new project. Raises `FileExistsError` where the folder holds one already."""
    if (folder / FILE).exists():
        raise FileExistsError(f"{folder / FILE} is there already")
    folder.mkdir(parents=True, exist_ok=True)
    text = (examples() / starter / FILE).read_text(encoding="utf-8")
    named = text.replace(f"app: {starter}\n", f"app: {app_name(folder)}\n", 1)
    (folder / FILE).write_text(f"# yaml-language-server: $schema={SCHEMA}\n{named}", encoding="utf-8")
    (folder / SCHEMA).write_text(json.dumps(json_schema(), indent=1), encoding="utf-8")
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text(IGNORED, encoding="utf-8")
    readme = folder / "README.md"
    if not readme.exists():
        readme.write_text(_readme(folder.resolve().name), encoding="utf-8")


def approved(folder: Path) -> Specification | None:
    """What was approved last; None before the first time, and where the lock does not say: `plan` tells why."""
    project = Container(folder=folder).project()
    try:
        approvals = project.approvals()
        return project.read(approvals[0]) if len(approvals) == 1 else None
    except FreeholdError:
        return None


def app_name(folder: Path) -> str:
    """A folder's name as the name of an app; `app` where nothing of it fits."""
    words = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    return re.sub(r"^[0-9_]+", "", words) or "app"


def bring_up(database: Path | Server, tables: Tables, *, allow_losses: bool) -> tuple[Change, ...]:
    """Make the database, or change it straight to the specification (see `Upkeep.develop`)."""
    return Upkeep(database).develop(tables, allow_losses=allow_losses)


def settle(folder: Path, database: Path | Server, by: str) -> None:
    """Approve what a folder says, and bring a database there: for all that makes a project only to serve it."""
    container = Container(folder=folder)
    container.database.override(providers.Object(database))
    use = container.specifications()
    plan = use.plan()
    if not plan.nothing:
        use.approve(by, plan)
    use.migrate(lambda _: None)


def require_same(database: Path | Server, tables: Tables) -> tuple[Deviation, ...]:
    """Raise `SchemaDiffers` unless the database is the specification's, saying what differs; changes nothing.

    Answers what deviates and matters to nobody who is served.
    """
    found = inspector(database, tables)()
    serious = [each for each in found if not each.harmless]
    if serious:
        raise SchemaDiffers(f"{database} is not what the specification says.\n{reports.deviations_text(serious)}")
    return found


def _readme(name: str) -> str:
    return f"""# {name}

`{FILE}` says what the records of this app are and who may do what with them. Nothing else is needed.

    freehold check {name}    # mistakes, open questions, what is public, who may do what
    freehold dev {name}      # serve it while you write, with reload: open http://127.0.0.1:8000

When it is as you want it:

    freehold plan {name}     # what approving would change
    freehold approve {name}  # writes freehold.lock and migrations/: keep both in version control
    freehold migrate {name}  # brings the database there
    freehold serve {name}    # serves exactly what was approved
    freehold prove {name}    # attack it as everyone, and compare each answer with the file

Editors that know the YAML language server help with the file: they read `{SCHEMA}`, which `freehold schema` prints.
"""
