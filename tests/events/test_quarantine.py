"""Records that can never be published: kept whole, counted, and in nobody's way."""

import io
import json
from typing import Any, cast

from chalicelib import use_cases
from chalicelib.event_bus import EventBus
from chalicelib.order_queue import DeadLetterQueue
from tests.builders import an_order, fresh_order_id, stream_record
from tests.events.house import SOURCE, House
from tests.events.test_publishers import FakeBus


def counted(log: io.StringIO, metric: str) -> int:
    return sum(json.loads(line).get(metric, 0) for line in log.getvalue().splitlines())


def kept(house: House, url: str) -> dict[str, Any]:
    """What the dead-letter queue has, by reason."""
    answer = house.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = answer.get("Messages", [])
    return {each["MessageAttributes"]["reason"]["StringValue"]: json.loads(each["Body"]) for each in messages}


def test_a_record_that_can_never_be_published_is_kept_whole_and_counted_and_the_shard_goes_on(
    house: House, log: io.StringIO
) -> None:
    url = house.sqs.create_queue(QueueName="quarantine-test-dlq")["QueueUrl"]
    records = [stream_record(None, an_order(order_id=fresh_order_id()), 100 + n) for n in range(5)]
    del records[1]["dynamodb"]["NewImage"]["status"]
    malformed = f"{records[3]['dynamodb']['Keys']['order_id']['S']}.1"
    bus = EventBus(cast("Any", FakeBus({malformed: ("MalformedDetail", 9)})), "bus")

    done = use_cases.publish_changes(
        records, source=SOURCE, publisher=bus, dead_letters=DeadLetterQueue(house.sqs, url)
    )

    assert done == len(records)
    assert kept(house, url) == {"not an order's item: 'status'": records[1], "MalformedDetail": records[3]}
    assert (counted(log, "published"), counted(log, "quarantined"), counted(log, "publish_failed")) == (3, 2, 0)


def test_a_record_that_cannot_be_published_now_stops_the_shard_there_and_is_counted(
    house: House, log: io.StringIO
) -> None:
    url = house.sqs.create_queue(QueueName="quarantine-test-empty-dlq")["QueueUrl"]
    records = [stream_record(None, an_order(order_id=fresh_order_id()), 100 + n) for n in range(5)]
    throttled = f"{records[2]['dynamodb']['Keys']['order_id']['S']}.1"
    bus = EventBus(cast("Any", FakeBus({throttled: ("ThrottlingException", 9)})), "bus")
    dead_letters = DeadLetterQueue(house.sqs, url)
    assert use_cases.publish_changes(records, source=SOURCE, publisher=bus, dead_letters=dead_letters) == 2
    assert kept(house, url) == {}
    assert (counted(log, "published"), counted(log, "publish_failed")) == (2, 1)
