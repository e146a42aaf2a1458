"""What somebody may do, told in advance, is what the judges say when it is done."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given

from domain.abilities import Abilities, Able
from domain.errors import Forbidden
from domain.judging import judge_change, judge_creation, judge_deletion, judge_result, sharing_cap
from domain.ownership import ANONYMOUS, Actor, Facts, may, may_read_field
from domain.record import Record, create, writable
from domain.snapshot import Snapshot
from domain.specification.model import Field, Kind, Resource
from tests.domain.small import BOB, CAROL, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.domain.test_judging import BOARD
from tests.ownership.worlds import ENGINE, NOW, Values

ANOTHER = {"email": "another@example.org", "url": "https://example.org/another"}


def told(snapshot: Snapshot, actor: Actor, facts: Facts) -> Abilities:
    """What the actor is told."""
    able = Able(snapshot.specification)
    return able.of(actor, facts, [snapshot.imagine(blank) for blank in able.blanks(actor, facts)])


def of(small: Small, actor: Actor, name: str) -> Abilities:
    """What an actor is told of a record of a small world."""
    return told(small.state, actor, small.at(name))


@pytest.fixture
def board() -> Small:
    """Mary's board with Bob as a writer and Carol as a reader."""
    small = Small(BOARD)
    small.put("board", "board", MARY)
    small.give(BOB, "writer", "board")
    small.give(CAROL, "reader", "board")
    small.put("card", "card", "board", author="bob", title="free")
    return small


def test_each_is_told_its_own(board: Small) -> None:
    found = of(board, MARY, "card")
    assert found.actions == ("open", "read", "update", "delete", "move")
    assert found.fields == ("title", "note", "secret", "done")
    assert found.steps == {"state": ()}, "a step is for a writer, and the owner is none"
    bob = of(board, BOB, "card")
    assert (bob.fields, bob.steps) == (("title", "note"), {"state": ("doing",)}), "`secret` is not his to read"
    assert of(board, CAROL, "card").fields == (), "the field is for its author to write"


def test_roles_and_what_may_be_created_below(board: Small) -> None:
    mary, bob, carol = (of(board, actor, "board") for actor in (MARY, BOB, CAROL))
    assert (mary.role, mary.roles) == (None, ("admin", "writer", "reader"))
    assert (bob.role, bob.roles) == ("writer", ("writer", "reader"))
    assert (carol.role, carol.roles) == ("reader", ())
    assert [each.create for each in (mary, bob, carol)] == [("card",), ("card",), ()]


def test_a_lock_takes_what_it_binds_and_leaves_the_rest(board: Small) -> None:
    board.put("board", "board", MARY, frozen=True)
    mary = of(board, MARY, "board")
    assert mary.fields == ("title",)
    assert mary.create == ()
    assert mary.roles == ("admin", "writer", "reader"), "sharing is not locked"
    assert of(board, MARY, "card") == Abilities(("open", "read"), (), {"state": ()}, (), None, ())


def test_a_record_that_its_own_lock_holds_still_takes_its_steps(board: Small) -> None:
    board.put("card", "card", "board", author="bob", done=True)
    bob = of(board, BOB, "card")
    assert (bob.fields, bob.steps) == (("note",), {"state": ("doing",)})
    assert "delete" not in bob.actions
    assert "move" not in bob.actions


FORM = """
staff: judge
resources:
  form:
    owner: account
    roles: {ladder: filler > fan, join: open}
    fields: {open: yes/no, by: {type: account, optional: yes}, due: {type: date, optional: yes}, kind: "one of a, b"}
    can:
      create: signed in
      read: [anyone, owner]
      update: [owner when open is yes, by only by, signed in only due when due is past, anyone only kind when kind is a]
      share: owner
      transfer: owner
  entry:
    owner: form
    fields: {text: text, kind: "one of plain, odd", about: {type: entry, optional: yes}}
    can: {create: [filler when kind is odd, anyone when about.kind is odd], read: form.filler}
  mark:
    owner: form
    fields: {who: account, secret: {type: text, write: staff.judge}}
    can: {create: who, read: anyone}
"""


@pytest.fixture
def form() -> Small:
    """Mary's form, which names Bob."""
    small = Small(FORM)
    small.put("form", "form", MARY, open=True, by="bob", due=NOW.date() - timedelta(days=1))
    return small


def test_a_field_that_could_only_get_out_of_ones_hands_is_not_told(form: Small) -> None:
    """Whatever value Mary gave `open`, she might not change the record any more; so it is with Bob and `by`."""
    assert of(form, MARY, "form").fields == ("by", "due", "kind")
    assert of(form, BOB, "form").fields == ("due",)
    assert of(form, ANONYMOUS, "form").fields == ()


def test_somebody_who_is_no_member_may_join_where_that_is_open(form: Small) -> None:
    form.give(CAROL, "fan", "form")
    assert "join" in of(form, BOB, "form").actions
    assert "join" not in of(form, CAROL, "form").actions
    assert "join" not in of(form, ANONYMOUS, "form").actions


def test_what_may_be_created_depends_on_values_that_can_be_sent(form: Small) -> None:
    """An entry needs `kind: odd`, or another one, and a creator who can open it; a mark what only a judge writes."""
    form.give(CAROL, "filler", "form")
    assert of(form, CAROL, "form").create == ("entry",)
    assert of(form, BOB, "form").create == ()
    form.staff(BOB, "judge")
    assert of(form, BOB, "form").create == ("mark",)


# --- in general ----------------------------------------------------------------------------


@given(RANDOMS)
@PROPERTY
def test_told_is_what_the_judges_allow(random: Random) -> None:
    world = some_world(random)
    snapshot = world.state.at(world.specification, NOW)
    trial = Trial(snapshot, random)
    for actor in (ANONYMOUS, ENGINE, *(Actor(account) for account in snapshot.accounts)):
        for facts in random.sample(list(snapshot.every()), min(4, sum(1 for _ in snapshot.every()))):
            if may("open", actor, facts):
                trial.hold(actor, facts)


class Trial:
    """Tries with real values what is told, and what is not."""

    def __init__(self, snapshot: Snapshot, random: Random) -> None:
        self.snapshot, self.random = snapshot, random
        self.able, self.values = Able(snapshot.specification), Values(snapshot.specification)

    def hold(self, actor: Actor, facts: Facts) -> None:
        """One actor and one record."""
        if actor.key is not None:
            actor = replace(actor, key=None)
        found, resource = told(self.snapshot, actor, facts), facts.resource
        for action in ("read", "members", "transfer"):
            assert (action in found.actions) is may(action, actor, facts).allowed
        assert ("delete" in found.actions) is passes(judge_deletion, actor, facts)
        assert ("share" in found.actions) is (sharing_cap(actor, facts) is not None)
        for name, field in writable(resource).items():
            tried = [value for value in self.tried(resource, name) if self.changes(actor, facts, name, value)]
            if field is None:
                assert "move" in found.actions or not tried
            elif name in resource.steps:
                seen = may_read_field(field, actor, facts)
                assert set(found.steps.get(name, ())) == set(tried if seen else ()), name
            elif may_read_field(field, actor, facts):
                assert name in found.fields or not tried, f"{name} can become {tried[0]}"
                if field.kind is not Kind.REFERENCE:
                    assert name not in found.fields or tried, f"no value of {name} is allowed"
            else:
                assert name not in found.fields
        for child in self.snapshot.specification.children(resource.name):
            created = self.created(actor, child, facts)
            assert child.name in found.create or not created, f"{child.name} can be created: {created}"

    def tried(self, resource: Resource, name: str) -> list[Any]:
        """Values that may be sent."""
        field = resource.fields.get(name)
        if field is None or field.kind is Kind.REFERENCE:
            target = name if field is None else str(field.target)
            found: list[Any] = list(self.snapshot.records[target])
        elif self.snapshot.specification.names_account(resource.name, name):
            found = list(self.snapshot.accounts)
        else:
            found = list(self.values.of(resource.name, field))
            if field.format is not None:  # a world knows one address of each sort, which may be what is there
                found.append(ANOTHER[field.format])
        return [*found, *([None] if field is not None and field.nullable else [])]

    def changes(self, actor: Actor, facts: Facts, name: str, value: Any) -> bool:
        """Whether a change to this value is allowed (of a move: whether the record may go at all)."""
        try:
            change = judge_change(actor, facts, {name: value})
            if not change:
                return False
            record = facts.record.edit(change.fields, NOW)
            if change.moves_to is not None:
                record = record.moved(self.snapshot.records[name][value], NOW)
            judge_result(actor, self.snapshot.imagine(record), change)
        except Forbidden:
            return False
        return True

    def created(self, actor: Actor, child: Resource, above: Facts) -> Mapping[str, Any] | None:
        """A message of some by chance that creates one below, if there is one."""
        for _ in range(12):
            given = {f.name: f.initial for f in child.fields.values()}
            sent = {
                name: self.random.choice(options)
                for name, field in writable(child).items()
                if field is not None and name not in child.steps and (field.required or self.random.random() < 0.5)
                if (options := self.tried(child, name))
            }
            if any(f.required and f.name not in sent and not f.by_engine for f in child.fields.values()):
                return None
            given |= sent | {name: child.steps_start(name) for name in child.steps}
            record, owner = above.record, above.record.owner
            base = Record(child.name, "0", owner, record.id, given, NOW, NOW)

            def copied(field: Field, base: Record = base) -> Any:
                source = Facts(base, self.snapshot).follow(field.path)
                if source is None:
                    return None
                return source.record.owner if field.copied == "owner" else source.record.values[str(field.copied)]

            new = create(child, "0", owner, record.id, given, actor.account, copied, NOW)
            if passes(judge_creation, actor, self.snapshot.imagine(new), {str(child.parent): record.id, **sent}):
                return sent
        return None


def passes(judge: Any, *args: Any) -> bool:
    """Whether a judge lets it pass."""
    try:
        judge(*args)
    except Forbidden:
        return False
    return True
