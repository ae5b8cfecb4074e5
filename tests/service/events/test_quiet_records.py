"""Records of a quiet import have no event; the next change of the order has one."""

from collections.abc import Sequence

from chalicelib.adapters import order_items
from chalicelib.adapters.publishing import Undelivered
from chalicelib.application.publish import PoisonRecord, publish_changes
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import Order, OrderStatus
from testkit import builders


class Recorder:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[OrderEvent] = []

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        self.events += events
        return []


def published(before: Order | None, after: Order, *, imported: int, quiet: int) -> list[str]:
    """The types of the events of one change, of an item that an import wrote last at these versions."""
    marks = {"imported_version": {"N": str(imported)}, "quiet_version": {"N": str(quiet)}}
    images = {"NewImage": order_items.to_item(after) | marks}
    if before is not None:
        images["OldImage"] = order_items.to_item(before)
    recorder, poison = Recorder(), list[PoisonRecord]()
    record = {"eventID": "1", "dynamodb": images}
    assert publish_changes([record], source="urn:orders:tests", publisher=recorder, poison=poison) == 1
    assert poison == []
    return [event.type for event in recorder.events]


def test_an_order_that_is_imported_quietly_is_published_to_nobody() -> None:
    assert published(None, builders.an_order(), imported=1, quiet=1) == []


def test_a_change_that_is_imported_aloud_and_a_change_here_are_published() -> None:
    before = builders.an_order()
    after = before.change(None, status=OrderStatus.CONFIRMED, reason=None, by_service=True, now=builders.LATER)
    assert published(before, after, imported=2, quiet=1) == ["order.confirmed"]
    assert published(before, after, imported=1, quiet=1) == ["order.confirmed"]
