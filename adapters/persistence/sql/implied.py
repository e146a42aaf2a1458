"""What a rule says by itself of who can open a record, so that a statement need not ask it.

Only the words count: roles of one ladder, the same terms at the same record. What they do not say may yet be so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from adapters.persistence.sql.public import Term, branches
from domain.specification.model import AccountField, Can, Condition, Owner, Path, Role, Rule, Specification

Placed = tuple[Path, Term]
"""a term, and the whole way to the record that it is about"""
Alternative = frozenset[Placed]
"""terms that all hold"""


class Implied:
    """The rules of one specification, compared by their words."""

    def __init__(self, specification: Specification) -> None:
        """What is unfolded once is kept: rules lean on each other."""
        self._specification = specification
        self._unfolded: dict[tuple[str, Path, Rule], frozenset[Alternative]] = {}

    def opens(self, resource: str, rule: Rule, way: Path = ()) -> bool:
        """Whether whoever a rule of the resource allows can open the record at the end of a way, too. False: unsaid.

        Each alternative of the rule then asks for all that some alternative of `open` there asks for. Of the rule it is
        enough to know a part: what else `whoever can update …` needs is left out. Of `open` all has to be known: an
        alternative with such a term is left out.
        """
        there = self._specification.at(resource, way).rule("open")
        enough = [
            [self._placed(resource, *each) for each in branch]
            for branch in branches(self._specification, there, resource, way, only_reads=True)
        ]
        asked = self._asked(resource, (), rule)
        return all(any(all(_said(term, terms) for term in branch) for branch in enough) for terms in asked)

    def _asked(self, resource: str, path: Path, rule: Rule) -> frozenset[Alternative]:
        key = (resource, path, rule)
        if key not in self._unfolded:
            self._unfolded[key] = frozenset(self._alternatives(*key))
        return self._unfolded[key]

    def _alternatives(self, resource: str, path: Path, rule: Rule) -> Iterator[Alternative]:
        for grant in rule:
            parts: list[Iterable[Alternative]] = []
            for term in (*grant.who, *grant.when):
                if isinstance(term, Can):
                    way = path + term.path
                    there = self._specification.at(resource, way).rule(term.action)
                    parts.append(self._asked(resource, way, there))
                else:
                    parts.append([frozenset({self._placed(resource, path, term)})])
            yield from (frozenset[Placed]().union(*chosen) for chosen in product(*parts))

    def _placed(self, resource: str, path: Path, term: Term) -> Placed:
        """With all of its way in one place. The owner is the same all the way up."""
        if isinstance(term, Owner | Role | AccountField | Condition):
            path, term = path + term.path, replace(term, path=())
        while isinstance(term, Owner) and path and path[-1].field == self._specification.at(resource, path[:-1]).parent:
            path = path[:-1]
        return path, term


def _said(least: Placed, terms: Alternative) -> bool:
    """Whether a term holds where these do: it is one of them, or they name a role of that record as strong."""
    path, asked = least
    if not isinstance(asked, Role):
        return least in terms
    roles = [term for way, term in terms if isinstance(term, Role) and (way, term.resource) == (path, asked.resource)]
    return any(set(term.roles) <= set(asked.roles) for term in roles)
