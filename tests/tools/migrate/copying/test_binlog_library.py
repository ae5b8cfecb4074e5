"""What mysql-replication does with a position: traps that are avoided, pinned so that a new release is noticed."""

from typing import Any

import pymysql
import pytest
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import RowsEvent, UpdateRowsEvent, WriteRowsEvent

from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # needs a MariaDB server


def settings(shop: Shop) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": shop.server.port, "user": "root", "password": ""}


def connect(**options: Any) -> Any:
    """Connect without the library's names for options, which PyMySQL calls deprecated."""
    return pymysql.connect(**{{"db": "database"}.get(name, name): value for name, value in options.items()})


def statuses(shop: Shop, start: tuple[str, int], **options: Any) -> list[str]:
    """The statuses that the rows of `orders` have in the log, as the library reads it."""
    stream = BinLogStreamReader(
        settings(shop),
        server_id=4_900,
        blocking=False,
        log_file=start[0],
        log_pos=start[1],
        only_schemas=[shop.database],
        only_tables=["orders"],
        only_events=[UpdateRowsEvent, WriteRowsEvent],
        enable_logging=False,
        pymysql_wrapper=connect,
        **options,
    )
    rows = [row for event in stream if isinstance(event, RowsEvent) for row in event.rows]
    stream.close()
    return [(row.get("after_values") or row["values"])["status"] for row in rows]


def place(shop: Shop) -> tuple[str, int]:
    file, offset = shop.server.rows("SHOW MASTER STATUS")[0][:2]
    return str(file), int(offset)


def test_a_position_counts_only_with_resume_stream_and_without_is_mariadb(shop: Shop) -> None:
    start = place(shop)
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    assert statuses(shop, start, resume_stream=True) == ["Shipped"]
    assert len(statuses(shop, start)) > 1  # the whole file
    assert len(statuses(shop, start, resume_stream=True, is_mariadb=True)) > 1  # the whole log


def test_an_update_has_both_images_under_the_names_of_the_columns(shop: Shop) -> None:
    start = place(shop)
    shop.sql("SET foreign_key_checks = 0", "UPDATE orders SET orderNumber = 9 WHERE orderNumber = 10101")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 9")
    stream = BinLogStreamReader(
        settings(shop),
        server_id=4_900,
        blocking=False,
        resume_stream=True,
        log_file=start[0],
        log_pos=start[1],
        only_schemas=[shop.database],
        only_events=[UpdateRowsEvent],
        enable_logging=False,
        pymysql_wrapper=connect,
    )
    (first, _second) = [row for event in stream for row in event.rows]
    stream.close()
    assert (first["before_values"]["orderNumber"], first["after_values"]["orderNumber"]) == (10101, 9)
