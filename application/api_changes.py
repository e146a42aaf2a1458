"""What changes for clients between two OpenAPI documents of ours, in English, and what breaks them.

A client sends what the old document says, and expects what it says. So what is asked of requests must not grow, and
what answers promise must not shrink:

| | breaks in a request | breaks in an answer |
|---|---|---|
| a field, or a parameter | gone (unknown ones are refused), or new and required | gone |
| is it there | must be sent now | may be left out now |
| null | refused now | possible now |
| values to choose from | one less | one more |
| limits, patterns | tighter | never: a longer text is still a text |
| type | takes less | can be more |

Named schemas are compared once, whatever many operations use them. Pure: documents are plain JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
METHODS = ("get", "head", "post", "put", "patch", "delete")
_CHOICES = re.compile(r"\^\(([\w|-]+)\)\(,\(\1\)\)\*\$")
_PREFIX = re.compile(r"^/v\d+(?=/)")


@dataclass(frozen=True, slots=True, order=True)
class ApiChange:
    """One change; a sentence that begins with where it is."""

    where: str
    """an operation such as `GET /v1/notes`, or a schema such as `NoteCreate`"""
    text: str
    breaking: bool

    def __str__(self) -> str:
        """For people."""
        return f"{self.where}: {self.text}"


def api_changes(before: Document, after: Document) -> tuple[ApiChange, ...]:
    """Every change, in the order of where it is; none where a client could not tell the two apart."""
    return tuple(sorted(_Comparison(before, after).changes()))


@dataclass(frozen=True, slots=True)
class _Shape:
    """A schema without the ways in which the same can be written."""

    types: frozenset[str]
    null: bool
    values: tuple[str, ...] | None
    raw: Mapping[str, Any]


class _Comparison:
    def __init__(self, before: Document, after: Document) -> None:
        self._before, self._after = before, after
        self._seen: set[tuple[str, str, bool]] = set()
        self._found: dict[tuple[str, str], bool] = {}

    def changes(self) -> Iterator[ApiChange]:
        old, new = _operations(self._before), _operations(self._after)
        old = self._under_the_new_prefix(old, new)
        for name in old.keys() - new.keys():
            moved = [other for other in new.keys() - old.keys() if _id(new[other]) == _id(old[name]) != ""]
            self._note(name, f"it is `{moved[0]}` now" if moved else "it is gone", True)
        ids = {_id(operation) for operation in old.values()} - {""}
        for name in new.keys() - old.keys():
            if _id(new[name]) not in ids:
                self._note(name, "it is new", False)
        for name in old.keys() & new.keys():
            self._operation(name, old[name], new[name])
        return (ApiChange(where, text, breaking) for (where, text), breaking in self._found.items())

    def _note(self, where: str, text: str, breaking: bool) -> None:
        """Once: what breaks somewhere is breaking."""
        self._found[where, f"{text}."] = self._found.get((where, f"{text}."), False) or breaking

    def _under_the_new_prefix(self, old: dict[str, Document], new: dict[str, Document]) -> dict[str, Document]:
        """A new major version moves every path: that is one change."""
        before, after = (_prefixes(operations) for operations in (old, new))
        if len(before) != 1 or len(after) != 1 or before == after:
            return old
        (was,), (now,) = before, after
        self._note("every path", f"it begins with `{now}` and no longer with `{was}`", True)
        return {name.replace(f" {was}/", f" {now}/", 1): operation for name, operation in old.items()}

    # --- operations ----------------------------------------------------------------------

    def _operation(self, name: str, old: Document, new: Document) -> None:
        if _id(old) != _id(new):
            self._note(name, f"its id is `{_id(new)}` and no longer `{_id(old)}`: generated clients call it so", True)
        if _open(old) != _open(new):
            self._note(name, "it needs no token any more" if _open(new) else "it needs a token now", _open(old))
        self._parameters(name, old, new)
        self._body(name, old.get("requestBody"), new.get("requestBody"))
        self._responses(name, old.get("responses", {}), new.get("responses", {}))

    def _parameters(self, name: str, old: Document, new: Document) -> None:
        before, after = ({(p["in"], p["name"]): p for p in each.get("parameters", ())} for each in (old, new))
        for key in before.keys() | after.keys():
            told = f"{_PLACES.get(key[0], key[0])} `{key[1]}`"
            was, now = before.get(key), after.get(key)
            if now is None:
                self._note(name, f"{told} is gone", True)
            elif was is None:
                required = bool(now.get("required"))
                self._note(name, f"{told} is new{' and must be sent' if required else ''}", required)
            else:
                if bool(was.get("required")) != bool(now.get("required")):
                    self._note(name, f"{told} {_must(now.get('required'))}", bool(now.get("required")))
                self._schema(name, told, was.get("schema", {}), now.get("schema", {}), True)

    def _body(self, name: str, old: Any, new: Any) -> None:
        if old is None or new is None:
            if old is not None or new is not None:
                required = bool((new or {}).get("required"))
                self._note(
                    name, "it takes no body any more" if new is None else "it takes a body now", required or not new
                )
            return
        if bool(old.get("required")) != bool(new.get("required")):
            self._note(name, f"the body {_must(new.get('required'))}", bool(new.get("required")))
        self._content(name, "body", old.get("content", {}), new.get("content", {}), True)

    def _responses(self, name: str, old: Document, new: Document) -> None:
        for status in old.keys() | new.keys():
            was, now = old.get(status), new.get(status)
            success = status.startswith("2")
            if now is None:
                self._note(name, f"it never answers {status} any more", success)
            elif was is None:
                self._note(name, f"it can answer {status} now", success)
            else:
                self._content(name, f"answer {status}", was.get("content", {}), now.get("content", {}), False)
                headers = was.get("headers", {}), now.get("headers", {})
                for header in headers[0].keys() - headers[1].keys():
                    self._note(name, f"answer {status} has no header `{header}` any more", True)
                for header in headers[1].keys() - headers[0].keys():
                    self._note(name, f"answer {status} has a header `{header}` now", False)

    def _content(self, name: str, told: str, old: Document, new: Document, request: bool) -> None:
        for kind in old.keys() - new.keys():
            self._note(name, f"the {told} is no `{kind}` any more", True)
        for kind in new.keys() - old.keys():
            self._note(name, f"the {told} can be `{kind}` now", not request and bool(old))
        for kind in old.keys() & new.keys():
            self._schema(name, f"the {told}", old[kind].get("schema", {}), new[kind].get("schema", {}), request)

    # --- schemas -------------------------------------------------------------------------

    def _schema(self, where: str, told: str, old: Any, new: Any, request: bool) -> None:
        """What of one place changes; a named schema is compared under its own name, once for each direction."""
        if None not in (apart := [_but_null(old), _but_null(new)]):
            old, new = apart
        names = _name(old), _name(new)
        if all(names):
            if (*names, request) in self._seen:
                return
            self._seen.add((*names, request))
            if names[0] == names[1]:
                where, told = names[1], ""
        was, now = _shape(self._before, old), _shape(self._after, new)
        self._types(where, told, was, now, request)
        if was.types == now.types:  # else nothing that they say can be compared
            self._values(where, told, was, now, request)
            self._limits(where, told, was.raw, now.raw, request)
        self._fields(where, told, was.raw, now.raw, request)
        for key in ("items", "additionalProperties"):
            before, after = was.raw.get(key), now.raw.get(key)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                self._schema(where, f"each part of {told}" if told else "each part", before, after, request)
        for key in ("anyOf", "oneOf", "allOf", "not"):
            self._alternatives(where, told, was.raw.get(key), now.raw.get(key), request)

    def _alternatives(self, where: str, told: str, old: Any, new: Any, request: bool) -> None:
        """What something is one of. An answer that is of a new schema comes to who asks for what is new."""
        if old == new:
            return
        names = [[_name(each) for each in part] if isinstance(part, list) else [""] for part in (old, new)]
        if not all(map(all, names)):
            self._say(where, told, "has other alternatives", True)
            return
        known = self._before.get("components", {}).get("schemas", {})
        for name in set(names[0]) - set(names[1]):
            self._say(where, told, f"is never `{name}` any more", request)
        for name in set(names[1]) - set(names[0]):
            self._say(where, told, f"can be `{name}` now", not request and name in known)

    def _say(self, where: str, told: str, text: str, breaking: bool) -> None:
        self._note(where, f"{told} {text}" if told else text, breaking)

    def _types(self, where: str, told: str, was: _Shape, now: _Shape, request: bool) -> None:
        if was.types != now.types:
            takes_less, is_more = not _within(was.types, now.types), not _within(now.types, was.types)
            text = f"is {_listed(now.types)} and no longer {_listed(was.types)}"
            self._say(where, told, text, takes_less if request else is_more)
        if was.null != now.null:
            if request:
                self._say(where, told, "may be null now" if now.null else "must not be null any more", was.null)
            else:
                self._say(where, told, "can be null now" if now.null else "is never null any more", now.null)
        before, after = was.raw.get("format"), now.raw.get("format")
        if before != after and was.types == now.types:
            text = f"is written as `{after}` now" if after else f"is not always a `{before}` any more"
            self._say(where, told, text, bool(after) if request else bool(before))

    def _values(self, where: str, told: str, was: _Shape, now: _Shape, request: bool) -> None:
        if was.values is None or now.values is None:
            if was.values is not None:
                self._say(where, told, "is not one of a few values any more", not request)
            if now.values is not None:
                self._say(where, told, f"is one of {', '.join(now.values)} now", request)
            return
        for value in [value for value in was.values if value not in now.values]:
            self._say(where, told, f"value {value} is gone" if not told else f"is never {value} any more", request)
        for value in [value for value in now.values if value not in was.values]:
            self._say(where, told, f"value {value} is new" if not told else f"can be {value} now", not request)

    def _limits(self, where: str, told: str, was: Document, now: Document, request: bool) -> None:
        for key, (words, sign) in _LIMITS.items():
            before, after = was.get(key), now.get(key)
            if before == after:
                continue
            tighter = after is not None and (before is None or (after - before) * sign > 0)
            text = f"has {words} {after} now" if after is not None else f"has no limit of {words} {before} any more"
            self._say(
                where, told, f"{text}, was {before}" if None not in (before, after) else text, request and tighter
            )
        if was.get("pattern") != now.get("pattern") and not all(map(_choices, (was, now))):
            pattern = now.get("pattern")
            text = f"must match `{pattern}` now" if pattern else f"need not match `{was['pattern']}` any more"
            self._say(where, told, text, request and bool(pattern))
        if request and was.get("default") != now.get("default"):
            said = [json.dumps(each.get("default")) for each in (was, now)]
            self._say(where, told, f"is {said[1]} where it is left out, and no longer {said[0]}", False)

    def _fields(self, where: str, told: str, was: Document, now: Document, request: bool) -> None:
        old, new = was.get("properties", {}), now.get("properties", {})
        needed, needs = set(was.get("required", ())), set(now.get("required", ()))
        before = f"{told}, " if told else ""
        for name in old.keys() - new.keys():
            self._note(where, f"{before}field `{name}` is gone", True)
        for name in new.keys() - old.keys():
            required = request and name in needs
            self._note(where, f"{before}field `{name}` is new{' and must be sent' if required else ''}", required)
        for name in old.keys() & new.keys():
            field = f"{before}field `{name}`"
            if (name in needed) != (name in needs):
                if request:
                    self._note(where, f"{field} {_must(name in needs)}", name in needs)
                else:
                    self._note(
                        where,
                        f"{field} is {'always there now' if name in needs else 'not always there any more'}",
                        name in needed,
                    )
            self._schema(where, field, old[name], new[name], request)


_PLACES = {"query": "parameter", "path": "path parameter", "header": "header", "cookie": "cookie"}
_LIMITS = {
    "minimum": ("a minimum of", 1),
    "maximum": ("a maximum of", -1),
    "exclusiveMinimum": ("a lower bound of", 1),
    "exclusiveMaximum": ("an upper bound of", -1),
    "minLength": ("a shortest length of", 1),
    "maxLength": ("a longest length of", -1),
    "minItems": ("a least number of", 1),
    "maxItems": ("a largest number of", -1),
}
"""what a limit is called, and whether more of it is tighter"""


def _operations(document: Document) -> dict[str, Document]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document.get("paths", {}).items()
        for method, operation in operations.items()
        if method in METHODS
    }


def _prefixes(operations: Mapping[str, Document]) -> set[str]:
    paths = (name.partition(" ")[2] for name in operations)
    return {found[0] for path in paths if (found := _PREFIX.match(path))}


def _id(operation: Document) -> str:
    return str(operation.get("operationId", ""))


def _open(operation: Document) -> bool:
    """Whether it can be called without a token."""
    security = operation.get("security", ())
    return not security or {} in security


def _must(required: Any) -> str:
    return "must be sent now" if required else "may be left out now"


def _name(schema: Any) -> str:
    """Of a schema under `components`; empty for others."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _but_null(schema: Any) -> Any:
    """What it can be besides null; None where it cannot be null, or is of more than one kind."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    return options[0] if len(options) == 1 and len(schema["anyOf"]) == 2 else None


def _shape(document: Document, schema: Mapping[str, Any]) -> _Shape:
    null = False
    while True:
        if "$ref" in schema:
            own = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**document.get("components", {}).get("schemas", {}).get(_name(schema), {}), **own}
            continue
        options = schema.get("anyOf") or schema.get("oneOf") or ()
        some = [option for option in options if option != {"type": "null"}]
        if len(some) != 1:
            break
        null = null or len(options) > 1
        schema = {**some[0], **{key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}}
    said = schema.get("type", ())
    types = frozenset([said] if isinstance(said, str) else said)
    values = schema.get("enum", [schema["const"]] if "const" in schema else _choices(schema))
    shown = None if values is None else tuple(f"`{value}`" for value in values if value is not None)
    return _Shape(types - {"null"}, null or "null" in types, shown, schema)


def _choices(schema: Mapping[str, Any]) -> list[str] | None:
    """What a list such as that of `sort` is made of: its pattern names each, and each the other way round."""
    found = _CHOICES.fullmatch(str(schema.get("pattern", "")))
    return None if found is None else [choice for choice in found[1].split("|") if not choice.startswith("-")]


def _within(few: frozenset[str], many: frozenset[str]) -> bool:
    """Whether each type is one of the others; nothing said is any."""
    if not many:
        return True
    return bool(few) and all(kind in many or (kind == "integer" and "number" in many) for kind in few)


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "anything"
