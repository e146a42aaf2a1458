"""Random requests, mostly plausible, for a reading's world."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .grammar import Condition, Field, Resource
from .reading import Prediction, Query, Reading
from .values import WrongError, canonical
from .world import Record, Values

WORDS = ("alpha", "bravo", "delta", "hotel", "tango")
WRONG: dict[str, tuple[Any, ...]] = {
    "text": (5, ["alpha"], True),
    "integer": ("1", 1.5, True, 2**53),
    "number": ("1", False, [1]),
    "decimal": (1.5, "1e5", "1.", "abc", "01", "9" * 39),
    "yes/no": ("yes", 1, 0),
    "date": ("2026-02-30", "yesterday", 5, "2026-01-01T00:00:00Z"),
    "time": ("2026-01-01T00:00:00", "2026-01-01", 5),
    "one of": ("no-such-value", 1, True),
    "account": (5, True),
    "member of": (5, True),
    "reference": (5, True),
}
RIGHT: dict[str, tuple[Any, ...]] = {
    "integer": (0, 1, 2, 3, 5, -4, 40),
    "number": (0.5, 1, 2.25, -3.0),
    "decimal": ("0", "1.5", "2.25", "10", "-7.125"),
    "yes/no": (True, False),
    "date": ("2001-02-03", "2019-12-31", "2999-01-01"),
    "time": ("2001-02-03T04:05:06Z", "2019-12-31T23:30:00.25-02:00", "2999-01-01T12:00:00+05:30"),
    "json": ({"a": [1, None, True]}, [], "alpha", 3, False, {"b": {"c": 1.5}}),
    "text": (*WORDS, "alpha@example.com", "https://example.com/alpha", "a", "Zoë ☂ & <b>"),
}
MOST_RECORDS = 45
WEIGHTS = {
    "create": 30,
    "update": 34,
    "delete": 7,
    "get": 6,
    "list": 10,
    "members": 3,
    "add_member": 13,
    "change_member": 4,
    "remove_member": 5,
}


@dataclass
class Request:
    """One request as the model sees it: `kind` is the method of `Reading` that predicts it."""

    kind: str
    who: str | None
    resource: Resource
    id: str = ""
    account: str = ""
    body: Values = field(default_factory=dict)
    query: Query = field(default_factory=Query)

    @property
    def method(self) -> str:
        """The HTTP method."""
        methods = {"create": "POST", "add_member": "POST", "update": "PATCH", "change_member": "PATCH"}
        return methods.get(self.kind, "DELETE" if self.kind in ("delete", "remove_member") else "GET")

    @property
    def sends(self) -> bool:
        """Whether it has a body."""
        return self.method in ("POST", "PATCH")

    def path(self, major: int) -> str:
        """Return the path under a specification's major version."""
        parts = [f"/v{major}", self.resource.plural, *([self.id] if self.id else [])]
        parts += ["members"] if "member" in self.kind else []
        return "/".join(parts + ([self.account] if self.account else []))

    def predict(self, reading: Reading) -> Prediction:
        """Predict what the answer must be."""
        if self.kind == "create":
            return reading.create(self.who, self.resource, self.body)
        if self.kind == "list":
            return reading.listing(self.who, self.resource, self.query)
        if self.kind == "update":
            return reading.update(self.who, self.resource, self.id, self.body)
        if self.kind == "add_member":
            return reading.add_member(self.who, self.resource, self.id, self.body)
        if self.kind == "change_member":
            return reading.change_member(self.who, self.resource, self.id, self.account, self.body)
        if self.kind == "remove_member":
            return reading.remove_member(self.who, self.resource, self.id, self.account)
        plain = {"get": reading.get, "delete": reading.delete, "members": reading.members}
        return plain[self.kind](self.who, self.resource, self.id)


class Chooser:
    """Chooses the next request: of a few random ones, the one whose answer was seen least often, or one that works."""

    def __init__(self, reading: Reading, random: Random) -> None:
        self.reading = reading
        self.world = reading.world
        self.random = random
        self.seen: Counter[tuple[str, str, int, str]] = Counter()
        self.gone: list[str] = []
        self.hints = self._hints()

    def next(self) -> Request:
        """Choose a request."""
        few = len(self.world.records) < 2 * len(self.world.specification.resources) + 2
        mode = self.random.choices(("rare", "works", "any"), (35, 50, 15))[0]
        candidates = [self._any(few) for _ in range(14)]
        keyed = [(self._key(candidate), candidate) for candidate in candidates]
        if few or mode == "works":
            keyed = [(key, candidate) for key, candidate in keyed if key[2] < 300] or keyed
        if mode == "rare" or self.random.random() < 0.5:
            keyed.sort(key=lambda pair: self.seen[pair[0]])
        key, chosen = keyed[0]
        self.seen[key] += 1
        return chosen

    def _key(self, request: Request) -> tuple[str, str, int, str]:
        prediction = request.predict(self.reading)
        status = min(prediction)
        return request.kind, request.resource.name, status, prediction[status].why

    def _any(self, few: bool) -> Request:
        kinds = dict(WEIGHTS)
        if few:
            kinds = {"create": 5, "add_member": 1}
        elif len(self.world.records) > MOST_RECORDS:
            kinds |= {"create": 8 if len(self.world.records) < 2 * MOST_RECORDS else 0, "delete": 40}
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        resources = list(self.world.specification.resources.values())
        if "member" in kind:
            resources = [r for r in resources if r.ladder] or resources
        resource = self._needed(resources) if kind == "create" else self.random.choice(resources)
        request = Request(kind, self.caller(), resource)
        if kind == "list":
            request.query = self.query(resource)
        elif kind == "create":
            request.body = self._creation(resource, request.who)
        else:
            self._aim(request)
        return request

    def _needed(self, resources: list[Resource]) -> Resource:
        """Choose a resource to create: rather one of which there are few."""
        counts = Counter(record.resource for record in self.world.records.values())
        return self.random.choices(resources, [1 / (1 + counts[resource.name]) for resource in resources])[0]

    def caller(self) -> str | None:
        """Choose an account, or now and then nobody."""
        return None if self.random.random() < 0.1 else self.random.choice(list(self.world.accounts))

    def _aim(self, request: Request) -> None:
        record = self._record(request.resource)
        request.id = record.id if record else self.missing()
        if record and self.random.random() < 0.4:
            fitting = [who for who in self.world.accounts if self.world.opens(record, who)]
            request.who = self.random.choice(fitting) if fitting else request.who
        if request.kind == "get":
            strange = [*self.gone, *(r.id for r in self.world.records.values())]
            if strange and self.random.random() < 0.15:
                request.id = self.random.choice(strange)
        elif request.kind == "update":
            request.body = self._change(request.resource, record, request.who)
        elif request.kind in ("add_member", "change_member"):
            request.body = self._member(request.resource, request.kind)
        if request.kind in ("change_member", "remove_member"):
            rows = list(self.world.members.get(request.id, {}))
            known = rows if rows and self.random.random() < 0.8 else list(self.world.accounts)
            request.account = self.missing() if self.random.random() < 0.04 else self.random.choice(known)

    def _member(self, resource: Resource, kind: str) -> Values:
        if kind == "add_member" and self.random.random() < (0.5 if resource.join_open else 0.05):
            return {}
        role = self.random.choice(resource.ladder) if resource.ladder else "nobody"
        body: Values = {"role": "no-such-role" if self.random.random() < 0.04 else role}
        if kind == "add_member":
            body["account"] = self._account()
        if self.random.random() < 0.08:
            body["expires_at"] = self.random.choice(("2001-02-03T04:05:06Z", "2999-01-01T12:00:00Z"))
        return body

    # Bodies

    def _creation(self, resource: Resource, who: str | None) -> Values:
        body: Values = {}
        if resource.parent:
            body[resource.parent] = self._reference(resource.parent, who, opening=True)
        for spec_field in resource.fields.values():
            shy = spec_field.write is not None and not spec_field.required
            likely = 1.0 if spec_field.required else 0.25 if shy else 0.55
            if not spec_field.by_engine and spec_field.name not in resource.steps and self.random.random() < likely:
                body[spec_field.name] = self.value(resource, spec_field, who)
        if self.random.random() < 0.1:
            self._spoil(resource, body)
        return body

    def _change(self, resource: Resource, record: Record | None, who: str | None) -> Values:
        roll = self.random.random()
        if roll < 0.03:
            return {}
        names = [field.name for field in resource.fields.values() if not field.by_engine]
        if (resource.parent and resource.can.get("move") and self.random.random() < 0.3) or (
            resource.parent and self.random.random() < 0.06
        ):
            names = [resource.parent]
        elif resource.steps and self.random.random() < 0.5:
            names = list(resource.steps)
        if not names:
            return {"nonsense": 1}
        count = 1 if roll < 0.7 else min(len(names), self.random.randint(2, 3))
        body: Values = {}
        for name in self.random.sample(names, count):
            if name == resource.parent:
                body[name] = self._reference(name, who, opening=True)
            elif name in resource.steps and record and self.random.random() < 0.75:
                legal = [new for old, new in resource.steps[name] if old == record.values.get(name)]
                body[name] = self.random.choice(legal or list(resource.fields[name].options))
            elif record and self.random.random() < 0.06 and record.values.get(name) is not None:
                body[name] = record.values[name]
            else:
                body[name] = self.value(resource, resource.fields[name], who)
        others = [f.name for f in resource.fields.values() if not f.by_engine and f.name not in body]
        if resource.steps and others and self.random.random() < 0.15:
            body[others[0]] = self.value(resource, resource.fields[others[0]], who)
        if self.random.random() < 0.07:
            self._spoil(resource, body)
        return body

    def _spoil(self, resource: Resource, body: Values) -> None:
        fields = list(resource.fields.values())
        way = self.random.randrange(5)
        engine = [f.name for f in fields if f.by_engine] + ["id", "owner", "created_at", "updated_at"]
        if way == 0 and body:
            del body[self.random.choice(list(body))]
        elif way == 1:
            body["nonsense"] = "alpha"
        elif way == 2:
            body[self.random.choice(engine)] = self._account()
        elif fields:
            spec_field = self.random.choice(fields)
            wrong = self.wrong(spec_field)
            body[spec_field.name] = self.random.choice(wrong) if wrong else None

    def wrong(self, spec_field: Field) -> list[Any]:
        """List values that are none of the field's."""
        bounds = spec_field.length or (0, 0)
        values = [*WRONG.get(spec_field.kind, ()), None]
        if spec_field.kind == "text":
            values += ["x" * (bounds[1] + 1)] if bounds[1] else []
            values += ["A1 !"] if spec_field.pattern or spec_field.format else []
        values += [*RIGHT["integer"], 10**6, -(10**6)] if spec_field.kind == "integer" else []
        values += [*RIGHT["decimal"], "0.123456789"] if spec_field.kind == "decimal" else []
        return [value for value in values if not self._fits(spec_field, value)]

    def value(self, resource: Resource, spec_field: Field, who: str | None) -> Any:
        """Choose a right value; rather not one that locks the record, or soon nothing would move any more."""
        value = self._value(resource, spec_field, who)
        for _ in range(2):
            if self._locks(resource, spec_field, value) and self.random.random() < 0.7:
                value = self._value(resource, spec_field, who)
        return value

    def _locks(self, resource: Resource, spec_field: Field, value: Any) -> bool:
        conditions = resource.locked.when if resource.locked else ()
        return any(
            value in c.values
            or (c.test == "past" and str(value) < "2026")
            or (c.test == "future" and str(value) > "2026")
            for c in conditions
            if c.field == spec_field.name and not c.hops
        )

    def _value(self, resource: Resource, spec_field: Field, who: str | None) -> Any:
        """Choose a right value: a reference mostly to what the caller reads, at times to something else."""
        if spec_field.optional and self.random.random() < 0.15:
            return None
        if spec_field.kind == "reference":
            return self._reference(spec_field.target, who, opening=False)
        if spec_field.kind in ("account", "member of"):
            return self._account()
        if spec_field.options:
            return self.random.choice(spec_field.options)
        pool = [*RIGHT[spec_field.kind], *self.hints.get((resource.name, spec_field.name), ())]
        if spec_field.kind == "integer" and spec_field.least is not None:
            pool += [int(spec_field.least), int(spec_field.least) + 1]
        if spec_field.kind == "text" and self.random.random() < 0.9:
            pool = [*WORDS, *self.hints.get((resource.name, spec_field.name), ())]
        fitting = [value for value in pool if self._fits(spec_field, value)]
        fitting = fitting or [value for value in RIGHT[spec_field.kind] if self._fits(spec_field, value)]
        return self.random.choice(fitting)

    def query(self, resource: Resource) -> Query:
        """Choose a list request."""
        query = Query(count=self.random.random() < 0.3)
        names = [field for field in resource.fields.values() if field.shape != "json"]
        records = [record for record in self.world.records.values() if record.resource == resource.name]
        if names and records and self.random.random() < 0.55:
            spec_field = self.random.choice(names)
            values = {
                record.values.get(spec_field.name) for record in self.random.sample(records, min(2, len(records)))
            }
            filled = [value for value in sorted(values, key=str) if value is not None]
            if filled:
                query.filters[spec_field.name] = filled
        elif resource.parent and records and self.random.random() < 0.3:
            query.filters[resource.parent] = [self.random.choice(records).parent]
        sortable = [f.name for f in names if f.shape in ("text", "integer", "number", "decimal", "date", "one of")]
        if self.random.random() < 0.45:
            name = self.random.choice([*sortable, "created_at"])
            query.sort = self.random.choice(("", "-")) + name
        if self.random.random() < 0.6:
            query.limit = self.random.choice((1, 2, 3, 5, 200))
        roll = self.random.random()
        if roll < 0.03:
            query.limit = self.random.choice((0, 201, -1))
        elif roll < 0.06:
            query.extra = {self.random.choice(("nonsense", "owner_id")): "1"}
        return query

    # Smaller choices

    def missing(self) -> str:
        """Make an id that never was."""
        tail = f"{self.random.getrandbits(62) | 1 << 63:016x}"
        return f"0190{self.random.getrandbits(16):04x}-0000-7000-{tail[:4]}-{tail[4:]}"

    def _account(self) -> str:
        return self.missing() if self.random.random() < 0.03 else self.random.choice(list(self.world.accounts))

    def _record(self, resource: Resource) -> Record | None:
        records = [record for record in self.world.records.values() if record.resource == resource.name]
        return None if not records or self.random.random() < 0.03 else self.random.choice(records)

    def _reference(self, resource: str, who: str | None, opening: bool) -> str:
        records = [record for record in self.world.records.values() if record.resource == resource]
        sees = self.world.opens if opening else self.world.reads
        fitting = [record for record in records if sees(record, who)]
        roll = self.random.random()
        if fitting and roll < 0.85:
            return self.random.choice(fitting).id
        if records and roll < 0.96:
            return self.random.choice(records).id
        return self.missing()

    def _fits(self, spec_field: Field, value: Any) -> bool:
        try:
            canonical(spec_field, value)
        except WrongError:
            return False
        return True

    def _hints(self) -> dict[tuple[str, str], list[Any]]:
        """Collect the values that conditions ask for, so that they are met."""
        hints: dict[tuple[str, str], list[Any]] = {}
        specification = self.world.specification
        for resource in specification.resources.values():
            grants = [grant for grants in resource.can.values() for grant in grants]
            grants += [grant for f in resource.fields.values() for grant in (*(f.read or ()), *(f.write or ()))]
            conditions: list[Condition] = [c for grant in (*grants, *resource.step_grants) for c in grant.when]
            for condition in [*conditions, *(resource.locked.when if resource.locked else ())]:
                here = resource.name
                for hop in condition.hops:
                    reference = specification.resources[here].fields.get(hop.name)
                    here = reference.target if hop.kind == "ref" and reference else hop.name
                hints.setdefault((here, condition.field), []).extend(condition.values)
        return hints
