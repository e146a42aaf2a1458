"""The query string of a list: filters, order, page. Unknown names and values out of range are refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.http.names import Names
from adapters.http.schemas import Schema, json_schema
from adapters.http.selecting import MOST_VALUES, SelectionParameters, hidden_from_anonymous, pairs, read_each
from application.ports import Filter, Sort
from application.records import DEFAULT_LIMIT, LARGEST_LIMIT
from domain.expansion import WHOLE, Selection
from domain.filtering import BLANK, MOST_CHARACTERS, MOST_WORDS, SEVERAL, Operator, operators, searched, words
from domain.specification.model import ENGINE_FIELDS, Field, Kind, Resource, Specification
from domain.values import ValueRefused, from_query

_COMMA = re.compile(r"(?<!\\),")
"""between values; one inside a text value is written `\\,`"""
_WORD = BLANK.replace("[", "[^", 1)
_WORDS = f"^{BLANK}*{_WORD}+({BLANK}+{_WORD}+){{0,{MOST_WORDS - 1}}}{BLANK}*$"
UNSORTABLE = (Kind.JSON, Kind.REFERENCE)
_SAYS = {
    Operator.EQUAL: "Equals one of these values: repeated, or separated by commas.",
    Operator.NOT: "Is set, and equals none of these values: repeated, or separated by commas.",
    Operator.GREATER: "Is greater.",
    Operator.AT_LEAST: "Is greater or equal.",
    Operator.LESS: "Is less.",
    Operator.AT_MOST: "Is less or equal.",
    Operator.CONTAINS: "Has this text in it; upper and lower case are told apart.",
    Operator.STARTS: "Begins with this text; upper and lower case are told apart.",
    Operator.SET: "Whether it has a value that the caller can read.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list was asked for."""

    filters: tuple[Filter, ...]
    sort: tuple[Sort, ...]
    limit: int
    cursor: str | None
    counted: bool
    wanted: Selection
    words: tuple[str, ...] = ()


class ListParameters:
    """The parameters of one resource's list, for signed-in and for anonymous callers."""

    def __init__(self, specification: Specification, resource: Resource) -> None:
        """What no anonymous caller can ever read is an unknown name to anonymous callers."""
        self._resource = resource
        above = [] if resource.parent is None else [resource.parent]
        columns = {
            name: specification.column(resource.name, name) for name in (*ENGINE_FIELDS, *above, *resource.fields)
        }
        self._filters = {
            operator.parameter(name): (field, name, operator)
            for name, field in columns.items()
            for operator in operators(field.kind)
            if name not in ENGINE_FIELDS or operator is not Operator.SET
        }
        sortable = [name for name in resource.fields if columns[name].kind not in UNSORTABLE]
        self._sortable = ("created_at", "updated_at", *sortable)
        self._readers: dict[str, Callable[[str], Any]] = {"limit": _limit, "cursor": str, "count": _yes_no}
        if searched(specification, resource.name):
            self._readers["q"] = words
        self._hidden = hidden_from_anonymous(specification, resource)
        self.selection = SelectionParameters(specification, resource)

    def parse(self, query_string: bytes, signed_in: bool) -> Asked:
        """Read a query string. Raises `Invalid` naming every wrong parameter, `Malformed` where it is no text."""
        if not query_string:
            return Asked((), (), DEFAULT_LIMIT, None, False, WHOLE)
        values = read_each(pairs(query_string), lambda name, texts: self._value(name, texts, signed_in))
        wanted = self.selection.taken(values)
        limit, sort, cursor = values.pop("limit", DEFAULT_LIMIT), values.pop("sort", ()), values.pop("cursor", None)
        counted, sought = values.pop("count", False), values.pop("q", ())
        filters = []
        for name, found in sorted(values.items()):
            _, column, operator = self._filters[name]
            filters.append(Filter(column, found, operator))
        return Asked(tuple(filters), sort, limit, cursor, counted, wanted, sought)

    def _value(self, name: str, texts: list[str], signed_in: bool) -> Any:
        hidden = frozenset() if signed_in else self._hidden
        if name in self.selection.names:
            return self.selection.value(name, texts, signed_in)
        if name == "sort" or name in self._readers:
            if len(texts) > 1:
                raise ValueRefused("repeated", "This parameter can be given once.")
            return self._sort(texts[0], hidden) if name == "sort" else self._readers[name](texts[0])
        field, column, operator = self._filters.get(name, (None, name, Operator.EQUAL))
        if field is None or column in hidden:
            raise ValueRefused("unknown", "There is no such parameter.")
        if operator in SEVERAL:
            texts = [part.replace("\\,", ",") for text in texts for part in _COMMA.split(text)]
        elif len(texts) > 1:
            raise ValueRefused("repeated", "This parameter can be given once.")
        if len(texts) > MOST_VALUES:
            raise ValueRefused("too_many", f"At most {MOST_VALUES} values can be given.")
        if operator is Operator.SET:
            return (_yes_no(texts[0]),)
        return tuple(dict.fromkeys(from_query(field, text) for text in texts))

    def _sort(self, text: str, hidden: Any) -> tuple[Sort, ...]:
        keys = []
        for part in text.split(","):
            name = part.removeprefix("-")
            if name not in self._sortable or name in hidden:
                raise ValueRefused("unknown", f"Sort by {', '.join(n for n in self._sortable if n not in hidden)}.")
            keys.append(Sort(name, part.startswith("-")))
        if len({key.field for key in keys}) != len(keys):
            raise ValueRefused("repeated", "Each field can be sorted by once.")
        return tuple(keys)

    def openapi(self, names: Names) -> list[Schema]:
        """Each parameter, for OpenAPI."""
        found: list[Schema] = []
        for name, (field, column, operator) in self._filters.items():
            schema: Schema = {"type": "boolean"}
            if operator is not Operator.SET:
                bare = Field(field.name, field.kind, field.place, values=field.values)
                schema = json_schema(bare, (self._resource.name, column), names)
            if operator in SEVERAL:
                schema = {"type": "array", "items": schema}
            found.append(_parameter(name, schema, _SAYS[operator], explode=True if operator in SEVERAL else None))
        directions = [sign + name for name in self._sortable for sign in ("", "-")]
        pattern = f"^({'|'.join(directions)})(,({'|'.join(directions)}))*$"
        if "q" in self._readers:
            about = f"Each of these words (at most {MOST_WORDS}) stands in one of the texts; A to Z as a to z."
            found.append(_parameter("q", {"type": "string", "maxLength": MOST_CHARACTERS, "pattern": _WORDS}, about))
        found += [
            _parameter("sort", {"type": "string", "pattern": pattern}, "Fields in order; `-` sorts downwards."),
            _parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
                "The most records of a page.",
            ),
            _parameter("count", {"type": "boolean", "default": False}, "Whether to say how many there are in all."),
            _parameter("cursor", {"type": "string"}, "`next_cursor` of the page before; bound to caller and query."),
        ]
        return found + self.selection.openapi()


def _parameter(name: str, schema: Schema, about: str, explode: bool | None = None) -> Schema:
    extra: Mapping[str, Any] = {} if explode is None else {"style": "form", "explode": explode}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema, **extra}


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueRefused("not_yes_no", "This must be true or false.")
    return text == "true"


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= LARGEST_LIMIT:
        raise ValueRefused("out_of_range", f"This must be a whole number from 1 to {LARGEST_LIMIT}.")
    return int(text)
