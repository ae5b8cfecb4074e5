"""`ordersctl migrate snapshot`: copies every order of the shop, chunk by chunk in the order of their keys.

Each chunk is one short transaction of the source. The place in the log where following begins is saved before the
first chunk is read: whatever changes from then on, follow reads again.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.migrate.context import Migration
from ordersctl.migrate.copying import Copier, copier
from ordersctl.migrate.errors import SourceLost, Stopped
from ordersctl.migrate.mapping.rows import Gone
from ordersctl.migrate.position import Position
from ordersctl.migrate.source import log_identity
from ordersctl.migrate.source.reads import Reader
from ordersctl.migrate.target import imported_items, stored
from ordersctl.shared.output import duration, number_of, say

CHUNK = 200  # orders in one transaction of the source
_PAUSE_SECONDS = 2  # before a source that was lost is asked again
_SETTLE_SECONDS = 1  # until what the log of MySQL has is visible in its tables
_SAY_EVERY_SECONDS = 5


def snapshot(migration: Migration, *, rate: float, restart: bool, chunk: int = CHUNK) -> dict[str, Any]:
    """Copy all orders that are not copied yet, at most `rate` a second (0: as fast as it goes); returns counts.

    Raises Stopped, botocore's errors.
    """
    state, reader = migration.state, migration.reader()
    # Two more: an order that copy_again copied since may be stored with the same position.
    table = replace(migration.table, generation=migration.table.generation + 2 * restart)
    with state.only_one("snapshot"), copier(table, quiet=True) as copying:
        if restart:
            state.save_snapshot({"generation": table.generation})
        progress = state.snapshot()
        if not progress.get("began"):
            progress = _begin(migration, reader) | {"generation": table.generation}
            state.save_snapshot(progress)
        began, first, said = time.monotonic(), int(progress["copied"]), 0.0
        while not progress["done"]:
            try:
                copied = _chunk(reader, copying, progress, chunk)
                if not copied and progress.get("skips"):
                    _remove_gone(migration, reader, copying, progress, rate)
            except SourceLost as lost:
                say(f"The source is lost ({lost}); it is asked again.", err=True)
                time.sleep(_PAUSE_SECONDS)
                continue
            progress |= {"after": copied[-1], "copied": progress["copied"] + len(copied)} if copied else {"done": True}
            state.save_snapshot(progress)
            done = int(progress["copied"]) - first
            _keep_to(rate, done, began)
            if time.monotonic() - said > _SAY_EVERY_SECONDS:
                said = time.monotonic()
                _say(progress, done / max(0.001, said - began))
        reader.close()
    return {"orders": progress["copied"], **copying.counts}


def copy_again(migration: Migration, keys: Sequence[int], *, rate: float) -> dict[str, Any]:
    """Copy these orders as they are now, or remove those that are gone, at most `rate` a second; returns counts.

    Raises SourceLost, Stopped, botocore's errors: to do all of it again does no harm.
    """
    reader, began = migration.reader(), time.monotonic()
    # MySQL says only a place that the shop was at before: a further generation replaces what is stored of that place.
    table = replace(migration.table, generation=migration.table.generation + 1)
    with copier(table, quiet=True) as copying:
        for start in range(0, len(keys), CHUNK):
            with reader.snapshot(floor=migration.state.position()) as shop:
                loaded = shop.load(keys[start : start + CHUNK])
            copying.put_all(loaded, shop.position)
            _keep_to(rate, start + len(loaded), began)
        reader.close()
    return dict(copying.counts)


def _begin(migration: Migration, reader: Reader) -> dict[str, Any]:
    """Save where following begins, and that nothing is copied yet."""
    state = migration.state
    if (at := state.position()) is not None and at.epoch > migration.mapping.epoch:
        raise Stopped(f"[source] epoch was {at.epoch} before: it never falls.")
    # What follow could not read must not stop it again. What was deleted in that part is removed after the copy.
    skips = at is not None and not (state.is_running("follow") and at.epoch == migration.mapping.epoch)
    if at is None or skips:
        with state.only_one("follow"):
            state.save_position(reader.end_of_log(), **log_identity.of(reader))
    else:
        say("follow is running, and goes on from where it is.", err=True)
    with reader.snapshot() as shop:
        total = _estimate(reader, migration)
    if not shop.position.number:  # the server does not say where in its log a snapshot is
        time.sleep(_SETTLE_SECONDS)
    floor = state.followed()
    return {"after": 0, "copied": 0, "done": False, "began": shop.at, "total": total, "floor": floor, "skips": skips}


def _estimate(reader: Reader, migration: Migration) -> int:
    """About how many orders there are: rows of the first watched table, as InnoDB estimates them."""
    table = next(iter(migration.mapping.watch))
    rows = reader.query(
        "SELECT TABLE_ROWS AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        migration.mapping.database,
        table,
    )
    return int(rows[0]["n"] or 0) if rows else 0


def _chunk(reader: Reader, copying: Copier, progress: dict[str, Any], size: int) -> list[int]:
    """Copy the next orders, and return their keys; [] at the end."""
    after = int(progress["after"])
    with reader.snapshot(floor=Position.from_json(progress["floor"])) as shop:
        keys = shop.keys(after, size)
        loaded = shop.load(keys)
    try:
        copying.put_all(loaded, shop.position)
    except (BotoCoreError, ClientError) as error:
        raise Stopped(f"the table cannot be written: {error}. Run it again: it goes on after order {after}.") from error
    return keys


def _remove_gone(migration: Migration, reader: Reader, copying: Copier, progress: dict[str, Any], rate: float) -> None:
    """Remove the stored orders whose rows are gone: follow does not see deletions in the part that it skips."""
    began, done = time.monotonic(), 0
    for page in stored.pages(migration.table):
        keys = [key for key, item in page.items() if not imported_items.is_gone(item)]
        with reader.snapshot(floor=Position.from_json(progress["floor"])) as shop:
            loaded = shop.load(keys)
        copying.put_all({key: order for key, order in loaded.items() if isinstance(order, Gone)}, shop.position)
        done += len(keys)
        _keep_to(rate, done, began)


def _keep_to(rate: float, done: int, began: float) -> None:
    """Wait until `done` orders since `began` are no more than `rate` a second; 0 is without a limit."""
    if rate:
        time.sleep(max(0.0, done / rate - (time.monotonic() - began)))


def _say(progress: dict[str, Any], rate: float) -> None:
    left = max(0, int(progress["total"]) - int(progress["copied"]))
    say(
        f"{progress['copied']:,} of about {number_of(max(progress['total'], progress['copied']), 'order')} copied, "
        f"{rate:.0f} a second, about {duration(left / max(rate, 0.1))} left",
        err=True,
    )
