"""What goes with an account and what passes to its tombstone: properties, in random worlds."""

import pytest

from domain.deletion import closing
from domain.ownership import Facts
from tests.application.world import specification
from tests.ownership.worlds import World, draw, specifications

HOUSES = specification("""
resources:
  house:
    owner: account
    roles: host > guest
    fields:
      name: text
      friend: account, optional
      twin: {type: house, optional: yes, when_gone: delete}
    unique: name per owner
    can: {create: signed in, read: [owner, guest], delete: owner, share: owner}
  room:
    owner: house
    roles: tenant
    fields:
      by: creator
      done: yes/no
      next: {type: room, optional: yes, when_gone: delete}
    locked: when done is yes
    can: {create: [owner, guest], read: [owner, guest, tenant], update: owner, delete: owner, share: owner}
  deed:
    owner: room
    keep: yes
    fields:
      text: text
      letter: {type: letter, optional: yes, when_gone: delete}
    can: {create: owner, read: [owner, tenant]}
  stamp:
    owner: deed
    fields: {author: creator, chair: {type: chair, optional: yes, when_gone: block}}
    unique: author per deed
    can: {create: owner, read: owner}
  chair:
    owner: room
    fields: {text: text, deed: {type: deed, optional: yes, when_gone: delete}}
    can: {create: owner, read: owner}
  letter:
    owner: account
    roles: reader
    fields:
      house: {type: house, optional: yes, when_gone: delete}
      host: copy of house.owner
      friend: copy of house.friend
      answers: {type: letter, optional: yes, when_gone: delete}
    can: {create: signed in, read: [owner, reader], delete: owner, share: owner}
  line:
    owner: letter
    fields: {chair: {type: chair, when_gone: block}, deed: deed}
    can: {create: owner, read: owner}
  receipt:
    owner: account
    keep: yes
    fields: {letter: {type: letter, optional: yes, when_gone: delete}, text: text}
    can: {create: signed in, read: owner}
""")
"""something kept in the middle of a tree, and references from and to everything"""


def kept_near(world: World, facts: Facts) -> bool:
    """Whether the record, one above or one below is kept, asked of every record there is."""
    kept = [at for at in world.every() if at.resource.keep]
    own_line = [above.record.id for above in facts.above()]
    return any(at.record.id in own_line or facts.record.id in [above.record.id for above in at.above()] for at in kept)


@pytest.mark.parametrize("name", ["houses", *specifications()])
def test_all_that_an_account_owns_goes_or_passes(name: str) -> None:
    drawn = HOUSES if name == "houses" else specifications()[name]
    for seed in range(12 if name == "houses" else 2):
        world = draw(drawn, seed)
        for account in world.accounts:
            hold(world, account)


def hold(world: World, account: str) -> None:
    """Every property at once."""
    records = {at.record.id: at for at in world.every()}
    owned = {record_id for record_id, at in records.items() if at.record.owner == account}
    gone, passing = closing(records[record_id] for record_id in owned)
    assert owned == {record_id for record_id in gone if record_id in owned} | set(passing)
    assert not set(gone) & set(passing)
    assert all(kept_near(world, at) for at in passing.values())
    assert not any(kept_near(world, at) for at in gone.values())
    for record_id, at in records.items():
        parent = at.record.parent
        follows = [field.name for field in at.resource.references() if field.when_gone == "delete"]
        drawn_along = parent in gone or any(at.record.target(name) in gone for name in follows)
        if record_id in gone:
            assert at.record.owner == account or drawn_along
        else:
            # what stays hangs under what stays: never a record without the one above it
            assert parent not in gone
            assert at.record.owner != account or record_id in passing
            assert not drawn_along or kept_near(world, at)


def test_worlds_have_what_the_properties_speak_of() -> None:
    counts = {"gone": 0, "passing": 0, "following": 0, "gone beside what passes": 0, "refers, but outlives": 0}
    for seed in range(12):
        world = draw(HOUSES, seed)
        for account in world.accounts:
            gone, passing = closing(at for at in world.every() if at.record.owner == account)
            counts["gone"] += len(gone)
            counts["passing"] += len(passing)
            counts["following"] += sum(at.record.owner != account for at in gone.values())
            counts["gone beside what passes"] += sum(at.record.parent in passing for at in gone.values())
            counts["refers, but outlives"] += sum(
                at.resource.name in ("receipt", "deed") and at.record.target("letter") in gone for at in world.every()
            )
    assert min(counts.values()) > 10, counts
