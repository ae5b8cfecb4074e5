"""Loads a shop's invoices into a running service over HTTP, and says what became of each."""

import re
from collections import Counter, defaultdict
from contextlib import nullcontext
from pathlib import Path

import click
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.client import arrivals, invoices
from ordersctl.client.api import HopelessError, Posted, connect, post_all
from ordersctl.client.invoices import NotPlaced, Placeable
from ordersctl.local import tokens
from ordersctl.local.engine import HEALTH, get_json
from ordersctl.shared import project

OUTCOMES = ("accepted", "already there", "not an order", "refused", "failed")


def _url(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise click.BadParameter(str(error)) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise click.BadParameter("it should look like http://127.0.0.1:8000.")
    return value


def _guest(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(CUSTOMER_ID_PATTERN, value):
        raise click.BadParameter("1 to 64 of A-Z a-z 0-9 . _ - are allowed.")
    return value


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, callback=_url, help="The service.")
@click.option("--guest", metavar="ID", callback=_guest, help="The customer of invoices that name none.")
@click.option(
    "--currency",
    type=click.Choice(sorted(CURRENCY_EXPONENTS), case_sensitive=False),
    metavar="CODE",
    default="GBP",
    show_default=True,
    help="The currency of the file's prices, by ISO 4217.",
)
@click.option("--connections", type=click.IntRange(1, 64), default=8, show_default=True, help="How many post at once.")
@click.option("--wait", is_flag=True, help="Wait until every accepted order is stored and its event published.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="How long --wait waits after the last post.",
)
def load(
    *,
    file: Path,
    url: str,
    guest: str | None,
    currency: str,
    connections: int,
    wait: bool,
    timeout: float,
) -> None:
    """Place the orders of FILE, a CSV of invoice lines.

    FILE is in the layout of the UCI data set Online Retail. Credit notes (C...) are no orders; an invoice is
    refused when it has no customer, a quantity below 1, or a price that is negative or no whole number of
    minor units. The invoice number is the Idempotency-Key: loading a file again places nothing twice.

    --wait hears the events by a queue of its own, which it takes away at the end.

    Exit status: 0 when each invoice was placed or left out for a reason above, 1 when anything failed,
    2 when FILE cannot be read as invoices.
    """
    console = Console()
    orders, not_placed = _read(file, currency, guest)
    if wait and get_json(project.engine_url() + HEALTH) is None:
        raise click.ClickException(
            f"No AWS engine answers at {project.engine_url()}: is the service running (make run)? "
            "AWS_ENDPOINT_URL names an engine elsewhere."
        )
    with connect(url, _token(), connections) as client:
        try:
            with arrivals.watching() if wait else nullcontext() as seen:
                posted, trouble = _post(console, client, orders, connections, seen)
                _show_results(console, file, not_placed, posted)
                if trouble:
                    raise click.ClickException(trouble)
                accepted = [each for each in posted if each.outcome == "accepted"]
                complete = seen is None or _wait(console, seen, accepted, timeout)
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(f"The table or the topic cannot be read: {error}") from error
    if seen is not None:
        _show_arrivals(console, seen, accepted)
    if not complete or any(each.outcome == "failed" for each in posted):
        raise click.exceptions.Exit(1)


def _read(file: Path, currency: str, guest: str | None) -> tuple[list[Placeable], list[NotPlaced]]:
    try:
        lines = invoices.read(file.read_bytes())
    except (OSError, invoices.UnreadableFileError) as error:
        raise click.BadParameter(f"{file} cannot be loaded: {error}.", param_hint="FILE") from error
    judged = [invoices.judge(invoice, rows, currency=currency, guest=guest) for invoice, rows in lines.items()]
    return (
        [each for each in judged if isinstance(each, Placeable)],
        [each for each in judged if isinstance(each, NotPlaced)],
    )


def _token() -> str:
    try:
        return tokens.local_token(subject="load", scope=tokens.SERVICE_SCOPE)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"No signing key in {project.state_dir()}: {error}") from error


def _post(
    console: Console,
    client: httpx.Client,
    orders: list[Placeable],
    connections: int,
    seen: arrivals.Arrivals | None,
) -> tuple[list[Posted], str]:
    """Post the orders; return what became of each, and what stopped the loading if anything did."""
    posted: list[Posted] = []
    trouble = ""
    with _progress(console) as progress:
        task = progress.add_task("posting", total=len(orders))
        try:
            for each in post_all(client, orders, connections):
                posted.append(each)
                progress.advance(task)
                if seen is not None and each.outcome == "accepted":
                    seen.waiting.append(each.order_id)
        except HopelessError as error:
            trouble = str(error)
    answered = {each.invoice for each in posted}
    posted += [
        Posted(order.invoice, order.customer_id, "failed", "not tried to the end: loading was stopped")
        for order in orders
        if order.invoice not in answered
    ]
    return posted, trouble


def _wait(console: Console, seen: arrivals.Arrivals, accepted: list[Posted], timeout: float) -> bool:
    with _progress(console) as progress:
        task = progress.add_task("arriving", total=len(accepted))
        complete = arrivals.wait_for_all(
            seen, accepted, timeout, lambda arrived: progress.update(task, completed=arrived)
        )
    return complete and "rejected" not in seen.statuses.values()


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show_results(console: Console, file: Path, not_placed: list[NotPlaced], posted: list[Posted]) -> None:
    by_reason: dict[tuple[int, str], list[str]] = defaultdict(list)
    results: list[Posted | NotPlaced] = [*posted, *not_placed]
    for each in results:
        by_reason[OUTCOMES.index(each.outcome), each.reason].append(each.invoice)
    table = Table(title=escape(file.name), show_footer=True, title_justify="left")
    table.add_column("Outcome", footer="all", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Invoices", footer=str(len(results)), justify="right", no_wrap=True)
    table.add_column("The first", overflow="fold")
    for (outcome, reason), numbers in sorted(by_reason.items()):
        table.add_row(OUTCOMES[outcome], escape(reason), str(len(numbers)), escape(numbers[0]))
    console.print(table)


def _show_arrivals(console: Console, seen: arrivals.Arrivals, accepted: list[Posted]) -> None:
    not_stored, not_published = seen.missing(accepted)
    statuses = Counter(seen.statuses[each.order_id] for each in accepted if each.order_id in seen.stored)
    stored = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "0"
    console.print(f"Of {len(accepted)} accepted, stored: {stored}; {_count(not_stored)} missing.")
    console.print(
        f"Events published: {len(accepted) - len(not_published)}; "
        f"{_count(not_published)} missing, {_count(seen.repeated(accepted))} twice."
    )
    table = Table(title="Milliseconds since the order was first posted", title_justify="left")
    for column in ("Until", "Which is", "Orders", "p50", "p99"):
        table.add_column(column, justify="left" if column in {"Until", "Which is"} else "right")
    for until, which_is, seconds in (
        ("accepted", "the answer 202 is here", [each.seconds for each in accepted]),
        ("stored", "it is seen in the table", seen.seconds_to_stored(accepted)),
        ("published", "a subscriber's queue has its event", seen.seconds_to_published(accepted)),
    ):
        quantiles = [f"{arrivals.percentile(seconds, p) * 1000:.0f}" for p in (50, 99)] if seconds else ["-", "-"]
        table.add_row(until, which_is, str(len(seconds)), *quantiles)
    console.print(table)


def _count(ids: list[str]) -> str:
    return f"{len(ids)} (the first is {ids[0]})" if ids else "none"
