"""Every call of the service to AWS, by the thin client and by botocore's: a few tests of each hop, in every run."""

import json
import uuid

import pytest

from chalicelib.aws.json_client import JsonClient
from chalicelib.domain.orders import ErasedOrder, Order
from testkit.builders import LATER, an_order, command, fresh_order_id, line, new_order
from testkit.lambda_events import stream_event
from tests.service.events.test_publish import garbage
from tests.service.events.topics import EventTopics
from tests.service.harness import ServiceHarness, throttled
from tests.service.test_change import patch, place
from tests.unit.adapters.test_event_topic import an_event

pytestmark = pytest.mark.parametrize("aws_client", ["thin", "botocore"], indirect=True)


def test_the_setting_chooses_the_client(harness: ServiceHarness, aws_client: str) -> None:
    adapters = harness.wiring.order_table(), harness.wiring.order_queue(), harness.wiring.publisher()
    assert {isinstance(each.client, JsonClient) for each in adapters} == {aws_client == "thin"}


def test_accept_a_repeated_key_finds_the_stored_order(harness: ServiceHarness) -> None:
    key = uuid.uuid4().hex
    first = harness.api().post("/orders", new_order(note="é"), Idempotency_Key=key)
    harness.process_queue()
    replay = harness.api().post("/orders", new_order(note="é"), Idempotency_Key=key)
    assert (replay.status, replay.json["order_id"]) == (202, first.json["order_id"])
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert harness.api().post("/orders", new_order(note="other"), Idempotency_Key=key).status == 422


def test_accept_with_the_table_throttled_succeeds_and_with_the_queue_throttled_fails(harness: ServiceHarness) -> None:
    harness.fail(harness.wiring.fail_fast_order_table(), "GetItem", lambda _body: throttled())
    assert harness.api().post("/orders", new_order(), Idempotency_Key=uuid.uuid4().hex).status == 202
    harness.fail(harness.wiring.order_queue(), "SendMessage", lambda _body: throttled())
    assert harness.api().post("/orders", new_order()).status == 503


def test_process_a_repeated_command_changes_nothing_and_a_conflicting_one_is_quarantined(
    harness: ServiceHarness,
) -> None:
    order_id = fresh_order_id()
    body, conflicting = (json.dumps(command(order_id=order_id, order=new_order(note=note))) for note in ("é", "no"))
    harness.process(body)
    harness.process(body, conflicting, "garbage")
    stored = harness.stored(order_id)
    assert isinstance(stored, Order)
    assert (stored.note, stored.version) == ("é", 1)
    assert {quarantined for quarantined, _ in harness.quarantined()} == {conflicting, "garbage"}


def test_process_handled_messages_are_deleted(harness: ServiceHarness) -> None:
    queue = harness.url("orders-tests-queue")
    harness.sqs.send_message(QueueUrl=queue, MessageBody="any")
    (message,) = harness.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]
    harness.wiring.order_queue().delete([message["ReceiptHandle"]])
    assert harness.bodies("orders-tests-queue") == []


def test_change_one_of_two_writers_is_refused(harness: ServiceHarness) -> None:
    order_id = place(harness)
    overtaken: list[str] = []

    def overtake(sent: str) -> None:
        if not overtaken:
            overtaken.append(sent)
            harness.put(an_order(order_id=order_id, version=2, updated_at=LATER))

    harness.fail(harness.wiring.order_table(), "UpdateItem", overtake)
    answer = patch(harness, order_id, {"note": "second"})
    assert (answer.status, answer.problem) == (412, "precondition-failed")


def test_read_list_and_erase(harness: ServiceHarness) -> None:
    customer = f"c-{uuid.uuid4().hex}"
    for number in range(3):
        order_id = fresh_order_id(customer)
        harness.put(an_order(order_id=order_id, customer_id=customer, new={"reference": str(number)}))
    api = harness.api(subject=customer)
    page = api.get(f"/customers/{customer}/orders?limit=2")
    rest = api.get(f"/customers/{customer}/orders?limit=2&cursor={page.json['next_cursor']}")
    assert len(page.json["orders"]) + len(rest.json["orders"]) == 3
    assert api.get(f"/orders/{order_id}").json["reference"] == "2"
    several = api.get(f"/orders?order_id={order_id}&order_id={fresh_order_id(customer)}&order_id=none").json
    assert [each["order_id"] for each in several["orders"]] == [order_id]
    assert len(several["missing"]) == 2
    referenced = api.get(f"/customers/{customer}/orders?reference=1&status=placed").json["orders"]
    assert [each["reference"] for each in referenced] == ["1"]
    admin = harness.api(subject="ann", scope="orders/admin orders/read orders/service")
    assert admin.call("DELETE", f"/orders/{order_id}?customer_id={customer}").status == 204
    assert isinstance(harness.stored(order_id), ErasedOrder)


def test_publish_to_the_topic_and_quarantine_what_cannot_be_published(harness: ServiceHarness) -> None:
    order = an_order(order_id=fresh_order_id(), new={"note": "é & <b>"})
    event = stream_event((None, order), (None, an_order(order_id=fresh_order_id())))
    event["Records"][1] = garbage(event["Records"][1])
    harness.publish(event)
    received = harness.received("inventory", 1)
    assert received[0]["subject"] == order.order_id
    assert len(harness.quarantined("orders-tests-events-dlq")) == 1


@pytest.mark.parametrize("kind", ["topic", "FIFO topic", "bus"])
def test_publish_whole_events_and_thin_ones(topics: EventTopics, kind: str) -> None:
    publisher = topics.bus() if kind == "bus" else topics.topic(fifo=kind == "FIFO topic")
    subscriber = topics.subscriber(publisher)
    whole, large = an_event(), an_event(items=[line(name="é" * 200, sku="s" * 64)] * 600)
    assert publisher.publish([whole, large]) == []
    received = {event["id"]: event for event in subscriber.received(2)}
    assert received[whole.id] == json.loads(whole.to_json())
    assert "data" not in received[large.id]
