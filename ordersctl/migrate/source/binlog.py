"""The binary log as a list of changed orders: per committed transaction the keys whose orders are to be read again.

mysql-replication reads the log. Its traps, which tests/tools/migrate/copying/test_binlog_library.py pins: without
`resume_stream` or with `is_mariadb` it ignores a position and begins elsewhere; after a lost connection it goes on in
the middle of a transaction, without the tables' descriptions.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.constants import NONE_SOURCE
from pymysqlreplication.event import (
    ExecuteLoadQueryEvent,
    GtidEvent,
    HeartbeatLogEvent,
    MariadbGtidEvent,
    NotImplementedEvent,
    QueryEvent,
    RotateEvent,
    XAPrepareEvent,
    XidEvent,
)
from pymysqlreplication.row_event import (
    DeleteRowsEvent,
    PartialUpdateRowsEvent,
    RowsEvent,
    UpdateRowsEvent,
    WriteRowsEvent,
)

from ordersctl.migrate.errors import SourceLost, Stopped
from ordersctl.migrate.mapping.model import ShopMapping, Watch
from ordersctl.migrate.position import Position
from ordersctl.migrate.source.connection import Server, explained, is_lost
from ordersctl.migrate.source.statements import Meaning, meaning

HEARTBEAT_SECONDS = 0.5  # how often the source says that nothing happened
_EVENTS = [
    *(DeleteRowsEvent, PartialUpdateRowsEvent, UpdateRowsEvent, WriteRowsEvent),
    *(ExecuteLoadQueryEvent, GtidEvent, MariadbGtidEvent, HeartbeatLogEvent, NotImplementedEvent, QueryEvent),
    *(RotateEvent, XAPrepareEvent, XidEvent),
]
_IMAGES = (("values", "none_sources"), ("before_values", "before_none_sources"), ("after_values", "after_none_sources"))
_RENAMED = {"db": "database"}  # PyMySQL calls the library's name for it deprecated
_COMPRESSED = {40, *range(165, 172)}  # MySQL's transaction payload, MariaDB's compressed statements and rows
_INCIDENT = 26  # the server has changed rows and could not log them
_PURGED = 1236  # ER_MASTER_FATAL_ERROR_READING_BINLOG


@dataclass
class Changes:
    """What a part of the log says: keys of changed orders, and SELECTs that find more of them."""

    end: Position  # everything before it is in here, whole transactions only
    keys: set[int] = field(default_factory=set)
    fan_outs: set[tuple[str, tuple[tuple[str, Any], ...]]] = field(default_factory=set)  # table, values of its columns
    gtid: str | None = None  # of the last transaction
    seconds: int = 0  # when it was committed (Unix time)
    transactions: int = 0

    def add(self, later: "Changes") -> None:
        """Take in what follows in the log."""
        self.keys |= later.keys
        self.fan_outs |= later.fan_outs
        self.transactions += later.transactions
        self.end, self.gtid = later.end, later.gtid or self.gtid
        self.seconds = later.seconds or self.seconds

    def __len__(self) -> int:
        return len(self.keys) + len(self.fan_outs)


class LogReader:
    """Reads the log from a position. One connection: when it is lost, a new reader begins where the work was saved."""

    def __init__(self, server: Server, mapping: ShopMapping, start: Position, accepted: frozenset[str]) -> None:
        self._mapping = mapping
        self._accepted = accepted  # positions of statements that a person has looked at
        self._collected = Changes(start)
        self._in_transaction = False
        self._connections = 0
        self._stream: Any = BinLogStreamReader(
            server.settings(None),
            server_id=_server_id(mapping.name),
            blocking=True,
            resume_stream=True,
            log_file=start.file,
            log_pos=start.offset,
            only_events=_EVENTS,
            filter_non_implemented_events=False,
            only_schemas=[mapping.database],
            only_tables=list(mapping.watch),
            slave_heartbeat=HEARTBEAT_SECONDS,
            ignore_decode_errors=True,  # shops keep UTF-8 in latin1 columns; only keys are used
            enable_logging=False,
            pymysql_wrapper=self._connect,
        )

    def changes(self) -> Iterator[Changes]:
        """Yield what each transaction changed, and an empty Changes when nothing happened, without end.

        Raises Stopped when a person has to look, SourceLost.
        """
        with closing(self._stream):
            while True:
                event = self._next()
                if self._take(event):
                    yield self._collected
                    self._collected = Changes(self._collected.end)

    def _next(self) -> Any:
        try:
            event = self._stream.fetchone()
        except (pymysql.MySQLError, ConnectionError, TimeoutError) as error:
            if isinstance(error, pymysql.MySQLError) and error.args and error.args[0] == _PURGED:
                raise Stopped(
                    f"the source cannot send its log from {self._collected.end}: {explained(error)}."
                ) from error
            if isinstance(error, pymysql.MySQLError) and not is_lost(error):
                raise Stopped(f"the source's log cannot be read: {explained(error)}.") from error
            raise SourceLost(explained(error)) from error
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
            raise Stopped(
                f"the log's reader does not understand what follows {self._place()} in the log. A column of a watched "
                "table may be of a kind that it does not know (COMPRESSED)."
            ) from error
        if event is None:
            raise SourceLost("the source ended the log")
        return event

    def _take(self, event: Any) -> bool:
        """Take in an event; returns whether the log may be resumed after it."""
        ended = False
        if isinstance(event, RowsEvent):
            self._rows(event)
        elif isinstance(event, GtidEvent | MariadbGtidEvent):
            self._collected.gtid, self._in_transaction = event.gtid, True
        elif isinstance(event, QueryEvent):
            ended = self._statement(event)
        elif isinstance(event, ExecuteLoadQueryEvent):
            self._stop_unless_accepted("LOAD DATA")
        elif isinstance(event, XidEvent):
            ended = True
        elif isinstance(event, XAPrepareEvent):
            raise Stopped(f"the log has a distributed transaction (XA) at {self._place()}, which cannot be followed.")
        elif isinstance(event, NotImplementedEvent) and event.event_type == _INCIDENT:
            raise Stopped(f"the log says at {self._place()} that changes are missing in it: copy again.")
        elif isinstance(event, NotImplementedEvent) and event.event_type in _COMPRESSED:
            raise Stopped(
                f"the log is compressed at {self._place()}: set binlog_transaction_compression (MySQL) or "
                "log_bin_compress (MariaDB) to OFF."
            )
        if ended:
            self._in_transaction = False
            self._collected.transactions += 1
            self._collected.seconds = event.timestamp
        if self._in_transaction:
            return False
        self._collected.end = self._place()
        return ended or isinstance(event, HeartbeatLogEvent | RotateEvent)

    def _rows(self, event: Any) -> None:
        watch = self._mapping.watch[event.table]
        self._in_transaction = True  # of a server without GTIDs
        for row in event.rows:
            for image, none_sources in _IMAGES:
                if image in row:  # the image before a change too: the row may have belonged to another order
                    self._row(event.table, watch, row[image], row.get(none_sources, {}))

    def _row(self, table: str, watch: Watch, row: dict[str, Any], none_sources: dict[str, str]) -> None:
        found = {}
        for column in watch.columns:
            if column not in row:
                raise Stopped(
                    f"the log at {self._place()} does not name the column {table}.{column}: either the table has no "
                    "such column, or binlog_row_metadata is not FULL."
                )
            if row[column] is None and none_sources.get(column) == NONE_SOURCE.COLS_BITMAP:
                raise Stopped(
                    f"the log at {self._place()} leaves out {table}.{column}: binlog_row_image is not FULL in "
                    "every session."
                )
            if isinstance(row[column], str) and not row[column].isascii():
                raise Stopped(
                    f"{table}.{column} has a text at {self._place()} that the log may write otherwise than a SELECT "
                    "reads it: watch by a column of numbers."
                )
            found[column] = row[column]
        if watch.key_column is None:
            self._collected.fan_outs.add((table, tuple(found.items())))
        elif (key := found[watch.key_column]) is not None:
            if type(key) is not int:
                raise Stopped(f"{table}.{watch.key_column} is not a whole number.")
            self._collected.keys.add(key)

    def _statement(self, event: Any) -> bool:
        text = event.query if isinstance(event.query, str) else event.query.decode(errors="replace")
        schema = event.schema.decode(errors="replace") if isinstance(event.schema, bytes) else str(event.schema)
        kind = meaning(text, schema, self._mapping.database, self._mapping.watch)
        if kind is Meaning.STOPS:
            self._stop_unless_accepted(text[:200])
        if kind is Meaning.BEGINS:
            self._in_transaction = True
        return kind not in {Meaning.BEGINS, Meaning.WITHIN}

    def _stop_unless_accepted(self, statement: str) -> None:
        if str(self._place()) not in self._accepted:
            raise Stopped(
                f"the log has a statement at {self._place()} that it should have as rows, or that changes a watched "
                f"table: {statement}\nThe position is kept. Look at what it did, and copy what it changed "
                f"(verify, snapshot --keys); then go on with --accept {self._place()}"
            )

    def _place(self) -> Position:
        return Position.of(self._mapping.epoch, self._stream.log_file, self._stream.log_pos)

    def _connect(self, **settings: Any) -> Any:
        """Connect for the library: once for the log, once for its questions, and not again in the middle of it."""
        self._connections += 1
        if self._connections > 2:  # noqa: PLR2004
            raise SourceLost("the connection to the source's log was lost")
        return pymysql.connect(**{_RENAMED.get(name, name): value for name, value in settings.items()})


def _server_id(name: str) -> int:
    """A replica's number, the same for a source each time: the source ends an older connection of that number."""
    return 3_000_000_000 + zlib.crc32(name.encode()) % 1_000_000_000
