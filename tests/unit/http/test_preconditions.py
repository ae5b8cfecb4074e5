"""If-Match and If-None-Match: which versions they name."""

import pytest
from chalice.app import Request

from chalicelib.http import preconditions
from chalicelib.http.problems import Problem
from testkit.lambda_events import LambdaContext, http_event


def a_request(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(http_event("PATCH", "/orders/ord_1", headers=named), LambdaContext())


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("*", None),
        (" * ", None),
        ('"1"', {1}),
        ('W/"12"', {12}),
        ('"7", W/"1" ,"x"', {1, 7}),
        ('"0"', set()),
        ('"01"', set()),
        ('"1234567890123456789"', set()),  # longer than a version can be
        ('"an-etag-of-another-service"', set()),
    ],
)
def test_an_etag_of_ours_names_a_version(header: str, versions: set[int] | None) -> None:
    expected = None if versions is None else frozenset(versions)
    assert preconditions.if_match(a_request(If_Match=header)) == expected
    assert preconditions.if_none_match(a_request(If_None_Match=header)) == expected


def test_a_change_without_if_match_is_refused_and_a_read_without_if_none_match_is_not() -> None:
    with pytest.raises(Problem) as caught:
        preconditions.if_match(a_request())
    assert (caught.value.slug, caught.value.status) == ("precondition-required", 428)
    assert caught.value.detail == "Send the ETag that you saw as If-Match, or * for any"
    assert preconditions.if_none_match(a_request()) == frozenset()


@pytest.mark.parametrize("header", ["", "1", '"1', 'w/"1"', '"1" "2"', '*, "1"', '"1",', '"a b"'])
def test_if_match_that_is_not_a_list_of_etags_is_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        preconditions.if_match(a_request(If_Match=header))
    assert (caught.value.slug, caught.value.status) == ("invalid-parameter", 400)
    assert caught.value.detail == 'If-Match is the ETag in its quotes, as in If-Match: "1"; or * for any version'
