"""A page of a customer's orders, from one key of the index or, of a spread customer, from several: newest first.

Each key is read by ordered queries ("steps"), and the entries of all keys are merged. A cursor holds only the time and
id of the last entry; every key continues after it. So a cursor stays valid when the number of keys rises.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from operator import itemgetter
from typing import NamedTuple

from chalicelib.adapters.order_items import PLACED_KEY, Item


class Bounds(NamedTuple):
    """How many entries are read."""

    per_page: int = 1_000  # and a step of each key; then the page ends, full or not, with a cursor
    per_filtered_step: int = 100
    per_step: int = 16  # the minimum: 16 entries are about 4 KB, the smallest billed read


BOUNDS = Bounds()


class Step(NamedTuple):
    """What one query read of a key."""

    entries: Sequence[Item]  # those that match
    read: int  # also those that a filter left out
    last: str | None  # PLACED_KEY of the entry after which the next step starts; None at the end


Read = Callable[[str, str | None, int], Step]  # takes a key, the PLACED_KEY to start after, and the entries to read
_Found = tuple[str, Item | None]  # an entry with its PLACED_KEY; None in place of the entry marks the end of a step


class Merged:
    """The entries of some keys of the index. `read` makes a query, and raises Fault."""

    def __init__(self, keys: Sequence[str], read: Read, *, is_filtered: bool, bounds: Bounds) -> None:
        self._keys, self._read, self._is_filtered, self._bounds = keys, read, is_filtered, bounds
        self._entries_read: list[int] = []  # by each query

    def page(self, limit: int, start_after: str | None) -> tuple[list[Item], str | None]:
        """The next entries, `limit` at most, and the PLACED_KEY after which the page that follows starts."""
        found: list[Item] = []
        last = start_after
        for placed_key, entry in heapq.merge(*self._ways(limit, start_after), key=itemgetter(0), reverse=True):
            if entry is not None:
                if len(found) == limit:
                    return found, last  # one entry more than is shown says that there is a next page
                found.append(entry)
            elif sum(self._entries_read) >= self._bounds.per_page or (self._is_filtered and len(found) == limit):
                return found, placed_key  # all keys have been read down to this entry
            last = placed_key
        return found, None

    def _ways(self, limit: int, start_after: str | None) -> list[Iterator[_Found]]:
        ways = [self._way(key, start_after, self._first_step(limit)) for key in self._keys]
        if len(ways) == 1:
            return ways
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only lists of spread customers need threads

        with ThreadPoolExecutor(len(ways)) as pool:
            firsts = [pool.submit(copy_context().run, _first, way) for way in ways]
        return [_continued(first.result(), way) for first, way in zip(firsts, ways, strict=True)]

    def _first_step(self, limit: int) -> int:
        """Size of the first query of each key: with several keys, its likely share of the page."""
        page, keys = limit + 1, len(self._keys)
        if self._is_filtered:
            return max(self._bounds.per_step, self._bounds.per_filtered_step // keys)
        mean = page / keys  # with one key, the whole page
        return min(page, max(self._bounds.per_step, round(mean + 3 * math.sqrt(mean))))  # three standard deviations

    def _way(self, key: str, start_after: str | None, size: int) -> Iterator[_Found]:
        """The entries of one key, newest first, with a mark at the end of each step."""
        while True:
            step = self._read(key, start_after, size)
            self._entries_read.append(step.read)
            for entry in step.entries:
                yield entry[PLACED_KEY]["S"], entry
            if step.last is None:
                return
            start_after = step.last
            yield start_after, None
            if self._is_filtered:
                size = max(size, min(2 * size, self._bounds.per_filtered_step))  # few match: larger steps save queries


def _first(way: Iterator[_Found]) -> _Found | None:
    return next(way, None)


def _continued(first: _Found | None, way: Iterator[_Found]) -> Iterator[_Found]:
    if first is not None:
        yield first
        yield from way
