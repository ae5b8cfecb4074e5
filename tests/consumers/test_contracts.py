"""Each sample consumer handles the published events in any order and with any repeats."""

import itertools
import json
from typing import Any
from urllib.error import HTTPError

import pytest

from ordersctl.local.consumers import NAMES
from testkit.lambda_events import LambdaContext, sqs_event
from tests.consumers.harness import THIN, WHOLE, Api, Event, FakeTable, SampleConsumer, at, of_another_order

Consumers = dict[str, SampleConsumer]


@pytest.fixture
def api(consumers: Consumers) -> Api:
    return consumers["inventory"].api


def new_to(api: Api, event: Event) -> Event:
    """The same event of another order, whose current state is that of the event."""
    event = of_another_order(event)
    api.keep(event["data"])
    return event


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", WHOLE)
def test_every_published_event_is_consumed(consumers: Consumers, api: Api, name: str, event_type: str) -> None:
    event = new_to(api, WHOLE[event_type])
    consumers[name].take(event)
    state = consumers[name].state(event["subject"])
    assert (state["event_id"], int(state["sequence"])) == (event["id"], int(event["sequence"]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", THIN)
def test_a_thin_event_has_the_same_effect_as_a_whole_one(
    consumers: Consumers, api: Api, name: str, event_type: str
) -> None:
    whole, thin = new_to(api, WHOLE[event_type]), of_another_order(THIN[event_type])
    api.keep(whole["data"], order_id=thin["subject"])
    consumers[name].take(whole, thin)
    method, path, _, headers = next(call for call in api.calls if call[0] == "GET")
    assert (method, path, headers["authorization"]) == ("GET", thin["dataref"], "Bearer a token")
    states = [consumers[name].state(each["subject"]) for each in (whole, thin)]
    for state in states:
        del state["order_id"], state["event_id"]
    assert states[0] == states[1]


CALLS = {
    ("inventory", "order.placed"): [("PATCH", "confirmed", '"1"')],
    ("inventory", "order.changed"): [("PATCH", "confirmed", '"2"')],
    ("fulfilment", "order.confirmed"): [("PATCH", "shipped", '"2"'), ("PATCH", "delivered", '"3"')],
    ("fulfilment", "order.shipped"): [("PATCH", "delivered", '"3"')],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", WHOLE)
def test_a_consumer_changes_the_version_of_the_order_that_it_knows(
    consumers: Consumers, api: Api, name: str, event_type: str
) -> None:
    event = new_to(api, WHOLE[event_type])
    consumers[name].take(event)
    assert consumers[name].asked_for() == CALLS.get((name, event_type), [])
    for _, path, _, headers in api.calls:
        assert path == f"/orders/{event['subject']}"
        assert headers["traceparent"] == event["traceparent"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_when_the_api_fails_the_event_is_redelivered_and_then_recorded(
    consumers: Consumers, api: Api, status: int
) -> None:
    inventory, event = consumers["inventory"], new_to(api, WHOLE["order.placed"])
    api.answers["PATCH"] = (status, {})
    with pytest.raises(HTTPError):
        inventory.take(event)
    assert inventory.state(event["subject"]) == {}
    api.answers.clear()
    inventory.take(event)
    assert inventory.state(event["subject"])["stock"] == "reserved"


def test_of_two_concurrent_events_the_later_one_is_kept(consumers: Consumers) -> None:
    """The older event has read the inbox when the newer one is recorded: the condition of the write decides."""
    invoicing = consumers["invoicing"]
    older, newer = at("order.placed", 1), at("order.cancelled", 2)
    order_id = of_another_order(older)["subject"]
    record = invoicing.app.record_invoice

    def overtaken(order: Any, move: Any) -> Any:
        invoicing.take(newer | {"subject": order_id})
        return record(order, move)

    invoicing.app.consumer.handle(json.dumps(older | {"subject": order_id}), overtaken)
    assert invoicing.state(order_id)["invoice"] == "void"


def test_a_redelivered_event_does_nothing_more(consumers: Consumers, api: Api) -> None:
    event = new_to(api, WHOLE["order.placed"])
    consumers["inventory"].take(event, event, event | {"replayed": True})
    assert len(api.calls) == 1


@pytest.mark.parametrize("body", ["no JSON", "{}", '{"id": 1}'])
def test_a_body_that_is_not_an_event_fails_and_ends_in_the_dead_letter_queue(consumers: Consumers, body: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        consumers["invoicing"].handler(sqs_event(body), LambdaContext())


# --- any order and any repeats ---------------------------------------------------------------------------------------

HISTORY = [
    at("order.placed", 1),
    at("order.changed", 2),
    at("order.confirmed", 3),
    at("order.shipped", 4),
    at("order.delivered", 5),
]
CANCELLED = [*HISTORY[:3], at("order.cancelled", 4), at("order.erased", 5)]
FINAL: dict[str, dict[int, dict[str, Any]]] = {  # by consumer and last event of HISTORY
    "inventory": {n: {"stock": "reserved"} for n in range(1, 6)},
    "invoicing": {n: {"invoice": "open"} for n in range(1, 6)},
    "fulfilment": {n: {"seen": "placed" if n < 3 else "delivered"} for n in range(1, 6)},
}
CANCELLED_FINAL = {
    "inventory": {4: {"stock": "released"}, 5: {"stock": "released"}},
    "invoicing": {4: {"invoice": "void"}, 5: {"invoice": "none"}},
    "fulfilment": {4: {"seen": "cancelled"}, 5: {"seen": "erased"}},
}


MOVED = {  # by consumer: what the order is in the end, by what it was
    "inventory": {"placed": "confirmed"},
    "invoicing": {},
    "fulfilment": {"confirmed": "delivered", "shipped": "delivered"},
}


def permutations(history: list[Event]) -> list[list[Event]]:
    """Every order in which up to five events may come."""
    return [list(each) for length in range(1, 6) for each in itertools.permutations(history, length)]


@pytest.mark.parametrize("name", NAMES)
def test_the_last_version_decides_in_any_order_and_with_any_repeats(
    consumers: Consumers, api: Api, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, table = consumers[name], FakeTable()
    monkeypatch.setitem(vars(consumer.app.consumer), "_table", table)
    for history, finals in ((HISTORY, FINAL[name]), (CANCELLED, FINAL[name] | CANCELLED_FINAL[name])):
        for number, some in enumerate(permutations(history)):
            # Each is delivered twice: in a row, or again after all the others.
            deliveries = [event for event in some for _ in range(2)] if number % 2 else some * 2
            order_id = f"ord_{name}-{history is HISTORY}-{number}"
            latest = max(some, key=lambda event: int(event["sequence"]))
            api.keep(latest["data"], order_id=order_id)
            consumer.take(*(_of_order(order_id, event) for event in deliveries))
            state, last, was = table.items[order_id], int(latest["sequence"]), latest["data"]["status"]
            assert int(state["sequence"]) == last, [event["id"] for event in deliveries]
            assert finals[last].items() <= state.items(), [event["id"] for event in deliveries]
            assert api.status_of(order_id)[0] == MOVED[name].get(was, was), [event["id"] for event in deliveries]


def _of_order(order_id: str, event: Event) -> Event:
    return event | {"subject": order_id, "data": event["data"] | {"order_id": order_id}}
