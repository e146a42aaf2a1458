"""Random valid specifications: every word of the language with a decent chance, the same text for the same seed.

Rules lean only on resources that stand earlier in the file, so there are no circles.

    python -m tests.end_to_end.independent.random_specs 17 > freehold.yaml
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from random import Random

NOUNS = ("house", "team", "story", "box", "plan", "letter", "match", "garden")
ROLES = ("chief", "helper", "guest", "editor", "viewer")
FIELD_NAMES = {
    "text": ("title", "text", "body"),
    "integer": ("number", "rank"),
    "number": ("weight", "size"),
    "decimal": ("price", "dues"),
    "yes/no": ("hidden", "public", "done"),
    "date": ("due", "day"),
    "time": ("at", "ends"),
    "json": ("data",),
    "one of": ("state", "kind"),
    "account": ("with", "person"),
    "creator": ("author",),
    "member of": ("assignee",),
    "copy of": ("copied",),
    "reference": ("link", "source"),
}
FREQUENCY = {
    "text": 5,
    "yes/no": 4,
    "one of": 4,
    "reference": 4,
    "account": 2,
    "creator": 3,
    "copy of": 2,
    "integer": 2,
}
OPTIONS = ("draft", "open", "closed", "second hand")
COMPARABLE = ("yes/no", "one of", "date", "time", "integer", "text")


@dataclass
class Made:
    """One field: its type as written, and what rules need to know of it."""

    name: str
    kind: str
    written: str
    optional: bool = False
    target: str = ""
    options: tuple[str, ...] = ()
    more: dict[str, str | list[str]] = field(default_factory=dict)

    @property
    def by_engine(self) -> bool:
        """Whether no caller may send it."""
        return self.kind in ("creator", "copy of")


@dataclass
class Noun:
    """One resource in the making."""

    name: str
    parent: Noun | None
    ladder: tuple[str, ...] = ()
    fields: list[Made] = field(default_factory=list)
    can: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    more: dict[str, str | list[str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def chain(self) -> list[Noun]:
        """List the resources above, nearest first."""
        return [] if self.parent is None else [self.parent, *self.parent.chain()]

    def pick(self, *kinds: str) -> list[Made]:
        """List the fields of these kinds."""
        return [made for made in self.fields if made.kind in kinds]


class Maker:
    """Makes one specification."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - seeded on purpose
        self.nouns: list[Noun] = []
        self.seed = seed

    def chance(self, likely: float) -> bool:
        """Toss a coin."""
        return self.random.random() < likely

    def text(self) -> str:
        """Make the specification."""
        names = self.random.sample(NOUNS, self.random.randint(3, 5))
        for index, name in enumerate(names):
            self._noun(name, index)
        if self.chance(0.4):
            self._link()
        for noun in self.nouns:
            self._rules(noun)
        if "link_record" in (noun.name for noun in self.nouns):
            self._through()
        lines = [f"app: random_{self.seed}"]
        lines += ["version: 3.0.1"] if self.chance(0.2) else []
        lines += ["staff: judge > clerk", "resources:"]
        for noun in self.nouns:
            lines += self._written(noun)
        return "\n".join(lines) + "\n"

    # Resources and fields

    def _noun(self, name: str, index: int) -> None:
        deep = [noun for noun in self.nouns if len(noun.chain()) < 3]
        parent = None if index == 0 or self.chance(0.3) else self.random.choice(deep)
        noun = Noun(name, parent)
        if self.chance(0.75 if parent is None else 0.4):
            self._ladder(noun)
        for _ in range(self.random.randint(2, 6)):
            self._field(noun)
        if not any(not made.by_engine for made in noun.fields):
            noun.fields.append(Made("title", "text", "text"))
        self.nouns.append(noun)

    def _ladder(self, noun: Noun) -> None:
        noun.ladder = tuple(self.random.sample(ROLES, self.random.randint(1, 3)))
        if self.chance(0.25):
            noun.roles["join"] = "open"
        if self.chance(0.25):
            noun.roles["expire"] = self.random.choice(("30 days", "12 hours"))

    def _field(self, noun: Noun) -> None:
        kinds = list(FIELD_NAMES)
        kind = self.random.choices(kinds, [FREQUENCY.get(kind, 1) for kind in kinds])[0]
        free = [name for name in FIELD_NAMES[kind] if name not in [made.name for made in noun.fields]]
        if not free:
            return
        made = Made(self.random.choice(free), kind, kind)
        if kind == "one of":
            made.options = tuple(self.random.sample(OPTIONS, self.random.randint(2, 4)))
            made.written = "one of " + ", ".join(made.options)
        elif kind == "member of":
            if noun.parent is None:
                return
            made.target = self.random.choice(noun.chain()).name
            made.written = f"member of {made.target}"
        elif kind == "reference":
            target = self.random.choice([*self.nouns, noun])
            made.target = made.written = target.name
            if target is not noun and target not in noun.chain() and self.chance(0.5):
                made.name = target.name
            if made.name in [other.name for other in noun.fields]:
                return
            made.optional = target is noun or self.chance(0.35)
            if self.chance(0.5):
                made.more["when_gone"] = self.random.choice(("empty", "block", "delete"))
        elif kind == "copy of":
            sources = self._sources(noun)
            if not sources:
                return
            made.written = f"copy of {self.random.choice(sources)}"
        self._details(made)
        noun.fields.append(made)

    def _sources(self, noun: Noun) -> list[str]:
        places = [(above.name, above) for above in noun.chain()[:2]]
        places += [(made.name, self._named(made.target, noun)) for made in noun.pick("reference")]
        kinds = ("text", "integer", "decimal", "yes/no", "one of", "account", "creator", "date")
        found = [f"{path}.owner" for path, _ in places]
        for path, there in places:
            found += [f"{path}.{made.name}" for made in there.pick(*kinds) if there is not noun]
        return found

    def _details(self, made: Made) -> None:
        if made.kind in ("creator", "copy of", "reference"):
            return
        made.optional = self.chance(0.3)
        if made.kind == "text" and self.chance(0.2):
            made.more["length"] = "1 to 12"
        elif made.kind == "integer" and self.chance(0.4):
            made.more |= {"min": "0", "max": "5"}
        elif made.kind == "decimal" and self.chance(0.5):
            made.more |= {"places": "2", "min": "-2"}
        default = {"text": "alpha", "integer": "2", "number": "0.5", "decimal": "1.5", "date": "2001-02-03"}
        if made.kind in default and self.chance(0.25):
            made.more["default"] = default[made.kind]

    def _link(self) -> None:
        """Add a record that ties something to a container with roles."""
        containers = [noun for noun in self.nouns if noun.ladder]
        targets = [noun for noun in self.nouns if noun.ladder]
        if not containers or not targets:
            return
        container, target = self.random.choice(containers), self.random.choice(targets)
        if container is target or target in container.chain():
            return
        held = self.chance(0.6)
        link = Noun("link_record", container if held else None)
        link.fields.append(Made("tied", "reference", target.name, target=target.name, more={"when_gone": "delete"}))
        if not held:
            link.fields.append(Made("holder", "reference", container.name, target=container.name))
        self.nouns.append(link)

    # Who may what

    def _named(self, name: str, noun: Noun) -> Noun:
        return next(other for other in [*self.nouns, noun] if other.name == name)

    def _meanings(self, noun: Noun, word: str) -> int:
        ladders = sum(word in other.ladder for other in [noun, *noun.chain()])
        return ladders + any(made.name == word for made in noun.pick("account", "creator", "member of"))

    def _people(self, noun: Noun, own: bool = True) -> list[str]:
        """List the terms for people on a resource; not `own`: without this record's own roles."""
        terms = ["owner", "owner"]
        for other in [noun, *noun.chain()]:
            for role in other.ladder if own or other is not noun else ():
                terms.append(role if self._meanings(noun, role) == 1 and self.chance(0.8) else f"{other.name}.{role}")
            for made in other.pick("account", "creator", "member of"):
                bare = other is noun and self._meanings(noun, made.name) == 1 and self.chance(0.8)
                terms.append(made.name if bare else f"{other.name}.{made.name}")
        for made in noun.pick("reference"):
            there = self._named(made.target, noun)
            terms.append(f"{made.name}.owner")
            terms += [f"{made.name}.{role}" for role in there.ladder]
            terms += [f"{made.name}.{far.name}" for far in there.pick("account", "creator")]
        return terms

    def _leaning(self, noun: Noun) -> list[str]:
        """List the `whoever can` terms: only on what stands earlier, so that nothing runs in circles."""
        places = [(above.name, above) for above in noun.chain()]
        for made in noun.pick("reference"):
            if not made.optional and made.target != noun.name:
                places.append((made.name, self._named(made.target, noun)))
        actions = ("read", "read", "open", "update", "delete", "share")
        return [
            f"whoever can {action} {path}"
            for path, there in places
            for action in actions
            if action in there.can or (action == "open" and "read" in there.can)
        ]

    def _conditions(self, noun: Noun, far: bool = True) -> list[str]:
        places = [("", noun)]
        if far:
            places += [(f"{above.name}.", above) for above in noun.chain()]
            places += [(f"{m.name}.", self._named(m.target, noun)) for m in noun.pick("reference")]
        found: list[str] = []
        for path, there in places:
            for made in there.pick(*COMPARABLE):
                found += self._tests(path, made)
            found += [f"{path}{made.name} is set" for made in there.fields if made.optional]
            found += [f"{path}{made.name} is empty" for made in there.fields if made.optional]
        return found

    def _tests(self, path: str, made: Made) -> list[str]:
        if made.kind == "yes/no":
            return [f"{path}{made.name} is yes", f"{path}{made.name} is no"]
        if made.kind in ("date", "time"):
            return [f"{path}{made.name} is past", f"{path}{made.name} is future"]
        if made.kind == "integer":
            return [f"{path}{made.name} is 1 or 2"]
        if made.kind == "text":
            return [f"{path}{made.name} is alpha or bravo"]
        two = " or ".join(made.options[:2])
        return [f"{path}{made.name} is {value}" for value in made.options] + [f"{path}{made.name} is {two}"] * 2

    def _grants(self, noun: Noun, action: str) -> list[str]:
        people = self._people(noun, own=action != "create")
        terms = people * 2 + self._leaning(noun)
        if action in ("read", "open"):
            terms += ["anyone", "signed in"]
        if action == "create":
            terms += ["signed in"] * 4
            terms += ["anyone"] if noun.parent is not None else []
        terms += ["staff.judge"] if self.chance(0.1) else []
        grants: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            grant = self.random.choice(terms)
            if self.chance(0.12):
                second = self.random.choice([*people, "signed in"])
                grant += f" and {second}" if second not in (grant, "owner") else ""
            if action == "update" and self.chance(0.3):
                plain = [m.name for m in noun.fields if not m.by_engine and m.name not in noun.steps]
                if plain:
                    grant += " only " + ", ".join(self.random.sample(plain, self.random.randint(1, min(2, len(plain)))))
            conditions = self._conditions(noun)
            likely = 0.75 if grant.startswith(("anyone", "signed in")) and action != "create" else 0.2
            if conditions and self.chance(likely):
                first = self.random.choice(conditions)
                grant += f" when {first}"
                others = [c for c in conditions if c.split(" is ")[0] != first.split(" is ")[0]]
                grant += f" and {self.random.choice(others)}" if others and self.chance(0.2) else ""
            grants.append(grant)
        return sorted(set(grants), key=grants.index)

    def _rules(self, noun: Noun) -> None:
        for made in noun.pick("one of"):
            if not made.optional and self.chance(0.4):
                arrows = {f"{a} -> {b}" for a in made.options for b in made.options if a != b and self.chance(0.5)}
                if arrows:
                    noun.steps[made.name] = {arrow: [] for arrow in sorted(arrows)}
        noun.can["create"] = self._grants(noun, "create")
        usual = "owner" if noun.parent else "signed in"
        if usual not in noun.can["create"] and self.chance(0.8):  # or most worlds would stay empty
            noun.can["create"].append(usual)
        noun.can["read"] = ["owner", *(grant for grant in self._grants(noun, "read") if grant != "owner")]
        if self.chance(0.15):
            noun.can["read"] = noun.can["read"][1:] or ["owner"]
        likely = {"open": 0.25, "update": 0.95, "delete": 0.85, "move": 0.6 if noun.parent else 0.0}
        likely |= {"share": 1.0, "members": 0.9} if noun.ladder else {}
        for action, chance in likely.items():
            if self.chance(chance):
                noun.can[action] = self._grants(noun, action)
        for steps in noun.steps.values():
            for arrow in steps:
                steps[arrow] = ["engine"] if self.chance(0.08) else self._grants(noun, "step")
        for made in noun.fields:
            if self.chance(0.12):
                made.more["read"] = self._grants(noun, "field")
            if not made.by_engine and made.name not in noun.steps and self.chance(0.1):
                made.more["write"] = self._grants(noun, "field")
        self._extras(noun)

    def _extras(self, noun: Noun) -> None:
        own = self._conditions(noun, far=False)
        plain = [made.name for made in noun.fields if not made.by_engine and made.name not in noun.steps]
        if own and self.chance(0.35):
            lock = f"when {self.random.choice(own)}"
            if plain and self.chance(0.8):
                lock += ", except " + ", ".join(self.random.sample(plain, self.random.randint(1, min(2, len(plain)))))
            noun.more["locked"] = lock
        keys = [made.name for made in noun.pick("text", "integer", "one of", "account", "creator", "reference")]
        if keys and self.chance(0.35):
            references = [made.name for made in noun.pick("reference")]
            scopes = ["per owner", "everywhere"] + ([f"per {noun.parent.name}"] * 2 if noun.parent else [])
            chosen = self.random.sample(keys, self.random.randint(1, min(2, len(keys))))
            scopes += [f"per {name}" for name in references if name not in chosen]
            noun.more["unique"] = f"{', '.join(chosen)} {self.random.choice(scopes)}"
        if self.chance(0.12):
            noun.more["limit"] = f"{self.random.randint(2, 6)} per owner"
        if self.chance(0.1):
            noun.more["keep"] = "yes"

    def _through(self) -> None:
        link = self.nouns[-1]
        tied = self._named(link.fields[0].target, link)
        container = link.parent or self._named(link.fields[1].target, link)
        end = container.name if link.parent else "holder"
        role = self.random.choice(container.ladder)
        tied.can["read"].append(f"{role} through link_record.{end}")
        link.can.pop("update", None)
        link.can.pop("move", None)

    # Text

    def _written(self, noun: Noun) -> list[str]:
        lines = [f"  {noun.name}:", f"    owner: {noun.parent.name if noun.parent else 'account'}"]
        if noun.ladder and noun.roles:
            lines += ["    roles:", f"      ladder: {' > '.join(noun.ladder)}"]
            lines += [f"      {name}: {value}" for name, value in noun.roles.items()]
        elif noun.ladder:
            lines.append(f"    roles: {' > '.join(noun.ladder)}")
        lines.append("    fields:")
        for made in noun.fields:
            if made.more or made.kind == "one of" or made.optional:
                lines += [f"      {made.name}:", f"        type: {made.written}"]
                lines += ["        optional: yes"] if made.optional else []
                for name, value in made.more.items():
                    lines += _listed(8, name, value)
            else:
                lines.append(f"      {made.name}: {made.written}")
        for name, value in noun.more.items():
            lines += _listed(4, name, value)
        if noun.steps:
            lines.append("    steps:")
            for name, steps in noun.steps.items():
                lines.append(f"      {name}:")
                for arrow, grants in steps.items():
                    lines += _listed(8, arrow, grants)
        lines.append("    can:")
        for action, grants in noun.can.items():
            lines += _listed(6, action, grants)
        return lines


def _listed(indent: int, name: str, value: str | list[str]) -> list[str]:
    space = " " * indent
    if isinstance(value, str):
        return [f"{space}{name}: {value}"]
    return [f"{space}{name}:", *(f"{space}  - {item}" for item in value)]


def random_specification(seed: int) -> str:
    """Make the text of the random specification with this seed."""
    return Maker(seed).text()


if __name__ == "__main__":
    print(random_specification(int(sys.argv[1])), end="")
