"""OpenAPI 3.1 of the record routes, exact to the specification; FastAPI adds those of identity and service."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import models_json_schema

from adapters.http.cookies import REFRESH_COOKIE
from adapters.http.errors import PROBLEM, GrantRefused, problem
from adapters.http.examples import EXAMPLE, example, example_id, without_hints
from adapters.http.idempotency import HEADER, LONGEST_KEY
from adapters.http.members import MemberModels
from adapters.http.names import COMPONENTS, Basic, Names, What
from adapters.http.schemas import COMPONENT, UUID, ResourceModels, Schema, nullable
from adapters.http.secret_links import LinkModels
from application.batch import MOST_OPERATIONS, REFERENCE
from domain.errors import NotFound
from domain.specification.model import Resource, Specification
from domain.values import UUID_PATTERN

_WHY = {
    400: "The request cannot be read.",
    401: "Nobody is signed in, or the token is not valid.",
    403: "The caller sees this but may not do it.",
    404: "Missing, or hidden from the caller: the same answer.",
    406: "`Accept` admits nothing of what is answered here.",
    409: "It conflicts with what is there.",
    412: "The record is no longer the one that `If-Match` names.",
    413: "The body is too large.",
    415: "The body is not of a type that is read here.",
    422: "The content is wrong; `errors` names the fields.",
    408: "The request took too long to arrive.",
    428: "`If-Match` is required.",
    431: "Request line and headers are too large.",
    429: "Too often; it may be tried again after `Retry-After`.",
    503: "The service cannot answer right now.",
}
OF_CONNECTION = (400, 408, 413, 431)
"""what any request can be answered with before it reaches a route (`adapters/http/connection.py`)"""
OF_SERVICE = "x-service-component"
"""names a schema of the service, where a resource may have taken that name"""
RESOURCES = "ResourceName"
"""the schema of the service that has the names of all resources"""
BEARER: dict[str, list[str]] = {"bearer": []}
Responses = dict[int | str, dict[str, Any]]
_ETAG = {"ETag": {"description": "A strong validator of this representation.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_LIMITED = {
    **_RETRY,
    "RateLimit-Limit": {"description": "How much is allowed in a window.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How much is left of it.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds to the end of the window.", "schema": {"type": "integer"}},
}
_CHALLENGE = {"WWW-Authenticate": {"description": "The scheme to use.", "schema": {"type": "string"}}}


def shown(status: HTTPStatus, code: str, detail: str, path: str, **further: Any) -> ConfigDict:
    """What a problem looks like."""
    document = problem(status, code, detail, path, "58e9c4314831dbf4", further=further)
    return ConfigDict(json_schema_extra={EXAMPLE: json.loads(document)})


class ProblemField(BaseModel):
    """What is wrong with one field or parameter."""

    field: str
    code: str
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem."""

    model_config = shown(HTTPStatus.NOT_FOUND, NotFound.code, NotFound.detail, f"/v1/notes/{example_id('note')}")
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    errors: list[ProblemField]
    request_id: str


class BatchProblemItem(BaseModel):
    """Why one operation of a batch is refused: what it would be answered alone."""

    index: int
    status: int
    code: str
    detail: str
    errors: list[ProblemField]


class BatchProblem(Problem):
    """A problem of a batch: that of the first operation that is refused, and those of all that are known to be."""

    model_config = shown(
        HTTPStatus.NOT_FOUND,
        NotFound.code,
        NotFound.detail,
        "/v1/batch",
        items=[{"index": 1, "status": 404, "code": NotFound.code, "detail": NotFound.detail, "errors": []}],
    )
    items: list[BatchProblemItem] = Field(default_factory=list)


class GrantProblem(Problem):
    """A problem that OAuth 2 clients understand, too."""

    model_config = shown(
        HTTPStatus.BAD_REQUEST,
        GrantRefused.code,
        GrantRefused.detail,
        "/auth/token",
        error=GrantRefused.code,
        error_description=GrantRefused.detail,
    )
    error: Annotated[str | None, WithJsonSchema({"type": "string"})] = None
    error_description: Annotated[str | None, WithJsonSchema({"type": "string"})] = None
    challenge: Annotated[str | None, WithJsonSchema({"type": "string"})] = None
    """where `error` is `mfa_required`"""


def _response(status: int, description: dict[str, Any]) -> Responses:
    return {status: description}


def problems(*statuses: int, document: type[BaseModel] = Problem) -> Responses:
    """The declared errors of an operation."""
    schema = of_service(document)
    found: Responses = {
        status: {"description": _WHY[status], "content": {PROBLEM: {"schema": schema}}} for status in statuses
    }
    for status, headers in ((401, _CHALLENGE), (429, _LIMITED), (503, _RETRY)):
        if status in found:
            found[status]["headers"] = headers
    return found


def of_service(schema: type[BaseModel] | str) -> Schema:
    """A reference to one of the service's own schemas, whatever it is called in the end."""
    return {OF_SERVICE: schema if isinstance(schema, str) else schema.__name__}


class Operations:
    """What OpenAPI says of the operations of one resource."""

    def __init__(self, resource: Resource, names: Names) -> None:
        """Everything bears the names that it has there."""
        self._resource = resource
        self._one, self._many = resource.name, resource.plural
        self._names = names

    def page(self, parameters: list[Schema]) -> dict[str, Any]:
        """GET of the collection."""
        link = {"Link": {"description": 'The next page, `rel="next"`.', "schema": {"type": "string"}}}
        return self._operation(
            Basic.LIST,
            f"List {self._words(self._many)}",
            _response(200, self._json("The page.", What.PAGE, link, What.PART_PAGE))
            | problems(400, 401, 403, 422, 429, 503),
            parameters,
        )

    def create(self) -> dict[str, Any]:
        """POST to the collection."""
        location = {"Location": {"description": "The new record's path.", "schema": {"type": "string"}}}
        created: Responses = {201: self._json("The new record.", What.ANSWER, location | _ETAG)}
        return self._operation(
            Basic.CREATE,
            f"Create a {self._words(self._one)}",
            created | problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
            [IDEMPOTENCY],
            ("application/json",),
            What.CREATE,
            status=201,
        )

    def get(self, parameters: list[Schema]) -> dict[str, Any]:
        """GET of a record."""
        none_match = _header_parameter("If-None-Match", "Validators that the caller has already.")
        not_modified: Responses = {304: {"description": "The caller has it already.", "headers": _ETAG}}
        return self._operation(
            Basic.GET,
            f"Get a {self._words(self._one)}",
            _response(200, self._json("The record.", What.ANSWER, _ETAG, What.PART))
            | not_modified
            | problems(400, 401, 403, 404, 422, 429, 503),
            [_path_parameter("id"), *parameters, none_match],
        )

    def update(self) -> dict[str, Any]:
        """PATCH of a record."""
        answers: Responses = {
            200: self._json("The record as the caller sees it now.", What.ANSWER, _ETAG),
            204: {"description": "Done; the caller can no longer open it."},
        }
        return self._operation(
            Basic.UPDATE,
            f"Change a {self._words(self._one)}",
            answers | problems(400, 401, 403, 404, 409, 412, 413, 415, 422, *self._required(), 429, 503),
            [_path_parameter("id"), self._if_match()],
            # openapi-python-client writes a module that does not load for two types where no parameter can be left out
            ("application/json", *(() if self._resource.require_if_match else ("application/merge-patch+json",))),
            What.UPDATE,
        )

    def delete(self) -> dict[str, Any]:
        """DELETE of a record."""
        return self._operation(
            Basic.DELETE,
            f"Delete a {self._words(self._one)}",
            _response(204, {"description": "Gone, with all below it."})
            | problems(401, 403, 404, 409, 412, *self._required(), 429, 503),
            [_path_parameter("id"), self._if_match()],
            status=204,
        )

    def my_access(self) -> dict[str, Any]:
        """GET of what the caller may do with a record."""
        return self._operation(
            f"show_my_access_to_{self._one}",
            f"Show what you may do with a {self._words(self._one)}",
            _response(200, self._json("What the caller may do now.", What.ACCESS)) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def access(self, answer: Schema) -> dict[str, Any]:
        """GET of who can do what with a record."""
        about = "Who can do what, as far as the caller can see what that comes from."
        return self._operation(
            f"show_access_to_{self._one}",
            f"Show who can do what with a {self._words(self._one)}",
            _response(200, {"description": about, "content": {"application/json": {"schema": answer}}})
            | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def list_members(self) -> dict[str, Any]:
        """GET of a record's members."""
        return self._operation(
            f"list_members_of_{self._one}",
            f"List the members of a {self._words(self._one)}",
            _response(200, self._json("The members that the caller may see.", What.MEMBERS))
            | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def add_member(self) -> dict[str, Any]:
        """POST to a record's members."""
        invited = "The invitation, whether or not there is an account with the address."
        return self._operation(
            f"add_member_of_{self._one}",
            f"Share a {self._words(self._one)}",
            _response(201, self._json("The membership.", What.MEMBER))
            | _response(202, self._json(invited, What.INVITATION))
            | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
            [_path_parameter("id"), IDEMPOTENCY],
            ("application/json",),
            What.NEW_MEMBER,
            status=201,
        )

    def change_member(self) -> dict[str, Any]:
        """PATCH of a membership."""
        return self._operation(
            f"update_member_of_{self._one}",
            f"Change a member of a {self._words(self._one)}",
            _response(200, self._json("The membership.", What.MEMBER))
            | problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
            [_path_parameter("id"), _path_parameter("account")],
            ("application/json",),
            What.CHANGED_MEMBER,
        )

    def remove_member(self) -> dict[str, Any]:
        """DELETE of a membership."""
        return self._operation(
            f"remove_member_of_{self._one}",
            f"Remove a member of a {self._words(self._one)}, or leave it",
            _response(204, {"description": "No longer a member."}) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id"), _path_parameter("account")],
            status=204,
        )

    def list_invitations(self) -> dict[str, Any]:
        """GET of the invitations to a record."""
        return self._operation(
            f"list_invitations_to_{self._one}",
            f"List the invitations to a {self._words(self._one)}",
            _response(200, self._json("Those that wait, newest first.", What.INVITATIONS))
            | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def withdraw_invitation(self) -> dict[str, Any]:
        """DELETE of an invitation to a record."""
        return self._operation(
            f"withdraw_invitation_to_{self._one}",
            f"Withdraw an invitation to a {self._words(self._one)}",
            _response(204, {"description": "It can no longer be accepted."}) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id"), _path_parameter("invitation")],
            status=204,
        )

    def offer_transfer(self, answer: type[BaseModel], body: type[BaseModel]) -> dict[str, Any]:
        """POST that offers a record."""
        return self._operation(
            f"offer_transfer_of_{self._one}",
            f"Offer a {self._words(self._one)} to another account",
            _response(202, _of_service("The offer, whether or not there is such an account.", answer))
            | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
            [_path_parameter("id"), IDEMPOTENCY],
            ("application/json",),
            body,
            status=202,
        )

    def list_offers(self, answer: type[BaseModel]) -> dict[str, Any]:
        """GET of the open offer of a record."""
        return self._operation(
            f"list_offers_of_{self._one}",
            f"The open offer of a {self._words(self._one)}",
            _response(200, _of_service("The offer, or nothing.", answer)) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def withdraw_offer(self) -> dict[str, Any]:
        """DELETE of the open offer of a record."""
        return self._operation(
            f"withdraw_offer_of_{self._one}",
            f"Withdraw the offer of a {self._words(self._one)}",
            _response(204, {"description": "It can no longer be accepted."}) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id"), _path_parameter("offer")],
            status=204,
        )

    def list_links(self) -> dict[str, Any]:
        """GET of a record's secret links."""
        return self._operation(
            f"list_links_to_{self._one}",
            f"List the secret links to a {self._words(self._one)}",
            _response(200, self._json("The living links, without their tokens.", What.LINKS))
            | problems(401, 403, 404, 429, 503),
            [_path_parameter("id")],
        )

    def create_link(self) -> dict[str, Any]:
        """POST to a record's secret links."""
        return self._operation(
            f"create_link_to_{self._one}",
            f"Make a secret link to a {self._words(self._one)}",
            _response(201, self._json("The link, with its token.", What.MADE_LINK))
            | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
            [_path_parameter("id"), IDEMPOTENCY],
            ("application/json",),
            What.NEW_LINK,
            status=201,
        )

    def end_link(self) -> dict[str, Any]:
        """DELETE of a secret link."""
        return self._operation(
            f"delete_link_to_{self._one}",
            f"End a secret link to a {self._words(self._one)}",
            _response(204, {"description": "Nobody gets in by it any more."}) | problems(401, 403, 404, 429, 503),
            [_path_parameter("id"), _path_parameter("link")],
            status=204,
        )

    def _operation(
        self,
        wanted: str,
        summary: str,
        responses: Mapping[int | str, Any],
        parameters: list[Schema],
        body_types: tuple[str, ...] = (),
        body: What | type[BaseModel] | None = None,
        status: int = 200,
    ) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": self._names.operation(self._one, wanted),
            "summary": summary,
            "description": self._resource.about or "",
            "tags": [self._many],
            "status": status,
            "responses": dict(responses) | problems(406),
            "parameters": parameters,
            "security": [{}, BEARER],
        }
        if body is not None:
            schema = self._schema(body) if isinstance(body, What) else of_service(body)
            operation["requestBody"] = {"required": True, "content": {kind: {"schema": schema} for kind in body_types}}
        return operation

    def _schema(self, what: What) -> Schema:
        return {COMPONENT: self._names.of(self._one, what)}

    def _json(self, about: str, what: What, headers: Schema | None = None, part: What | None = None) -> dict[str, Any]:
        """`part`: what it is where only some members were asked for."""
        schema = self._schema(what) if part is None else {"anyOf": [self._schema(what), self._schema(part)]}
        content = {"application/json": {"schema": schema}}
        return {"description": about, "content": content, **({"headers": headers} if headers else {})}

    def _required(self) -> tuple[int, ...]:
        return (428,) if self._resource.require_if_match else ()

    def _if_match(self) -> Schema:
        found = _header_parameter("If-Match", "The validator of the record that is meant.")
        return found | {"required": self._resource.require_if_match}

    def _words(self, name: str) -> str:
        return name.replace("_", " ")


def of_caller(operation_id: str, summary: str, answer: type[BaseModel]) -> dict[str, Any]:
    """What is said of a GET of what waits for the caller, of whatever resource."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": [operation_id.partition("_")[2]],
        "responses": _response(200, _of_service("What waits.", answer)) | problems(401, 403, 406, 429, 503),
        "security": [BEARER],
    }


def answering(
    operation_id: str, summary: str, tag: str, answer: type[BaseModel] | None, body: type[BaseModel] | None = None
) -> dict[str, Any]:
    """What is said of a POST that accepts or declines what waits; without an answer it is 204, a body is optional."""
    done = {"description": "It waits no longer."} if answer is None else _of_service("It is done.", answer)
    status = 204 if answer is None else 200
    found: dict[str, Any] = {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "status": status,
        "responses": _response(status, done) | problems(400, 401, 403, 404, 406, 409, 422, 429, 503),
        "parameters": [_path_parameter("id"), IDEMPOTENCY],
        "security": [BEARER],
    }
    if body is not None:
        content = {"application/json": {"schema": of_service(body)}}
        found["requestBody"] = {"required": False, "content": content}
        found["responses"] |= problems(413, 415)
    return found


def _of_service(about: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": of_service(model)}}}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": UUID}


def _header_parameter(name: str, about: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}


IDEMPOTENCY = _header_parameter(HEADER, "Sent again with the same key within 24 hours, the request is done once.")
IDEMPOTENCY["schema"] = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"}


def batch(specification: Specification, names: Names) -> dict[str, Any]:
    """POST of several writes."""
    required = (428,) if any(r.require_if_match for r in specification.resources.values()) else ()
    done = {"description": "All was done.", "content": {"application/json": {"schema": of_service("BatchAnswer")}}}
    refused = problems(400, 401, 403, 404, 409, 412, 413, 415, 422, *required, 429, 503, document=BatchProblem)
    return {
        "operationId": names.operation("", "run_batch"),
        "summary": "Create, change and delete several records: all or nothing",
        "description": "Each is judged on what those before it left. `$0.id` is the id of what the first is about.",
        "tags": ["batch"],
        "responses": _response(200, done) | refused,
        "parameters": [IDEMPOTENCY],
        "security": [{}, BEARER],
        "requestBody": {"required": True, "content": {"application/json": {"schema": of_service("BatchRequest")}}},
    }


def _of_batch(specification: Specification, names: Names, bodies: Mapping[str, Any]) -> tuple[Schema, Schema]:
    """The schemas of a batch: those of resources, and the service's own. `bodies` are of single requests."""
    about = "An id, or that of what an earlier operation is about."
    record: Schema = {"type": "string", "pattern": f"^({REFERENCE}|{_ANY_CASE})$", "description": about}
    found: Schema = {}
    operations: list[Schema] = []
    for name, resource in specification.resources.items():
        naming = [resource.parent, *(field.name for field in resource.references())]
        held: Schema = {"if_match": {"type": "string", "description": "The validator of the record that is meant."}}
        need = ["if_match"] if resource.require_if_match else []
        for action, what, alone, inside in (
            ("create", What.CREATE_OPERATION, What.CREATE, What.CREATE_IN_BATCH),
            ("update", What.UPDATE_OPERATION, What.UPDATE, What.UPDATE_IN_BATCH),
            ("delete", What.DELETE_OPERATION, None, None),
        ):
            properties: Schema = {
                "action": {"type": "string", "const": action},
                "resource": {"type": "string", "const": name},
            }
            if action != "create":
                properties["id"] = record | {EXAMPLE: example_id(name)}
            if alone is not None and inside is not None:
                body = bodies[names.of(name, alone)]
                named = {
                    key: (nullable(record) if "null" in schema.get("type", ()) else record) | {EXAMPLE: schema[EXAMPLE]}
                    for key, schema in body["properties"].items()
                    if key in naming
                }
                properties["body"] = {COMPONENT: names.of(name, inside if named else alone)}
                if named:
                    found[names.of(name, inside)] = {**body, "properties": {**body["properties"], **named}}
            required = [*properties, *(need if action != "create" else [])]
            found[names.of(name, what)] = _object(properties if action == "create" else properties | held, required)
            operations.append({COMPONENT: names.of(name, what)})
    answers = [{COMPONENT: names.of(name, What.ANSWER)} for name in specification.resources]
    item: Schema = {
        "status": {"type": "integer", "enum": [200, 201, 204]},
        "id": UUID,
        "etag": _ETAG["ETag"]["schema"],
        "record": of_service("BatchRecord"),
    }
    many = {"type": "array", "minItems": 1, "maxItems": MOST_OPERATIONS, "items": of_service("BatchOperation")}
    return found, {
        "BatchRequest": _object({"operations": many}, ["operations"]),
        "BatchOperation": {"oneOf": operations},
        "BatchAnswer": _object({"items": {"type": "array", "items": of_service("BatchItem")}}, ["items"]),
        "BatchItem": _object(item, ["status", "id"]),
        "BatchRecord": {"anyOf": answers},
    }


_ANY_CASE = UUID_PATTERN.replace("a-f", "a-fA-F")


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def install(
    app: FastAPI,
    specification: Specification,
    names: Names,
    resources: Mapping[str, ResourceModels],
    members: Mapping[str, MemberModels],
    links: Mapping[str, LinkModels],
    others: list[type[BaseModel]],
    further: Mapping[str, Schema],
) -> None:
    """Render the document once, with the components that the record routes name."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _render(app, specification, names, resources, members, links, others, further)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _render(
    app: FastAPI,
    specification: Specification,
    names: Names,
    resources: Mapping[str, ResourceModels],
    members: Mapping[str, MemberModels],
    links: Mapping[str, LinkModels],
    others: list[type[BaseModel]],
    further: Mapping[str, Schema],
) -> dict[str, Any]:
    tags = [
        {"name": resource.plural, **({"description": resource.about} if resource.about else {})}
        for resource in specification.resources.values()
    ]
    document = get_openapi(
        title=app.title, version=specification.version, routes=app.routes, tags=[*tags, {"name": "identity"}]
    )
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation.get("responses", {}).get("422", "")):
                operation["responses"]["422"] = problems(422)[422]
            of_connection = {str(status): said for status, said in problems(*OF_CONNECTION).items()}
            if BEARER in operation.get("security", ()):  # `password` is another way to get one
                operation["security"].append({"password": []})
            operation["responses"] = dict(sorted((of_connection | operation["responses"]).items()))
    components = document.setdefault("components", {})
    models: list[type[BaseModel]] = [BatchProblem, *others]
    own = _defined([(Problem, "serialization"), *((model, "validation") for model in models)])
    of_resources = _of_resources(resources, members, links)
    in_batch, of_batch = _of_batch(specification, names, of_resources)
    own |= of_batch
    own[RESOURCES] = {"type": "string", "enum": list(specification.resources)}
    of_routes = components.get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        of_routes.pop(unused, None)
    service, routes = ({name: names.other(name) for name in sorted(found)} for found in (own, of_routes))
    written = {name: _written(schema, {}) for name, schema in {**of_resources, **in_batch, **further}.items()}
    written |= {service[name]: _written(schema, service, service) for name, schema in own.items()}
    written |= {routes[name]: _written(schema, routes) for name, schema in of_routes.items()}
    components["schemas"] = {name: _with_example(written[name], written) for name in sorted(written)}
    document["paths"] = _written(document["paths"], routes, service)
    password = {"tokenUrl": "/auth/token", "refreshUrl": "/auth/token", "scopes": {}}
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token. On records also an API key (`fhk_…`), one of the engine (`fhe_…`), or the "
            "token of a secret link (`fhl_…`), which only opens and reads.",
        },
        "password": {"type": "oauth2", "flows": {"password": password}},
        "cookie": {"type": "apiKey", "in": "cookie", "name": REFRESH_COOKIE},
    }
    return document


def _with_example(schema: Schema, components: Schema) -> Schema:
    """A component as it is shown; what is an object, with an example."""
    found: Schema = without_hints(schema)
    if "properties" in schema or "oneOf" in schema:
        with suppress(LookupError):
            found["examples"] = [example(schema, components)]
    return found


def _of_resources(
    resources: Mapping[str, ResourceModels], members: Mapping[str, MemberModels], links: Mapping[str, LinkModels]
) -> dict[str, Any]:
    """The schemas of resources, by their names."""
    found = [model for each in resources.values() for model in (each.answer, each.page, each.create, each.update)]
    found += [model for each in resources.values() for model in (each.part, each.part_page)]
    found += [model for each in members.values() for model in (each.answer, each.page, each.create, each.update)]
    found += [model for each in members.values() for model in (each.invitation, each.invitations)]
    found += [model for each in links.values() for model in (each.answer, each.made, each.page, each.create)]
    schemas = _defined([(model, "validation") for model in found])
    schemas |= {name: schema for each in resources.values() for name, schema in each.components.items()}
    schemas |= {each.role: each.roles for each in members.values()}
    return schemas | {each.role: each.roles for each in links.values()}


def _defined(models: list[tuple[type[BaseModel], Any]]) -> dict[str, Any]:
    """The schemas of models, by their names."""
    _, schemas = models_json_schema(models, ref_template=COMPONENTS + "{model}")
    found: dict[str, Any] = schemas["$defs"]
    return found


def _written(schema: Any, refs: Mapping[str, str], service: Mapping[str, str] = MappingProxyType({})) -> Any:
    """With the names that schemas have: of what `$ref` leads to, and of the service's.

    Without the titles that Pydantic makes of names, and the nulls that stand for "left out".
    """
    if isinstance(schema, list):
        return [_written(part, refs, service) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == COMPONENT:
            found["$ref"] = COMPONENTS + value
        elif key == OF_SERVICE:
            found["$ref"] = COMPONENTS + service[value]
        elif key == "$ref":
            name = value.removeprefix(COMPONENTS)
            found["$ref"] = COMPONENTS + refs.get(name, name)
        elif key == "properties":
            found[key] = {name: _written(part, refs, service) for name, part in value.items()}
        elif key == EXAMPLE:
            found[key] = value
        elif key in ("const", "default", "enum", "example"):
            found |= {} if value is None else {key: value}
        elif not (key == "title" and isinstance(value, str)):
            found[key] = _written(value, refs, service)
    return found
