"""The `freehold` command: in this process where it only says something, as a process of its own where it serves."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from typer.testing import CliRunner, Result

from entrypoints import projects
from entrypoints.cli import cli
from entrypoints.container import Container
from tests.application.world import EXAMPLES

REPOSITORY = Path(__file__).resolve().parents[2]
SIX = ["clinic", "conduit", "invoices", "market", "notes", "tracker"]
SMALL = """\
app: trial
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner}
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of a test; and none of them stays."""
    for name in [name for name in os.environ if name.startswith("FREEHOLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", "")
    monkeypatch.delenv("FREEHOLD_DATABASE_URL")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "freehold.yaml").write_text(SMALL, encoding="utf-8")
    return made


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


# --- check, new, openapi -------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
def test_check_says_what_is_public_and_who_may_do_what(name: str) -> None:
    said = run("check", EXAMPLES / name)
    assert said.exit_code == 0
    assert "no mistakes" in said.stdout
    assert "Who may do what" in said.stdout
    assert ("Nothing is public" in said.stdout) is (name in ("clinic", "invoices", "tracker"))
    found = json.loads(run("check", EXAMPLES / name / "freehold.yaml", "--json").stdout)
    assert (found["app"], found["errors"]) == (name, [])
    assert bool(found["public"]) is (name not in ("clinic", "invoices", "tracker"))
    assert {"resource", "action", "who", "line", "column"} == set(found["rights"][0])


MISTAKES = """\
app: trial
resources:
  note:
    owner: acount
    fields: {title: txt}
    can: {create: [signed in], reed: owner}
"""


def test_check_names_every_mistake_with_its_place(folder: Path) -> None:
    (folder / "freehold.yaml").write_text(MISTAKES, encoding="utf-8")
    said = run("check", folder)
    assert (said.exit_code, said.stdout) == (1, "")
    for place, word in (("4:12", "`acount`"), ("5:21", "`txt`"), ("6:32", "`reed`")):
        (line,) = [line for line in said.stderr.splitlines() if f"freehold.yaml:{place}:" in line]
        assert word in line
    as_json = run("check", folder, "--json")
    assert as_json.exit_code == 1
    errors = json.loads(as_json.stdout)["errors"]
    assert [(error["line"], error["column"]) for error in errors] == [(4, 12), (5, 21), (6, 32)]


@pytest.mark.parametrize("content", [None, b"", b"- a\n", b"\xff\xfe\x00", b"app: [", b"a: &x [*x]", b"x" * 2_000_000])
def test_whatever_lies_there_is_answered_with_one_sentence(folder: Path, content: bytes | None) -> None:
    path = folder / "freehold.yaml"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for command in ("check", "openapi", "serve", "dev"):
        said = run(command, folder)
        assert said.exit_code == 1
        assert "freehold.yaml:" in said.stderr
        assert len(said.stderr) < 2000
    assert sorted(path.name for path in folder.iterdir()) == (["freehold.yaml"] if content is not None else [])


@pytest.mark.parametrize("name", ["notes", "market"])
def test_new_writes_a_project_that_can_be_served(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "app"
    said = run("new", folder, "--from", name)
    assert (said.exit_code, str(folder) in said.stdout) == (0, True)
    names = {"freehold.yaml", "freehold.schema.json", ".gitignore", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    assert run("check", folder).exit_code == 0
    first, second = (folder / "freehold.yaml").read_text("utf-8").splitlines()[:2]
    assert first == "# yaml-language-server: $schema=freehold.schema.json"
    assert second.split("#")[0].rstrip() == "app: app"
    assert json.loads((folder / "freehold.schema.json").read_text("utf-8")) == json.loads(run("schema").stdout)
    before = (folder / "freehold.yaml").read_bytes()
    again = run("new", folder, "--from", "notes")
    assert (again.exit_code, "there already" in again.stderr) == (1, True)
    assert (folder / "freehold.yaml").read_bytes() == before
    ignored = (folder / ".gitignore").read_text(encoding="utf-8")
    assert "freehold.db" in ignored
    assert ".freehold-secret" in ignored


@pytest.mark.parametrize(
    ("folder", "name"), [("My Shop-2", "my_shop_2"), ("2nd", "nd"), ("42", "app"), ("é", "app"), ("app_", "app")]
)
def test_an_app_is_named_after_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    assert projects.app_name(tmp_path / folder) == name
    projects.make(tmp_path / folder, "notes")
    assert run("check", tmp_path / folder).exit_code == 0


def test_new_keeps_what_is_there_and_knows_its_examples(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert json.loads(run("new", tmp_path, "--json").stdout) == {"folder": str(tmp_path)}
    assert (tmp_path / "README.md").read_text() == "mine"
    for wrong in ("nothing", "../notes", ""):
        said = run("new", tmp_path / "x", "--from", wrong)
        assert said.exit_code == 2
        assert all(name in said.stderr for name in SIX)
    assert json.loads(run("new", tmp_path / "x", "--from", "nothing", "--json").stdout)["error"]
    assert not (tmp_path / "x").exists()


def test_openapi_is_printed_and_touches_nothing(folder: Path) -> None:
    for arguments in (("openapi", folder), ("openapi", folder, "--json")):
        document = json.loads(run(*arguments).stdout)
        assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
        assert "/v1/notes" in document["paths"]
    assert [path.name for path in folder.iterdir()] == ["freehold.yaml"]


# --- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FREEHOLD_SIGN_UP", "perhaps", "FREEHOLD_SIGN_UP"),
        ("FREEHOLD_RATE_LIMITS", "maybe", "FREEHOLD_RATE_LIMITS"),
        ("FREEHOLD_TRUSTED_PROXIES", "10.0.0.1/8", "FREEHOLD_TRUSTED_PROXIES"),
        ("FREEHOLD_TRUSTED_PROXIES", "10.0.0.0/8;127.0.0.1", "FREEHOLD_TRUSTED_PROXIES"),
        ("FREEHOLD_REQUESTS_PER_MINUTE", "0", "FREEHOLD_REQUESTS_PER_MINUTE"),
        ("FREEHOLD_REDIS_URL", "http://:hunter2@redis", "redis://"),
        ("FREEHOLD_REDIS_URL", "hunter2", "FREEHOLD_REDIS_URL"),
        ("FREEHOLD_DATABASE_URL", "mysql://mary:hunter2@db/x", "FREEHOLD_DATABASE_URL"),
        ("FREEHOLD_DATABASE_URL", "freehold.db", "sqlite:///"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "dev"])
def test_a_wrong_setting_is_named_and_nothing_is_touched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    for arguments in ((command, folder), (command, folder, "--json")):
        said = run(*arguments)
        assert said.exit_code == 2
        assert words in said.output
        assert "hunter2" not in said.output
    assert [path.name for path in folder.iterdir()] == ["freehold.yaml"]


def test_a_short_secret_is_refused_and_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    projects.settle(folder, folder / "freehold.db", "tests")
    monkeypatch.setenv("FREEHOLD_SECRET", "hunter2hunter2")
    for command in ("serve", "dev"):
        said = run(command, folder, "--port", str(free_port()))
        assert said.exit_code in (1, 2)
        assert "FREEHOLD_SECRET" in said.output
        assert "hunter2" not in said.output


@pytest.mark.parametrize(
    "arguments", [(), ("frob",), ("serve", "--port", "0"), ("serve", "--port", "x"), ("serve", "--workers", "0")]
)
def test_wrong_usage_is_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


# --- serving -------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Served:
    """A `freehold` process, run as its console script is, and what it has said so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        script = folder.parent / "freehold-script.py"
        script.write_text(
            "from entrypoints.cli import main\n\nif __name__ == '__main__':\n    main()\n", encoding="utf-8"
        )
        self.log = folder.parent / "said.txt"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, str(script), *arguments, "--port", str(self.port)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"},
                start_new_session=True,
            )

    def said(self) -> str:
        """Everything on both outputs."""
        return self.log.read_text(encoding="utf-8")

    def until(self, what: Callable[[], Any]) -> Any:
        """The first truth that comes; fails after a minute, or when the process ends."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(self.said())

    def request(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any] | None:
        """Status and JSON of an answer; None where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            assert response.getheader("server") is None
            return response.status, json.loads(response.read() or b"null")
        except (ConnectionError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def end(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C; the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(30)


@pytest.fixture
def served() -> Iterator[list[Served]]:
    started: list[Served] = []
    yield started
    for each in started:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()


def test_dev_serves_follows_the_file_and_ends_with_ctrl_c(folder: Path, served: list[Served]) -> None:
    """In a folder that holds a `domain/` of its own."""
    (folder / "domain").mkdir()
    (folder / "domain" / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    server = Served(folder, "dev", "--yes")
    served.append(server)
    assert server.until(lambda: server.request("GET", "/health/ready")) == (200, {"status": "ok"})
    credentials = {"email": "mary@example.com", "password": "correct horse"}
    made = server.request("POST", "/auth/register", credentials)
    assert made is not None
    token = made[1]["access_token"]
    note = server.request("POST", "/v1/notes", {"title": "Peas"}, token)
    assert note is not None
    assert note[0] == 201
    path = folder / "freehold.yaml"
    path.write_text(SMALL.replace("txt", "").replace("{title: text}", "{title: txt}"), encoding="utf-8")
    server.until(lambda: "`txt`" in server.said())
    assert server.request("GET", "/health/ready") == (200, {"status": "ok"})
    path.write_text(SMALL.replace("title: text", "name: text"), encoding="utf-8")
    server.until(lambda: "Still serving what was there" in server.said())
    path.write_text(SMALL.replace("{title: text}", "{title: text, hot: yes/no}"), encoding="utf-8")
    at = f"/v1/notes/{note[1]['id']}"
    server.until(lambda: (server.request("GET", at, token=token) or (0, {}))[1].get("hot") is False)
    assert server.end() == 0
    assert "Traceback" not in server.said()
    assert not (folder / "freehold.db-wal").exists()
    assert "correct horse" not in server.said()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="what a process ignores is read from /proc")
def test_a_worker_hears_no_ctrl_c_from_its_first_moment(folder: Path, served: list[Served]) -> None:
    """Ctrl-C reaches the whole group, and it is the parent who ends its workers."""
    projects.settle(folder, folder / "freehold.db", "tests")
    server = Served(folder, "serve", "--workers", "2")
    served.append(server)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    heard: set[str] = set()
    serving: set[str] = set()

    def both_serve() -> bool:
        for child in children.read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                masks = re.findall(r"^Sig(?:Blk|Ign|Cgt):\s*(\w+)", Path(f"/proc/{child}/status").read_text(), re.M)
                blocked, ignored, caught = (int(mask, 16) for mask in masks)
                if not (blocked | ignored) & 1 << signal.SIGINT - 1:
                    heard.add(child)
                if caught & 1 << signal.SIGTERM - 1:
                    serving.add(child)
        return len(serving) == 2

    server.until(both_serve)
    assert heard == set()
    assert server.until(lambda: server.request("GET", "/health/ready")) is not None
    assert server.end() == 0
    assert "Traceback" not in server.said()


def test_serve_with_workers_ends_cleanly_and_refuses_another_specification(folder: Path, served: list[Served]) -> None:
    (folder / "domain").mkdir()
    (folder / "domain" / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    refused = run("serve", folder)
    assert (refused.exit_code, "freehold approve" in refused.stderr) == (1, True)
    assert sorted(path.name for path in folder.iterdir()) == ["domain", "freehold.yaml"]
    projects.settle(folder, folder / "freehold.db", "tests")
    server = Served(folder, "serve", "--workers", "2")
    served.append(server)
    assert server.until(lambda: server.request("GET", "/health/ready")) == (200, {"status": "ok"})
    answers = [
        server.request("POST", "/auth/register", {"email": f"m{i}@example.com", "password": "correct horse"})
        for i in range(6)
    ]
    tokens = [answer[1]["access_token"] for answer in answers if answer is not None]
    for token in tokens:
        assert (server.request("GET", "/auth/me", token=token) or (0,))[0] == 200, "every worker knows the keys"
    assert server.end() == 0
    assert "Traceback" not in server.said()
    (folder / "freehold.yaml").write_text(
        SMALL.replace("{title: text}", "{title: text, hot: yes/no}"), encoding="utf-8"
    )
    before = (folder / "freehold.db").read_bytes()
    there = sorted(path.name for path in folder.iterdir())
    for arguments in (("serve", folder), ("serve", folder, "--json"), ("serve", folder, "--workers", "2")):
        refused = run(*arguments)
        assert refused.exit_code == 1
        assert "`freehold.yaml` is not what tests approved" in refused.output
        assert "freehold plan" in refused.output
    assert (folder / "freehold.db").read_bytes() == before
    # a connection that only reads makes these two, empty, as long as the database is in WAL mode
    beside = {"freehold.db-shm", "freehold.db-wal"}
    assert sorted({path.name for path in folder.iterdir()} - beside) == there


STAFFED = SMALL.replace("app: trial", "app: trial\nstaff: mediator > clerk").replace(
    "read: owner", "read: [owner, staff.clerk]"
)


def test_staff_roles_are_given_and_taken_on_the_command_line_alone(folder: Path, served: list[Served]) -> None:
    (folder / "freehold.yaml").write_text(STAFFED, encoding="utf-8")
    server = Served(folder, "dev", "--yes")
    served.append(server)
    tokens = {}
    for name in ("mary", "bob"):
        body = {"email": f"{name}@example.com", "password": "correct horse"}
        answer = server.until(lambda body=body: server.request("POST", "/auth/register", body))
        tokens[name] = answer[1]["access_token"]
    made = server.request("POST", "/v1/notes", {"title": "x"}, token=tokens["mary"])
    assert made is not None
    at = f"/v1/notes/{made[1]['id']}"

    def bob_reads() -> int:
        return (server.request("GET", at, token=tokens["bob"]) or (0,))[0]

    assert bob_reads() == 404
    assert run("staff", "set", "Bob@example.com ", "mediator", folder).exit_code == 0
    assert bob_reads() == 200, "from the next request on"
    (listed,) = json.loads(run("staff", "list", folder, "--json").stdout)["staff"]
    assert (listed["email"], listed["role"]) == ("bob@example.com", "mediator")
    assert "mediator" in run("staff", "list", folder).stdout
    assert json.loads(run("staff", "set", "bob@example.com", "none", folder, "--json").stdout) == {"staff": None}
    assert bob_reads() == 404
    events = server.request("GET", "/auth/me/events", token=tokens["bob"])
    assert events is not None
    said = [event["data"] for event in events[1]["items"] if event["kind"] == "staff_changed"]
    assert said == [{"before": "mediator", "role": ""}, {"before": "", "role": "mediator"}]
    for wrong in (("bob@example.com", "king"), ("nobody@example.com", "clerk"), ("no address", "clerk")):
        refused = run("staff", "set", *wrong, folder)
        assert (refused.exit_code, refused.stdout) == (1, ""), wrong


def test_keys_of_the_engine_are_made_listed_and_revoked(folder: Path) -> None:
    container = Container(folder=folder)
    projects.bring_up(container.database(), container.tables(), allow_losses=False)
    wish = ("keys", "create", "payments", "--on", "note", "--may", "read", folder)
    refused = run(*wish)
    assert (refused.exit_code, "--engine" in refused.stderr) == (2, True)
    made = run(*wish, "--engine")
    assert (made.exit_code, made.stdout.startswith("fhe_")) == (0, True)
    again = json.loads(run(*wish, "--engine", "--days", "7", "--json").stdout)
    listed = json.loads(run("keys", "list", folder, "--json").stdout)["keys"]
    assert [each["name"] for each in listed] == ["payments"] * 2
    assert "key" not in listed[0], "it is shown once"
    assert made.stdout.strip() not in run("keys", "list", folder).output
    stored = b"".join(path.read_bytes() for path in folder.glob("freehold.db*"))
    for plain in (made.stdout.strip(), again["key"]):
        assert plain.encode() not in stored
    assert run("keys", "revoke", again["id"], folder).exit_code == 0
    assert len(json.loads(run("keys", "list", folder, "--json").stdout)["keys"]) == 1
    assert run("keys", "revoke", again["id"], folder).exit_code == 1
    for wrong in (("--may", "fly"), ("--on", "boat")):
        assert run(*wish, "--engine", *wrong).exit_code == 1, wrong


def test_a_taken_port_is_said_in_one_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in (("dev", folder, "--yes"), ("serve", folder)):
            if command[0] == "serve":
                projects.settle(folder, folder / "freehold.db", "tests")
            said = run(*command, "--port", port)
            assert said.exit_code == 1
            assert f"127.0.0.1:{port}" in said.stderr


# --- signing keys --------------------------------------------------------------------------


def test_signing_keys_are_listed_and_rotated(folder: Path) -> None:
    for command in ("list", "rotate"):
        refused = run("signing-keys", command, folder)
        assert refused.exit_code == 1, "there is no database"
        assert "freehold migrate" in refused.output
    projects.settle(folder, folder / "freehold.db", "tests")
    assert json.loads(run("signing-keys", "list", folder, "--json").output) == {"keys": []}, "listing makes no keys"
    first = json.loads(run("signing-keys", "rotate", folder, "--json").output)["keys"]
    assert sorted(key["state"] for key in first) == ["active", "next", "retired"]
    second = {key["kid"]: key for key in json.loads(run("signing-keys", "rotate", folder, "--json").output)["keys"]}
    (coming,) = [key["kid"] for key in first if key["state"] == "next"]
    assert second[coming]["state"] == "active"
    assert {key["algorithm"] for key in second.values()} == {"ES256"}
    table = run("signing-keys", "list", folder).output
    assert all(kid in table for kid in second)
    assert not any(word in table.lower() for word in ("private", "sealed"))
    assert run("signing-keys", "list", folder, "--json").output.count("kid") == 4


def test_another_secret_rotates_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    projects.settle(folder, folder / "freehold.db", "tests")
    assert run("signing-keys", "rotate", folder).exit_code == 0
    before = run("signing-keys", "list", folder, "--json").output
    monkeypatch.setenv("FREEHOLD_SECRET", "another secret of enough characters")
    refused = run("signing-keys", "rotate", folder)
    assert refused.exit_code == 1
    assert "FREEHOLD_SECRET" in refused.output
    assert run("signing-keys", "list", folder, "--json").output == before


def test_an_algorithm_that_is_none_stops_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("none", "HS256", "RS256", "es256"):
        monkeypatch.setenv("FREEHOLD_SIGNING_ALGORITHM", wrong)
        refused = run("signing-keys", "list", folder)
        assert refused.exit_code == 2
        assert "FREEHOLD_SIGNING_ALGORITHM" in refused.output
