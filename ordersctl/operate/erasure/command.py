"""`ordersctl erase`: erases all orders of a customer, those on their way too."""

import json
import sys
from collections import Counter

import click

from ordersctl.operate.erasure.customer_orders import CustomerOrders
from ordersctl.operate.erasure.held_dead_letters import held_dead_letters
from ordersctl.operate.erasure.order_queue import OrderQueueDrain
from ordersctl.operate.send import RateLimit
from ordersctl.shared import options
from ordersctl.shared.output import echo, number_of, printable, say, show
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@click.option(
    "--customer", metavar="ID", type=options.CustomerId(), required=True, help="The customer whose orders are erased."
)
@options.rate(50.0, least=1)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=options.Finite(min=0),
    default=1_200.0,
    show_default=True,
    help="How long to wait for orders that are on their way.",
)
@options.yes
@options.as_json
@with_stage
def erase(*, stage: Stage, customer: str, rate: float, wait: float, yes: bool, as_json: bool) -> None:
    """Erase all orders of a customer: each is replaced by a tombstone that names nobody, and consumers get the
    event order.erased.

    An order that was accepted and not stored yet cannot be seen, so the command waits until the order queue holds
    nothing older than the command, and then erases what was stored meanwhile. Dead letters of the order queue and of
    the publisher that hold the customer's orders are deleted; those of consumers are counted and belong to them. Those
    that another command holds cannot be seen: then the erasure is not complete.

    It is safe to run again, and has to be after an exit status of 1.
    """
    orders = CustomerOrders(stage, customer, RateLimit(rate))
    drain = OrderQueueDrain(stage)
    statuses, dead_letters = Counter(status for _, status in orders.stored()), orders.dead_letters()
    _agree(stage, customer, statuses, dead_letters, yes=yes, quiet=as_json)
    erased = orders.erase_stored()
    is_drained = drain.wait(wait)
    erased += orders.erase_stored()
    held = held_dead_letters(stage)  # before the walk too: what is released during it may have been redriven
    deleted = orders.erase_dead_letters()
    erased += orders.erase_stored()  # what a redrive by another operator stored before its dead letter was deleted
    of_consumers = {name: count for name, count in orders.dead_letters().items() if name not in ("orders", "events")}
    held |= held_dead_letters(stage)
    left = sum(1 for _ in orders.stored())
    is_complete = is_drained and not held and not left
    if as_json:
        report = {
            "erased": erased,
            "dead_letters_deleted": deleted,
            "dead_letters_of_consumers": of_consumers,
            "dead_letters_held": held,
            "left": left,
            "complete": is_complete,
        }
        echo(json.dumps(report, indent=2))
    else:
        _report(customer, erased, deleted, of_consumers)
    if not is_drained:
        say("The order queue still holds orders that were accepted before: run the command again.", err=True)
    if left:
        say(f"{number_of(left, 'order')} still listed: run the command again.", err=True)
    for name, count in sorted(held.items()):
        verb = "is" if count == 1 else "are"
        say(
            f"{number_of(count, 'dead letter')} of {name} {verb} held by another command, and may be the customer's: "
            "run the command again when that one has ended, or its --hold.",
            err=True,
        )
    if not is_complete:
        sys.exit(1)


def _agree(
    stage: Stage, customer: str, statuses: Counter[str], dead_letters: Counter[str], *, yes: bool, quiet: bool
) -> None:
    """Show what would be erased, and ask; click's Abort when it shall not be."""
    if not quiet:
        rows = [{"what": f"orders, {printable(status)}", "count": count} for status, count in sorted(statuses.items())]
        rows += [
            {"what": f"dead letters of {printable(name)}", "count": count}
            for name, count in sorted(dead_letters.items())
        ]
        show(f"Stage {stage.name}, customer {printable(customer)}", rows, ("what", "count"), as_json=False, err=True)
    if not yes:
        count = number_of(statuses.total(), "order")
        question = f"{count} of {printable(customer)} will be erased permanently. Go on?"
        stage.confirm(question)


def _report(customer: str, erased: int, deleted: Counter[str], of_consumers: dict[str, int]) -> None:
    say(f"{number_of(erased, 'order')} of {customer} erased.")
    for name, count in sorted(deleted.items()):
        say(f"{number_of(count, 'dead letter')} of {name} deleted.")
    for name, count in sorted(of_consumers.items()):
        say(f"{number_of(count, 'dead letter')} of the consumer {name} left: its team drops what is the customer's.")
