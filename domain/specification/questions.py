"""What a specification leaves unclear, and has not answered.

`docs/questions.md` has a section for every code. A question is closed by a word of the language, which makes it go
away, or by an entry under `answers:` with its code and place. An answer to a *change* (`OF_CHANGES`) counts for the
change that it was approved with, and for no later one.
"""

from dataclasses import replace
from difflib import get_close_matches

from domain.errors import Problem
from domain.specification.asking import CODES, OF_CHANGES, Question
from domain.specification.catalogue import asked_of
from domain.specification.changed import asked_of_change, misnamed
from domain.specification.examples import failures
from domain.specification.model import Answer, Specification
from domain.specification.text import tick


def questions(spec: Specification, before: Specification | None = None) -> tuple[Question, ...]:
    """Every question that the specification raises, answered or not, in the order of the file.

    `before` is what was approved last; without it nothing is asked of changes.
    """
    found = [*asked_of(spec), *(asked_of_change(before, spec) if before is not None else ())]
    return tuple(sorted(found, key=lambda q: (q.place.line, q.place.column)))


def open_questions(spec: Specification, before: Specification | None = None) -> tuple[Question, ...]:
    """The questions that are not answered: nothing with one is approved or served."""
    return review(spec, before)[0]


def untrue(spec: Specification, before: Specification | None = None) -> tuple[Problem, ...]:
    """What the file says and is not so: examples that fail, answers that answer nothing, `renamed_from` of nothing."""
    return review(spec, before)[1]


def review(
    spec: Specification, before: Specification | None = None
) -> tuple[tuple[Question, ...], tuple[Problem, ...]]:
    """The open questions, and what is untrue."""
    asked = questions(spec, before)
    answered = {(answer.question, answer.on) for answer in _counting(spec, before)}
    misnamed_now = () if before is None else misnamed(before, spec)
    found = (*failures(spec), *_unused_answers(spec, before, asked), *misnamed_now)
    spent = {(a.question, a.on): a for a in spec.answers if a not in _counting(spec, before)}
    still_open = (_again(q, spent.get((q.code, q.on))) for q in asked if (q.code, q.on) not in answered)
    return tuple(still_open), tuple(sorted(found, key=lambda problem: (problem.line, problem.column)))


def _again(question: Question, spent: Answer | None) -> Question:
    """The question, with a word on an answer that stands there and was given to an earlier change."""
    if spent is None:
        return question
    said = f"The answer on line {spent.place.line} was for an earlier change: for this one, give another reason there."
    return replace(question, asks=f"{question.asks} {said}")


def unused_answers(spec: Specification, before: Specification | None = None) -> tuple[Problem, ...]:
    """Every answer that closes nothing: it would close, unseen, what is asked there one day.

    Not told are answers to a change that was approved with them, and without `before` answers to any change.
    """
    return _unused_answers(spec, before, questions(spec, before))


def _unused_answers(
    spec: Specification, before: Specification | None, asked: tuple[Question, ...]
) -> tuple[Problem, ...]:
    places = {(question.code, question.on) for question in asked}
    counting = _counting(spec, before)
    found = []
    for number, answer in enumerate(spec.answers):
        of_change = answer.question in OF_CHANGES
        if of_change and (before is None or answer not in counting):
            continue
        if any((a.question, a.on) == (answer.question, answer.on) for a in spec.answers[:number]):
            message = f"{tick(answer.question)} on {tick(answer.on)} is answered already. Remove one of the two."
        elif (answer.question, answer.on) in places:
            continue
        else:
            message = f"{tick(answer.question)} on {tick(answer.on)} answers nothing. {_fix(answer, asked)}"
        found.append(Problem(answer.place.line, answer.place.column, message))
    return tuple(found)


def _fix(answer: Answer, asked: tuple[Question, ...]) -> str:
    if answer.question not in CODES:
        near = get_close_matches(answer.question, CODES, n=1)
        return f"Did you mean {tick(near[0])}?" if near else "There is no such question: see docs/questions.md."
    near = get_close_matches(answer.on, [q.on for q in asked if q.code == answer.question], n=1)
    return f"Did you mean `on: {near[0]}`?" if near else "Nothing is asked there (any more): remove it."


def _counting(spec: Specification, before: Specification | None) -> list[Answer]:
    """The answers that can close something: those to a change only with the change itself."""
    spent = before.answers if before is not None else ()
    return [answer for answer in spec.answers if answer.question not in OF_CHANGES or answer not in spent]
