"""What stands where: mappings with known keys, lists, plain texts and switches, each mistake with its fix."""

from collections.abc import Callable, Iterable

from domain.specification.grammar import LONGEST_NAME, NAME, GrantPiece, Name, grant
from domain.specification.model import Place
from domain.specification.node import Mapping, Node, Scalar, Sequence
from domain.specification.text import Mistake, Mistakes, listed, meant, tick

Entries = dict[str, tuple[Scalar, Node]]
SYNONYMS = {
    "edit": "update", "write": "update", "change": "update", "view": "read", "see": "read", "list": "read",
    "get": "read", "remove": "delete", "destroy": "delete", "add": "create", "insert": "create", "invite": "share",
    "belongs_to": "owner", "parent": "owner", "owned_by": "owner", "permissions": "can", "rules": "can",
    "actions": "can", "columns": "fields", "attributes": "fields", "properties": "fields", "states": "steps",
    "description": "about", "digits": "places", "decimals": "places", "required": "optional", "nullable": "optional",
}  # fmt: skip
"""what other tools call it"""


def table(node: Node, known: Iterable[str], what: str, mistakes: Mistakes) -> Entries:
    """The entries of a mapping with these keys; unknown keys are noted and left out.

    Raises `Mistake` where the node is no mapping.
    """
    node = mapping(node, what)
    names = list(known)
    found: Entries = {}
    before = ""
    cut: list[Scalar] = []
    for key, value in node:
        if key.text in names:
            found[key.text] = (key, value)
            if key.text != "optional":  # which may stand alone, as in `{type: text, optional}`
                fill(key, value, mistakes)
            _report_cut(before, cut, mistakes)
            before, cut = f'{key.text}: "{value.text}' if isinstance(value, Scalar) and value.plain else "", []
        elif node.flow and before and isinstance(value, Scalar) and value.empty:
            cut.append(key)
        else:
            fix = meant(SYNONYMS.get(key.text, key.text), [n for n in names if n not in found], "Remove it.")
            mistakes.add(key.place, f"{tick(key.text)} is not known here. {fix}")
    _report_cut(before, cut, mistakes)
    return found


def _report_cut(before: str, cut: list[Scalar], mistakes: Mistakes) -> None:
    """`{type: one of a, b}`: YAML has cut the text at its comma, so that `b` looks like a key."""
    if cut:
        whole = ", ".join([before, *(key.text for key in cut)]) + '"'
        fix = f"Put the text in quotes: {tick(whole)}."
        mistakes.add(cut[0].place, f"{tick(cut[0].text)} is cut off by the comma inside braces. {fix}")


def named(node: Node, what: str, mistakes: Mistakes) -> list[tuple[Scalar, Node]]:
    """The entries of a mapping whose keys are names of the author's choice; wrong ones are noted and left out."""
    found = []
    for key, value in mapping(node, what):
        fill(key, value, mistakes)
        with mistakes.caught():
            check_name(key.text, key.place)
            found.append((key, value))
    return found


def mapping(node: Node, what: str) -> Mapping:
    """A node that is a mapping."""
    if not isinstance(node, Mapping):
        raise unexpected(node, what)
    return node


def fill(key: Scalar, value: Node, mistakes: Mistakes) -> None:
    """Note a key with nothing behind it."""
    if isinstance(value, Scalar) and value.empty:
        fix = "Write what it should be, or remove it."
        mistakes.add(value.place, f"{tick(key.text)} has nothing behind it. {fix}")


def unexpected(node: Node, what: str) -> Mistake:
    """A node of the wrong sort; an empty one is reported with its key."""
    if isinstance(node, Scalar) and node.empty:
        return Mistake(node.place, "")
    return Mistake(node.place, f"{written(node)} is not expected here. Write {what}.")


def check_name(name: str, place: Place) -> None:
    """Refuse what cannot be the name of an app, a resource, a field or a role."""
    if NAME.fullmatch(name) is None:
        made = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.lower()).strip("_0123456789")
        fix = f", such as {tick(made)}" if NAME.fullmatch(made) and len(made) <= LONGEST_NAME else ""
        raise Mistake(
            place, f"{tick(name)} cannot be a name. Write lower-case letters, digits and `_`, a letter first{fix}."
        )
    if len(name) > LONGEST_NAME:
        raise Mistake(place, f"{tick(name)} is longer than {LONGEST_NAME} characters. Shorten it.")


def written(node: Node) -> str:
    """How a node of the wrong sort is called in a message."""
    if isinstance(node, Scalar):
        return tick(node.text)
    return "A list `[…]`" if isinstance(node, Sequence) else "A mapping `{…}`"


def text(node: Node, what: str) -> Scalar:
    """A text that is there."""
    if not isinstance(node, Scalar) or node.empty:
        raise unexpected(node, what)
    if not node.text.strip():
        raise Mistake(node.place, f"`'{node.text}'` says nothing. Write {what}.")
    return node


def name(node: Node, what: str) -> Scalar:
    """A text that is a name."""
    found = text(node, what)
    check_name(found.text, found.at(0))
    return found


def switch(key: Scalar, node: Node, bare: bool = False) -> bool:
    """`yes` or `no`; with `bare` the key alone says yes, as in `{type: text, optional}`."""
    if bare and isinstance(node, Scalar) and node.empty:
        return True
    found = text(node, f"`{key.text}: yes`")
    if found.text not in ("yes", "no"):
        raise Mistake(
            found.place, f"{tick(found.text)} is neither yes nor no. Write `{key.text}: yes`, or leave it out."
        )
    return found.text == "yes"


def choice(node: Node, options: tuple[str, ...]) -> str:
    """One of a few words."""
    found = text(node, listed(options))
    if found.text not in options:
        raise Mistake(
            found.place,
            f"{tick(found.text)} is not possible here. {meant(found.text, (), f'Write {listed(options)}.')}",
        )
    return found.text


def one_or_many(node: Node, what: str) -> tuple[Scalar, ...]:
    """A text, or a list of texts."""
    if isinstance(node, Sequence):
        if not node.items:
            raise Mistake(node.place, f"`[]` is empty. Write {what}, or leave the line out.")
        return tuple(text(item, what) for item in items(node, what))
    return (text(node, what),)


def items(node: Node, what: str) -> tuple[Node, ...]:
    """The items of a list, none of them empty."""
    if not isinstance(node, Sequence):
        raise unexpected(node, what)
    for item in node.items:
        if isinstance(item, Scalar) and item.empty:
            raise Mistake(item.place, f"`-` has nothing behind it. Write {what}, or remove it.")
    return node.items


def grants(node: Node, is_field: Callable[[str], bool], mistakes: Mistakes) -> list[GrantPiece]:
    """A grant, or a list of them; those that cannot be read are noted and left out."""
    found: list[GrantPiece] = []
    cut: str | None = None
    flow = isinstance(node, Sequence) and node.flow
    for item in one_or_many(node, "who may, such as `owner` or `[owner, editor]`"):
        with mistakes.caught():
            piece = grant(item)
            first = piece.who[0]
            bare = str(first) if isinstance(first, Name) and len(piece.who) == 1 and piece.only is None else ""
            if cut is not None and item.plain and is_field(bare):
                cut = f"{cut}, {piece.text}"
                raise Mistake(
                    piece.place,
                    f"{tick(bare)} is cut off from its `only` by the comma inside brackets. "
                    f"Write one grant a line: {tick('- ' + cut)}.",
                )
            if flow and item.plain and piece.only is not None:
                cut = piece.text
            found.append(piece)
    return found
