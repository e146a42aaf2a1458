"""What the contract says an attempt must be answered with, and what it does: by the pure domain over a snapshot.

Nothing of the use cases or the adapters is used here, not even their table of statuses: what is broken there must
not be broken alike in the judge.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from application.proof import lists
from application.proof.attempts import OF_CALLER, Attempt, Verb
from application.proof.callers import MadeLink, actor_of, by_link, link_of
from application.secret_links import link_hash
from domain.abilities import Able
from domain.access import holders
from domain.deletion import obstacles
from domain.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Refusal,
)
from domain.expansion import shown
from domain.invitation import Invitation
from domain.judging import judge_change, judge_creation, judge_deletion, judge_result, sharing_cap
from domain.membership import Membership, longest, within
from domain.offer import Offer
from domain.outlook import MOST_TIES, Outlook
from domain.ownership import Actor, Facts, may, seen, view
from domain.record import Record, accept_changes, accept_new, create
from domain.secret_link import SecretLink
from domain.snapshot import Snapshot
from domain.specification.analysis import anonymous_may
from domain.specification.model import Field, Kind, Ladder, Links, Place, Resource
from domain.values import accept, instant_text

STATUS: Mapping[type[Refusal], int] = {
    Malformed: 400,
    NotAuthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    Invalid: 422,
    PreconditionRequired: 428,
}
"""of `docs/http.md`, written down a second time on purpose"""
COVERING = ("not_found", "not_a_member")
"""codes of a field that say the same of what is hidden and of what is missing"""
NEW = "ffffffff-ffff-4fff-bfff-ffffffffffff"
"""stands for the id that a creation will be answered with"""
_EXPIRY = Field("expires_at", Kind.TIME, Place(0, 0))

REMEMBERED = timedelta(hours=24)
"""how long an answer is given again to who sends the same with the same key"""

Effect = Callable[[Mapping[str, Any] | None], None]
"""makes the snapshot what it is afterwards, given the answer's JSON object"""


@dataclass(frozen=True, slots=True)
class Expected:
    """The right answer."""

    status: int
    code: str | None = None
    """of a refusal"""
    fields: frozenset[str] = frozenset()
    """that a refusal names"""
    codes: frozenset[tuple[str, str]] = frozenset()
    """what it says of each"""
    body: Any = None
    """the JSON of a success; None where it has no body"""
    effect: Effect | None = field(default=None, compare=False)
    items: tuple[tuple[int, int, str | None], ...] = ()
    """of a batch that is refused: number, status and code of what its problem tells of"""
    again: bool = False
    """whether it is what its caller was answered before, to the letter, whatever has become of it"""

    @property
    def refused(self) -> bool:
        """Whether it is a refusal."""
        return self.status >= 400

    @property
    def covers(self) -> bool:
        """Whether hidden and missing are refused alike here: the explanation, too, must be the same for both."""
        return bool(self.codes) and all(code in COVERING for _, code in self.codes)

    @property
    def channel(self) -> str | None:
        """The declared channel by which this answer may depend on what the caller cannot see."""
        names = {"not_unique": "unique", "limit_reached": "limit", "blocked": "delete"}
        return names.get(self.code or "") or ("member" if self.code == "invalid" and self.fields else None)


class Oracle:
    """The right answer to every attempt on one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Effects change this very snapshot."""
        self.snapshot = snapshot
        self.specification = snapshot.specification
        self._able = Able(snapshot.specification)
        self._answered: dict[tuple[str | None, str], tuple[str, Expected, datetime]] = {}

    def expect(self, attempt: Attempt) -> Expected:
        """What the attempt must be answered with."""
        actor = actor_of(attempt.who)
        try:
            self._check_link(attempt)
            if attempt.key is not None:
                return self._once(attempt, actor, attempt.key)
            return self._answers[attempt.verb](self, attempt, actor)
        except Refusal as refusal:
            fields = frozenset(error.field for error in refusal.errors)
            codes = frozenset((error.field, error.code) for error in refusal.errors)
            return Expected(STATUS[type(refusal)], refusal.code, fields, codes)

    def _once(self, attempt: Attempt, actor: Actor, key: str) -> Expected:
        """The same again is answered the same, another message is refused; what others sent with the key is nothing."""
        if attempt.verb is Verb.BATCH:
            self._admit_batch(actor)
        else:
            self._admit(actor, attempt.resource, "create" if attempt.verb is Verb.CREATE else "share")
        if actor.account is None:
            raise NotAuthenticated(code="idempotency_needs_account")
        where = [
            attempt.verb in (Verb.CREATE, Verb.BATCH),
            attempt.verb is Verb.BATCH,
            attempt.resource,
            attempt.record,
        ]
        sent = json.dumps([where, attempt.message], sort_keys=True)
        message, answered, at = self._answered.get((attempt.who, key), ("", None, self.snapshot.now))
        if answered is not None and self.snapshot.now < at + REMEMBERED:
            if message != sent:
                raise Invalid(code="idempotency_key_reused")
            return answered
        expected = self._answers[attempt.verb](self, attempt, actor)
        if expected.refused:
            return expected

        def effect(body: Mapping[str, Any] | None) -> None:
            assert expected.effect is not None, "what is posted writes"
            expected.effect(body)
            again = replace(expected, body=body, effect=None, again=True)
            self._answered[attempt.who, key] = sent, again, self.snapshot.now

        return replace(expected, effect=effect)

    # --- reading -----------------------------------------------------------------------------

    def get(self, attempt: Attempt, actor: Actor) -> Expected:
        """One record."""
        self._admit(actor, attempt.resource, "open")
        wanted = lists.selection(self.specification, attempt, actor)
        return Expected(200, body=shown(actor, self._opened(attempt, actor), wanted))

    def my_access(self, attempt: Attempt, actor: Actor) -> Expected:
        """What the caller may do with one record."""
        self._admit(actor, attempt.resource, "open")
        facts = self._opened(attempt, actor)
        new = [self.snapshot.imagine(blank) for blank in self._able.blanks(actor, facts)]
        found = self._able.of(actor, facts, new)
        body: dict[str, Any] = {name: list(getattr(found, name)) for name in ("actions", "fields", "create")}
        if facts.resource.steps:
            body["steps"] = {name: list(values) for name, values in found.steps.items()}
        if facts.resource.ladder is not None:
            body |= {"role": found.role, "roles": list(found.roles)}
        return Expected(200, body=body)

    def access(self, attempt: Attempt, actor: Actor) -> Expected:
        """Who can do what with one record, by nothing but what the caller sees."""
        shared = self.specification.shared(attempt.resource)
        assert shared is not None
        self._admit(actor, attempt.resource, "open")
        self._admit(actor, shared.name, "members")
        self._refuse_link(attempt, actor)
        facts = self._opened(attempt, actor)
        above = next(at for at in facts.above() if at.record.resource == shared.name)
        if not may("members", actor, above):
            raise Forbidden
        world = Outlook(self.specification, self.snapshot.now, Shown(self.snapshot, actor))
        record = world.record(attempt.resource, facts.record.id)
        items = [
            {
                "whose": str(holder.whose),
                "account": holder.account,
                "role": holder.role,
                "rights": [
                    {
                        "action": right.action,
                        "step": right.step,
                        "grant": right.because.grant.text,
                        "line": right.because.grant.place.line,
                        "because": list(right.because.terms),
                    }
                    for right in holder.rights
                ],
            }
            for holder in holders(Facts(record, world), world)
        ]
        return Expected(200, body={"items": items})

    def page(self, attempt: Attempt, actor: Actor) -> Expected:
        """A page of what the caller can read, filtered and sorted by what it sees."""
        self._admit(actor, attempt.resource, "read")
        query = lists.read(self.specification, attempt, actor)
        if attempt.stolen:
            raise Malformed(code="bad_cursor")
        rows = lists.rows(self.snapshot, attempt.resource, query, actor)
        end = attempt.skipped + query.limit
        items = [shown(actor, at, query.wanted) for at in rows[attempt.skipped : end]]
        body = {"items": items, "next_cursor": len(rows) > end}
        return Expected(200, body=body | {"total": len(rows)} if query.counted else body)

    def not_offered(self, attempt: Attempt, actor: Actor) -> Expected:
        """Never: the method is not offered, whatever is there."""
        return Expected(405, "method_not_allowed")

    # --- writing -----------------------------------------------------------------------------

    def create(self, attempt: Attempt, actor: Actor) -> Expected:
        """A new record."""
        self._admit(actor, attempt.resource, "create")
        model = self.specification.resources[attempt.resource]
        body = attempt.body or {}
        given = accept_new(model, body)
        parent_id = None if model.parent is None else str(given.pop(model.parent))
        targets = self._targets(actor, model, given, parent_id)
        parent = None if model.parent is None else targets[model.parent].record
        owner = str(actor.account) if parent is None else parent.owner
        now = self.snapshot.now
        record = create(model, NEW, owner, parent_id, given, actor.account, lambda f: _copied(targets, f), now)
        facts = self.snapshot.imagine(record)
        judge_creation(actor, facts, body)
        self._check_accounts(facts, set(given), None)
        self.snapshot.check_unique(record)
        self.snapshot.check_limit(record)

        def effect(answered: Mapping[str, Any] | None) -> None:
            self.snapshot.put(_as_answered(record, answered))

        return Expected(201, body=view(actor, facts), effect=effect)

    def update(self, attempt: Attempt, actor: Actor) -> Expected:
        """A change, a step or a move."""
        self._admit(actor, attempt.resource, "update")
        model = self.specification.resources[attempt.resource]
        given = accept_changes(model, attempt.body or {})
        self._refuse_link(attempt, actor)
        self._require_condition(model, attempt)
        old = self._opened(attempt, actor)
        self._check_condition(attempt)
        change = judge_change(actor, old, given)
        if not change:
            return Expected(200, body=view(actor, old))
        targets = self._targets(actor, model, change.fields, change.moves_to)
        now = self.snapshot.now
        record = old.record.edit(change.fields, now)
        if change.moves_to is not None and model.parent is not None:
            record = record.moved(targets[model.parent].record, now)
        new = self.snapshot.imagine(record)
        judge_result(actor, new, change)
        self._check_accounts(new, set(change.fields), model.parent if change.moves_to is not None else None)
        after = self._stored(old.record, record)
        stored = after.facts(after.records[record.resource][record.id])
        shown = view(actor, stored) if may("open", actor, stored) else None

        def effect(answered: Mapping[str, Any] | None) -> None:
            self._become(after)

        return Expected(204 if shown is None else 200, body=shown, effect=effect)

    def _become(self, after: Snapshot) -> None:
        self.snapshot.records, self.snapshot.memberships = after.records, after.memberships
        self.snapshot.links = after.links
        self.snapshot.invitations, self.snapshot.offers = after.invitations, after.offers

    def _stored(self, before: Record, record: Record) -> Snapshot:
        """The snapshot with the change in it. Raises `Conflict`."""
        after = self.snapshot.copy()
        after.check_unique(record)
        if before.owner != record.owner:
            after.check_limit(record)
        if before.parent == record.parent:
            after.put(record)
        else:
            after.move(record)
        return after

    def delete(self, attempt: Attempt, actor: Actor) -> Expected:
        """A deletion."""
        self._admit(actor, attempt.resource, "delete")
        self._refuse_link(attempt, actor)
        self._require_condition(self.specification.resources[attempt.resource], attempt)
        facts = self._opened(attempt, actor)
        self._check_condition(attempt)
        judge_deletion(actor, facts)
        if obstacles(facts):
            raise Conflict(code="blocked")
        return Expected(204, effect=lambda _: self.snapshot.remove(facts.record))

    def _targets(
        self, actor: Actor, model: Resource, given: Mapping[str, Any], parent_id: str | None
    ) -> dict[str, Facts]:
        """The parent, which must be open to the caller, and the references, which must be readable (`Invalid`)."""
        wanted = [] if parent_id is None else [(str(model.parent), str(model.parent), parent_id, "open")]
        for reference in model.references():
            if given.get(reference.name) is not None:
                wanted.append((reference.name, str(reference.target), given[reference.name], "read"))
        found: dict[str, Facts] = {}
        errors = []
        for name, target, target_id, action in wanted:
            record = self.snapshot.record(target, target_id)
            if record is None or not may(action, actor, self.snapshot.facts(record)):
                errors.append(FieldError(name, "not_found", ""))
            else:
                found[name] = self.snapshot.facts(record)
        if errors:
            raise Invalid(errors=tuple(errors))
        return found

    def _check_accounts(self, facts: Facts, written: set[str], moved: str | None) -> None:
        errors = []
        for each in facts.resource.fields.values():
            account = facts.record.values[each.name]
            if account is None or not (each.name in written or (moved and each.kind is Kind.MEMBER)):
                continue
            if each.kind is Kind.ACCOUNT and account not in self.snapshot.accounts:
                errors.append(FieldError(each.name, "not_found", ""))
            elif each.kind is Kind.MEMBER:
                there = facts.follow(each.path)
                known = account in self.snapshot.accounts
                if there is None or not known or not may("open", Actor(account), there):
                    errors.append(FieldError(each.name if each.name in written else str(moved), "not_a_member", ""))
        if errors:
            raise Invalid(errors=tuple(errors))

    # --- batches -----------------------------------------------------------------------------

    def batch(self, attempt: Attempt, actor: Actor) -> Expected:
        """What its operations would be answered one after the other; nothing where one of them is refused."""
        self._admit_batch(actor)
        there = Oracle(self.snapshot.copy())
        ids: dict[str, str] = {}
        items = []
        for number, operation in enumerate(attempt.operations):
            made = made_by(number)
            expected = there.expect(operation.naming(ids))
            if expected.refused:
                return self._refused(attempt, number, expected)
            if expected.effect is not None:
                expected.effect({"id": made})
            create = operation.verb is Verb.CREATE
            ids[f"${number}.id"] = made if create else str(operation.naming(ids).record)
            shown = expected.body
            if shown is not None and create:
                shown = {**shown, "id": made}
            items.append({"status": expected.status, "id": ids[f"${number}.id"], "record": shown})

        def effect(answered: Mapping[str, Any] | None) -> None:
            for operation, found in done(attempt, answered):
                expected = self.expect(operation)
                if expected.effect is not None:
                    expected.effect({"id": found})

        return Expected(200, body={"items": items}, effect=effect)

    def _refused(self, attempt: Attempt, number: int, expected: Expected) -> Expected:
        """The first refusal, and what later messages alone are refused for."""
        items = [(number, expected.status, expected.code)]
        actor = actor_of(attempt.who)
        for later, operation in enumerate(attempt.operations[number + 1 :], number + 1):
            try:
                self._admit(actor, operation.resource, operation.verb)
                known = {f"${i}.id": made_by(i) for i in range(later)}
                model, body = self.specification.resources[operation.resource], operation.naming(known).body
                if body is not None:
                    (accept_new if operation.verb is Verb.CREATE else accept_changes)(model, body)
            except Refusal as refusal:
                items.append((later, STATUS[type(refusal)], refusal.code))
        place = f"operations/{number}/body"
        fields = frozenset(f"{place}/{name}" for name in expected.fields)
        codes = frozenset((f"{place}/{name}", code) for name, code in expected.codes)
        return Expected(expected.status, expected.code, fields, codes, items=tuple(items))

    def _admit_batch(self, actor: Actor) -> None:
        resources = self.specification.resources.values()
        writing = ((model, action) for model in resources for action in ("create", "update", "delete"))
        nobody = actor.account is None and actor.link is None
        if nobody and not any(anonymous_may(self.specification, *each) for each in writing):
            raise NotAuthenticated

    # --- members -----------------------------------------------------------------------------

    def members(self, attempt: Attempt, actor: Actor) -> Expected:
        """The memberships that the caller may see."""
        self._admit(actor, attempt.resource, "members")
        self._refuse_link(attempt, actor)
        facts = self._opened(attempt, actor)
        everyone = may("members", actor, facts).allowed
        found = [
            membership
            for (record, account), membership in self.snapshot.memberships.items()
            if record == attempt.record
            and membership.live(self.snapshot.now)
            and (everyone or account == actor.account)
        ]
        return Expected(200, body={"items": [_shown(each) for each in sorted(found, key=lambda each: each.account)]})

    def add_member(self, attempt: Attempt, actor: Actor) -> Expected:
        """Give a role."""
        self._admit(actor, attempt.resource, "share")
        self._refuse_link(attempt, actor)
        body = attempt.body or {}
        facts = self._opened(attempt, actor)
        self._within_cap(facts, body["role"], sharing_cap(actor, facts))
        ends = self._ends(facts.resource.ladder, body.get("expires_at"))
        if body["account"] not in self.snapshot.accounts:
            raise Invalid(errors=(FieldError("account", "not_found", ""),))
        return self._new_member(facts, body["account"], body["role"], ends)

    def join(self, attempt: Attempt, actor: Actor) -> Expected:
        """Take the weakest role of a ladder that is open."""
        self._admit(actor, attempt.resource, "share")
        ladder = self.specification.resources[attempt.resource].ladder
        assert ladder is not None
        if not ladder.join_open:
            raise Invalid(errors=(FieldError("account", "missing", ""), FieldError("role", "missing", "")))
        self._refuse_link(attempt, actor)
        if actor.account is None:
            raise NotAuthenticated
        facts = self._opened(attempt, actor)
        return self._new_member(facts, actor.account, ladder.weakest, longest(ladder, self.snapshot.now))

    def _new_member(self, facts: Facts, account: str, role: str, ends: Any) -> Expected:
        key = facts.record.id, account
        present = self.snapshot.memberships.get(key)
        if present is not None and present.live(self.snapshot.now):
            raise Conflict(code="already_a_member")
        return self._member(201, Membership(facts.record.resource, facts.record.id, account, role, ends))

    def _member(self, status: int, membership: Membership) -> Expected:
        def effect(answered: Mapping[str, Any] | None) -> None:
            self.snapshot.memberships[membership.record, membership.account] = membership

        return Expected(status, body=_shown(membership), effect=effect)

    def change_member(self, attempt: Attempt, actor: Actor) -> Expected:
        """Change a role."""
        self._admit(actor, attempt.resource, "share")
        self._refuse_link(attempt, actor)
        body, facts = attempt.body or {}, self._opened(attempt, actor)
        ladder, cap = facts.resource.ladder, sharing_cap(actor, facts)
        assert ladder is not None
        self._within_cap(facts, body.get("role") or ladder.weakest, cap)
        present = self._present(attempt)
        self._within_cap(facts, present.role, cap)
        asked = body.get("expires_at")
        ends = present.expires_at if asked is None else self._ends(ladder, asked)
        return self._member(200, replace(present, role=body.get("role") or present.role, expires_at=ends))

    def remove_member(self, attempt: Attempt, actor: Actor) -> Expected:
        """End a membership."""
        self._refuse_link(attempt, actor)
        own = actor.account is not None and actor.account == attempt.account
        brought_back: list[Invitation] = []
        if not own:
            self._admit(actor, attempt.resource, "share")
            facts = self._opened(attempt, actor)
            cap = sharing_cap(actor, facts)
            if cap is None:
                raise Forbidden
            self._within_cap(facts, self._present(attempt).role, cap)
            brought_back = self._bringing_back(facts, str(attempt.account), cap)
        present = self._present(attempt)

        def effect(answered: Mapping[str, Any] | None) -> None:
            del self.snapshot.memberships[present.record, present.account]
            for each in brought_back:
                del self.snapshot.invitations[each.id]

        return Expected(204, effect=effect)

    def _bringing_back(self, facts: Facts, account: str, cap: str) -> list[Invitation]:
        """The invitations to an account, or to its address, that may be taken back with its membership."""
        email, ladder = self.snapshot.accounts[account].email, facts.resource.ladder
        assert ladder is not None
        found = (each for each in self._waiting_on(facts) if each.account == account or each.email == email)
        return [each for each in found if within(ladder, each.role, cap)]

    def _present(self, attempt: Attempt) -> Membership:
        found = self.snapshot.memberships.get((str(attempt.record), str(attempt.account)))
        if found is None or not found.live(self.snapshot.now) or found.resource != attempt.resource:
            raise NotFound
        return found

    def _within_cap(self, facts: Facts, role: str, cap: str | None) -> None:
        ladder = facts.resource.ladder
        assert ladder is not None
        if not within(ladder, role, cap):
            raise Forbidden

    def _ends(self, given: Ladder | Links | None, asked: Any) -> Any:
        assert given is not None
        latest = longest(given, self.snapshot.now)
        if asked is None:
            return latest
        ends = accept(_EXPIRY, asked)
        if ends <= self.snapshot.now:
            raise Invalid(errors=(FieldError("expires_at", "past", ""),))
        if latest is not None and ends > latest:
            raise Invalid(errors=(FieldError("expires_at", "too_late", ""),))
        return ends

    # --- invitations -------------------------------------------------------------------------

    def invite(self, attempt: Attempt, actor: Actor) -> Expected:
        """Have a role wait for an address."""
        self._admit(actor, attempt.resource, "share")
        self._refuse_link(attempt, actor)
        account, body, facts = self._account(actor), attempt.body or {}, self._opened(attempt, actor)
        cap, email, now = sharing_cap(actor, facts), str(body["email"]), self.snapshot.now
        self._within_cap(facts, body["role"], cap)
        ends = None if body.get("expires_at") is None else self._ends(facts.resource.ladder, body["expires_at"])
        for each in self._waiting_on(facts):
            if each.email == email:
                self._within_cap(facts, each.role, cap)
        whose = next((each.id for each in self.snapshot.accounts.values() if each.email == email), None)
        made = Invitation.of(NEW, attempt.resource, facts.record.id, email, body["role"], account, now, ends, whose)

        def effect(answered: Mapping[str, Any] | None) -> None:
            for each in list(self.snapshot.invitations.values()):
                if (each.record, each.email) == (made.record, made.email):
                    del self.snapshot.invitations[each.id]
            new = replace(made, id=str((answered or {})["id"]))
            self.snapshot.invitations[new.id] = new

        return Expected(202, body=_sent(made), effect=effect)

    def invitations(self, attempt: Attempt, actor: Actor) -> Expected:
        """What waits on a record."""
        return Expected(200, body={"items": [_sent(each) for each in self._waiting_on(self._shared(attempt, actor))]})

    def uninvite(self, attempt: Attempt, actor: Actor) -> Expected:
        """End what waits on a record."""
        facts = self._shared(attempt, actor)
        found = next((each for each in self._waiting_on(facts) if each.id == attempt.waiting), None)
        if found is None:
            raise NotFound
        self._within_cap(facts, found.role, sharing_cap(actor, facts))
        return Expected(204, effect=self._without(found))

    def _shared(self, attempt: Attempt, actor: Actor) -> Facts:
        self._admit(actor, attempt.resource, "share")
        self._refuse_link(attempt, actor)
        facts = self._opened(attempt, actor)
        if sharing_cap(actor, facts) is None:
            raise Forbidden
        return facts

    def waiting(self, attempt: Attempt, actor: Actor) -> Expected:
        """What waits for the caller."""
        account = self._account(actor)
        found = [each for each in self.snapshot.invitations.values() if each.account == account]
        live = sorted((each for each in found if each.waits(self.snapshot.now)), key=lambda each: each.id, reverse=True)
        return Expected(200, body={"items": [_received(each) | _role(each) for each in live]})

    def accept(self, attempt: Attempt, actor: Actor) -> Expected:
        """Become a member, if the inviter could still give that role."""
        account, found = self._account(actor), self._mine(attempt, actor)
        facts, by = self.snapshot.facts(self.snapshot.records[found.resource][found.record]), Actor(found.inviter)
        ladder = facts.resource.ladder
        assert ladder is not None
        if not within(ladder, found.role, sharing_cap(by, facts)):
            return Expected(409, "invitation_lapsed", effect=self._without(found))
        present = self.snapshot.memberships.get((found.record, account))
        if present is not None and present.live(self.snapshot.now):
            raise Conflict(code="already_a_member")
        given = found.membership(ladder, account, self.snapshot.now)

        def effect(answered: Mapping[str, Any] | None) -> None:
            self._without(found)(answered)
            self.snapshot.memberships[found.record, account] = given

        return Expected(200, body={"resource": found.resource, "record": found.record} | _shown(given), effect=effect)

    def decline(self, attempt: Attempt, actor: Actor) -> Expected:
        """Do without."""
        self._account(actor)
        return Expected(204, effect=self._without(self._mine(attempt, actor)))

    def _waiting_on(self, facts: Facts) -> list[Invitation]:
        found = [each for each in self.snapshot.invitations.values() if each.record == facts.record.id]
        return sorted((each for each in found if each.waits(self.snapshot.now)), key=lambda each: each.id, reverse=True)

    def _mine(self, attempt: Attempt, actor: Actor) -> Invitation:
        found = self.snapshot.invitations.get(str(attempt.waiting))
        if found is None or found.account != actor.account or not found.waits(self.snapshot.now):
            raise NotFound
        return found

    def _without(self, invitation: Invitation) -> Effect:
        def effect(answered: Mapping[str, Any] | None) -> None:
            del self.snapshot.invitations[invitation.id]

        return effect

    # --- links -------------------------------------------------------------------------------

    def link(self, attempt: Attempt, actor: Actor) -> Expected:
        """A new link, whose token is told."""
        self._admit(actor, attempt.resource, "share")
        self._refuse_link(attempt, actor)
        model, body = self.specification.resources[attempt.resource], attempt.body or {}
        assert model.links is not None
        role = body.get("role") or model.links.role
        if role not in model.linked_roles:
            raise Invalid(errors=(FieldError("role", "not_one_of", ""),))
        facts = self._shared(attempt, actor)
        self._within_cap(facts, role, sharing_cap(actor, facts))
        now, ends = self.snapshot.now, self._ends(model.links, body.get("expires_at"))
        made = MadeLink(NEW, "", attempt.resource, facts.record.id, role, now, ends)

        def effect(answered: Mapping[str, Any] | None) -> None:
            told = answered or {}
            link = replace(made, id=str(told["id"]), hash=link_hash(str(told["token"])), token=str(told["token"]))
            self.snapshot.links[link.hash] = link

        return Expected(201, body=_linked(made), effect=effect)

    def links(self, attempt: Attempt, actor: Actor) -> Expected:
        """The living links to a record."""
        return Expected(200, body={"items": [_linked(each) for each in self._living(self._shared(attempt, actor))]})

    def unlink(self, attempt: Attempt, actor: Actor) -> Expected:
        """End one."""
        facts = self._shared(attempt, actor)
        found = next((each for each in self._living(facts) if each.id == attempt.waiting), None)
        if found is None:
            raise NotFound
        self._within_cap(facts, found.role, sharing_cap(actor, facts))

        def effect(answered: Mapping[str, Any] | None) -> None:
            del self.snapshot.links[found.hash]

        return Expected(204, effect=effect)

    def _living(self, facts: Facts) -> list[SecretLink]:
        found = [each for each in self.snapshot.links.values() if each.record == facts.record.id]
        living = (each for each in found if each.live(self.snapshot.now) and each.role in facts.resource.linked_roles)
        return sorted(living, key=lambda each: each.id, reverse=True)

    # --- offers ------------------------------------------------------------------------------

    def offer(self, attempt: Attempt, actor: Actor) -> Expected:
        """Offer a record."""
        facts, account = self._givable(attempt, actor), str((attempt.body or {})["account"])
        if account in (actor.account, facts.record.owner):
            raise Invalid(errors=(FieldError("account", "owner", ""),))
        made = Offer.of(NEW, attempt.resource, facts.record.id, str(actor.account), account, self.snapshot.now)

        def effect(answered: Mapping[str, Any] | None) -> None:
            self._without_offer(made.record)
            new = replace(made, id=str((answered or {})["id"]))
            self.snapshot.offers[new.id] = new

        return Expected(202, body=_received(made) | {"account": account}, effect=effect)

    def offered(self, attempt: Attempt, actor: Actor) -> Expected:
        """The open offer of a record, if there is one."""
        open_ = self._offers_of(self._givable(attempt, actor))
        return Expected(200, body={"items": [_received(each) | {"account": each.recipient} for each in open_]})

    def withdraw(self, attempt: Attempt, actor: Actor) -> Expected:
        """End it."""
        open_ = self._offers_of(self._givable(attempt, actor))
        found = next((each for each in open_ if each.id == attempt.waiting), None)
        if found is None:
            raise NotFound
        return Expected(204, effect=lambda _: self._without_offer(found.record))

    def offers(self, attempt: Attempt, actor: Actor) -> Expected:
        """What is offered to the caller."""
        account = self._account(actor)
        found = [each for each in self.snapshot.offers.values() if each.recipient == account]
        live = sorted((each for each in found if each.waits(self.snapshot.now)), key=lambda each: each.id, reverse=True)
        return Expected(200, body={"items": [_received(each) for each in live]})

    def take(self, attempt: Attempt, actor: Actor) -> Expected:
        """Own the record, if the giver could still hand it over."""
        self._account(actor)
        found = self._offer_to(attempt, actor)
        facts = self.snapshot.facts(self.snapshot.records[found.resource][found.record])
        if not may("transfer", Actor(found.giver), facts):
            return Expected(409, "offer_lapsed", effect=lambda _: self._without_offer(found.record))
        after = self.snapshot.copy()
        after.hand_over(found)
        return Expected(200, body=_received(found), effect=lambda _: self._become(after))

    def refuse(self, attempt: Attempt, actor: Actor) -> Expected:
        """Do without."""
        self._account(actor)
        found = self._offer_to(attempt, actor)
        return Expected(204, effect=lambda _: self._without_offer(found.record))

    def _givable(self, attempt: Attempt, actor: Actor) -> Facts:
        self._admit(actor, attempt.resource, "transfer")
        self._refuse_link(attempt, actor)
        self._account(actor)
        facts = self._opened(attempt, actor)
        if not may("transfer", actor, facts):
            raise Forbidden
        return facts

    def _offers_of(self, facts: Facts) -> list[Offer]:
        found = (each for each in self.snapshot.offers.values() if each.record == facts.record.id)
        return [each for each in found if each.waits(self.snapshot.now)]

    def _offer_to(self, attempt: Attempt, actor: Actor) -> Offer:
        found = self.snapshot.offers.get(str(attempt.waiting))
        if found is None or found.recipient != actor.account or not found.waits(self.snapshot.now):
            raise NotFound
        return found

    def _without_offer(self, record: str) -> None:
        for each in [each.id for each in self.snapshot.offers.values() if each.record == record]:
            del self.snapshot.offers[each]

    def _account(self, actor: Actor) -> str:
        if actor.link is not None:
            raise Forbidden
        if actor.account is None:
            raise NotAuthenticated
        return actor.account

    # --- conditions --------------------------------------------------------------------------

    def _admit(self, actor: Actor, resource: str, action: str) -> None:
        """An anonymous caller is told to sign in where no grant could ever match one."""
        model = self.specification.resources[resource]
        if actor.link is not None:
            if action == "create":
                raise Forbidden
        elif actor.account is None and not anonymous_may(self.specification, model, action):
            raise NotAuthenticated

    def _check_link(self, attempt: Attempt) -> None:
        """A link that is not, has ended or may not carry its role is a bad token, whatever it is used for."""
        if by_link(attempt.who) and attempt.verb is not Verb.REPLACE:
            link = link_of(self.snapshot, attempt.who)
            if link is None or not link.live(self.snapshot.now):
                raise NotAuthenticated(code="bad_link")

    def _refuse_link(self, attempt: Attempt, actor: Actor) -> None:
        """A link opens and reads: everything else on a record that it can open is forbidden."""
        if actor.link is not None:
            self._opened(attempt, actor)
            raise Forbidden

    def _opened(self, attempt: Attempt, actor: Actor) -> Facts:
        record = self.snapshot.records[attempt.resource].get(str(attempt.record))
        if record is None or not may("open", actor, self.snapshot.facts(record)):
            raise NotFound
        return self.snapshot.facts(record)

    def hides(self, attempt: Attempt) -> bool:
        """Whether the attempt is about a record that is there, and that its caller cannot open; or waits for others."""
        if attempt.waiting is not None and attempt.verb in OF_CALLER:
            return attempt.waiting in self.snapshot.invitations or attempt.waiting in self.snapshot.offers
        record = self.snapshot.records[attempt.resource].get(str(attempt.record))
        actor = actor_of(attempt.who)
        return record is not None and not may("open", actor, self.snapshot.facts(record))

    def _require_condition(self, model: Resource, attempt: Attempt) -> None:
        if model.require_if_match and not any(name == "if-match" for name, _ in attempt.headers):
            raise PreconditionRequired

    def _check_condition(self, attempt: Attempt) -> None:
        """A condition that an attempt carries is one that never holds, or `*`."""
        if any(name == "if-match" and value != "*" for name, value in attempt.headers):
            raise PreconditionFailed

    _answers: Mapping[Verb, Callable[["Oracle", Attempt, Actor], Expected]] = {
        Verb.LIST: page,
        Verb.GET: get,
        Verb.HEAD: get,
        Verb.CREATE: create,
        Verb.UPDATE: update,
        Verb.DELETE: delete,
        Verb.MY_ACCESS: my_access,
        Verb.ACCESS: access,
        Verb.MEMBERS: members,
        Verb.ADD_MEMBER: add_member,
        Verb.JOIN: join,
        Verb.CHANGE_MEMBER: change_member,
        Verb.REMOVE_MEMBER: remove_member,
        Verb.BATCH: batch,
        Verb.INVITE: invite,
        Verb.INVITATIONS: invitations,
        Verb.UNINVITE: uninvite,
        Verb.WAITING: waiting,
        Verb.ACCEPT: accept,
        Verb.DECLINE: decline,
        Verb.OFFER: offer,
        Verb.OFFERED: offered,
        Verb.WITHDRAW: withdraw,
        Verb.OFFERS: offers,
        Verb.TAKE: take,
        Verb.REFUSE: refuse,
        Verb.LINKS: links,
        Verb.LINK: link,
        Verb.UNLINK: unlink,
        Verb.REPLACE: not_offered,
    }


class Shown:
    """The `Source` of an outlook on a snapshot: what a caller would be shown."""

    def __init__(self, snapshot: Snapshot, actor: Actor) -> None:
        """Look at this very snapshot."""
        self._snapshot = snapshot
        self._actor = actor

    def view(self, resource: str, record_id: str) -> Mapping[str, Any] | None:
        """See `Source`."""
        record = self._snapshot.record(resource, record_id)
        facts = None if record is None else self._snapshot.facts(record)
        return None if facts is None or not may("open", self._actor, facts) else view(self._actor, facts)

    def members(self, resource: str, record_id: str) -> Mapping[str, str]:
        """See `Source`."""
        record = self._snapshot.record(resource, record_id)
        everyone = record is not None and may("members", self._actor, self._snapshot.facts(record)).allowed
        return {
            account: membership.role
            for (of, account), membership in self._snapshot.memberships.items()
            if of == record_id and membership.live(self._snapshot.now) and (everyone or account == self._actor.account)
        }

    def tying(self, link: str, back: str, record_id: str) -> list[Mapping[str, Any]]:
        """See `Source`; newest first, as lists are."""
        every = [self._snapshot.facts(record) for record in self._snapshot.records[link].values()]
        listed = [at for at in every if may("read", self._actor, at) and seen(back, self._actor, at) == record_id]
        newest = sorted(listed, key=lambda at: at.record.id, reverse=True)
        return [view(self._actor, at) for at in newest[:MOST_TIES]]


def made_by(number: int) -> str:
    """Stands for the id of what an operation of a batch creates."""
    return f"{NEW[:-2]}{number:02d}"


def done(attempt: Attempt, answered: Mapping[str, Any] | None) -> list[tuple[Attempt, str]]:
    """The operations of a batch as requests of their own, with the ids that its answer tells."""
    found = [str(item["id"]) for item in (answered or {"items": []})["items"]]
    ids = {f"${number}.id": name for number, name in enumerate(found)}
    return [(operation.naming(ids), name) for operation, name in zip(attempt.operations, found, strict=True)]


def _copied(targets: Mapping[str, Facts], each: Field) -> Any:
    start = targets.get(each.path[0].field)
    source = None if start is None else start.follow(each.path[1:])
    if source is None:
        return None
    return source.record.owner if each.copied == "owner" else source.record.values[str(each.copied)]


def _as_answered(record: Record, answered: Mapping[str, Any] | None) -> Record:
    """The new record under the id that the engine gave it."""
    return record if answered is None else replace(record, id=str(answered["id"]))


def _sent(invitation: Invitation) -> dict[str, Any]:
    made = instant_text(invitation.created_at)
    return {"id": invitation.id, "email": invitation.email, "created_at": made} | _role(invitation)


def _role(invitation: Invitation) -> dict[str, Any]:
    ends = invitation.expires_at
    return {"role": invitation.role, "expires_at": None if ends is None else instant_text(ends)}


def _linked(link: SecretLink) -> dict[str, Any]:
    ends, made = link.expires_at, instant_text(link.created_at)
    return {
        "id": link.id,
        "role": link.role,
        "expires_at": None if ends is None else instant_text(ends),
        "created_at": made,
    }


def _received(waiting: Invitation | Offer) -> dict[str, Any]:
    made = instant_text(waiting.created_at)
    return {"id": waiting.id, "resource": waiting.resource, "record": waiting.record, "created_at": made}


def _shown(membership: Membership) -> dict[str, Any]:
    ends = membership.expires_at
    return {
        "account": membership.account,
        "role": membership.role,
        "expires_at": None if ends is None else instant_text(ends),
    }
