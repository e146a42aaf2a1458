"""What somebody may not see, wherever it may turn up."""

from collections.abc import Iterator

from domain.invitation import Invitation
from domain.offer import Offer
from domain.ownership import Actor, may, seen
from domain.snapshot import Snapshot
from domain.specification.model import Kind, Specification

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
    for waiting in waiting_for(snapshot, actor):
        if waiting.waits(snapshot.now):
            open_to_it |= {waiting.record, *([waiting.email] if isinstance(waiting, Invitation) else [])}
    # a hidden text may be part of one that is seen, or a word of the specification
    known = "\n".join((*open_to_it, *snapshot.accounts, *_words(snapshot.specification)))
    return frozenset(text for text in hidden if len(text) >= SHORTEST_SECRET and text not in known)


def waiting_for(snapshot: Snapshot, actor: Actor) -> Iterator[Invitation | Offer]:
    """The invitations and offers that are somebody's, or on what it may share or hand over; also those that ended."""
    every: list[Invitation | Offer] = [*snapshot.invitations.values(), *snapshot.offers.values()]
    for waiting in every:
        whose, action = (
            (waiting.account, "share") if isinstance(waiting, Invitation) else (waiting.recipient, "transfer")
        )
        own = actor.account is not None and whose == actor.account
        if own or may(action, actor, snapshot.facts(snapshot.records[waiting.resource][waiting.record])):
            yield waiting


def _words(specification: Specification) -> Iterator[str]:
    """What answers may say to anybody: names, roles, and the values of `one of`."""
    for resource in specification.resources.values():
        yield from (resource.name, resource.plural, *resource.fields)
        yield from resource.ladder.roles if resource.ladder is not None else ()
        for each in resource.fields.values():
            yield from each.values
