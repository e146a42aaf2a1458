"""What was found, put so that anybody can follow and repeat it."""

from collections.abc import Sequence

from application.proof import policies
from application.proof.attempts import Attempt, Verb
from application.proof.interference import ids_in
from application.proof.people import called, name_of, relation, spoken
from application.proof.report import Finding, Kind
from application.proof.scripts import script
from application.proof.stories import Step, Story, did, given, named, near, title, told
from domain.ownership import Facts
from domain.snapshot import Snapshot
from domain.specification.model import Resource, Specification

ACTIONS: dict[Verb, str] = {
    Verb.LIST: "read",
    Verb.GET: "open",
    Verb.HEAD: "open",
    Verb.CREATE: "create",
    Verb.UPDATE: "update",
    Verb.DELETE: "delete",
    Verb.MY_ACCESS: "open",
    Verb.ACCESS: "members",
    Verb.MEMBERS: "members",
    Verb.ADD_MEMBER: "share",
    Verb.JOIN: "share",
    Verb.CHANGE_MEMBER: "share",
    Verb.REMOVE_MEMBER: "share",
    Verb.BATCH: "update",
    **dict.fromkeys((Verb.INVITE, Verb.INVITATIONS, Verb.UNINVITE, Verb.WAITING, Verb.ACCEPT, Verb.DECLINE), "share"),
    **dict.fromkeys((Verb.OFFER, Verb.OFFERED, Verb.WITHDRAW, Verb.OFFERS, Verb.TAKE, Verb.REFUSE), "transfer"),
    Verb.REPLACE: "update",
}
OF_THE_CONTRACT = {
    Kind.WORK: "What is hidden must be answered like what never was, with the same work.",
    Kind.DIFFERENCE: "Nothing is shown or withheld by this, but the contract has another answer.",
    Kind.DEFECT: "No request may break the server.",
}
"""why an answer is wrong where no line of the specification says so"""
MOST_CHARACTERS = 600
"""of an answer that is shown"""


def action_of(specification: Specification, attempt: Attempt) -> str:
    """The right that an attempt asks for; `leave` and `join` need none."""
    if attempt.verb is Verb.UPDATE and specification.resources[attempt.resource].parent in (attempt.body or {}):
        return "move"
    if attempt.verb is Verb.REMOVE_MEMBER and attempt.account == attempt.who:
        return "leave"
    return "join" if attempt.verb is Verb.JOIN else ACTIONS[attempt.verb]


def of_answer(story: Story, related: str) -> Finding:
    """An answer over HTTP that is not the right one; the story is as short as it can be."""
    attempt, difference, specification = story.last, story.difference, story.base.specification
    action = ACTIONS[attempt.verb]
    lines = _lines(specification.resources[attempt.resource], action)
    return Finding(
        kind=difference.kind,
        reading="HTTP",
        resource=attempt.resource,
        action=action,
        relation=related,
        title=f"{title(story)}.",
        because=_because(lines, difference.kind),
        story=told(story),
        curl=script(specification, story),
        expected=difference.expected,
        given=difference.given,
        lines=lines,
    )


def of_filter(snapshot: Snapshot, who: str | None, facts: Facts, rule: str, right: bool) -> Finding:
    """A compiled rule that decides otherwise than the domain, which is `right`."""
    verb, related = rule.split(" ")[0], relation(snapshot, who, facts)
    name, record = name_of(snapshot, who), called(snapshot, facts.record)
    sentence = f"The SQL filter alone {'does not allow' if right else 'allows'} {name} to {_in_words(rule)} {record}."
    lines, kind = _lines(facts.resource, verb), Kind.REFUSAL if right else Kind.LEAK
    return Finding(
        kind=kind,
        reading="SQL filter",
        resource=facts.resource.name,
        action=rule,
        relation=related,
        title=sentence,
        because=_because(lines, kind),
        story=(*given(near(snapshot, [facts.record.id])), f"{name} is, to {record}: {related}.", sentence),
        curl="# the compiled rule was asked by itself: there is no request to repeat",
        expected="allowed" if right else "refused",
        given="refused" if right else "allowed",
        lines=lines,
    )


def of_policy(snapshot: Snapshot, who: str | None, facts: Facts, rule: str, right: bool) -> Finding:
    """Row-level security that decides otherwise than the domain, which is `right`."""
    action, related = policies.action(rule), relation(snapshot, who, facts)
    name, record = name_of(snapshot, who), called(snapshot, facts.record)
    whom = name if who is not None else name[0].lower() + name[1:]
    seen = {
        "members": f"see {name_of(snapshot, rule.removeprefix('member '))} as a member of",
        "share": "see an invitation to",
        "transfer": "see the offer of",
    }
    done = seen.get(action, rule)
    sentence = f"Row-level security alone {'does not let' if right else 'lets'} {whom} {done} {record}."
    lines, kind = _lines(facts.resource, action), Kind.REFUSAL if right else Kind.LEAK
    return Finding(
        kind=kind,
        reading="row-level security",
        resource=facts.resource.name,
        action=action,
        relation=related,
        title=sentence,
        because=_because(lines, kind),
        story=(*given(near(snapshot, [facts.record.id])), f"{name} is, to {record}: {related}.", sentence),
        curl="# SQL was run in the role that serves, without a WHERE: there is no request to repeat",
        expected="allowed" if right else "refused",
        given="refused" if right else "allowed",
        lines=lines,
    )


def of_gap(snapshot: Snapshot, gap: str) -> Finding:
    """Row-level security that is not there."""
    table = gap.split("`")[1]
    resources = snapshot.specification.resources.values()
    return Finding(
        kind=Kind.LEAK,
        reading="row-level security",
        resource=next((each.name for each in resources if each.plural == table), table),
        action="read",
        relation="anybody",
        title=gap,
        because="Every table has row-level security, also for its owner, and shows nothing to nobody.",
        story=(gap,),
        curl="# the database was asked by itself: there is no request to repeat",
        expected="no such table",
        given=gap,
    )


def of_stored(snapshot: Snapshot, resource: str, stored: set[str], steps: Sequence[Step]) -> Finding:
    """The database holds other records than the answers told of."""
    should = set(snapshot.records[resource])
    many = spoken(snapshot.specification.resources[resource].plural)
    more, less = len(stored - should), len(should - stored)
    sentence = f"The database holds {more} {many} that no answer told of, and lacks {less} that should be there."
    before = [f"{did(snapshot, step.attempt)}." for step in steps[-3:] if step.attempt is not None]
    return Finding(
        kind=Kind.LEAK,
        reading="SQL filter",
        resource=resource,
        action="update",
        relation="anybody",
        title=sentence,
        because="A request did more, or less, than its answer says.",
        story=(*before, sentence),
        curl="# the database was asked by itself: there is no request to repeat",
        expected=f"{len(should)} {many}",
        given=f"{len(stored)} {many}",
    )


def of_worlds(snapshot: Snapshot, attempt: Attempt, related: str, change: str, answers: tuple[str, str]) -> Finding:
    """Two worlds that differ in what the caller may not see, and that it can tell from each other."""
    difference, who = named(snapshot, change), name_of(snapshot, attempt.who)
    sentence = f"{did(snapshot, attempt)} and can tell from the answer that {difference}."
    action = ACTIONS[attempt.verb]
    return Finding(
        kind=Kind.INFERENCE,
        reading="HTTP",
        resource=attempt.resource,
        action=action,
        relation=related,
        title=sentence,
        because="Nobody may see that, and no declared channel of the specification excuses it.",
        story=(
            *given(near(snapshot, (attempt.record, *ids_in(change)))),
            f"In another world everything is the same, but {difference}; {who} may not see that.",
            sentence,
        ),
        curl="# two servers with two databases are needed to repeat this: run the proof with the same seed",
        expected=answers[0][:MOST_CHARACTERS],
        given=answers[1][:MOST_CHARACTERS],
        lines=_lines(snapshot.specification.resources[attempt.resource], action),
    )


def _lines(resource: Resource, action: str) -> tuple[int, ...]:
    return tuple(sorted({grant.place.line for grant in resource.rule(action)}))


def _in_words(rule: str) -> str:
    """The name of a compiled rule, in front of the record that it is asked of."""
    verb, _, name = rule.rpartition(" of ")
    if verb:
        return f"see `{name}` of" if verb == "read" else f"change `{name}` in steps of"
    if rule == "locked":
        return "find locked"
    return f"give the role {rule.removeprefix('share ')} on" if rule.startswith("share ") else rule


def _because(lines: tuple[int, ...], kind: Kind) -> str:
    if kind in OF_THE_CONTRACT:
        return OF_THE_CONTRACT[kind]
    allowed = kind is Kind.REFUSAL
    if not lines:
        return "The specification has no line that allows it: what is not written is denied."
    several = len(lines) > 1
    where = " and ".join(f"line {line}" for line in lines) if len(lines) < 3 else f"lines {lines[0]} to {lines[-1]}"
    verb = ("allow" if several else "allows") if allowed else ("do not allow" if several else "does not allow")
    return f"The specification, {where}, {verb} it."
