"""A proof's report as JSON, as JUnit XML and as a page: nothing is lost, nothing is added, nothing gets out."""

import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from adapters.proof_reports import as_html, as_json, as_junit, words
from adapters.proof_reports.markup import tag
from adapters.specification_file import load, parse
from application.proof.report import Kind, Mutants, Report
from domain.specification.analysis import rights_table
from domain.specification.gains import for_any_account, public
from tests.adapters.proofs import ANY_ACCOUNT, DELETES, PUBLIC, SOURCE, empty, hostile, leaking, proved
from tests.application.world import EXAMPLES

WHEN = datetime(2026, 11, 23, 22, 10, tzinfo=UTC)
ALL = [proved, leaking, hostile, empty]
SIX = ["clinic", "conduit", "invoices", "market", "notes", "tracker"]


# --- how it ended --------------------------------------------------------------------------


def test_only_a_proof_that_compared_something_and_found_nothing_is_one() -> None:
    assert words.verdict(proved()).proved
    assert not words.verdict(leaking()).proved
    assert not words.verdict(empty()).proved, "nothing was compared"
    survived = proved()
    survived.mutants = Mutants(12, ("line 21",), 1.0)
    assert not words.verdict(survived).proved
    assert "1 deliberate mistake went unnoticed" in words.verdict(survived).sentence
    leaked = proved()
    leaked.cell("page", "read", "stranger").leaks = 1
    assert not words.verdict(leaked).proved, "a leak that was counted and not told is a leak"


def test_the_verdict_counts_the_findings_by_kind() -> None:
    report = leaking()
    assert words.verdict(report).sentence == "In 31,200 comparisons, 1 leak and 1 defect were found."
    report.findings = report.findings[:1] * 2
    assert words.verdict(report).sentence == "In 31,200 comparisons, 2 leaks were found."


# --- plain English -------------------------------------------------------------------------


def test_public_rights_are_whole_sentences() -> None:
    spec = parse(SOURCE)
    assert [words.sentence(spec, found.right) for found in public(spec)] == [
        "Anyone on the internet, without an account, may read a page when its audience is everyone"
    ]
    assert [words.sentence(spec, found.right) for found in for_any_account(spec)] == [
        "Everybody with an account may read an idea"
    ]


SAID = {
    "notes: notebook create": ["everybody with an account, and becomes its owner"],
    "notes: notebook read": ["its owner", "whoever has the role viewer or editor on it"],
    "notes: note open": ["anyone on the internet, without an account, when its audience is link_only"],
    "notes: note update": ["the owner of its notebook", "whoever has the role editor on its notebook"],
    "notes: note delete": [
        "the owner of its notebook",
        "whoever is the account that created it (author) and has the role editor on its notebook",
    ],
    "notes: comment read": ["whoever can read its notebook"],
    "market: order update": [
        "its owner (only its ship_to) when its status is asked or accepted",
        "the account in the seller (copied from listing.owner when it was created) (only its tracking) "
        "when its status is paid or shipped",
    ],
    "market: order status: accepted -> paid": ["the server's own code, never a person"],
    "market: order status: disputed -> refunded": ["whoever has the staff role mediator"],
    "market: review create": [
        "the owner of its order when its order's status is received",
        "the account in the seller of its order (copied from listing.owner when it was created) "
        "when its order's status is received",
    ],
    "market: review read": ["the account that created it (author)", None],
    "clinic: patient read of allergies": [
        "whoever has the role practitioner or lead on it",
        "the account in the field portal",
    ],
}


@pytest.mark.parametrize("at", SAID)
def test_grants_are_said_in_words(at: str) -> None:
    example, resource, action = re.fullmatch(r"(\w+): (\w+) (.+)", at).groups()  # type: ignore[union-attr]
    spec = load(EXAMPLES / example)
    found = [words.who_may(spec, r) for r in rights_table(spec) if (r.resource, r.action) == (resource, action)]
    assert len(found) == len(SAID[at])
    assert [text for text, wanted in zip(found, SAID[at], strict=True) if wanted not in (None, text)] == []


def test_a_way_names_the_last_of_those_above_and_each_reference() -> None:
    source = """\
app: ways
resources:
  shop: {owner: account, roles: clerk, can: {create: signed in, read: anyone}}
  shelf: {owner: shop, fields: {label: text}, can: {read: anyone}}
  thing: {owner: shelf, fields: {name: text}, can: {read: anyone}}
  loan:
    owner: account
    fields: {thing: thing, due: "date, optional"}
    can:
      read: thing.shelf.shop.clerk when thing.shelf.label is top and due is past
      open: thing.owner
"""
    spec = parse(source)
    said = {right.action: words.who_may(spec, right) for right in rights_table(spec) if right.resource == "loan"}
    assert said["read"] == (
        "whoever has the role clerk on its thing's shop when its thing's shelf's label is top "
        "and its due is in the past"
    )
    assert said["open"] == "the owner of its thing"


@pytest.mark.parametrize("name", SIX)
def test_every_grant_of_the_examples_can_be_said(name: str) -> None:
    spec = load(EXAMPLES / name)
    for right in rights_table(spec):
        text = words.who_may(spec, right) + words.sentence(spec, right)
        assert not re.search(r"[\[\](){}]\(|Hop|None|is anyone", text), text


def test_relations_have_a_meaning_and_outsiders_come_first() -> None:
    spec = parse(SOURCE)
    for relation in (
        "anonymous",
        "stranger",
        "owner",
        "signed in",
        "member elsewhere",
        "viewer",
        "editor of the book above",
        "expired viewer",
        "its author",
    ):
        assert words.explained(spec, relation), relation
    assert words.explained(spec, "made up") == ""
    assert words.relations(proved())[:2] == ["anonymous", "stranger"]


def test_what_does_not_show_becomes_an_escape() -> None:
    assert words.visible("a\x00b\x1b\u202e\ud800\r\n\tc") == "a\\u0000b\\u001b\\u202e\\ud800\n\tc"


# --- JSON ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_json_has_always_the_same_keys_and_can_be_written(make: object) -> None:
    found = as_json(make())  # type: ignore[operator]
    assert list(found) == [
        "app", "version", "specification_sha256", "proved", "verdict", "seed", "budget", "seconds", "worlds", "stories",
        "comparisons", "total", "per_second", "cells", "public", "any_account", "grants", "channels", "excused",
        "not_covered", "skipped", "findings", "mutants",
    ]  # fmt: skip
    assert json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8")) == found


def test_json_says_what_the_report_says() -> None:
    found = as_json(leaking())
    assert (found["app"], found["seed"], found["total"], found["per_second"]) == ("diary", 7, 31_200, 1_560)
    assert found["proved"] is False
    assert found["specification_sha256"] == hashlib.sha256(SOURCE.encode()).hexdigest()
    assert {"resource": "page", "action": "read", "relation": "stranger", "allowed": 12, "refused": 61, "leaks": 2} in (
        found["cells"]
    )
    assert [(p["resource"], p["line"]) for p in found["public"]] == [("page", PUBLIC)]
    assert [(p["resource"], p["line"]) for p in found["any_account"]] == [("idea", ANY_ACCOUNT)]
    assert [(c["kind"], c["excused"]) for c in found["channels"] if c["resource"] == "book"] == [("unique", 17)]
    leak = found["findings"][0]
    assert (leak["kind"], leak["relation"], leak["lines"]) == ("leak", "stranger", [PUBLIC])
    assert leak["story"] == ["Mary makes the book Garden.", "Mary makes a page in it.", "Bob lists pages."]
    assert found["mutants"]["caught"] == 11
    assert as_json(proved())["proved"] is True
    assert as_json(empty())["mutants"] is None


# --- JUnit ---------------------------------------------------------------------------------


def suite_of(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(as_junit(report).encode())  # noqa: S314


@pytest.mark.parametrize("make", ALL)
def test_junit_is_xml_whose_counts_are_right(make: object) -> None:
    suite = suite_of(make())  # type: ignore[operator]
    assert suite.tag == "testsuite"
    cases = suite.findall("testcase")
    assert int(suite.get("tests", "")) == len(cases)
    assert int(suite.get("failures", "")) == len([case for case in cases if case.find("failure") is not None])
    assert int(suite.get("skipped", "")) == len([case for case in cases if case.find("skipped") is not None])
    named = Counter((case.get("classname"), case.get("name")) for case in cases)
    assert [name for name, number in named.items() if number > 1] == [], "a case is named twice"
    if not words.verdict(make()).proved:  # type: ignore[operator]
        assert int(suite.get("failures", "")) > 0, "what is not proved must fail a build"


def test_junit_has_a_case_for_each_cell_grant_and_survivor() -> None:
    suite = suite_of(proved())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("12", "0", "1")
    skipped = [case.get("name") for case in suite.findall("testcase") if case.find("skipped") is not None]
    assert skipped == [f"line {DELETES}: delete: author and editor"]
    suite = suite_of(leaking())
    assert (suite.get("tests"), suite.get("failures")) == ("14", "3")
    failed = {
        (case.get("classname"), case.get("name")): failure
        for case in suite.findall("testcase")
        if (failure := case.find("failure")) is not None
    }
    leak = failed["diary.page", "read by stranger"]
    assert leak.get("type") == "leak"
    for part in ("1. Mary makes the book Garden.", 'given:    200 {"items":[{', "curl -s", "--seed 7"):
        assert part in str(leak.text), part
    assert ("diary.book", "share by owner") in failed, "a finding without a cell has a case, too"
    assert ("diary.mutants", f"line {PUBLIC}, page: read: without its condition") in failed


def test_junit_fails_for_a_leak_that_no_finding_tells() -> None:
    report = proved()
    report.cell("page", "read", "stranger").leaks = 2
    (failure,) = suite_of(report).findall("testcase/failure")
    assert failure.get("message") == "2 answers leaked."


# --- the page ------------------------------------------------------------------------------


class Page(HTMLParser):
    """The page's elements, links and text; fails where elements do not close in order."""

    VOID = frozenset({"meta"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.parts: list[str] = []
        self.by_id: dict[str, str] = {}
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", "".join(self.parts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Of the base class."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        for name, value in attrs:
            if name == "id":
                assert value not in self.by_id, f"two elements have the id {value}"
                self.by_id[str(value)] = tag
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Of the base class."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Of the base class."""
        if "style" not in self.open:
            self.parts.append(data + " ")


def page_of(report: Report) -> Page:
    return Page(as_html(report, WHEN))


@pytest.mark.parametrize("make", ALL)
def test_the_page_loads_nothing_and_runs_nothing(make: object) -> None:
    source = as_html(make(), WHEN)  # type: ignore[operator]
    page = Page(source)
    assert not page.tags.keys() & {"script", "link", "img", "iframe", "object", "embed", "svg", "form", "base", "input"}
    names = {name for _, name, _ in page.attributes}
    assert names <= {"lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "scope"}
    assert [href for _, name, href in page.attributes if name == "href" and not re.fullmatch(r"#[\w-]+", href)] == []
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    assert not re.search(r"url\(|@import|https?:", style)
    (policy,) = [value for _, name, value in page.attributes if name == "content" and "default-src" in value]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    source.encode("utf-8")


@pytest.mark.parametrize("make", ALL)
def test_every_link_of_the_page_leads_somewhere(make: object) -> None:
    page = page_of(make())  # type: ignore[operator]
    targets = {value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert targets - page.by_id.keys() == set()
    assert {"glance", "found", "claimed", "tried", "inferred", "open-ends", "limits"} <= targets


def test_markup_is_escaped_by_construction() -> None:
    assert tag("p", "<b>", tag("i", "&"), class_='"><b>', id=None) == (
        '<p class="&quot;&gt;&lt;b&gt;">&lt;b&gt;<i>&amp;</i></p>'
    )


def test_hostile_text_is_shown_and_never_obeyed() -> None:
    source = as_html(hostile(), WHEN)
    page = Page(source)
    assert "<script" not in source
    assert "\x00" not in source
    assert "\u202e" not in source
    assert page.tags["article"] == len(Kind)
    assert page.text.count("<script>alert('x')</script>") > 30, "it stands there as text"
    assert "<script>alert('about')</script> & more" in page.text
    assert "# <script>alert('comment')</script>" in page.text
    assert '\\u0000\\u001b[31m \\u202etxt ]]> &amp; \\ud800 [red]" onload="a()' in page.text


def test_the_page_begins_with_the_verdict() -> None:
    text = page_of(proved()).text
    assert "Proved. In 31,200 comparisons, no answer differed from what the specification says" in text
    assert text.index("Proved.") < text.index("At a glance")
    assert "Not proved. In 31,200 comparisons, 1 leak and 1 defect were found." in page_of(leaking()).text
    assert "Not proved. Nothing was compared" in page_of(empty()).text
    assert ' class="verdict good"' in as_html(proved(), WHEN)
    for bad in (leaking(), empty()):
        assert ' class="verdict bad"' in as_html(bad, WHEN)


def test_the_page_shows_what_the_proof_was_about() -> None:
    text = page_of(proved()).text
    for part in (
        "diary",
        "version 1.0.0",
        "Seed 7",
        "Budget 30s",
        "2026-11-23 22:10 UTC",
        "Comparisons a second 1,560",
    ):
        assert part in text, part
    assert hashlib.sha256(SOURCE.encode()).hexdigest() in text
    assert "--budget 32200 --seed 7" in text
    elsewhere = WHEN.astimezone(timezone(timedelta(hours=9)))
    assert as_html(proved(), elsewhere) == as_html(proved(), WHEN), "the same moment is the same date"


def test_a_reader_notices_what_is_open_to_outsiders() -> None:
    source, page = as_html(proved(), WHEN), page_of(proved())
    glance = page.text[page.text.index("At a glance: what outsiders can do") : page.text.index("What was found In")]
    assert f"may read a page when its audience is everyone — line {PUBLIC}" in glance
    every = f"Everybody with an account may read an idea , every idea without any condition — line {ANY_ACCOUNT}"
    assert every in glance
    assert "They were able to read a page: 11 times" in glance
    assert "They were able to read an idea: 1,234 times" in glance
    assert "They were able to create an idea of their own." in glance
    for line, mark in ((PUBLIC, "is-open"), (ANY_ACCOUNT, "is-any")):
        assert f'<div id="line-{line}" class="{mark}">' in source, f"line {line} is not marked"
    assert '<div id="line-10">' in source, "what only members may is not marked"
    assert "no account needed" in page.text


def test_nothing_is_marked_where_nothing_is_open() -> None:
    closed = SOURCE.replace("        - anyone when audience is everyone\n", "").replace(
        "read: signed in", "read: owner"
    )
    report = empty(closed)
    report.cell("page", "read", "anonymous").refused = 12
    report.count("HTTP", 12)
    source, page = as_html(report, WHEN), page_of(report)
    assert not re.search(r'class="[^"]*is-(open|any|bad)', source)
    assert "The specification gives nothing at all to people without an account." in page.text
    assert "Every attempt was refused: 12 refusals." in page.text


def test_each_line_of_the_specification_stands_there_once_with_its_number() -> None:
    page = page_of(proved())
    assert [f"line-{number}" for number in range(1, len(SOURCE.splitlines()) + 1)] == [
        name for name in page.by_id if name.startswith("line-")
    ]


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_lines_are_counted_as_yaml_counts_them(ending: str) -> None:
    source = SOURCE.replace("\n", ending)
    html = as_html(empty(source), WHEN)
    assert f'<div id="line-{PUBLIC}" class="is-open">' in html
    assert "anyone when audience is everyone" in html.split(f'id="line-{PUBLIC}"')[1].split("</div>")[0]


@pytest.mark.parametrize("resources", ["{a: {owner: account, can: {read: anyone}}, b: {owner: account}}", ""])
def test_resources_in_one_line_or_before_other_parts_are_shown_whole(resources: str) -> None:
    source = f"app: x\nresources: {resources}\nversion: 2.0.0\n"
    if not resources:
        source = "app: x\nresources:\n  a:\n    owner: account\n\n\nversion: 2.0.0\n"
    page = page_of(empty(source))
    assert "version: 2.0.0" in page.text
    assert {f"resource-{name}" for name in ("ab" if resources else "a")} <= page.by_id.keys()


def test_the_words_tell_who_was_able_to_do_what() -> None:
    page = page_of(proved())
    did = page.text[page.text.index("Who was able to do it in the attack (page)") :]
    assert did.index("anonymous 11 times") < did.index("stranger 12 times") < did.index("owner 50 times")
    assert "Nobody may update or move a page." in page.text
    assert "Nobody may delete or transfer an idea." in page.text
    assert "decided 23 cases; 8 near misses" in page.text
    assert "decided no case: not tested" in page.text


def test_a_finding_has_its_story_its_lines_and_its_curl() -> None:
    source, page = as_html(leaking(), WHEN), page_of(leaking())
    found = page.text[page.text.index("1. Bob lists pages") : page.text.index("2. Mary shares")]
    for part in (
        "Mary makes the book Garden. Mary makes a page in it. Bob lists pages.",
        'Expected 200 {"items":[]}',
        'Given 200 {"items":[{"audience":"members"}]}',
        'curl -s "$URL/v1/pages"',
        f"{PUBLIC} - anyone when audience is everyone",
    ):
        assert part in found, part
    assert f'<a href="#line-{PUBLIC}" class="at">Line {PUBLIC}</a> does not allow it.' in source
    assert f'<div id="line-{PUBLIC}" class="is-bad">' in source
    assert "12 times 2 leaks" in page.text
    assert page.tags["article"] == 2


def test_the_rest_of_the_report_is_on_the_page() -> None:
    page = page_of(leaking())
    for part in (
        "A conflict tells that a book of the same owner has this title already.",
        "page: delete: author and editor decided no case",
        "transfer: no route serves it",
        "It noticed 11 of 12, in 1.5 seconds.",
        "page: read: without its condition",
        "1,234 allowed",
        "editor above",
        "SQL filter 30,000",
    ):
        assert part in page.text, part
    assert re.search(r"book unique A conflict .*? 17 ", page.text)
    assert "Deliberate mistakes" not in page_of(empty()).text


@pytest.mark.parametrize("name", SIX)
def test_the_page_of_every_example_is_well_formed(name: str) -> None:
    source = (EXAMPLES / name / "freehold.yaml").read_text("utf-8")
    page = page_of(empty(source))
    for resource in parse(source).resources:
        assert f"resource-{resource}" in page.by_id
    assert len([at for at in page.by_id if at.startswith("line-")]) == len(source.rstrip().splitlines())
