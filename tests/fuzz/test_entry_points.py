"""Any input at every entry point, by Hypothesis: near misses and anything at all. `make fuzz` goes on with atheris."""

import base64
import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from testkit.builders import ORDER_ID, command, new_order
from testkit.lambda_events import stream_record
from testkit.tokens import claims, sign
from tests.fuzz.entry_points import METHODS, RESOURCES, SCOPES, EntryPoints
from tests.unit.http.auth.keys import EC, RSA

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@st.composite
def near(draw: st.DrawFn, document: Any) -> Any:
    """A document that is valid except in up to three places."""
    value = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        here = value
        while isinstance(here, dict | list) and here:
            names: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
            name = draw(st.sampled_from(names))
            if not isinstance(here[name], dict | list) or draw(st.booleans()):
                here[name] = draw(VALUES)
                break
            here = here[name]
    return value


WHOLE = new_order(
    note="a note", reference="r", shipping_address={"name": "A", "line1": "1", "city": "B", "country": "GB"}
)
BODIES = near(WHOLE).map(json.dumps) | near({"status": "cancelled", "note": "x"}).map(json.dumps) | TEXT | st.binary()
HEADERS = st.dictionaries(
    st.sampled_from(["idempotency-key", "if-match", "if-none-match", "traceparent", "content-type", "accept"]),
    st.sampled_from(['"1"', "*", 'W/"1", "2"', "application/json", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"]) | TEXT,
)
PARAMETERS = st.sampled_from([ORDER_ID, "17850", "", "..", "%00", "ord_" + "0" * 32]) | TEXT
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["limit", "cursor", "status", "placed_after", "placed_before", "customer_id", "x"]),
        st.sampled_from(["5", "placed", "2026-01-31T12:00:00Z", "9999-12-31T23:59:59-23:59", "17850"]) | TEXT,
    ).map(lambda pair: "=".join(pair).replace("&", "")),
    max_size=4,
).map("&".join)


@fuzzed
@given(
    st.sampled_from(METHODS),
    st.sampled_from(RESOURCES),
    PARAMETERS,
    QUERIES,
    HEADERS,
    BODIES,
    st.sampled_from(SCOPES),
)
def test_the_api_answers_any_request(  # noqa: PLR0917 - Hypothesis fills them
    entry_points: EntryPoints,
    method: str,
    resource: str,
    parameter: str,
    query: str,
    headers: dict[str, str],
    body: Any,
    scope: str,
) -> None:
    entry_points.api(method, resource, parameter, query, headers, body, scope)


@fuzzed
@given(near(command()).map(json.dumps) | TEXT)
@example(json.dumps(command(version=2)))
@example(json.dumps(command(revision=99)))
def test_any_message_is_stored_rejected_or_quarantined(entry_points: EntryPoints, body: str) -> None:
    entry_points.queue(body)


# DynamoDB ensures that each value is of the type that it says, whatever else is wrong with an item.
ATTRIBUTES = st.recursive(
    TEXT.map(lambda text: {"S": text})
    | st.integers().map(lambda number: {"N": str(number)})
    | st.sampled_from([{"BOOL": True}, {"NULL": True}, {"N": "1E+125"}, {"N": "0.5"}, {"B": "AA=="}, {"SS": ["x"]}]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda values: {"L": values})
        | st.dictionaries(st.sampled_from(["s", "q", "p", "n", "name", "x"]), inner, max_size=3).map(lambda m: {"M": m})
    ),
    max_leaves=4,
)


@st.composite
def images(draw: st.DrawFn, item: dict[str, Any]) -> dict[str, Any]:
    """An item that is valid except for up to three attributes, which are missing or changed."""
    odd = draw(st.dictionaries(st.sampled_from(sorted(item.keys() - {"order_id"})), st.none() | ATTRIBUTES, max_size=3))
    return {name: value for name, value in {**item, **odd}.items() if value is not None}


@fuzzed
@given(data=st.data())
def test_any_stream_record_is_published_or_quarantined(entry_points: EntryPoints, data: st.DataObject) -> None:
    changed = entry_points.stored.model_copy(update={"version": 2, "note": "new"})
    change = stream_record(entry_points.stored, changed)["dynamodb"]
    shown = {
        name: data.draw(images(change[name])) for name in data.draw(st.sets(st.sampled_from(["OldImage", "NewImage"])))
    }
    entry_points.record({name: value for name, value in change.items() if "Image" not in name} | shown)


@fuzzed
@given(data=st.data())
def test_the_authorizer_refuses_any_unsigned_token(entry_points: EntryPoints, data: st.DataObject) -> None:
    key: Any = data.draw(st.sampled_from([RSA, EC]))
    parts = sign(key, claims()).split(".")
    place = data.draw(st.integers(0, 2))
    raw = bytearray(base64.urlsafe_b64decode(parts[place] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    parts[place] = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    entry_points.token(
        data.draw(st.sampled_from(["Bearer " + ".".join(parts), ".".join(parts)]) | TEXT | TEXT.map("Bearer ".__add__))
    )


@fuzzed
@given(TEXT | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_unsigned_cursor_is_refused(entry_points: EntryPoints, cursor: str) -> None:
    answer = entry_points.api(
        "GET", "/customers/{customer_id}/orders", "17850", f"cursor={cursor.replace('&', '')}", {}, ""
    )
    assert answer["statusCode"] == 400
