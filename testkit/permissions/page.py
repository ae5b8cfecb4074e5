"""docs/explain/permissions.md: the rows of its table, read by every test, and written by `make permissions`."""

from pathlib import Path
from typing import NamedTuple

from ordersctl.shared.project import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "explain" / "permissions.md"
BEGIN, END = "<!-- make permissions writes this table -->", "<!-- the end of the table -->"


class Row(NamedTuple):
    function: str
    action: str
    resource: str


def published_rows(page: Path = PAGE) -> set[Row]:
    """Return function, permission and resource of each row of the page."""
    cells = [line.split(" | ") for line in table_of(page).splitlines() if "`" in line]
    return {Row(each[0].removeprefix("| "), each[1].strip("`"), each[2].strip("`")) for each in cells}


def table_of(page: Path = PAGE) -> str:
    return page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def write(lines: list[str], page: Path = PAGE) -> None:
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text("\n".join([head + BEGIN, "", *lines, "", END + tail]), encoding="utf-8")
