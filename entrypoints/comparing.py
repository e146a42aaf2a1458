"""What `freehold status` compares: file, lock, database and the served API, each with what was approved."""

import json
import re
from collections.abc import Iterator
from functools import partial
from urllib.error import URLError
from urllib.request import urlopen

from adapters.persistence.sql.inspecting import inspector
from adapters.persistence.sql.tables import build
from application.api_changes import api_changes
from domain.deviations import Deviation, How
from domain.errors import FreeholdError, NotApproved, SchemaDiffers
from domain.specification.approval import Approval, digest
from domain.specification.behaviour import otherwise
from domain.specification.evolution import changes
from domain.specification.gains import compare
from domain.specification.model import Place, Specification
from entrypoints.container import Container, openapi_of

PATIENCE_SECONDS = 30.0
LARGEST_DOCUMENT = 16 * 1024 * 1024
"""bytes that are read of what a server says"""
APPROVE = "`freehold plan` shows what it means, `freehold approve` approves it; or take back what changed."
_lock = partial(Deviation, "lock", aspect="", expected="")


def deviations(container: Container, url: str | None = None) -> tuple[Deviation, ...]:
    """Everything that is not as it was approved; where nothing was, as the file says. Only reads."""
    file, approved, found = container.specification(), None, []
    try:
        approvals = container.project().approvals()
        if len(approvals) == 1:
            approved = container.project().read(approvals[0])
            found = list(_of_file(container, approvals[0], approved, file))
        if not found:  # what else there is to say of the lock and `migrations/`, it says itself
            container.specifications().approved()
    except FreeholdError as error:
        how = How.UNREADABLE if isinstance(error, NotApproved) else How.DIFFERS
        found = [_lock(thing="approval", how=how, where="freehold.lock", found=str(error), place=None, mend=APPROVE)]
    served = approved or file
    found += _of_database(container, served, approvals[0] if approved else None)
    if url is not None:
        found += _of_server(url, served)
    return tuple(found)


def _of_file(
    container: Container, approval: Approval, approved: Specification, file: Specification
) -> Iterator[Deviation]:
    """How the file, and what this version makes of it, differ from what was approved."""
    project = container.project()
    for name in sorted({*project.revisions(), *approval.revisions}):
        if project.revisions().get(name) != approval.revisions.get(name):
            text = f"`migrations/{name}` is not as it was approved."
            yield _lock(thing="revision", how=How.DIFFERS, where=name, found=text, place=None, mend=APPROVE)
    if digest(file.source) == digest(approved.source):
        for thing, was, now in (
            ("schema", approval.schema, project.schema(approved)),
            ("api", approval.openapi, project.api(approved)),
        ):
            if was != now:
                text = f"Of the approved text this version of Freehold makes another {thing} than was approved."
                yield _lock(thing=thing, how=How.DIFFERS, where="freehold.lock", found=text, place=None, mend=APPROVE)
        return
    text = f"`freehold.yaml` is not what {approval.by} approved on {approval.at:%Y-%m-%d}."
    yield _lock(thing="file", how=How.DIFFERS, where="freehold.yaml", found=text, place=None, mend=APPROVE)
    for each in changes(approved, file):
        where = f"{each.resource}.{each.field}" if each.field else each.resource
        said = f"Not approved: {each.text}."
        yield _lock(thing="records", how=How.DIFFERS, where=where, found=said, place=each.place, mend=APPROVE)
    for right in compare(approved, file):
        said, place = f"Not approved: {right.text}.", _resource_place(file, right.resource)
        yield _lock(thing="rights", how=How.DIFFERS, where=right.resource, found=said, place=place, mend=APPROVE)
    for other in otherwise(approved, file):
        where = ".".join(filter(None, (other.resource, other.field))) or "freehold.yaml"
        said = f"Not approved: {other.text}."
        yield _lock(thing="behaviour", how=How.DIFFERS, where=where, found=said, place=other.place, mend=APPROVE)
    for change in api_changes(openapi_of(approved), openapi_of(file)):
        said, place = f"Not approved: {change}", _place(file, change.where, change.text)
        yield _lock(thing="api", how=How.DIFFERS, where=change.where, found=said, place=place, mend=APPROVE)


def _resource_place(file: Specification, name: str) -> Place | None:
    return file.resources[name].place if name in file.resources else None


def _of_database(container: Container, served: Specification, approval: Approval | None) -> Iterator[Deviation]:
    database = container.database()
    told = partial(Deviation, "database", where=str(database), aspect="", expected="", place=None)
    try:
        found = inspector(database, build(served))()
    except SchemaDiffers as error:
        mend = "See that the database can be reached. `freehold migrate` makes its tables, and upgrades them."
        yield told(thing="database", how=How.UNREADABLE, found=str(error), mend=mend)
        return
    if approval is not None:
        try:
            container.upkeep().require(approval)
        except SchemaDiffers as error:
            yield told(thing="revision", how=How.DIFFERS, found=str(error), mend="Run `freehold migrate`.")
    yield from found


def _of_server(url: str, served: Specification) -> Iterator[Deviation]:
    """How the API at a URL differs from the one that this version serves for the specification."""
    told = partial(Deviation, "api", aspect="", expected="")
    address = f"{url.rstrip('/')}/openapi.json"
    try:
        with urlopen(address, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - http or https, as was asked for
            document = json.loads(answer.read(LARGEST_DOCUMENT))
        found = api_changes(openapi_of(served), document)
    except (URLError, OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        text = f"{address} says no API that can be compared: {error}."
        mend = "See that the server runs there, and is one of Freehold's."
        yield told(thing="api", how=How.UNREADABLE, where=url, found=text, place=None, mend=mend)
        return
    for change in found:
        text, place = f"The server at {url} serves another API. {change}", _place(served, change.where, change.text)
        mend = "Serve it anew: end the server there, and run `freehold serve`."
        yield told(thing="api", how=How.DIFFERS, where=change.where, found=text, place=place, mend=mend)


def _place(specification: Specification, where: str, text: str) -> Place | None:
    """The line that a change of the API is about: that of the field that it names, or of its resource."""
    for resource in specification.resources.values():
        schema = "".join(part.capitalize() for part in resource.name.split("_"))
        if f"/{resource.plural}" in f"{where}/".replace("{", "/") or re.match(rf"{schema}(?![a-z])", where):
            named = [name for name in re.findall(r"`(\w+)`", text) if name in resource.fields]
            return resource.fields[named[0]].place if named else resource.place
    return None
