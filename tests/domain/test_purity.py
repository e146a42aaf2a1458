"""The inner layers import nothing of the outside: a list of what they may import, not of what they may not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PURE = {
    "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "difflib", "enum", "functools", "graphlib", "hashlib", "ipaddress", "itertools", "json", "math", "operator",
    "re", "shlex", "string", "typing", "unicodedata", "urllib", "uuid", "warnings",
}  # fmt: skip
"""modules of the standard library that neither read nor write, know no time and draw no lots"""
ALLOWED = {"domain": PURE | {"domain"}, "application": PURE | {"domain", "application", "secrets", "random"}}
IMPURE = {"now", "today", "utcnow", "fromtimestamp", "open", "print", "input", "uuid1", "uuid4", "exec", "eval"}
"""what the pure modules and the language itself offer all the same"""
FILES = [path for layer in ALLOWED for path in sorted((PROJECT / layer).rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say whence"
            yield str(node.module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_only_pure_modules_are_imported(path: Path) -> None:
    allowed = ALLOWED[path.relative_to(PROJECT).parts[0]]
    assert {name.split(".")[0] for name in imported(ast.parse(path.read_text("utf-8")))} <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_asks_for_the_time_or_the_outside(path: Path) -> None:
    """The clock and the sealer of a port are the way, and only use cases have one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE, node.lineno
        elif isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE:
            assert ast.unparse(node.func) in ("self._clock.now", "self._sealer.open"), node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_lots_are_drawn_from_a_seed_only(path: Path) -> None:
    """Of `random` nothing but `Random`, and that never without what it begins with."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert all(alias.name != "random" for alias in node.names), node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            assert [alias.name for alias in node.names] == ["Random"], node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Random":
            assert node.args, node.lineno
