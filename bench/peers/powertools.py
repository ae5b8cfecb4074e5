"""Powertools' API resolver with validation, boto3 clients at module level, as in its documentation."""

import json
import os
import uuid
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from chalicelib.domain.orders import NewOrder

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["ORDER_TABLE"])
app = APIGatewayRestResolver(enable_validation=True)


@app.post("/orders")
def place_order(order: NewOrder) -> tuple[dict[str, str], int]:
    order_id = uuid.uuid4().hex
    command = {"order_id": order_id, "order": order.model_dump()}
    sqs.send_message(QueueUrl=os.environ["ORDER_QUEUE_URL"], MessageBody=json.dumps(command))
    return {"order_id": order_id, "status": "accepted"}, 202


@app.get("/orders/<order_id>")
def read_order(order_id: str) -> dict[str, Any]:
    item: dict[str, Any] = table.get_item(Key={"order_id": order_id})["Item"]
    return item


@app.get("/customers/<customer_id>/orders")
def list_orders(customer_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.query(
        IndexName="by-customer",
        KeyConditionExpression="customer_id = :c",
        ExpressionAttributeValues={":c": customer_id},
    )["Items"]
    return found


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
