"""Steps of a poller that its switch pauses."""

from functools import partial
from pathlib import Path

from ordersctl.local.event_sources.polling import Switched
from ordersctl.shared.switches import State, Switches


def test_a_paused_step_does_nothing_until_it_is_resumed_and_each_change_is_reported_once(tmp_path: Path) -> None:
    done: list[str] = []
    reported: list[str] = []
    switched = Switched("processor", Switches(tmp_path), reported.append)
    steps = [switched.step(partial(done.append, name)) for name in ("a", "b")]
    steps[0]()
    Switches(tmp_path).set("processor", State.PAUSED)
    for step in steps:
        step()
    Switches(tmp_path).set("processor", State.RUNNING)
    for step in steps:
        step()
    assert done == ["a", "a", "b"]
    assert reported == ["processor is paused: what it would handle waits", "processor runs again"]


def test_the_switch_of_another_pauses_nothing(tmp_path: Path) -> None:
    done: list[str] = []
    Switches(tmp_path).set("publisher", State.PAUSED)
    Switched("processor", Switches(tmp_path), print).step(lambda: done.append("a"))()
    assert done == ["a"]
