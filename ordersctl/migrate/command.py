"""`ordersctl migrate`: the commands of a move from a shop's MySQL or MariaDB."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click
import pymysql

from ordersctl.migrate.context import Migration
from ordersctl.migrate.errors import SourceLost
from ordersctl.migrate.source.connection import explained
from ordersctl.shared import options
from ordersctl.shared.output import echo, number_of, say, show, wrote
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def migrate() -> None:
    """Bring the orders of a shop's MySQL or MariaDB here, while the shop is open.

    In this order: plan, snapshot and follow (both at once), verify, compare, cutover. docs/guide/migrating.md has the
    whole way, and the way back at each step. The database is reached by ORDERS_SOURCE_HOST, _PORT, _USER, _PASSWORD and
    _CA in the environment, or by a file like MySQL's option files (--credentials).
    """


def _with_migration(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --mapping, --credentials, the stage's options and --json, and pass it the Migration."""

    @click.option("--mapping", metavar="FILE", type=_FILE, required=True, help="How the shop's tables make an order.")
    @click.option("--credentials", metavar="FILE", type=_FILE, help="Host, user and password, section [client].")
    @options.as_json
    @with_stage
    @functools.wraps(command)
    def wrapped(*, stage: Stage, mapping: Path, credentials: Path | None, **more: Any) -> None:
        try:
            command(migration=Migration.of(stage, mapping, credentials), **more)
        except SourceLost as lost:
            raise click.ClickException(f"the source is lost: {lost}.") from lost
        except pymysql.MySQLError as error:
            raise click.ClickException(f"the source refuses: {explained(error)}.") from error

    return wrapped


@migrate.command()
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Judge the first N orders only.")
@click.option(
    "--rate", metavar="N", type=options.Finite(0, 100_000), default=0.0, help="Estimate for N orders a second."
)
@_with_migration
def plan(*, migration: Migration, limit: int | None, rate: float, as_json: bool) -> None:
    """Judge the database and the mapping before anything is written. Exit status 1 when something must be put right."""
    from ordersctl.migrate.plan import command  # noqa: PLC0415

    found = command.plan(migration, limit=limit, rate=rate)
    rows = [finding._asdict() for finding in found.findings]
    if as_json:
        echo(json.dumps({"findings": rows, "estimate": found.estimate(), "refused": str(found.refused_file)}))
    else:
        show(
            f"{migration.mapping.name} to stage {migration.stage.name}", rows, ["level", "about", "what"], as_json=False
        )
        say(found.sentence(), err=True)
        if found.census.refused:
            wrote(found.refused_file, "It names each refused order, with the reason.", err=True)
    if not found.is_possible:
        raise click.exceptions.Exit(1)


@migrate.command()
@click.option("--rate", metavar="N", type=options.Finite(0, 100_000), default=0.0, help="At most N orders a second.")
@click.option("--restart", is_flag=True, help="Copy all orders again, from the first one.")
@click.option("--key", "keys", metavar="N", type=int, multiple=True, help="Only this order, again; repeatable.")
@click.option("--keys", "file", metavar="FILE", type=click.File(), help="Only these orders, again: a key in each line.")
@_with_migration
def snapshot(
    *, migration: Migration, rate: float, restart: bool, keys: tuple[int, ...], file: IO[str] | None, as_json: bool
) -> None:
    """Copy every order that the shop has, without events. A copy that was stopped goes on where it was."""
    from ordersctl.migrate import snapshot as copy  # noqa: PLC0415 - a command imports what it needs

    if keys or file:
        chosen = [*keys, *(_keys(file) if file else ())]
        _report(copy.copy_again(migration, chosen, rate=rate), as_json=as_json)
    else:
        _report(copy.snapshot(migration, rate=rate, restart=restart), as_json=as_json)


def _keys(file: IO[str]) -> Iterator[int]:
    for number, line in enumerate(file, 1):
        if not line.strip().isdecimal():
            raise click.BadParameter(f"line {number} of {file.name} is not a key, which is a whole number above 0.")
        yield int(line)


@migrate.command(short_help="Copy every order again that changes there.")
@click.option(
    "--events",
    type=click.Choice(["none", "follow"]),
    default="none",
    show_default=True,
    help="Whether changes in the shop are published; for after the snapshot.",
)
@click.option("--accept", metavar="PLACE", multiple=True, help="Go on past the statement that it stopped at.")
@click.option("--until-caught-up", is_flag=True, help="Stop where the log ends now.")
@_with_migration
def follow(*, migration: Migration, events: str, accept: tuple[str, ...], until_caught_up: bool, as_json: bool) -> None:
    """Copy every order again that changes in the shop, until it is stopped (Ctrl-C)."""
    from ordersctl.migrate import follow as following  # noqa: PLC0415

    counts = following.follow(
        migration, publishes=events == "follow", accepted=frozenset(accept), until_caught_up=until_caught_up
    )
    _report(counts, as_json=as_json)


@migrate.command(short_help="Compare what is stored with the shop.")
@click.option("--sample", metavar="N", type=click.IntRange(1), help="Only N orders, chosen by chance.")
@click.option("--accept-refused", is_flag=True, help="Orders that cannot be orders here are no difference.")
@_with_migration
def verify(*, migration: Migration, sample: int | None, accept_refused: bool, as_json: bool) -> None:
    """Compare what is stored with the shop: each order, and counts and sums. Exit status 1 when they differ."""
    from ordersctl.migrate.verify import command  # noqa: PLC0415

    outcome, path = command.verify(migration, sample=sample, accept_refused=accept_refused)
    if as_json:
        echo(json.dumps(outcome.summary() | {"report": str(path)}))
    else:
        echo(outcome.report(), nl=False)
        wrote(path, "" if sample else "It is to be signed.", err=True)
        if outcome.findings.differences:
            again = path.with_name(command.DIFFERENT_KEYS)
            wrote(again, f"To copy what differs again:\n  {_copy_again(migration.stage, again)}", err=True)
    if not outcome.is_clean:
        raise click.exceptions.Exit(1)


def _copy_again(stage: Stage, keys: Path) -> str:
    """Return the command that copies the orders of a file, with the options by which this one found the shop."""
    given = click.get_current_context().params
    files = [(f"--{name}", str(given[name])) for name in ("mapping", "credentials") if given[name]]
    return as_typed(
        "migrate", "snapshot", *(word for each in files for word in each), *stage.option, "--keys", str(keys)
    )


@migrate.command(short_help="Ask the shop and the API the same.")
@click.option("--url", type=options.HttpUrl(), required=True, help="This service's API; its token is in ORDERS_TOKEN.")
@click.option("--orders", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="How many orders.")
@_with_migration
def compare(*, migration: Migration, url: str, orders: int, as_json: bool) -> None:
    """Ask the shop and the API about the same orders and customers. Exit status 1 when the answers differ."""
    from ordersctl.migrate.compare import command  # noqa: PLC0415

    found = command.compare(migration, url=url, orders=orders)
    rows, asked = found.rows(), number_of(found.asked, "question")
    if as_json:
        echo(json.dumps({"asked": found.asked, "differences": rows}))
    elif rows:
        show(asked, rows, ["field", "cause", "count", "examples"], as_json=False)
    else:
        say(f"{asked}, the same answers.")
    if rows:
        raise click.exceptions.Exit(1)


@migrate.command(short_help="Hand reads, changes or new orders over.")
@click.option("--route", type=click.Choice(["reads", "changes", "place"]), required=True, help="What to hand over.")
@click.option("--back", is_flag=True, help="Back to the shop.")
@click.option(
    "--verified-within",
    metavar="HOURS",
    type=options.Finite(0),
    default=24.0,
    show_default=True,
    help="How old the last verify may be.",
)
@_with_migration
def cutover(*, migration: Migration, route: str, back: bool, verified_within: float, as_json: bool) -> None:
    """Hand reads, changes or new orders to this service, or back, when all checks hold."""
    from ordersctl.migrate import cutover as handing_over  # noqa: PLC0415

    checked = handing_over.cutover(migration, route, back=back, verified_within_hours=verified_within)
    if as_json:
        echo(json.dumps({"checked": checked}))
    else:
        say("\n".join(checked))


@migrate.command("write-back", short_help="Write what is done here into the shop's tables.")
@click.option("--queue-url", metavar="URL", required=True, help="The queue that is subscribed to the events.")
@click.option(
    "--write-credentials", metavar="FILE", type=_FILE, help="Of a user that may write; or ORDERS_WRITE_BACK_*."
)
@click.option("--until-empty", is_flag=True, help="Stop when the queue is empty.")
@_with_migration
def write_back(
    *, migration: Migration, queue_url: str, write_credentials: Path | None, until_empty: bool, as_json: bool
) -> None:
    """Write orders that are placed and changed here into the shop's tables, until it is stopped."""
    from ordersctl.migrate.write_back import command  # noqa: PLC0415

    counts = command.write_back(migration, queue_url=queue_url, credentials=write_credentials, until_empty=until_empty)
    _report(counts, as_json=as_json)


def _report(counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(counts))
    else:
        say(", ".join(_said(name, value) for name, value in counts.items()) or "Nothing to do.")


def _said(name: str, value: int | str) -> str:
    if isinstance(value, str):
        return f"{name} {value}"
    return number_of(value, "order") if name == "orders" else f"{value:,} {name}"
