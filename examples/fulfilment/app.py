"""Fulfilment: ships confirmed orders, then delivers them."""

import os

from chalice.app import Chalice, SQSEvent
from orders_consumer import Consumer, Move, Order, State

app = Chalice(app_name="orders-fulfilment")
consumer = Consumer.from_env("fulfilment")


# One message per invocation: a failed message is delivered again alone.
@app.on_sqs_message(queue=os.environ["QUEUE_NAME"], batch_size=1, name="take-in")
def take_in(event: SQSEvent) -> None:
    for record in event:
        consumer.handle(record.body, advance)


def advance(order: Order, move: Move) -> State:
    if order["status"] == "confirmed":
        order = move("shipped")
    if order["status"] == "shipped":
        order = move("delivered")
    return {"seen": order["status"]}
