"""A random walk over a running server, every answer held against the independent reading.

    python -m tests.end_to_end.independent.walk --url http://127.0.0.1:8000 --spec examples/notes/freehold.yaml

It stops at the first difference and tells the story that led to it. The server's database must be fresh: what earlier
walks left behind and anyone may read would be a difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from .choices import Chooser, Request
from .client import Client
from .grammar import Specification, read_specification
from .reading import Answer, MismatchError, Outcome, Prediction, Query, Reading, in_order
from .values import same
from .world import Record, World

NAMES = ("mary", "bob", "carol", "dave", "erin")
PASSWORD = "a long walk over the moor 4711"
FRESH = 600.0
"""Seconds after which an access token is renewed."""


class DifferenceError(Exception):
    """The server and the reading differ; the text tells the story."""


@dataclass
class Line:
    """One write that worked: what it touched, and which other records it named."""

    text: str
    touches: set[str]
    names: set[str]


@dataclass
class Session:
    """How an account is signed in."""

    access: str
    refresh: str
    since: float


@dataclass
class Walk:
    """One walk: `run` raises `DifferenceError` at the first difference."""

    client: Client
    specification: Specification
    seed: int
    sample: int = 3
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Set up an empty world."""
        self.random = Random(self.seed)  # noqa: S311 - seeded on purpose
        self.world = World(self.specification)
        self.reading = Reading(self.world)
        self.chooser = Chooser(self.reading, self.random)
        self.sessions: dict[str, Session] = {}
        self.labels: dict[str, str] = {}
        self.story: list[Line] = []
        self.hidden: dict[str, str] = {}
        self.tags: dict[tuple[str | None, str], tuple[str, str]] = {}

    def run(self, steps: int) -> None:
        """Register the accounts, then walk."""
        self._register()
        for _ in range(steps):
            request = self.chooser.next()
            before = dict(self.world.records)
            wrote = self.perform(request)
            self.chooser.gone += [record_id for record_id in before if record_id not in self.world.records]
            if wrote or (request.sends and self.random.random() < 0.05):
                self.look_around({request.id, *before.keys() ^ self.world.records.keys()})

    def perform(self, request: Request) -> bool:
        """Make one request and compare; whether it wrote something."""
        if request.kind == "list":
            self._list(request)
            return False
        records = set(self.world.records)
        named = self._named(request)
        prediction = request.predict(self.reading)
        answer = self._send(request)
        outcome = self._expect(request, prediction, answer)
        if outcome.hidden:
            self._alike(request, answer)
        wrote = request.method != "GET" and answer.status < 300
        if wrote:
            new = set(self.world.records) - records
            for record_id in new:
                self._label(self.world.records[record_id])
            told = f"{self._told(request)} → {answer.status}" + "".join(f" ({self.labels[i]})" for i in new)
            self.story.append(Line(told, new or {request.id}, named))
        return wrote

    def look_around(self, touched: set[str]) -> None:
        """Hold what every caller sees of every list and of some records against the world."""
        ids = [i for i in touched if i in self.world.records or i in self.chooser.gone]
        ids += self.random.sample(list(self.world.records), min(self.sample, len(self.world.records)))
        resources = self.specification.resources
        known = {i: self.world.records[i].resource for i in ids if i in self.world.records}
        for who in [None, *self.world.accounts]:
            for resource in resources.values():
                self._list(Request("list", who, resource, query=Query(limit=200)))
            for record_id in ids:
                resource = resources[known.get(record_id) or self._former(record_id)]
                self.perform(Request("get", who, resource, record_id))
                if resource.ladder and record_id in known:
                    self.perform(Request("members", who, resource, record_id))

    # Sending

    def _register(self) -> None:
        tag = f"{time.time_ns():x}"
        for name in NAMES:
            body = {"email": f"{name}-{tag}@example.com", "password": PASSWORD}
            answer = self.client.call("POST", "/auth/register", body=body)
            if answer.status != 201 or not isinstance(answer.body, dict):
                raise DifferenceError(f"POST /auth/register for {name}\n  expected: 201\n  got: {_shown(answer)}")
            account = answer.body["account"]["id"]
            self.world.accounts[account] = name
            self.labels[account] = name
            self.sessions[account] = Session(
                answer.body["access_token"], answer.body["refresh_token"], time.monotonic()
            )

    def _token(self, who: str | None) -> str | None:
        if who is None:
            return None
        session = self.sessions[who]
        if time.monotonic() - session.since > FRESH:
            answer = self.client.call("POST", "/auth/refresh", body={"refresh_token": session.refresh})
            session = Session(answer.body["access_token"], answer.body["refresh_token"], time.monotonic())
            self.sessions[who] = session
        return session.access

    def _send(self, request: Request, query: list[tuple[str, str]] | None = None) -> Answer:
        body = request.body if request.sends else None
        path = request.path(self.specification.major)
        try:
            return self.client.call(request.method, path, self._token(request.who), body, query or ())
        except (HTTPException, OSError) as error:
            self._differ(request, "an answer", Answer(0, {}, repr(error)), "every request is answered")

    def _list(self, request: Request) -> None:
        """Walk all pages of a list."""
        prediction = request.predict(self.reading)
        query = request.query
        answer = self._send(request, query.parameters())
        if 200 not in prediction:
            self._expect(request, prediction, answer)
            return
        outcome = prediction[200]
        wanted: list[dict[str, Any]] = outcome.settle(answer) if outcome.settle else []
        size = query.limit or 50
        got: list[dict[str, Any]] = []
        while True:
            self._status(request, prediction, answer)
            page = answer.body.get("items") if isinstance(answer.body, dict) else None
            if not isinstance(page, list):
                self._differ(request, "a body with `items`", answer, outcome.why)
            got += page
            cursor = answer.body.get("next_cursor")
            expected = min(size, len(wanted) - len(got) + len(page))
            if len(page) != expected or (cursor is not None) != (len(got) < len(wanted)):
                self._differ_list(request, wanted, got, answer, outcome)
            if query.count and answer.body.get("total") != len(wanted):
                self._differ(request, f"a `total` of {len(wanted)}", answer, outcome.why)
            if cursor is None:
                break
            if self.random.random() < 0.2:
                self._bend(request, cursor)
            answer = self._send(request, [*query.parameters(), ("cursor", cursor)])
        self._same_items(request, wanted, got, answer, outcome)

    def _same_items(
        self,
        request: Request,
        wanted: list[dict[str, Any]],
        got: list[dict[str, Any]],
        answer: Answer,
        outcome: Outcome,
    ) -> None:
        by_id = {item.get("id"): item for item in got}
        if len(by_id) != len(got) or by_id.keys() != {item["id"] for item in wanted}:
            self._differ_list(request, wanted, got, answer, outcome)
        for item in wanted:
            difference = self._compare(item, by_id[item["id"]])
            if difference:
                self._differ(request, f"{self._name(item['id'])} with {difference}", answer, outcome.why, {item["id"]})
        sort = request.query.sort
        key = (sort or "").lstrip("-")
        if key in ("", "created_at"):
            newest_first = [item["id"] for item in wanted]
            expected = newest_first[::-1] if sort == "created_at" else newest_first
            right = [item["id"] for item in got] == expected
        else:
            spec_field = request.resource.fields[key]
            right = in_order(got, sort or "", spec_field.options, spec_field.shape)
        if not right:
            self._differ(request, f"the order of `{sort or 'newest first'}`", answer, outcome.why)

    def _bend(self, request: Request, cursor: str) -> None:
        """Use a cursor where it does not belong: 400."""
        others = [who for who in self.world.accounts if who != request.who]
        stolen = Request("list", self.random.choice(others), request.resource, query=request.query)
        changed = Request("list", request.who, request.resource, query=Query(limit=request.query.limit))
        changed.query.sort = "created_at" if request.query.sort != "created_at" else "-created_at"
        for bent, text in ((stolen, cursor), (changed, cursor), (request, cursor[::-1]), (request, "x")):
            answer = self._send(bent, [*bent.query.parameters(), ("cursor", text)])
            if answer.status != 400:
                self._differ(bent, "400", answer, "a cursor is bound to its caller and its query")

    # Comparing

    def _expect(self, request: Request, prediction: Prediction, answer: Answer) -> Outcome:
        outcome = self._status(request, prediction, answer)
        if answer.status >= 400:
            self._problem(request, outcome, answer)
            return outcome
        try:
            wanted = outcome.settle(answer) if outcome.settle else None
        except MismatchError as mismatch:
            self._differ(request, str(mismatch), answer, outcome.why)
        if answer.status == 204:
            if answer.body is not None:
                self._differ(request, "no body", answer, outcome.why)
        elif request.kind == "members":
            self._same_members(request, wanted, answer, outcome)
        else:
            difference = self._compare(wanted, answer.body)
            if difference:
                self._differ(request, difference, answer, outcome.why)
            if request.kind in ("get", "create", "update"):
                self._tagged(request, answer)
        return outcome

    def _tagged(self, request: Request, answer: Answer) -> None:
        """Hold the ETag against the last one: it changes with what this caller sees, and only then."""
        tag, text = answer.headers.get("etag", ""), json.dumps(answer.body, sort_keys=True)
        if not tag.startswith('"'):
            self._differ(request, "a strong ETag", answer, "of the record as the caller sees it")
        last_tag, last_text = self.tags.get((request.who, answer.body["id"]), (tag, text))
        if (tag == last_tag) != (text == last_text):
            self._differ(request, f"an ETag other than {tag}", answer, f"before it was {last_tag} with {last_text}")
        self.tags[request.who, answer.body["id"]] = (tag, text)
        place = f"{request.path(self.specification.major)}/{answer.body['id']}"
        if request.kind == "create" and not answer.headers.get("location", "").endswith(place):
            self._differ(request, f"a Location of {place}", answer, f"got {answer.headers.get('location')}")

    def _status(self, request: Request, prediction: Prediction, answer: Answer) -> Outcome:
        self.seen[f"{request.kind} {answer.status}"] += 1
        outcome = prediction.get(answer.status)
        if outcome is None:
            status = " or ".join(str(status) for status in prediction)
            self._differ(request, status, answer, "; ".join(o.why for o in prediction.values()), wide=409 in prediction)
        return outcome

    def _problem(self, request: Request, outcome: Outcome, answer: Answer) -> None:
        if not answer.headers.get("content-type", "").startswith("application/problem+json"):
            self._differ(request, "application/problem+json", answer, outcome.why)
        if answer.body.get("status") != answer.status or not isinstance(answer.body.get("code"), str):
            self._differ(request, "a problem with its `status` and a `code`", answer, outcome.why)
        if answer.status == 401 and "www-authenticate" not in answer.headers:
            self._differ(request, "a WWW-Authenticate header", answer, outcome.why)
        named = {name for name in answer.error_fields if name}
        if not outcome.must <= named or (outcome.may is not None and not named <= outcome.may):
            expected = f"`errors` that name {sorted(outcome.must)}"
            self._differ(request, f"{answer.status} with {expected}", answer, outcome.why)

    def _compare(self, wanted: Any, got: Any) -> str | None:
        """Say what is wanted where the answer differs, None where it does not; learn an unknown `updated_at`."""
        if not isinstance(got, dict):
            return "an object"
        if wanted.keys() != got.keys():
            missing, more = wanted.keys() - got.keys(), got.keys() - wanted.keys()
            parts = [f"`{name}`" for name in sorted(missing)] + [f"no `{name}`" for name in sorted(more)]
            return " and ".join(parts)
        for name, value in wanted.items():
            if name == "updated_at" and value is None and isinstance(got[name], str):
                record = self.world.records.get(wanted["id"])
                if record is not None:
                    record.updated = got[name]
            elif not same(value, got[name]):
                return f"`{name}`: {self._named_ids(json.dumps(value, ensure_ascii=False))}"
        return None

    def _same_members(self, request: Request, wanted: Any, answer: Answer, outcome: Outcome) -> None:
        got = answer.body.get("items") if isinstance(answer.body, dict) else None
        rows = {row.get("account"): row for row in got or []}
        right = isinstance(got, list) and len(rows) == len(got) == len(wanted)
        if not right or any(not same(row, rows.get(row["account"])) for row in wanted):
            self._differ(request, self._named_ids(f"the rows {json.dumps(wanted)}"), answer, outcome.why)

    def _alike(self, request: Request, answer: Answer) -> None:
        """Hold one 404 against the others: hidden and missing must not differ."""
        body = {name: value for name, value in answer.body.items() if name not in ("request_id", "instance")}
        text = json.dumps(body, sort_keys=True).replace(request.id, "<id>")
        headers = sorted(name for name in answer.headers if name not in ("date", "x-request-id"))
        text += f" with the headers {headers}"
        key = f"{request.kind} {request.resource.name}"
        if self.hidden.setdefault(key, text) != text:
            self._differ(
                request, f"the same 404 as ever: {self.hidden[key]}", answer, "hidden and missing answer alike"
            )

    # Telling

    def _label(self, record: Record) -> None:
        self.labels[record.id] = (
            f"{record.resource} {sum(v.startswith(record.resource) for v in self.labels.values()) + 1}"
        )

    def _former(self, record_id: str) -> str:
        return self.labels[record_id].rsplit(" ", 1)[0]

    def _name(self, record_id: str) -> str:
        return self.labels.get(record_id, record_id)

    def _named_ids(self, text: str) -> str:
        for record_id, label in self.labels.items():
            text = text.replace(record_id, f"<{label}>")
        return text

    def _named(self, request: Request) -> set[str]:
        record = self.world.records.get(request.id)
        values = [*request.body.values(), *([record.parent, *record.values.values()] if record else [])]
        return {value for value in values if isinstance(value, str) and value in self.labels} - set(self.world.accounts)

    def _told(self, request: Request) -> str:
        who = self.world.accounts.get(request.who or "", "anonymous")
        text = f"{who}: {request.method} {request.path(self.specification.major)}"
        parameters = request.query.parameters() if request.kind == "list" else []
        text += "?" + "&".join("=".join(pair) for pair in parameters) if parameters else ""
        text += f" {json.dumps(request.body, ensure_ascii=False)}" if request.sends else ""
        return self._named_ids(text)

    def _so_far(self, ids: set[str], wide: bool) -> list[str]:
        """Tell the writes that concern these records: theirs, of what they name, and (wide) of what names them."""
        related = set(ids)
        grown = -1
        while grown != len(related):
            grown = len(related)
            for line in self.story:
                if line.touches & related or (wide and line.names & related):
                    related |= line.touches | line.names
        return [f"{number}. {line.text}" for number, line in enumerate(self.story, 1) if line.touches & related]

    def _differ(
        self, request: Request, expected: str, answer: Answer, why: str, ids: set[str] | None = None, wide: bool = False
    ) -> NoReturn:
        about = (ids or set()) | {request.id, *self._named(request)}
        wide = wide or request.kind == "delete" or answer.status == 409
        if answer.status == 409 or not (about - {""}):
            about |= {i for i, label in self.labels.items() if label.startswith(request.resource.name + " ")}
        lines = self._so_far(about, wide)
        raise DifferenceError(
            "\n".join(
                [
                    f"{self.specification.app}, seed {self.seed}. The story so far:",
                    *(f"  {line}" for line in lines),
                    f"Then {self._told(request)}",
                    f"  expected: {expected}",
                    f"  because:  {why}",
                    f"  got:      {self._named_ids(_shown(answer))}",
                ]
            )
        )

    def _differ_list(
        self,
        request: Request,
        wanted: list[dict[str, Any]],
        got: list[dict[str, Any]],
        answer: Answer,
        outcome: Outcome,
    ) -> NoReturn:
        ids, there = [item["id"] for item in wanted], [item.get("id", "?") for item in got]
        odd = set(ids) ^ set(there)
        expected = f"the records {', '.join(self._name(i) for i in ids) or 'none'}"
        seen = f"the records {', '.join(self._name(i) for i in there) or 'none'} so far"
        self._differ(request, f"{expected}\n  instead of {seen}", answer, outcome.why, odd)


def _shown(answer: Answer) -> str:
    text = json.dumps(answer.body, ensure_ascii=False)
    return f"{answer.status} {text if len(text) < 1500 else text[:1500] + ' …'}"


def walk(url: str, text: str, steps: int, seed: int, sample: int = 3) -> Walk:
    """Walk over the server at `url` that serves the specification in `text`."""
    done = Walk(Client(url), read_specification(text), seed, sample)
    try:
        done.run(steps)
    finally:
        done.client.connection.close()
    return done


def main() -> int:
    """Walk as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--spec", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=3, help="records that every caller fetches after each write")
    given = parser.parse_args()
    started = time.monotonic()
    try:
        done = walk(given.url, given.spec.read_text("utf-8"), given.steps, given.seed, given.sample)
    except DifferenceError as difference:
        print(difference)
        return 1
    seconds = time.monotonic() - started
    print(f"{given.steps} steps, {done.client.calls} requests in {seconds:.0f} s, no difference")
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(done.seen.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
