"""`examples/admin`, built by its own scripts and driven in a real browser: it uses the API as anybody could."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.application.world import EXAMPLES
from tests.clients.conftest import PROGRAMS, run, surroundings
from tests.end_to_end.browser import PATIENCE, Browser
from tests.serving import make_tables, process

ADMIN = EXAMPLES / "admin"
PASSWORD = "correct horse"
SCREENSHOTS = os.environ.get("FREEHOLD_SCREENSHOTS_ADMIN")
"""a folder for pictures of it, if some are wanted"""
SAVE = "[role=toolbar] button[type=submit]"
ROWS = "document.querySelectorAll('tbody tr').length"


@dataclass(frozen=True)
class Served:
    """Where the pages are, and the API behind them."""

    pages: str
    api: str


@pytest.fixture(scope="module")
def served(npm_ci: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages, type-checked and built, in front of an API that nobody else uses, and that sends no mail."""
    folder = tmp_path_factory.mktemp("admin")
    shutil.copy(EXAMPLES / "notes" / "freehold.yaml", folder)
    programs = npm_ci(ADMIN)
    run(PROGRAMS / "npm", "--prefix", ADMIN, "run", "build", "--", "--outDir", folder / "dist")
    make_tables(folder, folder / "freehold.db")
    with process(folder, "serve") as api, shown(programs / "vite", folder / "dist", api.url) as pages:
        yield Served(pages, api.url)


@contextmanager
def shown(vite: Path, pages: Path, api: str) -> Iterator[str]:
    """The URL under which vite shows the pages, and hands on what is asked of the API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603
        [vite, "preview", "--outDir", pages, "--port", str(port), "--strictPort"],
        cwd=ADMIN,
        env=surroundings(FREEHOLD_URL=api),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            assert time.monotonic() < deadline, "the pages are not shown"
            assert server.poll() is None, "vite has ended"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # node is a child of the program that the wheel brings
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


class Person:
    """Somebody with an account, who asks the API directly."""

    def __init__(self, served: Served, name: str) -> None:
        self.email = f"{name}@example.com"
        self._api, self._headers = served.api, dict[str, str]()
        made = self("POST", "/auth/register", email=self.email, password=PASSWORD)
        self._headers["authorization"] = f"Bearer {made['access_token']}"

    def __call__(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """The answer to a request."""
        answer = httpx.request(method, f"{self._api}{path}", headers=self._headers, json=body or None)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())


class Page:
    """What somebody does there."""

    def __init__(self, browser: Browser, served: Served) -> None:
        self._browser, self._served = browser, served
        self.run, self.click, self.type, self.wait_for = browser.run, browser.click, browser.type, browser.wait_for

    def open(self, path: str) -> None:
        """A place in it."""
        self._browser.call("Page.navigate", url=f"{self._served.pages}/#{path}")

    def sign_in(self, person: Person, path: str) -> None:
        """At a place that asks who it is."""
        self.open(path)
        self.type("input[name=email]", person.email)
        self.type("input[name=password]", PASSWORD)
        self.picture("login")
        self.click("button[type=submit]")

    def reload(self) -> None:
        """Whatever was in memory is gone."""
        self._browser.call("Page.reload")

    def says(self, text: str) -> None:
        """Wait until it shows a text."""
        self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})")

    def holds(self, name: str, text: str) -> None:
        """Wait until a field of the form has a value."""
        self.wait_for(f"document.querySelector('[name={name}]')?.value === {json.dumps(text)}")

    def press(self, text: str) -> None:
        """The button with this text, once it is there and can be pressed."""
        button = (
            f"[...document.querySelectorAll('button:enabled')].find(e => e.innerText.trim() === {json.dumps(text)})"
        )
        self.wait_for(f"!!{button}")
        self.run(f"{button}.click()")

    def picture(self, name: str) -> None:
        """For people who want to see it."""
        if SCREENSHOTS is not None:
            time.sleep(0.5)  # what fades in has done so
            self._browser.screenshot(Path(SCREENSHOTS) / f"{name}.png")


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """It asks nobody but its own origin."""
    yield Page(browser, served)
    outside = [each for each in browser.requests if not each.startswith((served.pages, "data:", "about:", "chrome"))]
    assert outside == []


def test_one_signs_in_and_finds_notes_by_words_and_page_by_page(page: Page, served: Served) -> None:
    mary = Person(served, "mary")
    notebook = mary("POST", "/v1/notebooks", title="Garden")["id"]
    for number in range(1, 13):
        title = "Tomatoes" if number == 2 else f"Note {number}"
        mary("POST", "/v1/notes", notebook=notebook, title=title, body="Water them.")
    page.sign_in(mary, "/notes")
    page.says("Garden")
    page.wait_for(f"{ROWS} === 10")
    page.picture("list")
    assert not page.run("document.body.innerText.includes('Tomatoes')")
    page.click("[aria-label='Go to next page']")
    page.says("Tomatoes")
    assert page.run(ROWS) == 2
    page.reload()
    page.says("Tomatoes")  # with a new access token by the cookie, and the cursor of the second page anew
    page.type("input[name=q]", "note 12")
    page.says("Note 12")
    page.wait_for(f"{ROWS} === 1")


def test_who_saves_what_another_has_changed_sees_both_and_chooses(page: Page, served: Served) -> None:
    ann = Person(served, "ann")
    notebook = ann("POST", "/v1/notebooks", title="Kitchen")["id"]
    path = f"/notes/{ann('POST', '/v1/notes', notebook=notebook, title='Bread', body='Bake it.')['id']}"
    page.sign_in(ann, path)
    page.holds("title", "Bread")
    ann("PATCH", f"/v1{path}", title="Theirs", audience="everyone")
    page.type("input[name=title]", "Mine")
    page.click(SAVE)
    page.says("Somebody else has changed this")
    page.says("everyone")
    page.picture("conflict")
    assert ann("GET", f"/v1{path}")["title"] == "Theirs"
    page.press("TAKE THEIRS")
    page.holds("title", "Theirs")

    ann("PATCH", f"/v1{path}", title="Theirs again", body="Eat it.")
    page.type("input[name=title]", "Mine again")
    page.click(SAVE)
    page.press("SAVE MINE")
    page.says("Element updated")
    kept = ann("GET", f"/v1{path}")
    assert (kept["title"], kept["body"]) == ("Mine again", "Eat it."), "what one did not touch stays as it is there"


def test_what_is_locked_can_be_changed_where_it_is_unlocked_only(page: Page, served: Served) -> None:
    max_ = Person(served, "max")
    notebook = max_("POST", "/v1/notebooks", title="Shed")["id"]
    page.sign_in(max_, f"/notebooks/{notebook}")
    page.wait_for("!!document.querySelector('[name=title]:read-write')")
    page.click("[name=archived]")
    page.click(SAVE)
    page.wait_for("!!document.querySelector('[name=title]:read-only')")
    page.click("[name=archived]")
    page.click(SAVE)
    page.wait_for("!!document.querySelector('[name=title]:read-write')")


def test_what_is_refused_is_said_at_its_field_or_on_the_page(page: Page, served: Served) -> None:
    ada = Person(served, "ada")
    ada("POST", "/v1/notebooks", title="Attic")
    page.sign_in(ada, "/notes/create")
    page.type("input[name=title]", "Roof")
    page.type("textarea[name=body]", "Mend it.")
    page.click(SAVE)
    page.says("The request has wrong content.")
    at_the_field = "document.querySelector('.ra-input-notebook .Mui-error.MuiFormHelperText-root')?.innerText"
    page.wait_for(f"{at_the_field} === 'This field is required.'")
    page.picture("refused")
    page.type(".ra-input-notebook input", "att")
    page.click("[role=option]")
    page.click(SAVE)
    page.says("Element created")

    page.open("/notebooks/create")
    page.type("input[name=title]", "Attic")
    page.click(SAVE)
    page.says("Another record has these values.")


def test_one_makes_a_secret_link_and_invites_another_who_then_reads_and_can_do_nothing_else(
    page: Page, served: Served
) -> None:
    eve, bob = Person(served, "eve"), Person(served, "bob")
    notebook = eve("POST", "/v1/notebooks", title="Cellar")["id"]
    page.sign_in(eve, f"/notebooks/{notebook}")
    page.type("#member input[name=who]", bob.email)
    page.press("ADD")
    page.says("viewer, invited")
    page.press("MAKE A SECRET LINK")
    token = page.wait_for("document.querySelector('#token code')?.innerText")
    page.picture("share")
    read = httpx.get(f"{served.api}/v1/notebooks/{notebook}", headers={"authorization": f"Bearer {token}"})
    assert read.json()["title"] == "Cellar"
    page.press("END")
    page.wait_for("!document.querySelector('#share').innerText.includes('until')")
    read = httpx.get(f"{served.api}/v1/notebooks/{notebook}", headers={"authorization": f"Bearer {token}"})
    assert read.status_code == 401

    page.click("[aria-label='Profile']")
    page.click(".logout")
    page.sign_in(bob, "/notebooks")
    page.says("You are invited to a notebook, as viewer.")
    page.picture("invited")
    page.press("ACCEPT")
    page.says("Cellar")
    page.open(f"/notebooks/{notebook}")
    page.wait_for("document.querySelector('[name=title]:read-only')?.value === 'Cellar'")
    page.picture("viewer")
    assert not page.run("!!document.querySelector('[role=toolbar], #share')"), "buttons that would be refused"
