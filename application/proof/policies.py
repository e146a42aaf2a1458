"""What row-level security alone lets a caller do with a record, and what the domain says of that."""

from domain.membership import Membership
from domain.ownership import Actor, Facts, decide, may

OF_RECORDS = ("read", "open", "change", "delete")
"""seen by a SELECT without a WHERE; seen where its id is shown; locked for a change; deleted"""


def action(rule: str) -> str:
    """The right that it asks for."""
    asked = {"change": "update", "member": "members", "invitation": "share", "offer": "transfer"}
    return asked.get(rule.split(" ")[0], rule)


def says(rule: str, actor: Actor, facts: Facts) -> bool:
    """What the domain says of one of `OF_RECORDS`."""
    if rule == "open":
        # a policy shows what may be read to whoever shows its id, too
        return may("open", actor, facts).allowed or may("read", actor, facts).allowed
    if actor.link is not None and rule == "change":
        return False
    if rule != "change":
        return may(rule, actor, facts).allowed
    resource = facts.resource
    steps = (step.rule for steps in resource.steps.values() for step in steps)
    changing = (resource.rule("update"), resource.rule("move"), *steps)
    return may("open", actor, facts).allowed and any(decide(rule, actor, facts) for rule in changing)


def shows(actor: Actor, membership: Membership, facts: Facts) -> bool:
    """What the domain says of whether a membership of a record is seen."""
    own = actor.account is not None and actor.account == membership.account
    return own or may("members", actor, facts).allowed or may("share", actor, facts).allowed
