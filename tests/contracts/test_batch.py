"""A batch does what its operations do one after the other, and is answered alike: by chance, on every store."""

from random import Random
from typing import Any

import pytest

from application.batch import BatchUseCases, Operation, OperationsRefused
from domain.errors import Refusal
from domain.ownership import Actor
from tests.application.world import NEVER, World, specification
from tests.conftest import Worlds

PACKING = specification("""
resources:
  box:
    plural: boxes
    owner: account
    roles: packer > guest
    fields: {name: text, full: yes/no}
    unique: name per owner
    limit: 3 per owner
    locked: when full is yes, except full
    can:
      create: signed in
      read: [owner, guest]
      update: [owner, packer]
      delete: owner
      share: owner
  item:
    owner: box
    fields:
      text: text
      beside: {type: item, optional: yes, when_gone: empty}
      held: {type: item, optional: yes}
      state: one of new, sent
    steps:
      state: {new -> sent: owner}
    can:
      create: [owner, packer]
      read: [owner, packer, anyone when state is sent]
      update: [owner, packer]
      move: [owner, packer]
      delete: [owner, packer]
""")
NAMES = ("oak", "elm", "ash", "fir")
Drawn = tuple[str, str, int | None, dict[str, Any]]
"""action, resource, number of the record, body, where a record has its number, too; -1 is none that is there"""
NUMBERED = ("box", "beside", "held")


class Side:
    """One of two worlds that must stay alike: its people, and its records by number."""

    def __init__(self, world: World, people: list[Actor]) -> None:
        self.world, self.people = world, people
        self.batch = BatchUseCases(world.records, world.store)
        self.records: list[str] = []

    def plain(self, value: Any) -> Any:
        """With numbers in place of ids."""
        if isinstance(value, dict):
            return {name: self.plain(inner) for name, inner in value.items()}
        if value in self.records:
            return f"record {self.records.index(value)}"
        accounts = [person.account for person in self.people]
        return f"person {accounts.index(value)}" if value in accounts else value

    async def state(self) -> list[Any]:
        """What everybody sees."""
        lists = [
            (await self.world.records.list(person, resource, limit=200)).items
            for person in self.people
            for resource in PACKING.resources
        ]
        return [[self.plain(item) for item in items] for items in lists]


def drawn(random: Random, known: int) -> Drawn:
    """One operation, right or wrong, on one of the records that there are or were."""
    resource, action = random.choice(("box", "item", "item")), random.choice(("create", "create", "update", "delete"))
    number = lambda: random.randrange(-1, known)  # noqa: E731
    fields: dict[str, Any]
    if resource == "box":
        fields = {"name": random.choice(NAMES), "full": random.random() < 0.2}
    else:
        fields = {"text": "$0.id", "box": number(), "beside": random.choice((None, number())), "held": None}
        if random.random() < 0.2:
            fields["held"] = number()
        if action == "update":
            fields["state"] = random.choice(("new", "sent"))
    if action == "update":
        fields = {name: fields[name] for name in random.sample(list(fields), random.randint(1, 2))}
    return action, resource, None if action == "create" else number(), {} if action == "delete" else fields


def operation(side: Side, each: Drawn, places: dict[int, int]) -> Operation:
    """In a batch; `places` says which operation makes the record of a number: that is named by reference."""

    def named(number: int | None) -> str | None:
        if number in places:
            return f"${places[number]}.id"
        return None if number is None else NEVER if number < 0 else side.records[number]

    action, resource, number, body = each
    sent = {name: named(value) if name in NUMBERED else value for name, value in body.items()}
    return Operation(action, resource, named(number), None if action == "delete" else sent)


async def alone(side: Side, actor: Actor, each: Drawn) -> Any:
    """The same as a request of its own: what it answers, or why not."""
    made, records = operation(side, each, {}), side.world.records
    body, record = dict(made.body or {}), str(made.record)
    try:
        if made.action == "create":
            return await records.create(actor, made.resource, body)
        if made.action == "update":
            return await records.update(actor, made.resource, record, body)
        return await records.delete(actor, made.resource, record)
    except Refusal as error:
        return told(error)


def told(error: Refusal) -> tuple[Any, ...]:
    """All that a refusal says."""
    return type(error), error.code, error.detail, error.errors


@pytest.mark.parametrize("seed", range(6))
async def test_one_after_the_other_and_all_at_once_end_alike(seed: int, any_world: Worlds) -> None:
    random, sides = Random(seed), list[Side]()  # noqa: S311 - a test can be repeated
    for _ in range(2):
        world = any_world(PACKING)
        sides.append(Side(world, await world.people("mary", "bob")))
    single, batch = sides
    shared = refused = done = 0
    for _ in range(14):
        who, answers, operations = random.randrange(2), list[Any](), list[Operation]()
        places: dict[int, int] = {}
        for _ in range(random.randint(2, 8)):
            each = drawn(random, len(single.records))
            answer, sent = await alone(single, single.people[who], each), operation(batch, each, places)
            if isinstance(answer, tuple):
                with pytest.raises(OperationsRefused) as caught:
                    await batch.batch.run(batch.people[who], [*operations, sent], lambda _: None)
                number, error = next(iter(caught.value.refusals.items()))
                assert (number, told(error)) == (len(operations), answer)
                refused += 1
                continue
            if each[0] == "create":
                places[len(single.records)] = len(operations)
                single.records.append(answer["id"])
            answers.append(answer)
            operations.append(sent)
        items = await batch.batch.run(batch.people[who], operations, lambda _: None)
        batch.records += [items[place].record for place in places.values()]
        done += len(items)
        assert [batch.plain(item.view) for item in items] == [single.plain(answer) for answer in answers]
        assert await batch.state() == await single.state()
        boxes = [number for number, place in places.items() if operations[place].resource == "box"]
        for side in sides if boxes and shared < 2 else ():
            await side.world.share("box", side.records[boxes[0]], side.people[1 - who], "packer")
            shared += 1
        for side in sides:
            side.world.clock.wait(seconds=1)
    assert done > 4
    assert refused > 10
