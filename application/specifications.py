"""The life of a specification: what a change means, who approved it, and whether the database is there.

Nothing is served that was not approved, and nothing changes that was not planned. What was approved is in the lock; the
database is compared with that, and never with what the file happens to say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from application.api_changes import ApiChange, api_changes
from application.ports import Clock, Keeping, Migrated, ProjectFolder
from domain.errors import FreeholdError, NotApproved, Problem
from domain.specification.analysis import Channel, declared_channels
from domain.specification.approval import Approval, digest
from domain.specification.asking import Question
from domain.specification.behaviour import Otherwise, otherwise
from domain.specification.evolution import Change, changes
from domain.specification.gains import Change as Right
from domain.specification.gains import compare
from domain.specification.model import Specification
from domain.specification.questions import open_questions, review

AGAIN = "Run `freehold plan` to see what differs, and `freehold approve` to approve it."


class Undecided(FreeholdError):
    """Something is asked, and only a person can answer."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A change of the stored records, with what the database has of it."""

    change: Change
    count: int | None
    """records that it is about; None where they were not counted"""
    example: str | None
    """the id of one"""


@dataclass(frozen=True)
class Plan:
    """What approving would approve."""

    before: Approval | None
    """what is approved now"""
    after: Specification
    changes: tuple[Counted, ...]
    counted: bool
    """whether the database was asked: it must hold what is approved now"""
    channels: tuple[Channel, ...]
    """what callers may infer of what they cannot see, by the new text"""
    edited: tuple[str, ...]
    """files of `migrations/` that are not as they were approved"""
    questions: tuple[Question, ...]
    """those that are open"""
    untrue: tuple[Problem, ...]
    """what the file says of itself, and is not so"""
    rights: tuple[Right, ...]
    """who gains and who loses what; nothing the first time"""
    api: tuple[ApiChange, ...]
    """what clients will notice; nothing the first time"""
    behaviour: tuple[Otherwise, ...]
    """what the app does otherwise beside all these; nothing the first time"""

    remade: tuple[str, ...]
    """what this version of Freehold makes otherwise of the very text that was approved: `schema`, `api`"""

    @property
    def nothing(self) -> bool:
        """Whether the approved text and revisions are just these, and what is made of them."""
        same = self.before is not None and self.before.specification == digest(self.after.source)
        return same and not (self.edited or self.remade)

    @property
    def destructive(self) -> tuple[Counted, ...]:
        """What takes something away, or refuses what was allowed."""
        return tuple(each for each in self.changes if each.change.destructive)


@dataclass(frozen=True)
class Approved:
    """What `approve` did."""

    plan: Plan
    approval: Approval
    written: str | None
    """the new revision"""
    removed: tuple[str, ...]
    """the files of revisions that made way"""


class SpecificationUseCases:
    """See the methods."""

    def __init__(self, project: ProjectFolder, database: Keeping, clock: Clock) -> None:
        """Keep the ports."""
        self._project, self._database, self._clock = project, database, clock

    # --- plan, approve -------------------------------------------------------------------

    def plan(self, onto: str | None = None) -> Plan:
        """What approving now would approve; changes nothing. `onto`: see `approve`.

        Raises `SpecificationInvalid`, and `NotApproved` where approvals contradict each other.
        """
        return self._plan(self._approval(onto), onto)

    def _plan(self, before: Approval | None, onto: str | None) -> Plan:
        after = self._project.specification()
        former = None if before is None else self._project.read(before)
        found = _initial(after) if former is None else changes(former, after)
        counts = self._counts(former, after, found)
        return Plan(
            before,
            after,
            tuple(Counted(change, *(counts or {}).get(change, (None, None))) for change in found),
            counts is not None,
            tuple(declared_channels(after)),
            self._edited(before, onto),
            *review(after, former),
            () if former is None else compare(former, after),
            () if former is None else api_changes(self._project.openapi(former), self._project.openapi(after)),
            () if former is None else otherwise(former, after),
            () if before is None else tuple(self._remade(before, after)),
        )

    def _remade(self, before: Approval, after: Specification) -> Iterator[str]:
        if before.specification == digest(after.source):
            if before.schema != self._project.schema(after):
                yield "schema"
            if before.openapi != self._project.api(after):
                yield "api"

    def _counts(
        self, before: Specification | None, after: Specification, found: tuple[Change, ...]
    ) -> Mapping[Change, tuple[int, str | None]] | None:
        """A database that is away is no reason not to plan."""
        if before is None or not any(change.count for change in found):
            return {}
        try:
            return self._database.counts(before, after)
        except FreeholdError:
            return None

    def approve(self, by: str, plan: Plan, onto: str | None = None) -> Approved:
        """Approve what a plan shows: write a revision, if the tables need one, and the lock.

        `onto`: of two revisions that were approved side by side the one to keep; what the others did is approved anew
        on top of it. Raises `Undecided` while a question is open, and `NotApproved` where what the plan was made of is
        there no more.
        """
        if plan.untrue:
            raise NotApproved(
                "Not approved: an example, an answer or a `renamed_from` is not so. `freehold check` says which."
            )
        if plan.questions:
            raise Undecided("Not approved: there are open questions. `freehold check` prints them with their answers.")
        before = plan.before
        if self._approval(onto) != before or self._project.specification().source != plan.after.source:
            raise NotApproved("Not approved: something changed since the plan was made. Look at it again.")
        removed = () if onto is None else tuple(self._remove_beside(onto))
        former = None if before is None else self._project.read(before)
        follows = None if before is None else before.revision
        written = self._project.write_revision(former, plan.after, follows)
        approval = Approval(
            text=plan.after.source,
            revision=written or follows,
            revisions=self._project.revisions(),
            schema=self._project.schema(plan.after),
            openapi=self._project.api(plan.after),
            by=by,
            at=self._clock.now(),
            answers=tuple(
                {"question": each.question, "on": each.on, "because": each.because} for each in plan.after.answers
            ),
        )
        self._project.keep(approval)
        return Approved(plan, approval, written, removed)

    def _remove_beside(self, onto: str) -> list[str]:
        """Take away the revisions that do not lead to the one that is kept, the last ones first."""
        kept, removed = set(self._project.line(onto)), []
        for head in self._project.heads():
            removed += [
                self._project.remove_revision(each) for each in self._project.line(head)[::-1] if each not in kept
            ]
        return removed

    # --- what is approved ----------------------------------------------------------------

    def _approval(self, onto: str | None = None) -> Approval | None:
        """What is approved; None before the first time. Raises `NotApproved` where two things are."""
        approvals, heads = self._project.approvals(), self._project.heads()
        if onto is not None:
            return self._side(onto, approvals, heads)
        if not approvals:
            if heads:
                raise NotApproved(
                    "`migrations/` holds revisions, but there is no `freehold.lock` that approves them. Take it from "
                    "version control; or remove revisions that nobody approved."
                )
            return None
        if len(approvals) > 1 or len(heads) > 1:
            raise NotApproved(self._conflict(approvals, heads))
        (approval,) = approvals
        if heads != (() if approval.revision is None else (approval.revision,)):
            there = f"ends with `{heads[0]}`" if heads else "holds none"
            said = f"revision `{approval.revision}`" if approval.revision else "no revision"
            raise NotApproved(
                f"`freehold.lock` approves {said}, and `migrations/` {there}. Take both from the same version of "
                "the project; a revision that nobody "
                "approved can be removed."
            )
        return approval

    def _side(self, onto: str, approvals: tuple[Approval, ...], heads: tuple[str, ...]) -> Approval:
        found = [approval for approval in approvals if approval.revision == onto]
        if onto not in heads or not found:
            names = ", ".join(f"`{head}`" for head in heads) or "none"
            raise NotApproved(
                f"`{onto}` cannot be kept: it must be the last of a line in `migrations/` ({names}), and approved by "
                "`freehold.lock`. Where that is of the other one, take its version of the file first (`git checkout "
                "--ours freehold.lock`, or `--theirs`)."
            )
        return found[0]

    def _conflict(self, approvals: tuple[Approval, ...], heads: tuple[str, ...]) -> str:
        lines = ["Two changes were approved side by side, and none of them knows the other:"]
        for approval in approvals:
            lines.append(f"  `{approval.revision}`, approved by {approval.by} on {approval.at:%Y-%m-%d}")
        lines += [f"  `{head}`, in `migrations/`" for head in heads if head not in {a.revision for a in approvals}]
        last = heads if len(heads) > 1 else tuple(dict.fromkeys(str(a.revision) for a in approvals))
        lines.append(
            "Merge freehold.yaml so that it says what both want. Then keep the revision that others have migrated to "
            "already, and approve the rest anew on top of it:"
        )
        lines += [f"  freehold approve --onto {each}" for each in last]
        return "\n".join(lines)

    def _edited(self, approval: Approval | None, onto: str | None = None) -> tuple[str, ...]:
        """Files of `migrations/` that are not as they were approved."""
        if approval is None or onto is not None:
            return ()
        now = self._project.revisions()
        return tuple(
            name for name in sorted({*now, *approval.revisions}) if now.get(name) != approval.revisions.get(name)
        )

    def approved(self) -> Approval:
        """What is approved, and is what the folder holds. Raises `NotApproved` where it is not, with what to run."""
        after = self._project.specification()
        approval = self._approval()
        if approval is None:
            raise NotApproved(f"This project was never approved: there is no `freehold.lock`. {AGAIN}")
        if approval.specification != digest(after.source):
            raise NotApproved(f"`freehold.yaml` is not what {approval.by} approved on {approval.at:%Y-%m-%d}. {AGAIN}")
        if edited := self._edited(approval):
            names = ", ".join(f"`migrations/{name}`" for name in edited)
            raise NotApproved(f"{names} changed after the approval. {AGAIN}")
        if open_questions(after):
            raise Undecided("There are open questions. `freehold check` prints them with their answers.")
        return approval

    # --- migrate, serve ------------------------------------------------------------------

    def migrate(self, tell: Callable[[str], None]) -> tuple[Approval, Migrated]:
        """Bring the database to what is approved (see `Keeping`)."""
        approval = self.approved()
        return approval, self._database.migrate(approval, tell)

    def sql(self) -> str:
        """What `migrate` would run."""
        return self._database.sql(self.approved())

    def require_served(self) -> Approval:
        """Raise unless file, lock and database agree; changes nothing."""
        approval = self.approved()
        self._database.require(approval)
        return approval


def _initial(after: Specification) -> tuple[Change, ...]:
    return tuple(changes(replace(after, resources={}, staff=None), after))
