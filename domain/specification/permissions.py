"""What a specification lets anybody do with a record, permission by permission, as cases."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.errors import Forbidden
from domain.judging import by_own_ladder, judge_change, judge_creation, judge_deletion, sharing_cap, throughs
from domain.membership import within
from domain.ownership import Actor, Facts, may, may_read_field
from domain.specification.cases import (
    ALWAYS,
    NOTHING,
    About,
    Case,
    Cases,
    Some,
    Space,
    all_of,
    assignment,
    beginning,
    beyond,
    conditions,
    failing,
    humblest,
    joined,
    places,
    possible,
    product,
    satisfying,
    simplest,
)
from domain.specification.model import (
    AccountField,
    Anyone,
    Can,
    Engine,
    Field,
    Grant,
    Hop,
    Owner,
    Path,
    Resource,
    Role,
    Rule,
    SignedIn,
    Specification,
    Staff,
    Through,
    Who,
)
from domain.specification.worlds import Small


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that somebody may do with a record of a resource.

    `action` is an action; `read` or `write` `of` a field with such a rule (`write`: when it is created); `update` of a
    field; a step (`of`: `status: todo -> doing`); `share` of a role; `join`, or `links`: making secret ones.
    """

    resource: str
    action: str
    of: str = ""

    @property
    def fresh(self) -> bool:
        """Whether it is asked of a record that is not there yet."""
        return self.action in ("create", "write")

    @property
    def locked(self) -> bool:
        """Whether locks forbid it."""
        return self.action in ("create", "write", "update", "delete", "move", "step")


def permissions(*specifications: Specification) -> tuple[Permission, ...]:
    """Every permission on the resources and fields that all of these specifications have, in the last one's order."""
    *others, last = specifications
    names = [name for name in last.resources if all(name in spec.resources for spec in others)]
    return tuple(p for name in names for p in permissions_on([spec.resources[name] for spec in specifications]))


def permissions_on(resources: Sequence[Resource]) -> Iterator[Permission]:
    """The permissions on one resource, as several specifications have it."""
    name = resources[-1].name
    fields = [f for f in resources[-1].fields if all(f in resource.fields for resource in resources)]
    actions = dict.fromkeys(action for resource in resources for action in resource.can)
    if "read" in actions:
        actions["open"] = None
    for action in actions:
        if action not in ("update", "share"):
            yield Permission(name, action)
    written = {f for resource in resources for f in fields if resource.fields[f].write is not None}
    for field in fields:
        if any(resource.fields[field].read is not None for resource in resources):
            yield Permission(name, "read", field)
        if "create" in actions and field in written:
            yield Permission(name, "write", field)
        if "update" in actions and not all(f.fields[field].by_engine or field in f.steps for f in resources):
            yield Permission(name, "update", field)
    steps = dict.fromkeys(
        f"{field}: {step.before} -> {step.after}"
        for resource in resources
        for field, steps in resource.steps.items()
        for step in steps
        if field in fields
    )
    yield from (Permission(name, "step", step) for step in steps)
    if "share" in actions:
        roles = (role for resource in resources if resource.ladder for role in resource.ladder.roles)
        yield from (Permission(name, "share", role) for role in dict.fromkeys(roles))
    if any(resource.links is not None for resource in resources):
        yield Permission(name, "links")
    if any(resource.ladder is not None and resource.ladder.join_open for resource in resources):
        yield Permission(name, "join")


# --- asked of the domain -------------------------------------------------------------------


def allowed(permission: Permission, actor: Actor, facts: Facts) -> bool:
    """Whether the actor has a permission on a record as it is, or to create it as it would be.

    As the use cases decide it: whoever does something with a record can open it, and locks hold. What a message carries
    besides is not asked: where a record moves to, what a change leads to, and whether what is referred to can be read.
    """
    resource, of = facts.resource, permission.of
    match permission.action:
        case "read" if of:
            return may("open", actor, facts).allowed and may_read_field(resource.fields[of], actor, facts)
        case "create" | "write":
            looked_at = asked_of(facts.world.specification, resource.name)
            chosen = {name for name in looked_at if facts.record.values[name] != resource.fields[name].initial}
            required = {f.name for f in resource.fields.values() if f.required}
            sent = required | {name for name in chosen if not resource.fields[name].by_engine} | ({of} if of else set())
            above = next(islice(facts.above(), 1, None), None)
            placed = actor.account is not None if above is None else may("open", actor, above).allowed
            names = dict.fromkeys([*sent, *([] if resource.parent is None else [resource.parent])])
            return placed and _passes(judge_creation, actor, facts, names)
        case "update":
            return may("open", actor, facts).allowed and _passes(judge_change, actor, facts, {of: object()})
        case "move":
            moves = resource.parent is not None and may("open", actor, facts).allowed
            return moves and _passes(judge_change, actor, facts, {resource.parent: object()})
        case "step":
            field, before, after = _step(of)
            at = facts.record.values[field] == before
            return at and may("open", actor, facts).allowed and _passes(judge_change, actor, facts, {field: after})
        case "delete":
            return _passes(judge_deletion, actor, facts)
        case "share":
            ladder = resource.ladder
            return ladder is not None and of in ladder.roles and within(ladder, of, sharing_cap(actor, facts))
        case "links":
            return resource.links is not None and may("share", actor, facts).allowed
        case "join":
            joined = resource.ladder is not None and resource.ladder.join_open and actor.account is not None
            return joined and may("open", actor, facts).allowed
    return may(permission.action, actor, facts).allowed


def asked_of(spec: Specification, resource: str) -> set[str]:
    """The fields of a resource that conditions look at; what else a new record holds is never a matter of rights."""
    return {c.field for start, c in conditions(spec) if spec.at(start, c.path).name == resource}


def _passes(judge: Callable[..., object], *asked: object) -> bool:
    try:
        judge(*asked)
    except Forbidden:
        return False
    return True


def _step(of: str) -> tuple[str, str, str]:
    field, arrow = of.split(": ")
    before, after = arrow.split(" -> ")
    return field, before, after


# --- as cases ------------------------------------------------------------------------------


class Reading:
    """The rules of one specification as cases in a space, whose resource is the one that is asked about."""

    def __init__(self, specification: Specification, space: Space) -> None:
        """`space`: of this specification, and perhaps of another to compare it with."""
        self._spec = specification
        self._space = space
        self._resource = specification.resources[space.resource]
        self._known: dict[tuple[str, Path, str], Cases] = {}
        self._created: Cases | None = None
        self._changing: dict[tuple[object, ...], Cases] = {}
        self.looked_at: set[int] = set()
        """the grants that had a say in what was asked so far, by `id`"""

    def cases(self, permission: Permission) -> Cases:
        """The cases in which somebody is `allowed`."""
        resource, of = self._resource, permission.of
        match permission.action:
            case "read" if of:
                return product(self._may("open"), self._rule_of(resource.fields[of].read))
            case "create":
                return self._creation()
            case "write":
                return product(self._creation(), self._rule_of(resource.fields[of].write))
            case "update":
                return self._update(resource.fields[of])
            case "step":
                return self._step(*_step(of))
            case "delete":
                return product(self._may("delete"), self._unlocked(()), self._unlocked_above())
            case "move":
                return product(self._may("move"), self._unlocked(()), self._unlocked_above())
            case "share":
                return self._share(of)
            case "links":
                return self._may("share") if resource.links is not None else ()
            case "join":
                joined = resource.ladder is not None and resource.ladder.join_open
                return product(self._may("open"), (self._space.caller(Some.ACCOUNT),)) if joined else ()
        return self._may(permission.action)

    def _by_no_link(self) -> Cases:
        """Of all that is not opening and reading: a link does not do it, whatever its role."""
        return (self._space.caller(Some.ANONYMOUS, Some.ACCOUNT, Some.ENGINE),) if self._space.linked else ALWAYS

    def grant(self, grant: Grant, path: Path = (), resource: str | None = None) -> Cases:
        """The cases in which a grant matches the record at a path."""
        at = resource or self._resource.name
        self.looked_at.add(id(grant))
        held: Case | None = {}
        for condition in grant.when:
            held = all_of(
                held, self._space.value(self._spec, path + condition.path, condition.field, satisfying(condition))
            )
        if held is None:
            return ()
        return product((held,), *(self._who(who, path, at) for who in grant.who))

    # --- what the judges of a change ask -------------------------------------------------------

    def _creation(self) -> Cases:
        if self._created is None:
            above = self._resource.parent
            account = (self._space.caller(Some.ACCOUNT),)  # who becomes the owner
            placed = account if above is None else self._may("open", (Hop(above, above),))
            looked_at = asked_of(self._spec, self._resource.name)
            guarded = (f for f in self._resource.fields.values() if f.write is not None)
            asked = (self._sent(field) for field in guarded if field.required or field.name in looked_at)
            ties = (self._tied(t) for t in sorted(throughs(self._spec), key=repr) if t.link == self._resource.name)
            self._created = product(
                self._may("create"), placed, self._may("open"), self._unlocked_above(), *asked, *ties
            )
        return self._created

    def _sent(self, field: Field) -> Cases:
        """That a field may be written, or is left as it begins."""
        left = None if field.required else self._space.value(self._spec, (), field.name, beginning(field))
        return simplest((*self._rule_of(field.write), *(() if left is None else (left,))))

    def _tied(self, through: Through) -> Cases:
        """That who ties a record to a container may share it."""
        back = Hop(through.back, self._spec.target(self._resource.name, through.back))
        empty = [
            case
            for hop in (back, through.container)
            if self._space.refers((hop,))
            if (case := self._space.value(self._spec, (), hop.field, lambda domain: domain & NOTHING)) is not None
        ]
        return simplest((*empty, *product((self._space.there((back,)),), self._may("share", (back,)))))

    def _update(self, field: Field) -> Cases:
        if field.by_engine or field.name in self._resource.steps:
            return ()
        covering = tuple(grant for grant in self._resource.rule("update") if grant.covers(field.name))
        lock = self._resource.locked
        free = lock is None or field.name in lock.excepted
        key = (covering, field.write, free)
        if key not in self._changing:
            unlocked = ALWAYS if free else self._unlocked(())
            self._changing[key] = product(
                self._may("open"),
                self._by_no_link(),
                self._rule_of(covering),
                self._rule_of(field.write),
                unlocked,
                self._unlocked_above(),
            )
        return self._changing[key]

    def _step(self, name: str, before: str, after: str) -> Cases:
        """A field without steps is changed by `update`."""
        start = self._space.value(self._spec, (), name, lambda domain: domain & {before})
        if start is None:
            return ()
        if name not in self._resource.steps:
            return product((start,), self._update(self._resource.fields[name]))
        steps = (s for s in self._resource.steps[name] if (s.before, s.after) == (before, after))
        rule = tuple(grant for step in steps for grant in step.rule)
        return product((start,), self._may("open"), self._by_no_link(), self._rule_of(rule), self._unlocked_above())

    def _share(self, role: str) -> Cases:
        """Who shares by a role of this very ladder gives at most its own."""
        ladder = self._resource.ladder
        if ladder is None or role not in ladder.roles:
            return ()
        reaching: list[Case] = []
        for grant in self._resource.rule("share"):
            own = self._space.role((), ladder.at_least(role)) if by_own_ladder(grant) else {}
            reaching += product(self.grant(grant), () if own is None else (own,))
        return product(self._may("open"), self._by_no_link(), simplest(reaching))

    def strangers(self, grant: Grant, permission: Permission, caller: Some) -> Small | None:
        """A smallest world in which nobody in particular has a permission by a grant; None where there is none."""
        for case in product((self._space.caller(caller),), self.grant(grant), self.cases(permission)):
            if all(v.about is About.CALLER or part & v.least for v, part in case.items()):
                found = assignment({v: part if v.about is About.CALLER else part & v.least for v, part in case.items()})
                if found is not None:
                    return Small(self._space, found)
        return None

    def by_link(self, grant: Grant, permission: Permission) -> Iterator[Small]:
        """Small worlds in which whoever has a link has a permission by a grant, and by the link's role."""
        for case in product((self._space.caller(Some.LINK),), self.grant(grant), self.cases(permission)):
            found = assignment(case)
            if found is not None and places(found):
                yield Small(self._space, found)

    # --- rules ---------------------------------------------------------------------------------

    def _may(self, action: str, path: Path = ()) -> Cases:
        resource = self._spec.at(self._resource.name, path)
        key = (action, path, resource.name)
        if key not in self._known:
            found = [case for grant in resource.rule(action) for case in self.grant(grant, path, resource.name)]
            if action == "open":
                found.append(self._space.caller(Some.ENGINE))
            opened = ALWAYS if action in ("open", "read", "create") else self._may("open", path)
            others = ALWAYS if action in ("open", "read") else self._by_no_link()
            self._known[key] = product(simplest(found), opened, others)
        return self._known[key]

    def _rule_of(self, rule: Rule | None) -> Cases:
        return ALWAYS if rule is None else simplest(case for grant in rule for case in self.grant(grant))

    def _unlocked_above(self) -> Cases:
        path: Path = ()
        factors = []
        for name in self._spec.chain(self._resource.name)[1:]:
            path = (*path, Hop(name, name))
            factors.append(self._unlocked(path))
        return product(*factors)

    def _unlocked(self, path: Path) -> Cases:
        lock = self._spec.at(self._resource.name, path).locked
        if lock is None:
            return ALWAYS
        ways = (self._space.value(self._spec, path + c.path, c.field, failing(c)) for c in lock.when)
        return simplest(case for case in ways if case is not None)

    def _who(self, who: Who, path: Path, resource: str) -> Cases:
        space = self._space
        found: Case | None
        match who:
            case Anyone():
                found = space.caller(Some.ANONYMOUS, Some.ACCOUNT, Some.LINK)
            case SignedIn():
                found = space.caller(Some.ACCOUNT)
            case Engine():
                found = space.caller(Some.ENGINE)
            case Staff(_, roles):
                found = space.staff(roles)
            case Owner(way):
                found = space.owner(path + way, root=self._resource.parent is None)
            case Role(way, resource, _, roles):
                return self._held(resource, roles, lambda held, by: space.role(path + way, held, by))
            case AccountField(way, name):
                found = space.account(self._spec, path + way, name)
            case Through(_, _, container, _, roles):
                tied = self._held(container.resource, roles, lambda held, by: space.tie(path, who, held, by))
                return (
                    *tied,
                    *self._held(container.resource, roles, lambda held, by: self._tied_by(who, path, held, by)),
                )
            case Can(action, way):
                return product((space.there(path + way),), self._may(action, path + way))
        return () if found is None else (found,)

    def _held(
        self, resource: str, roles: tuple[str, ...], way: Callable[[tuple[str, ...], Some], Case | None]
    ) -> Cases:
        """A role held by an account, or by a link as far as it may carry it."""
        linked = self._spec.resources[resource].linked_roles
        carried = tuple(role for role in roles if role in linked)
        found = (way(roles, Some.ACCOUNT), way(carried, Some.LINK))
        return tuple(case for case in found if case is not None)

    def _tied_by(self, through: Through, path: Path, roles: tuple[str, ...], caller: Some) -> Case | None:
        """That the last record on the way to this one is itself what ties it; one that is about to be does not yet."""
        start = path[:-1]
        if not path or path[-1].field != through.back or (self._space.fresh and not start):
            return None
        link = self._spec.at(self._resource.name, start).name
        return self._space.role((*start, through.container), roles, caller) if link == through.link else None


class Decisions:
    """All permissions on the records of a resource, as one specification decides them in spaces that it may share."""

    def __init__(self, specification: Specification, asked: Sequence[Permission], spaces: Mapping[bool, Space]) -> None:
        """`asked`: the permissions; `spaces`: of records that are there, and of fresh ones (True)."""
        self.specification = specification
        self.asked = asked
        self.spaces = spaces
        readings = {fresh: Reading(specification, space) for fresh, space in spaces.items()}
        self.cases = {permission: readings[permission.fresh].cases(permission) for permission in asked}
        self._readings = readings

    def looks_at(self, grant: Grant) -> bool:
        """Whether any of it could be decided otherwise without this grant."""
        return any(id(grant) in reading.looked_at for reading in self._readings.values())

    def beyond(self, other: "Decisions", permission: Permission) -> Cases:
        """The cases in which this allows and the other, in the same spaces, does not; of the humblest callers."""
        mine, theirs = self.cases[permission], other.cases[permission]
        if mine == theirs:
            return ()
        return joined(simplest(part for case in mine if possible(case) for part in beyond(humblest(case), theirs)))


def spaces(specifications: Sequence[Specification], resource: str) -> dict[bool, Space]:
    """The spaces in which these specifications are compared on a resource that all of them have."""
    return {fresh: Space(specifications, resource, fresh) for fresh in (False, True)}
