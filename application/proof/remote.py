"""The proof of a server that runs elsewhere: only stories, all through its API, on a database that it fills itself."""

from itertools import chain
from random import Random

from application.ports import Clock
from application.proof import filters
from application.proof.attack import Attack
from application.proof.attempts import Attempt, Target, Verb
from application.proof.callers import actor_of
from application.proof.checking import Difference
from application.proof.oracle import Oracle
from application.proof.stories import Step, Story
from application.proof.trying import Tries, on_nothing
from application.proof.worlds import Draw
from domain.account import Account
from domain.snapshot import Snapshot

WRITES = 60
"""attempts in one round"""
AGAIN, BATCHES = 4, 6
"""of them that are sent again with a key; and several at once"""
LOOKED_AT_AFTER = 5
"""of them that succeeded"""
MOST_RECORDS = 60
"""beyond which more is deleted than created: what is looked at after each step must not grow with the budget"""


class RemoteProver(Attack):
    """Attacks a `Target`; people are signed up there before, and everything that happens is told to the snapshot."""

    timed = False
    inviting = False

    async def begin(self, target: Target, clock: Clock, accounts: dict[str, str]) -> None:
        """Take on the people, by id and first name, on a server that holds nothing else."""
        random = Random(self.report.seed)  # noqa: S311 - a proof can be repeated
        self._clock = clock
        snapshot = Snapshot.empty(self._specification, self._clock.now())
        for account, name in accounts.items():
            snapshot.accounts[account] = Account(account, f"{name.lower()}@example.org", "", snapshot.now)
        self._target, self._random = target, random
        self._tries = Tries(Draw(self._specification, random, snapshot.now, snapshot), random, inviting=self.inviting)
        self._base, self._oracle = snapshot.copy(), Oracle(snapshot)
        for attempt in on_nothing(snapshot, self._specification.resources.values()):
            self._checker.learn_missing(attempt, await target.send(attempt))

    async def round(self, number: int) -> None:
        """Attempts to write; after some that succeeded, everything again for everybody."""
        done = 0
        tries = self._tries
        for attempt in chain(tries.fitting(), tries.writes(WRITES), tries.again(AGAIN), tries.batches(BATCHES)):
            if attempt.verb is Verb.CREATE and self._crowded() and self._random.random() < 0.9:
                continue
            if attempt.record is None or self._is_there(attempt):
                self._oracle.snapshot.now = self._clock.now()
                done += await self._try(attempt)
                if done == LOOKED_AT_AFTER:
                    done = 0
                    await self._everything(self._tries)
        if self._crowded():
            await self._clear()
        self.report.stories += 1

    async def ask_rules(self) -> None:
        """The compiled rule of another process cannot be asked by itself; the domain counts what took part."""
        snapshot = self._oracle.snapshot
        for who in (None, *snapshot.accounts):
            actor = actor_of(who)
            for facts in snapshot.every():
                for name in filters.names(facts.resource):
                    self._right(name, actor, facts)

    def _is_there(self, attempt: Attempt) -> bool:
        return attempt.record in self._oracle.snapshot.records[attempt.resource]

    def _crowded(self) -> bool:
        return sum(1 for _ in self._oracle.snapshot.every()) > MOST_RECORDS

    async def _clear(self) -> None:
        """Let everybody delete some of what is theirs."""
        records = [facts.record for facts in self._oracle.snapshot.every()]
        for record in self._random.sample(records, len(records) // 2):
            if record.id in self._oracle.snapshot.records[record.resource]:
                await self._try(Attempt(record.owner, Verb.DELETE, record.resource, record.id))

    async def shortest(self, story: Story) -> Story:
        """Nothing can be replayed there: the steps that have to do with what the last one is about."""
        wanted = _ids(story.last) | set(_words(story.difference))
        kept: list[Step] = []
        for step in reversed(story.steps):
            if step.attempt is None:
                continue
            if step.created in wanted or _ids(step.attempt) & wanted:
                kept.insert(0, step)
                if step.attempt.verb is Verb.CREATE:
                    wanted |= _ids(step.attempt)
        after = self._oracle.snapshot.copy()
        return Story(story.base, tuple(kept), story.last, story.difference, after)


def _ids(attempt: Attempt) -> set[str]:
    """The records that an attempt names."""
    values = [value for value in (attempt.body or {}).values() if isinstance(value, str) and len(value) == 36]
    return {value for value in (attempt.record, *values) if value is not None}


def _words(difference: Difference) -> list[str]:
    return difference.sees.replace("{", " ").replace("}", " ").replace('"', " ").split()
