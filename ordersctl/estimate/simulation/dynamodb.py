"""The model of DynamoDB: a table, its index, and the keys that the largest customer's orders have in the index."""

from ordersctl.estimate.simulation.limits import Bottleneck, Limits
from ordersctl.estimate.simulation.parts import Orders, TokenBucket

PEAK_AGE_MINUTES = 30  # on-demand capacity follows the peak of this long ago


class Table:
    """Write units per second; one second's units can be used at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._table, self._index = (TokenBucket(rate, rate) for rate in (limits.write_units, limits.index_units))
        rate = limits.partition_units
        self._keys = [TokenBucket(rate, rate) for _ in range(round(limits.index_keys))]
        self._minutes: list[float] = []  # orders per second that were written in each

    def write(self, orders: Orders, now: float) -> tuple[int, list[Bottleneck]]:
        """Return how many orders are stored, and what refused the others: the index throttles its table too."""
        costs = [(self._table, self._limits.item_units, Bottleneck.TABLE), (self._index, 1.0, Bottleneck.INDEX)]
        if orders.index_key is not None:
            costs.append((self._keys[orders.index_key], 1.0, Bottleneck.INDEX_KEY))
        room = [int(bucket.available(now) / cost) for bucket, cost, _ in costs]
        granted = min(orders.count, *room)
        for bucket, cost, _ in costs:
            bucket.spend(granted * cost)
        return granted, [each for (_, _, each), free in zip(costs, room, strict=True) if free < orders.count]

    def end_minute(self, orders_per_second: float) -> None:
        """Grow as an on-demand table does: to double the highest minute that is old enough; it never shrinks."""
        self._minutes.append(orders_per_second)
        peak = max(self._minutes[:-PEAK_AGE_MINUTES], default=0.0)
        for bucket, units in ((self._table, self._limits.item_units), (self._index, 1.0)):
            bucket.rate = max(bucket.rate, min(2 * peak * units, self._limits.table_units_most))
            bucket.size = bucket.rate
