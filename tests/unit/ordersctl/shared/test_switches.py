"""The switches of the local run: a file that the run reads, and that a person may have written into."""

from pathlib import Path

import pytest

from ordersctl.shared.switches import State, Switches


def test_a_state_is_seen_by_who_asked_before(tmp_path: Path) -> None:
    reader = Switches(tmp_path)
    assert reader.state("invoicing") == State.RUNNING
    Switches(tmp_path).set("invoicing", State.PAUSED)
    assert reader.state("invoicing") == State.PAUSED
    Switches(tmp_path).set("processor", State.PAUSED)
    assert list(reader.halted()) == ["processor", "invoicing"]
    Switches(tmp_path).set("invoicing", State.RUNNING)
    assert list(reader.halted()) == ["processor"]


def test_a_new_run_keeps_what_is_paused_and_forgets_which_consumers_were_started(tmp_path: Path) -> None:
    Switches(tmp_path).set("inventory", State.RUNNING)
    Switches(tmp_path).set("invoicing", State.FAILING)
    Switches(tmp_path).begin()
    assert Switches(tmp_path).all() == {"invoicing": State.FAILING}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"nobody": "paused", "processor": "perhaps", "publisher": 1}'])
def test_a_file_that_says_nothing_pauses_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "switches.json").write_text(text)
    assert Switches(tmp_path).all() == {}
