"""What a file declares: its resources, who is above whom, their roles, and their fields with types.

Names may be used before they are declared, so this is read first and looks up nothing but resources. What is
wrong is noted in `Reading.broken` and `adrift`: what fails only because of it is not reported a second time.
"""

from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter

from domain.specification import fields, forms, grammar, shape
from domain.specification.circles import begun_at, circle_in
from domain.specification.fields import FieldDraft
from domain.specification.model import ENGINE_FIELDS, RESERVED, Field, Kind, Ladder, Place, Resource
from domain.specification.node import Mapping, Node, Scalar
from domain.specification.text import Mistake, Mistakes, meant, plural, tick

MOST_RESOURCES = 200
MOST_FIELDS = 200
LONGEST_CHAIN = 16
"""records above each other, `whoever can` rules that lean on each other, copies of copies"""
TABLES = ("freehold_", "alembic_", "sqlite_", "pg_")
"""how the tables begin that are not an app's own"""
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""columns that every table of PostgreSQL has already (https://www.postgresql.org/docs/current/ddl-system-columns.html)"""
OF_SERVICE = frozenset({"batch", "invitations", "transfers", "identity", "service"})
"""plurals that would be the service's own paths or groups of operations"""

_RESOURCE = (
    "about", "owner", "plural", "roles", "fields", "can", "locked", "steps", "links", "unique", "limit", "keep",
    "require_if_match", "renamed_from",
)  # fmt: skip
_NO_ROLE = RESERVED | {"signed", "whoever"} | grammar.GRAMMAR_WORDS


@dataclass(slots=True)
class Draft:
    """A resource whose keys are known and whose texts are not all read yet."""

    key: Scalar
    entries: shape.Entries
    fields: dict[str, FieldDraft] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """What is known so far in one reading of one file."""

    mistakes: Mistakes = field(default_factory=Mistakes)
    drafts: dict[str, Draft] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """declared names that are wrong: "resource", "resource.field", "staff" """
    adrift: set[str] = field(default_factory=set)
    """resources of which too little is known to say that a name is missing"""


def declared(reading: Reading, node: Node) -> dict[str, Resource]:
    """The resources below `resources`, with all that needs no other name than a resource's."""
    return _Declarations(reading).read(node)


def ladder(reading: Reading, key: str, entries: shape.Entries, staff: bool = False) -> Ladder | None:
    """`editor > viewer`, or for roles also `{ladder: …, join: open, expire: 90 days}`."""
    with reading.mistakes.caught():
        if key not in entries:
            return None
        reading.broken.update({key} if staff else ())
        node, options = entries[key][1], {}
        if isinstance(node, Mapping) and not staff:
            options = shape.table(node, ("ladder", "join", "expire"), "", reading.mistakes)
            if "ladder" not in options:
                raise Mistake(node.place, "`ladder` is missing. Write `{ladder: editor > viewer, …}`.")
            node = options["ladder"][1]
        words = forms.ladder(shape.text(node, "roles, strongest first: `editor > viewer`"))
        for word in words:
            shape.check_name(word.text, word.place)
            if word.text in _NO_ROLE:
                raise Mistake(word.place, f"{tick(word.text)} is a word of the language. Call the role something else.")
        ladder = Ladder(tuple(w.text for w in words), place=words[0].place)
        if "join" in options:
            ladder = replace(ladder, join_open=shape.choice(options["join"][1], ("open",)) == "open")
        if "expire" in options:
            ladder = replace(ladder, expire=forms.duration(shape.text(options["expire"][1], "`expire: 90 days`")))
        reading.broken.difference_update({key} if staff else ())
        return ladder
    return None


class _Declarations:
    def __init__(self, reading: Reading) -> None:
        self.mistakes = reading.mistakes
        self.drafts = reading.drafts
        self.broken = reading.broken
        self.adrift = reading.adrift
        self.reading = reading

    def read(self, node: Node) -> dict[str, Resource]:
        self._resources(node)
        return self._skeletons(self._parents())

    def _resources(self, node: Node) -> None:
        example = "a mapping of resources, such as `note: {owner: account, …}`"
        with self.mistakes.caught():
            if not shape.mapping(node, example).entries:
                raise shape.unexpected(node, example)
            self._not_more(node, MOST_RESOURCES, "resources")
            found = shape.named(node, example, self.mistakes)
            self.broken.update(key.text for key, _ in shape.mapping(node, example))
            for key, value in found:
                with self.mistakes.caught():
                    entries = shape.table(value, _RESOURCE, "the resource's `owner`, `fields` and `can`", self.mistakes)
                    self._resource_name(key)
                    self.drafts[key.text] = Draft(key, entries)
                    self.broken.discard(key.text)

    def _not_more(self, node: Node, most: int, what: str) -> None:
        if isinstance(node, Mapping) and len(node.entries) > most:
            extra = node.entries[most][0]
            raise Mistake(extra.place, f"{tick(extra.text)} is one too many: there can be {most} {what}. Split them.")

    def _resource_name(self, key: Scalar) -> None:
        name = key.text
        if name in RESERVED:
            raise Mistake(key.place, f"{tick(name)} is a word of the language. Call the resource something else.")
        if name in forms.SIMPLE_TYPES:
            raise Mistake(key.place, f"{tick(name)} is a type. Call the resource something else.")
        self._column_name(key)
        for prefix in TABLES:
            if name.startswith(prefix):
                raise Mistake(
                    key.place, f"{tick(name)} begins with `{prefix}`, like tables that are not yours. Rename it."
                )

    def _parents(self) -> dict[str, str | None]:
        parents: dict[str, str | None] = {}
        for name, draft in self.drafts.items():
            parents[name] = None
            with self.mistakes.caught():
                self.adrift.add(name)
                parents[name] = self._parent(draft)
                self.adrift.discard(name)
        self._owner_circles(parents)
        return parents

    def _parent(self, draft: Draft) -> str | None:
        if "owner" not in draft.entries:
            raise Mistake(
                draft.key.place, f"{tick(draft.key.text)} has no owner. Add `owner: account`, or the resource above."
            )
        found = shape.text(draft.entries["owner"][1], "`owner: account`, or the resource above")
        if found.text == "account":
            return None
        if found.text not in self.drafts:
            if found.text in self.broken:
                raise Mistake(found.place, "")
            fix = meant(found.text, ["account", *self.drafts])
            raise Mistake(found.place, f"{tick(found.text)} is neither `account` nor a resource. {fix}")
        return found.text

    def _owner_circles(self, parents: dict[str, str | None]) -> None:
        def place(name: str) -> Place:
            return self.drafts[name].entries["owner"][1].place

        while (circle := circle_in({n: [p] if p is not None else [] for n, p in parents.items()})) is not None:
            first = min(circle, key=lambda n: place(n).line)
            said = begun_at(circle, first)
            self.mistakes.add(
                place(first),
                f"{tick(str(parents[first]))} is above {tick(first)} and below it: {said}. "
                "Write `owner: account` for one of them.",
            )
            self.adrift.update(circle)
            parents[first] = None
        depth: dict[str, int] = {}
        for name in TopologicalSorter({n: [p] if p is not None else [] for n, p in parents.items()}).static_order():
            above = parents[name]
            depth[name] = 1 if above is None else depth[above] + 1
            if depth[name] == LONGEST_CHAIN + 1:
                self.mistakes.add(
                    place(name),
                    f"{tick(str(above))} has {LONGEST_CHAIN - 1} records above it already. Flatten the chain.",
                )
                parents[name] = None
                self.adrift.add(name)
                depth[name] = 1

    # --- fields ---

    def _skeletons(self, parents: dict[str, str | None]) -> dict[str, Resource]:
        """Resources with all that needs no other name than a resource's."""
        found: dict[str, Resource] = {}
        for name, draft in self.drafts.items():
            entries = draft.entries
            roles = ladder(self.reading, "roles", entries)
            if roles is None and "roles" in entries:
                self.adrift.add(name)
            found[name] = Resource(
                name=name,
                plural=self._plural(draft),
                place=draft.key.place,
                parent=parents[name],
                fields=self._fields(draft, parents),
                can={},
                about=self._text(entries, "about"),
                ladder=roles,
                limit=self._limit(entries),
                keep=self._switch(entries, "keep"),
                require_if_match=self._switch(entries, "require_if_match"),
                renamed_from=self._former_name(draft),
            )
        return found

    def _plural(self, draft: Draft) -> str:
        with self.mistakes.caught():
            if "plural" in draft.entries:
                return shape.name(draft.entries["plural"][1], "the plural, for the path").text
        return plural(draft.key.text)

    def _text(self, entries: shape.Entries, key: str) -> str | None:
        with self.mistakes.caught():
            if key in entries:
                return shape.text(entries[key][1], "a sentence").text.strip()
        return None

    def _switch(self, entries: shape.Entries, key: str) -> bool:
        with self.mistakes.caught():
            if key in entries:
                return shape.switch(*entries[key])
        return False

    def _limit(self, entries: shape.Entries) -> int | None:
        with self.mistakes.caught():
            if "limit" in entries:
                return forms.limit(shape.text(entries["limit"][1], "`200 per owner`"))
        return None

    def _former_name(self, draft: Draft) -> str | None:
        with self.mistakes.caught():
            if "renamed_from" in draft.entries:
                found = shape.name(draft.entries["renamed_from"][1], "the resource's former name")
                if found.text in self.drafts:
                    raise Mistake(found.place, f"{tick(found.text)} is still here. Remove it, or this `renamed_from`.")
                return found.text
        return None

    def _fields(self, draft: Draft, parents: dict[str, str | None]) -> dict[str, Field]:
        name, found = draft.key.text, {}
        with self.mistakes.caught():
            if "fields" not in draft.entries:
                return {}
            node = draft.entries["fields"][1]
            if isinstance(node, Mapping):
                self.broken.update(f"{name}.{key.text}" for key, _ in node)
            else:
                self.adrift.add(name)
            self._not_more(node, MOST_FIELDS, "fields")
            above = _chain(name, parents)
            for key, value in shape.named(node, "fields with their types, such as `title: text`", self.mistakes):
                with self.mistakes.caught():
                    found[key.text] = self._field(draft, key, value, above)
                    self.broken.discard(f"{name}.{key.text}")
        self._former_names(draft, found)
        return found

    def _field(self, draft: Draft, key: Scalar, value: Node, chain: list[str]) -> Field:
        self._field_name(key, chain[1] if len(chain) > 1 else None)
        written = fields.draft(key, value, self.mistakes)
        built = fields.build(written, [*self.drafts, *self.broken], self.mistakes)
        if built.kind is Kind.REFERENCE and key.text in chain:
            what = "this resource" if key.text == chain[0] else "a record above"
            fix = "Call the reference something else."
            raise Mistake(key.place, f"{tick(key.text)} is also the name of {what}. {fix}")
        if built.target in self.broken:
            raise Mistake(key.place, "")
        draft.fields[key.text] = written
        return fields.bounds(built, written.options, self.mistakes)

    def _field_name(self, key: Scalar, parent: str | None) -> None:
        name = key.text
        if name == parent:
            raise Mistake(
                key.place, f"{tick(name)} is the record above, which every record names already. Remove or rename it."
            )
        if name in ENGINE_FIELDS:
            raise Mistake(key.place, f"{tick(name)} is written by the engine in every record. Remove or rename it.")
        if name in RESERVED:
            raise Mistake(key.place, f"{tick(name)} is a word of the language. Call the field something else.")
        self._column_name(key)

    def _column_name(self, key: Scalar) -> None:
        if key.text in SYSTEM_COLUMNS:
            raise Mistake(key.place, f"{tick(key.text)} is a column of every table in PostgreSQL. Rename it.")

    def _former_names(self, draft: Draft, found: dict[str, Field]) -> None:
        seen: set[str] = set()
        for one in found.values():
            if one.renamed_from is None:
                continue
            node = draft.fields[one.name].options["renamed_from"][1]
            if one.renamed_from in found:
                self.mistakes.add(
                    node.place, f"{tick(one.renamed_from)} is still here. Remove it, or this `renamed_from`."
                )
            elif one.renamed_from in seen:
                self.mistakes.add(
                    node.place, f"{tick(one.renamed_from)} was renamed once already. Remove one `renamed_from`."
                )
            seen.add(one.renamed_from)


def _chain(name: str, parents: dict[str, str | None]) -> list[str]:
    """A resource and all above it."""
    found, at = [], parents[name]
    while at is not None:
        found.append(at)
        at = parents[at]
    return [name, *found]
