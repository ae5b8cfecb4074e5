"""`ordersctl migrate compare`: asks the shop and this service's API about the same orders and customers."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click
import httpx

from chalicelib.domain.orders import Order
from ordersctl.migrate.compare.causes import MISSING_HERE, MISSING_IN_THE_SHOP, differences
from ordersctl.migrate.context import Migration
from ordersctl.migrate.source.reads import Snapshot
from ordersctl.migrate.verify.command import chosen_keys
from ordersctl.shared.runs.current import as_typed

_OK, _GONE = 200, (404, 410)
_EXAMPLES = 5
_NOT_THEIRS = frozenset({"version"})  # the shop has no versions
_CHUNK = 100


@dataclass
class Comparison:
    """Differences by field and cause, each with some orders, and how many questions were asked."""

    ignored: frozenset[str]
    asked: int = 0
    groups: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def add(self, what: str, why: str, example: str) -> None:
        """Count a difference, unless it is ignored: by its field, or by `field: cause`."""
        if what in self.ignored or f"{what}: {why}" in self.ignored:
            return
        self.counts[what, why] += 1
        if len(self.groups[what, why]) < _EXAMPLES:
            self.groups[what, why].append(example)

    def rows(self) -> list[dict[str, Any]]:
        """The groups, the largest first."""
        ordered = sorted(self.counts.items(), key=lambda each: -each[1])
        return [
            {"field": what, "cause": why, "count": count, "examples": ", ".join(self.groups[what, why])}
            for (what, why), count in ordered
        ]


@dataclass(frozen=True)
class Api:
    """This service's API, as a service's token reads it."""

    client: httpx.Client

    def order(self, order_id: str, customer_id: str) -> dict[str, Any] | None:
        """The order as the API shows it; None when there is none. ClickException for any other answer."""
        return self._get(f"/orders/{order_id}", {"customer_id": customer_id})

    def order_ids(self, customer_id: str) -> set[str]:
        """The ids of all orders in the customer's list."""
        found: set[str] = set()
        cursor: str | None = None
        while True:
            parameters = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
            page = self._get(f"/customers/{customer_id}/orders", parameters) or {"orders": [], "next_cursor": None}
            found |= {each["order_id"] for each in page["orders"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def _get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            answer = self.client.get(path, params=parameters)
        except httpx.HTTPError as error:
            raise click.ClickException(f"the API does not answer: {error}.") from error
        if answer.status_code in _GONE:
            return None
        if answer.status_code != _OK:
            raise click.ClickException(f"the API answers {answer.status_code} to {path}: is ORDERS_TOKEN a service's?")
        found: dict[str, Any] = answer.json()
        return found


def compare(migration: Migration, *, url: str, orders: int) -> Comparison:
    """Compare so many orders, chosen by chance, and the lists of their customers.

    The token of a service is in the variable ORDERS_TOKEN. Raises ClickException, SourceLost, Stopped.
    """
    if not (token := os.environ.get("ORDERS_TOKEN")):
        command = as_typed("token", "--service", "NAME")
        raise click.ClickException(f"ORDERS_TOKEN is not set: the token of a service ({command}).")
    comparison, reader = Comparison(frozenset(migration.mapping.compare_ignore)), migration.reader()
    keys = chosen_keys(migration, orders)
    is_here = httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=not is_here) as client:
        api = Api(client)
        customers: set[str] = set()
        for start in range(0, len(keys), _CHUNK):
            with reader.snapshot() as shop:
                loaded = shop.load(keys[start : start + _CHUNK])
            for key, order in loaded.items():
                if isinstance(order, Order):
                    customers.add(order.customer_id)
                    _compare_order(migration, api, key, order, comparison)
        if migration.mapping.compare_customer_select is not None:
            with reader.snapshot() as shop:
                for customer in sorted(customers):
                    _compare_list(migration, shop, api, customer, comparison)
    reader.close()
    return comparison


def _compare_order(migration: Migration, api: Api, key: int, order: Order, comparison: Comparison) -> None:
    comparison.asked += 1
    ours = api.order(order.order_id, order.customer_id)
    theirs = _of_shop(migration, key, order)
    if ours is None or theirs is None:
        comparison.add("order", MISSING_HERE if ours is None else MISSING_IN_THE_SHOP, str(key))
        return
    wanted = ours if migration.mapping.compare_order_url is None else {name: ours.get(name) for name in theirs}
    for name, why in differences(theirs, {name: value for name, value in wanted.items() if name not in _NOT_THEIRS}):
        comparison.add(name, why, str(key))


def _of_shop(migration: Migration, key: int, order: Order) -> dict[str, Any] | None:
    """What the shop says of an order: its API's fields that [compare] names, or what its SELECTs make."""
    mapping = migration.mapping
    if mapping.compare_order_url is None:
        return {name: value for name, value in order.shown().items() if name not in _NOT_THEIRS}
    try:
        answer = httpx.get(mapping.compare_order_url.replace("{key}", str(key)), timeout=30)
    except httpx.HTTPError as error:
        raise click.ClickException(f"the shop's API does not answer: {error}.") from error
    if answer.status_code in _GONE:
        return None
    document = answer.json()
    return {name: _pointed(document, pointer) for name, pointer in mapping.compare_fields.items()}


def _pointed(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901); None when there is none."""
    for part in pointer.strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        elif isinstance(document, dict):
            document = document.get(name)
        else:
            return None
    return document


def _compare_list(migration: Migration, shop: Snapshot, api: Api, customer: str, comparison: Comparison) -> None:
    comparison.asked += 1
    rows = shop.select(migration.mapping.compare_customer_select or "", customer_id=customer)
    keys = [int(next(iter(row.values()))) for row in rows]
    theirs = {order.order_id: key for key, order in shop.load(keys).items() if isinstance(order, Order)}
    ours = api.order_ids(customer)
    for order_id in sorted(theirs.keys() - ours):
        comparison.add("list of a customer", MISSING_HERE, str(theirs[order_id]))
    for order_id in sorted(ours & _imported(migration, ours) - theirs.keys()):
        comparison.add("list of a customer", MISSING_IN_THE_SHOP, order_id)


def _imported(migration: Migration, order_ids: set[str]) -> set[str]:
    """Those that the shop made: orders that were placed here are not in it."""
    from ordersctl.migrate.target import stored  # noqa: PLC0415 - for the few that are compared
    from ordersctl.migrate.target.imported_items import is_owned, key_of  # noqa: PLC0415

    items = stored.by_id(migration.table, sorted(order_ids))
    return {name for name, item in items.items() if key_of(item, migration.mapping.name) and not is_owned(item)}
