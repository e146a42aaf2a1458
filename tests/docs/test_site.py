"""The site that `python3 dev.py docs` makes: strict, whole, and nothing of it is loaded from elsewhere."""

import importlib.util
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import dev
from tests.docs.pages import REPOSITORY
from tests.end_to_end.browser import Browser

SITE = REPOSITORY / "build" / "site"
SCREENSHOT = os.environ.get("FREEHOLD_SCREENSHOT_DOCS")
"""where a picture of the site goes, if one is wanted"""
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Loaded(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        given = dict(attrs)
        if given.get(LOADS.get(tag, "")):
            self.found.append(str(given[LOADS[tag]]))


@pytest.fixture(scope="module")
def site() -> Path:
    if importlib.util.find_spec("sphinx") is None and "FREEHOLD_TEST_SERVICES" in os.environ:
        pytest.fail("there is no sphinx in .venv, and `--all` was asked for")
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("there is no sphinx in .venv: `python3 dev.py docs` brings it")
    assert dev.docs() == 0, "a page or a link is wrong: see above"
    return SITE


def test_every_page_is_there_and_loads_what_lies_beside_it(site: Path) -> None:
    sources = {path.relative_to(REPOSITORY / "docs") for path in REPOSITORY.glob("docs/**/*.md")}
    pages = {path.relative_to(site) for path in site.glob("**/*.html")}
    assert {path.with_suffix(".html") for path in sources} <= pages
    for page in pages:
        for loaded in Loaded((site / page).read_text("utf-8")).found:
            path = loaded.partition("?")[0].partition("#")[0]
            assert ":" not in path and not path.startswith("/"), f"{page} loads {loaded}"  # noqa: PT018
            assert (site / page.parent / path).exists(), f"{page} loads {loaded}, which is not there"
    for style in site.glob("**/*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//|@import", style.read_text("utf-8")), style


def test_the_search_knows_every_page(site: Path) -> None:
    index = (site / "searchindex.js").read_text("utf-8")
    for page in REPOSITORY.glob("docs/**/*.md"):
        assert f'"{page.relative_to(REPOSITORY / "docs").with_suffix("")}"' in index


def test_it_is_read_and_searched_with_the_network_cut(site: Path, browser: Browser) -> None:
    """As files, without any server."""
    browser.call("Page.navigate", url=(site / "index.html").as_uri())
    browser.wait_for("document.querySelector('h1')?.innerText.startsWith('Freehold')")
    if SCREENSHOT is not None:
        browser.screenshot(Path(SCREENSHOT))
    browser.call("Page.navigate", url=f"{(site / 'search.html').as_uri()}?q=idempotency")
    found = browser.wait_for("document.querySelector('#search-results ul.search li') && document.body.innerText")
    assert "HTTP" in found, found
    assert [each for each in browser.requests if not each.startswith(("file:", "data:", "about:", "chrome"))] == []
    assert browser.errors == []
