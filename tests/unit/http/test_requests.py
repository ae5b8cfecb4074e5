"""Reading requests: strict JSON, and parameters with one meaning."""

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from chalice.app import Request
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http import requests
from chalicelib.http.problems import Problem
from testkit.lambda_events import LambdaContext, http_event


def a_request(path: str = "/orders", body: Any = None, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(http_event("POST", path, body=body, headers=named), LambdaContext())


def refused(call: Any, *arguments: Any) -> tuple[str, int]:
    with pytest.raises(Problem) as caught:
        call(*arguments)
    assert len(caught.value.detail) < 300
    return caught.value.slug, caught.value.status


# --- bodies ----------------------------------------------------------------------------------------------------------

NOT_JSON: dict[str, str | bytes] = {
    "nothing": "",
    "a blank": " ",
    "NaN": "NaN",
    "NaN inside": '{"quantity": NaN}',
    "Infinity": '{"quantity": Infinity}',
    "-Infinity": '{"quantity": -Infinity}',
    "a number beyond floats": '{"quantity": 1e400}',
    "and below": '{"quantity": -1e400}',
    "a number that only looks whole": '{"quantity": 1.0000000000000000000001}',
    "a number too near to zero": '{"quantity": 1e-400}',
    "an exponent too long": '{"quantity": 1e-99999999999999999999999}',
    "5,000 digits": '{"quantity": ' + "9" * 5_000 + "}",
    "100,000 lists": "[" * 100_000,
    "100,000 closed lists": "[" * 100_000 + "]" * 100_000,
    "20,000 objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "a name twice": '{"a": 1, "a": 1}',
    "a name twice inside": '{"a": [{"b": 1, "b": 2}]}',
    "a name twice by escape": '{"a": 1, "\\u0061": 2}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "bad UTF-8": b'{"note": "\xff"}',
    "overlong UTF-8": b'{"note": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"note": "\xed\xa0\x80"}',
    "cut UTF-8": b'{"note": "\xe2\x82',
    "a raw NUL": '{"note": "\x00"}',
    "a raw line break": '{"note": "\n"}',
    "a NUL behind": "{}\x00",
    "a comma too many": '{"a": 1,}',
    "single quotes": "{'a': 1}",
    "a comment": '{"a": 1} // x',
    "two documents": "{}{}",
    "hexadecimal": '{"a": 0x1}',
    "a leading zero": '{"a": 01}',
    "a plus": '{"a": +1}',
    "no digit behind the point": '{"a": 1.}',
    "a bad escape": '{"a": "\\x41"}',
    "Python": "True",
    "a form": "currency=GBP",
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_a_body_that_is_not_strict_json_is_refused(what: str) -> None:
    assert refused(requests.json_body, a_request(body=NOT_JSON[what])) == ("malformed-json", 400)


def test_a_body_that_arrives_compressed_is_of_the_wrong_type() -> None:
    compressed = a_request(body=gzip.compress(b"{}"), Content_Encoding="gzip")
    assert refused(requests.json_body, compressed) == ("unsupported-media-type", 415)
    # API Gateway has decompressed it, and leaves the header as it came.
    assert requests.json_body(a_request(body="{}", Content_Encoding="gzip")) == {}


def test_a_missing_body_is_refused() -> None:
    assert refused(requests.json_body, a_request()) == ("malformed-json", 400)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("{}", {}),
        (' \t\r\n{"a": [1, 1.5, -0, 1e3, true, null, "x"]} ', {"a": [1, 1.5, 0, 1000.0, True, None, "x"]}),
        ('"\\u0000"', "\x00"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud800"', "\ud800"),
        ("9" * 4_000, int("9" * 4_000)),
        ("[" * 200 + "]" * 200, None),
        ('"é"'.encode(), "é"),
        ("\ufeff{}", {}),  # a byte order mark
        (b"\xef\xbb\xbf{}", {}),
    ],
    ids=lambda each: str(each)[:20],
)
def test_any_json_value_is_read_and_validated_later_by_the_model(body: str | bytes, value: Any) -> None:
    read = requests.json_body(a_request(body=body))
    assert value is None or read == value


def test_a_body_over_the_limit_is_refused() -> None:
    largest = '"' + "é" * ((requests.MAX_BODY_BYTES - 2) // 2) + '"'
    assert len(requests.json_body(a_request(body=largest))) == len(largest) - 2
    assert refused(requests.json_body, a_request(body=largest + " ")) == ("content-too-large", 413)


def test_a_body_that_the_gateway_encoded_is_decoded() -> None:
    event = http_event("POST", "/orders", body="eyJhIjogMX0=")
    assert requests.json_body(Request(event | {"isBase64Encoded": True}, LambdaContext())) == {"a": 1}


@given(body=st.binary(max_size=50) | st.text(max_size=50))
def test_any_body_is_read_or_refused(body: bytes | str) -> None:
    with suppress(Problem):
        json.dumps(requests.json_body(a_request(body=body)))


# --- the idempotency key ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("a", "a"),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ('"8e03978e"', "8e03978e"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("~!#$%&'()*+,-./:;<=>?@[]^_`{|}", "~!#$%&'()*+,-./:;<=>?@[]^_`{|}"),
        ("k" * 255, "k" * 255),
        ('"' + "k" * 255 + '"', "k" * 255),
        ('"order 17 of May"', "order 17 of May"),
        ('"k";retry', "k"),
        ('"k"; retry=?1;a="x;\\"y"', "k"),
        ("k;retry", "k;retry"),  # a bare key has no parameters
    ],
)
def test_a_key_is_bare_or_quoted(header: str, key: str) -> None:
    assert requests.idempotency_key(a_request(Idempotency_Key=header)) == key


def test_a_key_that_is_sent_twice_is_refused() -> None:
    event = http_event("POST", "/orders", headers={"Idempotency-Key": "b"})
    event["multiValueHeaders"] = {"idempotency-key": ["a", "b"]}
    assert refused(requests.idempotency_key, Request(event, LambdaContext())) == ("invalid-parameter", 400)


def test_a_header_is_found_in_any_case_or_not_at_all() -> None:
    assert requests.idempotency_key(a_request(IDEMPOTENCY_KEY="k")) == "k"
    assert requests.idempotency_key(a_request()) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        "a b",
        '"a" b',
        '"a',
        '"a"b',
        '"a";',
        "é",
        "a\tb",
        "a\n",
        "k" * 256,
        '"' + "k" * 256 + '"',
        "\x7f",
        "٣",
    ],
)
def test_a_key_with_other_characters_or_another_length_is_refused(header: str) -> None:
    assert refused(requests.idempotency_key, a_request(Idempotency_Key=header)) == ("invalid-parameter", 400)


# --- the query -------------------------------------------------------------------------------------------------------


def test_known_parameters_are_read() -> None:
    assert requests.query(a_request("/orders?a=1&b="), "a", "b", "c") == {"a": "1", "b": ""}
    assert requests.query(a_request(), "a") == {}


@pytest.mark.parametrize("query", ["A=1", "d=1", "a=1&a=1", "a=1&a=2", "a=1&x=" + "y" * 500, "x" * 500 + "=1"])
def test_unknown_and_repeated_parameters_are_refused(query: str) -> None:
    assert refused(requests.query, a_request(f"/orders?{query}"), "a", "b") == ("invalid-parameter", 400)
