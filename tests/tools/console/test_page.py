"""The console in a browser: an order travels, something is stopped, and nothing is lost."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ordersctl.shared.switches import State, Switches
from testkit.builders import command, fresh_order_id
from testkit.servers import processes
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually, free_port
from tests.tools.console.conftest import address
from tests.tools.console.on_the_page import click, dead_letter, digits, done, findings, log_of, number

pytestmark = pytest.mark.full  # a browser, and a local run of its own; no code of the service

MANY = 90  # of a burst of 100: a queue that holds so many has kept the burst


@pytest.fixture(autouse=True)
def all_run(console_run: LocalRun, page: Page) -> Iterator[None]:
    """Leave everything running for the next test, and no order waiting."""
    yield
    switches = Switches(console_run.state_dir)
    for name in switches.halted():
        switches.set(name, State.RUNNING)
    eventually(lambda: number(page, "orders") == 0)


def burst(page: Page) -> None:
    before = page.get_by_role("log").get_by_text("100 of 100 accepted").count()
    click(page, "Burst of 100")
    expect(page.get_by_role("log").get_by_text("100 of 100 accepted")).to_have_count(before + 1)


def test_an_order_is_placed_by_a_click_travels_and_is_traced(page: Page, console_run: LocalRun) -> None:
    click(page, "Place an order")
    done(page, "Place an order")
    expect(page.get_by_role("log")).to_contain_text(
        f"ORDERS_STATE_DIR={console_run.state_dir} .venv/bin/ordersctl trigger"
    )
    row = page.locator(".orders tbody tr").first
    expect(row).to_contain_text("delivered")
    row.get_by_role("button").click()
    trace = page.get_by_role("dialog", name="Trace")
    expect(trace.get_by_label("The stored order")).to_contain_text('"status": "delivered"')
    expect(trace.get_by_label("Log lines")).to_contain_text("invoicing.handled")
    expect(trace).to_contain_text("ordersctl trace ord_")
    hops, lines = (set(table.locator("td.n").all_inner_texts()) for table in trace.get_by_role("table").all())
    assert hops <= lines, "both tables count from the same moment"
    placed = trace.get_by_role("row").filter(has_text="placed").first.locator("td").first
    assert abs(digits(placed) - digits(row.locator("td.n").first)) <= 2, "and so does the list"
    trace.get_by_role("button", name="Replay").click()
    done(page, "Replay the order")
    trace.get_by_role("button", name="Close").click()
    page.route("**/trace", lambda _route: None)  # this one is not answered
    page.locator("#find-id").fill(fresh_order_id())
    page.keyboard.press("Enter")
    expect(trace).to_contain_text("The table has no such order.")
    expect(trace).not_to_contain_text("ordersctl trace")  # of the order before


def test_a_paused_consumer_holds_up_nobody_else_and_catches_up(page: Page, console_run: LocalRun) -> None:
    click(page, "Pause invoicing")
    eventually(lambda: "invoicing is paused" in log_of(console_run, "invoicing"))
    expect(page.get_by_text("its events wait in its queue")).to_be_visible()
    burst(page)
    eventually(lambda: number(page, "queue:inventory") == 0 and number(page, "queue:fulfilment") == 0, within=90)
    assert number(page, "queue:invoicing") >= MANY
    page.reload()
    expect(page.get_by_text("its events wait in its queue")).to_be_visible()  # the page is new, the pause is not
    click(page, "Resume invoicing")
    eventually(lambda: number(page, "queue:invoicing") == 0, within=90)
    nothing_is_lost(page)


def test_while_the_processor_is_paused_clients_get_202_and_then_all_is_placed(
    page: Page, console_run: LocalRun
) -> None:
    click(page, "Pause processor")
    eventually(lambda: "processor is paused" in console_run.said())
    stored = number(page, "processor")
    burst(page)
    eventually(lambda: number(page, "orders") == 100)
    assert number(page, "processor") == stored
    expect(page.locator(".ledger")).to_contain_text("100 waiting")
    click(page, "Resume processor")
    eventually(lambda: number(page, "processor") == stored + 100)
    nothing_is_lost(page)


def test_a_paused_publisher_keeps_events_back_and_publishes_them_later(page: Page, console_run: LocalRun) -> None:
    click(page, "Pause publisher")
    eventually(lambda: "publisher is paused" in console_run.said())
    expect(page.get_by_text("orders are stored, and their events wait")).to_be_visible()
    stored, published = number(page, "processor"), number(page, "publisher")
    click(page, "Place an order")
    eventually(lambda: number(page, "processor") == stored + 1)
    assert number(page, "publisher") == published
    click(page, "Resume publisher")
    eventually(lambda: number(page, "publisher") > published)
    nothing_is_lost(page)


def nothing_is_lost(page: Page) -> None:
    accepted = number(page, "api")
    expect(page.locator(".ledger")).to_have_text(f"{accepted:,} accepted, all stored: none lost, none twice.")


def test_a_poisoned_message_is_a_dead_letter_with_its_reason_until_it_is_dropped(page: Page) -> None:
    click(page, "Poison a message")
    letters = page.locator("#dead")
    expect(letters).to_contain_text("1 dead letter")
    expect(letters.get_by_role("row").last).to_contain_text("not JSON")
    expect(page.get_by_text("message.quarantined")).to_be_visible()
    letters.get_by_role("button", name="Redrive").click()
    expect(page.get_by_role("log")).to_contain_text("still there")  # what would come straight back stays
    expect(page.get_by_role("log")).not_to_contain_text("\\t")  # but rows, with tabs
    expect(letters).to_contain_text("Drop it.")
    letters.get_by_role("button", name="Drop").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is kept in a file, and names no order.")
    page.get_by_role("dialog").get_by_role("button", name="Drop 1 dead letter of orders").click()
    expect(letters).to_contain_text("None: every message was handled.")


def test_a_dead_letter_that_can_be_handled_now_is_redriven_and_its_order_is_placed(
    page: Page, console_run: LocalRun
) -> None:
    order_id = fresh_order_id()
    dead_letter(console_run, "orders-local-queue-dlq", json.dumps(command(order_id=order_id)), "the table was away")
    letters = page.locator("#dead")
    letters.get_by_role("button", name="Drop").click()
    expect(page.get_by_role("dialog")).to_contain_text("and 1 order that it names will be stored as rejected.")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    letters.get_by_role("button", name="Redrive").click()
    done(page, "Redrive 1 dead letter of orders")
    expect(page.get_by_role("log")).to_contain_text("1 redriven.")
    expect(letters).to_contain_text("None: every message was handled.")
    expect(page.locator(".orders tbody tr").filter(has_text=order_id[:12])).to_contain_text("delivered")


def test_what_queues_hold_is_text(page: Page, console_run: LocalRun) -> None:
    markup = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    dead_letter(console_run, "orders-local-invoicing-dlq", "{}", markup)
    expect(page.locator("#dead")).to_contain_text(markup)
    assert page.title() == "Orders console: local"
    assert page.locator("#dead img").count() == 0
    page.locator("#dead").get_by_role("button", name="Drop").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is kept in a file.")
    page.get_by_role("dialog").get_by_role("button", name="Drop 1 dead letter of invoicing").click()
    expect(page.locator("#dead")).to_contain_text("None: every message was handled.")


def test_a_failing_consumer_is_shown_as_such(page: Page, console_run: LocalRun) -> None:
    click(page, "Fail fulfilment")
    expect(page.locator('[data-station="reader:fulfilment"] .note')).to_have_text("failing")
    expect(page.get_by_text("become dead letters after five tries")).to_be_visible()
    click(page, "Place an order")
    eventually(lambda: "switched to fail" in log_of(console_run, "fulfilment"))
    click(page, "Resume fulfilment")
    expect(page.locator('[data-station="reader:fulfilment"] .note')).to_have_text("handled")


def test_an_act_whose_answer_a_reload_cuts_off_is_not_said_to_be_undone(page: Page) -> None:
    accepted = number(page, "api")
    with page.expect_request("**/acts"):
        click(page, "Place an order")
    page.reload()
    eventually(lambda: number(page, "api") == accepted + 1)
    expect(page.get_by_role("log")).not_to_contain_text("not done")


def test_when_the_console_ends_the_page_says_so_and_nothing_can_be_clicked(
    browser: Browser, console_run: LocalRun, tmp_path: Path
) -> None:
    page, output = browser.new_page(), tmp_path / "printed.txt"
    console = [sys.executable, "-m", "ordersctl", "console", "--port", str(free_port())]
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": console_run.engine_url,
        "ORDERS_STATE_DIR": str(console_run.state_dir),
        "PYTHONUNBUFFERED": "1",
    }
    with (
        output.open("wb") as file,
        processes.running(console, lambda: "key=" in output.read_text(), stdout=file, env=environment),
    ):
        page.goto(output.read_text().split()[-1])
        expect(page.get_by_role("button", name="Pause processor")).to_be_enabled()
    expect(page.get_by_role("alert")).to_contain_text("The console does not answer")
    acts = page.get_by_role("button", name=re.compile("Place|Burst|Poison|Pause|Fail"))
    assert acts.count() > 8
    assert all(each.is_disabled() for each in acts.all())
    page.close()


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    orders = number(page, "api")
    tab_to(page, page.get_by_role("button", name="Place an order").first)
    page.keyboard.press("Enter")
    eventually(lambda: number(page, "api") == orders + 1)
    done(page, "Place an order")
    expect(page.get_by_role("button", name="Place an order").first).to_be_focused()
    trace = page.locator(".orders tbody button").first
    tab_to(page, trace)
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog", name="Trace")).to_be_visible()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Trace")).to_be_hidden()
    tab_to(page, page.get_by_role("button", name="Pause publisher"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume publisher").first).to_be_visible()


def tab_to(page: Page, wanted: Locator) -> None:
    expect(wanted).to_be_enabled()
    for _ in range(80):
        if wanted.evaluate("each => each === document.activeElement"):
            outline = wanted.evaluate("each => getComputedStyle(each).outlineStyle")
            assert outline != "none", "the focus cannot be seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not lead there")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_serious_finding_and_no_sideways_scrolling(
    browser: Browser, console_run: LocalRun, scheme: str
) -> None:
    colours: Any = scheme
    page = browser.new_page(color_scheme=colours, reduced_motion="reduce")
    page.goto(address(console_run))
    click(page, "Pause invoicing")
    expect(page.get_by_text("its events wait in its queue")).to_be_visible()
    expect(page.get_by_role("button", name="Place an order").first).to_be_enabled()
    for width in (390, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert findings(page) == []
    click(page, "Place an order")
    page.locator(".orders tbody button").first.click()
    expect(page.get_by_role("dialog", name="Trace").get_by_label("Log lines")).to_be_visible()
    assert findings(page) == []
    page.close()


def test_the_page_is_small_and_asks_for_nothing_elsewhere(page: Page) -> None:
    measured = page.evaluate(
        """() => performance.getEntriesByType("resource").map(each => [each.name, each.decodedBodySize])"""
    )
    own = [name for name, _ in measured if name.startswith(page.url)]
    assert len(own) == len(measured) <= 16
    assert sum(size for name, size in measured if not name.endswith("/stream")) <= 120_000
