"""What stands beside a record is what its own `GET` gives, on every reading of the rules and for everybody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from adapters.persistence.sql.sqlite import DIALECT
from adapters.persistence.sql.statements import Statements
from application.ports import Query
from application.records import expand, total_order
from domain.api_key import ACTIONS, KeyScope
from domain.expansion import EXPANDED, Selection, expandable, shown
from domain.ownership import Actor, Facts, may, view
from tests.ownership.cases import Domain, Reading, Trial, done
from tests.ownership.worlds import ENGINE, NOW, World, specifications

NAMES = list(specifications())


def everybody(world: World) -> list[Actor]:
    """The engine by a key for everything."""
    key = KeyScope(str(ENGINE.name), frozenset(ACTIONS), frozenset(world.specification.resources))
    return [replace(actor, key=key) if actor.engine else actor for actor in world.everybody]


def every(world: World, resource: str) -> Selection:
    """All that can be expanded."""
    return Selection(None, tuple(expandable(world.specification, resource).values()))


def asked(world: World) -> Iterator[tuple[Actor, Facts, Selection]]:
    """Everything that can be opened, by everybody, with all that can be expanded."""
    for resource in world.specification.resources:
        wanted = every(world, resource)
        for actor in everybody(world):
            for record in world.of(resource):
                facts = world.facts(record)
                if wanted.ways and may("open", actor, facts):
                    yield actor, facts, wanted


def expected(actor: Actor, world: World, found: Mapping[str, Any], resource: str, levels: int) -> dict[str, Any]:
    """By what each `GET` shows alone: the id where the record is named, then the record with that id."""
    model, beside = world.specification.resources[resource], dict[str, Any]()
    targets = {field.name: str(field.target) for field in model.references()}
    for name, target in (targets | ({model.parent: model.parent} if model.parent else {})).items():
        record = next((record for record in world.of(target) if record.id == found.get(name)), None)
        beside[name] = None
        if record is not None and may("read", actor, world.facts(record)):
            got = view(actor, world.facts(record))
            further = expected(actor, world, got, target, levels - 1) if levels > 1 else {}
            beside[name] = got | ({EXPANDED: further} if further else {})
    return beside


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_beside_a_record_is_what_its_own_get_gives(name: str, trial: Callable[[str], Trial]) -> None:
    world = trial(name).world
    for actor, facts, wanted in asked(world):
        found = view(actor, facts)
        beside = expected(actor, world, found, facts.resource.name, 2)
        assert shown(actor, facts, wanted) == found | {EXPANDED: beside}


@pytest.mark.parametrize("name", NAMES)
def test_every_store_shows_beside_a_page_what_the_domain_does(name: str, trial: Callable[[str], Trial]) -> None:
    tried = trial(name)
    readings: list[Reading] = [Domain(tried.world), tried.reading(Statements(tried.tables, DIALECT))]
    for reading in readings:
        for resource in tried.specification.resources:
            wanted = every(tried.world, resource)
            facts = {record.id: tried.world.facts(record) for record in tried.world.of(resource)}
            for actor in everybody(tried.world) if wanted.ways else ():
                records = reading.records()
                page = done(records.page(actor, Query(resource, (), total_order(()), 200), NOW))
                done(expand(records, actor, page.items, wanted.expansions, NOW))
                for item in json.loads(msgspec.json.encode(page.items)):
                    assert item == shown(actor, facts[item["id"]], wanted)
