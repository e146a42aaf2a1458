"""The questions that one specification raises, each found without guessing where that can be.

Rights are tried in small scenes (`scene.py`) and judged by the domain, so that a question about what somebody could do
has somebody who could.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from domain.judging import by_own_ladder
from domain.ownership import Actor, may
from domain.ownership import decide as decided
from domain.specification import writing
from domain.specification.analysis import (
    Right,
    account_grants,
    anonymous_could,
    as_if_signed_in,
    public_grants,
    rights_of,
    rights_table,
)
from domain.specification.asking import Question, Suggestion, ask
from domain.specification.gains import idle
from domain.specification.mattering import matters
from domain.specification.model import (
    Anyone,
    Engine,
    Field,
    Grant,
    Kind,
    Owner,
    Place,
    Resource,
    Role,
    Rule,
    SignedIn,
    Specification,
    Test,
    Through,
)
from domain.specification.scene import NO_MATTER, Scene, Way, ways
from domain.specification.self_access import YOU, gains, openings
from domain.specification.text import listed, tick


def asked_of(spec: Specification) -> Iterator[Question]:
    """Every question that a specification raises, answered or not."""
    strangers = {(r.resource, r.action, r.place): "the world" for r in public_grants(spec)}
    for right in account_grants(spec):
        strangers.setdefault((right.resource, right.action, right.place), "whoever has an account")
    asked = openings(spec)
    yield from _idle(spec)
    for resource in spec.resources.values():
        yield from _creation(spec, resource)
        yield from _roles(spec, resource)
        yield from _self_access(spec, resource, asked)
        yield from _personal(spec, resource)
        yield from _strangers(spec, resource, strangers)
        yield from _unique(spec, resource)
        yield from _when_gone(spec, resource)
        yield from _deletion(spec, resource)
        yield from _finality(spec, resource)


# --- what an answer in the file would say --------------------------------------------------


def _grant(text: str) -> Grant:
    who: dict[str, Any] = {"owner": Owner(), "signed in": SignedIn(), "engine": Engine()}
    return Grant((who[text],), (), None, text, Place(1, 1))


def _with_rule(spec: Specification, resource: Resource, action: str, rule: Rule) -> Specification:
    return _with(spec, replace(resource, can={**resource.can, action: rule}))


def _with_field(spec: Specification, resource: Resource, field: Field) -> Specification:
    return _with(spec, replace(resource, fields={**resource.fields, field.name: field}))


def _with(spec: Specification, resource: Resource) -> Specification:
    return replace(spec, resources={**spec.resources, resource.name: resource})


def _rule_line(says: str, resource: Resource, action: str, rule: Iterable[Grant]) -> Suggestion:
    return Suggestion(says, writing.nested(resource.name, "can", action, value=writing.grants(g.text for g in rule)))


def _field_line(says: str, resource: Resource, field: Field) -> Suggestion:
    return Suggestion(says, writing.nested(resource.name, "fields", field.name, value=writing.field(field)))


# --- nobody can create, nobody can read ----------------------------------------------------


def _creation(spec: Specification, resource: Resource) -> Iterator[Question]:
    """A resource nobody can create or open, and grants of `create` that never lead to a record."""
    rule = resource.rule("create")
    if not resource.rule("open"):
        said = f"Nobody can open {_a(resource.name)}: it has neither `read` nor `open`."
        line = _rule_line("Let the owner read it", resource, "read", (_grant("owner"),))
        yield ask(spec, "Q-NOBODY-READS", resource.place, resource.name, said, line)
        if rule:
            return
    never = {grant: why for grant in rule if (why := _creation_refused(spec, resource, grant, anybody=True))}
    if len(never) < len(rule):
        for grant in rule:
            if not (why := _creation_refused(spec, resource, grant)):
                continue
            on = f"{resource.name}.create by {grant.text}"
            said = f"Who creates {_a(resource.name)} by {tick(grant.text)} alone is refused: {why}."
            others = tuple(_create_fixes(spec, resource, grant))
            rest = [g for g in rule if g is not grant]
            out = [_rule_line("Leave the grant out", resource, "create", rest)] if rest else []
            yield ask(spec, "Q-CREATE-REFUSED", grant.place, on, said, *others, *out)
        return
    why = "it has no `create`" if not rule else next(iter(never.values()))
    place = rule[0].place if rule else resource.place
    yield ask(
        spec,
        "Q-NOBODY-CREATES",
        place,
        resource.name,
        f"Nobody can create {_a(resource.name)}: {why}.",
        *_creation_fixes(spec, resource),
    )


def _creation_fixes(spec: Specification, resource: Resource) -> Iterator[Suggestion]:
    for text in ("signed in",) if resource.parent is None else ("owner", "signed in"):
        grant = _grant(text)
        changed = _with_rule(spec, resource, "create", (grant,))
        if not _creation_refused(changed, changed.resources[resource.name], grant, anybody=True):
            who = "everybody who has an account" if text == "signed in" else "the owner"
            yield _rule_line(f"Let {who} create it", resource, "create", (grant,))
            return


def _create_fixes(spec: Specification, resource: Resource, grant: Grant) -> Iterator[Suggestion]:
    seen = Grant(grant.who, grant.when, None, grant.text, grant.place)
    rule = (*resource.rule("read"), seen)
    changed = _with_rule(spec, resource, "read", rule)
    if not _creation_refused(changed, changed.resources[resource.name], grant):
        yield _rule_line("Let them read what they create", resource, "read", rule)
    for field in resource.fields.values():
        if field.required and field.write is not None:
            written = replace(field, write=(*field.write, seen))
            changed = _with_field(spec, resource, written)
            if not _creation_refused(changed, changed.resources[resource.name], grant):
                yield _field_line("Let them write that field", resource, written)


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
        never = f"{tick(right.who)} never gives anybody {tick(right.action)} of {_a(resource.name)}"
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
            yield _field_line(says, resource, closed)
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
            yield _rule_line(says, resource, right.action, rule)


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
    line = _rule_line("Let the owner give roles", resource, "share", (*share, _grant("owner")))
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
        asks = (
            f"Whoever may write {tick(field.name)} of {tick(resource.name)} as {tick(first.writing.text)} (line "
            f"{first.writing.place.line}) can give themselves by it: {', '.join(said[:shown])}{more} "
            f"({tick(first.right.who)}, line {first.right.place.line})."
        )
        lines = []
        for text, who in (("owner", "the owner"), ("engine", "the engine")):
            closed = replace(field, write=(_grant(text),))
            changed = _with_field(spec, resource, closed)
            opened = openings(changed).get((resource.name, field.name), ())
            if not gains(changed, changed.resources[resource.name], closed, opened):
                lines.append(_field_line(f"Let only {who} write it", resource, closed))
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
    everybody = as_if_signed_in(spec)
    for field in resource.fields.values():
        if not _looks_personal(resource, field):
            continue
        if _readable(spec, resource, field):
            who = "anybody without an account"
        elif _readable(
            everybody, everybody.resources[resource.name], everybody.resources[resource.name].fields[field.name]
        ):
            who = "whoever has an account"
        else:
            continue
        said = f"{tick(field.name)} of {tick(resource.name)} looks personal, and {who} can read it."
        closed = replace(field, read=(_grant("owner"),))
        line = _field_line("Show it to the owner only", resource, closed)
        yield ask(spec, "Q-PUBLIC-PERSONAL", field.place, f"{resource.name}.{field.name}", said, line)


def _readable(spec: Specification, resource: Resource, field: Field) -> bool:
    """Whether somebody without an account could ever read the field."""
    opens = anonymous_could(spec, resource.name, resource.rule("open"))
    return opens and (field.read is None or anonymous_could(spec, resource.name, field.read))


_CHANGING = ("update", "delete", "share", "move", "transfer")


def _strangers(spec: Specification, resource: Resource, strangers: dict[Any, str]) -> Iterator[Question]:
    """Records that people change to whom nobody gave anything."""
    for right in rights_of(resource):
        who = strangers.get((resource.name, right.action, right.place))
        plain = all(isinstance(one, Anyone | SignedIn) for one in right.grant.who)
        if who is None or not plain or right.action not in _CHANGING:
            continue
        rule = resource.rule(right.action)
        said = f"{right.action.capitalize()} of any {tick(resource.name)} is open to {who}: {tick(right.grant.text)}."
        owner = [_grant("owner") if grant is right.grant else grant for grant in rule]
        line = _rule_line("Let the owner do it instead", resource, right.action, owner)
        on = f"{resource.name}.{right.action} by {right.grant.text}"
        yield ask(spec, "Q-STRANGERS-CHANGE", right.place, on, said, line)


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


# --- deletion ------------------------------------------------------------------------------


def _when_gone(spec: Specification, resource: Resource) -> Iterator[Question]:
    """References that say nothing of what happens, where that depends or leaves a required field empty."""
    for field in resource.references():
        target = spec.resources[str(field.target)]
        if field.when_gone is not None or not _goes(spec, target.name):
            continue
        if _may_share_a_root(spec, resource.name, target.name):
            root = tick(spec.chain(target.name)[-1])
            what = f"within the same {root} the deletion is refused, and elsewhere the reference goes null"
        elif not field.optional:
            what = "the reference goes null, although it is required"
        else:
            continue
        said = (
            f"{_a(target.name).capitalize()} can be deleted, and {tick(field.name)} of {_a(resource.name)} does not "
            f"say what happens then. As it stands, {what}."
        )
        lines = [
            _field_line(says, resource, replace(field, when_gone=answer))
            for answer, says in (
                ("block", "It cannot be deleted as long as something refers to it"),
                ("empty", "The reference goes null"),
                ("delete", "What refers to it is deleted too"),
            )
        ]
        yield ask(spec, "Q-WHEN-GONE", field.place, f"{resource.name}.{field.name}", said, *lines)


def _may_share_a_root(spec: Specification, name: str, target: str) -> bool:
    """Whether two records can hang under the same root record, and neither of them is that root."""
    chain = spec.chain(target)
    return len(chain) > 1 and spec.chain(name)[-1] == chain[-1]


def _goes(spec: Specification, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether somebody may delete such a record, one above it, or one that it follows."""
    if name in seen:
        return False
    for at in spec.chain(name):
        follows = [str(f.target) for f in spec.resources[at].references() if f.when_gone == "delete"]
        if spec.resources[at].rule("delete") or any(_goes(spec, one, seen | {name}) for one in follows):
            return True
    return False


def _deletion(spec: Specification, resource: Resource) -> Iterator[Question]:
    """Deletions that something stands in the way of: for ever, or because it is kept."""
    rule = resource.rule("delete")
    for_ever = list(_obstacles(spec, resource)) if rule else []
    if for_ever:
        what = ", or ".join(words for words, _ in for_ever)
        said = f"{_a(resource.name).capitalize()} can never be deleted any more once there is {what}."
        lines = list(_obstacle_lines(spec, for_ever)) if len(for_ever) == 1 else []
        yield ask(spec, "Q-DELETE-BLOCKED", rule[0].place, f"{resource.name}.delete", said, *lines)
    if not resource.keep:
        return
    above = [at for at in spec.chain(resource.name)[1:] if spec.resources[at].rule("delete")]
    above = [at for at in above if resource.name not in _blocking(spec, spec.resources[at])]
    if above:
        deletes = spec.resources[above[0]].rule("delete")
        said = (
            f"{tick(resource.name)} is kept, and the {tick(above[0])} above it can be deleted by "
            f"{listed((grant.text for grant in deletes), 'and')} (line {deletes[0].place.line})."
        )
        line = Suggestion("It goes along", writing.nested(resource.name, "keep", value="no"))
        yield ask(spec, "Q-KEEP-BELOW", resource.place, f"{resource.name}.keep", said, line)


def _blocking(spec: Specification, resource: Resource) -> list[str]:
    return [name for _, name in _obstacles(spec, resource)]


def _obstacles(spec: Specification, resource: Resource) -> Iterator[tuple[str, str]]:
    """What can forbid the deletion for ever, in words, and the resource that does."""
    below = _below(spec, resource.name)
    for name in below:
        at = spec.resources[name]
        between = spec.chain(name)[: spec.chain(name).index(resource.name)] if resource.name in spec.chain(name) else ()
        movable = any(spec.resources[one].rule("move") for one in between if one != name)
        stuck = _final(spec, at)
        if at.keep and not movable and not at.rule("delete") and not at.rule("move"):
            yield f"{_a(name)} below it, which is kept and which nobody can delete", name
        elif stuck and not movable:
            yield f"{_a(name)} below it that is locked for good ({stuck})", name
    going = {resource.name, *below}
    for other in spec.resources.values():
        for field in other.references():
            if other.name in going or field.target not in going or not _blocks(spec, other, field):
                continue
            if _holds_on(spec, other, field):
                yield (
                    f"{_a(other.name)} whose {tick(field.name)} refers to it, which nobody can delete or change",
                    other.name,
                )


def _obstacle_lines(spec: Specification, found: list[tuple[str, str]]) -> Iterator[Suggestion]:
    ((_, name),) = found
    at = spec.resources[name]
    if at.keep and not at.rule("delete") and not _final(spec, at):
        yield _rule_line(f"Let the owner delete {_a(name)} first", at, "delete", (_grant("owner"),))


def _blocks(spec: Specification, resource: Resource, field: Field) -> bool:
    unsaid = field.when_gone is None and _may_share_a_root(spec, resource.name, str(field.target))
    return field.when_gone == "block" or unsaid


def _holds_on(spec: Specification, resource: Resource, field: Field) -> bool:
    """Whether a referring record can get into a state in which it neither goes nor changes its reference."""
    updates = resource.rule("update")
    if resource.locked is not None and _final(spec, resource) and field.name not in resource.locked.excepted:
        return True
    return not _goes(spec, resource.name) and not any(grant.covers(field.name) for grant in updates)


def _below(spec: Specification, name: str) -> list[str]:
    """Every resource whose records go with one of this resource, or would."""
    found = [name]
    for at in found:
        follow = [
            r.name
            for r in spec.resources.values()
            for f in r.references()
            if f.target == at and f.when_gone == "delete"
        ]
        found += [n for n in dict.fromkeys([*(r.name for r in spec.children(at)), *follow]) if n not in found]
    return found[1:]


def _a(name: str) -> str:
    return f"an {tick(name)}" if name[0] in "aeiou" else f"a {tick(name)}"


# --- what never ends, and what never begins ------------------------------------------------


def _final(spec: Specification, resource: Resource) -> str:
    """The state in which a record's own lock never ends, in words; empty where it can always end."""
    if resource.locked is None:
        return ""
    parts = []
    for condition in resource.locked.when:
        if condition.path:
            return ""
        field = resource.fields[condition.field]
        excepted = field.name in resource.locked.excepted and any(g.covers(field.name) for g in resource.rule("update"))
        if (
            excepted
            or condition.test is Test.FUTURE
            or field.kind in (Kind.REFERENCE, Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER)
        ):
            return ""
        if field.name in resource.steps and condition.test is Test.IS:
            ends = [
                value for value in condition.values if _reached(resource, field.name, value) <= set(condition.values)
            ]
            if not ends:
                return ""
            parts.append(f"{field.name} is {' or '.join(ends)}")
        else:
            parts.append(f"{field.name} {_said(condition.test, condition.values)}")
    return " and ".join(parts)


def _said(test: Test, values: tuple[Any, ...]) -> str:
    words = ["yes" if v is True else "no" if v is False else str(v) for v in values]
    return f"is {' or '.join(words)}" if words else str(test)


def _reached(resource: Resource, field: str, start: str) -> set[str]:
    """The values that steps lead to from one, itself among them."""
    found = [start]
    for at in found:
        found += [s.after for s in resource.steps[field] if s.before == at and s.after not in found]
    return set(found)


def _finality(spec: Specification, resource: Resource) -> Iterator[Question]:
    lock = resource.locked
    if lock is not None and (stuck := _final(spec, resource)):
        switches = [c.field for c in lock.when if resource.fields[c.field].kind is Kind.YES_NO]
        switched = [name for name in switches if any(grant.covers(name) for grant in resource.rule("update"))]
        if switches == [c.field for c in lock.when] and switched:
            said = f"Once {tick(stuck)}, {_a(resource.name)} is locked for good: nobody can change that back."
            when = " and ".join(f"{c.field} {_said(c.test, c.values)}" for c in lock.when)
            excepted = ", ".join(dict.fromkeys((*lock.excepted, switched[0])))
            value = writing.nested(resource.name, "locked", value=f"when {when}, except {excepted}")
            line = Suggestion("Let it be unlocked again", value)
            yield ask(spec, "Q-LOCKED-FOREVER", resource.place, f"{resource.name}.locked", said, line)
    for name in resource.steps:
        field = resource.fields[name]
        reached = _reached(resource, name, resource.steps_start(name))
        for value in field.values:
            if value in reached:
                continue
            start = tick(field.values[0])
            said = f"No step leads to {tick(value)} of {tick(name)}; a new {tick(resource.name)} starts at {start}."
            before = next(v for v in reversed(field.values[: field.values.index(value)]) if v in reached)
            step = writing.nested(resource.name, "steps", name, f"{before} -> {value}", value="owner")
            on = f"{resource.name}.{name}.{value}"
            yield ask(spec, "Q-VALUE-UNREACHED", field.place, on, said, Suggestion("Add a step", step))
