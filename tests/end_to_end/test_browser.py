"""In a real browser, with the network cut: signing in by Swagger's *Authorize*, and the cookie that no page reads."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application.world import EXAMPLES
from tests.end_to_end.browser import Browser
from tests.serving import process

MARY, PASSWORD = "mary@example.com", "correct horse"
SCREENSHOT = os.environ.get("FREEHOLD_SCREENSHOT")
"""where a picture of Swagger goes, if one is wanted"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    text = (EXAMPLES / "notes" / "freehold.yaml").read_text("utf-8")
    (tmp_path / "freehold.yaml").write_text(text, encoding="utf-8")
    with process(tmp_path, "dev", "--yes") as served:
        yield served.url


def post(browser: Browser, path: str, body: object | None = None) -> dict[str, object]:
    """What a page is answered, with its cookies."""
    options = {"method": "POST"}
    if body is not None:
        options |= {"headers": {"content-type": "application/json"}, "body": json.dumps(body)}  # type: ignore[dict-item]
    script = f"fetch('{path}', {json.dumps(options)}).then(async a => ({{status: a.status, text: await a.text()}}))"
    found: dict[str, object] = browser.run(script)
    return found


def test_swagger_signs_in_and_creates_a_record(browser: Browser, url: str) -> None:
    browser.call("Page.navigate", url=f"{url}/docs")
    browser.wait_for("!!document.querySelector('.btn.authorize')")
    assert post(browser, "/auth/register", {"email": MARY, "password": PASSWORD})["status"] == 201
    browser.click(".btn.authorize")
    browser.type("#oauth_username", MARY)
    browser.type("#oauth_password", PASSWORD)
    browser.click(".auth-container:has(#oauth_username) button.authorize")
    browser.wait_for("document.querySelector('.dialog-ux').innerText.includes('Logout')")
    if SCREENSHOT is not None:
        browser.screenshot(Path(SCREENSHOT))
    browser.click(".btn-done")
    browser.click("#operations-notebooks-create_notebook .opblock-summary-control")
    browser.click("#operations-notebooks-create_notebook .try-out__btn")
    browser.wait_for("!!document.querySelector('#operations-notebooks-create_notebook textarea')")
    browser.type("#operations-notebooks-create_notebook textarea", '{"title": "Garden"}')
    browser.click("#operations-notebooks-create_notebook .execute")
    answer = "document.querySelector('#operations-notebooks-create_notebook .live-responses-table')?.innerText"
    said = browser.wait_for(f"{answer} ?? ''")
    assert "201" in said, said
    assert '"title": "Garden"' in said, said
    outside = [each for each in browser.requests if not each.startswith((url, "data:", "about:", "chrome"))]
    assert outside == []


def test_a_page_keeps_its_session_in_a_cookie_that_it_cannot_read(browser: Browser, url: str) -> None:
    browser.call("Page.navigate", url=f"{url}/docs")
    browser.wait_for("!!document.querySelector('.btn.authorize')")
    made = post(browser, "/auth/register", {"email": MARY, "password": PASSWORD, "cookie": True})
    assert made["status"] == 201
    assert "refresh_token" not in str(made["text"])
    assert browser.run("document.cookie") == ""
    cookies = {each["name"]: each for each in browser.call("Network.getCookies")["cookies"]}
    kept = cookies["__Host-freehold-refresh"]
    assert (kept["httpOnly"], kept["secure"], kept["sameSite"], kept["path"]) == (True, True, "Lax", "/")
    assert post(browser, "/auth/refresh")["status"] == 200
    assert post(browser, "/auth/logout")["status"] == 204
    assert post(browser, "/auth/refresh")["status"] in (401, 415)
    assert "__Host-freehold-refresh" not in {each["name"] for each in browser.call("Network.getCookies")["cookies"]}
