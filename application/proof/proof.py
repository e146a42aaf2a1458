"""The isolation proof: round after round of worlds, pairs and stories, until the budget is used or enough is found."""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, cast

from application.proof import filters
from application.proof.attempts import READING, Answer, Attempt, Laboratory, Target, Verb
from application.proof.checking import Checker, Difference
from application.proof.coverage import Coverage
from application.proof.interference import Pair, Pairs, Transcript, channels, ids_in, ids_of
from application.proof.oracle import Expected, Oracle, secrets_of
from application.proof.people import called, name_of, relation
from application.proof.report import Finding, Kind, Progress, Report
from application.proof.scripts import script
from application.proof.stories import Step, Story, Teller, did, given, named, near, title, told
from application.proof.trying import Tries, on_nothing
from application.proof.worlds import DAY, Draw, aims
from domain.ownership import ANONYMOUS, Actor, Facts
from domain.snapshot import Snapshot
from domain.specification.analysis import declared_channels
from domain.specification.model import Grant, Resource, Rule

AIMS = 14
"""grants that one world is drawn for"""
BY_CHANCE = 3
"""records of each resource that it has besides"""
WRITES = 160
"""attempts to write in one world"""
STORY_STEPS = 24
"""attempts to write in one story from nothing"""
PAIR_LINES = 90
"""attempts on a pair of worlds"""
TIME_GOES_BY = 0.2
"""how often in a story, after something has happened"""
LARGEST_LIMITED = 400
"""a `limit` that is filled to see what happens"""
MOST_FINDINGS = 8
ACTIONS: dict[Verb, str] = {
    Verb.LIST: "read",
    Verb.GET: "open",
    Verb.HEAD: "open",
    Verb.CREATE: "create",
    Verb.UPDATE: "update",
    Verb.DELETE: "delete",
    Verb.MEMBERS: "members",
    Verb.ADD_MEMBER: "share",
    Verb.JOIN: "share",
    Verb.CHANGE_MEMBER: "share",
    Verb.REMOVE_MEMBER: "share",
    Verb.REPLACE: "update",
}
OF_THE_CONTRACT = {
    Kind.WORK: "What is hidden must be answered like what never was, with the same work.",
    Kind.DIFFERENCE: "Nothing is shown or withheld by this, but the contract has another answer.",
    Kind.DEFECT: "No request may break the server.",
}
"""why an answer is wrong where no line of the specification says so"""
HTTP, FILTER, PAIRED, WORK = "HTTP answers", "SQL filter", "two worlds", "statements for what is hidden"

Open = Callable[[], AbstractAsyncContextManager[Laboratory]]
"""makes a laboratory for the specification, on a database of its own"""


class Stop(Exception):
    """The budget is used, or enough is found."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to go on: until the first of these is used."""

    text: str = ""
    """as it was asked for"""
    seconds: float | None = None
    comparisons: int | None = None
    findings: int = MOST_FINDINGS
    """different ones, after which nothing more is looked for"""


class Prover:
    """Proves one specification in one laboratory, or finds where it fails."""

    timed = True
    """whether the time is ours, so that every instant in an answer is known before"""

    def __init__(
        self,
        report: Report,
        laboratory: Laboratory | Target,
        budget: Budget,
        elapsed: Callable[[], float],
        told: Callable[[Progress], None],
    ) -> None:
        """`elapsed` says how many seconds have gone; `told` is told where the proof is."""
        self.report = report
        self._specification = report.specification
        self._target = laboratory
        self._budget = budget
        self._elapsed = elapsed
        self._told = told
        self._checker = Checker(self._specification, self.timed)
        self._coverage = Coverage(self._specification)
        self._declared = {(c.resource, c.kind) for c in declared_channels(self._specification)}
        self._aims = aims(self._specification)
        self._limited = [r for r in self._specification.resources.values() if r.limit and r.limit <= LARGEST_LIMITED]
        self._found: set[tuple[Any, ...]] = set()
        self._log: list[Step] = []
        self._hidden: dict[str | None, frozenset[str]] = {}
        self._oracle: Oracle
        self._base: Snapshot

    async def run(self) -> Report:
        """Go on until the budget is used."""
        with suppress(Stop):
            for number in count():
                await self.round(number)
        if len(self.report.findings) < self._budget.findings:
            self._coverage.into(self.report)
        else:
            self.report.skipped.append("what takes part in the end: enough was found before")
        self.report.seconds = self._elapsed()
        return self.report

    async def round(self, number: int) -> None:
        """One world attacked in every way, one pair for each caller, and one story from nothing."""
        random = Random(f"{self.report.seed}/{number}")  # noqa: S311 - a proof can be repeated
        draw = Draw(self._specification, random, self._laboratory.now)
        draw.world(self._aimed(number, random), BY_CHANCE)
        with suppress(Spoilt):
            await self.attack(draw, random)
        await self._pairs(random, number)
        with suppress(Spoilt):
            await self._story(random)
        if number < len(self._limited):
            with suppress(Spoilt):
                await self._limit(self._limited[number], random)

    async def attack(self, draw: Draw, random: Random) -> None:
        """Everything that there is to try on one world."""
        await self._hold(draw)
        tries = Tries(draw, random)
        parts = (tries.reads, tries.lists, tries.every_field, tries.fitting, lambda: tries.writes(WRITES), tries.reads)
        for part in parts:
            for attempt in part():
                await self._pages(attempt) if attempt.verb is Verb.LIST else await self._try(attempt)
        # last, for a request that can be repeated tells more than the compiled rule alone
        await self._filters()

    async def _story(self, random: Random) -> None:
        """Something happens where there was nothing, and after each step everything is tried again."""
        draw = Draw(self._specification, random, self._laboratory.now)
        await self._hold(draw)
        tries = Tries(draw, random)
        for attempt in tries.writes(STORY_STEPS):
            if await self._try(attempt):
                await self._everything(tries)
                if random.random() < TIME_GOES_BY:
                    await self._wait()
                    await self._everything(tries)
        self.report.stories += 1

    async def _wait(self) -> None:
        """A day goes by: what was to end in between has ended."""
        until = self._oracle.snapshot.now + DAY
        self._oracle.snapshot.now = until
        self._hidden.clear()
        self._log.append(Step(None, until=until))
        await self._laboratory.wait(until)

    def _aimed(self, number: int, random: Random) -> list[tuple[str, Grant]]:
        """Each grant in its turn."""
        if not self._aims:
            return []
        start = number * AIMS % len(self._aims)
        return random.sample((self._aims * 2)[start : start + AIMS], min(AIMS, len(self._aims)))

    async def _limit(self, resource: Resource, random: Random) -> None:
        """As many records of a resource as one owner may have, and one more."""
        draw = Draw(self._specification, random, self._laboratory.now)
        owner = next(iter(draw.snapshot.accounts))
        above = None if resource.parent is None else draw.record(self._specification.resources[resource.parent])
        given = {"owner": owner} if above is None else {above.resource: above.id}
        owner = owner if above is None else above.owner
        limit, records = resource.limit or 0, draw.snapshot.records[resource.name]
        for _ in range(4 * limit):  # some are not unique
            if len(records) < limit:
                draw.record(resource, **given)
        await self._hold(draw)
        tries = Tries(draw, random)
        for maker in (*[tries.creation] * 12, tries.deletion, tries.creation, tries.creation):
            attempt = maker(owner, resource)
            if attempt is not None:
                await self._try(attempt)

    async def _hold(self, draw: Draw) -> None:
        self._base, self._log, self._oracle = draw.snapshot.copy(), [], Oracle(draw.snapshot)
        await self._laboratory.hold(draw.snapshot)
        self._checker.forget()
        self._hidden.clear()
        for attempt in on_nothing(draw.snapshot, self._specification.resources.values()):
            self._checker.learn_missing(attempt, await self._target.send(attempt))
        self.report.worlds += 1

    # --- one attempt -------------------------------------------------------------------------

    async def _try(self, attempt: Attempt) -> bool:
        """Whether it succeeded in writing something; a wrong answer is a finding."""
        expected = self._oracle.expect(attempt)
        # what a change shows of it is compared field by field, and may be more than could be seen before
        secrets = () if expected.effect is not None else self._secrets(attempt)
        hidden = self._oracle.hides(attempt)
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
        return self._keep(attempt, expected, answer)

    def _keep(self, attempt: Attempt, expected: Expected, answer: Answer) -> bool:
        self._coverage.answered(self._oracle.snapshot, attempt, expected)
        if expected.effect is None:
            return False
        body = json.loads(answer.body) if answer.body else None
        expected.effect(body)
        self._hidden.clear()
        created = body["id"] if attempt.verb is Verb.CREATE and body is not None else None
        self._log.append(Step(attempt, created))
        return True

    def _secrets(self, attempt: Attempt) -> Iterable[str]:
        """What may not be in the answer; the same until something is written."""
        if attempt.who not in self._hidden:
            self._hidden[attempt.who] = secrets_of(self._oracle.snapshot, _actor(attempt.who))
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

    async def _everything(self, tries: Tries) -> None:
        """Everything again for everybody, after something has changed."""
        await self._filters()
        for attempt in tries.reads():
            await self._try(attempt)
        for who in tries.everybody:
            for resource in self._specification.resources:
                await self._pages(Attempt(who, Verb.LIST, resource))

    # --- the compiled rule alone -------------------------------------------------------------

    async def _filters(self) -> None:
        """What the compiled rules say of every record, beside what the domain says."""
        snapshot = self._oracle.snapshot
        for who in (None, *snapshot.accounts):
            actor = _actor(who)
            for name, resource in self._specification.resources.items():
                decisions = await self._laboratory.decisions(who, name)
                for record in snapshot.records[name].values():
                    facts = snapshot.facts(record)
                    for rule, said in decisions.get(record.id, {}).items():
                        right = self._right(rule, actor, facts)
                        self.report.count(FILTER)
                        if said is not right:
                            self._tell_filter(who, facts, rule, right)
                if set(decisions) != set(snapshot.records[name]):
                    raise AssertionError("the laboratory holds other records than it was given")
                del resource
            self._report_progress("asking the SQL filter")

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

    def _tell_filter(self, who: str | None, facts: Facts, rule: str, right: bool) -> None:
        snapshot, resource = self._oracle.snapshot, facts.resource
        verb, related = rule.split(" ")[0], relation(snapshot, who, facts)
        if self._known(FILTER, resource.name, rule, right):
            return
        kind = Kind.REFUSAL if right else Kind.LEAK
        allowed = "does not allow" if right else "allows"
        there, somebody = called(snapshot, facts.record), name_of(snapshot, who)
        told_of = f"The SQL filter alone {allowed} {somebody} to {_in_words(rule)} {there}"
        lines = _lines(resource.rule(verb))
        self.report.cell(resource.name, verb, related).leaks += kind is Kind.LEAK
        self._add(
            Finding(
                kind,
                "SQL filter",
                resource.name,
                rule,
                related,
                f"{told_of}.",
                _because(lines, kind),
                (f"{somebody} is, to {there}: {related}.", f"{told_of}."),
                "# the compiled rule was asked by itself: there is no request to repeat",
                "allowed" if right else "refused",
                "refused" if right else "allowed",
                lines,
            )
        )

    # --- two worlds --------------------------------------------------------------------------

    async def _pairs(self, random: Random, number: int) -> None:
        """A pair of worlds for one caller in each round, in turn."""
        draw = Draw(self._specification, random, self._laboratory.now)
        draw.world(self._aimed(number, random), BY_CHANCE)
        everybody: list[str | None] = [None, *draw.snapshot.accounts]
        pair = Pairs(draw, random).pair(everybody[number % len(everybody)])
        if pair is None:
            return
        changed = {name for change in pair.changes for name in ids_in(change)}
        attempts = [attempt.by(pair.who) for attempt in self._lines(Tries(draw, random), random, changed)]
        one, other = (
            await self._transcript(pair, pair.worlds[0], attempts),
            await self._transcript(pair, pair.worlds[-1], attempts),
        )
        for i, attempt in enumerate(attempts):
            self.report.count(PAIRED)
            if one[i][0] != other[i][0]:
                self._excuse(attempt, one[i][0], other[i][0])
                break  # from here on the worlds are not the same to the caller any more
            if one[i][1] != other[i][1]:
                if not self._known(PAIRED, attempt.resource, attempt.verb):
                    await self._tell_pair(pair, attempts[: i + 1])
                break
        self._report_progress("comparing two worlds")

    async def _transcript(self, pair: Pair, world: Snapshot, attempts: list[Attempt]) -> list[tuple[Expected, str]]:
        """What one of the worlds should answer, and does."""
        snapshot = world.copy()
        await self._laboratory.hold(snapshot)
        oracle, transcript, lines = Oracle(snapshot), Transcript(ids_of(pair)), []
        for attempt in attempts:
            expected = oracle.expect(attempt)
            answer = await self._laboratory.send(attempt)
            lines.append((expected, transcript.line(attempt, answer)))
            if self._checker.check(attempt, expected, answer) is None and expected.effect is not None:
                expected.effect(json.loads(answer.body) if answer.body else None)
        return lines

    def _lines(self, tries: Tries, random: Random, changed: set[str]) -> list[Attempt]:
        """By chance, and what was changed."""
        reads, lists = list(tries.reads()), list(tries.lists())
        about = {attempt.record: attempt for attempt in reads if attempt.verb is Verb.GET and attempt.record in changed}
        read = [*about.values(), *random.sample(reads, min(PAIR_LINES // 3, len(reads)))]
        listed = random.sample(lists, min(PAIR_LINES // 2, len(lists)))
        return [*read, *listed, *tries.writes(PAIR_LINES // 6), *read[:5], *listed[:5]]

    def _excuse(self, attempt: Attempt, one: Expected, other: Expected) -> None:
        """A difference of the right answers: by a declared channel, or because a right depends on it."""
        for kind in channels(one, other):
            if (attempt.resource, kind) in self._declared:
                name = f"{attempt.resource}, {kind}"
                self.report.channels[name] = self.report.channels.get(name, 0) + 1

    async def _tell_pair(self, pair: Pair, attempts: list[Attempt]) -> None:
        """Two neighbours among the worlds of the pair are enough: they differ in one thing."""
        attempt, who = attempts[-1], name_of(pair.worlds[0], pair.who)
        answers = [(await self._transcript(pair, world, attempts))[-1][1] for world in pair.worlds]
        at = next(i for i in range(1, len(answers)) if answers[i] != answers[i - 1])
        snapshot, action = pair.worlds[at - 1], ACTIONS[attempt.verb]
        change = named(snapshot, pair.changes[at - 1])
        sentence = f"{did(snapshot, attempt)} and can tell from the answer that {change}"
        rule = self._specification.resources[attempt.resource].rule(action)
        self._add(
            Finding(
                Kind.INFERENCE,
                "HTTP",
                attempt.resource,
                action,
                self._relation(attempt, snapshot),
                f"{sentence}.",
                "Nobody may see that, and no declared channel of the specification excuses it.",
                (
                    *given(near(snapshot, (attempt.record, *ids_in(pair.changes[at - 1])))),
                    f"In another world everything is the same, but {change}; {who} may not see that.",
                    f"{sentence}.",
                ),
                "# two servers with two databases are needed to repeat this: run the proof with the same seed",
                answers[at - 1][:600],
                answers[at][:600],
                _lines(rule),
            )
        )

    # --- findings ----------------------------------------------------------------------------

    async def _tell(self, story: Story, spoilt: bool = False) -> None:
        """Make a finding of a wrong answer, of each sort once.

        Go on with a new world (`Spoilt`) where this one is not as it should be any more, or was used to repeat it.
        """
        attempt, difference = story.last, story.difference
        action = ACTIONS[attempt.verb]
        if self._known(HTTP, attempt.resource, attempt.verb, difference.kind, difference.about):
            if spoilt:
                raise Spoilt
        else:
            related = self._relation(attempt)
            shortest = await self._shortest(story)
            rule = self._specification.resources[attempt.resource].rule(action)
            lines = _lines(rule)
            self._add(
                Finding(
                    shortest.difference.kind,
                    "HTTP",
                    attempt.resource,
                    action,
                    related,
                    f"{title(shortest)}.",
                    _because(lines, difference.kind),
                    told(shortest),
                    script(self._specification, shortest),
                    shortest.difference.expected,
                    shortest.difference.given,
                    lines,
                )
            )
            raise Spoilt

    async def _shortest(self, story: Story) -> Story:
        return await Teller(self._laboratory).shortest(story)

    @property
    def _laboratory(self) -> Laboratory:
        """The target where it is one."""
        return cast(Laboratory, self._target)

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
        action = ACTIONS[attempt.verb]
        if attempt.verb is Verb.UPDATE and self._specification.resources[attempt.resource].parent in (
            attempt.body or {}
        ):
            action = "move"
        cell = self.report.cell(attempt.resource, action, self._relation(attempt))
        if difference is not None and difference.kind in (Kind.LEAK, Kind.INFERENCE):
            cell.leaks += 1
        elif expected.refused:
            cell.refused += 1
        elif attempt.verb is Verb.LIST:
            self._tally_list(attempt, expected)
        else:
            cell.allowed += 1

    def _tally_list(self, attempt: Attempt, expected: Expected) -> None:
        """By record: what was shown is allowed; without a filter, what was not is refused."""
        snapshot = self._oracle.snapshot
        shown = {item["id"] for item in expected.body["items"]}
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
        """Tell, and stop where the budget is used."""
        seconds, total = self._elapsed(), self.report.total
        shares = [
            0.0 if self._budget.seconds is None else seconds / self._budget.seconds,
            0.0 if self._budget.comparisons is None else total / self._budget.comparisons,
        ]
        self._told(Progress(min(1.0, max(shares)), total, len(self.report.findings), doing))
        if max(shares) >= 1:
            raise Stop


class Spoilt(Exception):
    """A world in which something went wrong is not gone on with."""


def _actor(who: str | None) -> Actor:
    return ANONYMOUS if who is None else Actor(who)


def _lines(rule: Rule) -> tuple[int, ...]:
    return tuple(dict.fromkeys(grant.place.line for grant in rule))


def _in_words(rule: str) -> str:
    """The name of a compiled rule, in front of the record that it is asked of."""
    verb, _, name = rule.rpartition(" of ")
    if verb:
        return f"see `{name}` of" if verb == "read" else f"change `{name}` in steps of"
    if rule == "locked":
        return "find locked"
    return f"give the role {rule.removeprefix('share ')} on" if rule.startswith("share ") else rule


def _because(lines: tuple[int, ...], kind: Kind) -> str:
    if kind in OF_THE_CONTRACT:
        return OF_THE_CONTRACT[kind]
    allowed = kind is Kind.REFUSAL
    if not lines:
        return "The specification has no line that allows it: what is not written is denied."
    named_lines = (
        " and ".join(f"line {line}" for line in lines) if len(lines) < 3 else f"lines {lines[0]} to {lines[-1]}"
    )
    verb = "allow" if len(lines) > 1 else "allows"
    verb = verb if allowed else ("do not allow" if len(lines) > 1 else "does not allow")
    return f"The specification, {named_lines}, {verb} it."


async def catches(prover: Prover, draw: Draw, random: Random) -> bool:
    """Whether one attack on one world finds anything."""
    with suppress(Spoilt, Stop):
        await prover.attack(draw, random)
    return bool(prover.report.findings)
