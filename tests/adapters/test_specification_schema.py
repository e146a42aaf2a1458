"""The JSON Schema for editors accepts what the reader accepts, and underlines what it can know to be wrong."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from adapters.specification_file import parse
from adapters.specification_schema import json_schema
from domain.errors import SpecificationInvalid
from domain.specification.declarations import _RESOURCE as RESOURCE_KEYS
from domain.specification.fields import _OPTIONS as FIELD_OPTIONS
from tests.end_to_end.independent.random_specs import random_specification
from tests.end_to_end.independent.specs import SPECIFICATIONS
from tests.ownership.worlds import CORNER, FEW, WORDS

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json_schema()
VALIDATOR = Draft7Validator(SCHEMA)


def as_editors_read(text: str) -> Any:
    """YAML 1.2's core schema: `yes` is a word, `0` a number, nothing is null."""

    def resolved(node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {key.value: resolved(value) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [resolved(item) for item in node.value]
        if node.style:
            return node.value
        if node.value in ("", "~", "null"):
            return None
        if node.value in ("true", "false"):
            return node.value == "true"
        if re.fullmatch(r"-?[0-9]+", node.value):
            return int(node.value)
        return float(node.value) if re.fullmatch(r"-?[0-9]+\.[0-9]+", node.value) else node.value

    return resolved(yaml.compose(text))


def wrong(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(as_editors_read(text))]


def right_ones() -> dict[str, str]:
    files = [*REPOSITORY.glob("examples/*/freehold.yaml"), REPOSITORY / "benchmarks" / "freehold.yaml"]
    texts = {path.parent.name: path.read_text("utf-8") for path in files}
    texts |= {**SPECIFICATIONS, "words": WORDS, "corner": CORNER, "few": FEW}
    return texts | {f"random {seed}": random_specification(seed) for seed in range(20)}


def test_it_is_a_json_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("name", "text"), right_ones().items(), ids=right_ones())
def test_what_can_be_read_is_accepted(name: str, text: str) -> None:
    parse(text)
    assert wrong(text) == []


BASE = """\
app: tried
resources:
  note:
    owner: account
    fields: {title: text}
    can: {create: signed in, read: owner}
"""


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("app: tried\n", "", "$"),
        ("app: tried", "app: My App", "$.app"),
        ("app: tried", "app: tried\nversion: 1.0", "$.version"),
        ("app: tried", "app: tried\nverson: 1.0.0", "$"),
        ("app: tried", "app: tried\nstaff: judge, clerk", "$.staff"),
        ("app: tried", "app: tried\nanswers: [{question: Q-NOTHING, on: note, because: b}]", "$.answers[0].question"),
        ("app: tried", "app: tried\nanswers: [{question: Q-WHEN-GONE, on: note}]", "$.answers[0]"),
        ("app: tried", "app: tried\nexamples: mary can read note 3", "$.examples"),
        ("  note:", "  Note:", "$.resources"),
        ("owner: account", "onwer: account", "$.resources.note"),
        ("create: signed in", "creat: signed in", "$.resources.note.can"),
        ("read: owner", "read: []", "$.resources.note.can.read"),
        ("{title: text}", "{Title: text}", "$.resources.note.fields"),
        ("{title: text}", "{title: {length: 1 to 3}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: {type: text, length: 3}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: {type: text, format: mail}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: {type: text, requird: yes}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: {type: text, optional: perhaps}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: {type: note, when_gone: vanish}}", "$.resources.note.fields.title"),
        ("{title: text}", "{title: Text}", "$.resources.note.fields.title"),
        ("    fields", "    roles: editor, viewer\n    fields", "$.resources.note.roles"),
        ("    fields", "    roles: {ladder: a > b, join: closed}\n    fields", "$.resources.note.roles"),
        ("    fields", "    limit: 200\n    fields", "$.resources.note.limit"),
        ("    fields", "    unique: title\n    fields", "$.resources.note.unique"),
        ("    fields", "    locked: title is a\n    fields", "$.resources.note.locked"),
        ("    fields", "    keep: true\n    fields", "$.resources.note.keep"),
        ("    fields", "    steps: {title: {a to b: owner}}\n    fields", "$.resources.note.steps.title"),
        ("    fields", "    links: {expire: 30 days}\n    fields", "$.resources.note.links"),
        ("    fields", "    links: {role: a, expire: 30}\n    fields", "$.resources.note.links.expire"),
    ],
)
def test_what_is_wrong_is_underlined(old: str, new: str, path: str) -> None:
    text = BASE.replace(old, new, 1)
    assert {*wrong(text)} == {path}
    if "Q-NOTHING" not in text:  # `check` tells that one: the reader knows no codes
        with pytest.raises(SpecificationInvalid):
            parse(text)


def test_everything_that_the_reader_knows_is_described() -> None:
    resource = SCHEMA["definitions"]["resource"]
    assert resource["properties"].keys() == {*RESOURCE_KEYS}
    long = SCHEMA["definitions"]["field"]["anyOf"][1]
    assert long["properties"].keys() == {*FIELD_OPTIONS}
    for properties in (SCHEMA["properties"], resource["properties"], long["properties"]):
        assert all(entry.get("description") for entry in properties.values())
    assert all(entry["description"] for entry in resource["properties"]["can"]["properties"].values())
