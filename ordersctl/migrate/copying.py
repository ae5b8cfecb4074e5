"""Writing orders that were read: several at once, counted by outcome."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from ordersctl.migrate.context import THREADS
from ordersctl.migrate.errors import Refused
from ordersctl.migrate.position import Position
from ordersctl.migrate.source.reads import Loaded
from ordersctl.migrate.target.writes import ImportTable, Outcome
from ordersctl.shared.output import printable, say

_SHOWN = 20  # orders that are named; the counts have all, and `verify` lists them


@dataclass
class Copier:
    """Writes orders to the table. Its counts are of writes; an order that changes twice counts twice."""

    table: ImportTable
    pool: ThreadPoolExecutor
    quiet: bool
    counts: Counter[str] = field(default_factory=Counter)

    def put_all(self, loaded: Loaded, at: Position) -> None:
        """Write orders as they were at a place of the log; return when all are written. Raises botocore's errors."""
        writes = []
        for key, order in loaded.items():
            if isinstance(order, Refused):
                self._name("refused", key, f"cannot be an order here: {order}")
            else:
                writes.append((key, self.pool.submit(self.table.put, key, order, at, quiet=self.quiet)))
        for key, write in writes:
            outcome = write.result()
            if outcome is Outcome.OWNED:
                self._name(outcome, key, "was changed here and in the shop; it stays as it is here")
            else:
                self.counts[outcome] += 1

    def _name(self, what: str, key: int, text: str) -> None:
        self.counts[what] += 1
        if self.counts[what] <= _SHOWN:
            say(f"{self.table.source}/{key} {printable(text)}", err=True)


@contextmanager
def copier(table: ImportTable, *, quiet: bool) -> Iterator[Copier]:
    """A copier with threads of its own."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield Copier(table, pool, quiet)
