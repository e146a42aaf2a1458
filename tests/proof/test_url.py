"""A server at a URL is proved from outside, whatever database it has."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from entrypoints.cli import cli
from tests.conftest import Serving
from tests.proof.test_proof import NOTES


@pytest.fixture
def url(tmp_path: Path, served: Serving) -> Iterator[str]:
    """A server of the notes example, over a real socket."""
    (tmp_path / "freehold.yaml").write_bytes(NOTES.read_bytes())
    with served(tmp_path) as there:
        yield there


def prove(*arguments: str) -> tuple[int, Any]:
    said = CliRunner().invoke(cli, ["prove", str(NOTES.parent), "--json", *arguments])
    return said.exit_code, json.loads(said.stdout)


def test_a_server_at_a_url_is_proved_over_its_socket(url: str) -> None:
    code, report = prove("--url", url, "--budget", "6000", "--seed", "3")
    assert (code, report["findings"]) == (0, [])
    assert any("not over a URL" in part for part in report["skipped"])


def test_a_server_that_is_away_or_lets_nobody_in_is_no_proof(url: str) -> None:
    code, said = prove("--url", url + "/nothing", "--budget", "1000")
    assert (code, "sign up" in said["error"]) == (1, True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        code, said = prove("--url", f"http://127.0.0.1:{free.getsockname()[1]}", "--budget", "1000")
        assert (code, "Not proved" in said["error"]) == (1, True)


def test_mutants_and_a_url_do_not_go_together(url: str) -> None:
    code, said = prove("--url", url, "--mutants")
    assert (code, "--mutants" in said["error"]) == (2, True)
