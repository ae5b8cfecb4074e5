"""The events that the publisher makes of the stream, by its use case, sent to a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.publishing import Undelivered
from chalicelib.application.publish import PoisonRecord, publish_changes
from chalicelib.domain.events import OrderEvent
from ordersctl.shared.streams import lambda_record
from tests.tools.migrate.shop import Shop
from tests.tools.operate.stage import TABLE


class _Recorder:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[OrderEvent] = []

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        self.events += events
        return []


def publish(records: Sequence[Any]) -> list[dict[str, Any]]:
    """The events of stream records, as JSON values."""
    recorder, poison = _Recorder(), list[PoisonRecord]()
    done = publish_changes(records, source="urn:orders:local", publisher=recorder, poison=poison)
    assert (done, poison) == (len(records), [])
    return [event.model_dump(mode="json") for event in recorder.events]


@dataclass
class Published:
    """What is published of all that one shop's orders have become."""

    shop: Shop

    def __post_init__(self) -> None:
        self._streams = self.shop.stage.streams
        self._arn = str(self.shop.stage.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"])
        shard = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"][0]
        self._next = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]

    def events(self) -> list[dict[str, Any]]:
        """The events of the records since the last call, without removals by a test."""
        records: list[Any] = []
        while (answer := self._streams.get_records(ShardIterator=self._next))["Records"]:
            records += [lambda_record(dict(each), self._arn) for each in answer["Records"]]
            self._next = answer["NextShardIterator"]
        return publish([each for each in records if "NewImage" in each["dynamodb"]])
