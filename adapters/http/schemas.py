"""Pydantic models of a resource's bodies and answers, generated from its fields.

One source for three uses: they read bodies, OpenAPI is rendered from them, and the tests hold every answer against
them. What a value may be is asked of `domain.values`; the JSON Schema beside it says the same in OpenAPI's words.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError, ValidationError

from adapters.http.examples import EXAMPLE, example_id, value_of
from adapters.http.names import Names, What
from domain.errors import FieldError, Invalid
from domain.expansion import EXPANDED, hops
from domain.record import accept_value
from domain.specification.model import ENGINE_FIELDS, Hop, Kind, Resource, Specification
from domain.specification.model import Field as SpecField
from domain.values import DECIMAL_DIGITS, DECIMAL_PATTERN, LARGEST_INTEGER, ValueRefused, to_json

Schema = dict[str, Any]
UUID: Schema = {"type": "string", "format": "uuid"}
COMPONENT = "x-component"
"""names a resource's component schema; Pydantic would look up a `$ref` among its own models, so OpenAPI writes it"""
INSTANT: Schema = {"type": "string", "format": "date-time"}


@dataclass(frozen=True)
class ResourceModels:
    """The models of one resource, named for OpenAPI."""

    answer: type[BaseModel]
    part: type[BaseModel]
    """the answer where only some of its members were asked for"""
    create: type[BaseModel]
    update: type[BaseModel]
    page: type[BaseModel]
    part_page: type[BaseModel]
    components: Mapping[str, Schema]
    """by name those that no model makes: of `one of` fields, and of what stands beside a record"""


def models(specification: Specification, resource: Resource, names: Names) -> ResourceModels:
    """The models of a resource."""
    name = partial(names.of, resource.name)
    components: dict[str, Schema] = {}
    for field in resource.fields.values():
        value_field = specification.value_field(resource.name, field.name)
        if value_field.kind is Kind.ONE_OF:
            components[names.choices(resource.name, field.name)] = {"type": "string", "enum": list(value_field.values)}
    fields = _answer_fields(specification, resource, names)
    if found := hops(resource):
        components[name(What.EXPANDED)] = _beside(found, names)
        fields[EXPANDED] = _given({COMPONENT: name(What.EXPANDED)}, required=False)
    answer = _model(name(What.ANSWER), resource.about, fields)
    about = f"So much of a {resource.name.replace('_', ' ')} as `fields` asked for."
    part = _model(name(What.PART), about, {member: (kind, None) for member, (kind, _) in fields.items()})
    page, part_page = _page(name(What.PAGE), answer), _page(name(What.PART_PAGE), part)
    create = _model(name(What.CREATE), None, _body_fields(resource, names, new=True))
    update = _model(name(What.UPDATE), None, _body_fields(resource, names, new=False))
    return ResourceModels(answer, part, create, update, page, part_page, components)


def by_engine(resource: Resource) -> frozenset[str]:
    """The names that are known in a body but written by the engine."""
    return frozenset((*ENGINE_FIELDS, *(field.name for field in resource.fields.values() if field.by_engine)))


def check(model: type[BaseModel], body: Mapping[str, Any], by_engine: Container[str] = ()) -> None:
    """Raise `Invalid`, naming every wrong field, where a body is not the model's.

    `by_engine` names what is known but written by the engine.
    """
    try:
        model.__pydantic_validator__.validate_python(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise Invalid(errors=tuple(_field_error(e, by_engine) for e in found)) from error


def json_schema(field: SpecField, of: tuple[str, str], names: Names) -> Schema:
    """What a field's value looks like in JSON (never null); `of` is the resource and the field that it is served as."""
    match field.kind:
        case Kind.TEXT:
            length = {} if field.length is None else {"minLength": field.length[0], "maxLength": field.length[1]}
            pattern = {} if field.pattern is None else {"pattern": f"^(?:{field.pattern})$"}
            text_format = {} if field.format is None else {"format": {"url": "uri"}.get(field.format, field.format)}
            return {"type": "string", **length, **pattern, **text_format}
        case Kind.INTEGER:
            low = -LARGEST_INTEGER if field.minimum is None else field.minimum
            high = LARGEST_INTEGER if field.maximum is None else field.maximum
            return {"type": "integer", "minimum": low, "maximum": high}
        case Kind.NUMBER:
            bounds = {"minimum": field.minimum, "maximum": field.maximum}
            return {"type": "number", **{k: v for k, v in bounds.items() if v is not None}}
        case Kind.DECIMAL:
            return {"type": "string", "pattern": f"^{DECIMAL_PATTERN}$", "maxLength": DECIMAL_DIGITS + 2}
        case Kind.YES_NO:
            return {"type": "boolean"}
        case Kind.DATE:
            return {"type": "string", "format": "date"}
        case Kind.TIME:
            return INSTANT
        case Kind.JSON:
            return {"description": "Any JSON value."}
        case Kind.ONE_OF:
            return {COMPONENT: names.choices(*of)}
        case _:
            return UUID


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    if COMPONENT in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def _answer_fields(specification: Specification, resource: Resource, names: Names) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": _given(UUID | {EXAMPLE: example_id(resource.name)}), "owner": _given(UUID)}
    if resource.parent is not None:
        fields[resource.parent] = _given(nullable(UUID) | {EXAMPLE: example_id(resource.parent)})
    for field in resource.fields.values():
        value_field = specification.value_field(resource.name, field.name)
        schema = json_schema(value_field, (resource.name, field.name), names)
        names_something = field.kind in (Kind.REFERENCE, Kind.COPY)
        if field.optional or names_something or specification.names_account(resource.name, field.name):
            schema = nullable(schema)
        fields[field.name] = _given(
            schema | _said(field) | {EXAMPLE: value_of(value_field)}, required=field.read is None
        )
    return fields | {"created_at": _given(INSTANT), "updated_at": _given(INSTANT)}


def _page(name: str, answer: type[BaseModel]) -> type[BaseModel]:
    return _model(
        name,
        None,
        {
            "items": (list[answer], ...),  # type: ignore[valid-type]
            "total": (Annotated[int | None, WithJsonSchema({"type": "integer", "minimum": 0})], None),
            "next_cursor": (Annotated[str | None, WithJsonSchema({"type": ["string", "null"]})], ...),
        },
    )


def _beside(found: list[Hop], names: Names) -> Schema:
    """Schemas may name each other in circles here, which models could not."""
    records = {hop.field: nullable({COMPONENT: names.of(hop.resource, What.ANSWER)}) for hop in found}
    about = "The records that were asked for by `expand`; null where the caller cannot read one."
    return {"type": "object", "description": about, "properties": records, "additionalProperties": False}


def _body_fields(resource: Resource, names: Names, *, new: bool) -> dict[str, Any]:
    parent: dict[str, Any] = {}
    if resource.parent is not None:
        parent[resource.parent] = _taken(None, UUID | {EXAMPLE: example_id(resource.parent)}, required=new)
    fields = dict(parent) if new else {}
    for field in resource.fields.values():
        if field.by_engine:
            continue
        schema = json_schema(field, (resource.name, field.name), names)
        starts = new and field.name in resource.steps
        if starts:
            schema = {"type": "string", "const": resource.steps_start(field.name)}
        elif field.nullable:
            schema = nullable(schema)
        schema = schema | _said(field) | ({} if starts else {EXAMPLE: value_of(field)})
        initial = to_json(field, field.initial) if new and not starts else None
        fields[field.name] = _taken(field, schema, required=new and field.required and not starts, initial=initial)
    return fields | parent


def _said(field: SpecField) -> Schema:
    """What the specification says about a field."""
    return {} if field.about is None else {"description": field.about}


def _given(schema: Schema, *, required: bool = True) -> Any:
    """A field of an answer."""
    return Annotated[Any, WithJsonSchema(schema)], ... if required else None


def _taken(field: SpecField | None, schema: Schema, *, required: bool, initial: Any = None) -> Any:
    """A field of a body, checked by the domain; `initial` is what OpenAPI gives as its default."""
    kind = Annotated[Any, PlainValidator(_checker(field)), PlainSerializer(lambda v: v), WithJsonSchema(schema)]
    return kind, ... if required else initial


def _checker(field: SpecField | None) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        try:
            accept_value(field, value)
        except ValueRefused as error:
            raise PydanticCustomError(error.code, "{message}", {"message": str(error)}) from error
        return value

    return checked


def _model(name: str, about: str | None, fields: Mapping[str, Any]) -> type[BaseModel]:
    """A model whose attributes have a prefix, so that no field's name can hide one of Pydantic's."""
    prefixed: dict[str, Any] = {
        f"f_{field}": (kind, Field(default, alias=field)) for field, (kind, default) in fields.items()
    }
    return create_model(name, __config__=ConfigDict(extra="forbid", strict=True), __doc__=about, **prefixed)


def _field_error(error: Any, by_engine: Container[str]) -> FieldError:
    name = ".".join(str(part) for part in error["loc"]) or "body"
    match error["type"]:
        case "missing":
            return FieldError(name, "missing", "This field is required.")
        case "extra_forbidden" if name in by_engine:
            return FieldError(name, "engine_written", "This field is written by the engine.")
        case "extra_forbidden":
            return FieldError(name, "unknown", "There is no such field.")
        case kind:
            return FieldError(name, kind, error["msg"])
