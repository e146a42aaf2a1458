"""What becomes of stored records when one specification follows another: as data, in order, and in English.

`Lineage` says which resource and field is which: by name, or by `renamed_from`. `changes` names everything that the
tables must follow, with what may be lost and what must be counted in the database to know. What a rule allows is no
affair of the tables: see `gains.py`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.specification.model import Field, Kind, Ladder, Place, Resource, Specification, Unique
from domain.values import instant_text

NAMES_ACCOUNT = (Kind.ACCOUNT, Kind.CREATOR, Kind.MEMBER)
WRITTEN = (Kind.TEXT, Kind.ONE_OF)
_TO: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.TEXT: (Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.YES_NO, Kind.DATE, Kind.TIME, Kind.JSON),
    Kind.INTEGER: (Kind.NUMBER, Kind.DECIMAL, Kind.YES_NO, Kind.JSON),
    Kind.NUMBER: (Kind.INTEGER, Kind.JSON),
    Kind.DECIMAL: (Kind.INTEGER, Kind.NUMBER),
    Kind.YES_NO: (Kind.INTEGER, Kind.JSON),
    Kind.DATE: (Kind.TIME,),
    Kind.TIME: (Kind.DATE,),
}
"""what values of a kind may be turned into, beside text"""


class What(StrEnum):
    """What a change is about; a stable word for programs."""

    RESOURCE_ADDED = "resource_added"
    RESOURCE_DROPPED = "resource_dropped"
    RESOURCE_RENAMED = "resource_renamed"
    OWNER_CHANGED = "owner_changed"
    ROLES_DROPPED = "roles_dropped"
    FIELD_ADDED = "field_added"
    FIELD_DROPPED = "field_dropped"
    FIELD_RENAMED = "field_renamed"
    TYPE_CHANGED = "type_changed"
    REQUIRED = "required"
    OPTIONAL = "optional"
    NARROWED = "narrowed"
    WIDENED = "widened"
    WHEN_GONE = "when_gone"
    UNIQUE_ADDED = "unique_added"
    UNIQUE_DROPPED = "unique_dropped"
    LIMIT_LOWERED = "limit_lowered"


class Count(StrEnum):
    """Which stored records a change is about; `None` at a change: there is nothing to count."""

    RECORDS = "records"
    """all of the resource"""
    SET = "set"
    """those with a value in the field"""
    EMPTY = "empty"
    """those without one"""
    UNFIT = "unfit"
    """those whose value is none of the new type, or not within its bounds"""
    ALIKE = "alike"
    """those that are no longer unique"""
    ORPHANED = "orphaned"
    """those for which no record above can be found"""
    MEMBERSHIPS = "memberships"
    """memberships, which are no records"""
    OVER = "over"
    """records beyond the limit"""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that stored records must follow."""

    what: What
    resource: str
    """as it is called afterwards; where it vanished, as it was"""
    text: str
    """in English, without a full stop"""
    place: Place | None = None
    """in the new text"""
    field: str | None = None
    """as it is called afterwards; where it vanished, as it was"""
    destructive: bool = False
    """whether it takes something away, or refuses what was allowed"""
    count: Count | None = None
    refuses: bool = False
    """whether the records that are counted must be put right before; else they lose what the change takes away"""
    unique: Unique | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """Which resource and which field of the new specification is which of the old one."""

    before: Specification
    after: Specification
    resources: Mapping[str, str]
    """old names by new ones"""
    fields: Mapping[str, Mapping[str, str]]
    """by new resource: old names by new ones, of fields whose values go on"""

    def later(self, resource: str) -> str | None:
        """The new name of an old resource; None where it vanished."""
        return next((new for new, old in self.resources.items() if old == resource), None)

    def way_up(self, resource: str) -> tuple[str, ...] | None:
        """How the records of a resource find the record above: old names of parents or one reference, step by step.

        None where they cannot; empty for what is a root afterwards.
        """
        now, was = self.after.resources[resource], self.before.resources[self.resources[resource]]
        if now.parent is None:
            return ()
        wanted = self.resources.get(now.parent)
        if wanted is None:
            return None
        chain = self.before.chain(was.name)
        if wanted in chain[1:]:
            return chain[1 : chain.index(wanted) + 1]
        gone = [f for f in was.references() if f.target == wanted and f.name not in self.fields[resource].values()]
        return (gone[0].name,) if len(gone) == 1 else None


def lineage(before: Specification, after: Specification) -> Lineage:
    """See `Lineage`."""
    resources = {}
    for name, resource in after.resources.items():
        former = resource.renamed_from
        there = before.resources.get(name)
        if former in before.resources and (there is None or there.renamed_from != former):
            resources[name] = str(former)
        elif there is not None:
            resources[name] = name
    # a name that somebody else took over is no longer one's own
    taken = {old for new, old in resources.items() if old != new}
    resources = {new: old for new, old in resources.items() if old != new or old not in taken}
    found = Lineage(before, after, resources, {})
    fields = {new: _fields(found, before.resources[old], after.resources[new]) for new, old in resources.items()}
    return Lineage(before, after, resources, fields)


def _fields(found: Lineage, was: Resource, now: Resource) -> Mapping[str, str]:
    pairs = {}
    for name, field in now.fields.items():
        former, there = field.renamed_from, was.fields.get(name)
        if former in was.fields and (there is None or there.renamed_from != former):
            pairs[name] = str(former)
        elif there is not None:
            pairs[name] = name
    taken = {old for new, old in pairs.items() if old != new}
    return {
        new: old
        for new, old in pairs.items()
        if (old != new or old not in taken) and _goes_on(found, (was, was.fields[old]), (now, now.fields[new]))
    }


def _goes_on(found: Lineage, was: tuple[Resource, Field], now: tuple[Resource, Field]) -> bool:
    """Whether values of the one can be values of the other."""
    before = found.before.value_field(was[0].name, was[1].name)
    after = found.after.value_field(now[0].name, now[1].name)
    old, new = before.kind, after.kind
    if found.before.names_account(was[0].name, was[1].name) or found.after.names_account(now[0].name, now[1].name):
        return found.before.names_account(was[0].name, was[1].name) and found.after.names_account(
            now[0].name, now[1].name
        )
    if Kind.REFERENCE in (old, new):
        return old is new and found.resources.get(str(after.target)) == before.target
    return turns_into(old, new)


def turns_into(old: Kind, new: Kind) -> bool:
    """Whether a value of one kind may be one of another, if it fits."""
    if old is new or new in WRITTEN:
        return True
    return new in _TO[Kind.TEXT if old in WRITTEN else old] if old in (*_TO, *WRITTEN) else False


def changes(before: Specification, after: Specification) -> tuple[Change, ...]:
    """What stored records must follow, in the order of the new text; what vanished comes last."""
    return changes_of(lineage(before, after))


def changes_of(found: Lineage) -> tuple[Change, ...]:
    """Those that a lineage stands for, which may also lead back."""
    return tuple(_changes(found))


def reverse(found: Lineage) -> Lineage:
    """The way back."""
    resources = {old: new for new, old in found.resources.items()}
    back = Lineage(found.after, found.before, resources, {})
    fields = {
        old: {
            was: now
            for now, was in found.fields[new].items()
            if _goes_on(
                back,
                (found.after.resources[new], found.after.resources[new].fields[now]),
                (found.before.resources[old], found.before.resources[old].fields[was]),
            )
        }
        for old, new in resources.items()
    }
    return Lineage(found.after, found.before, resources, fields)


def _changes(found: Lineage) -> Iterator[Change]:
    before, after = found.before, found.after
    for name, now in after.resources.items():
        if name not in found.resources:
            yield Change(What.RESOURCE_ADDED, name, f"`{name}` is new", now.place)
            continue
        yield from _of_resource(found, before.resources[found.resources[name]], now)
    for name in before.resources:
        if found.later(name) is None:
            yield Change(
                What.RESOURCE_DROPPED,
                name,
                f"`{name}` vanishes with all its records",
                destructive=True,
                count=Count.RECORDS,
            )
    lost = _lost_roles(before.staff, after.staff)
    if lost:
        yield Change(
            What.ROLES_DROPPED,
            "staff",
            f"the staff role{_s(lost)} {_listed(lost)} vanish{_es(lost)}, and nobody keeps {_them(lost)}",
            destructive=True,
            count=Count.MEMBERSHIPS,
            roles=lost,
        )


def _of_resource(found: Lineage, was: Resource, now: Resource) -> Iterator[Change]:
    name = now.name
    if was.name != name:
        yield Change(What.RESOURCE_RENAMED, name, f"`{was.name}` is now called `{name}`", now.place)
    yield from _owner(found, was, now)
    lost = _lost_roles(was.ladder, now.ladder)
    if lost:
        yield Change(
            What.ROLES_DROPPED,
            name,
            f"the role{_s(lost)} {_listed(lost)} of `{name}` vanish{_es(lost)}, with the memberships that carry "
            f"{_them(lost)}",
            now.place,
            destructive=True,
            count=Count.MEMBERSHIPS,
            roles=lost,
        )
    for field in now.fields.values():
        former = found.fields[name].get(field.name)
        if former is None:
            yield _added(found, now, field)
        else:
            yield from _of_field(found, (was, was.fields[former]), (now, field))
    for field in was.fields.values():
        if field.name not in found.fields[name].values():
            again = field.name in now.fields and field.name not in found.fields[name]
            at = now.fields[field.name].place if again else now.place
            text = f"`{name}.{field.name}` vanishes with its values"
            if again:
                kind = now.fields[field.name].kind
                text = f"`{name}.{field.name}` begins anew: no value that it had can be one of `{kind}`"
            yield Change(What.FIELD_DROPPED, name, text, at, field.name, True, Count.SET, refuses=again)
    yield from _uniqueness(found, was, now)


def _owner(found: Lineage, was: Resource, now: Resource) -> Iterator[Change]:
    former = None if now.parent is None else found.resources.get(now.parent)
    if (former, now.parent is None) == (was.parent, was.parent is None):
        return
    name, way = now.name, found.way_up(now.name)
    above = f"`{now.parent}`" if now.parent is not None else "an account"
    text = f"`{name}` hangs under {above} instead of {f'`{was.parent}`' if was.parent else 'an account'}"
    if way is None:
        text += ", and its records say nothing of which one"
        yield Change(What.OWNER_CHANGED, name, text, now.place, None, True, Count.RECORDS, refuses=True)
    elif now.parent is None:
        text += "; which record each was under is forgotten"
        yield Change(What.OWNER_CHANGED, name, text, now.place, None, True, Count.RECORDS)
    else:
        *first, last = (f"`{step}`" for step in reversed(way))
        where = f"the {' of the '.join(first)} of its {last}" if first else f"what its {last} names"
        text += f": each under {where}"
        yield Change(What.OWNER_CHANGED, name, text, now.place, None, True, Count.ORPHANED, refuses=True)


def _added(found: Lineage, now: Resource, field: Field) -> Change:
    name, value = now.name, found.after.value_field(now.name, field.name)
    text = f"`{name}.{field.name}` is new"
    if field.kind is Kind.COPY:
        path = ".".join((*(hop.field for hop in field.path), str(field.copied)))
        return Change(What.FIELD_ADDED, name, f"{text}; it copies what `{path}` is now", field.place, field.name)
    if field.required and value.kind is not Kind.REFERENCE and value.kind not in NAMES_ACCOUNT:
        text += ", required and without a default: what is stored has no value for it"
        return Change(What.FIELD_ADDED, name, text, field.place, field.name, True, Count.RECORDS, refuses=True)
    return Change(What.FIELD_ADDED, name, f"{text}; {_filled(field)}", field.place, field.name)


def _filled(field: Field) -> str:
    if field.initial is None:
        return "records that are there have no value in it"
    return f"records that are there get `{said_value(field.initial)}`"


def said_value(value: object) -> str:
    """A domain value as the file writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, str | int | float | date) else json.dumps(value, ensure_ascii=False)


def _of_field(found: Lineage, was: tuple[Resource, Field], now: tuple[Resource, Field]) -> Iterator[Change]:
    (_, former), (resource, field) = was, now
    name, place, label = resource.name, field.place, f"`{resource.name}.{field.name}`"
    if former.name != field.name:
        text = f"`{name}.{former.name}` is now called `{field.name}`"
        yield Change(What.FIELD_RENAMED, name, text, place, field.name)
    old = found.before.value_field(was[0].name, former.name)
    new = found.after.value_field(name, field.name)
    if old.kind is not new.kind:
        text = f"{label} is `{new.kind}` instead of `{old.kind}`"
        checked = new.kind not in NAMES_ACCOUNT and not _always_fits(old, new)
        if checked:
            text += ": each value is turned into one, and one that does not fit stops the migration"
        count = Count.UNFIT if checked else None
        yield Change(What.TYPE_CHANGED, name, text, place, field.name, checked, count, refuses=checked)
    else:
        yield from _bounds(label, name, old, new, field)
    if former.optional and not field.optional and field.kind not in (Kind.COPY, Kind.REFERENCE, *NAMES_ACCOUNT):
        if field.initial is None:
            text = f"{label} is required now, without a default for records that have no value in it"
            yield Change(What.REQUIRED, name, text, place, field.name, True, Count.EMPTY, refuses=True)
        else:
            text = f"{label} is required now; records without a value get `{said_value(field.initial)}`"
            yield Change(What.REQUIRED, name, text, place, field.name)
    elif field.optional and not former.optional:
        yield Change(What.OPTIONAL, name, f"{label} may be empty now", place, field.name)
    if former.when_gone != field.when_gone and field.kind is Kind.REFERENCE:
        text = f"when the record that {label} names is deleted, {_gone(name, field)}; until now {_gone(name, former)}"
        yield Change(What.WHEN_GONE, name, text, place, field.name)


def _gone(name: str, field: Field) -> str:
    match field.when_gone:
        case "delete":
            return f"the `{name}` is deleted, too"
        case "block":
            return "that is refused"
        case "empty":
            return f"`{field.name}` goes empty"
    return f"that is refused under the same root record, and `{field.name}` goes empty elsewhere"


def _always_fits(old: Field, new: Field) -> bool:
    """Whether every value of the old type is one of the new, and within its bounds."""
    if new.kind is Kind.TEXT:
        return new.length is None
    if new.kind is Kind.JSON:
        return True
    free = new.minimum is None and new.maximum is None
    exact = ((Kind.DATE, Kind.TIME), (Kind.INTEGER, Kind.NUMBER), (Kind.INTEGER, Kind.DECIMAL))
    return free and (old.kind, new.kind) in exact


def _bounds(label: str, name: str, old: Field, new: Field, field: Field) -> Iterator[Change]:
    """Values that were allowed and are not any more, and the other way round."""
    lost, won = _without(old.values, new.values), _without(new.values, old.values)
    if lost:
        text = f"{label} loses the value{_s(lost)} {_listed(lost)}"
        yield Change(What.NARROWED, name, text, field.place, field.name, True, Count.UNFIT, refuses=True)
    if won:
        yield Change(What.WIDENED, name, f"{label} may also be {_listed(won)}", field.place, field.name)
    narrower: list[str] = []
    wider: list[str] = []
    shortest, longest = old.length or (0, None)
    least, most = new.length or (0, None)
    for said, unit, was, now, upper in (
        ("at least", " character{}", shortest, least, False),
        ("at most", " character{}", longest, most, True),
        ("at least", "", old.minimum, new.minimum, False),
        ("at most", "", old.maximum, new.maximum, True),
        ("at most", " digit{} after the point", old.places, new.places, True),
    ):
        if was == now:
            continue
        tighter = was is None or (now is not None and (now < was if upper else now > was))
        bound = was if now is None else now
        text = f"{said} {said_value(bound)}{unit.format('' if bound == 1 else 's')}"
        text = f"no longer {text}" if now is None else text
        (narrower if tighter and now is not None else wider).append(text)
    if narrower:
        text = f"{label} is narrower: {', '.join(narrower)}"
        yield Change(What.NARROWED, name, text, field.place, field.name, True, Count.UNFIT, refuses=True)
    if wider:
        yield Change(What.WIDENED, name, f"{label} is wider: {', '.join(wider)}", field.place, field.name)


def _uniqueness(found: Lineage, was: Resource, now: Resource) -> Iterator[Change]:
    name, pairs = now.name, found.fields[now.name]
    parent = {} if now.parent is None else {now.parent: was.parent}
    kept = []
    for unique in now.unique:
        former = tuple(pairs.get(each) for each in unique.fields)
        per = {**pairs, **parent, "owner": "owner", "everywhere": "everywhere"}.get(unique.per)
        same = next((u for u in was.unique if (u.fields, u.per) == (former, per)), None)
        if same is not None:
            kept.append(same)
            continue
        text = f"{_listed(unique.fields)} of `{name}` must be unique {_per(unique.per)} now"
        yield Change(What.UNIQUE_ADDED, name, text, unique.place, None, True, Count.ALIKE, refuses=True, unique=unique)
    for unique in was.unique:
        if unique not in kept:
            text = f"{_listed(unique.fields)} of `{name}` need not be unique {_per(unique.per)} any more"
            yield Change(What.UNIQUE_DROPPED, name, text, now.place, destructive=True)
    if now.limit is not None and (was.limit is None or now.limit < was.limit):
        text = (
            f"an account may own at most {now.limit} `{now.plural}` now; who owns more keeps them and makes no others"
        )
        yield Change(What.LIMIT_LOWERED, name, text, now.place, None, False, Count.OVER)


def _per(per: str) -> str:
    return per if per == "everywhere" else f"per `{per}`"


def _lost_roles(was: Ladder | None, now: Ladder | None) -> tuple[str, ...]:
    return () if was is None else _without(was.roles, () if now is None else now.roles)


def _without(values: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value not in others)


def _listed(words: tuple[str, ...]) -> str:
    *others, last = (f"`{word}`" for word in words)
    return f"{', '.join(others)} and {last}" if others else last


def _s(words: tuple[str, ...]) -> str:
    return "" if len(words) == 1 else "s"


def _es(words: tuple[str, ...]) -> str:
    return "es" if len(words) == 1 else ""


def _them(words: tuple[str, ...]) -> str:
    return "it" if len(words) == 1 else "them"
