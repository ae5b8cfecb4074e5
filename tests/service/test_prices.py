"""CUSTOMER_PRICES=checked: customers pay the shop's prices, services name any; nothing is read when it is off."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.adapters import price_table
from chalicelib.domain.orders import Order
from ordersctl.deploy import package
from ordersctl.deploy.sam import translated
from testkit.api_client import ApiClient
from testkit.builders import CUSTOMER, line, new_order
from tests.service.harness import ServiceHarness, throttled
from tests.tools.deploy.gateway.velocity import DirectGateway

TABLE = "orders-tests-prices"
PRICES = {("85123A", "GBP"): 255, ("71053", "GBP"): 339, ("85123A", "EUR"): 299}


def set_price(harness: ServiceHarness, sku: str, currency: str, unit_price: int) -> None:
    harness.dynamodb.put_item(TableName=TABLE, Item=price_table.to_item(sku, currency, unit_price))


@pytest.fixture
def shop(built_with_checked_prices: ServiceHarness) -> Iterator[ServiceHarness]:
    """The service with a table of prices, and nothing kept of what it read before."""
    shop = built_with_checked_prices
    shop.empty_queues()
    for (sku, currency), unit_price in PRICES.items():
        set_price(shop, sku, currency, unit_price)
    shop.wiring.price_table().kept.clear()
    yield shop
    shop.end_faults()


def service_of(shop: ServiceHarness) -> ApiClient:
    return shop.api(subject="checkout", scope="orders/read orders/write orders/service")


def placed(shop: ServiceHarness, api: ApiClient, order: Any, path: str = "/orders") -> Order:
    """Post an order, put it through the processor, and return what was stored."""
    order_id = api.post(path, order).json["order_id"]
    shop.process_queue()
    stored = shop.stored(order_id)
    assert isinstance(stored, Order)
    return stored


def wrong(order: Order) -> list[tuple[str, str]]:
    assert (order.status, order.items, order.total) == ("rejected", (), 0)
    return [(each.pointer, each.detail) for each in order.violations or ()]


def calls_counted(shop: ServiceHarness) -> list[str]:
    """The requests for prices that are sent from now on."""
    requests: list[str] = []

    def count(body: str) -> None:
        requests.append(body)

    shop.fail(shop.wiring.price_table(), "BatchGetItem", count)
    return requests


def test_a_customers_order_at_the_shops_prices_is_placed(shop: ServiceHarness) -> None:
    order = placed(shop, shop.api(), new_order(items=[line(), line(sku="71053", unit_price=339)]))
    assert (order.status, order.total) == ("placed", 6 * 255 + 6 * 339)


def test_what_differs_is_rejected_with_its_place_and_the_right_price(shop: ServiceHarness) -> None:
    lines = [line(), line(sku="71053", unit_price=1), line(sku="unknown")]
    assert wrong(placed(shop, shop.api(), new_order(items=lines))) == [
        ("/items/1/unit_price", "The price of 71053 is 339 minor units"),
        ("/items/2/sku", "unknown has no price in GBP"),
    ]


def test_a_price_is_one_of_its_currency(shop: ServiceHarness) -> None:
    assert placed(shop, shop.api(), new_order(currency="EUR", items=[line(unit_price=299)])).status == "placed"
    assert wrong(placed(shop, shop.api(), new_order(currency="EUR"))) == [
        ("/items/0/unit_price", "The price of 85123A is 299 minor units")
    ]


def test_a_customer_adds_no_adjustments(shop: ServiceHarness) -> None:
    order = new_order(adjustments=[{"type": "discount", "amount": -1000}])
    assert wrong(placed(shop, shop.api(), order)) == [
        ("/adjustments", "Only a service may add, change or remove what is paid beside the items")
    ]


def test_a_service_is_believed(shop: ServiceHarness) -> None:
    order = new_order(items=[line(unit_price=1)], adjustments=[{"type": "shipping", "amount": 499}])
    stored = placed(shop, service_of(shop), order, f"/orders?customer_id={CUSTOMER}")
    assert (stored.status, stored.total) == ("placed", 505)


def test_an_order_that_was_accepted_while_customers_were_trusted_is_still_believed(
    shop: ServiceHarness, harness: ServiceHarness
) -> None:
    order_id = harness.api().post("/orders", new_order(items=[line(unit_price=1)])).json["order_id"]
    shop.process_queue()
    stored = shop.stored(order_id)
    assert isinstance(stored, Order)
    assert stored.status == "placed"


def test_a_redelivered_message_takes_nothing_back_when_the_price_has_changed(shop: ServiceHarness) -> None:
    order_id = shop.api().post("/orders", new_order()).json["order_id"]
    (body,) = shop.process_queue()
    set_price(shop, "85123A", "GBP", 300)
    shop.wiring.price_table().kept.clear()
    shop.process(body)
    stored = shop.stored(order_id)
    assert isinstance(stored, Order)
    assert stored.status == "placed"
    assert shop.quarantined() == []


def test_a_price_is_kept_for_a_minute_and_read_again_before_an_order_is_rejected(shop: ServiceHarness) -> None:
    placed(shop, shop.api(), new_order())
    set_price(shop, "85123A", "GBP", 300)
    assert placed(shop, shop.api(), new_order(note="the old price, within the minute")).status == "placed"
    assert placed(shop, shop.api(), new_order(items=[line(unit_price=300)])).status == "placed"
    assert wrong(placed(shop, shop.api(), new_order(note="known to be old now"))) == [
        ("/items/0/unit_price", "The price of 85123A is 300 minor units")
    ]


@pytest.fixture
def stale_reads(shop: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eventually consistent reads give the prices as they are now, whatever is written later."""
    client = shop.wiring.price_table().client
    batch_get_item = client.batch_get_item
    late = {sku: price_table.to_item(sku, currency, price) for (sku, currency), price in PRICES.items()}

    def read(*, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - botocore's name
        ((table, request),) = RequestItems.items()
        if request.get("ConsistentRead"):
            return batch_get_item(RequestItems=RequestItems)
        found = [late.get(each["sku"]["S"]) for each in request["Keys"]]
        return {"Responses": {table: [each for each in found if each]}, "UnprocessedKeys": {}}

    monkeypatch.setitem(vars(client), "batch_get_item", read)


@pytest.mark.usefixtures("stale_reads")
def test_no_order_is_rejected_by_a_price_that_an_eventually_consistent_read_missed(shop: ServiceHarness) -> None:
    set_price(shop, "71053", "GBP", 300)
    set_price(shop, "new", "GBP", 100)
    lines = [line(), line(sku="71053", unit_price=300), line(sku="new", unit_price=100)]
    order = placed(shop, shop.api(), new_order(items=lines))
    assert order.status == "placed"
    patch = json.dumps({"items": [line(sku="new", unit_price=100, quantity=2)]})
    assert shop.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*").status == 200


def test_only_the_read_before_a_rejection_costs_strong_consistency(shop: ServiceHarness) -> None:
    requests = calls_counted(shop)
    placed(shop, shop.api(), new_order())
    placed(shop, shop.api(), new_order(items=[line(unit_price=1)]))
    asked = [json.loads(each)["RequestItems"][TABLE] for each in requests]
    assert [each.get("ConsistentRead", False) for each in asked] == [False, True]


def test_while_prices_cannot_be_read_the_order_waits(shop: ServiceHarness) -> None:
    order_id = shop.api().post("/orders", new_order()).json["order_id"]
    shop.fail(shop.wiring.price_table(), "BatchGetItem", lambda _body: throttled("BatchGetItem"))
    (body,) = shop.bodies("orders-tests-queue")
    with pytest.raises(Exception, match="1 of 1"):
        shop.process(body)
    assert shop.stored(order_id) is None
    shop.end_faults()
    shop.process(body)
    stored = shop.stored(order_id)
    assert isinstance(stored, Order)
    assert stored.status == "placed"


def test_a_basket_costs_one_read_for_a_hundred_skus_and_none_within_the_minute(shop: ServiceHarness) -> None:
    requests = calls_counted(shop)
    for number in range(150):
        set_price(shop, f"S{number}", "GBP", 255)
    order = new_order(items=[line(sku=f"S{number}") for number in range(150)])
    assert placed(shop, shop.api(), order).status == "placed"
    assert [len(json.loads(each)["RequestItems"][TABLE]["Keys"]) for each in requests] == [100, 50]
    assert placed(shop, shop.api(), order | {"note": "again"}).status == "placed"
    assert len(requests) == 2


@pytest.mark.parametrize(
    "patch",
    [
        lambda: {"items": [line(unit_price=1)]},
        lambda: {"adjustments": [{"type": "discount", "amount": -1}]},
    ],
)
def test_a_customers_change_cannot_name_prices_either(shop: ServiceHarness, patch: Callable[[], Any]) -> None:
    order = placed(shop, shop.api(), new_order())
    answer = shop.api().call("PATCH", f"/orders/{order.order_id}", json.dumps(patch()), If_Match="*")
    assert (answer.status, answer.problem) == (422, "invalid-order")
    assert shop.stored(order.order_id) == order


def with_shipping(shop: ServiceHarness) -> Order:
    """An order of the customer to which the checkout added shipping."""
    order = new_order(adjustments=[{"type": "shipping", "amount": 495}])
    return placed(shop, service_of(shop), order, f"/orders?customer_id={CUSTOMER}")


@pytest.mark.parametrize("adjustments", [None, [], [{"type": "shipping", "amount": 0}]], ids=str)
def test_a_customer_does_not_remove_what_a_service_added(shop: ServiceHarness, adjustments: Any) -> None:
    order = with_shipping(shop)
    patch = json.dumps({"adjustments": adjustments})
    answer = shop.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*")
    assert (answer.status, answer.problem) == (422, "invalid-order")
    assert shop.stored(order.order_id) == order


def test_a_customer_changes_a_quantity_beside_what_a_service_added(shop: ServiceHarness) -> None:
    order = with_shipping(shop)
    patch = json.dumps({"items": [line(quantity=1)]})
    answer = shop.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*")
    assert (answer.status, answer.json["total"]) == (200, 255 + 495)


def test_a_change_of_something_else_reads_no_price_and_keeps_the_old_ones(shop: ServiceHarness) -> None:
    order = placed(shop, shop.api(), new_order())
    set_price(shop, "85123A", "GBP", 300)
    requests = calls_counted(shop)
    changed = shop.api().call("PATCH", f"/orders/{order.order_id}", json.dumps({"note": "gift"}), If_Match="*")
    assert (changed.status, changed.json["total"]) == (200, 6 * 255)
    assert requests == []


def test_while_prices_cannot_be_read_a_change_is_answered_503(shop: ServiceHarness) -> None:
    order = placed(shop, shop.api(), new_order(items=[line(sku="71053", unit_price=339)]))
    shop.fail(shop.wiring.price_table(), "BatchGetItem", lambda _body: throttled("BatchGetItem"))
    patch = json.dumps({"items": [line(quantity=7)]})
    answer = shop.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*")
    assert (answer.status, answer.problem) == (503, "unavailable")
    assert shop.stored(order.order_id) == order


def test_where_customers_are_trusted_no_price_is_read(harness: ServiceHarness) -> None:
    assert harness.wiring.price_table() is None
    order_id = harness.api().post("/orders", new_order(items=[line(unit_price=1)])).json["order_id"]
    (body,) = harness.process_queue()
    assert "placed_by" not in json.loads(body)
    stored = harness.stored(order_id)
    assert isinstance(stored, Order)
    assert stored.status == "placed"


@pytest.fixture(params=["by Lambda", "directly"])
def accept(shop: ServiceHarness, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Any], str]]:
    """Accepts an order of a customer as one of the two ways of accepting does, and returns its id."""
    if request.param == "by Lambda":
        api = shop.api()
        yield lambda order: str(api.post("/orders", order).json["order_id"])
        return
    package.package.main(["--stage", "prod", "--template-only", "--out", str(tmp_path)], standalone_mode=False)
    template = translated(json.loads((tmp_path / package.TEMPLATE).read_text()))
    url = shop.sqs.get_queue_url(QueueName="orders-tests-queue")["QueueUrl"]
    with httpx.Client(timeout=30, trust_env=False) as http:
        gateway = DirectGateway.of(template, url, http, with_checked_prices=True)
        yield lambda order: str(gateway.post(json.dumps(order), str(uuid.uuid4())).json["order_id"])


@pytest.mark.full  # a thousand orders; a hundred with botocore, whose calls are slower
def test_of_a_thousand_orders_exactly_those_that_were_tampered_with_are_rejected(
    shop: ServiceHarness, accept: Callable[[Any], str], aws_client: str
) -> None:
    many = 1_000 if aws_client == "thin" else 100
    tampered = {
        accept(new_order(items=[line(unit_price=254 if n % 10 == 0 else 255)], reference=f"n{n}")): n % 10 == 0
        for n in range(many)
    }
    assert len(tampered) == len(shop.process_queue()) == many
    statuses = {order_id: shop.stored(order_id) for order_id in tampered}
    assert {o: isinstance(s, Order) and s.status == "rejected" for o, s in statuses.items()} == tampered
