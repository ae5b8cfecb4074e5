"""Pre-processing: the shop's own rules for an order, before it is stored. CONTRIBUTING.md shows how to add one.

A rule takes the order and who placed it, and yields violations. It runs in the processor for a new order and in the API
for a change, any number of times for one order. What it cannot find out now is a Fault: then the order waits on the
queue, and a change is answered 503.
"""

from collections.abc import Iterator

from chalicelib.adapters.price_table import PriceTable
from chalicelib.domain.errors import InvalidOrder, Violation
from chalicelib.domain.orders import Order
from chalicelib.domain.request_context import PlacedBy

_MAX_VIOLATIONS = 100  # as many as are stored with a rejected order


def preprocess(
    order: Order, placed_by: PlacedBy | None, *, prices: PriceTable | None, before: Order | None = None
) -> Order:
    """Return the order as it is to be stored; raises InvalidOrder with what is against the shop's rules, Fault.

    `placed_by` is None for an order that was accepted while customers' prices were trusted, and `prices` is None while
    they are. `before` is the order as it was, for a change.
    """
    violations = [
        *_differences_from_the_shops_prices(order, placed_by, prices, before),
    ]
    if violations:
        raise InvalidOrder(violations[:_MAX_VIOLATIONS])
    return order


def _differences_from_the_shops_prices(
    order: Order, placed_by: PlacedBy | None, prices: PriceTable | None, before: Order | None
) -> Iterator[Violation]:
    """CUSTOMER_PRICES=checked: a customer pays what the price table says, and a service may name any price."""
    if prices is None or placed_by != "customer":
        return
    if order.adjustments != (before.adjustments if before else None):
        yield Violation("/adjustments", "Only a service may add, change or remove what is paid beside the items")
    if before is not None and order.items == before.items:
        return  # a change of an address, say: what was ordered keeps its price
    currency = order.currency or ""
    known = prices.prices({item.sku for item in order.items}, currency)
    doubtful = {item.sku for item in order.items if known.get(item.sku) != item.unit_price}
    if doubtful:  # the price may have changed since it was read: an order at the new price is right
        certain = {sku: price for sku, price in known.items() if sku not in doubtful}
        known = certain | prices.prices(doubtful, currency, fresh=True)
    for index, item in enumerate(order.items):
        if (price := known.get(item.sku)) is None:
            yield Violation(f"/items/{index}/sku", f"{item.sku} has no price in {currency}")
        elif price != item.unit_price:
            yield Violation(f"/items/{index}/unit_price", f"The price of {item.sku} is {price} minor units")
