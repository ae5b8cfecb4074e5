"""No framework: pydantic, and a botocore client with the service's own settings; the lowest cost with botocore."""

import functools
import json
import os
import uuid
from typing import Any

import botocore.session
from botocore.config import Config
from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder

_session = botocore.session.get_session()
_config = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"total_max_attempts": 3, "mode": "standard"},
    user_agent="orders",
    parameter_validation=False,
)
_sqs = _session.create_client("sqs", config=_config)
_QUEUE = os.environ["ORDER_QUEUE_URL"]
_TABLE = os.environ["ORDER_TABLE"]


@functools.cache
def _dynamodb() -> Any:
    return _session.create_client("dynamodb", config=_config)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if event["httpMethod"] == "GET":
        return _answer(200, json.dumps(_read(event["pathParameters"])))
    try:
        order = NewOrder.model_validate_json(event["body"])
    except ValidationError as error:
        return _answer(422, error.json())
    order_id = uuid.uuid4().hex
    _sqs.send_message(QueueUrl=_QUEUE, MessageBody=f'{{"order_id": "{order_id}", "order": {order.model_dump_json()}}}')
    return _answer(202, json.dumps({"order_id": order_id, "status": "accepted"}))


def _read(path: dict[str, str]) -> Any:
    if "order_id" in path:
        key = {"order_id": {"S": path["order_id"]}}
        return _plain({"M": _dynamodb().get_item(TableName=_TABLE, Key=key, ConsistentRead=True)["Item"]})
    found = _dynamodb().query(
        TableName=_TABLE,
        IndexName="by-customer",
        KeyConditionExpression="customer_id = :c",
        ExpressionAttributeValues={":c": {"S": path["customer_id"]}},
        Limit=20,
    )
    return [_plain({"M": each}) for each in found["Items"]]


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "M":
        return {name: _plain(each) for name, each in content.items()}
    if kind == "L":
        return [_plain(each) for each in content]
    return int(content) if kind == "N" else content


def _answer(status: int, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}
