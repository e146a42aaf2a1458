#!/usr/bin/env python3
"""Everything a developer types, on nothing but Python and git: ``python3 dev.py setup | serve | test | check | ...``.

Every command first makes sure that ``.venv`` holds the packages of ``requirements.lock`` and this project. A stamp,
written last, says for which lock, Python and place that was done: where it agrees, set-up costs two hashes; where it
does not (the first run, an interrupted one, another Python, a moved clone), the environment is made anew.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

# Python 3.6 can read this file up to its end, so that this is what an old one says.
if sys.version_info < (3, 11):  # noqa: UP036
    asked = " ".join(["dev.py", *sys.argv[1:]])
    names = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    found = [name for name in names if subprocess.call([name, "-c", ""], stderr=subprocess.DEVNULL) == 0]
    sys.exit(
        "dev.py: Freehold needs Python 3.11 or newer; this is Python {}.{}.".format(*sys.version_info[:2])
        + (f"\nThis machine has a newer one: {found[0]} {asked}" if found else "")
    )

REPOSITORY = Path(__file__).resolve().parent
ENVIRONMENT = REPOSITORY / ".venv"
LOCK = REPOSITORY / "requirements.lock"
PROJECT = REPOSITORY / "pyproject.toml"
STAMP = ENVIRONMENT / "freehold-setup.json"
DOCS_LOCK = REPOSITORY / "docs" / "requirements.lock"
DOCS_STAMP = ENVIRONMENT / "freehold-docs"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
SUFFIX = ".exe" if os.name == "nt" else ""
# The Python behind a virtual environment: `.venv` may have to be made anew by a dev.py that runs inside it.
BASE_PYTHON = getattr(sys, "_base_executable", None) or sys.executable
STARTED = time.monotonic()

USAGE = """\
usage: python3 dev.py COMMAND

  setup                   make .venv and install the locked packages; the other commands do it when needed
  serve [--port N]        serve examples/notes on SQLite with two accounts in it (port 8000)
  test [--all] [ARG ...]  run the tests; --all: also those that need services; the rest goes to pytest
  check                   lint, format, types and layers: all that is judged without running
  prove [ARG ...]         the isolation proof of every example; the rest goes to `freehold prove` (--budget 20s)
  docs                    make a site of docs/ in build/site; whatever is wrong with a page or a link fails it
  bench [ARG ...]         measure; the rest goes to the benchmark (try: bench --help)
  format                  sort the imports and format the code
"""


# ---- set-up --------------------------------------------------------------------------------------------------------


def set_up() -> None:
    """Bring ``.venv`` up to the lock, the project and this Python, or exit with a sentence that helps."""
    if is_ready():
        return
    with only_one_at_a_time():
        if is_ready():
            return
        wanted, done = stamp_wanted(), stamp_found()
        STAMP.unlink(missing_ok=True)
        if done.get("environment") != wanted["environment"] or not scripts_exist("python"):
            make_environment()
            install(LOCK)
        install_project()
        # Last, and in one step: a stamp means that everything before it went well.
        draft = STAMP.with_suffix(".draft")
        draft.write_text(json.dumps(wanted), encoding="utf-8")
        os.replace(draft, STAMP)


def set_up_docs() -> None:
    """Bring into ``.venv`` what makes the site, too; nobody else needs it."""
    set_up()
    if has_docs():
        return
    with only_one_at_a_time():
        if not has_docs():
            install(DOCS_LOCK)
            DOCS_STAMP.write_text(digest(DOCS_LOCK), encoding="utf-8")


def has_docs() -> bool:
    """Whether ``.venv`` has what its lock names."""
    return DOCS_STAMP.exists() and DOCS_STAMP.read_text(encoding="utf-8") == digest(DOCS_LOCK)


def is_ready() -> bool:
    """Whether ``.venv`` was finished for this lock, project, Python and place, and its programs still exist."""
    return stamp_found() == stamp_wanted() and scripts_exist("python", "freehold")


def stamp_wanted() -> dict[str, str]:
    """Return what the stamp must say.

    When ``environment`` changes, everything is made anew; for ``project`` this project alone is installed again.
    """
    version = "{}.{}".format(*sys.version_info[:2])
    return {
        "environment": f"Python {version} in {ENVIRONMENT}, lock {digest(LOCK)}",
        "project": digest(PROJECT),
    }


def stamp_found() -> dict[str, str]:
    """Return what the stamp says; empty when there is none that can be read."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def scripts_exist(*names: str) -> bool:
    """Whether ``.venv`` has these programs; a link to a Python that was removed since does not count."""
    return all((SCRIPTS / (name + SUFFIX)).exists() for name in names)


def make_environment() -> None:
    """Make an empty ``.venv`` with pip in it, in place of any that is there."""
    version = "{}.{}".format(*sys.version_info[:2])
    try:
        import ensurepip
        import venv  # noqa: F401

        ensurepip.version()  # Debian can have the module without the pip that it installs
    except Exception:
        sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
        sys.exit(
            f"dev.py: this Python {version} ({BASE_PYTHON}) comes without `venv`, which makes virtual environments.\n"
            f"On Debian and Ubuntu it is a package of its own: {sudo}apt install python{version}-venv\n"
            f"Then run the same command again."
        )
    say(f"Making `.venv` with Python {version} ...")
    if ENVIRONMENT.is_symlink() or ENVIRONMENT.is_file():
        ENVIRONMENT.unlink()
    elif ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    if run([BASE_PYTHON, "-I", "-m", "venv", str(ENVIRONMENT)]):
        sys.exit(f"dev.py: Python {version} could not make `.venv`; it says above why.")


def install(lock: Path) -> None:
    """Install what a lock names, every file checked against its hash."""
    count = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    say(f"Installing the {count} packages of `{lock.name}`; the first time that may take a minute ...")
    if run([*pip_install(), "--require-hashes", "--requirement", str(lock)]):
        sys.exit(
            "dev.py: pip could not install the locked packages; it says above why.\n"
            "A proxy or a mirror is set up as for pip anywhere. The next run starts afresh."
        )


def install_project() -> None:
    """Make the packages of this working tree importable, and its command callable, in ``.venv``; needs no network."""
    if run([*pip_install(), "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(REPOSITORY)]):
        sys.exit("dev.py: pip could not install this working tree into `.venv`; it says above why.")
    say(f"`.venv` is ready after {time.monotonic() - STARTED:.0f} s.")


def pip_install() -> list[str]:
    """Return the call of pip in ``.venv``; -I keeps it from counting what lies on PYTHONPATH as installed."""
    python = str(SCRIPTS / ("python" + SUFFIX))
    return [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-user"]


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Let a second dev.py wait while a first one sets up (not on Windows, where nobody stops them)."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with PROJECT.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another dev.py is setting up `.venv`; waiting for it ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


# ---- commands ------------------------------------------------------------------------------------------------------


def setup() -> int:
    """Make ``.venv`` if it is not there or not up to date."""
    if is_ready():
        say("`.venv` is up to date.")
    set_up()
    return 0


def serve(arguments: Sequence[str]) -> NoReturn:
    """Serve the notes example; Ctrl-C goes straight to the server, for on POSIX it takes the place of this process."""
    parser = argparse.ArgumentParser(prog="python3 dev.py serve", description="Serve examples/notes on SQLite.")
    parser.add_argument("--port", type=port, default=8000, metavar="N", help="the port to listen on (8000)")
    chosen = parser.parse_args(arguments)
    set_up()
    example = str(REPOSITORY / "examples" / "notes")
    become("freehold", "dev", example, "--port", str(chosen.port), "--yes", "--seed")


def port(text: str) -> int:
    """Read a port number, for argparse."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError(text)
    return number


def test(arguments: Sequence[str]) -> NoReturn:
    """Run pytest at the top of the repository; ``--all`` includes the tests that need services."""
    set_up()
    if "--all" in arguments:
        set_up_docs()
        os.environ["FREEHOLD_TEST_SERVICES"] = "1"
    os.chdir(REPOSITORY)
    become("python", "-m", "pytest", *(argument for argument in arguments if argument != "--all"))


def check() -> int:
    """Run every tool that judges the code without running it, all of them even when one finds something."""
    set_up()
    os.chdir(REPOSITORY)
    failed = []
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports"]):
        title = " ".join(command)
        say(title, bold=True)
        if run([str(SCRIPTS / (command[0] + SUFFIX)), *command[1:]]):
            failed.append(f"`{title}`")
    say(f"check: failed: {', '.join(failed)}" if failed else "check: nothing to complain about")
    return 1 if failed else 0


def docs() -> int:
    """Make the site, anew, so that every warning is told each time; a warning is a failure."""
    set_up_docs()
    site = REPOSITORY / "build" / "site"
    options = ["--builder", "html", "--fresh-env", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    code = run([str(SCRIPTS / ("sphinx-build" + SUFFIX)), *options, str(REPOSITORY / "docs"), str(site)])
    say("docs: failed, it says above why" if code else f"docs: {site / 'index.html'}")
    return code


def prove(arguments: Sequence[str]) -> NoReturn:
    """Prove every example, one after the other; a nightly run says ``--budget 1000000 --mutants``."""
    set_up()
    failed = []
    for example in sorted((REPOSITORY / "examples").glob("*/freehold.yaml")):
        say(f"freehold prove {example.parent.name}", bold=True)
        command = [
            str(SCRIPTS / ("freehold" + SUFFIX)),
            "prove",
            str(example.parent),
            *(arguments or ["--budget", "20s"]),
        ]
        if run(command):
            failed.append(example.parent.name)
    say(f"prove: not proved: {', '.join(failed)}" if failed else "prove: every example is proved")
    sys.exit(1 if failed else 0)


def bench(arguments: Sequence[str]) -> NoReturn:
    """Run the benchmarks at the top of the repository."""
    set_up()
    os.chdir(REPOSITORY)
    become("python", "-m", "benchmarks.run", *arguments)


def format_code() -> int:
    """Sort the imports and format every Python file of the repository."""
    set_up()
    os.chdir(REPOSITORY)
    ruff = str(SCRIPTS / ("ruff" + SUFFIX))
    return max(run([ruff, "check", "--quiet", "--select", "I", "--fix", "."]), run([ruff, "format", "."]))


# ---- processes and terminal ----------------------------------------------------------------------------------------


def become(program: str, *arguments: str) -> NoReturn:
    """Go on as a program of ``.venv``: its signals, output and exit code are ours."""
    command = [str(SCRIPTS / (program + SUFFIX)), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(command[0], command, surroundings())
    child = subprocess.Popen(command, env=surroundings())
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the console sent it to the child, too, which ends in its own way
            sys.exit(child.wait())


def run(command: Sequence[str]) -> int:
    """Run a command to its end and return its exit code."""
    return subprocess.run(command, env=surroundings(), check=False).returncode


def surroundings() -> dict[str, str]:
    """Return the environment for what we start: ``.venv`` is active, and nobody else's modules are in the way."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return {
        **kept,
        "VIRTUAL_ENV": str(ENVIRONMENT),
        "PATH": os.pathsep.join([str(SCRIPTS), kept.get("PATH", os.defpath)]),
    }


def say(text: str, *, bold: bool = False) -> None:
    """Tell the person at the terminal; on standard error, which leaves standard output to what we run."""
    if bold and sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        text = f"\x1b[1m{text}\x1b[0m"
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says and return the exit code: 0 done, 1 failed, 2 not understood."""
    if not arguments:
        print(USAGE, end="", file=sys.stderr)
        return 2
    command, rest = arguments[0], arguments[1:]
    if command in PASSING_ON:
        PASSING_ON[command](rest)
    if command in ("help", "-h", "--help") or (command in PLAIN and rest in (["-h"], ["--help"])):
        print(USAGE, end="")
        return 0
    if command not in PLAIN:
        print(f"dev.py: there is no command `{command}`.\n\n{USAGE}", end="", file=sys.stderr)
        return 2
    if rest:
        print(f"dev.py: `{command}` takes no arguments, so not `{' '.join(rest)}`.", file=sys.stderr)
        return 2
    return PLAIN[command]()


PASSING_ON: dict[str, Callable[[Sequence[str]], NoReturn]] = {
    "serve": serve,
    "test": test,
    "prove": prove,
    "bench": bench,
}
PLAIN: dict[str, Callable[[], int]] = {"setup": setup, "check": check, "docs": docs, "format": format_code}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as problem:
        sys.exit(f"dev.py: {problem}")
