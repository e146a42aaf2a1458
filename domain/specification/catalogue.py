"""The questions that one specification raises, each found without guessing where that can be.

Rights are tried in small scenes (`scene.py`) and judged by the domain, so that a question about what somebody could do
has somebody who could.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, product
from typing import Any

from domain.judging import by_own_ladder
from domain.ownership import ANONYMOUS, Actor, may
from domain.ownership import decide as decided
from domain.specification import writing
from domain.specification.analysis import (
    Right,
    rights_of,
    rights_table,
)
from domain.specification.asking import Question, Suggestion, article, ask, field_line, plain_grant, rule_line
from domain.specification.endings import endings
from domain.specification.gains import idle
from domain.specification.mattering import matters
from domain.specification.model import (
    Anyone,
    Engine,
    Field,
    Grant,
    Kind,
    Owner,
    Resource,
    Role,
    Rule,
    SignedIn,
    Specification,
    Through,
)
from domain.specification.scene import NO_MATTER, Scene, Way, ways
from domain.specification.self_access import YOU, gains, openings
from domain.specification.text import listed, tick


def asked_of(spec: Specification) -> Iterator[Question]:
    """Every question that a specification raises, answered or not."""
    asked = openings(spec)
    yield from _idle(spec)
    for resource in spec.resources.values():
        yield from _creation(spec, resource)
        yield from _roles(spec, resource)
        yield from _self_access(spec, resource, asked)
        yield from _personal(spec, resource)
        yield from _strangers(spec, resource)
        yield from _unique(spec, resource)
        yield from endings(spec, resource)


# --- what an answer in the file would say --------------------------------------------------


def _with_rule(spec: Specification, resource: Resource, action: str, rule: Rule) -> Specification:
    return _with(spec, replace(resource, can={**resource.can, action: rule}))


def _with_field(spec: Specification, resource: Resource, field: Field) -> Specification:
    return _with(spec, replace(resource, fields={**resource.fields, field.name: field}))


def _with(spec: Specification, resource: Resource) -> Specification:
    return replace(spec, resources={**spec.resources, resource.name: resource})


# --- nobody can create, nobody can read ----------------------------------------------------


def _creation(spec: Specification, resource: Resource) -> Iterator[Question]:
    """A resource nobody can create or open, and grants of `create` that never lead to a record."""
    rule = resource.rule("create")
    if not resource.rule("open"):
        said = f"Nobody can open {article(resource.name)}: it has neither `read` nor `open`."
        line = rule_line("Let the owner read it", resource, "read", (plain_grant("owner"),))
        yield ask(spec, "Q-NOBODY-READS", resource.place, resource.name, said, line)
        if rule:
            return
    never = {grant: why for grant in rule if (why := _creation_refused(spec, resource, grant, anybody=True))}
    if len(never) < len(rule):
        for grant in rule:
            if not (why := _creation_refused(spec, resource, grant)):
                continue
            on = f"{resource.name}.create by {grant.text}"
            said = f"Who creates {article(resource.name)} by {tick(grant.text)} alone is refused: {why}."
            others = tuple(_create_fixes(spec, resource, grant))
            rest = [g for g in rule if g is not grant]
            out = [rule_line("Leave the grant out", resource, "create", rest)] if rest else []
            yield ask(spec, "Q-CREATE-REFUSED", grant.place, on, said, *others, *out)
        return
    why = "it has no `create`" if not rule else next(iter(never.values()))
    place = rule[0].place if rule else resource.place
    yield ask(
        spec,
        "Q-NOBODY-CREATES",
        place,
        resource.name,
        f"Nobody can create {article(resource.name)}: {why}.",
        *_creation_fixes(spec, resource),
    )


def _creation_fixes(spec: Specification, resource: Resource) -> Iterator[Suggestion]:
    for text in ("signed in",) if resource.parent is None else ("owner", "signed in"):
        grant = plain_grant(text)
        changed = _with_rule(spec, resource, "create", (grant,))
        if not _creation_refused(changed, changed.resources[resource.name], grant, anybody=True):
            who = "everybody who has an account" if text == "signed in" else "the owner"
            yield rule_line(f"Let {who} create it", resource, "create", (grant,))
            return


def _create_fixes(spec: Specification, resource: Resource, grant: Grant) -> Iterator[Suggestion]:
    seen = Grant(grant.who, grant.when, None, grant.text, grant.place)
    rule = (*resource.rule("read"), seen)
    changed = _with_rule(spec, resource, "read", rule)
    if not _creation_refused(changed, changed.resources[resource.name], grant):
        yield rule_line("Let them read what they create", resource, "read", rule)
    for field in resource.fields.values():
        if field.required and field.write is not None:
            written = replace(field, write=(*field.write, seen))
            changed = _with_field(spec, resource, written)
            if not _creation_refused(changed, changed.resources[resource.name], grant):
                yield field_line("Let them write that field", resource, written)


def _creation_refused(spec: Specification, resource: Resource, grant: Grant, anybody: bool = False) -> str:
    """Why no record can be created by a grant; empty where one can be.

    By somebody whom the grant describes, who owns nothing and has no stronger role; or by `anybody`.
    """
    if any(isinstance(who, Engine) for who in grant.who):
        return "" if resource.parent is not None else "a record of its own needs an account, and the engine has none"
    if any(isinstance(who, Through) or (isinstance(who, Role) and not who.path) for who in grant.who):
        return "nobody has a role on a record that is not there yet"
    rule, why = resource.rule("create"), (0, "")
    above = () if resource.parent is None else spec.up(resource.name, resource.parent)
    opened = ways(spec, resource.name, resource.rule("open"))
    reached = ways(spec, str(resource.parent), spec.resources[above[-1].resource].rule("open"), above) if above else ()
    for way in ways(spec, resource.name, (grant,)):
        anyone = anybody or not way.who
        for result in _besides(way, opened, anyone):
            for parent in _besides(way, reached, anyone):
                others = () if anyone or not (result.who or parent.who) else tuple(g for g in rule if g is not grant)
                found = _try_creation(spec, resource, grant, others, way + result + parent)
                if found is None:
                    return ""
                why = max(why, found)
    return why[1]


def _besides(way: Way, others: Iterable[Way], anyone: bool) -> list[Way]:
    """What else may hold of somebody who is known by `way`: unless it is `anyone`, nothing that makes them another.

    That is a stronger role on the same record, or the owner.
    """
    ladders = {(who.path, who.resource) for who in way.who if isinstance(who, Role)}

    def same(who: Any) -> bool:
        return (
            anyone
            or who in way.who
            or not (isinstance(who, Owner) or (isinstance(who, Role) and (who.path, who.resource) in ladders))
        )

    found = [Way(tuple(filter(same, other.who)), other.when) for other in others]
    return list(dict.fromkeys(found)) or [NO_MATTER]


def _try_creation(
    spec: Specification, resource: Resource, grant: Grant, others: Rule, way: Way
) -> tuple[int, str] | None:
    """None if it goes well; otherwise how far it came, and why no further."""
    scene = Scene(spec)
    new = scene.put(resource.name, "new")
    scene.become(way.who, new, YOU)
    if resource.parent is None:
        scene.own(new, YOU)
    for field in resource.fields.values():
        if field.kind is Kind.CREATOR:
            scene.set(new, field.name, YOU)
    if not scene.arrange(way.when, new):
        return 0, "its conditions exclude each other"
    new, actor = scene.again(new), Actor(YOU)
    for name in resource.steps:
        if new.record.values[name] != resource.steps_start(name):
            return 1, f"{tick(name)} of a new one is always {tick(resource.steps_start(name))}"
    if not decided((grant,), actor, new) or decided(others, actor, new):
        return 0, ""  # no wonder: by another grant
    parent = new.resource.parent
    if parent is not None and not may("open", actor, scene.reach(new, spec.up(resource.name, parent))):
        return 2, f"they cannot open the {tick(parent)} that it would be in"
    if not may("open", actor, new):
        return 3, "they could not open what they would create"
    lacking = [
        field.name
        for field in resource.fields.values()
        if field.required and field.write is not None and not decided(field.write, actor, new)
    ]
    return (4, f"they must send {listed(lacking, 'and')}, and may not write it") if lacking else None


# --- grants that say nothing ---------------------------------------------------------------


def _idle(spec: Specification) -> Iterator[Question]:
    """Grants whose deletion changes no decision; not those of `create` that are asked about as such."""
    for found in idle(spec, [right for right in rights_table(spec) if not matters(spec, right)]):
        right, resource = found.right, spec.resources[found.right.resource]
        if right.action == "create" and _creation_refused(spec, resource, right.grant):
            continue
        code = "Q-SWALLOWED" if found.by else "Q-NEVER-MATCHES"
        on = f"{resource.name}.{_on(right)} by {right.who}"
        never = f"{tick(right.who)} never gives anybody {tick(right.action)} of {article(resource.name)}"
        said = found.text if found.by else never
        yield ask(spec, code, right.place, on, f"{said}.", *_left_out(resource, right))


def _on(right: Right) -> str:
    """A right as an answer calls it: `update`, `budget.read`, `status.todo -> doing`."""
    verb, of, field = right.action.partition(" of ")
    return f"{field}.{verb}" if of else right.action.replace(": ", ".")


def _left_out(resource: Resource, right: Right) -> Iterator[Suggestion]:
    """The rule without the grant, if anything is left of it."""
    says = "Leave the grant out"
    verb, of, name = right.action.partition(" of ")
    if of:
        field = resource.fields[name]
        rule = tuple(
            grant for grant in (field.read if verb == "read" else field.write) or () if grant is not right.grant
        )
        if rule:
            closed = replace(field, read=rule) if verb == "read" else replace(field, write=rule)
            yield field_line(says, resource, closed)
    elif ": " in right.action:
        name, _, change = right.action.partition(": ")
        (found,) = (step.rule for step in resource.steps[name] if f"{step.before} -> {step.after}" == change)
        texts = [grant.text for grant in found if grant is not right.grant]
        if texts:
            line = writing.nested(resource.name, "steps", name, change, value=writing.grants(texts))
            yield Suggestion(says, line)
    else:
        rule = tuple(grant for grant in resource.can[right.action] if grant is not right.grant)
        if rule:
            yield rule_line(says, resource, right.action, rule)


# --- roles ---------------------------------------------------------------------------------


def _roles(spec: Specification, resource: Resource) -> Iterator[Question]:
    ladder = resource.ladder
    if ladder is None:
        return
    share = resource.rule("share")
    if any(not by_own_ladder(grant) for grant in share):
        return
    lost = ladder.roles[:-1] if ladder.join_open else ladder.roles
    if not lost:
        return
    why = "whoever shares needs such a role first" if share else "it has no `share`"
    said = f"Nobody can give the {_plural('role', lost)} {listed(lost, 'and')} of {tick(resource.name)}: {why}."
    line = rule_line("Let the owner give roles", resource, "share", (*share, plain_grant("owner")))
    yield ask(spec, "Q-ROLE-UNGIVEN", ladder.place or resource.place, f"{resource.name}.roles", said, line)


def _plural(word: str, several: tuple[Any, ...]) -> str:
    return word if len(several) == 1 else f"{word}s"


# --- who can grant themselves access -------------------------------------------------------


def _self_access(spec: Specification, resource: Resource, asked: dict[tuple[str, str], Any]) -> Iterator[Question]:
    for field in resource.fields.values():
        found = gains(spec, resource, field, asked.get((resource.name, field.name), ()))
        if not found:
            continue
        said, first, shown = [f"{tick(g.right.action)} of {tick(g.right.resource)}" for g in found], found[0], 3
        more = f" and {len(said) - shown} more" if len(said) > shown else ""
        may = (
            f"create {article(resource.name)}"
            if first.creating
            else f"write {tick(field.name)} of {tick(resource.name)}"
        )
        by = f"what they write into its {tick(field.name)}" if first.creating else "it"
        asks = (
            f"Whoever may {may} as {tick(first.writing.text)} (line {first.writing.place.line}) can give themselves by "
            f"{by}: {', '.join(said[:shown])}{more} "
            f"({tick(first.right.who)}, line {first.right.place.line})."
        )
        lines = []
        for text, who in (("owner", "the owner"), ("engine", "the engine")):
            if field.required and any(gain.creating for gain in found):
                break  # others could create no more
            closed = replace(field, write=(plain_grant(text),))
            changed = _with_field(spec, resource, closed)
            opened = openings(changed).get((resource.name, field.name), ())
            if not gains(changed, changed.resources[resource.name], closed, opened):
                lines.append(field_line(f"Let only {who} write it", resource, closed))
                break
        yield ask(spec, "Q-SELF-ACCESS", field.place, f"{resource.name}.{field.name}", asks, *lines)


# --- the public ----------------------------------------------------------------------------

_PERSONAL = frozenset({
    "email", "mail", "phone", "telephone", "mobile", "fax", "address", "street", "postcode", "zip", "birthday",
    "birthdate", "dob", "born", "ssn", "passport", "salary", "wage", "income", "iban", "bank", "surname",
    "firstname", "lastname", "fullname", "bio", "biography", "gender", "sex", "religion", "ethnicity",
    "nationality", "diagnosis", "allergies", "allergy", "health", "medical", "medication", "disability",
    "private", "internal", "confidential", "secret", "password", "token", "ip", "latitude", "longitude",
})  # fmt: skip
"""words in a field's name that say it is about a person, or not for everybody"""
_PAIRS = frozenset({("first", "name"), ("last", "name"), ("full", "name"), ("real", "name"), ("family", "name"),
    ("given", "name"), ("ship", "to"), ("bill", "to"), ("date", "birth"), ("birth", "date"), ("credit", "card"),
    ("api", "key"), ("tax", "id"), ("tax", "number"), ("home", "town")})  # fmt: skip
_PEOPLE = frozenset({
    "profile", "person", "user", "contact", "customer", "patient", "employee", "client", "guest", "student",
    "teacher", "applicant", "candidate", "member", "resident", "tenant", "passenger", "subscriber", "attendee",
})  # fmt: skip
_OF_PEOPLE = frozenset({
    "name", "names", "age", "city", "town", "location", "picture", "photo", "portrait", "notes",
})  # fmt: skip
"""words that are about a person where the record is one"""


def _looks_personal(resource: Resource, field: Field) -> bool:
    if field.format == "email":
        return True
    if field.kind in (Kind.YES_NO, Kind.REFERENCE, Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER):
        return False  # `private: yes/no` says something about the record, not about somebody
    words = field.name.split("_")
    if words[-1] in ("count", "kind", "type"):
        return False
    pairs = {(one, other) for one, other in zip(words, [*words[1:], ""], strict=True)}
    about = _PERSONAL | _OF_PEOPLE if _PEOPLE & set(resource.name.split("_")) else _PERSONAL
    return bool(about & set(words) or _PAIRS & pairs)


def _personal(spec: Specification, resource: Resource) -> Iterator[Question]:
    for field in resource.fields.values():
        rules = [resource.rule("open"), *([field.read] if field.read is not None else [])]
        if not _looks_personal(resource, field) or not (who := _strangers_who(spec, resource, rules)):
            continue
        said = f"{tick(field.name)} of {tick(resource.name)} looks personal, and {who} can read it."
        line = field_line("Show it to the owner only", resource, replace(field, read=(plain_grant("owner"),)))
        yield ask(spec, "Q-PUBLIC-PERSONAL", field.place, f"{resource.name}.{field.name}", said, line)


_CHANGING = ("update", "delete", "share", "move", "transfer")


def _strangers(spec: Specification, resource: Resource) -> Iterator[Question]:
    """Records that people change to whom nobody gave anything."""
    for right in rights_of(resource):
        grant, action = right.grant, right.action
        plain = all(isinstance(one, Anyone | SignedIn) for one in grant.who)
        if action not in _CHANGING or not plain:
            continue
        if not (who := _strangers_who(spec, resource, [resource.rule("open"), (grant,)])):
            continue
        said = f"{action.capitalize()} of any {tick(resource.name)} is open to {who}: {tick(grant.text)}."
        owner = [plain_grant("owner") if one is grant else one for one in resource.rule(action)]
        line = rule_line("Let the owner do it instead", resource, action, owner)
        yield ask(spec, "Q-STRANGERS-CHANGE", right.place, f"{resource.name}.{action} by {grant.text}", said, line)


def _strangers_who(spec: Specification, resource: Resource, rules: list[Rule]) -> str:
    """Who has all of this on a record that is none of their business, in words; empty where nobody does."""
    found = [[way.when for way in ways(spec, resource.name, rule) if not way.who] for rule in rules]
    for actor, who in ((ANONYMOUS, "anybody without an account"), (Actor(YOU), "whoever has an account")):
        for conditions in product(*found):
            scene = Scene(spec)
            at = scene.put(resource.name, "it")
            if scene.arrange(chain(*conditions), at) and all(decided(r, actor, scene.again(at)) for r in rules):
                return who
    return ""


# --- uniqueness ----------------------------------------------------------------------------


def _unique(spec: Specification, resource: Resource) -> Iterator[Question]:
    for unique in resource.unique:
        if unique.per != "everywhere":
            continue
        fields = ", ".join(unique.fields)
        said = f"{tick(fields)} of {tick(resource.name)} is unique among the records of all accounts."
        rest = [one for one in resource.unique if one is not unique]
        lines = []
        if not any((set(one.fields), one.per) == (set(unique.fields), "owner") for one in rest):
            texts = [f"{', '.join(one.fields)} {'per ' if one.per != 'everywhere' else ''}{one.per}" for one in rest]
            value = writing.grants([*texts, f"{fields} per owner"])
            lines = [
                Suggestion(
                    "Each owner has a name space of their own", writing.nested(resource.name, "unique", value=value)
                )
            ]
        yield ask(spec, "Q-UNIQUE-EVERYWHERE", unique.place, f"{resource.name}.{fields}", said, *lines)
