"""Grants and conditions as text → pieces with places; names in them are not looked up yet.

    grant       who [and who …] [only field, …] [when condition [and condition …]]
    condition   path is a or b · path is set
    lock        when condition [and condition …] [, except field, …]

Every function raises `Mistake` at the offending word.
"""

import re
from dataclasses import dataclass

from domain.specification.model import Place
from domain.specification.node import Scalar
from domain.specification.text import Mistake, tick

NAME = re.compile(r"[a-z](_?[a-z0-9])*_?")
"""two underscores in a row are the engine's: `listing__owner` is the column beside `listing`"""
LONGEST_NAME = 40
GRAMMAR_WORDS = frozenset({"and", "or", "only", "when"})


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


class Words:
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
    words = Words(scalar)
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


def _who(words: Words) -> WhoPiece:
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
            raise Mistake(
                found.place,
                f"{tick(str(found))} cannot stand before `through`. Write the bare role: {tick(found.parts[-1].text)}.",
            )
        return ThroughPiece(found.parts[0], container)
    return found


def _stray(words: Words, found: Word, after_when: bool, after_only: bool) -> None:
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


def _conditions(words: Words, within: str) -> tuple[ConditionPiece, ...]:
    found = [_condition(words, within)]
    while words.skip("and"):
        found.append(_condition(words, within))
    return tuple(found)


def _condition(words: Words, within: str) -> ConditionPiece:
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


def _value(words: Words, within: str) -> Word:
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
    words = Words(scalar)
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
