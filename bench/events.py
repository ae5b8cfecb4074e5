"""What the measured functions are called with: one order of ten lines, alone and in batches."""

import json
import time
from pathlib import Path
from typing import Any

from bench.packages import BUILD
from chalicelib import order_ids
from tests.builders import ADDRESS, SECRET, an_order, command, http_event, line, new_order, sqs_event, stream_event

CUSTOMER = "17850"
ORDER: dict[str, Any] = new_order(
    items=[line(sku=f"8512{n}A", name=f"WHITE HANGING HEART {n}") for n in range(10)], shipping_address=ADDRESS
)


def accept() -> Path:
    authorizer = {"sub": CUSTOMER, "scope": "orders/read orders/write", "exp": str(int(time.time()) + 86_400)}
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Host": "bench"}
    event = http_event("POST", "/orders", body=json.dumps(ORDER), headers=headers, authorizer=authorizer)
    event["requestContext"] |= {"stage": "api", "apiId": "bench"}
    return _written("accept", event)


def process(count: int) -> Path:
    ids = [order_ids.mint(SECRET, CUSTOMER) for _ in range(count)]
    return _written(f"process-{count}", sqs_event(*[json.dumps(command(order_id=i, order=ORDER)) for i in ids]))


def publish(count: int) -> Path:
    ids = [order_ids.mint(SECRET, CUSTOMER) for _ in range(count)]
    changes = [(None, an_order(order_id=order_id, new=ORDER)) for order_id in ids]
    return _written(f"publish-{count}", stream_event(*changes))


def _written(name: str, event: dict[str, Any]) -> Path:
    path = BUILD / "events" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(event))
    return path
