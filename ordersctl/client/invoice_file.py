"""The file of a shop's invoice lines as rows of text: encoding, separator, first line. Nothing in it is guessed."""

import csv
import io
import re
from dataclasses import dataclass

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID")
DATE = "InvoiceDate"  # may be left out: then nobody knows when the customers ordered

Row = dict[str, str]

_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# A character of two bytes or more in UTF-8. Read as Windows-1252 it is a pair that no language writes, such as "Â£".
_UTF_8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
)


class UnreadableFileError(Exception):
    """The file does not contain invoice lines; the message says why."""


@dataclass(frozen=True)
class InvoiceFile:
    """The lines of each invoice, in the file's order, adjacent or not, and the encoding that they were read by."""

    invoices: dict[str, list[Row]]
    encoding: str


def read(data: bytes, encoding: str | None = None) -> InvoiceFile:
    """Read a CSV of invoice lines; UnreadableFileError. Without an encoding it is UTF-8 or else Windows-1252."""
    text, encoding = _decoded(data, encoding)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    invoices: dict[str, list[Row]] = {}
    try:
        columns = _columns(next(lines, []))
        for values in lines:
            if not values:
                continue  # a blank line
            if len(values) != len(columns):
                raise UnreadableFileError(f"line {lines.line_num} has more or fewer fields than the first line")
            row = dict(zip(columns, values, strict=True))
            invoices.setdefault(row["InvoiceNo"].strip(), []).append(row)
    except csv.Error as error:
        raise UnreadableFileError(f"line {lines.line_num}: {error}") from error
    if not invoices:
        raise UnreadableFileError("it contains no invoice")
    return InvoiceFile(invoices, encoding)


def _decoded(data: bytes, encoding: str | None) -> tuple[str, str]:
    if encoding is None:
        encoding = _encoding(data)
    try:
        return data.decode("utf-8-sig" if encoding.lower() == "utf-8" else encoding), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFileError(
            f"line {line} is no {_shown(encoding)} text: it holds the byte {data[error.start]:02X}"
        ) from error


def _encoding(data: bytes) -> str:
    if name := _BYTE_ORDER_MARKS.get(data[:2]):
        raise UnreadableFileError(f"it is {name} text: save it as UTF-8, or name its encoding with --encoding utf-16")
    if b"\0" in data:
        raise UnreadableFileError("it is neither UTF-8 nor Windows-1252 text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if (found := _UTF_8_CHARACTER.search(data)) is not None:
            # Read as Windows-1252 its characters would be damaged without a sign of it.
            utf_8, other = (data.count(b"\n", 0, at) + 1 for at in (found.start(), error.start))
            raise UnreadableFileError(
                f"line {utf_8} looks like UTF-8 and line {other} is not: "
                "fix the line, or name the file's encoding with --encoding"
            ) from error
        return "cp1252"
    return "utf-8"


def _shown(encoding: str) -> str:
    return {"cp1252": "Windows-1252", "utf-8": "UTF-8"}.get(encoding, encoding)


def _columns(first_line: list[str]) -> list[str]:
    """Return the first line's names as COLUMNS spells them; letter case and spaces around a name do not count."""
    spelled = {column.lower(): column for column in (*COLUMNS, DATE)}
    columns = [spelled.get(name.strip().lower(), name) for name in first_line]
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        if len(first_line) == 1:
            for separator, name in _OTHER_SEPARATORS.items():
                if separator in first_line[0]:
                    raise UnreadableFileError(f"its columns are separated by {name}, and commas are needed")
        raise UnreadableFileError(f"its first line does not name {', '.join(missing)}")
    twice = [column for column in spelled.values() if columns.count(column) > 1]
    if twice:
        raise UnreadableFileError(f"its first line names {', '.join(twice)} twice")
    return columns
