"""`ordersctl migrate verify`: compares what is stored with what the shop has."""

import random
from pathlib import Path

from chalicelib.domain import clock
from ordersctl.migrate.context import Migration
from ordersctl.migrate.verify import orders, totals
from ordersctl.migrate.verify.report import Verification

DIFFERENT_KEYS = "different.txt"  # one a line, as `snapshot --keys` takes them


def verify(migration: Migration, *, sample: int | None, accept_refused: bool) -> tuple[Verification, Path]:
    """Compare all orders and the sums, or a sample of the orders; returns the outcome and the report's path.

    A sample has a report of its own, beside the one that is signed. It never makes `cutover` possible; when it finds
    differences, `cutover` waits for another comparison of all orders. Raises Stopped, SourceLost, botocore's errors.
    """
    state, written_back = migration.state, _written_back(migration)
    if sample is not None:
        keys = chosen_keys(migration, sample)
        findings = orders.compare_some(migration, keys)
        outcome = Verification(migration, findings, None, len(keys), accept_refused, len(written_back))
    else:
        findings = orders.compare_all(migration)
        sums = totals.compare(migration, findings.owned | findings.refused.keys() | _written_back(migration))
        outcome = Verification(migration, findings, sums, None, accept_refused, len(written_back))
    if sample is None or not outcome.is_clean:
        state.save_verified(outcome.summary() | {"at": clock.now(), "mapping": migration.mapping.digest})
    path = state.write_report("verify.md" if sample is None else "verify-sample.md", outcome.report())
    state.write_report(DIFFERENT_KEYS, "".join(f"{key}\n" for key in sorted(findings.differences)))
    return outcome, path


def _written_back(migration: Migration) -> set[int]:
    """The keys of the shop's rows that this service wrote: orders placed here, and those changed here."""
    if (reverse := migration.mapping.reverse) is None:
        return set()
    reader = migration.reader()
    rows = reader.query(reverse.ledger_keys)
    reader.close()
    return {int(row["order_key"]) for row in rows}


def chosen_keys(migration: Migration, count: int) -> list[int]:
    """Return so many keys, each with the same chance: by reservoir sampling over all keys (Vitter, algorithm R)."""
    reader, seen, after = migration.reader(), 0, 0
    chosen: list[int] = []
    while True:
        with reader.snapshot() as shop:
            keys = shop.keys(after, 5_000)
        if not keys:
            break
        after = keys[-1]
        for key in keys:
            seen += 1
            if len(chosen) < count:
                chosen.append(key)
            elif (place := random.randrange(seen)) < count:  # noqa: S311 - a sample, not a secret
                chosen[place] = key
    reader.close()
    return sorted(chosen)
