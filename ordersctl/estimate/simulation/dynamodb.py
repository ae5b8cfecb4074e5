"""DynamoDB as the model has it: a table, its index, and the partition that one customer's orders share in it."""

from ordersctl.estimate.simulation.limits import Bound, Limits
from ordersctl.estimate.simulation.parts import Orders, TokenBucket

PEAK_AGE_MINUTES = 30  # on-demand capacity follows the peak of so long ago


class Table:
    """Write units per second, of which a second's worth may be used at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._table, self._index, self._partition = (
            TokenBucket(rate, rate) for rate in (limits.write_units, limits.index_units, limits.partition_units)
        )
        self._minutes: list[float] = []  # orders per second that were written in each

    def write(self, orders: Orders, now: float) -> tuple[int, list[Bound]]:
        """How many of these orders are stored, and what refused the others: the index throttles its table, too."""
        costs = [(self._table, self._limits.item_units, Bound.TABLE), (self._index, 1.0, Bound.INDEX)]
        if orders.of_largest_customer:
            costs.append((self._partition, 1.0, Bound.PARTITION))
        room = [int(bucket.available(now) / cost) for bucket, cost, _ in costs]
        granted = min(orders.count, *room)
        for bucket, cost, _ in costs:
            bucket.spend(granted * cost)
        return granted, [bound for (_, _, bound), there in zip(costs, room, strict=True) if there < orders.count]

    def end_minute(self, orders_per_second: float) -> None:
        """On demand: room for double the highest minute that is old enough, if that is more than there was."""
        self._minutes.append(orders_per_second)
        peak = max(self._minutes[:-PEAK_AGE_MINUTES], default=0.0)
        for bucket, units in ((self._table, self._limits.item_units), (self._index, 1.0)):
            bucket.rate = max(bucket.rate, min(2 * peak * units, self._limits.table_units_most))
            bucket.size = bucket.rate
