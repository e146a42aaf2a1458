"""The records that every server is loaded with: the same ones each time, made from a seed.

20 accounts with 10,000 notes each, in notebooks of 100, written in turn by everybody, as in a service in use. Each
account is also a member of other accounts' notebooks, in half of them as editor, so that a tenth of the notes that
it can read are not its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

ACCOUNTS: Final = 20
PASSWORD: Final = "correct horse battery staple"
STATUSES: Final = ("open", "done")
SEED: Final = 20_261_123
FIRST: Final = datetime(2024, 1, 1, tzinfo=UTC)
APART: Final = timedelta(minutes=2)
"""between one record and the next; the newest of 200,000 is of October 2024, so what a run creates is newer"""
VARIETY: Final = 65_536
"""characters of text that the bodies are cut from"""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Somebody who logs in with `PASSWORD`."""

    number: int
    id: UUID
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Notebook:
    """A root record."""

    number: int
    id: UUID
    owner: Account
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """An account other than the owner, with `viewer` or `editor` as its role."""

    notebook: Notebook
    account: Account
    role: str


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """A record in a notebook, written by the notebook's owner; its body is the generator's to make."""

    number: int
    id: UUID
    notebook: Notebook
    title: str
    status: str
    created_at: datetime


class Data:
    """All records of one size; notes stand oldest first."""

    def __init__(self, body: int, *, notebooks: int = 100, notes: int = 100) -> None:
        """Make so many notebooks an account, so many notes a notebook, with bodies of about so many characters."""
        self.body = body
        random = Random(SEED)
        self._text = "".join(_words(random, VARIETY))
        self._length = {"low": body * 9 // 10, "high": body * 11 // 10}
        clock = (FIRST + APART * tick for tick in range(10**9))
        self.accounts = [_account(number, next(clock), random) for number in range(ACCOUNTS)]
        owners = self.accounts * notebooks
        self.notebooks = [_notebook(number, owner, next(clock), random) for number, owner in enumerate(owners)]
        self.members = list(self._memberships(round(notebooks / 9), random))
        places = self.notebooks * notes
        random.shuffle(places)
        self.notes = [_note(number, notebook, next(clock), random) for number, notebook in enumerate(places)]

    def text(self, note: Note) -> str:
        """The body of a note."""
        return self.any_text(Random(note.number))

    def any_text(self, random: Random) -> str:
        """A body for a note: words, in ASCII, between nine and eleven tenths of the size asked for."""
        length = random.randint(self._length["low"], self._length["high"])
        start = random.randrange(VARIETY - length)
        return self._text[start : start + length].strip()

    def _memberships(self, each: int, random: Random) -> Iterator[Member]:
        for account in self.accounts:
            others = [notebook for notebook in self.notebooks if notebook.owner is not account]
            for turn, notebook in enumerate(random.sample(others, each)):
                yield Member(notebook, account, ("viewer", "editor")[turn % 2])


def _account(number: int, at: datetime, random: Random) -> Account:
    return Account(number, _uuid7(at, random), f"account{number}@example.com", at)


def _notebook(number: int, owner: Account, at: datetime, random: Random) -> Notebook:
    return Notebook(number, _uuid7(at, random), owner, f"Notebook {number} of {owner.email}", at)


def _note(number: int, notebook: Notebook, at: datetime, random: Random) -> Note:
    return Note(number, _uuid7(at, random), notebook, f"Note {number:06}", random.choice(STATUSES), at)


def _uuid7(at: datetime, random: Random) -> UUID:
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62))


def _words(random: Random, length: int) -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random.choices(letters, k=random.randint(2, 9))) + " " for _ in range(2_000)]
    while length > 0:
        word = random.choice(words)
        length -= len(word)
        yield word
