"""A customer's orders: those in the table, and those whose commands are dead letters."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from chalicelib.application import manage
from chalicelib.domain import clock, order_ids
from chalicelib.domain.errors import OrderNotFound
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate.dlq.walk import Walk
from ordersctl.operate.order_table import order_table
from ordersctl.operate.send import RateLimit
from ordersctl.shared.queues.dead_letters import DeadLetter, at, cloud_event
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.stage import Stage

_PAGE = 100


@dataclass(frozen=True)
class CustomerOrders:
    """What a stage holds of one customer."""

    stage: Stage
    customer_id: str
    limit: RateLimit

    @property
    def _table(self) -> OrderTable:
        return order_table(self.stage)

    def stored(self) -> Iterator[tuple[str, str]]:
        """Yield the id and status of each order that the index lists; erased ones are not in it."""
        table, after = self._table, None
        while True:
            page = table.list_for_customer(self.customer_id, limit=_PAGE, start_after=after)
            yield from ((str(each["order_id"]), str(each["status"])) for each in page.orders)
            if (after := page.last_placed_key) is None:
                return

    def erase_stored(self) -> int:
        """Erase each order that the index lists, and return how many there were."""
        table, erased = self._table, 0
        for order_id, _ in self.stored():
            self.limit.wait()
            try:
                erased += manage.erase_stored_order(order_id, owner=self.customer_id, now=clock.now(), table=table)
            except OrderNotFound:
                continue  # the index was read just before the item went
        return erased

    def dead_letters(self) -> Counter[str]:
        """Count by queue the dead letters that hold something of the customer."""
        with Walk(self.stage, StageQueues.of(self.stage).dead) as walk:
            return Counter(each.queue.name for each in walk if self._is_theirs(each))

    def erase_dead_letters(self) -> Counter[str]:
        """Delete the customer's dead letters of the order queue and of the publisher, and return how many by queue.

        An order whose command was a dead letter was never stored. Its tombstone takes its place, so that no client
        reads "accepted" for ever and no later redrive stores it.
        """
        queues = [queue for queue in StageQueues.of(self.stage).dead if queue.kind != "consumer"]
        table = self._table
        deleted: Counter[str] = Counter()
        with Walk(self.stage, queues) as walk:
            for dead_letter in filter(self._is_theirs, walk):
                self.limit.wait()
                walk.renew_when_due()
                if dead_letter.queue.kind == "orders":
                    _bury(dead_letter, table)
                elif not self._is_superseded(dead_letter, table):
                    continue
                walk.delete(dead_letter)
                deleted[dead_letter.queue.name] += 1
        return deleted

    def _is_theirs(self, dead_letter: DeadLetter) -> bool:
        document = dead_letter.document
        match dead_letter.queue.kind:
            case "orders":
                return bool(at(document, "customer_id") == self.customer_id)
            case "events":
                images = "OldImage", "NewImage"
                keys = (at(document, "dynamodb", image, order_items.CUSTOMER_ID, "S") for image in images)
                return any(isinstance(key, str) and order_items.customer_of(key) == self.customer_id for key in keys)
            case "consumer":
                return bool(at(cloud_event(document), "data", "customer_id") == self.customer_id)

    @staticmethod
    def _is_superseded(dead_letter: DeadLetter, table: OrderTable) -> bool:
        """Whether a record tells of a version before the tombstone: the tombstone's own is still to be published."""
        try:
            stored = table.get(str(dead_letter.order_id))
        except OrderNotFound:
            return False
        version = at(dead_letter.document, "dynamodb", "NewImage", "version", "N")
        return isinstance(stored, ErasedOrder) and version != str(stored.version)


def _bury(dead_letter: DeadLetter, table: OrderTable) -> None:
    """Store a tombstone for the order of a command, unless its id is no order's or an order has it already."""
    order_id = dead_letter.order_id
    if order_id is None or not order_ids.is_well_formed(order_id):
        return
    now = clock.now()
    stored: Order | ErasedOrder | None = table.add(
        ErasedOrder(order_id=order_id, version=1, updated_at=now, correlation_id=dead_letter.id)
    )
    assert stored is None or stored.order_id == order_id  # noqa: S101  the id is the table's key
