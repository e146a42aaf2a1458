"""Who somebody is to a record, and what things are called: the words of stories and of the report's table."""

import re

from application.proof.callers import by_link, link_of
from application.secret_links import PREFIX
from domain.ownership import Facts
from domain.record import Record
from domain.snapshot import Snapshot
from domain.specification.model import Kind
from domain.values import UUID_PATTERN

ANONYMOUS, STRANGER, ELSEWHERE = "anonymous", "stranger", "member elsewhere"


def name_of(snapshot: Snapshot, account: str | None) -> str:
    """An account's first name."""
    if account is None:
        return "Somebody without an account"
    if by_link(account):
        drawn = re.fullmatch(UUID_PATTERN, account.removeprefix(PREFIX))
        return f"Whoever has link {account[-4:]}" if drawn else "Whoever has a new link"
    found = snapshot.accounts.get(account)
    return found.email.partition("@")[0].capitalize() if found is not None else "an account that is not there"


def called(snapshot: Snapshot, record: Record) -> str:
    """`Mary's note “amber”`; by its place among the owner's where it has no text."""
    owner = name_of(snapshot, record.owner)
    fields = snapshot.specification.resources[record.resource].fields.values()
    texts = (record.values[field.name] for field in fields if field.kind is Kind.TEXT)
    text = next((value for value in texts if value), None)
    if text is None:
        own = [r.id for r in snapshot.records[record.resource].values() if r.owner == record.owner]
        return f"{owner}'s {spoken(record.resource)} {own.index(record.id) + 1 if record.id in own else ''}".rstrip()
    return f"{owner}'s {spoken(record.resource)} “{text}”"


def a(name: str) -> str:
    """`an article`."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {spoken(name)}"


def spoken(name: str) -> str:
    """A name of the specification as words."""
    return name.replace("_", " ")


def relation(snapshot: Snapshot, account: str | None, facts: Facts | None) -> str:
    """What an account is to a record, by the strongest tie that it has; None is a root yet to be created."""
    if account is None:
        return ANONYMOUS
    if by_link(account):
        return _linked(snapshot, account, facts)
    if facts is None:
        return "signed in"
    if facts.record.owner == account:
        return "owner"
    expired = None
    for at in facts.above():
        membership = snapshot.memberships.get((at.record.id, account))
        if membership is None:
            continue
        where = "" if at.record.id == facts.record.id else f" of the {spoken(at.record.resource)} above"
        if membership.live(snapshot.now):
            return f"{membership.role}{where}"
        expired = expired or f"expired {membership.role}{where}"
    for field in facts.resource.fields.values():
        names_account = snapshot.specification.names_account(facts.resource.name, field.name)
        if names_account and facts.record.values[field.name] == account:
            return f"its {spoken(field.name)}"
    staff = snapshot.staff(account)
    if staff is not None:
        return f"staff: {staff}"
    if expired is not None:
        return expired
    chain = snapshot.specification.chain(facts.resource.name)
    elsewhere = (m for (_, whose), m in snapshot.memberships.items() if whose == account and m.live(snapshot.now))
    return ELSEWHERE if any(m.resource in chain for m in elsewhere) else STRANGER


def _linked(snapshot: Snapshot, who: str, facts: Facts | None) -> str:
    """What whoever has a link is to a record."""
    link = link_of(snapshot, who)
    if link is None or not link.live(snapshot.now):
        return "ended link"
    at = next((at for at in facts.above() if at.record.id == link.record), None) if facts is not None else None
    if facts is None or at is None:
        return "link elsewhere"
    where = "" if at.record.id == facts.record.id else f" of the {spoken(at.record.resource)} above"
    return f"link as {link.role}{where}"
