"""Powertools as a careful user tunes it, to accept only: one client, a fixed user agent, no parameter validation."""

import os
import uuid
from typing import Any

import botocore.session
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from botocore.config import Config

from chalicelib.domain.orders import NewOrder

_config = Config(user_agent="orders", parameter_validation=False)
_sqs = botocore.session.get_session().create_client("sqs", config=_config)
_QUEUE = os.environ["ORDER_QUEUE_URL"]
app = APIGatewayRestResolver(enable_validation=True)


@app.post("/orders")
def place_order(order: NewOrder) -> tuple[dict[str, str], int]:
    order_id = uuid.uuid4().hex
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=f'{{"order_id": "{order_id}", "order": {order.model_dump_json()}}}')
    return {"order_id": order_id, "status": "accepted"}, 202


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
