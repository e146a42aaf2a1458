"""The pages under `docs/` and the code agree: every refusal, code and setting is listed, every link leads somewhere."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.http.errors import STATUS
from domain.errors import Refusal
from domain.specification.asking import CODES
from entrypoints.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS = (REPOSITORY / "docs" / "errors.md").read_text("utf-8")
LAYERS = ("domain", "application", "adapters", "entrypoints")
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/*/*.md")],
)
CODE = re.compile(r"[a-z]+(_[a-z]+)*")


def leaves(root: type[Refusal]) -> Iterator[type[Refusal]]:
    """The refusals that are answered: classes without further ones below, of our own layers."""
    for child in root.__subclasses__():
        if child.__module__.partition(".")[0] in LAYERS:
            yield from leaves(child)
            if not child.__subclasses__():
                yield child


def codes_used() -> dict[str, str]:
    """Every code in the source, with a place where it is used.

    A code is the default of a refusal, its `code=`, or what a refused value, field or parameter is given.
    """
    found: dict[str, str] = {}
    for layer in LAYERS:
        for file in sorted((REPOSITORY / layer).rglob("*.py")):
            constants = {
                node.targets[0].id: node.value
                for node in ast.parse(file.read_text("utf-8")).body
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            }
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                for value in _codes(node):
                    meant = constants.get(value.id) if isinstance(value, ast.Name) else value
                    if isinstance(meant, ast.Constant) and isinstance(meant.value, str):
                        found[meant.value] = f"{file.relative_to(REPOSITORY)}:{value.lineno}"
    return found


REFUSALS = {refusal.__name__ for refusal in leaves(Refusal)}
FIRST = {"Refused": 1, "ValueRefused": 0, "PydanticCustomError": 0, "FieldError": 1, "one_error": 1}
"""which argument of these calls is the code"""


def _codes(node: ast.AST) -> Iterator[ast.expr]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    name = node.func.id
    if name in FIRST and len(node.args) > FIRST[name]:
        yield node.args[FIRST[name]]
    if name in REFUSALS:
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")


def test_every_refusal_is_listed_with_its_status_and_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| `(\w+)` \|$", ERRORS, re.MULTILINE)
    listed = {name: (int(status), code) for name, status, code in rows}
    assert listed == {leaf.__name__: (int(STATUS[leaf]), leaf.code) for leaf in leaves(Refusal)}


def test_every_code_is_listed_and_no_other() -> None:
    used = codes_used()
    assert {"bad_cursor", "locked", "not_a_decimal", "already_a_member"} <= used.keys(), "the search finds codes"
    used |= {leaf.code: leaf.__name__ for leaf in leaves(Refusal)}
    used |= dict.fromkeys(("method_not_allowed", "internal_error", "invalid"), "adapters/http/errors.py")
    listed = {
        code
        for line in ERRORS.splitlines()
        if line.startswith("| `")
        for cell in line.split("|")[1:-1]
        for code in re.findall(r"`([a-z_]+)`", cell)
        if CODE.fullmatch(code)
    } | {"method_not_allowed", "internal_error"}
    assert {code: place for code, place in used.items() if code not in listed} == {}
    assert listed - used.keys() == set()


def test_every_setting_is_listed_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "settings.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(FREEHOLD_\w+)` \|", page, re.MULTILINE))
    assert rows == {f"FREEHOLD_{name.upper()}" for name in Settings.model_fields}


def test_every_question_has_a_section_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "questions.md").read_text("utf-8")
    sections = re.findall(r"^### (Q-\S+)$", page, re.MULTILINE)
    assert sorted(sections) == sorted(CODES)
    named = {match.rstrip(".") for match in re.findall(r"Q-[A-Z0-9-]+", page)}
    assert named == set(CODES)


def test_the_requirements_of_owasp_are_counted_right_and_say_how() -> None:
    page = (REPOSITORY / "docs" / "asvs.md").read_text("utf-8")
    rows = re.findall(r"^\| V([\d.]+) \| [12] \| (.+) \| (\S+) \| (.+) \|$", page, re.MULTILINE)
    numbers = [number for number, *_ in rows]
    assert len(numbers) == len(set(numbers)) == page.count("\n| V"), "each once, and each row readable"
    assert {state for _, _, state, _ in rows} == {"holds", "partly", "open", "n/a"}
    count = Counter(state for _, _, state, _ in rows)
    assert f"{count['holds']} of {len(rows)} hold, {count['partly']} partly, {count['open']} are open, " in page
    assert f" {count['n/a']} do not apply." in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    named = re.findall(
        r"`(?!application/(?:json|problem|merge|x-ndjson))((?:domain|application|adapters|entrypoints|tests|benchmarks|examples|docs)/[\w./-]+)`",
        text,
    )
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
