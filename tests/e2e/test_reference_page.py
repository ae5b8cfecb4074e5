"""The reference page in a real browser: it shows the document, and its "try it out" places an order."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from ordersctl.contract.openapi.operations import OPERATIONS
from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token
from testkit.servers.local_run import LocalRun

pytestmark = pytest.mark.full  # a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def browser_page(tmp_path: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        assert "CI" not in os.environ, "CI installs Chromium: .ci/run"
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], downloads_path=tmp_path)
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 1600})
        finally:
            browser.close()


def test_try_it_out_places_an_order_and_the_page_loads_nothing_from_other_hosts(
    browser_page: Page, local_run: LocalRun
) -> None:
    asked: list[str] = []
    wrong: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.on("pageerror", lambda error: wrong.append(str(error)))
    browser_page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)

    browser_page.goto(f"{local_run.url}/docs")
    expect(browser_page.locator(".opblock")).to_have_count(len(OPERATIONS))
    authorize(browser_page, local_token(subject="17850", scope=CUSTOMER_SCOPE))
    place = browser_page.locator("#operations-Orders-place_order")
    place.locator(".opblock-summary-control").click()
    place.get_by_role("button", name="Try it out").click()
    place.get_by_placeholder("customer_id").fill("")
    place.get_by_role("button", name="Execute").click()
    answer = place.locator(".live-responses-table tbody .response-col_status")
    expect(answer).to_contain_text("202")
    expect(place.locator(".live-responses-table")).to_contain_text('"status": "accepted"')
    if directory := os.environ.get("SCREENSHOTS"):
        browser_page.screenshot(path=Path(directory) / "reference-page.png")

    assert f"{local_run.url}/orders" in asked
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(local_run.url).netloc}
    assert wrong == []


def authorize(page: Page, token: str) -> None:
    page.locator(".auth-wrapper .authorize").first.click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
