"""Whether the sentences under `examples:` are true, decided by the very functions that decide requests."""

import re
from dataclasses import dataclass, replace
from typing import Any

from domain.deletion import obstacles
from domain.errors import Forbidden, Problem
from domain.judging import (
    judge_change,
    judge_creation,
    judge_deletion,
    judge_result,
    sharing_cap,
)
from domain.membership import within
from domain.ownership import ANONYMOUS, ENGINE, Actor, Decision, Facts, decide, may, may_read_field
from domain.specification.model import (
    Claim,
    Example,
    Holds,
    Hop,
    Kind,
    Owns,
    Person,
    Rule,
    Says,
    Specification,
    Test,
    Thing,
    Within,
)
from domain.specification.scene import NOW, SOMEBODY, Scene, moment
from domain.specification.text import Mistake, listed, tick

_STANDS_IN_THE_WAY = {
    "kept": "something kept is below it",
    "locked": "something locked is below it",
    "referred": "something refers to it that blocks its deletion",
}


def failures(spec: Specification) -> tuple[Problem, ...]:
    """Every claim that is not true, and every example that contradicts itself, with its place and why."""
    found: list[Problem] = []
    for example in spec.examples:
        try:
            world = _World(spec, example)
        except Mistake as mistake:
            found.append(Problem(mistake.place.line, mistake.place.column, mistake.message))
            continue
        for claim in example.claims:
            verdict = world.verdict(claim)
            if verdict.allowed != claim.allowed:
                said = tick(str(claim))
                message = f"{said} is not true: {verdict.why} Correct the example, or the rule."
                found.append(Problem(claim.place.line, claim.place.column, message))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Verdict:
    allowed: bool
    why: str
    """one sentence"""


class _World:
    """What an example supposes."""

    def __init__(self, spec: Specification, example: Example) -> None:
        self.spec = spec
        self.scene = Scene(spec)
        self.example = example
        self.facts = [fact.what for fact in example.facts]
        self.said = {(what.thing, what.field) for what in self.facts if isinstance(what, Says)}
        self._build()

    # --- building ---

    def _build(self) -> None:
        parents = self._parents()
        things = sorted(self._things(), key=lambda thing: len(self.spec.chain(thing.resource)))
        nobody = self._unsaid_owner()
        for thing in things:
            above = parents.get(thing)
            self.scene.put(thing.resource, str(thing), None if above is None else str(above), nobody)
        self._owners(nobody)
        for thing in things:
            at = self._at(thing)
            for field in at.resource.fields.values():
                if field.kind is Kind.CREATOR:
                    self.scene.set(at, field.name, at.record.owner)
        for what in self.facts:
            if isinstance(what, Holds) and what.thing is None:
                self.scene.staff(what.person, what.role)
            elif isinstance(what, Holds) and what.thing is not None:
                self.scene.member(self._at(what.thing), what.person, what.role)
            elif isinstance(what, Says):
                self.scene.set(self._at(what.thing), what.field, self._value(what))
        for thing in things:
            self._copies(thing)

    def _things(self) -> set[Thing]:
        found: set[Thing] = set()
        for what in self.facts:
            candidates = (getattr(what, name, None) for name in ("thing", "above", "value"))
            found |= {one for one in candidates if isinstance(one, Thing)}
        for claim in self.example.claims:
            found |= {one for one in (claim.thing, claim.to) if isinstance(one, Thing)}
        return found

    def _parents(self) -> dict[Thing, Thing]:
        parents: dict[Thing, Thing] = {}
        for fact in self.example.facts:
            if isinstance(fact.what, Within):
                before = parents.setdefault(fact.what.thing, fact.what.above)
                if before != fact.what.above:
                    raise Mistake(
                        fact.place, f"{tick(str(fact.what.thing))} is in {tick(str(before))} already. Correct it."
                    )
        return parents

    def _unsaid_owner(self) -> str:
        """Where nothing is said of who is who: the person named first. Otherwise nobody who is named."""
        if any(
            isinstance(w, Owns | Holds) or (isinstance(w, Says) and isinstance(w.value, Person)) for w in self.facts
        ):
            return SOMEBODY
        people = [claim.person for claim in self.example.claims if claim.person not in ("anyone", "engine")]
        return people[0] if people else SOMEBODY

    def _owners(self, nobody: str) -> None:
        for fact in self.example.facts:
            if not isinstance(fact.what, Owns):
                continue
            owner = self._at(fact.what.thing).record.owner
            if owner not in (nobody, fact.what.person):
                raise Mistake(
                    fact.place,
                    f"{tick(str(fact.what.thing))} is {tick(owner)}'s already, as what it stands in. Correct it.",
                )
            self.scene.own(self._at(fact.what.thing), fact.what.person)

    def _copies(self, thing: Thing) -> None:
        at = self._at(thing)
        for field in at.resource.fields.values():
            source = at.follow(field.path) if field.kind is Kind.COPY else None
            if source is not None and (thing, field.name) not in self.said:
                record = source.record
                copied = record.owner if field.copied == "owner" else record.values[str(field.copied)]
                self.scene.set(at, field.name, copied)

    def _value(self, what: Says) -> Any:
        return self._plain(what.thing, what.field, what.value)

    def _plain(self, thing: Thing, name: str, value: Any) -> Any:
        if isinstance(value, Person):
            return value.name
        if isinstance(value, Thing):
            return str(value)
        if isinstance(value, Test):
            return moment(value, self.spec.value_field(thing.resource, name).kind)
        return value

    def _at(self, thing: Thing) -> Facts:
        return self.scene.at(thing.resource, str(thing))

    # --- deciding ---

    def verdict(self, claim: Claim) -> _Verdict:
        """Whether the person can do it, and why."""
        actor = {"anyone": ANONYMOUS, "engine": ENGINE}.get(claim.person) or Actor(claim.person)
        at = self._at(claim.thing)
        if claim.action == "create":
            return self._create(actor, at, claim.thing)
        if not may("open", actor, at):
            return self._denied("open", at.resource.rule("open"))
        match claim.action:
            case "delete":
                return self._delete(actor, at)
            case "share" if at.resource.ladder is not None:
                return self._share(actor, at, claim.to)
            case "move":
                return self._move(actor, at, str(claim.to))
            case "update":
                return self._change_any(actor, at)
            case "set":
                return self._set(actor, at, claim)
            case "read" if claim.field is not None:
                return self._see(actor, at, claim.field)
        return self._granted(claim.action, at.resource.rule(claim.action), may(claim.action, actor, at))

    def _granted(self, what: str, rule: Rule, decision: Decision) -> _Verdict:
        return _allowed(what, decision) if decision else self._denied(what, rule)

    def _denied(self, what: str, rule: Rule) -> _Verdict:
        if not rule:
            return _Verdict(False, f"nobody has {tick(what)} here.")
        grants = listed((grant.text for grant in rule), "and")
        lines = sorted({grant.place.line for grant in rule})
        at = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        return _Verdict(False, f"no grant of {tick(what)} holds ({at}: {grants}).")

    def _delete(self, actor: Actor, at: Facts) -> _Verdict:
        decision = may("delete", actor, at)
        if not decision:
            return self._denied("delete", at.resource.rule("delete"))
        try:
            judge_deletion(actor, at)
        except Forbidden as refused:
            return _Verdict(False, refused.detail)
        if (found := obstacles(at)) != ():
            return _Verdict(False, f"{_STANDS_IN_THE_WAY[found[0]]}.")
        return _allowed("delete", decision)

    def _share(self, actor: Actor, at: Facts, role: str | None) -> _Verdict:
        cap, ladder = sharing_cap(actor, at), at.resource.ladder
        assert ladder is not None
        if cap is None:
            return self._denied("share", at.resource.rule("share"))
        if role is not None and not within(ladder, role, cap):
            return _Verdict(False, f"who shares by this role can give {tick(cap)} at most.")
        return _allowed("share", may("share", actor, at))

    def _see(self, actor: Actor, at: Facts, name: str) -> _Verdict:
        field = at.resource.fields[name]
        if not may_read_field(field, actor, at):
            return self._denied(f"read of {name}", field.read or ())
        if field.kind is Kind.REFERENCE:
            target = at.hop(Hop(name, str(field.target)))
            if target is not None and not may("read", actor, target):
                return _Verdict(False, f"the {target.resource.name} that it names cannot be read, so it shows null.")
        shown = may("open", actor, at) if field.read is None else decide(field.read, actor, at)
        return _allowed(f"read of {name}", shown)

    def _move(self, actor: Actor, at: Facts, to: str) -> _Verdict:
        parent = str(at.resource.parent)
        above = self.scene.at(parent, to)
        if not may("open", actor, above):
            return _Verdict(False, f"{tick(to)} cannot be opened.")
        return self._judge(actor, at, {parent: to}, may("move", actor, at), "move", at.resource.rule("move"))

    def _change_any(self, actor: Actor, at: Facts) -> _Verdict:
        verdict = self._denied("update", at.resource.rule("update"))
        for field in at.resource.fields.values():
            if not field.by_engine and field.name not in at.resource.steps:
                verdict = self._change(actor, at, field.name)
                if verdict.allowed:
                    return verdict
        return verdict

    def _set(self, actor: Actor, at: Facts, claim: Claim) -> _Verdict:
        name = str(claim.field)
        if claim.to is None:
            return self._change(actor, at, name)
        return self._change_to(actor, at, name, self._plain(claim.thing, name, claim.to))

    def _change(self, actor: Actor, at: Facts, name: str) -> _Verdict:
        """Whether the field can be changed to something."""
        verdict = self._denied("update", at.resource.rule("update"))
        for value in [
            *self.scene.values(at, name, ()),
            *_OTHERS.get(self.spec.value_field(at.resource.name, name).kind, ()),
        ]:
            if value != at.record.values[name]:
                verdict = self._change_to(actor, at, name, value)
                if verdict.allowed:
                    return verdict
        return verdict

    def _change_to(self, actor: Actor, at: Facts, name: str, value: Any) -> _Verdict:
        steps = [s for s in at.resource.steps.get(name, ()) if (s.before, s.after) == (at.record.values[name], value)]
        if name in at.resource.steps:
            rule: Rule = tuple(grant for step in steps for grant in step.rule)
            what = f"{name}: {at.record.values[name]} -> {value}"
        else:
            rule = tuple(grant for grant in at.resource.rule("update") if grant.covers(name))
            what = f"update of {name}"
        return self._judge(actor, at, {name: value}, decide(rule, actor, at), what, rule)

    def _judge(
        self, actor: Actor, at: Facts, given: dict[str, Any], decision: Decision, what: str, rule: Rule
    ) -> _Verdict:
        """A change as a whole, on the record as it is and as it would be."""
        parent = at.resource.parent
        try:
            change = judge_change(actor, at, given)
            record = at.record.edit(change.fields, NOW)
            if parent in given:
                record = record.moved(self.scene.at(str(parent), given[str(parent)]).record, NOW)
            judge_result(actor, self.scene.state.imagine(record), change)
        except Forbidden:
            if not decision:
                return self._denied(what, rule)
            written = [w for name in given if name in at.resource.fields and (w := at.resource.fields[name].write)]
            if written and not decide(written[0], actor, at):
                return self._denied(f"write of {next(iter(given))}", written[0])
            return _Verdict(False, "it is locked, or the record as it would be is out of reach.")
        return _allowed(what, decision)

    def _create(self, actor: Actor, at: Facts, thing: Thing) -> _Verdict:
        resource = at.resource
        for field in resource.fields.values():
            if field.kind is Kind.CREATOR and (thing, field.name) not in self.said:
                self.scene.set(at, field.name, actor.account)
        new = self.scene.again(at)
        if resource.parent is None:
            if actor.account is None:
                return _Verdict(False, "only an account can have a record of its own.")
            new = self.scene.state.imagine(replace(new.record, owner=actor.account))
        else:
            above = new.hop(Hop(resource.parent, resource.parent))
            if above is not None and not may("open", actor, above):
                return _Verdict(False, f"the {resource.parent} above it cannot be opened.")
        decision = may("create", actor, new)
        if not decision:
            return self._denied("create", resource.rule("create"))
        sent = {
            field.name: new.record.values[field.name]
            for field in resource.fields.values()
            if not field.by_engine and (field.required or (thing, field.name) in self.said)
        }
        for field in resource.references():
            target = new.hop(Hop(field.name, str(field.target))) if field.name in sent else None
            if target is not None and (thing, field.name) in self.said and not may("read", actor, target):
                return _Verdict(False, f"the {field.target} that it would name cannot be read.")
        try:
            judge_creation(actor, new, sent)
        except Forbidden as refused:
            fields = listed(error.field for error in refused.errors)
            return _Verdict(False, f"{fields} cannot be written." if fields else refused.detail)
        return _allowed("create", decision)


_OTHERS: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: ("something else",), Kind.INTEGER: (1, 2), Kind.NUMBER: (1.0,), Kind.DECIMAL: (1,), Kind.JSON: (1,),
    Kind.ACCOUNT: ("somebody else",), Kind.MEMBER: ("somebody else",),
}  # fmt: skip
"""values to change to"""


def _allowed(what: str, decision: Decision) -> _Verdict:
    because = _TWICE.sub(r"\1 ", f" by {decision.because}") if decision.because else ""
    return _Verdict(True, f"{tick(what)} is allowed{because}.")


_TWICE = re.compile(r"\b([a-z0-9_]+) \1 ")
"""`note note 3`: the ids of these records begin with their resource"""
