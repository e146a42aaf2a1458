"""A project's folder: `freehold.yaml`, `freehold.lock` and `migrations/`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from adapters import lock_file
from adapters.persistence.sql import evolving, postgres, sqlite
from adapters.persistence.sql.evolving import Run
from adapters.persistence.sql.revisions import Revisions
from adapters.persistence.sql.tables import build
from adapters.specification_file import load, parse
from domain.errors import NotApproved, SpecificationInvalid
from domain.specification.approval import Approval, digest
from domain.specification.model import Specification


class FolderOfProject:
    """See `ProjectFolder`."""

    def __init__(self, folder: Path, api: Callable[[Specification], str]) -> None:
        """`api` writes the OpenAPI document of a specification."""
        self._folder, self._api = folder, api
        self._revisions = Revisions(folder)

    def specification(self) -> Specification:
        """See `ProjectFolder`."""
        return load(self._folder)

    def approvals(self) -> tuple[Approval, ...]:
        """See `ProjectFolder`."""
        return lock_file.read(self._folder)

    def read(self, approval: Approval) -> Specification:
        """See `ProjectFolder`."""
        try:
            return parse(approval.text)
        except SpecificationInvalid as error:
            raise NotApproved(f"The approved text is none that this version of Freehold reads: {error}") from error

    def revisions(self) -> Mapping[str, str]:
        """See `ProjectFolder`."""
        return self._revisions.digests()

    def heads(self) -> tuple[str, ...]:
        """See `ProjectFolder`."""
        return self._revisions.heads()

    def line(self, revision: str) -> tuple[str, ...]:
        """See `ProjectFolder`."""
        return self._revisions.line(revision)

    def write_revision(self, before: Specification | None, after: Specification, follows: str | None) -> str | None:
        """See `ProjectFolder`."""
        return self._revisions.write(None if before is None else build(before), build(after), follows)

    def remove_revision(self, revision: str) -> str:
        """See `ProjectFolder`."""
        return self._revisions.remove(revision).name

    def keep(self, approval: Approval) -> None:
        """See `ProjectFolder`."""
        lock_file.write(self._folder, approval)

    def schema(self, specification: Specification) -> str:
        """See `ProjectFolder`."""
        tables = build(specification)
        steps = [*evolving.created(tables, sqlite.DIALECT), *evolving.created(tables, postgres.DIALECT)]
        return digest("\n".join(sorted(step.sql for step in steps if isinstance(step, Run))))

    def api(self, specification: Specification) -> str:
        """See `ProjectFolder`."""
        return digest(self._api(specification))
