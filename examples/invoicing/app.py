"""Invoicing: keeps an invoice per order, void when the order is cancelled. It changes no order."""

import os

from chalice.app import Chalice, SQSEvent
from orders_consumer import Consumer, Move, Order, State

app = Chalice(app_name="orders-invoicing")
consumer = Consumer.from_env("invoicing")


# One message per invocation: a failed message is delivered again alone.
@app.on_sqs_message(queue=os.environ["QUEUE_NAME"], batch_size=1, name="take-in")
def take_in(event: SQSEvent) -> None:
    for record in event:
        consumer.handle(record.body, record_invoice)


def record_invoice(order: Order, _move: Move) -> State:
    if order["status"] in {"rejected", "erased"}:
        return {"invoice": "none"}
    invoice = "void" if order["status"] == "cancelled" else "open"
    return {"invoice": invoice, "total": order["total"], "currency": order["currency"]}
