"""Counts and sums per month, status and currency: in the shop by the mapping's own SQL, here by adding up raw items.

On purpose this module shares no code with the copy: no decoding of orders, no digest, no order model. A mistake that
the copy makes both in reading and in writing shows here, and not in a comparison by digests.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ordersctl.migrate.context import Migration
from ordersctl.migrate.errors import Stopped
from ordersctl.migrate.source.reads import Reader

_ATTEMPTS = 3  # while the shop is open, an order may change between the two sums
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"  # ISO 4217, minor unit 0
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"

Group = tuple[str, str, str]  # month, status, currency


class Sum(NamedTuple):
    orders: int
    total: int  # minor units


class TotalsRow(NamedTuple):
    group: Group
    shop: Sum
    here: Sum


def compare(migration: Migration, excluded: Collection[int]) -> list[TotalsRow] | None:
    """Both sums of each group; None when the mapping has no [totals]. Raises Stopped, SourceLost, botocore's errors."""
    text = migration.mapping.totals_select
    if text is None:
        return None
    reader = migration.reader()
    rows: list[TotalsRow] = []
    for _ in range(_ATTEMPTS):
        shop, here = _of_shop(migration, reader, text, excluded), _of_table(migration, excluded)
        nothing = Sum(0, 0)
        rows = [
            TotalsRow(group, shop.get(group, nothing), here.get(group, nothing)) for group in sorted({*shop, *here})
        ]
        if all(row.shop == row.here for row in rows):
            break
    reader.close()
    return rows


def _of_shop(migration: Migration, reader: Reader, text: str, excluded: Collection[int]) -> dict[Group, Sum]:
    found: dict[Group, Sum] = defaultdict(lambda: Sum(0, 0))
    with reader.snapshot() as shop:
        rows = shop.select(text, excluded=tuple(sorted(excluded)) or (-1,))  # no order has the key -1
    for row in rows:
        if missing := {"month", "status", "currency", "orders", "total"} - row.keys():
            raise Stopped(f"[totals] select does not give the columns {', '.join(sorted(missing))}.")
        status = migration.mapping.statuses.get(str(row["status"]))
        group = (str(row["month"]), f"({row['status']})" if status is None else status.value, str(row["currency"]))
        minor = Decimal(str(row["total"] or 0)).scaleb(_digits(group[2]))
        before = found[group]
        found[group] = Sum(before.orders + int(row["orders"]), before.total + round(minor))
    return dict(found)


def _of_table(migration: Migration, excluded: Collection[int]) -> dict[Group, Sum]:
    """Sums of the copies that this service has not changed, that are not tombstones and not excluded.

    An order that was copied and cannot be an order any more is excluded: the shop's sum does not have it either.
    """
    found: dict[Group, Sum] = defaultdict(lambda: Sum(0, 0))
    left_out = {f"{migration.mapping.name}/{key}" for key in excluded}
    pages = migration.table.client.get_paginator("scan").paginate(
        TableName=migration.table.name,
        ConsistentRead=True,
        FilterExpression="begins_with(source_key, :s) AND version = imported_version AND attribute_exists(currency)",
        ExpressionAttributeValues={":s": {"S": f"{migration.mapping.name}/"}},
    )
    for page in pages:
        for item in page["Items"]:
            if item["legacy_digest"]["S"] == "gone" or item["source_key"]["S"] in left_out:
                continue  # gone: cancelled or kept by rule; the shop has no row of it
            group = (_month(item, migration), item["status"]["S"], item["currency"]["S"])
            before = found[group]
            found[group] = Sum(before.orders + 1, before.total + int(item["total"]["N"]))
    return dict(found)


def _digits(currency: str) -> int:
    return 0 if currency in _NO_DIGITS.split() else 3 if currency in _THREE_DIGITS.split() else 2


def _month(item: Mapping[str, Any], migration: Migration) -> str:
    """The month of an order where the shop is, as its SQL has it."""
    moment = datetime.fromisoformat(item["placed_key"]["S"].partition("#")[0])
    return f"{moment.astimezone(migration.mapping.totals_zone):%Y-%m}"
