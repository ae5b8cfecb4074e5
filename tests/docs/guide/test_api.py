"""docs/guide/api.md: its blocks run and print what it shows, and its tables are those of the code."""

import re

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import NewOrder, OrderContent
from ordersctl.contract.openapi.operations import OPERATIONS
from ordersctl.contract.openapi.problems import ANYONES, AUTHORIZED, PROBLEMS
from ordersctl.shared.project import PROJECT_DIR
from tests.docs.conftest import Terminal

TEXT = (PROJECT_DIR / "docs" / "guide" / "api.md").read_text()
BLOCK = re.compile(r"^```sh\n(.*?)^```$(?:\n\n```text\n(.*?)\n```$)?", re.MULTILINE | re.DOTALL)


def test_each_block_is_answered_as_the_page_says(terminal: Terminal) -> None:
    answered = []
    for block, answer in BLOCK.findall(TEXT):
        printed = terminal.paste(block)
        assert answer in printed, (block, printed)
        answered += [answer] if answer else []
    assert len(answered) == len(OPERATIONS) + 2  # the order is read twice, and a service gets a token


def test_the_table_of_problems_matches_the_openapi_document() -> None:
    assert problems_table() in TEXT, problems_table()


def test_the_table_of_currencies_matches_the_code() -> None:
    assert money_table() in TEXT, money_table()


def test_the_table_of_changes_names_every_field_of_a_new_order() -> None:
    table = TEXT.partition("| what a PATCH changes |")[2].partition("\n\n")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    named = {name: row for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(named) == set(NewOrder.model_fields)
    never = {name for name, row in named.items() if row.endswith("| never |")}
    assert never == NewOrder.model_fields.keys() - OrderContent.model_fields.keys()


def problems_table() -> str:
    statuses: dict[str, set[int]] = {"method-not-allowed": {405}}
    for operation in OPERATIONS.values():
        for status, slugs in [*ANYONES.items(), *AUTHORIZED.items(), *operation.problems.items()]:
            for slug in slugs:
                statuses.setdefault(slug, set()).add(status)
    rows = [f"| {min(statuses[slug])} | [`{slug}`](problems.md#{slug}) | {PROBLEMS[slug]} |" for slug in PROBLEMS]
    return "\n".join(["| status | type | what it means |", "|---|---|---|", *sorted(rows)])


def money_table() -> str:
    rows = ["| decimal digits | 500 is | currencies |", "|---|---|---|"]
    for exponent, example in ((0, "JPY 500"), (3, "KWD 0.500")):
        codes = " ".join(sorted(code for code, each in CURRENCY_EXPONENTS.items() if each == exponent))
        rows.append(f"| {exponent} | {example} | {codes} |")
    return "\n".join([*rows, "| 2 | GBP 5.00 | all others |"])
