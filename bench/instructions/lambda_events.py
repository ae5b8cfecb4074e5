"""The Lambda events that the measured functions get: one order of ten lines, alone and in batches.

`python -m bench.instructions.lambda_events accept|process|publish` prints an event with one order.
"""

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from bench.instructions.packages import BUILD
from chalicelib.adapters import order_items
from chalicelib.domain import order_ids
from testkit.aws_stub import SECRET
from testkit.builders import ADDRESS, an_order, command, line, new_order
from testkit.lambda_events import http_event, sqs_event, stream_event
from testkit.tokens import claims, sign

CUSTOMER = "17850"
ORDER: dict[str, Any] = new_order(
    items=[line(sku=f"8512{n}A", name=f"WHITE HANGING HEART {n}") for n in range(10)], shipping_address=ADDRESS
)
ORDER_ID = order_ids.mint(SECRET, CUSTOMER, "the order that is read")
LISTED = 20
_NONE: Mapping[str, str] = {}


def accept(key: str | None = None) -> Path:
    headers = {} if key is None else {"Idempotency-Key": key}
    return _call(
        "accept" if key is None else "accept-keyed", "POST", "/orders", body=json.dumps(ORDER), headers=headers
    )


def read() -> Path:
    return _call("read", "GET", f"/orders/{ORDER_ID}", resource="/orders/{order_id}")


def list_orders() -> Path:
    return _call("list", "GET", f"/customers/{CUSTOMER}/orders", resource="/customers/{customer_id}/orders")


def answers() -> Path:
    """The content of the stub's table: one order, and a page of the index that is the last. And the key set."""
    item = order_items.to_item(an_order(order_id=ORDER_ID, customer_id=CUSTOMER, new=ORDER))
    projected = {"order_id", "customer_id", "placed_key", "status", "version", "total", "item_count", "currency"}
    entry = {name: value for name, value in item.items() if name in projected | {"updated_at"}}
    page = {"Items": [entry] * LISTED, "Count": LISTED, "ScannedCount": LISTED}
    return _written("answers", {"GetItem": {"Item": item}, "Query": page, "GET": _key_set()})


def _call(name: str, method: str, path: str, *, headers: Mapping[str, str] = _NONE, **more: Any) -> Path:
    authorizer = {"sub": CUSTOMER, "scope": "orders/read orders/write", "exp": str(int(time.time()) + 86_400)}
    known = {"Content-Type": "application/json", "Accept": "application/json", "Host": "bench"}
    event = http_event(method, path, headers=known | dict(headers), authorizer=authorizer, **more)
    event["requestContext"] |= {"stage": "api", "apiId": "bench"}
    return _written(name, event)


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


@functools.cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})


def _key_set() -> dict[str, Any]:
    return {"keys": [_key().as_dict(private=False)]}


def authorize() -> Path:
    """A token, signed by a key that is made for this run; JWT_JWKS names its key set, which the stub has too."""
    path = BUILD / "jwks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_key_set()))
    token = sign(_key(), claims(exp=int(time.time()) + 86_400))
    arn = "arn:aws:execute-api:us-east-1:000000000000:bench/api/POST/orders"
    return _written("authorize", {"type": "TOKEN", "methodArn": arn, "authorizationToken": f"Bearer {token}"})


if __name__ == "__main__":
    writers: dict[str, Callable[[], Path]] = {
        "accept": accept,
        "process": partial(process, 1),
        "publish": partial(publish, 1),
    }
    if len(sys.argv) != 2 or sys.argv[1] not in writers:  # noqa: PLR2004 - the program and a name
        sys.exit(f"one of {', '.join(writers)}")
    print(writers[sys.argv[1]]().read_text())
