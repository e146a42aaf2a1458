"""Several writes at once: all or nothing, in one unit of work, each judged on the state after those before it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from application.ports import Store, View, Work
from application.records import Expectation, RecordUseCases
from application.units import unit
from domain.errors import FieldError, FreeholdError, Invalid, NotAuthenticated, Refusal, Unavailable
from domain.ownership import Actor
from domain.record import accept_changes, accept_new
from domain.specification.analysis import anonymous_may
from domain.values import UUID_PATTERN

MOST_OPERATIONS = 100
ACTIONS = ("create", "update", "delete")
REFERENCE = r"\$(0|[1-9][0-9]?)\.id"
"""the id of what an earlier operation is about, by its number"""
_REFERENCE, _UUID = re.compile(REFERENCE), re.compile(UUID_PATTERN)
_SOME_ID = "00000000-0000-7000-8000-000000000000"
"""for one that is not known"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One write, as it was sent."""

    action: str
    resource: str
    record: str | None = None
    """of a change or deletion"""
    body: Mapping[str, Any] | None = None
    """of a creation or change"""
    expected: Expectation | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an operation."""

    record: str
    view: View | None
    """None where it is gone, or its writer can no longer open it"""


Check = Callable[[Operation], None]
"""What an adapter asks of a message alone. Raises `Invalid`."""


class OperationsRefused(FreeholdError):
    """Nothing was done: because of the first of these; of later ones, what their messages alone are refused for."""

    def __init__(self, refusals: Mapping[int, Refusal]) -> None:
        """By the number of the operation, in their order."""
        super().__init__("some operations were refused")
        self.refusals = refusals


class BatchUseCases:
    """What a caller may do in one go: the same as one after the other."""

    def __init__(self, records: RecordUseCases, store: Store) -> None:
        """Each operation is the use case of records that it is when it comes alone."""
        self._records = records
        self._resources = records.specification.resources
        self._store = store
        self._anonymous_may = any(
            anonymous_may(records.specification, resource, action)
            for resource in self._resources.values()
            for action in ACTIONS
        )

    def admit(self, actor: Actor) -> None:
        """Turn away an anonymous caller where none could ever write anything (`NotAuthenticated`)."""
        if actor.name is None and not self._anonymous_may:
            raise NotAuthenticated

    async def run(
        self, actor: Actor, operations: Sequence[Operation], check: Check, within: Work | None = None
    ) -> Sequence[Done]:
        """Do all of them. Raises `OperationsRefused`, or `Unavailable`; then none was done."""
        done: list[Done] = []
        async with unit(self._store, within) as work:
            for number, operation in enumerate(operations):
                known = [each.record for each in done]
                try:
                    done.append(await self._do(actor, self._prepared(actor, operation, known, check), work))
                except Unavailable:
                    raise
                except Refusal as error:
                    refusals = {number: error}
                    for later in range(number + 1, len(operations)):
                        try:
                            self._accept(self._prepared(actor, operations[later], [_SOME_ID] * later, check))
                        except Refusal as another:
                            refusals[later] = another
                    raise OperationsRefused(refusals) from error
        return done

    def _prepared(self, actor: Actor, operation: Operation, known: Sequence[str], check: Check) -> Operation:
        """With ids in place of references, as far as the caller and the message alone let it be done."""
        self._records.admit(actor, operation.resource, operation.action)
        resolved = self._resolved(operation, known)
        if resolved.body is not None:
            check(resolved)
        return resolved

    def _accept(self, operation: Operation) -> None:
        """Ask of a message what its use case would ask before it looks at any record (`Invalid`)."""
        if operation.body is not None:
            accept = accept_new if operation.record is None else accept_changes
            accept(self._resources[operation.resource], operation.body)

    def _resolved(self, operation: Operation, known: Sequence[str]) -> Operation:
        """With ids in place of references, in the fields that name records. Raises `Invalid` (`bad_reference`)."""
        errors = []

        def found(place: str, value: Any) -> Any:
            reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
            if reference is None:
                return value
            number = int(reference[1])
            if number < len(known):
                return known[number]
            errors.append(FieldError(place, "bad_reference", "This must name an earlier operation."))
            return value

        model = self._resources[operation.resource]
        naming = {model.parent, *(field.name for field in model.references())}
        body, record = operation.body, operation.record
        if body is not None:
            body = {name: found(f"body/{name}", value) if name in naming else value for name, value in body.items()}
        if record is not None:
            record = found("id", record).lower()
        if errors:
            raise Invalid(errors=tuple(errors))
        return replace(operation, body=body, record=record)

    async def _do(self, actor: Actor, operation: Operation, work: Work) -> Done:
        resource, body = operation.resource, operation.body or {}
        if operation.record is None:
            seen = await self._records.create(actor, resource, body, work)
            return Done(str(seen["id"]), seen)
        # what is no id names nothing, whatever characters it has
        named = operation.record if _UUID.fullmatch(operation.record) else ""
        if operation.body is not None:
            return Done(named, await self._records.update(actor, resource, named, body, operation.expected, work))
        await self._records.delete(actor, resource, named, operation.expected, work)
        return Done(named, None)
