"""The six examples, and each word of the language, mean what `docs/language.md` says."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.specification_file import load, parse
from domain.specification.model import (
    AccountField,
    Answer,
    Anyone,
    Can,
    Condition,
    Engine,
    Field,
    Hop,
    Kind,
    Ladder,
    Links,
    Lock,
    Owner,
    Place,
    Role,
    SignedIn,
    Specification,
    Staff,
    Through,
)
from domain.specification.model import Test as Compare
from domain.specification.text import plural
from tests.domain.specification.mistakes import HEAD, base, update

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def example() -> Callable[[str], Specification]:
    return lambda name: load(EXAMPLES / name)


def who(spec: Specification, resource: str, action: str) -> list[tuple[object, ...]]:
    return [grant.who for grant in spec.resources[resource].can[action]]


def field(type_text: str) -> Field:
    return parse(base(fields=f"extra: {type_text}")).resources["task"].fields["extra"]


@pytest.mark.parametrize(
    ("name", "resources"),
    [
        ("notes", {"notebook": None, "note": "notebook", "comment": "note", "bookmark": None}),
        ("market", {"listing": None, "order": None, "message": "order", "review": "order"}),
        ("tracker", {"workspace": None, "project": "workspace", "task": "project"}),
        ("clinic", {"clinic": None, "patient": "clinic", "appointment": "patient", "note": "patient"}),
        ("conduit", {"profile": None, "article": "profile", "comment": "article", "favorite": None}),
        ("invoices", {"business": None, "client": "business", "invoice": "business", "line": "invoice"}),
    ],
)
def test_the_examples_load(
    example: Callable[[str], Specification], name: str, resources: dict[str, str | None]
) -> None:
    spec = example(name)
    assert spec == load(str(EXAMPLES / name / "freehold.yaml"))
    assert (spec.app, spec.version, spec.major) == (name, "1.0.0", 1)
    assert {r.name: r.parent for r in spec.resources.values()} == resources
    assert all(r.plural == plural(r.name) for r in spec.resources.values())


def test_notes(example: Callable[[str], Specification]) -> None:
    spec = example("notes")
    notebook, note = spec.resources["notebook"], spec.resources["note"]
    up = (Hop("notebook", "notebook"),)
    assert notebook.ladder == Ladder(("editor", "viewer"))
    assert notebook.links == Links("viewer", timedelta(days=30))
    assert [(u.fields, u.per, u.place) for u in notebook.unique] == [(("title",), "owner", Place(10, 13))]
    assert notebook.limit == 200
    assert notebook.locked == Lock((Condition((), "archived", Compare.IS, (True,)),), ("archived",))
    assert who(spec, "notebook", "create") == [(SignedIn(),)]
    assert who(spec, "notebook", "read") == [(Owner(),), (Role((), "notebook", "viewer", ("editor", "viewer")),)]
    assert note.fields["audience"].values == ("members", "link_only", "everyone")
    assert note.fields["audience"].initial == "members"
    assert note.fields["author"].kind is Kind.CREATOR
    assert who(spec, "note", "read") == [(Can("read", up),), (Anyone(),)]
    assert who(spec, "note", "update") == [(Owner(),), (Role(up, "notebook", "editor", ("editor",)),)]
    (opened,) = note.can["open"]
    assert (opened.text, opened.place) == ("anyone when audience is link_only", Place(30, 13))
    assert opened.when == (Condition((), "audience", Compare.IS, ("link_only",)),)
    assert note.rule("open") == note.can["open"] + note.can["read"]
    (_, deleted) = note.can["delete"]
    assert deleted.who == (AccountField((), "author"), Role(up, "notebook", "editor", ("editor",)))
    assert deleted.text == "author and editor"
    two = (Hop("note", "note"), Hop("notebook", "notebook"))
    assert who(spec, "comment", "read") == [(Can("read", two),)]
    assert spec.resources["bookmark"].fields["note"].target == "note"


def test_market(example: Callable[[str], Specification]) -> None:
    spec = example("market")
    order = spec.resources["order"]
    assert spec.staff == Ladder(("mediator",))
    assert order.keep
    seller = order.fields["seller"]
    assert (seller.kind, seller.path, seller.copied) == (Kind.COPY, (Hop("listing", "listing"),), "owner")
    assert order.fields["price"].copied == "price"
    assert spec.value_field("order", "price").kind is Kind.DECIMAL
    assert who(spec, "order", "read")[2] == (Staff("mediator", ("mediator",)),)
    assert [g.only for g in order.can["update"]] == [("ship_to",), ("tracking",)]
    assert order.can["update"][0].when[0].values == ("asked", "accepted")
    assert order.fields["tracking"].optional
    assert not order.fields["ship_to"].optional
    assert order.fields["ship_to"].read is not None
    steps = order.steps["status"]
    assert [(s.before, s.after) for s in steps][:3] == [
        ("asked", "accepted"),
        ("asked", "declined"),
        ("accepted", "paid"),
    ]
    assert steps[2].rule[0].who == (Engine(),)
    path = (Hop("order", "order"),)
    assert who(spec, "message", "create") == [(Owner(),), (AccountField(path, "seller"),)]
    stars = spec.resources["review"].fields["stars"]
    assert (stars.minimum, stars.maximum) == (1, 5)
    assert spec.resources["review"].can["create"][0].when == (Condition(path, "status", Compare.IS, ("received",)),)


def test_tracker(example: Callable[[str], Specification]) -> None:
    spec = example("tracker")
    up = (Hop("project", "project"), Hop("workspace", "workspace"))
    project, task = spec.resources["project"], spec.resources["task"]
    assert task.fields["assignee"].path == up[:1]
    assert (task.fields["assignee"].target, task.fields["assignee"].optional) == ("project", True)
    guest = project.can["read"][3]
    assert guest.who == (Role(up[1:], "workspace", "guest", ("admin", "member", "guest")),)
    assert guest.when[1] == Condition(up[1:], "guests_see_all", Compare.IS, (True,))
    assert guest.when[0] == Condition((), "private", Compare.IS, (False,))
    assert project.unique[0].per == "workspace"
    assert task.can["update"][2].only == ("title",)
    assert task.can["update"][2].who[1] == Role(up, "workspace", "guest", ("admin", "member", "guest"))
    assert task.steps["status"][0].rule[0].who == (AccountField((), "assignee"),)
    assert task.fields["budget"].write is not None


def test_clinic(example: Callable[[str], Specification]) -> None:
    spec = example("clinic")
    patient = spec.resources["patient"]
    assert patient.ladder == Ladder(("lead", "practitioner"), expire=timedelta(days=90))
    assert patient.fields["portal"] == Field("portal", Kind.ACCOUNT, Place(19, 7), optional=True)
    assert patient.can["update"][0].only == ("name", "phone", "portal")
    assert spec.resources["note"].fields["amends"].target == "note"
    up = (Hop("patient", "patient"),)
    assert spec.resources["appointment"].fields["with"].path == up
    assert who(spec, "note", "read")[2] == (AccountField(up, "portal"),)


def test_conduit_and_invoices(example: Callable[[str], Specification]) -> None:
    spec = example("conduit")
    profile = spec.resources["profile"]
    assert profile.ladder == Ladder(("follower",), join_open=True)
    assert [(u.fields, u.per) for u in profile.unique] == [(("username",), "everywhere")]
    assert who(spec, "comment", "create") == [(SignedIn(), Can("read", (Hop("article", "article"),)))]
    assert who(spec, "favorite", "read")[1] == (Can("read", (Hop("article", "article"),)),)
    spec = example("invoices")
    invoice = spec.resources["invoice"]
    assert invoice.locked is not None
    assert invoice.locked.when[0].values == ("sent", "paid", "void")
    assert invoice.locked.excepted == ("private_notes",)
    assert who(spec, "invoice", "read")[2] == (AccountField((Hop("client", "client"),), "portal"),)
    assert spec.resources["client"].can["update"][2].only == ("address",)
    assert [r.name for r in spec.children("business")] == ["client", "invoice"]


# --- words that no example uses ------------------------------------------------------------


def test_the_top_of_the_file() -> None:
    text = (
        "app: a\nversion: 2.10.3\nstaff: boss > clerk\nresources: {a: {owner: account, can: {read: staff.clerk}}}\n"
        "answers:\n  - {question: Q-PUBLIC-PERSONAL, on: a.x, because: it is meant}\n"
        "examples:\n  - mary can read a 3;\n    bob cannot\n"
    )
    spec = parse(text)
    assert (spec.version, spec.major) == ("2.10.3", 2)
    assert who(spec, "a", "read") == [(Staff("clerk", ("boss", "clerk")),)]
    assert spec.answers == (Answer("Q-PUBLIC-PERSONAL", "a.x", "it is meant", Place(6, 16)),)
    (example,) = spec.examples
    assert (example.text, example.facts, example.place) == ("mary can read a 3; bob cannot", (), Place(8, 5))
    assert [str(claim) for claim in example.claims] == ["mary can read a 3", "bob cannot read a 3"]
    assert [claim.place for claim in example.claims] == [Place(8, 5), Place(9, 5)]


def test_what_a_resource_can_say() -> None:
    text = HEAD + (
        "  a:\n    about: A thing.\n    owner: account\n    plural: lots_of_a\n    keep: yes\n"
        "    require_if_match: yes\n    renamed_from: old\n    limit: 3 per owner\n"
        "    roles: {ladder: x > y, join: open, expire: 12 hours}\n    links: {role: y}\n"
    )
    found = parse(text).resources["a"]
    assert (found.about, found.plural, found.keep, found.limit) == ("A thing.", "lots_of_a", True, 3)
    assert (found.require_if_match, found.renamed_from) == (True, "old")
    assert found.ladder == Ladder(("x", "y"), True, timedelta(hours=12))
    assert found.links == Links("y", None)
    assert (found.can, found.fields) == ({}, {})


def test_types_and_options() -> None:
    assert field("text, optional").nullable
    assert field("{type: text, optional}").optional
    assert field("{type: text, optional: no}").required
    assert field("{type: 'text, optional'}").optional
    assert field("yes/no").initial is False
    assert field("json").kind is Kind.JSON
    assert field("{type: text, length: 1 to 120, pattern: '[a-z]+', format: email}").length == (1, 120)
    assert field("one of to do, In-Progress, 3").values == ("to do", "In-Progress", "3")
    assert field('{type: "one of a, b", optional: yes}').initial is None
    assert field('{type: "one of a, b", default: b}').initial == "b"
    assert field("{type: yes/no, default: yes}").default is True
    assert field("{type: text, default: no}").default == "no"
    assert field("{type: text, default: ''}").initial == ""
    assert field("{type: integer, default: 0}").default == 0
    assert field("{type: number, default: 1e3, min: 0.5}").minimum == 0.5
    assert field("{type: decimal, places: 2, max: 99.90}").maximum == Decimal("99.90")
    assert field("{type: date, min: 2026-01-01}").minimum == date(2026, 1, 1)
    assert field("{type: time, max: 2026-01-01T00:00:00+01:00}").maximum == datetime(2025, 12, 31, 23, tzinfo=UTC)
    nested = field("{type: json, default: {a: [1, 2.5, yes, true, 'true', null]}}")
    assert nested.default == {"a": [1, 2.5, "yes", True, "true", None]}
    assert field("{type: client, when_gone: block, about: Who pays., renamed_from: payer}").when_gone == "block"
    assert field("copy of client.owner").copied == "owner"
    assert field("copy of project.title").path == (Hop("project", "project"),)
    assert field("{type: creator, read: owner}").by_engine
    assert field("{type: text, read: [owner, lead], write: owner}").write is not None


def test_member_of_leads_to_a_record_above_or_a_required_reference() -> None:
    assert field("member of project").path == (Hop("project", "project"),)
    assert field("member of client").path == (Hop("client", "client"),)
    text = base(extra="visit: {owner: account, fields: {of: client, guest: member of client}}")
    visit = parse(text).resources["visit"]
    assert (visit.fields["guest"].path, visit.fields["guest"].target) == ((Hop("of", "client"),), "client")


def test_who_by_longer_ways() -> None:
    lead = Role((Hop("client", "client"), Hop("project", "project")), "project", "lead", ("lead",))
    for text, expected in (
        ("client.project.lead", lead),
        ("task.helper", Role((), "task", "helper", ("helper",))),
        ("task.reporter", AccountField((), "reporter")),
        ("task.owner", Owner()),
        ("project.owner", Owner((Hop("project", "project"),))),
        ("spare.owner", Owner((Hop("spare", "client"),))),
        ("project.boss", AccountField((Hop("project", "project"),), "boss")),
        ("whoever can update client", Can("update", (Hop("client", "client"),))),
    ):
        assert who(parse(update(text)), "task", "update") == [(expected,)], text


def test_a_role_on_a_container_through_a_link_record() -> None:
    tie = "tie: {owner: account, fields: {job: task, from: project}}"
    found = parse(base(can="open: member through tie.from", extra=tie))
    expected = Through("tie", "job", Hop("from", "project"), "member", ("lead", "member"))
    assert who(found, "task", "open") == [(expected,)]
    below = "tie: {owner: task, fields: {from: project}}"
    with pytest.raises(Exception, match="record above"):  # a tie below the task has `project` above it already
        parse(base(can="open: member through tie.project", extra="tie: {owner: task, fields: {project: project}}"))
    found = parse(base(can="open: lead through tie.from", extra=below))
    assert who(found, "task", "open") == [(Through("tie", "task", Hop("from", "project"), "lead", ("lead",)),)]
    album = (
        "photo: {owner: account, can: {read: viewer through item.album}}\n"
        "album: {owner: account, roles: viewer}\n"
        "item: {owner: album, fields: {photo: photo}}"
    )
    expected = Through("item", "photo", Hop("album", "album"), "viewer", ("viewer",))
    assert who(parse(base(extra=album)), "photo", "read") == [(expected,)]


def test_conditions() -> None:
    up = (Hop("project", "project"),)
    for text, expected in (
        ("size is 3 or -4", Condition((), "size", Compare.IS, (3, -4))),
        ("title is hello world or past", Condition((), "title", Compare.IS, ("hello world", "past"))),
        ("title is past", Condition((), "title", Compare.IS, ("past",))),
        ("due is past", Condition((), "due", Compare.PAST)),
        ("due is future", Condition((), "due", Compare.FUTURE)),
        ("data is set", Condition((), "data", Compare.SET)),
        ("spare is empty", Condition((), "spare", Compare.EMPTY)),
        ("project.private is no", Condition(up, "private", Compare.IS, (False,))),
        ("task.open is yes", Condition((), "open", Compare.IS, (True,))),
        ("client.project.title is x", Condition((Hop("client", "client"), *up), "title", Compare.IS, ("x",))),
    ):
        (grant,) = parse(update(f"owner when {text}")).resources["task"].can["update"]
        assert grant.when == (expected,), text


def test_words_of_the_language_can_be_names_of_fields() -> None:
    fields = "when: date\nonly: text\nand: account\nis: yes/no\nper: text\nwith: text\nnumber: integer\ntext: text"
    can = "update: and and and only only, when when when is past and is is yes"
    found = parse(base(fields=fields, can=can, rest="unique: per per owner")).resources["task"]
    (grant,) = found.can["update"]
    assert grant.who == (AccountField((), "and"), AccountField((), "and"))
    assert grant.only == ("only", "when")
    assert grant.when == (Condition((), "when", Compare.PAST), Condition((), "is", Compare.IS, (True,)))
    assert found.unique[0].fields == ("per",)


def test_forms_of_writing() -> None:
    for text in ("owner   only title,size", '"owner only title, size"', ">-\n  owner only\n  title, size"):
        (grant,) = parse(update(text)).resources["task"].can["update"]
        assert (grant.only, grant.text) == (("title", "size"), "owner only title, size"), text
    task = parse(base(rest="unique:\n  - title, size per project\n  - title per client\n  - size per owner")).resources[
        "task"
    ]
    assert [(u.fields, u.per) for u in task.unique] == [
        (("title", "size"), "project"),
        (("title",), "client"),
        (("size",), "owner"),
    ]
    task = parse(base(rest="locked: when status is doing or done and open is yes, except title, size")).resources[
        "task"
    ]
    assert task.locked is not None
    assert len(task.locked.when) == 2
    assert task.locked.excepted == ("title", "size")
    assert parse(base(can="update: [owner, reporter only title]")).resources["task"].can["update"][1].only == ("title",)
    assert parse(base().replace("\n", "\r\n")).app == "tried"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("note", "notes"),
        ("category", "categories"),
        ("day", "days"),
        ("person", "people"),
        ("sales_person", "sales_people"),
        ("box", "boxes"),
        ("address", "addresses"),
        ("branch", "branches"),
        ("analysis", "analyses"),
        ("series", "series"),
        ("video", "videos"),
    ],
)
def test_plurals(name: str, expected: str) -> None:
    assert plural(name) == expected
