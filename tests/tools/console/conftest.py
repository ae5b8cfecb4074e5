"""A local run with consumers and its console, and a browser that notes what is wrong on the page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from testkit.servers.browser import running_chromium
from testkit.servers.local_run import LocalRun

PATIENCE_MILLISECONDS = 30_000


@pytest.fixture(scope="module")
def console_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    run = LocalRun.start(tmp_path_factory.mktemp("console"), "--with-consumers", console=True)
    try:
        yield run.ready()
    finally:
        run.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for one module: while it is open, its event loop keeps others from running in this thread."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with running_chromium(tmp_path_factory.mktemp("downloads")) as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser, console_run: LocalRun) -> Iterator[Page]:
    """The console's page; whatever the browser complains of fails the test."""
    # Its animations take a third of the CPU. test_tour.py has a page with them.
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    wrong = complaints(opened)
    opened.goto(address(console_run))
    expect(opened.get_by_text("live", exact=True)).to_be_visible()
    expect(opened.locator('[data-station="reader:invoicing"]')).to_be_visible()
    yield opened
    opened.close()
    assert wrong == []


def complaints(page: Page) -> list[str]:
    """A list to which the browser's complaints about a page are added as they come."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    # A violation of the Content-Security-Policy is an error of the browser's console, too.
    page.on("console", lambda said: found.append(said.text) if said.type in {"error", "warning"} else None)
    return found


def address(run: LocalRun) -> str:
    """The console's address with the key, as the run prints it."""
    found = re.search(r"console +(http\S+)", run.said())
    assert found, run.said()
    return found[1]
