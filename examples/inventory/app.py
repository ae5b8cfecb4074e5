"""Inventory: sets aside what was ordered and confirms the order; puts it back when the order is cancelled."""

import os

from chalice.app import Chalice, SQSEvent
from orders_consumer import Consumer, Move, Order, State

app = Chalice(app_name="orders-inventory")
consumer = Consumer.from_env("inventory")


# One message per call: what fails comes again by itself, and takes no other with it.
@app.on_sqs_message(queue=os.environ["QUEUE_NAME"], batch_size=1, name="take-in")
def take_in(event: SQSEvent) -> None:
    for record in event:
        consumer.handle(record.body, reserve)


def reserve(order: Order, move: Move) -> State:
    if order["status"] == "placed":
        move("confirmed")
    if order["status"] in {"cancelled", "rejected", "erased"}:
        return {"stock": "released"}
    return {"stock": "reserved", "skus": {line["sku"]: line["quantity"] for line in order["items"]}}
