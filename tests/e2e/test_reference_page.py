"""The reference in a real browser: it shows the document, "try it out" places orders, and problem types have pages."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from ordersctl.contract.openapi.operations import OPERATIONS
from ordersctl.contract.openapi.problem_types import catalogue
from ordersctl.shared import project
from testkit.servers.browser import running_chromium
from testkit.servers.local_run import LocalRun

pytestmark = pytest.mark.full  # a browser


@pytest.fixture
def browser_page(tmp_path: Path) -> Iterator[Page]:
    with running_chromium(tmp_path) as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 1600})


def test_try_it_out_places_an_order_with_a_local_token_and_a_fresh_key_for_each_try(
    browser_page: Page, local_run: LocalRun
) -> None:
    asked: list[Request] = []
    wrong: list[str] = []
    browser_page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - playwright marks the function
    browser_page.on("pageerror", lambda error: wrong.append(str(error)))
    browser_page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)

    browser_page.goto(f"{local_run.url}/docs")
    expect(browser_page.locator(".opblock")).to_have_count(len(OPERATIONS))
    expect(browser_page.locator(".info .version").first).to_have_text(project.version())
    browser_page.get_by_role("button", name="Use a local token").click()
    expect(browser_page.get_by_role("status")).to_have_text("Requests are sent as customer 17850, for an hour.")
    place = browser_page.locator("#operations-Orders-place_order")
    place.locator(".opblock-summary-control").click()
    place.get_by_role("button", name="Try it out").click()
    for _ in range(2):
        with browser_page.expect_response(f"{local_run.url}/orders") as answered:
            place.get_by_role("button", name="Execute").click()
        assert answered.value.status == 202
    expect(place.locator(".live-responses-table")).to_contain_text('"status": "accepted"')
    picture(browser_page, "reference-page-1280.png")

    keys = [each.header_value("idempotency-key") for each in asked if each.url == f"{local_run.url}/orders"]
    assert len({key for key in keys if key}) == 2
    expect(place.locator(".curl-command")).to_contain_text(str(keys[-1]))
    hosts = {urlsplit(each.url).netloc for each in asked if not each.url.startswith("data:")}
    assert hosts == {urlsplit(local_run.url).netloc}  # nothing is loaded from elsewhere
    assert wrong == []


@pytest.mark.full
def test_the_reference_and_the_pages_of_problem_types_fit_a_phone(browser_page: Page, local_run: LocalRun) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(f"{local_run.url}/docs")
    browser_page.locator("#operations-Orders-place_order .opblock-summary-control").click()
    expect(browser_page.get_by_role("button", name="Try it out")).to_be_visible()
    assert_fits(browser_page)
    picture(browser_page, "reference-page-390.png")
    browser_page.get_by_role("link", name="Problem types").click()
    assert_fits(browser_page)
    picture(browser_page, "problem-types-390.png")
    browser_page.get_by_role("link", name="conflict", exact=True).click()
    expect(browser_page.locator("main")).to_contain_text("urn:problem:orders:conflict")
    expect(browser_page.locator("main")).to_contain_text(catalogue()["conflict"]["action"].replace("`", ""))
    assert_fits(browser_page)
    picture(browser_page, "problem-type-390.png")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_reference_and_the_pages_of_problem_types_are_dark_where_the_system_is(
    browser_page: Page, local_run: LocalRun, width: int
) -> None:
    browser_page.set_viewport_size({"width": width, "height": 844})
    browser_page.emulate_media(color_scheme="dark")
    browser_page.goto(f"{local_run.url}/docs/")
    browser_page.locator("#operations-Orders-place_order .opblock-summary-control").click()
    expect(browser_page.get_by_role("button", name="Try it out")).to_be_visible()
    assert_fits(browser_page)
    assert brightness(browser_page, "body", "backgroundColor") < 50
    for text in (".swagger-ui .info h1", ".examples-select__section-label", ".header-col"):
        assert brightness(browser_page, text, "color") > 200
    expect(browser_page.get_by_role("link", name="Website")).to_have_count(0)
    picture(browser_page, f"reference-page-dark-{width}.png")
    browser_page.emulate_media(color_scheme="light")  # as in the evening, while the page is open
    assert brightness(browser_page, "body", "backgroundColor") > 200
    assert brightness(browser_page, ".swagger-ui .info h1", "color") < 100
    picture(browser_page, f"reference-page-light-{width}.png")
    browser_page.emulate_media(color_scheme="dark")
    browser_page.get_by_role("link", name="Problem types").click()
    assert brightness(browser_page, "body", "backgroundColor") < 50
    assert brightness(browser_page, "main", "color") > 200
    picture(browser_page, f"problem-types-dark-{width}.png")


def test_another_site_gets_no_token(local_run: LocalRun) -> None:
    def asked(role: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"{local_run.url}/docs/token?role={role}", headers=named).status_code

    assert asked("customer", Sec_Fetch_Site="same-origin") == 200
    assert asked("customer", Sec_Fetch_Site="cross-site") == 404
    assert asked("customer", Sec_Fetch_Site="same-origin", Host="shop.example") == 404
    assert asked("customer", Sec_Fetch_Site="same-origin", Host="[") == 404
    assert asked("customer") == 404
    assert asked("owner", Sec_Fetch_Site="same-origin") == 404


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("innerWidth")


def brightness(page: Page, selector: str, name: str) -> float:
    """The mean of red, green and blue of a computed colour, 0 to 255."""
    expect(page.locator(selector).first).to_be_visible()
    colour = page.locator(selector).first.evaluate(f"each => getComputedStyle(each).{name}")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (red + green + blue) / 3


def picture(page: Page, name: str) -> None:
    if directory := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(directory) / name)
