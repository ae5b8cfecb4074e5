"""Names in the documents exist, and their tables are those of the code."""

import importlib
import math
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import chalicelib
from chalicelib.adapters import order_items
from chalicelib.domain import order_ids
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from chalicelib.settings import Settings
from ordersctl.client import invoice_file, invoices
from ordersctl.contract.openapi.problems import PROBLEMS
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import full_document

DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "tests/**/*.md", "examples/**/*.md")
    for path in sorted(PROJECT_DIR.glob(pattern))
]
SOURCES = ["app.py", *(str(path.relative_to(PROJECT_DIR)) for path in sorted(PROJECT_DIR.glob("chalicelib/**/*.py")))]
TEMPLATE = "".join(path.read_text() for path in sorted((PROJECT_DIR / "infra").glob("*.yaml")))
ACCESS_PATTERNS = (PROJECT_DIR / "docs" / "explain" / "access-patterns.md").read_text()
ARCHITECTURE = (PROJECT_DIR / "docs" / "explain" / "architecture.md").read_text()
NOT_OURS = {"Accept", "Infinity", "Link", "ReportBatchItemFailures", "TypeError"}  # of HTTP, Lambda and languages
NOT_OURS |= {"AccountLimit", "ProvisionedThroughput", "WriteKeyRangeThroughput"}  # reasons that DynamoDB gives
NOT_OURS |= {"DeadLetterConfig", "Message", "QueueArn", "RetryPolicy"}  # of EventBridge and SNS

of_each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT_DIR)))


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """The cells of the first table under a heading, without its head."""
    table = text[text.index(f"\n{heading}\n") :].partition("\n|")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def known_names() -> set[str]:
    """The public names of our code, the words of the templates, and the operations of the services that we call."""
    names = set(re.findall(r"\w+", TEMPLATE))
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        names |= set(vars(importlib.import_module(module.name)))
    session = botocore.session.get_session()
    for service in ("dynamodb", "dynamodbstreams", "sqs", "sns"):
        names |= set(session.get_service_model(service).operation_names)
    return names


@of_each_document
def test_relative_links_lead_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\((?![a-z]+:)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@of_each_document
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:app\.py|(?:\.chalice|chalicelib|ordersctl|infra|tests|docs)/[\w./-]*))`", document.read_text()
    )
    assert [path for path in named if not (PROJECT_DIR / path).exists()] == []


@pytest.mark.parametrize("source", SOURCES)
def test_every_document_that_the_code_names_exists(source: str) -> None:
    named = re.findall(r"docs/[\w./-]+\.md", (PROJECT_DIR / source).read_text())
    assert [path for path in named if not (PROJECT_DIR / path).exists()] == []


@of_each_document
def test_every_problem_type_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"urn:problem:orders:([\w-]+)", document.read_text())
    assert [slug for slug in named if slug not in PROBLEMS] == []


@of_each_document
def test_every_class_and_operation_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)`", document.read_text()))
    assert named - NOT_OURS <= known_names()


def test_the_decisions_are_listed_each_once() -> None:
    folder = PROJECT_DIR / "docs" / "adr"
    listed = re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_a_decision_has_its_number_in_its_heading_and_its_three_parts() -> None:
    for path in (PROJECT_DIR / "docs" / "adr").glob("[0-9]*.md"):
        text = path.read_text()
        assert text.startswith(f"# {int(path.name[:4])}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_the_documented_settings_are_those_that_the_code_reads() -> None:
    class Environment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            self[name] = valid.get(name, "any")
            return super().get(name, default)

    valid = {"CUSTOMER_PRICES": "trusted", "AWS_CLIENT": "thin", "SPREAD_CUSTOMERS": "guest=4"}
    environment = Environment()
    Settings.from_env(environment)
    documented = {cells[0].strip("`"): cells[2] for cells in rows(ARCHITECTURE, "## Settings")}
    assert set(documented) == set(environment)


def test_every_variable_that_app_py_reads_is_documented() -> None:
    read = set(re.findall(r'os\.environ(?:\.get\(|\[)"(\w+)"', (PROJECT_DIR / "app.py").read_text()))
    assert read
    assert {name for name in read if f"`{name}`" not in ARCHITECTURE} == set()


def test_the_documented_routes_are_those_of_the_app() -> None:
    app = (
        (PROJECT_DIR / "app.py").read_text().replace("methods=GET_AND_HEAD,", 'methods=["GET"],')
    )  # HEAD goes without saying
    declared = re.findall(r'@app\.route\("(.+?)", methods=\["(\w+)"\]', app)
    documented = [cells[:2] for cells in rows((PROJECT_DIR / "README.md").read_text(), "## The API")]
    assert [[f"`{method}`", f"`{path}`"] for path, method in declared] == documented


# --- access patterns -------------------------------------------------------------------------------------------------


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def full_order(status: OrderStatus) -> Order:
    """An order that has a value in every field that is declared, a rejected one's violations among them."""
    return Order.model_validate(full_document(Order) | {"status": status})


def size(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute's value (DynamoDB Developer Guide, "DynamoDB item sizes and formats")."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return math.ceil(len(content.strip("0")) / 2) + 1
    if kind == "L":
        return 3 + sum(1 + size(each) for each in content)
    return 3 + sum(1 + len(name) + size(each) for name, each in content.items())


def indexed() -> set[str]:
    projected = re.search(r"NonKeyAttributes: \[(.+)\]", TEMPLATE)
    assert projected
    return {order_items.ORDER_ID, order_items.CUSTOMER_ID, order_items.PLACED_KEY, *projected[1].split(", ")}


def test_the_item_table_names_exactly_the_attributes_that_are_written() -> None:
    documented = [cells[:2] for cells in rows(ACCESS_PATTERNS, "## The item")]
    written = order_items.to_item(full_order(OrderStatus.REJECTED))
    assert {name.strip("`"): kind.split()[0] for name, kind in documented} == {
        name: next(iter(value)) for name, value in written.items()
    }


def test_the_item_table_marks_exactly_the_attributes_of_the_index() -> None:
    documented = {cells[0].strip("`") for cells in rows(ACCESS_PATTERNS, "## The item") if cells[3]}
    assert documented == indexed()


def test_the_attribute_names_of_a_line_are_documented() -> None:
    line, *_ = order_items.to_item(full_order(OrderStatus.PLACED))["items"]["L"]
    (documented,) = (cells[2] for cells in rows(ACCESS_PATTERNS, "## The item") if cells[0] == "`items`")
    assert set(re.findall("`(.)`", documented)) == set(line["M"])


def test_the_attributes_of_the_tombstone_are_documented() -> None:
    erased = ErasedOrder(
        order_id="ord_1",
        version=2,
        updated_at="2026-01-31T12:00:00.000Z",
        correlation_id="c",
        traceparent=TRACEPARENT,
    )
    documented = ACCESS_PATTERNS.partition("### The tombstone\n")[2].partition(". It names no")[0]
    assert set(re.findall(r"`(\w+)`", documented)) - {"erased"} == {*order_items.to_item(erased), order_items.CHANGE_ID}


def test_the_statuses_are_documented() -> None:
    (documented,) = (cells[2] for cells in rows(ACCESS_PATTERNS, "## The item") if cells[0] == "`status`")
    assert re.findall(r"`(\w+)`", documented) == list(OrderStatus)


def test_the_documented_sizes_are_those_of_the_real_orders() -> None:
    file = (PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv").read_bytes()
    by_invoice = invoice_file.read(file).invoices
    for name, item_size, entry_size in rows(ACCESS_PATTERNS, "## Sizes"):
        (number,) = re.findall(r"invoice (\d+)", name)
        placeable = invoices.judge(number, by_invoice[number], currency="GBP", guest=None)
        assert isinstance(placeable, invoices.Placeable)
        order = Order.place(
            placeable.order,
            order_id=order_ids.mint(b"secret", "17850"),
            customer_id="17850",
            placed_at="2026-01-31T12:00:00.000Z",
            correlation_id="0f8fad5b-d9cb-469f-a165-70867728950e",
            traceparent=None,
        )
        sizes = {attribute: len(attribute) + size(value) for attribute, value in order_items.to_item(order).items()}
        assert item_size == f"{sum(sizes.values())} bytes"
        assert entry_size == f"{sum(sizes[name] for name in indexed() & set(sizes))} bytes"


def test_the_page_about_the_local_run_says_how_long_a_policy_is_kept() -> None:
    (seconds,) = re.findall(r"@app\.authorizer\(ttl_seconds=(\d+)\)", (PROJECT_DIR / "app.py").read_text())
    assert f"The authorizer's result is kept for each token for {seconds} s, as API Gateway keeps it" in ARCHITECTURE
