"""Invitations and offers: who may make one, how long it counts, what it gives, and what changes with an owner."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import invitation as invitations
from domain import offer as offers
from domain.errors import Conflict
from domain.invitation import Invitation
from domain.judging import may_give, may_invite, may_offer, may_put_membership, sharing_cap
from domain.membership import Membership, longest, within
from domain.offer import Offer
from domain.ownership import ANONYMOUS, ENGINE, Actor, Facts, may
from domain.snapshot import Snapshot, unique_key
from domain.specification.model import Ladder
from tests.domain.small import BOB, CAROL, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.ownership.worlds import INSTANT, NOW, World

SOME_TIME = st.timedeltas(INSTANT, timedelta(days=90))
MOMENTS = st.one_of(st.none(), SOME_TIME.map(lambda later: NOW + later))


def invited(role: str = "reader", by: Actor = MARY, ends: datetime | None = None) -> Invitation:
    """An invitation of Bob's to a box."""
    return Invitation.of("i", "box", "box", "bob@example.org", role, str(by.account), NOW, ends, "bob")


# --- how long it counts, and for whom ------------------------------------------------------


@PROPERTY
@given(MOMENTS, SOME_TIME)
def test_an_invitation_waits_thirty_days_and_no_longer_than_what_it_gives(
    ends: datetime | None, later: timedelta
) -> None:
    made, then = invited(ends=ends), NOW + later
    assert made.waits(then) == (later < timedelta(days=30) and (ends is None or then < ends))
    assert made.expires_at == ends


@PROPERTY
@given(SOME_TIME)
def test_an_offer_waits_thirty_days(later: timedelta) -> None:
    assert Offer.of("o", "box", "box", "mary", "bob", NOW).waits(NOW + later) == (later < timedelta(days=30))


def test_both_end_at_the_very_instant() -> None:
    made = invited(), Offer.of("o", "box", "box", "mary", "bob", NOW)
    for each, lifetime in zip(made, (invitations.LIFETIME, offers.LIFETIME), strict=True):
        assert (each.waits(NOW + lifetime - INSTANT), each.waits(NOW + lifetime)) == (True, False)


@PROPERTY
@given(MOMENTS, st.one_of(st.none(), SOME_TIME), SOME_TIME)
def test_a_membership_ends_as_was_asked_and_as_its_ladder_says_when_it_is_accepted(
    asked: datetime | None, expire: timedelta | None, later: timedelta
) -> None:
    ladder, then = Ladder(("keeper", "reader"), expire=expire), NOW + later
    got = invited(ends=asked).membership(ladder, "eve", then)
    assert (got.resource, got.record, got.account, got.role) == ("box", "box", "eve", "reader")
    ends = [end for end in (asked, longest(ladder, then)) if end is not None]
    assert got.expires_at == (min(ends) if ends else None)
    assert got.live(then) or not invited(ends=asked).waits(then), "what is accepted in time counts"


@pytest.mark.parametrize(
    ("account", "token", "own"),
    [
        ("bob", None, True),
        ("bob", "x", True),
        ("eve", "t", True),
        ("eve", None, False),
        ("eve", "x", False),
        (None, "t", True),
        (None, None, False),
    ],
)
def test_it_is_for_its_account_and_for_whoever_has_the_letter(
    account: str | None, token: str | None, own: bool
) -> None:
    assert replace(invited(), hash="t").is_for(account, token) is own


def test_what_is_nobodys_yet_and_has_no_letter_is_for_nobody() -> None:
    nobodys = replace(invited(), account=None)
    assert not any(nobodys.is_for(account, token) for account in ("bob", None) for token in ("t", None))


# --- who may make one ----------------------------------------------------------------------

BOXES = """
resources:
  shelf:
    owner: account
    roles: boss
    fields: {open: yes/no}
    can: {create: signed in, read: [owner, boss], transfer: [owner when open is yes, boss]}
  box:
    owner: shelf
    roles: head > keeper > reader
    fields: {text: text}
    can: {create: owner, read: [owner, reader, boss], share: [boss, keeper, engine]}
"""


@pytest.fixture
def boxes() -> Small:
    """Mary's shelf with a box, which Bob keeps and Carol reads."""
    small = Small(BOXES)
    small.put("shelf", "shelf", MARY, open=True)
    small.put("box", "box", "shelf")
    small.give(BOB, "keeper", "box")
    small.give(CAROL, "reader", "box")
    return small


def test_one_invites_to_what_one_may_give(boxes: Small) -> None:
    def roles(actor: Actor) -> list[str]:
        every = ("head", "keeper", "reader", "gone")
        return [role for role in every if may_invite(actor, boxes.at("box"), invited(role, actor))]

    assert {name: roles(actor) for name, actor in (("mary", MARY), ("bob", BOB), ("carol", CAROL))} == {
        "mary": [],  # the owner has what is written, and here that is no `share`
        "bob": ["keeper", "reader"],
        "carol": [],
    }
    boxes.give(CAROL, "boss", "shelf")
    assert roles(CAROL) == ["head", "keeper", "reader"]


def test_nobody_invites_in_anothers_name_and_neither_the_engine_nor_nobody_in_any(boxes: Small) -> None:
    box = boxes.at("box")
    assert not may_invite(BOB, box, invited(by=CAROL))
    assert may_give(ENGINE, box, "reader"), "it takes back what waits"
    for actor in (ENGINE, ANONYMOUS):
        assert not may_invite(actor, box, invited(by=BOB))
        assert not may_invite(actor, box, replace(invited(), inviter="None"))


def test_one_offers_what_one_may_hand_over_and_in_ones_own_name(boxes: Small) -> None:
    boxes.give(CAROL, "boss", "shelf")

    def givers() -> list[str]:
        made = [Offer.of("o", "shelf", "shelf", str(by.account), "eve", NOW) for by in (MARY, BOB, CAROL)]
        return [each.giver for each in made if may_offer(Actor(each.giver), boxes.at("shelf"), each)]

    assert givers() == ["mary", "carol"]
    assert not may_offer(MARY, boxes.at("shelf"), Offer.of("o", "shelf", "shelf", "carol", "eve", NOW))
    boxes.put("shelf", "shelf", MARY, open=False)
    assert givers() == ["carol"]


@PROPERTY
@given(RANDOMS)
def test_who_invites_could_make_a_member_at_once(random: Random) -> None:
    """One right and one cap for both, whoever asks; what could not be given is neither made nor taken back."""
    world = some_world(random)
    for facts in world.every():
        ladder = facts.resource.ladder
        for actor in world.everybody if ladder is not None else ():
            for role in (*ladder.roles, "gone") if ladder is not None else ():
                new = Membership(facts.resource.name, facts.record.id, "somebody", role, None)
                gives = may_give(actor, facts, role)
                assert gives == may_put_membership(actor, facts, new, None)
                assert not gives or within(ladder, role, sharing_cap(actor, facts))
                made = replace(invited(role), inviter=actor.account or facts.record.owner)
                assert may_invite(actor, facts, made) == (gives and actor.account is not None)


@PROPERTY
@given(RANDOMS)
def test_whoever_could_not_open_a_record_neither_gives_nor_offers_it(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        for actor in world.everybody:
            if not may("open", actor, facts):
                ladder = facts.resource.ladder
                assert not any(may_give(actor, facts, role) for role in (ladder.roles if ladder else ()))
                assert not may_offer(actor, facts, replace(_offered(facts), giver=str(actor.account)))


def _offered(facts: Facts) -> Offer:
    return Offer.of("o", facts.resource.name, facts.record.id, facts.record.owner, "eve", NOW)


# --- a new owner ---------------------------------------------------------------------------


def handed(world: World) -> Iterator[tuple[Snapshot, Offer, Snapshot | None]]:
    """Each offer of a world, with everything before, and as it would be: None where something is in the way."""
    for offer in world.state.offers.values():
        if offer.recipient in world.accounts:
            before, after = (world.state.copy().at(world.specification, NOW) for _ in range(2))
            try:
                after.hand_over(offer)
            except Conflict:
                yield before, offer, None
            else:
                yield before, offer, after


def below(snapshot: Snapshot, offer: Offer) -> set[str]:
    """The ids of the record and of all below it, asked of every record."""
    return {at.record.id for at in snapshot.every() if offer.record in [above.record.id for above in at.above()]}


@PROPERTY
@given(RANDOMS)
def test_a_record_and_all_below_it_become_the_recipients_and_nothing_else_changes(random: Random) -> None:
    for before, offer, after in handed(some_world(random)):
        if after is None:
            continue
        carried = below(before, offer)
        for facts in before.every():
            was = facts.record
            expected = replace(was, owner=offer.recipient) if was.id in carried else was
            if was.id == offer.record:
                expected = replace(expected, updated_at=NOW)
            assert after.record(was.resource, was.id) == expected
        assert below(after, offer) == carried
        assert after.accounts == before.accounts


@PROPERTY
@given(RANDOMS)
def test_giver_former_owner_and_recipient_keep_no_role_and_no_link_stays(random: Random) -> None:
    """On what changes hands. The roles of others stay, and so does what waits for somebody; this offer ends."""
    for before, offer, after in handed(some_world(random)):
        if after is None:
            continue
        carried, owner = below(before, offer), before.records[offer.resource][offer.record].owner
        ended = {offer.giver, offer.recipient, owner}
        left = {key: each for key, each in before.memberships.items() if key[0] not in carried or key[1] not in ended}
        assert after.memberships == left
        assert not any(after.role(record, account) for record in carried for account in ended)
        assert after.links == {key: each for key, each in before.links.items() if each.record not in carried}
        assert after.invitations == before.invitations
        assert after.offers == {key: each for key, each in before.offers.items() if key != offer.id}


@PROPERTY
@given(RANDOMS)
def test_limits_and_uniqueness_hold_for_the_recipient(random: Random) -> None:
    """What is in the way is something that the new owner would have too many of, or twice."""
    for before, offer, after in handed(some_world(random)):
        wanted, carried = before.copy(), below(before, offer)
        for facts in before.every():
            if facts.record.id in carried:
                wanted.put(replace(facts.record, owner=offer.recipient))
        assert (after is None) == collides(wanted)


def collides(snapshot: Snapshot) -> bool:
    """Whether an owner has too many of something, or two records the same of what is unique."""
    for resource in snapshot.specification.resources.values():
        records = snapshot.records[resource.name].values()
        owners = [record.owner for record in records]
        if resource.limit is not None and any(owners.count(owner) > resource.limit for owner in owners):
            return True
        for unique in resource.unique:
            keys = [key for record in records if (key := unique_key(resource, unique, record)) is not None]
            if len(keys) != len(set(keys)):
                return True
    return False
