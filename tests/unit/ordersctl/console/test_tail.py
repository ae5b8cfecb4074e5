"""New lines of log files that grow, begin anew, and hold more than lines of ours."""

from pathlib import Path

from ordersctl.console.tail import Tail


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
