"""Random worlds for any specification: one plain state, and the same world in an SQLite file.

Nothing here goes through a use case: records are drawn as they could have become over time (references emptied,
accounts gone from fields, memberships expired, copies whose source has changed since).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.persistence.memory import State
from adapters.persistence.memory_identity import IdentityState
from adapters.persistence.sql import builtin, postgres
from adapters.persistence.sql.connection import Prepared, param
from adapters.persistence.sql.filling import filling
from adapters.persistence.sql.pool import Limits, Pool
from adapters.persistence.sql.sqlite import DIALECT, connect
from adapters.persistence.sql.tables import Tables
from adapters.persistence.sql.views import stored_time
from adapters.specification_file import parse
from application.ports import SORTED_CHARACTERS
from domain.account import Account
from domain.api_key import KeyScope
from domain.errors import Conflict
from domain.invitation import Invitation
from domain.judging import rules
from domain.membership import Membership
from domain.offer import Offer
from domain.ownership import ANONYMOUS, Actor, Facts
from domain.record import Record
from domain.secret_link import SecretLink
from domain.session import Session
from domain.specification.model import Condition, Field, Kind, Ladder, Resource, Specification
from domain.values import ValueRefused, accept
from tests.end_to_end.independent.random_specs import random_specification
from tests.end_to_end.independent.specs import SPECIFICATIONS

NOW = datetime(2026, 11, 23, 9, 30, 0, 123456, UTC)
ENGINE = Actor(engine=True, key=KeyScope("00000000-0000-4000-8000-0000000000e0", frozenset(), frozenset()))
"""by a key that counts"""
LINKS = 3
"""who have one that counts"""
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
ENDS = (None, None, None, NOW + DAY, NOW + INSTANT, NOW, NOW - INSTANT)
"""of memberships: for good, live, live for an instant more, expired this very instant, expired"""
OVER = (NOW + DAY, NOW + DAY, NOW + INSTANT, NOW, NOW - INSTANT)
"""of what waits: some time yet, for an instant more, no more since this very instant, no more"""
RANDOM_SEEDS = (1, 4, 5, 12, 13, 14, 16, 17, 18)

WORDS = """
app: words                         # what no other specification here says
version: 4.0.1
staff: judge > clerk
answers:
  - {question: Q-PUBLIC-PERSONAL, on: club.name, because: clubs are public}
examples: [mary can read club 1]
resources:
  club:
    about: A club.
    plural: clubs
    renamed_from: society
    require_if_match: yes
    owner: account
    roles: {ladder: chair > member > fan, join: open, expire: 12 hours}
    links: {role: fan, expire: 30 days}
    fields:
      name: {type: text, pattern: "[a-z]{1,5}", about: Its name., renamed_from: title, default: alpha}
      rank: {type: integer, optional: yes, min: 0, max: 3, write: [chair, staff.clerk]}
      fee: {type: decimal, optional: yes, places: 2, min: 0, read: [member, staff.judge]}
      mail: {type: text, format: email, optional: yes, length: 3 to 20}
      site: {type: text, format: url, optional: yes}
      day: {type: date, min: 2026-11-20, optional: yes}
      ends: {type: time, max: 2026-12-31T00:00:00Z, optional: yes}
      extra: {type: json, optional: yes}
      open: yes/no, optional
      kind: {type: "one of small, large", optional: yes}
    limit: 3 per owner
    can:
      create: signed in
      open: [anyone when rank is 1 or 2, anyone when ends is past]
      read:
        - owner
        - fan when name is alpha or bravo and open is set
        - staff.clerk when kind is small
        - anyone when day is future and site is empty
        - engine
      update: [owner, chair, staff.judge only rank, engine only open, signed in when open is no]
      delete: [owner, staff.judge, fan when day is past]
      share: [owner, member]
      members: [fan, staff.clerk, anyone when ends is future]
      transfer: [owner when open is no, chair]
  visit:
    owner: club
    roles: guide > guest
    fields:
      by: creator
      who: {type: member of club, optional: yes}
      next: {type: visit, optional: yes, when_gone: empty}
      home: {type: club, when_gone: block}
      other: {type: club, optional: yes}
      name: copy of club.name
      host: copy of home.owner
      seen: yes/no
    unique:
      - by, seen per home
      - who per club
    locked: when seen is yes and club.open is yes, except next
    can:
      create: [owner, fan, anyone when club.open is yes]
      read:
        - by and fan
        - who
        - host
        - next.guide
        - home.member when next.seen is yes
        - anyone when next.seen is empty and seen is yes
      update:
        - owner
        - guide only next, seen when next is set
        - by and fan only who
        - whoever can members home
      move: [owner, guide, whoever can transfer club]
      delete: [owner, guide, by, club.chair when next.next.seen is no]
      share: [guide, chair]
      members: [guest, club.chair]
  badge:
    owner: visit
    fields:
      twin: {type: badge, optional: yes, when_gone: block}
      rest: {type: badge, optional: yes, when_gone: delete}
      plain: {type: badge, optional: yes}
      label: text
    can:
      create: whoever can open visit
      read: [visit.guest, owner, whoever can create visit]
      update: owner
      delete: owner
  medal:
    owner: account
    keep: yes
    fields:
      visit: {type: visit, optional: yes}
      badge: badge
      poster: poster
    can:
      create: signed in
      read: [owner, visit.next.by, visit.club.owner, visit.home.owner, visit.next.home.chair, badge.visit.guest]
      update: owner
      delete: [owner, whoever can delete badge, whoever can read poster]
      open: [whoever can read poster.wall, whoever can delete poster]
  wall:
    owner: account
    roles: keeper > watcher
    fields: {high: yes/no}
    can:
      create: signed in
      read: anyone
      update: [owner, watcher]
      delete: signed in
      share: watcher
      members: watcher
  poster:
    owner: wall
    limit: 4 per owner
    fields: {text: text, medal: {type: medal, optional: yes, read: [wall.keeper, owner]}}
    can:
      create: signed in
      read: [anyone, whoever can delete wall]
      update: owner
      move: [wall.keeper, wall.watcher]
      delete: [whoever can share wall, owner]
  pin:
    owner: poster
    limit: 5 per owner
    fields: {colour: "one of red, blue", price: {type: decimal, optional: yes, read: [owner, wall.watcher]}}
    steps: {colour: {red -> blue: wall.keeper}}
    can:
      create: owner
      read: anyone
      update: owner
  stamp:
    owner: poster
    keep: yes
    fields: {colour: text}
    can: {create: owner, read: owner, delete: owner}
  leaf:
    owner: account
    fields: {poster: {type: poster, when_gone: delete}, text: text}
    can:
      create: signed in
      open: whoever can read poster
      read: [whoever can delete poster, whoever can delete poster.wall, watcher through tie.wall]
      update: keeper through tie.wall
  tie:
    owner: wall
    fields: {leaf: {type: leaf, when_gone: delete}}
    can: {create: owner, read: owner}
  note:
    owner: account
    fields:
      mark: {type: integer, optional: yes, read: [owner, anyone when day is empty]}
      day: date, optional
      ends: time, optional
    can:
      create: signed in
      open: anyone when mark is set
      read: [owner, signed in when day is past]
      update: [owner, anyone when ends is past]
      delete: [owner, anyone when day is future]
"""

CORNER = """
app: corner                        # what only a wrong compiler tells apart
resources:
  house:                           # some may open it, others read it, others yet change it
    owner: account
    roles: head > guest
    fields: {style: "one of plain, fine", agent: account, shut: yes/no}
    can:
      create: signed in
      open: anyone when style is plain
      read: [owner, agent, head]
      update: [owner, guest, signed in when shut is no]
      share: owner
      transfer: [owner, head]
  room:
    owner: house
    fields: {text: text}
    can: {create: anyone, open: anyone, read: owner}
  shed:
    owner: account
    roles: master > helper
    fields: {text: text}
    can: {create: signed in, read: master, share: owner, transfer: master}
  spade:
    owner: account
    fields: {shed: shed}
    can: {create: signed in, read: [owner, shed.master]}
  key:
    owner: account
    fields: {house: house}
    can: {create: signed in, read: whoever can create house}
  bill:
    owner: account
    fields: {house: house}
    can: {create: signed in, read: [house.owner, house.agent]}
  ring:
    owner: account
    fields: {house: house}
    can: {create: signed in, read: anyone, transfer: [owner, house.agent]}
  tray:
    owner: account
    fields: {ring: ring}
    can: {create: signed in, read: anyone}
  entry:
    owner: account
    fields: {tray: tray}
    can: {create: signed in, read: [tray.ring.house.owner, tray.ring.house.head]}
  claim:
    owner: account
    fields: {bill: bill}
    can: {create: signed in, read: whoever can read bill}
  bell:
    owner: account
    fields: {house: house}
    can: {create: signed in, read: whoever can update house}
  maze:                            # more ways to read it than a list goes one by one
    owner: account
    fields: {house: house, other: house}
    can: {create: signed in, open: signed in, read: whoever can update house and whoever can update other}
  print:
    owner: account
    fields: {text: text}
    can: {create: signed in, open: anyone, read: head through tie.house, update: head through tie.house}
  tie:
    owner: house
    fields: {print: print}
    can: {create: owner, read: owner}
  visit:
    owner: account
    fields: {house: house, garden: garden}
    can: {create: signed in, read: [owner, whoever can read house]}
  frame:
    owner: visit
    fields: {text: text}
    can: {create: owner, read: whoever can read visit.garden}
  garden:                          # trees: more than nine; text: longer than an order looks at
    owner: account
    fields: {text: text, trees: integer}
    can:
      create: signed in
      read: anyone
      update: owner when text is LONG-a or LONG-b
      delete: owner
      transfer: owner
  pond:
    owner: garden
    fields: {next: {type: pond, optional: yes, when_gone: empty}}
    can: {create: anyone, read: anyone, move: signed in, delete: owner}
  fish:
    owner: pond
    limit: 3 per owner
    fields: {text: text}
    can: {create: anyone, read: anyone}
  seat:
    owner: account
    fields: {garden: {type: garden, when_gone: block}}
    can: {create: signed in, read: whoever can read garden}
  slip:
    owner: account
    fields:
      garden: {type: garden, when_gone: delete}
      beside: {type: slip, optional: yes}
      behind: {type: slip, optional: yes}
      done: yes/no
    locked: when done is yes
    can: {create: signed in, read: anyone, delete: signed in}
  lamp:                            # public by what it has, by what is above, and by what is too far away
    owner: house
    fields:
      mark: {type: integer, optional: yes}
      due: {type: date, optional: yes}
      twin: {type: lamp, optional: yes}
      tick: yes/no
    can:
      create: owner
      read:
        - anyone when mark is set and tick is no
        - anyone when house.shut is yes and house.style is fine
        - signed in when due is past
        - signed in when twin.twin.tick is yes
""".replace("LONG", "a" * SORTED_CHARACTERS)

FEW = """
app: few                           # so few roles that an account has one only
resources:
  album:
    owner: account
    roles: curator
    links: {role: curator}
    limit: 1 per owner
    fields: {text: text}
    can: {create: signed in, read: [owner, curator], share: owner, transfer: [owner, curator]}
  photo:
    owner: account
    fields: {text: text}
    can: {create: signed in, open: anyone, read: curator through print.album, update: curator through print.album}
  print:
    owner: album
    fields: {photo: photo}
    can: {create: owner, read: [owner, whoever can read album]}
  tray:                            # where everybody may put something, and few may look
    owner: account
    fields:
      mark: one of loud, quiet
    can: {create: signed in, open: [owner, anyone when mark is loud], read: owner}
  slip:
    owner: tray
    fields:
      text: {type: text, read: [owner, anyone when tray.mark is loud]}
    can:
      create: signed in
      read: [signed in, anyone when tray.mark is loud]
      update: signed in when tray.mark is set
      move: signed in
"""

CRATES = """
app: crates                        # who may put an apple anywhere opens only its own crates
resources:
  crate:
    owner: account
    fields: {text: text}
    can: {create: signed in, read: owner}
  apple:
    owner: crate
    fields: {text: text}
    can: {create: signed in, read: owner, move: signed in}
"""


@cache
def specifications() -> dict[str, Specification]:
    """Every specification that worlds are drawn for, by name."""
    examples = sorted((Path(__file__).parents[2] / "examples").glob("*/freehold.yaml"))
    texts = {path.parent.name: path.read_text("utf-8") for path in examples}
    texts |= SPECIFICATIONS | {"words": WORDS, "corner": CORNER, "few": FEW, "crates": CRATES}
    texts |= {f"random {seed}": random_specification(seed) for seed in RANDOM_SEEDS}
    return {name: parse(text) for name, text in texts.items()}


# --- values --------------------------------------------------------------------------------


def conditions(specification: Specification) -> Iterator[tuple[str, Condition]]:
    """Every condition, with the resource whose record it is asked of first."""
    for resource in specification.resources.values():
        locks = resource.locked.when if resource.locked else ()
        for condition in (*(c for rule in rules(resource) for grant in rule for c in grant.when), *locks):
            yield resource.name, condition


_POOLS: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: ("alpha", "bravo", "delta", "été", "a, b", "😀", "mary@example.org", "https://example.org/a"),
    Kind.INTEGER: (0, 1, 2, 10),
    Kind.NUMBER: (0.5, 10, 9.0, -1.5),
    Kind.DECIMAL: ("1.5", "1.50", "10", "9", "-2", "0.0", "0.125"),
    Kind.YES_NO: (True, False),
    Kind.DATE: tuple(str(NOW.date() + n * DAY) for n in (-1, 0, 1)),
    Kind.TIME: tuple((NOW + moment).isoformat() for moment in (-DAY, -INSTANT, 0 * DAY, INSTANT, DAY)),
    Kind.JSON: (0, "a", True, [], {"a": [1, 1.5, None]}),
}


def json_values(kind: Kind) -> tuple[Any, ...]:
    """Values of a kind as they are sent."""
    return _POOLS.get(kind, ())


class Values:
    """Few values for each field, those that conditions ask for among them."""

    def __init__(self, specification: Specification) -> None:
        self._hints: dict[tuple[str, str], list[Any]] = {}
        for name, condition in conditions(specification):
            asked = specification.at(name, condition.path).name
            self._hints.setdefault((asked, condition.field), []).extend(condition.values)
        self._fitting = cache(self._pool)

    def of(self, resource: str, field: Field) -> tuple[Any, ...]:
        """What the field can hold, as domain values; not for what names a record or an account."""
        return self._fitting(resource, field.name, field)

    def _pool(self, resource: str, name: str, field: Field) -> tuple[Any, ...]:
        if field.kind is Kind.ONE_OF:
            return field.values
        hints = self._hints.get((resource, name), [])
        bounds = [bound for bound in (field.minimum, field.maximum, field.default) if bound is not None]
        found = list(hints) * 2 + [bound for bound in bounds if field.kind is not Kind.TEXT]
        for value in _POOLS[field.kind]:
            try:
                found.append(accept(field, value))
            except ValueRefused:
                continue
        return tuple(found)


# --- worlds --------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Everything there is at `NOW`, as plain data."""

    specification: Specification
    state: State

    @property
    def everybody(self) -> tuple[Actor, ...]:
        """Nobody, each account in its session, the engine, and whoever has a link."""
        return (ANONYMOUS, *(actor for actor, alive in self._sessions() if alive), ENGINE, *self._linked())

    def _linked(self) -> Iterator[Actor]:
        """A few links that count, one that has expired, and one that is gone."""
        counting, expired = [], []
        for link in self.state.links.values():
            carried = link.role in self.specification.resources[link.resource].linked_roles
            (counting if link.live(NOW) and carried else expired).append(link)
        for link in (*counting[:LINKS], *expired[:1]):
            yield Actor(link=link.hash)
        if self.state.links:
            yield Actor(link="f" * 64)

    @property
    def stale(self) -> Actor:
        """An account in a session that has ended."""
        return next(actor for actor, alive in self._sessions() if not alive)

    def _sessions(self) -> Iterator[tuple[Actor, bool]]:
        for session in self.state.identity.sessions.values():
            yield Actor(session.account, session.id), session.alive(NOW)

    @property
    def accounts(self) -> list[str]:
        """Their ids."""
        return list(self.state.identity.accounts)

    def of(self, resource: str) -> list[Record]:
        """The records of a resource."""
        return list(self.state.records[resource].values())

    def every(self) -> Iterator[Facts]:
        """All records."""
        return self.state.at(self.specification, NOW).every()

    def facts(self, record: Record) -> Facts:
        """A record, stored or imagined, in this world."""
        return self.state.at(self.specification, NOW).facts(record)


class Draw:
    """Draws one world; the same for the same state of `random`."""

    def __init__(self, specification: Specification, random: Random, each: int = 8) -> None:
        """`each`: how many records of every resource to try."""
        self._specification = specification
        self._random = random
        self._each = each
        self._ids = 0
        self._values = Values(specification)
        self.state = State(IdentityState(), {name: {} for name in specification.resources})
        self._checks = self.state.at(specification, NOW)

    def world(self) -> World:
        """The world."""
        self._accounts()
        for resource in sorted(self._specification.resources.values(), key=self._depth):
            for _ in range(self._each):
                self._record(resource)
        for resource in self._specification.resources.values():
            for record in list(self.state.records[resource.name].values()):
                self._tie_late(resource, record)
            if resource.ladder is not None:
                for record in self.state.records[resource.name]:
                    self._members(resource, record)
        for resource in self._specification.resources.values():
            for record in self.state.records[resource.name] if resource.links is not None else ():
                self._link(resource, record)
        for resource in self._specification.resources.values():
            for record in self.state.records[resource.name].values():
                if resource.ladder is not None:
                    self._invite(resource.ladder, record)
                if resource.rule("transfer"):
                    self._offer(record)
        return World(self._specification, self.state)

    def id(self) -> str:
        """A UUID, in no order, and never one twice, whoever draws."""
        self._ids += 1
        text = blake2b(str(self._ids).encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _chance(self, likely: float) -> bool:
        return self._random.random() < likely

    def _depth(self, resource: Resource) -> int:
        return len(self._specification.chain(resource.name))

    def _accounts(self) -> None:
        ladder = self._specification.staff
        for number, name in enumerate(("mary", "bob", "carol", "dave")):
            staff = ladder.roles[(number - 1) % len(ladder.roles)] if ladder and number in (1, 2) else None
            account = Account(self.id(), f"{name}@example.org", "", NOW - DAY, staff)
            session = Session.start(self.id(), account.id, "", "", NOW - DAY)
            self.state.identity.accounts[account.id] = account
            self.state.identity.sessions[session.id] = session
        ended = Session.start(self.id(), self._account(), "", "", NOW - DAY).revoke(NOW)
        self.state.identity.sessions[ended.id] = ended

    def _account(self) -> str:
        return self._random.choice(list(self.state.identity.accounts))

    def _record(self, resource: Resource) -> None:
        above = list(self.state.records[resource.parent].values()) if resource.parent is not None else []
        if resource.parent is not None and not above:
            return
        parent = self._random.choice(above) if above else None
        made = NOW - self._random.choice((0, 1, 1, 2)) * INSTANT
        record = Record(
            resource.name,
            self.id(),
            self._account() if parent is None else parent.owner,
            None if parent is None else parent.id,
            dict.fromkeys(resource.fields),
            made,
            self._random.choice((made, NOW)),
        )
        for _ in range(4):
            drawn = self._filled(resource, record)
            if self._fits(drawn):
                self.state.records[resource.name][record.id] = drawn
                return

    def _filled(self, resource: Resource, record: Record) -> Record:
        for field in resource.fields.values():
            values = {**record.values, field.name: self._value(resource, field, record)}
            record = replace(record, values=values)
        return record

    def _value(self, resource: Resource, field: Field, record: Record) -> Any:
        if field.kind is Kind.REFERENCE:
            targets = list(self.state.records[str(field.target)])
            return self._random.choice(targets) if targets and not self._chance(0.15) else None
        if field.kind is Kind.COPY and self._chance(0.8):
            source = World(self._specification, self.state).facts(record).follow(field.path)
            if source is None:
                return None
            return source.record.owner if field.copied == "owner" else source.record.values[str(field.copied)]
        typed = self._specification.value_field(resource.name, field.name)
        if self._specification.names_account(resource.name, field.name):
            return None if self._chance(0.15) else self._account()
        if (field.optional or field.kind is Kind.COPY) and self._chance(0.3):
            return None
        return self._random.choice(self._values.of(resource.name, typed))

    def _tie_late(self, resource: Resource, record: Record) -> None:
        """References to records that were drawn later, also in circles."""
        for field in resource.references():
            if self._chance(0.4):
                values = {**record.values, field.name: self._value(resource, field, record)}
                drawn = replace(record, values=values)
                if self._fits(drawn):
                    self.state.records[resource.name][record.id] = record = drawn

    def _fits(self, record: Record) -> bool:
        try:
            self._checks.check_unique(record)
            self._checks.check_limit(record)
        except Conflict:
            return False
        return True

    def _members(self, resource: Resource, record_id: str) -> None:
        assert resource.ladder is not None
        for account in self.state.identity.accounts:
            if self._chance(0.4):
                role, ends = self._random.choice(resource.ladder.roles), self._random.choice(ENDS)
                membership = Membership(resource.name, record_id, account, role, ends)
                self.state.memberships[record_id, account] = membership

    def _link(self, resource: Resource, record_id: str) -> None:
        """Sometimes one of a role that no link may carry (any more)."""
        assert resource.ladder is not None
        if self._chance(0.5):
            link_id, roles = self.id(), resource.linked_roles * 3 + resource.ladder.roles
            hashed = sha256(link_id.encode()).hexdigest()
            role, ends = self._random.choice(roles), self._random.choice(ENDS)
            self.state.links[hashed] = SecretLink(link_id, hashed, resource.name, record_id, role, NOW - DAY, ends)

    def _invite(self, ladder: Ladder, record: Record) -> None:
        """Addresses of accounts, whether or not theirs was proven, and of nobody."""
        accounts = list(self.state.identity.accounts.values())
        for known in self._random.sample([*accounts, None, None], self._random.choice((0, 2, 2))):
            invitation_id = self.id()
            self.state.invitations[invitation_id] = Invitation(
                invitation_id,
                record.resource,
                record.id,
                f"nobody.{invitation_id}@example.org" if known is None else known.email,
                self._random.choice((ladder.roles[0], *ladder.roles)),
                self._random.choice((record.owner, self._account())),
                NOW - DAY,
                self._random.choice(OVER),
                self._random.choice((None, NOW + DAY)),
                known.id if known is not None and self._chance(0.7) else None,
                sha256(invitation_id.encode()).hexdigest() if self._chance(0.7) else None,
            )

    def _offer(self, record: Record) -> None:
        """Sometimes to an account that is not there, or to the record's owner."""
        if self._chance(0.85):
            offer_id, nobody = self.id(), self.id()
            giver = self._random.choice((record.owner, record.owner, self._account()))
            recipient = nobody if self._chance(0.1) else self._account()
            ends = self._random.choice(OVER)
            offer = Offer(offer_id, record.resource, record.id, giver, recipient, NOW - DAY, ends)
            self.state.offers[offer_id] = offer


def draw(specification: Specification, seed: int, each: int = 8) -> World:
    """The world with this seed."""
    return Draw(specification, Random(seed), each).world()  # noqa: S311 - seeded on purpose


# --- the same world in a file --------------------------------------------------------------


def engine_key() -> tuple[Any, dict[str, Any]]:
    """The INSERT of the key by which the engine acts, and its row."""
    table, at = builtin.table_of(builtin.ApiKeyRow), stored_time(NOW)
    row = {
        "id": ENGINE.name,
        "hash": "9" * 64,
        "name": "engine",
        "actions": "[]",
        "resources": "[]",
        "created_at": at,
        "expires_at": stored_time(NOW + DAY),
    }
    return insert(table).values({name: param(name, table.c[name].type) for name in row}), row


def store(world: World, tables: Tables, path: Path) -> None:
    """Put the world into a new SQLite file, row by row as the tables keep it; the keys are checked at the end."""
    connection = connect(path)
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("BEGIN")
    for table in (*builtin.mapped.metadata.sorted_tables, *tables.of.values()):
        connection.execute(str(CreateTable(table).compile(dialect=DIALECT)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=DIALECT)))
    for statement, rows in filling(
        tables, world.state.at(world.specification, NOW), world.state.identity.sessions.values()
    ):
        if rows:
            connection.executemany(Prepared(statement, DIALECT).sql, rows)
    statement, row = engine_key()
    connection.execute(Prepared(statement, DIALECT).sql, row)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.execute("COMMIT")
    connection.close()


async def store_in_postgres(world: World, tables: Tables, url: str) -> None:
    """Put the world into a PostgreSQL database that has the tables, as superuser; SQLite checks the same keys."""
    pool = Pool(url, Limits(size=1))
    connection = await pool.take()
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for statement, rows in filling(
            tables, world.state.at(world.specification, NOW), world.state.identity.sessions.values()
        ):
            if rows:
                prepared = Prepared(statement, postgres.DIALECT)
                await connection.executemany(prepared.sql, [postgres.positional(prepared, row) for row in rows])
        statement, row = engine_key()
        prepared = Prepared(statement, postgres.DIALECT)
        await connection.execute(prepared.sql, *postgres.positional(prepared, row))
    pool.give(connection)
    await pool.close()
