# ruff: noqa: E501 - tables
"""Sentences under `examples:` are decided as requests are, and one that is not true says why."""

import pytest

from adapters.specification_file import parse
from domain.errors import Problem, SpecificationInvalid
from domain.specification.examples import failures

SHOP = """\
app: shop
staff: judge > clerk
resources:
  store:
    owner: account
    roles: manager > helper
    fields: {name: text, open: yes/no}
    locked: when open is no, except open
    can:
      create: signed in
      read: [owner, helper, anyone when open is yes]
      update: [owner, manager]
      delete: owner
      share: [owner, manager]
      members: [owner, manager]
      transfer: owner
  item:
    owner: store
    fields:
      author: creator
      by: {type: account, optional: yes}
      name: text
      price: {type: decimal, read: [owner, helper], write: [owner, manager]}
      state: one of draft, shown, sold
      until: {type: date, optional: yes}
      twin: {type: item, optional: yes}
    steps: {state: {draft -> shown: [owner, helper], shown -> sold: engine}}
    can:
      create: [owner, helper]
      read: [owner, helper, staff.clerk, anyone when state is shown, by when until is future]
      update: [owner, manager, helper only name when state is draft]
      delete: [owner, author and helper]
      move: owner
  deed:
    owner: store
    keep: yes
    fields: {text: text}
    can: {create: owner, read: owner}
"""


def told(*sentences: str) -> list[Problem]:
    return list(failures(parse(SHOP + "examples:\n" + "".join(f"  - {sentence}\n" for sentence in sentences))))


OPEN = "mary owns store 1; open of store 1 is yes; item 1 is in store 1; hal is helper of store 1;"

TRUE = [
    # everything belongs to the person named first, if nothing is said
    "mary can read item 3; bob cannot",
    "mary can transfer store 1; bob and anyone cannot",
    "mary can create store; anyone cannot",
    # somebody else owns it otherwise
    "hal is helper of store 1; hal cannot delete store 1; hal can read store 1",
    "mary owns item 1; mary can read item 1; bob cannot",
    f"{OPEN} hal can read item 1; anyone cannot read item 1; anyone can read store 1",
    f"{OPEN} state of item 1 is shown; anyone can read item 1; anyone cannot update item 1",
    f"{OPEN} state of item 1 is shown; anyone cannot read price of item 1; hal can read price of item 1",
    f"{OPEN} hal can set name of item 1; hal cannot set price of item 1; mary can set price of item 1",
    f"{OPEN} state of item 1 is shown; hal cannot update item 1; mary can update item 1",
    f"{OPEN} hal can set state of item 1 to shown; hal cannot set state of item 1 to sold",
    f"{OPEN} state of item 1 is shown; engine can set state of item 1 to sold; mary cannot",
    # locks
    "mary owns store 1; mary can set open of store 1 to yes; mary cannot set name of store 1; mary can update store 1",
    "mary owns store 1; item 1 is in store 1; mary cannot update item 1; mary cannot create item in store 1",
    "mary can read item 3 in store 1; mary cannot delete item 3",
    # deletion and what is kept
    f"{OPEN} author of item 1 is hal; hal can delete item 1",
    f"{OPEN} author of item 1 is bob; hal cannot delete item 1",
    "mary owns store 1; open of store 1 is yes; deed 1 is in store 1; mary cannot delete store 1",
    # sharing, members, moving, handing over
    "mary owns store 1; max is manager of store 1; max can share store 1 as manager; max can share store 1 as helper",
    "hal is helper of store 1; hal cannot share store 1; hal cannot read members of store 1",
    "mary can transfer store 1; mary can read members of store 1; bob cannot",
    "mary owns store 1; mary owns store 2; open of store 1 is yes; open of store 2 is yes; item 1 is in store 1; "
    "mary can move item 1 to store 2",
    "mary owns store 1; open of store 1 is yes; item 1 is in store 1; mary cannot move item 1 to store 2",
    # staff, accounts in fields, dates, references
    "carl is staff.clerk; jo is staff.judge; carl and jo can read item 1; bob cannot",
    "by of item 1 is zoe; until of item 1 is future; zoe can read item 1",
    "by of item 1 is zoe; until of item 1 is past; zoe cannot read item 1",
    "by of item 1 is zoe; until of item 1 is empty; zoe cannot read item 1",
    f"{OPEN} twin of item 1 is item 2; hal can read item 1; state of item 2 is draft; item 2 is in store 2; "
    "hal cannot read twin of item 1",
    # creating: judged as if it were there
    f"{OPEN} hal cannot create item 2 in store 1; mary can",
    f"{OPEN} max is manager of store 1; max can create an item in store 1; bob cannot create an item in store 1",
]


@pytest.mark.parametrize("sentences", TRUE)
def test_what_is_true_is_not_told(sentences: str) -> None:
    assert [problem.message for problem in told(sentences)] == []


FALSE = [
    ("mary can read item 3; ⟦bob can", "`bob can read item 3` is not true: no grant of `open` holds (line 30: "),
    ("mary can read item 3; ⟦mary cannot", "allowed by line 30: `owner` (owner of item 3)"),
    (f"{OPEN} ⟦hal can delete store 1", "no grant of `delete` holds (line 13: `owner`)"),
    (f"{OPEN} ⟦hal can set price of item 1", "no grant of `update of price` holds"),
    (f"{OPEN} max is manager of store 1; ⟦max can create deed in store 1", "`create` holds (line 38: `owner`)"),
    ("⟦mary can delete item 1", "This record, or one above it, is locked."),
    ("mary owns store 1; open of store 1 is yes; deed 1 is in store 1; ⟦mary can delete store 1", "something kept is below it"),
    ("mary owns store 1; max is manager of store 1; hal is helper of store 1; ⟦hal can share store 1 as manager", "no grant of `share` holds"),
    (f"{OPEN} twin of item 1 is item 2; item 2 is in store 2; ⟦hal can read twin of item 1", "cannot be read, so it shows null"),
    ("⟦anyone can create store", "only an account can have a record of its own"),
    ("mary owns store 1; ⟦mary can create item in store 1", "A record above this one is locked."),
]  # fmt: skip


@pytest.mark.parametrize(("sentences", "words"), FALSE)
def test_what_is_not_true_is_told_at_its_place_with_the_reason(sentences: str, words: str) -> None:
    (problem,) = told(sentences.replace("⟦", ""))
    assert (problem.line, problem.column) == (SHOP.count("\n") + 2, 5 + sentences.index("⟦"))
    assert words in problem.message
    assert problem.message.endswith("Correct the example, or the rule.")


MISTAKES = [
    ("⟦mary owns store 1", "claims nothing", "mary can read note 3"),
    ("mary can ⟦raed item 1", "`raed` is no action", "Did you mean `read`?"),
    ("mary can read ⟦itm 1", "`itm` is no resource", "Did you mean `item`?"),
    ("mary can read ⟦nam of item 1", "`nam` is no field of `item`", "Did you mean `name`?"),
    ("mary can read item⟦", "ends too early", "as in `item 1`"),
    ("⟦store can read item 1", "`store` is a resource, not a person", "Write a name"),
    ("⟦Mary can read item 1", "`Mary` is nobody's name", "lower-case"),
    ("mary can ⟦not read item 1", "`not` is not expected here", "Write `cannot`"),
    ("mary cannot⟦", "do what?", "mary can read note 3"),
    ("mary is ⟦boss of store 1; mary can read store 1", "`boss` is no role of `store`", "Write `manager` or `helper`."),
    ("mary is ⟦helper of item 1; mary can read item 1", "`helper` is no role of `item`", "It is one of `store`."),
    ("mary is ⟦staff.boss; mary can read store 1", "`boss` is no staff role", "Write `judge` or `clerk`."),
    ("item 1 is in ⟦item 2; mary can read item 1", "is not what `item` is in", "Write `in store …`."),
    ("store 1 is in ⟦item 2; mary can read item 2", "is not what `store` is in", "mary owns store 1"),
    ("state of item 1 is ⟦hidden; mary can read item 1", "`hidden` is no value", "Write `draft`"),
    ("until of item 1 is ⟦2026-01-01; mary can read item 1", "something else tomorrow", "`past`, `future`"),
    ("twin of item 1 is ⟦store 1; mary can read item 1", "refers to a `item`", "Write one."),
    ("mary can ⟦set author of item 1", "written by the engine", "Remove this"),
    ("mary can set state of item 1⟦", "has steps, so say which", "to sold"),
    ("mary can ⟦share item 1", "`share` is no action on `item`", "roles"),
    ("mary can ⟦set item 1", "`set` needs a field", "set title of note 3"),
    ("mary can move item 1⟦", "ends too early", "to notebook 2"),
    ("mary can read item 1 ⟦now", "`now` is not expected here", "Begin another sentence with `;`"),
    ("mary ⟦has item 1; mary can read item 1", "`has` is not expected here", "owns"),
    ("mary owns store 1; item 1 is in store 1; ⟦bob owns item 1; mary can read item 1", "is `mary`'s already", "Correct it."),
    ("item 1 is in store 1; ⟦item 1 is in store 2; mary can read item 1", "is in `store 1` already", "Correct it."),
]  # fmt: skip


@pytest.mark.parametrize(("sentences", "words", "fix"), MISTAKES)
def test_a_sentence_that_makes_no_sense_is_told_at_the_word(sentences: str, words: str, fix: str) -> None:
    try:
        found = told(sentences.replace("⟦", ""))
    except SpecificationInvalid as invalid:
        found = invalid.problems
    (problem,) = found
    assert words in problem.message
    assert fix in problem.message
    text = sentences.replace("⟦", "")
    at = 5 + sentences.index("⟦")
    assert problem.line == SHOP.count("\n") + 2
    assert problem.column == at, text


def test_a_mistake_elsewhere_is_not_told_twice() -> None:
    text = SHOP.replace("  deed:\n", "  Deed:\n") + "examples: [mary can read deed 1, mary can read item 1]\n"
    with pytest.raises(SpecificationInvalid) as invalid:
        parse(text)
    assert len(invalid.value.problems) == 2  # `Deed` is no name, and `deed` no resource
