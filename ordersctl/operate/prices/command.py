"""`ordersctl prices`: fills and shows the table of prices that customers' orders are checked against."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from chalicelib.adapters import price_table
from ordersctl.operate.prices import price_file
from ordersctl.operate.prices.price_file import Price
from ordersctl.shared import options
from ordersctl.shared.output import number_of, say, show
from ordersctl.shared.stage import Stage, with_stage

_AT_ONCE = 25  # DynamoDB: the most writes of one BatchWriteItem
_ATTEMPTS = 10  # for writes that DynamoDB leaves unprocessed when it is busy
_COLUMNS = ("sku", "currency", "unit_price")


@click.group()
def prices() -> None:
    """Fill and show the table of prices of a stage with CustomerPrices=checked.

    A customer's order is rejected when a line has another price, or no price is known. Services are believed.
    """


@prices.command(short_help="Write the prices of a CSV.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Remove the prices that FILE does not name.")
@options.yes
@with_stage
def load(*, stage: Stage, file: Path, prune: bool, yes: bool) -> None:
    """Write the prices of FILE, a CSV in UTF-8 with the columns sku, currency (ISO 4217) and unit_price (minor units).

    The whole file is checked before the first price is written. Functions keep a price for a minute. Loading a file
    again changes nothing.
    """
    try:
        wanted = {(each.sku, each.currency): each for each in price_file.read(file.read_bytes())}
    except (OSError, price_file.UnreadablePricesError) as error:
        raise click.BadParameter(f"{file} cannot be loaded: {error}.", param_hint="FILE") from error
    table = _table(stage)
    present = {(each.sku, each.currency): each for each in _all_prices(stage, table)}
    changed = [price for key, price in wanted.items() if present.get(key) != price]
    removed = [price for key, price in present.items() if key not in wanted] if prune else []
    new = sum((each.sku, each.currency) not in present for each in changed)
    what = f"{new} new, {len(changed) - new} changed, {len(removed)} removed, {len(wanted) - len(changed)} as they were"
    if not (changed or removed):
        say(f"Nothing to do: {what}.")
        return
    if not yes:
        stage.confirm(f"prices: {what}. Go on?")
    _write(stage, table, changed, removed)
    say(f"Prices of stage {stage.name}: {what}. Functions that have read an old price use it for at most a minute.")


@prices.command("show")
@click.argument("skus", metavar="[SKU]...", nargs=-1)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many to show at most.")
@options.as_json
@with_stage
def show_prices(*, stage: Stage, skus: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Show the prices of some SKUs, or of all."""
    found = [each for each in _all_prices(stage, _table(stage)) if not skus or each.sku in skus]
    rows = [vars(each) for each in sorted(found, key=lambda each: (each.sku, each.currency))]
    show("Prices, in minor units", rows[:limit], _COLUMNS, as_json=as_json)
    if len(rows) > limit and not as_json:
        say(f"{number_of(len(rows) - limit, 'more price')}: --limit shows them.", err=True)


def _table(stage: Stage) -> str:
    """Return the name of the stage's table of prices; ClickException when the stage has none."""
    if name := stage.outputs().get("PriceTable"):
        return name
    raise click.ClickException(f"stage {stage.name} has no table of prices: its setting CustomerPrices is not checked")


def _all_prices(stage: Stage, table: str) -> Iterator[Price]:
    for page in stage.client("dynamodb").get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            yield Price(
                item[price_table.SKU]["S"],
                item[price_table.CURRENCY]["S"],
                int(item[price_table.UNIT_PRICE]["N"]),
            )


def _write(stage: Stage, table: str, changed: Sequence[Price], removed: Sequence[Price]) -> None:
    """Put and delete prices; ClickException when DynamoDB takes some not even after several attempts."""
    writes: list[Mapping[str, Any]] = [
        *({"PutRequest": {"Item": price_table.to_item(each.sku, each.currency, each.unit_price)}} for each in changed),
        *({"DeleteRequest": {"Key": price_table.key(each.sku, each.currency)}} for each in removed),
    ]
    client = stage.client("dynamodb")
    for start in range(0, len(writes), _AT_ONCE):
        asked: Any = {table: writes[start : start + _AT_ONCE]}
        for _ in range(_ATTEMPTS):
            if not (asked := client.batch_write_item(RequestItems=asked).get("UnprocessedItems")):
                break
        else:
            raise click.ClickException("DynamoDB is busy and did not take all prices: run the command again.")
