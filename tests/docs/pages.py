"""The pages for people, and the fenced blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
    *sorted(REPOSITORY.glob("examples/*/*.md")),
]
_FENCE = re.compile(r"^```+([^\n]*)\n(.*?)^```+$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|\n)\n(?! *(?:[-*]|\d+\.) )( {4}\S.*)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `words` is what stands behind its fence."""

    page: Path
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        """The first word, empty where there is none."""
        return self.words[0] if self.words else ""

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """In the order of the page."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, tuple(found[1].split()), found[2])
        for found in _FENCE.finditer(text)
    ]


def indented(page: Path) -> list[str]:
    """Lines that would be shown as code without a fence."""
    return _INDENTED.findall(_FENCE.sub("", page.read_text("utf-8")))
