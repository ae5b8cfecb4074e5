"""A change as an UpdateItem: only differences are written; attributes that neither version has stay, at any depth."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters import order_items
from chalicelib.adapters.attribute_values import update_expression
from testkit.builders import ADDRESS, LATER, an_order


def applied(item: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """The item after an update, by DynamoDB's rules: SET and REMOVE of document paths."""
    result = copy.deepcopy(item)
    names, values = parameters["ExpressionAttributeNames"], parameters["ExpressionAttributeValues"]
    expression = parameters["UpdateExpression"]
    for clause in filter(None, expression.replace(" REMOVE ", "|REMOVE ").split("|")):
        action, _, parts = clause.partition(" ")
        for part in parts.split(", "):
            path, _, value = part.partition(" = ")
            *parents, last = [names[step] for step in path.split(".")]
            place = result
            for parent in parents:
                place = place[parent]["M"]
            if action == "SET":
                place[last] = values[value]
            else:
                assert action == "REMOVE"
                del place[last]
    return result


SCALARS = st.one_of(st.builds(lambda s: {"S": s}, st.sampled_from("ab")), st.just({"N": "1"}), st.just({"L": []}))
ATTRIBUTES = st.recursive(
    st.dictionaries(st.sampled_from("xyz"), SCALARS, max_size=3),
    lambda maps: st.dictionaries(st.sampled_from("xyz"), st.one_of(SCALARS, maps.map(lambda m: {"M": m})), max_size=3),
    max_leaves=6,
)


@given(old=ATTRIBUTES, new=ATTRIBUTES)
def test_the_old_item_becomes_the_new_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    parameters = update_expression(old, new)
    assert applied(old, parameters) == new
    assert set(parameters["ExpressionAttributeValues"]) == {
        word for word in parameters["UpdateExpression"].replace(",", "").split() if word.startswith(":")
    }


def test_only_what_differs_is_written() -> None:
    old = {"a": {"S": "1"}, "b": {"M": {"c": {"S": "1"}, "d": {"S": "1"}}}, "e": {"S": "1"}, "l": {"L": [{"S": "1"}]}}
    new = {"a": {"S": "1"}, "b": {"M": {"c": {"S": "2"}}}, "f": {"S": "1"}, "l": {"L": [{"S": "2"}]}}
    parameters = update_expression(old, new)
    assert sorted(parameters["ExpressionAttributeNames"].values()) == ["b", "c", "d", "e", "f", "l"]
    assert parameters["ExpressionAttributeValues"] == {":0": {"S": "2"}, ":1": {"L": [{"S": "2"}]}, ":2": {"S": "1"}}
    names = dict(parameters["ExpressionAttributeNames"].items())
    readable = parameters["UpdateExpression"]
    for placeholder, name in names.items():
        readable = readable.replace(placeholder, name)
    assert readable == "SET b.c = :0, l = :1, f = :2 REMOVE b.d, e"


def test_unknown_attributes_stay_inside_an_address_too() -> None:
    before = an_order(new={"shipping_address": ADDRESS, "note": "n"})
    after = before.model_copy(
        update={
            "version": 2,
            "updated_at": LATER,
            "note": None,
            "shipping_address": before.shipping_address and before.shipping_address.model_copy(update={"city": "York"}),
        }
    )
    stored = order_items.to_item(before)
    stored |= {"gift_wrap": {"BOOL": True}}
    stored["shipping_address"]["M"]["door_code"] = {"S": "7"}
    mark = {order_items.CHANGE_ID: {"S": "m"}}
    parameters = order_items.update(before, after, mark)
    result = applied(stored, parameters)
    assert result.pop("gift_wrap") == {"BOOL": True}
    assert result["shipping_address"]["M"].pop("door_code") == {"S": "7"}
    assert result == {**order_items.to_item(after), **mark}
    assert set(parameters["ExpressionAttributeNames"].values()) == {
        "version",
        "updated_at",
        "note",
        "shipping_address",
        "city",
        order_items.CHANGE_ID,
    }
