"""The import's write, whatever the order of reads, writes and repeats: a model of it, and the table itself."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from chalicelib.settings import SpreadCustomer
from ordersctl.migrate.context import waiting_client
from ordersctl.migrate.mapping.rows import Gone
from ordersctl.migrate.position import Position
from ordersctl.migrate.target import imported_items
from ordersctl.migrate.target.writes import ImportTable, Outcome
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.stage import Stage
from testkit import builders

TABLE = "orders-local"
_fresh = itertools.count(1)


def at(place: int) -> Position:
    return Position.of(0, "bin.000001", place)


@dataclass(frozen=True)
class Target:
    client: Any

    def imports(self, deleted: str = "erase") -> ImportTable:
        return ImportTable(self.client, TABLE, "shop", deleted)

    def item(self, order_id: str) -> dict[str, Any]:
        answer = self.client.get_item(TableName=TABLE, Key=order_items.key(order_id), ConsistentRead=True)
        return dict(answer.get("Item", {}))

    def stored(self, order_id: str) -> Order | ErasedOrder:
        return order_items.from_item(self.item(order_id))


@pytest.fixture(scope="module")
def target(migrated_engine: str) -> Target:
    return Target(boto3.client("dynamodb", **client_options(migrated_engine)))


def state(order_id: str, name: str | None) -> Order | Gone:
    """What a read of the shop gives: an order with this note, or nothing."""
    if name is None:
        return Gone(order_id, builders.LATER)
    optional = {"shipping_address": builders.ADDRESS} if name == "A" else {}
    return builders.an_order(order_id=order_id, version=0, new={"note": name, **optional})


def note(stored: Order | ErasedOrder) -> str | None:
    return stored.note if isinstance(stored, Order) else None


@pytest.mark.full  # sixty histories on the engine; the cases below are in make test
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    states=st.lists(st.sampled_from(["A", "B", None]), min_size=1, max_size=4),
    data=st.data(),
    kind=st.sampled_from(["exact", "later"]),
)
def test_the_last_state_is_stored_whatever_came_late_or_twice(
    target: Target, states: list[str | None], data: st.DataObject, kind: str
) -> None:
    last = len(states) - 1

    def read(least: int) -> tuple[int, str | None]:
        """A place that the reader knows, and what it sees: what was there, or on MySQL perhaps something later."""
        known = data.draw(st.integers(least, last))
        return known, states[known if kind == "exact" else data.draw(st.integers(known, last))]

    # The snapshot reads at any time; the follower after each change; and what was killed is done again.
    reads = [read(0) for _ in range(data.draw(st.integers(0, 2)))] + [read(place) for place in range(last + 1)]
    reads += [each for each in reads if data.draw(st.booleans())]
    order_id, versions = builders.fresh_order_id(f"c{next(_fresh)}"), []
    for place, seen in data.draw(st.permutations(reads)):
        target.imports().put(1, state(order_id, seen), at(place), quiet=data.draw(st.booleans()))
        versions.append(int(target.item(order_id)["version"]["N"]))
    assert note(target.stored(order_id)) == states[last]
    assert versions == sorted(versions)
    if kind == "exact":
        assert versions[-1] <= len(states)  # a repeated read is no new version


def test_what_is_found_unchanged_later_is_not_replaced_by_an_earlier_state(target: Target) -> None:
    order_id, imports = builders.fresh_order_id(), target.imports()
    assert imports.put(1, state(order_id, "A"), at(1), quiet=True) is Outcome.WRITTEN
    assert imports.put(1, state(order_id, "A"), at(3), quiet=True) is Outcome.SAME
    assert imports.put(1, state(order_id, "B"), at(2), quiet=True) is Outcome.OLDER
    assert note(target.stored(order_id)) == "A"


def test_an_order_that_the_service_has_changed_is_not_overwritten(target: Target) -> None:
    order_id, imports = builders.fresh_order_id(), target.imports()
    assert imports.put(1, state(order_id, "A"), at(1), quiet=True) is Outcome.WRITTEN
    before = target.stored(order_id)
    assert isinstance(before, Order)
    after = before.change(None, status=OrderStatus.CONFIRMED, reason=None, by_service=True, now=builders.LATER)
    OrderTable(target.client, TABLE).update(before, after)
    assert imports.put(1, state(order_id, "B"), at(2), quiet=True) is Outcome.OWNED
    assert imports.put(1, Gone(order_id, builders.LATER), at(3), quiet=True) is Outcome.OWNED
    assert (note(target.stored(order_id)), target.stored(order_id).version) == ("A", 2)


def test_an_order_that_the_service_has_erased_stays_erased(target: Target) -> None:
    order_id, imports = builders.fresh_order_id(), target.imports()
    imports.put(1, state(order_id, "A"), at(1), quiet=True)
    before = target.stored(order_id)
    assert isinstance(before, Order)
    OrderTable(target.client, TABLE).replace(before.erase(builders.LATER))
    assert imports.put(1, state(order_id, "B"), at(2), quiet=True) is Outcome.OWNED
    assert isinstance(target.stored(order_id), ErasedOrder)


def test_nothing_of_an_order_is_left_in_its_tombstone(target: Target) -> None:
    order_id = builders.fresh_order_id()
    target.imports().put(1, state(order_id, "A"), at(1), quiet=True)
    target.imports().put(1, Gone(order_id, builders.LATER), at(2), quiet=True)
    assert target.item(order_id).keys() == {
        *("order_id", "status", "version", "updated_at", "correlation_id"),
        *("source_key", "legacy_at", "legacy_digest", "imported_version", "quiet_version"),
    }


@pytest.mark.parametrize(("deleted", "status"), [("cancel", OrderStatus.CANCELLED), ("keep", OrderStatus.PLACED)])
def test_a_deleted_order_is_kept_or_cancelled_by_rule_and_comes_back(
    target: Target, deleted: str, status: OrderStatus
) -> None:
    order_id, imports = builders.fresh_order_id(), target.imports(deleted)
    imports.put(1, state(order_id, "A"), at(1), quiet=True)
    assert imports.put(1, Gone(order_id, builders.LATER), at(2), quiet=True) is Outcome.REMOVED
    assert imports.put(1, state(order_id, "B"), at(1), quiet=True) is Outcome.OLDER
    stored = target.stored(order_id)
    assert isinstance(stored, Order)
    assert (stored.status, stored.note) == (status, "A")
    assert imports.put(1, state(order_id, "B"), at(3), quiet=True) is Outcome.WRITTEN
    assert note(target.stored(order_id)) == "B"


@pytest.mark.parametrize("deleted", ["erase", "cancel", "keep"])
def test_an_order_deleted_before_it_was_copied_is_not_copied_late(target: Target, deleted: str) -> None:
    order_id, imports = builders.fresh_order_id(), target.imports(deleted)
    assert imports.put(1, Gone(order_id, builders.LATER), at(5), quiet=True) is Outcome.REMOVED
    assert imports.put(1, state(order_id, "A"), at(4), quiet=True) is Outcome.OLDER
    assert isinstance(target.stored(order_id), ErasedOrder)


def test_a_throttled_table_is_waited_for(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", target.client.meta.endpoint_url)
    client = waiting_client(Stage.at("local"))
    refused: list[str] = []

    def refuse_twice(request: Any, **_more: Any) -> AWSResponse | None:
        if len(refused) == 2:
            return None
        refused.append(request.url)
        return AWSResponse(request.url, 400, HTTPHeaders(), Throttled())

    client.meta.events.register("before-send.dynamodb.UpdateItem", refuse_twice)
    order_id = builders.fresh_order_id()
    imports = ImportTable(client, TABLE, "shop", "erase")
    assert imports.put(1, state(order_id, "A"), at(1), quiet=True) is Outcome.WRITTEN
    assert len(refused) == 2


class Throttled:
    """The body of DynamoDB's response to a request that is one too many."""

    def stream(self) -> Iterator[bytes]:
        yield b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Rate exceeded"}'


def test_an_order_of_a_spread_customer_lies_under_one_of_the_customers_keys(target: Target) -> None:
    spread = {"guest": SpreadCustomer(written=32, read=32, is_people=True)}
    imports = ImportTable(target.client, TABLE, "shop", "erase", spread)
    order = builders.an_order(order_id=builders.fresh_order_id(), customer_id="guest", version=0)
    assert imports.put(1, order, at(1), quiet=True) is Outcome.WRITTEN
    item, stored = target.item(order.order_id), target.stored(order.order_id)
    assert item["customer_id"]["S"].partition("#")[0] == "guest"
    assert item["customer_id"]["S"] == order_items.to_item(order, spread)["customer_id"]["S"]
    assert isinstance(stored, Order)
    assert imported_items.digest(stored) == imported_items.digest(order)
