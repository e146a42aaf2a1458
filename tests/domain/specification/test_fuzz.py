"""Whatever is written, the reader answers with a specification or with `SpecificationInvalid`."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.specification_file import parse
from domain.errors import SpecificationInvalid
from domain.specification.analysis import declared_channels, rights_table
from domain.specification.gains import compare, public
from tests.domain.specification.mistakes import MISTAKES

EXAMPLES = [
    file.read_text(encoding="utf-8")
    for file in sorted((Path(__file__).parents[3] / "examples").glob("*/freehold.yaml"))
]
SOURCES = EXAMPLES + [text.replace("⟦", "") for text, _, _ in MISTAKES]
WORDS = sorted({word for text in SOURCES for word in text.replace(",", " , ").split()})
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["\n", "  ", ": ", "- ", ", ", "{", "}", "[", "]", "->", ">", '"', "'", "#", "|", "&a", "*a", "."]),
    st.text(max_size=4),
)
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def survives(text: str) -> None:
    try:
        spec = parse(text)
    except SpecificationInvalid as invalid:
        problems = invalid.problems
    else:
        rights_table(spec)
        public(spec)
        assert compare(spec, spec) == ()
        declared_channels(spec)
        return
    lines = len(re.findall(r"[\n\r\x85\u2028\u2029]", text)) + 1
    assert problems
    for problem in problems:
        assert problem.column >= 1
        assert 1 <= problem.line <= lines
        assert problem.message == problem.message.strip()
        assert "`" in problem.message or "Fix these first" in problem.message
        assert "\n" not in problem.message
        assert "Please report it" not in problem.message


@FUZZ
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    survives(text)


@FUZZ
@given(st.lists(PIECES, max_size=40))
def test_any_words_of_the_language(pieces: list[str]) -> None:
    survives("app: a\nresources:\n  a:\n    owner: account\n    " + " ".join(pieces))


@FUZZ
@given(st.data())
def test_any_example_with_a_few_changes(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = text[:start] + data.draw(PIECES) + text[start + length :]
    survives(text)


@FUZZ
@given(st.data())
def test_any_example_with_a_few_words_exchanged(data: st.DataObject) -> None:
    """Such texts mostly stay YAML, so that they reach the later passes."""
    lines = data.draw(st.sampled_from(EXAMPLES)).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(lines) - 1))
        words = lines[number].split(" ")
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.sampled_from(WORDS))
        lines[number] = " ".join(words)
    survives("\n".join(lines))
