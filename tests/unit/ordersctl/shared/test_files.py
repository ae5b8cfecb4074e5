"""Files are written whole even if the process is killed, and private files are readable by their owner only."""

from pathlib import Path

from ordersctl.shared.files import open_private, write_atomically


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for text in ("first", "second"):
        write_atomically(path, text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_that_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, "first")
    with path.open() as reader:
        write_atomically(path, "second")
        assert reader.read() == "first"


def test_a_private_file_is_its_owners_alone_even_if_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.touch(0o644)
    with open_private(path, "a") as file:
        file.write("what a customer sent")
        assert path.stat().st_mode & 0o777 == 0o600
