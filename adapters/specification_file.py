"""`freehold.yaml` → Specification: YAML read strictly, with the line and column of everything in it.

PyYAML's parser events are built into our own tree, because a loader would resolve `yes` to a boolean, follow
aliases (which can grow without bound) and let the last of two equal keys win without a word.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from domain.errors import Problem, SpecificationInvalid
from domain.specification.checks import read
from domain.specification.model import Place, Specification
from domain.specification.node import Mapping, Node, Scalar, Sequence
from domain.specification.text import MOST_PROBLEMS, tick

FILE_NAME = "freehold.yaml"
LARGEST = 1024 * 1024
"""bytes of a specification file"""
DEEPEST = 16
"""mappings and lists within each other; the language needs six"""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def load(path: str | Path) -> Specification:
    """The specification in a file, or in the `freehold.yaml` of a folder. Raises `SpecificationInvalid`."""
    file = Path(path)
    try:
        if file.is_dir():
            file = file / FILE_NAME
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _invalid(
            1, 1, f"{tick(str(file))} does not exist. Create it, or name the folder that holds it."
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise _invalid(1, 1, f"{tick(str(file))} cannot be read: {reason}.") from None
    return parse(_decode(content))


def parse(text: str) -> Specification:
    """The specification that a text says. Raises `SpecificationInvalid` with every mistake found."""
    builder = _Builder(_readable(text))
    node = builder.build()
    try:
        found = read(node)
    except SpecificationInvalid as invalid:
        raise SpecificationInvalid([*builder.problems, *invalid.problems]) from None
    if builder.problems:
        raise SpecificationInvalid(builder.problems)
    return replace(found, source=text)


def _readable(text: str) -> str:
    """The text, if it is not too large and has nothing strange in it."""
    if len(text) > LARGEST or len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise _too_large()
    text = text.removeprefix("\ufeff")
    if (strange := _UNPRINTABLE.search(text)) is not None:
        place = _place_of(text, strange.start())
        name = f"U+{ord(strange.group()):04X}"
        raise _invalid(place.line, place.column, f"The character `{name}` cannot stand in a specification. Remove it.")
    return text


def _decode(content: bytes) -> str:
    if len(content) > LARGEST:
        raise _too_large()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        place = _place_of(before, len(before))
        bad = f"The byte `0x{content[error.start]:02X}` is not UTF-8. Save the file as UTF-8."
        raise _invalid(place.line, place.column, bad) from None


def _too_large() -> SpecificationInvalid:
    return _invalid(1, 1, f"{tick(FILE_NAME)} is larger than 1 MiB. Shorten it: a specification is a few pages.")


def _invalid(line: int, column: int, message: str) -> SpecificationInvalid:
    return SpecificationInvalid([Problem(line, column, message)])


def _place_of(text: str, offset: int) -> Place:
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return Place(before.count("\n") + 1, offset - max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)))


def _mark(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


class _Builder:
    """Builds the tree from the parser's events; refuses what the language does without."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.events: Iterator[Any] = iter(())

    def build(self) -> Node:
        """The root of the tree; equal keys are in `problems`."""
        try:
            self.events = iter(yaml.parse(self.text, Loader=yaml.CLoader))
            return self._document()
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except yaml.YAMLError:
            raise _invalid(1, 1, f"{tick(FILE_NAME)} cannot be read as YAML. Save it as plain UTF-8 text.") from None

    def _document(self) -> Node:
        node: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise self._refused(event, "`---` begins a second document. Keep one document in the file.")
                node = self._node(next(self.events), 0)
        if node is None:
            raise _invalid(1, 1, f"{tick(FILE_NAME)} is empty. Begin with `app: myapp` and `resources:`.")
        return node

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            raise self._refused(event, f"{tick(f'*{event.anchor}')} is an alias. Write the text out instead.")
        if event.anchor is not None:
            raise self._refused(event, f"{tick('&' + event.anchor)} is an anchor. Remove it and write the text out.")
        mark: Any = event.start_mark
        end: Any = event.end_mark
        if event.tag is not None:
            written = re.split(r"\s", self.text[mark.index :], maxsplit=1)[0]
            raise self._refused(event, f"{tick(written)} is a tag. Remove it: types are said under `fields`.")
        place = Place(mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            lines = self._lines(event) if end.line > mark.line else ()
            return Scalar(event.value, place, not event.style, lines)
        if depth >= DEEPEST:
            bracket = self.text[mark.index : mark.index + 10].split("\n")[0]
            raise self._refused(event, f"{tick(bracket)} is nested deeper than {DEEPEST} levels. Flatten it.")
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), place, bool(event.flow_style))
        return Mapping(tuple(self._entries(depth)), place, bool(event.flow_style))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self._refused(
                    event, f"{tick(self.text[event.start_mark.index])} cannot begin a key. Write `name: …`."
                )
            value = self._node(next(self.events), depth + 1)
            if key.text in seen:
                message = (
                    f"{tick(key.text)} stands here already, on line {seen[key.text]}. Remove or rename one of them."
                )
                self.problems.append(Problem(key.place.line, key.place.column, message))
                if len(self.problems) == MOST_PROBLEMS:
                    raise self._refused(event, "There may be more problems. Fix these first.")
            else:
                seen[key.text] = key.place.line
                yield key, value

    def _lines(self, event: Any) -> tuple[tuple[int, Place], ...]:
        """Where each further line of a text continues, found by walking the value beside the source."""
        source = self.text[event.start_mark.index : event.end_mark.index]
        line, begins, found, at = event.start_mark.line + 1, event.start_mark.column + 1, [], 0
        parts = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", source)
        for number, part in enumerate(parts):
            body = part.strip()
            if event.style in ("|", ">") and number == 0:
                continue
            body = body.strip(event.style) if event.style in ("'", '"') else body
            offset = event.value.find(body, at)
            if offset < 0:  # an escape: what follows is reported at the last line that could be found
                break
            if not body:
                continue
            column = (begins if number == 0 else 1) + part.index(body)
            found.append((offset, Place(line + number, column)))
            at = offset + len(body)
        return tuple(found)

    def _refused(self, event: Any, message: str) -> SpecificationInvalid:
        mark = event.start_mark
        return SpecificationInvalid([*self.problems, Problem(mark.line + 1, mark.column + 1, message)])

    def _syntax(self, error: yaml.MarkedYAMLError) -> SpecificationInvalid:
        """One clear message for what YAML's parser stumbled over."""
        line, column = _mark(error.problem_mark or error.context_mark)
        rows = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", self.text)
        line = min(line, len(rows))
        while line > 1 and not rows[line - 1].strip():  # the end of the file: show the last text before it
            line, column = line - 1, len(rows[line - 2]) + 1
        row = rows[line - 1]
        said = f"{error.context or ''} {error.problem or ''}"
        indent = row[: len(row) - len(row.lstrip())]
        if "\t" in indent or row[column - 1 : column] == "\t":
            column = row.index("\t") + 1
            message = f"A tab stands in {tick(row.strip())}. Indent with spaces."
        elif "mapping values are not allowed" in said:
            message = (
                f"`:` is not expected here, in {tick(row.strip())}. "
                "Indent the lines of one mapping alike, and quote a text that contains `: `."
            )
        elif "quoted scalar" in said and "escape" not in said:
            line, column = _mark(error.context_mark)
            message = f"{tick(rows[line - 1][column - 1 :])} opens a quotation that is never closed. Close it."
        elif "escape" in said:
            message = f"The backslash in {tick(row.strip())} is no YAML escape. Use single quotes around the text."
        elif "flow mapping" in said:
            line, column = _mark(error.context_mark)
            message = "The `{` that opens here is never closed, or a comma is missing in it. Close it with `}`."
        elif "flow sequence" in said:
            line, column = _mark(error.context_mark)
            message = "The `[` that opens here is never closed, or a comma is missing in it. Close it with `]`."
        elif "cannot start any token" in said:
            message = f"A text cannot begin with {tick(row[column - 1 : column])}. Put it into quotes."
        elif "incompatible YAML" in said or "directive" in said:
            message = f"{tick(row.strip())} is a YAML directive. Remove it."
        else:
            message = (
                f"{tick(row.strip())} cannot be read as YAML. "
                "Write `key: value`, and indent the keys of one mapping alike."
            )
        return SpecificationInvalid([*self.problems, Problem(line, column, message)])
