"""Texts that a field accepts: of the right length, in the right format, and matching its pattern."""

import re
from random import Random
from typing import Any

from domain.specification.model import Field

WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "jade")
MOST_REPEATS = 4
"""of an unbounded repetition, beyond its least"""
TRIES = 60
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
_ANY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_."


def matching(field: Field, random: Random) -> list[str]:
    """A few candidates; none where a pattern is beyond us. Whether each fits is asked of the field itself."""
    match field.format:
        case "email":
            return [f"{word}@example.org" for word in WORDS[:4]]
        case "url":
            return [f"https://example.org/{word}" for word in WORDS[:4]]
    if field.pattern is not None:
        return sorted({_sample(field.pattern, random) for _ in range(TRIES)})[:12]
    low, high = field.length or (0, 200)
    words = [word for word in WORDS[:6] if low <= len(word) <= high]
    fitted = [(word * (low // len(word) + 1))[: max(low, 1)] for word in WORDS[:3]]
    return words or [text for text in fitted if low <= len(text) <= high]


def _sample(pattern: str, random: Random) -> str:
    """A text that probably matches; look-arounds and back-references are not understood."""
    parser: Any = getattr(re, "_parser")  # noqa: B009 - the standard library's own parser of patterns has no public name
    try:
        return "".join(_parts(parser.parse(pattern), random))
    except (re.error, KeyError, RecursionError):
        return ""


def _parts(parsed: Any, random: Random) -> list[str]:
    found: list[str] = []
    for operator, argument in parsed:
        match str(operator):
            case "LITERAL":
                found.append(chr(argument))
            case "NOT_LITERAL":
                found.append(random.choice([c for c in _ANY if c != chr(argument)]))
            case "ANY":
                found.append(random.choice(_ANY))
            case "IN":
                found.append(_one_in(argument, random))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, inner = argument
                times = random.randint(low, min(int(high), low + MOST_REPEATS))
                for _ in range(times):
                    found += _parts(inner, random)
            case "SUBPATTERN":
                found += _parts(argument[-1], random)
            case "BRANCH":
                found += _parts(random.choice(argument[1]), random)
    return found


def _one_in(choices: Any, random: Random) -> str:
    negated = any(str(operator) == "NEGATE" for operator, _ in choices)
    allowed: set[str] = set()
    for operator, argument in choices:
        match str(operator):
            case "LITERAL":
                allowed.add(chr(argument))
            case "RANGE":
                allowed |= {chr(code) for code in range(argument[0], min(argument[1], argument[0] + 128) + 1)}
            case "CATEGORY":
                kind = str(argument).rpartition("_")[2]
                wanted = "_NOT_" not in str(argument)
                allowed |= {c for c in _ANY if (re.match(_CATEGORIES[kind], c) is not None) is wanted}
    return random.choice(sorted(set(_ANY) - allowed if negated else allowed) or [""])
