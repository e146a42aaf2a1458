"""A report as one page of HTML, for somebody who has never seen Freehold: nothing is loaded, no script is needed."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.proof_reports import words
from adapters.proof_reports.data import fingerprint
from adapters.proof_reports.markup import Html, joined, tag, text
from adapters.proof_reports.style import CSS
from application.proof.report import Cell, Finding, GrantUse, Report
from domain.specification.analysis import Right, declared_channels, rights_table
from domain.specification.gains import for_any_account, public
from domain.specification.model import Resource

OPEN, ANY, BAD = "is-open", "is-any", "is-bad"
"""how something is marked: no account needed; any account will do; a finding"""

_BADGES = {OPEN: ("open", "no account needed"), ANY: ("any", "any account")}
_SPECIAL = re.compile(r"\b[Ll]ine (?P<line>\d{1,6})\b|`(?P<code>[^`]+)`")


def as_html(report: Report, when: datetime) -> str:
    """The whole page. `when` is the time of the proof, which the page shows."""
    page = _Page(report)
    title = f"Isolation proof: {report.specification.app} {report.specification.version}"
    style = Html(CSS)
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(
            '<meta http-equiv="Content-Security-Policy" '
            f"content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">"
        ),
        Html('<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'),
        tag("title", title),
        tag("style", style),
    )
    body = joined(
        page.top(when),
        page.glance(),
        page.found(),
        page.claimed(),
        page.tried(),
        page.inferred(),
        page.open_ends(),
        page.mutants(),
        page.limits(),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """Some lines of the specification: the first one's number, and the lines."""

    first: int
    lines: tuple[str, ...]


class _Page:
    """The sections of the page, from top to bottom."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.spec = report.specification
        self.lines = words.lines_of(report.source)
        self.public = [found.right for found in public(self.spec)]
        self.any_account = [found.right for found in for_any_account(self.spec)]
        self.marks: dict[int, str] = {}
        for mark, rights in ((ANY, self.any_account), (OPEN, self.public)):
            self.marks.update((right.place.line, mark) for right in rights)
        self.marks.update((line, BAD) for finding in report.findings for line in finding.lines)
        self.uses = {(use.resource, use.action, use.line, use.text): use for use in report.grants}

    # --- the top ------------------------------------------------------------------------------

    def top(self, when: datetime) -> Html:
        """What this is, how it ended, and the figures."""
        report, ended = self.report, words.verdict(self.report)
        moment = when.astimezone(UTC)
        facts = [
            ("Comparisons", f"{report.total:,}"),
            ("Stories", f"{report.stories:,}"),
            ("Worlds", f"{report.worlds:,}"),
            ("Duration", f"{report.seconds:,.1f} s"),
            ("Comparisons a second", f"{words.per_second(report):,}"),
            ("Date", f"{moment:%Y-%m-%d %H:%M} UTC"),
            ("Seed", str(report.seed)),
            ("Budget", report.budget),
        ]
        figures = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
        figures.append(
            tag(
                "div",
                tag("dt", "The text that this is about, as SHA-256"),
                tag("dd", fingerprint(report)),
                class_="wide",
            )
        )
        verdict = tag(
            "p",
            tag("strong", f"{ended.word}."),
            ended.sentence,
            class_=f"verdict {'good' if ended.proved else 'bad'}",
        )
        contents = [
            ("glance", "At a glance"),
            ("found", "What was found"),
            ("claimed", "What was claimed"),
            ("tried", "What was tried"),
            ("inferred", "What may be inferred"),
            ("open-ends", "What was not covered"),
            *([("mutants", "Deliberate mistakes")] if report.mutants is not None else []),
            ("limits", "What this page cannot say"),
        ]
        return joined(
            tag(
                "header",
                tag("p", "Isolation proof", class_="kicker"),
                tag("h1", self.spec.app, " ", tag("small", f"version {self.spec.version}")),
                verdict,
                tag(
                    "p",
                    f"The app {self.spec.app} keeps records of several people behind one API. A text, the "
                    "specification, says who may do what with them; whatever it does not allow has to be refused. For "
                    "this proof a program attacked the API in the name of everybody, from the owner of a record to "
                    "somebody without an account, and compared each answer with what the specification says.",
                ),
                tag(
                    "p",
                    "One thing no program can find out is whether the specification says what its author meant. That "
                    "takes a reader: please look at everything that is marked ",
                    self._badge(OPEN),
                    " or ",
                    self._badge(ANY),
                    ", and ask whether it should be so.",
                ),
                tag("dl", *figures, class_="facts"),
            ),
            tag("nav", tag("ol", *(tag("li", tag("a", name, href=f"#{at}")) for at, name in contents))),
        )

    def glance(self) -> Html:
        """What people can do whom nobody let in."""
        links = [said for r in self.spec.resources.values() if r.links is not None for said in words.openings(r)[-1:]]
        joins = [
            said
            for r in self.spec.resources.values()
            if r.ladder is not None and r.ladder.join_open
            for said in words.openings(r)[:1]
        ]
        return tag(
            "section",
            self._heading("glance", "At a glance: what outsiders can do"),
            tag("p", "An outsider is somebody to whom nobody gave anything: no role, and no mention in a field."),
            tag(
                "div",
                self._outsiders(
                    "Without an account",
                    OPEN,
                    [*self._sentences(self.public), *map(text, links)],
                    "The specification gives nothing at all to people without an account.",
                    [relation for relation in words.relations(self.report) if words.is_anonymous(relation)],
                ),
                self._outsiders(
                    "With any account, as a stranger",
                    ANY,
                    [*self._sentences(self.any_account), *map(text, joins)],
                    "Nothing beyond what people without an account may do"
                    + (" (and making records of their own)." if self._own() else "."),
                    [relation for relation in words.relations(self.report) if words.is_stranger(relation)],
                ),
                class_="two",
            ),
        )

    def _own(self) -> bool:
        return any(r.parent is None and r.rule("create") for r in self.spec.resources.values())

    def _sentences(self, rights: Iterable[Right]) -> Iterator[Html]:
        for right in rights:
            every = words.without_condition(right.grant)
            always = tag("strong", f", every {right.resource} without any condition") if every else ""
            yield joined(words.sentence(self.spec, right), always, " — ", self._at(right.place.line))

    def _outsiders(self, title: str, mark: str, claims: list[Html], nothing: str, relations: list[str]) -> Html:
        kind = {OPEN: "open", ANY: "any"}[mark]
        said = (
            tag("ul", *(tag("li", claim, class_=mark) for claim in claims), class_="marked")
            if claims
            else tag("p", nothing)
        )
        cells = [(place, cell) for place, cell in self.report.cells.items() if place[2] in relations]
        did: dict[tuple[str, str], Cell] = {}
        own: dict[tuple[str, str], Cell] = {}
        for (resource, action, relation), cell in cells:
            if cell.allowed or cell.leaks:
                into = did if words.notable(self.spec, resource, action, relation) else own
                sum_ = into.setdefault((resource, action), Cell())
                sum_.allowed += cell.allowed
                sum_.leaks += cell.leaks
        refused = sum(cell.refused for _, cell in cells)
        parts = [tag("h3", title), tag("h4", "By the specification"), said, tag("h4", "In the attack")]
        if not cells:
            parts.append(tag("p", "Nothing was tried.", class_="soft"))
        else:
            if did:
                rows = (
                    tag(
                        "li",
                        "They were able to ",
                        words.deed(*place),
                        ": ",
                        self._times(cell),
                        class_=BAD if cell.leaks else mark,
                    )
                    for place, cell in did.items()
                )
                parts.append(tag("ul", *rows, class_="marked"))
            if own:
                deeds = words.joined([words.deed(*place) for place in own])
                parts.append(tag("p", f"They were able to {deeds} of their own."))
            every = "" if did or own else "Every attempt was refused: "
            parts.append(tag("p", f"{every}{words.count(refused, 'refusal')}.", class_="soft num"))
        return tag("div", *parts, class_=f"card {kind if claims or did else 'calm'}")

    def _times(self, cell: Cell) -> Html:
        leaks = tag("span", words.count(cell.leaks, "leak"), class_="badge bad") if cell.leaks else ""
        times = words.count(cell.allowed, "time") if cell.allowed else ""
        return tag("span", times, " " if times and leaks else "", leaks, class_="num")

    # --- what was found -----------------------------------------------------------------------

    def found(self) -> Html:
        """The findings, each with the way to see it again."""
        heading = self._heading("found", "What was found")
        findings = self.report.findings
        if not findings:
            return tag("section", heading, tag("p", words.verdict(self.report).sentence))
        kinds = [kind for kind in words.KINDS if any(finding.kind is kind for finding in findings)]
        explained = (term for kind in kinds for term in (tag("dt", kind.value), tag("dd", words.KINDS[kind])))
        return tag(
            "section",
            heading,
            tag("dl", *explained, class_="terms"),
            *(self._finding(number, finding) for number, finding in enumerate(findings, 1)),
        )

    def _finding(self, number: int, finding: Finding) -> Html:
        place = f"{finding.resource}, {finding.action}, by {finding.relation} ({finding.reading})"
        parts = [
            tag("span", finding.kind.value, class_="badge bad"),
            " ",
            tag("span", place, class_="soft"),
            tag("h3", f"{number}. {finding.title}"),
            tag("p", self._linked(finding.because)),
        ]
        parts += [self._source(excerpt, None) for excerpt in self._around(finding.lines)]
        if finding.story:
            parts += [tag("h4", "What happened"), tag("ol", *(tag("li", step) for step in finding.story))]
        parts.append(
            tag(
                "div",
                tag("div", tag("h4", "Expected"), tag("pre", finding.expected)),
                tag("div", tag("h4", "Given"), tag("pre", finding.given)),
                class_="two",
            )
        )
        if finding.curl:
            parts += [tag("h4", "To see it again"), tag("pre", finding.curl)]
        return tag("article", *parts, class_="card finding", id=f"finding-{number}")

    def _around(self, lines: Iterable[int]) -> Iterator[_Excerpt]:
        """The given lines, each with its neighbours; what touches is one excerpt."""
        wanted = sorted({n for line in lines for n in (line - 1, line, line + 1) if 0 < n <= len(self.lines)})
        while wanted:
            together = [n for at, n in enumerate(wanted) if n == wanted[0] + at]
            yield _Excerpt(wanted[0], tuple(self.lines[n - 1] for n in together))
            wanted = wanted[len(together) :]

    # --- what was claimed ---------------------------------------------------------------------

    def claimed(self) -> Html:
        """Each resource in words beside its lines, and who did what in the attack."""
        resources = sorted(self.spec.resources.values(), key=lambda resource: resource.place.line)
        shown: dict[int, str] = {}
        starts = [resource.place.line for resource in resources]
        parts = []
        if resources and starts[0] > 1:
            parts.append(self._source(self._cut(1, starts[0] - 1), shown))
        rest = len(self.lines) + 1
        for resource, following in zip(resources, [*starts[1:], len(self.lines) + 1], strict=True):
            last = max(resource.place.line, following - 1)
            ends = self._ends(resource.place.line, last)
            rest = ends + 1 if ends < last else rest
            parts.append(self._resource(resource, self._source(self._cut(resource.place.line, ends), shown)))
        if rest <= len(self.lines):
            parts += [tag("h3", "The rest of the text"), self._source(self._cut(rest, len(self.lines)), shown)]
        return tag(
            "section",
            self._heading("claimed", "What was claimed"),
            tag(
                "p",
                "What the specification says in plain English, and beside it the specification itself, as it was given "
                "to the program. Any one of its grants is enough to allow something; without one, nothing is allowed. "
                "Below each grant stands how many cases of the attack it decided; a near miss is a case in which "
                "nothing but its condition failed.",
            ),
            *parts,
        )

    def _cut(self, first: int, last: int) -> _Excerpt:
        """Some lines, without the empty ones at the end."""
        cut = self.lines[first - 1 : last]
        while cut and not cut[-1].strip():
            cut = cut[:-1]
        return _Excerpt(first, tuple(cut))

    def _ends(self, first: int, last: int) -> int:
        """Where a resource's lines end, if another part of the file follows it."""
        for line in range(first + 1, last + 1):
            if re.match(r"\w", self.lines[line - 1]):
                return line - 1
        return last

    def _resource(self, resource: Resource, source: Html) -> Html:
        rights = [right for right in rights_table(self.spec) if right.resource == resource.name]
        groups: dict[str, list[Right]] = {}
        for right in rights:
            groups.setdefault(right.action, []).append(right)
        claims: list[str] = [tag("p", " ".join(words.about(self.spec, resource)))]
        if resource.about:
            claims.append(tag("p", tag("em", resource.about), class_="soft"))
        for said in words.openings(resource):
            claims.append(tag("ul", tag("li", said, class_=OPEN if "without an account" in said else ANY)))
        for action, group in groups.items():
            claims.append(self._action(action))
            claims.append(tag("ul", *map(self._claim, group)))
        if never := words.nobody_may(resource):
            claims.append(tag("p", f"Nobody may {words.joined(never, 'or')} {words.a(resource.name)}.", class_="soft"))
        return tag(
            "section",
            tag("h3", resource.name, id=f"resource-{resource.name}"),
            tag("div", tag("div", *claims, class_="claims"), source, class_="two"),
            self._did(resource),
        )

    def _action(self, action: str) -> Html:
        gloss = words.GLOSSES.get(action)
        return tag("h4", action, tag("small", gloss) if gloss else "")

    def _claim(self, right: Right) -> Html:
        mark = OPEN if right in self.public else ANY if right in self.any_account else None
        use = self.uses.get((right.resource, right.action, right.place.line, right.who))
        return tag(
            "li",
            words.who_may(self.spec, right),
            " — ",
            self._at(right.place.line),
            " " if mark else "",
            self._badge(mark) if mark else "",
            self._use(use) if use else "",
            class_=mark,
        )

    def _use(self, use: GrantUse) -> Html:
        if not use.decided:
            return tag("span", "decided no case: not tested", class_="use")
        missed = f"; {words.count(use.missed, 'near miss', 'near misses')}" if use.missed else ""
        return tag("span", f"decided {words.count(use.decided, 'case')}{missed}", class_="use num")

    def _did(self, resource: Resource) -> Html:
        """Who was able to do what in the attack, outsiders first."""
        found = words.tried(self.report, resource.name)
        if not found:
            return tag("p", "Nothing was tried on it.", class_="soft")
        rows = []
        for each in found:
            could = []
            for relation, cell in each.could:
                mark = self._marked(resource.name, each.action, relation, cell)
                who: str = tag("span", relation, class_=f"badge {_kind(mark)}") if mark else relation
                could.append(tag("li", who, " ", tag("span", self._times(cell), class_="soft")))
            rows.append(
                tag(
                    "tr",
                    tag("th", each.action, scope="row"),
                    tag("td", tag("ul", *could)) if could else tag("td", "nobody", class_="none"),
                    tag("td", ", ".join(each.could_not) or "–", class_="none"),
                )
            )
        return tag(
            "div",
            tag(
                "table",
                tag("caption", f"Who was able to do it in the attack ({resource.name})"),
                self._columns("", "able to", "refused each time"),
                tag("tbody", *rows),
            ),
            class_="scroll did",
        )

    def _marked(self, resource: str, action: str, relation: str, cell: Cell) -> str | None:
        """How a place in a table is marked."""
        if cell.leaks:
            return BAD
        if cell.allowed and words.notable(self.spec, resource, action, relation):
            return OPEN if words.is_anonymous(relation) else ANY
        return None

    # --- what was tried -----------------------------------------------------------------------

    def tried(self) -> Html:
        """The comparisons by reading, the relations, and the table of resource, action and relation."""
        report = self.report
        readings = [
            tag(
                "tr",
                tag("th", reading, scope="row"),
                tag("td", f"{number:,}", class_="n right"),
                tag("td", words.reading_explained(reading)),
            )
            for reading, number in report.comparisons.items()
        ]
        explained = [(relation, words.explained(self.spec, relation)) for relation in words.relations(report)]
        terms = [term for name, said in explained if said for term in (tag("dt", name), tag("dd", said))]
        parts = [
            tag(
                "p",
                f"The program told {words.count(report.stories, 'story', 'stories')} in "
                f"{words.count(report.worlds, 'world')} of its own making: it let people make records, share them, "
                "change them and take roles away again, and asked for everything in everybody's name on the way.",
            )
        ]
        if readings:
            names = ("comparison", "how many", "what is compared")
            parts.append(tag("div", tag("table", self._columns(*names), tag("tbody", *readings)), class_="scroll"))
        else:
            parts.append(tag("p", "Nothing was compared."))
        if terms:
            parts += [tag("h3", "Who asked"), tag("dl", *terms, class_="terms")]
        tables = [table for name in self.spec.resources if (table := self._matrix(name))]
        if tables:
            parts += [
                tag("h3", "Resource, action, and relation of the caller to the record"),
                tag(
                    "p",
                    "Allowed and refused count answers that the specification foresees. A leak is an answer that "
                    "showed or did what it does not allow. Marked are outsiders who were let in.",
                ),
                *tables,
            ]
        return tag("section", self._heading("tried", "What was tried"), *parts)

    def _matrix(self, resource: str) -> Html | None:
        cells = {(who, action): cell for (at, action, who), cell in self.report.cells.items() if at == resource}
        if not cells:
            return None
        actions = sorted({action for _, action in cells}, key=words.action_order)
        callers = [who for who in words.relations(self.report) if any(who == each for each, _ in cells)]
        rows = [
            tag(
                "tr",
                tag("th", who, scope="row"),
                *(self._cell(resource, action, who, cells.get((who, action))) for action in actions),
            )
            for who in callers
        ]
        return tag(
            "div",
            tag(
                "table",
                tag("caption", resource),
                self._columns("", *actions),
                tag("tbody", *rows),
            ),
            class_="scroll",
        )

    def _cell(self, resource: str, action: str, relation: str, cell: Cell | None) -> Html:
        if cell is None or not (cell.allowed or cell.refused or cell.leaks):
            return tag("td", "–", class_="none")
        counts = (("yes", cell.allowed, "allowed"), ("no", cell.refused, "refused"))
        said = [tag("span", f"{number:,} {word}", class_=kind) for kind, number, word in counts if number]
        if cell.leaks:
            said.append(tag("span", words.count(cell.leaks, "leak"), class_="leak"))
        mark = self._marked(resource, action, relation, cell)
        return tag("td", *said, class_=f"n {mark}" if mark else "n")

    # --- the rest -----------------------------------------------------------------------------

    def inferred(self) -> Html:
        """What answers tell of hidden records because they must."""
        channels = declared_channels(self.spec)
        heading = self._heading("inferred", "What may be inferred")
        declared = {f"{channel.resource}, {channel.kind}" for channel in channels}
        rows = [
            (
                channel.resource,
                channel.kind,
                joined(self._linked(channel.because), " ", self._at(channel.place.line)),
                number,
            )
            for channel in channels
            for number in [words.excused(self.report, channel.resource, channel.kind)]
        ]
        rows += [
            (*_split(name), Html("It is not among what the specification declares."), number)
            for name, number in self.report.channels.items()
            if name not in declared
        ]
        if not rows:
            return tag(
                "section",
                heading,
                tag("p", "Nothing: no answer has to depend on what its caller cannot see, and none was excused."),
            )
        names = ("resource", "kind", "what it tells", "differences excused")
        table = tag(
            "table",
            self._columns(*names),
            tag(
                "tbody",
                *(
                    tag(
                        "tr",
                        tag("th", resource, scope="row"),
                        tag("td", kind),
                        tag("td", because),
                        tag("td", f"{number:,}", class_="n right"),
                    )
                    for resource, kind, because, number in rows
                ),
            ),
        )
        return tag(
            "section",
            heading,
            tag(
                "p",
                "A few answers have to depend on what the caller cannot see: a name that must be unique is refused "
                "also where a hidden record bears it. They follow from the specification and are known beforehand. The "
                "program excused differences of these kinds and of no others. Rows of the same resource and kind share "
                "one number.",
            ),
            tag("div", table, class_="scroll"),
        )

    def open_ends(self) -> Html:
        """What the proof did not reach."""
        parts: list[str] = [self._heading("open-ends", "What was not covered")]
        for title, texts, nothing in (
            ("Not covered", self.report.not_covered, "Nothing was reported as not covered."),
            ("Skipped", self.report.skipped, "Nothing was skipped."),
        ):
            parts.append(tag("h3", title))
            if texts:
                parts.append(tag("ul", *(tag("li", self._linked(text)) for text in texts), class_="prose"))
            else:
                parts.append(tag("p", nothing))
        return tag("section", *parts)

    def mutants(self) -> Html:
        """The proof of the proof, where it was asked for."""
        mutants = self.report.mutants
        if mutants is None:
            return Html("")
        parts = [
            self._heading("mutants", "Deliberate mistakes"),
            tag(
                "p",
                "To see whether the proof would notice a mistake, compiled rules were broken on purpose, one at a "
                f"time. It noticed {mutants.caught:,} of {mutants.tried:,}, in {mutants.seconds:,.1f} seconds.",
            ),
        ]
        if mutants.survivors:
            parts.append(tag("p", tag("strong", "These went unnoticed:")))
            survivors = (tag("li", self._linked(each), class_=BAD) for each in mutants.survivors)
            parts.append(tag("ul", *survivors, class_="marked"))
        return tag("section", *parts)

    def limits(self) -> Html:
        """What nobody should conclude from the page."""
        return joined(
            tag(
                "section",
                self._heading("limits", "What this page cannot say"),
                tag(
                    "ul",
                    tag(
                        "li",
                        "Whether the specification says what its author meant. A rule that allows too much is kept "
                        "faithfully, and no attack finds it. Only a reader can: see what is marked above.",
                    ),
                    tag(
                        "li",
                        "That no mistake is left. The attack tries very many cases, chosen at random from the seed; it "
                        "does not try all of them.",
                    ),
                    tag(
                        "li",
                        "Anything about code beside the specification, about the machine that serves it, about stolen "
                        "passwords, or about how long answers take.",
                    ),
                    class_="prose",
                ),
                tag("p", "To repeat it, in the folder of the specification:"),
                tag("pre", words.again(self.report)),
            ),
            tag("footer", "Made by ", tag("code", "freehold prove"), ". This page loads nothing and runs no script."),
        )

    # --- pieces -------------------------------------------------------------------------------

    def _heading(self, at: str, title: str) -> Html:
        return tag("h2", title, id=at)

    def _columns(self, *names: str) -> Html:
        return tag("thead", tag("tr", *(tag("th", name, scope="col") if name else tag("td") for name in names)))

    def _badge(self, mark: str) -> Html:
        kind, said = _BADGES[mark]
        return tag("span", said, class_=f"badge {kind}")

    def _at(self, line: int, said: str = "") -> Html:
        """A line's number, as a link to where it is shown."""
        said = said or f"line {line}"
        if not 0 < line <= len(self.lines):
            return text(said)
        return tag("a", said, href=f"#line-{line}", class_="at")

    def _linked(self, plain: str) -> Html:
        """A text in which "line 31" leads to that line, and what stands in backticks looks like the language."""
        parts: list[str] = []
        end = 0
        for found in _SPECIAL.finditer(plain):
            special = tag("code", found["code"]) if found["code"] else self._at(int(found["line"]), found[0])
            parts += [plain[end : found.start()], special]
            end = found.end()
        return joined(*parts, plain[end:])

    def _source(self, excerpt: _Excerpt, shown: dict[int, str] | None) -> Html:
        """Numbered lines, marked. A line has an anchor where it is shown for the first time in `shown`."""
        rows = []
        for number, line in enumerate(excerpt.lines, excerpt.first):
            mark = self.marks.get(number)
            said = {OPEN: "no account", ANY: "any account", BAD: "finding"}.get(mark or "")
            anchor = None
            if shown is not None and number not in shown:
                shown[number] = anchor = f"line-{number}"
            rows.append(
                tag(
                    "div",
                    tag("span", str(number)),
                    tag("code", line or " ", tag("b", said) if said else ""),
                    id=anchor,
                    class_=mark,
                )
            )
        return tag("div", *rows, class_="source")


def _split(name: str) -> tuple[str, str]:
    resource, _, kind = name.partition(", ")
    return resource, kind


def _kind(mark: str) -> str:
    return {OPEN: "open", ANY: "any", BAD: "bad"}[mark]
