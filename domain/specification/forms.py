"""The short forms of the language as text → pieces with places; names in them are not looked up yet.

    type        text, optional · one of a, b · member of project · copy of listing.owner
    ladder      editor > viewer
    step        todo -> doing
    unique      title, number per owner · slug everywhere
    others      1 to 120 · 200 per owner · 30 days

Every function raises `Mistake` at the offending word.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from domain.specification.grammar import GRAMMAR_WORDS, NAME, Name, Word, Words, dotted
from domain.specification.model import Kind, Place
from domain.specification.node import Scalar
from domain.specification.text import Mistake, listed, meant, tick

VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*( [A-Za-z0-9][A-Za-z0-9_-]*)*")
MOST_VALUES = 200
SIMPLE_TYPES = {
    kind.value: kind
    for kind in Kind
    if kind not in (Kind.ONE_OF, Kind.MEMBER, Kind.COPY, Kind.REFERENCE)
}  # fmt: skip
ANY_TYPE = f"Write {', '.join(f'`{name}`' for name in SIMPLE_TYPES)}, `one of a, b`, or a resource's name."
_OTHER_NAMES = {
    "string": "text", "str": "text", "varchar": "text", "int": "integer", "float": "number", "double": "number",
    "money": "decimal", "bool": "yes/no", "boolean": "yes/no", "yes / no": "yes/no", "datetime": "time",
    "timestamp": "time", "instant": "time", "object": "json", "enum": "one of a, b", "user": "account",
    "email": "{type: text, format: email}", "url": "{type: text, format: url}", "uuid": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypePiece:
    """A type as written; `name` is the resource, or the path of `member of` and `copy of`."""

    kind: Kind
    place: Place
    name: Name | None = None
    values: tuple[Word, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class UniquePiece:
    """`title, number per owner`."""

    fields: tuple[Word, ...]
    per: Word


def pieces(scalar: Scalar, separator: str = ",", start: int = 0) -> list[Word]:
    """The text between separators, trimmed, each with its place."""
    found, at = [], start
    for part in scalar.text[start:].split(separator):
        lead = len(part) - len(part.lstrip())
        found.append(Word(" ".join(part.split()), scalar.at(at + lead)))
        at += len(part) + len(separator)
    return found


def type_of(scalar: Scalar) -> TypePiece:
    """A field's type in its short form, or as the `type` of the long form."""
    text = scalar.text
    if (match := re.match(r"\s*one\s+of\b\s*", text)) is not None:
        return TypePiece(Kind.ONE_OF, scalar.at(len(text) - len(text.lstrip())), values=_values(scalar, match.end()))
    head, *rest = pieces(scalar)
    for word in rest:
        if word.text != "optional":
            raise Mistake(
                word.place,
                f"{tick(word.text)} cannot follow a type. Only `, optional` can; for more write `{{type: {head}, …}}`.",
            )
    if len(rest) > 1:
        raise Mistake(rest[1].place, "`optional` stands twice. Write it once.")
    return _plain_type(head, bool(rest))


def _plain_type(head: Word, optional: bool) -> TypePiece:
    if not head.text:
        raise Mistake(head.place, f"{tick(head.text)} is no type. {ANY_TYPE}")
    if head.text in SIMPLE_TYPES:
        return TypePiece(SIMPLE_TYPES[head.text], head.place, optional=optional)
    for prefix, kind, example in (("member of", Kind.MEMBER, "project"), ("copy of", Kind.COPY, "listing.owner")):
        if head.text == prefix or head.text.startswith(prefix + " "):
            what = f"`{prefix} {example}`"
            rest = head.text[len(prefix) :].strip()
            if not rest:
                raise Mistake(head.place, f"`{prefix}` ends too early. Write {what}, for example.")
            place = Place(head.place.line, head.place.column + len(prefix) + 1)
            return TypePiece(kind, head.place, dotted(Word(rest, place), f"it as in {what}"), optional=optional)
    if head.text.lower() in _OTHER_NAMES or head.text.lower() in SIMPLE_TYPES:
        right = _OTHER_NAMES.get(head.text.lower(), head.text.lower())
        raise Mistake(head.place, f"{tick(head.text)} is no type. Write `{right}`.")
    if NAME.fullmatch(head.text) is None:
        fix = meant(
            head.text,
            [*SIMPLE_TYPES, "one of", "member of", "copy of"],
            ANY_TYPE,
        )
        raise Mistake(head.place, f"{tick(head.text)} is no type. {fix}")
    return TypePiece(Kind.REFERENCE, head.place, Name((head,)), optional=optional)


def _values(scalar: Scalar, start: int) -> tuple[Word, ...]:
    found = pieces(scalar, start=start)
    plain = [w.text for w in found if w.text not in ("optional", "")]
    if len(found) > MOST_VALUES:
        extra = found[MOST_VALUES]
        raise Mistake(
            extra.place, f"{tick(extra.text)} is one too many: there can be {MOST_VALUES} values. Use a resource."
        )
    seen: set[str] = set()
    for word in found:
        if word.text == "optional":
            right = f'{{type: "one of {", ".join(plain)}", optional: yes}}'
            raise Mistake(word.place, f"`optional` cannot stand among the values. Write the long form: {tick(right)}.")
        if not word.text:
            raise Mistake(word.place, f"{tick(scalar.text)} lacks a value. Write `one of a, b, c`.")
        if VALUE.fullmatch(word.text) is None:
            raise Mistake(word.place, f"{tick(word.text)} cannot be a value. Use letters, digits, `_` and `-`.")
        if GRAMMAR_WORDS & set(word.text.split()):
            fix = f"{listed(sorted(GRAMMAR_WORDS), 'and')} are words of the language. Rename it."
            raise Mistake(word.place, f"{tick(word.text)} cannot be a value: {fix}")
        if word.text in seen:
            raise Mistake(word.place, f"{tick(word.text)} stands twice. Write each value once.")
        seen.add(word.text)
    return tuple(found)


# --- the rest ------------------------------------------------------------------------------


def ladder(scalar: Scalar) -> tuple[Word, ...]:
    """`editor > viewer`: roles, strongest first."""
    found = pieces(scalar, ">")
    seen: set[str] = set()
    for word in found:
        if NAME.fullmatch(word.text) is None:
            wrong = f"{tick(word.text)} is no role." if word.text else f"{tick(scalar.text)} lacks a role."
            raise Mistake(word.place, f"{wrong} Write the roles strongest first: `editor > viewer`.")
        if word.text in seen:
            raise Mistake(word.place, f"{tick(word.text)} stands twice on the ladder. Write each role once.")
        seen.add(word.text)
    return tuple(found)


def step(scalar: Scalar) -> tuple[Word, Word]:
    """`todo -> doing`: the value before and after."""
    found = pieces(scalar, "->")
    if len(found) != 2 or not all(w.text for w in found):
        raise Mistake(scalar.at(0), f"{tick(scalar.text)} is no step. Write `before -> after`.")
    return found[0], found[1]


def unique(scalar: Scalar) -> UniquePiece:
    """`title per owner`, `a, b per project`, `slug everywhere`."""
    words = Words(scalar)
    fields = words.fields()
    joint = words.take("`per owner`, `per` a parent or reference, or `everywhere`")
    if joint.text == "everywhere":
        per = joint
    elif joint.text == "per":
        per = words.word("`owner`, or the name of the parent or of a reference")
    else:
        raise Mistake(
            joint.place, f"{tick(joint.text)} is not expected here. Write `{fields[0]} per owner`, for example."
        )
    if words.peek():
        stray = words.take("")
        raise Mistake(
            stray.place,
            f"{tick(stray.text)} is not expected here. "
            f"Write one rule a line: `- {fields[0]} {'per ' if per is not joint else ''}{per}`.",
        )
    return UniquePiece(fields, per)


def duration(scalar: Scalar) -> timedelta:
    """`30 days` or `12 hours`."""
    match = re.fullmatch(r"\s*([0-9]{1,5})\s+(day|days|hour|hours)\s*", scalar.text)
    if match is None or int(match[1]) == 0:
        raise Mistake(scalar.at(0), f"{tick(scalar.text)} is no span of time. Write `30 days` or `12 hours`.")
    return timedelta(**{match[2].rstrip("s") + "s": int(match[1])})


def length(scalar: Scalar) -> tuple[int, int]:
    """`1 to 120`."""
    match = re.fullmatch(r"\s*([0-9]{1,9})\s+to\s+([0-9]{1,9})\s*", scalar.text)
    if match is None:
        raise Mistake(
            scalar.at(0), f"{tick(scalar.text)} is no length. Write the least and the most characters: `1 to 120`."
        )
    low, high = int(match[1]), int(match[2])
    if low > high:
        raise Mistake(scalar.at(match.start(1)), f"{tick(match[0])} begins above its end. Write `{high} to {low}`.")
    return low, high


def limit(scalar: Scalar) -> int:
    """`200 per owner`."""
    match = re.fullmatch(r"\s*([0-9]{1,9})\s+per\s+owner\s*", scalar.text)
    if match is None or int(match[1]) == 0:
        raise Mistake(scalar.at(0), f"{tick(scalar.text)} is no limit. Write a number of records: `200 per owner`.")
    return int(match[1])
