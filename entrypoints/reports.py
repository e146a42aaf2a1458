"""What the commands print about a specification: problems, what is public, and who may do what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from application.access import Access
from application.ports import SigningKey
from domain.account import Account
from domain.api_key import ApiKey
from domain.deviations import Deviation
from domain.errors import Problem, SpecificationInvalid
from domain.specification.analysis import (
    Channel,
    Right,
    declared_channels,
    rights_table,
)
from domain.specification.asking import Question
from domain.specification.gains import Public, by_links, for_any_account, public
from domain.specification.model import Specification
from domain.values import instant_text

FILE = "freehold.yaml"


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def problems_as_json(path: Path, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Each mistake with its place."""
    return [{"file": str(path), "line": p.line, "column": p.column, "message": p.message} for p in problems]


def print_problems(console: Console, path: Path, error: SpecificationInvalid) -> None:
    """Each mistake as `file:line:column: message`, in the order of the text."""
    print_places(console, path, error.problems)
    console.print(f"[red]{_count('mistake', error.problems)}.[/] Nothing was changed.", highlight=False)


def print_places(console: Console, path: Path, problems: Sequence[Problem]) -> None:
    """`file:line:column: message` each."""
    for problem in problems:
        place = f"{path}:{problem.line}:{problem.column}:"
        console.print(f"[bold]{escape(place)}[/] {escape(problem.message)}", soft_wrap=True, highlight=False)


def questions_as_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Open questions as data; `yaml` is what to paste."""
    return [
        {
            "code": q.code,
            "on": q.on,
            "line": q.place.line,
            "column": q.place.column,
            "asks": q.asks,
            "why": q.why,
            "answers": [{"says": answer.says, "yaml": answer.yaml} for answer in q.answers],
        }
        for q in questions
    ]


def print_questions(console: Console, path: Path, questions: Sequence[Question]) -> None:
    """Each open question with its place, why it matters, and the lines that would answer it."""
    for question in questions:
        place = escape(f"{path}:{question.place.line}:{question.place.column}:")
        console.print(f"[bold]{place}[/] [yellow]{question.code}[/] on {escape(question.on)}", **_AS_IT_IS)
        console.print(f"  {escape(question.asks)}\n  {escape(question.why)}", **_AS_IT_IS)
        console.print(f"  To answer it, paste {'this' if len(question.answers) == 1 else 'one of these'}:", **_AS_IT_IS)
        for answer in question.answers:
            console.print(f"  - {escape(answer.says)}:\n[cyan]{_indented(answer.yaml)}[/]", **_AS_IT_IS)
        console.print()
    if questions:
        said = "is open" if len(questions) == 1 else "are open"
        console.print(f"[yellow]{_count('question', questions)}[/] {said}.\n", **_AS_IT_IS)


_AS_IT_IS: dict[str, Any] = {"soft_wrap": True, "highlight": False}


def _indented(yaml: str) -> str:
    return "\n".join(f"      {escape(line)}" for line in yaml.splitlines())


def _count(word: str, things: Sequence[Any]) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


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
    _print_table(console, "keys", ("kid", "state", "algorithm", "since", "created_at"), found, as_json)


def print_staff(console: Console, staff: Sequence[Account], as_json: bool) -> None:
    """Who has which staff role."""
    found = [{"id": each.id, "email": each.email, "role": each.staff} for each in staff]
    _print_table(console, "staff", ("id", "email", "role"), found, as_json)


def key_as_json(key: ApiKey) -> dict[str, Any]:
    """A key, without the key itself."""
    return {
        "id": key.id,
        "name": key.name,
        "actions": list(key.actions),
        "resources": list(key.resources),
        "expires_at": instant_text(key.expires_at),
        "last_used_at": None if key.last_used_at is None else instant_text(key.last_used_at),
    }


def print_keys(console: Console, keys: Sequence[ApiKey], as_json: bool) -> None:
    """Keys of the engine."""
    names = ("id", "name", "actions", "resources", "expires_at", "last_used_at")
    _print_table(console, "keys", names, [key_as_json(key) for key in keys], as_json)


def _print_table(
    console: Console, title: str, names: Sequence[str], rows: Sequence[dict[str, Any]], as_json: bool
) -> None:
    """Rows of named values: as JSON under their title, or as a table."""
    if as_json:
        print_json({title: list(rows)})
        return
    table = Table(*(name.replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(escape(", ".join(value) if isinstance(value, list) else value or "") for value in row.values()))
    console.print(table, highlight=False)


def access_as_json(access: Access) -> dict[str, Any]:
    """Who can do what with a record; the keys are always the same ones."""
    record = access.record
    return {
        "resource": record.resource,
        "id": record.id,
        "owner": {"account": record.owner, "email": access.emails.get(record.owner)},
        "locked": access.locked,
        "who": [
            {
                "whose": holder.whose,
                "account": holder.account,
                "email": access.emails.get(holder.account or ""),
                "role": holder.role,
                "rights": [
                    {
                        "action": right.action,
                        "step": right.step,
                        "grant": right.because.grant.text,
                        "line": right.because.grant.place.line,
                        "because": list(right.because.terms),
                    }
                    for right in holder.rights
                ],
            }
            for holder in access.holders
        ],
    }


def print_access(console: Console, access: Access) -> None:
    """The same for people: a line for each right."""
    record = access.record
    owner = access.emails.get(record.owner, record.owner)
    console.print(f"[bold]{record.resource} {record.id}[/], owned by {escape(owner)}", **_AS_IT_IS)
    if access.locked:
        console.print("It is locked, or a record above it is: until that ends, less can be done.", **_AS_IT_IS)
    if not access.holders:
        console.print("Nobody can do anything with it.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("who", "may", "because", "line"):
        table.add_column(name, style="dim" if name == "line" else None, overflow="fold")
    for holder in access.holders:
        name = f"staff.{holder.role}" if holder.role is not None else str(holder.whose)
        if holder.account is not None:
            email = access.emails.get(holder.account)
            name = holder.account if email is None else f"{email} ({holder.account})"
        for right in holder.rights:
            grant = right.because.grant
            because = f"{grant.text}: {'; '.join(right.because.terms)}"
            table.add_row(escape(name), escape(right.step or right.action), escape(because), str(grant.place.line))
            name = ""
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


def _outsiders_as_json(found: Sequence[Public]) -> list[dict[str, Any]]:
    rights = rights_as_json([each.right for each in found])
    return [{**right, "witness": each.witness} for right, each in zip(rights, found, strict=True)]


def specification_as_json(
    path: Path, specification: Specification, problems: Sequence[Problem], questions: Sequence[Question]
) -> dict[str, Any]:
    """What `check` found."""
    return {
        "app": specification.app,
        "version": specification.version,
        "errors": problems_as_json(path, problems),
        "questions": questions_as_json(questions),
        "public": _outsiders_as_json(public(specification)),
        "any_account": _outsiders_as_json(for_any_account(specification)),
        "links": _outsiders_as_json(by_links(specification)),
        "rights": rights_as_json(rights_table(specification)),
        "channels": [
            {"resource": c.resource, "kind": c.kind, "line": c.place.line, "because": c.because}
            for c in declared_channels(specification)
        ],
    }


def print_specification(console: Console, specification: Specification) -> None:
    """What is public, what may be inferred, and the table of who may do what."""
    _print_public(console, public(specification))
    _print_outsiders(console, "Any account may (whoever signs up)", for_any_account(specification))
    _print_outsiders(console, "Whoever has a secret link may", by_links(specification))
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


def print_verdict(console: Console, specification: Specification, problems: int, questions: int) -> None:
    """The first line."""
    said = ["no mistakes"] if not problems else [f"{problems} mistake{'s' * (problems != 1)}"]
    said += [f"{questions} open question{'s' * (questions != 1)}"] if questions else []
    name = f"[bold]{escape(specification.app)}[/] {escape(specification.version)}"
    console.print(f"{name}: {', '.join(said)}.\n", highlight=False)


def _print_public(console: Console, found: Sequence[Public]) -> None:
    if not found:
        console.print("Nothing is public: every right needs an account.\n")
        return
    _print_outsiders(console, "Public (no account needed)", found)


def _print_outsiders(console: Console, title: str, found: Sequence[Public]) -> None:
    """Rights of people to whom nobody gave anything, each with a smallest world in which they have it."""
    if not found:
        return
    console.print(f"[yellow]{title}[/]:")
    for each in found:
        right = each.right
        what = f"{escape(right.action)} {escape(right.resource)}: {escape(right.who)}"
        console.print(f"  {what} [dim]line {right.place.line}[/]")
        console.print(f"    [dim]such as {escape(each.witness)}[/]", soft_wrap=True, highlight=False)
    console.print()


def _print_channels(console: Console, channels: Sequence[Channel]) -> None:
    if not channels:
        return
    console.print("What callers may infer of records that they cannot see:")
    for channel in channels:
        place = f"[dim]line {channel.place.line}[/]"
        console.print(f"  {escape(channel.resource)}, {escape(channel.kind)}: {escape(channel.because)} {place}")
    console.print()
