"""The README is true: its specification loads, its outputs are what the commands print, its tour is answered so.

The tour runs against a real server, and what stands in the README is compared with what comes back, but for
what is different each time: ids, times and the password.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.specification_file import load

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text("utf-8")
SHOWN_URL = "http://127.0.0.1:8000"
FREEHOLD = [sys.executable, "-m", "entrypoints.cli"]
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
PASSWORD = re.compile(r'password\\":\\"([^\\]+)\\"')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z")
START_SECONDS = 30


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def environment() -> dict[str, str]:
    """Ours, without settings, and with this working tree on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "80", "NO_COLOR": "1"}


def freehold(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command in a folder: its exit code, and what it printed, without spaces at the ends of lines."""
    done = subprocess.run(  # noqa: S603
        [*FREEHOLD, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    printed = (done.stdout + done.stderr).splitlines()
    return done.returncode, "\n".join(line.rstrip() for line in printed) + "\n"


@pytest.fixture
def myapp(tmp_path: Path) -> Path:
    """A folder that holds `myapp`, with the README's specification."""
    (specification,) = blocks("yaml")
    (tmp_path / "myapp").mkdir()
    (tmp_path / "myapp" / "freehold.yaml").write_text(specification, "utf-8")
    return tmp_path


# ---- the specification and the commands ------------------------------------------------------------------------------


def test_the_specification_has_twelve_lines_and_loads(myapp: Path) -> None:
    path = myapp / "myapp" / "freehold.yaml"
    assert len(path.read_text("utf-8").splitlines()) == 12
    assert list(load(path).resources) == ["notebook", "note"]


def test_check_prints_what_is_shown(myapp: Path) -> None:
    shown = next(block for block in blocks("text") if "Who may do what" in block)
    assert freehold(myapp, "check", "myapp") == (0, shown)


def test_check_shows_the_mistake(myapp: Path) -> None:
    path = myapp / "myapp" / "freehold.yaml"
    before, after = path.read_text("utf-8").rsplit("editor", 1)
    path.write_text(f"{before}edittor{after}", "utf-8")
    shown = next(block for block in blocks("text") if "edittor" in block)
    assert freehold(myapp, "check", "myapp") == (1, shown)


def test_new_makes_a_project_that_checks(tmp_path: Path) -> None:
    assert freehold(tmp_path, "new", "myapp")[0] == 0
    assert freehold(tmp_path, "check", "myapp")[0] == 0


# ---- the tour --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A server that was started as `python3 dev.py serve` does, and what it printed."""

    url: str
    printed: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tour") / "notes"
    shutil.copytree(
        REPOSITORY / "examples" / "notes", folder, ignore=lambda _, names: {n for n in names if n != "freehold.yaml"}
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder.with_name("log")
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603
            [*FREEHOLD, "dev", str(folder), "--port", str(port), "--yes", "--seed"],
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(url, process, log)
        yield Server(url, log.read_text("utf-8"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0, log.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"the server did not start: {log.read_text('utf-8')}")


def paste_block() -> str:
    """What the README says that the first start prints."""
    return next(block for block in blocks("text") if "Mary and Bob" in block)


def this_time(server: Server) -> dict[str, str]:
    """What stands in the README → what it is this time: the URL, the password, and ids, in order."""
    shown, printed = paste_block(), server.printed
    found = {SHOWN_URL: server.url} | dict(zip(UUID.findall(shown), UUID.findall(printed), strict=False))
    return found | dict(zip(PASSWORD.findall(shown), PASSWORD.findall(printed), strict=False))


def translated(text: str, words: Mapping[str, str]) -> str:
    for shown, now in words.items():
        text = text.replace(shown, now)
    return text


def test_the_first_start_prints_what_is_shown(server: Server) -> None:
    expected = translated(paste_block(), this_time(server))
    assert server.printed[: len(expected)] == expected


def test_the_tour_is_answered_as_shown(server: Server) -> None:
    words = this_time(server)
    variables = {"URL": server.url, **tokens(server)}
    steps = list(tour())
    assert [status for _, status, _ in steps] == [200, 404, 201, 200, 403]
    for command, status, shown in steps:
        answer = curl(string.Template(translated(command, words)).substitute(variables))
        assert answer.status_code == status, command
        assert masked(answer.text) == masked(shown), command


def tokens(server: Server) -> dict[str, str]:
    """What `login` of the printed lines would give."""
    (password,) = PASSWORD.findall(server.printed)
    found = {}
    for name in ("mary", "bob"):
        body = {"email": f"{name}@example.com", "password": password}
        found[name.upper()] = httpx.post(f"{server.url}/auth/login", json=body).json()["access_token"]
    return found


def tour() -> Iterator[tuple[str, int, str]]:
    """Each `curl` of the README with the status and the body that follow it."""
    for block in blocks("console"):
        command, status, body = re.fullmatch(r"\$ (.*?)\nHTTP/1\.1 (\d{3}) .*?\n…\n(.*)\n", block, re.DOTALL).groups()  # type: ignore[union-attr]
        yield command, int(status), body


def curl(command: str) -> httpx.Response:
    """What `curl` would do: no test may need a program that is not Python's."""
    program, *words = shlex.split(command.replace("\\\n", " "))
    assert program == "curl"
    options = {before: word for before, word in pairwise(words) if before in ("-X", "-d")}
    headers = dict(word.split(": ", 1) for before, word in pairwise(words) if before == "-H")
    (url,) = (word for word in words if word.startswith("http://"))
    method = options.get("-X", "POST" if "-d" in options else "GET")
    return httpx.request(method, url, headers=headers, content=options.get("-d"))


def masked(body: str) -> Any:
    """A JSON answer without what is different each time."""
    found = json.loads(TIME.sub("<time>", UUID.sub("<id>", body)))
    return {**found, "request_id": "<request>"} if "request_id" in found else found
