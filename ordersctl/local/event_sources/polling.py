"""Polling an event source over and over, as Lambda's pollers do."""

import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.local.event_sources.invocation import Report

PAUSE_SECONDS = 1.0


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
