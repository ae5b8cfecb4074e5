"""`ordersctl replay`: the current state of orders once more, as events under their original ids."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chalicelib.adapters import order_items
from chalicelib.adapters.event_topic import message_attributes
from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.publishing import fitting
from chalicelib.domain import clock, events
from chalicelib.domain.errors import OrderNotFound, Poison
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.order_ids import is_well_formed
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from ordersctl.operate.dlq.redrive import Pace, publisher, send, source_of
from ordersctl.operate.replay.progress import Progressed
from ordersctl.operate.stage_queues import Queue, StageQueues
from ordersctl.shared.stage import Stage, as_json, with_stage

PAGE = 100  # orders read and told between two notes of how far it is
_AT_ONCE = 10  # events

# What an order's status tells of the one before it; a cancelled order's was placed or confirmed.
_BEFORE = {
    OrderStatus.PLACED: OrderStatus.PLACED,
    OrderStatus.CONFIRMED: OrderStatus.PLACED,
    OrderStatus.SHIPPED: OrderStatus.CONFIRMED,
    OrderStatus.DELIVERED: OrderStatus.SHIPPED,
    OrderStatus.CANCELLED: OrderStatus.PLACED,
}


def event_of(order: Order | ErasedOrder, *, source: str) -> OrderEvent:
    """The event of an order's current version, marked as replayed.

    Its last change is known from its status, but for two: a confirmed order may have got another address since, and is
    told as confirmed nevertheless; what a cancelled order of more than two versions was before is left out.
    """
    before: Order | None = None
    if isinstance(order, Order) and order.version > 1:
        before = order.model_copy(update={"status": _BEFORE[order.status], "version": order.version - 1})
    event = events.between(before, order, source=source)
    assert event is not None  # noqa: S101  a change of version is an event
    data = dict(event.data or {})
    if isinstance(order, Order) and order.status is OrderStatus.CANCELLED and order.version > 2:  # noqa: PLR2004
        del data["previous_status"]
    return event.model_copy(update={"data": data, "replayed": True})


def _time(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Read a time as RFC 3339 or a date, UTC unless it says otherwise; written as orders have it."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter("give a time such as 2026-11-22T10:00:00Z.") from error
    return clock.rfc3339(moment.replace(tzinfo=moment.tzinfo or UTC))


def _order_ids(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not is_well_formed(each):
            raise click.BadParameter(f"{each} is no order id.")
    return value


@click.command()
@click.option(
    "--order", "orders", metavar="ORDER_ID", multiple=True, callback=_order_ids, help="This order; may be repeated."
)
@click.option("--customer", metavar="ID", help="All orders of this customer.")
@click.option("--since", metavar="TIME", callback=_time, help="All orders last changed at this time or later ...")
@click.option("--until", metavar="TIME", callback=_time, help="... and before this one.  [default: now]")
@click.option("--to", metavar="QUEUE", help="To this consumer's queue alone, as its filter has it.  [default: to all]")
@click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(1, 1_000),
    default=50.0,
    show_default=True,
    help="Events a second at most.",
)
@click.option("--restart", is_flag=True, help="From the beginning, when an earlier run was stopped.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@with_stage
def replay(
    *,
    stage: Stage,
    orders: tuple[str, ...],
    customer: str | None,
    since: str | None,
    until: str | None,
    to: str | None,
    rate: float,
    restart: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell the current state of orders again: to every subscriber, or to one consumer alone.

    An event has the id it had at first, and `replayed`: true. Stopped at any point, the same command goes on where it
    was; what was told twice has the same id. --since reads the whole table: half a read unit for each order in it.
    """
    if (bool(orders) + bool(customer) + bool(since)) != 1 or (until and not since):
        raise click.UsageError("Give one of --order, --customer, and --since (with --until, if you like).")
    if since and until and since >= until:
        raise click.UsageError("--since must be earlier than --until.")
    consumer = None if to is None else StageQueues.of(stage).consumer(to)
    asked = {"orders": orders, "customer": customer, "since": since, "until": until, "to": consumer and consumer.url}
    progressed = Progressed.of(stage, asked)
    if restart:
        progressed.done()
    state = {"after": None, "read": 0, "sent": 0, "unreadable": 0, "until": until or clock.now()} | progressed.read()
    _agree(stage, state, "every subscriber" if consumer is None else consumer.full_name, yes=yes, quiet=as_json)
    tell = _to_all(stage) if consumer is None else _to_consumer(stage, consumer)
    pace = Pace(rate)
    columns = (TextColumn("orders read"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("", total=_how_many(stage, orders, since), completed=state["read"])
        for page in _pages(stage, orders, customer, since, state):
            told = [event_of(order, source=source_of(stage)) for order in page.orders if order is not None]
            for start in range(0, len(told), _AT_ONCE):
                pace.wait(len(told[start : start + _AT_ONCE]))
                state["sent"] += tell(told[start : start + _AT_ONCE])
            state["unreadable"] += page.orders.count(None)
            state |= {"read": state["read"] + page.read, "after": page.after}
            progressed.write(state)
            progress.update(task, completed=state["read"])
    progressed.done()
    _sum_up(state, as_json=as_json)


def _sum_up(state: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what was done; exit status 1 when some could not be told."""
    if as_json:
        click.echo(json.dumps({name: state[name] for name in ("read", "sent", "unreadable")}))
    else:
        skipped = f"; {state['unreadable']} skipped that cannot be read" if state["unreadable"] else ""
        click.echo(f"{state['sent']} events sent{skipped}.")
    if state["unreadable"]:
        raise click.exceptions.Exit(1)


def _agree(stage: Stage, state: Mapping[str, Any], target: str, *, yes: bool, quiet: bool) -> None:
    """Say what will be done, and ask; click's Abort when it shall not be."""
    if not quiet:
        click.echo(f"Stage {stage.name}: the current state of these orders goes to {target} again.", err=True)
        if state["read"]:
            begun = f"the run of {state['until']}, which sent {state['sent']}"
            click.echo(f"It goes on after {begun}; --restart begins anew.", err=True)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)


def _how_many(stage: Stage, orders: tuple[str, ...], since: str | None) -> int | None:
    """How many orders there are to read; None when only reading would tell. A table's own count is some hours old."""
    if since is None:
        return len(orders) or None
    table = stage.client("dynamodb").describe_table(TableName=stage.output("OrderTable"))["Table"]
    return int(table["ItemCount"]) or None


Tell = Callable[[list[OrderEvent]], int]  # sends events, returns how many were wanted


@dataclass(frozen=True)
class Page:
    """Some of the orders asked for; `after` is where the next page begins, `read` how many were looked at.

    None stands for one that cannot be read.
    """

    orders: list[Order | ErasedOrder | None]
    after: Any
    read: int


def _pages(
    stage: Stage, order_ids: tuple[str, ...], customer: str | None, since: str | None, state: Mapping[str, Any]
) -> Iterator[Page]:
    """The orders asked for, from where `state` says."""
    table = OrderTable(stage.client("dynamodb"), stage.output("OrderTable"))
    if order_ids:
        for number in range(state["after"] or 0, len(order_ids), PAGE):
            chosen = order_ids[number : number + PAGE]
            yield Page([_order(table, each) for each in chosen], number + PAGE, len(chosen))
    elif customer is not None:
        yield from _of_customer(table, customer, state["after"])
    else:
        assert since is not None  # noqa: S101  one of the three was asked for
        yield from _changed(table, since, state["until"], state["after"])


def _order(table: OrderTable, order_id: str) -> Order | ErasedOrder | None:
    try:
        return _readable(order_id, lambda: table.get(order_id))
    except OrderNotFound:
        raise click.ClickException(f"there is no order {order_id}.") from None


def _of_customer(table: OrderTable, customer: str, after: str | None) -> Iterator[Page]:
    while True:
        page = table.list_for_customer(customer, limit=PAGE, start_after=after)
        after = page.last_placed_key
        yield Page([_order(table, str(each["order_id"])) for each in page.orders], after, len(page.orders))
        if after is None:
            return


def _changed(table: OrderTable, since: str, until: str, after: Any) -> Iterator[Page]:
    """Read the whole table in small steps; erased orders are in it too, and are to be told again like any other."""
    while True:
        where = {} if after is None else {"ExclusiveStartKey": after}
        answer = table.client.scan(
            TableName=table.name,
            Limit=PAGE,
            FilterExpression="updated_at >= :since AND updated_at < :until",
            ExpressionAttributeValues={":since": {"S": since}, ":until": {"S": until}},
            **where,
        )
        after = answer.get("LastEvaluatedKey")
        found = [
            _readable(each[order_items.ORDER_ID]["S"], partial(order_items.from_item, each)) for each in answer["Items"]
        ]
        yield Page(found, after, answer["ScannedCount"])
        if after is None:
            return


def _readable(order_id: str, read: Callable[[], Order | ErasedOrder]) -> Order | ErasedOrder | None:
    try:
        return read()
    except Poison as poison:
        click.echo(f"{order_id} is skipped: {poison}.", err=True)
        return None


def _to_all(stage: Stage) -> Tell:
    through = publisher(stage)

    def tell(told: list[OrderEvent]) -> int:
        if undelivered := through.publish(told):
            first = undelivered[0]
            raise click.ClickException(f"{told[first.index].id} was not published: {first.reason}. Run it again.")
        return len(told)

    return tell


def _to_consumer(stage: Stage, consumer: Queue) -> Tell:
    wanted = _filter(consumer)

    def tell(told: list[OrderEvent]) -> int:
        sent = [event for event in told if wanted(event)]
        for event in sent:
            attributes = message_attributes(event)
            body, _ = fitting(event, 0)
            send(stage, consumer, body, attributes=attributes, group=event.subject, once=event.id)
        return len(sent)

    return tell


def _filter(consumer: Queue) -> Callable[[OrderEvent], bool]:
    """What a subscription's filter policy lets through, as far as it is lists of strings; else everything."""
    policy: Any = json.loads(consumer.filter_policy or "{}")
    if not all(isinstance(each, str) for values in policy.values() for each in values):
        click.echo(f"The filter of {consumer.name} is more than lists of strings: it gets every event.", err=True)
        return lambda _event: True

    def wanted(event: OrderEvent) -> bool:
        attributes = message_attributes(event)
        return all(attributes.get(name, {}).get("StringValue") in values for name, values in policy.items())

    return wanted
