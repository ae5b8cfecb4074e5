"""The floor: no framework; pydantic, and a botocore client with the service's own settings."""

import json
import os
import uuid
from typing import Any

import botocore.session
from botocore.config import Config
from pydantic import ValidationError

from chalicelib.orders import NewOrder

_sqs = botocore.session.get_session().create_client(
    "sqs",
    config=Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"total_max_attempts": 3, "mode": "standard"},
        user_agent="orders",
        parameter_validation=False,
    ),
)
_QUEUE = os.environ["ORDER_QUEUE_URL"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        order = NewOrder.model_validate_json(event["body"])
    except ValidationError as error:
        return _answer(422, error.json())
    order_id = uuid.uuid4().hex
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=f'{{"order_id": "{order_id}", "order": {order.model_dump_json()}}}')
    return _answer(202, json.dumps({"order_id": order_id, "status": "accepted"}))


def _answer(status: int, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}
