"""Whether an answer is the right one; if not, whether it shows or does too much, withholds, or is merely another."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from application.proof.attempts import MAKING, READING, Answer, Attempt, Target, Verb
from application.proof.callers import by_link
from application.proof.oracle import Expected, made_by
from application.proof.report import Kind
from application.proof.trying import NEVER
from domain.expansion import EXPANDED
from domain.specification.model import Specification
from domain.values import UUID_PATTERN

PROBLEM = "application/problem+json"
PROBLEM_KEYS = {"type", "title", "status", "detail", "instance", "code", "message", "errors", "request_id"}
OFFERED = {"DELETE", "GET", "HEAD", "PATCH"}
"""on a record"""
ONE_DETAIL = ("not_found", "not_unique", "limit_reached", "blocked", "already_a_member", "not_authenticated")
"""codes whose explanation is the same whatever is there: another one would tell of it"""
VARIABLE_HEADERS = ("x-request-id", "content-length", "date")
_UUID = re.compile(UUID_PATTERN)
Missing = tuple[Verb, str, str, tuple[Verb, ...]]
"""an operation on an id that never was, and what kind of caller asks"""
_KEPT_APART = re.compile(r"\b(private|no-store)\b")
_ASKED_AGAIN = re.compile(r"\b(no-cache|no-store|max-age=0)\b")
_REQUEST_ID = re.compile(r'"request_id":"[^"]*"')


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not the right one."""

    kind: Kind
    about: str
    """what differs, without values: equal for two of the same sort"""
    sees: str
    """the end of the sentence `Bob lists notes and …`"""
    expected: str
    given: str


class Checker:
    """Compares answers on one world; knows what was answered before, so that the same is the same."""

    def __init__(self, specification: Specification, timed: bool = True) -> None:
        """Nothing was answered yet; without `timed` every instant that the engine writes is taken as it comes."""
        self._by_engine = () if timed else ("created_at", "updated_at", "expires_at")
        self._tags: dict[tuple[str | None, str, str], str] = {}
        self._shown: dict[tuple[str | None, str, str], str] = {}
        self._missing: dict[Missing, tuple[str, str]] = {}
        self._details: dict[tuple[str, str | None], Any] = {}
        self._work: dict[tuple[Missing, frozenset[str]], int | None] = {}

    def forget(self) -> None:
        """A new world begins."""
        self._tags.clear()
        self._shown.clear()
        self._missing.clear()
        self._work.clear()

    def learn_missing(self, attempt: Attempt, answer: Answer) -> None:
        """How an id that never was is answered: hidden must be answered alike, to the letter."""
        kind = self._kind_of_missing(attempt)
        self._missing[kind] = _without_ids(attempt, answer)
        self.learn_work(attempt, answer)

    def learn_work(self, attempt: Attempt, answer: Answer) -> None:
        """How often the database is asked for an id that never was."""
        self._work[self._kind_of_work(attempt)] = answer.statements

    def knows_work(self, attempt: Attempt) -> bool:
        """Whether that was learnt for what this attempt sends: what is asked of a record depends on that, too."""
        return self._kind_of_work(attempt) in self._work

    def check(
        self,
        attempt: Attempt,
        expected: Expected,
        answer: Answer,
        secrets: Iterable[str] = (),
        hidden: bool = False,
    ) -> Difference | None:
        """The difference, or None where the answer is right; `hidden` is a record that must be as if missing."""
        if not 200 <= answer.status < 500:
            return Difference(Kind.DEFECT, "status 500", "breaks the server", _told(expected), _short(answer))
        return (
            self._status(attempt, expected, answer)
            or self._secrets(attempt, answer, secrets)
            or (
                self._problem(attempt, expected, answer)
                if expected.refused
                else self._success(attempt, expected, answer)
            )
            or (self._work_done(attempt, answer) if hidden and expected.status == 404 else None)
        )

    # --- the status --------------------------------------------------------------------------

    def _status(self, attempt: Attempt, expected: Expected, answer: Answer) -> Difference | None:
        if expected.status == answer.status:
            return None
        about = f"status {answer.status} for {expected.status}"
        told, given = _told(expected), _short(answer)
        if expected.refused and answer.status < 400:
            done = "is answered" if attempt.verb in READING else "succeeds"
            return Difference(Kind.LEAK, about, f"{done} with {answer.status}", told, given)
        if expected.status == 422 and answer.status in (403, 409):
            return Difference(
                Kind.LEAK, about, f"learns from a {answer.status} that what it names is there", told, given
            )
        if expected.status in (401, 404) and answer.status not in (401, 404):
            return Difference(Kind.LEAK, about, f"learns from a {answer.status} that it is there", told, given)
        if expected.status == 403 and answer.status in (409, 412, 422):
            sees = f"gets past the rule: is refused with {answer.status}, for what is there, instead of 403"
            return Difference(Kind.LEAK, about, sees, told, given)
        if answer.status >= 400 and not expected.refused:
            return Difference(Kind.REFUSAL, about, f"is refused with {answer.status}", told, given)
        return Difference(Kind.DIFFERENCE, about, f"is answered with {answer.status}", told, given)

    # --- refusals ----------------------------------------------------------------------------

    def _problem(self, attempt: Attempt, expected: Expected, answer: Answer) -> Difference | None:
        if attempt.verb is Verb.HEAD:
            return self._unlike_missing(attempt, expected, answer)
        body = _json(answer)
        told, given = _told(expected), _short(answer)
        if expected.status != 405 and not _KEPT_APART.search(answer.headers.get("cache-control", "")):
            sees = "gets a refusal that a shared cache may keep"
            return Difference(Kind.DIFFERENCE, "cache-control", sees, "Cache-Control: no-store", repr(answer.headers))
        if not answer.headers.get("content-type", "").startswith(PROBLEM) or not isinstance(body, dict):
            return Difference(Kind.DIFFERENCE, "no problem document", "gets no problem document", told, given)
        batch = attempt.verb is Verb.BATCH and "items" in body
        if extra := set(body) - PROBLEM_KEYS - ({"items"} if batch else set()):
            return Difference(Kind.LEAK, "problem keys", f"is told {', '.join(sorted(extra))}, too", told, given)
        if body.get("code") != expected.code:
            return Difference(Kind.DIFFERENCE, f"code {body.get('code')}", f"is told `{body.get('code')}`", told, given)
        fields = {error.get("field") for error in body.get("errors", ())}
        if fields != expected.fields:
            unasked = fields - expected.fields - {*(attempt.body or ()), *(name for name, _ in attempt.query)}
            kind = Kind.LEAK if unasked else Kind.DIFFERENCE
            named = ", ".join(sorted(map(str, fields))) or "no field"
            return Difference(kind, "fields of a refusal", f"is told that it is about {named}", told, given)
        wrong = {(error.get("field"), error.get("code")) for error in body.get("errors", ())} - expected.codes
        if expected.status == 422 and wrong:
            said = " and ".join(f"that `{name}` is `{code}`" for name, code in sorted(wrong))
            right = ", ".join(f"{name}: {code}" for name, code in sorted(expected.codes))
            return Difference(Kind.LEAK, "codes of a refusal", f"is told {said}", f"{told}: {right}", given)
        items = body.get("items", []) if batch else []
        if (found := tuple((item["index"], item["status"], item["code"]) for item in items)) != expected.items:
            sees = f"is told that these are refused: {found}"
            return Difference(Kind.LEAK, "items of a refusal", sees, f"{told}: {expected.items}", given)
        about = attempt.operations[items[0]["index"]].resource if items else attempt.resource
        told_before = self._details.setdefault((about, expected.code), body.get("detail"))
        if expected.code in ONE_DETAIL and told_before != body.get("detail"):
            sees = f"is told “{body.get('detail')}”"
            return Difference(Kind.LEAK, "another detail", sees, f"“{told_before}”, as always", given)
        if expected.status == 405 and set(answer.headers.get("allow", "").split(", ")) != OFFERED:
            return Difference(
                Kind.DIFFERENCE, "Allow", "is told of other methods", f"Allow: {', '.join(sorted(OFFERED))}", given
            )
        if expected.covers and (difference := self._explained(attempt, body, given)):
            return difference
        return self._unlike_missing(attempt, expected, answer)

    def _explained(self, attempt: Attempt, body: Any, given: str) -> Difference | None:
        """What is hidden and what is missing are refused in the same words, whoever asks."""
        for error in body.get("errors", ()):
            named = {name: value for name, value in error.items() if name != "field"}
            resource, field = _about(attempt, error.get("field"))
            # by code, too: a parent may be hidden, or be one that an account named in the record cannot open
            known = self._details.setdefault((resource, f"{error.get('code')} of {field}"), named)
            if known != named:
                told = f"“{named.get('message')}” ({named.get('code')})"
                sees = f"is told of `{error.get('field')}` {told}, so it can tell hidden from missing"
                right = f"“{known.get('message')}” ({known.get('code')}), as always"
                return Difference(Kind.LEAK, "another explanation", sees, right, given)
        return None

    def _unlike_missing(self, attempt: Attempt, expected: Expected, answer: Answer) -> Difference | None:
        if expected.status in (404, 405) and (missing := self._missing.get(self._kind_of_missing(attempt))):
            here = _without_ids(attempt, answer)
            if here != missing:
                sees = "can tell it from an id that never was"
                at = 0 if here[0] != missing[0] else 1
                return Difference(Kind.LEAK, "hidden is not missing", sees, missing[at], here[at])
        return None

    def _work_done(self, attempt: Attempt, answer: Answer) -> Difference | None:
        """Whether the database was asked as often for this hidden record as for one that never was."""
        there = self._work.get(self._kind_of_work(attempt))
        if there is None or answer.statements == there:
            return None
        sees = f"makes the server ask the database {answer.statements} times, and not {there} as for one that never was"
        return Difference(Kind.WORK, "statements", sees, f"{there} statements", f"{answer.statements} statements")

    def _kind_of_work(self, attempt: Attempt) -> tuple[Missing, frozenset[str]]:
        headers = (name for name, _ in attempt.headers)
        return self._kind_of_missing(attempt), frozenset((*(attempt.body or ()), *headers))

    def _kind_of_missing(self, attempt: Attempt) -> Missing:
        kind = "nobody" if attempt.who is None else "link" if by_link(attempt.who) else "account"
        return attempt.verb, attempt.resource, kind, tuple(each.verb for each in attempt.operations)

    # --- successes ---------------------------------------------------------------------------

    def _success(self, attempt: Attempt, expected: Expected, answer: Answer) -> Difference | None:
        if answer.body and not _KEPT_APART.search(answer.headers.get("cache-control", "")):
            sees = "gets what a shared cache may show to others"
            return Difference(
                Kind.LEAK, "cache-control", sees, "Cache-Control: private or no-store", repr(answer.headers)
            )
        if answer.body and not _ASKED_AGAIN.search(answer.headers.get("cache-control", "")):
            sees = "gets what its own cache may show when the right has ended"
            return Difference(Kind.LEAK, "cache-control", sees, "Cache-Control: no-cache", repr(answer.headers))
        if answer.body and "authorization" not in answer.headers.get("vary", "").lower():
            sees = "gets what a cache may show to the next who signs in"
            return Difference(Kind.LEAK, "vary", sees, "Vary: Authorization", repr(answer.headers))
        if attempt.verb is Verb.HEAD:
            if answer.body:
                return Difference(Kind.DIFFERENCE, "HEAD with a body", "gets a body", "no body", _short(answer))
            return self._tag(attempt, expected.body, answer)
        if expected.body is None:
            kind = Kind.LEAK if answer.body else None
            told, given = _told(expected), _short(answer)
            return None if kind is None else Difference(kind, "a body", "is shown a body", told, given)
        body = _json(answer)
        if attempt.verb is Verb.LIST:
            return self._list(attempt, expected, body, answer)
        if attempt.verb is Verb.BATCH:
            return self._items_of_batch(attempt, expected, body, answer)
        if attempt.verb is Verb.MEMBERS:
            return self._rows(expected.body["items"], _items(body), "account", answer)
        if attempt.verb is Verb.LINKS:
            return self._rows(expected.body["items"], _items(body), "id", answer)
        if attempt.verb is Verb.INVITATIONS:
            return self._rows(expected.body["items"], _items(body), "email", answer)
        if attempt.verb in (Verb.WAITING, Verb.OFFERS, Verb.OFFERED):
            return self._rows(expected.body["items"], _items(body), "record", answer)
        wanted = expected.body
        new = attempt.verb in MAKING and not expected.again
        if new and isinstance(body, dict) and _UUID.fullmatch(str(body.get("id"))):
            wanted = {**wanted, "id": body["id"]}
        if attempt.verb is Verb.LINK and isinstance(body, dict) and by_link(body.get("token")):
            wanted = {**wanted, "token": body["token"]}
        difference = self._object(wanted, body, answer)
        return difference or self._tag(attempt, body, answer)

    def _items_of_batch(self, attempt: Attempt, expected: Expected, body: Any, answer: Answer) -> Difference | None:
        """Each as a request of its own would be answered."""
        found, wanted = _items(body), expected.body["items"]
        if expected.again:
            return _object(wanted, found, answer)
        if [item.get("status") for item in found] != [item["status"] for item in wanted]:
            given = _short(answer)
            return Difference(Kind.DIFFERENCE, "items", "is told of other items", json.dumps(wanted)[:400], given)
        text = json.dumps(wanted)
        for number, item in enumerate(found):
            text = text.replace(made_by(number), str(item.get("id")))
        for operation, item, right in zip(attempt.operations, found, json.loads(text), strict=True):
            shown, tag = item.pop("record", None), item.pop("etag", None)
            record = right.pop("record")
            difference = _object(right, item, answer) or self._object(record, shown, answer)
            if difference is None and record is not None:
                headers = {"etag": tag, "location": str(item.get("id"))}
                difference = self._tag(operation, shown, Answer(right["status"], headers, answer.body))
            if difference is not None:
                return difference
        return None

    def _list(self, attempt: Attempt, expected: Expected, body: Any, answer: Answer) -> Difference | None:
        if not isinstance(body, dict):
            return Difference(Kind.DIFFERENCE, "no list", "gets no list", _told(expected), _short(answer))
        difference = self._rows(expected.body["items"], _items(body), "id", answer)
        if difference is not None:
            return difference
        told, given = _told(expected), _short(answer)
        if body.get("total") != expected.body.get("total"):
            total, right = body.get("total"), expected.body.get("total")
            more = isinstance(total, int) and isinstance(right, int) and total > right
            kind = Kind.LEAK if more or right is None else Kind.REFUSAL
            sees = f"is told that there are {total}, where it can read {right}"
            return Difference(kind, "total", sees, f"total {right}", f"total {total}")
        if (body.get("next_cursor") is not None) != expected.body["next_cursor"]:
            return Difference(Kind.DIFFERENCE, "next_cursor", "is told of another page", told, given)
        if ("link" in answer.headers) != (body.get("next_cursor") is not None):
            return Difference(Kind.DIFFERENCE, "link", "gets another Link than `next_cursor`", told, given)
        if extra := set(body) - {"items", "next_cursor", "total"}:
            return Difference(Kind.LEAK, "list keys", f"is told {', '.join(sorted(extra))}, too", told, given)
        return None

    def _rows(self, wanted: list[Any], found: list[Any], key: str, answer: Answer) -> Difference | None:
        ids = [row.get(key) for row in found if isinstance(row, dict)]
        right = [row[key] for row in wanted]
        told, given = f"{len(right)} of them", _short(answer)
        if extra := [each for each in ids if each not in right]:
            return Difference(Kind.LEAK, "rows too many", f"sees {_marked(extra[0])}", f"without {extra[0]}", given)
        if missing := [each for each in right if each not in ids]:
            sees = f"does not see {_marked(missing[0])}"
            return Difference(Kind.REFUSAL, "rows too few", sees, f"with {missing[0]}", given)
        if ids != right:
            sees = "gets an order that tells of hidden values"
            return Difference(Kind.LEAK, "order", sees, f"the order {right}", f"the order {ids}")
        if len(ids) != len(found):
            return Difference(Kind.DIFFERENCE, "rows", "gets rows that are no objects", told, given)
        for one, other in zip(wanted, found, strict=True):
            difference = self._object(one, other, answer)
            if difference is not None:
                return difference
        return None

    def _object(self, wanted: Any, found: Any, answer: Answer) -> Difference | None:
        """Field by field: what is too much, what is missing, what is another value."""
        return _object(self._as_timed(wanted, found), found, answer)

    def _as_timed(self, wanted: Any, found: Any) -> Any:
        """What is wanted, with the instants that were found where they cannot be known."""
        if not isinstance(wanted, dict) or not isinstance(found, dict):
            return wanted
        timed = {**wanted, **{name: found[name] for name in self._by_engine if name in wanted and name in found}}
        if EXPANDED in wanted and isinstance(beside := found.get(EXPANDED), dict):
            timed[EXPANDED] = {name: self._as_timed(each, beside.get(name)) for name, each in wanted[EXPANDED].items()}
        return timed

    def _tag(self, attempt: Attempt, body: Any, answer: Answer) -> Difference | None:
        """One representation has one ETag, and no other has it."""
        if attempt.verb not in (Verb.GET, Verb.HEAD, Verb.CREATE, Verb.UPDATE) or answer.status == 304:
            return None
        tag, shown = answer.headers.get("etag"), json.dumps(body, sort_keys=True)
        if not tag:
            return Difference(Kind.DIFFERENCE, "no ETag", "gets no ETag", "an ETag", _short(answer))
        if attempt.verb is Verb.CREATE and body.get("id") not in answer.headers.get("location", ""):
            return Difference(Kind.DIFFERENCE, "no Location", "gets no Location", "a Location", _short(answer))
        if attempt.verb is Verb.HEAD and self._by_engine:
            return None  # what is shown is not known to the instant
        known = self._tags.setdefault((attempt.who, attempt.resource, shown), tag)
        if known != tag:
            sees = "sees from the ETag that something hidden has changed"
            return Difference(Kind.LEAK, "ETag", sees, f"the ETag {known}", f"the ETag {tag}")
        if self._shown.setdefault((attempt.who, attempt.resource, tag), shown) != shown:
            sees = "gets an ETag that the same record had when it was another, so `If-Match` protects nothing"
            return Difference(Kind.DIFFERENCE, "one ETag for two", sees, "another ETag", f"the ETag {tag}")
        return None

    def spills(self, attempt: Attempt, answer: Answer, secrets: Iterable[str]) -> Difference | None:
        """What stands in the answer to a change that was hidden before it and still is."""
        return self._secrets(attempt, answer, secrets)

    # --- what may never be seen --------------------------------------------------------------

    def _secrets(self, attempt: Attempt, answer: Answer, secrets: Iterable[str]) -> Difference | None:
        """Whatever the answer is about: no text that the caller may not see stands in it, not even encoded."""
        asked = json.dumps([attempt.message, attempt.query, attempt.record, attempt.account, attempt.waiting])
        text = answer.body.decode("utf-8", "replace")
        text += unquote(" ".join(answer.headers.values()))
        for encoded in re.findall(r"[A-Za-z0-9_-]{24,}={0,2}", text):
            try:
                text += base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8", "ignore")
            except (binascii.Error, ValueError):
                continue
        shown = [secret for secret in secrets if secret in text and secret not in asked]
        for secret in sorted(shown, key=lambda text: (_UUID.fullmatch(text) is None, text)):
            sees = f"sees {{{secret}}}" if _UUID.fullmatch(secret) else f"sees the hidden text “{secret}”"
            return Difference(Kind.LEAK, "a hidden text", sees, f"nothing of {secret}", _short(answer))
        return None


def _object(wanted: Any, found: Any, answer: Answer, about: str = "") -> Difference | None:
    """`about` is the member that they were found in: those of what is expanded are records again."""
    if _same(wanted, found):
        return None
    given = _short(answer)
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return Difference(Kind.DIFFERENCE, "the body", "gets another body", json.dumps(wanted), given)
    for name in found:
        if name not in wanted:
            told = f"`{name}` absent"
            return Difference(Kind.LEAK, f"field {name}", f"sees `{name}`: {json.dumps(found[name])}", told, given)
        if wanted[name] is None and found[name] is not None:
            told = f"`{name}` null"
            return Difference(Kind.LEAK, f"field {name}", f"sees `{name}`: {json.dumps(found[name])}", told, given)
    for name in wanted:
        if name not in found:
            told = f"`{name}` present"
            return Difference(Kind.REFUSAL, f"field {name}", f"does not see `{name}`", told, given)
        if not _same(wanted[name], found[name]):
            if EXPANDED in (name, about) and isinstance(wanted[name], dict) and isinstance(found[name], dict):
                return _object(wanted[name], found[name], answer, name)
            told = f"`{name}`: {json.dumps(wanted[name])}"
            wrong = Kind.LEAK if name == "owner" else Kind.DIFFERENCE  # another's record is shown, or made another's
            kind = Kind.REFUSAL if found[name] is None else wrong
            return Difference(kind, f"field {name}", f"sees `{name}`: {json.dumps(found[name])}", told, given)
    return None


def _marked(key: Any) -> str:
    """An id in braces, to be told as what it names; an address as it is."""
    return f"{{{key}}}" if _UUID.fullmatch(str(key)) else str(key)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1, 1.0 and true differ."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _about(attempt: Attempt, name: Any) -> tuple[str, str]:
    """The resource and the field that a refusal is about; in a batch it says so with the place."""
    place = re.fullmatch(r"operations/(\d+)/body/(.*)", str(name))
    if attempt.verb is not Verb.BATCH or place is None:
        return attempt.resource, str(name)
    return attempt.operations[int(place[1])].resource, place[2]


def _items(body: Any) -> list[Any]:
    items = body.get("items") if isinstance(body, Mapping) else None
    return items if isinstance(items, list) else []


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _without_ids(attempt: Attempt, answer: Answer) -> tuple[str, str]:
    """Body and headers, as they are for any id."""
    body = _REQUEST_ID.sub('"request_id":""', answer.body.decode("utf-8", "replace"))
    variable = VARIABLE_HEADERS if attempt.verb is not Verb.HEAD else ("x-request-id", "date")
    headers = repr([(name, value) for name, value in answer.headers.items() if name not in variable])
    for known, name in ((attempt.record, "{id}"), (attempt.account, "{account}"), (attempt.waiting, "{waiting}")):
        body, headers = body.replace(str(known), name), headers.replace(str(known), name)
    return body, headers


def _told(expected: Expected) -> str:
    """The right answer in a line."""
    if expected.refused:
        named = f" ({', '.join(sorted(expected.fields))})" if expected.fields else ""
        return f"{expected.status} {expected.code}{named}"
    return f"{expected.status}" + ("" if expected.body is None else f" {json.dumps(expected.body)[:400]}")


def _short(answer: Answer) -> str:
    text = answer.body.decode("utf-8", "replace")
    return f"{answer.status} {text[:400]}{'…' if len(text) > 400 else ''}".rstrip()


async def learn_work(checker: Checker, target: Target, attempt: Attempt, hidden: bool) -> None:
    """Ask the same for an id that never was, where it is not known yet how much work that is."""
    if hidden and attempt.verb is Verb.UPDATE and not checker.knows_work(attempt):
        checker.learn_work(attempt, await target.send(replace(attempt, record=NEVER)))
