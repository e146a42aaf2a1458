"""A node tree → a checked `Specification`, or every mistake in it with its place and fix.

The reading goes in passes, because names may be used before they are declared: what the file declares
(`declarations`), the ways of its fields (`paths`), everything that names fields and people (`rules`), and
at last what holds between resources.
"""

import re
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import pairwise

from domain.specification import fields, shape
from domain.specification.circles import begun_at, circle_in
from domain.specification.declarations import LONGEST_CHAIN, OF_SERVICE, TABLES, Reading, declared, ladder
from domain.specification.model import ACTIONS, Answer, Can, Example, Kind, Place, Specification
from domain.specification.names import Names
from domain.specification.node import Mapping, Node, Scalar
from domain.specification.paths import with_paths
from domain.specification.rules import with_rules
from domain.specification.sentences import example
from domain.specification.text import Mistake, tick

_TOP = ("app", "version", "staff", "resources", "answers", "examples")
_ANSWER = ("question", "on", "because")


def read(node: Node) -> Specification:
    """The specification that a tree says. Raises `SpecificationInvalid` with all mistakes that could be found."""
    return _Checks().read(node)


class _Checks:
    def __init__(self) -> None:
        self.reading = Reading()
        self.mistakes = self.reading.mistakes
        self.drafts = self.reading.drafts

    def read(self, node: Node) -> Specification:
        top: shape.Entries = {}
        with self.mistakes.caught():
            if isinstance(node, Scalar) and node.empty:
                raise Mistake(node.place, f"{tick(node.text or '---')} says nothing. Begin with `app: myapp`.")
            top = shape.table(node, _TOP, "a mapping that begins with `app: myapp`", self.mistakes)
        if not isinstance(node, Mapping):
            self.mistakes.stop()
        for needed, line in (("app", "app: myapp"), ("resources", "resources:")):
            if needed not in top:
                self.mistakes.add(node.place, f"`{needed}` is missing. Add `{line}` at the top of the file.")
        app = self._app(top)
        version = self._version(top)
        staff = ladder(self.reading, "staff", top, staff=True)
        resources = declared(self.reading, top["resources"][1]) if "resources" in top else {}
        spec = with_rules(self.reading, with_paths(self.reading, Specification(app, version, resources, staff)))
        self._lean_on_each_other(spec)
        self._collisions(spec)
        answers, examples = self._answers(top), self._examples(top, spec)
        self.mistakes.stop()
        return replace(spec, answers=answers, examples=examples)

    def _app(self, top: shape.Entries) -> str:
        with self.mistakes.caught():
            if "app" in top:
                return shape.name(top["app"][1], "the app's name, such as `notes`").text
        return "app"

    def _version(self, top: shape.Entries) -> str:
        with self.mistakes.caught():
            if "version" in top:
                found = shape.text(top["version"][1], "`version: 1.0.0`")
                if re.fullmatch(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}", found.text) is None:
                    raise Mistake(found.place, f"{tick(found.text)} is no version. Write three numbers, as in `1.0.0`.")
                return found.text
        return "1.0.0"

    def _answers(self, top: shape.Entries) -> tuple[Answer, ...]:
        what = "a list of `{question: Q-…, on: resource.field, because: …}`"
        found: list[Answer] = []
        for item in self._items(top, "answers", what):
            with self.mistakes.caught():
                entries = shape.table(item, _ANSWER, what, self.mistakes)
                for needed in _ANSWER:
                    if needed not in entries:
                        raise Mistake(item.place, f"`{needed}` is missing in this answer. Write {what}.")
                answer = {name: shape.text(value, what) for name, (_, value) in entries.items()}
                question = answer["question"]
                if re.fullmatch(r"Q(-[A-Z0-9]+)+", question.text) is None:
                    raise Mistake(
                        question.place,
                        f"{tick(question.text)} is no question's code. Copy it from `freehold check`: `Q-…`.",
                    )
                words = {name: " ".join(value.text.split()) for name, value in answer.items()}
                found.append(Answer(words["question"], words["on"], words["because"], question.at(0)))
        return tuple(found)

    def _examples(self, top: shape.Entries, spec: Specification) -> tuple[Example, ...]:
        what = "a list of sentences such as `- mary can read note 3; bob cannot`"
        found: list[Example] = []
        names = Names(spec, self.reading.broken, self.reading.adrift)
        for item in self._items(top, "examples", what):
            with self.mistakes.caught():
                found.append(example(shape.text(item, what), names))
        return tuple(found)

    def _items(self, top: shape.Entries, key: str, what: str) -> tuple[Node, ...]:
        with self.mistakes.caught():
            return shape.items(top[key][1], what) if key in top else ()
        return ()

    # --- between resources ---

    def _lean_on_each_other(self, spec: Specification) -> None:
        """Refuse circles among `whoever can` rules: they would have no answer."""
        leans: dict[str, list[str]] = {}
        places: dict[tuple[str, str], tuple[Place, str]] = {}
        for resource in spec.resources.values():
            for action in ACTIONS:
                for grant in resource.rule(action):
                    for who in grant.who:
                        if not isinstance(who, Can):
                            continue
                        target = spec.at(resource.name, who.path).name
                        needed = {who.action} if who.action in ("create", "read", "open") else {who.action, "open"}
                        here = f"{action} {resource.name}"
                        for one in sorted(needed):
                            leans.setdefault(here, []).append(f"{one} {target}")
                            places.setdefault(
                                (here, f"{one} {target}"), (grant.place, f"whoever can {who.action} {target}")
                            )
        while (circle := circle_in(leans)) is not None:
            edges = [(a, b) for a, b in pairwise(circle) if (a, b) in places]
            first = min(edges, key=lambda e: (places[e][0].line, places[e][0].column))
            place, said = places[first]
            chain = begun_at(circle, first[0])
            self.mistakes.add(
                place, f"{tick(said)} leans on itself: {chain}. Write the grants themselves in one of them."
            )
            leans[first[0]] = [one for one in leans[first[0]] if one != first[1]]
        depth: dict[str, int] = {}
        for name in TopologicalSorter(leans).static_order():
            depth[name] = max((depth[one] + 1 for one in leans.get(name, ())), default=0)
            if depth[name] == LONGEST_CHAIN + 1:
                place, said = next(places[name, one] for one in leans[name] if depth[one] == LONGEST_CHAIN)
                self.mistakes.add(
                    place,
                    f"{tick(said)} leans on more than {LONGEST_CHAIN} rules in a row. Write the grants themselves.",
                )

    def _collisions(self, spec: Specification) -> None:
        """Refuse names that would mean two things in a path, a table or a list parameter."""
        taken: dict[str, str] = {}
        former: dict[str, str] = {}
        for resource in spec.resources.values():
            draft = self.drafts[resource.name]
            place = draft.entries["plural"][1].place if "plural" in draft.entries else draft.key.place
            own = resource.plural
            if own.startswith(TABLES):
                self.mistakes.add(
                    place, f"{tick(own)} begins like tables that are not yours. Set another with `plural: …`."
                )
            elif own in OF_SERVICE:
                self.mistakes.add(
                    place, f"{tick(own)} is what the service calls something of its own. Set another with `plural: …`."
                )
            elif own in taken:
                self.mistakes.add(
                    place, f"{tick(own)} is the path of {tick(taken[own])} already. Set another with `plural: …`."
                )
            taken.setdefault(own, resource.name)
            if resource.renamed_from is not None:
                if resource.renamed_from in former:
                    at = draft.entries["renamed_from"][1].place
                    self.mistakes.add(
                        at, f"{tick(resource.renamed_from)} was renamed once already. Remove one `renamed_from`."
                    )
                former.setdefault(resource.renamed_from, resource.name)
            kinds = {name: _value_kind(spec, resource.name, name) for name in resource.fields}
            generated = fields.parameters(kinds, resource.parent)
            for one in resource.fields.values():
                if one.name in generated:
                    of = generated[one.name]
                    self.mistakes.add(
                        one.place,
                        f"{tick(one.name)} is also the list parameter that compares {tick(of)}. Rename one of them.",
                    )


def _value_kind(spec: Specification, resource: str, name: str) -> Kind:
    found = spec.value_field(resource, name)
    return Kind.ACCOUNT if found.copied == "owner" else found.kind
