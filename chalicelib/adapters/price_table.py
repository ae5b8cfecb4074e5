"""The table of prices, by SKU and currency. `ordersctl prices` fills it; the service only reads it."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.faults import faults
from chalicelib.domain.errors import Fault

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SKU = "sku"
CURRENCY = "currency"
UNIT_PRICE = "unit_price"
KEPT_SECONDS = 60
_KEPT_AT_MOST = 10_000  # prices: about 2 MB in a container that lives for hours
_AT_ONCE = 100  # keys: DynamoDB's limit of one BatchGetItem
_ROUNDS = 3  # for keys that DynamoDB leaves unprocessed when it is busy

Key = tuple[str, str]  # SKU and currency


def key(sku: str, currency: str) -> dict[str, Any]:
    return {SKU: {"S": sku}, CURRENCY: {"S": currency}}


def to_item(sku: str, currency: str, unit_price: int) -> dict[str, Any]:
    return {**key(sku, currency), UNIT_PRICE: {"N": str(unit_price)}}


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices in minor units. What was read is kept for a minute in the container; an unknown SKU is not kept."""

    client: "DynamoDBClient"
    name: str
    now: Callable[[], float] = time.monotonic
    kept: dict[Key, tuple[int, float]] = field(default_factory=dict)  # unit price, and when it was read

    def prices(self, skus: Collection[str], currency: str, *, fresh: bool = False) -> dict[str, int]:
        """Return the unit prices of the SKUs that have one in this currency. Raises Fault.

        `fresh` reads them as they are now; otherwise they may be a minute old, or be what an eventually consistent read
        still has, at half the cost.
        """
        known: dict[str, int] = {}
        since = self.now() - KEPT_SECONDS
        for sku in set(skus):
            found = None if fresh else self.kept.get((sku, currency))
            if found is not None and found[1] >= since:
                known[sku] = found[0]
        missing = [sku for sku in set(skus) if sku not in known]
        for start in range(0, len(missing), _AT_ONCE):
            known |= self._read(missing[start : start + _AT_ONCE], currency, consistent=fresh)
        return known

    def _read(self, skus: list[str], currency: str, *, consistent: bool) -> dict[str, int]:
        asked: Any = {self.name: {"Keys": [key(sku, currency) for sku in skus], "ConsistentRead": consistent}}
        found: dict[str, int] = {}
        for _ in range(_ROUNDS):
            with faults("dynamodb"):
                answer: Any = self.client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(self.name, []):
                found[item[SKU]["S"]] = int(item[UNIT_PRICE]["N"])
            if not (asked := answer.get("UnprocessedKeys")):
                self._keep(found, currency)
                return found
        raise Fault("dynamodb: prices are left unprocessed")

    def _keep(self, found: dict[str, int], currency: str) -> None:
        if len(self.kept) + len(found) > _KEPT_AT_MOST:
            self.kept.clear()
        now = self.now()
        self.kept.update({(sku, currency): (price, now) for sku, price in found.items()})
