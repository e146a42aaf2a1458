"""A served process while PostgreSQL breaks: 503, nothing lost, nothing half done, no restart of ours."""

import asyncio
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest

from tests.postgres import Server, Throwaway
from tests.serving import Served, make_tables, process

SPECIFICATION = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner, update: owner, delete: owner}
"""
POOL, WAIT, STATEMENT = 4, 0.5, 1.0
"""connections, and seconds"""
PATIENCE = 30.0
"""seconds"""


@dataclass
class Place:
    """A served process, its database and its server."""

    served: Served
    database: Throwaway
    server: Server

    def execute(self, sql: str) -> list[Any]:
        """See `Server`."""
        return self.server.execute(sql, self.database.name)


@pytest.fixture(scope="module")
def place(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, database = tmp_path_factory.mktemp("faults"), postgres_server.new()
    (folder / "freehold.yaml").write_text(SPECIFICATION, encoding="utf-8")
    make_tables(folder, database)
    settings = {"pool_size": POOL, "pool_timeout": WAIT, "statement_timeout": STATEMENT, "connect_timeout": 2}
    environment = {f"database_{name}": str(value) for name, value in settings.items()}
    with process(folder, "serve", "--database", database.url, **environment) as served:
        yield Place(served, database, postgres_server)
        assert served.process.poll() is None, "it did not survive"
    postgres_server.drop(database)


@pytest.fixture
async def client(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody new who is signed in."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=place.served.url, timeout=PATIENCE, limits=limits) as made:
        made.headers = await register(made)
        yield made


NUMBERS = Counter[str]()


async def register(client: httpx.AsyncClient) -> dict[str, str]:
    """A new account's header, again and again where the service is not available."""
    NUMBERS["people"] += 1
    body = {"email": f"p{NUMBERS['people']}@example.com", "password": "correct horse"}
    answer = await client.post("/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def is_away(answer: httpx.Response) -> bool:
    """Whether it says that trying again may help, and nothing of the inside."""
    if answer.status_code != 503:
        return False
    assert answer.headers["retry-after"].isdigit()
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["detail"] == "The service cannot answer right now. Try again."
    return True


async def until(happened: Callable[[], Any], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.02)


async def recovered(client: httpx.AsyncClient) -> None:
    """The first request that is not refused comes soon, and then nothing is refused."""
    deadline = time.monotonic() + PATIENCE
    while is_away(answer := await client.post("/v1/notes", json={"title": "again"})):
        assert time.monotonic() < deadline, "it does not recover"
        await asyncio.sleep(0.05)
    assert answer.status_code == 201, answer.text
    answers = await asyncio.gather(*(client.get("/v1/notes") for _ in range(3 * POOL)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get("/health/ready")).status_code == 200


async def titles(client: httpx.AsyncClient) -> Counter[str]:
    """Of all notes of the caller, on all pages."""
    found, cursor = Counter[str](), ""
    while cursor is not None:
        page = (await client.get(f"/v1/notes?limit=100{cursor}")).json()
        found.update(item["title"] for item in page["items"])
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return found


# --- during a load of writes ---------------------------------------------------------------


@dataclass
class Load:
    """Clients that write without a pause, and what they were told."""

    client: httpx.AsyncClient
    kept: list[str] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)
    """of a note, the number that its last acknowledged change wrote"""
    registered: int = 0
    away: int = 0
    over: bool = False

    async def create(self, who: int) -> None:
        """Make notes of different titles."""
        for i in range(1_000_000):
            if self.over:
                return
            answer = await self.client.post("/v1/notes", json={"title": f"{who} {i}"})
            if answer.status_code == 201:
                self.kept.append(f"{who} {i}")
            else:
                await self._refused(answer)

    async def change(self, who: int) -> None:
        """Count up in a note of one's own."""
        note = (await self.client.post("/v1/notes", json={"title": f"counter{who} 0"})).json()["id"]
        for i in range(1, 1_000_000):
            if self.over:
                return
            answer = await self.client.patch(f"/v1/notes/{note}", json={"title": f"counter{who} {i}"})
            if answer.status_code == 200:
                self.changed[f"counter{who}"] = i
            else:
                await self._refused(answer)

    async def register(self) -> None:
        """Make accounts."""
        while not self.over:
            NUMBERS["people"] += 1
            body = {"email": f"p{NUMBERS['people']}@example.com", "password": "correct horse"}
            answer = await self.client.post("/auth/register", json=body, headers={"authorization": ""})
            if answer.status_code == 201:
                self.registered += 1
            else:
                await self._refused(answer)

    async def _refused(self, answer: httpx.Response) -> None:
        assert is_away(answer), f"{answer.status_code} {answer.text}"
        self.away += 1
        await asyncio.sleep(0.02)


def restart(how: signal.Signals) -> Callable[[Place], None]:
    def trouble(place: Place) -> None:
        place.server.stop(how)
        place.server.start()

    return trouble


def cut(place: Place) -> None:
    place.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'freehold' AND datname = current_database()"
    )


@pytest.mark.parametrize(
    "trouble",
    [restart(signal.SIGINT), restart(signal.SIGQUIT), cut],
    ids=["the server starts anew", "the server breaks down", "connections are cut"],
)
async def test_what_was_acknowledged_is_there_exactly_once(
    trouble: Callable[[Place], None], place: Place, client: httpx.AsyncClient
) -> None:
    load = Load(client)
    tasks = [asyncio.ensure_future(load.create(who)) for who in range(6)]
    tasks += [asyncio.ensure_future(load.change(who)) for who in range(3)]
    tasks.append(asyncio.ensure_future(load.register()))
    everything = asyncio.gather(*tasks)
    try:
        turns = 0
        # a cut can fall between two requests: then again
        while turns < 4 or (not load.away and turns < 40):
            turns += 1
            before = len(load.kept), sum(load.changed.values())
            await until(
                lambda before=before: (
                    everything.done()  # type: ignore[misc]
                    or (len(load.kept) > before[0] + 20 and sum(load.changed.values()) > before[1] + 10)
                ),
                "nothing is written",
            )
            assert not everything.done()
            await asyncio.to_thread(trouble, place)
        before = len(load.kept), load.registered
        await until(lambda: everything.done() or len(load.kept) > before[0] + 20, "it does not recover")
    finally:
        load.over = True
        await everything
    assert load.away > 0, "nothing was in anybody's way"
    found = await titles(client)
    assert {title: found[title] for title in load.kept} == dict.fromkeys(load.kept, 1)
    assert set(found.values()) == {1}, "something is there twice"
    counters = dict(title.split() for title in found if title.startswith("counter"))
    for counter, last in load.changed.items():
        assert int(counters[counter]) >= last, "an acknowledged change is lost"
    halves = place.execute(
        "SELECT count(*) FROM freehold_accounts a LEFT JOIN freehold_sessions s ON s.account = a.id "
        "LEFT JOIN freehold_refresh_tokens t ON t.session = s.id "
        "LEFT JOIN freehold_audit e ON e.account = a.id WHERE t.hash IS NULL OR e.id IS NULL"
    )
    assert halves[0][0] == 0, "an account was made by half"
    await recovered(client)


# --- one fault after the other -------------------------------------------------------------

FAULTS = {
    "40001": "serialization failure", "40P01": "deadlock", "53100": "disk full", "53200": "out of memory",
    "55P03": "lock not available", "57014": "time-out", "57P01": "shutdown", "58030": "input/output error",
}  # fmt: skip


@contextmanager
def raising(place: Place, state: str, when: str) -> Iterator[None]:
    """The database raises an error in each write of a note: at once, or where it is committed."""
    place.execute(
        f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = '{state}'; END $$"
    )
    place.execute("GRANT EXECUTE ON FUNCTION broken() TO PUBLIC")
    timing = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
    place.execute(
        f"CREATE CONSTRAINT TRIGGER broken AFTER INSERT OR UPDATE OR DELETE ON notes {timing} "
        "FOR EACH ROW EXECUTE FUNCTION broken()"
    )
    try:
        yield
    finally:
        place.execute("DROP FUNCTION broken() CASCADE")


@pytest.mark.parametrize("when", ["write", "commit"])
@pytest.mark.parametrize("state", FAULTS, ids=FAULTS.values())
async def test_a_write_that_the_database_cannot_do_is_not_done(
    state: str, when: str, place: Place, client: httpx.AsyncClient
) -> None:
    """Injected: the code is PostgreSQL's own, its cause is not."""
    note = (await client.post("/v1/notes", json={"title": "before"})).json()["id"]
    with raising(place, state, when):
        assert is_away(await client.post("/v1/notes", json={"title": "new"}))
        assert is_away(await client.patch(f"/v1/notes/{note}", json={"title": "after"}))
        assert is_away(await client.delete(f"/v1/notes/{note}"))
        assert await titles(client) == {"before": 1}
    assert (await client.patch(f"/v1/notes/{note}", json={"title": "after"})).status_code == 200
    await recovered(client)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="the server's files cannot be limited here")
async def test_a_disk_that_is_full_keeps_nobody_from_reading(place: Place, client: httpx.AsyncClient) -> None:
    """The table's file may grow no more: PostgreSQL ignores SIGXFSZ, so that a limit of files is as a full disk.

    The files of its log have a size of their own and are below that limit.
    """
    full = int(place.execute("SHOW wal_segment_size")[0][0].removesuffix("MB")) << 20
    assert (await client.post("/v1/notes", json={"title": "before"})).status_code == 201
    place.execute(
        "INSERT INTO notes (owner, id, title, created_at, updated_at) SELECT a.id, gen_random_uuid(), "  # noqa: S608
        f"repeat(md5(i::text), 40), now(), now() FROM generate_series(1, {full // 1200}) AS i, "
        "(SELECT id FROM freehold_accounts ORDER BY created_at LIMIT 1) AS a"
    )
    assert place.execute("SELECT pg_relation_size('notes')")[0][0] > full
    kept = ["before"]
    place.server.limit_files(str(full))
    try:
        async with asyncio.timeout(PATIENCE):
            while (answer := await client.post("/v1/notes", json={"title": f"{len(kept)} {'x' * 1900}"})).is_success:
                kept.append(answer.json()["title"])
        assert is_away(answer)
        assert await titles(client) == Counter(kept)
    finally:
        place.server.limit_files("unlimited")
    await recovered(client)
    assert await titles(client) == Counter([*kept, "again"])


async def test_no_connection_left_at_the_server_is_503(place: Place, client: httpx.AsyncClient) -> None:
    name = place.database.name
    place.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    cut(place)
    try:
        assert is_away(await client.get("/v1/notes"))
        assert is_away(await client.post("/v1/notes", json={"title": "new"}))
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200
    finally:
        place.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    await recovered(client)


async def test_an_exhausted_pool_and_statements_that_take_too_long_are_503(
    place: Place, client: httpx.AsyncClient
) -> None:
    """Somebody holds the table: as many wait as there are connections, the rest for a connection, and all in vain."""
    raw = await asyncpg.connect(place.database.superuser_url)
    clock = asyncio.get_running_loop().time
    try:
        async with raw.transaction():
            await raw.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
            begun = clock()

            async def ask(i: int) -> tuple[bool, float]:
                calls = (client.get("/v1/notes"), client.post("/v1/notes", json={"title": "new"}))
                answer = await calls[i % 2]
                calls[1 - i % 2].close()
                return is_away(answer), clock() - begun

            answers = await asyncio.gather(*(ask(i) for i in range(5 * POOL)))
            assert all(away for away, _ in answers)
            waited = sorted(seconds for _, seconds in answers)
            assert waited[0] < STATEMENT, "who finds no connection free is told late"
    finally:
        await raw.close()
    assert await titles(client) == {}
    await recovered(client)


async def test_a_database_whose_default_is_another_isolation_serves_the_same(
    place: Place, client: httpx.AsyncClient
) -> None:
    """Works are made for READ COMMITTED, and say so: writes to one record wait for each other and none fails."""
    note = (await client.post("/v1/notes", json={"title": "0"})).json()["id"]
    place.execute(f"ALTER DATABASE {place.database.name} SET default_transaction_isolation = 'serializable'")
    cut(place)
    try:
        # a read finds a lost connection and is asked again on another; a change is not
        await asyncio.gather(*(client.get("/v1/notes") for _ in range(2 * POOL)))
        changes = (client.patch(f"/v1/notes/{note}", json={"title": str(i)}) for i in range(2 * POOL))
        answers = await asyncio.gather(*changes)
        assert {answer.status_code for answer in answers} == {200}
    finally:
        place.execute(f"ALTER DATABASE {place.database.name} RESET default_transaction_isolation")
        cut(place)
    await recovered(client)
