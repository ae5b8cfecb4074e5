"""FastAPI behind Mangum, boto3 clients at module level, as in its tutorials."""

import json
import os
import uuid
from typing import Any

import boto3
from fastapi import FastAPI
from mangum import Mangum

from chalicelib.domain.orders import NewOrder

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["ORDER_TABLE"])
app = FastAPI()


@app.post("/orders", status_code=202)
def place_order(order: NewOrder) -> dict[str, str]:
    order_id = uuid.uuid4().hex
    command = {"order_id": order_id, "order": order.model_dump()}
    sqs.send_message(QueueUrl=os.environ["ORDER_QUEUE_URL"], MessageBody=json.dumps(command))
    return {"order_id": order_id, "status": "accepted"}


@app.get("/orders/{order_id}")
def read_order(order_id: str) -> dict[str, Any]:
    item: dict[str, Any] = table.get_item(Key={"order_id": order_id})["Item"]
    return item


@app.get("/customers/{customer_id}/orders")
def list_orders(customer_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.query(
        IndexName="by-customer",
        KeyConditionExpression="customer_id = :c",
        ExpressionAttributeValues={":c": customer_id},
    )["Items"]
    return found


handler = Mangum(app, lifespan="off")
