"""The same service on Chalice at its defaults: boto3 client and resource, json, no tuning."""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from chalice.app import (
    AuthRequest,
    AuthResponse,
    BadRequestError,
    Chalice,
    DynamoDBEvent,
    NotFoundError,
    Response,
    SQSEvent,
)
from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder

app = Chalice(app_name="orders")
sqs = boto3.client("sqs")
sns = boto3.client("sns")
table = boto3.resource("dynamodb").Table(os.environ["ORDER_TABLE"])


@app.authorizer(ttl_seconds=300)
def authorizer(auth_request: AuthRequest) -> AuthResponse:
    return AuthResponse(routes=["*"], principal_id=auth_request.token)


@app.route("/orders", methods=["POST"], authorizer=authorizer)
def place_order() -> Response:
    try:
        order = NewOrder.model_validate(app.current_request.json_body)
    except ValidationError as error:
        raise BadRequestError(str(error)) from error
    order_id = uuid.uuid4().hex
    command = {
        "order_id": order_id,
        "customer_id": app.current_request.context["authorizer"]["sub"],
        "placed_at": datetime.now(UTC).isoformat(),
        "order": order.model_dump(),
    }
    sqs.send_message(QueueUrl=os.environ["ORDER_QUEUE_URL"], MessageBody=json.dumps(command))
    app.log.info("accepted %s", order_id)
    return Response({"order_id": order_id, "status": "accepted"}, status_code=202)


@app.route("/orders/{order_id}", methods=["GET"], authorizer=authorizer)
def read_order(order_id: str) -> Any:
    found = table.get_item(Key={"order_id": order_id}, ConsistentRead=True)
    if "Item" not in found:
        raise NotFoundError(order_id)
    return found["Item"]


@app.route("/orders/{order_id}", methods=["PATCH"], authorizer=authorizer)
def change_order(order_id: str) -> Any:
    return table.update_item(
        Key={"order_id": order_id},
        UpdateExpression="SET note = :note",
        ExpressionAttributeValues={":note": app.current_request.json_body["note"]},
    )


@app.route("/orders/{order_id}", methods=["DELETE"], authorizer=authorizer)
def erase_order(order_id: str) -> Any:
    table.delete_item(Key={"order_id": order_id})
    return {}


@app.route("/customers/{customer_id}/orders", methods=["GET"], authorizer=authorizer)
def list_orders(customer_id: str) -> Any:
    return table.query(
        IndexName="by-customer",
        KeyConditionExpression="customer_id = :c",
        ExpressionAttributeValues={":c": customer_id},
    )["Items"]


@app.on_sqs_message(queue="orders", batch_size=10)
def process_orders(event: SQSEvent) -> None:
    for record in event:
        command = json.loads(record.body)
        order = NewOrder.model_validate(command["order"])
        item = {**command, "order": order.model_dump(), "status": "placed", "version": 1, "total": order.total}
        table.put_item(Item=item, ConditionExpression="attribute_not_exists(order_id)")


@app.on_dynamodb_record(stream_arn=os.environ["ORDER_STREAM_ARN"])
def publish_events(event: DynamoDBEvent) -> None:
    for record in event:
        image: Any = record.new_image
        message = {name: _plain(value) for name, value in image.items()}
        attributes = {
            name: {"DataType": "Number" if name == "total" else "String", "StringValue": str(message[name])}
            for name in ("status", "currency", "customer_id", "total")
        }
        attributes["type"] = {"DataType": "String", "StringValue": f"order.{message['status']}"}
        sns.publish(
            TopicArn=os.environ["EVENT_TOPIC_ARN"],
            Message=json.dumps(message, default=str),
            MessageAttributes=attributes,
        )


_plain = TypeDeserializer().deserialize
