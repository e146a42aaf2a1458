"""The isolation proof: round after round of worlds, pairs and stories, until the budget is used or enough is found."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain
from random import Random

from application.proof import findings, policies
from application.proof.attack import FILTER, PAIRED, POLICIES, Attack, Budget, Spoilt, Stop
from application.proof.attempts import Attempt, Laboratory, Verb
from application.proof.callers import actor_of, callers
from application.proof.hidden import waiting_for
from application.proof.interference import Pair, Pairs, Transcript, channels, ids_in, ids_of
from application.proof.oracle import Expected, Oracle
from application.proof.people import relation
from application.proof.report import Progress, Report
from application.proof.stories import Step, Story, Teller
from application.proof.trying import Tries, on_nothing
from application.proof.worlds import DAY, Draw, aims
from domain.invitation import Invitation
from domain.ownership import Facts
from domain.snapshot import Snapshot
from domain.specification.analysis import declared_channels
from domain.specification.model import Grant, Resource

AIMS = 14
"""grants that one world is drawn for"""
BY_CHANCE = 3
"""records of each resource that it has besides"""
WRITES = 160
"""attempts to write in one world"""
AGAIN = 12
"""of them that are sent again, with a key"""
BATCHES = 24
"""and several at once"""
STORY_STEPS = 24
"""attempts to write in one story from nothing"""
PAIRS = 2
"""pairs of worlds in one round, for one caller after the other"""
PAIR_LINES = 90
"""attempts on a pair of worlds"""
TIME_GOES_BY = 0.2
"""how often in a story, after something has happened"""
LARGEST_LIMITED = 400
"""a `limit` that is filled to see what happens"""


class Prover(Attack):
    """Proves one specification in a laboratory, or finds where it fails."""

    def __init__(
        self,
        report: Report,
        laboratory: Laboratory,
        budget: Budget,
        elapsed: Callable[[], float],
        told: Callable[[Progress], None],
    ) -> None:
        """See `Attack`."""
        super().__init__(report, laboratory, budget, elapsed, told)
        self._laboratory = laboratory
        self._declared = {(c.resource, c.kind) for c in declared_channels(self._specification)}
        self._aims = aims(self._specification)
        self._limited = [r for r in self._specification.resources.values() if r.limit and r.limit <= LARGEST_LIMITED]

    async def round(self, number: int) -> None:
        """One world attacked in every way, one pair for each caller, and one story from nothing."""
        random = Random(f"{self.report.seed}/{number}")  # noqa: S311 - a proof can be repeated
        draw = Draw(self._specification, random, self._time_of_day(random))
        draw.world(self._aimed(number, random), BY_CHANCE)
        with suppress(Spoilt):
            await self.attack(draw, random)
        for more in range(PAIRS):
            await self._pairs(random, number * PAIRS + more)
        with suppress(Spoilt):
            await self._story(random)
        if number < len(self._limited):
            with suppress(Spoilt):
                await self._limit(self._limited[number], random)

    def _time_of_day(self, random: Random) -> datetime:
        """Noon, or just after or before midnight in UTC: elsewhere that is another day."""
        hour, minute = random.choice(((12, 0), (0, 10), (23, 50)))
        return self._laboratory.now.replace(hour=hour, minute=minute)

    async def attack(self, draw: Draw, random: Random) -> None:
        """Everything that there is to try on one world."""
        await self.hold(draw)
        await self.ask_policies()
        tries = Tries(draw, random)
        reads = (tries.reads, tries.rights)
        parts = (*reads, tries.lists, tries.every_field, tries.fitting, lambda: tries.writes(WRITES), *reads)
        for part in parts:
            if part == tries.every_field:  # before the records that tell the most are changed or deleted
                await self.ask_rules()
            for attempt in part():
                await self._pages(attempt) if attempt.verb is Verb.LIST else await self._try(attempt)
        # what is wrong with a request alone is told by that; and what follows is drawn as if there were none of these
        state = random.getstate()
        for attempt in chain(tries.again(AGAIN), tries.batches(BATCHES)):
            await self._try(attempt)
        random.setstate(state)
        # last, for a request that can be repeated tells more than the compiled rule alone
        await self.ask_rules()
        await self.ask_policies()

    async def _story(self, random: Random) -> None:
        """Something happens where there was nothing, and after each step everything is tried again."""
        draw = Draw(self._specification, random, self._laboratory.now)
        await self.hold(draw)
        tries = Tries(draw, random)
        for attempt in tries.writes(STORY_STEPS):
            if await self._try(attempt):
                await self._everything(tries)
                if random.random() < TIME_GOES_BY:
                    await self._wait()
                    await self._everything(tries)
        await self.ask_policies()
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
        if above is None:  # what others own does not count
            draw.record(resource, owner=[*draw.snapshot.accounts][-1])
        owner = owner if above is None else above.owner
        limit, records = resource.limit or 0, draw.snapshot.records[resource.name]
        for _ in range(4 * limit):  # some are not unique
            if sum(record.owner == owner for record in records.values()) < limit:
                draw.record(resource, **given)
        await self.hold(draw)
        tries = Tries(draw, random)
        for maker in (*[tries.creation] * 12, *[tries.deletion] * 12, *[tries.creation] * 6):
            attempt = maker(owner, resource)
            if attempt is not None:
                await self._try(attempt)

    async def hold(self, draw: Draw) -> None:
        """Begin a new world."""
        self._base, self._log, self._oracle = draw.snapshot.copy(), [], Oracle(draw.snapshot)
        await self._laboratory.hold(draw.snapshot)
        self._checker.forget()
        self._seen_tags.clear()
        self._hidden.clear()
        for attempt in on_nothing(draw.snapshot, self._specification.resources.values()):
            self._checker.learn_missing(attempt, await self._target.send(attempt))
        self.report.worlds += 1

    # --- the compiled rule alone -------------------------------------------------------------

    async def ask_rules(self) -> None:
        """What the compiled rules say of every record, beside what the domain says."""
        snapshot = self._oracle.snapshot
        for who in callers(snapshot):
            actor = actor_of(who)
            for name in self._specification.resources:
                decisions = await self._laboratory.decisions(who, name)
                for record in snapshot.records[name].values():
                    facts = snapshot.facts(record)
                    for rule, said in decisions.get(record.id, {}).items():
                        right = self._right(rule, actor, facts)
                        self.report.count(FILTER)
                        if said is not right:
                            self._tell_filter(who, facts, rule, right)
                if set(decisions) != set(snapshot.records[name]):
                    self._tell_stored(name, set(decisions))
            self._report_progress("asking the SQL filter")

    def _tell_filter(self, who: str | None, facts: Facts, rule: str, right: bool) -> None:
        snapshot, resource = self._oracle.snapshot, facts.resource
        related = relation(snapshot, who, facts)
        if self._known(FILTER, resource.name, rule, right):
            return
        self.report.cell(resource.name, rule.split(" ")[0], related).leaks += not right
        self._add(findings.of_filter(snapshot, who, facts, rule, right))

    def _tell_stored(self, resource: str, stored: set[str]) -> None:
        """What no answer told of has happened."""
        if not self._known(FILTER, resource):
            self._add(findings.of_stored(self._oracle.snapshot, resource, stored, self._log))
        raise Spoilt

    # --- row-level security alone ------------------------------------------------------------

    async def ask_policies(self) -> None:
        """What the database itself lets everybody do with every record, beside what the domain says."""
        snapshot = self._oracle.snapshot
        for gap in await self._laboratory.unguarded():
            if not self._known(POLICIES, gap):
                self._add(findings.of_gap(snapshot, gap))
        ids = {name: list(records) for name, records in snapshot.records.items()}
        for who in callers(snapshot):
            found = await self._laboratory.policies(who, ids)
            if found is None:
                return
            waiting = {
                f"{'invitation' if isinstance(each, Invitation) else 'offer'} {each.id}": each.record
                for each in waiting_for(snapshot, actor_of(who))
            }
            for name, records in found.items():
                for record in snapshot.records[name].values():
                    awaited = {rule: True for rule, of in waiting.items() if of == record.id}
                    self._compare_policies(who, snapshot.facts(record), records[record.id], awaited)
                if set(records) != set(snapshot.records[name]):
                    self._tell_stored(name, set(records))
            self._report_progress("asking row-level security")
        self.report.count(POLICIES)

    def _compare_policies(
        self, who: str | None, facts: Facts, said: Mapping[str, bool], awaited: Mapping[str, bool]
    ) -> None:
        snapshot, actor, record = self._oracle.snapshot, actor_of(who), facts.record
        rights = {**awaited, **{rule: policies.says(rule, actor, facts) for rule in policies.OF_RECORDS}}
        for (of, account), membership in snapshot.memberships.items():
            if of == record.id:
                rights[f"member {account}"] = policies.shows(actor, membership, facts)
        for rule in {**rights, **said}:
            right = rights.get(rule, False)
            self.report.count(POLICIES)
            if said.get(rule, False) is not right and not self._known(POLICIES, facts.resource.name, rule[:6], right):
                related = relation(snapshot, who, facts)
                self.report.cell(facts.resource.name, policies.action(rule), related).leaks += not right
                self._add(findings.of_policy(snapshot, who, facts, rule, right))

    async def shortest(self, story: Story) -> Story:
        """See `Attack`."""
        return await Teller(self._laboratory).shortest(story)

    # --- two worlds --------------------------------------------------------------------------

    async def _pairs(self, random: Random, number: int) -> None:
        """A pair of worlds for one caller in each round, in turn."""
        draw = Draw(self._specification, random, self._laboratory.now)
        draw.world(self._aimed(number, random), BY_CHANCE)
        everybody = callers(draw.snapshot)
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
            told_in_both = attempt.verb is Verb.ACCESS and one[i][0].status == other[i][0].status
            if one[i][0] != other[i][0] and not told_in_both:
                self._excuse(attempt, one[i][0], other[i][0])
                break  # from here on the worlds are not the same to the caller any more
            if one[i][1] != other[i][1]:
                if not self._known(PAIRED, attempt.resource, attempt.verb):
                    await self._tell_pair(pair, attempts[: i + 1], (one[i][1], other[i][1]))
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
        rights = list(tries.rights())[: PAIR_LINES // 6]
        return [*read, *rights, *listed, *tries.writes(PAIR_LINES // 6), *read[:5], *listed[:5]]

    def _excuse(self, attempt: Attempt, one: Expected, other: Expected) -> None:
        """A difference of the right answers: by a declared channel, or because a right depends on it."""
        for kind in channels(one, other):
            if (attempt.resource, kind) in self._declared:
                name = f"{attempt.resource}, {kind}"
                self.report.channels[name] = self.report.channels.get(name, 0) + 1

    async def _tell_pair(self, pair: Pair, attempts: list[Attempt], told: tuple[str, str]) -> None:
        """Two neighbours among the worlds of the pair are enough: they differ in one thing.

        Where the server does not answer so again, it remembers what it should not: what it said first is told.
        """
        attempt = attempts[-1]
        answers = [(await self._transcript(pair, world, attempts))[-1][1] for world in pair.worlds]
        at = next((i for i in range(1, len(answers)) if answers[i] != answers[i - 1]), len(answers) - 1)
        snapshot = pair.worlds[at - 1]
        related = self._relation(attempt, snapshot)
        told = (answers[at - 1], answers[at]) if answers[at - 1] != answers[at] else told
        self._add(findings.of_worlds(snapshot, attempt, related, pair.changes[at - 1], told))


async def catches(prover: Prover, draw: Draw, random: Random) -> bool:
    """Whether an attack on one world finds anything; the compiled rules first, while the world is as it was drawn."""
    with suppress(Spoilt, Stop):
        await prover.hold(draw)
        await prover.ask_rules()
        await prover.attack(draw, random)
    return bool(prover.report.findings)
