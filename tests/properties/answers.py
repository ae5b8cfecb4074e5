"""What the state machine sends in a query, and how it compares an answer with what the model shows."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from testkit.api_client import Answer
from tests.properties.api_model import Json


def also(customer: str | None) -> str:
    """One more parameter of a query."""
    return "" if customer is None else f"&{urlencode({'customer_id': customer})}"


def query(**parameters: Any) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def shows(answer: Answer, shown: Json) -> None:
    assert answer.status == 200, answer
    assert answer.headers["ETag"] == f'"{shown["version"]}"'
    document = answer.json
    assert bool(document.pop("violations", None)) == (shown["status"] == "rejected")
    assert document == shown
