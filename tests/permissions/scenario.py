"""A run on the fake AWS in which each function makes each of its calls, with every combination of optional settings."""

import itertools
import random
from typing import Any

from testkit.fake_aws.faults import NO_FAULTS, THROTTLED
from testkit.fake_aws.repeatable import repeatable
from testkit.permissions import calls
from testkit.permissions.calls import Call
from tests.resilience.scenarios import Client, Request, Scenario, new_order
from tests.resilience.simulation import SimulationRun
from tests.resilience.stream_mapping import MappingSettings
from tests.resilience.test_crash_points import every_route

SETTINGS: tuple[dict[str, str], ...] = (
    {"EVENT_BUS_NAME": "shop"},
    {"DAX_ENDPOINT": "dax://orders.invalid"},
    {"CUSTOMER_PRICES": "checked", "PRICE_TABLE": "orders-prices"},
)


def recorded_calls() -> set[Call]:
    """Return the calls of all functions under all combinations of settings."""
    before = set(calls.made)
    calls.made.clear()
    for chosen in itertools.product((False, True), repeat=len(SETTINGS)):
        environment: dict[str, str] = {}
        for settings in itertools.compress(SETTINGS, chosen):
            environment |= settings
        _run(environment)
    found = set(calls.made)
    calls.made.update(before)
    return found


def _run(environment: dict[str, str]) -> None:
    with repeatable(1, **environment):
        run = SimulationRun(1, MappingSettings(), odds=NO_FAULTS, always_cold=True)
        run.aws.prices = [*_price_items("one"), *_price_items("two")]
        run.clients = [Client(every_route("one", "k1")), Client(_change_items("two"))]
        run.inject_message("garbage")
        run.inject_item("ord_" + "1" * 32)
        for client in run.clients:
            run.advance(client)
        # Some messages of the first batch fail, so that the handler deletes the others.
        run.aws.faults.outages["dynamodb"] = (run.aws.now + 0.1, THROTTLED)
        run.queue_turn(10)
        run.come_to_rest()


def _price_items(name: str) -> list[dict[str, Any]]:
    order = new_order(random.Random(name), name)
    return [
        {"sku": {"S": line["sku"]}, "currency": {"S": order["currency"]}, "unit_price": {"N": str(line["unit_price"])}}
        for line in order["items"]
    ]


def _change_items(name: str) -> Scenario:
    """Place an order, and change its items once it is stored."""
    posted = new_order(random.Random(name), name)
    answer = yield Request("POST", "/orders", "anna", body=posted)
    path = f"/orders/{answer.body['order_id']}"
    while answer.status != 200:
        lines = [{**line, "quantity": 1} for line in posted["items"]]
        answer = yield Request("PATCH", path, "anna", body={"items": lines[:1]}, headers={"If-Match": "*"})
        assert answer.status in (200, 409, 404), answer
