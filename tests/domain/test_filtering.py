"""What a list finds by words: each in one of the texts, as `_contains` finds a part, but for the case of A to Z."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.filtering import MOST_CHARACTERS, MOST_WORDS, Operator, holds, passes, words
from domain.values import ValueRefused

TEXTS = st.lists(st.none() | st.text("aAb ß", max_size=6), max_size=3)
WORDS = st.lists(st.text("aAbß", min_size=1, max_size=2), min_size=1, max_size=3)


@given(WORDS, TEXTS)
def test_each_word_stands_in_one_of_the_texts(asked: list[str], texts: list[str | None]) -> None:
    small = [text if text is None else text.replace("A", "a") for text in texts]
    asked = [word.replace("A", "a") for word in asked]
    wanted = all(any(passes(Operator.CONTAINS, text, (word,)) for text in small) for word in asked)
    assert holds(asked, texts) is holds(reversed(asked), reversed(texts)) is wanted
    assert holds(asked, [*texts, None]) is wanted, "what is empty, or not seen, changes nothing"


@given(WORDS, st.lists(st.sampled_from([" ", "\t", "\n", "\u00a0", "\u3000"]), min_size=1, max_size=3).map("".join))
def test_words_are_what_stands_between_blanks(asked: list[str], blank: str) -> None:
    assert words(blank.join(["", *asked, ""])) == tuple(dict.fromkeys(word.replace("A", "a") for word in asked))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "length"),
        (" \t\u3000", "length"),
        ("a" * (MOST_CHARACTERS + 1), "length"),
        ("a" + " " * MOST_CHARACTERS, "length"),
        (" ".join("a" * (MOST_WORDS + 1)), "too_many"),
        ("a\x00", "nul"),
        ("\ud800", "not_unicode"),
    ],
)
def test_nothing_and_too_much_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        words(text)
    assert refusal.value.code == code


def test_as_much_as_is_allowed_is_taken() -> None:
    assert len(words("a" * MOST_CHARACTERS)[0]) == MOST_CHARACTERS
    assert len(words(" ".join("abcdefghijklmnop"[:MOST_WORDS]))) == MOST_WORDS
