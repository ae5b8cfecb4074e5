"""Whether a log is the one that the saved position belongs to, and still has it."""

from collections.abc import Mapping
from typing import Any

import pymysql

from ordersctl.migrate.errors import Stopped
from ordersctl.migrate.position import Position
from ordersctl.migrate.source.reads import Reader

_NEW_EPOCH = (
    "The position is kept. If the shop has another primary now, or its log was reset: raise [source] epoch by one, and "
    "copy again (snapshot --restart)."
)


def of(reader: Reader) -> dict[str, Any]:
    """What distinguishes this server from others: its id, and on MySQL its UUID."""
    found: dict[str, Any] = {"server_id": int(reader.query("SELECT @@GLOBAL.server_id AS n")[0]["n"])}
    if not is_mariadb(reader):
        found["server_uuid"] = str(reader.query("SELECT @@GLOBAL.server_uuid AS n")[0]["n"])
    return found


def is_mariadb(reader: Reader) -> bool:
    return "mariadb" in str(reader.query("SELECT VERSION() AS v")[0]["v"]).lower()


def check(reader: Reader, position: Position, saved: Mapping[str, Any]) -> None:
    """Raise Stopped unless the source is the server of the saved position, and its log has that position."""
    if position.epoch != reader.mapper.mapping.epoch:
        raise Stopped("[source] epoch has changed: begin with snapshot --restart.")
    here = of(reader)
    if any(saved.get(name, value) != value for name, value in here.items()):
        raise Stopped(f"the source is another server than the one that was followed. {_NEW_EPOCH}")
    _check_file(reader, position)
    if (gtid := saved.get("gtid")) is None:
        return
    if "server_uuid" in here:
        is_known = reader.query("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed) AS known", gtid)[0]["known"]
    else:
        known = reader.query("SELECT BINLOG_GTID_POS(%s, %s) AS g", position.file, position.offset)[0]["g"]
        is_known = gtid in str(known or "").split(",")
    if not is_known:
        raise Stopped(f"the source's log has another history at {position}: it does not know {gtid}. {_NEW_EPOCH}")


def _check_file(reader: Reader, position: Position) -> None:
    """The library takes a file that is missing for a wish to begin at the end."""
    try:
        files = {str(row["Log_name"]): int(row["File_size"]) for row in reader.query("SHOW BINARY LOGS")}
    except pymysql.MySQLError as error:
        raise Stopped(f"the source does not list its log: {error}. It takes the right BINLOG MONITOR.") from error
    if position.file not in files:
        raise Stopped(
            f"the source has purged its log {position.file}, which was not followed to its end: changes are lost. "
            "Copy again (snapshot --restart), and have the log kept longer."
        )
    if files[position.file] < position.offset:
        raise Stopped(f"the source's log {position.file} is shorter than {position.offset} bytes. {_NEW_EPOCH}")
