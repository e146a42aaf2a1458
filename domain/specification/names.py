"""Looks names up: the pieces of a grant, a condition or a path → what they mean in a specification.

A bare name is looked for on the record itself and, if it is a role, up the chain; anything else is qualified
by the way that leads there: the record's own name, a record above, or a reference (`client.portal`).
"""

import re
from collections.abc import Iterator
from typing import Any

from domain.specification.grammar import (
    CanPiece,
    ConditionPiece,
    GrantPiece,
    Name,
    SignedInPiece,
    ThroughPiece,
    WhoPiece,
    Word,
)
from domain.specification.model import (
    ACTIONS,
    ENGINE_FIELDS,
    AccountField,
    Anyone,
    Can,
    Condition,
    Engine,
    Field,
    Grant,
    Hop,
    Kind,
    Owner,
    Path,
    Place,
    Resource,
    Role,
    SignedIn,
    Specification,
    Staff,
    Test,
    Through,
    Who,
)
from domain.specification.text import Mistake, listed, meant, tick
from domain.values import LARGEST_INTEGER


class Names:
    """Looks up names in a specification whose fields and owners are known.

    `broken` are declared names that are wrong themselves, as "resource.field", and `adrift` the resources
    with an unknown owner: what fails only because of them is reported there, and not again here.
    """

    def __init__(self, spec: Specification, broken: set[str], adrift: set[str]) -> None:
        self.spec = spec
        self.broken = broken
        self.adrift = adrift

    # --- paths ---

    def hops(self, at: str, words: tuple[Word, ...]) -> Path:
        """The way that words lead from a resource; its own name may begin it and leads nowhere."""
        path: Path = ()
        for number, word in enumerate(words):
            if number == 0 and word.text == at:
                continue
            step = self._hop(self.spec.at(at, path).name, word)
            path += step
        return path

    def _hop(self, at: str, word: Word) -> Path:
        resource = self.spec.resources[at]
        if word.text in self.spec.chain(at)[1:]:
            return self.spec.up(at, word.text)
        found = resource.fields.get(word.text)
        if found is not None and found.kind is Kind.REFERENCE and found.target is not None:
            return (Hop(found.name, found.target),)
        self.excuse(at, word)
        ways = [*self.spec.chain(at), *(f.name for f in resource.references())]
        if word.text in self.spec.resources:
            by = [f.name for f in resource.references() if f.target == word.text]
            if by:
                raise Mistake(
                    word.place, f"{tick(word.text)} is a resource; {tick(at)} refers to it as {listed(by)}. Write that."
                )
            fix = f"Go by {listed(ways[1:])}." if len(ways) > 1 else "Add a reference to it."
            raise Mistake(word.place, f"{tick(word.text)} is neither above {tick(at)} nor a reference of it. {fix}")
        if found is not None:
            raise Mistake(word.place, f"{tick(word.text)} is no reference and leads nowhere. Go by {listed(ways)}.")
        raise Mistake(
            word.place,
            f"{tick(word.text)} is neither a record above nor a reference of {tick(at)}. {meant(word.text, ways)}",
        )

    def excuse(self, at: str, word: Word) -> None:
        """Say nothing about a name that is missing because of a mistake reported elsewhere."""
        if f"{at}.{word}" in self.broken or (word.text in self.broken) or self.adrift.intersection(self.spec.chain(at)):
            raise Mistake(word.place, "")

    def by_reference(self, at: str, path: Path) -> list[Field]:
        """The references on a way; the other hops go up."""
        starts = [at, *(hop.resource for hop in path)]
        fields = [self.spec.resources[start].fields.get(hop.field) for start, hop in zip(starts, path, strict=False)]
        return [found for found in fields if found is not None]

    def require(self, at: str, path: Path, place: Place, what: str) -> None:
        """Refuse a way that may end: one by an optional reference."""
        for field in self.by_reference(at, path):
            if field.optional:
                raise Mistake(
                    place,
                    f"{tick(field.name)} may be empty, and {what} needs a required reference. Remove its `optional`.",
                )

    # --- who ---

    def who(self, at: str, piece: WhoPiece) -> Who:
        """Who is meant."""
        match piece:
            case SignedInPiece():
                return SignedIn()
            case CanPiece():
                return self._can(at, piece)
            case ThroughPiece():
                return self._through(at, piece)
            case Name(parts) if len(parts) == 1:
                return self._bare(at, parts[0])
            case Name(parts):
                return self._qualified(at, piece)

    def _bare(self, at: str, word: Word) -> Who:
        match word.text:
            case "owner":
                return Owner()
            case "anyone":
                return Anyone()
            case "engine":
                return Engine()
        found: dict[str, Who] = {f"{r.name}.{word}": role for r, role in self._roles(at, word.text)}
        resource = self.spec.resources[at]
        if word.text in resource.fields and self.spec.names_account(at, word.text):
            found[f"{at}.{word}"] = AccountField((), word.text)
        if len(found) > 1:
            raise Mistake(word.place, f"{tick(word.text)} can mean {listed(found)}. Write which one.")
        if found:
            return next(iter(found.values()))
        self.excuse(at, word)
        raise Mistake(word.place, f"{tick(word.text)} {self._unknown_who(resource, word.text)}")

    def _roles(self, at: str, role: str) -> Iterator[tuple[Resource, Role]]:
        for name in self.spec.chain(at):
            above = self.spec.resources[name]
            if above.ladder is not None and role in above.ladder.roles:
                yield above, Role(self.spec.up(at, name), name, role, above.ladder.at_least(role))

    def _unknown_who(self, resource: Resource, word: str) -> str:
        """Why a bare word is nobody, and what was probably meant."""
        field = resource.fields.get(word)
        if field is not None and field.kind is Kind.REFERENCE and field.target is not None:
            inside = next(self._people(field.target), "owner")
            return f"is a reference, not an account. Write who is meant there: {tick(f'{word}.{inside}')}, for example."
        if field is not None:
            fix = "Use an `account`, `creator` or `member of` field."
            return f"is a field of type `{field.kind}`, which names no account. {fix}"
        if self.spec.staff is not None and word in self.spec.staff.roles:
            return f"is a staff role. Write {tick('staff.' + word)}."
        if word == "staff":
            roles = [f"staff.{r}" for r in self.spec.staff.roles] if self.spec.staff is not None else ["staff.mediator"]
            return f"needs a role. Write {listed(roles)}."
        elsewhere = [f"{hop.field}.{word}" for hop in self._ways(resource) if word in self._people(hop.resource)]
        if elsewhere:
            return f"is not of {tick(resource.name)} itself. Write {listed(elsewhere)}."
        if word == "signed":
            return "is not complete. Write `signed in`."
        if word in ("account", "user", "users", "everyone", "everybody", "public", "all", "world", "authenticated"):
            return "is nobody here. Write `signed in` for any account, or `anyone` for the world."
        if word in ("whoever", "can"):
            return "is not complete. Write `whoever can read`, for example, and a record above."
        if word in self.spec.resources:
            return f"is a resource, not a person. Write `whoever can read {word}`, or a role or account field of it."
        own = [f.name for f in resource.fields.values() if self.spec.names_account(resource.name, f.name)]
        roles = [r for name in self.spec.chain(resource.name) for r in self._ladder(name)]
        # `anyone` only where that is nearly written: nobody shall open a door to get rid of a message
        fix = meant(word, [*roles, *own, "owner", "anyone", "engine"], meant(word, [*roles, *own, "owner"]))
        return f"is neither a role here or above nor an account field of {tick(resource.name)}. {fix}"

    def _ways(self, resource: Resource) -> Iterator[Hop]:
        yield from (Hop(name, name) for name in self.spec.chain(resource.name)[1:])
        yield from (Hop(f.name, f.target) for f in resource.references() if f.target is not None)

    def _ladder(self, name: str) -> tuple[str, ...]:
        ladder = self.spec.resources[name].ladder
        return ladder.roles if ladder is not None else ()

    def _people(self, name: str) -> Iterator[str]:
        """What can stand behind `resource.`: roles and account fields."""
        yield from (f for f in self.spec.resources[name].fields if self.spec.names_account(name, f))
        yield from self._ladder(name)

    def _qualified(self, at: str, name: Name) -> Who:
        *way, last = name.parts
        if way[0].text == "staff":
            return self._staff(name)
        path = self.hops(at, tuple(way))
        reached = self.spec.at(at, path)
        if last.text == "owner":
            return Owner(path)
        if reached.ladder is not None and last.text in reached.ladder.roles:
            return Role(path, reached.name, last.text, reached.ladder.at_least(last.text))
        if last.text in reached.fields and self.spec.names_account(reached.name, last.text):
            return AccountField(path, last.text)
        self.excuse(reached.name, last)
        options = [*self._people(reached.name), "owner"]
        raise Mistake(
            last.place,
            f"{tick(last.text)} is neither a role nor an account field of {tick(reached.name)}. "
            f"{meant(last.text, options)}",
        )

    def _staff(self, name: Name) -> Who:
        role = name.parts[1]
        if self.spec.staff is None:
            if "staff" in self.broken:
                raise Mistake(role.place, "")
            raise Mistake(
                name.place, f"{tick(str(name))} needs staff roles. Add `staff: {role}` at the top of the file."
            )
        if role.text not in self.spec.staff.roles or len(name.parts) > 2:
            raise Mistake(role.place, f"{tick(str(role))} is no staff role. {meant(str(role), self.spec.staff.roles)}")
        return Staff(role.text, self.spec.staff.at_least(role.text))

    def _can(self, at: str, piece: CanPiece) -> Who:
        action, target = piece.action, piece.target
        if action.text not in ACTIONS:
            raise Mistake(action.place, f"{tick(action.text)} is no action. {meant(action.text, ACTIONS)}")
        path = self.hops(at, target.parts)
        if not path:
            fix = "Write a record above or a reference, or the grants themselves."
            raise Mistake(
                target.place, f"{tick(str(target))} is this record itself, so the rule leans on itself. {fix}"
            )
        self.require(at, path, target.place, "`whoever can`")
        reached = self.spec.at(at, path)
        if (why := unfit(reached, action.text)) and reached.name not in self.adrift:
            raise Mistake(action.place, f"{tick(action.text)} is no action on {tick(reached.name)}: {why}")
        return Can(action.text, path)

    def _through(self, at: str, piece: ThroughPiece) -> Who:
        parts = piece.container.parts
        if len(parts) != 2:
            raise Mistake(
                piece.container.place,
                f"{tick(str(piece.container))} must name a link record and its container. "
                f"Write `{piece.role} through item.album`, for example.",
            )
        link_word, container = parts
        if link_word.text not in self.spec.resources:
            self.excuse(at, link_word)
            raise Mistake(
                link_word.place, f"{tick(link_word.text)} is no resource. {meant(link_word.text, self.spec.resources)}"
            )
        link = self.spec.resources[link_word.text]
        backs = [f.name for f in link.references() if f.target == at] + ([at] if link.parent == at else [])
        if len(backs) != 1:
            self.excuse(link.name, container)
            said = "no reference or parent" if not backs else f"several ({listed(backs, 'and')})"
            raise Mistake(
                link_word.place, f"{tick(link.name)} has {said} of type {tick(at)}. `through` needs exactly one."
            )
        hop = self._container(link, container)
        if hop.field == backs[0]:
            raise Mistake(
                container.place,
                f"{tick(container.text)} leads back to this record. Name the other end of {tick(link.name)}.",
            )
        ladder = self.spec.resources[hop.resource].ladder
        if ladder is None or piece.role.text not in ladder.roles:
            self.excuse(hop.resource, piece.role)
            raise Mistake(
                piece.role.place,
                f"{tick(piece.role.text)} is no role of {tick(hop.resource)}. "
                f"{meant(piece.role.text, self._ladder(hop.resource), 'Give it `roles`.')}",
            )
        return Through(link.name, backs[0], hop, piece.role.text, ladder.at_least(piece.role.text))

    def _container(self, link: Resource, word: Word) -> Hop:
        if word.text == link.parent:
            return Hop(link.parent, link.parent)
        found = link.fields.get(word.text)
        if found is not None and found.kind is Kind.REFERENCE and found.target is not None:
            return Hop(found.name, found.target)
        self.excuse(link.name, word)
        ways = [*([link.parent] if link.parent else []), *(f.name for f in link.references())]
        raise Mistake(
            word.place,
            f"{tick(word.text)} is neither the parent nor a reference of {tick(link.name)}. {meant(word.text, ways)}",
        )

    # --- conditions ---

    def condition(self, at: str, piece: ConditionPiece) -> Condition:
        """What is compared with what."""
        *way, last = piece.field.parts
        path = self.hops(at, tuple(way))
        reached = self.spec.at(at, path)
        if last.text not in reached.fields:
            self.excuse(reached.name, last)
            if last.text in ENGINE_FIELDS:
                raise Mistake(
                    last.place,
                    f"{tick(last.text)} is written by the engine and cannot be compared. Use a field of your own.",
                )
            above = [
                f"{hop.field}.{last}"
                for hop in self._ways(reached)
                if last.text in self.spec.resources[hop.resource].fields
            ]
            fix = f"Write {listed(above)}." if above else meant(last.text, reached.fields)
            raise Mistake(last.place, f"{tick(last.text)} is no field of {tick(reached.name)}. {fix}")
        test, values = self._compared(reached.name, last.text, piece.values)
        return Condition(path, last.text, test, values)

    def _compared(self, at: str, name: str, words: tuple[Word, ...]) -> tuple[Test, tuple[Any, ...]]:
        field = self.spec.value_field(at, name)
        kind = Kind.ACCOUNT if field.copied == "owner" else field.kind
        first = words[0]
        test = {"set": Test.SET, "empty": Test.EMPTY, "past": Test.PAST, "future": Test.FUTURE}.get(first.text)
        if test in (Test.SET, Test.EMPTY) and kind is Kind.ONE_OF and first.text in field.values:
            raise Mistake(
                first.place, f"{tick(first.text)} is a test and also a value of {tick(name)}. Rename the value."
            )
        if test in (Test.PAST, Test.FUTURE) and kind not in (Kind.DATE, Kind.TIME):
            if kind not in (Kind.ONE_OF, Kind.TEXT):
                raise Mistake(
                    first.place,
                    f"{tick(first.text)} is for dates and times; {tick(name)} is of type `{kind}`. "
                    f"{_tests(kind, field.values)}",
                )
            test = None
        if test is not None:
            if len(words) > 1:
                raise Mistake(
                    words[1].place, f"{tick(words[1].text)} cannot follow `is {first}`. Write a grant for each."
                )
            return test, ()
        values: list[Any] = []
        for word in words:
            value = self._value(kind, name, field.values, word)
            if value in values:
                raise Mistake(word.place, f"{tick(word.text)} stands twice. Write each value once.")
            values.append(value)
        return Test.IS, tuple(values)

    def _value(self, kind: Kind, name: str, options: tuple[str, ...], word: Word) -> Any:
        if kind is Kind.TEXT or (kind is Kind.ONE_OF and word.text in options):
            return word.text
        if kind is Kind.ONE_OF:
            raise Mistake(word.place, f"{tick(word.text)} is no value of {tick(name)}. {meant(word.text, options)}")
        if kind is Kind.YES_NO and word.text in ("yes", "no"):
            return word.text == "yes"
        if (
            kind is Kind.INTEGER
            and re.fullmatch(r"-?[0-9]{1,16}", word.text)
            and abs(int(word.text)) <= LARGEST_INTEGER
        ):
            return int(word.text)
        raise Mistake(
            word.place,
            f"{tick(word.text)} cannot be compared with {tick(name)}, which is of type `{kind}`. "
            f"{_tests(kind, options)}",
        )

    # --- grants ---

    def grant(self, at: str, piece: GrantPiece, action: str) -> Grant:
        """A grant with everything looked up; `action` is empty for steps and fields."""
        resource = self.spec.resources[at]
        if piece.only is not None and action != "update":
            raise Mistake(
                piece.only[0].place,
                f"`only {piece.only[0]}` cannot stand here. `only` belongs to grants of `update`; remove it.",
            )
        only: list[str] = []
        for word in piece.only or ():
            self.own_field(resource, word)
            if resource.fields[word.text].by_engine:
                raise Mistake(word.place, f"{tick(word.text)} is written by the engine and never changes. Remove it.")
            if word.text in only:
                raise Mistake(word.place, f"{tick(word.text)} stands twice. Write each field once.")
            only.append(word.text)
        who = tuple(self.who(at, one) for one in piece.who)
        when = tuple(self.condition(at, one) for one in piece.when)
        return Grant(who, when, None if piece.only is None else tuple(only), piece.text, piece.place)

    def own_field(self, resource: Resource, word: Word) -> None:
        """Refuse a word that is no field of this resource."""
        if word.text in resource.fields:
            return
        self.excuse(resource.name, word)
        if word.text == resource.parent:
            raise Mistake(word.place, f"{tick(word.text)} is the record above; changing it is `move`. Remove it here.")
        fix = meant(word.text, resource.fields) or "Declare it under `fields`."
        raise Mistake(word.place, f"{tick(word.text)} is no field of {tick(resource.name)}. {fix}")


def unfit(resource: Resource, action: str) -> str:
    """Why an action does not exist on a resource, with the fix; empty where it does."""
    if action in ("share", "members") and resource.ladder is None:
        return "it has no roles to give. Add `roles: editor > viewer`, for example."
    if action == "move" and resource.parent is None:
        return "it belongs to an account, and only what is below another record moves. Use `transfer`."
    if action == "transfer" and resource.parent is not None:
        return f"only root records are handed over, and this one goes with its {tick(resource.parent)}. Use `move`."
    return ""


def _tests(kind: Kind, options: tuple[str, ...]) -> str:
    match kind:
        case Kind.YES_NO:
            return "Write `is yes` or `is no`."
        case Kind.INTEGER:
            return "Write a whole number."
        case Kind.DATE | Kind.TIME:
            return "Write `is past`, `is future`, `is set` or `is empty`."
        case Kind.ONE_OF:
            return f"Write {listed(options)}."
        case Kind.TEXT:
            return "Write a text."
    return "Write `is set` or `is empty`."
