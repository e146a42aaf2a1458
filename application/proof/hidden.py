"""What somebody may not see, wherever it may turn up."""

from domain.ownership import Actor, may, seen
from domain.snapshot import Snapshot
from domain.specification.model import Kind

SHORTEST_SECRET = 8
"""characters: a shorter text may turn up by chance"""


def secrets_of(snapshot: Snapshot, actor: Actor) -> frozenset[str]:
    """Every text that is stored where the caller cannot see it, and nowhere where it can: none may reach it.

    So are the addresses of others.
    """
    hidden = {account.email for account in snapshot.accounts.values() if account.id != actor.account}
    open_to_it: set[str] = set()
    for facts in snapshot.every():
        record, opened = facts.record, may("open", actor, facts).allowed
        (open_to_it if opened else hidden).add(record.id)
        for name in record.values:
            value = record.values[name]
            typed = snapshot.specification.value_field(facts.resource.name, name)
            if not isinstance(value, str) or typed.kind is Kind.ONE_OF:
                continue
            shown = opened and seen(name, actor, facts) == value
            (open_to_it if shown else hidden).add(value)
    return frozenset(text for text in hidden - open_to_it - set(snapshot.accounts) if len(text) >= SHORTEST_SECRET)
