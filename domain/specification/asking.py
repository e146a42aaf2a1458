"""A question about a specification: its code, its place, why it matters, and the answers to paste."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.specification import writing
from domain.specification.model import Engine, Field, Grant, Owner, Place, Resource, SignedIn, Specification
from domain.specification.text import tick
from domain.specification.writing import scalar


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An answer to paste: lines of YAML, and in English what they would make of it."""

    says: str
    yaml: str
    """below `resources`, in place of what stands there under the same keys; or an entry of `answers`"""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked, not guessed."""

    code: str
    place: Place
    on: str
    """what an answer calls this place: `profile.bio`, `notebook.roles`, `task.update by owner`"""
    asks: str
    """what is the case, in a sentence or two"""
    why: str
    """why it matters"""
    answers: tuple[Suggestion, ...]
    """the last one says under `answers:` that it is meant"""


CODES: dict[str, tuple[str, str]] = {
    "Q-NOBODY-CREATES": (
        "A resource without records is a mistake more often than not, and nothing below it can exist either.",
        "records come in by another way",
    ),
    "Q-NOBODY-READS": (
        "Whoever makes a record must be able to open it, so none can be made over the API.",
        "only the engine uses these records",
    ),
    "Q-CREATE-REFUSED": (
        "The grant promises something that is always refused, unless the same person holds another right as well.",
        "only who has another right as well shall create here",
    ),
    "Q-ROLE-UNGIVEN": (
        "Grants that name the role will never hold for anybody.",
        "the role is given later, when sharing is built",
    ),
    "Q-NEVER-MATCHES": (
        "Whoever reads the file believes that somebody has this right. Nobody has.",
        "it says what is meant, for readers",
    ),
    "Q-SWALLOWED": (
        "The narrower grant looks like a bound, and bounds nothing: the wider one allows it anyway.",
        "it says what is meant, for readers",
    ),
    "Q-SELF-ACCESS": (
        "A rule that somebody can bend by an edit of their own keeps only the others out.",
        "whoever writes this field is trusted with what it opens",
    ),
    "Q-PUBLIC-PERSONAL": (
        "What was readable once is copied and kept. Leaks of such fields have to be reported.",
        "it is meant to be seen by everybody",
    ),
    "Q-STRANGERS-CHANGE": (
        "Whoever signs up, or not even that, changes records of people they have nothing to do with.",
        "everybody may change it, as in a wiki",
    ),
    "Q-UNIQUE-EVERYWHERE": (
        "Whoever may write can try values, and learns from the conflict which ones strangers have taken.",
        "it is one visible name space for all",
    ),
    "Q-WHEN-GONE": (
        "Values vanish from records that somebody else relies on, or a deletion is refused that somebody relied on.",
        "what happens if nothing is said is right",
    ),
    "Q-DELETE-BLOCKED": (
        "People will meet a refusal (409) that nobody can ever lift; only the deletion of the account goes through.",
        "what is below has to stay, and so does what is above it",
    ),
    "Q-KEEP-BELOW": (
        "The deletion is refused (409) as long as one is there, and tells whoever tries that there is one.",
        "what is kept shall block the deletion",
    ),
    "Q-LOCKED-FOREVER": (
        "One wrong click cannot be taken back by anybody.",
        "it is final on purpose",
    ),
    "Q-VALUE-UNREACHED": (
        "Steps are the only way in which the field changes, so no record will ever hold this value.",
        "it is reserved for later",
    ),
    "Q-REQUIRED": (
        "Stored records have no value for it, and the tables refuse an empty one.",
        "there are no records yet",
    ),
    "Q-RENAMED": (
        "If it is the same thing under another name, its values must be carried over. Otherwise they are deleted.",
        "it is something new, and what vanished may be deleted",
    ),
    "Q-TYPE-CHANGED": (
        "Each stored value has to become one of the new type, and not each one can.",
        "all stored values fit the new type",
    ),
}
"""for each code why it matters, and a reason that somebody could have to answer that it is meant"""

OF_CHANGES = ("Q-REQUIRED", "Q-RENAMED", "Q-TYPE-CHANGED")
"""the questions that are asked of a change only: against a specification that came before"""


def ask(spec: Specification, code: str, place: Place, on: str, asks: str, *answers: Suggestion) -> Question:
    """A question of the catalogue, with the answer that closes it at this place added to the others."""
    why, because = CODES[code]
    entry = f"  - {{question: {code}, on: {scalar(on)}, because: {scalar(because)}}}"
    meant = Suggestion("It is meant so", entry if spec.answers else f"answers:\n{entry}")
    return Question(code, place, on, asks, why, (*answers, meant))


# --- what an answer in the file would say --------------------------------------------------


def plain_grant(text: str) -> Grant:
    """`owner`, `signed in` or `engine`, as an answer would write it."""
    who: dict[str, Any] = {"owner": Owner(), "signed in": SignedIn(), "engine": Engine()}
    return Grant((who[text],), (), None, text, Place(1, 1))


def rule_line(says: str, resource: Resource, action: str, rule: Iterable[Grant]) -> Suggestion:
    """An action with these grants."""
    return Suggestion(says, writing.nested(resource.name, "can", action, value=writing.grants(g.text for g in rule)))


def field_line(says: str, resource: Resource, field: Field) -> Suggestion:
    """A field declared like this."""
    return Suggestion(says, writing.nested(resource.name, "fields", field.name, value=writing.field(field)))


def article(name: str) -> str:
    """A name in backticks, with its English article."""
    return f"an {tick(name)}" if name[0] in "aeiou" else f"a {tick(name)}"
