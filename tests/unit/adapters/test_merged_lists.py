"""Pages from several keys of the index: merged newest first, in bounded reads, with a cursor that fits every key."""

import threading
from collections.abc import Mapping, Sequence
from string import ascii_lowercase

import pytest

from chalicelib.adapters.merged_lists import Bounds, Merged, Step
from chalicelib.adapters.order_items import PLACED_KEY, Item
from chalicelib.aws import timeouts
from chalicelib.settings import MOST_INDEX_KEYS


class Index:
    """Keys of an index with their entries, newest first; records the size of each query."""

    def __init__(self, keys: Mapping[str, Sequence[str]], hidden: str = "") -> None:
        self.keys, self.hidden = keys, hidden  # entries that the filter leaves out
        self.queries: list[tuple[str, int]] = []

    def read(self, key: str, start_after: str | None, limit: int) -> Step:
        self.queries.append((key, limit))
        left = [each for each in self.keys[key] if start_after is None or each < start_after]
        found = left[:limit]
        entries: list[Item] = [{PLACED_KEY: {"S": each}} for each in found if each not in self.hidden]
        return Step(entries, len(found), found[-1] if len(left) > limit else None)

    def page(
        self, limit: int, start_after: str | None = None, *, is_filtered: bool = False, bounds: Bounds | None = None
    ) -> tuple[str, str | None]:
        merged = Merged(list(self.keys), self.read, is_filtered=is_filtered, bounds=bounds or Bounds())
        entries, last = merged.page(limit, start_after)
        return "".join(entry[PLACED_KEY]["S"] for entry in entries), last


def test_the_entries_of_all_keys_come_newest_first() -> None:
    assert Index({"k": "fb", "k#1": "eda", "k#2": "c"}).page(10) == ("fedcba", None)


def test_every_key_continues_after_the_entry_that_a_cursor_names() -> None:
    index = Index({"k": "fb", "k#1": "eda", "k#2": "c"})
    assert index.page(2) == ("fe", "e")
    assert index.page(2, "e") == ("dc", "c")
    assert index.page(2, "c") == ("ba", None)


def test_a_cursor_stays_valid_when_the_number_of_keys_rises() -> None:
    _, cursor = Index({"k": "fdb"}).page(1)
    assert Index({"k": "fdb", "k#1": "geca"}).page(9, cursor) == ("edcba", None)


def test_one_key_is_read_by_one_query_of_one_entry_more_than_the_page() -> None:
    index = Index({"k": "fedcba"})
    assert index.page(3) == ("fed", "d")
    assert index.queries == [("k", 4)]


@pytest.mark.parametrize(
    ("keys", "is_filtered", "size"),
    [
        (2, False, 71),  # 50, and three standard deviations
        (4, False, 40),  # 25, and three standard deviations
        (3, True, 33),
        (30, True, 16),
    ],
)
def test_each_of_several_keys_is_read_for_its_likely_share_of_the_page(
    keys: int, size: int, *, is_filtered: bool
) -> None:
    index = Index({f"k#{number}": "a" for number in range(keys)})
    index.page(99, is_filtered=is_filtered)
    assert [limit for _, limit in index.queries] == [size] * keys


def test_all_keys_are_read_at_the_same_time_and_before_the_deadline_of_the_invocation() -> None:
    """A list of a spread customer takes as long as the list of any other."""
    all_begun, left = threading.Barrier(MOST_INDEX_KEYS), []

    def read(_key: str, _start_after: str | None, _limit: int) -> Step:
        all_begun.wait(timeout=10)
        left.append(timeouts.seconds_left())
        return Step([], 0, None)

    keys = [f"k#{number}" for number in range(MOST_INDEX_KEYS)]
    with timeouts.deadline(lambda: 20_000):
        assert Merged(keys, read, is_filtered=False, bounds=Bounds()).page(20, None) == ([], None)
    assert left == [19] * MOST_INDEX_KEYS


def test_steps_of_a_rare_status_double_until_they_have_their_full_size() -> None:
    newest_first = ascii_lowercase[::-1]
    index = Index({"k": newest_first, "k#1": "", "k#2": "", "k#3": ""}, hidden=newest_first[:-1])
    assert index.page(1, is_filtered=True, bounds=Bounds(per_filtered_step=9, per_step=2)) == ("a", None)
    assert [limit for key, limit in index.queries if key == "k"] == [2, 4, 8, 9, 9]


@pytest.mark.parametrize("hidden", ["gfedcb", "gfdcb"])
def test_a_page_of_a_rare_status_ends_in_a_cursor_and_not_in_a_long_search(hidden: str) -> None:
    index = Index({"k": "gfedcba"}, hidden)
    bounds = Bounds(per_page=4, per_filtered_step=2, per_step=2)
    found, cursor = index.page(3, is_filtered=True, bounds=bounds)
    assert (found, cursor) == ("e" if "e" not in hidden else "", "d")
    assert index.page(3, cursor, is_filtered=True, bounds=bounds) == ("a", None)


def test_a_page_that_ends_where_a_step_ended_has_read_all_keys_down_to_there() -> None:
    index = Index({"k": "hgfe", "k#1": "dcba"}, hidden="hgfe")
    bounds = Bounds(per_page=4, per_filtered_step=2, per_step=2)
    assert index.page(1, is_filtered=True, bounds=bounds) == ("", "g")
    assert index.page(1, "g", is_filtered=True, bounds=bounds)[0] == "d"
