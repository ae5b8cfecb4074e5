"""What a viewer reads when the queues do not answer."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ordersctl.console.acts import Acts
from ordersctl.console.flow import Row
from ordersctl.console.watcher import Watcher
from ordersctl.shared.stage import Stage


class HangingStage:
    """A stage whose engine is stopped, not gone: it accepts every question, and answers none until it goes on."""

    gauge_seconds = 0.01
    window_seconds = 300
    first_rows: list[Row] | None = None

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.gauges: Any = self

    def read(self) -> dict[str, Any]:
        self.goes_on.wait(30)
        return {"at": 0.0, "live": [], "dead": [], "groups": [], "states": {}}

    def lines(self) -> Iterator[Any]:
        return iter(())

    def rows(self) -> None:
        return None

    def close(self) -> None:
        pass


def test_queues_that_do_not_answer_are_named_and_forgiven_when_they_answer_again() -> None:
    asyncio.run(_told_and_forgiven())


async def _told_and_forgiven() -> None:
    stage = Stage.at("local")
    hanging = HangingStage()
    watcher = Watcher(hanging, Acts(stage, None, allowed=True))
    watching = asyncio.create_task(watcher.run())
    messages = watcher.messages({})
    try:
        async with asyncio.timeout(20):
            await _until(messages, "no answer for more than")
            hanging.goes_on.set()
            await _until(messages, '"error":null')
    finally:
        hanging.goes_on.set()
        watching.cancel()


class HostileStage(HangingStage):
    """A stage whose queues or metrics hold what no program can read, for the first looks."""

    def __init__(self, part: str, *errors: Exception) -> None:
        super().__init__()
        self.goes_on.set()
        self._part, self._errors = part, list(errors)

    def read(self) -> dict[str, Any]:
        self._look_at("queues")
        return super().read()

    def rows(self) -> None:
        self._look_at("metrics")

    def _look_at(self, part: str) -> None:
        if part == self._part and self._errors:
            raise self._errors.pop(0)


@pytest.mark.parametrize("part", ["queues", "metrics"])
def test_any_error_of_a_look_is_shown_and_the_console_goes_on(part: str) -> None:
    asyncio.run(_shown_and_gone_on(part))


async def _shown_and_gone_on(part: str) -> None:
    hostile = HostileStage(part, RecursionError("too deep"), AssertionError("no order"))
    watcher = Watcher(hostile, Acts(Stage.at("local"), None, allowed=True))
    watching = asyncio.create_task(watcher.run())
    messages = watcher.messages({})
    try:
        async with asyncio.timeout(20):
            for words in ('"error":"RecursionError: too deep"', '"error":"AssertionError: no order"', '"error":null'):
                await _until(messages, words)
        assert not watching.done()
    finally:
        watching.cancel()


async def _until(messages: Any, words: str) -> None:
    async for message in messages:
        if words in message:
            return
