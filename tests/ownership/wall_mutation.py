"""Wrong forms of a second wall as it is generated: of each policy, function, trigger and privilege.

A policy is dropped, allows everything, or nothing; a function that policies ask says yes, or no, to everything. Of the
built-in tables, whose policies are written by hand, each part that AND and OR join is left out or denied, too; the text
of rules is made by `rules.py`, and `test_mutants.py` makes wrong forms of that. What names a resource is the same kind
for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from adapters.persistence.sql.builtin import mapped
from adapters.persistence.sql.definers import SCHEMA, Definer, quoted
from adapters.persistence.sql.policies import Policies, Policy
from tests.ownership.raw import LINKS, MEMBERS
from tests.postgres import APPLICATION

_TOKEN = re.compile(r"""'(?:[^']|'')*' | "[^"]*" | \w+ | \S""", re.VERBOSE)
_ASKED = "opens_by_link|opens|moves|steps|same|members|shares|gives|may_be_joined|may_be_shared|givable"
"""what functions that are called by a resource's plural say of a stored record"""
COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
Concern = tuple[str, str]
"""a table and a command"""


@dataclass(frozen=True)
class WallMutant:
    """A wall that is wrong in one place."""

    kind: str
    """which part of any specification's wall is wrong, and how: what a mistake in `policies.py` would be"""
    statements: tuple[str, ...]
    """what makes the right wall this one, as the owner"""
    concerns: frozenset[Concern]
    """where it may be noticed"""


def wall_mutants(policies: Policies, tables_in: str = "public") -> Iterator[WallMutant]:
    """Every one of a specification's wall."""
    for policy in policies.policies:
        yield from _of_policy(policy)
    for definer in policies._definers.made.values():
        asking = [each for each in policies.policies if f"{SCHEMA}.{definer.name}(" in str(each)]
        concerns = frozenset(concern for each in asking for concern in _concerns(each))
        if concerns:
            yield from _of_function(definer, concerns, tables_in)
    for trigger in policies.triggers:
        found = re.match(r'CREATE TRIGGER (\w+) .* ON "(\w+)"', trigger)
        assert found is not None
        dropped = f"DROP TRIGGER {found[1]} ON {quoted(found[2])}"
        yield WallMutant(f"without trigger {found[1]}", (dropped,), _all(found[2]))
    for grants in policies.grants:
        for verb in ("UPDATE", "INSERT", "DELETE", "TRUNCATE"):
            if verb not in grants.verbs:
                granted = f"GRANT {verb} ON {quoted(grants.table)} TO {APPLICATION}"
                yield WallMutant(
                    f"{_called(grants.table)}: granted {verb}", (granted,), frozenset({(grants.table, "SELECT")})
                )
    for table in {policy.table: None for policy in policies.policies}:
        off = f"ALTER TABLE {quoted(table)} DISABLE ROW LEVEL SECURITY"
        yield WallMutant(f"{_called(table)}: row-level security disabled", (off,), _all(table))


def _called(table: str) -> str:
    return table if table in mapped.metadata.tables else "records"


def _all(table: str) -> frozenset[Concern]:
    return frozenset((table, command) for command in COMMANDS)


def _concerns(policy: Policy) -> frozenset[Concern]:
    """A policy of SELECT decides for every command that looks at rows."""
    return _all(policy.table) if policy.command == "SELECT" else frozenset({(policy.table, policy.command)})


def _of_policy(policy: Policy) -> Iterator[WallMutant]:
    concerns = _concerns(policy)
    drop = f"DROP POLICY {policy.name} ON {quoted(policy.table)}"
    said = f"{_called(policy.table)} {policy.command}{policy.whose}"
    yield WallMutant(f"{said}: dropped", (drop,), concerns)
    for part in ("using", "check"):
        text = getattr(policy, part)
        for how, wrong in _forms_of(policy, text) if text is not None else ():
            changed = replace(policy, **{part: wrong})
            yield WallMutant(f"{said} {part}: {how}", (drop, str(changed)), concerns)


def _of_function(definer: Definer, concerns: frozenset[Concern], tables_in: str) -> Iterator[WallMutant]:
    for how in ("true", "false") if definer.returns == "boolean" else ():
        body = f"BEGIN RETURN {how}; END"
        made, _ = replace(definer, body=body).sql(tables_in)
        replaced = made.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        named = re.search(f"_({_ASKED})", definer.name)
        yield WallMutant(f"function {named[1] if named else 'of a rule'}: {how}", (replaced,), concerns)


def _forms_of(policy: Policy, text: str) -> Iterator[tuple[str, str]]:
    yield "everything", "true"
    yield "nothing", "false"
    if policy.table in mapped.metadata.tables and policy.table not in (MEMBERS, LINKS):
        yield from _parts(text)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Each part that AND and OR join left out, and denied."""
    for joined, parts in _joined(text):
        neutral = "true" if joined == "AND" else "false"
        for start, end in parts:
            part = text[start:end]
            if part.strip().lower() not in ("true", "false"):
                short = _of_any_resource(" ".join(part.split()))
                yield f"without {short}", text[:start] + neutral + text[end:]
                yield f"denied {short}", f"{text[:start]}(({part}) IS NOT TRUE){text[end:]}"


def _of_any_resource(text: str) -> str:
    """A part of a condition, whichever resource it names, and however many."""
    text = re.sub(rf"freehold\.\w+_({_ASKED})\([^)]*\)", r"\1", re.sub(r"\w+\.resource = '\w+'", "resource = …", text))
    return re.sub(r"\bfalse( OR resource = … AND \w+)*", "…", text)


def _joined(text: str) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
    """The word that joins, and the places of the parts."""
    clauses: list[list[tuple[str, int, int]]] = [[]]
    for found in _TOKEN.finditer(text):
        token = (found[0].upper(), found.start(), found.end())
        if token[0] == "(":
            clauses[-1].append(token)
            clauses.append([])
        elif token[0] == ")":
            yield from _split(clauses.pop())
            clauses[-1].append(token)
        else:
            clauses[-1].append(token)
    yield from _split(clauses.pop())


def _split(clause: list[tuple[str, int, int]]) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
    """By OR, then each of those by AND, which binds closer."""
    alternatives = _by("OR", clause)
    if len(alternatives) > 1:
        yield "OR", [(part[0][1], part[-1][2]) for part in alternatives]
    for alternative in alternatives:
        conditions = _by("AND", alternative)
        if len(conditions) > 1:
            yield "AND", [(part[0][1], part[-1][2]) for part in conditions]


def _by(word: str, clause: list[tuple[str, int, int]]) -> list[list[tuple[str, int, int]]]:
    parts: list[list[tuple[str, int, int]]] = [[]]
    for token in clause:
        if token[0] == word:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]
