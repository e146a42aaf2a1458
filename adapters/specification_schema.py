"""The JSON Schema of `freehold.yaml`, for editors: what can stand where, with a sentence for each.

It is draft 7, which editors know best. It knows words and shapes, not names: whether a role exists, only `freehold
check` can say. Scalars are as YAML 1.2 reads them, so `yes` is a string and `min: 0` a number.
"""

from typing import Any

from domain.specification.asking import CODES
from domain.specification.forms import SIMPLE_TYPES
from domain.specification.grammar import LONGEST_NAME
from domain.specification.model import ACTIONS

Schema = dict[str, Any]
NAME = "[a-z](_?[a-z0-9])*_?"
_SPAN = r"^\s*[0-9]{1,5}\s+(day|days|hour|hours)\s*$"
_LADDER = rf"^\s*{NAME}(\s*>\s*{NAME})*\s*$"
_STEP = r"^[A-Za-z0-9][A-Za-z0-9_ -]*->[A-Za-z0-9_ -]*[A-Za-z0-9_-]$"


def json_schema() -> Schema:
    """The whole schema, as data."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "freehold.yaml",
        "description": "What the records of an app are, who owns them, and who may do what with them.",
        **_mapping(
            {
                "app": _text("The app's name.", pattern=f"^{NAME}$", maxLength=LONGEST_NAME),
                "version": _text(
                    "Three numbers; the first is the path's prefix: `/v1`. Without it, `1.0.0`.",
                    pattern=r"^[0-9]{1,5}(\.[0-9]{1,5}){2}$",
                ),
                "staff": _text(
                    "Roles for the whole app, strongest first, given on the command line only. They give no right by "
                    "themselves: a rule must name `staff.mediator`.",
                    pattern=_LADDER,
                ),
                "resources": {
                    "description": "The kinds of records, each by its name in the singular.",
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": f"^{NAME}$", "maxLength": LONGEST_NAME},
                    "additionalProperties": {"$ref": "#/definitions/resource"},
                },
                "answers": {
                    "description": "Questions that you have considered: each is closed at that place only.",
                    "type": "array",
                    "items": _mapping(
                        {
                            "question": {"description": "The code, as `freehold check` prints it.", "enum": [*CODES]},
                            "on": _text("The place: `profile.bio`, as `freehold check` prints it."),
                            "because": _text("Why it is meant so, for whoever reads the file."),
                        },
                        required=("question", "on", "because"),
                    ),
                },
                "examples": {
                    "description": "Sentences that are checked each time: `mary can read note 3; bob cannot`.",
                    "type": "array",
                    "items": _text("Facts and claims, joined by semicolons."),
                },
            },
            required=("app", "resources"),
        ),
        "definitions": {
            "resource": _resource(),
            "field": _field(),
            "grants": _grants(),
            "switch": {"enum": ["yes", "no"]},
        },
    }


def _mapping(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def _text(says: str, **more: Any) -> Schema:
    return {"description": says, "type": "string", "minLength": 1, **more}


def _switch(says: str) -> Schema:
    return {"description": says, "$ref": "#/definitions/switch"}


def _one_or_many(says: str, **more: Any) -> Schema:
    one = {"type": "string", "minLength": 1, **more}
    return {"description": says, "anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _grants() -> Schema:
    says = (
        "Who may: `who [and who …] [only field, …] [when condition [and …]]`, or a list of such grants, any of which "
        "allows. Write grants with a comma one a line, with `-`."
    )
    return _one_or_many(says)


_ACTIONS = {
    "create": "Making one. For a root, `owner` and `signed in` mean the same: the caller becomes the owner.",
    "open": "Fetching a record whose id one has. It never shows in lists.",
    "read": "Finding it in lists, counts, search and export. Includes `open`.",
    "update": "Changing fields; `only field, …` bounds a grant to these.",
    "delete": "Deleting it with everything below.",
    "share": "Giving, changing and taking roles, and making links. Needs `roles`.",
    "members": "Seeing who has which role. Needs `roles`.",
    "move": "Putting it under another parent. Not for roots.",
    "transfer": "Handing it over to another account. Roots only.",
}


def _resource() -> Schema:
    span = _text("The longest time: `30 days` or `12 hours`.", pattern=_SPAN)
    ladder = _text("Roles, strongest first; each includes all behind it.", pattern=_LADDER)
    rule = {"$ref": "#/definitions/grants"}
    return {
        "description": "A kind of record.",
        **_mapping(
            {
                "about": _text("A sentence for the API's documentation."),
                "owner": _text("`account` for a root, or the resource above.", pattern=f"^{NAME}$"),
                "plural": _text("The plural in the path, where English would be wrong.", pattern=f"^{NAME}$"),
                "roles": {
                    "description": "A ladder of roles that can be given on each record: `editor > viewer`.",
                    "anyOf": [
                        ladder,
                        _mapping(
                            {
                                "ladder": ladder,
                                "join": {
                                    "description": "Whoever can open the record may take its weakest role.",
                                    "enum": ["open"],
                                },
                                "expire": span,
                            },
                            required=("ladder",),
                        ),
                    ],
                },
                "fields": {
                    "description": "The fields and their types.",
                    "type": "object",
                    "propertyNames": {"pattern": f"^{NAME}$", "maxLength": LONGEST_NAME},
                    "additionalProperties": {"$ref": "#/definitions/field"},
                },
                "can": {
                    "description": "Who may do what. What is not named, nobody may.",
                    **_mapping({name: {"description": _ACTIONS[name], **rule} for name in ACTIONS}),
                },
                "locked": _text(
                    "While this holds, no field but those after `except` changes, and nothing is created or deleted "
                    "below: `when archived is yes, except archived`.",
                    pattern=r"^\s*when\s",
                ),
                "steps": {
                    "description": "The only ways in which a `one of` field changes: `{todo -> doing: lead}`.",
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "minProperties": 1,
                        "propertyNames": {"pattern": _STEP},
                        "additionalProperties": rule,
                    },
                },
                "links": {
                    "description": "Secret links that carry a role on this record.",
                    **_mapping({"role": _text("The role.", pattern=f"^{NAME}$"), "expire": span}, required=("role",)),
                },
                "unique": _one_or_many(
                    "What may not occur twice: `title per owner`, `number, year per business`, `name everywhere`.",
                    pattern=r"\S\s+(per\s+\S+|everywhere)\s*$",
                ),
                "limit": _text(
                    "The most records that one account may own: `200 per owner`.",
                    pattern=r"^\s*[1-9][0-9]{0,8}\s+per\s+owner\s*$",
                ),
                "keep": _switch("Outlives its owner's account, and blocks the deletion of what is above."),
                "require_if_match": _switch("Changes must name the version they start from (`If-Match`)."),
                "renamed_from": _text("The former name, so that the records are kept.", pattern=f"^{NAME}$"),
            },
            required=("owner",),
        ),
    }


def _field() -> Schema:
    simple = "|".join(SIMPLE_TYPES)
    named = rf"({simple}|member\s+of\s+\S+|copy\s+of\s+\S+|{NAME})"
    one_of = r"one\s+of\s+\S.*"
    says = (
        f"A type: {', '.join(f'`{name}`' for name in SIMPLE_TYPES)}, `one of a, b`, `member of project`, "
        "`copy of listing.price`, or a resource's name."
    )
    short = _text(f"{says} `, optional` may follow.", pattern=rf"^\s*({named}(\s*,\s*optional)?|{one_of})\s*$")
    rule = {"$ref": "#/definitions/grants"}
    bound = {"type": ["string", "number"]}
    long = _mapping(
        {
            "type": _text(says, pattern=rf"^\s*({named}(\s*,\s*optional)?|{one_of})\s*$"),
            "optional": {"description": "May be empty (null).", "enum": ["yes", "no", None]},
            "default": {"description": "What a new record holds if nothing is sent."},
            "length": _text("Characters: `1 to 120`.", pattern=r"^\s*[0-9]{1,9}\s+to\s+[0-9]{1,9}\s*$"),
            "pattern": _text("A regular expression that the whole text must match."),
            "format": {"description": "What the text is.", "enum": ["email", "url"]},
            "min": {"description": "The least value, included.", **bound},
            "max": {"description": "The greatest value, included.", **bound},
            "places": {
                "description": "The most digits after the point.",
                "type": "integer",
                "minimum": 0,
                "maximum": 20,
            },
            "read": {"description": "Who may see the field, of those who can open the record.", **rule},
            "write": {"description": "Who may set it, of those who may create or update.", **rule},
            "when_gone": {
                "description": "What happens when the record referred to is deleted.",
                "enum": ["empty", "block", "delete"],
            },
            "about": _text("A sentence for the API's documentation."),
            "renamed_from": _text("The former name, so that the values are kept.", pattern=f"^{NAME}$"),
        },
        required=("type",),
    )
    return {"description": "A type, or a mapping with `type` and options.", "anyOf": [short, long]}
