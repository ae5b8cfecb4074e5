"""Discards a dead letter: keeps it in a file, and stores its order as rejected. Afterwards the caller deletes it."""

import json
import os
import time
from pathlib import Path

from chalicelib.application import process
from chalicelib.domain import clock, commands
from chalicelib.domain.errors import Poison
from ordersctl.operate.order_table import order_table
from ordersctl.shared.files import open_private
from ordersctl.shared.queues.dead_letters import DeadLetter
from ordersctl.shared.stage import Stage

NAMES_NO_ORDER = "kept in the file, with no order to store as rejected"  # the outcome of a command without ids


def discard(stage: Stage, dead_letter: DeadLetter, archive: Path) -> str:
    """Keep a dead letter in a file, store the order of a command as rejected, and return the outcome.

    Raises Fault, OSError; then the dead letter must not be deleted.
    """
    _keep(dead_letter, archive)
    if dead_letter.queue.kind != "orders":
        return "kept in the file"
    if (command := _command(dead_letter)) is None:
        return NAMES_NO_ORDER
    stored = process.reject_order(command, f"given up by the operator: {dead_letter.reason}", order_table(stage))
    return "stored as rejected" if stored is None else "an order with this id is already stored"


def _command(dead_letter: DeadLetter) -> commands.PlaceOrder | None:
    """Return the command in a dead letter, or one made of its readable fields; None when it names no order."""
    document = dead_letter.document
    if not isinstance(document, dict):
        return None
    sent = clock.from_seconds(int(time.time() - dead_letter.age))
    substitutes = {"placed_at": sent, "correlation_id": dead_letter.id, "order": None}
    names = commands.PlaceOrder.model_fields
    read = {name: value for name, value in document.items() if name in names}
    for fields in (
        substitutes | read | {"type": "PlaceOrder", "version": 1, "revision": 1},
        substitutes | {name: read.get(name) for name in ("order_id", "customer_id", "order")},
    ):
        try:
            return commands.decode(json.dumps(fields))
        except Poison:
            continue
    return None


def _keep(dead_letter: DeadLetter, archive: Path) -> None:
    """Append a dead letter to a private file, and wait until it is on the disk."""
    kept = {**dead_letter.row(), "body": dead_letter.body, "attributes": dead_letter.attributes}
    with open_private(archive, "a") as file:
        file.write(json.dumps(kept, default=str) + "\n")
        file.flush()
        os.fsync(file.fileno())
