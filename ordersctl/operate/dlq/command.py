"""`ordersctl dlq`: finds, shows, redrives and drops dead letters."""

import functools
import json
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ordersctl.operate.dlq import dead_letters
from ordersctl.operate.dlq.dead_letters import DeadLetter
from ordersctl.operate.dlq.discard import NAMES_NO_ORDER, discard
from ordersctl.operate.dlq.redrive import Redrive
from ordersctl.operate.dlq.selection import Result, Selection, handle_each
from ordersctl.shared import options, project
from ordersctl.shared.files import open_private
from ordersctl.shared.output import duration, echo, printable, show
from ordersctl.shared.stage import Stage, with_stage

_SHORTEST_ID = 6


def _ids(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(each) < _SHORTEST_ID for each in value):
        raise click.BadParameter(f"give at least the first {_SHORTEST_ID} characters of an id.")
    return value


_queue = click.option("--queue", metavar="NAME", help="orders, events, or a consumer's name.  [default: all]")
_reason = click.option("--reason", metavar="TEXT", help="Only those whose reason contains this text.")
_order = click.option("--order", metavar="ORDER_ID", help="Only those about this order.")


def _changing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose dead letters, as `selection`, and those of how to handle each."""

    @click.argument("ids", metavar="[ID]...", nargs=-1, callback=_ids)
    @_queue
    @_reason
    @_order
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @options.rate(20.0, least=0.1)
    @click.option(
        "--hold",
        metavar="SECONDS",
        type=click.IntRange(1, 43_200),
        default=dead_letters.HOLD_SECONDS,
        show_default=True,
        help="How long they stay invisible to other commands if this one is killed.",
    )
    @options.yes
    @options.as_json
    @with_stage
    @functools.wraps(command)
    def wrapped(
        *,
        ids: tuple[str, ...],
        queue: str | None,
        reason: str | None,
        order: str | None,
        everything: bool,
        **others: Any,
    ) -> None:
        if not (queue or ids or reason or order or everything):
            raise click.UsageError("Say which: ids, --queue, --reason, --order, or --all.")
        command(selection=Selection(queue, ids, reason, order), **others)

    return wrapped


@click.group()
def dlq() -> None:
    """Look into dead-letter queues, and empty them without losing anything.

    There are three kinds: of the order queue (orders), of the event publisher (events), and of each consumer.
    """


@dlq.command("list")
@_queue
@_reason
@_order
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many to show at most.")
@options.as_json
@with_stage
def list_dead_letters(
    *, stage: Stage, queue: str | None, reason: str | None, order: str | None, limit: int, as_json: bool
) -> None:
    """List the dead letters, with reasons and ages."""
    found = Selection(queue, (), reason, order).find(stage, **({} if reason or order else {"most": limit}))
    rows = [dead_letter.row() for dead_letter in islice(found, limit)]
    show("Dead letters", rows, ("queue", "id", "age", "order_id", "reason"), as_json=as_json)


@dlq.command("show")
@click.argument("id_", metavar="ID", callback=lambda _c, _o, value: _ids(_c, _o, (value,))[0])
@_queue
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the body to a file, to fix it.")
@with_stage
def show_dead_letter(*, stage: Stage, id_: str, queue: str | None, out: Path | None) -> None:
    """Show one dead letter whole; ID is its message id, or the beginning of it. It contains what the customer sent."""
    found = list(Selection(queue, (id_,)).find(stage))
    if len(found) != 1:
        raise click.ClickException(f"{len(found)} dead letters have an id that begins with {id_}.")
    (dead_letter,) = found
    document = dead_letter.document
    body = dead_letter.body if document is None else json.dumps(document, indent=2, ensure_ascii=False)
    if out is not None:
        with open_private(out, "w") as file:
            file.write(body + "\n")
        echo(f"Written to {out}. Fix it, then: ordersctl dlq redrive {dead_letter.id} --with {out}")
        return
    where = f"in {dead_letter.queue.full_name}, for {duration(dead_letter.age)}"
    echo(f"{dead_letter.id} {where}: {printable(dead_letter.reason)}\n{body}")


@dlq.command()
@click.option(
    "--with",
    "fixed",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send this file in place of the one dead letter's body.",
)
@_changing
def redrive(
    *, stage: Stage, selection: Selection, rate: float, hold: int, fixed: Path | None, yes: bool, as_json: bool
) -> None:
    """Send dead letters again: commands to the order queue, stream records through the publisher, events to their
    consumer's queue. One that would come straight back stays, and is listed with the reason.

    Each is sent first and deleted after. If the command is stopped at any point nothing is lost: run it again.
    """
    if fixed is not None and len(selection.ids) != 1:
        raise click.UsageError("--with replaces one body: give the ID of its dead letter.")
    if not _agreed(stage, selection, "redriven", yes=yes, quiet=as_json):
        return
    redriving = Redrive(stage)
    text = None if fixed is None else fixed.read_text().strip()

    def send(dead_letter: DeadLetter) -> str:
        redriving.send(dead_letter, dead_letter.body if text is None else text)
        return "redriven"

    _report(stage, selection, handle_each(stage, selection, send, rate=rate, hold=hold), as_json=as_json)


@dlq.command()
@click.option(
    "--archive",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to keep them in, one JSON line each.  [default: dropped-STAGE.jsonl in .local]",
)
@_changing
def drop(
    *, stage: Stage, selection: Selection, rate: float, hold: int, archive: Path | None, yes: bool, as_json: bool
) -> None:
    """Delete dead letters. They are kept in a file, and the order of a command is stored as rejected: otherwise the
    API would report it as "accepted" permanently.
    """
    if not _agreed(stage, selection, "dropped", yes=yes, quiet=as_json):
        return
    file = archive or project.state_dir() / f"dropped-{stage.name}.jsonl"
    result = handle_each(stage, selection, lambda each: discard(stage, each, file), rate=rate, hold=hold)
    _report(stage, selection, result, as_json=as_json)
    if not as_json:
        echo(f"The dropped dead letters are kept in {file}; it contains what customers sent.")


def _agreed(stage: Stage, selection: Selection, done: str, *, yes: bool, quiet: bool) -> bool:
    """Show what would be done, and ask; return whether it shall be done."""
    if yes and quiet:
        return True
    counts: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], float] = {}
    for dead_letter in selection.find(stage):
        kind = dead_letter.queue.name, dead_letter.reason
        counts[kind] += 1
        oldest[kind] = max(dead_letter.age, oldest.get(kind, 0))
    if not quiet:
        rows = [
            {"queue": queue, "reason": reason, "dead_letters": count, "oldest": oldest[queue, reason]}
            for (queue, reason), count in counts.most_common()
        ]
        show(f"To be {done}", rows, ("queue", "dead_letters", "oldest", "reason"), as_json=False)
    if not counts:
        echo("No dead letter is visible; `ordersctl queues` shows how many another command holds.", err=True)
        return False
    return yes or click.confirm(f"{counts.total()} dead letters will be {done}. Go on?", err=True)


def _report(stage: Stage, selection: Selection, result: Result, *, as_json: bool) -> None:
    """Print what was done and what stayed; exit status 1 when some stayed."""
    if orders := result.done[NAMES_NO_ORDER]:
        why = "no order id and customer could be read from their commands"
        echo(f"Up to {orders} clients may still read `accepted`: {why}.", err=True)
    in_flight = selection.in_flight(stage)
    if as_json:
        echo(json.dumps({"done": result.done, "stayed": result.stayed, "in_flight": in_flight}, indent=2))
    else:
        for outcome, count in result.done.items():
            echo(f"{count} {outcome}.")
        if result.stayed:
            show("Still there", result.stayed, ("queue", "id", "order_id", "reason"), as_json=False)
        if in_flight:
            echo(f"Another command holds {in_flight}; if it was killed, they are visible again after its --hold.")
    if result.stayed:
        raise click.exceptions.Exit(1)
