"""What a proof says in the end: what was claimed, what was tried, what was found."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.specification.model import Specification


class Kind(StrEnum):
    """How bad a finding is, in the words of the report."""

    LEAK = "leak"
    """something was shown, or done, that the specification does not allow"""
    INFERENCE = "inference"
    """an answer depends on what the caller may not see, and no declared channel excuses it"""
    WORK = "work"
    """hidden and missing take a different number of statements"""
    REFUSAL = "refusal"
    """something was withheld, or refused, that the specification allows"""
    DIFFERENCE = "difference"
    """another answer than the contract says, which neither shows nor withholds anything"""
    DEFECT = "defect"
    """the server broke: a status of 500, or no HTTP answer at all"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the specification says, told so that anybody can repeat it."""

    kind: Kind
    reading: str
    """"HTTP"; "SQL filter" or "row-level security" where the compiled rule alone, or the database itself, was asked"""
    resource: str
    action: str
    relation: str
    """of the caller to the record: "stranger", "viewer above", ..."""
    title: str
    """one sentence: `Bob lists notes and sees Mary's draft "Plan".`"""
    because: str
    """what the specification says of it: `line 31 does not allow it`"""
    story: tuple[str, ...]
    """the shortest way there, one sentence a step, in the order of doing"""
    curl: str
    """a shell script that repeats it"""
    expected: str
    given: str
    lines: tuple[int, ...] = ()
    """of the specification, that it is about"""


@dataclass(slots=True)
class Cell:
    """How often an action was tried by callers in one relation to a record."""

    allowed: int = 0
    refused: int = 0
    leaks: int = 0


@dataclass(slots=True)
class GrantUse:
    """How a grant of the specification took part."""

    resource: str
    action: str
    text: str
    line: int
    decided: int = 0
    """cases that it, and nothing before it, allowed"""
    missed: int = 0
    """cases in which only a condition of it failed: near misses"""


@dataclass(frozen=True, slots=True)
class Mutants:
    """The proof of the proof: one broken compiled rule at a time."""

    tried: int
    survivors: tuple[str, ...]
    """what was broken, and nobody noticed: `line 31, note: read: without "when audience is everyone"`"""
    seconds: float
    idle: tuple[str, ...] = ()
    """what was broken, and decides nothing: no world shows a difference, so there is nothing to catch"""

    @property
    def caught(self) -> int:
        """How many were noticed."""
        return self.tried - len(self.survivors)


@dataclass(slots=True)
class Report:
    """Everything that a proof found out; grows with the specification, not with the budget."""

    specification: Specification
    source: str
    """the specification's text, for its lines"""
    seed: int
    budget: str
    comparisons: dict[str, int] = field(default_factory=dict)
    """by reading: answers compared over HTTP, decisions of the SQL filter and of row-level security, answers of two
    worlds, statement counts"""
    worlds: int = 0
    stories: int = 0
    seconds: float = 0.0
    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    """by resource, action and relation"""
    grants: list[GrantUse] = field(default_factory=list)
    channels: dict[str, int] = field(default_factory=dict)
    """by declared channel (`note, unique`): how many differences it excused"""
    not_covered: list[str] = field(default_factory=list)
    """grants that decided no case, words of the specification that were never exercised: in words, with their line"""
    skipped: list[str] = field(default_factory=list)
    """parts that the specification or the surface does not have"""
    findings: list[Finding] = field(default_factory=list)
    mutants: Mutants | None = None

    @property
    def total(self) -> int:
        """All comparisons."""
        return sum(self.comparisons.values())

    @property
    def passed(self) -> bool:
        """Whether nothing was found, and no mutant survived."""
        return not self.findings and (self.mutants is None or not self.mutants.survivors)

    def cell(self, resource: str, action: str, relation: str) -> Cell:
        """The counts of one place in the table."""
        return self.cells.setdefault((resource, action, relation), Cell())

    def count(self, reading: str, number: int = 1) -> None:
        """So many comparisons more."""
        self.comparisons[reading] = self.comparisons.get(reading, 0) + number


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a proof is, for a progress bar."""

    share: float
    """of the budget that is used, 0 to 1"""
    comparisons: int
    findings: int
    doing: str
