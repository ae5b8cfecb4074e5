"""Lists of few and of thousands of orders: complete, in order, and each page reads a bounded number of entries."""

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain.orders import Order, OrderStatus
from testkit.api_client import Answer
from testkit.builders import an_order, fresh_order_id, new_order
from tests.service.http.callers import Caller, Service

# The embedded engine scans every entry for each query, so only `make property` has the larger numbers.
MANY, WALKED = (10_000, 10_000) if os.environ.get("HYPOTHESIS_PROFILE") == "full" else (3_000, 1_200)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
RARE = [3, 250, 251, 499, 777, 1_198, 1_199, 2_500, 2_998]  # the numbers of the shipped orders


def time_of(number: int) -> str:
    """One order a minute, but every fourth in the same millisecond as the one before."""
    moment = FIRST + timedelta(minutes=number - (number % 4 == 3))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@dataclass
class Reads:
    """A DynamoDB client that counts the index entries that each query reads."""

    client: Any
    queries: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def query(self, **parameters: Any) -> Any:
        answer = self.client.query(**parameters)
        self.queries.append(answer["ScannedCount"])
        return answer


@dataclass(frozen=True)
class Shopper:
    caller: Caller
    path: str
    newest_first: list[str]  # order ids
    reads: Reads

    def page(self, **parameters: Any) -> Answer:
        self.reads.queries.clear()
        query = urlencode(parameters)
        answer = self.caller.get(f"{self.path}?{query}" if query else self.path)
        assert answer.status == 200, answer
        return answer

    def pages(self, **parameters: Any) -> Iterator[Answer]:
        """The answers of all pages, following next_cursor, which must be the cursor of Link."""
        answer = self.page(**parameters)
        yield answer
        while (cursor := answer.json["next_cursor"]) is not None:
            target, _, relation = answer.headers["Link"].partition("; ")
            assert relation == 'rel="next"'
            linked = urlsplit(target.strip("<>"))
            assert linked.path == f"/api{self.path}"
            expected = {name: str(value) for name, value in parameters.items()} | {"cursor": cursor}
            assert dict(parse_qsl(linked.query)) == expected
            answer = self.page(**parameters, cursor=cursor)
            yield answer
        assert "Link" not in answer.headers


def ids(*answers: Answer) -> list[str]:
    return [order["order_id"] for answer in answers for order in answer.json["orders"]]


@pytest.fixture(scope="module")
def reads(service: Service) -> Iterator[Reads]:
    table = service.functions.wiring.order_table()
    reads = Reads(table.client)
    object.__setattr__(table, "client", reads)  # the dataclass is frozen, and the functions keep the table
    yield reads
    object.__setattr__(table, "client", reads.client)


def shopper(service: Service, reads: Reads, count: int) -> Iterator[Shopper]:
    """A customer whose orders were written straight into the table, for the duration of the tests that read them."""
    customer = f"many-{uuid.uuid4().hex[:8]}"
    stored = [_order(customer, number) for number in range(count)]
    puts: list[Any] = [{"PutRequest": {"Item": order_items.to_item(each)}} for each in stored]
    deletes: list[Any] = [{"DeleteRequest": {"Key": order_items.key(each.order_id)}} for each in stored]
    order = sorted(stored, key=lambda each: (each.placed_at, each.order_id), reverse=True)
    _write(service, puts)
    yield Shopper(service.caller(customer), f"/customers/{customer}/orders", [each.order_id for each in order], reads)
    _write(service, deletes)


def _write(service: Service, requests: list[Any]) -> None:
    def write(start: int) -> None:
        answer = service.dynamodb.batch_write_item(RequestItems={service.table: requests[start : start + 25]})
        assert not answer["UnprocessedItems"]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(0, len(requests), 25)))


@pytest.fixture(scope="module")
def big(service: Service, reads: Reads) -> Iterator[Shopper]:
    yield from shopper(service, reads, MANY)


@pytest.fixture(scope="module")
def walked(service: Service, reads: Reads) -> Iterator[Shopper]:
    yield from shopper(service, reads, WALKED)


def _order(customer: str, number: int) -> Order:
    status = OrderStatus.SHIPPED if number in RARE else OrderStatus.PLACED
    time = time_of(number)
    return an_order(
        order_id=fresh_order_id(customer), customer_id=customer, placed_at=time, updated_at=time, status=status
    )


@pytest.fixture
def small(quiet: Service, reads: Reads) -> Shopper:
    """A customer with five orders."""
    customer = f"small-{uuid.uuid4().hex[:8]}"
    caller = quiet.caller(customer)
    stored = [quiet.place(caller, new_order(reference=f"PO {number}")) for number in range(5)]
    placed = {order_id: caller.get(f"/orders/{order_id}").json["placed_at"] for order_id in stored}
    newest_first = sorted(stored, key=lambda order_id: (placed[order_id], order_id), reverse=True)
    return Shopper(caller, f"/customers/{customer}/orders", newest_first, reads)


def test_a_few_orders_are_one_page_and_one_query(small: Shopper) -> None:
    answer = small.page()
    assert ids(answer) == small.newest_first
    assert answer.json["next_cursor"] is None
    assert small.reads.queries == [5]


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
def test_pages_of_any_size_make_up_the_list_and_only_the_last_may_be_short(small: Shopper, limit: int) -> None:
    pages = list(small.pages(limit=limit))
    assert ids(*pages) == small.newest_first
    assert [len(ids(page)) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert 0 < len(ids(pages[-1])) <= limit


def test_a_customer_without_orders_has_an_empty_list(service: Service) -> None:
    answer = service.caller("nobody-yet").get("/customers/nobody-yet/orders")
    assert (answer.status, answer.json) == (200, {"orders": [], "next_cursor": None})


def test_a_summary_leaves_out_the_large_attributes(small: Shopper) -> None:
    (order,) = small.page(limit=1).json["orders"]
    assert order.keys() == {
        "order_id",
        "customer_id",
        "status",
        "currency",
        "total",
        "item_count",
        "reference",
        "version",
        "placed_at",
        "updated_at",
    }


def test_each_of_many_orders_is_listed_once(walked: Shopper) -> None:
    assert ids(*walked.pages(limit=100)) == walked.newest_first


def test_a_filter_that_matches_few_orders_finds_all_of_them_in_bounded_steps(walked: Shopper) -> None:
    found, answers = [], 0
    for answer in walked.pages(status="shipped"):
        assert len(walked.reads.queries) <= 10
        assert sum(walked.reads.queries) <= 1_000
        found += answer.json["orders"]
        answers += 1
    expected = sorted((number for number in RARE if number < WALKED), reverse=True)
    assert [order["status"] for order in found] == ["shipped"] * len(expected)
    assert [order["placed_at"] for order in found] == [time_of(number) for number in expected]
    assert answers <= WALKED / 1_000 + 1


def test_a_list_whose_filter_matches_nothing_ends(walked: Shopper) -> None:
    answers = list(walked.pages(status="delivered"))
    assert ids(*answers) == []
    assert len(answers) <= WALKED / 1_000 + 1


def test_a_filter_that_matches_nearly_every_order_fills_its_pages(walked: Shopper) -> None:
    answer = walked.page(status="placed", limit=100)
    assert len(ids(answer)) == 100
    assert sum(walked.reads.queries) <= 300


@pytest.mark.parametrize(
    ("after", "before"),
    [(None, 50), (1_150, None), (500, 560), (502, 503), (503, 505), (505, 503), (3, 3)],
)
def test_a_range_of_time_excludes_both_its_ends(walked: Shopper, after: int | None, before: int | None) -> None:
    bounds = {"placed_after": after, "placed_before": before}
    given = {name: time_of(number) for name, number in bounds.items() if number is not None}
    expected = sorted(
        (time_of(number) for number in range(WALKED)),
        reverse=True,
    )
    low, high = given.get("placed_after", ""), given.get("placed_before", "9")
    found = [order["placed_at"] for answer in walked.pages(**given) for order in answer.json["orders"]]
    assert found == [time for time in expected if low < time < high]


def test_a_time_range_reads_only_its_own_index_entries(walked: Shopper) -> None:
    walked.page(placed_after=time_of(100), placed_before=time_of(111))
    assert len(walked.reads.queries) == 1
    assert sum(walked.reads.queries) <= 11


def test_a_time_of_another_zone_and_precision_is_the_same_time(walked: Shopper) -> None:
    here = walked.page(placed_after="2026-01-01T01:00:00Z", placed_before="2026-01-01T01:10:00.000Z")
    there = walked.page(placed_after="2026-01-01T02:00:00+01:00", placed_before="2026-01-01T00:10:00.0-01:00")
    assert ids(here) == ids(there) != []


def test_orders_placed_between_two_pages_do_not_shift_the_list(small: Shopper, quiet: Service) -> None:
    first = small.page(limit=2)
    quiet.place(small.caller, new_order())
    rest = [first, *_following(small, first)]
    assert ids(*rest) == small.newest_first


def _following(shopper: Shopper, answer: Answer) -> Iterator[Answer]:
    while (cursor := answer.json["next_cursor"]) is not None:
        answer = shopper.page(limit=2, cursor=cursor)
        yield answer


# At the end, because thousands of orders make every query of the engine slower.
@pytest.mark.full  # thousands of orders are written first
def test_a_page_out_of_thousands_of_orders_is_one_query_of_as_many_entries_as_it_shows(big: Shopper) -> None:
    answer = big.page()
    for page in range(5):
        assert ids(answer) == big.newest_first[page * 20 : page * 20 + 20]
        assert len(big.reads.queries) == 1
        assert sum(big.reads.queries) <= 21
        answer = big.page(cursor=answer.json["next_cursor"])


@pytest.mark.full  # thousands of orders are written first
def test_a_filter_over_thousands_of_orders_reads_a_bounded_part(big: Shopper) -> None:
    answer = big.page(status="delivered")
    assert ids(answer) == []
    assert answer.json["next_cursor"] is not None
    assert len(big.reads.queries) <= 10
    assert sum(big.reads.queries) <= 1_000
