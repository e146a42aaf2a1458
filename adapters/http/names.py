"""What OpenAPI calls the schemas and operations of a specification: each name once, whatever its author called things.

A generated client writes names as classes, functions and files. So two names are the same here where they differ only
in capitals and underscores, and what a client's own language calls so already is nobody's. The resources come first,
in alphabetical order, then what is derived from them: nobody's name changes by what Freehold or the app's own routes
add. A name that is taken gets a number; a resource that is called like something of a language, `Record` behind it.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain, count

from domain.specification.model import Kind, Specification

COMPONENTS = "#/components/schemas/"


class What(StrEnum):
    """The schemas of a resource, as patterns of its name."""

    ANSWER = "{}"
    PAGE = "{}List"
    CREATE = "{}Create"
    UPDATE = "{}Update"
    MEMBER = "MemberOf{}"
    MEMBERS = "MemberOf{}List"
    NEW_MEMBER = "MemberOf{}Create"
    CHANGED_MEMBER = "MemberOf{}Update"
    ROLE = "{}Role"
    INVITATION = "InvitationTo{}"
    INVITATIONS = "InvitationTo{}List"
    PART = "PartOf{}"
    PART_PAGE = "PartOf{}List"
    EXPANDED = "{}Expanded"
    LINK = "LinkTo{}"
    LINKS = "LinkTo{}List"
    NEW_LINK = "LinkTo{}Create"
    MADE_LINK = "LinkTo{}Made"
    LINK_ROLE = "LinkTo{}Role"
    CREATE_OPERATION = "{}CreateOperation"
    UPDATE_OPERATION = "{}UpdateOperation"
    DELETE_OPERATION = "{}DeleteOperation"
    CREATE_IN_BATCH = "{}CreateInBatch"
    UPDATE_IN_BATCH = "{}UpdateInBatch"
    ACCESS = "AccessTo{}"
    ACCESS_ACTION = "AccessTo{}Action"
    ACCESS_FIELD = "AccessTo{}Field"
    ACCESS_CHILD = "AccessTo{}Child"


class Basic(StrEnum):
    """The operations on records themselves, as patterns of the resource's name and plural."""

    LIST = "list_{many}"
    CREATE = "create_{one}"
    GET = "get_{one}"
    UPDATE = "update_{one}"
    DELETE = "delete_{one}"


_OF_LANGUAGES = (
    *("Array", "Blob", "Boolean", "Date", "Error", "File", "Function", "Map", "Number", "Object", "Promise", "Record"),
    *("ReadonlyArray", "RegExp", "Request", "Response", "Set", "String", "Symbol", "URL"),
    *("Any", "AuthenticatedClient", "Client", "Enum", "False", "Literal", "None", "True", "Unset", "UUID"),
)
"""what modules of TypeScript or Python that are made of the document use under these names"""


class _Taken:
    """Names of one kind."""

    def __init__(self, *names: str) -> None:
        self._folded = {_folded(name) for name in names}

    def claim(self, wanted: str) -> str:
        """The name, or the next one that is free."""
        name = next(name for name in chain([wanted], _numbered(wanted)) if _folded(name) not in self._folded)
        self._folded.add(_folded(name))
        return name


class Names:
    """The names of one specification."""

    def __init__(self, specification: Specification) -> None:
        """Name everything that the specification has, in an order that does not depend on its text's."""
        resources = [specification.resources[name] for name in sorted(specification.resources)]
        self._components = _Taken(*_OF_LANGUAGES)
        self._schemas: dict[tuple[str, str], str] = {}
        self._choices: dict[tuple[str, str], str] = {}
        for what in What:
            for resource in resources:
                wanted = what.format(class_name(resource.name))
                wanted += "Record" if wanted in _OF_LANGUAGES else ""
                self._schemas[resource.name, what] = self._components.claim(wanted)
        for resource in resources:
            for name in resource.fields:
                if specification.value_field(resource.name, name).kind is Kind.ONE_OF:
                    wanted = f"{class_name(resource.name)}{class_name(name)}"
                    self._choices[resource.name, name] = self._components.claim(wanted)
        self._operations = _Taken()
        self._basic = {
            (resource.name, form): self._operations.claim(form.format(one=resource.name, many=resource.plural))
            for resource in resources
            for form in Basic
        }

    def of(self, resource: str, what: What) -> str:
        """The component of a resource's schema."""
        return self._schemas[resource, what]

    def choices(self, resource: str, field: str) -> str:
        """The component of the values of a `one of` field, or of a copy of one."""
        return self._choices[resource, field]

    def operation(self, resource: str, wanted: str) -> str:
        """The id of an operation of a resource: one of the basic ones, or a further one, which is asked for once."""
        return self._basic[resource, wanted] if isinstance(wanted, Basic) else self._operations.claim(wanted)

    def other(self, name: str) -> str:
        """A component for a schema that is of no resource."""
        return self._components.claim(name)


def class_name(name: str) -> str:
    """`line_item` as `LineItem`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _numbered(wanted: str) -> Iterator[str]:
    return (f"{wanted}{number}" for number in count(2))
