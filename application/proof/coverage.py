"""What of a specification took part: which grants decided something, which words were exercised."""

from collections.abc import Iterator
from dataclasses import replace

from application.proof.attempts import READING, Attempt, Verb
from application.proof.callers import link_of
from application.proof.oracle import Expected
from application.proof.report import GrantUse, Report
from domain.deletion import going, left_referring
from domain.ownership import Actor, Facts, decide
from domain.snapshot import Snapshot
from domain.specification.analysis import declared_channels, rights_table
from domain.specification.model import Anyone, Can, Engine, Grant, Kind, Resource, Rule, Specification

INVITED = "an invitation"
ENOUGH = 20
"""cases of a grant after which near misses are looked for no more"""


class Coverage:
    """Counts by grant, and ticks off words."""

    def __init__(self, specification: Specification, inviting: bool = True) -> None:
        """Nothing has taken part yet. Without `inviting` nobody is invited."""
        self._specification = specification
        self._grants = {right.grant.place: right.grant for right in rights_table(specification)}
        self._uses = {
            right.grant.place: GrantUse(right.resource, right.action, right.grant.text, right.place.line)
            for right in rights_table(specification)
        }
        words = _words(specification)
        self._words = dict.fromkeys((each for each in words if inviting or each[1] != INVITED), False)

    # --- grants ------------------------------------------------------------------------------

    def decided(self, rule: Rule, actor: Actor, facts: Facts) -> None:
        """A rule was asked: who decided, and who missed by one condition."""
        because = decide(rule, actor, facts).because
        if because is not None:
            self._uses[because.grant.place].decided += 1
            return
        for grant in rule:
            use = self._uses[grant.place]
            if grant.when and use.missed < ENOUGH and self._nearly(grant, actor, facts):
                use.missed += 1

    def _nearly(self, grant: Grant, actor: Actor, facts: Facts) -> bool:
        return any(
            decide((replace(grant, when=grant.when[:i] + grant.when[i + 1 :]),), actor, facts)
            for i in range(len(grant.when))
        )

    # --- words -------------------------------------------------------------------------------

    def tick(self, resource: str, word: str) -> None:
        """A word of the specification was exercised."""
        if (resource, word) in self._words:
            self._words[resource, word] = True

    def answered(self, snapshot: Snapshot, attempt: Attempt, expected: Expected) -> None:
        """An attempt was answered rightly; its effect is still to come."""
        name, resource = attempt.resource, self._specification.resources[attempt.resource]
        body = attempt.body or {}
        codes = {"not_unique": "unique", "limit_reached": "limit", "blocked": "a deletion that is blocked"}
        if expected.code in codes:
            self.tick(name, codes[expected.code])
        link = link_of(snapshot, attempt.who)
        if link is not None and attempt.verb in READING and link.record == attempt.record and not expected.refused:
            self.tick(link.resource, "links")
        if expected.status == 428:
            self.tick(name, "require_if_match")
        members = {field.name for field in resource.fields.values() if field.kind is Kind.MEMBER}
        for field in members & expected.fields:
            self.tick(name, f"{field}: no member")
        if expected.effect is None or expected.refused:
            return
        for field in members & body.keys():
            self.tick(name, f"{field}: a member")
        if attempt.verb is Verb.CREATE:
            for each in resource.fields.values():
                self.tick(name, f"{each.name}: {each.kind}")
        elif attempt.verb is Verb.UPDATE:
            self._changed(snapshot, attempt, resource)
        elif attempt.verb is Verb.DELETE:
            self._deleted(snapshot.facts(snapshot.records[name][str(attempt.record)]))
        elif attempt.verb in (Verb.JOIN, Verb.ADD_MEMBER):
            self.tick(name, "join: open" if attempt.verb is Verb.JOIN else "roles")
            self.tick(name, "expire")
        elif attempt.verb is Verb.ACCEPT:
            self.tick(name, INVITED)
        elif attempt.verb is Verb.TAKE:
            self.tick(name, "transfer")

    def _changed(self, snapshot: Snapshot, attempt: Attempt, resource: Resource) -> None:
        record, body = snapshot.records[attempt.resource][str(attempt.record)], attempt.body or {}
        for field in resource.steps.keys() & body.keys():
            self.tick(resource.name, f"{field}: {record.values[field]} -> {body[field]}")
        if resource.parent is not None and body.get(resource.parent, record.parent) != record.parent:
            self.tick(resource.name, "move")

    def _deleted(self, facts: Facts) -> None:
        gone = going(facts)
        for at in gone.values():
            for field, referrer in left_referring(at, gone):
                self.tick(referrer.resource, f"{field.name}: emptied when gone")
            for field in at.resource.references():
                if field.when_gone == "delete" and at.record.target(field.name) in gone:
                    self.tick(at.resource.name, f"{field.name}: deleted when gone")

    # --- the report --------------------------------------------------------------------------

    def into(self, report: Report) -> None:
        """Say it in the report."""
        report.grants = list(self._uses.values())
        for place, use in self._uses.items():
            grant = self._grants[place]
            where = f"line {use.line}, {use.resource}: {use.action}: {use.text}"
            if any(isinstance(who, Engine) for who in grant.who):
                report.skipped.append(f"{where} (the engine's keys are the operator's: the proof has none)")
            elif not use.decided:
                report.not_covered.append(f"{where}: decided no case")
            elif grant.when and not use.missed and not _found_elsewhere(grant):
                report.not_covered.append(f"{where}: its condition never made the difference")
        for (resource, word), exercised in self._words.items():
            if not exercised:
                line = self._specification.resources[resource].place.line
                report.not_covered.append(f"line {line}, {resource}: {word}: never came to be")


def _found_elsewhere(grant: Grant) -> bool:
    """Whether near misses of it can hardly be: the caller is found by a rule of something else."""
    return any(isinstance(who, Can) for who in grant.who) and not any(isinstance(who, Anyone) for who in grant.who)


def _words(specification: Specification) -> Iterator[tuple[str, str]]:
    """What a specification says beside its grants, by resource."""
    blocked = {channel.resource for channel in declared_channels(specification) if channel.kind == "delete"}
    for name, resource in specification.resources.items():
        yield from ((name, word) for word in ("locked", "not locked") if resource.locked is not None)
        yield from ((name, word) for word, there in (
            ("unique", resource.unique), ("limit", resource.limit), ("require_if_match", resource.require_if_match),
            ("a deletion that is blocked", name in blocked), ("move", resource.can.get("move")),
            ("transfer", resource.can.get("transfer")),
        ) if there)  # fmt: skip
        if resource.ladder is not None:
            yield from _words_of_ladder(name, resource)
        if resource.links is not None:
            yield name, "links"
        for field_name, steps in resource.steps.items():
            for step in steps:
                if not all(any(isinstance(who, Engine) for who in grant.who) for grant in step.rule):
                    yield name, f"{field_name}: {step.before} -> {step.after}"
        if resource.can.get("create"):
            for field in resource.fields.values():
                if field.kind in (Kind.CREATOR, Kind.COPY):
                    yield name, f"{field.name}: {field.kind}"
                if field.kind is Kind.MEMBER:
                    yield from ((name, f"{field.name}: {word}") for word in ("a member", "no member"))


def _words_of_ladder(name: str, resource: Resource) -> Iterator[tuple[str, str]]:
    assert resource.ladder is not None
    if resource.can.get("share"):
        yield name, "roles"
        yield name, INVITED
    if resource.ladder.join_open:
        yield name, "join: open"
    if resource.ladder.expire is not None and (resource.can.get("share") or resource.ladder.join_open):
        yield name, "expire"
