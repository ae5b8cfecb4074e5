"""Reads from DAX: a fake cache that sees no writes, and the real client without a cluster."""

import json
import sys
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest
from amazondax.DaxError import DaxServiceError
from botocore.exceptions import ClientError

from chalicelib.domain import order_ids
from ordersctl.shared.project import PROJECT_DIR
from testkit.api_client import Answer
from testkit.builders import CUSTOMER, an_order, new_order
from testkit.fake_aws.lambda_ import copied
from testkit.waiting import free_port
from tests.service.harness import ServiceHarness

ENDPOINT = "daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com"


@dataclass
class Cache:
    """Keeps every eventually consistent answer, an empty one too, and takes no writes."""

    table: Any
    calls: list[tuple[str, bool]] = field(default_factory=list)
    fault: Exception | None = None
    _remembered: dict[str, Any] = field(default_factory=dict)

    def __call__(self, session: Any, *, endpoint_url: str, config: Any) -> "Cache":
        assert (endpoint_url, config.read_timeout) == (ENDPOINT, 2)
        assert session.get_credentials()
        return self

    def get_item(self, **asked: Any) -> Any:
        return self._answer("get_item", asked)

    def query(self, **asked: Any) -> Any:
        return self._answer("query", asked)

    def batch_get_item(self, **asked: Any) -> Any:
        return self._answer("batch_get_item", asked)

    def _answer(self, operation: str, asked: dict[str, Any]) -> Any:
        if self.fault:
            raise self.fault
        (request,) = asked["RequestItems"].values() if "RequestItems" in asked else (asked,)
        consistent = request.get("ConsistentRead", False)
        self.calls.append((operation, consistent))
        if consistent:  # passes through, and is not cached
            return getattr(self.table, operation)(**asked)
        key = operation + json.dumps(asked, sort_keys=True)
        if key not in self._remembered:
            self._remembered[key] = getattr(self.table, operation)(**asked)
        return self._remembered[key]

    def expire(self) -> None:
        self._remembered.clear()


def fresh_wiring(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, **changes: str) -> ModuleType:
    """A wiring with other settings that has made no client yet."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    module = copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")
    settings = replace(harness.wiring.settings(), **changes)
    vars(module)["settings"] = lambda: settings
    return module


def read_through(endpoint: str, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave as deployed with DAX_ENDPOINT."""
    fresh = fresh_wiring(harness, monkeypatch, dax_endpoint=endpoint)
    monkeypatch.setattr(harness.wiring, "read_table", fresh.read_table)


@pytest.fixture
def cache(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Cache:
    cache = Cache(harness.dynamodb)
    package = ModuleType("amazondax")
    vars(package)["AmazonDaxClient"] = cache
    monkeypatch.setitem(sys.modules, "amazondax", package)
    read_through(ENDPOINT, harness, monkeypatch)
    return cache


def an_order_in(harness: ServiceHarness) -> str:
    order = an_order(order_id=order_ids.mint(harness.wiring.id_secret(), "17850"))
    harness.put(order)
    return order.order_id


def patch(harness: ServiceHarness, order_id: str, etag: str, note: str) -> Answer:
    return harness.api().call("PATCH", f"/orders/{order_id}", json.dumps({"note": note}), If_Match=etag)


def test_without_the_setting_the_table_is_read_and_the_client_not_imported(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "amazondax", None)  # importing it fails
    fresh = fresh_wiring(harness, monkeypatch)
    assert fresh.read_table() is fresh.order_table()
    assert fresh.read_table().consistent


def test_an_order_is_read_from_the_cache(harness: ServiceHarness, cache: Cache) -> None:
    order_id = an_order_in(harness)
    harness.fail(harness.wiring.order_table(), "*", lambda _body: AssertionError("the table was asked"))
    first, second = (harness.api().get(f"/orders/{order_id}") for _ in range(2))
    assert (first.status, first.headers["ETag"]) == (200, '"1"')
    assert second.json == first.json
    assert cache.calls == [("get_item", False)] * 2


def test_lists_are_read_from_the_cache(harness: ServiceHarness, cache: Cache) -> None:
    an_order_in(harness)
    harness.fail(harness.wiring.order_table(), "*", lambda _body: AssertionError("the table was asked"))
    assert harness.api().get("/customers/17850/orders?limit=1").status == 200
    assert cache.calls == [("query", False)]


def test_a_spread_customer_s_list_is_read_from_the_cache_key_by_key(
    harness: ServiceHarness, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = fresh_wiring(harness, monkeypatch, dax_endpoint=ENDPOINT, spread_customers="17850=4")
    monkeypatch.setattr(harness.wiring, "read_table", fresh.read_table)
    answer = harness.api().get("/customers/17850/orders?limit=5")
    assert (answer.status, "#" in answer.body) == (200, False)
    assert cache.calls == [("query", False)] * 4


def test_several_orders_are_read_from_the_cache_and_absent_ones_again_from_the_table(
    harness: ServiceHarness, cache: Cache
) -> None:
    there = an_order_in(harness)
    waiting = harness.api().post("/orders", new_order()).json["order_id"]
    path = f"/orders?order_id={waiting}&order_id={there}"
    assert [each["status"] for each in harness.api().get(path).json["orders"]] == ["accepted", "placed"]
    harness.process_queue()
    assert [each["status"] for each in harness.api().get(path).json["orders"]] == ["placed", "placed"]
    assert cache.calls == [("batch_get_item", False), ("batch_get_item", True)] * 2


def test_an_order_that_is_not_stored_yet_is_not_remembered_as_missing(harness: ServiceHarness, cache: Cache) -> None:
    order_id = harness.api().post("/orders", new_order()).json["order_id"]
    assert harness.api().get(f"/orders/{order_id}").json == {"order_id": order_id, "status": "accepted"}
    harness.process_queue()
    assert harness.api().get(f"/orders/{order_id}").json["status"] == "placed"
    assert cache.calls == [("get_item", False), ("get_item", True)] * 2


def test_changes_are_decided_by_the_table_and_an_old_etag_is_refused(harness: ServiceHarness, cache: Cache) -> None:
    order_id = an_order_in(harness)
    seen = harness.api().get(f"/orders/{order_id}").headers["ETag"]
    assert patch(harness, order_id, seen, "first").headers["ETag"] == '"2"'
    stale = harness.api().get(f"/orders/{order_id}")
    assert (stale.headers["ETag"], stale.json.get("note")) == (seen, None)
    assert patch(harness, order_id, stale.headers["ETag"], "second").status == 412
    cache.expire()
    current = harness.api().get(f"/orders/{order_id}")
    assert current.json["note"] == "first"
    assert patch(harness, order_id, current.headers["ETag"], "second").status == 200
    assert {operation for operation, _ in cache.calls} == {"get_item"}


def test_an_erased_order_is_gone_once_its_cache_entry_expires(harness: ServiceHarness, cache: Cache) -> None:
    order_id = an_order_in(harness)
    assert harness.api().get(f"/orders/{order_id}").status == 200
    admin = harness.api(subject="ann", scope="orders/admin")
    assert admin.call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    assert harness.api().get(f"/orders/{order_id}").status == 200
    cache.expire()
    assert harness.api().get(f"/orders/{order_id}").problem == "gone"


def test_orders_are_stored_without_the_cache(harness: ServiceHarness, cache: Cache) -> None:
    order_id = harness.api().post("/orders", new_order(), Idempotency_Key="dax-1").json["order_id"]
    harness.process_queue()
    again = harness.api().post("/orders", new_order(), Idempotency_Key="dax-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert harness.stored(order_id)
    assert cache.calls == []


@pytest.mark.parametrize(
    "fault",
    [
        DaxServiceError("GetItem", "slow down", [4, 37, 38, 39, 50], "r", "ThrottlingException", 400),
        DaxServiceError("GetItem", "", [], None, None, None),  # has no code, nor anything else
        TimeoutError("timed out"),
        ConnectionResetError(104, "reset by peer"),
    ],
)
def test_a_cache_that_fails_is_unavailable(fault: Exception, harness: ServiceHarness, cache: Cache) -> None:
    order_id = an_order_in(harness)
    cache.fault = fault
    for path in (f"/orders/{order_id}", "/customers/17850/orders"):
        answer = harness.api().get(path)
        assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")


def test_an_unreachable_cluster_is_unavailable(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client, which is made again at the next request."""
    order_id = an_order_in(harness)
    read_through(f"dax://127.0.0.1:{free_port()}", harness, monkeypatch)
    for _ in range(2):
        answer = harness.api().get(f"/orders/{order_id}")
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert "dax" not in answer.body.lower()


def test_errors_of_the_dax_client_are_client_errors_of_botocore() -> None:
    assert issubclass(DaxServiceError, ClientError)
