"""`ordersctl cost`: estimates what orders cost on AWS, component by component."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import click

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.order_sizes import SHOP_BASKET, sizes
from ordersctl.estimate.cost.per_order import LambdaReport, Load, dollars_per_million, units
from ordersctl.estimate.cost.standing import kept_per_month, standing_per_month
from ordersctl.shared.options import Finite
from ordersctl.shared.output import Console, Table

_MOST_ORDERS = 10**12
_MOST_MS = 900_000.0  # Lambda ends a function after 15 minutes


@click.command(context_settings={"show_default": True})
@click.option("--orders-per-month", metavar="N", type=click.IntRange(1, _MOST_ORDERS), required=True)
@click.option("--lines", metavar="N", type=click.IntRange(1, 2000), default=10, help="Per order.")
@click.option("--batch-size", "batch", type=click.IntRange(1, 1000), default=10, help="Orders per processor run.")
@click.option("--records", type=click.IntRange(1, 1000), default=100, help="Changes per publisher run.")
@click.option("--memory", "memory_mb", metavar="MB", type=click.IntRange(128, 10_240), default=512)
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
    lines: int,
    kept: int | None,
    own_key: bool,
    process_ms: float | None,
    publish_ms: float | None,
    **given: Any,
) -> None:
    """Estimate what orders cost on AWS, accepted by Lambda behind a REST API or an HTTP API, and accepted directly.

    The functions' durations are assumptions until they are measured: `ordersctl power-tune` does that.
    """
    price = aws_prices()
    load = Load(size=sizes(lines), **given)
    if process_ms is not None:
        load = replace(load, process_ms=process_ms, process_order_ms=0)
    if publish_ms is not None:
        load = replace(load, publish_ms=publish_ms, publish_call_ms=0)
    ways = {"By Lambda": load, "HTTP API": replace(load, http=True), "Direct": replace(load, direct=True)}
    columns = {name: dollars_per_million(units(each), price) for name, each in ways.items()}
    show_orders(columns, orders_per_month / 1e6, f"US dollars, list prices as of {price['as_of']}")
    show_assumptions(load, price)
    show_baskets(load, price)
    kept = orders_per_month if kept is None else kept
    standing = standing_per_month(price, own_key=own_key)
    show_standing({**standing, f"{kept:,} orders kept": kept_per_month(kept, load.size, price)})


def show_orders(columns: Mapping[str, Mapping[str, float]], millions: float, title: str) -> None:
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("Component", footer="all", no_wrap=True)
    for column, of in columns.items():
        total = sum(of.values())
        table.add_column(f"{column}, per million", footer=f"{total:.2f}", justify="right")
        table.add_column("per month", footer=f"{total * millions:,.2f}", justify="right")
    for name in columns["By Lambda"]:
        values = [value for of in columns.values() for value in (of[name], of[name] * millions)]
        table.add_row(name, *(f"{value:,.2f}" for value in values))
    Console().print(table)


def show_assumptions(load: Load, price: Mapping[str, Any]) -> None:
    """Print the assumptions that change the total most: how full batches are, and how often a token is reused."""

    def both(**changes: float) -> str:
        # mypy takes each change for any field's
        totals = [dollars_per_million(units(replace(load, direct=each, **changes)), price) for each in (False, True)]  # type: ignore[arg-type]
        return " and ".join(f"${sum(each.values()):.2f}" for each in totals)

    console = Console(highlight=False)
    console.print(
        f"With {load.batch} orders per processor run and {load.records} changes per publisher run, as in a spike. "
        f"If each order comes alone, a million cost {both(batch=1, records=1)}."
    )
    console.print(
        f"With {load.authorized:g} authorizer runs per order: one is valid for a token's requests for five minutes. "
        f"If each order has a token of its own, a million cost {both(authorized=1)}.\n"
    )


def show_baskets(load: Load, price: Mapping[str, Any]) -> None:
    """Print what the orders of a shop's checkout cost beside these, which have lines only."""
    table = Table(title="An order by what is in it, accepted by Lambda", title_justify="left")
    table.add_column("Order", no_wrap=True)
    for column in ("KB", "write units", "per million"):
        table.add_column(column, justify="right")
    rows = {"lines alone": load.size, "a shop's basket: 20 lines and every field": SHOP_BASKET}
    for name, size in rows.items():
        used = units(replace(load, size=size))
        dollars = sum(dollars_per_million(used, price).values())
        table.add_row(name, f"{size.item:.2f}", f"{used.write_units:g}", f"{dollars:.2f}")
    Console().print(table)


def show_standing(standing: Mapping[str, float]) -> None:
    table = Table(title="Fixed costs, without any order", title_justify="left", show_footer=True)
    table.add_column("Item", footer="all of it", no_wrap=True)
    table.add_column("per month", footer=f"{sum(standing.values()):,.2f}", justify="right")
    for name, value in standing.items():
        table.add_row(name, f"{value:,.2f}")
    Console().print(table)
