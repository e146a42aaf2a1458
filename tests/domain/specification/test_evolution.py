"""What stored records must follow when one specification comes after another, without any database."""

import pytest

from adapters.specification_file import parse
from domain.specification.evolution import changes, lineage, reverse

BEFORE = """
app: trial
staff: mediator > clerk
resources:
  shelf:
    plural: shelves
    owner: account
    roles: editor > viewer
    unique: name per owner
    fields: {name: text, size: {type: integer, min: 0, max: 9}}
    can: {create: signed in, read: [owner, viewer], share: owner}
  book:
    owner: shelf
    fields:
      {title: text, more: {type: text, optional: yes}, state: "one of new, read", next: {type: book, optional: yes}}
    can: {create: owner, read: owner}
  note:
    owner: book
    fields: {text: text}
    can: {create: owner, read: owner}
"""


def said(*replaced: tuple[str, str]) -> list[str]:
    """Each change in English, those that take something away behind a minus."""
    text = BEFORE
    for before, after in replaced:
        assert before in text
        text = text.replace(before, after)
    found = changes(parse(BEFORE), parse(text))
    return [("- " if change.destructive else "+ ") + change.text for change in found]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("app: trial", "app: trial\nversion: 2.0.0", []),
        ("read: [owner, viewer]", "read: owner", []),
        ("{title: text", "{label: {type: text, renamed_from: title}", ["+ `book.title` is now called `label`"]),
        ("{title: text", "{title: text, hot: yes/no", ["+ `book.hot` is new; records that are there get `no`"]),
        ("more: {type: text", "more: {type: json", ["+ `book.more` is `json` instead of `text`"]),
        ("new, read", "new, read, lost", ["+ `book.state` may also be `lost`"]),
        ("new, read", "new", ["- `book.state` loses the value `read`"]),
        ("min: 0, max: 9", "min: 0, max: 8", ["- `shelf.size` is narrower: at most 8"]),
        ("min: 0, max: 9", "max: 10", ["+ `shelf.size` is wider: no longer at least 0, at most 10"]),
        ("title: text,", "title: {type: text, optional: yes},", ["+ `book.title` may be empty now"]),
        (
            "more: {type: text, optional: yes}",
            "more: text",
            ["- `book.more` is required now, without a default for records that have no value in it"],
        ),
        (
            "editor > viewer",
            "viewer",
            ["- the role `editor` of `shelf` vanishes, with the memberships that carry it"],
        ),
        ("mediator > clerk", "mediator", ["- the staff role `clerk` vanishes, and nobody keeps it"]),
        ("    unique: name per owner\n", "", ["- `name` of `shelf` need not be unique per `owner` any more"]),
        (
            "    owner: book\n",
            "    owner: shelf\n",
            ["- `note` hangs under `shelf` instead of `book`: each under the `shelf` of its `book`"],
        ),
        (
            "    owner: book\n    fields: {text: text}\n    can: {create: owner",
            "    owner: account\n    fields: {text: text}\n    can: {create: signed in",
            ["- `note` hangs under an account instead of `book`; which record each was under is forgotten"],
        ),
        (
            "title: text,",
            "title: {type: note, optional: yes},",
            [
                "+ `book.title` is new; records that are there have no value in it",
                "- `book.title` begins anew: no value that it had can be one of `reference`",
            ],
        ),
    ],
)
def test_a_change_is_named_in_english(before: str, after: str, wanted: list[str]) -> None:
    assert said((before, after)) == wanted


def test_a_renamed_resource_takes_what_hangs_below_and_refers_along() -> None:
    renamed = (
        ("  book:\n", "  volume:\n    renamed_from: book\n"),
        ("type: book", "type: volume"),
        ("owner: book", "owner: volume"),
    )
    assert said(*renamed) == ["+ `book` is now called `volume`"]


def test_renamed_from_that_was_followed_already_means_nothing_more() -> None:
    once = parse(BEFORE.replace("{title: text", "{label: {type: text, renamed_from: title}"))
    assert changes(once, once) == ()


def test_the_way_back_is_the_way_there_with_names_exchanged() -> None:
    before = parse(BEFORE)
    after = parse(BEFORE.replace("{title: text", "{label: {type: text, renamed_from: title}"))
    back = reverse(lineage(before, after))
    assert back.fields["book"]["title"] == "label"
    assert reverse(back) == lineage(before, after)
