"""What changes for clients: each example against itself, and one edit after the other with exactly its changes."""

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.specification_file import parse
from application.api_changes import api_changes
from entrypoints.comparing import openapi_of
from tests.application.world import EXAMPLES, NAMES


@cache
def text_of(name: str) -> str:
    return (EXAMPLES / name / "freehold.yaml").read_text(encoding="utf-8")


@cache
def document(text: str) -> dict[str, Any]:
    return openapi_of(parse(text))


def changes(before: Any, after: Any) -> list[str]:
    """In words; what breaks clients with a mark before it."""
    return [f"{'!' if change.breaking else ' '} {change}" for change in api_changes(before, after)]


@pytest.mark.parametrize("name", NAMES)
def test_a_document_compared_with_itself_has_no_changes(name: str) -> None:
    one = document(text_of(name))
    assert changes(one, copy.deepcopy(one)) == []


TAG = "  tag:\n    owner: account\n    fields: {x: text}\n    can: {create: signed in}\n"
LINK_ONLY = "  - audience of note 3 is link_only; anyone can open note 3; anyone cannot read note 3\n"
EDITS: dict[str, tuple[str, list[tuple[str, str]], list[str]]] = {
    "a field that may be left out": (
        "notes", [("      body: text\n", "      body: text\n      stars: {type: integer, optional: yes}\n")],
        [
            "  GET /v1/notes: each part of parameter `fields` can be `stars` now.",
            "  GET /v1/notes: parameter `sort` can be `stars` now.",
            *(f"  GET /v1/notes: parameter `stars{op}` is new." for op in (
                "_gt", "_gte", "_lt", "_lte", "_ne", "_set", ""
            )),
            "  GET /v1/notes/{id}: each part of parameter `fields` can be `stars` now.",
            "  Note: field `stars` is new.",
            "  NoteCreate: field `stars` is new.",
            "  NoteUpdate: field `stars` is new.",
        ],
    ),
    "a field that must be sent": (
        "notes", [("      body: text\n", "      body: text\n      stars: integer\n")],
        [
            "  GET /v1/notes: each part of parameter `fields` can be `stars` now.",
            "  GET /v1/notes: parameter `sort` can be `stars` now.",
            *(f"  GET /v1/notes: parameter `stars{op}` is new." for op in (
                "_gt", "_gte", "_lt", "_lte", "_ne", "_set", ""
            )),
            "  GET /v1/notes/{id}: each part of parameter `fields` can be `stars` now.",
            "  Note: field `stars` is new.",
            "! NoteCreate: field `stars` is new and must be sent.",
            "  NoteUpdate: field `stars` is new.",
        ],
    ),
    "a field less": (
        "notes", [("      body: text\n    can:\n      create: [owner, v", "    can:\n      create: [owner, v")],
        [
            "  AccessToComment: field `fields` has a largest number of 0 now.",
            "! Comment: field `body` is gone.",
            "! CommentCreate: field `body` is gone.",
            "! CommentUpdate: field `body` is gone.",
            "! GET /v1/comments: each part of parameter `fields` is never `body` any more.",
            *(f"! GET /v1/comments: parameter `body{op}` is gone." for op in (
                "_contains", "_gt", "_gte", "_lt", "_lte", "_ne", "_set", "_starts", ""
            )),
            "! GET /v1/comments: parameter `q` is gone.",
            "! GET /v1/comments: parameter `sort` is never `body` any more.",
            "! GET /v1/comments/{id}: each part of parameter `fields` is never `body` any more.",
        ],
    ),
    "a value more": (
        "notes", [("one of members, link_only, everyone", "one of members, link_only, everyone, nobody")],
        ["! NoteAudience: value `nobody` is new."],
    ),
    "a value less": (
        "notes", [
            ("one of members, link_only, everyone", "one of members, everyone"),
            ("      open: anyone when audience is link_only    # by exact id; never listed\n", ""),
            (LINK_ONLY, ""),
        ],
        ["! NoteAudience: value `link_only` is gone."],
    ),
    "a shorter text": (
        "notes", [("      body: text\n", "      body: {type: text, length: 1 to 9}\n")],
        [
            "  Note: field `body` has a longest length of 9 now.",
            "  Note: field `body` has a shortest length of 1 now.",
            "! NoteCreate: field `body` has a longest length of 9 now.",
            "! NoteCreate: field `body` has a shortest length of 1 now.",
            "! NoteUpdate: field `body` has a longest length of 9 now.",
            "! NoteUpdate: field `body` has a shortest length of 1 now.",
        ],
    ),
    "another type": (
        "notes", [("      body: text\n", "      body: integer\n")],
        [
            "! GET /v1/notes: each part of parameter `body_ne` is integer and no longer string.",
            "! GET /v1/notes: each part of parameter `body` is integer and no longer string.",
            "! GET /v1/notes: parameter `body_contains` is gone.",
            *(f"! GET /v1/notes: parameter `body{op}` is integer and no longer string." for op in (
                "_gt", "_gte", "_lt", "_lte"
            )),
            "! GET /v1/notes: parameter `body_starts` is gone.",
            "! Note: field `body` is integer and no longer string.",
            "! NoteCreate: field `body` is integer and no longer string.",
            "! NoteUpdate: field `body` is integer and no longer string.",
        ],
    ),
    "a field that becomes optional": (
        "notes", [("      body: text\n", "      body: {type: text, optional: yes}\n")],
        [
            "! Note: field `body` can be null now.",
            "  NoteCreate: field `body` may be left out now.",
            "  NoteCreate: field `body` may be null now.",
            "  NoteUpdate: field `body` may be null now.",
        ],
    ),
    "an ETag that must be sent": ("notes", [("  note:\n", "  note:\n    require_if_match: yes\n")], [
        "! DELETE /v1/notes/{id}: header `If-Match` must be sent now.",
        "  DELETE /v1/notes/{id}: it can answer 428 now.",
        "! PATCH /v1/notes/{id}: header `If-Match` must be sent now.",
        "  PATCH /v1/notes/{id}: it can answer 428 now.",
        "! PATCH /v1/notes/{id}: the body is no `application/merge-patch+json` any more.",
        "  POST /v1/batch: it can answer 428 now.",
    ]),
    "a resource more": (
        "notes", [("  bookmark:  ", f"{TAG}  bookmark:  ")],
        [
            *(f"  BatchOperation: can be `Tag{done}Operation` now." for done in ("Create", "Delete", "Update")),
            "  BatchRecord: can be `Tag` now.",
            *(f"  {call}: it is new." for call in (
                "DELETE /v1/tags/{id}", "GET /v1/tags", "GET /v1/tags/{id}",
                "GET /v1/tags/{id}/access/me", "PATCH /v1/tags/{id}", "POST /v1/tags"
            )),
            "  ResourceName: value `tag` is new.",
        ],
    ),
    "a resource less": (
        "notes", [(text_of("notes")[text_of("notes").index("  bookmark:") :], "")],
        [
            *(f"! BatchOperation: is never `Bookmark{done}Operation` any more." for done in (
                "Create", "Delete", "Update"
            )),
            "  BatchRecord: is never `Bookmark` any more.",
            *(f"! {call}: it is gone." for call in (
                "DELETE /v1/bookmarks/{id}", "GET /v1/bookmarks", "GET /v1/bookmarks/{id}",
                "GET /v1/bookmarks/{id}/access/me", "PATCH /v1/bookmarks/{id}", "POST /v1/bookmarks",
            )),
            "! ResourceName: value `bookmark` is gone.",
        ],
    ),
    "a role more": (
        "notes", [("    roles: editor > viewer  ", "    roles: editor > helper > viewer  ")],
        ["! NotebookRole: value `helper` is new."],
    ),
    "a stricter choice of what is unique": ("notes", [("    unique: title per owner\n", "")], []),
    "a note that nobody without an account can read": (
        "notes", [
            ("      open: anyone when audience is link_only    # by exact id; never listed\n", ""),
            ("        - anyone when audience is everyone\n", ""),
        ], [],
    ),
    "another major version": (
        "notes", [("app: notes\n", "app: notes\nversion: 2.0.0\n")],
        ["! every path: it begins with `/v2` and no longer with `/v1`."],
    ),
    "another description": (
        "notes", [("    owner: notebook   ", "    about: A page of text.\n    owner: notebook   ")], [],
    ),
    "other rights for the same people": ("notes", [("      share: owner\n", "      share: [owner, editor]\n")], []),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_one_edit_of_a_specification_makes_exactly_these_changes(case: str) -> None:
    name, edits, expected = EDITS[case]
    after = text_of(name)
    for old, new in edits:
        assert old in after
        after = after.replace(old, new, 1)
    found = changes(document(text_of(name)), document(after))
    assert found == expected, "\n".join(found)


# --- directions ------------------------------------------------------------------------------


def with_schema(schema: dict[str, Any], request: bool) -> dict[str, Any]:
    """A document with one operation that takes or answers this."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    operation: dict[str, Any] = {"operationId": "do", "responses": {"200": {"content": {} if request else content}}}
    if request:
        operation["requestBody"] = {"required": True, "content": content}
    return {"paths": {"/v1/things": {"post": operation}}, "components": {"schemas": {"Thing": schema}}}


def field(**schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, "required": ["x"]}


NULL = {"type": "null"}
DIRECTIONS: list[tuple[str, dict[str, Any], dict[str, Any], bool, bool]] = [
    # what is said, before, after, and whether it breaks in a request and in an answer
    ("field `x` can be null now", field(type="string"), field(type=["string", "null"]), False, True),
    ("field `x` can be null now", field(type="string"), field(anyOf=[{"type": "string"}, NULL]), False, True),
    ("field `x` is never null any more", field(type=["string", "null"]), field(type="string"), True, False),
    ("field `x` is number and no longer integer", field(type="integer"), field(type="number"), False, True),
    ("field `x` is integer and no longer number", field(type="number"), field(type="integer"), True, False),
    ("field `x` is string and no longer integer", field(type="integer"), field(type="string"), True, True),
    ("field `x` can be `b` now", field(enum=["a"]), field(enum=["a", "b"]), False, True),
    ("field `x` is never `b` any more", field(enum=["a", "b"]), field(enum=["a"]), True, False),
    ("field `x` is one of `a` now", field(type="string"), field(type="string", const="a"), True, False),
    ("field `x` is not one of a few values any more", field(enum=["a"]), field(), False, True),
    ("field `x` has a longest length of 5 now, was 9", field(maxLength=9), field(maxLength=5), True, False),
    ("field `x` has a longest length of 9 now, was 5", field(maxLength=5), field(maxLength=9), False, False),
    ("field `x` has no limit of a minimum of 1 any more", field(minimum=1), field(), False, False),
    ("field `x` has a minimum of 1 now", field(), field(minimum=1), True, False),
    ("field `x` must match `a+` now", field(), field(pattern="a+"), True, False),
    ("field `x` is written as `uuid` now", field(type="string"), field(type="string", format="uuid"), True, False),
    ("field `x` is gone", field(type="string"), {"type": "object"}, True, True),
    ("field `x` is new and must be sent", {"type": "object"}, field(type="string"), True, False),
    ("each part of field `x` is integer and no longer string", field(type="array", items={"type": "string"}),
     field(type="array", items={"type": "integer"}), True, True),
]  # fmt: skip
IN_REQUESTS = {"can be null now": "may be null now", "is never null any more": "must not be null any more"}


@pytest.mark.parametrize("request_", [True, False], ids=["request", "answer"])
@pytest.mark.parametrize("case", DIRECTIONS, ids=lambda case: case[0])
def test_what_breaks_depends_on_the_direction(case: Any, request_: bool) -> None:
    text, before, after, breaks_request, breaks_answer = case
    if request_:
        for answer, asked in IN_REQUESTS.items():
            text = text.replace(answer, asked)
    else:
        text = text.removesuffix(" and must be sent")
    (only,) = api_changes(with_schema(before, request_), with_schema(after, request_))
    assert (str(only), only.breaking) == (f"Thing: {text}.", breaks_request if request_ else breaks_answer)


def test_operations_parameters_statuses_and_security() -> None:
    def document(**operation: Any) -> dict[str, Any]:
        return {"paths": {"/v1/things": {"get": {"operationId": "list", "responses": {}, **operation}}}}

    q = {"in": "query", "name": "q", "schema": {"type": "string"}}
    old = document(parameters=[q], security=[{}], responses={"200": {"headers": {"ETag": {}}}})
    new = document(parameters=[{**q, "required": True}], security=[{"bearer": []}], responses={"200": {}, "204": {}})
    assert changes(old, new) == [
        "! GET /v1/things: answer 200 has no header `ETag` any more.",
        "! GET /v1/things: it can answer 204 now.",
        "! GET /v1/things: it needs a token now.",
        "! GET /v1/things: parameter `q` must be sent now.",
    ]
    moved = {"paths": {"/v1/others": old["paths"]["/v1/things"]}}
    assert changes(old, moved) == ["! GET /v1/things: it is `GET /v1/others` now."]


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree = {"type": "object", "properties": {"below": {"$ref": "#/components/schemas/Thing"}}}
    wider = {**tree, "properties": {**tree["properties"], "x": {"type": "string"}}}
    assert changes(with_schema(tree, True), with_schema(wider, True)) == ["  Thing: field `x` is new."]


SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "number", "boolean"])},
        optional={
            "enum": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
            "maxLength": st.integers(1, 9),
            "format": st.sampled_from(["uuid", "date"]),
        },
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)[:1]},
            st.dictionaries(st.sampled_from("xyz"), inner),
        ),
        st.builds(lambda one: {"anyOf": [one, {"type": "null"}]}, inner),
    ),
    max_leaves=6,
)


@given(before=SCHEMAS, after=SCHEMAS, request_=st.booleans())
def test_the_same_has_no_changes_and_what_changed_changed_back(before: Any, after: Any, request_: bool) -> None:
    old, new = with_schema(before, request_), with_schema(after, request_)
    assert changes(old, copy.deepcopy(old)) == []
    assert bool(changes(old, new)) == bool(changes(new, old))
