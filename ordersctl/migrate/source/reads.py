"""Whole orders, read by the mapping's SELECTs in one consistent snapshot of the shop's database.

The snapshot, the follower and the comparison all read by this module: an order decodes the same way in each of them.
Values of the binary log are never used for an order: zero dates, BIT and other character sets differ there, and rows
that a cascade deletes are missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysql.constants import FIELD_TYPE

from chalicelib.domain import clock
from chalicelib.domain.orders import Order
from ordersctl.migrate.errors import Refused, SourceLost, Stopped
from ordersctl.migrate.mapping import sql
from ordersctl.migrate.mapping.rows import Gone, Mapper, Row
from ordersctl.migrate.mapping.values import date_as_utc
from ordersctl.migrate.position import Position
from ordersctl.migrate.source.connection import Server, explained, lost_connections

Loaded = Mapping[int, Order | Gone | Refused]
_WAITS = 200  # for a commit that the log has and the tables do not show yet; each is a round trip


@dataclass
class Snapshot:
    """A transaction that sees the tables as they were at `position` of the log, or a little later."""

    cursor: Any
    mapper: Mapper
    position: Position
    at: str  # the server's time when it began

    def select(self, text: str, **names: Any) -> list[dict[str, Any]]:
        """Run a SELECT of the mapping; raises Stopped when the server refuses it, SourceLost."""
        try:
            with lost_connections():
                self.cursor.execute(sql.for_pymysql(text), names)
                described = [(column[0], column[1]) for column in self.cursor.description]
                rows = self.cursor.fetchall()
        except pymysql.MySQLError as error:
            raise Stopped(f"a SELECT of the mapping fails: {explained(error)}.") from error
        return [{name: _value(kind, value) for (name, kind), value in zip(described, row, strict=True)} for row in rows]

    def keys(self, after: int, limit: int) -> list[int]:
        """The next keys, in ascending order."""
        mapping = self.mapper.mapping
        found = [row.get(mapping.key) for row in self.select(mapping.keys_select, after=after, limit=limit)]
        return _checked_keys(found, after)

    def load(self, keys: Sequence[int]) -> Loaded:
        """Each order of these keys; Gone where there is none, Refused where it cannot be an order here."""
        if not keys:
            return {}
        mapping, wanted = self.mapper.mapping, tuple(sorted(keys))
        orders = self._by_key(mapping.order_select, wanted)
        lines = self._by_key(mapping.lines_select, wanted)
        adjustments = self._by_key(mapping.adjustments_select, wanted) if mapping.adjustments_select else {}
        elsewhere = self._written_back(wanted)
        found: dict[int, Order | Gone | Refused] = {}
        for key in wanted:
            if key in elsewhere:
                continue  # this service's own order, which the reverse sync wrote into the shop
            if key not in orders:
                found[key] = self._missing(key)
                continue
            found[key] = self._order(orders[key], lines.get(key, ()), adjustments.get(key, ()))
        return found

    def _missing(self, key: int) -> Gone | Refused:
        """What an order is that [order] select does not find: gone, unless its key is there."""
        if self.keys(key - 1, 1) == [key]:
            return Refused("its key is listed, and [order] select does not find it: is a row missing that is joined?")
        return Gone(self.mapper.order_id(key), self.at)

    def _order(self, rows: Sequence[Row], lines: Sequence[Row], adjustments: Sequence[Row]) -> Order | Refused:
        if len(rows) > 1:
            return Refused("[order] select gives more than one row for it")
        try:
            return self.mapper.order(rows[0], lines, adjustments)
        except Refused as refusal:
            return refusal

    def _by_key(self, text: str, keys: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        grouped: dict[int, list[dict[str, Any]]] = {}
        wanted = frozenset(keys)
        for row in self.select(text, keys=keys):
            if (key := row.get(self.mapper.mapping.key)) not in wanted:
                raise Stopped(
                    f"a SELECT of the mapping gives a row with {self.mapper.mapping.key} = {key!r}, which is not one "
                    "of :keys; where the table has it as text, CAST it AS SIGNED."
                )
            grouped.setdefault(key, []).append(row)
        return grouped

    def _written_back(self, keys: Sequence[int]) -> set[int]:
        reverse = self.mapper.mapping.reverse
        if reverse is None:
            return set()
        rows = self.select(f"{reverse.ledger_keys} WHERE order_key IN :keys", keys=keys)
        return {int(row["order_key"]) for row in rows}


@dataclass
class Reader:
    """Opens snapshots, on one connection that is made when it is needed."""

    server: Server
    mapper: Mapper
    _connection: Any = field(default=None, repr=False)

    @contextmanager
    def snapshot(
        self, at_least: Position | None = None, gtid: str | None = None, *, floor: Position | None = None
    ) -> Iterator[Snapshot]:
        """A consistent snapshot, in which everything up to a place of the log (and its GTID) is visible.

        Its position is exact on MariaDB and Percona Server. MySQL does not report it: there it is `at_least`, or else
        `floor`, a place up to which all is known to be visible, or else the beginning of the epoch; what is read is of
        that place or of a later one. Raises SourceLost, Stopped.
        """
        try:
            with lost_connections():
                cursor = self._cursor()
                position, at = self._begin(cursor, at_least, gtid, floor)
            yield Snapshot(cursor, self.mapper, position, at)
            with lost_connections():
                cursor.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    def query(self, text: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the server about itself. Raises SourceLost, PyMySQL's other errors."""
        with lost_connections():
            cursor = self._cursor()
            cursor.execute(text, values or None)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def end_of_log(self) -> Position:
        """Where the log ends now; raises Stopped when the server writes none."""
        try:
            rows = self.query("SHOW MASTER STATUS")
        except pymysql.ProgrammingError:
            rows = self.query("SHOW BINARY LOG STATUS")  # MySQL 8.4
        if not rows:
            raise Stopped("the source writes no binary log (log_bin).")
        return Position.of(self.mapper.mapping.epoch, str(rows[0]["File"]), int(rows[0]["Position"]))

    def close(self) -> None:
        if self._connection is not None:
            with suppress(pymysql.MySQLError):  # it may be closed already
                self._connection.close()
            self._connection = None

    def _cursor(self) -> Any:
        if self._connection is None:
            self._connection = self.server.connect(self.mapper.mapping.database)
        return self._connection.cursor()

    def _begin(
        self, cursor: Any, at_least: Position | None, gtid: str | None, floor: Position | None
    ) -> tuple[Position, str]:
        """Begin the transaction when the change at that place is visible: the log has it up to a millisecond before."""
        for _ in range(_WAITS):
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
            reported = {name.lower(): value for name, value in cursor.fetchall()}
            cursor.execute("SELECT UNIX_TIMESTAMP(NOW(3))")
            at = clock.from_seconds(float(cursor.fetchone()[0]))
            epoch = self.mapper.mapping.epoch
            if reported.get("binlog_snapshot_file"):
                offset = reported["binlog_snapshot_position"]
                position = Position.of(epoch, reported["binlog_snapshot_file"], int(offset))
                if at_least is None or position.is_at_least(at_least):
                    return position, at
            elif at_least is None:
                return floor or Position(epoch, 0, 0, "beginning/1"), at
            elif gtid is not None and _is_executed(cursor, gtid):
                cursor.execute("COMMIT")  # what was visible then is visible in a snapshot that begins now
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                return at_least, at
            cursor.execute("ROLLBACK")
        raise SourceLost(f"the change at {at_least} did not become visible")


def _is_executed(cursor: Any, gtid: str) -> bool:
    """Whether MySQL has committed a transaction, so that a new snapshot sees it."""
    cursor.execute("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)", (gtid,))
    return bool(cursor.fetchone()[0])


def _value(kind: int, value: Any) -> Any:
    return date_as_utc(value) if kind == FIELD_TYPE.TIMESTAMP else value


def _checked_keys(found: Iterable[Any], after: int) -> list[int]:
    keys = list(found)
    if any(type(key) is not int for key in keys):
        raise Stopped("[keys] select gives a key that is not a whole number.")
    if keys and (keys != sorted(set(keys)) or keys[0] <= after):
        raise Stopped("[keys] select does not give its keys in ascending order, after :after.")
    return keys
