"""What `freehold prove` shows on a terminal and writes into files, and how long it is told to go on.

The proof itself is handed in: `runner` is the one place that knows where it comes from.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from adapters.persistence.sql.pool import Server
from adapters.proof_reports import as_html, as_json, as_junit, words
from application.proof import report as proof
from application.proof.attack import Budget
from domain.specification.analysis import declared_channels
from domain.specification.gains import for_any_account, public
from domain.specification.model import Specification
from entrypoints import laboratory, reports
from entrypoints.settings import Settings

PROVED, NOT_PROVED, UNUSABLE = 0, 1, 2
"""exit codes"""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Unusable(ValueError):
    """What was asked for cannot be done; the message says why, and what can."""


def budget_of(text: str) -> Budget:
    """`30s`, `10m`, `1h`, or a number of comparisons. Raises `Unusable`."""
    found = re.fullmatch(r"([0-9]{1,12})([smh]?)", text.strip())
    number = int(found[1]) if found is not None else 0
    if found is None or number < 1:
        shown = words.visible(text)[:40]
        raise Unusable(f"`{shown}` is no budget. Write a time (30s, 10m, 1h) or a number of comparisons (1000000).")
    if found[2]:
        return Budget(found[0], seconds=number * _UNITS[found[2]])
    return Budget(found[0], comparisons=number)


Watch = Callable[[proof.Progress], None]
"""is told now and then where the proof is"""
Run = Callable[[Budget, int, Watch], proof.Report]
"""a proof: goes on for a budget, takes its lots from a seed, and tells where it is"""


def place_of(database: str, project: Path) -> Server:
    """The PostgreSQL database of a URL, with its owner's as FREEHOLD_MIGRATION_URL says. Raises `Unusable`."""
    try:
        place = Settings(database_url=database).database(project)
    except ValueError as error:
        raise Unusable(f"{error}.") from error
    if not isinstance(place, Server):
        raise Unusable("`--database` names a PostgreSQL database; on SQLite the proof makes one for itself.")
    if place.migration_url is None:
        raise Unusable("`--database` is the URL of the role that serves. Set FREEHOLD_MIGRATION_URL to its owner's.")
    if str(place) != str(owned := Server(place.migration_url)):
        raise Unusable(f"`--database` names {place}, and FREEHOLD_MIGRATION_URL {owned}. They must name the same one.")
    return place


# --- where the proof comes from -------------------------------------------------------------


def runner(
    specification: Specification, source: str, *, url: str | None, mutants: bool, place: Server | None = None
) -> Run:
    """The proof of a specification, whose text is `source`: of its own server, or of the one at `url`.

    `mutants`: also break one compiled rule at a time, to see whether that is noticed. `place`: the empty PostgreSQL
    database that its own server uses.
    """

    def run(budget: Budget, seed: int, watch: Watch) -> proof.Report:
        if url is not None:
            return asyncio.run(laboratory.prove_at(url, specification, source, seed, budget, watch))
        report = asyncio.run(laboratory.prove(specification, source, seed, budget, watch, place))
        if mutants:
            said = partial(_broken, report, watch)
            report.mutants = asyncio.run(laboratory.try_mutants(specification, seed, said, place))
        return report

    if url is not None and mutants:
        raise Unusable("`--mutants` breaks the server of the proof itself, so not one at a `--url`.")
    if url is not None and place is not None:
        raise Unusable("`--database` is for the server of the proof itself, so not for one at a `--url`.")
    return run


def _broken(report: proof.Report, watch: Watch, what: str) -> None:
    watch(proof.Progress(1.0, report.total, len(report.findings), f"breaking {what}"))


# --- the whole of it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Files:
    """Where else the report goes."""

    junit: Path | None = None
    html: Path | None = None

    def require_usable(self) -> None:
        """Raise `Unusable` where a file could not be written: nobody wants to learn that after an hour."""
        for option, path in (("--junit", self.junit), ("--html", self.html)):
            if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
                reason = "is a folder" if path.is_dir() else "lies in a folder that does not exist"
                raise Unusable(f"{option} {words.visible(str(path))} {reason}. Name a file in a folder that exists.")

    def write(self, report: proof.Report, when: datetime) -> list[Path]:
        """Write what was asked for; the files that were written. Raises `OSError`."""
        written = []
        for path, content in ((self.junit, as_junit), (self.html, lambda report: as_html(report, when))):
            if path is not None:
                path.write_text(content(report), encoding="utf-8")
                written.append(path)
        return written


def prove(
    run: Run,
    budget: Budget,
    seed: int,
    *,
    out: Console,
    err: Console,
    clock: Callable[[], datetime],
    files: Files | None = None,
    as_data: bool = False,
) -> int:
    """Run a proof, show how far it is and how it ended, and return the exit code.

    With `as_data` one JSON document is all that goes to standard output. Progress shows on `err` if it is a terminal.
    """
    files = files or Files()
    files.require_usable()
    started = clock()
    with _watching(err, shown=err.is_terminal and not as_data) as watch:
        report = run(budget, seed, watch)
    if as_data:
        reports.print_json(as_json(report))
    else:
        print_report(out, report)
    try:
        written = files.write(report, started)
    except OSError as error:
        _say(err, f"Not written: {error}.")
        return NOT_PROVED
    for path in () if as_data else written:
        _say(out, f"Written: {path}")
    return PROVED if words.verdict(report).proved else NOT_PROVED


@contextmanager
def _watching(console: Console, *, shown: bool) -> Iterator[Watch]:
    """A bar that moves while the proof runs and is gone afterwards; nothing at all where it is not shown."""
    if not shown:
        yield lambda progress: None
        return
    columns = (
        TextColumn("Proving"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[comparisons]:,} comparisons"),
        TextColumn("{task.fields[findings]}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[doing]}[/]"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0, comparisons=0, findings="", doing="")

        def watch(progress: proof.Progress) -> None:
            found = f"[red]{words.count(progress.findings, 'finding')}[/]" if progress.findings else "no finding"
            bars.update(
                task,
                completed=min(max(progress.share, 0.0), 1.0),
                comparisons=progress.comparisons,
                findings=found,
                doing=escape(words.visible(progress.doing)),
            )

        yield watch


# --- the report in text ---------------------------------------------------------------------


def print_report(console: Console, report: proof.Report) -> None:
    """The table, what was found with its story, what is missing, and one line that says how it ended."""
    _print_cells(console, report)
    for number, finding in enumerate(report.findings, 1):
        _print_finding(console, number, finding, report)
    _print_list(console, "Not covered:", report.not_covered)
    _print_list(console, "Skipped:", report.skipped)
    _print_channels(console, report)
    _print_mutants(console, report)
    _print_end(console, report)


def _say(console: Console, *parts: Text | str) -> None:
    """Print one paragraph as it is: no markup, no highlighting, no wrapping within what is to be copied."""
    text = Text()
    for part in parts:
        text.append_text(part) if isinstance(part, Text) else text.append(words.visible(part))
    console.print(text, soft_wrap=True, highlight=False)


def _print_cells(console: Console, report: proof.Report) -> None:
    if not report.cells:
        return
    table = Table(title="What was tried", title_justify="left", box=None, pad_edge=False)
    for name in ("resource", "action", "relationship"):
        table.add_column(name, overflow="fold")
    for name in ("allowed", "refused", "leaks"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ("", "")
    there = {resource for resource, _, _ in report.cells}
    for resource in (
        *(name for name in report.specification.resources if name in there),
        *sorted(there - set(report.specification.resources)),
    ):
        for action in sorted({at[1] for at in report.cells if at[0] == resource}, key=words.action_order):
            for relation in words.relations(report):
                cell = report.cells.get((resource, action, relation))
                if cell is None:
                    continue
                noted = cell.allowed and _notable(report, resource, action, relation)
                table.add_row(
                    Text("" if resource == last[0] else words.visible(resource), style="bold"),
                    Text("" if (resource, action) == last else words.visible(action)),
                    Text(words.visible(relation) + (" !" if noted else ""), style="yellow" if noted else ""),
                    Text(f"{cell.allowed:,}" if cell.allowed else "-", style="yellow" if noted else ""),
                    Text(f"{cell.refused:,}" if cell.refused else "-"),
                    Text(f"{cell.leaks:,}", style="bold red") if cell.leaks else Text("-", style="dim"),
                )
                last = (resource, action)
    console.print(table)
    if any(cell.allowed and _notable(report, *place) for place, cell in report.cells.items()):
        _say(console, Text("! Outsiders were let in, as the specification says. Should they be?", style="yellow"))
        spec = report.specification
        for found in (*public(spec), *for_any_account(spec)):
            _say(console, f"  {words.sentence(spec, found.right)} (line {found.right.place.line})")
    console.print()


def _notable(report: proof.Report, resource: str, action: str, relation: str) -> bool:
    return resource in report.specification.resources and words.notable(
        report.specification, resource, action, relation
    )


def _print_finding(console: Console, number: int, finding: proof.Finding, report: proof.Report) -> None:
    _say(console, Text(f"{number}. {finding.kind.value}: ", style="bold red"), _bold(finding.title))
    _say(console, f"   {finding.because}")
    _say(console, Text(f"   {words.visible(_place(finding))}", style="dim"))
    for step, sentence in enumerate(finding.story, 1):
        _say(console, f"     {step}. {sentence}")
    _say(console, Text("   expected: ", style="dim"), finding.expected)
    _say(console, Text("   given:    ", style="dim"), finding.given)
    if finding.curl:
        console.print()
        _say(console, finding.curl)
        console.print()
    _say(console, Text("   again: ", style="dim"), words.again(report))
    console.print()


def _bold(text: str) -> Text:
    return Text(words.visible(text), style="bold")


def _place(finding: proof.Finding) -> str:
    lines = f", line {words.joined([str(line) for line in finding.lines])}" if finding.lines else ""
    return f"{finding.resource}, {finding.action}, by {finding.relation}, {finding.reading}{lines}"


def _print_list(console: Console, title: str, texts: Sequence[str]) -> None:
    if not texts:
        return
    _say(console, _bold(title))
    for text in texts:
        _say(console, f"  {text}")
    console.print()


def _print_channels(console: Console, report: proof.Report) -> None:
    used = {name: number for name, number in report.channels.items() if number}
    if not used:
        return
    because: dict[str, list[str]] = {}
    for channel in declared_channels(report.specification):
        because.setdefault(f"{channel.resource}, {channel.kind}", []).append(channel.because)
    _say(console, _bold("Differences that a declared channel excused:"))
    for name, number in used.items():
        _say(console, f"  {number:,} by {name}. ", Text(words.visible(" ".join(because.get(name, []))), style="dim"))
    console.print()


def _print_mutants(console: Console, report: proof.Report) -> None:
    mutants = report.mutants
    if mutants is None:
        return
    _say(
        console,
        _bold("Deliberate mistakes: "),
        f"{mutants.caught:,} of {mutants.tried:,} noticed in {mutants.seconds:,.1f} s.",
    )
    for survivor in mutants.survivors:
        _say(console, Text("  unnoticed: ", style="red"), survivor)
    console.print()


def _print_end(console: Console, report: proof.Report) -> None:
    ended = words.verdict(report)
    _say(
        console,
        Text(f"{ended.word}. ", style="bold green" if ended.proved else "bold red"),
        f"{ended.sentence} It took {report.seconds:,.1f} s ({words.per_second(report):,} comparisons per second), "
        f"seed {report.seed}.",
    )
