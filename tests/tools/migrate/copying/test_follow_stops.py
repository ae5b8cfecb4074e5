"""`migrate follow` stops at what it cannot follow, with a reason and its position kept, and goes on over the rest."""

from pathlib import Path

import pymysql
import pytest
from click.testing import Result

from testkit.waiting import eventually
from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # needs a MariaDB server


def stopped(shop: Shop, *options: str) -> str:
    """What follow says when it must stop; its position is the same as before what it stopped at."""
    result: Result = shop.run("follow", "--until-caught-up", *options)
    assert result.exit_code == 1, result.output
    return result.stderr


def test_a_statement_in_place_of_rows_stops(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET SESSION binlog_format = STATEMENT", "UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    said = stopped(shop)
    assert "UPDATE orders SET status = 'Shipped'" in said
    assert "--accept" in said
    assert shop.order(10101).status == "confirmed"


def test_each_way_to_change_rows_without_logging_them_stops(shop: Shop, tmp_path: Path) -> None:
    shop.sql(
        "CREATE FUNCTION ship() RETURNS INT DETERMINISTIC MODIFIES SQL DATA "
        "BEGIN UPDATE orders SET comments = 'by function'; RETURN 1; END"
    )
    shop.json("snapshot")
    (tmp_path / "lines").write_text("10101\tS10_1678\t3\t1.00\t9\n")
    changes = {
        f"LOAD DATA LOCAL INFILE '{tmp_path}/lines' INTO TABLE orderdetails": "LOAD DATA",
        "SELECT ship()": "`ship`()",
        "ANALYZE UPDATE orders SET comments = 'analysed'": "ANALYZE UPDATE",
        "/*!40000 UPDATE orders SET comments = 'commented' */": "/*!40000 UPDATE",
        "SET STATEMENT max_statement_time = 9 FOR UPDATE orders SET comments = 'limited'": "FOR UPDATE orders",
        "SET STATEMENT max_statement_time = 9 FOR ALTER TABLE orders ADD COLUMN a INT": "FOR ALTER TABLE",
    }
    connection = shop.server.connect(shop.database, local_infile=True)
    with connection.cursor() as cursor:
        for statement in ("SET SESSION binlog_format = STATEMENT", *changes, "ANALYZE TABLE orders"):
            cursor.execute(statement)
            cursor.fetchall()
    connection.close()
    accepted: list[str] = []
    for said in changes.values():
        stop = stopped(shop, *accepted)
        assert said in stop
        accepted += ["--accept", stop.rpartition("--accept ")[2].strip()]
    shop.follow(*accepted)


def test_a_log_that_says_that_changes_are_missing_in_it_stops(shop: Shop) -> None:
    shop.sql("CREATE TABLE texts (content LONGTEXT) ENGINE = MyISAM")
    shop.json("snapshot")
    shop.sql("SET GLOBAL binlog_stmt_cache_size = 4096", "SET GLOBAL max_binlog_stmt_cache_size = 4096")
    try:
        with pytest.raises(pymysql.MySQLError, match="max_binlog_stmt_cache_size"):
            shop.sql("INSERT INTO texts VALUES (REPEAT('x', 30000)), (REPEAT('x', 30000))")
    finally:
        shop.sql("SET GLOBAL max_binlog_stmt_cache_size = DEFAULT", "SET GLOBAL binlog_stmt_cache_size = DEFAULT")
    assert "changes are missing in it" in stopped(shop)


def test_a_column_that_the_reader_does_not_know_stops(shop: Shop) -> None:
    shop.sql("ALTER TABLE orders ADD COLUMN packed VARCHAR(100) COMPRESSED")
    shop.json("snapshot")
    shop.sql("UPDATE orders SET packed = 'x' WHERE orderNumber = 10101")
    assert "does not understand what follows" in stopped(shop)


def test_utf8_in_a_column_of_latin1_is_followed_although_it_is_none(shop: Shop) -> None:
    shop.sql("ALTER TABLE customers ADD COLUMN remark VARCHAR(20) CHARACTER SET latin1")
    shop.json("snapshot")
    shop.sql("UPDATE customers SET remark = x'C381', city = 'York' WHERE customerNumber = 103")
    shop.follow()
    address = shop.order(10100).shipping_address
    assert address is not None
    assert address.city == "York"


def test_after_a_person_has_looked_it_goes_on_past_the_statement(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET SESSION binlog_format = STATEMENT", "UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    place = stopped(shop).rpartition("--accept ")[2].strip()
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10102")
    assert shop.json("snapshot", "--key", "10101") == {"written": 1}
    shop.follow("--accept", place)
    assert [shop.order(number).status for number in (10101, 10102)] == ["shipped", "shipped"]


def test_truncate_and_ddl_of_a_watched_table_stop(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("CREATE TABLE notes (id INT PRIMARY KEY)", "DROP TABLE notes")
    shop.follow()
    shop.sql("ALTER TABLE orders ADD COLUMN channel VARCHAR(8)")
    place = stopped(shop).rpartition("--accept ")[2].strip()
    shop.follow("--accept", place)
    shop.sql("SET foreign_key_checks = 0", "TRUNCATE TABLE orderdetails")
    assert "TRUNCATE TABLE orderdetails" in stopped(shop)


def test_a_minimal_row_image_stops(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql(
        "SET SESSION binlog_row_image = MINIMAL", "UPDATE orderdetails SET priceEach = 1 WHERE orderNumber = 10101"
    )
    assert "binlog_row_image is not FULL" in stopped(shop)
    assert shop.json("snapshot", "--restart") == {"orders": 4, "same": 3, "written": 1}
    shop.follow()


def test_a_purged_log_stops(shop: Shop) -> None:
    shop.json("snapshot")

    def is_purged() -> bool:  # a reader that has just gone still holds its file
        shop.sql(f"PURGE BINARY LOGS TO '{newest}'")
        return bool(shop.server.rows("SHOW BINARY LOGS")[0][0] == newest)

    shop.sql("DELETE FROM orders WHERE orderNumber = 10103")
    shop.sql("FLUSH BINARY LOGS")
    (newest, *_more) = shop.server.rows("SHOW MASTER STATUS")[0]
    eventually(is_purged)
    assert "has purged its log" in stopped(shop)
    assert shop.json("snapshot", "--restart") == {"orders": 3, "same": 3, "removed": 1}
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.follow()
    assert shop.order(10101).status == "shipped"
    assert shop.run("verify").exit_code == 0


def test_another_server_stops(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET GLOBAL server_id = 77")
    try:
        assert "another server" in stopped(shop)
    finally:
        shop.sql("SET GLOBAL server_id = 1")


def test_another_history_stops(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.follow()
    file = next(shop.stage.state_dir.glob("migrate-*/follow.json"))
    file.write_text(file.read_text().replace('"gtid": "0-1-', '"gtid": "0-9-'))
    assert "another history" in stopped(shop)


def test_a_select_that_fails_stops(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.sql("ALTER TABLE products RENAME COLUMN productName TO title")
    place = stopped(shop).rpartition("--accept ")[2].strip()
    assert "a SELECT of the mapping fails" in stopped(shop, "--accept", place)


def test_a_rotated_log_is_followed(shop: Shop) -> None:
    shop.json("snapshot")
    for status in ("Shipped", "Resolved"):
        shop.sql(f"UPDATE orders SET status = '{status}' WHERE orderNumber = 10101", "FLUSH BINARY LOGS")  # noqa: S608
    shop.follow()
    assert shop.order(10101).status == "delivered"


def test_a_mapping_that_changed_asks_for_a_new_copy(shop: Shop) -> None:
    shop.json("snapshot")
    assert shop.json("snapshot", "--key", "10102") == {"same": 1}
    shop.mapping.write_text(shop.mapping.read_text().replace('"On Hold" = "placed"', '"On Hold" = "confirmed"'))
    assert "the mapping file has changed" in stopped(shop)
    assert shop.json("snapshot", "--restart")["written"] == 1
    assert shop.order(10102).status == "confirmed"


def test_events_are_for_after_the_snapshot(shop: Shop) -> None:
    shop.json("snapshot")
    file = next(shop.stage.state_dir.glob("migrate-*/snapshot.json"))
    file.write_text(file.read_text().replace('"done": true', '"done": false'))
    assert "for after the snapshot" in stopped(shop, "--events", "follow")
