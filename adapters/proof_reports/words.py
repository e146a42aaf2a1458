"""A specification and its proof in plain English: who may do what, who asked, and how it ended.

Everything here returns plain text. `visible` comes before any of it is shown: what records hold may be hostile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from application.proof.report import Cell, Kind, Report
from domain.specification.analysis import Right
from domain.specification.model import (
    ACTIONS,
    AccountField,
    Anyone,
    Can,
    Condition,
    Engine,
    Grant,
    Owner,
    Path,
    Resource,
    Role,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
    Who,
)
from domain.specification.model import Kind as FieldKind
from domain.specification.text import a

KINDS = {
    Kind.LEAK: "Something was shown, or done, that the specification does not allow.",
    Kind.INFERENCE: "An answer depends on what the caller may not see, and no declared channel excuses it.",
    Kind.WORK: "A hidden record and a missing one take a different number of database statements.",
    Kind.REFUSAL: "Something was withheld, or refused, that the specification allows.",
    Kind.DIFFERENCE: "The answer is not the one that the contract says; it neither shows nor withholds anything.",
    Kind.DEFECT: "The server broke: it answered with a status of 500, or not at all.",
}

_PLURALS = {
    Kind.LEAK: "leaks",
    Kind.INFERENCE: "inferences",
    Kind.WORK: "differences in work",
    Kind.REFUSAL: "wrong refusals",
    Kind.DIFFERENCE: "differences",
    Kind.DEFECT: "defects",
}
_SINGULARS = {Kind.WORK: "difference in work", Kind.REFUSAL: "wrong refusal"}

READINGS = {
    "http": "A request sent to the API as any client sends it; status and answer must be what the domain decides.",
    "sql": "The rule as the database evaluates it, without HTTP; it must choose the records that the domain chooses.",
    "world": "The same question to two databases that differ only in what the caller may not see; "
    "both must answer alike.",
    "statement": "The number of database statements; it must be the same for a hidden record and for one that "
    "does not exist.",
}
"""by a word of the reading's name"""


# --- text that can be shown -----------------------------------------------------------------

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """A text that shows as it is: control characters, direction marks and lone surrogates become escapes.

    None of them can be written in XML, or should reach a terminal or a reader's eye unseen.
    """
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text.replace("\r\n", "\n"))


def lines_of(source: str) -> list[str]:
    """The lines of a specification, as YAML counts them."""
    found = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", source)
    return found[:-1] if not found[-1] else found


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 leak", "1,200 leaks"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(words: Sequence[str], joint: str = "and") -> str:
    """A list in words: "a, b and c"."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else "".join(words)


# --- who may --------------------------------------------------------------------------------


def sentence(spec: Specification, right: Right) -> str:
    """A right as one sentence, without a full stop: "Anyone … may read a note when its audience is everyone"."""
    who, conditions = _who(spec, right.resource, right.grant), _conditions(spec, right.resource, right.grant)
    only = _only(right.grant)
    comma = "," if right.grant.who == (Anyone(),) else ""
    return f"{who[0].upper()}{who[1:]}{comma} may {deed(right.resource, right.action)}{only}{conditions}"


def without_condition(grant: Grant) -> bool:
    """Whether a grant asks nothing of the record, and of the caller an account at the most."""
    return not grant.when and all(isinstance(who, (Anyone, SignedIn)) for who in grant.who)


def who_may(spec: Specification, right: Right) -> str:
    """A right under a heading that says what it allows: "whoever can read its notebook"."""
    grant = right.grant
    if right.action == "create" and spec.resources[right.resource].parent is None and grant.who in _BECOMES:
        return f"everybody with an account, and becomes its owner{_conditions(spec, right.resource, grant)}"
    who, conditions = _who(spec, right.resource, grant), _conditions(spec, right.resource, grant)
    comma = "," if grant.who == (Anyone(),) and conditions else ""
    return f"{who}{_only(grant)}{comma}{conditions}"


_BECOMES: tuple[tuple[Who, ...], ...] = ((SignedIn(),), (Owner(),))


def deed(resource: str, action: str) -> str:
    """What an action does: "read a note"."""
    it = a(resource)
    plain = {
        "create": f"create {it}",
        "open": f"open {it} whose id they have",
        "read": f"read {it}",
        "list": f"find {it} in lists",
        "update": f"change {it}",
        "delete": f"delete {it}",
        "share": f"give and take roles on {it}",
        "members": f"see who has which role on {it}",
        "move": f"move {it}",
        "transfer": f"hand {it} over to another account",
    }
    if action in plain:
        return plain[action]
    if step := re.fullmatch(r"(\w+): (.+) -> (.+)", action):
        return f"change the {step[1]} of {it} from {step[2]} to {step[3]}"
    if part := re.fullmatch(r"(read|write) of (\w+)", action):
        return f"{'see' if part[1] == 'read' else 'set'} the {part[2]} of {it}"
    return f"{action} {it}"


GLOSSES = {
    "create": "make a new one",
    "open": "fetch it by its id; it does not show in lists",
    "read": "find it in lists, and open it",
    "list": "find it in lists",
    "update": "change its fields",
    "delete": "delete it with everything below it",
    "share": "give and take roles on it",
    "members": "see who has which role on it",
    "move": "put it under another parent",
    "transfer": "hand it over to another account",
}


def action_order(action: str) -> tuple[int, str]:
    """For sorting: actions in the language's order, then steps and fields by name."""
    return (ACTIONS.index(action), "") if action in ACTIONS else (len(ACTIONS), action)


def nobody_may(resource: Resource) -> list[str]:
    """The actions that make sense for a resource and that no grant allows."""
    sensible = ["create", "read", "update", "delete"]
    sensible += ["share", "members"] if resource.ladder is not None else []
    sensible.append("transfer" if resource.parent is None else "move")
    return [action for action in sensible if not resource.rule("open" if action == "read" else action)]


def _who(spec: Specification, resource: str, grant: Grant) -> str:
    asked = [who for who in grant.who if not isinstance(who, Anyone)]
    if not asked:
        return "anyone on the internet, without an account"
    if len(asked) == 1:
        match asked[0]:
            case SignedIn():
                return "everybody with an account"
            case Engine():
                return "the server's own code, never a person"
            case Owner(path):
                return f"the owner of {_way(spec, resource, path)}" if path else _its_owner(spec, resource)
            case AccountField() as named:
                return _account(spec, resource, named)
    return f"whoever {joined([_predicate(spec, resource, who) for who in asked])}"


def _its_owner(spec: Specification, resource: str) -> str:
    root = spec.chain(resource)[-1]
    return "its owner" if root == resource else f"the owner of its {root}"


def _account(spec: Specification, resource: str, named: AccountField) -> str:
    at = spec.at(resource, named.path)
    field = at.fields[named.field]
    if field.kind is FieldKind.CREATOR:
        what = "it" if not named.path else _way(spec, resource, named.path)
        return f"the account that created {what} ({named.field})"
    of = f" of {_way(spec, resource, named.path)}" if named.path else ""
    if field.kind is FieldKind.COPY:
        source = ".".join([hop.field for hop in field.path] + [str(field.copied)])
        return f"the account in the {named.field}{of} (copied from {source} when it was created)"
    return f"the account in the field {named.field}{of}"


def _predicate(spec: Specification, resource: str, who: Who) -> str:
    match who:
        case SignedIn():
            return "has an account"
        case Engine():
            return "is the server's own code"
        case Owner(path):
            return f"is the owner of {_way(spec, resource, path)}" if path else f"is {_its_owner(spec, resource)}"
        case AccountField():
            return f"is {_account(spec, resource, who)}"
        case Staff():
            return f"has the staff role {_roles(who.roles)}"
        case Role():
            return f"has the role {_roles(who.roles)} on {_way(spec, resource, who.path)}"
        case Can():
            return f"can {who.action} {_way(spec, resource, who.path)}"
        case Through():
            roles = _roles(who.roles)
            return f"has the role {roles} on {a(who.container.resource)} that {a(who.link)} ties to it"
    return "is anyone"


def _roles(strong_enough: tuple[str, ...]) -> str:
    """The role that is asked for, and the stronger ones that include it."""
    return joined(strong_enough[::-1], "or")


def _way(spec: Specification, resource: str, path: Path) -> str:
    """The record at the end of a path: "it", "its notebook", "its order's listing"."""
    at, named, climbing = spec.resources[resource], list[str](), False
    for hop in path:
        climbs = hop.field == at.parent
        if climbs and climbing:
            named[-1] = hop.field  # of several records above each other, the last says it all
        else:
            named.append(hop.field)
        at, climbing = spec.resources[hop.resource], climbs
    return "its " + "'s ".join(named) if named else "it"


def _conditions(spec: Specification, resource: str, grant: Grant) -> str:
    said = [condition(spec, resource, each) for each in grant.when]
    return f" when {' and '.join(said)}" if said else ""


def condition(spec: Specification, resource: str, tested: Condition) -> str:
    """A condition: "its audience is everyone", "its order's due is in the past"."""
    way = f"{_way(spec, resource, tested.path)}'s" if tested.path else "its"
    match tested.test:
        case Test.IS:
            said = "is " + joined([_value(value) for value in tested.values], "or")
        case Test.SET:
            said = "has a value"
        case Test.EMPTY:
            said = "is empty"
        case Test.PAST:
            said = "is in the past"
        case Test.FUTURE:
            said = "is in the future"
    return f"{way} {tested.field} {said}"


def _value(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _only(grant: Grant) -> str:
    return f" (only its {joined(grant.only)})" if grant.only is not None else ""


def about(spec: Specification, resource: Resource) -> list[str]:
    """What a resource is: whose, with which roles, what joins, what locks."""
    said = [f"{_capital(a(resource.name))} belongs to the account that creates it."]
    if resource.parent is not None:
        above = resource.parent
        said = [f"{_capital(a(resource.name))} is below {a(above)} and belongs to that {above}'s owner."]
    if resource.ladder is not None:
        roles = joined(resource.ladder.roles)
        ranked = ", strongest first; each includes those after it" if len(resource.ladder.roles) > 1 else ""
        said.append(f"Roles can be given on each {resource.name}: {roles}{ranked}.")
        if resource.ladder.expire is not None:
            said.append(f"A role lasts {_days(resource.ladder.expire.total_seconds())} at the most.")
    if resource.locked is not None:
        when = " and ".join(condition(spec, resource.name, each) for each in resource.locked.when)
        but = f", except {joined(resource.locked.excepted)}" if resource.locked.excepted else ""
        said.append(f"It is locked when {when}: nothing of it changes{but}, and nothing below it does.")
    return said


def openings(resource: Resource) -> list[str]:
    """What lets people in besides the grants: joining uninvited, and secret links."""
    said = []
    if resource.ladder is not None and resource.ladder.join_open:
        given = resource.ladder.weakest
        said.append(f"Whoever can open {a(resource.name)} may join it uninvited, and has the role {given} then.")
    if resource.links is not None:
        until = "" if resource.links.expire is None else f" for {_days(resource.links.expire.total_seconds())} at most"
        said.append(
            f"Whoever has a secret link to {a(resource.name)} may, without an account, open and read "
            f"what the role {resource.links.role} can{until}. Whoever may share it makes such links."
        )
    return said


def _days(seconds: float) -> str:
    hours = round(seconds / 3600)
    return count(hours // 24, "day") if hours % 24 == 0 else count(hours, "hour")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- who asked ------------------------------------------------------------------------------


def is_anonymous(relation: str) -> bool:
    """Whether a relation is that of a caller who is not signed in."""
    return relation.startswith("anonymous")


def is_stranger(relation: str) -> bool:
    """Whether a relation is that of an account that has nothing to do with the record, or no longer."""
    return relation.startswith(("stranger", "member elsewhere", "expired "))


def relations(report: Report) -> list[str]:
    """The relations that were tried, from outside inwards: the same order in every report."""
    found = {relation for _, _, relation in report.cells}
    return sorted(found, key=lambda relation: (_nearness(relation), relation))


def _nearness(relation: str) -> int:
    ranks = [is_anonymous(relation), relation.startswith("stranger"), is_stranger(relation), relation == "signed in"]
    return ranks.index(True) if any(ranks) else len(ranks) + (relation == "owner")


def explained(spec: Specification, relation: str) -> str:
    """What a relation means, in a sentence."""
    if is_anonymous(relation):
        return "Somebody who is not signed in."
    if relation.startswith("stranger"):
        return "Somebody with an account who has nothing to do with the record: no role, and no field names them."
    if relation == "owner":
        return "The account at the top of the record's chain: it owns the record."
    if relation == "signed in":
        return "Somebody with an account, who begins something of their own."
    if relation == "member elsewhere":
        return "Somebody with a role on another record of this sort, or on one above such: none of it on this record."
    if relation == "ended link":
        return "Whoever has a secret link that has ended, or that may not carry its role: it opens nothing."
    if relation == "link elsewhere":
        return "Whoever has a secret link to another record, and no account."
    roles = {role for resource in spec.resources.values() if resource.ladder for role in resource.ladder.roles}
    named = {field.name for r in spec.resources.values() for field in r.fields.values() if field.kind in _ACCOUNTS}
    word, _, place = relation.removeprefix("expired ").partition(" ")
    staff = spec.staff.roles if spec.staff is not None else ()
    if relation.startswith("staff: ") and place in staff:
        return f"Somebody with the staff role {place}, which holds for the whole app."
    linked, _, where = relation.removeprefix("link as ").partition(" ")
    if relation.startswith("link as ") and linked in roles:
        on = f"the {where.removeprefix('of the ').removesuffix(' above')} above it" if where else "this very record"
        return f"Whoever has a secret link with the role {linked} on {on}, and no account: it opens and reads."
    if word in roles and (not place or place.endswith(" above")):
        where = f"on {place.removeprefix('of ')}" if place else "on this very record"
        ended = " until it ended" if relation.startswith("expired ") else ""
        return f"Somebody to whom the role {word} was given {where}{ended}."
    field = relation.removeprefix("its ").replace(" ", "_")
    if relation.startswith("its ") and field in named:
        return f"The account that the record's field {field} names, which has no role there."
    return ""


_ACCOUNTS = (FieldKind.ACCOUNT, FieldKind.CREATOR, FieldKind.MEMBER, FieldKind.COPY)


def reading_explained(reading: str) -> str:
    """What a reading compares; empty where its name says nothing to us."""
    return next((text for word, text in READINGS.items() if word in reading.lower()), "")


@dataclass(frozen=True, slots=True)
class Tried:
    """What happened when an action was tried on one resource."""

    action: str
    could: tuple[tuple[str, Cell], ...]
    """relations that did it at least once: outsiders first"""
    could_not: tuple[str, ...]


def tried(report: Report, resource: str) -> list[Tried]:
    """For each action that was tried on a resource: who was able to do it."""
    order = relations(report)
    actions = {action for at, action, _ in report.cells if at == resource}
    found = []
    for action in sorted(actions, key=action_order):
        cells = [(who, report.cells[resource, action, who]) for who in order if (resource, action, who) in report.cells]
        could = tuple((who, cell) for who, cell in cells if cell.allowed or cell.leaks)
        could_not = tuple(who for who, cell in cells if cell.refused and not cell.allowed and not cell.leaks)
        found.append(Tried(action, could, could_not))
    return found


def notable(spec: Specification, resource: str, action: str, relation: str) -> bool:
    """Whether a reader should look at this twice: an outsider was let in, and not to make a record of their own."""
    own = action == "create" and spec.resources[resource].parent is None
    return is_anonymous(relation) or (is_stranger(relation) and not own)


# --- how it ended ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a proof ended, in one sentence."""

    proved: bool
    word: str
    sentence: str


def verdict(report: Report) -> Verdict:
    """How a proof ended. Where nothing was compared, nothing is proved."""
    compared = count(report.total, "comparison")
    leaks = sum(cell.leaks for cell in report.cells.values())
    survivors = len(report.mutants.survivors) if report.mutants is not None else 0
    if report.findings:
        what = f"In {compared}, {_found(report)} {'was' if len(report.findings) == 1 else 'were'} found."
        return Verdict(False, "Not proved", what)
    if leaks:
        return Verdict(False, "Not proved", f"In {compared}, {count(leaks, 'answer')} leaked.")
    if not report.total:
        return Verdict(False, "Not proved", "Nothing was compared, so nothing is proved.")
    nothing = f"In {compared}, no answer differed from what the specification says"
    if survivors:
        mistakes = count(survivors, "deliberate mistake")
        return Verdict(False, "Not proved", f"{nothing}, but {mistakes} went unnoticed: this proof is too weak.")
    open_ends = f"; {count(len(report.not_covered), 'thing')} could not be covered" if report.not_covered else ""
    return Verdict(True, "Proved", f"{nothing}{open_ends}.")


def _found(report: Report) -> str:
    by_kind = {kind: sum(finding.kind is kind for finding in report.findings) for kind in Kind}
    said = [
        f"{number:,} {_SINGULARS.get(kind, kind.value) if number == 1 else _PLURALS[kind]}"
        for kind, number in by_kind.items()
        if number
    ]
    return joined(said)


def again(report: Report) -> str:
    """The command that finds the same: by a number of comparisons, for a time gets further on a faster machine."""
    return f"freehold prove --budget {report.total + FURTHER} --seed {report.seed}"


FURTHER = 1000
"""comparisons: what was found last must be found again before the budget is used"""


def per_second(report: Report) -> int:
    """Comparisons per second."""
    return round(report.total / report.seconds) if report.seconds > 0 else 0


def excused(report: Report, resource: str, kind: str) -> int:
    """How many differences a declared channel excused."""
    return report.channels.get(f"{resource}, {kind}", 0)
