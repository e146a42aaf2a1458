"""Reports as a proof would hand them over, made by hand: a good one, one with findings, a hostile and an empty one."""

from adapters.specification_file import parse
from application.proof.report import Finding, GrantUse, Kind, Mutants, Report

SOURCE = """\
app: diary
resources:
  book:
    owner: account
    roles: editor > viewer
    unique: title per owner
    fields: {title: text}
    can:
      create: signed in
      read: [owner, viewer]
      share: [owner, editor]
      update: [owner, editor]
  page:
    owner: book
    fields:
      author: creator
      audience: one of members, everyone
    can:
      create: [owner, editor]
      read:
        - whoever can read book
        - anyone when audience is everyone
      delete: author and editor
  idea:
    owner: account
    fields: {text: text}
    can:
      create: signed in
      read: signed in
      update: owner
"""
PUBLIC, ANY_ACCOUNT, DELETES = 22, 29, 23
"""the lines of the grants that these tests speak of"""


def empty(source: str = SOURCE) -> Report:
    """Nothing was compared."""
    return Report(parse(source), source, seed=7, budget="30s")


def proved() -> Report:
    """Nothing was found, and everything that can be in a report is."""
    report = empty()
    report.comparisons = {"HTTP": 1200, "SQL filter": 30_000}
    report.worlds, report.stories, report.seconds = 3, 40, 20.0
    for resource, action, relation, allowed, refused in (
        ("page", "read", "owner", 50, 0),
        ("page", "read", "anonymous", 11, 60),
        ("page", "read", "stranger", 12, 61),
        ("page", "read", "viewer above", 20, 0),
        ("page", "delete", "anonymous", 0, 33),
        ("page", "delete", "editor above", 4, 5),
        ("idea", "create", "stranger", 9, 0),
        ("idea", "read", "stranger", 1234, 0),
        ("idea", "update", "stranger", 0, 70),
    ):
        cell = report.cell(resource, action, relation)
        cell.allowed, cell.refused = allowed, refused
    report.grants = [
        GrantUse("page", "read", "anyone when audience is everyone", PUBLIC, decided=23, missed=8),
        GrantUse("page", "delete", "author and editor", DELETES),
    ]
    report.channels = {"book, unique": 17}
    report.not_covered = [f"line {DELETES}, page: delete: `author and editor` decided no case"]
    report.skipped = ["transfer: no route serves it"]
    report.mutants = Mutants(12, (), 1.5)
    return report


def leaking() -> Report:
    """A leak, a defect in a place without a cell, and a mutant that nobody noticed."""
    report = proved()
    report.cell("page", "read", "stranger").leaks = 2
    report.mutants = Mutants(12, (f"line {PUBLIC}, page: read: without its condition",), 1.5)
    report.findings = [
        Finding(
            kind=Kind.LEAK,
            reading="HTTP",
            resource="page",
            action="read",
            relation="stranger",
            title="Bob lists pages and sees Mary's.",
            because=f"Line {PUBLIC} does not allow it.",
            story=("Mary makes the book Garden.", "Mary makes a page in it.", "Bob lists pages."),
            curl='curl -s "$URL/v1/pages" -H "Authorization: Bearer $BOB"',
            expected='200 {"items":[]}',
            given='200 {"items":[{"audience":"members"}]}',
            lines=(PUBLIC,),
        ),
        Finding(
            kind=Kind.DEFECT,
            reading="HTTP",
            resource="book",
            action="share",
            relation="owner",
            title="Mary shares a book, and the server breaks.",
            because="Line 11 allows it.",
            story=("Mary makes a book.",),
            curl="",
            expected="201",
            given="500",
            lines=(11,),
        ),
    ]
    return report


NASTY = "<script>alert('x')</script> \x00\x1b[31m \u202etxt ]]> &amp; \ud800 [red]\" onload=\"a()"
"""what a record, a name or an answer might hold: markup, control characters, a direction mark, half a character"""


def hostile() -> Report:
    """The same text everywhere that text can be."""
    source = SOURCE.replace("    roles:", "    about: <script>alert('about')</script> & more\n    roles:")
    source += "# <script>alert('comment')</script>\n"
    report = empty(source)
    report.comparisons = {NASTY: 5}
    report.budget = NASTY
    report.cell(NASTY, NASTY, NASTY).allowed = 1
    report.cell("page", NASTY, NASTY).allowed = 1
    report.cell("page", "read", f"anonymous {NASTY}").allowed = 1
    report.cell("page", "read", f"stranger {NASTY}").leaks = 1
    report.grants = [GrantUse(NASTY, NASTY, NASTY, 999_999)]
    report.channels = {f"{NASTY}, {NASTY}": 3, NASTY: 1}
    report.not_covered = [NASTY, "line 5000 and line 0 are not there"]
    report.skipped = [NASTY]
    report.mutants = Mutants(1, (NASTY,), 0.1)
    nasty = (NASTY, NASTY)
    report.findings = [
        Finding(kind, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, nasty, NASTY, NASTY, NASTY, (-1, 0, 3, 10**9))
        for kind in Kind
    ]
    return report
