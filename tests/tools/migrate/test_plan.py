"""`migrate plan`: what stands in the way is found before anything is written."""

import csv
import json
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import Cursor

from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # needs a MariaDB server


def planned(shop: Shop) -> tuple[int, list[tuple[str, str, str]], dict[str, Any]]:
    result = shop.run("plan", "--json")
    found = json.loads(result.stdout)
    return (
        result.exit_code,
        [(each["level"], each["about"], each["what"]) for each in found["findings"]],
        found["estimate"],
    )


def test_a_shop_without_obstacles_is_estimated(shop: Shop) -> None:
    status, found, estimate = planned(shop)
    assert [each for each in found if each[0] == "stop"] == []
    assert status == 0
    assert (estimate["orders"], estimate["write_units"]) == (4, 8)


def test_what_the_log_lacks_stops(shop: Shop) -> None:
    shop.sql("SET GLOBAL binlog_row_image = MINIMAL", "SET GLOBAL binlog_format = MIXED")
    try:
        status, found, _ = planned(shop)
    finally:
        shop.sql("SET GLOBAL binlog_row_image = FULL", "SET GLOBAL binlog_format = ROW")
    assert status == 1
    assert {about for level, about, _ in found if level == "stop"} >= {"binlog_row_image", "binlog_format"}


def as_mysql_8_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse the statement that MySQL 8.4 removed, and answer the one that took its place, which MariaDB has not."""
    execute = Cursor.execute

    def answer(cursor: Cursor, query: str, args: Any = None) -> int:
        if query == "SHOW MASTER STATUS":
            raise pymysql.ProgrammingError(1064, "You have an error in your SQL syntax")
        return execute(cursor, "SHOW MASTER STATUS" if query == "SHOW BINARY LOG STATUS" else query, args)

    monkeypatch.setattr(Cursor, "execute", answer)


def test_a_server_that_no_longer_knows_show_master_status_does_not_stop(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_mysql_8_4(monkeypatch)
    status, found, _ = planned(shop)
    assert [each for each in found if each[0] == "stop"] == []
    assert status == 0


def test_a_server_whose_log_position_may_not_be_read_stops(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Cursor.execute

    def refuse(cursor: Cursor, query: str, args: Any = None) -> int:
        if query in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
            raise pymysql.OperationalError(1227, "Access denied")
        return execute(cursor, query, args)

    monkeypatch.setattr(Cursor, "execute", refuse)
    status, found, _ = planned(shop)
    assert [each[:2] for each in found if each[0] == "stop"] == [("stop", "log position")]
    assert status == 1


def test_a_server_without_a_log_stops_and_is_judged_to_the_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Cursor.execute

    def without_log(cursor: Cursor, query: str, args: Any = None) -> int:
        return execute(cursor, "SELECT 1 FROM dual WHERE FALSE" if query == "SHOW MASTER STATUS" else query, args)

    monkeypatch.setattr(Cursor, "execute", without_log)
    status, found, _ = planned(shop)
    assert ("stop", "log position", "the source writes no binary log (log_bin).") in found
    assert any(about == "time zone" for _, about, _ in found)
    assert status == 1


def test_rights_that_are_too_few_or_too_many_are_named(shop: Shop) -> None:
    shop.sql("CREATE USER mover@'%' IDENTIFIED BY 'x'", f"GRANT SELECT ON {shop.database}.* TO mover@'%'")
    try:
        shop.sql("GRANT BINLOG MONITOR ON *.* TO mover@'%'")
        shop.stage.environment |= {"ORDERS_SOURCE_USER": "mover", "ORDERS_SOURCE_PASSWORD": "x"}
        assert ("stop", "rights") in {each[:2] for each in planned(shop)[1]}
        shop.sql("GRANT REPLICATION SLAVE, INSERT ON *.* TO mover@'%'")
        assert any(each[:2] == ("look", "rights") and "has INSERT on *.*" in each[2] for each in planned(shop)[1])
        shop.sql("REVOKE INSERT ON *.* FROM mover@'%'")
        assert ("ok", "rights") in {each[:2] for each in planned(shop)[1]}
        shop.json("snapshot")
        assert shop.follow()["position"]
    finally:
        shop.sql("DROP USER mover@'%'")


def test_orders_that_would_be_refused_are_counted_by_reason_with_their_keys(shop: Shop) -> None:
    shop.sql(
        "UPDATE orders SET status = 'Lost at sea' WHERE orderNumber = 10101",
        "UPDATE orderdetails SET quantityOrdered = 0 WHERE orderNumber = 10102",
        "UPDATE customers SET country = 'Atlantis' WHERE customerNumber = 112",
    )
    _, found, _ = planned(shop)
    refused = [what for level, about, what in found if (level, about) == ("stop", "refused")]
    assert any("Lost at sea" in what or "Atlantis" in what for what in refused)
    assert any("/items/N/quantity: Must be 1 or more" in what for what in refused)
    assert any("such as 10102" in what for what in refused)
    with Path(json.loads(shop.run("plan", "--json").stdout)["refused"]).open() as file:
        assert {row["key"] for row in csv.DictReader(file)} == {"10101", "10102", "10103"}


def test_the_estimate_names_the_rate_of_the_copy(shop: Shop) -> None:
    assert "2 orders: about" in shop.run("plan", "--limit", "2").stderr
    assert "at 2 a second, as asked for: the source was read at" in shop.run("plan", "--rate", "2").stderr
    assert "a second, as fast as the source was read.\n--rate sets a lower rate." in shop.run("plan").stderr


def test_a_wrong_password_is_named_although_the_stage_is_missing_too(shop: Shop) -> None:
    shop.stage.environment |= {"ORDERS_SOURCE_PASSWORD": "wrong", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert "the database refuses the connection: Access denied" in shop.run("plan").stderr


def test_mojibake_zero_dates_and_ambiguous_times_are_counted(shop: Shop) -> None:
    shop.sql("ALTER TABLE orders MODIFY orderDate DATETIME NOT NULL", "SET sql_mode = ''")
    shop.sql(
        "SET sql_mode = ''",
        "UPDATE orders SET orderDate = '0000-00-00' WHERE orderNumber = 10100",
        "UPDATE orders SET orderDate = '2003-10-26 01:30:00' WHERE orderNumber = 10101",
        "UPDATE orders SET comments = 'cafÃ©' WHERE orderNumber = 10102",
    )
    odd = [what for level, about, what in planned(shop)[1] if about == "odd"]
    assert any("does not exist" in what and "10100" in what for what in odd)
    assert any("exists twice" in what and "10101" in what for what in odd)
    assert any("mojibake" in what and "10102" in what for what in odd)


def test_cascades_engines_and_triggers_are_found(shop: Shop) -> None:
    shop.sql(
        "ALTER TABLE orders DROP FOREIGN KEY orders_ibfk_1",
        "ALTER TABLE orders ADD FOREIGN KEY (customerNumber) REFERENCES customers (customerNumber) ON DELETE CASCADE",
        "CREATE TRIGGER noted BEFORE UPDATE ON orders FOR EACH ROW SET NEW.comments = NEW.comments",
    )
    found = planned(shop)[1]
    assert any(each[:2] == ("stop", "orders") and "deleted row of customers" in each[2] for each in found)
    assert any(each[:2] == ("look", "orders") and "trigger noted" in each[2] for each in found)
    assert any(each[:2] == ("ok", "orderdetails") for each in found)
    for number in (1, 2):
        shop.sql(f"ALTER TABLE orderdetails DROP FOREIGN KEY orderdetails_ibfk_{number}")
    shop.sql("ALTER TABLE orderdetails ENGINE=MyISAM")
    assert any(each[:2] == ("stop", "orderdetails") and "MyISAM" in each[2] for each in planned(shop)[1])


def test_columns_without_a_place_in_an_order_stop(shop: Shop) -> None:
    shop.mapping.write_text(shop.mapping.read_text().replace("AS customer_id", "AS customer"))
    stops = [what for level, about, what in planned(shop)[1] if (level, about) == ("stop", "[order] select")]
    assert stops == ["gives customer, which has no place in an order", "does not give customer_id"]
