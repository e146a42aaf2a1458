"""Plain writes: those where one right on the record is all that there is to judge.

`domain.judging` looks at more than rights: at locks, steps, fields with rules of their own, what a reference names,
and at the record before and after. Where none of that comes up, a store may ask the one right within the write itself.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from domain.judging import rules, throughs
from domain.specification.model import AccountField, Condition, Kind, Path, Resource, Specification

_NAMING = (Kind.REFERENCE, Kind.ACCOUNT, Kind.MEMBER)
"""kinds of fields whose values must be there, or be somebody's to read"""


class Plain:
    """The plain writes of one specification."""

    def __init__(self, specification: Specification) -> None:
        """Know what its rules look at."""
        self._specification = specification
        asked = set(_asked(specification))
        links = {through.link for through in throughs(specification)}
        resources = specification.resources.values()
        self.created = frozenset(r.name for r in resources if r.name not in links and self._creates(r))
        """the resources that have plain creations"""
        self.changed = {
            r.name: tuple(name for name in self._changes(r) if (r.name, name) not in asked) for r in resources
        }
        """by resource, the fields of plain changes: no rule of any resource looks at them"""

    def creates(self, resource: Resource, sent: Collection[str], given: Mapping[str, Any]) -> bool:
        """Whether `create` and `open` on the new record, and `open` on its parent, are all to judge of a creation."""
        fields = resource.fields
        return (
            resource.name in self.created
            and all(fields[name].write is None for name in sent if name in fields)
            and all(given[f.name] is None for f in fields.values() if f.kind in _NAMING)
        )

    def changes(self, resource: Resource, given: Collection[str]) -> bool:
        """Whether `update`, on the record as it is, is all to judge of a change that does change something."""
        return bool(given) and set(given) <= set(self.changed[resource.name])

    def _creates(self, resource: Resource) -> bool:
        above = self._specification.chain(resource.name)[1:]
        locked = any(self._specification.resources[name].locked for name in above)
        return (
            bool(resource.rule("create"))
            and not locked
            and all(field.kind is not Kind.COPY for field in resource.fields.values())
        )

    def _changes(self, resource: Resource) -> Iterator[str]:
        chain = self._specification.chain(resource.name)
        locked = any(self._specification.resources[name].locked for name in chain)
        grants = resource.rule("update")
        if not grants or locked or resource.require_if_match or any(grant.only for grant in grants):
            return
        for field in resource.fields.values():
            # whether a document is another one JSON says, and no database
            odd = field.by_engine or field.kind in (*_NAMING, Kind.JSON) or field.name in resource.steps
            if not odd and field.read is None and field.write is None:
                yield field.name


def _asked(specification: Specification) -> Iterator[tuple[str, str]]:
    """The resource and the name of each field whose value a rule or a lock looks at."""
    for resource in specification.resources.values():
        terms: list[Any] = [term for rule in rules(resource) for grant in rule for term in (*grant.who, *grant.when)]
        terms += resource.locked.when if resource.locked else ()
        for term in terms:
            path: Path = getattr(term, "path", ())
            for i, hop in enumerate(path):
                yield specification.at(resource.name, path[:i]).name, hop.field
            if isinstance(term, Condition | AccountField):
                yield specification.at(resource.name, path).name, term.field
