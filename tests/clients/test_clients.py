"""Clients that others' generators make of the served documents: they compile strictly, and they work."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import GENERATED, HERE, SIX, run, together

LONG = os.environ.get("FREEHOLD_TEST_SCHEMATHESIS")
"""so many examples of each operation, and every phase"""


@pytest.fixture(scope="session")
def typescript(node: Path, documents: dict[str, Path]) -> Path:
    """The programs of node; below `.generated` is what three generators made of each document."""
    tasks: list[list[str | Path]] = []
    for name, document in documents.items():
        made = [GENERATED / kind / name for kind in ("openapi-typescript", "hey-api", "orval")]
        tasks.append([node / "openapi-typescript", document, "--output", f"{made[0]}.ts"])
        tasks.append(
            [node / "openapi-ts", "--input", document, "--output", made[1], "--client", "@hey-api/client-fetch"]
        )
        tasks.append([node / "orval", "--input", document, "--output", f"{made[2]}.ts", "--client", "fetch"])
    together(tasks)
    return node


@pytest.fixture(scope="session")
def packages(python: Path, documents: dict[str, Path]) -> Path:
    """The programs of Python; below `.generated/python` is a package for each document."""
    config = HERE / "openapi-python-client.yaml"
    together(
        [
            [
                *(python / "openapi-python-client", "generate", "--path", document, "--config", config),
                *("--meta", "none", "--fail-on-warning", "--output-path", GENERATED / "python" / f"{name}_client"),
            ]
            for name, document in documents.items()
        ]
    )
    return python


def test_clients_in_typescript_compile_strictly(typescript: Path) -> None:
    run(typescript / "tsc", "--project", HERE)


@pytest.mark.parametrize("use", ["openapi-fetch", "hey-api", "orval"])
@pytest.mark.parametrize(("name", "ending"), [("notes", ""), ("invoices", "-invoices")])
def test_a_client_in_typescript_works(
    use: str, name: str, ending: str, typescript: Path, serve: Callable[[str], str]
) -> None:
    source, bundle = HERE / "uses" / f"{use}{ending}.ts", GENERATED / f"{use}{ending}.mjs"
    run(typescript / "esbuild", source, "--bundle", "--platform=node", "--format=esm", f"--outfile={bundle}")
    run("node", bundle, serve(name))


def test_clients_in_python_have_types(packages: Path) -> None:
    made = GENERATED / "python"
    run(
        packages / "mypy",
        "--strict",
        "--cache-dir",
        GENERATED / "mypy",
        HERE / "uses" / "use.py",
        HERE / "uses" / "use_invoices.py",
        made,
        MYPYPATH=str(made),
    )


@pytest.mark.parametrize(("name", "use"), [("notes", "use.py"), ("invoices", "use_invoices.py")])
def test_a_client_in_python_works(name: str, use: str, packages: Path, serve: Callable[[str], str]) -> None:
    run(packages / "python", HERE / "uses" / use, serve(name), PYTHONPATH=str(GENERATED / "python"))


@pytest.mark.parametrize("name", SIX)
def test_schemathesis_finds_nothing(name: str, python: Path, serve: Callable[[str], str]) -> None:
    """Every operation and check, in sequences that follow from the document; see `schemathesis_hooks.py`."""
    phases = "examples,coverage,fuzzing,stateful" if LONG else "examples,fuzzing,stateful"
    run(
        *(python / "schemathesis", "run", f"{serve(name)}/openapi.json", "--checks", "all", "--seed", "1"),
        *("--phases", phases, "--max-examples", LONG or "2", "--continue-on-failure", "--no-color"),
        SCHEMATHESIS_HOOKS="schemathesis_hooks",
        FREEHOLD_URL=serve(name),
        PYTHONPATH=str(HERE),
    )
