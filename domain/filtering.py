"""Filters of lists: what can be asked of a field by its type, and whether a value satisfies it; words in any text.

A filter looks at the value as the caller sees it. What is empty satisfies none but `set=false`, and no word is in it.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from domain.specification.model import Kind, Specification
from domain.values import ValueRefused, accept_text


class Operator(StrEnum):
    """What follows a field's name in a list parameter: `due_gte`; nothing follows where it is to be equal."""

    EQUAL = ""
    NOT = "ne"
    GREATER = "gt"
    AT_LEAST = "gte"
    LESS = "lt"
    AT_MOST = "lte"
    CONTAINS = "contains"
    STARTS = "starts"
    SET = "set"

    def parameter(self, name: str) -> str:
        """The list parameter that asks this of a field."""
        return f"{name}_{self}" if self else name


SEVERAL = (Operator.EQUAL, Operator.NOT)
"""those that take several values: any of them, or none of them"""
_ORDER = (Operator.GREATER, Operator.AT_LEAST, Operator.LESS, Operator.AT_MOST)
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
"""what every reading of a specification folds alike"""
BLANK = r"[\t-\r \u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""between words: the same to every dialect of regular expressions, which `\\s` is not"""
MOST_WORDS = 10
MOST_CHARACTERS = 200
"""of what is searched for"""
_BLANKS = re.compile(f"{BLANK}+")
ORDERED = (Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.DATE, Kind.TIME)


def operators(kind: Kind) -> tuple[Operator, ...]:
    """What can be asked of a field of this type."""
    if kind is Kind.JSON:
        return (Operator.SET,)
    if kind is Kind.TEXT:
        return (*SEVERAL, *_ORDER, Operator.CONTAINS, Operator.STARTS, Operator.SET)
    return (*SEVERAL, *(_ORDER if kind in ORDERED else ()), Operator.SET)


def passes(operator: Operator, value: Any, asked: tuple[Any, ...]) -> bool:
    """Whether a value (None where it is empty) satisfies what was asked. Texts compare by their code points."""
    (first, *_) = asked
    if operator is Operator.SET:
        return (value is not None) is first
    if value is None:
        return False
    match operator:
        case Operator.EQUAL:
            return value in asked
        case Operator.NOT:
            return value not in asked
        case Operator.GREATER:
            return bool(value > first)
        case Operator.AT_LEAST:
            return bool(value >= first)
        case Operator.LESS:
            return bool(value < first)
        case Operator.AT_MOST:
            return bool(value <= first)
        case Operator.CONTAINS:
            return first in value
        case Operator.STARTS:
            return bool(value.startswith(first))


def searched(specification: Specification, resource: str) -> tuple[str, ...]:
    """The fields that `q` looks into: every text, also one that is a copy."""
    fields = specification.resources[resource].fields
    return tuple(name for name in fields if specification.value_field(resource, name).kind is Kind.TEXT)


def words(text: str) -> tuple[str, ...]:
    """What `q` asks for: words between whitespace, folded, each once. Raises `ValueRefused` for none and too many."""
    each = [word for word in _BLANKS.split(folded(accept_text(text))) if word]
    found = tuple(dict.fromkeys(each))
    if not found:
        raise ValueRefused("length", "This must have a word in it.")
    if len(text) > MOST_CHARACTERS:
        raise ValueRefused("length", f"This can have at most {MOST_CHARACTERS} characters; it has {len(text)}.")
    if len(each) > MOST_WORDS:
        raise ValueRefused("too_many", f"At most {MOST_WORDS} words can be given.")
    return found


def folded(text: str) -> str:
    """With small letters in place of A to Z. Beyond them SQLite, PostgreSQL and Python fold each in their own way."""
    return text.translate(_SMALL)


def holds(asked: Iterable[str], texts: Iterable[str | None]) -> bool:
    """Whether each word, as `words` gives it, stands in one of the texts (None where it is empty)."""
    there = [folded(text) for text in texts if text is not None]
    return all(any(word in text for text in there) for word in asked)
