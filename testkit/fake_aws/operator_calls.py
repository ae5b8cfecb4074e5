"""The calls that operators' commands make besides those of the service, named as botocore names them."""

from typing import Any

from testkit.fake_aws.services import Message, Queue

_PUBLISHER = "publish"
_SENT = "1800000000000"  # milliseconds; ages mean nothing in virtual time


class OperatorCalls:
    now: float

    def _queue(self, url: str) -> Queue:
        raise NotImplementedError

    def seconds_behind(self) -> float:
        """How far the publisher is behind (Lambda's metric IteratorAge)."""
        raise NotImplementedError

    def _receive_message(self, arguments: dict[str, Any]) -> Any:
        queue = self._queue(arguments["QueueUrl"])
        found = queue.receive(self.now, arguments["MaxNumberOfMessages"], visibility=arguments["VisibilityTimeout"])
        return {"Messages": [_as_received(message) for message in found]} if found else {}

    def _delete_message(self, arguments: dict[str, Any]) -> Any:
        self._queue(arguments["QueueUrl"]).delete(arguments["ReceiptHandle"])
        return {}

    def _change_message_visibility_batch(self, arguments: dict[str, Any]) -> Any:
        until = {each["ReceiptHandle"]: self.now + each["VisibilityTimeout"] for each in arguments["Entries"]}
        for message in self._queue(arguments["QueueUrl"]).messages:
            message.visible_at = until.get(message.handle, message.visible_at)
        return {}

    def _get_queue_attributes(self, arguments: dict[str, Any]) -> Any:
        assert arguments["AttributeNames"] == ["ApproximateNumberOfMessagesNotVisible"]
        messages = self._queue(arguments["QueueUrl"]).messages
        held = sum(message.visible_at > self.now for message in messages)
        return {"Attributes": {"ApproximateNumberOfMessagesNotVisible": str(held)}}

    def _list_subscriptions_by_topic(self, _arguments: dict[str, Any]) -> Any:
        return {"Subscriptions": []}

    def _list_event_source_mappings(self, _arguments: dict[str, Any]) -> Any:
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{_PUBLISHER}:live"
        return {"EventSourceMappings": [{"FunctionArn": arn, "State": "Enabled", "LastProcessingResult": "OK"}]}

    def _get_metric_statistics(self, arguments: dict[str, Any]) -> Any:
        assert arguments["MetricName"] == "IteratorAge"
        assert arguments["Dimensions"] == [{"Name": "FunctionName", "Value": _PUBLISHER}]
        return {"Datapoints": [{"Timestamp": self.now, "Maximum": 1_000 * self.seconds_behind()}]}


def _as_received(message: Message) -> dict[str, Any]:
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "Body": message.body,
        "Attributes": {"SentTimestamp": _SENT},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        },
    }
