"""Somebody who runs SQL of their own as the application's role: by an injection, or with its stolen password.

What the second wall promises is that nothing is seen or written but as a caller whom the settings name, and then no
more than that caller's rights. Each test is one attempt to climb it. What it does not promise is in
`docs/row-level-security.md`; what of that is known to leak is written down here too, as a test, so that it stays known.
"""
# ruff: noqa: S608 - SQL in texts is what this is about

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from adapters.persistence.sql import postgres_inspection, second_wall
from adapters.persistence.sql.migrating import within
from adapters.persistence.sql.policies import OWN_CLOCK, TOLD_CLOCK, words
from domain.specification.model import Specification
from tests.application.world import example, specification
from tests.conftest import PostgresDatabase, tables_of
from tests.postgres import APPLICATION, Server, Throwaway

NOW, YESTERDAY = "2026-11-23 09:30:00+00", "2026-11-22 09:30:00+00"
MARY, JOHN, EVE = (f"00000000-0000-7000-8000-00000000000{i}" for i in (1, 2, 3))
PRIVATE, SHARED, HIDDEN, PUBLIC, BY_LINK = (f"00000000-0000-7000-8000-00000000001{i}" for i in range(5))
SESSION, EVES_SESSION, NEW = (f"00000000-0000-7000-8000-00000000002{i}" for i in range(3))
TOKEN, LINK, API_KEY, LETTER = "a" * 64, "b" * 64, "c" * 64, "f" * 64
TO_SHARED, TO_PRIVATE_ONCE = "d" * 64, "e" * 64
"""hashes of secret links: one that counts, and one that has expired"""
SECRET = "the hidden treasure"
BUILT_IN = (
    *("accounts", "sessions", "refresh_tokens", "memberships", "audit", "signing_keys", "links", "letters"),
    *("second_factors", "api_keys", "secret_links", "invitations", "offers", "idempotency_keys"),
)
PEOPLE = f"""
INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled) VALUES
  ('{MARY}', 'mary@example.com', 'hash of mary', '{NOW}', false),
  ('{JOHN}', 'john@example.com', 'hash of john', '{NOW}', false),
  ('{EVE}', 'eve@example.com', 'hash of eve', '{NOW}', false);
INSERT INTO freehold_sessions (id, account, created_at, last_used_at, idle_end, absolute_end, device, address) VALUES
  ('{SESSION}', '{MARY}', '{NOW}', '{NOW}', '2027-01-01', '2027-01-01', 'laptop', '192.0.2.1'),
  ('{EVES_SESSION}', '{EVE}', '{NOW}', '{NOW}', '2027-01-01', '2027-01-01', 'phone', '192.0.2.2');
INSERT INTO freehold_refresh_tokens (hash, session, created_at) VALUES ('{TOKEN}', '{SESSION}', '{NOW}');
INSERT INTO freehold_audit (kind, account, at, data) VALUES ('signed_in', '{MARY}', '{NOW}', '{{}}');
INSERT INTO freehold_signing_keys (kid, state, public, private_sealed, created_at, since)
  VALUES ('one', 'active', '{{}}', 'sealed', '{NOW}', '{NOW}');
INSERT INTO freehold_links (hash, purpose, email, expires_at, account)
  VALUES ('{LINK}', 'reset', 'mary@example.com', '2999-01-01', '{MARY}');
INSERT INTO freehold_letters (id, kind, email, created_at, due_at, account, attempts)
  VALUES ('{SESSION}', 'change', 'mary@example.org', '{NOW}', '{NOW}', '{MARY}', 0);
INSERT INTO freehold_second_factors (account, secret_sealed, last_step, recovery) VALUES ('{MARY}', 'sealed', 0, '[]');
INSERT INTO freehold_api_keys (id, account, hash, name, actions, resources, created_at, expires_at)
  VALUES ('{SESSION}', '{MARY}', '{API_KEY}', 'backup', '["read"]', '["note"]', '{NOW}', '2999-01-01');
INSERT INTO freehold_idempotency_keys (hash, account, answer_sealed, expires_at)
  VALUES ('{LINK}', '{MARY}', 'sealed', '2999-01-01'), ('{API_KEY}', NULL, 'sealed', '2999-01-01');
"""
NOTES = f"""
INSERT INTO notebooks (owner, id, title, archived, created_at, updated_at) VALUES
  ('{MARY}', '{PRIVATE}', '{SECRET}', false, '{NOW}', '{NOW}'),
  ('{MARY}', '{SHARED}', 'Shared', true, '{NOW}', '{NOW}');
INSERT INTO notes (owner, id, notebook, author, title, body, audience, created_at, updated_at) VALUES
  ('{MARY}', '{HIDDEN}', '{PRIVATE}', '{MARY}', '{SECRET}', '7', 'members', '{NOW}', '{NOW}'),
  ('{MARY}', '{PUBLIC}', '{SHARED}', '{MARY}', 'Public', '8', 'everyone', '{NOW}', '{NOW}'),
  ('{MARY}', '{BY_LINK}', '{PRIVATE}', '{MARY}', 'By link', '9', 'link_only', '{NOW}', '{NOW}');
INSERT INTO freehold_memberships (resource, record, account, role, expires_at) VALUES
  ('notebook', '{SHARED}', '{JOHN}', 'viewer', NULL), ('notebook', '{PRIVATE}', '{EVE}', 'editor', '{YESTERDAY}');
INSERT INTO freehold_invitations
  (id, resource, record, email, role, inviter, created_at, ends_at, account, hash)
VALUES
  ('{SESSION}', 'notebook', '{PRIVATE}', 'new@example.com', 'viewer', '{MARY}', '{NOW}', '2999-1-1', NULL, '{LETTER}'),
  ('{EVES_SESSION}', 'notebook', '{PRIVATE}', 'j@example.com', 'editor', '{MARY}', '{NOW}', '2999-1-1', '{JOHN}', NULL);
INSERT INTO freehold_offers (id, resource, record, giver, recipient, created_at, ends_at) VALUES
  ('{SESSION}', 'notebook', '{PRIVATE}', '{MARY}', '{JOHN}', '{NOW}', '2999-1-1');
INSERT INTO freehold_secret_links (id, hash, resource, record, role, created_at, expires_at) VALUES
  ('{SESSION}', '{TO_SHARED}', 'notebook', '{SHARED}', 'viewer', '{NOW}', NULL),
  ('{NEW}', '{TO_PRIVATE_ONCE}', 'notebook', '{PRIVATE}', 'viewer', '{NOW}', '{YESTERDAY}');
"""
MARKET = f"""
INSERT INTO listings (owner, id, title, price, state, created_at, updated_at) VALUES
  ('{MARY}', '{PRIVATE}', '{SECRET}', 7, 'draft', '{NOW}', '{NOW}'),
  ('{MARY}', '{SHARED}', 'Open', 8, 'open', '{NOW}', '{NOW}');
INSERT INTO orders (owner, id, listing, listing__owner, seller, price, ship_to, status, created_at, updated_at)
  VALUES ('{JOHN}', '{HIDDEN}', '{SHARED}', '{MARY}', '{MARY}', 8, '{SECRET}', 'asked', '{NOW}', '{NOW}');
"""
CONDUIT = f"""
INSERT INTO profiles (owner, id, username, bio, email, created_at, updated_at) VALUES
  ('{MARY}', '{PRIVATE}', 'mary', '', 'mary@example.com', '{NOW}', '{NOW}');
INSERT INTO articles (owner, id, profile, slug, title, body, state, audience, created_at, updated_at) VALUES
  ('{MARY}', '{HIDDEN}', '{PRIVATE}', 'draft', '{SECRET}', '', 'draft', 'everyone', '{NOW}', '{NOW}'),
  ('{MARY}', '{BY_LINK}', '{PRIVATE}', 'few', 'For few', '', 'published', 'followers', '{NOW}', '{NOW}');
"""
VAULTS = specification("""
staff: auditor
resources:
  vault:
    owner: account
    roles: keeper > guest
    fields: {name: text, code: text, weight: {type: integer, max: 9}}
    unique: code everywhere
    limit: 2 per owner
    can:
      create: signed in
      read: [owner, guest, staff.auditor]
      update: [owner, keeper]
      delete: owner
      share: owner
      members: keeper
  item:
    owner: vault
    fields: {text: text, holder: {type: account, optional: yes}, beside: {type: item, optional: yes, when_gone: empty}}
    can:
      create: [owner, keeper]
      read: [owner, vault.guest, holder when vault.weight is 7]
      update: [owner, keeper]
      delete: owner
      move: owner
""")
VAULT = f"""
INSERT INTO vaults (owner, id, name, code, weight, created_at, updated_at) VALUES
  ('{MARY}', '{PRIVATE}', 'Mine', '{SECRET}', 7, '{NOW}', '{NOW}'),
  ('{EVE}', '{SHARED}', 'Theirs', 'eve', 8, '{NOW}', '{NOW}');
INSERT INTO items (owner, id, vault, text, created_at, updated_at) VALUES
  ('{MARY}', '{HIDDEN}', '{PRIVATE}', '{SECRET}', '{NOW}', '{NOW}'),
  ('{EVE}', '{PUBLIC}', '{SHARED}', 'Ring', '{NOW}', '{NOW}');
"""
RECORDS = {"notes": NOTES, "market": MARKET, "conduit": CONDUIT, "vaults": VAULT}


class Attacker:
    """A connection in the application's role."""

    def __init__(self, connection: Any, tables: list[str]) -> None:
        self.connection = connection
        self.tables = tables

    async def be(self, account: str, *shown: str, service: str = "", link: str = "", now: str = NOW) -> None:
        """Say who acts, until the transaction ends."""
        said = {"account": account, "presented": " ".join(shown), "service": service, "link": link, "now": now}
        for name, value in said.items():
            await self.connection.execute(f"SELECT set_config('app.{name}', $1, true)", value)

    async def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement finds."""
        return [tuple(row) for row in await self.connection.fetch(sql, *values)]

    async def one(self, sql: str, *values: Any) -> Any:
        """The one value that a statement finds."""
        return await self.connection.fetchval(sql, *values)

    async def touches(self, sql: str, *values: Any) -> int:
        """How many rows a write touches."""
        status: str = await self.connection.execute(sql, *values)
        return int(status.rpartition(" ")[2])

    async def refused(self, *attempts: str) -> list[str]:
        """Everything that is said when these are refused, which each of them is, for want of a right."""
        said = []
        for sql in attempts:
            error = await self.fails(sql)
            assert isinstance(error, asyncpg.InsufficientPrivilegeError), f"{sql}: {error!r}"
            said.append(_everything(error))
        return said

    async def fails(self, sql: str) -> asyncpg.PostgresError:
        """The error of a statement."""
        try:
            async with self.connection.transaction():
                found = await self.connection.execute(sql)
        except asyncpg.PostgresError as error:
            return error
        raise AssertionError(f"was not refused: {sql} ({found})")

    async def counts(self) -> dict[str, int]:
        """Of each table, how many rows are seen."""
        return {table: await self.one(f"SELECT count(*) FROM {table}") for table in self.tables}


def _everything(error: asyncpg.PostgresError) -> str:
    return " ".join(str(value) for value in error.as_dict().values())


class Databases:
    """One for each specification, with people and records in it."""

    def __init__(self, server: Server, template: PostgresDatabase) -> None:
        self._server = server
        self._template = template
        self.made: dict[str, Throwaway] = {}

    def of(self, name: str) -> Throwaway:
        """Made once; who changes it for good asks for `new`."""
        if name not in self.made:
            self.made[name] = self.new(name)
        return self.made[name]

    def new(self, name: str) -> Throwaway:
        """One of one's own."""
        found: Specification = VAULTS if name == "vaults" else example(name)
        database = self._server.new(self._template(found).name)
        for statement in (PEOPLE + RECORDS[name]).split(";\n"):
            self._server.execute(statement, database.name)
        return database


@pytest.fixture(scope="module")
def databases(postgres_server: Server, postgres_template: PostgresDatabase) -> Iterator[Databases]:
    made = Databases(postgres_server, postgres_template)
    yield made
    for database in made.made.values():
        postgres_server.drop(database)


@pytest.fixture
def own(postgres_server: Server, databases: Databases) -> Iterator[Throwaway]:
    """A database of notes that a test may spoil."""
    made = databases.new("notes")
    yield made
    postgres_server.drop(made)


@asynccontextmanager
async def attacking(database: Throwaway) -> AsyncIterator[Attacker]:
    """In a transaction that is undone."""
    connection = await asyncpg.connect(database.url)
    try:
        found = await connection.fetch(
            "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname NOT IN ('alembic_version', 'freehold_app_version', 'freehold_specification')"
        )
        transaction = connection.transaction()
        await transaction.start()
        yield Attacker(connection, [row[0] for row in found])
        await transaction.rollback()
    finally:
        await connection.close()


@pytest.fixture(params=RECORDS)
async def anybody(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[Attacker]:
    """In the database of each specification."""
    async with attacking(databases.of(request.param)) as attacker:
        yield attacker


@pytest.fixture
async def attacker(databases: Databases) -> AsyncIterator[Attacker]:
    """In the notes."""
    async with attacking(databases.of("notes")) as attacker:
        yield attacker


@pytest.fixture
async def robber(databases: Databases) -> AsyncIterator[Attacker]:
    """Among the vaults."""
    async with attacking(databases.of("vaults")) as attacker:
        yield attacker


# --- without a principal -------------------------------------------------------------------


async def test_nothing_is_visible_while_nobody_is_named(anybody: Attacker) -> None:
    assert set((await anybody.counts()).values()) == {0}
    assert len(anybody.tables) > len(BUILT_IN)


async def test_nothing_is_visible_after_a_principal_was_reset(anybody: Attacker) -> None:
    await anybody.be(MARY)
    assert any((await anybody.counts()).values())
    for reset in ("RESET app.account", "SET LOCAL app.account = ''", "SET LOCAL app.account TO DEFAULT"):
        await anybody.be(MARY)
        await anybody.connection.execute(reset)
        assert set((await anybody.counts()).values()) == {0}, reset


async def test_ids_alone_open_nothing_while_nobody_is_named(attacker: Attacker) -> None:
    """Neither through a policy nor through the functions, also of records that anybody may open."""
    await attacker.be("", HIDDEN, PUBLIC, BY_LINK, PRIVATE, SHARED)
    assert set((await attacker.counts()).values()) == {0}
    for name in (HIDDEN, PUBLIC, BY_LINK):
        assert await attacker.rows("SELECT * FROM freehold.notes_facts($1, NULL)", name) == []
        assert await attacker.one("SELECT freehold.notes_opens($1)", name) is False


async def test_every_function_is_silent_while_nobody_is_named(anybody: Attacker) -> None:
    """Each one, with every id there is in every place."""
    await anybody.be("")
    for name, kinds, returns in await _functions(anybody):
        for given in product((MARY, EVE, PRIVATE, SHARED, HIDDEN, PUBLIC, BY_LINK), repeat=kinds.count("uuid")):
            left = iter(given)
            values = [f"'{next(left)}'::uuid" if kind == "uuid" else f"NULL::{kind}" for kind in kinds]
            call = f"SELECT * FROM freehold.{name}({', '.join(values)})"
            assert returns == "void" or await anybody.rows(call) in ([], [(False,)]), call


async def test_a_principal_that_is_no_id_is_an_error_and_shows_nothing(anybody: Attacker) -> None:
    for name in ("everybody", "*", "' OR true --", "%"):
        await anybody.connection.execute("SELECT set_config('app.account', $1, true)", name)
        error = await anybody.fails("SELECT * FROM freehold_memberships")
        assert isinstance(error, asyncpg.InvalidTextRepresentationError)


async def test_an_account_that_is_not_there_sees_what_anybody_sees(anybody: Attacker) -> None:
    await anybody.be("anonymous")
    public = await anybody.counts()
    await anybody.be(NEW)
    assert await anybody.counts() == public


# --- what is shown -------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["", "%", "mary", "mary@example.co", "MARY@EXAMPLE.COM", "*", f"{MARY} {JOHN}"])
async def test_accounts_are_found_by_their_whole_address_or_id_and_one_at_a_time(
    attacker: Attacker, shown: str
) -> None:
    await attacker.be("", shown)
    assert await attacker.rows("SELECT id FROM freehold_accounts") == []


async def test_who_shows_an_address_sees_that_account_and_no_other(attacker: Attacker) -> None:
    """It is what a sign-in does."""
    await attacker.be("", "mary@example.com")
    assert await attacker.rows("SELECT id::text FROM freehold_accounts") == [(MARY,)]
    assert set((await attacker.counts()).values()) == {0, 1}


async def test_sessions_and_tokens_of_others_need_their_whole_name(attacker: Attacker) -> None:
    for shown in ("", "%", TOKEN[:63], f"{TOKEN} {SESSION}", SESSION.replace("-", "")):
        await attacker.be(EVE, shown)
        assert await attacker.rows("SELECT id::text FROM freehold_sessions") == [(EVES_SESSION,)]
        assert await attacker.rows("SELECT hash FROM freehold_refresh_tokens") == []


async def test_sessions_and_tokens_are_deleted_where_they_are_over_and_by_the_service_alone(attacker: Attacker) -> None:
    deletions = ("DELETE FROM freehold_refresh_tokens", "DELETE FROM freehold_sessions")
    for account, shown, service, now in (
        (EVE, "", "", "2027-01-01"),
        (MARY, SESSION, "", "2027-01-01"),
        (MARY, TOKEN, "mail", "2027-01-01"),
        ("", "", "sessions", "2026-12-31 23:59:59"),
    ):
        await attacker.be(account, shown, service=service, now=now)
        assert [await attacker.touches(sql) for sql in deletions] == [0, 0]
    await attacker.be("", service="sessions")
    assert await attacker.rows("SELECT * FROM freehold_sessions") == [], "the service sees none that still counts"
    assert await attacker.rows("SELECT * FROM freehold_refresh_tokens") == []
    await attacker.be("", service="sessions", now="2027-01-01")
    assert [await attacker.touches(sql) for sql in deletions] == [1, 2]


async def test_an_id_that_is_shown_opens_only_what_its_caller_may_open(attacker: Attacker) -> None:
    await attacker.be(EVE, HIDDEN, BY_LINK)
    assert {row[0] for row in await attacker.rows("SELECT id::text FROM notes")} == {BY_LINK, PUBLIC}
    await attacker.be(EVE)
    assert {row[0] for row in await attacker.rows("SELECT id::text FROM notes")} == {PUBLIC}


async def test_signing_keys_are_seen_by_the_service_alone(attacker: Attacker) -> None:
    for service in ("", "audit", "Signing keys", "signing keys,audit"):
        await attacker.be(MARY, "one", service=service)
        assert await attacker.rows("SELECT * FROM freehold_signing_keys") == []
        await attacker.refused("INSERT INTO freehold_signing_keys VALUES ('two', 'next', '{}', 'x', now(), now())")
        assert await attacker.touches("DELETE FROM freehold_signing_keys") == 0


async def test_a_signing_key_cannot_be_changed_but_for_its_state_and_since_when(attacker: Attacker) -> None:
    """Who passes for the service can: see `tokens._open`, where a public key that was put in has no effect."""
    await attacker.be("", service="signing keys")
    await attacker.refused(
        "UPDATE freehold_signing_keys SET public = '{}'",
        "UPDATE freehold_signing_keys SET private_sealed = ''",
        "UPDATE freehold_signing_keys SET kid = 'two'",
        "UPDATE freehold_signing_keys SET created_at = now()",
    )


async def test_a_link_is_its_holders_and_the_outbox_the_services(attacker: Attacker) -> None:
    """Who asks for a mail learns from neither whether there is such an account."""
    letter = f"INSERT INTO freehold_letters VALUES ('{NEW}', 'reset', 'x@example.com', now(), now(), NULL, NULL, 0)"
    link = f"INSERT INTO freehold_links VALUES ('{TOKEN}', 'reset', 'mary@example.com', '2999-01-01', '{MARY}', NULL)"
    for shown in ("", "%", LINK[:63], LINK.upper(), "mary@example.com", MARY, SESSION):
        await attacker.be(EVE, shown)
        for table in ("links", "letters"):
            assert await attacker.rows(f"SELECT * FROM freehold_{table}") == []
            assert await attacker.touches(f"DELETE FROM freehold_{table}") == 0
        await attacker.refused(letter, link)
    await attacker.be("", service="mail")
    assert await attacker.rows("SELECT * FROM freehold_links") == [], "the service sees none that still counts"
    await attacker.refused(
        "UPDATE freehold_links SET expires_at = now()",
        f"UPDATE freehold_links SET account = '{EVE}'",
        "UPDATE freehold_letters SET email = 'eve@example.com'",
        "UPDATE freehold_letters SET kind = 'invitation'",
    )


async def test_second_factors_and_api_keys_are_their_accounts(attacker: Attacker) -> None:
    """Whoever shows a key finds that one and changes nothing of it; nobody widens a key of their own."""
    key = "INSERT INTO freehold_api_keys VALUES ('{}', '{}', '{}', '', '[]', '[]', now(), now())"
    for shown in ("", "%", API_KEY[:63], API_KEY.upper(), "mary@example.com", MARY, SESSION):
        await attacker.be(EVE, shown)
        for table in ("second_factors", "api_keys"):
            assert await attacker.rows(f"SELECT * FROM freehold_{table}") == []
        assert await attacker.touches("DELETE FROM freehold_second_factors") == 0
        assert await attacker.touches("UPDATE freehold_second_factors SET confirmed_at = NULL") == 0
        await attacker.refused(
            key.format(NEW, MARY, TOKEN), f"INSERT INTO freehold_second_factors VALUES ('{JOHN}', '', NULL, 0, '[]')"
        )
    await attacker.be(EVE, API_KEY)
    assert await attacker.rows("SELECT account::text FROM freehold_api_keys") == [(MARY,)]
    assert await attacker.touches("UPDATE freehold_api_keys SET revoked_at = now()") == 0
    await attacker.be(MARY)
    await attacker.refused(
        "UPDATE freehold_second_factors SET secret_sealed = ''",
        f"UPDATE freehold_second_factors SET account = '{EVE}'",
        "UPDATE freehold_api_keys SET expires_at = now()",
        "UPDATE freehold_api_keys SET actions = '[]'",
        "UPDATE freehold_api_keys SET resources = '[]'",
        "UPDATE freehold_api_keys SET hash = ''",
        f"UPDATE freehold_api_keys SET account = '{EVE}'",
        "DELETE FROM freehold_api_keys",
    )


async def test_an_invitation_is_for_whom_it_is_for_and_for_who_shares(attacker: Attacker) -> None:
    """Nobody else finds one, answers it, or makes one of what is not theirs to give."""
    made = (
        "INSERT INTO freehold_invitations VALUES ('{}', 'notebook', '{}', 'x@example.com', '{}', '{}', now(), "
        "'2999-01-01', NULL, {}, NULL)"
    )
    for shown in ("", "%", LETTER[:63], LETTER.upper(), "new@example.com", "j@example.com", MARY, SESSION):
        for account in (EVE, "anonymous"):
            await attacker.be(account, shown)
            assert await attacker.rows("SELECT * FROM freehold_invitations") == [], (account, shown)
            assert await attacker.touches("DELETE FROM freehold_invitations") == 0
            assert await attacker.touches(f"UPDATE freehold_invitations SET account = '{EVE}'") == 0
    await attacker.be(EVE)
    await attacker.refused(
        made.format(NEW, PRIVATE, "viewer", EVE, f"'{EVE}'"),
        made.format(NEW, PRIVATE, "viewer", MARY, f"'{EVE}'"),
        made.format(NEW, SHARED, "viewer", EVE, "NULL"),
        f"INSERT INTO freehold_memberships VALUES ('notebook', '{PRIVATE}', '{EVE}', 'viewer', NULL)",
    )
    await attacker.be(JOHN)
    assert await attacker.rows("SELECT id::text FROM freehold_invitations") == [(EVES_SESSION,)]
    # the membership is given in the inviter's name: who is invited gives itself none
    await attacker.refused(
        f"INSERT INTO freehold_memberships VALUES ('notebook', '{PRIVATE}', '{JOHN}', 'editor', NULL)",
        "UPDATE freehold_invitations SET role = 'editor'",
        f"UPDATE freehold_invitations SET record = '{SHARED}'",
    )
    await attacker.be(MARY)
    assert await attacker.one("SELECT count(*) FROM freehold_invitations") == 2
    await attacker.refused(
        made.format(NEW, PRIVATE, "viewer", EVE, "NULL"), "UPDATE freehold_invitations SET role = 'editor'"
    )
    assert await attacker.touches(f"UPDATE freehold_invitations SET account = '{EVE}'") == 0


async def test_an_offer_is_for_its_recipient_and_for_who_may_hand_over(attacker: Attacker) -> None:
    """Nobody else finds one, accepts it, or makes one of what is not theirs to give."""
    made = "INSERT INTO freehold_offers VALUES ('{}', 'notebook', '{}', '{}', '{}', now(), '2999-1-1')"
    handing = "SELECT * FROM freehold.notebooks_hand_over('{}', '{}')"
    for account in (EVE, "anonymous", ""):
        await attacker.be(account, PRIVATE, SESSION)
        assert await attacker.rows("SELECT * FROM freehold_offers") == []
        assert await attacker.touches("DELETE FROM freehold_offers") == 0
        assert await attacker.rows(handing.format(SESSION, PRIVATE)) == []
        await attacker.refused(f"UPDATE freehold_offers SET recipient = '{EVE}'")
    await attacker.be(EVE)
    await attacker.refused(
        made.format(NEW, PRIVATE, EVE, EVE),
        made.format(NEW, PRIVATE, MARY, EVE),
        made.format(NEW, SHARED, EVE, EVE),
        f"UPDATE notebooks SET owner = '{EVE}'",
    )
    await attacker.be(MARY)
    await attacker.refused(made.format(NEW, SHARED, EVE, EVE), f"UPDATE notebooks SET owner = '{EVE}'")
    assert await attacker.rows(handing.format(SESSION, PRIVATE)) == [], "the recipient accepts, not the giver"
    await attacker.be(JOHN)
    assert await attacker.rows("SELECT id::text FROM freehold_offers") == [(SESSION,)]
    await attacker.refused(made.format(NEW, PRIVATE, JOHN, JOHN))
    assert await attacker.rows(handing.format(SESSION, SHARED)) == [], "it is of another record"
    assert await attacker.rows(handing.format(NEW, PRIVATE)) == []
    assert await attacker.rows(handing.format(SESSION, PRIVATE)) == [(UUID(PRIVATE),)]
    assert await attacker.one(f"SELECT owner::text FROM notebooks WHERE id = '{PRIVATE}'") == JOHN
    assert await attacker.rows(handing.format(SESSION, PRIVATE)) == [], "once"


async def test_what_the_giver_may_no_longer_hand_over_is_not_taken(own: Throwaway, postgres_server: Server) -> None:
    """The function asks the rule in the giver's name, and comes back to the caller's whatever it finds."""
    postgres_server.execute(f"UPDATE notebooks SET owner = '{EVE}' WHERE id = '{PRIVATE}'", own.name)
    async with attacking(own) as attacker:
        await attacker.be(JOHN)
        assert await attacker.rows(f"SELECT * FROM freehold.notebooks_hand_over('{SESSION}', '{PRIVATE}')") == []
        assert await attacker.one("SELECT current_setting('app.account')") == JOHN


async def test_who_has_the_letter_of_an_invitation_finds_that_one(attacker: Attacker) -> None:
    await attacker.be(EVE, LETTER)
    assert await attacker.rows("SELECT id::text FROM freehold_invitations") == [(SESSION,)]
    await attacker.be("", LETTER)
    assert await attacker.rows("SELECT id::text FROM freehold_invitations") == []


async def test_the_service_sees_one_invitation_or_address_at_a_time(attacker: Attacker) -> None:
    for shown in ("", "%", MARY, LETTER):
        await attacker.be("", shown, service="mail")
        assert await attacker.rows("SELECT id::text FROM freehold_invitations") == []
    for shown in (SESSION, "new@example.com"):
        await attacker.be("", shown, service="mail")
        assert await attacker.rows("SELECT id::text FROM freehold_invitations") == [(SESSION,)]
        await attacker.refused(
            "UPDATE freehold_invitations SET role = 'editor'", "UPDATE freehold_invitations SET email = 'x'"
        )
        assert await attacker.touches("DELETE FROM freehold_invitations") == 0


async def test_a_secret_link_opens_what_it_is_to_and_nothing_is_changed_by_it(attacker: Attacker) -> None:
    """Whoever runs SQL needs the hash of a link that counts; made up, cut or expired ones are nobody."""
    for link in ("", "%", NEW, SHARED, TO_SHARED[:63], TO_SHARED.upper(), f"{TO_SHARED} ", "f" * 64):
        await attacker.be("", link=link)
        assert await attacker.rows("SELECT * FROM notebooks") == [], link
        assert await attacker.rows("SELECT * FROM freehold_secret_links") == [], link
    await attacker.be("", link=TO_PRIVATE_ONCE)
    assert await attacker.rows("SELECT * FROM notebooks") == [], "it has expired"
    await attacker.be("", PRIVATE, HIDDEN, SHARED, PUBLIC, link=TO_SHARED)
    assert await attacker.rows("SELECT title FROM notebooks") == [("Shared",)]
    assert await attacker.rows("SELECT title FROM notes") == [("Public",)]
    assert await attacker.rows("SELECT record::text FROM freehold_secret_links") == [(SHARED,)], "itself, and no other"
    for table in ("accounts", "sessions", "memberships", "audit", "api_keys"):
        assert await attacker.rows(f"SELECT * FROM freehold_{table}") == [], table
    for table in ("notebooks", "notes", "comments", "bookmarks"):
        assert await attacker.touches(f"UPDATE {table} SET updated_at = now()") == 0, table
        assert await attacker.touches(f"DELETE FROM {table}") == 0, table
    assert await attacker.touches("DELETE FROM freehold_secret_links") == 0
    made = "INSERT INTO freehold_secret_links VALUES ('{}', '{}', 'notebook', '{}', '{}', now(), NULL)"
    member = f"INSERT INTO freehold_memberships VALUES ('notebook', '{SHARED}', '{EVE}', 'viewer', NULL)"
    note = f"INSERT INTO notes VALUES ('{MARY}', '{NEW}', '{SHARED}', NULL, '', '', 'everyone', now(), now())"
    await attacker.refused(made.format(EVE, LINK, SHARED, "viewer"), member, note)


async def test_a_secret_link_is_made_by_who_may_share_and_never_changed(attacker: Attacker) -> None:
    made = "INSERT INTO freehold_secret_links VALUES ('{}', '{}', '{}', '{}', '{}', now(), NULL)"
    for account in (JOHN, EVE, "anonymous", ""):
        await attacker.be(account, SHARED, PRIVATE)
        assert await attacker.rows("SELECT * FROM freehold_secret_links") == [], account
        assert await attacker.touches("DELETE FROM freehold_secret_links") == 0, account
        await attacker.refused(made.format(EVE, LINK, "notebook", SHARED, "viewer"))
    await attacker.be(MARY)
    assert len(await attacker.rows("SELECT * FROM freehold_secret_links")) == 2
    await attacker.refused(
        made.format(EVE, LINK, "notebook", SHARED, "editor"),
        made.format(EVE, LINK, "notebook", SHARED, "owner"),
        made.format(EVE, LINK, "note", PUBLIC, "viewer"),
        made.format(EVE, LINK, "notebook", PUBLIC, "viewer"),
        "UPDATE freehold_secret_links SET role = 'editor'",
        f"UPDATE freehold_secret_links SET record = '{PRIVATE}'",
        "UPDATE freehold_secret_links SET expires_at = NULL",
    )
    assert await attacker.touches(made.format(EVE, LINK, "notebook", SHARED, "viewer")) == 1
    assert await attacker.touches(f"DELETE FROM notebooks WHERE id = '{SHARED}'") == 1
    await attacker.be("", link=TO_SHARED)
    assert await attacker.rows("SELECT * FROM freehold_secret_links") == [], "they end with their record"


async def test_what_was_answered_is_its_accounts_and_stays(attacker: Attacker) -> None:
    """Neither another's answer nor the engine's is found by its hash; what counts is forgotten by nobody."""
    row = "INSERT INTO freehold_idempotency_keys VALUES ('{}', {}, '', '2999-01-01')"
    for account in (EVE, "anonymous", ""):
        for shown in ("", "%", LINK, API_KEY, MARY, SESSION):
            await attacker.be(account, shown)
            assert await attacker.rows("SELECT * FROM freehold_idempotency_keys") == []
            assert await attacker.touches("DELETE FROM freehold_idempotency_keys") == 0
            await attacker.refused(row.format(TOKEN, f"'{MARY}'"), row.format(TOKEN, "NULL"))
    await attacker.be("", service="keys")
    assert await attacker.rows("SELECT * FROM freehold_idempotency_keys") == [], "the service sees none that counts"
    await attacker.be(MARY)
    assert await attacker.rows("SELECT hash FROM freehold_idempotency_keys") == [(LINK,)]
    assert await attacker.touches("DELETE FROM freehold_idempotency_keys") == 0
    await attacker.refused(
        "UPDATE freehold_idempotency_keys SET answer_sealed = ''",
        "UPDATE freehold_idempotency_keys SET expires_at = now()",
        f"UPDATE freehold_idempotency_keys SET account = '{EVE}'",
    )


async def test_nobody_makes_a_key_of_the_engine_or_acts_as_it_without_one(attacker: Attacker) -> None:
    """Only the owner of the tables makes them. What names none, or one that ended, is nobody."""
    made = "INSERT INTO freehold_api_keys (id, hash, name, actions, resources, created_at, expires_at) VALUES "
    for account in (EVE, "anonymous", ""):
        await attacker.be(account)
        await attacker.refused(f"{made} ('{NEW}', '{TOKEN}', '', '[]', '[]', now(), now() + interval '1 day')")
    for named in ("", NEW, MARY, SESSION):
        await attacker.be("anonymous", SESSION)
        await attacker.connection.execute("SELECT set_config('app.engine', $1, true)", named)
        assert await attacker.one("SELECT freehold.engine()") is False, named
        assert await attacker.rows("SELECT * FROM freehold_api_keys WHERE account IS NULL") == []


# --- above the rules -----------------------------------------------------------------------


async def test_no_other_role_is_taken_on(attacker: Attacker) -> None:
    await attacker.refused(
        "SET ROLE freehold_owner",
        "SET ROLE tester",
        "SET ROLE pg_read_all_data",
        "SET SESSION AUTHORIZATION freehold_owner",
        "SET SESSION AUTHORIZATION tester",
        f"GRANT freehold_owner TO {APPLICATION}",
        f"ALTER ROLE {APPLICATION} BYPASSRLS",
        f"ALTER ROLE {APPLICATION} SUPERUSER",
        f"ALTER ROLE {APPLICATION} CREATEROLE",
        "CREATE ROLE mine",
        "DROP ROLE freehold_owner",
    )
    await attacker.connection.execute("RESET ROLE")
    await attacker.connection.execute("RESET SESSION AUTHORIZATION")
    assert await attacker.one("SELECT current_user::text") == APPLICATION


async def test_row_security_switched_off_is_an_error_and_not_more_rows(anybody: Attacker) -> None:
    await anybody.be(MARY)
    await anybody.connection.execute("SET LOCAL row_security = off")
    await anybody.refused(*(f"SELECT * FROM {table}" for table in anybody.tables))


async def test_the_wall_cannot_be_changed(anybody: Attacker) -> None:
    await anybody.be(MARY)
    for table in anybody.tables:
        await anybody.refused(
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"DROP POLICY freehold_select ON {table}",
            f"ALTER POLICY freehold_select ON {table} USING (true)",
            f"CREATE POLICY mine ON {table} USING (true)",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} OWNER TO {APPLICATION}",
            f"CREATE RULE mine AS ON INSERT TO {table} DO ALSO SELECT 1",
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"CREATE INDEX ON {table} ((1))",
            f"COMMENT ON TABLE {table} IS ''",
        )
    await anybody.refused(
        "CREATE OR REPLACE FUNCTION freehold.me() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
        "ALTER FUNCTION freehold.me() SECURITY DEFINER",
        "DROP SCHEMA freehold CASCADE",
        "COMMENT ON SCHEMA freehold IS ''",
        "SET LOCAL session_replication_role = replica",
        "UPDATE alembic_version SET version_num = ''",
        "UPDATE freehold_app_version SET version_num = ''",
        "SELECT * FROM freehold_specification",
    )


async def test_rights_are_not_handed_on(attacker: Attacker) -> None:
    """PostgreSQL only warns of a GRANT without an option to grant; then there is nothing that was granted."""
    before = await attacker.rows("SELECT relname, relacl::text FROM pg_class WHERE relname !~ '^pg_' ORDER BY 1")
    for table in (*attacker.tables, "alembic_version"):
        await attacker.connection.execute(f"GRANT SELECT ON {table} TO PUBLIC")
    after = await attacker.rows("SELECT relname, relacl::text FROM pg_class WHERE relname !~ '^pg_' ORDER BY 1")
    assert after == before


# --- objects of one's own ------------------------------------------------------------------


async def test_nothing_can_be_made_in_any_schema(attacker: Attacker) -> None:
    """No function that a policy or a leaky WHERE would call, no table that stands before ours."""
    function = "(text) RETURNS text LANGUAGE sql AS 'SELECT $1'"
    for schema in ("public", "freehold", "pg_catalog", "information_schema", "pg_temp", "pg_toast"):
        await attacker.refused(
            f"CREATE TABLE {schema}.notes (id uuid)",
            f"CREATE VIEW {schema}.mine AS SELECT 1",
            f"CREATE FUNCTION {schema}.lower{function}",
            f"CREATE SEQUENCE {schema}.mine",
            f"CREATE TYPE {schema}.mine AS (id uuid)",
            f"CREATE OPERATOR {schema}.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
        )
    await attacker.refused(
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE notes (id uuid)",
        "CREATE TEMPORARY VIEW notes AS SELECT 1",
        "SELECT * INTO TEMPORARY notes FROM public.notes",
        "CREATE CAST (text AS uuid) WITHOUT FUNCTION",
        "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
        "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION freehold.end_memberships()",
        "CREATE TRIGGER mine AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION freehold.end_memberships()",
        "CREATE PUBLICATION mine FOR TABLE notes",
        "CREATE STATISTICS mine ON title, body FROM notes",
    )


@pytest.mark.parametrize(
    "name", ["dblink", "postgres_fdw", "file_fdw", "pg_trgm", "pageinspect", "pgcrypto", "plpython3u"]
)
async def test_no_extension_is_brought_in(attacker: Attacker, name: str) -> None:
    """Nor a way to another server."""
    error = await attacker.fails(f"CREATE EXTENSION {name}")
    assert isinstance(error, asyncpg.InsufficientPrivilegeError | asyncpg.FeatureNotSupportedError), error
    await attacker.refused("CREATE FOREIGN DATA WRAPPER mine")


async def test_files_and_programs_of_the_server_are_out_of_reach(attacker: Attacker) -> None:
    await attacker.be(MARY)
    await attacker.refused(
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_read_binary_file('postgresql.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT pg_stat_file('.')",
        "SELECT pg_ls_logdir()",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/mine')",
        "COPY notes TO '/tmp/mine'",
        "COPY notes FROM '/etc/passwd'",
        "COPY notes TO PROGRAM 'true'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "LOAD '/tmp/mine.so'",
        "SELECT pg_reload_conf()",
        "SELECT pg_switch_wal()",
        "SELECT * FROM pg_hba_file_rules",
        "SELECT * FROM pg_authid",
        "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    )


async def test_large_objects_of_others_are_closed(own: Throwaway, postgres_server: Server) -> None:
    """Freehold keeps nothing in them."""
    number = postgres_server.execute("SELECT lo_from_bytea(0, 'treasure')", own.name)[0][0]
    async with attacking(own) as attacker:
        await attacker.refused(
            f"SELECT lo_get({number})",
            f"SELECT lo_open({number}, 262144)",
            f"SELECT lo_unlink({number})",
            "SELECT * FROM pg_largeobject",
        )


# --- reading past a policy -----------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT title FROM notes",
        "SELECT title FROM ONLY public.notes",
        "TABLE notes",
        "SELECT n::text FROM notes n",
        "SELECT to_json(n) FROM notes n",
        "SELECT title FROM notes TABLESAMPLE BERNOULLI (100)",
        "SELECT title FROM notes WHERE ctid = ANY (ARRAY['(0,1)', '(0,2)', '(0,3)']::tid[])",
        "SELECT query_to_xml('SELECT * FROM notes', true, true, '')",
        "SELECT table_to_xml('notes', true, true, '')",
        "SELECT schema_to_xml('public', true, true, '')",
        "SELECT ts_stat('SELECT to_tsvector(title) FROM notes')",
        "SELECT title FROM (SELECT * FROM notes OFFSET 0) AS inner_one",
        "WITH RECURSIVE all_of AS (SELECT title FROM notes UNION SELECT title FROM all_of) SELECT * FROM all_of",
        "SELECT max(title), min(title), string_agg(body, ',') FROM notes",
        "SELECT (SELECT title FROM notes n WHERE n.notebook = b.id LIMIT 1) FROM notebooks b",
        "SELECT n.title FROM freehold_memberships m LEFT JOIN notes n ON n.notebook = m.record",
        "UPDATE notes SET body = title RETURNING title, body",
        "DELETE FROM notes RETURNING title",
    ],
)
async def test_no_way_of_asking_shows_a_hidden_row(attacker: Attacker, query: str) -> None:
    await attacker.be(EVE)
    try:
        found = str(await attacker.rows(query))
    except asyncpg.PostgresError as error:
        found = _everything(error)
    assert SECRET not in found
    assert "treasure" not in found


async def test_a_copy_to_the_client_is_as_good_as_a_query(attacker: Attacker) -> None:
    await attacker.be(EVE)
    got: list[bytes] = []

    async def keep(data: bytes) -> None:
        got.append(data)

    await attacker.connection.copy_from_table("notes", output=keep)
    await attacker.connection.copy_from_query("SELECT * FROM notebooks", output=keep)
    written = b"".join(got)
    assert b"Public" in written
    assert SECRET.encode() not in written


async def test_nothing_is_copied_in(attacker: Attacker) -> None:
    await attacker.be(EVE)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="row-level security"):
        await attacker.connection.copy_records_to_table("notes", records=[], columns=["id"])


@pytest.mark.parametrize(
    "leaky",
    [
        "body::int / (body::int - 7) > 0",  # divides by zero at the hidden row
        "title::int = 1",
        "title::uuid = id",
        "(title || '')::date < now()",
        "to_json(title)::text::json ->> 'x' = '' OR title::numeric > 0",
        "xmlparse(document title) IS DOCUMENT",
        "substring(title, '(') = ''",
        "pg_notify(title, '') IS NOT NULL",
        "set_config('app.leaked', title, true) = ''",
    ],
)
async def test_a_leaky_condition_is_asked_of_visible_rows_only(attacker: Attacker, leaky: str) -> None:
    """What a policy hides is filtered first, whatever a WHERE costs or says when it fails."""
    await attacker.be(EVE)
    said = ""
    try:
        async with attacker.connection.transaction():
            said = str(await attacker.rows(f"SELECT id FROM notes WHERE {leaky}"))
    except asyncpg.DivisionByZeroError:
        raise AssertionError("the hidden row was looked at") from None
    except asyncpg.PostgresError as error:
        said = _everything(error)
    leaked = await attacker.one("SELECT coalesce(current_setting('app.leaked', true), '')")
    assert SECRET not in said + leaked


async def test_a_block_of_code_runs_as_its_caller(attacker: Attacker) -> None:
    await attacker.be(EVE)
    error = await attacker.fails(
        "DO $$ DECLARE found text; BEGIN SELECT string_agg(title, ',') INTO found FROM notes; RAISE '%', found; END $$"
    )
    assert str(error) == "Public"


async def test_statistics_of_values_are_hidden(anybody: Attacker, postgres_server: Server) -> None:
    """The most common values of a column would be those of rows that are not seen."""
    database = await anybody.one("SELECT current_database()::text")
    postgres_server.execute("ANALYZE", database)
    for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
        query = (
            f"SELECT count(*) FROM {view} WHERE schemaname IN ('public', 'freehold') "
            "AND tablename NOT IN ('alembic_version', 'freehold_app_version', 'freehold_specification', 'approved')"
        )
        assert await anybody.one(query) == 0, view
    await anybody.refused("SELECT * FROM pg_statistic", "SELECT * FROM pg_statistic_ext_data")


async def test_sequences_tell_nothing_and_do_not_move(attacker: Attacker) -> None:
    await attacker.be(MARY)
    sequence = await attacker.one("SELECT relname::text FROM pg_class WHERE relkind = 'S'")
    await attacker.refused(
        f"SELECT nextval('{sequence}')",
        f"SELECT setval('{sequence}', 1)",
        f"SELECT last_value FROM {sequence}",
    )
    assert await attacker.rows("SELECT last_value FROM pg_sequences WHERE last_value IS NOT NULL") == []


async def test_counts_of_whole_tables_are_known_to_leak(attacker: Attacker, postgres_server: Server) -> None:
    """Views of the catalog and EXPLAIN tell how much there is, but not what: nobody but a superuser can close them."""
    postgres_server.execute("ANALYZE notes", await attacker.one("SELECT current_database()::text"))
    assert await attacker.one("SELECT reltuples::int FROM pg_class WHERE relname = 'notes'") == 3
    await attacker.be(EVE)
    plan = "\n".join(row[0] for row in await attacker.rows("EXPLAIN (ANALYZE, VERBOSE, COSTS OFF) SELECT * FROM notes"))
    assert "Rows Removed by Filter: 2" in plan
    for value in (SECRET, MARY, "mary@", "'7'"):
        assert value not in plan


# --- writing -------------------------------------------------------------------------------


async def test_a_record_is_not_put_in_for_somebody_else(attacker: Attacker) -> None:
    await attacker.be(EVE)
    await attacker.refused(
        f"INSERT INTO notebooks VALUES ('{MARY}', '{NEW}', 'x', false, now(), now())",
        f"INSERT INTO notes VALUES ('{MARY}', '{NEW}', '{PRIVATE}', '{EVE}', 'x', 'x', 'everyone', now(), now())",
        f"INSERT INTO bookmarks VALUES ('{EVE}', '{NEW}', '{HIDDEN}', '{MARY}', now(), now())",
    )


async def test_a_child_hangs_only_below_a_parent_of_its_owner(robber: Attacker) -> None:
    await robber.be(EVE)
    error = await robber.fails(
        f"INSERT INTO items (owner, id, vault, text, created_at, updated_at)"
        f" VALUES ('{EVE}', '{NEW}', '{PRIVATE}', 'x', now(), now())"
    )
    missing = await robber.fails(
        f"INSERT INTO items (owner, id, vault, text, created_at, updated_at)"
        f" VALUES ('{EVE}', '{NEW}', '{NEW}', 'x', now(), now())"
    )
    assert type(error) is type(missing)
    assert _everything(error).replace(PRIVATE, "") == _everything(missing).replace(NEW, "")


async def test_a_reference_to_a_hidden_record_is_refused_as_one_to_none(robber: Attacker) -> None:
    await robber.be(EVE)
    change = "UPDATE items SET beside = '{}', beside__owner = '{}' WHERE id = '" + PUBLIC + "'"
    hidden, missing = await robber.refused(change.format(HIDDEN, MARY), change.format(NEW, MARY))
    assert hidden == missing


@pytest.mark.parametrize("column", ["id", "owner", "created_at", "code"])
async def test_what_the_engine_writes_once_stays(robber: Attacker, column: str) -> None:
    """`code` is a field like others, and shows that the attempt is one."""
    await robber.be(EVE)
    value = {"created_at": "now()", "code": "'other'"}.get(column, f"'{EVE}'")
    change = f"UPDATE vaults SET {column} = {value} WHERE id = '{SHARED}'"
    if column == "code":
        assert await robber.touches(change) == 1
    else:
        await robber.refused(change)


async def test_a_hidden_unique_value_is_not_told(robber: Attacker) -> None:
    """That there is one is, as over HTTP: uniqueness everywhere is a visible name space. The row is not."""
    await robber.be(EVE)
    error = await robber.fails(f"UPDATE vaults SET code = '{SECRET}' WHERE id = '{SHARED}'")
    assert isinstance(error, asyncpg.UniqueViolationError)
    assert error.detail is None
    assert SECRET not in _everything(error)


@pytest.mark.parametrize(
    "what", ["DO UPDATE SET name = 'x' WHERE vaults.code::int = 1", "DO UPDATE SET name = vaults.code", "DO NOTHING"]
)
async def test_a_conflict_does_not_ask_a_hidden_row(robber: Attacker, what: str) -> None:
    """Its WHERE would be asked before any policy, of whatever row has the id: an error in it would tell the row."""
    await robber.be(EVE)
    error = await robber.fails(
        f"INSERT INTO vaults VALUES ('{EVE}', '{PRIVATE}', 'x', 'y', 7, now(), now()) ON CONFLICT (id) {what}"
    )
    assert isinstance(error, asyncpg.FeatureNotSupportedError)
    assert SECRET not in _everything(error)


async def test_no_table_takes_anything_but_plain_statements(anybody: Attacker) -> None:
    for table in anybody.tables:
        for statement in (
            f"INSERT INTO {table} DEFAULT VALUES ON CONFLICT DO NOTHING",
            f"MERGE INTO {table} USING (VALUES (1)) AS other (x) ON true WHEN MATCHED THEN DO NOTHING",
        ):
            error = await anybody.fails(statement)
            assert isinstance(error, asyncpg.FeatureNotSupportedError), statement


async def test_a_refused_value_shows_no_row(robber: Attacker) -> None:
    """PostgreSQL would show the failing row, and keys that are missing."""
    await robber.be(EVE)
    for attempt in (
        "UPDATE vaults SET weight = 10",
        "UPDATE vaults SET name = NULL",
        f"UPDATE items SET holder = '{NEW}'",
        f"INSERT INTO vaults VALUES ('{EVE}', '{PRIVATE}', 'x', 'x', 7, now(), now())",
    ):
        error = await robber.fails(attempt)
        assert isinstance(error, asyncpg.IntegrityConstraintViolationError)
        assert error.detail is None or "Key is not present" in error.detail, attempt


async def test_a_limit_holds_whoever_writes(robber: Attacker) -> None:
    await robber.be(EVE)
    error = await robber.fails(
        f"INSERT INTO vaults SELECT '{EVE}', gen_random_uuid(), 'x', number::text, 1, now(), now()"
        " FROM generate_series(1, 2) AS number"
    )
    assert isinstance(error, asyncpg.CheckViolationError)
    assert error.constraint_name == "freehold_limit"


async def test_no_role_is_taken_or_given(attacker: Attacker) -> None:
    await attacker.be(EVE)
    await attacker.refused(
        f"INSERT INTO freehold_memberships VALUES ('notebook', '{SHARED}', '{EVE}', 'editor', NULL)",
        f"INSERT INTO freehold_memberships VALUES ('nonsense', '{SHARED}', '{EVE}', 'editor', NULL)",
        f"INSERT INTO freehold_memberships VALUES ('note', '{HIDDEN}', '{EVE}', 'editor', NULL)",
        "UPDATE freehold_memberships SET expires_at = NULL",
        "UPDATE freehold_memberships SET role = 'editor'",
        f"UPDATE freehold_memberships SET account = '{EVE}'",
        f"UPDATE freehold_memberships SET record = '{SHARED}'",
    )
    await attacker.be(JOHN)
    assert await attacker.touches("UPDATE freehold_memberships SET role = 'editor' WHERE role = 'viewer'") == 0


async def test_a_membership_that_ended_gives_nothing(attacker: Attacker) -> None:
    await attacker.be(EVE)
    assert await attacker.rows(f"SELECT * FROM notebooks WHERE id = '{PRIVATE}'") == []


def test_the_clock_is_the_databases() -> None:
    """Whose expiry could be put off by a setting would be no expiry. Tests alone tell the time (`TOLD_CLOCK`)."""
    assert "app.now" not in "".join(words(OWN_CLOCK, "public"))


# --- accounts, sessions, log ---------------------------------------------------------------


async def test_neither_staff_nor_disabled_is_the_applications_to_write(attacker: Attacker) -> None:
    await attacker.be(EVE)
    await attacker.refused(
        "UPDATE freehold_accounts SET staff = 'auditor'",
        "UPDATE freehold_accounts SET disabled = false",
        f"UPDATE freehold_accounts SET id = '{MARY}'",
        "DELETE FROM freehold_accounts",
        f"INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled, staff)"
        f" VALUES ('{NEW}', 'x@example.com', '', now(), false, 'auditor')",
        f"INSERT INTO freehold_accounts (id, email, password_hash, created_at, disabled)"
        f" VALUES ('{NEW}', 'x@example.com', '', now(), false)",
    )


async def test_an_account_of_another_is_not_changed(attacker: Attacker) -> None:
    await attacker.be(EVE, MARY)
    assert await attacker.touches(f"UPDATE freehold_accounts SET password_hash = 'x' WHERE id = '{MARY}'") == 0
    error = await attacker.fails(f"UPDATE freehold_accounts SET email = 'mary@example.com' WHERE id = '{EVE}'")
    assert isinstance(error, asyncpg.UniqueViolationError)
    assert error.detail is None


async def test_the_log_is_only_added_to(attacker: Attacker) -> None:
    await attacker.be(MARY)
    await attacker.refused(
        "UPDATE freehold_audit SET kind = 'x'",
        "UPDATE freehold_audit SET account = NULL",
        "DELETE FROM freehold_audit",
        "TRUNCATE freehold_audit",
        f"INSERT INTO freehold_audit (kind, account, at, data) VALUES ('x', '{EVE}', now(), '{{}}')",
        "INSERT INTO freehold_audit (kind, account, at, data) VALUES ('x', NULL, now(), '{}')",
    )


async def test_nobody_chooses_the_number_of_an_event(attacker: Attacker) -> None:
    """Who could would take those to come: no sign-in could be written down any more, and so none would succeed."""
    await attacker.be(EVE)
    await attacker.refused(
        f"INSERT INTO freehold_audit (id, kind, account, at, data) OVERRIDING SYSTEM VALUE"
        f" VALUES (1000, 'x', '{EVE}', now(), '{{}}')"
    )


async def test_an_account_is_closed_by_itself_alone(attacker: Attacker, databases: Databases) -> None:
    before = await attacker.counts()
    await attacker.be("")
    await attacker.connection.execute("SELECT freehold.close_account()")
    await attacker.be("anonymous")
    await attacker.connection.execute("SELECT freehold.close_account()")
    await attacker.be(EVE)
    await attacker.connection.execute("SELECT freehold.close_account()")
    await attacker.be(MARY)
    assert await attacker.one("SELECT count(*) FROM notes") == 3
    assert set(before.values()) == {0}


async def test_what_an_account_leaves_is_not_put_into_an_account_that_is_there(databases: Databases) -> None:
    async with attacking(databases.of("market")) as attacker:
        await attacker.be(JOHN)
        error = await attacker.fails(f"SELECT freehold.close_account('{EVE}', 'x@example.com', now())")
        assert isinstance(error, asyncpg.UniqueViolationError)
        assert error.detail is None


# --- functions -----------------------------------------------------------------------------


KNOWN_TO_LEAK = "SELECT proname::text FROM pg_proc WHERE proname ~ '^items_[0-9a-f]{10}$' AND prosrc ~ 'weight'"
"""what asks a condition on a vault, of a row that its caller describes"""


async def _functions(attacker: Attacker) -> list[tuple[str, list[str], str]]:
    """Each that can be called with arguments: name, types, and what it returns."""
    found = await attacker.rows(
        "SELECT proname::text, ARRAY(SELECT format_type(kind, NULL) FROM unnest(proargtypes)"
        " WITH ORDINALITY AS each (kind, i) ORDER BY i), prorettype::regtype::text FROM pg_proc"
        " WHERE pronamespace = 'freehold'::regnamespace AND prosecdef ORDER BY 1"
    )
    return [(name, list(kinds), returns) for name, kinds, returns in found if returns != "trigger"]


async def test_every_function_looks_for_tables_where_nobody_else_can_make_any(anybody: Attacker) -> None:
    wrong = await anybody.rows(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'freehold'::regnamespace AND prosecdef"
        " AND proconfig IS DISTINCT FROM ARRAY['search_path=public, pg_temp']"
    )
    assert wrong == []


async def test_a_search_path_of_ones_own_changes_no_function(own: Throwaway, postgres_server: Server) -> None:
    """Even with a schema in which the attacker can make functions: what asks for settings was bound when made."""
    postgres_server.execute(f"CREATE SCHEMA theirs AUTHORIZATION {APPLICATION}", own.name)
    async with attacking(own) as attacker:
        await attacker.be(EVE)
        mine = "RETURNS text LANGUAGE sql AS $$ SELECT '" + MARY + "' $$"
        await attacker.connection.execute(f"CREATE FUNCTION theirs.current_setting(text, boolean) {mine}")
        await attacker.connection.execute(f"CREATE FUNCTION theirs.nullif(text, text) {mine}")
        await attacker.connection.execute("SET LOCAL search_path = theirs, pg_catalog, public")
        assert await attacker.one("SELECT freehold.me()::text") == EVE
        assert await attacker.rows("SELECT title FROM public.notes") == [("Public",)]


async def test_functions_tell_a_stranger_nothing_of_what_it_cannot_open(anybody: Attacker) -> None:
    """Every function, with ids of hidden records, of their owners and of the stranger itself in every place.

    Left out is what the next test is about.
    """
    ids = (HIDDEN, PRIVATE, BY_LINK)
    await anybody.be(EVE, *ids)
    for table in anybody.tables:
        if not table.startswith("freehold_"):
            seen = {row[0] for row in await anybody.rows(f"SELECT id::text FROM {table}")}
            ids = tuple(each for each in ids if each not in seen)
    assert ids
    known = {row[0] for row in await anybody.rows(KNOWN_TO_LEAK)}
    for name, kinds, returns in await _functions(anybody):
        for given in product((*ids, EVE, MARY, JOHN), repeat=kinds.count("uuid")):
            left = iter(given)
            values = [f"'{next(left)}'::uuid" if kind == "uuid" else f"NULL::{kind}" for kind in kinds]
            call = f"SELECT * FROM freehold.{name}({', '.join(values)})"
            if returns != "void" and set(given) & set(ids) and (name not in known or MARY not in given):
                assert await anybody.rows(call) in ([], [(False,)]), call


async def test_a_condition_on_a_hidden_record_is_known_to_leak_to_who_knows_both_ids(robber: Attacker) -> None:
    """A function on rows believes the row: somebody who says that it is the holder learns what else is asked."""
    await robber.be(EVE, PRIVATE)
    name = await robber.one(f"{KNOWN_TO_LEAK} AND pronargs = 3")
    assert await robber.rows("SELECT 1 FROM vaults WHERE id = $1", PRIVATE) == []
    assert await robber.one(f"SELECT freehold.{name}($1, $2, $3)", EVE, MARY, PRIVATE) is True
    assert await robber.one(f"SELECT freehold.{name}($1, $2, $3)", EVE, EVE, PRIVATE) is False, "not without the owner"


async def test_the_row_above_an_open_record_is_known_to_leak(attacker: Attacker) -> None:
    """Facts hold what rules can ask for: rows of what a record hangs on, also where the caller cannot open them."""
    await attacker.be("anonymous", BY_LINK)
    assert await attacker.rows("SELECT id::text FROM notebooks") == []
    assert SECRET in str(await attacker.rows("SELECT * FROM freehold.notes_facts($1, NULL)", BY_LINK))
    assert await attacker.rows("SELECT * FROM freehold.notes_facts($1, NULL)", HIDDEN) == []


async def test_triggers_are_not_called_by_hand(attacker: Attacker) -> None:
    await attacker.be(EVE)
    error = await attacker.fails("SELECT freehold.end_memberships()")
    assert isinstance(error, asyncpg.FeatureNotSupportedError)


# --- what stays behind on a connection -----------------------------------------------------


async def test_a_prepared_statement_asks_anew_for_each_principal(attacker: Attacker) -> None:
    await attacker.be(MARY)
    await attacker.connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await attacker.connection.execute("PREPARE mine AS SELECT count(*) FROM notes")
    for caller, seen in ((MARY, 3), (EVE, 1), (JOHN, 1), ("", 0), (MARY, 3), ("anonymous", 1)):
        await attacker.be(caller)
        assert await attacker.one("EXECUTE mine") == seen, caller


async def test_a_plan_of_the_owner_is_not_taken_over(own: Throwaway) -> None:
    """The same statement, prepared on one connection before and after its role changed."""
    connection = await asyncpg.connect(own.superuser_url)
    try:
        await connection.execute("PREPARE mine AS SELECT count(*) FROM notes")
        assert await connection.fetchval("EXECUTE mine") == 3
        await connection.execute(f"SET ROLE {APPLICATION}")
        assert await connection.fetchval("EXECUTE mine") == 0
    finally:
        await connection.close()


async def test_a_cursor_shows_no_more_than_the_principals_who_used_it(attacker: Attacker) -> None:
    await attacker.be(EVE)
    await attacker.connection.execute("DECLARE left_open CURSOR FOR SELECT title FROM notes")
    assert await attacker.rows("FETCH 1 FROM left_open") == [("Public",)]
    await attacker.be(MARY)
    assert await attacker.rows("FETCH ALL FROM left_open") == []


async def test_a_cursor_with_hold_keeps_what_its_principal_saw(own: Throwaway) -> None:
    connection = await asyncpg.connect(own.url)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.account = '{EVE}'")
            await connection.execute("DECLARE held CURSOR WITH HOLD FOR SELECT title FROM notes")
        assert [row[0] for row in await connection.fetch("FETCH ALL FROM held")] == ["Public"]
    finally:
        await connection.close()


async def test_settings_end_with_their_transaction(own: Throwaway) -> None:
    connection = await asyncpg.connect(own.url)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT set_config('app.account', '{MARY}', true)")
            assert await connection.fetchval("SELECT count(*) FROM notes") == 3
        assert await connection.fetchval("SELECT count(*) FROM notes") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("setting", ["app.account", "app.presented", "app.service", "app.now"])
async def test_no_role_or_database_is_given_a_principal_for_good(own: Throwaway, setting: str) -> None:
    """A role may set many defaults for itself, which outlast a restart; but not these."""
    connection = await asyncpg.connect(own.url)
    try:
        for where in (
            f"ROLE {APPLICATION}",
            f"ROLE {APPLICATION} IN DATABASE {own.name}",
            f"DATABASE {own.name}",
            "SYSTEM",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"ALTER {where} SET {setting} = '{MARY}'")
    finally:
        await connection.close()


async def test_another_connections_principal_is_not_ours(own: Throwaway) -> None:
    one, other = await asyncpg.connect(own.url), await asyncpg.connect(own.url)
    try:
        await one.execute(f"SET app.account = '{MARY}'")
        assert await one.fetchval("SELECT count(*) FROM notes") == 3
        assert await other.fetchval("SELECT count(*) FROM notes") == 0
    finally:
        await one.close()
        await other.close()


async def test_texts_of_statements_are_known_to_leak_between_connections_of_the_role(own: Throwaway) -> None:
    """Bound values do not: what names an account belongs into one."""
    one, other = await asyncpg.connect(own.url), await asyncpg.connect(own.url)
    try:
        await one.fetch("SELECT 'written', set_config('app.account', $1, false)", MARY)
        told = [row[0] for row in await other.fetch("SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()")]
        assert any("written" in query for query in told)
        assert MARY not in str(told)
    finally:
        await one.close()
        await other.close()


# --- who may be let in ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("ALTER ROLE {0} BYPASSRLS", "ALTER ROLE {0} NOBYPASSRLS"),
        ("ALTER ROLE {0} CREATEROLE", "ALTER ROLE {0} NOCREATEROLE"),
        ("ALTER ROLE {0} REPLICATION", "ALTER ROLE {0} NOREPLICATION"),
        ("GRANT pg_read_server_files TO {0}", "REVOKE pg_read_server_files FROM {0}"),
        ("GRANT pg_monitor TO {0}", "REVOKE pg_monitor FROM {0}"),
        ("CREATE ROLE above BYPASSRLS; GRANT above TO {0}", "DROP ROLE above"),
        ("CREATE SCHEMA theirs; GRANT CREATE ON SCHEMA theirs TO PUBLIC", "DROP SCHEMA theirs"),
        ("GRANT TEMPORARY ON DATABASE {1} TO {0}", "REVOKE TEMPORARY ON DATABASE {1} FROM {0}"),
    ],
)
def test_a_role_that_could_step_over_the_wall_does_not_serve(
    own: Throwaway, postgres_server: Server, more: str, less: str
) -> None:
    """And is told what mends it."""
    assert within(own.url, second_wall.unfit) is None
    run = [part.format(APPLICATION, own.name) for part in more.split("; ")]
    for statement in run:
        postgres_server.execute(statement, own.name)
    try:
        why = within(own.url, second_wall.unfit)
        assert why is not None
        for line in why.splitlines()[1:]:
            postgres_server.execute(line, own.name)
        assert within(own.url, second_wall.unfit) is None
    finally:
        postgres_server.execute(less.format(APPLICATION, own.name), own.name)


@pytest.mark.parametrize(
    "hole",
    [
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
        "ALTER POLICY freehold_select ON notes USING (true)",
        "CREATE POLICY mine ON notes USING (true)",
        "DROP POLICY freehold_delete ON notes",
        "DROP RULE freehold_plain ON notes",
        "DROP TRIGGER freehold_limit_new ON notebooks",
        "ALTER TABLE notebooks DISABLE TRIGGER freehold_ended",
        f"GRANT UPDATE (owner) ON notebooks TO {APPLICATION}",
        f"GRANT DELETE ON freehold_audit TO {APPLICATION}",
        "CREATE OR REPLACE FUNCTION freehold.me() RETURNS uuid LANGUAGE sql STABLE RETURN gen_random_uuid()",
        "ALTER FUNCTION freehold.notes_opens(uuid) RESET search_path",
        "ALTER FUNCTION freehold.notes_opens(uuid) SECURITY INVOKER",
    ],
)
def test_a_hole_made_by_hand_is_noticed(own: Throwaway, postgres_server: Server, hole: str) -> None:
    wall = second_wall.SecondWall(tables_of(example("notes")), TOLD_CLOCK)
    assert postgres_inspection.inspect(own.url, wall) == ()
    postgres_server.execute(hole, own.name)
    assert len(postgres_inspection.inspect(own.url, wall)) == 1
