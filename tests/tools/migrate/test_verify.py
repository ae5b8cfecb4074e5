"""`migrate verify`: it finds what is lost, left over or different, and its sums share no code with the copy."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters import order_items
from tests.tools.migrate.shop import Shop
from tests.tools.operate.stage import TABLE

pytestmark = pytest.mark.full  # needs a MariaDB server


def verified(shop: Shop, *options: str) -> tuple[int, dict[str, Any]]:
    result = shop.run("verify", "--json", *options)
    return result.exit_code, json.loads(result.stdout)


def change_item(shop: Shop, number: int, name: str, value: Any) -> None:
    item = shop.item(number) | {name: value}
    shop.stage.dynamodb.put_item(TableName=TABLE, Item=item)


def test_a_copy_is_equal_to_the_shop_order_by_order_and_in_its_sums(shop: Shop) -> None:
    shop.json("snapshot")
    shop.follow()
    status, found = verified(shop)
    assert (status, found["clean"], found["same"], found["groups"]) == (0, True, 4, 4)
    assert "| 2003-01 | shipped | USD | 1 | 1 | 294050 | 294050 |" in (shop.run("verify").stdout)


def test_a_lost_an_extra_and_a_different_order_are_found(shop: Shop) -> None:
    shop.json("snapshot")
    shop.stage.dynamodb.delete_item(TableName=TABLE, Key=order_items.key(shop.order_id(10100)))
    change_item(shop, 10102, "reference", {"S": "another"})
    shop.sql("SET foreign_key_checks = 0", "TRUNCATE TABLE orderdetails")
    shop.sql("DELETE FROM orders WHERE orderNumber = 10103")
    status, found = verified(shop)
    assert (status, found["clean"]) == (1, False)
    report = shop.run("verify").stdout
    assert "classic/10103 is stored, and the shop does not have it" in report
    assert "classic/10101 /items: Must have at least 1 item" in report


def test_a_wrong_total_is_found_by_the_sums_alone(shop: Shop) -> None:
    shop.json("snapshot")
    shop.follow()
    mapping = shop.mapping.read_text()
    shop.mapping.write_text(
        mapping.replace("SUM(d.quantityOrdered * d.priceEach)", "SUM(d.quantityOrdered * d.priceEach) + 1")
    )
    status, found = verified(shop)
    assert (status, found["different"], found["different_groups"]) == (1, 0, 4)


def test_a_change_that_follow_has_not_passed_is_said_to_be_so(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    report = shop.run("verify").stdout
    assert "classic/10101 differs in status (follow has not passed it)" in report
    shop.follow()
    assert verified(shop)[0] == 0


def test_an_order_that_the_service_has_changed_is_counted_and_not_compared(shop: Shop) -> None:
    shop.json("snapshot")
    change_item(shop, 10101, "version", {"N": "2"})
    status, found = verified(shop)
    assert (status, found["owned"], found["same"], found["groups"]) == (0, 1, 3, 3)


def test_a_sample_has_a_report_of_its_own_beside_the_one_to_sign(shop: Shop) -> None:
    shop.json("snapshot")
    shop.follow()
    to_sign = Path(verified(shop)[1]["report"])
    signed = to_sign.read_text()
    found = verified(shop, "--sample", "2")[1]
    assert found["same"] == 2
    assert "Of a sample, counts and sums are not compared." in Path(found["report"]).read_text()
    assert to_sign.read_text() == signed
    assert "Read and agreed" in signed


def test_what_differs_is_copied_again_by_the_list_of_its_keys(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET SESSION binlog_format = STATEMENT", "UPDATE orderdetails SET quantityOrdered = 8")
    shop.sql("SET foreign_key_checks = 0, sql_log_bin = 0", "DELETE FROM orders WHERE orderNumber > 10102")
    status, found = verified(shop)
    assert (status, found["different"]) == (1, 4)
    keys = Path(found["report"]).with_name("different.txt")
    assert keys.read_text() == "10100\n10101\n10102\n10103\n"
    hint = shlex.split(shop.run("verify").stderr.splitlines()[-1])
    done = shop.stage.run(*hint[hint.index("migrate") :], "--json")
    assert json.loads(done.stdout) == {"written": 3, "removed": 1}, done.output
    assert verified(shop)[0] == 0
    keys.write_text("10100\nall\n")
    assert "line 2 of" in shop.run("snapshot", "--keys", str(keys)).stderr


def test_an_order_that_was_copied_and_cannot_be_one_any_more_may_be_accepted(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Lost at sea' WHERE orderNumber = 10101")
    shop.follow()
    status, found = verified(shop, "--accept-refused")
    assert (status, found["refused"], found["different_groups"]) == (0, 1, 0)
    report = Path(found["report"]).read_text()
    assert "1 order: cannot be taken here, which was accepted (--accept-refused)." in report
    assert "(as it was before, it is stored)" in report


@pytest.mark.parametrize(("options", "expected"), [(["--accept-refused"], 0), ([], 1)])
def test_an_order_that_cannot_be_one_is_listed_with_its_reason(shop: Shop, options: list[str], expected: int) -> None:
    shop.sql("UPDATE orders SET status = 'Lost at sea' WHERE orderNumber = 10101")
    shop.json("snapshot")
    status, found = verified(shop, *options)
    assert (status, found["refused"], found["different"]) == (expected, 1, 0)
    assert "classic/10101 its status 'Lost at sea' has no line in [status]" in shop.run("verify").stdout
