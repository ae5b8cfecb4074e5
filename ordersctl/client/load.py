"""`ordersctl load`: places the orders of a shop's invoices over the API, and reports the result of each."""

import codecs
import re
from contextlib import nullcontext
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import Progress

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.client import arrivals, invoice_file, invoices
from ordersctl.client.api import HopelessError, Posted, connect, post_all, service_token
from ordersctl.client.invoice_dates import ISO, InvoiceDates, is_layout
from ordersctl.client.invoices import NotPlaced, Placeable
from ordersctl.client.load_report import show_arrivals, show_results
from ordersctl.shared import options
from ordersctl.shared.engine_client import HEALTH, get_json
from ordersctl.shared.output import Console, progress_bar, say
from ordersctl.shared.runs import current
from ordersctl.shared.stage import engine_option


def _guest(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(CUSTOMER_ID_PATTERN, value):
        raise click.BadParameter("1 to 128 visible ASCII characters are allowed, none of / \\ # ? %, and not . or ..")
    return value


def _zone(_context: click.Context, _option: click.Parameter, value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.BadParameter(f"{value} is no time zone; an example is Europe/London.") from error


def _layout(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not is_layout(value):
        raise click.BadParameter("name year, month and day, such as %d/%m/%Y %H:%M, and no zone.")
    return value


def _encoding(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    wrong = click.BadParameter(f"{value} is no encoding of text; an example is cp1252.")
    try:
        name = codecs.lookup(value).name
        "a".encode(name).decode(name)  # refuses what is an encoding of bytes, such as hex
    except (LookupError, UnicodeError) as error:
        raise wrong from error
    if "escape" in name:
        raise wrong
    return name


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.url
@engine_option
@click.option("--guest", metavar="ID", callback=_guest, help="The customer of invoices that name no customer.")
@click.option(
    "--currency",
    type=click.Choice(sorted(CURRENCY_EXPONENTS), case_sensitive=False),
    metavar="CODE",
    default="GBP",
    show_default=True,
    help="The currency of the file's prices, by ISO 4217.",
)
@click.option(
    "--time-zone",
    "zone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    callback=_zone,
    help="The zone of the file's dates, such as Europe/London.",
)
@click.option(
    "--date-format",
    "layout",
    metavar="FORMAT",
    default=ISO,
    show_default=True,
    callback=_layout,
    help="How the file writes its dates.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    callback=_encoding,
    help="The encoding of the file.  [default: UTF-8, or else Windows-1252]",
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
    url: str | None,
    engine: str | None,  # noqa: ARG001 - its callback has named it
    guest: str | None,
    currency: str,
    zone: ZoneInfo,
    layout: str,
    encoding: str | None,
    connections: int,
    wait: bool,
    timeout: float,
) -> None:
    """Place the orders of FILE, a CSV of invoice lines.

    FILE is in the layout of the UCI data set Online Retail. Credit notes (C...) are not orders; an invoice is refused
    when it has no customer, a quantity below 1, a price that is negative or not a whole number of minor units, or a
    date that no clock showed. The invoice number is the Idempotency-Key: loading a file again places nothing twice.
    The column InvoiceDate, which may be missing, is when the customer ordered.

    --wait receives the events through a queue of its own, which it deletes at the end.

    Exit status: 0 when each invoice was placed or left out for a reason above, 1 when anything failed,
    2 when FILE cannot be read as invoices.
    """
    console = Console()
    url = url or current.api_url()
    orders, not_placed = _read(file, encoding, currency=currency, guest=guest, dates=InvoiceDates(zone, layout))
    if wait:
        _require_engine()
    with connect(url, service_token("load"), connections) as client:
        try:
            with arrivals.watching() if wait else nullcontext() as seen:
                posted, trouble = _post(console, client, orders, connections, seen)
                show_results(console, file, [*posted, *not_placed])
                if trouble:
                    raise click.ClickException(trouble)
                accepted = [each for each in posted if each.outcome == "accepted"]
                complete = seen is None or _wait(console, seen, accepted, timeout)
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(f"The table or the topic cannot be read: {error}") from error
    if seen is not None:
        show_arrivals(console, seen, accepted)
    if not complete or any(each.outcome == "failed" for each in posted):
        raise click.exceptions.Exit(1)


def _require_engine() -> None:
    current.require_engine()
    if get_json(current.engine_url() + HEALTH) is None:
        raise click.ClickException(
            f"No AWS engine answers at {current.engine_url()}: is the service running (make run)? "
            "--engine names an engine elsewhere."
        )


def _read(
    file: Path, encoding: str | None, *, currency: str, guest: str | None, dates: InvoiceDates
) -> tuple[list[Placeable], list[NotPlaced]]:
    try:
        read = invoice_file.read(file.read_bytes(), encoding)
    except (OSError, invoice_file.UnreadableFileError) as error:
        raise click.BadParameter(f"{file} cannot be loaded: {error}.", param_hint="FILE") from error
    if encoding is None and read.encoding != "utf-8":
        say("The file is not UTF-8 and was read as Windows-1252; --encoding names another encoding.", err=True)
    judged = [
        invoices.judge(invoice, rows, currency=currency, dates=dates, guest=guest)
        for invoice, rows in read.invoices.items()
    ]
    return (
        [each for each in judged if isinstance(each, Placeable)],
        [each for each in judged if isinstance(each, NotPlaced)],
    )


def _post(
    console: Console,
    client: httpx.Client,
    orders: list[Placeable],
    connections: int,
    seen: arrivals.Arrivals | None,
) -> tuple[list[Posted], str]:
    """Post the orders; return the result of each, and why loading was stopped, "" if it was not."""
    posted: list[Posted] = []
    trouble = ""
    with _bar(console) as progress:
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
    with _bar(console) as progress:
        task = progress.add_task("arriving", total=len(accepted))
        complete = arrivals.wait_for_all(
            seen, accepted, timeout, lambda arrived: progress.update(task, completed=arrived)
        )
    return complete and "rejected" not in seen.statuses.values()


def _bar(console: Console) -> Progress:
    return progress_bar(console, hidden=not console.is_terminal, transient=True)
