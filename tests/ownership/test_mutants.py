"""Every wrong form of the compiler is caught by the table of cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import process_time
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest
from sqlalchemy import Table, column, table

from adapters.persistence.sql import lists, public, rules, statements
from adapters.persistence.sql.sqlite import DIALECT
from adapters.persistence.sql.tables import Tables
from domain.specification.model import Kind, Specification
from tests.ownership.cases import Case, Trial
from tests.ownership.equivalent import EQUIVALENT
from tests.ownership.mutation import Mutant, Program, Switch

CORPUS = ("words", "corner", "few", "crates")
"""the specifications whose worlds are asked"""
LEFT_OUT = ("most_asked", "indexed", "carried", "column_name", "nullable")
"""functions that decide nothing: what is prepared before it is asked for, and what tables hold besides"""
ELSEWHERE = ("_everything", "_every_tie")
"""what the operator alone asks, which test_access.py compares with the domain"""
ONE_IN = 8
"""so many mutants is one tried of, without `--thorough`; which, depends on the programs"""
SAMPLE = 10
"""cases that each equivalent form is tried on, all the same"""


def wider(compiler: Any, narrow: Any) -> list[Any]:
    """More than was asked for: every role of every ladder, or every value of the kind."""
    specification: Specification = getattr(compiler, "specification", None) or compiler._rules.specification
    ladders = [resource.ladder for resource in specification.resources.values()] + [specification.staff]
    roles = {role for ladder in ladders if ladder is not None for role in ladder.roles}
    if set(narrow) <= roles:
        return sorted(roles)
    fields = [field for resource in specification.resources.values() for field in resource.fields.values()]
    words = [value for field in fields if field.kind is Kind.ONE_OF for value in field.values]
    return [*words, *range(20)] if narrow[0] in (True, False) or narrow[0] in words else ["", "bravo", *range(20)]


@dataclass(frozen=True, eq=False)
class Run:
    """One case of the corpus, with the nodes that it comes by."""

    trial: Trial
    case: Case
    reached: frozenset[int]
    seconds: float


def light(of: Table) -> Any:
    """The same table in statements, and no more than that: an alias of it costs a tenth."""
    return table(of.name, *(column(each.name, each.type) for each in of.c))


def is_of(module: ModuleType, found: Any) -> bool:
    """Whether a module made this itself."""
    return getattr(found, "__module__", None) == module.__name__


class Mutants:
    """The modules that make statements, with all their mutants behind one switch."""

    def __init__(self) -> None:
        self.switch = Switch()
        self.all: list[Mutant] = []
        self.points: dict[int, int] = {}
        known: dict[str, Any] = {}
        for module in (public, rules, lists, statements):
            program = Program(module, self.switch, {"__wider__": wider}, len(self.all), LEFT_OUT + ELSEWHERE)
            self.all += program.mutants
            self.points |= program.points
            names = program.module.__dict__
            names |= {name: made for name, made in known.items() if name in names}
            names |= {name: light(found) for name, found in names.items() if isinstance(found, Table)}
            known |= {name: names[name] for name, found in vars(module).items() if is_of(module, found)}
        self.mark = crc32("".join(map(str, self.all)).encode())
        """another one when a program changes"""
        self._compiler, self._statements = known["RuleCompiler"], known["Statements"]
        self._tables: dict[str, Tables] = {}

    def statements(self, trial: Trial) -> statements.Statements:
        """The statements of the active mutant."""
        if trial.name not in self._tables:
            self._tables[trial.name] = tables = replace(trial.tables)
            tables.__dict__["of"] = {name: light(table) for name, table in trial.tables.of.items()}
        made: statements.Statements = self._statements(self._tables[trial.name], DIALECT, self._compiler)
        return made

    def corpus(self, trials: Iterator[Trial]) -> list[Run]:
        """Run every case on the right program, and see where it comes by; cheap ones first."""
        found = []
        for trial in trials:
            for case in trial.cases:
                self.switch.activate(-1)
                before = process_time()
                assert trial.difference(case, self.statements(trial)) is None
                found.append(Run(trial, case, frozenset(self.switch.reached), process_time() - before))
        return sorted(found, key=lambda run: run.seconds)

    def survives(self, mutant: Mutant, corpus: list[Run], most: int | None = None) -> bool:
        """Whether no case, or none of the first few, tells it from the right program."""
        made: dict[str, statements.Statements] = {}
        for run in [run for run in corpus if self.points[mutant.number] in run.reached][:most]:
            self.switch.activate(mutant.number)
            if run.trial.name not in made:
                made[run.trial.name] = self.statements(run.trial)
            if run.trial.difference(run.case, made[run.trial.name]) is not None:
                # what caught one mutant is tried first on the next
                corpus.remove(run)
                corpus.insert(0, run)
                return False
        return True


def test_no_mutant_survives(trial: Callable[[str], Trial], report: list[str], request: pytest.FixtureRequest) -> None:
    mutants = Mutants()
    corpus = mutants.corpus(trial(name) for name in CORPUS)
    alike = {change for changes in EQUIVALENT.values() for change in changes}
    gone = alike - {str(mutant) for mutant in mutants.all}
    assert not gone, "\n".join(("no longer there, to be taken out:", *sorted(gone)))
    tried = mutants.all if request.config.getoption("--thorough") else mutants.all[mutants.mark % ONE_IN :: ONE_IN]
    survivors, equivalent = [], []
    for mutant in tried:
        if str(mutant) in alike:
            equivalent.append(mutant)
        elif mutants.survives(mutant, corpus):
            survivors.append(mutant)
    told_apart = [mutant for mutant in equivalent if not mutants.survives(mutant, corpus, SAMPLE)]
    caught = len(tried) - len(survivors) - len(equivalent)
    report.append(f"mutants: {len(tried)} of {len(mutants.all)} tried, {caught} caught, {len(equivalent)} equivalent")
    assert not survivors, "\n".join(map(str, survivors))
    assert not told_apart, "\n".join(map(str, told_apart))
