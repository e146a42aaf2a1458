"""What `plan`, `approve` and `migrate` print."""

import getpass
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from application.api_changes import ApiChange
from application.ports import Migrated
from application.specifications import Approved, Counted, Plan
from domain.filtering import Operator
from domain.specification.approval import Approval
from domain.specification.evolution import Count
from domain.specification.model import Place
from domain.values import instant_text
from entrypoints import reports

_COUNTED = {
    Count.RECORDS: ("{} in all", "1 in all"),
    Count.SET: ("{} with a value", "1 with a value"),
    Count.EMPTY: ("{} without a value", "1 without a value"),
    Count.UNFIT: ("{} that do not fit", "1 that does not fit"),
    Count.ALIKE: ("{} that are alike", "1 that is alike"),
    Count.ORPHANED: ("{} without one", "1 without one"),
    Count.MEMBERSHIPS: ("held by {}", "held by 1"),
    Count.OVER: ("{} beyond it", "1 beyond it"),
}
"""several, and one"""

_ENDING = re.compile(rf"_(?:{'|'.join(operator for operator in Operator if operator)})`")


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Everything that `print_plan` says."""
    return {
        "app": plan.after.app,
        "version": plan.after.version,
        "nothing_to_approve": plan.nothing,
        "approved": None if plan.before is None else approval_as_json(plan.before),
        "changes": [
            {
                "what": each.change.what,
                "resource": each.change.resource,
                "field": each.change.field,
                "line": None if each.change.place is None else each.change.place.line,
                "text": each.change.text,
                "destructive": each.change.destructive,
                "records": each.count,
                "example": each.example,
                "refused": bool(each.change.refuses and each.count),
            }
            for each in plan.changes
        ],
        "counted": plan.counted,
        "gains_and_losses": [each.as_json() for each in plan.rights],
        "api": [{"where": each.where, "text": each.text, "breaking": each.breaking} for each in plan.api],
        "behaviour": [
            {
                "what": each.what,
                "resource": each.resource,
                "field": each.field,
                "line": None if each.place is None else each.place.line,
                "text": each.text,
            }
            for each in plan.behaviour
        ],
        "channels": [
            {"resource": c.resource, "kind": c.kind, "line": c.place.line, "because": c.because} for c in plan.channels
        ],
        "edited_revisions": list(plan.edited),
        "remade": list(plan.remade),
        "questions": reports.questions_as_json(plan.questions),
        "untrue": [{"line": each.line, "column": each.column, "message": each.message} for each in plan.untrue],
    }


def approval_as_json(approval: Approval) -> dict[str, Any]:
    """Without the text."""
    return {
        "revision": approval.revision,
        "by": approval.by,
        "at": instant_text(approval.at),
        "specification": approval.specification,
        "schema": approval.schema,
        "openapi": approval.openapi,
    }


def print_plan(console: Console, path: Path, plan: Plan) -> None:
    """What is approved, and what approving would change; what takes something away in red."""

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    title = f"[bold]{escape(plan.after.app)}[/] {escape(plan.after.version)}"
    if plan.before is None:
        say(f"{title}: nothing is approved yet.\n")
    else:
        since = f"approved by {escape(plan.before.by)} on {plan.before.at:%Y-%m-%d}"
        say(f"{title}: {'just what was ' if plan.nothing else 'compared with what was '}{since}.\n")
    for name in plan.edited:
        say(f"[yellow]migrations/{escape(name)} is not as it was approved.[/]")
    for thing in plan.remade:
        say(f"[yellow]Of the approved text this version of Freehold makes another {thing} than the one before.[/]")
    if plan.edited or plan.remade:
        say("")
    if plan.nothing:
        return
    if plan.changes:
        say("Stored records")
        for each in plan.changes:
            _print_change(say, each)
        if not plan.counted:
            say("  [dim]Records were not counted: the database does not hold what is approved now.[/]")
    else:
        say("Stored records stay as they are.")
    if plan.rights:
        say("\nWho gains and who loses")
    for right in plan.rights:
        say(f"  {'[yellow]+' if right.gained else '[red]-'} {escape(right.text)}[/]")
        if right.witness:
            say(f"      [dim]{escape(right.witness)}[/]")
    if plan.api:
        say("\nThe API")
    for change in _without_endings(plan.api):
        say(f"  [red]breaking: {escape(str(change))}[/]" if change.breaking else f"  {escape(str(change))}")
    if plan.behaviour:
        say("\nWhat else is otherwise")
    for other in plan.behaviour:
        say(f"  {escape(other.text)}{_line(other.place)}")
    same = not (plan.changes or plan.rights or plan.api or plan.behaviour or plan.remade or plan.edited)
    if same and plan.before is not None:
        say("\nNothing that is served changes: what differs is layout, comments, or `examples`.")
    if plan.channels:
        say("\nWhat callers may infer of records that they cannot see")
        for channel in plan.channels:
            said = f"{channel.resource}, {channel.kind}: {channel.because}"
            say(f"  {escape(said)}{_line(channel.place)}")
    say("")
    reports.print_places(console, path, plan.untrue)
    reports.print_questions(console, path, plan.questions)


def _without_endings(found: Sequence[ApiChange]) -> Iterator[ApiChange]:
    """What comes or goes with another list parameter, such as `due_gt` with `due`, is not worth a line of its own."""
    told = {(change.where, change.text) for change in found}
    for change in found:
        bare = _ENDING.sub("`", change.text, count=1)
        if bare == change.text or (change.where, bare) not in told:
            yield change


def _print_change(say: Callable[[str], None], each: Counted) -> None:
    change = each.change
    place = _line(change.place)
    text = f"{escape(change.text)}{escape(_records(each))}"
    if change.refuses and each.count:
        place += f"\n    [red]The migration will refuse that: put right these records first, such as {each.example}.[/]"
    say(f"  {f'[red]- {text}[/]' if change.destructive else f'+ {text}'}{place}")


def _line(place: Place | None) -> str:
    return "" if place is None else f" [dim]line {place.line}[/]"


def _records(each: Counted) -> str:
    if each.change.count is None or each.count is None:
        return ""
    several, one = _COUNTED[each.change.count]
    said = one if each.count == 1 else several.format(f"{each.count:,}" if each.count else "none")
    return f" ({said})"


def approved_as_json(done: Approved) -> dict[str, Any]:
    """What was written, and what was approved by it."""
    return {
        **plan_as_json(done.plan),
        "approval": approval_as_json(done.approval),
        "written": done.written,
        "removed": list(done.removed),
    }


def migrated_as_json(approval: Approval, done: Migrated) -> dict[str, Any]:
    """See `Migrated`."""
    return {
        "revision": approval.revision,
        "applied": list(done.revisions),
        "backup": done.backup,
        "adopted": done.adopted,
    }


def print_migrated(console: Console, approval: Approval, done: Migrated) -> None:
    """What was done, and where the copy is."""

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    if done.backup is not None:
        say(f"The database as it was is in {done.backup}. Remove it when you no longer need it.")
    if done.adopted:
        say("`freehold dev` had made this database. It is taken over, and goes by revisions from now on.")
    elif done.revisions:
        say(f"Applied {', '.join(done.revisions)}.")
    say("The database is what was approved" + (f": revision {approval.revision}." if approval.revision else "."))


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str], None]]:
    """What goes on now, with the time that it takes; nothing without a terminal."""
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("the database", total=None)

        def tell(what: str) -> None:
            shown.reset(task, description=what[: max(20, console.width - 20)])

        yield tell


def person(folder: Path) -> str:
    """Who is at work here: as git knows them, or by their login."""
    try:
        command = ["git", "-C", str(folder), "config", "user.name"]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        found = ""
    try:
        return found or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
