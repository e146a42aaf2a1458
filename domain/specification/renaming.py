"""A specification in the names of a later one, which says what it renamed by `renamed_from`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.specification.model import (
    AccountField,
    Can,
    Condition,
    Field,
    Grant,
    Hop,
    Kind,
    Owner,
    Path,
    Resource,
    Role,
    Rule,
    Specification,
    Through,
    Who,
)


def renamed(before: Specification, after: Specification) -> Specification:
    """The earlier specification as it would be written with the later one's names of resources and fields.

    `renamed_from` counts where the earlier one has the former name only, and the later one the new name only. A field
    that leads elsewhere now, or was a reference or the parent, is another one: it is called `former …`.
    """
    resources = {
        resource.renamed_from: resource.name
        for resource in after.resources.values()
        if resource.renamed_from in before.resources and resource.renamed_from not in after.resources
        if resource.renamed_from is not None and resource.name not in before.resources
    }
    fields = {
        former: _renamed_fields(resource, after.resources[resources.get(former, former)], resources)
        for former, resource in before.resources.items()
        if resources.get(former, former) in after.resources
    }
    return _Renaming(before, resources, fields).specification() if resources or any(fields.values()) else before


def _renamed_fields(before: Resource, after: Resource, resources: Mapping[str, str]) -> dict[str, str]:
    names = {
        field.renamed_from: field.name
        for field in after.fields.values()
        if field.renamed_from in before.fields and field.renamed_from not in after.fields
        if field.renamed_from is not None and field.name not in before.fields
    }
    for former in before.fields.values():
        same = after.fields.get(names.get(former.name, former.name))
        target = None if former.target is None else resources.get(former.target, former.target)
        refers = same is not None and Kind.REFERENCE in (former.kind, same.kind)
        elsewhere = refers and same is not None and (former.kind, target) != (same.kind, same.target)
        if elsewhere or names.get(former.name, former.name) == after.parent:
            names[former.name] = f"former {former.name}"
    return names


def apart(before: Specification, after: Specification) -> Specification:
    """The later specification with each reference that is called like the former parent by another name."""
    fields = {
        resource.name: {parent: f"{parent} (no longer above)"}
        for resource in after.resources.values()
        if resource.name in before.resources
        if (parent := before.resources[resource.name].parent) is not None and parent in resource.fields
    }
    return _Renaming(after, {}, fields).specification() if fields else after


@dataclass(frozen=True, slots=True)
class _Renaming:
    spec: Specification
    resources: Mapping[str, str]
    fields: Mapping[str, Mapping[str, str]]
    """by resource, both under their former names"""

    def specification(self) -> Specification:
        resources = [self._resource(resource) for resource in self.spec.resources.values()]
        return replace(self.spec, resources={resource.name: resource for resource in resources})

    def _named(self, resource: str) -> str:
        return self.resources.get(resource, resource)

    def _field_of(self, resource: str, name: str) -> str:
        """The new name of a field, or of the parent."""
        if name == self.spec.resources[resource].parent:
            return self._named(name)
        return self.fields.get(resource, {}).get(name, name)

    def _resource(self, resource: Resource) -> Resource:
        name = resource.name
        lock = resource.locked

        def own(field: str) -> str:
            return self._field_of(name, field)

        return replace(
            resource,
            name=self._named(name),
            parent=None if resource.parent is None else self._named(resource.parent),
            fields={own(field.name): self._field(name, field) for field in resource.fields.values()},
            can={action: self._rule(name, rule) for action, rule in resource.can.items()},
            locked=None
            if lock is None
            else replace(
                lock,
                when=tuple(self._condition(name, condition) for condition in lock.when),
                excepted=tuple(own(field) for field in lock.excepted),
            ),
            steps={
                own(field): tuple(replace(step, rule=self._rule(name, step.rule)) for step in steps)
                for field, steps in resource.steps.items()
            },
            unique=tuple(
                replace(unique, fields=tuple(map(own, unique.fields)), per=own(unique.per))
                for unique in resource.unique
            ),
        )

    def _field(self, resource: str, field: Field) -> Field:
        end = self.spec.at(resource, field.path).name
        return replace(
            field,
            name=self._field_of(resource, field.name),
            target=None if field.target is None else self._named(field.target),
            path=self._path(resource, field.path),
            copied=None if field.copied is None else self._field_of(end, field.copied),
            read=None if field.read is None else self._rule(resource, field.read),
            write=None if field.write is None else self._rule(resource, field.write),
        )

    def _rule(self, resource: str, rule: Rule) -> Rule:
        return tuple(self._grant(resource, grant) for grant in rule)

    def _grant(self, resource: str, grant: Grant) -> Grant:
        only = None if grant.only is None else tuple(self._field_of(resource, name) for name in grant.only)
        who = tuple(self._who(resource, who) for who in grant.who)
        return replace(grant, who=who, when=tuple(self._condition(resource, c) for c in grant.when), only=only)

    def _condition(self, resource: str, condition: Condition) -> Condition:
        end = self.spec.at(resource, condition.path).name
        path = self._path(resource, condition.path)
        return replace(condition, path=path, field=self._field_of(end, condition.field))

    def _path(self, resource: str, path: Path) -> Path:
        starts = (resource, *(hop.resource for hop in path))
        return tuple(
            Hop(self._field_of(start, hop.field), self._named(hop.resource))
            for start, hop in zip(starts, path, strict=False)
        )

    def _who(self, resource: str, who: Who) -> Who:
        match who:
            case Owner(path):
                return Owner(self._path(resource, path))
            case Role(path, of, role, roles):
                return Role(self._path(resource, path), self._named(of), role, roles)
            case AccountField(path, name):
                end = self.spec.at(resource, path).name
                return AccountField(self._path(resource, path), self._field_of(end, name))
            case Can(action, path):
                return Can(action, self._path(resource, path))
            case Through(link, back, container, role, roles):
                onward = Hop(self._field_of(link, container.field), self._named(container.resource))
                return Through(self._named(link), self._field_of(link, back), onward, role, roles)
        return who
