"""`ordersctl migrate write-back`: a consumer of the events that writes this service's orders into the shop's tables.

Each event is one transaction of the shop's database, with a row of the ledger: which order it is, and the last sequence
that was written. So an event that comes twice or late writes nothing, and follow, which reads the ledger in the same
snapshot as the orders, leaves these orders alone.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from chalicelib.adapters import order_items
from chalicelib.domain.orders import OrderStatus
from ordersctl.migrate.context import Migration
from ordersctl.migrate.errors import SourceLost, Stopped
from ordersctl.migrate.mapping import sql
from ordersctl.migrate.mapping.model import ReverseSync
from ordersctl.migrate.source.connection import Server, explained, is_lost
from ordersctl.migrate.target import stored
from ordersctl.migrate.target.imported_items import IMPORTED_VERSION, key_of
from ordersctl.migrate.write_back import parameters
from ordersctl.shared.output import say
from ordersctl.shared.queues.dead_letters import at
from ordersctl.shared.queues.message_json import parsed_or_none

WRITTEN, LATE, THEIRS = "written", "late or repeated", "the shop's own"
_PAUSE_SECONDS = 2
_KEYS = 5_000  # that are tried at once


@dataclass
class WriteBack:
    """Writes the orders of events into one shop."""

    migration: Migration
    reverse: ReverseSync
    server: Server
    counts: dict[str, int] = field(default_factory=dict)
    _connection: Any = field(default=None, repr=False)

    def handle(self, event: Mapping[str, Any]) -> str:
        """Write one event's order, once and in order; returns the outcome. Raises SourceLost, Stopped."""
        try:
            connection = self._connected()
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                outcome = self._write(cursor, event)
                cursor.execute("COMMIT")
        except (pymysql.MySQLError, ConnectionError) as error:
            self.close()
            if isinstance(error, pymysql.MySQLError) and not is_lost(error):
                raise Stopped(f"a statement of [reverse] fails for {event['subject']}: {explained(error)}.") from error
            raise SourceLost(explained(error)) from error
        except BaseException:
            self.close()
            raise
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        return outcome

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self.server.connect(self.migration.mapping.database)
        return self._connection

    def _write(self, cursor: Any, event: Mapping[str, Any]) -> str:
        order_id, sequence = event["subject"], int(event["sequence"])
        cursor.execute(self.reverse.ledger_row, (order_id,))
        known = cursor.fetchone()
        if known is not None and int(known[1]) >= sequence:
            return LATE
        item = stored.by_id(self.migration.table, [order_id]).get(order_id, {})
        if known is None and sequence <= int(item.get(IMPORTED_VERSION, {"N": "0"})["N"]):
            return THEIRS  # follow brought it
        key = int(known[0]) if known is not None else key_of(item, self.migration.mapping.name)
        order = event.get("data") or _as_it_is(item, order_id)
        if key is None and _is_erased(item):
            # Its tombstone does not say where it came from. An event of before must not make a new order of it.
            key, order = self._searched(order_id), {"order_id": order_id, "status": "erased"}
            if key is None:
                return LATE
        if order["status"] == "rejected":
            return LATE  # it never was an order
        key = self._insert(cursor, order) if key is None else self._update(cursor, order, key)
        cursor.execute(self.reverse.ledger_write, (order_id, key, sequence))
        return WRITTEN

    def _searched(self, order_id: str) -> int | None:
        """The key of an order of the shop by its id here: an id is made of the key, so all keys are tried."""
        reader, after = self.migration.reader(), 0
        while True:
            with reader.snapshot() as shop:
                keys = shop.keys(after, _KEYS)
            found = next((key for key in keys if self.migration.mapper.order_id(key) == order_id), None)
            if found is not None or not keys:
                reader.close()
                return found
            after = keys[-1]

    def _insert(self, cursor: Any, order: Mapping[str, Any]) -> int:
        key = None
        if self.reverse.key is not None:
            cursor.execute(sql.for_pymysql(self.reverse.key), {})
            key = int(cursor.fetchone()[0])
        cursor.execute(sql.for_pymysql(self.reverse.order), self._parameters(order, key))
        key = key or int(cursor.lastrowid)
        if not key:
            raise Stopped("[reverse] order gives no key: the table has no AUTO_INCREMENT, so [reverse] key is needed.")
        self._lines(cursor, order, key)
        return key

    def _update(self, cursor: Any, order: Mapping[str, Any], key: int) -> int:
        cursor.execute(sql.for_pymysql(self.reverse.update), self._parameters(order, key))
        if self.reverse.clear is not None and order["status"] != "erased":
            cursor.execute(sql.for_pymysql(self.reverse.clear), {"key": key})
            self._lines(cursor, order, key)
        return key

    def _lines(self, cursor: Any, order: Mapping[str, Any], key: int) -> None:
        if self.reverse.line is not None:
            for line in parameters.of_lines(order, key):
                cursor.execute(sql.for_pymysql(self.reverse.line), line)

    def _parameters(self, order: Mapping[str, Any], key: int | None) -> dict[str, Any]:
        return parameters.of_order(self.migration.mapping, self.reverse, order, key)


def write_back(migration: Migration, *, queue_url: str, credentials: Path | None, until_empty: bool) -> dict[str, int]:
    """Work off a consumer's queue until it is stopped, or until it is empty. Raises Stopped; counts what was done."""
    reverse = migration.mapping.reverse
    if reverse is None:
        raise Stopped("the mapping has no [reverse].")
    writer = WriteBack(migration, reverse, Server.configured(credentials, prefix="ORDERS_WRITE_BACK"))
    with migration.state.only_one("write-back"):
        _check_follow(migration)
        _work_off(writer, queue_url, until_empty=until_empty)
    writer.close()
    return writer.counts


def _check_follow(migration: Migration) -> None:
    """Raise Stopped when a follow is running that does not read the ledger."""
    state = migration.state
    if state.is_running("follow") and state.followed().get("ledger") != migration.mapping.ledger:
        raise Stopped(
            "follow was started before the mapping had this [reverse], and would copy what is written back as new "
            "orders: stop it and start it again first."
        )


def _work_off(writer: WriteBack, queue_url: str, *, until_empty: bool) -> None:
    stage = writer.migration.stage
    sqs, wait = stage.client("sqs"), stage.wait_seconds
    while True:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        messages = answer.get("Messages", [])
        for message in messages:
            if (event := _event(message["Body"])) is None:
                say(f"Message {message['MessageId']} is no event: it is left in the queue.", err=True)
                continue
            _handled(writer, event)
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if not messages and until_empty:
            return
        if not messages and not wait:
            time.sleep(0.2)


def _event(body: str) -> Mapping[str, Any] | None:
    """Return the event of a message; None for another program's message."""
    event = parsed_or_none(body)
    has_names = isinstance(at(event, "subject"), str) and str(at(event, "sequence")).isdecimal()
    has_order = at(event, "data") is None or isinstance(at(event, "data", "status"), str)
    return event if has_names and has_order else None


def _handled(writer: WriteBack, event: Mapping[str, Any]) -> None:
    while True:
        try:
            writer.handle(event)
        except SourceLost as lost:
            say(f"The shop's database is lost ({lost}); it is asked again.", err=True)
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _is_erased(item: Mapping[str, Any]) -> bool:
    return not item or item[order_items.STATUS]["S"] == OrderStatus.ERASED


def _as_it_is(item: Mapping[str, Any], order_id: str) -> Mapping[str, Any]:
    """The order of an event that has no data, because it is large: as it is now."""
    found: Any = order_items.from_item(item) if item else None
    return found.shown() if hasattr(found, "shown") else {"order_id": order_id, "status": "erased"}
