"""Flask behind a WSGI adapter (apig-wsgi), boto3 clients at module level."""

import json
import os
import uuid
from typing import Any

import boto3
from apig_wsgi import make_lambda_handler
from flask import Flask, request
from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder

sqs = boto3.client("sqs")
table = boto3.resource("dynamodb").Table(os.environ["ORDER_TABLE"])
app = Flask(__name__)


@app.post("/orders")
def place_order() -> tuple[Any, int]:
    try:
        order = NewOrder.model_validate(request.get_json())
    except ValidationError as error:
        return error.errors(), 422
    order_id = uuid.uuid4().hex
    command = {"order_id": order_id, "order": order.model_dump()}
    sqs.send_message(QueueUrl=os.environ["ORDER_QUEUE_URL"], MessageBody=json.dumps(command))
    return {"order_id": order_id, "status": "accepted"}, 202


@app.get("/orders/<order_id>")
def read_order(order_id: str) -> Any:
    return table.get_item(Key={"order_id": order_id})["Item"]


@app.get("/customers/<customer_id>/orders")
def list_orders(customer_id: str) -> Any:
    return table.query(
        IndexName="by-customer",
        KeyConditionExpression="customer_id = :c",
        ExpressionAttributeValues={":c": customer_id},
    )["Items"]


handler = make_lambda_handler(app)
