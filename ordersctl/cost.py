"""`ordersctl cost`: what so many orders a month cost on AWS, component by component."""

from dataclasses import replace

import click
from rich.console import Console
from rich.table import Table

from ordersctl.cost_model import Load, dollars_per_million, prices, units


@click.command()
@click.option("--orders-per-month", metavar="N", type=click.IntRange(min=1), required=True)
@click.option(
    "--batch-size", type=click.IntRange(1, 10), default=10, show_default=True, help="Orders per processor run."
)
@click.option(
    "--records", type=click.IntRange(1, 1000), default=100, show_default=True, help="Changes per publisher run."
)
@click.option("--memory", metavar="MB", type=click.IntRange(128, 10_240), default=512, show_default=True)
@click.option("--accept-ms", type=click.FloatRange(min=1), default=12.0, show_default=True, help="Billed, per request.")
@click.option("--item-kb", type=click.FloatRange(0.1, 400), default=1.0, show_default=True, help="Of a stored order.")
@click.option("--reads", type=click.FloatRange(min=0), default=0.0, show_default=True, help="GET per order.")
@click.option("--keyed", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share with a key.")
@click.option("--log-lines/--no-log-lines", default=True, show_default=True, help="The service's own lines.")
@click.option(
    "--lambda-report/--no-lambda-report", default=True, show_default=True, help="Lambda's lines per invocation."
)
def cost(
    *,
    orders_per_month: int,
    batch_size: int,
    records: int,
    memory: int,
    accept_ms: float,
    item_kb: float,
    reads: float,
    keyed: float,
    log_lines: bool,
    lambda_report: bool,
) -> None:
    """Tell what orders cost on AWS, by Lambda and by direct acceptance.

    The functions' durations are assumptions until they are measured: `ordersctl power-tune` does that.
    """
    price = prices()
    load = Load(
        keyed=keyed,
        reads=reads,
        batch=batch_size,
        records=records,
        item_kb=item_kb,
        accept_ms=accept_ms,
        memory_mb=memory,
        log_lines=log_lines,
        lambda_report=lambda_report,
    )
    by_lambda, direct = (dollars_per_million(units(each), price) for each in (load, replace(load, direct=True)))
    table = Table(title=f"US dollars, list prices as of {price['as_of']}", title_justify="left", show_footer=True)
    millions = orders_per_month / 1e6
    for column, of in (("By Lambda", by_lambda), ("Direct", direct)):
        if not table.columns:
            table.add_column("Component", footer="all", no_wrap=True)
        total = sum(of.values())
        table.add_column(f"{column}, per million", footer=f"{total:.2f}", justify="right")
        table.add_column("per month", footer=f"{total * millions:,.2f}", justify="right")
    for name in by_lambda:
        values = [f"{value:.2f}" for value in (by_lambda[name], direct[name])]
        monthly = [f"{value * millions:,.2f}" for value in (by_lambda[name], direct[name])]
        table.add_row(name, values[0], monthly[0], values[1], monthly[1])
    Console().print(table)
