"""The event bus (EventBridge), where a stage has one instead of the topic. An entry's detail is a whole CloudEvent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters import publishing
from chalicelib.adapters.faults import faults
from chalicelib.adapters.publishing import CONTENT_ERRORS, Entry, Undelivered
from chalicelib.domain.events import OrderEvent

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


@dataclass(frozen=True, slots=True)
class EventBus:
    client: "EventBridgeClient"
    name: str

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        return publishing.publish([self._entry(index, event) for index, event in enumerate(events)], self._send)

    def _send(self, entries: list[Entry]) -> list[Undelivered]:
        with faults("events"):
            response = self.client.put_events(Entries=[entry.content for entry in entries])
        # The status is 200 even when entries failed. The results have no ids; they come in the order of the entries.
        return [
            Undelivered(entry.index, code, permanent=code in CONTENT_ERRORS)
            for entry, result in zip(entries, response["Entries"], strict=True)
            if (code := result.get("ErrorCode"))
        ]

    def _entry(self, index: int, event: OrderEvent) -> Entry:
        body, size = publishing.fitting(event, len(event.source) + len(event.type))
        content: dict[str, Any] = {
            "EventBusName": self.name,
            "Source": event.source,
            "DetailType": event.type,
            "Detail": body,
        }
        return Entry(index, event.subject, content, size)
