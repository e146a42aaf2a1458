"""What of a specification took part: which grants decided something, what nobody came by."""

from dataclasses import replace

from application.proof.report import GrantUse, Report
from domain.ownership import Actor, Facts, decide
from domain.specification.analysis import rights_table
from domain.specification.model import Anyone, Can, Engine, Grant, Rule, Specification

ENOUGH = 20
"""cases of a grant after which near misses are looked for no more"""


class Coverage:
    """Counts by grant."""

    def __init__(self, specification: Specification) -> None:
        """No grant has decided anything yet."""
        self._uses = {
            right.grant.place: GrantUse(right.resource, right.action, right.grant.text, right.place.line)
            for right in rights_table(specification)
        }
        self._specification = specification
        self._grants = {right.grant.place: right.grant for right in rights_table(specification)}

    def decided(self, rule: Rule, actor: Actor, facts: Facts) -> None:
        """A rule was asked: who decided, and who missed by one condition."""
        because = decide(rule, actor, facts).because
        if because is not None:
            self._uses[because.grant.place].decided += 1
            return
        for grant in rule:
            use = self._uses[grant.place]
            if grant.when and use.missed < ENOUGH and self._nearly(grant, actor, facts):
                use.missed += 1

    def _nearly(self, grant: Grant, actor: Actor, facts: Facts) -> bool:
        return any(
            decide((replace(grant, when=grant.when[:i] + grant.when[i + 1 :]),), actor, facts)
            for i in range(len(grant.when))
        )

    def into(self, report: Report) -> None:
        """Say it in the report."""
        report.grants = list(self._uses.values())
        for place, use in self._uses.items():
            grant = self._grants[place]
            where = f"line {use.line}, {use.resource}: {use.action}: {use.text}"
            if any(isinstance(who, Engine) for who in grant.who):
                report.skipped.append(f"{where} (the surface has no engine keys yet)")
            elif not use.decided:
                report.not_covered.append(f"{where}: decided no case")
            elif grant.when and not use.missed and not _alone(grant):
                report.not_covered.append(f"{where}: its condition never made the difference")


def _alone(grant: Grant) -> bool:
    """Whether near misses of it can hardly be: the caller is found by a rule of something else."""
    return any(isinstance(who, Can) for who in grant.who) and not any(isinstance(who, Anyone) for who in grant.who)
