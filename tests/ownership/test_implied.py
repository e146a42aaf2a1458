"""Where statements do not ask whether a record can be opened, the domain has no case in which it cannot."""

from collections.abc import Iterator

import pytest

from adapters.persistence.sql.implied import Implied
from adapters.specification_file import parse
from domain.ownership import decide, may
from domain.specification.model import Hop, Path, Resource, Rule, Specification
from tests.ownership.worlds import draw, specifications

TEXT = """
app: shelf
resources:
  shelf:
    owner: account
    roles: editor > viewer
    fields: {title: text, state: "one of shown, hidden"}
    can: {create: signed in, open: [owner, viewer], read: [owner, viewer], update: editor, delete: owner}
  book:
    owner: shelf
    fields: {by: creator, title: text}
    can:
      create: OF BOOKS
      open: BOOK
      read: BOOK
"""


def told(create: str, opens: str) -> tuple[bool, bool]:
    """Whether `create` says that its caller can open the book, and the shelf."""
    book = parse(TEXT.replace("OF BOOKS", create).replace("BOOK", opens))
    rule, up = book.resources["book"].rule("create"), (Hop("shelf", "shelf"),)
    return Implied(book).opens("book", rule), Implied(book).opens("book", rule, up)


@pytest.mark.parametrize(
    ("create", "opens", "book", "shelf"),
    [
        ("owner", "[owner, by]", True, True),
        ("by", "[owner, by]", True, False),
        ("[owner, by]", "by", False, False),
        ("editor", "viewer", True, True),
        ("viewer", "editor", False, True),
        ("editor", "[owner, by]", False, True),
        ("editor when shelf.state is shown", "viewer when shelf.state is shown", True, True),
        ("editor", "viewer when shelf.state is shown", False, True),
        ("editor and by", "[viewer, by]", True, True),
        ("viewer", "viewer and by", False, True),
        ("whoever can update shelf", "whoever can open shelf", True, True),
        ("whoever can open shelf", "whoever can update shelf", False, True),
        ("signed in", "anyone", False, False),
    ],
)
def test_what_the_words_of_a_rule_say_of_opening(create: str, opens: str, book: bool, shelf: bool) -> None:
    assert told(create, opens) == (book, shelf)


def ways(specification: Specification, resource: Resource) -> Iterator[tuple[Rule, Path]]:
    """Each rule of a resource with each way from its records up."""
    rules = [resource.rule(action) for action in resource.can]
    rules += [step.rule for steps in resource.steps.values() for step in steps]
    up = tuple(Hop(name, name) for name in specification.chain(resource.name)[1:])
    yield from ((rule, up[:far]) for rule in rules for far in range(len(up) + 1))


@pytest.mark.parametrize("name", specifications())
def test_nobody_is_allowed_what_cannot_be_opened_where_that_is_not_asked(name: str) -> None:
    specification = specifications()[name]
    implied, worlds = Implied(specification), [draw(specification, seed) for seed in range(3)]
    for resource in specification.resources.values():
        unasked = [each for each in ways(specification, resource) if implied.opens(resource.name, *each)]
        for world in worlds:
            for rule, way in unasked:
                for facts in map(world.facts, world.of(resource.name)):
                    there = facts.follow(way)
                    assert there is not None
                    for actor in world.everybody:
                        if decide(rule, actor, facts):
                            assert may("open", actor, there), (resource.name, rule, way, actor)
