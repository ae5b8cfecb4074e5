"""The tour at the top of the console's page: each step can be done, and no click does another step's act."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ordersctl.shared.switches import State, Switches
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually
from tests.tools.console.conftest import address, complaints
from tests.tools.console.on_the_page import click, done, number

pytestmark = pytest.mark.full  # a browser, and local runs of their own; no code of the service


@pytest.fixture(autouse=True)
def invoicing_runs(console_run: LocalRun, page: Page) -> Iterator[None]:
    """Leave invoicing running for the next test, and no event waiting."""
    yield
    Switches(console_run.state_dir).set("invoicing", State.RUNNING)
    eventually(lambda: number(page, "queue:invoicing") == 0, within=90)


def step(page: Page) -> Locator:
    return page.locator(".guide").get_by_role("button").first


def test_the_tour_leads_from_step_to_step(page: Page) -> None:
    tour = page.locator(".guide")
    if step(page).inner_text() == "Place an order":
        step(page).click()
    expect(step(page)).to_have_text("Pause invoicing")
    step(page).click()
    expect(step(page)).to_have_text("Send a burst of 100")
    done(page, "Pause invoicing")
    for _ in range(2):
        tour.get_by_role("button", name="Skip").click()
    expect(step(page)).to_have_text("Send another burst")
    page.reload()
    expect(step(page)).to_have_text("Send another burst")
    done(page, "Pause invoicing")
    tour.get_by_role("button", name="Hide").click()
    click(page, "Show the two-minute tour")
    expect(tour).to_be_visible()


def test_a_step_of_the_tour_that_had_no_effect_can_be_clicked_again(page: Page) -> None:
    tour = page.locator(".guide")
    for earlier in ("Place an order", "Pause invoicing"):
        if step(page).inner_text() == earlier:
            tour.get_by_role("button", name="Skip").click()
        expect(step(page)).not_to_have_text(earlier)
    expect(step(page)).to_have_text("Send a burst of 100")
    step(page).click()  # invoicing is not paused, so its queue keeps nothing
    done(page, "Burst of 100")
    expect(step(page)).to_be_disabled()
    expect(step(page)).to_be_enabled()
    expect(step(page)).to_have_text("Send a burst of 100")


# Clicks the tour's button, as a person who meant the step before, in the moment in which its text becomes `next`.
CLICK_AS_IT_CHANGES = """next => new MutationObserver((_, observer) => {
    const button = document.querySelector(".guide button");
    if (button.textContent !== next) return;
    observer.disconnect();
    button.click();
    document.documentElement.dataset.clicked = next;
}).observe(document.querySelector(".guide"), { subtree: true, childList: true, characterData: true })"""


def test_a_click_that_was_meant_for_the_step_before_does_nothing(page: Page, console_run: LocalRun) -> None:
    if step(page).inner_text() == "Place an order":
        step(page).click()
    expect(step(page)).to_have_text("Pause invoicing")
    expect(step(page)).to_be_enabled()
    accepted = number(page, "api")
    page.evaluate(CLICK_AS_IT_CHANGES, "Send a burst of 100")
    Switches(console_run.state_dir).set("invoicing", State.PAUSED)  # as in another terminal: the tour goes on by itself
    expect(page.locator("html")).to_have_attribute("data-clicked", "Send a burst of 100")
    expect(step(page)).to_be_enabled()
    expect(step(page)).to_have_text("Send a burst of 100")
    click(page, "Place an order")  # one act follows another: a burst would be done before this
    eventually(lambda: number(page, "api") > accepted)
    expect(page.get_by_role("log")).not_to_contain_text("Burst of 100")
    assert number(page, "api") == accepted + 1


def test_the_tour_of_a_run_with_one_sample_consumer_starts_the_others_first(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = LocalRun.start(tmp_path_factory.mktemp("one"), console=True)
    try:
        Switches(run.ready().state_dir).set("invoicing", State.RUNNING)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        wrong = complaints(page)  # with animations, which `page` does without
        page.goto(address(run))
        expect(page.get_by_text("fulfilment not started: its events wait")).to_be_visible()
        expect(page.get_by_role("button", name="Resume fulfilment")).to_be_visible()
        for position, act in enumerate(("Start the sample consumers", "Place an order", "Pause invoicing"), 1):
            expect(page.locator(".guide .badge")).to_have_text(f"{position} of 8")
            expect(step(page)).to_have_text(act)
            step(page).click()
        expect(step(page)).to_have_text("Send a burst of 100")
        step(page).click()
        expect(step(page)).to_have_text("Pause the processor", timeout=90_000)
        # As the step says: invoicing's queue gets four events of each order, the others take one of each.
        assert 400 <= number(page, "queue:invoicing") <= 404  # and what it had not yet taken of the first order
        eventually(lambda: number(page, "reader:inventory") == number(page, "reader:fulfilment") == 101)
        page.close()
        assert wrong == []
    finally:
        run.stop()
