"""Links and the outbox in plain Python."""

from dataclasses import replace
from datetime import datetime

from adapters.persistence.memory_identity import IdentityState
from domain.mail import LINKED, Letter, Link


class MemoryLinks:
    """The `Links` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def add(self, link: Link) -> None:
        """See the port."""
        self._state.links[link.hash] = link

    async def get(self, token_hash: str) -> Link | None:
        """See the port."""
        return self._state.links.get(token_hash)

    async def take(self, token_hash: str) -> bool:
        """See the port."""
        return self._state.links.pop(token_hash, None) is not None

    async def forget(self, account: str) -> None:
        """See the port."""
        for link in [link for link in self._state.links.values() if link.account == account]:
            del self._state.links[link.hash]

    async def clean(self, now: datetime) -> None:
        """See the port."""
        for link in [link for link in self._state.links.values() if link.expires_at <= now]:
            del self._state.links[link.hash]


class MemoryLetters:
    """The `Letters` port."""

    def __init__(self, state: IdentityState) -> None:
        """Work on the state itself."""
        self._state = state

    async def waiting(self, now: datetime) -> bool:
        """See the port."""
        return any(letter.due_at <= now for letter in self._state.letters.values())

    async def add(self, letter: Letter) -> None:
        """See the port."""
        self._state.letters[letter.id] = letter

    async def claim(self, now: datetime, until: datetime) -> Letter | None:
        """See the port."""
        due = [letter for letter in self._state.letters.values() if letter.due_at <= now]
        if not due:
            return None
        first = replace(min(due, key=lambda letter: (letter.due_at, letter.id)), due_at=until)
        self._state.letters[first.id] = first
        return first

    async def save(self, letter: Letter) -> None:
        """See the port."""
        if letter.id in self._state.letters:
            self._state.letters[letter.id] = letter

    async def remove(self, letter_id: str) -> None:
        """See the port."""
        self._state.letters.pop(letter_id, None)

    async def forget(self, account: str) -> None:
        """See the port."""
        for letter in list(self._state.letters.values()):
            if letter.account == account and letter.kind in LINKED:
                del self._state.letters[letter.id]
