"""Resources, fields and roles that are called like something of OpenAPI, of Freehold or of a client's language."""

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from adapters.persistence.sql.tables import build
from adapters.specification_file import parse
from domain.ownership import Actor
from domain.specification.declarations import OF_SERVICE
from domain.specification.model import RESERVED, Specification
from entrypoints.comparing import openapi_of
from tests.application.world import specification
from tests.http.conftest import Apis

PLAIN = (
    "thing: {owner: account, roles: helper, fields: {status: 'one of warm, cold'},"
    " can: {create: signed in, read: owner}}"
)
TRIED = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # a smaller example would take longer than it helps
    suppress_health_check=list(HealthCheck),
)
VERBS = ("list_", "create_", "get_", "update_", "delete_")


@cache
def plain() -> dict[str, Any]:
    """The document of an app without any hostile name."""
    return openapi_of(parse(f"app: trial\nresources:\n  {PLAIN}\n"))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def hostile() -> list[str]:
    """Names that are taken by the service or by what belongs to a resource `note`, or mean something in a language."""
    document = plain()
    components = [snake(name).replace("thing", "note") for name in document["components"]["schemas"]]
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"].replace("thing", "note") for operation in operations]
    cut = [found.removeprefix(verb) for found in ids for verb in VERBS if found.startswith(verb)]
    words = ["none", "true", "record", "array", "promise", "unset", "a1", "a_1", "a1_", "note2", "note_2", "note_list2"]
    found = dict.fromkeys(["note", "note_", *components, *ids, *cut, *words])
    return [name for name in found if name not in RESERVED and len(name) <= 38]


NAMES = st.sampled_from(hostile())
FIELDS = st.sampled_from(
    ["list", "create", "update", "role", "status", "problem", "self", "class", "from_", "json_", "title", "properties"]
)


@st.composite
def specifications(draw: st.DrawFn) -> Specification:
    """Some of these names at once; each resource has roles and choices that no other has."""
    chosen = draw(st.lists(NAMES, min_size=2, max_size=7, unique=True))
    plurals: set[str] = set(OF_SERVICE)
    text = "app: trial\nresources:\n"
    for number, name in enumerate(chosen):
        fields = draw(st.lists(FIELDS, max_size=3, unique=True))
        wanted = draw(st.sampled_from([f"{name}s", *(f"members_of_{other}" for other in chosen)]))[:40]
        plural = next(each for each in (wanted, f"{name}s", f"{name}z", f"x{number}") if each not in plurals)
        plurals.add(plural)
        choices = [f"{field}: 'one of v{number}_{field}, other'" for field in fields]
        typed = ", ".join([f"size{number}: integer", *choices])
        text += (
            f"  {name}: {{owner: account, plural: {plural}, roles: r{number}, fields: {{{typed}}},"
            " can: {create: signed in, read: owner, update: owner}}\n"
        )
    return parse(text)


def resolved(document: dict[str, Any], found: Any) -> Any:
    """With every reference replaced by what it leads to; without the resources of keys: each app has its own."""
    if isinstance(found, list):
        return [resolved(document, part) for part in found]
    if not isinstance(found, dict):
        return found
    if "$ref" in found:
        kind, _, name = found["$ref"].removeprefix("#/components/").partition("/")
        assert len(found) == 1 or set(found) == {"$ref", "default"}, found
        return resolved(document, document["components"][kind][name])
    return {key: resolved(document, part) for key, part in found.items() if key != "resources"}


@TRIED
@given(specifications())
def test_every_reference_leads_to_what_it_should_whatever_things_are_called(spec: Specification) -> None:
    document = json.loads(json.dumps(openapi_of(spec)))
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    tags = [tag["name"] for tag in document["tags"]]
    assert len(set(tags)) == len(tags)
    for names in (ids, list(document["components"]["schemas"])):
        folded = [name.replace("_", "").lower() for name in names]
        assert len(set(folded)) == len(folded), "a client's language has one name for two"
    for path, methods in plain()["paths"].items():
        if not path.startswith("/v1/"):
            assert resolved(document, document["paths"][path]) == resolved(plain(), methods)
    for resource in spec.resources.values():
        many, one = (resolved(document, document["paths"][f"/v1/{resource.plural}{end}"]) for end in ("", "/{id}"))
        members = resolved(document, document["paths"][f"/v1/{resource.plural}/{{id}}/members"])
        answer, part = one["get"]["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
        pages = many["get"]["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
        for shown, page in zip((answer, part), pages, strict=True):
            assert set(shown["properties"]) == {"id", "owner", "created_at", "updated_at", *resource.fields}
            assert page["properties"]["items"] == {"type": "array", "items": shown}
        bodies = [many["post"], one["patch"]]
        for operation in bodies:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            assert set(body["properties"]) == set(resource.fields)
        parameters = {parameter["name"]: parameter for parameter in many["get"]["parameters"]}
        for field in resource.fields.values():
            if field.values:
                choices = {"type": "string", "enum": list(field.values)}
                assert answer["properties"][field.name] == choices
                assert parameters[field.name]["schema"]["items"] == choices
        member = members["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]
        assert resource.ladder is not None
        assert member["items"]["properties"]["role"]["enum"] == list(resource.ladder.roles)
        for operation in (*many.values(), *one.values(), *members.values()):
            problem = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
            assert "request_id" in problem["properties"]


def test_a_document_full_of_such_names_is_valid() -> None:
    """One: the validator takes longer than all others together."""
    resource = "{owner: account, roles: helper, fields: {list: 'one of a, b'}, can: {create: signed in, read: owner}}"
    names = ("note", "note_list", "problem", "record")
    document = openapi_of(parse("app: trial\nresources:\n" + "".join(f"  {name}: {resource}\n" for name in names)))
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@TRIED
@given(specifications())
def test_every_table_has_a_model_of_its_own_whatever_things_are_called(spec: Specification) -> None:
    tables = build(spec).of
    assert set(tables) == set(spec.resources)
    indexes = [index.name for table in tables.values() for index in table.indexes]
    assert len(set(indexes)) == len(indexes), "a database has each name of an index once"


def test_a_name_stays_where_another_resource_or_field_is_added() -> None:
    """But for what is derived from a resource and has the very name of the new one."""
    with_more = openapi_of(parse(f"app: trial\nresources:\n  {PLAIN}\n  problem: {{owner: account}}\n"))
    assert {"Thing", "ThingList", "ThingStatus", "Problem", "Problem2"} <= set(with_more["components"]["schemas"])
    assert "properties" in with_more["components"]["schemas"]["Problem2"]


@pytest.mark.parametrize("name", sorted(OF_SERVICE))
def test_what_check_keeps_for_the_service_is_in_use_or_will_be(name: str) -> None:
    tags = {tag for methods in plain()["paths"].values() for operation in methods.values() for tag in operation["tags"]}
    assert name in {*tags, "batch", "invitations", "transfers"}


@pytest.mark.parametrize(
    ("shelves", "books"),
    [
        ("gone", "page"),
        ("page", "gone"),
        ("found", "branch_0"),
        ("made", "branch_1"),
        ("wanted", "made"),
        ("written", "wanted"),
    ],
)
async def test_a_table_may_be_called_like_a_part_of_a_statement(any_api: Apis, shelves: str, books: str) -> None:
    api = await any_api(
        specification(f"""
resources:
  shelf:
    plural: {shelves}
    owner: account
    roles: keeper > guest
    fields: {{name: text}}
    can: {{create: signed in, read: [owner, guest], update: owner, delete: owner, share: owner}}
  book:
    plural: {books}
    owner: shelf
    fields: {{title: text, lent: yes/no, next: {{type: book, optional: yes, when_gone: delete}}}}
    can: {{create: [owner, keeper], read: [owner, guest, anyone when lent is yes], update: owner, delete: owner}}
""")
    )
    mary, bob, ann = await api.people("mary", "bob", "ann")

    async def titles(caller: Actor | None) -> list[tuple[str, bool]]:
        return [(book["title"], book["shelf"] is None) for book in (await api.get(caller, books)).json()["items"]]

    shelf = await api.make(mary, shelves, name="novels")
    kept = await api.make(mary, shelves, name="poems")
    first = await api.make(mary, books, shelf=shelf, title="one", lent=True)
    await api.make(mary, books, shelf=kept, title="two", lent=False, next=first)
    member = {"account": bob.account, "role": "guest"}
    assert (await api.call(mary, "POST", f"{shelves}/{kept}/members", json=member)).status_code == 201
    assert await titles(mary) == [("two", False), ("one", False)]
    assert await titles(bob) == [("two", False), ("one", True)]
    assert await titles(ann) == await titles(None) == [("one", True)]
    changed = await api.call(mary, "PATCH", f"{books}/{first}", json={"title": "first"})
    assert changed.status_code == 200
    assert (await api.call(bob, "DELETE", f"{shelves}/{shelf}")).status_code == 404
    assert (await api.call(mary, "DELETE", f"{shelves}/{shelf}")).status_code == 204
    assert await titles(mary) == []
    assert [kept] == [shelf["id"] for shelf in (await api.get(mary, shelves)).json()["items"]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("lateral", "collation"), ("tablesample", "concurrently"), ("system_user", "lateral"), ("returning", "nothing"),
        ("nothing", "returning"), ("limit_", "user"), ("me", "now"), ("record", "oid"), ("rowid", "excluded"),
    ],
)  # fmt: skip
async def test_words_of_the_database_are_names_like_others(any_api: Apis, first: str, second: str) -> None:
    api = await any_api(
        specification(f"""
resources:
  shelf:
    plural: {first}
    owner: account
    fields: {{{first}: integer, {second}: {{type: text, optional: yes}}}}
    unique: {first} per owner
    can: {{create: signed in, read: owner, update: owner, delete: owner}}
  book:
    plural: {second}
    owner: shelf
    fields: {{{first}: integer, {second}: {{type: book, optional: yes, when_gone: empty}}}}
    can: {{create: owner, read: [owner, anyone when {first} is 3], update: owner, delete: owner}}
""")
    )
    mary, bob = await api.people("mary", "bob")
    shelf = await api.make(mary, first, **{first: 1, second: "x"})
    book = await api.make(mary, second, shelf=shelf, **{first: 3})
    await api.make(mary, second, shelf=shelf, **{first: 4, second: book})
    mine = (await api.get(mary, f"{second}?sort=-{first}&{first}_gte=3")).json()["items"]
    assert [(each[first], each[second]) for each in mine] == [(4, book), (3, None)]
    assert [each[first] for each in (await api.get(bob, second)).json()["items"]] == [3]
    taken = await api.call(mary, "POST", first, json={first: 1})
    assert taken.json()["code"] == "not_unique"
    changes = [(first, shelf, {first: 5, second: None}), (second, mine[0]["id"], {first: 7, second: None})]
    for plural, record, change in changes:
        changed = await api.call(mary, "PATCH", f"{plural}/{record}", json=change)
        assert {name: changed.json()[name] for name in change} == change
    assert (await api.call(mary, "DELETE", f"{first}/{shelf}")).status_code == 204
    assert (await api.get(None, second)).json()["items"] == []
