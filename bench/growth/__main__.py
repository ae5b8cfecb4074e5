"""`make growth`: the cost of reads, lists and writes in one table that grows from 10^3 to 10^6 orders.

The table is in dynalite, which keeps it on disk in LevelDB, sorted. The embedded engine would need some 6 GB of memory
for 10^6 orders, and its figure for a read does not depend on the size of the data read.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3
import click
from botocore.exceptions import BotoCoreError

from bench import report
from bench.growth import table
from bench.growth.capacity import Call
from bench.growth.table import Costs
from bench.instructions.packages import PROJECT_DIR
from ordersctl.shared.engine_client import client_options
from testkit.servers.processes import running
from testkit.waiting import free_port

DYNALITE = PROJECT_DIR / "build" / "dynalite" / "node_modules" / "dynalite" / "cli.js"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
_NAME = "orders-growth"


@click.command()
@click.option("--size", "sizes", type=click.IntRange(1_000), multiple=True, default=SIZES, show_default=True)
def growth(sizes: Sequence[int]) -> None:
    """Grow a table through these sizes, measure at each, and write the figures of docs/explain/performance.md."""
    found: dict[int, Costs] = {}
    with _dynalite() as url:
        client = boto3.client("dynamodb", **client_options(url))
        table.create(client, _NAME)
        grown = 0
        for size in sorted(sizes):
            started = time.monotonic()
            table.fill(client, _NAME, grown, size)
            found[size] = table.measure(client, _NAME, size)
            grown = size
            click.echo(f"{size:,} orders: filled and measured in {time.monotonic() - started:.0f} s")
    text = f"{_markdown(_rows(found))}\n\n{_agreement(found)}"
    report.replace_part(report.PAGE, "growth", text)
    click.echo(f"{text}\n\nWritten: docs/explain/performance.md")


@contextmanager
def _dynalite() -> Iterator[str]:
    """A dynalite process with its table on disk; yields its address."""
    node = shutil.which("node")
    if node is None or not DYNALITE.exists():
        sys.exit("the table is kept in dynalite, which needs node and npm; `make growth` installs it")
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        command = [node, str(DYNALITE), "--host", "127.0.0.1", "--port", str(port), "--path", str(Path(scratch) / "db")]
        url = f"http://127.0.0.1:{port}"
        with running([*command, "--createTableMs", "0"], lambda: _answers(url), stdout=subprocess.DEVNULL):
            yield url


def _answers(url: str) -> bool:
    try:
        boto3.client("dynamodb", **client_options(url)).list_tables()
    except BotoCoreError:
        return False
    return True


def _rows(found: Mapping[int, Costs]) -> list[list[str]]:
    """A header row, and a row per operation: calls, entries read and units at each size, and the ratio of the units."""
    rows = [["operation", "customer", *(f"{size:,}" for size in found), "ratio"]]
    first = next(iter(found.values()))
    for operation in dict.fromkeys(operation for operation, _ in first):
        by_customer = {
            customer: _cells([costs[operation, customer] for costs in found.values()])
            for customer in dict.fromkeys(customer for named, customer in first if named == operation)
        }
        ordinary = {name: cells for name, cells in by_customer.items() if "keys" not in name}
        cells, *others = ordinary.values()
        if all(other == cells for other in others):
            by_customer = {"either": cells} | {name: by_customer[name] for name in by_customer if name not in ordinary}
        rows += [[operation, customer, *cells] for customer, cells in by_customer.items()]
    return rows


def _cells(costs: Sequence[Sequence[Call]]) -> list[str]:
    cells = [f"{len(calls)} · {sum(call.read for call in calls)} · {_units(calls):g}" for calls in costs]
    return [*cells, f"{_units(costs[-1]) / _units(costs[0]):.2f}"]


def _units(calls: Sequence[Call]) -> float:
    return sum(call.units for call in calls)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---|---|" + "--:|" * (len(rows[0]) - 2), *body])


def _agreement(found: Mapping[int, Costs]) -> str:
    """How often the engine's own figure equals the computed one, for reads and for writes."""
    calls = [call for costs in found.values() for each in costs.values() for call in each]
    counts = []
    for name, operations in (("reads", {"GetItem", "Query"}), ("writes", {"PutItem", "UpdateItem"})):
        compared = [call for call in calls if call.operation in operations and call.engine_units is not None]
        same = sum(call.engine_units == call.units for call in compared)
        counts.append(f"{same} of {len(compared)} {name}")
    return f"dynalite's own figure equals the computed one for {' and '.join(counts)}."


if __name__ == "__main__":
    growth()
