"""How mistakes are worded: the offending text in backticks, a likely meaning, and English plurals."""

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from domain.errors import Problem, SpecificationInvalid
from domain.specification.model import Place

MOST_PROBLEMS = 100
_LONGEST_QUOTE = 60
_MOST_LISTED = 12

_IRREGULAR = {
    "child": "children", "criterion": "criteria", "datum": "data", "foot": "feet", "goose": "geese",
    "leaf": "leaves", "life": "lives", "half": "halves", "knife": "knives", "loaf": "loaves", "man": "men",
    "matrix": "matrices", "medium": "media", "mouse": "mice", "person": "people", "quiz": "quizzes",
    "shelf": "shelves", "thief": "thieves", "tooth": "teeth", "vertex": "vertices", "wife": "wives",
    "wolf": "wolves", "woman": "women", "analysis": "analyses", "basis": "bases", "crisis": "crises",
    "diagnosis": "diagnoses", "hypothesis": "hypotheses", "thesis": "theses", "axis": "axes",
    "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "echo": "echoes", "veto": "vetoes",
    "series": "series", "species": "species", "news": "news", "equipment": "equipment",
    "information": "information", "staff": "staff", "sheep": "sheep", "fish": "fish",
}  # fmt: skip


class Mistake(Exception):
    """One thing that is wrong, and where. An empty message stands for one that is reported elsewhere."""

    def __init__(self, place: Place, message: str) -> None:
        """Keep the place and the message."""
        self.place = place
        self.message = message
        super().__init__(message)


def tick(text: str) -> str:
    """A text in backticks, on one line and not too long."""
    plain = "".join(c if c.isprintable() and c != "`" else " " if c.isspace() else "?" for c in text)
    plain = re.sub(r" +", " ", plain)
    return f"`{plain}`" if len(plain) <= _LONGEST_QUOTE else f"`{plain[:_LONGEST_QUOTE]}…`"


def listed(names: Iterable[str], joint: str = "or") -> str:
    """Names in backticks: "`a`, `b` or `c`"; a long list is cut short."""
    ticked = [tick(name) for name in names]
    if len(ticked) > _MOST_LISTED:
        return f"{', '.join(ticked[:_MOST_LISTED])}, …"
    return f"{', '.join(ticked[:-1])} {joint} {ticked[-1]}" if len(ticked) > 1 else "".join(ticked)


def meant(word: str, options: Iterable[str], otherwise: str = "") -> str:
    """The fix for an unknown word: what was probably meant, or `otherwise`, or what there is."""
    known = list(dict.fromkeys(options))
    close = difflib.get_close_matches(word[:_LONGEST_QUOTE], known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {tick(close[0])}?"
    if otherwise or not known:
        return otherwise
    return f"Write {listed(known)}."


def a(name: str) -> str:
    """A name with its English article."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def plural(name: str) -> str:
    """The English plural of a snake_case name; only its last word changes."""
    before, joint, word = name.rpartition("_")
    return before + joint + _plural_word(word)


def _plural_word(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    return word + "s"


class Mistakes:
    """Gathers the mistakes of one reading, so that one run shows many (but not thousands)."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._excused: list[Place] = []

    def add(self, place: Place, message: str) -> None:
        """Note a mistake; one that is noted already, or has no message, changes nothing."""
        if not message:
            self._excused.append(place)
        else:
            self._found.setdefault(Problem(place.line, place.column, message.rstrip()))
        if len(self._found) == MOST_PROBLEMS:
            last = "There may be more problems. Fix these first."
            raise SpecificationInvalid([*self._found, Problem(place.line, place.column, last)])

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Note the `Mistake` that ends the block, and go on behind it."""
        try:
            yield
        except Mistake as mistake:
            self.add(mistake.place, mistake.message)

    def stop(self) -> None:
        """Raise `SpecificationInvalid` if there is any mistake."""
        if not self._found and self._excused:  # what was excused must have been reported: never pass it in silence
            self.add(self._excused[0], "`freehold` cannot make sense of this. Please report it.")
        if self._found:
            raise SpecificationInvalid([*self._found])
