"""Writes the golden files of a release, by running that release's code: `make golden RELEASE=0.2.0`.

Its code goes to tests/data/releases/<release>.zip, and what it writes to the folder of the same name: messages, items,
stream records with their events, cursors, ids. They are written once, when the release is made, and never edited:
test_golden.py shows that every later release can read them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import ADDRESS, line, new_order, shop_basket
from testkit.servers.engine import running_engine
from tests.releases.side_by_side import SOURCES, STORED, Release, Stage, change, stored_tree

SECRET = "the secret of the golden files"
STAGE = "golden"
SERVICE = {"subject": "shop", "scope": "orders/service"}
ADMIN = {"subject": "ann", "scope": "orders/admin orders/service"}
LISTED = "listed-customer"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

POSTED: dict[str, dict[str, Any]] = {
    "one line": new_order(),
    "a line without a name": new_order(items=[{"sku": "1", "quantity": 1, "unit_price": 0}]),
    "every field": new_order(
        items=[line(), line(sku="22752", name="SET 7 BABUSHKA NESTING BOXES", quantity=2, unit_price=765)],
        shipping_address=ADDRESS | {"line2": "Flat 2", "region": "West Yorkshire"},
        note="Ring twice",
        reference="536365",
    ),
    "a shop's basket": shop_basket(),
    "other letters": new_order(
        items=[line(sku="ß/ü", name="Tee 茶 🍵 \"'<>&\\")], note="Grüße\N{NO-BREAK SPACE}", currency="JPY"
    ),
    "large numbers": new_order(items=[line(quantity=1_000_000, unit_price=1_000_000)]),
    "many lines": new_order(items=[{"sku": str(number), "quantity": 1, "unit_price": 1} for number in range(1_114)]),
}
# The changes that are made to an order of one line each, by their name.
CHANGED: dict[str, list[dict[str, Any]]] = {
    "confirmed": [{"status": "confirmed"}],
    "shipped": [{"status": "confirmed"}, {"status": "shipped"}],
    "delivered": [{"status": "confirmed"}, {"status": "shipped"}, {"status": "delivered"}],
    "cancelled": [{"status": "cancelled", "status_reason": "ordered twice"}],
    "changed": [{"note": "new", "shipping_address": ADDRESS}, {"items": [line(quantity=7)], "note": None}],
    "changed metadata": [{"metadata": {"a": "1", "b": "2"}}, {"metadata": {"a": None}}],
}


def archive(release: str, commit: str) -> None:
    """Keep a commit's code as that of a release."""
    STORED.mkdir(parents=True, exist_ok=True)
    command = ["git", "archive", "--format=zip", "-o", str(STORED / f"{release}.zip"), commit, *SOURCES]
    subprocess.run(command, cwd=PROJECT_DIR, check=True)  # noqa: S603


def written_by(release: Release, stage: Stage) -> dict[str, Any]:
    """What a release writes, by the name of its file."""
    messages: dict[str, Any] = {}
    ids: dict[str, str] = {}
    for name in (*POSTED, *CHANGED, "erased"):
        posted = POSTED.get(name, POSTED["one line"])
        answer = release.api().post("/orders", posted, Idempotency_Key=_key(name), traceparent=TRACEPARENT)
        assert answer.status == 202, answer
        ids[name] = answer.json["order_id"]
        (body,) = stage.waiting()
        messages[name] = {"customer_id": release.api().subject, "key": _key(name), "posted": posted, "body": body}
        assert stage.process(release) == 0
    _process_invalid(release, stage, messages, ids)
    for name, values in CHANGED.items():
        for value in values:
            assert change(release.api(**SERVICE), ids[name], value).status == 200
    release.api(**ADMIN).call("DELETE", f"/orders/{ids['erased']}?customer_id={release.api().subject}")
    cursors = _cursors(release, stage)
    records = stage.publish(release)
    return {
        "ids": {"secret": SECRET, "ids": [_id(messages[name], order_id) for name, order_id in ids.items()]},
        "messages": messages,
        "items": {name: _item(release, stage, order_id) for name, order_id in ids.items()},
        "records": _records(records, stage, {order_id: name for name, order_id in ids.items()}),
        "cursors": cursors,
    }


def _process_invalid(release: Release, stage: Stage, messages: dict[str, Any], ids: dict[str, str]) -> None:
    """Store an order as rejected: the API lets none through, but the queue may have other senders."""
    release.api().post("/orders", new_order(), Idempotency_Key=_key("rejected"))
    (valid,) = stage.take("queue")
    command = json.loads(valid)
    command["order"] |= {"currency": "XXX", "items": []}
    stage.send(json.dumps(command))
    assert stage.process(release) == 0
    ids["rejected"] = command["order_id"]
    messages["rejected"] = {
        "customer_id": command["customer_id"],
        "key": _key("rejected"),
        "posted": command["order"],
        "body": json.dumps(command),
    }


def _cursors(release: Release, stage: Stage) -> dict[str, Any]:
    """Cursors of lists of one customer, each with the items of its order and the ids of the page that it leads to."""
    caller = release.api(subject=LISTED)
    order_ids = [caller.post("/orders", new_order(note=str(number))).json["order_id"] for number in range(5)]
    assert stage.process(release) == 0
    found: dict[str, Any] = {}
    for query in ("limit=2", "limit=2&status=placed", "limit=2&placed_after=2020-01-01T00:00:00Z"):
        path = f"/customers/{LISTED}/orders?{query}"
        cursor = caller.get(path).json["next_cursor"]
        following = caller.get(f"{path}&cursor={cursor}").json["orders"]
        found[query] = {"cursor": cursor, "next": [order["order_id"] for order in following]}
    return {"customer_id": LISTED, "items": [stage.item(order_id) for order_id in order_ids], "lists": found}


def _key(name: str) -> str:
    return f"key-of-{name}".replace(" ", "-")


def _id(message: dict[str, Any], order_id: str) -> dict[str, str]:
    return {"customer_id": message["customer_id"], "key": message["key"], "order_id": order_id}


def _item(release: Release, stage: Stage, order_id: str) -> dict[str, Any]:
    answer = release.api(**SERVICE).get(f"/orders/{order_id}")
    return {"item": stage.item(order_id), "status": answer.status, "shown": answer.json}


def _records(records: list[dict[str, Any]], stage: Stage, names: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records:
        order_id, version = (record["dynamodb"]["NewImage"][name] for name in ("order_id", "version"))
        if order_id["S"] in names:
            event = stage.events[f"{order_id['S']}.{version['N']}"]
            found[f"{names[order_id['S']]}, version {version['N']}"] = {"record": record, "event": event}
    return found


def write(release: str) -> None:
    """Run the kept code of a release, and write its golden files."""
    with tempfile.TemporaryDirectory() as name, running_engine(Path(name) / "engine") as engine_url:
        directory = Path(name)
        stage = Stage.create(engine_url, STAGE, secret=SECRET)
        with stage.release(release, stored_tree(release, directory), directory / "log") as running:
            files = written_by(running, stage)
    folder = STORED / release
    folder.mkdir()
    for kind, content in files.items():
        lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items()]
        (folder / f"{kind}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("release", help="its number, as in 0.2.0")
    parser.add_argument("--commit", default="HEAD", help="the commit that was released")
    arguments = parser.parse_args()
    if (STORED / arguments.release).exists():
        parser.error(f"{arguments.release} has its golden files, which are never changed")
    archive(arguments.release, arguments.commit)
    write(arguments.release)
    return 0


if __name__ == "__main__":
    sys.exit(main())
