"""`ordersctl migrate plan`: judges source and mapping before anything is written."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersctl.migrate.context import Migration
from ordersctl.migrate.plan import orders, server, tables
from ordersctl.migrate.plan.findings import Finding
from ordersctl.migrate.plan.orders import Census
from ordersctl.shared.output import duration, number_of
from ordersctl.shared.project import PROJECT_DIR

_AWS_PRICES = PROJECT_DIR / "ordersctl" / "estimate" / "cost" / "aws_prices.toml"
_ORDER = {"stop": 0, "look": 1, "ok": 2}


@dataclass(frozen=True)
class Plan:
    """What was found, and what the copy will take."""

    findings: list[Finding]
    census: Census
    rate: float
    refused_file: Path  # each refused order: its key and why

    @property
    def is_possible(self) -> bool:
        return all(finding.level != "stop" for finding in self.findings)

    def estimate(self) -> dict[str, Any]:
        """Orders, seconds and money, as JSON values. The rate is the one asked for, or that of reading."""
        read_rate = self.census.orders / max(0.001, self.census.seconds)
        rate = min(self.rate, read_rate) if self.rate else read_rate
        per_million = tomllib.loads(_AWS_PRICES.read_text())["dynamodb"]["per_million_write_units"]
        return {
            "orders": self.census.orders,
            "read_per_second": round(read_rate),
            "copied_per_second": round(rate),
            "seconds": round(self.census.orders / max(0.001, rate)),
            "write_units": self.census.write_units,
            "usd": round(self.census.write_units * float(per_million) / 1_000_000, 2),
        }

    def sentence(self) -> str:
        """The estimate for a person."""
        found = self.estimate()
        if found["copied_per_second"] < found["read_per_second"]:
            why = f"as asked for: the source was read at {found['read_per_second']}."
        else:
            why = "as fast as the source was read.\n--rate sets a lower rate."
        orders, seconds = number_of(found["orders"], "order"), duration(found["seconds"])
        return (
            f"{orders}: about {seconds} at {found['copied_per_second']} a second, {why}\n"
            f"{number_of(found['write_units'], 'write unit')}: ${found['usd']:.2f} on demand."
        )


def plan(migration: Migration, *, limit: int | None, rate: float) -> Plan:
    """Judge everything. Raises SourceLost, Stopped."""
    reader = migration.reader()
    findings = [*server.judge(reader, migration.mapping), *tables.judge(reader, migration.mapping)]
    with migration.state.report("refused.csv") as refused:
        census, about_orders = orders.count(reader, limit, refused)
    reader.close()
    found = sorted([*findings, *about_orders], key=lambda each: _ORDER[each.level])
    return Plan(found, census, rate, migration.state.directory / "refused.csv")
