"""The rate at which an operator's command sends."""

import threading
from concurrent.futures import ThreadPoolExecutor

from ordersctl.operate.send import RateLimit


def test_threads_that_wait_for_their_turn_stop_when_the_command_ends() -> None:
    limit, begun = RateLimit(0.001), threading.Barrier(3)

    def wait() -> bool:
        begun.wait(10)
        return limit.wait()

    assert limit.wait()
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(wait) for _ in range(2)]  # a thousand seconds, and two thousand
        begun.wait(10)
        limit.end()
        assert [each.result(10) for each in waiting] == [False, False]
