"""The small texts of the language → pieces with places; names in them are not looked up yet.

    type        text, optional · one of a, b · member of project · copy of listing.owner
    grant       who [and who …] [only field, …] [when condition [and condition …]]
    condition   path is a or b · path is set
    lock        when condition [and condition …] [, except field, …]
    ladder      editor > viewer
    step        todo -> doing
    unique      title, number per owner · slug everywhere
    others      1 to 120 · 200 per owner · 30 days

Every function raises `Mistake` at the offending word.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from domain.specification.model import Kind, Place
from domain.specification.node import Scalar
from domain.specification.text import Mistake, listed, meant, tick

NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME = 40
VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*( [A-Za-z0-9][A-Za-z0-9_-]*)*")
GRAMMAR_WORDS = frozenset({"and", "or", "only", "when"})
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
class Word:
    """One word or phrase of the text."""

    text: str
    place: Place

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Name:
    """`owner`, `client.portal`: words joined by points."""

    parts: tuple[Word, ...]

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.parts[0].place

    def __str__(self) -> str:
        return ".".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class SignedInPiece:
    """`signed in`."""


@dataclass(frozen=True, slots=True)
class CanPiece:
    """`whoever can read notebook`."""

    action: Word
    target: Name


@dataclass(frozen=True, slots=True)
class ThroughPiece:
    """`viewer through item.album`."""

    role: Word
    container: Name


WhoPiece = Name | SignedInPiece | CanPiece | ThroughPiece


@dataclass(frozen=True, slots=True)
class ConditionPiece:
    """`order.status is paid or shipped`; `is set` has the value `set`."""

    field: Name
    values: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class GrantPiece:
    """A grant as written; `text` is normalised."""

    who: tuple[WhoPiece, ...]
    only: tuple[Word, ...] | None
    when: tuple[ConditionPiece, ...]
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class LockPiece:
    """`when archived is yes, except archived`."""

    when: tuple[ConditionPiece, ...]
    excepted: tuple[Word, ...]


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


class _Words:
    """The words and commas of a text, taken one by one from the left."""

    def __init__(self, scalar: Scalar, start: int = 0) -> None:
        self.scalar = scalar
        found = re.finditer(r",|[^\s,]+", scalar.text[start:])
        self.words = [Word(m.group(), scalar.at(start + m.start())) for m in found]
        self.index = 0

    @property
    def end(self) -> Place:
        """Where something is missing: behind the last word."""
        if not self.words:
            return self.scalar.place
        last = self.words[-1]
        return Place(last.place.line, last.place.column + len(last.text))

    def peek(self, ahead: int = 0) -> str:
        """The next word's text, empty at the end."""
        at = self.index + ahead
        return self.words[at].text if at < len(self.words) else ""

    def take(self, expected: str) -> Word:
        """The next word; `expected` says what should stand here where there is none."""
        if self.index == len(self.words):
            raise Mistake(self.end, f"{tick(self.scalar.text.strip())} ends too early. Add {expected}.")
        self.index += 1
        return self.words[self.index - 1]

    def skip(self, text: str) -> bool:
        """Take the next word if it is this one."""
        if self.peek() != text:
            return False
        self.index += 1
        return True

    def word(self, what: str) -> Word:
        """A plain name."""
        found = self.take(what)
        if NAME.fullmatch(found.text) is None:
            raise Mistake(found.place, f"{tick(found.text)} is no name. Write {what}.")
        return found

    def name(self, what: str) -> Name:
        """A name, joined by points perhaps."""
        return dotted(self.take(what), what)

    def fields(self) -> tuple[Word, ...]:
        """`field, field`."""
        found = [self.word("a field's name")]
        while self.skip(","):
            found.append(self.word("a field's name"))
        return tuple(found)


def dotted(word: Word, what: str) -> Name:
    """`a.b.c` as a name with the place of each part."""
    parts, column = [], word.place.column
    for part in word.text.split("."):
        if NAME.fullmatch(part) is None:
            raise Mistake(Place(word.place.line, column), f"{tick(word.text)} is no name. Write {what}.")
        parts.append(Word(part, Place(word.place.line, column)))
        column += len(part) + 1
    return Name(tuple(parts))


# --- grants --------------------------------------------------------------------------------


def grant(scalar: Scalar) -> GrantPiece:
    """`who [and who …] [only field, …] [when condition [and condition …]]`."""
    words = _Words(scalar)
    place = words.words[0].place if words.words else scalar.place
    who = [_who(words)]
    while words.skip("and"):
        who.append(_who(words))
    only = words.fields() if words.skip("only") else None
    when = _conditions(words, "grant") if words.skip("when") else ()
    if words.peek():
        _stray(words, words.take(""), bool(when), only is not None)
    text = re.sub(r"\s*,\s*", ", ", " ".join(scalar.text.split()))
    return GrantPiece(tuple(who), only, when, text, place)


def _who(words: _Words) -> WhoPiece:
    what = "who may, such as `owner`, a role, or `signed in`"
    if words.peek() == "signed" and words.peek(1) == "in":
        words.index += 2
        return SignedInPiece()
    if words.peek() == "whoever" and words.peek(1) in ("can", "could", "may"):
        words.index += 1
        if not words.skip("can"):
            may = words.take("")
            raise Mistake(may.place, f"{tick(may.text)} is not expected here. Write `whoever can read notebook`.")
        action = words.word("an action, as in `whoever can read notebook`")
        return CanPiece(action, words.name("the record above or referred to, as in `whoever can read notebook`"))
    first = words.take(what)
    if first.text in ("not", "except", "nobody"):
        raise Mistake(
            first.place, f"{tick(first.text)} cannot stand in a grant: all is denied but what is written. Remove it."
        )
    found = dotted(first, what)
    if words.peek() == "through":
        words.index += 1
        container = words.name("the link record and its container, as in `viewer through item.album`")
        if len(found.parts) > 1:
            raise Mistake(found.place, f"{tick(str(found))} must be a bare role before `through`: {found.parts[-1]}.")
        return ThroughPiece(found.parts[0], container)
    return found


def _stray(words: _Words, found: Word, after_when: bool, after_only: bool) -> None:
    """Something follows a grant that was complete."""
    text = found.text
    if text == "only":
        fix = "Write `only …` before `when …`, and once."
    elif text == "when":
        fix = "Join conditions with `and` after one `when`."
    elif text == "," and after_when:
        fix = "Join the values of a condition with `or`, and conditions with `and`; write several grants as a list."
    elif text == ",":
        fix = "Write several grants as a list: `[owner, editor]`, or one a line with `-`."
    elif text == "or":
        fix = "Write each as a grant of its own in a list: `[owner, editor]`."
    elif text in ("if", "where", "while"):
        fix = "Write `when`."
    elif text in ("not", "unless", "except", "but"):
        fix = "There is no deny: say when it is allowed with `when …`."
    elif after_only:
        fix = "Separate the fields with commas, and write conditions after `when`."
    else:
        fix = "Only `and`, `only` or `when` can follow."
    raise Mistake(found.place, f"{tick(text)} is not expected here. {fix}")


def _conditions(words: _Words, within: str) -> tuple[ConditionPiece, ...]:
    found = [_condition(words, within)]
    while words.skip("and"):
        found.append(_condition(words, within))
    return tuple(found)


def _condition(words: _Words, within: str) -> ConditionPiece:
    field = words.name("a condition, such as `state is open`")
    test = words.take(f"`is …`, as in `{field} is yes`")
    if test.text != "is":
        fix = f"Write `{field} is …`"
        if test.text in ("=", "==", "equals", "are"):
            fix += ": `is` compares"
        elif test.text in ("!=", "not", "isnt", "<", ">", "<=", ">="):
            fix += " and name the values that allow; nothing else can be compared"
        else:
            fix += f", as in `{field} is yes`"
        raise Mistake(test.place, f"{tick(test.text)} is not expected here. {fix}.")
    values = [_value(words, within)]
    while words.skip("or"):
        values.append(_value(words, within))
    return ConditionPiece(field, tuple(values))


def _value(words: _Words, within: str) -> Word:
    """A phrase of plain words, up to `and`, `or`, a comma or the end."""
    first = words.take("a value, as in `state is open`")
    if first.text == "not":
        raise Mistake(first.place, "`not` cannot stand in a condition. Name the values that allow, joined by `or`.")
    if first.text in ("is", ",", *GRAMMAR_WORDS):
        raise Mistake(first.place, f"{tick(first.text)} is not expected here. Write a value, as in `state is open`.")
    phrase = [first.text]
    while words.peek() not in ("", ",", *GRAMMAR_WORDS):
        word = words.take("")
        if word.text == "except" and within == "lock":
            raise Mistake(word.place, "`except` is not expected here. Put a comma before it: `…, except field`.")
        phrase.append(word.text)
    return Word(" ".join(phrase), first.place)


def lock(scalar: Scalar) -> LockPiece:
    """`when condition [and condition …] [, except field, …]`."""
    words = _Words(scalar)
    first = words.take("`when …`, as in `when archived is yes`")
    if first.text != "when":
        raise Mistake(
            first.place, f"{tick(first.text)} is not expected here. Begin with `when`, as in `when archived is yes`."
        )
    when = _conditions(words, "lock")
    excepted: tuple[Word, ...] = ()
    if words.peek():
        comma = words.take("")
        if comma.text == "," and words.skip("except"):
            excepted = words.fields()
        else:
            raise Mistake(comma.place, f"{tick(comma.text)} is not expected here. Only `, except field` can follow.")
    if words.peek():
        stray = words.take("")
        raise Mistake(stray.place, f"{tick(stray.text)} is not expected here. Separate the fields with commas.")
    return LockPiece(when, excepted)


# --- types ---------------------------------------------------------------------------------


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
    words = _Words(scalar)
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
