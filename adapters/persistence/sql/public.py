"""Rules unfolded into branches, and what the tables have for those that name no caller.

In a branch whose terms are all `anyone`, `signed in` or a staff role no account leads to the records. Its conditions
do: an index holds exactly the records for which they are true, in the order of their ids. A condition on the record
above, or on one that a reference names, is about another table. That column is *carried*: this table has it too, and
the foreign key to the other one includes it, so that the database itself keeps both the same.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2s
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, bindparam

from domain.ownership import OF_LINKS
from domain.specification.model import (
    Anyone,
    Can,
    Condition,
    Field,
    Kind,
    Path,
    Resource,
    Rule,
    SignedIn,
    Specification,
    Staff,
    Test,
    Who,
)

Term = Who | Condition
Branch = tuple[tuple[Path, Term], ...]
"""terms that must all hold, each with the way to the record where it was stated"""
Carried = Mapping[str, Mapping[str, str]]
"""by the name of a parent or a reference: the carried columns, each with the column there that it equals"""


def branches(
    specification: Specification, rule: Rule, resource: str, path: Path = (), only_reads: bool = False
) -> Iterator[Branch]:
    """The rule as alternatives; `Can` is unfolded. `only_reads`: of a caller who can do nothing but open and read."""
    for grant in rule:
        asked = (*grant.who, *grant.when)
        parts = [list(_alternatives(specification, term, resource, path, only_reads)) for term in asked]
        for chosen in product(*parts):
            yield tuple(dict.fromkeys(term for terms in chosen for term in terms))


def _alternatives(
    specification: Specification, term: Term, resource: str, path: Path, only_reads: bool
) -> Iterator[Branch]:
    if not isinstance(term, Can):
        yield ((path, term),)
        return
    if only_reads and term.action not in OF_LINKS:
        return
    way = path + term.path
    target = specification.at(resource, way)
    needed = [target.rule(term.action)]
    if term.action not in ("open", "read", "create"):
        needed.append(target.rule("open"))
    there: Branch = () if _goes_up(specification, resource, way) else ((way, Condition((), "id", Test.SET)),)
    for chosen in product(*(list(branches(specification, rule, resource, way, only_reads)) for rule in needed)):
        yield there + tuple(term for terms in chosen for term in terms)


def _goes_up(specification: Specification, resource: str, way: Path) -> bool:
    """Whether every hop leads to a parent."""
    return all(hop.field == specification.at(resource, way[:i]).parent for i, hop in enumerate(way))


def held(specification: Specification, resource: str, branch: Branch) -> dict[tuple[Path, Condition], str]:
    """The conditions of a branch that names no caller which a column of the table itself answers, with its name."""
    if not all(isinstance(term, Anyone | SignedIn | Staff | Condition) for _, term in branch):
        return {}
    return {
        (path, term): column_name(path + term.path, term.field)
        for path, term in branch
        if isinstance(term, Condition) and _is_held(specification, resource, path + term.path, term)
    }


def _is_held(specification: Specification, resource: str, way: Path, condition: Condition) -> bool:
    """Of other records only what is never empty: a key with an empty part is not checked."""
    there = specification.at(resource, way)
    if condition.field not in there.fields or condition.test in (Test.PAST, Test.FUTURE):
        return False
    if not way:
        return True
    on = _goes_up(specification, way[0].resource, way[1:])
    return on and condition.test is Test.IS and not nullable(specification, there, there.fields[condition.field])


def nullable(specification: Specification, resource: Resource, field: Field) -> bool:
    """What names a record or an account is emptied when that goes; a copy may come through an empty reference."""
    if field.kind is Kind.COPY or field.kind is Kind.REFERENCE:
        return True
    return field.optional or specification.names_account(resource.name, field.name)


def holds(column: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    """The condition with its values written out: SQLite finds the index by the very words that made it."""
    match condition.test:
        case Test.SET:
            return column.is_not(None)
        case Test.EMPTY:
            return column.is_(None)
        case _:
            values = [int(value) if isinstance(value, bool) else value for value in condition.values]
            return column.in_(bindparam(None, values, type_=column.type, expanding=True, literal_execute=True))


def indexed(specification: Specification, resource: str) -> list[dict[str, Condition]]:
    """For each index on public records its conditions, by column."""
    found = {}
    for branch in branches(specification, specification.resources[resource].rule("read"), resource):
        columns = {name: term for (_, term), name in held(specification, resource, branch).items()}
        if columns:
            found[frozenset((name, term.test, term.values) for name, term in columns.items())] = columns
    return list(found.values())


def carried(specification: Specification) -> Mapping[str, Carried]:
    """What each resource's table carries; from further up it comes down one table at a time."""
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in specification.resources}
    for name, resource in specification.resources.items():
        for branch in branches(specification, resource.rule("read"), name):
            for path, term in held(specification, name, branch):
                at, way = name, path + term.path
                while way:
                    beside = found[at].setdefault(way[0].field, {})
                    beside[column_name(way, term.field)] = column_name(way[1:], term.field)
                    at, way = way[0].resource, way[1:]
    for links in found.values():
        links.update({link: dict(sorted(beside.items())) for link, beside in links.items()})
    return found


def column_name(way: Path, field: str) -> str:
    """The column for a field of the record at the end of the way; no field has two underscores in a row."""
    full = "__".join((*(hop.field for hop in way), field))
    return full if len(full) <= 63 else f"{full[:52]}__{blake2s(full.encode(), digest_size=4).hexdigest()}"
