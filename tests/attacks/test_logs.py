"""What is left behind: logs without anything that a caller sent, and a database file that is of no use to a thief."""

import asyncio
import base64
import json
import logging
import sys
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from domain.errors import Unavailable
from entrypoints import logs
from tests.application.world import example
from tests.conftest import Worlds
from tests.http.api import Api
from tests.http.test_app import Away
from tests.logs import Log

PASSWORD, NEXT = "correct horse battery", "another horse, another staple"


@pytest.mark.parametrize("kind", [ValueError, Unavailable])
async def test_a_defect_is_logged_without_what_it_quotes(log: Log, kind: type[Exception]) -> None:
    store = Away(example("notes"))
    api = await Api.of(example("notes"), store)
    mary = await api.person("mary")
    try:
        raise KeyError("the diary of Mary Ann")
    except KeyError as error:
        store.failure = kind(f"[parameters: ('the diary of Mary Ann', '{api.tokens[mary]}')]")
        store.failure.__cause__ = error
    log.remember(["the diary of Mary Ann", api.tokens[mary]])
    headers = {"authorization": f"Bearer {api.tokens[mary]}"}
    answer = await api.client.post("/v1/notebooks", json={"title": "the diary of Mary Ann"}, headers=headers)
    assert answer.status_code == (503 if kind is Unavailable else 500)
    (line,) = log.lines
    found = json.loads(line)
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["logger"] == "freehold.http"
    assert found["timestamp"].endswith("Z")
    assert kind.__qualname__ in found["exception"]
    assert "KeyError" in found["exception"], "and its cause"
    assert "test_app.py" in found["exception"], "and where it was"
    log.errors.clear()


async def test_who_tries_what_is_not_allowed_stands_in_the_log(log: Log) -> None:
    api = await Api.of(example("notes"))
    mary, bob = await api.people("mary", "bob")
    book = await api.make(mary, "notebooks", title="Garden")
    given = {"account": bob.account, "role": "viewer"}
    assert (await api.call(mary, "POST", f"notebooks/{book}/members", json=given)).status_code == 201
    answer = await api.call(bob, "PATCH", f"notebooks/{book}", json={"title": "Mine"})
    assert answer.status_code == 403
    (line,) = log.lines
    found = json.loads(line)
    said = {"event": "refused", "code": "forbidden", "method": "PATCH", "account": bob.account}
    assert said.items() <= found.items()
    assert found["request_id"] == answer.headers["x-request-id"]


async def test_the_search_of_the_logs_finds_what_is_there(log: Log) -> None:
    """The check after each test is no check unless this would fail."""
    api = await Api.of(example("notes"))
    await api.call(None, "POST", "/auth/register", json={"email": "mary@example.com", "password": PASSWORD})
    assert PASSWORD in log.private
    assert log.leaked() == []
    logging.getLogger("freehold.http").info("somebody came with %s", PASSWORD)
    assert log.leaked() == [PASSWORD]
    log.lines.clear()


def test_other_libraries_logs_are_written_alike() -> None:
    written = logs.formatter(as_json=True)
    for name in ("uvicorn.error", "asyncio", "sqlalchemy.pool"):
        record = logging.LogRecord(name, logging.ERROR, "x.py", 1, "Oh %s\nfuture: <Task 'my note'>", ("no",), None)
        found = json.loads(written.format(record))
        assert (found["event"], found["level"], found["logger"]) == ("Oh no", "error", name)


def test_a_line_cannot_be_forged() -> None:
    """Neither for programs nor for people does a caller's text begin a line of its own."""
    for as_json in (True, False):
        record = logging.LogRecord("freehold.http", logging.INFO, "x.py", 1, "refused", (), None)
        record.code = 'x\n2026-11-26T14:00:00Z [info] signed in account="mary"'
        assert "\n" not in logs.formatter(as_json=as_json).format(record)


async def test_requests_at_the_same_time_keep_their_ids(log: Log) -> None:
    store = Away(example("notes"))
    api = await Api.of(example("notes"), store)
    mary = await api.person("mary")
    store.failure = Unavailable()
    headers = {"authorization": f"Bearer {api.tokens[mary]}"}
    answers = await asyncio.gather(*(api.client.get("/v1/notes", headers=headers) for _ in range(20)))
    assert {json.loads(line)["request_id"] for line in log.lines} == {a.headers["x-request-id"] for a in answers}


async def test_the_database_file_holds_nothing_that_could_be_used(sqlite_world: Worlds, log: Log) -> None:
    """Passwords, tokens and private keys are in neither the file nor its journal, however they are encoded."""
    world = sqlite_world(example("notes"))
    api = await Api.of(example("notes"), world.store)
    used: list[str] = [PASSWORD, NEXT]

    async def post(path: str, body: dict[str, Any], token: str = "") -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await api.call(None, "POST", path, json=body, headers=headers)
        if answer.status_code < 300 and answer.content:
            used.extend(answer.json()[name] for name in ("access_token", "refresh_token"))
        return answer

    first = (await post("/auth/register", {"email": "mary@example.com", "password": PASSWORD})).json()
    second = (await post("/auth/refresh", {"refresh_token": first["refresh_token"]})).json()
    again = (await post("/auth/refresh", {"refresh_token": first["refresh_token"]})).json()
    assert again["refresh_token"] == second["refresh_token"], "so the successor is kept somewhere"
    change = {"old_password": PASSWORD, "new_password": NEXT}
    assert (await post("/auth/password", change, second["access_token"])).status_code == 204
    assert (await post("/auth/login", {"email": "mary@example.com", "password": PASSWORD})).status_code == 401
    third = (await post("/auth/login", {"email": "mary@example.com", "password": NEXT})).json()
    await post("/auth/refresh", {"refresh_token": third["refresh_token"]})
    await post("/auth/refresh", {"refresh_token": "not a token that we ever gave"})

    await api.container.tokens().rotate(world.store, api.world.clock.now())
    assert len(api.container.tokens()._keys) == 3, "one that signs, one that is next, one that is retired"

    forms: list[bytes] = [secret.encode() for secret in used]
    forms += [base64.urlsafe_b64decode(s + "=" * (-len(s) % 4)) for s in used if s.count(".") == 0 and " " not in s]
    for key in api.container.tokens()._keys.values():
        number = key.private.private_numbers().private_value.to_bytes(32, "big")
        forms += [
            number,
            number.hex().encode(),
            base64.b64encode(number),
            base64.urlsafe_b64encode(number).rstrip(b"="),
        ]
        for encoding in (Encoding.DER, Encoding.PEM):
            private = key.private.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
            forms += [private, base64.b64encode(private)]
    kept = b"".join(file.read_bytes() for file in world.path.parent.glob(f"{world.path.name}*"))
    assert b"mary@example.com" in kept, "it is the right file, and written"
    assert [form[:20] for form in forms if len(form) < 8 or form in kept] == []
    text = "\n".join(log.lines)
    assert [secret for secret in used if secret in text] == []
    assert [form[:20] for form in forms if form in text.encode()] == []


def test_programs_get_json_and_people_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        for terminal in (False, True):
            monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
            root.handlers[:] = []
            logs.configure()
            logging.getLogger("freehold.http").info("served")
            logging.getLogger("uvicorn.error").info("not of interest")
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith("{") is not terminal
            assert "served" in line
    finally:
        root.handlers[:], root.level = before
