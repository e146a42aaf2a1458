"""Everything that names fields and people: `can`, `read`, `write`, `locked`, `steps`, `links`, `unique`."""

from dataclasses import replace
from typing import Any

from domain.specification import forms, grammar, shape
from domain.specification.declarations import Draft, Reading
from domain.specification.model import (
    ACTIONS,
    Field,
    Kind,
    Links,
    Lock,
    Resource,
    Rule,
    Specification,
    Step,
    Through,
    Unique,
)
from domain.specification.names import Names, unfit
from domain.specification.node import Node, Scalar
from domain.specification.text import Mistake, listed, meant, tick


def with_rules(reading: Reading, spec: Specification) -> Specification:
    """The specification with every rule looked up."""
    return _Rules(reading).read(spec)


class _Rules:
    def __init__(self, reading: Reading) -> None:
        self.mistakes = reading.mistakes
        self.drafts = reading.drafts
        self.broken = reading.broken
        self.adrift = reading.adrift

    def read(self, spec: Specification) -> Specification:
        names = Names(spec, self.broken, self.adrift)
        done: dict[str, Resource] = {}
        for name, resource in spec.resources.items():
            draft = self.drafts[name]
            self._ambiguous_roles(spec, resource)
            done[name] = replace(
                resource,
                fields={f.name: self._field_rules(names, resource, f) for f in resource.fields.values()},
                can=self._can(names, resource),
                locked=self._lock(names, resource),
                steps=self._steps(names, resource),
                links=self._links(draft, resource),
                unique=self._unique(names, resource),
            )
        return replace(spec, resources=done)

    def _ambiguous_roles(self, spec: Specification, resource: Resource) -> None:
        for role in resource.ladder.roles if resource.ladder is not None else ():
            if role in resource.fields and spec.names_account(resource.name, role):
                place = resource.fields[role].place
                self.mistakes.add(
                    place,
                    f"{tick(role)} is also a role of {tick(resource.name)}, and a grant could mean either. "
                    "Rename one of them.",
                )

    def _rule(self, names: Names, resource: Resource, node: Node, action: str = "") -> Rule:
        def is_field(name: str) -> bool:
            return name in resource.fields or f"{resource.name}.{name}" in self.broken

        found = []
        with self.mistakes.caught():
            for piece in shape.grants(node, is_field, self.mistakes):
                with self.mistakes.caught():
                    found.append(names.grant(resource.name, piece, action))
        return tuple(found)

    def _field_rules(self, names: Names, resource: Resource, found: Field) -> Field:
        options = self.drafts[resource.name].fields[found.name].options
        changes: dict[str, Any] = {}
        for key in ("read", "write"):
            if key in options and not (key == "write" and found.by_engine):
                changes[key] = self._rule(names, resource, options[key][1])
        return replace(found, **changes)

    def _can(self, names: Names, resource: Resource) -> dict[str, Rule]:
        entries, found = self.drafts[resource.name].entries, {}
        keys: dict[str, Scalar] = {}
        with self.mistakes.caught():
            if "can" not in entries:
                return {}
            for action, (key, node) in shape.table(
                entries["can"][1], ACTIONS, "actions with who may, such as `read: owner`", self.mistakes
            ).items():
                found[action] = self._rule(names, resource, node, action)
                keys[action] = key
            # without roles, `share` is the right to tie the record to a container, which `through` asks for
            tied = any(isinstance(who, Through) for rule in found.values() for grant in rule for who in grant.who)
            for action, key in keys.items():
                why = "" if action == "share" and tied else unfit(resource, action)
                if why and resource.name not in self.adrift:
                    self.mistakes.add(key.place, f"{tick(action)} is no action on {tick(resource.name)}: {why}")
        return found

    def _lock(self, names: Names, resource: Resource) -> Lock | None:
        entries = self.drafts[resource.name].entries
        with self.mistakes.caught():
            if "locked" not in entries:
                return None
            piece = grammar.lock(shape.text(entries["locked"][1], "`locked: when archived is yes`"))
            when = tuple(names.condition(resource.name, one) for one in piece.when)
            for word in piece.excepted:
                names.own_field(resource, word)
            return Lock(when, tuple(dict.fromkeys(w.text for w in piece.excepted)))
        return None

    def _steps(self, names: Names, resource: Resource) -> dict[str, tuple[Step, ...]]:
        entries, found = self.drafts[resource.name].entries, {}
        with self.mistakes.caught():
            if "steps" not in entries:
                return {}
            what = "a field with its steps, such as `status: {todo -> doing: owner}`"
            for key, node in shape.named(entries["steps"][1], what, self.mistakes):
                with self.mistakes.caught():
                    changing = self._changing(names, resource, key)
                    found[key.text] = self._steps_of(names, resource, changing, node)
        return found

    def _changing(self, names: Names, resource: Resource, key: Scalar) -> Field:
        """The field that steps are for."""
        names.own_field(resource, grammar.Word(key.text, key.place))
        found = resource.fields[key.text]
        if found.kind is not Kind.ONE_OF:
            why = f"is of type `{found.kind}`, and only a `one of` field has steps. Change its type."
        elif found.optional:
            why = "has steps, so it is never empty. Remove its `optional`."
        elif found.default not in (None, found.values[0]):
            why = f"has steps, so it starts at {tick(found.values[0])}. Remove its `default`."
        else:
            return found
        raise Mistake(key.place, f"{tick(key.text)} {why}")

    def _steps_of(self, names: Names, resource: Resource, changing: Field, node: Node) -> tuple[Step, ...]:
        what = f"`{{{' -> '.join(changing.values[:2])}: owner}}`, for example"
        if not shape.mapping(node, what).entries:
            raise shape.unexpected(node, what)
        found: list[Step] = []
        for key, value in shape.mapping(node, what):
            shape.fill(key, value, self.mistakes)
            with self.mistakes.caught():
                before, after = forms.step(key)
                for word in (before, after):
                    if word.text not in changing.values:
                        raise Mistake(
                            word.place,
                            f"{tick(word.text)} is no value of {tick(changing.name)}. "
                            f"{meant(word.text, changing.values)}",
                        )
                if before.text == after.text:
                    raise Mistake(
                        after.place,
                        f"{tick(after.text)} is where the step begins. A step must change the value; remove it.",
                    )
                if any((s.before, s.after) == (before.text, after.text) for s in found):
                    raise Mistake(before.place, f"{tick(key.text)} stands twice. Write all its grants in one list.")
                found.append(Step(before.text, after.text, self._rule(names, resource, value)))
        return tuple(found)

    def _links(self, draft: Draft, resource: Resource) -> Links | None:
        with self.mistakes.caught():
            if "links" not in draft.entries:
                return None
            key, node = draft.entries["links"]
            example = "`links: {role: viewer, expire: 30 days}`"
            options = shape.table(node, ("role", "expire"), example, self.mistakes)
            if resource.ladder is None:
                if resource.name in self.adrift:
                    return None
                raise Mistake(
                    key.place,
                    f"`links` carry a role, and {tick(resource.name)} has none. "
                    "Add `roles: editor > viewer`, for example.",
                )
            if "role" not in options:
                raise Mistake(node.place, f"`role` is missing. Write {example}.")
            role = shape.text(options["role"][1], "the role that a link carries")
            if role.text not in resource.ladder.roles:
                raise Mistake(
                    role.place,
                    f"{tick(role.text)} is no role of {tick(resource.name)}. {meant(role.text, resource.ladder.roles)}",
                )
            expire = options.get("expire")
            return Links(
                role.text, None if expire is None else forms.duration(shape.text(expire[1], "`expire: 30 days`"))
            )
        return None

    def _unique(self, names: Names, resource: Resource) -> tuple[Unique, ...]:
        entries, found = self.drafts[resource.name].entries, []
        with self.mistakes.caught():
            if "unique" not in entries:
                return ()
            for item in shape.one_or_many(entries["unique"][1], "`title per owner`, for example"):
                with self.mistakes.caught():
                    found.append(self._unique_of(names, resource, forms.unique(item), item))
        for number, one in enumerate(found):
            if any((set(o.fields), o.per) == (set(one.fields), one.per) for o in found[:number]):
                self.mistakes.add(
                    one.place, f"{tick(', '.join(one.fields))} is unique there already. Remove one of the two rules."
                )
        return tuple(found)

    def _unique_of(self, names: Names, resource: Resource, piece: forms.UniquePiece, item: Scalar) -> Unique:
        for number, word in enumerate(piece.fields):
            names.own_field(resource, word)
            if names.spec.value_field(resource.name, word.text).kind is Kind.JSON:
                raise Mistake(
                    word.place, f"{tick(word.text)} is of type `json`, which cannot be unique. Choose another field."
                )
            if word.text in [w.text for w in piece.fields[:number]]:
                raise Mistake(word.place, f"{tick(word.text)} stands twice. Write each field once.")
        per = piece.per.text
        scopes = ["owner", *([resource.parent] if resource.parent else []), *(f.name for f in resource.references())]
        if per != "everywhere" and per not in scopes:
            names.excuse(resource.name, piece.per)
            fix = f"Write {listed(f'per {s}' for s in scopes)}, or `everywhere`."
            if per in resource.fields:
                fix = f"Put it among the fields instead: {tick(f'{piece.fields[0]}, {per} per owner')}."
            raise Mistake(
                piece.per.place, f"{tick(per)} is neither the parent nor a reference of {tick(resource.name)}. {fix}"
            )
        return Unique(tuple(w.text for w in piece.fields), per, item.at(0))
