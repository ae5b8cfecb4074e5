"""What each sample consumer makes of the published events, whichever way they come."""

import itertools
import json
from typing import Any
from urllib.error import HTTPError

import pytest

from ordersctl import event_schemas
from ordersctl.consumers import NAMES
from tests.builders import LambdaContext, sqs_event
from tests.consumers.house import Event, FakeTable, SampleConsumer, of_another_order

Consumers = dict[str, SampleConsumer]

PUBLISHED = {
    (schema := json.loads(path.read_text()))["title"]: schema for path in sorted(event_schemas.PUBLISHED.glob("*.json"))
}
WHOLE = {event_type: schema["examples"][0] for event_type, schema in PUBLISHED.items()}
THIN = {event_type: schema["examples"][1] for event_type, schema in PUBLISHED.items() if len(schema["examples"]) > 1}


def at(event_type: str, version: int) -> Event:
    """A published example as the event of this version of its order."""
    example: Event = json.loads(json.dumps(WHOLE[event_type]))
    example |= {"id": f"{example['subject']}.{version}", "sequence": str(version)}
    if "version" in example["data"]:
        example["data"]["version"] = version
    return example


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", WHOLE)
def test_every_published_event_is_taken_in(consumers: Consumers, name: str, event_type: str) -> None:
    event = of_another_order(WHOLE[event_type])
    consumers[name].take(event)
    state = consumers[name].state(event["subject"])
    assert (state["event_id"], int(state["sequence"])) == (event["id"], int(event["sequence"]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", THIN)
def test_a_thin_event_is_as_good_as_a_whole_one(consumers: Consumers, name: str, event_type: str) -> None:
    whole, thin = of_another_order(WHOLE[event_type]), of_another_order(THIN[event_type])
    consumers[name].api.answers["GET"] = (200, whole["data"])
    consumers[name].take(whole, thin)
    method, path, _, headers = next(call for call in consumers[name].api.calls if call[0] == "GET")
    assert (method, path, headers["authorization"]) == ("GET", thin["dataref"], "Bearer a token")
    states = [consumers[name].state(each["subject"]) for each in (whole, thin)]
    for state in states:
        del state["order_id"], state["event_id"]
    assert states[0] == states[1]


def test_a_thin_event_of_an_order_that_was_erased_meanwhile_is_no_trouble(consumers: Consumers) -> None:
    thin = of_another_order(THIN["order.placed"])
    consumers["inventory"].api.answers["GET"] = (410, {})
    consumers["inventory"].take(thin)
    assert consumers["inventory"].state(thin["subject"])["stock"] == "released"


CALLS = {
    ("inventory", "order.placed"): [("PATCH", "confirmed", '"1"')],
    ("fulfilment", "order.confirmed"): [("PATCH", "shipped", '"2"')],
    ("fulfilment", "order.shipped"): [("PATCH", "delivered", '"3"')],
    ("inventory", "order.changed"): [("PATCH", "confirmed", '"2"')],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event_type", WHOLE)
def test_who_has_something_to_say_says_it_to_the_version_it_heard_of(
    consumers: Consumers, name: str, event_type: str
) -> None:
    event = of_another_order(WHOLE[event_type])
    consumers[name].take(event)
    assert consumers[name].asked_for() == CALLS.get((name, event_type), [])
    for _, path, _, headers in consumers[name].api.calls:
        assert path == f"/orders/{event['subject']}"
        assert headers["traceparent"] == event["traceparent"]


@pytest.mark.parametrize("status", [404, 409, 410, 412])
def test_an_order_that_has_moved_on_is_left_to_its_next_event(consumers: Consumers, status: int) -> None:
    event = of_another_order(WHOLE["order.placed"])
    consumers["inventory"].api.answers["PATCH"] = (status, {})
    consumers["inventory"].take(event)
    assert consumers["inventory"].state(event["subject"])["event_id"] == event["id"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_when_the_api_does_not_do_it_the_event_comes_again_and_then_counts(consumers: Consumers, status: int) -> None:
    inventory, event = consumers["inventory"], of_another_order(WHOLE["order.placed"])
    inventory.api.answers["PATCH"] = (status, {})
    with pytest.raises(HTTPError):
        inventory.take(event)
    assert inventory.state(event["subject"]) == {}
    inventory.api.answers["PATCH"] = (200, {})
    inventory.take(event)
    assert inventory.state(event["subject"])["stock"] == "reserved"


def test_of_two_at_once_the_later_event_stays(consumers: Consumers) -> None:
    """The older one has read the inbox when the newer one is noted: the condition of the write decides."""
    invoicing = consumers["invoicing"]
    older, newer = at("order.placed", 1), at("order.cancelled", 2)
    order_id = of_another_order(older)["subject"]
    record = invoicing.app.record_invoice

    def overtaken(order: Any, move: Any) -> Any:
        invoicing.take(newer | {"subject": order_id})
        return record(order, move)

    invoicing.app.consumer.handle(json.dumps(older | {"subject": order_id}), overtaken)
    assert invoicing.state(order_id)["invoice"] == "void"


def test_an_event_that_comes_again_does_nothing_more(consumers: Consumers) -> None:
    event = of_another_order(WHOLE["order.placed"])
    consumers["inventory"].take(event, event, event | {"replayed": True})
    assert len(consumers["inventory"].api.calls) == 1


@pytest.mark.parametrize("body", ["no JSON", "{}", '{"id": 1}'])
def test_what_is_no_event_fails_and_goes_to_the_dead_letter_queue_in_the_end(consumers: Consumers, body: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        consumers["invoicing"].handler(sqs_event(body), LambdaContext())


# --- any order, any number of times ----------------------------------------------------------------------------------

LIFE = [
    at("order.placed", 1),
    at("order.changed", 2),
    at("order.confirmed", 3),
    at("order.shipped", 4),
    at("order.delivered", 5),
]
CANCELLED = [*LIFE[:3], at("order.cancelled", 4), at("order.erased", 5)]
FINAL: dict[str, dict[int, dict[str, Any]]] = {  # by consumer and last event of LIFE
    "inventory": {n: {"stock": "reserved"} for n in range(1, 6)},
    "invoicing": {n: {"invoice": "open"} for n in range(1, 6)},
    "fulfilment": {n: {"seen": each["data"]["status"]} for n, each in enumerate(LIFE, 1)},
}
CANCELLED_FINAL = {
    "inventory": {4: {"stock": "released"}, 5: {"stock": "released"}},
    "invoicing": {4: {"invoice": "void"}, 5: {"invoice": "none"}},
    "fulfilment": {4: {"seen": "cancelled"}, 5: {"seen": "erased"}},
}


def permutations(life: list[Event]) -> list[list[Event]]:
    """Every order in which up to five events may come."""
    return [list(each) for length in range(1, 6) for each in itertools.permutations(life, length)]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_the_order_and_the_repeats_the_last_version_decides(
    consumers: Consumers, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, table = consumers[name], FakeTable()
    monkeypatch.setitem(vars(consumer.app.consumer), "_table", table)
    for life, finals in ((LIFE, FINAL[name]), (CANCELLED, FINAL[name] | CANCELLED_FINAL[name])):
        for number, some in enumerate(permutations(life)):
            # Each comes twice: at once, or again after all the others.
            told = [event for event in some for _ in range(2)] if number % 2 else some * 2
            order_id = f"ord_{name}-{life is LIFE}-{number}"
            consumer.take(*(event | {"subject": order_id} for event in told))
            last = max(int(event["sequence"]) for event in some)
            state = table.items[order_id]
            assert int(state["sequence"]) == last, [event["id"] for event in told]
            assert finals[last].items() <= state.items(), [event["id"] for event in told]
