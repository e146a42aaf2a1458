"""`fields` and `expand` of a query string: what of each record is asked for, and which records beside it."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from adapters.http.schemas import Schema
from domain.errors import FieldError, Invalid, Malformed
from domain.expansion import MOST_EXPANSIONS, Selection, expandable
from domain.specification.analysis import anonymous_could
from domain.specification.model import Path, Resource, Specification
from domain.values import ValueRefused

MOST_VALUES = 100
"""of one parameter"""


def pairs(query_string: bytes) -> dict[str, list[str]]:
    """The texts of each parameter. Raises `Malformed` where the query string is no text."""
    try:
        found = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise Malformed("The query string cannot be read.") from error
    given: dict[str, list[str]] = {}
    for name, text in found:
        given.setdefault(name, []).append(text)
    return given


def read_each(given: dict[str, list[str]], read: Callable[[str, list[str]], Any]) -> dict[str, Any]:
    """What `read` makes of each parameter. Raises `Invalid` naming each that it refuses (`ValueRefused`)."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, texts in given.items():
        try:
            values[name] = read(name, texts)
        except ValueRefused as error:
            errors.append(FieldError(name, error.code, str(error)))
    if errors:
        raise Invalid(errors=tuple(errors))
    return values


def hidden_from_anonymous(specification: Specification, resource: Resource) -> frozenset[str]:
    """The fields that no anonymous caller can ever read: unknown names to anonymous callers."""
    return frozenset(
        field.name
        for field in resource.fields.values()
        if field.read is not None and not anonymous_could(specification, resource.name, field.read)
    )


class SelectionParameters:
    """The two parameters of one resource, for signed-in and for anonymous callers."""

    def __init__(self, specification: Specification, resource: Resource) -> None:
        """Find every way there is; what names no record has no `expand`."""
        self._specification = specification
        self._resource = resource
        self._ways = expandable(specification, resource.name)
        self._hidden = {
            each.name: hidden_from_anonymous(specification, each) for each in specification.resources.values()
        }
        self.names = ("fields", "expand") if self._ways else ("fields",)

    def parse(self, query_string: bytes, signed_in: bool) -> Selection:
        """Read the query string of one record. Raises `Invalid` naming every wrong parameter, `Malformed`."""
        return self.taken(read_each(pairs(query_string), lambda name, texts: self.value(name, texts, signed_in)))

    def taken(self, values: dict[str, Any]) -> Selection:
        """What the two were given, which are no longer among the values then."""
        return Selection(values.pop("fields", None), values.pop("expand", ()))

    def value(self, name: str, texts: list[str], signed_in: bool) -> Any:
        """What one of the two says. Raises `ValueRefused`, also for every other parameter."""
        if name not in self.names:
            raise ValueRefused("unknown", "There is no such parameter.")
        given = [part for text in texts for part in text.split(",")]
        most = MOST_VALUES if name == "fields" else MOST_EXPANSIONS
        if len(given) > most:
            raise ValueRefused("too_many", f"At most {most} values can be given.")
        if name == "expand":
            return tuple(dict.fromkeys(self._way(each, signed_in) for each in given))
        members = self._known(self._resource, signed_in)
        if any(each not in members for each in given):
            raise ValueRefused("unknown", f"Ask for {', '.join(members)}.")
        return tuple(member for member in members if member in given)

    def _way(self, name: str, signed_in: bool) -> Path:
        way = self._ways.get(name)
        if way is not None and self._is_known(way, signed_in):
            return way
        before, _, last = name.rpartition(".")
        above = self._ways.get(before) if before else ()
        if above is not None and self._is_known(above, signed_in):
            at = self._specification.at(self._resource.name, above)
            if last in self._known(at, signed_in) and self._names_account(at, last):
                raise ValueRefused("not_a_record", f"`{last}` names an account: only records can be expanded.")
        known = [n for n, way in self._ways.items() if len(way) == 1 and self._is_known(way, signed_in)]
        raise ValueRefused("unknown", f"Expand {', '.join(known)}, or what these name. Two levels at most.")

    def _known(self, resource: Resource, signed_in: bool) -> tuple[str, ...]:
        if signed_in:
            return resource.members
        return tuple(name for name in resource.members if name not in self._hidden[resource.name])

    def _is_known(self, way: Path, signed_in: bool) -> bool:
        """Whether there is a caller of this kind who could see each field of a way."""
        stops = (self._specification.at(self._resource.name, way[:i]) for i in range(len(way)))
        return all(hop.field in self._known(at, signed_in) for at, hop in zip(stops, way, strict=True))

    def _names_account(self, resource: Resource, name: str) -> bool:
        return name == "owner" or (name in resource.fields and self._specification.names_account(resource.name, name))

    def openapi(self) -> list[Schema]:
        """Each parameter, for OpenAPI."""
        found = [_several("fields", self._resource.members, MOST_VALUES, "Of each record only these members.")]
        if self._ways:
            beside = "Beside each record, in `expanded`, those that these name; null where the caller cannot read it."
            found.append(_several("expand", self._ways, MOST_EXPANSIONS, beside))
        return found


def _several(name: str, choices: Iterable[str], most: int, about: str) -> Schema:
    schema = {"type": "array", "items": {"type": "string", "enum": list(choices)}, "minItems": 1, "maxItems": most}
    form = {"style": "form", "explode": True}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema, **form}
