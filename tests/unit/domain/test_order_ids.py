"""Order ids: the same key names the same order, and a seal holds for one customer of one stage."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import order_ids
from chalicelib.domain.order_ids import is_sealed_for, is_unsealed, is_well_formed, mint
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from testkit.builders import CUSTOMER, SECRET

CUSTOMERS = st.from_regex(CUSTOMER_ID_PATTERN, fullmatch=True)
KEYS = st.from_regex(r"[\x21-\x7e]{1,255}", fullmatch=True)


@given(customer=CUSTOMERS, key=KEYS)
def test_a_customers_key_always_names_the_same_order(customer: str, key: str) -> None:
    assert mint(SECRET, customer, key) == mint(SECRET, customer, key)


@given(customer=CUSTOMERS, key=KEYS | st.none())
def test_a_minted_id_is_well_formed_and_sealed_for_its_customer(customer: str, key: str | None) -> None:
    order_id = mint(SECRET, customer, key)
    assert is_well_formed(order_id)
    assert len(order_id) == 36
    assert is_sealed_for(SECRET, order_id, customer)


@given(pairs=st.lists(st.tuples(CUSTOMERS, KEYS), min_size=2, max_size=2, unique=True))
def test_other_customers_or_keys_name_other_orders(pairs: list[tuple[str, str]]) -> None:
    first, second = (mint(SECRET, customer, key) for customer, key in pairs)
    assert first != second


def test_customer_and_key_are_separated_in_the_id() -> None:
    identity = slice(len("ord_"), len("ord_") + 22)  # without the seal, which differs anyway
    assert mint(SECRET, "ab", "c")[identity] != mint(SECRET, "a", "bc")[identity]


def test_without_a_key_every_order_has_an_id_of_its_own() -> None:
    assert len({mint(SECRET, CUSTOMER) for _ in range(1_000)}) == 1_000


def test_another_stage_gives_another_id() -> None:
    assert mint(SECRET, CUSTOMER, "key") != mint(b"another secret", CUSTOMER, "key")


def test_a_seal_holds_for_no_other_customer_and_no_other_stage() -> None:
    order_id = mint(SECRET, CUSTOMER, "key")
    assert not is_sealed_for(SECRET, order_id, "17851")
    assert not is_sealed_for(b"another secret", order_id, CUSTOMER)


def test_a_changed_character_in_an_id_breaks_its_seal() -> None:
    order_id = mint(SECRET, CUSTOMER, "key")
    for position in range(len("ord_"), len(order_id)):
        other = "0" if order_id[position] != "0" else "1"
        changed = order_id[:position] + other + order_id[position + 1 :]
        assert not is_sealed_for(SECRET, changed, CUSTOMER), position


def test_a_uuids_hex_digits_are_well_formed_but_not_sealed() -> None:
    order_id = f"ord_{uuid.uuid4().hex}"
    assert is_well_formed(order_id)
    assert is_unsealed(order_id)
    assert not is_sealed_for(SECRET, order_id, CUSTOMER)
    assert not is_unsealed(mint(SECRET, CUSTOMER))


@pytest.mark.parametrize(
    "order_id",
    [
        "",
        "ord_",
        "ord_" + "0" * 31,
        "ord_" + "0" * 33,
        "ord_" + "0" * 32 + "\n",
        "ORD_" + "0" * 32,
        "0" * 36,
        "ord_" + "A" * 32,
        *("ord_" + "0" * 31 + letter for letter in "ilou-_ é٣\x00"),
    ],
)
def test_anything_else_is_neither_well_formed_nor_sealed(order_id: str) -> None:
    assert not is_well_formed(order_id)
    assert not is_unsealed(order_id)
    assert not is_sealed_for(SECRET, order_id, CUSTOMER)


@given(raw=st.binary(min_size=20, max_size=20))
def test_encoding_loses_nothing(raw: bytes) -> None:
    # Bytes of every kind, leading zeros too: mint() makes its bytes of a hash, and takes none.
    assert order_ids._decode(order_ids._encode(raw)) == raw  # noqa: SLF001


def test_a_key_names_the_order_id_that_earlier_releases_gave_it() -> None:
    """Hash, labels, lengths and alphabet: with any other, a retry after a deployment would place a second order."""
    assert mint(b"secret", "17850", "key-1") == "ord_7cn1bs9swhjx0hsy1kvs4vkr46381tv5"
    assert is_sealed_for(b"secret", "ord_7cn1bs9swhjx0hsy1kvs4vkr46381tv5", "17850")


def test_the_ids_of_two_customers_have_no_part_in_common() -> None:
    one, other = (mint(b"secret", customer, "key-1") for customer in ("a", "b"))
    assert one[:20] != other[:20]
