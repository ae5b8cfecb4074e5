"""Polling an event source over and over, as Lambda's pollers do."""

import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.local.event_sources.invocation import Report
from ordersctl.shared.switches import State, Switches

PAUSE_SECONDS = 1.0
_SWITCH_SECONDS = 0.1


def poll_forever(step: Callable[[], object], report: Report) -> None:
    """Repeat a step; while the engine does not answer, say so once and try again after a pause."""
    unreachable = False
    while True:
        try:
            step()
            unreachable = False
        except (BotoCoreError, ClientError) as error:
            if not unreachable:
                report(f"the engine does not answer, trying again: {error}")
            unreachable = True
            time.sleep(PAUSE_SECONDS)  # the only way to learn that the engine is back is to try again


class Switched:
    """Steps of one processor, publisher or consumer, which do nothing while its switch says paused.

    A batch that a handler has begun is finished. Each change is reported once, however many the steps are.
    """

    def __init__(self, name: str, switches: Switches, report: Report) -> None:
        self._name = name
        self._switches = switches
        self._report = report
        self._reported = State.RUNNING

    def step(self, step: Callable[[], object]) -> Callable[[], object]:
        """Return a step that does what `step` does unless it is paused."""

        def unless_paused() -> None:
            if self.is_paused():
                time.sleep(_SWITCH_SECONDS)  # the switch is a file: it can only be looked at
            else:
                step()

        return unless_paused

    def is_paused(self) -> bool:
        return self.state() == State.PAUSED

    def state(self) -> State:
        state = self._switches.state(self._name)
        if state != self._reported:
            self._reported = state
            self._report(f"{self._name} {_SAID[state]}")
        return state


_SAID = {
    State.RUNNING: "runs again",
    State.PAUSED: "is paused: what it would handle waits",
    State.FAILING: "fails each message that it receives, until it is resumed",
}
