"""A file of invoice lines is read as it was written, or refused with the reason: no character is damaged silently."""

import pytest

from ordersctl.client.invoice_file import UnreadableFileError, read

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def line(name: str = "HAND WARMER", invoice: str = "536366") -> str:
    return f'{invoice},22633,"{name}",6,2010-12-01 08:28:00,1.85,17850.0,United Kingdom\n'


def the_name(data: bytes, encoding: str | None = None) -> str:
    ((row,),) = read(data, encoding).invoices.values()
    return row["Description"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("VOUCHER £5", "utf-8"),
        ("VOUCHER £5", "utf-8-sig"),
        ("VOUCHER £5", "cp1252"),
        ("VOUCHER £5", "latin-1"),
        ("CAFÉ “DELUXE” ‰ €5", "utf-8"),
        ("CAFÉ “DELUXE” ‰ €5", "utf-8-sig"),
        ("CAFÉ “DELUXE” ‰ €5", "cp1252"),
    ],
)
def test_utf_8_and_windows_1252_are_recognised(name: str, encoding: str) -> None:
    assert the_name((HEADER + line(name)).encode(encoding)) == name


@pytest.mark.parametrize(("name", "encoding"), [("VOUCHER £5", "utf-16"), ("ЧАЙ", "cp1251"), ("Â£5", "cp1252")])
def test_any_other_encoding_is_read_when_it_is_named(name: str, encoding: str) -> None:
    assert the_name((HEADER + line(name)).encode(encoding), encoding) == name


def test_it_says_which_encoding_it_was_read_by() -> None:
    assert read((HEADER + line("£")).encode()).encoding == "utf-8"
    assert read((HEADER + line("£")).encode("cp1252")).encoding == "cp1252"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not name InvoiceNo"),
        (b"\x00\x01\x02", "neither UTF-8 nor Windows-1252"),
        ((HEADER + line("£")).encode("utf-16"), "it is UTF-16 text: save it as UTF-8, or name"),
        ((HEADER + line() + line("x\x81")).encode("latin-1"), "line 3 is no Windows-1252 text: it holds the byte 81"),
        ((HEADER + line("£")).encode() + line("£").encode("cp1252"), "line 2 looks like UTF-8 and line 3 is not"),
        (b"a,b\n1,2\n", "does not name InvoiceNo"),
        (HEADER.replace("UnitPrice", "Price").encode(), "does not name UnitPrice"),
        (HEADER.replace("Country", "unitprice").encode(), "names UnitPrice twice"),
        (HEADER.replace(",", ";").encode(), "separated by semicolons, and commas are needed"),
        (HEADER.replace(",", "\t").encode(), "separated by tabs"),
        (HEADER.encode(), "contains no invoice"),
        ((HEADER + line() + "536367,22633\n").encode(), "line 3 has more or fewer fields"),
        ((HEADER + line()[:-1] + ",more\n").encode(), "line 2 has more or fewer fields"),
        ((HEADER + '536366,"22633\n').encode(), "unexpected end"),
        ((HEADER + line("x" * 200_000)).encode(), "line 2: field larger"),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableFileError, match=why):
        read(data)


@pytest.mark.parametrize("header", [HEADER.upper(), HEADER.lower(), HEADER.replace(",", " , ")])
def test_the_names_of_columns_count_in_any_letter_case(header: str) -> None:
    assert read((header + line()).encode()).invoices.keys() == {"536366"}


def test_blank_lines_are_no_invoices() -> None:
    assert read((HEADER + "\n" + line() + "\n").encode()).invoices.keys() == {"536366"}
