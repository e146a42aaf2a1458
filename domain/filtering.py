"""Filters of lists: what can be asked of a field by its type, and whether a value satisfies it.

A filter looks at the value as the caller sees it. What is empty satisfies none but `set=false`.
"""

from enum import StrEnum
from typing import Any

from domain.specification.model import Kind


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
