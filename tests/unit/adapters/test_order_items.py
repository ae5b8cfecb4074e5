"""An order as an item of the table: no field is lost, ten lines cost one write unit, and any other item is poison."""

import copy
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given

from chalicelib.adapters import order_items
from chalicelib.adapters.attribute_values import Codec
from chalicelib.domain.errors import Poison
from chalicelib.domain.orders import SUMMARY, ErasedOrder, Order
from chalicelib.domain.parts import LineItem
from testkit.builders import ADDRESS, CUSTOMER, LATER, NOW, ORDER_ID, an_order, line
from testkit.item_sizes import WRITE_UNIT, index_entry, item_size, number_size, value_size
from tests.unit.strategies import erased_orders, rejected_orders, stored_orders

DATA = Path(__file__).parents[2] / "data"
REAL_ORDERS = DATA / "online-retail-cut.csv"
STORED_ITEMS: dict[str, dict[str, Any]] = json.loads((DATA / "stored-items.json").read_text(encoding="utf-8"))


def real_lines(count: int) -> list[dict[str, Any]]:
    with REAL_ORDERS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["Quantity"]) > 0 and float(row["UnitPrice"]) > 0]
    lines = [
        line(
            sku=r["StockCode"],
            name=r["Description"],
            quantity=int(r["Quantity"]),
            unit_price=round(float(r["UnitPrice"]) * 100),
        )
        for r in rows
    ]
    return (lines * count)[:count]


@pytest.mark.parametrize("name", STORED_ITEMS)
def test_an_item_is_written_and_read_as_it_was_by_the_first_release(name: str) -> None:
    stored = STORED_ITEMS[name]
    model = ErasedOrder if name.startswith("erased") else Order
    order = model.model_validate(stored["order"])
    assert order_items.from_item(stored["item"]) == order
    assert canonical(order_items.to_item(order)) == canonical(stored["item"])


def canonical(item: dict[str, Any]) -> str:
    return json.dumps(item, sort_keys=True)


def test_the_stored_items_hold_every_field() -> None:
    """Every field of the release that wrote them: a field that is declared later has no attribute in them."""
    attributes = {name for stored in STORED_ITEMS.values() for name in stored["item"]}
    assert len(attributes) == 18
    (first, _) = STORED_ITEMS["every field"]["item"]["items"]["L"]
    assert first["M"].keys() == {"s", "n", "q", "p"}
    assert len(STORED_ITEMS["every field"]["item"]["shipping_address"]["M"]) == 7


@given(order=stored_orders() | rejected_orders(), erased=erased_orders())
def test_an_item_belongs_to_its_customer_and_a_tombstone_to_anyone(order: Order, erased: ErasedOrder) -> None:
    item, tombstone = order_items.to_item(order), order_items.to_item(erased)
    assert order_items.may_be_of(item, order.customer_id)
    assert order_items.may_be_of(item, None)  # a service asks, for any customer
    assert not order_items.may_be_of(item, f"{order.customer_id}-")
    assert not order_items.may_be_of(item, "")
    assert order_items.may_be_of(tombstone, order.customer_id)


@given(order=stored_orders() | rejected_orders())
def test_an_order_comes_back_as_it_was_stored(order: Order) -> None:
    assert order_items.from_item(order_items.to_item(order)) == order


@given(order=stored_orders())
def test_an_order_that_was_read_is_shown_like_the_one_stored(order: Order) -> None:
    read = order_items.from_item(order_items.to_item(order))
    assert isinstance(read, Order)
    assert read.shown() == order.shown()
    assert read.content == order.content


@given(erased=erased_orders())
def test_a_tombstone_comes_back_and_is_in_no_index(erased: ErasedOrder) -> None:
    item = order_items.to_item(erased)
    assert order_items.from_item(item) == erased
    assert item.keys() == {"order_id", "status", "version", "updated_at", "correlation_id"}


@given(order=stored_orders())
def test_a_summary_is_read_from_what_the_index_projects(order: Order) -> None:
    shown = order.shown() | {"item_count": order.item_count}
    expected = {name: value for name, value in shown.items() if name in SUMMARY | {"item_count"}}
    entry = index_entry(order_items.to_item(order))
    assert order_items.to_summary(entry) == expected
    assert order_items.to_summary(entry | {"of_a_newer_release": {"BOOL": True}}) == expected


def test_an_item_has_typed_attributes_and_no_blob() -> None:
    item = order_items.to_item(an_order())
    plain = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
    assert plain["items"] == [{"s": "85123A", "n": "WHITE HANGING HEART", "q": 6, "p": 255}]
    assert plain["total"] == 1530
    assert plain["placed_key"] == f"{NOW}#{ORDER_ID}"


def test_item_sizes_follow_the_rules_of_dynamodb() -> None:
    assert item_size({"ab": {"S": "é"}}) == 4
    assert [number_size(text) for text in ("0", "7", "12", "123", "-12", "1000000")] == [2, 2, 2, 3, 3, 2]
    assert value_size({"L": [{"M": {"a": {"S": "b"}}}]}) == 3 + 1 + 3 + 1 + 1 + 1


@pytest.mark.parametrize("field", LineItem.model_fields)
def test_every_field_of_a_line_has_a_name_of_one_letter(field: str) -> None:
    assert len(order_items.NAMES[LineItem].get(field, field)) == 1, f"NAMES has none for {field}"


@pytest.mark.parametrize("model", [Order, LineItem])
def test_no_two_fields_have_the_same_attribute(model: Any) -> None:
    attributes = list(Codec(model, order_items.NAMES).attributes.values())
    assert sorted(set(attributes)) == sorted(attributes)


def test_an_order_of_ten_real_lines_and_an_address_is_one_write_unit() -> None:
    order = an_order(new={"items": real_lines(10), "reference": "536365", "shipping_address": ADDRESS})
    assert 0 < item_size(order_items.to_item(order)) <= WRITE_UNIT


def test_an_index_entry_is_one_write_unit_even_of_the_largest_order() -> None:
    new = {
        "items": [line(sku="s" * 64, name="n" * 200, quantity=2)] * 2_000,
        "note": "n" * 1_000,
        "reference": "é" * 64,
    }
    order = an_order(new=new, customer_id="c" * 64, version=10**9)
    assert item_size(index_entry(order_items.to_item(order))) <= WRITE_UNIT


def test_a_cursor_names_the_whole_key_of_an_index_entry() -> None:
    assert order_items.start_key(CUSTOMER, f"{NOW}#{ORDER_ID}") == {
        "order_id": {"S": ORDER_ID},
        "customer_id": {"S": CUSTOMER},
        "placed_key": {"S": f"{NOW}#{ORDER_ID}"},
    }


@pytest.mark.parametrize("name", ["customer_id", "currency", "total", "updated_at", "reference"])
def test_an_erased_item_holds_nothing_but_the_tombstone(name: str) -> None:
    order = an_order(new={"reference": "r", "shipping_address": ADDRESS})
    assert name not in order_items.to_item(order.erase(LATER)) or name == "updated_at"


REQUIRED = ["order_id", "customer_id", "placed_key", "status", "version", "total", "items", "updated_at", "fingerprint"]


@pytest.mark.parametrize("name", [*REQUIRED, "correlation_id"])
def test_an_item_without_an_attribute_that_every_order_has_is_poison(name: str) -> None:
    item = order_items.to_item(an_order())
    del item[name]
    with pytest.raises(Poison):
        order_items.from_item(item)


GARBAGE: list[dict[str, Any]] = [
    {"status": {"N": "1"}},
    {"status": {"N": "1"}},
    {"version": {"N": "1.5"}},
    {"version": {"S": "1"}},
    {"version": {"NULL": True}},
    {"total": {"N": "NaN"}},
    {"items": {"S": "[]"}},
    {"items": {"L": [{"S": "a"}]}},
    {"items": {"L": [{"M": {}}]}},
    {"items": {"L": [{"M": {"s": {"S": "a"}, "q": {"S": "x"}, "p": {"N": "1"}}}]}},
    {"shipping_address": {"M": {"name": {"N": "1"}}}},
    {"shipping_address": {"S": "1 High Street"}},
    {"violations": {"L": [{"M": {}}]}},
    {"note": {"N": "1"}},
    {"order_id": {"N": "1"}},
    {"order_id": None},
]


@pytest.mark.parametrize("changes", GARBAGE, ids=str)
def test_an_item_that_is_not_an_order_is_poison(changes: dict[str, Any]) -> None:
    with pytest.raises(Poison):
        order_items.from_item(copy.deepcopy(order_items.to_item(an_order())) | changes)


@pytest.mark.parametrize(
    "item", [{}, {"status": {"S": "erased"}}, {"status": "erased"}, {"a": {"S": "b"}}, [], None, 1]
)
def test_any_other_item_is_poison(item: Any) -> None:
    with pytest.raises(Poison):
        order_items.from_item(item)


def test_an_order_stored_under_yesterdays_rules_stays_readable() -> None:
    item = order_items.to_item(an_order()) | {"currency": {"S": "DEM"}, "of_tomorrow": {"S": "x"}}
    read = order_items.from_item(item)
    assert isinstance(read, Order)
    assert read.currency == "DEM"


def test_an_order_and_its_tombstone_keep_their_trace() -> None:
    order = an_order(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    erased = order.erase(LATER)
    assert order_items.from_item(order_items.to_item(order)) == order
    assert order_items.from_item(order_items.to_item(erased)) == erased


def test_an_address_has_attributes_only_for_the_fields_it_has() -> None:
    item = order_items.to_item(an_order(new={"shipping_address": ADDRESS}))
    assert item["shipping_address"]["M"].keys() == ADDRESS.keys()


def test_a_poison_error_names_the_missing_attribute_and_no_value() -> None:
    item = order_items.to_item(an_order())
    with pytest.raises(Poison, match=r"^not an order's item: 'fingerprint'$"):
        order_items.from_item({name: value for name, value in item.items() if name != "fingerprint"})
    with pytest.raises(Poison, match=r"^not an order's item: ValueError$"):
        order_items.from_item({**item, "total": {"N": "secret"}})


def test_a_tombstone_is_read_as_an_erased_order() -> None:
    assert isinstance(order_items.from_item(order_items.to_item(an_order().erase(LATER))), ErasedOrder)


@pytest.mark.parametrize(
    ("item", "version", "marks"),
    [
        ({}, 0, []),
        ({"version": {"N": "1"}}, 1, []),
        ({"version": {"N": "12"}, "change_id": {"S": "third second"}}, 12, ["third", "second"]),
    ],
)
def test_the_last_changes_of_an_item_are_its_version_and_the_marks_of_its_writes(
    item: dict[str, Any], version: int, marks: list[str]
) -> None:
    assert order_items.last_changes(item) == (version, marks)
