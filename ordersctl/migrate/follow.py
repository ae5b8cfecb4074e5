"""`ordersctl migrate follow`: reads the orders again that the source's log says have changed.

The place in the log is saved after all that was changed before it is written: a killed follower does a part again.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.migrate.context import Migration
from ordersctl.migrate.copying import Copier, copier
from ordersctl.migrate.errors import SourceLost, Stopped
from ordersctl.migrate.position import Position
from ordersctl.migrate.source import log_identity
from ordersctl.migrate.source.binlog import Changes, LogReader
from ordersctl.migrate.source.reads import Reader, Snapshot
from ordersctl.shared.output import duration, say

CHUNK = 200  # orders in one transaction of the source
_BATCH = 400  # changed orders that are read together
_WAIT_SECONDS = 0.3  # for more of them
_PAUSES_SECONDS = (1, 2, 5, 10, 30)  # before a source or a table that failed is asked again
_SAY_EVERY_SECONDS = 10


@dataclass
class _Follower:
    """Works off the log until a person stops it, or, with `until`, until it has passed a place."""

    migration: Migration
    copying: Copier
    accepted: frozenset[str]
    reader: Reader
    until: Position | None = None
    failures: int = 0
    is_over: bool = False
    said: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Follow; raises Stopped."""
        while not self.is_over:
            try:
                self._run_once()
            except (SourceLost, BotoCoreError, ClientError) as error:
                pause = _PAUSES_SECONDS[min(self.failures, len(_PAUSES_SECONDS) - 1)]
                self.failures += 1
                say(f"{error}; it goes on in {pause} s, from the place that was saved.", err=True)
                self.reader.close()
                time.sleep(pause)

    def _run_once(self) -> None:
        saved = self.migration.state.followed()
        start = Position.from_json(saved)
        log_identity.check(self.reader, start, saved)
        if self._is_done():
            self.is_over = True
            return
        log = LogReader(self.migration.server, self.migration.mapping, start, self.accepted)
        for batch in _batches(log.changes(), start):
            self._copy(batch)
            self._save(batch)
            self.failures = 0
            self._say(batch)
            if self._is_done():
                self.is_over = True
                return

    def _copy(self, batch: Changes) -> None:
        """Read the changed orders again and write them."""
        if not len(batch):
            return
        keys = set(batch.keys)
        if batch.fan_outs:
            with self.reader.snapshot(batch.end, batch.gtid) as shop:
                keys |= fanned_out(shop, batch)
        ordered = sorted(keys)
        for start in range(0, len(ordered), CHUNK):
            with self.reader.snapshot(batch.end, batch.gtid) as shop:
                loaded = shop.load(ordered[start : start + CHUNK])
            self.copying.put_all(loaded, shop.position)

    def _save(self, batch: Changes) -> None:
        state = self.migration.state
        state.snapshot()  # raises Stopped when the copy was begun again by another mapping
        saved = state.followed()
        more = {name: saved[name] for name in ("server_id", "server_uuid", "gtid") if name in saved}
        if batch.gtid:
            more["gtid"] = batch.gtid
        state.save_position(batch.end, **more, ledger=self.migration.mapping.ledger)

    def _is_done(self) -> bool:
        position = self.migration.state.position()
        return self.until is not None and position is not None and position.is_at_least(self.until)

    def _say(self, batch: Changes) -> None:
        now = time.monotonic()
        if now - self.said < _SAY_EVERY_SECONDS:
            return
        self.said = now
        lag = duration(max(0.0, time.time() - batch.seconds)) if batch.transactions else "none"
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.copying.counts.items()))
        say(f"at {batch.end}, lag {lag}; {counts or 'nothing changed'}", err=True)


def follow(
    migration: Migration, *, publishes: bool, accepted: frozenset[str] = frozenset(), until_caught_up: bool = False
) -> dict[str, Any]:
    """Follow the source's log; with `until_caught_up` to where it ends now. Returns counts. Raises Stopped."""
    state = migration.state
    if state.position() is None:
        raise Stopped("there is no place to follow from: begin with `migrate snapshot`.")
    progress = state.snapshot()
    if publishes and not progress.get("done"):
        raise Stopped("an order that is not copied yet has no first event: --events follow is for after the snapshot.")
    with state.only_one("follow"), copier(migration.table, quiet=not publishes) as copying:
        reader = migration.reader()
        until = reader.end_of_log() if until_caught_up else None
        _Follower(migration, copying, accepted, reader, until).run()
        reader.close()
    return {"position": str(state.position()), **copying.counts}


def fanned_out(shop: Snapshot, batch: Changes) -> set[int]:
    """The keys of the orders that the changed rows of other tables mean."""
    mapping = shop.mapper.mapping
    found: set[int] = set()
    for table, values in batch.fan_outs:
        rows = shop.select(mapping.watch[table].select or "", **dict(values))
        found |= {int(next(iter(row.values()))) for row in rows}
    return found


def _batches(changes: Iterator[Changes], start: Position) -> Iterator[Changes]:
    """Join the changes of several transactions: until there are many, or nothing came for a moment."""
    batch, began = Changes(start), time.monotonic()
    for each in changes:
        batch.add(each)
        is_pause = not each.transactions
        if len(batch) >= _BATCH or is_pause or time.monotonic() - began > _WAIT_SECONDS:
            yield batch
            batch, began = Changes(batch.end), time.monotonic()
