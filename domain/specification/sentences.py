"""`examples:` as text → facts and claims with every name looked up; `examples.py` decides them.

    example     sentence; sentence; …
    fact        mary owns notebook 1 · bob is editor of notebook 1 · carol is staff.mediator
                note 3 is in notebook 1 · audience of note 3 is everyone
    claim       mary and bob can read note 3 · mary can read title of note 3 · mary can read members of notebook 1
                mary cannot set audience of note 3 to everyone · mary can share notebook 1 as viewer
                mary can move note 3 to notebook 2 · bob cannot (the same as the claim before)

Every function raises `Mistake` at the offending word.
"""

import re
from collections.abc import Iterator

from domain.specification import fields
from domain.specification.grammar import NAME, Word, Words
from domain.specification.model import (
    ACTIONS,
    RESERVED,
    Claim,
    Example,
    Fact,
    Field,
    Holds,
    Kind,
    Owns,
    Person,
    Resource,
    Says,
    Test,
    Thing,
    Within,
)
from domain.specification.names import Names, unfit
from domain.specification.node import Scalar
from domain.specification.text import Mistake, listed, meant, tick

_CAN = ("can", "cannot")
_VERBS = (*ACTIONS, "set")
_LABEL = re.compile("[a-z0-9_]{1,40}")
_NOBODY = (*RESERVED - {"anyone", "engine"}, *_CAN, "and", "is", "of", "in", "to", "as", "owns", "when", "only", "or")


def example(scalar: Scalar, names: Names) -> Example:
    """One item of the list."""
    return _Reading(scalar, names).read()


class _Sentence(Words):
    """The words between two semicolons."""

    def __init__(self, scalar: Scalar, words: list[Word]) -> None:
        self.scalar = scalar
        self.words = words
        self.index = 0

    def rest(self, what: str) -> Word:
        """All words that are left, as one."""
        first = self.take(what)
        words = [first.text]
        while self.peek():
            words.append(self.take("").text)
        return Word(" ".join(words), first.place)


class _Reading:
    def __init__(self, scalar: Scalar, names: Names) -> None:
        self.scalar = scalar
        self.names = names
        self.spec = names.spec
        self.facts: list[Fact] = []
        self.claims: list[Claim] = []
        self.last: Claim | None = None

    def read(self) -> Example:
        for sentence in self._sentences():
            self._sentence(sentence)
        if not self.claims:
            raise Mistake(
                self.scalar.at(0),
                f"{tick(self.scalar.text)} claims nothing. Say who can do what: `mary can read note 3`, for example.",
            )
        text = " ".join(self.scalar.text.split())
        return Example(text, tuple(self.facts), tuple(self.claims), self.scalar.at(0))

    def _sentences(self) -> Iterator[_Sentence]:
        words: list[Word] = []
        for match in re.finditer(r"[;,]|[^\s;,]+", self.scalar.text):
            if match.group() != ";":
                words.append(Word(match.group(), self.scalar.at(match.start())))
            elif words:
                yield _Sentence(self.scalar, words)
                words = []
        if words:
            yield _Sentence(self.scalar, words)

    def _sentence(self, words: _Sentence) -> None:
        if any(word.text in _CAN for word in words.words):
            self.claims += self._claims(words)
        else:
            place = words.words[0].place
            self.facts.append(Fact(self._fact(words), place))
        if words.peek():
            stray = words.take("")
            raise Mistake(stray.place, f"{tick(stray.text)} is not expected here. Begin another sentence with `;`.")

    # --- facts ---

    def _fact(self, words: _Sentence) -> Owns | Holds | Within | Says:
        if words.peek() in self.spec.resources and words.peek(2) == "is":
            thing = self._thing(words)
            words.take("`is in`, as in `note 3 is in notebook 1`")
            return self._within(words, thing)
        if words.peek(1) == "of":
            return self._says(words)
        person = self._person(words)
        verb = words.take("`owns` or `is`, as in `mary owns notebook 1`, or `can`, as in `mary can read note 3`")
        if verb.text == "owns":
            return Owns(person, self._thing(words))
        if verb.text == "is":
            return self._holds(words, person)
        raise Mistake(
            verb.place, f"{tick(verb.text)} is not expected here. Write `{person} owns …`, `is …` or `can …`."
        )

    def _within(self, words: _Sentence, thing: Thing) -> Within:
        joint = words.take("`in`, as in `note 3 is in notebook 1`")
        if joint.text != "in":
            raise Mistake(joint.place, f"{tick(joint.text)} is not expected here. Write `{thing} is in …`.")
        return Within(thing, self._above(words, thing))

    def _above(self, words: _Sentence, thing: Thing) -> Thing:
        place = words.words[min(words.index, len(words.words) - 1)].place
        above, parent = self._thing(words), self.spec.resources[thing.resource].parent
        if above.resource != parent:
            fix = f"Write `in {parent} …`." if parent else f"It has an owner: write `mary owns {thing}`."
            raise Mistake(place, f"{tick(str(above))} is not what {tick(thing.resource)} is in. {fix}")
        return above

    def _says(self, words: _Sentence) -> Says:
        field, thing = self._field_of(words)
        verb = words.take(f"`is`, as in `{field.name} of {thing} is …`")
        if verb.text != "is":
            raise Mistake(verb.place, f"{tick(verb.text)} is not expected here. Write `{field.name} of {thing} is …`.")
        return Says(thing, field.name, self._value(thing, field, words.rest("a value")))

    def _holds(self, words: _Sentence, person: str) -> Holds:
        role = words.take(f"a role, as in `{person} is editor of notebook 1`")
        if role.text in ("a", "an"):
            role = words.take("a role")
        if role.text.startswith("staff."):
            known = self.spec.staff.roles if self.spec.staff is not None else ()
            name = role.text.removeprefix("staff.")
            if name not in known:
                fix = meant(name, known, f"Add `staff: {name}` at the top of the file." if not known else "")
                raise Mistake(role.place, f"{tick(name)} is no staff role. {fix}")
            return Holds(person, name, None)
        if not words.skip("of"):
            raise Mistake(
                words.end, f"{tick(role.text)} of what? Write `{person} is {role} of notebook 1`, for example."
            )
        thing = self._thing(words)
        self._role(thing, role)
        return Holds(person, role.text, thing)

    def _role(self, thing: Thing, role: Word) -> None:
        ladder = self.spec.resources[thing.resource].ladder
        known = ladder.roles if ladder is not None else ()
        if role.text not in known:
            self.names.excuse(thing.resource, role)
            where = [r.name for r in self.spec.resources.values() if r.ladder and role.text in r.ladder.roles]
            fix = (
                f"It is one of {listed(where)}."
                if where
                else meant(role.text, known, "" if known else "It has no roles.")
            )
            raise Mistake(role.place, f"{tick(role.text)} is no role of {tick(thing.resource)}. {fix}")

    # --- claims ---

    def _claims(self, words: _Sentence) -> Iterator[Claim]:
        place = words.words[0].place
        people = [self._person(words)]
        while words.skip("and") or words.skip(","):
            people.append(self._person(words))
        verb = words.take("`can` or `cannot`")
        allowed = verb.text == "can"
        if verb.text not in _CAN:
            raise Mistake(verb.place, f"{tick(verb.text)} is not expected here. Write `can` or `cannot`.")
        if words.peek() == "not":
            raise Mistake(words.take("").place, "`not` is not expected here. Write `cannot`.")
        if words.peek():
            said = self._said(words)
        elif self.last is not None:
            said = self.last
        else:
            raise Mistake(words.end, f"{tick(verb.text)} do what? Write `{people[0]} can read note 3`, for example.")
        self.last = said
        for person in people:
            yield Claim(person, allowed, said.action, said.thing, place, said.field, said.to)

    def _said(self, words: _Sentence) -> Claim:
        """What is claimed to be possible; of nobody yet."""
        verb = words.take("an action")
        if verb.text not in _VERBS:
            raise Mistake(verb.place, f"{tick(verb.text)} is no action. {meant(verb.text, _VERBS)}")
        action, to = verb.text, None
        if action in ("read", "set") and words.peek(1) == "of":
            if action == "read" and words.peek() == "members":
                words.index += 2
                thing = self._thing(words)
                self._possible(verb, "members", thing)
                return Claim("", True, "members", thing, verb.place)
            field, thing = self._field_of(words)
            if action == "set":
                self._settable(thing, field, verb)
                if words.skip("to"):
                    to = self._value(thing, field, words.rest("a value"))
                elif field.name in self.spec.resources[thing.resource].steps:
                    raise Mistake(
                        words.end,
                        f"{tick(field.name)} has steps, so say which: "
                        f"`… to {self.spec.resources[thing.resource].fields[field.name].values[-1]}`, for example.",
                    )
            return Claim("", True, action, thing, verb.place, field.name, to)
        if action == "set":
            raise Mistake(verb.place, "`set` needs a field. Write `set title of note 3`, for example.")
        if words.peek() in ("a", "an") and words.peek(1) in self.spec.resources:
            words.index += 1
        thing = self._thing(words, labelled=action != "create")
        self._possible(verb, action, thing)
        if action == "move":
            if not words.skip("to"):
                raise Mistake(words.end, f"{tick(f'move {thing}')} ends too early. Add where to: `to notebook 2`.")
            to = self._above(words, thing)
        elif action == "share" and words.skip("as"):
            role = words.take("a role")
            self._role(thing, role)
            to = role.text
        return Claim("", True, action, thing, verb.place, None, to)

    def _possible(self, verb: Word, action: str, thing: Thing) -> None:
        resource = self.spec.resources[thing.resource]
        tied = action == "share" and action in resource.can  # `share` without roles, for `through`
        if not tied and (why := unfit(resource, action)):
            raise Mistake(verb.place, f"{tick(action)} is no action on {tick(resource.name)}: {why}")

    def _settable(self, thing: Thing, field: Field, verb: Word) -> None:
        if field.by_engine:
            raise Mistake(
                verb.place, f"{tick(field.name)} is written by the engine, so nobody can `set` it. Remove this."
            )

    # --- names ---

    def _person(self, words: _Sentence) -> str:
        word = words.take("a name, such as `mary`")
        name = word.text
        if name in self.spec.resources:
            raise Mistake(word.place, f"{tick(name)} is a resource, not a person. Write a name, such as `mary`.")
        if NAME.fullmatch(name) is None or name in _NOBODY:
            fix = "Write a name in lower-case letters, such as `mary`, or `anyone`."
            raise Mistake(word.place, f"{tick(name)} is nobody's name. {fix}")
        return name

    def _thing(self, words: _Sentence, labelled: bool = True) -> Thing:
        word = words.take("a record, such as `note 3`")
        if word.text not in self.spec.resources:
            if word.text in self.names.broken:
                raise Mistake(word.place, "")
            raise Mistake(word.place, f"{tick(word.text)} is no resource. {meant(word.text, self.spec.resources)}")
        label = "new"
        if labelled or (_LABEL.fullmatch(words.peek()) and words.peek() != "in"):
            found = words.take(f"which one, as in `{word} 1`")
            if _LABEL.fullmatch(found.text) is None or found.text in ("is", "in", "to", "as", "of"):
                raise Mistake(found.place, f"{tick(found.text)} does not say which one. Write `{word} 1`, for example.")
            label = found.text
        thing = Thing(word.text, label)
        if words.peek() == "in":
            place = words.take("").place
            self.facts.append(Fact(Within(thing, self._above(words, thing)), place))
        return thing

    def _field_of(self, words: _Sentence) -> tuple[Field, Thing]:
        word = words.take("a field")
        words.take("`of`")
        thing = self._thing(words)
        resource = self.spec.resources[thing.resource]
        if word.text not in resource.fields:
            self.names.excuse(resource.name, word)
            raise Mistake(
                word.place,
                f"{tick(word.text)} is no field of {tick(resource.name)}. {meant(word.text, resource.fields)}",
            )
        return resource.fields[word.text], thing

    def _value(self, thing: Thing, field: Field, word: Word) -> object:
        resource: Resource = self.spec.resources[thing.resource]
        if word.text == "empty" and "empty" not in field.values:
            return None
        if self.spec.names_account(resource.name, field.name):
            return Person(self._person(_Sentence(self.scalar, [word])))
        typed = self.spec.value_field(resource.name, field.name)
        if typed.kind is Kind.REFERENCE:
            target = self._thing(_Sentence(self.scalar, [Word(w, word.place) for w in word.text.split()]))
            if target.resource != typed.target:
                raise Mistake(word.place, f"{tick(field.name)} refers to a {tick(str(typed.target))}. Write one.")
            return target
        if typed.kind in (Kind.DATE, Kind.TIME):
            if word.text not in ("past", "future"):
                raise Mistake(
                    word.place,
                    f"{tick(word.text)} would mean something else tomorrow. Write `past`, `future` or `empty`.",
                )
            return Test.PAST if word.text == "past" else Test.FUTURE
        return fields.value_of(typed, Scalar(word.text, word.place, plain=False))
