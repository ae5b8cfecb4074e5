"""`ordersctl replay`: publishes the current state of orders again, as events under their original ids."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import click

from chalicelib.domain import clock
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from ordersctl.operate.order_table import order_table
from ordersctl.operate.replay import orders, targets
from ordersctl.operate.replay.progress import ProgressFile, ReplayProgress
from ordersctl.operate.replay.publisher_lag import PublisherLag
from ordersctl.operate.send import RateLimit, source_of
from ordersctl.shared import options
from ordersctl.shared.output import Console, echo, number_of, progress_bar, say
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.stage import Stage, with_stage

_AT_ONCE = 10  # events
SENDERS = 4  # batches that are sent at the same time: a call takes some ten milliseconds
_STATUSES = [each.value for each in OrderStatus if each is not OrderStatus.ERASED]


@dataclass(frozen=True)
class Question:
    """The orders to replay: some by id, a customer's, or those changed since a moment."""

    order_ids: tuple[str, ...]
    customer: str | None
    since: str | None

    def pages(self, stage: Stage, progress: ReplayProgress) -> Iterator[orders.Page]:
        """Yield the orders, starting where the progress ends."""
        table = order_table(stage)
        if self.order_ids:
            return orders.by_id(table, self.order_ids, progress.after)
        if self.customer is not None:
            return orders.of_customer(table, self.customer, progress.after)
        assert self.since is not None  # noqa: S101  one of the three was asked for
        return orders.changed_between(table, self.since, progress.until, progress.after)

    def count(self, stage: Stage) -> int | None:
        """Return how many orders there are to read, None when it is unknown: a table's own count is hours old."""
        if self.since is None:
            return len(self.order_ids) or None
        table = stage.client("dynamodb").describe_table(TableName=stage.output("OrderTable"))["Table"]
        return int(table["ItemCount"]) or None


def _time(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Read a time as RFC 3339 or a date, UTC unless it names a zone, and write it as orders have it."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return clock.rfc3339(moment.replace(tzinfo=moment.tzinfo or UTC))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter("give a time such as 2026-11-22T10:00:00Z.") from error


@click.command()
@click.option(
    "--order", "order_ids", metavar="ORDER_ID", multiple=True, type=options.OrderId(), help="This order; repeatable."
)
@click.option("--customer", metavar="ID", type=options.CustomerId(), help="All orders of this customer.")
@click.option("--since", metavar="TIME", callback=_time, help="All orders last changed at this time or later.")
@click.option(
    "--until", metavar="TIME", callback=_time, help="With --since: only those changed before this.  [default: now]"
)
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(_STATUSES), help="Only of this status; repeatable."
)
@click.option("--to", metavar="QUEUE", help="To this consumer's queue only, by its filter.  [default: to all]")
@options.rate(50.0, least=1)
@click.option("--restart", is_flag=True, help="From the beginning, when an earlier run was stopped.")
@options.yes
@options.as_json
@with_stage
def replay(
    *,
    stage: Stage,
    order_ids: tuple[str, ...],
    customer: str | None,
    since: str | None,
    until: str | None,
    statuses: tuple[str, ...],
    to: str | None,
    rate: float,
    restart: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Publish the current state of orders again: to every subscriber, or to one consumer only.

    An event has its original id, and `replayed`: true. If the command is stopped, run it again: it
    continues where it was, and an event that was published twice has the same id. --since reads the whole table, four
    parts at the same time: an eighth of a read unit for each KB in it. While the publisher is behind nothing is
    replayed: a consumer would drop the older events that come after.
    """
    if (bool(order_ids) + bool(customer) + bool(since)) != 1 or (until and not since):
        raise click.UsageError("Give one of --order, --customer, and --since (with --until, if you like).")
    if since and until and since >= until:
        raise click.UsageError("--since must be earlier than --until.")
    consumer = None if to is None else StageQueues.of(stage).consumer(to)
    target = consumer and consumer.url
    asked = {"orders": order_ids, "customer": customer, "since": since, "until": until, "to": target}
    asked |= {"statuses": tuple(sorted(statuses))} if statuses else {}
    file = ProgressFile.of(stage, asked)
    if restart:
        file.delete()
    publisher_lag = PublisherLag(stage)
    progress = file.read() or ReplayProgress(until=_window_end(publisher_lag, since, until))
    _agree(stage, progress, "every subscriber" if consumer is None else consumer.full_name, yes=yes, quiet=as_json)
    send = targets.to_all(stage) if consumer is None else targets.to_consumer(stage, consumer)
    question = Question(order_ids, customer, since)
    with _resumable(as_json=as_json), progress_bar(Console(stderr=True), hidden=as_json) as bar:
        task = bar.add_task("orders", total=question.count(stage), completed=progress.read)
        send_orders = partial(send_all, source_of(stage), send, RateLimit(rate), partial(bar.advance, task))
        for page in question.pages(stage, progress):
            chosen = publisher_lag.without_recent(page)
            left = len(page.orders) - page.orders.count(None) - len(chosen)
            wanted = _of_status(chosen, statuses)
            sent = send_orders(wanted)  # what is not filtered is sent, or it raises
            progress.add(page, sent=sent, filtered=len(wanted) - sent, left=left)
            file.write(progress)
            bar.update(task, completed=progress.read)
    file.delete()
    _report(progress, consumer.name if consumer else None, as_json=as_json)


@contextmanager
def _resumable(*, as_json: bool) -> Iterator[None]:
    """Say at Ctrl-C what the same command will do, below the bar."""
    try:
        yield
    except KeyboardInterrupt:
        if not as_json:
            say("Stopped. The same command continues where it was.", err=True)
        raise


def _of_status(found: list[Order | ErasedOrder], statuses: tuple[str, ...]) -> list[Order | ErasedOrder]:
    """The orders of these statuses; all when none is named."""
    return [each for each in found if not statuses or (isinstance(each, Order) and each.status in statuses)]


def _agree(stage: Stage, progress: ReplayProgress, target: str, *, yes: bool, quiet: bool) -> None:
    """Print what will be done, and ask; click's Abort when the answer is no."""
    if not quiet:
        say(f"{stage.title}: the current state of these orders goes to {target} again.", err=True)
        if progress.read:
            earlier = f"the run of {progress.until}, which sent {progress.sent}"
            say(f"It continues {earlier}; --restart begins anew.", err=True)
    if not yes:
        stage.confirm("go on?")


def _window_end(publisher_lag: PublisherLag, since: str | None, until: str | None) -> str:
    """Return the end of a window of time: `until` or now, or an earlier time before changes that may be unpublished.

    Raises ClickException when the publisher is behind, or when nothing is left of the window.
    """
    now = time.time()
    published = publisher_lag.published_until(now)
    end = clock.from_seconds(published)
    if until is not None and until <= end:
        return until
    if since is not None and since >= end:
        raise click.ClickException(f"what changed after {end} may still be on its way: run it again later.")
    if since is not None and published < now:
        say(f"Left out: what changed after {end}, which may still be on its way. Later: --since {end}", err=True)
    return end


def send_all(
    source: str,
    send: targets.Send,
    limit: RateLimit,
    done: Callable[[int], None],
    chosen: list[Order | ErasedOrder],
) -> int:
    """Send the event of each order, and return how many events the target took; `done` is told of each batch."""

    def send_batch(batch: Sequence[Order | ErasedOrder]) -> int:
        if not limit.wait(len(batch)):
            return 0  # the command is being stopped
        sent = send([orders.event_of(order, source=source) for order in batch])
        done(len(batch))
        return sent

    if len(chosen) <= _AT_ONCE:
        return send_batch(chosen) if chosen else 0
    batches = [chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE)]
    with ThreadPoolExecutor(SENDERS) as threads:
        try:
            return sum(threads.map(send_batch, batches))
        except BaseException:
            limit.end()
            raise


def _report(progress: ReplayProgress, consumer: str | None, *, as_json: bool) -> None:
    """Print what was done; exit status 1 when some orders were not replayed."""
    if as_json:
        counts = {
            "read": progress.read,
            "sent": progress.sent,
            "filtered": progress.filtered,
            "unreadable": progress.unreadable,
            "left": progress.left,
        }
        echo(json.dumps(counts))
    else:
        skipped = f"; {progress.unreadable} skipped that cannot be read" if progress.unreadable else ""
        filtered = f"; {progress.filtered} left out by the filter of {consumer}" if progress.filtered else ""
        left = f"; {progress.left} left that changed too recently, run it again later" if progress.left else ""
        say(f"{number_of(progress.sent, 'event')} sent{filtered}{skipped}{left}.")
    if progress.unreadable or progress.left:
        raise click.exceptions.Exit(1)
