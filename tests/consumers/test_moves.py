"""A sample consumer meets an order that has changed since its event."""

import json
import os
import signal
import subprocess
import sys

import pytest
from orders_consumer import KeepsChangingError

from ordersctl.local.consumers import EXAMPLES
from testkit.builders import line
from testkit.lambda_events import sqs_event
from tests.consumers.harness import THIN, Api, Event, SampleConsumer, at, of_another_order

Consumers = dict[str, SampleConsumer]
OTHER_ITEMS = [line(sku="other", quantity=3), line(sku="another", quantity=1), line(sku="other", quantity=2)]


@pytest.fixture
def api(consumers: Consumers) -> Api:
    return consumers["inventory"].api


@pytest.fixture
def placed() -> Event:
    return of_another_order(at("order.placed", 1))


@pytest.fixture
def confirmed() -> Event:
    return of_another_order(at("order.confirmed", 2))


def test_an_order_that_was_changed_is_confirmed_as_it_is_now(consumers: Consumers, api: Api, placed: Event) -> None:
    inventory = consumers["inventory"]
    api.keep(placed["data"], version=2, items=OTHER_ITEMS)
    inventory.take(placed)
    assert inventory.asked_for() == [("PATCH", "confirmed", '"1"'), ("GET", "", ""), ("PATCH", "confirmed", '"2"')]
    assert api.status_of(placed["subject"]) == ("confirmed", 3)
    state = inventory.state(placed["subject"])
    assert (state["stock"], state["skus"]) == ("reserved", {"other": 5, "another": 1})


def test_an_order_whose_address_was_changed_is_shipped_and_delivered(
    consumers: Consumers, api: Api, confirmed: Event
) -> None:
    api.keep(confirmed["data"], version=3)
    consumers["fulfilment"].take(confirmed)
    assert api.status_of(confirmed["subject"]) == ("delivered", 5)
    assert consumers["fulfilment"].state(confirmed["subject"])["seen"] == "delivered"


@pytest.mark.parametrize(
    ("name", "event_type", "made_of_it"),
    [("inventory", "order.placed", {"stock": "released"}), ("fulfilment", "order.confirmed", {"seen": "cancelled"})],
)
def test_an_order_that_was_cancelled_meanwhile_stays_cancelled_and_its_event_is_recorded(
    consumers: Consumers, api: Api, name: str, event_type: str, made_of_it: dict[str, str]
) -> None:
    event = of_another_order(at(event_type, 2))
    cancelled = at("order.cancelled", 3) | {"subject": event["subject"]}
    api.keep(event["data"], status="cancelled", version=3)
    for delivered in (event, cancelled):
        consumers[name].take(delivered)
        state = consumers[name].state(event["subject"])
        assert (state["event_id"], int(state["sequence"])) == (delivered["id"], int(delivered["sequence"]))
        assert made_of_it.items() <= state.items()
    assert api.status_of(event["subject"]) == ("cancelled", 3)
    assert [method for method, _, _ in consumers[name].asked_for()] == ["PATCH", "GET"]


@pytest.mark.parametrize("status", [404, 410])
def test_stock_of_an_erased_or_missing_order_is_released(
    consumers: Consumers, api: Api, placed: Event, status: int
) -> None:
    if status == 410:
        api.keep(placed["data"], status="erased")
    consumers["inventory"].take(placed)
    assert consumers["inventory"].state(placed["subject"])["stock"] == "released"


@pytest.mark.parametrize("refusal", [409, 412])
def test_an_order_that_keeps_changing_is_left_to_the_next_delivery(
    consumers: Consumers, api: Api, placed: Event, refusal: int
) -> None:
    inventory = consumers["inventory"]
    api.keep(placed["data"])
    api.answers["PATCH"] = (refusal, {})
    with pytest.raises(KeepsChangingError):
        inventory.take(placed)
    assert [method for method, _, _ in inventory.asked_for()] == ["PATCH", "GET"] * 3
    assert inventory.state(placed["subject"]) == {}
    api.answers.clear()
    inventory.take(placed)
    assert api.status_of(placed["subject"]) == ("confirmed", 2)


@pytest.mark.parametrize("version", [1, 4])
def test_a_thin_event_is_recorded_under_its_own_sequence_whatever_version_was_read(
    consumers: Consumers, api: Api, placed: Event, version: int
) -> None:
    thin = of_another_order(THIN["order.placed"])
    api.keep(placed["data"], order_id=thin["subject"], version=version)
    consumers["inventory"].take(thin)
    assert api.status_of(thin["subject"]) == ("confirmed", version + 1)
    assert int(consumers["inventory"].state(thin["subject"])["sequence"]) == 1


def test_a_thin_event_of_an_order_erased_meanwhile_is_handled(consumers: Consumers, api: Api) -> None:
    thin = of_another_order(THIN["order.placed"])
    api.answers["GET"] = (410, {})
    consumers["inventory"].take(thin)
    assert consumers["inventory"].state(thin["subject"])["stock"] == "released"


# --- killed in the middle --------------------------------------------------------------------------------------------


def invocation(consumer: SampleConsumer, event: Event, engine_url: str) -> "subprocess.Popen[bytes]":
    """Hand an event to a consumer in a process of its own, as Lambda does."""
    environment = {
        "PYTHONPATH": "vendor",
        "QUEUE_NAME": consumer.name,
        "INBOX_TABLE": consumer.table.name,
        "ORDERS_API_URL": consumer.api.url,
        **consumer.api.client,
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    program = "import app, json, sys; app.app.handler_map['take-in'](json.loads(sys.argv[1]), None)"
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, json.dumps(sqs_event(json.dumps(event)))],
        cwd=EXAMPLES / consumer.name,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("after", ["shipped", "delivered"])
def test_a_fulfilment_that_was_killed_is_finished_when_the_event_is_redelivered(
    consumers: Consumers, api: Api, confirmed: Event, engine_url: str, after: str
) -> None:
    fulfilment, order_id = consumers["fulfilment"], confirmed["subject"]
    api.keep(confirmed["data"])

    first = invocation(fulfilment, confirmed, engine_url)
    api.before_saying = lambda: first.kill() if api.status_of(order_id)[0] == after else None
    assert first.wait(20) == -signal.SIGKILL
    assert api.status_of(order_id)[0] == after
    assert fulfilment.state(order_id) == {}

    api.before_saying = lambda: None
    assert invocation(fulfilment, confirmed, engine_url).wait(20) == 0
    assert api.status_of(order_id) == ("delivered", 4)
    state = fulfilment.state(order_id)
    assert (state["seen"], int(state["sequence"])) == ("delivered", 2)
