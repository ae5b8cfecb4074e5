"""The tables that the mapping watches and reads: what their log does not say."""

import re
from collections.abc import Iterator

from ordersctl.migrate.mapping.model import ShopMapping
from ordersctl.migrate.plan.findings import Finding
from ordersctl.migrate.source.reads import Reader

_WHOLE_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_READS = re.compile(r"\b(?:FROM|JOIN)\s+`?(\w+)`?", re.IGNORECASE)
_UTF8 = {"utf8mb4", "ascii"}


def judge(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    """Judge the tables. Raises SourceLost."""
    engines = {
        str(row["name"]): row["engine"]
        for row in reader.query(
            "SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
            mapping.database,
        )
    }
    for table in mapping.watch:
        if table not in engines:
            yield Finding("stop", table, "is watched, and there is no such table")
        elif engines[table] is None:
            yield Finding("stop", table, "is a view: the log has the tables below it, watch those")
        elif engines[table] != "InnoDB":
            yield Finding("stop", table, f"has the engine {engines[table]}: only InnoDB reads consistently")
    yield from _columns(reader, mapping)
    yield from _unwatched(mapping, set(engines))
    yield from _cascades(reader, mapping)
    yield from _triggers(reader, mapping)


def _columns(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    rows = reader.query(
        "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE AS kind, CHARACTER_SET_NAME AS charset "
        "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s",
        mapping.database,
    )
    kinds = {(str(row["t"]), str(row["c"])): str(row["kind"]).lower() for row in rows}
    tables = {table for table, _ in kinds}
    for table, watch in mapping.watch.items():
        for column in watch.columns if table in tables else ():
            kind = kinds.get((table, column))
            if kind is None:
                yield Finding("stop", f"{table}.{column}", "is watched, and there is no such column")
            elif kind not in _WHOLE_NUMBERS and watch.key_column is not None:
                yield Finding("stop", f"{table}.{column}", f"is {kind}: the key of an order is a whole number")
            elif kind not in _WHOLE_NUMBERS:
                yield Finding("look", f"{table}.{column}", f"is {kind}: follow stops at a value that is not ASCII")
    charsets = {row["charset"] for row in rows if row["t"] in mapping.watch and row["charset"]}
    if others := sorted(str(each) for each in charsets - _UTF8):
        yield Finding(
            "look",
            "character sets",
            f"{', '.join(others)}: where texts look like UTF-8 in disguise, a finding says mojibake and names orders",
        )


def _unwatched(mapping: ShopMapping, tables: set[str]) -> Iterator[Finding]:
    selects = [mapping.order_select, mapping.lines_select, mapping.adjustments_select or ""]
    read = {name for text in selects for name in _READS.findall(text)} & tables
    for table in sorted(read - mapping.watch.keys()):
        yield Finding("look", table, "is read and not watched: an order does not follow its changes")


def _cascades(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    """Rows that a foreign key deletes or changes are not in the log, in no server and no format."""
    rows = reader.query(
        "SELECT TABLE_NAME AS child, REFERENCED_TABLE_NAME AS parent, DELETE_RULE AS d, UPDATE_RULE AS u "
        "FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = %s",
        mapping.database,
    )
    for row in rows:
        child, parent = str(row["child"]), str(row["parent"])
        if child not in mapping.watch or not {row["d"], row["u"]} & {"CASCADE", "SET NULL"}:
            continue
        watched = mapping.watch.get(parent)
        if watched is None:
            yield Finding("stop", child, f"changes by cascade from {parent}, which is not watched and not in the log")
        elif watched.key_column is None and row["d"] != "RESTRICT":
            yield Finding("stop", child, f"goes with a deleted row of {parent}, whose SELECT does not find it then")
        else:
            yield Finding("ok", child, f"changes by cascade from {parent}, which is watched by the order's key")


def _triggers(reader: Reader, mapping: ShopMapping) -> Iterator[Finding]:
    rows = reader.query(
        "SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS t FROM information_schema.TRIGGERS "
        "WHERE TRIGGER_SCHEMA = %s",
        mapping.database,
    )
    for row in rows:
        if row["t"] in mapping.watch:
            yield Finding(
                "look", str(row["t"]), f"has the trigger {row['name']}; in the ROW format its changes are logged"
            )
