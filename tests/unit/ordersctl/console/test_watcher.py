"""What a viewer reads when the queues do not answer."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

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


async def _until(messages: Any, words: str) -> None:
    async for message in messages:
        if words in message:
            return
