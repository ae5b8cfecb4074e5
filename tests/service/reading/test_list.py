"""GET /customers/{customer_id}/orders: every order once, newest first, whatever the filters and the page size."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.domain.orders import OrderStatus
from testkit.api_client import Answer, ApiClient
from testkit.builders import an_order, fresh_order_id, new_order
from tests.service.harness import ServiceHarness

STATUSES = [OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.CANCELLED]


def at(number: int) -> str:
    """One order a minute; five of them in the same millisecond."""
    return f"2026-01-31T12:{max(0, number - 5):02d}:00.000Z"


@pytest.fixture(scope="module")
def customer(built: ServiceHarness) -> str:
    """A customer with 45 orders, numbered by their reference."""
    customer_id = f"c-{uuid.uuid4().hex}"
    for number in range(45):
        built.put(
            an_order(
                order_id=fresh_order_id(customer_id),
                customer_id=customer_id,
                status=STATUSES[number % 3],
                placed_at=at(number),
                new={"reference": str(number), "note": "private", "items": new_order()["items"] * 2},
            )
        )
    return customer_id


def pages(api: ApiClient, path: str, **query: Any) -> Iterator[Answer]:
    """Follow Link rel=next to the end."""
    at_path = f"{path}?{urlencode(query)}"
    for _ in range(100):
        page = api.get(at_path)
        yield page
        if page.json["next_cursor"] is None:
            assert "Link" not in page.headers
            return
        link, _, relation = page.headers["Link"].partition("; ")
        assert relation == 'rel="next"'
        assert page.json["next_cursor"] in link
        at_path = link.strip("<>").removeprefix("/api")
    raise AssertionError("the list does not end")


def listed(harness: ServiceHarness, customer: str, **query: Any) -> list[int]:
    api = harness.api(subject=customer)
    return [
        int(order["reference"])
        for page in pages(api, f"/customers/{customer}/orders", **query)
        for order in page.json["orders"]
    ]


@pytest.mark.parametrize("limit", [1, 7, 20, 44, 45, 46, 100])
def test_all_pages_together_are_all_orders_newest_first(harness: ServiceHarness, customer: str, limit: int) -> None:
    found = listed(harness, customer, limit=limit)
    assert sorted(found) == list(range(45))
    assert found[:39] == list(range(44, 5, -1))


def test_a_page_has_twenty_unless_asked_otherwise(harness: ServiceHarness, customer: str) -> None:
    sizes = [len(page.json["orders"]) for page in pages(harness.api(subject=customer), f"/customers/{customer}/orders")]
    assert sizes == [20, 20, 5]


def test_a_last_page_that_is_full_has_no_cursor(harness: ServiceHarness, customer: str) -> None:
    answers = list(pages(harness.api(subject=customer), f"/customers/{customer}/orders", limit=15))
    assert [len(page.json["orders"]) for page in answers] == [15, 15, 15]


@pytest.mark.parametrize("limit", [1, 4, 15, 100])
@pytest.mark.parametrize("status", range(3))
def test_a_status_is_filtered_without_loss(harness: ServiceHarness, customer: str, status: int, limit: int) -> None:
    found = listed(harness, customer, limit=limit, status=STATUSES[status].value)
    assert sorted(found) == list(range(status, 45, 3))


def test_a_time_range_excludes_its_ends(harness: ServiceHarness, customer: str) -> None:
    assert sorted(listed(harness, customer, placed_after=at(10), placed_before=at(15), limit=2)) == [11, 12, 13, 14]
    assert sorted(listed(harness, customer, placed_after=at(0))) == list(range(6, 45))
    assert sorted(listed(harness, customer, placed_before=at(0))) == []
    assert sorted(listed(harness, customer, placed_before="2026-01-31T13:05:00+01:00")) == list(range(10))
    assert listed(harness, customer, placed_after=at(20), placed_before=at(20)) == []
    assert listed(harness, customer, placed_after=at(30), placed_before=at(20)) == []
    # A year in the far future is valid: 9709 sorts after a plain "9".
    assert listed(harness, customer, placed_after="9709-05-09T12:17:59Z") == []
    assert listed(harness, customer, placed_before="0001-01-01T00:00:00+01:00") == []
    assert listed(harness, customer, placed_before="0999-01-01T00:00:00Z") == []


@pytest.mark.parametrize("limit", [1, 100])
def test_an_order_is_found_by_its_reference(harness: ServiceHarness, customer: str, limit: int) -> None:
    assert listed(harness, customer, reference="17", limit=limit) == [17]
    assert listed(harness, customer, reference="17", status=STATUSES[17 % 3].value, limit=limit) == [17]
    assert listed(harness, customer, reference="17", status=STATUSES[0].value, limit=limit) == []
    assert listed(harness, customer, reference="017", limit=limit) == []


def test_a_cursor_serves_one_reference(harness: ServiceHarness, customer: str) -> None:
    api = harness.api(subject=customer)
    path = f"/customers/{customer}/orders"
    cursor = api.get(f"{path}?limit=1").json["next_cursor"]
    assert api.get(f"{path}?limit=1&cursor={cursor}").status == 200
    assert api.get(f"{path}?limit=1&cursor={cursor}&reference=17").problem == "invalid-cursor"


def test_filters_combine(harness: ServiceHarness, customer: str) -> None:
    found = listed(harness, customer, status="confirmed", placed_after=at(10), placed_before=at(20), limit=1)
    assert found == [19, 16, 13]


def test_a_list_shows_summaries(harness: ServiceHarness, customer: str) -> None:
    order = harness.api(subject=customer).get(f"/customers/{customer}/orders?limit=1").json["orders"][0]
    assert set(order) == {
        "order_id", "customer_id", "status", "currency", "total", "item_count", "reference", "version", "placed_at",
        "updated_at",
    }  # fmt: skip
    assert (order["customer_id"], order["item_count"], order["total"], order["placed_at"]) == (
        customer,
        2,
        3060,
        at(44),
    )


def test_a_customer_without_orders_has_an_empty_list(harness: ServiceHarness) -> None:
    answer = harness.api(subject="nobody").get("/customers/nobody/orders?status=placed")
    assert (answer.status, answer.json) == (200, {"orders": [], "next_cursor": None})


def test_a_service_lists_any_customers_orders(harness: ServiceHarness, customer: str) -> None:
    answer = harness.api(subject="shop", scope="orders/service").get(f"/customers/{customer}/orders?limit=100")
    assert len(answer.json["orders"]) == 45


def test_an_erased_order_is_in_no_list(harness: ServiceHarness) -> None:
    order = an_order(order_id=fresh_order_id("forgetful"), customer_id="forgetful")
    harness.put(order)
    assert len(harness.api(subject="forgetful").get("/customers/forgetful/orders").json["orders"]) == 1
    harness.put(order.erase("2026-02-01T00:00:00.000Z"))
    assert harness.api(subject="forgetful").get("/customers/forgetful/orders").json["orders"] == []


def test_a_cursor_serves_only_its_caller_and_query(harness: ServiceHarness, customer: str) -> None:
    service = harness.api(subject="shop", scope="orders/service")
    cursor = (
        harness.api(subject=customer).get(f"/customers/{customer}/orders?limit=5&status=placed").json["next_cursor"]
    )
    right = f"/customers/{customer}/orders?limit=7&status=placed&cursor={cursor}"
    assert harness.api(subject=customer).get(right).status == 200  # a cursor serves any page size
    for api, path in (
        (service, right),
        (service, f"/customers/17851/orders?status=placed&cursor={cursor}"),
        (harness.api(subject=customer), f"/customers/{customer}/orders?cursor={cursor}"),
        (harness.api(subject=customer), f"/customers/{customer}/orders?status=confirmed&cursor={cursor}"),
        (harness.api(subject=customer), right[:-1]),
        (harness.api(subject=customer), right + "A"),
        (harness.api(subject=customer), f"/customers/{customer}/orders?status=placed&cursor="),
    ):
        answer = api.get(path)
        assert (answer.status, answer.problem) == (400, "invalid-cursor"), path


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=", "limit=001000", "status=accepted", "status=", "placed_after=now",
     "placed_before=2026-01-31", "placed_after=", "surplus=1", "reference=",
     "reference=" + "r" * 65, "limit=1&limit=2", "page=2"],
)  # fmt: skip
def test_an_invalid_parameter_is_a_problem(harness: ServiceHarness, query: str) -> None:
    answer = harness.api().get(f"/customers/17850/orders?{query}")
    assert (answer.status, answer.problem) == (400, "invalid-parameter")


@pytest.mark.parametrize(
    ("who", "customer_id", "slug"),
    [
        ({}, "17851", "forbidden"),
        ({"scope": "orders/write"}, "17850", "forbidden"),
        ({"scope": "orders/service"}, "a b", "invalid-parameter"),
        ({"scope": "orders/service"}, "a" * 129, "invalid-parameter"),
    ],
)
def test_a_list_is_for_its_owner_and_services(
    harness: ServiceHarness, who: dict[str, str], customer_id: str, slug: str
) -> None:
    assert harness.api(**who).get(f"/customers/{customer_id}/orders").problem == slug


@pytest.mark.parametrize(
    ("until", "since"),
    [
        # Between two milliseconds no order is placed: the same moment ends one window and begins the next.
        ("2026-01-31T12:00:20.0005Z", "2026-01-31T12:00:20.0005Z"),
        ("2026-01-31T12:20:00.0000001Z", "2026-01-31T12:20:00.0000001Z"),
        ("2026-01-31T12:19:59.9999999Z", "2026-01-31T12:19:59.9999999Z"),
        # Of a whole millisecond the next window begins one millisecond earlier.
        ("2026-01-31T12:20:00.000Z", "2026-01-31T12:19:59.999Z"),
        ("2026-01-31T12:20:00.001Z", "2026-01-31T12:20:00.000Z"),
    ],
)
def test_windows_that_meet_lose_no_order_and_have_none_in_common(
    harness: ServiceHarness, customer: str, until: str, since: str
) -> None:
    earlier = listed(harness, customer, placed_before=until)
    later = listed(harness, customer, placed_after=since)
    assert sorted(earlier + later) == list(range(45))


def test_both_bounds_are_exclusive(harness: ServiceHarness, customer: str) -> None:
    assert 25 not in listed(harness, customer, placed_before=at(25))
    assert 25 not in listed(harness, customer, placed_after=at(25))
    assert 25 in listed(harness, customer, placed_before=at(25).replace(".000Z", ".0000001Z"))
