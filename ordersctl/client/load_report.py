"""The tables that `ordersctl load` prints."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from ordersctl.client.api import Posted
from ordersctl.client.arrivals import Arrivals, percentile
from ordersctl.client.invoices import NotPlaced
from ordersctl.shared.output import Console, Table

OUTCOMES = ("accepted", "already there", "not an order", "refused", "failed")


def show_results(console: Console, file: Path, results: Sequence[Posted | NotPlaced]) -> None:
    """Print how many invoices of a file had which outcome, for which reason."""
    by_reason: dict[tuple[int, str], list[str]] = defaultdict(list)
    for each in results:
        by_reason[OUTCOMES.index(each.outcome), each.reason].append(each.invoice)
    table = Table(title=escape(file.name), show_footer=True, title_justify="left")
    table.add_column("Outcome", footer="all", no_wrap=True)
    table.add_column("Reason", overflow="fold")
    table.add_column("Invoices", footer=str(len(results)), justify="right", no_wrap=True)
    table.add_column("The first", overflow="fold")
    for (outcome, reason), numbers in sorted(by_reason.items()):
        table.add_row(OUTCOMES[outcome], escape(reason), str(len(numbers)), escape(numbers[0]))
    console.print(table)


def show_arrivals(console: Console, arrivals: Arrivals, accepted: list[Posted]) -> None:
    """Print how many accepted orders were stored and published, and how long that took."""
    not_stored, not_published = arrivals.missing(accepted)
    statuses = Counter(arrivals.statuses[each.order_id] for each in accepted if each.order_id in arrivals.stored)
    stored = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "0"
    table = Table(show_header=False)
    table.add_row("accepted", str(len(accepted)))
    table.add_row("stored", f"{stored}; {_count(not_stored)} missing")
    published = f"{len(accepted) - len(not_published)}; {_count(not_published)} missing"
    table.add_row("events published", f"{published}, {_count(arrivals.repeated(accepted))} twice")
    console.print(table)
    table = Table(title="Milliseconds since the order was first posted", title_justify="left")
    table.add_column("Until")
    table.add_column("Which is")
    for column in ("Orders", "p50", "p99"):
        table.add_column(column, justify="right", min_width=5)
    for until, which_is, seconds in (
        ("accepted", "the answer 202 is here", [each.seconds for each in accepted]),
        ("stored", "it is seen in the table", arrivals.seconds_to_stored(accepted)),
        ("published", "a subscriber's queue has its event", arrivals.seconds_to_published(accepted)),
    ):
        quantiles = [f"{percentile(seconds, p) * 1000:.0f}" for p in (50, 99)] if seconds else ["-", "-"]
        table.add_row(until, which_is, str(len(seconds)), *quantiles)
    console.print(table)


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} (the first is {ids[0]})" if ids else "none"
