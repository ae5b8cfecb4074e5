"""`ordersctl cost`: estimates what orders cost on AWS, component by component."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import click

from ordersctl.estimate.cost import comparison
from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.order_sizes import SHOP_BASKET, mean_item_kb, only, real_baskets, sizes
from ordersctl.estimate.cost.per_order import LambdaReport, Load, dollars_per_million, units
from ordersctl.estimate.cost.standing import kept_per_month, standing_per_month
from ordersctl.shared.options import Finite
from ordersctl.shared.output import Console, Table, number_of

_MOST_ORDERS = 10**12
_MOST_MS = 900_000.0  # Lambda ends a function after 15 minutes


@click.command(context_settings={"show_default": True})
@click.option(
    "--orders-per-month", metavar="N", type=click.IntRange(1, _MOST_ORDERS), required=True, help="How many are placed."
)
@click.option("--lines", metavar="N", type=click.IntRange(1, 2000), help="Per order.  [default: as real orders have]")
@click.option("--batch-size", "batch", type=click.IntRange(1, 1000), default=10, help="Orders per processor run.")
@click.option("--records", type=click.IntRange(1, 1000), default=100, help="Changes per publisher run.")
@click.option(
    "--memory", "memory_mb", metavar="MB", type=click.IntRange(128, 10_240), default=512, help="Of each function."
)
@click.option(
    "--authorizer-memory",
    "authorizer_memory_mb",
    metavar="MB",
    type=click.IntRange(128, 10_240),
    default=256,
    help="Of the authorizer.",
)
@click.option("--accept-ms", type=Finite(1, _MOST_MS), default=12.0, help="Billed, per request.")
@click.option("--process-ms", type=Finite(1, _MOST_MS), help="Billed, per processor run.  [default: 10 + 2 per order]")
@click.option("--publish-ms", type=Finite(1, _MOST_MS), help="Billed, per publisher run.  [default: 20 + 10 per ten]")
@click.option("--cold", type=Finite(0, 1), default=0.01, help="Share of invocations that start a function.")
@click.option("--reads", type=Finite(0, 1_000), default=0.0, help="GET per order.")
@click.option("--keyed", type=Finite(0, 1), default=0.0, help="Share with a key.")
@click.option("--authorized", type=Finite(0, 1), default=0.02, help="Authorizer runs per order: one serves 5 minutes.")
@click.option("--subscribers", type=click.IntRange(0, 1_000), default=0, help="Queues that take every event.")
@click.option("--log-lines/--no-log-lines", default=True, help="The service's own lines.")
@click.option(
    "--lambda-report",
    type=click.Choice(get_args(LambdaReport)),
    default=Load.lambda_report,
    help="Lambda's lines of a success: as text, as JSON, or none (system log level WARN).",
)
@click.option(
    "--kept", metavar="N", type=click.IntRange(0, _MOST_ORDERS), help="Orders in the table; a month's by default."
)
@click.option("--own-key/--no-own-key", default=False, help="Encrypted with a customer-managed KMS key.")
def cost(
    *,
    orders_per_month: int,
    lines: int | None,
    kept: int | None,
    own_key: bool,
    process_ms: float | None,
    publish_ms: float | None,
    **given: Any,
) -> None:
    """Estimate what orders cost on AWS, behind an HTTP API or a REST API, and accepted directly.

    The functions' durations are assumptions until they are measured: `ordersctl power-tune` does that.
    """
    price, console = aws_prices(), Console()
    load = Load(sizes=real_baskets() if lines is None else only(sizes(lines)), **given)
    if process_ms is not None:
        load = replace(load, process_ms=process_ms, process_order_ms=0)
    if publish_ms is not None:
        load = replace(load, publish_ms=publish_ms, publish_call_ms=0)
    columns = {name: dollars_per_million(units(each), price) for name, each in comparison.ways(load).items()}
    show_orders(console, columns, orders_per_month / 1e6, f"US dollars, list prices as of {price['as_of']}")
    show_baskets(console, load, price)
    show_differences(console, load, price)
    kept = orders_per_month if kept is None else kept
    stored = {f"{number_of(kept, 'order')} kept": kept_per_month(kept, load.sizes, price)}
    show_standing(
        console,
        *({**standing_per_month(price, own_key=own_key, http=each), **stored} for each in (True, False)),
    )


def show_orders(console: Console, columns: Mapping[str, Mapping[str, float]], millions: float, title: str) -> None:
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("Component", footer="all", no_wrap=True)
    for column, of in columns.items():
        total = sum(of.values())
        table.add_column(f"{column}, per million", footer=f"{total:.2f}", justify="right")
        table.add_column(f"{column}, per month", footer=f"{total * millions:,.2f}", justify="right")
    for name in columns["HTTP API"]:
        values = [value for of in columns.values() for value in (of[name], of[name] * millions)]
        table.add_row(name, *(f"{value:,.2f}" for value in values))
    console.print(table)


def show_baskets(console: Console, load: Load, price: Mapping[str, Any]) -> None:
    """Print what orders cost by what is in them."""
    table = Table(title="A million orders by what is in them", title_justify="left")
    table.add_column("Order", no_wrap=True)
    for column in ("KB", "write units", *comparison.ways(load)):
        table.add_column(column, justify="right")
    rows = {
        "as real orders": real_baskets(),
        "ten lines": only(sizes(10)),
        "a shop's basket, 20 lines": only(SHOP_BASKET),
    }
    for name, mix in rows.items():
        changed = replace(load, sizes=mix)
        totals = [f"{each:.2f}" for each in comparison.totals(changed, price).values()]
        table.add_row(name, f"{mean_item_kb(mix):.2f}", f"{units(changed).write_units:.2f}", *totals)
    console.print(table)


def show_differences(console: Console, load: Load, price: Mapping[str, Any]) -> None:
    """Print how much more or less a million orders cost by a setting, or by how they arrive."""
    per_run = f"{number_of(load.batch, 'order')} and {number_of(load.records, 'change')} per run"
    title = f"A million orders cost more or less, against {per_run}"
    table = Table(title=title, title_justify="left")
    table.add_column("Where")
    for column in comparison.ways(load):
        table.add_column(column, justify="right")
    for name, differences in comparison.differences(load, price).items():
        table.add_row(name, *("" if each is None else f"{each:+.2f}" for each in differences))
    console.print(table)


def show_standing(console: Console, http: Mapping[str, float], rest: Mapping[str, float]) -> None:
    table = Table(title="Fixed costs per month, without any order", title_justify="left", show_footer=True)
    table.add_column("Item", footer="all of it", no_wrap=True)
    for name, of in (("HTTP API", http), ("REST API", rest)):
        table.add_column(name, footer=f"{sum(of.values()):,.2f}", justify="right")
    for (of_http, dollars), of_rest in zip(http.items(), rest, strict=True):
        name = of_rest if of_http == of_rest else f"{of_http.split()[0]} or {of_rest}"
        table.add_row(name, f"{dollars:,.2f}", f"{rest[of_rest]:,.2f}")
    console.print(table)
