"""Bugs planted one at a time into a copy of this tree, and the tests that must then fail: `make planted`.

What a test is worth is whether it fails when the code is wrong. Each row below is a mistake that someone could make.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ordersctl.shared.project import PROJECT_DIR

COPIED = ("app.py", "chalicelib", "ordersctl", "infra", "testkit", "tests", ".chalice", "pyproject.toml")
_FAILED = 1  # pytest's exit code for "some tests failed"; others mean that nothing was shown


@dataclass(frozen=True)
class Plant:
    """A mistake: in `file`, `right` is replaced by `wrong`, and each of `tests` must fail."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


NOTHING = Plant("nothing", "app.py", "", "", ())
PLANTS = [
    Plant(
        "ownership check dropped",
        "chalicelib/application/use_cases.py",
        "stored = find(order_id, customer_id)",
        "stored = find(order_id, None)",
        (
            "tests/service/http/test_tenant_isolation.py::test_every_try_at_an_order_is_answered_like_one_at_no_order",
            "tests/service/http/test_authorization.py::test_every_token_gets_what_the_table_says",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "anyone's list shown",
        "chalicelib/http/auth/principal.py",
        "if named not in (None, self.customer):",
        "if False:",
        (
            "tests/service/http/test_tenant_isolation.py::test_nobody_lists_anothers_orders",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "If-Match ignored",
        "chalicelib/application/use_cases.py",
        "if seen_versions is not None and order.version not in seen_versions:",
        "if False:",
        ("tests/properties/test_api_model.py",),
    ),
    Plant(
        "write without its condition",
        "chalicelib/adapters/order_table.py",
        'ExpressionAttributeValues={":seen": {"N": str(order.version - 1)}},',
        'ExpressionAttributeValues={":seen": self.client.get_item(TableName=self.name, '
        'Key=items.key(order.order_id))["Item"]["version"]},',
        ("tests/service/http/test_concurrency.py::test_of_two_changes_to_what_both_saw_none_is_lost",),
    ),
    Plant(
        "cursor unsigned",
        "chalicelib/http/cursors.py",
        "if not hmac.compare_digest(signature, _signature(secret, content, question)) or _encoded(raw) != cursor:",
        "if _encoded(raw) != cursor:",
        (
            "tests/service/http/test_tenant_isolation.py::test_a_cursor_is_good_for_nobody_else_and_for_no_other_question",
        ),
    ),
    Plant(
        "filters left out of the cursor",
        "app.py",
        "question = (principal.subject, customer, *filters.values())",
        "question = (principal.subject, customer)",
        (
            "tests/service/http/test_tenant_isolation.py::test_a_cursor_is_good_for_nobody_else_and_for_no_other_question",
        ),
    ),
    Plant(
        "asker left out of the cursor",
        "app.py",
        "question = (principal.subject, customer, *filters.values())",
        "question = (customer, *filters.values())",
        (
            "tests/service/http/test_tenant_isolation.py::test_a_cursor_is_good_for_nobody_else_and_for_no_other_question",
        ),
    ),
    Plant(
        "seal not checked",
        "chalicelib/domain/order_ids.py",
        "return hmac.compare_digest(seal, _seal(secret, identity, customer_id))",
        "return len(seal) == _SEAL_BYTES",
        (
            "tests/service/http/test_tenant_isolation.py::test_every_try_at_an_order_is_answered_like_one_at_no_order",
            "tests/service/http/test_erase.py::test_its_owner_and_services_are_told_and_nobody_else",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "tombstone ignored",
        "chalicelib/adapters/order_table.py",
        '_ABSENT = f"attribute_not_exists({items.ORDER_ID})"',
        '_ABSENT = f"attribute_not_exists({items.CUSTOMER_ID})"',
        (
            "tests/service/http/test_erase.py::test_a_late_duplicate_of_the_command_brings_nothing_back",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "erased orders kept in the index",
        "chalicelib/adapters/order_items.py",
        '{STATUS: {"S": OrderStatus.ERASED.value}}',
        '{STATUS: {"S": OrderStatus.ERASED.value}, CUSTOMER_ID: {"S": "?"}}',
        ("tests/service/http/test_erase.py::test_nothing_personal_is_left",),
    ),
    Plant(
        "replay not compared",
        "chalicelib/application/use_cases.py",
        "if stored.fingerprint != orders.fingerprint(new):",
        "if False:",
        (
            "tests/service/http/test_idempotency.py::test_a_key_posted_by_many_at_once_names_one_order",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "racing loser dropped",
        "chalicelib/application/use_cases.py",
        "if isinstance(stands, Order) and stands.fingerprint != order.fingerprint:",
        "if False:",
        (
            "tests/service/http/test_idempotency.py::test_of_different_orders_racing_under_one_key_one_is_stored_and_the_others_are_kept",
        ),
    ),
    Plant(
        "scope not required",
        "chalicelib/http/auth/principal.py",
        "if scope in self.scopes or (self.is_service and scope in {READ, WRITE}):",
        "if True:",
        (
            "tests/service/http/test_authorization.py::test_every_token_gets_what_the_table_says",
            "tests/properties/test_api_model.py",
        ),
    ),
    Plant(
        "signature not checked",
        "chalicelib/http/auth/tokens.py",
        "if not verify(self.keys.find(header), ",
        "if not self.keys.find(header) and not verify(self.keys.find(header), ",
        ("tests/service/http/test_authorization.py::test_every_token_gets_what_the_table_says",),
    ),
    Plant(
        "audience not checked",
        "chalicelib/http/auth/tokens.py",
        "if self.audience not in (audience if isinstance(audience, list) else [audience]):",
        "if False:",
        ("tests/service/http/test_authorization.py::test_every_token_gets_what_the_table_says",),
    ),
    Plant(
        "owner may ship",
        "chalicelib/domain/orders.py",
        "if not by_service and target not in OWNER_MAY_ASK_FOR:",
        "if False:",
        ("tests/properties/test_api_model.py",),
    ),
    Plant(
        "shipped orders may be cancelled",
        "chalicelib/domain/orders.py",
        "OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),",
        "OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELLED}),",
        ("tests/unit/domain/test_order_changes.py",),
    ),
    Plant(
        "last of two equal names taken",
        "chalicelib/http/requests.py",
        "if len(value) != len(pairs):",
        "if False:",
        ("tests/service/http/test_malformed_requests.py::test_no_such_body_places_an_order",),
    ),
    Plant(
        "page reads all",
        "chalicelib/adapters/order_table.py",
        "Limit=room + 1 if status is None else _STEP,",
        "Limit=_STEP,",
        (
            "tests/service/http/test_list_at_scale.py::test_a_page_of_ten_thousand_orders_is_one_query_of_as_many_entries",
        ),
    ),
    Plant(
        "filtered list without a bound",
        "chalicelib/adapters/order_table.py",
        "while len(found) < limit and read < _READ_AT_MOST:",
        "while len(found) < limit:",
        (
            "tests/service/http/test_list_at_scale.py::test_a_filter_that_matches_little_finds_all_of_it_in_bounded_steps",
        ),
    ),
]


def occurrences(plant: Plant) -> int:
    return (PROJECT_DIR / plant.file).read_text().count(plant.right)


def copy_with(plant: Plant, directory: Path) -> None:
    for name in COPIED:
        source = PROJECT_DIR / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, directory / name)
    file = directory / plant.file
    file.write_text(file.read_text().replace(plant.right, plant.wrong))


def survivors(plant: Plant) -> list[str]:
    """Plant the mistake and run its tests; returns those that did not fail."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        copy_with(plant, directory)
        return [test for test in plant.tests if _run(directory, test) != _FAILED]


def broken(plants: list[Plant]) -> list[str]:
    """The tests of these plants that fail with nothing planted, and so could show nothing."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        copy_with(NOTHING, directory)
        return [test for test in sorted({test for plant in plants for test in plant.tests}) if _run(directory, test)]


def _run(directory: Path, test: str) -> int:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERS_")}
    # Without shrinking: that a disagreement is found is enough.
    environment |= {"HYPOTHESIS_PROFILE": "planted"}
    return subprocess.run(  # noqa: S603 - our own tests
        command, cwd=directory, env=environment, capture_output=True, check=False
    ).returncode


def main(names: list[str]) -> int:
    """Run the plants whose name holds one of `names`, or all; returns how many were not found."""
    plants = [plant for plant in PLANTS if not names or any(name in plant.name for name in names)]
    if failing := broken(plants):
        sys.exit(f"these fail with nothing planted: {', '.join(failing)}")
    missed = 0
    for plant in plants:
        started = time.monotonic()
        passed = survivors(plant)
        missed += bool(passed)
        outcome = f"NOT FOUND by {', '.join(passed)}" if passed else f"found by {', '.join(plant.tests)}"
        print(f"{plant.name:34} {time.monotonic() - started:4.0f} s  {outcome}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
