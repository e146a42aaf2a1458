"""For each request, what the answer must be: an independent reading of the language and of the HTTP contract.

`Reading` asks the model `World` and predicts; a `Prediction` holds every admissible status with what must come with
it. When the server has answered, `Outcome.settle` writes the change into the world and says what the body must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .grammar import Field, Grant, Resource
from .values import WrongError, canonical, instant, same, written
from .world import Membership, Record, Values, World

NEW = "00000000-0000-7000-8000-000000000000"
ENGINE_FIELDS = ("id", "owner", "created_at", "updated_at")
SLACK = timedelta(minutes=2)


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error_fields(self) -> set[str]:
        """The fields that a problem names."""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        return {error.get("field") for error in errors or []}


class MismatchError(Exception):
    """The answer is not what was predicted."""


@dataclass
class Outcome:
    """One admissible status: why, the fields that its problem must and may name, and what it does to the world.

    `settle` gets the answer, may raise `MismatchError`, and returns the body that the answer must have (None: any).
    """

    why: str
    must: set[str] = field(default_factory=set)
    may: set[str] | None = None
    settle: Callable[[Answer], Any] | None = None
    hidden: bool = False
    """A 404 that must be the same whether the record is hidden or never was."""


Prediction = dict[int, Outcome]


@dataclass
class Query:
    """A list request: equality filters, a sort key or none, a page size or none, and whether to count."""

    filters: dict[str, list[Any]] = field(default_factory=dict)
    sort: str | None = None
    limit: int | None = None
    count: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def parameters(self) -> list[tuple[str, str]]:
        """As they stand in the URL."""
        pairs = [(name, ",".join(_plain(value) for value in values)) for name, values in self.filters.items()]
        pairs += [("sort", self.sort)] if self.sort else []
        pairs += [("limit", str(self.limit))] if self.limit is not None else []
        pairs += [("count", "true")] if self.count else []
        return pairs + list(self.extra.items())


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def refuse(status: int, why: str, must: Iterable[str] = (), may: Iterable[str] | None = ()) -> Prediction:
    """Predict a refusal; `may` None leaves the named fields open."""
    names = set(must)
    return {status: Outcome(why, names, None if may is None else names | set(may))}


def hide(why: str) -> Prediction:
    """Predict the 404 of a record that is hidden or not there."""
    return {404: Outcome(why, may=set(), hidden=True)}


class Reading:
    """The predictions over one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.specification = world.specification

    # Records

    def get(self, who: str | None, resource: Resource, record_id: str) -> Prediction:
        """`GET /{plural}/{id}`."""
        if who is None and not self.specification.anonymous_could(resource.name, "open"):
            return refuse(401, f"no grant lets an anonymous caller open any {resource.name}")
        record = self._find(resource, record_id)
        if record is None:
            return hide(f"there is no such {resource.name}")
        if not self.world.opens(record, who):
            return hide(f"no `open` or `read` grant of {resource.name} holds for the caller")
        return {200: Outcome(self._because("open", record, who), settle=lambda _: self.world.show(record, who))}

    def listing(self, who: str | None, resource: Resource, query: Query) -> Prediction:
        """`GET /{plural}`; the outcome's body is the full list of items in order, over all pages."""
        if who is None and not self.specification.anonymous_could(resource.name, "read"):
            return refuse(401, f"no grant lets an anonymous caller read any {resource.name}")
        if query.extra or (query.limit is not None and not 1 <= query.limit <= 200):
            return refuse(422, "an unknown parameter or a limit outside 1 to 200", may=None)
        for name in [*query.filters, *([query.sort.lstrip("-")] if query.sort else [])]:
            spec_field = resource.fields.get(name)
            if who is None and spec_field and spec_field.read and not self.specification.could(spec_field.read):
                return refuse(422, f"no anonymous caller can ever read `{name}`: an unknown name", may=None)
        items = [self.world.show(record, who) for record in self.world.listed(resource.name, who)]
        for name, values in query.filters.items():
            items = [item for item in items if any(same(item.get(name), value) for value in values)]
        return {200: Outcome(f"the {resource.name} records that a `read` grant shows", settle=lambda _: items)}

    def create(self, who: str | None, resource: Resource, body: Values) -> Prediction:
        """`POST /{plural}`."""
        world = self.world
        if who is None and not self.specification.anonymous_could(resource.name, "create"):
            return refuse(401, f"no grant lets an anonymous caller create a {resource.name}")
        values, bad = self._static(resource, body, new=True)
        if bad:
            return refuse(422, "the body is wrong in itself", bad)
        parent_id = values.pop(resource.parent, None) if resource.parent else None
        parent = world.records.get(parent_id or "")
        if parent is not None and (parent.resource != resource.parent or not world.opens(parent, who)):
            parent = None
        bad = {resource.parent} if resource.parent and parent is None else set()
        bad |= self._unreadable(who, resource, {name: values[name] for name in body if name in values})
        unknown = self._unknown_accounts(resource, values)
        record = Record(resource.name, NEW, parent_id, None if resource.parent else who, values)
        orphan = bool(resource.parent) and parent is None
        named = [f.name for f in resource.fields.values() if f.kind == "member of" and values[f.name] is not None]
        if orphan:
            return refuse(422, "its parent cannot be opened (or is not there)", bad, may={*named, *unknown})
        for spec_field in resource.fields.values():
            if spec_field.kind == "creator":
                values[spec_field.name] = who
        with world.supposing(record):
            self._copy(record)
            if bad:
                return refuse(422, "what these fields name cannot be read or is not there", bad, may={*named, *unknown})
            forbidden = self._forbidden_creation(who, record, body)
            if forbidden:
                return forbidden
            bad = {name for name in named if not self._member(record, resource.fields[name])}
            if bad | unknown:
                return refuse(422, "what these fields name is no member, or no account", bad | unknown)
            collision = world.collision(record)
            why = self._because("create", record, who)
        if collision:
            return refuse(409, collision, may=None)
        return {201: Outcome(why, settle=lambda answer: self._created(answer, record, who))}

    def _forbidden_creation(self, who: str | None, record: Record, body: Values) -> Prediction | None:
        world = self.world
        resource = world.resource(record)
        if world.locked_above(record):
            return refuse(403, "a record above is locked", may=body)
        if not world.may("create", record, who):
            return refuse(403, f"no `create` grant of {resource.name} holds on the new record", may=None)
        if not world.opens(record, who):
            return refuse(403, "the creator could not open the result", may=None)
        unwritable = {name for name in body if name in resource.fields and not self._writable(record, name, who)}
        sharing = self._unshared(who, record, body)
        if unwritable or sharing:
            must = unwritable if not sharing else set()
            return refuse(403, "`write` of these fields (or `share` on what they open) is not granted", must, sharing)
        return None

    def update(self, who: str | None, resource: Resource, record_id: str, body: Values) -> Prediction:
        """`PATCH /{plural}/{id}`."""
        world = self.world
        if who is None and not self.specification.anonymous_could(resource.name, "update", "move", "steps"):
            return refuse(401, f"no grant lets an anonymous caller change any {resource.name}")
        sent, bad = self._static(resource, body, new=False)
        if bad:
            return refuse(422, "the body is wrong in itself", bad)
        record = self._find(resource, record_id)
        if record is None or not world.opens(record, who):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        shown = world.show(record, who)
        changed = {name: value for name, value in sent.items() if name not in shown or not same(shown[name], value)}
        refused = self._refused_before(who, record, changed)
        if refused:
            return refused
        if not changed:
            unchanged = {200: Outcome("nothing changes", settle=lambda _: world.show(record, who))}
            if not self._acts(who, record, current=True):  # a step of another state only: the contract is silent
                unchanged |= refuse(403, "no update, step or move right at all", may=None)
            return unchanged
        return self._changed(who, record, changed)

    def _refused_before(self, who: str | None, record: Record, changed: Values) -> Prediction | None:
        world = self.world
        if not self._acts(who, record, current=False):
            return refuse(403, "no update, step or move right at all on this record", may=None)
        if changed and world.locked_above(record):
            return refuse(403, "a record above is locked", may=changed)
        resource = world.resource(record)
        lock = resource.locked if world.locked(record) else None
        held = {name for name in changed if lock and name not in lock.besides and name not in resource.steps}
        failing = {name for name in changed if not self._granted_before(who, record, name, changed[name])}
        if held:
            return refuse(403, f"locked: {', '.join(sorted(held))} may not change", may=changed)
        if failing:
            return refuse(403, f"not granted on the old record: {', '.join(sorted(failing))}", failing)
        return None

    def _granted_before(self, who: str | None, record: Record, name: str, value: Any) -> bool:
        resource = self.world.resource(record)
        if name == resource.parent:
            return self.world.may("move", record, who)
        if name in resource.steps:
            grants = resource.steps[name].get((str(record.values.get(name)), value), ())
            return self.world.holding(grants, record, who) is not None
        held = [g for g in self._covering(resource, name) if self.world.holds(g, record, who)]
        return bool(held) and self._writable(record, name, who)

    def _changed(self, who: str | None, record: Record, changed: Values) -> Prediction:
        world = self.world
        resource = world.resource(record)
        moved = resource.parent in changed
        after = replace(record, values={**record.values, **changed})
        if moved:
            assert resource.parent is not None
            after.parent = after.values.pop(resource.parent)
            target = world.records.get(after.parent or "")
            if target is None or target.resource != resource.parent or not world.opens(target, who):
                bad = {resource.parent} | self._unreadable(who, resource, changed)
                return refuse(422, "the new parent cannot be opened (or is not there)", bad, may=resource.fields)
        bad = self._unreadable(who, resource, changed)
        if bad:
            return refuse(422, "what these fields name cannot be read or is not there", bad, may=resource.fields)
        with world.supposing(after):
            for spec_field in resource.fields.values():
                asked = moved or spec_field.name in changed
                if spec_field.kind == "member of" and asked and after.values.get(spec_field.name) is not None:
                    bad |= set() if self._member(after, spec_field) else {spec_field.name}
        unknown = self._unknown_accounts(resource, changed)
        refused = self._refused_after(who, record, after, changed)
        if refused:
            return refused
        if bad | unknown:
            must = {name for name in bad | unknown if name in changed}
            return refuse(422, "what these fields name is no member, or no account", must, may=changed)
        with world.supposing(after):
            disturbed = [after, *(world.below(after) if moved else [])]
            collision = next(filter(None, (world.collision(other) for other in disturbed)), None)
            opens = world.opens(after, who)
        if collision:
            return refuse(409, collision, may=None)
        why = f"granted: {self._why_changed(who, record, changed)}"
        if opens:
            return {200: Outcome(why, settle=lambda answer: self._updated(answer, record, after, who))}
        return {204: Outcome(why + "; the caller can no longer open it", settle=lambda _: self._lost(record, after))}

    def _refused_after(self, who: str | None, record: Record, after: Record, changed: Values) -> Prediction | None:
        world = self.world
        resource = world.resource(record)
        plain = [name for name in changed if name != resource.parent and name not in resource.steps]
        covering = {name: self._covering(resource, name) for name in plain}
        before = {name: [g for g in grants if world.holds(g, record, who)] for name, grants in covering.items()}
        writing = {
            name: [g for g in resource.fields[name].write or () if world.holds(g, record, who)] for name in plain
        }
        sharing = self._unshared(who, after, changed)
        with world.supposing(after):
            if resource.parent in changed:
                if world.locked_above(after):
                    return refuse(403, "the new parent is locked", may=changed)
                if not world.may("create", after, who):
                    return refuse(403, "`create` is not granted under the new parent", may=changed)
            failing = {
                name
                for name in plain
                if not any(world.holds(g, after, who) for g in before[name])
                or (resource.fields[name].write and not any(world.holds(g, after, who) for g in writing[name]))
            }
        if failing:
            return refuse(403, f"not granted on the new record: {', '.join(sorted(failing))}", failing, sharing)
        if sharing:
            return refuse(403, "`share` is missing on what these fields would open", may=changed)
        return None

    def _why_changed(self, who: str | None, record: Record, changed: Values) -> str:
        resource = self.world.resource(record)
        texts: list[str] = []
        for name in changed:
            if name == resource.parent:
                texts.append(self._because("move", record, who))
                continue
            if name in resource.steps:
                grants = list(resource.steps[name].get((str(record.values.get(name)), changed[name]), ()))
            else:
                grants = self._covering(resource, name)
            held = [grant.text for grant in grants if self.world.holds(grant, record, who)]
            texts.append(f"{name} by {_quoted(held)}")
        return ", ".join(texts)

    def delete(self, who: str | None, resource: Resource, record_id: str) -> Prediction:
        """`DELETE /{plural}/{id}`."""
        world = self.world
        if who is None and not self.specification.anonymous_could(resource.name, "delete"):
            return refuse(401, f"no grant lets an anonymous caller delete any {resource.name}")
        record = self._find(resource, record_id)
        if record is None or not world.opens(record, who):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        if not world.may("delete", record, who):
            return refuse(403, f"no `delete` grant of {resource.name} holds", may=None)
        if world.locked(record) or world.locked_above(record):
            return refuse(403, "locked here or above", may=None)
        closure = self._closure(record)
        for other in closure.values():
            if other is not record and (world.resource(other).keep or world.locked(other) or world.locked_above(other)):
                return refuse(409, f"a {other.resource} that is kept or locked goes with it", may=None)
        for other in closure.values():
            for referrer, name in world.referrers(other):
                if referrer.id not in closure and self._when_gone(referrer, name, other) == "block":
                    return refuse(409, f"{referrer.resource}.{name} refers to a {other.resource} and blocks", may=None)
        return {204: Outcome(self._because("delete", record, who), settle=lambda _: self._gone(closure))}

    # Members

    def members(self, who: str | None, resource: Resource, record_id: str) -> Prediction:
        """`GET /{plural}/{id}/members`; the outcome's body is the list of rows in any order."""
        world = self.world
        if not resource.ladder:
            return refuse(404, f"{resource.name} has no roles", may=None)
        if who is None and not self.specification.anonymous_could(resource.name, "members"):
            return refuse(401, f"no `members` grant of {resource.name} can match an anonymous caller")
        record = self._find(resource, record_id)
        if record is None or not world.opens(record, who):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        everybody = world.may("members", record, who)
        rows = [
            {"account": account, "role": row.role, "expires_at": row.expires_at}
            for account in world.members.get(record.id, {})
            if (everybody or account == who) and (row := world.row(record, account))
        ]
        return {
            200: Outcome(
                "all live rows" if everybody else "`members` does not hold: one's own row", settle=lambda _: rows
            )
        }

    def add_member(self, who: str | None, resource: Resource, record_id: str, body: Values) -> Prediction:
        """`POST /{plural}/{id}/members`: `{account, role}`, or `{}` to join."""
        if self._out_of_time(resource, body):
            timely = {name: value for name, value in body.items() if name != "expires_at"}
            return _untimely(self.add_member(who, resource, record_id, timely))
        world = self.world
        if not resource.ladder:
            return refuse(404, f"{resource.name} has no roles", may=None)
        if who is None and not self.specification.anonymous_could(resource.name, "share"):
            return refuse(401, f"no `share` grant of {resource.name} can match an anonymous caller")
        joining = not body and resource.join_open
        if joining and who is None:
            return refuse(401, "nobody joins who is not signed in")
        bad = self._static_member(resource, body, new=not joining)
        if bad:
            return refuse(422, "the body is wrong in itself", may=None)
        record = self._find(resource, record_id)
        if record is None or not world.opens(record, who):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        if joining and who is not None:
            if world.row(record, who):
                return refuse(409, "already a member", may=None)
            return self._joined("`join: open`", record, who, {"role": resource.ladder[-1]})
        role, account = body["role"], body["account"]
        cap = self._cap(record, who)
        if cap is None or cap > resource.ladder.index(role):
            return refuse(403, f"`share` does not let the caller give `{role}`", may=None)
        if account not in world.accounts:
            return refuse(422, "there is no such account", may=None)
        row = world.row(record, account)
        if row:
            already = refuse(409, "already a member", may=None)
            if cap > resource.ladder.index(row.role):
                already |= refuse(403, "already a member, above the caller's cap", may=None)
            return already
        return self._joined(self._because("share", record, who), record, account, body)

    def change_member(
        self, who: str | None, resource: Resource, record_id: str, account: str, body: Values
    ) -> Prediction:
        """`PATCH /{plural}/{id}/members/{account}`."""
        if self._out_of_time(resource, body):
            timely = {name: value for name, value in body.items() if name != "expires_at"}
            return _untimely(self.change_member(who, resource, record_id, account, timely))
        world = self.world
        if not resource.ladder:
            return refuse(404, f"{resource.name} has no roles", may=None)
        if who is None and not self.specification.anonymous_could(resource.name, "share"):
            return refuse(401, f"no `share` grant of {resource.name} can match an anonymous caller")
        if self._static_member(resource, body, new=False):
            return refuse(422, "the body is wrong in itself", may=None)
        record = self._find(resource, record_id)
        if record is None or not world.opens(record, who):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        cap = self._cap(record, who)
        if cap is None or ("role" in body and cap > resource.ladder.index(body["role"])):
            return refuse(403, "`share` does not let the caller give this role", may=None)
        row = world.row(record, account)
        if row is None:
            return refuse(404, "that account has no row here")
        if cap > resource.ladder.index(row.role):
            return refuse(403, "the row's present role is above the caller's", may=None)
        return self._joined("`share` is granted", record, account, body, row, status=200)

    def remove_member(self, who: str | None, resource: Resource, record_id: str, account: str) -> Prediction:
        """`DELETE /{plural}/{id}/members/{account}`."""
        world = self.world
        if not resource.ladder:
            return refuse(404, f"{resource.name} has no roles", may=None)
        if who is None and not self.specification.anonymous_could(resource.name, "share"):
            return refuse(401, f"no `share` grant of {resource.name} can match an anonymous caller")
        record = self._find(resource, record_id)
        own = record is not None and who == account and world.row(record, account) is not None
        if record is None or not (own or world.opens(record, who)):
            return hide(f"no such {resource.name}, or no `open` or `read` grant of it holds for the caller")
        row = world.row(record, account)
        if not own:
            cap = self._cap(record, who)
            if row is None and who == account:
                return refuse(404, "the caller is no member") | refuse(403, "the caller may not share", may=None)
            if cap is None:
                return refuse(403, f"no `share` grant of {resource.name} holds", may=None)
            if row is None:
                return refuse(404, "that account has no row here")
            if cap > resource.ladder.index(row.role):
                return refuse(403, "the row's role is above the caller's", may=None)
        why = "leaving is always allowed" if own else "`share` is granted"
        return {204: Outcome(why, settle=lambda _: world.members[record.id].pop(account) and None)}

    # What the server's answer changes

    def _created(self, answer: Answer, record: Record, who: str | None) -> Values:
        body = answer.body if isinstance(answer.body, dict) else {}
        if not isinstance(body.get("id"), str) or body["id"] in self.world.records:
            raise MismatchError("a new id")
        if not isinstance(body.get("created_at"), str):
            raise MismatchError("`created_at`")
        self.world.made += 1
        record = replace(record, id=body["id"], created=body["created_at"], number=self.world.made)
        record.updated = _moment(body.get("updated_at"), since=record.created)
        self.world.records[record.id] = record
        return self.world.show(record, who)

    def _updated(self, answer: Answer, record: Record, after: Record, who: str | None) -> Values:
        self._lost(record, after)
        body = answer.body if isinstance(answer.body, dict) else {}
        after.updated = _moment(body.get("updated_at"), since=record.updated or record.created)
        return self.world.show(after, who)

    def _lost(self, record: Record, after: Record) -> None:
        after.updated = None
        self.world.records[record.id] = after
        if after.parent != record.parent:
            for other in [after, *self.world.below(after)]:
                self.world.members.pop(other.id, None)

    def _gone(self, closure: dict[str, Record]) -> None:
        for record in closure.values():
            for referrer, name in self.world.referrers(record):
                referrer.values[name] = None
        for record_id in closure:
            self.world.records.pop(record_id)
            self.world.members.pop(record_id, None)

    def _joined(
        self,
        why: str,
        record: Record,
        account: str,
        body: Values,
        row: Membership | None = None,
        status: int = 201,
    ) -> Prediction:
        expire = self.world.resource(record).expire

        def settle(answer: Answer) -> Values:
            got = answer.body.get("expires_at") if isinstance(answer.body, dict) else None
            role = body.get("role") or (row.role if row else "")
            kept = row.expires_at if row else None
            expected = canonical_moment(body["expires_at"]) if "expires_at" in body else kept
            if expire and (row is None or expected is None) and "expires_at" not in body:
                limit = datetime.now(UTC) + expire
                if got is None or abs(instant(got) - limit) > SLACK:
                    raise MismatchError(f"an `expires_at` about {written(limit)}")
                expected = got
            self.world.members.setdefault(record.id, {})[account] = Membership(role, expected)
            return {"account": account, "role": role, "expires_at": expected}

        return {status: Outcome(why, settle=settle)}

    # Smaller questions

    def _find(self, resource: Resource, record_id: str) -> Record | None:
        record = self.world.records.get(record_id)
        return record if record is not None and record.resource == resource.name else None

    def _because(self, action: str, record: Record, who: str | None) -> str:
        held = [g.text for g in self.world.resource(record).grants(action) if self.world.holds(g, record, who)]
        return f"{record.resource}.can.{action}: {_quoted(held)}"

    def _static(self, resource: Resource, body: Values, new: bool) -> tuple[Values, set[str]]:
        """Return the body's values in canonical form (with defaults where the record is new) and the wrong fields."""
        bad: set[str] = set()
        values: Values = {}
        for name, value in body.items():
            spec_field = resource.fields.get(name)
            if name == resource.parent:
                spec_field = Field(name, "reference", target=name)
            if spec_field is None or spec_field.by_engine:
                bad.add(name)
                continue
            try:
                values[name] = canonical(spec_field, value)
            except WrongError:
                bad.add(name)
        if not new:
            return values, bad
        for name, spec_field in resource.fields.items():
            if name in resource.steps:
                if values.setdefault(name, spec_field.options[0]) != spec_field.options[0]:
                    bad.add(name)
            elif name not in body:
                if spec_field.required:
                    bad.add(name)
                values[name] = spec_field.default
        if resource.parent and resource.parent not in body:
            bad.add(resource.parent)
        return values, bad

    def _unreadable(self, who: str | None, resource: Resource, values: Values) -> set[str]:
        bad: set[str] = set()
        for name, value in values.items():
            spec_field = resource.fields.get(name)
            if spec_field is None or value is None:
                continue
            if spec_field.kind == "reference":
                target = self.world.records.get(value)
                if target is None or target.resource != spec_field.target or not self.world.reads(target, who):
                    bad.add(name)
        return bad

    def _unknown_accounts(self, resource: Resource, values: Values) -> set[str]:
        """Return the fields that name an account which is not there: 422, before or after the grants are asked."""
        return {
            name
            for name, value in values.items()
            if name in resource.fields
            and resource.fields[name].kind in ("account", "member of")
            and value is not None
            and value not in self.world.accounts
        }

    def _member(self, record: Record, spec_field: Field) -> bool:
        there = next((r for r in self.world.above(record) if r.resource == spec_field.target), None)
        return there is not None and self.world.opens(there, record.values[spec_field.name])

    def _copy(self, record: Record) -> None:
        for name, spec_field in self.world.resource(record).fields.items():
            if spec_field.source is None:
                continue
            hops, last = spec_field.source
            there = self.world.reach(record, hops)
            value = None
            if there is not None:
                value = self.world.owner(there) if last == "owner" else there.values.get(last)
            record.values[name] = value

    def _writable(self, record: Record, name: str, who: str | None) -> bool:
        write = self.world.resource(record).fields[name].write
        return write is None or self.world.holding(write, record, who) is not None

    def _covering(self, resource: Resource, name: str) -> list[Grant]:
        return [grant for grant in resource.can.get("update", ()) if grant.only is None or name in grant.only]

    def _acts(self, who: str | None, record: Record, current: bool) -> bool:
        """Whether the caller has any update, step or move right here; `current`: steps from the present state only."""
        resource = self.world.resource(record)
        grants = [*resource.can.get("update", ()), *resource.can.get("move", ())]
        for name, steps in resource.steps.items():
            for (old, _), granted in steps.items():
                grants += granted if not current or record.values.get(name) == old else ()
        return self.world.holding(tuple(grants), record, who) is not None

    def _unshared(self, who: str | None, record: Record, sent: Values) -> set[str]:
        """Return the sent references that would open access to a record on which the caller has no `share`."""
        found: set[str] = set()
        for name in sent:
            if (record.resource, name) in self.specification.opening and record.values.get(name):
                target = self.world.records.get(record.values[name])
                if target is not None and not self.world.may("share", target, who):
                    found.add(name)
        return found

    def _cap(self, record: Record, who: str | None) -> int | None:
        """Return the strongest place on the ladder that the caller may give here; None: no right to share."""
        resource = self.world.resource(record)
        holding = [g for g in resource.can.get("share", ()) if self.world.holds(g, record, who)]
        if not holding:
            return None
        for grant in holding:
            if not any(term.kind == "role" and term.resource == resource.name and not term.hops for term in grant.who):
                return 0
        rank = self.world.rank(record, who)
        return len(resource.ladder) if rank is None else rank

    def _static_member(self, resource: Resource, body: Values, new: bool) -> bool:
        """Whether a member's body is wrong in itself."""
        if set(body) - {"account", "role", "expires_at"} or (new and not {"account", "role"} <= set(body)):
            return True
        if not new and "account" in body:
            return True
        if "role" in body and body["role"] not in resource.ladder:
            return True
        try:
            return body.get("expires_at") is not None and not instant(body["expires_at"])
        except WrongError:
            return True

    def _out_of_time(self, resource: Resource, body: Values) -> bool:
        """Whether `expires_at` is past, or later than the ladder lets a membership last."""
        try:
            moment = instant(body.get("expires_at") or "")
        except WrongError:
            return False
        now = datetime.now(UTC)
        return moment <= now or (resource.expire is not None and moment > now + resource.expire)

    def _closure(self, record: Record) -> dict[str, Record]:
        """Return what is deleted with a record: everything below, referrers with `when_gone: delete`, and so on."""
        found: dict[str, Record] = {}
        waiting = [record]
        while waiting:
            here = waiting.pop()
            if here.id in found:
                continue
            found[here.id] = here
            waiting += [other for other in self.world.records.values() if other.parent == here.id]
            waiting += [
                other
                for other, name in self.world.referrers(here)
                if self.world.resource(other).fields[name].when_gone == "delete"
            ]
        return found

    def _when_gone(self, referrer: Record, name: str, target: Record) -> str:
        said = self.world.resource(referrer).fields[name].when_gone
        if said:
            return said
        return "block" if self.world.root(referrer) is self.world.root(target) else "empty"


def _untimely(timely: Prediction) -> Prediction:
    """Predict 422 instead of success, and beside a refusal: when the clock is asked is not said."""
    refusals = {status: outcome for status, outcome in timely.items() if status >= 400 and status != 401}
    if 401 in timely:
        return timely
    return refusals | refuse(422, "`expires_at` is past, or later than the roles allow", may=None)


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _moment(text: Any, since: str) -> str:
    if not isinstance(text, str):
        raise MismatchError("`updated_at`")
    try:
        if instant(text) < instant(since):
            raise MismatchError(f"an `updated_at` not before {since}")
    except WrongError:
        raise MismatchError("an RFC 3339 `updated_at`") from None
    return text


def canonical_moment(text: str | None) -> str | None:
    """Write an instant as the server does, None as None."""
    return None if text is None else written(instant(text))


def in_order(items: list[Values], key: str, options: tuple[str, ...], shape: str) -> bool:
    """Whether items are sorted by a key: empty values together at either end, ties in any order.

    The order of a `one of` is not said: its alphabet and its list are both accepted.
    """
    name, descending = key.lstrip("-"), key.startswith("-")
    values = [item.get(name) for item in items]
    full = [value for value in values if value is not None]
    empty = len(values) - len(full)
    if empty and full and values[empty:] != full and values[: len(full)] != full:
        return False
    readings: list[list[Any]] = [[Decimal(value) for value in full] if shape == "decimal" else full]
    if shape == "one of":
        readings.append([options.index(value) for value in full])
    return any(reading == sorted(reading, reverse=descending) for reading in readings)
