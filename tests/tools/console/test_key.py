"""Where a browser keeps the console's key, and to whom it never sends it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from testkit.servers.local_run import LocalRun
from tests.tools.console.conftest import address

pytestmark = pytest.mark.full  # a browser, and a local run of its own; no code of the service


@pytest.fixture
def tabs(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's tabs, which share what a browser shares."""
    context = browser.new_context()
    yield context
    context.close()


class Trap(ThreadingHTTPServer):
    """A server of another user of this machine: it notes all that browsers send."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        trap = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trap.heads.append(f"{self.path}\n{self.headers}")
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>trap</title>")

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def trap() -> Iterator[Trap]:
    server = Trap()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_on_another_port_is_never_sent_the_key(
    tabs: BrowserContext, console_run: LocalRun, trap: Trap
) -> None:
    origin, _, key = address(console_run).partition("/#key=")
    page = tabs.new_page()
    page.goto(address(console_run))
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    assert tabs.cookies() == []
    page.evaluate("to => { location.href = to }", f"http://127.0.0.1:{trap.server_port}/trap")  # as a link does
    page.wait_for_url("**/trap")
    page.evaluate("fetch('/again', { credentials: 'include' }).then(answer => answer.text())")
    for path in ("/stream", "/orders/ord_1"):
        read = "to => fetch(to, { credentials: 'include' }).then(answer => answer.text(), () => 'nothing')"
        assert page.evaluate(read, origin + path) == "nothing"
    assert page.evaluate("JSON.stringify(sessionStorage) + document.cookie") == "{}"
    assert len(trap.heads) >= 2
    heads = "\n".join(trap.heads)
    assert key not in heads
    assert "cookie" not in heads.lower()
    assert origin not in heads  # as the referrer


def test_the_key_leaves_the_address_and_stays_for_reloads_of_its_tab(
    tabs: BrowserContext, console_run: LocalRun
) -> None:
    origin, _, _ = address(console_run).partition("/#key=")
    page = tabs.new_page()
    for _ in range(2):  # the second time in a tab where the page is open: no new document is loaded
        page.goto(address(console_run))
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        expect(page).to_have_url(f"{origin}/")
    page.reload()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    second = tabs.new_page()
    second.goto(address(console_run))
    expect(second.get_by_text("live", exact=True)).to_be_visible()


@pytest.mark.parametrize("fragment", ["", "#key=of-an-earlier-console"])
def test_a_page_without_a_key_that_fits_says_where_to_find_it(
    tabs: BrowserContext, console_run: LocalRun, fragment: str
) -> None:
    origin, _, _ = address(console_run).partition("/#key=")
    first = tabs.new_page()
    first.goto(address(console_run))
    expect(first.get_by_text("live", exact=True)).to_be_visible()
    other = tabs.new_page()
    other.goto(f"{origin}/{fragment}")
    expect(other.get_by_role("alert")).to_contain_text("This page needs the key in the address")
    expect(other.get_by_role("button")).to_have_count(0)
    other.goto(address(console_run))  # which ends it
    expect(other.get_by_text("live", exact=True)).to_be_visible()
