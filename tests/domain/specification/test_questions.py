"""What is unclear is asked: at its place, with answers that really answer it, and nothing else is asked."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.specification_file import load, parse
from domain.specification.asking import CODES, OF_CHANGES, Question
from domain.specification.model import Answer, Place, Specification
from domain.specification.questions import open_questions, questions, untrue, unused_answers
from tests.domain.specification.asked import ASKED, CALM_CHANGES, CHANGES, UNASKED, root
from tests.domain.specification.pasting import pasted, read, tree
from tests.end_to_end.independent.random_specs import random_specification
from tests.end_to_end.independent.specs import SPECIFICATIONS

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/freehold.yaml"))


def place_of_mark(text: str) -> Place:
    at = text.index("⟦")
    return Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def the_one(found: tuple[Question, ...], code: str, on: str) -> Question:
    (question,) = [question for question in found if (question.code, question.on) == (code, on)]
    return question


# --- the catalogue -------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "code", "on", "words"), ASKED, ids=range(len(ASKED)))
def test_what_is_unclear_is_asked_at_its_place(text: str, code: str, on: str, words: str) -> None:
    question = the_one(questions(parse(text.replace("⟦", ""))), code, on)
    assert question.place == place_of_mark(text)
    assert words in question.asks
    assert question.why == CODES[code][0]


@pytest.mark.parametrize(("before", "text", "code", "on", "words"), CHANGES, ids=range(len(CHANGES)))
def test_a_change_that_is_unclear_is_asked_about(before: str, text: str, code: str, on: str, words: str) -> None:
    after = parse(text.replace("⟦", ""))
    question = the_one(questions(after, parse(before)), code, on)
    assert question.place == place_of_mark(text)
    assert words in question.asks
    assert not {q.code for q in questions(after)} & set(OF_CHANGES), "without what was before, nothing is asked of it"


def test_every_question_of_the_catalogue_is_tried() -> None:
    assert {code for _, code, _, _ in ASKED} | {code for _, _, code, _, _ in CHANGES} == set(CODES)
    assert {code for _, _, code, _, _ in CHANGES} == set(OF_CHANGES)


@pytest.mark.parametrize("text", UNASKED, ids=range(len(UNASKED)))
def test_what_is_clear_is_not_asked(text: str) -> None:
    assert questions(parse(text)) == ()


@pytest.mark.parametrize(("before", "after"), CALM_CHANGES, ids=range(len(CALM_CHANGES)))
def test_a_change_that_is_clear_is_not_asked_about(before: str, after: str) -> None:
    assert [q for q in questions(parse(after), parse(before)) if q.code in OF_CHANGES] == []


RAISED = {
    "clinic": {("Q-SELF-ACCESS", "patient.portal")},
    "conduit": {("Q-PUBLIC-PERSONAL", "profile.bio"), ("Q-UNIQUE-EVERYWHERE", "profile.username")},
    "custom": set(),
    "invoices": {("Q-DELETE-BLOCKED", "business.delete"), ("Q-DELETE-BLOCKED", "client.delete")},
    "market": set(),
    "notes": set(),
    "tracker": {("Q-SELF-ACCESS", "task.assignee")},
}
"""what the examples have to say something about"""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_raise_what_a_reviewer_would_ask_and_answer_it(path: Path) -> None:
    spec = load(path)
    assert {(q.code, q.on) for q in questions(spec)} == RAISED[path.parent.name]
    assert (open_questions(spec), untrue(spec)) == ((), ())
    assert spec.examples or path.parent.name == "custom"


def test_the_examples_without_a_word_on_deletion_are_asked_for_it() -> None:
    """As the examples were written before anybody asked."""
    for path in EXAMPLES:
        text = path.read_text("utf-8")
        bare = text.replace(", when_gone: empty", "").replace(", when_gone: block", "")
        asked = {q.on for q in questions(parse(bare)) if q.code == "Q-WHEN-GONE"}
        name = path.parent.name
        assert asked == {
            "notes": {"bookmark.note"}, "conduit": {"favorite.article"}, "market": {"order.listing"},
            "invoices": {"invoice.client"},
        }.get(name, set())  # fmt: skip


# --- answers -------------------------------------------------------------------------------


def spec_texts() -> list[str]:
    texts = [text.replace("⟦", "") for text, *_ in ASKED]
    texts += [path.read_text("utf-8") for path in EXAMPLES]
    texts += SPECIFICATIONS.values()
    return texts


@pytest.mark.parametrize("text", spec_texts(), ids=lambda text: text.split()[1])
def test_pasting_any_answer_closes_the_question(text: str) -> None:
    file = tree(text)
    for question in open_questions(parse(text)):
        assert question.answers
        for answer in question.answers:
            assert len(answer.yaml.splitlines()) <= 4
            after = read(pasted(file, answer))
            still = {(q.code, q.on) for q in open_questions(after)}
            assert (question.code, question.on) not in still, answer.yaml
            assert unused_answers(after) == unused_answers(parse(text))


@pytest.mark.parametrize("seed", [2, 11])
def test_pasting_closes_also_where_nobody_would_have_written_it(seed: int) -> None:
    """One question of each code of a random specification."""
    text = random_specification(seed)
    asked = {question.code: question for question in open_questions(parse(text))}
    assert len(asked) > 2
    for question in asked.values():
        after = read(pasted(tree(text), question.answers[0]))
        assert (question.code, question.on) not in {(q.code, q.on) for q in open_questions(after)}


@pytest.mark.parametrize(("before", "text"), [(before, text) for before, text, *_ in CHANGES], ids=range(len(CHANGES)))
def test_pasting_any_answer_to_a_change_closes_the_question(before: str, text: str) -> None:
    file = tree(text.replace("⟦", ""))
    for question in open_questions(parse(text.replace("⟦", "")), parse(before)):
        for answer in question.answers:
            after = read(pasted(file, answer))
            still = {(q.code, q.on) for q in open_questions(after, parse(before))}
            assert (question.code, question.on) not in still, answer.yaml


def answered(spec: Specification, found: tuple[Question, ...]) -> Specification:
    said = tuple(Answer(q.code, q.on, "it is meant", Place(1, 1)) for q in found)
    return replace(spec, answers=(*spec.answers, *said))


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_answering_every_question_closes_all(seed: int, other: int) -> None:
    spec = parse(random_specification(seed))
    before = parse(random_specification(other)) if other % 2 else None
    found = questions(spec, before)
    done = answered(spec, found)
    assert (open_questions(done, before), unused_answers(done, before)) == ((), ())


def with_answers(text: str, *answers: str) -> Specification:
    return parse(text + "answers:\n" + "".join(f"  - {{{answer}, because: it is meant}}\n" for answer in answers))


PERSONAL = root("{bio: text, email: text}", "{create: signed in, read: anyone}")


def test_an_answer_closes_the_question_at_its_place_only() -> None:
    spec = with_answers(PERSONAL, "question: Q-PUBLIC-PERSONAL, on: note.bio")
    assert [q.on for q in open_questions(spec)] == ["note.email"]
    spec = with_answers(PERSONAL, "question: Q-UNIQUE-EVERYWHERE, on: note.bio")
    assert [q.on for q in open_questions(spec)] == ["note.bio", "note.email"]


@pytest.mark.parametrize(
    ("answer", "fix"),
    [
        ("question: Q-PUBLIC-PERSONAL, on: note.boi", "Did you mean `on: note.bio`?"),
        ("question: Q-PUBLIC-PERSONAL, on: nowhere", "Nothing is asked there (any more): remove it."),
        ("question: Q-UNIQUE-EVERYWHERE, on: note.bio", "Nothing is asked there (any more): remove it."),
        ("question: Q-PUBLIC-PERSONALS, on: note.bio", "Did you mean `Q-PUBLIC-PERSONAL`?"),
        ("question: Q-ZZZ, on: note.bio", "There is no such question"),
    ],
)
def test_an_answer_that_answers_nothing_is_told(answer: str, fix: str) -> None:
    spec = with_answers(PERSONAL, "question: Q-PUBLIC-PERSONAL, on: note.email", answer)
    (problem,) = unused_answers(spec)
    assert (problem.line, problem.column) == (9, 16)
    assert "answers nothing" in problem.message
    assert fix in problem.message
    assert untrue(spec) == (problem,)


def test_an_answer_that_stands_twice_is_told() -> None:
    spec = with_answers(PERSONAL, *["question: Q-PUBLIC-PERSONAL, on: note.email"] * 2)
    (problem,) = unused_answers(spec)
    assert (problem.line, "answered already" in problem.message) == (9, True)


def test_an_answer_to_a_change_counts_for_that_change_only() -> None:
    first, text = parse(root("{size: integer}")), root("{size: text}")
    answer = "question: Q-TYPE-CHANGED, on: note.size"
    changed = with_answers(text, answer)
    assert [q.code for q in open_questions(parse(text), first)] == ["Q-TYPE-CHANGED"]
    assert (open_questions(changed, first), unused_answers(changed, first)) == ((), ())
    # approved: it may stay, and nobody is bothered
    assert (open_questions(changed, changed), unused_answers(changed, changed)) == ((), ())
    assert unused_answers(changed) == ()
    # the next change of the same field is asked about again
    again = with_answers(root("{size: date}"), answer)
    (question,) = open_questions(again, changed)
    assert question.code == "Q-TYPE-CHANGED"
    assert question.asks.endswith(f"The answer on line {again.answers[0].place.line} was for an earlier change: for "
                                  "this one, give another reason there.")  # fmt: skip
    # and one that was never needed is told
    (problem,) = unused_answers(changed, parse(text))
    assert "answers nothing" in problem.message


# --- how fast ------------------------------------------------------------------------------


def test_the_largest_example_is_asked_about_in_a_moment() -> None:
    spec = max((load(path) for path in EXAMPLES), key=lambda spec: sum(len(r.can) for r in spec.resources.values()))
    before = replace(spec, answers=())
    taken = []
    for _ in range(5):
        begun = time.process_time()
        questions(spec, before)
        taken.append(time.process_time() - begun)
    assert min(taken) < 0.1


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            root(),
            root("{headline: {type: text, renamed_from: tittle}}"),
            "`headline` is renamed from `tittle`, but what is approved has no field `tittle` in `note`. "
            "Did you mean `title`?",
        ),
        (
            root(),
            root().replace("  note:", "  memo:\n    renamed_from: nota"),
            "`memo` is renamed from `nota`, but what is approved has no resource `nota`. Did you mean `note`?",
        ),
        (
            root(),
            root("{title: text, day: {type: date, optional: yes, renamed_from: when}}"),
            "no field `when` in `note`. If it is nothing that was there, remove this `renamed_from`.",
        ),
    ],
)
def test_a_new_name_of_nothing_is_told(before: str, after: str, words: str) -> None:
    """A slip of the pen would cost the values."""
    (problem,) = untrue(parse(after), parse(before))
    assert problem.message.endswith(words), problem


def test_a_new_name_that_was_followed_already_is_not_told() -> None:
    renamed = root("{headline: {type: text, renamed_from: title}}")
    assert (
        untrue(parse(renamed), parse(root())) == untrue(parse(renamed), parse(renamed)) == untrue(parse(renamed)) == ()
    )
