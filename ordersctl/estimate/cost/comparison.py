"""How much more or less a million orders cost with another setting, or when orders arrive in another way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ordersctl.estimate.cost.per_order import Load, dollars_per_million, units

USED = 0.7  # the part of provisioned units that is used: the target of autoscaling in infra/resources.yaml
_SECONDS_PER_HOUR = 3_600


def ways(load: Load) -> dict[str, Load]:
    """Return the ways of accepting orders, by name, with this load."""
    return {
        "HTTP API": replace(load, http=True),
        "REST API": load,
        "Direct": replace(load, direct=True),
    }


def totals(load: Load, price: Mapping[str, Any]) -> dict[str, float]:
    """Return way -> US dollars for a million orders."""
    return {name: sum(dollars_per_million(units(each), price).values()) for name, each in ways(load).items()}


def differences(load: Load, price: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Return what is changed -> US dollars for a million orders more or less, for each way; None where nothing is."""
    changed = {
        "each order arrives alone, without batching windows": replace(load, batch=1, records=1),
        "arriving alone, batching windows that collect ten": replace(load, batch=10, records=10),
        "each order has a token of its own": replace(load, authorized=1.0),
        "each order has an Idempotency-Key": replace(load, keyed=1.0),
        "no message group: one customer's many orders delay another's": replace(load, grouped=False),
        "the secret needs no reading at a cold start": replace(load, secret_reads=0.0),
        "no log lines of the service": replace(load, log_lines=False),
    }
    before = totals(load, price)
    found = {name: _less(totals(each, price), before) for name, each in changed.items()}
    return {f"provisioned capacity, {USED:.0%} of it used": [_provisioned(load, price)] * len(before), **found}


def _less(totals: Mapping[str, float], before: Mapping[str, float]) -> list[float | None]:
    # Half a cent is what the table can show.
    return [None if abs(totals[way] - before[way]) < 0.005 else totals[way] - before[way] for way in before]  # noqa: PLR2004


def _provisioned(load: Load, price: Mapping[str, Any]) -> float:
    """Return the difference of BillingMode PROVISIONED: writes alone, whose units are nearly all of the table's."""
    dynamodb = price["dynamodb"]
    per_million = dynamodb["per_write_unit_hour"] / _SECONDS_PER_HOUR * 1e6 / USED
    return float(units(load).write_units * (per_million - dynamodb["per_million_write_units"]))
