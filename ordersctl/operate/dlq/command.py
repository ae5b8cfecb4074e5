"""`ordersctl dlq`: finds, shows, redrives and drops dead letters."""

import functools
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ordersctl.operate.dlq.discard import NAMES_NO_ORDER, discard
from ordersctl.operate.dlq.redrive import CAME_BACK, Redrive
from ordersctl.operate.dlq.selection import Result, Selection, handle_each
from ordersctl.operate.dlq.walk import HOLD_SECONDS, Walk
from ordersctl.shared import options, project
from ordersctl.shared.files import open_private
from ordersctl.shared.output import duration, echo, number_of, printable, printable_json, say, show, wrote
from ordersctl.shared.queues.dead_letters import DeadLetter
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage

_SHORTEST_ID = 6
_COUNTED = 1_000  # dead letters whose reasons are counted: a hundred receives, some two seconds on AWS
_MANY = 10  # dead letters, more than which a person does not count
_ANSWER_SECONDS = 900  # seconds for which dead letters are held while the operator is asked


def _ids(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(each) < _SHORTEST_ID for each in value):
        raise click.BadParameter(f"give at least the first {_SHORTEST_ID} characters of an id.")
    return value


_queue = click.option("--queue", metavar="NAME", help="orders, events, or a consumer's name.  [default: all]")
_reason = click.option("--reason", metavar="WORDS", help="Only those whose reason contains these words.")
_order = click.option("--order", metavar="ORDER_ID", type=options.OrderId(), help="Only those about this order.")


def _changing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose dead letters, as `selection`, and the options for handling them."""

    @click.argument("ids", metavar="[ID]...", nargs=-1, callback=_ids)
    @_queue
    @_reason
    @click.option("--exact", is_flag=True, help="WORDS are the whole reason, with its capitals.")
    @_order
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @options.rate(20.0, least=0.1)
    @click.option(
        "--hold",
        metavar="SECONDS",
        type=click.IntRange(1, 43_200),
        default=HOLD_SECONDS,
        show_default=True,
        help="How long they stay invisible to other commands if this one is killed; it grows while this one runs.",
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
        exact: bool,
        order: str | None,
        everything: bool,
        **others: Any,
    ) -> None:
        if not (queue or ids or reason or order or everything):
            raise click.UsageError("Say which: ids, --queue, --reason, --order, or --all.")
        if ids and everything:
            raise click.UsageError("--all goes without ids.")
        if exact and reason is None:
            raise click.UsageError("--exact needs --reason.")
        command(selection=Selection(queue, ids, reason, order, exact), **others)

    return wrapped


@click.group()
def dlq() -> None:
    """Inspect dead-letter queues, and empty them without losing anything.

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
    """List the dead letters, with reasons and ages.

    Of more than ten it also counts the reasons.
    """
    selection, most = Selection(queue, (), reason, order), max(limit, _COUNTED)
    reasons: Counter[tuple[str, str]] = Counter()
    rows: list[dict[str, Any]] = []
    with selection.walk(stage, most=sys.maxsize if reason or order else most) as walk:
        for dead_letter in islice(selection.among(walk), most):
            reasons[dead_letter.queue.name, dead_letter.reason] += 1
            if len(rows) < limit:
                rows.append(dead_letter.row())
    show("Dead letters", rows, ("queue", "id", "age", "order_id", "reason"), as_json=as_json)
    counted = reasons.total()
    if counted > len(rows) or counted == most:
        # Where a filter chooses, only receiving all of them would tell how many there are.
        count = counted if reason or order else max(counted, selection.depth(stage))
        about = "" if counted < most else "at least " if reason or order else "about "
        if count > len(rows):
            say(f"{len(rows):,} of {about}{count:,} shown; --limit N shows more.", err=True)
    if counted > _MANY and not as_json:
        counts = [{"queue": name, "reason": why, "dead_letters": count} for (name, why), count in reasons.most_common()]
        title = f"Reasons of {'the first ' if counted == most else ''}{number_of(counted, 'dead letter')}"
        show(title, counts, ("queue", "dead_letters", "reason"), as_json=False, err=True)


@dlq.command("show", short_help="Show one dead letter whole.")
@click.argument("id_", metavar="ID", callback=lambda _c, _o, value: _ids(_c, _o, (value,))[0])
@_queue
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the body to a file, to fix it.")
@click.option("--force", is_flag=True, help="With --out: replace the file if it exists.")
@with_stage
def show_dead_letter(*, stage: Stage, id_: str, queue: str | None, out: Path | None, force: bool) -> None:
    """Show one dead letter whole; ID is its message id, or the beginning of it. It contains what the customer sent."""
    if out is not None and out.exists() and not force:  # it may be a fixed body that is not sent yet
        raise click.BadParameter(f"{out} exists; name another file, or replace it with --force.", param_hint="--out")
    selection = Selection(queue, (id_,))
    with selection.walk(stage) as walk:
        found = list(selection.among(walk))
    if len(found) != 1:
        raise click.ClickException(f"Ids that begin with {id_}: {number_of(len(found), 'dead letter')}.")
    (dead_letter,) = found
    body = dead_letter.body if dead_letter.document is None else printable_json(dead_letter.document)
    if out is not None:
        with open_private(out, "w") as file:
            file.write(body + "\n")
        wrote(out, f"Fix it, then:\n  {as_typed('dlq', 'redrive', dead_letter.id, '--with', str(out), *stage.option)}")
        return
    where = f"in {dead_letter.queue.full_name}, for {duration(dead_letter.age)}"
    say(f"{dead_letter.id} {where}: {printable(dead_letter.reason)}", err=True)
    echo(body)


@dlq.command(short_help="Send dead letters again, as they are or fixed.")
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
    redriving = Redrive(stage)
    text = None if fixed is None else fixed.read_text().strip()

    def send(dead_letter: DeadLetter) -> str:
        return redriving.send(dead_letter, dead_letter.body if text is None else text)

    _handle(stage, selection, "redriven", send, rate=rate, hold=hold, yes=yes, as_json=as_json)


@dlq.command()
@click.option(
    "--archive",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=options.in_a_directory,
    help="The file to keep them in, one JSON line each.  [default: dropped-STAGE.jsonl in .local]",
)
@_changing
def drop(
    *, stage: Stage, selection: Selection, rate: float, hold: int, archive: Path | None, yes: bool, as_json: bool
) -> None:
    """Delete dead letters. They are kept in a file, and the order of a command is stored as rejected: otherwise the
    API would report it as "accepted" permanently.
    """
    if archive is None:
        project.state_dir().mkdir(parents=True, exist_ok=True)
    file = archive or project.state_dir() / f"dropped-{stage.name}.jsonl"

    def drop_one(dead_letter: DeadLetter) -> str:
        return discard(stage, dead_letter, file)

    done = _handle(stage, selection, "dropped", drop_one, rate=rate, hold=hold, yes=yes, as_json=as_json)
    if done and not as_json:
        wrote(file, "It holds the dropped dead letters, and so what customers sent.")


def _handle(
    stage: Stage,
    selection: Selection,
    done: str,
    handle: Callable[[DeadLetter], str],
    *,
    rate: float,
    hold: int,
    yes: bool,
    as_json: bool,
) -> bool:
    """Ask, handle each dead letter and report, in one walk; return whether any was handled."""
    # Hold them for longer than handling all of them takes at this rate.
    with selection.walk(stage, hold_seconds=max(hold, math.ceil(4 / rate))) as walk:
        missing = set(selection.ids)
        selected = selection.among(walk, missing)
        if not yes:
            found = list(selected)
            if missing and found:
                say(_no_match(missing), err=True)
            _ask(stage, walk, found, done, quiet=as_json)
            selected = iter(found)
        result = handle_each(walk, selected, handle, rate=rate)
    if not (result.done or result.stayed or as_json):
        held = f"{as_typed('queues', *stage.option)} shows how many another command holds."
        if selection.is_of_some:
            raise click.ClickException(_no_match(missing) + (f" {held}" if selection.in_flight(stage) else ""))
        say(f"No dead letter is visible; {held}", err=True)
        return False
    _report(stage, selection, result, missing, as_json=as_json)
    return bool(result.done)


def _no_match(missing: Collection[str]) -> str:
    return f"no dead letter matches {', '.join(sorted(missing)) or 'these options'}."


def _ask(stage: Stage, walk: Walk, found: Sequence[DeadLetter], done: str, *, quiet: bool) -> None:
    """Show what would be done, and ask; click's Abort when the answer is no."""
    if not found:
        return
    counts = Counter((each.queue.name, each.reason) for each in found)
    if not quiet:
        oldest: dict[tuple[str, str], float] = {}
        for each in found:
            kind = each.queue.name, each.reason
            oldest[kind] = max(each.age, oldest.get(kind, 0))
        rows = [
            {"queue": queue, "reason": reason, "dead_letters": count, "oldest": round(oldest[queue, reason])}
            for (queue, reason), count in counts.most_common()
        ]
        show(f"To be {done}", rows, ("queue", "dead_letters", "oldest", "reason"), as_json=False, err=True)
    walk.hold(_ANSWER_SECONDS)
    stage.confirm(f"{number_of(len(found), 'dead letter')} will be {done}. Go on?")
    if walk.is_over:
        raise click.ClickException("the answer took too long: another command may have them. Run it again.")


def _way_out(stage: Stage) -> str:
    commands = ("drop",), ("show", "ID", "--out", "FILE"), ("redrive", "ID", "--with", "FILE")
    drop, keep, send = (as_typed("dlq", *each, *stage.option) for each in commands)
    return f"What would come straight back is not sent. Drop it: {drop}. Or fix it: {keep}, then {send}."


def _report(stage: Stage, selection: Selection, result: Result, missing: Collection[str], *, as_json: bool) -> None:
    """Print which dead letters were handled and which stayed; status 1 if some stayed, came back or are missing."""
    if orders := result.done[NAMES_NO_ORDER]:
        why = "no order id and customer could be read from their commands"
        say(f"For up to {number_of(orders, 'order')} a client may still read `accepted`: {why}.", err=True)
    in_flight = selection.in_flight(stage)
    if as_json:
        echo(json.dumps({"done": result.done, "stayed": result.stayed, "in_flight": in_flight}, indent=2))
    else:
        for outcome, count in result.done.items():
            say(f"{count} {outcome}.")
        if result.stayed:
            say(f"{number_of(len(result.stayed), 'dead letter')} still there:", err=True)
            show("", result.stayed, ("queue", "id", "order_id", "reason"), as_json=False, err=True)
        if result.unfit:
            say(_way_out(stage), err=True)
        if in_flight:
            held = number_of(in_flight, "dead letter")
            say(f"Another command holds {held}. If it was killed, that ends after its --hold.", err=True)
    nothing = selection.is_of_some and not (result.done or result.stayed)
    if missing or nothing:
        say(f"Error: {_no_match(missing)}", err=True)
    if missing or nothing or result.stayed or CAME_BACK & result.done.keys():
        raise click.exceptions.Exit(1)
