"""`member of` and `copy of`: the way from a record to the record that is meant, and circles of copies."""

from dataclasses import replace
from graphlib import TopologicalSorter

from domain.specification import grammar
from domain.specification.circles import begun_at, circle_in
from domain.specification.declarations import LONGEST_CHAIN, Reading
from domain.specification.model import ENGINE_FIELDS, Field, Hop, Kind, Path, Place, Specification
from domain.specification.names import Names
from domain.specification.text import Mistake, listed, meant, tick


def with_paths(reading: Reading, spec: Specification) -> Specification:
    """The specification with the ways of `member of` and `copy of`; wrong fields are left out."""
    return _Paths(reading).read(spec)


class _Paths:
    def __init__(self, reading: Reading) -> None:
        self.mistakes = reading.mistakes
        self.drafts = reading.drafts
        self.broken = reading.broken
        self.adrift = reading.adrift

    def read(self, spec: Specification) -> Specification:
        """The specification with the ways of `member of` and `copy of`; wrong fields are left out."""
        names = Names(spec, self.broken, self.adrift)
        copies: dict[str, list[str]] = {}
        for resource in spec.resources.values():
            for one in list(resource.fields.values()):
                piece = self.drafts[resource.name].fields[one.name].piece
                if piece.name is None or one.kind is Kind.REFERENCE:
                    continue
                with self.mistakes.caught():
                    if one.kind is Kind.MEMBER:
                        path = self._member(names, resource.name, piece.name)
                        spec = _with_field(spec, resource.name, replace(one, path=path, target=path[-1].resource))
                        continue
                    path, copied = self._copy(names, resource.name, piece.name)
                    spec = _with_field(spec, resource.name, replace(one, path=path, copied=copied))
                    if copied != "owner":
                        copies[f"{resource.name}.{one.name}"] = [f"{spec.at(resource.name, path).name}.{copied}"]
                    continue
                spec = self._without(spec, resource.name, one.name)
        return self._copy_circles(spec, copies)

    def _without(self, spec: Specification, resource: str, name: str) -> Specification:
        self.broken.add(f"{resource}.{name}")
        found = spec.resources[resource]
        rest = {n: f for n, f in found.fields.items() if n != name}
        return replace(spec, resources={**spec.resources, resource: replace(found, fields=rest)})

    def _member(self, names: Names, at: str, name: grammar.Name) -> Path:
        spec, first = names.spec, name.parts[0]
        resource = spec.resources[at]
        path: Path = ()
        by_type = [f for f in resource.references() if f.target == first.text]
        if len(name.parts) == 1 and first.text not in {*spec.chain(at), *resource.fields} and by_type:
            if len(by_type) > 1:
                raise Mistake(
                    first.place, f"{tick(first.text)} can mean {listed(f.name for f in by_type)}. Write which one."
                )
            path = (Hop(by_type[0].name, first.text),)
        else:
            path = names.hops(at, name.parts)
        if not path:
            raise Mistake(
                first.place, f"{tick(first.text)} is this record itself. Name a record above, or a required reference."
            )
        names.require(at, path, first.place, "`member of`")
        return path

    def _copy(self, names: Names, at: str, name: grammar.Name) -> tuple[Path, str]:
        *way, last = name.parts
        if not way:
            raise Mistake(
                last.place,
                f"{tick(last.text)} must say of which record. Write `copy of listing.{last.text}`, for example.",
            )
        path = names.hops(at, tuple(way))
        if not path:
            raise Mistake(
                name.place, f"{tick(str(name))} is of this record itself. Copy from a reference or a record above."
            )
        if len(path) > 1 and names.by_reference(at, path):  # such a record need not be readable by who creates
            raise Mistake(
                name.place,
                f"{tick(str(name))} goes beyond a reference. Copy from a direct reference or a record above.",
            )
        reached = names.spec.at(at, path)
        if last.text == "owner":
            return path, "owner"
        if last.text not in reached.fields:
            names.excuse(reached.name, last)
            if last.text in ENGINE_FIELDS:
                raise Mistake(
                    last.place, f"{tick(last.text)} cannot be copied. Of the engine's fields only `owner` can."
                )
            raise Mistake(
                last.place,
                f"{tick(last.text)} is no field of {tick(reached.name)}. "
                f"{meant(last.text, [*reached.fields, 'owner'])}",
            )
        if reached.fields[last.text].kind is Kind.REFERENCE:
            raise Mistake(
                last.place,
                f"{tick(last.text)} is a reference, which cannot be copied. Make this field a reference of its own.",
            )
        return path, last.text

    def _copy_circles(self, spec: Specification, copies: dict[str, list[str]]) -> Specification:
        def place(name: str) -> Place:
            resource, _, own = name.partition(".")
            piece = self.drafts[resource].fields[own].piece
            return piece.name.place if piece.name is not None else piece.place

        while (circle := circle_in(copies)) is not None:
            first = min(circle, key=lambda n: (place(n).line, place(n).column))
            said = begun_at(circle, first)
            self.mistakes.add(
                place(first),
                f"{tick(copies[first][0])} is in the end a copy of this field: {said}. "
                "Give one of them a type of its own.",
            )
            for name in {*circle}:
                copies.pop(name)
                spec = self._without(spec, *name.split("."))
        depth: dict[str, int] = {}
        for name in TopologicalSorter(copies).static_order():
            source = copies[name][0] if name in copies else None
            if source is None:
                continue
            resource, own = source.split(".")
            depth[name] = depth.get(source, 0) + 1
            if own not in spec.resources[resource].fields:
                spec = self._without(spec, *name.split("."))
            elif depth[name] > LONGEST_CHAIN:
                self.mistakes.add(
                    place(name), f"{tick(source)} is a copy of a copy of … {LONGEST_CHAIN} times. Copy from the source."
                )
                spec = self._without(spec, *name.split("."))
        return spec


def _with_field(spec: Specification, resource: str, found: Field) -> Specification:
    """The specification with one field replaced."""
    at = spec.resources[resource]
    return replace(spec, resources={**spec.resources, resource: replace(at, fields={**at.fields, found.name: found})})
