"""The wheel, as people have it who never saw this repository: installed by pip, used beside code of their own."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "application", "adapters", "entrypoints")
EXAMPLES = sorted(
    file.parent.name for file in REPOSITORY.glob("examples/*/freehold.yaml") if not (file.parent / "app.py").exists()
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="looks for programs in bin/")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree, built as any packager builds it, by the tools that the lock brought."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-P", "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY)
    (built,) = folder.glob("freehold-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ of a fresh environment with the wheel in it; what that depends on is borrowed from ours: no network."""
    environment = tmp_path_factory.mktemp("fresh") / "env"
    run(sys.executable, "-I", "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    run(sys.executable, "-I", "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel)
    theirs = run(python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A folder named in a .pth is searched last, and the .pth files in it (one leads to this working tree) are not read.
    (Path(theirs) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with packages of its own that are named like ours and must never be imported."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        poison = f'raise SystemExit("poison: `{package}` was imported from the working directory")\n'
        (tmp_path / package / "__init__.py").write_text(poison, encoding="utf-8")
    return tmp_path


def surroundings(**extra: str) -> Mapping[str, str]:
    """The environment variables of somebody who has set none for Python or for us."""
    theirs = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_", "FREEHOLD_"))
    }
    return {**theirs, **extra}


def run(*command: str | Path, cwd: Path | None = None, **extra: str) -> str:
    """Run a command that must succeed without a traceback and return what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd or Path("/"),
        env=surroundings(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    told = f"{command}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    assert "Traceback" not in told, told
    return done.stdout


def test_everything_that_is_read_at_run_time_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    left_out = {
        str(file.relative_to(REPOSITORY))
        for package in PACKAGES
        for file in (REPOSITORY / package).rglob("*")
        if file.is_file()
        and not any(part.startswith((".", "__pycache__")) for part in file.relative_to(REPOSITORY).parts)
    } - names
    assert not left_out
    assert "entrypoints/alembic.ini" in names
    assert {f"entrypoints/examples/{name}/freehold.yaml" for name in EXAMPLES} <= names
    assert EXAMPLES
    assert any("/migrations/versions/" in name for name in names)


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    lying_about = (".db", "freehold-secret", "__pycache__", "node_modules", "examples/admin")
    assert not [name for name in names if any(each in name for each in lying_about)]


def test_the_modules_come_from_the_wheel(programs: Path, folder: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(domain.__file__)"
    printed = run(programs / "python", "-P", "-c", code, cwd=folder)
    assert printed.startswith(str(programs.parent))


def test_help(programs: Path, folder: Path) -> None:
    printed = run(programs / "freehold", "--help", cwd=folder)
    for command in ("new", "check", "dev", "serve", "openapi"):
        assert command in printed


def test_new_and_check(programs: Path, folder: Path) -> None:
    run(programs / "freehold", "new", "app", cwd=folder)
    assert {"freehold.yaml", ".gitignore", "README.md"} <= {file.name for file in (folder / "app").iterdir()}
    run(programs / "freehold", "check", "app", cwd=folder)
    run(programs / "freehold", "check", cwd=folder / "app")


@pytest.mark.parametrize("example", EXAMPLES)
def test_new_from_an_example(programs: Path, folder: Path, example: str) -> None:
    run(programs / "freehold", "new", "app", "--from", example, cwd=folder)
    assert (folder / "app" / "freehold.yaml").is_file()


def test_as_a_module(programs: Path, folder: Path) -> None:
    # Without -P, `python -m` searches the working directory before anything of ours can run.
    assert "check" in run(programs / "python", "-P", "-m", "entrypoints.cli", "--help", cwd=folder)


def test_dev_serves_and_ctrl_c_ends_it(programs: Path, folder: Path) -> None:
    run(programs / "freehold", "new", "app", cwd=folder)
    port = free_port()
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(programs / "freehold"), "dev", "app", "--port", str(port), "--yes"],
            cwd=folder,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(port, server, log)
            server.send_signal(signal.SIGINT)
            code = server.wait(timeout=20)
        finally:
            server.kill()
            server.wait()
    assert code == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when /health/ready answers 200; fail when the server ends or 30 s have passed."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"not ready after 30 s\n{log.read_text()}")
