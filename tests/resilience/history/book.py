"""The evidence of a run, arranged as the checks need it, and what a check finds."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.resilience.history.evidence import Evidence


@dataclass(frozen=True)
class Finding:
    kind: str  # lost, unexpected, doubled, repeated, out of order, foreign, contradicted, unresolved, failed
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass
class Book:
    """The evidence, arranged as the checks need it."""

    evidence: Evidence
    posts: list[dict[str, Any]] = field(default_factory=list)
    by_order: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    owner: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.evidence.published:
            if not event.get("replayed"):
                self.events[event["subject"]].setdefault(int(event["sequence"]), event)
        for each in self.evidence.history:
            if each["path"] == "/orders":
                self.posts.append(each)
                if each["status"] == 202:
                    self.owner[each["answer"]["order_id"]] = each["subject"]
            elif each["path"].startswith("/orders/"):
                self.by_order[each["path"].split("/")[2].split("?")[0]].append(each)


def reference_of(body: str) -> str | None:
    command = json_object(body)
    return command["order"].get("reference") if isinstance(command.get("order"), dict) else None


def order_id_of(body: str) -> str | None:
    return json_object(body).get("order_id")


def json_object(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
