"""New lines of log files that grow, begin anew, and hold more than lines of ours."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ordersctl.console import flow
from ordersctl.console.sources import LocalSource
from ordersctl.console.tail import Tail
from ordersctl.shared.stage import Stage


def events(tail: Tail) -> list[tuple[str, object]]:
    return [(where, line["event"]) for where, line in tail.lines()]


def test_each_whole_line_is_read_once(tmp_path: Path) -> None:
    tail, log = Tail(tmp_path), tmp_path / "api.log"
    log.write_text('{"event": "a"}\n{"event": "b"')
    assert events(tail) == [("api", "a")]
    with log.open("a") as file:
        file.write('}\n{"event": "c"}\n')
    assert events(tail) == [("api", "b"), ("api", "c")]
    assert events(tail) == []


def test_a_file_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail, log = Tail(tmp_path), tmp_path / "api.log"
    log.write_text('{"event": "before"}\n')
    assert events(tail) == [("api", "before")]
    log.write_text('{"event": "b"}\n')
    assert events(tail) == [("api", "b")]
    beside = tmp_path / "new"
    beside.write_text('{"event": "another file"}\n')
    beside.replace(log)
    assert events(tail) == [("api", "another file")]


def test_other_lines_are_left_out(tmp_path: Path) -> None:
    deep = '{"event": ' + "[" * 100_000 + "\n"
    (tmp_path / "api.log").write_bytes(b'Serving on\n{"half\n[1]\n\xff\xfe\n' + deep.encode() + b'{"event": "a"}\n')
    assert events(Tail(tmp_path)) == [("api", "a")]


def test_beside_a_run_of_hours_the_newest_orders_have_all_their_hops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERS_STATE_DIR", str(tmp_path))
    began, orders = datetime(2026, 11, 28, tzinfo=UTC), flow.KEPT_ORDERS * 2
    (tmp_path / "logs").mkdir()
    for name, event in (("api", "order.accepted"), ("handlers", "order.placed")):
        with (tmp_path / "logs" / f"{name}.log").open("w") as log:
            for number in range(orders):
                at = (began + timedelta(seconds=number)).isoformat()
                log.write(json.dumps({"time": at, "event": event, "order_id": f"ord_{number}"}) + "\n")
    watched = flow.Flow()
    for where, line in LocalSource(Stage.at("local")).lines():
        watched.take(where, line)
    (newest,) = watched.changed(0, 1)
    assert (newest["id"], [hop[1] for hop in newest["hops"]]) == (f"ord_{orders - 1}", ["accepted", "placed"])
    (last,) = watched.rows(0, now=began.timestamp() + orders)[-1:]
    assert last[1:3] == [1, 1]
