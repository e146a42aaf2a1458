"""Fields: their types and options as written → `Field`, with everything about one field checked."""

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

from domain.filtering import ORDERED, operators
from domain.specification import forms, shape
from domain.specification.forms import TypePiece
from domain.specification.model import ENGINE_FIELDS, Field, Kind
from domain.specification.node import Mapping, Node, Scalar, Sequence
from domain.specification.text import Mistake, Mistakes, listed, meant, tick
from domain.values import ValueRefused, accept

_BY_ENGINE = (Kind.CREATOR, Kind.COPY)
_GIVEN = tuple(kind for kind in Kind if kind not in _BY_ENGINE)
_OPTIONS: dict[str, tuple[Kind, ...]] = {
    "type": tuple(Kind),
    "optional": _GIVEN,
    "default": (*ORDERED, Kind.TEXT, Kind.YES_NO, Kind.ONE_OF, Kind.JSON),
    "length": (Kind.TEXT,),
    "pattern": (Kind.TEXT,),
    "format": (Kind.TEXT,),
    "min": ORDERED,
    "max": ORDERED,
    "places": (Kind.DECIMAL,),
    "read": tuple(Kind),
    "write": _GIVEN,
    "when_gone": (Kind.REFERENCE,),
    "about": tuple(Kind),
    "renamed_from": tuple(Kind),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,307})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MOST_PLACES = 20


@dataclass(frozen=True, slots=True)
class FieldDraft:
    """A field whose type is read; the names in its type and its rules are not looked up yet."""

    key: Scalar
    piece: TypePiece
    options: shape.Entries


def draft(key: Scalar, node: Node, mistakes: Mistakes) -> FieldDraft:
    """The short form (`text, optional`) or the long form (`{type: text, …}`). Raises `Mistake`."""
    if isinstance(node, Scalar):
        return FieldDraft(key, forms.type_of(shape.text(node, "a type, such as `text`")), {})
    options = shape.table(node, _OPTIONS, "a type, such as `text` or `{type: text, optional: yes}`", mistakes)
    if "type" not in options:
        raise Mistake(key.place, f"{tick(key.text)} has no type. Add `type: text`, for example.")
    piece = forms.type_of(shape.text(options["type"][1], "a type, such as `text`"))
    return FieldDraft(key, piece, options)


def build(found: FieldDraft, resources: list[str], mistakes: Mistakes) -> Field:
    """The field, with the paths of `member of` and `copy of` and its rules still open. Raises `Mistake`."""
    piece, kind = found.piece, found.piece.kind
    field = Field(found.key.text, kind, found.key.place, tuple(v.text for v in piece.values), optional=piece.optional)
    if kind is Kind.REFERENCE and piece.name is not None:
        if piece.name.parts[0].text not in resources:
            types = [*forms.SIMPLE_TYPES, "one of", "member of", "copy of", *(r for r in resources if "." not in r)]
            fix = meant(str(piece.name), types, forms.ANY_TYPE)
            raise Mistake(piece.place, f"{tick(str(piece.name))} is neither a type nor a resource. {fix}")
        field = replace(field, target=str(piece.name))
    if piece.optional and kind in _BY_ENGINE:
        mistakes.add(piece.place, f"`{kind}` is written by the engine. Remove `optional`.")
    for name, (key, node) in found.options.items():
        with mistakes.caught():
            if kind not in _OPTIONS[name]:
                whose = f" It belongs to {listed(_OPTIONS[name])}." if len(_OPTIONS[name]) < 6 else ""
                raise Mistake(key.place, f"{tick(name)} is not possible for `{kind}`.{whose} Remove it.")
            field = replace(field, **_option(field, key, node))
    return field


def _option(field: Field, key: Scalar, node: Node) -> dict[str, Any]:
    """One option of the long form as the attribute it sets."""
    match key.text:
        case "optional":
            return {"optional": shape.switch(key, node, bare=True) or field.optional}
        case "length":
            return {"length": forms.length(shape.text(node, "`length: 1 to 120`"))}
        case "pattern":
            return {"pattern": _pattern(shape.text(node, "a regular expression"))}
        case "format":
            return {"format": shape.choice(node, ("email", "url"))}
        case "places":
            found = shape.text(node, "`places: 2`")
            if re.fullmatch("[0-9]{1,2}", found.text) is None or int(found.text) > _MOST_PLACES:
                raise Mistake(
                    found.place,
                    f"{tick(found.text)} is no number of places. Write 0 to {_MOST_PLACES}, as in `places: 2`.",
                )
            return {"places": int(found.text)}
        case "when_gone":
            return {"when_gone": shape.choice(node, ("empty", "block", "delete"))}
        case "about":
            return {"about": shape.text(node, "a sentence").text.strip()}
        case "renamed_from":
            return {"renamed_from": shape.name(node, "the field's former name").text}
    return {}


def _pattern(found: Scalar) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(found.text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Mistake(found.place, f"{tick(found.text)} is no regular expression ({error}). Correct it.") from None
    return found.text


def bounds(field: Field, options: shape.Entries, mistakes: Mistakes) -> Field:
    """The field with `min`, `max` and `default`, which are values of its own type."""
    for option, attribute in (("min", "minimum"), ("max", "maximum"), ("default", "default")):
        if option in options and field.kind in _OPTIONS[option]:
            with mistakes.caught():
                node = options[option][1]
                value = value_of(field if option == "default" else replace(field, minimum=None), node)
                if option == "max" and field.minimum is not None and value < field.minimum:
                    raise Mistake(node.place, f"{written(node)} is below `min`. Make it larger.")
                field = replace(field, **{attribute: value})
    return field


def written(node: Node) -> str:
    """The text of a node, for a message."""
    return tick(node.text) if isinstance(node, Scalar) else shape.written(node)


def value_of(field: Field, node: Node) -> Any:
    """A value of the field's type as written in YAML."""
    if field.kind is Kind.JSON:
        value = _json(node)
    else:
        quoted = isinstance(node, Scalar) and not node.plain  # `""` is a text
        found = node if isinstance(node, Scalar) and quoted else shape.text(node, f"a value of type `{field.kind}`")
        value = _plain_value(field.kind, found)
    try:
        return accept(field, value)
    except ValueRefused as error:
        fix = f"Write {listed(field.values)}." if field.values else str(error)
        raise Mistake(node.place, f"{written(node)} is no value of this field. {fix}") from None


def _plain_value(kind: Kind, found: Scalar) -> Any:
    text = found.text
    if kind is Kind.YES_NO:
        if text not in ("yes", "no"):
            raise Mistake(found.place, f"{tick(text)} is no value of this field. Write `yes` or `no`.")
        return text == "yes"
    if kind is Kind.INTEGER:
        if _INTEGER.fullmatch(text) is None:
            raise Mistake(found.place, f"{tick(text)} is no value of this field. Write a whole number.")
        return int(text)
    if kind is Kind.NUMBER:
        if _NUMBER.fullmatch(text) is None:
            raise Mistake(found.place, f"{tick(text)} is no value of this field. Write a number.")
        return float(text)
    return text


def _json(node: Node) -> Any:
    """A JSON value by YAML 1.2's core rules."""
    if isinstance(node, Sequence):
        return [_json(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key.text: _json(value) for key, value in node}
    if not node.plain:
        return node.text
    if node.empty:
        return None
    if node.text in ("true", "false"):
        return node.text == "true"
    if _INTEGER.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if _NUMBER.fullmatch(node.text) else node.text


# --- list parameters -----------------------------------------------------------------------


def parameters(kinds: dict[str, Kind], parent: str | None) -> dict[str, str]:
    """Every generated list parameter of a resource, with the field that it belongs to."""
    engine = dict(zip(ENGINE_FIELDS, (Kind.REFERENCE, Kind.ACCOUNT, Kind.TIME, Kind.TIME), strict=True))
    above = {parent: Kind.REFERENCE} if parent is not None else {}
    every = {**engine, **above, **kinds}
    return {
        o.parameter(name): name for name, kind in every.items() for o in operators(kind) if o.parameter(name) != name
    }
