"""A fake, in memory, of an SNS topic and of an EventBridge bus."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testkit.fake_aws.services import Item, refused

_ENTRIES, _BYTES = 10, 256 * 1024


def message_bytes(entry: Mapping[str, Any]) -> int:
    """The size of an entry as SNS counts it: the message, and the name, type and value of each attribute."""
    attributes = entry.get("MessageAttributes", {}).items()
    texts = [entry["Message"], *(text for name, each in attributes for text in (name, *each.values()))]
    return sum(len(text.encode()) for text in texts)


@dataclass
class Topic:
    """What was published, in the order in which it arrived. An event bus works alike."""

    log: list[str] = field(default_factory=list)

    def publish_batch(self, arguments: Mapping[str, Any], fails: Callable[[], str | None] = lambda: None) -> Item:
        entries = arguments["PublishBatchRequestEntries"]
        if len(entries) > _ENTRIES:
            raise refused("PublishBatch", "TooManyEntriesInBatchRequest")
        if sum(map(message_bytes, entries)) > _BYTES:
            raise refused("PublishBatch", "BatchRequestTooLong")
        answer: Item = {"Successful": [], "Failed": []}
        for entry in entries:
            if code := fails():
                answer["Failed"].append({"Id": entry["Id"], "Code": code, "SenderFault": False})
            else:
                self.log.append(entry["Message"])
                answer["Successful"].append({"Id": entry["Id"], "MessageId": str(len(self.log))})
        return answer

    def put_events(self, arguments: Mapping[str, Any], fails: Callable[[], str | None] = lambda: None) -> Item:
        if len(arguments["Entries"]) > _ENTRIES:
            raise refused("PutEvents", "ValidationException")
        entries: list[Item] = []
        for entry in arguments["Entries"]:
            if code := fails():
                entries.append({"ErrorCode": code, "ErrorMessage": code})
            else:
                json.loads(entry["Detail"])
                self.log.append(entry["Detail"])
                entries.append({"EventId": str(len(self.log))})
        return {"Entries": entries, "FailedEntryCount": sum("ErrorCode" in entry for entry in entries)}
