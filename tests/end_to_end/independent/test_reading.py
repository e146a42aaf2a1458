"""The independent reading, held against expectations written by hand for the six examples and a few others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .grammar import UnreadableError, read_specification
from .random_specs import random_specification
from .reading import Answer, Outcome, Query, Reading, canonical_moment, in_order
from .specs import SPECIFICATIONS
from .values import WrongError, canonical, instant, written
from .world import Values, World

EXAMPLES = Path(__file__).parents[3] / "examples"
MARY, BOB, CAROL = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
NOBODY = "00000000-0000-4000-8000-000000000009"


class Play:
    """Plays requests on the model alone, as if the server had answered what was predicted."""

    def __init__(self, text: str) -> None:
        self.world = World(read_specification(text), {MARY: "mary", BOB: "bob", CAROL: "carol"})
        self.reading = Reading(self.world)
        self.expire = timedelta()

    def take(self, prediction: dict[int, Outcome]) -> tuple[int, Any]:
        """Take the one predicted outcome and settle it."""
        ((status, outcome),) = prediction.items()
        now = written(datetime.now(UTC))
        later = written(datetime.now(UTC) + self.expire)
        body: Values = {"id": str(uuid4()), "created_at": now, "updated_at": now, "expires_at": later}
        return status, outcome.settle(Answer(status, {}, body)) if outcome.settle else outcome

    def create(self, who: str | None, resource: str, **body: Any) -> str:
        """Create a record that must be allowed, and return its id."""
        status, record = self.take(self.reading.create(who, self.world.specification.resources[resource], body))
        assert status == 201, record
        return str(record["id"])

    def creating(self, who: str | None, resource: str, **body: Any) -> int:
        """Return the status of a creation, without settling it."""
        return min(self.reading.create(who, self.world.specification.resources[resource], body))

    def get(self, who: str | None, record: str) -> tuple[int, Any]:
        """Fetch a record."""
        return self.take(self.reading.get(who, self._resource(record), record))

    def listed(self, who: str | None, resource: str, **filters: Any) -> list[str]:
        """List ids."""
        query = Query({name: [value] for name, value in filters.items()})
        status, items = self.take(self.reading.listing(who, self.world.specification.resources[resource], query))
        assert status == 200
        return [item["id"] for item in items]

    def patch(self, who: str | None, record: str, **body: Any) -> tuple[int, Any]:
        """Change a record."""
        return self.take(self.reading.update(who, self._resource(record), record, body))

    def delete(self, who: str | None, record: str) -> int:
        """Delete a record."""
        return self.take(self.reading.delete(who, self._resource(record), record))[0]

    def invite(self, who: str, record: str, account: str, role: str) -> int:
        """Add a member."""
        self.expire = self._resource(record).expire or self.expire
        body = {"account": account, "role": role}
        return self.take(self.reading.add_member(who, self._resource(record), record, body))[0]

    def _resource(self, record: str) -> Any:
        return self.world.specification.resources[self.world.records[record].resource]


def example(name: str) -> Play:
    return Play((EXAMPLES / name / "freehold.yaml").read_text("utf-8"))


def test_a_note_is_hidden_until_its_notebook_is_shared() -> None:
    play = example("notes")
    book = play.create(MARY, "notebook", title="alpha")
    note = play.create(MARY, "note", notebook=book, title="one", body="text")
    assert play.get(BOB, note)[0] == 404
    assert play.get(None, note)[0] == 404
    assert play.get(None, book)[0] == 401
    assert play.invite(BOB, book, CAROL, "viewer") == 404
    assert play.invite(MARY, book, BOB, "viewer") == 201
    status, seen = play.get(BOB, note)
    assert (status, seen["owner"], seen["author"], seen["audience"]) == (200, MARY, MARY, "members")
    assert play.patch(BOB, note, title="two")[0] == 403
    assert play.invite(BOB, book, CAROL, "viewer") == 403
    assert play.creating(BOB, "note", notebook=book, title="x", body="x") == 403
    assert play.creating(CAROL, "note", notebook=book, title="x", body="x") == 422
    assert play.creating(None, "note", notebook=book) == 401


def test_link_only_notes_open_by_id_and_never_list() -> None:
    play = example("notes")
    book = play.create(MARY, "notebook", title="alpha")
    note = play.create(MARY, "note", notebook=book, title="one", body="text", audience="link_only")
    status, seen = play.get(None, note)
    assert (status, seen["notebook"]) == (200, None)
    assert play.listed(BOB, "note") == []
    assert play.creating(BOB, "bookmark", note=note) == 422
    assert play.patch(MARY, note, audience="everyone")[0] == 200
    assert play.listed(BOB, "note") == [note]
    bookmark = play.create(BOB, "bookmark", note=note)
    assert play.creating(BOB, "bookmark", note=note) == 409
    assert play.patch(MARY, note, audience="members")[0] == 200
    assert play.get(BOB, bookmark)[1]["note"] is None
    assert play.listed(BOB, "bookmark", note=note) == []
    assert play.delete(MARY, note) == 204


def test_an_archived_notebook_locks_all_below_and_opens_again() -> None:
    play = example("notes")
    book = play.create(MARY, "notebook", title="alpha")
    note = play.create(MARY, "note", notebook=book, title="one", body="text")
    assert play.patch(MARY, book, archived=True)[0] == 200
    assert play.patch(MARY, book, title="bravo")[0] == 403
    assert play.patch(MARY, note, title="two")[0] == 403
    assert play.creating(MARY, "comment", note=note, body="x") == 403
    assert play.delete(MARY, book) == 403
    assert play.invite(MARY, book, BOB, "editor") == 201
    assert play.patch(BOB, book, archived=False, title="alpha")[0] == 200
    assert play.patch(BOB, note, title="two")[0] == 200


def test_moving_needs_both_ends() -> None:
    play = example("notes")
    mine = play.create(MARY, "notebook", title="alpha")
    yours = play.create(BOB, "notebook", title="alpha")
    note = play.create(MARY, "note", notebook=mine, title="one", body="text")
    assert play.patch(MARY, note, notebook=yours)[0] == 422
    assert play.invite(BOB, yours, MARY, "viewer") == 201
    assert play.patch(MARY, note, notebook=yours)[0] == 403
    resource = play.world.specification.resources["notebook"]
    assert play.take(play.reading.change_member(BOB, resource, yours, MARY, {"role": "editor"}))[0] == 200
    status, seen = play.patch(MARY, note, notebook=yours)
    assert (status, seen["owner"], seen["author"]) == (200, BOB, MARY)


def test_tasks_step_only_as_listed() -> None:
    play = example("tracker")
    workspace = play.create(MARY, "workspace", name="alpha")
    project = play.create(MARY, "project", workspace=workspace, key="a", private=True)
    assert play.invite(MARY, project, BOB, "contributor") == 201
    assert play.creating(BOB, "task", project=project, title="x", assignee=CAROL) == 422
    assert play.creating(BOB, "task", project=project, title="x", budget="1.5") == 403
    assert play.creating(BOB, "task", project=project, title="x", status="doing") == 422
    task = play.create(BOB, "task", project=project, title="x", assignee=BOB)
    assert "budget" not in play.get(BOB, task)[1]
    assert play.patch(BOB, task, status="done")[0] == 403
    assert play.patch(BOB, task, status="doing", title="y")[0] == 200
    assert play.patch(MARY, task, status="done")[0] == 403
    assert play.patch(MARY, task, budget="2")[0] == 200
    assert play.listed(BOB, "task", budget="2") == []
    assert play.delete(BOB, task) == 403
    assert play.get(CAROL, task)[0] == 404


def test_a_sent_invoice_stays() -> None:
    play = example("invoices")
    business = play.create(MARY, "business", name="alpha")
    client = play.create(MARY, "client", business=business, name="a", address="x", portal=BOB)
    body = {"business": business, "client": client, "due": "2026-01-01", "private_notes": "x"}
    invoice = play.create(MARY, "invoice", number="1", **body)
    line = play.create(MARY, "line", invoice=invoice, text="x", amount="1.50")
    assert play.creating(MARY, "invoice", number="1", **body) == 409
    assert play.get(BOB, invoice)[0] == 404
    assert play.delete(MARY, client) == 409
    assert play.patch(BOB, client, address="y")[0] == 200
    assert play.patch(BOB, client, address="z", name="b")[0] == 403
    assert play.patch(MARY, invoice, status="sent", number="2")[0] == 200
    assert "private_notes" not in play.get(BOB, invoice)[1]
    assert play.get(BOB, line)[0] == 200
    assert play.patch(MARY, line, amount="2")[0] == 403
    assert play.patch(MARY, invoice, private_notes="y")[0] == 200
    assert play.patch(MARY, invoice, number="3")[0] == 403
    assert play.patch(MARY, invoice, status="paid")[0] == 200
    assert play.delete(MARY, invoice) == 403
    assert play.delete(MARY, business) == 409


def test_an_order_keeps_its_copies_and_no_person_plays_the_engine() -> None:
    play = example("market")
    listing = play.create(MARY, "listing", title="alpha", price="9.50", state="open")
    order = play.create(BOB, "order", listing=listing, ship_to="home")
    status, seen = play.get(MARY, order)
    assert (status, seen["seller"], seen["price"], "ship_to" in seen) == (200, MARY, "9.50", False)
    assert play.creating(BOB, "review", order=order, stars=5) == 403
    assert play.creating(BOB, "review", order=order, stars=6) == 422
    assert play.patch(MARY, order, status="accepted")[0] == 200
    assert play.patch(MARY, order, status="paid")[0] == 403
    assert play.patch(BOB, order, status="paid")[0] == 403
    assert play.patch(BOB, order, ship_to="work")[0] == 200
    assert play.patch(BOB, order, seller=BOB)[0] == 422
    assert play.delete(BOB, order) == 403
    assert play.delete(MARY, listing) == 204
    assert play.get(BOB, order)[1]["listing"] is None
    assert play.get(BOB, order)[1]["price"] == "9.50"


def test_following_is_joining() -> None:
    play = example("conduit")
    profile = play.create(MARY, "profile", username="mary", bio="x", email="mary@example.com")
    assert play.creating(MARY, "profile", username="mary2", bio="x", email="x") == 409
    assert play.creating(BOB, "profile", username="mary", bio="x", email="x") == 409
    assert "email" not in play.get(None, profile)[1]
    body = {"slug": "a", "title": "a", "body": "a", "state": "published", "audience": "followers"}
    article = play.create(MARY, "article", profile=profile, **body)
    resource = play.world.specification.resources["profile"]
    assert play.get(BOB, article)[0] == 404
    assert play.take(play.reading.add_member(BOB, resource, profile, {}))[1]["role"] == "follower"
    assert play.get(BOB, article)[0] == 200
    assert min(play.reading.add_member(BOB, resource, profile, {})) == 409
    assert play.take(play.reading.members(CAROL, resource, profile))[1] == []
    assert len(play.take(play.reading.members(MARY, resource, profile))[1]) == 1
    assert play.take(play.reading.remove_member(BOB, resource, profile, BOB))[0] == 204
    assert play.creating(BOB, "favorite", article=article) == 422
    bad = play.reading.listing(None, resource, Query({"email": ["mary@example.com"]}))
    assert set(bad) == {422}


def test_a_signed_note_is_for_ever() -> None:
    play = example("clinic")
    clinic = play.create(MARY, "clinic", name="alpha")
    assert play.creating(MARY, "patient", clinic=clinic, name="x", phone="1") == 403
    assert play.invite(MARY, clinic, BOB, "manager") == 201
    patient = play.create(BOB, "patient", clinic=clinic, name="x", phone="1")
    assert play.get(MARY, patient)[0] == 404
    assert play.invite(BOB, patient, CAROL, "lead") == 201
    note = play.create(CAROL, "note", patient=patient, text="x")
    assert play.get(BOB, note)[0] == 404
    assert "allergies" not in play.get(BOB, patient)[1]
    assert play.patch(BOB, patient, allergies="x")[0] == 403
    assert play.patch(CAROL, note, state="signed", text="y")[0] == 200
    assert play.patch(CAROL, note, text="z")[0] == 403
    assert play.delete(CAROL, note) == 403
    assert play.creating(CAROL, "appointment", patient=patient, at="2026-01-01T00:00:00Z", **{"with": MARY}) == 422


def test_an_update_is_judged_on_both_sides() -> None:
    play = Play(SPECIFICATIONS["staffing"])
    company = play.create(MARY, "company", name="alpha")
    assert play.invite(MARY, company, BOB, "boss") == 201
    employee = play.create(MARY, "employee", company=company, name="x", hired="2026-01-01")
    assert play.patch(BOB, employee, rating=5)[0] == 403  # his `write` holds on the old record only
    assert play.patch(BOB, employee, name="y")[0] == 200
    assert play.patch(MARY, employee, secret="x")[0] == 200
    assert "secret" not in play.get(MARY, employee)[1]


def test_who_shares_by_a_role_gives_at_most_that_role() -> None:
    play = Play(SPECIFICATIONS["boards"])
    board = play.create(MARY, "board", title="alpha")
    assert play.invite(MARY, board, BOB, "writer") == 201
    assert play.invite(BOB, board, CAROL, "admin") == 403
    assert play.invite(BOB, board, CAROL, "writer") == 201
    assert play.invite(BOB, board, NOBODY, "writer") == 422
    assert play.invite(MARY, board, MARY, "admin") == 201


def test_a_link_record_opens_and_needs_share() -> None:
    play = Play(SPECIFICATIONS["albums"])
    album = play.create(MARY, "album", title="alpha")
    photo = play.create(BOB, "photo", caption="x")
    assert play.creating(MARY, "placement", album=album, photo=photo) == 422
    resource = play.world.specification.resources["photo"]
    assert play.invite(BOB, photo, MARY, "friend") == 201
    assert play.creating(MARY, "placement", album=album, photo=photo) == 403
    assert play.take(play.reading.change_member(BOB, resource, photo, MARY, {"role": "keeper"}))[0] == 200
    placement = play.create(MARY, "placement", album=album, photo=photo)
    assert play.get(CAROL, photo)[0] == 404
    assert play.invite(MARY, album, CAROL, "curator") == 201
    assert play.get(CAROL, photo)[0] == 200
    assert play.patch(CAROL, photo, stars=3)[0] == 200
    assert play.patch(CAROL, photo, caption="y")[0] == 403
    assert play.delete(BOB, photo) == 204
    assert placement not in play.world.records


@pytest.mark.parametrize(
    ("written_as", "right", "wrong"),
    [
        ("integer", [0, -3], [1.5, "1", True, 2**53]),
        ("{type: decimal, places: 2, min: 0}", ["0", "10.25"], ["1.234", "-1", "01", 1.5, "1e3"]),
        ("number", [1, 0.5], [True, "1", float("inf")]),
        ("date", ["2026-02-28"], ["2026-02-30", "2026-2-3", 5]),
        ("time", ["2026-01-01T00:00:00Z"], ["2026-01-01T00:00:00", "2026-01-01"]),
        ("yes/no", [True], ["yes", 1, None]),
        ("'one of a, b c'", ["b c"], ["c", 1, None]),
        ("{type: text, length: 1 to 3}", ["abc"], ["", "abcd", 5]),
    ],
)
def test_values(written_as: str, right: list[Any], wrong: list[Any]) -> None:
    text = f"app: x\nresources:\n  r:\n    owner: account\n    fields: {{f: {written_as}}}\n"
    spec_field = read_specification(text).resources["r"].fields["f"]
    for value in right:
        assert canonical(spec_field, value) == value
    for value in wrong:
        with pytest.raises(WrongError):
            canonical(spec_field, value)


def test_instants_are_written_in_utc() -> None:
    assert canonical_moment("2019-12-31T23:30:00.25-02:00") == "2020-01-01T01:30:00.250000Z"
    assert written(instant("2026-01-01T00:00:00+01:00")) == "2025-12-31T23:00:00Z"


def test_order_leaves_ties_and_the_place_of_empty_values_open() -> None:
    items: list[Values] = [{"n": None}, {"n": "9"}, {"n": "10"}, {"n": "10"}]
    assert in_order(items, "n", (), "decimal")
    assert not in_order(items, "-n", (), "decimal")
    assert not in_order([{"n": 1}, {"n": None}, {"n": 2}], "n", (), "integer")


def test_a_bare_role_of_two_ladders_is_refused() -> None:
    with pytest.raises(UnreadableError):
        read_specification(SPECIFICATIONS["names"].replace("update: [table.editor,", "update: [editor,"))


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_handwritten_specifications_can_be_read(name: str) -> None:
    assert read_specification(SPECIFICATIONS[name]).app == name


def test_random_specifications_can_be_read_and_repeat() -> None:
    for seed in range(100):
        text = random_specification(seed)
        assert read_specification(text).app == f"random_{seed}"
        assert text == random_specification(seed)
