"""Generators of clients, installed beside this file by the locks beside it, and the examples served for them.

Node comes with the lock of Python. Without what the locks name these tests are skipped; `test --all` fails there.
"""

import hashlib
import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx
import pytest

from tests.application.world import EXAMPLES
from tests.serving import process

HERE = Path(__file__).resolve().parent
GENERATED = HERE / ".generated"
PROGRAMS = HERE / ".venv" / "bin"
"""Python's, and node with npm"""
SIX = ("clinic", "conduit", "invoices", "market", "notes", "tracker")
ODD = """\
app: odd
resources:
  note:
    owner: account
    about: Things that are called like "others".
    roles: {ladder: editor > viewer, join: open}
    require_if_match: yes
    fields: {list: 'one of a, b', from: text, class: number, self: yes/no, type: json, default: date, when: time}
    can: {create: signed in, read: [owner, viewer], update: owner, delete: owner, share: owner, members: owner}
  note_list: {owner: note, can: {create: owner, read: owner}}
  problem: {owner: account, fields: {size: integer}, can: {create: signed in, read: owner}}
  record: {owner: account, fields: {data: json}, can: {create: signed in, read: anyone}}
  promise: {owner: account, fields: {amount: decimal}, can: {create: signed in, read: anyone}}
  none: {owner: account, fields: {title: text}, can: {create: signed in, read: anyone}}
"""
"""what none of the examples has"""


def surroundings(**environment: str) -> dict[str, str]:
    """The environment of a program: it finds node."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"PATH": f"{PROGRAMS}{os.pathsep}{kept['PATH']}"} | environment


def run(*command: str | Path, **environment: str) -> str:
    """What a program prints; an `AssertionError` with all of it where it fails."""
    done = subprocess.run(  # noqa: S603
        [str(part) for part in command],
        cwd=HERE,
        env=surroundings(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout[-6000:]}"
    return done.stdout


def _lacking(what: str) -> None:
    if "FREEHOLD_TEST_SERVICES" in os.environ:
        pytest.fail(f"{what}, and `--all` was asked for")
    pytest.skip(what)


def _kept(folder: Path, lock: Path, *command: str | Path) -> bool:
    """Whether a folder holds what a lock names; the command fills it where it does not yet."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / "freehold-lock"
    if stamp.exists() and stamp.read_text("utf-8") == digest:
        return True
    try:
        run(*command)
    except AssertionError as error:
        print(error)
        return False
    stamp.write_text(digest, "utf-8")
    return True


@pytest.fixture(scope="session")
def python() -> Path:
    """The folder of Python's programs, in an environment of their own."""
    folder, lock = PROGRAMS.parent, HERE / "requirements.lock"
    if not (PROGRAMS / "python").exists():
        venv.create(folder, clear=True, with_pip=True)
    pip = (PROGRAMS / "python", "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if not _kept(folder, lock, *pip, "--require-hashes", "--requirement", lock):
        _lacking("pip could not install what requirements.lock names")
    return PROGRAMS


@pytest.fixture(scope="session")
def npm_ci(python: Path) -> Callable[[Path], Path]:
    """Installs what the `package-lock.json` of a folder names; the folder of its programs."""

    def programs(folder: Path) -> Path:
        installed, lock = folder / "node_modules", folder / "package-lock.json"
        ci = (python / "npm", "--prefix", folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        if not _kept(installed, lock, *ci):
            _lacking(f"npm could not install what {lock} names")
        return installed / ".bin"

    return programs


@pytest.fixture(scope="session")
def node(npm_ci: Callable[[Path], Path]) -> Path:
    """The folder of the generators' programs."""
    return npm_ci(HERE)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Serves an example, or what has odd names, once for all tests; its URL."""
    with ExitStack() as stack:

        @cache
        def url(name: str) -> str:
            folder = tmp_path_factory.mktemp(name)
            text = ODD if name == "odd" else (EXAMPLES / name / "freehold.yaml").read_text("utf-8")
            (folder / "freehold.yaml").write_text(text, "utf-8")
            return stack.enter_context(process(folder, "dev", "--yes")).url

        yield url


@pytest.fixture(scope="session")
def documents(serve: Callable[[str], str]) -> dict[str, Path]:
    """What is served about the examples, and about an app in which everything has an odd name; in files, by name."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    found = {name: GENERATED / f"{name}.json" for name in ("odd", *SIX)}
    for name, file in found.items():
        file.write_bytes(httpx.get(f"{serve(name)}/openapi.json").raise_for_status().content)
    return found


def together(tasks: list[list[str | Path]]) -> None:
    """Run programs, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda task: run(*task), tasks))
