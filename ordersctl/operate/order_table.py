"""A stage's table of orders, for the operator's commands."""

from chalicelib.adapters.order_table import OrderTable
from ordersctl.shared.stage import Stage


def order_table(stage: Stage) -> OrderTable:
    """Return the table, with customers spread as the stage's functions have it."""
    return OrderTable(stage.client("dynamodb"), stage.output("OrderTable"), spread=stage.spread)
