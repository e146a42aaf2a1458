"""Rules decided over facts: every form of `who`, every condition, reasons, and what holds in every world."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given

from domain.judging import sharing_cap
from domain.membership import Membership
from domain.ownership import (
    ANONYMOUS,
    ENGINE,
    Actor,
    Facts,
    decide,
    matching,
    may,
    may_read_field,
    seen,
    view,
    visible_reference,
)
from domain.specification.model import (
    ACTIONS,
    Anyone,
    Can,
    Engine,
    Grant,
    Hop,
    Kind,
    Role,
    Rule,
    SignedIn,
    Staff,
    Through,
    Who,
)
from tests.domain.small import BOB, CAROL, MARY, PROPERTY, RANDOMS, Small, some_world
from tests.ownership.worlds import DAY, INSTANT, NOW, World

EVERYBODY = (MARY, BOB, CAROL, ANONYMOUS, ENGINE)

FOLDERS = """
staff: judge > clerk
resources:
  folder:
    owner: account
    roles: editor > viewer
    fields: {name: text, boss: account, open: yes/no}
    can: {create: signed in, read: viewer}
  paper:
    owner: folder
    roles: author > critic
    fields:
      helper: {type: account, optional: yes}
      by: creator
      about: {type: folder, optional: yes}
      size: {type: integer, optional: yes}
      kind: one of plain, secret
      day: {type: date, optional: yes}
      ends: {type: time, optional: yes}
    can: {create: owner, read: GRANT, update: owner}
  shelf:
    owner: account
    roles: keeper > guest
    fields: {name: text}
    can: {create: signed in, read: owner}
  item:
    owner: shelf
    fields: {paper: {type: paper, when_gone: delete}}
    can: {create: owner, read: owner}
"""


def folders(grant: str) -> tuple[Small, Facts]:
    """Mary's folder with a paper, which is read by one grant: Bob helps, Carol wrote it and is the folder's boss."""
    small = Small(FOLDERS.replace("GRANT", grant))
    small.put("folder", "folder", MARY, boss="carol")
    small.put("folder", "other", BOB, boss="bob")
    return small, small.put("paper", "paper", "folder", helper="bob", by="carol")


def readers(small: Small) -> set[str]:
    """Who reads the paper."""
    names = {MARY: "mary", BOB: "bob", CAROL: "carol", ANONYMOUS: "nobody", ENGINE: "engine"}
    return {names[actor] for actor in EVERYBODY if may("read", actor, small.at("paper"))}


# --- who -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("owner", {"mary"}),
        ("folder.owner", {"mary"}),
        ("helper", {"bob"}),
        ("by", {"carol"}),
        ("folder.boss", {"carol"}),
        ("signed in", {"mary", "bob", "carol"}),
        ("anyone", {"mary", "bob", "carol", "nobody"}),
        ("engine", {"engine"}),
        ("about.owner", set()),
        ("helper and by", set()),
        ("signed in and by", {"carol"}),
    ],
)
def test_who(grant: str, expected: set[str]) -> None:
    small, _ = folders(grant)
    assert readers(small) == expected


@pytest.mark.parametrize(
    ("grant", "role", "on", "held"),
    [
        ("author", "author", "paper", True),
        ("critic", "author", "paper", True),
        ("author", "critic", "paper", False),
        ("viewer", "editor", "folder", True),
        ("folder.editor", "viewer", "folder", False),
        ("viewer", "editor", "other", False),
        ("about.viewer", "viewer", "other", True),
        ("about.viewer", "viewer", "folder", False),
    ],
)
def test_a_role_counts_on_its_record_and_from_its_strength_up(grant: str, role: str, on: str, held: bool) -> None:
    small, _ = folders(grant)
    small.put("paper", "paper", "folder", about="other")
    small.give(CAROL, role, on)
    assert readers(small) == ({"carol"} if held else set())


@pytest.mark.parametrize(("role", "held"), [("judge", True), ("clerk", True), (None, False)])
def test_staff_roles_are_instance_wide_and_need_to_be_named(role: str | None, held: bool) -> None:
    small, _ = folders("staff.clerk")
    if role is not None:
        small.staff(BOB, role)
    assert readers(small) == ({"bob"} if held else set())
    silent, _ = folders("owner")
    silent.staff(BOB, "judge")
    assert readers(silent) == {"mary"}


@pytest.mark.parametrize(
    ("role", "tied", "held"), [("keeper", True, True), ("guest", True, False), ("keeper", False, False)]
)
def test_through_a_link_record_a_container_opens_what_it_ties(role: str, tied: bool, held: bool) -> None:
    small, _ = folders("keeper through item.shelf")
    small.put("shelf", "shelf", MARY)
    small.put("paper", "another", "folder")
    small.put("item", "item", "shelf", paper="paper" if tied else "another")
    small.give(BOB, role, "shelf")
    assert readers(small) == ({"bob"} if held else set())


@pytest.mark.parametrize(
    ("action", "held"), [("read", {"bob"}), ("open", {"bob", "engine"}), ("create", {"mary", "bob", "carol"})]
)
def test_whoever_can_asks_the_rule_of_the_record_above(action: str, held: set[str]) -> None:
    small, _ = folders(f"whoever can {action} folder")
    small.give(BOB, "viewer", "folder")
    assert readers(small) == held


def test_whoever_can_do_more_than_see_must_be_able_to_open() -> None:
    text = """
resources:
  box:
    owner: account
    fields: {open: yes/no}
    can: {create: signed in, read: signed in when open is yes, delete: [owner, signed in]}
  thing:
    owner: box
    fields: {name: text}
    can: {create: owner, read: whoever can delete box}
"""
    small = Small(text)
    small.put("box", "shut", MARY)
    small.put("box", "open", MARY, open=True)
    assert not may("read", MARY, small.put("thing", "inside", "shut"))
    assert may("read", BOB, small.put("thing", "outside", "open"))


# --- conditions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "values", "held"),
    [
        ("kind is secret", {"kind": "secret"}, True),
        ("kind is secret", {"kind": "plain"}, False),
        ("size is 1 or 2", {"size": 2}, True),
        ("size is 1 or 2", {"size": 3}, False),
        ("size is 1 or 2", {"size": None}, False),
        ("size is set", {"size": 0}, True),
        ("size is set", {"size": None}, False),
        ("size is empty", {"size": None}, True),
        ("size is empty", {"size": 0}, False),
        ("day is past", {"day": NOW.date() - DAY}, True),
        ("day is past", {"day": NOW.date()}, False),
        ("day is future", {"day": NOW.date() + DAY}, True),
        ("day is future", {"day": NOW.date()}, False),
        ("day is past", {"day": None}, False),
        ("ends is past", {"ends": NOW - INSTANT}, True),
        ("ends is past", {"ends": NOW}, False),
        ("ends is future", {"ends": NOW + INSTANT}, True),
        ("ends is future", {"ends": NOW}, False),
        ("ends is future", {"ends": None}, False),
        ("folder.open is yes", {}, False),
        ("about.open is yes", {"about": "other"}, True),
        ("about.open is no", {"about": None}, False),
        ("about.open is set", {"about": None}, False),
        ("about.open is empty", {"about": None}, True),
        ("about.open is empty", {"about": "other"}, False),
        ("kind is plain and size is set", {"size": 1}, True),
        ("kind is plain and size is set", {"kind": "secret", "size": 1}, False),
    ],
)
def test_a_missing_value_satisfies_no_comparison_but_is_empty(
    condition: str, values: dict[str, Any], held: bool
) -> None:
    small, _ = folders(f"anyone when {condition}")
    small.put("folder", "other", BOB, boss="bob", open=True)
    paper = small.put("paper", "paper", "folder", **values)
    assert may("read", ANONYMOUS, paper).allowed is held


def test_a_reference_to_what_is_gone_is_as_good_as_empty() -> None:
    small, _ = folders("anyone when about.open is empty")
    assert may("read", ANONYMOUS, small.put("paper", "paper", "folder", about="gone"))


# --- semantics -----------------------------------------------------------------------------


def test_an_author_who_loses_membership() -> None:
    """`author` alone remains; `author and editor` goes with the membership."""
    for grant, after in (("by", True), ("by and viewer", False)):
        small, paper = folders(grant)
        small.give(CAROL, "viewer", "folder")
        assert may("read", CAROL, paper)
        small.state.memberships.clear()
        assert may("read", CAROL, paper).allowed is after


def test_404_or_403() -> None:
    """Whoever cannot open may do nothing; whoever can, may do what is granted."""
    _, paper = folders("helper")
    assert decide(paper.resource.rule("update"), MARY, paper)
    assert not may("update", MARY, paper)
    _small, paper = folders("[helper, owner]")
    assert may("update", MARY, paper)
    assert may("open", BOB, paper)
    assert not may("update", BOB, paper)


def test_open_alone_never_lists() -> None:
    small = Small("resources:\n  a:\n    owner: account\n    fields: {b: text}\n    can: {open: anyone, read: owner}\n")
    record = small.put("a", "a", MARY)
    assert [may(action, ANONYMOUS, record).allowed for action in ("open", "read")] == [True, False]
    assert [may(action, MARY, record).allowed for action in ("open", "read")] == [True, True]


def test_a_reference_to_a_record_the_caller_cannot_read() -> None:
    small, _ = folders("anyone")
    paper = small.put("paper", "paper", "folder", about="other")
    assert visible_reference(Hop("about", "folder"), BOB, paper) is None
    small.give(BOB, "viewer", "other")
    assert view(BOB, paper)["about"] == "other"
    assert view(CAROL, paper)["about"] is None


def test_a_parent_the_caller_cannot_open_reads_null_and_owner_is_always_shown() -> None:
    small, paper = folders("anyone")
    assert (view(BOB, paper)["folder"], view(BOB, paper)["owner"]) == (None, "mary")
    small.give(BOB, "viewer", "folder")
    assert view(BOB, paper)["folder"] == "folder"


def test_a_field_the_caller_cannot_read() -> None:
    text = "resources:\n  a:\n    owner: account\n    fields: {b: {type: text, read: owner}}\n    can: {read: anyone}\n"
    record = Small(text).put("a", "a", MARY, b="hidden")
    assert view(MARY, record)["b"] == "hidden"
    assert "b" not in view(BOB, record)
    assert seen("b", BOB, record) is None


def test_time() -> None:
    """One `now`: a membership counts until the very instant of its end."""
    for ends, held in ((None, True), (NOW + INSTANT, True), (NOW, False), (NOW - timedelta(days=9), False)):
        small, paper = folders("viewer")
        small.give(BOB, "viewer", "folder", ends)
        assert may("read", BOB, paper).allowed is held


def test_member_list() -> None:
    text = """
resources:
  a:
    owner: account
    roles: b > c
    fields: {d: text}
    can: {read: [owner, c], members: b}
"""
    small = Small(text)
    record = small.put("a", "a", MARY)
    small.give(BOB, "b", "a")
    small.give(CAROL, "c", "a")
    assert [may("members", actor, record).allowed for actor in (MARY, BOB, CAROL)] == [False, True, False]


def test_handing_over_is_a_right_of_its_own() -> None:
    text = "resources:\n  a:\n    owner: account\n    fields: {b: text}\n    can: {read: anyone, transfer: owner}\n"
    record = Small(text).put("a", "a", MARY)
    assert [may("transfer", actor, record).allowed for actor in (MARY, BOB)] == [True, False]


def test_the_engine_opens_everything_and_appears_only_where_it_is_written() -> None:
    small, paper = folders("owner")
    assert [may(action, ENGINE, paper).allowed for action in ("open", "read", "update")] == [True, False, False]
    assert not decide(paper.resource.rule("open"), ENGINE, paper)
    small = Small(
        "resources:\n  a:\n    owner: account\n    fields: {b: text}\n    can: {read: owner, update: engine}\n"
    )
    assert may("update", ENGINE, small.put("a", "a", MARY))


# --- reasons -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ("owner", "owner of paper paper"),
        ("helper", "helper of paper paper"),
        ("folder.boss", "boss of folder folder"),
        ("viewer", "editor of folder folder"),
        ("keeper through item.shelf", "keeper of shelf shelf, through item item"),
        ("staff.clerk", "staff.judge"),
        ("signed in", "signed in"),
        ("anyone", "anyone"),
        ("owner when kind is plain", "owner of paper paper; kind is"),
        ("whoever can read folder", "can read folder, line 9: `viewer` (editor of folder folder)"),
    ],
)
def test_the_reason_names_grant_line_and_what_satisfied_it(grant: str, reason: str) -> None:
    small, _ = folders(f"[engine, {grant}]")
    small.put("paper", "paper", "folder", helper="mary")
    small.put("folder", "folder", MARY, boss="mary")
    small.put("shelf", "shelf", MARY)
    small.put("item", "item", "shelf", paper="paper")
    small.give(MARY, "editor", "folder")
    small.give(MARY, "keeper", "shelf")
    small.staff(MARY, "judge")
    decision = may("read", MARY, small.at("paper"))
    line = next(i for i, text in enumerate(("app\n" + FOLDERS).split("\n"), 1) if "GRANT" in text)
    assert str(decision.because) == f"line {line}: `{grant}` ({reason})"
    assert may("read", ENGINE, small.at("paper")).because is not None


# --- in every world ------------------------------------------------------------------------


def rules_of(facts: Facts) -> Iterator[Rule]:
    """Every rule that may be asked of a record."""
    resource = facts.resource
    yield from (resource.rule(action) for action in ACTIONS)
    yield from (rule for field in resource.fields.values() for rule in (field.read, field.write) if rule is not None)
    yield from (step.rule for steps in resource.steps.values() for step in steps)


def everybody(world: World) -> tuple[Actor, ...]:
    """Also the engine."""
    return (*world.everybody, ENGINE)


@PROPERTY
@given(RANDOMS)
def test_a_rule_allows_what_one_of_its_grants_allows(random: Random) -> None:
    """So a further grant never takes a right away, and the reason is the first grant that matches."""
    world = some_world(random)
    for facts in world.every():
        for actor in everybody(world):
            for rule in rules_of(facts):
                alone = [bool(decide((grant,), actor, facts)) for grant in rule]
                decision = decide(rule, actor, facts)
                assert decision.allowed == any(alone)
                assert matching(rule, actor, facts) == tuple(g for g, held in zip(rule, alone, strict=True) if held)
                if decision.because is not None:
                    assert decision.because.grant is rule[alone.index(True)]
                    assert len(decision.because.terms) == len(decision.because.grant.who + decision.because.grant.when)


@PROPERTY
@given(RANDOMS)
def test_a_stronger_role_can_do_whatever_a_weaker_one_can(random: Random) -> None:
    world = some_world(random)
    for key, membership in list(world.state.memberships.items()):
        ladder = world.specification.resources[membership.resource].ladder
        assert ladder is not None
        actor, rights = Actor(membership.account), []
        for role in reversed(ladder.roles):
            world.state.memberships[key] = replace(membership, role=role, expires_at=None)
            rights.append({(f.record.id, a) for f in world.every() for a in ACTIONS if may(a, actor, f)})
        assert all(weaker <= stronger for weaker, stronger in itertools.pairwise(rights))
        del world.state.memberships[key]
        without = {(f.record.id, a) for f in world.every() for a in ACTIONS if may(a, actor, f)}
        assert without <= rights[0]
        world.state.memberships[key] = membership


@PROPERTY
@given(RANDOMS)
def test_who_has_no_account_never_equals_an_empty_field(random: Random) -> None:
    """Nobody and the engine match only terms that name no account."""
    world = some_world(random)
    for facts in world.every():
        for rule in rules_of(facts):
            for actor, named in ((ANONYMOUS, Anyone), (ENGINE, Engine), (Actor(link="never made"), Anyone)):
                for grant in matching(rule, actor, facts):
                    assert all(isinstance(who, named | Can) for who in grant.who)


@PROPERTY
@given(RANDOMS)
def test_a_link_does_no_more_than_a_member_with_its_role_and_only_opens_and_reads(random: Random) -> None:
    """And no less than what anyone reads, except by `whoever can` of what a link never can."""
    world = some_world(random)
    asks_more = any(
        isinstance(who, Can) and who.action not in ("open", "read")
        for facts in world.every()
        for rule in rules_of(facts)
        for grant in rule
        for who in grant.who
    )
    for actor in world.everybody:
        if actor.link is None:
            continue
        link = world.state.links.get(actor.link)
        member = Actor("somebody new")
        if link is not None:
            role = Membership(link.resource, link.record, "somebody new", link.role, link.expires_at)
            world.state.memberships[link.record, "somebody new"] = role
        for facts in world.every():
            for action in ACTIONS:
                allowed = may(action, actor, facts)
                assert not allowed or (action in ("open", "read") and may(action, member, facts))
                if action in ("open", "read") and not asks_more:
                    assert allowed or not may(action, ANONYMOUS, facts)
            assert sharing_cap(actor, facts) is None
        world.state.memberships.pop(("" if link is None else link.record, "somebody new"), None)


@PROPERTY
@given(RANDOMS)
def test_what_is_shown_is_what_may_be_read(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        resource, links = facts.resource, facts.resource.parent
        for actor in everybody(world):
            shown = view(actor, facts)
            assert (shown["id"], shown["owner"]) == (facts.record.id, facts.record.owner)
            assert set(shown) - {links} == {"id", "owner", "created_at", "updated_at"} | {
                field.name for field in resource.fields.values() if may_read_field(field, actor, facts)
            }
            for field in resource.fields.values():
                if field.kind is Kind.REFERENCE and shown.get(field.name) is not None:
                    target = facts.hop(Hop(field.name, str(field.target)))
                    assert target is not None
                    assert may("read", actor, target)
                if field.name not in shown:
                    assert seen(field.name, actor, facts) is None
            if links is not None and shown[links] is not None:
                assert may("open", actor, next(above for above in list(facts.above())[1:]))


@PROPERTY
@given(RANDOMS)
def test_reading_is_opening_and_doing_is_opening(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        for actor in everybody(world):
            opens = may("open", actor, facts)
            assert opens or not may("read", actor, facts) or actor.engine
            assert opens or not any(may(action, actor, facts) for action in ACTIONS if action not in ("read", "create"))


@PROPERTY
@given(RANDOMS)
def test_what_an_expired_membership_does_is_nothing(random: Random) -> None:
    world = some_world(random)
    before = {(f.record.id, w) for f in world.every() for w in world.everybody if may("open", w, f)}
    for key, membership in list(world.state.memberships.items()):
        if not membership.live(NOW):
            del world.state.memberships[key]
    assert before == {(f.record.id, w) for f in world.every() for w in world.everybody if may("open", w, f)}


def naive(term: Who, actor: Actor, facts: Facts) -> bool | None:
    """A second opinion on the terms that are answered by one look; None for the others."""
    members = facts.world

    def held(record: str) -> str | None:
        if actor.account is not None:
            return members.role(record, actor.account)
        carried = [role for each in members.specification.resources.values() for role in each.linked_roles]
        role = None if actor.link is None else members.linked(record, actor.link)
        return role if role in carried else None

    match term:
        case Anyone():
            return not actor.engine
        case SignedIn():
            return actor.account is not None
        case Staff(_, roles):
            return actor.account is not None and members.staff(actor.account) in roles
        case Role((), _, _, roles):
            return held(facts.record.id) in roles
        case Through(link, back, container, _, roles):
            ties = members.tying(link, back, facts.record.id)
            return any(held(str(tie.target(container.field))) in roles for tie in ties)
        case _:
            return None


@PROPERTY
@given(RANDOMS)
def test_terms_have_a_second_opinion(random: Random) -> None:
    world = some_world(random)
    for facts in world.every():
        for rule in rules_of(facts):
            for term in {who for grant in rule for who in grant.who}:
                alone: Grant = replace(rule[0], who=(term,), when=())
                for actor in everybody(world):
                    opinion = naive(term, actor, facts)
                    assert opinion is None or opinion == bool(decide((alone,), actor, facts))
