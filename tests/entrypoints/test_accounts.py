"""`freehold accounts`: what the operator does while the project is served; and what `serve` needs to send mail."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from entrypoints import asgi
from entrypoints.cli import cli
from entrypoints.container import Container
from tests import logs
from tests.serving import process

SMALL = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: anyone}
"""
MARY = {"email": "mary@example.com", "password": "correct horse"}


@pytest.fixture
def folder(brought_up: Callable[[str], Path]) -> Path:
    """A project with its database, on each store in turn."""
    return brought_up(SMALL)


async def run(*arguments: object) -> Result:
    """The command, as in another process."""
    result = await asyncio.to_thread(CliRunner().invoke, cli, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


async def test_a_disabled_account_stops_working_at_once_everywhere(folder: Path) -> None:
    app = asgi.create_app(Container(folder=folder))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        mary = (await client.post("/auth/register", json=MARY)).json()
        token = {"authorization": f"Bearer {mary['access_token']}"}
        note = (await client.post("/v1/notes", json={"title": "Peas"}, headers=token)).json()["id"]
        result = await run("accounts", "disable", "Mary@example.com", folder)
        assert (result.exit_code, result.output) == (0, "Disabled; its sessions have ended.\n")
        for method, path, body in (
            *(("GET", f"/v1/notes/{note}", None), ("GET", "/v1/notes", None), ("GET", "/auth/me", None)),
            *(("POST", "/v1/notes", {"title": "More"}), ("PATCH", f"/v1/notes/{note}", {"title": "x"})),
            *(("DELETE", f"/v1/notes/{note}", None), ("GET", "/auth/sessions", None)),
            ("DELETE", "/auth/me", {"password": MARY["password"]}),
            ("POST", "/auth/password", {"old_password": MARY["password"], "new_password": "another one"}),
            ("POST", "/auth/refresh", {"refresh_token": mary["refresh_token"]}),
            ("POST", "/auth/login", MARY),
        ):
            answer = await client.request(method, path, json=body, headers=token)
            assert answer.status_code in (401, 405), f"{method} {path}: {answer.text}"
        nobody = {"email": "nobody@example.com", "password": MARY["password"]}
        answers = [(await client.post("/auth/login", json=body)).json() for body in (MARY, nobody)]
        assert [answer["detail"] for answer in answers] == ["The address or the password is wrong."] * 2
        assert (await run("accounts", "enable", "mary@example.com", folder)).exit_code == 0
        assert (await client.get("/auth/me", headers=token)).status_code == 401, "what ended stays so"
        assert (await client.post("/auth/login", json=MARY)).status_code == 200
    assert logs.current.errors == []


async def test_an_account_that_is_not_there_is_said_to_be(folder: Path) -> None:
    result = await run("accounts", "disable", "nobody@example.com", folder, "--json")
    assert (result.exit_code, json.loads(result.output)) == (1, {"error": "There is no account with this address."})


async def test_an_invitation_is_printed_and_lets_one_register(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_PUBLIC_URL", "https://app.example.com/notes/")
    result = await run("accounts", "invite", MARY["email"], folder)
    found = re.fullmatch(r"https://app\.example\.com/notes/auth/register#token=(\S{43})\n", result.output)
    assert found is not None, result.output
    monkeypatch.setenv("FREEHOLD_SIGN_UP", "invite")
    app = asgi.create_app(Container(folder=folder))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.post("/auth/register", json=MARY)).status_code == 403
        answer = await client.post("/auth/register", json=MARY | {"invitation": found[1]})
        assert answer.status_code == 201


@pytest.mark.parametrize("sign_up", ["verified", "invite"])
async def test_serve_says_what_it_needs_to_send_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_up: str
) -> None:
    (tmp_path / "freehold.yaml").write_text(SMALL, encoding="utf-8")
    monkeypatch.setenv("FREEHOLD_SIGN_UP", sign_up)
    result = await run("serve", tmp_path, "--json")
    assert result.exit_code == 2
    said = json.loads(result.output)["error"]
    assert said == (
        f"Not served. FREEHOLD_SIGN_UP={sign_up} sends mail. "
        "Set FREEHOLD_SMTP_URL, FREEHOLD_MAIL_FROM and FREEHOLD_PUBLIC_URL."
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SMTP_URL", "smtp://u:secret@mail.example.com", "FREEHOLD_SMTP_URL needs FREEHOLD_PUBLIC_URL"),
        ("SMTP_URL", "mail.example.com", "FREEHOLD_SMTP_URL: Value error, must be smtp://user"),
        ("PUBLIC_URL", "https://a.example/?x#y", "FREEHOLD_PUBLIC_URL: Value error, must be like https://"),
        ("PUBLIC_URL", "https://a.example/\nb", "FREEHOLD_PUBLIC_URL: Value error, must be like https://"),
        ("MAIL_FROM", "Notes <a@example.com>", "FREEHOLD_MAIL_FROM: Value error, must be an e-mail address"),
    ],
)
async def test_a_wrong_setting_of_mail_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    (tmp_path / "freehold.yaml").write_text(SMALL, encoding="utf-8")
    monkeypatch.setenv(f"FREEHOLD_{name}", value)
    result = await run("serve", tmp_path, "--json")
    assert result.exit_code == 2
    assert says in json.loads(result.output)["error"]
    assert "secret" not in result.output


def test_dev_prints_mail_with_a_link_that_works(tmp_path: Path) -> None:
    """The whole way in a process of its own: the sender runs beside the requests."""
    (tmp_path / "freehold.yaml").write_text(SMALL, encoding="utf-8")
    settings = {"sign_up": "verified", "public_url": "https://app.example.com"}
    with process(tmp_path, "dev", "--yes", **settings) as served, httpx.Client(base_url=served.url) as client:
        assert client.post("/auth/register", json=MARY).status_code == 202
        token = printed(served.log)
        assert client.post("/auth/email/verify", json={"token": token}).status_code == 204
        assert client.post("/auth/login", json=MARY).status_code == 200


def printed(log: Path) -> str:
    """The token of a link, once it is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = re.search(r"https://app\.example\.com/auth/email/verify#token=(\S{43})\s", log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.05)
    pytest.fail(f"no mail was printed:\n{log.read_text()}")
