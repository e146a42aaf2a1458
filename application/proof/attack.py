"""One attempt after the other on one target: sent, compared with the oracle, counted, and kept where it succeeded."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

from application.proof import filters, findings
from application.proof.attempts import MAKING, OF_CALLER, READING, Answer, Attempt, Target, Verb
from application.proof.callers import actor_of, callers
from application.proof.checking import Checker, Difference, learn_work
from application.proof.coverage import Coverage
from application.proof.hidden import secrets_of
from application.proof.oracle import Expected, Oracle, done
from application.proof.people import relation
from application.proof.report import Finding, Kind, Progress, Report
from application.proof.stories import Step, Story
from application.proof.trying import Tries
from domain.ownership import Actor, Facts
from domain.snapshot import Snapshot

SECONDS_BETWEEN = 0.1
"""two times that progress is told"""
MOST_FINDINGS = 8
HTTP, FILTER, PAIRED, WORK = "HTTP answers", "SQL filter", "two worlds", "statements for what is hidden"
POLICIES = "row-level security"


class Stop(Exception):
    """The budget is used, or enough is found."""


class Spoilt(Exception):
    """A world in which something went wrong is not gone on with."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to go on: until the first of these is used."""

    text: str = ""
    """as it was asked for"""
    seconds: float | None = None
    comparisons: int | None = None
    findings: int = MOST_FINDINGS
    """different ones, after which nothing more is looked for"""


class Attack:
    """Attempts on one target, each compared with the oracle; what they add up to is said by who derives from it."""

    timed = True
    """whether the time is ours, so that every instant in an answer is known before"""
    inviting = True
    """whether the addresses of its people are known, and nobody gets a letter"""

    def __init__(
        self,
        report: Report,
        target: Target,
        budget: Budget,
        elapsed: Callable[[], float],
        told: Callable[[Progress], None],
    ) -> None:
        """`elapsed` says how many seconds have gone; `told` is told where the proof is."""
        self.report = report
        self._specification = report.specification
        self._target = target
        self._budget = budget
        self._elapsed = elapsed
        self._told = told
        self._next_told = 0.0
        self._checker = Checker(self._specification, self.timed)
        self._coverage = Coverage(self._specification, self.inviting)
        self._found: set[tuple[Any, ...]] = set()
        self._log: list[Step] = []
        self._hidden: dict[str | None, frozenset[str]] = {}
        self._seen_tags: dict[str, str] = {}
        self._oracle: Oracle
        self._base: Snapshot

    async def run(self) -> Report:
        """Go on until the budget is used."""
        with suppress(Stop):
            for number in count():
                with suppress(Spoilt):
                    await self.round(number)
        if len(self.report.findings) < self._budget.findings:
            self._coverage.into(self.report)
        else:
            self.report.skipped.append("what takes part in the end: enough was found before")
        self.report.seconds = self._elapsed()
        return self.report

    async def round(self, number: int) -> None:
        """Attempts, worlds and stories; one round after the other until the budget is used."""
        raise NotImplementedError

    async def shortest(self, story: Story) -> Story:
        """The same story with less in it."""
        raise NotImplementedError

    async def ask_rules(self) -> None:
        """What the rules say of everything, to whom that can be asked."""
        raise NotImplementedError

    # --- one attempt -------------------------------------------------------------------------

    async def _try(self, attempt: Attempt) -> bool:
        """Whether it succeeded in writing something; a wrong answer is a finding."""
        expected = self._oracle.expect(attempt)
        # what a change shows of it is compared field by field, and may be more than could be seen before
        before = self._secrets(attempt)
        # and so may what it was answered before
        secrets = () if expected.effect is not None or expected.again else before
        hidden = self._oracle.hides(attempt)
        await learn_work(self._checker, self._target, attempt, hidden and expected.status == 404)
        answer = await self._target.send(attempt)
        difference = self._checker.check(attempt, expected, answer, secrets, hidden)
        self._tally(attempt, expected, difference)
        self.report.count(HTTP)
        self.report.count(WORK, hidden)
        self._report_progress("attacking over HTTP")
        if difference is not None:
            done = answer.status < 400 and attempt.verb not in READING
            await self._tell(Story(self._base, tuple(self._log), attempt, difference), spoilt=done)
            return False
        await self._ask_with_tag(attempt, expected, answer)
        steps, written = tuple(self._log), self._keep(attempt, expected, answer)
        if written and (spilt := self._checker.spills(attempt, answer, before & self._secrets(attempt))):
            await self._tell(Story(self._base, steps, attempt, spilt))
        return written

    async def _ask_with_tag(self, attempt: Attempt, expected: Expected, answer: Answer) -> None:
        """`If-None-Match` with the tag that another caller got: to who may not open the record it says nothing."""
        if attempt.verb is not Verb.GET or attempt.headers:
            return
        if expected.status == 200:
            self._seen_tags[str(attempt.record)] = answer.headers.get("etag", "")
        elif tag := self._seen_tags.pop(str(attempt.record), ""):
            await self._try(replace(attempt, headers=(("if-none-match", tag),)))

    def _keep(self, attempt: Attempt, expected: Expected, answer: Answer) -> bool:
        self._coverage.answered(self._oracle.snapshot, attempt, expected)
        if expected.effect is None:
            return False
        body = json.loads(answer.body) if answer.body else None
        expected.effect(body)
        self._hidden.clear()
        if attempt.verb is Verb.BATCH:  # the same one after the other
            self._log += [Step(each, name if each.verb is Verb.CREATE else None) for each, name in done(attempt, body)]
            return True
        created = body["id"] if attempt.verb in MAKING and body is not None else None
        self._log.append(Step(attempt, created))
        return True

    def _secrets(self, attempt: Attempt) -> frozenset[str]:
        """What may not be in the answer; the same until something is written."""
        if attempt.who not in self._hidden:
            self._hidden[attempt.who] = secrets_of(self._oracle.snapshot, actor_of(attempt.who))
        return self._hidden[attempt.who]

    async def _pages(self, attempt: Attempt) -> None:
        """A list, page after page."""
        while True:
            expected = self._oracle.expect(attempt)
            answer = await self._target.send(attempt)
            difference = self._checker.check(attempt, expected, answer, self._secrets(attempt))
            self._tally(attempt, expected, difference)
            self.report.count(HTTP)
            self._report_progress("attacking over HTTP")
            if difference is not None:
                await self._tell(Story(self._base, tuple(self._log), attempt, difference))
                return
            following = None if expected.body is None else json.loads(answer.body).get("next_cursor")
            if following is None:
                return
            attempt = attempt.following(following, len(expected.body["items"]))
            stolen = replace(attempt, who=self._somebody_else(attempt.who), stolen=True)
            await self._try(stolen)

    def _somebody_else(self, who: str | None) -> str | None:
        """The next of all people, or nobody."""
        everybody = callers(self._oracle.snapshot)
        return everybody[(everybody.index(who) + 1) % len(everybody)] if who in everybody else None

    async def _everything(self, tries: Tries) -> None:
        """Everything again for everybody, after something has changed."""
        for attempt in chain(tries.reads(), tries.rights()):
            await self._try(attempt)
        for who in tries.everybody:
            for resource in self._specification.resources:
                await self._pages(Attempt(who, Verb.LIST, resource))
        await self.ask_rules()

    def _right(self, rule: str, actor: Actor, facts: Facts) -> bool:
        """What the domain says of one compiled rule."""
        resource = facts.resource
        for grants in filters.grants(resource, rule):
            self._coverage.decided(grants, actor, facts)
        for each in resource.fields.values() if rule == "update" else ():
            self._coverage.decided(each.write or (), actor, facts)
        right = filters.says(rule, actor, facts)
        if rule == "locked":
            self._coverage.tick(resource.name, "locked" if right else "not locked")
        return right

    # --- findings ----------------------------------------------------------------------------

    async def _tell(self, story: Story, spoilt: bool = False) -> None:
        """Make a finding of a wrong answer, of each sort once.

        Go on with a new world (`Spoilt`) where this one is not as it should be any more, or was used to repeat it.
        """
        attempt, difference = story.last, story.difference
        if self._known(HTTP, attempt.resource, attempt.verb, difference.kind, difference.about):
            if spoilt:
                raise Spoilt
        else:
            related = self._relation(attempt)
            self._add(findings.of_answer(await self.shortest(story), related))
            raise Spoilt

    def _known(self, *sort: Any) -> bool:
        """Whether a finding of this sort was told already."""
        if sort in self._found:
            return True
        self._found.add(sort)
        return False

    def _add(self, finding: Finding) -> None:
        self.report.findings.append(finding)
        if len(self.report.findings) >= self._budget.findings:
            raise Stop

    # --- counts ------------------------------------------------------------------------------

    def _tally(self, attempt: Attempt, expected: Expected, difference: Difference | None) -> None:
        """Count by what the caller is to the record; what is about nothing, or changes nothing, says nothing."""
        leak = difference is not None and difference.kind in (Kind.LEAK, Kind.INFERENCE)
        if attempt.verb is Verb.LIST and not leak:
            self._tally_list(attempt, expected)
        elif leak or self._tells(attempt, expected):
            action = findings.action_of(self._specification, attempt)
            cell = self.report.cell(attempt.resource, action, self._relation(attempt))
            cell.leaks += leak
            cell.refused += not leak and expected.refused
            cell.allowed += not leak and not expected.refused

    def _tells(self, attempt: Attempt, expected: Expected) -> bool:
        """Whether an attempt is about something, and its answer says who may do that."""
        if attempt.verb is Verb.BATCH:  # it is about several things
            return False
        there = attempt.record is None or attempt.record in self._oracle.snapshot.records[attempt.resource]
        if not there or expected.status in (409, 412, 422, 428) or attempt.verb in OF_CALLER:
            return False
        if expected.status == 404 and not self._oracle.hides(attempt):  # what it names on the record is not there
            return False
        if attempt.verb is Verb.MEMBERS and not expected.refused:
            return any(row["account"] != attempt.who for row in expected.body["items"])
        return expected.refused or expected.effect is not None or attempt.verb in READING

    def _tally_list(self, attempt: Attempt, expected: Expected) -> None:
        """By record: what was shown is allowed; without a filter, what was not is refused."""
        snapshot = self._oracle.snapshot
        shown = {item["id"] for item in expected.body["items"]} if not expected.refused else set()
        for record in snapshot.records[attempt.resource].values():
            cell = self.report.cell(attempt.resource, "read", relation(snapshot, attempt.who, snapshot.facts(record)))
            if record.id in shown:
                cell.allowed += 1
            elif not attempt.query:
                cell.refused += 1

    def _relation(self, attempt: Attempt, world: Snapshot | None = None) -> str:
        snapshot, resource = world or self._oracle.snapshot, self._specification.resources[attempt.resource]
        name, record_id = attempt.resource, attempt.record
        if attempt.verb is Verb.CREATE and resource.parent is not None:
            name, record_id = resource.parent, (attempt.body or {}).get(resource.parent)
        record = None if record_id is None else snapshot.record(name, str(record_id))
        return relation(snapshot, attempt.who, None if record is None else snapshot.facts(record))

    def _report_progress(self, doing: str) -> None:
        """Tell now and then, and stop where the budget is used."""
        seconds, total = self._elapsed(), self.report.total
        shares = [
            0.0 if self._budget.seconds is None else seconds / self._budget.seconds,
            0.0 if self._budget.comparisons is None else total / self._budget.comparisons,
        ]
        if seconds >= self._next_told or max(shares) >= 1:
            self._next_told = seconds + SECONDS_BETWEEN
            self._told(Progress(min(1.0, max(shares)), total, len(self.report.findings), doing))
        if max(shares) >= 1:
            raise Stop
