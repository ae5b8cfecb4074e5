"""Inventory: confirms placed orders and reserves their stock; releases the stock of cancelled orders."""

import os
from collections import Counter

from chalice.app import Chalice, SQSEvent
from orders_consumer import Consumer, Move, Order, State

app = Chalice(app_name="orders-inventory")
consumer = Consumer.from_env("inventory")


# One message per invocation: a failed message is delivered again alone.
@app.on_sqs_message(queue=os.environ["QUEUE_NAME"], batch_size=1, name="take-in")
def take_in(event: SQSEvent) -> None:
    for record in event:
        consumer.handle(record.body, reserve)


def reserve(order: Order, move: Move) -> State:
    if order["status"] == "placed":
        # Its items may have changed since the event; once the order is confirmed they are fixed.
        order = move("confirmed")
    if order["status"] in {"cancelled", "rejected", "erased"}:
        return {"stock": "released"}
    skus: Counter[str] = Counter()
    for line in order["items"]:
        skus[line["sku"]] += line["quantity"]
    return {"stock": "reserved", "skus": skus}
