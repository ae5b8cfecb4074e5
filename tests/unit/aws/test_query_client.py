"""The thin client's query protocol, against botocore's own serializer and parser of SNS."""

from typing import Any
from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.query_client import QueryClient, quoted
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy

PUBLISH_BATCH = botocore.session.get_session().get_service_model("sns").operation_model("PublishBatch")
ANSWER = '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{}</PublishBatchResponse>'
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ATTRIBUTES = st.dictionaries(
    TEXTS, st.fixed_dictionaries({"DataType": st.sampled_from(["String", "Number"]), "StringValue": TEXTS}), max_size=3
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"Id": TEXTS, "Message": TEXTS},
        optional={"MessageAttributes": ATTRIBUTES, "MessageGroupId": TEXTS, "MessageDeduplicationId": TEXTS},
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def sns() -> QueryClient:
    return QueryClient(
        "sns",
        region="us-east-1",
        endpoint_url="https://sns.us-east-1.amazonaws.com",
        credentials=lambda: Credentials("key", "secret", None),
        policy=CallPolicy(1, 1, 1),
    )


@given(topic=TEXTS, entries=ENTRIES)
def test_the_query_client_writes_the_same_request_as_botocore(sns: QueryClient, topic: str, entries: list[Any]) -> None:
    parameters = {"TopicArn": topic, "PublishBatchRequestEntries": entries}
    ours = sns.encode("PublishBatch", parameters).decode("ascii")
    theirs = create_serializer("query").serialize_to_request(parameters, PUBLISH_BATCH)
    written = parse_qsl(ours, strict_parsing=True, keep_blank_values=True)
    assert dict(written) == theirs["body"]
    assert len(written) == len(theirs["body"])
    assert sns.headers("PublishBatch")["content-type"] == theirs["headers"]["Content-Type"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_unchanged_after_encoding_and_decoding_a_form(text: str) -> None:
    assert quoted(text).isascii()
    assert parse_qsl(f"a={quoted(text)}&b=", keep_blank_values=True) == [("a", text), ("b", "")]


@pytest.mark.parametrize(
    "result",
    [
        "<PublishBatchResult><Successful><member><Id>0</Id><MessageId>m</MessageId></member></Successful><Failed/>"
        "</PublishBatchResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>",
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        "<PublishBatchResult>\n <Successful>\n<member><Id>0</Id><MessageId>m</MessageId></member> </Successful>"
        "<Failed>\n  </Failed>\n</PublishBatchResult>",
        "<PublishBatchResult><Successful/><Failed><member><Id>0</Id><Code>InternalError</Code><Message>&amp;</Message>"
        "<SenderFault>false</SenderFault></member><member><Id>1</Id><Code>Throttled</Code></member></Failed>"
        "</PublishBatchResult>",
    ],
)
def test_the_query_client_reads_the_same_result_as_botocore(sns: QueryClient, result: str) -> None:
    body = ANSWER.format(result).encode()
    response = {"body": body, "headers": {}, "status_code": 200}
    assert PUBLISH_BATCH.output_shape
    theirs = create_parser("query").parse(response, PUBLISH_BATCH.output_shape)
    ours = sns.decode(body)
    for name in ("Successful", "Failed"):
        wanted = [
            {key: str(value).lower() if isinstance(value, bool) else value for key, value in each.items()}
            for each in theirs[name]
        ]
        assert ours.get(name, []) == wanted


def test_the_query_client_reads_the_reason_of_a_refusal(sns: QueryClient) -> None:
    body = (
        b'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><RequestId>r</RequestId><Error><Type>Sender</Type>'
        b"<Code>TooManyEntriesInBatchRequest</Code><Message>too many</Message></Error></ErrorResponse>"
    )
    answer = sns.decode(body)
    assert (answer["__type"], answer["message"]) == ("TooManyEntriesInBatchRequest", "too many")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html",
        b"{}",
        b"<ErrorResponse/>",
        b"<R><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></R>",
        b"<html><body><p>sorry</p></body></html>",
    ],
)
def test_a_document_that_is_not_from_sns_is_an_error(sns: QueryClient, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sns.decode(body)
