"""`python -m bench.instructions.baskets`: write units, price and instructions of a shop's basket beside ten lines."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import report
from bench.instructions import measure
from bench.instructions.figures import Bench
from bench.instructions.packages import BUILD, ORDERS
from chalicelib.domain import order_ids
from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.order_sizes import SHOP_BASKET, Sizes, only, sizes
from ordersctl.estimate.cost.per_order import Load, dollars_per_million, units
from testkit.aws_stub import SECRET
from testkit.builders import an_order, command, plain_basket, shop_basket
from testkit.lambda_events import http_event, sqs_event, stream_event

CUSTOMER = "17850"
BATCH = 10
BASKETS: Mapping[str, tuple[dict[str, Any], Sizes]] = {
    "ten lines": (plain_basket(), sizes(10)),
    "a shop's basket": (shop_basket(), SHOP_BASKET),
}


def main() -> None:
    if measure.VALGRIND is None:
        sys.exit("instructions are counted with valgrind, which is not installed: apt install valgrind, or the like")
    with measure.stub() as url:
        rows = [_row(Bench(url), name, *basket) for name, basket in BASKETS.items()]
    head = ["order", "write units", "$ a million", "accept", "process, of ten", "publish, of ten"]
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    ratios = ", ".join(
        f"{float(shop) / float(plain):.2f}" for plain, shop in zip(*(row[1:] for row in rows), strict=True)
    )
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---", *["--:"] * (len(head) - 1)], *rows]]
    report.replace_part(
        report.PAGE, "baskets", "\n".join([*lines, "", f"The shop's basket by the ten lines: {ratios}."])
    )


def _row(bench: Bench, name: str, order: Mapping[str, Any], size: Sizes) -> list[str]:
    used = units(Load(sizes=only(size)))
    dollars = sum(dollars_per_million(used, aws_prices()).values())
    return [
        name,
        f"{used.write_units:g}",
        f"{dollars:.2f}",
        *(f"{each:.2f}" for each in _instructions(bench, name, order)),
    ]


def _instructions(bench: Bench, name: str, order: Mapping[str, Any]) -> list[float]:
    """Millions of instructions per order of a warm accept, process and publish."""
    ids = [order_ids.mint(SECRET, CUSTOMER) for _ in range(BATCH)]
    # A client's own time is refused where it is in the future; the authorizer's answer is valid for a day.
    authorizer = {"sub": CUSTOMER, "scope": "orders/write", "exp": str(int(time.time()) + 86_400)}
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Host": "bench"}
    accept = http_event("POST", "/orders", body=json.dumps(order), headers=headers, authorizer=authorizer)
    accept["requestContext"] |= {"stage": "api", "apiId": "bench"}
    events: dict[str, tuple[Any, int]] = {
        "app": (accept, 1),
        "process_orders": (sqs_event(*[json.dumps(command(order_id=each, order=order)) for each in ids]), BATCH),
        "publish_events": (stream_event(*[(None, an_order(order_id=each, new=order)) for each in ids]), BATCH),
    }
    found = []
    for handler, (event, orders) in events.items():
        path = _written(f"{name} {handler}", event)
        counted = measure.warm_instructions(
            bench.program(ORDERS, f"app.{handler}", path), 2, 5 if orders == BATCH else 12
        )
        found.append(counted / orders)
    return found


def _written(name: str, event: Mapping[str, Any]) -> Path:
    path = BUILD / "events" / f"{name.replace(' ', '-')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(event))
    return path


if __name__ == "__main__":
    main()
