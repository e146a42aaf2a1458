"""What CREATE TABLE and CREATE INDEX say, as things that can be compared.

Both databases are read with this: SQLite keeps the very text, PostgreSQL writes its catalog as such text. What we
would make is read from our own statements. Layout, case, quotes that are not needed, and the order of columns and
constraints make no difference; every word besides does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.deviations import Thing

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*') | (?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\W\d][\w ]*\])
    | (?P<word>[^\W\d][\w$]*) | (?P<number>\d[\w.]*) | (?P<sign><=|>=|<>|!=|==|\|\||::|->>|->|.)""",
    re.VERBOSE | re.DOTALL,
)
_CLAUSES = (
    *("constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references", "generated"),
    *("as", "foreign", "on"),
)
"""what ends a column's type"""
_ALSO = {"varchar": "character varying", "timestamptz": "timestamp with time zone"}
"""types with two names"""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of SQL."""

    kind: str
    text: str
    """in lower case, unless it is a text or was a name in quotes"""

    def __str__(self) -> str:
        """As it is written."""
        plain = self.kind != "name" or re.fullmatch(r"[a-z_][a-z0-9_]*", self.text)
        return self.text if plain else '"' + self.text.replace('"', '""') + '"'


def tokens(sql: str) -> list[Token]:
    """The words of a statement, without space and comments."""
    found = []
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind == "name":
            text = text[1:-1].replace('""', '"')
        if kind != "space":
            found.append(Token(kind, text if kind in ("text", "name") else text.lower()))
    return found


def written(words: list[Token]) -> str:
    """Words as one line that does not depend on the layout."""
    text = " ".join(map(str, words))
    return re.sub(r"\s*(::|\.)\s*", r"\1", re.sub(r"\s+([,)])", r"\1", re.sub(r"(\()\s+", r"\1", text)))


def condition(words: list[Token]) -> str:
    """A condition without parentheses around the whole of it."""
    while len(words) > 1 and words[0].text == "(" and _end(words, 0) == len(words):
        words = words[1:-1]
    return written(words)


def _end(words: list[Token], at: int) -> int:
    """Behind the parenthesis that closes the one here."""
    depth = 0
    for i in range(at, len(words)):
        if words[i].kind == "sign":
            depth += {"(": 1, ")": -1}.get(words[i].text, 0)
        if depth == 0:
            return i + 1
    return len(words)


@dataclass(slots=True)
class _Reader:
    """Goes through the words of one part of a CREATE TABLE."""

    table: str
    words: list[Token]
    at: int = 0
    nameless: list[str] = field(default_factory=list)

    def next(self) -> Token:
        """Take the next word; an empty one at the end."""
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else Token("end", "")

    def comes(self, *texts: str) -> bool:
        """Whether these words come next; they are taken then."""
        ahead = self.words[self.at : self.at + len(texts)]
        if tuple(word.text for word in ahead) != texts or any(word.kind in ("name", "text") for word in ahead):
            return False
        self.at += len(texts)
        return True

    def group(self) -> list[Token]:
        """What stands in parentheses here."""
        start, self.at = self.at, _end(self.words, self.at)
        return self.words[start + 1 : self.at - 1]

    @property
    def ahead(self) -> Token:
        """The next word."""
        return self.words[self.at] if self.at < len(self.words) else Token("end", "")

    def list_of(self) -> str:
        """Columns in parentheses."""
        return written(self.group())

    # --- constraints -------------------------------------------------------------------------

    def constraints(self, column: str = "", facts: dict[str, str] | None = None) -> Iterator[Thing]:
        """All that follow; those that a column alone can have go to its facts."""
        facts = {} if facts is None else facts
        name = ""
        while self.at < len(self.words):
            if self.comes("constraint"):
                name = self.next().text
                continue
            thing = self._constraint(name, column)
            if thing is None:
                self._of_column(facts)
            else:
                yield thing
            name = ""

    def _constraint(self, name: str, column: str) -> Thing | None:
        if self.comes("primary", "key"):
            columns = column if self.ahead.text != "(" else self.list_of()
            direction = self.next().text if self.ahead.text in ("asc", "desc") else ""
            ahead = " autoincrement" if self.comes("autoincrement") else ""
            return self._thing("primary key", "", {"columns": f"{columns}{ahead}{direction.replace('asc', '')}"})
        if self.comes("unique"):
            apart = " nulls not distinct" if self.comes("nulls", "not", "distinct") else ""
            columns = column if self.ahead.text != "(" else self.list_of()
            return self._thing("unique key", name, {"columns": columns + apart})
        if self.comes("check"):
            return self._thing("check", name, {"condition": condition(self.group())})
        if self.comes("foreign", "key"):
            columns = self.list_of()
            return self._foreign_key(name, columns) if self.comes("references") else None
        if self.comes("references"):
            return self._foreign_key(name, column)
        return None

    def _foreign_key(self, name: str, columns: str) -> Thing:
        table = self.table_name()
        there = self.list_of() if self.ahead.text == "(" else ""
        facts = {"columns": columns, "references": f"{table} ({there})"}
        while self.comes("on"):
            which = self.next().text
            action = self.next().text
            if action in ("set", "no"):
                action += f" {self.next().text}"
            if action != "no action":
                facts[f"on {which}"] = action + (f" ({self.list_of()})" if self.ahead.text == "(" else "")
        while self.comes("match"):
            facts["match"] = self.next().text
        return self._thing("foreign key", name, facts)

    def table_name(self) -> str:
        """A table's name; its schema is left out."""
        name = self.next().text
        while self.comes("."):
            name = self.next().text
        return name

    def _thing(self, kind: str, name: str, facts: dict[str, str]) -> Thing:
        for words, fact, value in _FURTHER:
            if self.comes(*words):
                facts[fact] = value or self.next().text
        if kind != "primary key" and not name:
            self.nameless.append(kind)
            name = f"(nameless {kind} {self.nameless.count(kind)})"
        return Thing(kind, self.table, name, facts)

    def _of_column(self, facts: dict[str, str]) -> None:
        if self.comes("not", "null"):
            facts["null"] = "refused"
        elif self.comes("null"):
            pass
        elif self.comes("collate"):
            facts["collation"] = str(self.next())
        elif self.comes("default"):
            start = self.at
            if self.ahead.text == "(":
                self.group()
            else:
                self.next()
                while self.at < len(self.words) and self.words[self.at - 1].text in ("+", "-", "::"):
                    self.next()
            facts["default"] = condition(self.words[start : self.at])
        elif self.comes("on", "conflict"):
            facts["on conflict"] = self.next().text
        elif self.comes("generated", "always", "as") or self.comes("as"):
            how = "identity" if self.comes("identity") else f"as {condition(self.group())}"
            facts["generated"] = how + (f" {self.next().text}" if self.ahead.text in ("stored", "virtual") else "")
        else:
            facts["further"] = f"{facts.get('further', '')} {self.next()}".strip()


_FURTHER = (
    (("on", "conflict"), "on conflict", ""),
    (("not", "deferrable"), "deferrable", ""),
    (("deferrable",), "deferrable", "yes"),
    (("initially",), "initially", ""),
    (("no", "inherit"), "inherited", "no"),
    (("not", "valid"), "validated", "no"),
    (("not", "enforced"), "enforced", "no"),
)


def table_things(sql: str) -> list[Thing]:
    """The table, its columns and its constraints."""
    words = tokens(sql)
    opened = next((i for i, word in enumerate(words) if word.text == "(" and word.kind == "sign"), len(words))
    table = words[opened - 1].text
    closed = _end(words, opened)
    options = written(words[closed:]).removesuffix(";").strip()
    things = [Thing("table", "", table, {"options": options} if options else {}, made=sql)]
    nameless: list[str] = []
    for part in _parts(words[opened + 1 : closed - 1]):
        reader = _Reader(table, part, nameless=nameless)
        first = part[0]
        if first.kind == "word" and first.text in ("constraint", "primary", "unique", "check", "foreign"):
            things += reader.constraints()
        else:
            things += _column(reader)
    return things


def _column(reader: _Reader) -> Iterator[Thing]:
    name = reader.next().text
    start = reader.at
    while reader.at < len(reader.words) and not (reader.ahead.kind == "word" and reader.ahead.text in _CLAUSES):
        if reader.ahead.text == "(":
            reader.group()
        else:
            reader.next()
    facts = {"type": type_name(reader.words[start : reader.at]), "null": "allowed"}
    yield from reader.constraints(name, facts)
    yield Thing("column", reader.table, name, facts)


def type_name(words: list[Token]) -> str:
    """A type by the one of its names that both databases write."""
    text = written(words).replace(" (", "(")
    name, bracket, rest = text.partition("(")
    return f"{_ALSO.get(name, name)}{bracket}{rest}"


def _parts(words: list[Token]) -> Iterator[list[Token]]:
    """What commas separate, but for those in parentheses."""
    part: list[Token] = []
    at = 0
    while at < len(words):
        if words[at].text == "," and words[at].kind == "sign":
            yield part
            part, at = [], at + 1
            continue
        end = _end(words, at) if words[at].text == "(" else at + 1
        part += words[at:end]
        at = end
    if part:
        yield part


def constraint_thing(table: str, name: str, sql: str) -> Thing:
    """A constraint as PostgreSQL writes it."""
    (thing,) = _Reader(table, [Token("word", "constraint"), Token("name", name), *tokens(sql)]).constraints()
    return thing


def index_thing(sql: str) -> Thing:
    """An index."""
    words = tokens(sql)
    reader = _Reader("", words)
    reader.comes("create")
    unique = reader.comes("unique")
    reader.comes("index")
    reader.comes("if", "not", "exists")
    name = reader.next().text
    reader.comes("on")
    reader.comes("only")
    table = reader.table_name()
    method = reader.next().text if reader.comes("using") else "btree"
    facts = {"unique": "unique" if unique else "", "columns": f"({reader.list_of()})"}
    if method != "btree":
        facts["method"] = method
    for word, fact in (("include", "included"), ("with", "options")):
        if reader.comes(word):
            facts[fact] = reader.list_of()
    if reader.comes("nulls", "not", "distinct"):
        facts["nulls"] = "not distinct"
    if reader.comes("where"):
        facts["where"] = condition(words[reader.at :])
    return Thing("index", table, name, facts, made=sql.strip())
