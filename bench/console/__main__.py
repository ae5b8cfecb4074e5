"""`python -m bench.console`: what the console costs, beside an engine and made-up log lines of 100 orders a second."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from chalicelib.domain import clock
from ordersctl.local.engine import deploy
from testkit.servers import processes
from testkit.servers.browser import running_chromium
from testkit.servers.engine import running_engine
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually, free_port

ORDERS_PER_SECOND = 100
MEASURED_SECONDS = 20.0
HOUR_ORDERS = 3_600 * ORDERS_PER_SECOND
STARTS = 5  # of a run, without and with the console
CONSUMERS = ("inventory", "invoicing", "fulfilment")
_AT_ONCE = 2_000  # orders of the hour that are written before the console is waited for


class Logs:
    """The log files of a run in which every order is accepted, placed, published and handled three times."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._files = {name: (directory / f"{name}.log").open("w") for name in ("api", "handlers", *CONSUMERS)}
        self.orders = 0

    def write(self, orders: int) -> None:
        now = clock.from_seconds(time.time())
        for _ in range(orders):
            self.orders += 1
            order_id = f"ord_{self.orders:032}"
            about = {"time": now, "level": "INFO", "order_id": order_id, "correlation_id": "9f5c4b49-2bd4-4718-8389"}
            self._line("api", about, event="order.accepted")
            self._line("handlers", about, event="order.placed", placed_after_ms=80)
            self._line("handlers", about, event="event.published", type="order.placed", version=1, published_after_ms=9)
            for name in CONSUMERS:
                self._line(name, about, event=f"{name}.handled", event_id=f"{order_id}.1")
        for file in self._files.values():
            file.flush()

    def _line(self, name: str, about: dict[str, str], **details: Any) -> None:
        self._files[name].write(json.dumps(about | details) + "\n")


class Console:
    """The console's process, and what it has used."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu(self, work: Any = time.sleep) -> float:
        """Return the share of a core that it uses while `work` runs for MEASURED_SECONDS, in percent."""
        before, began = self._seconds(), time.monotonic()
        work(MEASURED_SECONDS)
        return (self._seconds() - before) / (time.monotonic() - began) * 100

    def megabytes(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1_024

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def console(directory: Path, engine_url: str) -> Iterator[tuple[Console, str, float]]:
    """A console of made-up logs, its address, and the seconds from its start to its address."""
    output = directory / "printed.txt"
    environment = {
        **os.environ,
        "ORDERS_STATE_DIR": str(directory / "state"),
        "AWS_ENDPOINT_URL": engine_url,
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "ordersctl", "console", "--port", str(free_port())]
    began = time.monotonic()
    with (
        output.open("wb") as file,
        processes.running(command, lambda: "key=" in output.read_text(), stdout=file, env=environment) as process,
    ):
        yield Console(process.pid), output.read_text().split()[-1], time.monotonic() - began


def main() -> None:
    readiness()
    with tempfile.TemporaryDirectory() as scratch, running_engine(Path(scratch)) as engine_url:
        deploy(engine_url, stage="local")
        logs = Logs(Path(scratch, "state", "logs"))
        with (
            console(Path(scratch), engine_url) as (measured, address, seconds),
            running_chromium(Path(scratch)) as chromium,
        ):
            say("from the command to the address", f"{seconds:.2f} s")
            say("CPU, nobody looks, no orders", f"{measured.cpu():.2f} %")
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            began = time.monotonic()
            page.goto(address)
            page.get_by_text("live", exact=True).wait_for()
            say("from the address to live", f"{time.monotonic() - began:.2f} s")
            weigh(page)
            say("CPU, one viewer, no orders", f"{measured.cpu():.1f} %")
            say(f"CPU, one viewer, {ORDERS_PER_SECOND} orders/s", f"{measured.cpu(lambda s: steady(logs, s)):.1f} %")
            memory(page, measured, logs)
            page.close()
            steady(logs, 2)
            say(f"CPU, nobody looks, {ORDERS_PER_SECOND} orders/s", f"{measured.cpu(lambda s: steady(logs, s)):.1f} %")


def readiness() -> None:
    """Report how long `ordersctl run` takes until its API answers, in turns without the console and with it."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(STARTS):
        for with_console, measured in seconds.items():
            measured.append(seconds_to_answer(console=with_console))
    for with_console, measured in seconds.items():
        what = f"API ready {'with' if with_console else 'without'} the console"
        say(what, f"{statistics.median(measured):.2f} s ({min(measured):.2f} to {max(measured):.2f})")


def seconds_to_answer(*, console: bool) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        run = LocalRun.start(Path(scratch), console=console)
        try:
            eventually(lambda: answers(f"{run.url}/health"), within=60, longest_pause=0.02)
            taken = time.monotonic() - began
            run.ready()
        finally:
            run.stop()
    return taken


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def weigh(page: Page) -> None:
    sizes = page.evaluate("performance.getEntriesByType('resource').map(each => each.decodedBodySize)")
    say("page", f"{sum(sizes) / 1_000:.0f} kB in {len(sizes) + 1} requests")


def steady(logs: Logs, seconds: float) -> None:
    """Write orders at their rate."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        logs.write(ORDERS_PER_SECOND // 10)
        time.sleep(0.1)


def memory(page: Page, measured: Console, logs: Logs) -> None:
    """Write an hour's orders, as fast as the console reads them, and report its memory and the page's."""
    heap = page.context.new_cdp_session(page)
    for minutes in range(0, 61, 15):
        used = heap.send("Runtime.getHeapUsage")["usedSize"] / 1_000_000
        what = f"memory after {minutes} min of {ORDERS_PER_SECOND} orders/s"
        say(what, f"{measured.megabytes():.0f} MB, page {used:.0f} MB")
        if minutes == 60:  # noqa: PLR2004 - the hour is over
            return
        for _ in range(HOUR_ORDERS // 4 // _AT_ONCE):
            logs.write(_AT_ONCE)
            eventually(lambda: caught_up(page, logs), within=60)
        heap.send("HeapProfiler.collectGarbage")


def caught_up(page: Page, logs: Logs) -> bool:
    return page.locator(".ledger").inner_text().replace(",", "").startswith(f"{logs.orders} accepted")


def say(what: str, measure: str) -> None:
    sys.stdout.write(f"{what:46}{measure:>22}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
