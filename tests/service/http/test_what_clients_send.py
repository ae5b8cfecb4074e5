"""HTTP as clients, proxies and browsers write it, over real connections: each form is taken, or refused by name."""

import gzip
import json
import zlib
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.http import problem_document
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from ordersctl.shared import project
from testkit.builders import new_order
from testkit.servers.local_run import LocalRun
from testkit.tokens import sign
from testkit.waiting import eventually
from tests.service.http.callers import ADMIN, CUSTOMER, local_claims, signing_key, token

ORDER = json.dumps(new_order()).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(local_run: LocalRun) -> Iterator[httpx.Client]:
    authorization = {"Authorization": f"Bearer {token('ann')}"}
    with httpx.Client(base_url=local_run.url, headers=authorization, timeout=20, trust_env=False) as made:
        yield made


def slug(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix("urn:problem:orders:")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"\xef\xbb\xbf" + ORDER),
        ({"Content-Encoding": "gzip"}, gzip.compress(ORDER)),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"\xef\xbb\xbf" + ORDER)),
        ({"Content-Encoding": "deflate"}, zlib.compress(ORDER)),
        ({"Content-Encoding": "identity"}, ORDER),
        ({"Content-Type": "application/json; charset=utf-8"}, ORDER),
    ],
    ids=["a byte order mark", "gzip", "gzip and a byte order mark", "deflate", "identity", "a charset"],
)
def test_an_order_is_taken_in_each_form_of_its_body(client: httpx.Client, headers: dict[str, str], body: bytes) -> None:
    answer = client.post("/orders", content=body, headers=JSON | headers)
    assert answer.status_code == 202, answer.text


def test_an_order_is_taken_in_chunks(client: httpx.Client) -> None:
    answer = client.post("/orders", content=iter([ORDER[:10], ORDER[10:]]), headers=JSON)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "accepted"),
    [
        ("POST", "/orders", "application/json"),
        ("PATCH", "/orders/ord_1", "application/merge-patch+json, application/json"),
    ],
)
def test_a_wrong_media_type_is_told_what_is_accepted(
    client: httpx.Client, method: str, path: str, accepted: str
) -> None:
    answer = client.request(method, path, content=b"<order/>", headers={"Content-Type": "application/xml"})
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")
    assert answer.headers["Accept"] == accepted
    assert answer.json()["detail"] == f"Send the header Content-Type: {accepted.replace(', ', ' or ')}"


def test_an_unknown_content_coding_is_told_what_is_accepted(client: httpx.Client) -> None:
    answer = client.post("/orders", content=ORDER, headers=JSON | {"Content-Encoding": "br"})
    assert (answer.status_code, slug(answer)) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"


def test_head_is_answered_as_get_is_without_the_body(client: httpx.Client) -> None:
    accepted = client.post("/orders", content=ORDER, headers=JSON)
    order = accepted.headers["Location"]
    eventually(lambda: client.get(order).json()["status"] == "placed")
    for path in (order, "/customers/ann/orders?limit=1", "/health", "/openapi.json", "/"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
        for name in ("Content-Type", "Cache-Control", "ETag"):
            assert head.headers.get(name) == got.headers.get(name)
    assert client.head(order, headers={"If-None-Match": '"1"'}).status_code == 304
    assert client.head("/orders/ord_1").status_code == 404
    assert client.head(order, headers={"Authorization": "Bearer no"}).status_code == 401


def test_a_key_is_the_same_key_in_each_way_of_writing_it(client: httpx.Client) -> None:
    written = ['"basket 17 of May"', '"basket 17 of May";attempt=2', '"basket 17 of May"; attempt="3";last']
    ids = [
        client.post("/orders", content=ORDER, headers=JSON | {"Idempotency-Key": each}).json()["order_id"]
        for each in written
    ]
    assert len(set(ids)) == 1


def test_two_keys_and_two_tokens_are_refused(client: httpx.Client) -> None:
    headers = [(name.encode(), value.encode()) for name, value in JSON.items()]
    keys = [*headers, (b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")]
    answer = client.post("/orders", content=ORDER, headers=keys)
    assert (answer.status_code, slug(answer)) == (400, "invalid-parameter")

    tokens = [(b"Authorization", f"Bearer {token(name)}".encode()) for name in ("bob", "ann")]
    answer = httpx.get(client.base_url.join("/customers/ann/orders"), headers=tokens, trust_env=False)
    assert (answer.status_code, slug(answer)) == (401, "unauthorized")


def test_a_401_is_that_of_api_gateway_and_its_reason_is_in_the_log(local_run: LocalRun) -> None:
    as_deployed = json.loads(gateway_responses({})["UNAUTHORIZED"]["responseTemplates"]["application/json"])
    expired = sign(signing_key(), local_claims("ann", CUSTOMER) | {"exp": 1_000_000_000})
    sent = [{}, {"Authorization": "Bearer junk"}, {"Authorization": f"Bearer {expired}"}]
    for headers in sent:
        answer = httpx.get(f"{local_run.url}/orders/ord_1", headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json() == as_deployed | {"instance": answer.json()["instance"]}
    assert as_deployed["detail"] == problem_document.NO_VALID_TOKEN

    log = project.log_dir(local_run.state_dir) / "api.log"
    reasons = ("there is no header Authorization", "not a signed token of the kind that is taken", "expired")
    eventually(lambda: all(each in _refusals(log.read_text()) for each in reasons))
    assert expired not in log.read_text()


def _refusals(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if '"token.refused"' in line)


def test_operations_on_orders_alone_refuse_a_parameter_that_is_not_described(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert "An operation on orders refuses a parameter that is not described here" in document["info"]["description"]
    headers = JSON | {"If-Match": "*", "Authorization": f"Bearer {token('ann', f'{CUSTOMER} {ADMIN}')}"}
    for path, methods in document["paths"].items():
        at = path.format(order_id=f"ord_{'0' * 32}", customer_id="ann")
        for method, operation in methods.items():
            body = b"{}" if "requestBody" in operation else None
            answer = client.request(method, f"{at}?x=1", headers=headers, content=body)
            if operation["tags"] == ["Orders"]:
                assert (answer.status_code, slug(answer)) == (400, "invalid-parameter"), (method, path)
            else:
                assert answer.status_code == 200, (method, path)
