"""Cursors: valid for the caller, customer and filters that they were made for, and for nothing else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.cursors import seal, unseal
from chalicelib.http.problems import Problem
from testkit.builders import CUSTOMER, NOW, ORDER_ID, SECRET

PLACED_KEY = f"{NOW}#{ORDER_ID}"
QUESTION = ("the shop", CUSTOMER, "placed", None, "2026-01-01T00:00:00.000Z")


def made() -> str:
    cursor = seal(SECRET, PLACED_KEY, *QUESTION)
    assert cursor is not None
    return cursor


def refused(cursor: str, *question: str | None, secret: bytes = SECRET) -> None:
    with pytest.raises(Problem) as caught:
        unseal(secret, cursor, *(question or QUESTION))
    assert (caught.value.slug, caught.value.status) == ("invalid-cursor", 400)
    assert caught.value.detail == "Use next_cursor of the previous page, with the same parameters"


@given(placed_key=st.text(max_size=100).filter(lambda text: text.isprintable()))
def test_a_cursor_gives_back_the_start_of_its_page(placed_key: str) -> None:
    assert unseal(SECRET, seal(SECRET, placed_key, *QUESTION), *QUESTION) == placed_key


def test_a_cursor_has_at_most_512_characters() -> None:
    longest = "k" * (512 // 4 * 3 - 16)  # after a signature of 16 bytes
    assert unseal(SECRET, seal(SECRET, longest, *QUESTION), *QUESTION) == longest
    refused(seal(SECRET, longest + "k", *QUESTION) or "")


def test_a_cursor_needs_no_escaping_in_a_query() -> None:
    assert made().replace("-", "").replace("_", "").isalnum()


def test_the_last_page_has_no_cursor_and_the_first_needs_none() -> None:
    assert seal(SECRET, None, *QUESTION) is None
    assert unseal(SECRET, None, *QUESTION) is None


def test_no_byte_of_a_cursor_can_be_changed() -> None:
    raw = base64.urlsafe_b64decode(made() + "=" * (-len(made()) % 4))
    for position in range(len(raw)):
        for bit in (0x01, 0x80):
            changed = raw[:position] + bytes([raw[position] ^ bit]) + raw[position + 1 :]
            refused(base64.urlsafe_b64encode(changed).decode().rstrip("="))


@pytest.mark.parametrize("position", range(len(QUESTION)))
def test_a_cursor_is_valid_for_no_other_subject_customer_or_filter(position: int) -> None:
    for other in ("other", None):
        if other != QUESTION[position]:
            refused(made(), *QUESTION[:position], other, *QUESTION[position + 1 :])


def test_a_filter_cannot_take_another_filters_place() -> None:
    cursor = seal(SECRET, PLACED_KEY, "a", "b", "x", None)
    assert cursor is not None
    refused(cursor, "a", "b", None, "x")
    refused(cursor, "ab", "", "x", None)


def test_another_stages_cursor_is_refused() -> None:
    refused(made(), secret=b"another secret")


def test_a_cursor_is_written_in_one_way_only() -> None:
    cursor = made()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet.replace(cursor[-1], ""):
        refused(cursor[:-1] + last)
    for other in (cursor + "=", cursor + "==", cursor + "A", cursor + "\n", " " + cursor, cursor[:-1], cursor[1:]):
        refused(other)


@pytest.mark.parametrize("cursor", ["", "A", "AAAA", "====", "null", "é", "\ud800", "+/+/", "A" * 10_000, PLACED_KEY])
def test_any_other_text_is_refused_as_a_cursor(cursor: str) -> None:
    refused(cursor)


@given(cursor=st.text(max_size=60))
def test_random_text_is_never_a_cursor(cursor: str) -> None:
    refused(cursor)
