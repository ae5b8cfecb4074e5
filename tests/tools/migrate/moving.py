"""A shop that hands its routes over: what its mapping has for that, and the service's side of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from testkit.waiting import eventually
from tests.tools.migrate.shop import Shop

WRITE_BACK = """
[compare]
customer = "SELECT orderNumber FROM orders WHERE customerNumber = :customer_id"

[cutover]
hook = ["./flip"]

[reverse]
ledger = "orders_ledger"
key = "SELECT COALESCE(MAX(orderNumber), 0) + 1 FROM orders"
order = \"\"\"INSERT INTO orders (orderNumber, orderDate, requiredDate, status, comments, customerNumber)
           VALUES (:key, :placed_at, :placed_at, :status, :note, :customer_id)\"\"\"
line = \"\"\"INSERT INTO orderdetails (orderNumber, productCode, quantityOrdered, priceEach, orderLineNumber)
          VALUES (:key, :sku, :quantity, :unit_price, :position)\"\"\"
clear = "DELETE FROM orderdetails WHERE orderNumber = :key"
update = "UPDATE orders SET status = :status, comments = :note WHERE orderNumber = :key"

[reverse.status]
placed = "On Hold"
confirmed = "In Process"
shipped = "Shipped"
delivered = "Resolved"
cancelled = "Cancelled"
erased = "Cancelled"
"""
LEDGER = (
    "CREATE TABLE orders_ledger (order_id CHAR(36) PRIMARY KEY, order_key INT NOT NULL UNIQUE, sequence INT NOT NULL)"
)


@dataclass
class Moving:
    """A shop that is copied and followed, the service's API, and the queue of the write-back."""

    shop: Shop
    api: httpx.Client
    queue_url: str
    flips: Path

    def subscribe(self, queue_url: str) -> None:
        """Send all events to a queue."""
        stage = self.shop.stage
        topic = next(each["TopicArn"] for each in stage.sns.list_topics()["Topics"])
        arn = stage.queue_arn(queue_url)
        stage.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def cutover(self, route: str, *options: str) -> list[str]:
        return list(self.shop.json("cutover", "--route", route, *options)["checked"])

    def refused(self, route: str, *options: str) -> str:
        result = self.shop.run("cutover", "--route", route, *options)
        assert result.exit_code == 1, result.output
        return result.stderr

    def patch(self, order_id: str, customer: str, **change: Any) -> dict[str, Any]:
        answer = self.api.patch(
            f"/orders/{order_id}", params={"customer_id": customer}, json=change, headers={"If-Match": "*"}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def write_back(self, expected: int) -> None:
        """Write so many events back."""
        written: list[int] = []

        def look() -> bool:
            counts = self.shop.json("write-back", "--queue-url", self.queue_url, "--until-empty")
            written.append(int(counts.get("written", 0)))
            return sum(written) >= expected

        eventually(look)
        assert sum(written) == expected
