"""What the commands print about a specification: problems, what is public, and who may do what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from application.ports import SigningKey
from domain.deviations import Deviation
from domain.errors import SpecificationInvalid
from domain.specification.analysis import (
    Channel,
    Right,
    account_grants,
    declared_channels,
    public_grants,
    rights_table,
)
from domain.specification.model import Specification
from domain.values import instant_text

FILE = "freehold.yaml"


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def problems_as_json(path: Path, error: SpecificationInvalid) -> list[dict[str, Any]]:
    """Each mistake with its place."""
    return [{"file": str(path), "line": p.line, "column": p.column, "message": p.message} for p in error.problems]


def print_problems(console: Console, path: Path, error: SpecificationInvalid) -> None:
    """Each mistake as `file:line:column: message`, in the order of the text."""
    for problem in error.problems:
        place = f"{path}:{problem.line}:{problem.column}:"
        console.print(f"[bold]{escape(place)}[/] {escape(problem.message)}", soft_wrap=True, highlight=False)
    count = len(error.problems)
    console.print(f"[red]{count} mistake{'' if count == 1 else 's'}.[/] Nothing was changed.", highlight=False)


def print_signing_keys(console: Console, keys: Sequence[SigningKey], as_json: bool) -> None:
    """Which keys there are, oldest first; nothing of a private part."""
    found = [
        {
            "kid": key.kid,
            "state": key.state,
            "algorithm": json.loads(key.public)["alg"],
            "since": instant_text(key.since),
            "created_at": instant_text(key.created_at),
        }
        for key in keys
    ]
    if as_json:
        print_json({"keys": found})
        return
    table = Table(*(name.replace("_", " ") for name in ("kid", "state", "algorithm", "since", "created_at")))
    for key in found:
        table.add_row(*key.values())
    console.print(table, highlight=False)


def deviations_text(deviations: Sequence[Deviation], most: int = 10) -> str:
    """Each with its line of the file and what mends it; of many the first ones."""
    lines, before = [], ""
    for each in deviations[:most]:
        place = f"{FILE}:{each.place.line}: " if each.place else ""
        lines += [f"- {place}{each}", f"  Mend it: {'as above' if each.mend == before else each.mend}"]
        before = each.mend
    if len(deviations) > most:
        lines.append(f"- and {len(deviations) - most} more. `freehold status` shows all of them.")
    return "\n".join(lines)


def print_deviations(console: Console, deviations: Sequence[Deviation]) -> None:
    """All of them, for people."""
    if not deviations:
        console.print("No deviations.")
        return
    console.print(deviations_text(deviations, len(deviations)), highlight=False, soft_wrap=True, markup=False)
    count = len(deviations)
    console.print(f"[red]{count} deviation{'' if count == 1 else 's'}.[/] Nothing was changed.", highlight=False)


def deviations_as_json(deviations: Sequence[Deviation]) -> list[dict[str, Any]]:
    """Each as data; the keys are always the same ones."""
    return [
        {
            "part": d.part,
            "kind": d.kind,
            "where": d.where,
            "aspect": d.aspect or None,
            "expected": d.expected or None,
            "found": d.found or None,
            "line": d.place.line if d.place else None,
            "harmless": d.harmless,
            "message": str(d),
            "mend": d.mend,
        }
        for d in deviations
    ]


def rights_as_json(rights: Sequence[Right]) -> list[dict[str, Any]]:
    """Grants as data."""
    return [
        {"resource": r.resource, "action": r.action, "who": r.who, "line": r.place.line, "column": r.place.column}
        for r in rights
    ]


def specification_as_json(specification: Specification) -> dict[str, Any]:
    """What `check` found."""
    return {
        "app": specification.app,
        "version": specification.version,
        "errors": [],
        "public": rights_as_json(public_grants(specification)),
        "any_account": rights_as_json(account_grants(specification)),
        "rights": rights_as_json(rights_table(specification)),
        "channels": [
            {"resource": c.resource, "kind": c.kind, "line": c.place.line, "because": c.because}
            for c in declared_channels(specification)
        ],
    }


def print_specification(console: Console, specification: Specification) -> None:
    """What is public, what may be inferred, and the table of who may do what."""
    console.print(f"[bold]{escape(specification.app)}[/] {escape(specification.version)}: no mistakes.\n")
    _print_public(console, public_grants(specification))
    _print_outsiders(console, "Any account may (whoever signs up)", account_grants(specification))
    _print_channels(console, declared_channels(specification))
    table = Table(title="Who may do what (everything else is denied)", title_justify="left", box=None, pad_edge=False)
    for name in ("resource", "action", "who", "line"):
        table.add_column(name, style="dim" if name == "line" else None, overflow="fold")
    last = ("", "")
    for right in rights_table(specification):
        resource = "" if right.resource == last[0] else f"[bold]{escape(right.resource)}[/]"
        action = "" if (right.resource, right.action) == last else escape(right.action)
        table.add_row(resource, action, escape(right.who), str(right.place.line))
        last = (right.resource, right.action)
    console.print(table)


def _print_public(console: Console, public: Sequence[Right]) -> None:
    if not public:
        console.print("Nothing is public: every right needs an account.\n")
        return
    _print_outsiders(console, "Public (no account needed)", public)


def _print_outsiders(console: Console, title: str, rights: Sequence[Right]) -> None:
    """Rights of people to whom nobody gave anything."""
    if not rights:
        return
    console.print(f"[yellow]{title}[/]:")
    for right in rights:
        what = f"{escape(right.action)} {escape(right.resource)}: {escape(right.who)}"
        console.print(f"  {what} [dim]line {right.place.line}[/]")
    console.print()


def _print_channels(console: Console, channels: Sequence[Channel]) -> None:
    if not channels:
        return
    console.print("What callers may infer of records that they cannot see:")
    for channel in channels:
        place = f"[dim]line {channel.place.line}[/]"
        console.print(f"  {escape(channel.resource)}, {escape(channel.kind)}: {escape(channel.because)} {place}")
    console.print()
