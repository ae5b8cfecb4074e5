"""`ordersctl event-sources`: calls the queue and stream handlers of app.py, in place of Lambda."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

import click

from ordersctl.local.event_sources.invocation import Ended
from ordersctl.local.event_sources.mappings import Mappings
from ordersctl.local.event_sources.polling import poll_forever
from ordersctl.shared.output import printable
from ordersctl.shared.project import HANDLERS_LOG, INVOCATIONS_LOG, application, log_dir
from ordersctl.shared.runs.current import engine_url


@click.command("event-sources")
@click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), required=True, help="Of the run that starts it."
)
def event_sources(state_dir: Path) -> None:
    """Call the queue and stream handlers until stopped."""
    logs = log_dir(state_dir)
    out = _own_output(logs / HANDLERS_LOG)

    def report(line: str) -> None:
        out.write(printable(" ".join(line.splitlines())) + "\n")

    def columns() -> int | None:
        # Asked for each line, as a window may be resized. Some terminals, such as serial ones, say 0.
        return (os.get_terminal_size(out.fileno()).columns or 80) if out.isatty() else None

    # "1" as in the packaged template; "0" behaves as after plain `chalice deploy`.
    os.environ.setdefault("REPORT_BATCH_ITEM_FAILURES", "1")
    invocations = _invocations_into(logs / INVOCATIONS_LOG)
    app = application()
    threads = [
        threading.Thread(target=poll_forever, args=(step, report), daemon=True)
        for step in Mappings(engine_url(), state_dir, report, columns, invocations).steps(app)
    ]
    for thread in threads:
        thread.start()
    # A thread ends only because of a bug; the parent process starts this one again.
    while all(thread.is_alive() for thread in threads):
        time.sleep(1)  # Python cannot wait for the first of several threads to end
    sys.exit(1)


def _own_output(log: Path) -> TextIO:
    """Return standard output for our own lines; the handlers' output and logs go to the file instead."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding=sys.stdout.encoding, errors="replace")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return out


def _invocations_into(log: Path) -> Ended:
    """Return a function that writes a JSON line for each invocation, like Lambda's REPORT lines, with its poller."""
    file = log.open("a", buffering=1)

    def ended(function: str, records: int, began: float, seconds: float) -> None:
        line = {"function": function, "records": records, "began": began, "seconds": seconds}
        file.write(json.dumps(line | {"poller": threading.get_ident()}) + "\n")

    return ended
