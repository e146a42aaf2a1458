"""A whole world put into a database at once, row by row as the tables keep it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert

from adapters.persistence.sql.builtin import (
    AccountRow,
    InvitationRow,
    MembershipRow,
    OfferRow,
    SecretLinkRow,
    SessionRow,
    mapped,
    table_of,
)
from adapters.persistence.sql.connection import param
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import RecordColumns, stored_time
from domain.record import Record
from domain.session import Session
from domain.snapshot import Snapshot

Rows = list[dict[str, Any]]


def emptying(tables: Tables) -> Iterator[Any]:
    """The statements that delete everything but the signing keys."""
    kept = "freehold_signing_keys"
    built_in = [table for table in mapped.metadata.tables.values() if table.name != kept]
    yield from (delete(table) for table in (*tables.of.values(), *built_in))


def filling(tables: Tables, snapshot: Snapshot, sessions: Iterable[Session]) -> Iterator[tuple[Any, Rows]]:
    """The inserts of a world, each with its rows; references may point ahead."""
    yield _of(table_of(AccountRow), [_plain(account) for account in snapshot.accounts.values()])
    yield _of(table_of(SessionRow), [_plain(session) for session in sessions])
    yield _of(table_of(MembershipRow), [_plain(membership) for membership in snapshot.memberships.values()])
    yield _of(table_of(SecretLinkRow), [_plain(link) for link in snapshot.links.values()])
    yield _of(table_of(InvitationRow), [_plain(invitation) for invitation in snapshot.invitations.values()])
    yield _of(table_of(OfferRow), [_plain(offer) for offer in snapshot.offers.values()])
    for resource in tables.specification.resources.values():
        columns = RecordColumns(tables.specification, resource)
        rows = []
        for record in snapshot.records[resource.name].values():
            row = dict(columns.stored(record))
            for link, beside in tables.beside(resource).items():
                row |= {name: _beside(tables, snapshot, record, link, source) for name, source in beside.items()}
            rows.append(row)
        yield _of(tables.of[resource.name], rows)


def _beside(tables: Tables, snapshot: Snapshot, record: Record, link: str, name: str) -> Any:
    """A stored value of the record that another names."""
    target = record.target(link)
    if target is None:
        return None
    resource = tables.specification.resources[tables.specification.target(record.resource, link)]
    named = snapshot.records[resource.name][target]
    for further, beside in tables.carried[resource.name].items():
        if name in beside:
            return _beside(tables, snapshot, named, further, beside[name])
    return RecordColumns(tables.specification, resource).stored(named)[name]


def _of(table: Table, rows: Rows) -> tuple[Any, Rows]:
    names: Mapping[str, Any] = rows[0] if rows else {}
    return insert(table).values({name: param(name, table.c[name].type) for name in names}), rows


def _plain(row: Any) -> dict[str, Any]:
    """A domain object with slots as a row: instants as text."""
    found = {name: getattr(row, name) for name in row.__dataclass_fields__}
    return {name: stored_time(value) if isinstance(value, datetime) else value for name, value in found.items()}
