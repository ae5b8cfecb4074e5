"""Hypothesis strategies for requests, most of which the API grants."""

from hypothesis import strategies as st

from testkit.builders import ADDRESS, line
from tests.properties.api_model import STATUSES, Json
from tests.service.http.callers import ADMIN, CUSTOMER, READER, SERVICE

Asking = tuple[str, str | None]  # one of ACTORS, and the customer they name

ACTORS = {
    "ann": ("ann", CUSTOMER),
    "ann, reading": ("ann", READER),
    "ann, nothing": ("ann", ""),
    "bob": ("bob", CUSTOMER),
    "shop": ("shop", SERVICE),
    "root": ("root", ADMIN),
    "root, reading": ("root", f"{ADMIN} {READER}"),
}
# The caller and the customer whom the request names. Most are permitted, or nothing would happen.
PLACING = st.sampled_from(
    [("ann", None)] * 6
    + [("bob", None), ("shop", "ann")] * 2
    + [("ann", "ann"), ("ann", "bob"), ("shop", None), ("shop", "not a customer"), ("ann, reading", None)]
)
ASKING = st.sampled_from(
    [("ann", None), ("shop", None)] * 6
    + [("bob", None), ("shop", "ann"), ("shop", "bob")] * 2
    + [("ann", "ann"), ("ann", "bob"), ("ann", "not a customer"), ("shop", "carl")]
    + [(who, None) for who in ("ann, reading", "ann, nothing", "root", "root, reading")]
)
ERASING = st.sampled_from(
    [("root", "ann")] * 4 + [("root", "bob")] * 2 + [("root", None), ("root", "carl"), ("shop", "ann"), ("ann", "ann")]
)
LISTING = st.sampled_from(
    [("ann", "ann"), ("shop", "ann"), ("bob", "bob")] * 3
    + [("ann", "bob"), ("ann, nothing", "ann"), ("root", "ann"), ("shop", "not a customer")]
)
WHICH = st.integers(0, 11)
KEYS = st.sampled_from(["k1", "k1", "k1", "k2", '"k2"', None])
ITEMS = st.sampled_from([[line()], [line(quantity=7)], [line(name=""), line(sku="ÄÖ 🎁", unit_price=0)]])
SHIPPING = {"type": "shipping", "label": "Standard", "amount": 495}
VAT = {"type": "tax", "label": "VAT", "amount": 255, "included": True}
COUPON, TOO_MUCH = {"type": "discount", "amount": -500, "label": ""}, {"type": "discount", "amount": -9_999_999}
ADJUSTMENTS = st.sampled_from([[SHIPPING], [SHIPPING, VAT, COUPON], []])
CONTACTS = st.sampled_from([{"email": "ann@example.com", "phone": ""}, {"phone": "+44 20 7946 0958"}, {"email": ""}])
METADATA = st.sampled_from([{"gift": "yes", "empty": ""}, {"shop": "7"}, {}])
METADATA_CHANGES = st.sampled_from(
    [{"gift": None}, {"gift": "no", "more": "1"}, {"more": ""}, {"gift": None, "shop": None}]
)
NOTES = st.sampled_from(["ring twice", "leave it\r\nwith a neighbour\t!", " ", ""])
REASONS = st.sampled_from(["ordered twice", "out of stock", ""])
CONTENTS = st.fixed_dictionaries(
    {"currency": st.sampled_from(["GBP", "JPY"]), "items": ITEMS},
    optional={
        "note": NOTES | st.none(),
        "shipping_address": st.sampled_from([ADDRESS, None]),
        "billing_address": st.sampled_from([ADDRESS | {"company": "Lee Ltd", "phone": "1"}, None]),
        "adjustments": ADJUSTMENTS,
        "contact": CONTACTS,
        "metadata": METADATA,
        "reference": st.sampled_from(["PO 7", ""]),
        "ordered_at": st.sampled_from(["2025-12-24T18:30:00.000Z", ""]),
    },
)
CHANGES: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "items": ITEMS | st.just([]),
        "note": NOTES | st.none() | st.just(5),
        "shipping_address": st.sampled_from([ADDRESS, {"city": "York"}, {}, None]),
        "billing_address": st.sampled_from([ADDRESS, {"company": "Lee Ltd"}, None]),
        "adjustments": ADJUSTMENTS | st.sampled_from([[TOO_MUCH], None]),
        "contact": CONTACTS | st.none(),
        "metadata": METADATA_CHANGES | st.none(),
        "total": st.just(1),
        "status": st.sampled_from(STATUSES),
    },
)
FINE_CHANGES: st.SearchStrategy[Json] = st.one_of(
    NOTES.map(lambda note: {"note": note}),
    ITEMS.map(lambda items: {"items": items}),
    METADATA_CHANGES.map(lambda metadata: {"metadata": metadata}),
    ADJUSTMENTS.map(lambda adjustments: {"adjustments": adjustments}),
    st.sampled_from([{"shipping_address": ADDRESS}, {"note": None}, {"adjustments": [TOO_MUCH]}, {}]),
)
STATUS_CHANGES = st.fixed_dictionaries({"status": st.sampled_from(STATUSES)}, optional={"status_reason": REASONS})
IF_MATCH = st.sampled_from(["seen"] * 5 + ["*"] * 2 + ["listed", "stale", None, "nonsense"])
