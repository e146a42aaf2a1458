"""The lock: in step with pyproject.toml, every file by its hash, silent about where it came from."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

# One entry: `name==version ; marker \`, then its hashes.
ENTRIES = re.findall(
    r"^([a-z0-9-]+)==(\S+)([^\n]*)\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.MULTILINE
)


def test_every_entry_is_pinned_and_hashed() -> None:
    assert len(ENTRIES) == len(re.findall(r"^\S.*$", re.sub(r"^#.*$", "", LOCK, flags=re.MULTILINE), re.MULTILINE))


def test_what_the_project_asks_for_is_what_is_locked() -> None:
    locked = {canonicalize_name(name): version for name, version, _, _ in ENTRIES}
    needed = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
    ]
    for line in needed:
        wanted = Requirement(line)
        assert canonicalize_name(wanted.name) in locked, f"`{line}` is not in requirements.lock: write it again"
        assert locked[canonicalize_name(wanted.name)] in wanted.specifier, f"`{line}` is not what requirements.lock has"


def test_what_makes_the_site_is_locked_beside_the_rest() -> None:
    """Only who makes the site installs it, into the same environment: so what both name is the same."""
    text = (REPOSITORY / "docs" / "requirements.lock").read_text(encoding="utf-8")
    named = re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)
    for line in PROJECT["dependency-groups"]["docs"]:
        wanted = Requirement(line)
        assert any(name == canonicalize_name(wanted.name) and version in wanted.specifier for name, version in named), (
            line
        )
    locked = {name: version for name, version, _, _ in ENTRIES}
    assert [name for name, version in named if locked.get(name, version) != version] == []
    assert not {"sphinx", "furo", "myst-parser"} & locked.keys()
    assert text.count("--hash=sha256:") >= len(named)
    assert "://" not in text


def test_the_lock_of_the_generators_of_clients_is_hashed_and_names_no_place() -> None:
    """They are no dependencies of ours: only `tests/clients` installs them, into a folder of their own."""
    clients = REPOSITORY / "tests" / "clients"
    text = (clients / "requirements.lock").read_text(encoding="utf-8")
    named = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)
    assert set((clients / "requirements.in").read_text(encoding="utf-8").splitlines()[3:]) <= set(named)
    assert text.count("--hash=sha256:") > len(named)
    assert "://" not in text


@pytest.mark.parametrize("folder", ["tests/clients", "examples/admin"])
def test_what_npm_installs_is_pinned_hashed_and_names_no_place(folder: str) -> None:
    lock = json.loads((REPOSITORY / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    package = json.loads((REPOSITORY / folder / "package.json").read_text(encoding="utf-8"))
    for place, locked in lock.items():
        assert "resolved" not in locked
        assert place == "" or locked["integrity"].startswith("sha512-"), place
    wanted = {**package.get("dependencies", {}), **package["devDependencies"]}
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_it_names_no_place() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^(?!    --hash=).*/", LOCK, re.MULTILINE)
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK
