"""The source as a server: its log, its rights, its retention."""

import re
from collections.abc import Iterator, Mapping

import pymysql

from ordersctl.migrate.errors import Stopped
from ordersctl.migrate.mapping.model import ShopMapping
from ordersctl.migrate.plan.findings import Finding
from ordersctl.migrate.source import log_identity
from ordersctl.migrate.source.connection import explained
from ordersctl.migrate.source.reads import Reader
from ordersctl.shared.output import duration

_WANTED = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL"}
_WANTED_OFF = ("log_bin_compress", "binlog_transaction_compression")  # MariaDB's and MySQL's
_KEPT_SECONDS = 3 * 86_400  # that a log should be kept: a weekend
_RIGHTS = {
    "SELECT",
    "REPLICATION SLAVE",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "USAGE",
    "SHOW VIEW",
    "REPLICA MONITOR",
}


def judge(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    """Judge the server. Raises SourceLost."""
    variables = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in reader.query("SHOW GLOBAL VARIABLES")}
    is_mariadb = log_identity.is_mariadb(reader)
    yield Finding("ok", "server", f"{'MariaDB' if is_mariadb else 'MySQL'} {variables['version']}")
    for name, wanted in _WANTED.items():
        found = variables.get(name, "not known")
        yield Finding("ok" if found.upper() == wanted else "stop", name, f"{found}, should be {wanted}")
    for name in _WANTED_OFF:
        if variables.get(name, "OFF").upper() not in {"OFF", "0"}:
            yield Finding("stop", name, "should be OFF: the log's reader does not read a compressed log")
    if not is_mariadb and variables.get("gtid_mode", "OFF").upper() != "ON":
        yield Finding("stop", "gtid_mode", "should be ON: by GTIDs MySQL says whether a change is visible")
    yield _retention(variables)
    yield from _log_rights(reader)
    yield from _grants(reader, mapping)
    zone = variables.get("system_time_zone", "?") if variables["time_zone"] == "SYSTEM" else variables["time_zone"]
    yield Finding("look", "time zone", f"the server's is {zone}; DATETIME and DATE are read as {mapping.time_zone.key}")


def _retention(variables: Mapping[str, str]) -> Finding:
    seconds = float(variables.get("binlog_expire_logs_seconds", 0)) or 86_400 * float(
        variables.get("expire_logs_days", 0)
    )
    if not seconds:
        return Finding("ok", "retention", "the log is kept until somebody purges it")
    is_enough = seconds >= _KEPT_SECONDS
    kept = f"the log is kept {duration(seconds)}, want {duration(_KEPT_SECONDS)}"
    return Finding("ok" if is_enough else "look", "retention", kept)


def _log_rights(reader: Reader) -> Iterator[Finding]:
    for about, ask in (("log position", reader.end_of_log), ("log files", lambda: reader.query("SHOW BINARY LOGS"))):
        try:
            ask()
        except pymysql.MySQLError as error:
            yield Finding("stop", about, f"cannot be read: {explained(error)}")
        except Stopped as without_log:
            yield Finding("stop", about, str(without_log))


def _grants(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    """The rights of the user that copies: to read and to replicate, and no others."""
    text = " ".join(str(next(iter(row.values()))) for row in reader.query("SHOW GRANTS"))
    places = {  # of each right, one of the databases or tables on which it is granted
        each.strip().upper(): place.replace("`", "")
        for granted, place in re.findall(r"GRANT (.+?) ON (\S+)", text)
        for each in re.sub(r"\([^)]*\)", "", granted).split(",")
    }
    rights = places.keys()
    if "ALL PRIVILEGES" not in rights and "REPLICATION SLAVE" not in rights:
        yield Finding("stop", "rights", "REPLICATION SLAVE is missing: without it the log cannot be followed")
    if extra := [f"{each} on {places[each]}" for each in sorted(rights - _RIGHTS)]:
        yield Finding(
            "look",
            "rights",
            f"has {', '.join(extra[:5])}; enough are SELECT on {mapping.database}.*, REPLICATION SLAVE and BINLOG "
            "MONITOR (MySQL: REPLICATION CLIENT)",
        )
    else:
        yield Finding("ok", "rights", ", ".join(sorted(rights - {"USAGE"})))
