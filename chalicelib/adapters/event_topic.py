"""The event topic (SNS): a FIFO topic if its name says so, else a standard one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters import publishing
from chalicelib.adapters.faults import faults
from chalicelib.adapters.fifo import is_fifo
from chalicelib.adapters.publishing import CONTENT_ERRORS, Entry, Undelivered
from chalicelib.domain.events import OrderEvent

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True, slots=True)
class EventTopic:
    client: "SNSClient"
    arn: str

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        return publishing.publish([self._entry(index, event) for index, event in enumerate(events)], self._send)

    def _send(self, entries: list[Entry]) -> list[Undelivered]:
        contents = [entry.content for entry in entries]
        with faults("sns"):
            response = self.client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=contents)
        # The status is 200 even when entries failed. Only the entries listed as successful were delivered.
        codes = {str(entry.index): "unanswered" for entry in entries}
        codes |= {each["Id"]: each["Code"] for each in response.get("Failed", [])}
        for each in response.get("Successful", []):
            codes.pop(each["Id"], None)
        return [Undelivered(int(name), code, permanent=code in CONTENT_ERRORS) for name, code in codes.items()]

    def _entry(self, index: int, event: OrderEvent) -> Entry:
        attributes = message_attributes(event)
        body, size = publishing.fitting(event, _size(attributes))
        content: dict[str, Any] = {"Id": str(index), "Message": body, "MessageAttributes": attributes}
        if is_fifo(self.arn):
            content |= {"MessageGroupId": event.subject, "MessageDeduplicationId": event.id}
        return Entry(index, event.subject, content, size)


def message_attributes(event: OrderEvent) -> dict[str, Any]:
    """The attributes that a subscription's filter policy can match."""
    data = event.data or {}
    attributes = {"type": {"DataType": "String", "StringValue": event.type}}
    for name in ("status", "currency", "customer_id"):
        if name in data:
            attributes[name] = {"DataType": "String", "StringValue": data[name]}
    if "total" in data:
        attributes["total"] = {"DataType": "Number", "StringValue": str(data["total"])}
    if event.replayed:
        attributes["replayed"] = {"DataType": "String", "StringValue": "true"}
    return attributes


def _size(attributes: dict[str, Any]) -> int:
    return sum(len(name) + len(value["DataType"]) + len(value["StringValue"]) for name, value in attributes.items())
