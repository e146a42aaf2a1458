"""Plain writes: where `domain.plain` says that one right is all there is to judge, judging says the same."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given

from domain.judging import judge_change, judge_creation, judge_result
from domain.ownership import Facts, may, view
from domain.plain import Plain
from tests.application.world import NAMES, example, specification
from tests.domain.small import PROPERTY, RANDOMS, refusal, some_world
from tests.ownership.worlds import NOW, Values

ODD = """
resources:
  desk:
    owner: account
    roles: editor
    fields: {name: text, open: yes/no, days: integer}
    can: {create: signed in, read: [owner, editor, anyone when open is yes], update: [owner, editor], share: owner}
  sheet:
    owner: desk
    fields:
      by: creator
      title: text
      text: text
      doc: {type: json, optional: yes}
      secret: {type: text, optional: yes, read: owner}
      sealed: {type: text, optional: yes, write: owner}
      to: {type: account, optional: yes}
      next: {type: sheet, optional: yes, when_gone: empty}
      state: one of draft, done
    steps: {state: {draft -> done: owner}}
    can: {create: [owner, editor], read: whoever can read desk, update: [owner, editor when title is set]}
  box:
    owner: account
    fields: {name: text, shut: yes/no}
    locked: when shut is yes
    can: {create: signed in, read: owner, update: owner}
  thing:
    owner: box
    fields: {name: text}
    can: {create: owner, read: owner, update: owner}
  label:
    owner: account
    fields: {name: text, color: text}
    can: {create: signed in, read: owner, update: [owner only name]}
  stone:
    owner: account
    fields: {name: text}
    can: {read: anyone, delete: owner}
  note:
    owner: account
    require_if_match: yes
    fields: {name: text}
    can: {create: signed in, read: owner, update: owner}
"""


def test_a_plain_change_is_of_fields_that_no_rule_looks_at() -> None:
    plain = Plain(specification(ODD))
    changed = plain.changed
    assert changed["stone"] == (), "nobody may change it: its columns are not even granted"
    assert "stone" not in plain.created
    assert changed["desk"] == ("name", "days")
    assert changed["sheet"] == ("text",)


@pytest.mark.parametrize("resource", ["box", "thing", "label", "note"])
def test_locks_fields_of_a_grant_and_if_match_are_more_than_a_right(resource: str) -> None:
    assert Plain(specification(ODD)).changed[resource] == ()


def test_a_plain_creation_names_nothing_and_sets_no_field_with_a_rule_of_its_own() -> None:
    plain, sheet = Plain(specification(ODD)), specification(ODD).resources["sheet"]
    given = dict.fromkeys(sheet.fields)
    assert plain.creates(sheet, ["title", "desk"], given)
    assert not plain.creates(sheet, ["sealed"], given)
    assert not plain.creates(sheet, [], given | {"to": "somebody"})
    assert not plain.creates(sheet, [], given | {"next": "a sheet"})
    assert "thing" not in plain.created, "a lock above keeps it from being created"


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_plain_creations(name: str) -> None:
    assert Plain(example(name)).created


@PROPERTY
@given(RANDOMS)
def test_a_plain_change_is_judged_by_update_alone(random: Random) -> None:
    """On the record as it is; and whoever made it sees of it what it would have seen, but for what was changed."""
    world = some_world(random)
    plain, values = Plain(world.specification), Values(world.specification)
    for facts in world.every():
        names = plain.changed[facts.resource.name]
        message = {name: random.choice(values.of(facts.resource.name, facts.resource.fields[name])) for name in names}
        for actor in world.everybody:
            differing = {name for name, value in message.items() if value != facts.record.values[name]}
            if not differing or not may("open", actor, facts):
                continue
            if not may("update", actor, facts):
                assert refusal(judge_change, actor, facts, message) is not None
                continue
            change = judge_change(actor, facts, message)
            assert differing <= set(change.fields) <= set(message)
            new = world.facts(facts.record.edit(change.fields, NOW))
            judge_result(actor, new, change)
            assert may("open", actor, new)
            before, after = view(actor, facts), view(actor, new)
            kept = before.keys() - {*message, "updated_at"}
            assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


@PROPERTY
@given(RANDOMS)
def test_a_plain_creation_is_judged_by_create_and_open_alone(random: Random) -> None:
    world = some_world(random)
    plain = Plain(world.specification)
    for facts in world.every():
        record = replace(facts.record, id="new")
        sent = [name for name in facts.resource.fields if random.random() < 0.5]
        if not plain.creates(facts.resource, sent, record.values):
            continue
        for actor in world.everybody:
            new = Facts(record, facts.world)
            allowed = may("create", actor, new) and may("open", actor, new)
            assert (refusal(judge_creation, actor, new, dict.fromkeys(sent)) is None) == bool(allowed)
