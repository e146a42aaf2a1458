"""The `freehold` command. Exit codes: 0 done, 1 failed, 2 wrong usage or open questions."""

import asyncio
import os
import re
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console

from adapters.http.messages import encode
from adapters.persistence.sql.inspecting import require_current
from adapters.persistence.sql.pool import Server
from adapters.specification_file import load
from adapters.specification_schema import json_schema
from application.access import Access
from application.ports import SigningKey
from application.specifications import SpecificationUseCases, Undecided
from domain.api_key import ACTIONS, LONGEST_LIFE
from domain.errors import FreeholdError, NotFound, Refusal, SchemaDiffers, SpecificationInvalid, Unavailable
from domain.specification.model import Specification
from domain.specification.questions import review
from domain.values import UUID_PATTERN, instant_text
from entrypoints import asgi, comparing, developing, logs, plans, projects, proving, reports
from entrypoints.container import Container, openapi_of
from entrypoints.settings import Settings

FAILED, USAGE = 1, 2
T = TypeVar("T")

cli = typer.Typer(
    name="freehold",
    help="Write down who owns what. Get a backend that keeps it that way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
accounts = typer.Typer(help="What the operator does with accounts.", no_args_is_help=True)
cli.add_typer(accounts, name="accounts")
out = Console()
err = Console(stderr=True)

signing_keys = typer.Typer(help="The keys that access tokens are signed with.", no_args_is_help=True)
cli.add_typer(signing_keys, name="signing-keys")
staff = typer.Typer(help="Who has a staff role.", no_args_is_help=True)
cli.add_typer(staff, name="staff")
keys = typer.Typer(help="Keys by which a program acts as the engine.", no_args_is_help=True)
cli.add_typer(keys, name="keys")

Folder = Annotated[Path, typer.Argument(help="The project folder, or its freehold.yaml.")]
Email = Annotated[str, typer.Argument(help="The account's address.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Onto = Annotated[
    str | None, typer.Option(help="Where two were approved side by side: the revision to keep.", metavar="REVISION")
]
Database = Annotated[
    str | None, typer.Option(help="sqlite:///path or postgresql://…; default: freehold.db in the folder.")
]


@cli.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    starter: Annotated[str, typer.Option("--from", help="The example to start from.")] = "notes",
    as_json: Json = False,
) -> None:
    """Write a starter project."""
    if starter not in projects.starters():
        _fail(f"There is no example `{starter}`. There are: {', '.join(projects.starters())}.", as_json, USAGE)
    try:
        projects.make(folder, starter)
    except OSError as error:
        _fail(f"{error}.", as_json)
    if as_json:
        reports.print_json({"folder": str(folder)})
    else:
        out.print(f"{folder} is ready. Edit {folder / reports.FILE}, then: freehold dev {folder}", highlight=False)


@cli.command()
def check(
    folder: Folder = Path(),
    watch: Annotated[bool, typer.Option("--watch", help="Check again at each change of the file.")] = False,
    as_json: Json = False,
) -> None:
    """Print mistakes, open questions, what is public, and who may do what.

    Exit codes: 0 all is well; 1 there is a mistake; 2 there are open questions.
    """
    code = _check(_folder(folder), as_json)
    if watch:
        try:
            for _ in developing.changes(_folder(folder)):
                code = _check(_folder(folder), as_json)
        except KeyboardInterrupt:
            pass
    raise typer.Exit(code)


def _check(folder: Path, as_json: bool) -> int:
    """Print what there is to say about the file as it is now; the exit code."""
    path = folder / reports.FILE
    try:
        specification = load(path)
    except SpecificationInvalid as error:
        _print_invalid(path, error, as_json)
        return FAILED
    former = projects.approved(folder)
    questions, problems = review(specification, former)
    if as_json:
        reports.print_json(reports.specification_as_json(path, specification, problems, questions))
    else:
        reports.print_places(err, path, problems)
        reports.print_verdict(out, specification, len(problems), len(questions))
        reports.print_questions(out, path, questions)
        reports.print_specification(out, specification)
    return FAILED if problems else USAGE if questions else 0


@cli.command()
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of freehold.yaml, for editors (it is JSON, with or without --json)."""
    reports.print_json(json_schema())


@cli.command()
def openapi(folder: Folder = Path(), as_json: Json = False) -> None:
    """Print the OpenAPI document (which is JSON, with or without --json)."""
    container = _container(folder, as_json)
    sys.stdout.write(encode(openapi_of(container.specification())).decode() + "\n")


@cli.command()
def serve(
    folder: Folder = Path(),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Serve the project; refuses where file, lock and database differ, and changes nothing."""
    container = _container(folder, as_json, database)
    try:
        container.settings().require_mail()
        container.settings().require_one_process_for_metrics(workers)
    except ValueError as error:
        _fail(f"Not served. {error}.", as_json, USAGE)
    _made(container, lambda use: use.require_served(), "Not served.", as_json)
    try:
        minor = projects.require_same(container.database(), container.tables())
    except SchemaDiffers as error:
        _refuse(error, as_json)
    if minor:
        err.print(reports.deviations_text(minor), highlight=False, soft_wrap=True, markup=False)
    logs.configure()
    try:
        asyncio.run(developing.open_keys(container))
        listening = developing.listen(host, port)
    except Unavailable as error:
        pooled = " Set FREEHOLD_DATABASE_POOLER=transaction." if "startup parameter" in str(error.__cause__) else ""
        _fail(f"Not served. The database does not let us in: {error.__cause__ or error}.{pooled}", as_json)
    except FreeholdError as error:
        _refuse(error, as_json)
    if as_json:
        reports.print_json({"url": f"http://{host}:{port}", "workers": workers})
    else:
        url = f"http://{host}:{port}"
        out.print(f"Serving {container.specification().app} on {url} (Ctrl-C ends)", highlight=False, soft_wrap=True)
    sys.stdout.flush()
    # uvicorn ends in peace, and then raises the signal again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if workers == 1:
            server = uvicorn.Server(developing.server_config(container, host, port))
            asgi.settle()
            server.run([listening])
        else:
            developing.serve_with_workers(container, host, port, listening, workers)
    except KeyboardInterrupt:
        pass


@cli.command()
def status(
    folder: Folder = Path(),
    url: Annotated[str | None, typer.Option(help="Also ask this server which API it serves.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Compare file, lock, database and served API, and name whatever deviates; changes nothing.

    Exit codes: 0 no deviation; 1 there are some; 2 wrong usage.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        _fail(f"`{url}` is no address. Begin with http:// or https://.", as_json, USAGE)
    container = _container(folder, as_json, database)
    found = comparing.deviations(container, url)
    if as_json:
        reports.print_json({"deviations": reports.deviations_as_json(found)})
    else:
        reports.print_deviations(out, found)
    raise typer.Exit(FAILED if found else 0)


@cli.command()
def plan(folder: Folder = Path(), onto: Onto = None, database: Database = None, as_json: Json = False) -> None:
    """Say what approving would change, and count the stored records that it is about. Changes nothing."""
    found = _made(_container(folder, as_json, database), lambda use: use.plan(onto), "Not planned.", as_json)
    if as_json:
        reports.print_json(plans.plan_as_json(found))
    else:
        plans.print_plan(out, _folder(folder) / reports.FILE, found)
        if not (found.questions or found.untrue or found.nothing):
            out.print(f"To approve it: freehold approve {folder}", highlight=False, soft_wrap=True, markup=False)
    if found.untrue or found.questions:
        raise typer.Exit(FAILED if found.untrue else USAGE)


@cli.command()
def approve(
    folder: Folder = Path(),
    by: Annotated[str | None, typer.Option(help="Who approves; default: git's user.name, or the login.")] = None,
    onto: Onto = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Without a terminal nothing is asked anyway.")] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Approve the specification as it is: write a revision into migrations/, if tables change, and freehold.lock."""
    container = _container(folder, as_json, database)
    found = _made(container, lambda use: use.plan(onto), "Not approved.", as_json)
    if not as_json:
        plans.print_plan(out, _folder(folder) / reports.FILE, found)
    if found.nothing and onto is None:
        if as_json:
            reports.print_json({**plans.plan_as_json(found), "written": None, "removed": []})
        else:
            out.print("There is nothing to approve.")
        return
    asked = not (yes or as_json) and sys.stdin.isatty() and not found.questions
    if asked and not typer.confirm("Approve it?", default=False):
        _fail("Not approved.", as_json)
    who = by or plans.person(_folder(folder))
    done = _made(container, lambda use: use.approve(who, found, onto), "", as_json)
    if as_json:
        reports.print_json(plans.approved_as_json(done))
        return
    for name in done.removed:
        out.print(f"Removed migrations/{name}.", highlight=False, soft_wrap=True, markup=False)
    wrote = f" and the revision {done.written} in migrations/" if done.written else ""
    said = f"Approved by {who}: wrote freehold.lock{wrote}. Commit them, then: freehold migrate {folder}"
    out.print(said, highlight=False, soft_wrap=True, markup=False)


@cli.command()
def migrate(
    folder: Folder = Path(),
    database: Database = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database to what is approved, one transaction a revision; an SQLite file is copied before.

    On PostgreSQL also row-level security, and what the serving role needs.
    """
    container = _container(folder, as_json, database)
    if dry_run:
        sql = _made(container, lambda use: use.sql(), "Not migrated.", as_json)
        if as_json:
            reports.print_json({"sql": sql})
        else:
            sys.stdout.write(sql)
        return
    with plans.progress(err) as tell:
        approval, done = _made(container, lambda use: use.migrate(tell), "Not migrated.", as_json)
    if as_json:
        reports.print_json(plans.migrated_as_json(approval, done))
    else:
        plans.print_migrated(out, approval, done)


def _made(container: Container, use: Callable[[SpecificationUseCases], T], failed: str, as_json: bool) -> T:
    """What a use case gives; where it refuses, why, and the exit code."""
    try:
        return use(container.specifications())
    except Undecided as error:
        _fail(str(error), as_json, USAGE)
    except FreeholdError as error:
        _refuse(error, as_json, failed)


@cli.command()
def dev(
    folder: Folder = Path(),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; refuse what would lose stored values.")] = False,
    seed: Annotated[bool, typer.Option("--seed", hidden=True, help="Make Mary, Bob and a note.")] = False,
    as_json: Json = False,
) -> None:
    """Check, bring the database up to date and serve, again at each change of the file. Never for production."""
    _container(folder, as_json)
    logs.configure()
    console = err if as_json else out
    try:
        asyncio.run(developing.serve(_folder(folder), host, port, ask=not yes, seed=seed, console=console))
    except KeyboardInterrupt:
        pass
    except FreeholdError as error:
        _refuse(error, as_json)


@cli.command()
def who(
    resource: Annotated[str, typer.Argument(help="A resource of the specification, such as `note`.")],
    record: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    folder: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Show who can do what with a record, and through which line, role or field. Nothing is hidden here."""
    resources = _load(_folder(folder), as_json).resources
    model = next((each for each in resources.values() if resource in (each.name, each.plural)), None)
    if model is None:
        _fail(f"There is no resource `{resource}`. There are: {', '.join(resources)}.", as_json, USAGE)
    if re.fullmatch(UUID_PATTERN, record.lower()) is None:
        _fail(f"`{record}` is no id: this is a UUID.", as_json, USAGE)

    async def ask(container: Container) -> Access | None:
        try:
            found: Access = await container.access().everybody(model.name, record.lower())
        except NotFound:
            return None
        return found

    found = _operate(folder, as_json, ask, served=True)
    if found is None:
        _fail(f"There is no {model.name} with the id {record.lower()}.", as_json)
    if as_json:
        reports.print_json(reports.access_as_json(found))
    else:
        reports.print_access(out, found)


@signing_keys.command("list")
def list_signing_keys(folder: Folder = Path(), database: Database = None, as_json: Json = False) -> None:
    """Show which key signs, which one is next, and which ones only verify what they have signed."""
    reports.print_signing_keys(out, _with_ring(folder, database, as_json, _stored_keys), as_json)


@signing_keys.command()
def rotate(folder: Folder = Path(), database: Database = None, as_json: Json = False) -> None:
    """Sign with the next key from now on, and publish another next one. Servers go on, and nobody is signed out."""
    reports.print_signing_keys(out, _with_ring(folder, database, as_json, _rotated_keys), as_json)


async def _stored_keys(container: Container) -> Sequence[SigningKey]:
    async with container.store().work() as work:
        return await work.signing_keys.all()


async def _rotated_keys(container: Container) -> Sequence[SigningKey]:
    rotated: Sequence[SigningKey] = await container.tokens().rotate(container.store(), container.clock().now())
    return rotated


def _with_ring(
    folder: Path,
    database: str | None,
    as_json: bool,
    use: Callable[[Container], Coroutine[None, None, Sequence[SigningKey]]],
) -> Sequence[SigningKey]:
    """Do something with the stored keys, where the database is one that would be served."""
    container = _container(folder, as_json, database)

    async def with_store() -> Sequence[SigningKey]:
        try:
            return await use(container)
        finally:
            await container.store().close()

    try:
        projects.require_same(container.database(), container.tables())
        return asyncio.run(with_store())
    except FreeholdError as error:
        _fail(f"Not done. {error}", as_json)


@cli.command()
def prove(
    folder: Folder = Path(),
    budget: Annotated[str, typer.Option(help="30s, 10m, 1h, or a number of comparisons.")] = "60s",
    seed: Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Repeat a proof; default: a new one.")] = None,
    url: Annotated[str | None, typer.Option(help="A server to attack instead of one of its own.")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql://…: prove on this empty database, which is used for nothing else.")
    ] = None,
    mutants: Annotated[bool, typer.Option("--mutants", help="Also break rules on purpose: is it noticed?")] = False,
    as_json: Json = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for people to this file.")] = None,
) -> None:
    """Attack the API as everyone, and compare each answer with the specification.

    Exit codes: 0 proved; 1 something was found, or a deliberate mistake went unnoticed; 2 wrong usage.
    """
    project = _folder(folder)
    seed = secrets.randbelow(2**32) if seed is None else seed
    try:
        if url is not None and not url.startswith(("http://", "https://")):
            raise proving.Unusable(f"`{url}` is no address. Begin with http:// or https://.")
        asked, files = proving.budget_of(budget), proving.Files(junit, html)
        files.require_usable()
        place = None if database is None else proving.place_of(database, project)
        specification = _load(project, as_json)
        source = (project / reports.FILE).read_bytes().decode()
        run = proving.runner(specification, source, url=url, mutants=mutants, place=place)
        if not as_json:
            out.print(f"Proving {specification.app} for {asked.text}, seed {seed}", highlight=False, soft_wrap=True)
        code = proving.prove(
            run, asked, seed, out=out, err=err, clock=lambda: datetime.now(UTC), files=files, as_data=as_json
        )
    except proving.Unusable as error:
        _fail(str(error), as_json, USAGE)
    except (FreeholdError, OSError) as error:
        _fail(f"Not proved. {error}", as_json)
    except KeyboardInterrupt:
        _fail("Not proved: stopped before the end.", as_json)
    raise typer.Exit(code)


@accounts.command()
def invite(email: Email, folder: Folder = Path(), as_json: Json = False) -> None:
    """Invite somebody to register: by mail, or where no mail server is set by a link that is printed."""
    url = _operate(folder, as_json, lambda container: container.accounts().invite(email))
    if as_json:
        reports.print_json({"link": url})
    else:
        out.print(url or "The invitation goes out by mail.", highlight=False, soft_wrap=True, markup=False)


@accounts.command()
def disable(email: Email, folder: Folder = Path(), as_json: Json = False) -> None:
    """Let nobody sign in or act as this account: its sessions end at once. Nothing is deleted."""
    _set_disabled(email, folder, as_json, True)


@accounts.command()
def enable(email: Email, folder: Folder = Path(), as_json: Json = False) -> None:
    """Let a disabled account sign in again."""
    _set_disabled(email, folder, as_json, False)


@accounts.command()
def sign_out(email: Email, folder: Folder = Path(), as_json: Json = False) -> None:
    """End every session of an account, at once. It can sign in again."""
    _operate(folder, as_json, lambda container: container.accounts().end_sessions(email))
    if as_json:
        reports.print_json({"signed_out": True})
    else:
        out.print("Its sessions have ended.")


@accounts.command()
def remove_mfa(email: Email, folder: Folder = Path(), as_json: Json = False) -> None:
    """Take away the second factor of somebody who lost device and recovery codes; its sessions end at once."""
    _operate(folder, as_json, lambda container: container.accounts().remove_second_factor(email))
    if as_json:
        reports.print_json({"mfa": False})
    else:
        out.print("Its password alone signs it in now; its sessions have ended.")


@staff.command("set")
def set_staff(
    email: Email,
    role: Annotated[str, typer.Argument(help="A staff role of the specification; `none` takes it away.")],
    folder: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Give an account a staff role, from now on. It gets the rights that the specification writes, and no others."""
    given = None if role == "none" else role
    _operate(folder, as_json, lambda container: container.accounts().appoint(email, given))
    if as_json:
        reports.print_json({"staff": given})
    else:
        out.print("No staff role." if given is None else f"staff.{given}", highlight=False, markup=False)


@staff.command("list")
def list_staff(folder: Folder = Path(), as_json: Json = False) -> None:
    """Show who has a staff role."""
    found = _operate(folder, as_json, lambda container: container.accounts().staff())
    reports.print_staff(out, found, as_json)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    resources: Annotated[list[str], typer.Option("--on", help="A resource; again for each further one.")],
    actions: Annotated[list[str], typer.Option("--may", help=f"One of {', '.join(ACTIONS)}; again for each.")],
    days: Annotated[int, typer.Option(min=1, max=LONGEST_LIFE.days, help="How long it counts.")] = 90,
    engine: Annotated[bool, typer.Option("--engine", help="It acts as the engine.")] = False,
    folder: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Make a key of the engine; it is shown once. Accounts make theirs over HTTP, at /auth/keys."""
    if not engine:
        _fail("Say --engine: an account makes its own keys, by POST /auth/keys.", as_json, USAGE)
    life = timedelta(days=days)
    key, plain = _operate(
        folder, as_json, lambda container: container.keys().create_engine(name, actions, resources, life)
    )
    if as_json:
        reports.print_json(reports.key_as_json(key) | {"key": plain})
    else:
        out.print(plain, highlight=False, soft_wrap=True, markup=False)
        err.print(
            f"This is shown once. It ends at {instant_text(key.expires_at)}; its id is {key.id}.", highlight=False
        )


@keys.command("list")
def list_keys(folder: Folder = Path(), as_json: Json = False) -> None:
    """Show the engine's living keys."""
    found = _operate(folder, as_json, lambda container: container.keys().engine_keys())
    reports.print_keys(out, found, as_json)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id.")], folder: Folder = Path(), as_json: Json = False
) -> None:
    """End a key of the engine, at once."""
    _operate(folder, as_json, lambda container: container.keys().revoke_engine(key.lower()))
    if as_json:
        reports.print_json({"revoked": key.lower()})
    else:
        out.print("Revoked.")


def _set_disabled(email: str, folder: Path, as_json: bool, disabled: bool) -> None:
    _operate(folder, as_json, lambda container: container.accounts().set_disabled(email, disabled))
    if as_json:
        reports.print_json({"disabled": disabled})
    else:
        out.print("Disabled; its sessions have ended." if disabled else "Enabled.")


def _operate(folder: Path, as_json: bool, use: Callable[[Container], Awaitable[T]], served: bool = False) -> T:
    """Something that the operator does, on PostgreSQL as the role that owns the tables.

    `served`: it needs the specification's own tables, as they are served.
    """
    container = _container(folder, as_json)
    database = container.database()
    if isinstance(database, Server):
        if container.settings().migration_url is None:
            _fail("Set FREEHOLD_MIGRATION_URL: only the owner of the tables does this.", as_json, USAGE)
        container.database.override(Server(database.owner_url))

    async def run() -> T:
        store = container.store()
        try:
            return await use(container)
        finally:
            await store.close()

    try:
        require_current(database)
        if served:
            projects.require_same(database, container.tables())
        return asyncio.run(run())
    except Refusal as error:
        _fail("; ".join(each.message for each in error.errors) or error.detail, as_json)
    except FreeholdError as error:
        _fail(f"Nothing was done. {error}", as_json)


def _container(folder: Path, as_json: bool, database: str | None = None) -> Container:
    """A container whose specification and settings are known to be right."""
    if database is not None:
        os.environ["FREEHOLD_DATABASE_URL"] = database
    project = _folder(folder)
    container = Container(folder=project)
    container.specification.override(_load(project, as_json))
    settings = _settings(as_json)
    container.settings.override(settings)
    try:
        settings.database(project)
    except ValueError as error:
        _fail(f"{error}.", as_json, USAGE)
    return container


def _settings(as_json: bool) -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(map(_wrong_setting, error.errors(include_input=False)))
        _fail(f"Settings are wrong. {wrong}.", as_json, USAGE)


def _wrong_setting(error: Any) -> str:
    """What is about several of them names no one of them."""
    name = f"FREEHOLD_{str(error['loc'][0]).upper()}: " if error["loc"] else ""
    return f"{name}{error['msg']}"


def _folder(given: Path) -> Path:
    """The project's folder, also where its file is named."""
    return given.parent if given.name == reports.FILE else given


def _load(folder: Path, as_json: bool) -> Specification:
    path = folder / reports.FILE
    try:
        return load(path)
    except SpecificationInvalid as error:
        _print_invalid(path, error, as_json)
        raise typer.Exit(FAILED) from error


def _print_invalid(path: Path, error: SpecificationInvalid, as_json: bool) -> None:
    if as_json:
        reports.print_json({"errors": reports.problems_as_json(path, error.problems)})
    else:
        reports.print_problems(err, path, error)


def _refuse(error: Exception, as_json: bool, failed: str = "Not served.") -> NoReturn:
    """What was asked for is not done; why begins like a sentence, but not with another name of a file."""
    why = str(error)
    _fail(f"{failed} {'The' + why[3:] if why.startswith('the ') else why}".strip(), as_json)


def _fail(message: str, as_json: bool, code: int = FAILED) -> NoReturn:
    if as_json:
        reports.print_json({"error": message})
    else:
        err.print(message, style="red", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(code)


def main() -> None:
    """Run the command; the working directory never takes the place of our packages."""
    cli()


if __name__ == "__main__":
    main()
