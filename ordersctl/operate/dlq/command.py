"""`ordersctl dlq`: what could not be handled is found, shown, mended, and put back or away."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Fault, Poison
from ordersctl.operate.dlq import dead_letters
from ordersctl.operate.dlq.dead_letters import Letter
from ordersctl.operate.dlq.redrive import NAMES_NO_ORDER, Pace, Redrive
from ordersctl.operate.dlq.redrive import drop as put_away
from ordersctl.operate.stage_queues import StageQueues
from ordersctl.shared import project
from ordersctl.shared.output import duration, show
from ordersctl.shared.stage import Stage, as_json, with_stage

_SHORTEST_ID = 6


@dataclass(frozen=True)
class Selection:
    """Which letters are meant; an empty field asks for nothing."""

    queue: str | None
    ids: tuple[str, ...]
    reason: str | None
    order: str | None

    def takes(self, letter: Letter) -> bool:
        return (
            (not self.ids or letter.id.startswith(self.ids))
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (self.order is None or self.order == letter.order_id)
        )

    def found(self, stage: Stage, **how: int) -> Iterator[Letter]:
        """Yield the letters of every queue asked for; `how` is look_through's."""
        for queue in StageQueues.of(stage).dead_named(self.queue):
            for letter in dead_letters.look_through(stage, queue, **how):
                if self.takes(letter):
                    yield letter


def _ids(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(each) < _SHORTEST_ID for each in value):
        raise click.BadParameter(f"give at least the first {_SHORTEST_ID} characters of an id.")
    return value


_queue = click.option("--queue", metavar="NAME", help="orders, events, or a consumer's name.  [default: all]")
_reason = click.option("--reason", metavar="TEXT", help="Only those whose reason has this in it.")
_order = click.option("--order", metavar="ORDER_ID", help="Only those about this order.")
_all = click.option("--all", "everything", is_flag=True, help="All of them.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_rate = click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(0.1, 1_000),
    default=20.0,
    show_default=True,
    help="At most N a second.",
)


_hold = click.option(
    "--hold",
    metavar="SECONDS",
    type=click.IntRange(1, 43_200),
    default=dead_letters.HOLD_SECONDS,
    show_default=True,
    help="How long they are out of sight if this is killed.",
)


@click.group()
def dlq() -> None:
    """Look into dead-letter queues, and empty them without losing anything.

    There are three kinds: of the order queue (orders), of the event publisher (events), and of each consumer.
    """


@dlq.command("list")
@_queue
@_reason
@_order
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Letters to show at most.")
@as_json
@with_stage
def list_letters(
    *, stage: Stage, queue: str | None, reason: str | None, order: str | None, limit: int, as_json: bool
) -> None:
    """List what lies in the dead-letter queues, with reasons and ages."""
    found = Selection(queue, (), reason, order).found(stage, **({} if reason or order else {"most": limit}))
    rows = [letter.row() for letter in islice(found, limit)]
    show("Dead letters", rows, ("queue", "id", "age", "order_id", "reason"), as_json=as_json)


@dlq.command("show")
@click.argument("letter_id", metavar="ID", callback=lambda _c, _o, value: _ids(_c, _o, (value,))[0])
@_queue
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the body to a file, to mend it.")
@with_stage
def show_letter(*, stage: Stage, letter_id: str, queue: str | None, out: Path | None) -> None:
    """Show one letter whole; ID is its message id, or the beginning of it. It holds what the customer sent."""
    letter = _the_one(stage, letter_id, queue)
    body = letter.body if letter.document is None else json.dumps(letter.document, indent=2, ensure_ascii=False)
    if out is not None:
        with dead_letters.open_private(out, "w") as file:
            file.write(body + "\n")
        click.echo(f"Written to {out}. Mend it, then: ordersctl dlq redrive {letter.id} --with {out}")
        return
    click.echo(f"{letter.id} in {letter.queue.full_name}, for {duration(letter.age)}: {letter.reason}\n{body}")


@dlq.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, callback=_ids)
@_queue
@_reason
@_order
@_all
@_rate
@_hold
@click.option(
    "--with",
    "mended",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send this file in place of the one letter's body.",
)
@_yes
@as_json
@with_stage
def redrive(
    *,
    stage: Stage,
    ids: tuple[str, ...],
    queue: str | None,
    reason: str | None,
    order: str | None,
    everything: bool,
    rate: float,
    hold: int,
    mended: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Put letters back on their way: commands into the order queue, stream records through the publisher, events into
    their consumer's queue. What would come straight back stays, and is told.

    Each is sent first and deleted after. Stopped at any point nothing is lost: run it again.
    """
    if mended is not None and len(ids) != 1:
        raise click.UsageError("--with mends one letter: give its ID.")
    selection = _selection(queue, ids, reason, order, everything=everything)
    if not _agreed(stage, selection, "redriven", yes=yes, quiet=as_json):
        return
    redriving = Redrive(stage)
    text = None if mended is None else mended.read_text().strip()

    def again(letter: Letter) -> str:
        redriving.again(letter, letter.body if text is None else text)
        return "redriven"

    _each(stage, selection, again, rate=rate, hold=hold, as_json=as_json)


@dlq.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, callback=_ids)
@_queue
@_reason
@_order
@_all
@_rate
@_hold
@click.option(
    "--archive",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where they are kept, one JSON line each.  [default: dropped-STAGE.jsonl in .local]",
)
@_yes
@as_json
@with_stage
def drop(
    *,
    stage: Stage,
    ids: tuple[str, ...],
    queue: str | None,
    reason: str | None,
    order: str | None,
    everything: bool,
    rate: float,
    hold: int,
    archive: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Take letters out for good. They are kept in a file, and an order that a command would have placed is stored as
    rejected: otherwise its client would be told "accepted" for ever.
    """
    selection = _selection(queue, ids, reason, order, everything=everything)
    if not _agreed(stage, selection, "dropped", yes=yes, quiet=as_json):
        return
    kept_in = archive or project.state_dir() / f"dropped-{stage.name}.jsonl"
    _each(stage, selection, lambda letter: put_away(stage, letter, kept_in), rate=rate, hold=hold, as_json=as_json)
    if not as_json:
        click.echo(f"What was dropped is kept in {kept_in}; it holds what customers sent.")


def _selection(
    queue: str | None, ids: tuple[str, ...], reason: str | None, order: str | None, *, everything: bool
) -> Selection:
    if not (queue or ids or reason or order or everything):
        raise click.UsageError("Say which: ids, --queue, --reason, --order, or --all.")
    return Selection(queue, ids, reason, order)


def _the_one(stage: Stage, letter_id: str, queue: str | None) -> Letter:
    found = list(Selection(queue, (letter_id,), None, None).found(stage))
    if len(found) != 1:
        raise click.ClickException(f"{len(found)} letters have an id that begins with {letter_id}.")
    return found[0]


def _agreed(stage: Stage, selection: Selection, done: str, *, yes: bool, quiet: bool) -> bool:
    """Show what would be done, and ask; True when it shall be."""
    if yes and quiet:
        return True
    counts: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], float] = {}
    for letter in selection.found(stage):
        kind = letter.queue.name, letter.reason
        counts[kind] += 1
        oldest[kind] = max(letter.age, oldest.get(kind, 0))
    if not quiet:
        rows = [
            {"queue": queue, "reason": reason, "letters": count, "oldest": oldest[queue, reason]}
            for (queue, reason), count in counts.most_common()
        ]
        show(f"To be {done}", rows, ("queue", "letters", "oldest", "reason"), as_json=False)
    if not counts:
        click.echo("None in sight; `ordersctl queues` tells what is in another's hands.", err=True)
        return False
    return yes or click.confirm(f"{counts.total()} letters will be {done}. Go on?", err=True)


def _each(
    stage: Stage, selection: Selection, handle: Callable[[Letter], str], *, rate: float, hold: int, as_json: bool
) -> None:
    """Handle each letter, then delete it; exit status 1 when some had to stay."""
    pace = Pace(rate)
    outcomes: Counter[str] = Counter()
    stayed: list[dict[str, Any]] = []
    # No more at once than the rate lets through while they are held.
    at_once = max(1, int(rate * hold / 2))
    for letter in selection.found(stage, at_once=at_once, hold_seconds=hold):
        pace.wait()
        try:
            outcome = handle(letter)
        except (Poison, Fault, BotoCoreError, ClientError, OSError) as error:
            stayed.append({**letter.row(), "reason": str(error)})
            continue
        dead_letters.delete(stage, letter)
        outcomes[outcome] += 1
    if clients := outcomes[NAMES_NO_ORDER]:
        why = "no order id and customer could be read of their commands"
        click.echo(f"Up to {clients} clients may still be told `accepted`: {why}.", err=True)
    held = sum(dead_letters.in_flight(stage, queue) for queue in StageQueues.of(stage).dead_named(selection.queue))
    if as_json:
        click.echo(json.dumps({"done": outcomes, "stayed": stayed, "in_flight": held}, indent=2))
    else:
        for outcome, count in outcomes.items():
            click.echo(f"{count} {outcome}.")
        if stayed:
            show("Still there", stayed, ("queue", "id", "order_id", "reason"), as_json=False)
        if held:
            click.echo(f"{held} are in another's hands; what was killed lets go after its --hold.")
    if stayed:
        raise click.exceptions.Exit(1)
