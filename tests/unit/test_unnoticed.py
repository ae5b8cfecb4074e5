"""What the other tests would not notice: each of these was found missing by a mutation that survived."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from chalicelib import lambda_batches
from chalicelib.adapters import order_items
from chalicelib.domain import events, order_ids, orders
from chalicelib.domain.errors import IllegalTransition, InvalidOrder, NotChangeable, NotPermitted, Poison
from chalicelib.domain.orders import ErasedOrder, LineItem, NewOrder, Order, OrderChange, OrderContent, OrderStatus
from testkit.builders import ADDRESS, CUSTOMER, LATER, an_order, line, new_order

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


# --- what is stored for ever must stay as it is ----------------------------------------------------------------------


def test_a_key_gives_the_id_that_it_has_always_given() -> None:
    """Hash, labels, lengths and alphabet together: with any other, a retry after a deployment would be a new order."""
    assert order_ids.mint(b"secret", "17850", "key-1") == "ord_7cn1bs9swhjx0hsy1kvs4vkr46381tv5"
    assert order_ids.is_sealed_for(b"secret", "ord_7cn1bs9swhjx0hsy1kvs4vkr46381tv5", "17850")


def test_two_customers_share_no_part_of_an_id() -> None:
    one, other = (order_ids.mint(b"secret", customer, "key-1") for customer in ("a", "b"))
    assert one[:20] != other[:20]


def test_a_document_has_the_fingerprint_that_it_has_always_had() -> None:
    assert orders.fingerprint(orders.parse(NewOrder, new_order())) == "3abc7bc602b8beb011402aad6e58d5e6"
    assert (
        orders.fingerprint({"b": 1, "a": None})
        == orders.fingerprint({"a": None, "b": 1})
        == "84950323fcbaa4d338198db3af5c878d"
    )


# --- traces ----------------------------------------------------------------------------------------------------------


def test_a_trace_goes_from_an_order_into_its_item_its_tombstone_and_its_events() -> None:
    order = an_order(traceparent=TRACE)
    erased = order.erase(LATER)
    assert order_items.from_item(order_items.to_item(order)) == order
    assert order_items.from_item(order_items.to_item(erased)) == erased
    for told in (events.between(None, order, source="s"), events.between(order, erased, source="s")):
        assert told is not None
        assert told.traceparent == TRACE


# --- changes ---------------------------------------------------------------------------------------------------------


def changed(order: Order, content: OrderContent | None = None, **more: object) -> Order:
    asked: dict[str, object] = {"status": None, "reason": None, "by_service": True, "now": LATER}
    return order.change(content, **asked | more)  # type: ignore[arg-type]  # a test's shorthand


def content(**changes: object) -> OrderContent:
    return orders.parse(OrderContent, {"items": [line()]} | changes)


def test_items_and_note_change_together() -> None:
    order = changed(an_order(), content(items=[line(quantity=1)], note="new", shipping_address=ADDRESS))
    assert (order.items[0].quantity, order.total, order.note) == (1, 255, "new")
    assert order.shipping_address is not None


def test_a_refused_change_says_what_is_fixed_and_what_was_asked_for() -> None:
    with pytest.raises(NotChangeable, match=r"^the items of an order that is confirmed are fixed$"):
        changed(an_order(status=OrderStatus.CONFIRMED), content(items=[line(quantity=1)]))
    with pytest.raises(NotChangeable, match=r"^the address and note of an order that is shipped are fixed$"):
        changed(an_order(status=OrderStatus.SHIPPED), content(note="new"))
    with pytest.raises(NotPermitted, match=r"^only a service may ask for shipped$"):
        changed(an_order(), status=OrderStatus.SHIPPED, by_service=False)
    with pytest.raises(IllegalTransition) as refused:
        changed(an_order(), status=OrderStatus.DELIVERED)
    assert (refused.value.current, refused.value.asked) == ("placed", "delivered")


def test_a_change_of_status_asks_nothing_of_content_that_is_older_than_its_rules() -> None:
    old = an_order().model_copy(update={"items": (LineItem.model_construct(sku="", quantity=0, unit_price=0),)})
    change = orders.parse(OrderChange, {"status": "confirmed"})
    assert change.content_of(old) is None


def test_an_unknown_country_is_told_in_plain_words() -> None:
    with pytest.raises(InvalidOrder) as refused:
        orders.parse(NewOrder, new_order(shipping_address={**ADDRESS, "country": "XX"}))
    (violation,) = refused.value.violations
    assert violation.pointer == "/shipping_address/country"
    assert violation.detail == "Input should be a country code of ISO 3166-1 alpha-2"


# --- items -----------------------------------------------------------------------------------------------------------


def test_what_an_address_does_not_have_has_no_attribute() -> None:
    item = order_items.to_item(an_order(new={"shipping_address": ADDRESS}))
    assert item["shipping_address"]["M"].keys() == ADDRESS.keys()


def test_what_is_no_item_is_poison_that_names_what_is_missing_and_no_value() -> None:
    item = order_items.to_item(an_order())
    with pytest.raises(Poison, match=r"^not an order's item: 'fingerprint'$"):
        order_items.from_item({name: value for name, value in item.items() if name != "fingerprint"})
    with pytest.raises(Poison, match=r"^not an order's item: ValueError$"):
        order_items.from_item({**item, "total": {"N": "secret"}})


def test_an_erased_order_comes_back_as_one() -> None:
    assert isinstance(order_items.from_item(order_items.to_item(an_order().erase(LATER))), ErasedOrder)


# --- batches ---------------------------------------------------------------------------------------------------------


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[list[str]]:
    handler, logger = Heard(), logging.getLogger("orders")
    logger.addHandler(handler)
    yield handler.names
    logger.removeHandler(handler)


def test_an_unforeseen_error_is_logged_by_its_name(heard: list[str]) -> None:
    def fails(_thing: object) -> int:
        raise ValueError(CUSTOMER)

    def fails_alone(thing: str) -> None:
        fails(thing)

    lambda_batches.each(["a"], fails_alone, remaining_ms=lambda: 9_000)
    lambda_batches.in_order(["a"], fails, remaining_ms=lambda: 9_000)
    assert heard == ["message.failed", "records.failed"]


def test_a_second_is_time_enough_to_begin() -> None:
    assert lambda_batches.each(["a"], lambda _thing: None, remaining_ms=lambda: 1_000) == []
    assert lambda_batches.in_order(["a"], len, remaining_ms=lambda: 1_000) is None


def hanging(remaining_ms: int) -> tuple[list[int], int, float]:
    """Let 20 things hang; returns those not done, how many were ever begun, and how long it took (seconds)."""
    release, begun = threading.Event(), []

    def hang(thing: int) -> None:
        begun.append(thing)
        release.wait(5)

    def clock() -> float:  # the threads find time enough; who waits for them does not
        return remaining_ms if threading.current_thread() is threading.main_thread() else 9_000

    started = time.monotonic()
    others = set(threading.enumerate())
    failed = lambda_batches.each(list(range(20)), hang, remaining_ms=clock)
    took = time.monotonic() - started
    release.set()
    for thread in set(threading.enumerate()) - others:
        thread.join()
    return failed, len(begun), took


def test_what_waits_behind_something_that_hangs_is_never_begun() -> None:
    failed, begun, took = hanging(remaining_ms=600)
    assert failed == list(range(20))
    assert begun <= lambda_batches.WORKERS
    assert took < 0.9


def test_half_a_second_before_the_deadline_is_the_end_of_waiting() -> None:
    _, _, took = hanging(remaining_ms=900)
    assert 0.39 < took < 0.9
