"""Which words of the language the random worlds use, and whether each held and did not hold.

`Tally.observe` goes over a world, lets the domain decide everything there is to decide, and counts. A spy stands
around the domain's own functions for terms and conditions; all other words are asked one by one.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from domain import ownership
from domain.deletion import going, obstacles, referring
from domain.errors import Invalid
from domain.membership import longest
from domain.ownership import Actor, Facts, decide, locked, locked_above, may
from domain.record import accept_new
from domain.snapshot import unique_key
from domain.specification.model import (
    ACTIONS,
    AccountField,
    Anyone,
    Can,
    Condition,
    Engine,
    Field,
    Grant,
    Kind,
    Owner,
    Path,
    Role,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
    Unique,
    Who,
)
from domain.values import ValueRefused, accept
from tests.ownership.worlds import NOW, World, json_values

PLACES = ("of this record", "above", "by a reference")
COMPARED = (Kind.TEXT, Kind.INTEGER, Kind.YES_NO, Kind.ONE_OF)
OPTIONS = ("length", "pattern", "format: email", "format: url", "min", "max", "places")

DECIDED = (
    *(f"field {kind}" for kind in Kind),
    *(f"option {option}" for option in (*OPTIONS, "optional", "default", "read", "write")),
    *(f"when_gone: {said}" for said in ("empty", "block", "delete", "unsaid")),
    *(f"can {action}" for action in ACTIONS),
    *(f"who {word}" for word in ("anyone", "signed in", "engine", "staff", "through")),
    *(f"who {word} {place}" for word in ("owner", "role", "account field") for place in PLACES),
    *(f"who whoever can {place}" for place in PLACES[1:]),
    "who … and …",
    "only",
    "when",
    "when … and …",
    *(f"is, of {kind}" for kind in COMPARED),
    *(f"is {test}, of {kind}" for test in ("past", "future") for kind in (Kind.DATE, Kind.TIME)),
    *(f"is {test}" for test in ("set", "empty")),
    *(f"condition {place}" for place in PLACES),
    "locked",
    "locked above",
    "except",
    "steps",
    *(f"unique per {scope}" for scope in ("owner", "parent", "reference", "everywhere")),
    "limit",
    "keep",
    "roles",
    "join: open",
    "expire",
)
"""with two outcomes"""

SAID = ("about", "plural", "renamed_from", "require_if_match", "links", "version", "staff", "answers", "examples")
"""words that decide nothing in the domain: it is enough that they occur"""


class Tally:
    """Counts by word: held, did not hold; or occurred."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.not_held: Counter[str] = Counter()
        self.said: Counter[str] = Counter()

    def note(self, word: str, outcome: object) -> None:
        """One decision."""
        (self.held if outcome else self.not_held)[word] += 1

    def table(self) -> list[str]:
        """For people."""
        lines = [f"{'word':40} {'held':>8} {'not':>8}"]
        lines += [f"{word:40} {self.held[word]:8} {self.not_held[word]:8}" for word in DECIDED]
        return lines + [f"{word:40} {self.said[word]:8}" for word in SAID]

    def missing(self) -> list[str]:
        """Words, or outcomes, that never occurred; and words that were counted but are not in the table."""
        lost = [f"{word}: held" for word in DECIDED if not self.held[word]]
        lost += [f"{word}: did not hold" for word in DECIDED if not self.not_held[word]]
        strange = (self.held.keys() | self.not_held.keys()) - set(DECIDED)
        return (
            lost + [f"{word}: said" for word in SAID if not self.said[word]] + [f"{word}: unknown" for word in strange]
        )

    # --- a world -----------------------------------------------------------------------------

    def observe(self, world: World) -> None:
        """Everything that can be decided in it."""
        self._specification(world.specification)
        with self._spies():
            for facts in world.every():
                for actor in world.everybody:
                    self._rights(actor, facts)
                    if not actor.engine:
                        self._changes(actor, facts)
        for facts in world.every():
            self._record(world, facts)

    def _spies(self) -> ExitStack:
        """Count what the domain asks of each grant, term and condition."""
        match_, who_, holds_ = ownership._match, ownership._who, ownership.holds

        def match(grant: Grant, actor: Actor, facts: Facts) -> Any:
            found = match_(grant, actor, facts)
            if len(grant.who) > 1:
                self.note("who … and …", found is not None)
            if grant.when:
                self.note("when", found is not None)
            if len(grant.when) > 1:
                self.note("when … and …", found is not None)
            return found

        def who(term: Who, actor: Actor, facts: Facts) -> Any:
            found = who_(term, actor, facts)
            self.note(f"who {_who_word(term, facts)}", found is not None)
            return found

        def holds(condition: Condition, facts: Facts) -> bool:
            found = holds_(condition, facts)
            self.note(_test_word(condition, facts), found)
            self.note(f"condition {_place(condition.path, facts)}", found)
            return found

        spies = ExitStack()
        for name, spy in (("_match", match), ("_who", who), ("holds", holds)):
            spies.enter_context(patch.object(ownership, name, spy))
        return spies

    # --- what is said ------------------------------------------------------------------------

    def _specification(self, specification: Specification) -> None:
        self.said["version"] += specification.version != "1.0.0"
        self.said["staff"] += specification.staff is not None
        self.said["answers"] += len(specification.answers)
        self.said["examples"] += len(specification.examples)
        for resource in specification.resources.values():
            fields = resource.fields.values()
            self.said["about"] += (resource.about is not None) + sum(f.about is not None for f in fields)
            renamed = sum(f.renamed_from is not None for f in fields)
            self.said["renamed_from"] += (resource.renamed_from is not None) + renamed
            self.said["plural"] += resource.plural != f"{resource.name}s"
            self.said["require_if_match"] += resource.require_if_match
            self.said["links"] += resource.links is not None
            for field in fields:
                self._options(specification, resource.name, field)

    def _options(self, specification: Specification, resource: str, field: Field) -> None:
        """What each option accepts of values that the bare type accepts."""
        said = {"length": field.length, "pattern": field.pattern, "min": field.minimum, "max": field.maximum}
        said |= {"places": field.places, f"format: {field.format}": field.format}
        names = {"min": "minimum", "max": "maximum"}
        for option in [option for option, value in said.items() if value is not None]:
            name = names.get(option, option.partition(":")[0])
            bare = Field(field.name, field.kind, field.place)
            for value in json_values(field.kind):
                self.note(f"option {option}", _accepts(replace(bare, **{name: getattr(field, name)}), value))
        if field.default is not None:
            model = specification.resources[resource]
            for body in ({}, {field.name: None}):
                try:
                    given = accept_new(replace(model, parent=None, fields={field.name: field}, steps={}), body)
                except Invalid:
                    given = {}
                self.note("option default", given.get(field.name) == field.default)

    # --- what is decided ---------------------------------------------------------------------

    def _rights(self, actor: Actor, facts: Facts) -> None:
        for action in ACTIONS:
            self.note(f"can {action}", may(action, actor, facts))
        for field in facts.resource.fields.values():
            for option, rule in (("read", field.read), ("write", field.write)):
                if rule is not None:
                    self.note(f"option {option}", decide(rule, actor, facts))
        for name, steps in facts.resource.steps.items():
            for step in steps:
                at = facts.record.values[name] == step.before
                self.note("steps", at and decide(step.rule, actor, facts))
        ladder = facts.resource.ladder
        if ladder is not None and ladder.join_open and actor.account is not None:
            member = facts.world.role(facts.record.id, actor.account)
            self.note("join: open", member is None and may("open", actor, facts))

    def _changes(self, actor: Actor, facts: Facts) -> None:
        """Who may change what, by grants with `only`; and which fields a lock leaves free."""
        grants = [g for g in ownership.matching(facts.resource.rule("update"), actor, facts) if g.only is not None]
        for field in facts.resource.fields.values():
            for grant in grants:
                self.note("only", grant.covers(field.name))

    def _record(self, world: World, facts: Facts) -> None:
        record, resource = facts.record, facts.resource
        if resource.locked is not None:
            self.note("locked", locked(facts))
            if locked(facts):
                for name in resource.fields:
                    self.note("except", name in resource.locked.excepted)
        if any(above.resource.locked for above in list(facts.above())[1:]):
            self.note("locked above", locked_above(facts))
        for field in resource.fields.values():
            self.note(f"field {field.kind}", record.values[field.name] is not None)
            if field.optional:
                self.note("option optional", record.values[field.name] is None)
        for unique in resource.unique:
            self._unique(world, facts, unique)
        if resource.limit is not None:
            owned = sum(other.owner == record.owner for other in world.of(resource.name))
            self.note("limit", owned >= resource.limit)
        if any(resource.keep for resource in world.specification.resources.values()):
            self.note("keep", "kept" in obstacles(facts))
        self._when_gone(world, facts)
        if resource.ladder is not None:
            for account in world.accounts:
                self.note("roles", facts.world.role(record.id, account))
                membership = world.state.memberships.get((record.id, account))
                if membership is not None and longest(resource.ladder, NOW) is not None:
                    self.note("expire", not membership.live(NOW))

    def _unique(self, world: World, facts: Facts, unique: Unique) -> None:
        """Whether a copy of the record collides with it."""
        key = unique_key(facts.resource, unique, replace(facts.record, id="another"))
        scope = {"owner": "owner", "everywhere": "everywhere", facts.resource.parent: "parent"}.get(unique.per)
        self.note(f"unique per {scope or 'reference'}", key is not None)
        others = [other for other in world.of(facts.resource.name) if other.id != facts.record.id]
        self.note(f"unique per {scope or 'reference'}", key in [unique_key(facts.resource, unique, o) for o in others])

    def _when_gone(self, world: World, facts: Facts) -> None:
        """What each reference to the record says when that is deleted: whether it says it of a record that there is."""
        gone = going(facts)
        for resource, field in referring(world.specification, facts.resource.name):
            ties = [
                tie
                for tie in facts.world.tying(resource.name, field.name, facts.record.id)
                if tie.id != facts.record.id
            ]
            word = f"when_gone: {field.when_gone or 'unsaid'}"
            staying = [tie for tie in ties if tie.id not in gone]
            if field.when_gone == "delete":
                self.note(word, ties)
            elif field.when_gone is None:
                self.note(word, staying and "referred" in obstacles(facts))
            else:
                self.note(word, staying)


def _place(path: Path, facts: Facts) -> str:
    if not path:
        return PLACES[0]
    up = facts.world.specification.up(facts.resource.name, path[-1].resource) if _is_above(path, facts) else None
    return PLACES[1] if path == up else PLACES[2]


def _is_above(path: Path, facts: Facts) -> bool:
    return path[-1].resource in facts.world.specification.chain(facts.resource.name)


def _who_word(term: Who, facts: Facts) -> str:
    match term:
        case Anyone():
            return "anyone"
        case SignedIn():
            return "signed in"
        case Engine():
            return "engine"
        case Staff():
            return "staff"
        case Through():
            return "through"
        case Owner(path):
            return f"owner {_place(path, facts)}"
        case Role(path, _, _, _):
            return f"role {_place(path, facts)}"
        case AccountField(path, _):
            return f"account field {_place(path, facts)}"
        case Can(_, path):
            return f"whoever can {_place(path, facts)}"


def _test_word(condition: Condition, facts: Facts) -> str:
    resource = facts.world.specification.at(facts.resource.name, condition.path).name
    kind = facts.world.specification.value_field(resource, condition.field).kind
    match condition.test:
        case Test.IS:
            return f"is, of {kind}"
        case Test.PAST | Test.FUTURE:
            return f"{condition.test}, of {kind}"
        case _:
            return str(condition.test)


def _accepts(field: Field, value: Any) -> bool:
    try:
        accept(field, value)
    except ValueRefused:
        return False
    return True
