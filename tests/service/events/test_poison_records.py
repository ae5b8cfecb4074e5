"""Records that can never be published are quarantined whole and counted, and do not block the shard."""

import io
import json
from typing import Any, cast

from chalicelib.adapters.event_bus import EventBus
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.application import publish
from testkit.builders import an_order, fresh_order_id
from testkit.lambda_events import stream_record
from testkit.metric_filters import counted
from tests.service.events.test_publishers import FakeBus
from tests.service.events.topics import SOURCE, EventTopics


def _counts(log: io.StringIO) -> dict[str, int]:
    return {name: len(values) for name, values in counted(log).items() if name != "PublishedAfter"}


def quarantined(topics: EventTopics, url: str) -> dict[str, Any]:
    """The messages of the dead-letter queue, by reason."""
    answer = topics.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = answer.get("Messages", [])
    return {each["MessageAttributes"]["reason"]["StringValue"]: json.loads(each["Body"]) for each in messages}


def test_a_record_that_can_never_be_published_is_quarantined_whole_and_the_shard_continues(
    topics: EventTopics, log: io.StringIO
) -> None:
    url = topics.sqs.create_queue(QueueName="quarantine-test-dlq")["QueueUrl"]
    records = [stream_record(None, an_order(order_id=fresh_order_id()), 100 + n) for n in range(5)]
    del records[1]["dynamodb"]["NewImage"]["status"]
    malformed = f"{records[3]['dynamodb']['Keys']['order_id']['S']}.1"
    bus = EventBus(cast("Any", FakeBus({malformed: ("MalformedDetail", 9)})), "bus")

    poison: list[publish.PoisonRecord] = []
    assert publish.publish_changes(records, source=SOURCE, publisher=bus, poison=poison) == len(records)
    assert publish.quarantine(poison, DeadLetterQueue(topics.sqs, url)) is None
    assert quarantined(topics, url) == {"not an order's item: 'status'": records[1], "MalformedDetail": records[3]}
    assert _counts(log) == {"Published": 3, "Quarantined": 2}


def test_a_record_that_cannot_be_published_now_stops_the_shard_at_it(log: io.StringIO) -> None:
    records = [stream_record(None, an_order(order_id=fresh_order_id()), 100 + n) for n in range(5)]
    throttled = f"{records[2]['dynamodb']['Keys']['order_id']['S']}.1"
    bus = EventBus(cast("Any", FakeBus({throttled: ("ThrottlingException", 9)})), "bus")
    del records[1]["dynamodb"]["NewImage"]["status"], records[3]["dynamodb"]["NewImage"]["status"]
    poison: list[publish.PoisonRecord] = []
    assert publish.publish_changes(records, source=SOURCE, publisher=bus, poison=poison) == 2
    assert [each.record for each in poison] == [records[1]]
    assert _counts(log) == {"Published": 1, "PublishFailed": 1}
