"""What a sample consumer does about an order that is no longer what the event said."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from orders_consumer import KeepsChangingError

from ordersctl.engine import client_options
from tests.builders import line
from tests.consumers.house import THIN, Api, Event, SampleConsumer, at, of_another_order
from tests.local_run import PROJECT_DIR, eventually

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
def test_an_order_that_was_cancelled_meanwhile_stays_so_and_its_event_still_counts(
    consumers: Consumers, api: Api, name: str, event_type: str, made_of_it: dict[str, str]
) -> None:
    event = of_another_order(at(event_type, 2))
    cancelled = at("order.cancelled", 3) | {"subject": event["subject"]}
    api.keep(event["data"], status="cancelled", version=3)
    for told in (event, cancelled):
        consumers[name].take(told)
        state = consumers[name].state(event["subject"])
        assert (state["event_id"], int(state["sequence"])) == (told["id"], int(told["sequence"]))
        assert made_of_it.items() <= state.items()
    assert api.status_of(event["subject"]) == ("cancelled", 3)
    assert [method for method, _, _ in consumers[name].asked_for()] == ["PATCH", "GET"]


@pytest.mark.parametrize("status", [404, 410])
def test_of_an_order_that_is_gone_nothing_is_kept_back(
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
def test_a_thin_event_is_noted_by_its_own_sequence_whatever_was_read(
    consumers: Consumers, api: Api, placed: Event, version: int
) -> None:
    thin = of_another_order(THIN["order.placed"])
    api.keep(placed["data"], order_id=thin["subject"], version=version)
    consumers["inventory"].take(thin)
    assert api.status_of(thin["subject"]) == ("confirmed", version + 1)
    assert int(consumers["inventory"].state(thin["subject"])["sequence"]) == 1


def test_a_thin_event_of_an_order_that_was_erased_meanwhile_is_no_trouble(consumers: Consumers, api: Api) -> None:
    thin = of_another_order(THIN["order.placed"])
    api.answers["GET"] = (410, {})
    consumers["inventory"].take(thin)
    assert consumers["inventory"].state(thin["subject"])["stock"] == "released"


# --- killed in the middle --------------------------------------------------------------------------------------------


@contextmanager
def running(name: str, table: str, engine_url: str, api: Api) -> Iterator[subprocess.Popen[bytes]]:
    """The consumer as a process of its own, as in the local run."""
    environment = {
        "QUEUE_NAME": table,
        "INBOX_TABLE": table,
        "ORDERS_API_URL": api.url,
        "ORDERS_TOKEN": "a token",
        "AWS_ENDPOINT_URL": engine_url,
    }
    command = [sys.executable, "-m", "ordersctl", "consumer", name]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env={**os.environ, **environment})  # noqa: S603 - our own
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("after", ["shipped", "delivered"])
def test_fulfilment_killed_after_a_move_finishes_when_it_is_back(
    consumers: Consumers, api: Api, confirmed: Event, engine_url: str, after: str
) -> None:
    fulfilment, order_id = consumers["fulfilment"], confirmed["subject"]
    api.keep(confirmed["data"])
    sqs: Any = boto3.client("sqs", **client_options(engine_url))
    queue = sqs.create_queue(QueueName=fulfilment.table.name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(confirmed))

    with running("fulfilment", fulfilment.table.name, engine_url, api) as process:
        api.before_saying = lambda: process.kill() if api.status_of(order_id)[0] == after else None
        eventually(lambda: process.poll() == -signal.SIGKILL)
    assert api.status_of(order_id)[0] == after
    assert fulfilment.state(order_id) == {}

    api.before_saying = lambda: None
    with running("fulfilment", fulfilment.table.name, engine_url, api):
        state = eventually(lambda: fulfilment.state(order_id))
    assert api.status_of(order_id) == ("delivered", 4)
    assert (state["seen"], int(state["sequence"])) == ("delivered", 2)
