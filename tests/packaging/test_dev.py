"""dev.py, run as a real process: what it says and returns, when it makes `.venv` and when it leaves it alone.

The set-up runs for real, on a small project whose lock is empty and whose build backend is one file: no network.
"""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="looks for programs in bin/")

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "freehold"
version = "0"
"""

# A `freehold` that prints its arguments as JSON, and waits for Ctrl-C where it shall serve.
BACKEND = '''\
import zipfile

COMMAND = """
import json, os, sys, time
def main():
    told = {"arguments": sys.argv[1:], "venv": os.environ.get("VIRTUAL_ENV"), "cwd": os.getcwd()}
    try:
        print(json.dumps(told), flush=True)
        time.sleep(20 if "1234" in sys.argv else 0)
    except KeyboardInterrupt:
        print("stopped")
"""

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "freehold-0-py3-none-any.whl", "freehold-0.dist-info/"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("freehold_command.py", COMMAND)
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: freehold\\nVersion: 0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nfreehold = freehold_command:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that dev.py has set up, for tests that leave it as they found it or better."""
    folder = small_project(tmp_path_factory.mktemp("dev") / "with a space")
    done = dev(folder, "setup")
    assert done.returncode == 0, done.stderr
    assert "is ready" in done.stderr
    return folder


def small_project(folder: Path) -> Path:
    """Write the small project with our dev.py."""
    (folder / "examples" / "notes").mkdir(parents=True)
    shutil.copy(REPOSITORY / "dev.py", folder)
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "requirements.lock").write_text("# nothing\n", encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    return folder


def dev(folder: Path, *arguments: str, cwd: Path = Path("/"), **extra: str) -> subprocess.CompletedProcess[str]:
    """Run this folder's dev.py to its end."""
    return subprocess.run(
        [sys.executable, str(folder / "dev.py"), *arguments],
        cwd=cwd,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def made_at(folder: Path) -> float:
    """Return when the environment was made: pip leaves this file as the environment was made with it."""
    return (folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns


# ---- words and exit codes ------------------------------------------------------------------------------------------


def test_no_command_prints_the_usage() -> None:
    done = dev(REPOSITORY)
    assert done.returncode == 2
    assert "usage: python3 dev.py COMMAND" in done.stderr


def test_an_unknown_command_is_named() -> None:
    done = dev(REPOSITORY, "sevre")
    assert done.returncode == 2
    assert "`sevre`" in done.stderr
    assert "usage: " in done.stderr
    assert done.stdout == ""


def test_help_is_no_error() -> None:
    done = dev(REPOSITORY, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("setup", "serve", "test", "check", "bench", "format"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments", [("check", "this"), ("setup", "--fast"), ("serve", "--port", "x"), ("serve", "--port", "65536")]
)
def test_wrong_arguments(arguments: tuple[str, ...]) -> None:
    done = dev(REPOSITORY, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_old_python_is_told_so() -> None:
    ast.parse((REPOSITORY / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 7))
    code = "import runpy, sys; sys.version_info = (3, 9, 1); runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(REPOSITORY / "dev.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dev.py: Freehold needs Python 3.11 or newer; this is Python 3.9.")
    assert "Traceback" not in done.stderr


def test_where_debian_left_venv_out_the_package_is_named(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "project")
    # Debian without python3-venv: `import ensurepip` fails. `None` in sys.modules makes an import fail in the same way.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None\n", encoding="utf-8")
    done = dev(folder, "setup", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "apt install python{}.{}-venv".format(*sys.version_info[:2]) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / ".venv").exists()


# ---- set-up --------------------------------------------------------------------------------------------------------


def test_a_second_run_does_nothing_and_at_once(made: Path) -> None:
    before = made_at(made)
    started = time.monotonic()
    done = dev(made, "setup")
    assert time.monotonic() - started < 1
    assert (done.returncode, done.stderr) == (0, "`.venv` is up to date.\n")
    assert made_at(made) == before


def test_serve_calls_the_command_line(made: Path, tmp_path: Path) -> None:
    done = dev(made, "serve", "--port", "9", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "arguments": ["dev", str(made / "examples" / "notes"), "--port", "9", "--yes", "--seed"],
        "venv": str(made / ".venv"),
        "cwd": str(tmp_path),
    }


def test_ctrl_c_reaches_the_server_and_ends_cleanly(made: Path) -> None:
    command = [sys.executable, str(made / "dev.py"), "serve", "--port", "1234"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        assert "--seed" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.stdout.read() == "stopped\n"
        assert server.wait(timeout=10) == 0


def test_other_modules_on_the_python_path_stay_outside(made: Path, tmp_path: Path) -> None:
    (tmp_path / "freehold_command.py").write_text("raise SystemExit('poison')\n", encoding="utf-8")
    assert dev(made, "serve", PYTHONPATH=str(tmp_path)).returncode == 0


def test_another_project_file_installs_the_project_again_in_the_same_environment(made: Path) -> None:
    before = made_at(made)
    (made / "pyproject.toml").write_text(PROJECT + "# changed\n", encoding="utf-8")
    done = dev(made, "setup")
    assert done.returncode == 0, done.stderr
    assert "is ready" in done.stderr
    assert made_at(made) == before


def test_another_lock_makes_the_environment_anew(made: Path) -> None:
    before = made_at(made)
    (made / "requirements.lock").write_text("# nothing, said differently\n", encoding="utf-8")
    assert dev(made, "setup").returncode == 0
    assert made_at(made) > before


def test_a_moved_clone_makes_the_environment_anew(made: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(made, moved, symlinks=True)
    done = dev(moved, "serve", "--port", "9")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["venv"] == str(moved / ".venv")


def test_an_interrupted_set_up_is_repaired(tmp_path: Path) -> None:
    folder = small_project(tmp_path / "project")
    command = [sys.executable, str(folder / "dev.py"), "setup"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as started:
        until = time.monotonic() + 60
        while not (folder / ".venv" / "pyvenv.cfg").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(started.pid, signal.SIGINT)  # as the terminal does: to everything that runs in it
        assert started.wait(timeout=30) == 130
        assert started.stderr is not None
        assert 'dev.py", line' not in started.stderr.read()
    assert (folder / ".venv").exists()
    assert not (folder / ".venv" / "freehold-setup.json").exists()
    done = dev(folder, "serve", "--port", "9")
    assert done.returncode == 0, done.stderr
    # A Python that was removed since leaves a link to nowhere, whatever the stamp says.
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    done = dev(folder, "serve", "--port", "9")
    assert done.returncode == 0, done.stderr
